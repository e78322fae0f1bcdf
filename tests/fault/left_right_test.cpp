// What left_right leaves behind when a user's function or an allocation throws: at every place where one can, one after
// the other. Readers keep what they had, nothing that is pending is lost, both sides are equal afterwards, and no
// object is leaked or destroyed twice.
#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/tracked.hpp"

#include <tandem/left_right.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using tandem::test::fault_allocate;
using tandem::test::fault_call;
using tandem::test::fault_move;
using tandem::test::faults;
using tandem::test::tracked;
using tandem::test::tracked_throwing_move;
using tandem::test::walk_faults;

// What all handles share and each reader's place are over-aligned, and allocated by this.
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  faults::reach(fault_allocate);
  auto const a = static_cast<std::size_t>(alignment);
  void* const p = std::aligned_alloc(a, (size + a - 1) / a * a);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  try {
    return operator new(size, alignment);
  } catch (...) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace {

using ints = std::vector<int>;

// Memory that a test can refuse, and whose blocks are counted.
void* refusable_new(std::size_t size) {
  faults::reach(fault_allocate);
  void* const p = ::operator new(size);
  tandem::test::budget::process_account.blocks.fetch_add(1, std::memory_order_relaxed);
  return p;
}
void refusable_delete(void* p) noexcept {
  tandem::test::budget::process_account.blocks.fetch_sub(1, std::memory_order_relaxed);
  ::operator delete(p);
}

// An operation whose copies and moves may throw, in whatever memory the log keeps it.
struct push {
  tracked_throwing_move value;
  static void* operator new(std::size_t size) { return refusable_new(size); }
  static void* operator new(std::size_t, void* where) noexcept { return where; }
  static void operator delete(void* p) noexcept { refusable_delete(p); }
};

// One whose moves do not throw.
struct easy_push {
  tracked value;
};

template <class T>
struct refusable_allocator {
  using value_type = T;
  T* allocate(std::size_t n) { return static_cast<T*>(refusable_new(n * sizeof(T))); }
  void deallocate(T* p, std::size_t) noexcept { refusable_delete(p); }
  friend bool operator==(const refusable_allocator&, const refusable_allocator&) { return true; }
};

}  // namespace

// The logs have no allocator of their own.
template <>
struct std::allocator<push> : refusable_allocator<push> {
  allocator() = default;
  template <class U>
  allocator(const std::allocator<U>&) noexcept {}
};
template <>
struct std::allocator<std::unique_ptr<push>> : refusable_allocator<std::unique_ptr<push>> {
  allocator() = default;
  template <class U>
  allocator(const std::allocator<U>&) noexcept {}
};
template <>
struct std::allocator<easy_push> : refusable_allocator<easy_push> {
  allocator() = default;
  template <class U>
  allocator(const std::allocator<U>&) noexcept {}
};

namespace {

// What may go wrong in absorbing, and how the data is repaired.
//
// `Strong`: an absorb reaches its faults before it changes anything, and promises so. Otherwise it has always changed
// half.
template <bool Strong>
struct basic_data {
  static constexpr bool absorbs_strongly = Strong;

  std::vector<tracked, tandem::test::budget_allocator<tracked>> values;
  long sum = 0;
  int syncs = 0;

  static inline int syncs_that_throw = 0;

  template <class Value>
  void absorb(const Value& value) {
    if constexpr (Strong) {
      faults::reach(fault_call);
      values.emplace_back(value.key());
      sum += value.key();
    } else {
      faults::reach(fault_call);
      sum += value.key();
      faults::reach(fault_call);
      values.emplace_back(value.key());
      faults::reach(fault_call);
    }
  }

  void absorb_first(auto& op, const basic_data& other) {
    check_whole(other);
    absorb(op.value);
  }
  template <class Op>
    requires(!std::is_reference_v<Op>)
  void absorb_second(Op&& op, const basic_data& other) {
    check_whole(other);
    absorb(op.value);
  }
  void sync_with(const basic_data& other) {
    check_whole(other);
    ++syncs;
    values.clear();
    sum = 0;
    faults::reach(fault_call);
    if (syncs_that_throw != 0) {
      --syncs_that_throw;
      throw tandem::test::injected_fault{};
    }
    for (auto const& v : other.values) values.push_back(v);
    faults::reach(fault_call);
    sum = other.sum;
  }

