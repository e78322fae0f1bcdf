// A value type that watches its own life.
//
// It counts live objects, copies, moves, comparisons and hashes; it knows its own address, so that bytes moved around
// behind its back, a second destruction or a use after destruction are counted as `corrupt`; and it can throw at any
// construction, copy, move, comparison or hash (faults.hpp).
//
//   key  what == and the hash look at
//   id   tells equal objects apart
//
// The counters are atomic and may be read from any thread; faults must be armed by one thread only.
#ifndef TANDEM_TESTS_SUPPORT_TRACKED_HPP
#define TANDEM_TESTS_SUPPORT_TRACKED_HPP

#include "support/faults.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace tandem::test {

struct tracked_counts {
  std::atomic<std::int64_t> live{0};
  std::atomic<std::int64_t> corrupt{0};
  std::atomic<std::int64_t> constructions{0};
  std::atomic<std::int64_t> copies{0};
  std::atomic<std::int64_t> moves{0};
  std::atomic<std::int64_t> compares{0};
  std::atomic<std::int64_t> hashes{0};

  // All but `live`, which the objects themselves keep right.
  void reset() noexcept {
    for (auto* c : {&corrupt, &constructions, &copies, &moves, &compares, &hashes})
      c->store(0, std::memory_order_relaxed);
  }
};

inline tracked_counts tracked_totals;

// ThrowingMove: the move constructor may throw (and can be made to), as that of many older types.
template <bool ThrowingMove = false>
class basic_tracked {
 public:
  basic_tracked() : basic_tracked(0) {}

  basic_tracked(int key, int id = 0) : key_(key), id_(id) {  // NOLINT: implicit on purpose
    faults::reach(fault_construct);
    bump(totals().constructions);
    born();
  }

  basic_tracked(const basic_tracked& other) : key_(other.key_), id_(other.id_) {
    other.check();
    faults::reach(fault_copy);
    bump(totals().copies);
    born();
  }

  basic_tracked(basic_tracked&& other) noexcept(!ThrowingMove) : key_(other.key_), id_(other.id_) {
    other.check();
    if constexpr (ThrowingMove) faults::reach(fault_move);
    other.key_ = moved_from;
    bump(totals().moves);
    born();
  }

  basic_tracked& operator=(const basic_tracked& other) {
    check();
    other.check();
    faults::reach(fault_copy);
    key_ = other.key_;
    id_ = other.id_;
    bump(totals().copies);
    return *this;
  }

  basic_tracked& operator=(basic_tracked&& other) noexcept(!ThrowingMove) {
    check();
    other.check();
    if constexpr (ThrowingMove) faults::reach(fault_move);
    key_ = other.key_;
    id_ = other.id_;
    if (this != &other) other.key_ = moved_from;
    bump(totals().moves);
    return *this;
  }

  ~basic_tracked() {
    check();
    self_ = nullptr;
    totals().live.fetch_sub(1, std::memory_order_relaxed);
  }

  int key() const noexcept {
    check();
    return key_;
  }
  int id() const noexcept { return id_; }

  friend bool operator==(const basic_tracked& a, const basic_tracked& b) {
    a.check();
    b.check();
    faults::reach(fault_compare);
    bump(totals().compares);
    return a.key_ == b.key_;
  }

  std::size_t hash() const {
    check();
    faults::reach(fault_hash);
    bump(totals().hashes);
    return static_cast<std::size_t>(key_);
  }

  static tracked_counts& totals() noexcept { return tracked_totals; }
  static std::int64_t live() noexcept { return totals().live.load(std::memory_order_relaxed); }
  static std::int64_t corrupt() noexcept { return totals().corrupt.load(std::memory_order_relaxed); }

  static constexpr int moved_from = -1'000'000;

 private:
  static void bump(std::atomic<std::int64_t>& c) noexcept { c.fetch_add(1, std::memory_order_relaxed); }
  void born() noexcept { bump(totals().live); }
  void check() const noexcept {
    if (self_ != this) bump(totals().corrupt);
  }

  int key_;
  int id_;
  const basic_tracked* self_ = this;
};

using tracked = basic_tracked<false>;
using tracked_throwing_move = basic_tracked<true>;

}  // namespace tandem::test

template <bool ThrowingMove>
struct std::hash<tandem::test::basic_tracked<ThrowingMove>> {
  std::size_t operator()(const tandem::test::basic_tracked<ThrowingMove>& v) const { return v.hash(); }
};

#endif
