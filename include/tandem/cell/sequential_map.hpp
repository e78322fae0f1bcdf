// The cell table with nothing to synchronize: a map with the interface of std::unordered_map, as far as the containers here need
// it. It is the map inside evmap's two sides, and inside each shard of a sharded_map.
//
// One thread at a time may change it; const members may run in several threads while nobody changes it.
//
// Beside std::unordered_map:
//   * A lookup also takes a detail::prehashed key, and prefetch(k) asks for the memory that a lookup of k will touch.
//   * References, pointers and iterators are invalidated by whatever inserts, and by erase(key), but not by erase(iterator).
//   * The table grows and shrinks a few cells per such call. No call moves everything, but reserve, rehash and shrink_to_fit.
//   * Elements are moved when the table grows. If moving one may throw, or it is large, it lives in a node of its own.
//   * An insertion that throws has changed nothing, whatever throws: hash, equality, constructor or allocator.
#ifndef TANDEM_CELL_SEQUENTIAL_MAP_HPP
#define TANDEM_CELL_SEQUENTIAL_MAP_HPP

#include <tandem/cell/array.hpp>
#include <tandem/detail/assume.hpp>
#include <tandem/detail/keyed.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::cell {

template <class Key, class T, class Hash, class KeyEqual, class Allocator>
class sequential_map {
  // Half as many as with locks: fewer tags to compare, and nobody to share a cell with.
  struct options {
    static constexpr std::size_t slots = most_slots / 2;
    static constexpr bool optimistic_reads = false;
  };
  using element = map_element<Key, T>;
  using array = cell_array<element, Allocator, unsynchronized, options>;
  using cell = typename array::cell;
  using place = typename array::place;
  using slot = typename array::slot;
  using traits = std::allocator_traits<Allocator>;

  struct position {
    array* in = nullptr;
    std::size_t cell = 0;
    place at;
  };

 public:
  using key_type = Key;
  using mapped_type = T;
  using value_type = std::pair<const Key, T>;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using hasher = Hash;
  using key_equal = KeyEqual;
  using allocator_type = Allocator;
  using reference = value_type&;
  using const_reference = const value_type&;

  // Elements are moved to a larger table only where nothing can throw half way.
  static constexpr bool inserts_strongly = true;

  template <bool Const>
  class basic_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = sequential_map::value_type;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<Const, const value_type&, value_type&>;
    using pointer = std::conditional_t<Const, const value_type*, value_type*>;

    basic_iterator() noexcept = default;
    template <bool Other>
      requires(Const && !Other)
    basic_iterator(const basic_iterator<Other>& other) noexcept
        : map_(other.map_), in_(other.in_), cell_(other.cell_), at_(other.at_) {}

    reference operator*() const noexcept { return slot::value(*at_.at); }
    pointer operator->() const noexcept { return std::addressof(slot::value(*at_.at)); }
    basic_iterator& operator++() noexcept {
      at_ = array::next((*in_)[cell_], at_);
      if (!at_) *this = basic_iterator(map_, map_->first_from(in_, cell_ + 1));
      return *this;
    }
    basic_iterator operator++(int) noexcept {
      basic_iterator const before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const basic_iterator& a, const basic_iterator& b) noexcept { return a.at_.at == b.at_.at; }

   private:
    friend sequential_map;
    template <bool>
    friend class basic_iterator;
    basic_iterator(const sequential_map* map, const position& p) noexcept
        : map_(map), in_(p.in), cell_(p.cell), at_(p.at) {}

