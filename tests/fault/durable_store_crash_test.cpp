// durable_store after a crash: scripts on simulated files, a crash after every step of them, every way in which it may end;
// each is recovered, and must have what was acknowledged, nothing that was not written, of each key the newest, of equal
// versions the first, and of each lane a first part of its writes (support/durable_history.hpp). What was recovered is
// recovered again, also after a crash of the recovery, and takes writes.
#include "support/catch.hpp"
#include "support/durable_history.hpp"
#include "support/durable_scripts.hpp"
#include "support/simulated_files.hpp"

#include <tandem/durable_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::durability;

struct counts {
  std::size_t scripts = 0;
  std::size_t states = 0;
  std::size_t recovered = 0;  // of them, that were not the same
  std::size_t again = 0;      // crashes of recoveries
  std::size_t torn_writes = 0;
  std::size_t lost_names = 0;
  std::size_t holes = 0;
  std::size_t sampled = 0;
  std::size_t torn_tails = 0;  // that recovery has cut off
  std::size_t shorter = 0;     // something written was not there
  std::size_t longer = 0;      // something was there that nobody was promised
  std::size_t by_checkpoint = 0;
  std::size_t killed = 0;  // processes, before the crash

  void tell() const {
    WARN(scripts << " scripts, " << states << " crash states, " << recovered << " different ones recovered, " << again
                 << " crashes of recovery");
  }
};

class crash_checker {
 public:
  crash_checker(const simulated_files& files, const durable_history& history, const tandem::durable_options& how,
                std::string name, const durable_history::lane_function& lane_of, counts& seen)
      : files_(files), history_(history), how_(how), name_(std::move(name)), lane_of_(lane_of), seen_(seen) {}

  // `deep`: of so many different states also a second recovery, crashes of the first, and writes.
  void check(const crash_options& how, std::size_t deep) {
    ++seen_.scripts;
    deep_ = deep;
    files_.for_each_crash(how, [&](const crash_state& c) {
      ++seen_.states;
      seen_.torn_writes += c.torn;
      seen_.lost_names += c.lost_names;
      seen_.holes += c.holes;
      seen_.sampled += c.all_ways ? 0U : 1U;
      if (complaint_.empty()) check(c);
    });
    INFO(name_ << ": " << complaint_);
    CHECK(complaint_.empty());
  }

 private:
  struct recovered {
    durable_picture picture;
    tandem::recovery_report report;
  };

  void check(const crash_state& c) {
    auto const [at, is_new] = known_.try_emplace(hash_of(c.image));
    recovered& r = at->second;
    simulated_files const left(c.image);
    if (is_new) {
      ++seen_.recovered;
      std::error_code error;
      auto const s = open_store(left, how_, error);
      if (error) return complain(c, "cannot be opened: " + error.message() + ": " + s.recovery().error);
      r = {picture_of(s), s.recovery()};
      seen_.torn_tails += r.report.torn_bytes != 0 ? 1U : 0U;
      seen_.by_checkpoint += r.report.checkpoint != 0 ? 1U : 0U;
      if (!r.report.damage.empty()) return complain(c, "damage is reported: " + r.report.damage[0].reason);
    }
    std::size_t const lanes = how_.lanes;
    auto const lengths = history_.check(r.picture, c.after, lanes, lane_of_);
    if (lengths.empty()) {
      std::string const keys = history_.check_keys(r.picture, c.after);
      return complain(c, (keys.empty() ? "there is a hole" : keys) + ". Found:" + to_string(r.picture));
    }
    // Every record is in the log, newest or not; with a checkpoint, those that it has are not read twice.
    if (r.report.checkpoint == 0 && !lengths.contains(static_cast<std::size_t>(r.report.records))) {
      return complain(c, std::to_string(r.report.records) + " records");
    }
    std::size_t written = 0, promised = 0;
    for (durable_write const& w : history_.writes) {
      written += w.begun <= c.after ? 1U : 0U;
      promised += w.acknowledged <= c.after ? 1U : 0U;
    }
    seen_.shorter += *lengths.rbegin() < written ? 1U : 0U;
    seen_.longer += *lengths.begin() > promised ? 1U : 0U;
    if (is_new && deep_ != 0) {
      --deep_;
      check_further(c, left, r, lengths);
    }
  }

