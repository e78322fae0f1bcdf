// The tree behind tree_index: a B+ tree whose readers take no lock and write nothing that others see.
//
//   root -> node -> node -> leaf        all leaves are equally deep; elements are in leaves only
//
// **The range of keys of a node never changes while it lives.** A leaf that overflows is copied to two new ones, two thin
// leaves to a new one; nodes above them have immutable separators, so one of them that gets another number of children is
// copied, too. The last step of every such change is one store: the new node takes the place of the old one, in its parent or
// in the root word. That is what the rest stands on:
//
//   - A reader goes from the root to a leaf and looks at nothing twice. What an old node shows was in the tree when the node
//     was replaced. So every leaf that a reader comes to was in the tree at some time since it began: if it is not any more, it
//     shows the elements as they were in the last moment. Found or not, that is an answer.
//   - A scan keeps its path, and goes on from the same, perhaps outdated nodes: ranges of leaves do not overlap, so it is
//     ordered, and shows each key that is there all the time exactly once. Whenever it comes to a leaf that has been closed
//     meanwhile it begins at the root again, with the range of that leaf: what it shows is not older than its step.
//   - A writer that finds the leaf closed begins at the root again; otherwise, under its lock, it is the right one.
//
// **Locks.** Elements are changed under the lock of their leaf (leaf.hpp says how readers get along with that). Changes of the
// tree's shape lock from top to bottom and from left to right: the node with the pointer that will change, or the root word's
// lock, the node that will be replaced, and one or two of its children. They verify that these are still where they were seen,
// make what is new, close what is old, and store the pointer. Everything that may throw comes before the closing, so what
// throws has changed nothing.
//
// **When.** A full leaf is split by who wants to insert, a full node above it before that; in the middle, or at the end where
// keys come in order. Who leaves a quarter of a leaf, or less, joins it with a neighbour if both fit in three quarters of one,
// and likewise the nodes above. These are left for later if memory or a comparison fails.
//
// **Memory.** Nodes, elements and separators that are out of sight are retired (sync/retire_list.hpp). Whoever found them is
// pinned.
//
// Invariants
//   1. Each key is in the one leaf that is not closed and whose range it belongs to; each node but the root is the child of one
//      node that is not closed.
//   2. Nodes and leaves are written under their locks; a closed one is not written any more.
//   3. size() is exact when no operation is running: counters change under the lock of the element's leaf.
//
// After: P. L. Lehman, S. B. Yao, "Efficient locking for concurrent operations on B-trees" (1981), without links between
// leaves; the order word is that of Y. Mao, E. Kohler, R. Morris, "Cache craftiness for fast multicore key-value storage"
// (2012).
#ifndef TANDEM_TREE_TREE_HPP
#define TANDEM_TREE_TREE_HPP

#include <tandem/cell/published_slot.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/held_locks.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/live_guards.hpp>
#include <tandem/detail/prefetch.hpp>
#include <tandem/sync/epoch.hpp>
#include <tandem/sync/epoch_user.hpp>
#include <tandem/sync/retire_list.hpp>
#include <tandem/sync/striped_size.hpp>
#include <tandem/sync/versioned_lock.hpp>
#include <tandem/tree/inner.hpp>
#include <tandem/tree/leaf.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::tree {

// Whether Compare is < for keys.
template <class Compare, class Key>
inline constexpr bool is_natural =
    std::is_same_v<Compare, std::less<Key>> || std::is_same_v<Compare, std::less<void>> || [] {
      if constexpr (requires { typename Compare::natural_order; }) return true;
      return false;
    }();

// What a tree looks like at the moment; each number by itself.
struct tree_stats {
  std::size_t size = 0;
  std::size_t depth = 0;  // nodes on the way to an element, leaves included
  std::size_t leaves = 0;
  std::size_t inner_nodes = 0;  // the others
  double fill = 0;              // elements per place in a leaf
  std::size_t bytes = 0;        // of all nodes, elements and separators in the tree
  retire_stats retired;         // what waits for readers
};

// Engines vary by Element (detail/element.hpp) and by options: `slots`, `fanout`, `inline_pairs`, `atomics`, `epoch`.
template <class Element, class Compare, class Allocator, class Options>
class tree : protected epoch_user<typename Options::epoch> {
  using epoch = epoch_user<typename Options::epoch>;
  using atomics = typename Options::atomics;
  using typename epoch::domain_type;

  struct words {
    template <class T>
    using word = typename atomics::template atomic<T>;
  };

 public:
  using element = Element;
  using key = typename Element::key_type;
  using key_type = typename Element::key_type;
  using value_type = typename Element::value_type;
  using size_type = std::size_t;
  using compare = Compare;
  using allocator = Allocator;
  using options = Options;
  using typename epoch::pin;

  using slot = cell::published_slot<Element, Allocator, words, Options::inline_pairs>;
  using leaf_type = leaf<slot, atomics, Options::slots>;
  using node_type = node<atomics>;
  using inner_type = inner<key_type, atomics, Options::fanout, is_natural<Compare, key_type>>;
  using lock_type = versioned_lock<atomics>;
  using separator = typename inner_type::handle;
  using box = boxed_key<key_type>;

  // Whether elements are copied out of the tree; otherwise they are nodes.
  static constexpr bool inline_pairs = slot::inline_pairs;
  static constexpr bool moves = epoch::moves;

  static_assert(std::copy_constructible<key_type>, "keys are copied to where the tree branches");

  // What a lookup finds: a pair of its own, or a node, for as long as the thread is pinned.
  class sight {
   public:
    sight() noexcept = default;
    explicit operator bool() const noexcept { return found_; }
    decltype(auto) value() const noexcept { return slot::value_of(seen_); }

   private:
    friend tree;
    typename slot::image seen_{};
    bool found_ = false;
  };

  // ---- Making and ending it.

  constexpr tree() noexcept(std::is_nothrow_default_constructible_v<Compare> &&
                            std::is_nothrow_default_constructible_v<Allocator>)
    requires std::default_initializable<Compare> && std::default_initializable<Allocator>
  = default;
  tree(const Compare& less, const Allocator& alloc) : less_(less), allocator_(alloc) {}
  tree(tree&& other) : less_(other.less_), allocator_(other.allocator_) {
    static_assert(moves, "a container with an epoch of its own stays where it is");
    stop const others(other);
    take_over(other);
    wait_for_readers();
  }
  tree(const tree&) = delete;
  tree& operator=(const tree&) = delete;
  ~tree() {
    detail::guard_mark::check(this);
    release_contents();
  }

