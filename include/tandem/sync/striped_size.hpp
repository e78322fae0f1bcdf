// How many elements a container has, counted by threads that do not disturb each other: the first eight in a line of their own
// each, the others in lines that they share. Exact when nobody is counting.
#ifndef TANDEM_SYNC_STRIPED_SIZE_HPP
#define TANDEM_SYNC_STRIPED_SIZE_HPP

#include <tandem/sync/cache_line.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <limits>

namespace tandem {

// Word<T> has the interface of std::atomic<T>.
template <template <class> class Word>
class striped_size {
 public:
  using size_type = std::size_t;
  struct alignas(cache_line) stripe {
    Word<size_type> count{0};
  };

  // `number`: of this thread's record in the epoch; no two living threads have the same one, and what the last thread of that
  // number wrote is seen by the next. Returns the counter's new value: something that passes all numbers, and no size.
  size_type add(std::size_t number, size_type n) noexcept {
    if (number < own_stripes) {
      auto& count = stripes_[number].count;
      size_type const sum = count.load(std::memory_order_relaxed) + n;
      count.store(sum, std::memory_order_relaxed);
      return sum;
    }
    auto& count = stripes_[own_stripes + number % shared_stripes].count;
    return count.fetch_add(n, std::memory_order_relaxed) + n;
  }
  size_type sum() const noexcept {
    size_type all = 0;
    for (const stripe& s : stripes_) all += s.count.load(std::memory_order_relaxed);
    // Counters are read one after the other: one element may be seen going and not coming.
    return all > std::numeric_limits<size_type>::max() / 2 ? 0 : all;
  }

  // ---- For containers that nobody writes to.

  // What the other has, which has nothing then.
  void take(striped_size& other) noexcept {
    for (std::size_t i = 0; i != stripes_.size(); ++i) {
      stripes_[i].count.store(other.stripes_[i].count.load(std::memory_order_relaxed), std::memory_order_relaxed);
      other.stripes_[i].count.store(0, std::memory_order_relaxed);
    }
  }
  void swap(striped_size& other) noexcept {
    for (std::size_t i = 0; i != stripes_.size(); ++i) {
      size_type const mine = stripes_[i].count.load(std::memory_order_relaxed);
      stripes_[i].count.store(other.stripes_[i].count.load(std::memory_order_relaxed), std::memory_order_relaxed);
      other.stripes_[i].count.store(mine, std::memory_order_relaxed);
    }
  }

 private:
  static constexpr std::size_t own_stripes = 8;
  static constexpr std::size_t shared_stripes = 8;
  std::array<stripe, own_stripes + shared_stripes> stripes_{};
};

}  // namespace tandem

#endif
