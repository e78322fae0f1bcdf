// The promises of left_right.hpp, one by one, for each way in which readers and the writer may agree on who is inside.
// What exceptions leave behind is in tests/fault, what several threads do to each other for long in tests/stress.
#include "support/catch.hpp"

#include <tandem/left_right.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <latch>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

using fence_policies = std::tuple<tandem::symmetric_fences, tandem::asymmetric_fences, tandem::automatic_fences>;

template <class Fences>
struct with : tandem::left_right_options {
  using fences = Fences;
};

struct add {
  int n;
};

// Remembers what was applied to it and in which order, so that a lost, doubled or reordered operation shows.
struct history {
  std::vector<int> values;
  int total = 0;

  history() = default;
  explicit history(int first) : values{first}, total(first) {}

  void absorb_first(add& op, const history&) {
    values.push_back(op.n);
    total += op.n;
  }

  friend bool operator==(const history&, const history&) = default;
};

template <class Fences>
using shared_history = tandem::left_right<history, add, with<Fences>>;

template <class Fences>
auto make_history(auto&&... args) {
  return tandem::make_left_right<history, add, with<Fences>>(std::forward<decltype(args)>(args)...);
}

int total(const history& h) { return h.total; }

template <class Reader>
int total_of(const Reader& reader) {
  return reader.read(total).value();
}

std::vector<int> values_of(const auto& reader) {
  return reader.read([](const history& h) { return h.values; }).value();
}

using ints = std::vector<int>;

// Until `done`; false after a time that is only reached if something is broken.
bool eventually(auto done) {
  auto const patience = std::chrono::steady_clock::now() + 30s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > patience) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

// ---- Visibility

TEMPLATE_LIST_TEST_CASE("readers see the initial data before the first publish", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>(7);
  REQUIRE(reader.enter());
  CHECK(*reader.enter().operator->() == history(7));
  CHECK(reader.enter().version() == 0);
  CHECK(reader.version() == 0);
  CHECK(writer.version() == 0);
  CHECK(writer.published() == history(7));

  SECTION("and after a publish of nothing, on the other side") {
    writer.publish();
    CHECK(*reader.enter().operator->() == history(7));
    CHECK(reader.version() == 1);
  }
}

TEMPLATE_LIST_TEST_CASE("data without arguments is value-initialised on both sides", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  CHECK(total_of(reader) == 0);
  writer.publish();
  CHECK(total_of(reader) == 0);
}

TEMPLATE_LIST_TEST_CASE("append is invisible until publish", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.append({1}).append({2});
  CHECK(total_of(reader) == 0);
  CHECK(writer.published().total == 0);
  writer.publish();
  CHECK(values_of(reader) == ints{1, 2});
  CHECK(writer.published().total == 3);
}

TEMPLATE_LIST_TEST_CASE("what was appended before the first publish is pending", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  CHECK_FALSE(writer.has_pending());
  CHECK(writer.pending() == 0);
  writer.append({1});
  CHECK(writer.has_pending());
  CHECK(writer.pending() == 1);
  writer.append({2});
  CHECK(writer.pending() == 2);
  writer.publish();
  CHECK_FALSE(writer.has_pending());
  CHECK(writer.pending() == 0);
}

TEMPLATE_LIST_TEST_CASE("every operation reaches both sides once and in order", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  ints expected;
  int next = 1;
  // Batches of different sizes, empty ones and runs of empty ones among them.
  for (int batch : {1, 0, 3, 2, 0, 0, 5, 1, 1, 0, 40, 0, 2}) {
    for (int i = 0; i != batch; ++i) {
      writer.append({next});
      expected.push_back(next++);
    }
    writer.publish();
    REQUIRE(values_of(reader) == expected);
  }
  writer.publish();
  REQUIRE(values_of(reader) == expected);
  writer.publish();
  REQUIRE(values_of(reader) == expected);
}

TEMPLATE_LIST_TEST_CASE("flush publishes only if something is pending", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.flush();
  CHECK(writer.version() == 0);
  writer.append({1});
  writer.flush();
  CHECK(writer.version() == 1);
  CHECK(total_of(reader) == 1);
  writer.flush();
  CHECK(writer.version() == 1);
}

TEMPLATE_LIST_TEST_CASE("versions count publishes, also those of nothing", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  for (std::uint64_t n = 1; n != 6; ++n) {
    auto const before = reader.enter();
    if (n % 2 == 0) writer.append({1});
    writer.publish();
    CHECK(writer.version() == n);
    CHECK(before.version() == n - 1);
    CHECK(reader.version() == n - 1);  // under `before`
  }
  CHECK(reader.version() == 5);
  CHECK(reader.enter().version() == 5);
}

// ---- Guards

TEMPLATE_LIST_TEST_CASE("a guard keeps what it saw while the writer publishes", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.append({1}).publish();
  auto const guard = reader.enter();
  auto const* const where = &*guard;
  writer.append({2}).publish();
  writer.append({3});
  CHECK(guard->values == ints{1});
  CHECK(&*guard == where);
  CHECK(guard.version() == 1);
}

TEMPLATE_LIST_TEST_CASE("a guard is empty by default, after reset and after a move", "[left_right]", fence_policies) {
  using guard_type = typename shared_history<TestType>::guard;
  auto [writer, reader] = make_history<TestType>(1);

  guard_type guard;
  CHECK_FALSE(guard);
  guard.reset();
  CHECK_FALSE(guard);

  guard = reader.enter();
  REQUIRE(guard);
  CHECK(guard->total == 1);

  guard_type moved(std::move(guard));
  CHECK_FALSE(guard);  // NOLINT: moved from on purpose
  REQUIRE(moved);
  CHECK(moved->total == 1);
  guard.reset();  // does not end what was moved on
  writer.publish();
  CHECK_FALSE(writer.try_publish());

  moved.reset();
  CHECK_FALSE(moved);
  CHECK(writer.try_publish());
}

TEMPLATE_LIST_TEST_CASE("assigning to a guard ends the one that was held", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  auto other = reader;
  auto guard = reader.enter();
  writer.append({1}).publish();
  REQUIRE_FALSE(writer.try_publish());
  guard = other.enter();
  CHECK(guard->total == 1);
  CHECK(writer.try_publish());
  CHECK_FALSE(writer.try_publish());
  guard = {};
  CHECK_FALSE(guard);
  CHECK(writer.try_publish());
}

TEMPLATE_LIST_TEST_CASE("assigning a guard to itself changes nothing", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>(1);
  auto guard = reader.enter();
  auto& same = guard;
  guard = std::move(same);
  REQUIRE(guard);
  CHECK(guard->total == 1);
  writer.publish();
  CHECK_FALSE(writer.try_publish());
}

