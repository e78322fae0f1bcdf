// eventual_map: a map from keys to single values that any thread may write, with readers that never wait.
//
// The simple face of evmap: writers share a mutex, a key has one value, and what was written becomes visible by refresh(),
// or by itself every so often. After the left-right caches that people write by hand.
//
//     tandem::eventual_map<std::string, int> map;
//     map.refresh_every(5ms);
//     map.insert_or_assign("a", 1);                  // any thread
//
//     auto reader = map.make_reader();               // one per thread
//     if (auto value = reader.find("a")) use(*value);
//
// Use it for caches and tables that several threads fill and that may be some milliseconds behind. Do not use it when a write
// must be seen at once (cell_map), or when one thread writes: then evmap has no mutex and more to offer.
//
// Costs, exceptions, and what values and keys must do: as evmap. Construction allocates.
//
// Thread safety: all members of the map may be called from any thread. A reader belongs to one thread at a time, and may
// outlive the map: it then finds nothing. Writing under a guard is fine. Progress: readers are wait-free. Writers wait for each
// other; refresh() also waits for readers that have held a guard since before the last refresh, but makes no writer wait for
// them. It must not be called under such a guard.
#ifndef TANDEM_EVENTUAL_MAP_HPP
#define TANDEM_EVENTUAL_MAP_HPP

#include <tandem/evmap.hpp>
#include <tandem/options.hpp>
#include <tandem/publisher.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

namespace tandem {

template <class Key, class Value, class Options = eventual_map_options>
class eventual_map {
  using map = evmap<Key, Value, Options>;
  using types = detail::map_types<Key, Value, Options>;

 public:
  using key_type = Key;
  using mapped_type = Value;
  using size_type = std::size_t;
  using value_guard = typename map::value_guard;
  class reader;
  class guard;

  // `options`: as for make_evmap.
  template <class... Args>
    requires std::constructible_from<typename map::writer, Args...>
  explicit eventual_map(Args&&... options) : writer_(typename map::writer(std::forward<Args>(options)...)) {}
  eventual_map(const eventual_map&) = delete;
  eventual_map& operator=(const eventual_map&) = delete;
  // Stops the background thread, waits for the guards that are held; then readers find nothing. Changes that were not made
  // visible are dropped.
  ~eventual_map() = default;

  // Changes; not visible until refresh(). Strong exception guarantee.
  void insert_or_assign(Key k, Value v) {
    writer_.update([&](auto& w) { w.insert_or_assign(std::move(k), std::move(v)); });
  }
  void erase(Key k) {
    writer_.update([&](auto& w) { w.erase(std::move(k)); });
  }
  void clear() {
    writer_.update([](auto& w) { w.clear(); });
  }

  // Makes all changes so far visible. Throws what user code and allocation throw: then readers have what they had, and a
  // later refresh() tries again.
  void refresh() { writer_.publish(); }

  // Lets a background thread make changes visible when they are `interval` old; zero, or less, stops it. What fails in the
  // background stays pending and is tried again after the next change; refresh() throws it. Throws std::system_error if no
  // thread can be had.
  template <class Rep, class Period>
  void refresh_every(std::chrono::duration<Rep, Period> interval) {
    using std::chrono::nanoseconds;
    bool const countable = std::chrono::duration<double>(interval) < std::chrono::duration<double>(nanoseconds::max());
    auto every = countable ? std::chrono::duration_cast<nanoseconds>(interval) : nanoseconds::max();
    if (interval > interval.zero()) every = std::max(every, nanoseconds(1));
    writer_.set_policy({.every_changes = 0, .every = every});
  }

  // Whether there are changes that no reader sees yet.
  [[nodiscard]] bool has_pending() const {
    return writer_.inspect([](const auto& w) { return w.has_pending(); });
  }
  // Keys, as readers see them.
  [[nodiscard]] size_type size() const {
    return writer_.inspect([](const auto& w) { return w.published().size(); });
  }
  [[nodiscard]] bool empty() const { return size() == 0; }

  [[nodiscard]] reader make_reader() const {
    return writer_.inspect([](const auto& w) { return reader(w.make_reader()); });
  }

