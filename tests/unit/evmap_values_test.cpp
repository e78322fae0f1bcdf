// What kinds of values evmap takes, how many times it keeps them, and when they die.
#include <tandem/evmap.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/map_contents.hpp"
#include "support/moving.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using tandem::test::budget_allocator;
using tandem::test::contents;
using tandem::test::tracked;

struct account_options : tandem::evmap_options {
  using allocator = budget_allocator<std::byte>;
};

// Neither copyable nor small enough to think of copying; nor does it have == or a hash.
struct opaque {
  explicit opaque(int i) : number(std::make_unique<int>(i)) {}
  std::unique_ptr<int> number;
};

// Trivially copyable in the eyes of the language, but not copyable.
struct small_move_only {
  explicit small_move_only(int i) : number(i) {}
  small_move_only(const small_move_only&) = delete;
  small_move_only(small_move_only&&) = default;
  small_move_only& operator=(const small_move_only&) = delete;
  small_move_only& operator=(small_move_only&&) = default;
  friend bool operator==(const small_move_only&, const small_move_only&) = default;
  int number;
};

struct alignas(64) over_aligned {
  int number = 0;
  friend bool operator==(const over_aligned&, const over_aligned&) = default;
  bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % 64 == 0; }
};

// == but no hash: a bag of these is searched one by one at any size.
struct unhashed {
  int number;
  std::string text = {};
  friend bool operator==(const unhashed&, const unhashed&) = default;
};

std::multiset<int> keys_of(const auto& bag) {
  std::multiset<int> keys;
  for (const tracked& v : bag) keys.insert(v.key());
  return keys;
}

}  // namespace

TEST_CASE("values without == can be inserted, found, erased by predicate and cleared", "[evmap][values]") {
  tandem::evmap<int, opaque>::writer w;
  auto r = w.make_reader();
  for (int i = 0; i != 40; ++i) w.emplace(1, i);
  w.insert(2, opaque(7)).insert(2, opaque(8)).insert_or_assign(2, opaque(9));
  for (int side = 0; side != 2; ++side) {
    w.publish();
    REQUIRE(r.count(1) == 40);
    CHECK_FALSE(r.find(1)->is_hashed());
    CHECK(*r.find_one(2)->number == 9);
    CHECK(*r.find_one(1)->number == 0);
  }
  w.erase_if(1, [](const opaque& v) { return *v.number % 2 == 0; });
  w.erase_if([](const int& k, const opaque&) { return k == 2; });
  for (int side = 0; side != 2; ++side) {
    w.publish();
    CHECK(r.count(1) == 20);
    CHECK(r.count(2) == 0);
    auto bag = r.find(1);
    CHECK(std::ranges::all_of(*bag, [](const opaque& v) { return *v.number % 2 == 1; }));
  }
  w.clear(1).reserve(1, 3).shrink_to_fit().erase(2);
  w.publish();
  CHECK(r.count(1) == 0);
}

TEMPLATE_TEST_CASE("move-only values are moved in and never copied", "[evmap][values]", std::unique_ptr<int>,
                   small_move_only) {
  auto const make = [](int i) {
    if constexpr (std::is_same_v<TestType, small_move_only>) {
      return small_move_only(i);
    } else {
      return std::make_unique<int>(i);
    }
  };
  typename tandem::evmap<int, TestType>::writer w;
  auto r = w.make_reader();
  w.insert(1, make(10)).insert(1, make(11)).insert_or_assign(2, make(20)).emplace(3, make(30));
  std::vector<std::pair<int, TestType>> pairs;
  pairs.emplace_back(4, make(40));
  w.insert_range(tandem::test::moving(pairs));
  for (int side = 0; side != 2; ++side) {
    w.publish();
    CHECK(r.count(1) == 2);
    CHECK(r.count(4) == 1);
    CHECK(r.size() == 4);
  }
  w.erase_value(2, make(21)).erase(3).erase_if(4, [](const TestType&) { return true; });
  CHECK(w.preview().size() == 3);
  w.discard_pending();  // the sides are synchronized: they share the values
  w.publish();
  CHECK(r.count(1) == 2);
  CHECK(r.count(2) == 1);
  CHECK(r.count(3) == 1);
}

TEST_CASE("over-aligned values are aligned, in the slot and in large bags", "[evmap][values]") {
  tandem::evmap<int, over_aligned>::writer w;
  auto r = w.make_reader();
  w.insert(1, {1});
  for (int i = 0; i != 50; ++i) w.insert(2, {i});
  for (int side = 0; side != 2; ++side) {
    w.publish();
    CHECK(r.find_one(1)->is_aligned());
    auto bag = r.find(2);
    CHECK(std::ranges::all_of(*bag, &over_aligned::is_aligned));
    CHECK(bag->contains({49}));
    CHECK(r.contains(2, over_aligned{7}));
  }
}

