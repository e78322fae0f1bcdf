// cell_map: a hash map that any thread may read and write at any time.
//
// After boost::concurrent_flat_map: no iterators and no references, but functions that are called with an element while its
// lock is held. The table is made of cells of 32 elements with a lock each, so threads meet only when they want the same
// cell at the same time; and it grows and shrinks a few cells per operation, so no operation waits for a whole table.
//
//     tandem::cell_map<std::string, int> hits;
//     hits.try_emplace_or_visit("/index", 1, [](auto& entry) { ++entry.second; });   // insert or change: atomic
//     hits.visit("/index", [](const std::string&, int& n) { n = 0; });
//     std::optional<int> n = hits.get("/index");
//     hits.erase_if([](const auto& entry) { return entry.second == 0; });
//
// Use it for caches, registries, counters: where any thread writes, and what is written must be seen at once. Do not use it
// when
//   - one thread writes, or writes come in batches: evmap's readers take no lock;
//   - elements must be ordered, or a scan must see one moment: visit_all sees each element as it is when it gets there;
//   - code wants to keep references to elements: there are none, but for guards;
//   - values are expensive to look at under a lock: hold a std::shared_ptr to them, and get() that.
//
// **Interface.** The operations are documented in cell/visiting.hpp, construction, assignment and conversion in
// cell/container.hpp, guards in cell/guards.hpp:
//
//   read      get read value_or at contains count            a copy, or what a function makes of the element
//             visit cvisit                                   f(element); many keys at once: visit(first, last, f)
//             find find_exclusive                            the lock, in a guard
//   insert    emplace insert try_emplace insert_or_assign    and all of them ..._or_visit, ..._or_cvisit, ..._and_visit,
//                                                            ..._and_cvisit; insert_or_assign has exchange, which returns the
//                                                            old value
//   change    visit update                                   update returns what the function returned
//   erase     erase erase_if extract clear
//   all       visit_all cvisit_all visit_while cvisit_while erase_if, with an execution policy too; merge, ==
//   in steps  entry                                          the lock of a key, present or not, in a guard
//   table     size empty reserve rehash bucket_count load_factor hold_capacity stats ...
//
// **Costs.** A lookup or a change hashes once, takes one lock and touches two or three cache lines, whatever the size.
// Lookups of pairs of plain data (is_plain_data, concepts.hpp) of at most a few words copy the pair and take no lock.
// Memory: 64 bytes for each cell of 32, and the elements; elements that are large or whose moves may throw have an
// allocation of their own. An empty map owns no memory. The table doubles when there are more elements than places, and
// shrinks when seven of eight places are empty; while that goes on, operations that write each move a few cells. size()
// adds up a few counters.
//
// **Thread safety.** Everything beside everything, on one map or on several:
//
//   beside ->            one element   all elements   size, stats, reserve   swap, =, move from   construct, destroy
//   one element          yes           yes            yes                    yes (1)              no
//   all elements                       yes            yes                    yes (1)              no
//   size, stats, ...                                  yes                    yes (1)              no
//   swap, =, move from                                                       yes (1)              no
//
//   (1) if hash, equality and allocator have no state: their objects are exchanged without a lock.
//
// Operations on one element are atomic and linearizable. Operations on all elements are not one step: each element that is
// there all the time is met exactly once.
//
// **Progress.** Blocking: an operation waits for others in the same cell, and for as long as their visitors and guards take. An
// operation is never delayed by a resize for longer than it takes to move a cell. swap and moves wait until nothing is locked.
//
// **Re-entrancy.** A visitor, and a thread that holds a guard, must not call the same map: not even for another key, which may
// be in the same cell. Debug builds (no NDEBUG) end the program with the places of both calls.
//
// **Exceptions.** Strong for operations on one element: see cell/visiting.hpp. Visitors' exceptions are passed on, and locks
// are free again. A resize that lacks memory is put off, and the insertion succeeds in an overflow block as long as there is
// memory for that.
//
// **Differences to boost::concurrent_flat_map**
//   - Locks are per cell, not per group of 15 beside a lock of the whole table: growing does not stop everybody.
//   - It shrinks. hold_capacity(n) prevents it, reserve(n) does not. max_load_factor() is not a promise of when it grows.
//   - tandem::hash is the default and is transparent for strings; std::hash and others are mixed.
//   - A visitor may take (const Key&, T&).
//   - cvisit and its relatives may show a copy of a small element; so do not compare addresses.
//   - Insertion of ranges returns how many were inserted. insert(first, last) needs C++20 iterators.
//   - operator== and swap are not atomic with respect to both maps.
//   - extract returns std::optional<value_type>; there are no node handles. No serialization.
//   - Conversion: from any hash map of one thread, and to one by `to<Map>()`, not by a move to boost::unordered_flat_map.
//   - get, read, value_or, at, update, exchange, guards and stats are new.
#ifndef TANDEM_CELL_MAP_HPP
#define TANDEM_CELL_MAP_HPP

