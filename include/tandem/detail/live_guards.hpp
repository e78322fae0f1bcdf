// Guards that keep something of a container, in debug builds: a container that is destroyed before them is reported, whatever
// thread has them. Release builds check nothing.
#ifndef TANDEM_DETAIL_LIVE_GUARDS_HPP
#define TANDEM_DETAIL_LIVE_GUARDS_HPP

#include <tandem/detail/held_locks.hpp>
#include <tandem/detail/misuse.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <type_traits>

namespace tandem::detail {

// A guard's member: says that it is alive. Moved with the guard.
class live_guard {
 public:
  live_guard() noexcept = default;
  explicit live_guard([[maybe_unused]] const void* container) noexcept {
    if constexpr (diagnoses_misuse) begin(container, call_site::now());
  }
  live_guard(const live_guard& other) noexcept {
    if constexpr (diagnoses_misuse) begin(other.container_, other.from_);
  }
  live_guard& operator=(const live_guard& other) noexcept {
    if constexpr (diagnoses_misuse) {
      if (this != &other) {
        end();
        begin(other.container_, other.from_);
      }
    }
    return *this;
  }
  ~live_guard() { end(); }

  void end() noexcept {
    if constexpr (diagnoses_misuse) {
      if (container_ == nullptr) return;
      list& all = everybody();
      std::lock_guard const lock(all.mutex);
      (previous_ != nullptr ? previous_->next_ : all.first) = next_;
      if (next_ != nullptr) next_->previous_ = previous_;
      previous_ = next_ = nullptr;
      container_ = nullptr;
    }
  }

  // `container` is about to be destroyed.
  static void check([[maybe_unused]] const void* container) noexcept {
    if constexpr (diagnoses_misuse) {
      list& all = everybody();
      std::lock_guard const lock(all.mutex);
      for (const live_guard* g = all.first; g != nullptr; g = g->next_) {
        if (g->container_ != container) continue;
        std::fprintf(stderr, "tandem: a container is destroyed while a guard of it lives, from %s:%u (%s)\n",
                     g->from_.file, g->from_.line, g->from_.function);
        std::abort();
      }
    }
  }

 private:
  struct list {
    std::mutex mutex;
    live_guard* first = nullptr;
  };
  // Never destroyed, as guards may live in static objects.
  static list& everybody() noexcept {
    alignas(list) static unsigned char memory[sizeof(list)];
    static list& all = *::new (static_cast<void*>(memory)) list;
    return all;
  }
  void begin(const void* container, source_place from) noexcept {
    if (container == nullptr) return;
    container_ = container;
    from_ = from;
    list& all = everybody();
    std::lock_guard const lock(all.mutex);
    next_ = all.first;
    if (next_ != nullptr) next_->previous_ = this;
    all.first = this;
  }

  const void* container_ = nullptr;
  live_guard* previous_ = nullptr;
  live_guard* next_ = nullptr;
  source_place from_{};
};

// What release builds have instead.
struct no_live_guard {
  no_live_guard() noexcept = default;
  explicit no_live_guard(const void*) noexcept {}
  static void end() noexcept {}
  static void check(const void*) noexcept {}
};
using guard_mark = std::conditional_t<diagnoses_misuse, live_guard, no_live_guard>;

}  // namespace tandem::detail

#endif
