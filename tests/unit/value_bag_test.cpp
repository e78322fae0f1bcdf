// value_bag: forms and when they change, elements and their identity, ownership, and the two passes that evmap is built
// on.
#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/tracked.hpp"

#include <tandem/value_bag.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <memory>
#include <memory_resource>
#include <random>
#include <ranges>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace tandem::test;
using tandem::value_bag;
using tandem::value_bag_options;
using door = tandem::detail::bag_access;

namespace {

struct counted_memory : value_bag_options {
  using allocator = budget_allocator<std::byte>;
};
struct sharing : value_bag_options {
  using storage = tandem::shared_values;
  using allocator = budget_allocator<std::byte>;
};

struct no_equality {
  int n;
};
struct throwing_move {
  throwing_move(std::string v) : text(std::move(v)) {}  // NOLINT: implicit on purpose
  throwing_move(const throwing_move&) = default;
  throwing_move(throwing_move&& other) noexcept(false) : text(std::move(other.text)) {}
  ~throwing_move() = default;
  std::string text;
};
template <class Bag>
concept can_search = requires(Bag bag, typename Bag::value_type v) { bag.contains(v); } ||
                     requires(Bag bag, typename Bag::value_type v) { bag.count(v); } ||
                     requires(Bag bag, typename Bag::value_type v) { bag.erase(v); } ||
                     requires(Bag bag, typename Bag::value_type v) { bag.erase_one(v); };

struct alignas(128) wide {
  int n = 0;
  friend bool operator==(const wide&, const wide&) = default;
};

template <class Bag>
std::vector<int> ids(const Bag& bag) {
  std::vector<int> result;
  for (const auto& v : bag) result.push_back(v.id());
  return result;
}

template <class Bag>
std::vector<typename Bag::value_type> values(const Bag& bag) {
  return {bag.begin(), bag.end()};
}

template <class Bag>
Bag filled(int n) {
  Bag bag;
  for (int i = 0; i < n; ++i) bag.emplace(i);
  return bag;
}

// All memory and all tracked objects are back at the end of the test.
class no_leaks {
 public:
  ~no_leaks() {
    CHECK(budget_allocator<int>::account().balanced());
    CHECK(tracked::live() == live_);
    CHECK(tracked::corrupt() == corrupt_);
  }

 private:
  std::int64_t live_ = tracked::live();
  std::int64_t corrupt_ = tracked::corrupt();
};

}  // namespace

// ---- Forms

TEST_CASE("a bag of pointer-sized values is 16 bytes", "[value_bag]") {
  STATIC_REQUIRE(sizeof(value_bag<std::uint64_t>) == 16);
  STATIC_REQUIRE(sizeof(value_bag<std::uint64_t, counted_memory>) == 16);
  STATIC_REQUIRE(sizeof(value_bag<std::uint64_t, sharing>) == 16);
  STATIC_REQUIRE(sizeof(value_bag<std::string, sharing>) == 16);
  STATIC_REQUIRE(sizeof(value_bag<wide, sharing>) == 16);
  STATIC_REQUIRE(sizeof(value_bag<std::unique_ptr<int>, sharing>) == 16);
  STATIC_REQUIRE(sizeof(value_bag<throwing_move>) == 16);
  STATIC_REQUIRE(sizeof(value_bag<no_equality>) == 16);
}

namespace {
constinit value_bag<std::string> at_start_up;
}

TEST_CASE("an empty bag needs no memory and no code at start-up", "[value_bag]") {
  STATIC_REQUIRE(std::is_nothrow_default_constructible_v<value_bag<std::string>>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<value_bag<std::string>>);
  CHECK(at_start_up.empty());
  CHECK(at_start_up.begin() == at_start_up.end());

  const auto before = budget_allocator<int>::account().allocations.load();
  value_bag<int, counted_memory> bag;
  CHECK(bag.is_inline());
  CHECK(bag.size() == 0);
  CHECK(bag.find_first() == nullptr);
  CHECK_FALSE(bag.contains(1));
  CHECK_FALSE(bag.erase_one(1));
  bag.insert(1);  // and neither does one value
  CHECK(bag.is_inline());
  CHECK(bag.capacity() == 1);
  CHECK(bag.front() == 1);
  CHECK(bag.find_first() == &bag.front());
  CHECK(bag.contains(1));
  CHECK(budget_allocator<int>::account().allocations.load() == before);
}

