// timed_store: the state of a replicated service. Keys with values, an index for each write, and a logical clock by which they expire.
//
//     tandem::timed_store<> sessions;                                     // std::string -> std::string
//     sessions.set("alice", token, entry.index, {.expire_in = 1000});     // expires 1000 log entries later
//     sessions.touch("alice", {.expire_in = 1000}, entry.index);
//     if (auto token = sessions.get("alice")) ...
//     sessions.advance(entry.index);                                      // time passes
//
// Time is the position of a log, or whatever else counts up: each write says at which index it happens, and the highest index seen
// is the clock. Replicas that apply the same writes have the same contents, whenever their threads get to it. Use it for sessions,
// leases, locks, caches with deadlines, driven by a log; with seconds by a clock of your own that calls advance(). Do not use it
//   - when nothing expires and nobody replicates: cell_map, cell_index;
//   - when a write must be on the disk when it returns: durable_store.
//
// **Entries.** A key has a value, the index of its last write, and two deadlines, inclusive and relative to that write:
//
//                       before expire_at   from expire_at on   from delete_at on   after erase()
//   get(), read()       the value          nothing             nothing             nothing
//   has()               true               true                false               false
//   set_if_unset()      exists             exists              applied             applied
//
//   `ttl` 0 means never, and so does a deadline beyond the largest index. Whichever deadline comes first counts; deletion wins.
//
// **Writes** are decided on the entry that is there and on their own index, in one step, and say what became of them:
//
//   set                the value is v, without the old deadlines
//   set_if_unset       if the key is not set; one that has expired and is not deleted counts as set
//   compare_and_set    if the key is set and its entry has this index; else `missing` or `exists`
//   compare_and_erase  the same, erases
//   touch              new deadlines from this index on; persist: none. `missing` if there is no value (any more)
//   expire             the value is gone, the key still counts as set
//   erase              the key is gone
//
// Whatever changes an entry raises its index to the write's. A write with a smaller index than the entry's is `stale` and
// changes nothing; an equal one is accepted, so one log entry may have several writes. What has been erased or deleted
// leaves a tombstone with its index, so that a late write does not bring it back; erase() leaves one also where nothing was.
// set_stale_horizon(n) promises that no write with an index below n can still come; tombstones below it go.
//
// So set and erase with different indices may be applied in any order, by any threads, with the same result; the others need
// the order of the log for each key.
//
// **Late writes.** Decisions do not depend on the clock. But the collector drops values that have expired by the clock; a touch()
// or persist() with a smaller index than the clock that comes after that finds the value gone (`missing`). Where writes are
// applied out of order between keys, and this matters, set Options::late_writes: values are then kept until the horizon.
//
// **Collection.** Reads never see what has expired, whether it was collected or not. Memory is given back by collect(), called by
// hand, or by threads of the store's own (timed_store_config, Options::collectors), which sleep while no deadline and no
// tombstone waits. Within a shard it goes by deadline. on_removed(f) tells of each value that is lost, exactly once: why, and
// at which index. It is called by whoever comes upon it, a collector or a write of that key.
//
// **Costs.** A lookup is one of cell_index: no lock, no fence, no allocation but that of the copy that get() returns. A write takes the
// lock of its cell (32 keys) and makes a node with key and value; touch, persist and the collector copy the key, the former also
// the value. A deadline costs a hint of 32 bytes and a key more, one for each entry however often it is put off. The clock is one
// word that every write raises. Shards: a power of two, from the constructor, else Options::shards, else one for two
// processors, at least 2. An unused store owns no memory. size() and write_index() take no lock.
//
// **Figures.** info() tells sizes, what the collector is behind with, and by how much it was; with Options::latencies, how long calls
// take. to_json() and to_prometheus() make text of it.
//
// **Thread safety.** Everything may be called beside everything, but construction and destruction. Operations on one key are atomic and
// linearizable; a read is as of the clock when it takes place. load() puts other contents, clock included, in the place of
// the present ones in one step, and clear() puts none; a write that is under way meanwhile may be lost with the old ones. for_each() is a scan: each
// key that is there throughout is shown once, as it is at some moment.
//
// **Progress.** Lookups are lock-free. Writes wait for writes in the same cell. The collector holds a cell for one entry at a time.
//
// **Re-entrancy.** Functions given to read() and for_each() may use the store. on_removed's is called without any lock but, from
// collections, that of collecting its shard: it may read and write, but not call collect(), save() or load(). It must not throw.
//
// **Exceptions.** Writes are strong: what copying keys and values, hashing and allocating throw is passed on, and nothing has changed
// but the clock. Hash and equality must not throw while the collector uses them. A collection that throws goes on the next time; what
// a thread of the store's own comes upon it keeps to itself, and tries again after the usual pause.
//
// After maple, the store of dKV (V. Kolb), whose semantics this keeps. Kept out: what it forgets over a snapshot, keys that come back, and
// locks that readers take.
#ifndef TANDEM_TIMED_STORE_HPP
#define TANDEM_TIMED_STORE_HPP

