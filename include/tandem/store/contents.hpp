// What a timed_store holds: shards of entries, and the clock. A load, or a clear(), makes other contents and puts them in the place of
// these in one step, so nobody sees half of each.
//
// A shard is a table whose readers take no lock (cell/index_table.hpp), and the schedule of its collector (schedule.hpp). Bits 24 and
// up of the hash choose the shard; the table uses the upper bits and the lowest eight, as in sharded_map.hpp.
//
// A write raises the clock, and then decides under the lock of its cell, on the entry that is there: see entry.hpp. Decision,
// replacement and the schedule's marks are one step. What the collector does to an entry is the same kind of step.
//
// All members but those of the collector are for threads that are pinned.
#ifndef TANDEM_STORE_CONTENTS_HPP
#define TANDEM_STORE_CONTENTS_HPP

#include <tandem/cell/element.hpp>
#include <tandem/cell/index_table.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/prefetch.hpp>
#include <tandem/hash.hpp>
#include <tandem/store/entry.hpp>
#include <tandem/store/histogram.hpp>
#include <tandem/store/schedule.hpp>
#include <tandem/store/shards.hpp>
#include <tandem/sync/cache_line.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/striped_size.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem {

// What became of a write.
enum class write_status {
  applied,
  stale,   // the key has an entry, or a tombstone, of a larger index
  exists,  // set_if_unset: the key is set; compare_and_set, compare_and_erase: it has another index
  missing  // there is no such key, or, for touch and persist, it has no value any more
};
struct [[nodiscard]] write_result {
  write_status status = write_status::applied;
  // Of the entry, or the tombstone, that was there; 0 if none was.
  std::uint64_t previous_index = 0;

  constexpr explicit operator bool() const noexcept { return status == write_status::applied; }
  friend constexpr bool operator==(const write_result&, const write_result&) = default;
};

// Why a value has gone.
enum class removal {
  expired,  // its deadline has passed, or expire() was called
  deleted,  // its deletion deadline has passed
  erased    // erase() or compare_and_erase()
};

// What a collection has done.
struct collected {
  std::size_t expired = 0;    // values dropped of keys that have expired
  std::size_t deleted = 0;    // entries made tombstones
  std::size_t forgotten = 0;  // entries gone altogether
  bool more = false;          // the budget was used up before everything was done
  friend constexpr bool operator==(const collected&, const collected&) = default;
};

}  // namespace tandem

namespace tandem::store {

template <class K, class V, class Options>
class contents {
  using atomics = typename Options::atomics;
  template <class T>
  using atomic = typename atomics::template atomic<T>;
  using epoch = typename Options::epoch;

 public:
  using key_type = K;
  using mapped_type = V;
  using record_type = record<V>;
  using hasher = detail::chosen_or<typename Options::hasher, hash<K>>;
  using key_equal = detail::chosen_or<typename Options::key_equal, equal_to<K>>;
  using value_type = std::pair<const K, record_type>;
  using allocator_type = typename std::allocator_traits<typename Options::allocator>::template rebind_alloc<value_type>;
  using table = cell::index_table<cell::map_element<K, record_type>, hasher, key_equal, allocator_type, Options>;
  using revision = typename table::revision;
  template <class Q>
  using prehashed = detail::prehashed<Q>;

  // `shards`: a power of two. `wakes`: whom to tell of hints, or null. `like`: whose clock and horizon these have too, or null.
  contents(std::size_t shards, event<atomics>* wakes, const contents* like = nullptr)
      : count_(shards),
        shards_(std::make_unique<shard[]>(shards)),
        wakes_(wakes),
        time_(like != nullptr ? like->time_ : std::make_shared<time>()) {}
  contents(const contents&) = delete;
  contents& operator=(const contents&) = delete;

  template <class Q>
  static std::size_t hash_of(const Q& k) {
    return detail::mixed(hasher(), k);
  }

  // Whom a consistent save appoints: is told of each version of an index up to its label that a write behind the label has replaced.
  class keeper {
   public:
    explicit keeper(std::uint64_t l) noexcept : label(l) {}
    keeper(const keeper&) = delete;
    keeper& operator=(const keeper&) = delete;
    // By the writer's thread, which is pinned.
    virtual void keep(const K& key, const record_type& old) noexcept = 0;
    std::uint64_t const label;

