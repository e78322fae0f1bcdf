// durable_store on real files whose system calls fail: each call, for each place in a script at which it is made, once, twice and from
// then on, with EIO and ENOSPC; short writes; interrupted calls. Nothing that was acknowledged is lost, also if only what was
// synced is left; readers go on; errors come as documented; no descriptor is synced after a failed sync, none is left open, and
// the folder can be opened afterwards.
#include "support/catch.hpp"
#include "support/durable_history.hpp"
#include "support/durable_scripts.hpp"
#include "support/failing_calls.hpp"
#include "support/faulty_script.hpp"
#include "support/temporary_folder.hpp"

#include <tandem/durable_store.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::durability;
using tandem::durable_errc;
using store = tandem::durable_store<>;

std::size_t open_descriptors() {
  // With the one of the iterator itself.
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

struct walked {
  std::size_t runs = 0;
  std::size_t silent = 0;     // nobody was told
  std::size_t read_only = 0;  // the store became so
  std::size_t renewed = 0;    // something was written again to a new segment
};

// What is in this folder, opened by a store: what is wrong with it, if anything.
std::string opened(const std::filesystem::path& folder, const tandem::durable_options& how,
                   const durable_history& history) {
  std::error_code error;
  store s = store::open(folder, how, error);
  if (error) return "cannot be opened: " + s.recovery().error;
  std::string const wrong = history.check_keys(picture_of(s), 0);
  if (!wrong.empty()) return wrong;
  if (!s.put("z", "new", 1, error).newest || error) return "nothing can be put: " + error.message();
  s.close(error);
  if (error) return "cannot be closed: " + error.message();
  return store::open(folder, how, error).get("z") == "new" ? "" : "what was put is not there";
}

// Runs the script with the n-th of these calls failing, for every n at which there is one.
walked walk(tandem::durable_options how, const call_failure& failure) {
  walked seen;
  how.retention = tandem::retention::remove_covered;
  how.rotate_records = 2;
  for (std::uint64_t n = 0;; n += one_of) {
    temporary_folder const here, lost, lost_later;
    std::size_t const descriptors = open_descriptors();
    faulty_script<store> script([&](std::error_code& error) { return store::open(here / "store", how, error); },
                                [] { return std::size_t{0}; }, how.sync);
    INFO("call " << static_cast<int>(failure.call) << ", the " << n << ", "
                 << std::error_code(failure.error, std::generic_category()).message() << ", " << failure.written
                 << " bytes written, " << failure.times << " times, " << (how.sync.is_always() ? "always" : "never"));
    std::uint64_t failures = 0;
    {
      failing_calls calls(here.path());
      call_failure f = failure;
      f.nth = n;
      calls.fail(f);
      script.run();
      if (n % 2 == 0) {
        // Every other time the disk is well again before the end.
        calls.heal();
        CHECK(script.writes_again());
      }
      calls.copy_after_power_loss(lost.path());
      script.destroy();
      failures = calls.failures();
      calls.heal();
      calls.copy_after_power_loss(lost_later.path());
      CHECK(calls.misuses() == std::vector<std::string>());
    }
    if (failures == 0) {
      // It would be a walk through nothing.
      CHECK(script.errors.empty());
      break;
    }
    ++seen.runs;
    seen.silent += script.errors.empty() ? 1U : 0U;
    seen.read_only += script.was_read_only ? 1U : 0U;
    seen.renewed += script.renewals != 0 ? 1U : 0U;
    CHECK(open_descriptors() == descriptors);
    CHECK(script.complaint == "");
    for (const std::error_code& e : script.errors) {
      INFO(e.message());
      CHECK((e == std::error_code(failure.error, std::generic_category()) || e == durable_errc::read_only));
    }
    CHECK(opened(lost.path(), how, script.history) == "");
    CHECK(opened(lost_later.path(), how, script.history) == "");
    // Where a sync has failed and nothing could be cut off the system still shows what is not on the disk.
    if (failure.call == system_call::any && failure.times == call_failure::for_ever) continue;
    CHECK(opened(here / "store", how, script.history) == "");
    CHECK(open_descriptors() == descriptors);
  }
  return seen;
}

tandem::durable_options one_lane() { return small_store(1, GENERATE(durability::always(), durability::never())); }

}  // namespace

