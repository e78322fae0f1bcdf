// tree_index under several threads: keys that are there are found by every lookup and shown once, in order, by every scan,
// whatever is split, joined, erased or replaced beside; each key has one winner; no update is lost; and nothing is left.
#include <tandem/tree_index.hpp>

#include "support/catch.hpp"
#include "support/concurrent_map_laws.hpp"
#include "support/thread_runner.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

struct tiny : tandem::tree_index_options {
  static constexpr std::size_t slots = 2;
  static constexpr std::size_t fanout = 3;
};
struct apart : tandem::tree_index_options {
  using epoch = tandem::own_epoch;
};
struct interrupted : tiny {
  using atomics = interrupted_atomics;
};
// Does so in the middle of searches, also under locks.
struct pausing_less {
  bool operator()(std::uint64_t a, std::uint64_t b) const {
    pause_sometimes(997);
    return a < b;
  }
};

template <class T, class Options = tandem::tree_index_options, class Compare = tandem::less<std::uint64_t>>
using tree_of =
    tandem::tree_index<std::uint64_t, T, Compare, std::allocator<std::pair<const std::uint64_t, T>>, Options>;

using pairs = tree_of<std::uint64_t>;
using tiny_pairs = tree_of<std::uint64_t, tiny>;
using interrupted_pairs = tree_of<std::uint64_t, interrupted>;
using pausing_pairs = tree_of<std::uint64_t, tiny, pausing_less>;
using nodes = tree_of<living>;
using tiny_nodes = tree_of<living, tiny>;
using pausing_nodes = tree_of<living, tiny, pausing_less>;
using nodes_apart = tree_of<living, apart>;

// Markers are the multiples of this; storms have keys between them.
constexpr std::uint64_t gap = 16;
constexpr std::uint64_t markers = 64;

template <class Map>
typename Map::mapped_type value_for(std::uint64_t k) {
  return typename Map::mapped_type(k + 1);
}
std::uint64_t number_of(const std::uint64_t& v) { return v; }
std::uint64_t number_of(const living& v) { return v.checked(); }

// Ascending keys, each with its value, and all markers: what a scan must show.
class scan_check {
 public:
  explicit scan_check(std::uint64_t first_marker = 0) : next_(first_marker) {}
  template <class V>
  void operator()(std::uint64_t k, const V& v) {
    if (before_ && k <= *before_) fail("a scan is not in strictly ascending order");
    before_ = k;
    if (number_of(v) % (1U << 20) != k + 1) fail("a scan shows the value of another key");
    if (k % gap != 0) return void(++others_);
    if (k != next_) fail("a scan has missed a marker, or shows one twice");
    next_ += gap;
    pause_sometimes(512);
  }
  void end(std::uint64_t marker) const {
    if (next_ != marker) fail("a scan has missed the last markers");
  }
  std::size_t others() const { return others_; }

 private:
  std::uint64_t next_;
  std::optional<std::uint64_t> before_;
  std::size_t others_ = 0;
};

template <class Map>
void put_markers(Map& m) {
  for (std::uint64_t i = 0; i != markers; ++i) m.insert(i * gap, value_for<Map>(i * gap));
}

// Fills and empties the gaps between the markers: leaves split and join all the time. Counts shapes.
template <class Map, class Observe>
void beside_split_storms(Map& m, std::size_t observers, Observe observe) {
  constexpr std::size_t storms = 2;
  std::atomic<std::size_t> raging{storms}, observed{0}, deepest{0};
  std::atomic<std::size_t> shallowest{1000};
  run_threads(storms + observers, [&](std::size_t t, thread_group& group) {
    if (t >= storms) {
      do {
        observe(t - storms);
        observed.fetch_add(1, std::memory_order_relaxed);
      } while (raging.load(std::memory_order_relaxed) != 0 && !group.failed());
      return;
    }
    std::mt19937_64 random(t + 1);
    auto const note = [&] {
      std::size_t const d = m.depth();
      if (d > deepest.load(std::memory_order_relaxed)) deepest.store(d, std::memory_order_relaxed);
      if (d < shallowest.load(std::memory_order_relaxed)) shallowest.store(d, std::memory_order_relaxed);
    };
    std::size_t const cycles = rounds(60);
    for (std::size_t cycle = 0;
         (cycle < cycles || observed.load(std::memory_order_relaxed) < 4 * observers) && !group.failed(); ++cycle) {
      for (std::uint64_t i = 0; i != markers; ++i) {
        for (std::uint64_t j = 1 + t; j < gap; j += storms) {
          std::uint64_t const k = i * gap + j;
          if (!m.insert(k, value_for<Map>(k))) fail("a storm's key was there");
        }
      }
      note();
      for (std::uint64_t i = 0; i != markers; ++i) {
        if (cycle % 3 == 0 && t == 0) {
          m.erase_if([&](const auto& x) { return x.first / gap == i && x.first % 2 == 1 && x.first % gap != 0; });
          continue;
        }
        for (std::uint64_t j = 1 + t; j < gap; j += storms) {
          if (m.erase(i * gap + j) != 1) fail("a storm's key was gone");
        }
      }
      note();
    }
    raging.fetch_sub(1, std::memory_order_relaxed);
  });
  CHECK(deepest.load() > shallowest.load());
  CHECK(m.size() == markers);
}

}  // namespace

