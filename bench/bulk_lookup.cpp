// Is it faster to look up many keys at once?
//
//   bulk_lookup/<size>/batch:<n>/over_one_guard        ratio: to n times find() under one guard
//   bulk_lookup/<size>/batch:<n>/over_guard_per_read   ratio: to n times find() of the reader, a guard each
//
// The answers of a batch are read after it, the others at once.
#include "adapters/evmap.hpp"
#include "interleave.hpp"

namespace {

using namespace bench;

using map_type = evmap<fastest_map>;

map_place place;

number sum_in_batches(map_type::reader& reader, std::span<const number> chunk, std::size_t batch,
                      std::vector<const map_type::map::bag_type*>& answers) {
  auto held = reader.hold();
  number sum = 0;
  for (std::size_t at = 0; at < chunk.size(); at += batch) {
    auto const keys = chunk.subspan(at, std::min(batch, chunk.size() - at));
    held.guard().find_many(keys, answers.begin());
    for (std::size_t i = 0; i != keys.size(); ++i) {
      if (answers[i] != nullptr) sum += part_of_sum(answers[i]->front());
    }
  }
  return sum;
}

void add(const size_mix& size, std::size_t batch, bool guard_per_read) {
  std::string const name = std::string("bulk_lookup/") + size.name + "/batch:" + std::to_string(batch) +
                           (guard_per_read ? "/over_guard_per_read" : "/over_one_guard");
  benchmark::RegisterBenchmark(name.c_str(), [=, entries = size.entries](benchmark::State& state) {
    std::span<const number> const keys = keys_for(entries);
    auto const map = place.get<map_type>(keys);
    candidate const bulk = reading("bulk", 1, keys, [&](std::size_t) {
      return [map, batch, reader = map->make_reader(),
              answers = std::vector<const map_type::map::bag_type*>(batch)](std::span<const number> chunk) mutable {
        return sum_in_batches(reader, chunk, batch, answers);
      };
    });
    candidate const single = reading("single", 1, keys, [&](std::size_t) {
      return [map, guard_per_read, reader = map->make_reader()](std::span<const number> chunk) mutable {
        return guard_per_read ? sum_one_by_one(reader, chunk) : sum_under_one_guard(reader, chunk);
      };
    });
    compare(state, bulk, single);
  })->UseManualTime();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("map inside evmap", fastest_map::label);
  for (const size_mix& size : sizes) {
    for (std::size_t batch : {8U, 64U, 1024U}) {
      for (bool guard_per_read : {false, true}) add(size, batch, guard_per_read);
    }
  }
  return run_registered(argc, argv);
}
