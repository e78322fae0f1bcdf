// What the benchmarks do, as data: keys and values, streams of keys, and the mixes that are measured.
//
// Keys are distinct 64-bit numbers without any order. The lower half of a value is a function of its key; the upper
// half counts how often the entry has been written. So the sum of the lower halves of all values that a chunk of
// lookups finds is known in advance, whatever a writer does meanwhile: every chunk is checked against it, and a
// lookup that misses, or finds the value of another key, ends the program.
#ifndef TANDEM_BENCH_WORKLOADS_HPP
#define TANDEM_BENCH_WORKLOADS_HPP

#include <tandem/hash.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/resource.h>
#include <time.h>
#endif

namespace bench {

using number = std::uint64_t;

inline constexpr number seed = 20'240'607;

// The hash of all maps here, the competitors' included.
struct good_hash {
  using is_avalanching = void;
  std::size_t operator()(number key) const noexcept { return tandem::mix(key); }
};

// Ends the program if the answer is wrong: a wrong answer has no speed.
inline void check(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(EXIT_FAILURE);
}

// A permutation of the 64-bit numbers: splitmix64's output function.
constexpr number scatter(number n) noexcept {
  n = (n + seed) * 0x9e37'79b9'7f4a'7c15U;
  n = (n ^ (n >> 30)) * 0xbf58'476d'1ce4'e5b9U;
  n = (n ^ (n >> 27)) * 0x94d0'49bb'1331'11ebU;
  return n ^ (n >> 31);
}

inline std::vector<number> make_keys(std::size_t n) {
  std::vector<number> keys;
  keys.reserve(n);
  for (std::size_t i = 0; i != n; ++i) keys.push_back(scatter(i));
  return keys;
}

constexpr number low_half = 0xffff'ffffU;
constexpr number value_of(number key, number written = 0) noexcept {
  return written << 32 | ((key * 0xd6e8'feb8'6659'fd93U) >> 32);
}
// What a lookup adds to its chunk's sum.
constexpr number part_of_sum(number value) noexcept { return value & low_half; }

inline constexpr std::size_t chunk_size = 1024;

// Keys to look up, drawn uniformly beforehand and cut into chunks, with the sum that each chunk must give. Belongs to
// one thread; streams with the same keys and number share what was drawn.
class key_stream {
 public:
  // Long enough that neither caches nor branch predictors can learn it, short beside the map.
  static constexpr std::size_t length(std::size_t keys) noexcept { return keys <= 100'000 ? 1U << 15 : 1U << 20; }

  key_stream(std::span<const number> keys, number which) : drawn_(draw(keys, which)) {}

  // Goes round for ever.
  std::span<const number> next() noexcept {
    current_ = current_ + 1 == drawn_->sums.size() ? 0 : current_ + 1;
    return {drawn_->keys.data() + current_ * chunk_size, chunk_size};
  }
  // Of the chunk that next() gave last.
  number expected_sum() const noexcept { return drawn_->sums[current_]; }

 private:
  struct drawing {
    std::vector<number> keys;
    std::vector<number> sums;
  };

  static std::shared_ptr<const drawing> draw(std::span<const number> keys, number which) {
    static std::map<std::pair<std::size_t, number>, std::shared_ptr<const drawing>> known;
    auto& place = known[{keys.size(), which}];
    if (place != nullptr) return place;
    auto made = std::make_shared<drawing>();
    std::mt19937_64 random(seed + which);
    std::uniform_int_distribution<std::size_t> any(0, keys.size() - 1);
    made->keys.reserve(length(keys.size()));
    made->sums.resize(length(keys.size()) / chunk_size);
    for (number& sum : made->sums) {
      for (std::size_t i = 0; i != chunk_size; ++i) {
        made->keys.push_back(keys[any(random)]);
        sum += part_of_sum(value_of(made->keys.back()));
      }
    }
    return place = std::move(made);
  }

  std::shared_ptr<const drawing> drawn_;
  std::size_t current_ = 0;
};

using seconds = std::chrono::duration<double>;
using bench_clock = std::chrono::steady_clock;

// Time that passes for one thread: while it is interrupted, and has not gone to sleep itself, its clock stands still.
// Where the system does not tell, this is the time on the wall.
class thread_stopwatch {
 public:
  thread_stopwatch() : wall_(bench_clock::now()), processor_(used_processor()), sleeps_(sleeps()) {}

  seconds elapsed() const {
    if (sleeps() == sleeps_ && processor_.count() != 0) return used_processor() - processor_;
    return bench_clock::now() - wall_;
  }

 private:
#if defined(__linux__)
  static seconds used_processor() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return seconds(static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec));
  }
  static long sleeps() {
    rusage use{};
    getrusage(RUSAGE_THREAD, &use);
    return use.ru_nvcsw;
  }
#else
  static seconds used_processor() { return seconds(0); }
  static long sleeps() { return 0; }
#endif

  bench_clock::time_point wall_;
  seconds processor_;
  long sleeps_;
};

// Calls `step`, which returns how much it did, for about `length`, and returns how much it did per second. Reads the
// clock once per step.
template <class Step>
double rate_of(bench_clock::duration length, Step&& step) {
  auto const end = bench_clock::now() + length;
  thread_stopwatch const watch;
  std::size_t done = 0;
  do {
    done += step();
  } while (bench_clock::now() < end);
  return static_cast<double>(done) / watch.elapsed().count();
}

// Looks up one chunk by `sum_of(chunk)`, and checks it. Returns how many lookups that were.
template <class SumOf>
std::size_t look_up_chunk(key_stream& stream, SumOf&& sum_of) {
  std::span<const number> const chunk = stream.next();
  number const sum = sum_of(chunk);
  check(sum == stream.expected_sum(), "the sum of the values found");
  return chunk.size();
}

// Not known to the compiler.
inline volatile number zero_at_run_time = 0;

// The ways to look up a chunk. A reader has get(key), which gives 0 for an absent key, and, if it can keep what it
// reads from, hold(), which returns something that has get(key) too.
template <class Reader>
number sum_one_by_one(Reader& reader, std::span<const number> chunk) {
  number sum = 0;
  for (number const key : chunk) sum += part_of_sum(reader.get(key));
  return sum;
}
// The same, but which key is looked up depends on the value found before, as far as the processor knows.
template <class Reader>
number sum_chained(Reader& reader, std::span<const number> chunk) {
  number const nothing = zero_at_run_time;
  number value = 0;
  number sum = 0;
  for (number const key : chunk) {
    value = reader.get(key ^ (value & nothing));
    sum += part_of_sum(value);
  }
  return sum;
}
template <class Reader>
number sum_under_one_guard(Reader& reader, std::span<const number> chunk) {
  auto held = reader.hold();
  return sum_one_by_one(held, chunk);
}

// ---- Mixes

struct size_mix {
  const char* name;
  std::size_t entries;
};
// In the caches of one core; in memory.
inline constexpr size_mix sizes[] = {{"10k", 10'000}, {"1M", 1'000'000}};

// How many writes the writer makes visible at once.
struct cadence_mix {
  const char* name;
  std::size_t writes_per_publish;
};
inline constexpr cadence_mix cadences[] = {{"each_write", 1}, {"100_writes", 100}, {"10000_writes", 10'000}};

// For how long readers hold a guard; zero: for one lookup.
struct hold_mix {
  const char* name;
  std::chrono::microseconds hold;
};
inline constexpr hold_mix holds[] = {{"one_lookup", std::chrono::microseconds(0)},
                                     {"10us", std::chrono::microseconds(10)},
                                     {"1ms", std::chrono::microseconds(1000)}};

}  // namespace bench

#endif
