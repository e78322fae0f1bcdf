// A sequential map without any synchronisation: what "bare" means. Only while nobody writes.
#ifndef TANDEM_BENCH_ADAPTERS_SEQUENTIAL_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_SEQUENTIAL_MAP_HPP

#include "store.hpp"

#include <tandem/cell/sequential_map.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

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
// What evmap uses when nothing else is asked for.
struct cells {
  static constexpr const char* label = "cells";
  template <class K, class T, class H, class E, class A>
  using map = tandem::cell::sequential_map<K, T, H, E, A>;
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

// For one thread.
template <class Types, template <class> class Allocator = std::allocator, class Kind = fastest_map>
class bare_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  static constexpr const char* label = "bare";

  bare_store() = default;
  explicit bare_store(std::size_t room) { map_.reserve(room); }

  template <class F>
  bool read(const key_type& key, F&& f) const {
    auto const found = map_.find(key);
    if (found == map_.end()) return false;
    f(found->second);
    return true;
  }
  bool insert(const key_type& key, const mapped_type& value) { return map_.try_emplace(key, value).second; }
  bool erase(const key_type& key) { return map_.erase(key) != 0; }
  template <class F>
  bool update(const key_type& key, F&& f) {
    auto const found = map_.find(key);
    if (found == map_.end()) return false;
    f(found->second);
    return true;
  }
  template <class F>
  void upsert(const key_type& key, const mapped_type& value, F&& f) {
    auto const [place, is_new] = map_.try_emplace(key, value);
    if (!is_new) f(place->second);
  }
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [key, value] : map_) f(key, value);
  }
  std::size_t size() const { return map_.size(); }

 private:
  typename Kind::template map<key_type, mapped_type, typename Types::hash, std::equal_to<key_type>,
                              Allocator<std::pair<const key_type, mapped_type>>>
      map_;
};

template <class Kind>
using sequential_map = filled<bare_store<u64, std::allocator, Kind>>;

}  // namespace bench

#endif