  // Both wait for the guards of other threads.
  void swap(tree& other) {
    static_assert(moves, "a container with an epoch of its own stays where it is");
    if (this == &other) return;
    stop const first(this < &other ? *this : other);
    stop const second(this < &other ? other : *this);
    constexpr bool swaps_allocators = std::allocator_traits<Allocator>::propagate_on_container_swap::value;
    if constexpr (swaps_allocators) {
      dispose_of_own();
      other.dispose_of_own();
    }
    node_type* const mine = root_.load(std::memory_order_relaxed);
    put_root(other.root_.load(std::memory_order_relaxed));
    other.put_root(mine);
    size_.swap(other.size_);
    wait_for_readers();
    using std::swap;
    swap(less_, other.less_);
    if constexpr (swaps_allocators) swap(allocator_, other.allocator_);
  }
  // Takes over everything, and if so told the allocator; `other` is empty then. Precondition: the allocators are equal, or it
  // is taken over.
  template <bool TakesAllocator>
  void assign(tree& other) {
    static_assert(moves, "a container with an epoch of its own stays where it is");
    if (this == &other) return;
    stop const first(this < &other ? *this : other);
    stop const second(this < &other ? other : *this);
    Compare less(other.less_);  // may throw
    node_type* const old = take_over(other);
    wait_for_readers();
    if (old != nullptr) free_all(*old);
    if constexpr (TakesAllocator) dispose_of_own();
    using std::swap;
    swap(less_, less);
    if constexpr (TakesAllocator) allocator_ = other.allocator_;
  }

  const Compare& key_comp() const noexcept { return less_; }
  const Allocator& get_allocator() const noexcept { return allocator_; }

  using epoch::enter;
  // A guard has ended, and the thread is not pinned by it any more.
  void tend_after_guard() const noexcept {
    auto& self = const_cast<tree&>(*this);
    self.nodes_.tend_after_guard(self.domain(), self.node_disposer());
    if constexpr (!inline_pairs) self.elements_.tend_after_guard(self.domain(), self.element_disposer());
  }

  // ---- Looking up. f gets a const value_type&; it runs pinned.

  template <class Q, class F>
  [[gnu::always_inline]] bool look(const Q& k, F&& f) const {
    pin const pinned = epoch::enter_quickly();
    return look_pinned(k, f);
  }
  // The same for a thread that is pinned already.
  template <class Q, class F>
  [[gnu::always_inline]] bool look_pinned(const Q& k, F&& f) const {
    sight seen;
    if (!see_quickly(k, seen)) [[unlikely]]
      seen = see_again(k);
    return show(seen, f);
  }
  template <class Q>
  sight see(const Q& k) const {
    sight seen;
    return see_quickly(k, seen) ? seen : see_again(k);
  }

  // ---- Writing one element. Elements are made and changed, and predicates called, under the lock of the leaf.

  // If there is no such key, constructs an element of args and returns true. Otherwise args are not touched.
  template <class Q, class New, class Old, class... Args>
  bool emplace(const Q& k, New&&, Old&&, Args&&... args) {
    writing here(*this);
    return insert_unless(here, k, nothing(), std::forward<Args>(args)...);
  }
  // The same, but replaces the element that is there. Returns whether there was none.
  template <class Q, class... Args>
  bool put(const Q& k, Args&&... args) {
    writing here(*this);
    return insert_unless(
        here, k, [&](slot& s) { here.keep(slot::replace(allocator_, s, std::forward<Args>(args)...)); },
        std::forward<Args>(args)...);
  }
  // f(value_type&) on a copy of the element, which then takes its place. If f throws nothing has changed.
  template <class Q, class F>
  size_type update(const Q& k, F&& f) {
    writing here(*this);
    locked_leaf const held(*this, [&] { return find_leaf_with(k); });
    if (!held) return 0;
    slot_order const order = held->order();
    place const found = find(*held, order, k);
    if (!found.taken) return 0;
    here.keep(slot::update(allocator_, held->slots[order[found.position]], std::forward<F>(f)));
    return 1;
  }
  // If pred(const value_type&) is true.
  template <class Q, class P>
  size_type erase_if(const Q& k, P&& pred) {
    writing here(*this);
    {
      locked_leaf held(*this, [&] { return find_leaf_with(k); });
      if (!held) return 0;
      slot_order const order = held->order();
      place const found = find(*held, order, k);
      if (!found.taken || !pred_of(held->slots[order[found.position]], pred)) return 0;
      here.keep(slot::unlink(held->slots[order[found.position]]));
      held.erase(order.erase_at(found.position), 1);
      if (!is_thin(*held)) return 1;
    }
    thin_out(here, [&](path& p) { return descend(p, k); });
    return 1;
  }

  // ---- Many elements.

  // Erases those of [lo, hi) for which pred(const value_type&) is true, leaf by leaf; a null pointer stands for no bound.
  // Returns how many. If a function or a comparison throws, some are erased.
  template <class Lo, class Hi, class P>
  size_type erase_between(const Lo* lo, const Hi* hi, P&& pred) {
    writing here(*this);
    size_type erased = 0;
    const key_type* from = nullptr;
    do {
      const key_type* next = nullptr;
      auto const way = [&](path& p) {
        return from != nullptr ? descend(p, *from) : lo != nullptr ? descend(p, *lo) : descend_to_first(p);
      };
      bool thin = false;
      {
        path p;
        locked_leaf held(*this, [&] { return way(p); });
        if (!held) break;
        slot_order const order = held->order();
        std::size_t first = 0;
        if (from != nullptr) {
          first = lower(*held, order, *from);
        } else if (lo != nullptr) {
          first = lower(*held, order, *lo);
        }
        std::size_t const last = hi != nullptr ? lower(*held, order, *hi) : order.size();
        if (last == order.size()) next = p.upper_bound();
        if (next != nullptr && hi != nullptr && !less_(*next, *hi)) next = nullptr;
        if (first < last) {
          size_type const n = erase_slots(here, held, order, first, last, pred);
          erased += n;
          thin = n != 0 && is_thin(*held);
        }
      }
      if (thin) thin_out(here, way);
      from = next;
    } while (from != nullptr);
    return erased;
  }

  // Everything, at one moment.
  void clear() noexcept {
    writing here(*this);
    chain held;
    held.add(root_lock_);
    node_type* const old = root();
    if (old == nullptr) return;
    lock_all(*old);
    size_type const n = close_all(*old);
    put_root(nullptr);
    subtract_from_size(n);
    retire_all(*old);
    here.tend();
  }

