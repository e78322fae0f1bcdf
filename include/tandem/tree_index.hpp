// tree_index: an ordered map whose readers take no lock and write nothing that others see, beside any number of writers.
//
//     tandem::tree_index<timestamp, event> events;
//     events.insert(now(), event{...});
//     for (const auto& [when, what] : events.range(yesterday, today)) show(when, what);   // while others write
//     if (auto next = events.upper_bound(now())) wait_for(next.key());                    // next.next(), next.prev()
//     events.erase_range(timestamp::min(), last_year);
//
// Elements are never changed: a write makes a new version of the element and puts it in the place of the old one, in one step.
// A reader sees the one or the other, and what it sees stays as it is for as long as it holds a guard.
//
// Use it for indexes by time, price, address or name: where ranges are read, or neighbours, or the first and the last, from all
// threads. Do not use it when
//   - order does not matter: cell_index finds keys several times as fast;
//   - values change more often than they are read, and are large: each change copies the value. Use cell_map, and change it in
//     place;
//   - a scan must show everything as it is at one moment: evmap, or a lock.
//
// **Interface**, documented below, in cell/replacing.hpp and cell/holding.hpp, guards in tree/cursor.hpp
//
//   read      find                                       a guard of the element
//             get read value_or at visit count contains
//   in order  lower_bound upper_bound before front back  guards that go on with next() and prev()
//             range enter                                guards of elements in order: forward ranges; reversed()
//             visit_range visit_all visit_while visit_from
//   insert    insert emplace try_emplace insert_range    constructor with sorted_unique: of sorted input, at once
//   replace   insert_or_assign update
//   erase     erase erase_if erase_range clear
//   tree      size empty depth stats
//
// **Costs.** A lookup goes through the nodes above, of up to 64 children, and one leaf of up to 15 elements; it has no
// read-modify-write and no fence (sync/epoch.hpp). Pairs of a key of at most 24 bytes and a value of at most 8, both plain data
// (is_plain_data, concepts.hpp), lie in the leaves; other elements are nodes with one allocation and 8 bytes more each, a
// comparison looks at the node, and a new version is another node. A write takes the lock of its leaf. One in ten insertions
// splits a leaf, which copies the node above as well; keys that come in order fill leaves, others two thirds of them. Leaves of
// erased elements are joined. Memory for pairs of u64: 34 bytes each after random insertions, 24 in order, and what readers may
// still be looking at. An empty tree owns no memory.
//
// **When is an element destroyed** that was erased or replaced? As in cell_index: when all guards and lookups that began before
// have ended. A guard that is held for long holds back memory, here and in all containers of the same epoch; stats() tells how
// much. Option `epoch`: own_epoch makes a tree independent of the guards of others.
//
// **Thread safety.** Everything beside everything, except construction and destruction. swap, assignment and moves are safe if
// the comparison and the allocator have no state; they wait for guards and visitors of other threads, of this tree and of others. So call
// them without one, and write with one only to trees that nobody swaps, assigns or moves from, or two threads wait for each
// other; and guards of the same thread must not be used afterwards.
//
// Operations on one element are atomic and linearizable; clear() is, too. A scan is not one moment: each leaf is as it is when
// the scan gets there. But, whatever is written beside it:
//   1. Keys are strictly ascending, or descending, so none is shown twice.
//   2. A key that is there during the whole scan is shown.
//   3. What has happened before a step to another leaf is seen by it.
// erase_range erases leaf by leaf, and is not one moment either.
//
// **Progress.** Lookups are lock-free and wait for nobody, whatever the tree does: they never begin again at the root. They
// look at their leaf again if an element of it was erased meanwhile, and so do scans. Writers wait for writers of the same
// leaf; who splits or joins, for those who do so nearby. clear() waits for all writers. Whoever ends a guard may have to
// destroy what waited for it.
//
// **Re-entrancy.** Visitors of lookups and scans, and holders of guards, may call the same tree, also to write. Functions that
// run under a lock must not: update's, and predicates of erase_if, constructors of elements, comparisons. Debug builds report
// it.
//
// **Exceptions.** Strong for operations on one element, whatever throws: comparisons, constructors, allocation. erase_range and
// erase_if of many are basic: elements are erased, or not. Keys must be copyable: some are copied to where the tree branches. A
// thread's first operation may throw std::bad_alloc. Destructors must not throw.
//
// How it works: tree/tree.hpp.
#ifndef TANDEM_TREE_INDEX_HPP
#define TANDEM_TREE_INDEX_HPP

