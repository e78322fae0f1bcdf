// Epochs: who is pinned, what a ticket waits for, whom synchronize waits for, and what becomes of records.
//
// Domains are static: their records are never freed.
#include <tandem/sync/epoch.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <latch>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace {

using tandem::global_epoch;

// A system that refuses the heavy barrier.
struct without_barriers : tandem::std_atomics {
  static bool heavy_barrier_available() noexcept { return false; }
  static void heavy_barrier() noexcept { std::abort(); }
};
// One that calls `meanwhile` where somebody waits.
struct watched_atomics : tandem::std_atomics {
  static inline void (*meanwhile)() = nullptr;
  static void pause() noexcept { meanwhile(); }
};

template <class Atomics>
bool is_pinned(const typename tandem::basic_epoch<Atomics>::record& r) {
  return r.state.load(std::memory_order_relaxed) != r.idle;
}

// How often it has to be tried until the ticket has expired; 100 if it does not.
template <class Domain>
int advances_until_expired(Domain& domain, typename Domain::ticket t) {
  for (int n = 0; n != 100; ++n) {
    if (domain.has_expired(t)) return n;
    domain.try_advance();
  }
  return 100;
}

// In a thread of its own.
template <class F>
void elsewhere(F f) {
  std::thread(f).join();
}

}  // namespace

TEST_CASE("a pin that was begun under a light one outlives it", "[epoch]") {
  using domain_type = tandem::basic_epoch<>;
  static domain_type domain;
  auto& mine = domain.join();
  domain_type::pin outlives;
  {
    auto const light = domain_type::may_enter_lightly(mine) ? domain.enter_lightly(mine) : domain.enter(mine);
    outlives = domain.enter(mine);
    domain.enter(mine).end();
    CHECK(is_pinned<tandem::std_atomics>(mine));
  }
  CHECK(is_pinned<tandem::std_atomics>(mine));
  outlives.end();
  CHECK_FALSE(is_pinned<tandem::std_atomics>(mine));
}

TEMPLATE_TEST_CASE("a thread is pinned from the first enter to the end of its last pin", "[epoch]", tandem::std_atomics,
                   without_barriers) {
  static tandem::basic_epoch<TestType> domain;
  auto& mine = domain.join();
  CHECK_FALSE(is_pinned<TestType>(mine));
  {
    auto const outer = domain.enter(mine);
    CHECK(is_pinned<TestType>(mine));
    {
      auto const inner = domain.enter(mine);
      auto const innermost = domain.enter(mine);
      CHECK(is_pinned<TestType>(mine));
    }
    CHECK(is_pinned<TestType>(mine));
  }
  CHECK_FALSE(is_pinned<TestType>(mine));
  auto const again = domain.enter(mine);
  CHECK(is_pinned<TestType>(mine));
}

TEMPLATE_TEST_CASE("a pin can be moved and ended early, and ends once", "[epoch]", tandem::std_atomics,
                   without_barriers) {
  using domain_type = tandem::basic_epoch<TestType>;
  static domain_type domain;
  auto& mine = domain.join();
  auto const pinned = [&] { return is_pinned<TestType>(mine); };
  typename domain_type::pin outer;
  outer.end();
  CHECK_FALSE(pinned());
  {
    auto here = domain.enter(mine);
    outer = std::move(here);
  }
  CHECK(pinned());
  {
    typename domain_type::pin const taken(std::move(outer));
    outer.end();
    CHECK(pinned());
  }
  CHECK_FALSE(pinned());
  outer = domain.enter(mine);
  outer.end();
  CHECK_FALSE(pinned());
  outer.end();
  auto& other = domain.join();
  outer = domain.enter(mine);
  outer = domain.enter(other);  // ends the one before
  CHECK_FALSE(pinned());
  CHECK(is_pinned<TestType>(other));
}

TEMPLATE_TEST_CASE("a ticket expires as soon as it is asked for while nobody is pinned", "[epoch]", tandem::std_atomics,
                   without_barriers) {
  static tandem::basic_epoch<TestType> domain;
  auto const first = domain.take_ticket();
  CHECK_FALSE(domain.has_expired(first));
  CHECK(advances_until_expired(domain, first) == 1);
  auto& mine = domain.join();
  auto const second = domain.take_ticket();
  CHECK_FALSE(domain.has_expired(second));
  CHECK(advances_until_expired(domain, second) == 1);
  CHECK_FALSE(is_pinned<TestType>(mine));
  CHECK(domain.has_expired(first));
}