  // Fills an empty tree that nobody else knows yet with elements that come in ascending order. Its leaves are full.
  class builder {
   public:
    explicit builder(tree& t) noexcept : tree_(t) {}
    builder(const builder&) = delete;
    builder& operator=(const builder&) = delete;
    ~builder() {
      for (inner_type* n : parents_) tree_.free_object(n);
      for (node_type* n : nodes_) tree_.free_all(*n);
      if constexpr (inner_type::boxes) {
        for (separator b : between_) tree_.free_object(b);
      }
    }

    // An element that is made of args.
    template <class... Args>
    void add(Args&&... args) {
      if (last_ == nullptr || size_of(*last_) == Options::slots) {
        nodes_.reserve(nodes_.size() == nodes_.capacity() ? 2 * nodes_.size() + 16 : 0);
        last_ = tree_.template new_object<leaf_type>();
        nodes_.push_back(last_);
      }
      std::size_t const n = size_of(*last_);
      slot::make(tree_.allocator_, last_->slots[n], std::forward<Args>(args)...);
      last_->put(slot_order::first(n + 1));
      ++size_;
      if constexpr (detail::diagnoses_misuse) {
        const slot* const before = n != 0 ? &last_->slots[n - 1] : previous_;
        if (before != nullptr && !tree_.less_(slot::key(*before), slot::key(last_->slots[n]))) {
          detail::misuse("sorted_unique: the keys are not in strictly ascending order");
        }
        previous_ = &last_->slots[n];
      }
    }
    void finish() {
      if (nodes_.empty()) return;
      tree_.here();
      between_.reserve(nodes_.size());
      for (std::size_t i = 1; i != nodes_.size(); ++i) {
        made_separator made(tree_, slot::key(static_cast<leaf_type*>(nodes_[i])->slots[0]));
        between_.push_back(made.get());
        made.release();
      }
      for (std::size_t level = 1; nodes_.size() != 1; ++level) add_level(level);
      tree_.put_root(nodes_.front());
      nodes_.clear();
      tree_.add_to_size(size_);
    }

   private:
    void add_level(std::size_t level) {
      std::size_t const n = nodes_.size();
      std::size_t const groups = (n + Options::fanout - 1) / Options::fanout;
      parents_.reserve(groups);
      while (parents_.size() != groups) parents_.push_back(tree_.template new_object<inner_type>(level));
      // Nothing throws from here on.
      std::size_t kept = 0;
      for (std::size_t g = 0, i = 0; g != groups; ++g) {
        std::size_t const end = n * (g + 1) / groups;
        if (i != 0) between_[kept++] = between_[i - 1];
        parents_[g]->append(nodes_[i++]);
        for (; i != end; ++i) parents_[g]->append(between_[i - 1], nodes_[i]);
      }
      between_.erase(between_.begin() + static_cast<std::ptrdiff_t>(kept), between_.end());
      nodes_.assign(parents_.begin(), parents_.end());
      parents_.clear();
    }

    tree& tree_;
    std::vector<node_type*> nodes_;
    std::vector<separator> between_;
    std::vector<inner_type*> parents_;
    leaf_type* last_ = nullptr;
    const slot* previous_ = nullptr;
    size_type size_ = 0;
  };

  // ---- Size and shape.

  size_type size() const noexcept { return size_.sum(); }
  bool empty() const noexcept { return size() == 0; }
  // Nodes on the way to an element. 0: an empty tree that owns no memory.
  size_type depth() const {
    pin const pinned = enter();
    node_type* const n = root();
    return n == nullptr ? 0 : n->level + size_type{1};
  }
  tree_stats stats() const {
    tree_stats s;
    pin const pinned = enter();
    s.size = size();
    if (node_type* const n = root()) {
      s.depth = n->level + size_type{1};
      std::size_t elements = 0;
      count(*n, s, elements);
      s.fill = static_cast<double>(elements) / static_cast<double>(s.leaves * Options::slots);
    }
    s.retired = nodes_.stats();
    if constexpr (!inline_pairs) {
      s.bytes += s.size * sizeof(typename slot::node);
      retire_stats const more = elements_.stats();
      s.retired.objects += more.objects;
      s.retired.bytes += more.bytes;
      s.retired.held_for = std::max(s.retired.held_for, more.held_for);
    }
    return s;
  }

  // ---- For cursors (cursor.hpp), whose threads are pinned.

  // The way to a leaf. Nodes may be outdated, but are not freed.
  class path {
   public:
    struct step {
      inner_type* at;
      std::size_t index;  // of the child
    };

    path() noexcept {}
    path(const path& other) noexcept { *this = other; }
    path& operator=(const path& other) noexcept {
      depth = other.depth;
      end = other.end;
      std::copy_n(other.steps.begin(), depth, steps.begin());
      return *this;
    }

    // The leaf has keys less than this, and not less than that; null if there is no bound.
    const key_type* upper_bound() const noexcept {
      for (std::size_t i = depth; i-- != 0;) {
        if (steps[i].index + 1 != steps[i].at->size()) return std::addressof(steps[i].at->key(steps[i].index));
      }
      return nullptr;
    }
    const key_type* lower_bound() const noexcept {
      for (std::size_t i = depth; i-- != 0;) {
        if (steps[i].index != 0) return std::addressof(steps[i].at->key(steps[i].index - 1));
      }
      return nullptr;
    }
    // To the next leaf, or to the one before. Precondition: there is one.
    void step_up() noexcept {
      while (steps[depth - 1].index + 1 == steps[depth - 1].at->size()) --depth;
      ++steps[depth - 1].index;
      go_down(*this, child(), to_first);
    }
    void step_down() noexcept {
      while (steps[depth - 1].index == 0) --depth;
      --steps[depth - 1].index;
      go_down(*this, child(), to_last);
    }
    // Asks for the memory of the next leaf.
    void ask_for_next() const noexcept {
      const step& last = steps[depth - 1];
      if (last.index + 1 != last.at->size()) detail::prefetch_lines(last.at->child(last.index + 1), sizeof(leaf_type));
    }
    node_type* node_at(std::size_t i) const noexcept {
      return i == depth ? static_cast<node_type*>(end) : static_cast<node_type*>(steps[i].at);
    }

    std::size_t depth = 0;
    leaf_type* end = nullptr;

   private:
    friend tree;
    node_type* child() const noexcept { return steps[depth - 1].at->child(steps[depth - 1].index); }

