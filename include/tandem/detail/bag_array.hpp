// The memory of a value_bag: one dense array of elements, its three forms, and the physical edits. Nothing here
// compares or hashes; an edit is told what was decided. So any number of arrays that go through the same edits are
// equal position by position.
//
//   form      elements                          index (group_index.hpp)
//   inlined   at most one, in the object        none
//   vector    in a heap block                   none in use; the memory of an old one may be kept for later
//   hashed    in a heap block                   one, with all positions
//
// The object is 16 bytes where an element is no larger than a pointer: the element or the address of the block; the
// size; the form. A block is a header (index, capacity) followed by the elements; the index has a memory of its own.
//
// Invariants
//   1. Elements 0 .. size-1 exist; size <= capacity.
//   2. inlined: size <= 1, and there is no block.
//   3. hashed: size > Limits::vector_until, the index has marks for exactly 0 .. size-1, and room for the block's
//      capacity.
//   4. vector, if Limits::may_hash: size < Limits::hashed_from.
//
// Every member that can throw (std::bad_alloc or whatever else the allocator throws, std::length_error, what copying a
// value throws) has no effect when it does. Elements never throw when moved or destroyed.
#ifndef TANDEM_DETAIL_BAG_ARRAY_HPP
#define TANDEM_DETAIL_BAG_ARRAY_HPP

#include <tandem/detail/group_index.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace tandem::detail {

// The decision of the first pass about one insertion.
struct bag_insertion {
  bag_link link;
  // Links of all the elements that are there already, only if this insertion makes the bag hashed.
  std::unique_ptr<bag_link[]> earlier;
};

template <bool MayHash, std::size_t HashedFrom, std::size_t VectorUntil>
struct bag_limits {
  static_assert(HashedFrom >= 2, "hashed_from must be at least 2: a single element is kept inline");
  static_assert(VectorUntil < HashedFrom, "vector_until must be less than hashed_from");
  static_assert(HashedFrom <= 0x7fff'ffffU, "hashed_from is out of range");
  static constexpr bool may_hash = MayHash;
  static constexpr auto hashed_from = static_cast<std::uint32_t>(HashedFrom);
  static constexpr auto vector_until = static_cast<std::uint32_t>(VectorUntil);
};

template <class Element, class Allocator, class Limits>
class bag_array {
  static_assert(std::is_nothrow_move_constructible_v<Element> && std::is_nothrow_destructible_v<Element>);

 public:
  using size_type = std::size_t;

  constexpr explicit bag_array(const Allocator& allocator) noexcept : allocator_(allocator) {}
  bag_array(const bag_array&) = delete;
  bag_array& operator=(const bag_array&) = delete;
  ~bag_array() { reset(); }

  static constexpr size_type max_size() noexcept {
    // Positions are 32-bit numbers, the last of which means "none"; sizes in bytes must fit a ptrdiff_t.
    constexpr size_type bytes = std::numeric_limits<std::ptrdiff_t>::max() / 2 - elements_offset;
    constexpr size_type bytes_of_index = Limits::may_hash ? group_index::max_bytes_per_element : 0;
    return std::min<size_type>(group_index::npos - 1, bytes / (sizeof(Element) + bytes_of_index));
  }

  std::uint32_t size() const noexcept { return size_; }
  std::uint32_t capacity() const noexcept { return form_ == form::inlined ? 1 : store_.heap->capacity; }
  bool is_inlined() const noexcept { return form_ == form::inlined; }
  bool is_hashed() const noexcept { return form_ == form::hashed; }

  const Element* data() const noexcept {
    return form_ == form::inlined ? std::addressof(store_.inlined) : elements_of(store_.heap);
  }
  // The first element, or null. The one element of most arrays is found without a look at anything else.
  const Element* first() const noexcept {
    if (size_ == 1 && form_ == form::inlined) [[likely]]
      return std::addressof(store_.inlined);
    return size_ == 0 ? nullptr : data();
  }
  // Precondition: is_hashed().
  const group_index& index() const noexcept { return *store_.heap->index; }

  Allocator& allocator() noexcept { return allocator_; }
  const Allocator& allocator() const noexcept { return allocator_; }

  // Appends an element, which is moved from only if nothing throws. Becomes hashed if the size reaches the limit.
  void push(Element&& e, const bag_insertion& decision) {
    if (size_ == max_size()) throw_too_long();
    const bool hashed_then = Limits::may_hash && size_ + 1 >= Limits::hashed_from;
    make_room(size_ + 1, hashed_then || is_hashed(), grown_capacity());
    if constexpr (Limits::may_hash) {
      if (is_hashed()) {
        store_.heap->index->push(decision.link);
      } else if (hashed_then) {
        start_index(decision);
      }
    }
    std::construct_at(elements() + size_, std::move(e));
    ++size_;
  }

