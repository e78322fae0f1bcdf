// The runner of threads is what the stress tests stand on: it must run every worker, and it must not swallow a failure.
#include "support/thread_runner.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace tandem::test {
namespace {

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const thread_failure& e) {
    return e.what();
  }
  return "no failure";
}

TEST_CASE("run_threads returns what each worker returned, in their order", "[support]") {
  auto const results = run_threads(3, [](std::size_t i) { return 10 * i; });
  REQUIRE(results == std::vector<std::size_t>{0, 10, 20});
  REQUIRE(run_threads(3, [](std::size_t i) { return i == 1; }) == std::vector<bool>{false, true, false});
}

TEST_CASE("no worker begins before all have arrived", "[support]") {
  // Each waits for all the others inside: if they ran one after another, this would never end.
  std::atomic<std::size_t> inside = 0;
  run_threads(4, [&](std::size_t) {
    ++inside;
    while (inside != 4) std::this_thread::yield();
  });
  REQUIRE(inside == 4);
}

TEST_CASE("a failing worker fails the run, by its number and words", "[support]") {
  REQUIRE(message_of([] {
            run_threads(3, [](std::size_t i) {
              if (i == 2) fail("the sides differ");
            });
          }) == "worker 2: the sides differ");
}

TEST_CASE("an exception in a worker fails the run", "[support]") {
  REQUIRE(message_of([] { run_threads(1, [](std::size_t) { throw std::logic_error("thrown"); }); }) ==
          "worker 0: thrown");
  REQUIRE(message_of([] { run_threads(1, [](std::size_t) { throw 1; }); }) == "worker 0: an exception of unknown type");
}

TEST_CASE("a failure is seen by the other workers, which can stop", "[support]") {
  REQUIRE(message_of([] {
            run_together(
                [](thread_group& group) {
                  while (!group.failed()) std::this_thread::yield();
                },
                [] { fail("first"); });
          }) == "worker 1: first");
}

TEST_CASE("run_together calls each function once", "[support]") {
  std::atomic<int> sum = 0;
  run_together([&] { sum += 1; }, [&] { sum += 10; }, [&](thread_group&) { sum += 100; });
  REQUIRE(sum == 111);
}

}  // namespace
}  // namespace tandem::test
