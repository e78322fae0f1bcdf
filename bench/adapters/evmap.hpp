// tandem::evmap over one of the sequential maps, with one of the fence policies.
#ifndef TANDEM_BENCH_ADAPTERS_EVMAP_HPP
#define TANDEM_BENCH_ADAPTERS_EVMAP_HPP

#include "../workloads.hpp"
#include "sequential_map.hpp"

#include <tandem/evmap.hpp>

#include <cstdint>
#include <span>
#include <utility>

namespace bench {

template <class Kind, class Fences, class Hash>
struct evmap_over : tandem::evmap_options {
  using fences = Fences;
  using hasher = Hash;
  template <class K, class T, class H, class E, class A>
  using map = typename Kind::template map<K, T, H, E, A>;
};

template <class Kind, class Fences = tandem::automatic_fences>
class evmap {
 public:
  using map = tandem::evmap<number, number, evmap_over<Kind, Fences, good_hash>>;

  explicit evmap(std::span<const number> keys) : writer_(tandem::capacity{keys.size()}), factory_(writer_.factory()) {
    for (number const k : keys) writer_.insert_or_assign(k, value_of(k));
    writer_.publish();
    writer_.publish();  // the second side is filled too, and the log is empty
  }

  class reader {
   public:
    explicit reader(typename map::reader from) : reader_(std::move(from)) {}

    // With a copy of the value.
    number get(number key) const { return reader_.get(key).value_or(0); }

    class held {
     public:
      explicit held(typename map::guard g) : guard_(std::move(g)) {}
      number get(number key) const {
        number const* const found = guard_.find_one(key);
        return found == nullptr ? 0 : *found;
      }
      typename map::guard& guard() noexcept { return guard_; }

     private:
      typename map::guard guard_;
    };
    held hold() const { return held(reader_.enter()); }

    typename map::reader& handle() noexcept { return reader_; }

   private:
    typename map::reader reader_;
  };
  reader make_reader() const { return reader(factory_.make_reader()); }

  // One writer only.
  void write(number key, number value) { writer_.insert_or_assign(key, value); }
  void publish() { writer_.publish(); }
  typename map::writer& writer() noexcept { return writer_; }

 private:
  typename map::writer writer_;
  typename map::reader_factory factory_;
};

// The same, read through a guard of the value instead of a copy.
template <class Map>
class guarded_value {
 public:
  explicit guarded_value(typename Map::reader from) : reader_(std::move(from)) {}
  number get(number key) {
    auto const found = reader_.handle().find_one(key);
    return found ? *found : 0;
  }

 private:
  typename Map::reader reader_;
};

}  // namespace bench

#endif
