// Elements that have left a table, on their way to whoever is told about it: taken out of their slots under the lock of their
// cell, handed over and destroyed when no lock is held.
#ifndef TANDEM_CELL_EVICTED_HPP
#define TANDEM_CELL_EVICTED_HPP

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace tandem::cell {

// In the order in which they left. Room for one is in the list itself, so that the common case allocates nothing.
template <class Slot, class Allocator>
class evicted_list {
 public:
  using slot = Slot;

  explicit evicted_list(const Allocator& allocator) noexcept : allocator_(allocator) {}
  evicted_list(const evicted_list&) = delete;
  evicted_list& operator=(const evicted_list&) = delete;
  ~evicted_list() {
    for (node* n = taken_; n != nullptr;) {
      Slot::destroy(allocator_, n->element);
      release(std::exchange(n, n->next));
    }
    for (node* n = spare_; n != nullptr;) release(std::exchange(n, n->next));
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  // Room for n more. Returns true: what is offered has to be taken. Throws what the allocator throws.
  bool make_room(std::size_t n) {
    for (std::size_t room = spares_ + !here_in_use_; room < n; ++room) {
      node_allocator nodes(allocator_);
      node* const made =
          ::new (static_cast<void*>(std::to_address(std::allocator_traits<node_allocator>::allocate(nodes, 1)))) node;
      made->next = spare_;
      spare_ = made;
      ++spares_;
    }
    return true;
  }
  // Precondition: there is room.
  void take(Slot& from) noexcept {
    node* n = std::addressof(here_);
    if (std::exchange(here_in_use_, true)) {
      n = spare_;
      spare_ = n->next;
      --spares_;
    }
    Slot::relocate(n->element, from);
    n->next = nullptr;
    (last_ == nullptr ? taken_ : last_->next) = n;
    before_last_ = std::exchange(last_, n);
    ++size_;
  }
  // Undoes the last take(), once. An element that is copied as words has never left its slot.
  void give_back(Slot& to) noexcept {
    node* const n = std::exchange(last_, before_last_);
    (last_ == nullptr ? taken_ : last_->next) = nullptr;
    if constexpr (!Slot::words) Slot::relocate(to, n->element);
    release(n);
    --size_;
  }

  // f(slot) for all but the first `skip`, while it returns true.
  template <class F>
  void for_each(F&& f, std::size_t skip = 0) {
    for (node* n = taken_; n != nullptr; n = n->next) {
      if (skip != 0) {
        --skip;
      } else if (!f(n->element)) {
        return;
      }
    }
  }

 private:
  struct node {
    union {
      Slot element;
    };
    node* next = nullptr;
    node() noexcept { Slot::prepare(element); }
    node(const node&) = delete;
    node& operator=(const node&) = delete;
    ~node() {}
  };
  using node_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<node>;

  void release(node* n) noexcept {
    if (n == std::addressof(here_)) {
      here_in_use_ = false;
      return;
    }
    node_allocator nodes(allocator_);
    std::destroy_at(n);
    std::allocator_traits<node_allocator>::deallocate(
        nodes, std::pointer_traits<typename std::allocator_traits<node_allocator>::pointer>::pointer_to(*n), 1);
  }

  Allocator allocator_;
  node* taken_ = nullptr;
  node* last_ = nullptr;
  node* before_last_ = nullptr;
  node* spare_ = nullptr;
  std::size_t spares_ = 0;
  std::size_t size_ = 0;
  bool here_in_use_ = false;
  node here_;
};

// For who has nowhere to put them.
struct none_evicted {
  static constexpr bool empty() noexcept { return true; }
  static constexpr std::size_t size() noexcept { return 0; }
  static constexpr bool make_room(std::size_t n) noexcept { return n == 0; }
  static void take(auto&) noexcept {}
};

}  // namespace tandem::cell

#endif
