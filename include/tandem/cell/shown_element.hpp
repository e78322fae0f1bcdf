// How guards and iterators of containers whose readers take no lock show an element: a pair that was copied out of its cell or
// leaf, or one that lies in a node.
#ifndef TANDEM_CELL_SHOWN_ELEMENT_HPP
#define TANDEM_CELL_SHOWN_ELEMENT_HPP

#include <tandem/cell/visitor.hpp>
#include <tandem/detail/misuse.hpp>

#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>

namespace tandem::cell {

// An element, or none.
template <class Stored, bool Copied>
class shown_element {
 public:
  shown_element() noexcept = default;
  shown_element(const shown_element&) noexcept = default;
  shown_element& operator=(const shown_element& other) noexcept {
    if (this == std::addressof(other)) return *this;
    reset();
    if (other) show(*other.kept_);
    return *this;
  }
  ~shown_element() = default;

  explicit operator bool() const noexcept { return static_cast<bool>(kept_); }
  // Precondition: there is one; debug builds report it if there is not.
  const Stored& get() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (!kept_) detail::misuse("an empty guard was used: look at its operator bool first");
    }
    return *kept_;
  }

  void show(const Stored& x) noexcept {
    if constexpr (Copied) {
      kept_.emplace(x);
    } else {
      kept_ = std::addressof(x);
    }
  }
  void reset() noexcept {
    if constexpr (Copied) {
      kept_.reset();
    } else {
      kept_ = nullptr;
    }
  }

 private:
  std::conditional_t<Copied, std::optional<Stored>, const Stored*> kept_{};
};

// What guards of one element have in common: a version of an element, or none. Precondition of all members but bool: not empty.
template <class Engine>
class shows_element {
 protected:
  using element = typename engine_traits<Engine>::element;
  using stored = typename element::value_type;

 public:
  using key_type = typename element::key_type;
  using element_type = const stored;

  explicit operator bool() const noexcept { return static_cast<bool>(shown_); }

  element_type& operator*() const& noexcept { return shown_.get(); }
  element_type& operator*() const&& = delete;  // the reference would outlive the guard
  element_type* operator->() const noexcept { return std::addressof(shown_.get()); }

  [[nodiscard]] const key_type& key() const& noexcept { return element::key_of(shown_.get()); }
  const key_type& key() const&& = delete;
  [[nodiscard]] auto& value() const& noexcept { return shown<element>::mapped_of(shown_.get()); }
  void value() const&& = delete;

 protected:
  shows_element() noexcept = default;
  ~shows_element() = default;

  shown_element<stored, Engine::inline_pairs> shown_;
};

// What an iterator gives. Copies are shown by value; const, as to change a copy would change nothing.
template <class Stored, bool Copied>
struct shown_by_iterator {
  class arrow {
   public:
    explicit arrow(const Stored& x) : value_(x) {}
    const Stored* operator->() const noexcept { return std::addressof(value_); }

   private:
    Stored value_;
  };
  using reference = std::conditional_t<Copied, const Stored, const Stored&>;
  using pointer = std::conditional_t<Copied, arrow, const Stored*>;
  using category = std::conditional_t<Copied, std::input_iterator_tag, std::forward_iterator_tag>;

  static pointer pointer_to(const Stored& x) {
    if constexpr (Copied) {
      return arrow(x);
    } else {
      return std::addressof(x);
    }
  }
};

}  // namespace tandem::cell

#endif