  // Whatever happens to the side that is being written, the other one is whole.
  static void check_whole(const basic_data& d) {
    long expected = 0;
    for (auto const& v : d.values) expected += v.key();
    if (expected != d.sum) throw std::logic_error("readers see half of an operation");
  }
};

struct summary {
  ints values;
  long sum = 0;
  friend bool operator==(const summary&, const summary&) = default;
};

template <bool Strong>
summary summarize(const basic_data<Strong>& d) {
  summary s;
  for (auto const& v : d.values) s.values.push_back(v.key());
  s.sum = d.sum;
  return s;
}

summary summary_of(const ints& values) {
  summary s{values, 0};
  for (int v : values) s.sum += v;
  return s;
}

template <class Reader>
summary seen_by(const Reader& reader) {
  return reader.read([](const auto& d) { return summarize(d); }).value();
}

// Objects and blocks in flight when it is made, and when check() is called.
class no_leaks {
 public:
  void check() const {
    CHECK(tracked::live() == live_);
    CHECK(tracked::corrupt() == corrupt_);
    CHECK(tandem::test::budget::process_account.blocks.load(std::memory_order_relaxed) == blocks_);
  }

 private:
  std::int64_t live_ = tracked::live();
  std::int64_t corrupt_ = tracked::corrupt();
  std::int64_t blocks_ = tandem::test::budget::process_account.blocks.load(std::memory_order_relaxed);
};

// Whether `operation` lets an injected exception escape, where faults are armed by hand.
template <class Operation>
bool fails(Operation operation) {
  try {
    operation();
  } catch (const tandem::test::injected_fault&) {
    faults::disarm();
    return true;
  } catch (const tandem::test::injected_bad_alloc&) {
    faults::disarm();
    return true;
  }
  return false;
}

using both_promises = std::tuple<std::false_type, std::true_type>;  // absorbs_strongly

template <bool Strong>
void append(typename tandem::left_right<basic_data<Strong>, push>::writer& writer, ints& expected, int from, int n) {
  for (int i = from; i != from + n; ++i) {
    writer.append({i});
    expected.push_back(i);
  }
}

}  // namespace

// ---- Publishing

TEMPLATE_LIST_TEST_CASE("a publish that throws changes nothing for anybody and can be repeated", "[left_right][fault]",
                        both_promises) {
  constexpr bool strong = TestType::value;
  using data = basic_data<strong>;
  enum class before { nothing, replay, preview, preview_and_more, discarded, failed };
  auto const start = GENERATE(before::nothing, before::replay, before::preview, before::preview_and_more,
                              before::discarded, before::failed);
  CAPTURE(static_cast<int>(start));
  int syncs_after_failure = 0;

  no_leaks const leaks;
  int const failures = walk_faults([&](auto inject) {
    auto [writer, reader] = tandem::make_left_right<data, push>();
    ints published;
    if (start != before::nothing) {
      append<strong>(writer, published, 100, 3);
      writer.publish();
    }
    ints expected = published;
    switch (start) {
      case before::nothing:
      case before::replay:
        append<strong>(writer, expected, 1, 4);
        break;
      case before::preview:
        append<strong>(writer, expected, 1, 4);
        static_cast<void>(writer.preview());
        append<strong>(writer, expected, 5, 1);
        break;
      case before::preview_and_more:
        append<strong>(writer, expected, 1, 2);
        static_cast<void>(writer.preview());
        append<strong>(writer, expected, 3, 3);
        break;
      case before::discarded: {
        ints dropped;
        append<strong>(writer, dropped, 50, 2);
        static_cast<void>(writer.preview());
        writer.discard_pending();
        append<strong>(writer, expected, 1, 4);
        break;
      }
      case before::failed: {
        append<strong>(writer, expected, 1, 4);
        // In the middle of the second operation; and the repair fails too, so that the next publish begins with it.
        faults::arm(strong ? 4 : 13, fault_call);
        data::syncs_that_throw = strong ? 0 : 1;
        REQUIRE(fails([&w = writer] { w.publish(); }));
        REQUIRE(data::syncs_that_throw == 0);
        break;
      }
    }
    auto const version = writer.version();
    auto const pending = writer.pending();
    REQUIRE(seen_by(reader) == summary_of(published));
    int const syncs = writer.published().syncs;

    bool const failed = !inject([&w = writer] { w.publish(); });
    if (failed) {
      CHECK(writer.version() == version);
      CHECK(writer.pending() == pending);
      CHECK(reader.version() == version);
      CHECK(seen_by(reader) == summary_of(published));
      CHECK(writer.published().syncs == syncs);

      // More can be appended meanwhile.
      append<strong>(writer, expected, 20, 1);
      CHECK(writer.pending() == pending + 1);
      writer.publish();
    }
    CHECK(writer.version() == version + 1);
    CHECK(writer.pending() == 0);
    CHECK(seen_by(reader) == summary_of(expected));
    if (failed) syncs_after_failure += writer.published().syncs;

    // The other side.
    writer.publish();
    CHECK(seen_by(reader) == summary_of(expected));
    writer.publish();
    CHECK(seen_by(reader) == summary_of(expected));
  });
  CHECK(failures > 1);
  leaks.check();
  // A strong absorb leaves nothing to repair; another one does.
  if (start == before::nothing || start == before::replay) CHECK((syncs_after_failure == 0) == strong);
}

