// cell_cache by several threads. Each key is put in only once, so at the end it is there, or it was erased, or somebody was told
// that it was evicted: exactly one of these. Values belong to their keys, so nobody ever sees half of an element or another
// one's value. Capacities are small, so that everything happens all the time.
#include <tandem/cell_cache.hpp>

#include "support/catch.hpp"
#include "support/thread_runner.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

struct tiny : tandem::cell_cache_options {
  static constexpr std::size_t slots = 4;
};
template <class T, class Options>
using cache_of = tandem::cell_cache<int, T, tandem::hash<int>, tandem::equal_to<int>,
                                    std::allocator<std::pair<const int, T>>, Options>;

constexpr std::size_t threads = 4;

struct plain {
  int a = 0, b = 0;
};
template <class T>
T value_of(int k) {
  if constexpr (std::is_same_v<T, plain>) {
    return {k, ~k};
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "the value of the key " + std::to_string(k);
  } else {
    return T(k);
  }
}
bool belongs(int k, const plain& v) { return v.a == k && v.b == ~k; }
bool belongs(int k, const std::string& v) { return v == value_of<std::string>(k); }
bool belongs(int k, const tracked& v) { return v.key() == k; }

}  // namespace

TEMPLATE_TEST_CASE("cell_cache: each key is there, was erased, or was evicted, once, by several threads",
                   "[cell_cache][stress]", plain, std::string, tracked) {
  constexpr int keys_each = 40'000;
  constexpr int all = static_cast<int>(threads) * keys_each;
  std::size_t resizes = 0, evictions = 0;
  {
    std::vector<std::atomic<int>> ended(static_cast<std::size_t>(all));
    cache_of<TestType, tiny> c(0, 1024);
    std::atomic<bool> wrong = false;
    auto const end = [&](int k) { ended[static_cast<std::size_t>(k)].fetch_add(1, std::memory_order_relaxed); };
    c.on_evict([&](const int& k, TestType& v) {
      if (!belongs(k, v)) wrong = true;
      end(k);
    });
    run_threads(threads, [&](std::size_t thread) {
      std::mt19937_64 random(thread);
      int const first = static_cast<int>(thread) * keys_each;
      for (int i = 0; i != keys_each; ++i) {
        // Some of the time more is erased than put in, so that it shrinks.
        bool const shrinking = i / 1000 % 3 == 2;
        int const fresh = first + i;
        if (random() % 2 == 0) {
          if (auto const out = c.put(fresh, value_of<TestType>(fresh)); out && !belongs(out->first, out->second)) {
            fail("another value was evicted");
          }
        } else if (!belongs(fresh, c.get_or_emplace(fresh, [&] { return value_of<TestType>(fresh); }))) {
          fail("another value was made");
        }
        for (int j = 0; j != (shrinking ? 3 : 1); ++j) {
          int const k = first + static_cast<int>(random() % static_cast<unsigned>(i + 1));
          if (auto const v = c.get(k); v && !belongs(k, *v)) fail("get() saw another value");
          if (auto const g = c.find(k); g && !belongs(k, g->second)) fail("find() saw another value");
          int const near = std::max(first, fresh - static_cast<int>(random() % 200));
          if ((shrinking || random() % 8 == 0) && c.erase(near) == 1) end(near);
        }
        if (i % 1024 == 0) {
          if (c.size() > 1024 + threads) fail("there is more than the capacity");
          c.cvisit_all([&](const int& k, const TestType& v) {
            if (!belongs(k, v)) fail("a scan saw another value");
          });
        }
        if (i % 1000 == 999) {
          c.erase_if([&](const int& k, const TestType&) {
            if (k % 4 != 0) return false;
            end(k);
            return true;
          });
        }
      }
    });
    CHECK(!wrong);
    c.visit_all([&](const int& k, TestType&) { end(k); });
    int not_once = 0;
    for (const auto& e : ended) not_once += e.load() != 1;
    CHECK(not_once == 0);
    auto const s = c.stats();
    CHECK(s.overflow_blocks == 0);
    resizes = s.resizes;
    evictions = s.evictions;
    if constexpr (std::is_same_v<TestType, tracked>) CHECK(tracked::live() == static_cast<std::int64_t>(c.size()));
  }
  CHECK(resizes > 2);
  CHECK(evictions > 100);
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

TEST_CASE("cell_cache: the factory is called once for each key that is missing, however many want it",
          "[cell_cache][stress]") {
  constexpr int keys = 2'000;
  for (std::size_t many : {4U, 8U}) {
    cache_of<std::string, tandem::cell_cache_options> c(8 * keys, 8 * keys);  // nothing has to go
    std::vector<std::atomic<int>> calls(keys);
    std::atomic<int> waits = 0;
    run_threads(many, [&](std::size_t) {
      for (int k = 0; k != keys; ++k) {
        bool mine = false;
        auto const v = c.get_or_emplace(k, [&] {
          mine = true;
          calls[static_cast<std::size_t>(k)].fetch_add(1, std::memory_order_relaxed);
          if (k % 16 == 0) std::this_thread::yield();
          return value_of<std::string>(k);
        });
        waits.fetch_add(!mine, std::memory_order_relaxed);
        if (!belongs(k, v)) fail("another value");
      }
    });
    CHECK(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n.load() == 1; }));
    CHECK(waits == static_cast<int>(many - 1) * keys);
    CHECK(c.size() == keys);
  }
}

