// cell_map against std::unordered_map: random scripts of all changes, which grow and shrink the map, by themselves and by reserve,
// rehash, copies, moves, swaps and merges in between. Each result is compared, and the whole content every few steps.
//
// The seed of a script is its number; a failure prints it.
#include <tandem/cell_map.hpp>

#include "support/catch.hpp"
#include "support/concurrent_map_contract.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using tandem::test::contents;
using tandem::test::number_of;
using tandem::test::numbered;
using tandem::test::numbers;

struct tiny : tandem::cell_options {
  static constexpr std::size_t slots = 2;
};

// All keys in a few cells at either end of the table, with few different hashes: cells overflow however large the table is.
struct crowded_hash {
  using is_avalanching = void;
  std::size_t operator()(std::uint64_t k) const { return (k % 2 == 0 ? 0 : ~std::size_t{0} << 20) + k % 7; }
  std::size_t operator()(const std::string& k) const { return operator()(k.size()); }
};

template <class Key, class T, class Hash, class Options>
using map_of = tandem::cell_map<Key, T, Hash, tandem::equal_to<Key>, std::allocator<std::pair<const Key, T>>, Options>;

struct tally {
  std::size_t resizes = 0, overflows = 0, shrinks = 0, largest = 0, found = 0, absent = 0;
};

template <class Map>
class script {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  using model = std::unordered_map<int, int>;

 public:
  script(int keys, int steps, std::uint64_t seed) : keys_(keys), steps_(steps), random_(seed) {}

  tally run() {
    for (int step = 0; step != steps_; ++step) {
      // Mostly in, then mostly out.
      bool const growing = step / keys_ % 2 == 0;
      std::string const what = change(growing ? 70U : 25U);
      if (!what.empty()) FAIL("step " << step << ": " << what);
      if (step % 50 == 0 || step + 1 == steps_) compare(step);
    }
    tally_.resizes += map_.stats().resizes;
    return tally_;
  }

 private:
  static key k(int n) { return numbered<key>(n); }
  static mapped v(int n) { return numbered<mapped>(n); }
  int any(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }

  void compare(int step) {
    numbers const expected(model_.begin(), model_.end());
    numbers const seen = contents(map_);
    if (seen != expected) {
      CHECK(seen == expected);
      FAIL("the content is wrong after step " << step);
    }
    auto const s = map_.stats();
    if (s.size != model_.size()) FAIL("stats() counts " << s.size << " elements of " << model_.size());
    tally_.overflows += s.overflow_elements != 0;
    tally_.shrinks += map_.bucket_count() < slots_;
    slots_ = map_.bucket_count();
    tally_.largest = std::max(tally_.largest, s.size);
  }

