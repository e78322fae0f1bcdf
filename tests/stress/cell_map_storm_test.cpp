// cell_map while it grows and shrinks all the time: the laws of concurrent maps beside storms. With values that are read without
// a lock and with such as are not, in cells of the usual size, in cells of two slots, and with keys that share two cells.
#include <tandem/cell_map.hpp>

#include "support/catch.hpp"
#include "support/concurrent_map_contract.hpp"
#include "support/concurrent_map_laws.hpp"

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

template <class T, class Hash = tandem::hash<std::uint64_t>, class Options = tandem::cell_options>
using map_of = tandem::cell_map<std::uint64_t, T, Hash, std::equal_to<std::uint64_t>,
                                std::allocator<std::pair<const std::uint64_t, T>>, Options>;

using plain_map = map_of<std::uint64_t>;
using tiny_plain_map = map_of<std::uint64_t, pausing_hash, tiny>;
using living_map = map_of<living>;
using tiny_living_map = map_of<living, pausing_hash, tiny>;
using crowded_map = map_of<std::uint64_t, two_cells_hash, tiny>;

constexpr std::size_t cycles = rounds(60);

// Elements that a storm brings; those that share two cells are slow.
template <class Map>
constexpr std::size_t storm_for = std::is_same_v<Map, crowded_map> ? 40
                                  : under_thread_sanitizer         ? 300
                                                                   : 600;

template <class F>
void every_storm(F f) {
  for_each_type<plain_map, tiny_plain_map, living_map, tiny_living_map, crowded_map>(
      [&]<class Map>(std::type_identity<Map> type) { f(type, cycles, storm_for<Map>); });
}

}  // namespace

TEST_CASE("cell_map: no increment is lost, wherever the element is moved", "[cell_map][stress]") {
  every_storm([]<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) {
    check_increments<Map>(n, keys, visiting_increment<Map>);
  });
}

TEST_CASE("cell_map: no increment is lost by guards, entries and bulk visits", "[cell_map][stress]") {
  every_storm([]<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) {
    check_increments<Map>(n, keys, guarded_increment<Map>);
  });
}

TEST_CASE("cell_map: a key that is there is never missed while others come and go", "[cell_map][stress]") {
  every_storm(
      []<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) { check_presence<Map>(n, keys); });
}

TEST_CASE("cell_map: guards, entries and bulk visits never miss a key either", "[cell_map][stress]") {
  every_storm([]<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) {
    check_presence_for_guards_and_bulk<Map>(n, keys);
  });
}

TEST_CASE("cell_map: a scan shows what is there all along exactly once", "[cell_map][stress]") {
  every_storm([]<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) { check_scans<Map>(n, keys); });
}

TEST_CASE("cell_map: erase_if erases what it chose, once", "[cell_map][stress]") {
  every_storm([]<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) {
    check_selective_erasure<Map>(n, keys);
  });
}
