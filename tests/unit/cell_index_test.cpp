// cell_index, one thread: what each operation does, what guards keep and for how long, and what debug builds report.
#include <tandem/cell_index.hpp>
#include <tandem/cell_map.hpp>

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
#include <map>
#include <memory>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

struct tiny : tandem::cell_index_options {
  static constexpr std::size_t slots = 2;
};
struct apart : tandem::cell_index_options {
  using epoch = tandem::own_epoch;
};
struct no_pairs : tandem::cell_index_options {
  static constexpr bool optimistic_reads = false;
};
// All keys in one cell, with one tag.
struct one_cell {
  std::size_t operator()(int) const noexcept { return 0; }
  using is_avalanching = void;
};

template <class K, class T, class Options = tandem::cell_index_options, class Hash = tandem::hash<K>>
using index_of = tandem::cell_index<K, T, Hash, tandem::equal_to<K>, std::allocator<std::pair<const K, T>>, Options>;

template <class T>
T made(int n) {
  if constexpr (std::is_same_v<T, std::string>) {
    return "a text that is too long for the string object " + std::to_string(n);
  } else if constexpr (std::is_same_v<T, std::array<long, 2>>) {
    return {n, n};
  } else {
    return static_cast<T>(n);
  }
}

using number_index = index_of<int, int>;
using text_index = index_of<std::string, std::string>;

static_assert(std::ranges::forward_range<number_index::range_guard>);
static_assert(std::ranges::forward_range<text_index::range_guard>);
static_assert(std::forward_iterator<text_index::range_guard::iterator>);

}  // namespace

TEMPLATE_TEST_CASE("cell_index does what a map does, in random order", "[cell_index]", number_index, text_index,
                   (index_of<std::uint8_t, std::uint8_t>), (index_of<long, std::array<long, 2>>),
                   (index_of<int, int, tiny>), (index_of<std::string, std::string, tiny>), (index_of<int, int, apart>),
                   (index_of<int, std::string, apart>), (index_of<int, int, no_pairs>),
                   (index_of<int, int, tiny, one_cell>), (index_of<int, std::string, tiny, one_cell>)) {
  using key = typename TestType::key_type;
  using mapped = typename TestType::mapped_type;
  TestType m;
  std::map<key, mapped> model;
  std::mt19937 random(7);
  bool const crowded = requires { requires std::same_as<typename TestType::hasher, one_cell>; };
  unsigned const keys = sizeof(key) == 1 ? 100 : crowded ? 60 : 1000;
  for (int i = 0; i != (crowded ? 6'000 : 20'000); ++i) {
    key const k = made<key>(static_cast<int>(random() % keys));
    mapped const v = made<mapped>(static_cast<int>(random() % 100));
    switch (random() % 8) {
      case 0:
        REQUIRE(m.insert({k, v}) == model.insert({k, v}).second);
        break;
      case 1:
        REQUIRE(m.insert_or_assign(k, v) == model.insert_or_assign(k, v).second);
        break;
      case 2:
        REQUIRE(m.try_emplace(k, v) == model.try_emplace(k, v).second);
        break;
      case 3:
      case 4:
        REQUIRE(m.erase(k) == model.erase(k));
        break;
      case 5: {
        auto const at = model.find(k);
        REQUIRE(m.update(k, [&](mapped& x) { x = v; }) == (at != model.end()));
        if (at != model.end()) at->second = v;
        break;
      }
      default: {
        auto const at = model.find(k);
        auto const g = m.find(k);
        REQUIRE(static_cast<bool>(g) == (at != model.end()));
        REQUIRE(m.contains(k) == static_cast<bool>(g));
        REQUIRE(m.get(k).has_value() == static_cast<bool>(g));
        if (g) REQUIRE((g->first == k && g.key() == k && g.value() == at->second && *m.get(k) == at->second));
      }
    }
    if (i % 1000 == 999) {
      std::map<key, mapped> seen;
      std::size_t n = 0;
      for (auto&& [a, b] : m.enter()) {
        seen.emplace(a, b);
        ++n;
      }
      REQUIRE(seen == model);
      REQUIRE(n == model.size());
      REQUIRE(m.size() == model.size());
      REQUIRE(m.visit_all([](const auto&) {}) == n);
    }
    if (i % 5000 == 4999) {
      std::size_t const before = model.size();
      std::erase_if(model, [](const auto& x) { return x.second < made<mapped>(5); });
      REQUIRE(m.erase_if([](const auto& x) { return x.second < made<mapped>(5); }) == before - model.size());
    }
  }
  m.clear();
  CHECK(m.empty());
  CHECK(m.enter().begin() == m.enter().end());
}

