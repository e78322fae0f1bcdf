// The table behind cell_cache: cells that have at most their 32 elements, and give up the one that was used longest ago when
// another one comes.
//
// It is the cell table (table.hpp) with recency (recency.hpp); what it adds is put(), and when to grow.
//
// Growing. A cell that is full is a reason to grow if the table is at least half full and smaller than it may become: the one
// who meets it makes the larger array, moves this cell at once, and has room then. So nothing is evicted while the table can
// grow, as long as the hash function spreads keys evenly, and nobody holds the lock of a cell for so long that the others fill up
// before the move is done. There are no other reasons to grow, as nothing ever overflows.
//
// Shrinking is begun by erasures, as in the table, and ended by later calls of put(): cells that become one may together have
// too many elements, and only put() has somebody to tell about these.
//
// Probation. An element that takes the place of another may be said to be older than it is, so that it goes soon unless it is
// used; which of several elements of the same age goes first is left open.
//
// Weights. If Options have a weigher, each cell has an equal share of the weight that the table may have. put() weighs the
// elements of the cell that it has changed, and evicts until they fit. When the table grows shares become smaller, which
// a cell notices at its next put().
#ifndef TANDEM_CELL_CACHE_TABLE_HPP
#define TANDEM_CELL_CACHE_TABLE_HPP

#include <tandem/cell/evicted.hpp>
#include <tandem/cell/table.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>

namespace tandem::cell {

struct cache_stats : table_stats {
  std::size_t evictions = 0;
};

template <class Element, class Hash, class KeyEqual, class Allocator, class Options>
class cache_table : public table<Element, Hash, KeyEqual, Allocator, Options> {
  using base = table<Element, Hash, KeyEqual, Allocator, Options>;
  using typename base::array;
  using typename base::cell;
  using typename base::locked_cell;
  using typename base::pin;
  using typename base::place;
  using typename base::slot;
  using typename base::tagged;
  using weigher = typename Options::weigher;
  static constexpr bool weighs = !std::is_void_v<weigher>;
  static constexpr std::size_t probation = Options::probation;
  static_assert(probation < array::slots, "fewer elements of a cell can be older than one of them than it has");

 public:
  using typename base::size_type;
  using typename base::value_type;
  template <class Q>
  using prehashed = detail::prehashed<Q>;
  using evicted = evicted_list<slot, Allocator>;

  // Room for at least `fewest` elements, once there is one; and never more than `most`, which is a weight if there is a
  // weigher. Both are rounded up to what so many cells hold, a power of two; a weight is not.
  constexpr cache_table(size_type fewest, size_type most, const Hash& hash, const KeyEqual& equal,
                        const Allocator& allocator)
      : base(held_capacity{fewest == 0 ? 0 : base::cells_for(fewest) * array::slots}, hash, equal, allocator),
        most_cells_(
            std::max(base::cells_for(std::max<size_type>(most, 1)), base::cells_for(std::max<size_type>(fewest, 1)))),
        most_weight_(most) {}

  size_type fewest() const noexcept { return this->held_.load(std::memory_order_relaxed); }
  size_type most() const noexcept {
    if constexpr (weighs) {
      return most_weight_;
    } else {
      return most_cells_ * array::slots;
    }
  }

  evicted nothing_evicted() const noexcept { return evicted(this->allocator_); }

  // If there is no such key, and wanted() is true, constructs an element of args and returns true. If there is one, calls
  // on_old(element). In both cases it is the most recent one of its cell, unless it begins on probation. `out` gets what has to
  // go for it; returns how many of these had to go before that, for other reasons.
  //
  // Everything but what args, on_old and the comparison throw, and the allocator for an element of its own, is dealt with.
  // Nothing has changed then but that groups may have been moved.
  template <class Q, class Old, class Wanted, class... Args>
  size_type put(prehashed<Q> k, evicted& out, Old&& on_old, Wanted&& wanted, Args&&... args) {
    if ((this->word() & base::moving) != 0) [[unlikely]]
      this->move_some(Options::moves_per_write, out);
    struct counter {
      cache_table& table;
      evicted& out;
      bool look = false;
      ~counter() {
        if (table.count_evictions(out.size()) || look) table.look_after();
      }
    } at_exit{*this, out};
    size_type before = out.size();
    for (int chances = most_chances;;) {
      locked_cell const held = lock_for_put(k.hash);
      typename base::template unlocker<access::exclusive> at_end(held);
      if (place const found = this->find(held.c, k)) {
        at_end.changed();
        slot::with(*found.at, std::forward<Old>(on_old));
        array::use(held.c, found);
        if constexpr (weighs) trim(held, found, out);
        break;
      }
      if (!wanted()) return before;
      place made;
      // Cells of a table that weighs are seldom full.
      bool on_probation = probation != 0 && weighs;
      if (!array::is_full(*held.c.at)) {
        at_end.changed();
        made = held.in->insert(this->allocator_, held.c, k.hash, std::forward<Args>(args)...);
        at_exit.look = this->add_to_size(1) % base::steps_per_look == 0;
      } else if (chances != 0 && held.in->size() < most_cells_) {
        at_end.end_unchanged();
        chances = make_room(k.hash, out) ? chances - 1 : 0;
        before = out.size();
        continue;
      } else {
        at_end.changed();
        made = array::oldest(held.c);
        array::supersede(this->allocator_, held.c, made, k.hash, out, std::forward<Args>(args)...);
        on_probation = probation != 0;
      }
      if (on_probation) {
        array::join(held.c, made, probation);
      } else {
        array::use(held.c, made);
      }
      if constexpr (weighs) trim(held, made, out);
      break;
    }
    return before;
  }

