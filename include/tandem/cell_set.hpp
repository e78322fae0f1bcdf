// cell_set: a hash set that any thread may read and write at any time.
//
// cell_map without values, after boost::concurrent_flat_set. What cell_map.hpp says about when to use it, costs, thread safety,
// progress, re-entrancy and exceptions holds here too, and the interface is documented in the same places: operations in
// cell/visiting.hpp, construction, assignment and conversion in cell/container.hpp, guards in cell/guards.hpp.
//
//     tandem::cell_set<std::string> seen;
//     if (seen.insert(url)) fetch(url);                        // one thread fetches it
//     seen.insert_and_cvisit(url, [](const auto& s) { ... },   // the element that is new
//                                 [](const auto& s) { ... });  // the one that was there
//
// Elements are const for all functions. visit and find_exclusive give no more access than cvisit and find do, but keep others
// out; get(k) returns a copy of the element that is equal to k, read(k, f) what f makes of it, extract(k) the element itself.
// insert() and emplace() of something that hash and equality take in the place of a key makes a key only if there is none yet.
//
// **Differences to boost::concurrent_flat_set**: as cell_map's.
#ifndef TANDEM_CELL_SET_HPP
#define TANDEM_CELL_SET_HPP

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

template <class Key, class Hash, class KeyEqual, class Allocator, class Options>
using set_table = table<set_element<Key>, Hash, KeyEqual,
                        typename std::allocator_traits<Allocator>::template rebind_alloc<Key>, Options>;

template <class Table>
using set_container = guarded_container<visiting<Table>, Table>;

}  // namespace cell

// Allocator is rebound to Key. Options: cell_options (options.hpp).
template <class Key, class Hash = hash<Key>, class KeyEqual = equal_to<Key>, class Allocator = std::allocator<Key>,
          class Options = cell_options>
class cell_set : public cell::set_container<cell::set_table<Key, Hash, KeyEqual, Allocator, Options>> {
  using base = cell::set_container<cell::set_table<Key, Hash, KeyEqual, Allocator, Options>>;

 public:
  using typename base::allocator_type;
  using typename base::hasher;
  using typename base::key_equal;
  using typename base::size_type;
  using typename base::value_type;

  constexpr cell_set() = default;
  using base::base;
  // Inherited like the others, and repeated here so that the deduction of template arguments considers lists.
  cell_set(std::initializer_list<value_type> list, size_type n = 0, const hasher& hash = hasher(),
           const key_equal& equal = key_equal(), const allocator_type& alloc = allocator_type())
      : base(list, n, hash, equal, alloc) {}
  cell_set(const cell_set&) = default;
  cell_set(cell_set&&) = default;
  ~cell_set() = default;

  cell_set& operator=(const cell_set&) = default;
  cell_set& operator=(cell_set&&) = default;
  // Others see the old elements or the new ones.
  cell_set& operator=(std::initializer_list<value_type> list) {
    this->assign(list);
    return *this;
  }

  // Whether both have the same elements. Exact if nobody writes meanwhile. Linear.
  friend bool operator==(const cell_set& a, const cell_set& b) { return base::equal(a, b); }
  friend void swap(cell_set& a, cell_set& b) noexcept(noexcept(a.swap(b))) { a.swap(b); }
  // Erases the elements for which pred(element) is true. Returns how many.
  template <class Predicate>
  friend std::size_t erase_if(cell_set& set, Predicate&& pred) {
    return set.erase_if(pred);
  }
};

// ---- Deduction of template arguments.

template <std::input_iterator It, detail::a_function Hash = hash<std::iter_value_t<It>>,
          detail::a_function KeyEqual = equal_to<std::iter_value_t<It>>,
          detail::an_allocator Allocator = std::allocator<std::iter_value_t<It>>>
cell_set(It, It, std::size_t = 0, Hash = Hash(), KeyEqual = KeyEqual(), Allocator = Allocator())
    -> cell_set<std::iter_value_t<It>, Hash, KeyEqual, Allocator>;
template <std::input_iterator It, detail::an_allocator Allocator>
cell_set(It, It, Allocator)
    -> cell_set<std::iter_value_t<It>, hash<std::iter_value_t<It>>, equal_to<std::iter_value_t<It>>, Allocator>;
template <std::input_iterator It, detail::an_allocator Allocator>
cell_set(It, It, std::size_t, Allocator)
    -> cell_set<std::iter_value_t<It>, hash<std::iter_value_t<It>>, equal_to<std::iter_value_t<It>>, Allocator>;
template <std::input_iterator It, detail::a_function Hash, detail::an_allocator Allocator>
cell_set(It, It, std::size_t, Hash, Allocator)
    -> cell_set<std::iter_value_t<It>, Hash, equal_to<std::iter_value_t<It>>, Allocator>;

template <class Key, detail::a_function Hash = hash<Key>, detail::a_function KeyEqual = equal_to<Key>,
          detail::an_allocator Allocator = std::allocator<Key>>
cell_set(std::initializer_list<Key>, std::size_t = 0, Hash = Hash(), KeyEqual = KeyEqual(), Allocator = Allocator())
    -> cell_set<Key, Hash, KeyEqual, Allocator>;
template <class Key, detail::an_allocator Allocator>
cell_set(std::initializer_list<Key>, Allocator) -> cell_set<Key, hash<Key>, equal_to<Key>, Allocator>;
template <class Key, detail::an_allocator Allocator>
cell_set(std::initializer_list<Key>, std::size_t, Allocator) -> cell_set<Key, hash<Key>, equal_to<Key>, Allocator>;
template <class Key, detail::a_function Hash, detail::an_allocator Allocator>
cell_set(std::initializer_list<Key>, std::size_t, Hash, Allocator) -> cell_set<Key, Hash, equal_to<Key>, Allocator>;

#if __has_include(<memory_resource>)
namespace pmr {

template <class Key, class Hash = hash<Key>, class KeyEqual = equal_to<Key>, class Options = cell_options>
using cell_set = tandem::cell_set<Key, Hash, KeyEqual, std::pmr::polymorphic_allocator<Key>, Options>;

}  // namespace pmr
#endif

}  // namespace tandem

#endif
