// The leaves of a tree (tree.hpp): up to 15 slots in no order, and a word that says which of them are used, and in which order.
//
// Who reads takes the word, looks at the slots that it names, and asks whether an element was erased meanwhile (the version of
// the lock: unlock() counts an erasure, unlock_unchanged() ends everything else). If not, what it has seen belongs together:
//
//   - An insertion fills a slot that the word does not name, and then stores a word that does.
//   - An update is one store in the slot (cell/published_slot.hpp).
//   - An erasure stores a word that does not name the slot, which keeps what it has. It is counted before the slot is used
//     again: only the next holder of the lock does that. So a reader that finds a new element in a slot that it has by an old
//     word finds the erasure counted as well.
//
// Who writes holds the lock. A leaf that is closed (by its lock) does not change any more.
#ifndef TANDEM_TREE_LEAF_HPP
#define TANDEM_TREE_LEAF_HPP

#include <tandem/sync/cache_line.hpp>
#include <tandem/sync/versioned_lock.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace tandem::tree {

// What nodes and separators have in common: their place among those that are retired.
struct object {
  static constexpr std::uint16_t separator = 0xffff;

  object(std::uint16_t kind, std::size_t size) noexcept : level(kind), bytes(static_cast<std::uint32_t>(size)) {}
  std::size_t retired_bytes() const noexcept { return bytes; }

  object* next_retired = nullptr;
  std::uint16_t const level;  // of a node; leaves have 0, other nodes one more than their children
  std::uint16_t count = 0;    // of children
  std::uint32_t const bytes;
};

template <class Atomics>
struct node : object {
  using object::object;
  versioned_lock<Atomics> lock;
};

// A permutation of slots: the first size() of them are used, in the order of their keys; then come the free ones.
// The word: 4 bits of size, then 15 times 4 bits.
class slot_order {
 public:
  using word = std::uint64_t;
  static constexpr std::size_t most = 15;

  constexpr slot_order() noexcept = default;
  constexpr explicit slot_order(word w) noexcept : word_(w) {}
  // So many slots are used, in their own order.
  static constexpr slot_order first(std::size_t n) noexcept { return slot_order(in_order | n); }

  constexpr word bits() const noexcept { return word_; }
  constexpr std::size_t size() const noexcept { return static_cast<std::size_t>(word_ & 15); }
  constexpr std::size_t operator[](std::size_t position) const noexcept {
    return static_cast<std::size_t>(word_ >> (4 * position + 4)) & 15;
  }
  // Where the slot is in the order. It is used if that is less than size().
  constexpr std::size_t position_of(std::size_t slot) const noexcept {
    // The lowest nibble that is zero is found exactly; a borrow can only disturb those above it.
    word const different = (word_ >> 4) ^ (ones * slot);
    return static_cast<std::size_t>(std::countr_zero((different - ones) & ~different & (ones << 3))) / 4;
  }

  // The slot that insert_at() takes.
  constexpr std::size_t free() const noexcept { return (*this)[size()]; }
  // Precondition: there is a free slot.
  constexpr slot_order insert_at(std::size_t position) const noexcept {
    std::size_t const n = size();
    word const order = word_ >> 4;
    word const kept = order & ~below(n + 1);
    word const moved = (order & below(n) & ~below(position)) << 4;
    word const made = kept | moved | word{free()} << (4 * position) | (order & below(position));
    return slot_order(made << 4 | (n + 1));
  }
  constexpr slot_order erase_at(std::size_t position) const noexcept {
    std::size_t const n = size();
    word const order = word_ >> 4;
    word const kept = order & ~below(n);
    word const moved = (order & below(n) & ~below(position + 1)) >> 4;
    word const made = kept | word{(*this)[position]} << (4 * (n - 1)) | moved | (order & below(position));
    return slot_order(made << 4 | (n - 1));
  }

 private:
  static constexpr word ones = 0x0111'1111'1111'1111;
  static constexpr word in_order = 0xedcb'a987'6543'2100;
  static constexpr word below(std::size_t position) noexcept { return (word{1} << (4 * position)) - 1; }

  word word_ = in_order;
};

template <class Slot, class Atomics, std::size_t Slots>
struct alignas(cache_line) leaf : node<Atomics> {
  static_assert(Slots >= 2 && Slots <= slot_order::most, "a leaf has 2 to 15 slots");

  leaf() noexcept : node<Atomics>(0, sizeof(leaf)) {}

  slot_order order() const noexcept {
    // order[order]: acquire load; pairs with [put_order]: the slots that it names are filled.
    return slot_order(order_.load(std::memory_order_acquire));
  }
  // For the holder of the lock, or for one who has just made the leaf.
  void put(slot_order o) noexcept {
    // order[put_order]: release store; pairs with [order]: as there.
    order_.store(o.bits(), std::memory_order_release);
  }

 private:
  typename Atomics::template atomic<std::uint64_t> order_{slot_order().bits()};

 public:
  Slot slots[Slots];
};

}  // namespace tandem::tree

#endif