    // Splits leave at least half, and joins a quarter.
    static constexpr std::size_t deepest = Options::fanout >= 16 ? 20 : 48;
    std::array<step, deepest> steps;
  };

  // The leaf of k; null if the tree is empty.
  template <class Q>
  leaf_type* descend(path& p, const Q& k) const {
    return descend_from_root(p, [&](const inner_type& n) { return n.child_of(k, less_); });
  }
  // The leaf with the greatest keys that are less than k.
  template <class Q>
  leaf_type* descend_before(path& p, const Q& k) const {
    return descend_from_root(p, [&](const inner_type& n) { return n.child_before(k, less_); });
  }
  leaf_type* descend_to_first(path& p) const { return descend_from_root(p, to_first); }
  leaf_type* descend_to_last(path& p) const { return descend_from_root(p, to_last); }

  static bool is_closed(const leaf_type& l) noexcept { return lock_type::is_closed(l.lock.version()); }

  // The elements of a leaf at one moment, in order.
  class picture {
   public:
    std::size_t size() const noexcept { return size_; }
    decltype(auto) value(std::size_t i) const noexcept { return slot::value_of(images_[i]); }
    decltype(auto) key(std::size_t i) const noexcept { return slot::key_of(images_[i]); }

    picture() noexcept {}
    picture(const picture& other) noexcept { *this = other; }
    // What has not been filled is not copied.
    picture& operator=(const picture& other) noexcept {
      size_ = other.size_;
      std::copy_n(other.images_.begin(), size_, images_.begin());
      return *this;
    }
    void clear() noexcept { size_ = 0; }

   private:
    friend tree;
    std::array<typename slot::image, Options::slots> images_;
    std::size_t size_ = 0;
  };

  static void take_picture(const leaf_type& l, picture& seen) noexcept {
    for (;;) {
      auto const version = l.lock.version();
      slot_order const order = l.order();
      std::size_t const n = order.size();
      for (std::size_t i = 0; i != n; ++i) seen.images_[i] = l.slots[order[i]].copy();
      seen.size_ = n;
      if (l.lock.has_version_of(version)) return;
    }
  }
  // The first position in [first, last) whose key is not less than k, or is greater.
  template <class Q>
  std::size_t lower(const picture& seen, std::size_t first, std::size_t last, const Q& k) const {
    return partition(first, last, [&](std::size_t i) { return less_(seen.key(i), k); });
  }
  template <class Q>
  std::size_t upper(const picture& seen, std::size_t first, std::size_t last, const Q& k) const {
    return partition(first, last, [&](std::size_t i) { return !less_(k, seen.key(i)); });
  }

 private:
  // Keys that are compared all at once, as numbers.
  template <class Q>
  static constexpr bool by_number = inline_pairs && inner_type::numbers && std::is_same_v<Q, key_type>;

  struct nothing {
    void operator()(const auto&) const noexcept {}
  };
  static constexpr auto to_first = [](const inner_type&) noexcept { return std::size_t{0}; };
  static constexpr auto to_last = [](const inner_type& n) noexcept { return n.size() - 1; };

  // ---- Reading.

  node_type* root() const noexcept {
    // order[root]: acquire load; pairs with [put_root]: the node is made.
    return root_.load(std::memory_order_acquire);
  }
  void put_root(node_type* n) noexcept {
    // order[put_root]: release store; pairs with [root]: as there.
    root_.store(n, std::memory_order_release);
  }

  template <class Q>
  [[gnu::always_inline]] leaf_type* find_leaf(const Q& k) const {
    node_type* n = root();
    if (n == nullptr) [[unlikely]]
      return nullptr;
    for (std::size_t level = n->level; level != 0; --level) {
      const inner_type& i = *static_cast<inner_type*>(n);
      n = i.child(i.child_of(k, less_));
      if (level == 1) {
        detail::prefetch_lines(n, sizeof(leaf_type));
      } else {
        detail::prefetch_lines(n, sizeof(inner_type));
      }
    }
    return static_cast<leaf_type*>(n);
  }
  template <class Choose>
  leaf_type* descend_from_root(path& p, Choose choose) const {
    p.depth = 0;
    p.end = nullptr;
    node_type* const n = root();
    if (n == nullptr) return nullptr;
    return go_down(p, n, choose);
  }
  template <class Choose>
  static leaf_type* go_down(path& p, node_type* n, Choose choose) {
    for (std::size_t level = n->level; level != 0; --level) {
      auto* const i = static_cast<inner_type*>(n);
      std::size_t const index = choose(*i);
      p.steps[p.depth++] = {i, index};
      n = i->child(index);
    }
    return p.end = static_cast<leaf_type*>(n);
  }

  template <class F>
  [[gnu::always_inline]] static bool show(const sight& seen, F& f) {
    if (!seen) return false;
    const value_type& value = seen.value();
    f(value);
    return true;
  }
  template <class Q>
  [[gnu::noinline]] sight see_again(const Q& k) const {
    for (sight seen;; seen = sight()) {
      if (see_quickly(k, seen)) return seen;
    }
  }
  // Returns whether the answer counts: unless an element of the leaf was erased meanwhile. `seen` stays in registers.
  template <class Q>
  [[gnu::always_inline]] bool see_quickly(const Q& sought, sight& seen) const {
    auto const k = detail::in_register(sought);
    const leaf_type* const l = find_leaf(k.get());
    return l == nullptr || look_into(*l, k.get(), seen);
  }
  template <class Q>
  [[gnu::always_inline]] bool look_into(const leaf_type& l, const Q& k, sight& seen) const {
    auto const version = l.lock.version();
    slot_order const order = l.order();
    if constexpr (by_number<Q>) {
      // All slots, used or not, at once: no comparison waits for another.
      std::uint32_t equal = 0;
      for (std::size_t i = 0; i != Options::slots; ++i) {
        equal |= static_cast<std::uint32_t>(slot::key(l.slots[i]) == k) << i;
      }
      for (; equal != 0; equal &= equal - 1) {
        auto const i = static_cast<std::size_t>(std::countr_zero(equal));
        if (order.position_of(i) >= order.size()) continue;
        seen.seen_ = l.slots[i].copy();
        seen.found_ = l.lock.has_version_of(version);
        return seen.found_;
      }
      // A key that was there all the time was in a slot that `order` names.
      return true;
    } else {
      std::size_t const at = lower(l, order, k);
      if (at != order.size()) {
        seen.seen_ = l.slots[order[at]].copy();
        seen.found_ = !less_(k, slot::key_of(seen.seen_));
      }
      if (l.lock.has_version_of(version)) return true;
      seen.found_ = false;
      return false;
    }
  }

