// sharded_map passes the suite of the concurrent maps, over its own sequential map, over std::unordered_map, and with a single shard;
// and what it has besides: shards.
#include <tandem/sharded_map.hpp>

#include "support/concurrent_map_contract.hpp"

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

struct plugged : tandem::sharded_map_options {
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = std::unordered_map<Key, T, Hash, KeyEqual, Allocator>;
};
struct one_shard : tandem::sharded_map_options {
  static constexpr std::size_t shards = 1;
};

template <class Options>
struct shards {
  template <class Key, class T, class Hash = tandem::hash<Key>, class KeyEqual = tandem::equal_to<Key>,
            class Allocator = std::allocator<std::pair<const Key, T>>>
  using map = tandem::sharded_map<Key, T, Hash, KeyEqual, Allocator, Options>;
};

template <class F>
void every_map(F f) {
  for_each_type<shards<tandem::sharded_map_options>::map<int, int>, shards<plugged>::map<std::string, std::string>,
                shards<one_shard>::map<int, int>>(f);
}

constinit tandem::sharded_map<int, int> global_map;

}  // namespace

TEST_CASE("sharded_map: insertions say whether they inserted and leave what is there alone", "[sharded_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_insertions<Map>(); });
}

TEST_CASE("sharded_map: of an insertion the visitor of the old element runs, or the one of the new, once",
          "[sharded_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_inserting_visitors<Map>(); });
}

TEST_CASE("sharded_map: what visitors of insertions change stays changed, and ranges count what is new",
          "[sharded_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_inserting_visitors_change<Map>(); });
}

TEST_CASE("sharded_map: visits reach each element once, as const elements where they promise it", "[sharded_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_visits<Map>(); });
}

TEST_CASE("sharded_map: erasures judge each element once and count what is gone", "[sharded_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_erasures<Map>(); });
}

TEST_CASE("sharded_map: copies are independent, and moved-from maps empty and good as new", "[sharded_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_copies_and_moves<Map>(); });
}

TEST_CASE("sharded_map: swap, merge and comparison", "[sharded_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_swap_merge_compare<Map>(); });
}

TEST_CASE("sharded_map: get, read, value_or, at, update, exchange and extract", "[sharded_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_reads_and_updates<Map>(); });
}

TEST_CASE("sharded_map: the number of shards is a power of two, from the options or the constructor", "[sharded_map]") {
  using map = tandem::sharded_map<int, int>;
  std::size_t const usual = map().shard_count();
  CHECK(usual >= 16);
  CHECK((usual & (usual - 1)) == 0);
  CHECK(map(8).shard_count() == 8);
  CHECK(map(9).shard_count() == 16);
  CHECK(map(1).shard_count() == 1);
  CHECK(map(0).shard_count() == usual);
  CHECK(shards<one_shard>::map<int, int>().shard_count() == 1);
  map eight(8);
  for (int i = 0; i != 100; ++i) eight.emplace(i, 10 * i);
  CHECK(map(eight).shard_count() == 8);
  map other(2);
  other = eight;
  CHECK(contents(other) == tens(100));
  CHECK(other == eight);
  map two(2);
  two.emplace(1, 1);
  two.swap(other);
  CHECK(contents(two) == tens(100));
  CHECK(contents(other) == numbers{{1, 1}});
}

TEST_CASE("sharded_map: every key is in its shard, and the shards are all used", "[sharded_map]") {
  tandem::sharded_map<int, int> m(8);
  for (int i = 0; i != 1000; ++i) m.emplace(i, 10 * i);
  const auto& constant = m;
  numbers seen;
  for (std::size_t s = 0; s != 8; ++s) {
    int here = 0, wrong = 0;
    std::size_t const returned = m.visit_shard(s, [&](auto& x) {
      static_assert(!std::is_const_v<std::remove_reference_t<decltype(x)>>);
      wrong += m.shard_of(x.first) != s;  // needs no lock
      ++here;
      seen.insert(x);
    });
    CHECK(returned == static_cast<std::size_t>(here));
    CHECK(wrong == 0);
    CHECK(here > 60);
    CHECK(here < 200);
    int constants = 0;
    CHECK(constant.visit_shard(
              s, [&](auto& x) { constants += std::is_const_v<std::remove_reference_t<decltype(x)>>; }) == returned);
    CHECK(constants == here);
  }
  CHECK(seen == tens(1000));
  CHECK(m.visit_shard(m.shard_of(7), [](const int& k, int& v) { v += k == 7 ? 1 : 0; }) > 0);
  CHECK(m.get(7) == 71);
  auto const s = m.stats();
  CHECK(s.shards == 8);
  CHECK(s.size == 1000);
  CHECK(s.smallest > 60);
  CHECK(s.largest < 200);
}

TEST_CASE("sharded_map: keys that differ in few bits are spread over shards and within them", "[sharded_map]") {
  // Multiples of a large power of two: shards and the maps inside them must not use the same bits of the hash.
  tandem::sharded_map<std::uint64_t, int> m(16);
  for (std::uint64_t i = 0; i != 4000; ++i) m.emplace(i << 40, 1);
  CHECK(m.stats().smallest > 4000 / 16 / 2);
  CHECK(m.stats().largest < 4000 / 16 * 2);
}

TEST_CASE("sharded_map: room can be reserved", "[sharded_map]") {
  every_map([]<class Map>(std::type_identity<Map>) {
    Map m = filled<Map>(10);
    m.reserve(5000);
    CHECK(contents(m) == tens(10));
    for (int i = 10; i != 3000; ++i) {
      m.emplace(numbered<typename Map::key_type>(i), numbered<typename Map::mapped_type>(10 * i));
    }
    CHECK(contents(m) == tens(3000));
    m.clear();
    CHECK(contents(m) == numbers{});
    CHECK(m.max_size() > 3000);
  });
}

TEST_CASE("sharded_map: a global map needs no code to start, and owns no memory until it is used", "[sharded_map]") {
  CHECK(global_map.empty());
  CHECK(global_map.insert({1, 10}));
  CHECK(contents(global_map) == numbers{{1, 10}});
  CHECK(global_map.erase(1) == 1);
  CHECK(global_map.empty());
}
