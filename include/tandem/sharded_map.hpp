// sharded_map: a hash map in shards, each a sequential map behind a reader-writer lock; and sharded, for data structures of
// your own.
//
// Simple, and as fast as the map inside while threads do not meet in one shard. Any map with the interface of
// std::unordered_map can be plugged in (std's, Boost's, abseil's), with its properties: stable references under the lock,
// node allocators, its speed.
//
//     tandem::sharded_map<std::string, int> map;
//     map.try_emplace_or_visit("hits", 1, [](auto& entry) { ++entry.second; });
//
//     struct std_shards : tandem::sharded_map_options {
//       template <class K, class T, class H, class E, class A>
//       using map = std::unordered_map<K, T, H, E, A>;
//     };
//     tandem::sharded_map<K, T, H, E, A, std_shards> of_std_maps;
//
// Use it when a certain map must be inside; when whole shards are worked on at a time (visit_shard shows one moment's content
// of a shard); when memory per element counts for more than the last of speed. Otherwise use cell_map: it has a lock per 32
// elements rather than one per shard, reads small elements without any, and no operation pays for a whole rehash.
//
// **Interface**: that of cell_map, documented in cell/visiting.hpp, without bulk visits and guards: a lock here is one of a
// whole shard. And shard_count, shard_of, visit_shard, stats.
//
// **Costs.** One hash, one lock, one or two lookups in the shard's map. A map that is plugged in hashes a new key a second
// time, as its insertion takes no hash. Rehashing is the inner map's, while the shard is locked. Memory: 128 bytes or more
// for each shard, from the first insertion on; an unused map owns none. size() and stats() take no lock.
//
// **Shards.** A power of two, which does not change: from the constructor, else from Options::shards, else four for each
// processor, at least 16. Shards and what is inside them are chosen by different bits of the hash.
//
// **Thread safety.** As cell_map's: everything beside everything, but construction and destruction. Moving from a map, and
// swap or assignment where the numbers of shards differ, need both maps to be unused by others. Operations on one element
// are atomic and linearizable. Operations on all elements see each shard at one moment, one after the other.
//
// **Progress.** Blocking: an operation waits for others in the same shard, and for as long as their visitors take. Readers
// share.
//
// **Re-entrancy.** A visitor must not call the same map: not even for another key, which may be in the same shard. Debug builds
// (no NDEBUG) report it.
//
// **Exceptions.** As cell/visiting.hpp says, as far as the inner map gives the strong guarantee for insertion of one element.
//
// **Differences to boost::concurrent_flat_map**: cell_map's; a constructor's number is one of shards; no bulk visits.
#ifndef TANDEM_SHARDED_MAP_HPP
#define TANDEM_SHARDED_MAP_HPP

#include <tandem/cell/element.hpp>
#include <tandem/cell/sequential_map.hpp>
#include <tandem/cell/table.hpp>
#include <tandem/cell/visiting.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/held_locks.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/misuse.hpp>
#include <tandem/hash.hpp>
#include <tandem/options.hpp>
#include <tandem/sync/cache_line.hpp>
#include <tandem/sync/versioned_lock.hpp>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#if __has_include(<memory_resource>)
#include <memory_resource>
#endif

namespace tandem {

// Counts of one moment; each shard's by itself.
struct sharded_stats {
  std::size_t shards = 0;
  std::size_t size = 0;      // elements in all
  std::size_t smallest = 0;  // elements in the shard with the fewest
  std::size_t largest = 0;   // and in that with the most
};

// How a sharded<Inner> makes an Inner, unless it is told otherwise. Another `Make` is called as const; it may have
// get_allocator(), whose result then also allocates the shards.
template <class Inner>
struct make_default {
  Inner operator()() const { return Inner(); }
};

// A number of Inners, each behind a lock of its own: what sharded_map is made of, for data structures of your own. A caller
// says which shard by a hash, and gets to it in a function that is called while the shard's lock is held.
//
// Bits 24 and up of the hash choose the shard (8 and up where a std::size_t has 32 bits). An Inner that hashes by the same
// hash should use others: the cell tables here use the upper bits and the lowest eight; tables that mask use the lowest.
// The hash should be mixed (hash.hpp).
//
// The number of shards is a power of two and does not change: what the constructor is given, rounded up; else
// Options::shards; else four for each processor, at least 16. A shard starts on cache lines of its own. They are made
// when they are first needed, all at once: until then a sharded<Inner> owns no memory, and can be constinit.
//
// A function that is called with a shard must not call the same sharded<Inner>; debug builds report it.
//
// Thread safety: all members but construction, destruction, moves, and swap with another number of shards may be called
// from any thread at any time. Progress: blocking. Exceptions: what the function throws is passed on, the lock is free then;
// and what Make and the allocator throw when the shards are made, after which there are none.
template <class Inner, class Options = sharded_map_options, class Make = make_default<Inner>>
class sharded {
  using atomics = typename Options::atomics;
  template <class T>
  using atomic = typename atomics::template atomic<T>;

