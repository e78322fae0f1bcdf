// versioned_lock by one thread: what each attempt answers, and what the version tells. Several threads: tests/stress.
#include <tandem/sync/versioned_lock.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <utility>

namespace {

using namespace std::chrono_literals;
using tandem::lock_attempt;
using lock_type = tandem::versioned_lock<>;

// Counts how it waits, and calls `meanwhile` at each pause.
struct recorded_atomics : tandem::std_atomics {
  static inline int pauses = 0;
  static inline int yields = 0;
  static inline std::chrono::nanoseconds slept{0};
  static inline std::chrono::nanoseconds longest_sleep{0};
  static inline void (*meanwhile)() = nullptr;

  static void reset() {
    pauses = yields = 0;
    slept = longest_sleep = std::chrono::nanoseconds(0);
    meanwhile = nullptr;
  }
  static void pause() noexcept {
    ++pauses;
    if (meanwhile != nullptr) meanwhile();
  }
  static void yield() noexcept { ++yields; }
  static void sleep(std::chrono::nanoseconds d) noexcept {
    slept += d;
    longest_sleep = std::max(longest_sleep, d);
  }
};
using recorded_lock = tandem::versioned_lock<recorded_atomics>;

bool takes_shared(lock_type& lock, bool polite) {
  if (lock.attempt_shared(polite) != lock_attempt::taken) return false;
  lock.unlock_shared();
  return true;
}

}  // namespace

TEST_CASE("a versioned_lock is one word, and needs no code to come into being", "[versioned_lock]") {
  STATIC_REQUIRE(sizeof(lock_type) == sizeof(lock_type::word));
  STATIC_REQUIRE(std::is_nothrow_default_constructible_v<lock_type>);
  static constinit lock_type lock;
  CHECK(lock.is_idle());
  CHECK(lock_type::is_free(lock.version()));
  CHECK_FALSE(lock_type::is_closed(lock.version()));
}

TEST_CASE("an exclusive holder is alone", "[versioned_lock]") {
  lock_type lock;
  REQUIRE(lock.attempt() == lock_attempt::taken);
  CHECK_FALSE(lock.is_idle());
  CHECK(lock.attempt() == lock_attempt::busy);
  CHECK(lock.attempt_shared(false) == lock_attempt::busy);
  CHECK(lock.attempt_shared(true) == lock_attempt::busy);
  CHECK_FALSE(lock.try_lock());
  CHECK_FALSE(lock.try_lock_shared());
  lock.unlock();
  CHECK(lock.is_idle());
  CHECK(lock.attempt() == lock_attempt::taken);
  lock.unlock_unchanged();
  CHECK(lock.is_idle());
  CHECK(takes_shared(lock, true));
}

TEST_CASE("shared holders are many, and keep a writer out until the last has gone", "[versioned_lock]") {
  lock_type lock;
  for (int i = 0; i != 1000; ++i) REQUIRE(lock.attempt_shared(i % 2 == 0) == lock_attempt::taken);
  CHECK_FALSE(lock.is_idle());
  for (int i = 0; i != 1000; ++i) {
    REQUIRE(lock.attempt() == lock_attempt::busy);
    lock.unlock_shared();
  }
  CHECK(lock.is_idle());
  CHECK(lock.attempt() == lock_attempt::taken);
  lock.unlock();
}

TEST_CASE("the version is another one after unlock, and the same after anything else", "[versioned_lock]") {
  lock_type lock;
  auto const first = lock.version();
  CHECK(lock.still(first));

  REQUIRE(lock.attempt_shared(true) == lock_attempt::taken);
  CHECK(lock.still(first));
  auto const shared = lock.version();
  CHECK(lock_type::is_free(shared));
  lock.announce();
  CHECK(lock.still(first));
  CHECK(lock_type::is_free(lock.version()));
  lock.unlock_shared();
  CHECK(lock.still(first));
  CHECK(lock.still(shared));

  REQUIRE(lock.attempt() == lock_attempt::taken);
  CHECK_FALSE(lock.still(first));
  CHECK_FALSE(lock_type::is_free(lock.version()));
  lock.unlock_unchanged();
  CHECK(lock.still(first));
  CHECK(lock_type::is_free(lock.version()));

  REQUIRE(lock.attempt() == lock_attempt::taken);
  lock.unlock();
  CHECK_FALSE(lock.still(first));
  CHECK(lock_type::is_free(lock.version()));
  auto const second = lock.version();
  CHECK(lock.still(second));
  for (int i = 0; i != 1000; ++i) {
    REQUIRE(lock.try_lock());
    lock.unlock();
    REQUIRE_FALSE(lock.still(first));
    REQUIRE_FALSE(lock.still(second));
  }
}

TEST_CASE("a version that was taken under a writer holds for nobody's copy", "[versioned_lock]") {
  lock_type lock;
  lock.lock();
  CHECK_FALSE(lock_type::is_free(lock.version()));
  auto const held = lock.version();
  lock.unlock();
  CHECK_FALSE(lock.still(held));
}

TEST_CASE("a closed lock is closed for good", "[versioned_lock]") {
  lock_type lock;
  auto const before = lock.version();
  bool const announced = GENERATE(false, true);
  REQUIRE(lock.attempt() == lock_attempt::taken);
  if (announced) lock.announce();
  lock.close();
  for (int i = 0; i != 3; ++i) {
    CHECK(lock.attempt() == lock_attempt::closed);
    CHECK(lock.attempt_shared(true) == lock_attempt::closed);
    CHECK(lock.attempt_shared(false) == lock_attempt::closed);
    CHECK_FALSE(lock.try_lock());
    CHECK_FALSE(lock.try_lock_shared());
    CHECK(lock_type::is_closed(lock.version()));
    CHECK_FALSE(lock_type::is_free(lock.version()));
    CHECK_FALSE(lock.still(before));
    CHECK(lock.is_idle());
    lock.announce();
  }
}

