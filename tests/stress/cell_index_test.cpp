// cell_index under several threads: keys that are there are found by every lookup and shown once by every scan, whatever is
// updated, erased, moved or resized beside; what guards show lives; and nothing is left.
#include <tandem/cell_index.hpp>

#include "support/catch.hpp"
#include "support/concurrent_map_contract.hpp"
#include "support/concurrent_map_laws.hpp"
#include "support/thread_runner.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <type_traits>
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
struct interrupted : tiny {
  using atomics = interrupted_atomics;
};

// With the calls that the laws make for the sake of other maps.
template <class T, class Hash = tandem::hash<std::uint64_t>, class Options = tandem::cell_index_options>
class index_of : public tandem::cell_index<std::uint64_t, T, Hash, std::equal_to<std::uint64_t>,
                                           std::allocator<std::pair<const std::uint64_t, T>>, Options> {
  using base = tandem::cell_index<std::uint64_t, T, Hash, std::equal_to<std::uint64_t>,
                                  std::allocator<std::pair<const std::uint64_t, T>>, Options>;

 public:
  using base::base;
  friend void swap(index_of& a, index_of& b) { a.swap(b); }
  template <class F>
  bool try_emplace_or_cvisit(std::uint64_t k, T v, F f) {
    if (this->try_emplace(k, std::move(v))) return true;
    this->visit(k, f);
    return false;
  }
  template <class F>
  bool try_emplace_or_visit(std::uint64_t k, T v, F f) {
    return try_emplace_or_cvisit(k, std::move(v), f);
  }
};

using pairs = index_of<std::uint64_t>;
using tiny_pairs = index_of<std::uint64_t, pausing_hash, tiny>;
using nodes = index_of<living>;
using tiny_nodes = index_of<living, pausing_hash, tiny>;
using nodes_apart = index_of<living, tandem::hash<std::uint64_t>, apart>;
using crowded_pairs = index_of<std::uint64_t, two_cells_hash, tiny>;
using interrupted_pairs = index_of<std::uint64_t, pausing_hash, interrupted>;

constexpr std::size_t cycles = rounds(40);
template <class Map>
constexpr std::size_t storm_for = std::is_same_v<Map, crowded_pairs> ? 40
                                  : under_thread_sanitizer           ? 200
                                                                     : 500;

template <class F>
void every_storm(F f) {
  for_each_type<pairs, tiny_pairs, nodes, tiny_nodes, crowded_pairs, interrupted_pairs>(
      [&]<class Map>(std::type_identity<Map> type) { f(type, cycles, storm_for<Map>); });
}

}  // namespace

TEST_CASE("cell_index: a key that is there is never missed while others come and go", "[cell_index][stress]") {
  every_storm(
      []<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) { check_presence<Map>(n, keys); });
}

TEST_CASE("cell_index: a scan shows what is there all along exactly once", "[cell_index][stress]") {
  every_storm([]<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) { check_scans<Map>(n, keys); });
}

TEST_CASE("cell_index: erase_if erases what it chose, once", "[cell_index][stress]") {
  every_storm([]<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) {
    check_selective_erasure<Map>(n, keys);
  });
}

TEST_CASE("cell_index: no update is lost, wherever the element is moved", "[cell_index][stress]") {
  every_storm([]<class Map>(std::type_identity<Map>, std::size_t n, std::size_t keys) {
    check_increments<Map>(n, keys, [](Map& m, std::uint64_t k, std::size_t) -> std::uint64_t {
      return m.update(k, [](auto& v) { ++number_in(v); }) ? 1 : 0;
    });
  });
}

TEST_CASE("cell_index: indexes may be swapped and assigned beside lookups", "[cell_index][stress]") {
  for_each_type<pairs, tiny_pairs, nodes, tiny_nodes>([]<class Map>(std::type_identity<Map>) { check_swaps<Map>(); });
}

// The case that Rust's scc misses: 40 keys in one cell of 32 slots and its blocks, one of them updated without pause.
TEMPLATE_TEST_CASE("cell_index: a key that is only updated is never missed and shown once, among 40 in its cell",
                   "[cell_index][stress]", (index_of<std::uint64_t, two_cells_hash>),
                   (index_of<living, two_cells_hash>), (index_of<living, two_cells_hash, apart>)) {
  using mapped = typename TestType::mapped_type;
  constexpr std::uint64_t keys = 80;
  {
    TestType m;
    for (std::uint64_t k = 0; k != keys; ++k) m.insert(k, mapped(k + 1));
    CHECK(m.stats().overflow_blocks > 0);
    std::atomic<std::size_t> looked{0};
    run_threads(3, [&](std::size_t t, thread_group& group) {
      std::size_t const enough = rounds(2000);
      if (t == 0) {
        for (std::size_t i = 0; looked.load(std::memory_order_relaxed) < enough && !group.failed(); ++i) {
          std::uint64_t const k = i % 3 == 0 ? keys - 1 : i % keys;
          if (i % 2 == 0) {
            m.insert_or_assign(k, mapped(k + 1));
          } else if (!m.update(k, [](mapped&) {})) {
            fail("update missed a key");
          }
        }
        return;
      }
      while (looked.fetch_add(1, std::memory_order_relaxed) < enough && !group.failed()) {
        for (std::uint64_t k = 0; k != keys; ++k) {
          auto const g = m.find(k);
          if (!g || value_of(g->second) != k + 1) fail("a key that is only updated was missed");
        }
        std::vector<int> seen(keys);
        for (auto&& [k, v] : m.enter()) {
          if (value_of(v) != k + 1) fail("a scan saw a wrong value");
          ++seen[k];
        }
        if (!std::ranges::all_of(seen, [](int n) { return n == 1; })) fail("a scan missed a key, or saw one twice");
      }
    });
    CHECK(m.size() == keys);
  }
  check_no_value_is_left();
}

