// Histograms: how often which number was seen, say, how many nanoseconds a call took. For what the stores tell about themselves.
//
// histogram_counts is what was counted: a value that can be added to another one, asked for quantiles, and written out.
// histogram is where threads count, without a lock and without disturbing each other; counts() adds them up. latencies
// measures how long calls take, if Options ask for it, and otherwise is nothing at all.
//
// Buckets are log-linear, as those of HdrHistogram (G. Tene): 16 to each power of two. So numbers below 32 are kept exactly, others to
// within a sixteenth, and there is a bucket for every number of 64 bits. Sums and the largest number are exact, but for a sum
// beyond 64 bits, which stays at the largest.
#ifndef TANDEM_STORE_HISTOGRAM_HPP
#define TANDEM_STORE_HISTOGRAM_HPP

#include <tandem/sync/atomic.hpp>
#include <tandem/sync/cache_line.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

namespace tandem {

// What was counted. No memory while that is nothing.
class histogram_counts {
 public:
  static constexpr unsigned precision = 4;
  static constexpr std::size_t per_power = std::size_t{1} << precision;
  static constexpr std::size_t buckets = (64 - precision + 1) * per_power;

  static constexpr std::size_t bucket_of(std::uint64_t n) noexcept {
    if (n < per_power) return static_cast<std::size_t>(n);
    unsigned const power = static_cast<unsigned>(std::bit_width(n)) - 1;
    return (power - precision + 1) * per_power + static_cast<std::size_t>((n >> (power - precision)) % per_power);
  }
  // The largest number of a bucket.
  static constexpr std::uint64_t last_of(std::size_t bucket) noexcept {
    if (bucket < per_power) return bucket;
    unsigned const shift = static_cast<unsigned>(bucket / per_power) - 1;
    // The last one wraps, to the largest.
    return ((std::uint64_t{per_power} + bucket % per_power + 1) << shift) - 1;
  }

  void add(std::uint64_t n, std::uint64_t times = 1) {
    if (times == 0) return;
    add_to_bucket(bucket_of(n), times);
    bool const fits = n == 0 || times <= most / n;
    add_sum(fits ? n * times : most, n);
  }
  histogram_counts& operator+=(const histogram_counts& other) {
    if (!other.counts_.empty()) counts_.resize(buckets);
    for (std::size_t i = 0; i != other.counts_.size(); ++i) counts_[i] += other.counts_[i];
    add_sum(other.sum_, other.largest_);
    return *this;
  }

  // How many numbers there were; their sum; the largest of them.
  [[nodiscard]] std::uint64_t count() const noexcept {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
  }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }
  [[nodiscard]] std::uint64_t largest() const noexcept { return largest_; }
  // 0 if there were none.
  [[nodiscard]] double mean() const noexcept {
    std::uint64_t const n = count();
    return n == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(n);
  }
  // A number that at least the part `q` of them, 0 to 1, does not exceed, and not larger than needed, but for the width of a bucket. 0 if
  // there were none.
  [[nodiscard]] std::uint64_t quantile(double q) const noexcept {
    std::uint64_t const n = count();
    if (n == 0) return 0;
    double const wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(n));
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i != buckets; ++i) {
      so_far += counts_[i];
      if (so_far != 0 && static_cast<double>(so_far) >= wanted) return std::min(last_of(i), largest_);
    }
    return largest_;
  }
  // How many did not exceed n. Exact if n is the last of a bucket, as numbers below a power of two are; else that of its bucket counts.
  [[nodiscard]] std::uint64_t up_to(std::uint64_t n) const noexcept {
    if (counts_.empty()) return 0;
    auto const end = counts_.begin() + static_cast<std::ptrdiff_t>(bucket_of(n)) + 1;
    return std::accumulate(counts_.begin(), end, std::uint64_t{0});
  }

  friend bool operator==(const histogram_counts&, const histogram_counts&) = default;

 private:
  template <class Atomics>
  friend class histogram;
  static constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

  void add_to_bucket(std::size_t i, std::uint64_t times) {
    counts_.resize(buckets);
    counts_[i] += times;
  }
  void add_sum(std::uint64_t sum, std::uint64_t largest) noexcept {
    sum_ = sum > most - sum_ ? most : sum_ + sum;
    largest_ = std::max(largest_, largest);
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t sum_ = 0;
  std::uint64_t largest_ = 0;
};

// Where threads count. Each of the first eight has counters of its own, the others share some; they are made when the first number comes,
// about 8 KB each. Wait-free for the first eight but for that, lock-free for the others. A number for which there is no memory is
// not counted.
template <class Atomics = std_atomics>
class histogram {
 public:
  // For a thread that has no number.
  static constexpr std::size_t no_number = ~std::size_t{0};

  histogram() = default;
  histogram(const histogram&) = delete;
  histogram& operator=(const histogram&) = delete;
  ~histogram() {
    for (auto& s : stripes_) delete s.load(std::memory_order_relaxed);
  }

  // `thread`: as for striped_size, a number that no other living thread has.
  void add(std::size_t thread, std::uint64_t n) noexcept {
    std::size_t const i = thread < own_stripes ? thread : own_stripes + thread % shared_stripes;
    stripe* const s = find_or_make(stripes_[i]);
    if (s == nullptr) return;
    auto& count = s->counts[histogram_counts::bucket_of(n)];
    if (thread < own_stripes) {
      count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      s->sum.store(sum(s->sum.load(std::memory_order_relaxed), n), std::memory_order_relaxed);
      s->largest.store(std::max(s->largest.load(std::memory_order_relaxed), n), std::memory_order_relaxed);
    } else {
      count.fetch_add(1, std::memory_order_relaxed);
      change(s->sum, [n](std::uint64_t before) { return sum(before, n); });
      change(s->largest, [n](std::uint64_t before) { return std::max(before, n); });
    }
  }

