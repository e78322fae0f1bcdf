// durable_store beside a std::map: whatever is put, erased, flushed, checkpointed and opened again, ties included.
#include <tandem/durable_store.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>

namespace {

using namespace tandem::test;
using tandem::durability;
using tandem::durable_options;

struct tiny : tandem::durable_store_options {
  static constexpr std::size_t slots = 2;
};
using store = tandem::durable_store<std::string, std::string, tiny>;

// What a store is to hold: for each key its newest version, and the value, if it is not erased.
class model {
 public:
  bool write(const std::string& key, std::optional<std::string> value, std::uint64_t version) {
    ++records_;
    auto const [at, is_new] = entries_.try_emplace(key, entry{version, value});
    if (is_new) return true;
    if (at->second.version >= version) return false;
    at->second = {version, std::move(value)};
    return true;
  }
  std::map<std::string, std::pair<std::string, std::uint64_t>> live() const {
    std::map<std::string, std::pair<std::string, std::uint64_t>> all;
    for (const auto& [k, e] : entries_) {
      if (e.value) all.emplace(k, std::pair(*e.value, e.version));
    }
    return all;
  }
  std::size_t tombstones() const { return entries_.size() - live().size(); }
  std::uint64_t records() const { return records_; }

 private:
  struct entry {
    std::uint64_t version;
    std::optional<std::string> value;
  };
  std::map<std::string, entry> entries_;
  std::uint64_t records_ = 0;
};

void require_same(const store& s, const model& m) {
  std::map<std::string, std::pair<std::string, std::uint64_t>> found;
  s.for_each([&](const std::string& k, const std::string& v) { found.emplace(k, std::pair(v, *s.version_of(k))); });
  REQUIRE(found == m.live());
  REQUIRE(s.size() == found.size());
  REQUIRE(s.stats().tombstones == m.tombstones());
  for (const auto& [k, v] : found) REQUIRE(s.get(k) == v.first);
}

durable_options random_options(std::mt19937& random) {
  durable_options o;
  o.shards = std::size_t{1} << random() % 3;
  o.lanes = 1 + random() % 3;
  durability const modes[] = {durability::always(), durability::never(),
                              durability::every(std::chrono::milliseconds(2))};
  o.sync = modes[random() % 3];
  o.rotate_records = random() % 2 == 0 ? 0 : 1 + random() % 20;
  o.rotate_bytes = random() % 2 == 0 ? 0 : 500 + random() % 5000;
  o.recovery_threads = random() % 4;
  o.queue_bytes = random() % 3 == 0 ? 300 : std::size_t{1} << 20;
  if (random() % 3 == 0) o.retention = tandem::retention::remove_covered;
  return o;
}

}  // namespace

TEST_CASE("a store holds what the model does, however often it is opened", "[durable_store]") {
  std::size_t ties = 0, reopened = 0, checkpoints = 0, late = 0, kills = 0;
  for (std::uint32_t seed = 1; seed != 25; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    auto const folder = std::make_unique<temporary_folder>();
    model m;
    bool removed = false;
    std::uint64_t clock = 10;
    for (int run = 0; run != 5; ++run) {
      durable_options const o = random_options(random);
      store s = store::open(folder->path(), o);
      require_same(s, m);
      if (!removed && s.recovery().covered_segments == 0 && s.recovery().checkpoint == 0) {
        REQUIRE(s.recovery().records == m.records());
      }
      for (int step = 0; step != 60; ++step) {
        std::string const key = "key " + std::to_string(random() % 12);
        clock += random() % 3;
        std::uint64_t const version = clock - random() % 6;
        switch (random() % 12) {
          case 0:
            REQUIRE(s.erase(key, version).newest == m.write(key, std::nullopt, version));
            break;
          case 1:
            s.flush();
            break;
          case 2:
            if (random() % 6 == 0) {
              s.checkpoint();
              removed = removed || o.retention == tandem::retention::remove_covered;
              ++checkpoints;
            }
            break;
          default: {
            std::string const value =
                std::to_string(step) + std::string(random() % 10 == 0 ? 5000 : random() % 40, 'v');
            bool const newest = m.write(key, value, version);
            if (s.version_of(key) == version) ++ties;
            if (!newest) ++late;
            auto const r =
                random() % 4 == 0 ? s.put(key, value, version, durability::always()) : s.put(key, value, version);
            REQUIRE(r.newest == newest);
            if (random() % 5 == 0) s.wait_durable(r.ticket);
          }
        }
      }
      require_same(s, m);
      // Killed: what is in the files is what was put, as nobody else writes; or there is a thread that syncs, which what came
      // meanwhile waits for.
      if (random() % 2 == 0) {
        if (!o.sync.is_always() && !o.sync.is_never()) s.flush();
        temporary_folder copy;
        folder->copy_to(copy);
        require_same(store::open(copy.path(), random_options(random)), m);
        ++kills;
      }
      ++reopened;
    }
  }
  CHECK(ties > 50);
  CHECK(late > 200);
  CHECK(reopened == 120);
  CHECK(checkpoints > 20);
  CHECK(kills > 30);
}

TEST_CASE("with on_durable a store holds what the model does after each flush", "[durable_store]") {
  std::size_t hidden = 0;
  for (std::uint32_t seed = 1; seed != 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    temporary_folder folder;
    model m;
    for (int run = 0; run != 3; ++run) {
      durable_options o = random_options(random);
      o.visibility = tandem::visibility::on_durable;
      store s = store::open(folder.path(), o);
      for (int step = 0; step != 100; ++step) {
        std::string const key = "key " + std::to_string(random() % 6);
        std::uint64_t const version = random() % 30;
        if (random() % 5 == 0) {
          REQUIRE(s.erase(key, version).newest == m.write(key, std::nullopt, version));
        } else {
          std::string const value = std::to_string(step);
          REQUIRE(s.put(key, value, version).newest == m.write(key, value, version));
        }
        if (s.size() != m.live().size()) ++hidden;
        if (random() % 10 == 0) {
          s.flush();
          require_same(s, m);
        }
      }
      s.close();
      require_same(s, m);
    }
  }
  CHECK(hidden > 50);
}
