// cell_map with keys and values that need everything of it.
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

TEST_CASE("cell_map: keys of one hash are kept apart", "[cell_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_colliding_keys<Family>(); });
}
