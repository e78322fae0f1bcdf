// The seam for atomics: the one place where algorithms meet the hardware.
//
// An algorithm takes a policy `Atomics` and names `Atomics::template atomic<T>` and the functions below, never
// `std::atomic` itself. `std_atomics` is the real machine; tests/model substitutes a deterministic scheduler with a weak
// memory model, so that small programs run through every interleaving it can afford.
//
// An `Atomics` policy offers:
//
//   atomic<T>                  with the interface of std::atomic<T>; orders are always spelled out
//   light_barrier()            keeps the compiler from moving memory accesses across it; costs nothing
//   heavy_barrier()            pairs with light_barrier() of every thread of the process, see sync/fences.hpp
//   heavy_barrier_available()  false where the system refuses it; then nobody may rely on light_barrier() alone
//   pause(), yield()           inside a waiting loop: for a few cycles, for a time slice
//   sleep(d)                   inside a waiting loop that has waited long already
//   coarse_time()              since some moment, in steps of milliseconds, and cheap
//   this_thread()              an address that no other living thread has; for diagnosis only
//
// There is no atomic_thread_fence here, and none in the library: ThreadSanitizer does not see it.
#ifndef TANDEM_SYNC_ATOMIC_HPP
#define TANDEM_SYNC_ATOMIC_HPP

#include <tandem/sync/fences.hpp>
#include <tandem/sync/pause.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#if defined(__linux__)
#include <time.h>
#endif

namespace tandem {

struct std_atomics {
  template <class T>
  using atomic = std::atomic<T>;

  static void light_barrier() noexcept { tandem::light_barrier(); }
  static void heavy_barrier() noexcept { tandem::heavy_barrier(); }
  static bool heavy_barrier_available() noexcept { return tandem::heavy_barrier_available(); }

  static void pause() noexcept { tandem::pause(); }
  static void yield() noexcept { std::this_thread::yield(); }
  static void sleep(std::chrono::nanoseconds d) noexcept { std::this_thread::sleep_for(d); }

  static std::chrono::nanoseconds coarse_time() noexcept {
#if defined(__linux__)
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
#else
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
#endif
  }

  static const void* this_thread() noexcept {
    thread_local char const here = 0;
    return &here;
  }
};

}  // namespace tandem

#endif
