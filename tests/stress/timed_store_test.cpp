// timed_store with many threads: what readers see belongs together, each value that is lost is told exactly once, and nothing is left
// over, while collectors, scans and clear() are at it.
#include <tandem/timed_store.hpp>

#include "support/catch.hpp"
#include "support/thread_runner.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::removal;
using tandem::write_status;

struct small : tandem::timed_store_options {
  static constexpr std::size_t slots = 4;
};
using store = tandem::timed_store<std::string, std::string, small>;
struct late : small {
  static constexpr bool late_writes = true;
};

// A value tells which key and index it was written for.
std::string value_for(const std::string& key, std::uint64_t index) {
  return key + "@" + std::to_string(index) + " and some more, so that it is not kept inside";
}
bool belongs(const std::string& key, const std::string& value) {
  return value.compare(0, key.size() + 1, key + "@") == 0;
}
std::uint64_t index_of(const std::string& value) { return std::stoull(value.substr(value.find('@') + 1)); }

tandem::timed_store_config with_collectors(std::size_t n) {
  tandem::timed_store_config c;
  c.shards = 4;
  c.collectors = n;
  c.collect_every = std::chrono::milliseconds(1);
  return c;
}

}  // namespace

TEST_CASE("readers see whole entries that do not go back, beside writers and collectors", "[timed_store][stress]") {
  constexpr std::size_t keys = 64;
  constexpr std::uint64_t writes = 15'000;
  std::atomic<std::uint64_t> clock{0};
  std::atomic<long> lost{0};
  std::atomic<bool> done{false};
  std::size_t seen_values = 0, seen_none = 0;
  std::uint64_t size = 1, left = 1, bytes = 1, expired = 0;
  {
    store s(with_collectors(2));
    s.on_removed([&](const std::string& k, const std::string& v, removal, std::uint64_t) {
      if (belongs(k, v)) lost.fetch_add(1, std::memory_order_relaxed);
    });
    // What comes from each writer has a larger index than this.
    std::array<std::atomic<std::uint64_t>, 2> progress{};
    std::atomic<std::size_t> values{0}, nones{0};
    // Writers go on until the reader has seen both.
    auto const write = [&](std::size_t writer, const thread_group& group) {
      std::mt19937 random(static_cast<std::uint32_t>(writer));
      for (std::uint64_t n = 0; n < writes || ((values == 0 || nones == 0) && !group.failed()); ++n) {
        std::uint64_t const i = clock.fetch_add(1) + 1;
        std::string const k = "key " + std::to_string(random() % keys);
        switch (random() % 8) {
          case 0:
            static_cast<void>(s.erase(k, i));
            break;
          case 1:
            static_cast<void>(s.touch(k, {.expire_in = random() % 100}, i));
            break;
          case 2:
            static_cast<void>(s.expire(k, i));
            break;
          default:
            static_cast<void>(s.set(k, value_for(k, i), i, {.expire_in = random() % 50, .delete_in = random() % 100}));
        }
        progress[writer] = i;
        if (n % 64 == 0) s.set_stale_horizon(std::min(progress[0].load(), progress[1].load()));
      }
      done = true;
    };
    auto const look = [&](thread_group& group) {
      std::mt19937 random(99);
      std::vector<std::uint64_t> last(keys);
      while (!done && !group.failed()) {
        std::size_t const n = random() % keys;
        std::string const k = "key " + std::to_string(n);
        if (auto const v = s.get(k)) {
          if (!belongs(k, *v)) fail("the value of another key");
          if (index_of(*v) < last[n]) fail("an entry went back");
          last[n] = index_of(*v);
          ++values;
        } else {
          ++nones;
        }
        if (auto const e = s.entry_info(k); e && e->delete_at <= e->index) fail("half an entry");
      }
    };
    auto const scan = [&](thread_group& group) {
      while (!done && !group.failed()) {
        s.for_each([&](const std::string& k, const std::string& v) {
          if (!belongs(k, v)) fail("the value of another key, in a scan");
        });
        if (s.size() > keys) fail("more keys than there are");
      }
    };
    run_together([&](thread_group& group) { write(0, group); }, [&](thread_group& group) { write(1, group); }, look,
                 scan);
    seen_values = values;
    seen_none = nones;
    std::uint64_t const end = clock + 1000;
    s.for_each([&](const std::string& k, const std::string&) { static_cast<void>(s.erase(k, end)); });
    s.advance(end);
    s.set_stale_horizon(end + 1);
    s.collect();
    // Those that have expired, and have no other deadline, are set.
    for (std::size_t n = 0; n != keys; ++n) static_cast<void>(s.erase("key " + std::to_string(n), end));
    s.advance(end + 1);
    s.set_stale_horizon(end + 2);
    s.collect();
    size = s.size();
    auto const info = s.info();
    left = info.tombstones + info.queued;
    bytes = info.bytes;
    expired = info.expired + info.deleted;
  }
  CHECK(seen_values > 0);
  CHECK(seen_none > 0);
  CHECK(lost > 0);
  CHECK(expired > 0);
  CHECK(size == 0);
  CHECK(left == 0);
  CHECK(bytes == 0);
}

