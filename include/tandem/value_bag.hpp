// value_bag: a multiset for bags that are mostly tiny.
//
// A bag of one value is the value itself, in the object; a few values are a small vector; from the 32nd on the bag
// keeps an index and finds, counts and erases in constant time. It is what evmap keeps per key, and useful on its own
// where a std::unordered_multiset per key would cost hundreds of bytes for a single value.
//
//   tandem::value_bag<std::string> names{"ada", "grace"};
//   names.insert("ada");
//   names.count("ada");       // 2
//   names.erase_one("ada");   // one of them; true
//   for (const std::string& n : names) ...
//
// **Use it when** most bags hold nothing, one or a few values, some may become large, and equal values may occur.
// **Do not use it when** all bags are large and the order of elements or stable references matter: insertion and
// erasure move elements, as in a vector.
//
// | form   | when                        | memory, beside the elements          | contains, count, erase_one |
// |--------|-----------------------------|--------------------------------------|----------------------------|
// | inline | at most one, none allocated | none                                 | one ==                     |
// | vector | up to 31                    | a block                              | up to n ==                 |
// | hashed | from 32 on                  | a block, about 32-36 bytes per place | one hash, about one ==     |
//
// insert is amortized constant time in every form. A bag turns hashed as soon as its size reaches
// `Options::hashed_from`, and back to a vector as soon as it falls to `Options::vector_until`; the gap between the two
// keeps a bag that wavers from turning all the time. Nothing else makes a bag hashed. Heap memory is kept until
// shrink_to_fit() or assign(). A bag of a T that Options::hasher cannot hash is a vector at any size.
//
// **Elements.** Equal elements stay distinct objects. They are in one array: insert appends, erasing one moves the last
// one into its place. Iteration follows the array; front() is its first element. Bags that went through the same edits
// have the same order. Which one of several equal elements erase_one takes is unspecified, but it follows from the
// edits too. Values cannot be modified in place. Iterators, references and pointers are good until the next change of
// the bag.
//
// A bag of uint64_t, and any bag with shared_values whose values are not kept in the object, is 16 bytes.
//
// **Requirements.** T: an object type whose destructor does not throw and does not use the bag. Nothing more for
// insert, iteration and size; a copy constructor to copy the bag; Options::equal to find anything. Move-only and
// over-aligned types are fine. A T whose move may throw is kept in a node of its own, one allocation per element,
// because elements move when others are erased. Hash and equality must be const-callable and must not throw when moved
// or swapped. Equality that is no equivalence, or a hash that is not consistent with it, makes the bag give wrong
// answers; it never makes it lose, leak or destroy twice an element.
//
// **Exceptions.** Every operation either succeeds or has no effect (but may leave a larger capacity or another form:
// inserting a range). Whatever may throw passes on what the allocator, the hash, the equality, the predicate and the
// constructors of T throw, and std::length_error if there would be more than max_size() elements. One exception to the
// rule: moving a bag to an allocator that is not equal to its own, for a T that cannot be copied and whose move may
// throw, leaves the values of the source in an unspecified state when it throws. What cannot throw is noexcept.
//
// **Threads.** As standard containers: any number of threads may use const members at once; a change excludes
// everything else. This also holds for bags with `shared_values`, unless they were made by sharing, which only the
// containers of this library do.
#ifndef TANDEM_VALUE_BAG_HPP
#define TANDEM_VALUE_BAG_HPP

#include <tandem/detail/bag_array.hpp>
#include <tandem/detail/misuse.hpp>
#include <tandem/detail/stored_value.hpp>
#include <tandem/hash.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem {

// Storage: every bag owns its values. Copying the bag copies them.
struct owned_values {};

// Storage, for containers that keep a bag twice: each value lives in a node with a count of its owners (small,
// trivially copyable values are stored as they are), so that two bags can have one value in common. They come to do so
// by detail::bag_access only; copying a bag copies its values, as ever. The count is a plain number: bags that share
// must be changed and destroyed on one thread at a time; other threads may read them, and copy them, while they do not
// change. A value stays with the allocator that it was made with.
struct shared_values {};

struct value_bag_options {
  using hasher = void;                          // void: tandem::hash<T>; where that is disabled, the bag stays a vector
  using equal = void;                           // void: tandem::equal_to<T>
  using allocator = std::allocator<std::byte>;  // rebound to what is allocated
  using storage = owned_values;                 // or shared_values
  static constexpr std::size_t hashed_from = 32;   // from this size on a bag is hashed
  static constexpr std::size_t vector_until = 16;  // a hashed bag that shrinks to this size is a vector again
};

