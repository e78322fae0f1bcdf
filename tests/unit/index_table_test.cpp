// index_table::revise: what is decided about a key under the lock of its cell happens in one step, or not at all.
#include <tandem/cell/element.hpp>
#include <tandem/cell/index_table.hpp>
#include <tandem/cell_index.hpp>

#include "support/catch.hpp"
#include "support/thread_runner.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

namespace {

using namespace tandem::test;

struct tiny : tandem::cell_index_options {
  static constexpr std::size_t slots = 2;
};
template <class T, class Options = tandem::cell_index_options>
using table = tandem::cell::map_index_table<std::string, T, tandem::hash<std::string>, tandem::equal_to<std::string>,
                                            std::allocator<std::pair<const std::string, T>>, Options>;

template <class Table, class Decide, class... After>
void revise(Table& t, const std::string& key, Decide decide, After... after) {
  t.revise(tandem::detail::prehashed<std::string>{key, t.hash_of(key)}, decide, after...);
}
template <class T, class Options>
std::optional<T> get(const table<T, Options>& t, const std::string& key) {
  std::optional<T> found;
  t.look(tandem::detail::prehashed<std::string>{key, t.hash_of(key)}, [&](const auto& x) { found = x.second; });
  return found;
}

struct explodes {
  explicit explodes(int n) {
    if (n < 0) throw std::runtime_error("as told");
    value = n;
  }
  int value = 0;
};

}  // namespace

TEST_CASE("a revision inserts, replaces, keeps and erases, and gives back the old version", "[index_table]") {
  table<std::string> t;
  std::string old;
  auto const keep_old = [&](const std::pair<const std::string, std::string>& x) { old = x.second; };

  revise(t, "a", [](auto& r) { REQUIRE(r.present() == nullptr); }, keep_old);
  CHECK(t.size() == 0);
  revise(t, "a", [](auto& r) { r.put("a", "first"); }, keep_old);
  CHECK(get(t, "a") == "first");
  CHECK(old.empty());
  revise(
      t, "a",
      [](auto& r) {
        REQUIRE(r.present() != nullptr);
        auto const& seen = *r.present();
        r.put("a", seen.second + " and second");
        CHECK(seen.second == "first");  // still whole
      },
      keep_old);
  CHECK(get(t, "a") == "first and second");
  CHECK(old == "first");
  CHECK(t.size() == 1);
  revise(t, "a", [](auto& r) { r.erase(); }, keep_old);
  CHECK(old == "first and second");
  CHECK(get(t, "a") == std::nullopt);
  CHECK(t.size() == 0);
}

TEST_CASE("a revision that throws changes nothing and leaves the cell unlocked", "[index_table]") {
  table<explodes> t;
  auto const put = [&](int n) {
    revise(t, "k",
           [&](auto& r) { r.put(std::piecewise_construct, std::forward_as_tuple("k"), std::forward_as_tuple(n)); });
  };
  CHECK_THROWS_AS(put(-1), std::runtime_error);
  CHECK(t.size() == 0);
  put(1);
  CHECK_THROWS_AS(put(-1), std::runtime_error);
  CHECK_THROWS_AS(revise(t, "k", [](auto&) { throw std::logic_error("in decide"); }), std::logic_error);
  CHECK(get(t, "k")->value == 1);
  put(2);
  CHECK(get(t, "k")->value == 2);
}

TEMPLATE_TEST_CASE("revisions in random order do what a map does", "[index_table]", table<std::string>,
                   (table<std::string, tiny>)) {
  TestType t;
  std::map<std::string, std::string> model;
  std::mt19937 random(3);
  std::size_t erased = 0, most = 0;
  for (int i = 0; i != 40'000; ++i) {
    // Grows to some hundred keys and shrinks to few, again and again.
    bool const grows = i / 4'000 % 2 == 0;
    std::string const key = std::to_string(random() % 2'000);
    auto const at = model.find(key);
    std::string const value = std::to_string(i);
    auto const what = random() % 4;
    revise(t, key, [&](auto& r) {
      if ((r.present() != nullptr) != (at != model.end())) throw std::logic_error("presence");
      if (r.present() != nullptr && r.present()->second != at->second) throw std::logic_error("value");
      if (what == 0) return;
      if (r.present() != nullptr && (!grows || what == 1)) {
        r.erase();
      } else if (r.present() != nullptr || grows) {
        r.put(key, value);
      }
    });
    if (what == 0) continue;
    if (at != model.end() && (!grows || what == 1)) {
      model.erase(at);
      ++erased;
    } else if (at != model.end() || grows) {
      model[key] = value;
    }
    most = std::max(most, model.size());
    REQUIRE(t.size() == model.size());
  }
  for (auto const& [key, value] : model) REQUIRE(get(t, key) == value);
  CHECK(erased > 1'000);
  CHECK(most > 500);
}

TEST_CASE("revisions of one key come one after the other", "[index_table]") {
  table<long> t;
  constexpr int each = 20'000;
  run_threads(3, [&](std::size_t worker) {
    std::string const own = "own " + std::to_string(worker);
    for (int i = 0; i != each; ++i) {
      // A key that all add to, and one that comes and goes.
      revise(t, "sum", [](auto& r) { r.put("sum", r.present() == nullptr ? 1 : r.present()->second + 1); });
      revise(t, own, [&](auto& r) {
        if (r.present() == nullptr) {
          r.put(own, 1L);
        } else {
          r.erase();
        }
      });
    }
  });
  CHECK(get(t, "sum") == 3L * each);
  CHECK(t.size() == 1);
}
