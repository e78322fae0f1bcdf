// What a timed_store tells about itself: what its collector is behind with, how long calls take, and both as text.
#include <tandem/timed_store.hpp>

#include "support/catch.hpp"
#include "support/prometheus.hpp"

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

namespace {

using namespace tandem::test;
using store = tandem::timed_store<>;

// A hundred nanoseconds from each look to the next.
struct ticking {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ticking>;
  static inline std::int64_t at = 0;
  static time_point now() { return time_point(duration(at += 100)); }
};
struct measured : tandem::timed_store_options {
  using latencies = tandem::sampled_latencies<1, ticking>;
};
struct sampled : tandem::timed_store_options {
  using latencies = tandem::sampled_latencies<16>;
};

}  // namespace

TEST_CASE("the backlog is what has passed its deadline and was not collected", "[timed_store][info]") {
  store s;
  for (std::uint64_t i = 0; i != 100; ++i) {
    REQUIRE(s.set("e" + std::to_string(i), "v", 1, {.expire_in = 10 + i}));
    REQUIRE(s.set("d" + std::to_string(i), "v", 1, {.delete_in = 20 + i}));
    REQUIRE(s.set("b" + std::to_string(i), "v", 1, {.expire_in = 10 + i, .delete_in = 1000}));
    REQUIRE(s.set("n" + std::to_string(i), "v", 1));
  }
  auto info = s.info();
  CHECK(info.expired_backlog == 0);
  CHECK(info.deleted_backlog == 0);
  CHECK(info.expiration_lag == 0);
  CHECK(info.queued == 300);
  s.advance(11);
  info = s.info();
  CHECK(info.expired_backlog == 2);  // inclusive
  CHECK(info.deleted_backlog == 0);
  CHECK(info.expiration_lag == 0);
  s.advance(50);
  info = s.info();  // of what waits to be taken in, too
  CHECK(info.expired_backlog == 80);
  CHECK(info.deleted_backlog == 30);
  CHECK(info.expiration_lag == 39);
  CHECK(info.queued == 300);
  CHECK(info.scheduled == 0);

  auto const some = s.collect(50);
  CHECK(some.more);
  info = s.info();
  CHECK(info.expired_backlog + info.deleted_backlog == 60);
  CHECK(info.expiration_lag <= 39);
  CHECK(info.expiration_lag > 0);
  // What a write has replaced is nothing to collect.
  std::size_t before = info.expired_backlog;
  for (std::uint64_t i = 0; i != 40; ++i) {
    REQUIRE(s.set("e" + std::to_string(i), "w", 50));
    REQUIRE(s.set("b" + std::to_string(i), "w", 50));
  }
  CHECK(s.info().expired_backlog == 0);
  CHECK(before > 0);
  s.collect();
  info = s.info();
  CHECK(info.deleted_backlog == 0);
  CHECK(info.expiration_lag == 0);
  CHECK(info.queued == 0);
}

TEST_CASE("an expired entry that is then deleted counts as one that is deleted", "[timed_store][info]") {
  store s;
  REQUIRE(s.set("k", "v", 1, {.expire_in = 5, .delete_in = 10}));
  s.advance(8);
  CHECK(s.info().expired_backlog == 1);
  CHECK(s.info().expiration_lag == 2);
  s.collect();
  CHECK(s.info().expired_backlog == 0);
  s.advance(20);
  CHECK(s.info().deleted_backlog == 1);
  CHECK(s.info().expiration_lag == 9);
  REQUIRE(s.set("l", "v", 20, {.expire_in = 5, .delete_in = 10}));
  s.advance(100);
  CHECK(s.info().expired_backlog == 0);
  CHECK(s.info().deleted_backlog == 2);
}

TEST_CASE("of each entry that is collected the lag is kept, in indices", "[timed_store][info]") {
  store s;
  CHECK(s.info().removal_lag.count() == 0);
  for (std::uint64_t i = 0; i != 10; ++i)
    REQUIRE(s.set(std::to_string(i), "v", 0, {.expire_in = 10 + i, .delete_in = 100}));
  s.advance(10);
  s.collect();
  CHECK(s.info().removal_lag.count() == 1);
  CHECK(s.info().removal_lag.largest() == 0);
  s.advance(25);
  s.collect();
  auto lag = s.info().removal_lag;
  CHECK(lag.count() == 10);
  CHECK(lag.largest() == 14);
  CHECK(lag.sum() == 14 + 13 + 12 + 11 + 10 + 9 + 8 + 7 + 6);
  s.advance(130);
  s.collect();  // now they are deleted
  lag = s.info().removal_lag;
  CHECK(lag.count() == 20);
  CHECK(lag.quantile(1) == 30);
  CHECK(lag.up_to(15) == 10);
  s.set_stale_horizon(130);
  CHECK(s.collect().forgotten == 10);  // no deadline
  CHECK(s.info().removal_lag == lag);
}