namespace detail {

struct bag_access;

// Small enough that a copy is cheaper than a shared node.
template <class T>
inline constexpr bool is_copied_when_shared = std::is_trivially_copyable_v<T> && std::copy_constructible<T> &&
                                              sizeof(T) <= 16 && alignof(T) <= alignof(std::max_align_t);

template <class T, class Allocator, class Storage>
struct stored_value;
template <class T, class Allocator>
struct stored_value<T, Allocator, owned_values>
    : std::conditional_t<std::is_nothrow_move_constructible_v<T>, direct_value<T, Allocator>,
                         boxed_value<T, Allocator>> {};
template <class T, class Allocator>
struct stored_value<T, Allocator, shared_values>
    : std::conditional_t<is_copied_when_shared<T>, direct_value<T, Allocator>, shared_value<T, Allocator>> {};

// From elements to values.
template <class T, class Stored>
class bag_iterator {
 public:
  using iterator_concept = std::forward_iterator_tag;
  using iterator_category = std::forward_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using pointer = const T*;
  using reference = const T&;

  bag_iterator() = default;
  explicit bag_iterator(const typename Stored::element* at) noexcept : at_(at) {}

  reference operator*() const noexcept { return Stored::value(*at_); }
  pointer operator->() const noexcept { return std::addressof(**this); }
  bag_iterator& operator++() noexcept {
    ++at_;
    return *this;
  }
  bag_iterator operator++(int) noexcept { return bag_iterator(at_++); }
  friend bool operator==(const bag_iterator&, const bag_iterator&) = default;

 private:
  const typename Stored::element* at_ = nullptr;
};

}  // namespace detail

template <class T, class Options = value_bag_options>
class value_bag {
  static_assert(std::is_object_v<T> && std::same_as<T, std::remove_cv_t<T>>,
                "the values of a value_bag are plain objects");
  static_assert(std::is_nothrow_destructible_v<T>, "values whose destructor throws cannot be kept in a value_bag");

 public:
  using value_type = T;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using hasher = std::conditional_t<std::is_void_v<typename Options::hasher>, hash<T>, typename Options::hasher>;
  using key_equal = std::conditional_t<std::is_void_v<typename Options::equal>, equal_to<T>, typename Options::equal>;
  using allocator_type = typename std::allocator_traits<typename Options::allocator>::template rebind_alloc<T>;
  using reference = const T&;
  using const_reference = const T&;

 private:
  using stored = detail::stored_value<T, allocator_type, typename Options::storage>;
  using allocator_traits = std::allocator_traits<allocator_type>;

  static_assert(std::is_nothrow_move_constructible_v<hasher> && std::is_nothrow_move_constructible_v<key_equal>,
                "hash and equality must not throw when moved");

 public:
  using const_iterator = detail::bag_iterator<T, stored>;
  using iterator = const_iterator;
  // What the array holds for a value; for containers built on bags (detail::bag_access).
  using element = typename stored::element;

  // Whether values can be compared: without it there is no contains, count, erase, erase_one and ==.
  static constexpr bool is_searchable = equality_for<key_equal, T>;
  // Whether large bags are hashed.
  static constexpr bool is_hashable = is_searchable && hash_function_for<hasher, T>;

  static_assert(is_hashable || std::same_as<hasher, hash<T>> || !is_searchable, "Options::hasher cannot hash a T");

  // ---- Construction

  // Empty, without an allocation.
  constexpr value_bag() noexcept(std::is_nothrow_default_constructible_v<hasher> &&
                                 std::is_nothrow_default_constructible_v<key_equal> &&
                                 std::is_nothrow_default_constructible_v<allocator_type>)
    requires(std::default_initializable<hasher> && std::default_initializable<key_equal> &&
             std::default_initializable<allocator_type>)
      : array_(allocator_type()), hasher_(), equal_() {}

  constexpr explicit value_bag(const allocator_type& allocator)
    requires(std::default_initializable<hasher> && std::default_initializable<key_equal>)
      : array_(allocator), hasher_(), equal_() {}

  constexpr explicit value_bag(const hasher& hash, const key_equal& equal,
                               const allocator_type& allocator = allocator_type())
      : array_(allocator), hasher_(hash), equal_(equal) {}