  // Removes the element at `position`; the last one takes its place. No effect if there is no such position.
  void erase(std::uint32_t position) noexcept {
    if (position >= size_) return;
    Element* const victim = elements() + position;
    Element* const last = elements() + (size_ - 1);
    if constexpr (Limits::may_hash) {
      if (is_hashed()) store_.heap->index->erase(position);
    }
    std::destroy_at(victim);
    if (victim != last) {
      std::construct_at(victim, std::move(*last));
      std::destroy_at(last);
    }
    --size_;
    if (is_hashed() && size_ <= Limits::vector_until) form_ = form::vector;
  }

  // Removes all elements and keeps the capacity.
  void clear() noexcept {
    std::destroy_n(elements(), size_);
    size_ = 0;
    if (is_hashed()) form_ = form::vector;
  }

  // No elements and no heap memory.
  void reset() noexcept {
    clear();
    if (form_ == form::inlined) return;
    release(store_.heap);
    form_ = form::inlined;
  }

  // Exactly this element, inline.
  void assign_one(Element&& e) noexcept {
    reset();
    std::construct_at(std::addressof(store_.inlined), std::move(e));
    size_ = 1;
  }

  void reserve(size_type n) {
    if (n > max_size()) throw_too_long();
    const auto wanted = static_cast<std::uint32_t>(n);
    make_room(wanted, is_hashed(), wanted);
  }

  // No longer hashed if a bag of this size would not have become so.
  void settle_form() noexcept {
    if (is_hashed() && size_ < Limits::hashed_from) form_ = form::vector;
  }

  // The smallest form and capacity that hold the content.
  void shrink_to_fit() {
    if (form_ == form::inlined) return;
    block* const old = store_.heap;
    if (size_ <= 1) {
      relocate_inline(old);
      return;
    }
    const bool hashed_then = is_hashed() && size_ >= Limits::hashed_from;
    group_index* old_index = old->index;
    group_index* index = nullptr;
    if (hashed_then) index = old_index->capacity() == size_ ? old_index : new_index(size_);
    if (old->capacity != size_) {
      block* smaller = nullptr;
      try {
        smaller = new_block(size_);
      } catch (...) {
        if (index != nullptr && index != old_index) free_index(index);
        throw;
      }
      move_elements(elements_of(smaller), elements_of(old));
      free_block(old);
      store_.heap = smaller;
    }
    if (index != nullptr && index != old_index) index->copy(*old_index);
    if (old_index != nullptr && index != old_index) free_index(old_index);
    store_.heap->index = index;
    form_ = hashed_then ? form::hashed : form::vector;
  }

  // Takes the content of `other`, whose memory this array's allocator must be able to free. Precondition: reset().
  void steal(bag_array& other) noexcept {
    if (other.form_ == form::inlined) {
      if (other.size_ != 0) {
        std::construct_at(std::addressof(store_.inlined), std::move(other.store_.inlined));
        std::destroy_at(std::addressof(other.store_.inlined));
      }
    } else {
      store_.heap = other.store_.heap;
    }
    size_ = std::exchange(other.size_, 0);
    form_ = std::exchange(other.form_, form::inlined);
  }

  // Becomes what `other` is, hashed or not, but with no more capacity than needed; construct(where, other's element)
  // makes each element. Precondition: reset(). If `construct` throws, what was made stays: reset() or destroy the
  // array.
  template <class Other, class Construct>
  void fill(Other& other, Construct construct) {
    if (other.size_ == 0) return;
    make_room(other.size_, other.is_hashed(), other.size_);
    for (; size_ != other.size_; ++size_) construct(elements() + size_, other.elements()[size_]);
    if constexpr (Limits::may_hash) {
      if (other.is_hashed()) {
        store_.heap->index->copy(*other.store_.heap->index);
        form_ = form::hashed;
      }
    }
  }

 private:
  enum class form : std::uint32_t { inlined, vector, hashed };

  struct block {
    group_index* index;
    std::uint32_t capacity;
  };

  union storage {
    constexpr storage() noexcept : heap(nullptr) {}
    constexpr ~storage() {}

    block* heap;
    Element inlined;
  };

  static constexpr std::size_t block_alignment = std::max(alignof(block), alignof(Element));
  static constexpr std::size_t elements_offset =
      (sizeof(block) + alignof(Element) - 1) / alignof(Element) * alignof(Element);
  static constexpr std::uint32_t first_capacity = sizeof(Element) <= 64 ? 4 : 2;

  Element* elements() noexcept {
    return form_ == form::inlined ? std::addressof(store_.inlined) : elements_of(store_.heap);
  }
  const Element* elements() const noexcept { return data(); }

  static Element* elements_of(block* b) noexcept {
    return reinterpret_cast<Element*>(reinterpret_cast<std::byte*>(b) + elements_offset);
  }

  // What to grow to when one more element does not fit.
  std::uint32_t grown_capacity() const noexcept {
    if (form_ == form::inlined) return first_capacity;
    const auto limit = static_cast<std::uint32_t>(max_size());
    const std::uint32_t old = capacity();
    return old > limit / 2 ? limit : std::max(first_capacity, 2 * old);
  }

