// What evmap promises whichever sequential map its sides are made of.
//
//   check_changes<options>(); check_lookups<options>(); check_values_and_memory<options>();
//
// `options` names the map; keys and values are chosen to need everything of it: heterogeneous lookup, values that are shared
// by both sides, growth, copies of the whole map.
#ifndef TANDEM_TESTS_SUPPORT_EVMAP_CONTRACT_HPP
#define TANDEM_TESTS_SUPPORT_EVMAP_CONTRACT_HPP

#include <tandem/evmap.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/map_contents.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <cstddef>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::test {

template <class Plugged>
struct contract_options : Plugged {
  using allocator = budget_allocator<std::byte>;
  using meta = int;
};

// Every kind of change, on both sides.
template <class Plugged>
void check_changes() {
  auto [w, r] = make_evmap<std::string, int, contract_options<Plugged>>(5, capacity{10});
  w.insert("a", 1).insert("a", 2).insert("a", 2).insert_or_assign("b", 3).emplace("c", 4).clear("d").reserve("e", 9);
  for (int i = 0; i != 40; ++i) w.insert("large", i % 20);
  w.insert("gone", 1).erase("gone").erase("absent").erase_value("absent", 1).erase_value("a", 2);
  w.erase_if("large", [](int v) { return v == 19; }).erase_if([](const std::string& k, int) { return k == "c"; });
  w.shrink_to_fit("a").set_meta(6);
  CHECK(r.empty());
  CHECK(r.meta() == 5);
  multi_map<std::string, int> model{{"a", {1, 2}}, {"b", {3}}, {"c", {}}, {"d", {}}, {"e", {}}, {"large", {}}};
  for (int i = 0; i != 19; ++i) model["large"].insert({i, i});
  CHECK(contents(w.preview()) == model);
  for (int side = 0; side != 3; ++side) {
    w.publish();
    CHECK(contents(r.enter()) == model);
    CHECK(r.meta() == 6);
  }
  w.clear().insert("z", 1);
  w.publish();
  CHECK(contents(r.enter()) == multi_map<std::string, int>{{"z", {1}}});
}

template <class Plugged>
void check_lookups() {
  auto [w, r] = make_evmap<std::string, int, contract_options<Plugged>>();
  for (int i = 0; i != 300; ++i) w.insert(std::to_string(i), i);
  w.publish();
  CHECK(r.get(std::string("7")) == 7);
  CHECK(r.get("8") == 8);
  CHECK(r.get(std::string_view("9")) == 9);
  CHECK_FALSE(r.contains("x"));
  CHECK(r.size() == 300);
  auto const g = r.enter();
  CHECK(std::ranges::count_if(
            g, [](const auto& entry) { return std::to_string(entry.second.front()) == entry.first; }) == 300);
  CHECK(g.at("299").front() == 299);
  CHECK_THROWS_AS(g.at("300"), std::out_of_range);
  std::vector<const std::remove_cvref_t<decltype(g.at("1"))>*> found;
  g.find_many(std::vector<std::string_view>{"1", "x", "299"}, std::back_inserter(found));
  CHECK(found == std::vector{g.find("1"), g.find("x"), g.find("299")});
}

// Growth and shrinkage under a guard that keeps the version before; then synchronization of the sides, random erasure, and
// no value or byte left.
template <class Plugged>
void check_values_and_memory() {
  {
    auto [w, r] = make_evmap<int, tracked, contract_options<Plugged>>();
    for (int k = 0; k != 50; ++k) w.emplace(k, k).emplace(k, k + 1);
    w.publish();
    {
      auto const old = r.enter();
      for (int k = 50; k != 2000; ++k) w.emplace(k, k);
      for (int k = 0; k != 25; ++k) w.erase(k);
      w.publish();
      CHECK(old.size() == 50);
      CHECK(std::ranges::all_of(old, [](const auto& entry) {
        return entry.second.size() == 2 && entry.second.front().key() == entry.first;
      }));
    }
    CHECK(r.size() == 1975);
    w.publish();
    CHECK(tracked::live() == 1975 + 25);
    w.erase_if([](const int& k, const tracked& v) { return v.key() == k; });
    CHECK(w.preview().count(30) == 1);
    w.discard_pending();
    w.publish();
    CHECK(r.count(30) == 2);
    CHECK(tracked::live() == 1975 + 25);
    auto const gone = w.erase_random(1000, std::mt19937_64(1));
    CHECK(std::set<int>(gone.begin(), gone.end()).size() == 1000);
    w.publish();
    w.publish();
    CHECK(r.size() == 975);
    int left = 0;
    for (int k : gone) left += r.contains(k);
    CHECK(left == 0);
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
  CHECK(budget_allocator<std::byte>::account().balanced());
}

}  // namespace tandem::test

#endif
