// The machine of the model checker: threads that take turns, and memory that answers by memory.hpp.
//
// Every operation on an atomic object and every barrier first calls schedule(), which may let other threads run, and
// then executes as a whole. What lies between two operations of a thread runs without interruption. Thread 0 is the
// context that sets up and tears down; its operations are never interrupted.
//
// A thread in a waiting loop (pause) is not ready again until one of the locations that it has read since its last
// pause has another value than it read: running the loop once more before that would be the same again. If there is
// such a value already and the read was merely stale, it is ready, and then does not read the same entry again at once:
// stores become visible in finite time. A loop that had a compare-exchange fail gets one more turn first, because it
// may go on with the value that it was given. What the thread has written itself is no news: a loop may count its
// rounds, or take and give back a lock in each. A loop that gives up after so many rounds waits here like any other.
#ifndef TANDEM_TESTS_MODEL_MACHINE_HPP
#define TANDEM_TESTS_MODEL_MACHINE_HPP

#include "model/fiber.hpp"
#include "model/memory.hpp"
#include "model/search.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tandem::model {

struct options {
  // How often a thread that could go on may be interrupted in one execution; negative: without bound. A bound gives up
  // completeness for reach. Most bugs need two.
  int preemptions = -1;
  // The search stops here and is then not exhaustive.
  std::uint64_t max_executions = 5'000'000;
  // An execution with more operations than this fails: its threads keep each other busy without getting anywhere.
  std::uint32_t max_operations = 5'000;
  // What heavy_barrier_available() answers. If false, calling heavy_barrier() is a failure.
  bool heavy_barrier = true;
  // How often per thread and execution a compare_exchange_weak may fail although the value was the expected one.
  unsigned spurious_failures = 0;
  // Not zero: instead of searching depth first, runs this many executions with random decisions.
  std::uint64_t random_executions = 0;
  std::uint64_t seed = 1;
};

enum class operation : std::uint8_t {
  none,
  load,
  store,
  exchange,
  light_barrier,
  heavy_barrier,
  pause,
  plain_read,
  plain_write
};

// What identifies an object of the machine inside the object that the program sees. `check` ties it to its address, so
// that memory which was freed, or copied bit by bit, is recognised, unless something else has been put into its place.
struct handle {
  std::uint32_t id = 0;
  std::uint32_t execution = 0;
  std::uint32_t check = 0;
};

class machine {
 public:
  // The machine that is running an execution; null outside.
  static inline machine* active = nullptr;

  explicit machine(const options& o)
      : options_(o),
        search_(o.random_executions != 0 ? search::mode::random : search::mode::depth_first, o.preemptions < 0,
                o.seed) {}

  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;

  // ---- For explore().

  // Runs `program` once, on a fiber of its own. False: it failed.
  bool execute(void (*program)(void*), void* argument) {
    ++executions_;
    execution_ = ++last_execution_;
    thread_count_ = 1;
    location_count_ = 0;
    operations_ = 0;
    preemptions_ = 0;
    parallel_ = false;
    barriers_ = {};
    events_.clear();
    names_.clear();
    threads_[0].reset("main");
    running_ = 0;
    search_.begin_execution();
    program_ = program;
    argument_ = argument;
    active = this;
    threads_[0].stack.start(&run_program, this);
    fiber::transfer(outside_, threads_[0].stack);
    active = nullptr;
    return message_.empty();
  }

  bool advance() { return search_.advance(); }
  std::uint64_t executions() const { return executions_; }
  const std::string& message() const { return message_; }

  std::string trace() const {
    std::string text;
    for (const event& e : events_) append(text, e);
    return text;
  }

  struct count {
    const char* what;
    std::uint64_t executions;
    std::uint32_t last;
  };
  const std::vector<count>& counts() const { return counts_; }

  // ---- For the program.

  std::size_t add_thread(const char* name, void (*body)(void*), void* argument) {
    if (thread_count_ == max_threads) fail("too many threads");
    thread& t = threads_[thread_count_];
    t.reset(name);
    t.body = body;
    t.argument = argument;
    return thread_count_++;
  }

  // Runs all threads from their start to their end.
  void run_threads() {
    knowledge& own = threads_[0].known;
    for (std::size_t i = 1; i < thread_count_; ++i) {
      threads_[i].known = own;
      threads_[i].known.happened.tick(i);
      threads_[i].known.visible.tick(i);
    }
    tick(0);
    // Each thread runs up to its first operation. Nothing before that can matter to the others.
    for (std::size_t i = 1; i < thread_count_; ++i) {
      starting_ = true;
      running_ = i;
      threads_[i].stack.start(&run_thread, this);
      fiber::transfer(threads_[0].stack, threads_[i].stack);
    }
    starting_ = false;
    running_ = 0;
    parallel_ = true;
    pass_on(0);
    parallel_ = false;
    for (std::size_t i = 1; i < thread_count_; ++i) own.join(threads_[i].known);
    thread_count_ = 1;
  }

