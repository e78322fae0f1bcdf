// tree_index, one thread: what each operation does, what guards keep and for how long, what becomes of nodes, and what debug
// builds report.
#include <tandem/tree_index.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/faults.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

struct tiny : tandem::tree_index_options {
  static constexpr std::size_t slots = 2;
  static constexpr std::size_t fanout = 3;
};
struct full : tandem::tree_index_options {
  static constexpr std::size_t slots = 12;
  static constexpr std::size_t fanout = 64;
};
struct apart : tandem::tree_index_options {
  using epoch = tandem::own_epoch;
};

template <class K, class T, class Options = tandem::tree_index_options, class Compare = tandem::less<K>>
using tree_of = tandem::tree_index<K, T, Compare, std::allocator<std::pair<const K, T>>, Options>;

using number_tree = tree_of<int, int>;
using text_tree = tree_of<std::string, std::string>;

static_assert(std::ranges::forward_range<number_tree::range_guard>);
static_assert(std::ranges::forward_range<text_tree::range_guard>);
static_assert(std::forward_iterator<text_tree::range_guard::iterator>);
static_assert(std::ranges::forward_range<text_tree::range_guard::descending>);
static_assert(!std::is_copy_constructible_v<text_tree::cursor>);
// To change a copy would change nothing.
static_assert(
    !std::is_assignable_v<decltype((std::declval<number_tree::range_guard::iterator::reference>().second)), int>);

constinit tree_of<int, int> made_before_main;

std::vector<int> keys_of(const auto& range) {
  std::vector<int> keys;
  for (auto&& [k, v] : range) keys.push_back(k);
  return keys;
}

struct by_size {
  using is_transparent = void;
  static std::size_t size(const std::string& s) { return s.size(); }
  static std::size_t size(std::size_t n) { return n; }
  bool operator()(const auto& a, const auto& b) const { return size(a) < size(b); }
};
struct by_key {
  bool operator()(const tracked& a, const tracked& b) const {
    faults::reach(fault_compare);
    return a.key() < b.key();
  }
};

}  // namespace

TEST_CASE("a tree that is empty owns no memory and finds nothing", "[tree_index]") {
  tree_of<std::string, int> m;
  CHECK(m.empty());
  CHECK(m.depth() == 0);
  CHECK(m.stats().bytes == 0);
  CHECK_FALSE(m.find("a"));
  CHECK_FALSE(m.front());
  CHECK_FALSE(m.back());
  CHECK_FALSE(m.lower_bound(""));
  CHECK(m.enter().begin() == m.enter().end());
  CHECK(m.erase("a") == 0);
  CHECK(m.erase_range("a", "z") == 0);
  CHECK_FALSE(m.update("a", [](int&) {}));
  m.clear();
  CHECK(made_before_main.empty());
}

TEST_CASE("a tree is in order, forward and backward", "[tree_index]") {
  tree_of<int, int, tiny> m;
  std::vector<int> expected;
  for (int i = 0; i != 200; ++i) {
    REQUIRE(m.insert(i * 37 % 200, i));
    expected.push_back(i);
  }
  CHECK(m.depth() > 4);
  auto const all = m.enter();
  CHECK(keys_of(all) == expected);
  CHECK(keys_of(*all) == expected);
  std::vector<int> backward = keys_of(all.reversed());
  CHECK(std::ranges::equal(backward, expected | std::views::reverse));
  CHECK(keys_of(m.range(50, 60)) == std::vector<int>{50, 51, 52, 53, 54, 55, 56, 57, 58, 59});
  CHECK(keys_of(m.range(50, 54).reversed()) == std::vector<int>{53, 52, 51, 50});
  CHECK(keys_of(m.range(60, 50)).empty());
  CHECK(keys_of(m.range(60, 60)).empty());
  CHECK(keys_of(m.range(-5, 2)) == std::vector<int>{0, 1});
  CHECK(keys_of(m.range(198, 500)) == std::vector<int>{198, 199});
  CHECK(all.lower_bound(100)->first == 100);
  CHECK(all.upper_bound(100)->first == 101);
  CHECK(all.find(100)->first == 100);
  CHECK(all.find(1000) == all.end());
}

