// What does a durable_store do per second, and how long does who waits wait?
//
//   sensors/<sync>/<paced|unpaced>   the original's workload: 40 writers put records of 102,800 bytes of 200 keys, each as fast as it can
//                                    or one per millisecond; 40 readers get one of them every 2 ms. Counters: writes and reads per second,
//                                    MB/s, and quantiles in microseconds of put, of get, and of wait_durable for every 16th put.
//                                    A histogram of each goes to stderr. <sync>: always, every10ms, never
//   small/<writers>                  records of 100 bytes, `always`: puts per second and per sync. Beside it, in turns of 100 ms, the
//                                    disk alone: one thread that writes as many bytes with one call and syncs. `of_disk`: puts per
//                                    second, over what the disk alone does with batches of that size; the median of the turns.
//                                    The same of RocksDB and LMDB where they are installed, in the same turns
//   recovery/<bytes of a value>/<keys>
//                                    GB per second of recovery, of files that the system has in memory, and of reading and
//                                    summing up the same files with as many threads; `ratio`: the median of the turns
//
// Options: --folder=PATH for the files (default: the system's folder for temporary ones; tmpfs measures nothing), --records=N for each
// of the 40 writers (default 50; the original: 2400), --paced_records=N (default 200). Checked: sizes, values, and that each acknowledged
// record is in the log.
#include <tandem/durable_store.hpp>

#include "adapters/synced_logs.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using tandem::durability;
using clock_type = std::chrono::steady_clock;
using text = std::string;
using store = tandem::durable_store<>;
using std::chrono::milliseconds;

std::filesystem::path base = std::filesystem::temp_directory_path();
std::size_t records_per_writer = 50;
std::size_t paced_records_per_writer = 200;
bool brief = false;

class folder {
 public:
  folder() : path_(base / ("tandem-bench-" + std::to_string(clock_type::now().time_since_epoch().count()))) {
    std::filesystem::create_directories(path_);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void check(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong: %s\n", what);
  std::abort();
}
double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}
double median(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return all.empty() ? 0 : all[all.size() / 2];
}

// Microseconds, all of them: no buckets to be wrong by.
class latencies {
 public:
  void add(clock_type::duration d) { all_.push_back(std::chrono::duration<float, std::micro>(d).count()); }
  void add(const latencies& other) { all_.insert(all_.end(), other.all_.begin(), other.all_.end()); }
  void report(benchmark::State& state, const char* what) {
    if (all_.empty()) return;
    std::sort(all_.begin(), all_.end());
    constexpr std::array<std::pair<const char*, double>, 4> quantiles = {
        {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}}};
    for (auto const& [name, q] : quantiles) {
      auto const at = static_cast<std::size_t>(q * static_cast<double>(all_.size() - 1));
      state.counters[text(what) + "_" + name] = static_cast<double>(all_[at]);
    }
    std::fprintf(stderr, "  %s, %zu of them, by microseconds\n", what, all_.size());
    for (std::size_t from = 0; from != all_.size();) {
      auto const limit = static_cast<float>(std::bit_ceil(static_cast<std::uint64_t>(all_[from]) + 1));
      std::size_t to = from;
      while (to != all_.size() && all_[to] < limit) ++to;
      auto const bar = static_cast<int>(50 * (to - from) / all_.size());
      std::fprintf(stderr, "  %10.0f  %8zu  %.*s\n", static_cast<double>(limit), to - from, bar,
                   "##################################################");
      from = to;
    }
  }

 private:
  std::vector<float> all_;
};

// ---- The original's workload.

constexpr std::size_t writers = 40, readers = 40, sensors = 200;
constexpr std::size_t large = 102'800;

