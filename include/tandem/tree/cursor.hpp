// Positions in a tree, and the guards made of them.
//
//   position      where a scan is; for a thread that is pinned
//   cursor        what lower_bound() and its relatives return: a guard of one element, which can go on to its neighbours
//   range         what range() and enter() return: a guard of all elements between two bounds, a forward range of them
//
// A guard must be ended by the thread that began it, and before its container is destroyed, moved from or swapped; debug builds
// report a container that is destroyed before its guards. Dereferencing an empty one is reported in debug builds, too. What a
// guard holds back is memory, never another thread: hold it for as long as the element or the scan is needed.
#ifndef TANDEM_TREE_CURSOR_HPP
#define TANDEM_TREE_CURSOR_HPP

#include <tandem/cell/pinned_view.hpp>
#include <tandem/cell/shown_element.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/live_guards.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

namespace tandem::tree {

// An element, or none, by way of a picture of its leaf: nothing is read twice within a leaf. Comparisons may throw; then the
// position is valid, but anywhere.
template <class Engine>
class position {
  using path = typename Engine::path;
  using picture = typename Engine::picture;
  using key_type = typename Engine::key_type;

 public:
  position() noexcept = default;
  explicit position(const Engine& engine) noexcept : engine_(std::addressof(engine)) {}

  explicit operator bool() const noexcept { return begin_ != end_; }
  decltype(auto) value() const noexcept { return seen_.value(at_); }
  decltype(auto) key() const noexcept { return seen_.key(at_); }
  const Engine* engine() const noexcept { return engine_; }
  bool is_at(const position& other) const {
    return !engine_->key_comp()(key(), other.key()) && !engine_->key_comp()(other.key(), key());
  }

  // ---- Going somewhere. A null pointer stands for no bound. These return whether there is an element.

  template <class Hi>
  bool to_first(const Hi* hi) {
    engine_->descend_to_first(path_);
    take();
    return arrive_up(0, hi);
  }
  template <class Lo>
  bool to_last(const Lo* lo) {
    engine_->descend_to_last(path_);
    take();
    return arrive_down(seen_.size(), lo);
  }
  // The first that is not less than k.
  template <class Q, class Hi>
  bool to_lower(const Q& k, const Hi* hi) {
    engine_->descend(path_, k);
    take();
    return arrive_up(engine_->lower(seen_, 0, seen_.size(), k), hi);
  }
  // The first that is greater than k.
  template <class Q, class Hi>
  bool to_upper(const Q& k, const Hi* hi) {
    engine_->descend(path_, k);
    take();
    return arrive_up(engine_->upper(seen_, 0, seen_.size(), k), hi);
  }
  // The last that is less than k.
  template <class Q, class Lo>
  bool to_before(const Q& k, const Lo* lo) {
    engine_->descend_before(path_, k);
    take();
    return arrive_down(engine_->lower(seen_, 0, seen_.size(), k), lo);
  }

  // ---- Going on, with the same bound, if there was one. Precondition: there is an element.

  template <class Hi>
  bool next(const Hi* hi) {
    if (at_ + 1 != end_) [[likely]]
      return ++at_, true;
    return next_leaf(hi);
  }
  template <class Lo>
  bool previous(const Lo* lo) {
    if (at_ != begin_) [[likely]]
      return --at_, true;
    return previous_leaf(lo);
  }
  // f(value) for this and all that follow, while it returns true. Returns whether it always did.
  template <class Hi, class F>
  bool for_each(const Hi* hi, F&& f) {
    while (*this) {
      for (std::size_t i = at_; i != end_; ++i) {
        const auto& value = seen_.value(i);
        if (!f(value)) return false;
      }
      next_leaf(hi);
    }
    return true;
  }

 private:
  // What is shown of the picture: all of it, cut off at the bound.
  bool none() noexcept {
    seen_.clear();
    begin_ = at_ = end_ = 0;
    return false;
  }
  void take() noexcept {
    begin_ = 0;
    if (path_.end != nullptr) {
      Engine::take_picture(*path_.end, seen_);
    } else {
      seen_.clear();
    }
    end_ = seen_.size();
  }

