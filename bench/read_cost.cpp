// What does one lookup cost, beside the same lookup in a plain map that nothing protects?
//
//   read_cost/<size>/<threads>/<map>/<style>     ratio: to `bare`, the fastest sequential map there is, on one thread
//   read_cost/.../over_<other map>               ratio: to that other map, on one thread
//
// Styles: `get` copies the value, `find_one` returns a guard of it, both enter and leave for each lookup; `one_guard`
// looks up 1024 keys under one guard; `cvisit` looks at the value where it is. With `chained` each key depends on the value found before, on both sides of the
// comparison, so that what is measured is how long a lookup takes; otherwise the processor works on several lookups
// at once, and what is measured is how many instructions and cache lines a lookup takes. `bare` against itself shows
// what the machine's noise is, and on two threads what the machine can do at best. Nobody writes.
#include "adapters/boost_concurrent_map.hpp"
#include "adapters/cell_index.hpp"
#include "adapters/cell_map.hpp"
#include "adapters/cuckoo_map.hpp"
#include "adapters/evmap.hpp"
#include "adapters/locked_unordered_map.hpp"
#include "adapters/sequential_map.hpp"
#include "adapters/tbb_hash_map.hpp"
#include "interleave.hpp"

namespace {

using namespace bench;

map_place place_of_reference;
map_place place_of_measured;

// Chunk by chunk, with a reader of its own for each thread.
enum class style { get, find_one, one_guard };
enum class order { free, chained };

template <order Order, class Reader>
number sum_of(Reader& reader, std::span<const number> chunk) {
  return Order == order::chained ? sum_chained(reader, chunk) : sum_one_by_one(reader, chunk);
}

template <class Map, style Style, order Order>
candidate reading_map(std::string name, std::shared_ptr<Map> map, std::size_t threads, std::span<const number> keys) {
  return reading(std::move(name), threads, keys, [map](std::size_t) {
    if constexpr (Style == style::find_one) {
      return [map, reader = guarded_value<Map>(map->make_reader())](std::span<const number> chunk) mutable {
        return sum_of<Order>(reader, chunk);
      };
    } else {
      return [map, reader = map->make_reader()](std::span<const number> chunk) mutable {
        if constexpr (Style == style::one_guard) {
          auto held = reader.hold();
          return sum_of<Order>(held, chunk);
        } else {
          return sum_of<Order>(reader, chunk);
        }
      };
    }
  });
}

template <class Map, style Style, class Reference, order Order = order::free>
void add(const size_mix& size, const std::string& name) {
  for (std::size_t threads : {1U, 2U}) {
    // Of these one thread tells all there is to tell.
    if (threads != 1 && (Order == order::chained || !std::is_same_v<Reference, fastest_map>)) continue;
    std::string const full = std::string("read_cost/") + size.name + "/T" + std::to_string(threads) + "/" + name;
    benchmark::RegisterBenchmark(full.c_str(), [entries = size.entries, threads, name](benchmark::State& state) {
      std::span<const number> const keys = keys_for(entries);
      auto const reference = place_of_reference.get<sequential_map<Reference>>(keys);
      auto const map = place_of_measured.get<Map>(keys);
      compare(state, reading_map<Map, Style, Order>(name, map, threads, keys),
              reading_map<sequential_map<Reference>, style::get, Order>("bare", reference, 1, keys));
    })->UseManualTime();
  }
}

template <class Peer>
void add_peer(const size_mix& size) {
  add<Peer, style::get, fastest_map>(size, Peer::label);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("bare", fastest_map::label);
  for (const size_mix& size : sizes) {
    add<sequential_map<fastest_map>, style::get, fastest_map>(size, "bare");
    add<sequential_map<cells>, style::get, fastest_map>(size, "bare_cells");
    add<evmap<cells>, style::get, fastest_map>(size, "evmap/get");
    add<evmap<cells>, style::find_one, fastest_map>(size, "evmap/find_one");
    add<evmap<cells>, style::one_guard, fastest_map>(size, "evmap/one_guard");
    add<evmap<cells>, style::get, fastest_map, order::chained>(size, "evmap/get/chained");
    add<evmap<cells>, style::find_one, fastest_map, order::chained>(size, "evmap/find_one/chained");
    add<evmap<cells>, style::one_guard, fastest_map, order::chained>(size, "evmap/one_guard/chained");
    add<evmap<fastest_map>, style::get, fastest_map>(size, std::string("evmap/get/over_") + fastest_map::label);
    add<evmap<fastest_map>, style::find_one, fastest_map>(size,
                                                          std::string("evmap/find_one/over_") + fastest_map::label);
    add<cell_map_of_copies, style::get, fastest_map>(size, "cell_map/get");
    add<cell_map, style::get, fastest_map>(size, "cell_map/cvisit");
    add<cell_map_of_copies, style::get, fastest_map, order::chained>(size, "cell_map/get/chained");
    add<cell_map, style::get, fastest_map, order::chained>(size, "cell_map/cvisit/chained");
    add<cell_index, style::get, fastest_map>(size, "cell_index/visit");
    add<held_cell_index, style::get, fastest_map>(size, "cell_index/visit/one_guard");
    add<cell_index, style::get, fastest_map, order::chained>(size, "cell_index/visit/chained");
#if defined(TANDEM_BENCH_HAS_BOOST_CONCURRENT)
    add_peer<boost_concurrent_map>(size);
#endif
#if defined(TANDEM_BENCH_HAS_CUCKOO)
    add_peer<cuckoo_map>(size);
#endif
#if defined(TANDEM_BENCH_HAS_TBB)
    add_peer<tbb_hash_map>(size);
#endif
    add_peer<locked_unordered_map>(size);
#if defined(TANDEM_BENCH_HAS_ABSL)
    add<evmap<absl_flat>, style::get, absl_flat>(size, "evmap/get/over_absl_flat_hash_map");
#endif
    add<evmap<std_unordered>, style::get, std_unordered>(size, "evmap/get/over_std_unordered_map");
  }
  return run_registered(argc, argv);
}
