// Preconditions that are checked in debug builds, with a sentence for the person who broke one.
#ifndef TANDEM_DETAIL_MISUSE_HPP
#define TANDEM_DETAIL_MISUSE_HPP

#include <cstdio>
#include <cstdlib>

namespace tandem::detail {

#ifdef NDEBUG
inline constexpr bool diagnoses_misuse = false;
#else
inline constexpr bool diagnoses_misuse = true;
#endif

// Says what the caller did wrong and ends the process, as a failed assert() does.
[[noreturn]] inline void misuse(const char* what) noexcept {
  std::fprintf(stderr, "tandem: %s\n", what);
  std::abort();
}

}  // namespace tandem::detail

#endif
