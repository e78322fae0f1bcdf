// sequential_map: what it promises beside the interface of std::unordered_map. Random scripts against that: tests/property.
#include <tandem/cell/sequential_map.hpp>
#include <tandem/hash.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

template <class Key, class T, class Hash = tandem::hash<Key>, class Equal = tandem::equal_to<Key>,
          class Allocator = std::allocator<std::pair<const Key, T>>>
using map_of = tandem::cell::sequential_map<Key, T, Hash, Equal, Allocator>;

template <class Key, class T>
using counted_map = map_of<Key, T, tandem::hash<Key>, std::equal_to<Key>, budget_allocator<std::pair<const Key, T>>>;
using int_map = map_of<int, int>;

static_assert(std::forward_iterator<int_map::iterator>);
static_assert(std::forward_iterator<int_map::const_iterator>);
static_assert(std::is_convertible_v<int_map::iterator, int_map::const_iterator>);
static_assert(!std::is_convertible_v<int_map::const_iterator, int_map::iterator>);
static_assert(std::is_same_v<decltype(*std::declval<const int_map&>().begin()), const std::pair<const int, int>&>);
static_assert(std::is_nothrow_move_constructible_v<int_map> && std::is_nothrow_move_assignable_v<int_map>);
static_assert(int_map::inserts_strongly);

// key * 10 as the value.
template <class Map>
Map filled(int n) {
  Map m;
  for (int i = 0; i != n; ++i) m.try_emplace(i, 10 * i);
  return m;
}

int number(int n) { return n; }
template <bool ThrowingMove>
int number(const basic_tracked<ThrowingMove>& t) {
  return t.key();
}

// What iteration sees; an element that it sees twice, or that is not found, leaves one with a negative key.
template <class Map>
std::map<int, int> contents(const Map& m) {
  std::map<int, int> result;
  std::size_t steps = 0;
  for (auto const& [key, value] : m) {
    ++steps;
    if (!result.emplace(number(key), number(value)).second) result[-1] = number(key);
    auto const found = m.find(key);
    if (found == m.end() || &found->second != &value) result[-2] = number(key);
  }
  if (steps != m.size() || m.empty() != (steps == 0)) result[-3] = static_cast<int>(steps);
  return result;
}
std::map<int, int> tens(int n, int step = 1) {
  std::map<int, int> result;
  for (int i = 0; i < n; i += step) result[i] = 10 * i;
  return result;
}

template <class Map>
auto addresses(const Map& m) {
  std::map<int, const void*> result;
  for (auto const& x : m) result[number(x.first)] = std::addressof(x);
  return result;
}

template <std::size_t Size>
struct sized {
  sized(int n = 0) : value(n) {}  // NOLINT: implicit on purpose
  int value;
  std::array<char, Size> rest{};
};
template <std::size_t Size>
int number(const sized<Size>& s) {
  return s.value;
}

}  // namespace

TEST_CASE("sequential_map: one that holds nothing owns nothing", "[sequential_map]") {
  using map = counted_map<int, int>;
  auto const before = map::allocator_type::account().allocations.load();
  map m;
  map const sized_for_none(0);
  CHECK(m.size() == 0);
  CHECK(m.empty());
  CHECK(m.bucket_count() == 0);
  CHECK(m.load_factor() == 0);
  CHECK(m.begin() == m.end());
  CHECK(std::as_const(m).begin() == m.end());
  CHECK(m.find(1) == m.end());
  CHECK_FALSE(m.contains(1));
  CHECK(m.count(1) == 0);
  CHECK(m.erase(1) == 0);
  m.prefetch(1);
  m.clear();
  m.rehash(0);
  m.shrink_to_fit();
  m.reserve(0);
  map copy(m);
  map moved(std::move(m));
  copy = moved;
  copy = std::move(moved);
  swap(copy, moved);
  CHECK(contents(copy).empty());
  CHECK(map::allocator_type::account().allocations.load() == before);
}

