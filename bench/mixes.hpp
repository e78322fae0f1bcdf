// Mixed work, as data: which operations in which proportion, how skewed the keys are, and streams of both.
//
// The universe of a comparison with N entries has 2 N keys. Those at even places are in the map at the start, so half
// of what is drawn from the universe is there, the most frequent keys not more than the others. Inserts and erases
// are equally frequent, so it stays half, and half of either do nothing; these count as operations too.
//
// Streams are drawn beforehand: in the loop that is measured there is no random number, no key is made, and keys and
// operations are read one after the other from arrays of their own. The arrays have lengths without a common factor,
// so a key meets another operation in each round; else each key would have its state for good after the first.
#ifndef TANDEM_BENCH_MIXES_HPP
#define TANDEM_BENCH_MIXES_HPP

#include "types.hpp"
#include "workloads.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <tuple>
#include <type_traits>
#include <vector>

namespace bench {

// ---- Mixes

enum class operation : std::uint8_t { read, insert, erase, update, upsert, scan };

// Of a hundred operations.
struct op_mix {
  const char* name;
  unsigned read;
  unsigned insert;  // if absent
  unsigned erase;
  unsigned update;  // if present
  unsigned upsert;  // update if present, insert otherwise
  // Whether keys are drawn from those that are in the map at the start, and stay: every lookup hits.
  bool all_present;
  unsigned scan = 0;  // a hundred entries from the key on: of ordered maps

