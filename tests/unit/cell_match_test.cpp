// Matching of tags: every form gives the answer of a loop over the bytes.
#include <tandem/cell/match.hpp>

#include "support/catch.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <random>
#include <tuple>

namespace {

using tandem::cell::half_tag_words;
using tandem::cell::match;
using tandem::cell::match_portable;
using tandem::cell::tag;
using tandem::cell::tag_words;

template <class Words>
inline constexpr std::size_t tags_in = std::tuple_size_v<Words> * 8;

template <class Words>
tag tag_at(const Words& words, std::size_t i) {
  return static_cast<tag>(words[i / 8] >> (i % 8 * 8));
}
template <class Words>
void put(Words& words, std::size_t i, tag t) {
  words[i / 8] &= ~(std::uint64_t{0xff} << (i % 8 * 8));
  words[i / 8] |= std::uint64_t{t} << (i % 8 * 8);
}

template <class Words>
std::uint32_t match_by_loop(const Words& words, tag wanted) {
  std::uint32_t found = 0;
  for (std::size_t i = 0; i != tags_in<Words>; ++i) {
    if (tag_at(words, i) == wanted) found |= std::uint32_t{1} << i;
  }
  return found;
}

// How many of the 256 tags are answered wrongly.
template <class Words>
int mistakes(const Words& words) {
  std::array<std::uint32_t, 256> expected{};
  for (std::size_t i = 0; i != tags_in<Words>; ++i) expected[tag_at(words, i)] |= std::uint32_t{1} << i;
  int n = 0;
  for (unsigned wanted = 0; wanted != 256; ++wanted) {
    tag const t = static_cast<tag>(wanted);
    n += match(words, t) != expected[wanted];
    n += match_portable(words, t) != expected[wanted];
  }
  return n;
}

constexpr std::array<tag, 8> boundaries{0x00, 0x01, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0x55};

}  // namespace

TEMPLATE_TEST_CASE("the first tag is the lowest byte of the first word", "[cell_match]", tag_words, half_tag_words) {
  TestType words{};
  for (std::size_t i = 0; i != tags_in<TestType>; ++i) put(words, i, static_cast<tag>(i + 1));
  CHECK(words[0] == 0x0807'0605'0403'0201);
  CHECK(words[1] == 0x100f'0e0d'0c0b'0a09);
  for (std::size_t i = 0; i != tags_in<TestType>; ++i) {
    CHECK(match(words, static_cast<tag>(i + 1)) == std::uint32_t{1} << i);
    CHECK(match_portable(words, static_cast<tag>(i + 1)) == std::uint32_t{1} << i);
  }
  CHECK(match(words, 0) == 0);
  CHECK(match(words, 255) == 0);
}

TEMPLATE_TEST_CASE("words of one byte match it everywhere and nothing else", "[cell_match]", tag_words,
                   half_tag_words) {
  std::uint32_t const all = static_cast<std::uint32_t>((std::uint64_t{1} << tags_in<TestType>)-1);
  for (unsigned byte = 0; byte != 256; ++byte) {
    TestType words{};
    words.fill(tandem::cell::repeated(static_cast<tag>(byte)));
    REQUIRE(match(words, static_cast<tag>(byte)) == all);
    REQUIRE(match_portable(words, static_cast<tag>(byte)) == all);
    REQUIRE(mistakes(words) == 0);
  }
}

TEMPLATE_TEST_CASE("neighbours do not disturb each other, whatever bytes they are", "[cell_match]", tag_words,
                   half_tag_words) {
  // A borrow or a carry would come from the byte below: every pair of boundary bytes, at every place.
  int wrong = 0;
  for (tag const background : boundaries) {
    for (tag const low : boundaries) {
      for (tag const high : boundaries) {
        for (std::size_t i = 0; i + 1 != tags_in<TestType>; ++i) {
          TestType words{};
          words.fill(tandem::cell::repeated(background));
          put(words, i, low);
          put(words, i + 1, high);
          for (tag const wanted : boundaries) {
            std::uint32_t const expected = match_by_loop(words, wanted);
            wrong += match(words, wanted) != expected;
            wrong += match_portable(words, wanted) != expected;
          }
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("random words with planted equals match as in a loop, for all tags", "[cell_match]", tag_words,
                   half_tag_words) {
  std::mt19937_64 random(20'230'401);
  int wrong = 0;
  int several = 0;
  for (int round = 0; round != 2000; ++round) {
    TestType words{};
    for (std::uint64_t& w : words) w = random();
    tag const planted = static_cast<tag>(random());
    std::uint64_t const places = random() & random();
    for (std::size_t i = 0; i != tags_in<TestType>; ++i) {
      if ((places >> i & 1) != 0) put(words, i, planted);
    }
    wrong += mistakes(words);
    several += std::popcount(match_by_loop(words, planted)) > 2;
  }
  CHECK(wrong == 0);
  CHECK(several > 1000);
}

TEST_CASE("the portable form is a constant expression", "[cell_match]") {
  constexpr tag_words words{0x00ff'0000'0000'00ff, 0, 0, 0xff00'0000'0000'0000};
  STATIC_REQUIRE(match_portable(words, 0xff) == 0x8000'0041);
  STATIC_REQUIRE(match_portable(half_tag_words{words[0], words[1]}, 0xff) == 0x41);
  CHECK(match(words, 0xff) == 0x8000'0041);
}
