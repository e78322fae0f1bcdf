// timed_store, one thread: each rule of its entries, deadlines, tombstones and collection. Many of them are there because maple, whose
// semantics these are, gets them wrong; its mistakes are named where they are tested.
#include <tandem/timed_store.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using tandem::removal;
using tandem::ttl;
using tandem::write_result;
using tandem::write_status;
using store = tandem::timed_store<>;

constexpr std::uint64_t never = store::never;
constexpr std::uint64_t largest = ~std::uint64_t{0};

constexpr write_result applied(std::uint64_t previous) { return {write_status::applied, previous}; }
constexpr write_result stale(std::uint64_t previous) { return {write_status::stale, previous}; }
constexpr write_result exists(std::uint64_t previous) { return {write_status::exists, previous}; }
constexpr write_result missing(std::uint64_t previous) { return {write_status::missing, previous}; }

// All hashes alike, or nearly.
struct crowded : tandem::timed_store_options {
  struct hasher {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(std::string_view s) const noexcept { return s.size() % 2; }
  };
  static constexpr std::size_t slots = 2;
};
struct late : tandem::timed_store_options {
  static constexpr bool late_writes = true;
};

struct counted_memory : tandem::timed_store_options {
  using allocator = tandem::test::budget_allocator<std::byte>;
};

using removed = std::tuple<std::string, std::string, removal, std::uint64_t>;
template <class Store>
std::shared_ptr<std::vector<removed>> watch(Store& s) {
  auto seen = std::make_shared<std::vector<removed>>();
  s.on_removed([seen](const std::string& k, const std::string& v, removal why, std::uint64_t index) {
    seen->emplace_back(k, v, why, index);
  });
  return seen;
}

}  // namespace

TEST_CASE("an unused store has nothing, at index 0", "[timed_store]") {
  store s;
  CHECK(s.get("k") == std::nullopt);
  CHECK_FALSE(s.has("k"));
  CHECK_FALSE(s.entry_info("k"));
  CHECK(s.read("k", [](const std::string&) { return 1; }) == std::nullopt);
  CHECK_FALSE(s.read("k", [](const std::string&) {}));
  CHECK(s.write_index() == 0);
  CHECK(s.stale_horizon() == 0);
  CHECK(s.size() == 0);
  CHECK(s.empty());
  CHECK(s.collect() == tandem::collected{});
  s.clear();
  s.for_each([](const std::string&, const std::string&) { FAIL("there is nothing"); });
}

TEST_CASE("set stores, and says what was there", "[timed_store]") {
  store s;
  CHECK(s.set("k", "a", 5) == applied(0));
  CHECK(s.get("k") == "a");
  CHECK(s.set("k", "b", 7) == applied(5));
  CHECK(s.get("k") == "b");
  CHECK(s.set("k", "c", 6) == stale(7));
  CHECK(s.get("k") == "b");
  CHECK(s.set("k", "d", 7) == applied(7));  // an equal index is accepted
  CHECK(s.get("k") == "d");
  CHECK(s.entry_info("k") == tandem::entry_details{7, never, never});
  CHECK(s.size() == 1);
  CHECK(s.set("", "", 7) == applied(0));
  CHECK(s.get("") == "");
  CHECK(s.size() == 2);
}

TEST_CASE("every write moves the clock, even one that changes nothing", "[timed_store]") {
  store s;
  CHECK(s.write_index() == 0);
  CHECK(s.set("k", "a", 5));
  CHECK(s.write_index() == 5);
  CHECK(s.set("k", "b", 3) == stale(5));
  CHECK(s.write_index() == 5);
  CHECK(s.touch("absent", {}, 9) == missing(0));
  CHECK(s.write_index() == 9);
  s.advance(20);
  CHECK(s.write_index() == 20);
  s.advance(10);
  CHECK(s.write_index() == 20);
}