TEMPLATE_LIST_TEST_CASE("map narrows a guard to a part and keeps the side pinned", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.append({1}).append({2}).publish();

  SECTION("by a reference") {
    auto guard = reader.enter();
    auto const* const values = &guard->values;
    auto part = std::move(guard).map([](const history& h) -> const ints& { return h.values; });
    STATIC_REQUIRE(std::same_as<decltype(*part), const ints&>);
    CHECK_FALSE(guard);  // NOLINT: moved from on purpose
    REQUIRE(part);
    CHECK(&*part == values);
    CHECK(part.version() == 1);
    writer.publish();
    CHECK_FALSE(writer.try_publish());
    part.reset();
    CHECK_FALSE(part);
    CHECK(writer.try_publish());
  }
  SECTION("by a pointer") {
    auto part = reader.enter().map([](const history& h) { return h.values.data(); });
    STATIC_REQUIRE(std::same_as<decltype(*part), const int&>);
    REQUIRE(part);
    CHECK(*part == 1);
    writer.publish();
    CHECK_FALSE(writer.try_publish());
  }
  SECTION("by a pointer to a member") {
    auto const part = reader.enter().map(&history::total);
    REQUIRE(part);
    CHECK(*part == 3);
  }
  SECTION("again and again") {
    auto const part = reader.enter().map(&history::values).map([](const ints& v) -> const int& { return v.back(); });
    REQUIRE(part);
    CHECK(*part == 2);
    writer.publish();
    CHECK(*part == 2);
    CHECK(part.version() == 1);
    CHECK_FALSE(writer.try_publish());
  }
}

TEMPLATE_LIST_TEST_CASE("map to a null pointer gives an empty guard and ends the pin", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>(1);
  auto guard = reader.enter();
  auto const part = std::move(guard).map([](const history&) -> const int* { return nullptr; });
  CHECK_FALSE(part);
  CHECK_FALSE(guard);  // NOLINT: moved from on purpose
  writer.publish();
  CHECK(writer.try_publish());
}

TEMPLATE_LIST_TEST_CASE("a projection that throws leaves the guard as it was", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>(1);
  auto guard = reader.enter();
  CHECK_THROWS_AS(std::move(guard).map([](const history&) -> const int& { throw std::runtime_error("no such part"); }),
                  std::runtime_error);
  REQUIRE(guard);  // NOLINT: moved from, but not taken
  CHECK(guard->total == 1);
  writer.publish();
  CHECK_FALSE(writer.try_publish());
  guard.reset();
  CHECK(writer.try_publish());
}

TEMPLATE_LIST_TEST_CASE("nested guards of one reader agree across publishes", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.append({1}).publish();
  auto outer = reader.enter();
  writer.append({2}).publish();
  auto middle = reader.enter();
  CHECK(&*middle == &*outer);
  CHECK(middle.version() == 1);
  CHECK(total_of(reader) == 1);
  CHECK(reader.version() == 1);

  SECTION("in whichever order they end") {
    outer.reset();
    CHECK(middle->total == 1);
    CHECK_FALSE(writer.try_publish());
    auto inner = reader.enter();
    CHECK(&*inner == &*middle);
    middle.reset();
    CHECK(inner->values == ints{1});
    CHECK_FALSE(writer.try_publish());
    inner.reset();
  }
  SECTION("as a stack") {
    middle.reset();
    CHECK_FALSE(writer.try_publish());
    CHECK(outer->values == ints{1});
    outer.reset();
  }
  CHECK(reader.version() == 2);
  CHECK(values_of(reader) == ints{1, 2});
  CHECK(writer.try_publish());
}

TEMPLATE_LIST_TEST_CASE("guards of different readers need not agree", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  auto const other = reader;
  auto const old = reader.enter();
  writer.append({1}).publish();
  CHECK(old->total == 0);
  CHECK(other.enter()->total == 1);
}

TEMPLATE_LIST_TEST_CASE("read gives what the function returned, under a guard", "[left_right]", fence_policies) {
  auto pair = make_history<TestType>(5);
  auto& writer = pair.first;
  auto& reader = pair.second;

  STATIC_REQUIRE(std::same_as<decltype(reader.read(total)), std::optional<int>>);
  CHECK(reader.read(total) == 5);
  CHECK(reader.read(&history::total) == 5);
  STATIC_REQUIRE(std::same_as<decltype(reader.read(&history::values)), std::optional<ints>>);

  bool pinned = false;
  STATIC_REQUIRE(std::same_as<decltype(reader.read([&](const history&) {})), bool>);
  bool const called = reader.read([&](const history&) {
    writer.publish();
    pinned = !writer.try_publish();
  });
  CHECK(called);
  CHECK(pinned);
  CHECK(writer.try_publish());

  CHECK_THROWS_AS(reader.read([&](const history&) {
    writer.publish();
    throw std::runtime_error("visitor");
  }),
                  std::runtime_error);
  CHECK(writer.try_publish());
}

// ---- Waiting

TEMPLATE_LIST_TEST_CASE("a guard from before publish N delays N+1 only", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.append({1}).publish();
  auto guard = reader.enter();

  writer.append({2});
  REQUIRE(writer.try_publish());
  REQUIRE(writer.version() == 2);

  writer.append({3});
  auto const check_unchanged = [&w = writer, &g = guard, &r = reader] {
    CHECK(w.version() == 2);
    CHECK(w.pending() == 1);
    CHECK(w.stats().to_replay == 1);
    CHECK(w.published().values == ints{1, 2});
    CHECK(g->values == ints{1});
    auto const other = r;
    CHECK(other.version() == 2);
  };
  SECTION("for try_publish") {
    REQUIRE_FALSE(writer.try_publish());
    check_unchanged();
    REQUIRE_FALSE(writer.try_publish());
  }
  SECTION("for publish_for") {
    auto const start = std::chrono::steady_clock::now();
    REQUIRE_FALSE(writer.publish_for(5ms));
    CHECK(std::chrono::steady_clock::now() - start >= 5ms);
  }
  SECTION("for publish_for with a time that is over") {
    REQUIRE_FALSE(writer.publish_for(0s));
    REQUIRE_FALSE(writer.publish_for(-1h));
  }
  SECTION("for publish_for in any unit") {
    REQUIRE_FALSE(writer.publish_for(std::chrono::duration<double, std::milli>(0.5)));
    REQUIRE_FALSE(writer.publish_for(std::chrono::duration<int, std::pico>(1000)));
  }
  check_unchanged();

  guard.reset();
  REQUIRE(writer.try_publish());
  CHECK(values_of(reader) == ints{1, 2, 3});
}

TEMPLATE_LIST_TEST_CASE("publish waits for the guard and no longer", "[left_right]", fence_policies) {
  auto pair = make_history<TestType>();
  auto& writer = pair.first;
  auto& reader = pair.second;
  writer.publish();
  auto guard = reader.enter();
  writer.append({1}).publish();

  std::atomic<bool> publishing = false;
  std::atomic<bool> published = false;
  std::thread other([&] {
    publishing.store(true, std::memory_order_relaxed);
    writer.append({2}).publish();
    published.store(true, std::memory_order_relaxed);
  });
  bool const begun = eventually([&] { return publishing.load(std::memory_order_relaxed); });
  for (int i = 0; i != 100; ++i) std::this_thread::yield();
  bool const early = published.load(std::memory_order_relaxed);
  int const seen = guard->total;
  guard.reset();
  other.join();
  CHECK(begun);
  CHECK_FALSE(early);
  CHECK(seen == 0);
  CHECK(published.load(std::memory_order_relaxed));
  CHECK(values_of(reader) == ints{1, 2});
}

