// sharded_map under several threads: the laws of concurrent maps, over its own sequential map and over std::unordered_map.
#include <tandem/sharded_map.hpp>

#include "support/catch.hpp"
#include "support/concurrent_map_contract.hpp"
#include "support/concurrent_map_laws.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace {

using namespace tandem::test;

struct plugged : tandem::sharded_map_options {
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = std::unordered_map<Key, T, Hash, KeyEqual, Allocator>;
};

template <class T, class Options>
using map_of = tandem::sharded_map<std::uint64_t, T, tandem::hash<std::uint64_t>, std::equal_to<std::uint64_t>,
                                   std::allocator<std::pair<const std::uint64_t, T>>, Options>;

constexpr std::size_t cycles = rounds(60);
constexpr std::size_t storm = 300;

template <class F>
void every_map(F f) {
  for_each_type<map_of<living, tandem::sharded_map_options>, map_of<std::uint64_t, plugged>>(f);
}

}  // namespace

TEST_CASE("sharded_map: exactly one wins a key, going in or out", "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_one_winner<Map>(); });
}

TEST_CASE("sharded_map: what calls return adds up to what is there", "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_sums<Map>(); });
}

TEST_CASE("sharded_map: no increment is lost", "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_increments<Map>(cycles, storm, visiting_increment<Map>); });
}

TEST_CASE("sharded_map: a key that is there is never missed while others come and go", "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_presence<Map>(cycles, storm); });
}

TEST_CASE("sharded_map: a scan shows what is there all along exactly once", "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_scans<Map>(cycles, storm); });
}

TEST_CASE("sharded_map: erase_if erases what it chose, once", "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_selective_erasure<Map>(cycles, storm); });
}

TEST_CASE("sharded_map: maps may be merged into each other from both sides", "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_merges_both_ways<Map>(); });
}

TEST_CASE("sharded_map: maps with as many shards may be swapped and assigned beside other calls",
          "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_swaps<Map>(); });
}

TEST_CASE("sharded_map: swaps, merges, copies and comparisons of the same maps do not lock each other out",
          "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_whole_maps_together<Map>(); });
}

TEST_CASE("sharded_map: visitors meet living elements only", "[sharded_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_visitors_meet_the_living<Map>(); });
}
