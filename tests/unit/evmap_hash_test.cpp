// How often the keys of an evmap over its default map are hashed: once per change, also where the key is new; and again only for the
// few of its neighbours that move when the table grows.
#include <tandem/evmap.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>

namespace {

int hashes = 0;

// Sees at each copy of a key how many were hashed since the last one. Publishing copies each new key once a side.
struct observed_key {
  explicit observed_key(int n) : number(n) {}
  observed_key(const observed_key& other) : number(other.number) {
    longest = std::max(longest, hashes - at_last_copy);
    at_last_copy = hashes;
    ++copies;
  }
  observed_key(observed_key&& other) noexcept : number(other.number) {}
  observed_key& operator=(const observed_key&) = default;
  observed_key& operator=(observed_key&&) noexcept = default;
  ~observed_key() = default;
  friend bool operator==(const observed_key& a, const observed_key& b) { return a.number == b.number; }

  static void reset() { longest = copies = hashes = at_last_copy = 0; }

  int number;
  static inline int longest = 0;
  static inline int copies = 0;
  static inline int at_last_copy = 0;
};

struct counting_hash {
  std::size_t operator()(const observed_key& k) const {
    ++hashes;
    return static_cast<std::size_t>(k.number);
  }
};

struct counting : tandem::evmap_options {
  using hasher = counting_hash;
};
struct roomy : counting {
  static constexpr std::size_t capacity = 5000;
};

}  // namespace

TEST_CASE("a new key is hashed once, when it is inserted, and not when it is published", "[evmap][hash]") {
  tandem::evmap<observed_key, int, roomy>::writer w;
  auto r = w.make_reader();
  hashes = 0;
  for (int i = 0; i != 4000; ++i) w.insert(observed_key(i), i);
  CHECK(hashes == 4000);
  w.publish();
  w.publish();
  CHECK(hashes == 4000);
  for (int i = 0; i != 1000; ++i) w.insert_or_assign(observed_key(4000 + i), i).insert(observed_key(i), -i);
  for (int i = 0; i != 500; ++i) w.reserve(observed_key(5000 + i), 3);
  w.clear(observed_key(6000));
  CHECK(hashes == 4000 + 2000 + 500 + 1);
  w.publish();
  w.publish();
  CHECK(hashes == 6501);
  CHECK(r.size() == 5501);
  CHECK(r.count(observed_key(17)) == 2);
  CHECK(r.contains(observed_key(5499)));
}

TEST_CASE("a publish of many new keys never moves the whole table at once", "[evmap][hash]") {
  constexpr int n = 20'000;
  tandem::evmap<observed_key, int, counting>::writer w;
  auto r = w.make_reader();
  for (int i = 0; i != n; ++i) w.insert(observed_key(i), i);
  observed_key::reset();
  w.publish();
  CHECK(observed_key::copies >= n);
  CHECK(hashes > n / 2);  // it has grown, several times
  CHECK(hashes < 3 * n);
  CHECK(observed_key::longest > 0);
  CHECK(observed_key::longest < 300);
  observed_key::reset();
  w.publish();
  CHECK(observed_key::longest < 300);
  CHECK(r.size() == n);
  // Erasing by key moves a few, too.
  for (int i = 0; i != n - 5; ++i) w.erase(observed_key(i));
  w.publish();
  w.publish();
  CHECK(r.size() == 5);
  CHECK(r.contains(observed_key(n - 1)));
}
