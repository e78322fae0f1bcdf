// A sum that many threads add to and few read: each thread in a line of its own, as long as there are enough.
#ifndef TANDEM_STORE_STRIPED_SUM_HPP
#define TANDEM_STORE_STRIPED_SUM_HPP

#include <tandem/sync/atomic.hpp>
#include <tandem/sync/cache_line.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace tandem::store {

template <class Atomics = std_atomics>
class striped_sum {
 public:
  // `number`: of this thread's record in the epoch (sync/epoch.hpp). No two living threads have the same one, and what the last one
  // of a number wrote is seen by the next.
  void add(std::size_t number, std::int64_t n) noexcept {
    if (n == 0) return;
    if (number < own) {
      auto& mine = stripes_[number].sum;
      mine.store(mine.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    } else {
      stripes_[own + number % shared].sum.fetch_add(n, std::memory_order_relaxed);
    }
  }
  // Exact when nobody adds. Never below 0, though stripes are read one after the other.
  std::uint64_t get() const noexcept {
    std::int64_t all = 0;
    for (const stripe& s : stripes_) all += s.sum.load(std::memory_order_relaxed);
    return all > 0 ? static_cast<std::uint64_t>(all) : 0;
  }

 private:
  static constexpr std::size_t own = 8;
  static constexpr std::size_t shared = 4;
  struct alignas(cache_line) stripe {
    typename Atomics::template atomic<std::int64_t> sum{0};
  };
  std::array<stripe, own + shared> stripes_{};
};

}  // namespace tandem::store

#endif
