// timed_store beside a model of it: whatever is written, in whatever order, and whenever something is collected.
#include <tandem/timed_store.hpp>

#include "support/catch.hpp"
#include "support/timed_model.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

struct tiny : tandem::timed_store_options {
  static constexpr std::size_t slots = 2;
  static constexpr std::size_t shards = 1;
};
struct late : tandem::timed_store_options {
  static constexpr bool late_writes = true;
};
template <class Options>
using store = tandem::timed_store<std::string, std::string, Options>;

template <class Store>
void require_same(const Store& s, const timed_model& m, std::size_t keys) {
  REQUIRE(s.write_index() == m.clock());
  for (std::size_t i = 0; i != keys; ++i) {
    std::string const k = "key " + std::to_string(i);
    REQUIRE(s.get(k) == m.get(k));
    REQUIRE(s.entry_info(k) == m.entry_info(k));
    REQUIRE(s.has(k) == m.entry_info(k).has_value());
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a store answers as the model does, with a collector that comes at any time", "[timed_store]",
                   store<tandem::timed_store_options>, store<tiny>, store<late>) {
  std::map<tandem::write_status, int> answers;
  std::size_t collected = 0;
  for (std::uint32_t seed = 1; seed != 60; ++seed) {
    INFO("seed " << seed);
    TestType s;
    timed_model m;
    timed_script script(seed);
    for (int i = 0; i != 400; ++i) {
      timed_write const w = script.next();
      auto const expected = apply_to(m, w);
      INFO("step " << i << ", kind " << w.what << ", " << w.key << " at " << w.index);
      REQUIRE(apply_to(s, w) == expected);
      ++answers[expected.status];
      switch (script.random()() % 8) {
        case 0: {
          auto const done = s.collect(script.random()() % 5);
          collected += done.expired + done.deleted + done.forgotten;
          break;
        }
        case 1:
          s.collect();
          REQUIRE(s.collect() == tandem::collected{});
          break;
        case 2: {
          std::uint64_t const h = script.index() - std::min<std::uint64_t>(script.index(), script.random()() % 10);
          s.set_stale_horizon(h);
          m.set_stale_horizon(h);
          break;
        }
        case 3:
          s.advance(script.index() + 1);
          m.advance(script.index() + 1);
          break;
        default:
          break;
      }
      if (i % 10 == 0) require_same(s, m, 12);
    }
    s.advance(script.index() + 100);
    m.advance(script.index() + 100);
    s.set_stale_horizon(script.index() + 100);
    s.collect();
    require_same(s, m, 12);
    REQUIRE(s.size() == m.size());
    REQUIRE(s.info().tombstones == 0);
  }
  // All of them happened; a stale one cannot, in the order of a log, which clocks do not fall behind.
  CHECK(answers[tandem::write_status::applied] > 1000);
  CHECK(answers[tandem::write_status::exists] > 100);
  CHECK(answers[tandem::write_status::missing] > 1000);
  CHECK(collected > 100);
}

TEST_CASE("writes in the order of each key, but not between keys, end alike, if they may be late", "[timed_store]") {
  std::size_t stale = 0;
  for (std::uint32_t seed = 1; seed != 40; ++seed) {
    INFO("seed " << seed);
    timed_model m;
    timed_script script(seed);
    std::map<std::string, std::vector<timed_write>> by_key;
    for (int i = 0; i != 300; ++i) {
      timed_write const w = script.next();
      static_cast<void>(apply_to(m, w));
      by_key[w.key].push_back(w);
    }
    // Keys one after the other, as far apart as can be; collected in between.
    store<late> s;
    for (auto const& [key, writes] : by_key) {
      for (auto const& w : writes) static_cast<void>(apply_to(s, w));
      s.collect();
    }
    require_same(s, m, 12);
    stale += s.info().stale_writes;
  }
  CHECK(stale == 0);
}

TEST_CASE("set and erase with different indices end alike in any order", "[timed_store]") {
  std::size_t stale = 0;
  for (std::uint32_t seed = 1; seed != 40; ++seed) {
    INFO("seed " << seed);
    timed_model m;
    timed_script script(seed, 5);
    std::vector<timed_write> writes;
    for (std::uint64_t i = 1; i != 100; ++i) {
      timed_write w = script.next();
      w.what = w.index % 3 == 0 ? timed_write::erase : timed_write::set;
      w.index = i;
      static_cast<void>(apply_to(m, w));
      writes.push_back(w);
    }
    for (int order = 0; order != 5; ++order) {
      std::shuffle(writes.begin(), writes.end(), script.random());
      store<tandem::timed_store_options> s;
      for (auto const& w : writes) {
        static_cast<void>(apply_to(s, w));
        if (w.index % 7 == 0) s.collect();
      }
      require_same(s, m, 5);
      stale += s.info().stale_writes;
    }
  }
  CHECK(stale > 1000);
}

TEST_CASE("every value that is stored is replaced, lost and told, or still there", "[timed_store]") {
  std::size_t lost_in_all = 0;
  for (std::uint32_t seed = 1; seed != 30; ++seed) {
    INFO("seed " << seed);
    store<tandem::timed_store_options> s;
    std::multiset<std::string> lost;
    s.on_removed([&](const std::string&, const std::string& v, tandem::removal, std::uint64_t) { lost.insert(v); });
    timed_script script(seed);
    std::set<std::string> stored;
    for (int i = 0; i != 400; ++i) {
      timed_write const w = script.next();
      if (apply_to(s, w) && w.what <= timed_write::compare_and_set) stored.insert(w.value);
      if (script.random()() % 4 == 0) s.collect(2);
    }
    s.collect();
    for (auto const& v : lost) {
      REQUIRE(stored.contains(v));
      REQUIRE(lost.count(v) == 1);
    }
    s.for_each([&](const std::string&, const std::string& v) {
      if (lost.contains(v)) throw std::logic_error("told, but there");
    });
    lost_in_all += lost.size();
  }
  CHECK(lost_in_all > 1000);
}
