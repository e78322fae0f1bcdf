// How the stores spread keys over tables: bits 24 and up of the hash choose the shard; a table uses the upper bits and the lowest eight,
// as in sharded_map.hpp.
#ifndef TANDEM_STORE_SHARDS_HPP
#define TANDEM_STORE_SHARDS_HPP

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <thread>

namespace tandem::store {

// How many shards there are where n were asked for, a power of two; 0: few, as tables are for many threads each, and each keeps back
// what it has replaced for a while.
inline std::size_t shard_count_for(std::size_t n) noexcept {
  if (n != 0) return std::bit_ceil(std::min(n, std::size_t{1} << 16));
  return std::clamp<std::size_t>(std::bit_ceil<std::size_t>(std::thread::hardware_concurrency()) / 2, 2, 64);
}
// Precondition: count is a power of two.
constexpr std::size_t shard_of(std::size_t hash, std::size_t count) noexcept {
  constexpr int first_bit = std::numeric_limits<std::size_t>::digits >= 64 ? 24 : 8;
  return (hash >> first_bit) & (count - 1);
}

// show(picture) for all elements of a table (cell/index_table.hpp), those of a cell at a time. It runs pinned, by pin(); between these,
// between() is called, not pinned, and says whether to go on. Returns what it has said last.
template <class Table, class Pin, class Show, class Between>
bool scan_cells(const Table& entries, Pin&& pin, Show&& show, Between&& between) {
  for (std::size_t next = 0;;) {
    std::size_t last = 0;
    {
      auto const pinned = pin();
      typename Table::picture seen;
      last = entries.look_at_cell(next, seen);
      show(seen);
    }
    if (!between()) return false;
    if (last == Table::last_hash) return true;
    next = last + 1;
  }
}

}  // namespace tandem::store

#endif
