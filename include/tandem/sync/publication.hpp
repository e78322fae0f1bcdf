// The protocol of left-right: one writer publishes sides, readers pin the side they see, and nobody waits for a reader but
// the writer.
//
// After: P. Ramalhete, A. Correia, "Left-Right: A Concurrency Control Technique with Wait-Free Population Oblivious Reads"
// (2013), with an epoch per reader instead of shared read indicators, as in J. Gjengset's left-right.
//
// A publication holds the word `current_`, which names the side that readers see, and a list of reader slots. All atomic
// operations of left_right are in this file.
//
//   reader enters    epoch := odd         [announce]      writer publishes   current_ := other side       [turn]
//                    side := current_     [look]                             slots whose epoch is odd:    [scan]
//   reader leaves    epoch := even        [leave]                            remember them as inside
//                                                         before it writes   each of them has moved       [drain]
//                                                         the old side
//
// The argument. Let the writer turn `current_` from side A to side B and then scan. A reader that looks and finds A has
// announced itself before. If its announcement comes before the scan in the order of the fences, the writer remembers it,
// and writes to A only when its epoch has moved on from the value remembered: it has left. If its announcement comes after
// the scan, its look comes after the turn, and finds B. No reader is thus ever on a side that is written. A reader that
// enters after the scan has a new epoch, so the writer never waits for new readers. (One that enters between turn and scan is
// on B and is remembered all the same: it delays the next publish as if it had entered just before.)
//
// The order of the fences comes in two forms (fences.hpp). Symmetric: announcement, look, turn and scan are sequentially
// consistent operations. Light: announcement and look are plain, with a light barrier between them, and the writer executes
// a heavy barrier between turn and scan. Which form a reader must use stands in the lowest bit of the word that it looks
// at: every reader announces itself lightly and looks; if the word says "symmetric" it does both again, sequentially
// consistent. A reader on side A thus used the form that the word naming A asked for; so the writer needs the heavy barrier
// when the word that it replaces was light, whatever the new one says. Changing the form needs no grace period of its own.
//
// Invariants
//   1. A slot's epoch is odd exactly while its owner is inside; only the owner writes it, and it never goes back.
//   2. The writer writes a side only when it is not current and no slot remembered at the last turn is still inside.
//   3. Slots are never freed before the publication; a released slot is claimed again before a new one is made.
//   4. All guards of one slot that live at the same time are on the same side.
//
// Explored by tests/model/left_right_model.cpp; the fence pair alone by tests/litmus/litmus_test.cpp.
#ifndef TANDEM_SYNC_PUBLICATION_HPP
#define TANDEM_SYNC_PUBLICATION_HPP

#include <tandem/detail/assume.hpp>
#include <tandem/detail/misuse.hpp>
#include <tandem/sync/atomic.hpp>
#include <tandem/sync/cache_line.hpp>
#include <tandem/sync/fence_choice.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace tandem {

// One reader's place. Two lines: what the owner writes at each read, and what the registry and the writer write.
template <class Side, class Atomics>
struct alignas(no_sharing) reader_slot {
  explicit reader_slot(void* h) noexcept : home(h) {}

  // Written by the owner. Odd: inside. Read by the writer.
  typename Atomics::template atomic<std::uint64_t> epoch{0};
  // Owner only. The side of the guards that are held; stale outside.
  Side* pinned = nullptr;
  // Owner only. Guards beyond the first, times two, plus one if the handle is gone and the last guard releases the slot.
  std::uint32_t nested = 0;
  // Debug builds only: which thread holds the guards. Written by the owner, read by anybody, for diagnosis.
  typename Atomics::template atomic<const void*> thread{nullptr};

  // Whether a reader owns the slot.
  alignas(cache_line) typename Atomics::template atomic<bool> claimed{true};
  // Constant once the slot is in the list. `home` is for whoever must hear of the last guard of an orphaned slot.
  void* const home;
  reader_slot* next = nullptr;
  // Writer only. The odd epoch found at the last scan, and the next slot that was found odd.
  std::uint64_t seen = 0;
  reader_slot* next_inside = nullptr;

  static constexpr std::uint32_t orphaned = 1;
  static constexpr std::uint32_t one_guard = 2;

  bool is_inside() const noexcept { return (epoch.load(std::memory_order_relaxed) & 1) != 0; }
};

template <class Side, class Fences, class Atomics = std_atomics>
class publication {
  template <class T>
  using atomic = typename Atomics::template atomic<T>;

 public:
  using slot = reader_slot<Side, Atomics>;
  using choice = fence_choice<Fences>;
  static_assert(alignof(Side) > 1, "the lowest bit of a side's address says how readers enter");

  publication(Side* first, void* home) noexcept
      : can_be_light_(choice::may_be_light && Atomics::heavy_barrier_available()),
        home_(home),
        current_(word(first, can_be_light_)) {}

