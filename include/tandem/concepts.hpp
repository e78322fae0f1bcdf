// What tandem asks of a user's types, in code where a compiler can check it and in words where it cannot.
#ifndef TANDEM_CONCEPTS_HPP
#define TANDEM_CONCEPTS_HPP

#include <concepts>
#include <type_traits>
#include <utility>

namespace tandem {

// T can be kept in a left_right with operations of type Op. Applying one operation to two equal Ts must leave them equal.
template <class T, class Op>
concept absorbs = std::is_object_v<T> && std::move_constructible<Op> &&
                  requires(T& t, Op& op, const T& other) { t.absorb_first(op, other); };

// T has its own way to apply an operation for the second time, and use it up.
template <class T, class Op>
concept absorbs_twice =
    absorbs<T, Op> && requires(T& t, Op& op, const T& other) { t.absorb_second(std::move(op), other); };

// T has its own way to become equal to another T.
template <class T>
concept synchronizes = requires(T& t, const T& other) { t.sync_with(other); };

// T promises that an absorb that throws has changed neither T nor the operation.
template <class T>
concept absorbs_strongly = requires { requires static_cast<bool>(T::absorbs_strongly); };

}  // namespace tandem

#endif
