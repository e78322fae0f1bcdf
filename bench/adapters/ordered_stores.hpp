// Ordered maps: tandem::tree_index, and what it is compared with. Beside what store.hpp asks for:
//
//   void scan(key, n, f) const;     // f(key, const value&) for n entries from the first that is not less than key
#ifndef TANDEM_BENCH_ADAPTERS_ORDERED_STORES_HPP
#define TANDEM_BENCH_ADAPTERS_ORDERED_STORES_HPP

#include "locked_map.hpp"
#include "store.hpp"

#include <tandem/tree_index.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

#if defined(TANDEM_BENCH_HAS_ABSL)
#include <absl/container/btree_map.h>
#endif
#if defined(TANDEM_BENCH_HAS_TBB)
#include <tbb/concurrent_map.h>
#endif

namespace bench {

#if defined(TANDEM_BENCH_HAS_ABSL)
template <class K, class T>
using fastest_ordered_map = absl::btree_map<K, T>;
#else
template <class K, class T>
using fastest_ordered_map = std::map<K, T>;
#endif

struct no_mutex {
  void lock() const noexcept {}
  void unlock() const noexcept {}
  void lock_shared() const noexcept {}
  void unlock_shared() const noexcept {}
};
// The best of std::shared_mutex and std::mutex for a map is not the same on all machines.
struct exclusive_mutex : std::mutex {
  void lock_shared() { lock(); }
  void unlock_shared() { unlock(); }
};

template <class Types, class Map, class Mutex>
class locked_ordered_store : public locked_map<Types, Map, Mutex> {
  using base = locked_map<Types, Map, Mutex>;

 public:
  locked_ordered_store() = default;
  explicit locked_ordered_store(std::size_t) {}

  template <class F>
  void scan(const typename base::key_type& key, std::size_t n, F&& f) const {
    std::shared_lock const hold(this->mutex_);
    for (auto at = this->map_.lower_bound(key); at != this->map_.end() && n != 0; ++at, --n) f(at->first, at->second);
  }
};

template <class Types>
struct bare_ordered_store
    : locked_ordered_store<Types, fastest_ordered_map<typename Types::key_type, typename Types::mapped_type>,
                           no_mutex> {
  static constexpr const char* label = "bare";
  using bare_ordered_store::locked_ordered_store::locked_ordered_store;
};
template <class Types>
struct shared_ordered_store
    : locked_ordered_store<Types, fastest_ordered_map<typename Types::key_type, typename Types::mapped_type>,
                           std::shared_mutex> {
  static constexpr const char* label = "btree_shared_mutex";
  using shared_ordered_store::locked_ordered_store::locked_ordered_store;
};
template <class Types>
struct std_map_store
    : locked_ordered_store<Types, std::map<typename Types::key_type, typename Types::mapped_type>, exclusive_mutex> {
  static constexpr const char* label = "std_map_mutex";
  using std_map_store::locked_ordered_store::locked_ordered_store;
};

#if defined(TANDEM_BENCH_HAS_TBB)
// Cannot erase, nor change a value while it is read: for mixes that do neither.
template <class Types>
class tbb_ordered_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  static constexpr const char* label = "tbb_concurrent_map";
  static constexpr bool reads_only = true;

  tbb_ordered_store() = default;
  explicit tbb_ordered_store(std::size_t) {}

  template <class F>
  bool read(const key_type& key, F&& f) const {
    auto const found = map_.find(key);
    if (found == map_.end()) return false;
    f(found->second);
    return true;
  }
  template <class F>
  void scan(const key_type& key, std::size_t n, F&& f) const {
    for (auto at = map_.lower_bound(key); at != map_.end() && n != 0; ++at, --n) f(at->first, at->second);
  }
  bool insert(const key_type& key, const mapped_type& value) { return map_.emplace(key, value).second; }
  bool erase(const key_type& key) { return map_.unsafe_erase(key) != 0; }
  template <class F>
  bool update(const key_type& key, F&& f) {
    auto const found = map_.find(key);
    if (found == map_.end()) return false;
    f(found->second);
    return true;
  }
  template <class F>
  void upsert(const key_type& key, const mapped_type& value, F&& f) {
    auto const [place, is_new] = map_.emplace(key, value);
    if (!is_new) f(place->second);
  }
  std::size_t size() const { return map_.size(); }

 private:
  tbb::concurrent_map<key_type, mapped_type> map_;
};
#endif

template <class Types>
class tree_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  using map = tandem::tree_index<key_type, mapped_type>;
  static constexpr const char* label = "tree_index";

  tree_store() = default;
  explicit tree_store(std::size_t) {}

  template <class F>
  bool read(const key_type& key, F&& f) const {
    return map_.visit(key, [&](const auto& entry) { f(entry.second); }) != 0;
  }
  template <class F>
  void scan(const key_type& key, std::size_t n, F&& f) const {
    map_.visit_from(key, [&](const auto& entry) {
      f(entry.first, entry.second);
      return --n != 0;
    });
  }
  bool insert(const key_type& key, const mapped_type& value) { return map_.try_emplace(key, value); }
  bool erase(const key_type& key) { return map_.erase(key) != 0; }
  template <class F>
  bool update(const key_type& key, F&& f) {
    return map_.update(key, [&](mapped_type& value) { f(value); });
  }
  template <class F>
  void upsert(const key_type& key, const mapped_type& value, F&& f) {
    while (!update(key, f) && !insert(key, value)) {
    }
  }
  std::size_t size() const { return map_.size(); }
  const map& inner() const noexcept { return map_; }

 private:
  map map_;
};

}  // namespace bench

#endif
