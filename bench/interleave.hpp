// Comparing by taking turns.
//
// Absolute figures of two runs cannot be compared on a machine whose clock, neighbours and memory layout change. So
// the candidates of a comparison run in one process, in turns of some milliseconds, A B C, B C A, C A B, ...; each
// round gives one ratio, and what counts is the median of the ratios. Where the smallest and the largest are far
// apart, the machine was busy.
//
// Every slice begins with a part that is not measured, so that the candidates do not measure each other's traces in
// the caches. A round in which the system took a processor away from a measuring thread is not counted, as long as
// there are others; the counter `quiet` is the share of rounds in which it did not.
//
// Google Benchmark is the shell around it: one benchmark is one comparison, one iteration is one round, and the
// results are counters. So --benchmark_filter selects comparisons, --benchmark_min_time makes them longer, and
// --benchmark_repetitions repeats them.
#ifndef TANDEM_BENCH_INTERLEAVE_HPP
#define TANDEM_BENCH_INTERLEAVE_HPP

#include "workloads.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <typeindex>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#endif

namespace bench {

// How long a candidate runs at a time; half as long again before, unmeasured. Set by run_registered().
inline bench_clock::duration slice = std::chrono::milliseconds(20);

// What a slice found: events per second, and whether the system left the threads alone.
struct rates {
  double reads = 0;
  double writes = 0;
  bool quiet = true;
};

struct candidate {
  std::string name;
  std::function<rates()> run;
};

struct spread {
  double least = 0;
  double median = 0;
  double most = 0;
};

inline spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  std::size_t const middle = values.size() / 2;
  double const median = values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {values.front(), median, values.back()};
}

class interleave {
 public:
  using metric = double rates::*;

  explicit interleave(std::vector<candidate> candidates) : candidates_(std::move(candidates)) {}

  // One slice of each candidate. Returns how long it took.
  seconds round() {
    auto const start = bench_clock::now();
    std::vector<rates> results(candidates_.size());
    for (std::size_t i = 0; i != candidates_.size(); ++i) {
      std::size_t const turn = (rounds_.size() + i) % candidates_.size();
      results[turn] = candidates_[turn].run();
    }
    rounds_.push_back(std::move(results));
    return bench_clock::now() - start;
  }

  spread rate(std::size_t of, metric what) const {
    return over_rounds([=](const std::vector<rates>& round) { return round[of].*what; });
  }

  // Round by round.
  spread ratio(std::size_t of, std::size_t to, metric what) const {
    return over_rounds([=](const std::vector<rates>& round) { return round[of].*what / (round[to].*what); });
  }

  // Any other function of a round's results.
  template <class F>
  spread over_rounds(F&& f) const {
    bool const enough = quiet() >= 0.2;
    std::vector<double> values;
    for (const auto& round : rounds_) {
      if (!enough || is_quiet(round)) values.push_back(f(round));
    }
    return spread_of(std::move(values));
  }

  // The share of rounds in which no thread was interrupted.
  double quiet() const {
    return static_cast<double>(std::count_if(rounds_.begin(), rounds_.end(), is_quiet)) /
           static_cast<double>(rounds_.size());
  }

 private:
  static bool is_quiet(const std::vector<rates>& round) {
    return std::all_of(round.begin(), round.end(), [](const rates& r) { return r.quiet; });
  }

  std::vector<candidate> candidates_;
  std::vector<std::vector<rates>> rounds_;
};

inline void set_counter(benchmark::State& state, const std::string& name, double value) {
  state.counters[name] = benchmark::Counter(value);
}

// Runs a comparison of `measured` with `reference` as one benchmark. `what` is what rates::reads counts.
inline void compare(benchmark::State& state, candidate measured, candidate reference,
                    const std::string& what = "reads") {
  interleave turns({std::move(measured), std::move(reference)});
  for (auto _ : state) state.SetIterationTime(turns.round().count());
  spread const ratio = turns.ratio(0, 1, &rates::reads);
  set_counter(state, "ratio", ratio.median);
  set_counter(state, "ratio_min", ratio.least);
  set_counter(state, "ratio_max", ratio.most);
  set_counter(state, "M" + what + "/s", turns.rate(0, &rates::reads).median / 1e6);
  set_counter(state, "ref_M" + what + "/s", turns.rate(1, &rates::reads).median / 1e6);
  set_counter(state, "quiet", turns.quiet());
}

// Threads that wait for work, thread i on processor i where the system lets one choose.
class crew {
 public:
  using job = std::function<void()>;

  explicit crew(std::size_t n)
      : jobs_(n), start_(static_cast<std::ptrdiff_t>(n) + 1), done_(static_cast<std::ptrdiff_t>(n) + 1) {
    for (std::size_t i = 0; i != n; ++i) {
      threads_.emplace_back([this, i] { work(i); });
    }
  }
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;
  ~crew() {
    stop_ = true;
    start_.arrive_and_wait();
    for (std::thread& t : threads_) t.join();
  }

  // Runs job i on thread i, all at once, and waits for them. The jobs must not throw. Returns whether the system let
  // them run without an interruption.
  bool run(std::vector<job> jobs) {
    jobs.resize(jobs_.size());
    jobs_ = std::move(jobs);
    interruptions_.store(0, std::memory_order_relaxed);
    start_.arrive_and_wait();
    done_.arrive_and_wait();
    return interruptions_.load(std::memory_order_relaxed) == 0;
  }

