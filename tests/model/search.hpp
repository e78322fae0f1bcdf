// The decisions of a model check: which thread runs next, and which of several outcomes an operation has.
//
// Every execution of the program asks the same questions as long as it gets the same answers. Depth first, the search
// keeps the list of answers, changes the last one that has alternatives left, and has the program run again. At random,
// it draws each answer.
//
// Depth first without a bound on preemptions, sleep sets save most executions that would only swap operations that
// commute: once all executions that begin with thread t have been tried, t sleeps in the sibling branches until an
// operation runs that does not commute with t's next one.
#ifndef TANDEM_TESTS_MODEL_SEARCH_HPP
#define TANDEM_TESTS_MODEL_SEARCH_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::model {

using thread_set = std::uint32_t;  // bit i: thread i

constexpr thread_set only(std::size_t thread) { return thread_set{1} << thread; }
constexpr bool contains(thread_set set, std::size_t thread) { return (set & only(thread)) != 0; }
constexpr std::size_t lowest(thread_set set) { return static_cast<std::size_t>(std::countr_zero(set)); }

class search {
 public:
  enum class mode { depth_first, random };

  search(mode m, bool sleep_sets, std::uint64_t seed)
      : random_(m == mode::random), sleep_sets_(sleep_sets && !random_), seed_(seed) {}

  void begin_execution() {
    depth_ = 0;
    asleep_ = 0;
    redundant_ = false;
  }

  // Moves on to the next list of answers. False: there is none. At random: there always is one.
  bool advance() {
    if (random_) return true;
    while (!path_.empty()) {
      decision& last = path_.back();
      if (last.about_threads) {
        last.tried |= only(last.answer);
        if (const thread_set rest = last.candidates & ~last.tried; rest != 0) {
          last.answer = static_cast<std::uint32_t>(lowest(rest));
          return true;
        }
      } else if (++last.answer < last.candidates) {
        return true;
      }
      path_.pop_back();
    }
    return false;
  }

  // One of 0 .. count - 1.
  std::size_t outcome(std::size_t count) {
    if (count == 1 || redundant_) return 0;
    if (random_) return draw(count);
    if (depth_ == path_.size()) path_.push_back({false, 0, static_cast<std::uint32_t>(count), 0, 0});
    const decision& d = path_[depth_++];
    if (d.about_threads || d.candidates != count) diverged_ = true;
    return d.answer < count ? d.answer : 0;
  }

  // One of `ready`, which is not empty; `preferred` first, if it is among them. commute(t, u) says whether the next
  // operations of t and u have the same effects in either order.
  template <class Commute>
  std::size_t thread(thread_set ready, std::size_t preferred, Commute commute) {
    if (random_) {
      thread_set rest = ready;
      for (std::size_t skip = draw(static_cast<std::size_t>(std::popcount(ready))); skip != 0; --skip) rest &= rest - 1;
      return lowest(rest);
    }
    const thread_set candidates = ready & ~asleep_;
    if (candidates == 0 || redundant_) {
      // Everything from here on has been seen in another order: just bring the execution to its end.
      redundant_ = true;
      return contains(ready, preferred) ? preferred : lowest(ready);
    }
    const std::size_t first = contains(candidates, preferred) ? preferred : lowest(candidates);
    thread_set tried = 0;
    std::size_t answer = first;
    if ((candidates & (candidates - 1)) != 0) {
      if (depth_ == path_.size()) {
        path_.push_back({true, static_cast<std::uint32_t>(first), candidates, 0, asleep_});
      }
      const decision& d = path_[depth_++];
      if (!d.about_threads || d.candidates != candidates || d.asleep != asleep_) diverged_ = true;
      tried = d.tried;
      answer = contains(candidates, d.answer) ? d.answer : first;
    }
    if (sleep_sets_) {
      thread_set still = 0;
      for (thread_set rest = (asleep_ | tried) & ~only(answer); rest != 0; rest &= rest - 1) {
        if (commute(lowest(rest), answer)) still |= only(lowest(rest));
      }
      asleep_ = still;
    }
    return answer;
  }

  // True once the program has asked something else than before after the same answers.
  bool diverged() const { return diverged_; }
  // True while the execution repeats one that has been seen.
  bool redundant() const { return redundant_; }

 private:
  struct decision {
    bool about_threads;
    std::uint32_t answer;
    std::uint32_t candidates;  // a thread_set, or a count of outcomes
    thread_set tried;
    thread_set asleep;
  };

  // splitmix64 by Vigna.
  std::size_t draw(std::size_t count) {
    std::uint64_t z = (seed_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return static_cast<std::size_t>((z ^ (z >> 31U)) % count);
  }

  std::vector<decision> path_;
  std::size_t depth_ = 0;
  thread_set asleep_ = 0;
  bool redundant_ = false;
  bool diverged_ = false;
  bool random_;
  bool sleep_sets_;
  std::uint64_t seed_;
};

}  // namespace tandem::model

#endif
