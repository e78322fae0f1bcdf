// What programs under the model checker use instead of the real thing: the policy `atomics` (see
// tandem/sync/atomic.hpp), and `plain<T>` for data that is not atomic.
//
// Outside of an execution all of it behaves as for a single thread.
#ifndef TANDEM_TESTS_MODEL_ATOMICS_HPP
#define TANDEM_TESTS_MODEL_ATOMICS_HPP

#include "model/machine.hpp"

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

namespace tandem::model {

template <class T>
std::uint64_t to_bits(const T& value) noexcept {
  if constexpr (std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t)) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
  } else {
    return 0;
  }
}

template <class T>
T from_bits(std::uint64_t bits) noexcept {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

// std::atomic<T> for integers, enumerations, bool and pointers. Every order must be spelled out.
template <class T>
class atomic {
  static_assert(std::is_scalar_v<T> && sizeof(T) <= sizeof(std::uint64_t));

 public:
  using value_type = T;
  static constexpr bool is_always_lock_free = true;

  constexpr atomic() noexcept : atomic(T()) {}
  constexpr atomic(T value) noexcept : value_(value) {
    if (std::is_constant_evaluated()) return;
    if (machine* const m = machine::active) m->construct(handle_, to_bits(value));
  }
  ~atomic() {
    if (machine* const m = machine::active) m->destroy(handle_);
  }
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  bool is_lock_free() const noexcept { return true; }

  T load(std::memory_order order) const noexcept {
    if (machine* const m = machine::active) return from_bits<T>(m->load(handle_, to_bits(value_), order));
    return value_;
  }

  void store(T value, std::memory_order order) noexcept {
    if (machine* const m = machine::active) m->store(handle_, to_bits(value_), to_bits(value), order);
    value_ = value;
  }

  T exchange(T value, std::memory_order order) noexcept {
    return modify([value](T) { return value; }, order);
  }

  bool compare_exchange_strong(T& expected, T desired, std::memory_order success, std::memory_order failure) noexcept {
    return compare_exchange(expected, desired, false, success, failure);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order order) noexcept {
    return compare_exchange(expected, desired, false, order, failure_order(order));
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success, std::memory_order failure) noexcept {
    return compare_exchange(expected, desired, true, success, failure);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order order) noexcept {
    return compare_exchange(expected, desired, true, order, failure_order(order));
  }

  T fetch_add(T by, std::memory_order order) noexcept
    requires std::integral<T>
  {
    return modify([by](T old) { return static_cast<T>(old + by); }, order);
  }
  T fetch_sub(T by, std::memory_order order) noexcept
    requires std::integral<T>
  {
    return modify([by](T old) { return static_cast<T>(old - by); }, order);
  }
  T fetch_or(T by, std::memory_order order) noexcept
    requires std::integral<T>
  {
    return modify([by](T old) { return static_cast<T>(old | by); }, order);
  }
  T fetch_and(T by, std::memory_order order) noexcept
    requires std::integral<T>
  {
    return modify([by](T old) { return static_cast<T>(old & by); }, order);
  }
  T fetch_xor(T by, std::memory_order order) noexcept
    requires std::integral<T>
  {
    return modify([by](T old) { return static_cast<T>(old ^ by); }, order);
  }

  // For traces.
  void set_name(const char* name) {
    if (machine* const m = machine::active) m->set_name(handle_, to_bits(value_), name);
  }

 private:
  static constexpr std::memory_order failure_order(std::memory_order order) noexcept {
    if (order == std::memory_order_acq_rel) return std::memory_order_acquire;
    if (order == std::memory_order_release) return std::memory_order_relaxed;
    return order;
  }

  template <class Change>
  T modify(Change change, std::memory_order order) noexcept {
    T old = value_;
    if (machine* const m = machine::active) {
      old = from_bits<T>(m->modify(
          handle_, to_bits(value_), [&](std::uint64_t bits) { return to_bits(change(from_bits<T>(bits))); }, order));
    }
    value_ = change(old);
    return old;
  }

  bool compare_exchange(T& expected, T desired, bool weak, std::memory_order success,
                        std::memory_order failure) noexcept {
    std::uint64_t seen = to_bits(expected);
    bool done = seen == to_bits(value_);
    if (machine* const m = machine::active) {
      done = m->compare_exchange(handle_, to_bits(value_), seen, to_bits(desired), weak, success, failure);
    } else {
      seen = to_bits(value_);
    }
    if (done) {
      value_ = desired;
    } else {
      expected = from_bits<T>(seen);
    }
    return done;
  }

  T value_;  // the newest
  mutable handle handle_;
};

// The policy.
struct atomics {
  template <class T>
  using atomic = model::atomic<T>;

  static void light_barrier() noexcept {
    if (machine* const m = machine::active) m->light_barrier();
  }
  static void heavy_barrier() noexcept {
    if (machine* const m = machine::active) m->heavy_barrier();
  }
  static bool heavy_barrier_available() noexcept {
    return machine::active == nullptr || machine::active->heavy_barrier_available();
  }

  static void pause() noexcept {
    if (machine* const m = machine::active) m->pause();
  }
  static void yield() noexcept { pause(); }
  static void sleep(std::chrono::nanoseconds) noexcept { pause(); }

  static std::chrono::nanoseconds coarse_time() noexcept { return {}; }

  static const void* this_thread() noexcept {
    static constexpr char marks[max_threads] = {};
    return marks + (machine::active == nullptr ? 0 : machine::active->current_thread());
  }
};

// A T that is shared but not atomic: accesses that are not ordered by happens-before are reported as a data race, in
// whatever order they execute. Being assigned, moved from and destroyed count as writes.
template <class T>
class plain {
 public:
  plain() : plain(T()) {}
  explicit plain(T value) : value_(std::move(value)) {
    if (machine* const m = machine::active) m->plain_construct(handle_, history_, to_bits(value_));
  }
  plain(const plain& other) : plain(other.read()) {}
  plain(plain&& other) : plain(other.give()) {}
  plain& operator=(const plain& other) {
    write(other.read());
    return *this;
  }
  plain& operator=(plain&& other) {
    write(other.give());
    return *this;
  }
  ~plain() {
    if (machine* const m = machine::active) m->plain_destroy(handle_, history_);
  }

  T read() const {
    if (machine* const m = machine::active) m->plain_access(handle_, history_, false, to_bits(value_));
    return value_;
  }
  void write(T value) {
    if (machine* const m = machine::active) m->plain_access(handle_, history_, true, to_bits(value));
    value_ = std::move(value);
  }

 private:
  T give() {
    if (machine* const m = machine::active) m->plain_access(handle_, history_, true, to_bits(value_));
    return std::move(value_);
  }

  T value_;
  mutable handle handle_;
  mutable access_history history_;
};

}  // namespace tandem::model

#endif