TEMPLATE_TEST_CASE("a ticket does not expire while a thread stays pinned that was pinned before", "[epoch]",
                   tandem::std_atomics, without_barriers) {
  static tandem::basic_epoch<TestType> domain;
  auto& mine = domain.join();
  auto& other = domain.join();
  auto old = domain.enter(mine);
  for (int i = 0; i != 3; ++i) domain.try_advance();
  auto const t = domain.take_ticket();
  CHECK(advances_until_expired(domain, t) == 100);
  auto inner = domain.enter(mine);
  inner.end();
  CHECK(advances_until_expired(domain, t) == 100);
  auto const later = domain.enter(other);
  CHECK(advances_until_expired(domain, t) == 100);
  old.end();
  auto const last = domain.take_ticket();
  // The other thread was pinned after the first ticket, but before the last.
  CHECK(advances_until_expired(domain, last) == 100);
}

TEMPLATE_TEST_CASE("a ticket expires under threads that pin themselves again and again", "[epoch]", tandem::std_atomics,
                   without_barriers) {
  static tandem::basic_epoch<TestType> domain;
  auto& mine = domain.join();
  auto& other = domain.join();
  auto one = domain.enter(mine);
  auto two = domain.enter(other);
  for (int round = 0; round != 50; ++round) {
    auto const t = domain.take_ticket();
    int steps = 0;
    // At any time at least one of them is pinned.
    for (; !domain.has_expired(t) && steps != 100; ++steps) {
      domain.try_advance();
      auto& next = steps % 2 == 0 ? one : two;
      next.end();
      next = domain.enter(steps % 2 == 0 ? mine : other);
    }
    CHECK(steps <= 8);
  }
}

TEMPLATE_TEST_CASE("a pin of one domain does not count in another", "[epoch]", tandem::std_atomics, without_barriers) {
  static tandem::basic_epoch<TestType> domain;
  static tandem::basic_epoch<TestType> other;
  static_cast<void>(other.join());
  auto const pinned = domain.enter(domain.join());
  auto const t = other.take_ticket();
  CHECK(advances_until_expired(other, t) == 1);
  other.synchronize();
  CHECK(advances_until_expired(domain, domain.take_ticket()) == 100);
}

TEMPLATE_TEST_CASE("synchronize waits for a thread that is pinned", "[epoch]", tandem::std_atomics, without_barriers) {
  static tandem::basic_epoch<TestType> domain;
  domain.synchronize();  // nobody
  auto& idle = domain.join();
  domain.synchronize();  // one that is not pinned
  CHECK_FALSE(is_pinned<TestType>(idle));
  for (int round = 0; round != 20; ++round) {
    std::latch pinned(2);
    bool left = false;  // ordered by what synchronize promises: ThreadSanitizer checks it
    std::thread pinner([&] {
      auto& mine = domain.join();
      {
        auto const pin = domain.enter(mine);
        pinned.arrive_and_wait();
        for (int i = 0; i != round * 100; ++i) std::this_thread::yield();
        left = true;
      }
      domain.leave(mine);
    });
    pinned.arrive_and_wait();
    domain.synchronize();
    CHECK(left);
    pinner.join();
  }
}

TEST_CASE("synchronize does not wait for those who pin themselves after it has begun", "[epoch]") {
  using domain_type = tandem::basic_epoch<watched_atomics>;
  static domain_type domain;
  static domain_type::record& early = domain.join();
  static domain_type::record& late = domain.join();  // looked at first
  static domain_type::pin first;
  static domain_type::pin second;
  static int waits = 0;
  first = domain.enter(early);
  watched_atomics::meanwhile = [] {
    ++waits;
    if (waits == 5) second = domain.enter(late);
    if (waits == 10) {
      // Pinned anew: for one who looks at its record it was never away.
      first.end();
      first = domain.enter(early);
    }
  };
  domain.synchronize();
  CHECK(waits >= 10);
  CHECK(waits < 20);
  CHECK(is_pinned<watched_atomics>(early));
  CHECK(is_pinned<watched_atomics>(late));
  first.end();
  second.end();
}

TEST_CASE("who is not pinned may enter lightly, where light barriers will do", "[epoch]") {
  using domain_type = tandem::basic_epoch<>;
  static domain_type domain;
  auto& mine = domain.join();
  if (tandem::std_atomics::heavy_barrier_available()) {
    REQUIRE(domain_type::may_enter_lightly(mine));
    {
      domain_type::pin const pin = domain.enter_lightly(mine);
      CHECK(is_pinned<tandem::std_atomics>(mine));
      CHECK(advances_until_expired(domain, domain.take_ticket()) == 100);
      CHECK_FALSE(domain_type::may_enter_lightly(mine));
    }
    CHECK_FALSE(is_pinned<tandem::std_atomics>(mine));
  } else {
    CHECK_FALSE(domain_type::may_enter_lightly(mine));
  }
  auto outer = domain.enter(mine);
  CHECK_FALSE(domain_type::may_enter_lightly(mine));
  outer.end();
  CHECK_FALSE(is_pinned<tandem::std_atomics>(mine));

  using other_domain = tandem::basic_epoch<without_barriers>;
  static other_domain without;
  auto& there = without.join();
  CHECK_FALSE(other_domain::may_enter_lightly(there));
  CHECK(advances_until_expired(without, without.take_ticket()) == 1);
}

