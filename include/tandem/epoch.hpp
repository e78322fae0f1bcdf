// epoch_domain: when may memory be freed that other threads may still be looking at?
//
// The reclamation of cell_index and tree_index, for your own lock-free structures. Whoever follows pointers that others may
// take away holds a guard; whoever takes something away retires it; and it is deleted when every guard that could have seen it
// has ended.
//
//     tandem::epoch_domain domain;
//
//     // a reader                                         // a writer
//     tandem::epoch_guard const here = domain.enter();    config* const old = current.exchange(fresh);
//     use(*current.load());                               domain.retire(old);
//
// Use it where readers are many and what is read is replaced as a whole. Do not use it
//   - to keep an object for long: a guard that is held keeps everything that is retired meanwhile; hold a std::shared_ptr;
//   - when one object is to be protected for certain: this protects all, and bounds memory only while guards are short.
//
// **Domains.** `epoch_domain::global()` is the one that the containers share; a domain of its own is not held back by who is
// inside elsewhere, and is empty when it is destroyed. Entering a domain of one's own costs two loads more.
//
// **Costs.** enter() and the end of a guard: some loads and two plain stores in a line of the thread's own; no
// read-modify-write and no fence where the system has asymmetric fences (sync/fences.hpp), and one read-modify-write where not. A
// thread's first enter() in a domain may allocate. Guards nest, and an inner one is cheaper. retire() allocates a few words
// and, each 128 objects or 64 KiB of a thread, looks whether something can be deleted, which costs some microseconds; so does
// a rare retire(), and the end of a guard for which something has waited.
//
// **Progress.** Entering and leaving are wait-free. retire() does not wait: a thread that stays inside holds back memory,
// never another thread. synchronize() waits for all who are inside.
//
// **When is it deleted?** By a retire() or the end of a guard in this domain, in whatever thread, after all guards that began
// before have ended. If nobody is inside, a retire() now and then deletes at once; many together are deleted in batches.
// Deleters run outside of all locks here; they may retire, enter and leave. What still waits in a domain of its own is
// deleted by its destructor; what waits in the global one when the process ends is not deleted.
//
// **Threads.** All members may be called from any thread at any time. A guard is ended by the thread that began it. Threads
// come and go; what they have retired stays with the domain. After fork() the child has the pins of threads that it does not
// have: nothing is deleted then, and synchronize() would wait for ever. Let it call exec, as with locks.
//
// **Misuse.** Destroying a domain while somebody is inside is reported in debug builds.
//
// After K. Fraser, "Practical lock-freedom" (2004); the argument is in sync/epoch.hpp, batches are in sync/retire_list.hpp.
#ifndef TANDEM_EPOCH_HPP
#define TANDEM_EPOCH_HPP

#include <tandem/detail/misuse.hpp>
#include <tandem/sync/epoch.hpp>
#include <tandem/sync/retire_list.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

namespace tandem {

class epoch_domain;

// Keeps what its thread finds. Empty by default, after reset() and when moved from. Ended by its thread.
class [[nodiscard]] epoch_guard {
 public:
  epoch_guard() noexcept = default;
  epoch_guard(epoch_guard&& other) noexcept
      : domain_(std::exchange(other.domain_, nullptr)), pin_(std::move(other.pin_)) {}
  epoch_guard& operator=(epoch_guard&& other) noexcept {
    if (this != std::addressof(other)) {
      reset();
      domain_ = std::exchange(other.domain_, nullptr);
      pin_ = std::move(other.pin_);
    }
    return *this;
  }
  ~epoch_guard() { reset(); }

  explicit operator bool() const noexcept { return domain_ != nullptr; }
  void reset() noexcept;

 private:
  friend epoch_domain;
  using pin = global_epoch::domain_type::pin;
  epoch_guard(epoch_domain& domain, pin&& p) noexcept : domain_(std::addressof(domain)), pin_(std::move(p)) {}

