// Is it faster to look up many keys at once?
//
//   bulk_lookup/<size>/<map>/batch:<n>/over_one_guard        ratio: to n times find() under one guard
//   bulk_lookup/<size>/<map>/batch:<n>/over_guard_per_read   ratio: to n times get(), a guard each
//   bulk_lookup/<size>/cell_map/batch:<n>/over_single        ratio: of cvisit(first, last, f) to n times cvisit(key, f)
//   bulk_lookup/<size>/cell_index/batch:<n>/over_single      ratio: of visit(first, last, f) to n times visit(key, f)
//
// The maps are those inside evmap, but for cell_map and cell_index. The answers of a batch of find_many are read after it,
// the others at once. What can be gained depends on the map inside: whether it can be told to fetch what a key will need.
#include "adapters/cell_index.hpp"
#include "adapters/cell_map.hpp"
#include "adapters/evmap.hpp"
#include "interleave.hpp"

namespace {

using namespace bench;

map_place place;

template <class Map>
using answers_of = std::vector<const typename Map::map::bag_type*>;

template <class Map>
number sum_in_batches(typename Map::reader& reader, std::span<const number> chunk, answers_of<Map>& answers) {
  auto held = reader.hold();
  number sum = 0;
  for (std::size_t at = 0; at < chunk.size(); at += answers.size()) {
    auto const keys = chunk.subspan(at, std::min(answers.size(), chunk.size() - at));
    held.guard().find_many(keys, answers.begin());
    for (std::size_t i = 0; i != keys.size(); ++i) {
      if (answers[i] != nullptr) sum += part_of_sum(answers[i]->front());
    }
  }
  return sum;
}

template <class Map>
void add(const size_mix& size, const std::string& map_name, std::size_t batch, bool guard_per_read) {
  std::string const name = std::string("bulk_lookup/") + size.name + "/" + map_name +
                           "/batch:" + std::to_string(batch) +
                           (guard_per_read ? "/over_guard_per_read" : "/over_one_guard");
  benchmark::RegisterBenchmark(name.c_str(), [=, entries = size.entries](benchmark::State& state) {
    std::span<const number> const keys = keys_for(entries);
    auto const map = place.get<Map>(keys);
    candidate const bulk = reading("bulk", 1, keys, [&](std::size_t) {
      return [map, reader = map->make_reader(), answers = answers_of<Map>(batch)](
                 std::span<const number> chunk) mutable { return sum_in_batches<Map>(reader, chunk, answers); };
    });
    candidate const single = reading("single", 1, keys, [&](std::size_t) {
      return [map, guard_per_read, reader = map->make_reader()](std::span<const number> chunk) mutable {
        return guard_per_read ? sum_one_by_one(reader, chunk) : sum_under_one_guard(reader, chunk);
      };
    });
    compare(state, bulk, single);
  })->UseManualTime();
}

template <class Kind>
void add_map(const size_mix& size) {
  add<evmap<Kind>>(size, Kind::label, 16, false);
  add<evmap<Kind>>(size, Kind::label, chunk_size, false);
  add<evmap<Kind>>(size, Kind::label, chunk_size, true);
}

template <class Map>
number sum_visited(const Map& map, std::span<const number> chunk, std::size_t batch) {
  number sum = 0;
  for (std::size_t at = 0; at < chunk.size(); at += batch) {
    auto const keys = chunk.subspan(at, std::min(batch, chunk.size() - at));
    map.store().inner().cvisit(keys.begin(), keys.end(), [&](const auto& e) { sum += part_of_sum(e.second); });
  }
  return sum;
}

// cell_map or cell_index.
template <class Map>
void add_cells(const size_mix& size, std::size_t batch) {
  std::string const name =
      std::string("bulk_lookup/") + size.name + "/" + Map::label + "/batch:" + std::to_string(batch) + "/over_single";
  benchmark::RegisterBenchmark(name.c_str(), [=, entries = size.entries](benchmark::State& state) {
    std::span<const number> const keys = keys_for(entries);
    auto const map = place.get<Map>(keys);
    candidate const bulk = reading("bulk", 1, keys, [&](std::size_t) {
      return [map, batch](std::span<const number> chunk) { return sum_visited(*map, chunk, batch); };
    });
    candidate const single = reading("single", 1, keys, [&](std::size_t) {
      return
          [map, reader = map->make_reader()](std::span<const number> chunk) { return sum_one_by_one(reader, chunk); };
    });
    compare(state, bulk, single);
  })->UseManualTime();
}

}  // namespace

int main(int argc, char** argv) {
  for (const size_mix& size : sizes) {
    for (std::size_t const batch : {16U, 64U, 256U}) add_cells<cell_map>(size, batch);
    for (std::size_t const batch : {16U, 64U, 256U}) add_cells<cell_index>(size, batch);
    add_map<std_unordered>(size);
#if defined(TANDEM_BENCH_HAS_BOOST)
    add_map<boost_flat>(size);
#endif
#if defined(TANDEM_BENCH_HAS_ABSL)
    add_map<absl_flat>(size);
#endif
  }
  return run_registered(argc, argv);
}
