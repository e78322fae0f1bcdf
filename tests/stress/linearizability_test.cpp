// Recorded histories of cell_map, cell_index, sharded_map and tree_index are linearizable, key by key, while the maps grow and
// shrink: a few hot keys, all kinds of calls on them, and beside them threads that fill and empty the map.
//
// Every value is written once, so a value that was missed, came back, or came from nowhere leaves no explanation.
#include <tandem/cell_index.hpp>
#include <tandem/cell_map.hpp>
#include <tandem/sharded_map.hpp>
#include <tandem/tree_index.hpp>

#include "support/catch.hpp"
#include "support/concurrent_map_laws.hpp"
#include "support/linearizability.hpp"
#include "support/thread_runner.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace {

using namespace tandem::test;

struct tiny : tandem::cell_options {
  static constexpr std::size_t slots = 2;
};
struct tiny_locked : tiny {
  static constexpr bool optimistic_reads = false;
};

std::uint64_t number_of_value(std::uint64_t v) { return v; }
std::uint64_t number_of_value(const twin& v) {
  if (!v.whole()) fail("a torn value");
  return v.number();
}
std::uint64_t number_of_value(const living& v) {
  std::uint64_t const n = v.checked();
  if (n == 0 || n == living::moved_from) fail("a dead value");
  return n;
}

template <class Key>
Key key_of(std::uint64_t k) {
  if constexpr (std::is_same_v<Key, std::string>) {
    return "a key that is too long for the string object " + std::to_string(k);
  } else {
    return k;
  }
}

template <class Key, class T, class Hash, class Options>
using cells = tandem::cell_map<Key, T, Hash, std::equal_to<Key>, std::allocator<std::pair<const Key, T>>, Options>;

template <class Key, class T, class Hash, class Options>
using indexes = tandem::cell_index<Key, T, Hash, std::equal_to<Key>, std::allocator<std::pair<const Key, T>>, Options>;

struct tiny_leaves : tandem::tree_index_options {
  static constexpr std::size_t slots = 2;
  static constexpr std::size_t fanout = 3;
};
// With the calls that the histories make for the sake of tables; the hot keys are among the others.
template <class Key, class T, class Options>
class tree_of : public tandem::tree_index<Key, T, tandem::less<Key>, std::allocator<std::pair<const Key, T>>, Options> {
  using base = tandem::tree_index<Key, T, tandem::less<Key>, std::allocator<std::pair<const Key, T>>, Options>;

 public:
  template <class Predicate>
  std::size_t erase_if(const Key& k, Predicate&& pred) {
    return base::erase_if(
        k, [&](const Key& key, const T& value) { return pred(std::pair<const Key&, const T&>(key, value)); });
  }
  std::size_t bucket_count() const { return this->stats().leaves; }
  void reserve(std::size_t) {}
  void rehash(std::size_t) {}
};

// Maps whose elements are replaced instead of changed.
template <class Map>
inline constexpr bool replaces = requires { typename Map::range_guard; };

