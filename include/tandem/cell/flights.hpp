// Values that are being made: so that whoever wants the same one waits for it instead of making it as well.
//
// A flight is one call of a factory for one key. Whoever comes first for a key is its leader and makes the value, holding no
// lock; those who come meanwhile wait, and get a copy. If the leader fails, one of those who wait becomes the next one. The
// flights of a key's stripe are in a list under the stripe's mutex; there is seldom more than one.
//
// Disowning: whoever erases the key wants no value from before that to come into the cache, or to be handed to those who ask later.
// The flight is taken out of the list, so that these begin another one, and its leader is told not to keep the value. It is done
// before the erasure, for leaders that have not put their value in yet, and again after it, for those that boarded
// meanwhile and found the old value still there.
#ifndef TANDEM_CELL_FLIGHTS_HPP
#define TANDEM_CELL_FLIGHTS_HPP

#include <tandem/detail/misuse.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace tandem::cell {

template <class Key, class T, class Allocator, class Atomics>
class flights {
 public:
  enum class outcome { pending, landed, failed };

  class flight {
   public:
    template <class K>
    flight(K&& k, std::size_t h, const void* who) : key(std::forward<K>(k)), hash(h), leader(who) {}

    Key const key;
    std::size_t const hash;
    const void* const leader;
    // The leader's alone until it has landed, and constant then.
    std::optional<T> value;

    // Whether no erasure has come. For the leader, under the lock of the key's cell, before he puts the value in. Changes nothing, but
    // as a write: of two that write one word the later one sees what the earlier one did. So either this sees the erasure, or
    // the erasure finds the lock taken, or the value.
    bool is_wanted() noexcept {
      bool as_it_was = false;
      // order[wanted]: acq_rel acquire CAS; pairs with [unwanted]: as said above.
      return disowned_.compare_exchange_strong(as_it_was, false, std::memory_order_acq_rel, std::memory_order_acquire);
    }

   private:
    friend flights;
    typename Atomics::template atomic<bool> disowned_{false};
    outcome result_ = outcome::pending;
    bool shared_ = false;  // others have boarded
    std::condition_variable done_;
    std::shared_ptr<flight> next_;
  };
  using flight_ptr = std::shared_ptr<flight>;

  constexpr flights() noexcept = default;

  struct boarding {
    flight_ptr seat;
    bool leads = false;
  };
  // The flight of this key: a new one, which the caller leads, or one that he may wait for. `make_key` returns a key for it.
  template <class Q, class Equal, class MakeKey>
  boarding board(std::size_t hash, const Q& key, const Equal& equal, const Allocator& allocator, MakeKey&& make_key) {
    stripe& s = at(hash);
    std::unique_lock const hold(s.mutex);
    for (flight* f = s.first.get(); f != nullptr; f = f->next_.get()) {
      if (f->hash != hash || !equal(f->key, key)) continue;
      if constexpr (detail::diagnoses_misuse) {
        if (f->leader == Atomics::this_thread()) {
          detail::misuse(
              "get_or_emplace() was called for a key by the factory for the same key: it would wait for itself");
        }
      }
      flight_ptr* link = &s.first;
      while (link->get() != f) link = &(*link)->next_;
      f->shared_ = true;
      return {*link, false};
    }
    flight_ptr made = std::allocate_shared<flight>(allocator, make_key(), hash, Atomics::this_thread());
    made->next_ = std::move(s.first);
    s.first = made;
    // order[board]: acq_rel fetch_add; pairs with [disown], [disown_all]: either the erasure sees the flight, or the factory, which
    //   is called after this, sees what was changed before the erasure. All of them write the word, for that.
    s.under_way.fetch_add(1, std::memory_order_acq_rel);
    return {std::move(made), true};
  }

  // By the leader, once. Returns whether there are others who want the value.
  bool land(const flight_ptr& f, outcome result) noexcept {
    stripe& s = at(f->hash);
    bool shared = false;
    {
      std::scoped_lock const hold(s.mutex);
      f->result_ = result;
      shared = f->shared_;
      remove(s, f.get());
    }
    if (shared) f->done_.notify_all();
    return shared;
  }

  // By another one: whether there is a value.
  bool wait_for(const flight_ptr& f) {
    stripe& s = at(f->hash);
    std::unique_lock hold(s.mutex);
    f->done_.wait(hold, [&] { return f->result_ != outcome::pending; });
    return f->result_ == outcome::landed;
  }

  template <class Q, class Equal>
  void disown(std::size_t hash, const Q& key, const Equal& equal) {
    // order[disown]: acq_rel fetch_add; pairs with [board]: as there.
    if (at(hash).under_way.fetch_add(0, std::memory_order_acq_rel) == 0) [[likely]]
      return;
    disown_if(at(hash), [&](const flight& f) { return f.hash == hash && equal(f.key, key); });
  }
  void disown_all() noexcept {
    for (stripe& s : stripes_) {
      // order[disown_all]: acq_rel fetch_add; pairs with [board]: as there.
      if (s.under_way.fetch_add(0, std::memory_order_acq_rel) != 0) disown_if(s, [](const flight&) { return true; });
    }
  }

 private:
  struct stripe {
    std::mutex mutex;
    flight_ptr first;
    typename Atomics::template atomic<std::size_t> under_way{0};  // how many are in the list; counted under the mutex
  };
  static constexpr std::size_t stripe_count = 16;

  // By bits that do not choose the cell, so that keys of one cell do not meet here too.
  stripe& at(std::size_t hash) noexcept { return stripes_[(hash >> 13) % stripe_count]; }

  template <class Pred>
  void disown_if(stripe& s, Pred&& pred) {
    std::scoped_lock const hold(s.mutex);
    for (flight_ptr* link = &s.first; *link != nullptr;) {
      flight_ptr const f = *link;
      if (!pred(*f)) {
        link = &f->next_;
        continue;
      }
      // order[unwanted]: acq_rel exchange; pairs with [wanted]: see there.
      f->disowned_.exchange(true, std::memory_order_acq_rel);
      remove(s, f.get());
    }
  }
  // If it is there.
  static void remove(stripe& s, const flight* f) noexcept {
    for (flight_ptr* link = &s.first; *link != nullptr; link = &(*link)->next_) {
      if (link->get() != f) continue;
      flight_ptr const out = *link;
      *link = std::move(out->next_);
      s.under_way.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
  }

  std::array<stripe, stripe_count> stripes_{};
};

}  // namespace tandem::cell

#endif
