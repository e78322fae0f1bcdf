// versioned_lock and basic_epoch under the model checker: one small program per edge of each protocol, with plain data
// where the protocol promises that accesses are ordered.
#include "model/surroundings.hpp"
#include "support/catch.hpp"

#include <tandem/sync/backoff.hpp>
#include <tandem/sync/epoch.hpp>
#include <tandem/sync/versioned_lock.hpp>

#include <initializer_list>

namespace {

namespace model = tandem::model;
using model::check;
using model::explore;
using model::program;
using model::require_searched;
using model::saw;

// ---- versioned_lock.

using lock_type = tandem::versioned_lock<model::atomics>;

TEST_CASE("writers of a versioned lock exclude each other", "[model][versioned_lock]") {
  require_searched("two writers",
                   explore({},
                           [](program& p) {
                             lock_type lock;
                             model::plain<int> data(0);
                             const auto increment = [&] {
                               lock.lock();
                               data.write(data.read() + 1);
                               lock.unlock();
                             };
                             p.thread("one", increment);
                             p.thread("two", increment);
                             p.run();
                             check(data.read() == 2, "an increment is lost");
                             check(lock.try_lock(), "the lock is not free again");
                           }),
                   {});
}

TEST_CASE("a writer that has changed nothing hands on what it has seen", "[model][versioned_lock]") {
  require_searched("unchanged",
                   explore({},
                           [](program& p) {
                             lock_type lock;
                             model::plain<int> data(0);
                             p.thread("looks", [&] {
                               lock.lock();
                               if (data.read() == 0) saw("before");
                               lock.unlock_unchanged();
                             });
                             p.thread("writes", [&] {
                               lock.lock();
                               data.write(1);
                               lock.unlock();
                             });
                             p.run();
                           }),
                   {"before"});
}

TEST_CASE("shared holders of a versioned lock exclude writers, and not each other", "[model][versioned_lock]") {
  require_searched("a writer and two readers",
                   explore({},
                           [](program& p) {
                             lock_type lock;
                             model::plain<int> data(0);
                             p.thread("writer", [&] {
                               lock.lock();
                               data.write(1);
                               data.write(2);
                               lock.unlock();
                             });
                             const auto reader = [&] {
                               lock.lock_shared();
                               check(data.read() != 1, "half a write");
                               lock.unlock_shared();
                             };
                             p.thread("reader", reader);
                             p.thread("other reader", reader);
                             p.run();
                             check(lock.is_idle() && lock.try_lock_shared() && lock.try_lock_shared(),
                                   "readers exclude each other");
                           }),
                   {});
}

// Two words that a writer keeps equal, as Boehm's sequence locks have them.
struct word_pair {
  lock_type lock;
  model::atomic<int> first{0};
  model::atomic<int> second{0};