  publication(const publication&) = delete;
  publication& operator=(const publication&) = delete;

  ~publication() {
    for (slot* s = slots_.load(std::memory_order_relaxed); s != nullptr;) delete std::exchange(s, s->next);
  }

  // ---- Readers. Wait-free, but for claim(), which is lock-free and may allocate.

  // A slot for one reader. Throws std::bad_alloc.
  slot* claim() {
    for (slot* s = first_slot(); s != nullptr; s = s->next) {
      bool free = false;
      // order[claim]: acquire CAS; pairs with [release], [release_late]: the slot's plain members are as the last owner left them.
      if (s->claimed.compare_exchange_strong(free, true, std::memory_order_acquire, std::memory_order_relaxed))
        return s;
    }
    auto* const made = new slot(home_);
    made->next = slots_.load(std::memory_order_relaxed);
    // order[push]: seq_cst CAS; pairs with [list]: a scan that misses this slot precedes it, and then so does the turn
    //   before that scan; the slot's first look finds the new word. Its release part publishes `next`.
    while (!slots_.compare_exchange_weak(made->next, made, std::memory_order_seq_cst, std::memory_order_relaxed)) {
    }
    return made;
  }

  // Gives a slot back; at once, or when its last guard ends. True: at once.
  bool release(slot& s) noexcept {
    if (s.is_inside()) {
      s.nested |= slot::orphaned;
      return false;
    }
    // order[release]: release store; pairs with [claim]: see there.
    s.claimed.store(false, std::memory_order_release);
    return true;
  }

  // A side that a reader is on; for leave(). Carrying the epoch spares leave() a load that would wait for the store before.
  struct pin {
    Side* side;
    std::uint64_t epoch;
  };

  // Pins the side that is current, or for a nested call the side that this slot pins already. Null once closed: then there
  // is nothing to leave.
  pin enter(slot& s) noexcept {
    std::uint64_t const even = s.epoch.load(std::memory_order_relaxed);
    if ((even & 1) != 0) [[unlikely]]
      return enter_again(s);
    if constexpr (detail::diagnoses_misuse) s.thread.store(Atomics::this_thread(), std::memory_order_relaxed);
    if constexpr (choice::may_be_light) {
      // order[announce_light]: release store; pairs with [drain], [scan]: whoever sees that the reader is inside again sees all
      //   that it read before, in case the store of [leave] went unseen.
      s.epoch.store(even + 1, std::memory_order_release);
      Atomics::light_barrier();  // pairs with the heavy barrier in turn()
      // order[look]: acquire load; pairs with [turn]: what the writer did to the side happens before it is read.
      std::uintptr_t const seen = current_.load(std::memory_order_acquire);
      if ((seen & symmetric) == 0) [[likely]] {
        // Neither to be masked nor to be compared with null: see word().
        auto* const side = reinterpret_cast<Side*>(seen);
        detail::assume(side != nullptr);
        s.pinned = side;
        return {side, even + 1};
      }
    }
    return enter_symmetrically(s, even + 1);
  }

  // Ends one guard. True: the slot was orphaned and this was its last guard; it has been given back.
  static bool leave(slot& s, std::uint64_t epoch) noexcept {
    if (s.nested != 0) [[unlikely]]
      return leave_nested(s, epoch);
    leave_outermost(s, epoch);
    return false;
  }

  bool closed() const noexcept {
    // order[closed]: acquire load; pairs with [turn]: what the writer did before closing happens before a reader that sees it.
    return address(current_.load(std::memory_order_acquire)) == nullptr;
  }

  // After this, enter() finds at least what was published before an event::notify() that missed the caller.
  void catch_up() const noexcept {
    // order[catch_up]: seq_cst load; pairs with [turn]: total order with the waiter counts of sync/event.hpp.
    static_cast<void>(current_.load(std::memory_order_seq_cst));
  }

  // ---- The writer.

  // Makes `side` current (null: closes) and remembers the readers that may still be on another one. Precondition but for
  // closing: readers_inside() is false. Wait-free.
  void turn(Side* side) noexcept {
    bool const light = can_be_light_ && choice_.light();
    // order[turn]: seq_cst exchange; pairs with [look], [look_again], [closed], [catch_up]: publishes the side; total order
    //   between the announcements and [scan].
    std::uintptr_t const before = current_.exchange(word(side, light), std::memory_order_seq_cst);
    if (choice::may_be_light && (before & symmetric) == 0) heavy_barrier();
    scan();
  }

  // Whether a reader that was inside at the last turn still is: the side that was current before it must not be written.
  // Costs one load per reader that is.
  bool readers_inside() noexcept {
    // order[drain]: acquire load; pairs with [leave], [announce_light], [announce]: all that the reader read happens before the side is written.
    while (inside_ != nullptr && inside_->epoch.load(std::memory_order_acquire) != inside_->seen) {
      inside_ = inside_->next_inside;
    }
    return inside_ != nullptr;
  }

