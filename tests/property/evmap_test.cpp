// evmap against a std::map of std::multisets: random scripts of all changes, with publishes, previews and discards at random
// places. The model is what the next publish has to show; what readers see has to be the model of the last publish, and what a
// guard keeps the model of its own. Each script ends with two publishes, so that both sides are compared.
//
// The seed of a script is its number; a failure prints it.
#include <tandem/evmap.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/map_contents.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using tandem::test::contents;
using tandem::test::tracked;

struct options : tandem::evmap_options {
  using allocator = tandem::test::budget_allocator<std::byte>;
  using meta = int;
};

template <class V>
V value(int n) {
  if constexpr (std::is_same_v<V, std::string>) {
    return (n % 2 == 0 ? "v" : "a value that is too long for the string object ") + std::to_string(n);
  } else {
    return V(static_cast<std::conditional_t<std::is_same_v<V, tracked>, int, V>>(n));
  }
}

struct number {
  int operator()(std::uint64_t v) const { return static_cast<int>(v); }
  int operator()(const std::string& v) const { return std::stoi(v.substr(v.find_first_of("0123456789"))); }
  int operator()(const tracked& v) const { return v.key(); }
};

// What a script chooses from.
struct shape {
  int keys;
  int values;
  int steps;
  int mix;  // the higher, the more inserts there are among the changes; at least 17
};
constexpr shape many_keys{40, 6, 600, 24};
constexpr shape large_bags{3, 150, 1500, 120};

template <class V>
class script {
  using map = tandem::evmap<int, V, options>;
  struct version {
    tandem::test::multi_map<int, int> content;
    int meta = 0;
  };
  struct kept {
    typename map::reader reader;
    typename map::guard guard;
    version expected;
    std::uint64_t number;
  };

 public:
  script(shape s, std::uint64_t seed) : shape_(s), random_(seed) {}

  // How often the interesting cases occurred.
  struct tally {
    int publishes = 0, declined = 0, discards = 0, kept_over_a_publish = 0, hashed_bags = 0;
  };

  tally run() {
    for (int i = 0; i != shape_.steps && ok_; ++i) {
      change();
      if (one_in(12)) turn();
      if (one_in(40)) look_ahead();
      if (one_in(60)) discard();
      if (one_in(25)) keep();
    }
    release(true);
    for (int side = 0; side != 2 && ok_; ++side) {
      writer_.publish();
      published();
    }
    return tally_;
  }
  bool ok() const { return ok_; }

