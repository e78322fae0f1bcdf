// The table behind cell_map and cell_set: cells with a lock each, in at most two arrays.
//
// Operations. An operation pins the thread (sync/epoch.hpp), finds the cell that counts for its hash, takes the cell's lock,
// and unpins: a cell whose lock is held is not moved, and an array with such a cell not freed. So a pin lasts for some
// instructions, and no visitor runs under one. What does run under one is the allocator, when an array is made or a group
// moved, the hash function, when a group is moved, and the equality of keys that are copied: they must not wait for an
// operation on a table. Whoever finds the lock taken unpins too, waits a little and starts anew. Pairs that can be copied are
// read without the lock, under the pin, by the version of the cell (versioned_lock.hpp).
//
// The word. `word_` is the address of the current array with two flags. `moving`: elements are being moved to it from its
// previous array, whose cells count until they are closed. `stopped`: somebody wants the whole table; nobody starts.
//
//     nothing -> array -> array | moving -> array -> ...      each | stopped for a while
//
// Resizing. The operation that makes a table too full allocates the larger array, not touched and not cleared, and puts it into
// the word. Every operation that writes then moves a few groups of cells, taken by a shared cursor that goes round until none
// is left. A group whose cell is locked, whose hash function throws, or for which there is no memory now is left for the next
// round. Operations wait for a cell that is just being moved, at most; never for the table. When the last group has been moved
// the flag goes, and the old array is kept until no pinned thread can know it any more (a ticket of the epoch). While elements
// are being moved no further resize begins; cells that fill up meanwhile use overflow blocks.
//
// Scans go by hash, not by cell: the cursor is the smallest hash not yet visited. All elements of a cell have hashes of one
// range, at any size of the table, so elements present throughout are visited once, whatever is moved.
//
// Invariants
//   1. Each element is in the one cell that counts for its hash: the previous array's until that is closed, then the current's.
//   2. A cell is changed only under its exclusive lock, which is closed only by move_group, when the content is elsewhere.
//   3. size() is exact when no operation is running: counters change under the lock of the element's cell.
//   4. An array is freed when it is out of the word and its ticket has expired, or by the destructor.
#ifndef TANDEM_CELL_TABLE_HPP
#define TANDEM_CELL_TABLE_HPP

#include <tandem/cell/array.hpp>
#include <tandem/detail/held_locks.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/options.hpp>
#include <tandem/sync/backoff.hpp>
#include <tandem/sync/epoch.hpp>
#include <tandem/sync/epoch_user.hpp>
#include <tandem/sync/retire_list.hpp>
#include <tandem/sync/striped_size.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem::cell {

enum class access { shared, exclusive };

// What a table looks like at the moment; each number by itself.
struct table_stats {
  std::size_t size = 0;
  std::size_t cells = 0;
  std::size_t slots = 0;  // places within cells
  double load = 0;        // elements per such place
  std::size_t overflow_cells = 0;
  std::size_t overflow_blocks = 0;
  std::size_t overflow_elements = 0;
  bool moving = false;      // a resize is under way,
  double moved = 1;         // and this part of it done
  std::size_t resizes = 0;  // finished ones
  std::size_t bytes = 0;    // of the arrays and blocks in use; old ones wait for later writes to free them
};

struct held_capacity {
  std::size_t elements = 0;
};

// What became of an element that was offered to another table.
enum class transfer { done, present, busy };

// Visitors that do nothing, so that the table knows that nothing has changed.
struct ignore {
  void operator()(const auto&) const noexcept {}
};

// Sync: a policy that is concurrent (sync_policy.hpp).
template <class Element, class Hash, class KeyEqual, class Allocator, class Options,
          class Sync = locked<typename Options::atomics>>
class table : protected epoch_user<typename Options::epoch> {
 protected:
  using sync = Sync;
  using array = cell_array<Element, Allocator, sync, Options>;
  using cell = typename array::cell;
  using place = typename array::place;
  using line = typename array::line;
  using slot = typename array::slot;
  using atomics = typename Options::atomics;
  using epoch = epoch_user<typename Options::epoch>;
  using epoch::enter;
  using epoch::enter_quickly;
  using typename epoch::domain_type;
  using typename epoch::pin;
  using tagged = std::uintptr_t;

  // A cell whose lock is held.
  struct locked_cell {
    cell c;
    array* in = nullptr;
    const table* owner = nullptr;
    explicit operator bool() const noexcept { return static_cast<bool>(c); }

    template <access A>
    void unlock() const noexcept {
      detail::held_locks::forget(owner);
      if constexpr (A == access::shared) {
        c.at->lock.unlock_shared();
      } else {
        c.at->lock.unlock();
      }
    }
    void unlock_unchanged() const noexcept {
      detail::held_locks::forget(owner);
      c.at->lock.unlock_unchanged();
    }
  };

 public:
  using key_type = typename Element::key_type;
  using value_type = typename Element::value_type;
  using size_type = std::size_t;
  template <class Q>
  using prehashed = detail::prehashed<Q>;

  // Whether peek() copies instead of locking.
  static constexpr bool copies = slot::words && !sync::lock_free_reads;
  // Whether elements are nodes that readers may be looking at, so that what is erased has to wait.
  static constexpr bool retires = [] {
    if constexpr (sync::lock_free_reads) return !slot::inline_pairs;
    return false;
  }();

  // ---- Making and ending it.

  constexpr table() noexcept(std::is_nothrow_default_constructible_v<Hash> &&
                             std::is_nothrow_default_constructible_v<KeyEqual> &&
                             std::is_nothrow_default_constructible_v<Allocator>)
    requires std::default_initializable<Hash> && std::default_initializable<KeyEqual> &&
                 std::default_initializable<Allocator>
  = default;

  // Does not shrink below room for `held` elements.
  constexpr table(held_capacity held, const Hash& hash, const KeyEqual& equal, const Allocator& allocator)
      : hash_(hash), equal_(equal), allocator_(allocator), held_(held.elements) {}
  table(size_type n, const Hash& hash, const KeyEqual& equal, const Allocator& allocator)
      : hash_(hash), equal_(equal), allocator_(allocator) {
    if (n != 0) word_.store(to_word(array::make(allocator_, cells_for(n), nullptr)), std::memory_order_relaxed);
  }

  table(table&& other) : hash_(other.hash_), equal_(other.equal_), allocator_(other.allocator_) {
    static_assert(epoch::moves, "a container with an epoch of its own stays where it is");
    stop const others(other);
    take_over(other);
    wait_for_lookers();
  }

  table(const table&) = delete;
  table& operator=(const table&) = delete;

  ~table() { release_contents(); }

