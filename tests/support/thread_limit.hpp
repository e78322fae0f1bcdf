// Tests of what happens when the system has no more threads: thread_limit::left of them can be had, as far as it is not negative. For one
// file of an executable: it takes the place of pthread_create, and passes on to the one that it hides.
#ifndef TANDEM_TEST_THREAD_LIMIT_HPP
#define TANDEM_TEST_THREAD_LIMIT_HPP

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <dlfcn.h>
#include <pthread.h>

namespace tandem::test {

struct thread_limit {
  static inline std::atomic<int> left{-1};
  static inline std::atomic<int> started{0};
  static inline std::atomic<int> running{0};

  explicit thread_limit(int n) {
    started = 0;
    left = n;
  }
  thread_limit(const thread_limit&) = delete;
  thread_limit& operator=(const thread_limit&) = delete;
  ~thread_limit() { left = -1; }
};

struct thread_start {
  void* (*work)(void*);
  void* with;
};
inline void* run_counted(void* given) {
  thread_start const what = *static_cast<thread_start*>(given);
  std::free(given);
  void* const result = what.work(what.with);
  --thread_limit::running;
  return result;
}

}  // namespace tandem::test

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*work)(void*),
                              void* with) noexcept(true) {
  using tandem::test::thread_limit;
  using create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static auto const next = reinterpret_cast<create>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (thread_limit::left < 0) return next(thread, how, work, with);
  if (thread_limit::left == 0) return EAGAIN;
  auto* const what = static_cast<tandem::test::thread_start*>(std::malloc(sizeof(tandem::test::thread_start)));
  if (what == nullptr) return EAGAIN;
  *what = {work, with};
  ++thread_limit::running;
  int const failed = next(thread, how, tandem::test::run_counted, what);
  if (failed != 0) {
    --thread_limit::running;
    std::free(what);
    return failed;
  }
  --thread_limit::left;
  ++thread_limit::started;
  return 0;
}

#endif