TEST_CASE("deadlines are inclusive, and relative to the write's index", "[timed_store]") {
  store s;
  s.advance(50);
  REQUIRE(s.set("k", "v", 100, {.expire_in = 10, .delete_in = 20}));
  CHECK(s.entry_info("k") == tandem::entry_details{100, 110, 120});
  s.advance(109);
  CHECK(s.get("k") == "v");
  s.advance(110);
  CHECK(s.get("k") == std::nullopt);
  CHECK_FALSE(s.read("k", [](const std::string&) {}));
  CHECK(s.has("k"));
  s.advance(119);
  CHECK(s.has("k"));
  CHECK(s.entry_info("k"));
  s.advance(120);
  CHECK_FALSE(s.has("k"));
  CHECK_FALSE(s.entry_info("k"));
}

TEST_CASE("all combinations of deadlines", "[timed_store]") {
  store s;
  REQUIRE(s.set("neither", "v", 0));
  REQUIRE(s.set("expires", "v", 0, {.expire_in = 10}));
  REQUIRE(s.set("is deleted", "v", 0, {.delete_in = 10}));
  REQUIRE(s.set("is deleted first", "v", 0, {.expire_in = 20, .delete_in = 10}));
  REQUIRE(s.set("both at once", "v", 0, {.expire_in = 10, .delete_in = 10}));
  bool const collects = GENERATE(false, true);
  s.advance(10);
  if (collects) s.collect();
  CHECK(s.get("neither") == "v");
  CHECK(s.get("expires") == std::nullopt);
  CHECK(s.has("expires"));
  for (const char* k : {"is deleted", "is deleted first", "both at once"}) {
    CHECK(s.get(k) == std::nullopt);
    CHECK_FALSE(s.has(k));
  }
  s.advance(1'000'000);
  if (collects) s.collect();
  CHECK(s.has("expires"));
  CHECK(s.get("neither") == "v");
}

TEST_CASE("a write whose deadline the clock has passed is born dead", "[timed_store]") {
  store s;
  s.advance(200);
  CHECK(s.set("k", "v", 100, {.expire_in = 10, .delete_in = 20}) == applied(0));
  CHECK(s.get("k") == std::nullopt);
  CHECK_FALSE(s.has("k"));
  CHECK(s.collect().deleted == 1);
}

TEST_CASE("set clears the deadlines of the entry before", "[timed_store]") {
  store s;
  REQUIRE(s.set("k", "v", 1, {.expire_in = 10, .delete_in = 20}));
  REQUIRE(s.set("k", "w", 2));
  CHECK(s.entry_info("k") == tandem::entry_details{2, never, never});
  s.advance(1000);
  s.collect();
  CHECK(s.get("k") == "w");
}

TEST_CASE("set_if_unset: an expired key counts as set, a deleted one does not", "[timed_store]") {
  bool const collects = GENERATE(false, true);
  store s;
  CHECK(s.set_if_unset("k", "v", 5, {.expire_in = 10, .delete_in = 20}) == applied(0));
  CHECK(s.set_if_unset("k", "w", 4) == stale(5));
  CHECK(s.set_if_unset("k", "w", 5) == exists(5));
  CHECK(s.get("k") == "v");
  s.advance(15);
  if (collects) s.collect();
  CHECK(s.set_if_unset("k", "w", 20) == exists(5));
  CHECK(s.entry_info("k") == tandem::entry_details{5, 15, 25});  // as it was
  s.advance(25);
  if (collects) s.collect();
  // The write's own index counts, not the clock, and not whether somebody has collected: maple's replicas disagree here.
  CHECK(s.set_if_unset("k", "w", 24) == exists(5));
  CHECK(s.set_if_unset("k", "w", 25, {.expire_in = 1}) == applied(5));
  CHECK(s.entry_info("k") == tandem::entry_details{25, 26, never});
}

TEST_CASE("erase leaves a tombstone, so that a late write does not bring the key back", "[timed_store]") {
  bool const collects = GENERATE(false, true);
  store s;  // maple: Set 5, Delete 10, Set 7 brings it back
  REQUIRE(s.set("k", "v", 5));
  CHECK(s.erase("k", 4) == stale(5));
  CHECK(s.erase("k", 10) == applied(5));
  CHECK_FALSE(s.has("k"));
  CHECK(s.size() == 0);
  if (collects) s.collect();
  CHECK(s.set("k", "w", 7) == stale(10));
  CHECK(s.set_if_unset("k", "w", 7) == stale(10));
  CHECK(s.erase("k", 10) == missing(10));
  CHECK(s.erase("k", 12) == missing(10));
  CHECK(s.set("k", "w", 11) == stale(12));
  CHECK(s.set("k", "w", 12) == applied(12));
  CHECK(s.get("k") == "w");
  CHECK(s.size() == 1);
  // Of a key that has never been, too: set and erase may come in any order.
  CHECK(s.erase("other", 10) == missing(0));
  CHECK(s.size() == 1);
  CHECK(s.set("other", "w", 7) == stale(10));
}

