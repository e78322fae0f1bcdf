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

// A copy of a T, made byte by byte, is as good as the T when that is gone: it refers to nothing. Maps copy such keys and
// values out instead of locking them. True for numbers and enumerations; say so for a type of your own that is trivially
// copyable, holds no pointers, and is compared and hashed by what it holds:
//
//   template <>
//   inline constexpr bool tandem::is_plain_data<point> = true;
template <class T>
inline constexpr bool is_plain_data = !std::is_const_v<T> && (std::is_arithmetic_v<T> || std::is_enum_v<T>);

}  // namespace tandem

#endif
