// Random scripts against std::unordered_map.
//
// Property: after any sequence of operations a sequential_map has the elements that a std::unordered_map has after the same
// sequence, each operation answers what that one's does, and iteration meets every element once. Scripts drift up and down, so
// that tables grow and shrink under them, and use hashes that spread, that leave a few cells, and that leave one.
#include <tandem/cell/sequential_map.hpp>
#include <tandem/hash.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;

template <class T>
T made_of(int n) {
  if constexpr (std::is_same_v<T, std::string>) {
    return (n % 2 == 0 ? "t" : "a text that is too long for the string object ") + std::to_string(n);
  } else {
    return T(n);
  }
}
int number(int n) { return n; }
int number(const std::string& s) { return std::stoi(s.substr(s.find_first_of("-0123456789"))); }
template <bool ThrowingMove>
int number(const basic_tracked<ThrowingMove>& t) {
  return t.key();
}

// Hashes of `Kinds` kinds, 0: all different. They are not mixed further, and the upper bits choose the cell.
template <int Kinds>
struct script_hash {
  using is_avalanching = void;
  template <class Key>
  std::size_t operator()(const Key& k) const {
    auto const n = static_cast<std::size_t>(number(k));
    return Kinds == 0 ? tandem::mix(n) : (n % Kinds) * (~std::size_t{0} / Kinds);
  }
};

struct coverage {
  int grown = 0, shrunk = 0, walks_amid_moves = 0, found = 0, absent = 0, erased = 0, largest = 0;
};

template <class Key, class T, int Kinds>
class script {
 public:
  using allocator = budget_allocator<std::pair<const Key, T>>;
  using map = tandem::cell::sequential_map<Key, T, script_hash<Kinds>, std::equal_to<Key>, allocator>;

  script(std::uint64_t seed, int keys) : random_(seed), keys_(keys) {}

  // Says where the map went wrong; "" if it did not.
  std::string run(int steps, coverage& seen) {
    for (int i = 0; i != steps; ++i) {
      // Up and down in long waves.
      int const up = i / (steps / 6) % 2 == 0 ? 55 : 15;
      std::size_t const buckets = map_.bucket_count();
      const char* const wrong = step(up, seen);
      if (map_.bucket_count() > buckets) ++seen.grown;
      if (map_.bucket_count() < buckets) ++seen.shrunk;
      seen.largest = std::max(seen.largest, static_cast<int>(map_.size()));
      if (wrong != nullptr) return std::string(wrong) + " in step " + std::to_string(i);
      if (map_.size() != model_.size()) return "size after step " + std::to_string(i);
      // Walks where they are interesting: soon after the table has begun to change.
      if (map_.bucket_count() != buckets) amid_move_ = 3;
      bool const amid_move = amid_move_ != 0 && amid_move_-- != 0;
      seen.walks_amid_moves += amid_move;
      if ((amid_move || i % 64 == 0) && !is_equal()) return "contents after step " + std::to_string(i);
    }
    return is_equal() ? "" : "contents in the end";
  }

 private:
  int any(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }

  bool is_equal() const {
    std::size_t n = 0;
    for (auto const& [key, value] : map_) {
      auto const found = model_.find(number(key));
      if (found == model_.end() || found->second != number(value)) return false;
      ++n;
    }
    // As many as there are, so none of them twice, if each can be found where it was met.
    if (n != model_.size()) return false;
    for (auto const& [key, value] : model_) {
      auto const found = map_.find(made_of<Key>(key));
      if (found == map_.end() || number(found->first) != key || number(found->second) != value) return false;
    }
    return true;
  }

  const char* step(int up, coverage& seen) {
    int const k = any(keys_);
    int const v = any(1000);
    auto const mine = model_.find(k);
    bool const there = mine != model_.end();
    ++(there ? seen.found : seen.absent);
    int const dice = any(100);
    if (dice < up) return insert(k, v, there);
    if (dice < 60) return look(k);
    if (dice < 85) {
      seen.erased += there;
      if (map_.erase(made_of<Key>(k)) != model_.erase(k)) return "erase(key)";
      return nullptr;
    }
    if (dice < 93) return erase_at(k);
    if (dice < 95) return erase_some();
    return rarely();
  }

  const char* insert(int k, int v, bool there) {
    Key key = made_of<Key>(k);
    int const form = any(5);
    auto const result = [&] {
      switch (form) {
        case 0:
          return map_.try_emplace(std::move(key), made_of<T>(v));
        case 1:
          return map_.insert({key, made_of<T>(v)});
        case 2:
          return map_.emplace(key, made_of<T>(v));
        case 3:
          return map_.try_emplace_hashed(map_.hash_function()(key), key, made_of<T>(v));
        default:
          return map_.insert_or_assign(key, made_of<T>(v));
      }
    }();
    if (form == 4) {
      model_[k] = v;
    } else {
      model_.try_emplace(k, v);
    }
    if (result.second == there) return "whether it was inserted";
    if (number(result.first->first) != k || number(result.first->second) != model_[k]) return "what was inserted";
    return nullptr;
  }

