// What left_right says to those who break its preconditions, in builds with asserts: it ends the process with a
// message. Without asserts there is nothing to check here, and these tests say so.
#include "support/catch.hpp"
#include "support/death.hpp"

#include <tandem/left_right.hpp>

#include <unistd.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using tandem::test::process_end;
using tandem::test::run_in_child;

using fence_policies = std::tuple<tandem::symmetric_fences, tandem::asymmetric_fences, tandem::automatic_fences>;

template <class Fences>
struct with : tandem::left_right_options {
  using fences = Fences;
};

struct call {
  std::function<void()> what;
};

// Its operations are calls, so that one of them can call the writer.
struct caller {
  int calls = 0;
  void absorb_first(call& op, const caller&) {
    ++calls;
    if (op.what) op.what();
  }
};

template <class Fences>
auto make() {
  return tandem::make_left_right<caller, call, with<Fences>>();
}

void check_diagnosed(const process_end& end, const char* message) {
  INFO("status " << end.status << ", signal " << end.signal << ", output: " << end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("tandem: "));
  CHECK(end.says(message));
}

// Whether there is anything to check. Says so if not.
bool diagnosed() {
  if constexpr (tandem::detail::diagnoses_misuse) return true;
  WARN("built without asserts: misuse is not diagnosed, and not checked");
  SUCCEED("nothing to check");
  return false;
}

constexpr const char* own_guard = "waiting for a guard that the calling thread holds itself";
constexpr const char* two_threads = "a reader is used by two threads at once";
constexpr const char* reentered = "a writer was called by one of the operations that it is applying";
constexpr const char* empty_guard = "an empty guard was used";
constexpr const char* never_new = "wait_for_version() under a guard of the same reader";

}  // namespace

TEST_CASE("a child's end is told apart", "[death]") {
  SECTION("returning") {
    auto const end = run_in_child([] { std::fputs("words", stderr); });
    CHECK(end.status == 0);
    CHECK(end.signal == 0);
    CHECK(end.output == "words");
  }
  SECTION("a status") {
    CHECK(run_in_child([] { _exit(3); }).status == 3);
  }
  SECTION("a signal") {
    auto const end = run_in_child([] { std::abort(); });
    CHECK(end.status == -1);
    CHECK(end.signal == SIGABRT);
  }
  SECTION("an exception") {
    auto const end = run_in_child([] { throw std::runtime_error("reason"); });
    CHECK(end.status == tandem::test::status_of_exception);
    CHECK(end.says("reason"));
  }
  SECTION("more output than a pipe holds") {
    auto const end = run_in_child([] {
      for (int i = 0; i != 3000; ++i)
        std::fputs("a line of some length, again and again and again and again\n", stderr);
    });
    CHECK(end.status == 0);
    CHECK(end.output.size() > 3000 * 50);
  }
  SECTION("threads of its own") {
    auto const end = run_in_child([] {
      int n = 0;
      std::thread([&] { n = 1; }).join();
      if (n == 1) _exit(4);
    });
    CHECK(end.status == 4);
  }
}

TEMPLATE_LIST_TEST_CASE("waiting for one's own guard ends the process with a message", "[left_right][misuse]",
                        fence_policies) {
  if (!diagnosed()) return;
  SECTION("in publish") {
    check_diagnosed(run_in_child([] {
                      auto [writer, reader] = make<TestType>();
                      auto const guard = reader.enter();
                      writer.publish();
                      writer.publish();
                    }),
                    own_guard);
  }
  SECTION("in preview") {
    check_diagnosed(run_in_child([] {
                      auto [writer, reader] = make<TestType>();
                      auto const guard = reader.enter();
                      writer.publish();
                      static_cast<void>(writer.preview());
                    }),
                    own_guard);
  }
  SECTION("in publish_for without an end") {
    check_diagnosed(run_in_child([] {
                      auto [writer, reader] = make<TestType>();
                      auto const guard = reader.enter();
                      writer.publish();
                      writer.publish_for(std::chrono::hours::max());
                    }),
                    own_guard);
  }
  SECTION("in take") {
    check_diagnosed(run_in_child([] {
                      auto [writer, reader] = make<TestType>();
                      auto const guard = reader.enter();
                      static_cast<void>(std::move(writer).take());
                    }),
                    own_guard);
  }
  SECTION("in the writer's destructor") {
    check_diagnosed(run_in_child([] {
                      auto pair = make<TestType>();
                      auto const guard = pair.second.enter();
                      auto const writer = std::move(pair.first);
                    }),
                    own_guard);
  }
  SECTION("in the writer's assignment") {
    check_diagnosed(run_in_child([] {
                      auto [writer, reader] = make<TestType>();
                      auto const guard = reader.enter();
                      writer = make<TestType>().first;
                    }),
                    own_guard);
  }
  SECTION("also where the handle is gone, or another reader is held too") {
    check_diagnosed(run_in_child([] {
                      auto pair = make<TestType>();
                      auto const before = pair.second.enter();
                      auto const guard = pair.first.make_reader().enter();
                      auto const after = pair.second.factory().make_reader().enter();
                      pair.first.publish();
                      pair.first.publish();
                    }),
                    own_guard);
  }
}

TEMPLATE_LIST_TEST_CASE("publishing under one's own guard is legal while nobody has to wait", "[left_right][misuse]",
                        fence_policies) {
  auto const end = run_in_child([] {
    auto [writer, reader] = make<TestType>();
    writer.publish();
    auto const guard = reader.enter();
    writer.publish();
    if (writer.try_publish() || writer.publish_for(std::chrono::milliseconds(1))) _exit(1);
    if (reader.factory().make_reader().version() != 2) _exit(2);
  });
  CHECK(end.status == 0);
  CHECK(end.output.empty());
}

