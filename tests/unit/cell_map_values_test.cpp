// cell_map with keys, values, functions and allocators that need everything of it.
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

}  // namespace

TEST_CASE("cell_map: arguments are not touched if the key is there", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_untouched_arguments<Family>(); });
}

TEST_CASE("cell_map: keys and values may be move-only", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_move_only<Family>(); });
}

TEST_CASE("cell_map: over-aligned elements are aligned", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_over_aligned<Family>(); });
}

TEST_CASE("cell_map: values without default constructor and assignment", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_demanding_values<Family>(); });
}

TEST_CASE("cell_map: every element that is made is destroyed once", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_lives<Family, false>(); });
}

TEST_CASE("cell_map: every element is destroyed once, too, if moves may throw", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_lives<Family, true>(); });
}

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

TEST_CASE("cell_map: keys of one hash are kept apart", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_colliding_keys<Family>(); });
}