  template <class Less>
  static std::size_t partition(std::size_t first, std::size_t last, Less&& is_less) {
    for (std::size_t n = last - first; n != 0;) {
      std::size_t const half = n / 2;
      if (is_less(first + half)) {
        first += half + 1;
        n -= half + 1;
      } else {
        n = half;
      }
    }
    return first;
  }
  // The first position whose key is not less than k.
  template <class Q>
  std::size_t lower(const leaf_type& l, slot_order order, const Q& k) const {
    return partition(0, order.size(), [&](std::size_t i) { return less_(slot::key(l.slots[order[i]]), k); });
  }
  struct place {
    std::size_t position;
    bool taken;
  };
  template <class Q>
  place find(const leaf_type& l, slot_order order, const Q& k) const {
    std::size_t const at = lower(l, order, k);
    return {at, at != order.size() && !less_(k, slot::key(l.slots[order[at]]))};
  }

  // Whether the key is there; perhaps not, if elements of the leaf are erased.
  template <class Q>
  bool has(const leaf_type& l, const Q& k) const {
    sight seen;
    return look_into(l, k, seen) && seen;
  }
  // The leaf, unless the key is absent.
  template <class Q>
  leaf_type* find_leaf_with(const Q& k) const {
    leaf_type* const l = find_leaf(k);
    if (l == nullptr) return nullptr;
    sight seen;
    return look_into(*l, k, seen) && !seen ? nullptr : l;
  }

  // ---- Writing.

  // A writer at work: pinned, and in no stopped tree. At its end, when no lock is held, what was replaced is retired.
  class writing {
   public:
    explicit writing(tree& t) : tree_(t) {
      for (typename lock_type::patience p;; p.wait()) {
        pin_ = t.enter();
        // order[go]: acquire load; pairs with [stopped]: what the tree has after a stop is seen. The stop itself is seen, or
        // waits
        //   for this pin: epoch.hpp.
        if (!t.stopped_.load(std::memory_order_acquire)) [[likely]]
          break;
        pin_.end();
      }
    }
    writing(const writing&) = delete;
    writing& operator=(const writing&) = delete;
    ~writing() {
      pin_.end();
      if constexpr (!inline_pairs) {
        if (old_ != nullptr) {
          tree_.retire(old_);
          tend_ = true;
        }
      }
      if (tend_) tree_.tend_garbage();
    }
    void keep(typename slot::retired old) noexcept { old_ = old; }
    void tend() noexcept { tend_ = true; }

   private:
    tree& tree_;
    pin pin_;
    typename slot::retired old_ = nullptr;
    bool tend_ = false;
  };

  // The leaf that find() returns, locked; or nothing, if that is null.
  class locked_leaf {
   public:
    template <class Find>
    locked_leaf(tree& t, Find&& find) : tree_(t) {
      detail::held_locks::check(std::addressof(t), true);
      for (typename lock_type::patience p;;) {
        leaf_type* const l = find();
        if (l == nullptr) return;
        lock_attempt got = l->lock.attempt();
        // What takes its place is about to be in sight.
        if (got == lock_attempt::closed) p.wait();
        for (; got == lock_attempt::busy; got = l->lock.attempt()) p.wait();
        if (got == lock_attempt::taken) {
          at_ = l;
          detail::held_locks::remember(std::addressof(t), true);
          return;
        }
      }
    }
    locked_leaf(const locked_leaf&) = delete;
    locked_leaf& operator=(const locked_leaf&) = delete;
    ~locked_leaf() { unlock(); }

    explicit operator bool() const noexcept { return at_ != nullptr; }
    leaf_type* operator->() const noexcept { return at_; }
    leaf_type& operator*() const noexcept { return *at_; }

    void erase(slot_order left, size_type n) noexcept {
      at_->put(left);
      tree_.subtract_from_size(n);
      erased_ = true;
    }
    void unlock() noexcept {
      if (at_ == nullptr) return;
      detail::held_locks::forget(std::addressof(tree_));
      if (erased_) {
        at_->lock.unlock();
      } else {
        at_->lock.unlock_unchanged();
      }
      at_ = nullptr;
    }

   private:
    tree& tree_;
    leaf_type* at_ = nullptr;
    bool erased_ = false;
  };

  // Calls on_old with the slot instead, if there is one.
  template <class Q, class Old, class... Args>
  bool insert_unless(writing& here, const Q& k, Old&& on_old, Args&&... args) {
    for (;; make_room(here, k)) {
      bool there = false;
      locked_leaf held(*this, [&] {
        leaf_type* const l = find_leaf(k);
        if constexpr (std::is_same_v<std::remove_cvref_t<Old>, nothing>) {
          // No lock where there is nothing to write.
          there = l != nullptr && has(*l, k);
          if (there) return static_cast<leaf_type*>(nullptr);
        }
        return l;
      });
      if (there) return false;
      if (!held) continue;
      slot_order const order = held->order();
      place const found = find(*held, order, k);
      if (found.taken) {
        on_old(held->slots[order[found.position]]);
        return false;
      }
      if (order.size() == Options::slots) continue;
      slot::make(allocator_, held->slots[order.free()], std::forward<Args>(args)...);
      held->put(order.insert_at(found.position));
      add_to_size(1);
      return true;
    }
  }

  template <class P>
  static bool pred_of(const slot& s, P& pred) {
    return slot::look(s, [&](const value_type& x) { return static_cast<bool>(pred(x)); });
  }
  template <class P>
  size_type erase_slots(writing& here, locked_leaf& held, slot_order order, std::size_t first, std::size_t last,
                        P& pred) {
    slot_order left = order;
    size_type n = 0;
    // What has been chosen is erased, even if the choice of another throws.
    struct committer {
      ~committer() {
        if (n == 0) return;
        held.erase(left, n);
        if constexpr (!inline_pairs) {
          for (std::size_t i = order.size() - n; i != order.size(); ++i) {
            t.retire(slot::unlink(held->slots[left[i]]));
          }
          here.tend();
        }
      }
      tree& t;
      writing& here;
      locked_leaf& held;
      const slot_order& order;
      const slot_order& left;
      const size_type& n;
    } const at_end{*this, here, held, order, left, n};
    for (std::size_t i = first; i != last; ++i) {
      if (!pred_of(held->slots[order[i]], pred)) continue;
      left = left.erase_at(i - n);
      ++n;
    }
    return n;
  }

  // ---- Changing the shape.

