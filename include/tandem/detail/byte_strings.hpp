// Hash and equality of strings of bytes, inline. Keys are short, and for eight bytes a call of the library's functions, which end
// with a loop over the last bytes, costs more than the work.
//
// Up to 16 bytes a string is two words that may overlap: what depends on its length is which loads are made, not how many. Longer ones
// are taken 16 bytes at a time, and the last 16 of them once more. The hash is wyhash's (Wang Yi, public domain): each 16 bytes, with
// what came before, are two factors of a product whose halves are folded; the length and one more product come last. Every bit of the
// string decides about every bit of the result, which is not mixed again. The result is the same within one machine, and no secret:
// who may choose keys can make them collide, as with std::hash.
#ifndef TANDEM_DETAIL_BYTE_STRINGS_HPP
#define TANDEM_DETAIL_BYTE_STRINGS_HPP

#include <tandem/detail/folded_product.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tandem::detail {

template <class Word>
[[gnu::always_inline]] inline std::uint64_t load_word(const void* from, std::size_t at) noexcept {
  Word w;
  std::memcpy(&w, static_cast<const unsigned char*>(from) + at, sizeof(w));
  return w;
}

struct two_words {
  std::uint64_t first;
  std::uint64_t last;
};
// All of a string of at most 16 bytes; of two such strings of one length, equal if and only if they are.
[[gnu::always_inline]] inline two_words short_bytes(const void* s, std::size_t n) noexcept {
  if (n >= 8) return {load_word<std::uint64_t>(s, 0), load_word<std::uint64_t>(s, n - 8)};
  if (n >= 4) return {load_word<std::uint32_t>(s, 0), load_word<std::uint32_t>(s, n - 4)};
  if (n == 0) return {0, 0};
  // The first, the one in the middle and the last: of up to three, all.
  return {
      load_word<std::uint8_t>(s, 0) << 16 | load_word<std::uint8_t>(s, n / 2) << 8 | load_word<std::uint8_t>(s, n - 1),
      0};
}

[[gnu::always_inline]] inline bool equal_bytes(const void* a, const void* b, std::size_t n) noexcept {
  if (n > 16) return std::memcmp(a, b, n) == 0;
  two_words const x = short_bytes(a, n);
  two_words const y = short_bytes(b, n);
  return ((x.first ^ y.first) | (x.last ^ y.last)) == 0;
}

inline std::uint64_t hash_bytes(const void* s, std::size_t n) noexcept {
  constexpr std::uint64_t odd = 0xe703'7ed1'a0b4'28dbU;
  std::uint64_t before = 0xa076'1d64'78bd'642fU;
  two_words last;
  if (n <= 16) {
    last = short_bytes(s, n);
  } else {
    for (std::size_t at = 0; n - at > 16; at += 16) {
      before = folded_product(load_word<std::uint64_t>(s, at) ^ odd, load_word<std::uint64_t>(s, at + 8) ^ before);
    }
    last = {load_word<std::uint64_t>(s, n - 16), load_word<std::uint64_t>(s, n - 8)};
  }
  return folded_product(odd ^ n, folded_product(last.first ^ odd, last.last ^ before));
}

}  // namespace tandem::detail

#endif