TEST_CASE("each value is told exactly once, whoever comes upon it", "[timed_store][stress]") {
  constexpr std::size_t workers = 3;
  constexpr std::uint64_t each = 6'000;
  store s(with_collectors(1));
  std::vector<std::atomic<int>> told(workers * each);
  s.on_removed([&](const std::string&, const std::string& v, removal, std::uint64_t) {
    told[std::stoul(v)].fetch_add(1, std::memory_order_relaxed);
  });
  std::atomic<std::uint64_t> clock{0};
  // Every key is set once, and then expires, is erased, or is deleted, while others write it, collect it, and erase it.
  run_threads(workers, [&](std::size_t w) {
    for (std::uint64_t n = 0; n != each; ++n) {
      std::uint64_t const id = w * each + n;
      std::string const k = std::to_string(id);
      std::uint64_t const i = clock.fetch_add(1) + 1;
      if (!s.set(k, k, i, {.expire_in = n % 3 == 0 ? 5U : 0U, .delete_in = n % 3 == 1 ? 7U : 0U})) fail("not set");
      if (n > 10) {
        std::string const before = std::to_string(w * each + n - 10);
        static_cast<void>(s.erase(before, clock.load()));
      }
      if (n % 64 == 0) s.collect(10);
    }
  });
  for (std::size_t id = 0; id != told.size(); ++id) static_cast<void>(s.erase(std::to_string(id), clock.load() + 1));
  s.collect();
  CHECK(std::all_of(told.begin(), told.end(), [](auto const& n) { return n == 1; }));
  CHECK(s.size() == 0);
}

TEST_CASE("clear beside everything", "[timed_store][stress]") {
  store s(with_collectors(1));
  std::atomic<bool> done{false};
  std::atomic<std::size_t> found{0};
  std::uint64_t written = 0;
  auto const write = [&](thread_group& group) {
    // Longer, if the reader has not had its turn.
    for (std::uint64_t i = 1; i < 20'000 || (found == 0 && !group.failed()); ++i) {
      std::string const k = "key " + std::to_string(i % 100);
      if (!s.set(k, value_for(k, i), i, {.delete_in = i % 7})) fail("nobody else writes");
      written = i;
    }
    done = true;
  };
  auto const look = [&](thread_group& group) {
    while (!done && !group.failed()) {
      for (int n = 0; n != 100; ++n) {
        std::string const k = "key " + std::to_string(n);
        bool const there = s.read(k, [&](const std::string& v) {
          if (!belongs(k, v)) fail("the value of another key");
        });
        if (there) ++found;
      }
    }
  };
  std::atomic<int> cleared{0};
  auto const clear = [&](thread_group& group) {
    do {
      s.clear();
      s.collect();
      ++cleared;
    } while (!done && !group.failed());
  };
  run_together(write, look, clear);
  CHECK(s.write_index() == written);
  CHECK(found > 0);
  CHECK(cleared > 0);
  CHECK(s.size() <= 100);
}

TEST_CASE("collectors see to deadlines by themselves, and end with the store", "[timed_store][stress]") {
  std::atomic<int> lost{0};
  for (int round = 0; round != 20; ++round) {
    store s(with_collectors(2));
    s.on_removed([&](const std::string&, const std::string&, removal, std::uint64_t) {
      lost.fetch_add(1);
      lost.notify_all();
    });
    // They sleep by now, or do not yet: both must do.
    if (round % 2 == 0) s.advance(1);
    for (std::uint64_t n = 0; n != 50; ++n) REQUIRE(s.set(std::to_string(n), "v", 1, {.expire_in = 10}));
    s.advance(11);
    for (int seen = lost; seen != 50 * (round + 1); seen = lost) lost.wait(seen);
    CHECK(s.info().expired == 50);
  }
  CHECK(lost == 1000);
}