TEST_CASE("a bag is hashed from 32 elements on and a vector again at 16", "[value_bag]") {
  const int distinct = GENERATE(1000, 10, 1);  // 10 and 1: with duplicates, which count as well
  value_bag<int> bag;
  std::multiset<int> model;
  auto check = [&] {
    REQUIRE(bag.size() == model.size());
    for (int k = 0; k < std::min(distinct, 40); ++k) REQUIRE(bag.count(k) == model.count(k));
  };
  for (int i = 0; i < 31; ++i) {
    bag.insert(i % distinct);
    model.insert(i % distinct);
    REQUIRE_FALSE(bag.is_hashed());
  }
  check();
  for (int turn = 0; turn < 3; ++turn) {
    while (bag.size() < 32) {
      REQUIRE_FALSE(bag.is_hashed());
      bag.insert(static_cast<int>(bag.size()) % distinct);
      model.insert(static_cast<int>(model.size()) % distinct);
    }
    REQUIRE(bag.is_hashed());
    check();
    while (bag.size() > 16) {
      REQUIRE(bag.is_hashed());
      const int v = *std::next(bag.begin(), static_cast<int>(bag.size() / 2));
      REQUIRE(bag.erase_one(v));
      model.erase(model.find(v));
    }
    REQUIRE_FALSE(bag.is_hashed());
    check();
  }
}

TEST_CASE("duplicates in a vector become one group when it is hashed", "[value_bag]") {
  value_bag<tracked> bag;
  for (int i = 0; i < 31; ++i) bag.emplace(i % 3, i);
  tracked::totals().reset();
  bag.emplace(1, 31);
  CHECK(bag.is_hashed());
  CHECK(tracked::totals().hashes == 32);    // each once
  CHECK(tracked::totals().compares == 29);  // all but the first of their kind, with that one
  CHECK(bag.count(0) == 11);
  CHECK(bag.count(1) == 11);
  CHECK(bag.count(2) == 10);
}

namespace {

struct early : value_bag_options {
  static constexpr std::size_t hashed_from = 2;
  static constexpr std::size_t vector_until = 0;
};

}  // namespace

TEST_CASE("limits come from the options", "[value_bag]") {
  value_bag<int, early> bag{7};
  CHECK(bag.is_inline());
  bag.insert(8);
  CHECK(bag.is_hashed());
  CHECK(bag.erase_one(7));
  CHECK(bag.is_hashed());
  const value_bag<int, early> copy = bag;
  CHECK(copy.is_hashed());
  CHECK(copy == bag);
  bag.shrink_to_fit();
  CHECK(bag.is_inline());
  CHECK(copy == bag);
  bag.insert(9);
  CHECK(bag.is_hashed());
  bag.clear();
  CHECK_FALSE(bag.is_hashed());
}

TEST_CASE("reserve grows the capacity and changes nothing else", "[value_bag]") {
  value_bag<int> bag{1, 2, 3};
  const auto start = bag.capacity();
  bag.reserve(2);
  CHECK(bag.capacity() == start);
  bag.reserve(100);
  CHECK(bag.capacity() == 100);
  CHECK_FALSE(bag.is_hashed());
  CHECK(values(bag) == std::vector{1, 2, 3});
  const int* const first = &bag.front();
  for (int i = 3; i < 100; ++i) bag.insert(i);
  CHECK(&bag.front() == first);
  CHECK(bag.is_hashed());
  bag.reserve(200);
  CHECK(bag.is_hashed());
  CHECK(bag.capacity() == 200);
  CHECK(bag.count(50) == 1);

  CHECK_THROWS_AS(bag.reserve(bag.max_size() + 1), std::length_error);
  CHECK(bag.size() == 100);

  value_bag<int> empty;
  empty.reserve(1);
  CHECK(empty.is_inline());
  empty.reserve(10);
  CHECK_FALSE(empty.is_inline());
}

TEST_CASE("clear keeps the capacity, assign does not", "[value_bag]") {
  const no_leaks guard;
  auto bag = filled<value_bag<tracked, counted_memory>>(40);
  const auto capacity = bag.capacity();
  bag.clear();
  CHECK(bag.empty());
  CHECK(bag.capacity() == capacity);
  CHECK_FALSE(bag.is_hashed());
  CHECK_FALSE(bag.contains(3));

  const auto allocations = budget_allocator<int>::account().allocations.load();
  for (int i = 0; i < 40; ++i) bag.emplace(i);
  CHECK(bag.is_hashed());
  CHECK(bag.count(39) == 1);
  CHECK(budget_allocator<int>::account().allocations.load() == allocations);  // the index's memory was kept, too

  bag.assign(tracked(7, 70));
  CHECK(bag.is_inline());
  CHECK(ids(bag) == std::vector{70});
  CHECK(budget_allocator<int>::account().balanced());
}