#include <tandem/cell/visitor.hpp>
#include <tandem/codec.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/read_result.hpp>
#include <tandem/options.hpp>
#include <tandem/store/command.hpp>
#include <tandem/store/contents.hpp>
#include <tandem/store/entry.hpp>
#include <tandem/store/histogram.hpp>
#include <tandem/store/info.hpp>
#include <tandem/store/side_by_side.hpp>
#include <tandem/store/snapshot.hpp>
#include <tandem/store/stream.hpp>
#include <tandem/sync/backoff.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/retire_list.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <istream>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem {

// Deadlines of an entry, relative to the index of the write that sets them. 0: never.
struct ttl {
  std::uint64_t expire_in = 0;
  std::uint64_t delete_in = 0;
};

// What is known about a key. Deadlines that never come are timed_store<>::never.
struct entry_details {
  std::uint64_t index = 0;
  std::uint64_t expire_at = store::never;
  std::uint64_t delete_at = store::never;
  friend constexpr bool operator==(const entry_details&, const entry_details&) = default;
};

// For a store's constructor.
struct timed_store_config {
  static constexpr std::size_t as_options = ~std::size_t{0};
  std::size_t shards = 0;                      // 0: as Options say
  std::size_t collectors = as_options;         // threads; as_options: as these say
  std::chrono::milliseconds collect_every{0};  // 0: as Options say
};

template <class K = std::string, class V = std::string, class Options = timed_store_options>
class timed_store {
  using contents = store::contents<K, V, Options>;
  using record = typename contents::record_type;
  using atomics = typename Options::atomics;
  using epoch = typename Options::epoch;
  using domain_type = typename epoch::domain_type;
  using pin = typename domain_type::pin;
  static_assert(std::is_empty_v<epoch>, "a store's epoch is one that is shared: its tables come and go");

  struct types {
    using key = K;
    using hasher = typename contents::hasher;
    using key_equal = typename contents::key_equal;
  };
  template <class Q>
  using prehashed = detail::prehashed<Q>;

 public:
  using key_type = K;
  using mapped_type = V;
  using size_type = std::size_t;
  using hasher = typename types::hasher;
  using key_equal = typename types::key_equal;
  using options = Options;

  // The deadline that does not come.
  static constexpr std::uint64_t never = store::never;

  // No allocation and no threads, unless Options ask for collectors.
  timed_store() : timed_store(timed_store_config()) {}
  // Throws std::system_error if a collector cannot be started; those that had been are joined.
  explicit timed_store(const timed_store_config& config)
      : shards_(config.shards != 0 ? config.shards : Options::shards),
        collect_every_(std::min(config.collect_every.count() > 0 ? config.collect_every
                                                                 : std::chrono::milliseconds(Options::collect_every_ms),
                                longest_pause)) {
    shards_ = store::shard_count_for(shards_);
    start(config.collectors == timed_store_config::as_options ? Options::collectors : config.collectors);
  }
  timed_store(const timed_store&) = delete;
  timed_store& operator=(const timed_store&) = delete;
  // Stops and joins the collectors.
  ~timed_store() {
    stop();
    if (contents* const last = contents_.load(std::memory_order_relaxed)) let_go(last);
    garbage_.dispose_all(let_go);
  }

  // ---- Writes. For all: the clock is at `index` at least afterwards.

  template <cell::key_argument<types> Q = K, class U = V>
    requires std::constructible_from<V, U>
  write_result set(Q&& k, U&& v, std::uint64_t index, ttl deadlines = {}) {
    return write(std::forward<Q>(k), index, [&](const record*, auto&& put) {
      put(live(index, deadlines), std::forward<U>(v));
      return write_status::applied;
    });
  }
  template <cell::key_argument<types> Q = K, class U = V>
    requires std::constructible_from<V, U>
  write_result set_if_unset(Q&& k, U&& v, std::uint64_t index, ttl deadlines = {}) {
    return write(std::forward<Q>(k), index, [&](const record* entry, auto&& put) {
      if (is_set(entry, index)) return write_status::exists;
      put(live(index, deadlines), std::forward<U>(v));
      return write_status::applied;
    });
  }
  template <cell::key_argument<types> Q = K, class U = V>
    requires std::constructible_from<V, U>
  write_result compare_and_set(Q&& k, std::uint64_t expected_index, U&& v, std::uint64_t index, ttl deadlines = {}) {
    return write(std::forward<Q>(k), index, [&](const record* entry, auto&& put) {
      if (!is_set(entry, index)) return write_status::missing;
      if (entry->index != expected_index) return write_status::exists;
      put(live(index, deadlines), std::forward<U>(v));
      return write_status::applied;
    });
  }
  template <cell::key_argument<types> Q = K>
  write_result compare_and_erase(Q&& k, std::uint64_t expected_index, std::uint64_t index) {
    return write(std::forward<Q>(k), index, [&](const record* entry, auto&& put) {
      if (!is_set(entry, index)) return write_status::missing;
      if (entry->index != expected_index) return write_status::exists;
      put(erased(index));
      return write_status::applied;
    });
  }
  template <cell::key_argument<types> Q = K>
    requires std::copy_constructible<V>
  write_result touch(Q&& k, ttl deadlines, std::uint64_t index) {
    return write(std::forward<Q>(k), index, [&](const record* entry, auto&& put) {
      if (entry == nullptr || !entry->is_readable(index)) return write_status::missing;
      put(live(index, deadlines), entry->value());
      return write_status::applied;
    });
  }
  template <cell::key_argument<types> Q = K>
    requires std::copy_constructible<V>
  write_result persist(Q&& k, std::uint64_t index) {
    return touch(std::forward<Q>(k), ttl(), index);
  }
  template <cell::key_argument<types> Q = K>
  write_result expire(Q&& k, std::uint64_t index) {
    return write(std::forward<Q>(k), index, [&](const record* entry, auto&& put) {
      if (!is_set(entry, index)) return write_status::missing;
      put(store::entry_state{index, std::min(entry->expire_at, index), entry->delete_at, store::entry_kind::lapsed});
      return write_status::applied;
    });
  }
  template <cell::key_argument<types> Q = K>
  write_result erase(Q&& k, std::uint64_t index) {
    return write(std::forward<Q>(k), index, [&](const record* entry, auto&& put) {
      bool const was_set = is_set(entry, index);
      put(erased(index));
      return was_set ? write_status::applied : write_status::missing;
    });
  }

