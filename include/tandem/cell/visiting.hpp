// The interface of hash containers that are visited: cell_map, cell_set, sharded_map. This is where it is documented.
//
// After boost::concurrent_flat_map and concurrent_flat_set (Boost 1.86): there are no iterators and no references to elements;
// a function is called with the element while its lock is held. Programs written for those containers compile, and mean the
// same. What is here beyond them: get, read, value_or, at, update, exchange, extract; visitors of two parameters.
//
//     map.try_emplace_or_visit("hits", 1, [](auto& entry) { ++entry.second; });
//     map.visit("hits", [](const std::string& name, int& n) { n = 0; });
//     std::optional<int> n = map.get("hits");
//
// **Keys.** Where a member takes a key it takes whatever hash and equality take in the place of one, if both are transparent
// (hash.hpp: for strings they are), and otherwise what converts to a key.
//
// **Visitors** are the last arguments. They are called with a value_type&, or with (const Key&, T&), whichever they take;
// what they return is ignored unless it is said what it is for. Members whose name has a `c` in front of `visit`, and const
// containers, give const access, and let others with const access in at the same time; they may show a copy of a small
// element. Elements of sets are always const; what is not a cvisit keeps others out nonetheless. Visitors may be move-only and
// are called as lvalues. They should be short, since whoever wants the same element waits, and in the same cell or shard too.
//
// A visitor must not call the container that it is called by, nor keep a pointer to the element. The first is a deadlock sooner
// or later; debug builds report it, in words, the first time. Calling another container is allowed; two threads that do
// that in opposite directions are in danger of waiting for each other, as with any two locks. (The last parameter of many
// members, `where`, is not for you: it is there so that this report can name the line of the call.)
//
// **Thread safety.** Any member may be called at any time beside any other, on one container or on two, except: construction
// and destruction; and moves, swap and assignment exchange the functions and the allocator without a lock, so where these have
// a state, nothing may run beside. Functions and allocators are called as const from several threads at once.
// Each operation on one element is atomic, and is before or after each other one on the same key. An operation on all
// elements (visit_all, erase_if, size, merge, ==, ...) is not one atomic step: it meets each key that is there all the time
// exactly once, and a key that comes, goes or comes back meanwhile at most once.
//
// **Progress.** Blocking, on the locks of the cell or shard of the key and on nothing else. Operations on two containers cannot
// deadlock, whatever other such operations run: merge and == do not wait for a lock of one while they hold a lock of the other,
// for longer than a moment, and swap and assignment wait for containers in the order of their addresses.
//
// **Exceptions.** If anything throws in an operation on one element, the container is as before, and locks are free again;
// with two exceptions. What a visitor does to an element before it throws is done, and an element whose _and_visit function
// throws has been inserted. Operations on several elements have done their work on those before. Hash and equality may throw.
// Insertion throws what the constructors of key and value and the allocator throw.
#ifndef TANDEM_CELL_VISITING_HPP
#define TANDEM_CELL_VISITING_HPP

#include <tandem/cell/element.hpp>
#include <tandem/cell/storing.hpp>
#include <tandem/cell/table.hpp>
#include <tandem/cell/visitor.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/sync/backoff.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace tandem::cell {

#ifdef __cpp_lib_parallel_algorithm
// The algorithms take it for one. std::is_execution_policy would need <execution>, and that, in libstdc++, a library to link.
template <class Policy>
concept execution_policy =
    requires(Policy&& policy, const int* i, void (*f)(int)) { std::for_each(std::forward<Policy>(policy), i, i, f); };
#endif

template <class Engine>
concept visits_in_bulk = requires(Engine& engine, const typename engine_traits<Engine>::key* k, void (*f)(...)) {
  engine.template visit_bulk<access::shared>(k, k, f);
};

// What sets and maps have in common.
template <class Engine>
class visiting : public storing<Engine> {
  using base = storing<Engine>;

