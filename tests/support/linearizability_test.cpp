// The checker of histories: what it must accept, what it must reject, and that it agrees with trying all orders.
#include "support/linearizability.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;
using enum operation;

constexpr std::nullopt_t nothing = std::nullopt;

call_record call(std::size_t thread, std::uint64_t begin, std::uint64_t end, operation what, std::uint64_t argument,
                 key_state returned) {
  return {what, argument, returned, thread, begin, end};
}

bool accepts(const std::vector<call_record>& calls, key_state initial = {}) {
  return check_linearizable(calls, initial).empty();
}

// By trying every order that respects time: for a few calls.
bool some_order_explains(const std::vector<call_record>& calls, key_state initial) {
  std::vector<std::size_t> order(calls.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  do {
    bool good = true;
    key_state state = initial;
    for (std::size_t i = 0; good && i != order.size(); ++i) {
      for (std::size_t j = i + 1; j != order.size(); ++j) good = good && calls[order[j]].end > calls[order[i]].begin;
      good = good && step(state, calls[order[i]]);
    }
    if (good) return true;
  } while (std::ranges::next_permutation(order).found);
  return false;
}

// Calls of `threads` threads with overlaps at random; what they return is for the caller to fill in.
std::vector<call_record> random_calls(std::mt19937_64& random, std::size_t threads, std::size_t count) {
  std::vector<call_record> calls;
  std::vector<std::optional<std::size_t>> under_way(threads);
  std::uint64_t now = 0;
  for (std::size_t begun = 0, ended = 0; ended != count;) {
    std::size_t const t = random() % threads;
    if (under_way[t]) {
      calls[*under_way[t]].end = ++now;
      under_way[t].reset();
      ++ended;
    } else if (begun != count) {
      under_way[t] = calls.size();
      calls.push_back(call(t, ++now, 0, static_cast<operation>(random() % 9), 1 + random() % 3, nothing));
      ++begun;
    }
  }
  return calls;
}

// Returns what a map would have returned that runs each call at a random moment of its interval.
void run_at_random_moments(std::mt19937_64& random, std::vector<call_record>& calls) {
  std::vector<std::pair<double, std::size_t>> moments;
  for (std::size_t i = 0; i != calls.size(); ++i) {
    double const part = static_cast<double>(random() % 1000 + 1) / 1002;
    moments.emplace_back(
        static_cast<double>(calls[i].begin) + part * static_cast<double>(calls[i].end - calls[i].begin), i);
  }
  std::ranges::sort(moments);
  key_state state;
  for (auto const& [moment, i] : moments) {
    call_record& c = calls[i];
    bool const present = state.has_value();
    if (c.what == add) {
      c.returned = present ? key_state(*state + c.argument) : nothing;
    } else if (c.what == erase_equal) {
      c.returned = state == c.argument ? state : nothing;
    } else {
      c.returned = state;
    }
    if (!step(state, c)) throw std::logic_error("the model contradicts itself");
  }
}

}  // namespace

TEST_CASE("histories of one thread are what a sequential map does", "[linearizability]") {
  CHECK(accepts({}));
  std::vector<call_record> const good{call(0, 1, 2, get, 0, nothing),
                                      call(0, 3, 4, insert, 5, nothing),
                                      call(0, 5, 6, insert, 6, 5),
                                      call(0, 7, 8, get, 0, 5),
                                      call(0, 9, 10, add, 2, 7),
                                      call(0, 11, 12, exchange, 8, 7),
                                      call(0, 13, 14, erase_equal, 7, nothing),
                                      call(0, 15, 16, erase_equal, 8, 1),
                                      call(0, 17, 18, erase, 0, nothing),
                                      call(0, 19, 20, assign, 9, nothing),
                                      call(0, 21, 22, assign, 10, 1),
                                      call(0, 23, 24, contains, 0, 1),
                                      call(0, 25, 26, extract, 0, 10),
                                      call(0, 27, 28, extract, 0, nothing),
                                      call(0, 29, 30, add, 1, nothing)};
  CHECK(accepts(good));
  // Every one of these results matters.
  for (std::size_t i = 0; i != good.size(); ++i) {
    auto wrong = good;
    wrong[i].returned = wrong[i].returned ? key_state() : key_state(77);
    CAPTURE(i);
    CHECK_FALSE(accepts(wrong));
  }
  CHECK(accepts({call(0, 1, 2, get, 0, 3)}, 3));
  CHECK_FALSE(accepts({call(0, 1, 2, get, 0, 3)}));
}