  // To the element `at`, or to one of a later leaf if there is no such.
  template <class Hi>
  bool arrive_up(std::size_t at, const Hi* hi) {
    while (at == seen_.size()) {
      const key_type* const bound = path_.upper_bound();
      if (bound == nullptr || (hi != nullptr && !less(*bound, *hi))) return none();
      at = step_up(*bound);
    }
    if (hi != nullptr && !less(seen_.key(end_ - 1), *hi)) end_ = engine_->lower(seen_, 0, end_, *hi);
    at_ = at;
    return at < end_ || none();
  }
  // To the element before `end`, or to one of an earlier leaf.
  template <class Lo>
  bool arrive_down(std::size_t end, const Lo* lo) {
    while (end == 0) {
      const key_type* const bound = path_.lower_bound();
      if (bound == nullptr || (lo != nullptr && !less(*lo, *bound))) return none();
      end = step_down(*bound);
    }
    if (lo != nullptr && less(seen_.key(0), *lo)) begin_ = engine_->lower(seen_, 0, end, *lo);
    at_ = end - 1;
    return end > begin_ || none();
  }
  template <class Hi>
  bool next_leaf(const Hi* hi) {
    return end_ == seen_.size() ? arrive_up(end_, hi) : none();
  }
  template <class Lo>
  bool previous_leaf(const Lo* lo) {
    return begin_ == 0 ? arrive_down(0, lo) : none();
  }

  // To the leaf that follows the one of the path, whose upper bound is this. Returns the first element that is to be shown;
  // there may be none. If that leaf is out of date the way there is found again.
  std::size_t step_up(const key_type& bound) {
    path_.step_up();
    if (!Engine::is_closed(*path_.end)) {
      path_.ask_for_next();
      take();
      return 0;
    }
    engine_->descend(path_, bound);
    take();
    return engine_->lower(seen_, 0, seen_.size(), bound);
  }
  // To the leaf before, whose keys are less than this. Returns how many elements are.
  std::size_t step_down(const key_type& bound) {
    path_.step_down();
    if (!Engine::is_closed(*path_.end)) {
      take();
      return seen_.size();
    }
    engine_->descend_before(path_, bound);
    take();
    return engine_->lower(seen_, 0, seen_.size(), bound);
  }
  template <class A, class B>
  bool less(const A& a, const B& b) const {
    return engine_->key_comp()(a, b);
  }

  const Engine* engine_ = nullptr;
  path path_;
  picture seen_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t at_ = 0;
};

// What lower_bound(), upper_bound(), front() and back() return: one version of an element. Empty by default, after reset(),
// when moved from, when there was no such element, and after a step beyond the last or the first.
// Precondition of all members but bool, reset and moves: not empty.
template <class Engine>
class [[nodiscard]] cursor : public cell::shows_element<Engine> {
  using base = cell::shows_element<Engine>;
  using base::shown_;
  using pin = typename Engine::pin;
  using no_bound = const typename Engine::key_type*;

 public:
  cursor() noexcept = default;
  // go(position&) goes to the element.
  template <class Go>
  cursor(const Engine& engine, Go&& go) : pin_(engine.enter()), at_(engine), mark_(std::addressof(engine)) {
    if (go(at_)) {
      shown_.show(at_.value());
    } else {
      reset();
    }
  }
  cursor(cursor&& other) noexcept : pin_(std::move(other.pin_)), at_(other.at_), mark_(other.mark_) {
    if (other) shown_.show(at_.value());
    other.drop();
  }
  cursor& operator=(cursor&& other) noexcept {
    if (this != std::addressof(other)) {
      reset();
      pin_ = std::move(other.pin_);
      at_ = other.at_;
      mark_ = other.mark_;
      if (other) shown_.show(at_.value());
      other.drop();
    }
    return *this;
  }
  ~cursor() { reset(); }

  // To the next greater or smaller key that is there. These return whether there is one; if not, the guard is empty. References
  // that it gave before are not valid any more. Throws what comparisons throw; the guard is empty then.
  bool next() {
    return go([](position<Engine>& p) { return p.next(no_bound()); });
  }
  bool prev() {
    return go([](position<Engine>& p) { return p.previous(no_bound()); });
  }

  // Ends the guard.
  void reset() noexcept {
    const Engine* const engine = at_.engine();
    drop();
    if (engine != nullptr) engine->tend_after_guard();
  }

 private:
  template <class Go>
  bool go(Go&& step) {
    static_cast<void>(shown_.get());
    struct ender {
      cursor* c;
      ~ender() {
        if (c != nullptr) c->reset();
      }
    } at_end{this};
    if (!step(at_)) return false;
    at_end.c = nullptr;
    shown_.show(at_.value());
    return true;
  }
  void drop() noexcept {
    shown_.reset();
    at_ = position<Engine>();
    pin_.end();
    mark_.end();
  }

  pin pin_;
  position<Engine> at_;
  [[no_unique_address]] detail::guard_mark mark_;
};

// All elements of [lo, hi), or all, as a forward range in order. Elements that are there all the time are shown exactly once in
// a pass from begin() to the end, keys ascend strictly, and other elements may come and go. Each pass looks anew. And lookups,
// which need not pin the thread each time and do not mind the bounds.
template <class Engine>
class [[nodiscard]] range : public cell::pinned_view<Engine> {
  using base = cell::pinned_view<Engine>;
  using typename base::stored;
  using typename base::types;
  using shows = cell::shown_by_iterator<stored, Engine::inline_pairs>;

