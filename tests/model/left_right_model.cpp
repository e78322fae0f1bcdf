// left_right under the model checker: one small program per edge of the protocol in tandem/sync/publication.hpp, each
// with every form of fence.
//
// The data of both sides is plain. So a reader that is on a side while the writer writes it is a data race, whether or
// not the reader notices; and a side, slot or state that is destroyed too early is one too.
#include "model/scheduler.hpp"
#include "support/catch.hpp"

#include <tandem/left_right.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace {

// As automatic_fences, but by a script instead of the clock: what the first publishes answer, and then the last answer
// again.
struct scripted_fences {
  static inline std::span<const bool> light;
};

}  // namespace

template <>
struct tandem::fence_choice<scripted_fences> {
  static constexpr bool may_be_light = true;
  static constexpr bool timed = false;
  bool light() noexcept {
    const auto script = scripted_fences::light;
    return script[std::min(next_++, script.size() - 1)];
  }

 private:
  std::size_t next_ = 0;
};

namespace {

namespace model = tandem::model;
using model::check;
using model::explore;
using model::program;
using model::result;
using model::saw;

struct add {
  int n;
};

// Two numbers that are equal in every state that a reader may see.
struct twins {
  model::plain<int> first{0};
  model::plain<int> second{0};

  void absorb_first(add& op, const twins&) {
    first.write(first.read() + op.n);
    second.write(second.read() + op.n);
  }
};

template <class Fences>
struct options : tandem::left_right_options {
  using fences = Fences;
  using atomics = model::atomics;
};

template <class Fences>
using checked = tandem::left_right<twins, add, options<Fences>>;

template <class Fences>
auto make() {
  return tandem::make_left_right<twins, add, options<Fences>>();
}

int value(const auto& guard) {
  const int first = guard->first.read();
  check(first == guard->second.read(), "a reader sees half of an operation");
  return first;
}

// Runs `body(program, fences)` in every form of fence, and requires that all of it was searched without a failure. What
// each search must have seen is required too.
template <class Body>
void in_every_form(Body body, std::initializer_list<const char*> must = {}) {
  const auto run = [&](const char* name, auto fences, bool heavy_barrier) {
    model::options o;
    o.heavy_barrier = heavy_barrier;
    const result r = explore(o, [&](program& p) { body(p, fences); });
    INFO(name << ": " << r);
    REQUIRE_FALSE(r.failed);
    REQUIRE(r.exhaustive);
    REQUIRE(r.executions > 1);
    for (const char* const what : must) {
      INFO(what);
      REQUIRE(r.count(what) > 0);
    }
  };
  const auto scripted = [&](const char* name, std::initializer_list<bool> light, bool heavy_barrier = true) {
    scripted_fences::light = std::span(light.begin(), light.size());
    run(name, scripted_fences{}, heavy_barrier);
  };
  run("symmetric", tandem::symmetric_fences{}, false);
  // The readers begin with light fences, until the first publish.
  scripted("light", {true});
  scripted("light, but the system refuses", {true}, false);
  scripted("light, then symmetric, then light", {false, true});
  scripted("light, light, then symmetric", {true, false});
}

TEST_CASE("a reader sees each publish whole or not at all", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto handles = make<decltype(fences)>();
        p.thread("writer", [&] {
          auto writer = std::move(handles.first);
          writer.append({1}).publish();
          writer.append({1}).publish();
        });
        p.thread("reader", [&] {
          if (const auto guard = handles.second.enter()) {
            const int seen = value(guard);
            check(guard.version() == static_cast<std::uint64_t>(seen), "another version than the data");
            if (seen == 0) saw("initial");
            if (seen == 1) saw("first publish");
            if (seen == 2) saw("second publish");
          } else {
            saw("closed");
          }
        });
        p.run();
      },
      {"initial", "first publish", "second publish", "closed"});
}

TEST_CASE("a reader that enters again sees nothing older than before", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto [writer, reader] = make<decltype(fences)>();
        p.thread("writer", [&w = writer] {
          w.append({1}).publish();
          w.append({1}).publish();
        });
        p.thread("reader", [&r = reader] {
          const int first = value(r.enter());
          const int second = value(r.enter());
          check(first <= second, "backwards");
          if (first < second) saw("progress");
          if (first == second) saw("the same");
        });
        p.run();
        check(value(reader.enter()) == 2, "the last publish is lost");
      },
      {"progress", "the same"});
}

TEST_CASE("readers stay apart through a change of fences and back", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto [writer, reader] = make<decltype(fences)>();
        p.thread("writer", [&w = writer] {
          for (int i = 0; i < 3; ++i) w.append({1}).publish();
        });
        p.thread("reader", [&r = reader] {
          const auto guard = r.enter();
          const int before = value(guard);
          check(before == value(guard), "the side changed under a guard");
          if (before == 0) saw("initial");
          if (before == 3) saw("last");
        });
        p.run();
      },
      {"initial", "last"});
}

