// How often evmap calls the functions of its user, what lookups accept as a key, and what make_evmap accepts.
#include <tandem/evmap.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using tandem::test::budget_allocator;

// A key that is not a scalar, as most are: the map keeps its hash beside it.
struct name {
  std::string text;
  friend bool operator==(const name&, const name&) = default;
};

struct calls {
  int key_hash = 0, value_hash = 0, value_equal = 0;
};
calls count;

struct counting_key_hash {
  std::size_t operator()(const name& n) const {
    ++count.key_hash;
    return std::hash<std::string>{}(n.text);
  }
};
struct counting_value_hash {
  std::size_t operator()(const std::string& v) const {
    ++count.value_hash;
    return std::hash<std::string>{}(v);
  }
};
struct counting_value_equal {
  bool operator()(const std::string& a, const std::string& b) const {
    ++count.value_equal;
    return a == b;
  }
};
struct counting : tandem::evmap_options {
  using hasher = counting_key_hash;
  using value_hasher = counting_value_hash;
  using value_equal = counting_value_equal;
};
using counting_map = tandem::evmap<name, std::string, counting>;

// What `f` calls.
template <class F>
calls during(F f) {
  count = {};
  f();
  return count;
}

struct seeded_hash {
  explicit seeded_hash(std::uint64_t s = 0) : seed(s) {}
  std::size_t operator()(std::uint64_t k) const {
    ++calls[seed % 2];
    return static_cast<std::size_t>(k ^ seed);
  }
  std::uint64_t seed;
  static inline int calls[2] = {};
};

// Numbers are equal if they leave the same remainder.
struct same_remainder {
  explicit same_remainder(int m) : modulus(m) {}
  bool operator()(int a, int b) const { return a % modulus == b % modulus; }
  int modulus;
};
struct remainder_hash {
  explicit remainder_hash(int m) : modulus(m) {}
  std::size_t operator()(int a) const { return static_cast<std::size_t>(a % modulus); }
  int modulus;
};

struct roomy : tandem::evmap_options {
  static constexpr std::size_t capacity = 5000;
  using allocator = budget_allocator<std::byte>;
};

template <class Reader, class Key>
concept can_look_up = requires(const Reader& r, const Key& k) { r.find(k); };

static_assert(can_look_up<tandem::evmap<std::string, int>::reader, std::string_view>);
static_assert(can_look_up<tandem::evmap<std::string, int>::reader, const char*>);
static_assert(!can_look_up<tandem::evmap<std::string, int>::reader, int>);
static_assert(can_look_up<tandem::evmap<std::uint64_t, int>::reader, int>);  // it converts

}  // namespace

TEST_CASE("a change hashes its key once when it is made, and not again while the key is there", "[evmap][hash]") {
  counting_map::writer w;
  auto r = w.make_reader();
  w.insert({"a"}, "1").insert({"a"}, "2").insert({"a"}, "3").insert({"b"}, "1");
  w.publish();
  w.publish();
  CHECK(during([&] { w.insert({"a"}, "4"); }).key_hash == 1);
  CHECK(during([&] { w.emplace({"a"}, "5"); }).key_hash == 1);
  CHECK(during([&] { w.insert_or_assign({"b"}, "2"); }).key_hash == 1);
  CHECK(during([&] { w.erase_value({"a"}, "4"); }).key_hash == 1);
  CHECK(during([&] { w.erase_if({"a"}, [](const std::string& v) { return v == "5"; }); }).key_hash == 1);
  CHECK(during([&] { w.reserve({"a"}, 7); }).key_hash == 1);
  CHECK(during([&] { w.shrink_to_fit({"a"}); }).key_hash == 1);
  CHECK(during([&] { w.clear({"a"}); }).key_hash == 1);
  CHECK(during([&] { w.erase({"a"}); }).key_hash == 1);
  CHECK(during([&] { w.publish(); }).key_hash == 0);
  CHECK(during([&] { w.publish(); }).key_hash == 0);
  CHECK(r.size() == 1);
}

TEST_CASE("a lookup hashes its key once", "[evmap][hash]") {
  counting_map::writer w;
  auto r = w.make_reader();
  for (int i = 0; i != 100; ++i) w.insert({std::to_string(i)}, "v");
  w.publish();
  name const present{"7"};
  name const absent{"x"};
  CHECK(during([&] { REQUIRE(r.find(present)); }).key_hash == 1);
  CHECK(during([&] { REQUIRE_FALSE(r.find(absent)); }).key_hash == 1);
  CHECK(during([&] { REQUIRE(r.find_one(present)); }).key_hash == 1);
  CHECK(during([&] { REQUIRE(r.get(present)); }).key_hash == 1);
  CHECK(during([&] { REQUIRE(r.contains(present)); }).key_hash == 1);
  CHECK(during([&] { REQUIRE(r.count(present) == 1); }).key_hash == 1);
  CHECK(during([&] { REQUIRE(r.find_with_meta(present).found()); }).key_hash == 1);
  CHECK(during([&] { REQUIRE(r.enter().at(present).size() == 1); }).key_hash == 1);
}

