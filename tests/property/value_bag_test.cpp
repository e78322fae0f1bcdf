// Random scripts against the standard multisets.
//
// Property: after any sequence of operations a bag has the elements that a std::multiset (and for the distinct objects
// a set of identities) has after the same sequence; its form follows from its size history alone; and a copy that goes
// through the same calls has the same order. Scripts use few keys (long groups) or many (short ones), and drift up and
// down across the limits of the forms.
#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/tracked.hpp"

#include <tandem/value_bag.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

using namespace tandem::test;
using tandem::value_bag;
using tandem::value_bag_options;

namespace {

struct owning : value_bag_options {
  using allocator = budget_allocator<std::byte>;
};
struct sharing : owning {
  using storage = tandem::shared_values;
};
struct tiny_limits : owning {
  static constexpr std::size_t hashed_from = 3;
  static constexpr std::size_t vector_until = 1;
};
// Two bits of hash: groups with equal hashes, and long probe sequences.
struct poor_hash {
  std::size_t operator()(const std::string& s) const noexcept { return s.size() % 4; }
  std::size_t operator()(const tracked& v) const noexcept { return static_cast<std::size_t>(v.key()) % 4; }
  std::size_t operator()(const tracked_throwing_move& v) const noexcept {
    return static_cast<std::size_t>(v.key()) % 4;
  }
  std::size_t operator()(std::uint64_t v) const noexcept { return v % 4; }
};
struct colliding : owning {
  using hasher = poor_hash;
};

template <class Value>
Value value_of(unsigned key) {
  if constexpr (std::is_same_v<Value, std::string>) {
    return "the value number " + std::to_string(key);
  } else if constexpr (std::is_constructible_v<Value, int> && !std::is_integral_v<Value>) {
    return Value(static_cast<int>(key));
  } else {
    return static_cast<Value>(key);
  }
}

// What std::multiset orders by.
template <class Value>
auto ordered(const Value& v) {
  if constexpr (requires { v.key(); }) {
    return v.key();
  } else {
    return v;
  }
}

template <class Bag>
auto contents(const Bag& bag) {
  std::vector<decltype(ordered(bag.front()))> result;
  for (const auto& v : bag) result.push_back(ordered(v));
  return result;
}

struct seen_forms {
  int inlined = 0, vectors = 0, hashed = 0, turns = 0;
};

template <class Value, class Options>
void run_script(unsigned seed, unsigned keys, int steps, seen_forms& seen) {
  using bag_type = value_bag<Value, Options>;
  std::mt19937_64 random(seed);
  auto draw = [&](unsigned n) { return static_cast<unsigned>(random() % n); };

  bag_type bag, twin;  // the same calls are made on both
  using model_type = std::multiset<decltype(ordered(std::declval<const Value&>()))>;
  model_type model;
  bool hashed = false;
  bool up = true;
  for (int step = 0; step < steps; ++step) {
    if (draw(60) == 0) up = !up;
    const unsigned key = draw(keys);
    const Value v = value_of<Value>(key);
    const auto k = ordered(v);
    const std::size_t before = bag.size();
    switch (draw(100)) {
      case 0: {
        auto pred = [&](const Value& x) { return ordered(x) <= k; };
        const std::size_t gone = bag.erase_if(pred);
        REQUIRE(twin.erase_if(pred) == gone);
        REQUIRE(std::erase_if(model, [&](const auto& x) { return x <= k; }) == gone);
        break;
      }
      case 1:
        REQUIRE(bag.erase(v) == model.erase(k));
        twin.erase(v);
        break;
      case 2: {
        bag_type copy(bag);
        REQUIRE(copy == bag);
        bag = std::move(copy);
        break;
      }
      case 3:
        bag.reserve(draw(100));
        break;
      case 4: {
        bag.shrink_to_fit();
        twin.shrink_to_fit();
        REQUIRE(bag.capacity() == std::max<std::size_t>(bag.size(), 1));
        if (bag.size() < Options::hashed_from) hashed = false;
        break;
      }
      case 5:
        if (draw(10) == 0) {
          bag.clear();
          twin.clear();
          model.clear();
        }
        break;
      case 6:
        if (draw(10) == 0) {
          bag.assign(v);
          twin.assign(v);
          model = {k};
          hashed = false;
        }
        break;
      case 7: {
        const std::vector<Value> more{v, value_of<Value>(draw(keys)), v};
        bag.insert_range(more);
        twin.insert(more.begin(), more.end());
        for (const Value& x : more) model.insert(ordered(x));
        break;
      }
      default:
        if (draw(10) < (up ? 7U : 3U)) {
          bag.insert(v);
          twin.insert(v);
          model.insert(k);
        } else {
          const auto found = model.find(k);
          REQUIRE(bag.erase_one(v) == (found != model.end()));
          twin.erase_one(v);
          if (found != model.end()) model.erase(found);
        }
    }

    // Sizes pass through every number on the way, so where they end is enough to know the form.
    if (bag.size() >= Options::hashed_from) hashed = true;
    if (bag.size() <= Options::vector_until) hashed = false;
    REQUIRE(bag.is_hashed() == hashed);
    REQUIRE(bag.size() == model.size());
    REQUIRE(bag.size() <= bag.capacity());
    REQUIRE(bag.count(v) == model.count(k));
    REQUIRE(bag.contains(v) == (model.count(k) != 0));
    const auto now = contents(bag);
    REQUIRE(now == contents(twin));
    REQUIRE(twin.is_hashed() == hashed);
    if (step % 16 == 0) {
      REQUIRE(model_type(now.begin(), now.end()) == model);
      for (unsigned i = 0; i < std::min(keys, 50U); ++i) {
        const Value x = value_of<Value>(i);
        REQUIRE(bag.count(x) == model.count(ordered(x)));
      }
      REQUIRE(bag == twin);
    }
    seen.turns += (before >= Options::hashed_from) != (bag.size() >= Options::hashed_from);
    ++(bag.is_inline() ? seen.inlined : bag.is_hashed() ? seen.hashed : seen.vectors);
  }
}

template <class Value, class Options>
void run_scripts() {
  const auto live = tracked::live();
  const auto corrupt = tracked::corrupt();
  seen_forms seen;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    for (const unsigned keys : {1U, 5U, 40U, 1000U}) {
      INFO("seed " << seed << ", " << keys << " keys");
      run_script<Value, Options>(seed, keys, 1500, seen);
    }
  }
  CHECK(seen.inlined > 50);
  CHECK(seen.vectors > 50);
  CHECK(seen.hashed > 50);
  CHECK(seen.turns > 20);
  CHECK(tracked::live() == live);
  CHECK(tracked::corrupt() == corrupt);
  CHECK(budget_allocator<int>::account().balanced());
}

}  // namespace

