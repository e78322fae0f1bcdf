// The small parts under left_right: when automatic_fences goes light, how backoff waits, events, deadlines, and whether
// the system's heavy barrier is there. What the barriers do to memory is in tests/litmus/litmus_test.cpp.
#include "support/catch.hpp"

#include <tandem/sync/atomic.hpp>
#include <tandem/sync/backoff.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/fence_choice.hpp>
#include <tandem/sync/fences.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <limits>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;

// A choice and the clock that it looks at.
struct choosing {
  using choice = tandem::fence_choice<tandem::automatic_fences>;

  bool publish_after(std::chrono::nanoseconds interval) {
    now += interval;
    return policy.light([this] {
      ++looks;
      return now;
    });
  }

  // Publishes `n` times; whether all of them were light, or none.
  bool all_light(int n, std::chrono::nanoseconds interval) {
    bool all = true;
    for (int i = 0; i != n; ++i) all = publish_after(interval) && all;
    return all;
  }
  bool none_light(int n, std::chrono::nanoseconds interval) {
    bool any = false;
    for (int i = 0; i != n; ++i) any = publish_after(interval) || any;
    return !any;
  }

  // Makes every barrier take this long, for long enough that the average says so.
  void barriers_take(std::chrono::nanoseconds d) {
    for (int i = 0; i != 100; ++i) policy.barrier_took(d);
  }

  choice policy;
  choice::clock::time_point now = choice::clock::now();
  int looks = 0;
};

}  // namespace

TEST_CASE("the first publish is light", "[fences]") {
  choosing c;
  CHECK(c.publish_after(0ns));
}

TEST_CASE("a writer that publishes rarely keeps its readers light", "[fences]") {
  choosing c;
  CHECK(c.all_light(1000, 1ms));
}

TEST_CASE("a writer that publishes often makes its readers symmetric", "[fences]") {
  choosing c;
  REQUIRE(c.publish_after(1us));
  CHECK(c.none_light(1000, 1us));
}

TEST_CASE("a writer that publishes less often becomes light again", "[fences]") {
  choosing c;
  REQUIRE(c.publish_after(1us));
  REQUIRE(c.none_light(100, 1us));
  int publishes = 1;
  while (!c.publish_after(1ms)) REQUIRE(++publishes < 1000);
  CHECK(publishes <= 2 * choosing::choice::publishes_per_look);
  CHECK(c.all_light(100, 1ms));
  // And back again.
  CHECK(c.none_light(100, 1us));
}

TEST_CASE("between the two limits a writer stays with what it has", "[fences]") {
  // Barriers of 100 us: light from intervals over 1000 us, symmetric from 500 us down.
  choosing c;
  c.barriers_take(100us);
  REQUIRE(c.publish_after(1s));
  CHECK(c.all_light(100, 750us));
  CHECK(c.none_light(100, 400us));
  CHECK(c.none_light(100, 750us));
  CHECK_FALSE(c.none_light(16, 1500us));
  CHECK(c.all_light(100, 750us));
}

TEST_CASE("the dearer a barrier, the rarer are light publishes", "[fences]") {
  choosing c;
  REQUIRE(c.publish_after(1s));
  CHECK(c.all_light(100, 100us));
  c.barriers_take(100us);
  CHECK(c.none_light(100, 100us));
  c.barriers_take(1us);
  CHECK_FALSE(c.none_light(16, 100us));
}

TEST_CASE("one barrier that was preempted decides nothing", "[fences]") {
  choosing c;
  c.barriers_take(2us);
  REQUIRE(c.publish_after(1s));
  c.policy.barrier_took(10s);
  CHECK(c.all_light(100, 50us));
}

TEST_CASE("barriers that seem to take no time still count", "[fences]") {
  choosing c;
  c.barriers_take(0ns);
  REQUIRE(c.publish_after(1s));
  CHECK(c.all_light(100, 3us));
  CHECK(c.none_light(100, 1us));
}

TEST_CASE("in the symmetric form the clock is read at every eighth publish only", "[fences]") {
  choosing c;
  REQUIRE(c.publish_after(1us));
  REQUIRE_FALSE(c.publish_after(1us));
  c.looks = 0;
  REQUIRE(c.none_light(80, 1us));
  CHECK(c.looks == 10);
}

