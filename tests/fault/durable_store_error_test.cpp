// durable_store when calls of the file system fail: each call, for each place in a script at which it is made, once and from
// then on. Nothing that was acknowledged is lost, neither now nor after a crash; readers go on; errors come as documented; and
// the folder can be opened afterwards. Full disks, and two at a time.
#include "support/catch.hpp"
#include "support/durable_history.hpp"
#include "support/durable_scripts.hpp"
#include "support/faulty_script.hpp"
#include "support/simulated_files.hpp"

#include <tandem/durable_store.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace tandem::test;
using namespace std::chrono_literals;
using tandem::durability;
using tandem::durable_errc;

faulty_script<simulated_store> script_on(simulated_files files, const tandem::durable_options& how) {
  return {[=](std::error_code& error) { return open_store(files, how, error); }, [=] { return files.steps(); },
          how.sync};
}

struct walked {
  std::size_t runs = 0;
  std::size_t silent = 0;  // nobody was told
  std::size_t states = 0;
};

// Runs the script with the n-th of these calls failing, for every n at which there is one. `reboot`: before the folder is
// opened again.
walked walk(const tandem::durable_options& how, const file_failure& failure, bool reboot = false) {
  walked seen;
  for (std::uint64_t n = 0;; n += one_of) {
    simulated_files files = empty_folder();
    auto script = script_on(files, how);
    file_failure f = failure;
    f.nth = n;
    files.fail(f);
    script.run();
    script.destroy();
    if (files.failures() == 0) break;
    ++seen.runs;
    seen.silent += script.errors.empty() ? 1U : 0U;
    INFO("call " << static_cast<int>(failure.call) << ", the " << n << ", "
                 << std::make_error_code(failure.error).message() << ", " << failure.times << " times");
    CHECK(script.complaint == "");

    files.heal();
    std::error_code error;
    std::string wrong;
    files.for_each_crash({.every = 13, .at_most = 10}, [&](const crash_state& c) {
      ++seen.states;
      auto const s = open_store(simulated_files(c.image), how, error);
      std::string const here =
          error ? "cannot be opened: " + s.recovery().error : script.history.check_keys(picture_of(s), c.after);
      if (wrong.empty()) wrong = here;
    });
    CHECK(wrong == "");

    // It is a store like any other then.
    std::size_t const steps = files.steps();
    if (reboot) {
      simulated_files left;
      files.for_each_crash({.from = steps, .at_most = 30},
                           [&](const crash_state& c) { left = simulated_files(c.image); });
      files = left;
    }
    auto s = open_store(files, how, error);
    INFO(s.recovery().error);
    REQUIRE_FALSE(error);
    CHECK(script.history.check_keys(picture_of(s), steps) == "");
    CHECK(s.put("z", "new", 1).newest);
    s.close();
    s = open_store(files, how, error);
    CHECK_FALSE(error);
    CHECK(s.get("z") == "new");
    script.history.writes.push_back({.key = "z", .version = 1, .value = "new", .acknowledged = 0});
    for (durable_write& w : script.history.writes) w.begun = 0;
    files.for_each_crash({.from = files.steps(), .at_most = 30}, [&](const crash_state& c) {
      ++seen.states;
      auto const t = open_store(simulated_files(c.image), how, error);
      std::string const here =
          error ? "cannot be opened: " + t.recovery().error : script.history.check_keys(picture_of(t), steps);
      if (wrong.empty()) wrong = here;
    });
    CHECK(wrong == "");
  }
  return seen;
}

// One store, a key that is on the disk, and what comes now.
struct prepared {
  explicit prepared(tandem::durable_options with = small_store())
      : how(std::move(with)), s(open_store(files, how, error)) {
    s.put("before", "1", 1);
    s.flush();
  }
  std::error_code put(const std::string& key, std::uint64_t version = 1) {
    std::error_code e;
    s.put(key, std::string(200, 'v'), version, e);
    return e;
  }
  std::error_code flush() {
    std::error_code e;
    s.flush(e);
    return e;
  }
  // What is there after the crash that loses everything that can be lost.
  durable_picture after_crash() const {
    std::optional<durable_picture> p;
    files.for_each_crash({.from = files.steps()}, [&](const crash_state& c) {
      std::error_code e;
      auto const found = open_store(simulated_files(c.image), how, e);
      auto const here = e ? durable_picture() : picture_of(found);
      if (!p || here.size() < p->size()) p = here;
    });
    return *p;
  }

