// When may memory be freed that other threads may still be looking at? When every thread has been outside since.
//
// A thread that is about to follow a pointer to such memory pins itself (`enter`), and unpins itself when it is done. Who takes
// the memory out of sight keeps it, with a `ticket`, until the ticket has expired. The epoch advances only when every pinned
// thread has seen the present one, and a ticket expires with the third advance.
//
//   thread pins     record := epoch       [pin]        keeper      take it out of sight
//                   light barrier                                  ticket := epoch           [ticket]
//                   follow pointers                    advance     heavy barrier
//   thread unpins   record := 0           [unpin]                  every record is 0 or the epoch      [scan]
//                                                                  epoch := epoch + 1
//
// The argument. An advance may have been half way when the ticket was taken; it does not count. The next one begins after the
// memory was taken out of sight. A thread whose pin its scan does not see has its light barrier after the heavy one, so it
// follows pointers later and does not find the memory. A thread whose pin the scan does see is at the present epoch, and holds
// up the advance after that until it has unpinned. So after three advances nobody who could have found the memory is still
// pinned. A thread that read the epoch long ago and pins itself with an old number only holds up more.
//
// After: K. Fraser, "Practical lock-freedom" (2004), with asymmetric fences (fences.hpp). Where there are none, both sides
// do a read-modify-write on one common word instead: whichever comes second sees what was before the other.
//
// Costs: pinning is two loads and two plain stores in the thread's own line, no read-modify-write; the first pin of a thread
// claims a record, and may allocate one. An advance is a system call and a walk over the records.
// Progress: enter and leave are wait-free after a thread's first; a thread that is pinned and sleeps holds back memory, and
// never another thread. Records are claimed again when their thread has ended, and freed never: there are as many as threads
// that lived at a time.
#ifndef TANDEM_SYNC_EPOCH_HPP
#define TANDEM_SYNC_EPOCH_HPP

#include <tandem/sync/atomic.hpp>
#include <tandem/sync/backoff.hpp>
#include <tandem/sync/cache_line.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace tandem {

template <class Atomics = std_atomics>
class [[gnu::visibility("default")]] basic_epoch {
 public:
  // No epoch.
  static constexpr std::uint64_t never = ~std::uint64_t{0};

  // A thread's. `state` is the epoch that the thread saw when it pinned itself, or else `idle`.
  struct alignas(no_sharing) record {
    constexpr record(std::uint64_t now, std::uint64_t idle_state) noexcept : state(now), idle(idle_state) {}

    typename Atomics::template atomic<std::uint64_t> state;
    // 0 where a light barrier will do, so that may_enter_lightly() has a single thing to ask; `never` where not.
    std::uint64_t const idle;
    // How many pins the thread has beside its first. They may end in any order. Nobody else looks at it.
    std::size_t more_pins = 0;
    typename Atomics::template atomic<bool> claimed{true};
    // Constant once in the list.
    record* next = nullptr;
    std::size_t number = 0;  // counts the records
  };

  // What enter() began. The thread is pinned until the last of its pins has ended.
  class [[nodiscard]] pin {
   public:
    pin() noexcept = default;
    explicit pin(record* mine) noexcept : record_(mine) {}
    pin(pin&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
    pin& operator=(pin&& other) noexcept {
      end();
      record_ = std::exchange(other.record_, nullptr);
      return *this;
    }
    ~pin() { end(); }

    void end() noexcept {
      if (record_ != nullptr) end_one_of(*record_);
      record_ = nullptr;
    }

   private:
    record* record_ = nullptr;
  };

  constexpr basic_epoch() noexcept = default;
  basic_epoch(const basic_epoch&) = delete;
  basic_epoch& operator=(const basic_epoch&) = delete;

  // Pins the thread whose record is `mine`. A thread that is pinned already stays so, with the epoch of its first pin.
  pin enter(record& mine) noexcept {
    begin(mine);
    return pin(&mine);
  }
  // As enter(), without the end.
  void begin(record& mine) noexcept {
    if (mine.state.load(std::memory_order_relaxed) != mine.idle) {
      ++mine.more_pins;
      return;
    }
    announce(mine, now_.load(std::memory_order_relaxed));
    if (mine.idle != 0) {
      // order[pin_meets]: acq_rel fetch_add; pairs with [scan_meets]: as a barrier; whoever comes second sees the other.
      meeting_.fetch_add(1, std::memory_order_acq_rel);
    }
  }