void run_sensors(benchmark::State& state, durability how, bool paced) {
  std::size_t const records = brief ? 2 : paced ? paced_records_per_writer : records_per_writer;
  std::vector<text> keys;
  for (std::size_t i = 0; i != sensors; ++i) keys.push_back("sensor" + std::to_string(100 + i));
  for (auto _ : state) {
    folder const where;
    tandem::durable_options o;
    o.sync = how;
    store s = store::open(where.path(), o);
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> version{1}, reads{0};
    std::mutex mutex;
    latencies put, wait, get;
    std::latch start(static_cast<std::ptrdiff_t>(writers + readers + 1));
    std::vector<std::thread> threads;
    std::atomic<std::size_t> left{writers};
    for (std::size_t w = 0; w != writers; ++w) {
      threads.emplace_back([&, w] {
        text const value(large, static_cast<char>('a' + w % 26));
        latencies mine, my_wait;
        start.arrive_and_wait();
        auto next = clock_type::now();
        for (std::size_t i = 0; i != records; ++i) {
          if (paced) std::this_thread::sleep_until(next);
          // Also when the one before took longer: who is late is late for all that wait behind.
          auto const begin = paced ? next : clock_type::now();
          auto const r = s.put(keys[(w * 5 + i) % sensors], value, version.fetch_add(1));
          mine.add(clock_type::now() - begin);
          if (i % 16 == 15 && !how.is_always()) {
            auto const since = clock_type::now();
            s.wait_durable(r.ticket);
            my_wait.add(clock_type::now() - since);
          }
          next += milliseconds(1);
        }
        --left;
        std::lock_guard const hold(mutex);
        put.add(mine);
        wait.add(my_wait);
      });
    }
    for (std::size_t r = 0; r != readers; ++r) {
      threads.emplace_back([&, r] {
        latencies mine;
        std::uint64_t count = 0;
        start.arrive_and_wait();
        auto next = clock_type::now();
        for (std::size_t i = r; !done; i += 7) {
          next += milliseconds(2);
          std::this_thread::sleep_until(next);
          auto const begin = clock_type::now();
          auto const v = s.get(keys[i % sensors]);
          mine.add(clock_type::now() - begin);
          if (v) check(v->size() == large && v->front() == v->back(), "a value");
          ++count;
        }
        reads += count;
        std::lock_guard const hold(mutex);
        get.add(mine);
      });
    }
    start.arrive_and_wait();
    auto const begin = clock_type::now();
    while (left != 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    double const accepted_after = seconds_since(begin);
    s.flush();
    double const seconds = seconds_since(begin);
    done = true;
    for (std::thread& t : threads) t.join();
    check(s.stats().log.records == writers * records, "the number of records");
    auto const n = static_cast<double>(writers * records);
    auto const figures = s.stats().log;
    state.SetIterationTime(seconds);
    state.counters["writes/s"] = n / seconds;
    state.counters["accepted/s"] = n / accepted_after;
    state.counters["reads/s"] = static_cast<double>(reads) / seconds;
    state.counters["MB/s"] = n * static_cast<double>(large) / seconds / 1e6;
    state.counters["per_sync"] = n / static_cast<double>(std::max<std::uint64_t>(1, figures.syncs.count()));
    std::fprintf(stderr, "%s\n", paced ? "paced" : "unpaced");
    put.report(state, "put");
    wait.report(state, "wait");
    get.report(state, "get");
  }
}

// ---- Small records.

struct rate {
  double puts = 0;
  double per_sync = 0;
};

// Many threads that put while `going`, so that turns can be taken.
template <class Log>
rate put_for(Log& log, std::size_t threads, clock_type::duration d) {
  auto const before = log.figures();
  std::atomic<bool> done{false};
  std::latch start(static_cast<std::ptrdiff_t>(threads + 1));
  std::vector<std::thread> all;
  for (std::size_t t = 0; t != threads; ++t) {
    all.emplace_back([&, t] {
      text const key = "key " + std::to_string(t), value(100 - key.size(), 'v');
      start.arrive_and_wait();
      while (!done.load(std::memory_order_relaxed)) log.put(key, value);
    });
  }
  start.arrive_and_wait();
  auto const begin = clock_type::now();
  std::this_thread::sleep_for(d);
  done = true;
  for (std::thread& t : all) t.join();
  double const seconds = seconds_since(begin);
  auto const after = log.figures();
  auto const n = static_cast<double>(after.puts - before.puts);
  return {n / seconds, n / static_cast<double>(std::max<std::uint64_t>(1, after.syncs - before.syncs))};
}
// Syncs per second of a file that gets so many bytes each time.
double sync_rate(const std::filesystem::path& where, std::size_t bytes, clock_type::duration d) {
  std::error_code error;
  tandem::posix_file_system system;
  std::filesystem::path const path = where / "disk";
  auto file = system.open(path, tandem::open_mode::create, error);
  std::vector<std::byte> const data(bytes, std::byte{'x'});
  std::span<const std::byte> const part(data);
  auto const begin = clock_type::now();
  std::size_t n = 0;
  for (; clock_type::now() - begin < d; ++n) {
    file.append(std::span(&part, 1), error);
    file.sync(error);
  }
  double const seconds = seconds_since(begin);
  file.close(error);
  system.remove(path, error);
  check(!error, "the disk");
  return static_cast<double>(n) / seconds;
}

// What one of those that are compared does, turn by turn.
template <class Log>
class small_turns {
 public:
  explicit small_turns(const std::filesystem::path& where) : folder_(where), path_(where / Log::name) {
    std::filesystem::create_directories(path_);
    log_.emplace(path_);
  }

  void turn(std::size_t threads, clock_type::duration d) {
    rate const r = put_for(*log_, threads, d);
    auto const bytes = static_cast<std::size_t>(r.per_sync * static_cast<double>(Log::record_bytes(100)));
    double const syncs = sync_rate(folder_, bytes, d);
    puts_.push_back(r.puts);
    per_sync_.push_back(r.per_sync);
    disk_.push_back(syncs);
    ratios_.push_back(r.puts / (r.per_sync * syncs));
  }
  void report(benchmark::State& state, const text& prefix) {
    state.counters[prefix + "puts/s"] = median(puts_);
    state.counters[prefix + "per_sync"] = median(per_sync_);
    state.counters[prefix + "disk_syncs/s"] = median(disk_);
    state.counters[prefix + "of_disk"] = median(ratios_);
  }
  // The store is closed. Where it is, and how many it should hold.
  std::pair<std::filesystem::path, std::uint64_t> close() {
    std::uint64_t const puts = log_->figures().puts;
    log_.reset();
    return {path_, puts};
  }

 private:
  std::filesystem::path folder_;
  std::filesystem::path path_;
  std::optional<Log> log_;
  std::vector<double> ratios_, puts_, per_sync_, disk_;
};

void run_small(benchmark::State& state) {
  using namespace bench;
  auto const threads = static_cast<std::size_t>(state.range(0));
  folder const where;
  auto const turn = milliseconds(brief ? 5 : 100);
  small_turns<durable_store_log> ours(where.path());
#if defined(TANDEM_BENCH_HAS_ROCKSDB)
  small_turns<rocksdb_log> rocksdb(where.path());
#endif
#if defined(TANDEM_BENCH_HAS_LMDB)
  small_turns<lmdb_log> lmdb(where.path());
#endif
  for (auto _ : state) {
    auto const begin = clock_type::now();
    ours.turn(threads, turn);
#if defined(TANDEM_BENCH_HAS_ROCKSDB)
    rocksdb.turn(threads, turn);
#endif
#if defined(TANDEM_BENCH_HAS_LMDB)
    lmdb.turn(threads, turn);
#endif
    state.SetIterationTime(seconds_since(begin));
  }
  auto const [path, written] = ours.close();
  check(store::open(path).recovery().records == written, "what was acknowledged is in the log");
  ours.report(state, "");
#if defined(TANDEM_BENCH_HAS_ROCKSDB)
  rocksdb.report(state, "rocksdb_");
#endif
#if defined(TANDEM_BENCH_HAS_LMDB)
  lmdb.report(state, "lmdb_");
#endif
}

// ---- Recovery.

double scan(const std::filesystem::path& where, std::size_t threads) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(where)) files.push_back(entry.path());
  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> sum{0};
  auto const begin = clock_type::now();
  auto const work = [&] {
    std::vector<std::byte> window(std::size_t{1} << 20);
    for (std::size_t i; (i = next.fetch_add(1)) < files.size();) {
      std::error_code error;
      auto file = tandem::posix_file_system().open(files[i], tandem::open_mode::read, error);
      for (std::uint64_t at = 0;;) {
        std::size_t const n = file.read(at, window, error);
        if (n == 0) break;
        sum += tandem::store::checksum(std::span(window).first(n));
        at += n;
      }
      check(!error, "a file to be read");
    }
  };
  std::vector<std::thread> others;
  while (others.size() + 1 < threads) others.emplace_back(work);
  work();
  for (std::thread& t : others) t.join();
  benchmark::DoNotOptimize(sum.load());
  return seconds_since(begin);
}

