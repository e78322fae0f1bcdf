// Telling the compiler what it cannot know.
#ifndef TANDEM_DETAIL_ASSUME_HPP
#define TANDEM_DETAIL_ASSUME_HPP

namespace tandem::detail {

// The optimizer may rely on `fact`. C++23's [[assume]], for hot paths where the generated code shows that it matters.
constexpr void assume([[maybe_unused]] bool fact) noexcept {
#if defined(__GNUC__)
  if (!fact) __builtin_unreachable();
#elif defined(_MSC_VER)
  __assume(fact);
#endif
}

}  // namespace tandem::detail

#endif