TEST_CASE("cell_index: guards keep what they show while it is erased and replaced", "[cell_index][stress]") {
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
        } else if (auto const g = m.find(k)) {
          for (int look = 0; look != 3; ++look) {
            if (value_of(g->second) != k + 1) fail("a guard shows a dead value");
            pause_sometimes(16);
          }
          kept.fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
    CHECK(kept > 0);
  }
  check_no_value_is_left();
}

TEST_CASE("cell_index: what a reader holds back is bounded by what is erased, and goes when it leaves",
          "[cell_index][stress]") {
  {
    index_of<living, tandem::hash<std::uint64_t>, apart> m;
    std::size_t held = 0;
    {
      auto const all = m.enter();
      for (std::uint64_t i = 0; i != 500; ++i) m.insert_or_assign(i % 10, living(i + 1));
      held = m.stats().retired.objects;
      CHECK(held == 490);
      CHECK(m.stats().retired.bytes >= held * sizeof(living));
    }
    CHECK(m.stats().retired.objects == 0);
    CHECK(living::count() == 10);
  }
  check_no_value_is_left();
}

TEMPLATE_TEST_CASE("cell_index: threads that come and go leave nothing behind beside readers that stay",
                   "[cell_index][stress]", nodes, tiny_nodes, nodes_apart) {
  {
    TestType m;
    constexpr std::uint64_t keys = 64;
    constexpr std::size_t stayers = 2;
    constexpr std::size_t spawners = 2;
    constexpr std::size_t each = rounds(150);
    for (std::uint64_t k = 0; k != keys; ++k) m.insert_or_assign(k, living(k + 1));
    std::atomic<std::size_t> going{spawners};
    std::atomic<std::size_t> shown{0};
    // A thread's whole life: it finds, replaces, erases and inserts, and its last guard ends with it.
    auto const visit = [&](std::size_t n, std::size_t worker, thread_group& group) {
      try {
        auto const last = m.find(n % keys);
        for (std::uint64_t i = 0; i != 8; ++i) {
          std::uint64_t const k = (n * 8 + i) % keys;
          if (auto const found = m.find(k); found && value_of(found->second) % 1000 != k + 1) {
            fail("another key's value");
          }
          m.insert_or_assign(k, living(1000 * n + k + 1));
          // The upper half comes and goes.
          if (k >= keys / 2 && m.erase(k) != 0) m.insert(k, living(k + 1));
        }
        if (last && value_of(last->second) % 1000 != n % keys + 1) fail("a guard shows a dead value");
      } catch (const std::exception& e) {
        group.report(worker, e.what());
      }
    };
    run_threads(spawners + stayers, [&](std::size_t worker, thread_group& group) {
      if (worker < spawners) {
        for (std::size_t n = 0; n != each && !group.failed(); ++n) {
          std::thread([&] { visit(worker * each + n, worker, group); }).join();
        }
        going.fetch_sub(1, std::memory_order_relaxed);
        return;
      }
      do {
        auto const all = m.enter();
        std::size_t lower = 0;
        for (int pass = 0; pass != 3; ++pass) {
          for (const auto& element : all) {
            if (value_of(element.second) % 1000 != element.first + 1) fail("another key's value");
            lower += element.first < keys / 2;
          }
        }
        if (lower != 3 * keys / 2) fail("a key that stays was not shown once");
        shown.fetch_add(1, std::memory_order_relaxed);
      } while (going.load(std::memory_order_relaxed) != 0 && !group.failed());
    });
    CHECK(shown > 0);
    CHECK(m.size() == keys);
    // All that the threads have left goes with the guard of anybody; but within some milliseconds only so many look.
    auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (m.stats().retired.objects != 0 && std::chrono::steady_clock::now() < deadline) static_cast<void>(m.find(0));
    CHECK(m.stats().retired.objects == 0);
    CHECK(living::count() == static_cast<std::int64_t>(keys));
  }
  check_no_value_is_left();
}
