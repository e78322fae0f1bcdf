// Who holds what, in debug builds: a thread that calls a map from a visitor of the same map, or under a guard of it, may wait for
// itself. That is reported with both calls instead.
//
// Locks are per cell, so such a call would often succeed; it is reported whenever it could wait: that is, unless both calls want
// shared access only. Release builds check nothing.
#ifndef TANDEM_DETAIL_HELD_LOCKS_HPP
#define TANDEM_DETAIL_HELD_LOCKS_HPP

#include <tandem/detail/misuse.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace tandem::detail {

// A place in somebody's source: as a default argument, the caller's. (std::source_location is missing in clang 14.)
struct source_place {
  const char* file = "(unknown)";
  unsigned line = 0;
  const char* function = "(unknown)";

  static constexpr source_place here(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE(),
                                     const char* function = __builtin_FUNCTION()) noexcept {
    return {file, line, function};
  }
};

// Where the user calls the map from. Members that take a parameter pack cannot be told; they say their own name.
class call_site {
 public:
  explicit call_site([[maybe_unused]] const source_place& where) noexcept {
    if constexpr (diagnoses_misuse) {
      before_ = current();
      here_ = where;
      current() = this;
    }
  }
  call_site(const call_site&) = delete;
  call_site& operator=(const call_site&) = delete;
  ~call_site() {
    if constexpr (diagnoses_misuse) current() = before_;
  }

  static source_place now() noexcept { return current() != nullptr ? current()->here_ : source_place(); }

 private:
  static const call_site*& current() noexcept {
    thread_local constinit const call_site* innermost = nullptr;
    return innermost;
  }

  const call_site* before_ = nullptr;
  source_place here_{};
};

class held_locks {
 public:
  // This thread is about to wait for a lock of `table`.
  static void check(const void* table, bool exclusive) noexcept {
    if constexpr (diagnoses_misuse) {
      const list& mine = all();
      for (std::size_t i = 0; i != mine.size; ++i) {
        if (mine.locks[i].table == table && (mine.locks[i].exclusive || exclusive)) report(mine.locks[i]);
      }
    }
  }
  static void remember(const void* table, bool exclusive) noexcept {
    if constexpr (diagnoses_misuse) {
      list& mine = all();
      if (mine.size != most) mine.locks[mine.size++] = {table, exclusive, call_site::now()};
    }
  }
  // The last one of `table`. A guard that another thread ends is not known there, and stays known here.
  static void forget(const void* table) noexcept {
    if constexpr (diagnoses_misuse) {
      list& mine = all();
      for (std::size_t i = mine.size; i-- != 0;) {
        if (mine.locks[i].table != table) continue;
        for (--mine.size; i != mine.size; ++i) mine.locks[i] = mine.locks[i + 1];
        return;
      }
    }
  }

 private:
  static constexpr std::size_t most = 32;

  struct held {
    const void* table = nullptr;
    bool exclusive = false;
    source_place from{};
  };
  struct list {
    held locks[most];
    std::size_t size = 0;
  };
  static list& all() noexcept {
    thread_local constinit list mine;
    return mine;
  }

  [[noreturn]] static void report(const held& before) noexcept {
    source_place const now = call_site::now();
    std::fprintf(stderr,
                 "tandem: %s:%u calls a map while %s:%u of the same thread holds one of its locks, in a visitor or a "
                 "guard: it may wait for itself\n",
                 now.file, now.line, before.from.file, before.from.line);
    std::fprintf(stderr, "tandem:   the call:   %s\ntandem:   the holder: %s\n", now.function, before.from.function);
    std::abort();
  }
};

}  // namespace tandem::detail

#endif