TEST_CASE("what no map may do is rejected", "[linearizability]") {
  // A value that is there is missed.
  CHECK_FALSE(accepts({call(0, 1, 2, insert, 1, nothing), call(1, 3, 4, get, 0, nothing)}));
  // Missed beside a call that changes nothing about that.
  CHECK_FALSE(
      accepts({call(0, 1, 2, insert, 1, nothing), call(1, 3, 6, get, 0, nothing), call(0, 4, 5, insert, 2, 1)}));
  // Two inserts win, two erasures win.
  CHECK_FALSE(accepts({call(0, 1, 4, insert, 1, nothing), call(1, 2, 3, insert, 2, nothing)}));
  CHECK_FALSE(accepts({call(0, 1, 4, erase, 0, 1), call(1, 2, 3, erase, 0, 1)}, 1));
  CHECK_FALSE(accepts({call(0, 1, 4, extract, 0, 1), call(1, 2, 3, erase_equal, 1, 1)}, 1));
  // A value from the past; a value from nowhere; a value from the future.
  CHECK_FALSE(accepts({call(0, 1, 2, exchange, 2, 1), call(1, 3, 4, get, 0, 1)}, 1));
  CHECK_FALSE(accepts({call(0, 1, 4, assign, 2, 1), call(1, 2, 3, get, 0, 3)}, 1));
  CHECK_FALSE(accepts({call(1, 1, 2, get, 0, 2), call(0, 3, 4, assign, 2, 1)}, 1));
  // New, then old again, during one write.
  CHECK_FALSE(accepts({call(0, 1, 6, assign, 2, 1), call(1, 2, 3, get, 0, 2), call(1, 4, 5, get, 0, 1)}, 1));
  // Two readers see two writes in different orders.
  CHECK_FALSE(accepts({call(0, 1, 20, assign, 2, 1), call(1, 2, 19, assign, 3, 1), call(2, 3, 5, get, 0, 2),
                       call(2, 7, 9, get, 0, 3), call(3, 4, 6, get, 0, 3), call(3, 8, 10, get, 0, 2)},
                      1));
  // A lost increment.
  CHECK_FALSE(accepts({call(0, 1, 4, add, 1, 1), call(1, 2, 3, add, 1, 1), call(0, 5, 6, get, 0, 1)}, 0));
  // The key flickers while it is moved.
  CHECK_FALSE(accepts({call(0, 1, 2, get, 0, 1), call(1, 3, 4, get, 0, nothing), call(0, 5, 6, get, 0, 1)}, 1));
}

TEST_CASE("what a map may do is accepted, in whatever order it must have happened", "[linearizability]") {
  // Either order of overlapping writes.
  for (std::uint64_t last : {1U, 2U}) {
    CHECK(accepts({call(0, 1, 4, assign, 1, last == 1 ? key_state(9) : nothing),
                   call(1, 2, 3, assign, 2, last == 1 ? nothing : key_state(9)), call(0, 5, 6, get, 0, last)}));
  }
  // Seen before the write has returned, and a reader that overlaps it may see the old value later by the clock.
  CHECK(accepts({call(0, 1, 6, insert, 1, nothing), call(1, 2, 3, get, 0, 1)}));
  CHECK(accepts({call(0, 1, 10, assign, 2, 1), call(1, 2, 5, get, 0, 2), call(2, 3, 6, get, 0, 1)}, 1));
  // A chain in which each call makes the next one possible, backwards in time of beginning.
  CHECK(accepts({call(0, 1, 20, erase, 0, 1), call(1, 2, 19, add, 1, 8), call(2, 3, 18, exchange, 7, 6),
                 call(3, 4, 17, insert, 6, nothing), call(0, 21, 22, get, 0, nothing)}));
  // The erasure happened before the first insert, or between the two; both inserts won.
  CHECK(accepts({call(0, 1, 9, erase, 0, 1), call(1, 2, 3, insert, 1, nothing), call(1, 4, 5, insert, 2, nothing)}));
}

TEST_CASE("the checker agrees with trying all orders", "[linearizability]") {
  std::mt19937_64 random(20);
  int accepted = 0, rejected = 0;
  for (int round = 0; round != 3000; ++round) {
    auto calls = random_calls(random, 3, 5);
    run_at_random_moments(random, calls);
    if (round % 3 != 0) {
      calls[random() % calls.size()].returned = random() % 2 == 0 ? key_state() : key_state(1 + random() % 6);
    }
    bool const expected = some_order_explains(calls, nothing);
    if (accepts(calls) != expected) FAIL("round " << round << ": the history is " << (expected ? "good" : "bad"));
    ++(expected ? accepted : rejected);
  }
  CHECK(accepted > 500);
  CHECK(rejected > 500);
}

TEST_CASE("long histories of eight threads are accepted, and with one wrong value rejected", "[linearizability]") {
  std::mt19937_64 random(21);
  int rejected = 0, rounds = 0;
  for (; rounds != 20; ++rounds) {
    auto calls = random_calls(random, 8, 2000);
    for (std::size_t i = 0; i != calls.size(); ++i) calls[i].argument = 1'000 + i;  // every value once
    run_at_random_moments(random, calls);
    CHECK(check_linearizable(calls) == "");
    CHECK(count_overlaps(calls) > 500);
    // A value of long ago.
    auto const got = std::ranges::find_if(calls.begin() + 1000, calls.end(),
                                          [](const call_record& c) { return c.what == get && c.returned.has_value(); });
    REQUIRE(got != calls.end());
    auto const old = std::ranges::find(calls, exchange, &call_record::what);
    got->returned = old->argument;
    rejected += !accepts(calls);
  }
  CHECK(rejected == rounds);
}

TEST_CASE("what is no history is refused", "[linearizability]") {
  CHECK_THROWS_AS(check_linearizable({call(0, 1, 4, get, 0, nothing), call(0, 2, 3, get, 0, nothing)}),
                  std::invalid_argument);
  CHECK_THROWS_AS(check_linearizable({call(0, 2, 1, get, 0, nothing)}), std::invalid_argument);
  history h(2);
  h.record(0, 7, insert, 1, [] { return key_state(); });
  h.record(1, 7, get, 0, [] { return key_state(1); });
  h.record(1, 8, get, 0, [] { return key_state(1); });
  auto const keys = h.by_key();
  REQUIRE(keys.size() == 2);
  CHECK(check_linearizable(keys.at(7)) == "");
  CHECK(check_linearizable(keys.at(8)) != "");
}
