// cell_cache against a model, by one thread: random scripts of all calls. The model has a list for each cell, the most recent element
// first; so which element goes, who is told, and what is left is known after every step, for as long as the table keeps its
// size. Another script, with growth and shrinkage, knows less: which keys may be there, and that the counts add up.
//
// The seed of a script is its number; a failure prints it.
#include <tandem/cell_cache.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

template <std::size_t Slots>
struct with_slots : tandem::cell_cache_options {
  static constexpr std::size_t slots = Slots;
};
struct same_hash {
  using is_avalanching = void;
  std::size_t operator()(std::uint64_t k) const noexcept { return static_cast<std::size_t>(k); }
};
template <class T, std::size_t Slots>
using cache_of = tandem::cell_cache<std::uint64_t, T, same_hash, std::equal_to<std::uint64_t>,
                                    std::allocator<std::pair<const std::uint64_t, T>>, with_slots<Slots>>;

// Moves of these may throw, so each has an allocation of its own.
struct boxed {
  int n;
  boxed(int number) : n(number) {}  // NOLINT: implicit on purpose
  boxed(const boxed& other) noexcept(false) : n(other.n) {}
  boxed& operator=(const boxed&) = default;
  ~boxed() {}  // NOLINT: not trivial, on purpose
};

template <class T>
T value(int n) {
  if constexpr (std::is_same_v<T, std::string>) {
    return std::to_string(n);
  } else {
    return T(n);
  }
}
int number(int n) { return n; }
int number(const std::string& v) { return std::stoi(v); }
int number(const boxed& v) { return v.n; }

using entry = std::pair<std::uint64_t, int>;

// The elements of a cell, the most recent one first.
struct model_cell {
  std::list<entry> elements;

  std::list<entry>::iterator find(std::uint64_t k) {
    return std::find_if(elements.begin(), elements.end(), [&](const entry& e) { return e.first == k; });
  }
  std::optional<int> look(std::uint64_t k) {
    auto const at = find(k);
    return at == elements.end() ? std::nullopt : std::optional<int>(at->second);
  }
  std::optional<int> use(std::uint64_t k) {
    auto const at = find(k);
    if (at == elements.end()) return std::nullopt;
    elements.splice(elements.begin(), elements, at);
    return elements.front().second;
  }
  std::optional<entry> put(std::uint64_t k, int v, std::size_t room) {
    if (use(k)) {
      elements.front().second = v;
      return std::nullopt;
    }
    std::optional<entry> out;
    if (elements.size() == room) {
      out = elements.back();
      elements.pop_back();
    }
    elements.emplace_front(k, v);
    return out;
  }
};

