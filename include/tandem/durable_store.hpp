// durable_store: the newest version of each key in memory, every write on disk, and back after a crash.
//
//     auto readings = tandem::durable_store<std::string, std::string>::open("/var/lib/gateway");
//     readings.put("sensor101", record, record_time);             // on the disk when it returns
//     if (auto r = readings.get("sensor101")) ...                  // from memory
//     auto [newest, ticket] = readings.put("sensor201", record, record_time, tandem::durability::every(10ms));
//     readings.wait_durable(ticket);
//
// Use it for a service that answers from memory, must not lose what it has acknowledged, and whose log others read: sensors,
// gateways, devices. Do not use it
//   - when the keys and their newest values do not fit into memory: an embedded database;
//   - for transactions of several keys: each write stands alone;
//   - when nothing has to survive: cell_map, cell_index; when things expire: timed_store.
//
// **Versions.** Each write brings a version; memory keeps the largest, and of equal ones the first. put() says whether that was this
// one (`newest`). Every write that is accepted goes to the log, newest or not. erase() writes a version too: a tombstone, which is
// remembered, so that an older write that comes late does not bring the key back. Recovery comes to the same as memory had, ties
// included: records carry a number that is taken in the step in which memory decides.
//
// **What can be lost**, of what put() has accepted:
//
//   sync           put() returns                      process killed          system crash, power loss
//   always         when it is on the disk             nothing (1)             nothing (1)
//   every(d)       when it is in the queue (2)        what is in the queue    the last d, and a sync's time
//   never          when it is in the queue (2)        what is in the queue    all since the last sync (3)
//
//   (1) of what has been acknowledged: put() that has returned, wait_durable(), flush(). What had not been may be there or not.
//   (2) mostly when it is written: whoever finds nobody writing writes. Otherwise the one who does writes it next.
//   (3) which flush(), checkpoint(), wait_durable(), the end of a segment, close(), a full queue, and any put that wants one cause.
//
//   Each lane comes back as a prefix of its records, in the order in which memory decided about them. Several lanes are several
//   prefixes: with more than one lane, a record may be back that was written after one of another lane that is not. flush() is a line
//   that all lanes have passed. Disks that lie about syncs can break all of this.
//
// **Visibility.** on_write: readers see a write at once; it may be lost later, and if it fails it stays visible until the store is closed.
// on_durable: readers see a write when it is on the disk; with `never` that may be late. `newest` is then as things stand when it
// is accepted.
//
// **Lanes** are files that are written beside each other; the key's hash chooses. Within a lane writers share: one of them takes all
// that has queued up, writes it with one call, syncs once, and all return (group commit; store/lane.hpp). No threads of its own
// with `always`; one for `every` and rotate_age, and one for compact_bytes. The queue is bounded in bytes: beyond, put() waits,
// or fails with std::errc::operation_would_block.
//
// **Segments.** A lane's file ends when it is too long, has too many records or is too old; it is then synced and sealed, and
// on_segment_sealed(path) is called: it does not change any more. The format is documented in store/segment.hpp. Nothing is
// removed, unless checkpoint() is told to.
//
// **checkpoint()** writes what memory has to one file, so that the next recovery reads that and what came later. With
// retention::remove_covered the segments that it covers are removed: what was not the newest is then gone. compact_bytes does so
// by itself. Off by default: the log is for others, too.
//
// **Recovery** (store/recovery.hpp) reads all segments, several at a time, newest first. Its memory is that of what is live, and a
// window of 256 KiB, or of the longest record, for each thread. A torn end, of writes that nobody was promised, is cut off and counted.
// Anything else that is not as it was written is refused with file, offset and reason, or skipped and reported if so
// chosen. recovery() tells.
//
// **Errors.** put() that waits tells whether its record is on the disk. One that does not wait tells of what it knows; the rest is told
// by wait_durable() and flush().
//   - A full disk: what did not fit is cut off; those puts fail with std::errc::no_space_on_device, others work, and later ones try
//     again.
//   - A failed sync: nobody knows what the system has dropped, and it would say that all is well the next time. So that file is
//     not synced again: what was not synced is written to a new segment. If that fails too the store is read-only: who
//     waits is told, put() fails with durable_errc::read_only, reads go on, last_error() says why. Open it again; where not
//     even truncation works any more, after a reboot: until then the system shows what is not on the disk.
//   - A put that has failed: memory may have it (on_write), the log may have it. The same put may be made again.
//   - Two at a time: the second open() fails, after lock_timeout, with durable_errc::locked, and names the first. So does a second
//     store of the same process.
//   Each function that can fail comes in two forms: throwing std::system_error, and with a std::error_code&, which is set or cleared. In
//   words what went wrong in open() is in the exception, or in recovery().error of the closed store that open() returns.
//
// **Costs.** A lookup is one of cell_index: no lock, no fence, no allocation but that of the copy that get() returns. A put copies the
// value into memory, unless it is moved, and into the log's buffer, where it stays until it is synced; records of up to 4 KiB
// once more. A record is 64 bytes and what it holds. A tombstone costs as much as a key. Memory: an entry is a node, as in
// cell_index; the queue; nothing for each record on disk.
//
// **Thread safety.** Everything beside everything, but moving, destruction, and assignment. Operations on one key are linearizable, with
// on_write. for_each() is a scan: each key that is there throughout is shown once. Functions given to read() and for_each() may
// use the store. on_segment_sealed may too. After close() memory can still be read.
//
// **fork().** The child must not use the store, not even destroy it; the lock is held until both processes have ended. exec is
// fine.
//
// **Exceptions.** What hash, equality, codecs and copying throw is passed on by put(), and nothing has happened. If memory runs out while
// the log is written the store becomes read-only. A value that is given by && may be gone. Compaction that fails by itself, for
// whatever reason, is tried again after a second; last_error() tells.
//
// The idea is that of a sensor gateway's store that logs Avro records; its seed kept the tie rule, and lost the log.
#ifndef TANDEM_DURABLE_STORE_HPP
#define TANDEM_DURABLE_STORE_HPP