  void write(int n) {
    lock.lock();
    first.store(n, std::memory_order_release);
    second.store(n, std::memory_order_release);
    lock.unlock();
  }
  // -1: not now.
  int read() const {
    const auto version = lock.version();
    if (!lock_type::is_free(version)) return -1;
    const int a = first.load(std::memory_order_acquire);
    const int b = second.load(std::memory_order_acquire);
    if (!lock.still(version)) return -1;
    check(a == b, "a torn copy counts");
    return a;
  }
};

TEST_CASE("a copy whose version still holds is whole", "[model][versioned_lock]") {
  require_searched("one writer, twice",
                   explore({},
                           [](program& p) {
                             word_pair pair;
                             p.thread("writer", [&] {
                               pair.write(1);
                               pair.write(2);
                             });
                             p.thread("reader", [&] {
                               const int seen = pair.read();
                               if (seen == 0) saw("initial");
                               if (seen == 2) saw("last");
                               if (seen == -1) saw("disturbed");
                               const int again = pair.read();
                               check(again == -1 || again >= seen, "backwards");
                             });
                             p.run();
                             check(pair.read() == 2, "a write is lost");
                           }),
                   {"initial", "last", "disturbed"});
  require_searched("two writers",
                   explore({},
                           [](program& p) {
                             word_pair pair;
                             p.thread("writer", [&] { pair.write(1); });
                             p.thread("other writer", [&] { pair.write(2); });
                             p.thread("reader", [&] {
                               const int seen = pair.read();
                               if (seen == 1) saw("one");
                               if (seen == 2) saw("two");
                             });
                             p.run();
                           }),
                   {"one", "two"});
}

TEST_CASE("shared holders do not disturb readers without the lock", "[model][versioned_lock]") {
  require_searched("shared",
                   explore({},
                           [](program& p) {
                             word_pair pair;
                             p.thread("shared", [&] {
                               check(pair.lock.try_lock_shared(),
                                     "a reader in a hurry is kept waiting by an announcement");
                               pair.lock.unlock_shared();
                             });
                             p.thread("announces", [&] { pair.lock.announce(); });
                             p.thread("reader", [&] { check(pair.read() == 0, "disturbed"); });
                             p.run();
                           }),
                   {});
}

TEST_CASE("whoever finds a lock closed sees what the holder wrote before", "[model][versioned_lock]") {
  const auto run = [](auto find_closed) {
    return [find_closed](program& p) {
      lock_type lock;
      model::plain<int> content(0);
      p.thread("closes", [&] {
        if (lock.attempt() != tandem::lock_attempt::taken) return;
        content.write(1);
        lock.close();
      });
      p.thread("comes late", [&] {
        if (!find_closed(lock)) return;
        check(content.read() == 1, "old content");
        saw("closed");
        check(lock.attempt() == tandem::lock_attempt::closed, "opened again");
      });
      p.run();
    };
  };
  // A lock that is taken and given back first, so that an attempt may fail by its compare-exchange.
  require_searched("attempt", explore({}, run([](lock_type& lock) {
                                        const auto outcome = lock.attempt();
                                        if (outcome == tandem::lock_attempt::taken) lock.unlock();
                                        return outcome == tandem::lock_attempt::closed;
                                      })),
                   {"closed"});
  require_searched("attempt_shared", explore({}, run([](lock_type& lock) {
                                               const auto outcome = lock.attempt_shared(false);
                                               if (outcome == tandem::lock_attempt::taken) lock.unlock_shared();
                                               return outcome == tandem::lock_attempt::closed;
                                             })),
                   {"closed"});
  require_searched("version", explore({}, run([](lock_type& lock) { return lock_type::is_closed(lock.version()); })),
                   {"closed"});
}

TEST_CASE("a closed lock stays closed whoever announces himself", "[model][versioned_lock]") {
  require_searched("announce",
                   explore({},
                           [](program& p) {
                             lock_type lock;
                             check(lock.try_lock(), "a new lock is free");
                             p.thread("closes", [&] { lock.close(); });
                             p.thread("announces", [&] {
                               if (lock.attempt() == tandem::lock_attempt::busy) lock.announce();
                               if (lock.attempt() == tandem::lock_attempt::closed) saw("closed");
                             });
                             p.run();
                             check(lock.attempt() == tandem::lock_attempt::closed, "opened again");
                             check(lock.attempt_shared(false) == tandem::lock_attempt::closed,
                                   "opened again for readers");
                           }),
                   {"closed"});
}

TEST_CASE("whoever finds a lock idle comes after its last holder", "[model][versioned_lock]") {
  const auto run = [](auto hold) {
    return [hold](program& p) {
      lock_type lock;
      model::plain<int> data(0);
      model::atomic<bool> taken(false);
      p.thread("holder", [&] { hold(lock, taken, data); });
      p.thread("waits", [&] {
        while (!taken.load(std::memory_order_acquire)) model::atomics::pause();
        for (tandem::backoff<model::atomics> wait; !lock.is_idle();) wait();
        data.write(2);
      });
      p.run();
    };
  };
  require_searched("exclusive", explore({}, run([](lock_type& lock, auto& taken, auto& data) {
                                          lock.lock();
                                          taken.store(true, std::memory_order_release);
                                          data.write(1);
                                          lock.unlock();
                                        })),
                   {});
  require_searched("shared", explore({}, run([](lock_type& lock, auto& taken, auto& data) {
                                       lock.lock_shared();
                                       taken.store(true, std::memory_order_release);
                                       static_cast<void>(data.read());
                                       lock.unlock_shared();
                                     })),
                   {});
}

// ---- basic_epoch.

using model::epoch_of_execution;

// Something that is in sight until it is taken out, and freed later: both accesses are plain.
struct shown {
  model::atomic<int> in_sight{1};
  model::plain<int> thing{0};

  // For a pinned thread. Relaxed: that what is in sight is made is not what is asked here.
  void look(const char* found, const char* gone) {
    if (in_sight.load(std::memory_order_relaxed) == 0) {
      saw(gone);
      return;
    }
    static_cast<void>(thing.read());
    saw(found);
    static_cast<void>(thing.read());
  }
  void take_out() { in_sight.store(0, std::memory_order_relaxed); }
  void free() { thing.write(1); }
};

// In both forms: with heavy barriers, and without.
template <class Body>
void in_both_forms(Body body, std::initializer_list<const char*> must, int preemptions = -1) {
  for (const bool heavy : {true, false}) {
    model::options o;
    o.heavy_barrier = heavy;
    o.preemptions = preemptions;
    require_searched(heavy ? "heavy barriers" : "no heavy barriers", explore(o, body), must);
  }
}

TEST_CASE("what a pinned thread has found is not freed", "[model][epoch]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(2);
        shown s;
        p.thread("reader", [&] {
          const auto pin = epoch.enter();
          s.look("found", "gone");
        });
        p.thread("keeper", [&] {
          s.take_out();
          const auto ticket = epoch.domain().take_ticket();
          epoch.domain().try_advance();
          if (!epoch.domain().has_expired(ticket)) {
            saw("held up");
            return;
          }
          s.free();
          saw("freed");
        });
        p.run();
      },
      {"found", "gone", "held up", "freed"});
}

