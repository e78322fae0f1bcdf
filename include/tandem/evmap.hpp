// evmap: a map from keys to bags of values, for many readers that never wait and one writer that publishes.
//
// After J. Gjengset's evmap: two maps, of which readers see one, and a log of operations that is applied to each in turn
// (left_right.hpp). What the writer changes is invisible until publish(); then readers see all of it at once.
//
// Use it when lookups outnumber changes and must cost what a lookup in a plain map costs: routing tables, configuration,
// indexes, anything that is rebuilt or updated in batches. Do not use it when
//   - a write must be seen at once: readers see the last publish;
//   - many threads write all the time: writers share one handle (see eventual_map.hpp) and each change is applied twice;
//   - keys are many and large: keys are in both maps. Values are not: see below.
//
//     auto [writer, reader] = tandem::make_evmap<std::string, int>();
//     writer.insert("answers", 42).insert("answers", 54);
//     writer.publish();
//     if (auto bag = reader.find("answers")) {
//       for (int a : *bag) std::cout << a << '\n';
//     }
//
// Values. A key has a bag of values (value_bag.hpp); insert() adds to it and insert_or_assign() makes it hold exactly one,
// which is stored inside the map's slot. Values that are trivially copyable and no larger than 16 bytes are stored in both
// maps; others once, in a node that both maps point to. So memory is that of one copy of the values, two of the keys, and
// two maps; and values need not be copyable.
//
// Costs. A lookup: a guard (about a nanosecond) and a lookup in Options::map, one hash computed. A change: one hash, and two
// lookups, at the next two publishes. publish(): the changes of this and of the previous publish, plus what left_right.hpp
// says. erase_random(): linear in the number of keys.
//
// User code. Equality and hash of values, and predicates, run once per operation, in the publish that makes it visible; the
// second map repeats the outcome. So they need not be deterministic for memory to be safe: with an equality that lies, the
// answers of contains and erase_value are as good as the equality is. Keys must have a proper hash and equality. The default
// map calls the hash once per change, and for all keys of a cell when the table grows; a sequential map that is plugged in
// may call hash and equality at any time.
//
// Bags, and so the map, may be copied by readers: that copies their values.
//
// A value that is removed is destroyed by the publish after the one that made its removal visible, or by the writer's end.
//
// Thread safety, progress, and versions: as left_right. One writer; one reader per thread; factories for everybody; guards
// keep a version as it is. Before the first publish readers see an empty map; after the writer's end nothing.
//
// Exceptions. Members that append have the strong guarantee. publish() and its relatives pass on what user code and
// allocation throw; then readers have what they had, no change is lost, and publish() can be called again.
//
// Options: see options.hpp. What an option's type needs at run time (a seeded hash, an allocator, the initial meta) is passed
// to make_evmap in any order.
#ifndef TANDEM_EVMAP_HPP
#define TANDEM_EVMAP_HPP

#include <tandem/cell/sequential_map.hpp>
#include <tandem/detail/batched_lookup.hpp>
#include <tandem/detail/map_side.hpp>
#include <tandem/detail/read_result.hpp>
#include <tandem/left_right.hpp>
#include <tandem/options.hpp>
#include <tandem/value_bag.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem {

// Number of keys to make room for, as an argument of make_evmap.
enum class capacity : std::size_t {};

using evmap_stats = left_right_stats;

template <class Key, class Value, class Options = evmap_options>
struct evmap {
 private:
  using types = detail::map_types<Key, Value, Options>;
  using side = detail::map_side<types>;
  using operation = typename side::operation;
  using sides = left_right<side, operation, Options>;

 public:
  using key_type = Key;
  using mapped_type = Value;
  using bag_type = typename types::bag;
  using meta_type = typename types::meta;
  using hasher = typename types::hasher;
  using key_equal = typename types::key_equal;
  using value_hasher = typename types::value_hasher;
  using value_equal = typename types::value_equal;
  using allocator_type = typename types::allocator;
  using size_type = std::size_t;

