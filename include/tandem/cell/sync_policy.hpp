// How the threads that use one table get along: what its words and locks are.
//
//   unsynchronized     one thread at a time, or readers only: plain words, and locks that cost nothing
//   locked<Atomics>    a lock per cell, atomic words
//   published<Atomics> the same for those who write; readers take no lock, and are pinned by the epoch instead
//
// A policy offers `concurrent`; `lock_free_reads`; `word<T>`, with the interface of std::atomic<T>; `lock`, as a versioned_lock
// (sync/versioned_lock.hpp), of which an unsynchronized table needs only to know whether it is closed.
#ifndef TANDEM_CELL_SYNC_POLICY_HPP
#define TANDEM_CELL_SYNC_POLICY_HPP

#include <tandem/sync/atomic.hpp>
#include <tandem/sync/versioned_lock.hpp>

#include <atomic>

namespace tandem::cell {

struct unsynchronized {
  static constexpr bool concurrent = false;
  static constexpr bool lock_free_reads = false;

  template <class T>
  class word {
   public:
    constexpr word() noexcept = default;
    constexpr word(T value) noexcept : value_(value) {}
    T load(std::memory_order) const noexcept { return value_; }
    void store(T value, std::memory_order) noexcept { value_ = value; }
    T fetch_add(T by, std::memory_order) noexcept {
      T const old = value_;
      value_ += by;
      return old;
    }
    T fetch_sub(T by, std::memory_order) noexcept {
      T const old = value_;
      value_ -= by;
      return old;
    }

   private:
    T value_{};
  };

  class lock {
   public:
    lock_attempt attempt() const noexcept { return closed_ ? lock_attempt::closed : lock_attempt::taken; }
    void unlock() noexcept {}
    void unlock_unchanged() noexcept {}
    void close() noexcept { closed_ = true; }
    bool is_shut() const noexcept { return closed_; }

   private:
    bool closed_ = false;
  };
};

template <class Atomics>
struct locked {
  static constexpr bool concurrent = true;
  static constexpr bool lock_free_reads = false;

  template <class T>
  using word = typename Atomics::template atomic<T>;

  class lock : public versioned_lock<Atomics> {
   public:
    bool is_shut() const noexcept { return this->is_closed(this->version()); }
  };
};

template <class Atomics>
struct published : locked<Atomics> {
  static constexpr bool lock_free_reads = true;
};

}  // namespace tandem::cell

#endif