TEST_CASE("a second pin protects as the first does", "[model][epoch]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(2);
        shown s;
        p.thread("reader", [&] {
          {
            const auto pin = epoch.enter();
            s.look("found", "gone");
          }
          const auto pin = epoch.enter();
          static_cast<void>(epoch.enter());
          s.look("found again", "gone at the second");
        });
        p.thread("keeper", [&] {
          s.take_out();
          const auto ticket = epoch.domain().take_ticket();
          epoch.domain().try_advance();
          if (!epoch.domain().has_expired(ticket)) return;
          s.free();
          saw("freed");
        });
        p.run();
      },
      {"found again", "gone at the second", "freed"});
}

TEST_CASE("an advance of another thread that is half way does not count", "[model][epoch]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(3);
        shown s;
        p.thread("reader", [&] {
          const auto pin = epoch.enter();
          s.look("found", "gone");
        });
        p.thread("keeper", [&] {
          s.take_out();
          const auto ticket = epoch.domain().take_ticket();
          if (!epoch.domain().has_expired(ticket)) return;
          s.free();
          saw("freed");
        });
        p.thread("advances", [&] { epoch.domain().try_advance(); });
        p.run();
      },
      {"found", "gone", "freed"});
}

TEST_CASE("advances of several threads count for a ticket", "[model][epoch]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(3);
        shown s;
        p.thread("reader", [&] {
          const auto pin = epoch.enter();
          s.look("found", "gone");
        });
        p.thread("keeper", [&] {
          s.take_out();
          const auto ticket = epoch.domain().take_ticket();
          epoch.domain().try_advance();
          if (!epoch.domain().has_expired(ticket)) return;
          s.free();
          saw("freed");
        });
        p.thread("advances", [&] { epoch.domain().try_advance(); });
        p.run();
      },
      {"found", "gone", "freed"}, 2);
}

TEST_CASE("synchronize waits for the threads that are pinned", "[model][epoch]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(2);
        shown s;
        p.thread("reader", [&] {
          for (int i = 0; i != 2; ++i) {
            const auto pin = epoch.enter();
            s.look("found", "gone");
          }
        });
        p.thread("keeper", [&] {
          s.take_out();
          epoch.domain().synchronize();
          s.free();
        });
        p.run();
      },
      {"found", "gone"});
}

TEST_CASE("synchronize goes on beside an advance", "[model][epoch]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(3);
        shown s;
        p.thread("reader", [&] {
          const auto pin = epoch.enter();
          s.look("found", "gone");
        });
        p.thread("keeper", [&] {
          s.take_out();
          epoch.domain().synchronize();
          s.free();
        });
        p.thread("advances", [&] { epoch.domain().try_advance(); });
        p.run();
      },
      {"found", "gone"}, 2);
}

TEST_CASE("a thread that joins is seen, and its record is used again", "[model][epoch]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(0);
        shown s;
        model::plain<int> of_record(0);
        epoch_of_execution::domain_type::record* joined[2] = {};
        p.thread("joins", [&] {
          joined[0] = &epoch.domain().join();
          {
            const auto pin = epoch.domain().enter(*joined[0]);
            s.look("found", "gone");
          }
          of_record.write(1);
          epoch.domain().leave(*joined[0]);
        });
        p.thread("keeper", [&] {
          s.take_out();
          const auto ticket = epoch.domain().take_ticket();
          epoch.domain().try_advance();
          if (epoch.domain().has_expired(ticket)) {
            s.free();
            saw("freed");
          }
          joined[1] = &epoch.domain().join();
        });
        p.run();
        if (joined[0] == joined[1]) saw("one record for both");
        for (epoch_of_execution::domain_type::record* const r : joined) epoch.adopt(*r);
      },
      {"found", "gone", "freed", "one record for both"});
}

TEST_CASE("a record is given on with everything that was done with it", "[model][epoch]") {
  require_searched("two threads",
                   explore({},
                           [](program& p) {
                             epoch_of_execution epoch(0);
                             // What a thread notes beside its record: the first one's must be done when the next one has it.
                             model::plain<int> notes(0);
                             auto& first = epoch.domain().join();
                             epoch_of_execution::domain_type::record* second = nullptr;
                             p.thread("leaves", [&] {
                               notes.write(1);
                               epoch.domain().leave(first);
                             });
                             p.thread("joins", [&] {
                               second = &epoch.domain().join();
                               if (second != &first) return;
                               notes.write(2);
                               saw("the same");
                             });
                             p.run();
                             epoch.adopt(first);
                             epoch.adopt(*second);
                           }),
                   {"the same"});
}

}  // namespace
