// timed_store driven by bytes of a log: replicas agree, and bytes that are no command change nothing. And what the store tells about itself.
#include <tandem/timed_store.hpp>

#include "support/catch.hpp"
#include "support/timed_model.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::command_kind;
using tandem::write_status;
using store = tandem::timed_store<>;
using bytes = std::vector<std::byte>;

bytes encoded(const timed_write& w) {
  store::command c;
  c.what = static_cast<command_kind>(w.what + 1);
  c.key = w.key;
  c.value = w.value;
  c.index = w.expected;
  c.expire_in = w.deadlines.expire_in;
  c.delete_in = w.deadlines.delete_in;
  return store::encode(c);
}

}  // namespace

TEST_CASE("a log of commands gives every replica the same contents, whenever it collects or restarts",
          "[timed_store][command]") {
  std::map<write_status, int> answers;
  for (std::uint32_t seed = 1; seed != 30; ++seed) {
    INFO("seed " << seed);
    timed_script script(seed);
    store direct, collects, restarts;
    for (int i = 0; i != 300; ++i) {
      auto const w = script.next();
      auto const c = encoded(w);
      auto const expected = apply_to(direct, w);
      ++answers[expected.status];
      REQUIRE(collects.apply(c, w.index) == expected);
      REQUIRE(restarts.apply(c, w.index) == expected);
      if (i % 7 == 0) collects.collect();
      if (i % 50 == 0) {
        std::stringstream io;
        restarts.save(io);
        restarts.load(io);
      }
      REQUIRE(collects.digest() == direct.digest());
      REQUIRE(restarts.digest() == direct.digest());
    }
  }
  CHECK(answers[write_status::applied] > 1000);
  CHECK(answers[write_status::exists] > 100);
  CHECK(answers[write_status::missing] > 100);
}

TEST_CASE("advance and the horizon are commands, too", "[timed_store][command]") {
  store s;
  store::command c;
  c.what = command_kind::advance;
  CHECK(s.apply(store::encode(c), 50) == tandem::write_result{});
  CHECK(s.write_index() == 50);
  c.what = command_kind::set_stale_horizon;
  c.index = 40;
  CHECK(s.apply(store::encode(c), 51) == tandem::write_result{});
  CHECK(s.write_index() == 51);
  CHECK(s.stale_horizon() == 40);
}

TEST_CASE("the bytes of commands", "[timed_store][command]") {
  store::command c;
  c.what = command_kind::compare_and_set;
  c.key = "k";
  c.index = 300;
  c.value = "v";
  c.expire_in = 1;
  bytes const expected{std::byte{3}, std::byte{1},   std::byte{'k'}, std::byte{0xac}, std::byte{2},
                       std::byte{1}, std::byte{'v'}, std::byte{1},   std::byte{0}};
  CHECK(store::encode(c) == expected);
  c.what = command_kind::erase;
  CHECK(store::encode(c) == bytes{std::byte{8}, std::byte{1}, std::byte{'k'}});
}

TEST_CASE("bytes that are no command change nothing", "[timed_store][command]") {
  store s;  // dKV: an empty or undecodable command sets the empty key
  CHECK_FALSE(s.apply({}, 5));
  CHECK_FALSE(s.apply(bytes{std::byte{0}}, 5));
  CHECK_FALSE(s.apply(bytes{std::byte{11}}, 5));
  CHECK_FALSE(s.apply(bytes{std::byte{255}, std::byte{0}}, 5));
  CHECK(s.write_index() == 0);
  CHECK(s.empty());
  timed_script script(3);
  for (int i = 0; i != 200; ++i) {
    auto const w = script.next();
    auto c = encoded(w);
    for (std::size_t n = 0; n != c.size(); ++n) REQUIRE_FALSE(s.apply(std::span(c).first(n), 5));
    c.push_back(std::byte{0});
    REQUIRE_FALSE(s.apply(c, 5));
  }
  CHECK(s.write_index() == 0);
  CHECK(s.empty());
}