TEMPLATE_LIST_TEST_CASE("a preview that throws changes nothing and can be repeated", "[left_right][fault]",
                        both_promises) {
  constexpr bool strong = TestType::value;
  no_leaks const leaks;
  int const failures = walk_faults([&](auto inject) {
    auto [writer, reader] = tandem::make_left_right<basic_data<strong>, push>();
    ints expected;
    append<strong>(writer, expected, 1, 2);
    writer.publish();
    summary const published = seen_by(reader);
    append<strong>(writer, expected, 3, 2);

    if (!inject([&w = writer] { static_cast<void>(w.preview()); })) {
      CHECK(writer.version() == 1);
      CHECK(writer.pending() == 2);
      CHECK(seen_by(reader) == published);
      CHECK(summarize(writer.preview()) == summary_of(expected));
    }
    CHECK(summarize(writer.preview()) == summary_of(expected));
    writer.publish();
    CHECK(seen_by(reader) == summary_of(expected));
    writer.publish();
    CHECK(seen_by(reader) == summary_of(expected));
  });
  CHECK(failures > 4);
  leaks.check();
}

TEMPLATE_LIST_TEST_CASE("try_publish and publish_for throw as publish does", "[left_right][fault]", both_promises) {
  constexpr bool strong = TestType::value;
  bool const timed = GENERATE(false, true);
  no_leaks const leaks;
  int const failures = walk_faults([&](auto inject) {
    auto [writer, reader] = tandem::make_left_right<basic_data<strong>, push>();
    ints expected;
    append<strong>(writer, expected, 1, 2);
    bool done = false;
    if (!inject(
            [&w = writer, &done, timed] { done = timed ? w.publish_for(std::chrono::hours(1)) : w.try_publish(); })) {
      CHECK_FALSE(done);
      CHECK(writer.pending() == 2);
      CHECK(seen_by(reader) == summary_of({}));
      CHECK(writer.try_publish());
    } else {
      CHECK(done);
    }
    CHECK(seen_by(reader) == summary_of(expected));
    writer.publish();
    CHECK(seen_by(reader) == summary_of(expected));
  });
  CHECK(failures > 1);
  leaks.check();
}