  class writer;
  class reader;
  class reader_factory;
  class view;
  class guard;
  class meta_guard;
  using bag_guard = typename sides::template basic_guard<bag_type>;
  using value_guard = typename sides::template basic_guard<Value>;
};

// An empty map and its first handles. `options` are any of: the initial meta, a hasher, key_equal, value_hasher, value_equal
// or allocator_type, and a tandem::capacity; each at most once, told apart by their types.
template <class Key, class Value, class Options = evmap_options>
auto make_evmap(auto&&... options) {
  using map = evmap<Key, Value, Options>;
  typename map::writer writer(std::forward<decltype(options)>(options)...);
  typename map::reader reader = writer.make_reader();
  return std::pair<typename map::writer, typename map::reader>(std::move(writer), std::move(reader));
}

// One version of the whole map: a forward range of (const Key&, const bag_type&) pairs, and lookups. References and pointers
// that it hands out are good as long as what it was had from: a guard, or the writer's preview().
template <class Key, class Value, class Options>
class evmap<Key, Value, Options>::view {
 public:
  using const_iterator = typename side::map_type::const_iterator;
  using iterator = const_iterator;

  view() = default;

  const_iterator begin() const { return side_->map().begin(); }
  const_iterator end() const { return side_->map().end(); }

  // Keys, those with an empty bag included.
  [[nodiscard]] size_type size() const noexcept { return side_->map().size(); }
  [[nodiscard]] bool empty() const noexcept { return side_->map().empty(); }
  [[nodiscard]] const meta_type& meta() const noexcept { return side_->meta(); }

  // The key's bag; null if the key is absent.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] const bag_type* find(const Q& k) const {
    return side_->find(detail::as_key<types>(k));
  }

  // One value of the key, the first of its bag; null if there is none.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] const Value* find_one(const Q& k) const {
    return first_of(find(k));
  }

  // Throws std::out_of_range if the key is absent.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] const bag_type& at(const Q& k) const {
    return existing(find(k));
  }

  template <detail::key_for<types> Q = Key>
  [[nodiscard]] bool contains(const Q& k) const {
    return find(k) != nullptr;
  }
  // Whether a value equal to `v` is among the key's. Constant time in large bags of values that have a hash.
  template <detail::key_for<types> Q = Key, class V = Value>
  [[nodiscard]] bool contains(const Q& k, const V& v) const {
    bag_type const* const bag = find(k);
    return bag != nullptr && bag->contains(v);
  }

  // Values of the key.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] size_type count(const Q& k) const {
    return size_of(find(k));
  }

  // Looks up many keys at once: writes a `const bag_type*` for each of them, null for an absent one, to `out`, in order.
  // Faster than as many find()s where the map is larger than the caches: the memory that a batch of keys needs is asked for
  // before any of it is waited for, if the sequential map has buckets as std::unordered_map or prefetch(key) as
  // absl::flat_hash_map. Returns the end of the output.
  template <std::ranges::forward_range Keys, std::output_iterator<const bag_type*> Out>
    requires detail::key_for<std::ranges::range_value_t<Keys>, types>
  Out find_many(const Keys& keys, Out out) const {
    return detail::find_batched<types>(side_->map(), keys, std::move(out),
                                       [](const auto& entry) { return std::addressof(entry.second); });
  }

 private:
  friend evmap;
  explicit view(const side* s) noexcept : side_(s) {}

  static const Value* first_of(const bag_type* bag) { return bag == nullptr ? nullptr : bag->find_first(); }
  static size_type size_of(const bag_type* bag) { return bag == nullptr ? 0 : bag->size(); }
  static const bag_type& existing(const bag_type* bag) {
    if (bag == nullptr) throw std::out_of_range("tandem::evmap: at() of a key that is not in the map");
    return *bag;
  }

  const side* side_ = nullptr;
};

// Keeps one version of the whole map. `*g` and `g->` are the same view as `g` itself. Precondition of all but bool, reset and
// moves: not empty.
template <class Key, class Value, class Options>
class evmap<Key, Value, Options>::guard : public view {
 public:
  guard() = default;
  guard(guard&& other) noexcept : view(std::exchange(other.side_, nullptr)), pin_(std::move(other.pin_)) {}
  guard& operator=(guard&& other) noexcept {
    this->side_ = std::exchange(other.side_, nullptr);
    pin_ = std::move(other.pin_);
    return *this;
  }

