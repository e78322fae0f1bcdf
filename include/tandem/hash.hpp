// Hashing and equality as all containers of this library use them.
//
//   tandem::hash<Key>      std::hash<Key>; for strings transparent: a std::string, a std::string_view and a const char*
//                          with the same characters hash alike, without an allocation. Strings of char have a
//                          function of their own, which is inline (detail/byte_strings.hpp)
//   tandem::equal_to<Key>  ==; for strings transparent in the same way
//
// These are the defaults; any function object of the shape of std::hash and std::equal_to will do. A container looks up
// a key of another type than its own when both functions have a member type `is_transparent`.
//
// **Mixing.** Tables here select cells by some bits of the hash and shards by others, so every bit must depend on every
// bit of the key. std::hash of an integer is usually the integer itself, so its result is mixed before it is used (two
// multiplications). A hash function whose result is good as it is says so, and is then used as it is:
//
//   struct my_hash {
//     using is_avalanching = void;  // or std::true_type
//     std::size_t operator()(const my_key&) const;
//   };
//
// **What user functions must do.** Equal keys must hash alike, and results must not change while a container holds the
// key; functions that break this make lookups miss, but never make a container of this library touch memory it does not
// own. Const calls must be safe from several threads at once. They may throw; each container says what happens then.
#ifndef TANDEM_HASH_HPP
#define TANDEM_HASH_HPP

#include <tandem/detail/byte_strings.hpp>
#include <tandem/detail/folded_product.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

