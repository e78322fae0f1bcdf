// What do entering and leaving cost alone, without a lookup?
//
//   enter_leave/<who>/over_exchange_pair     ratio of times: below 1 is cheaper than two seq_cst exchanges
//   enter_leave/<who>/over_exchange          as above; to one seq_cst exchange and a release store, the least that a
//                                            reader can do without an asymmetric fence
//   enter_leave/<pin>/over_one_exchange      as above; to one seq_cst exchange alone
//
// Pins: `epoch_global` and `epoch_own` are a guard of an epoch_domain, the global one and one of its own; `pin` is what a
// cell_map does, a pin of the global epoch that may be nested; `light_pin` what a lookup of a cell_index does.
//
// Each pass reads one word under the guard, which the reference does too, and the sum of these is checked.
#include "interleave.hpp"

#include <tandem/epoch.hpp>
#include <tandem/left_right.hpp>
#include <tandem/sync/epoch.hpp>

#include <atomic>
#include <cstdint>

namespace {

using namespace bench;

constexpr std::size_t passes = 1024;

struct one {
  number value = 1;
  void absorb_first(number& op, const one&) { value = op; }
};

template <class Fences>
struct with : tandem::left_right_options {
  using fences = Fences;
};

// Nothing but an epoch of its own line.
struct alignas(128) announcement {
  std::atomic<number> epoch{0};
};

// A slice in which `pass()` gives 1, again and again.
template <class MakePass>
candidate passing(std::string name, MakePass make_pass) {
  auto pass = std::make_shared<decltype(make_pass())>(make_pass());
  return {std::move(name), [pass] {
            rates found;
            found.quiet = two_threads().run({[&found, &pass = *pass] {
              auto const step = [&pass] {
                number sum = 0;
                for (std::size_t i = 0; i != passes; ++i) sum += pass();
                check(sum == passes, "what was read under the guards");
                return passes;
              };
              static_cast<void>(rate_of(slice / 2, step));
              found.reads = rate_of(slice, step);
            }});
            return found;
          }};
}

template <class Fences>
candidate entering() {
  return passing("enter", [] {
    auto handles = std::make_shared<decltype(tandem::make_left_right<one, number, with<Fences>>())>(
        tandem::make_left_right<one, number, with<Fences>>());
    return [handles] { return handles->second.enter()->value; };
  });
}

candidate entering_global_domain() {
  return passing("epoch_global", [] {
    return [data = std::make_shared<std::atomic<number>>(1)] {
      tandem::epoch_guard const guard = tandem::epoch_domain::global().enter();
      return data->load(std::memory_order_acquire);
    };
  });
}

candidate entering_own_domain() {
  return passing("epoch_own", [] {
    return [own = std::make_shared<tandem::epoch_domain>(), data = std::make_shared<std::atomic<number>>(1)] {
      tandem::epoch_guard const guard = own->enter();
      return data->load(std::memory_order_acquire);
    };
  });
}

candidate pinning() {
  return passing("pin", [] {
    return [data = std::make_shared<std::atomic<number>>(1)] {
      using epoch = tandem::global_epoch;
      epoch::domain_type::pin const pinned = epoch::domain().enter(epoch::here());
      return data->load(std::memory_order_acquire);
    };
  });
}

candidate pinning_lightly() {
  return passing("light_pin", [] {
    return [data = std::make_shared<std::atomic<number>>(1)] {
      using epoch = tandem::global_epoch;
      auto& mine = epoch::here_if_any();
      auto const pinned = epoch::domain_type::may_enter_lightly(mine) ? epoch::domain().enter_lightly(mine)
                                                                      : epoch::domain().enter(epoch::here());
      return data->load(std::memory_order_acquire);
    };
  });
}

candidate exchanging_alone() {
  return passing("one_exchange", [] {
    return [mine = std::make_shared<announcement>(), data = std::make_shared<std::atomic<number>>(1),
            n = number(0)]() mutable {
      mine->epoch.exchange(++n, std::memory_order_seq_cst);
      return data->load(std::memory_order_acquire);
    };
  });
}

candidate exchanging_twice() {
  return passing("exchange_pair", [] {
    return [mine = std::make_shared<announcement>(), data = std::make_shared<std::atomic<number>>(1),
            n = number(0)]() mutable {
      mine->epoch.exchange(++n, std::memory_order_seq_cst);
      number const seen = data->load(std::memory_order_acquire);
      mine->epoch.exchange(++n, std::memory_order_seq_cst);
      return seen;
    };
  });
}

candidate exchanging_once() {
  return passing("exchange", [] {
    return [mine = std::make_shared<announcement>(), data = std::make_shared<std::atomic<number>>(1),
            n = number(0)]() mutable {
      mine->epoch.exchange(++n, std::memory_order_seq_cst);
      number const seen = data->load(std::memory_order_acquire);
      mine->epoch.store(++n, std::memory_order_release);
      return seen;
    };
  });
}

void add(const std::string& name, candidate (*measured)(), candidate (*reference)(),
         const std::string& reference_name) {
  benchmark::RegisterBenchmark(("enter_leave/" + name + "/over_" + reference_name).c_str(),
                               [=](benchmark::State& state) {
                                 interleave turns({measured(), reference()});
                                 for (auto _ : state) state.SetIterationTime(turns.round().count());
                                 // Rates upside down: times.
                                 spread const times = turns.ratio(1, 0, &rates::reads);
                                 set_counter(state, "ratio", times.median);
                                 set_counter(state, "ratio_min", times.least);
                                 set_counter(state, "ratio_max", times.most);
                                 set_counter(state, "ns", 1e9 / turns.rate(0, &rates::reads).median);
                                 set_counter(state, "ref_ns", 1e9 / turns.rate(1, &rates::reads).median);
                                 set_counter(state, "quiet", turns.quiet());
                               })
      ->UseManualTime();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("heavy barrier", tandem::heavy_barrier_available() ? "available" : "not available");
  add("asymmetric", entering<tandem::asymmetric_fences>, exchanging_twice, "exchange_pair");
  add("automatic", entering<tandem::automatic_fences>, exchanging_twice, "exchange_pair");
  add("symmetric", entering<tandem::symmetric_fences>, exchanging_twice, "exchange_pair");
  add("asymmetric", entering<tandem::asymmetric_fences>, exchanging_once, "exchange");
  add("automatic", entering<tandem::automatic_fences>, exchanging_once, "exchange");
  add("symmetric", entering<tandem::symmetric_fences>, exchanging_once, "exchange");
  add("epoch_global", entering_global_domain, exchanging_alone, "one_exchange");
  add("epoch_own", entering_own_domain, exchanging_alone, "one_exchange");
  add("pin", pinning, exchanging_alone, "one_exchange");
  add("light_pin", pinning_lightly, exchanging_alone, "one_exchange");
  return run_registered(argc, argv);
}
