// left_right: two copies of a T, an operation log, one writer, any number of readers that never wait.
//
// Readers see one copy, the writer prepares the other. What the writer appends is queued; publish() applies the queue to the
// copy that nobody sees, makes that copy current, and keeps the queue: at the next publish, when the last reader of the old
// copy has left, it is applied a second time, and the copies are equal again. Both copies thus live through the same
// operations, one publish apart.
//
// Use it when reads outnumber publishes by far, readers must never wait, and what they may see is the state of the last
// publish. Do not use it when
//   - every write must be seen at once, or several threads write independently: see cell_map;
//   - the data is too large to have twice. (evmap, built on this, shares its values between the copies.)
//   - readers hold their guards for long: publish() waits for them.
//
// Cost: a read is two stores and one load of the reader's own cache line and one load of a shared line that changes only
// when somebody publishes, about a nanosecond; see options.hpp for the fences. A write is two applications of its operation.
// A publish is one exchange, one look at each reader, and, with asymmetric fences, one system call of 0.4 to 10 us; and it waits
// for readers of two publishes ago: where threads outnumber processors, one of them may have been preempted in its guard, and
// gets its next time slice only after some milliseconds.
//
//     struct add { int n; };
//     struct counter {
//       int value = 0;
//       void absorb_first(add& op, const counter&) { value += op.n; }
//     };
//
//     auto [writer, reader] = tandem::make_left_right<counter, add>();
//     writer.append({1}).append({2});
//     writer.publish();
//     int seen = reader.enter()->value;   // 3
//
// Thread safety: a writer belongs to one thread at a time, and so does each reader; make one reader per thread, by copying
// one or from a reader_factory, which all threads may share. A guard belongs to the thread that made it. Handles may be
// moved between threads while they hold no guard. Readers and factories may outlive the writer and each other, and guards the
// reader they came from; the writer's end waits for guards.
//
// Progress: enter() and the end of a guard are wait-free. Making a reader is lock-free and may allocate. publish(), take()
// and the writer's destructor wait for readers, never for new ones; nobody else waits for anybody, and no lock is held.
//
// Requirements on T and Op (`other` is the const copy that readers see):
//
//   t.absorb_first(op, other)              applies `op`, an lvalue that stays in the log: a place to record decisions in
//   t.absorb_second(std::move(op), other)  optional: applies it to the second copy, to the same effect. Default: absorb_first
//   t.sync_with(other)                     optional: makes t equal to `other`. Default: t = other
//   T::absorbs_strongly                    optional constant: true promises that an absorb that throws has changed neither t
//                                          nor op, so that nothing has to be repaired
//
// Both applications must have the same effect: neither may depend on time, chance or addresses. They run inside publish(),
// on the writer's thread, and must not call the writer. After an exception absorb_first may be called again on operations
// that it has been applied to already, on a T that does not have their effect any more: what it records in an operation must
// be right when recorded anew.
//
// Exceptions: if an absorb throws, publish() throws it on. Readers keep what they had; pending() is unchanged; publish() can
// be called again. What the throwing absorb left behind is undone by sync_with, unless T::absorbs_strongly.
//
// Invariants: see sync/publication.hpp, which has the whole protocol and its argument.
#ifndef TANDEM_LEFT_RIGHT_HPP
#define TANDEM_LEFT_RIGHT_HPP

#include <tandem/concepts.hpp>
#include <tandem/detail/misuse.hpp>
#include <tandem/detail/read_result.hpp>
#include <tandem/options.hpp>
#include <tandem/sync/backoff.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/publication.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem {

// What a writer has seen so far. Kept by the writer; reading it costs nothing to anybody.
struct left_right_stats {
  std::uint64_t publishes = 0;  // publishes so far, the writer's version()
  std::uint64_t waits = 0;      // how often publish(), publish_for() or preview() found a reader inside and had to wait
  std::chrono::nanoseconds waited{0};              // time spent waiting, but for waits below about a microsecond
  std::chrono::nanoseconds longest_guard_wait{0};  // the longest that guards held up one publish: a lower bound of how
                                                   // long the longest of them was held
  std::uint64_t heavy_barriers = 0;                // system calls made for readers without a fence
  bool readers_are_light = false;                  // whether readers now enter without a fence
  std::size_t readers = 0;                         // readers that exist
  std::size_t pending = 0;                         // operations that no reader sees yet
  std::size_t to_replay = 0;                       // operations that readers see and the other copy does not have yet
};

