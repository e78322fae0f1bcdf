// Declarations of all containers, for headers that only name them.
#ifndef TANDEM_FWD_HPP
#define TANDEM_FWD_HPP

namespace tandem {

struct left_right_options;
struct value_bag_options;
struct evmap_options;
struct eventual_map_options;
struct cell_options;
struct cell_cache_options;
struct cell_index_options;
struct sharded_map_options;
struct tree_index_options;
struct timed_store_options;
struct durable_store_options;

template <class Key>
struct hash;
template <class T>
struct equal_to;
template <class Key>
struct less;

template <class T, class Op, class Options>
struct left_right;
template <class T, class Options>
class value_bag;
template <class Key, class Value, class Options>
struct evmap;
template <class Key, class Value, class Options>
class eventual_map;
template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Options>
class cell_map;
template <class Key, class Hash, class KeyEqual, class Allocator, class Options>
class cell_set;
template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Options>
class cell_index;
template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Options>
class cell_cache;
template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Options>
class sharded_map;
template <class Inner, class Options, class Make>
class sharded;
template <class Key, class T, class Compare, class Allocator, class Options>
class tree_index;
template <class K, class V, class Options>
class timed_store;
template <class K, class V, class Options>
class durable_store;

class posix_file_system;

namespace cell {

template <class Key, class T, class Hash, class KeyEqual, class Allocator>
class sequential_map;

}  // namespace cell

}  // namespace tandem

#endif