TEST_CASE("shrink_to_fit goes back to the smallest form that holds the content", "[value_bag]") {
  const no_leaks guard;
  const int n = GENERATE(0, 1, 2, 15, 16, 17, 25, 31, 32, 33, 64, 100);
  auto bag = filled<value_bag<tracked, counted_memory>>(120);
  bag.erase_if([n](const tracked& v) { return v.key() >= n; });
  REQUIRE(bag.size() == static_cast<std::size_t>(n));
  CHECK(bag.capacity() >= 120);
  CHECK(bag.is_hashed() == (n > 16));
  bag.shrink_to_fit();
  CHECK(bag.is_inline() == (n <= 1));
  CHECK(bag.is_hashed() == (n >= 32));
  CHECK(bag.capacity() == static_cast<std::size_t>(std::max(n, 1)));
  CHECK(bag.size() == static_cast<std::size_t>(n));
  for (int k = 0; k < 120; ++k) CHECK(bag.count(k) == (k < n ? 1 : 0));
  const auto allocations = budget_allocator<int>::account().allocations.load();
  bag.shrink_to_fit();
  CHECK(budget_allocator<int>::account().allocations.load() == allocations);
  for (int k = 0; k < 40; ++k) bag.emplace(k);
  CHECK(bag.is_hashed());
  CHECK(bag.count(0) == (n > 0 ? 2 : 1));
}

// ---- Elements

TEST_CASE("insert appends and erasing moves the last element into the hole", "[value_bag]") {
  value_bag<int> bag{1, 2, 3, 4};
  CHECK(*bag.insert(5) == 5);
  CHECK(values(bag) == std::vector{1, 2, 3, 4, 5});
  CHECK(bag.erase_one(2));
  CHECK(values(bag) == std::vector{1, 5, 3, 4});
  CHECK(bag.front() == 1);
  CHECK(bag.erase_if([](int v) { return v == 1 || v == 3; }) == 2);
  CHECK(values(bag) == std::vector{4, 5});
  CHECK_FALSE(bag.erase_one(9));
  CHECK(bag.erase(9) == 0);

  // The same in the hashed form.
  bag.clear();
  for (int i = 0; i < 40; ++i) bag.insert(i);
  REQUIRE(bag.is_hashed());
  CHECK(bag.erase_one(7));
  CHECK(*std::next(bag.begin(), 7) == 39);
}

TEST_CASE("equal elements stay distinct objects in every form", "[value_bag]") {
  const int n = GENERATE(1, 5, 31, 32, 100);
  value_bag<tracked> bag;
  for (int i = 0; i < n; ++i) bag.emplace(7, i);
  std::vector<int> expected(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) expected[static_cast<std::size_t>(i)] = i;
  CHECK(ids(bag) == expected);
  CHECK(bag.count(7) == static_cast<std::size_t>(n));

  // Whichever is erased, the others remain, each once.
  std::set<int> left(expected.begin(), expected.end());
  while (!left.empty()) {
    REQUIRE(bag.erase_one(7));
    const auto now = ids(bag);
    const std::set<int> distinct(now.begin(), now.end());
    REQUIRE(distinct.size() == now.size());
    REQUIRE(distinct.size() == left.size() - 1);
    REQUIRE(std::includes(left.begin(), left.end(), distinct.begin(), distinct.end()));
    left = distinct;
    REQUIRE(bag.count(7) == left.size());
  }
  CHECK_FALSE(bag.erase_one(7));
}

TEST_CASE("erase takes all equal elements, erase_one one", "[value_bag]") {
  const int n = GENERATE(6, 60);
  value_bag<tracked> bag;
  for (int i = 0; i < n; ++i) bag.emplace(i % 3, i);
  CHECK(bag.erase_one(1));
  CHECK(bag.count(1) == static_cast<std::size_t>(n / 3 - 1));
  CHECK(bag.erase(2) == static_cast<std::size_t>(n / 3));
  CHECK(bag.count(2) == 0);
  CHECK(bag.count(0) == static_cast<std::size_t>(n / 3));
  CHECK(bag.size() == static_cast<std::size_t>(2 * n / 3 - 1));
}

TEST_CASE("an element of the bag can be the argument", "[value_bag]") {
  for (const int n : {1, 4, 31, 32, 64}) {
    value_bag<std::string> bag;
    for (int i = 0; i < n; ++i) bag.insert("a string that is not in the small buffer " + std::to_string(i));
    const std::string first = bag.front();
    bag.insert(bag.front());  // may need a new block, at 1, 4, 32, 64
    CHECK(bag.count(first) == 2);
    CHECK(bag.erase(bag.front()) == 2);
    CHECK(bag.count(first) == 0);
    CHECK(bag.size() == static_cast<std::size_t>(n - 1));
    if (n > 1) CHECK(bag.erase_one(bag.front()));
  }
}

