// Asking for memory before it is needed, where the compiler knows how.
#ifndef TANDEM_DETAIL_PREFETCH_HPP
#define TANDEM_DETAIL_PREFETCH_HPP

#include <tandem/sync/cache_line.hpp>

#include <cstddef>

namespace tandem::detail {

// (Not called prefetch: Boost's tables call a function of that name without saying whose, and would find this one for our types.)
// Inlined always: g++ takes a function that does nothing else for one without effects, and leaves the call out.

// The line that has this address, which may be any.
[[gnu::always_inline]] inline void prefetch_line(const void* at) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(at);
#else
  static_cast<void>(at);
#endif
}
// All lines of so many bytes that begin with one.
[[gnu::always_inline]] inline void prefetch_lines(const void* at, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; i += cache_line) prefetch_line(static_cast<const std::byte*>(at) + i);
}

}  // namespace tandem::detail

#endif
