// evmap over abseil's flat map, which has to be linked: the build defines TANDEM_TEST_HAS_ABSL when it has found it.
#ifdef TANDEM_TEST_HAS_ABSL

#include <tandem/evmap.hpp>

#include "support/catch.hpp"
#include "support/evmap_contract.hpp"

#include <absl/container/flat_hash_map.h>

namespace {

struct over_absl : tandem::evmap_options {
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = absl::flat_hash_map<Key, T, Hash, KeyEqual, Allocator>;
};

}  // namespace

TEST_CASE("evmap keeps its promises over abseil's map", "[evmap][map]") {
  SECTION("changes") { tandem::test::check_changes<over_absl>(); }
  SECTION("lookups") { tandem::test::check_lookups<over_absl>(); }
  SECTION("values and memory") { tandem::test::check_values_and_memory<over_absl>(); }
}

#endif
