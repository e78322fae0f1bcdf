// Entries of timed_store: what is known about a key, and what follows from it at an index of the logical clock.
//
// An entry is one of
//
//   live     has a value; it may have deadlines, which may have passed without anybody having noticed yet
//   lapsed   the value is gone, because it has expired; the key still counts as set
//   deleted  the value is gone, because its deletion deadline has passed; the entry remembers its index and its deadlines
//   erased   as deleted, by erase()
//
// What a write decides depends on the entry and on the write's own index, never on the clock and never on whether the collector
// has come by: a live entry whose deadline has passed and the one that the collector makes of it answer alike. That is what makes
// replicas agree.
//
// `deleted` and `erased` entries are tombstones: they keep an older write that comes late from bringing the key back, until the
// stale horizon has passed.
#ifndef TANDEM_STORE_ENTRY_HPP
#define TANDEM_STORE_ENTRY_HPP

#include <tandem/detail/prefetch.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

namespace tandem::store {

inline constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

// `after` behind `index`; 0 means never, and so does what lies behind the largest index.
constexpr std::uint64_t deadline(std::uint64_t index, std::uint64_t after) noexcept {
  return after == 0 || index > never - after ? never : index + after;
}

enum class entry_kind : std::uint8_t { live, lapsed, deleted, erased };

constexpr bool is_tombstone(entry_kind k) noexcept { return k == entry_kind::deleted || k == entry_kind::erased; }

// All but the value. Deadlines are inclusive.
struct entry_state {
  std::uint64_t index = 0;
  std::uint64_t expire_at = never;
  std::uint64_t delete_at = never;
  entry_kind kind = entry_kind::live;

  // As of a moment. (A deadline of `never` does not pass, not even at the largest index.)
  constexpr bool is_deleted(std::uint64_t at) const noexcept {
    return kind == entry_kind::erased || (delete_at != never && delete_at <= at);
  }
  constexpr bool is_expired(std::uint64_t at) const noexcept {
    return kind != entry_kind::live || (expire_at != never && expire_at <= at);
  }
  // Whether there is a value to be had.
  constexpr bool is_readable(std::uint64_t at) const noexcept { return !is_expired(at) && !is_deleted(at); }

  // When the collector has something to do, by the clock: at `never` nothing.
  constexpr std::uint64_t due_by_clock() const noexcept {
    return kind == entry_kind::live ? std::min(expire_at, delete_at) : kind == entry_kind::lapsed ? delete_at : never;
  }
  // And by the horizon: then nothing needs to be remembered.
  constexpr std::uint64_t due_by_horizon() const noexcept {
    return kind == entry_kind::deleted ? delete_at : kind == entry_kind::erased && index != never ? index + 1 : never;
  }
  // Whether nothing needs to be remembered once the horizon is there: as if the key had never been. The same before and after the
  // collector.
  constexpr bool is_forgotten(std::uint64_t horizon) const noexcept {
    return kind == entry_kind::erased ? index < horizon : delete_at != never && delete_at <= horizon;
  }
  // Of a live entry: when its value was lost, if that is by `at`; else `never`.
  constexpr std::uint64_t lost_at(std::uint64_t at) const noexcept {
    std::uint64_t const first = std::min(expire_at, delete_at);
    return first <= at ? first : never;
  }

  friend constexpr bool operator==(const entry_state&, const entry_state&) = default;
};

// What a table holds for a key. Immutable, but for what belongs to the collector's schedule. A live entry has a value, and no other: so
// its kind says whether there is one, and a node for two strings takes no more than 128 bytes, which are two lines.
template <class V>
class record : public entry_state {
 public:
  // With a value made from args, if the state is live; else without args.
  template <class... Args>
  explicit record(const entry_state& s, std::uint64_t by_clock, std::uint64_t by_horizon, Args&&... args)
      : entry_state(s), hinted_by_clock(by_clock), hinted_by_horizon(by_horizon) {
    assert((sizeof...(Args) != 0) == has_value());
    if constexpr (sizeof...(Args) != 0) std::construct_at(std::addressof(value_), std::forward<Args>(args)...);
  }
  record(const record&) = delete;
  record& operator=(const record&) = delete;
  ~record() {
    if (has_value()) std::destroy_at(std::addressof(value_));
  }

  bool has_value() const noexcept { return kind == entry_kind::live; }
  // Precondition: there is one.
  const V& value() const noexcept { return value_; }
  // Null if there is none.
  const V* value_if_any() const noexcept { return has_value() ? std::addressof(value_) : nullptr; }

 private:
  union {
    V value_;
  };

 public:
  // When there are hints for this entry in the schedule (schedule.hpp), at the latest; `never`: there is none. Only looked at and
  // changed under the lock of the entry's cell.
  mutable std::uint64_t hinted_by_clock = never;
  mutable std::uint64_t hinted_by_horizon = never;
};

// Bytes that an object owns outside of itself, as far as is known: those of strings.
template <class T>
constexpr std::size_t outside_bytes(const T&) noexcept {
  return 0;
}
template <class Char, class Traits, class Allocator>
constexpr std::size_t outside_bytes(const std::basic_string<Char, Traits, Allocator>& s) noexcept {
  constexpr std::size_t inside = 16 / sizeof(Char);
  return s.size() < inside ? 0 : (s.size() + 1) * sizeof(Char);
}

// Asks for the memory that an object owns outside of itself, as far as is known.
template <class T>
[[gnu::always_inline]] inline void prefetch_outside(const T&) noexcept {}
template <class Char, class Traits, class Allocator>
[[gnu::always_inline]] inline void prefetch_outside(const std::basic_string<Char, Traits, Allocator>& s) noexcept {
  detail::prefetch_line(s.data());
}

}  // namespace tandem::store

#endif