  [[noreturn]] void fail(std::string message) {
    message_ = std::move(message);
    if (search_.diverged()) message_ = "the program does not do the same in the same situation; " + message_;
    // The execution is abandoned; nothing that its threads own is released.
    fiber lost;
    fiber::transfer(lost, outside_);
    std::terminate();
  }

  void saw(const char* what) {
    for (count& c : counts_) {
      if (c.what != what && std::strcmp(c.what, what) != 0) continue;
      if (c.last != execution_) ++c.executions;
      c.last = execution_;
      return;
    }
    counts_.push_back({what, 1, execution_});
  }

  std::size_t current_thread() const { return running_; }

  // ---- Atomic objects.

  void construct(handle& h, std::uint64_t value) {
    if (location_count_ == locations_.size()) locations_.emplace_back();
    stamp_handle(h, location_count_++);
    locations_[h.id].construct(running_, tick(running_), value);
  }

  void destroy(handle& h) {
    if (!valid(h)) fail("an atomic is destroyed that is not alive: destroyed before, or copied bit by bit");
    if (h.execution == execution_ && !locations_[h.id].unused_after(threads_[running_].known)) {
      fail("data race: " + name(h.id) + " is destroyed by " + threads_[running_].name +
           ", unordered with another thread's use of it");
    }
    if (h.execution == execution_) locations_[h.id].destroy();
    h.check = ~check_of(h);
  }

  // `newest` is the value of an object that this execution has not met yet.
  std::uint64_t load(handle& h, std::uint64_t newest, std::memory_order order) {
    const std::size_t id = locate(h, newest);
    schedule({operation::load, in_total_order(order), id});
    return read(id, choose_entry(id, order), order);
  }

  void store(handle& h, std::uint64_t newest, std::uint64_t value, std::memory_order order) {
    const std::size_t id = locate(h, newest);
    schedule({operation::store, in_total_order(order), id});
    thread& t = threads_[running_];
    require_alive(id);
    locations_[id].write(running_, tick(running_), t.known, value, order);
    record({operation::store, order, id, value, 0});
  }

  // change(old value) -> new value. Returns the old one.
  template <class Change>
  std::uint64_t modify(handle& h, std::uint64_t newest, Change change, std::memory_order order) {
    const std::size_t id = locate(h, newest);
    schedule({operation::exchange, in_total_order(order), id});
    require_alive(id);
    return replace(id, change, order);
  }

  // Returns whether it succeeded; `expected` is what was read.
  bool compare_exchange(handle& h, std::uint64_t newest, std::uint64_t& expected, std::uint64_t desired, bool weak,
                        std::memory_order success, std::memory_order failure) {
    const std::size_t id = locate(h, newest);
    schedule({operation::exchange, in_total_order(success) || in_total_order(failure), id});
    require_alive(id);
    thread& t = threads_[running_];
    const location& x = locations_[id];
    // Success, if the newest entry allows it; else, or besides, failure by any entry that a load might read.
    candidates_.clear();
    if (x.at(x.newest()).value == expected) candidates_.push_back(success_marker);
    for (std::size_t i = x.newest() + 1, floor = floor_of(id, failure); i-- > floor;) {
      const bool spurious = x.at(i).value == expected;
      if (!spurious || (weak && i == x.newest() && t.spurious_failures < options_.spurious_failures)) {
        candidates_.push_back(i);
      }
    }
    if (candidates_.empty()) candidates_.push_back(success_marker);
    const std::size_t answer = candidates_[search_.outcome(candidates_.size())];
    if (answer == success_marker) {
      replace(id, [&](std::uint64_t) { return desired; }, success);
      return true;
    }
    if (x.at(answer).value == expected) ++t.spurious_failures;
    t.retries = true;
    expected = read(id, answer, failure);
    return false;
  }

  // ---- Barriers and waiting.

  void light_barrier() {
    schedule({operation::light_barrier, false, 0});
    tick(running_);
    barriers_.light(threads_[running_].known);
    record({operation::light_barrier, std::memory_order_relaxed, 0, 0, 0});
  }

