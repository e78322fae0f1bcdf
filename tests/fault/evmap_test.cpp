// evmap when what belongs to its user fails: copies, hashes, comparisons, predicates and the allocator throw, each at every
// place where it can; and equality and hash of values lie.
//
// After a change that throws nothing is appended. After a publish that throws readers have what they had, nothing that was
// appended is lost, and another publish goes on to the end. Nothing leaks and nothing is destroyed twice.
#include <tandem/evmap.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/map_contents.hpp"
#include "support/tracked.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <map>
#include <random>
#include <ranges>
#include <set>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<boost/unordered/unordered_flat_map.hpp>)
#include <boost/unordered/unordered_flat_map.hpp>
#endif

namespace {

using namespace tandem::test;

struct options : tandem::evmap_options {
  using allocator = budget_allocator<std::byte>;
  using meta = tracked;
};
using plain_map = tandem::evmap<tracked, tracked, options>;

// A flat map that has to move its elements when it grows, and asks for their hashes again, may be half done when that throws;
// so may a swap of the metas. What is damaged then is made anew from the other side.
struct fragile_options : options {
  using meta = tracked_throwing_move;
#if __has_include(<boost/unordered/unordered_flat_map.hpp>)
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = boost::unordered_flat_map<Key, T, Hash, KeyEqual, Allocator>;
#endif
};
using fragile_map = tandem::evmap<tracked, tracked, fragile_options>;

using model = multi_map<int, int>;

bool all_is_well() {
  return tracked::live() == 0 && tracked::corrupt() == 0 && budget_allocator<std::byte>::account().balanced();
}

// What readers see, as numbers. Runs no code that could be made to throw.
template <class View>
  requires std::ranges::range<View>
model seen(const View& all) {
  model result;
  for (const auto& [k, bag] : all) {
    auto& here = result[k.key()];
    for (const tracked& v : bag) here.insert(v.key());
  }
  return result;
}
template <class Reader>
model seen(const Reader& r) {
  return seen(r.enter());
}

// A map with two versions behind it, and two large bags, one of them two short of being hashed.
template <class Map = plain_map>
typename Map::writer prepared() {
  typename Map::writer w;
  for (int i = 0; i != 30; ++i) w.emplace(1, i);
  for (int i = 0; i != 40; ++i) w.emplace(2, i % 20);
  w.emplace(3, 1).emplace(3, 2).clear(4).emplace(5, 1).set_meta(1);
  w.publish();
  w.emplace(5, 2);
  w.publish();
  return w;
}

bool odd(const tracked& v) {
  faults::reach(fault_call);
  return v.key() % 2 != 0;
}

// Every change, with those that turn a bag into another form.
template <class Map>
struct change {
  const char* name;
  void (*make)(typename Map::writer&);
};
template <class Map>
const change<Map> changes[] = {
    {"insert", [](auto& w) { w.insert(3, 7); }},
    {"insert into a new key", [](auto& w) { w.insert(70, 7); }},
    {"emplace", [](auto& w) { w.emplace(2, 3); }},
    {"insert of the 32nd value", [](auto& w) { w.insert(1, 30).insert(1, 5); }},
    {"insert_range", [](auto& w) { w.insert_range(std::vector<std::pair<int, int>>{{1, 1}, {6, 1}, {6, 2}}); }},
    {"insert_or_assign", [](auto& w) { w.insert_or_assign(2, 9).insert_or_assign(8, 1); }},
    {"erase", [](auto& w) { w.erase(1).erase(99); }},
    {"erase_value", [](auto& w) { w.erase_value(1, 29).erase_value(2, 7).erase_value(2, 99).erase_value(99, 1); }},
    {"erase_if of a key", [](auto& w) { w.erase_if(2, odd); }},
    {"erase_if of all", [](auto& w) { w.erase_if([](const tracked&, const tracked& v) { return odd(v); }); }},
    {"clear of a key", [](auto& w) { w.clear(1).clear(9); }},
    {"clear", [](auto& w) { w.clear(); }},
    {"reserve", [](auto& w) { w.reserve(1, 100).reserve(10, 5); }},
    {"shrink_to_fit of a key", [](auto& w) { w.shrink_to_fit(2); }},
    {"shrink_to_fit", [](auto& w) { w.shrink_to_fit(); }},
    {"set_meta", [](auto& w) { w.set_meta(2); }},
    {"erase_random", [](auto& w) { static_cast<void>(w.erase_random(2, std::mt19937_64(1))); }},
};

// What the changes lead to when nothing fails: the map after a publish, and its meta.
template <class Map>
std::pair<model, int> outcome(const std::vector<change<Map>>& of) {
  auto w = prepared<Map>();
  for (const auto& c : of) c.make(w);
  w.publish();
  return {seen(w.published()), w.published().meta().key()};
}

// Runs f(writer) on a fresh set_up() with each of its places failing once; check(writer, failed) afterwards. Returns how many
// runs met a failure.
template <class SetUp, class F, class Check>
int walk(SetUp set_up, F f, Check check, unsigned kinds = fault_any) {
  return walk_faults(
      [&](auto inject) {
        {
          auto w = set_up();
          bool const done = inject([&] { f(w); });
          check(w, !done);
        }
        REQUIRE(all_is_well());
      },
      kinds);
}

}  // namespace