TEMPLATE_LIST_TEST_CASE("after a publish that threw, what is pending can be discarded", "[left_right][fault]",
                        both_promises) {
  constexpr bool strong = TestType::value;
  no_leaks const leaks;
  int const failures = walk_faults([&](auto inject) {
    auto [writer, reader] = tandem::make_left_right<basic_data<strong>, push>();
    ints expected;
    append<strong>(writer, expected, 1, 3);
    writer.publish();
    ints dropped;
    append<strong>(writer, dropped, 10, 3);

    if (inject([&w = writer] { w.publish(); })) return;
    writer.discard_pending();
    CHECK(writer.pending() == 0);
    for (int i = 0; i != 2; ++i) {
      writer.publish();
      CHECK(seen_by(reader) == summary_of(expected));
    }
    append<strong>(writer, expected, 4, 1);
    for (int i = 0; i != 2; ++i) {
      writer.publish();
      CHECK(seen_by(reader) == summary_of(expected));
    }
  });
  CHECK(failures > 4);
  leaks.check();
}

TEST_CASE("a repair that throws again and again is tried until it succeeds", "[left_right][fault]") {
  using data = basic_data<false>;
  no_leaks const leaks;
  {
    auto [writer, reader] = tandem::make_left_right<data, push>();
    ints expected;
    append<false>(writer, expected, 1, 3);
    writer.publish();
    summary const published = seen_by(reader);
    append<false>(writer, expected, 4, 3);

    faults::arm(1, fault_call);
    data::syncs_that_throw = 6;
    int attempts = 0;
    while (fails([&w = writer] { w.publish(); })) {
      REQUIRE(++attempts < 100);
      CHECK(seen_by(reader) == published);
      CHECK(writer.pending() == 3);
    }
    CHECK(attempts > 1);
    CHECK(data::syncs_that_throw == 0);
    CHECK(seen_by(reader) == summary_of(expected));
    writer.publish();
    CHECK(seen_by(reader) == summary_of(expected));
  }
  leaks.check();
}

TEMPLATE_LIST_TEST_CASE("a guard is undisturbed by publishes that throw", "[left_right][fault]", both_promises) {
  constexpr bool strong = TestType::value;
  no_leaks const leaks;
  int const failures = walk_faults([&](auto inject) {
    auto [writer, reader] = tandem::make_left_right<basic_data<strong>, push>();
    ints expected;
    append<strong>(writer, expected, 1, 3);
    writer.publish();
    auto guard = reader.enter();
    summary const before = summarize(*guard);
    append<strong>(writer, expected, 4, 3);

    bool const failed = !inject([&w = writer] { w.publish(); });
    CHECK(summarize(*guard) == before);
    if (failed) {
      CHECK(guard.version() == writer.version());
      writer.publish();  // still needs no waiting
      CHECK(summarize(*guard) == before);
    }
    CHECK_FALSE(writer.try_publish());
    guard.reset();
    CHECK(writer.try_publish());
    CHECK(seen_by(reader) == summary_of(expected));
  });
  CHECK(failures > 4);
  leaks.check();
}

TEMPLATE_LIST_TEST_CASE("a writer that is destroyed after a publish that threw leaks nothing", "[left_right][fault]",
                        both_promises) {
  constexpr bool strong = TestType::value;
  no_leaks const leaks;
  int const failures = walk_faults([&](auto inject) {
    auto pair = tandem::make_left_right<basic_data<strong>, push>();
    ints expected;
    append<strong>(pair.first, expected, 1, 3);
    pair.first.publish();
    append<strong>(pair.first, expected, 4, 3);
    bool const failed = !inject([&] { pair.first.publish(); });
    {
      auto const writer = std::move(pair.first);
    }
    CHECK(pair.second.closed());
    CHECK(pair.second.version() == (failed ? 1U : 2U));
    leaks.check();
  });
  CHECK(failures > 4);
}

// ---- Queueing

TEMPLATE_TEST_CASE("an append that throws queues nothing", "[left_right][fault]", push, easy_push) {
  no_leaks const leaks;
  int failures = 0;
  // With any number of operations queued before: where the log grows, and where it does not.
  for (int queued = 0; queued != 9; ++queued) {
    failures += walk_faults([&](auto inject) {
      auto [writer, reader] = tandem::make_left_right<basic_data<false>, TestType>();
      ints expected;
      for (int i = 0; i != queued; ++i) writer.append({i});
      for (int i = 0; i != queued; ++i) expected.push_back(i);
      if (!inject([&w = writer] { w.append({99}); })) {
        CHECK(writer.pending() == static_cast<std::size_t>(queued));
        writer.append({98});
        expected.push_back(98);
      } else {
        expected.push_back(99);
      }
      writer.publish();
      CHECK(seen_by(reader) == summary_of(expected));
    });
  }
  CHECK(failures >= 9);
  leaks.check();
}

