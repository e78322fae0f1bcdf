// libcuckoo's cuckoohash_map.
#ifndef TANDEM_BENCH_ADAPTERS_CUCKOO_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_CUCKOO_MAP_HPP

#if defined(TANDEM_BENCH_HAS_CUCKOO)

#include "store.hpp"

#include <libcuckoo/cuckoohash_map.hh>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace bench {

template <class Types, template <class> class Allocator = std::allocator>
class cuckoo_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  static constexpr const char* label = "libcuckoo";

  // By default it has room for a quarter of a million entries.
  cuckoo_store() : map_(1) {}
  explicit cuckoo_store(std::size_t room) : map_(room) {}

  template <class F>
  bool read(const key_type& key, F&& f) const {
    return map_.find_fn(key, [&](const mapped_type& value) { f(value); });
  }
  bool insert(const key_type& key, const mapped_type& value) { return map_.insert(key, value); }
  bool erase(const key_type& key) { return map_.erase(key); }
  template <class F>
  bool update(const key_type& key, F&& f) {
    return map_.update_fn(key, [&](mapped_type& value) { f(value); });
  }
  template <class F>
  void upsert(const key_type& key, const mapped_type& value, F&& f) {
    map_.upsert(key, [&](mapped_type& old) { f(old); }, value);
  }
  template <class F>
  void for_each(F&& f) {
    for (const auto& [key, value] : map_.lock_table()) f(key, value);
  }
  std::size_t size() const { return map_.size(); }

 private:
  libcuckoo::cuckoohash_map<key_type, mapped_type, typename Types::hash, std::equal_to<key_type>,
                            Allocator<std::pair<const key_type, mapped_type>>>
      map_;
};

using cuckoo_map = filled<cuckoo_store<u64>>;

}  // namespace bench

#endif
#endif