   protected:
    ~keeper() = default;
  };
  // One at a time; null: none. Writes that have begun before may not tell it; those that begin after the caller has synchronized with the
  // epoch do.
  void appoint(keeper* k) noexcept {
    // order[appoint]: release store; pairs with [keeper]: the keeper is made.
    keeper_.store(k, std::memory_order_release);
  }
  std::mutex& appointing() noexcept { return appointing_; }

  // ---- The clock, and the horizon.

  std::uint64_t clock() const noexcept { return time_->clock.load(std::memory_order_relaxed); }
  void advance(std::uint64_t index) noexcept { raise(time_->clock, index); }
  std::uint64_t horizon() const noexcept { return time_->horizon.load(std::memory_order_relaxed); }
  void raise_horizon(std::uint64_t index) noexcept { raise(time_->horizon, index); }

  // ---- Reading. f(const K&, const record_type&).

  template <class Q, class F>
  [[gnu::always_inline]] bool look(prehashed<Q> k, F&& f) const {
    return shard_of(k.hash).entries.look_pinned(k, [&](const value_type& x) { f(x.first, x.second); });
  }

  // f(const K&, const record_type&) for each entry, tombstones too, in some order; each as it is when the scan gets there. f runs
  // pinned, for some entries at a time, fewer if it says false; between these, between() is called, not pinned, and says whether to go on.
  template <class Pin, class F, class Between>
  void scan(Pin&& pin, F&& f, Between&& between) const {
    for (std::size_t i = 0; i != count_; ++i) {
      if (!scan_shard(i, pin, f, between)) return;
    }
  }
  // The same of one shard. Returns what between() has said.
  template <class Pin, class F, class Between>
  bool scan_shard(std::size_t i, Pin&& pin, F&& f, Between&& between) const {
    return scan_elements(
        shards_[i].entries, pin,
        [](const value_type& x) { detail::prefetch_lines(std::addressof(x), sizeof(value_type)); },
        [](const value_type& x) {
          prefetch_outside(x.first);
          if (const V* const value = x.second.value_if_any()) prefetch_outside(*value);
        },
        [&](const value_type& x) {
          if constexpr (std::is_same_v<decltype(f(x.first, x.second)), bool>) {
            return f(x.first, x.second);
          } else {
            f(x.first, x.second);
            return true;
          }
        },
        between);
  }

  // ---- Writing.

  // A write at `index`: rule(const record_type* entry, put) decides, under the lock. `entry` is null if the key has never been, as far as
  // needs to be remembered. put(state, value args...) makes the next version. The result is what rule returns. Afterwards, without
  // a lock, report(key, value, removal, index) if a value has gone. Strong, up to what report throws.
  template <class Q, class Source, class Rule, class Report>
  write_result write(const prehashed<Q>& k, Source&& key, std::uint64_t index, Rule&& rule, Report&& report) {
    advance(index);
    shard& s = shard_of(k.hash);
    write_result result;
    hints fresh;
    entry_kind became = entry_kind::live;
    s.entries.revise(
        k,
        [&](revision& r) {
          const record_type* entry = r.present() == nullptr ? nullptr : &r.present()->second;
          if (entry != nullptr && entry->is_forgotten(std::min(horizon(), clock()))) entry = nullptr;
          result.previous_index = entry == nullptr ? 0 : entry->index;
          if (entry != nullptr && index < entry->index) {
            result.status = write_status::stale;
            return;
          }
          result.status = rule(entry, [&](const entry_state& state, auto&&... args) {
            became = state.kind;
            place(s, r, k.hash, std::forward<Source>(key), fresh, state, std::forward<decltype(args)>(args)...);
          });
        },
        [&](const value_type& old) {
          publish(s, fresh);
          // order[keeper]: acquire load; pairs with [appoint]: as there.
          if (keeper* const to = keeper_.load(std::memory_order_acquire); to != nullptr) [[unlikely]] {
            if (old.second.index <= to->label && index > to->label) to->keep(old.first, old.second);
          }
          if (!old.second.has_value()) return;
          if (std::uint64_t const lost = old.second.lost_at(index); lost != never) {
            report(old.first, old.second.value(), cause(old.second, lost), lost);
          } else if (is_tombstone(became)) {
            report(old.first, old.second.value(), removal::erased, index);
          } else if (became == entry_kind::lapsed) {
            report(old.first, old.second.value(), removal::expired, index);
          }
        });
    publish(s, fresh);
    if (result.status == write_status::stale) stale_.fetch_add(1, std::memory_order_relaxed);
    return result;
  }

