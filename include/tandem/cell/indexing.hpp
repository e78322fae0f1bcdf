// The interface of cell_index's elements: lookups that take no lock, and writes that replace elements instead of changing them.
// Documented in cell_index.hpp.
#ifndef TANDEM_CELL_INDEXING_HPP
#define TANDEM_CELL_INDEXING_HPP

#include <tandem/cell/index_guards.hpp>
#include <tandem/cell/index_table.hpp>
#include <tandem/cell/storing.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::cell {

template <class Engine>
class indexing : public storing<Engine> {
  using base = storing<Engine>;

 protected:
  using base::engine_;
  using base::hashed;
  using base::nothing;
  using typename base::called_from;
  using typename base::caller;
  using typename base::element;
  using typename base::types;

 public:
  using base::insert;
  using typename base::key_type;
  using typename base::size_type;
  using typename base::value_type;
  using mapped_type = typename element::mapped_type;
  using guard = index_guard<Engine>;
  using range_guard = index_range<Engine>;

  // ---- Lookups.

  // A guard of the element; empty if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] guard find(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return guard(engine_, hashed(sought));
  }
  // A guard of everything: a forward range of const value_type&, or of const value_type where pairs are kept in words; and
  // lookups that cost less.
  [[nodiscard]] range_guard enter(caller where = caller::here()) const {
    called_from const place(where);
    return range_guard(engine_);
  }

  // A copy of the value. Nothing if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] std::optional<mapped_type> get(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    std::optional<mapped_type> copy;
    engine_.look(hashed(sought), [&](const value_type& x) { copy.emplace(x.second); });
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
    engine_.look(hashed(sought), [&](const value_type& x) {
      result.set([&]() -> decltype(auto) { return cell::call_with_value<element>(f, x); });
    });
    return std::move(result).get();
  }
  // f(const value_type&), or f(const Key&, const T&). Returns how many elements there are, 0 or 1.
  template <detail::key_for<types> Q = key_type, class F>
  size_type visit(const Q& k, F&& f) const {
    auto&& sought = detail::as_key<types>(k);
    return engine_.look(hashed(sought), showing(f));
  }
  template <detail::key_for<types> Q = key_type, class F>
  size_type cvisit(const Q& k, F&& f) const {
    return visit(k, f);
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] size_type count(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    return engine_.look(hashed(sought), nothing);
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] bool contains(const Q& k) const {
    return count(k) != 0;
  }

  // f(element) for those of the keys in [first, last) that are there, in their order. Returns how many were. Faster than as many
  // visits: the thread is pinned once, and the memory that several lookups need is asked for together.
  template <std::forward_iterator It, class F>
  size_type visit(It first, It last, F&& f) const {
    auto const pinned = engine_.enter();
    return engine_.look_bulk(first, last, showing(f));
  }
  template <std::forward_iterator It, class F>
  size_type cvisit(It first, It last, F&& f) const {
    return visit(first, last, f);
  }

  // f(element) for each. Returns how many there were.
  template <class F>
  size_type visit_all(F&& f) const {
    auto const pinned = engine_.enter();
    size_type n = 0;
    engine_.scan([&](const value_type& x) {
      ++n;
      static_cast<void>(cell::call_visitor(f, x));
      return true;
    });
    return n;
  }
  template <class F>
  size_type cvisit_all(F&& f) const {
    return visit_all(f);
  }
  // While f(element) is true. Returns whether it was each time.
  template <class F>
  bool visit_while(F&& f) const {
    auto const pinned = engine_.enter();
    return engine_.scan([&](const value_type& x) { return static_cast<bool>(cell::call_visitor(f, x)); });
  }
  template <class F>
  bool cvisit_while(F&& f) const {
    return visit_while(f);
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
  // place, in one step; its key is made from k. Strong.
  template <key_argument<types> K = key_type, class V = mapped_type>
    requires std::constructible_from<mapped_type, V>
  bool insert_or_assign(K&& k, V&& value, caller where = caller::here()) {
    called_from const place(where);
    return cell::with_key<types>(std::forward<K>(k), [&](const auto& sought, auto&& source) {
      return engine_.put(hashed(sought), std::piecewise_construct,
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
    engine_.update(hashed(sought), [&](value_type& x) {
      result.set([&]() -> decltype(auto) { return cell::call_with_value<element>(f, x); });
    });
    return std::move(result).get();
  }

  // These return how many were erased.
  template <detail::key_for<types> Q = key_type>
  size_type erase(const Q& k, caller where = caller::here()) {
    return erase_if(k, [](const value_type&) { return true; }, where);
  }
  // If pred(element) is true.
  template <detail::key_for<types> Q = key_type, class Predicate>
  size_type erase_if(const Q& k, Predicate&& pred, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.erase_if(hashed(sought), judging(pred));
  }
  // All elements for which pred(element) is true.
  template <class Predicate>
  size_type erase_if(Predicate&& pred, caller where = caller::here()) {
    called_from const place(where);
    return engine_.erase_if(judging(pred));
  }
  void clear() noexcept { engine_.clear(); }

 protected:
  using base::base;
  constexpr indexing() = default;
  ~indexing() = default;

  // Readers may be looking at them.
  static constexpr bool moves_elements = false;
  static void move_elements(indexing& to, indexing& from) {
    from.visit_all([&](const value_type& x) { to.emplace(x); });
    from.clear();
  }

  static bool equal(const indexing& a, const indexing& b) {
    if (std::addressof(a) == std::addressof(b)) return true;
    if (a.size() != b.size()) return false;
    return a.visit_while([&](const value_type& x) {
      bool same = false;
      b.visit(x.first, [&](const value_type& y) { same = static_cast<bool>(x.second == y.second); });
      return same;
    });
  }

 private:
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
