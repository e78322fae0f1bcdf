// A model checker for small concurrent programs: explore() runs a program again and again, each time with other
// decisions about which thread goes next and which of the stores that it may see a load returns, until it has tried all
// of them or one has failed.
//
//     auto result = model::explore({}, [](model::program& p) {
//       model::atomic<bool> ready(false);
//       model::plain<int> data(0);
//       p.thread("writer", [&] { data.write(1); ready.store(true, std::memory_order_release); });
//       p.thread("reader", [&] {
//         if (ready.load(std::memory_order_acquire)) model::check(data.read() == 1, "old data");
//       });
//       p.run();
//     });
//     REQUIRE(result.exhaustive);
//
// An execution fails if a check does, if plain data is raced for, if an atomic object is used outside of its lifetime
// or unordered with its constructor or destructor, if all threads that are left wait for each other, if it does not
// come to an end, or if an exception leaves a thread. The result then holds a trace of its operations.
//
// Rules for programs. State belongs to the execution: make it in the program, before run() or within threads. Threads
// share atomics of the policy `model::atomics` and `plain` data; other data only if nobody writes it during run(), or
// if one thread alone uses it until run() has returned. Whatever else influences the program must be the same each
// time: no clocks, no addresses as keys. Thread-local variables are shared, as all threads run on one operating system
// thread. Mutexes of the standard library must never be contended. Several run()s may follow each other.
//
// What is explored, and what is not: memory.hpp (weak memory), machine.hpp (waiting loops), search.hpp (reduction). A
// failed execution is abandoned where it failed, and its memory is leaked. Not for use with sanitizers.
#ifndef TANDEM_TESTS_MODEL_SCHEDULER_HPP
#define TANDEM_TESTS_MODEL_SCHEDULER_HPP

#include "model/atomics.hpp"
#include "model/machine.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::model {

struct result {
  bool failed = false;
  // Every execution within the bound on preemptions was run, or shown to equal one that was.
  bool exhaustive = false;
  std::uint64_t executions = 0;
  std::string message;  // why it failed
  std::string trace;    // and how it came to it
  std::vector<machine::count> counts;

  // How many executions called saw(what).
  std::uint64_t count(const char* what) const {
    for (const machine::count& c : counts) {
      if (std::strcmp(c.what, what) == 0) return c.executions;
    }
    return 0;
  }

  friend std::ostream& operator<<(std::ostream& out, const result& r) {
    out << r.executions << " executions" << (r.exhaustive ? ", exhaustive" : "");
    for (const machine::count& c : r.counts) out << "\n  " << c.executions << " x " << c.what;
    if (r.failed) out << "\nfailed: " << r.message << "\n" << r.trace;
    return out;
  }
};

// What the function given to explore() gets.
class program {
 public:
  explicit program(machine& m) : machine_(m) {}

  // The thread starts at run(). `name` must outlive the exploration.
  template <class Body>
  void thread(const char* name, Body body) {
    auto owned = std::make_unique<body_of<Body>>(std::move(body));
    machine_.add_thread(name, [](void* b) { static_cast<body_of<Body>*>(b)->body(); }, owned.get());
    bodies_.push_back(std::move(owned));
  }

  // Runs all threads to their end. What comes before happens before them, and they happen before what comes after.
  void run() {
    machine_.run_threads();
    bodies_.clear();
  }

 private:
  struct any_body {
    virtual ~any_body() = default;
  };
  template <class Body>
  struct body_of final : any_body {
    explicit body_of(Body b) : body(std::move(b)) {}
    Body body;
  };

  machine& machine_;
  std::vector<std::unique_ptr<any_body>> bodies_;
};

// Within a program: fails the execution if the condition does not hold.
inline void check(bool condition, const char* message) {
  if (!condition) machine::active->fail(message);
}

// Within a program: counts the execution under this name, so that a test can require that something was seen.
inline void saw(const char* what) { machine::active->saw(what); }

template <class Program>
result explore(const options& how, Program program_function) {
  auto m = std::make_unique<machine>(how);
  const auto run_once = [](void* argument) {
    program p(*machine::active);
    (*static_cast<Program*>(argument))(p);
  };
  const std::uint64_t limit = how.random_executions != 0 ? how.random_executions : how.max_executions;
  result r;
  for (;;) {
    r.failed = !m->execute(run_once, &program_function);
    if (r.failed) break;
    if (!m->advance()) {
      r.exhaustive = true;
      break;
    }
    if (m->executions() >= limit) break;
  }
  r.executions = m->executions();
  r.message = m->message();
  if (r.failed) r.trace = m->trace();
  r.counts = m->counts();
  return r;
}

}  // namespace tandem::model

#endif
