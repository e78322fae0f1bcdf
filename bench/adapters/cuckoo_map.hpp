// libcuckoo's cuckoohash_map. Writes are visible at once.
#ifndef TANDEM_BENCH_ADAPTERS_CUCKOO_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_CUCKOO_MAP_HPP

#if defined(TANDEM_BENCH_HAS_CUCKOO)

#include "../workloads.hpp"

#include <libcuckoo/cuckoohash_map.hh>

#include <span>

namespace bench {

class cuckoo_map {
 public:
  static constexpr const char* label = "libcuckoo";

  explicit cuckoo_map(std::span<const number> keys) : map_(keys.size()) {
    for (number const k : keys) map_.insert(k, value_of(k));
  }

  class reader {
   public:
    explicit reader(const cuckoo_map& from) : map_(&from.map_) {}
    number get(number key) const {
      number found = 0;
      map_->find(key, found);
      return found;
    }

   private:
    const libcuckoo::cuckoohash_map<number, number, good_hash>* map_;
  };
  reader make_reader() const { return reader(*this); }

  void write(number key, number value) { map_.insert_or_assign(key, value); }
  void publish() {}

 private:
  libcuckoo::cuckoohash_map<number, number, good_hash> map_;
};

}  // namespace bench

#endif
#endif