  struct alignas(no_sharing) shard {
    explicit shard(const Make& make) : inner(make()) {}

    versioned_lock<atomics> lock;
    atomic<std::size_t> size{0};  // as of the last exclusive access
    Inner inner;
  };

  static constexpr bool counts = requires(const Inner& i) {
    { i.size() } -> std::convertible_to<std::size_t>;
  };

 public:
  using inner_type = Inner;
  using size_type = std::size_t;

  constexpr sharded() = default;
  // `shards`: 0 for the default number.
  explicit sharded(size_type shards, const Make& make = Make())
      : make_(make), count_(shards == 0 ? 0 : std::bit_ceil(shards)) {}
  sharded(sharded&& other) noexcept(std::is_nothrow_copy_constructible_v<Make>)
      : make_(other.make_),
        count_(other.count_.load(std::memory_order_relaxed)),
        shards_(other.shards_.load(std::memory_order_relaxed)) {
    other.shards_.store(nullptr, std::memory_order_relaxed);
  }
  sharded& operator=(sharded&& other) {
    if (this != &other) {
      sharded taken(std::move(other));
      exchange_all(taken);
    }
    return *this;
  }
  ~sharded() {
    if (shard* const all = shards_.load(std::memory_order_relaxed)) destroy(all, shard_count());
  }

  // Swaps the Inners, with all locks of both held, if both have the same number of shards; throws what Make and the allocator
  // throw if one has no shards yet. Otherwise all at once, and nobody may use one of them meanwhile.
  void swap(sharded& other) {
    if (this == &other) return;
    if (shard_count() != other.shard_count()) {
      exchange_all(other);
      return;
    }
    using std::swap;
    if (!in_use() && !other.in_use()) {
      // Two empty maps: what somebody inserts just now comes after.
      swap(make_, other.make_);
      return;
    }
    made();
    other.made();
    bool const in_order = std::less<>()(this, &other);
    all_locked const first(in_order ? *this : other);
    all_locked const second(in_order ? other : *this);
    for (size_type i = 0; i != shard_count(); ++i) swap(made()[i].inner, other.made()[i].inner);
    swap(make_, other.make_);
  }

  [[nodiscard]] const Make& make() const noexcept { return make_; }
  [[nodiscard]] size_type shard_count() const noexcept {
    size_type const n = count_.load(std::memory_order_relaxed);
    return n != 0 ? n : default_count();
  }
  [[nodiscard]] size_type shard_of(std::size_t hash) const noexcept { return index(hash, shard_count()); }

  // Whether the shards have been made.
  [[nodiscard]] bool in_use() const noexcept {
    // order[used]: acquire load; pairs with [made]: the shards are whole.
    return shards_.load(std::memory_order_acquire) != nullptr;
  }

  // Returns f(inner) for the shard of this hash. A const Inner& for shared access.
  template <cell::access A, class F>
  decltype(auto) with_shard(std::size_t hash, F&& f) {
    shard* const all = made();
    return call<A>(all[shard_of(hash)], f);
  }
  template <cell::access A, class F>
    requires(A == cell::access::shared)
  decltype(auto) with_shard(std::size_t hash, F&& f) const {
    return const_cast<sharded*>(this)->template with_shard<A>(hash, f);
  }
  // The same without waiting: returns whether nobody was in the way, and it was called. With exclusive access, or, if this is
  // const, with shared access.
  template <class F>
  bool try_with_shard(std::size_t hash, F&& f) {
    detail::held_locks::check(this, true);
    shard& s = made()[shard_of(hash)];
    if (!s.lock.try_lock()) return false;
    locked<cell::access::exclusive> const held(*this, s, std::adopt_lock);
    f(s.inner);
    return true;
  }
  template <class F>
  bool try_with_shard(std::size_t hash, F&& f) const {
    detail::held_locks::check(this, false);
    shard& s = const_cast<sharded*>(this)->made()[shard_of(hash)];
    if (!s.lock.try_lock_shared()) return false;
    locked<cell::access::shared> const held(*this, s, std::adopt_lock);
    f(std::as_const(s.inner));
    return true;
  }