TEST_CASE("two readers are waited for independently", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto [writer, reader] = make<decltype(fences)>();
        auto other = reader;
        p.thread("writer", [&w = writer] {
          w.append({1}).publish();
          w.append({1}).publish();
        });
        int seen[2] = {};
        p.thread("one", [&seen, &r = reader] { seen[0] = value(r.enter()); });
        p.thread("two", [&seen, &r = other] { seen[1] = value(r.enter()); });
        p.run();
        if (seen[0] == 0 && seen[1] == 2) saw("far apart");
        if (seen[0] == seen[1]) saw("together");
      },
      {"far apart", "together"});
}

TEST_CASE("nested guards of one reader agree while publishes go on", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto [writer, reader] = make<decltype(fences)>();
        p.thread("writer", [&w = writer] {
          w.append({1}).publish();
          w.append({1}).publish();
        });
        p.thread("reader", [&r = reader] {
          auto outer = r.enter();
          const int seen = value(outer);
          auto inner = r.enter();
          check(&*outer == &*inner, "nested guards are on different sides");
          // Not in the order of a stack: the second still protects what the first one saw.
          outer.reset();
          check(value(inner) == seen, "the side changed under a nested guard");
          inner.reset();
          if (value(r.enter()) > seen) saw("a new one after both");
        });
        p.run();
      },
      {"a new one after both"});
}

TEST_CASE("a reader that is made during a publish is seen by the next", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto handles = make<decltype(fences)>();
        auto& writer = handles.first;
        const auto factory = writer.factory();
        {
          const auto gone = std::move(handles.second);
        }
        // Its slot is free again; keep it busy, so that the reader below has to make one.
        const auto holder = factory.make_reader();
        p.thread("writer", [&] {
          writer.append({1}).publish();
          writer.append({1}).publish();
        });
        p.thread("newcomer", [&] {
          const auto reader = factory.make_reader();
          const int seen = value(reader.enter());
          if (seen == 0) saw("before");
          if (seen == 2) saw("after");
        });
        p.run();
      },
      {"before", "after"});
}

TEST_CASE("readers that are made at once are both waited for", "[model][left_right]") {
  const auto run = [](bool spare_slot) {
    return [spare_slot](program& p, auto fences) {
      auto [writer, reader] = make<decltype(fences)>();
      const auto factory = writer.factory();
      if (spare_slot) static_cast<void>(factory.make_reader());
      using handles = checked<decltype(fences)>;
      std::optional<typename handles::reader> readers[2];
      typename handles::guard guards[2];
      p.thread("one", [&] { guards[0] = readers[0].emplace(factory.make_reader()).enter(); });
      p.thread("two", [&, &r = reader] { guards[1] = readers[1].emplace(r).enter(); });
      p.run();
      check(writer.append({1}).try_publish(), "nobody can be on the hidden side before the first publish");
      check(!writer.try_publish(), "two readers are missed");
      guards[0].reset();
      check(!writer.try_publish(), "a reader is missed");
      guards[1].reset();
      check(writer.try_publish(), "nobody is left");
      check(writer.stats().readers == 3, "a slot is lost");
    };
  };
  in_every_form(run(false));
  in_every_form(run(true));
}

TEST_CASE("a slot is given from one reader to the next whole", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto handles = make<decltype(fences)>();
        auto& writer = handles.first;
        const auto factory = writer.factory();
        p.thread("leaves", [&] {
          {
            const auto mine = std::move(handles.second);
            value(mine.enter());
          }
          writer.append({1}).publish();
          writer.append({1}).publish();
        });
        p.thread("follows", [&] {
          const auto mine = factory.make_reader();
          if (value(mine.enter()) == 0) saw("before");
        });
        p.run();
        if (writer.stats().readers == 0) saw("all given back");
        const std::pair both(factory.make_reader(), factory.make_reader());
        check(writer.stats().readers == 2, "a slot is lost");
      },
      {"before", "all given back"});
}

TEST_CASE("the writer's end waits for the guards that are held", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto handles = make<decltype(fences)>();
        p.thread("writer", [&] {
          auto writer = std::move(handles.first);
          writer.append({1}).publish();
        });
        p.thread("reader", [&reader = handles.second] {
          const auto guard = reader.enter();
          if (!guard) return;
          const int seen = value(guard);
          if (reader.closed()) saw("closed under a guard");
          check(seen == value(guard), "the side changed under a guard");
        });
        p.run();
      },
      {"closed under a guard"});
}

TEST_CASE("readers see nothing after the writer's end", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto handles = make<decltype(fences)>();
        auto& reader = handles.second;
        model::plain<int> last_words(0);
        p.thread("writer", [&] {
          auto writer = std::move(handles.first);
          writer.append({1}).publish();
          last_words.write(1);
        });
        p.thread("reader", [&] {
          if (!reader.closed()) return;
          check(last_words.read() == 1, "what the writer did last is missed");
          check(!reader.enter(), "a guard after the end");
          check(reader.version() == 1, "the last version is lost");
          saw("closed");
        });
        p.run();
        check(reader.closed() && !reader.enter(), "a guard after the end");
      },
      {"closed"});
}

