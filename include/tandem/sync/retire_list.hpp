// Objects that are out of sight, and are disposed of when nobody can be looking at them any more (epoch.hpp).
//
//   retire(object)      out of sight already; waits
//   tend(...)           after that, without locks: disposes of what has waited long enough, if it is time
//   collect(...)        disposes of what has waited long enough
//
// Life of an object: a thread that retires it puts it on the stack of its stripe. Whoever collects from a stripe, one thread at a
// time, takes the stack, and with it one ticket for all; what expires is disposed of after that. A stripe has two such batches:
// the old one, whose ticket is fixed, and the young one, which takes in what comes until the old one is gone. So what a stalled
// reader holds back has two tickets for each stripe, however much it is.
//
// Who collects, and when: whoever retires,
//   - from all stripes, a limited number of times in each tick of a coarse clock (some milliseconds): an object that is retired
//     now and then is gone when the call returns, unless somebody is pinned. Each time interrupts all threads that run, up to
//     three times; so it is half as often in the next tick, and in the end once, if there were more objects than that;
//   - from its own stripe, every 128 objects or 64 KiB, which bounds what waits while nobody is pinned for long. Memory then goes
//     back to the thread that is about to take some, and threads that write do not meet here. The epoch is advanced only where
//     others have not advanced it far enough;
// and whoever ends a guard, from all stripes, when something is known to wait (is_due). A collection that finds threads pinned
// disposes of what it can and returns: nobody waits. Nor does it dispose of more than 512 objects, whatever a reader that is gone has
// held back: the rest waits for the next ones, which dispose of more than comes meanwhile. So no call takes much longer than others.
//
// The list belongs to who owns the objects. Its destructor wants it empty: call dispose_all().
#ifndef TANDEM_SYNC_RETIRE_LIST_HPP
#define TANDEM_SYNC_RETIRE_LIST_HPP

#include <tandem/sync/atomic.hpp>
#include <tandem/sync/cache_line.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
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
template <class Object, class Domain, class Atomics = std_atomics, std::size_t Stripes = 16>
class retire_list {
  template <class T>
  using word = typename Atomics::template atomic<T>;

 public:
  static constexpr std::size_t objects_per_look = 128;
  static constexpr std::size_t bytes_per_look = std::size_t{64} << 10;
  // Collections of one or a few objects in each tick: by those who retire, and by those who end guards.
  static constexpr int prompt_per_tick = 8;
  static constexpr std::chrono::nanoseconds a_while = std::chrono::milliseconds(50);  // longer than a tick
  static constexpr std::size_t most_per_collection = 512;

  constexpr retire_list() noexcept = default;
  retire_list(const retire_list&) = delete;
  retire_list& operator=(const retire_list&) = delete;

  // `number`: of this thread's record.
  void retire(std::size_t number, Object* o) noexcept {
    stripe& mine = stripes_[number % Stripes];
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
    if (objects_now % objects_per_look == 0 || bytes_now / bytes_per_look != (bytes_now - bytes) / bytes_per_look) {
      mine.is_full.store(true, std::memory_order_relaxed);
    }
  }
  // For a thread that may have retired something, and holds no lock now.
  template <class Dispose>
  void tend(std::size_t number, Domain& domain, Dispose&& dispose) noexcept {
    stripe& mine = stripes_[number % Stripes];
    if (spend(retiring_)) {
      collect(domain, 3, dispose);
    } else if (mine.is_full.load(std::memory_order_relaxed)) {
      mine.is_full.store(false, std::memory_order_relaxed);
      std::size_t budget = most_per_collection;
      collect_from(mine, domain, 1, budget, dispose);
    }
  }
  // For a thread that has ended a guard.
  template <class Dispose>
  void tend_after_guard(Domain& domain, Dispose&& dispose) noexcept {
    if (is_due()) collect(domain, 3, dispose);
  }
  // Whether something may have waited for a guard that has ended, and it is worthwhile to look.
  bool is_due() noexcept { return waits() && spend(leaving_); }
  // Whether there may be anything to collect.
  bool waits() const noexcept { return waits_.load(std::memory_order_relaxed); }