 public:
  using typename base::key_type;

  // Only while its range lives, and where that is. Forward: with ascending keys; otherwise descending. Incrementing throws what
  // comparisons throw. Equal, if the keys are, or both are at the end.
  template <bool Forward>
  class basic_iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = typename shows::category;
    using value_type = stored;
    using difference_type = std::ptrdiff_t;
    using reference = typename shows::reference;
    using pointer = typename shows::pointer;

    basic_iterator() noexcept = default;

    reference operator*() const { return at_.value(); }
    pointer operator->() const { return shows::pointer_to(at_.value()); }
    basic_iterator& operator++() {
      if constexpr (Forward) {
        at_.next(end_);
      } else {
        at_.previous(end_);
      }
      return *this;
    }
    basic_iterator operator++(int) {
      basic_iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const basic_iterator& a, const basic_iterator& b) {
      if (!a.at_ || !b.at_) return !a.at_ && !b.at_;
      return a.at_.is_at(b.at_);
    }

   private:
    friend range;
    basic_iterator(const Engine& engine, const key_type* begin, const key_type* end) : at_(engine), end_(end) {
      if constexpr (Forward) {
        begin != nullptr ? at_.to_lower(*begin, end) : at_.to_first(end);
      } else {
        begin != nullptr ? at_.to_before(*begin, end) : at_.to_last(end);
      }
    }

    position<Engine> at_;
    const key_type* end_ = nullptr;
  };
  using iterator = basic_iterator<true>;
  using const_iterator = iterator;

  // The same from the greatest to the smallest.
  class descending {
   public:
    using iterator = basic_iterator<false>;
    [[nodiscard]] iterator begin() const { return of_->template first<false>(); }
    [[nodiscard]] iterator end() const noexcept { return iterator(); }

   private:
    friend range;
    explicit descending(const range& of) noexcept : of_(std::addressof(of)) {}
    const range* of_;
  };

  range() noexcept = default;
  explicit range(const Engine& engine) : base(engine) {}
  template <class Lo, class Hi>
  range(const Engine& engine, const Lo& lo, const Hi& hi)
      : base(engine), lo_(std::in_place, lo), hi_(std::in_place, hi) {
    // Nothing, also for bounds in the wrong order.
    if (!engine.key_comp()(*lo_, *hi_)) hi_.emplace(*lo_);
  }
  range(range&& other) : base(std::move(other)), lo_(other.lo_), hi_(other.hi_) {}
  range& operator=(range&& other) {
    if (this != std::addressof(other)) {
      this->reset();
      assign(lo_, other.lo_);
      assign(hi_, other.hi_);
      base::operator=(std::move(other));
    }
    return *this;
  }
  ~range() = default;

  const range& operator*() const& noexcept { return *this; }
  void operator*() const&& = delete;
  const range* operator->() const noexcept { return this; }

  [[nodiscard]] iterator begin() const { return first<true>(); }
  [[nodiscard]] iterator end() const noexcept { return iterator(); }
  // Backward. Only while this range lives, and where it is.
  [[nodiscard]] descending reversed() const noexcept { return descending(*this); }

  // Precondition: not empty.

  // At the first element of the range whose key is not less than k, and so on.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] iterator lower_bound(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    if (lo_ && this->engine().key_comp()(sought, *lo_)) return begin();
    return to([&](position<Engine>& p) { p.to_lower(sought, upper()); });
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] iterator upper_bound(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    if (lo_ && this->engine().key_comp()(sought, *lo_)) return begin();
    return to([&](position<Engine>& p) { p.to_upper(sought, upper()); });
  }
  // At the element of the range with this key, or at the end.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] iterator find(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    iterator const at = lower_bound(sought);
    return at != end() && !this->engine().key_comp()(sought, at.at_.key()) ? at : end();
  }

 private:
  const key_type* lower() const noexcept { return lo_ ? std::addressof(*lo_) : nullptr; }
  const key_type* upper() const noexcept { return hi_ ? std::addressof(*hi_) : nullptr; }
  template <bool Forward>
  basic_iterator<Forward> first() const {
    if (!*this) return {};
    return Forward ? basic_iterator<Forward>(this->engine(), lower(), upper())
                   : basic_iterator<Forward>(this->engine(), upper(), lower());
  }
  template <class Go>
  iterator to(Go&& go) const {
    iterator made;
    made.at_ = position<Engine>(this->engine());
    made.end_ = upper();
    go(made.at_);
    return made;
  }
  static void assign(std::optional<key_type>& to, const std::optional<key_type>& from) {
    to.reset();
    if (from) to.emplace(*from);
  }

  std::optional<key_type> lo_;
  std::optional<key_type> hi_;
};

}  // namespace tandem::tree

#endif
