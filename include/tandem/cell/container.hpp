// What a cell container has beside the interface of its elements: how it is made, assigned and converted, and its table's
// figures; and, where readers lock, guards. cell_map and cell_set derive from guarded_container, cell_index from container.
#ifndef TANDEM_CELL_CONTAINER_HPP
#define TANDEM_CELL_CONTAINER_HPP

#include <tandem/cell/guards.hpp>
#include <tandem/cell/visiting.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>

namespace tandem::detail {

// For deduction guides: what is told apart from a hash function, an equality and a number.
template <class A>
concept an_allocator = requires(A& a) {
  typename A::value_type;
  a.allocate(std::size_t{1});
};
template <class F>
concept a_function = !an_allocator<F> && !std::integral<F>;

}  // namespace tandem::detail

namespace tandem::cell {

// A hash container of one thread that can become, or be made from, a concurrent one with such elements: std::unordered_map,
// boost::unordered_flat_set, absl::flat_hash_map, ...
template <class C, class Value>
concept sequential_container = std::ranges::input_range<C> && requires {
  typename std::remove_cvref_t<C>::key_type;
} && (std::is_constructible_v<Value, std::ranges::range_reference_t<C>> || !std::is_lvalue_reference_v<C>);

// Base is visiting<table>, visiting_map<table> or indexing<index_table>.
template <class Base, class Engine>
class container : public Base {
 protected:
  using typename Base::called_from;
  using typename Base::caller;
  using typename Base::element;
  using typename Base::types;

  static constexpr bool functions_move_nothrow = std::is_nothrow_copy_constructible_v<typename types::hasher> &&
                                                 std::is_nothrow_copy_constructible_v<typename types::key_equal> &&
                                                 std::is_nothrow_swappable_v<typename types::hasher> &&
                                                 std::is_nothrow_swappable_v<typename types::key_equal>;
  static constexpr bool moves_allocator =
      std::allocator_traits<typename types::allocator>::propagate_on_container_move_assignment::value ||
      std::allocator_traits<typename types::allocator>::is_always_equal::value;

 public:
  using typename Base::allocator_type;
  using typename Base::hasher;
  using typename Base::init_type;
  using typename Base::key_equal;
  using typename Base::key_type;
  using typename Base::size_type;
  using typename Base::value_type;
  using capacity_guard = cell::capacity_guard<Engine>;

  // ---- Construction. `n`: room for so many elements.

  // No allocation; can be constinit if hash, equality and allocator can.
  constexpr container() = default;
  explicit container(size_type n, const hasher& hash = hasher(), const key_equal& equal = key_equal(),
                     const allocator_type& alloc = allocator_type())
      : Base(std::in_place, n, hash, equal, alloc) {}
  container(size_type n, const allocator_type& alloc) : container(n, hasher(), key_equal(), alloc) {}
  container(size_type n, const hasher& hash, const allocator_type& alloc) : container(n, hash, key_equal(), alloc) {}
  explicit container(const allocator_type& alloc) : container(0, hasher(), key_equal(), alloc) {}

  template <std::input_iterator It>
  container(It first, It last, size_type n = 0, const hasher& hash = hasher(), const key_equal& equal = key_equal(),
            const allocator_type& alloc = allocator_type())
      : container(std::max(n, length(first, last)), hash, equal, alloc) {
    this->insert(first, last);
  }
  template <std::input_iterator It>
  container(It first, It last, const allocator_type& alloc) : container(first, last, 0, hasher(), key_equal(), alloc) {}
  template <std::input_iterator It>
  container(It first, It last, size_type n, const allocator_type& alloc)
      : container(first, last, n, hasher(), key_equal(), alloc) {}
  template <std::input_iterator It>
  container(It first, It last, size_type n, const hasher& hash, const allocator_type& alloc)
      : container(first, last, n, hash, key_equal(), alloc) {}