  explicit operator bool() const noexcept { return static_cast<bool>(pin_); }
  const view& operator*() const& noexcept { return *this; }
  const view& operator*() const&& = delete;
  const view* operator->() const noexcept { return this; }

  // The number of the publish that made this version visible; 0 before the first.
  [[nodiscard]] std::uint64_t version() const noexcept { return pin_.version(); }

  void reset() noexcept {
    this->side_ = nullptr;
    pin_.reset();
  }

 private:
  friend evmap;
  explicit guard(typename sides::guard pin) noexcept : view(pin ? pin.operator->() : nullptr), pin_(std::move(pin)) {}

  typename sides::guard pin_;
};

// The bag of a key, if the key is there, and the meta of the same version. Empty only when the writer was gone.
template <class Key, class Value, class Options>
class evmap<Key, Value, Options>::meta_guard {
 public:
  meta_guard() = default;
  meta_guard(meta_guard&& other) noexcept : pin_(std::move(other.pin_)), bag_(std::exchange(other.bag_, nullptr)) {}
  meta_guard& operator=(meta_guard&& other) noexcept {
    pin_ = std::move(other.pin_);
    bag_ = std::exchange(other.bag_, nullptr);
    return *this;
  }

  explicit operator bool() const noexcept { return static_cast<bool>(pin_); }
  // Precondition: not empty.
  [[nodiscard]] const meta_type& meta() const& noexcept { return pin_->meta(); }
  [[nodiscard]] std::uint64_t version() const noexcept { return pin_.version(); }

  // Whether the key is in the map. Precondition of the rest: it is.
  [[nodiscard]] bool found() const noexcept { return bag_ != nullptr; }
  const bag_type& operator*() const& noexcept { return *operator->(); }
  const bag_type& operator*() const&& = delete;
  const bag_type* operator->() const noexcept {
    if constexpr (detail::diagnoses_misuse) {
      if (bag_ == nullptr) detail::misuse("the bag of a key that was not found was used: look at found() first");
    }
    return bag_;
  }

  void reset() noexcept {
    bag_ = nullptr;
    pin_.reset();
  }

 private:
  friend evmap;
  meta_guard(typename sides::guard pin, const bag_type* bag) noexcept : pin_(std::move(pin)), bag_(bag) {}

  typename sides::guard pin_;
  const bag_type* bag_ = nullptr;
};

// Makes readers, from any thread, also after the writer is gone.
template <class Key, class Value, class Options>
class evmap<Key, Value, Options>::reader_factory {
 public:
  // Throws std::bad_alloc.
  [[nodiscard]] reader make_reader() const { return reader(factory_.make_reader()); }

 private:
  friend evmap;
  explicit reader_factory(typename sides::reader_factory f) noexcept : factory_(std::move(f)) {}

  typename sides::reader_factory factory_;
};

// A place to read from, for one thread. Copying makes an independent one. Lookups of a reader return guards, those of a guard
// return pointers that it keeps valid. They throw what the key's hash and equality throw, and are wait-free if those are.
template <class Key, class Value, class Options>
class evmap<Key, Value, Options>::reader {
 public:
  // One version of the whole map; empty once the writer is gone. While another guard of this reader is held, the same
  // version as that one.
  [[nodiscard]] guard enter() const noexcept { return guard(reader_.enter()); }

