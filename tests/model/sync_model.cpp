// versioned_lock, basic_epoch, basic_own_epoch and retire_list under the model checker: one small program per edge of each
// protocol, with plain data where the protocol promises that accesses are ordered.
#include "model/surroundings.hpp"
#include "support/catch.hpp"

#include <tandem/sync/backoff.hpp>
#include <tandem/sync/epoch.hpp>
#include <tandem/sync/retire_list.hpp>
#include <tandem/sync/versioned_lock.hpp>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <utility>

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

// ---- retire_list.

using domain_type = epoch_of_execution::domain_type;

// Something that readers find by the place that it is in, and that is disposed of once.
struct thing {
  thing* next_retired = nullptr;
  model::atomic<int> in_sight{1};
  model::plain<int> content{0};
  bool disposed = false;

  static std::size_t retired_bytes() { return 8; }

  // For a pinned thread, as `shown::look`.
  void look(const char* found, const char* gone) {
    if (in_sight.load(std::memory_order_relaxed) == 0) {
      saw(gone);
      return;
    }
    static_cast<void>(content.read());
    saw(found);
    static_cast<void>(content.read());
  }
};

class tested_list {
 public:
  // By the caller's thread, as its first thread or its second: in one stripe, or in stripes of their own.
  void take_out_and_retire(thing& t, std::size_t number) {
    t.in_sight.store(0, std::memory_order_relaxed);
    list_.retire(number, &t);
  }
  void collect(epoch_of_execution& epoch, int advances = 3) {
    list_.collect(epoch.domain(), advances, [](thing* t) { dispose(*t); });
  }
  bool is_due() { return list_.is_due(); }
  std::size_t objects() const { return list_.stats().objects; }

 private:
  static void dispose(thing& t) {
    check(!t.disposed, "disposed of twice");
    t.disposed = true;
    t.content.write(1);
  }

  tandem::retire_list<thing, domain_type, model::atomics, 2> list_;
};

// For main, when nobody is pinned.
void check_rest_is_due(tested_list& list, epoch_of_execution& epoch, std::initializer_list<const thing*> all) {
  if (list.objects() != 0) {
    saw("left for later");
    check(list.is_due(), "forgotten");
    list.collect(epoch);
  }
  for (const thing* const t : all) check(t->disposed, "kept although nobody is pinned");
  check(list.objects() == 0, "not counted");
}

TEST_CASE("what is retired is disposed of once, when no thread that has found it is pinned", "[model][retire_list]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(2);
        tested_list list;
        thing t;
        p.thread("reader", [&] {
          {
            const auto pin = epoch.enter();
            t.look("found", "gone");
          }
          if (list.is_due()) list.collect(epoch);
        });
        p.thread("keeper", [&] {
          list.take_out_and_retire(t, 0);
          list.collect(epoch);
        });
        p.run();
        saw(t.disposed ? "disposed of" : "held back");
        check_rest_is_due(list, epoch, {&t});
      },
      {"found", "gone", "disposed of", "held back"}, 2);
}

TEST_CASE("what several threads retire is disposed of once", "[model][retire_list]") {
  for (const std::size_t second : {0U, 1U}) {
    model::options o;
    o.preemptions = 2;
    require_searched(second == 0 ? "one stripe" : "two stripes",
                     explore(o,
                             [second](program& p) {
                               epoch_of_execution epoch(2);
                               tested_list list;
                               thing a;
                               thing b;
                               p.thread("one", [&] {
                                 list.take_out_and_retire(a, 0);
                                 list.collect(epoch);
                               });
                               p.thread("two", [&] {
                                 list.take_out_and_retire(b, second);
                                 list.collect(epoch);
                               });
                               p.run();
                               check_rest_is_due(list, epoch, {&a, &b});
                             }),
                     {"left for later"});
  }
}