  value_bag(std::initializer_list<T> values, const allocator_type& allocator = allocator_type())
    requires std::copy_constructible<T>
      : value_bag(values.begin(), values.end(), allocator) {}

  template <std::input_iterator Iterator, std::sentinel_for<Iterator> Sentinel>
    requires std::constructible_from<T, std::iter_reference_t<Iterator>>
  value_bag(Iterator first, Sentinel last, const allocator_type& allocator = allocator_type()) : value_bag(allocator) {
    append(std::move(first), std::move(last));
  }

  template <std::ranges::input_range Range>
    requires(!std::same_as<std::remove_cvref_t<Range>, value_bag> &&
             std::convertible_to<std::ranges::range_reference_t<Range>, T>)
  explicit value_bag(Range&& values, const allocator_type& allocator = allocator_type()) : value_bag(allocator) {
    append(std::ranges::begin(values), std::ranges::end(values));
  }

  // Copies values, order and form, but no more capacity than they need.
  value_bag(const value_bag& other)
    requires stored::is_copyable
      : value_bag(other, allocator_traits::select_on_container_copy_construction(other.array_.allocator())) {}

  value_bag(const value_bag& other, const allocator_type& allocator)
    requires stored::is_copyable
      : value_bag(other.hasher_, other.equal_, allocator) {
    array_.fill(other.array_,
                [this](element* where, const element& from) { stored::copy(array_.allocator(), where, from); });
  }

  // Takes everything; `other` is empty afterwards.
  value_bag(value_bag&& other) noexcept
      : array_(other.array_.allocator()), hasher_(std::move(other.hasher_)), equal_(std::move(other.equal_)) {
    array_.steal(other.array_);
  }

  // With an allocator that is not equal, the values are moved or copied one by one, by copies if moving might fail half
  // way.
  value_bag(value_bag&& other, const allocator_type& allocator) : value_bag(other.hasher_, other.equal_, allocator) {
    if (owns_alike(other)) {
      array_.steal(other.array_);
    } else {
      array_.fill(other.array_,
                  [this](element* where, element& from) { stored::transfer(array_.allocator(), where, from); });
      other.array_.reset();
    }
  }

  value_bag& operator=(const value_bag& other)
    requires stored::is_copyable
  {
    if (this == std::addressof(other)) return *this;
    constexpr bool takes_allocator = allocator_traits::propagate_on_container_copy_assignment::value;
    value_bag copy(other, takes_allocator ? other.array_.allocator() : array_.allocator());
    array_.reset();
    if constexpr (takes_allocator) array_.allocator() = other.array_.allocator();
    array_.steal(copy.array_);
    swap_functions(copy);
    return *this;
  }

  value_bag& operator=(value_bag&& other) noexcept(allocator_traits::propagate_on_container_move_assignment::value ||
                                                   allocator_traits::is_always_equal::value) {
    if (this == std::addressof(other)) return *this;
    constexpr bool takes_allocator = allocator_traits::propagate_on_container_move_assignment::value;
    if (takes_allocator || owns_alike(other)) {
      array_.reset();
      if constexpr (takes_allocator) array_.allocator() = other.array_.allocator();
      array_.steal(other.array_);
      swap_functions(other);
    } else {
      value_bag moved(std::move(other), array_.allocator());
      array_.reset();
      array_.steal(moved.array_);
      swap_functions(moved);
    }
    return *this;
  }

  value_bag& operator=(std::initializer_list<T> values)
    requires std::copy_constructible<T>
  {
    value_bag made(hasher_, equal_, array_.allocator());
    made.append(values.begin(), values.end());
    array_.reset();
    array_.steal(made.array_);
    return *this;
  }

  ~value_bag() = default;

  // Precondition: the allocators are equal, or propagate on swap.
  void swap(value_bag& other) noexcept {
    constexpr bool swaps_allocators = allocator_traits::propagate_on_container_swap::value;
    if constexpr (detail::diagnoses_misuse && !swaps_allocators) {
      if (!owns_alike(other)) detail::misuse("value_bag: swap of bags whose allocators are not equal");
    }
    value_bag rest(std::move(other));
    if constexpr (swaps_allocators) other.array_.allocator() = array_.allocator();
    other.array_.steal(array_);
    if constexpr (swaps_allocators) array_.allocator() = rest.array_.allocator();
    array_.steal(rest.array_);
    std::ranges::swap(other.hasher_, rest.hasher_);
    std::ranges::swap(other.equal_, rest.equal_);
    swap_functions(other);
  }
  friend void swap(value_bag& a, value_bag& b) noexcept { a.swap(b); }

