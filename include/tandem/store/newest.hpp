// What a durable_store has in memory: for each key the newest record, or that it has been erased.
//
// Shards (shards.hpp) of a table whose readers take no lock (cell/index_table.hpp). Decisions are made under the lock of the key's cell.
//
// Newest: the largest version; of equal ones the smallest seq. A live store counts seq up in the order of decisions, so the first in
// memory has the smallest; recovery may come by records in any order, and ends with the same.
//
// **Claims.** With visibility::on_durable a record is decided about when it is accepted, and seen when it is durable. In between, its
// version is claimed: later records are decided about against the claim too.
#ifndef TANDEM_STORE_NEWEST_HPP
#define TANDEM_STORE_NEWEST_HPP

#include <tandem/cell/element.hpp>
#include <tandem/cell/index_table.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/hash.hpp>
#include <tandem/store/shards.hpp>
#include <tandem/sync/cache_line.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

namespace tandem::store {

// What a table holds for a key. Immutable, but for the claim, which is looked at and changed under the lock of the cell.
template <class V>
struct newest_record {
  enum class state : std::uint8_t { nothing, erased, live };

  state is = state::nothing;  // nothing: there is a claim only
  std::uint64_t version = 0;
  std::uint64_t seq = 0;
  std::optional<V> value;
  mutable bool is_claimed = false;
  mutable std::uint64_t claimed = 0;

  newest_record() = default;
  newest_record(std::uint64_t v, std::uint64_t s) : is(state::erased), version(v), seq(s) {}
  template <class U>
  newest_record(std::uint64_t v, std::uint64_t s, U&& x)
      : is(state::live), version(v), seq(s), value(std::forward<U>(x)) {}
  newest_record(const newest_record&) = delete;
  newest_record& operator=(const newest_record&) = delete;

  bool is_older_than(std::uint64_t v, std::uint64_t s) const noexcept {
    return is == state::nothing || version < v || (version == v && seq > s);
  }
};

template <class K, class V, class Options>
class newest_map {
  using atomics = typename Options::atomics;
  template <class T>
  using atomic = typename atomics::template atomic<T>;

 public:
  using record = newest_record<V>;
  using state = typename record::state;
  using hasher = detail::chosen_or<typename Options::hasher, hash<K>>;
  using key_equal = detail::chosen_or<typename Options::key_equal, equal_to<K>>;
  using value_type = std::pair<const K, record>;
  using allocator_type = typename std::allocator_traits<typename Options::allocator>::template rebind_alloc<value_type>;
  using table = cell::index_table<cell::map_element<K, record>, hasher, key_equal, allocator_type, Options>;
  using revision = typename table::revision;
  template <class Q>
  using prehashed = detail::prehashed<Q>;

  explicit newest_map(std::size_t shards)
      : count_(shard_count_for(shards)), shards_(std::make_unique<shard[]>(count_)) {}

  template <class Q>
  static prehashed<Q> hashed(const Q& k) {
    return {k, detail::mixed(hasher(), k)};
  }
  std::size_t shard_count() const noexcept { return count_; }
  // While nobody else uses it.
  void clear() { shards_ = std::make_unique<shard[]>(count_); }

  // ---- Reading: f(const K&, const record&) if there is a record of the key.

  template <class Q, class F>
  [[gnu::always_inline]] void look(prehashed<Q> k, F&& f) const {
    shard_of(k.hash).entries.look(k, [&](const value_type& x) {
      if (x.second.is != state::nothing) f(x.first, x.second);
    });
  }
  // For each key that has been written, also if it was erased since; some at a time, between which between() says whether to go on.
  template <class F, class Between>
  void scan(F&& f, Between&& between) const {
    auto const show = [&](const typename table::picture& seen) {
      for (std::size_t e = 0; e != seen.size(); ++e) {
        const value_type& x = seen[e].value();
        if (x.second.is != state::nothing) f(x.first, x.second);
      }
    };
    for (std::size_t i = 0; i != count_; ++i) {
      const table& entries = shards_[i].entries;
      if (!scan_cells(entries, [&] { return entries.enter(); }, show, between)) return;
    }
  }
  std::size_t size() const noexcept { return sum(&shard::live); }
  std::size_t tombstones() const noexcept { return sum(&shard::erased); }

