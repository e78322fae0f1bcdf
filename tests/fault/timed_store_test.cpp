// timed_store when what belongs to its user fails: copies, hashes, comparisons and the allocator throw, each at every place where they can.
//
// A write succeeds or changes nothing but the clock; a collection that fails goes on the next time, and loses no value that it has
// not told about. Nothing leaks, and nothing is destroyed twice.
#include <tandem/timed_store.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/tracked.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <new>
#include <optional>
#include <tuple>

namespace {

using namespace tandem::test;

struct checked : tandem::timed_store_options {
  using allocator = budget_allocator<std::byte>;
  static constexpr std::size_t slots = 2;
  static constexpr std::size_t shards = 2;
};
using store = tandem::timed_store<tracked, tracked, checked>;

using picture = std::map<int, std::tuple<int, std::uint64_t, std::uint64_t, std::uint64_t>>;
picture picture_of(const store& s) {
  picture all;
  for (int k = 0; k != 40; ++k) {
    auto const e = s.entry_info(tracked(k));
    if (!e) continue;
    auto const value = s.get(tracked(k));
    all[k] = {value ? value->key() : -1, e->index, e->expire_at, e->delete_at};
  }
  return all;
}
void fill(store& s) {
  for (int k = 0; k != 30; ++k) {
    auto const n = static_cast<std::uint64_t>(k);
    static_cast<void>(s.set(tracked(k), tracked(100 + k), 1, {.expire_in = n % 3 * 10, .delete_in = n % 4 * 10}));
  }
}
bool all_is_well() {
  return tracked::live() == 0 && tracked::corrupt() == 0 && budget_allocator<std::byte>::account().balanced();
}

// Walks call(store), a write at index 5.
template <class Call>
void check_strong(const char* name, Call call) {
  INFO(name);
  int const failures = walk_faults([&](auto inject) {
    store s;
    fill(s);
    auto const before = picture_of(s);
    auto const size = s.size();
    int lost = 0;
    s.on_removed([&](const tracked&, const tracked&, tandem::removal, std::uint64_t) { ++lost; });
    if (!inject([&] { call(s); })) {
      CHECK(picture_of(s) == before);
      CHECK(s.size() == size);
      CHECK(lost == 0);
    } else {
      CHECK(picture_of(s) != before);
    }
    // And it works.
    CHECK(s.set(tracked(7), tracked(1), 9));
    CHECK(s.get(tracked(7))->key() == 1);
    s.advance(1000);
    s.collect();
    s.set_stale_horizon(1000);
    s.collect();
    CHECK(s.info().tombstones == 0);
  });
  CHECK(failures > 1);
  CHECK(all_is_well());
}

}  // namespace

TEST_CASE("a write that fails changes nothing", "[timed_store][fault]") {
  check_strong("set of a key that is there",
               [](store& s) { static_cast<void>(s.set(tracked(7), tracked(1), 5, {.expire_in = 3})); });
  check_strong("set of a new key",
               [](store& s) { static_cast<void>(s.set(tracked(35), tracked(1), 5, {.delete_in = 3})); });
  check_strong("set_if_unset", [](store& s) { static_cast<void>(s.set_if_unset(tracked(35), tracked(1), 5)); });
  check_strong("compare_and_set", [](store& s) { static_cast<void>(s.compare_and_set(tracked(7), 1, tracked(1), 5)); });
  check_strong("compare_and_erase", [](store& s) { static_cast<void>(s.compare_and_erase(tracked(7), 1, 5)); });
  check_strong("touch", [](store& s) { static_cast<void>(s.touch(tracked(7), {.expire_in = 2}, 5)); });
  check_strong("persist", [](store& s) { static_cast<void>(s.persist(tracked(7), 5)); });
  check_strong("expire", [](store& s) { static_cast<void>(s.expire(tracked(7), 5)); });
  check_strong("erase", [](store& s) { static_cast<void>(s.erase(tracked(7), 5)); });
}

TEST_CASE("a read that fails throws, and nothing else", "[timed_store][fault]") {
  int const failures = walk_faults([&](auto inject) {
    store s;
    fill(s);
    std::optional<tracked> found;
    bool const done = inject([&] {
      auto const value = s.get(tracked(0));
      static_cast<void>(s.has(tracked(0)));
      if (value) found.emplace(*value);
    });
    if (done) CHECK(found->key() == 100);
    CHECK(s.size() == 30);
  });
  CHECK(failures > 1);
  CHECK(all_is_well());
}

TEST_CASE("a collection that fails goes on the next time", "[timed_store][fault]") {
  int const failures = walk_faults([&](auto inject) {
    store s;
    fill(s);
    std::map<int, int> told;
    s.on_removed([&](const tracked& k, const tracked&, tandem::removal, std::uint64_t) { ++told[k.key()]; });
    s.advance(1000);
    auto const before = picture_of(s);
    bool const done = inject([&] { s.collect(); });
    // A lag for which there is no memory is not counted, and nothing else fails then.
    bool const one_is_not_counted = done && faults::fired();
    CHECK(picture_of(s) == before);  // which does not depend on it
    s.collect();
    CHECK(s.collect() == tandem::collected{});
    for (auto const& [k, times] : told) CHECK(times == 1);
    // All but those that have no deadline.
    CHECK(told.size() == 27);
    // Each is counted once, also if it was begun twice.
    auto const info = s.info();
    CHECK(info.expired + info.deleted == 27);
    CHECK(info.removal_lag.count() == (one_is_not_counted ? 26 : 27));
    s.set_stale_horizon(1000);
    s.collect();
    CHECK(s.info().tombstones == 0);
  });
  CHECK(failures > 10);
  CHECK(all_is_well());
}

namespace {

// A key that cannot be copied by the store's own threads, while that is wanted.
struct shy {
  int number;
  explicit shy(int n) : number(n) {}
  shy(const shy& other) : number(other.number) {
    if (!refuses || is_tester) return;
    ++refused;
    refused.notify_all();
    throw std::bad_alloc();
  }
  shy& operator=(const shy&) = delete;
  ~shy() = default;
  friend bool operator==(const shy& a, const shy& b) noexcept { return a.number == b.number; }

  static inline std::atomic<bool> refuses{false};
  static inline std::atomic<int> refused{0};
  static inline thread_local bool is_tester = false;
};
struct hash_shy {
  std::size_t operator()(const shy& s) const noexcept { return std::hash<int>()(s.number); }
};
struct of_shy : tandem::timed_store_options {
  using hasher = hash_shy;
};

}  // namespace

TEST_CASE("a collector that finds no memory tries again", "[timed_store][fault]") {
  shy::is_tester = true;
  shy::refuses = true;
  tandem::timed_store_config config;
  config.shards = 2;
  config.collectors = 1;
  config.collect_every = std::chrono::milliseconds(1);
  tandem::timed_store<shy, int, of_shy> s(config);
  std::atomic<int> lost{0};
  s.on_removed([&](const shy&, const int&, tandem::removal, std::uint64_t) {
    ++lost;
    lost.notify_all();
  });
  for (int k = 0; k != 20; ++k) REQUIRE(s.set(shy(k), k, 1, {.expire_in = 5}));
  s.advance(100);
  for (int seen = shy::refused; seen < 3; seen = shy::refused) shy::refused.wait(seen);
  CHECK(lost == 0);
  CHECK(s.size() == 20);
  shy::refuses = false;
  for (int seen = lost; seen != 20; seen = lost) lost.wait(seen);
  CHECK(s.info().expired_backlog == 0);
}