TEST_CASE("what one thread retires and another collects is out of sight", "[model][retire_list]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(3);
        tested_list list;
        // There already when the other one comes.
        thing early;
        thing t;
        list.take_out_and_retire(early, 0);
        p.thread("reader", [&] {
          const auto pin = epoch.enter();
          t.look("found", "gone");
        });
        p.thread("retires", [&] {
          // So that a ticket that was taken before this has expired.
          epoch.domain().try_advance();
          list.take_out_and_retire(t, 0);
        });
        p.thread("collects", [&] { list.collect(epoch); });
        p.run();
        saw(t.disposed ? "disposed of" : "held back");
        check_rest_is_due(list, epoch, {&early, &t});
      },
      {"found", "gone", "disposed of", "held back"}, 2);
}

TEST_CASE("what a collection has not found is due", "[model][retire_list]") {
  model::options o;
  o.preemptions = 2;
  require_searched("two stripes",
                   explore(o,
                           [](program& p) {
                             epoch_of_execution epoch(3);
                             tested_list list;
                             thing a;
                             thing b;
                             p.thread("one", [&] { list.take_out_and_retire(a, 0); });
                             p.thread("two", [&] { list.take_out_and_retire(b, 1); });
                             p.thread("collects", [&] { list.collect(epoch); });
                             p.run();
                             check_rest_is_due(list, epoch, {&a, &b});
                           }),
                   {"left for later"});
  require_searched("beside an old batch that a thread holds back, and lets go",
                   explore(o,
                           [](program& p) {
                             epoch_of_execution epoch(3);
                             tested_list list;
                             thing old;
                             thing late;
                             {
                               const auto pin = epoch.enter();
                               list.take_out_and_retire(old, 0);
                               list.collect(epoch);
                             }
                             p.thread("retires", [&] { list.take_out_and_retire(late, 1); });
                             p.thread("holds back", [&] {
                               const auto pin = epoch.enter();
                               list.collect(epoch);
                             });
                             p.thread("collects", [&] { list.collect(epoch); });
                             p.run();
                             check_rest_is_due(list, epoch, {&old, &late});
                           }),
                   {"left for later"});
}

TEST_CASE("what is retired late is not disposed of with what was retired early", "[model][retire_list]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(2);
        tested_list list;
        thing early;
        thing late;
        {
          const auto pin = epoch.enter();
          list.take_out_and_retire(early, 0);
          list.collect(epoch);
          check(!early.disposed, "while somebody was pinned");
        }
        epoch.domain().try_advance();
        // The first's ticket has expired.
        p.thread("reader", [&] {
          const auto pin = epoch.enter();
          late.look("found", "gone");
        });
        p.thread("keeper", [&] {
          list.take_out_and_retire(late, 0);
          list.collect(epoch, 1);
          check(early.disposed, "not disposed of when it had expired");
          for (int i = 0; i != 3; ++i) list.collect(epoch, 1);
        });
        p.run();
        saw(late.disposed ? "disposed of" : "held back");
        check_rest_is_due(list, epoch, {&early, &late});
      },
      {"found", "gone", "disposed of", "held back"}, 2);
}

TEST_CASE("what comes to a batch that waits makes it wait longer", "[model][retire_list]") {
  in_both_forms(
      [](program& p) {
        epoch_of_execution epoch(2);
        tested_list list;
        thing old;
        thing early;
        thing late;
        {
          // The old batch waits for this pin, and so the young one has to take in what comes.
          const auto pin = epoch.enter();
          list.take_out_and_retire(old, 0);
          list.collect(epoch);
          list.take_out_and_retire(early, 0);
          list.collect(epoch);
        }
        // The old batch has expired, and the young one is about to.
        epoch.domain().try_advance(2);
        p.thread("reader", [&] {
          const auto pin = epoch.enter();
          late.look("found", "gone");
        });
        p.thread("keeper", [&] {
          list.take_out_and_retire(late, 0);
          // Once for the old batch, which needs no advance.
          for (int i = 0; i != 4; ++i) list.collect(epoch, 1);
        });
        p.run();
        saw(late.disposed ? "disposed of" : "held back");
        check_rest_is_due(list, epoch, {&old, &early, &late});
      },
      {"found", "gone", "disposed of", "held back"}, 2);
}