TEST_CASE("values without a hash are searched one by one in a bag of any size", "[evmap][values]") {
  tandem::evmap<int, unhashed>::writer w;
  auto r = w.make_reader();
  for (int i = 0; i != 40; ++i) w.insert(1, {i % 20});
  w.publish();
  CHECK_FALSE(r.find(1)->is_hashed());
  CHECK(r.contains(1, unhashed{19}));
  w.erase_value(1, {3}).erase_value(1, {3}).erase_value(1, {3}).erase_value(1, {4});
  for (int side = 0; side != 2; ++side) {
    w.publish();
    CHECK(r.count(1) == 37);
    CHECK_FALSE(r.contains(1, unhashed{3}));
    CHECK(r.read(1, [](const auto& bag) { return bag.count({4}); }) == 1U);
  }
}

TEMPLATE_TEST_CASE("bags change their form on both sides alike", "[evmap][values]", std::uint64_t, std::string) {
  auto const make = [](int i) {
    if constexpr (std::is_same_v<TestType, std::string>) {
      return "value " + std::to_string(i);
    } else {
      return static_cast<TestType>(i);
    }
  };
  auto const size = GENERATE(1, 2, 31, 32, 33, 100);
  typename tandem::evmap<int, TestType>::writer w;
  auto r = w.make_reader();
  std::multiset<TestType> model;
  auto const both_sides = [&] {
    bool same = true;
    for (int side = 0; side != 2; ++side) {
      w.publish();
      auto bag = r.find(1);
      same = same && std::multiset<TestType>(bag->begin(), bag->end()) == model;
      for (int i = 0; i != size; ++i) same = same && bag->count(make(i)) == model.count(make(i));
    }
    return same;
  };
  for (int i = 0; i != size; ++i) {
    w.insert(1, make(i));
    model.insert(make(i));
  }
  CHECK(both_sides());
  CHECK(r.find(1)->is_hashed() == (size >= 32));
  CHECK(r.find(1)->is_inline() == (size == 1));
  // Down to a quarter, one publish per removal, so that each side meets the limits in its own publish.
  bool always = true;
  for (int i = 0; i < size * 3 / 4; ++i) {
    w.erase_value(1, make(i));
    model.erase(model.find(make(i)));
    always = always && both_sides();
  }
  CHECK(always);
  w.shrink_to_fit(1).insert(1, make(1000)).insert(1, make(1000));
  model.insert({make(1000), make(1000)});
  CHECK(both_sides());
  w.erase_value(1, make(1000)).erase_value(1, make(1000));
  model.erase(make(1000));
  CHECK(both_sides());
}

TEST_CASE("a thousand equal values stay a thousand values", "[evmap][values]") {
  tandem::evmap<int, std::string>::writer w;
  auto r = w.make_reader();
  for (int i = 0; i != 1000; ++i) w.insert(1, "the same");
  for (int side = 0; side != 2; ++side) {
    w.publish();
    auto bag = r.find(1);
    CHECK(bag->size() == 1000);
    CHECK(bag->count("the same") == 1000);
  }
  for (int i = 0; i != 400; ++i) w.erase_value(1, "the same");
  for (int side = 0; side != 2; ++side) {
    w.publish();
    CHECK(r.count(1) == 600);
    CHECK(r.find(1)->count("the same") == 600);
  }
}

