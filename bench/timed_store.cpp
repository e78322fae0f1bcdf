// What does a timed_store cost, beside a std::unordered_map under a std::shared_mutex that does the same?
//
//   <operation>/<store>/<keys>/threads:<n>     items_per_second is of all threads together
//
// String keys, "key-123", and values of 16 bytes. Operations, on keys drawn uniformly:
//
//   set       of keys that are there; set_ttl: with both deadlines, which are put off so that none passes
//   get       a copy; read: a look at the value where it is; has
//   erase     an erase and the set that brings the key back: two operations, counted as two
//   mix       70 gets and 30 sets
//
// `timed_store_array16` has values of type std::array<char, 16>, for which nothing is allocated.
//
// Each write has an index of its own, larger than those before it in its thread. cell_index is there for get and set: what
// these cost without clock, index and deadlines. Checked: gets find their keys.
#include <tandem/cell_index.hpp>
#include <tandem/timed_store.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

using text = std::string;

const text& value() {
  static const text v(16, 'v');
  return v;
}

class ours {
 public:
  static constexpr const char* label = "timed_store";
  void set(const text& k, const text& v, std::uint64_t i) { static_cast<void>(store_.set(k, v, i)); }
  void set_ttl(const text& k, const text& v, std::uint64_t i) {
    static_cast<void>(store_.set(k, v, i, {.expire_in = far, .delete_in = far}));
  }
  std::optional<text> get(const text& k) const { return store_.get(k); }
  template <class F>
  bool read(const text& k, F&& f) const {
    return store_.read(k, [&](const text& v) { f(v); });
  }
  bool has(const text& k) const { return store_.has(k); }
  void erase(const text& k, std::uint64_t i) { static_cast<void>(store_.erase(k, i)); }

 private:
  static constexpr std::uint64_t far = std::uint64_t{1} << 40;
  tandem::timed_store<> store_;
};

// The same with values that are no strings: nothing is allocated for them.
class fixed {
 public:
  static constexpr const char* label = "timed_store_array16";
  void set(const text& k, const text& v, std::uint64_t i) {
    bytes b;
    std::copy_n(v.begin(), b.size(), b.begin());
    static_cast<void>(store_.set(k, b, i));
  }
  std::optional<std::array<char, 16>> get(const text& k) const { return store_.get(k); }

 private:
  using bytes = std::array<char, 16>;
  tandem::timed_store<text, bytes> store_;
};

// The same rules for what is measured: indices, deadlines, tombstones; a clock that writes raise; no collection.
class locked {
 public:
  static constexpr const char* label = "shared_mutex";
  void set(const text& k, const text& v, std::uint64_t i) { put(k, v, i, never, never); }
  void set_ttl(const text& k, const text& v, std::uint64_t i) {
    put(k, v, i, i + (std::uint64_t{1} << 40), i + (std::uint64_t{1} << 40));
  }
  std::optional<text> get(const text& k) const {
    std::optional<text> copy;
    read(k, [&](const text& v) { copy = v; });
    return copy;
  }
  template <class F>
  bool read(const text& k, F&& f) const {
    std::shared_lock const hold(mutex_);
    auto const at = map_.find(k);
    if (at == map_.end() || at->second.erased || clock_ >= at->second.expire_at || clock_ >= at->second.delete_at) {
      return false;
    }
    f(at->second.value);
    return true;
  }
  bool has(const text& k) const {
    std::shared_lock const hold(mutex_);
    auto const at = map_.find(k);
    return at != map_.end() && !at->second.erased && clock_ < at->second.delete_at;
  }
  void erase(const text& k, std::uint64_t i) {
    std::unique_lock const hold(mutex_);
    clock_ = std::max(clock_, i);
    entry& e = map_[k];
    if (i < e.index) return;
    e = entry();
    e.index = i;
    e.erased = true;
  }

 private:
  static constexpr std::uint64_t never = ~std::uint64_t{0};
  struct entry {
    text value;
    std::uint64_t index = 0, expire_at = never, delete_at = never;
    bool erased = false;
  };
  void put(const text& k, const text& v, std::uint64_t i, std::uint64_t expire_at, std::uint64_t delete_at) {
    std::unique_lock const hold(mutex_);
    clock_ = std::max(clock_, i);
    entry& e = map_[k];
    if (i < e.index) return;
    e = entry{v, i, expire_at, delete_at, false};
  }
  mutable std::shared_mutex mutex_;
  std::unordered_map<text, entry> map_;
  std::uint64_t clock_ = 0;
};