 protected:
  using base::emplace_with;
  using base::engine_;
  using base::hashed;
  using base::insert_each;
  using base::nothing;
  using typename base::called_from;
  using typename base::caller;
  using typename base::element;
  using typename base::stored;
  using typename base::types;

 public:
  using base::insert;
  using typename base::init_type;
  using typename base::key_type;
  using typename base::size_type;
  using typename base::value_type;

  // ---- One element. These return how many there are, 0 or 1.

  // f(element), with exclusive access.
  template <detail::key_for<types> Q = key_type, class F>
  size_type visit(const Q& k, F&& f, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.template visit<access::exclusive>(hashed(sought), showing<access::exclusive>(f));
  }
  template <detail::key_for<types> Q = key_type, class F>
  size_type visit(const Q& k, F&& f, caller where = caller::here()) const {
    return cvisit(k, f, where);
  }
  template <detail::key_for<types> Q = key_type, class F>
  size_type cvisit(const Q& k, F&& f, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.peek(hashed(sought), showing<access::shared>(f));
  }

  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] size_type count(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.peek(hashed(sought), nothing);
  }
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] bool contains(const Q& k, caller where = caller::here()) const {
    return count(k, where) != 0;
  }

  // A copy of the value; of a set's element. Nothing if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] auto get(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.peek_for(hashed(sought), [](const value_type& x) -> stored { return shown<element>::mapped_of(x); });
  }
  // f(const T&), or f(const Key&, const T&): an optional of what it returned, which must not be a reference; bool, if it
  // returns nothing. For a set, f(const Key&).
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
      return engine_.peek(hashed(sought), call) != 0;
    } else {
      return engine_.peek_for(hashed(sought), call);
    }
  }

  template <detail::key_for<types> Q = key_type>
  size_type erase(const Q& k, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.erase_if(hashed(sought), [](const value_type&) { return true; });
  }
  // Erases it if pred(element) is true.
  template <detail::key_for<types> Q = key_type, class Predicate>
  size_type erase_if(const Q& k, Predicate&& pred, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return engine_.erase_if(hashed(sought), judging<access::exclusive>(pred));
  }
  // Erases it and returns it. The key is moved, or copied where a move of the value might throw after it.
  template <detail::key_for<types> Q = key_type>
  std::optional<value_type> extract(const Q& k, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return cell::extracted<element, moves_keys>([&](auto&& f) { engine_.take(hashed(sought), f); });
  }

  // ---- Insertion. These return whether they have inserted an element; if not, the one with that key is as it was, and
  // arguments are not moved from. (What is made for the lookup, for want of a key among the arguments, is.)
  //
  //   ..._or_visit(arguments..., f)             f(element) if it was there already
  //   ..._or_cvisit(arguments..., f)            the same, const
  //   ..._and_visit(arguments..., f1, f2)       f1(element) if it is new, f2(element) if it was there already
  //   ..._and_cvisit(arguments..., f1, f2)      the same, const for f2
  //
  // Nobody else can come between the insertion, or the lookup, and the call.

  template <class... ArgsAndF>
  bool emplace_or_visit(ArgsAndF&&... args_f) {
    called_from const place(caller::here());
    return cell::functions_first<1>(or_visit<access::exclusive>(), std::forward<ArgsAndF>(args_f)...);
  }
  template <class... ArgsAndF>
  bool emplace_or_cvisit(ArgsAndF&&... args_f) {
    called_from const place(caller::here());
    return cell::functions_first<1>(or_visit<access::shared>(), std::forward<ArgsAndF>(args_f)...);
  }
  template <class... ArgsAndF>
  bool emplace_and_visit(ArgsAndF&&... args_f1_f2) {
    called_from const place(caller::here());
    return cell::functions_first<2>(and_visit<access::exclusive>(), std::forward<ArgsAndF>(args_f1_f2)...);
  }
  template <class... ArgsAndF>
  bool emplace_and_cvisit(ArgsAndF&&... args_f1_f2) {
    called_from const place(caller::here());
    return cell::functions_first<2>(and_visit<access::shared>(), std::forward<ArgsAndF>(args_f1_f2)...);
  }

  template <class F>
  bool insert_or_visit(init_type&& x, F&& f, caller where = caller::here()) {
    called_from const place(where);
    return or_visit<access::exclusive>()(f, std::move(x));
  }
  template <class X, class F>
    requires std::is_constructible_v<value_type, X>
  bool insert_or_visit(X&& x, F&& f, caller where = caller::here()) {
    called_from const place(where);
    return or_visit<access::exclusive>()(f, std::forward<X>(x));
  }
  template <class F>
  bool insert_or_cvisit(init_type&& x, F&& f, caller where = caller::here()) {
    called_from const place(where);
    return or_visit<access::shared>()(f, std::move(x));
  }
  template <class X, class F>
    requires std::is_constructible_v<value_type, X>
  bool insert_or_cvisit(X&& x, F&& f, caller where = caller::here()) {
    called_from const place(where);
    return or_visit<access::shared>()(f, std::forward<X>(x));
  }
  template <class F1, class F2>
  bool insert_and_visit(init_type&& x, F1&& f1, F2&& f2, caller where = caller::here()) {
    called_from const place(where);
    return and_visit<access::exclusive>()(f1, f2, std::move(x));
  }
  template <class X, class F1, class F2>
    requires std::is_constructible_v<value_type, X>
  bool insert_and_visit(X&& x, F1&& f1, F2&& f2, caller where = caller::here()) {
    called_from const place(where);
    return and_visit<access::exclusive>()(f1, f2, std::forward<X>(x));
  }
  template <class F1, class F2>
  bool insert_and_cvisit(init_type&& x, F1&& f1, F2&& f2, caller where = caller::here()) {
    called_from const place(where);
    return and_visit<access::shared>()(f1, f2, std::move(x));
  }
  template <class X, class F1, class F2>
    requires std::is_constructible_v<value_type, X>
  bool insert_and_cvisit(X&& x, F1&& f1, F2&& f2, caller where = caller::here()) {
    called_from const place(where);
    return and_visit<access::shared>()(f1, f2, std::forward<X>(x));
  }

  template <std::input_iterator It, class F>
  size_type insert_or_visit(It first, It last, F&& f, caller where = caller::here()) {
    return insert_each(first, last, [&](auto&& x) { return insert_or_visit(std::forward<decltype(x)>(x), f, where); });
  }
  template <class F>
  size_type insert_or_visit(std::initializer_list<value_type> list, F&& f, caller where = caller::here()) {
    return insert_or_visit(list.begin(), list.end(), f, where);
  }
  template <std::input_iterator It, class F>
  size_type insert_or_cvisit(It first, It last, F&& f, caller where = caller::here()) {
    return insert_each(first, last, [&](auto&& x) { return insert_or_cvisit(std::forward<decltype(x)>(x), f, where); });
  }
  template <class F>
  size_type insert_or_cvisit(std::initializer_list<value_type> list, F&& f, caller where = caller::here()) {
    return insert_or_cvisit(list.begin(), list.end(), f, where);
  }
  template <std::input_iterator It, class F1, class F2>
  size_type insert_and_visit(It first, It last, F1&& f1, F2&& f2, caller where = caller::here()) {
    return insert_each(first, last,
                       [&](auto&& x) { return insert_and_visit(std::forward<decltype(x)>(x), f1, f2, where); });
  }
  template <class F1, class F2>
  size_type insert_and_visit(std::initializer_list<value_type> list, F1&& f1, F2&& f2, caller where = caller::here()) {
    return insert_and_visit(list.begin(), list.end(), f1, f2, where);
  }
  template <std::input_iterator It, class F1, class F2>
  size_type insert_and_cvisit(It first, It last, F1&& f1, F2&& f2, caller where = caller::here()) {
    return insert_each(first, last,
                       [&](auto&& x) { return insert_and_cvisit(std::forward<decltype(x)>(x), f1, f2, where); });
  }
  template <class F1, class F2>
  size_type insert_and_cvisit(std::initializer_list<value_type> list, F1&& f1, F2&& f2, caller where = caller::here()) {
    return insert_and_cvisit(list.begin(), list.end(), f1, f2, where);
  }

  // Moves the elements whose key is not here yet out of `source`, which may have other functions and be another kind of
  // container of the same elements; the others stay there. Returns how many were moved. Each is in exactly one of the two
  // at any time, as long as moving it does not throw; if it does, it is still in `source`, as a move leaves it. A key is
  // copied where moving the value might throw after it.
  template <class Other>
    requires std::same_as<element, typename engine_traits<Other>::element>
  size_type merge(visiting<Other>& source, caller where = caller::here()) {
    called_from const place(where);
    return engine_.merge(source.engine_);
  }
  template <class Other>
    requires std::same_as<element, typename engine_traits<Other>::element>
  size_type merge(visiting<Other>&& source, caller where = caller::here()) {
    return merge(source, where);
  }

  // ---- All elements.

  // f(element) for each. Return how many there were.
  template <class F>
  size_type visit_all(F&& f, caller where = caller::here()) {
    called_from const place(where);
    return visit_each<access::exclusive>(engine_, f);
  }
  template <class F>
  size_type visit_all(F&& f, caller where = caller::here()) const {
    return cvisit_all(f, where);
  }
  template <class F>
  size_type cvisit_all(F&& f, caller where = caller::here()) const {
    called_from const place(where);
    return visit_each<access::shared>(engine_, f);
  }

  // While f(element) is true. Return whether it was each time.
  template <class F>
  bool visit_while(F&& f, caller where = caller::here()) {
    called_from const place(where);
    return engine_.template scan<access::exclusive>(judging<access::exclusive>(f));
  }
  template <class F>
  bool visit_while(F&& f, caller where = caller::here()) const {
    return cvisit_while(f, where);
  }
  template <class F>
  bool cvisit_while(F&& f, caller where = caller::here()) const {
    called_from const place(where);
    return engine_.template scan<access::shared>(judging<access::shared>(f));
  }

  // f(element) for those of the keys in [first, last) that are there, in any order. Return how many were. Faster than as many
  // visits where the table is larger than the caches: the memory that several lookups need is asked for together.
  template <std::forward_iterator It, class F>
    requires visits_in_bulk<Engine>
  size_type visit(It first, It last, F&& f, caller where = caller::here()) {
    called_from const place(where);
    return engine_.template visit_bulk<access::exclusive>(first, last, showing<access::exclusive>(f));
  }
  template <std::forward_iterator It, class F>
    requires visits_in_bulk<Engine>
  size_type visit(It first, It last, F&& f, caller where = caller::here()) const {
    return cvisit(first, last, f, where);
  }
  template <std::forward_iterator It, class F>
    requires visits_in_bulk<Engine>
  size_type cvisit(It first, It last, F&& f, caller where = caller::here()) const {
    called_from const place(where);
    return engine_.template visit_bulk<access::shared>(first, last, showing<access::shared>(f));
  }

  // Erases the elements for which pred(element) is true. Returns how many.
  template <class Predicate>
  size_type erase_if(Predicate&& pred, caller where = caller::here()) {
    called_from const place(where);
    return engine_.erase_if(judging<access::exclusive>(pred));
  }

  void clear() noexcept { engine_.clear(); }

