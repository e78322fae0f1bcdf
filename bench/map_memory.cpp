// How much memory does an entry take in a map that changes in place, and how much does an empty map?
//
//   map_memory/<types>/<entries>/<map>   bytes per entry; `grown`: inserted one after the other, `reserved`: with room
//                                        made beforehand, `peak`: the most while it grew; `ratio`: grown, to `bare`
//   map_memory/sweep/<map>               grown, at 160 sizes from 65,536 to 2 million, five per cent apart or less:
//                                        the least, the mean, the most of it
//   map_memory/empty/<map>               bytes of an empty map: the object itself, and what it has allocated; then
//                                        the latter with one entry
//
// What counts is what a map asks its allocator for; what malloc adds to that, which is eight bytes or more per node, is
// not contained. Strings are counted without their characters, which are the same for all.
#include "adapters/all_stores.hpp"
#include "interleave.hpp"

#include <cmath>
#include <functional>
#include <new>

namespace {

using namespace bench;

struct account {
  std::size_t in_use = 0;
  std::size_t most = 0;

  void add(std::size_t bytes) {
    in_use += bytes;
    most = std::max(most, in_use);
  }
};
// Maps are only used by one thread here.
account bytes;

template <class T>
struct counting_allocator {
  using value_type = T;

  counting_allocator() = default;
  template <class U>
  counting_allocator(const counting_allocator<U>&) noexcept {}

  T* allocate(std::size_t n) {
    T* const place = std::allocator<T>().allocate(n);
    bytes.add(n * sizeof(T));
    return place;
  }
  void deallocate(T* p, std::size_t n) noexcept {
    bytes.in_use -= n * sizeof(T);
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const counting_allocator&, const counting_allocator&) noexcept { return true; }
};

constexpr std::size_t sweep_from = 65'536;
constexpr std::size_t sweep_to = 2'000'000;
constexpr int sweep_steps = 160;
constexpr std::size_t wanted_entries[] = {1'000'000, std::size_t{1} << 20};

template <class Types, class Store>
void fill(Store& store, std::span<const number> keys) {
  for (number const k : keys) {
    auto const key = Types::key(k);
    check(store.insert(key, Types::first_value(key)), "a key that was not there");
  }
}

struct use {
  double grown = 0;
  double reserved = 0;
  double peak = 0;
};

template <class Types, class Store>
use per_entry(std::size_t entries) {
  std::span<const number> const keys = keys_for(entries);
  use found;
  auto const share = [&](std::size_t b) { return static_cast<double>(b) / static_cast<double>(entries); };
  {
    bytes = {};
    auto const store = std::make_unique<Store>();
    fill<Types>(*store, keys);
    check(store->size() == entries, "the number of keys");
    found.grown = share(bytes.in_use);
    found.peak = share(bytes.most);
  }
  bytes = {};
  auto const store = std::make_unique<Store>(entries);
  fill<Types>(*store, keys);
  found.reserved = share(bytes.in_use);
  return found;
}

template <class Types, class Store>
void add(std::size_t entries) {
  std::string const name =
      std::string("map_memory/") + Types::label + "/" + std::to_string(entries) + "/" + Store::label;
  benchmark::RegisterBenchmark(name.c_str(),
                               [=](benchmark::State& state) {
                                 use found, bare;
                                 for (auto _ : state) {
                                   found = per_entry<Types, Store>(entries);
                                   bare = per_entry<Types, bare_store<Types, counting_allocator>>(entries);
                                 }
                                 set_counter(state, "grown", found.grown);
                                 set_counter(state, "reserved", found.reserved);
                                 set_counter(state, "peak", found.peak);
                                 set_counter(state, "ratio", found.grown / bare.grown);
                               })
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

template <class Store>
void add_sweep() {
  std::string const name = std::string("map_memory/sweep/") + Store::label;
  benchmark::RegisterBenchmark(
      name.c_str(),
      [](benchmark::State& state) {
        double least = 0, most = 0, sum = 0;
        for (auto _ : state) {
          std::span<const number> const keys = keys_for(sweep_to);
          bytes = {};
          auto const store = std::make_unique<Store>();
          std::size_t filled = 0;
          for (int i = 0; i != sweep_steps; ++i) {
            double const octaves = std::log2(static_cast<double>(sweep_to) / sweep_from);
            auto const size = static_cast<std::size_t>(sweep_from * std::exp2(octaves * i / (sweep_steps - 1)));
            fill<u64>(*store, keys.subspan(filled, size - filled));
            filled = size;
            double const now = static_cast<double>(bytes.in_use) / static_cast<double>(size);
            least = i == 0 ? now : std::min(least, now);
            most = std::max(most, now);
            sum += now;
          }
        }
        set_counter(state, "least", least);
        set_counter(state, "mean", sum / sweep_steps);
        set_counter(state, "most", most);
      })
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

template <class Store>
void add_empty() {
  std::string const name = std::string("map_memory/empty/") + Store::label;
  benchmark::RegisterBenchmark(name.c_str(), [](benchmark::State& state) {
    std::size_t allocated = 0, with_one = 0;
    for (auto _ : state) {
      bytes = {};
      auto const store = std::make_unique<Store>();
      allocated = bytes.in_use;
      store->insert(1, 1);
      with_one = bytes.in_use;
    }
    set_counter(state, "object", sizeof(Store));
    set_counter(state, "allocated", static_cast<double>(allocated));
    set_counter(state, "allocated_for_one", static_cast<double>(with_one));
  })->Iterations(1);
}

template <class F>
void for_bare_and_others(F&& f) {
  f.template operator()<bare_store<u64, counting_allocator>>();
  for_each_store<u64, counting_allocator>(f);
}

}  // namespace

int main(int argc, char** argv) {
  for_bare_and_others([]<class Store>() { add_empty<Store>(); });
  for (std::size_t const entries : wanted_entries) {
    for_bare_and_others([=]<class Store>() { add<u64, Store>(entries); });
  }
  if (!is_brief(argc, argv)) {
    for_each_store<text, counting_allocator>([]<class Store>() { add<text, Store>(wanted_entries[0]); });
    for_bare_and_others([]<class Store>() { add_sweep<Store>(); });
  }
  return run_registered(argc, argv);
}
