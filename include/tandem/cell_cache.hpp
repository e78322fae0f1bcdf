// cell_cache: a bounded map that forgets what has not been used for longest. Any thread, at any time.
//
// It is a cell_map whose cells never hold more than their 32 elements: an element that is put into a full cell takes the
// place of the one there that was used longest ago. Reads count as uses, and no reader waits for that, or for anybody's read.
//
//     tandem::cell_cache<std::string, page> pages(256, 4096);      // room for 256 to 4096
//     pages.on_evict([](const std::string& url, page&) { log << "forgets " << url; });
//     page p = pages.get_or_emplace(url, [&] { return fetch(url); });     // one call of fetch, however many ask at once
//
// Use it in front of what is slow and can be asked again. Do not use it when
//   - nothing may be forgotten: cell_map;
//   - exactly the oldest element of all has to go: what goes is the oldest of 32, so an element may go that is younger than others
//     elsewhere. Hit ratios are within about one percent of those of an exact list: bench/README.md;
//   - elements must go after a time: timed_store;
//   - code wants to change values in place and the cache weighs them: a weight is looked at when something is put, and only then.
//
// **Interface**
//
//   read      get read find        copy, function, guard; the element becomes the most recent one of its cell
//             peek contains        guard, bool; it does not
//   write     put                  inserts or assigns; returns what had to go
//             get_or_emplace       copy of what is there, or of what the function makes, which is inserted
//             update erase
//   all       visit_all cvisit_all erase_if clear
//   the rest  on_evict size empty capacity capacity_range stats
//
// **Capacities** are numbers of elements. Both are rounded up to what so many cells hold, 64, 128, 256, ...: see
// capacity_range(). There is never more than the maximum. The table begins with room for the minimum when something is first
// put in, and does not shrink below it. It doubles when a cell is full and the whole at least half full, so that next to nothing has
// to go before the maximum is reached, if the hash function is any good; and it shrinks when seven of eight places are empty. Both
// happen a few cells per put(), and keep the order: when cells become one, the elements with fewer uses of their cells since
// their own are the more recent ones. Those that do not fit then, which is rare, are evicted.
//
// **Weights.** With `weigher` in Options the maximal capacity is a weight, and is not rounded. Each cell has an equal share of
// it, and put() evicts from its cell until that fits. An element that is heavier than a share is not kept: put() returns
// it. So choose capacities that are thousands of times as large as an element. As the table grows shares become smaller;
// cells notice that when something is next put into them, so for that time the whole may weigh up to twice the maximum.
//
// **Probation.** With `probation` in Options what comes into a full cell is not the most recent element there, but goes soon
// unless it is asked for again. That keeps out what scans bring, and raises the hit ratio where some keys are asked for more
// often than others, in bench/README.md by 5 to 10 percent of all requests. It lowers it where everything is asked for again
// once, and late.
//
// **Costs.** A hit costs what it costs in a cell_map (no lock for small pairs of plain data), and four accesses to the cell's
// second cache line, two of them writes unless the element is the most recent one already: two threads that read different
// elements of one cell pass that line to and fro. Memory: 128 bytes for each cell of 32, and the elements. An empty cache that nothing was
// put in owns no memory. Insertions into a full cell look at 32 stamps. With weights, each put() weighs the elements of its cell.
//
// **Thread safety.** Everything beside everything on one cache, but construction and destruction. Operations on one element are
// linearizable, if one admits that an element can be evicted at any time.
//
// **Progress.** As in cell_map: operations wait for others in the same cell that write, and for as long as visitors and guards
// take. Reads never wait for reads. get_or_emplace also waits for the function of another thread that makes the same value.
//
// **Re-entrancy.** Visitors, and threads that hold a guard, must not call the same cache; debug builds report it. What is given to
// on_evict and to get_or_emplace is called while no lock is held, and may.
//
// **Exceptions.** Strong for operations on one element, as in cell_map. What is passed to on_evict may throw: see there.
//
// The design is that of scc's HashCache (a 32-way associative cache of buckets), with another order of use: that one links its
// slots under an exclusive lock, and forgets the links when it grows. Copying one's place by time stamps instead of links
// is how processors' caches and sampled LRU (Redis) do it.
#ifndef TANDEM_CELL_CACHE_HPP
#define TANDEM_CELL_CACHE_HPP

#include <tandem/cell/cache_table.hpp>
#include <tandem/cell/element.hpp>
#include <tandem/cell/flights.hpp>
#include <tandem/cell/guards.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/hash.hpp>
#include <tandem/options.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem {

// Allocator is rebound to value_type. Options: cell_cache_options (options.hpp).
template <class Key, class T, class Hash = hash<Key>, class KeyEqual = equal_to<Key>,
          class Allocator = std::allocator<std::pair<const Key, T>>, class Options = cell_cache_options>
