// How fast are a reader and a writer beside each other, and what does it cost to publish often?
//
//   beside_a_writer/<writes per publish>/fences     evmap with its three fence policies, in turns
//   beside_a_writer/<writes per publish>/<peer>     a map whose writes are visible at once, in turns with evmap
//
// 10,000 keys; one thread looks up one after the other, a guard per lookup; the other writes new values to existing
// keys, and publishes after so many writes. Counters: reads and writes in millions per second. `auto_*` is to the
// better of the two fixed policies, in the same round: for reads, for writes, and for reads and writes together.
#include "adapters/boost_concurrent_map.hpp"
#include "adapters/cuckoo_map.hpp"
#include "adapters/evmap.hpp"
#include "adapters/locked_unordered_map.hpp"
#include "adapters/tbb_hash_map.hpp"
#include "interleave.hpp"

namespace {

using namespace bench;

constexpr std::size_t entries = 10'000;

// Thread 0 reads until thread 1 has written for a slice.
template <class Map>
candidate reading_and_writing(std::string name, std::size_t writes_per_publish) {
  struct state_of_both {
    explicit state_of_both(std::span<const number> keys)
        : map(keys), reader(map.make_reader()), lookups(keys, 0), updates(keys, 1) {}

    Map map;
    decltype(map.make_reader()) reader;
    key_stream lookups;
    key_stream updates;
    number written = 0;
    std::size_t unpublished = 0;
  };
  auto state = std::make_shared<state_of_both>(keys_for(entries));
  return {std::move(name), [state, writes_per_publish] {
            state_of_both& s = *state;
            rates found;
            auto const read = [&] {
              return look_up_chunk(s.lookups,
                                   [&](std::span<const number> chunk) { return sum_one_by_one(s.reader, chunk); });
            };
            auto const write = [&] {
              std::span<const number> const chunk = s.updates.next();
              for (number const key : chunk) {
                s.map.write(key, value_of(key, ++s.written));
                if (++s.unpublished < writes_per_publish) continue;
                s.map.publish();
                s.unpublished = 0;
              }
              return chunk.size();
            };
            found.quiet = two_threads().run({[&] {
                                               static_cast<void>(rate_of(slice / 2, read));
                                               found.reads = rate_of(slice, read);
                                             },
                                             [&] {
                                               static_cast<void>(rate_of(slice / 2, write));
                                               found.writes = rate_of(slice, write);
                                             }});
            return found;
          }};
}

void report(benchmark::State& state, const interleave& turns, std::size_t which, const std::string& name) {
  set_counter(state, name + "_Mreads/s", turns.rate(which, &rates::reads).median / 1e6);
  set_counter(state, name + "_Mwrites/s", turns.rate(which, &rates::writes).median / 1e6);
}

void add_fences(const cadence_mix& cadence) {
  std::string const name = std::string("beside_a_writer/") + cadence.name + "/fences";
  benchmark::RegisterBenchmark(name.c_str(), [n = cadence.writes_per_publish](benchmark::State& state) {
    interleave turns({reading_and_writing<evmap<fastest_map, tandem::automatic_fences>>("automatic", n),
                      reading_and_writing<evmap<fastest_map, tandem::symmetric_fences>>("symmetric", n),
                      reading_and_writing<evmap<fastest_map, tandem::asymmetric_fences>>("asymmetric", n)});
    for (auto _ : state) state.SetIterationTime(turns.round().count());
    report(state, turns, 0, "auto");
    report(state, turns, 1, "sym");
    report(state, turns, 2, "asym");
    auto const to_better = [&](auto&& what) {
      return turns
          .over_rounds([&](const std::vector<rates>& round) {
            return what(round[0]) / std::max(what(round[1]), what(round[2]));
          })
          .median;
    };
    set_counter(state, "auto_reads", to_better([](const rates& r) { return r.reads; }));
    set_counter(state, "auto_writes", to_better([](const rates& r) { return r.writes; }));
    set_counter(state, "auto_both", to_better([](const rates& r) { return r.reads + r.writes; }));
    set_counter(state, "quiet", turns.quiet());
  })->UseManualTime();
}

template <class Peer>
void add_peer(const cadence_mix& cadence) {
  std::string const name = std::string("beside_a_writer/") + cadence.name + "/" + Peer::label;
  benchmark::RegisterBenchmark(name.c_str(), [n = cadence.writes_per_publish](benchmark::State& state) {
    interleave turns({reading_and_writing<evmap<fastest_map>>("evmap", n), reading_and_writing<Peer>(Peer::label, n)});
    for (auto _ : state) state.SetIterationTime(turns.round().count());
    report(state, turns, 0, "evmap");
    report(state, turns, 1, "peer");
    set_counter(state, "ratio_reads", turns.ratio(0, 1, &rates::reads).median);
    set_counter(state, "ratio_writes", turns.ratio(0, 1, &rates::writes).median);
    set_counter(state, "quiet", turns.quiet());
  })->UseManualTime();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("map inside evmap", fastest_map::label);
  benchmark::AddCustomContext("heavy barrier", tandem::heavy_barrier_available() ? "available" : "not available");
  for (const cadence_mix& cadence : cadences) {
    add_fences(cadence);
    add_peer<locked_unordered_map>(cadence);
#if defined(TANDEM_BENCH_HAS_TBB)
    add_peer<tbb_hash_map>(cadence);
#endif
#if defined(TANDEM_BENCH_HAS_CUCKOO)
    add_peer<cuckoo_map>(cadence);
#endif
#if defined(TANDEM_BENCH_HAS_BOOST_CONCURRENT)
    add_peer<boost_concurrent_map>(cadence);
#endif
  }
  return run_registered(argc, argv);
}
