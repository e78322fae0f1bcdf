// Calling the functions that users pass, and making elements from the arguments that they pass: what all hash containers
// that are visited have in common below their interface.
#ifndef TANDEM_CELL_VISITOR_HPP
#define TANDEM_CELL_VISITOR_HPP

#include <tandem/cell/element.hpp>
#include <tandem/cell/table.hpp>
#include <tandem/detail/held_locks.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/misuse.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::detail {

// Who calls, for reports of re-entrancy (held_locks.hpp): nothing in release builds.
struct no_place {
  static constexpr no_place here() noexcept { return {}; }
};
class [[maybe_unused]] no_call_site {
 public:
  explicit constexpr no_call_site(no_place) noexcept {}
};
using caller = std::conditional_t<diagnoses_misuse, source_place, no_place>;
using called_from = std::conditional_t<diagnoses_misuse, call_site, no_call_site>;

template <class>
inline constexpr bool dependent_false = false;

// Moving a key out of an element and then failing to move its value would leave an element with half a key. So the key is
// moved if nothing can fail after it, and otherwise copied, if it can be copied. `Moves`: the engine can erase an element
// whose key has been moved from.
template <class Key, bool NothingFailsAfterwards, bool Moves>
decltype(auto) taken_key(const Key& k) noexcept {
  if constexpr (!std::copy_constructible<Key> || (NothingFailsAfterwards && Moves)) {
    return std::move(const_cast<Key&>(k));
  } else {
    return (k);
  }
}

template <class F, class X>
concept takes_key_and_value = requires(F& f, X& x) { std::invoke(f, std::as_const(x.first), x.second); };

template <class P>
inline constexpr bool is_pair = false;
template <class A, class B>
inline constexpr bool is_pair<std::pair<A, B>> = true;

}  // namespace tandem::detail

namespace tandem::cell {

// The parameters of an engine, by the names that detail::key_for wants.
template <class Engine>
struct engine_traits;
template <template <class...> class Engine, class Element, class Hash, class KeyEqual, class Allocator, class Options,
          class... More>
struct engine_traits<Engine<Element, Hash, KeyEqual, Allocator, Options, More...>> {
  using element = Element;
  using key = typename Element::key_type;
  using hasher = Hash;
  using key_equal = KeyEqual;
  using allocator = Allocator;
  using options = Options;
};

// ---- Visitors.

// How elements are shown and taken. `as<A>`: what a visitor with access A gets.
template <class Element>
struct shown;

template <class Key, class T>
struct shown<map_element<Key, T>> {
  using value_type = std::pair<const Key, T>;

  template <access A>
  static auto& as(value_type& x) noexcept {
    if constexpr (A == access::shared) {
      return std::as_const(x);
    } else {
      return x;
    }
  }
  template <access>
  static const value_type& as(const value_type& x) noexcept {
    return x;
  }
  static T& mapped_of(value_type& x) noexcept { return x.second; }
  static const T& mapped_of(const value_type& x) noexcept { return x.second; }

  // make(key, value), both moved out of `x` as far as that can be undone.
  template <bool MovesKeys, class Make>
  static decltype(auto) take(value_type& x, Make&& make) {
    constexpr bool nothing_fails = std::is_nothrow_move_constructible_v<T>;
    return make(detail::taken_key<Key, nothing_fails, MovesKeys>(x.first), std::move(x.second));
  }
};

template <class Key>
struct shown<set_element<Key>> {
  using value_type = Key;

  template <access>
  static const Key& as(const Key& x) noexcept {
    return x;
  }
  static const Key& mapped_of(const Key& x) noexcept { return x; }

