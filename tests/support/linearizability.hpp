// Is a recorded history of one key linearizable? That is: can each call be given a moment between its beginning and its end at
// which it happened, all at once, so that every result is what a sequential map would have returned?
//
//   history h(threads);
//   run_threads(threads, [&](std::size_t t) { h.record(t, key, operation::get, 0, [&] { return m.get(key); }); });
//   for (auto& [key, calls] : h.by_key()) CHECK(check_linearizable(calls) == "");
//
// Calls of different keys are independent, so each key is checked alone; its state is a value or nothing.
//
// The search is Wing and Gong's with memory: it goes through the beginnings and ends in order of time and keeps the set of
// all configurations that the past allows: the state of the key, and which of the calls under way have happened already. At
// the end of a call all configurations in which it has not happened are driven on by calls under way, in every order, until
// it has, or dropped. The history is linearizable as long as some configuration is left. The set is small: calls under way
// are at most as many as threads, and most of their results contradict most states.
#ifndef TANDEM_TESTS_SUPPORT_LINEARIZABILITY_HPP
#define TANDEM_TESTS_SUPPORT_LINEARIZABILITY_HPP

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tandem::test {

// `returned` is the value that the call reported, or nothing where it found none. Where the call reports yes and no only,
// any value means yes.
enum class operation {
  get,          // the value
  contains,     // yes or no
  insert,       // argument, if the key is absent; the value that was in the way, or nothing
  assign,       // argument, always; whether there was a value before
  exchange,     // argument, always; the value before
  add,          // argument is added to the value, if there is one; the sum
  erase,        // whether there was a value
  erase_equal,  // if the value is the argument; whether it was
  extract       // the value that was taken out
};

using key_state = std::optional<std::uint64_t>;

struct call_record {
  operation what{};
  std::uint64_t argument = 0;
  key_state returned;
  std::size_t thread = 0;
  std::uint64_t begin = 0, end = 0;  // no two moments of a history are the same
};

// What a sequential map does. False if it would have returned something else; otherwise the state is the one afterwards.
inline bool step(key_state& state, const call_record& c) {
  bool const present = state.has_value(), yes = c.returned.has_value();
  switch (c.what) {
    case operation::get:
      return c.returned == state;
    case operation::contains:
      return yes == present;
    case operation::insert:
      if (c.returned != state) return false;
      if (!present) state = c.argument;
      return true;
    case operation::assign:
      if (yes != present) return false;
      state = c.argument;
      return true;
    case operation::exchange:
      if (c.returned != state) return false;
      state = c.argument;
      return true;
    case operation::add:
      if (present) *state += c.argument;
      return c.returned == state;
    case operation::erase:
      state.reset();
      return yes == present;
    case operation::erase_equal: {
      bool const equal = state == c.argument;
      if (equal) state.reset();
      return yes == equal;
    }
    case operation::extract:
      return c.returned == std::exchange(state, std::nullopt);
  }
  return false;
}

inline std::string describe(const call_record& c) {
  static constexpr const char* names[] = {"get", "contains", "insert",      "assign", "exchange",
                                          "add", "erase",    "erase_equal", "extract"};
  std::ostringstream out;
  out << "thread " << c.thread << " [" << c.begin << ", " << c.end << "] " << names[static_cast<std::size_t>(c.what)]
      << '(' << c.argument << ") -> ";
  if (c.returned) {
    out << *c.returned;
  } else {
    out << "nothing";
  }
  return out.str();
}

// Empty if the calls, all of one key, are linearizable; else which call's result cannot be explained, and what came before.
// At most 64 threads.
inline std::string check_linearizable(const std::vector<call_record>& calls, key_state initial = {}) {
  struct moment {
    std::uint64_t time;
    const call_record* call;
    bool is_end;
  };
  std::vector<moment> moments;
  auto const refuse = [](const call_record& c) { throw std::invalid_argument("this is no history: " + describe(c)); };
  for (const call_record& c : calls) {
    if (c.begin >= c.end || c.thread >= 64) refuse(c);
    moments.push_back({c.begin, &c, false});
    moments.push_back({c.end, &c, true});
  }
  std::ranges::sort(moments, {}, &moment::time);

  using configuration = std::pair<key_state, std::uint64_t>;  // and a bit for each thread whose call has happened
  std::set<configuration> possible{{initial, 0}};
  std::map<std::size_t, const call_record*> under_way;
  auto const bit = [](std::size_t thread) { return std::uint64_t{1} << thread; };
  for (std::size_t at = 0; at != moments.size(); ++at) {
    const call_record& c = *moments[at].call;
    if (!moments[at].is_end) {
      if (!under_way.emplace(c.thread, &c).second) refuse(c);
      continue;
    }
    std::set<configuration> next, seen = possible;
    std::vector<configuration> open(possible.begin(), possible.end());
    while (!open.empty()) {
      configuration const here = open.back();
      open.pop_back();
      if (here.second & bit(c.thread)) {
        next.emplace(here.first, here.second & ~bit(c.thread));
        continue;
      }
      for (const auto& [thread, call] : under_way) {
        if (here.second & bit(thread)) continue;
        configuration there = here;
        there.second |= bit(thread);
        if (step(there.first, *call) && seen.insert(there).second) open.push_back(there);
      }
    }
    if (next.empty()) {
      std::string text = "not linearizable: " + describe(c) + "\nafter:";
      for (std::size_t i = at > 24 ? at - 24 : 0; i != at; ++i) {
        if (moments[i].is_end) text += "\n  " + describe(*moments[i].call);
      }
      text += "\nwith these under way:";
      for (const auto& [thread, call] : under_way) text += "\n  " + describe(*call);
      return text;
    }
    possible = std::move(next);
    under_way.erase(c.thread);
  }
  return {};
}

// How many calls of one key overlap others: a history without any says nothing about threads.
inline std::size_t count_overlaps(std::vector<call_record> calls) {
  std::ranges::sort(calls, {}, &call_record::begin);
  std::size_t overlaps = 0;
  std::uint64_t latest_end = 0;
  for (const call_record& c : calls) {
    overlaps += c.begin < latest_end;
    latest_end = std::max(latest_end, c.end);
  }
  return overlaps;
}

// Calls as they happen. Each thread has a list of its own; reading them is for afterwards.
class history {
 public:
  explicit history(std::size_t threads) : lists_(threads) {}

  // f() makes the call and says what it returned.
  template <class F>
  void record(std::size_t thread, std::uint64_t key, operation what, std::uint64_t argument, F f) {
    call_record c{what, argument, {}, thread, 0, 0};
    c.begin = tick();
    c.returned = f();
    c.end = tick();
    lists_[thread].emplace_back(key, c);
  }

  std::map<std::uint64_t, std::vector<call_record>> by_key() const {
    std::map<std::uint64_t, std::vector<call_record>> result;
    for (const auto& list : lists_) {
      for (const auto& [key, c] : list) result[key].push_back(c);
    }
    return result;
  }

 private:
  // Acquire and release, so that no call moves out of its interval, which would be a false alarm. The clock orders the
  // threads more than the map does; ThreadSanitizer finds missing order in the other stress tests.
  std::uint64_t tick() noexcept { return clock_.fetch_add(1, std::memory_order_acq_rel); }

  std::atomic<std::uint64_t> clock_{1};
  std::vector<std::vector<std::pair<std::uint64_t, call_record>>> lists_;
};

}  // namespace tandem::test

#endif