#include <tandem/cell/container.hpp>
#include <tandem/cell/element.hpp>
#include <tandem/cell/table.hpp>
#include <tandem/cell/visiting.hpp>
#include <tandem/hash.hpp>
#include <tandem/options.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <tuple>
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
using map_container = guarded_container<visiting_map<Table>, Table>;

}  // namespace cell

// Allocator is rebound to value_type. Options: cell_options (options.hpp).
template <class Key, class T, class Hash = hash<Key>, class KeyEqual = equal_to<Key>,
          class Allocator = std::allocator<std::pair<const Key, T>>, class Options = cell_options>
class cell_map : public cell::map_container<cell::map_table<Key, T, Hash, KeyEqual, Allocator, Options>> {
  using base = cell::map_container<cell::map_table<Key, T, Hash, KeyEqual, Allocator, Options>>;

 public:
  using typename base::allocator_type;
  using typename base::hasher;
  using typename base::key_equal;
  using typename base::size_type;
  using typename base::value_type;

  constexpr cell_map() = default;
  using base::base;
  // Inherited like the others, and repeated here so that the deduction of template arguments considers lists.
  cell_map(std::initializer_list<value_type> list, size_type n = 0, const hasher& hash = hasher(),
           const key_equal& equal = key_equal(), const allocator_type& alloc = allocator_type())
      : base(list, n, hash, equal, alloc) {}
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

// ---- Deduction of template arguments.

namespace detail {

template <class It>
using key_in = std::remove_const_t<std::tuple_element_t<0, std::iter_value_t<It>>>;
template <class It>
using mapped_in = std::tuple_element_t<1, std::iter_value_t<It>>;
template <class Key, class T>
using pair_allocator = std::allocator<std::pair<const Key, T>>;

}  // namespace detail

template <std::input_iterator It, detail::a_function Hash = hash<detail::key_in<It>>,
          detail::a_function KeyEqual = equal_to<detail::key_in<It>>,
          detail::an_allocator Allocator = detail::pair_allocator<detail::key_in<It>, detail::mapped_in<It>>>
cell_map(It, It, std::size_t = 0, Hash = Hash(), KeyEqual = KeyEqual(), Allocator = Allocator())
    -> cell_map<detail::key_in<It>, detail::mapped_in<It>, Hash, KeyEqual, Allocator>;
template <std::input_iterator It, detail::an_allocator Allocator>
cell_map(It, It, Allocator) -> cell_map<detail::key_in<It>, detail::mapped_in<It>, hash<detail::key_in<It>>,
                                        equal_to<detail::key_in<It>>, Allocator>;
template <std::input_iterator It, detail::an_allocator Allocator>
cell_map(It, It, std::size_t, Allocator) -> cell_map<detail::key_in<It>, detail::mapped_in<It>,
                                                     hash<detail::key_in<It>>, equal_to<detail::key_in<It>>, Allocator>;
template <std::input_iterator It, detail::a_function Hash, detail::an_allocator Allocator>
cell_map(It, It, std::size_t, Hash, Allocator)
    -> cell_map<detail::key_in<It>, detail::mapped_in<It>, Hash, equal_to<detail::key_in<It>>, Allocator>;

template <class Key, class T, detail::a_function Hash = hash<std::remove_const_t<Key>>,
          detail::a_function KeyEqual = equal_to<std::remove_const_t<Key>>,
          detail::an_allocator Allocator = detail::pair_allocator<std::remove_const_t<Key>, T>>
cell_map(std::initializer_list<std::pair<Key, T>>, std::size_t = 0, Hash = Hash(), KeyEqual = KeyEqual(),
         Allocator = Allocator()) -> cell_map<std::remove_const_t<Key>, T, Hash, KeyEqual, Allocator>;
template <class Key, class T, detail::an_allocator Allocator>
cell_map(std::initializer_list<std::pair<Key, T>>, Allocator)
    -> cell_map<std::remove_const_t<Key>, T, hash<std::remove_const_t<Key>>, equal_to<std::remove_const_t<Key>>,
                Allocator>;
template <class Key, class T, detail::an_allocator Allocator>
cell_map(std::initializer_list<std::pair<Key, T>>, std::size_t, Allocator)
    -> cell_map<std::remove_const_t<Key>, T, hash<std::remove_const_t<Key>>, equal_to<std::remove_const_t<Key>>,
                Allocator>;
template <class Key, class T, detail::a_function Hash, detail::an_allocator Allocator>
cell_map(std::initializer_list<std::pair<Key, T>>, std::size_t, Hash, Allocator)
    -> cell_map<std::remove_const_t<Key>, T, Hash, equal_to<std::remove_const_t<Key>>, Allocator>;

#if __has_include(<memory_resource>)
namespace pmr {

template <class Key, class T, class Hash = hash<Key>, class KeyEqual = equal_to<Key>, class Options = cell_options>
using cell_map =
    tandem::cell_map<Key, T, Hash, KeyEqual, std::pmr::polymorphic_allocator<std::pair<const Key, T>>, Options>;

}  // namespace pmr
#endif

}  // namespace tandem

#endif