  // Whether other keys may be in the map afterwards.
  constexpr bool moves() const noexcept { return insert + erase != 0; }
};
inline constexpr op_mix op_mixes[] = {{"read_only", 100, 0, 0, 0, 0, true},
                                      {"upsert", 50, 0, 0, 0, 50, true},
                                      {"read_heavy", 98, 1, 1, 0, 0, false},
                                      {"exchange", 10, 40, 40, 10, 0, false}};

// Of ordered maps; after the core workloads of B. F. Cooper et al., Benchmarking cloud serving systems with YCSB, SoCC 2010. D
// differs from read_heavy in which keys it reads, and F from A in nothing where updates see the old value.
inline constexpr op_mix ordered_mixes[] = {
    {"read_only", 100, 0, 0, 0, 0, true},  {"scan_100", 0, 0, 0, 0, 0, true, 100},
    {"read_heavy", 98, 1, 1, 0, 0, false}, {"exchange", 10, 40, 40, 10, 0, false},
    {"ycsb_a_f", 50, 0, 0, 50, 0, true},   {"ycsb_b", 95, 0, 0, 5, 0, true},
    {"ycsb_d", 90, 5, 5, 0, 0, false},     {"ycsb_e", 0, 3, 2, 0, 0, false, 95}};

// The exponent of Zipf's law; zero is uniform.
struct skew {
  const char* name;
  double theta;
};
inline constexpr skew skews[] = {{"uniform", 0}, {"zipf", 0.99}};

inline constexpr std::size_t thread_counts[] = {1, 2, 4};

// Maps that grow from nothing: how many keys there will be at most.
inline constexpr size_mix loads[] = {{"500k", 500'000}, {"5M", 5'000'000}};
inline constexpr size_mix brief_loads[] = {{"20k", 20'000}};
inline constexpr skew load_skews[] = {{"theta:0.01", 0.01}, {"theta:0.5", 0.5}, {"theta:0.99", 0.99}};

// ---- Zipf's law

// Ranks 1 to n, rank r with a probability proportional to r^-theta, theta in [0, 1). After Gray et al., Quickly
// generating billion-record synthetic databases, SIGMOD 1994: exact for ranks 1 and 2, approximate beyond.
class zipf_distribution {
 public:
  zipf_distribution(number n, double theta)
      : n_(static_cast<double>(n)),
        zeta_(zeta(n, theta)),
        alpha_(1 / (1 - theta)),
        eta_((1 - std::pow(2 / n_, 1 - theta)) / (1 - zeta(2, theta) / zeta_)),
        second_(1 + std::pow(0.5, theta)) {}

  template <class Random>
  number operator()(Random& random) const {
    double const u = std::uniform_real_distribution<double>(0, 1)(random);
    double const uz = u * zeta_;
    if (uz < 1) return 1;
    if (uz < second_) return 2;
    double const rank = 1 + std::floor(n_ * std::pow(eta_ * u - eta_ + 1, alpha_));
    return static_cast<number>(std::clamp(rank, 1.0, n_));
  }

  // The sum of r^-theta for r from 1 to n: the beginning term by term, the rest by Euler and Maclaurin's formula.
  static double zeta(number n, double theta) {
    constexpr number term_by_term = 1000;
    double sum = 0;
    for (number r = 1; r <= std::min(n, term_by_term); ++r) sum += std::pow(static_cast<double>(r), -theta);
    if (n <= term_by_term) return sum;
    auto const from = static_cast<double>(term_by_term), to = static_cast<double>(n);
    double const area = (std::pow(to, 1 - theta) - std::pow(from, 1 - theta)) / (1 - theta);
    double const corners = (std::pow(to, -theta) - std::pow(from, -theta)) / 2;
    double const slopes = theta * (std::pow(from, -theta - 1) - std::pow(to, -theta - 1)) / 12;
    return sum + area + corners + slopes;
  }

 private:
  double n_;
  double zeta_;
  double alpha_;
  double eta_;
  double second_;
};

// ---- Streams

// Whether the key at this place of the universe is in the map at the start.
constexpr bool present_at_start(std::size_t place) noexcept { return place % 2 == 0; }

// Keys and operations of one thread, in chunks, for ever. Streams with the same keys share them.
template <class Types>
class work_stream {
 public:
  using key_type = typename Types::key_type;

  struct chunk {
    std::span<const key_type> keys;
    std::span<const operation> operations;
  };

  work_stream(std::span<const number> universe, const op_mix& mix, const skew& how, std::size_t thread)
      : keys_(draw_keys(universe, mix.all_present, how, thread)), operations_(draw_operations(mix, thread)) {}

  chunk next() noexcept {
    key_chunk_ = (key_chunk_ + 1) % (keys_->size() / chunk_size);
    operation_chunk_ = (operation_chunk_ + 1) % operation_chunks;
    return {{keys_->data() + key_chunk_ * chunk_size, chunk_size},
            {operations_.data() + operation_chunk_ * chunk_size, chunk_size}};
  }

 private:
  // A prime; the number of chunks of keys is a power of two.
  static constexpr std::size_t operation_chunks = 61;
  // Strings take more room in the caches than numbers, so there are fewer.
  static constexpr std::size_t longest = std::is_same_v<key_type, number> ? 1U << 20 : 1U << 18;

  using keys_type = std::shared_ptr<const std::vector<key_type>>;

  static keys_type draw_keys(std::span<const number> universe, bool all_present, const skew& how, std::size_t thread) {
    static std::size_t known_universe = 0;
    static std::map<std::tuple<bool, double, std::size_t>, keys_type> known;
    if (known_universe != universe.size()) known.clear();
    known_universe = universe.size();
    auto& place = known[{all_present, how.theta, thread}];
    if (place != nullptr) return place;
    auto made = std::make_shared<std::vector<key_type>>();
    std::size_t const length = std::min(longest, key_stream::length(universe.size() / 2));
    std::size_t const step = all_present ? 2 : 1;
    std::mt19937_64 random(seed + thread);
    zipf_distribution const rank(universe.size() / step, how.theta);
    made->reserve(length);
    for (std::size_t i = 0; i != length; ++i) made->push_back(Types::key(universe[(rank(random) - 1) * step]));
    return place = std::move(made);
  }

  static std::vector<operation> draw_operations(const op_mix& mix, std::size_t thread) {
    std::vector<operation> hundred;
    hundred.insert(hundred.end(), mix.read, operation::read);
    hundred.insert(hundred.end(), mix.insert, operation::insert);
    hundred.insert(hundred.end(), mix.erase, operation::erase);
    hundred.insert(hundred.end(), mix.update, operation::update);
    hundred.insert(hundred.end(), mix.upsert, operation::upsert);
    hundred.insert(hundred.end(), mix.scan, operation::scan);
    check(hundred.size() == 100, "a mix is of a hundred operations");
    std::mt19937_64 random(~seed - thread);
    std::uniform_int_distribution<std::size_t> any(0, 99);
    std::vector<operation> drawn;
    drawn.reserve(operation_chunks * chunk_size);
    while (drawn.size() != operation_chunks * chunk_size) drawn.push_back(hundred[any(random)]);
    return drawn;
  }

  keys_type keys_;
  std::vector<operation> operations_;
  std::size_t key_chunk_ = 0;
  std::size_t operation_chunk_ = 0;
};

}  // namespace bench

#endif