  // A guard of the key's bag; empty if the key is absent.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] bag_guard find(const Q& k) const {
    typename sides::guard pin = reader_.enter();
    if (!pin) return {};
    return std::move(pin).map([&](const side& s) { return s.find(detail::as_key<types>(k)); });
  }

  // A guard of one value, the first of the key's bag; empty if the key is absent or its bag is empty.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] value_guard find_one(const Q& k) const {
    typename sides::guard pin = reader_.enter();
    if (!pin) return {};
    return std::move(pin).map([&](const side& s) { return view::first_of(s.find(detail::as_key<types>(k))); });
  }

  // The key's bag, or none, and the meta of the same version.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] meta_guard find_with_meta(const Q& k) const {
    typename sides::guard pin = reader_.enter();
    if (!pin) return {};
    bag_type const* const bag = pin->find(detail::as_key<types>(k));
    return meta_guard(std::move(pin), bag);
  }

  // A copy of what find_one() finds.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] std::optional<Value> get(const Q& k) const {
    typename sides::guard const pin = reader_.enter();
    if (!pin) return std::nullopt;
    Value const* const v = view::first_of(pin->find(detail::as_key<types>(k)));
    return v == nullptr ? std::nullopt : std::optional<Value>(*v);
  }

  // f(const bag_type&) if the key is there: an optional of what it returned (bool, if it returns nothing).
  template <std::invocable<const bag_type&> F, detail::key_for<types> Q = Key>
  auto read(const Q& k, F f) const {
    using result = detail::read_result<F&, const bag_type&>;
    bag_guard const bag = find(k);
    return bag ? result::of(f, *bag) : result::none();
  }

  template <detail::key_for<types> Q = Key>
  [[nodiscard]] bool contains(const Q& k) const {
    return static_cast<bool>(find(k));
  }
  template <detail::key_for<types> Q = Key, class V = Value>
  [[nodiscard]] bool contains(const Q& k, const V& v) const {
    bag_guard const bag = find(k);
    return bag && bag->contains(v);
  }
  // Values of the key; 0 if it is absent.
  template <detail::key_for<types> Q = Key>
  [[nodiscard]] size_type count(const Q& k) const {
    bag_guard const bag = find(k);
    return bag ? bag->size() : 0;
  }

  // Keys, those with an empty bag included.
  [[nodiscard]] size_type size() const noexcept {
    guard const g = enter();
    return g ? g.size() : 0;
  }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  // The meta that the last publish made visible, before the first the initial one; nothing once the writer is gone.
  [[nodiscard]] std::optional<meta_type> meta() const {
    guard const g = enter();
    return g ? std::optional<meta_type>(g.meta()) : std::nullopt;
  }

  // There has been a publish.
  [[nodiscard]] bool published() const noexcept { return version() != 0; }
  // The writer is gone.
  [[nodiscard]] bool closed() const noexcept { return reader_.closed(); }
  // The number of publishes.
  [[nodiscard]] std::uint64_t version() const noexcept { return reader_.version(); }
  // Blocks until version() >= v or the writer is gone; true: the former. Precondition: this reader holds no guard.
  bool wait_for_version(std::uint64_t v) const { return reader_.wait_for_version(v); }
  template <class Rep, class Period>
  bool wait_for_version(std::uint64_t v, std::chrono::duration<Rep, Period> longest) const {
    return reader_.wait_for_version(v, longest);
  }

  [[nodiscard]] reader_factory factory() const { return reader_factory(reader_.factory()); }

 private:
  friend evmap;
  explicit reader(typename sides::reader r) noexcept : reader_(std::move(r)) {}

  typename sides::reader reader_;
};

// The one that writes. Members that change return *this; nothing they do is visible until publish().
template <class Key, class Value, class Options>
class evmap<Key, Value, Options>::writer {
 public:
  // See make_evmap.
  template <class... Args>
    requires(!std::same_as<std::remove_cvref_t<Args>, writer> && ...)
  explicit writer(Args&&... options) : writer(collect(std::forward<Args>(options)...), std::in_place) {}

  // Adds a value to the key's bag, beside what is there. Creates the key.
  writer& insert(Key k, Value v) { return emplace(std::move(k), std::move(v)); }
  // As insert, but constructs the value from `args`.
  template <class... Args>
    requires std::constructible_from<Value, Args...>
  writer& emplace(Key k, Args&&... args) {
    return append(typename side::insert{with_hash(std::move(k)), make(std::forward<Args>(args)...)});
  }
  // Inserts all pairs, or, if something throws, none.
  template <std::ranges::input_range Pairs>
  writer& insert_range(Pairs&& pairs) {
    writer_.append_range(std::forward<Pairs>(pairs), [this](auto&& pair) -> operation {
      return typename side::insert{with_hash(Key(std::get<0>(std::forward<decltype(pair)>(pair)))),
                                   make(std::get<1>(std::forward<decltype(pair)>(pair)))};
    });
    return *this;
  }

