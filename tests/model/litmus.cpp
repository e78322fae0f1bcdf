// The model checker itself: the classic small programs, each of which separates two memory orders. Where an order
// forbids an outcome, the checker must not find it after searching everything; where it allows one, the checker must
// find it.
#include "model/scheduler.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using tandem::model::atomic;
using tandem::model::check;
using tandem::model::explore;
using tandem::model::options;
using tandem::model::plain;
using tandem::model::program;
using tandem::model::result;
using tandem::model::saw;
using policy = tandem::model::atomics;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;

void require_safe(const result& r) {
  INFO(r);
  REQUIRE_FALSE(r.failed);
  REQUIRE(r.exhaustive);
  REQUIRE(r.executions > 1);
}

void require_failure(const result& r, const std::string& message) {
  INFO(r);
  REQUIRE(r.failed);
  REQUIRE(r.message.find(message) != std::string::npos);
  REQUIRE_FALSE(r.trace.empty());
}

// ---- Message passing: data, then a flag.

auto message_passing(std::memory_order store, std::memory_order load) {
  return [=](program& p) {
    atomic<bool> ready(false);
    plain<int> data(0);
    p.thread("writer", [&] {
      data.write(1);
      ready.store(true, store);
    });
    p.thread("reader", [&] {
      if (!ready.load(load)) return saw("too early");
      check(data.read() == 1, "old data");
      saw("message");
    });
    p.run();
  };
}

TEST_CASE("a release store read by an acquire load publishes plain data", "[model][litmus]") {
  const result r = explore({}, message_passing(release, acquire));
  require_safe(r);
  CHECK(r.count("message") > 0);
  CHECK(r.count("too early") > 0);
}

TEST_CASE("message passing with either side relaxed is a data race", "[model][litmus]") {
  require_failure(explore({}, message_passing(relaxed, acquire)), "data race");
  require_failure(explore({}, message_passing(release, relaxed)), "data race");
  require_failure(explore({}, message_passing(relaxed, relaxed)), "data race");
}

TEST_CASE("a relaxed flag does not keep atomic data from being old", "[model][litmus]") {
  const auto run = [](std::memory_order store, std::memory_order load) {
    return explore({}, [=](program& p) {
      atomic<int> data(0);
      atomic<int> flag(0);
      p.thread("writer", [&] {
        data.store(1, relaxed);
        flag.store(1, store);
      });
      p.thread("reader", [&] {
        if (flag.load(load) == 1) check(data.load(relaxed) == 1, "old data");
      });
      p.run();
    });
  };
  require_safe(run(release, acquire));
  require_failure(run(relaxed, acquire), "old data");
  require_failure(run(release, relaxed), "old data");
}

// ---- Store buffering: each of two threads writes its own variable and reads the other's. May both read old values?

template <class Between1, class Between2>
auto store_buffering(std::memory_order store, std::memory_order load, Between1 one, Between2 two) {
  return [=](program& p) {
    atomic<int> x(0);
    atomic<int> y(0);
    int a = 0;
    int b = 0;
    p.thread("one", [&] {
      x.store(1, store);
      one();
      a = y.load(load);
    });
    p.thread("two", [&] {
      y.store(1, store);
      two();
      b = x.load(load);
    });
    p.run();
    if (a == 1 && b == 1) saw("both new");
    if (a != b) saw("one new");
    check(a == 1 || b == 1, "both old");
  };
}

constexpr auto nothing = [] {};
constexpr auto light = [] { policy::light_barrier(); };
constexpr auto heavy = [] { policy::heavy_barrier(); };

TEST_CASE("store buffering shows with every order but seq_cst", "[model][litmus]") {
  require_failure(explore({}, store_buffering(relaxed, relaxed, nothing, nothing)), "both old");
  require_failure(explore({}, store_buffering(release, acquire, nothing, nothing)), "both old");
  require_failure(explore({}, store_buffering(seq_cst, acquire, nothing, nothing)), "both old");
  require_failure(explore({}, store_buffering(release, seq_cst, nothing, nothing)), "both old");
  const result r = explore({}, store_buffering(seq_cst, seq_cst, nothing, nothing));
  require_safe(r);
  CHECK(r.count("both new") > 0);
  CHECK(r.count("one new") > 0);
}