TEST_CASE("a deleted entry leaves a tombstone, too", "[timed_store]") {
  store s;
  REQUIRE(s.set("k", "v", 5, {.delete_in = 5}));
  s.advance(10);
  CHECK(s.collect() == tandem::collected{0, 1, 0, false});
  CHECK(s.size() == 0);
  CHECK(s.set("k", "w", 4) == stale(5));
  CHECK(s.set("k", "w", 5) == applied(5));
  CHECK(s.size() == 1);
}

TEST_CASE("expire takes the value, keeps the key set, and raises the index", "[timed_store]") {
  bool const collects = GENERATE(false, true);
  store s;  // maple: Set 5, Expire 10, Set 7 gives back the old value
  REQUIRE(s.set("k", "v", 5, {.delete_in = 100}));
  CHECK(s.expire("k", 4) == stale(5));
  CHECK(s.get("k") == "v");
  CHECK(s.expire("k", 10) == applied(5));
  if (collects) s.collect();
  CHECK(s.get("k") == std::nullopt);
  CHECK(s.has("k"));
  CHECK(s.entry_info("k") == tandem::entry_details{10, 10, 105});
  CHECK(s.set("k", "w", 7) == stale(10));
  CHECK(s.touch("k", {}, 11) == missing(10));
  CHECK(s.persist("k", 11) == missing(10));
  CHECK(s.set_if_unset("k", "w", 11) == exists(10));
  CHECK(s.expire("k", 20) == applied(10));
  CHECK(s.entry_info("k") == tandem::entry_details{20, 10, 105});
  CHECK(s.size() == 1);
  s.advance(105);
  if (collects) s.collect();
  CHECK_FALSE(s.has("k"));
  CHECK(s.expire("k", 105) == missing(20));
  CHECK(s.expire("absent", 105) == missing(0));
  CHECK(s.set("absent", "v", 1) == applied(0));  // a write that found nothing leaves nothing
}

TEST_CASE("touch gives new deadlines from its index on, persist takes them away", "[timed_store]") {
  store s;
  REQUIRE(s.set("k", "v", 5, {.expire_in = 10}));
  CHECK(s.touch("k", {.expire_in = 10, .delete_in = 30}, 14) == applied(5));
  CHECK(s.entry_info("k") == tandem::entry_details{14, 24, 44});
  CHECK(s.touch("k", {.expire_in = 99}, 13) == stale(14));
  s.advance(23);
  CHECK(s.get("k") == "v");
  CHECK(s.touch("k", {.expire_in = 10}, 24) == missing(14));  // inclusive
  CHECK(s.get("k") == std::nullopt);
  REQUIRE(s.set("k", "w", 24, {.expire_in = 1}));
  CHECK(s.persist("k", 24) == applied(24));
  CHECK(s.entry_info("k") == tandem::entry_details{24, never, never});
  s.advance(1000);
  s.collect();
  CHECK(s.get("k") == "w");
  CHECK(s.touch("absent", {}, 1000) == missing(0));
  CHECK(s.set("k", "x", 23) == stale(24));  // touch has raised the index
}