  // Returns f(inner) for the i-th shard. Precondition: i < shard_count().
  template <cell::access A, class F>
  decltype(auto) visit_shard(size_type i, F&& f) {
    if constexpr (detail::diagnoses_misuse) {
      if (i >= shard_count()) detail::misuse("there is no shard of this number: look at shard_count()");
    }
    return call<A>(made()[i], f);
  }
  template <cell::access A, class F>
    requires(A == cell::access::shared)
  decltype(auto) visit_shard(size_type i, F&& f) const {
    return const_cast<sharded*>(this)->template visit_shard<A>(i, f);
  }

  // f(inner) for one shard after the other, until it returns false. Returns whether it never did. If no shards have been made,
  // there are none.
  template <cell::access A, class F>
  bool for_each_shard(F&& f) {
    if (!in_use()) return true;
    for (size_type i = 0; i != shard_count(); ++i) {
      if (!call<A>(made()[i], f)) return false;
    }
    return true;
  }
  template <cell::access A, class F>
    requires(A == cell::access::shared)
  bool for_each_shard(F&& f) const {
    return const_cast<sharded*>(this)->template for_each_shard<A>(f);
  }

  // The sum of the Inners' sizes, without a lock: of each as the last exclusive access left it.
  [[nodiscard]] size_type size() const noexcept
    requires counts
  {
    return stats().size;
  }
  [[nodiscard]] sharded_stats stats() const noexcept
    requires counts
  {
    sharded_stats s;
    s.shards = shard_count();
    // order[stats]: acquire load; pairs with [made]: the shards are whole.
    shard const* const all = shards_.load(std::memory_order_acquire);
    if (all == nullptr) return s;
    s.smallest = std::numeric_limits<size_type>::max();
    for (size_type i = 0; i != s.shards; ++i) {
      size_type const n = all[i].size.load(std::memory_order_relaxed);
      s.size += n;
      s.smallest = std::min(s.smallest, n);
      s.largest = std::max(s.largest, n);
    }
    return s;
  }

 private:
  static constexpr int first_bit = std::numeric_limits<std::size_t>::digits >= 64 ? 24 : 8;

  // A shard whose lock is held.
  template <cell::access A>
  class locked {
   public:
    locked(const sharded& owner, shard& s) noexcept : owner_(owner), shard_(s) {
      detail::held_locks::check(&owner, exclusive);
      if constexpr (exclusive) {
        s.lock.lock();
      } else {
        s.lock.lock_shared();
      }
      detail::held_locks::remember(&owner, exclusive);
    }
    locked(const sharded& owner, shard& s, std::adopt_lock_t) noexcept : owner_(owner), shard_(s) {
      detail::held_locks::remember(&owner, exclusive);
    }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked() {
      detail::held_locks::forget(&owner_);
      if constexpr (exclusive) {
        if constexpr (counts) shard_.size.store(std::as_const(shard_.inner).size(), std::memory_order_relaxed);
        shard_.lock.unlock();
      } else {
        shard_.lock.unlock_shared();
      }
    }

   private:
    static constexpr bool exclusive = A == cell::access::exclusive;
    const sharded& owner_;
    shard& shard_;
  };

  // All shards of one. For an owner in use.
  class all_locked {
   public:
    explicit all_locked(sharded& owner) noexcept : owner_(owner), shards_(owner.made()) {
      detail::held_locks::check(&owner, true);
      for (size_type i = 0; i != owner.shard_count(); ++i) shards_[i].lock.lock();
    }
    all_locked(const all_locked&) = delete;
    all_locked& operator=(const all_locked&) = delete;
    ~all_locked() {
      for (size_type i = owner_.shard_count(); i-- != 0;) {
        if constexpr (counts) {
          shards_[i].size.store(std::as_const(shards_[i].inner).size(), std::memory_order_relaxed);
        }
        shards_[i].lock.unlock();
      }
    }

