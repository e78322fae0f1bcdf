// A map of one thread behind a mutex.
#ifndef TANDEM_BENCH_ADAPTERS_LOCKED_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_LOCKED_MAP_HPP

#include "store.hpp"

#include <cstddef>
#include <mutex>
#include <shared_mutex>

namespace bench {

template <class Types, class Map, class Mutex>
class locked_map {
 protected:
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  template <class F>
  bool read(const key_type& key, F&& f) const {
    std::shared_lock const hold(mutex_);
    auto const found = map_.find(key);
    if (found == map_.end()) return false;
    f(found->second);
    return true;
  }
  bool insert(const key_type& key, const mapped_type& value) {
    std::scoped_lock const hold(mutex_);
    return map_.try_emplace(key, value).second;
  }
  bool erase(const key_type& key) {
    std::scoped_lock const hold(mutex_);
    return map_.erase(key) != 0;
  }
  template <class F>
  bool update(const key_type& key, F&& f) {
    std::scoped_lock const hold(mutex_);
    auto const found = map_.find(key);
    if (found == map_.end()) return false;
    f(found->second);
    return true;
  }
  template <class F>
  void upsert(const key_type& key, const mapped_type& value, F&& f) {
    std::scoped_lock const hold(mutex_);
    auto const [place, is_new] = map_.try_emplace(key, value);
    if (!is_new) f(place->second);
  }
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [key, value] : map_) f(key, value);
  }
  std::size_t size() const {
    std::shared_lock const hold(mutex_);
    return map_.size();
  }

 protected:
  locked_map() = default;
  ~locked_map() = default;

  mutable Mutex mutex_;
  Map map_;
};

}  // namespace bench

#endif
