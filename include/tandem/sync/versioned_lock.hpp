// A reader-writer lock in one word that also counts its writers, so that readers may do without it.
//
//   lock, try_lock, unlock; lock_shared, try_lock_shared, unlock_shared     as std::shared_mutex
//
// A reader of data that can be copied word by word need not lock at all: it takes the version, copies, and asks whether the
// version still holds. What it has copied counts only then:
//
//   if (auto v = lock.version(); lock_type::is_free(v)) { copy; if (lock.still(v)) use the copy; }
//
// The data must be atomic words; the reader loads them with acquire and the writer stores them with release. Then a copy with
// one word of a later writer makes the reader see that writer's lock too, without a fence: a sequence lock after H.-J. Boehm,
// "Can Seqlocks Get Along with Programming Language Memory Models?" (2012).
//
// A lock can be closed by its exclusive holder, for good: every later attempt finds it closed. What it protected is then
// somewhere else, and whoever finds it closed sees what the holder wrote before.
//
// Who waits for whom: a writer for all holders; a reader for the writer that holds the lock, and for one that has announced
// itself, so that a stream of readers does not starve a writer. For the latter only for some milliseconds, so that a reader
// that has a shared lock already, for whose end that writer waits, is not stuck for ever. Waiting is spinning, then
// yielding, then sleeping for up to 100 us (backoff.hpp); there is no queue.
// Cost: one compare-and-exchange to take it, one store to end an exclusive lock, one subtraction for a shared one.
#ifndef TANDEM_SYNC_VERSIONED_LOCK_HPP
#define TANDEM_SYNC_VERSIONED_LOCK_HPP

#include <tandem/sync/atomic.hpp>
#include <tandem/sync/backoff.hpp>

#include <chrono>
#include <cstdint>

namespace tandem {

enum class lock_attempt { taken, busy, closed };

template <class Atomics = std_atomics>
class versioned_lock {
 public:
  // The word: 40 bits of version, 21 bits that count shared holders, closed, a writer waits, exclusively held.
  using word = std::uint64_t;

  constexpr versioned_lock() noexcept = default;

  // ---- Without waiting.

  lock_attempt attempt() noexcept {
    // order[look]: acquire load; pairs with [close]: who finds it closed sees where the content has gone.
    word seen = state_.load(std::memory_order_acquire);
    for (;;) {
      if ((seen & (exclusive | closed | holders)) != 0) {
        return (seen & closed) != 0 ? lock_attempt::closed : lock_attempt::busy;
      }
      // order[take]: acquire acquire CAS; pairs with [unlock], [unlock_shared], [close]: the holders before are done, and
      //   what they wrote is seen; pairs with [version]: a writer's data comes after its lock.
      if (state_.compare_exchange_weak(seen, (seen | exclusive) & ~waiting, std::memory_order_acquire,
                                       std::memory_order_acquire)) {
        return lock_attempt::taken;
      }
    }
  }

  // `polite`: stands back for a writer that waits. Otherwise it also takes back that one's announcement: a writer that still
  // waits renews it, and if it has gone elsewhere nobody would.
  lock_attempt attempt_shared(bool polite) noexcept {
    // order[look_shared]: acquire load; pairs with [close]: as in [look].
    word seen = state_.load(std::memory_order_acquire);
    for (;;) {
      if ((seen & (exclusive | closed)) != 0) {
        return (seen & closed) != 0 ? lock_attempt::closed : lock_attempt::busy;
      }
      if (polite && (seen & waiting) != 0) return lock_attempt::busy;
      // order[take_shared]: acquire acquire CAS; pairs with [unlock], [close]: what the writer before wrote is seen.
      if (state_.compare_exchange_weak(seen, polite ? seen + one_holder : (seen + one_holder) & ~waiting,
                                       std::memory_order_acquire, std::memory_order_acquire)) {
        return lock_attempt::taken;
      }
    }
  }

