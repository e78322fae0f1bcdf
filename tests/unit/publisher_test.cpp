// background_publisher: when it publishes, whom it makes wait, and where failures come out. Most tests use a writer that does
// nothing but keep a record, so that the outcome does not depend on who runs when.
#include <tandem/publisher.hpp>

#include <tandem/evmap.hpp>
#include <tandem/left_right.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

// What the threads of a test tell each other about a writer.
struct record {
  template <class Condition>
  void wait(Condition condition) {
    std::unique_lock hold(mutex);
    changed.wait(hold, condition);
  }
  template <class Change>
  void change(Change f) {
    {
      std::scoped_lock const hold(mutex);
      f();
    }
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;
  int publishes = 0;
  int declined = 0;
  int failed = 0;
  bool reader_in_the_way = false;
  bool fail = false;
};

struct fake_writer {
  explicit fake_writer(record& r) : to(&r) {}
  fake_writer(fake_writer&&) = default;
  fake_writer& operator=(fake_writer&&) = default;

  void add(std::size_t n = 1) { changes += n; }
  std::size_t pending() const { return changes; }
  bool try_publish() {
    bool in_the_way = false;
    bool fails = false;
    to->change([&] {
      in_the_way = to->reader_in_the_way;
      fails = to->fail;
      to->declined += in_the_way;
      to->failed += fails;
    });
    if (in_the_way) return false;
    if (fails) throw std::domain_error("cannot publish");
    changes = 0;
    to->change([&] { ++to->publishes; });
    return true;
  }
  void publish() {
    if (!try_publish()) throw std::logic_error("would wait");
  }

  record* to;
  std::size_t changes = 0;
};

using publisher = tandem::background_publisher<fake_writer>;
auto const add = [](fake_writer& w) { w.add(); };

static_assert(tandem::publishing_writer<fake_writer>);
static_assert(tandem::publishing_writer<tandem::evmap<int, int>::writer>);
static_assert(!tandem::publishing_writer<int> && !tandem::publishing_writer<tandem::evmap<int, int>::reader>);
static_assert(!std::movable<publisher>);

}  // namespace

TEST_CASE("a manual publisher publishes when told and not otherwise", "[publisher]") {
  record to;
  publisher p(fake_writer{to});
  for (int i = 0; i != 100; ++i) p.update(add);
  CHECK(to.publishes == 0);
  p.publish();
  CHECK(to.publishes == 1);
  CHECK(p.inspect([](const fake_writer& w) { return w.pending(); }) == 0);
  p.publish();
  CHECK(to.publishes == 2);
}

TEST_CASE("update and inspect return what the function returns", "[publisher]") {
  record to;
  publisher p(fake_writer{to});
  CHECK(p.update([](fake_writer& w) {
    w.add(3);
    return std::string("done");
  }) == "done");
  CHECK(p.inspect([](const fake_writer& w) { return w.pending(); }) == 3);
  static_assert(std::is_same_v<decltype(p.update([](fake_writer& w) -> fake_writer& { return w; })), fake_writer&>);
  static_assert(std::is_void_v<decltype(p.update(add))>);
  CHECK_THROWS_AS(p.update([](fake_writer&) { throw std::range_error("mine"); }), std::range_error);
  p.update(add);
  CHECK(p.inspect([](const fake_writer& w) { return w.pending(); }) == 4);
}

TEST_CASE("every n changes: published with the n-th, not before", "[publisher]") {
  record to;
  publisher p(fake_writer{to}, {.every_changes = 5});
  for (int round = 1; round != 4; ++round) {
    for (int i = 0; i != 4; ++i) p.update(add);
    to.change([&] { CHECK(to.publishes == round - 1); });
    p.update(add);
    to.wait([&] { return to.publishes == round; });
  }
  p.update([](fake_writer& w) { w.add(17); });
  to.wait([&] { return to.publishes == 4; });
  CHECK(p.inspect([](const fake_writer& w) { return w.pending(); }) == 0);
}

TEST_CASE("every interval: published when the oldest change is that old, and only if there is one", "[publisher]") {
  record to;
  publisher p(fake_writer{to}, {.every = 2ms});
  for (int round = 1; round != 4; ++round) {
    auto const before = std::chrono::steady_clock::now();
    p.update(add);
    to.wait([&] { return to.publishes == round; });
    CHECK(std::chrono::steady_clock::now() - before >= 2ms);
  }
  p.update([](fake_writer&) {});
  CHECK(to.publishes == 3);
}

TEST_CASE("changes and interval: whichever comes first", "[publisher]") {
  record to;
  {
    publisher p(fake_writer{to}, {.every_changes = 3, .every = 24h});
    for (int i = 0; i != 3; ++i) p.update(add);
    to.wait([&] { return to.publishes == 1; });
  }
  {
    publisher p(fake_writer{to}, {.every_changes = 1000, .every = 1ms});
    p.update(add);
    to.wait([&] { return to.publishes == 2; });
  }
  CHECK(to.publishes == 2);
}

TEST_CASE("an interval beyond what the clock can count never comes", "[publisher]") {
  record to;
  publisher p(fake_writer{to}, {.every_changes = 2, .every = std::chrono::nanoseconds::max()});
  p.update(add);
  to.change([&] { CHECK(to.publishes == 0); });
  p.update(add);
  to.wait([&] { return to.publishes >= 1; });
  to.change([&] { CHECK(to.publishes == 1); });
}

TEST_CASE("a policy can be set at any time and takes what is pending into account", "[publisher]") {
  record to;
  publisher p(fake_writer{to});
  for (int i = 0; i != 4; ++i) p.update(add);
  p.set_policy({.every_changes = 4});
  to.wait([&] { return to.publishes == 1; });
  p.update(add);
  p.set_policy({.every = 1ms});
  to.wait([&] { return to.publishes == 2; });
  p.set_policy({});
  for (int i = 0; i != 100; ++i) p.update(add);
  CHECK(to.publishes == 2);
}

