// eventual_map: single values, writes from any thread, visible after a refresh.
#include <tandem/eventual_map.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace {

using namespace std::chrono_literals;
using map = tandem::eventual_map<std::string, int>;

static_assert(!std::movable<map> && std::copyable<map::reader>);
static_assert(std::ranges::forward_range<map::guard> && std::movable<map::guard> && !std::copyable<map::guard>);

template <class Guard>
concept dereferenceable_as_rvalue = requires { *std::declval<Guard>(); };
static_assert(!dereferenceable_as_rvalue<map::guard> && !dereferenceable_as_rvalue<map::value_guard>);

std::map<std::string, int> all(const map::reader& r) {
  std::map<std::string, int> result;
  for (auto&& [k, v] : r.enter()) result.emplace(k, v);
  return result;
}

}  // namespace

// Which hashes a new key once more, when the change is applied.
struct over_std_unordered_map : tandem::eventual_map_options {
  template <class K, class T, class H, class E, class A>
  using map = std::unordered_map<K, T, H, E, A>;
};

TEST_CASE("changes are invisible until a refresh", "[eventual_map]") {
  map m;
  auto r = m.make_reader();
  CHECK_FALSE(m.has_pending());
  CHECK(m.empty());
  m.insert_or_assign("a", 1);
  CHECK(m.has_pending());
  CHECK(m.size() == 0);
  CHECK_FALSE(r.find("a"));
  CHECK_FALSE(r.get("a"));
  CHECK_FALSE(r.contains("a"));
  CHECK(r.empty());
  CHECK(r.version() == 0);
  m.refresh();
  CHECK_FALSE(m.has_pending());
  CHECK(m.size() == 1);
  CHECK_FALSE(m.empty());
  CHECK(r.get("a") == 1);
  CHECK(r.contains("a"));
  CHECK(r.size() == 1);
  CHECK(r.version() == 1);
}

TEST_CASE("a key has the value that was assigned last", "[eventual_map]") {
  map m;
  auto r = m.make_reader();
  m.insert_or_assign("a", 1);
  m.insert_or_assign("a", 2);
  m.insert_or_assign("b", 3);
  for (int side = 0; side != 2; ++side) {
    m.refresh();
    CHECK(all(r) == std::map<std::string, int>{{"a", 2}, {"b", 3}});
  }
  m.insert_or_assign("b", 4);
  m.erase("a");
  m.erase("absent");
  for (int side = 0; side != 2; ++side) {
    m.refresh();
    CHECK(all(r) == std::map<std::string, int>{{"b", 4}});
  }
  m.clear();
  m.insert_or_assign("c", 5);
  for (int side = 0; side != 2; ++side) {
    m.refresh();
    CHECK(all(r) == std::map<std::string, int>{{"c", 5}});
  }
}

TEST_CASE("a reader finds, copies and reads values by any form of the key", "[eventual_map]") {
  map m;
  m.insert_or_assign("a", 1);
  m.refresh();
  auto r = m.make_reader();
  auto g = r.find(std::string_view("a"));
  REQUIRE(g);
  CHECK(*g == 1);
  CHECK(*g.operator->() == 1);
  CHECK(g.version() == 1);
  CHECK_FALSE(r.find("z"));
  std::optional<int> const copy = r.get(std::string("a"));
  CHECK(copy == 1);
  auto doubled = r.read("a", [](const int& v) { return 2.0 * v; });
  static_assert(std::is_same_v<decltype(doubled), std::optional<double>>);
  CHECK(doubled == 2.0);
  CHECK_FALSE(r.read("z", [](const int& v) { return v; }));
  int seen = 0;
  CHECK(r.read("a", [&](const int& v) { seen = v; }));
  CHECK_FALSE(r.read("z", [&](const int&) { seen = -1; }));
  CHECK(seen == 1);
}

TEST_CASE("a guard of the map is one version, a range and a map", "[eventual_map]") {
  map m;
  for (int i = 0; i != 10; ++i) m.insert_or_assign(std::to_string(i), i);
  m.refresh();
  auto r = m.make_reader();
  auto g = r.enter();
  m.clear();
  m.refresh();
  REQUIRE(g);
  CHECK(g.size() == 10);
  CHECK_FALSE(g.empty());
  CHECK(g.version() == 1);
  CHECK(std::ranges::count_if(g, [](const auto& entry) { return std::to_string(entry.second) == entry.first; }) == 10);
  auto const at = std::ranges::find_if(*g, [](const auto& entry) { return entry.second == 7; });
  REQUIRE(at != g.end());
  CHECK((*at).first == "7");
  auto after = at;
  CHECK(&(*after++).second == &(*at).second);
  CHECK(after != at);
  CHECK(*g->find("3") == 3);
  CHECK(g->find("x") == nullptr);
  CHECK(g.contains("3"));
  CHECK_FALSE(g.contains("x"));
  CHECK(r.size() == 10);  // nested: the same version
  g.reset();
  CHECK_FALSE(g);
  CHECK(r.empty());
  CHECK_FALSE(map::guard{});
  auto moved_to = r.enter();
  auto moved = std::move(moved_to);
  CHECK(moved);
  CHECK_FALSE(moved_to);  // NOLINT(bugprone-use-after-move): what is tested
}

