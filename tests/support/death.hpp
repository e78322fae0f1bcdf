// Functions that are meant to end the process: run in a child, so that the test can look at how they ended.
//
//   auto const end = run_in_child([] { std::abort(); });
//   CHECK(end.signal == SIGABRT);
//   CHECK(end.output == "");
//
// The child is a fork of the calling process. Call this while the process has one thread only, as a test case does that
// has joined its threads; the function may then start threads itself. It runs without the test framework: nothing it
// does reaches the report, but what it prints to the standard error comes back. It ends by returning, which is status
// 0, by _exit(status), by exec, or by a signal; after a time limit by SIGALRM. Exceptions that leave it are status 70.
//
// POSIX only.
#ifndef TANDEM_TESTS_SUPPORT_DEATH_HPP
#define TANDEM_TESTS_SUPPORT_DEATH_HPP

#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>

namespace tandem::test {

struct process_end {
  int status = -1;     // of a process that exited; else -1
  int signal = 0;      // that ended it, or 0
  std::string output;  // what it wrote to its standard error

  bool says(std::string_view what) const { return output.find(what) != std::string::npos; }
};

inline constexpr int status_of_exception = 70;
inline constexpr unsigned child_limit_seconds = 60;

namespace detail {

// What the child does; it does not come back.
template <class F>
[[noreturn]] void be_child(int output, F& f) {
  dup2(output, STDERR_FILENO);
  close(output);
  // The framework's handlers would report the parent's test, and a core file is of no use.
  for (int s : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTERM, SIGINT}) std::signal(s, SIG_DFL);
  rlimit const none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  alarm(child_limit_seconds);
  int status = 0;
  try {
    f();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "exception: %s\n", e.what());
    status = status_of_exception;
  } catch (...) {
    status = status_of_exception;
  }
  std::fflush(stderr);
  _exit(status);
}

inline std::string read_all(int from) {
  std::string text;
  char buffer[4096];
  for (;;) {
    ssize_t const n = read(from, buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR)) return text;
  }
}

}  // namespace detail

template <class F>
process_end run_in_child(F f) {
  int ends[2];
  if (pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  std::fflush(stdout);
  std::fflush(stderr);
  pid_t const child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    close(ends[0]);
    detail::be_child(ends[1], f);
  }
  close(ends[1]);
  process_end end;
  end.output = detail::read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

}  // namespace tandem::test

#endif