  // For code that is to be inlined: whether the thread whose record is `mine` is not pinned, has a record, and may pin itself with
  // a light barrier. Then enter_lightly() does what enter() does.
  static bool may_enter_lightly(const record& mine) noexcept { return mine.state.load(std::memory_order_relaxed) == 0; }
  pin enter_lightly(record& mine) noexcept {
    announce(mine, now_.load(std::memory_order_relaxed));
    return pin(&mine);
  }

  // A record for a thread that has none. Throws: std::bad_alloc.
  record& join() {
    // order[list]: acquire load; pairs with [link]: the records are made.
    for (record* r = records_.load(std::memory_order_acquire); r != nullptr; r = r->next) {
      bool free = false;
      if (r->claimed.load(std::memory_order_relaxed)) continue;
      // order[claim]: acquire CAS; pairs with [give_up]: the thread before has stopped using it.
      if (r->claimed.compare_exchange_strong(free, true, std::memory_order_acquire, std::memory_order_relaxed))
        return *r;
    }
    record* const made = new record(idle_state(), idle_state());
    made->number = made_.fetch_add(1, std::memory_order_relaxed);
    made->next = records_.load(std::memory_order_relaxed);
    // order[link]: release CAS; pairs with [list], [scan_list], [sync_list], [count_list]: who finds the record finds it made.
    while (!records_.compare_exchange_weak(made->next, made, std::memory_order_release, std::memory_order_relaxed)) {
    }
    return *made;
  }

  // The thread ends.
  void leave(record& mine) noexcept {
    // order[give_up]: release store; pairs with [claim]: the next thread's pins come after this one's.
    mine.claimed.store(false, std::memory_order_release);
  }

  // Taken after something was taken out of sight, by this thread or with its knowledge.
  using ticket = std::uint64_t;
  ticket take_ticket() noexcept {
    // order[ticket]: acq_rel fetch_add; pairs with [advance]: reads the latest epoch, as only a read-modify-write does, and
    //   the advances after it come after the taking out of sight.
    return now_.fetch_add(0, std::memory_order_acq_rel);
  }
  bool has_expired(ticket t) const noexcept {
    // order[expired]: acquire load; pairs with [advance]: what pinned threads read comes before what the keeper does now.
    return now_.load(std::memory_order_acquire) - t >= 3;
  }
  // Up to three advances, or fewer if so told, as far as pinned threads let it. Does nothing if another thread is at it.
  // Returns false if a pinned thread was in the way.
  bool try_advance(int most = 3) noexcept {
    // order[begin]: acquire exchange; pairs with [end], [sync_end]: one thread after the other.
    if (advancing_.exchange(true, std::memory_order_acquire)) return true;
    bool free = true;
    for (int i = 0; i != most && free; ++i) free = advance();
    // order[end]: release store; pairs with [begin], [sync_begin]: as there.
    advancing_.store(false, std::memory_order_release);
    return free;
  }

  // Waits until every thread that is pinned now has unpinned; but not for the caller, whose record is `mine`, if it has one.
  void synchronize(const record* mine = nullptr) noexcept {
    meet();
    // order[sync_list]: acquire load; pairs with [link]: the records are made.
    for (record* r = records_.load(std::memory_order_acquire); r != nullptr; r = r->next) {
      if (r == mine) continue;
      std::uint64_t const seen = state_of(*r);
      for (backoff<Atomics> wait; seen != 0 && state_of(*r) == seen; wait()) {
        // A thread that unpins and pins itself anew looks as if it had not, until the epoch is another.
        // order[sync_begin]: acquire exchange; pairs with [end], [sync_end]: one thread after the other.
        if (advancing_.exchange(true, std::memory_order_acquire)) continue;
        advance();
        // order[sync_end]: release store; pairs with [sync_begin], [begin]: as there.
        advancing_.store(false, std::memory_order_release);
      }
    }
  }

  // Of the moment.
  struct census {
    std::uint64_t epoch = 0;
    std::size_t records = 0;  // of living threads that have been pinned before
    std::size_t pinned = 0;
  };
  census count() const noexcept {
    census all;
    all.epoch = now_.load(std::memory_order_relaxed);
    // order[count_list]: acquire load; pairs with [link]: the records are made.
    for (const record* r = records_.load(std::memory_order_acquire); r != nullptr; r = r->next) {
      all.records += r->claimed.load(std::memory_order_relaxed);
      all.pinned += r->state.load(std::memory_order_relaxed) != r->idle;
    }
    return all;
  }

  // The end of a domain that nobody uses any more.
  void release_records() noexcept {
    for (record* r = records_.exchange(nullptr, std::memory_order_relaxed); r != nullptr;) {
      delete std::exchange(r, r->next);
    }
  }

