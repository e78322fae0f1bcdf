// evmap over different sequential maps: std::unordered_map, and Boost's flat map where it is installed.
#include <tandem/evmap.hpp>

#include "support/catch.hpp"
#include "support/evmap_contract.hpp"

#include <unordered_map>

#if __has_include(<boost/unordered/unordered_flat_map.hpp>)
#include <boost/unordered/unordered_flat_map.hpp>
#endif

namespace {

struct over_std : tandem::evmap_options {
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = std::unordered_map<Key, T, Hash, KeyEqual, Allocator>;
};

#if __has_include(<boost/unordered/unordered_flat_map.hpp>)
struct over_boost : tandem::evmap_options {
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = boost::unordered_flat_map<Key, T, Hash, KeyEqual, Allocator>;
};
#else
using over_boost = over_std;
#endif

}  // namespace

TEMPLATE_TEST_CASE("evmap keeps its promises over any map", "[evmap][map]", over_std, over_boost) {
  SECTION("changes") { tandem::test::check_changes<TestType>(); }
  SECTION("lookups") { tandem::test::check_lookups<TestType>(); }
  SECTION("values and memory") { tandem::test::check_values_and_memory<TestType>(); }
}