 private:
  background_publisher<typename map::writer> writer_;
};

// One version of the whole map: a forward range of (const Key&, const Value&) pairs, and lookups. `*g` and `g->` are `g`.
// Precondition of all but bool, reset and moves: not empty.
template <class Key, class Value, class Options>
class eventual_map<Key, Value, Options>::guard {
 public:
  class const_iterator;
  using iterator = const_iterator;

  guard() = default;

  explicit operator bool() const noexcept { return static_cast<bool>(all_); }
  const guard& operator*() const& noexcept { return *this; }
  const guard& operator*() const&& = delete;
  const guard* operator->() const noexcept { return this; }
  void reset() noexcept { all_.reset(); }

  const_iterator begin() const { return const_iterator(all_.begin()); }
  const_iterator end() const { return const_iterator(all_.end()); }
  [[nodiscard]] size_type size() const noexcept { return all_.size(); }
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  [[nodiscard]] std::uint64_t version() const noexcept { return all_.version(); }

  // The key's value; null if the key is absent.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] const Value* find(const Q& k) const {
    return all_.find_one(k);
  }
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] bool contains(const Q& k) const {
    return all_.contains(k);
  }

 private:
  friend eventual_map;
  explicit guard(typename map::guard all) noexcept : all_(std::move(all)) {}

  typename map::guard all_;
};

template <class Key, class Value, class Options>
class eventual_map<Key, Value, Options>::guard::const_iterator {
  using base = typename map::view::const_iterator;

 public:
  using iterator_concept = std::forward_iterator_tag;
  using iterator_category = std::input_iterator_tag;
  using value_type = std::pair<const Key&, const Value&>;
  using reference = value_type;
  using difference_type = std::ptrdiff_t;

  const_iterator() = default;
  reference operator*() const { return {at_->first, at_->second.front()}; }
  const_iterator& operator++() {
    ++at_;
    return *this;
  }
  const_iterator operator++(int) { return const_iterator(at_++); }
  friend bool operator==(const const_iterator& a, const const_iterator& b) { return a.at_ == b.at_; }

 private:
  friend guard;
  explicit const_iterator(base at) : at_(at) {}

  base at_{};
};

// A place to read from, for one thread. Copying makes an independent one.
template <class Key, class Value, class Options>
class eventual_map<Key, Value, Options>::reader {
 public:
  // One version of the whole map; empty once the map is gone.
  [[nodiscard]] guard enter() const noexcept { return guard(reader_.enter()); }

  // A guard of the key's value; empty if the key is absent.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] value_guard find(const Q& k) const {
    return reader_.find_one(k);
  }
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] std::optional<Value> get(const Q& k) const {
    return reader_.get(k);
  }
  // f(const Value&) if the key is there: an optional of what it returned (bool, if it returns nothing).
  template <std::invocable<const Value&> F, detail::key_for<types> Q = Key>
  auto read(const Q& k, F f) const {
    using result = detail::read_result<F&, const Value&>;
    value_guard const value = find(k);
    return value ? result::of(f, *value) : result::none();
  }
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] bool contains(const Q& k) const {
    return reader_.contains(k);
  }

  [[nodiscard]] size_type size() const noexcept { return reader_.size(); }
  [[nodiscard]] bool empty() const noexcept { return reader_.empty(); }
  // The map is gone.
  [[nodiscard]] bool closed() const noexcept { return reader_.closed(); }
  // How often changes were made visible.
  [[nodiscard]] std::uint64_t version() const noexcept { return reader_.version(); }
  // Blocks until version() >= v or the map is gone; true: the former. Precondition: this reader holds no guard.
  bool wait_for_version(std::uint64_t v) const { return reader_.wait_for_version(v); }
  template <class Rep, class Period>
  bool wait_for_version(std::uint64_t v, std::chrono::duration<Rep, Period> longest) const {
    return reader_.wait_for_version(v, longest);
  }

 private:
  friend eventual_map;
  explicit reader(typename map::reader r) noexcept : reader_(std::move(r)) {}

  typename map::reader reader_;
};

}  // namespace tandem

#endif
