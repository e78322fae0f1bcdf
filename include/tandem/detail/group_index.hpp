// The index of a hashed value_bag: which positions of its array hold equal elements.
//
// Elements that are equal form a group. The index is a hash table of groups, and within a group its positions are
// linked, so that finding, counting and unlinking take constant time however many elements are equal. It knows
// positions and hashes only, never the elements: nothing here calls user code, allocates or throws, and whatever links
// it is fed, it stays within its memory. What it cannot promise when fed wrong links is to find the right group.
//
//   slots   open addressing, linear probing, backward-shift deletion; each slot holds the number of a group, or npos
//   groups  {hash, first position, size}; numbers of dead groups are reused
//   marks   one per position: {next position, previous position, group}
//
// Group numbers, unlike positions, do not change when the array moves an element, so a move touches two neighbours and
// never the slots.
//
// Invariants
//   1. Positions 0 .. n-1 are marked, n being the number of push() minus the number of erase() since clear().
//   2. Each mark is on the list of exactly one live group, whose size is the length of that list.
//   3. Each live group is in exactly one slot, and no empty slot lies between its home (hash & mask) and that slot.
//   4. At least a third of the slots is empty.
#ifndef TANDEM_DETAIL_GROUP_INDEX_HPP
#define TANDEM_DETAIL_GROUP_INDEX_HPP

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tandem::detail {

// How an element joins the index: its hash, and the position of an element equal to it (npos: there is none).
struct bag_link {
  std::uint32_t hash = 0;
  std::uint32_t twin = 0xffff'ffffU;
};

class group_index {
 public:
  static constexpr std::uint32_t npos = 0xffff'ffffU;

  group_index(const group_index&) = delete;
  group_index& operator=(const group_index&) = delete;

  // How many bytes, aligned as a group_index, an index for `capacity` elements needs.
  static constexpr std::size_t bytes_for(std::uint32_t capacity) noexcept {
    return sizeof(group_index) + capacity * (sizeof(mark) + sizeof(group)) +
           slots_for(capacity) * sizeof(std::uint32_t);
  }

  // An upper bound of what each element adds to that: 1.5 slots, rounded up to a power of two, are at most 3.
  static constexpr std::size_t max_bytes_per_element = 2 * 3 * sizeof(std::uint32_t) + 3 * sizeof(std::uint32_t);

  // Makes an empty index in memory of that size. It needs no destruction.
  static group_index* create(void* memory, std::uint32_t capacity) noexcept {
    return ::new (memory) group_index(capacity);
  }

  std::uint32_t capacity() const noexcept { return capacity_; }

  void clear() noexcept {
    marked_ = 0;
    groups_used_ = 0;
    free_group_ = npos;
    std::fill_n(slots_, mask_ + 1, npos);
  }

  // Marks the next position. A twin that is no marked position counts as none; the hash of one that is decides.
  void push(bag_link link) noexcept {
    assert(marked_ < capacity_);
    const std::uint32_t position = marked_++;
    if (link.twin < position) {
      const std::uint32_t number = marks_[link.twin].group;
      group& twins = groups_[number];
      std::construct_at(marks_ + position, mark{twins.first, npos, number});
      marks_[twins.first].previous = position;
      twins.first = position;
      ++twins.size;
    } else {
      std::construct_at(marks_ + position, mark{npos, npos, new_group(link.hash, position)});
    }
  }

  // Unmarks `position`; the element at the last position is to take its place.
  void erase(std::uint32_t position) noexcept {
    assert(position < marked_);
    const mark gone = marks_[position];
    group& twins = groups_[gone.group];
    (gone.previous == npos ? twins.first : marks_[gone.previous].next) = gone.next;
    if (gone.next != npos) marks_[gone.next].previous = gone.previous;
    if (--twins.size == 0) drop_group(gone.group);

    const std::uint32_t last = --marked_;
    if (position == last) return;
    const mark moved = marks_[position] = marks_[last];
    (moved.previous == npos ? groups_[moved.group].first : marks_[moved.previous].next) = position;
    if (moved.next != npos) marks_[moved.next].previous = position;
  }

  // The first position of the group with this hash for which same(first position) holds, or npos.
  // Throws: what `same` throws.
  template <class Same>
  std::uint32_t find(std::uint32_t hash, Same&& same) const {
    for (std::size_t slot = hash & mask_; slots_[slot] != npos; slot = (slot + 1) & mask_) {
      const group& candidate = groups_[slots_[slot]];
      if (candidate.hash == hash && same(candidate.first)) return candidate.first;
    }
    return npos;
  }

  // How many elements are in the group of this position.
  std::uint32_t count(std::uint32_t position) const noexcept {
    assert(position < marked_);
    return groups_[marks_[position].group].size;
  }

  // Calls f(p) for all positions p of the group whose first position this is.
  template <class F>
  void for_each(std::uint32_t first, F f) const {
    for (std::uint32_t p = first; p != npos; p = marks_[p].next) f(p);
  }

  // Whether this is the position that find() answers with for its group.
  bool is_first(std::uint32_t position) const noexcept { return marks_[position].previous == npos; }

  // Makes this index, which must be large enough, say what `other` says. Lists keep their order.
  void copy(const group_index& other) noexcept {
    assert(other.marked_ <= capacity_);
    clear();
    marked_ = other.marked_;
    for (std::uint32_t first = 0; first < marked_; ++first) {
      if (!other.is_first(first)) continue;
      const group& from = other.groups_[other.marks_[first].group];
      const std::uint32_t number = new_group(from.hash, first);
      groups_[number].size = from.size;
      for (std::uint32_t p = first; p != npos; p = other.marks_[p].next) {
        std::construct_at(marks_ + p, mark{other.marks_[p].next, other.marks_[p].previous, number});
      }
    }
  }

 private:
  struct mark {
    std::uint32_t next;
    std::uint32_t previous;
    std::uint32_t group;
  };
  struct group {
    std::uint32_t hash;
    std::uint32_t first;  // of a dead group: the next dead one
    std::uint32_t size;
  };

  static constexpr std::size_t slots_for(std::uint32_t capacity) noexcept {
    return std::bit_ceil(std::size_t{capacity} + std::size_t{capacity} / 2 + 1);
  }

  explicit group_index(std::uint32_t capacity) noexcept
      : marks_(reinterpret_cast<mark*>(this + 1)),
        groups_(reinterpret_cast<group*>(marks_ + capacity)),
        slots_(reinterpret_cast<std::uint32_t*>(groups_ + capacity)),
        mask_(slots_for(capacity) - 1),
        capacity_(capacity) {
    std::uninitialized_fill_n(slots_, mask_ + 1, npos);
  }

  // There is a free number: a group has at least one of at most `capacity_` positions.
  std::uint32_t new_group(std::uint32_t hash, std::uint32_t first) noexcept {
    std::uint32_t number = free_group_;
    if (number != npos) {
      free_group_ = groups_[number].first;
    } else {
      number = groups_used_++;
    }
    std::construct_at(groups_ + number, group{hash, first, 1});
    std::size_t slot = hash & mask_;
    while (slots_[slot] != npos) slot = (slot + 1) & mask_;
    slots_[slot] = number;
    return number;
  }

  void drop_group(std::uint32_t number) noexcept {
    std::size_t hole = groups_[number].hash & mask_;
    while (slots_[hole] != number) hole = (hole + 1) & mask_;
    // Pull back what was pushed past the hole, so that no probe ends at it too early.
    for (std::size_t slot = (hole + 1) & mask_; slots_[slot] != npos; slot = (slot + 1) & mask_) {
      const std::size_t home = groups_[slots_[slot]].hash & mask_;
      if (((slot - home) & mask_) >= ((slot - hole) & mask_)) {
        slots_[hole] = slots_[slot];
        hole = slot;
      }
    }
    slots_[hole] = npos;
    groups_[number].first = free_group_;
    free_group_ = number;
  }

  mark* marks_;  // these three follow this object, in the same memory
  group* groups_;
  std::uint32_t* slots_;
  std::size_t mask_;
  std::uint32_t capacity_;
  std::uint32_t marked_ = 0;
  std::uint32_t groups_used_ = 0;    // numbers from here on were never given out
  std::uint32_t free_group_ = npos;  // head of the list of dead groups
};

}  // namespace tandem::detail

#endif