TEMPLATE_LIST_TEST_CASE("publish_for succeeds once the guard ends in time", "[left_right]", fence_policies) {
  auto pair = make_history<TestType>();
  auto& writer = pair.first;
  auto& reader = pair.second;
  std::latch held(1);
  std::latch turned(1);
  std::thread other([copy = reader, &held, &turned] {
    auto const guard = copy.enter();
    held.count_down();
    turned.wait();
  });
  held.wait();
  writer.publish();
  CHECK_FALSE(writer.try_publish());
  turned.count_down();
  CHECK(writer.publish_for(10min));
  other.join();
  CHECK(writer.version() == 2);
}

TEMPLATE_LIST_TEST_CASE("a time too long for the clock means for ever", "[left_right]", fence_policies) {
  auto pair = make_history<TestType>();
  auto& writer = pair.first;
  auto& reader = pair.second;
  std::latch held(1);
  std::latch turned(1);
  std::thread other([copy = reader, &held, &turned] {
    auto const guard = copy.enter();
    held.count_down();
    turned.wait();
  });
  held.wait();
  writer.publish();
  turned.count_down();
  CHECK(writer.publish_for(std::chrono::nanoseconds::max()));
  other.join();
  CHECK(writer.publish_for(std::chrono::hours::max()));
  CHECK(writer.publish_for(std::chrono::duration<double>(std::numeric_limits<double>::infinity())));
  CHECK(reader.wait_for_version(4, std::chrono::hours::max()));
}

TEMPLATE_LIST_TEST_CASE("a guard of a later version does not delay the next publish", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  auto const other = reader;
  for (int i = 0; i != 4; ++i) {
    writer.append({1}).publish();
    // Entered after the publish: the next one need not wait, though somebody is always inside.
    auto const one = reader.enter();
    writer.append({1});
    REQUIRE(writer.try_publish());
    auto const two = other.enter();
    REQUIRE(one.version() + 1 == two.version());
  }
}

TEMPLATE_LIST_TEST_CASE("a reader that re-enters no longer delays publish", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  auto guard = reader.enter();
  writer.publish();
  REQUIRE_FALSE(writer.try_publish());
  guard.reset();
  guard = reader.enter();
  REQUIRE(guard.version() == 1);
  REQUIRE(writer.try_publish());
}

TEMPLATE_LIST_TEST_CASE("each of several guards on the old side delays publish", "[left_right]", fence_policies) {
  auto pair = make_history<TestType>();
  auto& writer = pair.first;
  using lr = shared_history<TestType>;
  std::vector<typename lr::reader> readers(5, pair.second);
  std::vector<typename lr::guard> guards;
  for (auto const& r : readers) guards.push_back(r.enter());
  writer.publish();
  for (std::size_t i : {2U, 4U, 0U, 3U, 1U}) {
    REQUIRE_FALSE(writer.try_publish());
    guards[i].reset();
  }
  REQUIRE(writer.try_publish());
}

// ---- Handles

TEMPLATE_LIST_TEST_CASE("copies of a reader are independent", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  auto copy = reader;
  CHECK(writer.stats().readers == 2);
  {
    auto const guard = reader.enter();
    writer.append({1}).publish();
    CHECK(total_of(copy) == 1);
    CHECK(guard->total == 0);
    reader = copy;  // the guard stays valid though its handle is gone
    CHECK(guard->total == 0);
    CHECK(total_of(reader) == 1);
    CHECK_FALSE(writer.try_publish());
  }
  CHECK(writer.try_publish());
  CHECK(writer.stats().readers == 2);
}

TEMPLATE_LIST_TEST_CASE("readers come from the writer, from factories and from readers", "[left_right]",
                        fence_policies) {
  using lr = shared_history<TestType>;
  auto [writer, reader] = make_history<TestType>(3);
  typename lr::reader_factory const of_writer = writer.factory();
  typename lr::reader_factory const of_reader = reader.factory();
  typename lr::reader_factory const copied(of_writer);
  std::vector<typename lr::reader> readers;
  readers.push_back(writer.make_reader());
  readers.push_back(of_writer.make_reader());
  readers.push_back(of_reader.make_reader());
  readers.push_back(copied.make_reader());
  readers.push_back(readers.back().factory().make_reader());
  CHECK(writer.stats().readers == 6);
  writer.append({4}).publish();
  for (auto const& r : readers) CHECK(total_of(r) == 7);
  readers.clear();
  CHECK(writer.stats().readers == 1);
}

TEMPLATE_LIST_TEST_CASE("a factory is shared by threads that each make a reader", "[left_right]", fence_policies) {
  auto pair = make_history<TestType>(3);
  auto const factory = pair.first.factory();
  constexpr std::size_t threads = 4;
  std::latch made(threads);
  std::vector<int> seen(threads);
  std::vector<std::thread> running;
  for (std::size_t i = 0; i != threads; ++i) {
    running.emplace_back([&, i] {
      auto const reader = factory.make_reader();
      made.arrive_and_wait();
      seen[i] = total_of(reader);
    });
  }
  made.wait();
  for (auto& t : running) t.join();
  CHECK(seen == ints(threads, 3));
  CHECK(pair.first.stats().readers == 1);
}

TEMPLATE_LIST_TEST_CASE("a reader that was moved from is closed", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>(3);
  auto moved = std::move(reader);
  CHECK(total_of(moved) == 3);
  CHECK(writer.stats().readers == 1);
  // NOLINTBEGIN: used after move on purpose
  CHECK(reader.closed());
  CHECK_FALSE(reader.enter());
  CHECK_FALSE(reader.read(total));
  CHECK(reader.version() == 0);
  CHECK_FALSE(reader.wait_for_version(1));
  auto const copy = reader;
  CHECK(copy.closed());
  CHECK(reader.factory().make_reader().closed());
  reader = std::move(moved);
  CHECK(total_of(reader) == 3);
  // NOLINTEND
}

TEMPLATE_LIST_TEST_CASE("a reader may be destroyed while its guard lives", "[left_right]", fence_policies) {
  using lr = shared_history<TestType>;
  auto [writer, first] = make_history<TestType>(3);
  auto reader = std::optional<typename lr::reader>(first);
  REQUIRE(writer.stats().readers == 2);
  auto guard = reader->enter();
  auto nested = reader->enter();
  reader.reset();
  CHECK(writer.stats().readers == 2);
  writer.append({1}).publish();
  CHECK(guard->total == 3);
  CHECK(nested->total == 3);

  guard.reset();
  CHECK(nested->total == 3);
  CHECK(writer.stats().readers == 2);
  CHECK_FALSE(writer.try_publish());

  nested.reset();
  CHECK(writer.stats().readers == 1);
  CHECK(writer.try_publish());
}