  allocator_type get_allocator() const noexcept { return array_.allocator(); }
  hasher hash_function() const { return hasher_; }
  key_equal key_eq() const { return equal_; }

  // ---- Looking at all of it

  [[nodiscard]] bool empty() const noexcept { return array_.size() == 0; }
  [[nodiscard]] size_type size() const noexcept { return array_.size(); }
  [[nodiscard]] static constexpr size_type max_size() noexcept { return array_type::max_size(); }

  [[nodiscard]] const_iterator begin() const noexcept { return const_iterator(array_.data()); }
  [[nodiscard]] const_iterator end() const noexcept { return const_iterator(array_.data() + array_.size()); }
  [[nodiscard]] const_iterator cbegin() const noexcept { return begin(); }
  [[nodiscard]] const_iterator cend() const noexcept { return end(); }

  // The first element. Precondition: not empty.
  [[nodiscard]] const T& front() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (empty()) detail::misuse("value_bag: front() of an empty bag");
    }
    return *begin();
  }

  // The first element, or null.
  [[nodiscard]] const T* find_first() const noexcept {
    element const* const first = array_.first();
    return first == nullptr ? nullptr : std::addressof(stored::value(*first));
  }

  // ---- Looking for values. `q` is a T, or anything that the functions accept if both are transparent.

  [[nodiscard]] bool contains(const T& v) const
    requires is_searchable
  {
    return contains_value(v);
  }
  [[nodiscard]] size_type count(const T& v) const
    requires is_searchable
  {
    return count_value(v);
  }

  // Whether a Q can be looked for without making a T of it.
  template <class Q>
  static constexpr bool is_lookup_key = transparent<key_equal> && equality_for<key_equal, T, Q> &&
                                        (!is_hashable || (transparent<hasher> && hash_function_for<hasher, Q>));

  template <class Q>
    requires is_lookup_key<Q>
  [[nodiscard]] bool contains(const Q& q) const {
    return contains_value(q);
  }
  template <class Q>
    requires is_lookup_key<Q>
  [[nodiscard]] size_type count(const Q& q) const {
    return count_value(q);
  }

  // Whether both have the same elements, each as often, in whatever order. Both must agree on what is equal.
  // Costs: linear with hashing, otherwise as std::is_permutation.
  friend bool operator==(const value_bag& a, const value_bag& b)
    requires is_searchable
  {
    return a.same_multiset(b);
  }

  // ---- Changing it

  // Appends; returns an iterator to the new element. `v` may be an element of this bag.
  iterator insert(const T& v)
    requires std::copy_constructible<T>
  {
    return emplace(v);
  }
  iterator insert(T&& v) { return emplace(std::move(v)); }

  template <class... Args>
    requires std::constructible_from<T, Args...>
  iterator emplace(Args&&... args);

  // Inserts all or, when something throws, none.
  template <std::input_iterator Iterator, std::sentinel_for<Iterator> Sentinel>
    requires std::constructible_from<T, std::iter_reference_t<Iterator>>
  void insert(Iterator first, Sentinel last) {
    append(std::move(first), std::move(last));
  }
  void insert(std::initializer_list<T> values)
    requires std::copy_constructible<T>
  {
    append(values.begin(), values.end());
  }
  template <std::ranges::input_range Range>
    requires std::constructible_from<T, std::ranges::range_reference_t<Range>>
  void insert_range(Range&& values) {
    append(std::ranges::begin(values), std::ranges::end(values));
  }

  // Makes the bag hold exactly `v`, inline, without heap memory.
  void assign(T v);

  // Erases one element equal to `v`, if there is one. `v` may be that element.
  bool erase_one(const T& v)
    requires is_searchable
  {
    return erase_one_value(v);
  }
  template <class Q>
    requires is_lookup_key<Q>
  bool erase_one(const Q& q) {
    return erase_one_value(q);
  }

  // Erases all elements equal to `v`; returns how many. Needs memory for their positions.
  size_type erase(const T& v)
    requires is_searchable
  {
    return erase_value(v);
  }
  template <class Q>
    requires is_lookup_key<Q>
  size_type erase(const Q& q) {
    return erase_value(q);
  }

  // Erases the elements for which pred(const T&) is true; returns how many. `pred` is called once per element, before
  // the first one goes. Needs memory for their positions.
  template <std::predicate<const T&> Pred>
  size_type erase_if(Pred pred);
  template <std::predicate<const T&> Pred>
  friend size_type erase_if(value_bag& bag, Pred pred) {
    return bag.erase_if(std::move(pred));
  }

  // No elements. Keeps the capacity.
  void clear() noexcept { array_.clear(); }

  // ---- Memory

  // How many elements fit into the memory that it has.
  [[nodiscard]] size_type capacity() const noexcept { return array_.capacity(); }
  // Room for `n` elements in all. Does not make the bag hashed: the index is made when it is first needed.
  void reserve(size_type n) { array_.reserve(n); }
  // The smallest form that holds the content, with no spare capacity: inline for one element and for none, a vector
  // where the size allows for one. May allocate, and throw if that fails.
  void shrink_to_fit() { array_.shrink_to_fit(); }

  [[nodiscard]] bool is_inline() const noexcept { return array_.is_inlined(); }
  [[nodiscard]] bool is_hashed() const noexcept { return array_.is_hashed(); }

 private:
  friend struct detail::bag_access;
  using limits = detail::bag_limits<is_hashable, Options::hashed_from, Options::vector_until>;
  using array_type = detail::bag_array<element, allocator_type, limits>;

  bool owns_alike(const value_bag& other) const noexcept {
    if constexpr (allocator_traits::is_always_equal::value) {
      return true;
    } else {
      return array_.allocator() == other.array_.allocator();
    }
  }

  void swap_functions(value_bag& other) noexcept {
    static_assert(std::is_nothrow_swappable_v<hasher> && std::is_nothrow_swappable_v<key_equal>,
                  "to assign or swap bags, hash and equality must be swappable without throwing");
    std::ranges::swap(hasher_, other.hasher_);
    std::ranges::swap(equal_, other.equal_);
  }

  template <class Iterator, class Sentinel>
  void append(Iterator first, Sentinel last);
  template <class Q>
  bool contains_value(const Q& q) const;
  template <class Q>
  size_type count_value(const Q& q) const;
  template <class Q>
  bool erase_one_value(const Q& q);
  template <class Q>
  size_type erase_value(const Q& q);
  bool same_multiset(const value_bag& other) const;

  array_type array_;
  [[no_unique_address]] hasher hasher_;
  [[no_unique_address]] key_equal equal_;
};

