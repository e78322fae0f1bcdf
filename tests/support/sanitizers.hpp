// Which sanitizer a test is built with: they cost time, and tests make fewer rounds.
#ifndef TANDEM_TESTS_SUPPORT_SANITIZERS_HPP
#define TANDEM_TESTS_SUPPORT_SANITIZERS_HPP

// g++ says so by these; clang by __has_feature.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TANDEM_TESTS_UNDER_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define TANDEM_TESTS_UNDER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define TANDEM_TESTS_UNDER_TSAN 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define TANDEM_TESTS_UNDER_ASAN 1
#endif

namespace tandem::test {

#ifdef TANDEM_TESTS_UNDER_TSAN
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif
#ifdef TANDEM_TESTS_UNDER_ASAN
inline constexpr bool under_address_sanitizer = true;
#else
inline constexpr bool under_address_sanitizer = false;
#endif

}  // namespace tandem::test

#undef TANDEM_TESTS_UNDER_TSAN
#undef TANDEM_TESTS_UNDER_ASAN

#endif
