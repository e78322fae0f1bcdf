// cell_set: the interface of the concurrent map without values. The table is the one of cell_map, so what is checked here is the
// face: return values, which visitor runs, and that elements cannot be changed.
#include <tandem/cell_set.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/tracked.hpp"

#include <cstddef>
#include <forward_list>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

struct tiny : tandem::cell_options {
  static constexpr std::size_t slots = 2;
};
using texts = tandem::cell_set<std::string>;
using tiny_numbers = tandem::cell_set<int, tandem::hash<int>, tandem::equal_to<int>, std::allocator<int>, tiny>;

constinit tandem::cell_set<int> global_set;

// An element that is visited twice, or a wrong count, empties the result.
template <class Set>
auto contents(const Set& s) {
  std::multiset<typename Set::value_type> result;
  std::size_t const visited = s.cvisit_all([&](const auto& x) { result.insert(x); });
  std::set<typename Set::value_type> const once(result.begin(), result.end());
  if (visited != result.size() || visited != s.size() || once.size() != visited || s.empty() != result.empty()) {
    result.clear();
  }
  return std::set<typename Set::value_type>(result.begin(), result.end());
}

// Appends what it visits to a text; "!" if the element could be changed.
struct recorder {
  std::string* log;
  template <class Key>
  void operator()(Key& x) const {
    *log += x;
    if (!std::is_const_v<Key>) *log += '!';
  }
};

std::set<int> below(int n) {
  std::set<int> result;
  for (int i = 0; i != n; ++i) result.insert(i);
  return result;
}

}  // namespace

TEST_CASE("cell_set: insertions say whether they inserted", "[cell_set]") {
  texts s;
  CHECK(s.insert("a"));
  CHECK_FALSE(s.insert("a"));
  std::string const b = "b";
  CHECK(s.insert(b));
  std::string c = "c";
  CHECK(s.insert(std::move(c)));
  CHECK(s.emplace("d"));
  CHECK(s.emplace(3U, 'e'));
  CHECK_FALSE(s.emplace(3U, 'e'));
  std::vector<std::string> const more{"a", "f", "f"};
  CHECK(s.insert(more.begin(), more.end()) == 1);
  CHECK(s.insert({"f", "g", "h"}) == 2);
  CHECK(contents(s) == std::set<std::string>{"a", "b", "c", "d", "eee", "f", "g", "h"});
  CHECK(s.contains("eee"));
  CHECK(s.contains(std::string_view("eee")));
  CHECK(s.count("ee") == 0);
  CHECK(s.count("eee") == 1);
}

TEST_CASE("cell_set: of an insertion the visitor of the old element runs, or the one of the new, once", "[cell_set]") {
  texts s;
  std::string fresh, old;
  recorder const f{&fresh}, g{&old};
  CHECK(s.insert_or_visit("a", g));
  CHECK(s.insert_or_cvisit("b", g));
  CHECK(s.emplace_or_visit("c", g));
  CHECK(s.emplace_or_cvisit("d", g));
  CHECK(old.empty());
  CHECK(s.insert_and_visit("e", f, g));
  CHECK(s.insert_and_cvisit("f", f, g));
  CHECK(s.emplace_and_visit("g", f, g));
  CHECK(s.emplace_and_cvisit("h", f, g));
  CHECK(old.empty());
  CHECK(std::exchange(fresh, "") == "efgh");
  CHECK_FALSE(s.insert_or_visit("a", g));
  CHECK_FALSE(s.insert_or_cvisit("b", g));
  CHECK_FALSE(s.emplace_or_visit("c", g));
  CHECK_FALSE(s.emplace_or_cvisit("d", g));
  CHECK_FALSE(s.insert_and_visit("e", f, g));
  CHECK_FALSE(s.insert_and_cvisit("f", f, g));
  CHECK_FALSE(s.emplace_and_visit("g", f, g));
  CHECK_FALSE(s.emplace_and_cvisit("h", f, g));
  CHECK(fresh.empty());
  CHECK(std::exchange(old, "") == "abcdefgh");
  std::vector<std::string> const more{"a", "i", "b"};
  CHECK(s.insert_or_visit(more.begin(), more.end(), g) == 1);
  CHECK(std::exchange(old, "") == "ab");
  CHECK(s.insert_and_cvisit(more.begin(), more.end(), f, g) == 0);
  CHECK(std::exchange(old, "") == "aib");
  CHECK(s.size() == 9);
}

TEST_CASE("cell_set: visits see constant elements", "[cell_set]") {
  texts s{"a", "b", "c"};
  const texts& constant = s;
  std::string log;
  recorder const f{&log};
  CHECK(s.visit("a", f) == 1);
  CHECK(constant.visit("b", f) == 1);
  CHECK(s.cvisit(std::string_view("c"), f) == 1);
  CHECK(s.visit("d", f) == 0);
  CHECK(std::exchange(log, "") == "abc");
  CHECK(s.visit_all(f) == 3);
  CHECK(constant.visit_all(f) == 3);
  CHECK(s.cvisit_all(f) == 3);
  CHECK(std::exchange(log, "").size() == 9);
  CHECK(s.visit_while([&](const std::string& x) {
    log += x;
    return log.size() != 2;
  }) == false);
  CHECK(log.size() == 2);
  CHECK(s.cvisit_while([](const std::string&) { return true; }));
  log.clear();
  std::forward_list<std::string> const keys{"a", "z", "b", "a"};
  CHECK(s.visit(keys.begin(), keys.end(), f) == 3);
  CHECK(s.cvisit(keys.begin(), keys.end(), f) == 3);
  CHECK(log.size() == 6);
  CHECK(log.find_first_not_of("ab") == std::string::npos);
}

