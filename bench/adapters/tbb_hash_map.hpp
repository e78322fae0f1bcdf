// oneTBB's concurrent_hash_map.
#ifndef TANDEM_BENCH_ADAPTERS_TBB_HASH_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_TBB_HASH_MAP_HPP

#if defined(TANDEM_BENCH_HAS_TBB)

#include "store.hpp"

#include <tbb/concurrent_hash_map.h>

#include <cstddef>
#include <memory>
#include <utility>

namespace bench {

template <class Types, template <class> class Allocator = std::allocator>
class tbb_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;
  struct functions {
    std::size_t hash(const key_type& k) const noexcept { return typename Types::hash{}(k); }
    bool equal(const key_type& a, const key_type& b) const noexcept { return a == b; }
  };
  using map_type =
      tbb::concurrent_hash_map<key_type, mapped_type, functions, Allocator<std::pair<const key_type, mapped_type>>>;

 public:
  static constexpr const char* label = "tbb_concurrent_hash_map";

  tbb_store() = default;
  explicit tbb_store(std::size_t room) : map_(room) {}

  template <class F>
  bool read(const key_type& key, F&& f) const {
    typename map_type::const_accessor found;
    if (!map_.find(found, key)) return false;
    f(found->second);
    return true;
  }
  bool insert(const key_type& key, const mapped_type& value) {
    typename map_type::accessor place;
    bool const is_new = map_.insert(place, key);
    if (is_new) place->second = value;
    return is_new;
  }
  bool erase(const key_type& key) { return map_.erase(key); }
  template <class F>
  bool update(const key_type& key, F&& f) {
    typename map_type::accessor found;
    if (!map_.find(found, key)) return false;
    f(found->second);
    return true;
  }
  template <class F>
  void upsert(const key_type& key, const mapped_type& value, F&& f) {
    typename map_type::accessor place;
    if (map_.insert(place, key)) {
      place->second = value;
    } else {
      f(place->second);
    }
  }
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [key, value] : map_) f(key, value);
  }
  std::size_t size() const { return map_.size(); }

 private:
  map_type map_;
};

using tbb_hash_map = filled<tbb_store<u64>>;

}  // namespace bench

#endif
#endif
