// In which order the elements of a cell were used last.
//
// A cell has a clock, and each of its slots a stamp. To use an element is to set the clock on by one and to write the new time
// to the element's stamp; the element with the lowest stamp is the one that has not been used for longest. One that was used
// last of all has the clock's time already, and is not written again.
//
// Readers do this too, without a lock and without a read-modify-write: four relaxed accesses to a line that belongs to the
// cell. Where two threads do it at the same time a step of the clock may be lost, and the two elements count as equally old.
// By one thread the order is exact.
//
// A clock has 16 bits. Whoever finds it at its end replaces all stamps of the cell by their ranks, which takes some hundred
// nanoseconds once in 65 thousand uses. Other threads may be writing stamps meanwhile.
//
// A thread that is interrupted between reading the clock and writing it sets it back by all that the others have done
// meanwhile. So a stamp that is ahead of the clock means that the clock is wrong: who sees one sets the clock on, and what
// is used often is seen soon. What is misplaced until it is used again is what was used in between, and the element that was
// used by that thread.
//
// An element on probation (cell_cache_options) begins with an older stamp than the clock's; its first use is as any other's.
//
// None of this is ordered with anything: the stamps say what is worth keeping, and nothing depends on their being right.
#ifndef TANDEM_CELL_RECENCY_HPP
#define TANDEM_CELL_RECENCY_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tandem::cell {

// The two parts are members of the cell's line; everything here is told both, and a slot's number.
template <class Sync, std::size_t Slots>
struct recency {
  static constexpr bool kept = true;
  using time = std::uint16_t;
  using clock = typename Sync::template word<time>;
  struct stamps {
    clock of[Slots];
  };

  static constexpr time beginning = 1;
  static constexpr time end = 0xffff;

  static void use(clock& c, stamps& s, unsigned i) noexcept {
    time now = c.load(std::memory_order_relaxed);
    time const mine = s.of[i].load(std::memory_order_relaxed);
    if (mine == now) return;
    now = std::max(now, mine);
    if (now == end) [[unlikely]]
      now = rank(c, s);
    c.store(static_cast<time>(now + 1), std::memory_order_relaxed);
    s.of[i].store(static_cast<time>(now + 1), std::memory_order_relaxed);
  }

  // The oldest of some slots, one bit each. Precondition: there is one.
  static unsigned oldest(clock& c, const stamps& s, std::uint32_t which) noexcept {
    unsigned found = static_cast<unsigned>(std::countr_zero(which));
    time least = end, most = c.load(std::memory_order_relaxed);
    for (std::uint32_t left = which; left != 0; left &= left - 1) {
      unsigned const i = static_cast<unsigned>(std::countr_zero(left));
      time const t = s.of[i].load(std::memory_order_relaxed);
      if (t < least) {
        least = t;
        found = i;
      }
      most = std::max(most, t);
    }
    if (most != c.load(std::memory_order_relaxed)) [[unlikely]]
      c.store(most, std::memory_order_relaxed);
    return found;
  }
  // As if the element had been used last at the time of the n-th oldest of some others: so about n of them are older.
  // Precondition: n is not zero, and there are n.
  static void join(stamps& s, unsigned i, std::uint32_t others, std::size_t n) noexcept {
    std::array<time, Slots> seen;
    std::size_t count = 0;
    for (std::uint32_t left = others; left != 0; left &= left - 1) {
      seen[count++] = s.of[std::countr_zero(left)].load(std::memory_order_relaxed);
    }
    auto const nth = seen.begin() + static_cast<std::ptrdiff_t>(n - 1);
    std::nth_element(seen.begin(), nth, seen.begin() + static_cast<std::ptrdiff_t>(count));
    s.of[i].store(*nth, std::memory_order_relaxed);
  }
  // The latest time known to a cell.
  static time now(const clock& c, const stamps& s) noexcept {
    time most = c.load(std::memory_order_relaxed);
    for (const clock& each : s.of) most = std::max(most, each.load(std::memory_order_relaxed));
    return most;
  }
  // How many uses of the cell's elements before that this one was used last.
  static time age(const stamps& s, unsigned i, time now) noexcept {
    return static_cast<time>(now - std::min(now, s.of[i].load(std::memory_order_relaxed)));
  }

  // For a cell that nobody uses yet.
  static void set(stamps& s, unsigned i, time t) noexcept { s.of[i].store(t, std::memory_order_relaxed); }
  static void set(clock& c, time t) noexcept { c.store(t, std::memory_order_relaxed); }

 private:
  // Stamps become 1, 2, ... in their order. Returns the clock's time then.
  [[gnu::noinline, gnu::cold]] static time rank(clock& c, stamps& s) noexcept {
    std::array<time, Slots> seen;
    for (std::size_t i = 0; i != Slots; ++i) seen[i] = s.of[i].load(std::memory_order_relaxed);
    for (std::size_t i = 0; i != Slots; ++i) {
      std::size_t before = 1;
      for (std::size_t j = 0; j != Slots; ++j) before += seen[j] < seen[i] || (seen[j] == seen[i] && j < i);
      s.of[i].store(static_cast<time>(before), std::memory_order_relaxed);
    }
    c.store(static_cast<time>(Slots), std::memory_order_relaxed);
    return static_cast<time>(Slots);
  }
};

// For tables that keep everything: takes no room.
struct no_recency {
  static constexpr bool kept = false;
  struct clock {
    constexpr explicit clock(int) noexcept {}
  };
  struct stamps {};
  static constexpr int beginning = 0;
};

template <class Options>
inline constexpr bool keeps_recency = requires { requires Options::recency; };

template <class Options, class Sync, std::size_t Slots>
struct recency_choice {
  using type = no_recency;
};
template <class Options, class Sync, std::size_t Slots>
  requires keeps_recency<Options>
struct recency_choice<Options, Sync, Slots> {
  using type = recency<Sync, Slots>;
};

}  // namespace tandem::cell

#endif
