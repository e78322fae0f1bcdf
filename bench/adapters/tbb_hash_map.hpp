// oneTBB's concurrent_hash_map. Writes are visible at once.
#ifndef TANDEM_BENCH_ADAPTERS_TBB_HASH_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_TBB_HASH_MAP_HPP

#if defined(TANDEM_BENCH_HAS_TBB)

#include "../workloads.hpp"

#include <tbb/concurrent_hash_map.h>

#include <cstddef>
#include <span>

namespace bench {

class tbb_hash_map {
 public:
  static constexpr const char* label = "tbb_concurrent_hash_map";

  explicit tbb_hash_map(std::span<const number> keys) {
    map_.rehash(keys.size());
    for (number const k : keys) map_.emplace(k, value_of(k));
  }

  class reader {
   public:
    explicit reader(const tbb_hash_map& from) : map_(&from.map_) {}
    number get(number key) const {
      map_type::const_accessor found;
      return map_->find(found, key) ? found->second : 0;
    }

   private:
    friend tbb_hash_map;
    struct functions {
      std::size_t hash(number k) const noexcept { return good_hash{}(k); }
      bool equal(number a, number b) const noexcept { return a == b; }
    };
    using map_type = tbb::concurrent_hash_map<number, number, functions>;

    const map_type* map_;
  };
  reader make_reader() const { return reader(*this); }

  void write(number key, number value) {
    reader::map_type::accessor place;
    map_.insert(place, key);
    place->second = value;
  }
  void publish() {}

 private:
  reader::map_type map_;
};

}  // namespace bench

#endif
#endif