TEMPLATE_TEST_CASE("a change that throws appends nothing that was not complete before", "[evmap][fault]", plain_map,
                   fragile_map) {
  for (const auto& c : changes<TestType>) {
    DYNAMIC_SECTION(c.name) {
      auto const before = seen(prepared<TestType>().published());
      auto const after = outcome<TestType>({c});
      std::size_t complete = 0;  // changes that a chain or a range consists of
      {
        auto w = prepared<TestType>();
        c.make(w);
        complete = w.pending();
      }
      int const failures = walk(prepared<TestType>, c.make, [&](typename TestType::writer& w, bool failed) {
        auto const r = w.make_reader();
        REQUIRE(seen(r) == before);
        if (!failed) {
          REQUIRE(w.pending() == complete);
          w.publish();
          REQUIRE(seen(r) == after.first);
          return;
        }
        REQUIRE(w.pending() < complete);
        w.discard_pending();
        w.publish();
        REQUIRE(seen(r) == before);
        c.make(w);
        w.publish();
        REQUIRE(seen(r) == after.first);
      });
      // Those that make neither a key nor a value have nothing that could fail.
      std::set<std::string> const safe{"erase_if of all", "clear", "shrink_to_fit"};
      CHECK((failures > 0) == !safe.contains(c.name));
      CHECK(complete > 0);
    }
  }
}

TEST_CASE("insert_range that throws inserts none of its pairs", "[evmap][fault]") {
  const std::vector<std::pair<int, int>> pairs{{1, 1}, {6, 1}, {6, 2}, {7, 3}};
  int const failures =
      walk([] { return plain_map::writer(); }, [&](plain_map::writer& w) { w.insert(1, 1).insert_range(pairs); },
           [](plain_map::writer& w, bool failed) { REQUIRE((w.pending() == 5) == !failed); });
  CHECK(failures > 8);
  int none_of_them = 0;
  walk(
      [] {
        plain_map::writer w;
        w.insert(1, 1);
        return w;
      },
      [&](plain_map::writer& w) { w.insert_range(pairs); },
      [&](plain_map::writer& w, bool failed) {
        REQUIRE(w.pending() == (failed ? 1 : 5));
        none_of_them += failed;
      });
  CHECK(none_of_them > 8);
}

