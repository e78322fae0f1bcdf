// cell_map with allocators, hash functions and equalities that need everything of it.
#include <tandem/cell_map.hpp>

#include "support/concurrent_map_contract.hpp"

#include <cstddef>
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
void every_family(F f) {
  for_each_type<cells<tandem::cell_options>, cells<tiny>>(f);
}

constinit tandem::cell_map<int, int> global_map;

}  // namespace

TEST_CASE("cell_map: an empty map owns no memory, and lookups and erasures in it ask for none", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_empty_map_owns_nothing<Family>(); });
}

TEST_CASE("cell_map: memory goes back to where it came from", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_allocators<Family>(); });
}

TEST_CASE("cell_map: memory resources", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_memory_resources<Family>(); });
}

TEST_CASE("cell_map: hash and equality with state go where the elements go", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_functions_with_state<Family>(); });
}

TEST_CASE("cell_map: strings are looked up by views and literals without an allocation", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_string_lookups<Family>(); });
}

TEST_CASE("cell_map: keys are looked up by what compares equal to them", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_transparent_lookups<Family>(); });
}

TEST_CASE("cell_map: a global map needs no code to start", "[cell_map]") {
  CHECK(global_map.stats().bytes == 0);
  CHECK(global_map.insert({1, 10}));
  CHECK(contents(global_map) == numbers{{1, 10}});
  CHECK(global_map.erase(1) == 1);
  CHECK(global_map.empty());
}
