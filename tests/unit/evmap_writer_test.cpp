// What each member of evmap's writer does, alone and in a chain. Every outcome is looked at on both sides: after a publish,
// and after another one with nothing pending.
#include <tandem/evmap.hpp>

#include "support/catch.hpp"
#include "support/map_contents.hpp"
#include "support/moving.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <limits>
#include <list>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using tandem::test::contents;

// Kept in both maps, or in nodes that both point to.
template <class V>
V value(int i) {
  if constexpr (std::is_same_v<V, std::string>) {
    return "value " + std::to_string(i);
  } else {
    return static_cast<V>(i);
  }
}

template <class V>
struct fixture {
  using map = tandem::evmap<int, V>;
  using expected = tandem::test::multi_map<int, V>;

  fixture() {
    w.insert(1, value<V>(10)).insert(1, value<V>(11)).insert(1, value<V>(11)).insert(2, value<V>(20)).clear(3);
    w.publish();
    w.publish();
  }

  static expected start() { return {{1, {value<V>(10), value<V>(11), value<V>(11)}}, {2, {value<V>(20)}}, {3, {}}}; }
  expected now() const { return contents(r.enter()); }

  void becomes(const expected& e) {
    CHECK(now() == start());
    CHECK(contents(w.preview()) == e);
    CHECK(now() == start());
    w.publish();
    CHECK(now() == e);
    w.publish();
    CHECK(now() == e);
  }

  typename map::writer w;
  typename map::reader r = w.make_reader();
};

// Pairs (0, ""), (1, "x"), (2, "xx") ... that exist only while they are looked at; neither the range nor its iterator can be
// copied.
class once {
 public:
  explicit once(int n) : end_(n) {}
  once(once&&) = default;
  once& operator=(once&&) = default;

  class iterator {
   public:
    using value_type = std::pair<int, std::string>;
    using difference_type = std::ptrdiff_t;
    iterator(int at, int end) : at_(at), end_(end) {}
    iterator(iterator&&) = default;
    iterator& operator=(iterator&&) = default;
    value_type operator*() const { return {at_, std::string(static_cast<std::size_t>(at_), 'x')}; }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    void operator++(int) { ++at_; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) { return i.at_ == i.end_; }

   private:
    int at_;
    int end_;
  };
  iterator begin() { return {0, end_}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  int end_;
};
static_assert(std::ranges::input_range<once> && !std::ranges::forward_range<once> && !std::copyable<once>);

}  // namespace

TEMPLATE_TEST_CASE("insert adds a value beside what is there and creates the key", "[evmap][writer]", int,
                   std::string) {
  fixture<TestType> f;
  auto e = f.start();
  e[1].insert(value<TestType>(11));
  e[4].insert(value<TestType>(40));
  f.w.insert(1, value<TestType>(11)).insert(4, value<TestType>(40));
  f.becomes(e);
}

TEST_CASE("emplace constructs the value from its arguments", "[evmap][writer]") {
  tandem::evmap<int, std::string>::writer w;
  auto r = w.make_reader();
  w.emplace(1, 3U, 'x').emplace(1).emplace(1, "y");
  w.publish();
  CHECK(contents(r.enter())[1] == std::multiset<std::string>{"xxx", "", "y"});
}

TEMPLATE_TEST_CASE("insert_range inserts all pairs of any input range", "[evmap][writer]", int, std::string) {
  fixture<TestType> f;
  auto e = f.start();
  e[1].insert(value<TestType>(12));
  e[5].insert(value<TestType>(50));
  e[5].insert(value<TestType>(51));
  const std::vector<std::pair<int, TestType>> pairs{{1, value<TestType>(12)}, {5, value<TestType>(50)}};
  f.w.insert_range(pairs);
  f.w.insert_range(std::list<std::pair<const int, TestType>>{{5, value<TestType>(51)}});
  f.w.insert_range(std::vector<std::pair<int, TestType>>{});
  CHECK(f.w.pending() == 3);
  f.becomes(e);
}

TEST_CASE("insert_range takes tuples, moved elements, and ranges that can be walked only once", "[evmap][writer]") {
  tandem::evmap<int, std::string>::writer w;
  auto r = w.make_reader();
  w.insert_range(once{3});
  std::vector<std::tuple<int, std::string>> tuples{{1, "a string that is not short at all"}};
  w.insert_range(tandem::test::moving(tuples));
  w.insert_range(std::array{std::pair(2, "z")});
  w.publish();
  CHECK(contents(r.enter()) == tandem::test::multi_map<int, std::string>{
                                   {0, {""}}, {1, {"x", "a string that is not short at all"}}, {2, {"xx", "z"}}});
  CHECK(std::get<1>(tuples[0]).empty());
}