  container(std::initializer_list<value_type> list, size_type n = 0, const hasher& hash = hasher(),
            const key_equal& equal = key_equal(), const allocator_type& alloc = allocator_type())
      : container(list.begin(), list.end(), n, hash, equal, alloc) {}
  container(std::initializer_list<value_type> list, const allocator_type& alloc)
      : container(list, 0, hasher(), key_equal(), alloc) {}
  container(std::initializer_list<value_type> list, size_type n, const allocator_type& alloc)
      : container(list, n, hasher(), key_equal(), alloc) {}
  container(std::initializer_list<value_type> list, size_type n, const hasher& hash, const allocator_type& alloc)
      : container(list, n, hash, key_equal(), alloc) {}

  // Copies what is there; others may use `other` meanwhile.
  container(const container& other)
      : container(other,
                  std::allocator_traits<allocator_type>::select_on_container_copy_construction(other.get_allocator())) {
  }
  container(const container& other, const std::type_identity_t<allocator_type>& alloc)
      : container(other.size(), other.hash_function(), other.key_eq(), alloc) {
    copy_from(other);
  }
  // Takes the elements, without moving them if the allocators are equal. `other` is empty then.
  container(container&& other) noexcept(functions_move_nothrow) : Base(std::in_place, std::move(other.engine_)) {}
  container(container&& other, const std::type_identity_t<allocator_type>& alloc)
      : container(0, other.hash_function(), other.key_eq(), alloc) {
    if (alloc == other.get_allocator()) {
      Base::swap_engines(*this, other);
    } else {
      Base::move_elements(*this, other);
    }
  }

  // From a hash container of one thread, whose elements are moved if it is an rvalue; it is empty then. Keys are moved if it
  // can extract() nodes, and otherwise copied.
  template <class Sequential>
    requires sequential_container<Sequential, value_type>
  explicit container(Sequential&& other, const hasher& hash = hasher(), const key_equal& equal = key_equal(),
                     const allocator_type& alloc = allocator_type())
      : container(static_cast<size_type>(std::ranges::distance(other)), hash, equal, alloc) {
    if constexpr (std::is_lvalue_reference_v<Sequential> || std::is_const_v<std::remove_reference_t<Sequential>>) {
      this->insert_range(other);
    } else {
      take_from(other);
    }
  }

  // ---- Assignment. Others see the old elements or the new ones. If copying throws, the old ones.

  container& operator=(const container& other) {
    if (this != std::addressof(other)) {
      using traits = std::allocator_traits<allocator_type>;
      if constexpr (traits::propagate_on_container_copy_assignment::value) {
        container copy(other, other.get_allocator());
        assign_engine<true>(copy);
      } else {
        container copy(other, this->get_allocator());
        Base::swap_engines(*this, copy);
      }
    }
    return *this;
  }
  // Without moving the elements if the allocator propagates or is equal. `other` is empty then.
  container& operator=(container&& other) noexcept(functions_move_nothrow && moves_allocator) {
    if (this == std::addressof(other)) return *this;
    if (moves_allocator || this->get_allocator() == other.get_allocator()) {
      assign_engine<std::allocator_traits<allocator_type>::propagate_on_container_move_assignment::value>(other);
    } else {
      container moved(std::move(other), this->get_allocator());
      Base::swap_engines(*this, moved);
    }
    return *this;
  }

  // Precondition: the allocators are equal, or propagate on swap.
  void swap(container& other) noexcept(functions_move_nothrow) {
    if (this != std::addressof(other)) Base::swap_engines(*this, other);
  }

  // A container of one thread with the same elements: copies, or, of an rvalue, moved. Elements that others insert
  // meanwhile may be in neither, or stay here.
  template <class Sequential>
  [[nodiscard]] Sequential to() const& {
    Sequential result = with_room_for<Sequential>(this->size());
    this->cvisit_all([&](const value_type& x) { result.insert(x); });
    return result;
  }
  template <class Sequential>
    requires Base::moves_elements
  [[nodiscard]] Sequential to() && {
    Sequential result = with_room_for<Sequential>(this->size());
    this->engine_.erase_if([&](value_type& x) {
      this->taking(x, [&](auto&&... parts) { result.emplace(std::forward<decltype(parts)>(parts)...); });
      return true;
    });
    return result;
  }