TEST_CASE("readers find nothing once the map is gone", "[eventual_map]") {
  std::optional<map> m;
  m.emplace();
  m->insert_or_assign("a", 1);
  m->refresh();
  m->insert_or_assign("b", 1);
  auto r = m->make_reader();
  CHECK_FALSE(r.closed());
  m.reset();
  CHECK(r.closed());
  CHECK_FALSE(r.enter());
  CHECK_FALSE(r.find("a"));
  CHECK_FALSE(r.get("a"));
  CHECK(r.empty());
  CHECK(r.version() == 1);
  CHECK_FALSE(r.wait_for_version(2));
}

TEST_CASE("refresh_every makes changes visible by itself, until it is stopped", "[eventual_map]") {
  map m;
  auto r = m.make_reader();
  m.insert_or_assign("a", 1);
  m.refresh_every(1ms);
  REQUIRE(r.wait_for_version(1));
  CHECK(r.get("a") == 1);
  m.insert_or_assign("a", 2);
  REQUIRE(r.wait_for_version(2));
  CHECK(r.get("a") == 2);
  m.refresh_every(std::chrono::seconds(0));
  m.insert_or_assign("a", 3);
  CHECK(m.has_pending());
  CHECK_FALSE(r.wait_for_version(3, 10ms));
  CHECK(r.get("a") == 2);
  m.refresh();
  CHECK(r.get("a") == 3);
}

TEST_CASE("an interval beyond what can be counted is one that never comes", "[eventual_map]") {
  map m;
  auto r = m.make_reader();
  m.refresh_every(std::chrono::hours::max());
  m.insert_or_assign("a", 1);
  CHECK_FALSE(r.wait_for_version(1, 5ms));
  m.refresh();
  CHECK(r.get("a") == 1);
}

TEST_CASE("the background does not make writers wait for a reader", "[eventual_map]") {
  map m;
  m.insert_or_assign("a", 0);
  m.refresh();
  auto r = m.make_reader();
  auto other = m.make_reader();
  auto held = r.find("a");
  m.refresh_every(std::chrono::microseconds(50));
  for (int i = 1; i != 300; ++i) m.insert_or_assign("a", i);
  CHECK(*held == 0);
  held.reset();
  while (other.get("a") != 299) REQUIRE(other.wait_for_version(other.version() + 1));
  CHECK(other.get("a") == 299);
}

TEST_CASE("values may be move-only and are kept once", "[eventual_map]") {
  using tandem::test::tracked;
  {
    tandem::eventual_map<int, std::unique_ptr<tracked>> m;
    auto r = m.make_reader();
    for (int i = 0; i != 10; ++i) m.insert_or_assign(i, std::make_unique<tracked>(i));
    m.refresh();
    m.refresh();
    CHECK(tracked::live() == 10);
    CHECK(r.find(3)->get()->key() == 3);
    m.insert_or_assign(3, std::make_unique<tracked>(33));
    m.refresh();
    CHECK(tracked::live() == 11);
    m.refresh();
    CHECK(tracked::live() == 10);
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

TEST_CASE("options and arguments are those of evmap", "[eventual_map]") {
  struct negative_is_bad {
    std::size_t operator()(int k) const {
      if (k < 0) throw std::domain_error("negative");
      return static_cast<std::size_t>(k + offset);
    }
    int offset = 0;
  };
  struct options : tandem::eventual_map_options {
    using hasher = negative_is_bad;
    using allocator = tandem::test::budget_allocator<std::byte>;
  };
  {
    tandem::eventual_map<int, std::string, options> m(negative_is_bad{7}, tandem::capacity{100});
    auto r = m.make_reader();
    m.insert_or_assign(1, "a");
    CHECK_THROWS_AS(m.insert_or_assign(-1, "b"), std::domain_error);
    m.refresh();
    CHECK(r.size() == 1);
    CHECK_THROWS_AS(r.find(-1), std::domain_error);
    CHECK_FALSE(tandem::test::budget_allocator<std::byte>::account().balanced());
  }
  CHECK(tandem::test::budget_allocator<std::byte>::account().balanced());
}

TEST_CASE("a refresh that fails in the background loses nothing and is tried again after the next change",
          "[eventual_map]") {
  struct fragile_key {
    int n;
    bool operator==(const fragile_key&) const = default;
  };
  struct fragile_hash {
    std::size_t operator()(const fragile_key& k) const {
      if (armed->exchange(false)) throw std::domain_error("once");
      return static_cast<std::size_t>(k.n);
    }
    std::shared_ptr<std::atomic<bool>> armed = std::make_shared<std::atomic<bool>>(false);
  };
  struct options : over_std_unordered_map {
    using hasher = fragile_hash;
  };
  fragile_hash const hash;
  tandem::eventual_map<fragile_key, int, options> m(hash);
  auto r = m.make_reader();
  m.insert_or_assign({1}, 1);
  hash.armed->store(true);  // a refresh has to hash the new key
  SECTION("by the background") {
    m.refresh_every(std::chrono::microseconds(100));
    while (hash.armed->load()) std::this_thread::yield();
    CHECK(r.version() == 0);
    CHECK(m.has_pending());
    m.insert_or_assign({2}, 2);
    REQUIRE(r.wait_for_version(1));
  }
  SECTION("by a refresh, which throws") {
    CHECK_THROWS_AS(m.refresh(), std::domain_error);
    CHECK(r.version() == 0);
    m.insert_or_assign({2}, 2);
    m.refresh();
  }
  CHECK(r.size() == 2);
  CHECK(r.get(fragile_key{1}) == 1);
}
