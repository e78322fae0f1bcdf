// evmap as a whole: the three stages of its life, versions, the meta value, and handles. What each writer and reader member
// does is in the files beside this one.
#include <tandem/evmap.hpp>

#include "support/catch.hpp"
#include "support/map_contents.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

struct with_meta : tandem::evmap_options {
  using meta = int;
};
using map = tandem::evmap<std::string, int, with_meta>;

static_assert(!std::copyable<map::writer> && std::movable<map::writer>);
static_assert(std::copyable<map::reader> && std::copyable<map::reader_factory>);
static_assert(std::is_nothrow_move_constructible_v<map::guard> && !std::copyable<map::guard>);
static_assert(std::is_default_constructible_v<map::guard> && std::is_default_constructible_v<map::bag_guard>);
static_assert(std::is_default_constructible_v<map::value_guard> && std::is_default_constructible_v<map::meta_guard>);
static_assert(std::ranges::forward_range<map::guard> && std::ranges::forward_range<map::view>);

// Everything a reader can be asked about a map in which it must find nothing.
void check_finds_nothing(const map::reader& r) {
  CHECK_FALSE(r.find("a"));
  CHECK_FALSE(r.find_one("a"));
  CHECK_FALSE(r.get("a"));
  CHECK_FALSE(r.read("a", [](const map::bag_type& b) { return b.size(); }));
  CHECK_FALSE(r.read("a", [](const map::bag_type&) {}));
  CHECK_FALSE(r.contains("a"));
  CHECK_FALSE(r.contains("a", 1));
  CHECK(r.count("a") == 0);
  CHECK(r.size() == 0);
  CHECK(r.empty());
}

TEST_CASE("before the first publish readers find nothing but the initial meta", "[evmap][lifecycle]") {
  auto [w, r] = tandem::make_evmap<std::string, int, with_meta>(42);
  w.insert("a", 1).set_meta(43);
  check_finds_nothing(r);
  CHECK(r.meta() == 42);
  CHECK_FALSE(r.published());
  CHECK_FALSE(r.closed());
  CHECK(r.version() == 0);
  auto g = r.find_with_meta("a");
  REQUIRE(g);
  CHECK_FALSE(g.found());
  CHECK(g.meta() == 42);
  CHECK(g.version() == 0);
  if (auto all = r.enter()) {
    CHECK(all.empty());
    CHECK(all.begin() == all.end());
    CHECK(all.meta() == 42);
    CHECK(all.version() == 0);
  }
}

TEST_CASE("after a publish readers find what was changed before it and nothing later", "[evmap][lifecycle]") {
  auto [w, r] = tandem::make_evmap<std::string, int, with_meta>(42);
  w.insert("a", 1).insert("a", 2).clear("b").set_meta(43);
  w.publish();
  w.insert("c", 3).set_meta(44);
  CHECK(tandem::test::contents(r.enter()) == tandem::test::multi_map<std::string, int>{{"a", {1, 2}}, {"b", {}}});
  CHECK(r.find("a")->size() == 2);
  CHECK(r.find("b")->empty());
  CHECK(r.find_one("a"));
  CHECK_FALSE(r.find_one("b"));
  CHECK(r.get("a"));
  CHECK_FALSE(r.get("b"));
  CHECK(r.contains("b"));
  CHECK(r.contains("a", 2));
  CHECK_FALSE(r.contains("b", 2));
  CHECK(r.count("a") == 2);
  CHECK(r.count("b") == 0);
  CHECK(r.size() == 2);
  CHECK_FALSE(r.empty());
  CHECK_FALSE(r.contains("c"));
  CHECK(r.meta() == 43);
  CHECK(r.published());
  CHECK_FALSE(r.closed());
  CHECK(r.version() == 1);
}

TEST_CASE("after the writer's end readers find nothing and have no meta", "[evmap][lifecycle]") {
  std::optional<map::writer> w;
  w.emplace(42);
  auto r = w->make_reader();
  auto factory = w->factory();
  w->insert("a", 1);
  w->publish();
  w->publish();
  REQUIRE(r.contains("a"));
  w.reset();
  check_finds_nothing(r);
  CHECK_FALSE(r.enter());
  CHECK_FALSE(r.find_with_meta("a"));
  CHECK(r.meta() == std::nullopt);
  CHECK(r.closed());
  CHECK(r.published());
  CHECK(r.version() == 2);
  auto late = factory.make_reader();
  check_finds_nothing(late);
  CHECK(late.closed());
  auto later = r.factory().make_reader();
  CHECK(later.closed());
  CHECK_FALSE(r.wait_for_version(3));
}