  // dispose(object) for each object that has waited long enough, up to `budget` of them. `advances`: how often the epoch may be
  // advanced for that; 3 are enough for everything, if nobody is pinned; with 1, only where the old batch waits for it. Leaves out
  // stripes that other threads are at.
  template <class Dispose>
  void collect(Domain& domain, int advances, Dispose&& dispose, std::size_t budget = most_per_collection) noexcept {
    // order[look]: acquire exchange; pairs with [waits], [kept]: what is not found below says so again.
    waits_.exchange(false, std::memory_order_acquire);
    std::uint32_t const kept = keepers_.load(std::memory_order_relaxed);
    for (stripe& s : stripes_) {
      if ((kept & bit_of(s)) == 0 && s.first.load(std::memory_order_relaxed) == nullptr) continue;
      collect_from(s, domain, advances, budget, dispose);
    }
  }

  // For a list that nobody else uses, when nobody looks at anything.
  template <class Dispose>
  void dispose_all(Dispose&& dispose) noexcept {
    // What an object's destructor retires comes last.
    for (bool again = true; again;) {
      again = false;
      for (stripe& s : stripes_) {
        // order[take_all]: acquire exchange; pairs with [retire]: as there.
        Object* const taken = s.first.exchange(nullptr, std::memory_order_acquire);
        for (Object* first : {taken, std::exchange(s.done, batch()).first, std::exchange(s.old, batch()).first,
                              std::exchange(s.young, batch()).first}) {
          again = again || first != nullptr;
          dispose_list(s, first, dispose);
        }
      }
    }
    keepers_.store(0, std::memory_order_relaxed);
    waits_.store(false, std::memory_order_relaxed);
  }

  retire_stats stats() const noexcept {
    retire_stats all;
    std::int64_t oldest = 0;
    for (const stripe& s : stripes_) {
      // First what is gone, so that it is not more than what there was.
      std::size_t const gone = s.disposed.load(std::memory_order_relaxed);
      std::size_t const gone_bytes = s.disposed_bytes.load(std::memory_order_relaxed);
      std::size_t const objects = s.objects.load(std::memory_order_relaxed);
      std::size_t const bytes = s.bytes.load(std::memory_order_relaxed);
      all.objects += objects >= gone ? objects - gone : 0;
      all.bytes += bytes >= gone_bytes ? bytes - gone_bytes : 0;
      std::int64_t const since = s.held_since.load(std::memory_order_relaxed);
      if (since != 0 && (oldest == 0 || since < oldest)) oldest = since;
    }
    if (oldest != 0) all.held_for = Atomics::coarse_time() - std::chrono::nanoseconds(oldest);
    return all;
  }

 private:
  struct batch {
    Object* first = nullptr;
    Object* last = nullptr;
    std::uint64_t ticket = 0;
  };
  // Threads whose records have low numbers have one each.
  static_assert(Stripes <= 32);
  struct alignas(cache_line) stripe {
    word<Object*> first{nullptr};
    // All that were ever retired.
    word<std::size_t> objects{0};
    word<std::size_t> bytes{0};
    // Enough of them since the last collection.
    word<bool> is_full{false};

    // Written by whoever collects.
    word<bool> collecting{false};
    batch old;
    batch young;
    batch done;  // expired, and not disposed of yet
    word<std::size_t> disposed{0};
    word<std::size_t> disposed_bytes{0};
    word<std::int64_t> held_since{0};
  };

  // What is left of a tick's prompt collections. Inexact: threads may take the same one.
  struct allowance {
    word<std::int64_t> tick{-1};
    word<int> given{prompt_per_tick};
    word<int> left{0};  // negative: somebody has had none
  };
  static bool spend(allowance& a) noexcept {
    std::int64_t const now = Atomics::coarse_time().count();
    int left = a.left.load(std::memory_order_relaxed);
    if (std::int64_t const last = a.tick.load(std::memory_order_relaxed); last != now) {
      a.tick.store(now, std::memory_order_relaxed);
      bool const goes_on = left < 0 && now - last < a_while.count();
      left = goes_on ? std::max(1, a.given.load(std::memory_order_relaxed) / 2) : prompt_per_tick;
      a.given.store(left, std::memory_order_relaxed);
    }
    if (left >= 0) a.left.store(left - 1, std::memory_order_relaxed);
    return left > 0;
  }

