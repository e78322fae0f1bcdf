// All maps there are here that several threads can use, and what they are measured against.
#ifndef TANDEM_BENCH_ADAPTERS_ALL_STORES_HPP
#define TANDEM_BENCH_ADAPTERS_ALL_STORES_HPP

#include "boost_concurrent_map.hpp"
#include "cell_index.hpp"
#include "cell_map.hpp"
#include "cuckoo_map.hpp"
#include "locked_unordered_map.hpp"
#include "sequential_map.hpp"
#include "tbb_hash_map.hpp"

#include <memory>

namespace bench {

// Calls f.template operator()<Store>() for each of them; not for bare_store, which is for one thread.
template <class Types, template <class> class Allocator = std::allocator, class F>
void for_each_store(F&& f) {
  f.template operator()<cell_store<Types, Allocator>>();
  f.template operator()<index_store<Types, Allocator>>();
#if defined(TANDEM_BENCH_HAS_BOOST_CONCURRENT)
  f.template operator()<boost_concurrent_store<Types, Allocator>>();
#endif
#if defined(TANDEM_BENCH_HAS_CUCKOO)
  f.template operator()<cuckoo_store<Types, Allocator>>();
#endif
#if defined(TANDEM_BENCH_HAS_TBB)
  f.template operator()<tbb_store<Types, Allocator>>();
#endif
  f.template operator()<locked_unordered_store<Types, Allocator>>();
}

}  // namespace bench

#endif