   private:
    sharded& owner_;
    shard* shards_;
  };

  template <cell::access A, class F>
  decltype(auto) call(shard& s, F& f) {
    locked<A> const held(*this, s);
    if constexpr (A == cell::access::shared) {
      return f(std::as_const(s.inner));
    } else {
      return f(s.inner);
    }
  }

  static constexpr size_type index(std::size_t hash, size_type count) noexcept {
    return (hash >> first_bit) & (count - 1);
  }

  // The same during the whole run, although the system may change its mind about processors.
  static size_type default_count() noexcept {
    if constexpr (Options::shards != 0) {
      return std::bit_ceil(std::size_t{Options::shards});
    } else {
      static const size_type count = std::clamp(std::bit_ceil(std::size_t{4} * std::thread::hardware_concurrency()),
                                                size_type{16}, size_type{1024});
      return count;
    }
  }

  // ---- The shards.

  static constexpr bool has_allocator = requires(const Make& m) { m.get_allocator(); };
  auto allocator() const {
    if constexpr (has_allocator) {
      using given = std::remove_cvref_t<decltype(make_.get_allocator())>;
      return typename std::allocator_traits<given>::template rebind_alloc<shard>(make_.get_allocator());
    } else {
      return std::allocator<shard>();
    }
  }

  shard* made() {
    // order[find]: acquire load; pairs with [made]: the shards are whole.
    if (shard* const all = shards_.load(std::memory_order_acquire)) [[likely]]
      return all;
    return make_all();
  }
  shard* make_all() {
    size_type const n = shard_count();
    shard* const fresh = construct(n);
    // Whoever makes shards at the same time writes the same number.
    count_.store(n, std::memory_order_relaxed);
    shard* none = nullptr;
    // order[made]: acq_rel acquire CAS; pairs with [find], [used], [stats], [made]: who finds the shards finds them whole.
    if (shards_.compare_exchange_strong(none, fresh, std::memory_order_acq_rel, std::memory_order_acquire))
      return fresh;
    destroy(fresh, n);
    return none;
  }

  shard* construct(size_type n) {
    auto alloc = allocator();
    using traits = std::allocator_traits<decltype(alloc)>;
    shard* const all = std::to_address(traits::allocate(alloc, n));
    size_type i = 0;
    try {
      for (; i != n; ++i) std::construct_at(all + i, make_);
    } catch (...) {
      std::destroy_n(all, i);
      deallocate(alloc, all, n);
      throw;
    }
    return all;
  }
  void destroy(shard* all, size_type n) noexcept {
    auto alloc = allocator();
    std::destroy_n(all, n);
    deallocate(alloc, all, n);
  }
  template <class Alloc>
  static void deallocate(Alloc& alloc, shard* all, size_type n) noexcept {
    using traits = std::allocator_traits<Alloc>;
    traits::deallocate(alloc, std::pointer_traits<typename traits::pointer>::pointer_to(*all), n);
  }

