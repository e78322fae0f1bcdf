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
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/live_guards.hpp>
#include <tandem/detail/misuse.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem::cell {

// What find() returns: one version of an element. Empty by default, after reset(), when moved from, and when the key was
// absent. Precondition of all members but bool, reset and moves: not empty.
template <class Engine>
class [[nodiscard]] index_guard {
  using element = typename engine_traits<Engine>::element;
  using stored = typename element::value_type;
  using pin = typename Engine::pin;

 public:
  using key_type = typename element::key_type;
  using element_type = const stored;

  index_guard() noexcept = default;
  // k: what the engine looks for.
  template <class Q>
  index_guard(const Engine& engine, const Q& k) {
    if constexpr (Engine::inline_pairs) {
      engine.look(k, [this](const stored& x) { kept_.emplace(x); });
    } else {
      pin_ = engine.enter();
      if (auto const seen = engine.see(k)) {
        kept_ = std::addressof(seen.value());
        engine_ = std::addressof(engine);
        mark_ = detail::guard_mark(engine_);
      } else {
        pin_.end();
      }
    }
  }
  index_guard(index_guard&& other) noexcept
      : pin_(std::move(other.pin_)),
        engine_(std::exchange(other.engine_, nullptr)),
        kept_(other.kept_),
        mark_(other.mark_) {
    other.drop();
    other.mark_.end();
  }
  index_guard& operator=(index_guard&& other) noexcept {
    if (this != std::addressof(other)) {
      reset();
      pin_ = std::move(other.pin_);
      engine_ = std::exchange(other.engine_, nullptr);
      take(other.kept_);
      mark_ = other.mark_;
      other.drop();
      other.mark_.end();
    }
    return *this;
  }
  ~index_guard() { reset(); }

  explicit operator bool() const noexcept { return static_cast<bool>(kept_); }

  element_type& operator*() const& noexcept { return held(); }
  element_type& operator*() const&& = delete;  // the reference would outlive the guard
  element_type* operator->() const noexcept { return std::addressof(held()); }

  [[nodiscard]] const key_type& key() const& noexcept { return element::key_of(held()); }
  const key_type& key() const&& = delete;
  [[nodiscard]] auto& value() const& noexcept { return shown<element>::mapped_of(held()); }
  void value() const&& = delete;

  // Ends the guard.
  void reset() noexcept {
    drop();
    if (engine_ == nullptr) return;
    pin_.end();
    mark_.end();
    std::exchange(engine_, nullptr)->tend_after_guard();
  }

 private:
  // A pair, or a node's.
  using kept = std::conditional_t<Engine::inline_pairs, std::optional<stored>, const stored*>;

  void drop() noexcept {
    if constexpr (Engine::inline_pairs) {
      kept_.reset();
    } else {
      kept_ = nullptr;
    }
  }
  void take(const kept& from) noexcept {
    if constexpr (Engine::inline_pairs) {
      if (from) kept_.emplace(*from);
    } else {
      kept_ = from;
    }
  }
  element_type& held() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (!kept_) detail::misuse("an empty guard was used: look at its operator bool first");
    }
    return *kept_;
  }

  pin pin_;
  const Engine* engine_ = nullptr;
  kept kept_{};
  [[no_unique_address]] detail::guard_mark mark_;
};

// What enter() returns: all elements, as a forward range, and lookups that need not pin the thread each time. Elements that are
// there all the time are shown exactly once in a pass from begin() to the end, and no key twice; others may come and go. Each
// pass looks anew. A range is a view of the container, not a copy.
template <class Engine>
class [[nodiscard]] index_range {
  using types = engine_traits<Engine>;
  using element = typename types::element;
  using stored = typename element::value_type;
  using pin = typename Engine::pin;
  using picture = typename Engine::picture;

 public:
  using key_type = typename element::key_type;
  using value_type = stored;
  using size_type = std::size_t;

