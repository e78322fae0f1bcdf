// Runs a function on several threads that start together, and brings back what they found.
//
// Catch2's assertions belong to the main thread. So a worker returns its observations, or calls fail(), or throws; the test
// asserts after all workers have been joined:
//
//   auto seen = run_threads(4, [&](std::size_t i) { return count_of_something(i); });   // std::vector, by worker
//   REQUIRE(std::ranges::all_of(seen, ...));
//
//   run_threads(2, [&](std::size_t) { for (...) if (broken()) fail("the guard changed sides"); });
//
// Starting: no worker runs its function before all of them exist and have arrived at a latch, so short functions do
// overlap. Failing: the first failure by time is rethrown from run_threads(), with the worker's number in the message; later
// ones are mostly its consequences. failed() lets the others stop early, and unending loops must ask it.
#ifndef TANDEM_TESTS_SUPPORT_THREAD_RUNNER_HPP
#define TANDEM_TESTS_SUPPORT_THREAD_RUNNER_HPP

#include <atomic>
#include <cstddef>
#include <exception>
#include <latch>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::test {

// What a worker found wrong. run_threads() throws it too, so that the test fails with this text.
struct thread_failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail(const std::string& what) { throw thread_failure(what); }

// Shared by the workers of one run.
class thread_group {
 public:
  // True once some worker has failed: whoever loops until another worker acts must stop.
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }

  void report(std::size_t worker, const char* what) {
    std::lock_guard const hold(mutex_);
    if (!first_) first_ = "worker " + std::to_string(worker) + ": " + what;
    failed_.store(true, std::memory_order_release);
  }

  void rethrow() const {
    if (first_) throw thread_failure(*first_);
  }

 private:
  std::mutex mutex_;
  std::optional<std::string> first_;
  std::atomic<bool> failed_ = false;
};

namespace detail {

template <class F>
decltype(auto) call_worker(F& f, std::size_t worker, thread_group& group) {
  if constexpr (std::is_invocable_v<F&, std::size_t, thread_group&>) {
    return f(worker, group);
  } else {
    return f(worker);
  }
}

// Calls work(i, group) on `count` threads and waits for them.
template <class Work>
void start_together(std::size_t count, const Work& work) {
  thread_group group;
  std::latch start(static_cast<std::ptrdiff_t>(count));
  auto const guarded = [&](std::size_t worker) {
    start.arrive_and_wait();
    try {
      work(worker, group);
    } catch (const std::exception& e) {
      group.report(worker, e.what());
    } catch (...) {
      group.report(worker, "an exception of unknown type");
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(count);
  try {
    while (threads.size() != count) threads.emplace_back(guarded, threads.size());
  } catch (const std::system_error& e) {
    group.report(threads.size(), e.what());
    // Those that run already wait for ones that will never come: stand in for them.
    start.count_down(static_cast<std::ptrdiff_t>(count - threads.size()));
  }
  for (std::thread& t : threads) t.join();
  group.rethrow();
}

}  // namespace detail

// Calls f(i) or f(i, group) for i in [0, count), each on a thread of its own, and waits for all of them. Returns what the
// calls returned, in order of i; nothing if f returns void. Throws thread_failure if any call threw.
template <class F>
auto run_threads(std::size_t count, F f) {
  using result = decltype(detail::call_worker(f, std::size_t{}, std::declval<thread_group&>()));
  if constexpr (std::is_void_v<result>) {
    detail::start_together(count, [&](std::size_t i, thread_group& group) { detail::call_worker(f, i, group); });
  } else {
    std::vector<std::optional<result>> slots(count);
    detail::start_together(
        count, [&](std::size_t i, thread_group& group) { slots[i].emplace(detail::call_worker(f, i, group)); });
    std::vector<result> results;
    results.reserve(count);
    for (auto& slot : slots) results.push_back(std::move(*slot));
    return results;
  }
}

// Different functions at once: run_together(writer, reader, reader). Each is called as f() or f(group).
template <class... Fs>
void run_together(Fs... fs) {
  auto const call = [](auto& f, thread_group& group) {
    if constexpr (std::is_invocable_v<decltype(f), thread_group&>) {
      static_cast<void>(f(group));
    } else {
      static_cast<void>(f());
    }
  };
  detail::start_together(sizeof...(Fs), [&](std::size_t worker, thread_group& group) {
    std::size_t i = 0;
    ((i++ == worker ? call(fs, group) : void()), ...);
  });
}

}  // namespace tandem::test

#endif
