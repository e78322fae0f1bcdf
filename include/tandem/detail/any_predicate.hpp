// A predicate of any type, owned. std::move_only_function of C++23, as far as a log of operations needs it: std::function
// would demand that what the user passes can be copied.
#ifndef TANDEM_DETAIL_ANY_PREDICATE_HPP
#define TANDEM_DETAIL_ANY_PREDICATE_HPP

#include <concepts>
#include <functional>
#include <memory>
#include <utility>

namespace tandem::detail {

template <class... Args>
class any_predicate {
 public:
  template <class F>
    requires(!std::same_as<F, any_predicate> && std::predicate<F&, Args...>)
  explicit any_predicate(F f) : holder_(std::make_unique<holder<F>>(std::move(f))) {}

  bool operator()(Args... args) { return (*holder_)(args...); }

 private:
  struct base {
    base() = default;
    base(const base&) = delete;
    base& operator=(const base&) = delete;
    virtual ~base() = default;
    virtual bool operator()(Args... args) = 0;
  };
  template <class F>
  struct holder final : base {
    explicit holder(F&& g) : f(std::move(g)) {}
    bool operator()(Args... args) override { return static_cast<bool>(std::invoke(f, args...)); }
    F f;
  };

  std::unique_ptr<base> holder_;
};

}  // namespace tandem::detail

#endif