  // Has room for so many entries until it is called again: tables with little in them would shrink. For contents that nobody else has yet.
  void hold_room(std::size_t n) {
    // A little more: shards are not alike.
    std::size_t const each = n / count_ + n / count_ / 16;
    for (std::size_t i = 0; i != count_; ++i) {
      shards_[i].entries.hold_capacity(each);
      shards_[i].entries.release_capacity(room_);
    }
    room_ = each;
  }
  // An entry as it was saved. Returns whether its key is new; else nothing happens. For contents that nobody else has yet, but by several
  // threads.
  template <class... Args>
  bool restore(K&& key, const entry_state& state, Args&&... args) {
    std::size_t const hash = hash_of(key);
    shard& s = shard_of(hash);
    hints fresh;
    bool is_new = false;
    // The table looks for the key that is given away: under the lock that comes first.
    s.entries.revise(prehashed<K>{key, hash}, [&](revision& r) {
      is_new = r.present() == nullptr;
      if (is_new) place(s, r, hash, std::move(key), fresh, state, std::forward<Args>(args)...);
    });
    publish(s, fresh);
    return is_new;
  }

  // Undoes restore(), but for the hints.
  void take_back(const K& key) {
    std::size_t const hash = hash_of(key);
    shard_of(hash).entries.revise(prehashed<K>{key, hash}, [&](revision& r) {
      if (r.present() == nullptr) return;
      count(r.present(), nullptr);
      r.erase();
    });
  }

  // ---- The collector. For threads that are not pinned.

  std::size_t shard_count() const noexcept { return count_; }

  // Until when there is something to do, and until when something may be forgotten, in one shard: at most `budget` hints, which is
  // lowered. report() as in write(), without locks other than the collector's: it may write, but not collect.
  template <class Report>
  void collect(std::size_t i, std::size_t& budget, collected& done, Report&& report) {
    shard& s = shards_[i];
    std::lock_guard const hold(s.collecting);
    s.due.take_in();
    s.due.sweep([&](const hint<K>& h) { return is_current(s, h); });
    // What is read here may be put off by a save, but not brought forward: see hold_horizon().
    std::uint64_t const horizon_now = forgettable();
    std::uint64_t const clock_now = collectable(horizon_now);
    for (axis by : {axis::clock, axis::horizon}) {
      std::uint64_t const now = by == axis::clock ? clock_now : horizon_now;
      while (const hint<K>* h = s.due.due(by, now)) {
        if (budget == 0) {
          done.more = true;
          return;
        }
        --budget;
        attend(s, *h, now, horizon_now, done, report);
      }
    }
  }

  // Whether collect() would find something to do in this shard.
  bool has_work(std::size_t i) const noexcept {
    const shard& s = shards_[i];
    return s.due.has_news() || s.due.first_by_clock() <= clock();
  }
  bool has_news(std::size_t i) const noexcept { return shards_[i].due.has_news(); }

  // While a save is on its way, nothing is forgotten that its reader must know: nothing behind `label`. clock_too: nothing is collected
  // that is due behind it, either. Ends with release_horizon().
  void hold_horizon(std::uint64_t label, bool clock_too) {
    {
      std::lock_guard const hold(holds_mutex_);
      holds_.push_back({label, clock_too});
      note_holds();
    }
    // Whoever collects by an older horizon finishes first.
    for (std::size_t i = 0; i != count_; ++i) std::lock_guard const idle(shards_[i].collecting);
  }
  void release_horizon(std::uint64_t label, bool clock_too) noexcept {
    std::lock_guard const hold(holds_mutex_);
    holds_.erase(std::find(holds_.begin(), holds_.end(), held_label{label, clock_too}));
    note_holds();
  }

