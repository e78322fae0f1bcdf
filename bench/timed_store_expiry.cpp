// When all entries of a timed_store expire at once, what does collecting them cost, and for how long does it hold up a reader or a writer?
//
//   expiry/<what happens to them>/<who is there meanwhile>/<keys>
//
// Entries expire, or are deleted, or are deleted and forgotten. One thread collects; another one reads them, or writes other ones, and
// times each call. Times are those of collecting. Counters:
//
//   ns_per_entry      of the collecting thread's own processor time
//   share             of that time in what passed meanwhile: the part of a processor that it takes
//   p999_us, max_us   of the calls meanwhile; slow: how many took more than 1 ms
//   own_max_us        the same by the processor time of the calling thread, but in full if it slept
//   clock_...         of nothing at all: the same thread, in turns with the calls, does no more than look at the clock
//   quiet_...         of calls in as long a time before, when nothing is collected
//
// The machine, which takes processors away, shows in clock_max_us. Most of that, but not all, the system does not count as processor time of
// the thread: clock_own_max_us. Checked: all entries were collected.
#include <tandem/store/histogram.hpp>
#include <tandem/timed_store.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <time.h>

namespace {

using store = tandem::timed_store<>;
using clock_type = std::chrono::steady_clock;

enum class loss { expired, deleted, forgotten };
enum class company { nobody, reader, writer };

void require(bool holds) {
  if (!holds) std::abort();
}

double own_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}
// How often this thread has gone to sleep.
long sleeps() {
  rusage r{};
  ::getrusage(RUSAGE_THREAD, &r);
  return r.ru_nvcsw;
}

constexpr std::uint64_t ms = 1'000'000;

struct steps {
  tandem::histogram_counts all;
  std::uint64_t slow = 0;
  std::uint64_t own_max = 0;
};

std::uint64_t since(clock_type::time_point begin) {
  return static_cast<std::uint64_t>((clock_type::now() - begin).count());
}

// One step after the other, timed, for about a millisecond.
template <class Step>
void take_turn(steps& seen, Step&& step) {
  // To ask for the processor time takes longer than a call, so that is done now and then: a slow one may have had a little less.
  constexpr std::uint64_t look_every = 30'000, slow = 20'000;
  auto const turn = clock_type::now();
  while (since(turn) < ms) {
    long const slept = sleeps();
    double const own = own_seconds();
    std::uint64_t took = 0;
    for (auto const first = clock_type::now(); took < slow && since(first) < look_every;) {
      auto const begin = clock_type::now();
      step();
      took = since(begin);
      seen.all.add(took);
    }
    if (took > ms) ++seen.slow;
    if (sleeps() == slept) took = std::min(took, static_cast<std::uint64_t>((own_seconds() - own) * 1e9));
    seen.own_max = std::max(seen.own_max, took);
  }
}

void expire_at_once(benchmark::State& state, loss what, company who) {
  auto const n = static_cast<std::uint64_t>(state.range(0));
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i != n; ++i) keys.push_back("key-" + std::to_string(i));
  std::string const value(16, 'v');
  double cpu = 0, wall = 0;
  steps busy, quiet, looks;
  for (auto _ : state) {
    store s;
    constexpr std::uint64_t far = 1'000'000'000;
    tandem::ttl const deadline = what == loss::expired ? tandem::ttl{.expire_in = far} : tandem::ttl{.delete_in = far};
    for (auto const& k : keys) require(static_cast<bool>(s.set(k, value, 1, deadline)));
    // Keys that stay.
    for (std::uint64_t i = 0; i != 1000; ++i) require(static_cast<bool>(s.set("stays-" + std::to_string(i), value, 1)));
    s.collect();

    // While work() runs here.
    auto const beside = [&](steps& calls, auto&& work) {
      std::atomic<bool> stop{false};
      std::thread other;
      if (who != company::nobody) {
        other = std::thread([&] {
          std::uint64_t i = 0;
          while (!stop.load(std::memory_order_relaxed)) {
            take_turn(calls, [&] {
              const std::string& k = keys[++i * 7919 % n];
              if (who == company::reader) {
                benchmark::DoNotOptimize(s.get(k));
              } else {
                static_cast<void>(s.set("stays-" + std::to_string(i % 1000), value, 2 + i % 1000));
              }
            });
            if (&calls == &busy) take_turn(looks, [] {});
          }
        });
      }
      work();
      stop.store(true, std::memory_order_relaxed);
      if (other.joinable()) other.join();
    };

    // About as long as it will take.
    auto const quiet_for = std::chrono::microseconds(n);
    beside(quiet, [&] {
      auto const end = clock_type::now() + quiet_for;
      while (clock_type::now() < end) benchmark::DoNotOptimize(end);
    });
    if (what == loss::forgotten) s.set_stale_horizon(far + 1);
    tandem::collected done;
    beside(busy, [&] {
      double const cpu_before = own_seconds();
      auto const begin = clock_type::now();
      s.advance(far + 1);
      done = s.collect();
      double const took = std::chrono::duration<double>(clock_type::now() - begin).count();
      cpu += own_seconds() - cpu_before;
      wall += took;
      state.SetIterationTime(took);
    });
    require((what == loss::expired ? done.expired : done.deleted) == n);
    require((what == loss::forgotten) == (done.forgotten == n));
  }
  auto const rounds = static_cast<double>(state.iterations());
  auto const us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1000; };
  state.counters["ns_per_entry"] = cpu * 1e9 / rounds / static_cast<double>(n);
  state.counters["share"] = cpu / wall;
  if (who == company::nobody) return;
  auto const show = [&](const std::string& of, const steps& seen) {
    state.counters[of + "p999_us"] = us(seen.all.quantile(0.999));
    state.counters[of + "max_us"] = us(seen.all.largest());
    state.counters[of + "slow"] = static_cast<double>(seen.slow);
    state.counters[of + "own_max_us"] = us(seen.own_max);
  };
  show("", busy);
  show("clock_", looks);
  show("quiet_", quiet);
}

}  // namespace

int main(int argc, char** argv) {
  bool const quick =
      std::any_of(argv, argv + argc, [](const char* a) { return std::string(a) == "--benchmark_min_time=0.01"; });
  std::int64_t const n = quick ? 20'000 : 1'000'000;
  auto const add = [n](std::string name, loss what, company who) {
    benchmark::RegisterBenchmark(("expiry/" + name).c_str(),
                                 [what, who](benchmark::State& s) { expire_at_once(s, what, who); })
        ->Arg(n)
        ->Iterations(n < 100'000 ? 1 : 5)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("expired/nobody", loss::expired, company::nobody);
  add("expired/reader", loss::expired, company::reader);
  add("expired/writer", loss::expired, company::writer);
  add("deleted/reader", loss::deleted, company::reader);
  add("deleted/writer", loss::deleted, company::writer);
  add("forgotten/nobody", loss::forgotten, company::nobody);
  add("forgotten/reader", loss::forgotten, company::reader);
  add("forgotten/writer", loss::forgotten, company::writer);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