TEST_CASE("a cursor goes to its neighbours", "[tree_index]") {
  tree_of<int, int, tiny> m;
  for (int i = 0; i != 100; i += 2) m.insert(i, -i);
  auto at = m.lower_bound(31);
  REQUIRE(at);
  CHECK(at.key() == 32);
  CHECK(at.value() == -32);
  CHECK((*at).first == 32);
  REQUIRE(at.prev());
  CHECK(at->first == 30);
  for (int k = 32; k != 100; k += 2) {
    REQUIRE(at.next());
    CHECK(at.key() == k);
  }
  CHECK_FALSE(at.next());
  CHECK_FALSE(at);
  CHECK(m.upper_bound(32)->first == 34);
  CHECK(m.upper_bound(31)->first == 32);
  CHECK_FALSE(m.upper_bound(98));
  CHECK(m.before(32)->first == 30);
  CHECK_FALSE(m.before(0));
  CHECK(m.front()->first == 0);
  at = m.back();
  CHECK(at->first == 98);
  auto moved = std::move(at);
  CHECK_FALSE(at);
  REQUIRE(moved.prev());
  CHECK(moved.key() == 96);
  moved.reset();
  CHECK_FALSE(moved);
}

TEST_CASE("a cursor sees what happens ahead of it, and keeps what it shows", "[tree_index]") {
  tree_of<int, std::string, tiny> m;
  for (int i = 0; i != 40; i += 2) m.insert(i, std::to_string(i));
  auto at = m.lower_bound(10);
  for (int i = 1; i != 41; i += 2) m.insert(i, "new");
  m.erase(10);
  m.insert_or_assign(12, "again");
  CHECK(at.value() == "10");
  std::vector<int> seen;
  while (at.next()) seen.push_back(at.key());
  std::vector<int> expected;
  for (int i = 12; i != 40; ++i) expected.push_back(i);
  // What is in the leaf where it stands may be as it was.
  std::erase_if(seen, [](int k) { return k == 11; });
  CHECK(seen == expected);
}

TEST_CASE("elements are visited in a range, in order, and while the visitor wants", "[tree_index]") {
  tree_of<int, int, tiny> m;
  for (int i = 0; i != 50; ++i) m.insert(i, 2 * i);
  std::vector<int> seen;
  CHECK(m.visit_range(10, 15, [&](int k, int v) {
    CHECK(v == 2 * k);
    seen.push_back(k);
  }) == 5);
  CHECK(seen == std::vector<int>{10, 11, 12, 13, 14});
  CHECK(m.visit_range(15, 10, [](const auto&) {}) == 0);
  CHECK(m.visit_all([](const auto&) {}) == 50);
  CHECK(m.visit_while([](const auto&) { return true; }));
  int n = 0;
  CHECK_FALSE(m.visit_while([&](const auto&) { return ++n != 7; }));
  CHECK(n == 7);
  n = 0;
  CHECK(m.visit_while(40, 45, [&](const auto&) { return ++n != 0; }));
  CHECK(n == 5);
}

TEST_CASE("erase_range erases the range and nothing else", "[tree_index]") {
  tree_of<int, std::string, tiny> m;
  for (int i = 0; i != 100; ++i) m.insert(i, std::to_string(i));
  CHECK(m.erase_range(20, 20) == 0);
  CHECK(m.erase_range(30, 20) == 0);
  CHECK(m.erase_range(20, 30) == 10);
  CHECK(m.size() == 90);
  CHECK(m.before(30)->first == 19);
  CHECK(m.erase_range(-100, 1000) == 90);
  CHECK(m.empty());
  CHECK(m.depth() == 1);
  CHECK(m.insert(5, "five"));
}

TEST_CASE("numbers are found whatever their size and sign", "[tree_index]") {
  tree_of<double, float> d;
  for (double x : {-1e300, -0.5, 0.0, 0.25, 1e300, std::numeric_limits<double>::infinity()}) d.insert(x, 1.0F);
  CHECK(d.contains(0.25));
  CHECK(d.contains(std::numeric_limits<double>::infinity()));
  CHECK(d.front()->first == -1e300);
  tree_of<std::uint64_t, std::uint64_t, tiny> u;
  for (std::uint64_t i = 0; i != 40; ++i) {
    u.insert(i, i);
    u.insert(~i, i);
  }
  CHECK(u.contains(~std::uint64_t{0}));
  CHECK(u.back()->first == ~std::uint64_t{0});
  CHECK_FALSE(u.contains(~std::uint64_t{0} >> 1));
  tree_of<std::int16_t, std::int8_t> s;
  for (int i = -300; i != 300; ++i) s.insert(static_cast<std::int16_t>(i), static_cast<std::int8_t>(i));
  CHECK(s.size() == 600);
  CHECK(s.get(std::int16_t{-300}) == static_cast<std::int8_t>(-300));
  CHECK(s.front()->first == -300);
}