  // What the collector has not come to yet: entries whose expiry, or deletion, has passed by the clock, and since when the first of them.
  struct backlog {
    std::size_t expired = 0;
    std::size_t deleted = 0;
    std::uint64_t since = never;
  };
  // Looks at all entries of the shards that may have any: those where hints wait to be taken in, or are due. pin() as in scan().
  template <class Pin>
  backlog overdue(Pin&& pin) const {
    backlog found;
    std::uint64_t const now = clock();
    for (std::size_t i = 0; i != count_; ++i) {
      if (queued_in(i) == 0 && first_due_in(i) > now) continue;
      scan_shard(
          i, pin,
          [&](const K&, const record_type& e) {
            std::uint64_t const due = e.due_by_clock();
            if (due == never || due > now) return;
            ++(e.is_deleted(now) ? found.deleted : found.expired);
            found.since = std::min(found.since, due);
          },
          [] { return true; });
    }
    return found;
  }

  // ---- Figures, each by itself; exact when nobody writes.

  std::size_t entries() const noexcept {
    std::size_t all = 0;
    for (std::size_t i = 0; i != count_; ++i) all += shards_[i].entries.size();
    return all;
  }
  std::size_t tombstones() const noexcept { return tombstones_.sum(); }
  std::size_t size() const noexcept {
    std::size_t const all = entries();
    return all - std::min(all, tombstones());
  }
  std::size_t entries_in(std::size_t i) const noexcept { return shards_[i].entries.size(); }
  std::size_t queued_in(std::size_t i) const noexcept { return shards_[i].due.queued(); }
  std::size_t scheduled_in(std::size_t i) const noexcept { return shards_[i].due.scheduled(); }
  std::uint64_t first_due_in(std::size_t i) const noexcept { return shards_[i].due.first_by_clock(); }
  std::uint64_t bytes() const noexcept { return bytes_.sum(); }
  std::uint64_t stale_writes() const noexcept { return stale_.load(std::memory_order_relaxed); }
  std::uint64_t expired() const noexcept { return expired_.load(std::memory_order_relaxed); }
  std::uint64_t deleted() const noexcept { return deleted_.load(std::memory_order_relaxed); }
  std::uint64_t forgotten() const noexcept { return forgotten_.load(std::memory_order_relaxed); }
  // By how much the clock was ahead of the deadline, of each entry that the collector has seen to.
  histogram_counts removal_lags() const { return lags_.counts(); }

  // ---- Whoever uses contents without being pinned holds them. They begin with one holder. Precondition: pinned, or a holder.

