// tandem::cell_index.
#ifndef TANDEM_BENCH_ADAPTERS_CELL_INDEX_HPP
#define TANDEM_BENCH_ADAPTERS_CELL_INDEX_HPP

#include "store.hpp"

#include <tandem/cell_index.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace bench {

template <class Types, template <class> class Allocator = std::allocator>
class index_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  using map = tandem::cell_index<key_type, mapped_type, typename Types::hash, std::equal_to<key_type>,
                                 Allocator<std::pair<const key_type, mapped_type>>>;

  static constexpr const char* label = "cell_index";

  index_store() = default;
  explicit index_store(std::size_t room) : map_(room) {}

  template <class F>
  bool read(const key_type& key, F&& f) const {
    return map_.visit(key, [&](const auto& entry) { f(entry.second); }) != 0;
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
  template <class F>
  void for_each(F&& f) const {
    map_.visit_all([&](const auto& entry) { f(entry.first, entry.second); });
  }
  std::size_t size() const { return map_.size(); }

  const map& inner() const noexcept { return map_; }

 private:
  map map_;
};

using cell_index = filled<index_store<u64>>;

// Read under one guard, as long as the reader lives.
class held_cell_index : public cell_index {
 public:
  static constexpr const char* label = "cell_index";
  using cell_index::cell_index;

  class reader {
   public:
    explicit reader(const held_cell_index& from) : all_(from.store().inner().enter()) {}
    number get(number key) const {
      number found = 0;
      all_.visit(key, [&](const auto& entry) { found = entry.second; });
      return found;
    }

   private:
    typename index_store<u64>::map::range_guard all_;
  };
  reader make_reader() const { return reader(*this); }
};

}  // namespace bench

#endif