namespace {

// Counts the words of a kind that were ever made: there is one atomic<bool> in a reader's slot.
struct counting_atomics : tandem::std_atomics {
  static inline int slots_made = 0;

  template <class T>
  struct atomic : std::atomic<T> {
    explicit atomic(T value) : std::atomic<T>(value) {
      if constexpr (std::is_same_v<T, bool>) ++slots_made;
    }
  };
};

template <class Fences>
struct counting : with<Fences> {
  using atomics = counting_atomics;
};

}  // namespace

TEMPLATE_LIST_TEST_CASE("places of readers that are gone are used again", "[left_right]", fence_policies) {
  counting_atomics::slots_made = 0;
  auto [writer, reader] = tandem::make_left_right<history, add, counting<TestType>>();
  REQUIRE(counting_atomics::slots_made == 1);
  for (int i = 0; i != 100; ++i) {
    auto const copy = reader;
    REQUIRE(total_of(copy) == 0);
  }
  CHECK(counting_atomics::slots_made == 2);

  SECTION("also where a guard outlived the handle") {
    for (int i = 0; i != 100; ++i) {
      auto guard = writer.make_reader().enter();
      auto const nested = reader.enter();
      REQUIRE(guard->total == 0);
      auto const last = std::move(guard);
      REQUIRE(last->total == 0);
    }
    CHECK(counting_atomics::slots_made == 2);
    CHECK(writer.stats().readers == 1);
  }
  SECTION("but not while a guard is on them") {
    auto const guard = writer.make_reader().enter();
    auto const other = reader;
    CHECK(counting_atomics::slots_made == 3);
    CHECK(other.enter().operator->() == guard.operator->());
  }
  SECTION("and work as new") {
    auto const copy = reader;
    auto guard = copy.enter();
    writer.append({1}).publish();
    CHECK(copy.enter()->total == 0);
    CHECK_FALSE(writer.try_publish());
    guard.reset();
    CHECK(copy.enter()->total == 1);
    CHECK(writer.try_publish());
  }
}

TEMPLATE_LIST_TEST_CASE("a writer may be moved, between publishes and while readers are inside", "[left_right]",
                        fence_policies) {
  using lr = shared_history<TestType>;
  auto [first, reader] = make_history<TestType>();
  first.append({1}).publish();
  first.append({2});
  auto guard = reader.enter();
  typename lr::writer second(std::move(first));
  CHECK(second.version() == 1);
  CHECK(second.pending() == 1);
  second.publish();
  CHECK_FALSE(second.try_publish());
  guard.reset();
  CHECK(values_of(reader) == ints{1, 2});

  auto [third, other_reader] = make_history<TestType>(100);
  third = std::move(second);
  CHECK(other_reader.closed());
  CHECK_FALSE(reader.closed());
  CHECK(third.version() == 2);
  third.append({3}).publish();
  CHECK(values_of(reader) == ints{1, 2, 3});
  third.publish();
  CHECK(values_of(reader) == ints{1, 2, 3});

  auto& same = third;
  third = std::move(same);
  CHECK_FALSE(reader.closed());
}

// ---- The writer's end

TEMPLATE_LIST_TEST_CASE("once the writer is gone readers see nothing", "[left_right]", fence_policies) {
  using lr = shared_history<TestType>;
  auto pair = make_history<TestType>(1);
  auto& reader = pair.second;
  auto writer = std::optional<typename lr::writer>(std::move(pair.first));
  auto const factory = writer->factory();
  writer->append({1}).publish();
  writer->append({1});
  CHECK_FALSE(reader.closed());
  writer.reset();

  CHECK(reader.closed());
  CHECK_FALSE(reader.enter());
  CHECK_FALSE(reader.read(total).has_value());
  CHECK_FALSE(reader.read([](const history&) {}));
  CHECK(reader.version() == 1);

  // Handles outlive it, and more can be made.
  auto const copy = reader;
  auto const made = factory.make_reader();
  CHECK(copy.closed());
  CHECK(made.closed());
  CHECK_FALSE(made.enter());
  CHECK(made.version() == 1);
}

TEMPLATE_LIST_TEST_CASE("the writer's end waits for guards, which stay valid", "[left_right]", fence_policies) {
  using lr = shared_history<TestType>;
  auto pair = make_history<TestType>(1);
  auto& reader = pair.second;
  auto writer = std::optional<typename lr::writer>(std::move(pair.first));
  bool const old = GENERATE(false, true);

  auto guard = reader.enter();
  // Old: the guard is on the side that is hidden already when the writer ends.
  if (old) writer->append({1}).publish();
  std::atomic<bool> gone = false;
  std::thread other([&] {
    writer.reset();
    gone.store(true, std::memory_order_relaxed);
  });
  bool const closed = eventually([&] { return reader.closed(); });
  auto nested = reader.enter();
  for (int i = 0; i != 100; ++i) std::this_thread::yield();
  bool const early = gone.load(std::memory_order_relaxed);
  int const seen = guard->total;
  bool const nested_agrees = nested && &*nested == &*guard;
  auto const after = typename lr::reader(reader);
  bool const entered_after = static_cast<bool>(after.enter());
  guard.reset();
  int const seen_nested = nested ? nested->total : 0;
  nested.reset();
  other.join();

  CHECK(closed);
  CHECK_FALSE(early);
  CHECK(seen == 1);
  CHECK(nested_agrees);
  CHECK(seen_nested == 1);
  CHECK_FALSE(entered_after);
  CHECK(gone.load(std::memory_order_relaxed));
  CHECK_FALSE(reader.enter());
  CHECK(reader.version() == (old ? 1U : 0U));
}

TEMPLATE_LIST_TEST_CASE("the writer's end destroys the data and the log, whatever handles remain", "[left_right]",
                        fence_policies) {
  struct token_op {
    std::shared_ptr<int> token;
  };
  struct tokens {
    std::vector<std::shared_ptr<int>> held;
    void absorb_first(token_op& op, const tokens&) { held.push_back(op.token); }
  };
  auto token = std::make_shared<int>(0);
  auto pair = tandem::make_left_right<tokens, token_op, with<TestType>>();
  {
    auto writer = std::move(pair.first);
    writer.append({token}).append({token}).publish();
    writer.append({token}).publish();
    writer.append({token});
    CHECK(token.use_count() > 4);
  }
  CHECK(token.use_count() == 1);
  CHECK(pair.second.closed());
}