  void heavy_barrier() {
    if (!options_.heavy_barrier) fail("heavy_barrier() is called although the system refuses it");
    schedule({operation::heavy_barrier, true, 0});
    const std::uint32_t stamp = tick(running_);
    barriers_.heavy(threads_[running_].known);
    for (std::size_t i = 0; i < location_count_; ++i) locations_[i].see_total_order(running_, stamp);
    record({operation::heavy_barrier, std::memory_order_relaxed, 0, 0, 0});
  }

  bool heavy_barrier_available() const { return options_.heavy_barrier; }

  void pause() {
    thread& t = threads_[running_];
    if (t.seen.empty()) return;  // a longer wait for what was looked at before
    if (!parallel_ && !starting_) fail("main waits, but no other thread runs");
    t.waits = !t.retries || t.seen == t.seen_before;
    t.retries = false;
    t.seen_before.swap(t.seen);
    t.seen.clear();
    schedule({operation::pause, false, 0});
    record({operation::pause, std::memory_order_relaxed, 0, 0, 0});
  }

  // ---- Plain objects.

  void plain_access(handle& h, access_history& history, bool writes, std::uint64_t value) {
    if (!valid(h)) fail("a plain object is used by " + threads_[running_].name + " that is not alive");
    if (h.execution != execution_) {
      history = {};
      stamp_handle(h, h.id);
    }
    tick(running_);
    record({writes ? operation::plain_write : operation::plain_read, std::memory_order_relaxed, 0, value, 0});
    const knowledge& known = threads_[running_].known;
    if (writes ? history.write(running_, known) : history.read(running_, known)) return;
    fail(std::string("data race: plain data is ") + (writes ? "written" : "read") + " by " + threads_[running_].name +
         ", unordered with another thread's " + (writes ? "access" : "write"));
  }
  void plain_construct(handle& h, access_history& history, std::uint64_t value) {
    stamp_handle(h, 0);
    plain_access(h, history, true, value);
  }
  void plain_destroy(handle& h, access_history& history) {
    plain_access(h, history, true, 0);
    h.check = ~check_of(h);
  }

  void set_name(handle& h, std::uint64_t newest, const char* name) {
    const std::size_t id = locate(h, newest);
    if (names_.size() <= id) names_.resize(id + 1, nullptr);
    names_[id] = name;
  }

 private:
  struct step {
    operation what = operation::none;
    bool total = false;  // seq_cst
    std::size_t location = 0;

    bool writes() const { return what == operation::store || what == operation::exchange; }
    bool accesses() const { return writes() || what == operation::load; }
    bool is_barrier() const { return what == operation::light_barrier || what == operation::heavy_barrier; }
  };

  // One read of a location, as a waiting loop remembers it.
  struct sight {
    std::size_t location;
    std::size_t index;
    std::uint64_t value;
    // Two rounds of a loop are the same if the values are.
    friend bool operator==(const sight& a, const sight& b) { return a.location == b.location && a.value == b.value; }
  };

  struct thread {
    std::string name;
    fiber stack;
    void (*body)(void*) = nullptr;
    void* argument = nullptr;
    bool finished = false;
    bool waits = false;    // in pause, until something that it saw changes
    bool retries = false;  // a compare-exchange has failed since the last pause
    unsigned spurious_failures = 0;
    step next;  // what it is about to execute
    knowledge known;
    std::vector<sight> seen;         // since the last pause
    std::vector<sight> seen_before;  // between the last pause and the one before

    void reset(const char* n) {
      name = n;
      finished = waits = retries = false;
      spurious_failures = 0;
      next = {};
      known = {};
      seen.clear();
      seen_before.clear();
    }
  };

  struct event {
    operation what;
    std::memory_order order;
    std::size_t location;
    std::uint64_t value;
    std::size_t missed;  // how many newer entries there were
    std::size_t thread = 0;
  };

  static inline std::uint32_t last_execution_ = 0;  // of all machines: handles may outlive theirs

  static constexpr std::size_t success_marker = static_cast<std::size_t>(-1);

  static void run_program(void* self) noexcept {
    auto& m = *static_cast<machine*>(self);
    m.guarded(m.program_, m.argument_);
    if (m.search_.diverged()) m.fail("so nothing was proved");
    fiber::transfer(m.threads_[0].stack, m.outside_);
  }

  static void run_thread(void* self) noexcept {
    auto& m = *static_cast<machine*>(self);
    thread& t = m.threads_[m.running_];
    m.guarded(t.body, t.argument);
    t.finished = true;
    t.next = {};
    if (m.starting_) {
      fiber::transfer(t.stack, m.threads_[0].stack);
    } else {
      m.pass_on(m.running_);
    }
  }

