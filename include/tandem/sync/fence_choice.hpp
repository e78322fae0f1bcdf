// Which of the two forms of fence the readers of the next publish use: the writer's side of the policies in fences.hpp.
//
// A `fence_choice<Fences>` belongs to one writer:
//
//   may_be_light        false: readers never use the light form, and its code is left out
//   light()             asked once per publish: shall readers that see it use the light form?
//   barrier_took(d)     told after each heavy barrier
//   timed               whether barrier_took wants to be told
//
// automatic_fences measures. A publish in the light form costs the writer one heavy barrier; in the symmetric form it costs
// every read one exchange. The writer goes light while barriers take less than a tenth of its time and symmetric when they
// would take more than a fifth, so a writer that publishes rarely has readers at full speed, and one that publishes after
// every write is not slowed down by system calls. In the symmetric form the clock is read at every eighth publish only, so it
// takes eight publishes to notice that they have become rare.
#ifndef TANDEM_SYNC_FENCE_CHOICE_HPP
#define TANDEM_SYNC_FENCE_CHOICE_HPP

#include <tandem/sync/fences.hpp>

#include <algorithm>
#include <chrono>

namespace tandem {

template <class Fences>
struct fence_choice;

template <>
struct fence_choice<symmetric_fences> {
  static constexpr bool may_be_light = false;
  static constexpr bool timed = false;
  static constexpr bool light() noexcept { return false; }
};

template <>
struct fence_choice<asymmetric_fences> {
  static constexpr bool may_be_light = true;
  static constexpr bool timed = false;
  static constexpr bool light() noexcept { return true; }
};

template <>
struct fence_choice<automatic_fences> {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr bool may_be_light = true;
  static constexpr bool timed = true;

  static constexpr int publishes_per_look = 8;
  static constexpr int light_below = 10;     // barriers may take 1/10 of the writer's time to go light,
  static constexpr int symmetric_above = 5;  // and 1/5 before it goes back
  static constexpr clock::duration least_barrier = std::chrono::nanoseconds(400);

  bool light() noexcept { return light(clock::now); }

  // As above, with the clock given: called only when a look is due.
  bool light(auto&& now) noexcept {
    ++publishes_;
    if (!light_ && publishes_ < publishes_per_look) return false;
    clock::time_point const seen = now();
    clock::duration const interval = (seen - looked_) / publishes_;
    looked_ = seen;
    publishes_ = 0;
    light_ = interval > barrier_ * (light_ ? symmetric_above : light_below);
    return light_;
  }

  // A moving average; one barrier that was preempted for a time slice shall not decide for long.
  void barrier_took(clock::duration d) noexcept {
    barrier_ = std::max(least_barrier, (3 * barrier_ + std::min(d, 4 * barrier_)) / 4);
  }

 private:
  bool light_ = true;
  int publishes_ = 0;                                       // since the last look
  clock::time_point looked_{};                              // far in the past: the first publish is light
  clock::duration barrier_ = std::chrono::microseconds(2);  // what a heavy barrier costs here
};

}  // namespace tandem

#endif