TEST_CASE("whatever bytes are applied, two replicas make the same of them", "[timed_store][command]") {
  std::mt19937 random(5);
  timed_script script(4);
  store a, b;
  std::size_t taken = 0, refused = 0;
  for (int i = 0; i != 20'000; ++i) {
    auto c = encoded(script.next());
    for (auto n = random() % 3; n != 0 && !c.empty(); --n) {
      std::size_t const at = random() % c.size();
      if (random() % 2 == 0) {
        c[at] = static_cast<std::byte>(random());
      } else {
        c.erase(c.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    std::uint64_t const index = random() % 16 == 0 ? script.index() / 2 : script.index();
    auto const one = a.apply(c, index);
    REQUIRE(one == b.apply(c, index));
    one ? ++taken : ++refused;
    if (i % 100 == 0) REQUIRE(a.digest() == b.digest());
  }
  CHECK(a.digest() == b.digest());
  CHECK(taken > 1'000);
  CHECK(refused > 1'000);
}

TEST_CASE("info counts exactly", "[timed_store][info]") {
  tandem::timed_store_config config;
  config.shards = 4;
  store s(config);
  CHECK(s.info().shards == 4);
  for (std::uint64_t i = 0; i != 1000; ++i)
    REQUIRE(s.set(std::to_string(i), "v", i, {.expire_in = i % 2 == 0 ? 10U : 0U}));
  for (std::uint64_t i = 0; i != 100; ++i) REQUIRE(s.erase(std::to_string(i), 1000));
  CHECK(s.set("500", "w", 1).status == write_status::stale);
  auto info = s.info();
  CHECK(info.write_index == 1000);
  CHECK(info.size == 900);
  CHECK(info.tombstones == 100);
  CHECK(info.stale_writes == 1);
  CHECK(info.shards == 4);
  CHECK(info.shard_sizes.size() == 4);
  CHECK(info.smallest_shard > 180);
  CHECK(info.largest_shard < 320);
  CHECK(info.mean_shard == 250);
  CHECK(info.deviation < 50);
  CHECK(info.queued == 600);  // 500 deadlines, and 100 tombstones
  CHECK(info.scheduled == 0);
  // One entry more, and one character more that does not fit inside.
  std::uint64_t const each = info.bytes / 1000;
  CHECK(info.bytes == each * 1000);
  REQUIRE(s.set("x", std::string(100, 'x'), 1000));
  CHECK(s.info().bytes == info.bytes + each + 101);
  REQUIRE(s.erase("x", 1000));
  CHECK(s.info().bytes == info.bytes + each);
  s.collect(1);
  info = s.info();
  CHECK(info.queued + info.scheduled >= 600);
  CHECK(info.expiration_lag > 0);
  s.set_stale_horizon(2000);
  s.advance(2000);
  auto const done = s.collect();
  info = s.info();
  CHECK(info.expired == 450);
  CHECK(done.forgotten == 101);
  CHECK(info.forgotten == 101);
  CHECK(info.tombstones == 0);
  CHECK(info.queued == 0);
  CHECK(info.expiration_lag == 0);
  s.clear();
  CHECK(s.info().bytes == 0);
}

TEST_CASE("info becomes JSON and Prometheus text, also of an unused store", "[timed_store][info]") {
  store s;
  auto const empty = to_json(s.info());
  CHECK(empty.front() == '{');
  CHECK(empty.back() == '}');
  CHECK(empty.find("nan") == std::string::npos);  // maple: NaN, which no JSON has
  REQUIRE(s.set("k", "v", 7));
  auto const json = to_json(s.info());
  CHECK(json.find("\"write_index\":7,") != std::string::npos);
  CHECK(json.find("\"size\":1,") != std::string::npos);
  CHECK(json.find("\"shard_sizes\":[") != std::string::npos);
  auto const text = to_prometheus(s.info(), "app", {{"node", "a\"b\\c\nd"}});
  CHECK(text.find("# HELP app_size Keys.\n# TYPE app_size gauge\napp_size{node=\"a\\\"b\\\\c\\nd\"} 1\n") !=
        std::string::npos);
  CHECK(text.find("# TYPE app_stale_writes_total counter\napp_stale_writes_total{") != std::string::npos);
  CHECK(text.back() == '\n');
  CHECK(to_prometheus(s.info()).find("\ntandem_timed_store_write_index 7\n") != std::string::npos);
}

TEST_CASE("supports says what a store can do", "[timed_store][info]") {
  using tandem::feature;
  CHECK(store::supports(feature::none));
  CHECK(store::supports(feature::set | feature::expire | feature::erase | feature::snapshots));
  CHECK_FALSE(store::supports(feature::set | static_cast<feature>(1U << 30)));
  struct opaque {
    explicit opaque(int) {}
    opaque(const opaque& other) : self(other.self) {}
    opaque* self = this;
  };
  using no_codec = tandem::timed_store<int, opaque>;
  CHECK(no_codec::supports(feature::touch));
  CHECK_FALSE(no_codec::supports(feature::snapshots));
}
