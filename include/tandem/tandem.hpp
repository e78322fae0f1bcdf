// tandem: concurrent maps. This header includes all of them; each has a header of its own, with its documentation.
//
// Which map do I want?
//
//   cell_map       Any thread reads and writes, and what is written is seen at once. The one to begin with. Operations lock a
//                  few elements for a moment; functions are called with the element, there are no references to it.
//   cell_set       The same without values.
//   cell_index     Any thread reads and writes; readers take no lock, and may keep an element while it is replaced. Elements do
//                  not change: a write puts a new version in the place of the old one.
//   tree_index     The same in the order of keys: ranges, neighbours, first and last.
//   cell_cache     Bounded: keeps what was used last, and computes what is missing once.
//   sharded_map    The same with a sequential map of your choice inside, or for work on whole shards.
//   evmap          One thread writes, or a few in turn, and decides when readers see it. Lookups cost what they cost in a plain
//                  map, never wait, and scale with the number of readers; a key may have many values. Readers are one
//                  publish behind; publishing waits for readers that hold a guard across two publishes.
//   eventual_map   The same for single values and writers on any thread, with refresh() by hand or by a timer.
//   left_right     The same for a data structure of your own: two copies, one log of operations.
//
// And stores, for what services keep:
//
//   timed_store    Values with deadlines by a logical clock; the same on every replica of a log. clocked_store: by seconds.
//   durable_store  The newest version of each key in memory, every write on disk, and back after a crash.
//
// Its parts, useful alone:
//
//   value_bag              a multiset for mostly tiny bags: inline, then a small vector, then hashed
//   background_publisher   a writer shared by threads, published every so many changes or so often
//   epoch_domain           when memory may be freed that others may still be looking at
//   sharded                data structures of your own, in shards with a lock each
//   hash, equal_to         the default functions for keys
//   sync/                  asymmetric fences, waiting, the protocol of left_right
#ifndef TANDEM_TANDEM_HPP
#define TANDEM_TANDEM_HPP

#include <tandem/cell_cache.hpp>
#include <tandem/cell_index.hpp>
#include <tandem/cell_map.hpp>
#include <tandem/cell_set.hpp>
#include <tandem/concepts.hpp>
#include <tandem/epoch.hpp>
#include <tandem/eventual_map.hpp>
#include <tandem/evmap.hpp>
#include <tandem/fwd.hpp>
#include <tandem/hash.hpp>
#include <tandem/left_right.hpp>
#include <tandem/options.hpp>
#include <tandem/publisher.hpp>
#include <tandem/sharded_map.hpp>
#include <tandem/tree_index.hpp>
#include <tandem/value_bag.hpp>
#include <tandem/version.hpp>

// The stores need xxHash's header (Debian: libxxhash-dev); the rest needs nothing.
#if __has_include(<xxhash.h>)
#include <tandem/clocked_store.hpp>
#include <tandem/codec.hpp>
#include <tandem/durable_store.hpp>
#include <tandem/timed_store.hpp>
#endif

#endif