TEMPLATE_TEST_CASE("tree_index: scans show what is there all along exactly once, in order, beside split storms",
                   "[tree_index][stress]", pairs, tiny_pairs, interrupted_pairs, pausing_pairs, nodes, tiny_nodes,
                   pausing_nodes) {
  {
    TestType m;
    put_markers(m);
    std::atomic<std::size_t> others{0};
    beside_split_storms(m, 2, [&](std::size_t observer) {
      thread_local std::size_t round = 0;
      scan_check all;
      switch ((round++ + observer) % 5) {
        case 0:
          for (auto&& [k, v] : m.enter()) all(k, v);
          all.end(markers * gap);
          break;
        case 1:
          m.visit_all([&](const auto& x) { all(x.first, x.second); });
          all.end(markers * gap);
          break;
        case 2: {
          std::uint64_t const lo = 10 * gap, hi = 50 * gap;
          scan_check part(lo);
          m.visit_range(lo, hi, [&](const auto& x) { part(x.first, x.second); });
          part.end(hi);
          break;
        }
        case 3: {
          // Backward: turned over.
          std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
          auto const range = m.enter();
          for (auto&& [k, v] : range.reversed()) seen.emplace_back(k, number_of(v));
          for (auto at = seen.rbegin(); at != seen.rend(); ++at) all(at->first, at->second);
          all.end(markers * gap);
          break;
        }
        default: {
          auto at = m.lower_bound(5 * gap);
          scan_check part(5 * gap);
          do {
            part(at.key(), at.value());
          } while (at.next());
          part.end(markers * gap);
        }
      }
      others.fetch_add(all.others(), std::memory_order_relaxed);
    });
    CHECK(others > 0);
  }
  check_no_value_is_left();
}

TEMPLATE_TEST_CASE("tree_index: a key that is there is never missed, and one that is not never found",
                   "[tree_index][stress]", pairs, tiny_pairs, interrupted_pairs, pausing_pairs, nodes, tiny_nodes,
                   nodes_apart) {
  {
    TestType m;
    put_markers(m);
    std::uint64_t const absent = markers * gap + 7;
    beside_split_storms(m, 2, [&](std::size_t observer) {
      for (std::uint64_t i = 0; i != markers; ++i) {
        std::uint64_t const k = i * gap;
        std::uint64_t found = 0;
        switch ((i + observer) % 6) {
          case 0:
            if (auto const g = m.find(k)) found = number_of(g->second);
            break;
          case 1:
            if (auto const v = m.get(k)) found = number_of(*v);
            break;
          case 2:
            m.visit(k, [&](const auto& x) { found = number_of(x.second); });
            break;
          case 3:
            if (auto const g = m.lower_bound(k); g && g.key() == k) found = number_of(g.value());
            break;
          case 4:
            if (auto g = m.upper_bound(k == 0 ? 0 : k - 1); k == 0 || (g && g.key() == k)) found = k + 1;
            break;
          default:
            if (m.insert(k, value_for<TestType>(k))) fail("a key that is there was inserted");
            found = m.contains(k) ? k + 1 : 0;
        }
        if (found != k + 1) fail("a key that is there was missed, or has a wrong value");
        if (m.contains(absent) || m.erase(absent) != 0) fail("a key that was never there was found");
        if (m.front()->first != 0) fail("front is not the first");
      }
    });
  }
  check_no_value_is_left();
}