TEST_CASE("compare_and_set and compare_and_erase change the entry that was meant", "[timed_store]") {
  store s;
  CHECK(s.compare_and_set("k", 0, "v", 1) == missing(0));
  CHECK_FALSE(s.has("k"));
  REQUIRE(s.set("k", "v", 5, {.expire_in = 10, .delete_in = 20}));
  CHECK(s.compare_and_set("k", 4, "w", 6) == exists(5));
  CHECK(s.compare_and_set("k", 5, "w", 4) == stale(5));
  CHECK(s.compare_and_set("k", 5, "w", 6, {.delete_in = 20}) == applied(5));
  CHECK(s.get("k") == "w");
  CHECK(s.entry_info("k") == tandem::entry_details{6, never, 26});
  CHECK(s.compare_and_erase("k", 5, 7) == exists(6));
  CHECK(s.compare_and_erase("k", 6, 5) == stale(6));
  CHECK(s.compare_and_erase("k", 6, 7) == applied(6));  // of two owners of a lock, only the present one releases it
  CHECK(s.compare_and_erase("k", 7, 8) == missing(7));
  CHECK(s.compare_and_set("k", 7, "x", 8) == missing(7));
  REQUIRE(s.set("k", "x", 8, {.expire_in = 2, .delete_in = 4}));
  CHECK(s.compare_and_set("k", 8, "y", 11, {.delete_in = 4}) == applied(8));  // expired counts as set
  CHECK(s.compare_and_set("k", 11, "z", 15) == missing(11));
}

TEST_CASE("index 0 and the largest index are indices like any other", "[timed_store]") {
  store s;
  CHECK(s.set("k", "v", 0) == applied(0));
  CHECK(s.get("k") == "v");
  CHECK(s.expire("k", 0) == applied(0));
  CHECK(s.get("k") == std::nullopt);  // maple: 0 means "never", so this finds an empty value
  CHECK(s.has("k"));
  CHECK(s.erase("k", 0) == applied(0));
  CHECK_FALSE(s.has("k"));
  CHECK(s.set("k", "v", 0, {.expire_in = 1}) == applied(0));
  CHECK(s.get("k") == "v");
  s.advance(1);
  CHECK(s.get("k") == std::nullopt);

  CHECK(s.set("last", "v", largest, {.expire_in = 1, .delete_in = 1}) == applied(0));
  CHECK(s.write_index() == largest);
  CHECK(s.get("last") == "v");
  CHECK(s.entry_info("last") == tandem::entry_details{largest, never, never});
  CHECK(s.expire("last", largest) == applied(largest));
  CHECK(s.get("last") == std::nullopt);
  CHECK(s.has("last"));
  CHECK(s.erase("last", largest) == applied(largest));
  CHECK_FALSE(s.has("last"));
  CHECK(s.set("last", "v", largest - 1) == stale(largest));
  s.set_stale_horizon(largest);
  s.collect();
  CHECK(s.set("last", "v", largest - 1) == stale(largest));  // what the largest index erased is never forgotten
  CHECK(s.set("last", "v", largest) == applied(largest));
  CHECK(s.get("last") == "v");
}

TEST_CASE("deadlines beyond the largest index never come", "[timed_store]") {
  store s;  // maple: expire_in 2^64-1 at 100 wraps to 99, and the key has expired at once
  REQUIRE(s.set("k", "v", 100, {.expire_in = largest, .delete_in = largest - 99}));
  CHECK(s.entry_info("k") == tandem::entry_details{100, never, never});
  CHECK(s.get("k") == "v");
  REQUIRE(s.set("l", "v", 100, {.expire_in = largest - 101, .delete_in = largest - 100}));
  CHECK(s.entry_info("l") == tandem::entry_details{100, largest - 1, never});
  s.advance(largest);
  s.collect();
  CHECK(s.get("k") == "v");
  CHECK(s.get("l") == std::nullopt);
  CHECK(s.has("l"));
}

TEST_CASE("tombstones below the horizon go, at the next collection or as if", "[timed_store]") {
  bool const collects = GENERATE(false, true);
  store s;
  REQUIRE(s.set("erased", "v", 5));
  REQUIRE(s.erase("erased", 10));
  REQUIRE(s.set("deleted", "v", 5, {.delete_in = 10}));
  s.advance(15);
  CHECK(s.collect() == tandem::collected{0, 1, 0, false});
  s.set_stale_horizon(10);
  CHECK(s.collect() == tandem::collected{});
  CHECK(s.set("erased", "w", 9) == stale(10));  // not below 10
  s.set_stale_horizon(11);
  if (collects) CHECK(s.collect() == tandem::collected{0, 0, 1, false});
  CHECK(s.set("erased", "w", 11) == applied(0));  // forgotten: as if it had never been
  CHECK(s.set_if_unset("deleted", "w", 14) == exists(5));
  s.set_stale_horizon(15);
  if (collects) CHECK(s.collect() == tandem::collected{0, 0, 1, false});
  CHECK(s.set_if_unset("deleted", "w", 15) == applied(0));
  s.set_stale_horizon(3);
  CHECK(s.stale_horizon() == 15);
  CHECK(s.size() == 2);
}