  void hold() noexcept { holders_.fetch_add(1, std::memory_order_relaxed); }
  // Returns whether it was the last one.
  bool release() noexcept {
    // order[release]: acq_rel fetch_sub; pairs with [release]: the last holder comes after the others.
    return holders_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  // For a retire_list.
  contents* next_retired = nullptr;
  static constexpr std::size_t retired_bytes() noexcept { return sizeof(contents); }

 private:
  using schedule_type = schedule<K, atomics>;

  struct alignas(no_sharing) shard {
    table entries;
    schedule_type due;
    std::mutex collecting;
  };
  // Contents that replace others in a store that goes on, as by clear(), share it: writes to the old ones move it too.
  struct time {
    // Written by every write that is the newest.
    alignas(no_sharing) atomic<std::uint64_t> clock{0};
    alignas(no_sharing) atomic<std::uint64_t> horizon{0};
  };
  struct hints {
    typename schedule_type::owner by_clock;
    typename schedule_type::owner by_horizon;
  };

  shard& shard_of(std::size_t hash) const noexcept { return shards_[store::shard_of(hash, count_)]; }

  static void raise(atomic<std::uint64_t>& to, std::uint64_t index) noexcept {
    // Relaxed: who sees an entry, or hears of an advance otherwise, sees the clock at least as far.
    std::uint64_t seen = to.load(std::memory_order_relaxed);
    while (seen < index &&
           !to.compare_exchange_weak(seen, index, std::memory_order_relaxed, std::memory_order_relaxed)) {
    }
  }

  static constexpr removal cause(const entry_state& e, std::uint64_t lost) noexcept {
    return e.delete_at == lost ? removal::deleted : removal::expired;
  }

  static std::size_t bytes_of(const value_type& x) noexcept {
    std::size_t const outside = outside_bytes(x.first) + (x.second.has_value() ? outside_bytes(x.second.value()) : 0);
    return sizeof(cell::element_node<cell::map_element<K, record_type>>) + outside;
  }
  void count(const value_type* before, const value_type* after) noexcept {
    // Whoever holds a cell's lock has been pinned, so this does not throw. Differences may be negative: sums wrap.
    std::size_t const number = epoch::here().number;
    auto const dead = [](const value_type* x) -> std::size_t { return x != nullptr && is_tombstone(x->second.kind); };
    tombstones_.add(number, dead(after) - dead(before));
    bytes_.add(number, (after == nullptr ? 0 : bytes_of(*after)) - (before == nullptr ? 0 : bytes_of(*before)));
  }

  // The next version of an entry, under the lock. Hints are made here, where it can still fail, and given to the schedule later.
  template <class Source, class... Args>
  void place(shard& s, revision& r, std::size_t hash, Source&& key, hints& fresh, const entry_state& state,
             Args&&... args) {
    const value_type* const before = r.present();
    std::uint64_t by_clock = before == nullptr ? never : before->second.hinted_by_clock;
    std::uint64_t by_horizon = before == nullptr ? never : before->second.hinted_by_horizon;
    bool const supersedes = by_clock != never && state.due_by_clock() < by_clock;
    if (std::uint64_t const due = state.due_by_clock(); due < by_clock) {
      fresh.by_clock = std::make_unique<hint<K>>(due, axis::clock, hash, key);
      by_clock = due;
    }
    if (std::uint64_t const due = state.due_by_horizon(); due < by_horizon) {
      fresh.by_horizon = std::make_unique<hint<K>>(due, axis::horizon, hash, key);
      by_horizon = due;
    }
    const value_type& after = r.put(std::piecewise_construct, std::forward_as_tuple(std::forward<Source>(key)),
                                    std::forward_as_tuple(state, by_clock, by_horizon, std::forward<Args>(args)...));
    count(before, &after);
    if (supersedes) s.due.note_orphan();
  }
  void publish(shard& s, hints& fresh) noexcept {
    if (fresh.by_clock == nullptr && fresh.by_horizon == nullptr) return;
    if (fresh.by_clock != nullptr) s.due.push(std::move(fresh.by_clock));
    if (fresh.by_horizon != nullptr) s.due.push(std::move(fresh.by_horizon));
    if (wakes_ != nullptr) wakes_->notify();
  }

  bool is_current(shard& s, const hint<K>& h) {
    bool current = false;
    s.entries.revise(prehashed<K>{h.key, h.hash}, [&](revision& r) {
      if (r.present() == nullptr) return;
      const record_type& e = r.present()->second;
      current = h.at == (h.by == axis::clock ? e.hinted_by_clock : e.hinted_by_horizon);
    });
    return current;
  }

  // What a hint makes of its entry.
  template <class Report>
  void attend(shard& s, const hint<K>& h, std::uint64_t now, std::uint64_t horizon_now, collected& done,
              Report& report) {
    axis const by = h.by;
    bool orphan = true;
    // Where the hint goes from here; `never`: nowhere.
    std::uint64_t again = never;
    axis to = by;
    s.due.reserve(axis::clock);
    s.due.reserve(axis::horizon);
    bool settled = false;
    auto const settle = [&] {
      settled = true;
      if (again == never) {
        s.due.drop_first(by, orphan);
      } else {
        s.due.move_first(by, to, again);
      }
    };
    removal why = removal::deleted;
    std::uint64_t lost = 0;
    s.entries.revise(
        prehashed<K>{h.key, h.hash},
        [&](revision& r) {
          if (r.present() == nullptr) return;
          const value_type& x = *r.present();
          const record_type& e = x.second;
          std::uint64_t& hinted = by == axis::clock ? e.hinted_by_clock : e.hinted_by_horizon;
          if (hinted != h.at) return;
          orphan = false;
          std::uint64_t const due = by == axis::clock ? e.due_by_clock() : e.due_by_horizon();
          if (due == never || due > now) {
            hinted = again = due;
            return;
          }
          if (by == axis::horizon) {
            if (e.hinted_by_clock != never) s.due.note_orphan();
            forget(r, done);
            return;
          }
          // Counted when it is done: what throws is done again.
          auto const count_one = [&](std::size_t& mine, atomic<std::uint64_t>& all) {
            ++mine;
            all.fetch_add(1, std::memory_order_relaxed);
            lags_.add(epoch::here().number, clock() - due);
          };
          lost = e.lost_at(now);
          why = cause(e, lost);
          if (e.is_deleted(now)) {
            if (e.is_forgotten(horizon_now)) {
              count_one(done.deleted, deleted_);
              if (e.hinted_by_horizon != never) s.due.note_orphan();
              forget(r, done);
              return;
            }
            entry_state next = e;
            next.kind = entry_kind::deleted;
            std::uint64_t by_horizon = e.hinted_by_horizon;
            if (next.due_by_horizon() < by_horizon) {
              by_horizon = again = next.due_by_horizon();
              to = axis::horizon;
            }
            shrink(r, next, never, by_horizon);
            count_one(done.deleted, deleted_);
          } else {
            entry_state next = e;
            next.kind = entry_kind::lapsed;
            again = next.due_by_clock();
            shrink(r, next, again, e.hinted_by_horizon);
            count_one(done.expired, expired_);
          }
        },
        [&](const value_type& old) {
          settle();
          if (old.second.has_value()) report(old.first, old.second.value(), why, lost);
        });
    if (!settled) settle();
  }

  void forget(revision& r, collected& done) noexcept {
    count(r.present(), nullptr);
    r.erase();
    ++done.forgotten;
    forgotten_.fetch_add(1, std::memory_order_relaxed);
  }
  void shrink(revision& r, const entry_state& next, std::uint64_t by_clock, std::uint64_t by_horizon) {
    const value_type& before = *r.present();
    const value_type& after = r.put(std::piecewise_construct, std::forward_as_tuple(before.first),
                                    std::forward_as_tuple(next, by_clock, by_horizon));
    count(&before, &after);
  }

  // ---- The horizon, as far as saves let it.

  // Not beyond the clock: as writes see it, which answer alike before and after the collector.
  std::uint64_t forgettable() const noexcept {
    // order[horizon]: acquire load; pairs with [hold]: with the collector's lock, which the save takes in between.
    return std::min({horizon(), clock(), held_.load(std::memory_order_acquire)});
  }
  std::uint64_t collectable(std::uint64_t horizon_now) const noexcept {
    // order[clock]: acquire load; pairs with [hold_clock]: as in [horizon].
    std::uint64_t const now = std::min(clock(), held_clock_.load(std::memory_order_acquire));
    return Options::late_writes ? std::min(now, horizon_now) : now;
  }
  void note_holds() noexcept {
    std::uint64_t least = never;
    std::uint64_t least_clock = never;
    for (const held_label& h : holds_) {
      least = std::min(least, h.label == never ? never : h.label + 1);
      if (h.clock_too) least_clock = std::min(least_clock, h.label);
    }
    // order[hold_clock]: release store; pairs with [clock]: as in [hold].
    held_clock_.store(least_clock, std::memory_order_release);
    // order[hold]: release store; pairs with [horizon]: as there.
    held_.store(least, std::memory_order_release);
  }

  // Read by everybody, written by nobody.
  std::size_t const count_;
  std::unique_ptr<shard[]> const shards_;
  event<atomics>* const wakes_;
  std::shared_ptr<time> const time_;
  alignas(no_sharing) atomic<std::uint64_t> held_{never};
  atomic<std::uint64_t> held_clock_{never};
  atomic<keeper*> keeper_{nullptr};
  atomic<std::uint64_t> stale_{0};
  atomic<std::uint64_t> expired_{0};
  atomic<std::uint64_t> deleted_{0};
  atomic<std::uint64_t> forgotten_{0};
  histogram<atomics> lags_;
  atomic<std::size_t> holders_{1};
  std::mutex holds_mutex_;
  std::mutex appointing_;
  struct held_label {
    std::uint64_t label;
    bool clock_too;
    friend bool operator==(const held_label&, const held_label&) = default;
  };
  std::vector<held_label> holds_;
  std::size_t room_ = 0;  // in each shard
  striped_size<atomics::template atomic> tombstones_;
  striped_size<atomics::template atomic> bytes_;
};

}  // namespace tandem::store

#endif