TEMPLATE_TEST_CASE("tree_index: scans stay in order and complete while ranges are erased", "[tree_index][stress]",
                   pairs, tiny_pairs, interrupted_pairs, nodes, tiny_nodes) {
  {
    TestType m;
    put_markers(m);
    std::atomic<bool> done{false};
    std::atomic<std::size_t> erased{0}, scans{0};
    run_threads(4, [&](std::size_t t, thread_group& group) {
      if (t < 2) {
        std::size_t const n = rounds(200);
        for (std::size_t round = 0; (round != n || scans.load(std::memory_order_relaxed) < 8) && !group.failed();
             ++round) {
          // Each thread has every other gap.
          for (std::uint64_t i = t; i < markers; i += 2) {
            for (std::uint64_t j = 1; j != gap; ++j) m.insert(i * gap + j, value_for<TestType>(i * gap + j));
          }
          for (std::uint64_t i = t; i < markers; i += 2) {
            std::size_t const gone = m.erase_range(i * gap + 1, (i + 1) * gap);
            if (gone != gap - 1) fail("erase_range erased a wrong number");
            erased.fetch_add(gone, std::memory_order_relaxed);
          }
          if (round >= n) round = n - 1;
        }
        done.store(true, std::memory_order_relaxed);
        return;
      }
      do {
        scan_check all;
        if (t == 2) {
          for (auto&& [k, v] : m.enter()) all(k, v);
        } else {
          m.visit_all([&](const auto& x) { all(x.first, x.second); });
        }
        all.end(markers * gap);
        scans.fetch_add(1, std::memory_order_relaxed);
      } while (!done.load(std::memory_order_relaxed) && !group.failed());
    });
    CHECK(m.size() == markers);
    CHECK(erased > 0);
    CHECK(scans >= 8);
  }
  check_no_value_is_left();
}

