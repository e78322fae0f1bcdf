// The same work by several threads, where it is worth starting them for: saving and loading (snapshot.hpp).
#ifndef TANDEM_STORE_SIDE_BY_SIDE_HPP
#define TANDEM_STORE_SIDE_BY_SIDE_HPP

#include <algorithm>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace tandem::store {

// How many threads are meant: 0 is one for each processor.
inline std::size_t thread_count_for(std::size_t n) noexcept {
  return n != 0 ? n : std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

// work() by so many threads, the caller's one of them; by fewer if no more are to be had, so they take what there is to do from each other.
// Returns when all are done. What the first of those throws that throw is passed on.
template <class F>
void side_by_side(std::size_t threads, F&& work) {
  std::mutex mutex;
  std::exception_ptr failure;
  auto const run = [&]() noexcept {
    try {
      work();
    } catch (...) {
      std::lock_guard const hold(mutex);
      if (failure == nullptr) failure = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  try {
    others.reserve(threads - 1);
    while (others.size() + 1 < threads) others.emplace_back(run);
  } catch (...) {
    // Those that there are do it.
  }
  run();
  for (std::thread& t : others) t.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace tandem::store

#endif
