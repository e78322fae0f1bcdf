// tandem::cell_map.
#ifndef TANDEM_BENCH_ADAPTERS_CELL_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_CELL_MAP_HPP

#include "store.hpp"

#include <tandem/cell_map.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace bench {

template <class Types, template <class> class Allocator = std::allocator>
class cell_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  using map = tandem::cell_map<key_type, mapped_type, typename Types::hash, std::equal_to<key_type>,
                               Allocator<std::pair<const key_type, mapped_type>>>;

  static constexpr const char* label = "cell_map";

  cell_store() = default;
  explicit cell_store(std::size_t room) : map_(room) {}

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

  const map& inner() const noexcept { return map_; }

 private:
  map map_;
};

// The same, read with get(), which returns a copy of the value.
template <class Types>
class cell_store_of_copies : public cell_store<Types> {
 public:
  using cell_store<Types>::cell_store;

  template <class F>
  bool read(const typename Types::key_type& key, F&& f) const {
    auto const found = this->inner().get(key);
    if (found) f(*found);
    return found.has_value();
  }
};

using cell_map = filled<cell_store<u64>>;
using cell_map_of_copies = filled<cell_store_of_copies<u64>>;

}  // namespace bench

#endif
