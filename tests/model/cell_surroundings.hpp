// What model programs of cell tables use: memory that is watched, an epoch, keys that choose their cells.
//
// Memory is never used twice in an execution and is filled with rubbish when it is allocated and when it is freed: atomics
// there are recognised as not alive, so an array or a node that is freed too early, used before it is made, or lost, fails the
// execution. Values that are not copied are plain data, for which an unordered access is a race.
#ifndef TANDEM_TESTS_MODEL_CELL_SURROUNDINGS_HPP
#define TANDEM_TESTS_MODEL_CELL_SURROUNDINGS_HPP

#include "model/surroundings.hpp"
#include "support/catch.hpp"

#include <tandem/sync/epoch.hpp>

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
class memory {
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
    return static_cast<T*>(memory::allocate(n * sizeof(T), std::max(alignof(T), alignof(std::max_align_t))));
  }
  void deallocate(T* at, std::size_t n) noexcept { memory::free(at, n * sizeof(T)); }
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
    memory::begin();
    execution_epoch::now = &epoch_;
    // Not the first epoch: numbers of epochs that have passed are tickets that have expired.
    epoch_.domain().try_advance();
  }
  surroundings(const surroundings&) = delete;
  surroundings& operator=(const surroundings&) = delete;
  ~surroundings() { memory::check_all_freed(); }

 private:
  epoch_of_execution epoch_;
};

struct same_hash {
  using is_avalanching = void;
  std::size_t operator()(std::uint64_t key) const noexcept { return static_cast<std::size_t>(key); }
};

// The key with this tag in this eighth of the hashes. With two cells, 0 to 3 are in the first.
constexpr std::uint64_t key(unsigned eighth, unsigned tag) { return std::uint64_t{eighth} << 61 | tag; }

template <std::size_t Slots, std::size_t Moves>
struct table_options {
  using atomics = model::atomics;
  using epoch = execution_epoch;
  static constexpr std::size_t slots = Slots;
  static constexpr std::size_t moves_per_write = Moves;
};

// The numbers that go with a key: 100 times its tag, and up.
constexpr std::uint64_t number_of(std::uint64_t k, std::uint64_t more = 0) { return (k & 0xff) * 100 + more; }

inline constexpr std::uint64_t low = key(0, 1);
inline constexpr std::uint64_t high = key(4, 2);

// For programs that are too large to be searched as a whole: all executions with at most so many preemptions, and then
// some at random, which interrupt their threads more often.
template <class Body>
void search_partly(const char* name, int preemptions, Body body, std::initializer_list<const char*> must,
                   options o = {}) {
  o.preemptions = preemptions;
  require_searched(name, explore(o, body), must);
  o.preemptions = -1;
  o.random_executions = 10'000;
  const result r = explore(o, body);
  INFO(name << ", at random: " << r);
  REQUIRE_FALSE(r.failed);
}

}  // namespace tandem::model

#endif