// ---- Implementation

namespace detail {

// Two passes over one change, for a container that makes it on several bags.
//
// A plan_ function looks at a bag and decides: it may call the hash, the equality and the predicate, may allocate and
// throw, and changes nothing. An apply_ function carries the decision out, on that bag or on another one that went
// through the same edits; it runs no user code but moves and destructors of elements. The members of value_bag that
// change it are one after the other.
//
// A decision that does not fit the bag is safe: positions that are not there are ignored, as are links to them; the
// values stay owned once. The bag may then not find them.
struct bag_access {
  static constexpr std::uint32_t npos = group_index::npos;

  template <class Bag>
  using element = typename Bag::element;

  template <class Bag>
  static const typename Bag::value_type& value(const element<Bag>& e) noexcept {
    return Bag::stored::value(e);
  }

  // A bag with the same functions, allocator, elements and form, and with shared_values the same values. Throws what
  // the allocator throws.
  template <class Bag>
  static Bag share(const Bag& bag) {
    Bag made(bag.hasher_, bag.equal_, bag.array_.allocator());
    made.array_.fill(bag.array_, [](element<Bag>* where, const element<Bag>& from) { std::construct_at(where, from); });
    return made;
  }

  // Constructs a T, in a node if need be.
  template <class Bag, class... Args>
  static element<Bag> make(const typename Bag::allocator_type& allocator, Args&&... args) {
    return Bag::stored::make(allocator, std::forward<Args>(args)...);
  }

