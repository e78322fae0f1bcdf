#ifndef TANDEM_CELL_MAP_HPP
#define TANDEM_CELL_MAP_HPP

#include <tandem/cell/container.hpp>
#include <tandem/cell/element.hpp>
#include <tandem/cell/table.hpp>
#include <tandem/cell/visiting.hpp>
#include <tandem/hash.hpp>
#include <tandem/options.hpp>

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#if __has_include(<memory_resource>)
#include <memory_resource>
#endif

namespace tandem {

namespace cell {

template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Options>
using map_table =
    table<map_element<Key, T>, Hash, KeyEqual,
          typename std::allocator_traits<Allocator>::template rebind_alloc<std::pair<const Key, T>>, Options>;

template <class Table>
using map_container = container<visiting_map<Table>, Table>;

}  // namespace cell

template <class Key, class T, class Hash = hash<Key>, class KeyEqual = equal_to<Key>,
          class Allocator = std::allocator<std::pair<const Key, T>>, class Options = cell_options>
class cell_map : public cell::map_container<cell::map_table<Key, T, Hash, KeyEqual, Allocator, Options>> {
  using base = cell::map_container<cell::map_table<Key, T, Hash, KeyEqual, Allocator, Options>>;

 public:
  using typename base::value_type;

  constexpr cell_map() = default;
  using base::base;
  cell_map(const cell_map&) = default;
  cell_map(cell_map&&) = default;
  ~cell_map() = default;

  cell_map& operator=(const cell_map&) = default;
  cell_map& operator=(cell_map&&) = default;
  // Others see the old elements or the new ones.
  cell_map& operator=(std::initializer_list<value_type> list) {
    this->assign(list);
    return *this;
  }

  // Whether both have the same keys with equal values. Exact if nobody writes meanwhile. Linear.
  friend bool operator==(const cell_map& a, const cell_map& b)
    requires std::equality_comparable<T>
  {
    return base::equal(a, b);
  }
  friend void swap(cell_map& a, cell_map& b) noexcept(noexcept(a.swap(b))) { a.swap(b); }
  // Erases the elements for which pred(element) is true. Returns how many.
  template <class Predicate>
  friend std::size_t erase_if(cell_map& map, Predicate&& pred) {
    return map.erase_if(pred);
  }
};

}  // namespace tandem

#endif