TEST_CASE("a light and a heavy barrier prevent store buffering together and not alone", "[model][litmus]") {
  const result r = explore({}, store_buffering(relaxed, relaxed, light, heavy));
  require_safe(r);
  CHECK(r.count("both new") > 0);
  CHECK(r.count("one new") > 0);
  require_safe(explore({}, store_buffering(relaxed, relaxed, heavy, heavy)));
  require_failure(explore({}, store_buffering(relaxed, relaxed, light, nothing)), "both old");
  require_failure(explore({}, store_buffering(relaxed, relaxed, nothing, heavy)), "both old");
  require_failure(explore({}, store_buffering(relaxed, relaxed, light, light)), "both old");
}

TEST_CASE("a heavy barrier pairs with seq_cst operations and a light one does not", "[model][litmus]") {
  const auto run = [](auto barrier) {
    return explore({}, [=](program& p) {
      atomic<int> x(0);
      atomic<int> y(0);
      int a = 0;
      int b = 0;
      p.thread("one", [&] {
        x.store(1, seq_cst);
        a = y.load(seq_cst);
      });
      p.thread("two", [&] {
        y.store(1, relaxed);
        barrier();
        b = x.load(relaxed);
      });
      p.run();
      check(a == 1 || b == 1, "both old");
    });
  };
  require_safe(run(heavy));
  require_failure(run(light), "both old");
}

TEST_CASE("a light barrier in the wrong place is as good as none", "[model][litmus]") {
  const auto run = [](auto reader) {
    return explore({}, [=](program& p) {
      atomic<int> x(0);
      atomic<int> y(0);
      int a = 0;
      int b = 0;
      p.thread("light", [&] { a = reader(x, y); });
      p.thread("heavy", [&] {
        y.store(1, relaxed);
        policy::heavy_barrier();
        b = x.load(relaxed);
      });
      p.run();
      check(a == 1 || b == 1, "both old");
    });
  };
  require_safe(run([](auto& x, auto& y) {
    x.store(1, relaxed);
    policy::light_barrier();
    return y.load(relaxed);
  }));
  require_failure(run([](auto& x, auto& y) {
                    policy::light_barrier();
                    x.store(1, relaxed);
                    return y.load(relaxed);
                  }),
                  "both old");
  require_failure(run([](auto& x, auto& y) {
                    x.store(1, relaxed);
                    const int seen = y.load(relaxed);
                    policy::light_barrier();
                    return seen;
                  }),
                  "both old");
  require_failure(run([](auto& x, auto& y) {
                    const int seen = y.load(relaxed);
                    policy::light_barrier();
                    x.store(1, relaxed);
                    return seen;
                  }),
                  "both old");
}

TEST_CASE("a heavy barrier makes nothing happen before anything", "[model][litmus]") {
  // The light side's data is visible after the heavy barrier, but no release store was acquired: still a race.
  require_failure(explore({},
                          [](program& p) {
                            atomic<int> left(0);
                            plain<int> data(0);
                            p.thread("light", [&] {
                              data.write(1);
                              left.store(1, relaxed);
                              policy::light_barrier();
                            });
                            p.thread("heavy", [&] {
                              policy::heavy_barrier();
                              if (left.load(relaxed) == 1) data.read();
                            });
                            p.run();
                          }),
                  "data race");
}

// ---- One location.

TEST_CASE("a thread never sees a location go backwards", "[model][litmus]") {
  const result r = explore({}, [](program& p) {
    atomic<int> x(0);
    p.thread("writer", [&] {
      x.store(1, relaxed);
      x.store(2, relaxed);
    });
    p.thread("reader", [&] {
      const int first = x.load(relaxed);
      const int second = x.load(relaxed);
      check(first <= second, "backwards");
      if (first == 0 && second == 1) saw("0 then 1");
      if (first == 1 && second == 1) saw("1 twice");
    });
    p.run();
    check(x.load(relaxed) == 2, "the newest value after the end");
  });
  require_safe(r);
  CHECK(r.count("0 then 1") > 0);
  CHECK(r.count("1 twice") > 0);
}

