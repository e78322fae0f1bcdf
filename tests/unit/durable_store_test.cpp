// durable_store: each promise of its header, on the system's files. Crashes are enumerated elsewhere.
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
#include <cstring>
#include <filesystem>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;
using std::chrono::hours;
using std::chrono::milliseconds;
using tandem::durability;
using tandem::durable_errc;
using tandem::durable_options;

using store = tandem::durable_store<>;
using call = failing_files::call;

struct failing_options : tandem::durable_store_options {
  using file_system = failing_files;
};
using failing_store = tandem::durable_store<std::string, std::string, failing_options>;

static_assert(std::is_nothrow_move_constructible_v<store> && !std::is_copy_constructible_v<store>);

template <class Store>
std::map<std::string, std::string> contents(const Store& s) {
  std::map<std::string, std::string> all;
  s.for_each([&](const std::string& k, const std::string& v) { all.emplace(k, v); });
  return all;
}

durable_options without_sync() {
  durable_options o;
  o.sync = durability::never();
  return o;
}

std::error_code io_error() { return std::make_error_code(std::errc::io_error); }

// The bytes of a record of a key of 1 and a value of `n`.
constexpr std::size_t record_bytes(std::size_t n) { return 64 + 1 + n; }

}  // namespace

// ---- Versions.

TEST_CASE("memory keeps the largest version and the first of equal ones, and so does recovery", "[durable_store]") {
  temporary_folder folder;
  {
    store s = store::open(folder.path());
    CHECK(s.put("a", "one", 10).newest);
    CHECK_FALSE(s.put("a", "older", 9).newest);
    CHECK_FALSE(s.put("a", "tie", 10).newest);
    CHECK(s.get("a") == "one");
    CHECK(s.put("a", "two", 11).newest);
    CHECK(s.put("zero", "z", 0).newest);
    CHECK(s.get("a") == "two");
    CHECK(s.version_of("a") == 11U);
    CHECK_FALSE(s.put("a", "tie again", 11).newest);
    CHECK(s.size() == 2);
    CHECK(s.stats().puts == 6);
    CHECK(s.stats().newest == 3);
  }
  store s = store::open(folder.path());
  CHECK(s.recovery().records == 6);  // newest or not
  CHECK(contents(s) == std::map<std::string, std::string>{{"a", "two"}, {"zero", "z"}});
  CHECK(s.version_of("a") == 11U);
  CHECK_FALSE(s.put("a", "a third tie", 11).newest);
  CHECK(s.get("a") == "two");
}

TEST_CASE("two sensors' writers leave what the original's test expects", "[durable_store]") {
  temporary_folder folder;
  std::uint64_t const t = 1647106627392928613;
  {
    store s = store::open(folder.path());
    CHECK(s.put("sensor101", "A", t).newest);
    CHECK(s.put("sensor101", "B", t + 100).newest);
    CHECK_FALSE(s.put("sensor101", "C", t + 50).newest);
    CHECK(s.put("sensor201", "A", t).newest);
    CHECK_FALSE(s.put("sensor201", "B", t - 100).newest);
    CHECK(s.put("sensor201", "C", t + 110).newest);
    CHECK(s.get("sensor101") == "B");
    CHECK(s.get("sensor201") == "C");
  }
  store s = store::open(folder.path());
  CHECK(s.recovery().records == 6);
  CHECK(s.get("sensor101") == "B");
  CHECK(s.get("sensor201") == "C");
}

TEST_CASE("an erased key stays away from older versions, also after recovery and a checkpoint", "[durable_store]") {
  temporary_folder folder;
  for (int round = 0; round != 3; ++round) {
    store s = store::open(folder.path());
    if (round == 0) {
      CHECK(s.put("k", "v", 1).newest);
      CHECK(s.erase("k", 5).newest);
      CHECK(s.erase("never there", 3).newest);
    }
    CHECK_FALSE(s.get("k"));
    CHECK_FALSE(s.contains("k"));
    CHECK_FALSE(s.version_of("k"));
    CHECK_FALSE(s.put("k", "late", 4).newest);
    CHECK_FALSE(s.put("k", "tie", 5).newest);
    CHECK_FALSE(s.put("never there", "late", 3).newest);
    CHECK_FALSE(s.erase("k", 5).newest);
    CHECK(s.size() == 0);
    CHECK(s.stats().tombstones == 2);
    CHECK(contents(s).empty());
    if (round == 1) s.checkpoint();
  }
  store s = store::open(folder.path());
  CHECK(s.put("k", "new", 6).newest);
  CHECK(s.size() == 1);
  CHECK(s.stats().tombstones == 1);
}