TEST_CASE("a look after a pause sees the average of all publishes since the last one", "[fences]") {
  choosing c;
  REQUIRE(c.publish_after(1us));
  REQUIRE_FALSE(c.publish_after(1us));
  // Seven publishes at once and a pause: 8 ms for eight are rare enough.
  REQUIRE(c.none_light(7, 0ns));
  CHECK(c.publish_after(8ms));
}

TEST_CASE("the other policies do not choose", "[fences]") {
  using symmetric = tandem::fence_choice<tandem::symmetric_fences>;
  using asymmetric = tandem::fence_choice<tandem::asymmetric_fences>;
  STATIC_REQUIRE_FALSE(symmetric::may_be_light);
  STATIC_REQUIRE_FALSE(symmetric::light());
  STATIC_REQUIRE(asymmetric::may_be_light);
  STATIC_REQUIRE(asymmetric::light());
  STATIC_REQUIRE_FALSE(symmetric::timed);
  STATIC_REQUIRE_FALSE(asymmetric::timed);
  STATIC_REQUIRE(std::is_empty_v<symmetric>);
  STATIC_REQUIRE(std::is_empty_v<asymmetric>);
  SUCCEED("checked by the compiler");
}

TEST_CASE("whether there is a heavy barrier is answered once and for all", "[fences]") {
  bool const available = tandem::heavy_barrier_available();
  for (int i = 0; i != 3; ++i) CHECK(tandem::heavy_barrier_available() == available);
  CHECK(tandem::std_atomics::heavy_barrier_available() == available);
  if (tandem::detail::thread_sanitizer) CHECK_FALSE(available);
  if (available) {
    for (int i = 0; i != 3; ++i) tandem::heavy_barrier();
    SUCCEED("it returned");
  } else if (!tandem::detail::thread_sanitizer) {
    WARN("this system has no heavy barrier");
  }
}

TEST_CASE("threads that live at the same time have different names", "[fences]") {
  const void* const here = tandem::std_atomics::this_thread();
  CHECK(here != nullptr);
  CHECK(here == tandem::std_atomics::this_thread());
  const void* there = nullptr;
  std::thread([&] { there = tandem::std_atomics::this_thread(); }).join();
  CHECK(there != nullptr);
  CHECK(here != there);
}

// ---- backoff

namespace {

struct recorded_atomics {
  static inline int pauses = 0;
  static inline int yields = 0;
  static inline std::vector<std::chrono::nanoseconds> sleeps;

  static void reset() {
    pauses = yields = 0;
    sleeps.clear();
  }

  static void pause() noexcept { ++pauses; }
  static void yield() noexcept { ++yields; }
  static void sleep(std::chrono::nanoseconds d) noexcept { sleeps.push_back(d); }
};

using recorded_backoff = tandem::backoff<recorded_atomics>;

}  // namespace

TEST_CASE("backoff spins, then yields, then sleeps", "[backoff]") {
  recorded_atomics::reset();
  recorded_backoff wait;
  CHECK_FALSE(wait.is_long());
  for (int i = 0; i != recorded_backoff::spins; ++i) wait();
  CHECK(recorded_atomics::pauses == recorded_backoff::spins);
  CHECK(recorded_atomics::yields == 0);
  CHECK(wait.is_long());
  for (int i = 0; i != recorded_backoff::yields; ++i) wait();
  CHECK(recorded_atomics::yields == recorded_backoff::yields);
  CHECK(recorded_atomics::sleeps.empty());
  wait();
  CHECK(recorded_atomics::pauses == recorded_backoff::spins);
  CHECK(recorded_atomics::yields == recorded_backoff::yields);
  CHECK(recorded_atomics::sleeps.size() == 1);
}

TEST_CASE("backoff sleeps longer each time, up to a cap", "[backoff]") {
  recorded_atomics::reset();
  recorded_backoff wait;
  for (int i = 0; i != recorded_backoff::spins + recorded_backoff::yields + 50; ++i) wait();
  auto const& sleeps = recorded_atomics::sleeps;
  REQUIRE(sleeps.size() == 50);
  CHECK(sleeps.front() == recorded_backoff::first_sleep);
  for (std::size_t i = 1; i != sleeps.size(); ++i) {
    CHECK(sleeps[i] == std::min(2 * sleeps[i - 1], recorded_backoff::longest_sleep));
  }
  CHECK(sleeps.back() == recorded_backoff::longest_sleep);
}