TEST_CASE("values are hashed and compared by the first publish only", "[evmap][values]") {
  counting_map::writer w;
  auto r = w.make_reader();
  auto const append = [&] {
    for (int i = 0; i != 40; ++i) w.insert({"a"}, std::to_string(i % 30));
    w.erase_value({"a"}, "3").erase_value({"a"}, "3").erase_value({"a"}, "none").insert({"b"}, "x");
    w.erase_value({"b"}, "y");
  };
  for (int round = 0; round != 3; ++round) {
    CHECK(during(append).value_equal + count.value_hash == 0);
    calls const first = during([&] { w.publish(); });
    CHECK(first.value_equal > 0);
    CHECK(first.value_hash > 0);
    calls const second = during([&] { w.publish(); });
    CHECK(second.value_equal == 0);
    CHECK(second.value_hash == 0);
  }
  CHECK(r.count({"a"}) == 3 * 38);
}

TEST_CASE("small bags are changed without hashing a value, and insert compares none", "[evmap][values]") {
  counting_map::writer w;
  for (int i = 0; i != 20; ++i) w.insert({"a"}, std::to_string(i));
  calls const inserting = during([&] { w.publish(); });
  CHECK(inserting.value_hash == 0);
  CHECK(inserting.value_equal == 0);
  w.erase_value({"a"}, "19");
  calls const erasing = during([&] { w.publish(); });
  CHECK(erasing.value_hash == 0);
  CHECK(erasing.value_equal <= 20);
}

TEST_CASE("a predicate is called once per value, in the publish that makes its work visible", "[evmap][values]") {
  tandem::evmap<std::string, int>::writer w;
  auto r = w.make_reader();
  for (int i = 0; i != 50; ++i) w.insert("large", i).insert("key " + std::to_string(i % 7), i);
  w.publish();
  std::vector<int> seen;
  SECTION("of one key") {
    w.erase_if("large", [&](int v) {
      seen.push_back(v);
      return v % 2 == 0;
    });
    CHECK(seen.empty());
    w.publish();
    std::sort(seen.begin(), seen.end());
    REQUIRE(seen.size() == 50);
    for (int i = 0; i != 50; ++i) CHECK(seen[static_cast<std::size_t>(i)] == i);
    w.publish();
    CHECK(seen.size() == 50);
    CHECK(r.count("large") == 25);
  }
  SECTION("of the whole map") {
    int wrong_key = 0;
    w.erase_if([&](const std::string& k, int v) {
      seen.push_back(v);
      wrong_key += k != "large" && k != "key " + std::to_string(v % 7);
      return true;
    });
    CHECK(seen.empty());
    w.publish();
    CHECK(seen.size() == 100);
    CHECK(wrong_key == 0);
    w.publish();
    CHECK(seen.size() == 100);
    CHECK(r.size() == 8);
  }
  SECTION("of an absent key: never") {
    w.erase_if("absent", [&](int v) {
      seen.push_back(v);
      return true;
    });
    w.publish();
    w.publish();
    CHECK(seen.empty());
  }
}

TEST_CASE("a predicate may be move-only, have state and be a pointer to a member", "[evmap][values]") {
  struct flag {
    bool set;
    bool is_set() const { return set; }
    bool operator==(const flag&) const = default;
  };
  tandem::evmap<int, flag>::writer w;
  auto r = w.make_reader();
  for (int k = 0; k != 3; ++k) w.insert(k, {true}).insert(k, {false}).insert(k, {true});
  w.erase_if(0, &flag::is_set);
  w.erase_if(1, &flag::set);
  w.erase_if(2, [left = std::make_unique<int>(1)](const flag& f) mutable { return f.set && (*left)-- > 0; });
  for (int side = 0; side != 2; ++side) {
    w.publish();
    CHECK(r.count(0) == 1);
    CHECK(r.count(1) == 1);
    CHECK(r.count(2) == 2);
  }
}

TEST_CASE("string keys are looked up by views and literals without an allocation", "[evmap][hash]") {
  using string = std::basic_string<char, std::char_traits<char>, budget_allocator<char>>;
  tandem::evmap<string, int>::writer w;
  auto r = w.make_reader();
  w.insert("a key that does not fit into the string object", 1);
  w.publish();
  auto const before = budget_allocator<char>::account().allocations.load();
  REQUIRE(before > 0);
  const char* const literal = "a key that does not fit into the string object";
  std::string_view const view = literal;
  int found = 0;
  auto const look = [&](const auto& k) {
    found += static_cast<bool>(r.find(k)) + static_cast<bool>(r.find_one(k)) + r.get(k).has_value() + r.contains(k) +
             r.contains(k, 1) + (r.count(k) == 1) + r.find_with_meta(k).found() + r.read(k, [](const auto&) {});
    auto const g = r.enter();
    found += (g.find(k) != nullptr) + (g.find_one(k) != nullptr) + g.contains(k) + g.contains(k, 1) +
             (g.count(k) == 1) + (g.at(k).size() == 1);
  };
  look(literal);
  look(view);
  look("a key that does not fit into the string object");
  CHECK(found == 3 * 14);
  CHECK_FALSE(r.find("another key that does not fit into the string object"));
  CHECK(budget_allocator<char>::account().allocations == before);
}