TEST_CASE("erase_if calls the predicate once per element, before anything goes", "[value_bag]") {
  auto bag = filled<value_bag<int>>(50);
  std::vector<int> seen;
  CHECK(erase_if(bag, [&](int v) {
          seen.push_back(v);
          CHECK(bag.size() == 50);
          return v % 2 == 0;
        }) == 25);
  CHECK(seen.size() == 50);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(std::ranges::all_of(bag, [](int v) { return v % 2 == 1; }));
  CHECK(bag.is_hashed());
  CHECK(bag.erase_if([](int) { return true; }) == 25);
  CHECK(bag.empty());
}

TEST_CASE("one hundred thousand equal elements come and go in linear time", "[value_bag]") {
  constexpr int n = 100'000;
  value_bag<tracked> bag;
  tracked::totals().reset();
  for (int i = 0; i < n; ++i) bag.emplace(7, i);
  // One comparison per insertion, with the representative of the group; none when the bag grows.
  CHECK(tracked::totals().compares <= n);
  CHECK(tracked::totals().hashes <= n + 31);

  tracked::totals().reset();
  CHECK(bag.count(7) == n);
  CHECK(bag.contains(7));
  CHECK(tracked::totals().compares == 2);

  tracked::totals().reset();
  for (int i = 0; i < n / 2; ++i) REQUIRE(bag.erase_one(7));
  CHECK(tracked::totals().compares == n / 2);
  CHECK(tracked::totals().hashes == n / 2);
  // Elements that a hole does not hit stay where they are: at most one moves per erasure.
  CHECK(tracked::totals().moves <= n / 2);

  tracked::totals().reset();
  CHECK(bag.erase_if([](const tracked& v) { return v.id() % 2 == 0; }) > 0);
  CHECK(tracked::totals().compares == 0);
  CHECK(bag.erase(7) > 0);
  CHECK(tracked::totals().compares == 1);
  CHECK(bag.empty());
}

TEST_CASE("growing, shrinking and copying a hashed bag call neither hash nor equality", "[value_bag]") {
  auto bag = filled<value_bag<tracked>>(100);
  tracked::totals().reset();
  bag.reserve(1000);
  value_bag<tracked> copy = bag;
  copy.shrink_to_fit();
  const value_bag<tracked> moved = std::move(bag);
  CHECK(tracked::totals().hashes == 0);
  CHECK(tracked::totals().compares == 0);
  CHECK(copy.is_hashed());
  CHECK(moved.is_hashed());
  CHECK(copy.count(99) == 1);
  CHECK(moved.count(99) == 1);
}

namespace {

struct constant_hash {
  std::size_t operator()(int) const noexcept { return 42; }
};
struct colliding : value_bag_options {
  using hasher = constant_hash;
};

}  // namespace

TEST_CASE("keys that collide in the hash are still told apart", "[value_bag]") {
  value_bag<int, colliding> bag;
  for (int i = 0; i < 120; ++i) bag.insert(i % 40);
  for (int i = 0; i < 40; ++i) CHECK(bag.count(i) == 3);
  for (int i = 0; i < 40; i += 2) CHECK(bag.erase(i) == 3);
  for (int i = 0; i < 40; ++i) CHECK(bag.count(i) == (i % 2 == 0 ? 0 : 3));
}

// ---- Types of values

TEST_CASE("values without equality can be kept and looked through", "[value_bag]") {
  value_bag<no_equality> bag;
  for (int i = 0; i < 100; ++i) bag.insert(no_equality{i});
  CHECK(bag.size() == 100);
  CHECK_FALSE(bag.is_hashed());
  CHECK(bag.erase_if([](const no_equality& v) { return v.n != 50; }) == 99);
  CHECK(bag.front().n == 50);
  STATIC_REQUIRE_FALSE(value_bag<no_equality>::is_searchable);
  STATIC_REQUIRE_FALSE(can_search<value_bag<no_equality>>);
  STATIC_REQUIRE(can_search<value_bag<wide>>);
  STATIC_REQUIRE_FALSE(std::equality_comparable<value_bag<no_equality>>);
}

TEST_CASE("values without a hash stay a vector at any size", "[value_bag]") {
  auto bag = value_bag<wide>();
  for (int i = 0; i < 100; ++i) bag.insert(wide{i % 10});
  CHECK_FALSE(bag.is_hashed());
  CHECK(bag.count(wide{3}) == 10);
  CHECK(bag.erase(wide{3}) == 10);
  CHECK(bag.erase_one(wide{4}));
  CHECK(bag.size() == 89);
  const auto all = values(bag);
  const value_bag<wide> backwards(all.rbegin(), all.rend());
  CHECK(backwards == bag);
}

TEMPLATE_TEST_CASE("over-aligned values are aligned in every form", "[value_bag]", value_bag_options, sharing) {
  value_bag<wide, TestType> bag;
  for (int i = 0; i < 40; ++i) {
    bag.insert(wide{i});
    for (const wide& v : bag) REQUIRE(reinterpret_cast<std::uintptr_t>(&v) % alignof(wide) == 0);
  }
}