 private:
  void work(std::size_t i) {
    pin_to(i);
    for (;;) {
      start_.arrive_and_wait();
      if (stop_) return;
      long const before = interruptions_of_this_thread();
      if (jobs_[i]) jobs_[i]();
      interruptions_.fetch_add(interruptions_of_this_thread() - before, std::memory_order_relaxed);
      done_.arrive_and_wait();
    }
  }

  static void pin_to([[maybe_unused]] std::size_t i) {
#if defined(__linux__)
    unsigned const processors = std::max(1U, std::thread::hardware_concurrency());
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(i % processors, &one);
    pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
#endif
  }

  // How often the processor was given to somebody else although the thread did not wait for anything.
  static long interruptions_of_this_thread() {
#if defined(__linux__)
    rusage use{};
    getrusage(RUSAGE_THREAD, &use);
    return use.ru_nivcsw;
#else
    return 0;
#endif
  }

  std::vector<job> jobs_;
  bool stop_ = false;
  std::atomic<long> interruptions_{0};
  std::barrier<> start_;
  std::barrier<> done_;
  std::vector<std::thread> threads_;
};

// The crew of this process: two threads, which is what the ratios are about.
inline crew& two_threads() {
  static crew them(2);
  return them;
}

// A crew that is large enough.
inline crew& at_least(std::size_t threads) {
  if (threads <= 2) return two_threads();
  static std::unique_ptr<crew> them;
  static std::size_t how_many = 0;
  if (how_many < threads) {
    them = std::make_unique<crew>(threads);
    how_many = threads;
  }
  return *them;
}

// Whether so many threads have to take turns on the processors. Then being interrupted is a part of the matter, and
// only the clock on the wall tells how much they did together.
inline bool take_turns(std::size_t threads) { return threads > std::max(1U, std::thread::hardware_concurrency()); }

// A candidate that looks up streams of keys on 1 or 2 threads; its rate is that of all of them together.
// `make_sum_of(i)` returns what thread i calls for each chunk.
template <class MakeSumOf>
candidate reading(std::string name, std::size_t threads, std::span<const number> keys, MakeSumOf&& make_sum_of) {
  using sum_of = decltype(make_sum_of(std::size_t{}));
  struct alignas(128) thread_state {
    key_stream stream;
    sum_of sum;
    double rate = 0;
  };
  auto state = std::make_shared<std::vector<std::unique_ptr<thread_state>>>();
  for (std::size_t i = 0; i != threads; ++i) {
    state->push_back(std::unique_ptr<thread_state>(new thread_state{key_stream(keys, i), make_sum_of(i)}));
  }
  return {std::move(name), [state] {
            std::vector<crew::job> jobs;
            for (auto& mine : *state) {
              jobs.push_back([&s = *mine] {
                auto const step = [&s] { return look_up_chunk(s.stream, s.sum); };
                static_cast<void>(rate_of(slice / 2, step));
                s.rate = rate_of(slice, step);
              });
            }
            rates total;
            total.quiet = two_threads().run(std::move(jobs));
            for (auto& mine : *state) total.reads += mine->rate;
            return total;
          }};
}

// A filled map, built when it is first asked for, and kept until another type or size is asked for in the same place.
class map_place {
 public:
  template <class Map>
  std::shared_ptr<Map> get(std::span<const number> keys) {
    if (held_ == nullptr || type_ != typeid(Map) || size_ != keys.size()) {
      held_.reset();
      held_ = std::make_shared<Map>(keys);
      type_ = typeid(Map);
      size_ = keys.size();
    }
    return std::static_pointer_cast<Map>(held_);
  }

 private:
  std::shared_ptr<void> held_;
  std::type_index type_ = typeid(void);
  std::size_t size_ = 0;
};

inline std::span<const number> keys_for(std::size_t entries) {
  static std::vector<number> keys;
  if (keys.size() != entries) keys = make_keys(entries);
  return keys;
}

// --benchmark_min_time, or what it is without one.
inline seconds wanted_time(int argc, char** argv) {
  constexpr std::string_view option = "--benchmark_min_time=";
  seconds wanted(0.5);
  for (std::string_view const argument : std::span<char*>(argv, static_cast<std::size_t>(argc))) {
    if (argument.starts_with(option)) wanted = seconds(std::strtod(argument.data() + option.size(), nullptr));
  }
  return wanted;
}

// Whether this run is only to show that the program works, so that whatever takes long to set up may be left out.
inline bool is_brief(int argc, char** argv) { return wanted_time(argc, argv) < seconds(0.05); }

// Says how it was built, and runs the benchmarks that were registered. A slice is a twentieth of
// --benchmark_min_time, but at least 2 ms and at most 20 ms, which is what it is by default.
inline int run_registered(int argc, char** argv) {
  slice =
      std::clamp<bench_clock::duration>(std::chrono::duration_cast<bench_clock::duration>(wanted_time(argc, argv) / 20),
                                        std::chrono::milliseconds(2), std::chrono::milliseconds(20));
  benchmark::AddCustomContext("compiler", __VERSION__);
#if defined(__OPTIMIZE__) && defined(NDEBUG)
  benchmark::AddCustomContext("build", "optimized, assertions off");
#else
  benchmark::AddCustomContext("build", "NOT OPTIMIZED OR WITH ASSERTIONS: the figures mean nothing");
#endif
  benchmark::AddCustomContext("hash", "tandem::mix for all maps, declared avalanching");
  benchmark::AddCustomContext("threads", "pinned, thread i to processor i");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return EXIT_FAILURE;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return EXIT_SUCCESS;
}

}  // namespace bench

#endif