TEST_CASE("a hash with state is the one that is passed", "[evmap][options]") {
  struct options : tandem::evmap_options {
    using hasher = seeded_hash;
    using meta = int;
  };
  seeded_hash::calls[0] = seeded_hash::calls[1] = 0;
  auto [w, r] = tandem::make_evmap<std::uint64_t, int, options>(7, seeded_hash(12345), tandem::capacity{10});
  for (std::uint64_t k = 0; k != 100; ++k) w.insert(k, 1);
  w.erase_if([](std::uint64_t k, int) { return k % 2 == 0; });
  w.publish();
  CHECK(w.preview().size() == 100);
  w.erase(5);
  CHECK(w.preview().size() == 99);
  w.discard_pending();
  w.publish();
  CHECK(r.size() == 100);
  for (std::uint64_t k = 0; k != 100; ++k) CHECK(r.count(k) == k % 2);
  CHECK(r.meta() == 7);
  CHECK(seeded_hash::calls[0] == 0);
  CHECK(seeded_hash::calls[1] > 200);
}

TEST_CASE("functions of keys need no default constructor when they are passed", "[evmap][options]") {
  struct options : tandem::evmap_options {
    using hasher = remainder_hash;
    using key_equal = same_remainder;
  };
  auto [w, r] = tandem::make_evmap<int, std::string, options>(same_remainder(10), remainder_hash(10));
  w.insert(1, "a").insert(11, "b").insert(2, "c");
  w.publish();
  CHECK(r.size() == 2);
  CHECK(r.count(21) == 2);
}

TEST_CASE("equality and hash of values are the ones that are passed", "[evmap][options]") {
  struct options : tandem::evmap_options {
    using value_hasher = remainder_hash;
    using value_equal = same_remainder;
  };
  auto [w, r] = tandem::make_evmap<int, int, options>(same_remainder(10), remainder_hash(10));
  for (int i = 0; i != 40; ++i) w.insert(1, i);
  w.insert(2, 5);
  for (int side = 0; side != 2; ++side) {
    w.publish();
    CHECK(r.contains(2, 15));
    CHECK(r.contains(1, 55));
    CHECK(r.find(1)->count(1003) == 4);
  }
  w.erase_value(2, 25).erase_value(1, 43);
  for (int side = 0; side != 2; ++side) {
    w.publish();
    CHECK(r.count(2) == 0);
    CHECK(r.find(1)->count(3) == 3);
  }
}

TEST_CASE("a capacity keeps the map from growing", "[evmap][options]") {
  auto& account = budget_allocator<std::byte>::account();
  auto const allocations_of_inserting = [&account](auto& w) {
    w.publish();
    auto const before = account.allocations.load();
    for (int k = 0; k != 1000; ++k) w.insert(k, 1);
    w.publish();
    return account.allocations - before;
  };
  {
    tandem::evmap<int, int, roomy>::writer by_option;
    CHECK(allocations_of_inserting(by_option) == 0);
    tandem::evmap<int, int, roomy>::writer by_argument(tandem::capacity{1000});
    auto const for_full_cells = allocations_of_inserting(by_argument);
    CHECK(for_full_cells < 50);
    tandem::evmap<int, int, roomy>::writer small(tandem::capacity{0});
    CHECK(allocations_of_inserting(small) > for_full_cells + 6);  // a larger table, six times
  }
  CHECK(account.balanced());
}

TEST_CASE("the hash of a scalar key may throw, and the lookup or change passes it on", "[evmap][hash]") {
  struct moody_hash {
    std::size_t operator()(int k) const {
      if (k < 0) throw std::domain_error("negative");
      return static_cast<std::size_t>(k);
    }
  };
  struct options : tandem::evmap_options {
    using hasher = moody_hash;
  };
  auto [w, r] = tandem::make_evmap<int, int, options>();
  w.insert(1, 1);
  CHECK_THROWS_AS(w.insert(-1, 1), std::domain_error);
  CHECK(w.pending() == 1);
  w.publish();
  CHECK_THROWS_AS(r.find(-1), std::domain_error);
  CHECK(w.try_publish());
  CHECK(w.try_publish());
  CHECK(r.size() == 1);
}