TEMPLATE_TEST_CASE("move-only values can be kept", "[value_bag]", counted_memory, sharing) {
  const no_leaks guard;
  value_bag<std::unique_ptr<int>, TestType> bag;
  for (int i = 0; i < 40; ++i) bag.insert(std::make_unique<int>(i));
  CHECK(bag.is_hashed());
  const int* const last = std::next(bag.begin(), 39)->get();
  value_bag<std::unique_ptr<int>, TestType> taken = std::move(bag);
  CHECK(std::next(taken.begin(), 39)->get() == last);
  CHECK(taken.erase_if([](const std::unique_ptr<int>& p) { return *p < 39; }) == 39);
  CHECK(taken.front().get() == last);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<value_bag<std::unique_ptr<int>, TestType>>);
}

TEST_CASE("values whose move may throw are never moved", "[value_bag]") {
  const no_leaks guard;
  tracked::totals().reset();
  value_bag<tracked_throwing_move, counted_memory> bag;
  for (int i = 0; i < 100; ++i) bag.emplace(i, i);
  for (int i = 0; i < 50; ++i) bag.erase_one(tracked_throwing_move(2 * i));
  bag.shrink_to_fit();
  CHECK(tracked::totals().moves == 0);
  CHECK(tracked::totals().copies == 0);
  const auto copy = bag;
  CHECK(tracked::totals().copies == 50);
  CHECK(&copy.front() != &bag.front());
  CHECK(copy == bag);
}

TEST_CASE("bags made by sharing have their values in common, copies do not", "[value_bag]") {
  const no_leaks guard;
  for (const int n : {1, 10, 50}) {
    auto a = filled<value_bag<tracked, sharing>>(n);
    const tracked* const first = &a.front();
    const auto live = tracked::live();
    const auto b = tandem::detail::bag_access::share(a);
    CHECK(tracked::live() == live);
    CHECK(&b.front() == first);
    CHECK(b.is_hashed() == a.is_hashed());
    CHECK(a == b);
    {
      const auto c = a;
      CHECK(tracked::live() == 2 * live);
      CHECK(&c.front() != first);
      CHECK(a == c);
    }
    a.clear();
    CHECK(tracked::live() == live);
    CHECK(b.front().key() == 0);
    CHECK(b.size() == static_cast<std::size_t>(n));
  }
  // Small values are copied: reading them needs no second look into memory.
  STATIC_REQUIRE(std::is_same_v<value_bag<std::pair<int*, int*>, sharing>::element, std::pair<int*, int*>> ==
                 std::is_trivially_copyable_v<std::pair<int*, int*>>);
  STATIC_REQUIRE(std::is_same_v<value_bag<std::string_view, sharing>::element, std::string_view>);
  STATIC_REQUIRE_FALSE(std::is_same_v<value_bag<std::string, sharing>::element, std::string>);
}

TEST_CASE("strings are looked up by views and literals", "[value_bag]") {
  const int n = GENERATE(3, 40);
  value_bag<std::string> bag;
  for (int i = 0; i < n; ++i) bag.insert("value " + std::to_string(i));
  bag.insert("value 1");
  const std::string_view view = "value 1";
  CHECK(bag.contains(view));
  CHECK(bag.contains("value 1"));
  CHECK(bag.count(view) == 2);
  CHECK(bag.erase_one("value 1"));
  CHECK(bag.erase(view) == 1);
  CHECK_FALSE(bag.contains("value 1"));
}

// ---- Whole bags

TEST_CASE("bags can be made from lists and ranges", "[value_bag]") {
  const std::vector<int> v{3, 1, 3};
  CHECK(values(value_bag<int>{3, 1, 3}) == v);
  CHECK(values(value_bag<int>(v.begin(), v.end())) == v);
  CHECK(values(value_bag<int>(v)) == v);
  CHECK(values(value_bag<long>(std::list<short>{0, 1, 2})) == std::vector<long>{0, 1, 2});
  std::istringstream in("3 1 3");
  CHECK(values(value_bag<int>(std::istream_iterator<int>(in), std::istream_iterator<int>())) == v);
  const std::list<std::string> words{"x", "y"};
  value_bag<std::string> bag;
  bag.insert_range(words);
  bag.insert({"z"});
  bag.insert(words.begin(), words.end());
  CHECK(values(bag) == std::vector<std::string>{"x", "y", "z", "x", "y"});
  bag = {"only"};
  CHECK(values(bag) == std::vector<std::string>{"only"});
}