TEST_CASE("sequential_map: each form of insertion says what it found", "[sequential_map]") {
  map_of<std::string, std::string> m;
  auto const check = [&](auto const& result, bool is_new, std::string_view key, std::string_view value) {
    CHECK(result.second == is_new);
    REQUIRE(result.first != m.end());
    CHECK(result.first->first == key);
    CHECK(result.first->second == value);
    CHECK(m.find(key) == result.first);
  };
  check(m.try_emplace("a", "1"), true, "a", "1");
  check(m.try_emplace("a", "2"), false, "a", "1");
  check(m.try_emplace("b", std::size_t{3}, 'x'), true, "b", "xxx");
  check(m.try_emplace("c"), true, "c", "");
  std::pair<const std::string, std::string> const element("d", "4");
  check(m.insert(element), true, "d", "4");
  check(m.insert(element), false, "d", "4");
  check(m.insert({"e", "5"}), true, "e", "5");
  check(m.insert({"e", "6"}), false, "e", "5");
  check(m.emplace("f", "6"), true, "f", "6");
  check(m.emplace(std::string("f"), "7"), false, "f", "6");
  check(m.emplace(std::string("g"), std::string("7")), true, "g", "7");
  check(m.insert_or_assign("g", "8"), false, "g", "8");
  check(m.insert_or_assign("h", "9"), true, "h", "9");
  CHECK(m.size() == 8);
}

TEST_CASE("sequential_map: a key that is there leaves the arguments alone", "[sequential_map]") {
  map_of<std::string, std::unique_ptr<int>> m;
  std::string key(50, 'k');
  auto value = std::make_unique<int>(1);
  CHECK(m.try_emplace(key, std::move(value)).second);
  CHECK(value == nullptr);  // NOLINT
  value = std::make_unique<int>(2);
  CHECK_FALSE(m.try_emplace(std::move(key), std::move(value)).second);
  CHECK(key == std::string(50, 'k'));  // NOLINT
  REQUIRE(value != nullptr);           // NOLINT
  CHECK_FALSE(m.emplace(std::move(key), std::move(value)).second);
  CHECK(key == std::string(50, 'k'));  // NOLINT
  REQUIRE(value != nullptr);           // NOLINT
  CHECK_FALSE(m.insert_or_assign(std::move(key), std::move(value)).second);
  CHECK(value == nullptr);  // NOLINT
  CHECK(*m.find(std::string(50, 'k'))->second == 2);
}

TEST_CASE("sequential_map: strings are looked up by views and literals", "[sequential_map]") {
  map_of<std::string, int> m;
  for (int i = 0; i != 100; ++i) m.try_emplace(std::to_string(i), i);
  CHECK(m.find("17")->second == 17);
  CHECK(std::as_const(m).find(std::string_view("18"))->second == 18);
  CHECK(m.contains("99"));
  CHECK(m.count(std::string_view("100")) == 0);
  CHECK(m.erase("17") == 1);
  CHECK(m.erase(std::string_view("17")) == 0);
  CHECK(m.size() == 99);
}

namespace {

struct counting_hash {
  static inline int calls = 0;
  std::size_t operator()(int k) const {
    ++calls;
    return tandem::hash<int>{}(k);
  }
};

}  // namespace

// g++ 12 clears the place of an empty member when it is value-initialized, also where that place is another member's.
TEST_CASE("sequential_map: functions may have empty members and bases", "[sequential_map]") {
  struct nothing {};
  struct nested_hash {
    nested_hash() = default;
    explicit nested_hash(nothing n) : inside(n) {}
    std::size_t operator()(int k) const { return static_cast<std::size_t>(k); }
    [[no_unique_address]] nothing inside;
  };
  struct derived_equal : nothing {
    derived_equal() = default;
    bool operator()(int a, int b) const { return a == b; }
  };
  CHECK(contents(filled<map_of<int, int, nested_hash, derived_equal>>(100)) == tens(100));
  CHECK(contents(filled<map_of<int, int, std::hash<int>, derived_equal>>(100)) == tens(100));
  using keyed_hash = tandem::detail::keyed_hash<int, tandem::hash<int>>;
  using keyed_equal = tandem::detail::keyed_equal<int, std::equal_to<int>>;
  map_of<int, int, keyed_hash, keyed_equal> m;
  CHECK(contents(m).empty());
  for (int i = 0; i != 100; ++i) m.try_emplace(i, 10 * i);
  CHECK(contents(m) == tens(100));
}