  // ---- The table.

  // Makes room for n elements, and keeps it while the result lives, however few there are. For tables that empty and fill
  // again. It must not outlive the container.
  [[nodiscard]] capacity_guard hold_capacity(size_type n, caller where = caller::here()) {
    called_from const place(where);
    return capacity_guard(this->engine_, n);
  }

  // Cells, load, blocks of overflow, how far a rehash is: see table_stats. A moment's view; costs a walk over the cells.
  [[nodiscard]] auto stats() const { return this->engine_.stats(); }

 protected:
  ~container() = default;

  void assign(std::initializer_list<value_type> list) {
    container made(list, 0, this->hash_function(), this->key_eq(), this->get_allocator());
    Base::swap_engines(*this, made);
  }

 private:
  template <class It>
  static size_type length(It first, It last) {
    if constexpr (std::forward_iterator<It>) {
      return static_cast<size_type>(std::distance(first, last));
    } else {
      return 0;
    }
  }

  template <bool TakesAllocator>
  void assign_engine(container& other) {
    called_from const place(caller::here());
    this->engine_.template assign<TakesAllocator>(other.engine_);
  }

  void copy_from(const container& other) {
    other.cvisit_all([this](const value_type& x) { this->emplace(x); });
  }

  template <class Sequential>
  void take_from(Sequential& other) {
    if constexpr (requires { other.extract(other.begin()).mapped(); }) {
      while (other.begin() != other.end()) {
        auto node = other.extract(other.begin());
        this->emplace(std::move(node.key()), std::move(node.mapped()));
      }
    } else if constexpr (requires { other.extract(other.begin()).value(); }) {
      while (other.begin() != other.end()) this->emplace(std::move(other.extract(other.begin()).value()));
    } else {
      for (auto&& x : other) this->emplace(std::move(x));
      other.clear();
    }
  }

  template <class Sequential>
  static Sequential with_room_for(size_type n) {
    Sequential result;
    if constexpr (requires { result.reserve(n); }) result.reserve(n);
    return result;
  }
};

// With locks that can be held. Base is visiting<table> or visiting_map<table>.
template <class Base, class Engine>
class guarded_container : public container<Base, Engine> {
  using base = container<Base, Engine>;
  using typename base::called_from;
  using typename base::caller;
  using typename base::types;

 public:
  using typename base::key_type;
  using guard = element_guard<Engine, access::shared>;
  using exclusive_guard = element_guard<Engine, access::exclusive>;
  using entry_guard = cell::entry_guard<Engine>;

  constexpr guarded_container() = default;
  using base::base;
  guarded_container(const guarded_container&) = default;
  guarded_container(guarded_container&&) = default;
  guarded_container& operator=(const guarded_container&) = default;
  guarded_container& operator=(guarded_container&&) = default;

  // ---- Guards (guards.hpp).

  // The element, with shared access. Empty if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] guard find(const Q& k, caller where = caller::here()) const {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return guard(this->engine_.template hold<access::shared>(this->hashed(sought)));
  }
  // The element, with exclusive access. Empty if the key is absent.
  template <detail::key_for<types> Q = key_type>
  [[nodiscard]] exclusive_guard find_exclusive(const Q& k, caller where = caller::here()) {
    called_from const place(where);
    auto&& sought = detail::as_key<types>(k);
    return exclusive_guard(this->engine_.template hold<access::exclusive>(this->hashed(sought)));
  }
  // The place of the key, with exclusive access, whether an element is there or not.
  template <key_argument<types> K = key_type>
  [[nodiscard]] entry_guard entry(K&& k, caller where = caller::here()) {
    called_from const place(where);
    return entry_guard(this->engine_, std::in_place, std::forward<K>(k));
  }

 protected:
  ~guarded_container() = default;
};

}  // namespace tandem::cell

#endif