  void check_further(const crash_state& c, const simulated_files& left, const recovered& r,
                     const std::set<std::size_t>& lengths) {
    // The first recovery has been closed by now; a crash anywhere in it changes nothing.
    std::error_code error;
    left.for_each_crash({.at_most = 50}, [&](const crash_state& second) {
      if (!complaint_.empty()) return;
      ++seen_.again;
      auto const s = open_store(simulated_files(second.image), how_, error);
      if (error) return complain(c, "cannot be opened after a crash of recovery: " + error.message());
      if (picture_of(s) != r.picture) {
        complain(c, "after a crash of recovery there is something else:" + to_string(picture_of(s)));
      }
    });
    if (!complaint_.empty()) return;

    std::map<std::string, std::uint64_t> versions;
    {
      auto s = open_store(left, how_, error);
      if (error) return complain(c, "cannot be opened again: " + error.message());
      if (picture_of(s) != r.picture) return complain(c, "a second recovery gives something else");
      if (s.recovery().torn_bytes != 0) return complain(c, "a second recovery finds torn bytes");
      if (s.recovery().records != r.report.records) return complain(c, "a second recovery finds other records");

      // What is as old as what is known does not win, erased or not.
      if (how_.lanes == 1 && lengths.size() == 1) {
        std::map<std::string, std::uint64_t> highest;
        for (std::size_t i = 0; i != *lengths.begin(); ++i) {
          durable_write const& w = history_.writes[i];
          highest[w.key] = std::max(highest[w.key], w.version);
        }
        for (auto const& [key, version] : highest) {
          if (s.put(key, "late", version).newest) return complain(c, key + " takes what is not newer");
        }
        if (picture_of(s) != r.picture) return complain(c, "what is not newer has changed something");
      }
      for (const char* key : {"a", "b", "z"}) {
        std::uint64_t const version = history_.highest(key) + 10;
        versions[key] = version;
        if (!s.put(key, "new", version).newest) return complain(c, "what is newer does not win");
      }
      s.flush();
    }
    durable_picture expected = r.picture;
    for (auto const& [key, version] : versions) expected[key] = {version, "new"};
    left.for_each_crash({.from = left.steps(), .at_most = 20}, [&](const crash_state& last) {
      auto const s = open_store(simulated_files(last.image), how_, error);
      if (error || picture_of(s) != expected) complain(c, "what was written after it is not there");
    });
  }

  void complain(const crash_state& c, const std::string& what) {
    if (!complaint_.empty()) return;
    complaint_ = "after step " + std::to_string(c.after) + ", " + std::to_string(c.torn) + " torn, " +
                 std::to_string(c.lost) + " lost, " + std::to_string(c.lost_names) + " names lost: " + what +
                 ". Files:";
    for (auto const& [path, bytes] : c.image) {
      if (bytes) complaint_ += ' ' + path + '(' + std::to_string(bytes->size()) + ')';
    }
  }

  const simulated_files& files_;
  const durable_history& history_;
  const tandem::durable_options& how_;
  std::string name_;
  const durable_history::lane_function& lane_of_;
  counts& seen_;
  std::size_t deep_ = 0;
  std::string complaint_;
  std::unordered_map<std::uint64_t, recovered> known_;
};

std::string letters_of(std::size_t n, std::string_view alphabet, std::size_t length) {
  std::string letters;
  for (std::size_t i = 0; i != length; ++i, n /= alphabet.size()) letters += alphabet[n % alphabet.size()];
  return letters;
}

