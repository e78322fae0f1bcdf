// Declarations of all containers, for headers that only name them.
#ifndef TANDEM_FWD_HPP
#define TANDEM_FWD_HPP

namespace tandem {

struct left_right_options;
struct value_bag_options;
struct evmap_options;
struct eventual_map_options;

template <class Key>
struct hash;
template <class T>
struct equal_to;

template <class T, class Op, class Options>
struct left_right;
template <class T, class Options>
class value_bag;
template <class Key, class Value, class Options>
struct evmap;
template <class Key, class Value, class Options>
class eventual_map;

}  // namespace tandem

#endif
