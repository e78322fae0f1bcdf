// What the benchmarks ask of a map that several threads use at once. Each adapter here has a class template `*_store`
// with this interface, so that a workload is written once:
//
//   template <class Types, template <class> class Allocator = std::allocator> class x_store {
//     static constexpr const char* label;
//     x_store();                              // as small as it comes
//     explicit x_store(std::size_t room);     // so many entries fit without growing
//     bool read(key, f) const;                // f(const value&), if present
//     bool insert(key, value);                // if absent; true: it was
//     bool erase(key);
//     bool update(key, f);                    // f(value&), if present
//     void upsert(key, value, f);             // f(value&) if present, else inserts
//     void for_each(f);                       // f(key, const value&); while nobody else uses the map
//     std::size_t size() const;
//   };
//
// Each is written as its map's own documentation would have it; a value is only copied where it is needed.
#ifndef TANDEM_BENCH_ADAPTERS_STORE_HPP
#define TANDEM_BENCH_ADAPTERS_STORE_HPP

#include "../types.hpp"
#include "../workloads.hpp"

#include <span>

namespace bench {

// A store from numbers to numbers, filled, with readers as the programs about reading want them. Writes are visible at
// once.
template <class Store>
class filled {
 public:
  static constexpr const char* label = Store::label;

  explicit filled(std::span<const number> keys) : store_(keys.size()) {
    for (number const k : keys) store_.insert(k, value_of(k));
  }

  class reader {
   public:
    explicit reader(const filled& from) : store_(&from.store_) {}
    number get(number key) const {
      number found = 0;
      store_->read(key, [&](const number& value) { found = value; });
      return found;
    }

   private:
    const Store* store_;
  };
  reader make_reader() const { return reader(*this); }

  void write(number key, number value) {
    store_.upsert(key, value, [&](number& old) { old = value; });
  }
  void publish() {}

  const Store& store() const noexcept { return store_; }

 private:
  Store store_;
};

}  // namespace bench

#endif
