// cell_map when what belongs to its user fails, in calls on one element: constructors, copies, moves, hashes, comparisons, visitors
// and the allocator throw, each at every place where it can.
//
// The call succeeds or has no effect. Whatever happened, no lock stays locked, the count is right, every element can be found,
// nothing leaks and nothing is destroyed twice.
#include <tandem/cell_map.hpp>

#include "support/concurrent_map_faults.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <new>
#include <thread>
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

template <class Map>
void check_single_elements() {
  using object = typename Map::key_type;
  auto const set = [](int n) { return throwing([n](auto& x) { x.second = object(n); }); };
  auto const walk = [](const char* name, const numbers& after, auto call) {
    check_all_or_nothing<Map>(name, after, call);
  };
  walk("insert", with(20, 200), [](Map& m) { m.insert({object(20), object(200)}); });
  walk("insert in vain", tens(there), [](Map& m) { m.insert({object(5), object(1)}); });
  walk("emplace", with(20, 200), [](Map& m) { m.emplace(20, 200); });
  walk("emplace in vain", tens(there), [](Map& m) { m.emplace(5, 1); });
  walk("try_emplace", with(20, 200), [](Map& m) { m.try_emplace(object(20), 200); });
  walk("try_emplace of a constant", with(20, 200), [](Map& m) {
    const object k(20);
    m.try_emplace(k, 200);
  });
  walk("try_emplace in vain", tens(there), [](Map& m) { m.try_emplace(object(5), 1); });
  walk("insert_or_assign, new", with(20, 200), [](Map& m) { m.insert_or_assign(object(20), object(200)); });
  walk("insert_or_assign, old", with(5, 1), [](Map& m) {
    const object v(1);
    m.insert_or_assign(object(5), v);
  });
  walk("insert_or_visit", with(5, 1), [&](Map& m) { m.insert_or_visit({object(5), object(0)}, set(1)); });
  walk("emplace_or_cvisit", tens(there), [&](Map& m) { m.emplace_or_cvisit(5, 0, throwing(ignore)); });
  walk("try_emplace_and_visit, old", with(5, 1),
       [&](Map& m) { m.try_emplace_and_visit(object(5), 0, ignore, set(1)); });
  walk("visit", with(5, 1), [&](Map& m) { m.visit(object(5), set(1)); });
  walk("cvisit", tens(there), [&](Map& m) { m.cvisit(object(5), throwing(ignore)); });
  walk("update", with(5, 1), [](Map& m) {
    m.update(object(5), throwing([](object& v) {
               v = object(1);
               return 1;
             }));
  });
  walk("read", tens(there), [](Map& m) { m.read(object(5), throwing([](const object& v) { return v; })); });
  walk("get", tens(there), [](Map& m) { static_cast<void>(m.get(object(5))); });
  walk("get of an absent key", tens(there), [](Map& m) { static_cast<void>(m.get(object(50))); });
  walk("at", tens(there), [](Map& m) { static_cast<void>(m.at(object(5))); });
  walk("value_or", tens(there), [](Map& m) { static_cast<void>(m.value_or(object(50), object(1))); });
  walk("contains", tens(there), [](Map& m) { static_cast<void>(m.contains(object(5))); });
  walk("erase", without(5), [](Map& m) { m.erase(object(5)); });
  walk("erase_if of a key", without(5), [](Map& m) { m.erase_if(object(5), throwing(yes)); });
  walk("extract", without(5), [](Map& m) { m.extract(object(5)); });
  walk("exchange, new", with(20, 200), [](Map& m) { m.exchange(object(20), object(200)); });
  walk("find", tens(there), [](Map& m) { static_cast<void>(m.find(object(5))); });
  walk("find_exclusive", tens(there), [](Map& m) { static_cast<void>(m.find_exclusive(object(5))); });
  walk("entry, new", with(20, 200), [](Map& m) { m.entry(object(20)).emplace(200); });
  walk("entry, old", without(5), [](Map& m) { m.entry(object(5)).erase(); });
  walk("entry, extracted", without(5), [](Map& m) { static_cast<void>(m.entry(object(5)).extract()); });
}

}  // namespace