  // Locks that are held together.
  class chain {
   public:
    chain() noexcept = default;
    chain(const chain&) = delete;
    chain& operator=(const chain&) = delete;
    ~chain() { unlock(); }
    // Returns false if it is closed.
    bool add(lock_type& l) noexcept {
      for (typename lock_type::patience p;; p.wait(), waited_ = true) {
        lock_attempt const got = l.attempt();
        if (got == lock_attempt::closed) return false;
        if (got == lock_attempt::busy) continue;
        locks_[size_++] = &l;
        return true;
      }
    }
    void unlock() noexcept {
      while (size_ != 0) locks_[--size_]->unlock_unchanged();
    }
    bool has_waited() const noexcept { return waited_; }
    // All but the first.
    void close_rest() noexcept {
      while (size_ > 1) locks_[--size_]->close();
    }

   private:
    std::array<lock_type*, 4> locks_{};
    std::size_t size_ = 0;
    bool waited_ = false;
  };

  // Something new, freed unless it is released.
  template <class T>
  class made {
   public:
    template <class... Args>
    explicit made(tree& t, Args&&... args) : tree_(t), at_(t.template new_object<T>(std::forward<Args>(args)...)) {}
    made(const made&) = delete;
    made& operator=(const made&) = delete;
    ~made() {
      if (at_ != nullptr) tree_.free_object(at_);
    }
    T* get() const noexcept { return at_; }
    T* operator->() const noexcept { return at_; }
    T* release() noexcept { return std::exchange(at_, nullptr); }

   private:
    tree& tree_;
    T* at_;
  };
  // A new separator: a box, or a copy.
  class plain_separator {
   public:
    plain_separator(tree&, const key_type& k) noexcept : key_(k) {}
    separator get() const noexcept { return key_; }
    static void release() noexcept {}

   private:
    key_type key_;
  };
  class boxed_separator : public made<box> {
   public:
    boxed_separator(tree& t, const key_type& k) : made<box>(t, k) {}
  };
  using made_separator = std::conditional_t<inner_type::boxes, boxed_separator, plain_separator>;

  static constexpr std::size_t most_in_thin_leaf = Options::slots / 4;
  static constexpr std::size_t most_in_joined_leaf = Options::slots * 3 / 4;
  static constexpr std::size_t most_in_thin_inner = std::max<std::size_t>(1, Options::fanout / 4);
  static constexpr std::size_t most_in_joined_inner = Options::fanout * 3 / 4;

  static std::size_t size_of(const node_type& n) noexcept {
    return n.level == 0 ? static_cast<const leaf_type&>(n).order().size() : n.count;
  }
  static bool is_thin(const node_type& n) noexcept {
    return size_of(n) <= (n.level == 0 ? most_in_thin_leaf : most_in_thin_inner);
  }
  // An empty leaf, and a node with a single child, should not stay alone.
  static bool may_join(const node_type& a, const node_type& b) noexcept {
    std::size_t const m = size_of(a);
    std::size_t const n = size_of(b);
    return a.level == 0 ? m + n <= most_in_joined_leaf || ((m == 0 || n == 0) && m + n <= Options::slots)
                        : m + n <= most_in_joined_inner || ((m == 1 || n == 1) && m + n <= Options::fanout);
  }

  // Locks what a change of the i-th node of the path needs, apart from that: the pointer to its parent, and the parent; or the
  // pointer to itself, if it is the root. Returns false if they have changed.
  bool hold_above(const path& p, std::size_t i, chain& held) noexcept {
    if (i >= 2) {
      auto const& above = p.steps[i - 2];
      if (!held.add(above.at->lock) || above.at->child(above.index) != p.steps[i - 1].at) return false;
    } else {
      held.add(root_lock_);
      if (root() != p.node_at(0)) return false;
    }
    if (i == 0) return true;
    auto const& parent = p.steps[i - 1];
    return held.add(parent.at->lock) && parent.at->child(parent.index) == p.node_at(i);
  }
  // `n` takes the place of the parent of the path's i-th node, or that of the root.
  void put_above(const path& p, std::size_t i, node_type* n) noexcept {
    if (i >= 2) {
      p.steps[i - 2].at->put_child(p.steps[i - 2].index, n);
    } else {
      put_root(n);
    }
  }

  // The leaf of k was full, or missing.
  template <class Q>
  void make_room(writing& here, const Q& k) {
    here.tend();
    for (typename lock_type::patience patience;;) {
      path p;
      if (descend(p, k) == nullptr) return plant();
      if (size_of(*p.end) < Options::slots) return;
      std::size_t i = p.depth;
      while (i != 0 && p.steps[i - 1].at->size() == Options::fanout) --i;
      chain held;
      bool const split = i == p.depth ? split_leaf(held, p, k) : split_inner(held, p, i);
      if (split && i == p.depth) return;
      // What takes the place of a closed node is about to be in sight.
      bool const at_once = split || held.has_waited();
      held.unlock();
      if (!at_once) patience.wait();
    }
  }
  // The first leaf.
  void plant() {
    made<leaf_type> first(*this);
    chain held;
    held.add(root_lock_);
    if (root() == nullptr) put_root(first.release());
  }

  // The new nodes take the place of the i-th of the path. What may throw comes first.
  class two_for_one {
   public:
    two_for_one(tree& t, const path& p, std::size_t i, node_type* left, separator between, node_type* right)
        : tree_(t), path_(p), i_(i), above_(t, level_above(p, i)) {
      if (i == 0) {
        above_->append(left);
        above_->append(between, right);
        return;
      }
      const inner_type& old = *p.steps[i - 1].at;
      for (std::size_t c = 0; c != old.size(); ++c) {
        bool const here = c == p.steps[i - 1].index;
        append(*above_.get(), old, c, here ? left : old.child(c));
        if (here) above_->append(between, right);
      }
    }
    void put(chain& held) noexcept {
      held.close_rest();
      tree_.put_above(path_, i_, above_.release());
      tree_.retire(path_.node_at(i_));
      if (i_ != 0) tree_.retire(path_.steps[i_ - 1].at);
    }

   private:
    static std::size_t level_above(const path& p, std::size_t i) {
      if (i == 0 && p.depth + 1 >= path::deepest) throw std::bad_alloc();
      return p.node_at(i)->level + std::size_t{1};
    }
    tree& tree_;
    const path& path_;
    std::size_t const i_;
    made<inner_type> above_;
  };
  static void append(inner_type& to, const inner_type& from, std::size_t c, node_type* child) noexcept {
    if (to.size() == 0) {
      to.append(child);
    } else {
      to.append(from.separator_at(c - 1), child);
    }
  }