TEST_CASE("keys are compared by what they are given", "[tree_index]") {
  tree_of<int, int, tiny, std::greater<int>> down;
  for (int i = 0; i != 50; ++i) down.insert(i, i);
  CHECK(down.front()->first == 49);
  CHECK(down.lower_bound(20)->first == 20);
  CHECK(keys_of(down.range(20, 17)) == std::vector<int>{20, 19, 18});

  tree_of<std::string, int, tiny, by_size> sizes;
  for (std::size_t n = 0; n != 40; ++n) sizes.insert(std::string(n, 'x'), static_cast<int>(n));
  CHECK(sizes.get(std::size_t{17}) == 17);
  CHECK(sizes.lower_bound(std::size_t{17})->second == 17);
  CHECK(sizes.erase_range(std::size_t{10}, std::size_t{20}) == 10);
  CHECK(sizes.visit_range(std::size_t{5}, std::size_t{25}, [](const auto&) {}) == 10);
}

TEST_CASE("texts are looked up without making a string", "[tree_index]") {
  text_tree m{{"a", "1"}, {"b", "2"}};
  CHECK(m.at(std::string_view("a")) == "1");
  CHECK_THROWS_AS(m.at("c"), std::out_of_range);
  CHECK(m.value_or("c", "x") == "x");
  CHECK(m.read("a", [](const std::string& k, const std::string& v) { return k + v; }) == "a1");
  CHECK(m.count("a") == 1);
  CHECK(m.update("a", [](const std::string& k, std::string& v) { return v += k; }) == "1a");
  CHECK(m.get("a") == "1a");
  CHECK_FALSE(m.update("z", [](std::string&) {}));
  CHECK(m.erase_if("a", [](const std::string& v) { return v == "no"; }) == 0);
  CHECK(erase_if(m, [](const auto& x) { return x.first == "b"; }) == 1);
  CHECK(m.size() == 1);
}

TEMPLATE_TEST_CASE("a key that is present is not inserted, and its arguments are not moved from", "[tree_index]", tiny,
                   tandem::tree_index_options) {
  tree_of<int, std::unique_ptr<int>, TestType> m;
  auto one = std::make_unique<int>(1);
  CHECK(m.try_emplace(1, std::move(one)));
  auto two = std::make_unique<int>(2);
  CHECK_FALSE(m.try_emplace(1, std::move(two)));
  CHECK_FALSE(m.insert(1, std::move(two)));
  CHECK_FALSE(m.emplace(1, std::move(two)));
  CHECK_FALSE(m.insert({1, nullptr}));
  REQUIRE(two);
  CHECK_FALSE(m.insert_or_assign(1, std::move(two)));
  CHECK(*m.find(1)->second == 2);
}

TEST_CASE("a guard keeps its version of the element, and an erased element dies with its last guard", "[tree_index]") {
  tracked_totals.reset();
  {
    tree_of<int, tracked> m;
    for (int i = 0; i != 10; ++i) m.try_emplace(i, i);
    auto one = m.find(3);
    auto two = m.lower_bound(3);
    REQUIRE(one);
    m.update(3, [](tracked& t) { t = tracked(33); });
    CHECK(one->second.key() == 3);
    CHECK(two.value().key() == 3);
    m.erase(3);
    CHECK_FALSE(m.contains(3));
    one.reset();
    CHECK(two.value().key() == 3);
    two.reset();
    CHECK(tracked_totals.live == 9);
    // Nobody looks: at once.
    m.erase(4);
    CHECK(tracked_totals.live == 8);
    CHECK(m.stats().retired.objects == 0);
  }
  CHECK(tracked_totals.live == 0);
  CHECK(tracked_totals.corrupt == 0);
}

TEST_CASE("a range of a tree keeps everything that it may show, and cheaper lookups", "[tree_index]") {
  text_tree m;
  for (int i = 0; i != 500; ++i) m.insert(std::to_string(i), std::to_string(2 * i));
  auto all = m.enter();
  REQUIRE(all);
  auto const first = all.begin();
  std::string const was = first->first;
  m.clear();
  CHECK(first->first == was);
  CHECK(m.empty());
  CHECK(m.stats().retired.objects > 500);
  m.insert("7", "14");
  CHECK(all.contains("7"));
  CHECK(all.get("7") == "14");
  CHECK(all.read("7", [](const std::string& s) { return s.size(); }) == 2U);
  CHECK(all.visit("8", [](const auto&) {}) == 0);
  auto other = std::move(all);
  CHECK_FALSE(all);
  CHECK(other->contains("7"));
  other.reset();
  CHECK(m.stats().retired.objects == 0);
}