TEST_CASE("polite readers stand back for a writer that waits, others do not", "[versioned_lock]") {
  lock_type lock;
  REQUIRE(lock.attempt_shared(true) == lock_attempt::taken);
  REQUIRE(lock.attempt() == lock_attempt::busy);
  lock.announce();
  CHECK(lock.attempt_shared(true) == lock_attempt::busy);
  CHECK(lock.attempt_shared(true) == lock_attempt::busy);
  lock.unlock_shared();
  CHECK(lock.attempt_shared(true) == lock_attempt::busy);  // nobody holds it: it is the writer's turn
  CHECK(lock.is_idle());

  SECTION("until the writer has it") {
    REQUIRE(lock.attempt() == lock_attempt::taken);
    lock.unlock();
    CHECK(takes_shared(lock, true));
  }
  SECTION("and a second writer that waits announces itself again") {
    REQUIRE(lock.attempt() == lock_attempt::taken);
    lock.announce();
    lock.unlock();
    CHECK(takes_shared(lock, true));
  }
  SECTION("also a reader that has been polite before leaves it in place") {
    CHECK(lock.attempt_shared(true) == lock_attempt::busy);
    CHECK(lock.attempt() == lock_attempt::taken);
    lock.unlock();
  }
  SECTION("one that does not stand back takes the announcement down, so that it is made again while somebody waits") {
    CHECK(takes_shared(lock, false));
    CHECK(takes_shared(lock, true));
  }
}

TEST_CASE("lock_shared ignores an announcement after a while, as its author may be waiting for the caller",
          "[versioned_lock]") {
  recorded_atomics::reset();
  recorded_lock lock;
  lock.lock_shared();
  CHECK(recorded_atomics::pauses == 0);
  lock.announce();
  lock.lock_shared();
  CHECK(recorded_atomics::pauses > 0);
  CHECK(recorded_atomics::yields > 0);
  CHECK(recorded_atomics::slept >= 1ms);
  CHECK(recorded_atomics::slept < 50ms);
  CHECK(recorded_atomics::longest_sleep <= 100us);
  lock.unlock_shared();
  lock.unlock_shared();
  CHECK(lock.is_idle());
  // The announcement is gone: whoever made it would have to make it again.
  recorded_atomics::reset();
  lock.lock_shared();
  CHECK(recorded_atomics::pauses == 0);
  lock.unlock_shared();
}

TEST_CASE("lock announces itself each time it finds the lock held", "[versioned_lock]") {
  static recorded_lock lock;
  recorded_atomics::reset();
  lock.lock_shared();
  static int polite = 0;
  static int impolite = 0;
  recorded_atomics::meanwhile = [] {
    // Polite readers are turned away; one that is not takes the announcement down, and finds it again at the next pause.
    polite += lock.attempt_shared(true) == lock_attempt::taken;
    if (recorded_atomics::pauses < 10) {
      if (lock.attempt_shared(false) == lock_attempt::taken) ++impolite, lock.unlock_shared();
    } else if (recorded_atomics::pauses == 10) {
      lock.unlock_shared();
    }
  };
  lock.lock();
  recorded_atomics::meanwhile = nullptr;
  CHECK(recorded_atomics::pauses == 10);
  CHECK(polite == 0);
  CHECK(impolite == 9);
  lock.unlock();
  CHECK(lock.attempt_shared(true) == lock_attempt::taken);
  lock.unlock_shared();
}

TEST_CASE("lock and lock_shared wait for an exclusive holder, however long", "[versioned_lock]") {
  static recorded_lock lock;
  recorded_atomics::reset();
  auto const end_after_a_while = [] {
    if (recorded_atomics::pauses == 100) lock.unlock();
  };
  lock.lock();
  recorded_atomics::meanwhile = end_after_a_while;
  lock.lock();
  CHECK(recorded_atomics::pauses == 100);
  recorded_atomics::pauses = 0;
  lock.lock_shared();
  CHECK(recorded_atomics::pauses == 100);
  recorded_atomics::meanwhile = nullptr;
  CHECK_FALSE(lock.try_lock());
  CHECK(lock.try_lock_shared());
  lock.unlock_shared();
  lock.unlock_shared();
  CHECK(lock.is_idle());
}

TEST_CASE("the lock guards of the standard library hold a versioned_lock", "[versioned_lock]") {
  lock_type lock;
  auto const before = lock.version();
  {
    std::unique_lock<lock_type> one(lock);
    CHECK(one.owns_lock());
    CHECK_FALSE(std::unique_lock<lock_type>(lock, std::try_to_lock).owns_lock());
    CHECK_FALSE(std::shared_lock<lock_type>(lock, std::try_to_lock).owns_lock());
    std::unique_lock<lock_type> const moved(std::move(one));
    CHECK_FALSE(lock.is_idle());
  }
  CHECK(lock.is_idle());
  CHECK_FALSE(lock.still(before));
  {
    std::shared_lock<lock_type> const one(lock);
    std::shared_lock<lock_type> const two(lock, std::try_to_lock);
    CHECK(two.owns_lock());
    CHECK_FALSE(std::unique_lock<lock_type>(lock, std::try_to_lock).owns_lock());
  }
  CHECK(lock.is_idle());
  lock_type other;
  {
    std::scoped_lock<lock_type, lock_type> const both(lock, other);
    CHECK_FALSE(lock.is_idle());
    CHECK_FALSE(other.is_idle());
  }
  CHECK(lock.is_idle());
  CHECK(other.is_idle());
}