// ---- basic_own_epoch.

// An epoch that gives threads their numbers, for those who come and go: a thread joins when it is first asked for its record.
struct numbers {
  using domain_type = epoch_of_execution::domain_type;
  static inline domain_type* now = nullptr;
  static inline std::array<domain_type::record*, model::max_threads> of{};

  static std::size_t thread() { return model::machine::active->current_thread(); }
  static domain_type::record& here() {
    if (of[thread()] == nullptr) of[thread()] = &now->join();
    return *of[thread()];
  }
  static domain_type::record& here_if_any() { return has_record() ? *of[thread()] : nobody; }
  static bool has_record() { return of[thread()] != nullptr; }
  static void leave() { now->leave(*std::exchange(of[thread()], nullptr)); }

  static inline domain_type::record nobody{1, 0};
};

class numbered {
 public:
  numbered() {
    numbers::of = {};
    numbers::now = &domain_;
  }
  numbered(const numbered&) = delete;
  numbered& operator=(const numbered&) = delete;
  ~numbered() { domain_.release_records(); }

 private:
  domain_type domain_;
};

using own = tandem::basic_own_epoch<numbers, model::atomics>;

TEST_CASE("what a thread has found under a pin of an own epoch is not freed", "[model][own_epoch]") {
  in_both_forms(
      [](program& p) {
        numbered threads;
        own epoch;
        shown s;
        p.thread("reader", [&] {
          // Without a record, and without one of this epoch.
          const auto may_enter = [&] { return domain_type::may_enter_lightly(epoch.here_if_any()); };
          check(!may_enter(), "entered with nobody's record");
          static_cast<void>(numbers::here());
          for (int i = 0; i != 2; ++i) {
            if (may_enter()) {
              check(i == 1, "entered with nobody's record");
              const auto light = epoch.domain().enter_lightly(epoch.here_if_any());
              s.look("found again", "gone");
              continue;
            }
            const auto pin = epoch.domain().enter(epoch.here());
            s.look("found", "gone");
          }
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
      {"found", "gone", "held up", "freed"}, 3);
}

TEST_CASE("threads that come to an own epoch at once have a record each", "[model][own_epoch]") {
  model::options o;
  o.preemptions = 3;
  require_searched("two threads",
                   explore(o,
                           [](program& p) {
                             numbered threads;
                             own epoch;
                             const domain_type::record* got[2] = {};
                             for (const std::size_t i : {0U, 1U}) {
                               p.thread(i == 0 ? "one" : "two", [&, i] {
                                 got[i] = &epoch.here();
                                 check(&epoch.here() == got[i], "another one the next time");
                                 check(&epoch.here_if_any() == got[i], "another one if asked so");
                               });
                             }
                             p.run();
                             check(got[0] != got[1], "one record for both");
                             check(epoch.domain().count().records == 2, "a record is lost");
                           }),
                   {});
}

TEST_CASE("a record of an own epoch goes on with the number of a thread that has ended", "[model][own_epoch]") {
  in_both_forms(
      [](program& p) {
        numbered threads;
        own epoch;
        shown s;
        model::plain<int> notes[2];  // what a thread notes beside its record
        std::size_t number[2] = {};
        const domain_type::record* got[2] = {};
        const auto visit = [&](std::size_t i) {
          number[i] = numbers::here().number;
          got[i] = &epoch.here();
          notes[number[i]].write(1);
          {
            const auto pin = epoch.domain().enter(epoch.here());
            s.look("found", "gone");
          }
          numbers::leave();
        };
        p.thread("one", [&] { visit(0); });
        p.thread("two", [&] {
          visit(1);
          s.take_out();
          const auto ticket = epoch.domain().take_ticket();
          epoch.domain().try_advance();
          if (epoch.domain().has_expired(ticket)) s.free();
        });
        p.run();
        check((number[0] == number[1]) == (got[0] == got[1]), "not the record that goes with the number");
        saw(got[0] == got[1] ? "one record for both" : "a record each");
      },
      {"found", "one record for both", "a record each"}, 2);
}

}  // namespace