TEST_CASE("leaves of erased elements are joined, and memory comes back", "[tree_index]") {
  tree_of<std::uint64_t, std::uint64_t> m;
  std::mt19937_64 random(5);
  std::vector<std::uint64_t> keys(20'000);
  for (auto& k : keys) m.insert(k = random(), 1U);
  auto const before = m.stats();
  CHECK(before.fill > 0.6);
  for (std::size_t i = 0; i != keys.size(); ++i) {
    if (i % 10 != 0) m.erase(keys[i]);
  }
  auto const after = m.stats();
  CHECK(after.size == 2000);
  CHECK(after.fill > 0.3);
  CHECK(after.bytes < before.bytes / 4);
  for (std::size_t i = 0; i != keys.size(); i += 10) REQUIRE(m.contains(keys[i]));
  for (std::size_t i = 0; i != keys.size(); i += 10) m.erase(keys[i]);
  CHECK(m.depth() == 1);
  CHECK(m.stats().leaves == 1);
}

TEST_CASE("keys that come in order fill leaves", "[tree_index]") {
  for (bool up : {true, false}) {
    tree_of<int, int> m;
    for (int i = 0; i != 10'000; ++i) m.insert(up ? i : -i, i);
    CHECK(m.stats().fill > 0.9);
    CHECK(m.depth() <= 5);
  }
}

TEMPLATE_TEST_CASE("a tree is built of sorted elements at once", "[tree_index]", tandem::tree_index_options, tiny,
                   full) {
  for (int n : {0, 1, 2, 3, 15, 16, 30, 1000, 5000}) {
    std::vector<std::pair<int, std::string>> sorted;
    for (int i = 0; i != n; ++i) sorted.emplace_back(i, std::to_string(i));
    tree_of<int, std::string, TestType> m(tandem::sorted_unique, sorted.begin(), sorted.end());
    CHECK(m.size() == static_cast<std::size_t>(n));
    CHECK(std::ranges::equal(m.enter(), sorted,
                             [](const auto& a, const auto& b) { return a.first == b.first && a.second == b.second; }));
    for (int i = 0; i != n; ++i) {
      CHECK(m.contains(i));
      m.erase(i);
      m.insert(i + n, "");
    }
    CHECK(m.size() == static_cast<std::size_t>(n));
  }
  tree_of<std::string, int, TestType> texts(tandem::sorted_unique, {{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}});
  CHECK(texts.erase("c") == 1);
  CHECK(texts.size() == 4);
}

TEST_CASE("trees are copied, moved, assigned, swapped and compared", "[tree_index]") {
  text_tree a{{"a", "1"}, {"b", "2"}};
  text_tree b = a;
  CHECK(a == b);
  b.insert("c", "3");
  CHECK_FALSE(a == b);
  swap(a, b);
  CHECK(a.size() == 3);
  text_tree c = std::move(a);
  CHECK(c.size() == 3);
  CHECK(a.empty());
  a = b;
  CHECK(a == b);
  a = std::move(c);
  CHECK(a.size() == 3);
  a = {{"x", "y"}};
  CHECK(a.at("x") == "y");
  std::map<std::string, std::string> const plain{{"k", "v"}, {"l", "w"}};
  text_tree const from(plain.begin(), plain.end());
  CHECK(from.size() == 2);
  tree_of<int, int, apart> own;
  own.insert(1, 2);
  tree_of<int, int, apart> const copy = own;
  CHECK(copy == own);
}

TEMPLATE_TEST_CASE("every node and element goes back to the allocator that it came from", "[tree_index]",
                   (account_allocator<std::pair<const std::string, std::string>, false>),
                   (account_allocator<std::pair<const std::string, std::string>, true>)) {
  using tree = tandem::tree_index<std::string, std::string, tandem::less<std::string>, TestType, tiny>;
  memory_account one, two;
  {
    tree a{TestType(one)}, b{TestType(two)};
    for (int i = 0; i != 50; ++i) {
      a.insert(std::to_string(i), "a");
      b.insert(std::to_string(i + 25), "b");
    }
    tree moved(std::move(a), TestType(two));
    CHECK(moved.size() == 50);
    a = b;
    CHECK(a == b);
    a.erase("30");
    b = std::move(moved);
    CHECK(b.at("3") == "a");
    b.erase_range("1", "3");
    if constexpr (TestType::propagate_on_container_swap::value) a.swap(b);
    b.clear();
  }
  CHECK(one.allocations > 0);
  CHECK(one.balanced());
  CHECK(two.balanced());
}

TEST_CASE("what throws on its way into or out of a tree changes nothing", "[tree_index][fault]") {
  auto const walk = []<class Options>(std::type_identity<Options>, const char* name, auto call) {
    using map =
        tandem::tree_index<tracked, tracked, by_key, budget_allocator<std::pair<const tracked, tracked>>, Options>;
    INFO(name);
    tracked_totals.reset();
    int const failures = walk_faults([&](auto inject) {
      map m;
      for (int i = 0; i != 40; i += 2) m.try_emplace(tracked(i), i);
      map before(m);
      bool const done = inject([&] { call(m); });
      if (!done) REQUIRE(m == before);
      m.insert_or_assign(tracked(5), tracked(1));
      REQUIRE(m.get(tracked(5))->key() == 1);
      std::size_t n = 0;
      int last = -2;
      for (const auto& [k, v] : m.enter()) {
        REQUIRE(k.key() > last);
        last = k.key();
        ++n;
      }
      REQUIRE(n == m.size());
    });
    CHECK(failures > 0);
    CHECK(tracked_totals.live == 0);
    CHECK(tracked_totals.corrupt == 0);
    CHECK(budget::process_account.balanced());
  };
  auto const every = [&](const char* name, auto call) {
    walk(std::type_identity<tiny>(), name, call);
    walk(std::type_identity<tandem::tree_index_options>(), name, call);
  };
  every("insert", [](auto& m) { m.insert({tracked(7), tracked(1)}); });
  every("try_emplace, at the end", [](auto& m) { m.try_emplace(tracked(100), 1); });
  every("try_emplace, at the beginning", [](auto& m) { m.try_emplace(tracked(-1), 1); });
  every("insert_or_assign, new", [](auto& m) { m.insert_or_assign(tracked(21), tracked(1)); });
  every("insert_or_assign, old", [](auto& m) {
    tracked const v(1);
    m.insert_or_assign(tracked(4), v);
  });
  every("update", [](auto& m) {
    m.update(tracked(4), [](tracked& v) {
      v = tracked(7);
      faults::reach(fault_call);
    });
  });
  every("erase_if", [](auto& m) {
    m.erase_if(tracked(4), [](const tracked&) {
      faults::reach(fault_call);
      return true;
    });
  });
  every("get", [](auto& m) { static_cast<void>(m.get(tracked(4))); });
  every("find", [](auto& m) { static_cast<void>(m.find(tracked(4))); });
  every("lower_bound and on", [](auto& m) {
    auto at = m.lower_bound(tracked(4));
    while (at.next()) {
    }
  });
  every("copy", [](auto& m) { auto const copy = m; });
}

TEST_CASE("an erase_range that throws has erased the first elements, and each is erased or there",
          "[tree_index][fault]") {
  tracked_totals.reset();
  int const failures = walk_faults([](auto inject) {
    tandem::tree_index<tracked, tracked, by_key, budget_allocator<std::pair<const tracked, tracked>>, tiny> m;
    for (int i = 0; i != 40; ++i) m.try_emplace(tracked(i), i);
    bool const done = inject([&] { m.erase_range(tracked(10), tracked(30)); });
    int first = 10;
    while (first != 30 && !m.contains(tracked(first))) ++first;
    if (done) REQUIRE(first == 30);
    for (int i = 0; i != 40; ++i) REQUIRE(m.contains(tracked(i)) == (i < 10 || i >= first));
    REQUIRE(m.size() == static_cast<std::size_t>(50 - first));
  });
  CHECK(failures > 0);
  CHECK(tracked_totals.live == 0);
  CHECK(budget::process_account.balanced());
}

#ifndef NDEBUG
TEST_CASE("a tree that is destroyed before its guards is reported, and so are other mistakes", "[tree_index][misuse]") {
  auto const by_cursor = run_in_child([] {
    auto m = std::make_unique<text_tree>();
    m->insert("a", "b");
    auto const g = m->front();
    m.reset();
  });
  CHECK(by_cursor.signal == SIGABRT);
  CHECK(by_cursor.says("a container is destroyed while a guard of it lives"));
  CHECK(by_cursor.says(__FILE__));
  auto const empty = run_in_child([] {
    text_tree m;
    auto g = m.front();
    g.next();
  });
  CHECK(empty.signal == SIGABRT);
  CHECK(empty.says("an empty guard was used"));
  auto const unsorted = run_in_child([] {
    std::vector<std::pair<int, int>> const v{{1, 1}, {3, 3}, {2, 2}};
    number_tree m(tandem::sorted_unique, v.begin(), v.end());
  });
  CHECK(unsorted.signal == SIGABRT);
  CHECK(unsorted.says("sorted_unique"));
  auto const itself = run_in_child([] {
    number_tree m{{1, 1}};
    m.update(1, [&](int&) { m.erase(1); });
  });
  CHECK(itself.signal == SIGABRT);
  CHECK(itself.says("it may wait for itself"));
}
#endif
