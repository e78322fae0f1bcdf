// cell_map passes the suite of the concurrent maps with strings as keys and values, and with large numbers.
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

template <class Options>
struct cells {
  template <class Key, class T, class Hash = tandem::hash<Key>, class KeyEqual = tandem::equal_to<Key>,
            class Allocator = std::allocator<std::pair<const Key, T>>>
  using map = tandem::cell_map<Key, T, Hash, KeyEqual, Allocator, Options>;
};

template <class F>
void every_map(F f) {
  for_each_type<cells<tandem::cell_options>::map<std::string, std::string>, cells<tiny>::map<std::string, int>,
                cells<tandem::cell_options>::map<std::uint64_t, std::uint64_t>>(f);
}

}  // namespace

TEST_CASE("cell_map of strings: insertions say whether they inserted and leave what is there alone", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_insertions<Map>(); });
}

TEST_CASE("cell_map of strings: of an insertion the visitor of the old element runs, or the one of the new, once",
          "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_inserting_visitors<Map>(); });
}

TEST_CASE("cell_map of strings: what visitors of insertions change stays changed, and ranges count what is new",
          "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_inserting_visitors_change<Map>(); });
}

TEST_CASE("cell_map of strings: visits reach each element once, as const elements where they promise it",
          "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_visits<Map>(); });
}

TEST_CASE("cell_map of strings: bulk visits visit an element as often as its key is given", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_bulk_visits<Map>(); });
}

TEST_CASE("cell_map of strings: erasures judge each element once and count what is gone", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_erasures<Map>(); });
}

TEST_CASE("cell_map of strings: copies are independent, and moved-from maps empty and good as new", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_copies_and_moves<Map>(); });
}

TEST_CASE("cell_map of strings: swap, merge and comparison", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_swap_merge_compare<Map>(); });
}

TEST_CASE("cell_map of strings: capacity grows and shrinks by itself and on demand", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_capacity<Map>(); });
}

TEST_CASE("cell_map of strings: held capacity does not shrink until it is let go", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_held_capacity<Map>(); });
}

TEST_CASE("cell_map of strings: get, read, value_or, at, update, exchange and extract", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_reads_and_updates<Map>(); });
}

TEST_CASE("cell_map of strings: guards refer to an element until they end", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_guards<Map>(); });
}

TEST_CASE("cell_map of strings: entries are slots, present or not", "[cell_map]") {
  every_map([]<class Map>(std::type_identity<Map>) { check_entries<Map>(); });
}