template <class T, class Op, class Options = left_right_options>
struct left_right {
  static_assert(absorbs<T, Op>, "T must have absorb_first(Op&, const T& other)");

  class writer;
  class reader;
  class reader_factory;
  template <class U>
  class basic_guard;
  using guard = basic_guard<T>;

 private:
  // One of the two copies. Written by the writer while no reader can be on it.
  struct alignas(no_sharing) alignas(T) side {
    std::optional<T> data;      // empty once the writer is gone
    std::uint64_t version = 0;  // of the publish that made it current
  };

  using atomics = typename Options::atomics;
  using protocol = publication<side, typename Options::fences, atomics>;
  using slot = typename protocol::slot;

  struct state;
  class state_ref;
};

// Two equal copies of T(args...), and the first handles to them. Readers see them before the first publish. `args` construct
// both copies; where they cannot be used twice, the second copy is made from the first.
template <class T, class Op, class Options = left_right_options>
auto make_left_right(auto&&... args) {
  using lr = left_right<T, Op, Options>;
  typename lr::writer writer(std::in_place, std::forward<decltype(args)>(args)...);
  typename lr::reader reader = writer.make_reader();
  return std::pair<typename lr::writer, typename lr::reader>(std::move(writer), std::move(reader));
}

// Keeps the side that a reader saw alive and unchanged until it ends, and refers to it, or after map() to a part of it.
// Empty by default, after reset(), when moved from, and when the writer was gone. A guard taken before a publish does not delay
// that publish; it delays the next one. (A guard that is taken in the very moment of a publish may see what it published and
// yet count as taken before it.)
template <class T, class Op, class Options>
template <class U>
class left_right<T, Op, Options>::basic_guard {
 public:
  constexpr basic_guard() noexcept = default;
  basic_guard(basic_guard&& other) noexcept
      : slot_(std::exchange(other.slot_, nullptr)),
        target_(std::exchange(other.target_, nullptr)),
        epoch_(other.epoch_) {}
  basic_guard& operator=(basic_guard&& other) noexcept {
    if (this != &other) {
      reset();
      slot_ = std::exchange(other.slot_, nullptr);
      target_ = std::exchange(other.target_, nullptr);
      epoch_ = other.epoch_;
    }
    return *this;
  }
  ~basic_guard() { reset(); }

  explicit operator bool() const noexcept { return target_ != nullptr; }

  // Precondition of these: the guard is not empty.
  const U& operator*() const& noexcept {
    check_held();
    return *target_;
  }
  const U& operator*() const&& = delete;  // the reference would outlive the guard
  const U* operator->() const noexcept {
    check_held();
    return target_;
  }

  // The number of the publish that made visible what this guard sees; 0 for the initial T.
  std::uint64_t version() const noexcept {
    check_held();
    return slot_->pinned->version;
  }

  // A guard of a part: `project(const U&)` returns a reference into it, or a pointer. This guard becomes empty. For a null
  // pointer the guard returned is empty too, and the side is no longer pinned. If `project` throws, nothing has changed.
  template <class F>
  auto map(F&& project) && {
    check_held();
    using result = std::invoke_result_t<F, const U&>;
    if constexpr (std::is_pointer_v<result>) {
      return std::move(*this).narrow(std::invoke(std::forward<F>(project), *target_));
    } else {
      static_assert(std::is_lvalue_reference_v<result>,
                    "the projection must return a reference into the data, or a pointer");
      return std::move(*this).narrow(std::addressof(std::invoke(std::forward<F>(project), *target_)));
    }
  }

  // Ends the guard.
  void reset() noexcept {
    if (slot_ == nullptr) return;
    target_ = nullptr;
    slot* const s = std::exchange(slot_, nullptr);
    // An orphaned slot keeps the state, and with it the slot, alive until this.
    if (protocol::leave(*s, epoch_)) [[unlikely]]
      static_cast<state*>(s->home)->drop();
  }

 private:
  template <class>
  friend class basic_guard;
  friend left_right;

