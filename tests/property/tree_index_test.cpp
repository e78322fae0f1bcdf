// tree_index does what std::map does, in random order: many seeds, few keys and many, small nodes and normal ones, pairs in
// leaves and nodes, lookups from both ends, ranges and cursors.
#include <tandem/tree_index.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <utility>

namespace {

template <std::size_t Slots, std::size_t Fanout, bool Inline = true>
struct shape : tandem::tree_index_options {
  static constexpr std::size_t slots = Slots;
  static constexpr std::size_t fanout = Fanout;
  static constexpr bool inline_pairs = Inline;
};
struct apart : shape<4, 4> {
  using epoch = tandem::own_epoch;
};

template <class K, class T, class Options = tandem::tree_index_options, class Compare = tandem::less<K>>
using tree_of = tandem::tree_index<K, T, Compare, std::allocator<std::pair<const K, T>>, Options>;

template <class T>
T made(unsigned n) {
  if constexpr (std::is_same_v<T, std::string>) {
    return "a text that is too long for the string object " + std::to_string(n);
  } else {
    return static_cast<T>(n * 3);
  }
}

template <class Tree>
class script {
  using key = typename Tree::key_type;
  using mapped = typename Tree::mapped_type;
  using model_type = std::map<key, mapped, typename Tree::key_compare>;

 public:
  script(std::uint64_t seed, unsigned keys) : random_(seed), keys_(keys) {}

  void run(int steps) {
    for (int i = 0; i != steps; ++i) {
      // Fills for a while, and then empties.
      step(i / 500 % 2 == 0);
      if (i % 500 == 499) compare_all();
    }
    compare_all();
    CHECK(deepest_ > 1);
    Tree const copy = tree_;
    REQUIRE(copy == tree_);
    REQUIRE(tree_.erase_if([](const auto&) { return true; }) == model_.size());
    REQUIRE(tree_.empty());
    REQUIRE(tree_.depth() == 1);
  }

 private:
  key any_key() { return made<key>(static_cast<unsigned>(random_() % keys_)); }
  mapped any_value() { return made<mapped>(static_cast<unsigned>(random_() % 80)); }

  void step(bool filling) {
    key const k = any_key();
    mapped const v = any_value();
    switch (random_() % 8 + (filling ? 0 : 4)) {
      case 0:
      case 1:
        REQUIRE(tree_.insert(k, v) == model_.insert({k, v}).second);
        break;
      case 2:
        REQUIRE(tree_.emplace(k, v) == model_.emplace(k, v).second);
        break;
      case 3:
      case 4:
        REQUIRE(tree_.insert_or_assign(k, v) == model_.insert_or_assign(k, v).second);
        break;
      case 5: {
        auto const at = model_.find(k);
        REQUIRE(tree_.update(k, [&](mapped& x) { x = v; }) == (at != model_.end()));
        if (at != model_.end()) at->second = v;
        auto const g = tree_.find(k);
        REQUIRE(static_cast<bool>(g) == (at != model_.end()));
        if (g) REQUIRE((g.key() == k && g.value() == v));
        break;
      }
      case 6:
        walk(k);
        break;
      case 7:
        if (random_() % 8 == 0) look_at_range(k, any_key(), !filling && random_() % 4 == 0);
        break;
      case 8: {
        auto const at = model_.find(k);
        bool const matches = at != model_.end() && at->second == v;
        REQUIRE(tree_.erase_if(k, [&](const mapped& x) { return x == v; }) == (matches ? 1U : 0U));
        if (matches) model_.erase(at);
        break;
      }
      default:
        REQUIRE(tree_.erase(k) == model_.erase(k));
    }
  }
  void walk(const key& k) {
    auto at = random_() % 2 == 0 ? model_.lower_bound(k) : model_.upper_bound(k);
    auto g = at != model_.end() && !model_.key_comp()(k, at->first) ? tree_.lower_bound(k) : tree_.upper_bound(k);
    if (at != model_.lower_bound(k)) g = tree_.upper_bound(k);
    REQUIRE(static_cast<bool>(g) == (at != model_.end()));
    for (int i = 0; i != 12 && g; ++i) {
      REQUIRE((g.key() == at->first && g.value() == at->second));
      if (random_() % 2 == 0) {
        ++at;
        REQUIRE(g.next() == (at != model_.end()));
      } else if (at == model_.begin()) {
        REQUIRE_FALSE(g.prev());
      } else {
        --at;
        REQUIRE(g.prev());
      }
    }
  }
  void look_at_range(key lo, key hi, bool erase) {
    if (model_.key_comp()(hi, lo)) std::swap(lo, hi);
    auto const first = model_.lower_bound(lo), last = model_.lower_bound(hi);
    {
      auto const range = tree_.range(lo, hi);
      auto at = first;
      for (auto&& x : range) {
        REQUIRE(at != last);
        REQUIRE((x.first == at->first && x.second == at->second));
        ++at;
      }
      REQUIRE(at == last);
      for (auto&& x : range.reversed()) {
        REQUIRE(at != first);
        --at;
        REQUIRE(x.first == at->first);
      }
      REQUIRE(at == first);
    }
    auto const n = static_cast<std::size_t>(std::distance(first, last));
    REQUIRE(tree_.visit_range(lo, hi, [](const auto&) {}) == n);
    if (!erase) return;
    REQUIRE(tree_.erase_range(lo, hi) == n);
    model_.erase(first, last);
  }
  void compare_all() {
    deepest_ = std::max(deepest_, tree_.depth());
    auto at = model_.begin();
    auto const all = tree_.enter();
    for (auto&& x : all) {
      REQUIRE(at != model_.end());
      REQUIRE((x.first == at->first && x.second == at->second));
      ++at;
    }
    REQUIRE(at == model_.end());
    REQUIRE(tree_.size() == model_.size());
    REQUIRE(static_cast<bool>(tree_.front()) == !model_.empty());
    if (!model_.empty()) {
      REQUIRE(tree_.front()->first == model_.begin()->first);
      REQUIRE(tree_.back()->first == model_.rbegin()->first);
    }
  }

  Tree tree_;
  model_type model_;
  std::mt19937_64 random_;
  unsigned keys_;
  std::size_t deepest_ = 0;
};

}  // namespace

TEMPLATE_TEST_CASE("tree_index does what std::map does", "[tree_index][property]",
                   (tree_of<std::uint64_t, std::uint64_t>), (tree_of<std::uint64_t, std::uint64_t, shape<2, 3>>),
                   (tree_of<int, int, shape<3, 4>>), (tree_of<std::uint32_t, std::uint8_t, shape<14, 5>>),
                   (tree_of<int, std::string, shape<2, 3>>),
                   (tree_of<std::uint64_t, std::uint64_t, shape<4, 3, false>>), (tree_of<std::string, std::string>),
                   (tree_of<std::string, int, shape<2, 3>>), (tree_of<int, int, shape<2, 5>, std::greater<int>>),
                   (tree_of<int, std::string, apart>)) {
  for (std::uint64_t seed = 1; seed != 5; ++seed) {
    for (unsigned const keys : {30U, 300U, 2000U}) {
      INFO("seed " << seed << ", keys " << keys);
      script<TestType>(seed, keys).run(4000);
    }
  }
}
