// What a value_bag keeps in its array for a value: the value itself, or a pointer-sized owner of a node that holds it.
//
// The array moves its elements about and must not fail half way, so an element never throws when moved. The kinds:
//
//   direct_value   T itself
//   boxed_value    a node of its own, copied with the box; for a T whose move may throw
//   shared_value   a node that copies of the box have in common; the last one destroys it. The count is a plain number:
//                  copy and destroy the boxes of one node on one thread at a time. Any thread may read the value
//                  meanwhile, and `copy` it: that makes a node of its own.
//
// Each kind offers: `element`; `value(element)`; `make(allocator, args...)`, which constructs a T; `copy(allocator,
// where, element)`, which constructs a copy for a bag with this allocator; `transfer(allocator, where, element&)`,
// which does so but may take the value out of the old element, and `transfer_is_nothrow`; `is_copyable`.
//
// An allocator's own `construct`, if it has one, makes values in `make`, `copy` and `transfer`. Moves within a bag do
// not use it.
#ifndef TANDEM_DETAIL_STORED_VALUE_HPP
#define TANDEM_DETAIL_STORED_VALUE_HPP

#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace tandem::detail {

template <class Allocator, class T, class... Args>
concept constructs_specially = requires(Allocator& allocator, T* where, Args&&... args) {
  allocator.construct(where, std::forward<Args>(args)...);
};

// Memory for a T that somebody else constructs and destroys.
template <class T>
union uninitialized {
  constexpr uninitialized() noexcept {}
  constexpr ~uninitialized() {}
  T value;
};

template <class T, class Allocator>
struct direct_value {
  using element = T;
  static constexpr bool is_copyable = std::copy_constructible<T>;
  static constexpr bool transfer_is_nothrow =
      std::is_nothrow_move_constructible_v<T> && !constructs_specially<Allocator, T, T&&>;

  static const T& value(const element& e) noexcept { return e; }

  template <class... Args>
  static element make(const Allocator& allocator, Args&&... args) {
    if constexpr (constructs_specially<Allocator, T, Args...>) {
      Allocator a = allocator;
      uninitialized<T> made;
      a.construct(std::addressof(made.value), std::forward<Args>(args)...);
      struct destroyer {
        T* target;
        ~destroyer() { std::destroy_at(target); }
      } const guard{std::addressof(made.value)};
      return T(std::move(made.value));
    } else {
      return T(std::forward<Args>(args)...);
    }
  }

  static void copy(const Allocator& allocator, element* where, const element& from) {
    Allocator a = allocator;
    std::allocator_traits<Allocator>::construct(a, where, from);
  }

  static void transfer(const Allocator& allocator, element* where, element& from) {
    Allocator a = allocator;
    if constexpr (transfer_is_nothrow || !is_copyable) {
      std::allocator_traits<Allocator>::construct(a, where, std::move(from));
    } else {
      std::allocator_traits<Allocator>::construct(a, where, std::as_const(from));
    }
  }
};

// The owner of a node, or empty after a move. A node remembers its allocator, so a box is destroyed without help.
template <class T, class Allocator, bool Shared>
class value_box {
 public:
  template <class... Args>
  static value_box make(const Allocator& allocator, Args&&... args) {
    node_allocator memory(allocator);
    auto place = node_traits::allocate(memory, 1);
    node* made = ::new (static_cast<void*>(std::to_address(place))) node(allocator);
    try {
      std::allocator_traits<Allocator>::construct(made->allocator, std::addressof(made->content.value),
                                                  std::forward<Args>(args)...);
    } catch (...) {
      std::destroy_at(made);
      node_traits::deallocate(memory, place, 1);
      throw;
    }
    return value_box(made);
  }

  value_box(const value_box& other)
    requires Shared
      : node_(other.node_) {
    if (node_ != nullptr) ++node_->owners;
  }
  value_box(const value_box& other)
    requires(!Shared && std::copy_constructible<T>)
      : value_box(other.node_ != nullptr ? make(other.node_->allocator, *other) : value_box(nullptr)) {}
  value_box(value_box&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  value_box& operator=(value_box other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }

  ~value_box() {
    if (node_ == nullptr || --node_->owners != 0) return;
    node_allocator memory(node_->allocator);
    std::allocator_traits<Allocator>::destroy(node_->allocator, std::addressof(node_->content.value));
    std::destroy_at(node_);
    node_traits::deallocate(memory, std::pointer_traits<typename node_traits::pointer>::pointer_to(*node_), 1);
  }

  const T& operator*() const noexcept { return node_->content.value; }
  T& operator*() noexcept { return node_->content.value; }

 private:
  struct node {
    explicit node(const Allocator& a) noexcept : allocator(a) {}

    uninitialized<T> content;
    unsigned owners = 1;
    [[no_unique_address]] Allocator allocator;
  };
  using node_traits = typename std::allocator_traits<Allocator>::template rebind_traits<node>;
  using node_allocator = typename node_traits::allocator_type;

  explicit value_box(node* made) noexcept : node_(made) {}

  node* node_;
};

// What boxed_value and shared_value have in common.
template <class T, class Allocator, bool Shared>
struct value_in_node {
  using element = value_box<T, Allocator, Shared>;
  static constexpr bool is_copyable = std::copy_constructible<T>;

  static const T& value(const element& e) noexcept { return *e; }

  template <class... Args>
  static element make(const Allocator& allocator, Args&&... args) {
    return element::make(allocator, std::forward<Args>(args)...);
  }
  static void copy(const Allocator& allocator, element* where, const element& from) {
    std::construct_at(where, element::make(allocator, *from));
  }
};

template <class T, class Allocator>
struct boxed_value : value_in_node<T, Allocator, false> {
  using element = typename value_in_node<T, Allocator, false>::element;
  static constexpr bool transfer_is_nothrow = false;

  static void transfer(const Allocator& allocator, element* where, element& from) {
    if constexpr (std::copy_constructible<T>) {
      boxed_value::copy(allocator, where, from);
    } else {
      std::construct_at(where, element::make(allocator, std::move(*from)));
    }
  }
};

// Values stay with the allocator they were made with, in whichever bag they are.
template <class T, class Allocator>
struct shared_value : value_in_node<T, Allocator, true> {
  using element = typename value_in_node<T, Allocator, true>::element;
  static constexpr bool transfer_is_nothrow = true;

  static void transfer(const Allocator&, element* where, element& from) noexcept {
    std::construct_at(where, std::move(from));
  }
};

}  // namespace tandem::detail

#endif