  // The bag then holds exactly this value, in inline storage. Creates the key.
  writer& insert_or_assign(Key k, Value v) {
    return append(typename side::assign{with_hash(std::move(k)), make(std::move(v))});
  }

  // The key and its bag go.
  writer& erase(Key k) { return append(typename side::erase{with_hash(std::move(k))}); }
  // One value equal to `v` goes, if there is one; the key stays, if need be with an empty bag.
  writer& erase_value(Key k, Value v) {
    return append(typename side::erase_value{with_hash(std::move(k)), std::move(v)});
  }
  // The key's values for which pred(const Value&) is true go; the key stays. `pred` is called in publish(), once per value:
  // again only if that publish throws.
  template <std::predicate<const Value&> Predicate>
  writer& erase_if(Key k, Predicate pred) {
    return append(typename side::erase_values_if{with_hash(std::move(k)), any_of<const Value&>(std::move(pred))});
  }
  // As above for all keys: pred(const Key&, const Value&).
  template <std::predicate<const Key&, const Value&> Predicate>
  writer& erase_if(Predicate pred) {
    return append(typename side::erase_all_if{any_of<const Key&, const Value&>(std::move(pred))});
  }
  // The bag is empty then, but keeps its capacity. Creates the key.
  writer& clear(Key k) { return append(typename side::clear_bag{with_hash(std::move(k))}); }
  // No keys.
  writer& clear() { return append(typename side::clear_all{}); }

  // Room for `n` more values. Creates the key, with an empty bag: room that nobody owns would be lost.
  // Throws std::length_error if no bag can have so many.
  writer& reserve(Key k, size_type n) {
    if (n > bag_type::max_size())
      throw std::length_error("tandem::evmap: reserve() of more values than a bag can have");
    return append(typename side::reserve_bag{with_hash(std::move(k)), n});
  }
  // Gives back what the bag, or all bags, do not need.
  writer& shrink_to_fit(Key k) { return append(typename side::shrink_bag{with_hash(std::move(k))}); }
  writer& shrink_to_fit() { return append(typename side::shrink_all{}); }

  // Erases min(n, size) distinct keys at the next publish, chosen uniformly among those that it would leave otherwise, and
  // returns them. Waits as preview() does. Linear in the number of keys.
  template <class Random>
    requires std::uniform_random_bit_generator<std::remove_cvref_t<Random>>
  std::vector<Key> erase_random(size_type n, Random&& random) {
    view const all = preview();
    std::vector<Key> chosen;
    chosen.reserve(std::min(n, all.size()));
    // Selection sampling (Fan, Muller and Rezucha 1962; Knuth, TAOCP 3.4.2, algorithm S).
    size_type left = all.size();
    for (auto at = all.begin(); chosen.size() != chosen.capacity() && chosen.size() != n && left != 0; ++at, --left) {
      size_type const wanted = std::min(n - chosen.size(), left);
      if (std::uniform_int_distribution<size_type>(1, left)(random) <= wanted) chosen.push_back(at->first);
    }
    writer_.append_range(chosen, [this](const Key& k) -> operation { return typename side::erase{with_hash(Key(k))}; });
    return chosen;
  }

  // The meta that readers see from the next publish on.
  writer& set_meta(meta_type m) { return append(typename side::set_meta{std::move(m)}); }

  // As left_right's: see there for who waits for whom.
  void publish() { writer_.publish(); }
  bool try_publish() { return writer_.try_publish(); }
  template <class Rep, class Period>
  bool publish_for(std::chrono::duration<Rep, Period> longest) {
    return writer_.publish_for(longest);
  }
  void flush() { writer_.flush(); }
  [[nodiscard]] bool has_pending() const noexcept { return writer_.has_pending(); }
  [[nodiscard]] size_type pending() const noexcept { return writer_.pending(); }
  // Drops what no reader has seen yet.
  void discard_pending() noexcept { writer_.discard_pending(); }
  [[nodiscard]] std::uint64_t version() const noexcept { return writer_.version(); }
  [[nodiscard]] evmap_stats stats() const noexcept { return writer_.stats(); }

