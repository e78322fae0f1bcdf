// What the fault tests of the concurrent maps share: maps of tracked keys and values whose memory is counted, and checks of what
// is left after a failure.
#ifndef TANDEM_TESTS_SUPPORT_CONCURRENT_MAP_FAULTS_HPP
#define TANDEM_TESTS_SUPPORT_CONCURRENT_MAP_FAULTS_HPP

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/concurrent_map_contract.hpp"
#include "support/faults.hpp"
#include "support/tracked.hpp"

#include <cstddef>

namespace tandem::test {

inline bool all_is_well() {
  return tracked::live() == 0 && tracked::corrupt() == 0 && budget_allocator<std::byte>::account().balanced();
}

// Every element is found, nothing is locked, and the map can be changed.
template <class Map>
bool usable(Map& m) {
  using object = typename Map::key_type;
  numbers const before = contents(m);
  for (auto const& [k, v] : before) {
    if (k < 0 || m.visit(object(k), [](auto&) {}) != 1) return false;
  }
  if (m.visit_all([](auto&) {}) != before.size()) return false;
  for (int k = 1000; k != 1020; ++k) {
    if (!m.try_emplace(object(k), k)) return false;
  }
  for (int k = 1000; k != 1020; ++k) {
    if (m.erase(object(k)) != 1) return false;
  }
  return contents(m) == before;
}

inline constexpr int there = 20;  // keys of a prepared map

// Walks `call(m)` on a map of 20 elements. It succeeds, and leaves `after`, or has no effect.
template <class Map, class Call>
void check_all_or_nothing(const char* name, const numbers& after, Call call) {
  INFO(name);
  int const failures = walk_faults([&](auto inject) {
    Map m = filled<Map>(there);
    bool const done = inject([&] { call(m); });
    CHECK(contents(m) == (done ? after : tens(there)));
    CHECK(usable(m));
  });
  CHECK(failures > 0);
  CHECK(all_is_well());
}

inline numbers with(int key, int value) {
  numbers result = tens(there);
  result[key] = value;
  return result;
}
inline numbers without(int key) {
  numbers result = tens(there);
  result.erase(key);
  return result;
}

// A visitor that may throw before it does something.
template <class F>
auto throwing(F f) {
  return [f](auto&&... x) {
    faults::reach(fault_call);
    return f(x...);
  };
}
inline constexpr auto ignore = [](auto&&...) {};
inline constexpr auto yes = [](auto&&...) { return true; };

}  // namespace tandem::test

#endif
