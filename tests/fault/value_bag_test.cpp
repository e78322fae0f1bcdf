// value_bag under failure: every allocation and every call of user code, in turn, throws.
//
// Property: an operation that throws has left the bag as it was (elements, their order, their identity, what can be
// found), and neither memory nor objects are lost, for bags of every form and at the sizes where the form is about to
// change.
#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/tracked.hpp"

#include <tandem/value_bag.hpp>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

using namespace tandem::test;
using tandem::value_bag;
using tandem::value_bag_options;
using door = tandem::detail::bag_access;

namespace {

struct owning : value_bag_options {
  using allocator = budget_allocator<std::byte>;
};
struct sharing : owning {
  using storage = tandem::shared_values;
};
struct on_account : value_bag_options {
  using allocator = account_allocator<std::byte>;
};

// Sizes around every change of form and capacity.
constexpr int sizes[] = {0, 1, 2, 3, 4, 5, 15, 16, 17, 18, 30, 31, 32, 33, 63, 64, 65};

template <class Bag>
std::vector<std::pair<int, int>> contents(const Bag& bag) {
  std::vector<std::pair<int, int>> result;
  for (const auto& v : bag) result.emplace_back(v.key(), v.id());
  return result;
}

template <class Bag>
bool finds_all(const Bag& bag) {
  for (int key = 0; key < 12; ++key) {
    std::size_t n = 0;
    for (const auto& v : bag) n += v.key() == key ? 1U : 0U;
    if (bag.count(key) != n || bag.contains(key) != (n != 0)) return false;
  }
  return true;
}

template <class Bag>
void fill(Bag& bag, int n) {
  for (int i = 0; i < n; ++i) bag.emplace(i % 10, i);
}

class no_leaks {
 public:
  ~no_leaks() {
    CHECK(budget_allocator<int>::account().bytes == bytes_);
    CHECK(tracked::live() == live_);
    CHECK(tracked::corrupt() == corrupt_);
  }