namespace tandem {

// H can hash a Key: called as const, gives something that is a std::size_t.
template <class H, class Key>
concept hash_function_for = requires(const H& hash, const Key& key) {
  { hash(key) } -> std::convertible_to<std::size_t>;
};

// E can compare an A with a B: called as const. It should be an equivalence.
template <class E, class A, class B = A>
concept equality_for = requires(const E& equal, const A& a, const B& b) {
  { equal(a, b) } -> std::convertible_to<bool>;
};

// F also takes other types than the one it was made for, with results that agree.
template <class F>
concept transparent = requires { typename F::is_transparent; };

namespace detail {

struct no_hash {};

}  // namespace detail

// The default hash function. Where std::hash<Key> is disabled this has no call operator, but can still be made and
// copied.
template <class Key>
struct hash : std::conditional_t<hash_function_for<std::hash<Key>, Key>, std::hash<Key>, detail::no_hash> {};

// The default equality. Has no call operator where Key has no ==.
template <class Key>
struct equal_to {
  constexpr bool operator()(const Key& a, const Key& b) const noexcept(noexcept(std::equal_to<Key>{}(a, b)))
    requires requires {
      { a == b } -> std::convertible_to<bool>;
    }
  {
    return std::equal_to<Key>{}(a, b);
  }
};

// The default order. `natural_order`: it is that of <.
template <class Key>
struct less {
  using natural_order = void;
  constexpr bool operator()(const Key& a, const Key& b) const noexcept(noexcept(std::less<Key>{}(a, b))) {
    return std::less<Key>{}(a, b);
  }
};

namespace detail {

// Strings whose characters are bytes, on machines whose hashes have 64 bits.
template <class Char>
inline constexpr bool is_byte_string =
    (std::is_same_v<Char, char> || std::is_same_v<Char, char8_t>) && std::numeric_limits<std::size_t>::digits >= 64;

// Everything that converts to a view of Char without an allocation: strings of any allocator, views, literals.
template <class Char, bool = is_byte_string<Char>>
struct string_hash {
  using is_transparent = void;
  std::size_t operator()(std::basic_string_view<Char> s) const noexcept {
    return std::hash<std::basic_string_view<Char>>{}(s);
  }
};
template <class Char>
struct string_hash<Char, true> {
  using is_transparent = void;
  using is_avalanching = void;
  [[gnu::always_inline]] std::size_t operator()(std::basic_string_view<Char> s) const noexcept {
    return static_cast<std::size_t>(hash_bytes(s.data(), s.size()));
  }
};

template <class Char>
struct string_equal_to {
  using is_transparent = void;
  constexpr bool operator()(std::basic_string_view<Char> a, std::basic_string_view<Char> b) const noexcept {
    if constexpr (is_byte_string<Char>) {
      if (!std::is_constant_evaluated()) return a.size() == b.size() && equal_bytes(a.data(), b.data(), a.size());
    }
    return a == b;
  }
};

template <class Char>
struct string_less {
  using is_transparent = void;
  using natural_order = void;
  constexpr bool operator()(std::basic_string_view<Char> a, std::basic_string_view<Char> b) const noexcept {
    return a < b;
  }
};

}  // namespace detail

// Strings whose traits are not the standard ones (say, that ignore case) are not covered: their equality is their own.
template <class Char, class Allocator>
struct hash<std::basic_string<Char, std::char_traits<Char>, Allocator>> : detail::string_hash<Char> {};
template <class Char>
struct hash<std::basic_string_view<Char>> : detail::string_hash<Char> {};

template <class Char, class Allocator>
struct equal_to<std::basic_string<Char, std::char_traits<Char>, Allocator>> : detail::string_equal_to<Char> {};
template <class Char>
struct equal_to<std::basic_string_view<Char>> : detail::string_equal_to<Char> {};

template <class Char, class Allocator>
struct less<std::basic_string<Char, std::char_traits<Char>, Allocator>> : detail::string_less<Char> {};
template <class Char>
struct less<std::basic_string_view<Char>> : detail::string_less<Char> {};

namespace detail {

template <class Hash>
struct is_avalanching : std::false_type {};
template <class Hash>
  requires std::is_void_v<typename Hash::is_avalanching>
struct is_avalanching<Hash> : std::true_type {};
template <class Hash>
  requires requires {
    { Hash::is_avalanching::value } -> std::convertible_to<bool>;
  }
struct is_avalanching<Hash> : std::bool_constant<static_cast<bool>(Hash::is_avalanching::value)> {};

}  // namespace detail

// Whether Hash says that its results need no mixing.
template <class Hash>
inline constexpr bool is_avalanching_v = detail::is_avalanching<Hash>::value;

namespace detail {

// Two products: after a single one some bits of the result hang on one bit of the key, and 1024 multiples of 8 fill 300
// of 1024 cells that are selected by bits 32 to 41. The constants have their bits spread evenly; the first one keeps
// small numbers from having a product without an upper half.
constexpr std::uint64_t mix64(std::uint64_t h) noexcept {
  return folded_product(folded_product(h ^ 0xa076'1d64'78bd'642fU, 0x9e37'79b9'7f4a'7c15U), 0xe703'7ed1'a0b4'28dbU);
}

// For machines whose std::size_t has 32 bits: two multiplications with shifts between them; a permutation.
constexpr std::uint32_t mix32(std::uint32_t h) noexcept {
  h ^= h >> 16;
  h *= 0x85eb'ca6bU;
  h ^= h >> 13;
  h *= 0xc2b2'ae35U;
  h ^= h >> 16;
  return h;
}

}  // namespace detail

// Spreads what distinguishes two hashes over all bits of the result.
constexpr std::size_t mix(std::size_t h) noexcept {
  if constexpr (std::numeric_limits<std::size_t>::digits >= 64) {
    return static_cast<std::size_t>(detail::mix64(h));
  } else {
    return static_cast<std::size_t>(detail::mix32(static_cast<std::uint32_t>(h)));
  }
}

namespace detail {

// The hash of `key` as the containers use it.
// Throws: what the hash function throws.
template <class Hash, class Key>
  requires hash_function_for<Hash, Key>
constexpr std::size_t mixed(const Hash& function, const Key& key) noexcept(noexcept(function(key))) {
  const std::size_t h = static_cast<std::size_t>(function(key));
  if constexpr (is_avalanching_v<Hash>) {
    return h;
  } else {
    return mix(h);
  }
}

// All of a mixed hash in 32 bits.
constexpr std::uint32_t folded_to_32(std::size_t h) noexcept {
  if constexpr (std::numeric_limits<std::size_t>::digits >= 64) {
    return static_cast<std::uint32_t>(h ^ (h >> 32));
  } else {
    return static_cast<std::uint32_t>(h);
  }
}

}  // namespace detail

}  // namespace tandem

#endif