TEST_CASE("a bag is a forward range of constant values", "[value_bag]") {
  STATIC_REQUIRE(std::ranges::forward_range<const value_bag<std::string>>);
  STATIC_REQUIRE(std::ranges::sized_range<const value_bag<std::string>>);
  STATIC_REQUIRE(std::is_same_v<std::ranges::range_reference_t<value_bag<std::string>&>, const std::string&>);
  STATIC_REQUIRE(std::forward_iterator<value_bag<std::string, sharing>::iterator>);
}

TEST_CASE("bags are equal as multisets, whatever their order and form", "[value_bag]") {
  for (const int n : {0, 1, 2, 20, 31, 32, 50}) {
    value_bag<int> a, b;
    for (int i = 0; i < n; ++i) a.insert(i % 7);
    for (int i = n; i-- > 0;) b.insert(i % 7);
    CHECK(a == b);
    if (n >= 20 && n < 32) {  // one hashed, the other one not
      for (int i = 0; i < 40; ++i) b.insert(100);
      b.erase_if([](int v) { return v == 100; });
      CHECK(b.is_hashed());
      CHECK(a == b);
      CHECK(b == a);
    }
    b.insert(1);
    CHECK(a != b);
    if (n > 7) {
      b.erase_one(0);  // as many, but others
      CHECK(a != b);
      CHECK(b != a);
    }
  }
}

TEST_CASE("copies and moves keep order, form and functions", "[value_bag]") {
  const no_leaks guard;
  using bag_type = value_bag<tracked, counted_memory>;
  for (const int n : {0, 1, 2, 31, 32, 60}) {
    auto bag = filled<bag_type>(n);
    if (n == 60) bag.erase_if([](const tracked& v) { return v.key() >= 20; });  // hashed, but small enough for a vector
    const auto order = ids(bag);
    const bool hashed = bag.is_hashed();
    const std::size_t size = bag.size();

    bag_type copy(bag);
    CHECK(ids(copy) == order);
    CHECK(copy.is_hashed() == hashed);
    CHECK(copy == bag);

    const auto allocations = budget_allocator<int>::account().allocations.load();
    bag_type moved(std::move(copy));
    CHECK(copy.empty());
    CHECK(copy.is_inline());
    copy.emplace(1);
    CHECK(copy.contains(1));
    copy = std::move(moved);
    CHECK(copy == bag);
    CHECK(moved.empty());
    CHECK(budget_allocator<int>::account().allocations.load() == allocations);

    auto other = filled<bag_type>(3);
    swap(copy, other);
    CHECK(copy.size() == 3);
    CHECK(other == bag);
    CHECK(other.is_hashed() == hashed);
    other = *&other;
    other = std::move(*&other);
    CHECK(other.size() == size);
    copy = other;
    CHECK(copy == bag);
  }
}

namespace {

template <bool Moves>
struct on_account : value_bag_options {
  using allocator = account_allocator<std::byte, Moves>;
};
template <bool Moves>
struct shared_on_account : on_account<Moves> {
  using storage = tandem::shared_values;
};

}  // namespace

TEMPLATE_TEST_CASE("every block goes back to the allocator it came from", "[value_bag]", on_account<false>,
                   on_account<true>, shared_on_account<false>, shared_on_account<true>) {
  const no_leaks guard;
  memory_account first, second;
  auto run = [&]<class Value>(Value*) {
    using bag_type = value_bag<Value, TestType>;
    const account_allocator<Value, TestType::allocator::propagate_on_container_swap::value> a(first), b(second);
    for (const int n : {0, 1, 5, 40}) {
      bag_type x(a), y(b);
      for (int i = 0; i < n; ++i) x.emplace(i);
      for (int i = 0; i < 7; ++i) y.emplace(100 + i);
      const bag_type original(x);
      CHECK(original.get_allocator() == a);

      bag_type copied(x, b);
      CHECK(copied.get_allocator() == b);
      CHECK(copied == original);
      bag_type moved(std::move(copied), a);
      CHECK(moved == original);
      CHECK(copied.empty());

      y = x;
      CHECK(y == original);
      bag_type z(b);
      z.emplace(5);
      z = std::move(y);
      CHECK(z == original);
      CHECK(y.empty());
      bag_type w(z.get_allocator());
      w.emplace(9);
      w.swap(z);
      CHECK(w == original);
      CHECK(z.size() == 1);
      if constexpr (bag_type::allocator_type::propagate_on_container_swap::value) {
        bag_type elsewhere(w.get_allocator() == a ? b : a);
        elsewhere.swap(w);
        CHECK(elsewhere == original);
      }
    }
  };
  run(static_cast<int*>(nullptr));
  run(static_cast<tracked*>(nullptr));
  run(static_cast<tracked_throwing_move*>(nullptr));
  CHECK(first.balanced());
  CHECK(second.balanced());
  CHECK(first.allocations > 0);
  CHECK(second.allocations > 0);
}

