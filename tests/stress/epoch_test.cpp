// Epochs under several threads: nobody is left with freed memory, memory is freed nonetheless, threads come and go.
#include <tandem/sync/epoch.hpp>

#include "support/catch.hpp"
#include "support/thread_runner.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace {

using namespace tandem::test;

struct without_barriers : tandem::std_atomics {
  static bool heavy_barrier_available() noexcept { return false; }
  static void heavy_barrier() noexcept {}
};

// What is freed is gone for sanitizers, and says so where there are none, as long as nothing else gets the memory.
struct node {
  static constexpr std::uint64_t good = 0x600d'600d'600d'600d;
  explicit node(std::uint64_t n) : number(n) {}
  ~node() { mark = 0; }
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  std::uint64_t number;
  std::uint64_t volatile mark = good;
};

// The one place where readers find a node.
class showcase {
 public:
  explicit showcase(node* first) : shown_(first) {}
  const node& look() const {
    // order[look]: acquire load; pairs with [show]: the node is made.
    return *shown_.load(std::memory_order_acquire);
  }
  std::unique_ptr<node> show(node* next) {
    // order[show]: acq_rel exchange; pairs with [look], [show]: the node is made, and the one before is, too.
    return std::unique_ptr<node>(shown_.exchange(next, std::memory_order_acq_rel));
  }

 private:
  std::atomic<node*> shown_;
};

void check_node(const node& n, std::uint64_t& last) {
  if (n.mark != node::good) fail("a pinned thread found a node that is gone");
  if (n.number < last) fail("an older node than before");
  last = n.number;
}

}  // namespace

TEMPLATE_TEST_CASE("epoch: no pinned thread is left with freed memory, and memory is freed", "[epoch][stress]",
                   tandem::std_atomics, without_barriers) {
  using domain_type = tandem::basic_epoch<TestType>;
  static domain_type domain;
  showcase shown(new node(0));
  std::atomic<bool> done = false;
  constexpr std::uint64_t nodes = 3000;
  constexpr std::size_t enough = 50;  // to wait until some are gone
  std::size_t freed = 0;
  auto const writer = [&](thread_group& group) {
    struct removed {
      std::unique_ptr<node> what;
      typename domain_type::ticket ticket;
    };
    std::deque<removed> waiting;
    for (std::uint64_t i = 1; i <= nodes && !group.failed(); ++i) {
      auto old = shown.show(new node(i));
      waiting.push_back({std::move(old), domain.take_ticket()});
      do {
        if (waiting.size() > enough) std::this_thread::yield();
        if (i % 4 == 0 || waiting.size() > enough) domain.try_advance();
        while (!waiting.empty() && domain.has_expired(waiting.front().ticket)) waiting.pop_front(), ++freed;
      } while (waiting.size() > enough && !group.failed());
    }
    done.store(true, std::memory_order_relaxed);
    while (!waiting.empty() && !group.failed()) {
      domain.try_advance();
      if (domain.has_expired(waiting.front().ticket)) waiting.pop_front(), ++freed;
    }
  };
  auto const reader = [&](thread_group& group) {
    auto& mine = domain.join();
    std::uint64_t last = 0;
    bool in_turns = false;
    do {
      in_turns = !in_turns;
      if (in_turns && domain_type::may_enter_lightly(mine)) {
        auto const pin = domain.enter_lightly(mine);
        const node& seen = shown.look();
        check_node(seen, last);
        check_node(seen, last);
      } else {
        auto const full = domain.enter(mine);
        const node& seen = shown.look();
        auto const nested = domain.enter(mine);
        check_node(seen, last);
        check_node(shown.look(), last);
        if (seen.mark != node::good) fail("a nested pin ended the one around it");
      }
    } while (!done.load(std::memory_order_relaxed) && !group.failed());
    domain.leave(mine);
  };
  run_together(writer, reader, reader);
  CHECK(freed == nodes);
  CHECK(shown.show(nullptr)->number == nodes);
}

TEMPLATE_TEST_CASE("epoch: after synchronize nobody is left with what was in sight before", "[epoch][stress]",
                   tandem::std_atomics, without_barriers) {
  static tandem::basic_epoch<TestType> domain;
  showcase shown(new node(0));
  std::atomic<int> writing = 2;
  constexpr std::uint64_t nodes = 300;
  // Two at a time: they wait for each other's advances.
  auto const writer = [&](thread_group& group) {
    for (std::uint64_t i = 1; i <= nodes && !group.failed(); ++i) {
      auto const old = shown.show(new node(i));
      domain.synchronize();
    }
    writing.fetch_sub(1, std::memory_order_relaxed);
  };
  auto const reader = [&](thread_group& group) {
    auto& mine = domain.join();
    do {
      auto const pin = domain.enter(mine);
      std::uint64_t any = 0;
      check_node(shown.look(), any);
    } while (writing.load(std::memory_order_relaxed) != 0 && !group.failed());
    domain.leave(mine);
  };
  run_together(writer, writer, reader, reader);
  auto const last = shown.show(nullptr);
  CHECK(last->mark == node::good);
  CHECK(writing.load() == 0);
}

TEST_CASE("epoch: threads that come and go use the records of those before them", "[epoch][stress]") {
  using tandem::global_epoch;
  constexpr std::size_t at_a_time = 4;
  constexpr std::size_t each = 100;
  showcase shown(new node(0));
  std::mutex guards_numbers;
  std::set<std::size_t> numbers;
  std::atomic<std::size_t> going = at_a_time;
  auto const visit = [&](thread_group& group) {
    try {
      auto& mine = global_epoch::here();
      {
        auto const pin = global_epoch::domain().enter(mine);
        std::uint64_t any = 0;
        check_node(shown.look(), any);
      }
      std::lock_guard const hold(guards_numbers);
      numbers.insert(mine.number);
    } catch (const std::exception& e) {
      group.report(at_a_time, e.what());
    }
  };
  run_threads(at_a_time + 1, [&](std::size_t worker, thread_group& group) {
    if (worker == at_a_time) {
      for (std::uint64_t n = 1; going.load(std::memory_order_relaxed) != 0 && !group.failed(); ++n) {
        auto const old = shown.show(new node(n));
        global_epoch::domain().synchronize();
      }
      return;
    }
    for (std::size_t n = 0; n != each; ++n) std::thread([&] { visit(group); }).join();
    going.fetch_sub(1, std::memory_order_relaxed);
  });
  auto const last = shown.show(nullptr);
  CHECK(last->mark == node::good);
  // One that looks for a free record while others come and go may miss the only one, but not often.
  CHECK(numbers.size() < at_a_time * each / 10);
}