  // ---- Reads, as of the clock.

  // A copy of the value, if there is one.
  template <detail::key_for<types> Q = K>
    requires std::copy_constructible<V>
  [[nodiscard]] std::optional<V> get(const Q& k) const {
    std::optional<V> copy;
    look(k, [&](const contents& in, const record& e) {
      if (is_readable(in, e)) copy.emplace(e.value());
    });
    return copy;
  }
  // f(const V&), on the value itself: an optional of what it returned; bool, if it returns nothing. The value stays as it is while f
  // runs, whatever is written.
  template <detail::key_for<types> Q = K, class F>
    requires std::invocable<F&, const V&>
  auto read(const Q& k, F&& f) const {
    using result = detail::read_result<F&, const V&>;
    auto found = result::none();
    look(k, [&](const contents& in, const record& e) {
      if (is_readable(in, e)) found = result::of(f, e.value());
    });
    return found;
  }
  // Whether the key counts as set: also when it has expired.
  template <detail::key_for<types> Q = K>
  [[nodiscard]] bool has(const Q& k) const {
    bool found = false;
    look(k, [&](const contents& in, const record& e) { found = !e.is_deleted(in.clock()); });
    return found;
  }
  // Of a key that counts as set.
  template <detail::key_for<types> Q = K>
  [[nodiscard]] std::optional<entry_details> entry_info(const Q& k) const {
    std::optional<entry_details> found;
    look(k, [&](const contents& in, const record& e) {
      if (!e.is_deleted(in.clock())) found = entry_details{e.index, e.expire_at, e.delete_at};
    });
    return found;
  }
  // f(const K&, const V&) for each key that get() would find.
  template <class F>
    requires std::invocable<F&, const K&, const V&>
  void for_each(F&& f) const {
    user const in(*this);
    if (!in) return;
    in->scan([] { return enter(); },
             [&](const K& key, const record& e) {
               if (is_readable(*in, e)) std::invoke(f, key, e.value());
             },
             [] { return true; });
  }
  // Keys that have() finds, and those that it does not find any more but that have not been collected. Exact when nobody writes.
  [[nodiscard]] size_type size() const {
    user const in(*this);
    return in ? in->size() : 0;
  }
  [[nodiscard]] bool empty() const { return size() == 0; }

  // ---- Time.

  // The clock is at `index` at least.
  void advance(std::uint64_t index) {
    pin const pinned = enter();
    made().advance(index);
  }
  // The highest index seen; 0 before.
  [[nodiscard]] std::uint64_t write_index() const {
    pin const pinned = enter();
    const contents* const in = current();
    return in == nullptr ? 0 : in->clock();
  }
  // The promise that no write with an index below `index` comes from here on. Does not go back. Tombstones go with the next collection; an
  // earlier write that comes nonetheless is taken as one to a key that has never been.
  void set_stale_horizon(std::uint64_t index) {
    pin const pinned = enter();
    made().raise_horizon(index);
  }
  [[nodiscard]] std::uint64_t stale_horizon() const {
    pin const pinned = enter();
    const contents* const in = current();
    return in == nullptr ? 0 : in->horizon();
  }

  // ---- Collection.