void run_recovery(benchmark::State& state) {
  auto const bytes = static_cast<std::size_t>(state.range(0));
  auto const keys = static_cast<std::size_t>(state.range(1));
  std::size_t const records = (std::size_t{brief ? 4U : 256U} << 20) / (bytes + 64);
  std::size_t const threads = std::max(1U, std::thread::hardware_concurrency());
  folder const where;
  tandem::durable_options o;
  o.sync = durability::never();
  o.rotate_bytes = std::uint64_t{16} << 20;
  o.recovery_threads = threads;
  {
    store s = store::open(where.path(), o);
    text const value(bytes, 'v');
    for (std::size_t i = 0; i != records; ++i) s.put("sensor" + std::to_string(i % keys), value, i);
  }
  std::vector<double> ratios, rates;
  for (auto _ : state) {
    auto const begin = clock_type::now();
    double const plain = scan(where.path(), threads);
    double size = 0;
    double seconds = 0;
    {
      store const s = store::open(where.path(), o);
      check(s.recovery().records == records && s.size() == std::min(records, keys), "what was recovered");
      size = static_cast<double>(s.recovery().bytes);
      seconds = s.recovery().seconds;
    }
    ratios.push_back(plain / seconds);
    rates.push_back(size / seconds / 1e9);
    state.SetIterationTime(seconds_since(begin));
  }
  state.counters["GB/s"] = median(rates);
  state.counters["ratio"] = median(ratios);
}