  // Makes one change to both and says what differs.
  std::string change(unsigned insertions) {
    int const n = any(keys_), value = any(1000);
    auto const at = model_.find(n);
    bool const there = at != model_.end();
    ++(there ? tally_.found : tally_.absent);
    std::optional<mapped> const before = there ? std::optional(v(at->second)) : std::nullopt;
    unsigned const choice = static_cast<unsigned>(any(1000));
    if (choice < insertions * 10) {
      int visited = -1;
      auto const look = [&](const auto& x) { visited = number_of(x.second); };
      switch (any(10)) {
        case 0:
          if (map_.insert({k(n), v(value)}) == there) return "insert";
          break;
        case 1:
          if (map_.emplace(k(n), v(value)) == there) return "emplace";
          break;
        case 2:
          if (map_.try_emplace(k(n), v(value)) == there) return "try_emplace";
          break;
        case 3:
          if (map_.try_emplace_or_cvisit(k(n), v(value), look) == there || visited != (there ? at->second : -1)) {
            return "try_emplace_or_cvisit";
          }
          break;
        case 4:
          if (map_.insert_and_visit({k(n), v(value)}, look, look) == there || visited != (there ? at->second : value)) {
            return "insert_and_visit";
          }
          break;
        case 5: {
          auto slot = map_.entry(k(n));
          if (slot.occupied() != there) return "entry";
          slot.or_emplace(v(value));
          break;
        }
        case 6:
          if (map_.insert_or_assign(k(n), v(value)) == there) return "insert_or_assign";
          model_[n] = value;
          break;
        case 7:
          if (map_.exchange(k(n), v(value)) != before) return "exchange";
          model_[n] = value;
          break;
        default:
          if (map_.insert_or_visit({k(n), v(value)}, [&](auto& x) { x.second = v(value); }) == there) {
            return "insert_or_visit";
          }
          model_[n] = value;
      }
      model_.try_emplace(n, value);
    } else if (choice < 990) {
      switch (any(10)) {
        case 0:
          if (map_.get(k(n)) != before) return "get";
          return {};
        case 1:
          if (map_.update(k(n), [&](mapped& x) { x = v(value); }) != there) return "update";
          if (there) at->second = value;
          return {};
        case 2:
          if (map_.visit(k(n), [&](auto& x) { x.second = v(value); }) != (there ? 1U : 0U)) return "visit";
          if (there) at->second = value;
          return {};
        case 3: {
          if (auto const g = map_.find(k(n)); static_cast<bool>(g) != there || (there && g->second != *before)) {
            return "find";
          }
          return {};
        }
        case 4: {
          auto const out = map_.extract(k(n));
          if (out.has_value() != there || (there && (out->first != k(n) || out->second != *before))) return "extract";
          break;
        }
        case 5:
          if (map_.erase_if(k(n), [&](auto& x) { return number_of(x.second) % 2 == 0; }) !=
              (there && at->second % 2 == 0 ? 1U : 0U)) {
            return "erase_if of a key";
          }
          if (there && at->second % 2 != 0) return {};
          break;
        case 6: {
          auto slot = map_.entry(k(n));
          if (slot.occupied() != there) return "entry";
          if (there) slot.erase();
          break;
        }
        default:
          if (map_.erase(k(n)) != (there ? 1U : 0U)) return "erase";
      }
      model_.erase(n);
    } else {
      return change_all(n, value);
    }
    return {};
  }

  std::string change_all(int n, int value) {
    auto const chosen = [&](int x) { return (x * 7 + value) % 5 == 0; };
    switch (any(13)) {
      case 0:
        if (map_.erase_if([&](auto& x) { return chosen(number_of(x.first)); }) !=
            std::erase_if(model_, [&](auto& x) { return chosen(x.first); })) {
          return "erase_if";
        }
        break;
      case 1:
        map_.reserve(static_cast<std::size_t>(any(2 * keys_)));
        break;
      case 2:
        map_.rehash(static_cast<std::size_t>(any(2 * keys_)));
        break;
      case 3:
        map_.rehash(0);
        break;
      case 4: {
        Map copy(map_);
        if (copy != map_) return "a copy is equal";
        copy.insert_or_assign(k(n), v(1001));
        if (copy == map_) return "a changed copy is not equal";
        break;
      }
      case 5: {
        Map moved(std::move(map_));
        if (!map_.empty()) return "a moved-from map is empty";
        tally_.resizes += map_.stats().resizes;
        map_ = std::move(moved);
        break;
      }
      case 6: {
        Map other{{k(n), v(value)}};
        map_.swap(other);
        if (map_.size() != 1 || map_.get(k(n)) != v(value)) return "swap";
        swap(map_, other);
        break;
      }
      case 7: {
        Map other;
        model twin;
        for (int i = 0; i != 20; ++i) {
          int const x = any(keys_);
          other.emplace(k(x), v(value));
          twin.emplace(x, value);
        }
        std::size_t const size = model_.size();
        model_.merge(twin);
        if (map_.merge(other) != model_.size() - size || contents(other) != numbers(twin.begin(), twin.end())) {
          return "merge";
        }
        break;
      }
      case 8: {
        std::vector<std::pair<key, mapped>> list;
        std::size_t fresh = 0;
        for (int i = 0; i != 40; ++i) {
          int const x = any(keys_);
          list.emplace_back(k(x), v(value + i));
          fresh += model_.try_emplace(x, value + i).second;
        }
        if (map_.insert(list.begin(), list.end()) != fresh) return "insertion of a range";
        break;
      }
      case 9: {
        std::vector<key> asked;
        std::size_t there = 0;
        for (int i = 0; i != 70; ++i) {
          int const x = any(keys_);
          asked.push_back(k(x));
          there += model_.count(x);
        }
        if (map_.visit(asked.begin(), asked.end(), [](auto& x) { x.second = numbered<mapped>(1002); }) != there) {
          return "bulk visit";
        }
        for (const key& x : asked) {
          if (auto const at = model_.find(number_of(x)); at != model_.end()) at->second = 1002;
        }
        break;
      }
      case 10: {
        std::size_t const visited =
            map_.visit_all([](auto& x) { x.second = numbered<mapped>(number_of(x.second) + 1); });
        if (visited != model_.size()) return "visit_all";
        for (auto& [number, twin] : model_) ++twin;
        break;
      }
      case 11: {
        auto const hold = map_.hold_capacity(static_cast<std::size_t>(keys_));
        if (map_.bucket_count() < static_cast<std::size_t>(keys_)) return "hold_capacity";
        break;
      }
      default:
        if (any(4) != 0) break;
        map_.clear();
        model_.clear();
    }
    return {};
  }

