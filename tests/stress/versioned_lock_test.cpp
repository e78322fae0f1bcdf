// versioned_lock under several threads: exclusion, readers without the lock, closing, and that nobody starves.
#include <tandem/sync/versioned_lock.hpp>

#include "support/catch.hpp"
#include "support/thread_runner.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::lock_attempt;
using lock_type = tandem::versioned_lock<>;

// Words that a reader may copy while a writer is at it. The writer's n-th state is n, n + 1, n + 2, ...
class copied_words {
 public:
  static constexpr std::size_t length = 4;
  using image = std::array<std::uint64_t, length>;

  void write(std::uint64_t n) {
    // order[write]: release store; pairs with [copy]: as versioned_lock asks for.
    for (std::size_t i = 0; i != length; ++i) words_[i].store(n + i, std::memory_order_release);
  }
  // `slowly`: lets others run in the middle, so that copies do meet writers.
  image copy(bool slowly) const {
    image result;
    for (std::size_t i = 0; i != length; ++i) {
      // order[copy]: acquire load; pairs with [write]: as versioned_lock asks for.
      result[i] = words_[i].load(std::memory_order_acquire);
      if (slowly) std::this_thread::yield();
    }
    return result;
  }
  static bool is_whole(const image& words) {
    for (std::size_t i = 0; i != length; ++i) {
      if (words[i] != words[0] + i) return false;
    }
    return true;
  }

 private:
  std::array<std::atomic<std::uint64_t>, length> words_{0, 1, 2, 3};
};

}  // namespace

TEST_CASE("versioned_lock: an exclusive holder is alone, and sees what those before it did",
          "[versioned_lock][stress]") {
  lock_type lock;
  int plain[2] = {0, 0};  // a race here is for ThreadSanitizer to see
  constexpr int rounds = 3000;
  auto const seen = run_threads(4, [&](std::size_t worker) {
    int torn = 0;
    for (int i = 0; i != rounds; ++i) {
      if (worker % 2 == 0) {
        std::unique_lock<lock_type> const hold(lock);
        torn += plain[0] != plain[1];
        ++plain[0];
        ++plain[1];
      } else {
        std::shared_lock<lock_type> const hold(lock);
        torn += plain[0] != plain[1];
      }
    }
    return torn;
  });
  CHECK(seen == std::vector<int>(4, 0));
  CHECK(plain[0] == 2 * rounds);
  CHECK(lock.is_idle());
}

TEST_CASE("versioned_lock: what a reader copies without the lock is whole if the version still holds",
          "[versioned_lock][stress]") {
  lock_type lock;
  copied_words words;
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> copies = 0;
  std::atomic<std::uint64_t> disturbed = 0;
  constexpr std::uint64_t writes = 20'000;
  std::uint64_t last_written = 0;
  auto const writer = [&](thread_group& group) {
    // Until some reader has met a write.
    for (std::uint64_t n = 1; (n <= writes || disturbed.load(std::memory_order_relaxed) == 0) && !group.failed(); ++n) {
      last_written = n;
      lock.lock();
      words.write(n);
      lock.unlock();
      if (n % 4 == 0) {
        lock.lock();
        lock.unlock_unchanged();
      }
    }
    // order[done]: release store; pairs with [more]: all was written.
    done.store(true, std::memory_order_release);
  };
  auto const reader = [&](thread_group& group) {
    std::uint64_t last = 0;
    std::uint64_t tries = 0;
    for (bool more = true; more && !group.failed();) {
      // order[more]: acquire load; pairs with [done]: the last round sees the last state.
      more = !done.load(std::memory_order_acquire);
      auto const version = lock.version();
      if (!lock_type::is_free(version)) {
        more = true;  // once more
        continue;
      }
      auto const copy = words.copy(++tries % 8 == 0);
      if (!lock.still(version)) {
        disturbed.fetch_add(1, std::memory_order_relaxed);
        more = true;
        continue;
      }
      if (!copied_words::is_whole(copy)) fail("a copy with words of two writes");
      if (copy[0] < last) fail("a copy of an earlier state than the last one");
      last = copy[0];
      copies.fetch_add(1, std::memory_order_relaxed);
    }
    if (!group.failed() && last != last_written) fail("the last state was not seen in the end");
  };
  run_together(writer, reader, reader);
  CHECK(copies.load() >= 2);
  CHECK(disturbed.load() > 0);
}

