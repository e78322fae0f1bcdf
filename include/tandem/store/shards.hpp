// How the stores spread keys over tables: bits 24 and up of the hash choose the shard; a table uses the upper bits and the lowest eight,
// as in sharded_map.hpp.
#ifndef TANDEM_STORE_SHARDS_HPP
#define TANDEM_STORE_SHARDS_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

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

// The same for a table of nodes, element by element, of some cells at a time. While one is shown, follow(element) has been called for those
// that come soon, to ask for what they point to, and before that fetch(element), to ask for themselves: a few at any time, as a
// processor forgets what it is asked for when it is too much. show(element) says whether to go on before between() is called,
// behind the cell.
template <class Table, class Pin, class Fetch, class Follow, class Show, class Between>
bool scan_elements(const Table& entries, Pin&& pin, Fetch&& fetch, Follow&& follow, Show&& show, Between&& between) {
  constexpr std::size_t soon = 8, later = 16;
  struct cell {
    std::size_t end = 0;  // in `all`
    std::size_t last = 0;
  };
  std::array<cell, 8> cells;
  typename Table::picture seen;
  std::vector<const typename Table::value_type*> all;
  for (std::size_t next = 0;;) {
    bool at_end = false;
    {
      auto const pinned = pin();
      all.clear();
      std::size_t taken = 0;
      for (std::size_t at = next; taken != cells.size() && !at_end; ++taken) {
        cells[taken].last = entries.look_at_cell(at, seen);
        for (std::size_t i = 0; i != seen.size(); ++i) all.push_back(std::addressof(seen[i].value()));
        cells[taken].end = all.size();
        at_end = cells[taken].last == Table::last_hash;
        at = cells[taken].last + 1;
      }
      for (std::size_t i = 0; i != std::min(later, all.size()); ++i) fetch(*all[i]);
      for (std::size_t i = 0; i != std::min(soon, all.size()); ++i) follow(*all[i]);
      bool go_on = true;
      std::size_t i = 0;
      for (std::size_t c = 0; c != taken && go_on; ++c) {
        for (; i != cells[c].end; ++i) {
          if (i + later < all.size()) fetch(*all[i + later]);
          if (i + soon < all.size()) follow(*all[i + soon]);
          go_on = show(*all[i]) && go_on;
        }
        next = cells[c].last + 1;
        at_end = cells[c].last == Table::last_hash;
      }
    }
    if (!between()) return false;
    if (at_end) return true;
  }
}

}  // namespace tandem::store

#endif
