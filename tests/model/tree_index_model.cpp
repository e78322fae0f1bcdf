// The tree under the model checker: small programs of whole operations. What it stands on is in sync_model.cpp.
//
// Leaves have two slots and nodes three children, so that one insertion splits and one erasure joins; threads begin at a tree
// in which the next one does. Memory is never used twice in an execution (allocated.hpp), so a node that is freed too early,
// used before it is made, or lost, fails the execution. Values in nodes are plain data, for which an unordered access is a
// race.
#include "model/allocated.hpp"
#include "model/surroundings.hpp"
#include "support/catch.hpp"

#include <tandem/cell/element.hpp>
#include <tandem/tree/cursor.hpp>
#include <tandem/tree/tree.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace {

namespace model = tandem::model;
using model::check;
using model::explore;
using model::program;
using model::saw;
using model::surroundings;

using key = std::uint64_t;

// A number that is not atomic.
struct single {
  explicit single(std::uint64_t n = 0) : number(n) {}
  single(const single& other) : number(other.number.read()) {}
  single& operator=(const single&) = delete;
  model::plain<std::uint64_t> number;
};

// In the leaves, and in nodes.
struct in_leaf {
  static constexpr int preemptions = 1;
  using value = std::uint64_t;
  static std::uint64_t get(value v) { return v; }
  static void set(value& v, std::uint64_t n) { v = n; }
};
struct in_node {
  static constexpr int preemptions = 0;
  using value = single;
  static std::uint64_t get(const value& v) { return v.number.read(); }
  static void set(value& v, std::uint64_t n) { v.number.write(n); }
};

// Values are the key in the lower half, and a version above.
constexpr std::uint64_t number_of(key k, std::uint64_t version = 0) { return k | version << 32; }
constexpr std::uint64_t none = 999;

template <class Kind>
class tested_tree {
  struct options {
    using atomics = model::atomics;
    using epoch = model::execution_epoch;
    static constexpr std::size_t slots = 2;
    static constexpr std::size_t fanout = 3;
    static constexpr bool inline_pairs = true;
  };
  using element = tandem::cell::map_element<key, typename Kind::value>;
  using value_type = typename element::value_type;
  using tree_type = tandem::tree::tree<element, std::less<key>, model::allocator<value_type>, options>;
  static_assert(tree_type::inline_pairs == std::is_same_v<Kind, in_leaf>);

 public:
  explicit tested_tree(std::initializer_list<key> keys = {}) {
    for (key k : keys) check(insert(k), "not inserted");
  }
  bool insert(key k, std::uint64_t version = 0) {
    return tree_.emplace(k, 0, 0, k, typename Kind::value(number_of(k, version)));
  }
  bool erase(key k) {
    return tree_.erase_if(k, [](const value_type&) { return true; }) == 1;
  }
  std::size_t erase_range(key lo, key hi) {
    return tree_.erase_between(&lo, &hi, [](const value_type&) { return true; });
  }
  // `none` if it is not there.
  std::uint64_t get(key k) const {
    std::uint64_t seen = none;
    tree_.look(k, [&](const value_type& v) {
      check(v.first == k, "another key");
      seen = Kind::get(v.second);
    });
    return seen;
  }
  bool update(key k, auto change) {
    return tree_.update(k, [&](value_type& v) { Kind::set(v.second, change(Kind::get(v.second))); }) == 1;
  }
  std::vector<key> scan() const {
    std::vector<key> seen;
    auto const pinned = tree_.enter();
    tandem::tree::position<tree_type> at(tree_);
    const key* const no_bound = nullptr;
    at.to_first(no_bound);
    at.for_each(no_bound, [&](const value_type& v) {
      note(seen, v);
      return true;
    });
    return seen;
  }
  // From the last to the first, turned over.
  std::vector<key> scan_backward() const {
    std::vector<key> seen;
    auto const pinned = tree_.enter();
    tandem::tree::position<tree_type> at(tree_);
    const key* const no_bound = nullptr;
    for (bool more = at.to_last(no_bound); more; more = at.previous(no_bound)) {
      check(seen.empty() || at.key() < seen.front(), "not in order");
      seen.insert(seen.begin(), at.key());
    }
    return seen;
  }
  tree_type& raw() { return tree_; }
  std::size_t leaves() const { return tree_.stats().leaves; }

