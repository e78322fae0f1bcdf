// The interface of elements that readers see without a lock, and that writes replace instead of changing them: what cell_index and
// tree_index have in common. Documented in these.
#ifndef TANDEM_CELL_REPLACING_HPP
#define TANDEM_CELL_REPLACING_HPP

#include <tandem/cell/index_guards.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>

#include <concepts>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::cell {

// Base: storing<Engine> or holding<Engine>.
template <class Base, class Engine>
class replacing : public Base {
 protected:
  using Base::engine_;
  using Base::nothing;
  using typename Base::called_from;
  using typename Base::caller;
  using typename Base::element;
  using typename Base::types;

 public:
  using Base::insert;
  using typename Base::key_type;
  using typename Base::size_type;
  using typename Base::value_type;
  using mapped_type = typename element::mapped_type;
  // Of find().
  using guard = index_guard<Engine>;

  // ---- Lookups.

  // A guard of the element; empty if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] guard find(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return guard(engine_, sought_in(sought));
  }
  // A copy of the value. Nothing if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] std::optional<mapped_type> get(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    std::optional<mapped_type> copy;
    engine_.look(sought_in(sought), [&](const value_type& x) { copy.emplace(x.second); });
    return copy;
  }
  // A copy of the value, or else `otherwise`.
  template <detail::key_for<types> Q = key_type, class V = mapped_type>
    requires std::constructible_from<mapped_type, V>
  [[nodiscard]] mapped_type value_or(const Q& k, V&& otherwise) const {
    std::optional<mapped_type> copy = get(k);
    return copy ? *std::move(copy) : static_cast<mapped_type>(std::forward<V>(otherwise));
  }
  // A copy of the value. Throws std::out_of_range if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] mapped_type at(const Q& k) const {
    std::optional<mapped_type> copy = get(k);
    if (!copy) throw std::out_of_range("tandem: at() of a key that is not in the map");
    return *std::move(copy);
  }
  // f(const T&), or f(const Key&, const T&): an optional of what it returned, which must not be a reference; bool, if it returns
  // nothing.
  template <detail::key_for<types> Q = key_type, class F>
  auto read(const Q& k, F&& f) const {
    visit_result<decltype(cell::call_with_value<element>(f, std::declval<const value_type&>()))> result;
    auto&& sought = detail::as_key<types>(k);
    engine_.look(sought_in(sought), [&](const value_type& x) {
      result.set([&]() -> decltype(auto) { return cell::call_with_value<element>(f, x); });
    });
    return std::move(result).get();
  }
  // f(const value_type&), or f(const Key&, const T&). Returns how many elements there are, 0 or 1.
  template <detail::key_for<types> Q = key_type, class F>
  size_type visit(const Q& k, F&& f) const {
    auto&& sought = detail::as_key<types>(k);
    return engine_.look(sought_in(sought), showing(f));
  }
  template <detail::key_for<types> Q = key_type, class F>
  size_type cvisit(const Q& k, F&& f) const {
    return visit(k, f);
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] size_type count(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    return engine_.look(sought_in(sought), nothing);
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] bool contains(const Q& k) const {
    return count(k) != 0;
  }

  // ---- Writes. Insertion returns whether the key is new; if not, arguments are not moved from, unless it is said otherwise.

  template <key_argument<types> K = key_type, class V = mapped_type>
    requires std::constructible_from<mapped_type, V> && (!std::same_as<K, V> || !std::input_iterator<K>)
  bool insert(K&& k, V&& value, caller where = caller::here()) {
    called_from const place(where);
    return placing<element>::place_value(engine_, nothing, nothing, std::forward<K>(k), std::forward<V>(value));
  }
  // The value is constructed from `args` if the key is absent, and only then.
  template <key_argument<types> K = key_type, class... Args>
  bool try_emplace(K&& k, Args&&... args) {
    static_assert(std::is_constructible_v<mapped_type, Args...>, "no value can be made from these arguments");
    called_from const place(caller::here());
    return placing<element>::place_value(engine_, nothing, nothing, std::forward<K>(k), std::forward<Args>(args)...);
  }
  // The key has this value afterwards. Returns whether it is new. If the key is there, a new version of the element takes its
  // place, in one step; its key is made from k, or stays where pairs lie in the cells. Strong.
  template <key_argument<types> K = key_type, class V = mapped_type>
    requires std::constructible_from<mapped_type, V>
  bool insert_or_assign(K&& k, V&& value, caller where = caller::here()) {
    called_from const place(where);
    return cell::with_key<types>(std::forward<K>(k), [&](const auto& sought, auto&& source) {
      return engine_.put(sought_in(sought), std::piecewise_construct,
                         std::forward_as_tuple(std::forward<decltype(source)>(source)),
                         std::forward_as_tuple(std::forward<V>(value)));
    });
  }
  // f(T&), or f(const Key&, T&), on a copy of the value, which then takes its place in one step: an optional of what f returned,
  // which must not be a reference; bool, if it returns nothing. Updates of one key come one after the other. If f throws
  // nothing has changed.
  template <detail::key_for<types> Q = key_type, class F>
    requires std::copy_constructible<value_type>
  auto update(const Q& k, F&& f, caller where = caller::here()) {
    called_from const place(where);
    visit_result<decltype(cell::call_with_value<element>(f, std::declval<value_type&>()))> result;
    auto&& sought = detail::as_key<types>(k);
    engine_.update(sought_in(sought), [&](value_type& x) {
      result.set([&]() -> decltype(auto) { return cell::call_with_value<element>(f, x); });
    });
    return std::move(result).get();
  }

  // Returns how many were erased.
  template <detail::key_for<types> Q = key_type>
  size_type erase(const Q& k, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.erase_if(sought_in(sought), always);
  }

 protected:
  using Base::Base;
  constexpr replacing() = default;
  ~replacing() = default;

  static constexpr auto always = [](const value_type&) noexcept { return true; };

  // What the engine looks for.
  template <class Q>
  decltype(auto) sought_in(const Q& k) const {
    return cell::sought_by(engine_, k);
  }
  template <class F>
  static auto showing(F& f) noexcept {
    return [&f](const value_type& x) { static_cast<void>(cell::call_visitor(f, x)); };
  }
  template <class F>
  static auto judging(F& f) noexcept {
    return [&f](const value_type& x) -> bool { return static_cast<bool>(cell::call_visitor(f, x)); };
  }
};

}  // namespace tandem::cell

#endif
