// Where threads sleep until a round of group commit is over; see lane.hpp.
//
// Rounds have numbers. At any time there are those who wait for the present round and those who wait for the next one, so even and odd
// ones have words of their own. Of those who wait for a round, in the order in which they have come,
//
//   the first   sleeps alone: it is woken also when it is to lead the round itself
//   the second  sleeps alone, and wakes the others, so that who ends a round can go on after two calls, however many wait
//   the others  sleep together
//
// Words only grow, so what they say is written under the lane's lock; who sleeps is woken without it. That call may come late, when
// the word is that of the round after the next: then it wakes somebody who looks, and sleeps again. So each call is for all who sleep at
// a word, and nobody counts on being the one who is woken.
//
// What has happened in a round happens before wait() for it returns.
#ifndef TANDEM_STORE_ROUNDS_HPP
#define TANDEM_STORE_ROUNDS_HPP

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tandem::store {

class rounds {
 public:
  // Returns when the round is over, or, for the first, when it is its turn to lead it; possibly earlier, if nobody has waited for
  // thousands of millions of rounds. `before_me`: how many have come to wait for this round before.
  void wait(std::uint64_t round, std::size_t before_me) noexcept {
    place& p = places_[round % 2];
    auto const r = static_cast<word>(2 * round);
    if (before_me == 0) {
      sleep_until(p.first, r - 1);
    } else if (before_me != 1) {
      sleep_until(p.others, r);
    } else if (sleep_until(p.second, r) != r) {
      p.others.notify_all();
    }
  }

  // The first one who waits for this round may lead it. This and end(): in the order of rounds, which is the caller's business.
  void give_turn(std::uint64_t round) noexcept {
    // order[turn]: release store; pairs with [look]: see there.
    places_[round % 2].first.store(static_cast<word>(2 * round - 1), std::memory_order_release);
  }
  // The round is over. `at_once`: wake() wakes all who wait for it, and not one who wakes the others.
  void end(std::uint64_t round, bool at_once) noexcept {
    place& p = places_[round % 2];
    auto const r = static_cast<word>(2 * round);
    // order[others]: release store; pairs with [look]: see there.
    p.others.store(r, std::memory_order_release);
    // order[second]: release store; pairs with [look]: see there, and who passes it on finds the others' word changed.
    p.second.store(at_once ? r : r + 1, std::memory_order_release);
    // order[first]: release store; pairs with [look]: see there.
    p.first.store(r, std::memory_order_release);
  }

  // After give_turn(). This and the next: at any time.
  void wake_first(std::uint64_t round) noexcept { places_[round % 2].first.notify_all(); }
  // After end(), for as many as waited.
  void wake(std::uint64_t round, std::size_t waiting, bool at_once) noexcept {
    place& p = places_[round % 2];
    if (waiting > 1) p.second.notify_all();
    if (waiting > 0) p.first.notify_all();
    if (at_once && waiting > 2) p.others.notify_all();
  }

 private:
  using word = std::uint32_t;  // twice a round's number, with one more or less; it may wrap around
  // outside the seam: the system's sleep belongs to it, and a scheduler of tests knows none
  using atomic_word = std::atomic<word>;

  static word sleep_until(atomic_word& w, word at_least) noexcept {
    for (;;) {
      // order[look]: acquire load; pairs with [turn], [others], [second], [first]: what the round has done can be seen.
      word const now = w.load(std::memory_order_acquire);
      if (now - at_least < word{1} << 31) return now;
      w.wait(now, std::memory_order_relaxed);
    }
  }

  struct place {
    atomic_word first{0};
    atomic_word second{0};
    atomic_word others{0};
  };
  std::array<place, 2> places_{};
};

}  // namespace tandem::store

#endif
