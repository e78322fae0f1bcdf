// What evmap's readers and guards find, and that their guards behave as ranges and pointers should.
#include <tandem/evmap.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using map = tandem::evmap<std::string, std::string>;

template <class Guard>
concept dereferenceable_as_rvalue = requires { *std::declval<Guard>(); };
template <class Guard>
concept dereferenceable_as_lvalue = requires(const Guard& g) { *g; };

// A reference had from a temporary guard would outlive it.
static_assert(!dereferenceable_as_rvalue<map::guard> && dereferenceable_as_lvalue<map::guard>);
static_assert(!dereferenceable_as_rvalue<map::bag_guard> && dereferenceable_as_lvalue<map::bag_guard>);
static_assert(!dereferenceable_as_rvalue<map::value_guard> && dereferenceable_as_lvalue<map::value_guard>);
static_assert(!dereferenceable_as_rvalue<map::meta_guard> && dereferenceable_as_lvalue<map::meta_guard>);
static_assert(!std::is_convertible_v<map::guard, bool> && std::is_constructible_v<bool, map::guard>);
static_assert(std::is_same_v<decltype(*std::declval<const map::bag_guard&>()), const map::bag_type&>);
static_assert(std::is_same_v<decltype(*std::declval<const map::value_guard&>()), const std::string&>);
static_assert(noexcept(std::declval<const map::reader&>().enter()));

struct fixture {
  fixture() {
    w.insert("a", "1").insert("a", "2").insert("b", "3").clear("empty");
    w.publish();
  }
  map::writer w;
  map::reader r = w.make_reader();
};

}  // namespace

TEST_CASE("find gives the key's bag and is empty if the key is absent", "[evmap][reader]") {
  fixture f;
  auto bag = f.r.find("a");
  REQUIRE(bag);
  CHECK(bag->size() == 2);
  CHECK(bag->count("1") == 1);
  const map::bag_type& direct = *bag;
  CHECK(std::multiset<std::string>(direct.begin(), direct.end()) == std::multiset<std::string>{"1", "2"});
  CHECK(bag.version() == 1);
  auto none = f.r.find("empty");
  REQUIRE(none);
  CHECK(none->empty());
  CHECK_FALSE(f.r.find("z"));
}

TEST_CASE("find_one gives the first value and is empty for no key and for no value", "[evmap][reader]") {
  fixture f;
  auto one = f.r.find_one("a");
  REQUIRE(one);
  auto bag = f.r.find("a");
  CHECK(std::addressof(*one) == std::addressof(bag->front()));
  CHECK_FALSE(f.r.find_one("empty"));
  CHECK_FALSE(f.r.find_one("z"));
}

TEST_CASE("an empty result keeps nothing pinned", "[evmap][reader]") {
  fixture f;
  auto absent = f.r.find("z");
  auto absent_value = f.r.find_one("empty");
  auto unread = f.r.read("z", [](const map::bag_type&) {});
  CHECK_FALSE(unread);
  for (int i = 0; i != 3; ++i) CHECK(f.w.try_publish());
}

TEST_CASE("get copies one value", "[evmap][reader]") {
  fixture f;
  std::optional<std::string> got = f.r.get("b");
  CHECK(got == "3");
  CHECK(f.r.get("empty") == std::nullopt);
  CHECK(f.r.get("z") == std::nullopt);
  CHECK(f.w.try_publish());
  CHECK(f.w.try_publish());
}

TEST_CASE("read calls the function once with the bag and returns what it returns", "[evmap][reader]") {
  fixture f;
  int calls = 0;
  auto size = f.r.read("a", [&](const map::bag_type& b) {
    ++calls;
    return b.size();
  });
  static_assert(std::is_same_v<decltype(size), std::optional<std::size_t>>);
  CHECK(size == 2U);
  auto none = f.r.read("z", [&](const map::bag_type& b) {
    ++calls;
    return b.size();
  });
  CHECK(none == std::nullopt);
  auto done = f.r.read("b", [&](const map::bag_type&) { ++calls; });
  static_assert(std::is_same_v<decltype(done), bool>);
  CHECK(done);
  CHECK(calls == 2);
  auto first = f.r.read("b", [](const map::bag_type& b) -> const std::string& { return b.front(); });
  static_assert(std::is_same_v<decltype(first), std::optional<std::string>>);
  CHECK(first == "3");
}

TEST_CASE("a function that throws in read leaves no guard behind", "[evmap][reader]") {
  fixture f;
  CHECK_THROWS_AS(f.r.read("a", [](const map::bag_type&) { throw std::runtime_error("no"); }), std::runtime_error);
  for (int i = 0; i != 3; ++i) CHECK(f.w.try_publish());
}

TEST_CASE("contains and count look at keys and at values", "[evmap][reader]") {
  fixture f;
  CHECK(f.r.contains("a"));
  CHECK(f.r.contains("empty"));
  CHECK_FALSE(f.r.contains("z"));
  CHECK(f.r.contains("a", "2"));
  CHECK(f.r.contains("a", std::string("2")));
  CHECK(f.r.contains("a", std::string_view("2")));
  CHECK_FALSE(f.r.contains("a", "3"));
  CHECK_FALSE(f.r.contains("empty", "3"));
  CHECK_FALSE(f.r.contains("z", "3"));
  CHECK(f.r.count("a") == 2);
  CHECK(f.r.count("empty") == 0);
  CHECK(f.r.count("z") == 0);
}

