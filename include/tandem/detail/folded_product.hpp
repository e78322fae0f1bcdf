// What hash functions here are made of: a product of 64 by 64 bits whose halves are put on one another. The upper half of a product
// depends on all lower bits of its factors, the lower half on all upper ones.
#ifndef TANDEM_DETAIL_FOLDED_PRODUCT_HPP
#define TANDEM_DETAIL_FOLDED_PRODUCT_HPP

#include <cstdint>

namespace tandem::detail {

// The upper xor the lower half of the 128-bit product, from 32-bit multiplications.
constexpr std::uint64_t folded_product_portable(std::uint64_t a, std::uint64_t b) noexcept {
  constexpr std::uint64_t low_half = 0xffff'ffffU;
  const std::uint64_t al = a & low_half, ah = a >> 32, bl = b & low_half, bh = b >> 32;
  const std::uint64_t ll = al * bl, lh = al * bh, hl = ah * bl, hh = ah * bh;
  const std::uint64_t middle = (ll >> 32) + (lh & low_half) + (hl & low_half);
  const std::uint64_t low = (ll & low_half) | (middle << 32);
  const std::uint64_t high = hh + (lh >> 32) + (hl >> 32) + (middle >> 32);
  return high ^ low;
}

constexpr std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) noexcept {
#ifdef __SIZEOF_INT128__
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
#else
  return folded_product_portable(a, b);
#endif
}

}  // namespace tandem::detail

#endif
