// How fast does a map grow from nothing when several threads fill it?
//
//   parallel_load/<N>/<theta>/T<threads>/<map>    ratio: to `bare`, which does the same work alone on one thread
//   rapid_grow/<N>/T<threads>/<map>
//
// parallel_load is after the benchmark of that name of Boost.Unordered: 10 N operations, of which a tenth count a key of
// 1 to N (upsert), and the others look a key up, half of them one of 1 to N and half one of N + 1 to 2 N, which is
// never there; keys by Zipf's law with that exponent. rapid_grow is after libcuckoo's benchmark: of a hundred operations
// 80 insert the thread's next key, and 5 read, 5 erase and 10 update one of those that this thread has inserted.
//
// Each round starts with a new map without a reservation. What is measured is from the first operation to the last;
// not the map's destruction. What is to be done is drawn beforehand, four bytes an operation.
//
// Checked: what each thread finds; after parallel_load, each key and its count; after rapid_grow, the size.
//
// With more threads than processors rates are per second on the wall. Two threads that want one std::shared_mutex all the
// time do a hundredth of what one does here; with 5 million keys this would take minutes and is left out.
#include "adapters/all_stores.hpp"
#include "interleave.hpp"
#include "mixes.hpp"

#include <map>
#include <random>
#include <type_traits>

namespace {

using namespace bench;

// An operation of either workload: what to do, and with the how manieth key.
struct task {
  static constexpr number most_keys = (1U << 29) - 1;

  task(operation o, number k) : code(static_cast<std::uint32_t>(o) << 29 | static_cast<std::uint32_t>(k)) {}
  operation what() const noexcept { return static_cast<operation>(code >> 29); }
  number key() const noexcept { return code & most_keys; }

  std::uint32_t code;
};

// ---- The two workloads

struct load_work {
  load_work(std::size_t n, double theta, std::size_t) : counts(n + 1) {
    constexpr std::size_t operations_per_key = 10;
    std::mt19937_64 random(seed);
    std::uniform_int_distribution<int> hundred(0, 99);
    zipf_distribution const rank(n, theta);
    tasks.reserve(operations_per_key * n);
    for (std::size_t i = 0; i != operations_per_key * n; ++i) {
      int const what = hundred(random);
      number const key = rank(random);
      if (what < 10) {
        tasks.emplace_back(operation::upsert, key);
        distinct += counts[key]++ == 0;
      } else {
        tasks.emplace_back(operation::read, what < 55 ? key : key + n);
      }
    }
  }

  std::span<const task> part(std::size_t thread, std::size_t threads) const {
    std::size_t const from = tasks.size() * thread / threads, to = tasks.size() * (thread + 1) / threads;
    return {tasks.data() + from, to - from};
  }
  std::size_t operations() const noexcept { return tasks.size(); }

  template <class Store>
  void run(Store& store, std::size_t thread, std::size_t threads) const {
    number const n = counts.size() - 1;
    std::size_t absent_found = 0;
    number wrong = 0;
    for (task const t : part(thread, threads)) {
      number const key = t.key();
      if (t.what() == operation::upsert) {
        store.upsert(key, 1, [](number& count) { ++count; });
      } else {
        // A count is at least 1.
        bool const found = store.read(key, [&](const number& count) { wrong |= count - 1; });
        absent_found += found && key > n;
      }
    }
    check(wrong >> 32 == 0, "a count that is not zero");
    check(absent_found == 0, "a key that is never there");
  }

  template <class Store>
  void check_result(Store& store) const {
    check(store.size() == distinct, "the number of keys");
    std::size_t seen = 0;
    bool right = true;
    store.for_each([&](const number& key, const number& count) {
      right = right && key < counts.size() && counts[key] == count;
      ++seen;
    });
    check(right && seen == distinct, "each key and its count");
  }

  std::vector<task> tasks;
  std::vector<std::uint32_t> counts;  // of upserts, by key
  std::size_t distinct = 0;
};

struct grow_work {
  struct share {
    std::vector<task> tasks;
    std::size_t found = 0;  // reads and updates that find their key
    std::size_t erased = 0;
    std::size_t left = 0;
  };

  grow_work(std::size_t n, double, std::size_t threads) {
    for (std::size_t i = 0; i != threads; ++i) shares.push_back(draw(n / threads, i));
  }

