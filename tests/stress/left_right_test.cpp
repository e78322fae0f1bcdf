// left_right under many threads, more than there are processors.
//
// The data makes what must hold visible: every number in it is the count of operations applied, and every publish makes
// one more visible. So a reader that sees two different numbers has seen a side that was being written; one that sees
// another number than its guard's version, the wrong side; one that sees less than before, time going back. The numbers
// are on the heap, where AddressSanitizer sees a side that was destroyed under a reader.
#include "support/catch.hpp"
#include "support/sanitizers.hpp"
#include "support/thread_runner.hpp"

#include <tandem/left_right.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using tandem::test::fail;
using tandem::test::run_threads;
using tandem::test::run_together;
using tandem::test::thread_group;

using fence_policies = std::tuple<tandem::symmetric_fences, tandem::asymmetric_fences, tandem::automatic_fences>;

template <class Fences>
struct with : tandem::left_right_options {
  using fences = Fences;
};

constexpr auto run_time =
    tandem::test::under_thread_sanitizer || tandem::test::under_address_sanitizer ? 500ms : 1000ms;
// For what is waited for to happen, on a machine that has other things to do.
constexpr auto patience = 30s;

constexpr std::size_t reader_threads = 5;

struct bump {};

struct numbers {
  std::vector<std::uint64_t> all = std::vector<std::uint64_t>(24);

  void absorb_first(bump&, const numbers&) {
    for (auto& n : all) ++n;
  }
};

template <class Fences>
using shared_numbers = tandem::left_right<numbers, bump, with<Fences>>;

// What a reader does with a guard; returns the number that it saw.
template <class Guard>
std::uint64_t check_whole(const Guard& guard) {
  std::uint64_t const seen = guard->all.front();
  for (auto const n : guard->all) {
    if (n != seen) fail("a reader saw a side that was being written");
  }
  if (seen != guard.version()) {
    fail("a guard of version " + std::to_string(guard.version()) + " saw " + std::to_string(seen));
  }
  return seen;
}

// A reader's memory of what it saw.
class watcher {
 public:
  template <class Guard>
  void look(const Guard& guard) {
    std::uint64_t const seen = check_whole(guard);
    if (seen < last_) fail("a reader went back from " + std::to_string(last_) + " to " + std::to_string(seen));
    if (seen != last_) ++changes_;
    last_ = seen;
    ++looks_;
  }
  std::uint64_t looks() const { return looks_; }
  std::uint64_t changes() const { return changes_; }

 private:
  std::uint64_t last_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t looks_ = 0;
};

// A thread that loses its processor inside a guard keeps the writer waiting until it gets it back, so most of the time
// it is given away outside, now and then.
void pass_the_processor(const watcher& mine) {
  if (mine.looks() % 32 == 0) std::this_thread::yield();
}

using clock = std::chrono::steady_clock;

bool over(const std::atomic<bool>& done, const thread_group& group) {
  return done.load(std::memory_order_relaxed) || group.failed();
}