TEST_CASE("backoff sleeps no longer than it is told", "[backoff]") {
  recorded_atomics::reset();
  recorded_backoff wait;
  while (recorded_atomics::sleeps.size() != 20) wait();
  for (auto limit : {std::chrono::nanoseconds(5us), std::chrono::nanoseconds(0), std::chrono::nanoseconds(-1h)}) {
    wait(limit);
    CHECK(recorded_atomics::sleeps.back() == std::max(limit, 0ns));
  }
  wait(std::chrono::nanoseconds::max());
  CHECK(recorded_atomics::sleeps.back() == recorded_backoff::longest_sleep);
}

TEST_CASE("a time after a duration of any unit is expressed or clamped", "[backoff]") {
  using clock = std::chrono::steady_clock;
  auto const before = clock::now();
  auto const soon = tandem::time_after(10s);
  auto const after = clock::now();
  CHECK(soon >= before + 10s);
  CHECK(soon <= after + 10s);
  CHECK(tandem::time_after(std::chrono::duration<double>(0.5)) >= after + 500ms);
  CHECK(tandem::time_after(std::chrono::duration<int, std::pico>(1)) >= after + 1ns);
  CHECK(tandem::time_after(-1h) < after);
  CHECK(tandem::time_after(clock::duration::max()) == clock::time_point::max());
  CHECK(tandem::time_after(std::chrono::hours::max()) == clock::time_point::max());
  CHECK(tandem::time_after(std::chrono::hours::min()) == clock::time_point::min());
  CHECK(tandem::time_after(std::chrono::duration<double>(std::numeric_limits<double>::infinity())) ==
        clock::time_point::max());
}

// ---- event

TEST_CASE("an event that is true already does not wait", "[event]") {
  tandem::event<> changed;
  CHECK(changed.wait_until(tandem::event<>::forever, [] { return true; }));
  CHECK(changed.wait_until(std::chrono::steady_clock::time_point::min(), [] { return true; }));
}

TEST_CASE("an event that never comes is waited for until the deadline", "[event]") {
  tandem::event<> changed;
  changed.notify();  // for nobody: it leaves no trace
  auto const deadline = std::chrono::steady_clock::now() + 5ms;
  CHECK_FALSE(changed.wait_until(deadline, [] { return false; }));
  CHECK(std::chrono::steady_clock::now() >= deadline);
  CHECK_FALSE(changed.wait_until(std::chrono::steady_clock::time_point::min(), [] { return false; }));
}

TEST_CASE("no event is missed, however closely it follows the look", "[event]") {
  // Ping-pong without anything else to wake a thread: a lost wake-up is a test that never ends.
  tandem::event<> ping;
  tandem::event<> pong;
  std::atomic<std::uint32_t> pinged{0};
  std::atomic<std::uint32_t> ponged{0};
  constexpr std::uint32_t rounds = 2000;
  // order[say]: seq_cst store; pairs with [hear]: as event asks for.
  auto const say = [](std::atomic<std::uint32_t>& word, std::uint32_t n) { word.store(n, std::memory_order_seq_cst); };
  // order[hear]: seq_cst load; pairs with [say]: as event asks for.
  auto const hears = [](std::atomic<std::uint32_t>& word, std::uint32_t n) {
    return [&word, n] { return word.load(std::memory_order_seq_cst) >= n; };
  };
  std::thread other([&] {
    for (std::uint32_t i = 1; i <= rounds; ++i) {
      ping.wait_until(tandem::event<>::forever, hears(pinged, i));
      say(ponged, i);
      pong.notify();
    }
  });
  bool answered = true;
  for (std::uint32_t i = 1; i <= rounds; ++i) {
    say(pinged, i);
    ping.notify();
    answered = pong.wait_until(tandem::event<>::forever, hears(ponged, i)) && answered;
  }
  other.join();
  CHECK(answered);
}

TEST_CASE("one notification wakes all who wait for it", "[event]") {
  tandem::event<> changed;
  std::atomic<int> word{0};
  constexpr int waiters = 5;
  std::latch ready(waiters);
  std::vector<std::thread> threads;
  for (int i = 0; i != waiters; ++i) {
    threads.emplace_back([&] {
      ready.count_down();
      // order[woken]: seq_cst load; pairs with [wake]: as event asks for.
      changed.wait_until(tandem::event<>::forever, [&] { return word.load(std::memory_order_seq_cst) != 0; });
    });
  }
  ready.wait();
  // order[wake]: seq_cst store; pairs with [woken]: as event asks for.
  word.store(1, std::memory_order_seq_cst);
  changed.notify();
  for (auto& t : threads) t.join();
  SUCCEED("all of them have ended");
}
