// What model programs of containers use: memory that tells who uses it too early or too late, or loses it, and an epoch for
// each execution.
#ifndef TANDEM_TESTS_MODEL_ALLOCATED_HPP
#define TANDEM_TESTS_MODEL_ALLOCATED_HPP

#include "model/surroundings.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <new>
#include <vector>

namespace tandem::model {

// Memory that is not used twice in an execution. What is left at its end is an array or a box that was lost.
class watched_memory {
 public:
  static void* allocate(std::size_t size, std::size_t alignment) {
    const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
    void* const at = std::aligned_alloc(alignment, rounded);
    if (at == nullptr) throw std::bad_alloc();
    std::memset(at, 0xcd, rounded);
    ++in_use_;
    return at;
  }
  static void free(void* at, std::size_t size) {
    std::memset(at, 0xdd, size);
    freed_.push_back(at);
    --in_use_;
  }
  // For main, when the table is gone.
  static void check_all_freed() { check(in_use_ == 0, "an array, a block or a box is lost"); }
  static void begin() {
    for (void* const at : freed_) std::free(at);
    freed_.clear();
    in_use_ = 0;
  }

 private:
  static inline std::vector<void*> freed_;
  static inline long in_use_ = 0;
};

template <class T>
struct allocator {
  using value_type = T;
  allocator() = default;
  template <class U>
  allocator(const allocator<U>&) noexcept {}
  T* allocate(std::size_t n) {
    return static_cast<T*>(watched_memory::allocate(n * sizeof(T), std::max(alignof(T), alignof(std::max_align_t))));
  }
  void deallocate(T* at, std::size_t n) noexcept { watched_memory::free(at, n * sizeof(T)); }
  template <class U>
  bool operator==(const allocator<U>&) const noexcept {
    return true;
  }
};

// The policy, as tandem::global_epoch.
struct execution_epoch {
  using domain_type = epoch_of_execution::domain_type;
  static inline epoch_of_execution* now = nullptr;
  static domain_type& domain() noexcept { return now->domain(); }
  static domain_type::record& here() { return now->here(); }
  static domain_type::record& here_if_any() noexcept { return now->here(); }
};

// What an execution needs before it makes a table: `surroundings here(threads)`. At its end everything must have been
// freed.
class surroundings {
 public:
  explicit surroundings(std::size_t threads) : epoch_(threads) {
    watched_memory::begin();
    execution_epoch::now = &epoch_;
    // Not the first epoch: numbers of epochs that have passed are tickets that have expired.
    epoch_.domain().try_advance();
  }
  surroundings(const surroundings&) = delete;
  surroundings& operator=(const surroundings&) = delete;
  ~surroundings() { watched_memory::check_all_freed(); }

 private:
  epoch_of_execution epoch_;
};

// For programs that are too large to be searched as a whole: all executions with at most so many preemptions, and then
// some at random, which interrupt their threads more often.
template <class Body>
void search_partly(const char* name, int preemptions, Body body, std::initializer_list<const char*> must,
                   options o = {}, std::uint64_t at_random = 10'000) {
  o.preemptions = preemptions;
  require_searched(name, explore(o, body), must);
  o.preemptions = -1;
  o.random_executions = at_random;
  const result r = explore(o, body);
  INFO(name << ", at random: " << r);
  REQUIRE_FALSE(r.failed);
}

}  // namespace tandem::model

#endif