TEST_CASE("coherence holds across threads that have synchronized", "[model][litmus]") {
  const auto run = [](std::memory_order store, std::memory_order load) {
    return explore({}, [=](program& p) {
      atomic<int> x(0);
      atomic<int> seen(0);
      p.thread("writer", [&] { x.store(1, relaxed); });
      p.thread("middle", [&] {
        if (x.load(relaxed) == 1) seen.store(1, store);
      });
      p.thread("last", [&] {
        if (seen.load(load) == 1) check(x.load(relaxed) == 1, "what the middle has read is missed");
      });
      p.run();
    });
  };
  require_safe(run(release, acquire));
  require_failure(run(relaxed, acquire), "missed");
}

TEST_CASE("read-modify-writes lose no increment, a load and a store do", "[model][litmus]") {
  const auto run = [](auto increment) {
    return explore({}, [=](program& p) {
      atomic<std::uint32_t> x(0);
      for (const char* name : {"one", "two"}) {
        p.thread(name, [&] {
          increment(x);
          increment(x);
        });
      }
      p.run();
      check(x.load(relaxed) == 4, "lost an increment");
    });
  };
  require_safe(run([](auto& x) { x.fetch_add(1, relaxed); }));
  require_safe(run([](auto& x) {
    std::uint32_t seen = x.load(relaxed);
    while (!x.compare_exchange_weak(seen, seen + 1, relaxed, relaxed)) {
    }
  }));
  require_failure(run([](auto& x) { x.store(x.load(relaxed) + 1, relaxed); }), "lost an increment");
}

TEST_CASE("a weak compare-exchange may fail without a reason, if asked to", "[model][litmus]") {
  const auto run = [](unsigned failures) {
    options o;
    o.spurious_failures = failures;
    return explore(o, [](program& p) {
      atomic<int> x(0);
      p.thread("one", [&] {
        int expected = 0;
        check(x.compare_exchange_weak(expected, 1, relaxed), "failed");
      });
      p.run();
    });
  };
  CHECK_FALSE(run(0).failed);
  require_failure(run(1), "failed");
}

// ---- Release sequences.

template <class Middle>
result release_sequence(Middle middle) {
  return explore({}, [=](program& p) {
    atomic<int> x(0);
    plain<int> data(0);
    p.thread("head", [&] {
      data.write(1);
      x.store(1, release);
    });
    p.thread("middle", [&] { middle(x); });
    p.thread("tail", [&] {
      if (x.load(acquire) == 2) {
        saw("end of the sequence");
        data.read();
      }
    });
    p.run();
  });
}

TEST_CASE("a relaxed read-modify-write continues a release sequence, a store breaks it", "[model][litmus]") {
  const result r = release_sequence([](atomic<int>& x) {
    int expected = 1;
    x.compare_exchange_strong(expected, 2, relaxed);
  });
  require_safe(r);
  CHECK(r.count("end of the sequence") > 0);
  require_failure(release_sequence([](atomic<int>& x) {
                    if (x.load(relaxed) == 1) x.store(2, relaxed);
                  }),
                  "data race");
}

// ---- Independent reads of independent writes: do two readers agree on the order of two writes?

result independent_reads(std::memory_order store, std::memory_order load) {
  return explore({}, [=](program& p) {
    atomic<int> x(0);
    atomic<int> y(0);
    int seen[4] = {};
    p.thread("write x", [&] { x.store(1, store); });
    p.thread("write y", [&] { y.store(1, store); });
    p.thread("x then y", [&] {
      seen[0] = x.load(load);
      seen[1] = y.load(load);
    });
    p.thread("y then x", [&] {
      seen[2] = y.load(load);
      seen[3] = x.load(load);
    });
    p.run();
    check(!(seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 0), "the readers disagree");
  });
}

TEST_CASE("readers agree on the order of independent writes only with seq_cst", "[model][litmus]") {
  require_safe(independent_reads(seq_cst, seq_cst));
  require_failure(independent_reads(release, acquire), "the readers disagree");
  require_failure(independent_reads(seq_cst, acquire), "the readers disagree");
}

// ---- What the checker is known to miss (memory.hpp). If these ever fail, the comment there has to change.

TEST_CASE("load buffering is never found, although relaxed orders allow it", "[model][litmus][limit]") {
  require_safe(explore({}, [](program& p) {
    atomic<int> x(0);
    atomic<int> y(0);
    int a = 0;
    int b = 0;
    p.thread("one", [&] {
      a = x.load(relaxed);
      y.store(1, relaxed);
    });
    p.thread("two", [&] {
      b = y.load(relaxed);
      x.store(1, relaxed);
    });
    p.run();
    check(!(a == 1 && b == 1), "both loads read from the future");
  }));
}

