// How fast is a map when several threads read and write the same keys?
//
//   <mix>/<types>/<skew>/<size>/T<threads>/<map>     ratio: to `bare`, the fastest sequential map there is, which does
//                                                    the same mix alone on one thread; all threads together
//
// Mixes, of reads / inserts / erases / updates / upserts: read_only 100, upsert 50/0/0/0/50, read_heavy 98/1/1,
// exchange 10/40/40/10; see mixes.hpp for what is drawn, and from which keys. A read looks at the value where it is, an
// update changes it there. The counter `found` is the share of operations that found their key.
//
// Checked: each value that is seen belongs to its key; where all keys drawn are there, each is found; and after each
// slice the size is what the inserts and erases that said they did something add up to.
//
// With more threads than processors a slice is longer, all of it counts, and rates are per second on the wall.
#include "adapters/all_stores.hpp"
#include "interleave.hpp"
#include "mixes.hpp"
#include "working.hpp"

#include <type_traits>
#include <utility>

namespace {

using namespace bench;

map_place place_of_reference;
map_place place_of_measured;

template <class Store, class Types>
void add(const op_mix& mix, const skew& how, const size_mix& size, std::size_t threads) {
  std::string const name = std::string(mix.name) + "/" + Types::label + "/" + how.name + "/" + size.name + "/T" +
                           std::to_string(threads) + "/" + Store::label;
  benchmark::RegisterBenchmark(name.c_str(), [&mix, &how, &size, threads](benchmark::State& state) {
    using reference_store = bare_store<Types>;
    std::span<const number> const universe = keys_for(2 * size.entries);
    auto const reference = place_of_reference.get<half_full<reference_store, Types>>(universe);
    auto const map = place_of_measured.get<half_full<Store, Types>>(universe);
    auto const counts = std::make_shared<tally>();
    compare(state, working<Types>(Store::label, map, counts, universe, mix, how, threads),
            working<Types>("bare", reference, std::make_shared<tally>(), universe, mix, how, 1), "ops");
    set_counter(state, "found", static_cast<double>(counts->found) / static_cast<double>(counts->done));
  })->UseManualTime();
}

// In an order in which maps are built as seldom as possible.
template <class Store, class Types>
void add_map(const size_mix& size) {
  for (const op_mix& mix : op_mixes) {
    for (const skew& how : skews) {
      for (std::size_t const threads : thread_counts) {
        if (threads == 1 || Store::label != bare_store<Types>::label) add<Store, Types>(mix, how, size, threads);
      }
    }
  }
}

template <class Types>
void add_types(bool brief) {
  for (const size_mix& size : sizes) {
    // A million strings take longer to make than a brief run should take.
    if (brief && size.entries > 100'000 && !std::is_same_v<Types, u64>) continue;
    add_map<bare_store<Types>, Types>(size);
    for_each_store<Types>([&]<class Store>() { add_map<Store, Types>(size); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("bare", fastest_map::label);
  add_types<u64>(is_brief(argc, argv));
  add_types<text>(is_brief(argc, argv));
  return run_registered(argc, argv);
}