TEST_CASE("values are read where they are and copied on demand", "[durable_store]") {
  temporary_folder folder;
  store s = store::open(folder.path(), without_sync());
  std::string const big(100'000, 'b');
  s.put("big", big, 1);
  std::string given = big;
  s.put("moved", std::move(given), 1);
  CHECK(s.get("big") == big);
  CHECK(s.get("moved") == big);
  CHECK(s.read("big", [](const std::string& v) { return v.size(); }) == big.size());
  bool called = false;
  CHECK(s.read("big", [&](const std::string&) { called = true; }));
  CHECK(called);
  CHECK_FALSE(s.read("none", [](const std::string&) {}));
  CHECK_FALSE(s.read("none", [](const std::string& v) { return v; }));
  std::string_view const key = "big";
  CHECK(s.contains(key));
  CHECK(s.read(key, [&](const std::string&) { return s.size(); }) == 2U);
}

TEST_CASE("numbers and plain structs are stored too", "[durable_store]") {
  struct point {
    std::int32_t x = 0, y = 0;
  };
  using points = tandem::durable_store<std::uint32_t, point>;
  temporary_folder folder;
  {
    points s = points::open(folder.path());
    for (std::uint32_t i = 0; i != 100; ++i) s.put(i, point{static_cast<std::int32_t>(i), -1}, i);
  }
  points s = points::open(folder.path());
  CHECK(s.size() == 100);
  CHECK(s.read(42U, [](const point& p) { return p.x; }) == 42);
}

// ---- Durability.

TEST_CASE("put with always has synced when it returns", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  failing_store s = failing_store::open(folder.path(), {}, failing_files(script));
  for (int i = 0; i != 5; ++i) {
    std::size_t const before = script->count(call::sync);
    s.put("k", "v", static_cast<std::uint64_t>(i));
    auto const calls = script->calls();
    CHECK(script->count(call::sync) > before);
    CHECK(calls.back().what == call::sync);
  }
  CHECK(s.stats().log.syncs.count() == 5);
  CHECK(s.stats().log.records == 5);
}

TEST_CASE("with never nothing is synced until somebody asks, and it is written nonetheless", "[durable_store]") {
  temporary_folder folder, copy;
  store s = store::open(folder.path(), without_sync());
  tandem::put_result last;
  for (std::uint64_t i = 0; i != 10; ++i) last = s.put("k" + std::to_string(i), "v", 1);
  CHECK(s.stats().log.syncs.count() == 0);
  folder.copy_to(copy);  // the process is killed
  CHECK(store::open(copy.path()).size() == 10);

  SECTION("flush") { s.flush(); }
  SECTION("wait_durable") { s.wait_durable(last.ticket); }
  SECTION("a put that wants it") { s.put("x", "v", 1, durability::always()); }
  CHECK(s.stats().log.syncs.count() == 1);
  s.flush();
  s.wait_durable(last.ticket);
  CHECK(s.stats().log.syncs.count() == 1);
}

TEST_CASE("with every what has been put is synced by and by, once for all", "[durable_store]") {
  temporary_folder folder;
  durable_options o;
  o.sync = durability::every(milliseconds(5));
  store s = store::open(folder.path(), o);
  for (std::uint64_t i = 0; i != 100; ++i) s.put("k" + std::to_string(i), "v", 1);
  while (s.stats().log.syncs.count() == 0) std::this_thread::yield();
  s.flush();
  auto const syncs = s.stats().log.syncs.count();
  CHECK(syncs < 100);
  auto const ticket = s.put("last", "v", 1, durability::every(hours(1))).ticket;
  CHECK(s.stats().log.syncs.count() == syncs);
  s.wait_durable(ticket);
  CHECK(s.stats().log.syncs.count() == syncs + 1);
}

TEST_CASE("with every a busy store is not synced more often than that", "[durable_store]") {
  temporary_folder folder;
  durable_options o;
  o.sync = durability::every(milliseconds(20));
  store s = store::open(folder.path(), o);
  auto const start = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; std::chrono::steady_clock::now() - start < milliseconds(200); ++i) s.put("k", "v", i);
  std::uint64_t const syncs = s.stats().log.syncs.count();
  auto const took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
  CHECK(syncs >= 1);
  CHECK(syncs <= static_cast<std::uint64_t>(took / milliseconds(20)) + 2);
}

TEST_CASE("writers that come while a sync is under way share the next one", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  failing_store s = failing_store::open(folder.path(), {}, failing_files(script));
  s.put("warm", "up", 1);
  std::atomic<bool> closed{true};
  std::atomic<int> inside{0};
  script->before = [&](call what, const std::string&) {
    if (what == call::sync) {
      ++inside;
      while (closed) std::this_thread::yield();
    }
    return std::error_code();
  };
  std::size_t const others = 6;
  run_threads(others + 2, [&](std::size_t i) {
    if (i == 0) {
      s.put("first", "v", 1);
    } else if (i <= others) {
      while (inside == 0) std::this_thread::yield();
      s.put("k" + std::to_string(i), "v", 1);
    } else {
      while (s.stats().puts != others + 2) std::this_thread::yield();
      closed = false;
    }
  });
  CHECK(s.stats().log.syncs.count() == 3);
  CHECK(s.stats().log.batches.largest() == others);
}

TEST_CASE("with on_durable readers see what is on the disk, and newest is right before that", "[durable_store]") {
  temporary_folder folder;
  durable_options o = without_sync();
  o.visibility = tandem::visibility::on_durable;
  store s = store::open(folder.path(), o);
  CHECK(s.put("k", "one", 1).newest);
  CHECK_FALSE(s.put("k", "tie", 1).newest);
  CHECK(s.put("k", "two", 2).newest);
  CHECK_FALSE(s.put("k", "one again", 1).newest);
  CHECK_FALSE(s.contains("k"));
  CHECK(s.size() == 0);
  CHECK(contents(s).empty());
  s.flush();
  CHECK(s.get("k") == "two");
  CHECK(s.size() == 1);
  CHECK(s.erase("k", 3).newest);
  CHECK(s.get("k") == "two");
  CHECK_FALSE(s.put("k", "old", 2).newest);
  s.put("other", "x", 1, durability::always());
  CHECK_FALSE(s.get("k"));
  CHECK(s.get("other") == "x");
  CHECK(s.stats().tombstones == 1);
  s.close();
  store again = store::open(folder.path());
  CHECK(contents(again) == std::map<std::string, std::string>{{"other", "x"}});
  CHECK(again.recovery().records == 7);
}

TEST_CASE("a ticket of another store or of nothing is refused", "[durable_store]") {
  temporary_folder folder;
  store s = store::open(folder.path());
  std::error_code error;
  s.wait_durable({}, error);
  CHECK(error == std::errc::invalid_argument);
  s.wait_durable({7, 1}, error);
  CHECK(error == std::errc::invalid_argument);
  CHECK_THROWS_AS(s.wait_durable({0, 1000}), std::system_error);
}

// ---- Back-pressure.

