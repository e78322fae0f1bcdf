// sequential_map when something throws: hash, equality, constructor, move or allocator, each at every place where it can.
//
// An insertion that throws has changed nothing; nor has any other member that may throw. A table that cannot be enlarged for
// want of memory goes on, with overflow blocks, and is enlarged later.
#include <tandem/cell/sequential_map.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/tracked.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <new>
#include <utility>

namespace {

using namespace tandem::test;

// Few hashes: cells that overflow. Not mixed further.
template <class Object>
struct poor_hash {
  using is_avalanching = void;
  std::size_t operator()(const Object& k) const { return (k.hash() % 5) * (~std::size_t{0} / 5); }
};

template <class Object, class Hash = std::hash<Object>>
using map_of = tandem::cell::sequential_map<Object, Object, Hash, std::equal_to<Object>,
                                            budget_allocator<std::pair<const Object, Object>>>;

template <class Map>
std::map<int, int> contents(const Map& m) {
  std::map<int, int> result;
  std::size_t steps = 0;
  for (auto const& [key, value] : m) {
    ++steps;
    if (!result.emplace(key.key(), value.key()).second) result[-1] = key.key();
    if (m.find(key) == m.end()) result[-2] = key.key();
  }
  if (steps != m.size()) result[-3] = static_cast<int>(steps);
  return result;
}
std::map<int, int> tens(int n) {
  std::map<int, int> result;
  for (int i = 0; i != n; ++i) result[i] = 10 * i;
  return result;
}

template <class Map>
void fill(Map& m, int n) {
  for (int i = 0; i != n; ++i) m.try_emplace(i, 10 * i);
}

// Sizes around those at which a table is made, begins to move, and is in the middle of it.
constexpr int sizes[] = {0, 1, 31, 32, 33, 34, 64, 65, 66};

// Walks change(map) through its failures, at every size. `after(n)`: what is there then.
template <class Map, class Change, class After>
int walk(Change change, After after) {
  int failures = 0;
  for (int const n : sizes) {
    CAPTURE(n);
    failures += walk_faults([&](auto inject) {
      Map m;
      fill(m, n);
      tracked::totals().reset();
      bool const done = inject([&] { change(m); });
      CHECK(contents(m) == (done ? after(n) : tens(n)));
      CHECK(tracked::live() == 2 * static_cast<std::int64_t>(m.size()));
      CHECK(tracked::corrupt() == 0);
      // It is as good as new.
      for (int i = 0; i != 20; ++i) m.try_emplace(i + 1000, 10);
      for (int i = 0; i != 20; ++i) m.erase(i + 1000);
      CHECK(contents(m) == (done ? after(n) : tens(n)));
    });
    CHECK(Map::allocator_type::account().balanced());
    CHECK(tracked::live() == 0);
  }
  return failures;
}

template <class Map>
void check_insertions() {
  auto const one_more = [](int n) {
    auto result = tens(n);
    result[-7] = 70;
    return result;
  };
  CHECK(walk<Map>([](Map& m) { m.try_emplace(-7, 70); }, one_more) > 20);
  CHECK(walk<Map>([](Map& m) { m.insert({-7, 70}); }, one_more) > 20);
  CHECK(walk<Map>([](Map& m) { m.emplace(-7, 70); }, one_more) > 20);
  CHECK(walk<Map>([](Map& m) { m.insert_or_assign(-7, 70); }, one_more) > 20);
}

}  // namespace

TEST_CASE("sequential_map: an insertion that throws has changed nothing", "[sequential_map][fault]") {
  check_insertions<map_of<tracked>>();
}
TEST_CASE("sequential_map: an insertion that throws has changed nothing, also among elements in nodes",
          "[sequential_map][fault]") {
  check_insertions<map_of<tracked_throwing_move>>();
}
TEST_CASE("sequential_map: an insertion that throws has changed nothing, also in blocks of overflow",
          "[sequential_map][fault]") {
  check_insertions<map_of<tracked, poor_hash<tracked>>>();
  check_insertions<map_of<tracked_throwing_move, poor_hash<tracked_throwing_move>>>();
}

