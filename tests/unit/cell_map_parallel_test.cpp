// Visits and erasure with an execution policy. In libstdc++ <execution> needs TBB, if that is installed:
// TANDEM_TEST_HAS_PARALLEL says that it is linked. Otherwise everything runs in one thread here, whatever the policy.
#if !defined(TANDEM_TEST_HAS_PARALLEL)
#define _GLIBCXX_USE_TBB_PAR_BACKEND 0
#endif
#include <version>

#if __has_include(<execution>)
#include <execution>
#endif

#include <tandem/cell_map.hpp>
#include <tandem/cell_set.hpp>
#include <tandem/sharded_map.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__cpp_lib_parallel_algorithm)

namespace {

using string_map = tandem::cell_map<int, std::string>;
using sharded = tandem::sharded_map<int, std::string>;

constexpr int elements = 5000;

template <class Map>
Map filled() {
  Map m;
  for (int i = 0; i != elements; ++i) m.try_emplace(i, std::to_string(i));
  return m;
}

// How often each key was met.
class visits {
 public:
  void operator()(int key) { met_[static_cast<std::size_t>(key)].fetch_add(1, std::memory_order_relaxed); }
  bool all(int times) const {
    for (auto const& n : met_) {
      if (n.load(std::memory_order_relaxed) != times) return false;
    }
    return true;
  }

 private:
  std::vector<std::atomic<int>> met_ = std::vector<std::atomic<int>>(elements);
};

template <class F>
void for_each_policy(F f) {
  f(std::execution::seq);
  f(std::execution::par);
}

}  // namespace

TEMPLATE_TEST_CASE("visits with an execution policy meet each element once", "[cell_map][parallel]", string_map,
                   sharded) {
  auto m = filled<TestType>();
  for_each_policy([&](auto const& policy) {
    visits met;
    m.visit_all(policy, [&](auto& x) {
      static_assert(!std::is_const_v<std::remove_reference_t<decltype(x)>>);
      met(x.first);
      x.second = std::to_string(-x.first);
    });
    CHECK(met.all(1));
    m.cvisit_all(policy, [&](const auto& x) { met(x.first); });
    CHECK(met.all(2));
    std::as_const(m).visit_all(policy, [&](const int& key, const auto&) { met(key); });
    CHECK(met.all(3));
    CHECK(m.visit_while(policy, [&](auto& x) {
      met(x.first);
      return true;
    }));
    CHECK(m.cvisit_while(policy, [&](const auto& x) {
      met(x.first);
      return x.second == std::to_string(-x.first);
    }));
    CHECK(met.all(5));
    m.visit_all(policy, [&](const int& key, auto& v) { v = std::to_string(key); });
    CHECK(m.get(elements - 1) == std::to_string(elements - 1));
  });
}

TEMPLATE_TEST_CASE("visit_while with an execution policy says whether a function was false", "[cell_map][parallel]",
                   string_map, sharded) {
  auto m = filled<TestType>();
  for_each_policy([&](auto const& policy) {
    std::atomic<int> calls = 0;
    CHECK_FALSE(m.visit_while(policy, [&](auto& x) {
      calls.fetch_add(1, std::memory_order_relaxed);
      return x.first != 1234;
    }));
    CHECK(calls.load() > 0);
    CHECK(calls.load() <= elements);
    CHECK_FALSE(m.cvisit_while(policy, [](const auto& x) { return x.first < 0; }));
  });
  CHECK(m.size() == elements);
}

TEMPLATE_TEST_CASE("erase_if with an execution policy erases what the predicate says", "[cell_map][parallel]",
                   string_map, sharded) {
  for_each_policy([&](auto const& policy) {
    auto m = filled<TestType>();
    visits met;
    m.erase_if(policy, [&](auto& x) {
      met(x.first);
      return x.first % 3 != 0;
    });
    CHECK(met.all(1));
    CHECK(m.size() == (elements + 2) / 3);
    int wrong = 0;
    for (int i = 0; i != elements; ++i) wrong += m.contains(i) != (i % 3 == 0);
    CHECK(wrong == 0);
    m.erase_if(policy, [](auto&) { return true; });
    CHECK(m.empty());
    m.visit_all(policy, [](auto&) { std::abort(); });
    CHECK(m.visit_while(policy, [](auto&) { return false; }));
  });
}

TEST_CASE("sets are visited with an execution policy, too", "[cell_set][parallel]") {
  tandem::cell_set<int> s;
  for (int i = 0; i != elements; ++i) s.insert(i);
  for_each_policy([&](auto const& policy) {
    visits met;
    s.visit_all(policy, [&](const int& key) { met(key); });
    CHECK(met.all(1));
  });
  s.erase_if(std::execution::par, [](const int& key) { return key >= 10; });
  CHECK(s.size() == 10);
}

TEST_CASE("a map that grows meanwhile is visited in parallel without losing what was there", "[cell_map][parallel]") {
  auto m = filled<string_map>();
  visits met;
  std::atomic<int> next = elements;
  tandem::cell_map<int, int> other;
  m.visit_all(std::execution::par, [&](auto& x) {
    if (x.first < elements) met(x.first);
    other.try_emplace(next.fetch_add(1, std::memory_order_relaxed), x.first);
  });
  CHECK(met.all(1));
  CHECK(other.size() == elements);
}

#else

TEST_CASE("visits with an execution policy", "[cell_map][parallel]") {
  WARN("this standard library has no execution policies");
  SUCCEED("nothing to check");
}

#endif