 private:
  static void note(std::vector<key>& seen, const value_type& v) {
    check(seen.empty() || seen.back() < v.first, "not in order");
    check((Kind::get(v.second) & 0xffff'ffff) == v.first, "another key's value");
    seen.push_back(v.first);
  }

  tree_type tree_;
};

// Executions are long: many of the programs are searched without preemptions, and then at random, with any number of them.
template <class Body>
void search_partly(const char* name, int preemptions, Body body, std::initializer_list<const char*> must) {
  model::search_partly(name, preemptions, body, must, {}, 20'000);
}

bool has(const std::vector<key>& seen, key k) {
  for (key s : seen) {
    if (s == k) return true;
  }
  return false;
}

}  // namespace

TEMPLATE_TEST_CASE("a lookup finds what is there beside a split", "[model][tree]", in_leaf, in_node) {
  search_partly("insert, split, lookups", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_tree<TestType> t{10, 30};
                  p.thread("splits", [&] { check(t.insert(20), "there already"); });
                  p.thread("reader", [&] {
                    auto const added = t.get(20);
                    check(added == none || added == number_of(20), "another value");
                    check(t.get(30) == number_of(30) && t.get(10) == number_of(10), "missed");
                    if (added != none) check(t.get(20) == added, "seen, and then missed");
                    saw(added == none ? "before" : "after");
                  });
                  p.run();
                  check(t.leaves() == 2 && t.raw().size() == 3, "not split");
                },
                {"before", "after"});
}

TEMPLATE_TEST_CASE("two insertions that split one leaf both arrive", "[model][tree]", in_leaf, in_node) {
  search_partly("two splits", 0,
                [](program& p) {
                  surroundings here(2);
                  tested_tree<TestType> t{10, 30};
                  p.thread("one", [&] { check(t.insert(20), "there already"); });
                  p.thread("two", [&] { check(t.insert(25), "there already"); });
                  p.run();
                  check(t.scan() == std::vector<key>{10, 20, 25, 30} && t.raw().size() == 4, "lost");
                },
                {});
}

TEMPLATE_TEST_CASE("of two insertions of one key one wins", "[model][tree]", in_leaf, in_node) {
  auto const run = [](bool prepared) {
    return [prepared](program& p) {
      surroundings here(2);
      tested_tree<TestType> t;
      if (prepared) {
        t.insert(10);
        t.insert(30);
      }
      bool won[2] = {};
      p.thread("one", [&] { won[0] = t.insert(20, 1); });
      p.thread("two", [&] { won[1] = t.insert(20, 2); });
      p.run();
      check(won[0] != won[1], "not exactly one winner");
      check(t.get(20) == number_of(20, won[0] ? 1 : 2), "not the winner's");
      saw(won[0] ? "one" : "two");
    };
  };
  search_partly("into nothing", TestType::preemptions, run(false), {"one", "two"});
  search_partly("into a full leaf", 0, run(true), {"one", "two"});
}

TEMPLATE_TEST_CASE("an update is not lost where its leaf is split", "[model][tree]", in_leaf, in_node) {
  search_partly("update and split", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_tree<TestType> t{10, 30};
                  p.thread("splits", [&] { check(t.insert(20), "there already"); });
                  p.thread("updates", [&] { check(t.update(30, [](auto n) { return n + (1ULL << 32); }), "missed"); });
                  p.run();
                  check(t.get(30) == number_of(30, 1), "lost");
                },
                {});
}

TEMPLATE_TEST_CASE("a reader sees no element in the slot of another, and misses none", "[model][tree]", in_leaf,
                   in_node) {
  search_partly("erase, insert, lookup", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_tree<TestType> t{10, 20};
                  p.thread("writer", [&] {
                    check(t.erase(10), "not there");
                    check(t.insert(30), "there already");
                  });
                  p.thread("reader", [&] {
                    auto const seen = t.get(30);
                    check(seen == none || seen == number_of(30), "another key's value");
                    check(t.get(20) == number_of(20), "missed");
                    auto const first = t.get(10);
                    check(first == none || first == number_of(10), "another key's value");
                    check(seen == none || first == none, "erased before, and found");
                    if (seen != none) check(t.get(30) == seen, "seen, and then missed");
                    saw(seen == none ? "before" : "after");
                  });
                  p.run();
                },
                {"before", "after"});
}

TEMPLATE_TEST_CASE("a scan shows what is there once and in order beside a join", "[model][tree]", in_leaf, in_node) {
  auto const run = [](bool backward) {
    return [backward](program& p) {
      surroundings here(2);
      tested_tree<TestType> t{10, 20, 30, 40};
      p.thread("joins", [&] {
        check(t.erase(20), "not there");
        check(t.erase(10), "not there");
      });
      p.thread("scans", [&] {
        auto const seen = backward ? t.scan_backward() : t.scan();
        check(has(seen, 30) && has(seen, 40), "missed");
        saw(has(seen, 10) ? "before" : "after");
      });
      p.run();
      check(t.scan() == std::vector<key>{30, 40}, "lost");
    };
  };
  search_partly("forward", 0, run(false), {"before", "after"});
  search_partly("backward", 0, run(true), {"before", "after"});
}