TEMPLATE_TEST_CASE("insert_or_assign leaves exactly the value, inline", "[evmap][writer]", int, std::string) {
  fixture<TestType> f;
  for (int i = 0; i != 40; ++i) f.w.insert(2, value<TestType>(i));
  f.w.publish();
  REQUIRE(f.r.find(2)->capacity() >= 40);
  f.w.insert_or_assign(1, value<TestType>(7)).insert_or_assign(2, value<TestType>(8));
  f.w.insert_or_assign(3, value<TestType>(9)).insert_or_assign(4, value<TestType>(10));
  for (int side = 0; side != 2; ++side) {
    f.w.publish();
    CHECK(f.now() == typename fixture<TestType>::expected{{1, {value<TestType>(7)}},
                                                          {2, {value<TestType>(8)}},
                                                          {3, {value<TestType>(9)}},
                                                          {4, {value<TestType>(10)}}});
    for (int k = 1; k != 5; ++k) CHECK(f.r.find(k)->is_inline());
    CHECK(f.r.find(2)->capacity() == 1);
  }
}

TEMPLATE_TEST_CASE("erase removes the key with its bag, and nothing if it is absent", "[evmap][writer]", int,
                   std::string) {
  fixture<TestType> f;
  auto e = f.start();
  e.erase(1);
  e.erase(3);
  f.w.erase(1).erase(3).erase(9);
  f.becomes(e);
}

TEMPLATE_TEST_CASE("erase_value removes one equal value and keeps the key", "[evmap][writer]", int, std::string) {
  fixture<TestType> f;
  auto e = f.start();
  e[1].erase(e[1].find(value<TestType>(11)));
  e[2].clear();
  f.w.erase_value(1, value<TestType>(11)).erase_value(2, value<TestType>(20));
  f.becomes(e);
  CHECK(f.r.find(2));
}

TEMPLATE_TEST_CASE("erase_value of an absent key or value changes nothing and creates no key", "[evmap][writer]", int,
                   std::string) {
  fixture<TestType> f;
  f.w.erase_value(9, value<TestType>(1)).erase_value(1, value<TestType>(99)).erase_value(3, value<TestType>(1));
  f.becomes(f.start());
  CHECK_FALSE(f.r.contains(9));
}

TEMPLATE_TEST_CASE("erase_if of a key removes what the predicate wants and keeps the key", "[evmap][writer]", int,
                   std::string) {
  fixture<TestType> f;
  auto e = f.start();
  e[1] = {value<TestType>(10)};
  e[2].clear();
  f.w.erase_if(1, [](const TestType& v) { return v == value<TestType>(11); });
  f.w.erase_if(2, [](const TestType&) { return true; });
  f.w.erase_if(3, [](const TestType&) { return true; });
  f.w.erase_if(9, [](const TestType&) { return true; });
  f.becomes(e);
}

TEMPLATE_TEST_CASE("erase_if of the whole map removes values and keeps emptied keys", "[evmap][writer]", int,
                   std::string) {
  fixture<TestType> f;
  auto e = f.start();
  e[1] = {value<TestType>(10)};
  e[2].clear();
  f.w.erase_if([](const int& k, const TestType& v) { return k == 2 || v == value<TestType>(11); });
  f.becomes(e);
}

TEMPLATE_TEST_CASE("clear of a key empties its bag, keeps its capacity, and creates it if absent", "[evmap][writer]",
                   int, std::string) {
  fixture<TestType> f;
  auto e = f.start();
  e[1].clear();
  e[9];
  const std::size_t before = f.r.find(1)->capacity();
  REQUIRE(before >= 3);
  f.w.clear(1).clear(9);
  f.becomes(e);
  CHECK(f.r.find(1)->capacity() == before);
  CHECK(f.r.contains(9));
}

TEMPLATE_TEST_CASE("clear without a key removes all keys", "[evmap][writer]", int, std::string) {
  fixture<TestType> f;
  f.w.insert(4, value<TestType>(1)).clear().insert(5, value<TestType>(2));
  f.becomes({{5, {value<TestType>(2)}}});
  f.w.clear();
  f.w.publish();
  CHECK(f.r.empty());
  f.w.publish();
  CHECK(f.r.empty());
}

TEMPLATE_TEST_CASE("reserve makes room for more values and creates the key", "[evmap][writer]", int, std::string) {
  fixture<TestType> f;
  auto e = f.start();
  e[9];
  e[8];
  f.w.reserve(1, 10).reserve(9, 50).reserve(8, 0);
  f.becomes(e);
  for (int side = 0; side != 2; ++side) {
    CHECK(f.r.find(1)->capacity() >= 13);
    CHECK(f.r.find(9)->capacity() >= 50);
    f.w.publish();
  }
}

TEST_CASE("reserve of more than any bag can hold throws and appends nothing", "[evmap][writer]") {
  fixture<std::string> f;
  CHECK_THROWS_AS(f.w.reserve(1, std::numeric_limits<std::size_t>::max()), std::length_error);
  CHECK_FALSE(f.w.has_pending());
  f.becomes(f.start());
}

