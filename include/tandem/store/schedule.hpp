// When the collector has to look at which entry: one per shard of timed_store.
//
// A write that gives an entry a deadline leaves a hint: "look at this key when the clock is at n". Hints are no more than that:
// whoever takes one looks at the entry under its lock, does what is due then, and schedules anew what is not. So the order in which
// hints arrive does not matter, and one that is no longer right does no harm. An entry knows the earliest hint that is there
// for it (record::hinted_by_clock), so a deadline that is put off again and again, as that of a session in use, has one hint.
//
// There are two schedules: by the clock, for deadlines, and by the horizon, for tombstones.
//
// Any thread pushes: a stack that is taken whole (R. K. Treiber, 1986); lock-free, and one allocation for a hint, which is
// made before. One thread at a time, who holds the shard's collector lock, takes: it moves what was pushed to a binary heap.
#ifndef TANDEM_STORE_SCHEDULE_HPP
#define TANDEM_STORE_SCHEDULE_HPP

#include <tandem/sync/atomic.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace tandem::store {

enum class axis : std::uint8_t { clock, horizon };

template <class K>
struct hint {
  hint* next = nullptr;
  std::uint64_t at;
  axis by;
  std::size_t hash;
  K key;

  template <class Source>
  hint(std::uint64_t when, axis which, std::size_t h, const Source& k) : at(when), by(which), hash(h), key(k) {}
};

template <class K, class Atomics = std_atomics>
class schedule {
 public:
  using hint_type = hint<K>;
  using owner = std::unique_ptr<hint_type>;

  schedule() = default;
  schedule(const schedule&) = delete;
  schedule& operator=(const schedule&) = delete;
  ~schedule() {
    destroy(pushed_.load(std::memory_order_relaxed));
    destroy(rest_.release());
  }

  // ---- For any thread.

  // Sequentially consistent, for whoever waits for it (sync/event.hpp).
  void push(owner h) noexcept {
    pushes_.fetch_add(1, std::memory_order_relaxed);
    hint_type* const mine = h.release();
    mine->next = pushed_.load(std::memory_order_relaxed);
    // order[push]: seq_cst CAS; pairs with [take], [wait]: the hint is whole; and who is about to wait sees it, or is seen.
    while (!pushed_.compare_exchange_weak(mine->next, mine, std::memory_order_seq_cst, std::memory_order_relaxed)) {
    }
  }
  // A hint that will be dropped when it is taken, as there is an earlier one, or the entry is gone.
  void note_orphan() noexcept { orphans_.fetch_add(1, std::memory_order_relaxed); }

  // Whether hints have been pushed that were not taken yet.
  bool has_news() const noexcept {
    // order[wait]: seq_cst load; pairs with [push]: as there.
    return pushed_.load(std::memory_order_seq_cst) != nullptr;
  }
  // Of the moment.
  std::size_t queued() const noexcept {
    std::uint64_t const taken = taken_.load(std::memory_order_relaxed);
    std::uint64_t const pushes = pushes_.load(std::memory_order_relaxed);
    return pushes > taken ? static_cast<std::size_t>(pushes - taken) : 0;
  }
  std::size_t scheduled() const noexcept { return scheduled_.load(std::memory_order_relaxed); }
  // The earliest time by the clock that is in the heap; `none`: nothing is.
  static constexpr std::uint64_t none = ~std::uint64_t{0};
  std::uint64_t first_by_clock() const noexcept { return first_.load(std::memory_order_relaxed); }

  // ---- For the holder of the collector's lock.

