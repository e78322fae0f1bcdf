// How to wait for another thread: spin, then yield, then sleep.
//
// Each call waits a little longer than the one before: a hundred-odd pauses (about a microsecond), for guards that end in
// nanoseconds; then some yields, for a thread that shares this processor; then sleeps that double from 20 us to a cap of
// 1 ms, so that a guard that is held for seconds costs no processor and ends unnoticed for a millisecond at the most.
#ifndef TANDEM_SYNC_BACKOFF_HPP
#define TANDEM_SYNC_BACKOFF_HPP

#include <tandem/sync/atomic.hpp>

#include <algorithm>
#include <chrono>

namespace tandem {

// The time after `d` of any unit, or, where the clock cannot express that, the last or the first one that it can.
template <class Rep, class Period>
std::chrono::steady_clock::time_point time_after(std::chrono::duration<Rep, Period> d) {
  using clock = std::chrono::steady_clock;
  using wide = std::chrono::duration<long double, clock::period>;
  clock::time_point const now = clock::now();
  wide const wanted = d;
  if (wanted >= wide(clock::time_point::max() - now)) return clock::time_point::max();
  if (wanted <= wide(clock::duration::min())) return clock::time_point::min();
  return now + std::chrono::ceil<clock::duration>(d);
}

template <class Atomics = std_atomics>
class backoff {
 public:
  static constexpr int spins = 128;
  static constexpr int yields = 16;
  static constexpr std::chrono::nanoseconds first_sleep = std::chrono::microseconds(20);
  static constexpr std::chrono::nanoseconds longest_sleep = std::chrono::milliseconds(1);

  // Waits one step, but sleeps no longer than `limit`.
  void operator()(std::chrono::nanoseconds limit = longest_sleep) noexcept {
    if (step_ < spins) {
      ++step_;
      Atomics::pause();
    } else if (step_ < spins + yields) {
      ++step_;
      Atomics::yield();
    } else {
      auto const now = std::clamp(limit, std::chrono::nanoseconds(0), sleep_);
      Atomics::sleep(now);
      slept_ += now;
      sleep_ = std::min(2 * sleep_, longest_sleep);
    }
  }

  // True once the cheap part is over: what follows is worth a look at the clock.
  bool is_long() const noexcept { return step_ >= spins; }
  // How long it has slept by now, as far as it was woken in time.
  std::chrono::nanoseconds slept() const noexcept { return slept_; }

 private:
  int step_ = 0;
  std::chrono::nanoseconds sleep_ = first_sleep;
  std::chrono::nanoseconds slept_{0};
};

}  // namespace tandem

#endif
