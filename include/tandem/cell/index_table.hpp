// The table behind cell_index: the same as table.hpp for those who write, and lookups and scans that take no lock.
//
// A reader pins its thread, finds the cell that counts for its hash, and looks at it while writers change it:
//
//   found    An occupied slot with the key. That is the answer: the slot was occupied at some time while the reader was
//            pinned, and what it has belongs together (published_slot.hpp).
//   missing  That is the answer if the cell is not closed after the search. Elements do not move within a cell, and an update
//            leaves the slot where it is; so a key that was there all the time was in a slot that the search saw. If the cell
//            is closed the key may be in the next one, and the reader looks there: everything is there before the cell is
//            closed.
//
// What is moved is copied, so a reader in a closed cell still finds what was there when it was closed. That is right for
// whoever came before the closing, and nobody else looks there.
//
// Scans go cell by cell and hash by hash as in table.hpp. A reader takes a picture of the whole cell: it is one if no element
// was erased meanwhile, since a key that moves from slot to slot is erased in between; otherwise it is taken again. Keys that
// are there all the time are in exactly one picture, and no key is in two, as pictures are of ranges of hashes.
//
// Progress. Lookups are lock-free: they begin again when a cell was closed, or, for pairs in words, an element of the cell erased,
// while they were in it. Scans begin a cell again when an element of it was erased. Neither waits for a writer that is asleep.
#ifndef TANDEM_CELL_INDEX_TABLE_HPP
#define TANDEM_CELL_INDEX_TABLE_HPP

#include <tandem/cell/table.hpp>
#include <tandem/detail/live_guards.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::cell {

// With what was erased or replaced and is kept for readers.
struct index_stats : table_stats {
  retire_stats retired;
};

template <class Element, class Hash, class KeyEqual, class Allocator, class Options>
class index_table : public table<Element, Hash, KeyEqual, Allocator, Options, published<typename Options::atomics>> {
  using base = table<Element, Hash, KeyEqual, Allocator, Options, published<typename Options::atomics>>;
  using typename base::array;
  using typename base::cell;
  using typename base::locked_cell;
  using typename base::place;
  using typename base::range;
  using typename base::slot;
  using typename base::tagged;
  using unlocker = typename base::template unlocker<access::exclusive>;

  class outdated;

 public:
  using typename base::key_type;
  using typename base::pin;
  using typename base::size_type;
  using typename base::value_type;
  template <class Q>
  using prehashed = detail::prehashed<Q>;

  // Whether elements are copied out of the table; otherwise they are nodes.
  static constexpr bool inline_pairs = slot::inline_pairs;

  // What a lookup finds: a pair of its own, or a node, for as long as the thread is pinned.
  class sight {
   public:
    sight() noexcept = default;
    explicit operator bool() const noexcept { return found_; }
    decltype(auto) value() const noexcept { return slot::value_of(seen_); }

   private:
    friend index_table;
    typename slot::image seen_{};
    bool found_ = false;
  };

  using base::base;
  constexpr index_table() = default;
  index_table(index_table&&) = default;
  ~index_table() { detail::guard_mark::check(this); }

  using base::enter;

  // ---- Looking up. f gets a const value_type&; it runs pinned.

  template <class Q, class F>
  [[gnu::always_inline]] bool look(prehashed<Q> k, F&& f) const {
    pin const pinned = this->enter_quickly();
    return look_pinned(k, f);
  }
  // The same for a thread that is pinned already.
  template <class Q, class F>
  [[gnu::always_inline]] bool look_pinned(prehashed<Q> k, F&& f) const {
    sight seen;
    if (!see_quickly(k, seen)) [[unlikely]]
      seen = see_again(k);
    return show(seen, f);
  }
  template <class Q>
  sight see(prehashed<Q> k) const {
    sight seen;
    return see_quickly(k, seen) ? seen : see_again(k);
  }

  // As many lookups, whose cache misses overlap. For a thread that is pinned.
  template <class It, class F>
  size_type look_bulk(It first, It last, F&& f) const {
    constexpr std::size_t batch = 16;
    std::array<std::size_t, batch> hashes;
    size_type found = 0;
    while (first != last) {
      std::size_t n = 0;
      for (It at = first; at != last && n != batch; ++at) hashes[n++] = this->hash_of(*at);
      base::fetch_ahead(hashes.data(), n);
      for (std::size_t i = 0; i != n; ++i, static_cast<void>(++first)) {
        decltype(auto) key = *first;
        found += look_pinned(prehashed<std::remove_cvref_t<decltype(key)>>{key, hashes[i]}, f);
      }
    }
    return found;
  }