#include <tandem/cell/element.hpp>
#include <tandem/cell/holding.hpp>
#include <tandem/cell/replacing.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/hash.hpp>
#include <tandem/options.hpp>
#include <tandem/tree/cursor.hpp>
#include <tandem/tree/tree.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem {

// A constructor's first argument: the elements are sorted, and no key comes twice.
struct sorted_unique_t {
  explicit sorted_unique_t() = default;
};
inline constexpr sorted_unique_t sorted_unique{};

namespace tree {

template <class Key, class T, class Compare, class Allocator, class Options>
using map_tree =
    tree<cell::map_element<Key, T>, Compare,
         typename std::allocator_traits<Allocator>::template rebind_alloc<std::pair<const Key, T>>, Options>;

template <class Tree>
using index_base = cell::replacing<cell::holding<Tree>, Tree>;

}  // namespace tree

// Allocator is rebound to value_type, and to nodes. Options: tree_index_options (options.hpp).
template <class Key, class T, class Compare = less<Key>, class Allocator = std::allocator<std::pair<const Key, T>>,
          class Options = tree_index_options>
class tree_index : public tree::index_base<tree::map_tree<Key, T, Compare, Allocator, Options>> {
  using engine = tree::map_tree<Key, T, Compare, Allocator, Options>;
  using base = tree::index_base<engine>;
  using base::always;
  using base::engine_;
  using base::judging;
  using base::showing;
  using typename base::called_from;
  using typename base::caller;
  using typename base::element;
  using typename base::types;
  using no_bound = const Key*;

 public:
  using base::cvisit;
  using base::insert;
  using base::visit;
  using typename base::allocator_type;
  using typename base::size_type;
  using typename base::value_type;
  using key_compare = Compare;
  // Of lower_bound(), upper_bound(), front() and back().
  using cursor = tree::cursor<engine>;
  // Of range() and enter().
  using range_guard = tree::range<engine>;

  // ---- Construction.

  // No allocation; can be constinit if comparison and allocator can.
  constexpr tree_index() = default;
  explicit tree_index(const Compare& less, const allocator_type& alloc = allocator_type())
      : base(std::in_place, less, alloc) {}
  explicit tree_index(const allocator_type& alloc) : base(std::in_place, Compare(), alloc) {}

  template <std::input_iterator It>
  tree_index(It first, It last, const Compare& less = Compare(), const allocator_type& alloc = allocator_type())
      : tree_index(less, alloc) {
    insert(first, last);
  }
  template <std::input_iterator It>
  tree_index(It first, It last, const allocator_type& alloc) : tree_index(first, last, Compare(), alloc) {}
  tree_index(std::initializer_list<value_type> list, const Compare& less = Compare(),
             const allocator_type& alloc = allocator_type())
      : tree_index(list.begin(), list.end(), less, alloc) {}
  tree_index(std::initializer_list<value_type> list, const allocator_type& alloc)
      : tree_index(list, Compare(), alloc) {}

  // Precondition: the keys ascend strictly. Many times faster than as many insertions; leaves are full.
  template <std::input_iterator It>
  tree_index(sorted_unique_t, It first, It last, const Compare& less = Compare(),
             const allocator_type& alloc = allocator_type())
      : tree_index(less, alloc) {
    typename engine::builder all(engine_);
    for (; first != last; ++first) all.add(*first);
    all.finish();
  }
  tree_index(sorted_unique_t, std::initializer_list<value_type> list, const Compare& less = Compare(),
             const allocator_type& alloc = allocator_type())
      : tree_index(sorted_unique, list.begin(), list.end(), less, alloc) {}

  // Copies what is there; others may use `other` meanwhile.
  tree_index(const tree_index& other)
      : tree_index(other, std::allocator_traits<allocator_type>::select_on_container_copy_construction(
                              other.get_allocator())) {}
  tree_index(const tree_index& other, const std::type_identity_t<allocator_type>& alloc)
      : tree_index(other.key_comp(), alloc) {
    typename engine::builder all(engine_);
    other.visit_all([&](const value_type& x) { all.add(x); });
    all.finish();
  }
  // Takes the elements, without moving them if the allocators are equal. `other` is empty then.
  tree_index(tree_index&& other) noexcept(compare_moves_nothrow) : base(std::in_place, std::move(other.engine_)) {}
  tree_index(tree_index&& other, const std::type_identity_t<allocator_type>& alloc)
      : tree_index(other.key_comp(), alloc) {
    if (alloc == other.get_allocator()) {
      engine_.swap(other.engine_);
    } else {
      move_elements(other);
    }
  }
  ~tree_index() = default;