template <class T, std::size_t Slots>
void run_exact(std::uint64_t seed, int steps, int keys_per_cell) {
  constexpr std::size_t cells = 4;
  CAPTURE(seed, Slots);
  cache_of<T, Slots> c(cells * Slots, cells * Slots);
  model_cell model[cells];
  std::mt19937_64 random(seed);
  std::vector<entry> told, expected;
  c.on_evict([&](const std::uint64_t& k, T& v) { told.emplace_back(k, number(v)); });
  int evictions = 0, hits = 0;
  bool good = true;
  auto const same = [&](const auto& found, const std::optional<int>& wanted) {
    hits += found.has_value();
    good = good && found.has_value() == wanted.has_value() && (!found || number(*found) == *wanted);
  };
  for (int step = 0; step != steps && good; ++step) {
    std::uint64_t const cell = random() % cells;
    std::uint64_t const k = cell << 62 | random() % static_cast<std::uint64_t>(keys_per_cell);
    model_cell& m = model[cell];
    switch (random() % 16) {
      case 0:
      case 1:
      case 2:
      case 3: {
        auto const out = c.put(k, value<T>(step));
        auto const wanted = m.put(k, step, Slots);
        good = good && out.has_value() == wanted.has_value();
        if (good && out) {
          good = out->first == wanted->first && number(out->second) == wanted->second;
          expected.push_back(*wanted);
          ++evictions;
        }
        break;
      }
      case 4: {
        T const got = c.get_or_emplace(k, [&] { return value<T>(step); });
        if (auto const wanted = m.use(k)) {
          good = good && number(got) == *wanted;
        } else {
          good = good && number(got) == step;
          if (auto const out = m.put(k, step, Slots)) expected.push_back(*out);
        }
        break;
      }
      case 5:
        good = good && (c.erase(k) == 1) == m.look(k).has_value();
        if (auto const at = m.find(k); at != m.elements.end()) m.elements.erase(at);
        break;
      case 6:
        good = good && c.contains(k) == m.look(k).has_value();
        break;
      case 7: {
        auto const g = c.peek(k);
        same(g ? std::optional<T>(g->second) : std::nullopt, m.look(k));
        break;
      }
      case 8: {
        auto const g = c.find(k);
        same(g ? std::optional<T>(g->second) : std::nullopt, m.use(k));
        break;
      }
      case 9:
        same(c.read(k, [](const T& v) { return v; }), m.use(k));
        break;
      case 10:
        good = good && c.update(k, [&](T& v) { v = value<T>(step); }) == m.use(k).has_value();
        if (m.look(k)) m.elements.front().second = step;
        break;
      default:
        same(c.get(k), m.use(k));
    }
    good = good && told.size() == expected.size() && (told.empty() || told.back() == expected.back());
    if (step % 64 == 0) {
      std::map<std::uint64_t, int> seen, wanted;
      c.cvisit_all([&](const std::uint64_t& key, const T& v) { seen.emplace(key, number(v)); });
      for (const model_cell& each : model) wanted.insert(each.elements.begin(), each.elements.end());
      good = good && seen == wanted && c.size() == wanted.size();
    }
    if (!good) {
      CAPTURE(step, k, told.size(), expected.size());
      CHECK(good);
    }
  }
  CHECK(hits > steps / 20);
  CHECK(evictions > steps / 40);
}

}  // namespace

TEMPLATE_TEST_CASE("cell_cache: each cell forgets exactly what was used longest ago", "[cell_cache][property]", int,
                   std::string, boxed) {
  for (std::uint64_t seed = 1; seed != 4; ++seed) {
    run_exact<TestType, 1>(seed, 4'000, 3);
    run_exact<TestType, 4>(seed, 8'000, 8);
    run_exact<TestType, 32>(seed, 16'000, 60);
  }
}

TEST_CASE("cell_cache: each cell forgets exactly what was used longest ago, for longer than its clock runs",
          "[cell_cache][property]") {
  run_exact<int, 4>(7, 600'000, 7);
}

TEMPLATE_TEST_CASE("cell_cache: through growth and shrinkage each element is there, or somebody was told",
                   "[cell_cache][property]", int, std::string, boxed) {
  std::size_t resizes = 0, evictions = 0;
  for (std::uint64_t seed = 1; seed != 9; ++seed) {
    CAPTURE(seed);
    // Mostly in, mostly out, over and over; each key only once.
    tandem::cell_cache<int, TestType, tandem::hash<int>, tandem::equal_to<int>,
                       std::allocator<std::pair<const int, TestType>>, with_slots<4>>
        c(0, 512);
    std::mt19937_64 random(seed);
    std::set<int> there;
    bool good = true;
    c.on_evict([&](const int& k, TestType& v) { good = good && number(v) == 10 * k && there.erase(k) == 1; });
    int next = 0;
    for (int step = 0; step != 12'000 && good; ++step) {
      bool const growing = step / 1500 % 2 == 0;
      if (random() % 8 < (growing ? 6U : 1U) || there.empty()) {
        there.insert(next);
        c.put(next, value<TestType>(10 * next));
        ++next;
      } else {
        int const k = static_cast<int>(random() % static_cast<unsigned>(next));
        auto const at = there.lower_bound(k);
        if (at != there.end()) {
          if (random() % 2 == 0) {
            good = good && c.get(*at).has_value();
          } else {
            good = good && c.erase(*at) == 1;
            there.erase(at);
          }
        }
      }
      good = good && c.size() == there.size() && c.size() <= 512;
    }
    CHECK(good);
    std::set<int> seen;
    c.cvisit_all([&](const int& k, const TestType&) { seen.insert(k); });
    CHECK(seen == there);
    resizes += c.stats().resizes;
    evictions += c.stats().evictions;
  }
  CHECK(resizes > 50);
  CHECK(evictions > 100);
}