  // Gives back the memory of what is gone, as of the clock and the horizon. `budget`: how many entries to look at, at most; then the
  // next call goes on from there.
  collected collect(std::size_t budget = std::numeric_limits<std::size_t>::max()) {
    collected done;
    user const in(*this);
    if (!in) return done;
    std::size_t const n = in->shard_count();
    std::size_t const first = next_shard_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i != n; ++i) {
      std::size_t const at = (first + i) % n;
      done.more = false;
      auto const timed = latencies_.measure(of_collections, thread_number);
      in->collect(at, budget, done, reporter());
      if (done.more) {
        next_shard_.store(at, std::memory_order_relaxed);
        return done;
      }
    }
    return done;
  }
  // f(key, value, removal, index) for each value that is lost from here on: `index` is the deadline that has passed, or that of the
  // write. Takes the place of the one before. Not called for values that are replaced, nor by load(), clear() and destruction. May be
  // called by several threads at once.
  template <class F>
    requires std::invocable<F&, const K&, const V&, removal, std::uint64_t>
  void on_removed(F f) {
    auto made = std::make_shared<const callback>(std::move(f));
    std::lock_guard const hold(callback_mutex_);
    callback_ = std::move(made);
    has_callback_.store(true, std::memory_order_relaxed);
  }

  // No entries and no tombstones. The clock and the horizon stay: those of a load() that comes in between.
  void clear() {
    pin const pinned = enter();
    // Not what a load has put there meanwhile, whose clock and horizon are others.
    for (contents* before = current(); before != nullptr; before = current()) {
      if (replace_if(before, make(before))) return;
    }
  }

  // ---- Driven by a log: store/command.hpp documents the bytes.

  using command = store_command<K, V>;
  // Precondition: the command has what its kind needs.
  [[nodiscard]] static std::vector<std::byte> encode(const command& c)
    requires encodable<K> && encodable<V>
  {
    return store::encode_command(c);
  }
  // Does what the bytes say, as of `index`: the same on every replica. Nothing, and nothing has changed, if they are no command.
  std::optional<write_result> apply(std::span<const std::byte> bytes, std::uint64_t index)
    requires encodable<K> && encodable<V> && std::copy_constructible<V>
  {
    std::optional<command> c = store::decode_command<K, V>(bytes);
    if (!c) return std::nullopt;
    ttl const deadlines{c->expire_in, c->delete_in};
    switch (c->what) {
      case command_kind::set:
        return set(*std::move(c->key), *std::move(c->value), index, deadlines);
      case command_kind::set_if_unset:
        return set_if_unset(*std::move(c->key), *std::move(c->value), index, deadlines);
      case command_kind::compare_and_set:
        return compare_and_set(*std::move(c->key), c->index, *std::move(c->value), index, deadlines);
      case command_kind::compare_and_erase:
        return compare_and_erase(*std::move(c->key), c->index, index);
      case command_kind::touch:
        return touch(*std::move(c->key), deadlines, index);
      case command_kind::persist:
        return persist(*std::move(c->key), index);
      case command_kind::expire:
        return expire(*std::move(c->key), index);
      case command_kind::erase:
        return erase(*std::move(c->key), index);
      case command_kind::set_stale_horizon:
        set_stale_horizon(c->index);
        [[fallthrough]];
      case command_kind::advance:
        advance(index);
    }
    return write_result();
  }

  // ---- Snapshots: store/snapshot.hpp documents the format. Keys and values need a codec (codec.hpp).
  //
  // Each comes in two forms: with an error code, which is set or cleared, and whose report says in words what is wrong and where; and
  // without, which throws std::system_error. Memory: a block or so for each thread while saving, and while loading
  // by several threads some megabytes.

  // Saves what there is while others go on writing. options.label: all writes up to this index have been done, so whoever
  // loads this has to do those behind it again, in order. Without it the label is the clock, and save() waits until the writes that
  // have begun are done: right where writes begin in the order of their indices; where several threads apply a log, only they know.
  // This holds if no two writes of one index are for the same key: a conditional write that is done again must not find what a later one of
  // its own index has left. Where log entries have such writes, nobody writes behind the label while save() is at it.
  // A label below the horizon is an error (std::errc::invalid_argument): writes behind it could come no more.
  // The label of a store that nobody has written to is 0, as if the writes at index 0 had been done: a log whose snapshots may be that
  // early begins at index 1.
  snapshot_report save(std::ostream& out, std::error_code& error, const snapshot_options& how = {}) const
    requires encodable<K> && encodable<V>
  {
    store::stream_sink to(out);
    return save_to(to, error, how);
  }
  //
  // With options.consistent and a label: what there was at the label exactly, while others go on behind it. The writes up to the
  // label have been done, and none behind it begins before options.on_begun is called. Meanwhile the collector leaves alone what is
  // due behind the label, and a write that replaces an entry from before it copies that entry, once. For values that can be copied.
  snapshot_report save(std::ostream& out, const snapshot_options& how = {}) const
    requires encodable<K> && encodable<V>
  {
    return or_throw("timed_store::save", [&](std::error_code& e) { return save(out, e, how); });
  }
  // Takes the place of the file in one step, flushed to the disk; if that fails, the old file is still there. Only if all went well but
  // flushing the folder, at the end, the new one is there, and after a power loss it may be either.
  snapshot_report save_file(const std::filesystem::path& path, std::error_code& error,
                            const snapshot_options& how = {}) const
    requires encodable<K> && encodable<V>
  {
    snapshot_report report;
    error.clear();
    store::file_sink to(path, error);
    if (!error) report = save_to(to, error, how);
    if (!error) to.commit(error);
    if (error && report.error.empty()) report.error = error.message() + ": " + path.string();
    return report;
  }
  snapshot_report save_file(const std::filesystem::path& path, const snapshot_options& how = {}) const
    requires encodable<K> && encodable<V>
  {
    return or_throw("timed_store::save_file", [&](std::error_code& e) { return save_file(path, e, how); });
  }

  // Puts a snapshot in the place of everything, horizon included, in one step at the end. The clock is at the label then, although
  // some entries may be of a later time, so that writes that are done again are not late; whoever does none calls
  // advance(report.end_index). If there is anything wrong nothing has changed. The stream is left behind the snapshot; nothing may follow it but its end.
  snapshot_report load(std::istream& in, std::error_code& error, const snapshot_options& how = {})
    requires encodable<K> && encodable<V>
  {
    store::stream_source from(in);
    return load_from(from, error, how);
  }
  snapshot_report load(std::istream& in, const snapshot_options& how = {})
    requires encodable<K> && encodable<V>
  {
    return or_throw("timed_store::load", [&](std::error_code& e) { return load(in, e, how); });
  }
  snapshot_report load_file(const std::filesystem::path& path, std::error_code& error, const snapshot_options& how = {})
    requires encodable<K> && encodable<V>
  {
    snapshot_report report;
    error.clear();
    store::file_source from(path, error);
    if (!error) report = load_from(from, error, how);
    if (error && report.error.empty()) report.error = error.message();
    if (error) report.error += ", in " + path.string();
    return report;
  }
  snapshot_report load_file(const std::filesystem::path& path, const snapshot_options& how = {})
    requires encodable<K> && encodable<V>
  {
    return or_throw("timed_store::load_file", [&](std::error_code& e) { return load_file(path, e, how); });
  }

  // The same for two stores whose keys have the same values, indices and deadlines, as of their clocks; tombstones do not count, nor
  // does what has been collected. For replicas at the same index. While others write it is of no one moment.
  [[nodiscard]] std::uint64_t digest() const
    requires encodable<K> && encodable<V>
  {
    std::uint64_t all = 0;
    user const in(*this);
    if (!in) return all;
    std::vector<std::byte> bytes;
    in->scan([] { return enter(); },
             [&](const K& key, const record& e) {
               std::uint64_t const now = in->clock();
               if (e.is_deleted(now)) return;
               store::entry_state state = e;
               if (e.is_expired(now)) state.kind = store::entry_kind::lapsed;
               bytes.clear();
               store::append_entry<K, V>(bytes, key, state, e.is_expired(now) ? nullptr : std::addressof(e.value()));
               all += store::checksum(bytes);
             },
             [] { return true; });
    return all;
  }

  // ---- Figures.

  // Each of some moment; exact when nobody writes or collects. Looks at every entry of the shards in which something is overdue, or
  // waits to be taken in by the collector; takes no lock.
  [[nodiscard]] timed_store_info info() const {
    timed_store_info i;
    user const in(*this);
    i.shards = shards_;
    i.latency_every = latencies_type::every;
    i.reads = latencies_.counts(of_reads);
    i.writes = latencies_.counts(of_writes);
    i.collections = latencies_.counts(of_collections);
    if (!in) return i;
    i.write_index = in->clock();
    i.stale_horizon = in->horizon();
    i.size = in->size();
    i.tombstones = in->tombstones();
    i.bytes = in->bytes();
    i.stale_writes = in->stale_writes();
    i.expired = in->expired();
    i.deleted = in->deleted();
    i.forgotten = in->forgotten();
    auto const backlog = in->overdue([] { return enter(); });
    i.expired_backlog = backlog.expired;
    i.deleted_backlog = backlog.deleted;
    i.expiration_lag = i.write_index - std::min(i.write_index, backlog.since);
    i.removal_lag = in->removal_lags();
    double sum = 0, squares = 0;
    for (std::size_t s = 0; s != in->shard_count(); ++s) {
      std::size_t const n = in->entries_in(s);
      i.shard_sizes.push_back(n);
      i.queued += in->queued_in(s);
      i.scheduled += in->scheduled_in(s);
      sum += static_cast<double>(n);
      squares += static_cast<double>(n) * static_cast<double>(n);
    }
    i.shards = i.shard_sizes.size();
    i.smallest_shard = *std::min_element(i.shard_sizes.begin(), i.shard_sizes.end());
    i.largest_shard = *std::max_element(i.shard_sizes.begin(), i.shard_sizes.end());
    i.mean_shard = sum / static_cast<double>(i.shards);
    i.deviation = std::sqrt(std::max(0.0, squares / static_cast<double>(i.shards) - i.mean_shard * i.mean_shard));
    return i;
  }
  // Whether all of these are offered: feature::expire | feature::erase.
  [[nodiscard]] static constexpr bool supports(feature mask) noexcept { return (features & mask) == mask; }

 private:
  static constexpr feature features =
      feature::set | feature::get | feature::expire | feature::erase | feature::compare_and_set | feature::touch |
      feature::tombstones | feature::on_removed |
      (encodable<K> && encodable<V> ? feature::snapshots | feature::digest | feature::commands : feature::none);
  using callback = std::function<void(const K&, const V&, removal, std::uint64_t)>;

  // ---- What is measured.

  using latencies_type = store::latencies<typename Options::latencies, 3, atomics>;
  static constexpr std::size_t of_reads = 0;
  static constexpr std::size_t of_writes = 1;
  static constexpr std::size_t of_collections = 2;
  // At the end of a call: the thread has been pinned.
  static constexpr auto thread_number = [] {
    return epoch::has_record() ? epoch::here_if_any().number : histogram<atomics>::no_number;
  };

  // ---- Rules.

  static constexpr store::entry_state live(std::uint64_t index, const ttl& t) noexcept {
    return {index, store::deadline(index, t.expire_in), store::deadline(index, t.delete_in), store::entry_kind::live};
  }
  static constexpr store::entry_state erased(std::uint64_t index) noexcept {
    return {index, never, never, store::entry_kind::erased};
  }
  // As a write at `index` sees it.
  static bool is_set(const record* entry, std::uint64_t index) noexcept {
    return entry != nullptr && !entry->is_deleted(index);
  }
  static bool is_readable(const contents& in, const record& e) noexcept {
    if (e.kind != store::entry_kind::live) return false;
    // The clock is looked at only where it counts: writers write it all the time.
    std::uint64_t const until = std::min(e.expire_at, e.delete_at);
    return until == never || in.clock() < until;
  }

  template <class Q, class Rule>
  write_result write(Q&& k, std::uint64_t index, Rule&& rule) {
    auto const timed = latencies_.measure(of_writes, thread_number);
    return cell::with_key<types>(std::forward<Q>(k), [&](const auto& sought, auto&& source) {
      using source_type = decltype(source);
      static_assert(std::constructible_from<K, source_type>,
                    "hash and equality take this type in the place of a key, but no key can be made from it");
      auto const key = hashed(sought);
      pin const pinned = enter();
      return made().write(key, std::forward<source_type>(source), index, rule, reporter());
    });
  }
  template <class Q, class F>
  [[gnu::always_inline]] void look(const Q& k, F&& f) const {
    auto const timed = latencies_.measure(of_reads, thread_number);
    auto&& sought = detail::as_key<types>(k);
    auto const key = hashed(sought);
    pin const pinned = enter();
    if (const contents* const in = current()) {
      in->look(key, [&](const K&, const record& e) { f(*in, e); });
    }
  }
  template <class Q>
  static prehashed<Q> hashed(const Q& k) {
    return {k, contents::hash_of(k)};
  }

  auto reporter() const noexcept {
    return [this](const K& key, const V& value, removal why, std::uint64_t index) {
      if (!has_callback_.load(std::memory_order_relaxed)) return;
      std::shared_ptr<const callback> f;
      {
        std::lock_guard const hold(callback_mutex_);
        f = callback_;
      }
      (*f)(key, value, why, index);
    };
  }

  // ---- Snapshots.

  template <class F>
  static snapshot_report or_throw(const char* who, F&& f) {
    std::error_code error;
    snapshot_report report = f(error);
    if (error) throw std::system_error(error, std::string(who) + ": " + report.error);
    return report;
  }

  // While it lives nothing is forgotten that comes behind the label.
  class horizon_hold {
   public:
    horizon_hold(contents& in, std::uint64_t label, bool clock_too) : in_(in), label_(label), clock_too_(clock_too) {
      in_.hold_horizon(label_, clock_too_);
    }
    horizon_hold(const horizon_hold&) = delete;
    horizon_hold& operator=(const horizon_hold&) = delete;
    ~horizon_hold() { in_.release_horizon(label_, clock_too_); }

   private:
    contents& in_;
    std::uint64_t label_;
    bool clock_too_;
  };

  // What a consistent save has not come by before it was replaced. A copy of the value each.
  class kept_versions final : public contents::keeper {
   public:
    kept_versions(contents& in, std::uint64_t up_to) : contents::keeper(up_to), in_(in), alone_(in.appointing()) {
      in_.appoint(this);
    }
    // Writers who know of it are pinned.
    ~kept_versions() {
      in_.appoint(nullptr);
      epoch::domain().synchronize(&epoch::here());
    }
    void keep(const K& key, const record& old) noexcept override {
      std::lock_guard const hold(mutex_);
      if constexpr (std::copy_constructible<V>) {
        try {
          kept_.push_back({key, old, old.has_value() ? std::optional<V>(old.value()) : std::nullopt});
          return;
        } catch (...) {
        }
      }
      failed_ = true;
    }
    // Moves what has been kept to the writer. Returns false if something could not be kept.
    bool write_to(store::snapshot_blocks& to, std::uint64_t forgotten) {
      std::vector<store::saved_entry<K, V>> all;
      {
        std::lock_guard const hold(mutex_);
        all.swap(kept_);
        if (failed_) return false;
      }
      for (auto const& x : all) {
        if (x.state.is_forgotten(forgotten)) continue;
        to.add(x.key, x.state, x.value ? &*x.value : nullptr, store::snapshot_format::kept);
      }
      return true;
    }

   private:
    contents& in_;
    std::lock_guard<std::mutex> alone_;
    std::mutex mutex_;
    std::vector<store::saved_entry<K, V>> kept_;
    bool failed_ = false;
  };

  snapshot_report save_to(store::sink& out, std::error_code& error, const snapshot_options& how) const {
    for (;;) {
      if (std::optional<snapshot_report> done = try_to_save(out, error, how)) return *std::move(done);
    }
  }
  // Nothing, and nothing has been written: others have come in the place of the contents before their label was known.
  std::optional<snapshot_report> try_to_save(store::sink& out, std::error_code& error,
                                             const snapshot_options& how) const {
    error.clear();
    snapshot_report report;
    user const held(*this);
    contents none(1, nullptr);
    contents& in = held ? *held : none;
    std::uint64_t const label = how.label.value_or(in.clock());
    std::uint64_t const behind = label == never ? never : label + 1;
    if (how.consistent && (!how.label || !std::copy_constructible<V>)) {
      error = std::make_error_code(std::errc::invalid_argument);
      report.error = error.message() + ": a consistent snapshot needs a label, and values that can be copied";
      return report;
    }
    horizon_hold const hold(in, label, how.consistent);
    std::uint64_t const horizon = in.horizon();
    if (how.label && behind < horizon) {
      error = std::make_error_code(std::errc::invalid_argument);
      report.error = error.message() + ": the label " + std::to_string(label) + " is below the stale horizon " +
                     std::to_string(horizon);
      return report;
    }
    std::optional<kept_versions> kept;
    if (how.consistent) kept.emplace(in, label);
    // A write raises the clock before it is done; it is pinned meanwhile. And those from here on know of `kept`.
    if (!how.label || how.consistent) epoch::domain().synchronize(&epoch::here());
    // What clear() has put in their place shares their clock, so the label may cover a write that is there, and not here. Who has raised the
    // clock that far has looked for the contents before, and is seen to have done so now.
    if (!how.label && held) {
      pin const pinned = enter();
      if (current() != &in) return std::nullopt;
    }
    if (how.consistent && how.on_begun) how.on_begun();
    store::snapshot_writer to(out, how, report, error);
    to.begin(label, std::min(horizon, behind), codec<K>::id, codec<V>::id, in.entries());
    std::uint64_t const forgotten = std::min({horizon, behind, in.clock()});
    auto const add_kept = [&](store::snapshot_blocks& blocks) {
      if (kept && !kept->write_to(blocks, forgotten)) to.fail_to_keep();
    };
    // What is kept must not come before what another thread has seen of the same key.
    std::size_t const threads = how.consistent ? 1 : store::thread_count_for(how.threads);
    store::side_by_side(threads, in.shard_count(), [&](auto&& take) {
      store::snapshot_blocks blocks(how);
      bool go_on = true;
      for (std::optional<std::size_t> shard; go_on && (shard = take());) {
        go_on = in.scan_shard(
            *shard, [] { return enter(); },
            [&](const K& key, const record& e) {
              if (e.is_forgotten(forgotten) || (how.consistent && e.index > label)) return true;
              return blocks.add(key, e, e.value_if_any());
            },
            [&] {
              add_kept(blocks);
              return to.flush(blocks);
            });
      }
      to.flush(blocks, true);
    });
    if (kept) {
      // A write that the scan has seen may not have told yet.
      epoch::domain().synchronize(&epoch::here());
      store::snapshot_blocks blocks(how);
      add_kept(blocks);
      to.flush(blocks, true);
    }
    to.end(how.consistent ? label : in.clock());
    return report;
  }

  snapshot_report load_from(store::source& from, std::error_code& error, const snapshot_options& how) {
    error.clear();
    snapshot_report report;
    try {
      auto fresh = make();
      store::snapshot_reader<K, V> reader(from, how, report, error);
      std::uint64_t room = 0;
      reader.read(
          [&](store::saved_entry<K, V>&& x) {
            return x.value ? fresh->restore(std::move(x.key), x.state, *std::move(x.value))
                           : fresh->restore(std::move(x.key), x.state);
          },
          [&](const K& key) { fresh->take_back(key); },
          // Entries come in the order of their hashes: a table that grows by and by would have all of them in a few cells.
          [&] {
            std::uint64_t const more = reader.expected();
            if (more > room) fresh->hold_room(static_cast<std::size_t>(room = more));
          });
      if (error) return report;
      fresh->hold_room(0);
      fresh->advance(report.label);
      fresh->raise_horizon(reader.horizon());
      replace(std::move(fresh));
    } catch (const std::bad_alloc&) {
      error = std::make_error_code(std::errc::not_enough_memory);
      report.error = error.message() + ": at byte " + std::to_string(report.bytes);
    }
    return report;
  }

  // ---- Contents.

  [[gnu::always_inline]] static pin enter() {
    auto& mine = epoch::here_if_any();
    if (domain_type::may_enter_lightly(mine)) [[likely]]
      return epoch::domain().enter_lightly(mine);
    return enter_slowly();
  }
  [[gnu::noinline, gnu::cold]] static pin enter_slowly() { return epoch::domain().enter(epoch::here()); }

  // For a pinned thread. Null: nothing was ever written.
  contents* current() const noexcept {
    // order[find]: acquire load; pairs with [first], [replace], [replace_if]: the contents are made.
    return contents_.load(std::memory_order_acquire);
  }
  contents& made() {
    contents* const now = current();
    return now != nullptr ? *now : make_first();
  }
  std::unique_ptr<contents> make(const contents* like = nullptr) {
    return std::make_unique<contents>(shards_, threads_.empty() ? nullptr : &wake_, like);
  }
  [[gnu::noinline, gnu::cold]] contents& make_first() {
    auto fresh = make();
    contents* none = nullptr;
    // order[first]: seq_cst acquire CAS; pairs with [find], [wait]: who finds the contents finds them made.
    if (contents_.compare_exchange_strong(none, fresh.get(), std::memory_order_seq_cst, std::memory_order_acquire)) {
      return *fresh.release();
    }
    return *none;
  }
  void replace(std::unique_ptr<contents> fresh) {
    auto& mine = epoch::here();
    // order[replace]: seq_cst exchange; pairs with [find], [wait]: as there.
    contents* const old = contents_.exchange(fresh.release(), std::memory_order_seq_cst);
    replaced(mine.number, old);
  }
  // Only if `old` is there. For a pinned thread, so it is not other contents of the same address.
  bool replace_if(contents* old, std::unique_ptr<contents> fresh) {
    auto& mine = epoch::here();
    contents* there = old;
    // order[replace_if]: seq_cst CAS; pairs with [find], [wait]: as there.
    if (!contents_.compare_exchange_strong(there, fresh.get(), std::memory_order_seq_cst, std::memory_order_relaxed)) {
      return false;
    }
    static_cast<void>(fresh.release());
    replaced(mine.number, old);
    return true;
  }
  void replaced(std::size_t number, contents* old) {
    if (old != nullptr) {
      garbage_.retire(number, old);
      garbage_.collect(epoch::domain(), 3, let_go);
    }
    wake_.notify();
  }
  static constexpr auto let_go = [](contents* c) {
    if (c->release()) delete c;
  };

  // Contents in use for longer than a pin should last.
  class user {
   public:
    explicit user(const timed_store& s) {
      pin const pinned = enter();
      in_ = s.current();
      if (in_ != nullptr) in_->hold();
    }
    user(const user&) = delete;
    user& operator=(const user&) = delete;
    ~user() {
      if (in_ != nullptr) let_go(in_);
    }
    explicit operator bool() const noexcept { return in_ != nullptr; }
    contents& operator*() const noexcept { return *in_; }
    contents* operator->() const noexcept { return in_; }

   private:
    contents* in_;
  };

  // ---- Collectors. Each has every so-manieth shard.

  void start(std::size_t count) {
    // Before the first, so that contents know of them.
    threads_.resize(count);
    try {
      for (std::size_t i = 0; i != count; ++i) threads_[i] = std::thread([this, i] { collect_forever(i); });
    } catch (...) {
      stop();
      throw;
    }
  }
  void stop() noexcept {
    // order[stop]: seq_cst store; pairs with [stopped]: who is about to sleep sees it, or is woken.
    stopping_.store(true, std::memory_order_seq_cst);
    wake_.notify();
    end_.notify();
    for (std::thread& t : threads_) {
      if (t.joinable()) t.join();
    }
  }
  bool is_stopping() const noexcept {
    // order[stopped]: seq_cst load; pairs with [stop]: as there.
    return stopping_.load(std::memory_order_seq_cst);
  }
  void collect_forever(std::size_t number) {
    auto pause = collect_every_;
    while (!is_stopping()) {
      bool waits = false;
      bool worked = false;
      try {
        user const in(*this);
        for (std::size_t i = number; in && i < in->shard_count(); i += threads_.size()) {
          std::size_t budget = std::numeric_limits<std::size_t>::max();
          bool const failed = !collect_shard(*in, i, budget);
          worked = worked || failed || budget != std::numeric_limits<std::size_t>::max();
          waits = waits || failed || in->scheduled_in(i) != 0;
        }
      } catch (...) {
        waits = worked = true;
      }
      if (waits) {
        // The clock does not tell when it passes a deadline: that would cost every write. Less often if it never does.
        pause = worked ? collect_every_ : std::min(2 * pause, 16 * collect_every_);
        end_.wait_until(time_after(pause), [this] { return is_stopping(); });
      } else {
        pause = collect_every_;
        wake_.wait_until(event<atomics>::forever, [&] { return is_stopping() || has_news(number); });
      }
    }
  }
  // By a thread of the store's own, which has nobody to tell that there is no memory, or that a key cannot be copied: it tries again, after
  // the usual pause. Returns whether it got through.
  bool collect_shard(contents& in, std::size_t i, std::size_t& budget) noexcept {
    try {
      collected done;
      auto const timed = latencies_.measure(of_collections, thread_number);
      in.collect(i, budget, done, reporter());
      return true;
    } catch (...) {
      return false;
    }
  }
  bool has_news(std::size_t number) const {
    pin const pinned = enter();
    // order[wait]: seq_cst load; pairs with [first], [replace], [replace_if]: who is about to sleep sees the contents, or is woken.
    const contents* const in = contents_.load(std::memory_order_seq_cst);
    for (std::size_t i = number; in != nullptr && i < in->shard_count(); i += threads_.size()) {
      if (in->has_news(i)) return true;
    }
    return false;
  }

  // Which multiples of it do not overflow: see collect_forever().
  static constexpr std::chrono::milliseconds longest_pause = std::chrono::milliseconds::max() / 32;

  [[no_unique_address]] mutable latencies_type latencies_;
  typename atomics::template atomic<contents*> contents_{nullptr};
  typename atomics::template atomic<bool> has_callback_{false};
  typename atomics::template atomic<bool> stopping_{false};
  typename atomics::template atomic<std::size_t> next_shard_{0};
  std::size_t shards_;
  std::chrono::milliseconds collect_every_;
  mutable std::mutex callback_mutex_;
  std::shared_ptr<const callback> callback_;
  retire_list<contents, domain_type, atomics> garbage_;
  event<atomics> wake_;  // the collectors, when there is something for those that have nothing
  event<atomics> end_;
  std::vector<std::thread> threads_;
};

}  // namespace tandem

#endif