  // ---- Writing.

  template <class Q, class New, class Old, class... Args>
  bool emplace(prehashed<Q> k, New&& on_new, Old&&, Args&&... args) {
    static_assert(std::is_same_v<std::remove_cvref_t<Old>, ignore>,
                  "elements do not change: there is nothing to visit");
    if (look(k, ignore())) return false;
    return this->insert_unless(
        k, [](slot&) {}, std::false_type(), std::forward<New>(on_new), std::forward<Args>(args)...);
  }
  // The same, but replaces the element that is there. Returns whether there was none.
  template <class Q, class... Args>
  bool put(prehashed<Q> k, Args&&... args) {
    outdated old(*this);
    return this->insert_unless(
        k, [&](slot& s) { old.keep(slot::replace(this->allocator_, s, std::forward<Args>(args)...)); },
        std::true_type(), ignore(), std::forward<Args>(args)...);
  }
  // f(value_type&) on a copy of the element, which then takes its place. If f throws nothing has changed.
  template <class Q, class F>
  size_type update(prehashed<Q> k, F&& f) {
    if (!look(k, ignore())) return 0;
    outdated old(*this);
    if ((this->word() & base::moving) != 0) [[unlikely]]
      this->move_some(Options::moves_per_write);
    locked_cell const held = this->template lock<access::exclusive>(k.hash);
    if (!held) return 0;
    unlocker at_end(held);
    place const found = this->find(held.c, k);
    if (!found) return 0;
    at_end.changed();
    old.keep(slot::update(this->allocator_, *found.at, std::forward<F>(f)));
    return 1;
  }
  template <class Q, class P>
  size_type erase_if(prehashed<Q> k, P&& pred) {
    if (!look(k, ignore())) return 0;
    return base::erase_if(k, std::forward<P>(pred));
  }
  using base::erase_if;

  // What becomes of one key: for revise(), under the lock of its cell.
  class revision {
   public:
    revision(const revision&) = delete;
    revision& operator=(const revision&) = delete;

    // The element, or null. It stays whole until revise() has returned, whatever becomes of it.
    const value_type* present() const noexcept { return present_; }
    // Makes a new version of the element, or the first one, from args, and returns it. Strong.
    template <class... Args>
    const value_type& put(Args&&... args) {
      assert(!done_ && "a revision makes one change");
      slot* at = found_.at;
      if (found_) {
        old_.keep(slot::replace(table_.allocator_, *at, std::forward<Args>(args)...));
      } else {
        bool const was_full = array::is_full(*held_.c.at);
        at = held_.in->insert(table_.allocator_, held_.c, hash_, std::forward<Args>(args)...).at;
        looks_ = table_.add_to_size(1) % base::steps_per_look == 0 || was_full;
      }
      end_.changed();
      done_ = true;
      return at->get()->value;
    }
    // Precondition: the element is present.
    void erase() noexcept {
      assert(!done_ && found_ && "a revision makes one change");
      array::vacate(held_.c, found_);
      old_.keep(slot::unlink(*found_.at));
      looks_ = table_.subtract_from_size(1) % base::steps_per_look == 0;
      end_.changed();
      done_ = true;
    }

   private:
    friend index_table;
    revision(index_table& t, const locked_cell& held, std::size_t hash, const place& found, unlocker& end,
             outdated& old) noexcept
        : table_(t),
          held_(held),
          hash_(hash),
          found_(found),
          present_(found ? std::addressof(found.at->get()->value) : nullptr),
          end_(end),
          old_(old) {}

    index_table& table_;
    const locked_cell& held_;
    std::size_t const hash_;
    const place& found_;
    const value_type* const present_;
    unlocker& end_;
    outdated& old_;
    bool looks_ = false;
    bool done_ = false;
  };