  epoch_domain* domain_ = nullptr;
  pin pin_;
};

// Of the moment.
struct epoch_stats {
  std::uint64_t epoch = 0;        // how often it has been advanced
  std::size_t threads = 0;        // that live, and have been inside
  std::size_t pinned = 0;         // that are inside
  std::size_t pending = 0;        // objects that are retired and not deleted
  std::size_t pending_bytes = 0;  // their size, without what they own
  // For how long, at least, somebody has been inside while objects wait for it; zero if none do.
  std::chrono::nanoseconds oldest_pin{0};
};

class epoch_domain {
 public:
  epoch_domain() = default;
  epoch_domain(const epoch_domain&) = delete;
  epoch_domain& operator=(const epoch_domain&) = delete;
  // Deletes what waits. Precondition: nobody is inside.
  ~epoch_domain() {
    if constexpr (detail::diagnoses_misuse) {
      if (epoch().count().pinned != 0) detail::misuse("an epoch_domain was destroyed while an epoch_guard of it lives");
    }
    list_.dispose_all(dispose);
  }

  // The domain that containers use unless told otherwise. It is never destroyed.
  static epoch_domain& global() {
    static epoch_domain& everybody = *new epoch_domain(shared());
    return everybody;
  }

  // Throws std::bad_alloc, at a thread's first call only.
  epoch_guard enter() { return epoch_guard(*this, epoch().enter(here())); }

  // Deletes p, by deleter(p), when all guards that there are now have ended. Precondition: who enters later cannot find p.
  // If it throws (std::bad_alloc, or the deleter's copy), p is still the caller's. `bytes`: what is counted for p.
  template <class T, class Deleter = std::default_delete<T>>
    requires std::invocable<Deleter&, T*>
  void retire(T* p, Deleter deleter = Deleter(), std::size_t bytes = size_of<T>()) {
    auto& mine = here();
    retired* const waiting = new retired_object<T, Deleter>(p, std::move(deleter), bytes);
    list_.retire(mine.number, waiting);
    list_.tend(mine.number, epoch(), dispose);
  }

  // Returns when every guard of other threads that there is now has ended, and has then deleted what was retired before; but not
  // what the caller's own guards keep, nor what another thread is just deleting, or keeps again by a guard that it began meanwhile.
  void synchronize() {
    auto& mine = here();
    epoch().synchronize(std::addressof(mine));
    list_.collect(epoch(), 3, dispose, std::numeric_limits<std::size_t>::max());
  }

  epoch_stats stats() const noexcept {
    auto const census = epoch().count();
    retire_stats const waiting = list_.stats();
    return {census.epoch, census.records, census.pinned, waiting.objects, waiting.bytes, waiting.held_for};
  }

 private:
  friend epoch_guard;
  struct shared {};
  explicit epoch_domain(shared) noexcept : is_global_(true) {}

  struct retired {
    retired* next_retired = nullptr;
    std::size_t bytes;
    explicit retired(std::size_t n) noexcept : bytes(n) {}
    virtual ~retired() = default;
    std::size_t retired_bytes() const noexcept { return bytes; }
  };
  template <class T, class Deleter>
  struct retired_object final : retired {
    T* object;
    [[no_unique_address]] Deleter deleter;
    retired_object(T* p, Deleter&& d, std::size_t n) : retired(n), object(p), deleter(std::move(d)) {}
    ~retired_object() override { deleter(object); }
  };
  template <class T>
  static constexpr std::size_t size_of() noexcept {
    if constexpr (std::is_void_v<T>) {
      return 0;
    } else {
      return sizeof(T);
    }
  }
  static constexpr auto dispose = [](retired* r) { delete r; };

  using basic = global_epoch::domain_type;
  basic& epoch() const noexcept { return is_global_ ? global_epoch::domain() : own_.domain(); }
  basic::record& here() const { return is_global_ ? global_epoch::here() : own_.here(); }
  void leave() noexcept { list_.tend_after_guard(epoch(), dispose); }

  bool const is_global_ = false;
  own_epoch own_;
  retire_list<retired, basic> list_;
};

inline void epoch_guard::reset() noexcept {
  if (domain_ == nullptr) return;
  pin_.end();
  std::exchange(domain_, nullptr)->leave();
}

}  // namespace tandem

#endif