 private:
  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }
  bool one_in(int n) { return below(n) == 0; }
  void expect(bool good) { ok_ = ok_ && good; }

  void change() {
    int const k = below(shape_.keys);
    int const n = below(shape_.values);
    auto& bags = next_.content;
    auto const at = bags.find(k);
    auto const remove_if = [](std::multiset<int>& bag, auto pred) { std::erase_if(bag, pred); };
    switch (below(shape_.mix)) {
      default:
        writer_.insert(k, value<V>(n));
        bags[k].insert(n);
        break;
      case 0:
        writer_.emplace(k, value<V>(n));
        bags[k].insert(n);
        break;
      case 1: {
        std::vector<std::pair<int, V>> pairs;
        for (int i = below(5); i != 0; --i) {
          int const key = below(shape_.keys);
          pairs.emplace_back(key, value<V>(n));
          bags[key].insert(n);
        }
        writer_.insert_range(pairs);
        break;
      }
      case 2:
        if (!one_in(3)) break;
        writer_.insert_or_assign(k, value<V>(n));
        bags[k] = {n};
        break;
      case 3:
        if (!one_in(3)) break;
        writer_.erase(k);
        bags.erase(k);
        break;
      case 4:
      case 5:
      case 6:
      case 7:
        writer_.erase_value(k, value<V>(n));
        if (at != bags.end()) {
          if (auto const found = at->second.find(n); found != at->second.end()) at->second.erase(found);
        }
        break;
      case 8: {
        int const divisor = 2 + below(6);
        auto const pred = [divisor, n](int v) { return v % divisor == n % divisor; };
        writer_.erase_if(k, [pred](const V& v) { return pred(number{}(v)); });
        if (at != bags.end()) remove_if(at->second, pred);
        break;
      }
      case 9: {
        auto const pred = [k, n](int key, int v) { return (key + v) % 9 == (k + n) % 9; };
        writer_.erase_if([pred](const int& key, const V& v) { return pred(key, number{}(v)); });
        for (auto& [key, bag] : bags) remove_if(bag, [&, at_key = key](int v) { return pred(at_key, v); });
        break;
      }
      case 10:
        if (!one_in(3)) break;
        writer_.clear(k);
        bags[k].clear();
        break;
      case 11:
        if (!one_in(10)) break;
        writer_.clear();
        bags.clear();
        break;
      case 12:
        writer_.reserve(k, static_cast<std::size_t>(below(50)));
        bags[k];
        break;
      case 13:
        writer_.shrink_to_fit(k);
        break;
      case 14:
        writer_.shrink_to_fit();
        break;
      case 15:
        writer_.set_meta(n);
        next_.meta = n;
        break;
      case 16: {
        if (!one_in(4)) break;
        release(false);
        std::size_t const wanted = static_cast<std::size_t>(below(4));
        std::size_t const there = bags.size();
        std::vector<int> const gone = writer_.erase_random(wanted, random_);
        expect(gone.size() == std::min(wanted, there));
        for (int key : gone) expect(bags.erase(key) == 1);
        break;
      }
    }
  }

  void turn() {
    bool const would_wait = any_old();
    if (one_in(2)) {
      bool const done = writer_.try_publish();
      expect(done != would_wait);
      if (done) {
        published();
        return;
      }
      ++tally_.declined;
      see(reader_.version(), seen_);
    }
    release(false);
    writer_.publish();
    published();
  }

  void published() {
    seen_ = next_;
    ++tally_.publishes;
    expect(writer_.pending() == 0);
    expect(reader_.version() == writer_.version());
    see(writer_.version(), seen_);
    for (const auto& [k, bag] : reader_.enter()) tally_.hashed_bags += bag.is_hashed();
  }

  void see(std::uint64_t version_number, const version& expected) {
    auto const g = reader_.enter();
    expect(g.version() == version_number && holds(g, expected));
  }
  static bool holds(const typename map::view& g, const version& expected) {
    return g.meta() == expected.meta && contents(g, number{}) == expected.content;
  }

  void look_ahead() {
    release(false);
    expect(holds(writer_.preview(), next_));
    expect(holds(writer_.published(), seen_));
  }

  void discard() {
    writer_.discard_pending();
    next_ = seen_;
    ++tally_.discards;
    expect(!writer_.has_pending());
  }

  // A guard that will be held over at least the next publish.
  void keep() {
    auto reader = writer_.make_reader();
    auto guard = reader.enter();
    kept_.push_back({std::move(reader), std::move(guard), seen_, writer_.version()});
  }
  bool any_old() const { return !kept_.empty() && kept_.front().number < writer_.version(); }
  // Those for which the next publish would wait, or all.
  void release(bool all) {
    while (any_old() || (all && !kept_.empty())) {
      const kept& oldest = kept_.front();
      tally_.kept_over_a_publish += oldest.number < writer_.version();
      expect(oldest.guard.version() == oldest.number && holds(oldest.guard, oldest.expected));
      kept_.pop_front();
    }
  }

  shape shape_;
  std::mt19937_64 random_;
  typename map::writer writer_;
  typename map::reader reader_ = writer_.make_reader();
  version next_, seen_;
  std::deque<kept> kept_;  // oldest first
  tally tally_;
  bool ok_ = true;
};

template <class V>
void run_scripts(shape s, std::uint64_t count, bool expect_hashed) {
  typename script<V>::tally all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    {
      script<V> one(s, seed);
      auto const t = one.run();
      INFO("seed " << seed);
      REQUIRE(one.ok());
      all.publishes += t.publishes;
      all.declined += t.declined;
      all.discards += t.discards;
      all.kept_over_a_publish += t.kept_over_a_publish;
      all.hashed_bags += t.hashed_bags;
    }
    REQUIRE(tracked::live() == 0);
    REQUIRE(tandem::test::budget_allocator<std::byte>::account().balanced());
  }
  CHECK(tracked::corrupt() == 0);
  // The interesting cases did occur.
  CHECK(all.publishes > 20 * static_cast<int>(count));
  CHECK(all.declined > 0);
  CHECK(all.discards > 0);
  CHECK(all.kept_over_a_publish > 0);
  if (expect_hashed) CHECK(all.hashed_bags > 0);
}

}  // namespace

TEMPLATE_TEST_CASE("random scripts over many keys agree with the model in every version", "[evmap][property]",
                   std::uint64_t, std::string, tracked) {
  run_scripts<TestType>(many_keys, 40, false);
}

TEMPLATE_TEST_CASE("random scripts over large bags agree with the model in every version", "[evmap][property]",
                   std::uint64_t, std::string, tracked) {
  run_scripts<TestType>(large_bags, 15, true);
}
