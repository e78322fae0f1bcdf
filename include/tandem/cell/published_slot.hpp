// Slots of tables whose readers take no lock (index_table.hpp), in one of two ways:
//
//   node_slot   a pointer to an immutable node; a new version of the element is another node, and the old one is retired
//   pair_slot   a key and a value of at most a word, both plain data, in atomic words; a new version is one store
//
// A slot keeps what it has when its element is erased or moved to another cell: a reader may be about to look at it. What it
// finds is right if the slot was occupied while it was pinned:
//
//   - A node is retired after the slot was vacated or has another node, so it outlives the pin of whoever saw it.
//   - The words of a pair are another element's once the slot is used again. Before that the cell counts an erasure
//     (array.hpp); a reader whose cell counts as many erasures after it has copied the words has a pair that belongs together.
//
// See slot.hpp for what each kind offers. Here `with` and `look` are the same: elements do not change. And there is
//
//   update(allocator, slot, f)          f(value_type&) on a copy, which becomes the new version; if f throws nothing changes
//   replace(allocator, slot, args...)   a new version made from args
//   image, slot.copy()                  what a reader takes with it; key_of(image), value_of(image)
//   retired                             what update, replace and unlink return: the old node, to be retired, or nothing
#ifndef TANDEM_CELL_PUBLISHED_SLOT_HPP
#define TANDEM_CELL_PUBLISHED_SLOT_HPP

#include <tandem/cell/element.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace tandem::cell {

// An element, and its place among those that are retired.
template <class Element>
struct element_node {
  typename Element::value_type value;
  element_node* next_retired = nullptr;

  static constexpr std::size_t retired_bytes() noexcept { return sizeof(element_node); }
};

template <class Element, class Allocator, class Sync>
class node_slot {
 public:
  using value_type = typename Element::value_type;
  using key_type = typename Element::key_type;
  using node = element_node<Element>;
  using retired = node*;
  using image = const node*;
  static constexpr bool words = false;
  static constexpr bool inline_pairs = false;

  static void prepare(node_slot& s) noexcept { std::construct_at(&s); }

  template <class... Args>
  static void make(Allocator& allocator, node_slot& s, Args&&... args) {
    s.put(new_node(allocator, std::forward<Args>(args)...));
  }
  static void destroy(Allocator& allocator, node_slot& s) noexcept { free_node(allocator, s.get()); }
  static retired unlink(node_slot& s) noexcept { return s.get(); }
  static void relocate(node_slot& to, node_slot& from) noexcept {
    to.node_.store(from.node_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }

  static const key_type& key(const node_slot& s) noexcept { return Element::key_of(s.get()->value); }
  template <class F>
  static decltype(auto) with(const node_slot& s, F&& f) {
    return look(s, std::forward<F>(f));
  }
  template <class F>
  static decltype(auto) look(const node_slot& s, F&& f) {
    return std::forward<F>(f)(std::as_const(s.get()->value));
  }

  template <class F>
  static retired update(Allocator& allocator, node_slot& s, F&& f) {
    node_holder fresh(allocator, std::as_const(s.get()->value));
    std::forward<F>(f)(fresh->value);
    return s.renew(fresh.release());
  }
  template <class... Args>
  static retired replace(Allocator& allocator, node_slot& s, Args&&... args) {
    return s.renew(new_node(allocator, std::forward<Args>(args)...));
  }

  image copy() const noexcept { return get(); }
  static const key_type& key_of(image n) noexcept { return Element::key_of(n->value); }
  static const value_type& value_of(image n) noexcept { return n->value; }

  node* get() const noexcept {
    // order[node]: acquire load; pairs with [put]: the node is made.
    return node_.load(std::memory_order_acquire);
  }

  template <class... Args>
  static node* new_node(Allocator& allocator, Args&&... args) {
    node_allocator nodes(allocator);
    auto const memory = traits::allocate(nodes, 1);
    node* const made = std::to_address(memory);
    try {
      std::allocator_traits<Allocator>::construct(allocator, std::addressof(made->value), std::forward<Args>(args)...);
    } catch (...) {
      traits::deallocate(nodes, memory, 1);
      throw;
    }
    std::construct_at(std::addressof(made->next_retired));
    return made;
  }
  static void free_node(Allocator& allocator, node* n) noexcept {
    node_allocator nodes(allocator);
    std::allocator_traits<Allocator>::destroy(allocator, std::addressof(n->value));
    traits::deallocate(nodes, std::pointer_traits<typename traits::pointer>::pointer_to(*n), 1);
  }

 private:
  using node_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<node>;
  using traits = std::allocator_traits<node_allocator>;

  class node_holder {
   public:
    template <class... Args>
    explicit node_holder(Allocator& allocator, Args&&... args)
        : allocator_(allocator), node_(new_node(allocator, std::forward<Args>(args)...)) {}
    node_holder(const node_holder&) = delete;
    node_holder& operator=(const node_holder&) = delete;
    ~node_holder() {
      if (node_ != nullptr) free_node(allocator_, node_);
    }
    node* operator->() const noexcept { return node_; }
    node* release() noexcept { return std::exchange(node_, nullptr); }

   private:
    Allocator& allocator_;
    node* node_;
  };

  void put(node* n) noexcept {
    // order[put]: release store; pairs with [node]: as there.
    node_.store(n, std::memory_order_release);
  }
  node* renew(node* n) noexcept {
    // Only the holder of the cell's lock writes.
    node* const old = node_.load(std::memory_order_relaxed);
    put(n);
    return old;
  }

  typename Sync::template word<node*> node_;
};

template <class Element, class Allocator, class Sync>
class pair_slot {
 public:
  using value_type = typename Element::value_type;
  using key_type = typename Element::key_type;
  using retired = std::nullptr_t;
  static constexpr bool words = true;
  static constexpr bool inline_pairs = true;

