// How often is what one looks for in a cache, and what does a hit cost?
//
// hit_ratio/TRACE/SHARE: a loop of "get, and put if it was not there", one thread. The counters are hits in percent, of the
// same trace in caches for the same number of entries (SHARE of the keys): `lru` is exact, a std::list and a
// std::unordered_map; `cell_cache` evicts the least recent of 32; `probation:6` is the same with that option, so that
// what is new is evicted next but five unless it is asked for again. The first quarter of the trace fills the caches and does
// not count. These figures do not depend on the machine.
//
// Traces: zipf:THETA draws keys by Zipf's law. In ..._scans, as often as 8 times the capacity, somebody reads through 4 times the
// capacity of keys that are not asked for again; the hits are those of the others. In `twice` each key is asked for twice,
// with half of the capacity in other requests between the two: what suits a plain list, and probation not at all.
//
// hit_path: a get() that hits in a cell_cache, beside the same in a cell_map with the same entries; both copy the value
// without a lock. `ratio` is that of the rates.
#include "adapters/cell_cache.hpp"
#include "adapters/cell_map.hpp"
#include "interleave.hpp"
#include "mixes.hpp"

#include <tandem/cell_cache.hpp>

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using namespace bench;

// The list's first element was used last.
class exact_lru {
 public:
  explicit exact_lru(std::size_t capacity) : capacity_(capacity) {}

  // Returns whether it was there; it is afterwards.
  bool ask(number key) {
    auto const at = places_.find(key);
    if (at != places_.end()) {
      order_.splice(order_.begin(), order_, at->second);
      return true;
    }
    if (order_.size() == capacity_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(key);
    places_.emplace(key, order_.begin());
    return false;
  }

 private:
  std::size_t capacity_;
  std::list<number> order_;
  std::unordered_map<number, std::list<number>::iterator, good_hash> places_;
};

template <class Options>
class cell_lru {
 public:
  explicit cell_lru(std::size_t capacity) : cache_(0, capacity) {}

  bool ask(number key) {
    if (cache_.get(key)) return true;
    cache_.put(key, key);
    return false;
  }

 private:
  tandem::cell_cache<number, number, good_hash, std::equal_to<number>, std::allocator<std::pair<const number, number>>,
                     Options>
      cache_;
};

struct with_probation : tandem::cell_cache_options {
  static constexpr std::size_t probation = 6;
};

struct trace {
  std::vector<number> keys;
  std::vector<bool> counts;
};

trace draw(std::size_t keys, double theta, std::size_t length, std::size_t capacity, bool scans) {
  trace t;
  std::mt19937_64 random(seed);
  zipf_distribution zipf(keys, theta);
  number fresh = keys;
  for (std::size_t i = 0; t.keys.size() < length; ++i) {
    t.keys.push_back(scatter(zipf(random)));
    t.counts.push_back(t.keys.size() > length / 4);
    if (!scans || i % (8 * capacity) != 0) continue;
    for (std::size_t j = 0; j != 4 * capacity; ++j) {
      t.keys.push_back(scatter(++fresh));
      t.counts.push_back(false);
    }
  }
  return t;
}

trace draw_twice(std::size_t length, std::size_t capacity) {
  trace t;
  for (number i = 0; t.keys.size() < length; ++i) {
    t.keys.push_back(scatter(i));
    if (i >= capacity / 4) t.keys.push_back(scatter(i - capacity / 4));
  }
  t.counts.resize(t.keys.size(), true);
  return t;
}

template <class Cache>
double hits_in_percent(const trace& t, std::size_t capacity) {
  Cache cache(capacity);
  number hits = 0, all = 0;
  for (std::size_t i = 0; i != t.keys.size(); ++i) {
    bool const hit = cache.ask(t.keys[i]);
    hits += hit && t.counts[i];
    all += t.counts[i];
  }
  return 100 * static_cast<double>(hits) / static_cast<double>(all);
}

struct share {
  const char* name;
  std::size_t keys;  // for each entry
};
constexpr share shares[] = {{"1%", 100}, {"5%", 20}, {"10%", 10}};

template <class Draw>
void add_hit_ratio(const std::string& name, std::size_t capacity, Draw draw_trace) {
  benchmark::RegisterBenchmark(("hit_ratio/" + name).c_str(), [=](benchmark::State& state) {
    trace const t = draw_trace();
    for (auto _ : state) {
      set_counter(state, "lru", hits_in_percent<exact_lru>(t, capacity));
      set_counter(state, "cell_cache", hits_in_percent<cell_lru<tandem::cell_cache_options>>(t, capacity));
      set_counter(state, "probation:6", hits_in_percent<cell_lru<with_probation>>(t, capacity));
    }
  })->Iterations(1);
}

void add_hit_ratios(bool brief) {
  std::size_t const capacity = brief ? 512 : 8192;
  std::size_t const length = capacity * (brief ? 100 : 500);
  for (double const theta : {0.8, 0.99}) {
    for (bool const scans : {false, true}) {
      for (const share& s : shares) {
        std::string const name =
            std::string("zipf:") + (theta == 0.8 ? "0.8" : "0.99") + (scans ? "_scans/" : "/") + s.name;
        add_hit_ratio(name, capacity, [=] { return draw(capacity * s.keys, theta, length, capacity, scans); });
      }
    }
  }
  add_hit_ratio("twice", capacity, [=] { return draw_twice(length, capacity); });
}

map_place place_of_cache;
map_place place_of_map;

template <class Map>
candidate getting(std::string name, std::shared_ptr<Map> map, std::size_t threads, std::span<const number> keys) {
  return reading(std::move(name), threads, keys, [map](std::size_t) {
    return [map, reader = map->make_reader()](std::span<const number> chunk) { return sum_one_by_one(reader, chunk); };
  });
}

void add_hit_path(const size_mix& size, std::size_t threads) {
  std::string const name = std::string("hit_path/") + size.name + "/T" + std::to_string(threads);
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    std::span<const number> const keys = keys_for(size.entries);
    auto const cache = place_of_cache.get<filled_cell_cache>(keys);
    auto const map = place_of_map.get<cell_map_of_copies>(keys);
    compare(state, getting("cell_cache", cache, threads, keys), getting("cell_map", map, threads, keys));
  })->UseManualTime();
}

}  // namespace

int main(int argc, char** argv) {
  bool const brief = is_brief(argc, argv);
  add_hit_ratios(brief);
  for (const size_mix& size : sizes) {
    for (std::size_t threads : {1U, 2U}) add_hit_path(size, threads);
  }
  return run_registered(argc, argv);
}
