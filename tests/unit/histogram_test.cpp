// Histograms: buckets, quantiles, merging, threads; and the measuring of calls.
#include <tandem/options.hpp>
#include <tandem/store/histogram.hpp>

#include "support/catch.hpp"
#include "support/thread_runner.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

namespace {

using namespace tandem::test;
using counts = tandem::histogram_counts;
using histogram = tandem::histogram<>;

constexpr std::uint64_t largest = ~std::uint64_t{0};

// Of all sizes.
std::vector<std::uint64_t> numbers(std::uint32_t seed, std::size_t n) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> all(n);
  for (auto& x : all) x = random() >> random() % 64;
  return all;
}
counts counted(const std::vector<std::uint64_t>& all) {
  counts c;
  for (auto n : all) c.add(n);
  return c;
}

// Moves on by itself.
struct ticking {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ticking>;
  static inline std::int64_t at = 0;
  static inline std::int64_t step = 100;
  static time_point now() { return time_point(duration(at += step)); }
};

}  // namespace

TEST_CASE("each number has a bucket, whose width is at most a sixteenth of it", "[histogram]") {
  auto all = numbers(1, 10'000);
  for (int power = 0; power != 64; ++power) {
    std::uint64_t const n = std::uint64_t{1} << power;
    for (std::uint64_t x : {n - 1, n, n + 1}) all.push_back(x);
  }
  all.push_back(largest);
  for (auto n : all) {
    std::size_t const b = counts::bucket_of(n);
    REQUIRE(b < counts::buckets);
    std::uint64_t const last = counts::last_of(b);
    std::uint64_t const first = b == 0 ? 0 : counts::last_of(b - 1) + 1;
    REQUIRE(first <= n);
    REQUIRE(n <= last);
    REQUIRE(last - first <= n / 16);
    if (n < 32) REQUIRE(first == last);
  }
  CHECK(counts::last_of(counts::buckets - 1) == largest);
  for (int power = 0; power != 64; ++power) {
    std::uint64_t const n = (std::uint64_t{1} << power) - 1;
    REQUIRE(counts::last_of(counts::bucket_of(n)) == n);
  }
}

TEST_CASE("quantiles are those of the numbers, to within a bucket", "[histogram]") {
  counts const none;
  CHECK(none.quantile(0.5) == 0);
  CHECK(none.count() == 0);
  CHECK(none.mean() == 0);
  CHECK(none.up_to(largest) == 0);
  for (std::uint32_t seed = 1; seed != 20; ++seed) {
    auto all = numbers(seed, 1 + 50 * seed);
    auto const c = counted(all);
    std::sort(all.begin(), all.end());
    CHECK(c.count() == all.size());
    CHECK(c.largest() == all.back());
    for (double q : {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      auto const rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(all.size())));
      std::uint64_t const exact = all[std::max<std::size_t>(rank, 1) - 1];
      REQUIRE(c.quantile(q) >= exact);
      REQUIRE(c.quantile(q) - exact <= exact / 16);
    }
    CHECK(c.quantile(1) == all.back());
    CHECK(c.quantile(7) == all.back());
    for (int power = 0; power != 64; ++power) {
      std::uint64_t const bound = (std::uint64_t{1} << power) - 1;
      REQUIRE(c.up_to(bound) ==
              static_cast<std::size_t>(std::upper_bound(all.begin(), all.end(), bound) - all.begin()));
    }
    CHECK(c.up_to(largest) == all.size());
  }
  counts few;
  for (std::uint64_t n : {3U, 5U, 5U, 31U}) few.add(n);
  CHECK(few.quantile(0.25) == 3);
  CHECK(few.quantile(0.26) == 5);
  CHECK(few.quantile(0.75) == 5);
  CHECK(few.quantile(0.76) == 31);
  CHECK(few.sum() == 44);
  CHECK(few.mean() == 11);
}

