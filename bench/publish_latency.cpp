// How long does publish() take, by the number of readers and by how long they hold their guards?
//
//   publish_latency/<fences>/idle/readers:<n>            readers exist, none is inside
//   publish_latency/<fences>/<hold>/readers:<n>          n threads read all the time and hold each guard for so long
//   publish_latency/<fences>/<hold>/readers:<n>/paced    as above, but the writer rests 200 us between two publishes
//
// One write is pending at each publish; the map has 10,000 keys. One iteration is one publish, so the time column is
// the mean; the counters are percentiles in microseconds. Without a rest a publish waits for the guards that saw the
// previous one. Where there are more threads than processors, the percentiles are mostly about the system's time
// slices.
//
// Checked: readers see the number of a publish beside the value that it wrote, and never an older one than before.
#include "adapters/evmap.hpp"
#include "interleave.hpp"

#include <tandem/sync/pause.hpp>

#include <atomic>
#include <cmath>
#include <latch>

namespace {

using namespace bench;

constexpr std::size_t entries = 10'000;
constexpr auto rest = std::chrono::microseconds(200);

void spin_for(bench_clock::duration d) {
  auto const end = bench_clock::now() + d;
  while (bench_clock::now() < end) tandem::pause();
}

// The q-th part of the sorted values is at most this.
double quantile(const std::vector<double>& sorted, double q) {
  auto const rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

template <class Map>
void read_until(const std::atomic<bool>& stop, typename Map::map::reader reader, std::chrono::microseconds hold,
                number key) {
  std::uint64_t seen = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    auto const guard = reader.enter();
    std::uint64_t const version = guard.version();
    number const* const value = guard.find_one(key);
    check(value != nullptr && *value >> 32 == version, "the value beside its version");
    check(version >= seen, "the order of versions");
    seen = version;
    if (hold.count() != 0) spin_for(hold);
  }
}

template <class Fences>
void measure(benchmark::State& state, std::size_t readers, const hold_mix* reading, bool paced) {
  using map_type = evmap<fastest_map, Fences>;
  map_type map(keys_for(entries));
  auto& writer = map.writer();
  number const key = keys_for(entries).front();
  auto const write = [&] { writer.insert_or_assign(key, value_of(key, writer.version() + 1)); };
  write();
  writer.publish();

  std::atomic<bool> stop{false};
  std::vector<typename map_type::map::reader> idle;
  std::vector<std::thread> threads;
  std::latch ready(reading == nullptr ? 0 : static_cast<std::ptrdiff_t>(readers));
  for (std::size_t i = 0; i != readers; ++i) {
    if (reading == nullptr) {
      idle.push_back(writer.make_reader());
    } else {
      threads.emplace_back([&, mine = writer.make_reader()]() mutable {
        ready.count_down();
        read_until<map_type>(stop, std::move(mine), reading->hold, key);
      });
    }
  }
  ready.wait();

  std::vector<double> took;
  std::uint64_t const before = writer.version();
  for (auto _ : state) {
    write();
    auto const start = bench_clock::now();
    writer.publish();
    seconds const t = bench_clock::now() - start;
    state.SetIterationTime(t.count());
    took.push_back(t.count() * 1e6);
    if (paced) spin_for(rest);
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& t : threads) t.join();
  check(writer.version() - before == took.size(), "the number of publishes");

  std::sort(took.begin(), took.end());
  set_counter(state, "p50_us", quantile(took, 0.5));
  set_counter(state, "p90_us", quantile(took, 0.9));
  set_counter(state, "p99_us", quantile(took, 0.99));
  set_counter(state, "p99.9_us", quantile(took, 0.999));
  set_counter(state, "max_us", took.back());
}

enum class extent { all, one_reader };

template <class Fences>
void add(const std::string& fences, extent which) {
  auto const add_one = [&](const std::string& name, std::size_t readers, const hold_mix* reading, bool paced) {
    if (which == extent::one_reader && readers > 1) return;
    std::string const full =
        "publish_latency/" + fences + "/" + name + "/readers:" + std::to_string(readers) + (paced ? "/paced" : "");
    benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
      measure<Fences>(state, readers, reading, paced);
    })->UseManualTime();
  };
  for (std::size_t readers : {0U, 1U, 16U, 256U}) add_one("idle", readers, nullptr, false);
  for (const hold_mix& hold : holds) {
    if (which == extent::one_reader && hold.hold.count() != 0) continue;
    for (std::size_t readers : {1U, 2U, 4U}) add_one(hold.name, readers, &hold, false);
    add_one(hold.name, 1, &hold, true);
  }
}

}  // namespace

int main(int argc, char** argv) {
  add<tandem::automatic_fences>("automatic", extent::all);
  add<tandem::symmetric_fences>("symmetric", extent::one_reader);
  add<tandem::asymmetric_fences>("asymmetric", extent::one_reader);
  return run_registered(argc, argv);
}
