// std::unordered_map behind a std::shared_mutex: what people write first.
#ifndef TANDEM_BENCH_ADAPTERS_LOCKED_UNORDERED_MAP_HPP
#define TANDEM_BENCH_ADAPTERS_LOCKED_UNORDERED_MAP_HPP

#include "locked_map.hpp"
#include "store.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

namespace bench {

template <class Types, template <class> class Allocator = std::allocator>
class locked_unordered_store
    : public locked_map<
          Types,
          std::unordered_map<typename Types::key_type, typename Types::mapped_type, typename Types::hash,
                             std::equal_to<typename Types::key_type>,
                             Allocator<std::pair<const typename Types::key_type, typename Types::mapped_type>>>,
          std::shared_mutex> {
 public:
  static constexpr const char* label = "shared_mutex";

  locked_unordered_store() = default;
  explicit locked_unordered_store(std::size_t room) { this->map_.reserve(room); }
};

using locked_unordered_map = filled<locked_unordered_store<u64>>;

}  // namespace bench

#endif