TEST_CASE("values that take an allocator get the bag's from a polymorphic one", "[value_bag]") {
  struct polymorphic : value_bag_options {
    using allocator = std::pmr::polymorphic_allocator<std::byte>;
  };
  std::pmr::monotonic_buffer_resource arena;
  value_bag<std::pmr::string, polymorphic> bag(&arena);
  for (int i = 0; i < 40; ++i) bag.emplace("a string that is not in the small buffer");
  for (const auto& s : bag) CHECK(s.get_allocator().resource() == &arena);
  CHECK(bag.contains(std::string_view("a string that is not in the small buffer")));
  std::pmr::monotonic_buffer_resource other;
  const value_bag<std::pmr::string, polymorphic> copy(bag, &other);
  for (const auto& s : copy) CHECK(s.get_allocator().resource() == &other);
}

// ---- Two passes

namespace {

// Functions that behave as they are told: truthfully, at random, or not to be called at all.
enum class behaviour { honest, lying, forbidden };

struct told_hash {
  using is_avalanching = void;
  behaviour how = behaviour::honest;
  std::mt19937_64* random = nullptr;
  std::size_t operator()(const tracked& v) const {
    if (how == behaviour::forbidden) std::abort();
    return how == behaviour::honest ? static_cast<std::size_t>(v.key()) : static_cast<std::size_t>((*random)() % 3);
  }
};
struct told_equal {
  behaviour how = behaviour::honest;
  std::mt19937_64* random = nullptr;
  bool operator()(const tracked& a, const tracked& b) const {
    if (how == behaviour::forbidden) std::abort();
    return how == behaviour::honest ? a.key() == b.key() : (*random)() % 2 == 0;
  }
};
struct told : value_bag_options {
  using hasher = told_hash;
  using equal = told_equal;
  using allocator = budget_allocator<std::byte>;
};
struct told_sharing : told {
  using storage = tandem::shared_values;
};

}  // namespace

TEMPLATE_TEST_CASE("decisions made on one bag replay on another without user code", "[value_bag]", told, told_sharing) {
  const no_leaks guard;
  const behaviour how = GENERATE(behaviour::honest, behaviour::lying);
  const unsigned seed = GENERATE(1U, 2U, 3U);
  INFO("lying " << (how == behaviour::lying) << ", seed " << seed);
  std::mt19937_64 random(seed), lies(seed + 100);

  using bag_type = value_bag<tracked, TestType>;
  bag_type first(told_hash{how, &lies}, told_equal{how, &lies});
  bag_type second(told_hash{behaviour::forbidden, nullptr}, told_equal{behaviour::forbidden, nullptr});
  int turned_hashed = 0, turned_vector = 0, erased = 0;
  for (int step = 0; step < 4000; ++step) {
    const int key = static_cast<int>(random() % 20);
    const bool was_hashed = first.is_hashed();
    // Drift up for a while, then down, so that the limits are crossed often.
    const bool grow = step / 100 % 2 == 0;
    const auto choice = random() % 100;
    if (choice < (grow ? 70U : 20U)) {
      auto e = door::make<bag_type>(first.get_allocator(), key, step);
      const auto plan = door::plan_insert(first, e);
      CHECK((plan.earlier != nullptr) == (!was_hashed && first.size() == 31));
      door::apply_insert(first, typename bag_type::element(e), plan);
      door::apply_insert(second, std::move(e), plan);
    } else if (choice < 96) {
      const auto position = door::plan_erase_one(first, tracked(key));
      if (position != door::npos) ++erased;
      door::apply_erase(first, position);
      door::apply_erase(second, position);
    } else if (choice < 98) {
      auto pred = [&](const tracked& v) { return v.key() % 8 == key % 8; };
      const auto positions = door::plan_erase_if(first, pred);
      door::apply_erase(first, positions);
      door::apply_erase(second, positions);
    } else if (choice < 99) {
      door::apply_shrink(first);
      door::apply_shrink(second);
    } else if (key == 0) {
      auto e = door::make<bag_type>(first.get_allocator(), key, step);
      door::apply_assign(first, typename bag_type::element(e));
      door::apply_assign(second, std::move(e));
    }
    turned_hashed += !was_hashed && first.is_hashed();
    turned_vector += was_hashed && !first.is_hashed();
    REQUIRE(ids(first) == ids(second));
    REQUIRE(first.is_hashed() == second.is_hashed());
  }
  CHECK(turned_hashed > 5);
  CHECK(turned_vector > 5);
  CHECK(erased > 100);
}

