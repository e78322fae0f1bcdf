// What a durable_store has in memory: for each key the newest record, or that it has been erased.
//
// Shards (shards.hpp) of a table whose readers take no lock (cell/index_table.hpp). Decisions are made under the lock of the key's cell.
//
// Newest: the largest version; of equal ones the smallest seq. A live store counts seq up in the order of decisions, so the first in
// memory has the smallest; recovery may come by records in any order, and ends with the same.
//
// **Recovery** makes no new versions of an element, as nobody reads: it changes elements where they are. So nothing is kept for readers
// that are not there, and memory that a value leaves is the next one's.
//
// **Claims.** With visibility::on_durable a record is decided about when it is accepted, and seen when it is durable. In between, its
// version is claimed: later records are decided about against the claim too.
#ifndef TANDEM_STORE_NEWEST_HPP
#define TANDEM_STORE_NEWEST_HPP

#include <tandem/cell/element.hpp>
#include <tandem/cell/index_table.hpp>
#include <tandem/codec.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/hash.hpp>
#include <tandem/store/shards.hpp>
#include <tandem/sync/cache_line.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::store {

// What a table holds for a key. Immutable once the store is open, but for the claim, which is looked at and changed under the lock of
// the cell.
template <class V, class Atomics>
class newest_record {
 public:
  enum class state : std::uint8_t { nothing, erased, live };

  state is = state::nothing;  // nothing: there is a claim only
  std::optional<V> value;
  mutable bool is_claimed = false;
  mutable std::uint64_t claimed = 0;

  newest_record() = default;
  newest_record(std::uint64_t v, std::uint64_t s) : is(state::erased), version_(v), seq_(s) {}
  template <class U>
  newest_record(std::uint64_t v, std::uint64_t s, U&& x)
      : is(state::live), value(std::forward<U>(x)), version_(v), seq_(s) {}
  newest_record(const newest_record&) = delete;
  newest_record& operator=(const newest_record&) = delete;

  std::uint64_t version() const noexcept { return version_.load(std::memory_order_relaxed); }
  std::uint64_t seq() const noexcept { return seq_.load(std::memory_order_relaxed); }
  bool is_older_than(std::uint64_t v, std::uint64_t s) const noexcept {
    return is == state::nothing || version() < v || (version() == v && seq() > s);
  }

  // ---- Recovery, in which records are put and erased, never claimed.

  // Under the lock of the cell.
  void renew(std::uint64_t v, std::uint64_t s) noexcept {
    seq_.store(s, std::memory_order_relaxed);
    // order[renew]: release store; pairs with [beats]: whoever sees the version sees its seq, or that of a later one.
    version_.store(v, std::memory_order_release);
  }
  // Without it. Who has lost once has lost: versions grow, and of one of them the seq shrinks.
  bool beats(std::uint64_t v, std::uint64_t s) const noexcept {
    // order[beats]: acquire load; pairs with [renew]: the seq is not that of a version before.
    std::uint64_t const mine = version_.load(std::memory_order_acquire);
    return mine > v || (mine == v && seq_.load(std::memory_order_relaxed) <= s);
  }

 private:
  typename Atomics::template atomic<std::uint64_t> version_{0};
  typename Atomics::template atomic<std::uint64_t> seq_{0};
};

template <class K, class V, class Options>
class newest_map {
  using atomics = typename Options::atomics;
  template <class T>
  using atomic = typename atomics::template atomic<T>;

 public:
  using record = newest_record<V, atomics>;
  using state = typename record::state;
  using hasher = detail::chosen_or<typename Options::hasher, hash<K>>;
  using key_equal = detail::chosen_or<typename Options::key_equal, equal_to<K>>;
  using value_type = std::pair<const K, record>;
  using allocator_type = typename std::allocator_traits<typename Options::allocator>::template rebind_alloc<value_type>;
  using table = cell::index_table<cell::map_element<K, record>, hasher, key_equal, allocator_type, Options>;
  using revision = typename table::revision;
  template <class Q>
  using prehashed = detail::prehashed<Q>;

 private:
  struct types {
    using key = K;
    using hasher = newest_map::hasher;
    using key_equal = newest_map::key_equal;
  };
  static constexpr bool is_text = codec<K>::id == codec<std::string>::id &&
                                  std::constructible_from<K, std::string_view> &&
                                  detail::transparent_key_for<std::string_view, types>;

 public:
  explicit newest_map(std::size_t shards)
      : count_(shard_count_for(shards)), shards_(std::make_unique<shard[]>(count_)) {}

  template <class Q>
  static prehashed<Q> hashed(const Q& k) {
    return {k, detail::mixed(hasher(), k)};
  }
  std::size_t shard_count() const noexcept { return count_; }
  // While nobody else uses it. Allocates nothing: memory may be what has run out.
  void clear() noexcept {
    for (std::size_t i = 0; i != count_; ++i) {
      std::destroy_at(&shards_[i]);
      std::construct_at(&shards_[i]);
    }
  }

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
      is_newest = (e.is == state::nothing || e.version() < new_version) && (!e.is_claimed || e.claimed < new_version);
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

  // ---- Recovery: nobody reads.

  // What a key is looked up with: its bytes where that is the same, so that no key is made for a record that loses; or else the key.
  using sought = std::conditional_t<is_text, std::string_view, K>;
  static std::optional<sought> read_key(std::span<const std::byte> bytes) {
    if constexpr (is_text) {
      return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    } else {
      return codec<K>::read(bytes);
    }
  }
  // Whether something newer is known. If not, put_back() decides.
  bool has_newer(prehashed<sought> k, std::uint64_t version, std::uint64_t seq) const {
    bool known = false;
    shard_of(k.hash).entries.look(k, [&](const value_type& x) { known = x.second.beats(version, seq); });
    return known;
  }
  // No value: an erasure. Returns what was there, to be ended without a lock.
  std::optional<V> put_back(prehashed<sought> k, sought&& key, std::uint64_t version, std::uint64_t seq,
                            std::optional<V>&& value) {
    shard& s = shard_of(k.hash);
    std::optional<V> old;
    s.entries.revise(k, [&](revision& r) {
      if (r.present() == nullptr) {
        if (value) {
          place(s, r, std::move(key), version, seq, *std::move(value));
        } else {
          place(s, r, std::move(key), version, seq);
        }
        return;
      }
      // Nobody looks at it without the lock, but for its key and beats().
      auto& e = const_cast<record&>(r.present()->second);
      if (!e.is_older_than(version, seq)) return;
      count(s, e.is, std::size_t{0} - 1);
      old = std::move(e.value);
      e.value.reset();
      e.is = state::erased;
      if (value) {
        e.value.emplace(*std::move(value));
        e.is = state::live;
      }
      count(s, e.is, 1);
      e.renew(version, seq);
    });
    return old;
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