TEMPLATE_LIST_TEST_CASE("take publishes what is pending and hands the data out", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>(1);
  SECTION("without anything published") {
    history const data = std::move(writer).take();
    CHECK(data == history(1));
    CHECK(reader.version() == 0);
  }
  SECTION("with something pending") {
    writer.append({2}).publish();
    writer.append({3});
    history const data = std::move(writer).take();
    CHECK(data.values == ints{1, 2, 3});
    CHECK(reader.version() == 2);
  }
  SECTION("with nothing pending, without another publish") {
    writer.append({2}).publish();
    history const data = std::move(writer).take();
    CHECK(data.values == ints{1, 2});
    CHECK(reader.version() == 1);
  }
  SECTION("after a preview") {
    writer.append({2});
    static_cast<void>(writer.preview());
    writer.append({3});
    history const data = std::move(writer).take();
    CHECK(data.values == ints{1, 2, 3});
  }
  CHECK(reader.closed());
  CHECK_FALSE(reader.enter());
}

TEMPLATE_LIST_TEST_CASE("take waits for guards", "[left_right]", fence_policies) {
  auto pair = make_history<TestType>(1);
  auto& reader = pair.second;
  auto guard = reader.enter();
  std::atomic<bool> taken = false;
  history data;
  std::thread other([&] {
    data = std::move(pair.first).take();
    taken.store(true, std::memory_order_relaxed);
  });
  bool const closed = eventually([&] { return reader.closed(); });
  for (int i = 0; i != 100; ++i) std::this_thread::yield();
  bool const early = taken.load(std::memory_order_relaxed);
  int const seen = guard->total;
  guard.reset();
  other.join();
  CHECK(closed);
  CHECK_FALSE(early);
  CHECK(seen == 1);
  CHECK(data == history(1));
}

TEMPLATE_LIST_TEST_CASE("take gives a T that can only be moved", "[left_right]", fence_policies) {
  struct owner {
    std::unique_ptr<int> value;
    owner() = default;
    explicit owner(int n) : value(std::make_unique<int>(n)) {}
    void absorb_first(add& op, const owner&) { value = std::make_unique<int>((value ? *value : 0) + op.n); }
    void sync_with(const owner& other) { value = other.value ? std::make_unique<int>(*other.value) : nullptr; }
  };
  auto [writer, reader] = tandem::make_left_right<owner, add, with<TestType>>(4);
  writer.append({1});
  owner const data = std::move(writer).take();
  REQUIRE(data.value);
  CHECK(*data.value == 5);
  CHECK(reader.closed());
}

// ---- Second thoughts

TEMPLATE_LIST_TEST_CASE("discard_pending drops what no reader has seen", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.append({1}).publish();
  writer.append({2}).append({3});
  writer.discard_pending();
  CHECK_FALSE(writer.has_pending());
  writer.append({4}).publish();
  CHECK(values_of(reader) == ints{1, 4});
  writer.publish();
  CHECK(values_of(reader) == ints{1, 4});

  SECTION("nothing, if nothing is pending") {
    writer.discard_pending();
    writer.publish();
    CHECK(values_of(reader) == ints{1, 4});
  }
}

TEMPLATE_LIST_TEST_CASE("preview shows what publish will show", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.append({1}).publish();
  writer.append({2});
  CHECK(writer.preview().values == ints{1, 2});
  CHECK(values_of(reader) == ints{1});
  CHECK(writer.version() == 1);
  CHECK(writer.pending() == 1);

  writer.append({3});
  CHECK(writer.preview().values == ints{1, 2, 3});
  CHECK(writer.preview().values == ints{1, 2, 3});
  CHECK(writer.pending() == 2);

  SECTION("and publish applies nothing twice") {
    writer.append({4}).publish();
    CHECK(values_of(reader) == ints{1, 2, 3, 4});
    writer.publish();
    CHECK(values_of(reader) == ints{1, 2, 3, 4});
  }
  SECTION("and can be dropped") {
    writer.discard_pending();
    CHECK(writer.pending() == 0);
    CHECK(values_of(reader) == ints{1});
    writer.append({5}).publish();
    CHECK(values_of(reader) == ints{1, 5});
    writer.publish();
    CHECK(values_of(reader) == ints{1, 5});
  }
  SECTION("and can be dropped and seen again") {
    writer.discard_pending();
    CHECK(writer.preview().values == ints{1});
    writer.append({6});
    CHECK(writer.preview().values == ints{1, 6});
    writer.publish();
    CHECK(values_of(reader) == ints{1, 6});
  }
}

TEMPLATE_LIST_TEST_CASE("after a preview, readers of the published side do not delay publish", "[left_right]",
                        fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.publish();
  auto const guard = reader.enter();
  writer.append({1});
  CHECK(writer.preview().total == 1);
  CHECK(writer.try_publish());
  CHECK(guard->total == 0);
}

namespace {

struct parsed {
  explicit parsed(int value) : n(value) {
    if (n < 0) throw std::invalid_argument("negative");
  }
  int n;
};

struct summed {
  int total = 0;
  void absorb_first(parsed& op, const summed&) { total += op.n; }
};

// A range that can be walked once.
struct numbers_in {
  explicit numbers_in(const char* text) : stream(text) {}
  std::istream_iterator<int> begin() { return std::istream_iterator<int>(stream); }
  std::istream_iterator<int> end() { return {}; }
  std::istringstream stream;
};

// A range that ends with an exception after three numbers.
struct failing_range {
  struct iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    int operator*() const { return n; }
    iterator& operator++() {
      if (++n == 3) throw std::runtime_error("range");
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return false; }
    int n = 0;
  };
  iterator begin() const { return {}; }
  std::default_sentinel_t end() const { return {}; }
};

}  // namespace

TEMPLATE_LIST_TEST_CASE("append_range queues all of a range", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  writer.append_range(std::vector<add>{{1}, {2}}).append_range(std::vector<add>{{3}});
  CHECK(writer.pending() == 3);
  writer.append_range(std::vector<add>{});
  CHECK(writer.pending() == 3);
  writer.publish();
  CHECK(values_of(reader) == ints{1, 2, 3});
}

TEMPLATE_LIST_TEST_CASE("append_range makes the operations from what it is given", "[left_right]", fence_policies) {
  SECTION("by their constructor, from a range that can be walked once") {
    auto [writer, reader] = tandem::make_left_right<summed, parsed, with<TestType>>();
    numbers_in numbers("1 2 3");
    writer.append_range(numbers).publish();
    CHECK(reader.enter()->total == 6);
  }
  SECTION("by a function") {
    auto [writer, reader] = make_history<TestType>();
    writer.append_range(ints{1, 2, 3}, [](int n) { return add{10 * n}; }).publish();
    CHECK(values_of(reader) == ints{10, 20, 30});
  }
}

