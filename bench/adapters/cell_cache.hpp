// tandem::cell_cache, so large that next to nothing is evicted: a map whose reads note that they were there.
#ifndef TANDEM_BENCH_ADAPTERS_CELL_CACHE_HPP
#define TANDEM_BENCH_ADAPTERS_CELL_CACHE_HPP

#include "store.hpp"

#include <tandem/cell_cache.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace bench {

template <class Types, class Options = tandem::cell_cache_options>
class cell_cache_store {
  using key_type = typename Types::key_type;
  using mapped_type = typename Types::mapped_type;

 public:
  static constexpr const char* label = "cell_cache";

  explicit cell_cache_store(std::size_t room) : cache_(room, 2 * room) {}

  template <class F>
  bool read(const key_type& key, F&& f) const {
    auto const found = cache_.get(key);
    if (found) f(*found);
    return found.has_value();
  }
  bool insert(const key_type& key, const mapped_type& value) {
    cache_.put(key, value);
    return true;
  }
  bool erase(const key_type& key) { return cache_.erase(key) != 0; }
  template <class F>
  void upsert(const key_type& key, const mapped_type& value, F&&) {
    cache_.put(key, value);
  }
  std::size_t evictions() const { return cache_.stats().evictions; }

 private:
  tandem::cell_cache<key_type, mapped_type, typename Types::hash, std::equal_to<key_type>,
                     std::allocator<std::pair<const key_type, mapped_type>>, Options>
      cache_;
};

// Whoever misses knows the value otherwise, so that the sums are right.
class filled_cell_cache : public filled<cell_cache_store<u64>> {
  using base = filled<cell_cache_store<u64>>;

 public:
  explicit filled_cell_cache(std::span<const number> keys) : base(keys) {
    check(store().evictions() <= keys.size() / 10'000, "next to nothing is evicted");
  }

  class reader {
   public:
    explicit reader(const filled_cell_cache& from) : store_(&from.store()) {}
    number get(number key) const {
      number found = 0;
      if (!store_->read(key, [&](const number& value) { found = value; })) [[unlikely]]
        found = value_of(key);
      return found;
    }

   private:
    const cell_cache_store<u64>* store_;
  };
  reader make_reader() const { return reader(*this); }
};

}  // namespace bench

#endif