  const char* look(int k) const {
    Key const key = made_of<Key>(k);
    map_.prefetch(key);
    auto const found = map_.find(key);
    auto const mine = model_.find(k);
    bool const there = mine != model_.end();
    if ((found != map_.end()) != there || map_.contains(key) != there || map_.count(key) != model_.count(k))
      return "find";
    return there && number(found->second) != mine->second ? "what was found" : nullptr;
  }

  const char* erase_at(int k) {
    auto const found = map_.find(made_of<Key>(k));
    if (found == map_.end()) return model_.count(k) != 0 ? "find for erase" : nullptr;
    auto const next = std::next(found);
    if (map_.erase(found) != next) return "what follows an erased element";
    model_.erase(k);
    return nullptr;
  }

  const char* erase_some() {
    int const remainder = any(17);
    for (auto it = map_.begin(); it != map_.end();) {
      if (number(it->first) % 17 == remainder) {
        model_.erase(number(it->first));
        it = map_.erase(it);
      } else {
        ++it;
      }
    }
    return nullptr;
  }

  const char* rarely() {
    switch (any(120)) {
      case 0:
        map_.reserve(static_cast<std::size_t>(any(2 * keys_)));
        break;
      case 1:
        map_.rehash(static_cast<std::size_t>(any(2 * keys_)));
        break;
      case 2:
        map_.shrink_to_fit();
        break;
      case 3: {
        map copy(map_);
        map_.swap(copy);
        if (copy.size() != map_.size()) return "copy";
        break;
      }
      case 4: {
        map other(std::move(map_));
        if (!map_.empty() || map_.begin() != map_.end()) return "moved from";
        map_.try_emplace(made_of<Key>(1), made_of<T>(1));
        map_ = std::move(other);
        break;
      }
      case 5: {
        map other;
        other = map_;
        std::swap(other, map_);
        break;
      }
      case 6:
        map_.clear();
        model_.clear();
        break;
      default:
        break;
    }
    return nullptr;
  }

  std::mt19937_64 random_;
  int keys_;
  map map_;
  std::unordered_map<int, int> model_;
  int amid_move_ = 0;
};

template <class Key, class T, int Kinds>
void check_scripts(int keys, int steps, int rounds) {
  using account = budget_allocator<int>;
  REQUIRE(account::account().balanced());
  REQUIRE(tracked::live() == 0);
  tracked::totals().reset();
  coverage seen;
  for (int round = 0; round != rounds; ++round) {
    std::uint64_t const seed = 7'000'000 + static_cast<std::uint64_t>(round);
    INFO("seed " << seed << ", keys " << keys);
    REQUIRE(script<Key, T, Kinds>(seed, keys).run(steps, seen) == "");
    REQUIRE(account::account().balanced());
  }
  CHECK(tracked::live() == 0);
  CHECK(tracked::corrupt() == 0);
  CHECK(seen.found > 100);
  CHECK(seen.absent > 100);
  CHECK(seen.erased > 100);
  CHECK(seen.largest > std::min(keys / 4, 400));
  if (keys >= 200) {
    CHECK(seen.grown > 2 * rounds);
    CHECK(seen.shrunk > rounds);
    CHECK(seen.walks_amid_moves > 6 * rounds);
  }
}

}  // namespace

TEST_CASE("sequential_map agrees with std::unordered_map: hashes that spread", "[sequential_map][property]") {
  check_scripts<int, int, 0>(50, 3000, 4);
  check_scripts<int, int, 0>(3000, 40'000, 2);
  check_scripts<tracked, tracked, 0>(600, 8000, 4);
  check_scripts<std::string, tracked, 0>(600, 8000, 4);
}

TEST_CASE("sequential_map agrees with std::unordered_map: elements in nodes", "[sequential_map][property]") {
  check_scripts<tracked_throwing_move, std::string, 0>(600, 8000, 4);
  check_scripts<int, tracked_throwing_move, 5>(200, 4000, 3);
}

TEST_CASE("sequential_map agrees with std::unordered_map: hashes that leave few cells", "[sequential_map][property]") {
  check_scripts<int, int, 5>(400, 8000, 4);
  check_scripts<tracked, std::string, 3>(200, 4000, 4);
  check_scripts<std::string, int, 17>(600, 8000, 3);
}

TEST_CASE("sequential_map agrees with std::unordered_map: one hash for all", "[sequential_map][property]") {
  check_scripts<int, int, 1>(300, 5000, 3);
  check_scripts<tracked, tracked, 1>(200, 3000, 3);
}