TEMPLATE_LIST_TEST_CASE("two threads that use one reader at once end the process with a message",
                        "[left_right][misuse]", fence_policies) {
  if (!diagnosed()) return;
  check_diagnosed(run_in_child([] {
                    auto pair = make<TestType>();
                    auto const& reader = pair.second;
                    auto const guard = reader.enter();
                    std::thread([&reader] { static_cast<void>(reader.enter()); }).join();
                  }),
                  two_threads);
}

TEMPLATE_LIST_TEST_CASE("two threads may use one reader one after the other", "[left_right][misuse]", fence_policies) {
  auto const end = run_in_child([] {
    auto pair = make<TestType>();
    auto const& reader = pair.second;
    reader.enter().reset();
    bool entered = false;
    std::thread([&] { entered = static_cast<bool>(reader.enter()); }).join();
    if (!entered || !reader.enter()) _exit(1);
  });
  CHECK(end.status == 0);
  CHECK(end.output.empty());
}

TEMPLATE_LIST_TEST_CASE("an operation that calls its writer ends the process with a message", "[left_right][misuse]",
                        fence_policies) {
  if (!diagnosed()) return;
  using writer_type = typename tandem::left_right<caller, call, with<TestType>>::writer;
  auto const calling = [](void (*what)(writer_type&)) {
    return [what] {
      auto pair = make<TestType>();
      auto& writer = pair.first;
      writer.append({[&writer, what] { what(writer); }});
      writer.publish();
    };
  };
  SECTION("append") {
    check_diagnosed(run_in_child(calling([](writer_type& w) { w.append({}); })), reentered);
  }
  SECTION("append_range") {
    check_diagnosed(run_in_child(calling([](writer_type& w) { w.append_range(std::vector<call>(1)); })), reentered);
  }
  SECTION("publish") {
    check_diagnosed(run_in_child(calling([](writer_type& w) { w.publish(); })), reentered);
  }
  SECTION("try_publish") {
    check_diagnosed(run_in_child(calling([](writer_type& w) { w.try_publish(); })), reentered);
  }
  SECTION("flush") {
    check_diagnosed(run_in_child(calling([](writer_type& w) { w.flush(); })), reentered);
  }
  SECTION("preview") {
    check_diagnosed(run_in_child(calling([](writer_type& w) { static_cast<void>(w.preview()); })), reentered);
  }
  SECTION("discard_pending") {
    check_diagnosed(run_in_child(calling([](writer_type& w) { w.discard_pending(); })), reentered);
  }
  SECTION("also when it is applied for the second time") {
    check_diagnosed(run_in_child([] {
                      auto pair = make<TestType>();
                      auto& writer = pair.first;
                      bool again = false;
                      writer.append({[&] {
                        if (again) writer.publish();
                        again = true;
                      }});
                      writer.publish();
                      writer.publish();
                    }),
                    reentered);
  }
}

TEMPLATE_LIST_TEST_CASE("a writer whose operation threw may be called again", "[left_right][misuse]", fence_policies) {
  auto const end = run_in_child([] {
    auto [writer, reader] = make<TestType>();
    writer.append({[] { throw std::runtime_error("operation"); }});
    try {
      writer.publish();
      _exit(1);
    } catch (const std::runtime_error&) {
    }
    writer.append({});
    writer.discard_pending();
    writer.publish();
    if (reader.enter()->calls != 0) _exit(2);
  });
  INFO(end.output);
  CHECK(end.status == 0);
}

TEMPLATE_LIST_TEST_CASE("wait_for_version under a guard of the same reader ends the process with a message",
                        "[left_right][misuse]", fence_policies) {
  if (!diagnosed()) return;
  check_diagnosed(run_in_child([] {
                    auto [writer, reader] = make<TestType>();
                    auto const guard = reader.enter();
                    writer.publish();
                    reader.wait_for_version(1);
                  }),
                  never_new);
  check_diagnosed(run_in_child([] {
                    auto [writer, reader] = make<TestType>();
                    auto const guard = reader.enter();
                    reader.wait_for_version(1, std::chrono::milliseconds(1));
                  }),
                  never_new);
}

TEMPLATE_LIST_TEST_CASE("using an empty guard ends the process with a message", "[left_right][misuse]",
                        fence_policies) {
  if (!diagnosed()) return;
  using guard_type = typename tandem::left_right<caller, call, with<TestType>>::guard;
  auto const using_it = [](void (*what)(guard_type&)) {
    return [what] {
      auto [writer, reader] = make<TestType>();
      auto guard = reader.enter();
      auto const moved_on = std::move(guard);
      what(guard);
    };
  };
  // Where what is read goes, so that the reading is not left out.
  static std::atomic<int> seen = 0;
  SECTION("by *") {
    check_diagnosed(run_in_child(using_it([](guard_type& g) { seen.store((*g).calls, std::memory_order_relaxed); })),
                    empty_guard);
  }
  SECTION("by ->") {
    check_diagnosed(run_in_child(using_it([](guard_type& g) { seen.store(g->calls, std::memory_order_relaxed); })),
                    empty_guard);
  }
  SECTION("by version") {
    check_diagnosed(run_in_child(using_it(
                        [](guard_type& g) { seen.store(static_cast<int>(g.version()), std::memory_order_relaxed); })),
                    empty_guard);
  }
  SECTION("by map") {
    check_diagnosed(run_in_child(using_it([](guard_type& g) {
                      auto const part = std::move(g).map([](const caller& c) -> const int& { return c.calls; });
                      seen.store(*part, std::memory_order_relaxed);
                    })),
                    empty_guard);
  }
}