  basic_guard(slot* s, const U* target, std::uint64_t epoch) noexcept : slot_(s), target_(target), epoch_(epoch) {}

  void check_held() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (target_ == nullptr) detail::misuse("an empty guard was used: look at its operator bool first");
    }
  }

  template <class Part>
  basic_guard<std::remove_cv_t<Part>> narrow(Part* part) && noexcept {
    if (part == nullptr) {
      reset();
      return {};
    }
    target_ = nullptr;
    return {std::exchange(slot_, nullptr), part, epoch_};
  }

  slot* slot_ = nullptr;
  const U* target_ = nullptr;
  std::uint64_t epoch_ = 0;
};

// ---- The state that all handles share. It lives as long as one of them, or a guard, does.

template <class T, class Op, class Options>
struct left_right<T, Op, Options>::state {
  template <class... Args>
  explicit state(Args&&... args) : sides(&left, this) {
    if constexpr (std::is_constructible_v<T, const std::remove_reference_t<Args>&...>) {
      left.data.emplace(std::as_const(args)...);
      right.data.emplace(std::forward<Args>(args)...);
    } else {
      left.data.emplace(std::forward<Args>(args)...);
      if constexpr (std::is_copy_constructible_v<T>) {
        right.data.emplace(*left.data);
      } else {
        right.data.emplace();
        synchronize(*right.data, *left.data);
      }
    }
  }

  static void synchronize(T& t, const T& other) {
    if constexpr (synchronizes<T>) {
      t.sync_with(other);
    } else {
      t = other;
    }
  }

