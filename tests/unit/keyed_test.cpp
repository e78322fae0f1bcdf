// Keys whose hash is known, and predicates of any type: the parts of evmap that are its own.
#include <tandem/detail/any_predicate.hpp>
#include <tandem/detail/keyed.hpp>

#include "support/catch.hpp"

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace {

using tandem::detail::any_predicate;
using tandem::detail::keyed_equal;
using tandem::detail::keyed_hash;
using tandem::detail::prehashed;

struct counting_hash {
  std::size_t operator()(const std::string& s) const {
    ++calls;
    return std::hash<std::string>{}(s);
  }
  static inline int calls = 0;
};

struct plain {
  std::size_t operator()(int k) const noexcept { return static_cast<std::size_t>(k); }
};
struct good : plain {
  using is_avalanching = void;
};

using string_hash = keyed_hash<std::string, tandem::hash<std::string>>;
using string_equal = keyed_equal<std::string, tandem::equal_to<std::string>>;

// Not transparent: takes nothing but the key itself.
static_assert(!std::invocable<const keyed_hash<std::string, counting_hash>&, std::string_view>);
static_assert(std::invocable<const string_hash&, std::string_view> && std::invocable<const string_hash&, const char*>);

struct types {
  using key = std::string;
  using hasher = tandem::hash<std::string>;
  using key_equal = tandem::equal_to<std::string>;
};
static_assert(tandem::detail::key_for<std::string, types> && tandem::detail::key_for<char[4], types>);
static_assert(!tandem::detail::key_for<int, types>);

}  // namespace

TEST_CASE("a prehashed key is found without hashing", "[keyed]") {
  using hash = keyed_hash<std::string, counting_hash>;
  using equal = keyed_equal<std::string, std::equal_to<std::string>>;
  hash const h;
  std::unordered_map<std::string, int, hash, equal> map;
  for (int i = 0; i != 100; ++i) map[std::to_string(i)] = i;
  std::string const key = "42";
  std::size_t const known = h(key);
  counting_hash::calls = 0;
  auto const found = map.find(prehashed<std::string>{key, known});
  REQUIRE(found != map.end());
  CHECK(found->second == 42);
  std::string const absent = "absent";
  CHECK(map.find(prehashed<std::string>{absent, 1}) == map.end());
  CHECK(counting_hash::calls == 0);
}

TEST_CASE("a keyed hash and equality take what the user's do", "[keyed]") {
  string_hash const h;
  std::string const s = "key";
  CHECK(h(s) == h(std::string_view("key")));
  CHECK(h(s) == h("key"));
  CHECK(h(s) != h("kez"));
  CHECK(h(prehashed<std::string>{s, 7}) == 7);
  string_equal const eq;
  CHECK(eq(s, "key"));
  CHECK(eq(std::string_view("key"), s));
  CHECK(eq(prehashed<std::string>{s, 7}, std::string("key")));
  CHECK_FALSE(eq(s, prehashed<std::string_view>{"kez", 7}));
}

TEST_CASE("hashes are mixed unless they say that they are avalanching", "[keyed]") {
  CHECK(keyed_hash<int, plain>{}(1) == tandem::mix(1));
  CHECK(keyed_hash<int, good>{}(1) == 1);
}

TEST_CASE("the hash of a scalar key is noexcept exactly if the user's is", "[keyed]") {
  struct careful {
    std::size_t operator()(int) const noexcept { return 0; }
  };
  struct careless {
    std::size_t operator()(int) const { throw std::runtime_error("no"); }
  };
  static_assert(noexcept(keyed_hash<int, careful>{}(1)));
  static_assert(!noexcept(keyed_hash<int, careless>{}(1)));
  CHECK_THROWS_AS((keyed_hash<int, careless>{}(1)), std::runtime_error);
}

TEST_CASE("a predicate of any type is called with the arguments", "[any_predicate]") {
  static_assert(!std::copy_constructible<any_predicate<int>> && std::movable<any_predicate<int>>);
  any_predicate<int> even([](int i) { return i % 2 == 0; });
  CHECK(even(2));
  CHECK_FALSE(even(3));
  any_predicate<const std::string&> is_empty(&std::string::empty);
  CHECK(is_empty(""));
  CHECK_FALSE(is_empty("x"));
  any_predicate<const std::string&, int> longer(
      [](std::string_view s, long n) { return static_cast<long>(s.size()) > n; });
  CHECK(longer("abc", 2));
  CHECK_FALSE(longer("abc", 3));
}

TEST_CASE("a predicate keeps its state when it is moved, and dies once", "[any_predicate]") {
  auto const alive = std::make_shared<int>(0);
  {
    any_predicate<int> first([n = 0, alive](int limit) mutable { return ++n > limit; });
    CHECK_FALSE(first(1));
    any_predicate<int> second = std::move(first);
    CHECK(second(1));
    CHECK(alive.use_count() == 2);
    any_predicate<int> third([p = std::make_unique<int>(5)](int i) { return i == *p; });
    third = std::move(second);
    CHECK(third(2));
  }
  CHECK(alive.use_count() == 1);
}

TEST_CASE("what a predicate throws comes out", "[any_predicate]") {
  any_predicate<int> p([](int) -> bool { throw std::domain_error("no"); });
  CHECK_THROWS_AS(p(1), std::domain_error);
}