#ifdef __cpp_lib_parallel_algorithm
  // The same by several threads, if <execution> is included and the policy says so. An exception calls std::terminate, as it
  // does in the algorithms of the standard library. visit_while does not stop at once.
  template <execution_policy Policy, class F>
  void visit_all(Policy&& policy, F&& f) {
    for_each_part(policy, [&](size_type part) {
      engine_.template scan_part<access::exclusive>(part, part_count, visiting_on<access::exclusive>(f));
    });
  }
  template <execution_policy Policy, class F>
  void visit_all(Policy&& policy, F&& f) const {
    cvisit_all(std::forward<Policy>(policy), f);
  }
  template <execution_policy Policy, class F>
  void cvisit_all(Policy&& policy, F&& f) const {
    for_each_part(policy, [&](size_type part) {
      engine_.template scan_part<access::shared>(part, part_count, visiting_on<access::shared>(f));
    });
  }
  template <execution_policy Policy, class F>
  bool visit_while(Policy&& policy, F&& f) {
    return all_of_parts(policy, [&](size_type part) {
      return engine_.template scan_part<access::exclusive>(part, part_count, judging<access::exclusive>(f));
    });
  }
  template <execution_policy Policy, class F>
  bool visit_while(Policy&& policy, F&& f) const {
    return cvisit_while(std::forward<Policy>(policy), f);
  }
  template <execution_policy Policy, class F>
  bool cvisit_while(Policy&& policy, F&& f) const {
    return all_of_parts(policy, [&](size_type part) {
      return engine_.template scan_part<access::shared>(part, part_count, judging<access::shared>(f));
    });
  }
  template <execution_policy Policy, class Predicate>
  void erase_if(Policy&& policy, Predicate&& pred) {
    for_each_part(policy, [&](size_type part) {
      static_cast<void>(engine_.erase_part_if(part, part_count, judging<access::exclusive>(pred)));
    });
  }
