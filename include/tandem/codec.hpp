// codec<T>: how the stores turn keys and values into bytes, in snapshots, logs and commands. A customization point:
//
//     template <>
//     struct tandem::codec<account> {
//       static constexpr std::uint32_t id = 0x5ACC;                     // of this encoding: your own, from 0x1000000 on
//       static std::size_t size(const account& a);                      // how many bytes write() writes
//       static void write(const account& a, std::byte* to);             // exactly so many
//       static std::optional<account> read(std::span<const std::byte>); // nothing if that is not one
//     };
//
// Equal values must have equal bytes: digests and replicas compare them. read() gets what comes from outside and must bear with
// anything. The id is written into files, so that a file of other types is refused.
//
// Built in: strings as they are; integers, enumerations, float, double, bool in little-endian order, so that files can be read
// by other machines; other trivially copyable types as they lie in memory, for machines of one kind. The latter should
// have no padding and no pointers.
#ifndef TANDEM_CODEC_HPP
#define TANDEM_CODEC_HPP

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

namespace tandem {

template <class T>
struct codec;

// T can be turned into bytes and back.
template <class T>
concept encodable = requires(const T& value, std::byte* to, std::span<const std::byte> from) {
  { codec<T>::id } -> std::convertible_to<std::uint32_t>;
  { codec<T>::size(value) } -> std::convertible_to<std::size_t>;
  codec<T>::write(value, to);
  { codec<T>::read(from) } -> std::same_as<std::optional<T>>;
};

namespace detail {

template <class T>
concept number_like = (std::is_arithmetic_v<T> || std::is_enum_v<T>) && sizeof(T) <= 8 && !std::is_const_v<T>;

// Unsigned numbers in little-endian order, whatever the machine's is.
template <std::unsigned_integral U>
void store_little(U n, std::byte* to) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(to, &n, sizeof(U));
  } else {
    for (std::size_t i = 0; i != sizeof(U); ++i) to[i] = static_cast<std::byte>((n >> (8 * i)) & 0xff);
  }
}
template <std::unsigned_integral U>
U load_little(const std::byte* from) noexcept {
  U n = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&n, from, sizeof(U));
  } else {
    for (std::size_t i = 0; i != sizeof(U); ++i)
      n = static_cast<U>(n | static_cast<U>(static_cast<U>(from[i]) << (8 * i)));
  }
  return n;
}

template <std::size_t Size>
using bits_of = std::conditional_t<
    Size == 1, std::uint8_t,
    std::conditional_t<Size == 2, std::uint16_t, std::conditional_t<Size == 4, std::uint32_t, std::uint64_t>>>;

}  // namespace detail

template <class Traits, class Allocator>
struct codec<std::basic_string<char, Traits, Allocator>> {
  using string = std::basic_string<char, Traits, Allocator>;
  static constexpr std::uint32_t id = 1;
  static std::size_t size(const string& s) noexcept { return s.size(); }
  static void write(const string& s, std::byte* to) noexcept {
    if (!s.empty()) std::memcpy(to, s.data(), s.size());
  }
  static std::optional<string> read(std::span<const std::byte> from) {
    return string(reinterpret_cast<const char*>(from.data()), from.size());
  }
};

template <detail::number_like T>
struct codec<T> {
  static constexpr std::uint32_t id = 0x100U | (std::is_floating_point_v<T> ? 0x40U : 0U) |
                                      (std::is_signed_v<T> ? 0x20U : 0U) | (std::is_same_v<T, bool> ? 0x80U : 0U) |
                                      static_cast<std::uint32_t>(sizeof(T));
  static constexpr std::size_t size(const T&) noexcept { return sizeof(T); }
  static void write(const T& value, std::byte* to) noexcept {
    detail::store_little(std::bit_cast<detail::bits_of<sizeof(T)>>(value), to);
  }
  static std::optional<T> read(std::span<const std::byte> from) noexcept {
    if (from.size() != sizeof(T)) return std::nullopt;
    auto const bits = detail::load_little<detail::bits_of<sizeof(T)>>(from.data());
    if constexpr (std::is_same_v<T, bool>) {
      if (bits > 1) return std::nullopt;
      return bits == 1;
    } else {
      return std::bit_cast<T>(bits);
    }
  }
};

template <class T>
  requires(std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !detail::number_like<T> &&
           !std::is_pointer_v<T> && !std::is_const_v<T>)
struct codec<T> {
  static_assert(sizeof(T) < 0x1000000);
  static constexpr std::uint32_t id = 0x10000U + static_cast<std::uint32_t>(sizeof(T));
  static constexpr std::size_t size(const T&) noexcept { return sizeof(T); }
  static void write(const T& value, std::byte* to) noexcept { std::memcpy(to, std::addressof(value), sizeof(T)); }
  static std::optional<T> read(std::span<const std::byte> from) {
    if (from.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(static_cast<void*>(std::addressof(value)), from.data(), sizeof(T));
    return value;
  }
};

}  // namespace tandem

#endif