 private:
  std::int64_t bytes_ = budget_allocator<int>::account().bytes;
  std::int64_t live_ = tracked::live();
  std::int64_t corrupt_ = tracked::corrupt();
};

// Walks the faults of operation(bag) for bags of all sizes; returns how many there were. `before` prepares the bag.
template <class Bag, class Operation>
int walk(Operation operation, auto before) {
  const no_leaks guard;
  int failures = 0;
  for (const int n : sizes) {
    INFO("size " << n);
    failures += walk_faults([&](auto inject) {
      Bag bag;
      fill(bag, n);
      before(bag);
      const auto old = contents(bag);
      const bool hashed = bag.is_hashed();
      if (!inject([&] { operation(bag); })) {
        REQUIRE(contents(bag) == old);
        REQUIRE(bag.is_hashed() == hashed);
      }
      REQUIRE(finds_all(bag));
      // Whatever happened, the bag is as good as any other.
      fill(bag, 40);
      REQUIRE(finds_all(bag));
    });
  }
  return failures;
}
template <class Bag, class Operation>
int walk(Operation operation) {
  return walk<Bag>(operation, [](Bag&) {});
}

using kinds =
    std::tuple<value_bag<tracked, owning>, value_bag<tracked, sharing>, value_bag<tracked_throwing_move, owning>>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("an insertion that throws has no effect", "[value_bag]", kinds) {
  using value = typename TestType::value_type;
  CHECK(walk<TestType>([](TestType& bag) { bag.emplace(3, 1000); }) > 0);
  CHECK(walk<TestType>([](TestType& bag) { bag.insert(value(11, 1000)); }) > 0);
  CHECK(walk<TestType>([](TestType& bag) {
          if (!bag.empty()) bag.insert(bag.front());
        }) > 0);
}

TEMPLATE_LIST_TEST_CASE("an assignment that throws has no effect", "[value_bag]", kinds) {
  using value = typename TestType::value_type;
  CHECK(walk<TestType>([](TestType& bag) { bag.assign(value(3, 1000)); }) > 0);
  CHECK(walk<TestType>([](TestType& bag) { bag = {value(3, 1000), value(4, 1001)}; }) > 0);
  TestType large;
  fill(large, 50);
  CHECK(walk<TestType>([&](TestType& bag) { bag = large; }) > 0);
}

TEMPLATE_LIST_TEST_CASE("an erasure that throws has no effect", "[value_bag]", kinds) {
  using value = typename TestType::value_type;
  CHECK(walk<TestType>([](TestType& bag) { bag.erase_one(value(3)); }) > 0);
  CHECK(walk<TestType>([](TestType& bag) { bag.erase(value(3)); }) > 0);
  CHECK(walk<TestType>([](TestType& bag) {
          bag.erase_if([](const value& v) {
            faults::reach(fault_call);
            return v.key() % 2 == 0;
          });
        }) > 0);
}

TEMPLATE_LIST_TEST_CASE("a change of capacity that throws has no effect", "[value_bag]", kinds) {
  using value = typename TestType::value_type;
  CHECK(walk<TestType>([](TestType& bag) { bag.reserve(100); }) > 0);
  CHECK(walk<TestType>([](TestType& bag) { bag.shrink_to_fit(); }, [](TestType& bag) { bag.reserve(100); }) > 0);
  CHECK(walk<TestType>([](TestType& bag) { bag.shrink_to_fit(); },
                       [](TestType& bag) {  // an index that is larger than needed, too
                         fill(bag, 100);
                         bag.erase_if([](const value& v) { return v.key() > 5; });
                       }) > 0);
}

TEMPLATE_LIST_TEST_CASE("inserting a range that throws half way inserts nothing", "[value_bag]", kinds) {
  const no_leaks guard;
  using value = typename TestType::value_type;
  int failures = 0;
  for (const int n : {0, 1, 14, 29, 40}) {
    std::vector<value> more;
    for (int i = 0; i < 5; ++i) more.emplace_back(i % 2, 1000 + i);
    failures += walk_faults([&](auto inject) {
      TestType bag;
      fill(bag, n);
      const auto old = contents(bag);
      const bool through = inject([&] { bag.insert_range(more); });
      REQUIRE((contents(bag) == old) != through);
      REQUIRE(finds_all(bag));
    });
  }
  CHECK(failures > 0);
}

TEMPLATE_LIST_TEST_CASE("construction and copying that throw leak nothing", "[value_bag]", kinds) {
  const no_leaks guard;
  using value = typename TestType::value_type;
  int failures = 0;
  for (const int n : sizes) {
    TestType bag;
    fill(bag, n);
    const std::vector<value> list(bag.begin(), bag.end());
    failures += walk_faults([&](auto inject) { inject([&] { TestType made(list); }); });
    failures += walk_faults([&](auto inject) {
      inject([&] {
        TestType copy(bag);
        faults::disarm();
        REQUIRE(contents(copy) == contents(bag));
        REQUIRE(finds_all(copy));
      });
    });
    REQUIRE(contents(bag).size() == static_cast<std::size_t>(n));
  }
  CHECK(failures > 0);
}

TEMPLATE_LIST_TEST_CASE("a search that throws can be repeated", "[value_bag]", kinds) {
  const no_leaks guard;
  using value = typename TestType::value_type;
  int failures = 0;
  for (const int n : sizes) {
    TestType bag, other;
    fill(bag, n);
    fill(other, n);
    failures += walk_faults([&](auto inject) {
      std::size_t count = 0;
      if (inject([&] { count = bag.count(value(3)); })) CHECK(count == static_cast<std::size_t>((n + 6) / 10));
    });
    failures += walk_faults([&](auto inject) {
      bool same = false;
      if (inject([&] { same = bag == other; })) CHECK(same);
    });
  }
  CHECK(failures > 0);
}

TEMPLATE_TEST_CASE("moving to another allocator that throws leaves the source as it was", "[value_bag]",
                   (value_bag<tracked, on_account>), (value_bag<tracked_throwing_move, on_account>)) {
  memory_account first, second;
  {
    using allocator = typename TestType::allocator_type;
    const no_leaks guard;
    int failures = 0;
    for (const int n : sizes) {
      failures += walk_faults([&](auto inject) {
        TestType source{allocator(first)}, target{allocator(second)};
        fill(source, n);
        fill(target, 3);
        const auto old = contents(source);
        const auto old_target = contents(target);
        const bool through = inject([&] { target = std::move(source); });
        REQUIRE(contents(target) == (through ? old : old_target));
        REQUIRE(contents(source) == (through ? std::vector<std::pair<int, int>>() : old));
        REQUIRE(finds_all(target));
      });
    }
    CHECK(failures > 0);
  }
  CHECK(first.balanced());
  CHECK(second.balanced());
}

TEMPLATE_LIST_TEST_CASE("an insertion that cannot be applied keeps its element for another try", "[value_bag]", kinds) {
  const no_leaks guard;
  int failures = 0;
  for (const int n : sizes) {
    failures += walk_faults(
        [&](auto inject) {
          TestType bag;
          fill(bag, n);
          auto e = door::make<TestType>(bag.get_allocator(), 3, 1000);
          const auto plan = door::plan_insert(bag, e);
          const auto old = contents(bag);
          if (!inject([&] { door::apply_insert(bag, std::move(e), plan); })) {
            REQUIRE(contents(bag) == old);
            REQUIRE(door::value<TestType>(e).id() == 1000);
            door::apply_insert(bag, std::move(e), plan);
          }
          REQUIRE(contents(bag).back() == std::pair(3, 1000));
          REQUIRE(finds_all(bag));
        },
        fault_any);
  }
  CHECK(failures > 0);
}

TEMPLATE_LIST_TEST_CASE("applying a decision reaches no user code but moves", "[value_bag]", kinds) {
  const no_leaks guard;
  using value = typename TestType::value_type;
  for (const int n : sizes) {
    TestType bag;
    fill(bag, n);
    auto e = door::make<TestType>(bag.get_allocator(), 3, 1000);
    const auto plan = door::plan_insert(bag, e);
    const auto position = door::plan_erase_one(bag, value(3));
    auto odd = [](const value& v) { return v.key() % 2 == 1; };
    const auto positions = door::plan_erase_if(bag, odd);
    // None of these kinds is met: walk_faults comes back after one attempt.
    const int failures = walk_faults(
        [&](auto inject) {
          TestType copy(bag);
          inject([&] {
            door::apply_insert(copy, std::move(e), plan);
            door::apply_erase(copy, copy.size() == 0 ? 0 : static_cast<std::uint32_t>(copy.size() - 1));
            door::apply_erase(copy, position);
            door::apply_erase(copy, positions);
          });
        },
        fault_construct | fault_copy | fault_move | fault_compare | fault_hash);
    CHECK(failures == 0);
  }
}

TEMPLATE_LIST_TEST_CASE("shrinking as a decision settles the form even without memory", "[value_bag]", kinds) {
  const no_leaks guard;
  int failures = 0;
  for (const int n : sizes) {
    failures += walk_faults([&](auto inject) {
      TestType bag;
      fill(bag, 100);
      while (bag.size() > static_cast<std::size_t>(n))
        door::apply_erase(bag, static_cast<std::uint32_t>(bag.size() - 1));
      const auto old = contents(bag);
      REQUIRE(inject([&] { door::apply_shrink(bag); }));
      REQUIRE(contents(bag) == old);
      REQUIRE(bag.is_hashed() == (n >= 32));
      REQUIRE(finds_all(bag));
    });
  }
  CHECK(failures > 0);
}