TEST_CASE("a guard keeps its version of an element, and the end of the last guard destroys it", "[cell_index]") {
  tracked_totals.reset();
  {
    index_of<int, tracked> m;
    for (int i = 0; i != 10; ++i) m.insert(i, tracked(i));
    CHECK(tracked_totals.live == 10);
    auto one = m.find(3);
    auto two = m.find(3);
    REQUIRE(one);
    m.insert_or_assign(3, tracked(33));
    CHECK(one->second.key() == 3);
    CHECK(m.find(3)->second.key() == 33);
    CHECK(tracked_totals.live == 11);
    m.erase(3);
    CHECK_FALSE(m.contains(3));
    CHECK(one->second.key() == 3);
    auto moved = std::move(one);
    CHECK_FALSE(one);
    two.reset();
    CHECK(moved->second.key() == 3);
    moved.reset();
    CHECK(tracked_totals.live == 9);
    // Nobody looks: at once.
    m.erase(4);
    CHECK(tracked_totals.live == 8);
    m.update(5, [](tracked& t) { t = tracked(55); });
    CHECK(tracked_totals.live == 8);
    CHECK(m.stats().retired.objects == 0);
  }
  CHECK(tracked_totals.live == 0);
  CHECK(tracked_totals.corrupt == 0);
}

TEST_CASE("a range keeps everything that it may show, and cheaper lookups", "[cell_index]") {
  text_index m;
  for (int i = 0; i != 500; ++i) m.insert(std::to_string(i), std::to_string(2 * i));
  auto all = m.enter();
  REQUIRE(all);
  auto const first = all.begin();
  std::string const was = first->first;
  m.clear();
  CHECK(first->first == was);
  CHECK(m.empty());
  CHECK(m.stats().retired.objects > 0);
  m.insert("7", "14");
  CHECK(all.contains("7"));
  CHECK(all.get("7") == "14");
  CHECK(all.read("7", [](const std::string& s) { return s.size(); }) == 2U);
  CHECK(all.visit("8", [](const auto&) {}) == 0);
  std::vector<std::string> const keys{"6", "7", "8"};
  std::string seen;
  CHECK(all.visit(keys.begin(), keys.end(), [&](const std::string& k, const std::string& v) { seen += k + v; }) == 1);
  CHECK(seen == "714");
  auto other = std::move(all);
  CHECK_FALSE(all);
  other.reset();
  CHECK(m.stats().retired.objects == 0);
}