// All scripts of these letters, of this length.
counts check_all(std::string_view alphabet, std::size_t length, const tandem::durable_options& how,
                 std::size_t deep = 3) {
  counts seen;
  auto const lane_of = lanes_of(how.lanes);
  std::size_t all = 1;
  for (std::size_t i = 0; i != length; ++i) all *= alphabet.size();
  for (std::size_t n = 0; n < all; n += one_of) {
    durable_script script(how);
    std::string const letters = letters_of(n, alphabet, length);
    script.run(letters);
    crash_checker(script.files, script.history, how, letters, lane_of, seen).check({.at_most = 200}, deep);
  }
  seen.tell();
  CHECK(seen.scripts == (all + one_of - 1) / one_of);
  return seen;
}

// All scripts, killed after each step of them, recovered by the next process, which writes something; and then a crash.
counts check_killed(std::string_view alphabet, std::size_t length, const tandem::durable_options& how) {
  counts seen;
  auto const lane_of = lanes_of(1);
  std::size_t all = 1;
  for (std::size_t i = 0; i != length; ++i) all *= alphabet.size();
  for (std::size_t n = 0; n < all; n += one_of) {
    durable_script script(how);
    std::string const letters = letters_of(n, alphabet, length);
    script.run(letters);
    for (std::size_t k = 0; k <= script.files.steps(); ++k) {
      simulated_files const files = script.files.killed(k);
      durable_history history = script.history;
      std::error_code error;
      {
        auto s = open_store(files, how, error);
        INFO(letters << ", killed after step " << k << ": " << s.recovery().error);
        REQUIRE_FALSE(error);
        auto const lengths = history.check(picture_of(s), k, 1, lane_of);
        REQUIRE_FALSE(lengths.empty());
        // What the next process has found is there from now on.
        history.writes.resize(*lengths.rbegin());
        for (durable_write& w : history.writes) {
          if (w.acknowledged > k) w.acknowledged = durable_write::not_yet;
        }
        history.acknowledge_all(files.steps());
        history.writes.push_back({.key = "b", .version = 1000, .value = "new", .begun = files.steps()});
        s.put("b", "new", 1000, durability::always());
        history.acknowledge_all(files.steps());
      }
      ++seen.killed;
      std::string const name = letters + ", killed after step " + std::to_string(k);
      crash_checker(files, history, how, name, lane_of, seen).check({.from = k, .at_most = 30}, 0);
    }
  }
  seen.tell();
  return seen;
}

counts check_random(std::string_view alphabet, std::size_t length, std::size_t scripts,
                    const tandem::durable_options& how, const crash_options& where) {
  counts seen;
  auto const lane_of = lanes_of(how.lanes);
  for (std::uint32_t seed = 1; seed <= scripts; seed += one_of) {
    std::mt19937 random(seed);
    std::string letters;
    for (std::size_t i = 0; i != length; ++i) letters += alphabet[random() % alphabet.size()];
    durable_script script(how);
    script.run(letters);
    crash_options place = where;
    place.seed = seed;
    crash_checker(script.files, script.history, how, "seed " + std::to_string(seed) + ", " + letters, lane_of, seen)
        .check(place, 5);
  }
  seen.tell();
  return seen;
}

}  // namespace

TEST_CASE("after a crash: short scripts, each write synced", "[durable_store][crash]") {
  counts const seen = check_all("atoAbkr", 3, small_store());
  CHECK(seen.torn_tails > 0);
  CHECK(seen.lost_names > 0);
  CHECK(seen.by_checkpoint > 0);
  CHECK(seen.longer > 0);
  CHECK(seen.sampled == 0);
}

TEST_CASE("after a crash: short scripts, nothing synced that was not asked for", "[durable_store][crash]") {
  counts const seen = check_all("atAbfk", 3, small_store(1, durability::never()));
  CHECK(seen.torn_tails > 0);
  CHECK(seen.torn_writes > 0);
  CHECK(seen.holes > 0);
  CHECK(seen.shorter > 0);
  CHECK(seen.longer > 0);
}

TEST_CASE("after a crash: short scripts in segments of two records", "[durable_store][crash]") {
  auto how = small_store();
  how.rotate_records = 2;
  CHECK(check_all("atbk", 4, how).lost_names > 0);
}