  // decide(revision&) under the lock of the key's cell: sees the element, or that there is none, and leaves it, replaces it, inserts
  // it or erases it, at most one of them. Nobody sees anything between what it sees and what it does. After the lock,
  // after(const value_type&) with the version that was replaced or erased, if one was. For tables of nodes.
  //
  // What decide throws is passed on; a change that it has made before stays. It must not use the table.
  template <class Q, class Decide, class After = ignore>
  void revise(const prehashed<Q>& k, Decide&& decide, After&& after = After()) {
    static_assert(!inline_pairs, "an old version outlives its lock only as a node");
    outdated old(*this);
    bool looks = false;
    {
      locked_cell const held = this->lock_for_insert(k.hash);
      unlocker at_end(held);
      place const found = this->find(held.c, k);
      revision r(*this, held, k.hash, found, at_end, old);
      // Also if decide throws after a change: then the shape is looked at by a later one.
      decide(r);
      looks = r.looks_;
    }
    if (looks) this->look_after();
    if (old.get() != nullptr) std::forward<After>(after)(std::as_const(old.get()->value));
  }

  // A guard has ended, and the thread is not pinned by it any more.
  void tend_after_guard() const noexcept {
    if constexpr (base::retires) {
      auto& self = const_cast<index_table&>(*this);
      self.garbage_.tend_after_guard(self.domain(), self.disposer());
    }
  }

  index_stats stats() const {
    index_stats s{base::stats(), {}};
    if constexpr (base::retires) {
      s.retired = this->garbage_.stats();
      s.bytes += s.size * sizeof(typename array::node);
    }
    return s;
  }

  // ---- Scans. For a thread that is pinned.

  // The elements of one cell at one moment; those of them that the scan has not come by yet.
  class picture {
   public:
    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }
    const sight& operator[](std::size_t i) const noexcept { return i < few ? here_[i] : more_[i - few]; }

    picture() = default;
    picture(const picture& other) { *this = other; }
    // What has not been filled is not copied.
    picture& operator=(const picture& other) {
      if (this == &other) return *this;
      more_ = other.more_;
      size_ = other.size_;
      std::copy_n(other.here_.begin(), std::min(size_, few), here_.begin());
      return *this;
    }

