// The default options of every container. To change one thing, derive and shadow it:
//
//     struct my_options : tandem::evmap_options { using meta = std::uint64_t; };
#ifndef TANDEM_OPTIONS_HPP
#define TANDEM_OPTIONS_HPP

#include <tandem/fwd.hpp>
#include <tandem/sync/atomic.hpp>
#include <tandem/sync/epoch.hpp>
#include <tandem/sync/fences.hpp>

#include <chrono>
#include <cstddef>
#include <memory>

namespace tandem {

struct left_right_options {
  // How readers and the writer agree on who is inside: symmetric_fences, asymmetric_fences or automatic_fences.
  using fences = automatic_fences;
  // The seam to the hardware, see sync/atomic.hpp.
  using atomics = std_atomics;
};

// What `meta` is while nobody has asked for one.
struct no_meta {
  friend bool operator==(no_meta, no_meta) = default;
};

struct evmap_options : left_right_options {
  // Hash and equality of keys and of values. void: tandem::hash and tandem::equal_to (hash.hpp).
  using hasher = void;
  using key_equal = void;
  using value_hasher = void;
  using value_equal = void;
  // Rebound to whatever is allocated: the maps' nodes, the values, the bags.
  using allocator = std::allocator<std::byte>;
  // A value that readers see beside the map, always of the same version.
  using meta = no_meta;
  // The sequential map of each side: any template with the interface of std::unordered_map. The default is the cell table
  // without locks (cell/sequential_map.hpp).
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = cell::sequential_map<Key, T, Hash, KeyEqual, Allocator>;
  // Keys to reserve room for at the start.
  static constexpr std::size_t capacity = 0;
};

struct eventual_map_options : evmap_options {};

// Of cell_map and cell_set.
struct cell_options {
  // The seam to the hardware, and the epoch that protects arrays (sync/epoch.hpp).
  using atomics = std_atomics;
  using epoch = locked_epoch;
  // Elements per cell, 1 to 32. Fewer than 32 cost speed and memory; they make tests of small tables interesting.
  static constexpr std::size_t slots = 32;
  // Whether reads of small plain pairs (is_plain_data) copy them without a lock.
  static constexpr bool optimistic_reads = true;
  // How many groups of cells each write moves while a resize is under way.
  static constexpr std::size_t moves_per_write = 4;
};

// Of cell_index. `epoch`: global_epoch, or own_epoch, so that readers of other containers do not hold back what is erased here;
// such a container cannot be moved or swapped. `optimistic_reads`: whether small plain pairs lie in the cells, and not in
// nodes.
struct cell_index_options : cell_options {
  using epoch = global_epoch;
};

// Of cell_cache.
struct cell_cache_options : cell_options {
  // For the table: the order of use is kept.
  static constexpr bool recency = true;
  // What an element weighs: `std::size_t operator()(const Key&, const T&) const`, which must not throw. Then the maximal
  // capacity is a weight. void: it is a number of elements.
  using weigher = void;
  // How an element begins that takes the place of another. 0: as the most recent one of its cell, as in a plain list. Otherwise
  // on probation: about so many elements of the cell are older, so it goes soon unless it is used, which makes it the most
  // recent one. What is asked for once, as in scans, then does not push out what is asked for again and again; but what is asked
  // for again only after a long time is gone by then. 6 suits skewed keys: bench/README.md. Less than `slots`.
  static constexpr std::size_t probation = 0;
};

// Of tree_index.
struct tree_index_options {
  // The seam to the hardware, and the epoch: global_epoch, or own_epoch, so that readers of other containers do not hold back
  // what is erased here; such a container cannot be moved or swapped.
  using atomics = std_atomics;
  using epoch = global_epoch;
  // Elements per leaf, 2 to 15, and children per node above, 3 at least. Small ones make tests of small trees interesting.
  static constexpr std::size_t slots = 15;
  static constexpr std::size_t fanout = 64;
  // Whether small plain pairs (is_plain_data) lie in the leaves, and not in nodes of their own.
  static constexpr bool inline_pairs = true;
};

// Whether a store measures how long its calls take (store/histogram.hpp): not, at no cost; or about every so-manieth call of a
// thread, 1 being every one. A call that is measured looks at the clock twice.
struct no_latencies {
  static constexpr unsigned every = 0;
};
template <unsigned Every = 1, class Clock = std::chrono::steady_clock>
struct sampled_latencies {
  static constexpr unsigned every = Every;
  using clock = Clock;
};

// Of timed_store. `epoch` must be one that is shared, as global_epoch.
struct timed_store_options : cell_index_options {
  // Hash and equality of keys. void: tandem::hash and tandem::equal_to (hash.hpp).
  using hasher = void;
  using key_equal = void;
  // Rebound to the entries.
  using allocator = std::allocator<std::byte>;
  // How many, rounded up to a power of two. 0: one for two processors, at least 2.
  static constexpr std::size_t shards = 0;
  // Threads that collect. 0: none, collect() is called by hand.
  static constexpr std::size_t collectors = 0;
  // How often they look, in milliseconds, while there are deadlines to come.
  static constexpr unsigned collect_every_ms = 100;
  // Whether a write may come after the clock has passed its index by much, as where a log is applied by several threads. Values that
  // have expired are then kept until the stale horizon has passed, so that a touch() of an earlier index still finds them.
  static constexpr bool late_writes = false;
  // no_latencies or sampled_latencies: for info(). Off, as two looks at the clock cost as much as a lookup does.
  using latencies = no_latencies;
};

// Of durable_store: of the type. What can differ from one store to another is in durable_options.
struct durable_store_options : cell_index_options {
  // Hash and equality of keys. void: tandem::hash and tandem::equal_to (hash.hpp). The hash is not stored.
  using hasher = void;
  using key_equal = void;
  // Rebound to the entries.
  using allocator = std::allocator<std::byte>;
  // Where its files are: store/file_system.hpp.
  using file_system = posix_file_system;
};

// Of sharded_map.
struct sharded_map_options {
  // The seam to the hardware.
  using atomics = std_atomics;
  // How many, rounded up to a power of two. 0: four for each processor, at least 16.
  static constexpr std::size_t shards = 0;
  // The sequential map of each shard: any template with the interface of std::unordered_map.
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = cell::sequential_map<Key, T, Hash, KeyEqual, Allocator>;
};

}  // namespace tandem

#endif