  // These return false if somebody else has changed the tree there.
  template <class Q>
  bool split_leaf(chain& held, const path& p, const Q& k) {
    leaf_type& old = *p.end;
    if (!hold_above(p, p.depth, held) || !held.add(old.lock)) return false;
    slot_order const order = old.order();
    std::size_t const n = order.size();
    if (n != Options::slots) return true;
    // Keys that come in order fill leaves.
    std::size_t const wanted = lower(old, order, k);
    std::size_t const half = wanted == n ? n - 1 : wanted == 0 ? 1 : n / 2;
    made<leaf_type> left(*this);
    made<leaf_type> right(*this);
    made_separator between(*this, slot::key(old.slots[order[half]]));
    two_for_one change(*this, p, p.depth, left.get(), between.get(), right.get());
    copy_slots(old, order, 0, half, *left.get());
    copy_slots(old, order, half, n, *right.get());
    change.put(held);
    left.release();
    right.release();
    between.release();
    return true;
  }
  bool split_inner(chain& held, const path& p, std::size_t i) {
    if (!hold_above(p, i, held)) return false;
    inner_type& old = *p.steps[i].at;
    if (!held.add(old.lock)) return false;
    std::size_t const n = old.size();
    std::size_t const index = p.steps[i].index;
    std::size_t const least = n >= 8 ? 2 : 1;
    std::size_t const half = index + 1 == n ? n - least : index == 0 ? least : (n + 1) / 2;
    made<inner_type> left(*this, old.level);
    made<inner_type> right(*this, old.level);
    for (std::size_t c = 0; c != n; ++c) append(c < half ? *left.get() : *right.get(), old, c, old.child(c));
    two_for_one change(*this, p, i, left.get(), old.separator_at(half - 1), right.get());
    change.put(held);
    left.release();
    right.release();
    return true;
  }
  static void copy_slots(leaf_type& from, slot_order order, std::size_t first, std::size_t last,
                         leaf_type& to) noexcept {
    std::size_t n = to.order().size();
    for (std::size_t i = first; i != last; ++i) slot::relocate(to.slots[n++], from.slots[order[i]]);
    to.put(slot_order::first(n));
  }

  // way(path&) goes to a leaf that has become thin. Joins nodes on that way with their neighbours, as far as that is possible.
  template <class Way>
  void thin_out(writing& here, Way&& way) noexcept {
    here.tend();
    try {
      path p;
      while (way(p) != nullptr && join_one(p)) {
      }
    } catch (...) {
      // No memory, or a comparison threw: everything is as it was, and the next one who erases tries again.
    }
  }
  bool join_one(const path& p) {
    for (std::size_t i = p.depth; i != 0; --i) {
      const inner_type& parent = *p.steps[i - 1].at;
      std::size_t const index = p.steps[i - 1].index;
      if (!is_thin(*p.node_at(i)) || parent.size() == 1) continue;
      if (index + 1 != parent.size() && join(p, i, index)) return true;
      if (index != 0 && join(p, i, index - 1)) return true;
    }
    return false;
  }
  // Two children of the parent of the path's i-th node become one. Returns whether they do.
  bool join(const path& p, std::size_t i, std::size_t index) {
    inner_type& parent = *p.steps[i - 1].at;
    if (!may_join(*parent.child(index), *parent.child(index + 1))) return false;
    chain held;
    if (!hold_above(p, i, held)) return false;
    node_type& left = *parent.child(index);
    node_type& right = *parent.child(index + 1);
    if (!held.add(left.lock) || !held.add(right.lock) || !may_join(left, right)) return false;
    if (left.level == 0) {
      made<leaf_type> both(*this);
      auto& l = static_cast<leaf_type&>(left);
      auto& r = static_cast<leaf_type&>(right);
      copy_slots(l, l.order(), 0, l.order().size(), *both.get());
      copy_slots(r, r.order(), 0, r.order().size(), *both.get());
      replace_two(p, i, index, held, both);
      if constexpr (inner_type::boxes) retire(parent.separator_at(index));
    } else {
      made<inner_type> both(*this, left.level);
      auto& l = static_cast<inner_type&>(left);
      auto& r = static_cast<inner_type&>(right);
      for (std::size_t c = 0; c != l.size(); ++c) append(*both.get(), l, c, l.child(c));
      both->append(parent.separator_at(index), r.child(0));
      for (std::size_t c = 1; c != r.size(); ++c) append(*both.get(), r, c, r.child(c));
      replace_two(p, i, index, held, both);
    }
    retire(&left);
    retire(&right);
    retire(&parent);
    return true;
  }
  template <class Node>
  void replace_two(const path& p, std::size_t i, std::size_t index, chain& held, made<Node>& both) {
    const inner_type& old = *p.steps[i - 1].at;
    if (i == 1 && old.size() == 2) {
      // The root would have a single child.
      held.close_rest();
      put_root(both.release());
      return;
    }
    made<inner_type> above(*this, old.level);
    for (std::size_t c = 0; c != old.size(); ++c) {
      if (c == index + 1) continue;
      append(*above.get(), old, c, c == index ? both.get() : old.child(c));
    }
    held.close_rest();
    put_above(p, i, above.release());
    both.release();
  }

  // ---- All nodes at once. Recursive: the tree is not deep.

  template <class F>
  static void for_each_child(node_type& n, F&& f) {
    if (n.level == 0) return;
    auto& i = static_cast<inner_type&>(n);
    for (std::size_t c = 0; c != i.size(); ++c) f(*i.child(c));
  }
  // Nothing below a locked node is closed by others.
  static void lock_all(node_type& n) noexcept {
    n.lock.lock();
    for_each_child(n, [](node_type& child) { lock_all(child); });
  }
  // Returns how many elements there are.
  static size_type close_all(node_type& n) noexcept {
    size_type elements = n.level == 0 ? size_of(n) : 0;
    for_each_child(n, [&](node_type& child) { elements += close_all(child); });
    n.lock.close();
    return elements;
  }
  template <class F>
  void for_each_part(node_type& n, F&& f) noexcept {
    if (n.level == 0) {
      auto& l = static_cast<leaf_type&>(n);
      if constexpr (!inline_pairs) {
        slot_order const order = l.order();
        for (std::size_t i = 0; i != order.size(); ++i) f(slot::unlink(l.slots[order[i]]));
      }
    } else {
      for_each_child(n, [&](node_type& child) { for_each_part(child, f); });
      auto& i = static_cast<inner_type&>(n);
      if constexpr (inner_type::boxes) {
        for (std::size_t c = 1; c != i.size(); ++c) f(static_cast<object*>(i.separator_at(c - 1)));
      }
    }
    f(static_cast<object*>(&n));
  }
  void retire_all(node_type& n) noexcept {
    for_each_part(n, [this](auto* o) { this->retire(o); });
  }
  void free_all(node_type& n) noexcept {
    for_each_part(n, [this](auto* o) { this->dispose(o); });
  }
  static void count(node_type& n, tree_stats& s, std::size_t& elements) noexcept {
    s.bytes += n.bytes;
    if (n.level == 0) {
      ++s.leaves;
      elements += size_of(n);
      return;
    }
    ++s.inner_nodes;
    if constexpr (inner_type::boxes) s.bytes += (n.count - std::size_t{1}) * sizeof(box);
    for_each_child(n, [&](node_type& child) { count(child, s, elements); });
  }

