// What every concurrent map promises when several threads use it: laws that hold in every schedule.
//
//   check_one_winner<Map>(); check_presence<Map>(); ...    Map: keys are std::uint64_t, values `living` or std::uint64_t
//
// Most laws are watched beside storms: threads that fill and empty the map with other keys, so that it grows and shrinks all
// the time. Everything is counted, so that a law that was not put to the test fails.
#ifndef TANDEM_TESTS_SUPPORT_CONCURRENT_MAP_LAWS_HPP
#define TANDEM_TESTS_SUPPORT_CONCURRENT_MAP_LAWS_HPP

#include <tandem/concepts.hpp>
#include <tandem/sync/atomic.hpp>

#include "support/catch.hpp"
#include "support/sanitizers.hpp"
#include "support/thread_runner.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::test {

// ThreadSanitizer costs a factor of 10, AddressSanitizer one of 3; both need fewer rounds to notice.
constexpr std::size_t rounds(std::size_t n) {
  return under_thread_sanitizer ? n / 4 + 1 : under_address_sanitizer ? n / 3 + 1 : n;
}

// Now and then lets another thread run, in the middle of things.
inline void pause_sometimes(unsigned one_in) {
  thread_local unsigned calls = 0;
  if (++calls % one_in == 0) std::this_thread::yield();
}

// Lets another thread run between any two words that are read: also with one processor a copy is torn now and then.
struct interrupted_atomics : tandem::std_atomics {
  template <class T>
  struct atomic : std::atomic<T> {
    using std::atomic<T>::atomic;
    T load(std::memory_order order) const noexcept {
      pause_sometimes(1009);
      return std::atomic<T>::load(order);
    }
  };
};

// A value that knows whether it lives, and that lets other threads run while it is being moved.
class living {
 public:
  living() : living(0) {}
  explicit living(std::uint64_t n) : number(n) { count_.fetch_add(1, std::memory_order_relaxed); }
  living(const living& other) : living(other.checked()) { pause_sometimes(64); }
  living(living&& other) noexcept : living(other.checked()) {
    pause_sometimes(64);
    other.number = moved_from;
  }
  living& operator=(const living& other) {
    checked();
    number = other.checked();
    return *this;
  }
  living& operator=(living&& other) noexcept {
    checked();
    number = other.checked();
    return *this;
  }
  ~living() {
    checked();
    magic_ = 0;
    number = 0;
    count_.fetch_sub(1, std::memory_order_relaxed);
  }

  friend bool operator==(const living& a, const living& b) { return a.checked() == b.checked(); }

  // Fails the process's test, as it may be called where nothing can be thrown.
  std::uint64_t checked() const noexcept {
    if (magic_ != alive) dead_uses_.fetch_add(1, std::memory_order_relaxed);
    return number;
  }

  static std::int64_t count() noexcept { return count_.load(std::memory_order_relaxed); }
  static std::int64_t dead_uses() noexcept { return dead_uses_.load(std::memory_order_relaxed); }

  static constexpr std::uint64_t moved_from = ~std::uint64_t{0};
  std::uint64_t number;

 private:
  static constexpr std::uint64_t alive = 0x6c69'7665'6c69'7665;
  static inline std::atomic<std::int64_t> count_{0};
  static inline std::atomic<std::int64_t> dead_uses_{0};
  std::uint64_t magic_ = alive;
};

// As large as an element may be that is copied without a lock: it spans two cache lines, and a torn copy shows.
struct twin {
  explicit twin(std::uint64_t n) {
    for (std::size_t i = 0; i != std::size(words); ++i) words[i] = i % 2 == 0 ? n : ~n;
  }
  std::uint64_t number() const noexcept { return words[0]; }
  bool whole() const noexcept {
    bool good = true;
    for (std::size_t i = 0; i != std::size(words); ++i) good = good && words[i] == (i % 2 == 0 ? words[0] : ~words[0]);
    return good;
  }
  std::uint64_t words[7];
};

}  // namespace tandem::test

template <>
inline constexpr bool tandem::is_plain_data<tandem::test::twin> = true;