  // Calls hash and equality only if the bag is hashed, or will be with one more element.
  template <class Bag>
  static bag_insertion plan_insert(const Bag& bag, const element<Bag>& e) {
    bag_insertion plan{};
    if constexpr (Bag::is_hashable) {
      const auto& v = value<Bag>(e);
      const std::uint32_t size = bag.array_.size();
      if (bag.array_.is_hashed()) {
        plan.link.hash = hash_of(bag, v);
        plan.link.twin = find_hashed(bag, plan.link.hash, v);
      } else if (size + 1 == Bag::limits::hashed_from) {
        auto links = std::make_unique<bag_link[]>(size);
        for (std::uint32_t i = 0; i != size; ++i) links[i] = link_among(bag, links.get(), i, at(bag, i));
        plan.link = link_among(bag, links.get(), size, v);
        plan.earlier = std::move(links);
      }
    }
    return plan;
  }

  // The position of an element equal to `q`, or npos. Without equality there is none.
  template <class Bag, class Q>
  static std::uint32_t plan_erase_one(const Bag& bag, const Q& q) {
    if constexpr (equality_for<typename Bag::key_equal, typename Bag::value_type, Q>) {
      return find(bag, q);
    } else {
      return npos;
    }
  }

  // The positions of all elements equal to `q`, ascending.
  template <class Bag, class Q>
  static std::vector<std::uint32_t> plan_erase(const Bag& bag, const Q& q) {
    if constexpr (Bag::is_hashable) {
      if (bag.array_.is_hashed()) {
        std::vector<std::uint32_t> positions;
        if (const std::uint32_t first = find(bag, q); first != npos) {
          const group_index& index = bag.array_.index();
          positions.reserve(index.count(first));
          index.for_each(first, [&](std::uint32_t p) { positions.push_back(p); });
          std::sort(positions.begin(), positions.end());
        }
        return positions;
      }
    }
    auto same = [&](const auto& v) { return static_cast<bool>(bag.equal_(v, q)); };
    return plan_erase_if(bag, same);
  }

  // The positions of all elements that satisfy `pred`, ascending. Calls it once per element, in the order of the array.
  template <class Bag, class Pred>
  static std::vector<std::uint32_t> plan_erase_if(const Bag& bag, Pred& pred) {
    std::vector<std::uint32_t> positions;
    const std::uint32_t size = bag.array_.size();
    for (std::uint32_t i = 0; i != size; ++i) {
      if (static_cast<bool>(pred(at(bag, i)))) positions.push_back(i);
    }
    return positions;
  }

  // Throws: what the allocator throws, std::length_error; then nothing has happened and `e` is not moved from.
  template <class Bag>
  static void apply_insert(Bag& bag, element<Bag>&& e, const bag_insertion& plan) {
    bag.array_.push(std::move(e), plan);
  }

  template <class Bag>
  static void apply_erase(Bag& bag, std::uint32_t position) noexcept {
    bag.array_.erase(position);
  }

  // From the back, so that the element that fills a hole is never one that has to go.
  template <class Bag>
  static void apply_erase(Bag& bag, std::span<const std::uint32_t> ascending) noexcept {
    for (std::size_t i = ascending.size(); i != 0; --i) bag.array_.erase(ascending[i - 1]);
  }

  // Exactly this element, inline.
  template <class Bag>
  static void apply_assign(Bag& bag, element<Bag>&& e) noexcept {
    bag.array_.assign_one(std::move(e));
  }

  // The form that the size asks for, and, if memory for that can be had, no more memory than needed.
  template <class Bag>
  static void apply_shrink(Bag& bag) noexcept {
    bag.array_.settle_form();
    try {
      bag.array_.shrink_to_fit();
    } catch (...) {
      // A request to give memory back that gets none to move to is dropped; the form is the same either way.
    }
  }

  // The position of an element equal to `q`, or npos; in a hashed bag the first of its group.
  template <class Bag, class Q>
  static std::uint32_t find(const Bag& bag, const Q& q) {
    if constexpr (Bag::is_hashable) {
      if (bag.array_.is_hashed()) return find_hashed(bag, hash_of(bag, q), q);
    }
    const std::uint32_t size = bag.array_.size();
    for (std::uint32_t i = 0; i != size; ++i) {
      if (static_cast<bool>(bag.equal_(at(bag, i), q))) return i;
    }
    return npos;
  }

 private:
  template <class Bag>
  static const typename Bag::value_type& at(const Bag& bag, std::uint32_t position) noexcept {
    return value<Bag>(bag.array_.data()[position]);
  }

  template <class Bag, class Q>
  static std::uint32_t hash_of(const Bag& bag, const Q& q) {
    return folded_to_32(mixed(bag.hasher_, q));
  }

