// Where a table keeps one element, in one of three ways:
//
//   direct_slot   the element itself: moved without exceptions, and not large
//   boxed_slot    a pointer to it: for the others; a move of the table's is a move of the pointer
//   word_slot     the element's bytes in atomic words: for pairs that readers copy without a lock. What functions are
//                 given is a copy; changes are written back when the function is done
//
// A slot is empty, or holds an element from `make` to `destroy`, `relocate` or `take_out`. Only the holder of the cell's
// lock changes slots. Each kind offers:
//
//   make(allocator, slot, args...)      constructs an element; throws what the constructor or the allocator throws
//   destroy(allocator, slot)
//   relocate(to, from)                  noexcept; `from` is empty afterwards
//   key(slot)                           const Key&, or a copy of it
//   with(slot, f)                       f(value_type&), and writes back
//   look(slot, f)                       f(const value_type&)
//   view                                for guards: view(slot), *view; write_back(slot)
//   prepare(slot)                       before its first use, by the one who makes the cell
#ifndef TANDEM_CELL_SLOT_HPP
#define TANDEM_CELL_SLOT_HPP

#include <tandem/cell/element.hpp>
#include <tandem/cell/published_slot.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace tandem::cell {

// What guards use where the element itself is at hand.
template <class Value>
class direct_view {
 public:
  explicit direct_view(Value& v) noexcept : value_(std::addressof(v)) {}
  Value& operator*() const noexcept { return *value_; }
  template <class Slot>
  void write_back(Slot&) const noexcept {}

 private:
  Value* value_;
};

template <class Element, class Allocator>
class direct_slot {
 public:
  using value_type = typename Element::value_type;
  using key_type = typename Element::key_type;
  using view = direct_view<value_type>;
  static constexpr bool words = false;

  static void prepare(direct_slot&) noexcept {}

  template <class... Args>
  static void make(Allocator& allocator, direct_slot& s, Args&&... args) {
    std::allocator_traits<Allocator>::construct(allocator, s.place(), std::forward<Args>(args)...);
  }
  static void destroy(Allocator& allocator, direct_slot& s) noexcept {
    std::allocator_traits<Allocator>::destroy(allocator, std::addressof(s.value()));
  }
  static void relocate(direct_slot& to, direct_slot& from) noexcept { Element::relocate(to.bytes_, from.value()); }

  static const key_type& key(const direct_slot& s) noexcept {
    return Element::key_of(const_cast<direct_slot&>(s).value());
  }
  template <class F>
  static decltype(auto) with(direct_slot& s, F&& f) {
    return std::forward<F>(f)(s.value());
  }
  template <class F>
  static decltype(auto) look(const direct_slot& s, F&& f) {
    return std::forward<F>(f)(std::as_const(const_cast<direct_slot&>(s).value()));
  }
  static view see(direct_slot& s) noexcept { return view(s.value()); }
  static value_type& value(direct_slot& s) noexcept { return s.value(); }

 private:
  value_type* place() noexcept { return reinterpret_cast<value_type*>(bytes_); }
  value_type& value() noexcept { return *std::launder(place()); }

  alignas(value_type) std::byte bytes_[sizeof(value_type)];
};

template <class Element, class Allocator>
class boxed_slot {
 public:
  using value_type = typename Element::value_type;
  using key_type = typename Element::key_type;
  using view = direct_view<value_type>;
  static constexpr bool words = false;

  static void prepare(boxed_slot&) noexcept {}

  template <class... Args>
  static void make(Allocator& allocator, boxed_slot& s, Args&&... args) {
    using traits = std::allocator_traits<Allocator>;
    auto const place = traits::allocate(allocator, 1);
    try {
      traits::construct(allocator, std::to_address(place), std::forward<Args>(args)...);
    } catch (...) {
      traits::deallocate(allocator, place, 1);
      throw;
    }
    s.value_ = std::to_address(place);
  }
  static void destroy(Allocator& allocator, boxed_slot& s) noexcept {
    using traits = std::allocator_traits<Allocator>;
    traits::destroy(allocator, s.value_);
    traits::deallocate(allocator, std::pointer_traits<typename traits::pointer>::pointer_to(*s.value_), 1);
  }
  static void relocate(boxed_slot& to, boxed_slot& from) noexcept { to.value_ = from.value_; }