TEMPLATE_LIST_TEST_CASE("append_range queues nothing if something throws", "[left_right]", fence_policies) {
  auto [writer, reader] = tandem::make_left_right<summed, parsed, with<TestType>>();
  writer.append(parsed(1));
  SECTION("in an operation's constructor") {
    CHECK_THROWS_AS(writer.append_range(ints{10, 20, -1, 30}), std::invalid_argument);
  }
  SECTION("in the range") { CHECK_THROWS_AS(writer.append_range(failing_range{}), std::runtime_error); }
  SECTION("in the function that makes the operations") {
    CHECK_THROWS_AS(writer.append_range(ints{10, 20, 30},
                                        [](int n) {
                                          if (n == 30) throw std::runtime_error("make");
                                          return parsed(n);
                                        }),
                    std::runtime_error);
  }
  CHECK(writer.pending() == 1);
  writer.append(parsed(2)).publish();
  CHECK(reader.enter()->total == 3);
}

// ---- What T and Op may be

namespace {

// Says which of its two functions was called, and whether the second was given the operation to use up.
struct two_ways {
  int first = 0;
  int second = 0;
  void absorb_first(std::unique_ptr<int>& op, const two_ways& other) {
    ++first;
    ++*op;
    other_seen = other.first + other.second;
  }
  void absorb_second(std::unique_ptr<int>&& op, const two_ways& other) {
    auto const used = std::move(op);
    second += *used;
    other_seen = other.first + other.second;
  }
  int other_seen = -1;
};

}  // namespace

TEMPLATE_LIST_TEST_CASE("absorb_second gets the operation as absorb_first left it", "[left_right]", fence_policies) {
  auto [writer, reader] = tandem::make_left_right<two_ways, std::unique_ptr<int>, with<TestType>>();
  writer.append(std::make_unique<int>(10));
  writer.publish();
  CHECK(reader.enter()->first == 1);
  CHECK(reader.enter()->second == 0);
  CHECK(reader.enter()->other_seen == 0);
  writer.publish();
  CHECK(reader.enter()->first == 0);
  CHECK(reader.enter()->second == 11);
  CHECK(reader.enter()->other_seen == 1);  // the published side, one publish ahead
}

TEMPLATE_LIST_TEST_CASE("absorb_first is applied twice where there is no absorb_second", "[left_right]",
                        fence_policies) {
  struct marking {
    int total = 0;
    void absorb_first(add& op, const marking&) { total += op.n++; }
  };
  auto [writer, reader] = tandem::make_left_right<marking, add, with<TestType>>();
  writer.append({10}).publish();
  CHECK(reader.enter()->total == 10);
  writer.publish();
  CHECK(reader.enter()->total == 11);  // the same object of type Op, which stayed in the log
  writer.publish();
  CHECK(reader.enter()->total == 10);
}

TEMPLATE_LIST_TEST_CASE("without sync_with a side is repaired by assignment", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>(1);
  writer.append({2});
  static_cast<void>(writer.preview());
  writer.discard_pending();
  writer.publish();
  CHECK(values_of(reader) == ints{1});
}

namespace {

struct uncopyable {
  explicit uncopyable(std::unique_ptr<int> start) : value(std::move(start)) {}
  uncopyable() : value(std::make_unique<int>(-1)) {}
  uncopyable(const uncopyable&) = delete;
  uncopyable& operator=(const uncopyable&) = delete;

  void absorb_first(add& op, const uncopyable&) { *value += op.n; }
  void sync_with(const uncopyable& other) {
    ++syncs;
    *value = *other.value;
  }

  std::unique_ptr<int> value;
  int syncs = 0;
};

}  // namespace

TEMPLATE_LIST_TEST_CASE("T need not be copyable if it has sync_with", "[left_right]", fence_policies) {
  // The argument can be used once only: the second side is made without it, and synchronised.
  auto [writer, reader] = tandem::make_left_right<uncopyable, add, with<TestType>>(std::make_unique<int>(5));
  CHECK(*reader.enter()->value == 5);
  writer.append({1}).publish();
  CHECK(*reader.enter()->value == 6);
  CHECK(reader.enter()->syncs == 1);

  writer.append({100});
  static_cast<void>(writer.preview());
  writer.discard_pending();
  writer.append({2}).publish();
  CHECK(*reader.enter()->value == 8);
  writer.publish();
  CHECK(*reader.enter()->value == 8);
}

TEMPLATE_LIST_TEST_CASE("T need not be movable", "[left_right]", fence_policies) {
  struct pinned {
    pinned() = default;
    pinned(pinned&&) = delete;
    void absorb_first(add& op, const pinned&) { value += op.n; }
    void sync_with(const pinned& other) { value = other.value; }
    int value = 0;
  };
  auto [writer, reader] = tandem::make_left_right<pinned, add, with<TestType>>();
  writer.append({1}).publish();
  writer.append({1}).publish();
  CHECK(reader.enter()->value == 2);
}

TEMPLATE_LIST_TEST_CASE("arguments that can be copied construct both sides", "[left_right]", fence_policies) {
  struct made {
    made(ints v, const std::string& s) : values(std::move(v)), name(s) {}
    made(const made&) = delete;
    made& operator=(const made&) = delete;
    void absorb_first(add& op, const made&) { values.push_back(op.n); }
    void sync_with(const made& other) { values = other.values; }
    ints values;
    std::string name;
  };
  auto [writer, reader] = tandem::make_left_right<made, add, with<TestType>>(ints{1, 2}, std::string("name"));
  for (int i = 0; i != 2; ++i) {
    CHECK(reader.enter()->values == ints{1, 2});
    CHECK(reader.enter()->name == "name");
    writer.publish();
  }
}

TEMPLATE_LIST_TEST_CASE("an argument that can be used once makes one side, and that one the other", "[left_right]",
                        fence_policies) {
  struct deep {
    explicit deep(std::unique_ptr<int> p) : value(*p) {}
    int value;
    void absorb_first(add& op, const deep&) { value += op.n; }
  };
  auto [writer, reader] = tandem::make_left_right<deep, add, with<TestType>>(std::make_unique<int>(3));
  CHECK(reader.enter()->value == 3);
  writer.publish();
  CHECK(reader.enter()->value == 3);
}

TEMPLATE_LIST_TEST_CASE("an operation need only be movable", "[left_right]", fence_policies) {
  struct set_once {
    explicit set_once(int value) : n(std::make_unique<const int>(value)) {}
    set_once(set_once&&) = default;
    set_once& operator=(set_once&&) = delete;
    std::unique_ptr<const int> n;
  };
  struct sum {
    int total = 0;
    void absorb_first(set_once& op, const sum&) { total += *op.n; }
  };
  auto [writer, reader] = tandem::make_left_right<sum, set_once, with<TestType>>();
  for (int i = 0; i != 10; ++i) writer.append(set_once(1));
  writer.append_range(ints{1, 2, 3});
  writer.publish();
  CHECK(reader.enter()->total == 16);
  writer.discard_pending();
  writer.publish();
  CHECK(reader.enter()->total == 16);
}

