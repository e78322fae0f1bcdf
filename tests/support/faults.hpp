// Exceptions on schedule: the n-th place where user code or an allocator may throw, throws.
//
// `tracked` (tracked.hpp) and `budget_allocator` (budget_allocator.hpp) call `faults::reach` wherever the real thing
// could fail. `walk_faults` repeats an attempt with the 0th, 1st, 2nd ... such place failing, until the operation gets
// through:
//
//   int failures = walk_faults([&](auto inject) {
//     container c = ...;                                     // nothing fails here
//     const bool done = inject([&] { c.insert(...); });      // at most one place in here throws
//     CHECK(contents(c) == (done ? after : before));
//   });
//   CHECK(failures > 0);
//
// One plan for the whole process; arm it only while a single thread runs code that can reach a fault.
#ifndef TANDEM_TESTS_SUPPORT_FAULTS_HPP
#define TANDEM_TESTS_SUPPORT_FAULTS_HPP

#include <cstdint>
#include <exception>
#include <new>

namespace tandem::test {

// What tracked values throw. Allocators throw injected_bad_alloc.
struct injected_fault : std::exception {
  const char* what() const noexcept override { return "injected fault"; }
};

struct injected_bad_alloc : std::bad_alloc {
  const char* what() const noexcept override { return "injected allocation failure"; }
};

enum fault_kind : unsigned {
  fault_construct = 1,
  fault_copy = 2,
  fault_move = 4,
  fault_compare = 8,
  fault_hash = 16,
  fault_call = 32,  // predicates, visitors and other functions of the test itself
  fault_allocate = 64,
  fault_any = 127
};

class faults {
 public:
  // Places of these kinds count from now on; the one numbered `nth` (the first is 0) throws, the others do nothing.
  static void arm(std::int64_t nth, unsigned kinds = fault_any) noexcept {
    left_ = nth;
    kinds_ = kinds;
    fired_ = false;
  }
  static void disarm() noexcept { kinds_ = 0; }

  static bool fired() noexcept { return fired_; }

  static void reach(fault_kind kind) {
    if ((kinds_ & kind) == 0 || left_-- != 0) return;
    kinds_ = 0;
    fired_ = true;
    if (kind == fault_allocate) throw injected_bad_alloc{};
    throw injected_fault{};
  }

 private:
  static inline std::int64_t left_ = 0;
  static inline unsigned kinds_ = 0;  // 0: nothing is armed
  static inline bool fired_ = false;
};

// Calls attempt(inject) again and again, until no fault fired; returns how many attempts met one. inject(f) runs f()
// with the n-th place of these kinds failing, n counting the attempts from 0, and says whether f got through; call it
// once per attempt.
template <class Attempt>
int walk_faults(Attempt attempt, unsigned kinds = fault_any) {
  for (int n = 0;; ++n) {
    bool fired = false;
    attempt([&](auto&& f) {
      bool through = true;
      faults::arm(n, kinds);
      try {
        f();
      } catch (const injected_fault&) {
        through = false;
      } catch (const injected_bad_alloc&) {
        through = false;
      } catch (...) {
        faults::disarm();
        throw;
      }
      fired = faults::fired();
      faults::disarm();
      return through;
    });
    if (!fired) return n;
  }
}

}  // namespace tandem::test

#endif