// Rust's evmap frees memory twice here: a bag that has shrunk differs in order between the sides, and the two passes then
// remove different objects.
TEST_CASE("equal but distinct values are removed in pairs from bags that have shrunk", "[evmap][values]") {
  {
    tandem::evmap<int, tracked>::writer w;
    auto r = w.make_reader();
    for (int i = 0; i != 40; ++i) w.emplace(1, i, i);
    w.publish();
    w.publish();
    for (int i = 12; i != 40; ++i) w.erase_value(1, i);
    w.shrink_to_fit(1).emplace(1, 5, 100).erase_value(1, 5).erase_value(1, 5);
    w.publish();
    auto const expected = [] {
      std::multiset<int> keys;
      for (int i = 0; i != 12; ++i) {
        if (i != 5) keys.insert(i);
      }
      return keys;
    }();
    CHECK(keys_of(*r.enter().find(1)) == expected);
    w.publish();
    CHECK(keys_of(*r.enter().find(1)) == expected);
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

TEST_CASE("a value that is not small is kept once for both sides and never copied", "[evmap][values]") {
  tracked::totals().reset();
  {
    tandem::evmap<int, tracked>::writer w;
    auto r = w.make_reader();
    for (int i = 0; i != 10; ++i) w.emplace(1, i);
    w.emplace(2, 1);
    CHECK(tracked::live() == 11);
    const tracked* seen = nullptr;
    for (int side = 0; side != 3; ++side) {
      w.publish();
      CHECK(tracked::live() == 11);
      auto one = r.find_one(2);
      CHECK((seen == nullptr || seen == std::addressof(*one)));
      seen = std::addressof(*one);
    }
    w.insert(1, tracked(3)).insert_or_assign(2, tracked(4));
    w.publish();
    w.publish();
    CHECK(tracked::live() == 12);
    CHECK(tracked::totals().copies == 0);
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

TEST_CASE("a copy of a bag that a reader makes has values of its own", "[evmap][values]") {
  std::optional<tandem::evmap<int, tracked>::bag_type> copy;
  {
    tandem::evmap<int, tracked>::writer w;
    auto r = w.make_reader();
    for (int i = 0; i != 40; ++i) w.emplace(1, i);
    w.publish();
    CHECK(tracked::live() == 40);
    copy = r.read(1, [](const auto& bag) { return bag; });
    CHECK(tracked::live() == 80);
    w.clear();
    w.publish();
    w.publish();
    CHECK(tracked::live() == 40);
  }
  REQUIRE(copy);
  CHECK(copy->size() == 40);
  CHECK(copy->contains(39));
  copy.reset();
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

TEST_CASE("a removed value lives until the publish after the one that hides it", "[evmap][values]") {
  using map = tandem::evmap<int, tracked>;
  auto const remove = GENERATE(
      +[](map::writer& w) { w.erase(1); }, +[](map::writer& w) { w.erase_value(1, 10); },
      +[](map::writer& w) { w.erase_if(1, [](const tracked&) { return true; }); },
      +[](map::writer& w) { w.erase_if([](const int&, const tracked&) { return true; }); },
      +[](map::writer& w) { w.clear(1); }, +[](map::writer& w) { w.clear(); },
      +[](map::writer& w) { w.clear().emplace(2, 11).erase(2); });
  {
    map::writer w;
    auto r = w.make_reader();
    w.emplace(1, 10);
    w.publish();
    w.publish();
    auto old = r.find_one(1);
    remove(w);
    w.publish();
    CHECK(tracked::live() >= 1);
    CHECK(old->key() == 10);
    CHECK_FALSE(w.try_publish());  // not under a reader of the old side
    CHECK(old->key() == 10);
    old.reset();
    w.publish();
    CHECK(tracked::live() == 0);
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

TEST_CASE("a replaced value lives until the publish after the one that hides it", "[evmap][values]") {
  tandem::evmap<int, tracked>::writer w;
  auto r = w.make_reader();
  w.emplace(1, 10);
  w.publish();
  w.insert_or_assign(1, 20);
  w.publish();
  CHECK(tracked::live() == 2);
  w.publish();
  CHECK(tracked::live() == 1);
  CHECK(r.find_one(1)->key() == 20);
}

TEST_CASE("the writer's end destroys all values, pending ones too", "[evmap][values]") {
  tandem::evmap<int, tracked>::reader const r = [] {
    tandem::evmap<int, tracked>::writer w;
    w.emplace(1, 1).emplace(1, 2).emplace(2, 1);
    w.publish();
    w.erase_value(1, 1).emplace(3, 1);
    w.publish();
    w.emplace(4, 1).erase(2);
    return w.make_reader();
  }();
  CHECK(r.closed());
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

TEST_CASE("all memory comes from the allocator and goes back to it", "[evmap][allocator]") {
  auto& account = budget_allocator<std::byte>::account();
  REQUIRE(account.balanced());
  auto const before = account.allocations.load();
  {
    tandem::evmap<int, std::string, account_options>::writer w(tandem::capacity{100});
    for (int i = 0; i != 200; ++i) w.insert(i % 3, std::to_string(i));
    for (int i = 0; i != 50; ++i) w.insert(100 + i, "x");
    w.publish();
    CHECK(account.blocks >= 250);  // a node per value
    CHECK(account.blocks < 250 + 2 * 53 + 20);
    for (int i = 0; i != 150; ++i) w.erase_value(i % 3, std::to_string(i));
    w.erase_if([](const int& k, const std::string&) { return k % 2 == 0; }).shrink_to_fit().clear(101).erase(102);
    CHECK(w.preview().size() == 52);
    w.discard_pending();
    w.erase(0);
    w.publish();
    w.clear();
    w.publish();
    w.publish();
  }
  CHECK(account.allocations > before);
  CHECK(account.balanced());
}

TEST_CASE("an allocator with state is the one that is passed", "[evmap][allocator]") {
  struct pool : std::pmr::memory_resource {
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
      ++blocks;
      return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* p, std::size_t bytes, std::size_t alignment) override {
      --blocks;
      std::pmr::new_delete_resource()->deallocate(p, bytes, alignment);
    }
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
    int blocks = 0;
  } mine, others;
  struct options : tandem::evmap_options {
    using allocator = std::pmr::polymorphic_allocator<std::byte>;
  };
  std::pmr::memory_resource* const usual = std::pmr::set_default_resource(&others);
  {
    auto [w, r] = tandem::make_evmap<int, std::string, options>(std::pmr::polymorphic_allocator<std::byte>(&mine));
    for (int i = 0; i != 100; ++i) w.insert(i % 2, std::to_string(i)).insert(i, "x");
    w.publish();
    w.insert_or_assign(1, "y").reserve(200, 5).clear(300);
    CHECK(w.preview().size() == 102);
    w.discard_pending();
    w.insert(5, "z");
    w.publish();
    w.publish();
    CHECK(mine.blocks > 200);
    CHECK(others.blocks == 0);
    CHECK(r.count(5) == 2);
  }
  std::pmr::set_default_resource(usual);
  CHECK(mine.blocks == 0);
  CHECK(others.blocks == 0);
}