TEST_CASE("while a reader is in the way the publisher tries again and updates go on", "[publisher]") {
  record to;
  to.reader_in_the_way = true;
  publisher p(fake_writer{to}, {.every_changes = 1});
  p.update(add);
  to.wait([&] { return to.declined >= 3; });
  for (int i = 0; i != 1000; ++i) p.update(add);
  CHECK(to.publishes == 0);
  to.change([&] { to.reader_in_the_way = false; });
  to.wait([&] { return to.publishes > 0; });
  CHECK(p.inspect([](const fake_writer& w) { return w.pending(); }) == 0);
}

TEST_CASE("a failure in the background is kept until a publish succeeds", "[publisher]") {
  record to;
  to.fail = true;
  publisher p(fake_writer{to}, {.every_changes = 2});
  CHECK(p.failure() == nullptr);
  p.update([](fake_writer& w) { w.add(2); });
  to.wait([&] { return to.failed > 0; });
  // failure() waits for the mutex, which the background holds until it has noted what was thrown.
  REQUIRE(p.failure() != nullptr);
  CHECK_THROWS_AS(std::rethrow_exception(p.failure()), std::domain_error);
  CHECK(p.inspect([](const fake_writer& w) { return w.pending(); }) == 2);
  SECTION("of the background, which tries again after the next update") {
    to.change([&] { to.fail = false; });
    p.update(add);
    to.wait([&] { return to.publishes == 1; });
    CHECK(p.inspect([](const fake_writer& w) { return w.pending(); }) == 0);
  }
  SECTION("of somebody else; one that fails throws what it met itself") {
    CHECK_THROWS_AS(p.publish(), std::domain_error);
    CHECK(p.failure() != nullptr);
    to.change([&] { to.fail = false; });
    p.publish();
  }
  CHECK(p.failure() == nullptr);
}

TEST_CASE("after a failure the background does not try until something has changed", "[publisher]") {
  record to;
  to.fail = true;
  publisher p(fake_writer{to}, {.every_changes = 1, .every = 1us});
  p.update(add);
  to.wait([&] { return to.failed == 1; });
  for (int i = 0; i != 100; ++i) {
    static_cast<void>(p.failure());
    std::this_thread::yield();
  }
  to.change([&] { CHECK(to.failed == 1); });
  p.update([](fake_writer&) {});
  to.wait([&] { return to.failed == 2; });
  p.update(add);
  to.wait([&] { return to.failed == 3; });
  CHECK(p.failure() != nullptr);
}

TEST_CASE("publish waits for readers without keeping updates from going on", "[publisher]") {
  record to;
  to.reader_in_the_way = true;
  publisher p(fake_writer{to});
  p.update(add);
  std::thread publishing([&p] { p.publish(); });
  to.wait([&] { return to.declined > 0; });
  for (int i = 0; i != 100; ++i) p.update(add);
  to.change([&] {
    CHECK(to.publishes == 0);
    to.reader_in_the_way = false;
  });
  publishing.join();
  CHECK(to.publishes == 1);
  CHECK(p.inspect([](const fake_writer& w) { return w.pending(); }) == 0);
}

TEST_CASE("release stops the background and hands the writer out with what is pending", "[publisher]") {
  auto [w, r] = tandem::make_evmap<std::string, int>();
  tandem::background_publisher shared(std::move(w), {.every_changes = 2});
  shared.update([](auto& writer) { writer.insert("a", 1).insert("a", 2); });
  CHECK(r.wait_for_version(1));
  shared.update([](auto& writer) { writer.insert("b", 1); });
  auto back = std::move(shared).release();
  CHECK(back.pending() == 1);
  CHECK(back.version() == 1);
  back.publish();
  CHECK(r.contains("b"));
}

TEST_CASE("the publisher's end destroys the writer and drops what is pending", "[publisher]") {
  auto [w, r] = tandem::make_evmap<std::string, int>();
  {
    tandem::background_publisher shared(std::move(w), {.every = 24h});
    shared.update([](auto& writer) { writer.insert("a", 1); });
  }
  CHECK(r.closed());
  CHECK(r.version() == 0);
}

TEST_CASE("a reader that holds its guard delays no update and loses no version", "[publisher]") {
  auto [w, r] = tandem::make_evmap<int, int>();
  tandem::background_publisher shared(std::move(w), {.every_changes = 1});
  shared.update([](auto& writer) { writer.insert(1, 0); });
  REQUIRE(r.wait_for_version(1));
  auto other = r;
  auto held = r.find(1);
  for (int i = 1; i != 500; ++i) {
    shared.update([i](auto& writer) { writer.insert_or_assign(1, i); });
  }
  CHECK(held->front() == 0);
  CHECK(held.version() == 1);
  held.reset();
  while (other.get(1) != 499) REQUIRE(other.wait_for_version(other.version() + 1));
  CHECK(other.get(1) == 499);
}

TEST_CASE("a left_right writer is published too", "[publisher]") {
  struct add_op {
    int n;
  };
  struct counter {
    int value = 0;
    void absorb_first(add_op& op, const counter&) { value += op.n; }
  };
  auto [w, r] = tandem::make_left_right<counter, add_op>();
  tandem::background_publisher shared(std::move(w), {.every_changes = 3});
  for (int i = 0; i != 3; ++i) shared.update([](auto& writer) { writer.append({2}); });
  CHECK(r.wait_for_version(1));
  CHECK(r.enter()->value == 6);
}
