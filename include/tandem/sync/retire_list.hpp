// Objects that are out of sight, and are disposed of when nobody can be looking at them any more (epoch.hpp).
//
//   retire(object)      out of sight already; waits
//   collect(...)        disposes of what has waited long enough
//
// Life of an object: a thread that retires it puts it on the stack of its stripe. Whoever collects, one thread at a time, takes
// all stacks, and with them one ticket for all; what expires is disposed of after that. There are two such batches: the old
// one, whose ticket is fixed, and the young one, which takes in what comes until the old one is gone. So what a stalled
// reader holds back has two tickets, however much it is.
//
// Who collects, and when: whoever retires,
//   - at once, a limited number of times in each tick of a coarse clock (some milliseconds): an object that is retired now
//     and then is gone when the call returns, unless somebody is pinned;
//   - every 128 objects or 64 KiB of one stripe, which bounds what waits while nobody is pinned for long;
// and whoever ends a guard, when something is known to wait (is_due). A collection that finds threads pinned disposes of what
// it can and returns: nobody waits.
//
// The list belongs to who owns the objects. Its destructor wants it empty: call dispose_all().
#ifndef TANDEM_SYNC_RETIRE_LIST_HPP
#define TANDEM_SYNC_RETIRE_LIST_HPP

#include <tandem/sync/atomic.hpp>
#include <tandem/sync/cache_line.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace tandem {

// What waits.
struct retire_stats {
  std::size_t objects = 0;
  std::size_t bytes = 0;
  // For how long, at least, pinned threads have been holding the oldest of them back. Zero if they do not.
  std::chrono::nanoseconds held_for{0};
};

// Object has `Object* next_retired` and `std::size_t retired_bytes() const`. Domain is a basic_epoch.
template <class Object, class Domain, class Atomics = std_atomics>
class retire_list {
  template <class T>
  using word = typename Atomics::template atomic<T>;

 public:
  static constexpr std::size_t objects_per_look = 128;
  static constexpr std::size_t bytes_per_look = std::size_t{64} << 10;
  // Collections of one or a few objects in each tick: by those who retire, and by those who end guards.
  static constexpr int prompt_per_tick = 32;

  constexpr retire_list() noexcept = default;
  retire_list(const retire_list&) = delete;
  retire_list& operator=(const retire_list&) = delete;

  // `number`: of this thread's record. Returns whether somebody should collect now.
  bool retire(std::size_t number, Object* o) noexcept {
    stripe& mine = stripes_[number % stripes];
    std::size_t const bytes = o->retired_bytes();
    std::size_t const objects_now = mine.objects.fetch_add(1, std::memory_order_relaxed) + 1;
    std::size_t const bytes_now = mine.bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    Object* below = mine.first.load(std::memory_order_relaxed);
    do {
      o->next_retired = below;
      // order[retire]: release CAS; pairs with [take], [take_all]: the object's last state, and that it is out of sight, is
      //   seen.
    } while (!mine.first.compare_exchange_weak(below, o, std::memory_order_release, std::memory_order_relaxed));
    // Whoever has put the object below there says so for both.
    // order[waits]: release exchange; pairs with [look]: who takes this back finds the stack; and as all others that write the
    //   word read it, who takes back a later one does, too.
    if (below == nullptr) waits_.exchange(true, std::memory_order_release);
    return objects_now % objects_per_look == 0 || bytes_now / bytes_per_look != (bytes_now - bytes) / bytes_per_look;
  }

  // After retire() returned false: whether it is worthwhile nonetheless, since that happens rarely.
  bool retires_rarely() noexcept { return spend(retiring_); }
  // When a guard has ended: whether something may have waited for it.
  bool is_due() noexcept { return waits_.load(std::memory_order_relaxed) && spend(leaving_); }

  // dispose(object) for each object that has waited long enough. `advances`: how often the epoch may be advanced for that; 3
  // are enough for everything, if nobody is pinned. Does nothing if another thread is at it.
  template <class Dispose>
  void collect(Domain& domain, int advances, Dispose&& dispose) noexcept {
    // order[collect]: acquire exchange; pairs with [collected]: one thread after the other.
    if (collecting_.exchange(true, std::memory_order_acquire)) return;
    // order[look]: acquire exchange; pairs with [waits]: what is not found below says so again.
    waits_.exchange(false, std::memory_order_acquire);
    take_stacks(domain);
    bool const held = (old_.first != nullptr || young_.first != nullptr) && !domain.try_advance(advances);
    Object* done = nullptr;
    if (old_.first != nullptr && domain.has_expired(old_.ticket)) done = std::exchange(old_, batch()).first;
    if (young_.first != nullptr && domain.has_expired(young_.ticket)) {
      Object* const last = young_.last;
      last->next_retired = done;
      done = std::exchange(young_, batch()).first;
    } else if (old_.first == nullptr) {
      old_ = std::exchange(young_, batch());
    }
    // Reads the word, as said at [waits].
    if (old_.first != nullptr) waits_.exchange(true, std::memory_order_relaxed);
    note_held(held);
    // order[collected]: release store; pairs with [collect]: as there.
    collecting_.store(false, std::memory_order_release);
    dispose_list(done, dispose);
  }