TEST_CASE("calls are measured if the options say so", "[timed_store][info]") {
  tandem::timed_store<std::string, std::string, measured> s;
  REQUIRE(s.set("k", "v", 1, {.expire_in = 5}));
  CHECK(s.erase("absent", 2).status == tandem::write_status::missing);
  CHECK(s.get("k") == "v");
  CHECK_FALSE(s.get("absent"));
  CHECK(s.has("k"));
  CHECK(s.entry_info("k"));
  CHECK(s.read("k", [](const std::string&) {}));
  s.collect();
  auto info = s.info();
  CHECK(info.latency_every == 1);
  CHECK(info.writes.count() == 2);
  CHECK(info.reads.count() == 5);
  CHECK(info.collections.count() == info.shards);
  CHECK(info.reads.sum() == 500);
  CHECK(info.writes.sum() == 200);
  CHECK(info.collections.largest() == 100);
  s.clear();
  CHECK(s.info().reads.count() == 5);  // of the store, not of its contents

  tandem::timed_store<std::string, std::string, sampled> t;
  for (int i = 0; i != 16'000; ++i) static_cast<void>(t.has("k"));
  CHECK(t.info().latency_every == 16);
  CHECK(t.info().reads.count() > 800);
  CHECK(t.info().reads.count() < 1'200);

  store none;
  REQUIRE(none.set("k", "v", 1));
  CHECK(none.info().latency_every == 0);
  CHECK(none.info().writes.count() == 0);
}

TEST_CASE("Prometheus reads what a store writes", "[timed_store][info]") {
  bool const labelled = GENERATE(false, true);
  std::vector<std::pair<std::string, std::string>> labels;
  if (labelled) labels = {{"node", "a\"b\\c\nd"}, {"rack", ""}};
  std::string const braces = labelled ? "{node=\"a\\\"b\\\\c\\nd\",rack=\"\"}" : "";
  auto const bucket = [&](const std::string& le) {
    return (labelled ? braces.substr(0, braces.size() - 1) + "," : "{") + "le=\"" + le + "\"}";
  };
  tandem::timed_store<std::string, std::string, measured> s;
  REQUIRE_NOTHROW(read_prometheus(to_prometheus(s.info())));
  for (std::uint64_t i = 0; i != 10; ++i) REQUIRE(s.set(std::to_string(i), "v", 0, {.expire_in = 10}));
  CHECK(s.set("0", "w", 0));
  s.advance(17);
  s.collect(9);
  auto const m = read_prometheus(to_prometheus(s.info(), "app", labels));
  auto const one = [&](const std::string& name) { return m.at(name).samples.at(name + braces); };
  CHECK(one("app_size") == 10);
  CHECK(one("app_expired_backlog") + one("app_expired_total") == 9);
  CHECK(one("app_expiration_lag") == (one("app_expired_backlog") == 0 ? 0 : 7));
  CHECK(one("app_mean_shard") == 5);
  CHECK(m.at("app_expired_total").type == "counter");
  const auto& lag = m.at("app_removal_lag");
  CHECK(lag.type == "histogram");
  CHECK(lag.samples.at("app_removal_lag_count" + braces) == one("app_expired_total"));
  CHECK(lag.samples.at("app_removal_lag_sum" + braces) == 7 * one("app_expired_total"));
  CHECK(lag.samples.at("app_removal_lag_bucket" + bucket("3")) == 0);
  CHECK(lag.samples.at("app_removal_lag_bucket" + bucket("15")) == one("app_expired_total"));
  const auto& writes = m.at("app_write_seconds");
  CHECK(writes.samples.at("app_write_seconds_count" + braces) == 11);
  CHECK(std::abs(writes.samples.at("app_write_seconds_sum" + braces) - 11 * 100e-9) < 1e-15);
  CHECK(writes.samples.at("app_write_seconds_bucket" + bucket("6.3e-08")) == 0);
  CHECK(writes.samples.at("app_write_seconds_bucket" + bucket("1.27e-07")) == 11);
  // Nothing is said about what is not measured.
  store none;
  CHECK(read_prometheus(to_prometheus(none.info())).count("tandem_timed_store_write_seconds") == 0);
}

TEST_CASE("histograms are in JSON, in seconds", "[timed_store][info]") {
  tandem::timed_store<std::string, std::string, measured> s;
  auto const nothing = to_json(s.info());
  CHECK(nothing.find("\"read_seconds\":{\"count\":0,\"sum\":0,\"mean\":0,\"p50\":0,") != std::string::npos);
  CHECK(nothing.find("nan") == std::string::npos);
  CHECK(nothing.find("inf") == std::string::npos);
  REQUIRE(s.set("k", "v", 7, {.expire_in = 1}));
  s.advance(10);
  CHECK(to_json(s.info()).find("\"expired_backlog\":1,") != std::string::npos);
  s.collect();
  auto const json = to_json(s.info());
  CHECK(json.find("\"write_seconds\":{\"count\":1,\"sum\":1e-07,\"mean\":1e-07,\"p50\":1e-07,\"p90\":1e-07,"
                  "\"p99\":1e-07,\"p999\":1e-07,\"max\":1e-07}") != std::string::npos);
  CHECK(json.find("\"removal_lag\":{\"count\":1,\"sum\":2,") != std::string::npos);
  CHECK(tandem::store::to_text(std::nan("")) == "0");
  CHECK(tandem::store::to_text(HUGE_VAL) == "0");
}