TEST_CASE("sequential_map: a key whose hash is known is not hashed again", "[sequential_map]") {
  using tandem::detail::prehashed;
  using hash = tandem::detail::keyed_hash<int, counting_hash>;
  using equal = tandem::detail::keyed_equal<int, std::equal_to<int>>;
  map_of<int, int, hash, equal> m(0, hash(), equal());
  for (int i = 0; i != 20; ++i) m.try_emplace(i, 10 * i);
  for (int key : {7, 400}) {
    prehashed<int> const k{key, m.hash_function()(key)};
    counting_hash::calls = 0;
    m.prefetch(k);
    CHECK((m.find(k) != m.end()) == (key == 7));
    CHECK((std::as_const(m).find(k) != m.end()) == (key == 7));
    CHECK(m.contains(k) == (key == 7));
    auto const result = m.try_emplace_hashed(k.hash, key, 70);
    CHECK(result.second == (key == 400));
    CHECK(result.first->second == 70);
    CHECK(m.find(k) == result.first);
    CHECK(counting_hash::calls == 0);
    CHECK(m.find(key) == result.first);
    CHECK(counting_hash::calls == 1);
    CHECK(m.erase(k) == 1);
    CHECK_FALSE(m.contains(key));
  }
}

TEST_CASE("sequential_map: erase of an iterator leaves every other element where it is, and goes on",
          "[sequential_map]") {
  // Sizes at which the table is at rest, full, and in the middle of a move to a larger one.
  int const n = GENERATE(1, 5, 32, 33, 200, 256, 257, 258, 260, 1024, 1025, 1030, 2000);
  CAPTURE(n);
  auto m = filled<map_of<tracked, int, std::hash<tracked>, std::equal_to<tracked>>>(n);
  auto const before = addresses(m);
  auto const buckets = m.bucket_count();
  tracked::totals().reset();
  auto left = before;
  int visited = 0;
  for (auto it = m.begin(); it != m.end();) {
    ++visited;
    int const key = it->first.key();
    if (key % 3 == 0) {
      ++it;
    } else {
      it = m.erase(it);
      left.erase(key);
    }
  }
  CHECK(visited == n);
  CHECK(addresses(m) == left);
  CHECK(contents(m) == tens(n, 3));
  CHECK(tracked::totals().moves.load() == 0);
  CHECK(tracked::totals().copies.load() == 0);
  CHECK(tracked::live() == static_cast<int>(m.size()));
  for (decltype(m)::const_iterator it = m.begin(); it != m.end();) it = m.erase(it);
  CHECK(m.empty());
  CHECK(m.begin() == m.end());
  CHECK(m.bucket_count() == buckets);
  CHECK(tracked::live() == 0);
}

TEST_CASE("sequential_map: iteration meets each element once, also in the middle of a move", "[sequential_map]") {
  using map = map_of<tracked, int, std::hash<tracked>, std::equal_to<tracked>>;
  map m;
  int in_the_middle = 0;
  std::size_t buckets = 0;
  auto const observe = [&] {
    // It goes on moving after the call that began it.
    in_the_middle += tracked::totals().moves.load() > 3 && m.bucket_count() == buckets;
    buckets = m.bucket_count();
    tracked::totals().reset();
  };
  tracked::totals().reset();
  bool all = true;
  for (int i = 0; i != 600; ++i) {
    m.try_emplace(i, 10 * i);
    observe();
    all = contents(m) == tens(i + 1) && all;
    tracked::totals().reset();
  }
  CHECK(all);
  CHECK(in_the_middle > 5);
  in_the_middle = 0;
  for (int i = 600; i-- != 0;) {
    m.erase(i);
    observe();
    all = contents(m) == tens(i) && all;
    tracked::totals().reset();
  }
  CHECK(all);
  CHECK(in_the_middle > 2);
  CHECK(tracked::corrupt() == 0);
  CHECK(tracked::live() == 0);
}