#include <tandem/cell/visitor.hpp>
#include <tandem/codec.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/detail/read_result.hpp>
#include <tandem/options.hpp>
#include <tandem/store/checkpoint.hpp>
#include <tandem/store/durable_info.hpp>
#include <tandem/store/durable_options.hpp>
#include <tandem/store/file_system.hpp>
#include <tandem/store/lane.hpp>
#include <tandem/store/lane_log.hpp>
#include <tandem/store/newest.hpp>
#include <tandem/store/recovery.hpp>
#include <tandem/store/segment.hpp>
#include <tandem/store/ticker.hpp>
#include <tandem/sync/backoff.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <unistd.h>

namespace tandem {

// Where a record is in the log: for wait_durable() of the store that gave it.
struct durable_ticket {
  std::uint32_t lane = 0;
  std::uint64_t position = 0;  // in this run, from 1 on; 0: of no record
  friend constexpr bool operator==(const durable_ticket&, const durable_ticket&) = default;
};
struct put_result {
  bool newest = false;  // memory has it, or is going to: no record of this version or a larger one was there
  durable_ticket ticket{};
};

template <class K = std::string, class V = std::string, class Options = durable_store_options>
class durable_store {
  static_assert(encodable<K> && encodable<V>, "keys and values need a codec: codec.hpp");
  static_assert(durable_file_system<typename Options::file_system>);
  using system_type = typename Options::file_system;
  using memory = store::newest_map<K, V, Options>;
  using record = typename memory::record;
  using lane = store::lane<system_type>;
  using atomics = typename Options::atomics;

  struct types {
    using key = K;
    using hasher = typename memory::hasher;
    using key_equal = typename memory::key_equal;
  };

 public:
  using key_type = K;
  using mapped_type = V;
  using size_type = std::size_t;
  using hasher = typename types::hasher;
  using key_equal = typename types::key_equal;
  using options = Options;
  using file_system = system_type;

  // Opens what is in the folder, which is made if need be.
  [[nodiscard]] static durable_store open(std::filesystem::path folder, durable_options how = {},
                                          file_system system = file_system()) {
    std::error_code error;
    durable_store opened = open(std::move(folder), std::move(how), error, std::move(system));
    if (error) throw std::system_error(error, "durable_store::open: " + opened.recovery().error);
    return opened;
  }
  // With an error the store that is returned is closed and empty.
  [[nodiscard]] static durable_store open(std::filesystem::path folder, durable_options how, std::error_code& error,
                                          file_system system = file_system()) {
    error.clear();
    durable_store made(std::make_unique<state>(std::move(folder), std::move(how), std::move(system)));
    made.state_->open(error);
    return made;
  }