// Makes one call on `k`, one of those that are recorded as `what`.
template <class Map>
key_state make_call(Map& m, const typename Map::key_type& k, operation what, std::uint64_t argument, unsigned variant) {
  using mapped = typename Map::mapped_type;
  key_state seen;
  auto const look = [&](const auto& x) { seen = number_of_value(x.second); };
  auto const yes = [](bool b) { return b ? key_state(1) : key_state(); };
  switch (what) {
    case operation::get:
      if (variant == 0) {
        if (auto const v = m.get(k)) seen = number_of_value(*v);
      } else if (variant == 1) {
        m.cvisit(k, look);
      } else if (variant == 2) {
        m.visit(k, look);
      } else if constexpr (requires { m.find(k); }) {
        if (auto const g = m.find(k)) look(*g);
      } else {
        seen = m.read(k, [](const mapped& v) { return number_of_value(v); });
      }
      return seen;
    case operation::contains:
      return yes(variant % 2 == 0 ? m.contains(k) : m.count(k) == 1);
    case operation::insert:
      if constexpr (!replaces<Map>) {
        bool const inserted = variant == 0   ? m.try_emplace_or_cvisit(k, mapped(argument), look)
                              : variant == 1 ? m.insert_or_visit({k, mapped(argument)}, look)
                              : variant == 2 ? m.emplace_or_cvisit(k, mapped(argument), look)
                                             : m.insert_and_visit({k, mapped(argument)}, [](auto&) {}, look);
        if (inserted == seen.has_value()) fail("an insertion contradicts its visitor");
      }
      return seen;
    case operation::assign:
      if constexpr (requires { m.entry(k); }) {
        if (variant == 0) {
          auto slot = m.entry(k);
          bool const there = slot.occupied();
          if (there) slot.erase();
          slot.emplace(mapped(argument));
          return yes(there);
        }
      }
      return yes(!m.insert_or_assign(k, mapped(argument)));
    case operation::exchange:
      if constexpr (!replaces<Map>) {
        if (auto const old = m.exchange(k, mapped(argument))) seen = number_of_value(*old);
      }
      return seen;
    case operation::add: {
      auto const add = [&](mapped& v) {
        std::uint64_t const n = number_of_value(v) + argument;
        pause_sometimes(16);
        v = mapped(n);
        return n;
      };
      if constexpr (replaces<Map>) {
        return m.update(k, add);
      } else {
        if (variant % 2 == 0) return m.update(k, add);
        m.visit(k, [&](auto& x) { seen = add(x.second); });
        return seen;
      }
    }
    case operation::erase:
      return yes(m.erase(k) == 1);
    case operation::erase_equal:
      return yes(m.erase_if(k, [&](const auto& x) { return number_of_value(x.second) == argument; }) == 1);
    case operation::extract:
      if constexpr (!replaces<Map>) {
        if (auto const out = m.extract(k)) look(*out);
      }
      return seen;
  }
  return seen;
}

template <class Map>
void check_histories(std::size_t threads, std::size_t calls, std::uint64_t seed) {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t hot = 4;
  constexpr std::size_t storms = 2;
  history h(threads);
  std::size_t turns = 0;
  {
    Map m;
    std::atomic<std::size_t> working = threads;
    auto const turned = run_threads(threads + storms, [&](std::size_t t, thread_group& group) {
      std::mt19937_64 random(seed * 100 + t);
      std::size_t seen = 0, buckets = 0;
      if (t >= threads) {
        auto const look = [&] { seen += std::exchange(buckets, m.bucket_count()) != buckets; };
        for (std::size_t cycle = 0; (cycle < 20 || working.load(std::memory_order_relaxed) != 0) && !group.failed();
             ++cycle) {
          std::uint64_t const n = 50 + random() % 200, first = storm_keys * (t + 1);
          for (std::uint64_t k = first; k != first + n; ++k) m.try_emplace(key_of<key>(k), mapped(k));
          look();
          if (random() % 4 == 0) m.reserve(1000);
          if (random() % 4 == 0) m.rehash(0);
          look();
          for (std::uint64_t k = first; k != first + n; ++k) m.erase(key_of<key>(k));
          look();
        }
        return seen;
      }
      std::uint64_t unique = (t + 1) << 32;
      std::uint64_t last = 0;  // value seen
      std::uint64_t favourite = 0;
      for (std::size_t i = 0; i != calls && !group.failed(); ++i) {
        if (i % 8 == 0) favourite = random() % hot;  // so that threads meet
        std::uint64_t const k = favourite;
        static constexpr operation choices[] = {
            operation::get,         operation::get,     operation::get,     operation::get, operation::contains,
            operation::insert,      operation::insert,  operation::assign,  operation::add, operation::erase,
            operation::erase_equal, operation::extract, operation::exchange};
        operation what = choices[random() % std::size(choices)];
        if (replaces<Map> && (what == operation::insert || what == operation::extract || what == operation::exchange)) {
          what = operation::assign;
        }
        std::uint64_t const argument = what == operation::erase_equal ? last
                                       : what == operation::add       ? 1U << 20
                                                                      : ++unique;
        unsigned const variant = static_cast<unsigned>(random() % 4);
        key const name = key_of<key>(k);
        h.record(t, k, what, argument, [&] {
          key_state const returned = make_call(m, name, what, argument, variant);
          if (returned && *returned > 1) last = *returned;
          return returned;
        });
        pause_sometimes(200);
      }
      working.fetch_sub(1, std::memory_order_relaxed);
      return seen;
    });
    for (std::size_t n : turned) turns += n;
  }
  std::size_t overlaps = 0, recorded = 0;
  for (const auto& [k, list] : h.by_key()) {
    INFO("key " << k << ", seed " << seed);
    std::string const verdict = check_linearizable(list);
    if (!verdict.empty()) FAIL(verdict);
    overlaps += count_overlaps(list);
    recorded += list.size();
  }
  CHECK(recorded == threads * calls);
  CHECK(overlaps > 10);
  CHECK(turns > 10);
}