TEST_CASE("sequential_map: a call moves a few cells, not the table", "[sequential_map]") {
  using map = map_of<tracked, int, std::hash<tracked>, std::equal_to<tracked>>;
  map m;
  constexpr int n = 20'000;
  std::int64_t most = 0;
  std::int64_t total = 0;
  std::size_t largest = 0;
  auto const observe = [&](int i, auto change) {
    tracked key(i);
    auto const before = tracked::totals().moves.load();
    change(std::move(key));
    auto const moves = tracked::totals().moves.load() - before;
    most = std::max(most, moves);
    total += moves;
    largest = std::max(largest, m.bucket_count());
  };
  for (int i = 0; i != n; ++i) observe(i, [&](tracked&& k) { m.try_emplace(std::move(k), i); });
  CHECK(total > n);
  CHECK(most < 300);
  CHECK(m.bucket_count() >= n);
  CHECK(m.load_factor() <= 1);
  CHECK(m.load_factor() > 0.2F);
  total = 0;
  for (int i = 0; i != n; ++i) observe(i, [&](tracked&& k) { m.erase(k); });
  CHECK(total > 0);
  CHECK(most < 300);
  CHECK(m.empty());
  CHECK(m.bucket_count() <= largest / 16);
}

TEST_CASE("sequential_map: reserve, rehash and shrink_to_fit set the size of the table", "[sequential_map]") {
  using map = counted_map<int, int>;
  REQUIRE(map::allocator_type::account().balanced());
  {
    auto m = filled<map>(1000);
    auto const few = m.bucket_count();
    m.reserve(few);
    CHECK(m.bucket_count() == few);
    m.reserve(4 * few);
    auto const more = m.bucket_count();
    CHECK(more >= 4 * few);
    CHECK(contents(m) == tens(1000));
    for (int i = 1000; i != static_cast<int>(more); ++i) m.try_emplace(i, 10 * i);
    CHECK(m.bucket_count() == more);
    CHECK(m.load_factor() == 1);
    for (int i = 1000; i != static_cast<int>(more); ++i) m.erase(m.find(i));
    m.reserve(10);
    CHECK(m.bucket_count() == more);
    m.shrink_to_fit();
    CHECK(m.bucket_count() < more);
    CHECK(m.bucket_count() >= m.size());
    CHECK(contents(m) == tens(1000));
    m.rehash(5000);
    CHECK(m.bucket_count() >= 5000);
    m.rehash(1);
    CHECK(m.bucket_count() >= 1000);
    CHECK(m.bucket_count() < 5000);
    CHECK(contents(m) == tens(1000));
    m.clear();
    CHECK(m.bucket_count() > 0);
    CHECK(contents(m).empty());
    m.rehash(0);
    CHECK(m.bucket_count() == 0);
    CHECK(map::allocator_type::account().balanced());
    m.try_emplace(1, 10);
    CHECK(m.find(1)->second == 10);
    CHECK_THROWS_AS(m.reserve(m.max_size() + 1), std::bad_alloc);
    CHECK_THROWS_AS(m.rehash(static_cast<std::size_t>(-1)), std::bad_alloc);
    CHECK(m.find(1)->second == 10);
    map sized(500);
    auto const room = sized.bucket_count();
    CHECK(room >= 500);
    CHECK(sized.empty());
    for (int i = 0; i != static_cast<int>(room); ++i) sized.try_emplace(i, 10 * i);
    CHECK(sized.bucket_count() == room);
    CHECK(contents(sized) == tens(static_cast<int>(room)));
  }
  CHECK(map::allocator_type::account().balanced());
}

