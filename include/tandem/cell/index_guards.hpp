// Guards of containers whose readers take no lock. They keep what they show, and hold nobody up: writers go on, and erased
// elements wait until the guards that may have seen them have ended. So hold a guard for as long as the element or the scan is
// needed, and not for as long as the program runs.
//
// A guard must be ended by the thread that began it, and before its container is destroyed, moved from or swapped; debug builds
// report a container that is destroyed before its guards. Dereferencing an empty one is reported in debug builds, too. A guard
// in a thread_local object must be ended before the thread's end: when such objects are destroyed, another thread may have
// taken over the record of the epoch that says who is pinned.
#ifndef TANDEM_CELL_INDEX_GUARDS_HPP
#define TANDEM_CELL_INDEX_GUARDS_HPP

#include <tandem/cell/index_table.hpp>
#include <tandem/cell/pinned_view.hpp>
#include <tandem/cell/shown_element.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/live_guards.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>

namespace tandem::cell {

// What find() returns: one version of an element. Empty by default, after reset(), when moved from, and when the key was
// absent. Precondition of all members but bool, reset and moves: not empty.
template <class Engine>
class [[nodiscard]] index_guard : public shows_element<Engine> {
  using base = shows_element<Engine>;
  using base::shown_;
  using typename base::stored;
  using pin = typename Engine::pin;

 public:
  index_guard() noexcept = default;
  // k: what the engine looks for.
  template <class Q>
  index_guard(const Engine& engine, const Q& k) {
    if constexpr (Engine::inline_pairs) {
      engine.look(k, [this](const stored& x) { shown_.show(x); });
    } else {
      pin_ = engine.enter();
      if (auto const seen = engine.see(k)) {
        shown_.show(seen.value());
        engine_ = std::addressof(engine);
        mark_ = detail::guard_mark(engine_);
      } else {
        pin_.end();
      }
    }
  }
  index_guard(index_guard&& other) noexcept
      : pin_(std::move(other.pin_)), engine_(std::exchange(other.engine_, nullptr)), mark_(other.mark_) {
    shown_ = other.shown_;
    other.shown_.reset();
    other.mark_.end();
  }
  index_guard& operator=(index_guard&& other) noexcept {
    if (this != std::addressof(other)) {
      reset();
      pin_ = std::move(other.pin_);
      engine_ = std::exchange(other.engine_, nullptr);
      shown_ = other.shown_;
      mark_ = other.mark_;
      other.shown_.reset();
      other.mark_.end();
    }
    return *this;
  }
  ~index_guard() { reset(); }

  // Ends the guard.
  void reset() noexcept {
    shown_.reset();
    if (engine_ == nullptr) return;
    pin_.end();
    mark_.end();
    std::exchange(engine_, nullptr)->tend_after_guard();
  }

 private:
  pin pin_;
  const Engine* engine_ = nullptr;
  [[no_unique_address]] detail::guard_mark mark_;
};

// What enter() returns: all elements, as a forward range, and lookups that need not pin the thread each time. Elements that are
// there all the time are shown exactly once in a pass from begin() to the end, and no key twice; others may come and go. Each
// pass looks anew. A range is a view of the container, not a copy.
template <class Engine>
class [[nodiscard]] index_range : public pinned_view<Engine> {
  using base = pinned_view<Engine>;
  using typename base::stored;
  using picture = typename Engine::picture;
  using shows = shown_by_iterator<stored, Engine::inline_pairs>;

 public:
  using typename base::size_type;

  // Only while its range lives. Incrementing calls the hash function while the table shrinks, and throws what that throws;
  // and std::bad_alloc where many hashes are equal.
  class iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = typename shows::category;
    using value_type = stored;
    using difference_type = std::ptrdiff_t;
    using reference = typename shows::reference;
    using pointer = typename shows::pointer;

    iterator() noexcept = default;
    explicit iterator(const Engine& engine) : engine_(std::addressof(engine)) { look(0); }

    reference operator*() const { return seen_[at_].value(); }
    pointer operator->() const { return shows::pointer_to(seen_[at_].value()); }
    iterator& operator++() {
      if (++at_ == seen_.size()) {
        if (last_ == Engine::last_hash) {
          *this = iterator();
        } else {
          look(last_ + 1);
        }
      }
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.engine_ == b.engine_ && a.last_ == b.last_ && a.at_ == b.at_;
    }

   private:
    void look(std::size_t from) {
      last_ = engine_->look_at_cell(from, seen_);
      at_ = 0;
      if (seen_.empty()) *this = iterator();
    }

    const Engine* engine_ = nullptr;  // null at the end
    std::size_t last_ = 0;            // hash of the cell
    std::size_t at_ = 0;
    picture seen_;
  };
  using const_iterator = iterator;

  using base::base;

  const index_range& operator*() const& noexcept { return *this; }
  void operator*() const&& = delete;

  [[nodiscard]] iterator begin() const { return *this ? iterator(this->engine()) : iterator(); }
  [[nodiscard]] iterator end() const noexcept { return iterator(); }

  using base::visit;
  // For those of the keys in [first, last) that are there, in their order; their cache misses overlap. Returns how many were.
  template <std::forward_iterator It, class F>
  size_type visit(It first, It last, F&& f) const {
    return this->engine().look_bulk(first, last, [&](const stored& x) { cell::call_visitor(f, x); });
  }
};

}  // namespace tandem::cell

#endif
