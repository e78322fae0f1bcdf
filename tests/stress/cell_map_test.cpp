// cell_map under several threads: the laws of concurrent maps, with values that are read without a lock and with such as are not,
// in cells of the usual size and in cells of two slots, which overflow and resize all the time.
#include <tandem/cell_map.hpp>

#include "support/catch.hpp"
#include "support/concurrent_map_contract.hpp"
#include "support/concurrent_map_laws.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace {

using namespace tandem::test;

struct tiny : tandem::cell_options {
  static constexpr std::size_t slots = 2;
};

struct locked_reads : tandem::cell_options {
  static constexpr bool optimistic_reads = false;
};

struct interrupted : tandem::cell_options {
  using atomics = interrupted_atomics;
};

template <class T, class Hash = tandem::hash<std::uint64_t>, class Options = tandem::cell_options>
using map_of = tandem::cell_map<std::uint64_t, T, Hash, std::equal_to<std::uint64_t>,
                                std::allocator<std::pair<const std::uint64_t, T>>, Options>;

using plain_map = map_of<std::uint64_t>;
using tiny_plain_map = map_of<std::uint64_t, pausing_hash, tiny>;
using living_map = map_of<living>;
using tiny_living_map = map_of<living, pausing_hash, tiny>;

template <class F>
void every_map(F f) {
  for_each_type<plain_map, tiny_plain_map, living_map, tiny_living_map>(f);
}

}  // namespace

TEST_CASE("cell_map: exactly one wins a key, going in or out", "[cell_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_one_winner<Map>(); });
}

TEST_CASE("cell_map: what calls return adds up to what is there", "[cell_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_sums<Map>(); });
}

TEST_CASE("cell_map: maps may be merged into each other from both sides", "[cell_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_merges_both_ways<Map>(); });
}

TEST_CASE("cell_map: maps may be swapped and assigned beside other calls", "[cell_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_swaps<Map>(); });
}

TEST_CASE("cell_map: exclusive guards are alone, and shared ones see no change", "[cell_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_guards_exclude<Map>(); });
}

TEST_CASE("cell_map: swaps, merges, copies and comparisons of the same maps do not lock each other out",
          "[cell_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_whole_maps_together<Map>(); });
}

TEST_CASE("cell_map: visitors meet living elements only", "[cell_map][stress]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_visitors_meet_the_living<Map>(); });
}

TEST_CASE("cell_map: reads beside writes see whole elements, in order, and no gaps", "[cell_map][stress]") {
  for_each_type<map_of<twin>, map_of<twin, pausing_hash, tiny>, map_of<twin, std::hash<std::uint64_t>, locked_reads>,
                map_of<twin, std::hash<std::uint64_t>, interrupted>>(
      []<class Map>(std::type_identity<Map>) { check_whole_reads<Map>(); });
}