TEST_CASE("cell_cache: those who come while a value is made wait for it, and if that fails one of them makes it",
          "[cell_cache][stress]") {
  for (int round = 0; round != 200; ++round) {
    tandem::cell_cache<int, int> c(64);
    std::atomic<int> calls = 0, failures = 0;
    int const refusals = round % 3;
    auto const seen = run_threads(threads, [&](std::size_t) {
      for (;;) {
        try {
          return c.get_or_emplace(1, [&]() -> int {
            int const number = calls.fetch_add(1);
            for (int i = 0; i != 20; ++i) std::this_thread::yield();
            if (number < refusals) throw std::runtime_error("refused");
            return 100 + number;
          });
        } catch (const std::runtime_error&) {
          failures.fetch_add(1);
        }
      }
    });
    CHECK(std::count(seen.begin(), seen.end(), 100 + refusals) == static_cast<int>(threads));
    CHECK(calls == refusals + 1);
    CHECK(failures == refusals);
  }
}

TEST_CASE("cell_cache: what was made before an erasure is not there after it", "[cell_cache][stress]") {
  // A source of truth that changes, and a cache in front of it. Who has changed it erases the key; whoever asks after that
  // gets what is not older.
  tandem::cell_cache<int, int> c(64);
  std::atomic<int> truth = 0;
  std::atomic<bool> done = false;
  std::atomic<int> made = 0;
  run_together(
      [&](thread_group&) {
        for (int n = 1; n != 50'000; ++n) {
          // order[changed]: release store; pairs with [made]: a plain one for the cache, which has to order the rest.
          truth.store(n, std::memory_order_release);
          c.erase(1);
          // order[made]: acquire load; pairs with [changed]: as there.
          int const got = c.get_or_emplace(1, [&] { return truth.load(std::memory_order_acquire); });
          if (got != n) {
            done = true;
            fail("an old value after the erasure");
          }
        }
        done = true;
      },
      [&](thread_group& group) {
        int last = 0;
        while (!done && !group.failed()) {
          int const got = c.get_or_emplace(1, [&] {
            made.fetch_add(1, std::memory_order_relaxed);
            int const n = truth.load(std::memory_order_acquire);
            std::this_thread::yield();
            return n;
          });
          if (got < last) fail("an older value than before");
          last = got;
        }
      });
  CHECK(made > 0);
}

TEST_CASE("cell_cache: the function for evictions is exchanged while others evict", "[cell_cache][stress]") {
  tandem::cell_cache<int, int> c(64, 64);
  std::atomic<int> told = 0;
  constexpr int keys = 4'000;
  run_threads(3, [&](std::size_t thread) {
    if (thread == 0) {
      for (int n = 0; n != 200; ++n) {
        c.on_evict([&, n](const int& k, int& v) { told.fetch_add(k == v && n >= 0, std::memory_order_relaxed); });
        std::this_thread::yield();
      }
      return;
    }
    for (int k = 0; k != keys; ++k) c.put(static_cast<int>(thread) * keys + k, static_cast<int>(thread) * keys + k);
  });
  auto const evictions = static_cast<int>(c.stats().evictions);
  CHECK(evictions == 2 * keys - 64);
  CHECK(told <= evictions);
  int const before = told;
  for (int k = 0; k != 1000; ++k) c.put(-k - 1, -k - 1);
  CHECK(told == before + 1000);
}

TEST_CASE("cell_cache: what several threads read stays", "[cell_cache][stress]") {
  tandem::cell_cache<int, int> c(1024, 1024);
  constexpr int hot = 64;
  constexpr int cold = 100'000;
  for (int k = 0; k != hot; ++k) c.put(k, k);
  std::atomic<int> misses = 0;
  std::atomic<bool> done = false;
  run_threads(threads, [&](std::size_t thread) {
    if (thread == 0) {
      // 128 of these for each round over the hot ones, 4 for each cell.
      for (int k = 0; k != cold; ++k) {
        c.put(1000 + k, k);
        if (k % 128 != 0) continue;
        for (int h = 0; h != hot; ++h) {
          if (c.get(h)) continue;
          misses.fetch_add(1, std::memory_order_relaxed);
          c.put(h, h);
        }
      }
      done = true;
      return;
    }
    // The others use elements too, and so move the clocks.
    while (!done) {
      for (int h = 0; h != hot; ++h) static_cast<void>(c.get(h));
    }
  });
  // One that is interrupted while it reads an element may make that look as old as the interruption is long.
  CHECK(misses < hot);
  CHECK(c.stats().evictions > cold - 1100);
}
