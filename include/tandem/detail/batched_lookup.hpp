// Many lookups in a sequential map that somebody else wrote, so that their cache misses overlap.
//
// A lookup in a large table is a chain of cache misses, and a processor that has mispredicted a branch behind the first of
// them does not start on the next key. So the keys are taken in batches: first the addresses of all, asking for the memory
// but deciding nothing, then the lookups themselves, which find it there.
#ifndef TANDEM_DETAIL_BATCHED_LOOKUP_HPP
#define TANDEM_DETAIL_BATCHED_LOOKUP_HPP

#include <tandem/detail/keyed.hpp>
#include <tandem/detail/prefetch.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <ranges>
#include <utility>

namespace tandem::detail {

// The map can be told which key is going to be looked up.
template <class Map, class Q>
concept prefetches_keys = requires(const Map& map, const Q& k) { map.prefetch(k); };

// The map shows its buckets, as std::unordered_map does: then the first node of a bucket can be had without a comparison.
template <class Map, class Q>
concept has_buckets_for = requires(const Map& map, const Q& k, typename Map::const_local_iterator at) {
  at = map.begin(map.bucket(k));
  { at == map.end(map.bucket(k)) } -> std::convertible_to<bool>;
};

// Writes result(entry), or nullptr, for each of `keys` to `out`.
template <class Types, class Map, std::ranges::forward_range Keys, class Out, class Result>
Out find_batched(const Map& map, const Keys& keys, Out out, Result result) {
  using looked_up = std::remove_cvref_t<decltype(as_key<Types>(*std::ranges::begin(keys)))>;
  // About as many as a processor can have cache misses under way.
  constexpr std::size_t batch = 32;

  auto const answer = [&](const auto& k) {
    auto const found = map.find(k);
    *out++ = found == map.end() ? nullptr : result(*found);
  };

  if (map.empty()) {  // it need not have a single bucket
    for (auto at = std::ranges::begin(keys); at != std::ranges::end(keys); ++at) *out++ = nullptr;
    return out;
  }
  auto const last = std::ranges::end(keys);
  for (auto next = std::ranges::begin(keys); next != last;) {
    auto at = next;
    if constexpr (has_buckets_for<Map, looked_up>) {
      // The first node of each bucket, which is the right one more often than not.
      std::array<const typename Map::value_type*, batch> first;
      std::size_t n = 0;
      for (; n != batch && at != last; ++n, static_cast<void>(++at)) {
        auto const bucket = map.bucket(as_key<Types>(*at));
        auto const node = map.begin(bucket);
        first[n] = node == map.end(bucket) ? nullptr : std::addressof(*node);
      }
      for (std::size_t i = 0; i != n; ++i) prefetch_line(first[i]);
      for (std::size_t i = 0; i != n; ++i, static_cast<void>(++next)) {
        decltype(auto) k = as_key<Types>(*next);
        if (first[i] != nullptr && map.key_eq()(first[i]->first, k)) {
          *out++ = result(*first[i]);
        } else {
          answer(k);
        }
      }
    } else {
      if constexpr (prefetches_keys<Map, looked_up>) {
        for (std::size_t n = 0; n != batch && at != last; ++n, static_cast<void>(++at))
          map.prefetch(as_key<Types>(*at));
      }
      for (std::size_t n = 0; n != batch && next != last; ++n, static_cast<void>(++next)) answer(as_key<Types>(*next));
    }
  }
  return out;
}

}  // namespace tandem::detail

#endif