TEST_CASE("sequential_map: copies, moves and swaps, at rest and in the middle of a move", "[sequential_map]") {
  using allocator = budget_allocator<std::pair<const tracked, tracked>>;
  using map = map_of<tracked, tracked, std::hash<tracked>, std::equal_to<tracked>, allocator>;
  int const n = GENERATE(0, 3, 33, 257, 1025, 1026);
  CAPTURE(n);
  REQUIRE(allocator::account().balanced());
  {
    auto m = filled<map>(n);
    map copy(m);
    CHECK(contents(copy) == tens(n));
    copy.try_emplace(-5, 1);
    copy.erase(0);
    CHECK(contents(m) == tens(n));
    auto const where = addresses(m);
    map moved(std::move(m));
    CHECK(addresses(moved) == where);
    CHECK(contents(m).empty());  // NOLINT
    CHECK(m.bucket_count() == 0);
    m.try_emplace(1, 10);
    m = moved;
    CHECK(contents(m) == tens(n));
    m = std::move(moved);
    CHECK(addresses(m) == where);
    CHECK(contents(moved).empty());  // NOLINT
    moved.try_emplace(0, 0);
    swap(m, moved);
    CHECK(contents(m) == tens(1));
    CHECK(addresses(moved) == where);
    auto& self = moved;
    moved = self;
    CHECK(addresses(moved) == where);
    moved = std::move(self);
    CHECK(contents(moved) == tens(n));
    moved.clear();
    CHECK(contents(moved).empty());
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
  CHECK(allocator::account().balanced());
}

namespace {

struct modulo_hash {
  explicit modulo_hash(int n) : modulus(n) {}
  std::size_t operator()(int k) const { return static_cast<std::size_t>(k % modulus); }
  int modulus;
};
struct modulo_equal {
  explicit modulo_equal(int n) : modulus(n) {}
  bool operator()(int a, int b) const { return a % modulus == b % modulus; }
  int modulus;
};

}  // namespace

TEST_CASE("sequential_map: hash and equality have a state, which goes where the elements go", "[sequential_map]") {
  using map = map_of<int, int, modulo_hash, modulo_equal>;
  auto const filled_modulo = [](int n) {
    map m(100, modulo_hash(n), modulo_equal(n));
    CHECK(m.bucket_count() >= 100);
    for (int i = 0; i != 100; ++i) m.try_emplace(i, i);
    return m;
  };
  auto const is_modulo = [](const map& m, int n) {
    return m.hash_function().modulus == n && m.key_eq().modulus == n && m.size() == static_cast<std::size_t>(n) &&
           m.find(n + 3) != m.end() && m.find(n + 3)->second == 3;
  };
  map a = filled_modulo(7);
  map b = filled_modulo(5);
  CHECK(is_modulo(a, 7));
  swap(a, b);
  CHECK(is_modulo(a, 5));
  CHECK(is_modulo(b, 7));
  map c(b);
  CHECK(is_modulo(c, 7));
  c = a;
  CHECK(is_modulo(c, 5));
  CHECK(is_modulo(a, 5));
  c = std::move(b);
  CHECK(is_modulo(c, 7));
  map const d(std::move(c));
  CHECK(is_modulo(d, 7));
}

TEMPLATE_TEST_CASE("sequential_map: every block goes back to the allocator that it is from", "[sequential_map]",
                   std::false_type, std::true_type) {
  constexpr bool moves = TestType::value;
  using allocator = account_allocator<std::pair<const tracked, tracked>, moves>;
  using map = map_of<tracked, tracked, std::hash<tracked>, std::equal_to<tracked>, allocator>;
  memory_account first;
  memory_account second;
  {
    allocator const one(first);
    allocator const two(second);
    auto const filled_by = [](const allocator& from, int n) {
      map m(from);
      for (int i = 0; i != n; ++i) m.try_emplace(i, 10 * i);
      return m;
    };
    map a = filled_by(one, 300);
    CHECK(a.get_allocator() == one);
    CHECK(second.balanced());
    map copy(a);
    CHECK(copy.get_allocator() == one);
    map elsewhere(a, two);
    CHECK(elsewhere.get_allocator() == two);
    CHECK(contents(elsewhere) == tens(300));

    map b = filled_by(two, 40);
    a = b;
    CHECK(a.get_allocator() == (moves ? two : one));
    CHECK(contents(a) == tens(40));
    copy = std::move(b);
    CHECK(copy.get_allocator() == (moves ? two : one));
    CHECK(contents(copy) == tens(40));
    CHECK(contents(b).empty());  // NOLINT
    elsewhere = filled_by(two, 5);
    CHECK(contents(elsewhere) == tens(5));
    b = filled_by(two, 10);
    map c = filled_by(moves ? one : two, 20);
    swap(b, c);
    CHECK(contents(b) == tens(20));
    CHECK(contents(c) == tens(10));
    CHECK(b.get_allocator() == (moves ? one : two));
    CHECK(c.get_allocator() == two);
    map const d(std::move(c));
    CHECK(d.get_allocator() == two);
    c.try_emplace(0, 0);
    CHECK(contents(c) == tens(1));
  }
  CHECK(first.balanced());
  CHECK(second.balanced());
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

TEMPLATE_TEST_CASE("sequential_map: elements that are large, or whose moves may throw, stay in nodes of their own",
                   "[sequential_map]", tracked_throwing_move, sized<300>) {
  using map =
      map_of<int, TestType, tandem::hash<int>, std::equal_to<int>, budget_allocator<std::pair<const int, TestType>>>;
  auto& account = map::allocator_type::account();
  REQUIRE(account.balanced());
  {
    map m;
    std::map<int, const void*> expected;
    bool stays = true;
    for (int i = 0; i != 1000; ++i) {
      expected[i] = std::addressof(*m.try_emplace(i, 10 * i).first);
      if (i % 50 == 0) stays = addresses(m) == expected && stays;
    }
    CHECK(account.blocks.load() >= 1000);
    for (int i = 10; i != 1000; ++i) {
      m.erase(i);
      expected.erase(i);
    }
    CHECK(account.blocks.load() < 100);
    stays = addresses(m) == expected && stays;
    m.rehash(5000);
    m.shrink_to_fit();
    CHECK(addresses(m) == expected);
    CHECK(stays);
    CHECK(contents(m) == tens(10));
  }
  CHECK(account.balanced());
}

TEMPLATE_TEST_CASE("sequential_map: other elements have no allocation of their own", "[sequential_map]", int, tracked,
                   sized<200>) {
  using map =
      map_of<int, TestType, tandem::hash<int>, std::equal_to<int>, budget_allocator<std::pair<const int, TestType>>>;
  auto& account = map::allocator_type::account();
  REQUIRE(account.balanced());
  auto const before = account.allocations.load();
  {
    auto const m = filled<map>(1000);
    CHECK(account.blocks.load() < 200);
    CHECK(account.allocations.load() - before < 1000);
    CHECK(contents(m) == tens(1000));
  }
  CHECK(account.balanced());
}

namespace {

struct alignas(128) wide {
  explicit wide(int n) : number(n) {}
  bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % alignof(wide) == 0; }
  int number;
};

}  // namespace

TEST_CASE("sequential_map: over-aligned elements are aligned", "[sequential_map]") {
  map_of<int, wide> m;
  for (int i = 0; i != 300; ++i) m.try_emplace(i, i);
  int misaligned = 0;
  for (auto const& x : m) misaligned += !x.second.is_aligned();
  CHECK(misaligned == 0);
  CHECK(m.find(299)->second.number == 299);
}

TEST_CASE("sequential_map: keys and values may be move-only", "[sequential_map]") {
  struct pointer_hash {
    std::size_t operator()(const std::unique_ptr<int>& p) const { return static_cast<std::size_t>(*p); }
  };
  struct pointer_equal {
    bool operator()(const std::unique_ptr<int>& a, const std::unique_ptr<int>& b) const { return *a == *b; }
  };
  map_of<std::unique_ptr<int>, std::unique_ptr<int>, pointer_hash, pointer_equal> m;
  for (int i = 0; i != 500; ++i) CHECK(m.try_emplace(std::make_unique<int>(i), std::make_unique<int>(10 * i)).second);
  CHECK(*m.find(std::make_unique<int>(77))->second == 770);
  auto const moved = std::move(m);
  CHECK(moved.size() == 500);
  CHECK(*moved.find(std::make_unique<int>(499))->second == 4990);
}

TEST_CASE("sequential_map: iterators compare, convert and advance as forward iterators do", "[sequential_map]") {
  auto m = filled<int_map>(40);
  int_map::iterator a = m.begin();
  int_map::const_iterator b = a;
  CHECK(a == b);
  CHECK(a++ == m.begin());
  CHECK(a == std::next(m.begin()));
  CHECK_FALSE(a == b);
  CHECK(++b == a);
  CHECK(std::distance(m.begin(), m.end()) == 40);
  CHECK(int_map::iterator() == m.end());
  a->second = 77;
  CHECK(m.find(a->first)->second == 77);
  CHECK(std::count_if(m.begin(), m.end(), [](auto const& x) { return x.second != 10 * x.first; }) == 1);
}