  // Both wait for the guards and locks held in both.
  void swap(table& other) {
    static_assert(epoch::moves, "a container with an epoch of its own stays where it is");
    if (this == &other) return;
    stop const first(this < &other ? *this : other);
    stop const second(this < &other ? other : *this);
    if constexpr (std::allocator_traits<Allocator>::propagate_on_container_swap::value) {
      dispose_of_own();
      other.dispose_of_own();
    }
    take_contents(other);
    wait_for_lookers();
    using std::swap;
    swap(hash_, other.hash_);
    swap(equal_, other.equal_);
    if constexpr (std::allocator_traits<Allocator>::propagate_on_container_swap::value) {
      swap(allocator_, other.allocator_);
    }
  }

  // Takes over everything, and if so told the allocator; `other` is empty then. Precondition: the allocators are equal, or it
  // is taken over.
  template <bool TakesAllocator>
  void assign(table& other) {
    static_assert(epoch::moves, "a container with an epoch of its own stays where it is");
    if (this == &other) return;
    stop const first(this < &other ? *this : other);
    stop const second(this < &other ? other : *this);
    // What may throw comes first.
    Hash hash(other.hash_);
    KeyEqual equal(other.equal_);
    // Not by way of an empty table: where readers take no lock they see the old elements or the new ones.
    tagged const old = take_over(other);
    wait_for_lookers();
    retire_contents(old);
    if constexpr (TakesAllocator) dispose_of_own();
    using std::swap;
    swap(hash_, hash);
    swap(equal_, equal);
    if constexpr (TakesAllocator) allocator_ = other.allocator_;
  }

  const Hash& hash_function() const noexcept { return hash_; }
  const KeyEqual& key_eq() const noexcept { return equal_; }
  const Allocator& get_allocator() const noexcept { return allocator_; }

  template <class Q>
  std::size_t hash_of(const Q& k) const {
    return detail::mixed(hash_, k);
  }

  // ---- One element. Functions get value_type& or const value_type&.

  template <access A, bool Uses = false, class Q, class F>
  size_type visit(prehashed<Q> k, F&& f) {
    locked_cell const held = lock<A>(k.hash);
    if (!held) return 0;
    unlocker<A> at_end(held);
    place const found = find(held.c, k);
    if (!found) return 0;
    if constexpr (Uses) array::use(held.c, found);
    if constexpr (A == access::shared) {
      slot::look(*found.at, std::forward<F>(f));
    } else {
      at_end.changed();
      slot::with(*found.at, std::forward<F>(f));
    }
    return 1;
  }
  template <access A, class Q, class F>
    requires(A == access::shared)
  size_type visit(prehashed<Q> k, F&& f) const {
    return const_cast<table*>(this)->template visit<A>(k, std::forward<F>(f));
  }

  // As visit<shared>, but f may get a copy and run without a lock. Uses: whether this is a use of the element, where recency is
  // kept.
  template <bool Uses = false, class Q, class F>
  size_type peek(prehashed<Q> k, F&& f) const {
    if constexpr (copies) {
      detail::held_locks::check(this, false);
      auto seen = look_up<Uses>(k.hash, k.key);
      if (seen.what > sight::absent) [[unlikely]]
        seen = look_again<Uses>(k.hash, k.key);
      if (seen.what == sight::found) {
        value_type const value = seen.copied.value();
        std::forward<F>(f)(value);
        return 1;
      }
      if (seen.what == sight::absent) return 0;
    }
    return const_cast<table*>(this)->template visit<access::shared, Uses>(k, std::forward<F>(f));
  }

  // As peek(), but does not wait: nothing if a lock is in the way.
  template <class Q, class F>
  std::optional<size_type> try_peek(prehashed<Q> k, F&& f) const {
    detail::held_locks::check(this, false);
    locked_cell held;
    if (try_lock<access::shared>(k.hash, false, held) != lock_attempt::taken) return std::nullopt;
    if (!held) return 0;
    detail::held_locks::remember(this, false);
    unlocker<access::shared> const at_end(held);
    place const found = find(held.c, k);
    if (!found) return 0;
    slot::look(*found.at, std::forward<F>(f));
    return 1;
  }

  // As peek(): an optional of what f returned, which is neither void nor a reference.
  template <bool Uses = false, class Q, class F>
  auto peek_for(prehashed<Q> k, F&& f) const {
    using result = std::optional<std::remove_cv_t<std::invoke_result_t<F, const value_type&>>>;
    if constexpr (copies) {
      detail::held_locks::check(this, false);
      auto seen = look_up<Uses>(k.hash, k.key);
      if (seen.what > sight::absent) [[unlikely]]
        seen = look_again<Uses>(k.hash, k.key);
      if (seen.what == sight::found) {
        value_type const value = seen.copied.value();
        return result(std::forward<F>(f)(value));
      }
      if (seen.what == sight::absent) return result();
    }
    locked_cell const held = lock<access::shared>(k.hash);
    if (!held) return result();
    unlocker<access::shared> const at_end(held);
    place const found = find(held.c, k);
    if (!found) return result();
    if constexpr (Uses) array::use(held.c, found);
    return result(slot::look(*found.at, std::forward<F>(f)));
  }

  // If there is no such key, constructs an element of args, calls on_new with it and returns true; else calls on_old and
  // returns false, and args are not touched.
  template <class Q, class New, class Old, class... Args>
  bool emplace(prehashed<Q> k, New&& on_new, Old&& on_old, Args&&... args) {
    constexpr bool ignores_old = std::is_same_v<std::remove_cvref_t<Old>, ignore>;
    if constexpr (copies && ignores_old) {
      if (looks(k) == sight::found) return false;
    }
    return insert_unless(
        k, [&](slot& s) { slot::with(s, std::forward<Old>(on_old)); }, std::bool_constant<!ignores_old>(),
        std::forward<New>(on_new), std::forward<Args>(args)...);
  }
  // Calls on_old with the slot instead, if there is one.
  template <class Q, class Old, bool ChangesOld, class New, class... Args>
  bool insert_unless(const prehashed<Q>& k, Old&& on_old, std::bool_constant<ChangesOld>, New&& on_new,
                     Args&&... args) {
    locked_cell const held = lock_for_insert(k.hash);
    bool was_full = false;
    size_type count = 0;
    {
      unlocker<access::exclusive> at_end(held);
      if (place const found = find(held.c, k)) {
        if constexpr (ChangesOld) {
          at_end.changed();
          on_old(*found.at);
        }
        return false;
      }
      at_end.changed();
      was_full = array::is_full(*held.c.at);
      place const made = held.in->insert(allocator_, held.c, k.hash, std::forward<Args>(args)...);
      count = add_to_size(1);
      if constexpr (!std::is_same_v<std::remove_cvref_t<New>, ignore>) slot::with(*made.at, std::forward<New>(on_new));
    }
    if (was_full || count % steps_per_look == 0) look_after();
    return true;
  }