TEST_CASE("collect takes what is due and no more, a budget at a time, the same in the end", "[timed_store]") {
  std::size_t const budget = GENERATE(1U, 3U, 7U, 1000U);
  tandem::timed_store<std::string, std::string, crowded> s;
  for (int i = 0; i != 100; ++i) {
    auto const n = static_cast<std::uint64_t>(i);
    REQUIRE(s.set(std::string(n, 'x'), "v", 1, {.expire_in = n, .delete_in = 2 * n}));
  }
  CHECK(s.size() == 100);
  s.advance(51);  // the first 50 expire, the first 25 of them are deleted; key 0 never
  tandem::collected all;
  std::size_t rounds = 0;
  for (;; ++rounds) {
    auto const some = s.collect(budget);
    CHECK(some.expired + some.deleted + some.forgotten <= budget);
    all.expired += some.expired;
    all.deleted += some.deleted;
    if (!some.more) break;
  }
  CHECK(all == tandem::collected{25, 25, 0, false});
  CHECK((rounds == 0) == (budget == 1000U));
  CHECK(s.size() == 75);
  CHECK(s.get("") == "v");
  s.advance(1000);
  all = s.collect();
  CHECK(all.deleted == 74);
  CHECK(s.size() == 1);
  s.set_stale_horizon(1000);
  CHECK(s.collect().forgotten == 99);
  CHECK(s.collect() == tandem::collected{});
}

TEST_CASE("a deadline that is put off does not expire early, and one brought forward not late", "[timed_store]") {
  store s;  // maple: a stale heap entry makes it forget the deadlines that are valid
  REQUIRE(s.set("k", "v", 100, {.delete_in = 20}));
  REQUIRE(s.set("k", "v", 110, {.expire_in = 1000}));
  s.advance(120);
  s.collect();
  CHECK(s.get("k") == "v");
  s.advance(1110);
  CHECK(s.collect() == tandem::collected{1, 0, 0, false});
  CHECK(s.get("k") == std::nullopt);

  REQUIRE(s.set("l", "v", 2000, {.expire_in = 1000}));
  REQUIRE(s.touch("l", {.expire_in = 10}, 2001));
  s.advance(2011);
  CHECK(s.collect() == tandem::collected{1, 0, 0, false});
  s.advance(4000);
  CHECK(s.collect() == tandem::collected{});  // the old hint finds nothing to do
}

TEST_CASE("each value that is lost is told once, with its cause and index", "[timed_store]") {
  store s;
  auto const seen = watch(s);
  REQUIRE(s.set("a", "1", 1, {.expire_in = 10}));
  REQUIRE(s.set("b", "2", 1, {.delete_in = 10}));
  REQUIRE(s.set("c", "3", 1, {.expire_in = 5, .delete_in = 10}));
  REQUIRE(s.set("d", "4", 1));
  REQUIRE(s.set("e", "5", 1));
  REQUIRE(s.set("f", "6", 1));
  REQUIRE(s.set("f", "7", 2));  // replaced: not lost
  REQUIRE(s.erase("d", 3));
  REQUIRE(s.expire("e", 4));
  REQUIRE(s.compare_and_erase("f", 2, 5));
  CHECK(*seen == std::vector<removed>{
                     {"d", "4", removal::erased, 3}, {"e", "5", removal::expired, 4}, {"f", "7", removal::erased, 5}});
  seen->clear();
  bool const collects = GENERATE(false, true);
  s.advance(100);
  if (collects) s.collect();
  // Who comes upon it later tells the same: the deadline, and not what happens now.
  REQUIRE(s.set("a", "8", 100));
  REQUIRE(s.set_if_unset("b", "8", 100));
  CHECK(s.erase("c", 100) == missing(1));
  std::sort(seen->begin(), seen->end());
  CHECK(*seen == std::vector<removed>{{"a", "1", removal::expired, 11},
                                      {"b", "2", removal::deleted, 11},
                                      {"c", "3", removal::expired, 6}});
  seen->clear();
  s.collect();
  s.clear();
  CHECK(seen->empty());
  REQUIRE(s.set("g", "9", 100));
  s.on_removed([&](const std::string&, const std::string&, removal, std::uint64_t) {
    // It may use the store.
    static_cast<void>(s.set("told", "x", 101));
  });
  REQUIRE(s.erase("g", 101));
  CHECK(s.get("told") == "x");
  CHECK(seen->empty());
}