TEST_CASE("stores are never ordered against their execution, although relaxed orders allow it",
          "[model][litmus][limit]") {
  require_safe(explore({}, [](program& p) {
    atomic<int> x(0);
    atomic<int> y(0);
    p.thread("one", [&] {
      x.store(1, relaxed);
      y.store(2, relaxed);
    });
    p.thread("two", [&] {
      y.store(1, relaxed);
      x.store(2, relaxed);
    });
    p.run();
    check(!(x.load(relaxed) == 1 && y.load(relaxed) == 1), "both first stores are last");
  }));
}

// ---- Data races and lifetimes.

TEST_CASE("unordered accesses of plain data are races in whatever order they execute", "[model][litmus]") {
  const auto run = [](auto one, auto two) {
    return explore({}, [=](program& p) {
      plain<int> data(0);
      atomic<int> step(0);
      p.thread("one", [&] {
        one(data);
        step.store(1, relaxed);
      });
      p.thread("two", [&] {
        step.load(relaxed);
        two(data);
      });
      p.run();
      data.write(3);
    });
  };
  const auto read = [](plain<int>& d) { d.read(); };
  const auto write = [](plain<int>& d) { d.write(1); };
  require_failure(run(write, write), "data race");
  require_failure(run(write, read), "data race");
  require_failure(run(read, write), "data race");
  require_safe(run(read, read));
}

TEST_CASE("an atomic may not be used before its construction happens before, nor after its destruction",
          "[model][litmus]") {
  struct box {
    atomic<int> value{0};
  };
  const auto construction = [](std::memory_order store) {
    return explore({}, [=](program& p) {
      box* made = nullptr;
      atomic<box*> published(nullptr);
      p.thread("maker", [&] {
        made = new box;
        published.store(made, store);
      });
      p.thread("user", [&] {
        if (box* const b = published.load(acquire)) b->value.load(relaxed);
      });
      p.run();
      delete made;
    });
  };
  require_safe(construction(release));
  require_failure(construction(relaxed), "unordered with its constructor");

  const auto destruction = [](std::memory_order count) {
    return explore({}, [=](program& p) {
      atomic<int> owners(2);
      auto* const shared = new box;
      for (const char* name : {"one", "two"}) {
        p.thread(name, [&] {
          shared->value.fetch_add(1, relaxed);
          if (owners.fetch_sub(1, count) == 1) delete shared;
        });
      }
      p.run();
    });
  };
  require_safe(destruction(acq_rel));
  require_failure(destruction(release), "is destroyed by");
  require_failure(destruction(acquire), "is destroyed by");
}

TEST_CASE("an atomic that was there before the exploration begins each execution with the value it then has",
          "[model][litmus]") {
  atomic<int> outer(7);
  const result r = explore({}, [&](program& p) {
    p.thread("one", [&] { check(outer.load(relaxed) == 7, "another value"); });
    p.thread("two", [&] { check(outer.load(relaxed) == 7, "another value"); });
    p.run();
  });
  INFO(r);
  REQUIRE_FALSE(r.failed);
  REQUIRE(r.exhaustive);
  outer.store(8, relaxed);
  CHECK(outer.load(relaxed) == 8);
}

// ---- Waiting.

TEST_CASE("a waiting loop ends, once for each thing it may see", "[model][litmus]") {
  const result r = explore({}, [](program& p) {
    atomic<int> flag(0);
    plain<int> data(0);
    p.thread("waits", [&] {
      int rounds = 0;
      while (flag.load(acquire) != 2) {
        ++rounds;
        policy::pause();
      }
      check(data.read() == 1, "old data");
      if (rounds == 0) saw("no wait");
      if (rounds == 2) saw("two rounds");
    });
    p.thread("lets go", [&] {
      data.write(1);
      flag.store(1, relaxed);
      flag.store(2, release);
    });
    p.run();
  });
  require_safe(r);
  CHECK(r.count("no wait") > 0);
  CHECK(r.count("two rounds") > 0);
}