TEMPLATE_TEST_CASE("tree_index: of 16 threads that insert and erase 32 keys each key has one winner at a time",
                   "[tree_index][stress]", pairs, tiny_pairs, nodes, tiny_nodes) {
  {
    TestType m;
    constexpr std::size_t threads = 16, keys = 32;
    std::array<std::atomic<std::int64_t>, keys> inserted{}, removed{};
    run_threads(threads, [&](std::size_t t) {
      std::mt19937_64 random(t + 1);
      for (std::size_t i = 0; i != rounds(4000); ++i) {
        std::uint64_t const k = random() % keys;
        switch (random() % 6) {
          case 0:
            if (m.insert(k, value_for<TestType>(k))) inserted[k].fetch_add(1, std::memory_order_relaxed);
            break;
          case 1:
            if (m.try_emplace(k, value_for<TestType>(k))) inserted[k].fetch_add(1, std::memory_order_relaxed);
            break;
          case 2:
            if (m.insert_or_assign(k, value_for<TestType>(k))) inserted[k].fetch_add(1, std::memory_order_relaxed);
            break;
          case 3:
            if (m.erase_range(k, k + 1) == 1) removed[k].fetch_add(1, std::memory_order_relaxed);
            break;
          default:
            if (m.erase(k) == 1) removed[k].fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
    std::size_t left = 0;
    for (std::uint64_t k = 0; k != keys; ++k) {
      std::int64_t const net = inserted[k].load() - removed[k].load();
      REQUIRE((net == 0 || net == 1));
      REQUIRE(m.contains(k) == (net == 1));
      CHECK(inserted[k].load() > 1);
      left += static_cast<std::size_t>(net);
    }
    CHECK(m.size() == left);
  }
  check_no_value_is_left();
}

TEMPLATE_TEST_CASE("tree_index: no update is lost, wherever the element is moved", "[tree_index][stress]", pairs,
                   tiny_pairs, nodes, tiny_nodes) {
  {
    TestType m;
    put_markers(m);
    std::array<std::atomic<std::uint64_t>, markers> done{};
    // Counts in the bits above the key.
    beside_split_storms(m, 2, [&](std::size_t observer) {
      for (std::uint64_t i = 0; i != markers; ++i) {
        std::uint64_t const k = (i * 7 + observer) % markers;
        if (!m.update(k * gap, [](auto& v) { number_in(v) += 1U << 20; })) fail("update missed a key");
        done[k].fetch_add(1, std::memory_order_relaxed);
      }
    });
    for (std::uint64_t i = 0; i != markers; ++i) REQUIRE(number_of(*m.get(i * gap)) >> 20 == done[i].load());
  }
  check_no_value_is_left();
}

TEMPLATE_TEST_CASE("tree_index: clear takes everything at one moment, and what comes later stays",
                   "[tree_index][stress]", pairs, tiny_pairs, tiny_nodes) {
  {
    TestType m;
    std::atomic<std::size_t> clears{0};
    run_threads(3, [&](std::size_t t, thread_group& group) {
      if (t == 0) {
        for (std::size_t i = 0; i != rounds(400) && !group.failed(); ++i) {
          m.clear();
          clears.fetch_add(1, std::memory_order_relaxed);
          std::this_thread::yield();
        }
        return;
      }
      // Keys of its own: what it has inserted it can erase, unless that was cleared.
      for (std::uint64_t round = 0; clears.load(std::memory_order_relaxed) < rounds(400) && !group.failed(); ++round) {
        std::uint64_t const base = t * 1000;
        for (std::uint64_t k = base; k != base + 40; ++k) m.insert(k, value_for<TestType>(k));
        for (std::uint64_t k = base; k != base + 40; ++k) m.erase(k);
        if (m.contains(base)) fail("an erased key is back");
      }
    });
    m.clear();
    CHECK(m.empty());
    CHECK(m.stats().leaves == 0);
  }
  check_no_value_is_left();
}

TEMPLATE_TEST_CASE("tree_index: trees may be swapped and assigned beside lookups and writers", "[tree_index][stress]",
                   pairs, tiny_pairs, nodes, tiny_nodes) {
  {
    constexpr std::uint64_t keys = 200;
    auto const full = [](std::uint64_t generation) {
      TestType m;
      for (std::uint64_t k = 0; k != keys; ++k) m.emplace(k, typename TestType::mapped_type(generation));
      return m;
    };
    TestType a = full(1), b = full(2);
    TestType const c = full(3);
    std::atomic<std::size_t> busy{2}, lookups{0};
    run_threads(4, [&](std::size_t t, thread_group& group) {
      if (t < 2) {
        for (std::size_t i = 0; i != rounds(200) && !group.failed(); ++i) {
          if (t == 0) {
            a.swap(b);
          } else if (i % 4 == 0) {
            b = c;
          } else if (i % 4 == 1) {
            a = full(1);
          } else {
            swap(b, a);
          }
          std::size_t const before = lookups.load(std::memory_order_relaxed);
          while (lookups.load(std::memory_order_relaxed) < before + 20 && !group.failed()) std::this_thread::yield();
        }
        busy.fetch_sub(1, std::memory_order_relaxed);
        return;
      }
      std::uint64_t k = t;
      do {
        k = (k + 3) % keys;
        auto const v = a.get(k);
        if (!v || number_of(*v) < 1 || number_of(*v) > 3)
          fail("a key that both trees have was missed in a swapped one");
        if (b.insert(k, typename TestType::mapped_type(9)))
          fail("a key that is there was inserted into a swapped tree");
        if (k % 64 == 0 && b.visit_all([](const auto& x) { number_of(x.second); }) != keys)
          fail("a scan of a swapped tree");
        lookups.fetch_add(1, std::memory_order_relaxed);
      } while (busy.load(std::memory_order_relaxed) != 0 && !group.failed());
    });
    CHECK(a.size() == keys);
    CHECK(b.size() == keys);
  }
  check_no_value_is_left();
}

TEST_CASE("tree_index: guards keep what they show while it is erased and replaced", "[tree_index][stress]") {
  {
    nodes m;
    constexpr std::uint64_t keys = 50;
    std::atomic<std::size_t> kept{0};
    run_threads(4, [&](std::size_t t, thread_group& group) {
      for (std::size_t i = 0; (i < rounds(5000) || kept.load(std::memory_order_relaxed) < 100) && !group.failed();
           ++i) {
        std::uint64_t const k = (i * 7 + t) % keys;
        if (t < 2) {
          if (i % 3 == 0) m.erase(k);
          if (i % 3 != 0) m.insert_or_assign(k, living(k + 1));
          if (i % 512 == 0) m.clear();
        } else if (auto g = m.lower_bound(k)) {
          for (int look = 0; look != 3; ++look) {
            if (value_of(g.value()) != g.key() + 1) fail("a guard shows a dead value");
            pause_sometimes(16);
          }
          if (g.next() && value_of(g.value()) != g.key() + 1) fail("a guard shows a dead value");
          kept.fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
    CHECK(kept > 0);
  }
  check_no_value_is_left();
}
