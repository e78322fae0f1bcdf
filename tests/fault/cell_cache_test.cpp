// cell_cache when what belongs to its user fails: copies, moves, hashes, comparisons, factories, the allocator and the function
// for evictions throw, each at every place where they can.
//
// A call on one element succeeds or has no effect on that key, and nothing is lost that nobody was told about. Whatever happened, no lock
// stays locked, the count is right, nothing leaks and nothing is destroyed twice.
#include <tandem/cell_cache.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/tracked.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

namespace {

using namespace tandem::test;

struct tiny : tandem::cell_cache_options {
  static constexpr std::size_t slots = 2;
};
struct weighted : tiny {
  struct weigher {
    template <class T>
    std::size_t operator()(const T&, const T& v) const noexcept {
      return static_cast<std::size_t>(v.id());
    }
  };
};

template <class T, class Options>
using cache_of =
    tandem::cell_cache<T, T, std::hash<T>, std::equal_to<T>, budget_allocator<std::pair<const T, T>>, Options>;
using plain_cache = cache_of<tracked, tandem::cell_cache_options>;
using tiny_cache = cache_of<tracked, tiny>;
using fragile_cache = cache_of<tracked_throwing_move, tiny>;
using weighted_cache = cache_of<tracked, weighted>;

using numbers = std::map<int, int>;

template <class Cache>
numbers contents(const Cache& c) {
  numbers all;
  c.cvisit_all([&](const auto& k, const auto& v) { all.emplace(k.key(), v.key()); });
  if (all.size() != c.size()) all.clear();
  return all;
}

bool all_is_well() {
  return tracked::live() == 0 && tracked::corrupt() == 0 && budget_allocator<std::byte>::account().balanced();
}

// Walks call(cache) on a cache that is full. `told` are the evictions; with those the content must be what it was, but for `key`.
template <class Cache, class Call>
void check_nothing_is_lost(const char* name, int key, Call call) {
  using object = typename Cache::key_type;
  INFO(name);
  int evictions = 0, throwing = 0;
  int const failures = walk_faults([&](auto inject) {
    Cache c(0, 16);
    for (int k = 0; k != 200; ++k) c.put(object(k), object(10 * k, 1));
    numbers const before = contents(c);
    REQUIRE(before.size() == c.size());
    REQUIRE(!before.empty());
    numbers told;
    c.on_evict([&](const object& k, object& v) {
      told.emplace(k.key(), v.key());
      faults::reach(fault_call);
    });
    // A key that is absent, and one that is present.
    bool const done = inject([&] { call(c, object(key < 0 ? before.begin()->first : key)); });
    numbers all = contents(c);
    int const changed = key < 0 ? before.begin()->first : key;
    for (auto const& [k, v] : told) {
      bool const fresh = all.emplace(k, v).second;
      if (!fresh) CHECK(fresh);
    }
    evictions += static_cast<int>(told.size());
    throwing += !done && !told.empty();
    numbers expected = before;
    if (key < 0 || all.count(changed) == 0) {
      expected.erase(changed);
      numbers rest = all;
      rest.erase(changed);
      CHECK(rest == expected);
    } else {
      all.erase(changed);
      CHECK(all == before);
    }
    // It can be used.
    for (int k = 1000; k != 1020; ++k) c.put(object(k), object(k, 1));
    CHECK(c.contains(object(1019)));
    CHECK(c.size() == contents(c).size());
  });
  CHECK(failures > 0);
  if (key >= 0) {
    CHECK(evictions > 0);
    CHECK(throwing > 0);
  }
  CHECK(all_is_well());
}

}  // namespace

