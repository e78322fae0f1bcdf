// evmap and eventual_map under several threads.
//
// Every version of a map satisfies an invariant that a reader can check under its guard, on its own: all values and the meta
// carry the same generation; or the values of the whole map have the same sum. Versions never go back for one reader. Values
// are strings and tracked objects: one that died too early, or twice, is noticed (and the sanitizers notice it too).
#include <tandem/eventual_map.hpp>
#include <tandem/evmap.hpp>
#include <tandem/publisher.hpp>

#include "support/catch.hpp"
#include "support/thread_runner.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using tandem::test::fail;
using tandem::test::run_threads;
using tandem::test::thread_group;
using tandem::test::tracked;

struct generation_options : tandem::evmap_options {
  using meta = std::uint64_t;
};

std::string text_of(std::uint64_t generation) { return "a generation, which is number " + std::to_string(generation); }

// The whole map is of one generation, which is the one of the meta and of the version; `least` is the last one seen.
template <class Guard>
std::uint64_t check_generation(const Guard& g, std::uint64_t least) {
  std::uint64_t const generation = g.meta();
  if (generation < least) fail("a reader went back to an older version");
  if (g.version() != generation) fail("the meta belongs to another version");
  std::string const expected = text_of(generation);
  for (const auto& [k, bag] : g) {
    if (bag.size() != static_cast<std::size_t>(k + 1)) fail("a bag is incomplete");
    for (const std::string& v : bag) {
      if (v != expected) fail("a value is of another generation");
    }
  }
  return generation;
}

// Bags of 1, 2 ... values, the last of them hashed, all replaced.
template <class Writer>
void write_generation(Writer& w, std::uint64_t generation) {
  for (int k : {0, 1, 5, 40}) {
    if (generation % 3 == 0) {
      w.erase(k);
    } else if (generation % 3 == 1) {
      w.clear(k);
    } else {
      w.erase_if(k, [](const std::string&) { return true; });
    }
    for (int i = 0; i != k + 1; ++i) w.insert(k, text_of(generation));
  }
  w.set_meta(generation);
}

}  // namespace

TEST_CASE("every version that readers see is whole, and versions do not go back", "[evmap][stress]") {
  constexpr std::uint64_t generations = 200;
  tandem::evmap<int, std::string, generation_options>::writer w;
  auto const factory = w.factory();
  std::atomic<bool> done = false;
  auto const seen = run_threads(4, [&](std::size_t i, thread_group& group) {
    std::uint64_t last = 0;
    std::uint64_t different = 0;
    if (i == 0) {
      for (std::uint64_t g = 1; g <= generations && !group.failed(); ++g) {
        write_generation(w, g);
        if (g % 5 == 0) {
          while (!w.try_publish()) std::this_thread::yield();
        } else {
          w.publish();
        }
      }
      done = true;
      return w.version();
    }
    auto reader = factory.make_reader();
    while (!group.failed()) {
      bool const final_round = done;
      auto outer = reader.enter();
      std::uint64_t const now = check_generation(outer, last);
      auto inner = reader.find_with_meta(40);
      if (inner.meta() != now) fail("nested guards disagree");
      different += now != last;
      last = now;
      if (final_round) break;
      if (i == 3) reader = factory.make_reader();  // comes and goes
      if (i == 2) std::this_thread::yield();
    }
    if (last != generations) fail("the last version was not seen");
    return different;
  });
  CHECK(seen[0] == generations);
  CHECK(*std::min_element(seen.begin() + 1, seen.end()) >= 1);
}

