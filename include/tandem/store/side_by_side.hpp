// The same work by several threads, where it is worth starting them for: saving and loading (snapshot.hpp), recovery (recovery.hpp).
#ifndef TANDEM_STORE_SIDE_BY_SIDE_HPP
#define TANDEM_STORE_SIDE_BY_SIDE_HPP

#include <algorithm>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace tandem::store {

// How many threads are meant: 0 is one for each processor.
inline std::size_t thread_count_for(std::size_t n) noexcept {
  return n != 0 ? n : std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

// work(take) by so many threads, the caller's one of them; by fewer if no more are to be had. take() is an optional number, from 0 up to
// `count`, which nobody else has got. Returns when all are done. What the first of those throws that throw is passed on.
template <class F>
void side_by_side(std::size_t threads, std::size_t count, F&& work) {
  std::mutex mutex;
  std::size_t next = 0;
  std::exception_ptr failure;
  auto const take = [&]() -> std::optional<std::size_t> {
    std::lock_guard const hold(mutex);
    return next == count ? std::nullopt : std::optional<std::size_t>(next++);
  };
  auto const run = [&]() noexcept {
    try {
      work(take);
    } catch (...) {
      std::lock_guard const hold(mutex);
      if (failure == nullptr) failure = std::current_exception();
    }
  };
  std::size_t const most = std::min(threads, count);
  std::vector<std::thread> others;
  try {
    while (others.size() + 1 < most) others.emplace_back(run);
  } catch (...) {
    // Those that there are do it.
  }
  run();
  for (std::thread& t : others) t.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace tandem::store

#endif