TEST_CASE("histograms are added up, in any order", "[histogram]") {
  auto const a = numbers(1, 1000), b = numbers(2, 10);
  auto both = a;
  both.insert(both.end(), b.begin(), b.end());
  auto one = counted(a), other = counted(b);
  one += counts();
  CHECK(one == counted(a));
  other += one;
  one += counted(b);
  CHECK(one == counted(both));
  CHECK(other == one);
  counts c;
  c += counted(b);
  CHECK(c == counted(b));
  counts often;
  often.add(7, 3);
  often.add(9, 0);
  CHECK(often == counted({7, 7, 7}));
}

TEST_CASE("a sum that does not fit stays at the largest number", "[histogram]") {
  counts c;
  c.add(largest);
  CHECK(c.sum() == largest);
  c.add(5);
  CHECK(c.sum() == largest);
  CHECK(c.count() == 2);
  counts d;
  d.add(largest / 2, 4);
  CHECK(d.sum() == largest);
  d += c;
  CHECK(d.sum() == largest);
  for (std::size_t thread : {std::size_t{0}, histogram::no_number}) {
    histogram h;
    h.add(thread, largest);
    h.add(thread, largest);
    CHECK(h.counts().sum() == largest);
    CHECK(h.counts().largest() == largest);
    CHECK(h.counts().count() == 2);
  }
}

TEST_CASE("whatever threads count is there in the end, once", "[histogram]") {
  // Eight with counters of their own, the others share some.
  constexpr std::size_t threads = 12;
  histogram h;
  CHECK(h.counts() == counts());
  run_threads(threads, [&](std::size_t i) {
    std::size_t const number = i == threads - 1 ? histogram::no_number : i;
    for (auto n : numbers(static_cast<std::uint32_t>(i), 5'000)) {
      h.add(number, n >> 8);
      if (n % 1024 == 0 && h.counts().count() > threads * 5'000) fail("more than there are");
    }
  });
  counts expected;
  for (std::uint32_t i = 0; i != threads; ++i) {
    for (auto n : numbers(i, 5'000)) expected.add(n >> 8);
  }
  CHECK(h.counts() == expected);

  // At the same counter all the time.
  histogram one;
  constexpr std::uint64_t times = 200'000;
  run_threads(4, [&](std::size_t) {
    for (std::uint64_t i = 0; i != times; ++i) one.add(histogram::no_number, 5);
  });
  counts fives;
  fives.add(5, 4 * times);
  CHECK(one.counts() == fives);
}

TEST_CASE("what is not measured costs nothing", "[histogram]") {
  using off = tandem::store::latencies<tandem::no_latencies, 3>;
  STATIC_REQUIRE(std::is_empty_v<off>);
  STATIC_REQUIRE(std::is_empty_v<decltype(off::measure(0, [] { return std::size_t{0}; }))>);
  CHECK(off::counts(2) == counts());
}

TEST_CASE("calls are measured, each kind by itself", "[histogram]") {
  ticking::step = 100;
  tandem::store::latencies<tandem::sampled_latencies<1, ticking>, 2> l;
  for (int i = 0; i != 3; ++i) auto const timed = l.measure(0, [] { return histogram::no_number; });
  {
    auto const timed = l.measure(1, [] { return std::size_t{0}; });
    ticking::at += 7;
  }
  CHECK(l.counts(0) == counted({100, 100, 100}));
  CHECK(l.counts(1) == counted({107}));
  // A clock that goes back.
  ticking::step = -5;
  {
    auto const timed = l.measure(1, [] { return std::size_t{0}; });
  }
  CHECK(l.counts(1) == counted({0, 107}));
}

TEST_CASE("of calls that are sampled about every so-manieth is measured, also if kinds alternate", "[histogram]") {
  ticking::step = 1;
  tandem::store::latencies<tandem::sampled_latencies<8, ticking>, 2> l;
  for (std::size_t i = 0; i != 80'000; ++i) auto const timed = l.measure(i % 2, [] { return std::size_t{0}; });
  for (std::size_t kind : {0U, 1U}) {
    CHECK(l.counts(kind).count() > 4'500);
    CHECK(l.counts(kind).count() < 5'500);
  }
}
