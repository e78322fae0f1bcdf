// evmap's erase_random: distinct keys, each subset of the asked size as likely as any other.
#include <tandem/evmap.hpp>

#include "support/catch.hpp"
#include "support/map_contents.hpp"

#include <array>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using map = tandem::evmap<int, std::string>;

map::writer of_keys(int n) {
  map::writer w;
  for (int k = 0; k != n; ++k) w.insert(k, std::to_string(k));
  w.publish();
  return w;
}

}  // namespace

TEST_CASE("erase_random returns distinct keys of the map, which go at the next publish", "[evmap][random]") {
  auto w = of_keys(100);
  auto r = w.make_reader();
  std::mt19937_64 random(1);
  std::vector<int> const gone = w.erase_random(30, random);
  std::set<int> const distinct(gone.begin(), gone.end());
  CHECK(gone.size() == 30);
  CHECK(distinct.size() == 30);
  CHECK(*distinct.begin() >= 0);
  CHECK(*distinct.rbegin() < 100);
  CHECK(r.size() == 100);
  CHECK(w.pending() == 30);
  for (int side = 0; side != 2; ++side) {
    w.publish();
    CHECK(r.size() == 70);
    int wrong = 0;
    for (int k = 0; k != 100; ++k) wrong += r.contains(k) == distinct.contains(k);
    CHECK(wrong == 0);
  }
}

TEST_CASE("erase_random takes no more keys than there are, and none for zero", "[evmap][random]") {
  auto w = of_keys(5);
  auto r = w.make_reader();
  std::mt19937_64 random(2);
  CHECK(w.erase_random(0, random).empty());
  CHECK_FALSE(w.has_pending());
  auto const all = w.erase_random(17, random);
  CHECK(std::set<int>(all.begin(), all.end()) == std::set<int>{0, 1, 2, 3, 4});
  CHECK(w.erase_random(3, random).empty());  // they are gone already, as far as the next publish goes
  w.publish();
  CHECK(r.empty());
  CHECK(w.erase_random(1, random).empty());
  CHECK(map::writer{}.erase_random(1, random).empty());
}

TEST_CASE("erase_random chooses among the keys that the next publish would leave", "[evmap][random]") {
  auto w = of_keys(3);
  auto r = w.make_reader();
  w.erase(0).erase(1).insert(7, "pending").clear(8);
  auto const gone = w.erase_random(10, std::mt19937_64(3));
  CHECK(std::set<int>(gone.begin(), gone.end()) == std::set<int>{2, 7, 8});
  w.publish();
  CHECK(r.empty());
}

TEST_CASE("keys chosen by erase_random can be inserted again and the choice can be discarded", "[evmap][random]") {
  auto w = of_keys(4);
  auto r = w.make_reader();
  std::mt19937_64 random(4);
  auto const gone = w.erase_random(1, random);
  w.insert(gone[0], "back");
  w.publish();
  CHECK(r.size() == 4);
  CHECK(r.get(gone[0]) == "back");
  CHECK(w.erase_random(2, random).size() == 2);
  w.discard_pending();
  w.publish();
  CHECK(r.size() == 4);
}

// Chi-square over the keys chosen and over the pairs chosen: 20 draws of 3 out of 10 would not do, 4000 do.
TEST_CASE("erase_random chooses all keys and all pairs of keys alike", "[evmap][random]") {
  constexpr int keys = 10;
  constexpr int chosen = 3;
  constexpr int draws = 4000;
  auto w = of_keys(keys);
  std::mt19937_64 random(20240607);
  std::array<int, keys> times{};
  std::array<int, keys * keys> pairs{};
  for (int draw = 0; draw != draws; ++draw) {
    auto const gone = w.erase_random(chosen, random);
    REQUIRE(gone.size() == chosen);
    for (int a : gone) {
      ++times[static_cast<std::size_t>(a)];
      for (int b : gone) {
        if (a < b) ++pairs[static_cast<std::size_t>(a * keys + b)];
      }
    }
    w.discard_pending();
  }
  auto const deviation = [](int seen, double expected) { return (seen - expected) * (seen - expected) / expected; };
  double of_keys_alone = 0;
  for (int n : times) of_keys_alone += deviation(n, draws * double{chosen} / keys);
  double of_pairs = 0;
  for (int a = 0; a != keys; ++a) {
    for (int b = a + 1; b != keys; ++b) {
      of_pairs += deviation(pairs[static_cast<std::size_t>(a * keys + b)],
                            draws * double{chosen * (chosen - 1)} / (keys * (keys - 1)));
    }
  }
  // The 0.999 quantiles with 9 and 44 degrees of freedom. (Drawn without replacement the deviations are smaller still.)
  CHECK(of_keys_alone < 27.9);
  CHECK(of_pairs < 78.8);
  CHECK(of_keys_alone > 0);
}
