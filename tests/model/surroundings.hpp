// What model programs of several areas use: the verdict on a search, and an epoch for each execution.
#ifndef TANDEM_TESTS_MODEL_SURROUNDINGS_HPP
#define TANDEM_TESTS_MODEL_SURROUNDINGS_HPP

#include "model/scheduler.hpp"
#include "support/catch.hpp"

#include <tandem/sync/epoch.hpp>

#include <cstddef>
#include <initializer_list>
#include <vector>

namespace tandem::model {

// Requires that the whole search succeeded, and has seen what it must.
inline void require_searched(const char* name, const result& r, std::initializer_list<const char*> must) {
  INFO(name << ": " << r);
  REQUIRE_FALSE(r.failed);
  REQUIRE(r.exhaustive);
  REQUIRE(r.executions > 1);
  for (const char* const what : must) {
    INFO(what);
    REQUIRE(r.count(what) > 0);
  }
}

// The epoch of an execution, with a record for each thread, main included. Records are claimed before the threads start.
class epoch_of_execution {
 public:
  using domain_type = basic_epoch<atomics>;

  explicit epoch_of_execution(std::size_t threads) {
    for (std::size_t i = 0; i <= threads; ++i) records_.push_back(&epoch_.join());
  }
  epoch_of_execution(const epoch_of_execution&) = delete;
  epoch_of_execution& operator=(const epoch_of_execution&) = delete;
  ~epoch_of_execution() {
    for (domain_type::record* const r : records_) delete r;
  }

  domain_type& domain() { return epoch_; }
  domain_type::record& here() { return *records_[machine::active->current_thread()]; }
  domain_type::pin enter() { return epoch_.enter(here()); }
  // A record that a thread has joined with.
  void adopt(domain_type::record& r) {
    for (const domain_type::record* const known : records_) {
      if (known == &r) return;
    }
    records_.push_back(&r);
  }

 private:
  domain_type epoch_;
  std::vector<domain_type::record*> records_;
};

}  // namespace tandem::model

#endif
