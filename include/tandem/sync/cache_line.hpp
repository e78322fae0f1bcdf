// How far apart to keep what different threads write.
#ifndef TANDEM_SYNC_CACHE_LINE_HPP
#define TANDEM_SYNC_CACHE_LINE_HPP

#include <cstddef>

namespace tandem {

// A fixed number rather than std::hardware_destructive_interference_size, which changes with compiler flags and so would
// change layouts between translation units. 64 bytes is a line; Intel prefetches lines in pairs and Apple's are 128 bytes
// long, so what must never be shared keeps 128 apart.
inline constexpr std::size_t cache_line = 64;
inline constexpr std::size_t no_sharing = 128;

}  // namespace tandem

#endif