  template <class Q, class P>
  size_type erase_if(prehashed<Q> k, P&& pred) {
    return remove(k, [&](slot& s, removed& r) {
      if (!slot::with(s, pred)) return false;
      r.keep(s);
      return true;
    });
  }

  // f may move from the element, which is then erased. If f throws nothing is erased.
  template <class Q, class F>
  size_type take(prehashed<Q> k, F&& f) {
    return remove(k, [&](slot& s, removed& r) {
      slot::with(s, f);
      r.keep(s);
      return true;
    });
  }

  // ---- All elements. f(element) returns whether to go on; scans return whether they came to the end.

  template <access A, class F>
  bool scan(F&& f) {
    return scan_between<A>(0, last_hash, f);
  }
  template <access A, class F>
    requires(A == access::shared)
  bool scan(F&& f) const {
    return const_cast<table*>(this)->template scan_between<A>(0, last_hash, f);
  }
  // The part-th of so many parts of about equal size.
  template <access A, class F>
  bool scan_part(std::size_t part, std::size_t parts, F&& f) {
    range const hashes = slice(part, parts);
    return scan_between<A>(hashes.first, hashes.last, f);
  }
  template <access A, class F>
    requires(A == access::shared)
  bool scan_part(std::size_t part, std::size_t parts, F&& f) const {
    return const_cast<table*>(this)->template scan_part<A>(part, parts, f);
  }

  template <class P>
  size_type erase_if(P&& pred) {
    return erase_between(0, last_hash, pred);
  }
  template <class P>
  size_type erase_part_if(std::size_t part, std::size_t parts, P&& pred) {
    range const hashes = slice(part, parts);
    return erase_between(hashes.first, hashes.last, pred);
  }

  void clear() noexcept {
    size_type erased = 0;
    scan_cells<access::exclusive>(0, last_hash, [&](const locked_cell& held, range) {
      size_type n = 0;
      array::for_each(held.c, [&](place p) {
        array::vacate(held.c, p);
        end_element(*p.at);
        ++n;
        return true;
      });
      subtract_from_size(n);
      erased += n;
      return true;
    });
    tend_garbage(erased);
  }

  // Moves the elements over whose keys are not here yet. Tables that are merged into each other at the same time do not wait
  // for each other: a cell that is not free is come back to.
  template <class Source>
  size_type merge(Source& from) {
    if constexpr (std::is_same_v<Source, table>) {
      if (this == &from) return 0;
    }
    detail::held_locks::check(this, true);
    return from.give([this](const key_type& key, auto&& construct) {
      prehashed<key_type> const k{key, hash_of(key)};
      std::optional<locked_cell> const held = try_lock_for_insert(k.hash);
      if (!held) return transfer::busy;
      size_type count = 0;
      {
        unlocker<access::exclusive> at_end(*held);
        if (find(held->c, k)) return transfer::present;
        at_end.changed();
        construct([&](auto&&... args) {
          held->in->insert(allocator_, held->c, k.hash, std::forward<decltype(args)>(args)...);
        });
        count = add_to_size(1);
      }
      if (count % steps_per_look == 0) look_after();
      return transfer::done;
    });
  }

  // Offers each element to accept(key, construct), which returns what became of it. For merge.
  template <class F>
  size_type give(F&& accept) {
    size_type given = 0;
    for (std::size_t at = 0;;) {
      bool again = false;
      scan_cells<access::exclusive>(at, last_hash, [&](const locked_cell& held, range hashes) {
        array::for_each(held.c, [&](place p) {
          transfer const t = offer(*p.at, accept);
          if (t == transfer::done) {
            array::vacate(held.c, p);
            slot::destroy(allocator_, *p.at);
            subtract_from_size(1);
            ++given;
          }
          again = again || t == transfer::busy;
          return true;
        });
        at = hashes.first;
        return !again;
      });
      if (!again) return given;
      atomics::yield();
    }
  }

  // ---- Many keys: as many visits, but their cache misses overlap.

  template <access A, class It, class F>
  size_type visit_bulk(It first, It last, F&& f) {
    constexpr std::size_t batch = 16;
    std::array<std::size_t, batch> hashes;
    size_type visited = 0;
    while (first != last) {
      std::size_t n = 0;
      for (It at = first; at != last && n != batch; ++at) hashes[n++] = hash_of(*at);
      fetch_ahead(hashes.data(), n);
      for (std::size_t i = 0; i != n; ++i, static_cast<void>(++first)) {
        decltype(auto) key = *first;
        prehashed<std::remove_cvref_t<decltype(key)>> const k{key, hashes[i]};
        if constexpr (A == access::shared) {
          visited += peek(k, f);
        } else {
          visited += visit<A>(k, f);
        }
      }
    }
    return visited;
  }
  template <access A, class It, class F>
    requires(A == access::shared)
  size_type visit_bulk(It first, It last, F&& f) const {
    return const_cast<table*>(this)->template visit_bulk<A>(first, last, std::forward<F>(f));
  }

  // ---- Holding a lock. The thread that takes it ends it.

  template <access A>
  class holder {
   public:
    holder() noexcept = default;
    holder(holder&& other) noexcept
        : held_(std::exchange(other.held_, locked_cell())), found_(other.found_), view_(other.view_) {
      other.view_.reset();
    }
    holder& operator=(holder&& other) noexcept {
      if (this != &other) {
        release();
        held_ = std::exchange(other.held_, locked_cell());
        found_ = other.found_;
        view_.reset();
        if (other.view_) view_.emplace(*other.view_);
        other.view_.reset();
      }
      return *this;
    }
    ~holder() { release(); }

    explicit operator bool() const noexcept { return static_cast<bool>(held_); }
    std::conditional_t<A == access::shared, const value_type&, value_type&> value() const noexcept { return **view_; }

    void release() noexcept {
      if (!held_) return;
      if constexpr (A == access::exclusive) view_->write_back(*found_.at);
      view_.reset();
      std::exchange(held_, locked_cell()).template unlock<A>();
    }

   private:
    friend table;
    holder(locked_cell held, place found) noexcept : held_(held), found_(found), view_(slot::see(*found.at)) {}

    locked_cell held_;
    place found_;
    std::optional<typename slot::view> view_;
  };

  template <access A, bool Uses = false, class Q>
  holder<A> hold(prehashed<Q> k) {
    locked_cell const held = lock<A>(k.hash);
    if (!held) return {};
    unlocker<A> at_end(held);
    place const found = find(held.c, k);
    if (!found) return {};
    if constexpr (Uses) array::use(held.c, found);
    at_end.keep();
    return holder<A>(held, found);
  }
  template <access A, bool Uses = false, class Q>
    requires(A == access::shared)
  holder<A> hold(prehashed<Q> k) const {
    return const_cast<table*>(this)->template hold<A, Uses>(k);
  }