  // All of them. Exact when nobody counts; else each number is there or not.
  [[nodiscard]] histogram_counts counts() const {
    histogram_counts all;
    for (const auto& at : stripes_) {
      // order[sum]: acquire load; pairs with [make]: the counters are made.
      const stripe* const s = at.load(std::memory_order_acquire);
      if (s == nullptr) continue;
      for (std::size_t i = 0; i != histogram_counts::buckets; ++i) {
        std::uint64_t const times = s->counts[i].load(std::memory_order_relaxed);
        if (times != 0) all.add_to_bucket(i, times);
      }
      all.add_sum(s->sum.load(std::memory_order_relaxed), s->largest.load(std::memory_order_relaxed));
    }
    return all;
  }

 private:
  using word = typename Atomics::template atomic<std::uint64_t>;
  struct alignas(no_sharing) stripe {
    word sum{0};
    word largest{0};
    std::array<word, histogram_counts::buckets> counts{};
  };
  using place = typename Atomics::template atomic<stripe*>;
  static constexpr std::size_t own_stripes = 8;
  static constexpr std::size_t shared_stripes = 2;

  static std::uint64_t sum(std::uint64_t before, std::uint64_t n) noexcept {
    return n > histogram_counts::most - before ? histogram_counts::most : before + n;
  }
  template <class F>
  static void change(word& w, F&& f) noexcept {
    std::uint64_t seen = w.load(std::memory_order_relaxed);
    for (std::uint64_t next = f(seen); next != seen; next = f(seen)) {
      if (w.compare_exchange_weak(seen, next, std::memory_order_relaxed, std::memory_order_relaxed)) return;
    }
  }
  static stripe* find_or_make(place& at) noexcept {
    // order[find]: acquire load; pairs with [make]: as in [sum].
    stripe* const found = at.load(std::memory_order_acquire);
    return found != nullptr ? found : make(at);
  }
  [[gnu::noinline, gnu::cold]] static stripe* make(place& at) noexcept {
    std::unique_ptr<stripe> fresh(new (std::nothrow) stripe);
    stripe* none = nullptr;
    // order[make]: acq_rel acquire CAS; pairs with [sum], [find], [make]: who finds the counters finds them made.
    if (fresh != nullptr &&
        at.compare_exchange_strong(none, fresh.get(), std::memory_order_acq_rel, std::memory_order_acquire)) {
      return fresh.release();
    }
    return none;
  }

  std::array<place, own_stripes + shared_stripes> stripes_{};
};

namespace store {

// How long calls take, in nanoseconds, a histogram for each of `Kinds` of them. Policy: no_latencies or sampled_latencies (options.hpp). A
// call is measured where a timer lives as long:
//
//     auto const timed = latencies_.measure(kind, [] { return number_of_this_thread(); });
//
// The number is asked for at the end; it must not throw, and may be histogram<>::no_number.
template <class Policy, std::size_t Kinds, class Atomics = std_atomics>
class latencies {
  using clock = typename Policy::clock;
  static_assert(Policy::every != 0);

 public:
  static constexpr unsigned every = Policy::every;

  template <class Number>
  class [[nodiscard]] timer {
   public:
    timer(histogram<Atomics>* to, Number number) : to_(to), number_(std::move(number)) {
      if (to_ != nullptr) begin_ = clock::now();
    }
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;
    ~timer() {
      if (to_ == nullptr) return;
      auto const took = std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now() - begin_).count();
      to_->add(number_(), took > 0 ? static_cast<std::uint64_t>(took) : 0);
    }

   private:
    histogram<Atomics>* const to_;
    Number const number_;
    typename clock::time_point begin_{};
  };

  template <class Number>
  [[gnu::always_inline]] timer<Number> measure(std::size_t kind, Number number) {
    return timer<Number>(is_turn() ? &histograms_[kind] : nullptr, std::move(number));
  }
  [[nodiscard]] histogram_counts counts(std::size_t kind) const { return histograms_[kind].counts(); }

 private:
  // Gaps of 1 to 2 * every - 1 calls, drawn at random: calls that alternate must not hit or miss the turn each time.
  [[gnu::always_inline]] static bool is_turn() noexcept {
    if constexpr (every == 1) {
      return true;
    } else {
      if (--left_ != 0) [[likely]]
        return false;
      drawn_ = drawn_ * 1664525U + 1013904223U;
      left_ = 1 + (drawn_ >> 8) % (2 * every - 1);
      return true;
    }
  }
  static constinit inline thread_local std::uint32_t left_ = every;
  static constinit inline thread_local std::uint32_t drawn_ = 0;

  std::array<histogram<Atomics>, Kinds> histograms_;
};

template <class Policy, std::size_t Kinds, class Atomics>
  requires(Policy::every == 0)
class latencies<Policy, Kinds, Atomics> {
 public:
  static constexpr unsigned every = 0;
  struct timer {
    // Not trivial, so that it does not look unused.
    ~timer() {}
  };
  template <class Number>
  [[gnu::always_inline]] static timer measure(std::size_t, Number) noexcept {
    return {};
  }
  [[nodiscard]] static histogram_counts counts(std::size_t) { return {}; }
};

}  // namespace store

}  // namespace tandem

#endif
