// Atomics for a table whose old versions may wait a little longer.
//
// Who replaces an element frees what has waited long enough, a limited number of times in each tick of the coarse clock
// (sync/retire_list.hpp). Each time interrupts all processors, three times, some 20 us together. A durable_store writes to memory
// under a lane's lock, where that is as long as the rest of ten puts: with ticks of 4 ms nearly every one of 20,000 a second
// paid for it. So here the clock ticks four times a second. What bounds the memory that waits, in objects and bytes, is not
// changed.
#ifndef TANDEM_STORE_UNHURRIED_HPP
#define TANDEM_STORE_UNHURRIED_HPP

#include <chrono>

namespace tandem::store {

template <class Atomics>
struct unhurried : Atomics {
  static std::chrono::nanoseconds coarse_time() noexcept {
    constexpr std::chrono::nanoseconds tick = std::chrono::milliseconds(250);
    return Atomics::coarse_time() / tick * tick;
  }
};

}  // namespace tandem::store

#endif
