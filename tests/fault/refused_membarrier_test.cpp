// A system without a heavy barrier: what left_right does where the kernel, or a sandbox, refuses membarrier(2).
//
// The refusal comes from a seccomp filter in a child process. Whether there is a heavy barrier is asked once per
// process, so the child starts this program anew, with the filter in place, and runs one of the hidden test cases
// below.
#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/thread_runner.hpp"

#include <tandem/left_right.hpp>

#if defined(__linux__)

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <utility>

namespace {

using tandem::test::process_end;
using tandem::test::run_in_child;

template <class Fences>
struct with : tandem::left_right_options {
  using fences = Fences;
};

struct bump {};

// Two numbers that are equal wherever a reader can look.
struct twins {
  std::uint64_t one = 0;
  std::uint64_t other = 0;
  void absorb_first(bump&, const twins&) {
    ++one;
    ++other;
  }
};

constexpr int status_no_seccomp = 90;
constexpr int status_no_exec = 91;

// From now on membarrier fails with `error` on this thread and those that it starts, also after an exec. The filter
// looks at the number alone: this process makes calls of one architecture only.
bool refuse_membarrier(int error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (static_cast<unsigned>(error) & SECCOMP_RET_DATA)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog const filter{static_cast<unsigned short>(std::size(program)), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

// The error of asking what membarrier offers; 0 if it answers.
int refusal() {
  errno = 0;
  return tandem::detail::membarrier(MEMBARRIER_CMD_QUERY) < 0 ? errno : 0;
}

// Runs the test case with this tag in a process of its own, with a refusing filter, unless error is 0.
process_end run_anew(const char* tag, int error) {
  return run_in_child([=] {
    if (error != 0 && !refuse_membarrier(error)) {
      std::fprintf(stderr, "no seccomp filter: %s\n", std::strerror(errno));
      _exit(status_no_seccomp);
    }
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execl("/proc/self/exe", "refused_membarrier_test", tag, static_cast<char*>(nullptr));
    _exit(status_no_exec);
  });
}

void check_passed(const process_end& end) {
  if (end.status == status_no_seccomp) {
    WARN("NOT CHECKED: " << end.output);
    SUCCEED("nothing to check");
    return;
  }
  INFO("status " << end.status << ", signal " << end.signal << ", output:\n" << end.output);
  CHECK(end.status == 0);
  CHECK(end.says("All tests passed"));
}

// What is run in the child: left_rights that would like to be light work, and are not.
template <class Fences>
void check_works_without_heavy_barrier() {
  auto pair = tandem::make_left_right<twins, bump, with<Fences>>();
  auto& writer = pair.first;
  auto const& reader = pair.second;
  CHECK_FALSE(writer.stats().readers_are_light);
  for (std::uint64_t n = 1; n <= 100; ++n) {
    writer.append({}).publish();
    REQUIRE(reader.enter()->one == n);
  }
  auto guard = reader.enter();
  writer.append({}).publish();
  CHECK(guard->one == 100);
  CHECK_FALSE(writer.try_publish());
  guard.reset();
  CHECK(writer.try_publish());

  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> reads = 0;
  tandem::test::run_together(
      [&](tandem::test::thread_group& group) {
        for (int i = 0; (i < 20'000 || reads.load(std::memory_order_relaxed) < 20'000) && !group.failed(); ++i) {
          writer.append({}).publish();
        }
        done.store(true, std::memory_order_relaxed);
      },
      [&, mine = reader] {
        while (!done.load(std::memory_order_relaxed)) {
          auto const g = mine.enter();
          if (g->one != g->other) tandem::test::fail("a reader saw half of an operation");
          reads.fetch_add(1, std::memory_order_relaxed);
        }
      },
      [&, mine = reader] {
        std::uint64_t last = 0;
        while (!done.load(std::memory_order_relaxed)) {
          auto const g = mine.enter();
          if (g->one < last) tandem::test::fail("a reader went back");
          last = g->one;
          if (g->one != g->other) tandem::test::fail("a reader saw half of an operation");
          reads.fetch_add(1, std::memory_order_relaxed);
        }
      });
  CHECK(reads.load(std::memory_order_relaxed) >= 20'000);
  CHECK_FALSE(writer.stats().readers_are_light);
  CHECK(writer.stats().heavy_barriers == 0);
}

void check_refused(int error) {
  REQUIRE(refusal() == error);  // or this hidden test case was run by hand
  CHECK_FALSE(tandem::heavy_barrier_available());
  check_works_without_heavy_barrier<tandem::asymmetric_fences>();
  check_works_without_heavy_barrier<tandem::automatic_fences>();
  check_works_without_heavy_barrier<tandem::symmetric_fences>();
}

}  // namespace

TEST_CASE("in a process whose membarrier fails with EPERM, readers use fences", "[.][refused_with_eperm]") {
  check_refused(EPERM);
}
TEST_CASE("in a process whose membarrier fails with ENOSYS, readers use fences", "[.][refused_with_enosys]") {
  check_refused(ENOSYS);
}

TEST_CASE("where the system refuses membarrier, readers use fences and everything works", "[fences][fault]") {
  SECTION("with EPERM, as a sandbox does") { check_passed(run_anew("[refused_with_eperm]", EPERM)); }
  SECTION("with ENOSYS, as an old kernel does") { check_passed(run_anew("[refused_with_enosys]", ENOSYS)); }
}

namespace {

constexpr int status_went_on = 92;

void check_ended(const process_end& end) {
  if (end.status == status_no_seccomp) {
    WARN("NOT CHECKED: no seccomp filter");
    SUCCEED("nothing to check");
    return;
  }
  INFO("status " << end.status << ", signal " << end.signal << ", output: " << end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("tandem: the system refused a memory barrier that it had offered before"));
}

}  // namespace

TEST_CASE("a system that refuses a barrier that it had offered ends the process with a message", "[fences][fault]") {
  if (refusal() != 0) {
    WARN("NOT CHECKED: this system has no membarrier");
    SUCCEED("nothing to check");
    return;
  }
  for (int const error : {EPERM, ENOSYS}) {
    check_ended(run_in_child([=] {
      if (!tandem::detail::register_heavy_barrier()) _exit(93);
      tandem::heavy_barrier();
      if (!refuse_membarrier(error)) _exit(status_no_seccomp);
      tandem::heavy_barrier();
      _exit(status_went_on);
    }));
  }
}

TEST_CASE("a publish whose barrier is refused ends the process with a message", "[fences][fault]") {
  if (!tandem::heavy_barrier_available()) {
    WARN("NOT CHECKED: there is no heavy barrier here");
    SUCCEED("nothing to check");
    return;
  }
  for (int const error : {EPERM, ENOSYS}) {
    check_ended(run_in_child([=] {
      auto [writer, reader] = tandem::make_left_right<twins, bump, with<tandem::asymmetric_fences>>();
      writer.publish();
      if (!refuse_membarrier(error)) _exit(status_no_seccomp);
      writer.append({}).publish();
      _exit(status_went_on);
    }));
  }
}

#endif
