// Allocators for tests: they count the bytes and blocks in flight, and can fail at the n-th allocation (faults.hpp).
//
//   budget_allocator<T>           stateless; one process-wide account
//   account_allocator<T, Moves>   stateful; draws on the `memory_account` it is given; equal if the account is the
//                                 same. Moves: whether it propagates on copy assignment, move assignment and swap
//
// A block that goes back to the wrong account, or with the wrong size, leaves an account that is not balanced.
#ifndef TANDEM_TESTS_SUPPORT_BUDGET_ALLOCATOR_HPP
#define TANDEM_TESTS_SUPPORT_BUDGET_ALLOCATOR_HPP

#include "support/faults.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace tandem::test {

struct memory_account {
  std::atomic<std::int64_t> bytes{0};        // in flight
  std::atomic<std::int64_t> blocks{0};       // in flight
  std::atomic<std::int64_t> allocations{0};  // ever

  bool balanced() const noexcept {
    return bytes.load(std::memory_order_relaxed) == 0 && blocks.load(std::memory_order_relaxed) == 0;
  }
};

namespace budget {

template <class T>
T* allocate(memory_account& account, std::size_t n) {
  faults::reach(fault_allocate);
  T* p = std::allocator<T>{}.allocate(n);
  account.bytes.fetch_add(static_cast<std::int64_t>(n * sizeof(T)), std::memory_order_relaxed);
  account.blocks.fetch_add(1, std::memory_order_relaxed);
  account.allocations.fetch_add(1, std::memory_order_relaxed);
  return p;
}

template <class T>
void deallocate(memory_account& account, T* p, std::size_t n) noexcept {
  account.bytes.fetch_sub(static_cast<std::int64_t>(n * sizeof(T)), std::memory_order_relaxed);
  account.blocks.fetch_sub(1, std::memory_order_relaxed);
  std::allocator<T>{}.deallocate(p, n);
}

inline memory_account process_account;

}  // namespace budget

template <class T>
class budget_allocator {
 public:
  using value_type = T;

  budget_allocator() = default;
  template <class U>
  budget_allocator(const budget_allocator<U>&) noexcept {}

  T* allocate(std::size_t n) { return budget::allocate<T>(account(), n); }
  void deallocate(T* p, std::size_t n) noexcept { budget::deallocate(account(), p, n); }

  static memory_account& account() noexcept { return budget::process_account; }

  friend bool operator==(const budget_allocator&, const budget_allocator&) noexcept { return true; }
};

template <class T, bool Moves = false>
class account_allocator {
 public:
  using value_type = T;
  using propagate_on_container_copy_assignment = std::bool_constant<Moves>;
  using propagate_on_container_move_assignment = std::bool_constant<Moves>;
  using propagate_on_container_swap = std::bool_constant<Moves>;
  using is_always_equal = std::false_type;
  template <class U>
  struct rebind {
    using other = account_allocator<U, Moves>;
  };

  explicit account_allocator(memory_account& account) noexcept : account_(&account) {}
  template <class U>
  account_allocator(const account_allocator<U, Moves>& other) noexcept : account_(&other.account()) {}

  T* allocate(std::size_t n) { return budget::allocate<T>(*account_, n); }
  void deallocate(T* p, std::size_t n) noexcept { budget::deallocate(*account_, p, n); }

  memory_account& account() const noexcept { return *account_; }

  friend bool operator==(const account_allocator& a, const account_allocator& b) noexcept {
    return a.account_ == b.account_;
  }

 private:
  memory_account* account_;
};

}  // namespace tandem::test

#endif