TEST_CASE("for_each shows what get finds", "[timed_store]") {
  tandem::timed_store<std::string, int> s;
  std::map<std::string, int> expected;
  for (int i = 0; i != 1000; ++i) {
    std::string const k = "key-" + std::to_string(i);
    REQUIRE(s.set(k, i, 1, i % 3 == 0 ? ttl{.expire_in = 5} : i % 3 == 1 ? ttl{.delete_in = 5} : ttl{}));
    if (i % 3 == 2 && i % 5 != 0) expected[k] = i;
    if (i % 5 == 0) REQUIRE(s.erase(k, 2));
  }
  s.advance(6);
  std::map<std::string, int> seen;
  s.for_each([&](const std::string& k, int v) {
    CHECK(seen.emplace(k, v).second);
    CHECK(s.get(k) == v);
  });
  CHECK(seen == expected);
  CHECK_FALSE(seen.empty());
}

TEST_CASE("clear leaves nothing but the clock and the horizon", "[timed_store]") {
  store s;
  REQUIRE(s.set("k", "v", 10, {.expire_in = 5}));
  REQUIRE(s.erase("l", 11) == missing(0));
  s.set_stale_horizon(4);
  s.clear();
  CHECK(s.size() == 0);
  CHECK_FALSE(s.has("k"));
  CHECK(s.write_index() == 11);
  CHECK(s.stale_horizon() == 4);
  CHECK(s.set("l", "v", 5) == applied(0));
  s.advance(100);
  CHECK(s.collect() == tandem::collected{});
  // While a value is looked at: it stays whole.
  REQUIRE(s.set("k", "a value that does not fit into the string", 100));
  CHECK(s.read("k", [&](const std::string& v) {
    s.clear();
    return v;
  }) == "a value that does not fit into the string");
  CHECK(s.size() == 0);
}

namespace {

// Something that happens once, when contents are made: in the midst of clear() and save().
struct midst {
  static inline std::function<void()> happens{};
  midst() {
    if (happens) std::exchange(happens, nullptr)();
  }
};
struct hash_in_the_midst : midst {
  std::size_t operator()(const std::string& s) const noexcept { return std::hash<std::string>()(s); }
};
struct in_the_midst : tandem::timed_store_options {
  using hasher = hash_in_the_midst;
  using key_equal = std::equal_to<std::string>;
};
using store_in_the_midst = tandem::timed_store<std::string, std::string, in_the_midst>;

}  // namespace

TEST_CASE("clear beside load: the clock and the horizon are those of the load", "[timed_store]") {
  std::stringstream image;
  {
    store_in_the_midst from;
    REQUIRE(from.set("x", "1", 1000));
    from.set_stale_horizon(500);
    from.save(image);
  }
  store_in_the_midst s;
  REQUIRE(s.set("a", "b", 10));
  bool has_loaded = false;
  midst::happens = [&] {
    s.load(image);
    has_loaded = true;
  };
  s.clear();
  CHECK(has_loaded);
  CHECK(s.write_index() == 1000);
  CHECK(s.stale_horizon() == 500);
  CHECK(s.empty());
}

TEST_CASE("save without a label beside clear: what the label covers is in the snapshot", "[timed_store]") {
  store_in_the_midst s;
  REQUIRE(s.set("old", "1", 1));
  bool has_happened = false;
  midst::happens = [&] {
    s.clear();
    has_happened = s.set("new", "2", 2) == tandem::write_result();
  };
  std::stringstream image;
  auto const report = s.save(image);
  CHECK(has_happened);
  CHECK(report.label == 2);
  CHECK(report.entries == 1);
  store_in_the_midst back;
  back.load(image);
  CHECK(back.get("new") == "2");
  CHECK_FALSE(back.has("old"));
}

