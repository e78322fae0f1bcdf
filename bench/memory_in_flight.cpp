// How much memory is in flight: what was replaced or erased in a cell_index, and waits for readers?
//
//   memory_in_flight/<write>/<reader>     peak and mean of what waits, as stats() tells; `holds` is the peak by the number of
//                                         writes in the time of a guard
//
// 10,000 values of 1 KB, which are nodes; one thread writes without pause, and looks every 64 writes at what waits. Writes:
// `replace` gives a key a new value; `erase` erases a key and inserts it again, which counts as one. Readers: `none`; `brief`
// looks up one key after the other, a guard for each; `10ms` holds a guard for 10 ms, looks up keys under it, ends it, and
// begins the next at once: an advance of the epoch then takes as long as a guard, and what waits is what a few
// guards have seen go. `own` is the same reader, but it holds a guard of another container, and the index has an epoch of its
// own.
//
// When both have ended, what waits must go with the next guard.
#include "interleave.hpp"

#include <tandem/cell_index.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace bench;

constexpr std::size_t entries = 10'000;
constexpr std::size_t writes_per_look = 64;
constexpr auto hold = std::chrono::milliseconds(10);

// 1 KB that is the same number all over.
struct block {
  explicit block(number n) noexcept { words.fill(n); }
  std::array<number, 128> words;
};

template <class Options>
using index_of = tandem::cell_index<number, block, good_hash, std::equal_to<number>,
                                    std::allocator<std::pair<const number, block>>, Options>;
struct own_epoch_options : tandem::cell_index_options {
  using epoch = tandem::own_epoch;
};
using shared_index = index_of<tandem::cell_index_options>;
using separate_index = index_of<own_epoch_options>;

enum class writing { replace, erase };
enum class reader { none, brief, held, elsewhere };

struct flight {
  double writes = 0;
  double seconds = 0;
  std::size_t looks = 0;
  tandem::retire_stats most{};
  double objects = 0;  // sums
  double bytes = 0;
  std::size_t guards = 0;
};

void look_up(const auto& in, number key) {
  in.visit(key, [](const auto& e) { check(e.second.words.front() == e.second.words.back(), "half a value"); });
}

template <class Index>
void write(Index& map, std::span<const number> keys, writing how, bench_clock::duration length, flight& found) {
  auto const begin = bench_clock::now();
  std::size_t written = 0;
  for (auto const end = begin + length; bench_clock::now() < end; ++found.looks) {
    for (std::size_t i = 0; i != writes_per_look; ++i, ++written) {
      number const key = keys[written % keys.size()];
      if (how == writing::replace) {
        map.insert_or_assign(key, block(written));
      } else {
        map.erase(key);
        map.try_emplace(key, written);
      }
    }
    tandem::retire_stats const now = map.stats().retired;
    found.most.objects = std::max(found.most.objects, now.objects);
    found.most.bytes = std::max(found.most.bytes, now.bytes);
    found.objects += static_cast<double>(now.objects);
    found.bytes += static_cast<double>(now.bytes);
  }
  found.writes = static_cast<double>(written);
  found.seconds = seconds(bench_clock::now() - begin).count();
}

// `elsewhere`: an index of the shared epoch.
template <class Index>
void read(const Index& map, const shared_index& elsewhere, std::span<const number> keys, reader how,
          const std::atomic<bool>& stopped, flight& found) {
  std::size_t at = 0;
  auto const next = [&] { return keys[at++ * 7 % keys.size()]; };
  for (; !stopped.load(std::memory_order_relaxed); ++found.guards) {
    if (how == reader::brief) {
      look_up(map, next());
    } else {
      auto const until = bench_clock::now() + hold;
      auto const hold_and_read = [&](const auto& under) {
        while (bench_clock::now() < until) look_up(under, next());
      };
      if (how == reader::held) {
        hold_and_read(map.enter());
      } else {
        auto const guard = elsewhere.enter();
        hold_and_read(map);
      }
    }
  }
}

template <class Index>
void fly(benchmark::State& state, writing how, reader who, bench_clock::duration length) {
  std::span<const number> const keys = keys_for(entries);
  Index map(entries);
  for (number const key : keys) map.try_emplace(key, key);
  shared_index const elsewhere;
  flight found;
  for (auto _ : state) {
    std::atomic<bool> stopped{false};
    two_threads().run({[&] {
                         write(map, keys, how, length, found);
                         stopped = true;
                       },
                       [&] {
                         if (who != reader::none) read(map, elsewhere, keys, who, stopped, found);
                       }});
  }
  // Prompt collections are limited in number for each tick of the clock.
  for (auto const end = bench_clock::now() + std::chrono::seconds(1);
       map.stats().retired.objects != 0 && bench_clock::now() < end;) {
    check(static_cast<bool>(map.find(keys.front())), "a key that is there");
  }
  check(map.stats().retired.objects == 0, "what waits goes with the next guard");
  check(map.size() == entries, "the number of entries");

  auto const looks = static_cast<double>(found.looks);
  double const writes_per_hold = found.writes / found.seconds * seconds(hold).count();
  set_counter(state, "peak_KB", static_cast<double>(found.most.bytes) / 1000);
  set_counter(state, "mean_KB", found.bytes / looks / 1000);
  set_counter(state, "peak_objects", static_cast<double>(found.most.objects));
  set_counter(state, "mean_objects", found.objects / looks);
  set_counter(state, "kwrites", found.writes / 1000);
  set_counter(state, "kwrites/s", found.writes / found.seconds / 1000);
  set_counter(state, "holds", static_cast<double>(found.most.objects) / writes_per_hold);
}

void add(writing how, reader who, bench_clock::duration length) {
  constexpr const char* writings[] = {"replace", "erase"};
  constexpr const char* readers[] = {"none", "brief", "10ms", "own"};
  std::string const name =
      std::string("memory_in_flight/") + writings[static_cast<int>(how)] + "/" + readers[static_cast<int>(who)];
  benchmark::RegisterBenchmark(name.c_str(),
                               [=](benchmark::State& state) {
                                 if (who == reader::elsewhere) {
                                   fly<separate_index>(state, how, who, length);
                                 } else {
                                   fly<shared_index>(state, how, who, length);
                                 }
                               })
      ->Iterations(1)
      ->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  auto const length = is_brief(argc, argv) ? std::chrono::milliseconds(50) : std::chrono::milliseconds(2000);
  for (writing const how : {writing::replace, writing::erase}) {
    for (reader const who : {reader::none, reader::brief, reader::held, reader::elsewhere}) add(how, who, length);
  }
  return run_registered(argc, argv);
}