class cell_cache {
  using element = cell::map_element<Key, T>;
  using allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<std::pair<const Key, T>>;
  using engine = cell::cache_table<element, Hash, KeyEqual, allocator, Options>;
  using types = cell::engine_traits<engine>;
  using caller = detail::caller;
  using called_from = detail::called_from;
  using evicted = typename engine::evicted;
  using flights = cell::flights<Key, T, allocator, typename Options::atomics>;

 public:
  using key_type = Key;
  using mapped_type = T;
  using value_type = std::pair<const Key, T>;
  using size_type = std::size_t;
  using hasher = Hash;
  using key_equal = KeyEqual;
  using allocator_type = allocator;
  // An element with shared access (cell/guards.hpp).
  using guard = cell::element_guard<engine, cell::access::shared>;
  using stats_type = cell::cache_stats;

  // No allocation; can be constinit if hash, equality and allocator can. Precondition: min_capacity <= max_capacity.
  constexpr cell_cache(size_type min_capacity, size_type max_capacity, const hasher& hash = hasher(),
                       const key_equal& equal = key_equal(), const allocator_type& alloc = allocator_type())
      : engine_(min_capacity, max_capacity, hash, equal, alloc) {}
  constexpr explicit cell_cache(size_type max_capacity) : cell_cache(0, max_capacity) {}

  cell_cache(const cell_cache&) = delete;
  cell_cache& operator=(const cell_cache&) = delete;
  // Does not call what was passed to on_evict.
  ~cell_cache() {
    for (handler* h = handler_.load(std::memory_order_relaxed); h != nullptr;) {
      handler* const older = h->older;
      delete h;
      h = older;
    }
  }

  // ---- Reading. The element becomes the most recent one of its cell, but for peek and contains.

