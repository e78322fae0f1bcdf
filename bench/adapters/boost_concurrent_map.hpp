// boost::concurrent_flat_map, in Boost since 1.83.
#ifndef TANDEM_BENCH_ADAPTERS_BOOST_CONCURRENT_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_BOOST_CONCURRENT_MAP_HPP

#if defined(TANDEM_BENCH_HAS_BOOST_CONCURRENT)

#include "store.hpp"

#include <boost/unordered/concurrent_flat_map.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace bench {

template <class Types, template <class> class Allocator = std::allocator>
class boost_concurrent_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  static constexpr const char* label = "boost_concurrent_flat_map";

  boost_concurrent_store() = default;
  explicit boost_concurrent_store(std::size_t room) : map_(room) {}

  template <class F>
  bool read(const key_type& key, F&& f) const {
    return map_.cvisit(key, [&](const auto& entry) { f(entry.second); }) != 0;
  }
  bool insert(const key_type& key, const mapped_type& value) { return map_.try_emplace(key, value); }
  bool erase(const key_type& key) { return map_.erase(key) != 0; }
  template <class F>
  bool update(const key_type& key, F&& f) {
    return map_.visit(key, [&](auto& entry) { f(entry.second); }) != 0;
  }
  template <class F>
  void upsert(const key_type& key, const mapped_type& value, F&& f) {
    map_.try_emplace_or_visit(key, value, [&](auto& entry) { f(entry.second); });
  }
  template <class F>
  void for_each(F&& f) const {
    map_.cvisit_all([&](const auto& entry) { f(entry.first, entry.second); });
  }
  std::size_t size() const { return map_.size(); }

 private:
  boost::concurrent_flat_map<key_type, mapped_type, typename Types::hash, std::equal_to<key_type>,
                             Allocator<std::pair<const key_type, mapped_type>>>
      map_;
};

using boost_concurrent_map = filled<boost_concurrent_store<u64>>;

}  // namespace bench

#endif
#endif
