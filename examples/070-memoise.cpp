// prints: 8 threads asked 1600 times for 16 answers.*the slow function ran 16 times.*primes below 160000: 14683
//
// A memoised function: slow to compute, fast to ask again, and never computed twice, not even when many threads ask for the
// same thing at the same moment.
//
// "Look; if it is not there, compute and insert" is not enough. Between the look and the insert all the others look, too, and
// all of them start to compute. entry() closes that gap: it looks, and keeps the place, whether something is there or not. Who
// asks for the same key then waits until the first one is done, and finds the answer.
#include <tandem/cell_map.hpp>

#include <atomic>
#include <iostream>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

namespace {

template <class Key, class T, class Function>
class memoised {
 public:
  explicit memoised(Function function) : function_(std::move(function)) {}

  T operator()(const Key& key) {
    // Most of the time it is there. This way is shorter, and threads that only read do not hinder each other.
    if (auto const known = answers_.get(key)) return *known;

    // Ours alone until `slot` goes out of scope. Two things to remember: while you hold it, keep your hands off the same map
    // (so a function that recurses through its own memo must not be used here); and a few other keys share the lock, so a
    // computation of minutes is better done elsewhere, with the result put here.
    auto slot = answers_.entry(key);
    if (!slot.occupied())
      slot.emplace(function_(key));  // if the function throws, the place stays empty for the next one
    return slot.value();
  }

 private:
  tandem::cell_map<Key, T> answers_;
  Function function_;
};

constexpr int thread_count = 8;
constexpr int questions_each = 200;
constexpr int different = 16;

std::atomic<int> times_run{0};

// Slow on purpose: tries all divisors.
int primes_below(int n) {
  times_run.fetch_add(1, std::memory_order_relaxed);
  int count = 0;
  for (int candidate = 2; candidate < n; ++candidate) {
    bool prime = true;
    for (int d = 2; prime && d * d <= candidate; ++d) prime = candidate % d != 0;
    count += prime;
  }
  return count;
}

}  // namespace

int main() {
  memoised<int, int, int (*)(int)> count_primes(primes_below);

  // All start at once, and all want the same answers in the same order: the worst case.
  std::latch start(thread_count);
  std::vector<std::thread> threads;
  std::atomic<int> asked{0};
  for (int t = 0; t != thread_count; ++t) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (int q = 0; q != questions_each; ++q) {
        count_primes((1 + q % different) * 10'000);
        asked.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& t : threads) t.join();

  std::cout << thread_count << " threads asked " << asked << " times for " << different << " answers\n"
            << "the slow function ran " << times_run << " times\n";
  for (int n : {10'000, 80'000, 160'000}) std::cout << "primes below " << n << ": " << count_primes(n) << '\n';
}