  void guarded(void (*body)(void*), void* argument) {
    std::string escaped;
    try {
      body(argument);
      return;
    } catch (const std::exception& e) {
      escaped = e.what();
    } catch (...) {
      escaped = "of unknown type";
    }
    fail("an exception left " + threads_[running_].name + ": " + escaped);
  }

  // ---- Scheduling.

  void schedule(step s) {
    thread& t = threads_[running_];
    t.next = s;
    if (starting_) {
      fiber::transfer(t.stack, threads_[0].stack);
    } else if (parallel_) {
      if (++operations_ > options_.max_operations) fail("too many operations: the threads keep each other busy");
      pass_on(running_);
    }
  }

  // Chooses who runs next and lets it; returns when `from` is chosen again (or, for thread 0, when all have finished).
  void pass_on(std::size_t from) {
    thread_set ready = 0;
    bool unfinished = false;
    for (std::size_t i = 1; i < thread_count_; ++i) {
      thread& t = threads_[i];
      if (t.finished) continue;
      unfinished = true;
      if (!t.waits || has_news(i)) ready |= only(i);
    }
    std::size_t to = 0;
    if (ready != 0) {
      const bool may_stay = contains(ready, from) && threads_[from].next.what != operation::pause;
      if (may_stay && options_.preemptions >= 0 && preemptions_ == options_.preemptions) ready = only(from);
      to = search_.thread(ready, from,
                          [this](std::size_t a, std::size_t b) { return commute(threads_[a].next, threads_[b].next); });
      if (may_stay && to != from) ++preemptions_;
      threads_[to].waits = false;
    } else if (unfinished) {
      fail_by_deadlock();
    }
    if (to == from) return;
    running_ = to;
    fiber::transfer(threads_[from].stack, threads_[to].stack);
  }

  static bool commute(const step& a, const step& b) {
    if (a.what == operation::pause || b.what == operation::pause) return !a.writes() && !b.writes();
    if (a.what == operation::heavy_barrier) return !b.is_barrier() && !b.total;
    if (b.what == operation::heavy_barrier) return !a.is_barrier() && !a.total;
    if (!a.accesses() || !b.accesses() || a.location != b.location) return true;
    return !a.writes() && !b.writes() && !(a.total && b.total);
  }

  // Whether a waiting thread would find something else than the last time.
  bool has_news(std::size_t waiting) const {
    for (const sight& s : threads_[waiting].seen_before) {
      const location& x = locations_[s.location];
      for (std::size_t i = s.index + 1; i <= x.newest(); ++i) {
        if (x.at(i).value != s.value && x.at(i).thread != waiting) return true;
      }
    }
    return false;
  }

  [[noreturn]] void fail_by_deadlock() {
    std::string message = "deadlock: every thread that has not finished waits:";
    for (std::size_t i = 1; i < thread_count_; ++i) {
      const thread& t = threads_[i];
      if (t.finished) continue;
      message += " " + t.name + " on";
      for (const sight& s : t.seen_before) message += " " + name(s.location) + " == " + number(s.value);
      message += ";";
    }
    fail(std::move(message));
  }

  // ---- Memory.

  std::uint32_t tick(std::size_t i) {
    knowledge& known = threads_[i].known;
    known.visible.tick(i);
    return known.happened.tick(i);
  }

  void require_alive(std::size_t id) {
    if (!locations_[id].alive()) fail(name(id) + " is used by " + threads_[running_].name + " after its destruction");
    if (locations_[id].constructed_before(threads_[running_].known)) return;
    fail("data race: " + name(id) + " is used by " + threads_[running_].name + ", unordered with its constructor");
  }

  std::size_t floor_of(std::size_t id, std::memory_order order) {
    const location& x = locations_[id];
    thread& t = threads_[running_];
    std::size_t floor = in_total_order(order) ? x.floor(barriers_.with_heavy_past(t.known.visible), order)
                                              : x.floor(t.known.visible, order);
    // The first look after a pause does not find the same stale entry again.
    for (const sight& s : t.seen_before) {
      if (s.location != id || s.index < floor || s.index >= x.newest()) continue;
      if (std::find_if(t.seen.begin(), t.seen.end(), [&](const sight& n) { return n.location == id; }) ==
          t.seen.end()) {
        floor = s.index + 1;
      }
    }
    return floor;
  }

  std::size_t choose_entry(std::size_t id, std::memory_order order) {
    require_alive(id);
    const std::size_t newest = locations_[id].newest();
    return newest - search_.outcome(newest - floor_of(id, order) + 1);
  }

