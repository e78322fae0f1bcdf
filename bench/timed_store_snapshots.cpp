// What does it cost to save and load a timed_store, beside copying and summing the same bytes through the same file?
//
//   save_file/<who>/<keys>     into a file that is flushed to the disk and then takes its place
//   save_stream/<who>/<keys>   into a std::ofstream, not flushed: what the disk does not hide
//   load_file/<who>/<keys>     from a file that the system has in memory
//
// `timed_store`, with string keys, "key-123", and values of 16 bytes; `timed_store_2`: by two threads. `copy`: what bounds it. That is, saving, a memcpy of the bytes of
// the snapshot into a buffer of a block, their sum, and the write; loading, the read, the sum, and a memcpy to where they stay.
//
// Loading makes a node for each entry and one allocation for each value, which no copying of bytes does; `copy_nodes` makes those, of the
// same sizes, beside the copy. items_per_second is of entries, bytes_per_second of the file. Checked: digests.
#include <tandem/timed_store.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

namespace {

using store = tandem::timed_store<>;
using namespace tandem::store;

void require(bool holds) {
  if (!holds) std::abort();
}

// The store of so many keys, and its snapshot.
struct subject {
  explicit subject(std::int64_t n) {
    std::string const value(16, 'v');
    for (std::int64_t i = 0; i != n; ++i) {
      static_cast<void>(s.set("key-" + std::to_string(i), value, static_cast<std::uint64_t>(i)));
    }
    std::ostringstream out;
    s.save(out);
    bytes = out.str();
  }
  byte_view view() const { return std::as_bytes(std::span(bytes)); }
  store s;
  std::string bytes;
};
const subject& of(std::int64_t n) {
  static std::unique_ptr<subject> last;
  static std::int64_t size = 0;
  if (size != n) last = std::make_unique<subject>(n);
  size = n;
  return *last;
}

struct file {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("tandem-bench-" + std::to_string(::getpid()));
  file() = default;
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  ~file() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

constexpr std::size_t block = std::size_t{256} << 10;

void count(benchmark::State& state, std::size_t bytes) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

template <class Write>
void copy_to(byte_view from, Write&& write) {
  std::vector<std::byte> buffer(block);
  std::uint64_t sum = 0;
  for (; !from.empty(); from = from.subspan(std::min(block, from.size()))) {
    auto const some = std::span(buffer).first(std::min(block, from.size()));
    std::memcpy(buffer.data(), from.data(), some.size());
    sum = checksum(some, sum);
    write(some);
  }
  benchmark::DoNotOptimize(sum);
}

tandem::snapshot_options by(std::size_t threads) {
  tandem::snapshot_options how;
  how.threads = threads;
  return how;
}

void save_file_ours(benchmark::State& state, std::size_t threads) {
  const subject& x = of(state.range(0));
  file const to;
  for (auto _ : state) require(x.s.save_file(to.path, by(threads)).bytes >= x.bytes.size());
  count(state, x.bytes.size());
}
void save_file_copy(benchmark::State& state) {
  const subject& x = of(state.range(0));
  file const to;
  for (auto _ : state) {
    std::error_code error;
    file_sink out(to.path, error);
    copy_to(x.view(), [&](byte_view some) { out.write(some, error); });
    out.commit(error);
    require(!error);
  }
  count(state, x.bytes.size());
}
void save_stream_ours(benchmark::State& state, std::size_t threads) {
  const subject& x = of(state.range(0));
  file const to;
  for (auto _ : state) {
    std::ofstream out(to.path, std::ios::binary);
    x.s.save(out, by(threads));
  }
  count(state, x.bytes.size());
}
void save_stream_copy(benchmark::State& state) {
  const subject& x = of(state.range(0));
  file const to;
  for (auto _ : state) {
    std::ofstream out(to.path, std::ios::binary);
    stream_sink sink(out);
    std::error_code error;
    copy_to(x.view(), [&](byte_view some) { sink.write(some, error); });
    require(!error);
  }
  count(state, x.bytes.size());
}

void load_ours(benchmark::State& state, std::size_t threads) {
  const subject& x = of(state.range(0));
  file const from;
  x.s.save_file(from.path);
  auto const digest = x.s.digest();
  for (auto _ : state) {
    auto t = std::make_unique<store>();
    t->load_file(from.path, by(threads));
    state.PauseTiming();
    require(t->digest() == digest);
    t.reset();
    state.ResumeTiming();
  }
  count(state, x.bytes.size());
}
// `nodes`: an allocation as large as an entry's node, and one for its value, for each entry.
void load_copy(benchmark::State& state, bool nodes) {
  const subject& x = of(state.range(0));
  file const from;
  x.s.save_file(from.path);
  for (auto _ : state) {
    std::error_code error;
    file_source in(from.path, error);
    std::vector<std::byte> buffer(block);
    std::vector<std::unique_ptr<std::byte[]>> stays;
    std::uint64_t sum = 0;
    for (;;) {
      std::size_t const n = in.read(buffer, error);
      if (n == 0) break;
      sum = checksum(std::span(buffer).first(n), sum);
      stays.emplace_back(new std::byte[n]);
      std::memcpy(stays.back().get(), buffer.data(), n);
    }
    benchmark::DoNotOptimize(sum);
    if (nodes) {
      constexpr std::size_t node = 128;
      stays.reserve(stays.size() + 2 * static_cast<std::size_t>(state.range(0)));
      for (std::int64_t i = 0; i != state.range(0); ++i) {
        for (std::size_t bytes : {node, std::size_t{17}}) {
          stays.emplace_back(new std::byte[bytes]);
          std::memcpy(stays.back().get(), buffer.data(), bytes);
        }
      }
    }
    require(!error);
    state.PauseTiming();
    stays.clear();
    state.ResumeTiming();
  }
  count(state, x.bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  bool const quick =
      std::any_of(argv, argv + argc, [](const char* a) { return std::string(a) == "--benchmark_min_time=0.01"; });
  for (std::int64_t n : {10'000, quick ? 20'000 : 1'000'000}) {
    auto const add = [n](const char* name, auto f) {
      benchmark::RegisterBenchmark(name, f)->Arg(n)->UseRealTime()->Unit(benchmark::kMillisecond);
    };
    add("save_file/timed_store", [](benchmark::State& s) { save_file_ours(s, 1); });
    add("save_file/timed_store_2", [](benchmark::State& s) { save_file_ours(s, 2); });
    add("save_file/copy", save_file_copy);
    add("save_stream/timed_store", [](benchmark::State& s) { save_stream_ours(s, 1); });
    add("save_stream/timed_store_2", [](benchmark::State& s) { save_stream_ours(s, 2); });
    add("save_stream/copy", save_stream_copy);
    add("load_file/timed_store", [](benchmark::State& s) { load_ours(s, 1); });
    add("load_file/timed_store_2", [](benchmark::State& s) { load_ours(s, 2); });
    add("load_file/copy", [](benchmark::State& s) { load_copy(s, false); });
    add("load_file/copy_nodes", [](benchmark::State& s) { load_copy(s, true); });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