    const sequential_map* map_ = nullptr;
    array* in_ = nullptr;
    std::size_t cell_ = 0;
    place at_;
  };
  using iterator = basic_iterator<false>;
  using const_iterator = basic_iterator<true>;

  // ---- Making it.

  sequential_map() = default;
  explicit sequential_map(size_type n, const Hash& hash = Hash(), const KeyEqual& equal = KeyEqual(),
                          const Allocator& allocator = Allocator())
      : hash_(hash), equal_(equal), allocator_(allocator) {
    reserve(n);
  }
  explicit sequential_map(const Allocator& allocator) : sequential_map(0, Hash(), KeyEqual(), allocator) {}
  sequential_map(const sequential_map& other)
      : sequential_map(other, traits::select_on_container_copy_construction(other.allocator_)) {}
  sequential_map(const sequential_map& other, const Allocator& allocator)
      : sequential_map(other.size(), other.hash_, other.equal_, allocator) {
    for (const value_type& v : other) emplace_hashed(hash_of(v.first), v.first, v.first, v.second);
  }
  sequential_map(sequential_map&& other) noexcept
      : hash_(other.hash_),
        equal_(other.equal_),
        allocator_(other.allocator_),
        word_(std::exchange(other.word_, nothing)),
        size_(std::exchange(other.size_, 0)) {}
  sequential_map& operator=(const sequential_map& other) {
    if (this != &other) {
      if constexpr (traits::propagate_on_container_copy_assignment::value) {
        sequential_map copy(other, other.allocator_);
        dispose();
        allocator_ = other.allocator_;
        swap_contents(copy);
      } else {
        sequential_map copy(other, allocator_);
        swap_contents(copy);
      }
    }
    return *this;
  }
  sequential_map& operator=(sequential_map&& other) noexcept(traits::propagate_on_container_move_assignment::value ||
                                                             traits::is_always_equal::value) {
    if (this == &other) return *this;
    if constexpr (traits::propagate_on_container_move_assignment::value) {
      dispose();
      allocator_ = std::move(other.allocator_);
      swap_contents(other);
    } else if (allocator_ == other.allocator_) {
      dispose();
      swap_contents(other);
    } else {
      sequential_map moved(other.size(), other.hash_, other.equal_, allocator_);
      for (value_type& v : other) {
        auto insert = [&](auto&&... parts) {
          moved.emplace_hashed(moved.hash_of(v.first), v.first, std::forward<decltype(parts)>(parts)...);
        };
        element::template take_apart<Allocator>(v, insert);
      }
      swap_contents(moved);
      other.clear();
    }
    return *this;
  }
  ~sequential_map() { dispose(); }

  // Precondition: the allocators are equal, or are swapped.
  void swap(sequential_map& other) noexcept {
    swap_contents(other);
    if constexpr (traits::propagate_on_container_swap::value) {
      using std::swap;
      swap(allocator_, other.allocator_);
    }
  }
  friend void swap(sequential_map& a, sequential_map& b) noexcept { a.swap(b); }

  hasher hash_function() const { return hash_; }
  key_equal key_eq() const { return equal_; }
  allocator_type get_allocator() const noexcept { return allocator_; }

  // ---- Lookup.

  template <class Q>
  iterator find(const Q& k) {
    return iterator(this, find_hashed(hash_of(k), k));
  }
  template <class Q>
  const_iterator find(const Q& k) const {
    return const_iterator(this, find_hashed(hash_of(k), k));
  }
  template <class Q>
  bool contains(const Q& k) const {
    return static_cast<bool>(find_hashed(hash_of(k), k).at);
  }
  template <class Q>
  size_type count(const Q& k) const {
    return contains(k) ? 1 : 0;
  }

  template <class Q>
  void prefetch(const Q& k) const {
    if ((word_ & flags) != 0) return;
    array::fetch_line(current()->at_hash(hash_of(k)));
  }

  // ---- Iteration, in no order.

  iterator begin() noexcept { return iterator(this, first_from(first_array(), 0)); }
  iterator end() noexcept { return iterator(this, {}); }
  const_iterator begin() const noexcept { return const_iterator(this, first_from(first_array(), 0)); }
  const_iterator end() const noexcept { return const_iterator(this, {}); }

  // ---- Changes.

  template <class K, class... Args>
  std::pair<iterator, bool> try_emplace(K&& k, Args&&... args) {
    return try_emplace_hashed(hash_of(k), std::forward<K>(k), std::forward<Args>(args)...);
  }
  // For a caller who has the hash: as hash_function()(k) gives it.
  template <class K, class... Args>
  std::pair<iterator, bool> try_emplace_hashed(std::size_t hash, K&& k, Args&&... args) {
    return emplace_hashed(hash, k, std::piecewise_construct, std::forward_as_tuple(std::forward<K>(k)),
                          std::forward_as_tuple(std::forward<Args>(args)...));
  }
  // Constructs an element of args if there is none with the key k.
  template <class Q, class... Args>
  std::pair<iterator, bool> emplace_hashed(std::size_t hash, const Q& k, Args&&... args) {
    if (auto const found = find_hashed(hash, k); found.at) return {iterator(this, found), false};
    make_room();
    array* const in = counting(hash);
    std::size_t const i = in->index(hash);
    place const made = in->insert(allocator_, (*in)[i], hash, std::forward<Args>(args)...);
    ++size_;
    return {iterator(this, {in, i, made}), true};
  }
  std::pair<iterator, bool> insert(const value_type& v) { return emplace_hashed(hash_of(v.first), v.first, v); }
  std::pair<iterator, bool> insert(value_type&& v) { return emplace_hashed(hash_of(v.first), v.first, std::move(v)); }
  template <class K, class V>
  std::pair<iterator, bool> emplace(K&& k, V&& v) {
    if constexpr (std::is_same_v<std::remove_cvref_t<K>, Key>) {
      return emplace_hashed(hash_of(k), k, std::forward<K>(k), std::forward<V>(v));
    } else {
      std::pair<Key, T> made(std::forward<K>(k), std::forward<V>(v));
      return emplace_hashed(hash_of(made.first), made.first, std::move(made));
    }
  }
  template <class K, class V>
  std::pair<iterator, bool> insert_or_assign(K&& k, V&& v) {
    auto const result = try_emplace(std::forward<K>(k), std::forward<V>(v));
    if (!result.second) result.first->second = std::forward<V>(v);
    return result;
  }

  // Moves nothing.
  iterator erase(const_iterator at) noexcept {
    iterator next(this, {at.in_, at.cell_, at.at_});
    ++next;
    remove((*at.in_)[at.cell_], at.at_);
    return next;
  }
  iterator erase(iterator at) noexcept { return erase(const_iterator(at)); }
  template <class Q>
    requires(!std::is_convertible_v<const Q&, const_iterator>)
  size_type erase(const Q& k) {
    auto const found = find_hashed(hash_of(k), k);
    if (!found.at) return 0;
    remove((*found.in)[found.cell], found.at);
    make_smaller();
    return 1;
  }
  void clear() noexcept {
    for_each_cell([this](cell c) { array::clear(allocator_, c); });
    size_ = 0;
  }

  // ---- Size and shape.

  size_type size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  size_type max_size() const noexcept { return array::most_cells() * array::slots; }
  size_type bucket_count() const noexcept { return array_or_null() == nullptr ? 0 : current()->size() * array::slots; }
  float load_factor() const noexcept {
    return size_ == 0 ? 0 : static_cast<float>(size_) / static_cast<float>(bucket_count());
  }
  float max_load_factor() const noexcept { return 1; }

  // Each may throw what hash and allocator throw; nothing is lost then.
  void reserve(size_type n) {
    if (n > bucket_count()) resize(cells_for(n));
  }
  void rehash(size_type n) {
    if (std::max(n, size_) == 0) {
      dispose();
    } else {
      resize(cells_for(std::max(n, size_)));
    }
  }
  void shrink_to_fit() { rehash(0); }

 private:
  // The address of the current array, or one of these flags.
  using tagged = std::uintptr_t;
  static constexpr tagged moving = 1;   // beside the address: some cells of the previous array still count
  static constexpr tagged nothing = 2;  // alone: no array
  static constexpr tagged flags = moving | nothing;
  static constexpr size_type moves_per_write = 4;

  array* current() const noexcept { return reinterpret_cast<array*>(word_ & ~flags); }
  array* array_or_null() const noexcept { return current(); }
  bool is_moving() const noexcept { return (word_ & moving) != 0; }

  template <class Q>
  std::size_t hash_of(const Q& k) const {
    return detail::mixed(hash_, k);
  }

  // The array whose cell counts for this hash. Precondition: there is an array.
  array* counting(std::size_t hash) const noexcept {
    array* const a = current();
    if (is_moving() && !a->previous()->is_closed(a->previous()->index(hash))) return a->previous();
    return a;
  }

  template <class Q>
  position find_hashed(std::size_t hash, const Q& k) const {
    array* in = reinterpret_cast<array*>(word_);
    if ((word_ & flags) != 0) [[unlikely]] {
      if (word_ == nothing) return {};
      in = counting(hash);
    }
    std::size_t const i = in->index(hash);
    cell const c = in->approach(hash);
    auto const matches = [this, key = detail::in_register(k)](const slot& s) {
      return equal_(slot::key(s), key.get());
    };
    place found = array::find(c, hash, matches);
    if (!found && array::has_overflown(c, hash)) [[unlikely]]
      found = array::find_in_blocks(c, hash, matches);
    return {in, i, found};
  }

  array* first_array() const noexcept { return is_moving() ? current()->previous() : current(); }
  // The first element from cell i of `in` on.
  position first_from(array* in, std::size_t i) const noexcept {
    if (in == nullptr) return {};
    if (in != current()) {
      for (; i != in->size(); ++i) {
        if (in->is_closed(i)) continue;
        if (place const p = array::first((*in)[i])) return {in, i, p};
      }
      in = current();
      i = 0;
    }
    for (; i != in->size(); ++i) {
      if (is_moving() && !in->is_prepared(i)) continue;
      if (place const p = array::first((*in)[i])) return {in, i, p};
    }
    return {};
  }

  template <class F>
  void for_each_cell(F&& f) {
    array* const a = current();
    if (a == nullptr) return;
    if (is_moving()) {
      array& from = *a->previous();
      for (std::size_t i = 0; i != from.size(); ++i) {
        if (!from.is_closed(i)) f(from[i]);
      }
    }
    for (std::size_t i = 0; i != a->size(); ++i) {
      if (!is_moving() || a->is_prepared(i)) f((*a)[i]);
    }
  }

  void swap_contents(sequential_map& other) noexcept {
    using std::swap;
    swap(word_, other.word_);
    swap(size_, other.size_);
    swap(hash_, other.hash_);
    swap(equal_, other.equal_);
  }

  void remove(cell c, place p) noexcept {
    array::vacate(c, p);
    slot::destroy(allocator_, *p.at);
    --size_;
  }

  static constexpr size_type cells_for(size_type n) noexcept {
    size_type const cells = n / array::slots + (n % array::slots != 0);
    return cells >= array::most_cells() ? 2 * array::most_cells()  // which cannot be allocated
                                        : std::max(array::fewest_cells, std::bit_ceil(cells));
  }

  // Before an insertion: moves on, or begins to.
  void make_room() {
    array* const a = current();
    if (a == nullptr) {
      word_ = to_word(array::make(allocator_, array::fewest_cells, nullptr));
    } else if (is_moving()) [[unlikely]] {
      move_on();
    } else if (size_ >= a->size() * array::slots) [[unlikely]] {
      push(2 * a->size());
    }
  }
  // After a removal.
  void make_smaller() noexcept {
    array* const a = current();
    if (is_moving()) {
      move_on();
    } else if (size_ < a->size() * array::slots / 8 && a->size() > array::fewest_cells) {
      push(a->size() / 2);
    }
  }

  static tagged to_word(array* a) noexcept { return reinterpret_cast<tagged>(a); }
  // Begins to move. If there is no memory for it, this array goes on, with overflow blocks, or larger than it need be.
  void push(size_type cells) noexcept {
    try {
      word_ = to_word(array::make(allocator_, cells, current())) | moving;
    } catch (...) {
    }
  }
  // A hash or an allocation that fails does so for other elements than the caller's: another round will come.
  void move_on() noexcept {
    try {
      move_some(moves_per_write);
    } catch (...) {
    }
  }

  void move_some(size_type n) {
    array& to = *current();
    array& from = *to.previous();
    size_type const groups = to.groups();
    for (; n != 0; --n) {
      size_type const g = to.cursor.fetch_add(1, std::memory_order_relaxed) % groups;
      auto const moved = from.move_group(to, g, [this](const slot& s) { return hash_of(slot::key(s)); });
      if (moved != array::moved::now || to.unmoved.fetch_sub(1, std::memory_order_relaxed) != 1) continue;
      word_ = to_word(&to);
      array::dispose(&from, false);
      return;
    }
  }
  void finish_moving() {
    while (is_moving()) move_some(16);
  }

  void resize(size_type cells) {
    finish_moving();
    if (current() == nullptr) {
      word_ = to_word(array::make(allocator_, cells, nullptr));
    } else if (current()->size() != cells) {
      word_ = to_word(array::make(allocator_, cells, current())) | moving;
      finish_moving();
    }
  }

  void dispose() noexcept {
    clear();
    if (array* const a = current()) {
      array* const from = is_moving() ? a->previous() : nullptr;
      array::dispose(a, from != nullptr);
      if (from != nullptr) array::dispose(from, false);
    }
    word_ = nothing;
  }

  // First, as g++ 12 clears the byte of an empty member that comes later, whatever else is there.
  [[no_unique_address]] Hash hash_{};
  [[no_unique_address]] KeyEqual equal_{};
  [[no_unique_address]] Allocator allocator_{};
  tagged word_ = nothing;
  size_type size_ = 0;
};

}  // namespace tandem::cell

#endif