TEST_CASE("size counts keys, those with an empty bag included", "[evmap][reader]") {
  fixture f;
  CHECK(f.r.size() == 3);
  f.w.erase_value("b", "3");
  f.w.publish();
  CHECK(f.r.size() == 3);
  CHECK_FALSE(f.r.empty());
  f.w.clear();
  f.w.publish();
  CHECK(f.r.empty());
}

TEST_CASE("a guard of the map looks up like a reader, in its version", "[evmap][guard]") {
  fixture f;
  auto g = f.r.enter();
  REQUIRE(g);
  f.w.clear();
  f.w.publish();
  CHECK(g.size() == 3);
  CHECK_FALSE(g.empty());
  REQUIRE(g.find("a") != nullptr);
  CHECK(g.find("a")->size() == 2);
  CHECK(g.find("z") == nullptr);
  REQUIRE(g.find_one("b") != nullptr);
  CHECK(*g.find_one("b") == "3");
  CHECK(g.find_one("empty") == nullptr);
  CHECK(g.find_one("z") == nullptr);
  CHECK(g.contains("empty"));
  CHECK_FALSE(g.contains("z"));
  CHECK(g.contains("a", "1"));
  CHECK_FALSE(g.contains("a", "3"));
  CHECK_FALSE(g.contains("z", "3"));
  CHECK(g.count("a") == 2);
  CHECK(g.count("z") == 0);
  CHECK(g.version() == 1);
}

TEST_CASE("star and arrow of a guard of the map give the same view", "[evmap][guard]") {
  fixture f;
  auto g = f.r.enter();
  CHECK(g->find("a") == g.find("a"));
  CHECK((*g).find("a") == g.find("a"));
  CHECK(g->size() == 3);
  CHECK(std::ranges::distance(*g) == 3);
  CHECK(f.r.enter()->size() == 3);
}

TEST_CASE("at throws out_of_range for an absent key", "[evmap][guard]") {
  fixture f;
  auto g = f.r.enter();
  CHECK(g.at("a").size() == 2);
  CHECK(g.at("empty").empty());
  CHECK_THROWS_AS(g.at("z"), std::out_of_range);
  CHECK_THROWS_AS(f.w.published().at("z"), std::out_of_range);
}

TEST_CASE("a guard of the map is a multi-pass range of keys and bags", "[evmap][guard]") {
  fixture f;
  auto g = f.r.enter();
  static_assert(std::ranges::forward_range<const map::guard>);
  CHECK(std::ranges::count_if(g, [](const auto& entry) { return entry.second.empty(); }) == 1);
  auto const at = std::ranges::find_if(g, [](const auto& entry) { return entry.first == "b"; });
  REQUIRE(at != g.end());
  CHECK(at->second.front() == "3");
  auto again = at;
  CHECK(std::addressof(*again++) == std::addressof(*at));
  CHECK(std::ranges::distance(g) == 3);
  CHECK(std::ranges::distance(g) == 3);
  std::set<std::string> keys;
  std::ranges::transform(*g, std::inserter(keys, keys.end()), [](const auto& entry) { return entry.first; });
  CHECK(keys == std::set<std::string>{"a", "b", "empty"});
  std::size_t values = 0;
  for (auto&& [key, bag] : f.r.enter()) values += bag.size() + key.size() * 0;
  CHECK(values == 3);
}

TEST_CASE("find_many answers in order, with null for absent keys", "[evmap][guard]") {
  fixture f;
  auto g = f.r.enter();
  std::vector<const map::bag_type*> found;
  g.find_many(std::vector<std::string>{"b", "z", "a", "b"}, std::back_inserter(found));
  CHECK(found == std::vector<const map::bag_type*>{g.find("b"), nullptr, g.find("a"), g.find("b")});
  CHECK(found[0] != nullptr);
  std::vector<const map::bag_type*> buffer(5);
  auto const end = g->find_many(std::vector<std::string_view>{"empty", "y"}, buffer.begin());
  CHECK(end == buffer.begin() + 2);
  CHECK(buffer[0] == g.find("empty"));
  CHECK(buffer[1] == nullptr);
  CHECK(g.find_many(std::vector<const char*>{}, buffer.begin()) == buffer.begin());
}

TEST_CASE("find_many of more keys than any batch finds each of them", "[evmap][guard]") {
  tandem::evmap<int, int>::writer w;
  for (int i = 0; i < 1000; i += 2) w.insert(i, i);
  w.publish();
  auto all = w.published();
  std::vector<int> keys(1000);
  std::iota(keys.begin(), keys.end(), 0);
  std::vector<const tandem::evmap<int, int>::bag_type*> found;
  all.find_many(keys, std::back_inserter(found));
  REQUIRE(found.size() == keys.size());
  int wrong = 0;
  for (int i = 0; i != 1000; ++i) {
    auto const* const bag = found[static_cast<std::size_t>(i)];
    wrong += (i % 2 == 0) ? bag == nullptr || bag->front() != i : bag != nullptr;
  }
  CHECK(wrong == 0);
}
