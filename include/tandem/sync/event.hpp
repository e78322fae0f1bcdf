// Waiting for something that is published without a lock, at the price of one load for a publisher for whom nobody waits.
//
// An event count (D. Vyukov): the waiter counts itself in, looks once more, and only then sleeps; the publisher publishes,
// and only then looks whether anybody is counted. Both do these two steps in one total order, so one of them sees the other.
#ifndef TANDEM_SYNC_EVENT_HPP
#define TANDEM_SYNC_EVENT_HPP

#include <tandem/sync/atomic.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace tandem {

template <class Atomics = std_atomics>
class event {
 public:
  // Wakes all who wait. Precondition: what they wait for was published by a sequentially consistent operation.
  void notify() noexcept {
    // order[look]: seq_cst load; pairs with [count]: this sees the waiter, or the waiter sees what was published.
    if (waiters_.load(std::memory_order_seq_cst) == 0) return;
    {
      std::scoped_lock const hold(mutex_);
    }  // the waiter is before its look or asleep, not between the two
    changed_.notify_all();
  }

  // Blocks until `done()` or the deadline; returns what `done()` returned last. `done` must read what it looks at by a
  // sequentially consistent load.
  template <class Done>
  bool wait_until(std::chrono::steady_clock::time_point deadline, Done done) {
    if (done()) return true;
    std::unique_lock hold(mutex_);
    // order[count]: seq_cst RMW; pairs with [look]: see there.
    waiters_.fetch_add(1, std::memory_order_seq_cst);
    bool const result =
        deadline == forever ? (changed_.wait(hold, done), true) : changed_.wait_until(hold, deadline, done);
    waiters_.fetch_sub(1, std::memory_order_relaxed);
    return result;
  }

  static constexpr auto forever = std::chrono::steady_clock::time_point::max();

 private:
  typename Atomics::template atomic<std::uint32_t> waiters_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace tandem

#endif