TEMPLATE_TEST_CASE("a publish that throws changes nothing for readers and can be repeated", "[evmap][fault]", plain_map,
                   fragile_map) {
  auto const kinds = GENERATE(unsigned{fault_any}, unsigned{fault_allocate}, unsigned{fault_copy},
                              unsigned{fault_compare}, unsigned{fault_hash}, unsigned{fault_call});
  CAPTURE(kinds);
  std::vector<change<TestType>> const all(std::begin(changes<TestType>), std::end(changes<TestType>) - 1);
  std::vector<std::vector<change<TestType>>> scripts;
  for (const auto& c : all) scripts.push_back({c});
  scripts.emplace_back(all.begin(), all.begin() + 8);
  scripts.emplace_back(all.rbegin() + 6, all.rend());
  auto const before = seen(prepared<TestType>().published());
  int failures = 0;
  for (const auto& script : scripts) {
    INFO(script.front().name);
    auto const after = outcome(script);
    auto const set_up = [&] {
      auto w = prepared<TestType>();
      for (const auto& c : script) c.make(w);
      return w;
    };
    // The first pass over the operations, with another side that is up to date but for them.
    failures += walk(
        set_up, [](typename TestType::writer& w) { w.publish(); },
        [&](typename TestType::writer& w, bool failed) {
          auto const r = w.make_reader();
          if (failed) {
            REQUIRE(seen(r) == before);
            REQUIRE(r.enter().meta().key() == 1);
            REQUIRE(w.version() == 2);
            REQUIRE(w.has_pending());
            w.publish();
          }
          for (int side = 0; side != 3; ++side) {
            REQUIRE(seen(r) == after.first);
            REQUIRE(r.enter().meta().key() == after.second);
            w.publish();
          }
        },
        kinds);
    // The second pass.
    failures += walk(
        [&] {
          auto w = set_up();
          w.publish();
          return w;
        },
        [](typename TestType::writer& w) { w.publish(); },
        [&](typename TestType::writer& w, bool failed) {
          auto const r = w.make_reader();
          REQUIRE(seen(r) == after.first);
          REQUIRE(r.version() == (failed ? 3 : 4));
          for (int side = 0; side != 3; ++side) {
            w.publish();
            REQUIRE(seen(r) == after.first);
          }
        },
        kinds);
  }
  CHECK(failures > 0);
}

TEST_CASE("the second pass over the changes runs no code of the values' type", "[evmap][fault]") {
  // Keys are numbers here, so that whatever is reached belongs to the values.
  using by_number = tandem::evmap<int, tracked, options>;
  {
    by_number::writer w;
    for (int i = 0; i != 50; ++i) w.emplace(1, i % 25).emplace(2, i % 3);
    w.erase_value(1, 3).erase_if(2, odd).erase_if([](int, const tracked& v) { return v.key() == 2; }).shrink_to_fit();
    w.insert_or_assign(3, 1).clear(4).reserve(5, 50).erase(3);
    w.publish();
    faults::arm(0, fault_any & ~unsigned{fault_allocate});
    CHECK_NOTHROW(w.publish());
    faults::disarm();
  }
  CHECK(all_is_well());
}

TEMPLATE_TEST_CASE("a publish that is repeated against one failure after the other gets to the end", "[evmap][fault]",
                   plain_map, fragile_map) {
  std::vector<change<TestType>> const script(std::begin(changes<TestType>), std::begin(changes<TestType>) + 10);
  auto const after = outcome(script);
  int failures = 0;
  {
    auto w = prepared<TestType>();
    auto const r = w.make_reader();
    auto const before = seen(r);
    for (const auto& c : script) c.make(w);
    std::size_t const pending = w.pending();
    for (int n = 0;; ++n) {
      bool failed = false;
      faults::arm(n % 50 == 49 ? 1'000'000 : n % 50);
      try {
        w.publish();
      } catch (const std::exception&) {
        failed = true;
      }
      faults::disarm();
      if (!failed) break;
      ++failures;
      REQUIRE(w.pending() == pending);
      REQUIRE(seen(r) == before);
    }
    CHECK(seen(r) == after.first);
    w.publish();
    CHECK(seen(r) == after.first);
  }
  CHECK(failures > 3);
  CHECK(all_is_well());
}

TEMPLATE_TEST_CASE("pending changes can be discarded after a publish that threw", "[evmap][fault]", plain_map,
                   fragile_map) {
  std::vector<change<TestType>> const script(std::begin(changes<TestType>), std::begin(changes<TestType>) + 9);
  auto const before = seen(prepared<TestType>().published());
  int const failures = walk(
      [&] {
        auto w = prepared<TestType>();
        for (const auto& c : script) c.make(w);
        return w;
      },
      [](typename TestType::writer& w) { w.publish(); },
      [&](typename TestType::writer& w, bool failed) {
        if (!failed) return;
        w.discard_pending();
        auto const r = w.make_reader();
        for (int side = 0; side != 2; ++side) {
          w.publish();
          REQUIRE(seen(r) == before);
        }
      });
  CHECK(failures > 0);
}

