// Stores when the system has no more threads. A timed_store that asks for collectors is not made, and leaves none; a save or a load by
// several threads is done by those that there are. A durable_store that needs its thread, or two, is not opened, and is then as it was.
#include <tandem/durable_store.hpp>
#include <tandem/timed_store.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/thread_limit.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace {

using namespace tandem::test;

struct checked : tandem::timed_store_options {
  using allocator = budget_allocator<std::byte>;
};
using store = tandem::timed_store<std::string, std::string, checked>;

}  // namespace

TEST_CASE("a store whose collectors cannot be started is not made, and those that had been are joined",
          "[timed_store][fault]") {
  for (int can_be_had = 0; can_be_had <= 4; ++can_be_had) {
    INFO(can_be_had << " threads");
    tandem::timed_store_config config;
    config.collectors = 4;
    config.collect_every = std::chrono::milliseconds(1);
    std::optional<store> s;
    std::error_code error;
    {
      thread_limit const limit(can_be_had);
      try {
        s.emplace(config);
      } catch (const std::system_error& e) {
        error = e.code();
      }
      CHECK(thread_limit::started == can_be_had);
    }
    CHECK(s.has_value() == (can_be_had == 4));
    if (s) {
      CHECK_FALSE(error);
      CHECK(thread_limit::running == 4);
      CHECK(s->set("key", "value", 1, {.expire_in = 1}));
      s.reset();
    } else {
      CHECK(error == std::errc::resource_unavailable_try_again);
    }
    CHECK(thread_limit::running == 0);
    CHECK(budget_allocator<std::byte>::account().balanced());
  }
}

TEST_CASE("a save and a load by several threads are done by those that there are", "[timed_store][fault]") {
  tandem::timed_store_config config;
  config.shards = 8;
  std::optional<store> s(config);
  for (std::uint64_t i = 0; i != 2000; ++i) REQUIRE(s->set("key " + std::to_string(i), "value", i));
  tandem::snapshot_options how;
  how.threads = 3;
  how.block_bytes = 256;
  for (int can_be_had : {0, 1, 2}) {
    INFO(can_be_had << " threads");
    std::stringstream io;
    std::optional<store> t(config);
    {
      thread_limit const limit(can_be_had);
      CHECK(s->save(io, how).entries == 2000);
      CHECK(thread_limit::started == can_be_had);
    }
    {
      thread_limit const limit(can_be_had);
      CHECK(t->load(io, how).entries == 2000);
      CHECK(thread_limit::started == can_be_had);
    }
    CHECK(thread_limit::running == 0);
    CHECK(t->digest() == s->digest());
  }
  s.reset();
  CHECK(budget_allocator<std::byte>::account().balanced());
}

TEST_CASE("a store on disk whose threads cannot be started is not opened, and can be opened later",
          "[durable_store][fault]") {
  using durable = tandem::durable_store<>;
  temporary_folder const folder;
  {
    auto s = durable::open(folder.path());
    static_cast<void>(s.put("key", "value", 1));
    static_cast<void>(s.erase("erased", 1));
  }
  tandem::durable_options how;
  how.recovery_threads = 1;
  how.rotate_age = std::chrono::hours(1);  // one thread for that,
  how.compact_bytes = std::uint64_t{1} << 30;
  how.retention = tandem::retention::remove_covered;  // and one for this
  for (int can_be_had = 0; can_be_had <= 2; ++can_be_had) {
    INFO(can_be_had << " threads");
    {
      std::error_code error;
      thread_limit const limit(can_be_had);
      auto s = durable::open(folder.path(), how, error);
      CHECK(thread_limit::started == can_be_had);
      CHECK(s.is_open() == (can_be_had == 2));
      if (s.is_open()) {
        CHECK_FALSE(error);
        CHECK(s.get("key") == "value");
      } else {
        CHECK(error == std::errc::resource_unavailable_try_again);
        CHECK_FALSE(s.recovery().error.empty());
        CHECK(s.size() == 0);
        CHECK_FALSE(s.contains("key"));
        CHECK(s.stats().tombstones == 0);
        CHECK(thread_limit::running == 0);
      }
    }
    CHECK(thread_limit::running == 0);
  }
}