TEMPLATE_LIST_TEST_CASE("over-aligned data is aligned on both sides", "[left_right]", fence_policies) {
  struct alignas(512) wide {
    int value = 0;
    void absorb_first(add& op, const wide&) { value += op.n; }
  };
  auto [writer, reader] = tandem::make_left_right<wide, add, with<TestType>>();
  for (int i = 0; i != 2; ++i) {
    auto const guard = reader.enter();
    CHECK(reinterpret_cast<std::uintptr_t>(&*guard) % 512 == 0);
    writer.append({1}).publish();
  }
}

// ---- Waiting for a version

TEMPLATE_LIST_TEST_CASE("wait_for_version returns at once for a version that is there", "[left_right]",
                        fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  CHECK(reader.wait_for_version(0));
  writer.publish();
  writer.publish();
  CHECK(reader.wait_for_version(1));
  CHECK(reader.wait_for_version(2, 0s));
}

TEMPLATE_LIST_TEST_CASE("wait_for_version gives up in time", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  auto const start = std::chrono::steady_clock::now();
  CHECK_FALSE(reader.wait_for_version(1, 5ms));
  CHECK(std::chrono::steady_clock::now() - start >= 5ms);
  CHECK_FALSE(reader.wait_for_version(1, -1s));
  CHECK_FALSE(reader.wait_for_version(1, std::chrono::duration<double>(0.001)));
  CHECK(writer.version() == 0);
}

TEMPLATE_LIST_TEST_CASE("wait_for_version is woken by the publish it waits for", "[left_right]", fence_policies) {
  auto pair = make_history<TestType>();
  auto& writer = pair.first;
  bool const timed = GENERATE(false, true);
  constexpr std::uint64_t rounds = 200;
  // Ping-pong: each waits for the version that the other makes, so a lost wake-up is a test that never ends.
  auto answer = make_history<TestType>();
  bool all_seen = true;
  std::thread other([&, reader = pair.second] {
    for (std::uint64_t v = 1; v <= rounds; ++v) {
      bool const seen = timed ? reader.wait_for_version(v, 10min) : reader.wait_for_version(v);
      all_seen = all_seen && seen && reader.enter()->total == static_cast<int>(v);
      answer.first.publish();
    }
  });
  bool all_answered = true;
  for (std::uint64_t v = 1; v <= rounds; ++v) {
    writer.append({1}).publish();
    all_answered = answer.second.wait_for_version(v) && all_answered;
  }
  other.join();
  CHECK(all_seen);
  CHECK(all_answered);
}

TEMPLATE_LIST_TEST_CASE("wait_for_version ends when the writer does", "[left_right]", fence_policies) {
  using lr = shared_history<TestType>;
  auto pair = make_history<TestType>();
  auto writer = std::optional<typename lr::writer>(std::move(pair.first));
  writer->publish();
  bool reached = true;
  std::latch ready(1);
  std::thread other([&, reader = pair.second] {
    ready.count_down();
    reached = reader.wait_for_version(2);
  });
  ready.wait();
  writer.reset();
  other.join();
  CHECK_FALSE(reached);
  CHECK_FALSE(pair.second.wait_for_version(2));
  CHECK(pair.second.wait_for_version(1));
}

// ---- Publishes in the middle of an enter

namespace {

// Runs `in_the_middle` between a reader's announcement and its first look.
struct cut_atomics : tandem::std_atomics {
  static inline std::function<void()> in_the_middle;

  static void light_barrier() noexcept {
    tandem::light_barrier();
    if (auto const cut = std::exchange(in_the_middle, nullptr)) cut();
  }
};

template <class Fences>
struct cut_in_two : with<Fences> {
  using atomics = cut_atomics;
};

}  // namespace

TEMPLATE_TEST_CASE("a reader that a publish overtakes while it enters sees one version and holds it", "[left_right]",
                   tandem::asymmetric_fences, tandem::automatic_fences) {
  auto pair = tandem::make_left_right<history, add, cut_in_two<TestType>>();
  auto& writer = pair.first;
  auto& reader = pair.second;
  int published = 0;
  cut_atomics::in_the_middle = [&] {
    writer.append({1}).publish();
    // The reader has announced itself and might have looked before: the second one would write what it sees.
    for (int i = 0; i != 3; ++i) published += writer.append({1}).try_publish() ? 1 : 0;
  };
  auto guard = reader.enter();
  REQUIRE_FALSE(cut_atomics::in_the_middle);
  CHECK(published == 0);
  CHECK(guard.version() == 1);
  CHECK(guard->total == 1);
  writer.publish_for(1us);
  writer.append({1});
  CHECK_FALSE(writer.try_publish());
  CHECK(guard->total == 1);
  guard.reset();
  writer.publish();
  CHECK(total_of(reader) == 5);
}

TEMPLATE_TEST_CASE("a reader that the writer's end overtakes while it enters gets an empty guard", "[left_right]",
                   tandem::asymmetric_fences, tandem::automatic_fences) {
  using lr = tandem::left_right<history, add, cut_in_two<TestType>>;
  auto pair = tandem::make_left_right<history, add, cut_in_two<TestType>>();
  auto& reader = pair.second;
  std::atomic<bool> gone = false;
  std::thread ending;
  cut_atomics::in_the_middle = [&] {
    ending = std::thread([&, writer = std::optional<typename lr::writer>(std::move(pair.first))]() mutable {
      writer.reset();
      gone.store(true, std::memory_order_relaxed);
    });
    while (!reader.closed()) std::this_thread::yield();
  };
  auto const guard = reader.enter();
  ending.join();
  CHECK_FALSE(guard);
  CHECK(gone.load(std::memory_order_relaxed));
}

// ---- Statistics and memory

TEMPLATE_LIST_TEST_CASE("stats tell what the writer has seen", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  auto s = writer.stats();
  CHECK(s.publishes == 0);
  CHECK(s.waits == 0);
  CHECK(s.waited == 0ns);
  CHECK(s.readers == 1);
  CHECK(s.pending == 0);
  CHECK(s.to_replay == 0);
  CHECK(s.heavy_barriers == 0);

  writer.append({1}).append({2}).publish();
  writer.append({3});
  s = writer.stats();
  CHECK(s.publishes == 1);
  CHECK(s.pending == 1);
  CHECK(s.to_replay == 2);
  static_cast<void>(writer.preview());
  CHECK(writer.stats().to_replay == 0);
  writer.publish();
  CHECK(writer.stats().to_replay == 1);
  CHECK(writer.stats().waits == 0);

  auto guard = reader.enter();
  writer.publish();
  CHECK_FALSE(writer.try_publish());
  CHECK(writer.stats().waits == 0);  // it did not wait
  CHECK_FALSE(writer.publish_for(3ms));
  s = writer.stats();
  CHECK(s.waits == 1);
  CHECK(s.waited >= 2ms);
  CHECK(s.longest_guard_wait >= 2ms);
  CHECK(s.longest_guard_wait <= s.waited);
  CHECK(s.publishes == 3);
}