  static const key_type& key(const boxed_slot& s) noexcept { return Element::key_of(*s.value_); }
  template <class F>
  static decltype(auto) with(boxed_slot& s, F&& f) {
    return std::forward<F>(f)(*s.value_);
  }
  template <class F>
  static decltype(auto) look(const boxed_slot& s, F&& f) {
    return std::forward<F>(f)(std::as_const(*s.value_));
  }
  static view see(boxed_slot& s) noexcept { return view(*s.value_); }
  static value_type& value(boxed_slot& s) noexcept { return *s.value_; }

 private:
  value_type* value_;
};

template <class Element, class Allocator, class Sync>
class word_slot {
 public:
  using value_type = typename Element::value_type;
  using key_type = typename Element::key_type;
  static constexpr bool words = true;
  static constexpr std::size_t length = (Element::plain_size + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);

  // A copy of an element, to be used only when the lock's version says that it is one.
  class image {
   public:
    key_type key() const noexcept { return Element::key_from_bytes(bytes()); }
    value_type value() const noexcept { return Element::from_bytes(bytes()); }

   private:
    friend class word_slot;
    const std::byte* bytes() const noexcept { return reinterpret_cast<const std::byte*>(words_.data()); }
    std::array<std::uint64_t, length> words_;
  };

  class view {
   public:
    explicit view(const word_slot& s) noexcept : value_(s.copy().value()) {}
    value_type& operator*() const noexcept { return value_; }
    void write_back(word_slot& s) const noexcept { s.put(value_); }

   private:
    mutable value_type value_;
  };

  static void prepare(word_slot& s) noexcept { std::construct_at(&s); }

  template <class... Args>
  static void make(Allocator& allocator, word_slot& s, Args&&... args) {
    union room {
      room() noexcept {}
      ~room() {}
      value_type value;
    } made;
    std::allocator_traits<Allocator>::construct(allocator, std::addressof(made.value), std::forward<Args>(args)...);
    s.put(made.value);
    std::allocator_traits<Allocator>::destroy(allocator, std::addressof(made.value));
  }
  static void destroy(Allocator&, word_slot&) noexcept {}
  static void relocate(word_slot& to, word_slot& from) noexcept {
    for (std::size_t i = 0; i != length; ++i) {
      to.words_[i].store(from.words_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
  }

  static key_type key(const word_slot& s) noexcept { return s.copy().key(); }
  template <class F>
  static decltype(auto) with(word_slot& s, F&& f) {
    struct writer {
      word_slot& slot;
      value_type value;
      ~writer() { slot.put(value); }
    } copy{s, s.copy().value()};
    return std::forward<F>(f)(copy.value);
  }
  template <class F>
  static decltype(auto) look(const word_slot& s, F&& f) {
    value_type const value = s.copy().value();
    return std::forward<F>(f)(value);
  }
  static view see(word_slot& s) noexcept { return view(s); }

  image copy() const noexcept {
    image copied;
    // order[copy]: acquire load; pairs with [put]: with a word of a later writer comes the sight of that one's lock, see
    //   versioned_lock.hpp.
    for (std::size_t i = 0; i != length; ++i) copied.words_[i] = words_[i].load(std::memory_order_acquire);
    return copied;
  }

 private:
  void put(const value_type& v) noexcept {
    std::array<std::uint64_t, length> w{};
    Element::to_bytes(v, reinterpret_cast<std::byte*>(w.data()));
    // order[put]: release store; pairs with [copy]: as there.
    for (std::size_t i = 0; i != length; ++i) words_[i].store(w[i], std::memory_order_release);
  }

  typename Sync::template word<std::uint64_t> words_[length];
};

// Elements up to this size are kept in the cell.
inline constexpr std::size_t largest_direct = 256;
// And up to this many bytes are copied instead of locked.
inline constexpr std::size_t largest_copied = 64;

template <class Element, class Allocator, class Sync, bool Optimistic>
struct slot_choice {
  static constexpr bool copied = Optimistic && Sync::concurrent && [] {
    if constexpr (Element::is_plain) {
      return Element::plain_size <= largest_copied;
    } else {
      return false;
    }
  }();
  static constexpr bool direct = Element::moves_nothrow && sizeof(typename Element::value_type) <= largest_direct;
  using of_locked =
      typename std::conditional_t<copied, std::type_identity<word_slot<Element, Allocator, Sync>>,
                                  std::conditional_t<direct, std::type_identity<direct_slot<Element, Allocator>>,
                                                     std::type_identity<boxed_slot<Element, Allocator>>>>::type;
  using type = typename std::conditional_t<Sync::lock_free_reads,
                                           std::type_identity<published_slot<Element, Allocator, Sync, Optimistic>>,
                                           std::type_identity<of_locked>>::type;
};

}  // namespace tandem::cell

#endif