TEST_CASE("spin locks exclude, with exchange and with compare-exchange, if the orders are right", "[model][litmus]") {
  const auto run = [](auto lock, std::memory_order unlock) {
    return explore({}, [=](program& p) {
      atomic<bool> locked(false);
      plain<int> data(0);
      for (const char* name : {"one", "two"}) {
        p.thread(name, [&] {
          lock(locked);
          data.write(data.read() + 1);
          locked.store(false, unlock);
        });
      }
      p.run();
      check(data.read() == 2, "not both");
    });
  };
  const auto exchange = [](std::memory_order order) {
    return [=](atomic<bool>& locked) {
      while (locked.exchange(true, order)) policy::pause();
    };
  };
  const auto compare = [](atomic<bool>& locked) {
    for (bool free = false; !locked.compare_exchange_weak(free, true, acquire, relaxed); free = false) policy::yield();
  };
  require_safe(run(exchange(acquire), release));
  require_safe(run(compare, release));
  require_failure(run(exchange(relaxed), release), "data race");
  require_failure(run(exchange(acquire), relaxed), "data race");
}

TEST_CASE("threads that wait for each other are a deadlock", "[model][litmus]") {
  const auto run = [](bool both) {
    return explore({}, [=](program& p) {
      atomic<int> x(0);
      atomic<int> y(0);
      p.thread("one", [&] {
        if (both) {
          while (y.load(acquire) == 0) policy::pause();
        }
        x.store(1, release);
      });
      p.thread("two", [&] {
        while (x.load(acquire) == 0) policy::pause();
        y.store(1, release);
      });
      p.run();
    });
  };
  require_safe(run(false));
  require_failure(run(true), "deadlock");
}

TEST_CASE("a deadlock that needs an unlucky order is found", "[model][litmus]") {
  const auto run = [](bool same_order) {
    return explore({}, [=](program& p) {
      atomic<bool> a(false);
      atomic<bool> b(false);
      const auto both = [](atomic<bool>& first, atomic<bool>& second) {
        while (first.exchange(true, acquire)) policy::pause();
        while (second.exchange(true, acquire)) policy::pause();
        second.store(false, release);
        first.store(false, release);
      };
      p.thread("one", [&] { both(a, b); });
      p.thread("two", [&] { same_order ? both(a, b) : both(b, a); });
      p.run();
    });
  };
  require_safe(run(true));
  require_failure(run(false), "deadlock");
}

TEST_CASE("a loop without a pause that gets nowhere is ended", "[model][litmus]") {
  options o;
  o.max_operations = 100;
  require_failure(explore(o,
                          [](program& p) {
                            atomic<int> never(0);
                            p.thread("spins", [&] {
                              while (never.load(relaxed) == 0) {
                              }
                            });
                            p.run();
                          }),
                  "too many operations");
}

// ---- The search.

TEST_CASE("a bound on preemptions limits what is found", "[model][litmus]") {
  const auto run = [](int preemptions) {
    options o;
    o.preemptions = preemptions;
    return explore(o, [](program& p) {
      atomic<int> turn(0);
      p.thread("one", [&] {
        turn.store(1, seq_cst);
        check(turn.load(seq_cst) == 1, "interrupted");
      });
      p.thread("two", [&] { turn.store(2, seq_cst); });
      p.run();
    });
  };
  require_safe(run(0));
  require_failure(run(1), "interrupted");
  require_failure(run(-1), "interrupted");
}

TEST_CASE("random executions find a bug that half of all orders show, and say the same for the same seed",
          "[model][litmus]") {
  options o;
  o.random_executions = 1000;
  o.seed = 42;
  const result first = explore(o, store_buffering(relaxed, relaxed, nothing, nothing));
  const result second = explore(o, store_buffering(relaxed, relaxed, nothing, nothing));
  require_failure(first, "both old");
  CHECK(first.executions == second.executions);
  CHECK(first.trace == second.trace);
  const result safe = explore(o, store_buffering(seq_cst, seq_cst, nothing, nothing));
  CHECK_FALSE(safe.failed);
  CHECK_FALSE(safe.exhaustive);
  CHECK(safe.executions == 1000);
}

TEST_CASE("a search that is cut short is not called exhaustive", "[model][litmus]") {
  options o;
  o.max_executions = 2;
  const result r = explore(o, store_buffering(seq_cst, seq_cst, nothing, nothing));
  CHECK_FALSE(r.exhaustive);
  CHECK(r.executions == 2);
}

