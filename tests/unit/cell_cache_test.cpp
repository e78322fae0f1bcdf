// cell_cache by one thread: what each member does, how much there can be, which element goes, and who is told.
//
// Where it matters which element goes, cells are small and the hash is the key itself: the upper bits choose the cell.
#include <tandem/cell_cache.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/tracked.hpp"

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using tandem::test::budget_allocator;
using tandem::test::run_in_child;
using tandem::test::tracked;

template <std::size_t Slots>
struct with_slots : tandem::cell_cache_options {
  static constexpr std::size_t slots = Slots;
};

template <std::size_t Probation>
struct with_probation : tandem::cell_cache_options {
  static constexpr std::size_t probation = Probation;
};
struct weighs_its_value {
  std::size_t operator()(std::uint64_t, int v) const { return static_cast<std::size_t>(v); }
};
struct weighed_with_probation : with_probation<2> {
  using weigher = weighs_its_value;
};

struct same_hash {
  using is_avalanching = void;
  std::size_t operator()(std::uint64_t k) const noexcept { return static_cast<std::size_t>(k); }
};

template <class T, class Options = tandem::cell_cache_options>
using cache_of = tandem::cell_cache<std::uint64_t, T, same_hash, std::equal_to<std::uint64_t>,
                                    std::allocator<std::pair<const std::uint64_t, T>>, Options>;

// A key of the cell whose hashes begin with these bits.
constexpr std::uint64_t key(std::uint64_t bits, int how_many_bits, std::uint64_t number) {
  return bits << (64 - how_many_bits) | number;
}

template <class Cache>
std::set<typename Cache::key_type> keys(const Cache& c) {
  std::set<typename Cache::key_type> all;
  c.cvisit_all([&](const auto& x) { all.insert(x.first); });
  return all;
}

// Small pairs of plain data are copied without a lock, strings are in the cell, and large things elsewhere.
template <class T>
T value(int n) {
  if constexpr (std::is_same_v<T, std::string>) {
    return "the value of number " + std::to_string(n);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return std::vector<std::string>(3, std::to_string(n));
  } else {
    return T{n};
  }
}
struct large {
  int n = 0;
  char rest[400] = {};
  large() = default;
  large(int number) : n(number) {}  // NOLINT: implicit on purpose
  friend bool operator==(const large& a, const large& b) { return a.n == b.n; }
};

constinit tandem::cell_cache<int, int> global(0, 100);

}  // namespace

TEMPLATE_TEST_CASE("cell_cache: put inserts or assigns, get and its like find", "[cell_cache]", int, std::string,
                   std::vector<std::string>, large) {
  tandem::cell_cache<int, TestType> c(64, 256);
  CHECK(c.empty());
  CHECK(!c.get(1));
  CHECK(!c.find(1));
  CHECK(!c.peek(1));
  CHECK(!c.contains(1));
  CHECK(!c.read(1, [](const TestType&) {}));
  CHECK(c.erase(1) == 0);
  CHECK(!c.put(1, value<TestType>(10)));
  CHECK(!c.put(2, value<TestType>(20)));
  CHECK(c.size() == 2);
  CHECK(c.get(1) == value<TestType>(10));
  CHECK(!c.put(1, value<TestType>(11)));
  CHECK(c.size() == 2);
  CHECK(c.get(1) == value<TestType>(11));
  CHECK(c.read(2, [](const TestType& v) { return v == value<TestType>(20); }) == true);
  CHECK(c.read(2, [](const int& k, const TestType&) { return k; }) == 2);
  CHECK(c.read(2, [](const TestType&) {}));
  {
    auto g = c.find(1);
    REQUIRE(g);
    CHECK(g->first == 1);
    CHECK(g.key() == 1);
    CHECK(g->second == value<TestType>(11));
    g.reset();
    CHECK(!g);
    auto h = c.peek(2);
    REQUIRE(h);
    CHECK(h.value() == value<TestType>(20));
  }
  CHECK(c.update(2, [](TestType& v) { v = value<TestType>(21); }));
  CHECK(c.get(2) == value<TestType>(21));
  CHECK(!c.update(3, [](TestType&) {}));
  CHECK(c.contains(2));
  CHECK(c.erase(2) == 1);
  CHECK(!c.contains(2));
  c.put(3, value<TestType>(30));
  CHECK(c.visit_all([](auto& x) { x.second = value<TestType>(1); }) == 2);
  CHECK(c.get(3) == value<TestType>(1));
  CHECK(c.erase_if([](const int& k, const TestType&) { return k == 3; }) == 1);
  CHECK(c.size() == 1);
  c.clear();
  CHECK(c.empty());
  CHECK(!c.get(1));
}

