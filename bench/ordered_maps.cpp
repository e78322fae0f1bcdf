// How fast is an ordered map when several threads read, scan and write the same keys?
//
//   <mix>/<types>/<skew>/<size>/T<threads>/<map>     ratio: to `bare`, absl::btree_map where it is found, which does the same
//   mix
//                                                    alone on one thread; all threads together
//   fill/<order>/<size>/T1/<map>                     ratio: to `bare` again; how fast an empty map is filled with ascending,
//                                                    descending or shuffled keys
//   memory/<size>/tree_index                         bytes per entry after shuffled insertions, and after nine in ten are
//   erased
//
// Mixes: ordered_mixes in mixes.hpp. A scan goes over a hundred entries from a key on; it counts as one operation. What is
// checked is what mixed_work.cpp says. tbb::concurrent_map cannot erase beside others, nor change values, so it is in two mixes
// only.
#include "adapters/ordered_stores.hpp"
#include "interleave.hpp"
#include "mixes.hpp"
#include "working.hpp"

#include <algorithm>
#include <numeric>
#include <random>

namespace {

using namespace bench;

map_place place_of_reference;
map_place place_of_measured;

template <class Store, class Types>
void add(const op_mix& mix, const skew& how, const size_mix& size, std::size_t threads) {
  std::string const name = std::string(mix.name) + "/" + Types::label + "/" + how.name + "/" + size.name + "/T" +
                           std::to_string(threads) + "/" + Store::label;
  benchmark::RegisterBenchmark(name.c_str(), [&mix, &how, &size, threads](benchmark::State& state) {
    std::span<const number> const universe = keys_for(2 * size.entries);
    auto const reference = place_of_reference.get<half_full<bare_ordered_store<Types>, Types>>(universe);
    auto const map = place_of_measured.get<half_full<Store, Types>>(universe);
    compare(state, working<Types>(Store::label, map, std::make_shared<tally>(), universe, mix, how, threads),
            working<Types>("bare", reference, std::make_shared<tally>(), universe, mix, how, 1), "ops");
  })->UseManualTime();
}

template <class Store>
void add_map(const size_mix& size) {
  for (const op_mix& mix : ordered_mixes) {
    if constexpr (requires { Store::reads_only; }) {
      if (mix.read + mix.scan != 100) continue;
    }
    for (std::size_t const threads : {std::size_t{1}, std::size_t{2}}) {
      if (threads == 1 || !std::is_same_v<Store, bare_ordered_store<u64>>)
        add<Store, u64>(mix, skews[0], size, threads);
      if (std::string(mix.name).starts_with("ycsb") && threads == 2 &&
          !std::is_same_v<Store, bare_ordered_store<u64>>) {
        add<Store, u64>(mix, skews[1], size, threads);
      }
    }
  }
}

// One round: a map is filled, some thousand keys at a time, until the slice is over.
template <class Store>
candidate filling(std::string name, std::shared_ptr<const std::vector<number>> keys) {
  return {std::move(name), [keys] {
            rates result;
            double rate = 0;
            result.quiet = at_least(1).run({[&rate, keys] {
              auto store = std::make_unique<Store>();
              std::size_t at = 0;
              rate = rate_of(slice, [&] {
                if (at == keys->size()) {
                  store = std::make_unique<Store>();
                  at = 0;
                }
                std::size_t const end = std::min(at + chunk_size, keys->size());
                std::size_t const n = end - at;
                for (; at != end; ++at) store->insert((*keys)[at], u64::first_value((*keys)[at]));
                check(store->size() == at, "the size of a map that is being filled");
                return n;
              });
            }});
            result.reads = rate;
            return result;
          }};
}

template <class Store>
void add_filling(const char* order, std::size_t n) {
  std::string const name = std::string("fill/") + order + "/" + std::to_string(n / 1000) + "k/T1/" + Store::label;
  benchmark::RegisterBenchmark(name.c_str(), [order = std::string(order), n](benchmark::State& state) {
    auto const keys = std::make_shared<std::vector<number>>(n);
    std::iota(keys->begin(), keys->end(), number{1});
    if (order == "descending") std::ranges::reverse(*keys);
    if (order == "shuffled") std::ranges::shuffle(*keys, std::mt19937_64(seed));
    compare(state, filling<Store>(Store::label, keys), filling<bare_ordered_store<u64>>("bare", keys), "inserts");
  })->UseManualTime();
}

void add_memory(std::size_t n) {
  std::string const name = "memory/" + std::to_string(n / 1000) + "k/tree_index";
  benchmark::RegisterBenchmark(
      name.c_str(),
      [n](benchmark::State& state) {
        double filled = 0, thinned = 0;
        for (auto _ : state) {
          tree_store<u64> store;
          std::span<const number> const keys = keys_for(n);
          for (number k : keys) store.insert(k, k);
          filled = static_cast<double>(store.inner().stats().bytes) / static_cast<double>(store.size());
          for (std::size_t i = 0; i != keys.size(); ++i) {
            if (i % 10 != 0) store.erase(keys[i]);
          }
          thinned = static_cast<double>(store.inner().stats().bytes) / static_cast<double>(store.size());
          state.SetIterationTime(1);
        }
        set_counter(state, "bytes", filled);
        set_counter(state, "bytes_thinned", thinned);
      })
      ->UseManualTime()
      ->Iterations(1);
}

}  // namespace

int main(int argc, char** argv) {
  for (const size_mix& size : sizes) {
    add_map<bare_ordered_store<u64>>(size);
    add_map<shared_ordered_store<u64>>(size);
    add_map<std_map_store<u64>>(size);
#if defined(TANDEM_BENCH_HAS_TBB)
    add_map<tbb_ordered_store<u64>>(size);
#endif
    add_map<tree_store<u64>>(size);
  }
  for (const char* const order : {"ascending", "descending", "shuffled"}) {
    add_filling<tree_store<u64>>(order, 100'000);
    add_filling<std_map_store<u64>>(order, 100'000);
  }
  add_memory(is_brief(argc, argv) ? 20'000 : 1'000'000);
  return run_registered(argc, argv);
}