  template <bool MovesKeys, class Make>
  static decltype(auto) take(Key& x, Make&& make) {
    return make(detail::taken_key<Key, true, MovesKeys>(x));
  }
};

// f(x), or f(key, value) if that is what `f` takes.
template <class F, class X>
decltype(auto) call_visitor(F& f, X& x) {
  if constexpr (std::invocable<F&, X&>) {
    return std::invoke(f, x);
  } else if constexpr (detail::takes_key_and_value<F, X>) {
    return std::invoke(f, std::as_const(x.first), x.second);
  } else {
    static_assert(
        detail::dependent_false<F>,
        "a visitor is called with an element, value_type&, or with (const Key&, T&); both are const in cvisit and "
        "its relatives, in const containers and in sets. This one takes neither");
  }
}

// f(value), or f(key, value) if that is what `f` takes: for read() and update(). X is a value_type.
template <class Element, class F, class X>
decltype(auto) call_with_value(F& f, X& x) {
  auto& value = shown<Element>::mapped_of(x);
  if constexpr (std::invocable<F&, decltype(value)>) {
    return std::invoke(f, value);
  } else if constexpr (detail::takes_key_and_value<F, X>) {
    return std::invoke(f, std::as_const(x.first), x.second);
  } else {
    static_assert(
        detail::dependent_false<F>,
        "the function is called with the value, T&, or with (const Key&, T&); the value is const in read() and in "
        "sets. This one takes neither");
  }
}

// What read() and update() return: an optional of what the function returned; bool where it returned nothing.
template <class R>
class visit_result {
  static_assert(
      !std::is_reference_v<R>,
      "the function returns a reference, which would be used after the element's lock has ended: return a value");

 public:
  using type = std::optional<std::remove_cvref_t<R>>;
  template <class Call>
  void set(Call&& call) {
    result_.emplace(call());
  }
  type get() && { return std::move(result_); }

 private:
  type result_;
};
template <>
class visit_result<void> {
 public:
  using type = bool;
  template <class Call>
  void set(Call&& call) {
    call();
    result_ = true;
  }
  type get() && { return result_; }

 private:
  bool result_ = false;
};

// What extract() returns. take(f) calls f(element), or not, and then erases the element.
template <class Element, bool MovesKeys, class Take>
std::optional<typename Element::value_type> extracted(Take&& take) {
  using value_type = typename Element::value_type;
  // A pair with a const key that cannot be copied cannot be moved either: it has to be made where it is returned.
  constexpr bool returns = std::move_constructible<value_type>;
  std::optional<std::conditional_t<returns, value_type, typename Element::init_type>> out;
  take([&](value_type& x) {
    shown<Element>::template take<MovesKeys>(
        x, [&](auto&&... parts) { out.emplace(std::forward<decltype(parts)>(parts)...); });
  });
  if constexpr (returns) {
    return out;
  } else {
    return out ? std::optional<value_type>(std::in_place, std::move(out->first), std::move(out->second))
               : std::optional<value_type>();
  }
}

// ---- Arguments.

// Calls target(functions..., arguments...) for all = arguments..., functions...: the last `Functions` of them.
template <std::size_t Functions, class Target, class... All>
decltype(auto) functions_first(Target&& target, All&&... all) {
  static_assert(sizeof...(All) >= Functions, "the last arguments of an _or_visit or _and_visit are its visitors");
  constexpr std::size_t arguments = sizeof...(All) - Functions;
  auto each = std::forward_as_tuple(std::forward<All>(all)...);
  return
      [&]<std::size_t... I, std::size_t... F>(std::index_sequence<I...>, std::index_sequence<F...>) -> decltype(auto) {
        return target(std::get<arguments + F>(std::move(each))..., std::get<I>(std::move(each))...);
      }(std::make_index_sequence<arguments>(), std::make_index_sequence<Functions>());
}

template <class K, class Types>
concept key_argument = detail::key_for<std::remove_cvref_t<K>, Types>;

// Calls use(what to look up, what to make the key from): twice the same, unless a key has to be made for the lookup.
template <class Types, key_argument<Types> K, class Use>
decltype(auto) with_key(K&& k, Use&& use) {
  using key = typename Types::key;
  using given = std::remove_cvref_t<K>;
  if constexpr (std::same_as<given, key> || detail::transparent_key_for<given, Types> ||
                detail::transparent_bound_for<given, Types>) {
    return use(std::as_const(k), std::forward<K>(k));
  } else {
    key made = static_cast<key>(std::forward<K>(k));
    return use(std::as_const(made), std::move(made));
  }
}

template <class Engine, class Q>
detail::prehashed<Q> with_hash(const Engine& engine, const Q& k) {
  return {k, engine.hash_of(k)};
}

// What an engine looks for: a key and its hash, where it hashes.
template <class Engine, class Q>
decltype(auto) sought_by(const Engine& engine, const Q& k) {
  if constexpr (requires { engine.hash_of(k); }) {
    return cell::with_hash(engine, k);
  } else {
    return (k);
  }
}

// Engine::emplace for the arguments of a constructor of value_type: finds the key among them, and makes one only where there
// is none; makes no value before the key is known to be absent, except from an argument that converts to a pair.
template <class Element>
struct placing;

template <class Key, class T>
struct placing<map_element<Key, T>> {
  template <class Engine, class New, class Old>
  static bool place(Engine& engine, New&& on_new, Old&& on_old) {
    return place(engine, on_new, on_old, std::piecewise_construct, std::tuple<>(), std::tuple<>());
  }