TEST_CASE("cell_cache: strings are looked up by views and literals", "[cell_cache]") {
  tandem::cell_cache<std::string, int> c(64);
  c.put("a", 1);
  c.put(std::string_view("b"), 2);
  CHECK(c.get("a") == 1);
  CHECK(c.get(std::string_view("b")) == 2);
  CHECK(c.peek("b")->second == 2);
  CHECK(c.get_or_emplace("c", [](const std::string& k) { return static_cast<int>(k.size()) + 2; }) == 3);
  CHECK(c.erase("a") == 1);
  CHECK(!c.contains("a"));
}

TEST_CASE("cell_cache: values that can only be moved can be put, seen and evicted", "[cell_cache]") {
  cache_of<std::unique_ptr<int>, with_slots<1>> c(2, 2);
  CHECK(!c.put(1, std::make_unique<int>(10)));
  CHECK(*c.find(1)->second == 10);
  auto out = c.put(2, std::make_unique<int>(20));
  REQUIRE(out);
  CHECK(out->first == 1);
  CHECK(*out->second == 10);
  CHECK(c.read(2, [](const std::unique_ptr<int>& v) { return *v; }) == 20);
}

TEST_CASE("cell_cache: capacities are rounded up to what so many cells hold", "[cell_cache]") {
  using pair = std::pair<std::size_t, std::size_t>;
  using cache = tandem::cell_cache<int, int>;
  CHECK(cache(0, 0).capacity_range() == pair(0, 64));
  CHECK(cache(0, 64).capacity_range() == pair(0, 64));
  CHECK(cache(1, 65).capacity_range() == pair(64, 128));
  CHECK(cache(64, 1024).capacity_range() == pair(64, 1024));
  CHECK(cache(100, 1000).capacity_range() == pair(128, 1024));
  CHECK(cache(1000, 10).capacity_range() == pair(1024, 1024));
  CHECK(cache(500).capacity_range() == pair(0, 512));
  CHECK(cache_of<int, with_slots<3>>(1, 50).capacity_range() == pair(6, 96));
}

TEST_CASE("cell_cache: an empty cache owns no memory, and can be constinit", "[cell_cache]") {
  auto const& account = budget_allocator<std::byte>::account();
  {
    tandem::cell_cache<int, int, tandem::hash<int>, tandem::equal_to<int>, budget_allocator<std::pair<const int, int>>>
        c(1000, 2000);
    CHECK(!c.get(1));
    CHECK(c.erase(1) == 0);
    c.clear();
    CHECK(account.allocations.load() == 0);
    CHECK(c.capacity() == 0);
    c.put(1, 1);
    CHECK(c.capacity() == 1024);
    CHECK(account.bytes.load() > 0);
  }
  CHECK(account.balanced());
  CHECK(!global.get(1));
  global.put(1, 10);
  CHECK(global.get(1) == 10);
}

