// std::unordered_map behind a std::shared_mutex: what people write first. Writes are visible at once.
#ifndef TANDEM_BENCH_ADAPTERS_LOCKED_UNORDERED_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_LOCKED_UNORDERED_MAP_HPP

#include "../workloads.hpp"

#include <mutex>
#include <shared_mutex>
#include <span>
#include <unordered_map>

namespace bench {

class locked_unordered_map {
 public:
  static constexpr const char* label = "shared_mutex";

  explicit locked_unordered_map(std::span<const number> keys) {
    map_.reserve(keys.size());
    for (number const k : keys) map_.emplace(k, value_of(k));
  }

  class reader {
   public:
    explicit reader(const locked_unordered_map& from) : from_(&from) {}
    number get(number key) const {
      std::shared_lock const hold(from_->mutex_);
      auto const found = from_->map_.find(key);
      return found == from_->map_.end() ? 0 : found->second;
    }

   private:
    const locked_unordered_map* from_;
  };
  reader make_reader() const { return reader(*this); }

  void write(number key, number value) {
    std::scoped_lock const hold(mutex_);
    map_[key] = value;
  }
  void publish() {}

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<number, number, good_hash> map_;
};

}  // namespace bench

#endif