  // What has been moved from may be assigned to and destroyed, and is_open() is false.
  durable_store(durable_store&&) noexcept = default;
  // Closes the one that was here.
  durable_store& operator=(durable_store&&) noexcept = default;
  // Closes it. Errors are not reported: call close().
  ~durable_store() = default;

  // ---- Writes.

  template <cell::key_argument<types> Q = K, class U = V>
    requires std::constructible_from<V, U>
  put_result put(Q&& k, U&& v, std::uint64_t new_version) {
    return put(std::forward<Q>(k), std::forward<U>(v), new_version, state_->context.options.sync);
  }
  template <cell::key_argument<types> Q = K, class U = V>
    requires std::constructible_from<V, U>
  put_result put(Q&& k, U&& v, std::uint64_t new_version, durability how) {
    std::error_code error;
    put_result const result = put(std::forward<Q>(k), std::forward<U>(v), new_version, how, error);
    throw_if(error, "durable_store::put");
    return result;
  }
  template <cell::key_argument<types> Q = K, class U = V>
    requires std::constructible_from<V, U>
  put_result put(Q&& k, U&& v, std::uint64_t new_version, std::error_code& error) {
    return put(std::forward<Q>(k), std::forward<U>(v), new_version, state_->context.options.sync, error);
  }
  template <cell::key_argument<types> Q = K, class U = V>
    requires std::constructible_from<V, U>
  put_result put(Q&& k, U&& v, std::uint64_t new_version, durability how, std::error_code& error) {
    K key(std::forward<Q>(k));
    if constexpr (std::same_as<std::remove_cvref_t<U>, V>) {
      return write(std::move(key), std::addressof(v), std::forward<U>(v), new_version, how, error);
    } else {
      V value(std::forward<U>(v));
      return write(std::move(key), std::addressof(value), std::move(value), new_version, how, error);
    }
  }

  template <cell::key_argument<types> Q = K>
  put_result erase(Q&& k, std::uint64_t new_version) {
    return erase(std::forward<Q>(k), new_version, state_->context.options.sync);
  }
  template <cell::key_argument<types> Q = K>
  put_result erase(Q&& k, std::uint64_t new_version, durability how) {
    std::error_code error;
    put_result const result = erase(std::forward<Q>(k), new_version, how, error);
    throw_if(error, "durable_store::erase");
    return result;
  }
  template <cell::key_argument<types> Q = K>
  put_result erase(Q&& k, std::uint64_t new_version, std::error_code& error) {
    return erase(std::forward<Q>(k), new_version, state_->context.options.sync, error);
  }
  template <cell::key_argument<types> Q = K>
  put_result erase(Q&& k, std::uint64_t new_version, durability how, std::error_code& error) {
    return write(K(std::forward<Q>(k)), static_cast<const V*>(nullptr), nothing(), new_version, how, error);
  }

  // ---- Reads, from memory.