  void exchange_all(sharded& other) noexcept {
    using std::swap;
    swap(make_, other.make_);
    size_type const n = count_.load(std::memory_order_relaxed);
    count_.store(other.count_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    other.count_.store(n, std::memory_order_relaxed);
    shard* const all = shards_.load(std::memory_order_relaxed);
    shards_.store(other.shards_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    other.shards_.store(all, std::memory_order_relaxed);
  }

  [[no_unique_address]] Make make_{};
  atomic<size_type> count_{0};  // 0: the default number, and no shards yet
  atomic<shard*> shards_{nullptr};
};

namespace cell {

// Shards as the engine of a container (visiting.hpp).
template <class Element, class Hash, class KeyEqual, class Allocator, class Options>
class sharded_table {
 public:
  using key_type = typename Element::key_type;
  using value_type = typename Element::value_type;
  using size_type = std::size_t;
  template <class Q>
  using prehashed = detail::prehashed<Q>;
  using inner =
      typename Options::template map<key_type, typename Element::mapped_type, detail::keyed_hash<key_type, Hash>,
                                     detail::keyed_equal<key_type, KeyEqual>, Allocator>;

  static constexpr bool is_cell_table =
      std::same_as<inner, sequential_map<key_type, typename Element::mapped_type, detail::keyed_hash<key_type, Hash>,
                                         detail::keyed_equal<key_type, KeyEqual>, Allocator>>;
  // Maps with nodes may look at the key of an element that they erase.
  static constexpr bool erases_without_hashing = !requires { typename inner::node_type; };

  constexpr sharded_table() = default;
  sharded_table(size_type shards, const Hash& hash, const KeyEqual& equal, const Allocator& alloc)
      : shards_(shards, maker{hash, equal, alloc}) {}
  sharded_table(sharded_table&&) = default;

  void swap(sharded_table& other) { shards_.swap(other.shards_); }

  const auto& shards() const noexcept { return shards_; }
  auto& shards() noexcept { return shards_; }

  Hash hash_function() const { return shards_.make().hash; }
  KeyEqual key_eq() const { return shards_.make().equal; }
  Allocator get_allocator() const noexcept { return shards_.make().alloc; }
  template <class Q>
  std::size_t hash_of(const Q& k) const {
    return detail::mixed(shards_.make().hash, k);
  }

  // ---- One element.

  template <access A, class Q, class F>
  size_type visit(prehashed<Q> k, F&& f) {
    return visit_in<A>(shards_, k, f);
  }
  template <access A, class Q, class F>
    requires(A == access::shared)
  size_type visit(prehashed<Q> k, F&& f) const {
    return visit_in<A>(shards_, k, f);
  }
  template <class Q, class F>
  size_type peek(prehashed<Q> k, F&& f) const {
    return visit_in<access::shared>(shards_, k, f);
  }

  // As peek: an optional of what f returned, which is neither void nor a reference.
  template <class Q, class F>
  auto peek_for(prehashed<Q> k, F&& f) const {
    std::optional<std::remove_cv_t<std::invoke_result_t<F, const value_type&>>> result;
    peek(k, [&](const value_type& x) { result.emplace(f(x)); });
    return result;
  }

  // As peek, but does not wait: nothing if a lock is in the way.
  template <class Q, class F>
  std::optional<size_type> try_peek(prehashed<Q> k, F&& f) const {
    size_type n = 0;
    if (!shards_.in_use()) return n;
    bool const done = shards_.try_with_shard(k.hash, [&](const inner& map) { n = visit_one(map, k, f); });
    return done ? std::optional<size_type>(n) : std::nullopt;
  }

  template <class Q, class New, class Old, class... Args>
  bool emplace(prehashed<Q> k, New&& on_new, Old&& on_old, Args&&... args) {
    return shards_.template with_shard<access::exclusive>(k.hash, [&](inner& map) {
      if (auto const found = map.find(k); found != map.end()) {
        on_old(*found);
        return false;
      }
      on_new(*insert(map, k, std::forward<Args>(args)...));
      return true;
    });
  }

  template <class Q, class P>
  size_type erase_if(prehashed<Q> k, P&& pred) {
    if (!shards_.in_use()) return 0;
    return shards_.template with_shard<access::exclusive>(k.hash, [&](inner& map) -> size_type {
      auto const found = map.find(k);
      if (found == map.end() || !pred(*found)) return 0;
      if constexpr (is_cell_table) {
        return map.erase(k);  // which shrinks the map, if it has become too large
      } else {
        map.erase(found);
        return 1;
      }
    });
  }
  template <class Q, class F>
  size_type take(prehashed<Q> k, F&& f) {
    if (!shards_.in_use()) return 0;
    return shards_.template with_shard<access::exclusive>(k.hash, [&](inner& map) -> size_type {
      auto const found = map.find(k);
      if (found == map.end()) return 0;
      f(*found);
      map.erase(found);
      return 1;
    });
  }

  // ---- All elements.

  template <access A, class F>
  bool scan(F&& f) {
    return scan_in<A>(shards_, f);
  }
  template <access A, class F>
    requires(A == access::shared)
  bool scan(F&& f) const {
    return scan_in<A>(shards_, f);
  }
  template <access A, class F>
  bool scan_part(size_type part, size_type parts, F&& f) {
    return scan_part_in<A>(shards_, part, parts, f);
  }
  template <access A, class F>
    requires(A == access::shared)
  bool scan_part(size_type part, size_type parts, F&& f) const {
    return scan_part_in<A>(shards_, part, parts, f);
  }

  template <class P>
  size_type erase_if(P&& pred) {
    return erase_part_if(0, 1, pred);
  }
  template <class P>
  size_type erase_part_if(size_type part, size_type parts, P&& pred) {
    size_type erased = 0;
    if (!shards_.in_use()) return erased;
    for (size_type i = part; i < shards_.shard_count(); i += parts) {
      shards_.template visit_shard<access::exclusive>(i, [&](inner& map) { erased += erase_each(map, pred); });
    }
    return erased;
  }
  void clear() noexcept {
    shards_.template for_each_shard<access::exclusive>([](inner& map) {
      map.clear();
      return true;
    });
  }

  // As table::merge: who is offered an element does not wait for a lock while the source's shard is locked.

  template <class Source>
  size_type merge(Source& from) {
    if constexpr (std::is_same_v<Source, sharded_table>) {
      if (this == &from) return 0;
    }
    return from.give([this](const key_type& key, auto&& construct) {
      prehashed<key_type> const k{key, hash_of(key)};
      transfer outcome = transfer::busy;
      shards_.try_with_shard(k.hash, [&](inner& map) {
        outcome = transfer::present;
        if (map.find(k) != map.end()) return;
        construct([&](auto&&... args) { insert(map, k, std::forward<decltype(args)>(args)...); });
        outcome = transfer::done;
      });
      return outcome;
    });
  }
  template <class F>
  size_type give(F&& accept) {
    size_type given = 0;
    if (!shards_.in_use()) return given;
    for (size_type i = 0; i != shards_.shard_count();) {
      bool again = false;
      shards_.template visit_shard<access::exclusive>(i, [&](inner& map) {
        given += erase_each(map, [&](value_type& x) {
          transfer const outcome = accept(
              Element::key_of(x), [&](auto&& make) { shown<Element>::template take<erases_without_hashing>(x, make); });
          again = again || outcome == transfer::busy;
          return outcome == transfer::done;
        });
      });
      if (again) {
        Options::atomics::yield();
      } else {
        ++i;
      }
    }
    return given;
  }

  // ---- The whole.

  size_type size() const noexcept { return shards_.size(); }
  bool empty() const noexcept { return size() == 0; }
  size_type max_size() const noexcept {
    return static_cast<size_type>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(value_type);
  }
  size_type bucket_count() const noexcept {
    size_type n = 0;
    shards_.template for_each_shard<access::shared>([&](const inner& map) {
      n += map.bucket_count();
      return true;
    });
    return n;
  }
  void reserve(size_type n) {
    for (size_type i = 0; i != shards_.shard_count(); ++i) {
      shards_.template visit_shard<access::exclusive>(i, [&](inner& map) { map.reserve(share(n)); });
    }
  }
  void rehash(size_type n) {
    if (n == 0 && !shards_.in_use()) return;
    for (size_type i = 0; i != shards_.shard_count(); ++i) {
      shards_.template visit_shard<access::exclusive>(i, [&](inner& map) { map.rehash(share(n)); });
    }
  }

 private:
  struct maker {
    [[no_unique_address]] Hash hash{};
    [[no_unique_address]] KeyEqual equal{};
    [[no_unique_address]] Allocator alloc{};

    inner operator()() const {
      return inner(0, detail::keyed_hash<key_type, Hash>(hash), detail::keyed_equal<key_type, KeyEqual>(equal), alloc);
    }
    Allocator get_allocator() const noexcept { return alloc; }

    friend void swap(maker& a, maker& b) {
      using std::swap;
      swap(a.hash, b.hash);
      swap(a.equal, b.equal);
      if constexpr (std::allocator_traits<Allocator>::propagate_on_container_swap::value) swap(a.alloc, b.alloc);
    }
  };

  // Of n elements, what a shard gets if it gets some more than the others.
  size_type share(size_type n) const noexcept {
    size_type const even = n / shards_.shard_count();
    return n == 0 ? 0 : even + even / 8 + 1;
  }

  template <class Q, class... Args>
  static auto insert(inner& map, const prehashed<Q>& k, Args&&... args) {
    if constexpr (is_cell_table) {
      return map.emplace_hashed(k.hash, k, std::forward<Args>(args)...).first;
    } else {
      return map.emplace(std::forward<Args>(args)...).first;
    }
  }

  template <class P>
  static size_type erase_each(inner& map, P&& pred) {
    size_type erased = 0;
    for (auto at = map.begin(); at != map.end();) {
      if (!pred(*at)) {
        ++at;
        continue;
      }
      ++erased;
      if constexpr (requires { at = map.erase(at); }) {
        at = map.erase(at);
      } else {
        map.erase(at++);
      }
    }
    return erased;
  }

  template <access A, class Shards, class Q, class F>
  static size_type visit_in(Shards& shards, const prehashed<Q>& k, F& f) {
    if (!shards.in_use()) return 0;
    return shards.template with_shard<A>(k.hash, [&](auto& map) { return visit_one(map, k, f); });
  }
  template <class Map, class Q, class F>
  static size_type visit_one(Map& map, const prehashed<Q>& k, F& f) {
    auto const found = map.find(k);
    if (found == map.end()) return 0;
    f(*found);
    return 1;
  }
  template <class Map, class F>
  static bool visit_each(Map& map, F& f) {
    for (auto&& x : map) {
      if (!f(x)) return false;
    }
    return true;
  }
  template <access A, class Shards, class F>
  static bool scan_in(Shards& shards, F& f) {
    return shards.template for_each_shard<A>([&](auto& map) { return visit_each(map, f); });
  }
  template <access A, class Shards, class F>
  static bool scan_part_in(Shards& shards, size_type part, size_type parts, F& f) {
    if (!shards.in_use()) return true;
    for (size_type i = part; i < shards.shard_count(); i += parts) {
      if (!shards.template visit_shard<A>(i, [&](auto& map) { return visit_each(map, f); })) return false;
    }
    return true;
  }

  sharded<inner, Options, maker> shards_;
};

template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Options>
using sharded_map_table =
    sharded_table<map_element<Key, T>, Hash, KeyEqual,
                  typename std::allocator_traits<Allocator>::template rebind_alloc<std::pair<const Key, T>>, Options>;

}  // namespace cell

// Allocator is rebound to value_type. Options: sharded_map_options (options.hpp).
template <class Key, class T, class Hash = hash<Key>, class KeyEqual = equal_to<Key>,
          class Allocator = std::allocator<std::pair<const Key, T>>, class Options = sharded_map_options>
class sharded_map : public cell::visiting_map<cell::sharded_map_table<Key, T, Hash, KeyEqual, Allocator, Options>> {
  using base = cell::visiting_map<cell::sharded_map_table<Key, T, Hash, KeyEqual, Allocator, Options>>;
  using typename base::called_from;
  using typename base::caller;
  using typename base::types;

 public:
  using typename base::allocator_type;
  using typename base::hasher;
  using typename base::key_equal;
  using typename base::key_type;
  using typename base::size_type;
  using typename base::value_type;

  // ---- Construction. `shards`: their number, rounded up to a power of two; 0 for the default.

  // No allocation; can be constinit if hash, equality and allocator can.
  constexpr sharded_map() = default;
  explicit sharded_map(size_type shards, const hasher& hash = hasher(), const key_equal& equal = key_equal(),
                       const allocator_type& alloc = allocator_type())
      : base(std::in_place, shards, hash, equal, alloc) {}
  explicit sharded_map(const allocator_type& alloc) : sharded_map(0, hasher(), key_equal(), alloc) {}
  template <std::input_iterator It>
  sharded_map(It first, It last, size_type shards = 0, const hasher& hash = hasher(),
              const key_equal& equal = key_equal(), const allocator_type& alloc = allocator_type())
      : sharded_map(shards, hash, equal, alloc) {
    this->insert(first, last);
  }
  sharded_map(std::initializer_list<value_type> list, size_type shards = 0, const hasher& hash = hasher(),
              const key_equal& equal = key_equal(), const allocator_type& alloc = allocator_type())
      : sharded_map(list.begin(), list.end(), shards, hash, equal, alloc) {}

  // Copies what is there, with the same number of shards; others may use `other` meanwhile.
  sharded_map(const sharded_map& other)
      : sharded_map(other, std::allocator_traits<allocator_type>::select_on_container_copy_construction(
                               other.get_allocator())) {}
  sharded_map(const sharded_map& other, const std::type_identity_t<allocator_type>& alloc)
      : sharded_map(other.shard_count(), other.hash_function(), other.key_eq(), alloc) {
    other.engine_.template scan<cell::access::shared>([&](const value_type& x) {
      this->emplace(x);
      return true;
    });
  }
  // Takes the shards. Nobody may use `other` meanwhile; it is empty then.
  sharded_map(sharded_map&& other) noexcept(std::is_nothrow_copy_constructible_v<hasher> &&
                                            std::is_nothrow_copy_constructible_v<key_equal>)
      : base(std::in_place, std::move(other.engine_)) {}
  ~sharded_map() = default;

  // ---- Assignment and swap. If both have as many shards, others see the old elements or the new ones, shard by shard;
  // otherwise nobody may use either meanwhile. The number of shards comes with the elements. Precondition of moves and
  // swap: the allocators are equal.

  sharded_map& operator=(const sharded_map& other) {
    if (this != std::addressof(other)) {
      sharded_map copy(other, this->get_allocator());
      swap(copy);
    }
    return *this;
  }
  sharded_map& operator=(sharded_map&& other) {
    if (this != std::addressof(other)) {
      swap(other);
      other.clear();
    }
    return *this;
  }
  sharded_map& operator=(std::initializer_list<value_type> list) {
    sharded_map made(list, shard_count(), this->hash_function(), this->key_eq(), this->get_allocator());
    swap(made);
    return *this;
  }
  // Throws std::bad_alloc if one of them has no shards yet.
  void swap(sharded_map& other) {
    if (this != std::addressof(other)) base::swap_engines(*this, other);
  }

  // ---- Shards.

  [[nodiscard]] size_type shard_count() const noexcept { return this->engine_.shards().shard_count(); }
  // Which shard a key is in, or would be.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] size_type shard_of(const Q& k) const {
    auto&& sought = detail::as_key<types>(k);
    return this->engine_.shards().shard_of(this->engine_.hash_of(sought));
  }
  // f(element) for each element of a shard, which is locked all the time: one moment's content. Return how many there were.
  // Precondition: i < shard_count().
  template <class F>
  size_type visit_shard(size_type i, F&& f, caller where = caller::here()) {
    called_from const place(where);
    return visit_shard_of<cell::access::exclusive>(this->engine_.shards(), i, f);
  }
  template <class F>
  size_type visit_shard(size_type i, F&& f, caller where = caller::here()) const {
    return cvisit_shard(i, f, where);
  }
  template <class F>
  size_type cvisit_shard(size_type i, F&& f, caller where = caller::here()) const {
    called_from const place(where);
    return visit_shard_of<cell::access::shared>(this->engine_.shards(), i, f);
  }
  // Without a lock.
  [[nodiscard]] sharded_stats stats() const noexcept { return this->engine_.shards().stats(); }

  // Whether both have the same keys with equal values. Exact if nobody writes meanwhile. Linear.
  friend bool operator==(const sharded_map& a, const sharded_map& b)
    requires std::equality_comparable<T>
  {
    return base::equal(a, b);
  }
  friend void swap(sharded_map& a, sharded_map& b) { a.swap(b); }
  // Erases the elements for which pred(element) is true. Returns how many.
  template <class Predicate>
  friend std::size_t erase_if(sharded_map& map, Predicate&& pred) {
    return map.erase_if(pred);
  }

 private:
  template <cell::access A, class Shards, class F>
  static size_type visit_shard_of(Shards& shards, size_type i, F& f) {
    return shards.template visit_shard<A>(i, [&](auto& map) {
      auto show = base::template showing<A>(f);
      for (auto&& x : map) show(x);
      return static_cast<size_type>(map.size());
    });
  }
};

#if __has_include(<memory_resource>)
namespace pmr {

template <class Key, class T, class Hash = hash<Key>, class KeyEqual = equal_to<Key>,
          class Options = sharded_map_options>
using sharded_map =
    tandem::sharded_map<Key, T, Hash, KeyEqual, std::pmr::polymorphic_allocator<std::pair<const Key, T>>, Options>;

}  // namespace pmr
#endif

}  // namespace tandem

#endif
