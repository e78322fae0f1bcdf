// What containers have whose elements are inserted and looked up by a key, whether they hash or compare: types, insertion, size.
#ifndef TANDEM_CELL_HOLDING_HPP
#define TANDEM_CELL_HOLDING_HPP

#include <tandem/cell/element.hpp>
#include <tandem/cell/table.hpp>
#include <tandem/cell/visitor.hpp>

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>

namespace tandem::cell {

template <class Engine>
class holding {
 protected:
  using types = engine_traits<Engine>;
  using element = typename types::element;
  using caller = detail::caller;
  using called_from = detail::called_from;

 public:
  using key_type = typename element::key_type;
  using value_type = typename element::value_type;
  // What {k, v} becomes: a pair whose key can be moved from, or the key of a set.
  using init_type = typename element::init_type;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using allocator_type = typename types::allocator;
  using reference = value_type&;
  using const_reference = const value_type&;
  using pointer = typename std::allocator_traits<allocator_type>::pointer;
  using const_pointer = typename std::allocator_traits<allocator_type>::const_pointer;

  // ---- Insertion. These return whether they have inserted an element; if not, the one with that key is as it was, and
  // arguments are not moved from. (What is made for the lookup, for want of a key among the arguments, is.)

  // Constructs value_type(args...) if its key is absent.
  template <class... Args>
  bool emplace(Args&&... args) {
    called_from const place(caller::here());
    return emplace_with(nothing, nothing, std::forward<Args>(args)...);
  }

  // X: a value_type, an init_type, or whatever a value_type can be made from.
  bool insert(init_type&& x, caller where = caller::here()) {
    called_from const place(where);
    return emplace_with(nothing, nothing, std::move(x));
  }
  template <class X>
    requires std::is_constructible_v<value_type, X>
  bool insert(X&& x, caller where = caller::here()) {
    called_from const place(where);
    return emplace_with(nothing, nothing, std::forward<X>(x));
  }

  // All of a range, one after the other. These return how many were inserted.
  template <std::input_iterator It>
    requires std::is_constructible_v<value_type, std::iter_reference_t<It>>
  size_type insert(It first, It last, caller where = caller::here()) {
    return insert_each(first, last, [&](auto&& x) { return insert(std::forward<decltype(x)>(x), where); });
  }
  size_type insert(std::initializer_list<value_type> list, caller where = caller::here()) {
    return insert(list.begin(), list.end(), where);
  }
  template <std::ranges::input_range R>
  size_type insert_range(R&& range, caller where = caller::here()) {
    return insert_each(std::ranges::begin(range), std::ranges::end(range),
                       [&](auto&& x) { return insert(std::forward<decltype(x)>(x), where); });
  }

  // ---- The whole. What others change meanwhile makes a size an estimate.

  [[nodiscard]] size_type size() const noexcept { return engine_.size(); }
  [[nodiscard]] bool empty() const noexcept { return engine_.empty(); }
  [[nodiscard]] allocator_type get_allocator() const noexcept { return engine_.get_allocator(); }

 protected:
  constexpr holding() = default;
  template <class... Args>
  explicit holding(std::in_place_t, Args&&... args) : engine_(std::forward<Args>(args)...) {}
  ~holding() = default;

  static constexpr ignore nothing{};

  template <class New, class Old, class... Args>
  bool emplace_with(New&& on_new, Old&& on_old, Args&&... args) {
    static_assert(std::is_constructible_v<value_type, Args...>, "no element can be made from these arguments");
    return placing<element>::place(engine_, on_new, on_old, std::forward<Args>(args)...);
  }
  template <class It, class End, class Insert>
  static size_type insert_each(It first, End last, Insert&& insert_one) {
    size_type n = 0;
    for (; first != last; ++first) n += static_cast<size_type>(insert_one(*first));
    return n;
  }

  Engine engine_;
};

}  // namespace tandem::cell

#endif