TEST_CASE("a version never changes while a guard keeps it", "[evmap][guard]") {
  auto [w, r] = tandem::make_evmap<std::string, int, with_meta>();
  w.insert("a", 1).set_meta(1);
  w.publish();
  auto old = r.enter();
  w.insert("a", 2).insert("b", 3).set_meta(2);
  w.publish();
  CHECK(tandem::test::contents(old) == tandem::test::multi_map<std::string, int>{{"a", {1}}});
  CHECK(old.meta() == 1);
  CHECK(old.version() == 1);
  auto other = w.make_reader();
  CHECK(other.meta() == 2);
  CHECK(other.version() == 2);
}

TEST_CASE("nested guards of one reader agree", "[evmap][guard]") {
  auto [w, r] = tandem::make_evmap<std::string, int, with_meta>();
  w.insert("a", 5).set_meta(5);
  w.publish();
  auto outer = r.enter();
  w.insert_or_assign("a", 6).set_meta(6);
  w.publish();
  auto inner = r.enter();
  CHECK(outer.version() == inner.version());
  CHECK(inner.find("a") == outer.find("a"));
  CHECK(r.read("a", [](const map::bag_type& b) { return b.front(); }) == 5);
  CHECK(r.get("a") == 5);
  CHECK(r.meta() == 5);
  CHECK(r.find_with_meta("a").meta() == 5);
  outer.reset();
  CHECK(r.get("a") == 5);  // the inner one still holds the version
  inner.reset();
  CHECK(r.get("a") == 6);
}

TEST_CASE("copies of a reader are independent of its guards", "[evmap][guard]") {
  auto [w, r] = tandem::make_evmap<std::string, int>();
  w.insert("a", 5);
  w.publish();
  auto outer = r.enter();
  w.insert_or_assign("a", 6);
  w.publish();
  auto copy = r;
  CHECK(copy.get("a") == 6);
  CHECK(r.get("a") == 5);
}

TEST_CASE("a guard outlives its reader", "[evmap][guard]") {
  auto [w, r] = tandem::make_evmap<std::string, int>();
  w.insert("a", 5);
  w.publish();
  auto short_lived = std::optional(r);
  auto g = short_lived->find("a");
  short_lived.reset();
  w.insert_or_assign("a", 6);
  w.publish();
  REQUIRE(g);
  CHECK(g->front() == 5);
  CHECK_FALSE(w.try_publish());
  g.reset();
  CHECK(w.try_publish());
}

TEST_CASE("guards become empty by reset and by being moved from", "[evmap][guard]") {
  auto [w, r] = tandem::make_evmap<std::string, int>();
  w.insert("a", 5);
  w.publish();
  auto const check = [](auto g) {
    REQUIRE(g);
    auto moved = std::move(g);
    CHECK_FALSE(g);  // NOLINT(bugprone-use-after-move): what is tested
    CHECK(moved);
    g = std::move(moved);
    CHECK_FALSE(moved);  // NOLINT(bugprone-use-after-move)
    CHECK(g);
    g.reset();
    CHECK_FALSE(g);
    g.reset();
    CHECK_FALSE(decltype(g){});
  };
  check(r.enter());
  check(r.find("a"));
  check(r.find_one("a"));
  check(r.find_with_meta("a"));
  w.publish();
  CHECK(w.try_publish());  // none of them has left anything behind
}

TEST_CASE("an initial meta survives publishes in both copies", "[evmap][meta]") {
  auto [w, r] = tandem::make_evmap<std::string, int, with_meta>(42);
  for (int i = 0; i != 4; ++i) {
    w.publish();
    CHECK(r.meta() == 42);
  }
}

TEST_CASE("a meta set before the first publish does not alternate with the initial one", "[evmap][meta]") {
  auto [w, r] = tandem::make_evmap<std::string, int, with_meta>(42);
  w.set_meta(43);
  for (int i = 0; i != 4; ++i) {
    w.publish();
    CHECK(r.meta() == 43);
  }
}

