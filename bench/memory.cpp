// How much memory does an entry take, beside two copies of the same sequential map?
//
//   memory/<types>/<map>     bytes per entry, and the ratio to two copies of that map
//
// 100,000 entries, one value per key. What counts is what the allocator sets aside (malloc_usable_size, where there
// is one): `evmap` once both sides are filled and the log is empty; `peak` the most there was at any time, the log of
// the bulk load included, to which the two copies do not compare. Strings are longer than what std::string keeps
// inside itself: keys of 24 characters, values of 100.
#include "adapters/sequential_map.hpp"
#include "interleave.hpp"
#include "types.hpp"

#include <tandem/evmap.hpp>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#if defined(__linux__)
#include <malloc.h>
#endif

namespace {

std::atomic<std::size_t> in_use{0};
std::atomic<std::size_t> most_in_use{0};

std::size_t size_of(void* p, [[maybe_unused]] std::size_t asked) {
#if defined(__linux__)
  return malloc_usable_size(p);
#else
  return asked;
#endif
}

void* counted(void* p, std::size_t asked) {
  if (p == nullptr) throw std::bad_alloc();
  std::size_t const now = in_use.fetch_add(size_of(p, asked), std::memory_order_relaxed) + size_of(p, asked);
  if (now > most_in_use.load(std::memory_order_relaxed)) most_in_use.store(now, std::memory_order_relaxed);
  return p;
}

void release(void* p, std::size_t asked) noexcept {
  if (p == nullptr) return;
  in_use.fetch_sub(size_of(p, asked), std::memory_order_relaxed);
  std::free(p);
}

std::size_t rounded_up(std::size_t n, std::size_t alignment) { return (n + alignment - 1) / alignment * alignment; }

}  // namespace

// All memory of this program is counted. The forms for arrays and without exceptions come down to these.
void* operator new(std::size_t n) { return counted(std::malloc(n), n); }
void* operator new(std::size_t n, std::align_val_t a) {
  auto const alignment = static_cast<std::size_t>(a);
  return counted(std::aligned_alloc(alignment, rounded_up(n, alignment)), rounded_up(n, alignment));
}
void operator delete(void* p) noexcept { release(p, 0); }
void operator delete(void* p, std::size_t n) noexcept { release(p, n); }
void operator delete(void* p, std::align_val_t) noexcept { release(p, 0); }
void operator delete(void* p, std::size_t n, std::align_val_t a) noexcept {
  release(p, rounded_up(n, static_cast<std::size_t>(a)));
}

namespace {

using namespace bench;

constexpr std::size_t entries = 100'000;

struct numbers {
  static constexpr const char* label = "u64_to_u64";
  using type = number;
  using hash = good_hash;
  static number key(number k) { return k; }
  static number value(number k) { return value_of(k); }
  static number part_of_sum(number v) { return bench::part_of_sum(v); }
};

struct strings {
  static constexpr const char* label = "string_to_string";
  using type = std::string;
  using hash = string_hash;
  static std::string key(number k) { return text::key(k); }
  static std::string value(number k) {
    return std::string(80, 'v') + std::to_string(10'000'000'000'000'000'000U + k % 1'000'000);
  }
  static number part_of_sum(const std::string& v) { return v.size(); }
};

template <class Types, class Kind>
struct options : tandem::evmap_options {
  using hasher = typename Types::hash;
  template <class K, class T, class H, class E, class A>
  using map = typename Kind::template map<K, T, H, E, A>;
};

struct use {
  double bytes = 0;  // per entry
  double peak = 0;
};

// What `build(keys)` leaves in memory. The result is checked for completeness by `sum`.
template <class Types, class Build>
use memory_of(Build&& build) {
  std::span<const number> const keys = keys_for(entries);
  std::size_t const before = in_use;
  most_in_use.store(before, std::memory_order_relaxed);
  auto const built = build(keys);
  std::size_t const after = in_use;
  std::size_t const peak = most_in_use;
  number expected = 0;
  for (number const k : keys) expected += Types::part_of_sum(Types::value(k));
  check(built->sum() == expected, "the sum of all values");
  return {static_cast<double>(after - before) / entries, static_cast<double>(peak - before) / entries};
}

template <class Types, class Kind>
struct two_copies {
  using map = sequential<Kind, typename Types::type, typename Types::type, typename Types::hash>;

  explicit two_copies(std::span<const number> keys) {
    left.reserve(keys.size());
    for (number const k : keys) left.emplace(Types::key(k), Types::value(k));
    right.reserve(keys.size());
    for (const auto& [k, v] : left) right.emplace(k, v);
  }
  number sum() const {
    number left_sum = 0, right_sum = 0;
    for (const auto& [k, v] : left) left_sum += Types::part_of_sum(v);
    for (const auto& [k, v] : right) right_sum += Types::part_of_sum(v);
    check(left_sum == right_sum, "two equal copies");
    return left_sum;
  }

  map left;
  map right;
};

template <class Types, class Kind>
struct filled_evmap {
  using map = tandem::evmap<typename Types::type, typename Types::type, options<Types, Kind>>;

  explicit filled_evmap(std::span<const number> keys) : writer(tandem::capacity{keys.size()}) {
    for (number const k : keys) writer.insert(Types::key(k), Types::value(k));
    writer.publish();
    writer.publish();
  }
  number sum() const {
    number result = 0;
    for (const auto& [k, bag] : writer.published()) result += Types::part_of_sum(bag.front());
    return result;
  }

  typename map::writer writer;
};

template <class Types, class Kind>
void add() {
  std::string const name = std::string("memory/") + Types::label + "/" + Kind::label;
  benchmark::RegisterBenchmark(
      name.c_str(),
      [](benchmark::State& state) {
        use evmap, two;
        for (auto _ : state) {
          evmap = memory_of<Types>([](auto keys) { return std::make_unique<filled_evmap<Types, Kind>>(keys); });
          two = memory_of<Types>([](auto keys) { return std::make_unique<two_copies<Types, Kind>>(keys); });
        }
        set_counter(state, "evmap_bytes", evmap.bytes);
        set_counter(state, "two_copies_bytes", two.bytes);
        set_counter(state, "ratio", evmap.bytes / two.bytes);
        set_counter(state, "peak_bytes", evmap.peak);
      })
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

template <class Kind>
void add_both() {
  add<numbers, Kind>();
  add<strings, Kind>();
}

}  // namespace

int main(int argc, char** argv) {
#if defined(TANDEM_BENCH_HAS_BOOST)
  add_both<boost_flat>();
#endif
#if defined(TANDEM_BENCH_HAS_ABSL)
  add_both<absl_flat>();
#endif
  add_both<std_unordered>();
  return run_registered(argc, argv);
}