namespace tandem::test {

inline std::uint64_t value_of(std::uint64_t v) { return v; }
inline std::uint64_t value_of(const living& v) { return v.checked(); }
inline std::uint64_t& number_in(std::uint64_t& v) { return v; }
inline std::uint64_t& number_in(living& v) {
  v.checked();
  return v.number;
}

// All keys in two cells of any table, with two hashes: neighbours that collide.
struct two_cells_hash {
  using is_avalanching = void;
  std::size_t operator()(std::uint64_t k) const { return k % 2 == 0 ? 3 : ~std::size_t{0}; }
};
// Lets another thread run wherever a hash is wanted: with some luck in the middle of a resize.
struct pausing_hash {
  std::size_t operator()(std::uint64_t k) const {
    pause_sometimes(97);
    return static_cast<std::size_t>(k);
  }
};

// ---- storms

inline constexpr std::uint64_t storm_keys = 1'000'000;  // and above: keys of the storms

struct weather {
  std::size_t turns = 0;   // how often the number of buckets was seen to change
  std::size_t rounds = 0;  // calls of all observers
};

// Calls observe(i, round) again and again on some threads, while two others fill and empty the map, reserve and rehash it.
template <class Map, class Observe>
weather beside_storms(Map& m, std::size_t observers, std::size_t cycles, std::size_t keys, Observe observe) {
  constexpr std::size_t storms = 2;
  using mapped = typename Map::mapped_type;
  std::atomic<std::size_t> raging = storms, observed = 0;
  auto const work = [&](std::size_t i, thread_group& group) {
    weather seen;
    if (i >= storms) {
      do {
        observe(i - storms, seen.rounds++);
        observed.fetch_add(1, std::memory_order_relaxed);
      } while (raging.load(std::memory_order_relaxed) != 0 && !group.failed());
      return seen;
    }
    std::uint64_t const first = storm_keys * (i + 1);
    std::size_t buckets = 0;
    auto const look = [&] { seen.turns += std::exchange(buckets, m.bucket_count()) != buckets; };
    auto const go_on = [&](std::size_t cycle) {
      return !group.failed() && (cycle < cycles || observed.load(std::memory_order_relaxed) < 4 * observers);
    };
    for (std::size_t cycle = 0; go_on(cycle); ++cycle) {
      for (std::uint64_t k = first; k != first + keys; ++k) {
        if (!m.try_emplace(k, mapped(k))) fail("a storm's key was there");
        if (k % 64 == 0) look();
      }
      look();
      if (cycle % 4 == 1) m.reserve(4 * (m.size() + keys));
      if (cycle % 4 == 3) m.rehash(0);
      look();
      if (cycle % 3 == 2) {
        std::size_t const gone = m.erase_if([&](const auto& x) { return x.first >= first && x.first < first + keys; });
        if (gone != keys) fail("a storm's erase_if missed keys, or met them twice");
      } else {
        for (std::uint64_t k = first; k != first + keys; ++k) {
          if (m.erase(k) != 1) fail("a storm's key was gone");
          if (k % 64 == 0) look();
        }
      }
      look();
    }
    raging.fetch_sub(1, std::memory_order_relaxed);
    return seen;
  };
  weather all;
  for (const weather& w : run_threads(storms + observers, work)) {
    all.turns += w.turns;
    all.rounds += w.rounds;
  }
  return all;
}

// There was something to see, and somebody who looked.
inline void check_weather(const weather& w) {
  CHECK(w.turns > 4);
  CHECK(w.rounds > 2);
}

// No value was used after its death, and none is left.
inline void check_no_value_is_left() {
  CHECK(living::count() == 0);
  CHECK(living::dead_uses() == 0);
}

// ---- laws

// Of all who want to insert a key, or to take it out, exactly one is told that he did.
template <class Map>
void check_one_winner() {
  using mapped = typename Map::mapped_type;
  std::size_t const keys = rounds(2000);
  constexpr std::size_t threads = 4;
  {
    Map m;
    std::vector<std::atomic<int>> inserted(keys), removed(keys);
    run_threads(threads, [&](std::size_t t) {
      for (std::size_t i = 0; i < keys; ++i) {
        std::uint64_t const k = (i + t % 2 * 7) % keys;
        bool won = false;
        switch ((i / 16 + t) % 6) {
          case 0:
            won = m.insert({k, mapped(t)});
            break;
          case 1:
            won = m.emplace(k, mapped(t));
            break;
          case 2:
            won = m.try_emplace_or_visit(k, mapped(t), [](auto&) {});
            break;
          case 3:
            won = m.insert_or_assign(k, mapped(t));
            break;
          case 4:
            won = !m.exchange(k, mapped(t)).has_value();
            break;
          default:
            won = m.insert_and_cvisit({k, mapped(t)}, [](auto&) {}, [](const auto&) {});
        }
        if (won) inserted[k].fetch_add(1, std::memory_order_relaxed);
      }
    });
    CHECK(std::ranges::all_of(inserted, [](auto& n) { return n.load() == 1; }));
    CHECK(m.size() == keys);
    run_threads(threads, [&](std::size_t t) {
      for (std::size_t i = 0; i < keys; ++i) {
        std::uint64_t const k = (i + t % 2 * 7) % keys;
        bool won = false;
        switch ((i / 16 + t) % 4) {
          case 0:
            won = m.erase(k) == 1;
            break;
          case 1:
            won = m.erase_if(k, [](auto&) { return true; }) == 1;
            break;
          case 2:
            won = m.extract(k).has_value();
            break;
          default:
            m.erase_if([&](const auto& x) {  // whole map: what it judges, it erases
              bool const mine = x.first == k;
              won = won || mine;
              return mine;
            });
        }
        if (won) removed[k].fetch_add(1, std::memory_order_relaxed);
        if (i % 16 == 0 && (i / 16 + t) % 4 == 3) i += 14;  // whole maps are long
      }
    });
    for (std::size_t k = 0; k != keys; ++k) {
      if (m.erase(k) == 1) removed[k].fetch_add(1, std::memory_order_relaxed);
    }
    CHECK(std::ranges::all_of(removed, [](auto& n) { return n.load() == 1; }));
    CHECK(m.empty());
    CHECK(m.size() == 0);
  }
  check_no_value_is_left();
}

// What calls say they inserted and erased adds up to what is there.
template <class Map>
void check_sums() {
  using mapped = typename Map::mapped_type;
  constexpr std::size_t threads = 4;
  constexpr std::uint64_t keys = 300;
  {
    Map m;
    auto const balances = run_threads(threads, [&](std::size_t t) {
      std::mt19937_64 random(t + 1);
      std::int64_t balance = 0;
      for (std::size_t i = 0; i != rounds(20'000); ++i) {
        std::uint64_t const k = random() % keys;
        bool const filling = i / 500 % 2 == 0;
        switch (random() % 8 + (filling ? 0 : 4)) {
          case 0:
          case 1:
            balance += m.insert({k, mapped(k)});
            break;
          case 2:
            balance += m.insert_or_assign(k, mapped(k));
            break;
          case 3: {
            std::vector<std::pair<std::uint64_t, mapped>> list;
            for (std::uint64_t j = 0; j != 8; ++j) list.emplace_back((k + j) % keys, mapped(k));
            balance += static_cast<std::int64_t>(m.insert(list.begin(), list.end()));
            break;
          }
          case 4:
            balance += !m.exchange(k, mapped(k));
            break;
          case 5:
            balance -= static_cast<std::int64_t>(m.erase(k));
            break;
          case 6:
            balance -= static_cast<std::int64_t>(m.erase_if(k, [](auto& x) { return value_of(x.second) % 2 == 0; }));
            break;
          case 7:
            balance -= m.extract(k).has_value();
            break;
          case 8:
            if (i % 16 == 0) {
              balance -= static_cast<std::int64_t>(m.erase_if([&](auto& x) { return x.first % 16 == k % 16; }));
            }
            break;
          default:
            balance -= static_cast<std::int64_t>(m.erase(k));
        }
      }
      return balance;
    });
    std::int64_t sum = 0;
    for (std::int64_t b : balances) sum += b;
    CHECK(static_cast<std::int64_t>(m.size()) == sum);
    std::size_t seen = 0;
    CHECK(m.cvisit_all([&](const auto&) { ++seen; }) == m.size());
    CHECK(seen == m.size());
    CHECK(m.erase_if([](auto&) { return true; }) == seen);
    CHECK(m.empty());
  }
  check_no_value_is_left();
}

// Changes of one element do not overlap: no increment is lost, whoever makes it, and wherever the element is moved meanwhile.
template <class Map, class Increment>
void check_increments(std::size_t cycles, std::size_t storm, Increment increment) {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 6;
  {
    Map m;
    for (std::uint64_t k = 0; k != keys; ++k) m.emplace(k, mapped(0));
    std::atomic<std::uint64_t> done{0};
    weather const w = beside_storms(m, 3, cycles, storm, [&](std::size_t observer, std::size_t round) {
      done.fetch_add(increment(m, (observer + round) % keys, round), std::memory_order_relaxed);
    });
    std::uint64_t sum = 0;
    m.cvisit_all([&](const auto& x) { sum += value_of(x.second); });
    CHECK(sum == done.load());
    CHECK(m.size() == keys);
    check_weather(w);
  }
  check_no_value_is_left();
}

// One way of incrementing after the other; the number is how many elements were incremented.
template <class Map>
std::uint64_t visiting_increment(Map& m, std::uint64_t k, std::size_t round) {
  using mapped = typename Map::mapped_type;
  auto const up = [](auto& x) {
    std::uint64_t& n = number_in(x.second);
    std::uint64_t const old = n;
    pause_sometimes(256);
    n = old + 1;
  };
  switch (round % 5) {
    case 0:
      return m.visit(k, up);
    case 1:
      return m.update(k, [](mapped& v) { return ++number_in(v); }).has_value();
    case 2:
      return m.try_emplace_or_visit(k, mapped(0), up) ? 0 : 1;
    case 3:
      m.erase_if(k, [&](auto& x) {
        up(x);
        return false;
      });
      return 1;
    default: {
      std::uint64_t n = 0;
      if (round % 16 == 4) {
        m.visit_all([&](auto& x) {
          if (x.first >= storm_keys) return;
          up(x);
          ++n;
        });
      }
      return n;
    }
  }
}
template <class Map>
std::uint64_t guarded_increment(Map& m, std::uint64_t k, std::size_t round) {
  if (round % 2 == 0) {
    auto const g = m.find_exclusive(k);
    if (!g) fail("find_exclusive missed a key");
    ++number_in(g->second);
    pause_sometimes(64);
    return 1;
  }
  if (round % 4 == 1) {
    auto slot = m.entry(k);
    if (!slot.occupied()) fail("entry missed a key");
    ++number_in(slot.value());
    return 1;
  }
  std::uint64_t const keys[] = {k, k, k + storm_keys / 2};
  return m.visit(std::begin(keys), std::end(keys), [](auto& x) { ++number_in(x.second); });
}

// A key that is there all the time is found by every kind of lookup, with its value; one that never is, never.
template <class Map>
void check_presence(std::size_t cycles, std::size_t storm) {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 64, absent = 500'000;
  {
    Map m;
    for (std::uint64_t k = 0; k != keys; ++k) m.emplace(k, mapped(k + 1));
    weather const w = beside_storms(m, 2, cycles, storm, [&](std::size_t observer, std::size_t round) {
      for (std::uint64_t k = 0; k != keys; ++k) {
        std::uint64_t found = 0;
        bool none = true;
        auto const look = [&](const auto& x) { found = value_of(x.second); };
        std::uint64_t const no = absent + k;
        switch ((round + k + observer) % 7) {
          case 0:
            if (auto const v = m.get(k)) found = value_of(*v);
            none = !m.get(no);
            break;
          case 1:
            m.visit(k, look);
            none = m.visit(no, look) == 0;
            break;
          case 2:
            m.cvisit(k, look);
            none = m.cvisit(no, look) == 0;
            break;
          case 3:
            found = m.contains(k) && m.count(k) == 1 ? k + 1 : 0;
            none = !m.contains(no);
            break;
          case 4:
            found = m.read(k, [](const mapped& v) { return value_of(v); }).value_or(0);
            none = m.read(no, [](const mapped&) {}) == false;
            break;
          case 5:
            if (m.try_emplace_or_cvisit(k, mapped(0), look)) fail("a key that is there was inserted");
            none = m.erase(no) == 0;
            break;
          default:
            found = value_of(m.value_or(k, mapped(0)));
            none = !m.update(no, [](mapped&) {});
        }
        if (found != k + 1) fail("a key that is there was missed, or has a wrong value");
        if (!none) fail("a key that was never there was found");
      }
    });
    CHECK(m.size() == keys);
    check_weather(w);
  }
  check_no_value_is_left();
}

// The same for guards and bulk visits.
template <class Map>
void check_presence_for_guards_and_bulk(std::size_t cycles, std::size_t storm) {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 64;
  {
    Map m;
    for (std::uint64_t k = 0; k != keys; ++k) m.emplace(k, mapped(k + 1));
    std::vector<std::uint64_t> asked;
    for (std::uint64_t k = 0; k != keys; ++k) asked.insert(asked.end(), {k, k + 500'000});
    weather const w = beside_storms(m, 2, cycles, storm, [&](std::size_t observer, std::size_t round) {
      std::uint64_t sum = 0;
      auto const look = [&](const auto& x) {
        if (value_of(x.second) != x.first + 1) fail("a bulk visit saw a wrong value");
        sum += x.first;
      };
      std::size_t const seen =
          observer == 0 ? m.visit(asked.begin(), asked.end(), look) : m.cvisit(asked.begin(), asked.end(), look);
      if (seen != keys || sum != keys * (keys - 1) / 2) fail("a bulk visit missed a key, or saw one twice");
      for (std::uint64_t k = 0; k != keys; ++k) {
        if (auto const g = m.find(k); !g || value_of(g->second) != k + 1 || g.key() != k) fail("find missed a key");
        if (m.find(k + 500'000)) fail("find found what was never there");
        if ((k + round) % 8 != 0) continue;
        if (!m.entry(k).occupied()) fail("entry missed a key");
        if (!m.find_exclusive(k)) fail("find_exclusive missed a key");
      }
    });
    CHECK(m.size() == keys);
    check_weather(w);
  }
  check_no_value_is_left();
}

// A scan shows every key that is there all through it exactly once, and returns how often it called its visitor.
template <class Map>
void check_scans(std::size_t cycles, std::size_t storm) {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 300;
  {
    Map m;
    for (std::uint64_t k = 0; k != keys; ++k) m.emplace(k, mapped(k));
    weather const w = beside_storms(m, 2, cycles, storm, [&](std::size_t observer, std::size_t round) {
      std::vector<int> seen(keys);
      std::size_t calls = 0;
      auto const look = [&](const auto& x) {
        ++calls;
        if (value_of(x.second) != x.first) fail("a scan saw a wrong value");
        if (x.first < keys) ++seen[x.first];
        pause_sometimes(1024);
      };
      auto const look_on = [&](const auto& x) {
        look(x);
        return true;
      };
      std::size_t returned = 0;
      switch ((round + observer) % 4) {
        case 0:
          returned = m.cvisit_all(look);
          break;
        case 1:
          returned = m.visit_all(look);
          break;
        case 2:
          if (!m.visit_while(look_on)) fail("visit_while stopped");
          returned = calls;
          break;
        default:
          returned = calls + m.erase_if([&](const auto& x) {
            look(x);
            return false;
          });
          returned = calls;
      }
      if (returned != calls) fail("a scan returned a wrong number");
      if (!std::ranges::all_of(seen, [](int n) { return n == 1; })) fail("a scan missed a key, or saw one twice");
    });
    CHECK(m.size() == keys);
    check_weather(w);
  }
  check_no_value_is_left();
}

// erase_if takes what it chose and nothing else, while the rest grows and shrinks.
template <class Map>
void check_selective_erasure(std::size_t cycles, std::size_t storm) {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 200;
  {
    Map m;
    for (std::uint64_t k = 0; k != keys; ++k) m.emplace(k, mapped(k));
    weather const w = beside_storms(m, 1, cycles, storm, [&](std::size_t, std::size_t round) {
      auto const chosen = [&](std::uint64_t k) { return k < keys && k % 7 == round % 7; };
      std::size_t expected = 0;
      for (std::uint64_t k = 0; k != keys; ++k) expected += chosen(k);
      if (m.erase_if([&](const auto& x) { return chosen(x.first); }) != expected)
        fail("erase_if erased a wrong number");
      for (std::uint64_t k = 0; k != keys; ++k) {
        if (m.contains(k) == chosen(k)) fail("erase_if chose others");
        if (chosen(k) && !m.try_emplace(k, mapped(k))) fail("an erased key is back");
      }
    });
    CHECK(m.size() == keys);
    check_weather(w);
  }
  check_no_value_is_left();
}

// Two maps that are merged into each other from both sides do not lock each other out, and lose nothing.
template <class Map>
void check_merges_both_ways() {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 500, common = 50;
  constexpr std::size_t times = rounds(80);
  {
    Map a, b;
    for (std::uint64_t k = 0; k != keys; ++k) (k % 2 == 0 ? a : b).emplace(k, mapped(k));
    for (std::uint64_t k = 0; k != common; ++k) (k % 2 == 0 ? b : a).emplace(k, mapped(k));
    auto const moved = run_threads(4, [&](std::size_t t) {
      std::size_t n = 0;
      for (std::size_t i = 0; i != times; ++i) {
        switch (t) {
          case 0:
            n += a.merge(b);
            break;
          case 1:
            n += b.merge(a);
            break;
          default:
            a.cvisit_all([&](const auto& x) {
              if (value_of(x.second) != x.first) fail("a merge changed a value");
            });
            (i % 2 == 0 ? a : b).emplace(keys * t + i, mapped(keys * t + i));
        }
      }
      return n;
    });
    CHECK(moved[0] > 0);
    CHECK(moved[1] > 0);
    CHECK(a.size() + b.size() == keys + common + 2 * times);
    std::size_t missing = 0;
    for (std::uint64_t k = 0; k != 4 * keys; ++k) {
      bool const expected = k < keys || (k >= 2 * keys && k % keys < times);
      missing += a.count(k) + b.count(k) != (k < common ? 2U : expected ? 1U : 0U);
    }
    CHECK(missing == 0);
  }
  check_no_value_is_left();
}

// Whole maps are swapped, assigned and moved beside lookups: which see one content or the other, and no dead value.
template <class Map>
void check_swaps() {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 200;
  {
    auto const full = [](std::uint64_t generation) {
      Map m;
      for (std::uint64_t k = 0; k != keys; ++k) m.emplace(k, mapped(generation));
      return m;
    };
    Map a = full(1), b = full(2);
    Map const c = full(3);
    std::atomic<std::size_t> busy = 2, lookups = 0, witnesses = 0;  // of a change
    run_threads(4, [&](std::size_t t, thread_group& group) {
      std::vector<std::uint64_t> generations(4);
      if (t < 2) {
        for (std::size_t i = 0; i != rounds(300) && !group.failed(); ++i) {
          if (t == 0) {
            a.swap(b);
          } else if (i % 4 == 0) {
            b = c;
          } else if (i % 4 == 1) {
            a = full(1);
          } else {
            swap(b, a);
          }
          // The others get a look at it.
          std::size_t const before = lookups.load(std::memory_order_relaxed);
          while (lookups.load(std::memory_order_relaxed) < before + 20 && !group.failed()) std::this_thread::yield();
        }
        busy.fetch_sub(1, std::memory_order_relaxed);
        return;
      }
      std::uint64_t k = t;
      do {
        k = (k + 3) % keys;
        std::uint64_t g = 0;
        if (auto const v = a.get(k)) g = value_of(*v);
        if (g < 1 || g > 3) fail("a key that both maps have was missed in a swapped one");
        if (generations[g]++ == 0 && generations[1] + generations[2] + generations[3] > 1) {
          witnesses.fetch_add(1, std::memory_order_relaxed);
        }
        lookups.fetch_add(1, std::memory_order_relaxed);
        if (b.visit(k, [](auto& x) { value_of(x.second); }) != 1) fail("visit missed a key in a swapped map");
        if (k % 64 == 0) {
          std::size_t n = 0;
          a.cvisit_all([&](const auto& x) { n += value_of(x.second) <= 3; });
          if (n == 0) fail("a scan of a swapped map saw nothing");
          if (!b.try_emplace_or_visit(k, mapped(9), [](auto& x) { value_of(x.second); })) continue;
          fail("a key that is there was inserted into a swapped map");
        }
      } while (busy.load(std::memory_order_relaxed) != 0 && !group.failed());
    });
    CHECK(witnesses.load() >= 1);
    CHECK(a.size() == keys);
    CHECK(b.size() == keys);
    CHECK(c.size() == keys);
  }
  check_no_value_is_left();
}

// Calls on whole maps, two at a time and in every order, one of the maps often empty: nobody waits for ever, and values stay
// where their keys are.
template <class Map>
void check_whole_maps_together() {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 100;
  {
    Map a, b, empty;
    Map full;
    for (std::uint64_t k = 0; k != keys; ++k) full.emplace(k, mapped(k));
    for (Map* m : {&a, &b, &empty}) *m = full;
    b.clear();
    empty.clear();
    std::atomic<std::size_t> found = 0, missed = 0;
    run_threads(4, [&](std::size_t t, thread_group& group) {
      std::mt19937_64 random(t + 1);
      Map* const maps[] = {&a, &b, &empty};
      auto const look = [](const auto& x) {
        if (value_of(x.second) != x.first) fail("a value is at another key, or dead");
      };
      for (std::size_t i = 0; i != rounds(1500) && !group.failed(); ++i) {
        Map& x = *maps[random() % 3];
        Map& y = *maps[random() % 3];
        std::uint64_t const k = random() % keys;
        switch (t == 0 ? random() % 4 : t == 1 ? 4 + random() % 4 : 8 + random() % 7) {
          case 0:
          case 1:
            x.swap(y);
            break;
          case 2:
            x.merge(y);
            break;
          case 3:
            if (i % 16 == 0) x.clear();
            if (i % 16 == 8) x = Map();
            break;
          case 4:
            static_cast<void>(x == y);
            break;
          case 5:
            if (i % 4 == 0) x = full;
            break;
          case 6: {
            Map const copy(x);
            copy.cvisit_all(look);
            break;
          }
          case 7:
            if (&x != &y) x = Map(y);
            break;
          case 8:
            x.erase(k);
            break;
          case 9:
            x.try_emplace_or_cvisit(k, mapped(k), look);
            break;
          case 10:
            x.visit_all(look);
            break;
          case 11:
            x.reserve(4 * keys);
            break;
          case 12:
            static_cast<void>(x.stats());
            break;
          default:
            (x.visit(k, look) == 1 ? found : missed).fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
    CHECK(found.load() > 10);
    CHECK(missed.load() > 10);
    for (const Map* m : {&a, &b, &empty}) {
      std::size_t n = 0;
      CHECK(m->cvisit_all([&](const auto& x) { n += value_of(x.second) == x.first && x.first < keys; }) == m->size());
      CHECK(n == m->size());
    }
  }
  check_no_value_is_left();
}

// Exclusive guards exclude each other and every visitor; what a shared guard shows does not change under it.
template <class Map>
void check_guards_exclude() {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 3;
  {
    Map m;
    for (std::uint64_t k = 0; k != keys; ++k) m.emplace(k, mapped(0));
    std::vector<std::uint64_t> beside(keys);  // plain: the guards are their only lock
    auto const touched = run_threads(4, [&](std::size_t t, thread_group& group) {
      std::uint64_t touches = 0;
      for (std::size_t i = 0; i != rounds(3000) && !group.failed(); ++i) {
        std::uint64_t const k = (i + t) % keys;
        auto const touch = [&](mapped& v) {
          std::uint64_t const before = ++beside[k];
          pause_sometimes(32);
          if (++number_in(v) != before || beside[k] != before) fail("somebody else was in");
          ++touches;
        };
        switch ((i + t) % 5) {
          case 0:
            if (auto const g = m.find_exclusive(k)) touch(g->second);
            break;
          case 1:
            if (auto slot = m.entry(k); slot.occupied()) touch(slot.value());
            break;
          case 2:
            m.visit(k, [&](auto& x) { touch(x.second); });
            break;
          case 3:
            m.update(k, touch);
            break;
          default:
            if (auto const g = m.find(k)) {
              std::uint64_t const first = value_of(g->second);
              pause_sometimes(32);
              std::this_thread::yield();
              if (value_of(g->second) != first) fail("a value changed under a shared guard");
            }
        }
      }
      return touches;
    });
    std::uint64_t sum = 0, values = 0, counted = 0;
    for (std::uint64_t n : touched) sum += n;
    for (std::uint64_t k = 0; k != keys; ++k) {
      values += value_of(*m.get(k));
      counted += beside[k];
    }
    CHECK(sum > rounds(3000) * 2);
    CHECK(values == sum);
    CHECK(counted == sum);
  }
  check_no_value_is_left();
}

// A read that overlaps writes, with a lock or without, sees one element, whole, and not an older one than before; and no gap
// where an element is replaced under one lock. Values are twins.
template <class Map>
void check_whole_reads() {
  constexpr std::uint64_t others = 20;
  Map m;
  m.emplace(0, twin(0));
  std::atomic<bool> done = false;
  std::atomic<int> content = 0;  // readers that have seen enough
  run_threads(3, [&](std::size_t t, thread_group& group) {
    std::uint64_t n = 0, last = 0;
    if (t == 0) {
      for (; (n < rounds(100'000) || content.load(std::memory_order_relaxed) != 2) && !group.failed(); ++n) {
        std::uint64_t const other = 1 + n / 4 % others;
        switch (n % 4) {
          case 0:
            m.visit(0, [&](auto& x) { x.second = twin(n); });
            break;
          case 1: {
            auto slot = m.entry(0);
            if (!slot.occupied()) fail("a key that is there all the time was missed");
            slot.erase();
            slot.emplace(n);
            break;
          }
          case 2:
            m.try_emplace(other, (other << 32) + n);
            break;
          default:
            m.erase(1 + (other + others / 2) % others);
        }
      }
      done.store(true, std::memory_order_relaxed);
      return;
    }
    while (!done.load(std::memory_order_relaxed) && !group.failed()) {
      auto const v = m.get(0);
      if (!v) fail("a key that is there all the time was missed");
      if (!v->whole()) fail("a torn value");
      if (v->number() < std::exchange(last, v->number())) fail("a value from the past");
      if (++n == 1000) content.fetch_add(1, std::memory_order_relaxed);
      std::uint64_t const other = 1 + n % others;
      m.cvisit(other, [&](const auto& x) {
        if (x.first != other || !x.second.whole() || x.second.number() >> 32 != other) fail("a torn element");
      });
    }
  });
  CHECK(content.load() == 2);
  CHECK(m.contains(0));
}

// Elements come and go under the visitors' feet: none of them meets one that is no more, or that is moved from.
template <class Map>
void check_visitors_meet_the_living() {
  using mapped = typename Map::mapped_type;
  constexpr std::uint64_t keys = 40;
  {
    Map m;
    std::atomic<std::size_t> met{0};
    run_threads(4, [&](std::size_t t, thread_group& group) {
      std::mt19937_64 random(t + 1);
      std::size_t mine = 0;
      auto const meet = [&](const auto& x) {
        if (value_of(x.second) != x.first) fail("a visitor met a dead or moved-from element");
        ++mine;
      };
      for (std::size_t i = 0; i != rounds(10'000) && !group.failed(); ++i) {
        std::uint64_t const k = random() % keys;
        switch (random() % 10) {
          case 0:
          case 1:
            m.try_emplace_or_visit(k, mapped(k), meet);
            break;
          case 2:
            m.insert_or_assign(k, mapped(k));
            break;
          case 3:
            m.erase(k);
            break;
          case 4:
            if (auto const out = m.extract(k)) meet(*out);
            break;
          case 5:
            m.erase_if(k, [&](auto& x) {
              meet(x);
              return x.first % 2 == 0;
            });
            break;
          case 6:
            if (i % 32 == 0) m.clear();
            if (i % 8 == 0) m.erase_if([&](auto& x) { return (x.first + i) % 8 == 0; });
            break;
          case 7:
            m.cvisit_all(meet);
            break;
          case 8:
            m.cvisit(k, meet);
            break;
          default:
            if (auto const v = m.get(k); v && value_of(*v) != k) fail("a copy of a dead element");
        }
      }
      met.fetch_add(mine, std::memory_order_relaxed);
    });
    CHECK(met.load() > rounds(1000));
  }
  check_no_value_is_left();
}

}  // namespace tandem::test

#endif