TEMPLATE_LIST_TEST_CASE("stats tell how readers enter and what that costs", "[left_right]", fence_policies) {
  auto [writer, reader] = make_history<TestType>();
  bool const may_be_light = !std::is_same_v<TestType, tandem::symmetric_fences> && tandem::heavy_barrier_available();
  CHECK(writer.stats().readers_are_light == may_be_light);
  writer.publish();
  CHECK(writer.stats().heavy_barriers == (may_be_light ? 1U : 0U));
  for (int i = 0; i != 9; ++i) writer.publish();
  if constexpr (std::is_same_v<TestType, tandem::asymmetric_fences>) {
    CHECK(writer.stats().heavy_barriers == (may_be_light ? 10U : 0U));
    CHECK(writer.stats().readers_are_light == may_be_light);
  }
  CHECK(total_of(reader) == 0);
}

namespace {

struct bulky {
  int n;
};

std::size_t log_bytes = 0;

}  // namespace

// Where the log gets its memory, so that a test can see what it keeps.
template <>
struct std::allocator<bulky> {
  using value_type = bulky;
  allocator() = default;
  template <class U>
  allocator(const std::allocator<U>&) noexcept {}
  bulky* allocate(std::size_t n) {
    log_bytes += n * sizeof(bulky);
    return static_cast<bulky*>(::operator new(n * sizeof(bulky)));
  }
  void deallocate(bulky* p, std::size_t n) noexcept {
    log_bytes -= n * sizeof(bulky);
    ::operator delete(p);
  }
  [[maybe_unused]] friend bool operator==(const allocator&, const allocator&) { return true; }
};

TEMPLATE_LIST_TEST_CASE("the log does not keep the memory of a bulk load", "[left_right]", fence_policies) {
  struct sum {
    long total = 0;
    void absorb_first(bulky& op, const sum&) { total += op.n; }
  };
  constexpr std::size_t bulk = 100'000;
  log_bytes = 0;
  {
    auto [writer, reader] = tandem::make_left_right<sum, bulky, with<TestType>>();
    for (std::size_t i = 0; i != bulk; ++i) writer.append({1});
    REQUIRE(log_bytes >= bulk * sizeof(bulky));

    SECTION("that was published") {
      writer.publish();
      writer.append({1}).publish();
      writer.append({1}).publish();
      CHECK(reader.enter()->total == bulk + 2);
    }
    SECTION("that was discarded") {
      writer.discard_pending();
      for (int i = 0; i != 3; ++i) writer.append({1}).publish();
      CHECK(reader.enter()->total == 3);
    }
    CHECK(log_bytes < bulk * sizeof(bulky) / 50);

    // A steady load finds its memory again: no allocation once it has run for a while.
    for (int i = 0; i != 4; ++i) writer.append({1}).append({1}).publish();
    std::size_t const settled = log_bytes;
    for (int i = 0; i != 20; ++i) writer.append({1}).append({1}).publish();
    CHECK(log_bytes == settled);
  }
  CHECK(log_bytes == 0);
}

// ---- Types

namespace {

struct no_absorb {};
struct absorbs_by_value {
  void absorb_first(add, const absorbs_by_value&) {}
};
struct wants_const_self {
  void absorb_first(const add&, const wants_const_self&) {}
};
struct writes_other {
  void absorb_first(add&, writes_other&) {}
};
struct has_second : history {
  void absorb_second(add&&, const history&) {}
};
struct strong : history {
  static constexpr bool absorbs_strongly = true;
};
struct weak : history {
  static constexpr bool absorbs_strongly = false;
};
struct immovable_op {
  immovable_op(immovable_op&&) = delete;
};
struct takes_immovable {
  void absorb_first(immovable_op&, const takes_immovable&) {}
};

}  // namespace

TEST_CASE("the concepts say which types left_right takes", "[left_right]") {
  STATIC_REQUIRE(tandem::absorbs<history, add>);
  STATIC_REQUIRE(tandem::absorbs<absorbs_by_value, add>);
  STATIC_REQUIRE(tandem::absorbs<wants_const_self, add>);
  STATIC_REQUIRE_FALSE(tandem::absorbs<no_absorb, add>);
  STATIC_REQUIRE_FALSE(tandem::absorbs<history, std::string>);
  STATIC_REQUIRE_FALSE(tandem::absorbs<writes_other, add>);
  STATIC_REQUIRE_FALSE(tandem::absorbs<takes_immovable, immovable_op>);
  STATIC_REQUIRE_FALSE(tandem::absorbs<history&, add>);

  STATIC_REQUIRE(tandem::absorbs_twice<has_second, add>);
  STATIC_REQUIRE_FALSE(tandem::absorbs_twice<history, add>);

  STATIC_REQUIRE(tandem::synchronizes<uncopyable>);
  STATIC_REQUIRE_FALSE(tandem::synchronizes<history>);

  STATIC_REQUIRE(tandem::absorbs_strongly<strong>);
  STATIC_REQUIRE_FALSE(tandem::absorbs_strongly<weak>);
  STATIC_REQUIRE_FALSE(tandem::absorbs_strongly<history>);
  SUCCEED("checked by the compiler");
}

TEMPLATE_LIST_TEST_CASE("handles and guards have the value semantics they promise", "[left_right]", fence_policies) {
  using lr = shared_history<TestType>;
  using writer = typename lr::writer;
  using reader = typename lr::reader;
  using factory = typename lr::reader_factory;
  using guard = typename lr::guard;

  STATIC_REQUIRE(std::movable<writer>);
  STATIC_REQUIRE_FALSE(std::copy_constructible<writer>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<writer>);
  STATIC_REQUIRE(std::is_nothrow_move_assignable_v<writer>);
  STATIC_REQUIRE(std::copyable<reader>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<reader>);
  STATIC_REQUIRE(std::copyable<factory>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<factory>);

  STATIC_REQUIRE(std::movable<guard>);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<guard>);
  STATIC_REQUIRE(std::is_nothrow_default_constructible_v<guard>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<guard>);
  STATIC_REQUIRE(std::is_nothrow_move_assignable_v<guard>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<guard, bool>);
  STATIC_REQUIRE(std::same_as<decltype(*std::declval<const guard&>()), const history&>);
  STATIC_REQUIRE(std::same_as<decltype(std::declval<guard>().operator->()), const history*>);

  STATIC_REQUIRE(noexcept(std::declval<const reader&>().enter()));
  STATIC_REQUIRE(noexcept(std::declval<const reader&>().closed()));
  STATIC_REQUIRE(noexcept(std::declval<const reader&>().version()));
  STATIC_REQUIRE(noexcept(std::declval<guard&>().reset()));
  STATIC_REQUIRE(noexcept(std::declval<const writer&>().has_pending()));
  STATIC_REQUIRE(noexcept(std::declval<const writer&>().pending()));
  STATIC_REQUIRE(noexcept(std::declval<const writer&>().version()));
  STATIC_REQUIRE(
      std::same_as<decltype(tandem::make_left_right<history, add, with<TestType>>()), std::pair<writer, reader>>);

  static constinit guard empty;
  CHECK_FALSE(empty);
}
