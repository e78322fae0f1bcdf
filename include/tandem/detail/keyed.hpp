// How a container hashes and compares keys: the user's functions, made transparent and mixed, and keys whose hash is known.
//
// A `prehashed<Q>` is a key, or something that compares equal to one, beside its hash: a map that is given keyed_hash and
// keyed_equal finds it without hashing again. An operation of evmap is hashed once, when it is appended.
#ifndef TANDEM_DETAIL_KEYED_HPP
#define TANDEM_DETAIL_KEYED_HPP

#include <tandem/hash.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace tandem::detail {

// `void` in an options struct stands for the default.
template <class Chosen, class Default>
using chosen_or = std::conditional_t<std::is_void_v<Chosen>, Default, Chosen>;

// Hash and equality both accept a Q in the place of a key: no key has to be made for a lookup.
template <class Q, class Types>
concept transparent_key_for =
    requires {
      typename Types::hasher::is_transparent;
      typename Types::key_equal::is_transparent;
    } && std::invocable<const typename Types::hasher&, const Q&> &&
    std::predicate<const typename Types::key_equal&, const Q&, const typename Types::key&>;

// The same where keys are ordered.
template <class Q, class Types>
concept transparent_bound_for = requires { typename Types::compare::is_transparent; } &&
                                std::predicate<const typename Types::compare&, const Q&, const typename Types::key&> &&
                                std::predicate<const typename Types::compare&, const typename Types::key&, const Q&>;

// What a lookup takes: a key, something to look up in its place, or something that converts to a key.
template <class Q, class Types>
concept key_for = std::same_as<Q, typename Types::key> || transparent_key_for<Q, Types> ||
                  transparent_bound_for<Q, Types> || std::convertible_to<const Q&, typename Types::key>;

// What to look up for `k`: itself, or the key that it converts to.
template <class Types, key_for<Types> Q>
decltype(auto) as_key(const Q& k) {
  using key = typename Types::key;
  if constexpr (std::same_as<Q, key> || transparent_key_for<Q, Types> || transparent_bound_for<Q, Types>) {
    return (k);
  } else {
    return static_cast<key>(k);
  }
}

template <class Q>
struct prehashed {
  const Q& key;
  std::size_t hash;
};

// Numbers and the like by value, everything else by reference: a number whose address nobody takes stays in a register.
template <class Q>
class by_reference {
 public:
  explicit by_reference(const Q& k) noexcept : key_(std::addressof(k)) {}
  const Q& get() const noexcept { return *key_; }

 private:
  const Q* key_;
};
template <class Q>
class by_value {
 public:
  explicit by_value(const Q& k) noexcept : key_(k) {}
  const Q& get() const noexcept { return key_; }

 private:
  Q key_;
};
template <class Q>
auto in_register(const Q& k) noexcept {
  if constexpr (std::is_scalar_v<Q>) {
    return by_value<Q>(k);
  } else {
    return by_reference<Q>(k);
  }
}

template <class Key, class Hash>
class keyed_hash {
 public:
  using is_transparent = void;
  using is_avalanching = std::true_type;

  keyed_hash() = default;
  explicit keyed_hash(Hash hash) : hash_(hash) {}

  // noexcept for scalars only, if Hash is: libstdc++ takes a hash that may throw for a slow one, and stores it beside the
  // key, instead of hashing the keys that it passes in a bucket again and again.
  std::size_t operator()(const Key& k) const
      noexcept(std::is_scalar_v<Key> && noexcept(mixed(std::declval<const Hash&>(), k))) {
    return mixed(hash_, k);
  }

  template <class Q>
    requires(!std::same_as<Q, Key> && std::invocable<const Hash&, const Q&>)
  std::size_t operator()(const Q& k) const {
    return mixed(hash_, k);
  }

  template <class Q>
  std::size_t operator()(const prehashed<Q>& k) const noexcept {
    return k.hash;
  }

 private:
  [[no_unique_address]] Hash hash_;
};

template <class Key, class Equal>
class keyed_equal {
 public:
  using is_transparent = void;

  keyed_equal() = default;
  explicit keyed_equal(Equal equal) : equal_(equal) {}

  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return equal_(bare(a), bare(b));
  }

 private:
  template <class Q>
  static const Q& bare(const Q& k) noexcept {
    return k;
  }
  template <class Q>
  static const Q& bare(const prehashed<Q>& k) noexcept {
    return k.key;
  }

  [[no_unique_address]] Equal equal_;
};

}  // namespace tandem::detail

#endif
