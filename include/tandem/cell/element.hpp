// What a table holds: pairs of a key and a value, or keys alone.
#ifndef TANDEM_CELL_ELEMENT_HPP
#define TANDEM_CELL_ELEMENT_HPP

#include <tandem/concepts.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace tandem::cell {

template <class Key, class T>
struct map_element {
  using key_type = Key;
  using mapped_type = T;
  using value_type = std::pair<const Key, T>;
  // What a value can be made from without copying the key.
  using init_type = std::pair<Key, T>;

  static const Key& key_of(const value_type& v) noexcept { return v.first; }

  static constexpr bool moves_nothrow =
      std::is_nothrow_move_constructible_v<Key> && std::is_nothrow_move_constructible_v<T>;

  // Moves `from` to the memory `to`, key and all, and ends its life. The key is const to protect it while it is in the
  // table; it leaves the table here.
  static value_type* relocate(void* to, value_type& from) noexcept(moves_nothrow) {
    value_type* const made =
        ::new (to) value_type(std::piecewise_construct, std::forward_as_tuple(std::move(const_cast<Key&>(from.first))),
                              std::forward_as_tuple(std::move(from.second)));
    std::destroy_at(std::addressof(from));
    return made;
  }

  // Calls make(key, value) with both to be moved from; but the key is copied if moving the value might fail after it, since an
  // element with half a key must not stay behind. A move with another allocator may be a copy.
  template <class Allocator, class F>
  static void take_apart(value_type& v, F& make) {
    constexpr bool cannot_fail = std::is_nothrow_move_constructible_v<T> && !std::uses_allocator_v<T, Allocator>;
    if constexpr (cannot_fail || !std::is_copy_constructible_v<Key>) {
      make(std::move(const_cast<Key&>(v.first)), std::move(v.second));
    } else {
      make(v.first, std::move(v.second));
    }
  }

  // Whether it can be copied as words, and the copy be used when the original is gone.
  static constexpr bool is_plain = is_plain_data<Key> && is_plain_data<T>;
  static constexpr std::size_t value_offset = (sizeof(Key) + alignof(T) - 1) / alignof(T) * alignof(T);
  static constexpr std::size_t plain_size = value_offset + sizeof(T);

  // The value begins `value_at` bytes behind the key.
  static void to_bytes(const value_type& from, std::byte* to, std::size_t value_at = value_offset) noexcept {
    std::memcpy(to, std::addressof(from.first), sizeof(Key));
    std::memcpy(to + value_at, std::addressof(from.second), sizeof(T));
  }
  static Key key_from_bytes(const std::byte* from) noexcept { return plain_from_bytes<Key>(from); }
  static value_type from_bytes(const std::byte* from, std::size_t value_at = value_offset) noexcept {
    return value_type(plain_from_bytes<Key>(from), plain_from_bytes<T>(from + value_at));
  }

 private:
  template <class U>
  static U plain_from_bytes(const std::byte* from) noexcept {
    union room {
      room() noexcept {}
      U value;
    } copy;
    std::memcpy(static_cast<void*>(std::addressof(copy.value)), from, sizeof(U));
    return copy.value;
  }
};

template <class Key>
struct set_element {
  using key_type = Key;
  using mapped_type = void;
  using value_type = Key;
  using init_type = Key;

  static const Key& key_of(const value_type& v) noexcept { return v; }

  static constexpr bool moves_nothrow = std::is_nothrow_move_constructible_v<Key>;
  static value_type* relocate(void* to, value_type& from) noexcept(moves_nothrow) {
    value_type* const made = ::new (to) value_type(std::move(from));
    std::destroy_at(std::addressof(from));
    return made;
  }

  template <class Allocator, class F>
  static void take_apart(value_type& v, F& make) {
    make(std::move(v));
  }

  static constexpr bool is_plain = is_plain_data<Key>;
  static constexpr std::size_t plain_size = sizeof(Key);
  static void to_bytes(const value_type& from, std::byte* to) noexcept {
    std::memcpy(to, std::addressof(from), sizeof(Key));
  }
  static Key key_from_bytes(const std::byte* from) noexcept { return from_bytes(from); }
  static value_type from_bytes(const std::byte* from) noexcept {
    union room {
      room() noexcept {}
      Key value;
    } copy;
    std::memcpy(static_cast<void*>(std::addressof(copy.value)), from, sizeof(Key));
    return copy.value;
  }
};

}  // namespace tandem::cell

#endif