  int keys_;
  int steps_;
  std::mt19937_64 random_;
  Map map_;
  model model_;
  std::size_t slots_ = 0;
  tally tally_;
};

template <class Map>
tally run_scripts(int scripts, int keys, int steps) {
  tally all;
  for (int seed = 1; seed <= scripts; ++seed) {
    INFO("seed " << seed);
    tally const one = script<Map>(keys, steps, static_cast<std::uint64_t>(seed)).run();
    all.resizes += one.resizes;
    all.overflows += one.overflows;
    all.shrinks += one.shrinks;
    all.largest = std::max(all.largest, one.largest);
    all.found += one.found;
    all.absent += one.absent;
  }
  CAPTURE(all.resizes, all.overflows, all.shrinks, all.largest, all.found, all.absent);
  CHECK(all.resizes > 10);
  CHECK(all.shrinks > 2);
  CHECK(all.largest * 2 > static_cast<std::size_t>(keys));
  CHECK(all.found > 1000);
  CHECK(all.absent > 1000);
  return all;
}

}  // namespace

TEST_CASE("cell_map of numbers does what std::unordered_map does", "[cell_map][property]") {
  run_scripts<tandem::cell_map<std::uint64_t, std::uint64_t>>(3, 1000, 8000);
}

TEST_CASE("cell_map with tiny cells does what std::unordered_map does", "[cell_map][property]") {
  using map = map_of<std::uint64_t, std::uint64_t, tandem::hash<std::uint64_t>, tiny>;
  CHECK(run_scripts<map>(5, 300, 5000).overflows > 10);
}

TEST_CASE("cell_map of strings does what std::unordered_map does", "[cell_map][property]") {
  using map = map_of<std::string, std::string, tandem::hash<std::string>, tiny>;
  CHECK(run_scripts<map>(3, 300, 4000).overflows > 10);
}

TEST_CASE("cell_map whose keys crowd in few cells does what std::unordered_map does", "[cell_map][property]") {
  using map = map_of<std::uint64_t, std::uint64_t, crowded_hash, tandem::cell_options>;
  CHECK(run_scripts<map>(3, 300, 5000).overflows > 10);
}

TEST_CASE("cell_map of strings that crowd in few tiny cells does what std::unordered_map does",
          "[cell_map][property]") {
  using map = map_of<std::string, std::string, crowded_hash, tiny>;
  CHECK(run_scripts<map>(4, 200, 3000).overflows > 10);
}