  // A copy of the value. Nothing if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] std::optional<T> get(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.template peek_for<true>(cell::with_hash(engine_, sought), copy_of_value);
  }
  // f(const T&), or f(const Key&, const T&): an optional of what it returned, which must not be a reference; bool, if it
  // returns nothing. May get a copy of the element.
  template <detail::key_for<types> Q = key_type, class F>
  auto read(const Q& k, F&& f, caller where = caller::here()) const {
    called_from const place(where);
    using seen = decltype(cell::call_with_value<element>(f, std::declval<const value_type&>()));
    static_assert(!std::is_reference_v<seen>,
                  "the function returns a reference, which would be used after the element's "
                  "lock has ended: return a value");
    auto&& sought = detail::as_key<types>(k);
    auto const call = [&](const value_type& x) -> decltype(auto) { return cell::call_with_value<element>(f, x); };
    if constexpr (std::is_void_v<seen>) {
      return engine_.template peek<true>(cell::with_hash(engine_, sought), call) != 0;
    } else {
      return engine_.template peek_for<true>(cell::with_hash(engine_, sought), call);
    }
  }
  // The element. Empty if the key is absent. Holds the lock of the cell, so that nobody else changes it, puts or erases there.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] guard find(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return guard(engine_.template hold<cell::access::shared, true>(cell::with_hash(engine_, sought)));
  }
  // The same, and it is no use of the element.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] guard peek(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return guard(engine_.template hold<cell::access::shared>(cell::with_hash(engine_, sought)));
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] bool contains(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.peek(cell::with_hash(engine_, sought), cell::ignore()) != 0;
  }

  // ---- Writing.

  // The key has this value afterwards, and its element is the most recent one of its cell. Returns the element that had to go for
  // it; with weights, the first of them; nothing, if there was room or the key was there.
  template <cell::key_argument<types> K = key_type, class V = mapped_type>
    requires std::assignable_from<mapped_type&, V> && std::constructible_from<mapped_type, V>
  std::optional<value_type> put(K&& k, V&& value, caller where = caller::here()) {
    called_from const place(where);
    evicted out = engine_.nothing_evicted();
    size_type others = 0;
    try {
      cell::with_key<types>(std::forward<K>(k), [&](const auto& sought, auto&& source) {
        static_assert(std::constructible_from<Key, decltype(source)>,
                      "hash and equality take this type in the place of a key, but no key can be made from it");
        others = engine_.put(
            cell::with_hash(engine_, sought), out, [&](value_type& x) { x.second = std::forward<V>(value); },
            [] { return true; }, std::piecewise_construct,
            std::forward_as_tuple(std::forward<decltype(source)>(source)),
            std::forward_as_tuple(std::forward<V>(value)));
      });
    } catch (...) {
      report(out, std::current_exception());
    }
    report(out);
    return cell::extracted<element, true>([&](auto&& f) {
      out.for_each(
          [&](auto& s) {
            evicted::slot::with(s, f);
            return false;
          },
          others);
    });
  }

  // A copy of the value, and of what make() or make(const Key&) returns if there is none, which is then put into the cache.
  //
  // Of those who want the same key at the same time one calls its function, and the others wait for the result. If the function
  // throws, that one gets the exception, and one of the others calls his. The function is called while no lock is held; it may
  // call the cache, but not get_or_emplace for its own key, which would wait for itself (debug builds report it), nor for one
  // whose function waits for this key. What else is done to the key meanwhile comes first: if it was put, that value is
  // returned; if it was erased or everything was cleared, the value that was made is returned and not put in.
  template <cell::key_argument<types> K = key_type, class Make>
    requires std::copy_constructible<Key> && std::copy_constructible<T>
  T get_or_emplace(K&& k, Make&& make, caller where = caller::here()) {
    called_from const place(where);
    return cell::with_key<types>(std::forward<K>(k), [&](const auto& sought, auto&& source) -> T {
      static_assert(std::constructible_from<Key, decltype(source)>,
                    "hash and equality take this type in the place of a key, but no key can be made from it");
      auto const hashed = cell::with_hash(engine_, sought);
      for (;;) {
        if (std::optional<T> hit = engine_.template peek_for<true>(hashed, copy_of_value)) return *std::move(hit);
        auto const boarded = flights_.board(hashed.hash, sought, engine_.key_eq(), engine_.get_allocator(),
                                            [&] { return Key(std::forward<decltype(source)>(source)); });
        if (boarded.leads) return lead(boarded.seat, make);
        if (flights_.wait_for(boarded.seat)) return T(*boarded.seat->value);
      }
    });
  }

  // f(T&), or f(const Key&, T&), with exclusive access; a use of the element. An optional of what it returned, which must not be
  // a reference; bool, if it returns nothing.
  template <detail::key_for<types> Q = key_type, class F>
  auto update(const Q& k, F&& f, caller where = caller::here()) {
    called_from const place(where);
    using seen = decltype(cell::call_with_value<element>(f, std::declval<value_type&>()));
    cell::visit_result<seen> result;
    auto&& sought = detail::as_key<types>(k);
    engine_.template visit<cell::access::exclusive, true>(cell::with_hash(engine_, sought), [&](value_type& x) {
      result.set([&]() -> decltype(auto) { return cell::call_with_value<element>(f, x); });
    });
    return std::move(result).get();
  }

  // Returns how many there were, 0 or 1. Not an eviction: nobody is told.
  template <detail::key_for<types> Q = key_type>
  size_type erase(const Q& k, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    auto const hashed = cell::with_hash(engine_, sought);
    flights_.disown(hashed.hash, sought, engine_.key_eq());
    size_type const erased = engine_.erase_if(hashed, [](const value_type&) { return true; });
    flights_.disown(hashed.hash, sought, engine_.key_eq());
    return erased;
  }

  // ---- All elements, as in cell_map. No uses of them.

  // f(element) for each. Return how many there were.
  template <class F>
  size_type visit_all(F&& f, caller where = caller::here()) {
    called_from const place(where);
    return visit_each<cell::access::exclusive>(engine_, f);
  }
  template <class F>
  size_type visit_all(F&& f, caller where = caller::here()) const {
    return cvisit_all(f, where);
  }
  template <class F>
  size_type cvisit_all(F&& f, caller where = caller::here()) const {
    called_from const place(where);
    return visit_each<cell::access::shared>(engine_, f);
  }
  // Erases the elements for which pred(element) is true. Returns how many. Does not look at what is being made.
  template <class Predicate>
  size_type erase_if(Predicate&& pred, caller where = caller::here()) {
    called_from const place(where);
    return engine_.erase_if([&](value_type& x) { return static_cast<bool>(cell::call_visitor(pred, x)); });
  }
  void clear() noexcept {
    flights_.disown_all();
    engine_.clear();
    flights_.disown_all();
  }

  // ---- Evictions.

  // From now on f(const Key&, T&) is called for each element that is evicted, once, by the thread whose put() or get_or_emplace()
  // does that, before it returns, and while no lock is held: f may use this cache. It is called from several threads at once. It is not
  // called for what is erased, cleared, assigned to or destroyed with the cache.
  //
  // If f throws, the element is gone nonetheless, as are others that went at the same time, for which f is called too;
  // what was put is there; and the call that evicted ends with the first of these exceptions.
  //
  // May be called at any time. An eviction that is under way may still call the function before; that one is kept until
  // the cache is destroyed. nullptr: nothing is called any more.
  template <class F>
    requires std::invocable<F&, const Key&, T&>
  void on_evict(F f) {
    install(new handler_of<F>(std::move(f)));
  }
  void on_evict(std::nullptr_t) { install(new handler); }

  // ---- The whole. What others change meanwhile makes a size an estimate.

  [[nodiscard]] size_type size() const noexcept { return engine_.size(); }
  [[nodiscard]] bool empty() const noexcept { return engine_.empty(); }
  // Places for elements that the table has now.
  [[nodiscard]] size_type capacity() const noexcept { return engine_.bucket_count(); }
  // The fewest places there will be once something has been put in, and the most elements there can be: both capacities as
  // they were rounded. With weights the second is the maximal weight.
  [[nodiscard]] std::pair<size_type, size_type> capacity_range() const noexcept {
    return {engine_.fewest(), engine_.most()};
  }
  // A moment's view; costs a walk over the cells. (cell/table.hpp, cell/cache_table.hpp)
  [[nodiscard]] stats_type stats() const { return engine_.stats(); }

  [[nodiscard]] hasher hash_function() const { return engine_.hash_function(); }
  [[nodiscard]] key_equal key_eq() const { return engine_.key_eq(); }
  [[nodiscard]] allocator_type get_allocator() const noexcept { return engine_.get_allocator(); }

 private:
  struct handler {
    handler* older = nullptr;
    handler() = default;
    handler(const handler&) = delete;
    handler& operator=(const handler&) = delete;
    virtual ~handler() = default;
    virtual void call(const Key&, T&) {}
  };
  template <class F>
  struct handler_of final : handler {
    explicit handler_of(F&& f) : function(std::move(f)) {}
    void call(const Key& k, T& v) override { static_cast<void>(std::invoke(function, k, v)); }
    F function;
  };

  struct copier {
    T operator()(const value_type& x) const { return x.second; }
  };
  static constexpr copier copy_of_value{};

  template <cell::access A, class E, class F>
  static size_type visit_each(E& e, F& f) {
    size_type n = 0;
    e.template scan<A>([&](auto& x) {
      ++n;
      static_cast<void>(cell::call_visitor(f, cell::shown<element>::template as<A>(x)));
      return true;
    });
    return n;
  }

  void install(handler* made) noexcept {
    made->older = handler_.load(std::memory_order_relaxed);
    // order[install]: release CAS; pairs with [evict]: the function is made. Earlier ones stay, so nobody's is taken away.
    while (!handler_.compare_exchange_weak(made->older, made, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }

  // Tells about the elements, each once, and then throws the first exception that there was.
  void report(evicted& out, std::exception_ptr thrown = nullptr) {
    if (!out.empty()) {
      // order[evict]: acquire load; pairs with [install]: as there.
      if (handler* const h = handler_.load(std::memory_order_acquire)) {
        out.for_each([&](auto& s) {
          try {
            evicted::slot::with(s, [&](value_type& x) { h->call(x.first, x.second); });
          } catch (...) {
            if (thrown == nullptr) thrown = std::current_exception();
          }
          return true;
        });
      }
    }
    if (thrown != nullptr) std::rethrow_exception(thrown);
  }

  // Of a flight: makes the value, puts it in, and lets the others have it.
  template <class Make>
  T lead(const typename flights::flight_ptr& f, Make& make) {
    struct landing {
      flights& all;
      const typename flights::flight_ptr& mine;
      bool landed = false;
      ~landing() {
        if (!landed) all.land(mine, flights::outcome::failed);
      }
    } at_exit{flights_, f};
    detail::prehashed<Key> const k{f->key, f->hash};
    evicted out = engine_.nothing_evicted();
    std::exception_ptr thrown;
    // Another flight may have ended between the look into the cache and the beginning of this one.
    if (std::optional<T> hit = engine_.template peek_for<true>(k, copy_of_value)) {
      f->value.emplace(*std::move(hit));
    } else {
      if constexpr (std::invocable<Make&, const Key&>) {
        f->value.emplace(std::invoke(make, f->key));
      } else {
        f->value.emplace(std::invoke(make));
      }
      try {
        engine_.put(
            k, out, [&](value_type& x) { f->value.emplace(std::as_const(x.second)); }, [&] { return f->is_wanted(); },
            std::piecewise_construct, std::forward_as_tuple(f->key), std::forward_as_tuple(std::as_const(*f->value)));
      } catch (...) {
        report(out, std::current_exception());
      }
    }
    at_exit.landed = true;
    bool const shared = flights_.land(f, flights::outcome::landed);
    report(out);
    return shared ? T(std::as_const(*f->value)) : T(*std::move(f->value));
  }

  // The newest function; those before it are linked.
  typename Options::atomics::template atomic<handler*> handler_{nullptr};
  flights flights_;
  engine engine_;
};

}  // namespace tandem

#endif