TEST_CASE("an index that was filled by replay answers as one that was filled directly", "[value_bag]") {
  using bag_type = value_bag<tracked, told_sharing>;
  bag_type first(told_hash{}, told_equal{});
  bag_type second(told_hash{}, told_equal{});
  for (int i = 0; i < 200; ++i) {
    auto e = door::make<bag_type>(first.get_allocator(), i % 30, i);
    const auto plan = door::plan_insert(first, e);
    door::apply_insert(first, bag_type::element(e), plan);
    door::apply_insert(second, std::move(e), plan);
    if (i % 3 == 0) {
      const auto position = door::plan_erase_one(first, tracked(i % 7));
      door::apply_erase(first, position);
      door::apply_erase(second, position);
    }
  }
  REQUIRE(second.is_hashed());
  for (int key = 0; key < 30; ++key) {
    CHECK(second.count(key) == first.count(key));
    CHECK(second.count(key) == static_cast<std::size_t>(std::ranges::count(second, key, &tracked::key)));
    CHECK(door::plan_erase_one(second, tracked(key)) == door::plan_erase_one(first, tracked(key)));
  }
  CHECK(first == second);
}

TEST_CASE("planning an insertion runs no user code unless the bag is or becomes hashed", "[value_bag]") {
  using bag_type = value_bag<tracked, told>;
  bag_type bag(told_hash{behaviour::forbidden, nullptr}, told_equal{behaviour::forbidden, nullptr});
  for (int i = 0; i < 31; ++i) bag.emplace(i);  // would abort
  CHECK(bag.size() == 31);
}

TEMPLATE_TEST_CASE("functions that lie make answers wrong, but lose and leak nothing", "[value_bag]", told,
                   told_sharing) {
  const no_leaks guard;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed), lies(seed);
    using bag_type = value_bag<tracked, TestType>;
    bag_type bag(told_hash{behaviour::lying, &lies}, told_equal{behaviour::lying, &lies});
    std::size_t size = 0;
    int next = 0;
    for (int step = 0; step < 500; ++step) {
      const int key = static_cast<int>(random() % 5);
      switch (random() % 8) {
        case 0:
          size -= bag.erase_one(key) ? 1U : 0U;
          break;
        case 1:
          if (step % 50 == 0) size -= bag.erase(key);
          break;
        case 2:
          REQUIRE(bag.count(key) <= size);
          break;
        case 3:
          bag = bag_type(bag);
          break;
        default:
          bag.emplace(key, next++);
          ++size;
          break;
      }
      REQUIRE(bag.size() == size);
      const auto now = ids(bag);
      REQUIRE(std::set<int>(now.begin(), now.end()).size() == size);
    }
    CHECK((bag == bag || bag != bag));
  }
}

TEMPLATE_TEST_CASE("decisions that do not fit the bag are harmless", "[value_bag]", told, told_sharing) {
  const no_leaks guard;
  using bag_type = value_bag<tracked, TestType>;
  std::mt19937_64 random(5);
  int bogus_turns = 0;
  for (int round = 0; round < 50; ++round) {
    bag_type bag;
    std::size_t size = 0;
    for (int step = 0; step < 200; ++step) {
      auto position = [&] {
        return random() % 10 == 0 ? door::npos - static_cast<std::uint32_t>(random() % 2)
                                  : static_cast<std::uint32_t>(random() % 80);
      };
      switch (random() % 5) {
        case 0: {
          const auto p = position();
          if (p < size) --size;
          door::apply_erase(bag, p);
          break;
        }
        case 1: {
          const std::vector<std::uint32_t> positions{position(), position()};
          for (std::size_t i = 2; i-- > 0;) size -= positions[i] < size ? 1U : 0U;
          door::apply_erase(bag, positions);
          break;
        }
        default: {
          tandem::detail::bag_insertion plan;
          plan.link = {static_cast<std::uint32_t>(random() % 2), position()};
          if (size == 31 && !bag.is_hashed()) {
            ++bogus_turns;
            if (random() % 2 == 0) {  // or: decided about a bag that would not turn
              plan.earlier = std::make_unique<tandem::detail::bag_link[]>(31);
              for (int i = 0; i < 31; ++i)
                plan.earlier[static_cast<std::size_t>(i)] = {static_cast<std::uint32_t>(random() % 2), position()};
            }
          }
          door::apply_insert(bag, door::make<bag_type>(bag.get_allocator(), 1, step), plan);
          ++size;
        }
      }
      REQUIRE(bag.size() == size);
      for (int key = 0; key < 3; ++key) REQUIRE(bag.count(key) <= size);
      const auto now = ids(bag);
      REQUIRE(std::set<int>(now.begin(), now.end()).size() == size);
    }
    const bag_type copy = bag;
    CHECK(ids(copy) == ids(bag));
  }
  CHECK(bogus_turns > 10);
}