TEMPLATE_TEST_CASE("sequential_map: an erase or a change of shape that throws has changed nothing",
                   "[sequential_map][fault]", map_of<tracked>, map_of<tracked_throwing_move>,
                   (map_of<tracked, poor_hash<tracked>>)) {
  auto const same = [](int n) { return tens(n); };
  auto const one_less = [](int n) {
    auto result = tens(n);
    result.erase(0);
    return result;
  };
  CHECK(walk<TestType>([](TestType& m) { m.erase(typename TestType::key_type(0)); }, one_less) > 10);
  CHECK(walk<TestType>([](TestType& m) { m.reserve(300); }, same) > 100);
  CHECK(walk<TestType>([](TestType& m) { m.rehash(300); }, same) > 100);
  CHECK(walk<TestType>([](TestType& m) { m.shrink_to_fit(); }, same) > 10);
  CHECK(walk<TestType>([](TestType& m) { static_cast<void>(TestType(m)); }, same) > 300);
  CHECK(walk<TestType>(
            [](TestType& m) {
              TestType other;
              other.try_emplace(5, 5);
              m = other;
            },
            [](int) { return std::map<int, int>{{5, 5}}; }) > 10);
}

TEST_CASE("sequential_map: erase by key tolerates failures of the moving that it would do", "[sequential_map][fault]") {
  // Many elements go, and every other hash or allocation fails; the key's own hash does not.
  using map = map_of<tracked>;
  map m;
  fill(m, 2000);
  auto const buckets = m.bucket_count();
  int failed = 0;
  auto expected = tens(2000);
  for (int i = 0; i != 1990; ++i) {
    {
      tracked const key(i);
      // The first hash is the key's own.
      faults::arm(1, fault_hash | fault_allocate);
      CHECK_NOTHROW(m.erase(key));
      failed += faults::fired();
      faults::disarm();
    }
    expected.erase(i);
    if (i % 100 == 0) CHECK(contents(m) == expected);
  }
  CHECK(failed > 10);
  CHECK(contents(m) == expected);
  for (int i = 1990; i != 2000; ++i) {
    m.erase(i);
    m.try_emplace(i, 10 * i);
  }
  for (int i = 0; i != 500; ++i) {
    m.try_emplace(0, 0);
    m.erase(0);
  }
  CHECK(contents(m) == expected);
  CHECK(m.bucket_count() < buckets / 8);
}

namespace {

std::size_t largest_block = ~std::size_t{0};  // in bytes
int refused_blocks = 0;

template <class T>
class limited_allocator {
 public:
  using value_type = T;

  limited_allocator() = default;
  template <class U>
  limited_allocator(const limited_allocator<U>&) noexcept {}

  T* allocate(std::size_t n) {
    if (n * sizeof(T) > largest_block) {
      ++refused_blocks;
      throw std::bad_alloc();
    }
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) noexcept { std::allocator<T>().deallocate(p, n); }
  friend bool operator==(const limited_allocator&, const limited_allocator&) noexcept { return true; }
};

template <class Value>
using limited_map = tandem::cell::sequential_map<int, Value, std::hash<int>, std::equal_to<int>,
                                                 limited_allocator<std::pair<const int, Value>>>;

}  // namespace

TEST_CASE("sequential_map: without memory for a larger table the one there is goes on, and grows later",
          "[sequential_map][fault]") {
  limited_map<int> m;
  for (int i = 0; i != 100; ++i) m.try_emplace(i, 10 * i);
  auto const buckets = m.bucket_count();
  largest_block = 2000;
  for (int i = 100; i != 3000; ++i) REQUIRE(m.try_emplace(i, 10 * i).second);
  CHECK(refused_blocks > 0);
  CHECK(m.bucket_count() <= 2 * buckets);
  CHECK_THROWS_AS(m.reserve(10'000), std::bad_alloc);
  CHECK(m.size() == 3000);
  int wrong = 0;
  for (int i = 0; i != 3000; ++i) wrong += !m.contains(i) || m.find(i)->second != 10 * i;
  CHECK(wrong == 0);
  largest_block = ~std::size_t{0};
  // It catches up, a few cells at a time.
  for (int i = 3000; i != 6000; ++i) m.try_emplace(i, 10 * i);
  CHECK(m.bucket_count() >= 4096);
  for (int i = 0; i != 6000; ++i) wrong += !m.contains(i) || m.find(i)->second != 10 * i;
  CHECK(wrong == 0);
  CHECK(std::distance(m.begin(), m.end()) == 6000);
}