  // ---- Assignment. Others see the old elements or the new ones. If copying throws, the old ones.

  tree_index& operator=(const tree_index& other) {
    if (this == std::addressof(other)) return *this;
    if constexpr (std::allocator_traits<allocator_type>::propagate_on_container_copy_assignment::value) {
      tree_index copy(other, other.get_allocator());
      engine_.template assign<true>(copy.engine_);
    } else {
      tree_index copy(other, this->get_allocator());
      engine_.swap(copy.engine_);
    }
    return *this;
  }
  // Without moving the elements if the allocator propagates or is equal. `other` is empty then.
  tree_index& operator=(tree_index&& other) noexcept(compare_moves_nothrow && moves_allocator) {
    if (this == std::addressof(other)) return *this;
    if (moves_allocator || this->get_allocator() == other.get_allocator()) {
      engine_.template assign<std::allocator_traits<allocator_type>::propagate_on_container_move_assignment::value>(
          other.engine_);
    } else {
      tree_index moved(std::move(other), this->get_allocator());
      engine_.swap(moved.engine_);
    }
    return *this;
  }
  tree_index& operator=(std::initializer_list<value_type> list) {
    tree_index made(list, key_comp(), this->get_allocator());
    engine_.swap(made.engine_);
    return *this;
  }
  // Precondition: the allocators are equal, or propagate on swap.
  void swap(tree_index& other) noexcept(compare_moves_nothrow) { engine_.swap(other.engine_); }
  friend void swap(tree_index& a, tree_index& b) noexcept(noexcept(a.swap(b))) { a.swap(b); }

  // ---- In order. A cursor is a guard of one element that goes on with next() and prev(); empty if there is no such element.

