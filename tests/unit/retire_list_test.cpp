// When objects that wait are looked at: on a clock of the test's own, and an epoch that only counts. What is disposed of when, and that
// nobody looks at it any more, is for the models.
#include "support/catch.hpp"

#include <tandem/sync/retire_list.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace {

struct stopped_clock : tandem::std_atomics {
  static inline std::chrono::nanoseconds now{0};
  static std::chrono::nanoseconds coarse_time() noexcept { return now; }
};
constexpr std::chrono::nanoseconds tick = std::chrono::milliseconds(4);

struct counting_epoch {
  std::uint64_t now = 10;
  std::size_t prompt = 0;  // calls for all three advances,
  std::size_t looks = 0;   // and for one

  std::uint64_t take_ticket() const noexcept { return now; }
  bool has_expired(std::uint64_t ticket) const noexcept { return now - ticket >= 3; }
  bool try_advance(int most) noexcept {
    ++(most == 3 ? prompt : looks);
    now += static_cast<std::uint64_t>(most);
    return true;
  }
};

struct object {
  object* next_retired = nullptr;
  bool disposed = false;
  static std::size_t retired_bytes() noexcept { return 8; }
};

class fixture {
 public:
  using list = tandem::retire_list<object, counting_epoch, stopped_clock>;
  ~fixture() {
    list_.dispose_all([](object*) {});
  }
  object& retire() {
    object& o = objects_.emplace_back();
    list_.retire(0, &o);
    list_.tend(0, epoch, dispose);
    return o;
  }
  // How many of so many in one tick are gone at once.
  std::size_t prompt_of(int n) {
    stopped_clock::now += tick;
    epoch.prompt = 0;
    for (int i = 0; i != n; ++i) retire();
    return epoch.prompt;
  }
  void collect(int advances) { list_.collect(epoch, advances, dispose); }

  counting_epoch epoch;

 private:
  static constexpr auto dispose = [](object* o) { o->disposed = true; };
  std::deque<object> objects_;
  list list_;
};

}  // namespace

TEST_CASE("an object that is retired now and then is gone at once", "[retire_list]") {
  fixture f;
  for (int i = 0; i != 200; ++i) {
    if (i % 8 == 0) stopped_clock::now += tick;
    REQUIRE(f.retire().disposed);
  }
}

TEST_CASE("objects that keep coming are collected together, and one by one again when they come now and then",
          "[retire_list]") {
  fixture f;
  std::vector<std::size_t> prompt;
  for (int i = 0; i != 6; ++i) prompt.push_back(f.prompt_of(100));
  CHECK(prompt == std::vector<std::size_t>{8, 4, 2, 1, 1, 1});
  SECTION("after a tick with fewer") {
    CHECK(f.prompt_of(1) == 1);
    CHECK(f.prompt_of(100) == 8);
  }
  SECTION("after a while without any") {
    stopped_clock::now += std::chrono::seconds(1);
    CHECK(f.prompt_of(6) == 6);
  }
}

TEST_CASE("a look at one's own objects leaves the epoch alone where others have advanced it", "[retire_list]") {
  fixture f;
  // Until everything that is prompt is spent: what comes now waits.
  while (f.prompt_of(100) != 1) {
  }
  object& waits = f.retire();
  f.collect(1);
  REQUIRE_FALSE(waits.disposed);
  f.epoch.now += 3;
  f.epoch.looks = 0;
  f.collect(1);
  CHECK(waits.disposed);
  CHECK(f.epoch.looks == 0);
}