TEST_CASE("handles may go in any order, the last one out frees everything", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto handles = make<decltype(fences)>();
        std::optional factory(handles.first.factory());
        p.thread("writer", [&] { auto writer = std::move(handles.first); });
        p.thread("reader", [&] {
          std::optional reader(std::move(handles.second));
          auto guard = reader->enter();
          reader.reset();
          if (guard) {
            value(guard);
            saw("a guard without a reader");
          }
        });
        p.thread("factory", [&] { factory.reset(); });
        p.run();
      },
      {"a guard without a reader"});
}

TEST_CASE("a guard outlives its reader, and its slot is free only after it", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto handles = make<decltype(fences)>();
        auto& writer = handles.first;
        const auto factory = writer.factory();
        p.thread("orphan", [&] {
          std::optional reader(std::move(handles.second));
          const auto guard = reader->enter();
          const auto nested = reader->enter();
          reader.reset();
          const int seen = value(guard);
          check(seen == value(nested), "the side changed under a guard");
        });
        p.thread("writer", [&] {
          writer.append({1}).publish();
          const auto reader = factory.make_reader();
          check(value(reader.enter()) == 1, "a slot is given away under a guard");
          if (writer.stats().readers == 2) saw("a slot of its own");
          if (writer.stats().readers == 1) saw("the orphan's slot");
          writer.append({1}).publish();
        });
        p.run();
        check(writer.stats().readers == 0, "a slot is not given back");
      },
      {"a slot of its own", "the orphan's slot"});
}

TEST_CASE("try_publish gives up only under a reader of the side that it has to write", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto [writer, reader] = make<decltype(fences)>();
        p.thread("writer", [&w = writer] {
          check(w.append({1}).try_publish(), "nobody can be on the hidden side before the first publish");
          if (w.append({1}).try_publish()) {
            check(w.version() == 2 && w.pending() == 0, "published, but not all");
            saw("published");
          } else {
            check(w.version() == 1 && w.pending() == 1, "given up, but something changed");
            saw("gave up");
          }
        });
        p.thread("reader", [&r = reader] {
          const auto guard = r.enter();
          check(value(guard) == value(guard), "the side changed under a guard");
        });
        p.run();
        check(writer.version() == 2 || writer.try_publish(), "no reader is left");
        check(value(reader.enter()) == 2, "an operation is lost");
      },
      {"published", "gave up"});
}

TEST_CASE("take hands the data out when no reader is on it", "[model][left_right]") {
  in_every_form(
      [](program& p, auto fences) {
        auto [writer, reader] = make<decltype(fences)>();
        p.thread("writer", [&w = writer] {
          w.append({1}).publish();
          w.append({1});
          twins all = std::move(w).take();
          all.first.write(7);
          check(all.second.read() == 2, "something is missing");
        });
        p.thread("reader", [&r = reader] {
          if (const auto guard = r.enter()) {
            value(guard);
          } else {
            saw("too late");
          }
        });
        p.run();
      },
      {"too late"});
}

// ---- Who waits for whom. A publish that waits for a guard that in turn waits for the publish is a deadlock.

TEST_CASE("a guard does not delay the next publish, but the one after", "[model][left_right]") {
  const auto run = [](int publishes) {
    return [publishes](program& p, auto fences) {
      auto [writer, reader] = make<decltype(fences)>();
      model::atomic<bool> inside(false);
      model::atomic<bool> published(false);
      p.thread("writer", [&, &w = writer] {
        while (!inside.load(std::memory_order_relaxed)) model::atomics::pause();
        for (int i = 0; i < publishes; ++i) w.append({1}).publish();
        published.store(true, std::memory_order_relaxed);
      });
      p.thread("reader", [&, &r = reader] {
        const auto guard = r.enter();
        inside.store(true, std::memory_order_relaxed);
        while (!published.load(std::memory_order_relaxed)) model::atomics::pause();
        check(value(guard) == 0, "the side changed under a guard");
      });
      p.run();
    };
  };
  in_every_form(run(1));
  const result r = explore({}, [&](program& p) { run(2)(p, tandem::symmetric_fences{}); });
  INFO(r);
  REQUIRE(r.failed);
  CHECK(r.message.find("deadlock") != std::string::npos);
}

TEST_CASE("a publish does not wait for readers that entered after the one before", "[model][left_right]") {
  in_every_form([](program& p, auto fences) {
    auto [writer, reader] = make<decltype(fences)>();
    model::atomic<int> step(0);
    p.thread("writer", [&, &w = writer] {
      w.append({1}).publish();
      step.store(1, std::memory_order_release);
      while (step.load(std::memory_order_relaxed) != 2) model::atomics::pause();
      w.append({1}).publish();
      step.store(3, std::memory_order_relaxed);
    });
    p.thread("reader", [&, &r = reader] {
      value(r.enter());
      while (step.load(std::memory_order_acquire) != 1) model::atomics::pause();
      const auto guard = r.enter();
      step.store(2, std::memory_order_relaxed);
      while (step.load(std::memory_order_relaxed) != 3) model::atomics::pause();
      check(value(guard) == 1, "a reader misses a publish that happens before");
    });
    p.run();
  });
}

}  // namespace
