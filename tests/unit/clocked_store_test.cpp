// clocked_store, by a clock that the test moves.
#include <tandem/clocked_store.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace {

using namespace std::chrono_literals;
using tandem::write_status;

struct fake_clock {
  using duration = std::chrono::microseconds;
  using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;
  time_point* at = nullptr;
  time_point now() const { return *at; }
};
using store = tandem::timed_store<>;

}  // namespace

TEST_CASE("entries last as long as they are told to", "[clocked_store]") {
  store s;
  fake_clock::time_point now{1000s};
  tandem::clocked_store<store, fake_clock> cache(s, fake_clock{&now});
  CHECK(cache.set("k", "v", {.expire_after = 30s, .delete_after = 60s}));
  CHECK(cache.get("k") == "v");
  CHECK(cache.time_left("k") == 30s);
  CHECK(s.write_index() == 1'000'000);
  now += 29'999ms;
  CHECK(cache.get("k") == "v");
  CHECK(cache.time_left("k") == 1ms);
  now += 999us;
  CHECK(cache.get("k") == "v");
  now += 1us;
  CHECK(cache.get("k") == std::nullopt);
  CHECK(cache.time_left("k") == std::nullopt);
  CHECK(cache.has("k"));
  CHECK(cache.set_if_unset("k", "w").status == write_status::exists);
  now += 30s;
  CHECK_FALSE(cache.has("k"));
  CHECK(cache.set_if_unset("k", "w", {.expire_after = 0s}));  // a tick at least, and not for ever
  CHECK(cache.get("k") == "w");
  CHECK(cache.time_left("k") == 1ms);
  CHECK(cache.touch("k", {}));
  now += 24h;
  CHECK(cache.read("k", [](const std::string& v) { return v.size(); }) == 1U);
  CHECK(cache.time_left("k") == std::nullopt);
  CHECK(cache.expire("k"));
  CHECK_FALSE(cache.get("k"));
  CHECK(cache.erase("k"));
  CHECK_FALSE(cache.has("k"));
}

TEST_CASE("a clock that is set back does not bring anything back", "[clocked_store]") {
  store s;
  fake_clock::time_point now{1000s};
  tandem::clocked_store<store, fake_clock> cache(s, fake_clock{&now});
  REQUIRE(cache.set("k", "v", {.expire_after = 10s}));
  now += 10s;
  CHECK_FALSE(cache.get("k"));
  now -= 500s;
  CHECK_FALSE(cache.get("k"));
  CHECK(cache.set("k", "w", {.expire_after = 10s}));  // not stale
  CHECK(cache.get("k") == "w");
  now += 500s;
  CHECK(cache.get("k") == "w");
  now += 10s;
  CHECK_FALSE(cache.get("k"));
  now = fake_clock::time_point{-5s};
  CHECK(cache.update() == 1'020'000);
  store fresh;
  tandem::clocked_store<store, fake_clock> early(fresh, fake_clock{&now});
  CHECK(early.update() == 0);
}

TEST_CASE("collect forgets what was erased long enough ago", "[clocked_store]") {
  store s;
  fake_clock::time_point now{1000s};
  tandem::clocked_store<store, fake_clock> cache(s, fake_clock{&now});
  REQUIRE(cache.set("a", "v", {.expire_after = 1s, .delete_after = 2s}));
  REQUIRE(cache.set("b", "v"));
  auto const index = s.entry_info("b")->index;
  CHECK(cache.compare_and_set("b", index + 1, "w").status == write_status::exists);
  CHECK(cache.compare_and_set("b", index, "w"));
  CHECK(cache.compare_and_erase("b", index));
  now += 5s;
  CHECK(cache.collect(10s) == tandem::collected{0, 1, 0, false});
  now += 10s;
  CHECK(cache.collect(10s) == tandem::collected{0, 0, 2, false});
  CHECK(s.info().tombstones == 0);
}

TEST_CASE("the clock of the system, by default", "[clocked_store]") {
  store s;
  tandem::clocked_store cache(s);
  REQUIRE(cache.set("k", "v", {.expire_after = 1h}));
  CHECK(cache.get("k") == "v");
  CHECK(cache.persist("k"));
  auto const now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  CHECK(s.write_index() > static_cast<std::uint64_t>(now.count()) - 60'000);
}
