// Hashing and equality: what is transparent, what is mixed, and how well.
#include "support/catch.hpp"

#include <tandem/hash.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <memory_resource>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>

namespace {

struct hashless {
  int n;
};

enum class colour { red, green };

struct plain {
  std::size_t operator()(int n) const { return static_cast<std::size_t>(n); }
};
struct says_void : plain {
  using is_avalanching = void;
};
struct says_true : plain {
  using is_avalanching = std::true_type;
};
struct says_false : plain {
  using is_avalanching = std::false_type;
};

struct hashed_by_its_author {
  int n;
};

}  // namespace

template <>
struct std::hash<hashed_by_its_author> {
  using is_avalanching = void;
  std::size_t operator()(hashed_by_its_author v) const noexcept { return static_cast<std::size_t>(v.n); }
};

TEST_CASE("strings, views and literals hash alike and compare equal", "[hash]") {
  const std::string s = "a string too long for the small buffer of std::string, so that a copy would allocate";
  const std::string_view v = s;
  const char* const c = s.c_str();
  const std::pmr::string p(s);

  const tandem::hash<std::string> hash;
  CHECK(hash(s) == hash(v));
  CHECK(hash(s) == hash(c));
  CHECK(hash(s) == hash(p));
  CHECK(hash(s) == tandem::hash<std::string_view>{}(c));
  CHECK(hash(s) == tandem::hash<std::pmr::string>{}(v));
  CHECK(tandem::hash<std::u16string>{}(u"x") == std::hash<std::u16string>{}(u"x"));
  CHECK(tandem::hash<std::u8string>{}(u8"x") == hash("x"));
  CHECK(hash("x") != hash("y"));

  const tandem::equal_to<std::string> equal;
  CHECK(equal(s, v));
  CHECK(equal(v, c));
  CHECK(equal(c, p));
  CHECK_FALSE(equal(s, "other"));
  CHECK(tandem::equal_to<std::u16string>{}(u"x", std::u16string(u"x")));

  // No call can allocate: the arguments become views, and views are all that the functions see.
  STATIC_REQUIRE(noexcept(hash(v)));
  STATIC_REQUIRE(noexcept(equal(v, v)));
}

TEST_CASE("hash and equality are transparent for strings and for nothing else", "[hash]") {
  STATIC_REQUIRE(tandem::transparent<tandem::hash<std::string>>);
  STATIC_REQUIRE(tandem::transparent<tandem::equal_to<std::string>>);
  STATIC_REQUIRE(tandem::transparent<tandem::hash<std::wstring_view>>);
  STATIC_REQUIRE_FALSE(tandem::transparent<tandem::hash<int>>);
  STATIC_REQUIRE_FALSE(tandem::transparent<tandem::equal_to<int>>);
}

TEST_CASE("what std::hash can hash can be hashed, and nothing else", "[hash]") {
  STATIC_REQUIRE(tandem::hash_function_for<tandem::hash<int>, int>);
  STATIC_REQUIRE(tandem::hash_function_for<tandem::hash<colour>, colour>);
  STATIC_REQUIRE(tandem::hash_function_for<tandem::hash<std::unique_ptr<int>>, std::unique_ptr<int>>);
  STATIC_REQUIRE(tandem::hash_function_for<tandem::hash<std::string>, char[4]>);
  STATIC_REQUIRE_FALSE(tandem::hash_function_for<tandem::hash<std::string>, int>);
  STATIC_REQUIRE_FALSE(tandem::hash_function_for<tandem::hash<hashless>, hashless>);
  STATIC_REQUIRE(std::is_nothrow_default_constructible_v<tandem::hash<hashless>>);

  STATIC_REQUIRE(tandem::equality_for<tandem::equal_to<int>, int>);
  STATIC_REQUIRE(tandem::equality_for<tandem::equal_to<std::string>, std::string, char[4]>);
  STATIC_REQUIRE_FALSE(tandem::equality_for<tandem::equal_to<hashless>, hashless>);
}

TEST_CASE("a hash function that says so is not mixed", "[hash]") {
  STATIC_REQUIRE(tandem::is_avalanching_v<says_void>);
  STATIC_REQUIRE(tandem::is_avalanching_v<says_true>);
  STATIC_REQUIRE_FALSE(tandem::is_avalanching_v<says_false>);
  STATIC_REQUIRE_FALSE(tandem::is_avalanching_v<plain>);
  STATIC_REQUIRE_FALSE(tandem::is_avalanching_v<tandem::hash<int>>);
  STATIC_REQUIRE_FALSE(tandem::is_avalanching_v<tandem::hash<std::u16string>>);
  STATIC_REQUIRE(tandem::is_avalanching_v<tandem::hash<hashed_by_its_author>>);

  CHECK(tandem::detail::mixed(says_void{}, 5) == 5);
  CHECK(tandem::detail::mixed(says_true{}, 5) == 5);
  CHECK(tandem::detail::mixed(says_false{}, 5) == tandem::mix(5));
  CHECK(tandem::detail::mixed(plain{}, 5) == tandem::mix(5));
  CHECK(tandem::mix(5) != 5);
}

TEST_CASE("the product without 128-bit arithmetic is the product with it", "[hash]") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    // All kinds of operands, also those with long runs of zeros and ones, where carries go wrong.
    const std::uint64_t a = random() >> (random() % 64);
    const std::uint64_t b = ~(random() >> (random() % 64));
    REQUIRE(tandem::detail::folded_product(a, b) == tandem::detail::folded_product_portable(a, b));
  }
}