TEST_CASE("cell_map: a call on one element that throws has no effect", "[cell_map][fault]") {
  check_single_elements<plain_map>();
  check_single_elements<tiny_map>();
}

TEST_CASE("cell_map: a call on one element that throws has no effect, even if moves may throw", "[cell_map][fault]") {
  check_single_elements<fragile_map>();
}

TEST_CASE("cell_map: exchange that throws leaves the old value or the new one", "[cell_map][fault]") {
  check_all_or_nothing<plain_map>("exchange", with(5, 1), [](auto& m) { m.exchange(tracked(5), tracked(1)); });
}

TEST_CASE("cell_map: a visitor of a new element that throws leaves it whole, or not there", "[cell_map][fault]") {
  int kept = 0, gone = 0;
  int const failures = walk_faults([&](auto inject) {
    tiny_map m = filled<tiny_map>(there);
    bool const done = inject([&] { m.insert_and_visit({tracked(20), tracked(200)}, throwing(ignore), ignore); });
    bool const here = m.contains(tracked(20));
    CHECK(contents(m) == (here ? with(20, 200) : tens(there)));
    if (!done) ++(here ? kept : gone);
    CHECK((here || !done));
    CHECK(usable(m));
  });
  CHECK(failures > 0);
  CHECK(kept + gone > 0);
  CHECK(all_is_well());
}

namespace {

// Functions whose copies may fail, so that no operation on whole maps is noexcept.
struct fragile_hash {
  fragile_hash() = default;
  explicit fragile_hash(std::size_t n) : seed(n) {}
  fragile_hash(const fragile_hash& other) : seed(other.seed) { faults::reach(tandem::test::fault_copy); }
  fragile_hash& operator=(const fragile_hash& other) {
    faults::reach(tandem::test::fault_copy);
    seed = other.seed;
    return *this;
  }
  friend void swap(fragile_hash& a, fragile_hash& b) noexcept { std::swap(a.seed, b.seed); }
  std::size_t operator()(int k) const noexcept { return (static_cast<std::size_t>(k) + seed) * 0x9e3779b97f4a7c15U; }
  std::size_t seed = 0;
};
using seeded_map = tandem::cell_map<int, int, fragile_hash>;

int found_in(const seeded_map& m, int first) {
  int n = 0;
  for (int k = first; k != first + 100; ++k) n += m.contains(k);
  return n;
}

}  // namespace

TEST_CASE("cell_map: a move assignment whose copy of a function throws leaves both maps as they were",
          "[cell_map][fault]") {
  int const failures = walk_faults(
      [](auto inject) {
        seeded_map a(0, fragile_hash(1)), b(0, fragile_hash(2));
        for (int k = 0; k != 100; ++k) {
          a.emplace(k, k);
          b.emplace(1000 + k, k);
        }
        bool const done = inject([&] { a = std::move(b); });
        CHECK(found_in(a, 0) == (done ? 0 : 100));
        CHECK(found_in(a, 1000) == (done ? 100 : 0));
        CHECK(found_in(b, 1000) == (done ? 0 : 100));
        CHECK(b.size() == (done ? 0U : 100U));
      },
      tandem::test::fault_copy);
  CHECK(failures > 0);
}

TEST_CASE("cell_map: a swap that is a thread's first call, and finds no memory for that, stops nobody",
          "[cell_map][fault]") {
  seeded_map a(0, fragile_hash(1)), b(0, fragile_hash(1));
  a.emplace(1, 1);
  // A thread's record is over-aligned, and comes from the operator new of left_right_test.cpp, which fails when it is told to. Threads
  // that live on have the records that others have left.
  std::atomic<bool> over{false};
  std::vector<std::thread> others;
  bool failed = false;
  while (!failed && others.size() != 1000) {
    std::atomic<bool> swapped{false};
    others.emplace_back([&] {
      faults::arm(0, tandem::test::fault_allocate);
      try {
        a.swap(b);
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      faults::disarm();
      swapped = true;
      swapped.notify_one();
      over.wait(false);
    });
    swapped.wait(false);
  }
  over = true;
  over.notify_all();
  for (std::thread& t : others) t.join();
  CHECK(failed);
  a.emplace(2, 2);
  b.emplace(2, 2);
  CHECK(a.size() + b.size() == 3);
}