// Random programs of three threads with up to three operations each on two locations. What all loads returned is the
// outcome. Sleep sets are off under a bound on preemptions; a large bound bounds nothing.
std::set<std::vector<int>> outcomes(std::uint32_t seed, int preemptions, std::uint64_t& executions) {
  struct instruction {
    std::uint32_t what;
    std::uint32_t location;
    std::memory_order order;
  };
  std::minstd_rand random(seed);
  std::vector<instruction> code[3];
  for (auto& thread : code) {
    for (auto n = 1 + random() % 3; n != 0; --n) {
      thread.push_back({static_cast<std::uint32_t>(random() % 7), static_cast<std::uint32_t>(random() % 2),
                        random() % 2 == 0 ? relaxed : seq_cst});
    }
  }
  std::set<std::vector<int>> found;
  options o;
  o.preemptions = preemptions;
  const result r = explore(o, [&](program& p) {
    atomic<int> memory[2];
    std::vector<int> loaded[3];
    const char* const names[] = {"one", "two", "three"};
    for (std::size_t t = 0; t < 3; ++t) {
      p.thread(names[t], [&, t] {
        int next = static_cast<int>(10 * (t + 1));
        for (const instruction& i : code[t]) {
          atomic<int>& x = memory[i.location];
          switch (i.what) {
            case 0:
            case 1:
              x.store(++next, i.order == relaxed ? release : seq_cst);
              break;
            case 2:
            case 3:
              loaded[t].push_back(x.load(i.order == relaxed ? acquire : seq_cst));
              break;
            case 4:
              loaded[t].push_back(x.exchange(++next, i.order));
              break;
            case 5:
              policy::light_barrier();
              break;
            default:
              policy::heavy_barrier();
              break;
          }
        }
      });
    }
    p.run();
    std::vector<int> all{memory[0].load(relaxed), memory[1].load(relaxed)};
    for (const auto& l : loaded) all.insert(all.end(), l.begin(), l.end());
    found.insert(all);
  });
  INFO(r);
  REQUIRE_FALSE(r.failed);
  REQUIRE(r.exhaustive);
  executions += r.executions;
  return found;
}

TEST_CASE("leaving out what commutes loses no outcome", "[model][litmus]") {
  std::uint64_t reduced = 0;
  std::uint64_t full = 0;
  std::size_t different = 0;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    const auto with = outcomes(seed, -1, reduced);
    REQUIRE(with == outcomes(seed, 1000, full));
    different += with.size();
  }
  CHECK(different > 1000);
  CHECK(2 * reduced < full);
}

TEST_CASE("exceptions may be thrown, caught and held across switches, but not leave a thread", "[model][litmus]") {
  const result r = explore({}, [](program& p) {
    atomic<int> x(0);
    for (const char* name : {"one", "two"}) {
      p.thread(name, [&x, name] {
        try {
          x.fetch_add(1, relaxed);
          throw std::runtime_error(name);
        } catch (const std::exception& outer) {
          x.fetch_add(1, relaxed);
          try {
            throw std::runtime_error("inner");
          } catch (const std::exception& inner) {
            x.fetch_add(1, relaxed);
            check(inner.what() == std::string("inner"), "another exception");
          }
          x.fetch_add(1, relaxed);
          check(outer.what() == std::string(name), "another exception");
        }
      });
    }
    p.run();
    check(std::uncaught_exceptions() == 0, "a count is left over");
  });
  require_safe(r);
  require_failure(explore({},
                          [](program& p) {
                            atomic<int> x(0);
                            p.thread("one", [&] {
                              x.store(1, relaxed);
                              throw std::runtime_error("lost");
                            });
                            p.run();
                          }),
                  "an exception left one: lost");
}

TEST_CASE("a program that depends on more than the decisions is noticed", "[model][litmus]") {
  int runs = 0;
  const result r = explore({}, [&](program& p) {
    atomic<int> x(0);
    ++runs;
    p.thread("one", [&] {
      x.store(1, relaxed);
      if (runs > 1) x.store(2, seq_cst);
    });
    p.thread("two", [&] {
      for (int i = 0; i < 2; ++i) x.load(relaxed);
    });
    p.run();
  });
  INFO(r);
  REQUIRE(r.failed);
  CHECK(r.message.find("does not do the same") != std::string::npos);
}

}  // namespace
