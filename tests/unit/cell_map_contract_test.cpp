// cell_map passes the suite of the concurrent maps: with the default cells, with cells of two slots, which overflow and resize
// all the time, and with reads that always lock.
#include <tandem/cell_map.hpp>

#include "support/concurrent_map_contract.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
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

template <class Options>
struct cells {
  template <class Key, class T, class Hash = tandem::hash<Key>, class KeyEqual = tandem::equal_to<Key>,
            class Allocator = std::allocator<std::pair<const Key, T>>>
  using map = tandem::cell_map<Key, T, Hash, KeyEqual, Allocator, Options>;
};

// int, int is small enough to be read without a lock.
template <class F>
void every_map(F f) {
  for_each_type<cells<tandem::cell_options>::map<int, int>, cells<tiny>::map<int, int>,
                cells<locked_reads>::map<int, int>>(f);
}

}  // namespace

TEST_CASE("cell_map: insertions say whether they inserted and leave what is there alone", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_insertions<Map>(); });
}

TEST_CASE("cell_map: of an insertion the visitor of the old element runs, or the one of the new, once", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_inserting_visitors<Map>(); });
}

TEST_CASE("cell_map: what visitors of insertions change stays changed, and ranges count what is new", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_inserting_visitors_change<Map>(); });
}

TEST_CASE("cell_map: visits reach each element once, as const elements where they promise it", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_visits<Map>(); });
}

TEST_CASE("cell_map: bulk visits visit an element as often as its key is given", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_bulk_visits<Map>(); });
}

TEST_CASE("cell_map: erasures judge each element once and count what is gone", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_erasures<Map>(); });
}

TEST_CASE("cell_map: copies are independent, and moved-from maps empty and good as new", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_copies_and_moves<Map>(); });
}

TEST_CASE("cell_map: swap, merge and comparison", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_swap_merge_compare<Map>(); });
}

TEST_CASE("cell_map: capacity grows and shrinks by itself and on demand", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_capacity<Map>(); });
}

TEST_CASE("cell_map: held capacity does not shrink until it is let go", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_held_capacity<Map>(); });
}

TEST_CASE("cell_map: get, read, value_or, at, update, exchange and extract", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_reads_and_updates<Map>(); });
}

TEST_CASE("cell_map: guards refer to an element until they end", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_guards<Map>(); });
}

TEST_CASE("cell_map: entries are slots, present or not", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_entries<Map>(); });
}