#endif

 protected:
  template <class>
  friend class visiting;

  using base::base;
  constexpr visiting() = default;
  ~visiting() = default;

  static constexpr bool moves_elements = true;
  static void move_elements(visiting& to, visiting& from) { to.engine_.merge(from.engine_); }

  // Whether both have the same keys with equal values.
  static bool equal(const visiting& a, const visiting& b) {
    if (std::addressof(a) == std::addressof(b)) return true;
    called_from const place(caller::here());
    if (a.size() != b.size()) return false;
    // A part at a time, since one that could not be finished is begun again.
    size_type const parts = std::max(a.size() / 1024, size_type{1});
    for (size_type part = 0; part != parts;) {
      switch (compare(a, b, part, parts)) {
        case comparison::equal:
          ++part;
          break;
        case comparison::different:
          return false;
        case comparison::obstructed:
          // For longer than whoever waits for the lock that has just been given up may sleep.
          atomics::sleep(2 * backoff<atomics>::longest_sleep);
      }
    }
    return true;
  }

  // ---- Users' functions as an engine calls them.

  template <access A, class F>
  static auto showing(F& f) noexcept {
    return [&f](auto& x) { static_cast<void>(cell::call_visitor(f, shown<element>::template as<A>(x))); };
  }
  template <access A, class F>
  static auto judging(F& f) noexcept {
    return
        [&f](auto& x) -> bool { return static_cast<bool>(cell::call_visitor(f, shown<element>::template as<A>(x))); };
  }
  template <access A, class F>
  static auto visiting_on(F& f) noexcept {
    return [&f](auto& x) {
      static_cast<void>(cell::call_visitor(f, shown<element>::template as<A>(x)));
      return true;
    };
  }

  template <access A>
  auto or_visit() noexcept {
    return [this](auto&& f, auto&&... args) {
      return this->emplace_with(nothing, showing<A>(f), std::forward<decltype(args)>(args)...);
    };
  }
  template <access A>
  auto and_visit() noexcept {
    return [this](auto&& f1, auto&& f2, auto&&... args) {
      return this->emplace_with(showing<access::exclusive>(f1), showing<A>(f2), std::forward<decltype(args)>(args)...);
    };
  }

  static constexpr bool moves_keys = [] {
    if constexpr (requires { Engine::erases_without_hashing; }) return Engine::erases_without_hashing;
    return true;
  }();
  // make(key, value) or make(key), to be moved from.
  template <class Make>
  static decltype(auto) taking(value_type& x, Make&& make) {
    return shown<element>::template take<moves_keys>(x, make);
  }

 private:
  using atomics = typename types::options::atomics;

  // With the waiting between them, some milliseconds.
  static constexpr int most_tries = 160;

  enum class comparison { equal, different, obstructed };

  // Whether the elements of a part of `a` are in `b`. Under a lock of `a`, so it does not wait for one of `b` for ever: who has
  // that may be waiting for this one.
  static comparison compare(const visiting& a, const visiting& b, size_type part, size_type parts) {
    comparison result = comparison::equal;
    a.engine_.template scan_part<access::shared>(part, parts, [&](const value_type& x) {
      result = comparison::different;
      auto same = [&](const value_type& y) {
        if constexpr (std::is_void_v<typename element::mapped_type>) {
          result = comparison::equal;
        } else if (static_cast<bool>(x.second == y.second)) {
          result = comparison::equal;
        }
      };
      backoff<atomics> wait;
      for (int tries = 0; !b.engine_.try_peek(b.hashed(element::key_of(x)), same); wait()) {
        if (++tries != most_tries) continue;
        result = comparison::obstructed;
        break;
      }
      return result == comparison::equal;
    });
    return result;
  }

  template <access A, class E, class F>
  static size_type visit_each(E& engine, F& f) {
    size_type n = 0;
    engine.template scan<A>([&](auto& x) {
      ++n;
      static_cast<void>(cell::call_visitor(f, shown<element>::template as<A>(x)));
      return true;
    });
    return n;
  }