TEST_CASE("versioned_lock: who finds it closed finds what the holder left for them", "[versioned_lock][stress]") {
  constexpr std::size_t rounds = 300;
  std::vector<lock_type> locks(rounds);
  std::vector<int> moved_to(rounds, 0);
  std::array<std::atomic<std::size_t>, 3> arrived{};
  auto const closer = [&] {
    for (std::size_t i = 0; i != rounds; ++i) {
      locks[i].lock();
      moved_to[i] = static_cast<int>(i) + 1;
      locks[i].close();
    }
  };
  // Each waits for the closing in another way.
  auto const waiter = [&](std::size_t kind) {
    return [&, kind](thread_group& group) {
      for (std::size_t i = 0; i != rounds; ++i) {
        for (bool closed = false; !closed && !group.failed();) {
          lock_attempt found = lock_attempt::busy;
          if (kind == 0) {
            found = lock_type::is_closed(locks[i].version()) ? lock_attempt::closed : lock_attempt::busy;
          } else if (kind == 1) {
            found = locks[i].attempt_shared(true);
            if (found == lock_attempt::taken) locks[i].unlock_shared();
          } else {
            found = locks[i].attempt();
            if (found == lock_attempt::taken) locks[i].unlock_unchanged();
          }
          closed = found == lock_attempt::closed;
          if (!closed) std::this_thread::yield();
        }
        if (moved_to[i] != static_cast<int>(i) + 1) fail("closed, but not where the content has gone");
        arrived[kind].fetch_add(1, std::memory_order_relaxed);
      }
    };
  };
  run_together(closer, waiter(0), waiter(1), waiter(2));
  for (auto const& n : arrived) CHECK(n.load() == rounds);
}

TEST_CASE("versioned_lock: a stream of readers lets a writer in", "[versioned_lock][stress]") {
  // Each reader takes the lock before the other lets it go, if it can, so that without announcements it is never free.
  lock_type lock;
  std::atomic<int> writes = 0;
  constexpr int enough = 20;
  std::array<std::atomic<bool>, 2> holds{};
  auto const reader = [&](std::size_t me) {
    return [&, me](thread_group& group) {
      while (writes.load(std::memory_order_relaxed) != enough && !group.failed()) {
        std::shared_lock<lock_type> const hold(lock);
        holds[me].store(true, std::memory_order_relaxed);
        // For a while only: the other may be standing back for the writer.
        for (int i = 0; i != 50 && !holds[1 - me].load(std::memory_order_relaxed); ++i) std::this_thread::yield();
        holds[me].store(false, std::memory_order_relaxed);
      }
    };
  };
  auto const writer = [&] {
    for (int i = 0; i != enough; ++i) {
      std::unique_lock<lock_type> const hold(lock);
      writes.fetch_add(1, std::memory_order_relaxed);
    }
  };
  run_together(reader(0), reader(1), writer);
  CHECK(writes.load() == enough);
}

TEST_CASE("versioned_lock: a reader under a shared lock of its own gets a second one although a writer waits",
          "[versioned_lock][stress]") {
  lock_type lock;
  std::atomic<bool> written = false;
  std::atomic<bool> done = false;
  auto const reader = [&] {
    for (int i = 0; i != 200; ++i) {
      std::shared_lock<lock_type> const outer(lock);
      std::shared_lock<lock_type> const inner(lock);
    }
    done.store(true, std::memory_order_relaxed);
  };
  auto const writer = [&](thread_group& group) {
    do {
      std::unique_lock<lock_type> const hold(lock);
      written.store(true, std::memory_order_relaxed);
    } while (!done.load(std::memory_order_relaxed) && !group.failed());
  };
  run_together(reader, writer);
  CHECK(written.load());
  CHECK(lock.is_idle());
}