  simulated_files files = empty_folder();
  std::error_code error;
  tandem::durable_options how;
  simulated_store s;
};

}  // namespace

TEST_CASE("errors: every call, once", "[durable_store][fault]") {
  auto how = small_store(1, GENERATE(durability::always(), durability::never()));
  how.rotate_records = 2;
  how.retention = tandem::retention::remove_covered;
  std::size_t runs = 0, states = 0, silent = 0;
  auto const add = [&](const file_failure& f) {
    walked const w = walk(how, f);
    CHECK(w.runs > 0);
    runs += w.runs;
    states += w.states;
    silent += w.silent;
  };
  for (std::size_t call = 0; call != file_calls; ++call) {
    auto const kind = static_cast<file_call>(call);
    if (kind == file_call::truncate) continue;  // nothing to cut off: below
    add({.call = kind});
  }
  for (file_call const kind : {file_call::create, file_call::append, file_call::sync, file_call::rename}) {
    add({.call = kind, .error = std::errc::no_space_on_device});
  }
  for (std::uint64_t const written : {1U, 50U, 64U, 300U, 10'000U}) {
    add({.call = file_call::append, .written = written});
    add({.call = file_call::append, .error = std::errc::no_space_on_device, .written = written});
  }
  for (std::uint64_t const times : {2U, 3U, 4U}) add({.call = file_call::sync, .times = times});
  add({.call = file_call::append, .times = 2, .written = 70});
  CHECK(silent > 0);
  CHECK(runs > 200 / one_of);
  WARN(runs << " failures walked, " << silent << " of them without an error; " << states << " crash states");
}

TEST_CASE("errors: every call, from then on", "[durable_store][fault]") {
  auto how = small_store(1, GENERATE(durability::always(), durability::never()));
  how.rotate_records = 2;
  for (file_call const kind : {file_call::append, file_call::sync, file_call::create}) {
    CHECK(walk(how, {.call = kind, .times = file_failure::for_ever, .written = 70}).runs > 5 / one_of);
  }
  // Where a sync has failed and nothing could be cut off, the system still shows what is not on the disk.
  CHECK(walk(how, {.call = file_call::any, .times = file_failure::for_ever, .written = 70}, true).runs > 50 / one_of);
  CHECK(walk(how, {.call = file_call::append,
                   .times = file_failure::for_ever,
                   .error = std::errc::no_space_on_device,
                   .written = 40})
            .runs > 5 / one_of);
}

TEST_CASE("a sync that fails is not tried again on that file, and nobody has to know", "[durable_store][fault]") {
  prepared p;
  p.files.fail({.call = file_call::sync});
  std::size_t const first_file = p.s.stats().log.segments;
  CHECK_FALSE(p.put("a"));
  CHECK(p.s.last_error() == std::errc::io_error);
  CHECK_FALSE(p.s.read_only());
  CHECK(p.s.stats().log.failed_syncs == 1);
  CHECK(p.s.stats().log.segments == first_file + 1);
  CHECK(p.after_crash().contains("a"));
  CHECK_FALSE(p.put("b"));
  CHECK(p.after_crash().size() == 3);
}

TEST_CASE("a second failure makes the store read-only, and everybody is told", "[durable_store][fault]") {
  prepared p;
  p.files.fail({.call = file_call::sync, .times = file_failure::for_ever});
  CHECK(p.put("a") == std::errc::io_error);
  CHECK(p.s.read_only());
  CHECK(p.s.last_error() == std::errc::io_error);
  p.files.heal();
  CHECK(p.put("b") == durable_errc::read_only);
  CHECK_FALSE(p.flush());  // there is nothing that nobody was told about
  std::error_code error;
  p.s.checkpoint(error);
  CHECK(error);
  CHECK(p.s.get("before") == "1");
  CHECK(p.s.size() >= 1);
  CHECK(p.after_crash().contains("before"));
  p.s.close(error);
  CHECK(error == std::errc::io_error);
  auto again = open_store(p.files, p.how, error);
  CHECK_FALSE(error);
  CHECK(again.contains("before"));
  CHECK(again.put("b", "2", 1).newest);
}

TEST_CASE("what nobody had asked to be synced fails with its sync, and says so to who asks", "[durable_store][fault]") {
  prepared p(small_store(1, durability::never()));
  std::error_code error;
  auto const a = p.s.put("a", "1", 1, error);
  CHECK_FALSE(error);
  p.files.fail({.call = file_call::sync});
  p.s.wait_durable(a.ticket, error);
  CHECK(error == std::errc::io_error);
  CHECK_FALSE(p.s.read_only());
  auto const b = p.s.put("b", "1", 1, error);
  p.s.wait_durable(b.ticket, error);
  CHECK_FALSE(error);
  CHECK(p.after_crash().contains("b"));
  CHECK_FALSE(p.flush());  // it was told

  static_cast<void>(p.s.put("c", "1", 1, error));
  p.files.fail({.call = file_call::sync});
  CHECK(p.flush() == std::errc::io_error);
  CHECK_FALSE(p.flush());
}

TEST_CASE("with visibility::on_durable nobody sees what has failed", "[durable_store][fault]") {
  auto how = small_store();
  how.visibility = tandem::visibility::on_durable;
  prepared p(how);
  p.files.fail({.call = file_call::append, .times = file_failure::for_ever, .error = std::errc::no_space_on_device});
  CHECK(p.put("a") == std::errc::no_space_on_device);
  CHECK(p.put("before", 5) == std::errc::no_space_on_device);
  CHECK_FALSE(p.s.contains("a"));
  CHECK(p.s.get("before") == "1");
  p.files.heal();
  // And it does not stand in the way of the next.
  CHECK(p.s.put("a", "2", 1).newest);
  CHECK(p.s.put("before", "2", 3).newest);
  CHECK(p.s.get("before") == "2");
}

TEST_CASE("a full disk refuses puts, and takes them again when there is room", "[durable_store][fault]") {
  prepared p;
  std::uint64_t const used = p.files.used_bytes();
  p.files.limit_bytes(used + 600);
  CHECK_FALSE(p.put("a"));
  CHECK_FALSE(p.put("b"));
  std::uint64_t const full = p.files.used_bytes();
  for (int i = 0; i != 3; ++i) CHECK(p.put("c") == std::errc::no_space_on_device);
  CHECK(p.files.used_bytes() == full);  // what did not fit was cut off
  CHECK_FALSE(p.s.read_only());
  CHECK(p.s.get("before") == "1");
  CHECK(p.s.contains("b"));
  // What fits does.
  std::error_code error;
  p.s.put("", "", 1, error);
  CHECK_FALSE(error);

  SECTION("room comes back while it is open") {
    p.files.limit_bytes(used + 100'000);
    CHECK_FALSE(p.put("c", 2));
    CHECK(p.after_crash().contains("c"));
  }
  SECTION("it is opened again on the full disk") {
    p.files.limit_bytes(p.files.used_bytes());
    p.s.close(error);
    auto again = open_store(p.files, p.how, error);
    INFO(again.recovery().error);
    CHECK_FALSE(error);
    CHECK(again.contains("b"));
    again.put("d", "1", 1, error);
    CHECK(error == std::errc::no_space_on_device);
    p.files.limit_bytes(used + 100'000);
    again.put("d", "2", 2, error);
    CHECK_FALSE(error);
    CHECK(again.get("d") == "2");
  }
  SECTION("the cut is not possible, either") {
    p.files.limit_bytes(p.files.used_bytes() + 30);
    p.files.fail({.call = file_call::truncate, .times = file_failure::for_ever});
    CHECK(p.put("c", 2) == std::errc::no_space_on_device);
    p.files.limit_bytes(used + 100'000);
    CHECK_FALSE(p.put("c", 3));
    CHECK(p.after_crash().contains("c"));
    p.files.heal();
    p.s.close(error);
    auto const again = open_store(p.files, p.how, error);
    CHECK_FALSE(error);
    CHECK(again.version_of("c") == 3);
  }
}

TEST_CASE("a disk that is full when the next segment is due", "[durable_store][fault]") {
  auto how = small_store();
  how.rotate_records = 1;
  prepared p(how);
  p.files.limit_bytes(p.files.used_bytes() + 20);
  CHECK(p.put("a") == std::errc::no_space_on_device);
  CHECK(p.put("a") == std::errc::no_space_on_device);
  CHECK_FALSE(p.s.read_only());
  p.files.limit_bytes(1'000'000);
  CHECK_FALSE(p.put("a", 2));
  CHECK_FALSE(p.put("b"));
  CHECK(p.after_crash().size() == 3);
}

TEST_CASE("errors of close are reported", "[durable_store][fault]") {
  prepared p;
  p.files.fail({.call = file_call::close});
  std::error_code error;
  p.s.close(error);
  CHECK(error == std::errc::io_error);
  CHECK(open_store(p.files, p.how, error).contains("before"));
  CHECK_FALSE(error);
}

TEST_CASE("a recovery that cannot read changes nothing", "[durable_store][fault]") {
  prepared p(small_store(2));
  std::error_code error;
  p.put("a");
  p.put("b");
  auto const files = p.files.killed(p.files.steps());
  auto const before = files.image();
  for (file_call const call : {file_call::list, file_call::open, file_call::size, file_call::read}) {
    for (std::uint64_t n = 0;; ++n) {
      std::uint64_t const so_far = files.failures();
      files.fail({.call = call, .nth = n, .path = call == file_call::list ? "folder" : ".log"});
      auto s = open_store(files, p.how, error);
      files.heal();
      if (files.failures() == so_far) break;
      INFO("call " << static_cast<int>(call) << ", the " << n);
      // The first that is opened to be written is opened when everything has been read.
      if (!error || files.image() != before) break;
      CHECK(error == std::errc::io_error);
      CHECK_FALSE(s.is_open());
      CHECK(s.size() == 0);
      CHECK(s.recovery().error.find("/folder") != std::string::npos);
      CHECK(files.image() == before);
    }
  }
  CHECK(files.failures() >= 4);
  CHECK(open_store(files, p.how, error).size() == 3);
}

TEST_CASE("two stores of a process: the second is told who has the folder", "[durable_store][fault]") {
  prepared p;
  std::error_code error;
  auto second = open_store(p.files, p.how, error);
  CHECK(error == durable_errc::locked);
  CHECK_FALSE(second.is_open());
  CHECK(second.recovery().error.find(std::to_string(::getpid())) != std::string::npos);
  CHECK_FALSE(p.put("a"));
  p.s.close();
  second = open_store(p.files, p.how, error);
  CHECK_FALSE(error);
  CHECK(second.contains("a"));

  // It waits as long as it is told to.
  p.how.lock_timeout = 60ms;
  auto const start = std::chrono::steady_clock::now();
  auto const third = open_store(p.files, p.how, error);
  CHECK(error == durable_errc::locked);
  CHECK(std::chrono::steady_clock::now() - start >= 60ms);
}

TEST_CASE("two processes: the second is told who has the folder, and gets it when the first has ended",
          "[durable_store][fault]") {
  auto const folder =
      std::filesystem::temp_directory_path() / ("tandem-lock-" + std::to_string(std::random_device()()));
  std::array<int, 2> ready, end;
  REQUIRE(::pipe(ready.data()) == 0);
  REQUIRE(::pipe(end.data()) == 0);
  ::pid_t const first = ::fork();
  REQUIRE(first >= 0);
  if (first == 0) {
    ::close(end[1]);
    std::error_code error;
    auto s = tandem::durable_store<>::open(folder, {}, error);
    if (!error) s.put("a", "1", 1, error);
    char const answer = error ? 'n' : 'y';
    if (::write(ready[1], &answer, 1) != 1) ::_exit(2);
    char c;
    static_cast<void>(!::read(end[0], &c, 1));
    ::_exit(0);  // without closing it
  }
  ::close(end[0]);
  char answer = '?';
  REQUIRE(::read(ready[0], &answer, 1) == 1);
  REQUIRE(answer == 'y');

  std::error_code error;
  tandem::durable_options how;
  how.lock_timeout = 20ms;
  {
    auto const second = tandem::durable_store<>::open(folder, how, error);
    CHECK(error == durable_errc::locked);
    CHECK(second.recovery().error.find(std::to_string(first)) != std::string::npos);
    INFO(second.recovery().error);
    try {
      static_cast<void>(tandem::durable_store<>::open(folder, how));
      FAIL("opened twice");
    } catch (const std::system_error& e) {
      CHECK(std::string(e.what()).find(std::to_string(first)) != std::string::npos);
    }
  }
  // The first one ends while the second waits.
  how.lock_timeout = 20s;
  ::close(end[1]);
  {
    auto const second = tandem::durable_store<>::open(folder, how, error);
    CHECK_FALSE(error);
    CHECK(second.get("a") == "1");
  }
  int status = 0;
  CHECK(::waitpid(first, &status, 0) == first);
  ::close(ready[0]);
  ::close(ready[1]);
  std::filesystem::remove_all(folder);
}