constexpr std::size_t calls = rounds(12'000);

}  // namespace

TEST_CASE("histories of cell_map are linearizable", "[cell_map][stress]") {
  check_histories<cells<std::uint64_t, std::uint64_t, tandem::hash<std::uint64_t>, tandem::cell_options>>(2, 2 * calls,
                                                                                                          1);
  check_histories<cells<std::uint64_t, std::uint64_t, tandem::hash<std::uint64_t>, tandem::cell_options>>(4, calls, 2);
}

TEST_CASE("histories of cell_map are linearizable, with values of many words in tiny cells", "[cell_map][stress]") {
  check_histories<cells<std::uint64_t, twin, pausing_hash, tiny>>(4, calls, 3);
  check_histories<cells<std::uint64_t, twin, pausing_hash, tiny>>(8, calls / 2, 4);
}

TEST_CASE("histories of cell_map are linearizable, with values that dawdle while they are moved",
          "[cell_map][stress]") {
  check_histories<cells<std::uint64_t, living, pausing_hash, tiny>>(4, calls, 5);
  check_histories<cells<std::uint64_t, living, pausing_hash, tiny>>(8, calls / 2, 6);
  check_no_value_is_left();
}

TEST_CASE("histories of cell_map are linearizable, with strings as keys and without optimistic reads",
          "[cell_map][stress]") {
  check_histories<cells<std::string, std::uint64_t, tandem::hash<std::string>, tiny_locked>>(3, calls, 7);
}

TEST_CASE("histories of cell_map are linearizable, with keys that share two cells", "[cell_map][stress]") {
  check_histories<cells<std::uint64_t, std::uint64_t, two_cells_hash, tiny>>(4, calls / 2, 8);
}

TEST_CASE("histories of cell_index are linearizable, with pairs in words", "[cell_index][stress]") {
  check_histories<indexes<std::uint64_t, std::uint64_t, pausing_hash, tiny>>(4, calls, 10);
  check_histories<indexes<std::uint64_t, std::uint64_t, two_cells_hash, tiny>>(3, calls / 2, 11);
}

TEST_CASE("histories of cell_index are linearizable, with nodes", "[cell_index][stress]") {
  check_histories<indexes<std::uint64_t, living, pausing_hash, tiny>>(4, calls, 12);
  check_histories<indexes<std::uint64_t, twin, tandem::hash<std::uint64_t>, tandem::cell_options>>(8, calls / 2, 13);
  check_no_value_is_left();
}

TEST_CASE("histories of tree_index are linearizable, with pairs in leaves", "[tree_index][stress]") {
  check_histories<tree_of<std::uint64_t, std::uint64_t, tiny_leaves>>(4, calls, 14);
  check_histories<tree_of<std::uint64_t, std::uint64_t, tandem::tree_index_options>>(8, calls / 2, 15);
}

TEST_CASE("histories of tree_index are linearizable, with nodes", "[tree_index][stress]") {
  check_histories<tree_of<std::uint64_t, living, tiny_leaves>>(4, calls, 16);
  check_histories<tree_of<std::string, std::uint64_t, tiny_leaves>>(3, calls / 2, 17);
  check_no_value_is_left();
}

TEST_CASE("histories of sharded_map are linearizable", "[sharded_map][stress]") {
  check_histories<tandem::sharded_map<std::uint64_t, std::uint64_t>>(4, calls, 9);
}