  // Room for `needed` elements, of which an index knows if `indexed`. A new block gets the capacity `preferred` >=
  // needed.
  void make_room(std::uint32_t needed, bool indexed, std::uint32_t preferred) {
    block* larger = nullptr;
    if (needed > capacity() || (indexed && form_ == form::inlined)) larger = new_block(preferred);
    if constexpr (Limits::may_hash) {
      if (indexed) {
        const std::uint32_t covered = larger != nullptr ? larger->capacity : capacity();
        group_index* const old = form_ == form::inlined ? nullptr : store_.heap->index;
        if (old == nullptr || old->capacity() < covered) {
          group_index* index = nullptr;
          try {
            index = new_index(covered);
          } catch (...) {
            if (larger != nullptr) free_block(larger);
            throw;
          }
          if (is_hashed()) index->copy(*old);
          if (larger != nullptr && form_ == form::inlined) {
            larger->index = index;
          } else {
            store_.heap->index = index;
          }
          if (old != nullptr) free_index(old);
        }
      }
    }
    if (larger != nullptr) adopt(larger);
  }

  // The elements move to `larger`, and so does the index, unless `larger` has one.
  void adopt(block* larger) noexcept {
    move_elements(elements_of(larger), elements());
    if (form_ == form::inlined) {
      form_ = form::vector;
    } else {
      larger->index = store_.heap->index;
      free_block(store_.heap);
    }
    store_.heap = larger;
  }

  // All elements get their place in the index. Its memory is there already.
  void start_index(const bag_insertion& decision) noexcept {
    group_index& index = *store_.heap->index;
    index.clear();
    // Without the links of the earlier ones the decision was made about another bag. Then they cannot be found, but are
    // safe. Where there are links, they are `hashed_from - 1`, which is size_: this is the only size at which a vector
    // turns.
    for (std::uint32_t i = 0; i != size_; ++i) index.push(decision.earlier ? decision.earlier[i] : bag_link{});
    index.push(decision.link);
    form_ = form::hashed;
  }

  void relocate_inline(block* old) noexcept {
    const bool one = size_ == 1;
    if (one) {
      move_elements(std::addressof(store_.inlined), elements_of(old));
    } else {
      store_.heap = nullptr;
    }
    form_ = form::inlined;
    release(old);
  }

  void move_elements(Element* to, Element* from) noexcept {
    for (std::uint32_t i = 0; i != size_; ++i) {
      std::construct_at(to + i, std::move(from[i]));
      std::destroy_at(from + i);
    }
  }

  // ---- Memory

  template <std::size_t Alignment>
  struct alignas(Alignment) unit {
    std::byte bytes[Alignment];
  };
  template <std::size_t Alignment>
  using unit_traits = typename std::allocator_traits<Allocator>::template rebind_traits<unit<Alignment>>;

  template <std::size_t Alignment>
  void* allocate(std::size_t bytes) {
    typename unit_traits<Alignment>::allocator_type memory(allocator_);
    return std::to_address(unit_traits<Alignment>::allocate(memory, (bytes + Alignment - 1) / Alignment));
  }
  template <std::size_t Alignment>
  void deallocate(void* p, std::size_t bytes) noexcept {
    using pointer = typename unit_traits<Alignment>::pointer;
    typename unit_traits<Alignment>::allocator_type memory(allocator_);
    memory.deallocate(std::pointer_traits<pointer>::pointer_to(*static_cast<unit<Alignment>*>(p)),
                      (bytes + Alignment - 1) / Alignment);
  }

  static constexpr std::size_t block_bytes(std::uint32_t capacity) noexcept {
    return elements_offset + capacity * sizeof(Element);
  }
  block* new_block(std::uint32_t capacity) {
    return ::new (allocate<block_alignment>(block_bytes(capacity))) block{nullptr, capacity};
  }
  void free_block(block* b) noexcept { deallocate<block_alignment>(b, block_bytes(b->capacity)); }

  group_index* new_index(std::uint32_t capacity) {
    return group_index::create(allocate<alignof(group_index)>(group_index::bytes_for(capacity)), capacity);
  }
  void free_index(group_index* index) noexcept {
    deallocate<alignof(group_index)>(index, group_index::bytes_for(index->capacity()));
  }

  void release(block* b) noexcept {
    if (b->index != nullptr) free_index(b->index);
    free_block(b);
  }

  [[noreturn]] static void throw_too_long() { throw std::length_error("tandem::value_bag: too many elements"); }

  storage store_;  // `inlined` lives if form_ is inlined and size_ is 1; `heap` if form_ is not inlined
  std::uint32_t size_ = 0;
  form form_ = form::inlined;
  [[no_unique_address]] Allocator allocator_;
};

}  // namespace tandem::detail

#endif