TEST_CASE("cell_cache: there are never more elements than the capacity, and as many when it is in use",
          "[cell_cache]") {
  for (std::size_t most : {64U, 256U, 1024U}) {
    tandem::cell_cache<int, int> c(0, most);
    std::size_t evictions = 0;
    c.on_evict([&](const int&, int&) { ++evictions; });
    bool bounded = true;
    std::size_t early = 0;
    for (int k = 0; k != 100'000; ++k) {
      c.put(k, k);
      bounded = bounded && c.size() <= most && c.capacity() <= most;
      if (c.capacity() < most) early = evictions;
    }
    CHECK(bounded);
    CHECK(early <= 2);  // nothing has to go while it can grow
    CHECK(c.size() == most);
    CHECK(c.capacity() == most);
    CHECK(evictions == 100'000 - most);
    CHECK(c.stats().evictions == evictions);
    CHECK(c.stats().overflow_blocks == 0);
    CHECK(keys(c).size() == most);
  }
}

TEST_CASE("cell_cache: the table does not shrink below the minimal capacity", "[cell_cache]") {
  tandem::cell_cache<int, int> c(512, 4096);
  for (int k = 0; k != 20'000; ++k) c.put(k, k);
  CHECK(c.capacity() == 4096);
  c.erase_if([](auto&) { return true; });
  for (int round = 0; round != 100; ++round) {
    for (int k = 0; k != 100; ++k) c.put(k, k);
    for (int k = 0; k != 100; ++k) c.erase(k);
  }
  CHECK(c.capacity() == 512);
  CHECK(c.stats().resizes > 3);
}

TEST_CASE("cell_cache: the element that was used longest ago goes", "[cell_cache]") {
  auto const check = [](const char* what, auto use, std::uint64_t expected) {
    INFO(what);
    cache_of<std::string, with_slots<4>> strings(8, 8);
    cache_of<int, with_slots<4>> numbers(8, 8);
    for (std::uint64_t k = 1; k != 5; ++k) {
      CHECK(!strings.put(k, std::to_string(k)));
      CHECK(!numbers.put(k, static_cast<int>(k)));
    }
    use(strings, std::uint64_t{1});
    use(numbers, std::uint64_t{1});
    auto const string = strings.put(5, "five");
    auto const number = numbers.put(5, 5);
    REQUIRE(string);
    REQUIRE(number);
    CHECK(string->first == expected);
    CHECK(string->second == std::to_string(expected));
    CHECK(number->first == expected);
    CHECK(number->second == static_cast<int>(expected));
  };
  check("nothing", [](auto&, std::uint64_t) {}, 1);
  check("get", [](auto& c, std::uint64_t k) { CHECK(c.get(k)); }, 2);
  check("read", [](auto& c, std::uint64_t k) { CHECK(c.read(k, [](auto&) {})); }, 2);
  check("read with result", [](auto& c, std::uint64_t k) { CHECK(c.read(k, [](auto&) { return 1; })); }, 2);
  check("find", [](auto& c, std::uint64_t k) { CHECK(c.find(k)); }, 2);
  check("update", [](auto& c, std::uint64_t k) { CHECK(c.update(k, [](auto&) {})); }, 2);
  check("put", [](auto& c, std::uint64_t k) { CHECK(!c.put(k, *c.read(k, [](auto& v) { return v; }))); }, 2);
  check(
      "get_or_emplace",
      [](auto& c, std::uint64_t k) {
        c.get_or_emplace(k, []() -> std::remove_cvref_t<decltype(*c.get(k))> { throw std::logic_error("absent"); });
      },
      2);
  check("peek", [](auto& c, std::uint64_t k) { CHECK(c.peek(k)); }, 1);
  check("contains", [](auto& c, std::uint64_t k) { CHECK(c.contains(k)); }, 1);
  check("visit_all", [](auto& c, std::uint64_t) { CHECK(c.visit_all([](auto&) {}) == 4); }, 1);
}

TEST_CASE("cell_cache: the order of use outlasts the end of a cell's clock", "[cell_cache]") {
  cache_of<int, with_slots<4>> c(8, 8);
  for (std::uint64_t k = 1; k != 5; ++k) c.put(k, 0);
  // Keys 3 and 1 in turn, up to each number of uses around the end of 16 bits.
  for (int round = 0; round != 65'534 / 2 - 4; ++round) {
    static_cast<void>(c.get(3));
    static_cast<void>(c.get(1));
  }
  std::uint64_t next = 10;
  for (int uses = 0; uses != 20; ++uses) {
    CAPTURE(uses);
    for (std::uint64_t k : {3U, 1U}) REQUIRE(c.get(k));
    auto const before = keys(c);
    // What is neither 1 nor 3 goes, the older one first.
    auto const out = c.put(next, 0);
    REQUIRE(out);
    CHECK(out->first == (uses == 0 ? 2 : uses == 1 ? 4 : next - 2));
    CHECK(before.count(out->first) == 1);
    ++next;
  }
}

TEST_CASE("cell_cache: the order of use outlasts growth", "[cell_cache]") {
  cache_of<std::string, with_slots<4>> c(0, 64);
  std::vector<std::uint64_t> gone;
  std::size_t capacity = 0;
  c.on_evict([&](const std::uint64_t& k, std::string&) {
    if (k >> 60 != 0) return;
    gone.push_back(k);
    if (capacity == 0) capacity = c.capacity();
  });
  // All in the lowest sixteenth of the hashes.
  for (std::uint64_t k = 1; k != 5; ++k) c.put(key(0, 4, k), "");
  CHECK(c.capacity() == 8);
  for (std::uint64_t k : {3U, 1U, 4U, 2U}) CHECK(c.get(k));
  // Elsewhere, so that it grows.
  for (std::uint64_t k = 1; k != 5; ++k) {
    for (std::uint64_t other = 15; other != 3; --other) c.put(key(other, 4, k), "");
  }
  CHECK(c.capacity() > 8);
  for (std::uint64_t k = 5; k != 9; ++k) {
    for (std::uint64_t other = 15; other != 3; --other) c.put(key(other, 4, k), "");
    c.put(key(0, 4, k), "");
  }
  CHECK(capacity > 8);
  CHECK(c.stats().resizes + c.stats().moving >= 2);
  CHECK(gone == std::vector<std::uint64_t>{3, 1, 4, 2});
}

TEST_CASE("cell_cache: the order of use outlasts shrinkage, across the cells that become one", "[cell_cache]") {
  cache_of<std::string, with_slots<4>> c(0, 256);
  std::vector<std::uint64_t> gone;
  // 64 cells full of what is erased again, in an order that is another one in each.
  auto const filler = [](std::uint64_t cell, std::uint64_t n) { return key(cell, 6, 100 + n); };
  for (std::uint64_t n = 0; n != 4; ++n) {
    for (std::uint64_t i = 0; i != 64; ++i) {
      // Evenly at any size: with the bits of i in reverse.
      std::uint64_t cell = 0;
      for (int bit = 0; bit != 6; ++bit) cell = cell << 1 | (i >> bit & 1);
      c.put(filler(cell, n), "");
    }
  }
  REQUIRE(c.capacity() == 256);
  REQUIRE(c.size() == 256);
  c.erase_if([](auto& x) { return x.first % (std::uint64_t{1} << 32) >= 100 && x.first >> 58 < 4; });
  // The first four cells, which will be one, are filled again, row by row, and then used in the order of `rows`.
  for (std::uint64_t n = 0; n != 4; ++n) {
    for (std::uint64_t cell = 0; cell != 4; ++cell) c.put(key(cell, 6, n), "");
  }
  for (std::uint64_t n : {2U, 0U, 3U, 1U}) {
    for (std::uint64_t cell = 0; cell != 4; ++cell) CHECK(c.get(key(cell, 6, n)));
  }
  c.on_evict([&](const std::uint64_t& k, std::string&) { gone.push_back(k); });
  // Now it is too large.
  for (std::uint64_t n = 0; n != 4; ++n) {
    for (std::uint64_t cell = 4; cell != 64; ++cell) CHECK(c.erase(filler(cell, n)) == 1);
  }
  c.put(key(40, 6, 50), "");
  CHECK(c.erase_if([](auto& x) { return x.first == key(40, 6, 50); }) == 1);
  for (int round = 0; round != 100 && c.stats().moving; ++round) c.put(key(40, 6, 50), "");
  CHECK(c.capacity() == 64);
  CHECK(!c.stats().moving);
  // The last row is what is left, and the others went row by row.
  std::vector<std::uint64_t> rows;
  for (std::uint64_t k : gone) {
    CHECK(k >> 58 < 4);
    rows.push_back(k % 16);
  }
  CHECK(rows == std::vector<std::uint64_t>{2, 2, 2, 2, 0, 0, 0, 0, 3, 3, 3, 3});
  for (std::uint64_t cell = 0; cell != 4; ++cell) CHECK(c.contains(key(cell, 6, 1)));
}

TEST_CASE("cell_cache: what was put in before the table grew does not stay for ever", "[cell_cache]") {
  tandem::cell_cache<int, int> c(0, 1024);
  for (int k = 0; k != 39'400; ++k) {
    c.put(k, k);
    // Fifty of the first are in use all the time.
    if (k >= 400 && k % 100 == 0) {
      for (int old = 0; old != 50; ++old) REQUIRE(c.get(old));
    }
  }
  int first = 0;
  for (int k = 0; k != 400; ++k) first += c.contains(k);
  CHECK(first == 50);
  CHECK(c.capacity() == 1024);
  CHECK(c.stats().resizes >= 4);
}

TEST_CASE("cell_cache: with probation, what is asked for once does not push out what is used again", "[cell_cache]") {
  const auto kept_after_a_scan = [](auto& c) {
    // All in the first of two cells. The table cannot grow.
    for (std::uint64_t n = 0; n != 32; ++n) c.put(key(0, 1, n), 1);
    for (std::uint64_t n = 0; n != 32; ++n) CHECK(c.get(key(0, 1, n)));
    for (std::uint64_t n = 0; n != 1000; ++n) c.put(key(0, 1, 100 + n), 2);
    std::size_t kept = 0;
    for (std::uint64_t n = 0; n != 32; ++n) kept += c.contains(key(0, 1, n));
    CHECK(c.size() == 32);
    return kept;
  };
  cache_of<int> plain(0, 64);
  CHECK(kept_after_a_scan(plain) == 0);
  cache_of<int, with_probation<6>> careful(0, 64);
  std::size_t const kept = kept_after_a_scan(careful);
  CHECK(kept >= 24);
  CHECK(kept < 32);

  // Who is used while on probation stays, as if it had always been there.
  careful.put(key(0, 1, 5000), 3);
  CHECK(careful.get(key(0, 1, 5000)) == 3);
  for (std::uint64_t n = 0; n != 100; ++n) careful.put(key(0, 1, 6000 + n), 2);
  CHECK(careful.contains(key(0, 1, 5000)));
  CHECK(careful.size() == 32);
  // And what has not been used for longest goes for those that are.
  for (std::uint64_t n = 0; n != 64; ++n) {
    careful.put(key(0, 1, 7000 + n), 4);
    CHECK(careful.get(key(0, 1, 7000 + n)) == 4);
  }
  CHECK(!careful.contains(key(0, 1, 5000)));
}

TEST_CASE("cell_cache: probation counts by weight, too", "[cell_cache]") {
  // Each of two cells has half of the weight: room for ten.
  cache_of<int, weighed_with_probation> c(0, 20);
  for (std::uint64_t n = 0; n != 10; ++n) {
    c.put(key(0, 1, n), 1);
    CHECK(c.get(key(0, 1, n)));
  }
  for (std::uint64_t n = 0; n != 100; ++n) c.put(key(0, 1, 100 + n), 1);
  std::size_t kept = 0;
  for (std::uint64_t n = 0; n != 10; ++n) kept += c.contains(key(0, 1, n));
  CHECK(kept >= 7);
  CHECK(c.size() == 10);
}

TEST_CASE("cell_cache: who evicts is told about each element, and so is the function", "[cell_cache]") {
  tandem::cell_cache<int, std::string> c(64, 64);
  std::vector<int> told, returned;
  c.on_evict([&](const int& k, std::string& v) {
    told.push_back(k);
    v += '!';
    CHECK(!c.contains(k));  // no lock is held
  });
  for (int k = 0; k != 1000; ++k) {
    if (auto const out = c.put(k, std::to_string(k))) {
      CHECK(out->second == std::to_string(out->first) + '!');
      returned.push_back(out->first);
    }
  }
  CHECK(told.size() == 1000 - 64);
  CHECK(told == returned);
  // Nobody is told of these.
  for (int k = 0; k != 1000; ++k) c.erase(k);
  c.put(1, "");
  c.put(1, "x");
  c.clear();
  CHECK(told.size() == 1000 - 64);
  int others = 0;
  c.on_evict([&](const int&, std::string&) { ++others; });
  for (int k = 0; k != 100; ++k) c.put(k, "");
  CHECK(others == 36);
  c.on_evict(nullptr);
  for (int k = 100; k != 200; ++k) c.put(k, "");
  CHECK(others == 36);
  CHECK(told.size() == 1000 - 64);
}

TEST_CASE("cell_cache: a function for evictions may be move-only, and may put what was evicted elsewhere",
          "[cell_cache]") {
  tandem::cell_cache<int, int> second(0, 4096), first(0, 64);
  first.on_evict([&, unused = std::make_unique<int>(1)](const int& k, int& v) { second.put(k, v); });
  for (int k = 0; k != 1000; ++k) first.put(k, k);
  CHECK(first.size() + second.size() == 1000);
}

TEST_CASE("cell_cache: get_or_emplace returns what is there, or else makes it", "[cell_cache]") {
  tandem::cell_cache<int, std::string> c(256);
  int calls = 0;
  auto const make = [&](const int& k) {
    ++calls;
    return std::to_string(k);
  };
  CHECK(c.get_or_emplace(7, make) == "7");
  CHECK(c.get_or_emplace(7, make) == "7");
  CHECK(calls == 1);
  CHECK(c.get(7) == "7");
  CHECK_THROWS_AS(c.get_or_emplace(8, []() -> std::string { throw std::runtime_error("no eight"); }),
                  std::runtime_error);
  CHECK(!c.contains(8));
  CHECK(c.get_or_emplace(8, [] { return "eight"; }) == "eight");
  // For another key, from within.
  auto const nested = c.get_or_emplace(9, [&] { return c.get_or_emplace(10, make) + "+9"; });
  CHECK(nested == "10+9");
  CHECK(c.get(10) == "10");
}

TEST_CASE("cell_cache: what is done to the key while its value is made comes first", "[cell_cache]") {
  tandem::cell_cache<int, std::string> c(256);
  auto const during = [&](auto act) {
    return c.get_or_emplace(1, [&] {
      act();
      return "made";
    });
  };
  CHECK(during([&] { c.put(1, "put"); }) == "put");
  CHECK(c.get(1) == "put");
  c.erase(1);
  CHECK(during([&] { CHECK(c.erase(1) == 0); }) == "made");
  CHECK(!c.contains(1));
  CHECK(during([&] { c.clear(); }) == "made");
  CHECK(!c.contains(1));
  CHECK(during([&] { c.erase(2); }) == "made");
  CHECK(c.contains(1));
  c.erase(1);
  // After the erasure, the next one makes it anew, and that one is kept.
  CHECK(during([&] {
          c.erase(1);
          CHECK(c.get_or_emplace(1, [] { return "made later"; }) == "made later");
        }) == "made later");
  CHECK(c.get(1) == "made later");
}

TEST_CASE("cell_cache: get_or_emplace evicts as put does", "[cell_cache]") {
  tandem::cell_cache<int, int> c(64, 64);
  int told = 0;
  c.on_evict([&](const int&, int&) { ++told; });
  for (int k = 0; k != 1000; ++k) CHECK(c.get_or_emplace(k, [&] { return k; }) == k);
  CHECK(told == 1000 - 64);
  CHECK(c.size() == 64);
}

namespace {

struct by_length : with_slots<8> {
  struct weigher {
    std::size_t operator()(const std::uint64_t&, const std::string& v) const noexcept { return v.size(); }
  };
};
template <class Cache>
std::size_t weight(const Cache& c) {
  std::size_t sum = 0;
  c.cvisit_all([&](const auto& x) { sum += x.second.size(); });
  return sum;
}

}  // namespace

TEST_CASE("cell_cache: with a weigher the oldest go until the weight fits", "[cell_cache]") {
  cache_of<std::string, by_length> c(0, 200);  // two cells, 100 each, and up to 8 elements, as long as it need not grow
  std::vector<std::uint64_t> gone;
  c.on_evict([&](const std::uint64_t& k, std::string&) { gone.push_back(k); });
  CHECK(c.capacity_range() == std::pair<std::size_t, std::size_t>(0, 200));
  for (std::uint64_t k = 1; k != 5; ++k) CHECK(!c.put(k, std::string(20, 'x')));
  CHECK(c.get(1) == std::string(20, 'x'));
  auto const out = c.put(5, std::string(50, 'x'));  // 130: two must go
  REQUIRE(out);
  CHECK(out->first == 2);
  CHECK(gone == std::vector<std::uint64_t>{2, 3});
  CHECK(weight(c) == 90);
  // An assignment that makes it too heavy.
  CHECK(c.put(4, std::string(40, 'x'))->first == 1);
  CHECK(gone == std::vector<std::uint64_t>{2, 3, 1});
  CHECK(weight(c) == 90);
  // What is too heavy by itself is not kept, and nothing else has to go for it.
  auto const heavy = c.put(6, std::string(101, 'x'));
  REQUIRE(heavy);
  CHECK(heavy->first == 6);
  CHECK(heavy->second.size() == 101);
  CHECK(gone.back() == 6);
  CHECK(c.size() == 2);
  // The same for one that was there with less.
  CHECK(c.put(5, std::string(300, 'y'))->second == std::string(300, 'y'));
  CHECK(!c.contains(5));
  CHECK(c.size() == 1);
  // Exactly the share is not too much.
  CHECK(!c.put(key(1, 1, 1), std::string(100, 'x')));
  CHECK(c.size() == 2);
  CHECK(c.put(key(1, 1, 2), std::string(1, 'x'))->first == key(1, 1, 1));
  CHECK(c.size() == c.stats().size);
}

TEST_CASE("cell_cache: a weighted cache uses its weight, and not more", "[cell_cache]") {
  struct weighted : tandem::cell_cache_options {
    struct weigher {
      std::size_t operator()(const int&, const int& v) const noexcept { return static_cast<std::size_t>(v); }
    };
  };
  tandem::cell_cache<int, int, tandem::hash<int>, tandem::equal_to<int>, std::allocator<std::pair<const int, int>>,
                     weighted>
      c(0, 100'000);
  auto const total = [&] {
    std::size_t sum = 0;
    c.cvisit_all([&](const int&, const int& v) { sum += static_cast<std::size_t>(v); });
    return sum;
  };
  for (int k = 0; k != 40'000; ++k) {
    c.put(k, 1 + k % 40);
    if (k % 1000 == 0) CHECK(total() <= 200'000);
  }
  CHECK(total() <= 100'000);
  CHECK(total() > 80'000);
  CHECK(c.size() == keys(c).size());
}

TEST_CASE("cell_cache: objects live and die once", "[cell_cache]") {
  {
    tandem::cell_cache<tracked, tracked, std::hash<tracked>, std::equal_to<tracked>> c(64, 256);
    std::int64_t kept = 0;
    c.on_evict([&](const tracked& k, tracked& v) { kept += k.key() == v.key(); });
    for (int k = 0; k != 2000; ++k) c.put(tracked(k), tracked(k));
    CHECK(kept == 2000 - 256);
    CHECK(tracked::live() == 2 * 256);
    for (int k = 0; k != 2000; ++k) c.erase(tracked(k));
    CHECK(tracked::live() == 0);
    for (int k = 0; k != 2000; ++k) c.get_or_emplace(tracked(k), [&] { return tracked(k); });
    CHECK(tracked::live() == static_cast<std::int64_t>(2 * c.size()));
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

#ifndef NDEBUG

TEST_CASE("cell_cache: calls that would wait for themselves are reported", "[cell_cache][misuse]") {
  auto const reported = [](auto f, const char* message) {
    auto const end = run_in_child([&] {
      tandem::cell_cache<int, int> c(64);
      c.put(1, 1);
      f(c);
    });
    INFO("status " << end.status << ", signal " << end.signal << ", output: " << end.output);
    CHECK(end.signal == SIGABRT);
    CHECK(end.says(message));
  };
  constexpr const char* reentrant = "of the same thread holds one of its locks";
  reported(
      [](auto& c) {
        auto const g = c.find(1);
        c.put(2, 2);
      },
      reentrant);
  reported([](auto& c) { c.visit_all([&](auto&) { c.contains(2) ? void() : void(); }); }, reentrant);
  reported([](auto& c) { c.update(1, [&](int&) { c.erase(1); }); }, reentrant);
  reported(
      [](auto& c) {
        auto const g = c.peek(1);
        c.get_or_emplace(2, [] { return 2; });
      },
      reentrant);
  reported([](auto& c) { c.get_or_emplace(2, [&] { return c.get_or_emplace(2, [] { return 2; }); }); },
           "by the factory for the same key");
  reported([](auto& c) { static_cast<void>(c.find(7)->second); }, "an empty guard was used");
}

#endif