  // A copy of the value, if there is one.
  template <detail::key_for<types> Q = K>
    requires std::copy_constructible<V>
  [[nodiscard]] std::optional<V> get(const Q& k) const {
    std::optional<V> copy;
    look(k, [&](const record& e) {
      if (e.value) copy.emplace(*e.value);
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
    look(k, [&](const record& e) {
      if (e.value) found = result::of(f, *e.value);
    });
    return found;
  }
  template <detail::key_for<types> Q = K>
  [[nodiscard]] bool contains(const Q& k) const {
    bool found = false;
    look(k, [&](const record& e) { found = e.value.has_value(); });
    return found;
  }
  // Of the value, if there is one.
  template <detail::key_for<types> Q = K>
  [[nodiscard]] std::optional<std::uint64_t> version_of(const Q& k) const {
    std::optional<std::uint64_t> found;
    look(k, [&](const record& e) {
      if (e.value) found = e.version();
    });
    return found;
  }
  // f(const K&, const V&) for each key that has a value.
  template <class F>
    requires std::invocable<F&, const K&, const V&>
  void for_each(F&& f) const {
    state_->newest.scan(
        [&](const K& key, const record& e) {
          if (e.value) std::invoke(f, key, *e.value);
        },
        [] { return true; });
  }
  // Exact when nobody writes.
  [[nodiscard]] size_type size() const noexcept { return state_->newest.size(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  // ---- The disk.

  // Until the record is on the disk, or it is known that it is not going to be.
  void wait_durable(durable_ticket t) {
    std::error_code error;
    wait_durable(t, error);
    throw_if(error, "durable_store::wait_durable");
  }
  void wait_durable(durable_ticket t, std::error_code& error) {
    error.clear();
    if (t.lane >= state_->lanes.size()) {
      error = std::make_error_code(std::errc::invalid_argument);
    } else {
      error = state_->lanes[t.lane]->wait(t.position);
    }
  }
  // Until everything accepted so far is on the disk. An error also if something is not that nobody has been told about: a put that did not
  // wait. That is said once.
  void flush() {
    std::error_code error;
    flush(error);
    throw_if(error, "durable_store::flush");
  }
  void flush(std::error_code& error) {
    error.clear();
    for (auto& l : state_->lanes) {
      if (std::error_code const failed = l->flush(); failed && !error) error = failed;
    }
  }
  // Writes a checkpoint, beside everything else. One at a time. With an error the one before still counts.
  void checkpoint() {
    std::error_code error;
    checkpoint(error);
    throw_if(error, "durable_store::checkpoint");
  }
  void checkpoint(std::error_code& error) {
    error.clear();
    state_->checkpoint(error);
  }
  // Writes and syncs what there is, seals and closes the files, and lets go of the folder. The error of the first of these that failed,
  // or why the store is read-only, or as flush(). Nothing if it is closed.
  void close() {
    std::error_code error;
    close(error);
    throw_if(error, "durable_store::close");
  }
  void close(std::error_code& error) {
    error.clear();
    state_->close(error);
  }

  // ---- What there is to know.

  [[nodiscard]] bool is_open() const { return state_ != nullptr && state_->is_open(); }
  // Whether writing has failed for good.
  [[nodiscard]] bool read_only() const { return static_cast<bool>(state_->context.why_read_only()); }
  // The last error of the file system; none if there was none.
  [[nodiscard]] std::error_code last_error() const { return state_->context.last_error(); }
  // What open() has found.
  [[nodiscard]] const recovery_report& recovery() const noexcept { return state_->report; }
  [[nodiscard]] durable_store_info stats() const { return state_->stats(); }
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return state_->context.folder; }

 private:
  struct nothing {};

  // A record that readers see when it is durable.
  class later final : public store::effect {
   public:
    later(memory& to, const K& key, std::uint64_t new_version, std::uint64_t seq, std::optional<V>&& value)
        : to_(to), key_(key), version_(new_version), seq_(seq), value_(std::move(value)) {}
    void apply() override {
      auto const seq = [&] { return seq_; };
      auto const key = memory::hashed(key_);
      if (value_) {
        to_.put(key, std::move(key_), version_, seq, *std::move(value_));
      } else {
        to_.put(key, std::move(key_), version_, seq);
      }
    }
    void drop() noexcept override { to_.unclaim(memory::hashed(key_), version_); }

   private:
    memory& to_;
    K key_;
    std::uint64_t version_;
    std::uint64_t seq_;
    std::optional<V> value_;
  };

  // What does not move. Members are destroyed from the end: threads first.
  struct state {
    state(std::filesystem::path folder, durable_options how, system_type system)
        : context(std::move(system), std::move(folder), std::move(how)),
          newest(context.options.shards),
          time([this](auto now) { return tick(now); }),
          compactor([this](auto) { return compact(); }) {
      context.key_codec = codec<K>::id;
      context.value_codec = codec<V>::id;
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() {
      std::error_code ignored;
      close(ignored);
    }

    void open(std::error_code& error) {
      try {
        take_folder(error);
        if (!error) recover(error);
        if (!error && context.options.rotate_age.count() > 0) time.start();
        if (!error && compacts()) compactor.start();
      } catch (const std::bad_alloc&) {
        error = std::make_error_code(std::errc::not_enough_memory);
      } catch (const std::system_error& e) {
        error = e.code();
      }
      if (error && report.error.empty()) report.error = error.message();
      if (error) {
        compactor.stop();
        time.stop();
        lanes.clear();
        newest.clear();
        lock = typename system_type::lock_type();
      } else {
        opened.store(true, std::memory_order_relaxed);
        // A log that is long enough already does not become so by a put.
        bool const is_long = compacts() && is_due(log_bytes.load(std::memory_order_relaxed));
        if (is_long) compactor.ask(store::ticker::clock::now());
      }
    }
    // The folder, and those above it that are not there. Their names are on the disk then, also if somebody made them and was killed
    // before that; but what has been there for long may be in a folder that cannot be opened, and need not be synced.
    void make_folder(std::error_code& error) {
      std::filesystem::path const folder = context.folder.lexically_normal();
      bool is_missing = true;
      std::vector<std::pair<std::filesystem::path, bool>> levels;
      for (auto at = folder; !at.empty() && at.has_relative_path(); at = at.parent_path()) {
        std::error_code found;
        if (is_missing) static_cast<void>(context.system.list(at, found));
        is_missing = is_missing && found == std::errc::no_such_file_or_directory;
        levels.emplace_back(at.has_parent_path() ? at.parent_path() : ".", is_missing);
      }
      context.system.create_folder(folder, error);
      for (auto const& [above, is_new] : levels) {
        std::error_code failed;
        if (!error) context.system.sync_folder(above, failed);
        if (is_new && failed) error = failed;
      }
    }
    void take_folder(std::error_code& error) {
      auto const until = time_after(context.options.lock_timeout);
      make_folder(error);
      std::string holder;
      while (!error) {
        holder.clear();
        lock = context.system.try_lock(context.folder / "LOCK", "process " + std::to_string(::getpid()), holder, error);
        if (error || static_cast<bool>(lock)) break;
        if (std::chrono::steady_clock::now() >= until) {
          error = durable_errc::locked;
        } else {
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
      }
      if (!error) return;
      report.error = error.message() + ": " + context.folder.string();
      if (error == durable_errc::locked) report.error += ": by " + (holder.empty() ? "nobody known" : holder);
    }
    void recover(std::error_code& error) {
      store::recovery<K, V, memory, system_type> from_disk(context, newest, report);
      from_disk.run(error);
      if (error) {
        context.note(error);
        return;
      }
      if (!from_disk.found_store()) {
        for (std::size_t i = 0; i != context.store.size(); i += 8) {
          detail::store_little(store::random_number(), context.store.data() + i);
        }
      }
      next_seq.store(from_disk.next_seq(), std::memory_order_relaxed);
      last_checkpoint = from_disk.last_checkpoint();
      checkpoint_bytes.store(from_disk.checkpoint_bytes(), std::memory_order_relaxed);
      log_bytes.store(from_disk.log_bytes(), std::memory_order_relaxed);
      std::size_t const n = std::clamp<std::size_t>(context.options.lanes, 1, most_lanes);
      lanes.reserve(n);
      for (std::uint32_t i = 0; i != n; ++i) {
        store::lane_end const end = from_disk.end_of(i);
        lanes.push_back(std::make_unique<lane>(context, time, [this] { stop_all(); }, i, end.number, end.end));
      }
      others = from_disk.lanes_from(static_cast<std::uint32_t>(n));
      for (const auto& path : from_disk.sealed()) {
        if (context.options.on_segment_sealed) context.options.on_segment_sealed(path);
      }
    }
    bool is_open() const noexcept { return opened.load(std::memory_order_relaxed); }
    void close(std::error_code& error) {
      std::lock_guard const hold(closing);
      if (!is_open()) return;
      opened.store(false, std::memory_order_relaxed);
      {
        std::lock_guard const nobody(checkpointing);
      }  // and nobody begins one
      compactor.stop();
      time.stop();
      for (auto& l : lanes) {
        // Also of what nobody has been told about.
        for (std::error_code const& failed : {l->close(), l->flush()}) {
          if (failed && !error) error = failed;
        }
      }
      lock = typename system_type::lock_type();
    }

    lane& lane_of(std::size_t hash, std::uint32_t& number) noexcept {
      constexpr int half = std::numeric_limits<std::size_t>::digits / 2;
      number = static_cast<std::uint32_t>((hash >> half) % lanes.size());
      return *lanes[number];
    }
    void stop_all() {
      for (auto& l : lanes) l->stop(context.why_read_only());
    }
    store::ticker::clock::time_point tick(store::ticker::clock::time_point now) {
      auto next = store::ticker::never;
      for (auto& l : lanes) next = std::min(next, l->tick(now));
      return next;
    }

    // ---- Checkpoints.

    void checkpoint(std::error_code& error) {
      std::lock_guard const alone(checkpointing);
      if (!is_open()) {
        error = durable_errc::closed;
        return;
      }
      if (context.why_read_only()) {
        error = durable_errc::read_only;
        return;
      }
      store::checkpoint_plan plan;
      plan.number = ++last_checkpoint;
      std::uint64_t const covered_bytes = log_bytes.load(std::memory_order_relaxed);
      for (std::uint32_t i = 0; i != lanes.size() && !error; ++i) {
        if (std::uint64_t const n = lanes[i]->complete(error); n != 0) plan.covered.emplace_back(i, n);
      }
      for (auto const& [number, segment] : others) plan.covered.emplace_back(number, segment);
      plan.next_seq = next_seq.load(std::memory_order_relaxed);
      if (error) return;
      std::uint64_t const bytes = store::write_checkpoint<K, V>(context, newest, plan, error);
      if (!error) {
        checkpoints.fetch_add(1, std::memory_order_relaxed);
        checkpoint_bytes.store(bytes, std::memory_order_relaxed);
        log_bytes.fetch_sub(covered_bytes, std::memory_order_relaxed);
        remove_covered(plan, error);
      }
      if (error) context.note(error);
    }
    // Other checkpoints, and segments, if nobody wants them.
    void remove_covered(const store::checkpoint_plan& plan, std::error_code& error) {
      bool removed = false;
      for (const std::string& name : context.system.list(context.folder, error)) {
        auto const p = store::parse_name(name);
        if (!p || error) continue;
        bool goes = p->what == store::parsed_name::kind::checkpoint && p->number < plan.number;
        if (p->what == store::parsed_name::kind::segment && context.options.retention == retention::remove_covered) {
          goes = std::any_of(plan.covered.begin(), plan.covered.end(),
                             [&](const auto& c) { return c.first == p->lane && p->number <= c.second; });
        }
        if (!goes) continue;
        context.system.remove(context.folder / name, error);
        removed = true;
      }
      if (removed && !error) context.system.sync_folder(context.folder, error);
    }
    bool compacts() const noexcept {
      return context.options.compact_bytes != 0 && context.options.retention == retention::remove_covered;
    }
    void wrote(std::uint64_t bytes) {
      std::uint64_t const now = log_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
      if (compacts() && is_due(now) && !is_due(now - bytes)) compactor.ask(store::ticker::clock::now());
    }
    bool is_due(std::uint64_t bytes) const noexcept {
      return bytes >= context.options.compact_bytes && bytes >= 2 * checkpoint_bytes.load(std::memory_order_relaxed);
    }
    // By its thread.
    store::ticker::clock::time_point compact() {
      std::error_code error;
      try {
        checkpoint(error);
      } catch (const std::bad_alloc&) {
        error = std::make_error_code(std::errc::not_enough_memory);
        context.note(error);
      } catch (...) {
        // What a codec throws.
        error = std::make_error_code(std::errc::operation_canceled);
        context.note(error);
      }
      if (!is_due(log_bytes.load(std::memory_order_relaxed)) || context.why_read_only()) return store::ticker::never;
      return store::ticker::clock::now() + std::chrono::milliseconds(error ? 1000 : 0);
    }

    durable_store_info stats() const {
      durable_store_info i;
      i.size = newest.size();
      i.tombstones = newest.tombstones();
      i.newest = newest_puts.load(std::memory_order_relaxed);
      i.shards = newest.shard_count();
      i.lanes = lanes.size();
      for (const auto& l : lanes) {
        i.log += l->figures();
        i.puts += l->accepted();
      }
      i.checkpoints = checkpoints.load(std::memory_order_relaxed);
      i.recovery = report;
      i.read_only = static_cast<bool>(context.why_read_only());
      if (std::error_code const last = context.last_error()) i.last_error = last.message();
      return i;
    }

    static constexpr std::size_t most_lanes = 1024;
    template <class T>
    using atomic = typename atomics::template atomic<T>;

    store::log_context<system_type> context;
    typename system_type::lock_type lock;
    memory newest;
    recovery_report report;
    atomic<std::uint64_t> next_seq{1};
    atomic<std::uint64_t> newest_puts{0};
    atomic<std::uint64_t> checkpoints{0};
    atomic<std::uint64_t> checkpoint_bytes{0};
    atomic<std::uint64_t> log_bytes{0};  // that no checkpoint covers
    std::mutex closing;
    atomic<bool> opened{false};
    std::mutex checkpointing;
    std::uint64_t last_checkpoint = 0;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> others;  // lanes that are not written any more, and their ends
    std::vector<std::unique_ptr<lane>> lanes;
    store::ticker time;
    store::ticker compactor;
  };

  explicit durable_store(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}

  static void throw_if(const std::error_code& error, const char* who) {
    if (error) throw std::system_error(error, who);
  }
  template <class Q, class F>
  [[gnu::always_inline]] void look(const Q& k, F&& f) const {
    auto&& sought = detail::as_key<types>(k);
    state_->newest.look(memory::hashed(sought), [&](const K&, const record& e) { f(e); });
  }

  // `value`: of the record, or null: an erasure. `from`: what memory's value is made from, a V or nothing.
  template <class From>
  put_result write(K&& key, const V* value, From&& from, std::uint64_t new_version, durability how,
                   std::error_code& error) {
    error.clear();
    state& s = *state_;
    std::size_t const key_bytes = codec<K>::size(key);
    std::size_t const value_bytes = value == nullptr ? 0 : codec<V>::size(*value);
    const durable_options& o = s.context.options;
    if (key_bytes > std::min(o.longest_key, store::most_key_bytes) || value_bytes > o.longest_value) {
      error = durable_errc::too_large;
      return {};
    }
    if (s.lanes.empty()) {
      error = durable_errc::closed;
      return {};
    }
    store::record_buffer bytes;
    store::encode_record(bytes, key, value, new_version, key_bytes, value_bytes);

    auto const hashed = memory::hashed(std::as_const(key));
    // Versions in memory only grow: who has lost already need not copy.
    bool has_lost = false;
    s.newest.look(hashed, [&](const K&, const record& e) { has_lost = e.version() >= new_version; });
    std::optional<V> mine;
    if constexpr (!std::same_as<std::remove_cvref_t<From>, nothing>) {
      if (!has_lost) mine.emplace(std::forward<From>(from));
    }
    put_result result;
    auto const accept = [&](std::byte* to) -> std::unique_ptr<store::effect> {
      std::uint64_t seq = 0;
      auto const next = [&] { return seq = s.next_seq.fetch_add(1, std::memory_order_relaxed); };
      std::unique_ptr<store::effect> effect;
      if (has_lost) {
        next();
      } else if (o.visibility == visibility::on_durable) {
        next();
        auto made = std::make_unique<later>(s.newest, key, new_version, seq, std::move(mine));
        result.newest = s.newest.claim(hashed, key, new_version);
        effect = std::move(made);
      } else if (value == nullptr) {
        result.newest = s.newest.put(hashed, std::move(key), new_version, next);
      } else {
        result.newest = s.newest.put(hashed, std::move(key), new_version, next, *std::move(mine));
      }
      store::set_seq(to, seq);
      return effect;
    };
    std::uint64_t const size = bytes.size();
    lane& to = s.lane_of(hashed.hash, result.ticket.lane);
    result.ticket.position = to.put(std::move(bytes), how, error, accept);
    if (result.ticket.position == 0) return {};
    if (result.newest) s.newest_puts.fetch_add(1, std::memory_order_relaxed);
    s.wrote(size);
    return result;
  }

  std::unique_ptr<state> state_;
};

}  // namespace tandem

#endif
