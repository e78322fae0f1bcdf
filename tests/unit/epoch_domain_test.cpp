// epoch_domain: what is retired is deleted once, by nobody too early and by somebody soon.
#include <tandem/epoch.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/thread_runner.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace {

using tandem::epoch_domain;
using tandem::epoch_guard;

struct counted {
  explicit counted(std::atomic<int>& n) : live(&n) { live->fetch_add(1, std::memory_order_relaxed); }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { live->fetch_sub(1, std::memory_order_relaxed); }
  std::atomic<int>* live;
};

}  // namespace

TEST_CASE("what is retired while nobody is inside is deleted at once", "[epoch]") {
  epoch_domain domain;
  std::atomic<int> live{0};
  domain.retire(new counted(live));
  CHECK(live == 0);
  CHECK(domain.stats().pending == 0);
}

TEST_CASE("a guard keeps what was retired after it began, and its end deletes it", "[epoch]") {
  epoch_domain domain;
  std::atomic<int> live{0};
  {
    epoch_guard const guard = domain.enter();
    REQUIRE(guard);
    domain.retire(new counted(live));
    CHECK(live == 1);
    auto const s = domain.stats();
    CHECK(s.pending == 1);
    CHECK(s.pending_bytes == sizeof(counted));
    CHECK(s.pinned == 1);
    CHECK(s.threads >= 1);
  }
  CHECK(live == 0);
  CHECK(domain.stats().pending == 0);
}

TEST_CASE("guards nest: the last one ends the stay", "[epoch]") {
  epoch_domain domain;
  std::atomic<int> live{0};
  epoch_guard outer = domain.enter();
  {
    epoch_guard const inner = domain.enter();
    domain.retire(new counted(live));
  }
  CHECK(live == 1);
  epoch_guard moved = std::move(outer);
  CHECK_FALSE(outer);
  CHECK(live == 1);
  moved.reset();
  CHECK(live == 0);
  CHECK_FALSE(moved);
}

TEST_CASE("a guard of another thread holds back until it ends, and synchronize waits for it", "[epoch]") {
  epoch_domain domain;
  std::atomic<int> live{0};
  std::atomic<bool> inside{false}, leave{false};
  std::thread other([&] {
    epoch_guard const guard = domain.enter();
    inside.store(true);
    while (!leave.load()) std::this_thread::yield();
  });
  while (!inside.load()) std::this_thread::yield();
  domain.retire(new counted(live));
  CHECK(live == 1);
  for (int i = 0; i != 1000; ++i) domain.retire(new counted(live));
  CHECK(live == 1001);
  std::thread late([&] {
    std::this_thread::yield();
    leave.store(true);
  });
  domain.synchronize();
  CHECK(leave.load());
  late.join();
  other.join();
  // The other thread may have been about to delete when the guard had ended.
  domain.synchronize();
  CHECK(live == 0);
}

TEST_CASE("who is inside elsewhere holds back nothing", "[epoch]") {
  epoch_domain mine, others;
  std::atomic<int> live{0};
  auto const elsewhere = others.enter();
  auto const global = epoch_domain::global().enter();
  mine.retire(new counted(live));
  CHECK(live == 0);
}

TEST_CASE("deleters are called once, with what they own, and may retire more", "[epoch]") {
  int calls = 0;
  {
    epoch_domain domain;
    auto const guard = std::make_unique<epoch_guard>(domain.enter());
    auto token = std::make_unique<int>(5);
    int subject = 7;
    domain.retire(&subject, [&, owned = std::move(token)](int* p) {
      ++calls;
      CHECK(*p == 7);
      CHECK(*owned == 5);
      domain.retire(new int(3), [&](int* q) {
        ++calls;
        delete q;
      });
    });
    CHECK(calls == 0);
    guard->reset();
  }
  CHECK(calls == 2);
}

TEST_CASE("a domain deletes what waits when it is destroyed", "[epoch]") {
  std::atomic<int> live{0};
  {
    epoch_domain domain;
    {
      auto const guard = domain.enter();
      for (int i = 0; i != 300; ++i) domain.retire(new counted(live));
    }
  }
  CHECK(live == 0);
}

TEST_CASE("many retired objects are bounded while readers come and go, in threads that come and go",
          "[epoch][stress]") {
  epoch_domain domain;
  std::atomic<int> live{0};
  std::atomic<counted*> shared{new counted(live)};
  std::atomic<bool> done{false};
  std::atomic<int> most{0};
  tandem::test::run_threads(3, [&](std::size_t t, tandem::test::thread_group& group) {
    if (t == 0) {
      for (int i = 0; i != 20'000 && !group.failed(); ++i) {
        domain.retire(shared.exchange(new counted(live), std::memory_order_acq_rel));
        most.store(std::max(most.load(), live.load()));
      }
      done.store(true);
      return;
    }
    while (!done.load() && !group.failed()) {
      std::thread([&] {
        for (int i = 0; i != 200; ++i) {
          auto const guard = domain.enter();
          if (shared.load(std::memory_order_acquire)->live != &live) tandem::test::fail("a deleted object");
        }
      }).join();
    }
  });
  domain.retire(shared.load());
  domain.synchronize();
  CHECK(live == 0);
  CHECK(most < 20'000);
  CHECK(domain.stats().pinned == 0);
}

#ifndef NDEBUG
TEST_CASE("a domain that is destroyed while somebody is inside is reported", "[epoch][misuse]") {
  auto const end = tandem::test::run_in_child([] {
    auto domain = std::make_unique<epoch_domain>();
    auto const guard = domain->enter();
    domain.reset();
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("an epoch_domain was destroyed while an epoch_guard of it lives"));
}
#endif

TEST_CASE("what a guard has held back goes by and by, so that no call takes long, or at once by synchronize",
          "[epoch]") {
  bool const at_once = GENERATE(false, true);
  epoch_domain domain;
  std::atomic<int> live{0};
  constexpr int held = 10'000;
  {
    epoch_guard const guard = domain.enter();
    for (int i = 0; i != held; ++i) domain.retire(new counted(live));
    CHECK(live == held);
  }
  CHECK(live >= held - 512);
  if (at_once) {
    domain.synchronize();
    CHECK(live == 0);
    return;
  }
  int before = live;
  int longest = 0;
  int retired = 0;
  for (; live > 1'000 && retired != held; ++retired) {
    domain.retire(new counted(live));
    longest = std::max(longest, before + 1 - live);
    before = live;
  }
  CHECK(longest <= 512);
  CHECK(live <= 1'000);
}

namespace {

// Retires another one when it is deleted.
struct chained {
  chained(epoch_domain& d, std::atomic<int>& n) : domain(&d), self(n) {}
  ~chained() { domain->retire(new counted(*self.live)); }
  epoch_domain* domain;
  counted self;
};

}  // namespace

TEST_CASE("a domain that ends deletes also what deleters retire then, whatever had waited for long", "[epoch]") {
  std::atomic<int> live{0};
  {
    epoch_domain domain;
    auto held = domain.enter();
    for (int i = 0; i != 8; ++i) domain.retire(new chained(domain, live));
    // So many that the end of the first guard is not a time to look.
    for (int i = 0; i != 100; ++i) static_cast<void>(domain.enter());
    held.reset();
  }
  CHECK(live == 0);
}
