// Store buffering on the two pairs of fences that publications rest on, on real threads.
//
//     one thread           the other
//       x := 1               y := 1
//       fence                fence
//       a := y               b := x          a == 0 && b == 0 must not happen
//
// Tests of whole algorithms do not find a missing heavy barrier: the window is too small. This one does, and shows that
// it can: without the heavy barrier, the forbidden outcome is found.
#include "support/catch.hpp"
#include "support/thread_runner.hpp"

#include <tandem/sync/atomic.hpp>
#include <tandem/sync/cache_line.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace {

using namespace std::chrono_literals;

// How many processors this process may run on at once.
unsigned processors() {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return static_cast<unsigned>(CPU_COUNT(&allowed));
#endif
  return std::thread::hardware_concurrency();
}

struct alignas(tandem::no_sharing) word {
  std::atomic<int> value{0};
};

struct outcome {
  std::uint64_t rounds = 0;
  std::uint64_t bad = 0;    // both read the old value
  std::uint64_t close = 0;  // both read the new value: they did run at the same time
};

constexpr std::uint64_t fewest_rounds = 1'000;
constexpr std::chrono::seconds usual_time = 2s;  // for what must not be found
constexpr std::chrono::seconds patience = 40s;   // for what must be found, on a machine that has other things to do

// Two threads in lock-step: each round begins when both have arrived at it.
class lock_step {
 public:
  // False once the other has given up.
  bool arrive() {
    // order[arrive]: acq_rel RMW; pairs with [begin]: what a thread did before it arrived happens before the next
    // round.
    std::uint64_t const both = (arrived_.fetch_add(1, std::memory_order_acq_rel) | 1) + 1;
    int spins = 0;
    // order[begin]: acquire load; pairs with [arrive]: see there.
    while (arrived_.load(std::memory_order_acquire) < both) {
      if (stopped_.load(std::memory_order_relaxed)) return false;
      // The other one may need this processor. But who yields soon on a busy machine hardly ever runs beside the other.
      if (++spins > patient_spins_) std::this_thread::yield();
    }
    return true;
  }
  void stop() { stopped_.store(true, std::memory_order_relaxed); }

 private:
  int const patient_spins_ = processors() > 1 ? 300'000 : 0;
  alignas(tandem::no_sharing) std::atomic<std::uint64_t> arrived_{0};
  alignas(tandem::no_sharing) std::atomic<bool> stopped_{false};
};

// Stores to memory that no cache holds. A processor that lets stores take effect in order keeps those that follow
// waiting.
class cold_stores {
 public:
  void operator()(std::minstd_rand& random) {
    for (int i = 0; i != 4; ++i) {
      auto const where = (static_cast<std::size_t>(random()) * 64) % memory_.size();
      *static_cast<volatile unsigned char*>(&memory_[where]) = 1;
    }
  }

 private:
  std::vector<unsigned char> memory_ = std::vector<unsigned char>(std::size_t{32} << 20);
};