TEST_CASE("system calls: the script makes all of them", "[durable_store][fault]") {
  temporary_folder const here;
  tandem::durable_options how = small_store();
  how.retention = tandem::retention::remove_covered;
  how.rotate_records = 2;
  failing_calls calls(here.path());
  calls.fail({.nth = call_failure::for_ever});
  faulty_script<store> script([&](std::error_code& error) { return store::open(here / "store", how, error); },
                              [] { return std::size_t{0}; }, how.sync);
  script.run();
  script.destroy();
  CHECK(script.errors.empty());
  CHECK(script.complaint == "");
  CHECK(calls.failures() == 0);
  CHECK(calls.misuses().empty());
  for (std::size_t i = 0; i != system_calls; ++i) {
    INFO("call " << i);
    CHECK(calls.seen(static_cast<system_call>(i)) > 0);
  }
}

TEST_CASE("system calls: each fails once", "[durable_store][fault]") {
  auto const how = one_lane();
  for (std::size_t i = 0; i != system_calls; ++i) {
    auto const call = static_cast<system_call>(i);
    walked const w = walk(how, {.call = call});
    INFO("call " << i);
    CHECK(w.runs > 0);
    // One failure is not the end.
    CHECK(w.read_only == 0);
    // What could not be written or synced is written again, and who puts need not know.
    if ((call == system_call::write || call == system_call::sync) && one_of == 1) {
      CHECK(w.renewed > 0);
      CHECK(w.silent > 0);
    }
  }
}

TEST_CASE("system calls: each says once that the disk is full", "[durable_store][fault]") {
  walked const w = walk(one_lane(), {.call = system_call::any, .error = ENOSPC});
  CHECK(w.runs > 50 / one_of);
  CHECK(w.read_only == 0);
}

TEST_CASE("system calls: a short write is gone on with, and nobody knows", "[durable_store][fault]") {
  auto const how = one_lane();
  for (std::size_t const written : {1U, 63U, 64U, 200U, 10'000U}) {
    walked const w = walk(how, {.call = system_call::write, .error = 0, .written = written});
    CHECK(w.runs > 20 / one_of);
    CHECK(w.silent == w.runs);
    CHECK(w.renewed == 0);
  }
}

TEST_CASE("system calls: an interrupted one is made again", "[durable_store][fault]") {
  auto const how = one_lane();
  for (system_call const call :
       {system_call::open, system_call::read, system_call::write, system_call::truncate, system_call::close}) {
    walked const w = walk(how, {.call = call, .error = EINTR});
    CHECK(w.runs > 0);
    CHECK(w.silent == w.runs);
  }
}

TEST_CASE("system calls: a write that is cut short by an error", "[durable_store][fault]") {
  auto const how = one_lane();
  for (std::size_t const written : {1U, 64U, 100U, 10'000U}) {
    for (int const error : {EIO, ENOSPC}) {
      CHECK(walk(how, {.call = system_call::write, .error = error, .written = written}).runs > 20 / one_of);
    }
  }
}

TEST_CASE("system calls: each fails twice", "[durable_store][fault]") {
  auto const how = one_lane();
  std::size_t read_only = 0;
  for (system_call const call : {system_call::open, system_call::write, system_call::sync, system_call::sync_folder}) {
    walked const w = walk(how, {.call = call, .times = 2});
    CHECK(w.runs > 0);
    read_only += w.read_only;
  }
  CHECK((read_only > 0 || one_of != 1));
}

TEST_CASE("system calls: from the n-th on all fail", "[durable_store][fault]") {
  auto const how = one_lane();
  for (system_call const call : {system_call::write, system_call::sync, system_call::sync_folder, system_call::any}) {
    walked const w = walk(how, {.call = call, .times = call_failure::for_ever});
    CHECK(w.runs > 0);
    CHECK((w.read_only > 0 || one_of != 1));
  }
  // A full disk is no end.
  CHECK(walk(how, {.call = system_call::any, .times = call_failure::for_ever, .error = ENOSPC}).read_only == 0);
  walked const full =
      walk(how, {.call = system_call::write, .times = call_failure::for_ever, .error = ENOSPC, .written = 40});
  CHECK(full.runs > 20 / one_of);
  CHECK(full.read_only == 0);
  CHECK(full.silent < full.runs);
}