TEST_CASE("after a crash: short scripts in segments of two records, not synced", "[durable_store][crash]") {
  auto how = small_store(1, durability::never());
  how.rotate_records = 2;
  CHECK(check_all("atbd", 4, how).shorter > 0);
}

TEST_CASE("after a crash: short scripts in two lanes", "[durable_store][crash]") {
  auto how = small_store(2);
  auto const lane_of = lanes_of(2);
  // Keys of both.
  REQUIRE(std::set<std::size_t>{lane_of("a"), lane_of("b"), lane_of("c")} == std::set<std::size_t>{0, 1});
  how.rotate_records = 1;
  CHECK(check_all("abck", 3, how).lost_names > 0);
  how.sync = durability::never();
  CHECK(check_all("abcf", 3, how).shorter > 0);
}

TEST_CASE("after a crash: checkpoints whose segments are removed", "[durable_store][crash]") {
  auto how = small_store();
  how.retention = tandem::retention::remove_covered;
  how.rotate_records = 2;
  counts seen = check_all("aAkr", 4, how);
  CHECK(seen.by_checkpoint > 0);
  CHECK(seen.lost_names > 0);
  how = small_store(2, durability::never());
  how.retention = tandem::retention::remove_covered;
  CHECK(check_all("abck", 3, how).by_checkpoint > 0);
}

TEST_CASE("after a crash, after the process was killed and the next has recovered", "[durable_store][crash]") {
  auto how = small_store();
  how.rotate_records = 2;
  how.retention = tandem::retention::remove_covered;
  CHECK(check_killed("abk", 3, how).killed > 500 / one_of);
  how.sync = durability::never();
  counts const seen = check_killed("ak", 4, how);
  CHECK(seen.by_checkpoint > 0);
  CHECK(seen.lost_names > 0);
}

TEST_CASE("after a crash: a folder that the store has made, and those above it", "[durable_store][crash]") {
  simulated_files const files;
  auto const how = small_store();
  std::error_code error;
  std::size_t promised = 0;
  {
    auto s = simulated_store::open("/a/b/c", how, error, files);
    REQUIRE_FALSE(error);
    s.put("k", "v", 1);
    promised = files.steps();
  }
  std::size_t states = 0, before = 0, after = 0;
  std::string wrong;
  auto const check = [&](const crash_state& c) {
    ++states;
    auto const s = simulated_store::open("/a/b/c", how, error, simulated_files(c.image));
    (s.contains("k") ? after : before) += 1;
    if (error) wrong = "after step " + std::to_string(c.after) + ": " + s.recovery().error;
    if (c.after >= promised && !s.contains("k")) wrong = "lost after step " + std::to_string(c.after);
  };
  files.for_each_crash({}, check);
  CHECK(wrong == "");
  CHECK(before > 10);
  CHECK(after > 0);

  // The first to open it is killed as soon as it has made it.
  for (std::size_t k = 0; k <= files.steps(); ++k) {
    INFO("killed after step " << k);
    simulated_files const next = files.killed(k);
    {
      auto s = simulated_store::open("/a/b/c", how, error, next);
      REQUIRE_FALSE(error);
      s.put("k", "w", 2);
    }
    promised = next.steps();
    next.for_each_crash({.from = promised}, check);
    CHECK(wrong == "");
  }
}

TEST_CASE("after a crash: long scripts at random", "[durable_store][crash]") {
  auto how = small_store(2, durability::never());
  how.rotate_bytes = 3000;
  how.retention = tandem::retention::remove_covered;
  counts const seen = check_random("aaabbcctoABTfkrds", 60, 15, how, {.at_most = 8});
  CHECK(seen.sampled > 0);
  CHECK(seen.holes > 0);
  CHECK(seen.torn_tails > 0);
  CHECK(seen.by_checkpoint > 0);
  CHECK(seen.shorter > 0);
}

TEST_CASE("after a crash: long scripts at random, each write synced", "[durable_store][crash]") {
  auto how = small_store(2);
  how.rotate_records = 3;
  CHECK(check_random("aaabbcctoABTkrd", 40, 15, how, {.at_most = 8}).lost_names > 0);
}