TEST_CASE("cell_set: erasures and extraction", "[cell_set]") {
  tiny_numbers s;
  for (int i = 0; i != 500; ++i) s.insert(i);
  CHECK(contents(s) == below(500));
  CHECK(s.erase(499) == 1);
  CHECK(s.erase(499) == 0);
  int judged = 0;
  CHECK(s.erase_if(498, [&](const int&) { return ++judged == 0; }) == 0);
  CHECK(s.erase_if(498, [&](const int&) { return ++judged == 2; }) == 1);
  CHECK(s.erase_if(498, [&](const int&) { return ++judged == 3; }) == 0);
  CHECK(s.erase_if([&](const int& x) {
    ++judged;
    return x >= 100;
  }) == 398);
  CHECK(judged == 2 + 498);
  CHECK(erase_if(s, [](const int& x) { return x >= 50; }) == 50);
  CHECK(contents(s) == below(50));
  std::optional<int> const out = s.extract(49);
  CHECK(out == 49);
  CHECK(s.extract(49) == std::nullopt);
  CHECK(contents(s) == below(49));
  s.clear();
  CHECK(contents(s) == std::set<int>{});
}

TEST_CASE("cell_set: copies, moves, swap, merge, comparison and capacity", "[cell_set]") {
  tiny_numbers a;
  for (int i = 0; i != 300; ++i) a.insert(i);
  tiny_numbers b(a);
  CHECK(a == b);
  b.erase(7);
  CHECK(a != b);
  b.insert(1000);
  CHECK(a != b);
  tiny_numbers c(std::move(b));
  CHECK(b.empty());  // NOLINT
  CHECK(c.contains(1000));
  CHECK(c.merge(a) == 1);
  CHECK(c.size() == 301);
  CHECK(a.size() == 299);
  c.swap(a);
  CHECK(a.size() == 301);
  swap(a, c);
  CHECK(c.size() == 301);
  c = {1, 2, 3, 2};
  CHECK(contents(c) == std::set<int>{1, 2, 3});
  c = a;
  CHECK(c == a);
  c.reserve(2000);
  CHECK(c.bucket_count() >= 2000);
  CHECK(c == a);
  c.rehash(0);
  CHECK(c == a);
  std::size_t const large = a.bucket_count();
  for (int i = 0; i != 300; ++i) a.erase(i);
  CHECK(a.bucket_count() < large);
  std::vector<int> const list{3, 1, 2, 3};
  tiny_numbers const ranged(list.begin(), list.end());
  CHECK(contents(ranged) == std::set<int>{1, 2, 3});
  CHECK(ranged == tiny_numbers{1, 2, 3});
}

TEST_CASE("cell_set: guards refer to an element until they end", "[cell_set]") {
  texts s{"a", "b"};
  const texts& constant = s;
  {
    auto const g = constant.find("a");
    REQUIRE(g);
    static_assert(std::is_same_v<decltype(*g), const std::string&>);
    CHECK(*g == "a");
    CHECK(g->size() == 1);
    CHECK(g.key() == "a");
    CHECK_FALSE(static_cast<bool>(constant.find("c")));
  }
  CHECK(s.erase("a") == 1);
  CHECK(contents(s) == std::set<std::string>{"b"});
}

TEST_CASE("cell_set: move-only elements, and every element that is made is destroyed once", "[cell_set]") {
  tandem::cell_set<std::unique_ptr<int>> owners;
  std::vector<const int*> addresses;
  for (int i = 0; i != 200; ++i) {
    auto p = std::make_unique<int>(i);
    addresses.push_back(p.get());
    CHECK(owners.insert(std::move(p)));
  }
  std::set<const int*> seen;
  CHECK(owners.cvisit_all([&](const std::unique_ptr<int>& p) { seen.insert(p.get()); }) == 200);
  CHECK(seen == std::set<const int*>(addresses.begin(), addresses.end()));
  CHECK(owners.erase_if([](const std::unique_ptr<int>& p) { return *p % 2 == 0; }) == 100);

  using allocator = budget_allocator<tracked>;
  tracked::totals().reset();
  REQUIRE(tracked::live() == 0);
  {
    tandem::cell_set<tracked, std::hash<tracked>, std::equal_to<tracked>, allocator, tiny> s;
    CHECK(allocator::account().balanced());  // no memory while it is empty
    for (int i = 0; i != 500; ++i) s.emplace(i);
    CHECK(tracked::live() == 500);
    for (int i = 0; i != 450; ++i) s.erase(i);
    CHECK(tracked::live() == 50);
    auto copy = s;
    CHECK(tracked::live() == 100);
    copy.merge(s);
    CHECK(tracked::live() == 100);
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
  CHECK(allocator::account().balanced());
}

TEST_CASE("cell_set: a global set needs no code to start", "[cell_set]") {
  CHECK(global_set.insert(1));
  CHECK(global_set.stats().size == 1);
  CHECK(global_set.erase(1) == 1);
  CHECK(global_set.empty());
}