  // Words of the key, and then one of the value; or one of both, if they fit.
  static constexpr bool one_word = Element::plain_size <= sizeof(std::uint64_t);
  static constexpr std::size_t key_words =
      one_word ? 0 : (sizeof(key_type) + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
  static constexpr std::size_t length = key_words + 1;
  static constexpr std::size_t key_room = one_word ? 1 : key_words;

  // A copy, to be used only when it is known to belong together.
  using image = std::array<std::uint64_t, length>;

  static void prepare(pair_slot& s) noexcept { std::construct_at(&s); }

  template <class... Args>
  static void make(Allocator& allocator, pair_slot& s, Args&&... args) {
    s.put(image_of(allocator, std::forward<Args>(args)...), 0);
  }
  static void destroy(Allocator&, pair_slot&) noexcept {}
  static retired unlink(pair_slot&) noexcept { return nullptr; }
  static void relocate(pair_slot& to, pair_slot& from) noexcept {
    for (std::size_t i = 0; i != length; ++i) {
      to.words_[i].store(from.words_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
  }

  static key_type key(const pair_slot& s) noexcept {
    image copied{};
    // order[key]: acquire load; pairs with [put_words]: as [copy].
    for (std::size_t i = 0; i != key_room; ++i) copied[i] = s.words_[i].load(std::memory_order_acquire);
    return key_of(copied);
  }
  template <class F>
  static decltype(auto) with(const pair_slot& s, F&& f) {
    return look(s, std::forward<F>(f));
  }
  template <class F>
  static decltype(auto) look(const pair_slot& s, F&& f) {
    value_type const value = value_of(s.copy());
    return std::forward<F>(f)(value);
  }

  template <class F>
  static retired update(Allocator&, pair_slot& s, F&& f) {
    value_type changed = value_of(s.copy());
    std::forward<F>(f)(changed);
    s.put(image_of(changed), key_words);
    return nullptr;
  }
  template <class... Args>
  static retired replace(Allocator& allocator, pair_slot& s, Args&&... args) {
    s.put(image_of(allocator, std::forward<Args>(args)...), key_words);
    return nullptr;
  }

  static key_type key_of(const image& i) noexcept { return Element::key_from_bytes(bytes_of(i)); }
  static value_type value_of(const image& i) noexcept { return Element::from_bytes(bytes_of(i), value_at); }
  image copy() const noexcept {
    image copied;
    // order[copy]: acquire load; pairs with [put_words]: with a word of a later element comes the sight of the erasure before
    // it.
    for (std::size_t i = 0; i != length; ++i) copied[i] = words_[i].load(std::memory_order_acquire);
    return copied;
  }

 private:
  static const std::byte* bytes_of(const image& i) noexcept { return reinterpret_cast<const std::byte*>(i.data()); }
  static constexpr std::size_t value_at = one_word ? Element::value_offset : key_words * sizeof(std::uint64_t);

  template <class... Args>
  static image image_of(Allocator& allocator, Args&&... args) {
    union room {
      room() noexcept {}
      ~room() {}
      value_type value;
    } made;
    std::allocator_traits<Allocator>::construct(allocator, std::addressof(made.value), std::forward<Args>(args)...);
    image const bytes = image_of(made.value);
    std::allocator_traits<Allocator>::destroy(allocator, std::addressof(made.value));
    return bytes;
  }
  static image image_of(const value_type& v) noexcept {
    image made{};
    Element::to_bytes(v, reinterpret_cast<std::byte*>(made.data()), value_at);
    return made;
  }
  void put(const image& made, std::size_t first) noexcept {
    // order[put_words]: release store; pairs with [copy], [key]: as there.
    for (std::size_t i = first; i != length; ++i) words_[i].store(made[i], std::memory_order_release);
  }

  typename Sync::template word<std::uint64_t> words_[length];
};

// Keys of pairs in words are at most so many bytes.
inline constexpr std::size_t largest_inline_key = 24;

template <class Element>
inline constexpr bool fits_inline = [] {
  if constexpr (Element::is_plain && !std::is_void_v<typename Element::mapped_type>) {
    return sizeof(typename Element::key_type) <= largest_inline_key &&
           sizeof(typename Element::mapped_type) <= sizeof(std::uint64_t);
  } else {
    return false;
  }
}();

template <class Element, class Allocator, class Sync, bool Inline>
using published_slot =
    typename std::conditional_t<Inline && fits_inline<Element>, std::type_identity<pair_slot<Element, Allocator, Sync>>,
                                std::type_identity<node_slot<Element, Allocator, Sync>>>::type;

}  // namespace tandem::cell

#endif