  std::uint64_t read(std::size_t id, std::size_t index, std::memory_order order) {
    thread& t = threads_[running_];
    location& x = locations_[id];
    x.read(running_, tick(running_), t.known, index, order);
    const std::uint64_t value = x.at(index).value;
    t.seen.push_back({id, index, value});
    record({operation::load, order, id, value, x.newest() - index});
    return value;
  }

  template <class Change>
  std::uint64_t replace(std::size_t id, Change change, std::memory_order order) {
    thread& t = threads_[running_];
    location& x = locations_[id];
    const std::uint64_t old = x.at(x.newest()).value;
    const std::uint64_t value = change(old);
    x.replace(running_, tick(running_), t.known, value, order);
    t.seen.push_back({id, x.newest(), value});
    record({operation::exchange, order, id, value, 0});
    return old;
  }

  // ---- Handles.

  static std::uint32_t check_of(const handle& h) {
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&h));
    std::uint64_t mixed = (address ^ (std::uint64_t{h.id} << 32U) ^ h.execution) * 0x9e3779b97f4a7c15U;
    return static_cast<std::uint32_t>(mixed >> 32U);
  }
  void stamp_handle(handle& h, std::size_t id) const {
    h.id = static_cast<std::uint32_t>(id);
    h.execution = execution_;
    h.check = check_of(h);
  }
  // A handle of zeros belongs to an object that was constant-initialized or made outside of any execution.
  static bool valid(const handle& h) {
    return h.check == check_of(h) || (h.id == 0 && h.execution == 0 && h.check == 0);
  }

  std::size_t locate(handle& h, std::uint64_t newest) {
    if (!valid(h)) {
      fail("an atomic is used by " + threads_[running_].name + " that is not alive: destroyed, or copied bit by bit");
    }
    if (h.execution != execution_) {
      // It was there before this execution began: as if made by main at the very start.
      if (location_count_ == locations_.size()) locations_.emplace_back();
      stamp_handle(h, location_count_++);
      locations_[h.id].construct(0, 0, newest);
    }
    return h.id;
  }

  // ---- Words.

  void record(event e) {
    e.thread = running_;
    events_.push_back(e);
  }

  std::string name(std::size_t id) const {
    if (id < names_.size() && names_[id] != nullptr) return names_[id];
    return "atomic " + std::to_string(id);
  }

  static std::string number(std::uint64_t value) {
    if (value < (1U << 24U)) return std::to_string(value);
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
  }

  static const char* word(std::memory_order order) {
    switch (order) {
      case std::memory_order_relaxed:
        return "relaxed";
      case std::memory_order_consume:
        return "consume";
      case std::memory_order_acquire:
        return "acquire";
      case std::memory_order_release:
        return "release";
      case std::memory_order_acq_rel:
        return "acq_rel";
      case std::memory_order_seq_cst:
        return "seq_cst";
    }
    return "";
  }

  void append(std::string& text, const event& e) const {
    text += "  " + threads_[e.thread].name + ": ";
    const std::string object = name(e.location) + " " + word(e.order);
    switch (e.what) {
      case operation::none:
        break;
      case operation::load:
        text += "load " + object + " -> " + number(e.value);
        if (e.missed != 0) text += " (stale by " + std::to_string(e.missed) + ")";
        break;
      case operation::store:
        text += "store " + object + " <- " + number(e.value);
        break;
      case operation::exchange:
        text += "exchange " + object + " <- " + number(e.value);
        break;
      case operation::light_barrier:
        text += "light barrier";
        break;
      case operation::heavy_barrier:
        text += "heavy barrier";
        break;
      case operation::pause:
        text += "woke from a pause";
        break;
      case operation::plain_read:
        text += "read plain -> " + number(e.value);
        break;
      case operation::plain_write:
        text += "write plain <- " + number(e.value);
        break;
    }
    text += "\n";
  }

  const options options_;
  search search_;

  // Of the current execution.
  std::array<thread, max_threads> threads_;
  std::size_t thread_count_ = 1;
  std::size_t running_ = 0;
  bool starting_ = false;
  bool parallel_ = false;
  std::uint32_t execution_ = 0;
  std::uint32_t operations_ = 0;
  int preemptions_ = 0;
  std::vector<location> locations_;  // reused, so that their lists keep their memory
  std::size_t location_count_ = 0;
  barriers barriers_;
  std::vector<event> events_;

  // Of the whole search.
  fiber outside_;
  void (*program_)(void*) = nullptr;
  void* argument_ = nullptr;
  std::uint64_t executions_ = 0;
  std::string message_;
  std::vector<count> counts_;
  std::vector<const char*> names_;
  std::vector<std::size_t> candidates_;
};

}  // namespace tandem::model

#endif
