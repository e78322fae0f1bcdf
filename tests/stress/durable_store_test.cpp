// durable_store with many threads: writers whose tickets are kept, readers that never go back, rotation, checkpoints, scans; and
// afterwards all that was acknowledged is there.
#include <tandem/durable_store.hpp>

#include "support/catch.hpp"
#include "support/failing_files.hpp"
#include "support/temporary_folder.hpp"
#include "support/thread_runner.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace tandem::test;
using std::chrono::milliseconds;
using tandem::durability;
using tandem::durable_options;

struct small : tandem::durable_store_options {
  static constexpr std::size_t slots = 4;
};
using store = tandem::durable_store<std::string, std::string, small>;

// A value tells which key and version it was written for.
std::string value_for(const std::string& key, std::uint64_t version, std::size_t padding) {
  return key + "@" + std::to_string(version) + "#" + std::string(padding, 'x');
}
std::uint64_t version_in(const std::string& key, const std::string& value) {
  if (value.compare(0, key.size() + 1, key + "@") != 0) fail("the value of another key: " + value.substr(0, 20));
  return std::stoull(value.substr(key.size() + 1));
}
std::string key_of(std::size_t i) { return "key " + std::to_string(i); }

}  // namespace

TEST_CASE("readers never go back beside writers, rotation and checkpoints, and all of it is there afterwards",
          "[durable_store][stress]") {
  constexpr std::size_t keys = 16, writers = 4;
  constexpr std::uint64_t writes = 400;
  temporary_folder folder;
  durable_options o;
  o.lanes = 2;
  o.rotate_records = 50;
  o.rotate_age = milliseconds(3);
  o.queue_bytes = 20'000;
  o.sync = durability::every(milliseconds(2));
  std::atomic<std::size_t> sealed{0};
  o.on_segment_sealed = [&](const std::filesystem::path&) { sealed.fetch_add(1, std::memory_order_relaxed); };
  std::array<std::atomic<std::uint64_t>, keys> newest{};
  std::atomic<std::uint64_t> next{1};
  std::atomic<bool> done{false};
  std::atomic<std::size_t> finished{0};
  std::atomic<std::uint64_t> reads{0}, checkpoints{0}, written{0};
  {
    store s = store::open(folder.path(), o);
    // Writers go on until the others have had their turn.
    auto const others_wait = [&](const thread_group& group) {
      return (reads.load() <= 100 || checkpoints.load() == 0) && !group.failed();
    };
    auto const write = [&](std::size_t writer, const thread_group& group) {
      std::mt19937 random(static_cast<std::uint32_t>(writer));
      for (std::uint64_t i = 0; i < writes || others_wait(group); ++i) {
        std::size_t const k = random() % keys;
        std::uint64_t const version = next.fetch_add(1, std::memory_order_relaxed);
        std::string value = value_for(key_of(k), version, random() % 8 == 0 ? 5000 : random() % 100);
        bool const waits = random() % 16 == 0;
        auto const r = waits ? s.put(key_of(k), std::move(value), version, durability::always())
                             : s.put(key_of(k), std::move(value), version);
        if (random() % 32 == 0) s.wait_durable(r.ticket);
        std::uint64_t seen = newest[k].load();
        while (seen < version && !newest[k].compare_exchange_weak(seen, version)) {
        }
        written.fetch_add(1, std::memory_order_relaxed);
      }
      if (finished.fetch_add(1) + 1 == writers) done.store(true);
    };
    run_threads(writers + 3, [&](std::size_t i, thread_group& group) {
      if (i < writers) {
        write(i, group);
      } else if (i == writers) {
        while (!done && !group.failed()) {
          s.checkpoint();
          checkpoints.fetch_add(1);
          if (s.stats().log.queue_bytes > 2 * 20'000 + 6000) fail("the queue is too long");
        }
      } else {
        std::array<std::uint64_t, keys> before{};
        std::mt19937 random(static_cast<std::uint32_t>(100 + i));
        while (!done && !group.failed()) {
          std::size_t const k = random() % keys;
          std::uint64_t const at_least = newest[k].load();
          if (auto const v = s.get(key_of(k))) {
            std::uint64_t const version = version_in(key_of(k), *v);
            if (version < before[k] || version < at_least) fail("a reader went back");
            before[k] = version;
            reads.fetch_add(1);
          } else if (at_least != 0) {
            fail("a key has gone");
          }
          if (random() % 256 == 0) {
            s.for_each([&](const std::string& key, const std::string& value) { version_in(key, value); });
          }
        }
      }
    });
    CHECK(written >= writers * writes);
    CHECK(s.stats().puts == written);
    s.flush();
    CHECK(s.stats().log.records == written);
    CHECK(s.stats().log.syncs.count() < written);
  }
  CHECK(reads > 100);
  CHECK(checkpoints > 0);
  CHECK(sealed >= 2 * writers * writes / 50 / 2);
  store s = store::open(folder.path());
  CHECK(s.recovery().damage.empty());
  CHECK(s.recovery().torn_bytes == 0);
  for (std::size_t k = 0; k != keys; ++k) {
    REQUIRE(s.get(key_of(k)));
    CHECK(s.version_of(key_of(k)) == newest[k].load());
    CHECK(version_in(key_of(k), *s.get(key_of(k))) == newest[k].load());
  }
}

TEST_CASE("of many who put the same version at once one wins, and wins again after recovery",
          "[durable_store][stress]") {
  temporary_folder folder;
  constexpr std::size_t threads = 4;
  constexpr std::uint64_t rounds = 150;
  bool const later = GENERATE(false, true);
  durable_options o;
  o.sync = durability::never();
  o.rotate_records = 37;
  o.visibility = later ? tandem::visibility::on_durable : tandem::visibility::on_write;
  std::vector<std::string> winners(rounds);
  {
    store s = store::open(folder.path(), o);
    auto const won = run_threads(threads, [&](std::size_t i) {
      std::vector<bool> mine;
      for (std::uint64_t r = 0; r != rounds; ++r) {
        mine.push_back(s.put("tie " + std::to_string(r), std::to_string(i), 5).newest);
      }
      return mine;
    });
    s.flush();
    for (std::uint64_t r = 0; r != rounds; ++r) {
      std::size_t count = 0;
      for (std::size_t i = 0; i != threads; ++i) {
        if (!won[i][r]) continue;
        ++count;
        winners[r] = std::to_string(i);
      }
      CHECK(count == 1);
      CHECK(s.get("tie " + std::to_string(r)) == winners[r]);
    }
  }
  store s = store::open(folder.path());
  CHECK(s.recovery().records == threads * rounds);
  for (std::uint64_t r = 0; r != rounds; ++r) CHECK(s.get("tie " + std::to_string(r)) == winners[r]);
}

TEST_CASE("while syncs and writes fail now and then, what was acknowledged is there afterwards",
          "[durable_store][stress]") {
  struct failing_options : small {
    using file_system = failing_files;
  };
  using failing_store = tandem::durable_store<std::string, std::string, failing_options>;
  constexpr std::size_t threads = 4;
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  durable_options o;
  o.lanes = 2;
  o.rotate_records = 100;
  std::size_t acknowledged = 0, failures = 0;
  {
    failing_store s = failing_store::open(folder.path(), o, failing_files(script));
    // Of each lane: now a sync, now an append, and never soon after the last one, so that the new segment works.
    struct lane {
      std::atomic<std::uint64_t> calls{0}, failed_at{0}, failed{0};
    };
    std::array<lane, 2> lanes;
    script->before = [&](failing_files::call what, const std::string& name) {
      bool const syncs = what == failing_files::call::sync;
      if ((!syncs && what != failing_files::call::append) || name.front() != 'L') return std::error_code();
      lane& l = lanes[name[1] == '0' ? 0 : 1];
      std::uint64_t const n = ++l.calls;
      if (n < l.failed_at + 20 || syncs != (l.failed % 2 == 0)) return std::error_code();
      l.failed_at = n;
      return std::make_error_code(++l.failed % 3 == 0 ? std::errc::io_error : std::errc::no_space_on_device);
    };
    auto const seen = run_threads(threads, [&](std::size_t i) {
      std::vector<std::string> mine;
      for (std::uint64_t n = 0; n != 150; ++n) {
        std::string const key = std::to_string(i) + "/" + std::to_string(n);
        std::error_code error;
        s.put(key, key, n, error);
        if (!error) mine.push_back(key);
      }
      return mine;
    });
    auto const figures = s.stats();
    failures = threads * 150;
    for (const auto& mine : seen) failures -= mine.size();
    CHECK_FALSE(figures.read_only);
    CHECK(figures.log.failed_syncs > 0);
    CHECK(figures.log.renewals > 0);
    script->before = nullptr;
    std::error_code ignored;
    s.close(ignored);
    failing_store after = failing_store::open(folder.path());
    for (const auto& mine : seen) {
      for (const std::string& key : mine) {
        REQUIRE(after.get(key) == key);
        ++acknowledged;
      }
    }
    CHECK(after.recovery().damage.empty());
  }
  CHECK(acknowledged > threads * 150 / 2);
  CHECK(acknowledged + failures == threads * 150);
}

TEST_CASE("writers who wait, writers who do not, flushes and checkpoints share rounds, and nobody is forgotten",
          "[durable_store][stress]") {
  constexpr std::size_t waiting = 8;
  constexpr std::uint64_t writes = 150;
  temporary_folder folder;
  durable_options o;
  o.lanes = GENERATE(1U, 2U);
  o.visibility = o.lanes == 1 ? tandem::visibility::on_durable : tandem::visibility::on_write;
  o.rotate_records = 300;
  std::uint64_t syncs = 0;
  {
    store s = store::open(folder.path(), o);
    std::atomic<std::size_t> finished{0};
    run_threads(waiting + 4, [&](std::size_t i, thread_group& group) {
      auto const key = [&](std::uint64_t n) { return std::to_string(i) + "/" + std::to_string(n); };
      auto const goes_on = [&] { return finished < waiting && !group.failed(); };
      if (i < waiting) {
        for (std::uint64_t n = 0; n != writes; ++n) {
          s.put(key(n), key(n), 1);
          if (s.get(key(n)) != key(n)) fail("a put that has returned is not seen");
        }
        finished.fetch_add(1);
      } else if (i == waiting) {
        while (goes_on()) s.flush();
      } else if (i == waiting + 1) {
        while (goes_on()) s.checkpoint();
      } else if (i == waiting + 2) {
        for (std::uint64_t n = 0; goes_on(); ++n) {
          auto const r = s.put(key(n % 10), key(n), n, durability::never());
          if (n % 64 == 63) s.wait_durable(r.ticket);
        }
      } else {
        for (std::uint64_t n = 0; goes_on(); ++n) {
          s.wait_durable(s.put(key(n % 10), key(n), n, durability::every(milliseconds(1))).ticket);
        }
      }
    });
    syncs = s.stats().log.syncs.count();
  }
  CHECK(syncs > 0);
  store s = store::open(folder.path());
  for (std::size_t i = 0; i != waiting; ++i) {
    for (std::uint64_t n = 0; n != writes; ++n) REQUIRE(s.get(std::to_string(i) + "/" + std::to_string(n)));
  }
}

TEST_CASE("when a store becomes read-only each of many who wait is told", "[durable_store][stress]") {
  struct failing_options : small {
    using file_system = failing_files;
  };
  using failing_store = tandem::durable_store<std::string, std::string, failing_options>;
  constexpr std::size_t threads = 8;
  for (std::uint64_t last = 5; last < 100; last += 6) {
    temporary_folder folder;
    auto const script = std::make_shared<failing_files::script>();
    durable_options o;
    o.lanes = 2;
    failing_store s = failing_store::open(folder.path(), o, failing_files(script));
    std::atomic<std::uint64_t> calls{0};
    script->before = [&](failing_files::call what, const std::string&) {
      bool const fails = what == failing_files::call::sync && calls.fetch_add(1) >= last;
      return fails ? std::make_error_code(std::errc::io_error) : std::error_code();
    };
    auto const told = run_threads(threads, [&](std::size_t i, thread_group& group) {
      std::error_code error;
      for (std::uint64_t n = 0; !error && !group.failed(); ++n) s.put(std::to_string(i), "x", n, error);
      return error;
    });
    for (const std::error_code& error : told) CHECK(error);
    CHECK(s.last_error());
    std::error_code ignored;
    s.close(ignored);
  }
}
