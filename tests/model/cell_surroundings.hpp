// What model programs of cell tables use: keys that choose their cells, and what model/allocated.hpp has.
//
// Memory is never used twice in an execution and is filled with rubbish when it is allocated and when it is freed: atomics
// there are recognised as not alive, so an array or a node that is freed too early, used before it is made, or lost, fails the
// execution. Values that are not copied are plain data, for which an unordered access is a race.
#ifndef TANDEM_TESTS_MODEL_CELL_SURROUNDINGS_HPP
#define TANDEM_TESTS_MODEL_CELL_SURROUNDINGS_HPP

#include "model/allocated.hpp"

#include <cstddef>
#include <cstdint>

namespace tandem::model {

struct same_hash {
  using is_avalanching = void;
  std::size_t operator()(std::uint64_t key) const noexcept { return static_cast<std::size_t>(key); }
};

// The key with this tag in this eighth of the hashes. With two cells, 0 to 3 are in the first.
constexpr std::uint64_t key(unsigned eighth, unsigned tag) { return std::uint64_t{eighth} << 61 | tag; }

template <std::size_t Slots, std::size_t Moves>
struct table_options {
  using atomics = model::atomics;
  using epoch = execution_epoch;
  static constexpr std::size_t slots = Slots;
  static constexpr std::size_t moves_per_write = Moves;
};

// The numbers that go with a key: 100 times its tag, and up.
constexpr std::uint64_t number_of(std::uint64_t k, std::uint64_t more = 0) { return (k & 0xff) * 100 + more; }

inline constexpr std::uint64_t low = key(0, 1);
inline constexpr std::uint64_t high = key(4, 2);

}  // namespace tandem::model

#endif
