// clocked_store: a timed_store whose index is the time, for those who want seconds.
//
//     tandem::timed_store<> store;
//     tandem::clocked_store cache(store);                                // by std::chrono::system_clock, in milliseconds
//     cache.set("token", "abc", {.expire_after = 30s, .delete_after = 1h});
//     cache.get("token");                                                // nothing from 30 seconds on
//
// The index of a write is the number of ticks since the clock's epoch. Two writes in one tick have equal indices, of which the later
// one counts, as it does in the order of calls of each key. A clock that is set back does not take the store with it: the index
// stays where it is until the clock is there again. system_clock survives restarts, and so do deadlines in snapshots;
// with steady_clock they do not.
//
// Use it for a store by itself. Where a log drives replicas, one of them reads the clock and puts the time into the log, as the index or
// as an advance(): each by its own clock they would not agree.
//
// A fake clock for tests is an object with `time_point now() const`, of which the adaptor has a copy or a reference:
//
//     struct fake_clock { using time_point = ...; using duration = ...; time_point* at; time_point now() const { return *at; } };
//
// Thread safety and progress: as the store's. The store must outlive this.
#ifndef TANDEM_CLOCKED_STORE_HPP
#define TANDEM_CLOCKED_STORE_HPP

#include <tandem/timed_store.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem {

// How long an entry lasts. Nothing: for ever.
template <class Duration>
struct lifetime {
  std::optional<Duration> expire_after{};
  std::optional<Duration> delete_after{};
};

template <class Store, class Clock = std::chrono::system_clock, class Tick = std::chrono::milliseconds>
class clocked_store {
 public:
  using clock = Clock;
  using duration = Tick;
  using lifetime_type = lifetime<Tick>;

  explicit clocked_store(Store& store, Clock c = Clock()) : store_(store), clock_(std::move(c)) {}

  [[nodiscard]] Store& store() const noexcept { return store_; }

  // ---- As the store's, now.

  template <class Q, class U>
  write_result set(Q&& k, U&& v, const lifetime_type& lasts = {}) {
    return store_.set(std::forward<Q>(k), std::forward<U>(v), index(), ticks(lasts));
  }
  template <class Q, class U>
  write_result set_if_unset(Q&& k, U&& v, const lifetime_type& lasts = {}) {
    return store_.set_if_unset(std::forward<Q>(k), std::forward<U>(v), index(), ticks(lasts));
  }
  template <class Q, class U>
  write_result compare_and_set(Q&& k, std::uint64_t expected_index, U&& v, const lifetime_type& lasts = {}) {
    return store_.compare_and_set(std::forward<Q>(k), expected_index, std::forward<U>(v), index(), ticks(lasts));
  }
  template <class Q>
  write_result compare_and_erase(Q&& k, std::uint64_t expected_index) {
    return store_.compare_and_erase(std::forward<Q>(k), expected_index, index());
  }
  template <class Q>
  write_result touch(Q&& k, const lifetime_type& lasts) {
    return store_.touch(std::forward<Q>(k), ticks(lasts), index());
  }
  template <class Q>
  write_result persist(Q&& k) {
    return store_.persist(std::forward<Q>(k), index());
  }
  template <class Q>
  write_result expire(Q&& k) {
    return store_.expire(std::forward<Q>(k), index());
  }
  template <class Q>
  write_result erase(Q&& k) {
    return store_.erase(std::forward<Q>(k), index());
  }
  template <class Q>
  [[nodiscard]] auto get(const Q& k) const {
    update();
    return store_.get(k);
  }
  template <class Q, class F>
  auto read(const Q& k, F&& f) const {
    update();
    return store_.read(k, std::forward<F>(f));
  }
  template <class Q>
  [[nodiscard]] bool has(const Q& k) const {
    update();
    return store_.has(k);
  }
  // What is left until the key expires or is deleted, whichever is first: nothing if that is never, or if there is no value.
  template <class Q>
  [[nodiscard]] std::optional<Tick> time_left(const Q& k) const {
    std::uint64_t const now = update();
    auto const e = store_.entry_info(k);
    if (!e) return std::nullopt;
    std::uint64_t const until = std::min(e->expire_at, e->delete_at);
    if (until == Store::never || until <= now) return std::nullopt;
    return Tick(static_cast<typename Tick::rep>(until - now));
  }
  // By the time, and also what was erased more than `remember` ago.
  collected collect(Tick remember = Tick::zero()) {
    std::uint64_t const now = update();
    auto const back = static_cast<std::uint64_t>(std::max<typename Tick::rep>(remember.count(), 0));
    store_.set_stale_horizon(now - std::min(now, back));
    return store_.collect();
  }
  // Moves the store's clock to the time. Returns its index.
  std::uint64_t update() const {
    std::uint64_t const now = index();
    store_.advance(now);
    return now;
  }

 private:
  // Never back, and not before 0.
  std::uint64_t index() const {
    auto const since = std::chrono::floor<Tick>(clock_.now().time_since_epoch()).count();
    return std::max(store_.write_index(), since < 0 ? 0 : static_cast<std::uint64_t>(since));
  }
  // At least one tick, and never shorter than said.
  static std::uint64_t ticks(const std::optional<Tick>& d) noexcept {
    return !d ? 0 : static_cast<std::uint64_t>(std::max<typename Tick::rep>(d->count(), 1));
  }
  static ttl ticks(const lifetime_type& l) noexcept { return {ticks(l.expire_after), ticks(l.delete_after)}; }

  Store& store_;
  [[no_unique_address]] Clock clock_;
};

}  // namespace tandem

#endif
