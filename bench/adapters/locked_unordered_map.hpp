// std::unordered_map behind a std::shared_mutex: what people write first.
#ifndef TANDEM_BENCH_ADAPTERS_LOCKED_UNORDERED_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_LOCKED_UNORDERED_MAP_HPP

#include "store.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

namespace bench {

template <class Types, template <class> class Allocator = std::allocator>
class locked_unordered_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  static constexpr const char* label = "shared_mutex";

  locked_unordered_store() = default;
  explicit locked_unordered_store(std::size_t room) { map_.reserve(room); }

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

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<key_type, mapped_type, typename Types::hash, std::equal_to<key_type>,
                     Allocator<std::pair<const key_type, mapped_type>>>
      map_;
};

using locked_unordered_map = filled<locked_unordered_store<u64>>;

}  // namespace bench

#endif
