// How long can one insert take while a map grows?
//
//   insert_latency/<N>/<map>     p50, p99, p99.9, p99.99 and the slowest of N inserts into a map that starts empty
//
// One thread, u64 to u64, no reservation, N = 2 million. The maps take turns, run by run, five runs each; each counter is
// the best of the five: the slowest insert of the run in which it was least slow. `worst_us` is the slowest of all runs:
// it contains what a map does once per process (cell_map's first insert registers for the heavy barrier, which takes the
// system some milliseconds where there are other threads).
//
// The machine stops a program for a while now and then; `nothing` does everything but insert, and shows how long, and what
// reading the clock costs, which is contained in all figures. `bare` is the fastest sequential map there is, which moves
// all its entries at once.
//
// The runs are made when the first of these benchmarks is, for all maps, whichever are selected.
#include "adapters/all_stores.hpp"
#include "interleave.hpp"

#include <array>
#include <cmath>
#include <cstdint>

namespace {

using namespace bench;

constexpr std::size_t full_keys = 2'000'000;
constexpr std::size_t brief_keys = 100'000;
constexpr int full_runs = 5;

using nanoseconds = std::uint32_t;

constexpr double quantiles[] = {0.5, 0.99, 0.999, 0.9999, 1};
constexpr const char* quantile_names[] = {"p50_ns", "p99_ns", "p99.9_us", "p99.99_us", "max_us"};
using figures = std::array<double, std::size(quantiles)>;

// Sorts `times`.
figures figures_of(std::vector<nanoseconds>& times) {
  std::sort(times.begin(), times.end());
  figures result;
  for (std::size_t i = 0; i != result.size(); ++i) {
    auto const rank = static_cast<std::size_t>(std::ceil(quantiles[i] * static_cast<double>(times.size())));
    result[i] = times[rank - 1];
  }
  return result;
}

// Inserts nothing.
struct no_store {
  static constexpr const char* label = "nothing";
  bool insert(number, number) noexcept {
    ++count;
    return true;
  }
  std::size_t size() const noexcept { return count; }
  std::size_t count = 0;
};

template <class Store>
figures grow(std::span<const number> keys, std::vector<nanoseconds>& times) {
  auto const store = std::make_unique<Store>();
  // What the log of times costs must not depend on whether its pages have been touched.
  times.assign(keys.size(), 1);
  two_threads().run({[&] {
    auto before = bench_clock::now();
    for (std::size_t i = 0; i != keys.size(); ++i) {
      bool const is_new = store->insert(keys[i], u64::first_value(keys[i]));
      auto const after = bench_clock::now();
      times[i] = static_cast<nanoseconds>(std::chrono::duration_cast<std::chrono::nanoseconds>(after - before).count());
      before = after;
      check(is_new, "a key that was not there");
    }
  }});
  check(store->size() == keys.size(), "the number of keys");
  return figures_of(times);
}

struct entrant {
  std::string label;
  figures (*run)(std::span<const number>, std::vector<nanoseconds>&);
  figures best{};
  double worst = 0;
};

std::vector<entrant> entrants;

void run_all(std::size_t n, int runs) {
  static bool done = false;
  if (std::exchange(done, true)) return;
  std::vector<nanoseconds> times;
  for (int run = 0; run != runs; ++run) {
    for (std::size_t i = 0; i != entrants.size(); ++i) {
      entrant& next = entrants[(i + static_cast<std::size_t>(run)) % entrants.size()];
      figures const found = next.run(keys_for(n), times);
      next.worst = std::max(next.worst, found.back());
      for (std::size_t f = 0; f != found.size(); ++f) {
        next.best[f] = run == 0 ? found[f] : std::min(next.best[f], found[f]);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  bool const brief = is_brief(argc, argv);
  std::size_t const n = brief ? brief_keys : full_keys;
  auto const add = [&]<class Store>() { entrants.push_back({Store::label, grow<Store>}); };
  add.operator()<no_store>();
  add.operator()<bare_store<u64>>();
  for_each_store<u64>(add);
  for (std::size_t i = 0; i != entrants.size(); ++i) {
    std::string const name = "insert_latency/" + std::string(brief ? "100k/" : "2M/") + entrants[i].label;
    benchmark::RegisterBenchmark(name.c_str(),
                                 [=](benchmark::State& state) {
                                   run_all(n, brief ? 1 : full_runs);
                                   const figures& best = entrants[i].best;
                                   for (auto _ : state) state.SetIterationTime(best.back() * 1e-9);
                                   for (std::size_t f = 0; f != best.size(); ++f) {
                                     std::string const counter = quantile_names[f];
                                     set_counter(state, counter, counter.ends_with("_us") ? best[f] / 1000 : best[f]);
                                   }
                                   set_counter(state, "worst_us", entrants[i].worst / 1000);
                                 })
        ->UseManualTime()
        ->Iterations(1);
  }
  return run_registered(argc, argv);
}
