// A sequential map without any synchronisation: what "bare" means. Only while nobody writes.
#ifndef TANDEM_BENCH_ADAPTERS_SEQUENTIAL_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_SEQUENTIAL_MAP_HPP

#include "../workloads.hpp"

#include <functional>
#include <memory>
#include <span>
#include <unordered_map>

#if defined(TANDEM_BENCH_HAS_BOOST)
#include <boost/unordered/unordered_flat_map.hpp>
#endif
#if defined(TANDEM_BENCH_HAS_ABSL)
#include <absl/container/flat_hash_map.h>
#endif

namespace bench {

// The maps that others are measured against, and that are plugged into evmap. `label` is how they are called here.
struct std_unordered {
  static constexpr const char* label = "std_unordered_map";
  template <class K, class T, class H, class E, class A>
  using map = std::unordered_map<K, T, H, E, A>;
};
#if defined(TANDEM_BENCH_HAS_BOOST)
struct boost_flat {
  static constexpr const char* label = "boost_unordered_flat_map";
  template <class K, class T, class H, class E, class A>
  using map = boost::unordered_flat_map<K, T, H, E, A>;
};
using fastest_map = boost_flat;
#else
using fastest_map = std_unordered;
#endif
#if defined(TANDEM_BENCH_HAS_ABSL)
struct absl_flat {
  static constexpr const char* label = "absl_flat_hash_map";
  template <class K, class T, class H, class E, class A>
  using map = absl::flat_hash_map<K, T, H, E, A>;
};
#endif

template <class Kind, class Key, class Value, class Hash>
using sequential =
    typename Kind::template map<Key, Value, Hash, std::equal_to<Key>, std::allocator<std::pair<const Key, Value>>>;

template <class Kind>
class sequential_map {
 public:
  explicit sequential_map(std::span<const number> keys) {
    map_.reserve(keys.size());
    for (number const k : keys) map_.emplace(k, value_of(k));
  }

  class reader {
   public:
    explicit reader(const sequential_map& from) : map_(&from.map_) {}
    number get(number key) const {
      auto const found = map_->find(key);
      return found == map_->end() ? 0 : found->second;
    }

   private:
    const sequential<Kind, number, number, good_hash>* map_;
  };
  reader make_reader() const { return reader(*this); }

 private:
  sequential<Kind, number, number, good_hash> map_;
};

}  // namespace bench

#endif