// Waits under a guard for the version after the guard's; whether it came. It need not: a reader that entered while a
// publish took place may have announced itself before and looked after it. It sees what was published, and yet the next
// publish waits for it.
template <class Reader, class Guard>
bool next_version_comes(const Reader& other, const Guard& guard, const std::atomic<bool>& done,
                        const thread_group& group) {
  auto const give_up = clock::now() + 100ms;
  while (other.version() == guard.version()) {
    if (over(done, group) || clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return !over(done, group);
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("many readers see whole versions only, and in order", "[left_right][stress]", fence_policies) {
  auto pair = tandem::make_left_right<numbers, bump, with<TestType>>();
  auto& writer = pair.first;
  auto const factory = writer.factory();
  std::atomic<bool> done = false;
  std::atomic<std::size_t> content = 0;  // readers that saw enough
  std::vector<watcher> watchers(reader_threads);

  run_threads(reader_threads + 1, [&](std::size_t i, thread_group& group) {
    if (i == 0) {
      auto const start = clock::now();
      for (std::uint64_t n = 0; !group.failed(); ++n) {
        auto const elapsed = clock::now() - start;
        if (elapsed > patience) break;
        if (elapsed > run_time && content.load(std::memory_order_relaxed) == reader_threads) break;
        writer.append({});
        switch (n % 4) {
          case 0:
            writer.publish();
            break;
          case 1:
            if (!writer.try_publish()) writer.publish();
            break;
          case 2:
            if (writer.preview().all.back() != writer.version() + 1) fail("the preview is of another version");
            writer.publish();
            break;
          default:
            while (!writer.publish_for(1us) && !group.failed()) continue;
        }
      }
      done.store(true, std::memory_order_relaxed);
      return;
    }
    auto const reader = factory.make_reader();
    watcher mine;
    bool told = false;
    while (!over(done, group)) {
      pass_the_processor(mine);
      auto outer = reader.enter();
      mine.look(outer);
      if (mine.looks() % 3 == 0) {
        auto inner = reader.enter();
        if (check_whole(inner) != check_whole(outer)) fail("nested guards disagree");
        outer.reset();
        mine.look(inner);
      }
      if (!told && mine.changes() >= 5) {
        told = true;
        content.fetch_add(1, std::memory_order_relaxed);
      }
    }
    watchers[i - 1] = mine;
  });

  for (auto const& w : watchers) CHECK(w.changes() >= 5);
  CHECK(writer.stats().readers == 1);
  writer.publish();
  CHECK(pair.second.enter()->all.front() + 1 == writer.version());
}

TEMPLATE_LIST_TEST_CASE("slow readers delay the writer and nothing disturbs them", "[left_right][stress]",
                        fence_policies) {
  auto pair = tandem::make_left_right<numbers, bump, with<TestType>>();
  auto& writer = pair.first;
  auto const factory = writer.factory();
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> holds = 0;  // guards that were held until the next version was there, and longer

  run_threads(reader_threads + 1, [&](std::size_t i, thread_group& group) {
    if (i == 0) {
      auto const start = clock::now();
      while (!group.failed() && clock::now() - start < patience) {
        if (clock::now() - start > run_time && holds.load(std::memory_order_relaxed) > 5 && writer.stats().waits > 2)
          break;
        writer.append({}).publish();
      }
      done.store(true, std::memory_order_relaxed);
      return;
    }
    auto const reader = factory.make_reader();
    auto const other = factory.make_reader();
    watcher mine;
    while (!over(done, group)) {
      auto const guard = reader.enter();
      mine.look(guard);
      // The next version came; the one after it waits for this guard.
      if (!next_version_comes(other, guard, done, group)) continue;
      for (int k = 0; k != 4; ++k) {
        std::this_thread::yield();
        mine.look(guard);
        if (other.version() > guard.version() + 1) fail("the writer passed a guard");
      }
      holds.fetch_add(1, std::memory_order_relaxed);
    }
  });

  CHECK(holds.load(std::memory_order_relaxed) > 5);
  CHECK(writer.stats().waits > 2);
  CHECK(writer.stats().waited > 0ns);
  CHECK(writer.stats().readers == 1);
}

TEMPLATE_LIST_TEST_CASE("readers come and go under a guard that the writer waits for", "[left_right][stress]",
                        fence_policies) {
  using reader_type = typename shared_numbers<TestType>::reader;
  using guard_type = typename shared_numbers<TestType>::guard;
  auto pair = tandem::make_left_right<numbers, bump, with<TestType>>();
  auto& writer = pair.first;
  auto const factory = writer.factory();
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> churned = 0;   // readers made and destroyed while the writer could not go on
  std::atomic<std::uint64_t> orphaned = 0;  // guards that outlived their reader then
  std::atomic<std::uint64_t> buried = 0;    // readers that were destroyed by another thread than the one that made them

  // Where readers are left for another thread to destroy.
  std::mutex mutex;
  std::vector<std::pair<std::thread::id, reader_type>> left;

  run_threads(reader_threads + 1, [&](std::size_t i, thread_group& group) {
    if (i == 0) {
      auto const start = clock::now();
      while (!group.failed() && clock::now() - start < patience) {
        if (clock::now() - start > run_time && churned.load(std::memory_order_relaxed) > 100 &&
            orphaned.load(std::memory_order_relaxed) > 5 && buried.load(std::memory_order_relaxed) > 5) {
          break;
        }
        writer.append({}).publish();
      }
      done.store(true, std::memory_order_relaxed);
      return;
    }
    watcher mine;
    while (!over(done, group)) {
      auto reader = std::optional<reader_type>(factory.make_reader());
      auto guard = reader->enter();
      mine.look(guard);
      auto const other = *reader;
      if (!next_version_comes(other, guard, done, group)) continue;

      // From here to the end of the guard the writer cannot publish twice, whatever is done with readers.
      for (int k = 0; k != 20; ++k) {
        auto const copy = *reader;
        auto const made = copy.factory().make_reader();
        check_whole(made.enter());
        auto moved = std::move(made);
        guard_type const nested = reader->enter();
        if (&*nested != &*guard) fail("nested guards disagree");
        churned.fetch_add(2, std::memory_order_relaxed);
      }
      {
        std::scoped_lock const hold(mutex);
        left.emplace_back(std::this_thread::get_id(), *reader);
        auto const foreign =
            std::find_if(left.begin(), left.end(), [](auto const& l) { return l.first != std::this_thread::get_id(); });
        if (foreign != left.end()) {
          left.erase(foreign);
          buried.fetch_add(1, std::memory_order_relaxed);
        }
      }
      reader.reset();
      mine.look(guard);
      if (other.version() > guard.version() + 1) fail("the writer passed a guard");
      guard.reset();
      orphaned.fetch_add(1, std::memory_order_relaxed);
    }
  });

  CHECK(churned.load(std::memory_order_relaxed) > 100);
  CHECK(orphaned.load(std::memory_order_relaxed) > 5);
  CHECK(buried.load(std::memory_order_relaxed) > 5);
  left.clear();
  CHECK(writer.stats().readers == 1);
}

TEMPLATE_LIST_TEST_CASE("a writer that ends under its readers waits for those that are inside", "[left_right][stress]",
                        fence_policies) {
  using writer_type = typename shared_numbers<TestType>::writer;
  auto const start = clock::now();
  std::uint64_t rounds = 0;
  std::atomic<std::uint64_t> held = 0;  // guards that were held, and good, when the writer was gone for everybody else
  std::atomic<std::uint64_t> old = 0;   // of these, on the side that was hidden already
  auto const enough = [&] {
    return held.load(std::memory_order_relaxed) > 5 && old.load(std::memory_order_relaxed) > 2;
  };

  while (clock::now() - start < run_time || (!enough() && clock::now() - start < patience)) {
    ++rounds;
    auto pair = tandem::make_left_right<numbers, bump, with<TestType>>();
    auto writer = std::optional<writer_type>(std::move(pair.first));
    auto const factory = writer->factory();
    bool const taken = rounds % 3 == 0;
    // Publishes before the readers enter; afterwards at most one, as they keep their guards to the end.
    for (std::uint64_t n = 0; n != rounds % 7; ++n) writer->append({}).publish();
    std::atomic<bool> gone = false;
    std::atomic<std::size_t> inside = 0;
    std::atomic<bool> last_turn = false;

    run_threads(4, [&](std::size_t i, thread_group& group) {
      if (i == 0) {
        // Those that hold their guards now are on the side that the next publish hides.
        while (inside.load(std::memory_order_relaxed) != 3 && !group.failed()) std::this_thread::yield();
        last_turn.store(rounds % 2 == 0, std::memory_order_relaxed);
        if (rounds % 2 == 0) writer->append({}).publish();
        if (taken) {
          auto const data = std::move(*writer).take();
          if (data.all.front() != data.all.back()) fail("what was taken is not whole");
        }
        writer.reset();
        gone.store(true, std::memory_order_relaxed);
        return;
      }
      auto const reader = factory.make_reader();
      watcher mine;
      bool counted = false;
      while (auto const guard = reader.enter()) {
        mine.look(guard);
        if (counted && i == 3) continue;  // one comes and goes, the others hold a guard to the end
        if (!counted) inside.fetch_add(1, std::memory_order_relaxed);
        counted = true;
        if (i == 3) continue;
        while (!reader.closed() && !group.failed()) std::this_thread::yield();
        for (int k = 0; k != 3; ++k) {
          if (gone.load(std::memory_order_relaxed)) fail("the writer did not wait for a guard");
          std::this_thread::yield();
          mine.look(guard);
        }
        held.fetch_add(1, std::memory_order_relaxed);
        if (last_turn.load(std::memory_order_relaxed)) old.fetch_add(1, std::memory_order_relaxed);
      }
      if (!counted) inside.fetch_add(1, std::memory_order_relaxed);
      if (!reader.closed()) fail("an empty guard of a reader that is not closed");
      if (factory.make_reader().enter()) fail("a reader entered after the end");
    });
    REQUIRE(pair.second.closed());
    REQUIRE_FALSE(pair.second.enter());
  }
  CHECK(held.load(std::memory_order_relaxed) > 5);
  CHECK(old.load(std::memory_order_relaxed) > 2);
}

TEST_CASE("the automatic mode switches back and forth under readers", "[left_right][stress]") {
  auto pair = tandem::make_left_right<numbers, bump, with<tandem::automatic_fences>>();
  auto& writer = pair.first;
  auto const factory = writer.factory();
  bool const can_be_light = tandem::heavy_barrier_available();
  if (!can_be_light) WARN("there is no heavy barrier here: only the symmetric mode is run");
  std::atomic<bool> done = false;
  std::vector<watcher> watchers(reader_threads);
  std::uint64_t light = 0;
  std::uint64_t symmetric = 0;
  std::uint64_t switches = 0;

  run_threads(reader_threads + 1, [&](std::size_t i, thread_group& group) {
    if (i == 0) {
      auto const start = clock::now();
      bool was_light = writer.stats().readers_are_light;
      auto const publish = [&] {
        writer.append({}).publish();
        bool const is_light = writer.stats().readers_are_light;
        ++(is_light ? light : symmetric);
        if (is_light != was_light) ++switches;
        was_light = is_light;
      };
      while (!group.failed() && clock::now() - start < patience) {
        if (clock::now() - start > run_time && (switches > 4 || !can_be_light)) break;
        // Often, then rarely, until the mode has followed and for a while longer.
        for (int n = 0, after = 0; after != 50 && n != 5000; ++n) {
          publish();
          if (!was_light) ++after;
        }
        for (int n = 0, after = 0; after != 3 && n != 50; ++n) {
          auto const until = clock::now() + 1ms;
          while (clock::now() < until) std::this_thread::yield();
          publish();
          if (was_light) ++after;
        }
      }
      done.store(true, std::memory_order_relaxed);
      return;
    }
    auto const reader = factory.make_reader();
    watcher mine;
    while (!over(done, group)) {
      pass_the_processor(mine);
      mine.look(reader.enter());
    }
    watchers[i - 1] = mine;
  });

  CHECK(symmetric > 0);
  if (can_be_light) {
    CHECK(light > 0);
    CHECK(switches > 4);
    CHECK(writer.stats().heavy_barriers >= switches / 2);
    CHECK(writer.stats().heavy_barriers < writer.version());
  } else {
    CHECK(light == 0);
    CHECK(writer.stats().heavy_barriers == 0);
  }
  CHECK(std::all_of(watchers.begin(), watchers.end(), [](auto const& w) { return w.looks() > 0; }));
  CHECK(std::any_of(watchers.begin(), watchers.end(), [](auto const& w) { return w.changes() >= 5; }));
}

TEST_CASE("readers that are made all the time use few places", "[left_right][stress]") {
  auto pair = tandem::make_left_right<numbers, bump>();
  auto const factory = pair.first.factory();
  constexpr std::uint64_t each = 5'000;
  auto const made = run_threads(4, [&](std::size_t) {
    std::uint64_t entered = 0;
    for (std::uint64_t n = 0; n != each; ++n) {
      auto const reader = factory.make_reader();
      auto const copy = reader;
      auto const guard = copy.enter();
      if (guard.operator->() != reader.enter().operator->())
        fail("two readers see different sides, though nobody publishes");
      ++entered;
    }
    return entered;
  });
  for (auto const n : made) CHECK(n == each);
  CHECK(pair.first.stats().readers == 1);
}
