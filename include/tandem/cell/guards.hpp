// Guards: elements whose lock is held for longer than a call, and room that is kept.
//
// For the few cases where a visitor does not do: several steps with other work between them, or a value that is passed on to
// code that is not a function of one. A guard holds the lock of the element's cell: whoever wants anything in that cell
// waits, so hold it shortly. The thread that holds a guard must not call the container (a deadlock; debug builds report
// it), and must end the guard itself: guards can be moved, but not to another thread.
//
// A guard must not outlive its container. Dereferencing an empty one is reported in debug builds.
#ifndef TANDEM_CELL_GUARDS_HPP
#define TANDEM_CELL_GUARDS_HPP

#include <tandem/cell/table.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/misuse.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::cell {

// What find() returns: an element with shared access, or, from find_exclusive(), with exclusive access. Empty by default, after
// reset(), when moved from, and when the key was absent. Precondition of all members but bool, reset and moves: not empty.
template <class Engine, access A>
class [[nodiscard]] element_guard {
  using element = typename engine_traits<Engine>::element;
  using show = shown<element>;
  using stored = typename element::value_type;
  using holder =
      decltype(std::declval<Engine&>().template hold<A>(std::declval<detail::prehashed<typename element::key_type>>()));
  using exclusive_element = std::conditional_t<std::is_void_v<typename element::mapped_type>, const stored, stored>;

 public:
  using key_type = typename element::key_type;
  // value_type: const for shared access, and in sets.
  using element_type = std::conditional_t<A == access::shared, const stored, exclusive_element>;

  element_guard() = default;
  explicit element_guard(holder&& h) noexcept : holder_(std::move(h)) {}
  element_guard(element_guard&&) noexcept = default;
  element_guard& operator=(element_guard&&) noexcept = default;

  explicit operator bool() const noexcept { return static_cast<bool>(holder_); }

  element_type& operator*() const& noexcept { return held(); }
  element_type& operator*() const&& = delete;  // the reference would outlive the guard
  element_type* operator->() const noexcept { return std::addressof(held()); }

  [[nodiscard]] const key_type& key() const& noexcept { return element::key_of(held()); }
  const key_type& key() const&& = delete;
  // The value of a map's element; a set's element itself.
  [[nodiscard]] auto& value() const& noexcept { return show::mapped_of(held()); }
  void value() const&& = delete;

  // Ends the guard.
  void reset() noexcept { holder_.release(); }

 private:
  element_type& held() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (!holder_) detail::misuse("an empty guard was used: look at its operator bool first");
    }
    return holder_.value();
  }

  holder holder_;
};

// What entry() returns: the place of a key, with exclusive access, whether an element is there or not.
//
//     auto place = map.entry(key);
//     if (!place.occupied()) place.emplace(compute());
//     use(place.value());
//
// Nobody else can look up, insert or erase the key meanwhile. The entry keeps a key of its own, from which the element's is
// made. Empty by default, after reset() and when moved from. Precondition of all members but bool, reset and moves: not empty.
template <class Engine>
class [[nodiscard]] entry_guard {
  using element = typename engine_traits<Engine>::element;
  using show = shown<element>;
  using holder =
      decltype(std::declval<Engine&>().hold_entry(std::declval<detail::prehashed<typename element::key_type>>()));
  static constexpr bool is_set = std::is_void_v<typename element::mapped_type>;

 public:
  using key_type = typename element::key_type;
  using value_type = typename element::value_type;
  // A map's value_type; a set's, const.
  using element_type = std::conditional_t<is_set, const value_type, value_type>;

  entry_guard() = default;
  template <class K>
  entry_guard(Engine& engine, std::in_place_t, K&& key) : key_(std::in_place, std::forward<K>(key)) {
    holder_ = engine.hold_entry(cell::with_hash(engine, *key_));
  }
  entry_guard(entry_guard&& other) noexcept(std::is_nothrow_move_constructible_v<key_type>)
      : holder_(std::move(other.holder_)), key_(std::exchange(other.key_, std::nullopt)) {}
  entry_guard& operator=(entry_guard&& other) noexcept(std::is_nothrow_move_constructible_v<key_type>) {
    if (this != std::addressof(other)) {
      holder_ = std::move(other.holder_);
      key_.reset();
      if (other.key_) key_.emplace(std::move(*other.key_));
      other.key_.reset();
    }
    return *this;
  }

  explicit operator bool() const noexcept { return static_cast<bool>(holder_); }

  // Whether there is an element.
  [[nodiscard]] bool occupied() const noexcept {
    check_held();
    return holder_.occupied();
  }
  [[nodiscard]] const key_type& key() const& noexcept { return occupied() ? element::key_of(there()) : kept(); }
  const key_type& key() const&& = delete;

  // Precondition of these: occupied().
  [[nodiscard]] auto& value() const& noexcept { return show::mapped_of(there()); }
  void value() const&& = delete;
  element_type& operator*() const& noexcept { return there(); }
  element_type& operator*() const&& = delete;  // the reference would outlive the guard
  element_type* operator->() const noexcept { return std::addressof(there()); }