TEMPLATE_TEST_CASE("synchronizing the sides may throw and is tried again", "[evmap][fault]", plain_map, fragile_map) {
  auto const before = seen(prepared<TestType>().published());
  int const failures = walk(
      [] {
        auto w = prepared<TestType>();
        w.emplace(1, 1).erase(2).set_meta(9);
        static_cast<void>(w.preview());
        w.discard_pending();
        w.emplace(3, 3);
        return w;
      },
      [](typename TestType::writer& w) { w.publish(); },
      [&](typename TestType::writer& w, bool failed) {
        auto const r = w.make_reader();
        if (failed) {
          REQUIRE(seen(r) == before);
          w.publish();
        }
        auto expected = before;
        expected[3].insert(3);
        for (int side = 0; side != 2; ++side) {
          REQUIRE(seen(r) == expected);
          REQUIRE(r.enter().meta().key() == 1);
          w.publish();
        }
      });
  CHECK(failures > 0);
}

TEST_CASE("a lookup that throws leaves no guard behind", "[evmap][fault]") {
  int failures = 0;
  {
    auto w = prepared();
    auto const r = w.make_reader();
    tracked const k(2), v(3);
    for (int n = 0;; ++n) {
      bool failed = false;
      faults::arm(n);
      try {
        int const found = r.contains(k) + r.contains(k, v) + (r.count(k) == 40) + r.get(k).has_value() +
                          r.find_with_meta(k).found() + r.meta().has_value();
        faults::disarm();
        REQUIRE(found == 6);
      } catch (const injected_fault&) {
        failed = true;
      }
      faults::disarm();
      REQUIRE(w.try_publish());
      REQUIRE(w.try_publish());
      if (!failed) break;
      ++failures;
    }
  }
  CHECK(failures > 5);
  CHECK(all_is_well());
}

TEST_CASE("making a map may throw and leaks nothing", "[evmap][fault]") {
  int const failures = walk_faults([](auto inject) {
    inject([] {
      auto const made = tandem::make_evmap<tracked, tracked, options>(tandem::capacity{100}, tracked(3));
      faults::disarm();
    });
    REQUIRE(all_is_well());
  });
  CHECK(failures > 0);
}

// ---- Values whose equality and hash answer what they like.

namespace {

std::mt19937_64 whim(1);

struct lying_hash {
  std::size_t operator()(const tracked&) const { return static_cast<std::size_t>(whim() % 8); }
};
struct lying_equal {
  bool operator()(const tracked& a, const tracked& b) const { return whim() % 4 == 0 || a.key() == b.key(); }
};
// How often each number is in each bag.
template <class Reader>
model contents_of(const Reader& r) {
  model result;
  for (const auto& [k, bag] : r.enter()) {
    for (const tracked& v : bag) result[k].insert(v.key());
  }
  return result;
}

struct lying : options {
  using value_hasher = lying_hash;
  using value_equal = lying_equal;
  using meta = int;
};

}  // namespace

TEST_CASE("equality and hash of values that lie cost answers, not memory", "[evmap][fault]") {
  int hashed = 0;
  for (std::uint64_t seed = 1; seed != 60; ++seed) {
    INFO("seed " << seed);
    whim.seed(seed);
    std::mt19937_64 random(seed * 1000);
    {
      tandem::evmap<int, tracked, lying>::writer w;
      auto r = w.make_reader();
      std::map<int, std::size_t> at_most;
      for (int step = 0; step != 600; ++step) {
        int const k = static_cast<int>(random() % 2);
        int const v = static_cast<int>(random() % 30);
        switch (random() % 32) {
          default:
            w.emplace(k, v);
            ++at_most[k];
            break;
          case 0:
          case 1:
          case 2:
          case 3:
            w.erase_value(k, v);
            break;
          case 4:
            w.erase_if(k, [](const tracked&) { return whim() % 16 == 0; });
            break;
          case 5:
            w.erase_if([](int, const tracked&) { return whim() % 16 == 0; });
            break;
          case 6:
            w.shrink_to_fit();
            break;
          case 7:
            if (random() % 8 != 0) break;
            static_cast<void>(w.preview());
            w.discard_pending();
            break;
          case 8:
          case 9:
            w.publish();
            break;
        }
        if (step % 50 == 0) {
          for (const auto& [key, bag] : r.enter()) {
            static_cast<void>(bag.contains(v) || bag.count(v) > 0 || bag == bag);
            hashed += bag.is_hashed();
            REQUIRE(bag.size() <= at_most[key]);
          }
        }
      }
      w.publish();
      auto const first = contents_of(r);
      w.publish();
      REQUIRE(contents_of(r) == first);  // the second pass repeats the outcome, whatever equality says now
    }
    REQUIRE(all_is_well());
  }
  CHECK(hashed > 0);
}
