// One thread that does something when it is time, and sleeps otherwise. It is started when it is first needed.
#ifndef TANDEM_STORE_TICKER_HPP
#define TANDEM_STORE_TICKER_HPP

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace tandem::store {

class ticker {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr auto never = clock::time_point::max();

  // `work(now)` returns when it is to be called next, if nobody asks for it earlier.
  explicit ticker(std::function<clock::time_point(clock::time_point)> work) : work_(std::move(work)) {}
  ticker(const ticker&) = delete;
  ticker& operator=(const ticker&) = delete;
  ~ticker() { stop(); }

  // Throws std::system_error if there is no thread to be had.
  void start() {
    std::lock_guard const hold(mutex_);
    if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { run(); });
  }
  // It is called at this time at the latest. Precondition: started, or being stopped.
  void ask(clock::time_point at) {
    {
      std::lock_guard const hold(mutex_);
      if (at >= next_) return;
      next_ = at;
    }
    changed_.notify_one();
  }
  void stop() noexcept {
    {
      std::lock_guard const hold(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    std::unique_lock hold(mutex_);
    while (!stopping_) {
      auto const now = clock::now();
      if (now < next_) {
        if (next_ == never) {
          changed_.wait(hold);
        } else {
          changed_.wait_until(hold, next_);
        }
        continue;
      }
      next_ = never;
      hold.unlock();
      auto const after = work_(now);
      hold.lock();
      if (after < next_) next_ = after;
    }
  }

  std::function<clock::time_point(clock::time_point)> work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  clock::time_point next_ = never;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tandem::store

#endif