  // For a list that nobody else uses, when nobody looks at anything.
  template <class Dispose>
  void dispose_all(Dispose&& dispose) noexcept {
    // What an object's destructor retires comes last.
    for (bool again = true; again;) {
      again = false;
      for (stripe& s : stripes_) {
        // order[take_all]: acquire exchange; pairs with [retire]: as there.
        Object* const first = s.first.exchange(nullptr, std::memory_order_acquire);
        again = again || first != nullptr;
        dispose_list(first, dispose);
      }
      dispose_list(std::exchange(old_, batch()).first, dispose);
      dispose_list(std::exchange(young_, batch()).first, dispose);
    }
    waits_.store(false, std::memory_order_relaxed);
  }

  retire_stats stats() const noexcept {
    retire_stats s;
    std::size_t objects = 0;
    std::size_t bytes = 0;
    // First what is gone, so that it is not more than what there was.
    std::size_t const gone = disposed_.load(std::memory_order_relaxed);
    std::size_t const gone_bytes = disposed_bytes_.load(std::memory_order_relaxed);
    for (const stripe& one : stripes_) {
      objects += one.objects.load(std::memory_order_relaxed);
      bytes += one.bytes.load(std::memory_order_relaxed);
    }
    s.objects = objects >= gone ? objects - gone : 0;
    s.bytes = bytes >= gone_bytes ? bytes - gone_bytes : 0;
    auto const since = held_since_.load(std::memory_order_relaxed);
    if (since != 0) s.held_for = Atomics::coarse_time() - std::chrono::nanoseconds(since);
    return s;
  }

 private:
  // Threads whose records have low numbers have one each.
  static constexpr std::size_t stripes = 16;
  struct alignas(cache_line) stripe {
    word<Object*> first{nullptr};
    // All that were ever retired.
    word<std::size_t> objects{0};
    word<std::size_t> bytes{0};
  };

  struct batch {
    Object* first = nullptr;
    Object* last = nullptr;
    std::uint64_t ticket = 0;
  };

  // What is left of a tick's prompt collections. Inexact: threads may take the same one.
  struct allowance {
    word<std::int64_t> tick{-1};
    word<int> left{0};
  };
  static bool spend(allowance& a) noexcept {
    std::int64_t const now = Atomics::coarse_time().count();
    if (a.tick.load(std::memory_order_relaxed) != now) {
      a.tick.store(now, std::memory_order_relaxed);
      a.left.store(prompt_per_tick, std::memory_order_relaxed);
    }
    int const left = a.left.load(std::memory_order_relaxed);
    if (left <= 0) return false;
    a.left.store(left - 1, std::memory_order_relaxed);
    return true;
  }

  void take_stacks(Domain& domain) noexcept {
    batch taken;
    for (stripe& s : stripes_) {
      if (s.first.load(std::memory_order_relaxed) == nullptr) continue;
      // order[take]: acquire exchange; pairs with [retire]: as there.
      Object* const first = s.first.exchange(nullptr, std::memory_order_acquire);
      Object* last = first;
      while (last->next_retired != nullptr) last = last->next_retired;
      last->next_retired = taken.first;
      taken.first = first;
      if (taken.last == nullptr) taken.last = last;
    }
    if (taken.first == nullptr) return;
    if (young_.first != nullptr) {
      taken.last->next_retired = young_.first;
      taken.last = young_.last;
    }
    // After the last of them was taken out of sight.
    taken.ticket = domain.take_ticket();
    young_ = taken;
  }

  void note_held(bool held) noexcept {
    if (!held) {
      held_since_.store(0, std::memory_order_relaxed);
    } else if (held_since_.load(std::memory_order_relaxed) == 0) {
      held_since_.store(Atomics::coarse_time().count(), std::memory_order_relaxed);
    }
  }

  template <class Dispose>
  void dispose_list(Object* first, Dispose& dispose) noexcept {
    std::size_t objects = 0;
    std::size_t bytes = 0;
    while (first != nullptr) {
      Object* const o = std::exchange(first, first->next_retired);
      ++objects;
      bytes += o->retired_bytes();
      dispose(o);
    }
    disposed_.fetch_add(objects, std::memory_order_relaxed);
    disposed_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }

  std::array<stripe, stripes> stripes_{};
  // Written by whoever collects.
  alignas(cache_line) batch old_;
  batch young_;
  word<bool> collecting_{false};
  word<std::size_t> disposed_{0};
  word<std::size_t> disposed_bytes_{0};
  word<std::int64_t> held_since_{0};
  // Something has been retired since the last collection, or was left by it.
  alignas(cache_line) word<bool> waits_{false};
  allowance retiring_;
  allowance leaving_;
};

}  // namespace tandem

#endif