  // Debug builds: whether one of the readers that the writer waits for is a guard of the calling thread.
  bool waits_for_this_thread() const noexcept {
    for (slot const* s = inside_; s != nullptr; s = s->next_inside) {
      if (s->epoch.load(std::memory_order_relaxed) == s->seen &&
          s->thread.load(std::memory_order_relaxed) == Atomics::this_thread()) {
        return true;
      }
    }
    return false;
  }

  // Readers that own a slot; a moment's count. Linear in the number of slots.
  std::size_t readers() const noexcept {
    std::size_t n = 0;
    for (slot const* s = first_slot(); s != nullptr; s = s->next) {
      if (s->claimed.load(std::memory_order_relaxed)) ++n;
    }
    return n;
  }

  std::uint64_t heavy_barriers() const noexcept { return heavy_barriers_; }
  bool light() const noexcept { return (current_.load(std::memory_order_relaxed) & symmetric) == 0; }

 private:
  static constexpr std::uintptr_t symmetric = 1;

  // Closed is symmetric, so that the light way in need not look for it.
  static std::uintptr_t word(Side* side, bool light) noexcept {
    return reinterpret_cast<std::uintptr_t>(side) | (light && side != nullptr ? 0 : symmetric);
  }
  static Side* address(std::uintptr_t word) noexcept { return reinterpret_cast<Side*>(word & ~symmetric); }

  slot* first_slot() const noexcept {
    // order[list]: seq_cst load; pairs with [push]: the slot's `next` is set; for a scan see there.
    return slots_.load(std::memory_order_seq_cst);
  }

  pin enter_symmetrically(slot& s, std::uint64_t odd) noexcept {
    // order[announce]: seq_cst exchange; pairs with [scan]: it is before the scan, which then sees it, or else [look_again]
    //   is after [turn]; pairs with [drain]: as [announce_light].
    s.epoch.exchange(odd, std::memory_order_seq_cst);
    // order[look_again]: seq_cst load; pairs with [turn]: it finds the new word if the scan missed the announcement; what
    //   the writer did to the side happens before it is read.
    Side* const side = address(current_.load(std::memory_order_seq_cst));
    if (side == nullptr) [[unlikely]] {
      leave_outermost(s, odd);
      return {nullptr, 0};
    }
    s.pinned = side;
    return {side, odd};
  }

  static pin enter_again(slot& s) noexcept {
    if constexpr (detail::diagnoses_misuse) {
      // Null: the guard was taken by code that was compiled without diagnosis.
      auto const* const owner = s.thread.load(std::memory_order_relaxed);
      if (owner != nullptr && owner != Atomics::this_thread()) {
        detail::misuse("a reader is used by two threads at once; make one reader for each thread");
      }
    }
    s.nested += slot::one_guard;
    return {s.pinned, s.epoch.load(std::memory_order_relaxed)};
  }

  static void leave_outermost(slot& s, std::uint64_t epoch) noexcept {
    // order[leave]: release store; pairs with [drain], [scan]: see there.
    s.epoch.store(epoch + 1, std::memory_order_release);
  }

  static bool leave_nested(slot& s, std::uint64_t epoch) noexcept {
    if (s.nested != slot::orphaned) {
      s.nested -= slot::one_guard;
      return false;
    }
    s.nested = 0;
    leave_outermost(s, epoch);
    // order[release_late]: release store; pairs with [claim]: as [release].
    s.claimed.store(false, std::memory_order_release);
    return true;
  }

  void heavy_barrier() noexcept {
    ++heavy_barriers_;
    if constexpr (choice::timed) {
      auto const start = choice::clock::now();
      Atomics::heavy_barrier();
      choice_.barrier_took(choice::clock::now() - start);
    } else {
      Atomics::heavy_barrier();
    }
  }

  void scan() noexcept {
    inside_ = nullptr;
    for (slot* s = first_slot(); s != nullptr; s = s->next) {
      // order[scan]: seq_cst load; pairs with [announce]: see there; pairs with [leave], [announce_light]: all that the reader
      //   read up to this epoch happens before the side is written.
      std::uint64_t const epoch = s->epoch.load(std::memory_order_seq_cst);
      if ((epoch & 1) == 0) continue;
      s->seen = epoch;
      s->next_inside = inside_;
      inside_ = s;
    }
  }

  bool const can_be_light_;
  void* const home_;
  // Written by the writer at each turn, read by every reader: alone on its line.
  alignas(no_sharing) atomic<std::uintptr_t> current_;
  // Pushed to by claim(), walked by the writer.
  alignas(no_sharing) atomic<slot*> slots_{nullptr};
  // Writer only.
  slot* inside_ = nullptr;
  std::uint64_t heavy_barriers_ = 0;
  [[no_unique_address]] choice choice_;
};

}  // namespace tandem

#endif