  static share draw(std::size_t inserts, std::size_t thread) {
    share mine;
    mine.tasks.reserve(inserts * 5 / 4 + inserts / 16);
    std::vector<bool> present;
    present.reserve(inserts);
    std::mt19937_64 random(seed + thread);
    std::uniform_int_distribution<int> hundred(0, 99);
    while (present.size() != inserts) {
      int const what = present.empty() ? 0 : hundred(random);
      if (what < 80) {
        mine.tasks.emplace_back(operation::insert, present.size());
        present.push_back(true);
        continue;
      }
      std::size_t const key = std::uniform_int_distribution<std::size_t>(0, present.size() - 1)(random);
      operation const which = what < 85 ? operation::read : what < 90 ? operation::erase : operation::update;
      mine.tasks.emplace_back(which, key);
      (which == operation::erase ? mine.erased : mine.found) += present[key];
      if (which == operation::erase) present[key] = false;
    }
    mine.left = inserts - mine.erased;
    return mine;
  }

  std::size_t operations() const noexcept {
    std::size_t sum = 0;
    for (const share& s : shares) sum += s.tasks.size();
    return sum;
  }

  template <class Store>
  void run(Store& store, std::size_t thread, std::size_t) const {
    const share& mine = shares[thread];
    number const first_key = static_cast<number>(thread) << 32;
    number wrong = 0;
    std::size_t inserted = 0, erased = 0, found = 0;
    for (task const t : mine.tasks) {
      number const key = first_key + t.key();
      switch (t.what()) {
        case operation::insert:
          inserted += store.insert(key, u64::first_value(key));
          break;
        case operation::read:
          found += store.read(key, [&](const number& value) { wrong |= u64::mismatch(key, value); });
          break;
        case operation::erase:
          erased += store.erase(key);
          break;
        default:
          found += store.update(key, [&](number& value) {
            wrong |= u64::mismatch(key, value);
            u64::rewrite(value);
          });
      }
    }
    check(wrong == 0, "a value that belongs to its key");
    check(inserted == mine.left + mine.erased && erased == mine.erased && found == mine.found, "what was found");
  }

  template <class Store>
  void check_result(Store& store) const {
    std::size_t left = 0;
    for (const share& s : shares) left += s.left;
    check(store.size() == left, "the number of keys");
  }

  std::vector<share> shares;
};

// ---- Running them

// Kept until other work is asked for.
template <class Work>
std::shared_ptr<const Work> work_for(std::size_t n, double theta, std::size_t threads) {
  static std::map<std::size_t, std::shared_ptr<const Work>> known;
  static std::pair<std::size_t, double> known_for;
  if (std::exchange(known_for, std::pair(n, theta)) != std::pair(n, theta)) known.clear();
  auto& place = known[threads];
  if (place == nullptr) place = std::make_shared<const Work>(n, theta, threads);
  return place;
}

template <class Store, class Work>
candidate growing(std::string name, std::shared_ptr<const Work> work, std::size_t threads) {
  return {std::move(name), [work, threads] {
            bool const turns = take_turns(threads);
            auto const store = std::make_unique<Store>();
            std::vector<seconds> took(threads);
            std::vector<crew::job> jobs;
            for (std::size_t i = 0; i != threads; ++i) {
              jobs.push_back([&, i] {
                thread_stopwatch const watch;
                work->run(*store, i, threads);
                took[i] = watch.elapsed();
              });
            }
            rates result;
            auto const start = bench_clock::now();
            result.quiet = at_least(threads).run(std::move(jobs)) || turns;
            seconds const wall = bench_clock::now() - start;
            seconds const longest = turns ? wall : *std::max_element(took.begin(), took.end());
            result.reads = static_cast<double>(work->operations()) / longest.count();
            work->check_result(*store);
            return result;
          }};
}

template <class Store, class Work>
void add(const std::string& prefix, std::size_t n, double theta, std::size_t threads) {
  std::string const name = prefix + "/T" + std::to_string(threads) + "/" + Store::label;
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    compare(state, growing<Store>(Store::label, work_for<Work>(n, theta, threads), threads),
            growing<bare_store<u64>>("bare", work_for<Work>(n, theta, 1), 1), "ops");
  })->UseManualTime();
}

template <class Work>
void add_all(const std::string& prefix, std::size_t n, double theta) {
  for (std::size_t const threads : thread_counts) {
    if (threads == 1) add<bare_store<u64>, Work>(prefix, n, theta, threads);
    for_each_store<u64>([&]<class Store>() {
      bool const takes_minutes = std::is_same_v<Store, locked_unordered_store<u64>> && threads > 1 && n > 1'000'000;
      if (!takes_minutes) add<Store, Work>(prefix, n, theta, threads);
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("bare", fastest_map::label);
  std::span<const size_mix> const wanted = is_brief(argc, argv) ? std::span<const size_mix>(brief_loads) : loads;
  for (const size_mix& load : wanted) {
    for (const skew& how : load_skews) {
      add_all<load_work>(std::string("parallel_load/") + load.name + "/" + how.name, load.entries, how.theta);
    }
  }
  for (const size_mix& load : wanted) add_all<grow_work>(std::string("rapid_grow/") + load.name, load.entries, 0);
  return run_registered(argc, argv);
}
