// The memory model of the model checker: what a load may return, and what happens before what.
//
// It follows C++20, operationally. Every location keeps its modification order as a list; a store is appended when it
// executes. A load may read any entry not older than its floor:
//
//   coherence      nothing older than an entry that an operation which happens before the load has written or read;
//   seq_cst        a seq_cst load reads nothing older than what an earlier seq_cst operation on the location has
//                  written or read. "Earlier" is the order of execution, which serves as the single total order;
//   barriers       light_barrier and heavy_barrier, below, raise the floor too.
//
// A read-modify-write reads the newest entry. A release store carries what its thread knows; an acquire load that reads
// it learns that; a read-modify-write passes on what the entry it read carries (release sequences). Relaxed operations
// carry nothing. There are no fences other than the asymmetric pair.
//
// The asymmetric pair is two sequentially consistent fences of which at least one must be heavy. In order of execution,
// a heavy barrier after a light one: what the light side did before its barrier is visible after the heavy one. A light
// barrier after a heavy one: the other way round. What a light side stores after its barrier is not promised to anyone.
// A heavy barrier is also ordered with seq_cst operations, as a seq_cst fence is; a light one is not.
// Visible means that a load no longer misses it, and no more: as with standard fences, happens-before, which excuses
// plain data from being a race, still needs a release store that an acquire load has read. Therefore two clocks.
//
// What is too strong here, so that real outcomes are missed: modification order is the order of execution (the outcome
// x == 1 && y == 1 of `x=1; y=2 || y=1; x=2` never shows), and a load never reads from a store that executes later
// (load buffering never shows). Neither is seen on x86; both concern relaxed operations only.
#ifndef TANDEM_TESTS_MODEL_MEMORY_HPP
#define TANDEM_TESTS_MODEL_MEMORY_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::model {

// Thread 0 is the one that sets up and tears down.
inline constexpr std::size_t max_threads = 8;

// How far into each thread's operations something reaches.
class vector_clock {
 public:
  std::uint32_t operator[](std::size_t thread) const { return ticks_[thread]; }
  std::uint32_t tick(std::size_t thread) { return ++ticks_[thread]; }
  void set(std::size_t thread, std::uint32_t stamp) { ticks_[thread] = stamp; }
  void join(const vector_clock& other) {
    for (std::size_t i = 0; i < max_threads; ++i) ticks_[i] = std::max(ticks_[i], other.ticks_[i]);
  }
  // True if `other` reaches at least as far everywhere.
  bool within(const vector_clock& other) const {
    for (std::size_t i = 0; i < max_threads; ++i) {
      if (ticks_[i] > other.ticks_[i]) return false;
    }
    return true;
  }

 private:
  std::array<std::uint32_t, max_threads> ticks_{};
};

// What a thread knows, and what a release store hands on.
struct knowledge {
  vector_clock happened;  // happens before the present
  vector_clock visible;   // may not be missed by a load; never less than `happened`

  void join(const knowledge& other) {
    happened.join(other.happened);
    visible.join(other.visible);
  }
};

constexpr bool acquires(std::memory_order order) {
  return order != std::memory_order_relaxed && order != std::memory_order_release;
}
constexpr bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
constexpr bool in_total_order(std::memory_order order) { return order == std::memory_order_seq_cst; }

struct store_entry {
  std::uint64_t value = 0;
  std::size_t thread = 0;  // who has written it
  bool carries = false;    // whether `carried` means anything
  knowledge carried;
};

// One atomic object.
class location {
 public:
  // The initial value is written by a constructor, which is not an atomic operation: see constructed_before.
  void construct(std::size_t thread, std::uint32_t stamp, std::uint64_t value) {
    stores_.clear();
    sightings_.clear();
    last_use_ = {};
    total_order_floor_ = 0;
    creator_ = thread;
    birth_ = stamp;
    alive_ = true;
    stores_.emplace_back().value = value;
    note(thread, stamp, 0, false);
  }

  void destroy() { alive_ = false; }
  bool alive() const { return alive_; }

  // False: the thread races with the constructor.
  bool constructed_before(const knowledge& known) const { return known.happened[creator_] >= birth_; }
  // False: a destructor called now races with an earlier use.
  bool unused_after(const knowledge& known) const { return last_use_.within(known.happened); }

  std::size_t newest() const { return stores_.size() - 1; }
  const store_entry& at(std::size_t index) const { return stores_[index]; }