  template <class Engine, class New, class Old, class K, class V>
  static bool place(Engine& engine, New&& on_new, Old&& on_old, K&& k, V&& v) {
    if constexpr (std::same_as<std::remove_cvref_t<K>, Key>) {
      return engine.emplace(cell::sought_by(engine, k), on_new, on_old, std::forward<K>(k), std::forward<V>(v));
    } else {
      Key made = static_cast<Key>(std::forward<K>(k));
      return engine.emplace(cell::sought_by(engine, made), on_new, on_old, std::move(made), std::forward<V>(v));
    }
  }

  template <class Engine, class New, class Old, class P>
  static bool place(Engine& engine, New&& on_new, Old&& on_old, P&& p) {
    if constexpr (detail::is_pair<std::remove_cvref_t<P>>) {
      return place(engine, on_new, on_old, std::get<0>(std::forward<P>(p)), std::get<1>(std::forward<P>(p)));
    } else {
      std::conditional_t<std::constructible_from<std::pair<Key, T>, P>, std::pair<Key, T>, std::pair<const Key, T>>
          made(std::forward<P>(p));
      return place(engine, on_new, on_old, std::move(made.first), std::move(made.second));
    }
  }

  template <class Engine, class New, class Old, class... K, class V>
  static bool place(Engine& engine, New&& on_new, Old&& on_old, std::piecewise_construct_t, std::tuple<K...> k, V&& v) {
    if constexpr ((std::same_as<std::remove_cvref_t<K>, Key> && ...) && sizeof...(K) == 1) {
      const Key& seen = std::get<0>(k);
      return engine.emplace(cell::sought_by(engine, seen), on_new, on_old, std::piecewise_construct, std::move(k),
                            std::forward<V>(v));
    } else {
      Key made = std::make_from_tuple<Key>(std::move(k));
      return engine.emplace(cell::sought_by(engine, made), on_new, on_old, std::piecewise_construct,
                            std::forward_as_tuple(std::move(made)), std::forward<V>(v));
    }
  }

  // try_emplace: k is the key or stands for it, v... are for the value.
  template <class Engine, class New, class Old, class K, class... V>
  static bool place_value(Engine& engine, New&& on_new, Old&& on_old, K&& k, V&&... v) {
    return cell::with_key<engine_traits<Engine>>(std::forward<K>(k), [&](const auto& sought, auto&& source) {
      static_assert(std::constructible_from<Key, decltype(source)>,
                    "this type can be looked up in the place of a key, but no key can be made from it");
      return engine.emplace(cell::sought_by(engine, sought), on_new, on_old, std::piecewise_construct,
                            std::forward_as_tuple(std::forward<decltype(source)>(source)),
                            std::forward_as_tuple(std::forward<V>(v)...));
    });
  }
};

template <class Key>
struct placing<set_element<Key>> {
  template <class Engine, class New, class Old, class... Args>
  static bool place(Engine& engine, New&& on_new, Old&& on_old, Args&&... args) {
    Key made(std::forward<Args>(args)...);
    return place(engine, on_new, on_old, std::move(made));
  }

  template <class Engine, class New, class Old, class K>
    requires key_argument<K, engine_traits<Engine>>
  static bool place(Engine& engine, New&& on_new, Old&& on_old, K&& k) {
    return cell::with_key<engine_traits<Engine>>(std::forward<K>(k), [&](const auto& sought, auto&& source) {
      static_assert(std::constructible_from<Key, decltype(source)>,
                    "this type can be looked up in the place of a key, but no key can be made from it");
      return engine.emplace(cell::sought_by(engine, sought), on_new, on_old, std::forward<decltype(source)>(source));
    });
  }
};

}  // namespace tandem::cell

#endif