TEST_CASE("the last meta set before a publish is the one of that version", "[evmap][meta]") {
  auto [w, r] = tandem::make_evmap<std::string, int, with_meta>();
  CHECK(r.meta() == 0);
  w.set_meta(1).set_meta(2);
  w.publish();
  CHECK(r.meta() == 2);
  w.set_meta(3);
  CHECK(r.meta() == 2);
  CHECK(w.preview().meta() == 3);
  w.publish();
  w.publish();
  CHECK(r.meta() == 3);
}

TEST_CASE("find_with_meta gives the key's bag and the meta of the same version", "[evmap][meta]") {
  auto [w, r] = tandem::make_evmap<std::string, int, with_meta>();
  w.insert("a", 1).set_meta(1);
  w.publish();
  auto present = r.find_with_meta("a");
  auto absent = r.find_with_meta("b");
  w.insert_or_assign("a", 2).insert("b", 2).set_meta(2);
  w.publish();
  REQUIRE(present);
  REQUIRE(present.found());
  CHECK(present->size() == 1);
  CHECK((*present).front() == 1);
  CHECK(present.meta() == 1);
  CHECK(present.version() == 1);
  REQUIRE(absent);
  CHECK_FALSE(absent.found());
  CHECK(absent.meta() == 1);
}

TEST_CASE("changes made before the first publish are pending and are flushed", "[evmap][publish]") {
  auto [w, r] = tandem::make_evmap<std::string, int>();
  CHECK_FALSE(w.has_pending());
  w.flush();
  CHECK(w.version() == 0);
  w.insert("a", 1);
  CHECK(w.has_pending());
  CHECK(w.pending() == 1);
  w.flush();
  CHECK(w.version() == 1);
  CHECK(r.get("a") == 1);
  CHECK_FALSE(w.has_pending());
  w.flush();
  CHECK(w.version() == 1);
}

TEST_CASE("every publish counts, also one with nothing pending", "[evmap][publish]") {
  auto [w, r] = tandem::make_evmap<std::string, int>();
  for (std::uint64_t i = 1; i != 4; ++i) {
    w.publish();
    CHECK(w.version() == i);
    CHECK(r.version() == i);
    CHECK(r.enter().version() == i);
  }
}

TEST_CASE("a guard delays the publish after the next one and no other", "[evmap][publish]") {
  auto [w, r] = tandem::make_evmap<std::string, int>();
  w.insert("a", 1);
  w.publish();
  auto old = r.find("a");
  w.insert_or_assign("a", 2);
  REQUIRE(w.try_publish());
  w.insert_or_assign("a", 3);
  CHECK_FALSE(w.try_publish());
  CHECK_FALSE(w.publish_for(1ms));
  CHECK(w.pending() == 1);
  CHECK(w.version() == 2);
  CHECK(old->front() == 1);
  CHECK(w.make_reader().get("a") == 2);
  old.reset();
  CHECK(w.publish_for(1h));
  CHECK(r.get("a") == 3);
  CHECK(w.stats().publishes == 3);
}

TEST_CASE("wait_for_version returns when the version is there, when time is over and when the writer ends",
          "[evmap][publish]") {
  std::optional<map::writer> w;
  w.emplace();
  auto r = w->make_reader();
  w->publish();
  CHECK(r.wait_for_version(1));
  CHECK_FALSE(r.wait_for_version(2, 1ms));
  bool came = false;
  std::thread waiting([mine = r, &came] { came = mine.wait_for_version(3) && mine.contains("a"); });
  w->publish();
  w->insert("a", 1);
  w->publish();
  waiting.join();
  CHECK(came);
  bool never = true;
  std::thread in_vain([mine = r, &never] { never = mine.wait_for_version(4); });
  w.reset();
  in_vain.join();
  CHECK_FALSE(never);
}

TEST_CASE("a moved writer goes on where the other stopped", "[evmap][writer]") {
  auto [first, r] = tandem::make_evmap<std::string, int>();
  first.insert("a", 1);
  auto second = std::move(first);
  second.insert("b", 2);
  second.publish();
  CHECK(r.size() == 2);
  auto [third, other] = tandem::make_evmap<std::string, int>();
  third.publish();
  third = std::move(second);
  CHECK(other.closed());
  CHECK_FALSE(r.closed());
  third.insert("c", 3);
  third.publish();
  CHECK(r.size() == 3);
  third.publish();
  CHECK(r.size() == 3);
}

}  // namespace