TEST_CASE("values that move between keys are neither lost nor doubled in any version", "[evmap][stress]") {
  constexpr int accounts = 20;
  constexpr int notes = 60;
  constexpr int rounds = 600;
  constexpr int total = notes * (notes + 1) / 2;
  {
    tandem::evmap<int, tracked>::writer w;
    std::vector<int> at(notes + 1);
    for (int n = 1; n <= notes; ++n) {
      at[static_cast<std::size_t>(n)] = n % 3;
      w.emplace(n % 3, n);
    }
    w.publish();
    auto const factory = w.factory();
    std::atomic<bool> done = false;
    auto const checked = run_threads(3, [&](std::size_t i, thread_group& group) {
      if (i == 0) {
        std::mt19937 random(1);
        for (int round = 0; round != rounds && !group.failed(); ++round) {
          for (std::size_t moves = random() % 4; moves != 0; --moves) {
            int const n = 1 + static_cast<int>(random() % notes);
            int const to = static_cast<int>(random() % accounts);
            int& from = at[static_cast<std::size_t>(n)];
            w.erase_value(from, n).emplace(to, n);
            from = to;
          }
          if (round % 100 == 99) w.shrink_to_fit();
          w.publish();
        }
        done = true;
        return std::size_t{1};
      }
      auto const reader = factory.make_reader();
      std::size_t checks = 0;
      for (bool last = false; !last && !group.failed(); ++checks) {
        last = done;
        auto const g = reader.enter();
        int sum = 0;
        std::size_t count = 0;
        for (const auto& [k, bag] : g) {
          count += bag.size();
          for (const tracked& v : bag) sum += v.key();
        }
        if (sum != total || count != notes) fail("a value was lost or doubled");
      }
      return checks;
    });
    CHECK(checked[1] > 0);
    CHECK(checked[2] > 0);
    w.publish();
    CHECK(tracked::live() == notes);
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
}

TEST_CASE("a writer that ends under its readers takes nothing from their hands", "[evmap][stress]") {
  constexpr int rounds = 60;
  std::size_t guards_at_the_end = 0;
  for (int round = 0; round != rounds; ++round) {
    std::optional<tandem::evmap<int, tracked>::writer> w;
    w.emplace();
    auto const factory = w->factory();
    for (int k = 0; k != 40; ++k) w->emplace(k % 8, k);
    w->publish();
    auto const held = run_threads(3, [&](std::size_t i, thread_group& group) {
      std::size_t guards = 0;
      if (i == 0) {
        for (int n = 0; n != round % 4; ++n) w->emplace(n, n).erase_value(7, 7).publish();
        w.reset();
        return guards;
      }
      auto reader = factory.make_reader();
      while (!group.failed()) {
        auto const g = reader.enter();
        if (!g) {
          if (!reader.closed()) fail("an empty guard, but the writer lives");
          break;
        }
        ++guards;
        for (const auto& [k, bag] : g) {
          for (const tracked& v : bag) {
            if (v.key() < 0 || v.key() >= 40) fail("a value that nobody has written");
          }
        }
        if (i == 2) {
          auto const copy = reader;  // registering under a guard must not wait for anybody
          static_cast<void>(copy.contains(3));
        }
      }
      return guards;
    });
    guards_at_the_end += held[1] + held[2];
    REQUIRE(tracked::live() == 0);
  }
  CHECK(guards_at_the_end > 0);
  CHECK(tracked::corrupt() == 0);
}

TEST_CASE("many threads write an eventual_map that refreshes itself, and nothing is lost", "[eventual_map][stress]") {
  constexpr int writers = 3;
  constexpr int keys = 10;
  constexpr int rounds = 5000;
  tandem::eventual_map<int, std::string> map;
  map.refresh_every(50us);
  run_threads(writers + 2, [&](std::size_t worker, thread_group& group) {
    auto const reader = map.make_reader();
    int const me = static_cast<int>(worker);
    if (me < writers) {
      for (int n = 0; n != rounds && !group.failed(); ++n) {
        map.insert_or_assign(me * keys + n % keys, std::to_string(n));
        if (n % 97 == 0) map.refresh();
        if (n % 50 == 49) map.erase(me * keys + n % keys);
      }
      return;
    }
    // Values of a key only grow: each key has one writer.
    std::vector<int> last(writers * keys, -1);
    for (int n = 0; n != 2000 && !group.failed(); ++n) {
      auto const g = reader.enter();
      for (auto&& [k, text] : g) {
        int const v = std::stoi(text);
        int& least = last[static_cast<std::size_t>(k)];
        if (v < least || v % keys != k % keys) fail("a value went back or to another key");
        least = v;
      }
    }
  });
  map.refresh();
  auto const reader = map.make_reader();
  int wrong = 0;
  for (int k = 0; k != writers * keys; ++k) {
    // The last round of each key; the last of all was erased.
    bool const erased = k % keys == keys - 1;
    wrong += erased ? reader.contains(k) : reader.get(k) != std::to_string(rounds - keys + k % keys);
  }
  CHECK(wrong == 0);
  CHECK(reader.version() > 0);
}

TEST_CASE("a background_publisher shows every update, whatever the policy and however often it changes",
          "[publisher][stress]") {
  constexpr int threads = 3;
  constexpr int rounds = 3000;
  auto const first = GENERATE(tandem::publish_policy{.every_changes = 7}, tandem::publish_policy{.every = 100us},
                              tandem::publish_policy{.every_changes = 100, .every = 50us}, tandem::publish_policy{});
  CAPTURE(first.every_changes, first.every.count());
  auto [w, r] = tandem::make_evmap<int, int>();
  tandem::background_publisher shared(std::move(w), first);
  auto const factory = r.factory();
  std::atomic<int> running = threads;
  run_threads(threads + 2, [&](std::size_t i, thread_group& group) {
    if (i < threads) {
      for (int n = 0; n != rounds; ++n) {
        shared.update([&](auto& writer) { writer.insert(static_cast<int>(i), n).insert(threads, 1); });
      }
      --running;
    } else if (i == threads) {
      for (int n = 0; running != 0; ++n) {
        shared.set_policy(n % 3 == 0   ? tandem::publish_policy{.every = 20us}
                          : n % 3 == 1 ? tandem::publish_policy{.every_changes = 3}
                                       : first);
        shared.publish();
      }
      shared.set_policy(first);
    } else {
      auto const reader = factory.make_reader();
      std::size_t last = 0;
      while (running != 0 && !group.failed()) {
        auto const g = reader.enter();
        std::size_t sum = 0;
        for (int k = 0; k != threads; ++k) sum += g.count(k);
        if (sum != g.count(threads)) fail("an update was published by halves");
        if (sum < last) fail("updates were lost");
        last = sum;
      }
    }
  });
  shared.publish();
  for (int k = 0; k != threads; ++k) CHECK(r.count(k) == rounds);
  CHECK(r.count(threads) == threads * rounds);
  CHECK(std::move(shared).release().pending() == 0);
}

TEST_CASE("updates go on while a reader holds its guard", "[publisher][stress]") {
  constexpr int rounds = 2000;
  auto [w, r] = tandem::make_evmap<int, int>();
  tandem::background_publisher shared(std::move(w), {.every_changes = 1});
  shared.update([](auto& writer) { writer.insert(0, -1); });
  REQUIRE(r.wait_for_version(1));
  auto const factory = r.factory();
  auto held = r.enter();
  // If an update waited for the guard, this would never end.
  run_threads(2, [&](std::size_t i) {
    for (int n = 0; n != rounds; ++n) {
      shared.update([&](auto& writer) { writer.insert(static_cast<int>(i) + 1, n); });
    }
  });
  CHECK(held.size() == 1);
  CHECK(held.count(0) == 1);
  held.reset();
  auto const other = factory.make_reader();
  while (other.count(1) + other.count(2) != 2 * rounds) REQUIRE(other.wait_for_version(other.version() + 1));
  CHECK(other.count(1) == rounds);
}