  // ---- Writing. make_seq() is called under the lock. `value...`: one, or none: an erasure. Returns whether it is the newest.

  template <class Q, class Source, class MakeSeq, class... U>
  bool put(prehashed<Q> k, Source&& key, std::uint64_t new_version, MakeSeq&& make_seq, U&&... value) {
    shard& s = shard_of(k.hash);
    bool is_newest = false;
    s.entries.revise(k, [&](revision& r) {
      const record* const present = r.present() == nullptr ? nullptr : &r.present()->second;
      std::uint64_t const seq = make_seq();
      is_newest = present == nullptr || present->is_older_than(new_version, seq);
      if (is_newest) place(s, r, std::forward<Source>(key), new_version, seq, std::forward<U>(value)...);
    });
    return is_newest;
  }
  // With visibility::on_durable: only says whether it is going to be the newest.
  template <class Q, class Source>
  bool claim(prehashed<Q> k, Source&& key, std::uint64_t new_version) {
    bool is_newest = false;
    shard_of(k.hash).entries.revise(k, [&](revision& r) {
      const value_type* present = r.present();
      if (present == nullptr) {
        present = &r.put(std::piecewise_construct, std::forward_as_tuple(std::forward<Source>(key)), std::tuple<>());
      }
      const record& e = present->second;
      is_newest = (e.is == state::nothing || e.version < new_version) && (!e.is_claimed || e.claimed < new_version);
      if (!is_newest) return;
      e.is_claimed = true;
      e.claimed = new_version;
    });
    return is_newest;
  }
  // The record that has claimed this version has failed.
  template <class Q>
  void unclaim(prehashed<Q> k, std::uint64_t new_version) noexcept {
    // The key is there: nothing is allocated.
    shard_of(k.hash).entries.revise(k, [&](revision& r) {
      if (r.present() == nullptr) return;
      const record& e = r.present()->second;
      if (e.is_claimed && e.claimed == new_version) e.is_claimed = false;
    });
  }

 private:
  struct alignas(no_sharing) shard {
    table entries;
    atomic<std::size_t> live{0};
    atomic<std::size_t> erased{0};
  };

  shard& shard_of(std::size_t hash) const noexcept { return shards_[store::shard_of(hash, count_)]; }
  std::size_t sum(atomic<std::size_t> shard::* which) const noexcept {
    std::size_t all = 0;
    for (std::size_t i = 0; i != count_; ++i) all += (shards_[i].*which).load(std::memory_order_relaxed);
    return all;
  }

  template <class Source, class... U>
  void place(shard& s, revision& r, Source&& key, std::uint64_t new_version, std::uint64_t seq, U&&... value) {
    state const before = r.present() == nullptr ? state::nothing : r.present()->second.is;
    bool is_claimed = false;
    std::uint64_t claimed = 0;
    if (r.present() != nullptr) {
      is_claimed = r.present()->second.is_claimed;
      claimed = r.present()->second.claimed;
    }
    const record& after = r.put(std::piecewise_construct, std::forward_as_tuple(std::forward<Source>(key)),
                                std::forward_as_tuple(new_version, seq, std::forward<U>(value)...))
                              .second;
    after.is_claimed = is_claimed && claimed > new_version;
    after.claimed = claimed;
    count(s, before, std::size_t{0} - 1);
    count(s, after.is, 1);
  }
  // Sums wrap.
  static void count(shard& s, state what, std::size_t n) noexcept {
    if (what == state::live) s.live.fetch_add(n, std::memory_order_relaxed);
    if (what == state::erased) s.erased.fetch_add(n, std::memory_order_relaxed);
  }

  std::size_t const count_;
  std::unique_ptr<shard[]> shards_;
};

}  // namespace tandem::store

#endif