bool take_option(std::string_view argument, std::string_view name, text& value) {
  if (!argument.starts_with(name)) return false;
  value = text(argument.substr(name.size()));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> rest;
  for (char* a : std::vector<char*>(argv, argv + argc)) {
    text value;
    if (take_option(a, "--folder=", value)) {
      base = value;
    } else if (take_option(a, "--records=", value)) {
      records_per_writer = std::strtoul(value.c_str(), nullptr, 10);
    } else if (take_option(a, "--paced_records=", value)) {
      paced_records_per_writer = std::strtoul(value.c_str(), nullptr, 10);
    } else {
      brief = brief || text(a) == "--benchmark_min_time=0.01";
      rest.push_back(a);
    }
  }
  auto const all_modes = {std::pair("always", durability::always()),
                          std::pair("every10ms", durability::every(milliseconds(10))),
                          std::pair("never", durability::never())};
  for (bool paced : {false, true}) {
    for (auto const& [name, how] : all_modes) {
      benchmark::RegisterBenchmark((text("sensors/") + name + (paced ? "/paced" : "/unpaced")).c_str(),
                                   [how = how, paced](benchmark::State& s) { run_sensors(s, how, paced); })
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kMillisecond);
    }
  }
  auto* small = benchmark::RegisterBenchmark("small", run_small)->UseManualTime()->Unit(benchmark::kMillisecond);
  for (int n : {1, 2, 4, 8, 16, 40}) small->Arg(n);
  small->Iterations(brief ? 1 : 9);
  auto* recovery =
      benchmark::RegisterBenchmark("recovery", run_recovery)->UseManualTime()->Unit(benchmark::kMillisecond);
  for (std::size_t const keys : {sensors, std::size_t{100'000}}) recovery->Args({100, static_cast<std::int64_t>(keys)});
  recovery->Args({static_cast<std::int64_t>(large), static_cast<std::int64_t>(sensors)});
  recovery->Iterations(brief ? 1 : 7);

  int count = static_cast<int>(rest.size());
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