  // The first element whose key is not less than k; greater than k; the first and the last of all.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] cursor lower_bound(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return cursor(engine_, [&](auto& p) { return p.to_lower(sought, no_bound()); });
  }
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] cursor upper_bound(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return cursor(engine_, [&](auto& p) { return p.to_upper(sought, no_bound()); });
  }
  // The last element whose key is less than k.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] cursor before(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return cursor(engine_, [&](auto& p) { return p.to_before(sought, no_bound()); });
  }
  [[nodiscard]] cursor front(caller where = caller::here()) const {
    called_from const place(where);
    return cursor(engine_, [](auto& p) { return p.to_first(no_bound()); });
  }
  [[nodiscard]] cursor back(caller where = caller::here()) const {
    called_from const place(where);
    return cursor(engine_, [](auto& p) { return p.to_last(no_bound()); });
  }

  // A guard of the elements with keys in [lo, hi), or of all: a forward range of const value_type&, or of value_type where
  // pairs lie in the leaves; reversed() is the same backward. And lookups that cost less.
  template <class Lo, class Hi>
    requires std::constructible_from<Key, const Lo&> && std::constructible_from<Key, const Hi&>
  [[nodiscard]] range_guard range(const Lo& lo, const Hi& hi, caller where = caller::here()) const {
    called_from const place(where);
    return range_guard(engine_, lo, hi);
  }
  [[nodiscard]] range_guard enter(caller where = caller::here()) const {
    called_from const place(where);
    return range_guard(engine_);
  }

  // f(element) for each in [lo, hi), or for each, in order. Returns how many there were.
  template <detail::key_for<types> Lo = Key, detail::key_for<types> Hi = Key, class F>
  size_type visit_range(const Lo& lo, const Hi& hi, F&& f) const {
    auto&& from = detail::as_key<types>(lo);
    auto&& to = detail::as_key<types>(hi);
    size_type n = 0;
    scan(std::addressof(from), std::addressof(to), [&](const value_type& x) {
      ++n;
      static_cast<void>(cell::call_visitor(f, x));
      return true;
    });
    return n;
  }
  template <class F>
  size_type visit_all(F&& f) const {
    size_type n = 0;
    scan(no_bound(), no_bound(), [&](const value_type& x) {
      ++n;
      static_cast<void>(cell::call_visitor(f, x));
      return true;
    });
    return n;
  }
  template <class F>
  size_type cvisit_all(F&& f) const {
    return visit_all(f);
  }
  // While f(element) is true. Returns whether it was each time.
  template <class F>
  bool visit_while(F&& f) const {
    return scan(no_bound(), no_bound(), judging(f));
  }
  template <detail::key_for<types> Lo = Key, detail::key_for<types> Hi = Key, class F>
  bool visit_while(const Lo& lo, const Hi& hi, F&& f) const {
    auto&& from = detail::as_key<types>(lo);
    auto&& to = detail::as_key<types>(hi);
    return scan(std::addressof(from), std::addressof(to), judging(f));
  }

  // The same from the first element on whose key is not less than lo.
  template <detail::key_for<types> Lo = Key, class F>
  bool visit_from(const Lo& lo, F&& f) const {
    auto&& from = detail::as_key<types>(lo);
    return scan(std::addressof(from), no_bound(), judging(f));
  }

  // ---- Erasure of many. These return how many were erased.

  // If pred(const T&), or pred(const Key&, const T&), is true.
  template <detail::key_for<types> Q = Key, class Predicate>
  size_type erase_if(const Q& k, Predicate&& pred, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.erase_if(
        sought, [&](const value_type& x) { return static_cast<bool>(cell::call_with_value<element>(pred, x)); });
  }
  // All elements for which pred(element) is true.
  template <class Predicate>
  size_type erase_if(Predicate&& pred, caller where = caller::here()) {
    called_from const place(where);
    return engine_.erase_between(no_bound(), no_bound(), judging(pred));
  }
  // All with keys in [lo, hi), leaf by leaf. Basic: if a comparison throws, some are erased.
  template <detail::key_for<types> Lo = Key, detail::key_for<types> Hi = Key>
  size_type erase_range(const Lo& lo, const Hi& hi, caller where = caller::here()) {
    called_from const place(where);
    auto&& from = detail::as_key<types>(lo);
    auto&& to = detail::as_key<types>(hi);
    return engine_.erase_between(std::addressof(from), std::addressof(to), always);
  }
  // At one moment.
  void clear(caller where = caller::here()) noexcept {
    called_from const place(where);
    engine_.clear();
  }

  // ---- The whole.

  // Nodes on the way to an element, leaves included; 0 if there is no node.
  [[nodiscard]] size_type depth() const { return engine_.depth(); }
  // Nodes, how full they are, bytes, and what waits for readers. A moment's view; costs a walk over the nodes.
  [[nodiscard]] tree::tree_stats stats() const { return engine_.stats(); }
  [[nodiscard]] key_compare key_comp() const { return engine_.key_comp(); }

  // Whether both have the same keys with equal values. Exact if nobody writes meanwhile. Linear.
  friend bool operator==(const tree_index& a, const tree_index& b)
    requires std::equality_comparable<T>
  {
    if (std::addressof(a) == std::addressof(b)) return true;
    if (a.size() != b.size()) return false;
    auto const others = b.enter();
    auto at = others.begin();
    bool const same = a.visit_while([&](const value_type& x) {
      if (at == others.end()) return false;
      auto const& y = *at;
      if (a.engine_.key_comp()(x.first, y.first) || a.engine_.key_comp()(y.first, x.first)) return false;
      if (!static_cast<bool>(x.second == y.second)) return false;
      ++at;
      return true;
    });
    return same && at == others.end();
  }
  // Erases the elements for which pred(element) is true. Returns how many.
  template <class Predicate>
  friend size_type erase_if(tree_index& index, Predicate&& pred) {
    return index.erase_if(pred);
  }

 private:
  static constexpr bool compare_moves_nothrow =
      std::is_nothrow_copy_constructible_v<Compare> && std::is_nothrow_swappable_v<Compare>;
  static constexpr bool moves_allocator =
      std::allocator_traits<allocator_type>::propagate_on_container_move_assignment::value ||
      std::allocator_traits<allocator_type>::is_always_equal::value;
  template <class Lo, class Hi, class F>
  bool scan(const Lo* lo, const Hi* hi, F&& f) const {
    auto const pinned = engine_.enter();
    tree::position<engine> at(engine_);
    if (lo != nullptr && hi != nullptr && !engine_.key_comp()(*lo, *hi)) return true;
    lo != nullptr ? at.to_lower(*lo, hi) : at.to_first(hi);
    return at.for_each(hi, f);
  }
  // Readers may be looking at them, so they are copied.
  void move_elements(tree_index& other) {
    other.visit_all([&](const value_type& x) { this->emplace(x); });
    other.clear();
  }
};

}  // namespace tandem

#endif