class index_alone {
 public:
  static constexpr const char* label = "cell_index";
  void set(const text& k, const text& v, std::uint64_t) { map_.insert_or_assign(k, v); }
  std::optional<text> get(const text& k) const { return map_.get(k); }

 private:
  tandem::cell_index<text, text> map_;
};

const std::vector<text>& keys(std::size_t n) {
  static std::unordered_map<std::size_t, std::vector<text>> made;
  auto& all = made[n];
  if (all.empty()) {
    all.reserve(n);
    for (std::size_t i = 0; i != n; ++i) all.push_back("key-" + std::to_string(i));
  }
  return all;
}

// Filled; one for each benchmark that runs, shared by its threads.
template <class Store>
std::unique_ptr<Store> shared;

template <class Store>
void prepare(const benchmark::State& state) {
  shared<Store> = std::make_unique<Store>();
  for (const text& k : keys(static_cast<std::size_t>(state.range(0)))) shared<Store>->set(k, value(), 1);
}
template <class Store>
void clean_up(const benchmark::State&) {
  shared<Store>.reset();
}

class draws {
 public:
  explicit draws(int thread) : state_(static_cast<std::uint64_t>(thread + 1) * 0x9e3779b97f4a7c15U) {}
  std::uint64_t operator()() noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ * 0x2545f4914f6cdd1dU >> 32;
  }

 private:
  std::uint64_t state_;
};

// op(store, key, index, draw) for keys drawn at random; returns how many operations that was.
template <class Store, class Op>
void run(benchmark::State& state, Op op) {
  Store& store = *shared<Store>;
  const auto& all = keys(static_cast<std::size_t>(state.range(0)));
  draws draw(state.thread_index());
  auto const threads = static_cast<std::uint64_t>(state.threads());
  std::uint64_t index = 2 + static_cast<std::uint64_t>(state.thread_index());
  std::int64_t done = 0;
  for (auto _ : state) {
    done += op(store, all[draw() * all.size() >> 32], index, draw);
    index += threads;
  }
  state.SetItemsProcessed(done);
}

template <class Store>
void add(std::int64_t n, int threads) {
  auto const one = [&](const char* name, auto op) {
    benchmark::RegisterBenchmark((text(name) + "/" + Store::label).c_str(),
                                 [op](benchmark::State& s) { run<Store>(s, op); })
        ->Arg(n)
        ->Threads(threads)
        ->UseRealTime()
        ->Setup(prepare<Store>)
        ->Teardown(clean_up<Store>);
  };
  auto const found = [](bool yes) {
    if (!yes) std::abort();
    return 1;
  };
  one("get", [=](Store& s, const text& k, std::uint64_t, draws&) { return found(s.get(k).has_value()); });
  one("set", [](Store& s, const text& k, std::uint64_t i, draws&) { return s.set(k, value(), i), 1; });
  if constexpr (requires(Store& s, const text& k) { s.has(k); }) {
    one("read", [=](Store& s, const text& k, std::uint64_t, draws&) {
      return found(s.read(k, [](const text& v) { benchmark::DoNotOptimize(v.size()); }));
    });
    one("has", [=](Store& s, const text& k, std::uint64_t, draws&) { return found(s.has(k)); });
    one("set_ttl", [](Store& s, const text& k, std::uint64_t i, draws&) { return s.set_ttl(k, value(), i), 1; });
    one("erase", [](Store& s, const text& k, std::uint64_t i, draws&) {
      s.erase(k, i);
      s.set(k, value(), i);
      return 2;
    });
    one("mix", [=](Store& s, const text& k, std::uint64_t i, draws& draw) {
      if (draw() % 10 < 7) return found(s.get(k).has_value());
      return s.set(k, value(), i), 1;
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  bool const quick =
      std::any_of(argv, argv + argc, [](const char* a) { return text(a) == "--benchmark_min_time=0.01"; });
  for (std::int64_t n : {10'000, quick ? 20'000 : 1'000'000}) {
    for (int threads : {1, 2}) {
      add<ours>(n, threads);
      add<fixed>(n, threads);
      add<locked>(n, threads);
      add<index_alone>(n, threads);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