   private:
    friend index_table;
    static constexpr std::size_t few = most_slots;
    void clear() noexcept {
      size_ = 0;
      more_.clear();
    }
    void add(const sight& s) {
      if (size_ < few) {
        here_[size_] = s;
      } else {
        more_.push_back(s);
      }
      ++size_;
    }
    std::array<sight, few> here_;
    std::vector<sight> more_;
    std::size_t size_ = 0;
  };

  static constexpr std::size_t last_hash = base::last_hash;

  // A picture of the first elements with hashes from `next` on: of one cell, the first that has any. Returns the last hash of
  // that cell; the picture is empty if there are none up to the end. Throws what the hash function throws, and std::bad_alloc.
  std::size_t look_at_cell(std::size_t next, picture& seen) const {
    for (;;) {
      seen.clear();
      range const hashes = take_picture(next, seen);
      if (hashes.first < next) leave_out(seen, next);
      if (!seen.empty() || hashes.last == last_hash) return hashes.last;
      next = hashes.last + 1;
    }
  }

  // f(const value_type&) while it returns true. Returns whether it always did.
  template <class F>
  bool scan(F&& f) const {
    picture seen;
    for (std::size_t next = 0;;) {
      std::size_t const last = look_at_cell(next, seen);
      for (std::size_t i = 0; i != seen.size(); ++i) {
        const value_type& value = seen[i].value();
        if (!f(value)) return false;
      }
      if (last == last_hash) return true;
      next = last + 1;
    }
  }

 private:
  using base::merge;
  using base::take;
  using base::visit;

  // The old version of an element, to be retired after the lock.
  class outdated {
   public:
    explicit outdated(index_table& t) noexcept : table_(t) {}
    outdated(const outdated&) = delete;
    outdated& operator=(const outdated&) = delete;
    ~outdated() {
      if (old_ == nullptr) return;
      if constexpr (base::retires) table_.retire_element(old_);
      table_.tend_garbage();
    }
    void keep(typename slot::retired old) noexcept { old_ = old; }
    typename slot::retired get() const noexcept { return old_; }

   private:
    index_table& table_;
    typename slot::retired old_ = nullptr;
  };

  template <class F>
  [[gnu::always_inline]] static bool show(const sight& seen, F& f) {
    if (!seen) return false;
    const value_type& value = seen.value();
    f(value);
    return true;
  }
  // Returns whether the answer counts: most of the time. `seen` stays in registers.
  template <class Q>
  [[gnu::always_inline]] bool see_quickly(const prehashed<Q>& k, sight& seen) const {
    tagged const w = this->word();
    if ((w & base::flags) != 0) [[unlikely]]
      return false;
    array* const a = base::current(w);
    return a == nullptr || look_into(a->approach(k.hash), k, seen);
  }

  // Looks at one cell, but not at its blocks. Returns whether the answer counts. This is what is to be inlined, with everything in
  // registers.
  template <class Q>
  [[gnu::always_inline]] bool look_into(cell c, const prehashed<Q>& k, sight& seen) const {
    auto const before = erasures_of(c);
    auto const key = detail::in_register(k.key);
    for (std::uint32_t left = array::candidates(c, k.hash); left != 0; left &= left - 1) {
      auto const copied = c.elements[std::countr_zero(left)].copy();
      if (inline_pairs && erasures_of(c) != before) [[unlikely]]
        return false;
      if (this->equal_(slot::key_of(copied), key.get())) [[likely]] {
        seen.seen_ = copied;
        seen.found_ = true;
        return true;
      }
    }
    return !array::has_overflown(c, k.hash) && !c.at->lock.is_shut();
  }
  // The same with blocks, and until it sees something whole.
  template <class Q>
  bool look_through(cell c, const prehashed<Q>& k, sight& seen) const {
    for (;;) {
      auto const before = erasures_of(c);
      bool whole = true;
      auto const matches = [&](const slot& s) {
        seen.seen_ = s.copy();
        if constexpr (inline_pairs) whole = array::erasures(c) == before;
        return !whole || this->equal_(slot::key_of(seen.seen_), k.key);
      };
      place found = array::find(c, k.hash, matches);
      if (!found) found = array::find_in_blocks(c, k.hash, matches);
      if (!whole) continue;
      if (!found) return !c.at->lock.is_shut();
      return seen.found_ = true;
    }
  }
  static std::uint32_t erasures_of([[maybe_unused]] cell c) noexcept {
    if constexpr (inline_pairs) {
      return array::erasures(c);
    } else {
      return 0;
    }
  }

  // The others: elements are being moved, the cell was closed or disturbed, the element may be in an overflow block.
  template <class Q>
  [[gnu::noinline]] sight see_again(prehashed<Q> k) const {
    for (;;) {
      sight seen;
      tagged const w = this->word();
      array* const a = base::current(w);
      if (a == nullptr) return seen;
      if ((w & base::moving) != 0) {
        cell const from = a->previous()->at_hash(k.hash);
        if (!from.at->lock.is_shut() && look_through(from, k, seen)) return seen;
        seen = sight();
      }
      if (look_through(a->at_hash(k.hash), k, seen)) return seen;
    }
  }

  // Of the cell that counts for `next`; also of elements with smaller hashes.
  range take_picture(std::size_t next, picture& seen) const {
    for (;; seen.clear()) {
      tagged const w = this->word();
      array* const a = base::current(w);
      if (a == nullptr) return {0, last_hash};
      if ((w & base::moving) != 0) {
        array& from = *a->previous();
        if (take_picture_of(from.at_hash(next), seen)) return hashes_of(from, next);
        seen.clear();
      }
      if (take_picture_of(a->at_hash(next), seen)) return hashes_of(*a, next);
    }
  }
  static range hashes_of(const array& a, std::size_t hash) noexcept {
    std::size_t const first = a.first_hash(a.index(hash));
    return {first, first + (last_hash >> a.index_bits())};
  }
  // Returns whether the cell counts: it was not closed. Only then the one that follows it does.
  bool take_picture_of(cell c, picture& seen) const {
    for (;; seen.clear()) {
      std::uint32_t const before = array::erasures(c);
      array::for_each_seen(c, [&](const slot& s) {
        sight one;
        one.seen_ = s.copy();
        one.found_ = true;
        seen.add(one);
      });
      if (c.at->lock.is_shut()) return false;
      if (array::erasures(c) == before) return true;
    }
  }
  void leave_out(picture& seen, std::size_t next) const {
    picture later;
    for (std::size_t i = 0; i != seen.size(); ++i) {
      const value_type& value = seen[i].value();
      if (this->hash_of(Element::key_of(value)) >= next) later.add(seen[i]);
    }
    seen = later;
  }
};

}  // namespace tandem::cell

#endif