namespace {

// How far from one half, at worst, the chance is that input bit i changes output bit j.
template <class Word, class Mix>
double worst_bias(Mix mix, bool small_inputs) {
  constexpr std::size_t bits = std::numeric_limits<Word>::digits;
  constexpr int rounds = 4000;
  std::mt19937_64 random(2);
  static int changed[bits][bits];
  for (auto& row : changed) std::fill(std::begin(row), std::end(row), 0);
  for (int r = 0; r < rounds; ++r) {
    const Word x = small_inputs ? static_cast<Word>(random() & 0xffff) : static_cast<Word>(random());
    for (std::size_t i = 0; i < bits; ++i) {
      const Word difference = mix(x) ^ mix(x ^ static_cast<Word>(Word{1} << i));
      for (std::size_t j = 0; j < bits; ++j)
        changed[i][j] += (difference & static_cast<Word>(Word{1} << j)) != 0 ? 1 : 0;
    }
  }
  double worst = 0;
  for (const auto& row : changed) {
    for (const int c : row) worst = std::max(worst, std::abs(c / double{rounds} - 0.5));
  }
  return worst;
}

}  // namespace

TEST_CASE("every bit of a hash decides about every bit of the mixed hash", "[hash]") {
  // 4000 flips of a coin are off by less than 0.05 nearly always, also the worst of 4096 series of them.
  CHECK(worst_bias<std::uint64_t>(tandem::detail::mix64, false) < 0.05);
  CHECK(worst_bias<std::uint64_t>(tandem::detail::mix64, true) < 0.05);
  CHECK(worst_bias<std::uint32_t>(tandem::detail::mix32, false) < 0.05);
  CHECK(worst_bias<std::uint32_t>(tandem::detail::mix32, true) < 0.05);
}

TEST_CASE("strings are equal if and only if all their bytes are, of whatever length and wherever they are", "[hash]") {
  const tandem::equal_to<std::string> equal;
  std::mt19937_64 random(3);
  for (std::size_t length = 0; length <= 70; ++length) {
    std::string bytes(length + 16, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    for (const std::size_t shift : {0U, 1U, 7U}) {
      const std::string_view original = std::string_view(bytes).substr(shift, length);
      std::string other(original);
      REQUIRE(equal(original, other));
      for (std::size_t at = 0; at < length; ++at) {
        for (const int bit : {0, 7}) {
          const char before = other[at];
          other[at] = static_cast<char>(before ^ (1 << bit));
          REQUIRE_FALSE(equal(original, other));
          other[at] = before;
        }
      }
      REQUIRE_FALSE(equal(original, other + '\0'));
    }
  }
  STATIC_REQUIRE(
      tandem::equal_to<std::string>{}("known when it is compiled", std::string_view("known when it is compiled")));
}

TEST_CASE("every bit of a string, and its length, decide about every bit of its hash", "[hash]") {
  if constexpr (std::numeric_limits<std::size_t>::digits >= 64) {
    const tandem::hash<std::string> hash;
    for (const std::size_t length : {8U, 9U, 12U, 16U, 17U, 31U, 32U, 48U, 100U}) {
      // Eight bytes of the string are random, or digits; they are moved through it.
      for (std::size_t at = 0; at + 8 <= length; at += 4) {
        std::string text(length, 'x');
        const auto of = [&](std::uint64_t word) {
          std::memcpy(text.data() + at, &word, sizeof(word));
          return static_cast<std::uint64_t>(hash(text));
        };
        INFO("length " << length << ", at " << at);
        CHECK(worst_bias<std::uint64_t>(of, false) < 0.05);
        CHECK(worst_bias<std::uint64_t>(of, true) < 0.05);
      }
    }
  }
  std::set<std::size_t> seen;
  for (std::size_t length = 0; length <= 200; ++length) {
    CHECK(seen.insert(tandem::hash<std::string>{}(std::string(length, '\0'))).second);
  }
}

TEST_CASE("short strings have hashes of their own, and spread over the cells of a table", "[hash]") {
  const tandem::hash<std::string> hash;
  std::set<std::size_t> seen;
  for (int a = 0; a < 256; ++a) {
    CHECK(seen.insert(hash(std::string(1, static_cast<char>(a)))).second);
    for (int b = 0; b < 256; ++b) {
      seen.insert(hash(std::string{static_cast<char>(a), static_cast<char>(b)}));
    }
  }
  CHECK(seen.size() == 256 + 65536);

  constexpr int bits = std::numeric_limits<std::size_t>::digits;
  for (const char* const prefix : {"", "key-", "a prefix of more than sixteen bytes/"}) {
    for (const int shift : {0, 11, bits / 2, bits - 10}) {
      std::set<std::size_t> cells;
      for (std::size_t i = 0; i < 1024; ++i) {
        cells.insert((tandem::detail::mixed(hash, prefix + std::to_string(i)) >> shift) & 1023);
      }
      INFO("prefix " << prefix << ", shift " << shift);
      CHECK(cells.size() > 560);
    }
  }
}

TEST_CASE("regular keys spread over the cells of a table, whichever bits it uses", "[hash]") {
  constexpr int bits = std::numeric_limits<std::size_t>::digits;
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{8}, std::size_t{64}, std::size_t{4096}, std::size_t{1 << 24}}) {
    for (const int shift : {0, 11, bits / 2, bits - 10}) {
      // 1024 keys into 1024 cells: random keys would leave 37 % of them empty.
      std::set<std::size_t> cells;
      for (std::size_t i = 0; i < 1024; ++i) cells.insert((tandem::mix(i * step) >> shift) & 1023);
      INFO("step " << step << ", shift " << shift);
      CHECK(cells.size() > 560);
    }
  }
}
