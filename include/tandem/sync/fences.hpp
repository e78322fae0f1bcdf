// Asymmetric fences: one side pays nothing, the other pays for both.
//
// Two threads that each write one variable and then read the other's need a full fence between write and read, or both may
// read old values (store buffering). Where one side runs a million times as often as the other, the frequent side can do
// with light_barrier(), which only stops the compiler, if the rare side calls heavy_barrier(), which makes every running
// thread of the process execute a full fence at some point of its own:
//
//     reader, often                          writer, rarely
//       epoch.store(odd, relaxed)              current.store(other side)
//       light_barrier()                        heavy_barrier()
//       p = current.load()                     wait while epoch.load() is odd
//
// Each reader either stored its epoch before that point, and the writer's load sees it; or it loads `current` after that
// point, and sees the writer's store. light_barrier() pairs with heavy_barrier() only: two light sides order nothing.
//
// Cost: light_barrier() none; heavy_barrier() 0.4 us on an idle process to some 10 us, a system call that interrupts the
// processors on which threads of this process run.
// Where: Linux from 4.14 by membarrier(2), Windows by FlushProcessWriteBuffers. Elsewhere, where the kernel or a sandbox
// refuses, and under ThreadSanitizer, which knows nothing of it, heavy_barrier_available() is false and both sides must use
// sequentially consistent operations.
//
// After: "P1202: Asymmetric fences" (Goldblatt), and M. Desnoyers' membarrier(2).
//
// The policies below choose between the two forms, as option `fences` of whatever has readers that announce themselves.
#ifndef TANDEM_SYNC_FENCES_HPP
#define TANDEM_SYNC_FENCES_HPP

#include <atomic>
#include <cstdio>
#include <cstdlib>

#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#elif defined(_WIN32)
extern "C" __declspec(dllimport) void __stdcall FlushProcessWriteBuffers(void);
#endif

namespace tandem {

// Readers execute one sequentially consistent exchange; the writer pays nothing extra. Right when nearly every read is
// followed by a publish.
struct symmetric_fences {};

// Readers execute no fence; the writer executes one heavy_barrier() per publish. Right when publishes are rare, say below
// ten thousand a second. Falls back to the symmetric form at run time where the system has no heavy barrier.
struct asymmetric_fences {};

// The writer switches its readers between the two forms, by how often it publishes.
struct automatic_fences {};

namespace detail {

// ThreadSanitizer cannot see a heavy barrier: a build with it uses the form that it can prove.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool thread_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool thread_sanitizer = true;
#else
inline constexpr bool thread_sanitizer = false;
#endif
#else
inline constexpr bool thread_sanitizer = false;
#endif

#if defined(__linux__) && defined(SYS_membarrier)

inline long membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0); }

inline bool register_heavy_barrier() noexcept {
  constexpr long needed = MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
  long const offered = membarrier(MEMBARRIER_CMD_QUERY);
  return offered >= 0 && (offered & needed) == needed && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

inline bool execute_heavy_barrier() noexcept {
  // On large machines the kernel may need memory for it, and may for a moment have none.
  for (int attempts = 0; attempts != 1000; ++attempts) {
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0) return true;
    if (errno != ENOMEM) break;
  }
  // A process that lost its registration, say by a checkpoint and restore, may register again.
  return errno == EPERM && register_heavy_barrier() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
}

#elif defined(_WIN32)

inline bool register_heavy_barrier() noexcept { return true; }
inline bool execute_heavy_barrier() noexcept {
  FlushProcessWriteBuffers();
  return true;
}

#else

inline bool register_heavy_barrier() noexcept { return false; }
inline bool execute_heavy_barrier() noexcept { return false; }

#endif

}  // namespace detail

// Keeps the compiler from moving memory accesses across it. No instruction.
inline void light_barrier() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

// Whether heavy_barrier() works in this process. The first call registers the process; the answer stays.
inline bool heavy_barrier_available() noexcept {
  static bool const available = !detail::thread_sanitizer && detail::register_heavy_barrier();
  return available;
}

// See above. Precondition: heavy_barrier_available(). Readers rely on it without a fence of their own, so a system that
// offered it and then refuses leaves nothing to fall back to: the process ends with a message.
inline void heavy_barrier() noexcept {
  if (detail::execute_heavy_barrier()) return;
  std::fputs("tandem: the system refused a memory barrier that it had offered before\n", stderr);
  std::abort();
}

}  // namespace tandem

#endif
