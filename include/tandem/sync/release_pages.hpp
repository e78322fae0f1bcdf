// Memory that is still allocated but whose content nobody needs any more: the system may have its pages back.
#ifndef TANDEM_SYNC_RELEASE_PAGES_HPP
#define TANDEM_SYNC_RELEASE_PAGES_HPP

#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace tandem {

// The pages that lie wholly within [begin, end) lose their content and are given back where the system offers it; reads of them
// find anything. The memory stays allocated and must be freed as ever. Returns at once where it is not offered.
inline void release_pages([[maybe_unused]] void* begin, [[maybe_unused]] void* end) noexcept {
#if defined(__linux__)
  static std::uintptr_t const page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  std::uintptr_t const first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) & ~(page - 1);
  std::uintptr_t const last = reinterpret_cast<std::uintptr_t>(end) & ~(page - 1);
  if (first < last) static_cast<void>(madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED));
#endif
}

}  // namespace tandem

#endif