TEMPLATE_TEST_CASE("an append_range that throws queues nothing", "[left_right][fault]", push, easy_push) {
  no_leaks const leaks;
  int failures = 0;
  for (int queued : {0, 1, 3, 4}) {
    failures += walk_faults([&](auto inject) {
      auto [writer, reader] = tandem::make_left_right<basic_data<false>, TestType>();
      ints expected;
      for (int i = 0; i != queued; ++i) writer.append({i});
      for (int i = 0; i != queued; ++i) expected.push_back(i);
      ints const more{50, 51, 52, 53, 54};
      if (!inject([&more, &w = writer] { w.append_range(more, [](int n) { return TestType{n}; }); })) {
        CHECK(writer.pending() == static_cast<std::size_t>(queued));
      } else {
        expected.insert(expected.end(), more.begin(), more.end());
      }
      writer.publish();
      CHECK(seen_by(reader) == summary_of(expected));
    });
  }
  CHECK(failures >= 20);
  leaks.check();
}

TEST_CASE("an operation that can only be moved, and throws then, is queued or nothing is", "[left_right][fault]") {
  struct unique_push {
    explicit unique_push(int n) : value(n) {}
    unique_push(unique_push&&) = default;
    tracked_throwing_move value;
  };
  struct sum {
    long total = 0;
    void absorb_first(unique_push& op, const sum&) { total += op.value.key(); }
  };
  no_leaks const leaks;
  int failures = 0;
  // Whether or not the log has to grow.
  for (int queued = 0; queued != 9; ++queued) {
    failures += walk_faults(
        [&](auto inject) {
          auto [writer, reader] = tandem::make_left_right<sum, unique_push>();
          for (int i = 0; i != queued; ++i) writer.append(unique_push(1));
          unique_push op(100);
          bool const done = inject([&w = writer, &op] { w.append(std::move(op)); });
          CHECK(writer.pending() == static_cast<std::size_t>(queued + (done ? 1 : 0)));
          writer.append(unique_push(1)).publish();
          CHECK(reader.enter()->total == queued + 1 + (done ? 100 : 0));
        },
        fault_move);
  }
  CHECK(failures >= 9);
  leaks.check();
}

// ---- Handles and the data

namespace {

// Data that may throw whenever it is made, copied or moved.
struct fragile {
  tracked_throwing_move value;
  explicit fragile(int n = 0) : value(n) {}
  void absorb_first(push& op, const fragile&) {
    faults::reach(fault_call);
    value = tracked_throwing_move(value.key() + op.value.key());
  }
};

}  // namespace

TEST_CASE("making a left_right either succeeds or leaves nothing behind", "[left_right][fault]") {
  no_leaks const leaks;
  int failures = 0;
  SECTION("from arguments") {
    failures = walk_faults([&](auto inject) {
      static_cast<void>(inject([] {
        auto const pair = tandem::make_left_right<fragile, push>(7);
        faults::disarm();
        CHECK(pair.second.enter()->value.key() == 7);
      }));
      leaks.check();
    });
    CHECK(failures >= 4);  // the state, two values, the reader's place
  }
  SECTION("from a value") {
    failures = walk_faults([&](auto inject) {
      static_cast<void>(inject([] {
        auto const pair = tandem::make_left_right<fragile, push>(fragile(7));
        faults::disarm();
        CHECK(pair.second.enter()->value.key() == 7);
      }));
      leaks.check();
    });
    CHECK(failures >= 5);
  }
}