  // The map with all pending changes, which readers do not see yet. Good until the next call that changes or publishes. Waits
  // as publish() does, and leaves less to do for it.
  [[nodiscard]] view preview() { return view(std::addressof(writer_.preview())); }
  // The map as readers see it. Good until the next publish, as left_right's published().
  [[nodiscard]] view published() const noexcept { return view(std::addressof(writer_.published())); }

  [[nodiscard]] reader make_reader() const { return reader(writer_.make_reader()); }
  [[nodiscard]] reader_factory factory() const { return reader_factory(writer_.factory()); }

 private:
  using parts = typename types::parts;

  writer(parts p, std::in_place_t) : hash_(p.hash), allocator_(p.alloc), writer_(std::in_place, std::as_const(p)) {}

  // Each part is constructed, never assigned: allocators and functions need not be assignable.
  template <class... Args>
  static parts collect(Args&&... args) {
    static_assert(
        ((is_part<std::remove_cvref_t<Args>> || std::is_constructible_v<meta_type, Args>) && ...),
        "an argument is neither hasher, key_equal, value_hasher, value_equal, allocator_type, tandem::capacity "
        "nor an initial meta of these Options");
    return parts{.initial = initial_meta(std::forward<Args>(args)...),
                 .hash = given<hasher>(std::forward<Args>(args)...),
                 .equal = given<key_equal>(std::forward<Args>(args)...),
                 .hash_value = given<value_hasher>(std::forward<Args>(args)...),
                 .equal_value = given<value_equal>(std::forward<Args>(args)...),
                 .alloc = given<allocator_type>(std::forward<Args>(args)...),
                 .capacity = static_cast<std::size_t>(given<capacity>(std::forward<Args>(args)..., default_capacity))};
  }
  template <class A>
  static constexpr bool is_part =
      std::is_same_v<A, capacity> || std::is_same_v<A, hasher> || std::is_same_v<A, key_equal> ||
      std::is_same_v<A, value_hasher> || std::is_same_v<A, value_equal> || std::is_same_v<A, allocator_type>;
  static constexpr capacity default_capacity{Options::capacity};

  // The first argument of type Part, or a Part made of nothing.
  template <class Part>
  static Part given() {
    return Part();
  }
  template <class Part, class First, class... Rest>
  static Part given(First&& first, Rest&&... rest) {
    if constexpr (std::is_same_v<std::remove_cvref_t<First>, Part>) {
      return std::forward<First>(first);
    } else {
      return given<Part>(std::forward<Rest>(rest)...);
    }
  }
  // The first argument that is no other part.
  static meta_type initial_meta() { return meta_type(); }
  template <class First, class... Rest>
  static meta_type initial_meta(First&& first, Rest&&... rest) {
    if constexpr (is_part<std::remove_cvref_t<First>>) {
      return initial_meta(std::forward<Rest>(rest)...);
    } else {
      return meta_type(std::forward<First>(first));
    }
  }

  typename side::key_op with_hash(Key k) const {
    std::size_t const h = hash_(k);
    return {std::move(k), h};
  }
  template <class... Args>
  typename types::element make(Args&&... args) const {
    return detail::bag_access::make<bag_type>(typename bag_type::allocator_type(allocator_),
                                              std::forward<Args>(args)...);
  }
  template <class... Args>
  static detail::any_predicate<Args...> any_of(auto pred) {
    return detail::any_predicate<Args...>(std::move(pred));
  }
  writer& append(operation op) {
    writer_.append(std::move(op));
    return *this;
  }

  [[no_unique_address]] typename types::map_hash hash_;
  [[no_unique_address]] allocator_type allocator_;
  typename sides::writer writer_;
};

}  // namespace tandem

#endif