TEMPLATE_TEST_CASE("a scan shows what is there once and in order beside splits", "[model][tree]", in_leaf, in_node) {
  auto const run = [](bool backward) {
    return [backward](program& p) {
      surroundings here(2);
      tested_tree<TestType> t{10, 20, 30, 40};
      p.thread("splits", [&] {
        check(t.insert(35), "there already");
        check(t.insert(36), "there already");
      });
      p.thread("scans", [&] {
        auto const seen = backward ? t.scan_backward() : t.scan();
        for (key k : std::initializer_list<key>{10, 20, 30, 40}) check(has(seen, k), "missed");
        check(!has(seen, 36) || backward || has(seen, 35), "seen without what came before it");
        saw(has(seen, 35) ? "after" : "before");
      });
      p.run();
      check(t.scan() == std::vector<key>{10, 20, 30, 35, 36, 40}, "lost");
    };
  };
  search_partly("forward", 0, run(false), {"before", "after"});
  search_partly("backward", 0, run(true), {"before", "after"});
}

TEMPLATE_TEST_CASE("a scan stays in order and complete while a range is erased", "[model][tree]", in_leaf, in_node) {
  search_partly("erase_range and scan", 0,
                [](program& p) {
                  surroundings here(2);
                  tested_tree<TestType> t{10, 20, 30, 40, 50};
                  p.thread("erases", [&] { check(t.erase_range(15, 45) == 3, "not erased"); });
                  p.thread("scans", [&] {
                    auto const seen = t.scan();
                    check(has(seen, 10) && has(seen, 50), "missed");
                    saw(has(seen, 30) ? "before" : "after");
                  });
                  p.run();
                  check(t.scan() == std::vector<key>{10, 50} && t.raw().size() == 2, "lost");
                },
                {"before", "after"});
}

TEMPLATE_TEST_CASE("an insertion beside a join is not lost", "[model][tree]", in_leaf, in_node) {
  search_partly("insert and join", TestType::preemptions,
                [](program& p) {
                  surroundings here(2);
                  tested_tree<TestType> t{10, 20, 30};
                  p.thread("joins", [&] { check(t.erase(10), "not there"); });
                  p.thread("inserts", [&] { check(t.insert(5), "there already"); });
                  p.run();
                  check(t.scan() == std::vector<key>{5, 20, 30} && t.raw().size() == 3, "lost");
                },
                {});
}

TEMPLATE_TEST_CASE("of two erasures one wins beside a split", "[model][tree]", in_leaf, in_node) {
  search_partly("erase, erase", TestType::preemptions,
                [](program& p) {
                  surroundings here(2);
                  tested_tree<TestType> t{10, 20, 30};
                  bool won[2] = {};
                  p.thread("one", [&] { won[0] = t.erase(20); });
                  p.thread("two", [&] { won[1] = t.erase(20); });
                  p.run();
                  check(won[0] != won[1] && t.raw().size() == 2, "not exactly one winner");
                  check(t.scan() == std::vector<key>{10, 30}, "lost");
                  saw(won[0] ? "one" : "two");
                },
                {"one", "two"});
}

TEMPLATE_TEST_CASE("what is inserted beside a clear is there or cleared", "[model][tree]", in_leaf, in_node) {
  search_partly("clear and insert", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_tree<TestType> t{10, 20, 30};
                  p.thread("clears", [&] { t.raw().clear(); });
                  p.thread("inserts", [&] {
                    check(t.insert(25), "there already");
                    // With nodes, of which another list is kept, this makes too many interleavings.
                    if (std::is_same_v<TestType, in_node>) return;
                    // Everything goes at one moment.
                    auto const first = t.get(10);
                    check(first == none || t.get(30) == number_of(30) || t.get(10) == none, "half cleared");
                  });
                  p.run();
                  auto const left = t.scan();
                  saw(left.empty() ? "cleared" : "there");
                  check(left.empty() || left == std::vector<key>{25}, "not cleared");
                  check(t.raw().size() == left.size(), "not counted");
                },
                {"cleared", "there"});
}

TEMPLATE_TEST_CASE("a swap of trees leaves a reader and a writer whole", "[model][tree]", in_leaf, in_node) {
  search_partly("swap and insert", 0,
                [](program& p) {
                  surroundings here(2);
                  tested_tree<TestType> t{10};
                  tested_tree<TestType> other{20};
                  p.thread("swaps", [&] { t.raw().swap(other.raw()); });
                  p.thread("inserts", [&] {
                    check(t.get(10) != none || t.get(20) != none, "in neither");
                    check(t.insert(30), "there already");
                  });
                  p.run();
                  check(t.get(20) != none && other.get(10) != none, "not swapped");
                  check((t.get(30) == none) != (other.get(30) == none), "not in one of the two");
                  check(t.raw().size() + other.raw().size() == 3, "not counted");
                  saw(t.get(30) == none ? "before" : "after");
                },
                {"before", "after"});
}