TEMPLATE_TEST_CASE("a bag is a multiset of numbers", "[value_bag]", owning, sharing, tiny_limits, colliding) {
  run_scripts<std::uint64_t, TestType>();
}
TEMPLATE_TEST_CASE("a bag is a multiset of strings", "[value_bag]", owning, sharing, tiny_limits, colliding) {
  run_scripts<std::string, TestType>();
}
TEMPLATE_TEST_CASE("a bag is a multiset of tracked objects", "[value_bag]", owning, sharing, tiny_limits, colliding) {
  run_scripts<tracked, TestType>();
}
TEMPLATE_TEST_CASE("a bag is a multiset of objects that throw when moved", "[value_bag]", owning, tiny_limits,
                   colliding) {
  run_scripts<tracked_throwing_move, TestType>();
}

TEST_CASE("a large bag agrees with std::unordered_multiset, object by object", "[value_bag]") {
  for (const unsigned keys : {3U, 300U, 30'000U}) {
    INFO(keys << " keys");
    std::mt19937_64 random(keys);
    value_bag<tracked> bag;
    std::unordered_multiset<int> model;
    std::set<int> inserted;  // identities
    for (int i = 0; i < 60'000; ++i) {
      const int key = static_cast<int>(random() % keys);
      if (random() % 3 != 0) {
        bag.emplace(key, i);
        model.insert(key);
        inserted.insert(i);
      } else {
        const auto found = model.find(key);
        const std::size_t count = model.count(key);
        REQUIRE(bag.count(key) == count);
        REQUIRE(bag.erase_one(key) == (found != model.end()));
        if (found != model.end()) model.erase(found);
      }
    }
    REQUIRE(bag.size() == model.size());
    std::set<int> present;
    std::unordered_multiset<int> keys_present;
    for (const tracked& v : bag) {
      present.insert(v.id());
      keys_present.insert(v.key());
    }
    CHECK(present.size() == bag.size());  // nobody twice
    CHECK(std::includes(inserted.begin(), inserted.end(), present.begin(), present.end()));
    CHECK(keys_present == model);
  }
}