TEST_CASE("a snapshot taken beside writers, and the log behind its label, give what never stopping gives",
          "[timed_store][stress]") {
  struct logged {
    std::uint64_t index;
    unsigned what;
    std::string key;
    tandem::ttl deadlines;
  };
  using replica = tandem::timed_store<std::string, std::string, late>;
  auto const apply = [](replica& s, const logged& w) {
    switch (w.what) {
      case 0:
        return s.erase(w.key, w.index);
      case 1:
        return s.touch(w.key, w.deadlines, w.index);
      case 2:
        return s.expire(w.key, w.index);
      case 3:
        return s.set_if_unset(w.key, value_for(w.key, w.index), w.index, w.deadlines);
      default:
        return s.set(w.key, value_for(w.key, w.index), w.index, w.deadlines);
    }
  };
  constexpr std::size_t writers = 2;
  replica live(with_collectors(1));
  std::atomic<std::uint64_t> clock{0};
  // All that comes from a writer is behind its progress; each has keys of its own, so there is an order for each key.
  std::array<std::atomic<std::uint64_t>, writers> progress{};
  std::array<std::vector<logged>, writers> logs;
  std::atomic<bool> done{false};
  auto const done_so_far = [&] { return std::min(progress[0].load(), progress[1].load()); };
  std::atomic<std::size_t> saved{0};
  // Writers go on until there is a snapshot.
  auto const write = [&](std::size_t writer, const thread_group& group) {
    std::mt19937 random(static_cast<std::uint32_t>(writer));
    for (int n = 0; n < 6'000 || (saved == 0 && !group.failed()); ++n) {
      std::uint64_t const i = clock.fetch_add(1) + 1;
      logged const w{i,
                     static_cast<unsigned>(random() % 7),
                     std::to_string(writer) + "/" + std::to_string(random() % 50),
                     {random() % 60, random() % 90}};
      static_cast<void>(apply(live, w));
      logs[writer].push_back(w);
      progress[writer] = i;
      if (n % 32 == 0) live.set_stale_horizon(done_so_far());
    }
    progress[writer] = ~std::uint64_t{0};
    done = true;
  };
  struct taken {
    std::string bytes;
    std::uint64_t label = 0;
  };
  std::vector<taken> snapshots;
  auto const save = [&](thread_group& group) {
    while (!done && !group.failed()) {
      tandem::snapshot_options how;
      how.block_bytes = 512;
      how.threads = 1 + snapshots.size() % 3;
      how.label = done_so_far();
      std::ostringstream out;
      std::error_code error;
      auto const report = live.save(out, error, how);
      // The horizon may have gone beyond the label meanwhile.
      if (error == std::errc::invalid_argument) continue;
      if (error) fail(report.error);
      snapshots.push_back({out.str(), report.label});
      ++saved;
    }
  };
  run_together([&](thread_group& group) { write(0, group); }, [&](thread_group& group) { write(1, group); }, save);

  std::vector<logged> log = logs[0];
  log.insert(log.end(), logs[1].begin(), logs[1].end());
  std::sort(log.begin(), log.end(), [](auto const& a, auto const& b) { return a.index < b.index; });
  replica sequential;
  for (auto const& w : log) static_cast<void>(apply(sequential, w));
  CHECK(sequential.digest() == live.digest());
  REQUIRE_FALSE(snapshots.empty());
  std::size_t const step = std::max<std::size_t>(1, snapshots.size() / 5);
  for (std::size_t n = 0; n < snapshots.size(); n += step) {
    replica restored;
    std::istringstream in(snapshots[n].bytes);
    restored.load(in);
    for (auto const& w : log) {
      if (w.index > snapshots[n].label) static_cast<void>(apply(restored, w));
    }
    CHECK(restored.digest() == live.digest());
  }
}

