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

#include <type_traits>
#include <utility>

namespace {

using namespace bench;

map_place place_of_reference;
map_place place_of_measured;

// A map with half of a universe in it.
template <class Store, class Types>
class half_full {
 public:
  explicit half_full(std::span<const number> universe) : store(universe.size() / 2) { restore(universe); }

  // Exactly those keys that belong there at the start.
  void restore(std::span<const number> universe) {
    for (std::size_t i = 0; i != universe.size(); ++i) {
      auto const key = Types::key(universe[i]);
      if (present_at_start(i)) {
        store.insert(key, Types::first_value(key));
      } else if (moved) {
        store.erase(key);
      }
    }
    size = universe.size() / 2;
    moved = false;
    check(store.size() == size, "the size of a map that has just been filled");
  }

  Store store;
  std::size_t size = 0;  // as it should be
  bool moved = false;    // other keys may be present than at the start
};

// What the operations of a thread said they did.
struct tally {
  std::size_t done = 0;
  std::size_t found = 0;
  std::size_t inserted = 0;
  std::size_t erased = 0;

  tally& operator+=(const tally& other) noexcept {
    done += other.done;
    found += other.found;
    inserted += other.inserted;
    erased += other.erased;
    return *this;
  }
};

template <class Types, class Store>
std::size_t do_chunk(Store& store, const typename work_stream<Types>::chunk& work, bool all_present, tally& so_far) {
  using mapped_type = typename Types::mapped_type;
  number wrong = 0;
  std::size_t found = 0;
  std::size_t inserted = 0;
  std::size_t erased = 0;
  for (std::size_t i = 0; i != chunk_size; ++i) {
    auto const& key = work.keys[i];
    switch (work.operations[i]) {
      case operation::read:
        found += store.read(key, [&](const mapped_type& value) { wrong |= Types::mismatch(key, value); });
        break;
      case operation::insert:
        if (store.insert(key, Types::first_value(key))) {
          ++inserted;
        } else {
          ++found;
        }
        break;
      case operation::erase:
        erased += store.erase(key);
        break;
      case operation::update:
        found += store.update(key, [&](mapped_type& value) {
          wrong |= Types::mismatch(key, value);
          Types::rewrite(value);
        });
        break;
      case operation::upsert:
        store.upsert(key, Types::first_value(key), [&](mapped_type& value) {
          wrong |= Types::mismatch(key, value);
          Types::rewrite(value);
          ++found;
        });
        break;
    }
  }
  check(wrong == 0, "a value that belongs to its key");
  check(!all_present || found == chunk_size, "a key that is always there");
  so_far += {chunk_size, found + erased, inserted, erased};
  return chunk_size;
}

template <class Types, class Store>
candidate working(std::string name, std::shared_ptr<half_full<Store, Types>> map, std::shared_ptr<tally> sum,
                  std::span<const number> universe, const op_mix& mix, const skew& how, std::size_t threads) {
  struct alignas(128) thread_state {
    work_stream<Types> stream;
    tally counts;
    double rate = 0;
  };
  if (mix.all_present && map->moved) map->restore(universe);
  if (mix.moves()) map->moved = true;
  auto state = std::make_shared<std::vector<std::unique_ptr<thread_state>>>();
  for (std::size_t i = 0; i != threads; ++i) {
    state->push_back(std::unique_ptr<thread_state>(new thread_state{work_stream<Types>(universe, mix, how, i), {}, 0}));
  }
  return {std::move(name), [state, map, sum, all_present = mix.all_present, threads] {
            bool const turns = take_turns(threads);
            auto const start = bench_clock::now();
            auto const end = start + 4 * slice;
            std::vector<crew::job> jobs;
            for (auto& mine : *state) {
              jobs.push_back([&s = *mine, &store = map->store, all_present, turns, end] {
                auto const step = [&] { return do_chunk<Types>(store, s.stream.next(), all_present, s.counts); };
                if (turns) {
                  do {
                    step();
                  } while (bench_clock::now() < end);
                } else {
                  static_cast<void>(rate_of(slice / 2, step));
                  s.rate = rate_of(slice, step);
                }
              });
            }
            rates total;
            total.quiet = at_least(threads).run(std::move(jobs)) || turns;
            seconds const took = bench_clock::now() - start;
            tally all;
            for (auto& mine : *state) {
              total.reads += mine->rate;
              all += std::exchange(mine->counts, {});
            }
            if (turns) total.reads = static_cast<double>(all.done) / took.count();
            map->size += all.inserted - all.erased;
            check(map->store.size() == map->size, "the size after all inserts and erases");
            *sum += all;
            return total;
          }};
}

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