 private:
  static constexpr std::uint64_t first_epoch = 1;

  static void end_one_of(record& mine) noexcept {
    if (mine.more_pins != 0) [[unlikely]] {
      --mine.more_pins;
      return;
    }
    // order[unpin]: release store; pairs with [scan]: what the thread read comes before the memory is freed.
    mine.state.store(mine.idle, std::memory_order_release);
  }
  static void announce(record& mine, std::uint64_t now) noexcept {
    // order[pin]: release store; pairs with [scan]: since C++20 a plain store does not continue the release sequence of the
    //   unpin before it, and a scan that sees this pin must see that one's reads done. Order towards the pointers: below.
    mine.state.store(now, std::memory_order_release);
    // order[pin_light]: light barrier; pairs with [scan_heavy]: the scan sees the pin, or what the thread follows from here
    //   on is what is in sight after the heavy barrier.
    Atomics::light_barrier();
  }
  std::uint64_t idle_state() const noexcept { return Atomics::heavy_barrier_available() ? 0 : never; }

  // Whoever pins itself after this sees what this thread did before; whoever did so before is seen by this thread's scan.
  void meet() noexcept {
    // order[scan_heavy]: heavy barrier; pairs with [pin_light]: as there.
    if (Atomics::heavy_barrier_available()) Atomics::heavy_barrier();
    // order[scan_meets]: acq_rel fetch_add; pairs with [pin_meets]: as there.
    meeting_.fetch_add(1, std::memory_order_acq_rel);
  }

  static std::uint64_t state_of(const record& r) noexcept {
    // order[scan]: acquire load; pairs with [unpin], [pin]: what the thread read is read before anything is freed.
    std::uint64_t const state = r.state.load(std::memory_order_acquire);
    return state == r.idle ? 0 : state;
  }