TEMPLATE_TEST_CASE("pins end in any order, and the last one counts", "[epoch]", tandem::std_atomics, without_barriers) {
  static tandem::basic_epoch<TestType> domain;
  auto& mine = domain.join();
  auto first = domain.enter(mine);
  auto second = domain.enter(mine);
  auto third = domain.enter(mine);
  auto const ticket = domain.take_ticket();
  first.end();
  CHECK(is_pinned<TestType>(mine));
  third.end();
  CHECK(is_pinned<TestType>(mine));
  CHECK(advances_until_expired(domain, ticket) == 100);
  second.end();
  CHECK_FALSE(is_pinned<TestType>(mine));
  CHECK(domain.try_advance());
  CHECK(domain.try_advance());
  CHECK(domain.has_expired(ticket));
}

TEMPLATE_TEST_CASE("records are counted as they are made, and used again", "[epoch]", tandem::std_atomics,
                   without_barriers) {
  static tandem::basic_epoch<TestType> domain;
  auto& a = domain.join();
  auto& b = domain.join();
  CHECK(&a != &b);
  CHECK(a.number == 0);
  CHECK(b.number == 1);
  domain.leave(a);
  CHECK(&domain.join() == &a);
  domain.leave(b);
  domain.leave(a);
  std::set<std::size_t> const both{domain.join().number, domain.join().number};
  CHECK(both == std::set<std::size_t>{0, 1});
  CHECK(domain.join().number == 2);
}

TEST_CASE("a thread without a record may not enter lightly, and may after its first pin", "[epoch]") {
  using domain_type = global_epoch::domain_type;
  bool before = true, after = false, same = false, nothing_left = false;
  elsewhere([&] {
    auto& nobody = global_epoch::here_if_any();
    before = domain_type::may_enter_lightly(nobody);
    auto& mine = global_epoch::here();
    nothing_left = &mine != &nobody && &global_epoch::here() == &mine;
    after = domain_type::may_enter_lightly(global_epoch::here_if_any());
    same = &global_epoch::here_if_any() == &mine && !is_pinned<tandem::std_atomics>(mine);
  });
  CHECK_FALSE(before);
  CHECK(after == tandem::std_atomics::heavy_barrier_available());
  CHECK(same);
  CHECK(nothing_left);
}

TEST_CASE("threads that come one after the other share a record, and threads at a time have their own", "[epoch]") {
  std::set<std::size_t> one_by_one;
  for (int i = 0; i != 200; ++i) {
    elsewhere([&] {
      auto& mine = global_epoch::here();
      auto const pin = global_epoch::domain().enter(mine);
      one_by_one.insert(mine.number);
    });
  }
  CHECK(one_by_one.size() == 1);

  auto const at_a_time = [](std::ptrdiff_t n) {
    std::vector<std::size_t> numbers(static_cast<std::size_t>(n));
    std::latch all(n);
    std::vector<std::thread> threads;
    for (std::size_t& number : numbers) {
      threads.emplace_back([&] {
        number = global_epoch::here().number;
        all.arrive_and_wait();
      });
    }
    for (std::thread& t : threads) t.join();
    return std::set<std::size_t>(numbers.begin(), numbers.end());
  };
  auto const first = at_a_time(8);
  CHECK(first.size() == 8);
  CHECK(at_a_time(8) == first);
  CHECK(first.count(*one_by_one.begin()) == 1);
}

namespace {

// A thread-local object that uses the epoch in its destructor.
struct late_user {
  bool* used = nullptr;
  ~late_user() {
    if (used == nullptr) return;
    auto& mine = global_epoch::here();
    auto const pin = global_epoch::domain().enter(mine);
    *used = is_pinned<tandem::std_atomics>(mine);
  }
};

// Destroyed after what is made later in the thread, so after its membership in the epoch if it is touched before.
bool pins_at_exit(bool touched_first) {
  bool used = false;
  elsewhere([&] {
    if (!touched_first) static_cast<void>(global_epoch::here());
    thread_local late_user user;
    user.used = &used;
    static_cast<void>(global_epoch::here());
  });
  return used;
}

}  // namespace

TEST_CASE("destructors at the end of a thread may pin it, before and after it has left", "[epoch]") {
  auto& domain = global_epoch::domain();
  CHECK(pins_at_exit(true));
  CHECK(pins_at_exit(false));
  // None of them is still pinned.
  CHECK(advances_until_expired(domain, domain.take_ticket()) == 1);
  domain.synchronize();
  // And others get records of their own.
  std::size_t const here = global_epoch::here().number;
  std::size_t there = here;
  elsewhere([&] { there = global_epoch::here().number; });
  CHECK(there != here);
}