TEMPLATE_TEST_CASE("cell_cache: a put that throws has no effect, but that others may have gone, who were told of",
                   "[cell_cache][fault]", plain_cache, tiny_cache, fragile_cache, weighted_cache) {
  using object = typename TestType::key_type;
  auto const put = [](TestType& c, const object& k) { c.put(k, object(5, 1)); };
  check_nothing_is_lost<TestType>("present", -1, put);
  if constexpr (!std::is_same_v<TestType, plain_cache>) {
    check_nothing_is_lost<TestType>("absent", 777, put);
  }
  auto const emplace = [](TestType& c, const object& k) {
    c.get_or_emplace(k, [] {
      faults::reach(fault_call);
      return object(5, 1);
    });
  };
  if constexpr (!std::is_same_v<TestType, plain_cache>) {
    check_nothing_is_lost<TestType>("get_or_emplace, absent", 777, emplace);
  }
  check_nothing_is_lost<TestType>("erase", -1, [](TestType& c, const object& k) { c.erase(k); });
  check_nothing_is_lost<TestType>("get", -1, [](TestType& c, const object& k) { static_cast<void>(c.get(k)); });
}

TEMPLATE_TEST_CASE("cell_cache: puts that throw while the table grows lose nothing", "[cell_cache][fault]", plain_cache,
                   tiny_cache, fragile_cache) {
  using object = typename TestType::key_type;
  int done_once = 0;
  int const failures = walk_faults([&](auto inject) {
    TestType c(0, 4096);
    numbers told;
    c.on_evict([&](const object& k, object& v) { told.emplace(k.key(), v.key()); });
    int inserted = 0;
    bool const done = inject([&] {
      for (; inserted != 60; ++inserted) c.put(object(inserted), object(10 * inserted));
    });
    done_once += done;
    for (; inserted != 80; ++inserted) c.put(object(inserted), object(10 * inserted));
    numbers all = contents(c);
    all.insert(told.begin(), told.end());
    numbers expected;
    for (int k = 0; k != 80; ++k) expected.emplace(k, 10 * k);
    if (all != expected) CHECK(all == expected);
  });
  CHECK(failures > 60);
  CHECK(done_once > 0);
  CHECK(all_is_well());
}

TEMPLATE_TEST_CASE("cell_cache: a shrinking that fails loses nothing, and goes on later", "[cell_cache][fault]",
                   tiny_cache, fragile_cache) {
  using object = typename TestType::key_type;
  int evicted = 0;
  int const failures = walk_faults([&](auto inject) {
    TestType c(0, 64);
    for (int k = 0; k != 400; ++k) c.put(object(k), object(10 * k));
    int kept = 0;
    // Of the elements of the first cells some are left.
    c.erase_if([&](auto&) { return ++kept > 7; });
    numbers const before = contents(c);
    numbers told;
    c.on_evict([&](const object& k, object& v) { told.emplace(k.key(), v.key()); });
    int last = 1000;
    inject([&] {
      for (; last != 1030; ++last) c.put(object(1000), object(1));
    });
    for (last = 0; last != 30; ++last) c.put(object(1000), object(1));
    CHECK(!c.stats().moving);
    numbers all = contents(c);
    all.insert(told.begin(), told.end());
    all.erase(1000);
    if (all != before) CHECK(all == before);
    evicted += static_cast<int>(told.size());
  });
  CHECK(failures > 0);
  CHECK(evicted > 0);
  CHECK(all_is_well());
}

TEST_CASE("cell_cache: a function for evictions that throws is called for the others too", "[cell_cache][fault]") {
  weighted_cache c(0, 100);  // two cells of at most two elements
  int told = 0;
  for (int k = 0; k != 100; ++k) c.put(tracked(k), tracked(k, 20));
  std::size_t const before = c.size();
  REQUIRE(before >= 3);
  c.on_evict([&](const tracked&, tracked&) {
    ++told;
    throw injected_fault();
  });
  // As heavy as a share: everything else in the cell has to go.
  auto const share = static_cast<int>(100 / (c.capacity() / 2));
  int puts = 0;
  for (int k = 1000; told < 2; ++k, ++puts) {
    REQUIRE(puts < 100);
    int const were = told;
    bool thrown = false;
    try {
      c.put(tracked(k), tracked(k, share));
    } catch (const injected_fault&) {
      thrown = true;
    }
    CHECK(thrown == (told != were));
    CHECK(c.contains(tracked(k)));
  }
  CHECK(c.stats().evictions >= static_cast<std::size_t>(told));
}