  // Makes the element: the key, and a value constructed from `args`; for a set, no `args`. Returns the value.
  // Precondition: not occupied(). If it throws there is no element, and the entry is as it was.
  template <class... Args>
  auto& emplace(Args&&... args) & {
    make(std::forward<Args>(args)...);
    return value();
  }
  template <class... Args>
  void emplace(Args&&... args) && {
    make(std::forward<Args>(args)...);
  }
  // The same, if there is no element yet. Returns the value that is there then.
  template <class... Args>
  auto& or_emplace(Args&&... args) & {
    if (!occupied()) make(std::forward<Args>(args)...);
    return value();
  }
  template <class... Args>
  void or_emplace(Args&&... args) && {
    if (!occupied()) make(std::forward<Args>(args)...);
  }

  // Erases the element, if there is one. Returns whether there was. The entry can be filled again.
  bool erase() {
    if (!occupied()) return false;
    if (key_) {
      holder_.erase();
    } else {
      holder_.take([this](value_type& x) { take_key(x); });
    }
    return true;
  }
  // Moves the element out and erases it; nothing if there was none. The entry can be filled again if keys can be copied.
  std::optional<value_type> extract() {
    return cell::extracted<element, true>([this](auto&& f) {
      if (!occupied()) return;
      holder_.take([&](value_type& x) {
        if constexpr (std::copy_constructible<key_type>) {
          if (!key_) key_.emplace(element::key_of(x));
        }
        f(x);
      });
    });
  }

  // Ends the guard.
  void reset() noexcept {
    holder_.release();
    key_.reset();
  }

 private:
  void check_held() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (!holder_) detail::misuse("an empty entry was used: look at its operator bool first");
    }
  }
  element_type& there() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (!occupied()) detail::misuse("an entry without an element was used: look at occupied() first");
    }
    return holder_.value();
  }
  const key_type& kept() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (!key_) detail::misuse("an entry whose only key was extracted with its element was used");
    }
    return *key_;
  }

  template <class... Args>
  void make(Args&&... args) {
    if constexpr (detail::diagnoses_misuse) {
      if (occupied()) detail::misuse("emplace() into an entry that has an element: look at occupied() first");
    }
    static_cast<void>(kept());
    // The key moves into the element, and back when that is erased. Where something can throw after the move, it is copied.
    if constexpr (is_set) {
      static_assert(sizeof...(Args) == 0, "the element of a set is the entry's key");
      if constexpr (std::is_nothrow_move_constructible_v<key_type> || !std::copy_constructible<key_type>) {
        holder_.emplace(std::move(*key_));
        key_.reset();
      } else {
        holder_.emplace(std::as_const(*key_));
      }
    } else {
      using mapped = typename element::mapped_type;
      auto value_args = std::forward_as_tuple(std::forward<Args>(args)...);
      // An allocator that is passed on to the value may make a copy of what would be moved.
      using allocator = typename engine_traits<Engine>::allocator;
      if constexpr ((std::is_nothrow_constructible_v<mapped, Args...> && !std::uses_allocator_v<mapped, allocator> &&
                     std::is_nothrow_move_constructible_v<key_type>) ||
                    !std::copy_constructible<key_type>) {
        holder_.emplace(std::piecewise_construct, std::forward_as_tuple(std::move(*key_)), std::move(value_args));
        key_.reset();
      } else {
        holder_.emplace(std::piecewise_construct, std::forward_as_tuple(std::as_const(*key_)), std::move(value_args));
      }
    }
  }

  // From an element that is about to go.
  void take_key(value_type& x) { key_.emplace(std::move(const_cast<key_type&>(element::key_of(x)))); }

  holder holder_;
  std::optional<key_type> key_;
};

// What hold_capacity() returns: while it lives, the container keeps room for so many elements, beside what other such
// guards ask for. Empty by default and when moved from. It belongs to the container object, not to its content: moves and
// swaps of the container leave it there.
template <class Engine>
class [[nodiscard]] capacity_guard {
 public:
  capacity_guard() = default;
  capacity_guard(Engine& engine, std::size_t n) : engine_(std::addressof(engine)), held_(n) { engine.hold_capacity(n); }
  capacity_guard(capacity_guard&& other) noexcept
      : engine_(std::exchange(other.engine_, nullptr)), held_(std::exchange(other.held_, 0)) {}
  capacity_guard& operator=(capacity_guard&& other) noexcept {
    if (this != std::addressof(other)) {
      reset();
      engine_ = std::exchange(other.engine_, nullptr);
      held_ = std::exchange(other.held_, 0);
    }
    return *this;
  }
  ~capacity_guard() { reset(); }

  explicit operator bool() const noexcept { return engine_ != nullptr; }
  // What was asked for.
  [[nodiscard]] std::size_t capacity() const noexcept { return held_; }

  void reset() noexcept {
    if (engine_ != nullptr) std::exchange(engine_, nullptr)->release_capacity(std::exchange(held_, 0));
  }

 private:
  Engine* engine_ = nullptr;
  std::size_t held_ = 0;
};

}  // namespace tandem::cell

#endif