  // The place of one key, taken or not.
  class entry_holder {
   public:
    entry_holder() noexcept = default;
    entry_holder(entry_holder&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)),
          held_(other.held_),
          hash_(other.hash_),
          found_(other.found_),
          view_(other.view_),
          look_(other.look_) {}
    entry_holder& operator=(entry_holder&& other) noexcept {
      if (this != &other) {
        release();
        table_ = std::exchange(other.table_, nullptr);
        held_ = other.held_;
        hash_ = other.hash_;
        found_ = other.found_;
        view_.reset();
        if (other.view_) view_.emplace(*other.view_);
        look_ = other.look_;
      }
      return *this;
    }
    ~entry_holder() { release(); }

    explicit operator bool() const noexcept { return table_ != nullptr; }
    bool occupied() const noexcept { return static_cast<bool>(found_); }
    value_type& value() const noexcept { return **view_; }

    // Precondition: !occupied().
    template <class... Args>
    value_type& emplace(Args&&... args) {
      bool const was_full = array::is_full(*held_.c.at);
      found_ = held_.in->insert(table_->allocator_, held_.c, hash_, std::forward<Args>(args)...);
      size_type const count = table_->add_to_size(1);
      look_ = look_ || was_full || count % steps_per_look == 0;
      view_.emplace(slot::see(*found_.at));
      return **view_;
    }
    // Precondition: occupied().
    void erase() noexcept {
      array::vacate(held_.c, found_);
      slot::destroy(table_->allocator_, *found_.at);
      look_ = table_->subtract_from_size(1) % steps_per_look == 0 || look_;
      found_ = {};
      view_.reset();
    }
    // f may move from the element, which is then erased. If f throws it is not. Precondition: occupied().
    template <class F>
    void take(F&& f) {
      std::forward<F>(f)(value());
      erase();
    }
    void release() noexcept {
      if (table_ == nullptr) return;
      if (found_) view_->write_back(*found_.at);
      found_ = {};
      view_.reset();
      table* const t = std::exchange(table_, nullptr);
      held_.template unlock<access::exclusive>();
      if (std::exchange(look_, false)) t->look_after();
    }

   private:
    friend table;
    entry_holder(table& t, locked_cell held, std::size_t hash) noexcept : table_(&t), held_(held), hash_(hash) {}