TEST_CASE("whoever erases many elements destroys as many, if nobody looks at them", "[cell_index]") {
  tandem::cell_index<int, std::string> m;
  auto const fill = [&] {
    for (int i = 0; i != 10'000; ++i) m.emplace(i, "x");
  };
  fill();
  m.clear();
  CHECK(m.stats().retired.objects == 0);
  fill();
  CHECK(m.erase_if([](const auto& x) { return x.first % 2 == 0; }) == 5'000);
  CHECK(m.stats().retired.objects == 0);
}

TEST_CASE("bulk visits find what single ones find, in order", "[cell_index]") {
  number_index m;
  for (int i = 0; i < 10'000; i += 2) m.insert(i, -i);
  std::vector<int> keys;
  for (int i = 0; i != 1000; ++i) keys.push_back(i * 7 % 10'000);
  std::vector<int> seen, expected;
  for (int k : keys) m.visit(k, [&](const auto& x) { expected.push_back(x.second); });
  CHECK(m.visit(keys.begin(), keys.end(), [&](const auto& x) { seen.push_back(x.second); }) == expected.size());
  CHECK(seen == expected);
}

TEST_CASE("lookups return what they promise", "[cell_index]") {
  text_index m{{"a", "1"}, {"b", "2"}};
  CHECK(m.at(std::string_view("a")) == "1");
  CHECK_THROWS_AS(m.at("c"), std::out_of_range);
  CHECK(m.value_or("c", "x") == "x");
  CHECK(m.read("a", [](const std::string& k, const std::string& v) { return k + v; }) == "a1");
  CHECK(m.count("a") == 1);
  CHECK(m.update("a", [](const std::string& k, std::string& v) { return v += k; }) == "1a");
  CHECK(m.get("a") == "1a");
  CHECK_FALSE(m.update("z", [](std::string&) {}));
  CHECK(m.erase_if("a", [](const auto& x) { return x.second == "no"; }) == 0);
  CHECK(erase_if(m, [](const auto& x) { return x.first == "b"; }) == 1);
  CHECK(m.size() == 1);
}

TEST_CASE("indexes are copied, moved, assigned, swapped and compared", "[cell_index]") {
  text_index a{{"a", "1"}, {"b", "2"}};
  text_index b = a;
  CHECK(a == b);
  b.insert("c", "3");
  CHECK_FALSE(a == b);
  swap(a, b);
  CHECK(a.size() == 3);
  text_index c = std::move(a);
  CHECK(c.size() == 3);
  CHECK(a.empty());
  a = b;
  CHECK(a == b);
  a = std::move(c);
  CHECK(a.size() == 3);
  a = {{"x", "y"}};
  CHECK(a.at("x") == "y");
  std::unordered_map<std::string, std::string> const plain{{"k", "v"}};
  text_index const from(plain);
  CHECK(from.to<std::unordered_map<std::string, std::string>>() == plain);
}

TEST_CASE("an element that throws on its way into an index changes nothing", "[cell_index][fault]") {
  using map = tandem::cell_index<tracked, tracked, std::hash<tracked>, std::equal_to<tracked>,
                                 budget_allocator<std::pair<const tracked, tracked>>, tiny>;
  auto const walk = [](const char* name, auto call) {
    INFO(name);
    tracked_totals.reset();
    int const failures = walk_faults([&](auto inject) {
      map m;
      for (int i = 0; i != 10; ++i) m.try_emplace(tracked(i), i);
      map before(m);
      bool const done = inject([&] { call(m); });
      if (!done) REQUIRE(m == before);
      for (int i = 0; i != 10; ++i) REQUIRE((m.contains(tracked(i)) || done));
      m.insert_or_assign(tracked(5), tracked(1));
      REQUIRE(m.get(tracked(5))->key() == 1);
    });
    CHECK(failures > 0);
    CHECK(tracked_totals.live == 0);
    CHECK(tracked_totals.corrupt == 0);
    CHECK(budget::process_account.balanced());
  };
  walk("insert", [](map& m) { m.insert({tracked(20), tracked(1)}); });
  walk("try_emplace", [](map& m) { m.try_emplace(tracked(20), 1); });
  walk("insert_or_assign, new", [](map& m) { m.insert_or_assign(tracked(20), tracked(1)); });
  walk("insert_or_assign, old", [](map& m) {
    tracked const v(1);
    m.insert_or_assign(tracked(5), v);
  });
  walk("update", [](map& m) {
    m.update(tracked(5), [](tracked& v) {
      v = tracked(7);
      faults::reach(fault_call);
    });
  });
  walk("erase_if", [](map& m) {
    m.erase_if(tracked(5), [](const auto&) {
      faults::reach(fault_call);
      return true;
    });
  });
  walk("get", [](map& m) { static_cast<void>(m.get(tracked(5))); });
  walk("find", [](map& m) { static_cast<void>(m.find(tracked(5))); });
}

TEST_CASE("who holds a guard of an index may write to a map that is swapped, moved or assigned meanwhile",
          "[cell_index]") {
  text_index index;
  index.insert("a", "b");
  tandem::cell_map<int, int> map, other;
  // The thread ends although this one holds its guard, or is in the visitor.
  auto const elsewhere = [](auto&& f) { std::thread(f).join(); };
  {
    auto const g = index.find("a");
    elsewhere([&] { map.swap(other); });
    map.insert_or_assign(1, 1);
    other.insert_or_assign(1, 1);
  }
  index.visit_all([&](const auto&) {
    elsewhere([&] {
      tandem::cell_map<int, int> moved(std::move(map));
      other = moved;
    });
    map.insert_or_assign(2, 2);
    other.insert_or_assign(2, 2);
  });
  CHECK(map.size() == 1);
  CHECK(other.size() == 2);
}

#ifndef NDEBUG
TEST_CASE("an index that is destroyed before its guards is reported, with the guard's place", "[cell_index][misuse]") {
  auto const by_element = run_in_child([] {
    auto m = std::make_unique<text_index>();
    m->insert("a", "b");
    auto const g = m->find("a");
    m.reset();
  });
  CHECK(by_element.signal == SIGABRT);
  CHECK(by_element.says("a container is destroyed while a guard of it lives"));
  CHECK(by_element.says(__FILE__));
  auto const by_range = run_in_child([] {
    auto m = std::make_unique<number_index>();
    auto const all = m->enter();
    m.reset();
  });
  CHECK(by_range.signal == SIGABRT);
  CHECK(by_range.says("a container is destroyed while a guard of it lives"));
  auto const empty = run_in_child([] {
    text_index m;
    auto const g = m.find("a");
    static_cast<void>(*g);
  });
  CHECK(empty.signal == SIGABRT);
  CHECK(empty.says("an empty guard was used"));
}
#endif
