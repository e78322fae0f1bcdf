// What maps say, in debug builds, to a thread that calls one from its own visitor or under its own guard: the process ends with
// a message that names both places in the source. And what is allowed.
#include <tandem/cell_map.hpp>
#include <tandem/cell_set.hpp>
#include <tandem/sharded_map.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"

#include <unistd.h>
#include <csignal>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using tandem::test::process_end;
using tandem::test::run_in_child;

// Plain pairs, which readers may copy without a lock, and others.
using plain_map = tandem::cell_map<int, int>;
using string_map = tandem::cell_map<int, std::string>;
using sharded = tandem::sharded_map<int, std::string>;

template <class Map>
inline constexpr bool has_guards = requires(Map& m) { m.find_exclusive(1); };

template <class Map>
typename Map::mapped_type value(int n) {
  if constexpr (std::is_same_v<typename Map::mapped_type, int>) {
    return n;
  } else {
    return std::to_string(n);
  }
}
template <class Map>
void fill(Map& m) {
  for (int i = 0; i != 10; ++i) m.insert_or_assign(i, value<Map>(i));
}

std::string place(unsigned line) { return std::string(__FILE__) + ":" + std::to_string(line); }

// `call`, `holder`: lines of this file.
void check_reported(const process_end& end, unsigned call, unsigned holder) {
  INFO("call in line " << call << ", holder in line " << holder);
  INFO("status " << end.status << ", signal " << end.signal << ", output: " << end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("tandem: " + place(call) + " calls a map while " + place(holder) + " of the same thread holds"));
}
void check_diagnosed(const process_end& end, const char* message) {
  INFO("status " << end.status << ", signal " << end.signal << ", output: " << end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(end.says(message));
}
void check_quiet(const process_end& end) {
  INFO("status " << end.status << ", signal " << end.signal << ", output: " << end.output);
  CHECK(end.status == 0);
  CHECK(end.output.empty());
}

// Whether there is anything to check. Says so if not.
bool diagnosed() {
  if constexpr (tandem::detail::diagnoses_misuse) return true;
  WARN("built without asserts: misuse is not diagnosed, and not checked");
  SUCCEED("nothing to check");
  return false;
}

// A call, and the line that it is in.
template <class Map>
struct line_of_code {
  unsigned line;
  void (*run)(Map&);
};
// A call with a visitor that calls `inner(m)`, or a guard under which it is called.
template <class Map>
struct holding_line {
  unsigned line;
  void (*run)(Map&, void (*inner)(Map&));
};

// One call a line, so that it is clear which line is its.
// clang-format off
template <class Map>
std::vector<line_of_code<Map>> exclusive_calls() {
  std::vector<line_of_code<Map>> result{
      {__LINE__, [](Map& m) { m.erase(2); }},
      {__LINE__, [](Map& m) { m.erase_if(2, [](auto&) { return false; }); }},
      {__LINE__, [](Map& m) { m.erase_if([](auto&) { return false; }); }},
      {__LINE__, [](Map& m) { m.visit(2, [](auto&) {}); }},
      {__LINE__, [](Map& m) { m.visit_all([](auto&) {}); }},
      {__LINE__, [](Map& m) { m.visit_while([](auto&) { return true; }); }},
      {__LINE__, [](Map& m) { m.update(2, [](auto&) {}); }},
      {__LINE__, [](Map& m) { m.insert({2, value<Map>(2)}); }},
      {__LINE__, [](Map& m) { m.insert({77, value<Map>(2)}); }},
      {__LINE__, [](Map& m) { m.insert_or_assign(2, value<Map>(2)); }},
      {__LINE__, [](Map& m) { static_cast<void>(m.exchange(2, value<Map>(2))); }},
      {__LINE__, [](Map& m) { m.insert_or_visit({2, value<Map>(2)}, [](auto&) {}); }},
      {__LINE__, [](Map& m) { static_cast<void>(m.extract(2)); }},
  };
  if constexpr (has_guards<Map>) {
    result.push_back({__LINE__, [](Map& m) { static_cast<void>(m.find_exclusive(2)); }});
    result.push_back({__LINE__, [](Map& m) { static_cast<void>(m.entry(2)); }});
    result.push_back({__LINE__, [](Map& m) { static_cast<void>(m.entry(77)); }});
  }
  return result;
}
template <class Map>
std::vector<line_of_code<Map>> shared_calls() {
  std::vector<line_of_code<Map>> result{
      {__LINE__, [](Map& m) { static_cast<void>(m.get(2)); }},
      {__LINE__, [](Map& m) { static_cast<void>(m.contains(2)); }},
      {__LINE__, [](Map& m) { static_cast<void>(m.count(2)); }},
      {__LINE__, [](Map& m) { static_cast<void>(m.value_or(2, value<Map>(1))); }},
      {__LINE__, [](Map& m) { static_cast<void>(m.at(2)); }},
      {__LINE__, [](Map& m) { m.cvisit(2, [](const auto&) {}); }},
      {__LINE__, [](Map& m) { m.read(2, [](const auto&) {}); }},
      {__LINE__, [](Map& m) { m.cvisit_all([](const auto&) {}); }},
      {__LINE__, [](Map& m) { m.cvisit_while([](const auto&) { return true; }); }},
  };
  if constexpr (has_guards<Map>) {
    result.push_back({__LINE__, [](Map& m) { static_cast<void>(std::as_const(m).find(2)); }});
  }
  return result;
}
template <class Map>
std::vector<holding_line<Map>> exclusive_holders() {
  std::vector<holding_line<Map>> result{
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.visit(1, [&](auto&) { inner(m); }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.update(1, [&](auto&) { inner(m); }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.visit_all([&](auto&) { inner(m); }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.visit_while([&](auto&) { inner(m); return true; }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.erase_if(1, [&](auto&) { inner(m); return true; }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.erase_if([&](auto&) { inner(m); return true; }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.insert_or_visit({1, value<Map>(1)}, [&](auto&) { inner(m); }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.insert_or_cvisit({1, value<Map>(1)}, [&](auto&) { inner(m); }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.insert_and_visit({77, value<Map>(1)}, [&](auto&) { inner(m); }, [](auto&) {}); }},
  };
  if constexpr (has_guards<Map>) {
    result.push_back({__LINE__, [](Map& m, void (*inner)(Map&)) { auto const guard = m.find_exclusive(1); inner(m); }});
    result.push_back({__LINE__, [](Map& m, void (*inner)(Map&)) { auto const occupied = m.entry(1); inner(m); }});
    result.push_back({__LINE__, [](Map& m, void (*inner)(Map&)) { auto const vacant = m.entry(77); inner(m); }});
  }
  return result;
}
template <class Map>
std::vector<holding_line<Map>> shared_holders() {
  std::vector<holding_line<Map>> result{
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.cvisit(1, [&](const auto&) { inner(m); }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { std::as_const(m).visit(1, [&](const auto&) { inner(m); }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.read(1, [&](const auto&) { inner(m); }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.cvisit_all([&](const auto&) { inner(m); }); }},
      {__LINE__, [](Map& m, void (*inner)(Map&)) { m.cvisit_while([&](const auto&) { inner(m); return true; }); }},
  };
  if constexpr (has_guards<Map>) {
    result.push_back({__LINE__, [](Map& m, void (*inner)(Map&)) { auto const guard = std::as_const(m).find(1); inner(m); }});
  }
  return result;
}
// clang-format on

template <class Map>
process_end run_under(const holding_line<Map>& holder, const line_of_code<Map>& call) {
  return run_in_child([&] {
    Map m;
    fill(m);
    holder.run(m, call.run);
  });
}

}  // namespace

TEMPLATE_TEST_CASE("a call under an exclusive lock of the same map ends the process, and both places are named",
                   "[cell_map][sharded_map][misuse]", plain_map, string_map, sharded) {
  if (!diagnosed()) return;
  auto const exclusive = exclusive_calls<TestType>();
  auto const shared = shared_calls<TestType>();
  auto const holders = exclusive_holders<TestType>();
  for (auto const& call : exclusive) check_reported(run_under(holders.front(), call), call.line, holders.front().line);
  for (auto const& call : shared) check_reported(run_under(holders.front(), call), call.line, holders.front().line);
  for (auto const& holder : holders)
    check_reported(run_under(holder, exclusive.front()), exclusive.front().line, holder.line);
}

TEMPLATE_TEST_CASE("a change under a shared lock of the same map ends the process, and both places are named",
                   "[cell_map][sharded_map][misuse]", string_map, sharded) {
  if (!diagnosed()) return;
  auto const exclusive = exclusive_calls<TestType>();
  auto const holders = shared_holders<TestType>();
  for (auto const& call : exclusive) check_reported(run_under(holders.back(), call), call.line, holders.back().line);
  for (auto const& holder : holders)
    check_reported(run_under(holder, exclusive.front()), exclusive.front().line, holder.line);
}

TEMPLATE_TEST_CASE("shared access under shared access of the same map is allowed", "[cell_map][sharded_map][misuse]",
                   plain_map, string_map, sharded) {
  for (auto const& holder : shared_holders<TestType>()) {
    check_quiet(run_in_child([&] {
      TestType m;
      fill(m);
      holder.run(m, [](TestType& map) {
        for (auto const& call : shared_calls<TestType>()) call.run(map);
      });
    }));
  }
}

TEMPLATE_TEST_CASE("calls with any number of arguments are reported by their own names",
                   "[cell_map][sharded_map][misuse]", plain_map, string_map, sharded) {
  if (!diagnosed()) return;
  auto const holder = exclusive_holders<TestType>().front();
  auto const check = [&](void (*call)(TestType&), const char* name) {
    auto const end = run_under(holder, {0, call});
    check_diagnosed(end, ("the call:   " + std::string(name)).c_str());
    CHECK(end.says("while " + place(holder.line) + " of the same thread holds"));
  };
  check([](TestType& m) { m.try_emplace(2, value<TestType>(2)); }, "try_emplace");
  check([](TestType& m) { m.try_emplace_or_visit(2, value<TestType>(2), [](auto&) {}); }, "try_emplace_or_visit");
  check([](TestType& m) { m.emplace(2, value<TestType>(2)); }, "emplace");
  auto const inner = exclusive_calls<TestType>().front();
  auto const end = run_under<TestType>(
      {0,
       [](TestType& m, void (*f)(TestType&)) { m.try_emplace_or_visit(1, value<TestType>(2), [&](auto&) { f(m); }); }},
      inner);
  check_diagnosed(end, "the holder: try_emplace_or_visit");
  CHECK(end.says(place(inner.line) + " calls a map"));
}

TEMPLATE_TEST_CASE("swap, assignment and rehash under a lock of the same map end the process",
                   "[cell_map][sharded_map][misuse]", plain_map, string_map, sharded) {
  if (!diagnosed()) return;
  constexpr const char* message = "of the same thread holds one of its locks";
  auto const check = [&](void (*call)(TestType&)) {
    for (auto const& holder : {exclusive_holders<TestType>().front(), shared_holders<TestType>().back()}) {
      check_diagnosed(run_under(holder, {0, call}), message);
    }
  };
  check([](TestType& m) { m.clear(); });
  check([](TestType& m) { m.rehash(1000); });
  check([](TestType& m) {
    TestType other;
    fill(other);
    m.swap(other);
  });
  check([](TestType& m) {
    TestType other;
    fill(other);
    other.swap(m);
  });
  check([](TestType& m) { m = TestType(); });
  if constexpr (has_guards<TestType>) {  // merges of a sharded_map look for locks that they get without waiting
    check([](TestType& m) {
      TestType other;
      fill(other);
      m.merge(other);
    });
  }
}

TEMPLATE_TEST_CASE("other maps may be called from a visitor and under a guard", "[cell_map][sharded_map][misuse]",
                   plain_map, string_map, sharded) {
  check_quiet(run_in_child([] {
    static TestType other;
    for (auto const& holders : {exclusive_holders<TestType>(), shared_holders<TestType>()}) {
      for (auto const& holder : holders) {
        TestType m;
        fill(m);
        holder.run(m, [](TestType&) {
          fill(other);
          for (auto const& call : exclusive_calls<TestType>()) {
            call.run(other);
            other.insert_or_assign(2, value<TestType>(2));
          }
          for (auto const& call : shared_calls<TestType>()) call.run(other);
          tandem::cell_set<int> set{1, 2, 3};
          set.erase(1);
        });
      }
    }
    other.clear();
  }));
}

TEMPLATE_TEST_CASE("a map may be called again when a visitor has thrown and when a guard has ended",
                   "[cell_map][sharded_map][misuse]", plain_map, string_map, sharded) {
  auto const throwing = [](TestType&) { throw std::runtime_error("visitor"); };
  for (auto const& holders : {exclusive_holders<TestType>(), shared_holders<TestType>()}) {
    for (auto const& holder : holders) {
      check_quiet(run_in_child([&] {
        TestType m;
        fill(m);
        try {
          holder.run(m, throwing);
          _exit(1);
        } catch (const std::runtime_error&) {
        }
        holder.run(m, [](TestType&) {});
        fill(m);
        for (auto const& call : exclusive_calls<TestType>()) {
          call.run(m);
          m.insert_or_assign(2, value<TestType>(2));
        }
      }));
    }
  }
}

TEMPLATE_TEST_CASE("a map may be called again when guards have been moved and ended", "[cell_map][misuse]", plain_map,
                   string_map) {
  check_quiet(run_in_child([] {
    TestType m;
    fill(m);
    auto guard = m.find_exclusive(1);
    auto moved = std::move(guard);
    guard.reset();
    moved.reset();
    m.erase(1);
    auto entry = m.entry(1);
    entry.emplace(value<TestType>(7));
    auto other = std::move(entry);
    other = decltype(other)();
    m.erase(1);
    {
      auto const one = std::as_const(m).find(2);
      auto const two = std::as_const(m).find(3);
    }
    m.erase(2);
  }));
}

TEMPLATE_TEST_CASE("empty guards, and entries without an element, end the process with a message", "[cell_map][misuse]",
                   plain_map, string_map) {
  if (!diagnosed()) return;
  check_diagnosed(run_in_child([] {
                    TestType m;
                    auto const guard = m.find(1);
                    static_cast<void>(guard->second);
                  }),
                  "an empty guard was used");
  check_diagnosed(run_in_child([] {
                    TestType m;
                    auto const place = m.entry(1);
                    static_cast<void>(place.value());
                  }),
                  "an entry without an element was used");
  check_diagnosed(run_in_child([] {
                    TestType m;
                    fill(m);
                    auto place = m.entry(1);
                    place.emplace(value<TestType>(1));
                  }),
                  "emplace() into an entry that has an element");
  check_diagnosed(run_in_child([] {
                    typename TestType::entry_guard const place;
                    static_cast<void>(place.occupied());
                  }),
                  "an empty entry was used");
}
