// A map at work: candidates for comparisons, which run a mix on some threads and count what they did.
#ifndef TANDEM_BENCH_WORKING_HPP
#define TANDEM_BENCH_WORKING_HPP

#include "interleave.hpp"
#include "mixes.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace bench {

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
      case operation::scan:
        if constexpr (requires { store.scan(key, std::size_t(), [](const auto&, const auto&) {}); }) {
          store.scan(key, std::size_t{100},
                     [&](const auto& k, const mapped_type& value) { wrong |= Types::mismatch(k, value); });
          ++found;
        }
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

}  // namespace bench

#endif