  // The oldest entry that a load may read, for a thread that must not miss what `visible` reaches.
  std::size_t floor(const vector_clock& visible, std::memory_order order) const {
    std::size_t result = in_total_order(order) ? total_order_floor_ : 0;
    for (const sighting& s : sightings_) {
      if (s.index > result && visible[s.thread] >= s.stamp) result = s.index;
    }
    return result;
  }

  // A heavy barrier of `thread`: what it does from now on misses no earlier seq_cst operation.
  void see_total_order(std::size_t thread, std::uint32_t stamp) {
    if (total_order_floor_ > latest_sighting(thread)) sightings_.push_back({thread, stamp, total_order_floor_});
  }

  // Records that `thread` has read entry `index`, and lets it learn what that carries.
  void read(std::size_t thread, std::uint32_t stamp, knowledge& known, std::size_t index, std::memory_order order) {
    note(thread, stamp, index, in_total_order(order));
    if (acquires(order) && stores_[index].carries) known.join(stores_[index].carried);
  }

  void write(std::size_t thread, std::uint32_t stamp, const knowledge& known, std::uint64_t value,
             std::memory_order order) {
    append(thread, known, value, order);
    note(thread, stamp, newest(), in_total_order(order));
  }

  // Reads the newest entry and appends its successor, which continues the release sequence.
  void replace(std::size_t thread, std::uint32_t stamp, knowledge& known, std::uint64_t value,
               std::memory_order order) {
    const std::size_t before = newest();
    if (acquires(order) && stores_[before].carries) known.join(stores_[before].carried);
    store_entry& entry = append(thread, known, value, order);
    const store_entry& head = stores_[before];
    if (head.carries) {
      entry.carries = true;
      entry.carried.join(head.carried);
    }
    note(thread, stamp, newest(), in_total_order(order));
  }

 private:
  struct sighting {
    std::size_t thread;
    std::uint32_t stamp;
    std::size_t index;
  };

  store_entry& append(std::size_t thread, const knowledge& known, std::uint64_t value, std::memory_order order) {
    store_entry& entry = stores_.emplace_back();
    entry.value = value;
    entry.thread = thread;
    if (releases(order)) {
      entry.carries = true;
      entry.carried = known;
    }
    return entry;
  }

  void note(std::size_t thread, std::uint32_t stamp, std::size_t index, bool total) {
    last_use_.set(thread, stamp);
    if (total) total_order_floor_ = std::max(total_order_floor_, index);
    if (index > latest_sighting(thread)) sightings_.push_back({thread, stamp, index});
  }

  // Index 0, the initial value, needs no sighting: nothing is older.
  std::size_t latest_sighting(std::size_t thread) const {
    for (auto it = sightings_.rbegin(); it != sightings_.rend(); ++it) {
      if (it->thread == thread) return it->index;  // its greatest: a thread never sees less than before
    }
    return 0;
  }

  std::vector<store_entry> stores_;  // the modification order
  std::vector<sighting> sightings_;  // who saw which entry first, and when
  vector_clock last_use_;
  std::size_t total_order_floor_ = 0;
  std::size_t creator_ = 0;
  std::uint32_t birth_ = 0;
  bool alive_ = false;
};

// The asymmetric pair. Both sides are placed in one order, the order of execution.
class barriers {
 public:
  void light(knowledge& known) {
    light_past_.join(known.visible);
    known.visible.join(heavy_past_);
  }
  void heavy(knowledge& known) {
    known.visible.join(light_past_);
    known.visible.join(heavy_past_);
    heavy_past_.join(known.visible);
  }
  // What a load in the total order may not miss, for a thread that otherwise may not miss `visible`.
  vector_clock with_heavy_past(vector_clock visible) const {
    visible.join(heavy_past_);
    return visible;
  }

 private:
  vector_clock light_past_;  // what was done before some light barrier
  vector_clock heavy_past_;  // what was done before some heavy barrier
};

// Who has read and written an object that is not atomic. Each function returns false on a data race.
class access_history {
 public:
  bool read(std::size_t thread, const knowledge& known) {
    reads_.set(thread, known.happened[thread]);
    return writes_.within(known.happened);
  }
  bool write(std::size_t thread, const knowledge& known) {
    const bool ordered = writes_.within(known.happened) && reads_.within(known.happened);
    writes_.set(thread, known.happened[thread]);
    return ordered;
  }

 private:
  vector_clock reads_;
  vector_clock writes_;
};

}  // namespace tandem::model

#endif