TEST_CASE("a reader that cannot be made changes nothing", "[left_right][fault]") {
  no_leaks const leaks;
  int const failures = walk_faults([&](auto inject) {
    auto pair = tandem::make_left_right<fragile, push>(7);
    auto& writer = pair.first;
    auto& reader = pair.second;
    using reader_type = std::remove_reference_t<decltype(reader)>;
    auto const factory = writer.factory();
    std::vector<reader_type> made;
    made.reserve(4);
    bool const failed = !inject([&] {
      made.push_back(writer.make_reader());
      made.push_back(factory.make_reader());
      made.push_back(reader);
      made.push_back(made.back());
    });
    CHECK(failed == (made.size() != 4));
    CHECK(writer.stats().readers == 1 + made.size());
    writer.append({1}).publish();
    for (auto const& r : made) CHECK(r.enter()->value.key() == 8);
    CHECK(reader.enter()->value.key() == 8);
  });
  CHECK(failures == 4);
  leaks.check();
}

TEST_CASE("assigning to a reader keeps the old one if the new one cannot be made", "[left_right][fault]") {
  no_leaks const leaks;
  int const failures = walk_faults(
      [&](auto inject) {
        auto one = tandem::make_left_right<fragile, push>(1);
        auto two = tandem::make_left_right<fragile, push>(2);
        bool const failed = !inject([&] { one.second = two.second; });
        CHECK(one.second.enter()->value.key() == (failed ? 1 : 2));
        CHECK(two.second.enter()->value.key() == 2);
        CHECK(one.first.stats().readers == (failed ? 1U : 0U));
      },
      fault_allocate);
  CHECK(failures == 1);
  leaks.check();
}

TEST_CASE("a place that is there already needs no memory", "[left_right][fault]") {
  auto [writer, reader] = tandem::make_left_right<fragile, push>(1);
  {
    auto const gone = reader;
  }
  faults::arm(0, fault_allocate);
  {
    auto const again = reader;
    auto const guard = again.enter();
    CHECK(guard->value.key() == 1);
  }
  CHECK_FALSE(faults::fired());
  faults::disarm();
}

TEST_CASE("a take whose publish throws takes nothing", "[left_right][fault]") {
  no_leaks const leaks;
  int const failures = walk_faults([&](auto inject) {
    auto [writer, reader] = tandem::make_left_right<basic_data<false>, push>();
    ints expected;
    append<false>(writer, expected, 1, 2);
    writer.publish();
    summary const published = seen_by(reader);
    append<false>(writer, expected, 3, 2);
    summary taken;
    if (!inject([&w = writer, &taken] { taken = summarize(std::move(w).take()); })) {
      CHECK_FALSE(reader.closed());
      CHECK(writer.pending() == 2);
      CHECK(seen_by(reader) == published);
      taken = summarize(std::move(writer).take());
    }
    CHECK(taken == summary_of(expected));
    CHECK(reader.closed());
  });
  CHECK(failures > 4);
  leaks.check();
}

TEST_CASE("a take whose data cannot be moved out leaks nothing", "[left_right][fault]") {
  no_leaks const leaks;
  int const failures = walk_faults(
      [&](auto inject) {
        auto pair = tandem::make_left_right<fragile, push>(3);
        {
          auto writer = std::move(pair.first);
          int taken = -1;
          bool const failed = !inject([&] { taken = std::move(writer).take().value.key(); });
          CHECK(taken == (failed ? -1 : 3));
        }
        CHECK(pair.second.closed());
        CHECK_FALSE(pair.second.enter());
      },
      fault_move);
  CHECK(failures > 0);
  leaks.check();
}

TEST_CASE("without sync_with a side is repaired by an assignment, which may throw too", "[left_right][fault]") {
  no_leaks const leaks;
  int const failures = walk_faults([&](auto inject) {
    auto [writer, reader] = tandem::make_left_right<fragile, push>(3);
    writer.append({1});
    static_cast<void>(writer.preview());
    writer.discard_pending();
    writer.append({2});
    if (!inject([&w = writer] { w.publish(); })) {
      CHECK(reader.enter()->value.key() == 3);
      CHECK(writer.pending() == 1);
      writer.publish();
    }
    CHECK(reader.enter()->value.key() == 5);
    writer.publish();
    CHECK(reader.enter()->value.key() == 5);
  });
  CHECK(failures > 2);
  leaks.check();
}