TEMPLATE_TEST_CASE("shrink_to_fit gives back what a bag does not need", "[evmap][writer]", int, std::string) {
  fixture<TestType> f;
  f.w.reserve(1, 60).reserve(2, 60);
  for (int i = 0; i != 40; ++i) f.w.insert(3, value<TestType>(i));
  f.w.erase_if(3, [](const TestType& v) { return v != value<TestType>(5); });
  f.w.publish();
  auto e = f.start();
  e[3] = {value<TestType>(5)};
  REQUIRE(f.now() == e);
  SECTION("of one key") {
    f.w.shrink_to_fit(1).shrink_to_fit(9);
    for (int side = 0; side != 2; ++side) {
      f.w.publish();
      CHECK(f.now() == e);
      CHECK(f.r.find(1)->capacity() == 3);
      CHECK(f.r.find(2)->capacity() >= 60);
    }
  }
  SECTION("of all") {
    f.w.shrink_to_fit();
    for (int side = 0; side != 2; ++side) {
      f.w.publish();
      CHECK(f.now() == e);
      CHECK(f.r.find(1)->capacity() == 3);
      CHECK(f.r.find(2)->is_inline());
      CHECK(f.r.find(3)->is_inline());
    }
  }
}

TEMPLATE_TEST_CASE("changes take effect in the order in which they were made", "[evmap][writer]", int, std::string) {
  fixture<TestType> f;
  f.w.clear().insert(1, value<TestType>(1)).erase(1).insert(1, value<TestType>(2)).insert(1, value<TestType>(3));
  f.w.erase_value(1, value<TestType>(2)).insert_or_assign(2, value<TestType>(4)).insert(2, value<TestType>(5));
  f.w.clear(3).erase_if([](const int&, const TestType& v) { return v == value<TestType>(5); }).shrink_to_fit(2);
  f.becomes({{1, {value<TestType>(3)}}, {2, {value<TestType>(4)}}, {3, {}}});
}

TEMPLATE_TEST_CASE("discard_pending drops what no reader has seen", "[evmap][writer]", int, std::string) {
  fixture<TestType> f;
  auto const change = [&f] {
    f.w.insert(1, value<TestType>(1))
        .erase(2)
        .insert(7, value<TestType>(1))
        .erase_value(1, value<TestType>(10))
        .clear(8);
  };
  change();
  SECTION("before it was applied to anything") { REQUIRE(f.w.pending() == 5); }
  SECTION("after a preview") { REQUIRE(f.w.preview().size() == 4); }
  SECTION("after a preview of a part") {
    REQUIRE(f.w.preview().size() == 4);
    f.w.clear();
  }
  f.w.discard_pending();
  CHECK(f.w.pending() == 0);
  CHECK_FALSE(f.w.has_pending());
  f.becomes(f.start());
  change();
  f.w.publish();
  CHECK(f.r.size() == 4);
  f.w.publish();
  CHECK(f.r.size() == 4);
}

TEMPLATE_TEST_CASE("discard_pending keeps changes that readers see but the other side has not", "[evmap][writer]", int,
                   std::string) {
  fixture<TestType> f;
  auto e = f.start();
  e[1].insert(value<TestType>(1));
  f.w.insert(1, value<TestType>(1));
  f.w.publish();
  f.w.erase(1);
  SECTION("not applied") { REQUIRE(f.w.pending() == 1); }
  SECTION("applied by preview") { REQUIRE_FALSE(f.w.preview().contains(1)); }
  f.w.discard_pending();
  f.w.publish();
  CHECK(f.now() == e);
  f.w.publish();
  CHECK(f.now() == e);
}

TEST_CASE("preview shows all pending changes and published what readers see", "[evmap][writer]") {
  tandem::evmap<int, std::string>::writer w;
  w.insert(1, "a");
  CHECK(w.published().empty());
  CHECK(w.preview().size() == 1);
  w.insert(2, "b");
  CHECK(contents(w.preview()) == tandem::test::multi_map<int, std::string>{{1, {"a"}}, {2, {"b"}}});
  CHECK(w.published().empty());
  CHECK(w.pending() == 2);
  w.publish();
  CHECK(w.published().size() == 2);
  CHECK(*w.published().find_one(2) == "b");
  w.clear();
  CHECK(w.published().size() == 2);
  w.publish();
  CHECK(w.published().empty());
  CHECK(w.preview().empty());
}

TEST_CASE("pending counts the changes that no reader sees", "[evmap][writer]") {
  tandem::evmap<int, int>::writer w;
  for (std::size_t round = 0; round != 3; ++round) {
    CHECK(w.pending() == 0);
    w.insert(1, 1).insert(1, 2).erase(9).shrink_to_fit();
    CHECK(w.pending() == 4);
    w.publish();
  }
  CHECK(w.stats().pending == 0);
}

TEST_CASE("the writer's end drops what is pending", "[evmap][writer]") {
  auto [w, r] = tandem::make_evmap<int, std::string>();
  w.insert(1, "a");
  w.publish();
  w.insert(2, "b");
  {
    auto last = std::move(w);
  }
  CHECK_FALSE(r.contains(1));
  CHECK_FALSE(r.contains(2));
  CHECK(r.closed());
}
