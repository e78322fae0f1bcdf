// A hint to the processor that this thread is spinning.
#ifndef TANDEM_SYNC_PAUSE_HPP
#define TANDEM_SYNC_PAUSE_HPP

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace tandem {

// Gives the core's other hardware thread a turn and saves power; some ten to hundred cycles.
inline void pause() noexcept {
#if defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
  _mm_pause();
#elif defined(_MSC_VER) && defined(_M_ARM64)
  __yield();
#elif defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

}  // namespace tandem

#endif
