// cell_map when what belongs to its user fails while the table grows or shrinks, and in calls on many elements: constructors, copies,
// moves, hashes, comparisons, visitors and the allocator throw, each at every place where it can.
//
// A call on many elements has its effect on some of them, wholly. A resize is nobody's call: if it cannot go on, the table does
// without, or goes on later. Whatever happened, no lock stays locked, the count is right, every element can be found, nothing
// leaks and nothing is destroyed twice.
#include <tandem/cell_map.hpp>

#include "support/concurrent_map_faults.hpp"

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

struct tiny : tandem::cell_options {
  static constexpr std::size_t slots = 2;
};

template <class T, class Options>
using map_of = tandem::cell_map<T, T, std::hash<T>, std::equal_to<T>, budget_allocator<std::pair<const T, T>>, Options>;
using plain_map = map_of<tracked, tandem::cell_options>;
using tiny_map = map_of<tracked, tiny>;
using fragile_map = map_of<tracked_throwing_move, tiny>;

template <class Object>
std::vector<std::pair<Object, Object>> pairs(int first, int last) {
  std::vector<std::pair<Object, Object>> result;
  for (int k = first; k != last; ++k) result.emplace_back(k, 10 * k);
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("cell_map: an insertion that throws while the table grows has no effect, and loses nothing",
                   "[cell_map][fault]", plain_map, tiny_map, fragile_map) {
  using object = typename TestType::key_type;
  constexpr int n = std::is_same_v<TestType, plain_map> ? 150 : 60;
  std::size_t resizes = 0;
  int survived = 0;
  int const failures = walk_faults([&](auto inject) {
    TestType m;
    int inserted = 0;
    bool const done = inject([&] {
      for (; inserted != n; ++inserted) m.try_emplace(object(inserted), 10 * inserted);
    });
    survived += done;
    if (contents(m) != tens(inserted)) CHECK(contents(m) == tens(inserted));
    bool const good = usable(m);
    if (!good) CHECK(good);
    // It goes on as if nothing had been.
    for (; inserted != n; ++inserted) m.try_emplace(object(inserted), 10 * inserted);
    if (contents(m) != tens(n)) CHECK(contents(m) == tens(n));
    resizes += m.stats().resizes;
  });
  CHECK(failures > n);
  CHECK(survived > 0);
  CHECK(resizes >= static_cast<std::size_t>(failures));
  CHECK(all_is_well());
}

TEMPLATE_TEST_CASE("cell_map: an erasure that throws while the table shrinks has no effect, and loses nothing",
                   "[cell_map][fault]", plain_map, tiny_map, fragile_map) {
  using object = typename TestType::key_type;
  constexpr int n = std::is_same_v<TestType, plain_map> ? 150 : 60;
  int shrunk = 0, attempts = 0;
  int const failures = walk_faults([&](auto inject) {
    TestType m = filled<TestType>(n);
    std::size_t const large = m.bucket_count();
    int left = n;
    inject([&] {
      for (; left != 0; --left) m.erase(object(left - 1));
    });
    if (contents(m) != tens(left)) CHECK(contents(m) == tens(left));
    bool const good = usable(m);
    if (!good) CHECK(good);
    for (; left != 0; --left) m.erase(object(left - 1));
    shrunk += m.bucket_count() < large;
    ++attempts;
  });
  CHECK(failures > n);
  CHECK(shrunk == attempts);
  CHECK(all_is_well());
}

TEMPLATE_TEST_CASE("cell_map: reserve, rehash and held capacity that fail lose nothing", "[cell_map][fault]", plain_map,
                   tiny_map, fragile_map) {
  auto const walk = [](const char* name, auto call) { check_all_or_nothing<TestType>(name, tens(there), call); };
  walk("reserve", [](TestType& m) { m.reserve(1000); });
  walk("rehash", [](TestType& m) { m.rehash(500); });
  walk("hold_capacity", [](TestType& m) { static_cast<void>(m.hold_capacity(1000)); });
  int const failures = walk_faults([](auto inject) {
    TestType m = filled<TestType>(300);
    m.erase_if([](auto& x) { return x.first.key() >= 20; });
    m.reserve(1000);
    inject([&] { m.rehash(0); });
    CHECK(contents(m) == tens(there));
    CHECK(usable(m));
  });
  CHECK(failures > 0);
  CHECK(all_is_well());
}

TEMPLATE_TEST_CASE("cell_map: a call on many elements that throws has had its effect on some, wholly",
                   "[cell_map][fault]", plain_map, tiny_map, fragile_map) {
  using object = typename TestType::key_type;
  // Each has the old or the new value, or has been erased or not; `changed` says how many may differ from before.
  auto const walk = [](const char* name, auto call, auto legal) {
    INFO(name);
    int partial = 0;
    int const failures = walk_faults([&](auto inject) {
      TestType m = filled<TestType>(there);
      bool const done = inject([&] { call(m); });
      numbers const seen = contents(m);
      int touched = 0;
      for (int k = 0; k != there; ++k) touched += seen.count(k) == 0 || seen.at(k) != 10 * k;
      partial += touched != 0 && touched != there;
      bool const good = legal(seen, done);
      if (!good) {
        CAPTURE(seen, done);
        CHECK(good);
      }
      CHECK(usable(m));
    });
    CHECK(failures > 0);
    CHECK(all_is_well());
    return partial;
  };
  auto const tens_or_hundreds = [](const numbers& seen, bool done) {
    int old = 0;
    for (auto const& [k, v] : seen) {
      if (v != 10 * k && v != 10 * k + 1) return false;
      old += v == 10 * k;
    }
    return seen.size() == there && (!done || old == 0);
  };
  auto const up = throwing([](auto& x) { x.second = object(10 * x.first.key() + 1); });
  CHECK(walk("visit_all", [&](TestType& m) { m.visit_all(up); }, tens_or_hundreds) > 0);
  CHECK(walk(
            "visit_while",
            [&](TestType& m) {
              m.visit_while([&](auto& x) {
                up(x);
                return true;
              });
            },
            tens_or_hundreds) > 0);
  CHECK(walk(
            "bulk visit",
            [&](TestType& m) {
              std::vector<object> keys;
              for (int k = 0; k != there; ++k) keys.emplace_back(k);
              m.visit(keys.begin(), keys.end(), up);
            },
            tens_or_hundreds) > 0);
  auto const some_are_left = [](const numbers& seen, bool done) {
    for (auto const& [k, v] : seen) {
      if (k < 0 || k >= there || v != 10 * k) return false;
    }
    return !done || seen.empty();
  };
  CHECK(walk("erase_if", [&](TestType& m) { m.erase_if(throwing(yes)); }, some_are_left) > 0);
  walk(
      "cvisit_all", [&](TestType& m) { m.cvisit_all(throwing(ignore)); },
      [](const numbers& seen, bool) { return seen == tens(there); });
  auto const some_are_new = [](const numbers& seen, bool done) {
    return seen == tens(static_cast<int>(seen.size())) && seen.size() >= there && (!done || seen.size() == 40);
  };
  walk(
      "insert a range",
      [](TestType& m) {
        auto const list = pairs<object>(10, 40);
        m.insert(list.begin(), list.end());
      },
      some_are_new);
}

TEMPLATE_TEST_CASE("cell_map: a copy that fails is not there, and an assignment that fails changes nothing",
                   "[cell_map][fault]", plain_map, tiny_map, fragile_map) {
  using object = typename TestType::key_type;
  int failures = walk_faults([](auto inject) {
    TestType const m = filled<TestType>(there);
    inject([&] {
      TestType const copy(m);
      if (copy.size() != there) throw std::logic_error("this is no copy");
    });
    CHECK(contents(m) == tens(there));
  });
  CHECK(failures > there);
  CHECK(all_is_well());
  failures = walk_faults([](auto inject) {
    TestType m = filled<TestType>(there);
    TestType const other = filled<TestType>(30);
    bool const done = inject([&] { m = other; });
    CHECK(contents(m) == tens(done ? 30 : there));
    CHECK(contents(other) == tens(30));
    CHECK(usable(m));
  });
  CHECK(failures > 30);
  CHECK(all_is_well());
  failures = walk_faults([](auto inject) {
    TestType m = filled<TestType>(there);
    bool const done = inject([&] { m = {{object(0), object(0)}, {object(1), object(10)}}; });
    CHECK(contents(m) == tens(done ? 2 : there));
    CHECK(usable(m));
  });
  CHECK(failures > 2);
  failures = walk_faults([](auto inject) {
    auto const list = pairs<object>(0, there);
    inject([&] {
      TestType const made(list.begin(), list.end(), 100);
      if (made.size() != there) throw std::logic_error("this is not the range");
    });
  });
  CHECK(failures > there);
  failures = walk_faults([](auto inject) {
    TestType const a = filled<TestType>(there), b = filled<TestType>(there);
    bool equal = false;
    bool const done = inject([&] { equal = a == b; });
    CHECK(equal == done);
  });
  CHECK(failures > there);
  CHECK(all_is_well());
}

TEMPLATE_TEST_CASE("cell_map: a merge that fails leaves every element in one of the maps", "[cell_map][fault]",
                   plain_map, tiny_map, fragile_map) {
  using object = typename TestType::key_type;
  int divided = 0;
  int const failures = walk_faults([&](auto inject) {
    TestType target = filled<TestType>(there), source;
    for (int k = 15; k != 40; ++k) source.try_emplace(object(k), 10 * k);
    bool const done = inject([&] { target.merge(source); });
    numbers all = contents(target), const_left = contents(source);
    std::size_t const moved = all.size() - there;
    for (auto const& [k, v] : const_left) {
      bool const doubled = !all.emplace(k, v).second;
      if (doubled != (k < there)) CHECK(doubled == (k < there));
    }
    CHECK(all == tens(40));
    divided += moved != 0 && moved != 20;
    if (done) CHECK(moved == 20);
    CHECK(usable(target));
    CHECK(usable(source));
  });
  CHECK(failures > 0);
  CHECK(divided > 0);
  CHECK(all_is_well());
}

namespace {

// A hash that throws at every n-th call, when it is told to.
struct moody_hash {
  static inline int one_in = 0, calls = 0, refusals = 0;
  std::size_t operator()(int k) const {
    if (one_in != 0 && ++calls % one_in == 0) {
      ++refusals;
      throw std::runtime_error("a moody hash");
    }
    return static_cast<std::size_t>(k);
  }
};

// Refuses blocks beyond a limit, as a process does that has little memory left.
struct memory_limit {
  static inline std::size_t bytes = ~std::size_t{0};
  static inline int refusals = 0;
};
template <class T>
struct limited_allocator {
  using value_type = T;
  limited_allocator() = default;
  template <class U>
  limited_allocator(const limited_allocator<U>&) noexcept {}
  T* allocate(std::size_t n) {
    if (n * sizeof(T) > memory_limit::bytes) {
      ++memory_limit::refusals;
      throw std::bad_alloc();
    }
    return budget_allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) noexcept { budget_allocator<T>().deallocate(p, n); }
  friend bool operator==(const limited_allocator&, const limited_allocator&) noexcept { return true; }
};

}  // namespace

TEST_CASE("cell_map: a hash that throws again and again, also during resizes, loses no key", "[cell_map][fault]") {
  using map =
      tandem::cell_map<int, int, moody_hash, std::equal_to<int>, std::allocator<std::pair<const int, int>>, tiny>;
  for (int one_in = 2; one_in != 12; ++one_in) {
    CAPTURE(one_in);
    map m;
    int thrown = 0;
    auto const insist = [&](auto call) {
      for (;;) {
        try {
          call();
          return;
        } catch (const std::runtime_error&) {
          ++thrown;
        }
      }
    };
    auto const all_found = [&](int n) {
      moody_hash::one_in = 0;
      bool const good = contents(m) == tens(n);
      moody_hash::one_in = one_in;
      return good;
    };
    moody_hash::one_in = one_in;
    bool good = true;
    for (int k = 0; k != 400; ++k) {
      insist([&] { m.try_emplace(k, 10 * k); });
      if (k % 16 == 0) good = good && all_found(k + 1);
    }
    CHECK(good);
    CHECK(all_found(400));
    insist([&] { m.reserve(2000); });
    CHECK(all_found(400));
    for (int k = 400; k-- != 10;) {
      insist([&] { m.erase(k); });
      if (k % 16 == 0) good = good && all_found(k);
    }
    CHECK(good);
    insist([&] { m.rehash(0); });
    CHECK(all_found(10));
    moody_hash::one_in = 0;
    CHECK(std::exchange(moody_hash::refusals, 0) > thrown);  // some were met by the table alone
    for (int k = 10; k != 400; ++k) m.emplace(k, 10 * k);
    for (int k = 10; k != 400; ++k) m.erase(k);
    CHECK(m.stats().resizes > 2);
    CHECK(contents(m) == tens(10));
  }
}

TEST_CASE("cell_map: where there is no memory for a larger table, insertions go on in the one there is",
          "[cell_map][fault]") {
  using pair = std::pair<const int, int>;
  {
    tandem::cell_map<int, int, tandem::hash<int>, tandem::equal_to<int>, limited_allocator<pair>, tiny> m;
    for (int k = 0; k != 100; ++k) m.emplace(k, 10 * k);
    m.reserve(200);
    std::size_t const slots = m.bucket_count();
    memory_limit::bytes = 2048;  // enough for what overflows
    memory_limit::refusals = 0;
    int inserted = 100;
    for (; inserted != 1000; ++inserted) {
      if (!m.emplace(inserted, 10 * inserted)) FAIL("an insertion failed");
    }
    CHECK(memory_limit::refusals > 0);
    CHECK(m.bucket_count() == slots);
    CHECK(m.stats().overflow_elements > 500);
    CHECK(contents(m) == tens(1000));
    CHECK_THROWS_AS(m.reserve(100'000), std::bad_alloc);
    CHECK(contents(m) == tens(1000));

    memory_limit::bytes = ~std::size_t{0};
    for (; inserted != 1200; ++inserted) m.emplace(inserted, 10 * inserted);
    CHECK(m.bucket_count() > slots);
    CHECK(contents(m) == tens(1200));
    memory_limit::bytes = 0;  // nothing at all, not for smaller tables either
    for (; inserted != 10; --inserted) CHECK(m.erase(inserted - 1) == 1);
    CHECK(contents(m) == tens(10));
    memory_limit::bytes = ~std::size_t{0};
  }
  CHECK(budget_allocator<std::byte>::account().balanced());
}

TEST_CASE("cell_map: a move between accounts that fails leaves the target as it was", "[cell_map][fault]") {
  using allocator = account_allocator<std::pair<const int, int>>;
  using map = tandem::cell_map<int, int, tandem::hash<int>, tandem::equal_to<int>, allocator>;
  memory_account first, second;
  int const failures = walk_faults([&](auto inject) {
    map m{allocator(first)};
    for (int k = 0; k != 200; ++k) m.emplace(k, 10 * k);
    map other{allocator(second)};
    bool const done = inject([&] { other = std::move(m); });  // element by element: the accounts differ
    CHECK(contents(other) == tens(done ? 200 : 0));
    numbers const left = contents(m);  // what was under way may be lost, as in the standard library
    CHECK(left.size() <= (done ? 0 : 200));
    for (auto const& [k, v] : left) {
      if (v != 10 * k) CHECK(v == 10 * k);
    }
  });
  CHECK(failures > 0);
  CHECK(first.balanced());
  CHECK(second.balanced());
}