TEST_CASE("with late_writes values are kept until the horizon, so a late touch finds them", "[timed_store]") {
  tandem::timed_store<std::string, std::string, late> s;
  REQUIRE(s.set("k", "v", 10, {.expire_in = 10}));
  s.advance(50);
  CHECK(s.collect() == tandem::collected{});
  CHECK(s.get("k") == std::nullopt);
  CHECK(s.touch("k", {.expire_in = 100}, 15) == applied(10));
  CHECK(s.get("k") == "v");
  s.advance(200);
  s.set_stale_horizon(114);
  CHECK(s.collect() == tandem::collected{});
  s.set_stale_horizon(115);
  CHECK(s.collect() == tandem::collected{1, 0, 0, false});
}

TEST_CASE("keys of a number of entries with far deadlines that come and go do not pile up hints", "[timed_store]") {
  store s;  // maple: SetE with a far deadline, then Set, on fresh keys: its heap grows without end
  for (std::uint64_t i = 1; i != 20'000; ++i) {
    std::string const k = std::to_string(i);
    REQUIRE(s.set(k, "v", i, {.expire_in = 1'000'000'000}));
    REQUIRE(s.erase(k, i));
    s.set_stale_horizon(i);
    s.collect();
    REQUIRE(s.size() == 0);
  }
  CHECK(s.info().scheduled < 5'000);
  // Put off and on: one hint.
  for (std::uint64_t i = 20'000; i != 40'000; ++i) REQUIRE(s.set("k", "v", i, {.expire_in = 1'000'000'000}));
  s.collect();
  CHECK(s.info().scheduled < 5'000);
}

TEST_CASE("keys that share a hash are different keys", "[timed_store]") {
  tandem::timed_store<std::string, std::string, crowded> s;  // maple takes the hash for the key
  for (std::uint64_t i = 0; i != 200; ++i) REQUIRE(s.set(std::string(i, 'k'), std::to_string(i), i));
  CHECK(s.size() == 200);
  for (std::uint64_t i = 0; i != 200; ++i) CHECK(s.get(std::string(i, 'k')) == std::to_string(i));
}

TEST_CASE("values that cannot be copied can be set, looked at and lost", "[timed_store]") {
  tandem::timed_store<int, std::unique_ptr<int>> s(tandem::timed_store_config{.shards = 3});
  REQUIRE(s.set(1, std::make_unique<int>(7), 1, {.expire_in = 1}));
  CHECK(s.read(1, [](const std::unique_ptr<int>& p) { return *p; }) == 7);
  CHECK(s.set_if_unset(1, std::make_unique<int>(8), 1) == exists(1));
  int lost = 0;
  s.on_removed([&](int, const std::unique_ptr<int>& p, removal, std::uint64_t) { lost = *p; });
  s.advance(2);
  s.collect();
  CHECK(lost == 7);
}

TEST_CASE("shards are a power of two, whatever is asked for", "[timed_store]") {
  auto const shards = [](std::size_t n) {
    tandem::timed_store_config c;
    c.shards = n;
    return store(c).info().shards;
  };
  CHECK(shards(1) == 1);
  CHECK(shards(2) == 2);
  CHECK(shards(3) == 4);
  CHECK(shards(64) == 64);
  CHECK(shards(~std::size_t{0}) == std::size_t{1} << 16);
  // 0 is "as many as suit": maple divides by it.
  CHECK(shards(0) >= 2);
  CHECK((shards(0) & (shards(0) - 1)) == 0);
  for (std::size_t n : {0U, 1U, 3U}) {
    tandem::timed_store_config c;
    c.shards = n;
    store s(c);
    for (std::uint64_t i = 0; i != 100; ++i) REQUIRE(s.set(std::to_string(i), "v", i, {.delete_in = 1}));
    CHECK(s.info().shard_sizes.size() == s.info().shards);
    s.advance(1000);
    CHECK(s.collect().deleted == 100);
    CHECK(s.size() == 0);
  }
}

TEST_CASE("a horizon ahead of the clock counts as far as the clock is", "[timed_store]") {
  bool const collects = GENERATE(false, true);
  store s;
  REQUIRE(s.set("k", "v", 5));
  REQUIRE(s.erase("k", 10));
  REQUIRE(s.set("l", "v", 5, {.delete_in = 15}));
  s.set_stale_horizon(largest);
  CHECK(s.stale_horizon() == largest);
  if (collects) s.collect();
  // Who promises too much is not taken at his word before the clock is there; the same if somebody has collected.
  CHECK(s.set_if_unset("k", "w", 9) == stale(10));
  CHECK(s.erase("k", 10) == missing(10));
  CHECK(s.has("l"));
  CHECK(s.set_if_unset("l", "w", 19) == exists(5));
  s.advance(20);
  if (collects) s.collect();
  CHECK_FALSE(s.has("l"));
  CHECK(s.set("k", "late", 7) == applied(0));  // as said: a key that has never been
  CHECK(s.set("l", "w", 20) == applied(0));
}

TEST_CASE("nothing is told of values that go with load, clear or the store", "[timed_store]") {
  int told = 0;
  std::stringstream io;
  {
    store other;
    REQUIRE(other.set("x", "y", 1));
    other.save(io);
    store s;
    s.on_removed([&](const std::string&, const std::string&, removal, std::uint64_t) { ++told; });
    REQUIRE(s.set("a", "1", 1, {.expire_in = 1}));
    REQUIRE(s.set("a", "2", 1, {.expire_in = 1}));
    s.clear();
    REQUIRE(s.set("b", "3", 1, {.expire_in = 1}));
    s.load(io);
    CHECK(s.get("x") == "y");
    s.advance(10);
    s.collect();
    REQUIRE(s.set("c", "4", 10));
  }
  CHECK(told == 0);
}

TEST_CASE("reads allocate nothing but the copy that they return, and all memory is given back", "[timed_store]") {
  using text = std::basic_string<char, std::char_traits<char>, tandem::test::budget_allocator<char>>;
  auto& account = tandem::test::budget_allocator<char>::account();
  std::int64_t const before = account.bytes;
  {
    tandem::timed_store<text, text, counted_memory> s;
    CHECK(account.bytes == before);
    const char* const key = "a key that does not fit into the string object";
    REQUIRE(s.set(text(key), text("a value that does not fit into the string object"), 1, {.expire_in = 10}));
    REQUIRE(s.set(text("short"), text("value"), 1));
    auto const allocations = account.allocations.load();
    CHECK(allocations > 0);
    int found = 0;
    for (std::string_view const k :
         {std::string_view(key), std::string_view("short"), std::string_view("absent, and long")}) {
      found += s.has(k) + s.entry_info(k).has_value() + s.read(k, [](const text&) {});
      found += s.read(k, [](const text& v) { return v.size(); }).has_value();
    }
    CHECK(found == 8);
    CHECK(s.get("short") == text("value"));
    CHECK_FALSE(s.get("absent, and long"));
    s.for_each([&](const text&, const text&) { ++found; });
    CHECK(found == 10);
    s.advance(11);
    CHECK_FALSE(s.get(key));
    CHECK(account.allocations == allocations);
    s.advance(5);
    REQUIRE(s.set(text(key), text("a value that does not fit into the string object"), 11));
    auto const again = account.allocations.load();
    CHECK(s.get(key));
    CHECK(account.allocations == again + 1);
  }
  CHECK(account.bytes == before);
}

TEST_CASE("collectors whose pause is longer than clocks can tell collect once, and end with the store",
          "[timed_store]") {
  tandem::timed_store_config config;
  config.shards = 1;
  config.collectors = 1;
  config.collect_every = std::chrono::milliseconds::max();
  tandem::timed_store<> s(config);
  std::atomic<int> lost{0};
  s.on_removed([&](const std::string&, const std::string&, tandem::removal, std::uint64_t) { ++lost; });
  std::stringstream image;
  {
    tandem::timed_store<> from;
    REQUIRE(from.set("a", "1", 1, {.expire_in = 5}));
    REQUIRE(from.set("b", "1", 50, {.expire_in = 50}));
    from.save(image);
  }
  // Both at once, so that the same collection takes the one and sees the other.
  s.load(image);
  auto const end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (lost == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  CHECK(lost == 1);
  s.advance(1000);
  // The time for what must not happen.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(lost == 1);
  s.collect();
  CHECK(lost == 2);
}
