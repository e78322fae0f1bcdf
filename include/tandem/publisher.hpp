// background_publisher: one writer for many threads, and a thread that publishes for them.
//
// It takes a writer (of evmap or left_right) and guards it with a mutex. update(f) runs f on the writer; the policy says when
// what was changed becomes visible: after so many changes, after so much time, whichever comes first, or only by publish().
// The background thread never waits for readers while it holds the mutex: while a reader is in the way it tries again, so
// update() is delayed by other updates and by the work of a publish, never by a reader.
//
//     auto [writer, reader] = tandem::make_evmap<std::string, int>();
//     tandem::background_publisher shared(std::move(writer), {.every_changes = 1000, .every = 5ms});
//     shared.update([](auto& w) { w.insert("a", 1); });    // from any thread; visible within 5 ms, readers permitting
//
// Do not use it where one thread writes anyway: a writer of its own costs no mutex and chooses its moments better.
//
// Thread safety: all members may be called from any thread; update() must not call the publisher again. Progress: blocking,
// but readers of the map go on as ever.
//
// Exceptions: what a publish throws in the background is kept and thrown by the next update(), publish() or release(). The
// background goes on trying.
#ifndef TANDEM_PUBLISHER_HPP
#define TANDEM_PUBLISHER_HPP

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
concept publishing_writer = std::movable<W> && requires(W& w, const W& c) {
  w.publish();
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
    std::unique_lock hold(mutex_);
    rethrow_failure();
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

  // Makes everything changed so far visible before it returns. Waits for readers as the writer's publish() does; updates wait
  // for it.
  void publish() {
    std::scoped_lock const hold(mutex_);
    rethrow_failure();
    writer_.publish();
    seen_pending_ = 0;
  }

  // Changes the policy; a manual one ends the background thread. Throws std::system_error if no thread can be had: then the
  // policy is manual.
  void set_policy(publish_policy policy) {
    std::scoped_lock const control(control_);
    stop();
    if (policy.is_manual()) return;
    policy_ = policy;
    stopping_ = false;
    note_changes_locked();
    try {
      thread_ = std::thread([this] { run(); });
    } catch (...) {
      policy_ = {};
      throw;
    }
  }

  // Stops the thread and hands the writer out; the publisher may then only be destroyed.
  [[nodiscard]] Writer release() && {
    stop();
    rethrow_failure();
    return std::move(writer_);
  }

 private:
  using clock = std::chrono::steady_clock;
  // Between attempts while a reader is in the way.
  static constexpr std::chrono::microseconds retry_after{100};

  void run() {
    std::unique_lock hold(mutex_);
    while (!stopping_) {
      if (!is_due()) {
        if (policy_.every.count() > 0 && writer_.pending() != 0) {
          wake_.wait_until(hold, oldest_change_ + policy_.every);
        } else {
          wake_.wait(hold);
        }
        continue;
      }
      if (!publish_in_background()) wake_.wait_for(hold, retry_after);
    }
  }

  bool publish_in_background() noexcept {
    try {
      if (!writer_.try_publish()) return false;
      seen_pending_ = 0;
      return true;
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }

  bool is_due() const {
    std::size_t const pending = writer_.pending();
    if (pending == 0) return false;
    if (policy_.every_changes != 0 && pending >= policy_.every_changes) return true;
    return policy_.every.count() > 0 && clock::now() >= oldest_change_ + policy_.every;
  }

  // After an update, with the mutex held.
  void note_changes() noexcept {
    std::size_t const pending = writer_.pending();
    bool const first = pending != 0 && seen_pending_ == 0;
    seen_pending_ = pending;
    if (policy_.is_manual()) return;
    if (first) oldest_change_ = clock::now();
    if (first || is_due()) wake_.notify_one();
  }
  void note_changes_locked() {
    std::scoped_lock const hold(mutex_);
    seen_pending_ = 0;
    note_changes();
  }

  void rethrow_failure() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

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
  bool stopping_ = true;
  // With `control_` held only.
  std::mutex control_;
  std::thread thread_;
};

}  // namespace tandem

#endif