    table* table_ = nullptr;
    locked_cell held_;
    std::size_t hash_ = 0;
    place found_;
    std::optional<typename slot::view> view_;
    bool look_ = false;
  };

  template <class Q>
  entry_holder hold_entry(prehashed<Q> k) {
    locked_cell const held = lock_for_insert(k.hash);
    // If the comparison throws, the holder ends the lock.
    entry_holder made(*this, held, k.hash);
    if ((made.found_ = find(held.c, k))) made.view_.emplace(slot::see(*made.found_.at));
    return made;
  }

  // ---- Size and shape.

  size_type size() const noexcept { return size_.sum(); }
  bool empty() const noexcept { return size() == 0; }
  static constexpr size_type max_size() noexcept { return array::most_cells() * array::slots; }

  size_type bucket_count() const noexcept {
    pin const pinned = enter();
    array* const a = current(word());
    return a == nullptr ? 0 : a->size() * array::slots;
  }

  // Room for n elements without another resize. Moves everything at once, but waits for nobody: where a cell is locked, or
  // another resize does not come to its end for that, it leaves the rest to later operations.
  void reserve(size_type n) { resize_to(n, false); }
  // As few cells as will do for n elements and for those that are there.
  void rehash(size_type n) { resize_to(n, true); }

  // Until released, the table does not shrink below room for n elements (more than all else that is held).
  void hold_capacity(size_type n) {
    if (n > max_size()) throw std::bad_array_new_length();
    held_.fetch_add(n, std::memory_order_relaxed);
    // order[hold]: acq_rel fetch_or; pairs with [push]: either this sees the smaller array, or who made it sees what is held.
    word_.fetch_or(0, std::memory_order_acq_rel);
    try {
      reserve(0);
    } catch (...) {
      release_capacity(n);
      throw;
    }
  }
  void release_capacity(size_type n) noexcept { held_.fetch_sub(n, std::memory_order_relaxed); }

  table_stats stats() const {
    table_stats s;
    pin const pinned = enter();
    tagged const w = word();
    s.size = size();
    s.resizes = resizes_.load(std::memory_order_relaxed);
    array* const a = current(w);
    if (a == nullptr) return s;
    s.cells = a->size();
    s.slots = s.cells * array::slots;
    s.load = static_cast<double>(s.size) / static_cast<double>(s.slots);
    s.moving = (w & moving) != 0;
    s.bytes = a->bytes();
    if (s.moving) {
      array& from = *a->previous();
      s.bytes += from.bytes();
      s.moved = 1 - static_cast<double>(a->unmoved.load(std::memory_order_relaxed)) / static_cast<double>(a->groups());
      for (std::size_t i = 0; i != from.size(); ++i) {
        if (!from.is_closed(i)) count_overflow(from[i], s);
      }
    }
    for (std::size_t i = 0; i != a->size(); ++i) {
      if (!s.moving || a->is_prepared(i)) count_overflow((*a)[i], s);
    }
    s.bytes += s.overflow_blocks * sizeof(typename array::block);
    return s;
  }

 protected:
  static constexpr std::size_t last_hash = std::numeric_limits<std::size_t>::max();
  // Hashes from first to last.
  struct range {
    std::size_t first;
    std::size_t last;
  };

  static constexpr tagged moving = 1;
  static constexpr tagged stopped = 2;
  static constexpr tagged flags = moving | stopped;

  // How often a copy is tried before the lock is taken, and how many changes of a counter there are between two looks at the
  // table's shape.
  static constexpr int most_peeks = 16;
  static constexpr size_type steps_per_look = 32;

  // ---- The word.

  tagged word() const noexcept {
    // order[word]: acquire load; pairs with [first], [push], [finish], [resume], [put]: the array is made.
    return word_.load(std::memory_order_acquire);
  }
  static array* current(tagged w) noexcept { return reinterpret_cast<array*>(w & ~flags); }
  static tagged to_word(array* a) noexcept { return reinterpret_cast<tagged>(a); }

  // ---- Cells and their locks.

  // Ends the lock at the end of a scope.
  template <access A>
  class unlocker {
   public:
    explicit unlocker(const locked_cell& held) noexcept : held_(&held) {}
    unlocker(const unlocker&) = delete;
    unlocker& operator=(const unlocker&) = delete;
    ~unlocker() {
      if (held_ == nullptr) return;
      if (A == access::shared || changed_) {
        held_->template unlock<A>();
      } else {
        held_->unlock_unchanged();
      }
    }
    void changed() noexcept { changed_ = true; }
    void keep() noexcept { held_ = nullptr; }
    void end_unchanged() noexcept { std::exchange(held_, nullptr)->unlock_unchanged(); }

   private:
    const locked_cell* held_;
    bool changed_ = false;
  };

  template <access A>
  static lock_attempt attempt(line& l, bool polite, bool comes_back) noexcept {
    if constexpr (A == access::shared) {
      return l.lock.attempt_shared(polite);
    } else {
      lock_attempt const outcome = l.lock.attempt();
      if (outcome == lock_attempt::busy && comes_back) l.lock.announce();
      return outcome;
    }
  }

  // One attempt at the cell that counts for `hash`. Empty cell: there is no table. `busy`: not now; then the caller comes back,
  // or does not.
  template <access A>
  lock_attempt try_lock(std::size_t hash, bool polite, locked_cell& held, bool comes_back = true) const {
    pin const pinned = enter();
    for (;;) {
      tagged const w = word();
      if ((w & stopped) != 0) return lock_attempt::busy;
      array* const a = current(w);
      if (a == nullptr) return lock_attempt::taken;
      if ((w & moving) != 0) [[unlikely]] {
        array* const from = a->previous();
        cell const c = from->approach(hash);
        lock_attempt const outcome = attempt<A>(*c.at, polite, comes_back);
        if (outcome == lock_attempt::taken) held = {c, from, this};
        if (outcome != lock_attempt::closed) return outcome;
      }
      cell const c = a->approach(hash);
      lock_attempt const outcome = attempt<A>(*c.at, polite, comes_back);
      if (outcome == lock_attempt::taken) held = {c, a, this};
      if (outcome != lock_attempt::closed) return outcome;
      // Closed in the current array: it is not current any more.
    }
  }

  template <access A>
  locked_cell lock(std::size_t hash) const {
    detail::held_locks::check(this, A == access::exclusive);
    locked_cell held;
    if (try_lock<A>(hash, true, held) != lock_attempt::taken) [[unlikely]]
      held = wait_for<A>(hash);
    if (held) detail::held_locks::remember(this, A == access::exclusive);
    return held;
  }
  template <access A>
  [[gnu::noinline, gnu::cold]] locked_cell wait_for(std::size_t hash) const {
    locked_cell held;
    typename sync::lock::patience patience;
    do {
      patience.wait();
    } while (try_lock<A>(hash, patience.is_polite(), held) != lock_attempt::taken);
    return held;
  }

  locked_cell lock_for_insert(std::size_t hash) {
    for (;;) {
      if ((word() & moving) != 0) [[unlikely]]
        move_some(Options::moves_per_write);
      if (locked_cell held = lock<access::exclusive>(hash)) return held;
      make_first(array::fewest_cells);
    }
  }
  std::optional<locked_cell> try_lock_for_insert(std::size_t hash) {
    for (;;) {
      if ((word() & moving) != 0) [[unlikely]]
        move_some(Options::moves_per_write);
      locked_cell held;
      if (try_lock<access::exclusive>(hash, false, held, false) != lock_attempt::taken) return std::nullopt;
      if (held) {
        detail::held_locks::remember(this, true);
        return held;
      }
      make_first(array::fewest_cells);
    }
  }

  // Throws what the comparison throws; the lock is ended then.
  template <class Q>
  place find(cell c, const prehashed<Q>& k) const {
    auto const matches = [this, key = detail::in_register(k.key)](const slot& s) {
      return equal_(slot::key(s), key.get());
    };
    if (place const found = array::find(c, k.hash, matches)) return found;
    if (!array::has_overflown(c, k.hash)) return {};
    return array::find_in_blocks(c, k.hash, matches);
  }

  // ---- Reading without a lock.

  // What one look at a cell gives: `later` if it was disturbed or is not the simple case.
  enum class sight { found, absent, later };
  template <class Image>
  struct sighting {
    sight what;
    Image copied;
  };

  // The common case, which is to be inlined, and has everything in registers.
  template <bool Uses = false, class Q>
  [[gnu::always_inline]] auto look_up(std::size_t hash, const Q& key) const {
    sighting<typename slot::image> seen;
    seen.what = sight::later;
    pin const pinned = enter_quickly();
    tagged const w = word();
    if ((w & flags) != 0) [[unlikely]]
      return seen;
    if (array* const a = reinterpret_cast<array*>(w)) {
      look_into<Uses>(a->approach(hash), hash, key, seen);
    } else {
      seen.what = sight::absent;
    }
    return seen;
  }

  template <bool Uses, class Q, class Image>
  [[gnu::always_inline]] void look_into(cell c, std::size_t hash, const Q& key, sighting<Image>& seen) const {
    auto const version = c.at->lock.version();
    if (!sync::lock::is_free(version)) return;
    bool whole = true;
    Image copied;
    place const found = array::find(c, hash, [&](const slot& s) {
      copied = s.copy();
      whole = c.at->lock.still(version);
      return !whole || equal_(copied.key(), key);
    });
    if (found) {
      seen.copied = copied;
      if (whole) {
        seen.what = sight::found;
        if constexpr (Uses) array::use(c, found);
      }
    } else if (!array::has_overflown(c, hash) && c.at->lock.still(version)) {
      seen.what = sight::absent;
    }
  }

  // For a writer, who need not lock where there is nothing to write.
  template <class Q>
  sight looks(const prehashed<Q>& k) const {
    detail::held_locks::check(this, true);
    return look_up(k.hash, k.key).what;
  }

  // The others: elements are being moved, a writer is at it, the element may be in an overflow block.
  template <bool Uses, class Q>
  [[gnu::noinline]]
  auto look_again(std::size_t hash, const Q& key) const {
    sighting<typename slot::image> seen;
    seen.what = sight::later;
    for (int attempts = 0; attempts != most_peeks; ++attempts, atomics::pause()) {
      pin const pinned = enter();
      tagged const w = word();
      if ((w & stopped) != 0) break;
      array* const a = current(w);
      if (a == nullptr) {
        seen.what = sight::absent;
        break;
      }
      cell c = a->at_hash(hash);
      if ((w & moving) != 0) {
        cell const before = a->previous()->at_hash(hash);
        if (!before.at->lock.is_shut()) c = before;
      }
      look_into<Uses>(c, hash, key, seen);
      if (seen.what == sight::later) look_into_blocks(c, hash, key, seen);
      if (seen.what != sight::later) break;
    }
    return seen;
  }

  template <class Q, class Image>
  void look_into_blocks(cell c, std::size_t hash, const Q& key, sighting<Image>& seen) const {
    auto const version = c.at->lock.version();
    if (!sync::lock::is_free(version)) return;
    bool whole = true;
    auto const matches = [&](const slot& s) {
      seen.copied = s.copy();
      whole = c.at->lock.still(version);
      return !whole || equal_(seen.copied.key(), key);
    };
    place found = array::find(c, hash, matches);
    if (!found) found = array::find_in_blocks(c, hash, matches);
    if (found) {
      if (whole) seen.what = sight::found;
    } else if (c.at->lock.still(version)) {
      seen.what = sight::absent;
    }
  }

  // ---- Removing.

  // An element that has been taken out of its slot, to be ended after the lock.
  class removed {
   public:
    explicit removed(table& from) noexcept : from_(from) {}
    removed(const removed&) = delete;
    removed& operator=(const removed&) = delete;
    ~removed() {
      if (!full_) return;
      if constexpr (retires) {
        from_.retire_element(here_);
        from_.tend_garbage();
      } else {
        slot::destroy(from_.allocator_, here_);
      }
    }
    void keep(slot& s) noexcept {
      if constexpr (retires || !slot::words) {
        slot::prepare(here_);
        slot::relocate(here_, s);
        full_ = true;
      }
    }

   private:
    table& from_;
    union {
      slot here_;
    };
    bool full_ = false;
  };
  // An element that has been vacated, under the lock of its cell.
  void end_element(slot& s) noexcept {
    if constexpr (retires) {
      retire_element(s);
    } else {
      slot::destroy(allocator_, s);
    }
  }

  template <class Q, class F>
  size_type remove(const prehashed<Q>& k, F&& decide) {
    if constexpr (copies) {
      if (looks(k) == sight::absent) return 0;
    }
    if ((word() & moving) != 0) [[unlikely]]
      move_some(Options::moves_per_write);
    removed out(*this);
    bool look = false;
    {
      locked_cell const held = lock<access::exclusive>(k.hash);
      if (!held) return 0;
      unlocker<access::exclusive> at_end(held);
      place const found = find(held.c, k);
      if (!found) return 0;
      at_end.changed();
      if (!decide(*found.at, out)) return 0;
      array::vacate(held.c, found);
      look = subtract_from_size(1) % steps_per_look == 0;
    }
    if (look) look_after();
    return 1;
  }

  // ---- Scans.

  static constexpr range slice(std::size_t part, std::size_t parts) noexcept {
    std::size_t const width = last_hash / parts;
    return {part * width, part + 1 == parts ? last_hash : (part + 1) * width - 1};
  }

  // Calls f(held, hashes of the cell) for the cells that count for hashes from `next` to `last`, each once, until it returns
  // false. A cell may begin before `next`, after a shrink, and end behind `last`.
  template <access A, class F>
  bool scan_cells(std::size_t next, std::size_t last, F&& f) {
    for (;;) {
      locked_cell const held = lock<A>(next);
      if (!held) return true;
      std::size_t end = 0;
      {
        unlocker<A> at_end(held);
        at_end.changed();
        std::size_t const i = held.in->index(next);
        std::size_t const first = held.in->first_hash(i);
        end = first + (last_hash >> held.in->index_bits());
        if (!f(held, range{first, end})) return false;
      }
      if (end >= last) return true;
      next = end + 1;
    }
  }

  // As above for places: f(cell, place) for elements with hashes from `next` to `last`.
  template <access A, class F>
  bool scan_places(std::size_t next, std::size_t last, F&& f) {
    return scan_cells<A>(next, last, [&](const locked_cell& held, range hashes) {
      bool const partly = hashes.first < next || hashes.last > last;
      std::size_t const from = std::exchange(next, hashes.last + 1);
      return array::for_each(held.c, [&](place p) {
        if (partly) [[unlikely]] {
          std::size_t const hash = hash_of(slot::key(*p.at));
          if (hash < from || hash > last) return true;
        }
        return static_cast<bool>(f(held.c, p));
      });
    });
  }

  template <access A, class F>
  bool scan_between(std::size_t first, std::size_t last, F& f) {
    return scan_places<A>(first, last, [&](cell, place p) {
      if constexpr (A == access::shared) {
        return slot::look(*p.at, f);
      } else {
        return slot::with(*p.at, f);
      }
    });
  }

  template <class P>
  size_type erase_between(std::size_t first, std::size_t last, P& pred) {
    size_type erased = 0;
    struct looker {
      table& t;
      const size_type& erased;
      ~looker() {
        if (erased == 0) return;
        t.look_after();
        t.tend_garbage(erased);
      }
    } const at_end{*this, erased};
    scan_places<access::exclusive>(first, last, [&](cell c, place p) {
      if (slot::with(*p.at, pred)) {
        array::vacate(c, p);
        end_element(*p.at);
        subtract_from_size(1);
        ++erased;
      }
      return true;
    });
    return erased;
  }

  template <class F>
  transfer offer(slot& s, F& accept) {
    return slot::with(s, [&](value_type& v) {
      return accept(Element::key_of(v), [&](auto&& make) { Element::template take_apart<Allocator>(v, make); });
    });
  }

  void fetch_ahead(const std::size_t* hashes, std::size_t n) const {
    pin const pinned = enter();
    tagged const w = word();
    array* const a = current(w);
    if (a == nullptr || (w & flags) != 0 || !a->is_large()) return;
    for (std::size_t i = 0; i != n; ++i) array::fetch_line(a->at_hash(hashes[i]));
    for (std::size_t i = 0; i != n; ++i) array::fetch_slot(a->at_hash(hashes[i]), hashes[i]);
  }

  // ---- Counting.

  using sizes = striped_size<sync::template word>;
  using stripe = typename sizes::stripe;

  // Returns something that passes all multiples of steps_per_look, and no size. The pin has made the record, so it does not
  // throw.
  size_type add_to_size(size_type n) noexcept { return size_.add(epoch::here().number, n); }
  size_type subtract_from_size(size_type n) noexcept { return add_to_size(size_type{0} - n); }

  static void count_overflow(cell c, table_stats& s) noexcept {
    auto const n = array::count_overflow(*c.at);
    s.overflow_cells += n.blocks != 0;
    s.overflow_blocks += n.blocks;
    s.overflow_elements += n.elements;
  }

  // ---- Resizing.

  static constexpr size_type cells_for(size_type n) noexcept {
    size_type const cells = n / array::slots + (n % array::slots != 0);
    return cells >= array::most_cells() ? 2 * array::most_cells()  // which cannot be allocated
                                        : std::max(array::fewest_cells, std::bit_ceil(cells));
  }
  size_type cells_now() const {
    pin const pinned = enter();
    array* const a = current(word());
    return a == nullptr ? 0 : a->size();
  }

  [[gnu::noinline, gnu::cold]] void make_first(size_type cells) {
    array* const made = array::make(allocator_, cells, nullptr);
    tagged none = 0;
    // order[first]: release CAS; pairs with [word]: as there.
    if (!word_.compare_exchange_strong(none, to_word(made), std::memory_order_release, std::memory_order_relaxed)) {
      array::dispose(made, false);
    }
  }

  // Begins to move everything from `a` to an array of another size, unless something else has begun. Returns whether it did.
  // Throws what the allocator throws.
  [[gnu::noinline, gnu::cold]] bool push(array* a, size_type cells) {
    array* const made = array::make(allocator_, cells, a);
    tagged expected = to_word(a);
    // order[push]: acq_rel CAS; pairs with [word]: as there; pairs with [hold]: whoever comes second sees the other.
    if (word_.compare_exchange_strong(expected, to_word(made) | moving, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
      return true;
    }
    array::dispose_untouched(made);
    return false;
  }

  // Moves up to n groups. What cannot be moved now is left. `out` gets what is evicted by that, if it will have it.
  void move_some(size_type n) noexcept {
    none_evicted none;
    move_some(n, none);
  }
  template <class Evicted>
  [[gnu::noinline]] void move_some(size_type n, Evicted& out) noexcept {
    bool finished = false;
    try {
      pin const pinned = enter();
      tagged const w = word();
      if ((w & flags) != moving) return;
      array& to = *current(w);
      array& from = *to.previous();
      size_type const groups = to.groups();
      size_type const first = to.cursor.fetch_add(n, std::memory_order_relaxed);
      for (size_type i = 0; i != std::min(n, groups) && !finished; ++i) {
        finished = move_group(from, to, (first + i) % groups, out);
      }
    } catch (...) {
      return;  // no memory for a record of this thread: nothing has been moved
    }
    if (finished) free_some();
  }
  // Returns whether that was the last one. The caller is pinned.
  template <class Evicted>
  bool move_group(array& from, array& to, size_type g, Evicted& out) noexcept {
    size_type const before = out.size();
    try {
      auto const hash = [this](const slot& s) { return hash_of(slot::key(s)); };
      if (from.move_group(to, g, hash, out) != array::moved::now) return false;
    } catch (...) {
      // A hash function or the allocator failed for something that the caller has not asked for. Another round will come.
      return false;
    }
    if (out.size() != before) subtract_from_size(out.size() - before);
    // order[moved]: acq_rel fetch_sub; pairs with [moved]: the last one has seen all groups moved.
    if (to.unmoved.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
    // order[finish]: release fetch_and; pairs with [word]: who sees that nothing is moving sees everything moved.
    word_.fetch_and(~moving, std::memory_order_release);
    resizes_.fetch_add(1, std::memory_order_relaxed);
    retire_now(from);
    return true;
  }

  // Now and then: is the table too full or too empty, and is there something to free?
  [[gnu::noinline, gnu::cold]] void look_after() noexcept {
    free_some();
    try {
      if (resize_if_due()) resize_to(0, false);
    } catch (...) {
      // No memory for another array: this one goes on, with overflow blocks, or larger than it need be.
    }
  }
  // Returns whether it made the table smaller than somebody has begun to hold meanwhile.
  bool resize_if_due() {
    pin const pinned = enter();
    tagged const w = word();
    array* const a = current(w);
    if (a == nullptr || (w & flags) != 0) return false;
    size_type const n = size();
    size_type const room = a->size() * array::slots;
    if (n > room && !array::recent::kept) {
      push(a, 2 * a->size());
    } else if (n < room / 8) {
      // Not too many into one, so that no group is large.
      size_type const fewest = cells_for(std::max(2 * n, held_.load(std::memory_order_relaxed)));
      size_type const cells = std::max(fewest, a->size() / array::most_merged);
      if (cells < a->size() && push(a, cells)) {
        return held_.load(std::memory_order_relaxed) > cells * array::slots;
      }
    }
    return false;
  }

  // In steps, so that no group of cells is large: up to 16 cells from one, or into one from 4.
  void resize_to(size_type n, bool may_shrink) {
    detail::held_locks::check(this, true);
    for (bool tried = false;; tried = true) {
      for (int rounds = 0; rounds != 3 && (word() & moving) != 0; ++rounds) move_everything();
      pin const pinned = enter();
      tagged const w = word();
      if ((w & flags) != 0) return;
      array* const a = current(w);
      // Each time, as others insert, and hold capacity.
      size_type wanted = std::max(n, held_.load(std::memory_order_relaxed));
      if (may_shrink) wanted = std::max(wanted, size());
      if (!may_shrink && a != nullptr && wanted <= a->size() * array::slots) return;
      if (wanted == 0 && a == nullptr) return;
      size_type const cells = cells_for(wanted);
      if (a == nullptr) {
        make_first(cells);
      } else if (a->size() < cells) {
        // No memory is better known before anything is moved.
        if (!tried) array::dispose_untouched(array::make(allocator_, cells, a));
        push(a, std::min(cells, 16 * a->size()));
      } else if (a->size() > cells && may_shrink) {
        push(a, std::max(cells, a->size() / array::most_merged));
      } else {
        return;
      }
    }
  }
  void move_everything() {
    size_type const groups = cells_now();
    for (size_type i = 0; i < groups && (word() & moving) != 0; i += 16) move_some(16);
  }

  // ---- Old arrays.

  void retire_now(array& a) noexcept {
    a.retired_at = epoch::domain().take_ticket();
    retire(&a);
  }
  void retire(array* a) noexcept {
    a->next_retired = retired_.load(std::memory_order_relaxed);
    // order[retire]: release CAS; pairs with [unretire]: the array's last state is seen.
    while (!retired_.compare_exchange_weak(a->next_retired, a, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }
  // A piece at a time, as an array may have many blocks.
  [[gnu::noinline, gnu::cold]] void free_some() noexcept {
    if (retired_.load(std::memory_order_relaxed) == nullptr) return;
    // order[free]: acquire exchange; pairs with [freed], [stop_freed]: one thread at a time.
    if (freeing_.exchange(true, std::memory_order_acquire)) return;
    // order[unretire]: acquire exchange; pairs with [retire]: as there.
    array* all = retired_.exchange(nullptr, std::memory_order_acquire);
    for (bool advanced = false; all != nullptr;) {
      array* const a = std::exchange(all, all->next_retired);
      if (!epoch::domain().has_expired(a->retired_at) && !std::exchange(advanced, true)) epoch::domain().try_advance();
      if (!epoch::domain().has_expired(a->retired_at) || !array::dispose_some(a, blocks_per_look)) retire(a);
    }
    // order[freed]: release store; pairs with [free], [stop_free]: as there.
    freeing_.store(false, std::memory_order_release);
  }
  static constexpr std::size_t blocks_per_look = 256;

  // ---- The whole table.

  // While it lives no operation of another thread is in the table, no lock or guard of it is held, and nothing is freed.
  class stop {
   public:
    explicit stop(table& t) : table_(t) {
      detail::held_locks::check(&t, true);
      auto& mine = epoch::here();
      // order[stop]: acquire fetch_or; pairs with [resume]: one after the other. Who starts later sees it: the pin and the
      //   synchronization below are the two sides of a barrier.
      for (backoff<atomics> wait; (t.word_.fetch_or(stopped, std::memory_order_acquire) & stopped) != 0;) wait();
      epoch::domain().synchronize(&mine);
      // order[stop_free]: acquire exchange; pairs with [freed], [stop_freed]: one thread at a time.
      for (backoff<atomics> wait; t.freeing_.exchange(true, std::memory_order_acquire);) wait();
      for_each_cell(t.word(), [](array& a, std::size_t i) {
        for (backoff<atomics> wait; !a[i].at->lock.is_idle();) wait();
      });
    }
    stop(const stop&) = delete;
    stop& operator=(const stop&) = delete;
    ~stop() {
      // order[stop_freed]: release store; pairs with [free], [stop_free]: as there.
      table_.freeing_.store(false, std::memory_order_release);
      // order[resume]: release fetch_and; pairs with [word], [stop]: what was done meanwhile is seen.
      table_.word_.fetch_and(~stopped, std::memory_order_release);
    }

   private:
    table& table_;
  };

  // All cells of these contents that count. For one who has the table to himself.
  template <class F>
  static void for_each_cell(tagged w, F&& f) {
    array* const a = current(w);
    if (a == nullptr) return;
    bool const is_moving = (w & moving) != 0;
    if (is_moving) {
      array& from = *a->previous();
      for (std::size_t i = 0; i != from.size(); ++i) {
        if (!from.is_closed(i)) f(from, i);
      }
    }
    for (std::size_t i = 0; i != a->size(); ++i) {
      if (!is_moving || a->is_prepared(i)) f(*a, i);
    }
  }

  // Ends the elements of what has been the table's, and retires the arrays, for somebody may be looking at how large they are;
  // and the elements, where readers take no lock. For a stopped table.
  [[gnu::noinline, gnu::cold]] void retire_contents(tagged w) noexcept {
    if constexpr (retires) {
      for_each_cell(w, [this](array& a, std::size_t i) {
        array::for_each(a[i], [&](place p) { return retire_element(*p.at), true; });
      });
    } else {
      end_elements(w);
    }
    array* const a = current(w);
    if (a == nullptr) return;
    if ((w & moving) != 0) {
      a->prepare_rest();
      retire_now(*a->previous());
    }
    retire_now(*a);
  }
  void end_elements(tagged w) noexcept {
    if constexpr (retires || !slot::words) {
      for_each_cell(w, [this](array& a, std::size_t i) {
        array::for_each(a[i], [&](place p) { return slot::destroy(allocator_, *p.at), true; });
      });
    }
  }

  [[gnu::noinline, gnu::cold]] void release_contents() noexcept {
    tagged const w = word();
    end_elements(w);
    if (array* const a = current(w)) {
      array* const from = (w & moving) != 0 ? a->previous() : nullptr;
      array::dispose(a, from != nullptr);
      if (from != nullptr) array::dispose(from, false);
    }
    for (array* a = retired_.exchange(nullptr, std::memory_order_relaxed); a != nullptr;) {
      array::dispose(std::exchange(a, a->next_retired), false);
    }
    if constexpr (retires) garbage_.dispose_all(disposer());
  }

  // ---- Elements that readers may be looking at.

  // Out of sight already. The caller calls tend_garbage() when it holds no lock.
  void retire_element(slot& s) noexcept { retire_element(slot::unlink(s)); }
  void retire_element(typename array::retired old) noexcept {
    // The thread has been pinned, so here() does not throw.
    if constexpr (retires) garbage_.retire(epoch::here().number, old);
  }
  // Who has erased many disposes of as many.
  void tend_garbage([[maybe_unused]] size_type erased = 1) noexcept {
    if constexpr (retires) {
      if (!garbage_.waits()) return;
      if (erased <= garbage::most_per_collection) {
        garbage_.tend(epoch::here().number, epoch::domain(), disposer());
      } else {
        garbage_.collect(epoch::domain(), 3, disposer(), std::numeric_limits<std::size_t>::max());
      }
    }
  }
  auto disposer() noexcept {
    return [this](auto* n) { slot::free_node(allocator_, n); };
  }
  // Nobody is in the table, and the allocator is about to be another.
  void dispose_of_own() noexcept {
    if constexpr (retires && !std::allocator_traits<Allocator>::is_always_equal::value) {
      epoch::domain().synchronize(&epoch::here());
      garbage_.dispose_all(disposer());
    }
  }

  // ---- Contents on their way from table to table. For stopped tables.

  // Somebody who does not mind that the table is stopped may be looking at what belongs to another one now, and that may be destroyed
  // next: a reader where they take no lock, and everywhere stats(), bucket_count(), reserve().
  void wait_for_lookers() const { epoch::domain().synchronize(&epoch::here()); }
  // Takes what the other has in the place of what is here, which is returned.
  tagged take_over(table& other) noexcept {
    tagged const old = word_.load(std::memory_order_relaxed) & ~stopped;
    put(other.word_.load(std::memory_order_relaxed));
    other.put(0);
    resizes_.store(other.resizes_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    size_.take(other.size_);
    return old;
  }
  void take_contents(table& other) noexcept {
    tagged const mine = word_.load(std::memory_order_relaxed);
    put(other.word_.load(std::memory_order_relaxed));
    other.put(mine);
    exchange(resizes_, other.resizes_);
    size_.swap(other.size_);
  }
  void put(tagged w) noexcept {
    // order[put]: release store; pairs with [word]: who reads without a lock, and so is not stopped, sees the array made.
    word_.store((word_.load(std::memory_order_relaxed) & stopped) | (w & ~stopped), std::memory_order_release);
  }
  template <class Word>
  static void exchange(Word& a, Word& b) noexcept {
    auto const was_a = a.load(std::memory_order_relaxed);
    a.store(b.load(std::memory_order_relaxed), std::memory_order_relaxed);
    b.store(was_a, std::memory_order_relaxed);
  }

  // First, as g++ 12 clears the byte of an empty member that comes later, whatever else is there.
  [[no_unique_address]] Hash hash_{};
  [[no_unique_address]] KeyEqual equal_{};
  [[no_unique_address]] Allocator allocator_{};
  typename sync::template word<tagged> word_{0};
  typename sync::template word<array*> retired_{nullptr};
  typename sync::template word<bool> freeing_{false};
  typename sync::template word<size_type> held_{0};
  typename sync::template word<size_type> resizes_{0};
  // What was erased, and may still be looked at.
  struct no_garbage {};
  using garbage =
      typename std::conditional_t<retires, std::type_identity<retire_list<typename array::node, domain_type, atomics>>,
                                  std::type_identity<no_garbage>>::type;
  garbage garbage_;
  sizes size_{};
};

}  // namespace tandem::cell

#endif