  // Moves what was pushed to the heaps. If there is no memory for that it stays where it is.
  void take_in() {
    if (pushed_.load(std::memory_order_relaxed) == nullptr && rest_ == nullptr) return;
    if (rest_ == nullptr) {
      // order[take]: acquire exchange; pairs with [push]: as there.
      rest_ = owner(pushed_.exchange(nullptr, std::memory_order_acquire));
    }
    while (rest_ != nullptr) {
      reserve(rest_->by);
      owner h = std::move(rest_);
      rest_ = owner(std::exchange(h->next, nullptr));
      taken_.fetch_add(1, std::memory_order_relaxed);
      add(std::move(h));
    }
    note();
  }
  // The earliest hint, if it is due; else null.
  hint_type* due(axis by, std::uint64_t now) const noexcept {
    const auto& h = heap(by);
    return !h.empty() && h.front()->at <= now ? h.front().get() : nullptr;
  }
  // The earliest hint leaves, or goes to another time. Precondition: due().
  void drop_first(axis by, bool was_orphan) noexcept {
    auto& h = heap(by);
    std::pop_heap(h.begin(), h.end(), later());
    h.pop_back();
    if (was_orphan) forget_orphans(1);
    note();
  }
  // Makes room for move_first().
  void reserve(axis by) { heap(by).reserve(grown(heap(by))); }
  void move_first(axis by, axis to, std::uint64_t at) noexcept {
    auto& h = heap(by);
    std::pop_heap(h.begin(), h.end(), later());
    owner moved = std::move(h.back());
    h.pop_back();
    moved->by = to;
    moved->at = at;
    add(std::move(moved));
    note();
  }

  // Drops the hints for which is_current(hint) is false, if it is likely that this is every other one: so what waits is bounded by
  // the entries there are, though keys with far deadlines come and go. Amortized constant.
  template <class F>
  void sweep(F&& is_current) {
    std::size_t const orphans = orphans_.load(std::memory_order_relaxed);
    if (orphans < fewest_orphans || orphans < scheduled() / 2) return;
    for (auto& h : heaps_) {
      std::erase_if(h, [&](const owner& o) { return !is_current(*o); });
      std::make_heap(h.begin(), h.end(), later());
    }
    forget_orphans(orphans);
    note();
  }

 private:
  static constexpr std::size_t fewest_orphans = 256;
  struct later {
    bool operator()(const owner& a, const owner& b) const noexcept { return a->at > b->at; }
  };
  using heap_type = std::vector<owner>;

  static void destroy(hint_type* h) noexcept {
    while (h != nullptr) owner const last(std::exchange(h, h->next));
  }
  heap_type& heap(axis by) noexcept { return heaps_[static_cast<std::size_t>(by)]; }
  const heap_type& heap(axis by) const noexcept { return heaps_[static_cast<std::size_t>(by)]; }
  static std::size_t grown(const heap_type& h) noexcept {
    return h.size() < h.capacity() ? h.capacity() : std::max<std::size_t>(64, 2 * h.capacity());
  }
  // There is room.
  void add(owner h) noexcept {
    auto& to = heap(h->by);
    to.push_back(std::move(h));
    std::push_heap(to.begin(), to.end(), later());
  }
  void note() noexcept {
    scheduled_.store(heaps_[0].size() + heaps_[1].size(), std::memory_order_relaxed);
    first_.store(heap(axis::clock).empty() ? none : heap(axis::clock).front()->at, std::memory_order_relaxed);
  }
  void forget_orphans(std::size_t n) noexcept {
    // Inexact: a hint may be dropped for another reason than the one it was counted for.
    std::size_t const now = orphans_.load(std::memory_order_relaxed);
    orphans_.fetch_sub(std::min(n, now), std::memory_order_relaxed);
  }

  typename Atomics::template atomic<hint_type*> pushed_{nullptr};
  typename Atomics::template atomic<std::uint64_t> pushes_{0};
  typename Atomics::template atomic<std::size_t> orphans_{0};
  typename Atomics::template atomic<std::uint64_t> taken_{0};
  typename Atomics::template atomic<std::size_t> scheduled_{0};
  typename Atomics::template atomic<std::uint64_t> first_{none};
  // Taken, and not in a heap yet: linked by their `next`, of which each is owned.
  owner rest_;
  std::array<heap_type, 2> heaps_;
};

}  // namespace tandem::store

#endif