  // Only while its range lives. Incrementing calls the hash function while the table shrinks, and throws what that throws;
  // and std::bad_alloc where many hashes are equal.
  class iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category =
        std::conditional_t<Engine::inline_pairs, std::input_iterator_tag, std::forward_iterator_tag>;
    using value_type = stored;
    using difference_type = std::ptrdiff_t;
    // Pairs that are copied out of the table are shown by value; const, as to change a copy would change nothing.
    using reference = std::conditional_t<Engine::inline_pairs, const stored, const stored&>;
    class arrow {
     public:
      explicit arrow(const stored& x) : value_(x) {}
      const stored* operator->() const noexcept { return std::addressof(value_); }

     private:
      stored value_;
    };
    using pointer = std::conditional_t<Engine::inline_pairs, arrow, const stored*>;

    iterator() noexcept = default;
    explicit iterator(const Engine& engine) : engine_(std::addressof(engine)) { look(0); }

    reference operator*() const { return seen_[at_].value(); }
    pointer operator->() const {
      if constexpr (Engine::inline_pairs) {
        return arrow(seen_[at_].value());
      } else {
        return std::addressof(seen_[at_].value());
      }
    }
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

  index_range() noexcept = default;
  explicit index_range(const Engine& engine) : pin_(engine.enter()), engine_(std::addressof(engine)), mark_(engine_) {}
  index_range(index_range&& other) noexcept
      : pin_(std::move(other.pin_)), engine_(std::exchange(other.engine_, nullptr)), mark_(other.mark_) {
    other.mark_.end();
  }
  index_range& operator=(index_range&& other) noexcept {
    if (this != std::addressof(other)) {
      reset();
      pin_ = std::move(other.pin_);
      engine_ = std::exchange(other.engine_, nullptr);
      mark_ = other.mark_;
      other.mark_.end();
    }
    return *this;
  }
  ~index_range() { reset(); }

  explicit operator bool() const noexcept { return engine_ != nullptr; }
  const index_range& operator*() const& noexcept { return *this; }
  void operator*() const&& = delete;

  [[nodiscard]] iterator begin() const { return engine_ == nullptr ? iterator() : iterator(*engine_); }
  [[nodiscard]] iterator end() const noexcept { return iterator(); }

  // ---- Lookups, as those of the container. Precondition: not empty.

  template <detail::key_for<types> Q = key_type, class F>
  size_type visit(const Q& k, F&& f) const {
    auto&& sought = detail::as_key<types>(k);
    return engine().look_pinned(with_hash(engine(), sought), [&](const stored& x) { call_visitor(f, x); });
  }
  // For those of the keys in [first, last) that are there, in their order; their cache misses overlap. Returns how many were.
  template <std::forward_iterator It, class F>
  size_type visit(It first, It last, F&& f) const {
    return engine().look_bulk(first, last, [&](const stored& x) { call_visitor(f, x); });
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] bool contains(const Q& k) const {
    return visit(k, [](const stored&) {}) != 0;
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] auto get(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    using mapped = typename element::mapped_type;
    auto const seen = engine().see(with_hash(engine(), sought));
    return seen ? std::optional<mapped>(seen.value().second) : std::optional<mapped>();
  }
  template <detail::key_for<types> Q = key_type, class F>
  auto read(const Q& k, F&& f) const {
    visit_result<decltype(call_with_value<element>(f, std::declval<const stored&>()))> result;
    visit(k, [&](const stored& x) { result.set([&]() -> decltype(auto) { return call_with_value<element>(f, x); }); });
    return std::move(result).get();
  }

  // Ends the guard.
  void reset() noexcept {
    if (engine_ == nullptr) return;
    pin_.end();
    mark_.end();
    std::exchange(engine_, nullptr)->tend_after_guard();
  }

 private:
  const Engine& engine() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (engine_ == nullptr) detail::misuse("an empty guard was used: look at its operator bool first");
    }
    return *engine_;
  }

  pin pin_;
  const Engine* engine_ = nullptr;
  [[no_unique_address]] detail::guard_mark mark_;
};

}  // namespace tandem::cell

#endif
