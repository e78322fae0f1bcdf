// cell_index: a hash map whose readers take no lock and write nothing that others see, beside any number of writers.
//
//     tandem::cell_index<std::string, route> routes;
//     routes.insert_or_assign("10.0.0.0/8", route{...});
//     if (auto r = routes.find("10.0.0.0/8")) send(packet, r->second);      // the guard keeps this version of the element
//     routes.update("10.0.0.0/8", [](route& r) { r.metric = 20; });          // a copy, changed, takes its place
//     for (const auto& [prefix, route] : routes.enter()) ...
//
// Elements are never changed: a write makes a new version of the element and puts it in the place of the old one, in one step. A
// reader sees the one or the other, and what it sees stays as it is for as long as it holds a guard.
//
// Use it for routing tables, configuration, caches of parsed objects: where reads are many, from all threads, and must not be
// slowed down by each other or by writers; and where a reader wants to keep an element for a while without copying it. Do not
// use it when
//   - values change more often than they are read, and are large: each change copies the value. Use cell_map, and change it
//     in place;
//   - one thread writes in batches, or readers must see one version of the whole map: evmap;
//   - memory must be given back at once: see below;
//   - elements must be ordered: tree_index.
//
// **Interface**, documented in cell/indexing.hpp, construction and assignment in cell/container.hpp, guards in
// cell/index_guards.hpp:
//
//   read      find                              a guard of the element
//             get read value_or at visit cvisit contains count
//             visit(first, last, f)             many keys at once
//             enter                             a guard of everything: a forward range, and cheaper lookups
//             visit_all visit_while
//   insert    insert emplace try_emplace insert_range
//   replace   insert_or_assign update
//   erase     erase erase_if clear
//   table     size empty reserve rehash hold_capacity bucket_count load_factor stats ...
//
// **Costs.** A lookup hashes once and touches two cache lines, or three with nodes; it has no read-modify-write and no fence
// (sync/epoch.hpp). Under a guard of enter() it does not even pin the thread. Pairs of a key of at most 24 bytes and a value of at
// most 8, both plain data (is_plain_data, concepts.hpp), lie in the cells; other elements are nodes with one allocation and
// 8 bytes more each, and a new version is another node. A write takes the lock of its cell. Memory: 64 bytes for each
// cell of 32, 8 or the pair's for each place, and what readers may still be looking at. An empty index owns no memory.
// It grows and shrinks as cell_map does.
//
// **When is an element destroyed** that was erased or replaced? When all guards and lookups that began before have ended, by the
// thread that erases, replaces, or ends a guard next. If nobody reads, an erase now and then destroys at once; many one after
// the other are destroyed in batches of 128 or 64 KiB for each thread. A guard that is held for long holds back memory: whatever is
// erased meanwhile, here and in all containers of the same epoch. stats() tells how much waits. option `epoch`:
// own_epoch makes an index independent of the guards of others.
//
// **Thread safety.** Everything beside everything:
//
//   beside ->            lookups, scans, guards   one element   all elements   swap, =, move from   construct, destroy
//   lookups, scans ...   yes                      yes           yes            yes (1, 2)           no
//   one element                                   yes           yes            yes (1)              no
//   all elements                                                yes            yes (1)              no
//   swap, =, move from                                                         yes (1)              no
//
//   (1) if hash, equality and allocator have no state: their objects are exchanged without a lock.
//   (2) but they wait for guards and visitors of other threads, of this index and of others. So call them without one, and write with one
//       only to indexes that nobody swaps, assigns or moves from, or two threads wait for each other; and guards of the same
//       thread must not be used afterwards.
//
// Operations on one element are atomic and linearizable. A key that is there during a whole lookup is found, whatever is
// updated, moved or resized; a key that is there during a whole scan is shown exactly once, and no key twice. A scan is not one
// moment: each element is as it is when the scan gets there.
//
// **Progress.** Lookups are lock-free, and wait for nobody; they begin again only when the cell that they are in was closed by a
// resize, or, for pairs in the cells, had an element erased. Writers wait for writers of the same cell. Whoever ends a guard
// may have to destroy what waited for it.
//
// **Re-entrancy.** Visitors of lookups and scans, and holders of guards, may call the same index, also to write. Functions that
// run under a lock must not: update's, and predicates of erase_if, constructors of elements. Debug builds report it.
//
// **Exceptions.** Strong for operations on one element. What lookups throw is what hash, equality and visitors throw. A thread's
// first operation may throw std::bad_alloc. Destructors must not throw.
//
// After the HashIndex of Rust's scc; but an update is one store, so it never hides a key, and nothing is read and written at the
// same time that is not atomic. Differences to cell_map: elements are const; there is no visit with access to change, no entry,
// extract or merge; find() is a guard that blocks nobody.
#ifndef TANDEM_CELL_INDEX_HPP
#define TANDEM_CELL_INDEX_HPP

#include <tandem/cell/container.hpp>
#include <tandem/cell/element.hpp>
#include <tandem/cell/index_table.hpp>
#include <tandem/cell/indexing.hpp>
#include <tandem/hash.hpp>
#include <tandem/options.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>

namespace tandem {

namespace cell {

template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Options>
using map_index_table =
    index_table<map_element<Key, T>, Hash, KeyEqual,
                typename std::allocator_traits<Allocator>::template rebind_alloc<std::pair<const Key, T>>, Options>;

template <class Table>
using index_container = container<indexing<Table>, Table>;

}  // namespace cell

// Allocator is rebound to value_type, and to nodes. Options: cell_index_options (options.hpp).
template <class Key, class T, class Hash = hash<Key>, class KeyEqual = equal_to<Key>,
          class Allocator = std::allocator<std::pair<const Key, T>>, class Options = cell_index_options>
class cell_index : public cell::index_container<cell::map_index_table<Key, T, Hash, KeyEqual, Allocator, Options>> {
  using base = cell::index_container<cell::map_index_table<Key, T, Hash, KeyEqual, Allocator, Options>>;

 public:
  using typename base::allocator_type;
  using typename base::hasher;
  using typename base::key_equal;
  using typename base::size_type;
  using typename base::value_type;

  constexpr cell_index() = default;
  using base::base;
  // Inherited like the others, and repeated here so that the deduction of template arguments considers lists.
  cell_index(std::initializer_list<value_type> list, size_type n = 0, const hasher& hash = hasher(),
             const key_equal& equal = key_equal(), const allocator_type& alloc = allocator_type())
      : base(list, n, hash, equal, alloc) {}
  cell_index(const cell_index&) = default;
  cell_index(cell_index&&) = default;
  ~cell_index() = default;

  cell_index& operator=(const cell_index&) = default;
  cell_index& operator=(cell_index&&) = default;
  // Others see the old elements or the new ones.
  cell_index& operator=(std::initializer_list<value_type> list) {
    this->assign(list);
    return *this;
  }

  // Whether both have the same keys with equal values. Exact if nobody writes meanwhile. Linear.
  friend bool operator==(const cell_index& a, const cell_index& b)
    requires std::equality_comparable<T>
  {
    return base::equal(a, b);
  }
  friend void swap(cell_index& a, cell_index& b) noexcept(noexcept(a.swap(b))) { a.swap(b); }
  // Erases the elements for which pred(element) is true. Returns how many.
  template <class Predicate>
  friend std::size_t erase_if(cell_index& map, Predicate&& pred) {
    return map.erase_if(pred);
  }
};

}  // namespace tandem

#endif