TEST_CASE("replicas that apply a log with any number of threads, in the order of each key, agree",
          "[timed_store][stress]") {
  using replica = tandem::timed_store<std::string, std::string, late>;
  struct logged {
    std::uint64_t index;
    std::size_t key;
    std::vector<std::byte> bytes;
  };
  std::mt19937 random(7);
  std::vector<logged> log;
  for (std::uint64_t index = 1; index != 6'000; ++index) {
    replica::command c;
    // All kinds that have a key.
    c.what = static_cast<tandem::command_kind>(1 + random() % 8);
    std::size_t const key = random() % 40;
    c.key = std::to_string(key);
    c.value = value_for(*c.key, index);
    c.index = index - std::min<std::uint64_t>(index, random() % 200);
    c.expire_in = random() % 300;
    c.delete_in = random() % 400;
    log.push_back({index, key, replica::encode(c)});
  }
  auto const digest_after = [&](std::size_t threads, std::size_t collectors) {
    replica s(with_collectors(collectors));
    run_threads(threads, [&](std::size_t worker) {
      for (auto const& w : log) {
        if (w.key % threads != worker) continue;
        if (!s.apply(w.bytes, w.index)) fail("a command that was not taken");
      }
    });
    if (s.write_index() != log.back().index) throw std::logic_error("not all was applied");
    return s.digest();
  };
  auto const alone = digest_after(1, 0);
  CHECK(alone != 0);
  for (std::size_t threads : {1U, 2U, 3U, 4U}) CHECK(digest_after(threads, threads % 2) == alone);
}

TEST_CASE("a load is seen as a whole", "[timed_store][stress]") {
  auto const snapshot_of = [](const std::string& value, std::size_t keys) {
    store s;
    for (std::size_t n = 0; n != keys; ++n) static_cast<void>(s.set(std::to_string(n), value, 1, {.expire_in = 100}));
    std::ostringstream out;
    s.save(out);
    return out.str();
  };
  std::array<std::string, 2> const snapshots{snapshot_of("one", 100), snapshot_of("two", 200)};
  store s(with_collectors(1));
  std::istringstream first(snapshots[0]);
  s.load(first);
  std::atomic<bool> done{false};
  std::atomic<int> ones{0}, twos{0};
  auto const load = [&] {
    for (std::size_t n = 0; n != 150; ++n) {
      std::istringstream in(snapshots[n % 2]);
      s.load(in);
    }
    done = true;
  };
  auto const look = [&](thread_group& group) {
    do {
      std::size_t one = 0, two = 0;
      s.for_each([&](const std::string&, const std::string& v) { v == "one" ? ++one : ++two; });
      if (!(one == 100 && two == 0) && !(one == 0 && two == 200)) fail("parts of two snapshots");
      one != 0 ? ++ones : ++twos;
      if (!s.has("50")) fail("a key that is in both is missing");
    } while (!done && !group.failed());
  };
  run_together(load, look, look);
  CHECK(ones + twos > 0);
  CHECK(s.size() == 200);
}

TEST_CASE("a consistent snapshot is of its label exactly, beside writers", "[timed_store][stress]") {
  std::size_t rounds = 0, changed = 0;
  for (std::uint32_t seed = 1; seed != 8; ++seed) {
    store live(with_collectors(1));
    constexpr std::uint64_t label = 2'000;
    auto const one = [&](std::mt19937& random, std::uint64_t i) {
      std::string const k = std::to_string(random() % 300);
      tandem::ttl const deadlines{random() % 3'000, random() % 3'000};
      switch (random() % 5) {
        case 0:
          return live.erase(k, i);
        case 1:
          return live.touch(k, deadlines, i);
        case 2:
          return live.expire(k, i);
        default:
          return live.set(k, value_for(k, i), i, deadlines);
      }
    };
    std::mt19937 before(seed);
    for (std::uint64_t i = 1; i <= label; ++i) static_cast<void>(one(before, i));
    live.advance(label);
    auto const at_label = live.digest();

    std::atomic<bool> begun{false}, done{false};
    std::atomic<std::uint64_t> clock{label};
    std::ostringstream out;
    auto const save = [&] {
      tandem::snapshot_options how;
      how.label = label;
      how.consistent = true;
      how.block_bytes = 256;
      how.threads = 1 + seed % 3;
      how.on_begun = [&] { begun = true; };
      // So that there is time to write.
      how.on_progress = [](const tandem::snapshot_report&) { std::this_thread::yield(); };
      live.save(out, how);
      done = true;
    };
    auto const write = [&](std::uint32_t number, thread_group& group) {
      std::mt19937 random(seed * 10 + number);
      while (!begun && !group.failed()) std::this_thread::yield();
      // And some more, until the save is done.
      while (!done && !group.failed()) static_cast<void>(one(random, ++clock));
    };
    run_together(save, [&](thread_group& g) { write(1, g); }, [&](thread_group& g) { write(2, g); });
    changed += clock - label;
    store restored;
    std::istringstream in(out.str());
    restored.load(in);
    CHECK(restored.digest() == at_label);
    ++rounds;
  }
  CHECK(rounds == 7);
  CHECK(changed > 100);
}