  template <class Bag, class Q>
  static std::uint32_t find_hashed(const Bag& bag, std::uint32_t hash, const Q& q) {
    return bag.array_.index().find(
        hash, [&](std::uint32_t position) { return static_cast<bool>(bag.equal_(at(bag, position), q)); });
  }

  // The link of a value that comes after the first `n` elements, whose links are known. Compares with one of each
  // group.
  template <class Bag, class Q>
  static bag_link link_among(const Bag& bag, const bag_link* links, std::uint32_t n, const Q& q) {
    const std::uint32_t hash = hash_of(bag, q);
    for (std::uint32_t i = 0; i != n; ++i) {
      if (links[i].hash == hash && links[i].twin == npos && static_cast<bool>(bag.equal_(at(bag, i), q)))
        return {hash, i};
    }
    return {hash, npos};
  }
};

}  // namespace detail

template <class T, class Options>
template <class... Args>
  requires std::constructible_from<T, Args...>
auto value_bag<T, Options>::emplace(Args&&... args) -> iterator {
  element e = stored::make(array_.allocator(), std::forward<Args>(args)...);
  detail::bag_access::apply_insert(*this, std::move(e), detail::bag_access::plan_insert(*this, e));
  return const_iterator(array_.data() + (array_.size() - 1));
}

template <class T, class Options>
template <class Iterator, class Sentinel>
void value_bag<T, Options>::append(Iterator first, Sentinel last) {
  const std::uint32_t before = array_.size();
  try {
    for (; first != last; ++first) emplace(*first);
  } catch (...) {
    while (array_.size() != before) array_.erase(array_.size() - 1);
    throw;
  }
}

template <class T, class Options>
void value_bag<T, Options>::assign(T v) {
  detail::bag_access::apply_assign(*this, stored::make(array_.allocator(), std::move(v)));
}

template <class T, class Options>
template <class Q>
bool value_bag<T, Options>::contains_value(const Q& q) const {
  return detail::bag_access::find(*this, q) != detail::bag_access::npos;
}

template <class T, class Options>
template <class Q>
auto value_bag<T, Options>::count_value(const Q& q) const -> size_type {
  if constexpr (is_hashable) {
    if (is_hashed()) {
      const std::uint32_t position = detail::bag_access::find(*this, q);
      return position == detail::bag_access::npos ? 0 : array_.index().count(position);
    }
  }
  return static_cast<size_type>(
      std::count_if(begin(), end(), [&](const T& v) { return static_cast<bool>(equal_(v, q)); }));
}

template <class T, class Options>
template <class Q>
bool value_bag<T, Options>::erase_one_value(const Q& q) {
  const std::uint32_t position = detail::bag_access::plan_erase_one(*this, q);
  detail::bag_access::apply_erase(*this, position);
  return position != detail::bag_access::npos;
}

template <class T, class Options>
template <class Q>
auto value_bag<T, Options>::erase_value(const Q& q) -> size_type {
  const std::vector<std::uint32_t> positions = detail::bag_access::plan_erase(*this, q);
  detail::bag_access::apply_erase(*this, positions);
  return positions.size();
}

template <class T, class Options>
template <std::predicate<const T&> Pred>
auto value_bag<T, Options>::erase_if(Pred pred) -> size_type {
  const std::vector<std::uint32_t> positions = detail::bag_access::plan_erase_if(*this, pred);
  detail::bag_access::apply_erase(*this, positions);
  return positions.size();
}

template <class T, class Options>
bool value_bag<T, Options>::same_multiset(const value_bag& other) const {
  if (size() != other.size()) return false;
  if constexpr (is_hashable) {
    if (!is_hashed() && other.is_hashed()) return other.same_multiset(*this);
    if (is_hashed()) {
      // One look-up in `other` per group of equal elements: the counts of all groups add up to the same size.
      const element* const elements = array_.data();
      for (std::uint32_t i = 0; i != array_.size(); ++i) {
        if (array_.index().is_first(i) && other.count_value(stored::value(elements[i])) != array_.index().count(i)) {
          return false;
        }
      }
      return true;
    }
  }
  return std::is_permutation(begin(), end(), other.begin(),
                             [this](const T& a, const T& b) { return static_cast<bool>(equal_(a, b)); });
}

}  // namespace tandem

#endif
