// Bytes in and out: numbers of variable length, a reader that does not go beyond its end, and checksums.
//
// Variable length (LEB128): seven bits at a time, the lowest first; the upper bit says that more follow; at most ten bytes, and no
// more than are needed, so that a number has one form.
#ifndef TANDEM_STORE_BYTES_HPP
#define TANDEM_STORE_BYTES_HPP

#include <tandem/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

// Header-only: the one dependency of the stores.
#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

namespace tandem::store {

using byte_view = std::span<const std::byte>;

// 64 bits of XXH3.
inline std::uint64_t checksum(byte_view bytes, std::uint64_t seed = 0) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

inline constexpr std::size_t longest_varint = 10;
// Precondition: there is room for the longest. Returns where it ends.
inline std::byte* write_varint(std::uint64_t n, std::byte* to) noexcept {
  for (; n >= 0x80; n >>= 7) *to++ = static_cast<std::byte>((n & 0x7f) | 0x80);
  *to++ = static_cast<std::byte>(n);
  return to;
}

class byte_writer {
 public:
  explicit byte_writer(std::vector<std::byte>& to) noexcept : to_(to) {}

  template <std::unsigned_integral U>
  void number(U n) {
    std::array<std::byte, sizeof(U)> bytes;
    detail::store_little(n, bytes.data());
    to_.insert(to_.end(), bytes.begin(), bytes.end());
  }
  void varint(std::uint64_t n) {
    std::array<std::byte, longest_varint> bytes;
    to_.insert(to_.end(), bytes.data(), write_varint(n, bytes.data()));
  }
  // Its length, and it.
  template <encodable T>
  void object(const T& value) {
    std::size_t const n = codec<T>::size(value);
    varint(n);
    std::size_t const at = to_.size();
    to_.resize(at + n);
    codec<T>::write(value, to_.data() + at);
  }

 private:
  std::vector<std::byte>& to_;
};

// Once something was not there, or not right, ok() is false, and everything that is read is 0 or empty.
class byte_reader {
 public:
  explicit byte_reader(byte_view from) noexcept : left_(from) {}

  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return left_.empty(); }
  std::size_t left() const noexcept { return left_.size(); }
  void fail() noexcept {
    ok_ = false;
    left_ = {};
  }

  byte_view bytes(std::uint64_t n) noexcept {
    if (n > left_.size()) {
      fail();
      return {};
    }
    byte_view const found = left_.first(static_cast<std::size_t>(n));
    left_ = left_.subspan(static_cast<std::size_t>(n));
    return found;
  }
  template <std::unsigned_integral U>
  U number() noexcept {
    byte_view const found = bytes(sizeof(U));
    return found.size() == sizeof(U) ? detail::load_little<U>(found.data()) : U{0};
  }
  std::uint64_t varint() noexcept {
    std::uint64_t n = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      byte_view const one = bytes(1);
      if (one.empty()) return 0;
      auto const bits = static_cast<std::uint64_t>(one[0]);
      // The tenth has one bit, and none but the first is 0.
      if ((shift == 63 && bits > 1) || (shift != 0 && bits == 0)) break;
      n |= (bits & 0x7f) << shift;
      if (bits < 0x80) return n;
    }
    fail();
    return 0;
  }
  template <encodable T>
  std::optional<T> object(std::uint64_t longest) {
    std::uint64_t const n = varint();
    if (n > longest) fail();
    byte_view const found = bytes(n);
    if (!ok_) return std::nullopt;
    std::optional<T> value = codec<T>::read(found);
    if (!value) fail();
    return value;
  }

 private:
  byte_view left_;
  bool ok_ = true;
};

}  // namespace tandem::store

#endif