  cache_stats stats() const {
    cache_stats s;
    static_cast<table_stats&>(s) = base::stats();
    for (const auto& e : evictions_) s.evictions += e.count.load(std::memory_order_relaxed);
    return s;
  }

 private:
  locked_cell lock_for_put(std::size_t hash) {
    for (;;) {
      if (locked_cell const held = this->template lock<access::exclusive>(hash)) return held;
      this->make_first(std::max(base::cells_for(fewest()), array::fewest_cells));
    }
  }

  // How often one who meets a full cell tries to make room before he evicts: others may hold the lock just then.
  static constexpr int most_chances = 16;

  // For one who met a full cell of an array that is not the largest: moves it, after he has made a larger array if need be.
  // Returns whether there may be room now.
  [[gnu::noinline, gnu::cold]] bool make_room(std::size_t hash, evicted& out) noexcept {
    bool finished = false;
    try {
      pin const pinned = base::enter();
      tagged w = this->word();
      array* const a = base::current(w);
      if (a == nullptr || (w & base::stopped) != 0) return true;
      if ((w & base::moving) == 0) {
        // Somebody else may have finished meanwhile; the cell is looked at again then.
        if (a->size() >= most_cells_ || this->size() < a->size() * array::slots / 2) return false;
        this->push(a, 2 * a->size());
        w = this->word();
      }
      if ((w & base::flags) != base::moving) return true;
      array& to = *base::current(w);
      array& from = *to.previous();
      if (from.is_closed(from.index(hash))) return false;  // it has been moved, and is full again
      finished = this->move_group(from, to, std::min(from.index(hash), to.index(hash)), out);
    } catch (...) {
      return false;  // no memory for a larger array: another element has to go
    }
    if (finished) this->free_some();
    return true;
  }

  void evict(cell c, place p, evicted& out) {
    out.make_room(1);
    out.take(*p.at);
    array::vacate(c, p);
    this->subtract_from_size(1);
  }
  static size_type weight_of(place p) {
    return slot::look(*p.at, [](const value_type& x) { return static_cast<size_type>(weigher()(x.first, x.second)); });
  }
  // The newest element is the last to go, unless it is too heavy by itself.
  void trim(const locked_cell& held, place newest, evicted& out) noexcept {
    size_type const share = most_weight_ / held.in->size();
    size_type sum = 0;
    array::for_each(held.c, [&](place p) {
      size_type const weight = weight_of(p);
      sum = weight > std::numeric_limits<size_type>::max() - sum ? std::numeric_limits<size_type>::max() : sum + weight;
      return true;
    });
    if (sum <= share) return;
    try {
      size_type const weight = weight_of(newest);
      if (weight > share) {
        evict(held.c, newest, out);
        sum -= weight;
      }
      while (sum > share && array::count(*held.c.at) != 0) {
        place const p = array::oldest(held.c);
        size_type const less = std::min(sum, weight_of(p));
        evict(held.c, p, out);
        sum -= less;
      }
    } catch (...) {
      return;  // no memory for a list of what has to go: the next put() to this cell will try again
    }
  }

  // Returns whether it is time to look after the table.
  bool count_evictions(size_type n) noexcept {
    if (n == 0) return false;
    auto& mine = evictions_[base::epoch::here().number % evictions_.size()].count;
    size_type const sum = mine.fetch_add(n, std::memory_order_relaxed) + n;
    return sum % base::steps_per_look < n;
  }

  size_type const most_cells_;
  size_type const most_weight_;
  std::array<typename base::stripe, 8> evictions_{};
};

}  // namespace tandem::cell

#endif