// Runs rounds until `enough` says so or the patience is over. `left` and `right` are called as f(mine, other, value):
// they write the value to theirs and return what they read of the other's.
//
// The values count the rounds, so that nothing has to be reset; and each thread reads both words between two rounds, so
// that both processors have them in their caches. Then a load need not wait, but a store has to, for the other cache
// and behind the cold stores: this is what lets a load overtake it. Each thread waits for some cycles first, different
// ones each time.
template <class Left, class Right, class Enough>
outcome run_litmus(Left left, Right right, Enough enough) {
  word x;
  word y;
  word seen_by_left;
  word seen_by_right;
  lock_step step;
  outcome result;
  auto const start = std::chrono::steady_clock::now();
  auto const delay = [](std::minstd_rand& random) {
    for (auto n = random() % 128; n != 0; --n) tandem::light_barrier();
  };
  tandem::test::run_together(
      [&] {
        std::minstd_rand random(1);
        cold_stores chill;
        for (int round = 1; step.arrive(); ++round) {
          delay(random);
          chill(random);
          seen_by_left.value.store(left(x.value, y.value, round), std::memory_order_relaxed);
          if (!step.arrive()) return;
          bool const ready =
              y.value.load(std::memory_order_relaxed) + x.value.load(std::memory_order_relaxed) == 2 * round;
          bool const a_old = seen_by_left.value.load(std::memory_order_relaxed) != round;
          bool const b_old = seen_by_right.value.load(std::memory_order_relaxed) != round;
          if (!ready) tandem::test::fail("the threads are not in step");
          ++result.rounds;
          if (a_old && b_old) ++result.bad;
          if (!a_old && !b_old) ++result.close;
          bool const look = result.rounds % 256 == 0;
          auto const elapsed =
              look ? std::chrono::steady_clock::now() - start : std::chrono::steady_clock::duration::zero();
          if (enough(result, elapsed) || elapsed > patience || round == 1'000'000'000) return step.stop();
        }
      },
      [&] {
        std::minstd_rand random(2);
        cold_stores chill;
        int sum = 0;
        for (int round = 1; step.arrive(); ++round) {
          delay(random);
          chill(random);
          seen_by_right.value.store(right(y.value, x.value, round), std::memory_order_relaxed);
          if (!step.arrive()) return;
          sum = x.value.load(std::memory_order_relaxed) + y.value.load(std::memory_order_relaxed);
          if (sum != 2 * round) {
            step.stop();
            tandem::test::fail("the threads are not in step");
          }
        }
      });
  return result;
}

// A relaxed store. GCC without optimisation makes every std::atomic operation sequentially consistent, whatever order
// it is given, and there would be nothing to find; the builtin keeps to its order.
void store_relaxed(std::atomic<int>& word, int value) {
#if defined(__GNUC__)
  static_assert(sizeof word == sizeof(int));
  __atomic_store_n(reinterpret_cast<int*>(&word), value, __ATOMIC_RELAXED);
#else
  word.store(value, std::memory_order_relaxed);
#endif
}

// The reader's half of the light form, and with a heavy barrier the writer's.
int light_side(std::atomic<int>& mine, const std::atomic<int>& other, int value) {
  store_relaxed(mine, value);
  tandem::light_barrier();
  return other.load(std::memory_order_relaxed);
}
int heavy_side(std::atomic<int>& mine, const std::atomic<int>& other, int value) {
  store_relaxed(mine, value);
  tandem::heavy_barrier();
  return other.load(std::memory_order_relaxed);
}
// Both halves of the symmetric form.
int symmetric_side(std::atomic<int>& mine, const std::atomic<int>& other, int value) {
  // order[announce]: seq_cst exchange; pairs with [look]: of two threads, one looks after the other has announced
  // itself.
  mine.exchange(value, std::memory_order_seq_cst);
  // order[look]: seq_cst load; pairs with [announce]: see there.
  return other.load(std::memory_order_seq_cst);
}

// For an outcome that must not be found: many rounds, at least some of which ran at the same time.
bool looked_long(const outcome& o, std::chrono::steady_clock::duration elapsed) {
  return (elapsed > usual_time && o.rounds >= fewest_rounds && (o.close > 0 || processors() == 1)) || o.bad != 0;
}

bool alone() {
  if (processors() > 1) return false;
  WARN("NOT CHECKED: there is one processor only, on which nothing overlaps");
  SUCCEED("nothing to check");
  return true;
}

}  // namespace

TEST_CASE("without the heavy barrier two threads both read old values", "[fences][litmus]") {
  if (alone()) return;
  if (tandem::detail::thread_sanitizer) {
    WARN("NOT CHECKED: the sanitizer's own work between the instructions hides the effect");
    SUCCEED("nothing to check");
    return;
  }
  outcome const seen = run_litmus(light_side, light_side, [](const outcome& o, auto) { return o.bad != 0; });
  INFO(seen.rounds << " rounds, " << seen.close << " close");
  CHECK(seen.bad > 0);
}

TEST_CASE("a light and a heavy barrier keep two threads from both reading old values", "[fences][litmus]") {
  if (!tandem::heavy_barrier_available()) {
    WARN("NOT CHECKED: there is no heavy barrier here");
    SUCCEED("nothing to check");
    return;
  }
  outcome const seen = run_litmus(light_side, heavy_side, looked_long);
  INFO(seen.rounds << " rounds, " << seen.close << " close");
  CHECK(seen.bad == 0);
  CHECK(seen.rounds >= fewest_rounds);
  if (!alone()) CHECK(seen.close > 0);
}

TEST_CASE("sequentially consistent exchanges keep two threads from both reading old values", "[fences][litmus]") {
  outcome const seen = run_litmus(symmetric_side, symmetric_side, looked_long);
  INFO(seen.rounds << " rounds, " << seen.close << " close");
  CHECK(seen.bad == 0);
  CHECK(seen.rounds >= fewest_rounds);
  if (!alone()) CHECK(seen.close > 0);
}
