// Which of a cell's 32 or 16 tags are equal to a given one: one bit each, lowest first.
//
// A tag is eight bits of an entry's hash. The tags come as four or two words, loaded once by the caller, since other threads may
// be writing them. The forms below give the same answer for the same words; the compiler's target decides which is used, and
// `match_portable` does it in ordinary arithmetic anywhere.
//
// `match_in_place` is for tags in memory, 16 or 32 of them, and saves the way through general registers: for tags that nobody is
// writing, and, where `matches_shared`, also for those that somebody may be.
#ifndef TANDEM_CELL_MATCH_HPP
#define TANDEM_CELL_MATCH_HPP

#include <tandem/sync/fences.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

// <immintrin.h> has everything, and takes longer to compile than all of this library.
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(__AARCH64EB__)
#include <arm_neon.h>
#endif

namespace tandem::cell {

using tag = std::uint8_t;
// The first tag is the lowest byte of the first word.
using tag_words = std::array<std::uint64_t, 4>;
using half_tag_words = std::array<std::uint64_t, 2>;

constexpr std::uint64_t repeated(tag t) noexcept { return t * std::uint64_t{0x0101'0101'0101'0101}; }

// As below for the eight tags of one word.
constexpr std::uint32_t match_word(std::uint64_t tags, tag wanted) noexcept {
  constexpr std::uint64_t low_bits = 0x7f7f'7f7f'7f7f'7f7f;
  std::uint64_t const different = tags ^ repeated(wanted);
  // The highest bit of each byte that is zero. No byte carries into the next, so there are no false ones.
  std::uint64_t const equal = ~(((different & low_bits) + low_bits) | different | low_bits);
  // Byte i's bit to bit i: 8 * i + 7 * (8 - i) = 56 + i.
  return static_cast<std::uint32_t>(((equal >> 7) * std::uint64_t{0x0102'0408'1020'4080}) >> 56);
}

constexpr std::uint32_t match_portable(const tag_words& tags, tag wanted) noexcept {
  return match_word(tags[0], wanted) | match_word(tags[1], wanted) << 8 | match_word(tags[2], wanted) << 16 |
         match_word(tags[3], wanted) << 24;
}
constexpr std::uint32_t match_portable(const half_tag_words& tags, tag wanted) noexcept {
  return match_word(tags[0], wanted) | match_word(tags[1], wanted) << 8;
}

#if defined(__SSE2__) || defined(_M_X64)

inline std::uint32_t match(const half_tag_words& tags, tag wanted) noexcept {
  __m128i const all = _mm_set_epi64x(static_cast<long long>(tags[1]), static_cast<long long>(tags[0]));
  __m128i const same = _mm_cmpeq_epi8(all, _mm_set1_epi8(static_cast<char>(wanted)));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(same));
}

#endif

#if defined(__AVX2__)

inline std::uint32_t match(const tag_words& tags, tag wanted) noexcept {
  __m256i const all = _mm256_set_epi64x(static_cast<long long>(tags[3]), static_cast<long long>(tags[2]),
                                        static_cast<long long>(tags[1]), static_cast<long long>(tags[0]));
  __m256i const same = _mm256_cmpeq_epi8(all, _mm256_set1_epi8(static_cast<char>(wanted)));
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(same));
}

#elif defined(__SSE2__) || defined(_M_X64)

inline std::uint32_t match(const tag_words& tags, tag wanted) noexcept {
  __m128i const low = _mm_set_epi64x(static_cast<long long>(tags[1]), static_cast<long long>(tags[0]));
  __m128i const high = _mm_set_epi64x(static_cast<long long>(tags[3]), static_cast<long long>(tags[2]));
  __m128i const all = _mm_set1_epi8(static_cast<char>(wanted));
  auto const bits = [](__m128i same) { return static_cast<std::uint32_t>(_mm_movemask_epi8(same)); };
  return bits(_mm_cmpeq_epi8(low, all)) | bits(_mm_cmpeq_epi8(high, all)) << 16;
}

#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(__AARCH64EB__)

inline std::uint32_t match(const tag_words& tags, tag wanted) noexcept {
  // Each equal byte keeps the bit of its place within its eight; three pairwise sums gather these to one byte per eight.
  uint8x16_t const places = vreinterpretq_u8_u64(vdupq_n_u64(0x8040'2010'0804'0201));
  uint8x16_t const all = vdupq_n_u8(wanted);
  auto const bytes = [](std::uint64_t a, std::uint64_t b) {
    return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(a), vcreate_u64(b)));
  };
  uint8x16_t const low = vandq_u8(vceqq_u8(bytes(tags[0], tags[1]), all), places);
  uint8x16_t const high = vandq_u8(vceqq_u8(bytes(tags[2], tags[3]), all), places);
  uint8x16_t sums = vpaddq_u8(low, high);
  sums = vpaddq_u8(sums, sums);
  sums = vpaddq_u8(sums, sums);
  return vgetq_lane_u32(vreinterpretq_u32_u8(sums), 0);
}
inline std::uint32_t match(const half_tag_words& tags, tag wanted) noexcept {
  return match(tag_words{tags[0], tags[1], 0, 0}, wanted) & 0xffff;
}

#else

inline std::uint32_t match(const tag_words& tags, tag wanted) noexcept { return match_portable(tags, wanted); }
inline std::uint32_t match(const half_tag_words& tags, tag wanted) noexcept { return match_portable(tags, wanted); }

#endif

// ---- In memory.

#if defined(__SSE2__) && defined(__x86_64__) && defined(__GNUC__)

// Whether these words may be read in place while others write them.
template <class Word>
inline constexpr bool matches_shared =
    std::is_same_v<Word, std::atomic<std::uint64_t>> &&  // outside the seam: a model's words are more than their value
    !tandem::detail::thread_sanitizer;

// An instruction that reads 16 bytes reads each tag as it was or as it is, and that is all that is asked of it. It is ordered as
// every load of this processor, which is acquire. The compiler is not told of a vector, which no atomic is, but of memory;
// ThreadSanitizer, who would not see it, gets words.
template <class Word>
  requires matches_shared<Word>
std::uint32_t match_in_place(const Word (&tags)[4], tag wanted) noexcept {
  struct half {
    std::uint64_t words[2];
  };
  auto const* const halves = reinterpret_cast<const half*>(&tags);
  __m128i low = _mm_set1_epi8(static_cast<char>(wanted));
  __m128i high = low;
  asm volatile("pcmpeqb %2, %0\n\tpcmpeqb %3, %1" : "+x"(low), "+x"(high) : "m"(halves[0]), "m"(halves[1]) : "memory");
  auto const bits = [](__m128i same) { return static_cast<std::uint32_t>(_mm_movemask_epi8(same)); };
  return bits(low) | bits(high) << 16;
}

#else

template <class Word>
inline constexpr bool matches_shared = false;

#endif

template <class Word, std::size_t N>
  requires(!matches_shared<Word> && sizeof(Word) == sizeof(std::uint64_t))
std::uint32_t match_in_place(const Word (&tags)[N], tag wanted) noexcept {
  std::array<std::uint64_t, N> words;
  std::memcpy(words.data(), &tags, sizeof(words));
  return match(words, wanted);
}

}  // namespace tandem::cell

#endif
