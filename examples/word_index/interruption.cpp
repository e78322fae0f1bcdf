#include "interruption.hpp"

#include <atomic>
#include <csignal>

namespace word_index {
namespace {

std::atomic<bool> asked_to_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

extern "C" void on_interrupt(int signal) {
  asked_to_stop.store(true, std::memory_order_relaxed);
  std::signal(signal, SIG_DFL);
}

}  // namespace

void notice_interruptions() noexcept { std::signal(SIGINT, on_interrupt); }

bool interrupted() noexcept { return asked_to_stop.load(std::memory_order_relaxed); }

}  // namespace word_index