#ifdef __cpp_lib_parallel_algorithm
  // More than there are threads, so that one that is late does not make all the others wait.
  static constexpr size_type part_count = 256;
  using part_numbers = std::array<size_type, part_count>;
  static part_numbers all_parts() noexcept {
    part_numbers numbers;
    std::iota(numbers.begin(), numbers.end(), size_type{0});
    return numbers;
  }
  template <class Policy, class F>
  static void for_each_part(Policy& policy, F&& f) {
    part_numbers const numbers = all_parts();
    std::for_each(policy, numbers.begin(), numbers.end(), f);
  }
  template <class Policy, class F>
  static bool all_of_parts(Policy& policy, F&& f) {
    part_numbers const numbers = all_parts();
    return std::all_of(policy, numbers.begin(), numbers.end(), f);
  }
#endif
};

// What only maps have.
template <class Engine>
class visiting_map : public visiting<Engine> {
  using base = visiting<Engine>;

 protected:
  using typename base::called_from;
  using typename base::caller;
  using typename base::element;
  using typename base::types;

 public:
  using mapped_type = typename element::mapped_type;
  using typename base::key_type;
  using typename base::size_type;
  using typename base::value_type;

  // ---- Insertion, as above. The value is constructed from `args` if the key is absent, and only then.

  template <key_argument<types> K = key_type, class... Args>
  bool try_emplace(K&& k, Args&&... args) {
    called_from const place(caller::here());
    return try_emplace_with(base::nothing, base::nothing, std::forward<K>(k), std::forward<Args>(args)...);
  }
  template <key_argument<types> K = key_type, class... ArgsAndF>
  bool try_emplace_or_visit(K&& k, ArgsAndF&&... args_f) {
    called_from const place(caller::here());
    return cell::functions_first<1>(or_visit<access::exclusive>(std::forward<K>(k)), std::forward<ArgsAndF>(args_f)...);
  }
  template <key_argument<types> K = key_type, class... ArgsAndF>
  bool try_emplace_or_cvisit(K&& k, ArgsAndF&&... args_f) {
    called_from const place(caller::here());
    return cell::functions_first<1>(or_visit<access::shared>(std::forward<K>(k)), std::forward<ArgsAndF>(args_f)...);
  }
  template <key_argument<types> K = key_type, class... ArgsAndF>
  bool try_emplace_and_visit(K&& k, ArgsAndF&&... args_f1_f2) {
    called_from const place(caller::here());
    return cell::functions_first<2>(and_visit<access::exclusive>(std::forward<K>(k)),
                                    std::forward<ArgsAndF>(args_f1_f2)...);
  }
  template <key_argument<types> K = key_type, class... ArgsAndF>
  bool try_emplace_and_cvisit(K&& k, ArgsAndF&&... args_f1_f2) {
    called_from const place(caller::here());
    return cell::functions_first<2>(and_visit<access::shared>(std::forward<K>(k)),
                                    std::forward<ArgsAndF>(args_f1_f2)...);
  }

