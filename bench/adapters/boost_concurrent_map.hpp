// boost::concurrent_flat_map, in Boost since 1.83. Writes are visible at once.
#ifndef TANDEM_BENCH_ADAPTERS_BOOST_CONCURRENT_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_BOOST_CONCURRENT_MAP_HPP

#if defined(TANDEM_BENCH_HAS_BOOST_CONCURRENT)

#include "../workloads.hpp"

#include <boost/unordered/concurrent_flat_map.hpp>

#include <span>

namespace bench {

class boost_concurrent_map {
 public:
  static constexpr const char* label = "boost_concurrent_flat_map";

  explicit boost_concurrent_map(std::span<const number> keys) : map_(keys.size()) {
    for (number const k : keys) map_.emplace(k, value_of(k));
  }

  class reader {
   public:
    explicit reader(const boost_concurrent_map& from) : map_(&from.map_) {}
    number get(number key) const {
      number found = 0;
      map_->cvisit(key, [&](const auto& entry) { found = entry.second; });
      return found;
    }

   private:
    const boost::concurrent_flat_map<number, number, good_hash>* map_;
  };
  reader make_reader() const { return reader(*this); }

  void write(number key, number value) { map_.insert_or_assign(key, value); }
  void publish() {}

 private:
  boost::concurrent_flat_map<number, number, good_hash> map_;
};

}  // namespace bench

#endif
#endif