TEST_CASE("a full queue refuses or blocks, as chosen", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  bool const refuses = GENERATE(true, false);
  durable_options o;
  o.queue_bytes = 20'000;
  o.on_full = refuses ? tandem::on_full::fail : tandem::on_full::block;
  failing_store s = failing_store::open(folder.path(), o, failing_files(script));
  s.put("warm", "up", 1);
  std::atomic<bool> closed{true};
  std::atomic<int> inside{0};
  script->before = [&](call what, const std::string&) {
    if (what == call::sync) {
      ++inside;
      while (closed) std::this_thread::yield();
    }
    return std::error_code();
  };
  std::string const big(15'000, 'x');
  std::error_code error;
  tandem::put_result refused;
  bool seen = true;
  run_together([&] { s.put("a", big, 1); },
               [&] {
                 while (inside == 0) std::this_thread::yield();
                 refused = s.put("b", big, 1, error);
                 if (refuses) {
                   seen = s.contains("b");
                   closed = false;
                 }
               },
               [&] {
                 if (refuses) return;
                 while (inside == 0) std::this_thread::yield();
                 closed = false;
               });
  if (refuses) {
    CHECK(error == std::errc::operation_would_block);
    CHECK_FALSE(refused.newest);
    CHECK(refused.ticket == tandem::durable_ticket{});
    CHECK_FALSE(seen);
    CHECK(s.stats().log.refused == 1);
    CHECK(s.put("b", big, 1).newest);
  } else {
    CHECK_FALSE(error);
    CHECK(s.get("b") == big);
  }
  // What is larger than the queue goes alone.
  CHECK(s.put("c", std::string(100'000, 'y'), 1).newest);
}

TEST_CASE("writers who do not wait for syncs wait for room", "[durable_store]") {
  temporary_folder folder;
  durable_options o;
  o.sync = durability::every(hours(1));
  o.queue_bytes = 50'000;
  o.on_full = GENERATE(tandem::on_full::fail, tandem::on_full::block);
  store s = store::open(folder.path(), o);
  for (std::uint64_t i = 0; i != 50; ++i) s.put("k", std::string(10'000, 'x'), i);
  auto const log = s.stats().log;
  CHECK(log.syncs.count() >= 10);
  CHECK(log.queue_bytes <= 50'000);
  CHECK(log.refused == 0);
}

// ---- Segments.

TEST_CASE("segments end by records, by bytes and by age, are sealed then, and all come back", "[durable_store]") {
  temporary_folder folder;
  std::vector<std::filesystem::path> sealed;
  std::mutex mutex;
  durable_options o;
  o.on_segment_sealed = [&](const std::filesystem::path& p) {
    std::lock_guard const hold(mutex);
    sealed.push_back(p);
  };
  auto const count = [&] {
    std::lock_guard const hold(mutex);
    return sealed.size();
  };
  std::size_t expected = 0;
  SECTION("records") {
    o.rotate_records = 3;
    expected = 4;
  }
  SECTION("bytes") {
    o.rotate_bytes = 96 + 2 * record_bytes(10);
    expected = 5;
  }
  SECTION("a limit below one record") {
    o.rotate_bytes = 10;
    expected = 10;
  }
  SECTION("age") { o.rotate_age = milliseconds(1); }
  {
    store s = store::open(folder.path(), o);
    for (std::uint64_t i = 0; i != 10; ++i) {
      s.put(std::string(1, static_cast<char>('a' + i)), std::string(10, 'v'), i);
      if (expected == 0) {
        while (count() != i + 1) std::this_thread::yield();
      }
    }
    if (expected == 0) expected = 10;
    CHECK(s.stats().log.segments == expected);
  }
  CHECK(count() == expected);
  CHECK(folder.names(".log").size() == expected);
  CHECK(std::is_sorted(sealed.begin(), sealed.end()));
  CHECK(std::all_of(sealed.begin(), sealed.end(), [](const auto& p) { return std::filesystem::exists(p); }));
  store s = store::open(folder.path());
  CHECK(s.size() == 10);
  CHECK(s.recovery().segments == expected);
  CHECK(s.recovery().records == 10);
  CHECK(s.recovery().torn_bytes == 0);
}

TEST_CASE("a segment is synced and sealed before the next receives data", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  durable_options o = without_sync();
  o.rotate_records = 2;
  failing_store s = failing_store::open(folder.path(), o, failing_files(script));
  std::size_t const opened = script->calls().size();
  for (std::uint64_t i = 0; i != 4; ++i) s.put("k", "v", i);
  std::vector<std::string> told;
  auto const calls = script->calls();
  for (const auto& c : std::span(calls).subspan(opened)) {
    std::string const file = c.name.substr(0, 1) == "L" ? c.name.substr(c.name.size() - 5, 1) : "folder";
    if (c.what == call::append) told.push_back("append " + file);
    if (c.what == call::sync) told.push_back("sync " + file);
    if (c.what == call::sync_folder) told.push_back("sync folder");
  }
  CHECK(told == std::vector<std::string>{"append 1", "sync 1", "sync folder", "append 1", "append 1", "sync 1",
                                         "append 1", "sync 1", "append 2", "sync 2", "sync folder", "append 2",
                                         "append 2"});
}

TEST_CASE("a callback for sealed segments may use the store", "[durable_store]") {
  temporary_folder folder;
  store* there = nullptr;
  std::uint64_t shipped = 0;
  durable_options o;
  o.rotate_records = 2;
  o.on_segment_sealed = [&](const std::filesystem::path& p) {
    if (there == nullptr || shipped == 3) return;
    there->put("shipped", p.filename().string(), ++shipped);
  };
  store s = store::open(folder.path(), o);
  there = &s;
  for (std::uint64_t i = 0; i != 20; ++i) s.put("k", "v", i);
  there = nullptr;
  CHECK(shipped == 3);
  CHECK(s.version_of("shipped") == 3U);
}

TEST_CASE("lanes share the keys, and their number may change", "[durable_store]") {
  temporary_folder folder;
  durable_options o;
  o.lanes = 3;
  {
    store s = store::open(folder.path(), o);
    for (std::uint64_t i = 0; i != 60; ++i) s.put("key " + std::to_string(i), "old", 1);
    CHECK(s.stats().lanes == 3);
  }
  CHECK(folder.names("1.log").size() == 3);
  o.lanes = 1;
  {
    store s = store::open(folder.path(), o);
    CHECK(s.size() == 60);
    for (std::uint64_t i = 0; i != 30; ++i) s.put("key " + std::to_string(i), "new", 2);
    s.checkpoint();
  }
  o.lanes = 4;
  store s = store::open(folder.path(), o);
  CHECK(s.size() == 60);
  CHECK(s.recovery().covered_segments == 4);
  CHECK(s.recovery().segments == 0);
  CHECK(s.get("key 7") == "new");
  CHECK(s.get("key 47") == "old");
  for (std::uint64_t i = 0; i != 60; ++i) s.put("key " + std::to_string(i), "newest", 3);
  s.close();
  CHECK(store::open(folder.path()).get("key 47") == "newest");
}

// ---- Recovery.

TEST_CASE("a torn end is cut off and counted, whatever is left of it", "[durable_store]") {
  temporary_folder folder, killed;
  store s = store::open(folder.path(), without_sync());
  for (std::uint64_t i = 0; i != 5; ++i) s.put(std::string(1, static_cast<char>('a' + i)), "0123456789", 1);
  std::string const name = folder.names(".log").at(0);
  std::string const whole = bytes_of(folder / name);
  REQUIRE(whole.size() == 96 + 5 * record_bytes(10));
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    // Where something ends, and some places between.
    std::size_t const in_record = length < 96 ? length : (length - 96) % record_bytes(10);
    if (in_record > 1 && in_record != 64 && in_record % 17 != 0) continue;
    INFO("length " << length);
    write_bytes(killed / name, whole.substr(0, length));
    std::size_t const left = length < 96 ? 0 : (length - 96) / record_bytes(10);
    std::size_t const torn = length < 96 ? length : (length - 96) % record_bytes(10);
    {
      store after = store::open(killed.path());
      REQUIRE(after.size() == left);
      REQUIRE(after.recovery().torn_bytes == torn);
      REQUIRE(after.put("new", "v", 1).newest);
    }
    {
      store after = store::open(killed.path());
      REQUIRE(after.size() == left + 1);
      REQUIRE(after.recovery().torn_bytes == 0);
    }
    for (const auto& f : killed.names(".log")) std::filesystem::remove(killed / f);
  }
}

TEST_CASE("what a crash left of writes that nobody was promised is no damage, also if later ones are whole",
          "[durable_store]") {
  temporary_folder folder, crashed;
  store s = store::open(folder.path(), without_sync());
  s.put("a", "0123456789", 1);
  s.flush();
  for (char k : {'b', 'c', 'd'}) s.put(std::string(1, k), "0123456789", 1);
  std::string const name = folder.names(".log").at(0);
  std::string bytes = bytes_of(folder / name);
  // The page with c was not written.
  std::fill_n(bytes.begin() + 96 + 2 * static_cast<std::ptrdiff_t>(record_bytes(10)), record_bytes(10), '\0');
  write_bytes(crashed / name, bytes);
  {
    store after = store::open(crashed.path());
    CHECK(contents(after).size() == 2);
    CHECK(after.contains("b"));
    CHECK(after.recovery().torn_bytes == 2 * record_bytes(10));
    CHECK(after.recovery().torn_segments == 1);
  }
  // The same, but something behind it was written after it had been synced.
  s.flush();
  s.put("e", "0123456789", 1);
  bytes = bytes_of(folder / name);
  bytes[96 + 2 * record_bytes(10) + 70] ^= 1;
  for (const auto& f : crashed.names(".log")) std::filesystem::remove(crashed / f);
  write_bytes(crashed / name, bytes);
  std::error_code error;
  store after = store::open(crashed.path(), {}, error);
  CHECK(error == durable_errc::corrupt);
}

TEST_CASE("a damaged middle is refused with file, offset and reason, or skipped and reported", "[durable_store]") {
  temporary_folder folder;
  durable_options o;
  o.rotate_records = 5;
  {
    store s = store::open(folder.path(), o);
    for (std::uint64_t i = 0; i != 8; ++i) s.put(std::string(1, static_cast<char>('a' + i)), "0123456789", 1);
  }
  auto const names = folder.names(".log");
  REQUIRE(names.size() == 2);
  std::size_t const second = 96 + record_bytes(10);
  std::string name;
  std::size_t offset = 0, damage = 0, lost = 1;
  std::string reason;
  SECTION("a value in an older segment") {
    name = names[0];
    offset = second;
    damage = second + 70;
    reason = "key or value";
  }
  SECTION("a record's header in the last segment") {
    name = names[1];
    offset = second;
    damage = second + 30;
    reason = "header of a record";
  }
  SECTION("the seal of an older segment") {
    name = names[0];
    offset = 96 + 5 * record_bytes(10);
    damage = offset + 66;
    reason = "damaged";
    lost = 0;
  }
  SECTION("the header of a segment") {
    name = names[0];
    offset = 0;
    damage = 40;
    reason = "header of this segment";
    lost = 5;
  }
  SECTION("the header of the last segment") {
    name = names[1];
    offset = 0;
    damage = 33;
    reason = "header of this segment";
    lost = 3;
  }
  std::string bytes = bytes_of(folder / name);
  bytes[damage] = static_cast<char>(bytes[damage] ^ 0x10);
  write_bytes(folder / name, bytes);
  std::error_code error;
  {
    store refused = store::open(folder.path(), {}, error);
    CHECK(error == durable_errc::corrupt);
    std::string const text = refused.recovery().error;
    INFO(text);
    CHECK(text.find(name) != text.npos);
    CHECK(text.find("byte " + std::to_string(offset)) != text.npos);
    CHECK(text.find(reason) != text.npos);
    CHECK_FALSE(refused.is_open());
    CHECK(refused.size() == 0);
    refused.put("x", "y", 1, error);
    CHECK(error == durable_errc::closed);
  }
  CHECK_THROWS_AS(store::open(folder.path()), std::system_error);
  CHECK(bytes_of(folder / name) == bytes);  // nothing has been changed
  o = {};
  o.corruption = tandem::corruption::skip_and_report;
  for (int round = 0; round != 2; ++round) {
    store s = store::open(folder.path(), o);
    CHECK(s.size() == 8 - lost + (round == 0 ? 0 : 1));
    REQUIRE(s.recovery().damage.size() == 1);
    CHECK(s.recovery().damage[0].file.filename() == name);
    CHECK(s.recovery().damage[0].offset == offset);
    CHECK(s.recovery().skipped_bytes == s.recovery().damage[0].bytes);
    CHECK(s.recovery().skipped_bytes > 0);
    CHECK(s.recovery().torn_bytes == 0);
    s.put("new", "v", 1);
    CHECK(s.get("new") == "v");
  }
}

TEST_CASE("missing segments, those of another store, and shortened ones are refused", "[durable_store]") {
  temporary_folder folder, other;
  durable_options o;
  o.rotate_records = 2;
  for (temporary_folder* f : {&folder, &other}) {
    store s = store::open(f->path(), o);
    for (std::uint64_t i = 0; i != 6; ++i) s.put("k", "v", i);
  }
  auto const names = folder.names(".log");
  REQUIRE(names.size() == 3);
  durable_errc expected = durable_errc::corrupt;
  SECTION("the first is missing") { std::filesystem::remove(folder / names[0]); }
  SECTION("the second is missing") { std::filesystem::remove(folder / names[1]); }
  SECTION("of another store") {
    std::filesystem::copy_file(other / names[1], folder / names[1], std::filesystem::copy_options::overwrite_existing);
    expected = durable_errc::other_store;
  }
  SECTION("renamed") { std::filesystem::rename(folder / names[1], folder / "L1-00000000000000000001.log"); }
  SECTION("shortened") {
    std::filesystem::resize_file(folder / names[0], std::filesystem::file_size(folder / names[0]) - 1);
  }
  SECTION("empty") { std::filesystem::resize_file(folder / names[0], 0); }
  SECTION("another version") {
    std::string bytes = bytes_of(folder / names[1]);
    bytes[8] = 2;
    std::array<std::byte, 8> sum;
    tandem::detail::store_little(tandem::store::checksum(std::as_bytes(std::span(bytes.data(), 88))), sum.data());
    std::memcpy(bytes.data() + 88, sum.data(), 8);
    write_bytes(folder / names[1], bytes);
    expected = durable_errc::unsupported_version;
  }
  std::error_code error;
  store s = store::open(folder.path(), {}, error);
  CHECK(error == expected);
  CHECK(s.recovery().error.find("L") != std::string::npos);
}

TEST_CASE("a log of other types is refused", "[durable_store]") {
  temporary_folder folder;
  {
    store::open(folder.path()).put("k", "v", 1);
  }
  std::error_code error;
  auto s = tandem::durable_store<std::string, std::uint64_t>::open(folder.path(), {}, error);
  CHECK(error == durable_errc::wrong_types);
  CHECK(s.recovery().error.find("codec") != std::string::npos);
}

TEST_CASE("files that are none of the store's are left alone", "[durable_store]") {
  temporary_folder folder;
  for (const char* name : {"L0-1.log", "notes.txt", "L0-00000000000000000001.log.bak", "checkpoint-1.image",
                           "Lx-00000000000000000001.log"}) {
    write_bytes(folder / name, "hello");
  }
  {
    store::open(folder.path()).put("k", "v", 1);
  }
  CHECK(store::open(folder.path()).size() == 1);
  CHECK(bytes_of(folder / "L0-1.log") == "hello");
  CHECK(bytes_of(folder / "notes.txt") == "hello");
}

TEST_CASE("recovery tells how far it is, and what it has found", "[durable_store]") {
  temporary_folder folder;
  durable_options o = without_sync();
  o.rotate_records = 10;
  {
    store s = store::open(folder.path(), o);
    for (std::uint64_t i = 0; i != 95; ++i) s.put("k" + std::to_string(i % 7), "v", i);
  }
  std::vector<tandem::recovery_progress> told;
  o = {};
  o.recovery_threads = GENERATE(1U, 4U);
  o.on_progress = [&](const tandem::recovery_progress& p) { told.push_back(p); };
  store s = store::open(folder.path(), o);
  REQUIRE(told.size() >= 10);
  for (std::size_t i = 1; i != told.size(); ++i) {
    CHECK(told[i].bytes >= told[i - 1].bytes);
    CHECK(told[i].segments >= told[i - 1].segments);
  }
  CHECK(told.back().segments == 10);
  CHECK(told.back().segments_of == 10);
  CHECK(told.back().records == 95);
  CHECK(told.back().bytes == told.back().bytes_of);
  const tandem::recovery_report& r = s.recovery();
  CHECK(r.records == 95);
  CHECK(r.segments == 10);
  CHECK(r.bytes == told.back().bytes);
  CHECK(r.seconds > 0);
  CHECK(r.error.empty());
  CHECK(s.size() == 7);
}

// ---- Errors.

TEST_CASE("a failed sync is not tried again on the same file, and nothing is lost", "[durable_store]") {
  temporary_folder folder, copy;
  auto const script = std::make_shared<failing_files::script>();
  std::string failed;
  bool never_again = true;
  bool fails = false;
  durable_options o;
  o.sync = durability::every(hours(1));
  failing_store s = failing_store::open(folder.path(), o, failing_files(script));
  s.put("a", "1", 1);
  s.flush();
  s.put("b", "1", 1);
  auto const lost = s.put("n", "1", 1, durability::never()).ticket;
  auto const kept = s.put("c", "1", 1).ticket;
  script->before = [&](call what, const std::string& name) {
    if (what != call::sync) return std::error_code();
    if (name == failed) never_again = false;
    if (fails) failed = name;
    return std::exchange(fails, false) ? io_error() : std::error_code();
  };
  fails = true;
  s.wait_durable(kept);
  CHECK(failed == "L0-00000000000000000001.log");
  CHECK(s.last_error() == std::errc::io_error);
  CHECK_FALSE(s.read_only());
  CHECK(s.stats().log.failed_syncs == 1);
  CHECK(s.stats().log.renewals == 1);
  // Records of one piece of the queue are kept together.
  std::error_code error;
  s.wait_durable(lost, error);
  s.put("d", "1", 1);
  s.flush();
  CHECK(never_again);
  folder.copy_to(copy);
  // Whatever the system has made of the first file behind its last good sync.
  std::string bytes = bytes_of(copy / failed);
  std::fill(bytes.begin() + 96 + record_bytes(1), bytes.end(), 'x');
  write_bytes(copy / failed, bytes);
  failing_store after = failing_store::open(copy.path());
  CHECK(after.contains("a"));
  CHECK(after.contains("b"));
  CHECK(after.contains("c"));
  CHECK(after.contains("d"));
  CHECK(after.recovery().damage.empty());
}

TEST_CASE("when rewriting fails too the store is read-only, and says why", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  durable_options o;
  o.lanes = 2;
  o.sync = durability::never();
  failing_store s = failing_store::open(folder.path(), o, failing_files(script));
  std::vector<tandem::durable_ticket> tickets;
  for (std::uint64_t i = 0; i != 20; ++i) tickets.push_back(s.put("k" + std::to_string(i), "v", 1).ticket);
  s.flush();
  for (std::uint64_t i = 20; i != 40; ++i) {
    tickets.push_back(s.put("k" + std::to_string(i), "v", 1, durability::every(hours(1))).ticket);
  }
  bool const at_sync = GENERATE(true, false);
  script->before = [&](call what, const std::string&) {
    return what == (at_sync ? call::sync : call::append) ? io_error() : std::error_code();
  };
  std::error_code error;
  s.put("broken", "v", 1, durability::always(), error);
  CHECK(error == std::errc::io_error);
  CHECK(s.read_only());
  CHECK(s.last_error() == std::errc::io_error);
  CHECK(s.stats().read_only);
  CHECK(s.stats().last_error == io_error().message());
  // Of both lanes.
  for (std::size_t i = 0; i != 20; ++i) s.wait_durable(tickets[i]);
  for (std::size_t i = 20; i != 40; ++i) {
    s.wait_durable(tickets[i], error);
    CHECK(error == std::errc::io_error);
  }
  CHECK(s.get("k3") == "v");
  CHECK(s.get("k33") == "v");
  s.put("k3", "w", 2, error);
  CHECK(error == durable_errc::read_only);
  CHECK(s.get("k3") == "v");
  s.checkpoint(error);
  CHECK(error == durable_errc::read_only);
  script->before = nullptr;
  s.close(error);
  CHECK(error == std::errc::io_error);
  failing_store after = failing_store::open(folder.path());
  for (std::size_t i = 0; i != 20; ++i) CHECK(after.contains("k" + std::to_string(i)));
}

TEST_CASE("with on_durable what has failed is never seen, and may be put again", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  durable_options o;
  o.visibility = tandem::visibility::on_durable;
  failing_store s = failing_store::open(folder.path(), o, failing_files(script));
  s.put("k", "one", 1);
  script->set_room(30);
  std::error_code error;
  s.put("k", "two", 2, error);
  CHECK(error == std::errc::no_space_on_device);
  CHECK(s.get("k") == "one");
  script->set_room(1'000'000);
  CHECK(s.put("k", "two again", 2).newest);
  CHECK(s.get("k") == "two again");
}

TEST_CASE("a full disk fails what does not fit, and goes on when there is room", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  durable_options o;
  o.rotate_records = GENERATE(0U, 3U);
  std::map<std::string, std::string> acknowledged;
  {
    failing_store s = failing_store::open(folder.path(), o, failing_files(script));
    std::size_t failures = 0;
    for (std::uint64_t i = 0; i != 200; ++i) {
      if (i % 20 == 0) script->set_room(1000 + i);
      std::string const key = "key " + std::to_string(i);
      std::error_code error;
      s.put(key, std::string(50, 'v'), i, error);
      if (error) {
        REQUIRE(error == std::errc::no_space_on_device);
        ++failures;
      } else {
        acknowledged[key] = std::string(50, 'v');
      }
      REQUIRE(s.contains("key 0"));
      REQUIRE_FALSE(s.read_only());
    }
    CHECK(failures > 20);
    CHECK(acknowledged.size() > 40);
    CHECK(s.stats().log.failed_records == failures);
    script->set_room(1'000'000);
    s.flush();  // who waited has been told
    s.close();
  }
  failing_store after = failing_store::open(folder.path());
  CHECK(contents(after) == acknowledged);
  CHECK(after.recovery().torn_bytes == 0);
}

TEST_CASE("flush tells once of writes that failed and that nobody waited for", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  failing_store s = failing_store::open(folder.path(), without_sync(), failing_files(script));
  s.put("a", "1", 1);
  script->set_room(0);
  auto const ticket = s.put("b", "1", 1).ticket;
  std::error_code error;
  s.flush(error);
  CHECK(error == std::errc::no_space_on_device);
  s.flush(error);
  CHECK_FALSE(error);
  s.wait_durable(ticket, error);
  CHECK(error == std::errc::no_space_on_device);
}

TEST_CASE("of several writes that failed each is told of by itself, and flush says so until nobody is left",
          "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  failing_store s = failing_store::open(folder.path(), without_sync(), failing_files(script));
  s.put("before", "1", 1);
  script->set_room(0);
  std::vector<tandem::durable_ticket> tickets;
  for (std::uint64_t n = 0; n != 5; ++n) tickets.push_back(s.put("k" + std::to_string(n), "1", 1).ticket);
  std::error_code error;
  auto const wait_for = [&](std::size_t n) {
    s.wait_durable(tickets[n], error);
    CHECK(error == std::errc::no_space_on_device);
  };
  SECTION("the first one, again and again") {
    for (int n = 0; n != 6; ++n) wait_for(0);
    s.flush(error);
    CHECK(error == std::errc::no_space_on_device);
    s.flush(error);
    CHECK_FALSE(error);
    // Flush has told of all of them; and they have failed all the same.
    for (std::size_t n = 0; n != 5; ++n) wait_for(n);
  }
  SECTION("all but one, in some order") {
    std::size_t const left = GENERATE(0U, 2U, 4U);
    for (std::size_t n : {3U, 1U, 4U, 0U, 2U, 1U}) {
      if (n != left) wait_for(n);
    }
    s.flush(error);
    CHECK(error == std::errc::no_space_on_device);
  }
  SECTION("all of them, and then nobody is left") {
    for (std::size_t n : {3U, 1U, 4U, 0U, 2U, 2U}) wait_for(n);
    s.flush(error);
    CHECK_FALSE(error);
  }
  SECTION("close says so, too") {
    for (int n = 0; n != 6; ++n) wait_for(4);
    s.close(error);
    CHECK(error == std::errc::no_space_on_device);
  }
}

TEST_CASE("a write that fails otherwise goes to a new segment", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  bool const cannot_cut = GENERATE(false, true);
  failing_store s = failing_store::open(folder.path(), {}, failing_files(script));
  s.put("a", "1", 1);
  bool fails = true;
  script->before = [&](call what, const std::string&) {
    if (what == call::append && std::exchange(fails, false)) return io_error();
    return what == call::truncate && cannot_cut ? io_error() : std::error_code();
  };
  s.put("b", "1", 1);
  CHECK(folder.names(".log").size() == 2);
  CHECK(s.last_error() == std::errc::io_error);
  s.close();
  CHECK(failing_store::open(folder.path()).size() == 2);
}

TEST_CASE("a full disk on which nothing can be cut off loses nothing", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  failing_store s = failing_store::open(folder.path(), {}, failing_files(script));
  s.put("a", "1", 1);
  script->before = [&](call what, const std::string&) {
    return what == call::truncate ? io_error() : std::error_code();
  };
  script->set_room(40);
  std::error_code error;
  s.put("b", "1", 1, error);
  CHECK(error == std::errc::no_space_on_device);
  s.put("b", "1", 1, error);
  CHECK(error == std::errc::no_space_on_device);
  script->set_room(100'000);
  s.put("c", "1", 1);
  s.close();
  failing_store after = failing_store::open(folder.path());
  CHECK(contents(after).size() == 2);
  CHECK(after.contains("c"));
}

TEST_CASE("errors of closing files are reported", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  failing_store s = failing_store::open(folder.path(), {}, failing_files(script));
  s.put("a", "1", 1);
  script->before = [&](call what, const std::string&) { return what == call::close ? io_error() : std::error_code(); };
  std::error_code error;
  s.close(error);
  CHECK(error == std::errc::io_error);
  s.close(error);
  CHECK_FALSE(error);
}

TEST_CASE("open reports what the file system says", "[durable_store]") {
  temporary_folder folder;
  {
    failing_store::open(folder.path()).put("a", "1", 1, durability::never());
  }
  for (call which : {call::open, call::read}) {
    auto const script = std::make_shared<failing_files::script>();
    script->before = [&](call what, const std::string&) { return what == which ? io_error() : std::error_code(); };
    std::error_code error;
    failing_store s = failing_store::open(folder.path(), {}, error, failing_files(script));
    CHECK(error == std::errc::io_error);
    CHECK(s.recovery().error.find("L0-") != std::string::npos);
  }
  write_bytes(folder / "file", "");
  std::error_code error;
  store s = store::open(folder / "file", {}, error);
  CHECK(error);
  CHECK_FALSE(s.recovery().error.empty());
}

TEST_CASE("one at a time has a folder open, and the other is told who", "[durable_store]") {
  temporary_folder folder;
  store s = store::open(folder.path());
  std::error_code error;
  durable_options o;
  store second = store::open(folder.path(), o, error);
  CHECK(error == durable_errc::locked);
  CHECK(second.recovery().error.find(std::to_string(::getpid())) != std::string::npos);
  CHECK(second.recovery().error.find(folder.path().string()) != std::string::npos);

  o.lock_timeout = milliseconds(30);
  auto const start = std::chrono::steady_clock::now();
  second = store::open(folder.path(), o, error);
  CHECK(error == durable_errc::locked);
  CHECK(std::chrono::steady_clock::now() - start >= milliseconds(30));

  o.lock_timeout = std::chrono::minutes(5);
  bool opened = false;
  std::latch waiting(1);
  run_together(
      [&] {
        waiting.count_down();
        opened = store::open(folder.path(), o).is_open();
      },
      [&] {
        waiting.wait();
        s.close();
      });
  CHECK(opened);
}

TEST_CASE("times that are longer than clocks can tell are for ever", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  durable_options o;
  o.rotate_age = milliseconds::max();
  o.lock_timeout = milliseconds::max();
  std::optional<failing_store> s(failing_store::open(folder.path(), o, failing_files(script)));
  std::size_t const before = script->count(call::sync);
  s->put("a", "1", 1, durability::every(milliseconds::max()));
  s->put("b", "1", 1, durability::every(milliseconds::max() / 2));
  std::size_t const made = script->count(call::sync);
  // This one is synced by the same thread, which then has had a look at the others.
  s->put("a", "2", 2, durability::never());
  auto const ticket = s->put("c", "1", 1, durability::every(milliseconds(1))).ticket;
  auto const end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (script->count(call::sync) == made && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  s->wait_durable(ticket);
  CHECK(script->count(call::sync) == made + 1);
  CHECK(made <= before + 1);  // that of the new file's header
  CHECK(s->stats().log.rotations == 0);

  // The folder is waited for until it is free.
  bool is_free = false;
  auto const found = run_threads(2, [&](std::size_t i) {
    if (i == 0) {
      std::this_thread::sleep_for(milliseconds(20));
      is_free = true;
      s.reset();
      return std::string();
    }
    auto const second = store::open(folder.path(), o);
    return second.get("a").value_or("");
  });
  CHECK(is_free);
  CHECK(found[1] == "2");
}

TEST_CASE("what is longer than allowed is refused", "[durable_store]") {
  temporary_folder folder;
  durable_options o;
  o.longest_key = 10;
  o.longest_value = 100;
  store s = store::open(folder.path(), o);
  std::error_code error;
  s.put("12345678901", "v", 1, error);
  CHECK(error == durable_errc::too_large);
  s.put("k", std::string(101, 'x'), 1, error);
  CHECK(error == durable_errc::too_large);
  CHECK(s.size() == 0);
  CHECK(s.put("1234567890", std::string(100, 'x'), 1).newest);
}

TEST_CASE("after close memory can be read, and nothing written", "[durable_store]") {
  temporary_folder folder;
  store s = store::open(folder.path());
  CHECK(s.is_open());
  s.put("k", "v", 1);
  store moved = std::move(s);
  CHECK_FALSE(s.is_open());
  moved.close();
  moved.close();
  CHECK_FALSE(moved.is_open());
  CHECK(moved.get("k") == "v");
  std::error_code error;
  moved.put("k", "w", 2, error);
  CHECK(error == durable_errc::closed);
  CHECK_THROWS_AS(moved.erase("k", 2), std::system_error);
  moved.checkpoint(error);
  CHECK(error == durable_errc::closed);
  moved.flush();
  CHECK(moved.get("k") == "v");
  moved = store::open(folder.path());
  CHECK(moved.put("k", "w", 2).newest);
}

// ---- Checkpoints.

TEST_CASE("a checkpoint stands for the segments before it", "[durable_store]") {
  temporary_folder folder;
  bool const removes = GENERATE(false, true);
  durable_options o;
  o.rotate_records = 7;
  if (removes) o.retention = tandem::retention::remove_covered;
  {
    store s = store::open(folder.path(), o);
    s.checkpoint();  // of nothing
    for (std::uint64_t i = 0; i != 40; ++i) s.put("k" + std::to_string(i % 5), "v" + std::to_string(i), i);
    s.put("tie", "first", 7);
    s.erase("k4", 100);
    s.checkpoint();
    CHECK(s.stats().checkpoints == 2);
    CHECK(folder.names(".log").size() == (removes ? 0 : 6));
    CHECK(folder.names(".image").size() == 1);
    s.put("tie", "second", 7);
    s.put("k0", "after", 200);
  }
  CHECK(folder.names(".log").size() == (removes ? 1 : 7));
  for (int round = 0; round != 3; ++round) {
    store s = store::open(folder.path(), o);
    CHECK(s.recovery().checkpoint == 2);
    CHECK(s.recovery().checkpoint_records == 6);
    CHECK(s.recovery().covered_segments == (removes ? 0 : 6));
    CHECK(s.recovery().segments == 1);
    CHECK(s.get("tie") == "first");
    CHECK(s.get("k0") == "after");
    CHECK(s.get("k3") == "v38");
    CHECK_FALSE(s.contains("k4"));
    CHECK_FALSE(s.put("k4", "late", 99).newest);
    CHECK_FALSE(s.put("tie", "third", 7).newest);
    s.close();
    // Without what was just written.
    auto const names = folder.names(".log");
    std::filesystem::remove(folder / names.back());
  }
}

TEST_CASE("a checkpoint that fails leaves the one before, and a broken one is damage", "[durable_store]") {
  temporary_folder folder;
  auto const script = std::make_shared<failing_files::script>();
  {
    failing_store s = failing_store::open(folder.path(), {}, failing_files(script));
    s.put("a", "1", 1);
    s.checkpoint();
    s.put("b", "1", 1);
    for (call which : {call::rename, call::append, call::sync}) {
      script->before = [&](call what, const std::string& name) {
        return what == which && name.find(".tmp") != name.npos ? io_error() : std::error_code();
      };
      std::error_code error;
      s.checkpoint(error);
      CHECK(error == std::errc::io_error);
      CHECK(folder.names(".image").size() == 1);
      CHECK(folder.names(".tmp").empty());
      CHECK_FALSE(s.read_only());
    }
    script->before = nullptr;
    s.put("c", "1", 1);
  }
  write_bytes(folder / "checkpoint-00000000000000000009.image.tmp", "half");
  {
    failing_store s = failing_store::open(folder.path());
    CHECK(s.size() == 3);
    CHECK(s.recovery().checkpoint == 1);
    CHECK(folder.names(".tmp").empty());
  }
  std::string const name = folder.names(".image").at(0);
  std::string bytes = bytes_of(folder / name);
  std::size_t const at = GENERATE(20U, 120U, 240U, 300U);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  write_bytes(folder / name, bytes);
  std::error_code error;
  failing_store refused = failing_store::open(folder.path(), {}, error);
  CHECK(error == durable_errc::corrupt);
  CHECK(refused.recovery().error.find(name) != std::string::npos);
  durable_options o;
  o.corruption = tandem::corruption::skip_and_report;
  failing_store s = failing_store::open(folder.path(), o);
  CHECK(s.size() == 3);  // from the segments that it covers
  CHECK_FALSE(s.recovery().damage.empty());
}

TEST_CASE("compaction keeps the log short, if it is asked for", "[durable_store]") {
  temporary_folder folder;
  durable_options o = without_sync();
  o.retention = tandem::retention::remove_covered;
  o.compact_bytes = 20'000;
  store s = store::open(folder.path(), o);
  for (std::uint64_t i = 0; s.stats().checkpoints < 3; ++i) {
    s.put("k" + std::to_string(i % 3), std::string(100, 'v'), i);
  }
  s.close();
  CHECK(folder.names(".image").size() == 1);
  store after = store::open(folder.path());
  CHECK(after.size() == 3);
}

TEST_CASE("compaction begins by itself with a log that is long enough when it is opened", "[durable_store]") {
  temporary_folder folder;
  durable_options o = without_sync();
  o.retention = tandem::retention::remove_covered;
  {
    store s = store::open(folder.path(), o);
    for (std::uint64_t i = 0; i != 300; ++i) s.put("k" + std::to_string(i % 3), std::string(100, 'v'), i);
  }
  o.compact_bytes = 20'000;
  store s = store::open(folder.path(), o);
  auto const end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (s.stats().checkpoints == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  CHECK(s.stats().checkpoints == 1);
  // And then again, whenever it is.
  for (std::uint64_t i = 300; s.stats().checkpoints < 3 && std::chrono::steady_clock::now() < end; ++i) {
    s.put("k" + std::to_string(i % 3), std::string(100, 'v'), i);
  }
  CHECK(s.stats().checkpoints >= 3);
}

// ---- Figures.

TEST_CASE("what a store tells about itself is JSON, and Prometheus' text", "[durable_store]") {
  temporary_folder folder;
  store s = store::open(folder.path());
  for (std::uint64_t i = 0; i != 3; ++i) s.put("k", "v", i);
  std::string const json = to_json(s.stats());
  CHECK(json.find("\"db_type\":\"tandem::durable_store\"") != json.npos);
  CHECK(json.find("\"records\":3,") != json.npos);
  CHECK(json.find("\"sync_seconds\":{\"count\":3,") != json.npos);
  CHECK(json.front() == '{');
  CHECK(json.back() == '}');
  std::string const text = to_prometheus(s.stats(), "log", {{"node", "a\"b"}});
  CHECK(text.find("# TYPE log_records_total counter\nlog_records_total{node=\"a\\\"b\"} 3\n") != text.npos);
  CHECK(text.find("log_sync_seconds_bucket{node=\"a\\\"b\",le=\"+Inf\"} 3\n") != text.npos);
  CHECK(text.find("log_sync_seconds_count{node=\"a\\\"b\"} 3\n") != text.npos);
  CHECK(text.back() == '\n');
  tandem::durable_store_info i;
  i.last_error = "a \"quote\"\n";
  CHECK(to_json(i).find("\"last_error\":\"a \\\"quote\\\"\\u000a\"") != std::string::npos);
}