  // The key has this value afterwards. Returns whether it is new.
  template <key_argument<types> K = key_type, class V = mapped_type>
    requires std::assignable_from<mapped_type&, V> && std::constructible_from<mapped_type, V>
  bool insert_or_assign(K&& k, V&& value, caller where = caller::here()) {
    called_from const place(where);
    auto assign = [&](value_type& x) { x.second = std::forward<V>(value); };
    return try_emplace_with(base::nothing, assign, std::forward<K>(k), std::forward<V>(value));
  }
  // The same, and returns the value that was there before. Strong, if a swap of values is.
  template <key_argument<types> K = key_type, class V = mapped_type>
    requires std::constructible_from<mapped_type, V>
  std::optional<mapped_type> exchange(K&& k, V&& value, caller where = caller::here()) {
    called_from const place(where);
    std::optional<mapped_type> old;
    auto exchange = [&](value_type& x) {
      old.emplace(std::forward<V>(value));
      using std::swap;
      swap(*old, x.second);
    };
    try_emplace_with(base::nothing, exchange, std::forward<K>(k), std::forward<V>(value));
    return old;
  }

  // ---- One value.

  // A copy of the value, or else `otherwise`.
  template <detail::key_for<types> Q = key_type, class V = mapped_type>
    requires std::constructible_from<mapped_type, V>
  [[nodiscard]] mapped_type value_or(const Q& k, V&& otherwise, caller where = caller::here()) const {
    std::optional<mapped_type> copy = this->get(k, where);
    return copy ? *std::move(copy) : static_cast<mapped_type>(std::forward<V>(otherwise));
  }
  // A copy of the value. Throws std::out_of_range if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] mapped_type at(const Q& k, caller where = caller::here()) const {
    std::optional<mapped_type> copy = this->get(k, where);
    if (!copy) throw std::out_of_range("tandem: at() of a key that is not in the map");
    return *std::move(copy);
  }
  // f(T&), or f(const Key&, T&), with exclusive access: an optional of what it returned, which must not be a reference;
  // bool, if it returns nothing.
  template <detail::key_for<types> Q = key_type, class F>
  auto update(const Q& k, F&& f, caller where = caller::here()) {
    called_from const place(where);
    using seen = decltype(cell::call_with_value<element>(f, std::declval<value_type&>()));
    visit_result<seen> result;
    auto&& sought = detail::as_key<types>(k);
    this->engine_.template visit<access::exclusive>(this->hashed(sought), [&](value_type& x) {
      result.set([&]() -> decltype(auto) { return cell::call_with_value<element>(f, x); });
    });
    return std::move(result).get();
  }

 protected:
  using base::base;
  constexpr visiting_map() = default;
  ~visiting_map() = default;

 private:
  template <class New, class Old, class K, class... Args>
  bool try_emplace_with(New&& on_new, Old&& on_old, K&& k, Args&&... args) {
    static_assert(std::is_constructible_v<mapped_type, Args...>, "no value can be made from these arguments");
    return placing<element>::place_value(this->engine_, on_new, on_old, std::forward<K>(k),
                                         std::forward<Args>(args)...);
  }
  template <access A, class K>
  auto or_visit(K&& k) noexcept {
    return [this, &k](auto&& f, auto&&... args) {
      return this->try_emplace_with(base::nothing, base::template showing<A>(f), std::forward<K>(k),
                                    std::forward<decltype(args)>(args)...);
    };
  }
  template <access A, class K>
  auto and_visit(K&& k) noexcept {
    return [this, &k](auto&& f1, auto&& f2, auto&&... args) {
      return this->try_emplace_with(base::template showing<access::exclusive>(f1), base::template showing<A>(f2),
                                    std::forward<K>(k), std::forward<decltype(args)>(args)...);
    };
  }
};

}  // namespace tandem::cell

#endif