  template <class Dispose>
  void collect_from(stripe& s, Domain& domain, int advances, std::size_t& budget, Dispose& dispose) noexcept {
    // order[collect]: acquire exchange; pairs with [collected]: one thread after the other.
    if (s.collecting.exchange(true, std::memory_order_acquire)) {
      // Who is at it may have been by when something came. Reads the word, as said at [waits].
      waits_.exchange(true, std::memory_order_relaxed);
      return;
    }
    take_stack(s, domain);
    bool const wants = advances > 1 ? s.old.first != nullptr || s.young.first != nullptr : oldest_waits(s, domain);
    bool const held = wants && !domain.try_advance(advances);
    if (has_expired(s.old, domain)) append(s.done, std::exchange(s.old, batch()));
    if (has_expired(s.young, domain)) {
      append(s.done, std::exchange(s.young, batch()));
    } else if (s.old.first == nullptr) {
      s.old = std::exchange(s.young, batch());
    }
    Object* const some = take(s.done, budget);
    if (s.old.first != nullptr || s.done.first != nullptr) {
      keepers_.fetch_or(bit_of(s), std::memory_order_relaxed);
      // order[kept]: release exchange; pairs with [look]: who takes this back finds the batch.
      waits_.exchange(true, std::memory_order_release);
    } else if ((keepers_.load(std::memory_order_relaxed) & bit_of(s)) != 0) {
      keepers_.fetch_and(~bit_of(s), std::memory_order_relaxed);
    }
    note_held(s, held);
    // order[collected]: release store; pairs with [collect]: as there.
    s.collecting.store(false, std::memory_order_release);
    dispose_list(s, some, dispose);
  }
  static bool oldest_waits(const stripe& s, const Domain& domain) noexcept {
    return s.old.first != nullptr ? !has_expired(s.old, domain) : s.young.first != nullptr;
  }
  static bool has_expired(const batch& b, const Domain& domain) noexcept {
    return b.first != nullptr && domain.has_expired(b.ticket);
  }
  static void append(batch& to, batch more) noexcept {
    if (to.first == nullptr) {
      to = more;
    } else {
      to.last->next_retired = more.first;
      to.last = more.last;
    }
  }
  // The first ones, up to `budget`, which is lowered.
  static Object* take(batch& from, std::size_t& budget) noexcept {
    if (from.first == nullptr || budget == 0) return nullptr;
    Object* const first = from.first;
    Object* last = first;
    while (--budget != 0 && last->next_retired != nullptr) last = last->next_retired;
    from.first = std::exchange(last->next_retired, nullptr);
    return first;
  }

  void take_stack(stripe& s, Domain& domain) noexcept {
    if (s.first.load(std::memory_order_relaxed) == nullptr) return;
    // order[take]: acquire exchange; pairs with [retire]: as there.
    Object* const first = s.first.exchange(nullptr, std::memory_order_acquire);
    // After the last of them was taken out of sight.
    std::uint64_t const ticket = domain.take_ticket();
    Object* last = first;
    while (last->next_retired != nullptr) last = last->next_retired;
    if (s.young.first != nullptr) {
      last->next_retired = s.young.first;
      last = s.young.last;
    }
    s.young = {first, last, ticket};
  }

  static void note_held(stripe& s, bool held) noexcept {
    if (!held) {
      s.held_since.store(0, std::memory_order_relaxed);
    } else if (s.held_since.load(std::memory_order_relaxed) == 0) {
      s.held_since.store(Atomics::coarse_time().count(), std::memory_order_relaxed);
    }
  }

  template <class Dispose>
  static void dispose_list(stripe& s, Object* first, Dispose& dispose) noexcept {
    std::size_t objects = 0;
    std::size_t bytes = 0;
    while (first != nullptr) {
      Object* const o = std::exchange(first, first->next_retired);
      ++objects;
      bytes += o->retired_bytes();
      dispose(o);
    }
    s.disposed.fetch_add(objects, std::memory_order_relaxed);
    s.disposed_bytes.fetch_add(bytes, std::memory_order_relaxed);
  }

  std::uint32_t bit_of(const stripe& s) const noexcept {
    return std::uint32_t{1} << static_cast<unsigned>(std::addressof(s) - stripes_.data());
  }

  std::array<stripe, Stripes> stripes_{};
  // Something has been retired since the last collection, or was left by it.
  alignas(cache_line) word<bool> waits_{false};
  // A bit for each stripe of which a collection has left something.
  word<std::uint32_t> keepers_{0};
  allowance retiring_;
  allowance leaving_;
};

}  // namespace tandem

#endif