  // ---- Memory.

  template <class T>
  using allocator_of = typename std::allocator_traits<Allocator>::template rebind_alloc<T>;
  template <class T, class... Args>
  T* new_object(Args&&... args) {
    using traits = std::allocator_traits<allocator_of<T>>;
    allocator_of<T> from(allocator_);
    auto const memory = traits::allocate(from, 1);
    try {
      return std::construct_at(std::to_address(memory), std::forward<Args>(args)...);
    } catch (...) {
      traits::deallocate(from, memory, 1);
      throw;
    }
  }
  template <class T>
  void free_object(T* o) noexcept {
    using traits = std::allocator_traits<allocator_of<T>>;
    allocator_of<T> to(allocator_);
    std::destroy_at(o);
    traits::deallocate(to, std::pointer_traits<typename traits::pointer>::pointer_to(*o), 1);
  }
  void dispose(object* o) noexcept {
    if (o->level == 0) {
      free_object(static_cast<leaf_type*>(o));
    } else if (o->level != object::separator) {
      free_object(static_cast<inner_type*>(o));
    } else if constexpr (inner_type::boxes) {
      free_object(static_cast<box*>(o));
    }
  }
  template <class Node>
    requires std::same_as<Node*, typename slot::retired>
  void dispose(Node* n) noexcept {
    slot::free_node(allocator_, n);
  }

  // Out of sight already. The thread has been pinned, so here() does not throw.
  void retire(object* o) noexcept { nodes_.retire(epoch::here().number, o); }
  template <class Node>
    requires std::same_as<Node*, typename slot::retired>
  void retire(Node* n) noexcept {
    elements_.retire(epoch::here().number, n);
  }
  // For a thread that holds no lock and is not pinned, unless by a guard.
  void tend_garbage() noexcept {
    std::size_t const number = epoch::here().number;
    if (nodes_.waits()) nodes_.tend(number, this->domain(), node_disposer());
    if constexpr (!inline_pairs) {
      if (elements_.waits()) elements_.tend(number, this->domain(), element_disposer());
    }
  }
  auto node_disposer() noexcept {
    return [this](object* o) { dispose(o); };
  }
  auto element_disposer() noexcept {
    return [this](auto* n) { slot::free_node(allocator_, n); };
  }
  void dispose_of_retired() noexcept {
    nodes_.dispose_all(node_disposer());
    if constexpr (!inline_pairs) elements_.dispose_all(element_disposer());
  }
  // Nobody is in the tree, and the allocator is about to be another.
  void dispose_of_own() noexcept {
    if constexpr (!std::allocator_traits<Allocator>::is_always_equal::value) {
      wait_for_readers();
      dispose_of_retired();
    }
  }
  [[gnu::noinline, gnu::cold]] void release_contents() noexcept {
    if (node_type* const n = root_.load(std::memory_order_relaxed)) free_all(*n);
    dispose_of_retired();
  }

  // The pin has made the record, so this does not throw.
  void add_to_size(size_type n) noexcept { size_.add(epoch::here().number, n); }
  void subtract_from_size(size_type n) noexcept { add_to_size(size_type{0} - n); }

  // ---- Contents on their way from tree to tree.

  // No writer is in the tree, and none begins. Readers go on.
  class stop {
   public:
    explicit stop(tree& t) : tree_(t) {
      t.here();
      // order[stop]: acquire exchange; pairs with [stopped]: what an earlier one left is seen.
      for (typename lock_type::patience p; t.stopped_.exchange(true, std::memory_order_acquire); p.wait()) {
      }
      t.wait_for_readers();
    }
    stop(const stop&) = delete;
    stop& operator=(const stop&) = delete;
    ~stop() {
      // order[stopped]: release store; pairs with [go], [stop]: as there.
      tree_.stopped_.store(false, std::memory_order_release);
    }

   private:
    tree& tree_;
  };
  // Until all that are pinned now have left: they may have found what belongs to another tree now.
  void wait_for_readers() const { this->domain().synchronize(&epoch::here()); }
  // Takes what the other has in the place of what is here, which is returned.
  node_type* take_over(tree& other) noexcept {
    node_type* const old = root_.load(std::memory_order_relaxed);
    put_root(other.root_.load(std::memory_order_relaxed));
    other.put_root(nullptr);
    size_.take(other.size_);
    return old;
  }

  // First, as g++ 12 clears the byte of an empty member that comes later, whatever else is there.
  [[no_unique_address]] Compare less_{};
  [[no_unique_address]] Allocator allocator_{};
  typename atomics::template atomic<node_type*> root_{nullptr};
  // Of the root word.
  lock_type root_lock_;
  typename atomics::template atomic<bool> stopped_{false};
  // What was replaced or erased, and may still be looked at.
  retire_list<object, domain_type, atomics> nodes_;
  struct no_elements {};
  [[no_unique_address]] typename std::conditional_t<
      inline_pairs, std::type_identity<no_elements>,
      std::type_identity<retire_list<std::remove_pointer_t<typename slot::retired>, domain_type, atomics>>>::type
      elements_;
  striped_size<words::template word> size_{};
};

}  // namespace tandem::tree

namespace tandem::cell {

template <class Element, class Compare, class Allocator, class Options>
struct engine_traits<tree::tree<Element, Compare, Allocator, Options>>
    : std::type_identity<tree::tree<Element, Compare, Allocator, Options>> {
  using element = Element;
  using key = typename Element::key_type;
  using compare = Compare;
  using allocator = Allocator;
};

}  // namespace tandem::cell

#endif