  // Asks readers to stand back. For one who is going to try again.
  void announce() noexcept { state_.fetch_or(waiting, std::memory_order_relaxed); }

  // ---- Ending. Each for one who holds it.

  void unlock() noexcept { end(one_version); }
  // For a holder that has changed nothing: readers without the lock need not try again.
  void unlock_unchanged() noexcept { end(0); }

  void unlock_shared() noexcept {
    // order[unlock_shared]: release fetch_sub; pairs with [take], [idle]: the next writer comes after what this holder read.
    state_.fetch_sub(one_holder, std::memory_order_release);
  }

  void close() noexcept {
    word const held = state_.load(std::memory_order_relaxed);
    // order[close]: release store; pairs with [look], [look_shared], [take], [take_shared], [version]: where the content
    //   has gone is seen with the closing.
    state_.store(((held & versions) + one_version) | closed, std::memory_order_release);
  }

  // Nobody holds it. For one who knows that nobody is going to take it.
  bool is_idle() const noexcept {
    // order[idle]: acquire load; pairs with [unlock], [unlock_shared]: what the holders did is seen.
    return (state_.load(std::memory_order_acquire) & (exclusive | holders)) == 0;
  }

  // ---- Reading without the lock.

  word version() const noexcept {
    // order[version]: acquire load; pairs with [unlock], [close], [take]: the copy has everything of the writers up to this
    //   version; and a word of a later one, loaded with acquire, makes still() see that one's lock.
    return state_.load(std::memory_order_acquire);
  }
  static constexpr bool is_free(word version) noexcept { return (version & (exclusive | closed)) == 0; }
  static constexpr bool is_closed(word version) noexcept { return (version & closed) != 0; }
  // Relaxed: the loads of the copy before are acquire, so it cannot be earlier than they are.
  bool still(word version) const noexcept {
    return ((state_.load(std::memory_order_relaxed) ^ version) & ~(holders | waiting)) == 0;
  }

  // The same, but somebody may hold the lock now, and may have held it without changing the version.
  bool has_version_of(word version) const noexcept {
    return ((state_.load(std::memory_order_relaxed) ^ version) & versions) == 0;
  }

  // How those who wait do it: see above.
  class patience {
   public:
    void wait() noexcept { backoff_(longest_sleep); }
    bool is_polite() const noexcept { return backoff_.slept() < longest_politeness; }

   private:
    static constexpr std::chrono::nanoseconds longest_sleep = std::chrono::microseconds(100);
    static constexpr std::chrono::nanoseconds longest_politeness = std::chrono::milliseconds(5);
    backoff<Atomics> backoff_;
  };

  // ---- As std::shared_mutex. For locks that are never closed.

  void lock() noexcept {
    for (patience p; attempt() != lock_attempt::taken; p.wait()) announce();
  }
  bool try_lock() noexcept { return attempt() == lock_attempt::taken; }
  void lock_shared() noexcept {
    for (patience p; attempt_shared(p.is_polite()) != lock_attempt::taken;) p.wait();
  }
  bool try_lock_shared() noexcept { return attempt_shared(false) == lock_attempt::taken; }

 private:
  static constexpr word exclusive = 1;
  static constexpr word waiting = 2;
  static constexpr word closed = 4;
  static constexpr word one_holder = 8;
  static constexpr word one_version = word{1} << 24;
  static constexpr word holders = one_version - one_holder;
  static constexpr word versions = ~(one_version - 1);

  // Nobody but the holder changes the word meanwhile, except for announcements, and losing one of these is harmless: whoever
  // waits announces itself again.
  void end(word more) noexcept {
    word const held = state_.load(std::memory_order_relaxed);
    // order[unlock]: release store; pairs with [take], [take_shared], [version], [idle]: the next holder sees what this one
    // wrote.
    state_.store((held & versions) + more, std::memory_order_release);
  }

  typename Atomics::template atomic<word> state_{0};
};

}  // namespace tandem

#endif