  // For one thread at a time.
  bool advance() noexcept {
    meet();
    std::uint64_t now = now_.load(std::memory_order_relaxed);
    // order[scan_list]: acquire load; pairs with [link]: the records are made.
    for (record* r = records_.load(std::memory_order_acquire); r != nullptr; r = r->next) {
      if (std::uint64_t const state = state_of(*r); state != 0 && state != now) return false;
    }
    // order[advance]: acq_rel CAS; pairs with [ticket], [expired]: as there.
    return now_.compare_exchange_strong(now, now + 1, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  // Read by every pin.
  alignas(no_sharing) typename Atomics::template atomic<std::uint64_t> now_{first_epoch};
  typename Atomics::template atomic<record*> records_{nullptr};
  typename Atomics::template atomic<std::size_t> made_{0};
  // Written by few.
  alignas(no_sharing) typename Atomics::template atomic<bool> advancing_{false};
  // Where the two sides meet where there is no heavy barrier.
  alignas(no_sharing) typename Atomics::template atomic<std::uint64_t> meeting_{0};
};

// An epoch that a process has one of, for each Purpose. Shared libraries must have it in common, even where they hide their other
// symbols; DLLs on Windows do not: give a map that several of them use an `own_epoch` there.
template <class Purpose>
struct [[gnu::visibility("default")]] process_epoch {
  using domain_type = basic_epoch<std_atomics>;

  static domain_type& domain() noexcept { return domain_; }
  // This thread's record. Throws std::bad_alloc at a thread's first call, and never later.
  static domain_type::record& here() {
    domain_type::record& mine = *here_;
    return &mine != &nobody_ ? mine : join();
  }
  // As here(), but for a thread that has none one that may not enter lightly.
  static domain_type::record& here_if_any() noexcept { return *here_; }
  static bool has_record() noexcept { return here_ != &nobody_; }

 private:
  // A thread leaves when its thread-local objects are destroyed. The destructor of one of those may come back after that: the
  // thread then joins once more, and leaves once more, a few times. Later than that, and in destructors of static objects, it
  // joins for good.
  static constexpr int most_rounds = 4;
  template <int Round>
  struct membership {
    ~membership() {
      if (has_record()) domain_.leave(*std::exchange(here_, &nobody_));
      left_ = Round;
    }
  };
  template <int Round>
  static void leave_at_exit() {
    if constexpr (Round <= most_rounds) {
      if (left_ >= Round) return leave_at_exit<Round + 1>();
      thread_local membership<Round> const until_exit;
      static_cast<void>(&until_exit);
    }
  }
  [[gnu::noinline, gnu::cold]] static domain_type::record& join() {
    here_ = &domain_.join();
    leave_at_exit<1>();
    return *here_;
  }

  inline static constinit domain_type domain_;
  inline static constinit domain_type::record nobody_{domain_type::never, domain_type::never};
  inline static constinit thread_local domain_type::record* here_ = &nobody_;
  inline static constinit thread_local int left_ = 0;
};

// Of what is read without locks, for as long as a guard is held: all containers with such reads use it unless told otherwise.
struct [[gnu::visibility("default")]] global_epoch : process_epoch<global_epoch> {
 private:
  // The process registers for heavy barriers once. While there is one thread that takes a microsecond; later the kernel waits
  // for all of them, for some 10 ms.
  inline static bool const registered_early_ = std_atomics::heavy_barrier_available();
};
// Of tables with locks, whose threads are pinned for some instructions and never while a caller's function runs. So who swaps such
// a table waits for nobody who holds a guard elsewhere, and perhaps wants to write to this table before he lets it go.
struct [[gnu::visibility("default")]] locked_epoch : process_epoch<locked_epoch> {};

// An epoch for itself: whoever is pinned elsewhere does not hold back memory here. Threads are told apart by the number of
// their record in the global epoch, so nothing has to be done here when one ends: the next thread of that number takes the
// record on.
//
// Costs beside the global epoch: two more loads for a pin, and a record for each thread number that ever came by.
//
// Shared: the epoch that gives threads their numbers, as global_epoch.
template <class Shared, class Atomics = std_atomics>
class basic_own_epoch {
 public:
  using domain_type = basic_epoch<Atomics>;

  constexpr basic_own_epoch() noexcept = default;
  basic_own_epoch(const basic_own_epoch&) = delete;
  basic_own_epoch& operator=(const basic_own_epoch&) = delete;
  // Nobody uses it any more.
  ~basic_own_epoch() {
    domain_.release_records();
    for (auto& g : groups_) delete[] g.load(std::memory_order_relaxed);
  }

  domain_type& domain() const noexcept { return domain_; }
  // Throws std::bad_alloc at the first call of a thread, and never later.
  typename domain_type::record& here() const {
    std::size_t const number = Shared::here().number;
    typename domain_type::record* const mine = find(number);
    return mine != nullptr ? *mine : join(number);
  }
  typename domain_type::record& here_if_any() const noexcept {
    if (!Shared::has_record()) return Shared::here_if_any();
    typename domain_type::record* const mine = find(Shared::here_if_any().number);
    return mine != nullptr ? *mine : nobody_;
  }

 private:
  using entry = typename Atomics::template atomic<typename domain_type::record*>;
  // Group g has the numbers from 8 * (2^g - 1) on, twice as many as the one before.
  static constexpr std::size_t first_group = 8;
  static constexpr std::size_t groups = 28;
  struct position {
    std::size_t group;
    std::size_t index;
  };
  static constexpr position position_of(std::size_t number) noexcept {
    std::size_t const shifted = number + first_group;
    auto const group = static_cast<std::size_t>(std::bit_width(shifted) - std::bit_width(first_group));
    return {group, shifted - (first_group << group)};
  }

  typename domain_type::record* find(std::size_t number) const noexcept {
    position const at = position_of(number);
    // order[group]: acquire load; pairs with [add_group]: the group is made.
    entry* const group = groups_[at.group].load(std::memory_order_acquire);
    // Relaxed: the entry was written by this thread, or by one that had its number before.
    return group == nullptr ? nullptr : group[at.index].load(std::memory_order_relaxed);
  }
  [[gnu::noinline, gnu::cold]] typename domain_type::record& join(std::size_t number) const {
    position const at = position_of(number);
    // order[group_again]: acquire load; pairs with [add_group]: as there.
    entry* group = groups_[at.group].load(std::memory_order_acquire);
    if (group == nullptr) {
      auto made = std::make_unique<entry[]>(first_group << at.group);
      // order[add_group]: acq_rel acquire CAS; pairs with [group], [group_again]: who finds the group finds it made.
      if (groups_[at.group].compare_exchange_strong(group, made.get(), std::memory_order_acq_rel,
                                                    std::memory_order_acquire)) {
        group = made.release();
      }
    }
    typename domain_type::record& joined = domain_.join();
    group[at.index].store(&joined, std::memory_order_relaxed);
    return joined;
  }

  mutable domain_type domain_;
  mutable std::array<typename Atomics::template atomic<entry*>, groups> groups_{};
  inline static constinit typename domain_type::record nobody_{domain_type::never, domain_type::never};
};

using own_epoch = basic_own_epoch<global_epoch>;

}  // namespace tandem

#endif
