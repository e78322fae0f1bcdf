// The nodes of a tree that are not leaves (tree.hpp): n children, and between them n - 1 separators. Child i has the keys from
// separator i - 1 on and less than separator i.
//
// Separators are immutable, and so is the number of children: another number makes another node. A child is replaced in place,
// by one of the same range of keys, under the lock, until the node is closed. So who reads needs no lock, and does not have to
// look twice.
#ifndef TANDEM_TREE_INNER_HPP
#define TANDEM_TREE_INNER_HPP

#include <tandem/sync/cache_line.hpp>
#include <tandem/tree/leaf.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

namespace tandem::tree {

// A key by itself, where keys are too large to lie in nodes, or may throw when they are copied. It belongs to the node that is
// in the tree; the copies of nodes that are not any more may still refer to it.
template <class Key>
struct boxed_key : object {
  template <class K>
  explicit boxed_key(K&& k) : object(object::separator, sizeof(boxed_key)), key(std::forward<K>(k)) {}
  Key const key;
};

// Of at most so many bytes lie in nodes.
inline constexpr std::size_t largest_separator = 24;
template <class Key>
inline constexpr bool separators_are_boxed =
    !std::is_trivially_copyable_v<Key> || sizeof(Key) > largest_separator || !std::is_nothrow_copy_constructible_v<Key>;

// Room for `N` separators.
template <class Key, std::size_t N>
class plain_separators {
 public:
  using handle = Key;

  plain_separators() noexcept {}
  const Key& key(std::size_t i) const noexcept { return keys_[i]; }
  handle get(std::size_t i) const noexcept { return keys_[i]; }
  void put(std::size_t i, handle k) noexcept { std::construct_at(keys_ + i, k); }

 private:
  // Trivially copyable objects need not be destroyed.
  union {
    Key keys_[N];
  };
};
template <class Key, std::size_t N>
class boxed_separators {
 public:
  using handle = boxed_key<Key>*;

  const Key& key(std::size_t i) const noexcept { return boxes_[i]->key; }
  handle get(std::size_t i) const noexcept { return boxes_[i]; }
  void put(std::size_t i, handle b) noexcept { boxes_[i] = b; }

 private:
  handle boxes_[N];
};
// Numbers, followed by numbers that are not less than any: a search need not know how many separators there are.
template <class Key, std::size_t N>
class number_separators {
 public:
  using handle = Key;

  number_separators() noexcept {
    for (Key& k : keys_) k = greatest;
  }
  const Key& key(std::size_t i) const noexcept { return keys_[i]; }
  handle get(std::size_t i) const noexcept { return keys_[i]; }
  void put(std::size_t i, handle k) noexcept { keys_[i] = k; }

  // How many are not greater than k. What follows the separators counts as well, if k is the greatest number.
  std::size_t not_greater(Key k) const noexcept {
    // Halves while there are many; then counts every eighth, and then the seven between two of these: this has no branch, and one
    // comparison does not wait for another.
    std::size_t at = 0;
    std::size_t left = room;
    for (; left > 63; left /= 2) at += (left / 2 + 1) & (std::size_t{0} - (keys_[at + left / 2] <= k));
    std::size_t eights = 0;
    for (std::size_t i = 7; i < left; i += 8) eights += keys_[at + i] <= k;
    at += 8 * eights;
    constexpr std::size_t rest = room < 7 ? room : 7;
    std::size_t n = at;
    for (std::size_t i = 0; i != rest; ++i) n += keys_[at + i] <= k;
    return n;
  }

 private:
  static constexpr Key greatest =
      std::numeric_limits<Key>::has_infinity ? std::numeric_limits<Key>::infinity() : std::numeric_limits<Key>::max();
  static constexpr std::size_t room = [] {
    std::size_t n = 1;
    while (n < N) n = 2 * n + 1;
    return n;
  }();
  Key keys_[room];
};

// Ordered: numbers, in their natural order.
template <class Key, class Atomics, std::size_t Fanout, bool Ordered>
struct alignas(cache_line) inner : node<Atomics> {
  static_assert(Fanout >= 3 && Fanout < 0x8000, "a node has room for 3 children, at least");
  static constexpr bool numbers = Ordered && std::is_arithmetic_v<Key>;
  static constexpr bool boxes = separators_are_boxed<Key>;

  using node_type = node<Atomics>;
  using separators =
      typename std::conditional_t<numbers, std::type_identity<number_separators<Key, Fanout - 1>>,
                                  std::conditional_t<boxes, std::type_identity<boxed_separators<Key, Fanout - 1>>,
                                                     std::type_identity<plain_separators<Key, Fanout - 1>>>>::type;
  using handle = typename separators::handle;

  explicit inner(std::size_t above_leaves) noexcept
      : node_type(static_cast<std::uint16_t>(above_leaves), sizeof(inner)) {}

  // ---- For one who makes it.

  void append(node_type* child) noexcept { children_[this->count++].store(child, std::memory_order_relaxed); }
  void append(handle before, node_type* child) noexcept {
    keys_.put(this->count - std::size_t{1}, before);
    append(child);
  }

  // ---- For everybody.

  std::size_t size() const noexcept { return this->count; }
  const Key& key(std::size_t i) const noexcept { return keys_.key(i); }
  handle separator_at(std::size_t i) const noexcept { return keys_.get(i); }

  node_type* child(std::size_t i) const noexcept {
    // order[child]: acquire load; pairs with [put_child]: the child is made.
    return children_[i].load(std::memory_order_acquire);
  }
  // For the holder of the lock: a child with the same range of keys.
  void put_child(std::size_t i, node_type* child) noexcept {
    // order[put_child]: release store; pairs with [child]: as there.
    children_[i].store(child, std::memory_order_release);
  }

  // The child with k.
  template <class Q, class Compare>
  std::size_t child_of(const Q& k, const Compare& less) const {
    if constexpr (numbers && std::is_same_v<Q, Key>) {
      std::size_t const n = keys_.not_greater(k);
      std::size_t const last = this->count - std::size_t{1};
      return n < last ? n : last;
    } else {
      std::size_t from = 0;
      for (std::size_t n = size() - 1; n != 0;) {
        std::size_t const half = n / 2;
        if (less(k, key(from + half))) {
          n = half;
        } else {
          from += half + 1;
          n -= half + 1;
        }
      }
      return from;
    }
  }
  // The child with the greatest keys that are less than k.
  template <class Q, class Compare>
  std::size_t child_before(const Q& k, const Compare& less) const {
    std::size_t from = 0;
    for (std::size_t n = size() - 1; n != 0;) {
      std::size_t const half = n / 2;
      if (less(key(from + half), k)) {
        from += half + 1;
        n -= half + 1;
      } else {
        n = half;
      }
    }
    return from;
  }

 private:
  separators keys_;
  typename Atomics::template atomic<node_type*> children_[Fanout]{};
};

}  // namespace tandem::tree

#endif
