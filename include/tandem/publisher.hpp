// background_publisher: one writer for many threads, and a thread that publishes for them.
//
// It takes a writer (of evmap or left_right) and guards it with a mutex. update(f) runs f on the writer; the policy says when
// what was changed becomes visible: after so many changes, after so much time, whichever comes first, or only by publish().
// Nobody waits for readers while holding the mutex: while a reader is in the way, the attempt is repeated. So update() is
// delayed by other updates and by the work of a publish, never by a reader.
//
//     auto [writer, reader] = tandem::make_evmap<std::string, int>();
//     tandem::background_publisher shared(std::move(writer), {.every_changes = 1000, .every = 5ms});
//     shared.update([](auto& w) { w.insert("a", 1); });    // from any thread; visible within 5 ms, readers permitting
//
// Do not use it where one thread writes anyway: a writer of its own costs no mutex and chooses its moments better.
//
// Thread safety: all members may be called from any thread; what update() and inspect() call must not call the publisher
// again. update() may be called under a guard; publish() only if no reader has held it since before the last publish, as it
// would wait for it. Progress: blocking, but readers of the map go on as ever.
//
// Exceptions: when a publish throws in the background, nothing is lost, the changes stay pending; failure() tells what was
// thrown, and the background tries again after the next update(). publish() throws what its own attempt throws.
#ifndef TANDEM_PUBLISHER_HPP
#define TANDEM_PUBLISHER_HPP

#include <tandem/sync/backoff.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace tandem {

// When to publish. Zero: not for this reason.
struct publish_policy {
  std::size_t every_changes = 0;      // once so many changes are pending
  std::chrono::nanoseconds every{0};  // once a change has been pending for so long

  bool is_manual() const noexcept { return every_changes == 0 && every <= std::chrono::nanoseconds(0); }
};

// What a background_publisher needs of a writer: evmap's and left_right's have it.
template <class W>
concept publishing_writer = std::move_constructible<W> && requires(W& w, const W& c) {
  { w.try_publish() } -> std::same_as<bool>;
  { c.pending() } -> std::convertible_to<std::size_t>;
};

template <publishing_writer Writer>
class background_publisher {
 public:
  explicit background_publisher(Writer writer, publish_policy policy = {}) : writer_(std::move(writer)) {
    set_policy(policy);
  }
  background_publisher(const background_publisher&) = delete;
  background_publisher& operator=(const background_publisher&) = delete;
  // Stops the thread and destroys the writer; what is pending is dropped, as when a writer is destroyed.
  ~background_publisher() { stop(); }

  // Runs f(Writer&) while nobody else uses the writer, and returns what it returns.
  template <std::invocable<Writer&> F>
  decltype(auto) update(F&& f) {
    std::scoped_lock const hold(mutex_);
    // Looks at what is due when f is done, also when it throws.
    struct notice {
      background_publisher& self;
      ~notice() { self.note_changes(); }
    } const after{*this};
    return std::invoke(std::forward<F>(f), writer_);
  }

  // Runs f(const Writer&) likewise.
  template <std::invocable<const Writer&> F>
  decltype(auto) inspect(F&& f) const {
    std::scoped_lock const hold(mutex_);
    return std::invoke(std::forward<F>(f), writer_);
  }

  // Makes everything changed so far visible before it returns. Waits for readers as the writer's publish() does.
  void publish() {
    for (backoff wait; !publish_unless_delayed();) wait();
  }

  // What the last attempt of the background threw, if there was no successful publish since; otherwise null.
  [[nodiscard]] std::exception_ptr failure() const {
    std::scoped_lock const hold(mutex_);
    return failure_;
  }

  // Changes the policy; a manual one ends the background thread. Throws std::system_error if no thread can be had: then the
  // policy is manual.
  void set_policy(publish_policy policy) {
    std::scoped_lock const control(control_);
    stop();
    if (policy.is_manual()) return;
    {
      std::scoped_lock const hold(mutex_);
      policy_ = policy;
      stopping_ = false;
    }
    try {
      thread_ = std::thread([this] { run(); });
    } catch (...) {
      stop();
      throw;
    }
  }

  // Stops the thread and hands the writer out; the publisher may then only be destroyed.
  [[nodiscard]] Writer release() && {
    stop();
    return std::move(writer_);
  }

 private:
  using clock = std::chrono::steady_clock;
  // Between attempts of the background while a reader is in the way.
  static constexpr std::chrono::microseconds first_retry{100};
  static constexpr std::chrono::microseconds last_retry{5000};

  void run() {
    std::unique_lock hold(mutex_);
    auto retry = first_retry;
    while (!stopping_) {
      if (!is_due()) {
        sleep_until_due(hold);
      } else if (publish_in_background()) {
        retry = first_retry;
      } else {
        wake_.wait_for(hold, retry);
        retry = std::min(2 * retry, last_retry);
      }
    }
  }

  void sleep_until_due(std::unique_lock<std::mutex>& hold) {
    if (seen_pending_ != 0 && policy_.every.count() > 0 && !gave_up_ && due() != clock::time_point::max()) {
      wake_.wait_until(hold, due());
    } else {
      wake_.wait(hold);
    }
  }

  // False: a reader is in the way.
  bool publish_unless_delayed() {
    std::scoped_lock const hold(mutex_);
    if (!writer_.try_publish()) return false;
    note_publish();
    return true;
  }
  bool publish_in_background() noexcept {
    try {
      if (!writer_.try_publish()) return false;
      note_publish();
    } catch (...) {
      failure_ = std::current_exception();
      gave_up_ = true;
    }
    return true;
  }

  // All of these with the mutex held.

  bool is_due() const {
    if (seen_pending_ == 0 || gave_up_) return false;
    if (policy_.every_changes != 0 && seen_pending_ >= policy_.every_changes) return true;
    return policy_.every.count() > 0 && clock::now() >= due();
  }

  // When the oldest change has been pending for long enough; the end of time, if the clock does not reach that far.
  clock::time_point due() const {
    return policy_.every < clock::time_point::max() - oldest_change_ ? oldest_change_ + policy_.every
                                                                     : clock::time_point::max();
  }

  void note_changes() noexcept {
    std::size_t const pending = writer_.pending();
    bool const first = pending != 0 && seen_pending_ == 0;
    bool const resumes = std::exchange(gave_up_, false);
    seen_pending_ = pending;
    if (first) oldest_change_ = clock::now();
    if (!policy_.is_manual() && (first || resumes || is_due())) wake_.notify_one();
  }

  void note_publish() noexcept {
    seen_pending_ = 0;
    failure_ = nullptr;
    gave_up_ = false;
  }

  // Not with the mutex held.
  void stop() noexcept {
    {
      std::scoped_lock const hold(mutex_);
      stopping_ = true;
      policy_ = {};
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // With the mutex held only.
  Writer writer_;
  publish_policy policy_;
  std::size_t seen_pending_ = 0;     // after the last update or publish
  clock::time_point oldest_change_;  // of those that are pending
  std::exception_ptr failure_;
  bool gave_up_ = false;  // the background failed, and nothing has changed since
  bool stopping_ = true;
  // With `control_` held only.
  std::mutex control_;
  std::thread thread_;
};

}  // namespace tandem

#endif