  void share() noexcept { owners.fetch_add(1, std::memory_order_relaxed); }
  void drop() noexcept {
    // order[drop]: acq_rel RMW; pairs with [drop]: what each owner did happens before the last one deletes.
    if (owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  side left;
  side right;
  protocol sides;
  event<atomics> published;
  // Written once, before the writer closes; read by readers that found it closed.
  std::uint64_t last_version = 0;
  // Handles, and orphaned slots.
  typename atomics::template atomic<std::size_t> owners{1};
};

// A counted pointer to the state.
template <class T, class Op, class Options>
class left_right<T, Op, Options>::state_ref {
 public:
  explicit state_ref(state* adopted) noexcept : state_(adopted) {}
  state_ref(const state_ref& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->share();
  }
  state_ref(state_ref&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  state_ref& operator=(state_ref other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~state_ref() {
    if (state_ != nullptr) state_->drop();
  }

  state* get() const noexcept { return state_; }
  state* operator->() const noexcept { return state_; }
  // Leaves the reference to somebody else.
  state* release() noexcept { return std::exchange(state_, nullptr); }

 private:
  state* state_;
};

// Makes readers, from any thread, also after the writer is gone. Copyable; all members may be called concurrently.
template <class T, class Op, class Options>
class left_right<T, Op, Options>::reader_factory {
 public:
  // Throws std::bad_alloc.
  [[nodiscard]] reader make_reader() const { return reader(state_); }

 private:
  friend left_right;
  explicit reader_factory(state_ref s) noexcept : state_(std::move(s)) {}

  state_ref state_;
};

// A place to read from, for one thread. Copying makes an independent reader. Empty when moved from: then it is closed.
template <class T, class Op, class Options>
class left_right<T, Op, Options>::reader {
 public:
  // Throws std::bad_alloc. Lock-free: it walks the readers that exist or have existed at once.
  reader(const reader& other) : reader(other.state_) {}
  reader(reader&& other) noexcept : state_(std::move(other.state_)), slot_(std::exchange(other.slot_, nullptr)) {}
  reader& operator=(reader other) noexcept {
    std::swap(state_, other.state_);
    std::swap(slot_, other.slot_);
    return *this;
  }
  // Never blocks. Guards that are still held stay valid.
  ~reader() {
    if (slot_ != nullptr && !state_->sides.release(*slot_)) static_cast<void>(state_.release());
  }

  // What readers see now; empty once the writer is gone. While another guard of this reader is held: what that one sees.
  // Wait-free.
  [[nodiscard]] guard enter() const noexcept {
    slot* const mine = slot_;  // a copy, which need not be loaded again after the barrier
    if (mine == nullptr) [[unlikely]]
      return {};
    auto const [seen, epoch] = state_->sides.enter(*mine);
    if (seen == nullptr) [[unlikely]]
      return {};
    return guard(mine, std::addressof(*seen->data), epoch);
  }

  // f(const T&) under a guard. An optional of what f returned, by value (bool, if f returns nothing); empty once the writer
  // is gone.
  template <std::invocable<const T&> F>
  auto read(F&& f) const {
    using result = detail::read_result<F&, const T&>;
    guard const g = enter();
    return g ? result::of(f, *g) : result::none();
  }

  // The writer is gone: no guard will be had any more.
  [[nodiscard]] bool closed() const noexcept { return slot_ == nullptr || state_->sides.closed(); }

  // The number of publishes that readers see; after the writer's end, of all it made.
  [[nodiscard]] std::uint64_t version() const noexcept {
    if (slot_ == nullptr) return 0;
    guard const g = enter();
    return g ? g.version() : state_->last_version;
  }

  // Blocks until readers see publish number `v` or a later one, or the writer is gone; true: they do. Precondition: no guard
  // of this reader is held, as it would go on seeing what that guard sees. The publisher pays one load for this.
  bool wait_for_version(std::uint64_t v) const { return wait_until(v, event<atomics>::forever); }
  // As above, until the time is over at the latest.
  template <class Rep, class Period>
  bool wait_for_version(std::uint64_t v, std::chrono::duration<Rep, Period> longest) const {
    return wait_until(v, time_after(longest));
  }

  [[nodiscard]] reader_factory factory() const { return reader_factory(state_); }

 private:
  friend left_right;

  explicit reader(state_ref s)
      : state_(std::move(s)), slot_(state_.get() == nullptr ? nullptr : state_->sides.claim()) {}

  bool wait_until(std::uint64_t v, std::chrono::steady_clock::time_point deadline) const {
    if (slot_ == nullptr) return false;
    if constexpr (detail::diagnoses_misuse) {
      if (slot_->is_inside())
        detail::misuse("wait_for_version() under a guard of the same reader never sees a new version");
    }
    state_->published.wait_until(deadline, [&] {
      state_->sides.catch_up();
      return version() >= v || closed();
    });
    return version() >= v;
  }

  state_ref state_;
  slot* slot_;
};

// The one that writes. Moving it is cheap and may be done at any time; when moved from, it may only be destroyed or assigned.
template <class T, class Op, class Options>
class left_right<T, Op, Options>::writer {
 public:
  // See make_left_right.
  template <class... Args>
  explicit writer(std::in_place_t, Args&&... args) : state_(new state(std::forward<Args>(args)...)) {}

  writer(writer&&) noexcept = default;
  writer& operator=(writer&& other) noexcept {
    if (this != &other) {
      close();
      state_ = std::move(other.state_);
      replay_ = std::move(other.replay_);
      pending_ = std::move(other.pending_);
      replayed_ = other.replayed_;
      applied_ = other.applied_;
      damaged_ = other.damaged_;
      stats_ = other.stats_;
    }
    return *this;
  }
  // Drops what is pending, waits for the guards that are held, and destroys both copies. Readers see nothing from then on.
  ~writer() { close(); }

  // Queues an operation. Not visible until published. Strong exception guarantee. Amortised constant.
  writer& append(Op op) {
    check_idle();
    pending_.push_back(make_entry(std::move(op)));
    return *this;
  }

  // Queues all of them, or, if something throws, none.
  template <std::ranges::input_range R>
    requires std::constructible_from<Op, std::ranges::range_reference_t<R>>
  writer& append_range(R&& ops) {
    return append_range(std::forward<R>(ops), [](auto&& op) { return Op(std::forward<decltype(op)>(op)); });
  }
  // As above, for the operations make(item).
  template <std::ranges::input_range R, std::invocable<std::ranges::range_reference_t<R>> Make>
  writer& append_range(R&& items, Make make) {
    check_idle();
    std::size_t const before = pending_.size();
    try {
      for (auto&& item : items) pending_.push_back(make_entry(make(std::forward<decltype(item)>(item))));
    } catch (...) {
      while (pending_.size() != before) pending_.pop_back();  // erase() would ask for an assignment
      throw;
    }
    return *this;
  }

  // Makes everything appended so far visible to readers that enter from now on, also if nothing is pending.
  //
  // What was appended happens before any read that sees it. Waits for the readers that were inside when the previous publish
  // took effect, and still are; never for later ones. Publishing under a guard of one's own is legal unless it would wait
  // for that guard: then debug builds end the process with a message, others wait forever.
  // Throws what an absorb throws; see above for the state that remains.
  void publish() {
    prepare();
    turn();
  }

  // publish(), unless that would wait: then false, and nothing has changed.
  bool try_publish() {
    if (!prepare_until(at_once)) return false;
    turn();
    return true;
  }

  // publish(), but gives up waiting after `longest`: then false, and nothing has changed.
  template <class Rep, class Period>
  bool publish_for(std::chrono::duration<Rep, Period> longest) {
    if (!prepare_until(time_after(longest))) return false;
    turn();
    return true;
  }

  // publish() if anything is pending.
  void flush() {
    if (has_pending()) publish();
  }

  // What readers are going to see after publish(): all that was appended so far included. The reference is good until the
  // next call of a member that is not const. Waits and throws as publish() does; the next publish has that much less to do.
  const T& preview() {
    prepare();
    return *hidden().data;
  }

  // Whether, and how much, something was appended that no reader can see yet.
  [[nodiscard]] bool has_pending() const noexcept { return !pending_.empty(); }
  [[nodiscard]] std::size_t pending() const noexcept { return pending_.size(); }

  // Drops it. If preview() or a publish that threw has applied some of it already, the next publish begins with sync_with.
  void discard_pending() noexcept {
    check_idle();
    damaged_ = damaged_ || applied_ != 0;
    applied_ = 0;
    pending_.clear();
  }

  // Publishes what is pending, waits for all guards, and hands the data out. Readers see nothing from then on, and the writer is
  // as if moved from. If the publish throws, nothing was taken and the writer goes on; if moving the T throws, it is lost.
  [[nodiscard]] T take() && {
    flush();
    retire();
    struct closing {
      writer& self;
      ~closing() { self.close(); }
    } const afterwards{*this};
    return std::move(*visible().data);
  }

  // The number of publishes so far.
  [[nodiscard]] std::uint64_t version() const noexcept { return stats_.publishes; }

  [[nodiscard]] left_right_stats stats() const noexcept {
    left_right_stats s = stats_;
    s.heavy_barriers = state_->sides.heavy_barriers();
    s.readers_are_light = state_->sides.light();
    s.readers = state_->sides.readers();
    s.pending = pending_.size();
    s.to_replay = replay_.size() - replayed_;
    return s;
  }

  [[nodiscard]] reader make_reader() const { return reader(state_); }
  [[nodiscard]] reader_factory factory() const { return reader_factory(state_); }

  // What readers see now. Good until the next publish; as a publish that comes after that, or preview(), writes it.
  [[nodiscard]] const T& published() const noexcept { return *visible().data; }

 private:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr time_point at_once = time_point::min();
  static constexpr time_point forever = time_point::max();
  static constexpr bool strong = absorbs_strongly<T>;

  // A log moves its entries when it grows, which must not fail half way: an Op whose move may throw has a node of its own.
  static constexpr bool boxed = !std::is_nothrow_move_constructible_v<Op>;
  using log = std::vector<std::conditional_t<boxed, std::unique_ptr<Op>, Op>>;

  static typename log::value_type make_entry(Op&& op) {
    if constexpr (boxed) {
      return std::make_unique<Op>(std::move(op));
    } else {
      return std::move(op);
    }
  }
  static Op& op_of(typename log::value_type& entry) noexcept {
    if constexpr (boxed) {
      return *entry;
    } else {
      return entry;
    }
  }

  side& hidden() const noexcept { return visible_is_right() ? state_->left : state_->right; }
  side& visible() const noexcept { return visible_is_right() ? state_->right : state_->left; }
  bool visible_is_right() const noexcept { return (stats_.publishes & 1) != 0; }

  void prepare() { static_cast<void>(prepare_until(forever)); }

  // Brings the hidden side up to date with the log. False: readers were still on it at the deadline.
  bool prepare_until(time_point deadline) {
    check_idle();
    if (!wait_until(deadline)) return false;
    absorbing_ = true;
    try {
      catch_up();
    } catch (...) {
      absorbing_ = false;
      damaged_ = damaged_ || !strong;
      repair_or_leave();
      throw;
    }
    absorbing_ = false;
    return true;
  }

  void catch_up() {
    repair();
    T& mine = *hidden().data;
    const T& theirs = *visible().data;
    for (; replayed_ != replay_.size(); ++replayed_) {
      if constexpr (absorbs_twice<T, Op>) {
        mine.absorb_second(std::move(op_of(replay_[replayed_])), theirs);
      } else {
        mine.absorb_first(op_of(replay_[replayed_]), theirs);
      }
    }
    recycle_replay();
    for (; applied_ != pending_.size(); ++applied_) mine.absorb_first(op_of(pending_[applied_]), theirs);
  }

  // Empties the replay. Its memory is kept for the next operations unless it is large beside what is pending now, as after
  // a bulk load.
  void recycle_replay() noexcept {
    replayed_ = 0;
    replay_.clear();
    if (replay_.capacity() > 1024 && replay_.capacity() / 8 > pending_.size()) log().swap(replay_);
  }

  // Makes the hidden side equal to the visible one if something half done was left on it: it then has the whole replay, and
  // nothing of what is pending.
  void repair() {
    if (!damaged_) return;
    state::synchronize(*hidden().data, *visible().data);
    damaged_ = false;
    applied_ = 0;
    recycle_replay();
  }

  // As above, but if that throws too the next attempt does it.
  void repair_or_leave() noexcept {
    try {
      repair();
    } catch (...) {
    }
  }

  void turn() noexcept {
    side& next = hidden();
    next.version = ++stats_.publishes;
    std::swap(replay_, pending_);
    applied_ = 0;
    state_->sides.turn(&next);
    state_->published.notify();
  }

  // Waits until no reader is on the hidden side. False: the deadline came first.
  bool wait_until(time_point deadline) {
    protocol& sides = state_->sides;
    if (!sides.readers_inside()) return true;
    if (deadline == at_once) return false;
    if constexpr (detail::diagnoses_misuse) {
      if (deadline == forever && sides.waits_for_this_thread()) {
        detail::misuse("waiting for a guard that the calling thread holds itself: this would wait forever");
      }
    }
    ++stats_.waits;
    backoff<atomics> wait;
    time_point start{};
    bool left = false;
    while (!left) {
      if (!wait.is_long()) {
        wait();
      } else {
        time_point const now = std::chrono::steady_clock::now();
        if (start == time_point{}) start = now;
        if (now >= deadline) break;
        wait(deadline == forever ? backoff<atomics>::longest_sleep : deadline - now);
      }
      left = !sides.readers_inside();
    }
    if (start != time_point{}) {
      auto const took = std::chrono::steady_clock::now() - start;
      stats_.waited += took;
      stats_.longest_guard_wait = std::max<std::chrono::nanoseconds>(stats_.longest_guard_wait, took);
    }
    return left;
  }

  // Readers see nothing from now on, and none of them is inside any more.
  void retire() noexcept {
    state_->last_version = stats_.publishes;
    state_->sides.turn(nullptr);
    state_->published.notify();
    static_cast<void>(wait_until(forever));
  }

  void close() noexcept {
    if (state_.get() == nullptr) return;
    if (!state_->sides.closed()) retire();
    state_->left.data.reset();
    state_->right.data.reset();
    state_ref const last = std::move(state_);
    replay_.clear();
    pending_.clear();
    stats_ = {};
  }

  void check_idle() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (absorbing_) detail::misuse("a writer was called by one of the operations that it is applying");
    }
  }

  state_ref state_;
  // Applied to the visible side; the hidden one has the first `replayed_` of them.
  log replay_;
  std::size_t replayed_ = 0;
  // Not applied to the visible side; the hidden one has the first `applied_` of them.
  log pending_;
  std::size_t applied_ = 0;
  // The hidden side has something that the log does not tell.
  bool damaged_ = false;
  bool absorbing_ = false;
  left_right_stats stats_;
};

}  // namespace tandem

#endif
