// What `read(f)` returns: an optional of what `f` returned, by value; bool where `f` returns nothing.
#ifndef TANDEM_DETAIL_READ_RESULT_HPP
#define TANDEM_DETAIL_READ_RESULT_HPP

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem::detail {

template <class F, class... Args>
struct read_result {
  using type = std::optional<std::remove_cvref_t<std::invoke_result_t<F, Args...>>>;
  static type none() { return std::nullopt; }
  static type of(F& f, Args... args) { return type(std::in_place, std::invoke(f, static_cast<Args>(args)...)); }
};

template <class F, class... Args>
  requires std::is_void_v<std::invoke_result_t<F, Args...>>
struct read_result<F, Args...> {
  using type = bool;
  static type none() { return false; }
  static type of(F& f, Args... args) { return std::invoke(f, static_cast<Args>(args)...), true; }
};

}  // namespace tandem::detail

#endif
