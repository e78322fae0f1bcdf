// The format of timed_store's snapshots, version 1.1, and who writes and reads it.
//
// All numbers are little-endian. `varint`: seven bits at a time (bytes.hpp). `sum`: 64 bits of XXH3, with a seed.
//
//   file     = header, block, ..., block, end block, and nothing more
//
//   header   64 bytes
//     0   8  "TANDEMTS"
//     8   2  major version: 1. A reader refuses another one
//    10   2  minor version: 1. A reader takes any
//    12   4  flags: 0
//    16   8  label: the snapshot has the effect of all writes up to this index
//    24   8  stale horizon
//    32   4  codec id of the keys, and 36, 4, of the values (codec.hpp)
//    40   8  about how many entries there are, so that a reader makes room; 0: not known, as in version 1.0
//    48   8  0
//    56   8  sum of the 56 bytes before, seed 0
//
//   block    32 bytes, and the payload
//     0   4  kind: 1 entries, 2 end, 3 entries of which some may have been in a block before: those count then
//     4   4  entries in it
//     8   8  number of the block, from 0
//    16   8  bytes of the payload
//    24   8  sum of the payload, its seed being the sum of the 24 bytes before, seed 0
//
//   entry
//     1 byte       bits 0-1: 0 live, 1 lapsed, 2 deleted, 3 erased (entry.hpp); bit 2: expires; bit 3: is deleted by deadline;
//                  the others 0
//     varint, ...  length of the key, key
//     varint       index
//     varint       when it expires, if bit 2 is set
//     varint       when it is deleted, if bit 3 is set
//     varint, ...  length of the value, value, if it is live
//
//   payload of the end block: 32 bytes
//     0   8  entries in all
//     8   8  of these, tombstones
//    16   8  the clock when the last entry was written; at least the label and every index
//    24   8  all sums of blocks, in their order, each being the seed of: sum of (the next one); first seed 0
//
// **Fuzzy snapshots.** Entries are written while the store goes on, so some are of a later time than the label. Whoever loads one and
// then applies again, in their order, all writes with an index above the label has what he would have without stopping: what an
// entry has seen already is stale, or changes nothing. For this the file has tombstones, and the entries of which nothing but
// deadlines are left; and while a save is under way no tombstone is forgotten that such a write would need.
//
// **Consistent snapshots** have all writes up to the label, and none behind it. While one is taken each version that a write behind the
// label replaces is kept aside, and goes to a block of kind 3, if it is not known whether it has been written before.
//
// **Bad files.** A reader believes nothing: sums are checked before what they are of is used; lengths are compared with limits, and
// memory is taken as bytes arrive, in steps, so that a length that lies costs no more than the bytes there are; nor does a number of
// entries to come, for which there is room as far as the source may have them. Each of these has an error code, and a text that says
// what and where.
#ifndef TANDEM_STORE_SNAPSHOT_HPP
#define TANDEM_STORE_SNAPSHOT_HPP

#include <tandem/codec.hpp>
#include <tandem/store/bytes.hpp>
#include <tandem/store/entry.hpp>
#include <tandem/store/side_by_side.hpp>
#include <tandem/store/stream.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem {

enum class snapshot_errc {
  not_a_snapshot = 1,
  unsupported_version,
  wrong_types,
  truncated,
  corrupt,
  malformed,
  too_large,
  trailing_data
};

namespace store {

class snapshot_category_type final : public std::error_category {
 public:
  const char* name() const noexcept override { return "tandem.snapshot"; }
  std::string message(int code) const override {
    switch (static_cast<snapshot_errc>(code)) {
      case snapshot_errc::not_a_snapshot:
        return "not a snapshot of a timed_store";
      case snapshot_errc::unsupported_version:
        return "a snapshot of a version that is not supported";
      case snapshot_errc::wrong_types:
        return "a snapshot with other types of keys or values";
      case snapshot_errc::truncated:
        return "the snapshot ends too early";
      case snapshot_errc::corrupt:
        return "the snapshot is damaged: a checksum does not match";
      case snapshot_errc::malformed:
        return "the snapshot is not what its format says";
      case snapshot_errc::too_large:
        return "something in the snapshot is larger than the limits allow";
      case snapshot_errc::trailing_data:
        return "the snapshot is followed by something else";
    }
    return "unknown error";
  }
};

}  // namespace store

inline const std::error_category& snapshot_category() noexcept {
  static const store::snapshot_category_type category;
  return category;
}
inline std::error_code make_error_code(snapshot_errc e) noexcept { return {static_cast<int>(e), snapshot_category()}; }

}  // namespace tandem

template <>
struct std::is_error_code_enum<tandem::snapshot_errc> : std::true_type {};

namespace tandem {

// Of a save or a load, when it is done, and so far.
struct snapshot_report {
  std::uint64_t label = 0;       // apply the writes behind this index again
  std::uint64_t end_index = 0;   // the clock when it was done: no entry is of a later time
  std::uint64_t entries = 0;     // with tombstones
  std::uint64_t tombstones = 0;  // of these
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::string error;  // what went wrong, and where; empty if nothing did
};

struct snapshot_options {
  // For a save: of the label exactly, and of no write behind it. Needs a label; the first write behind it must not begin before on_begun
  // is called.
  bool consistent = false;
  std::function<void()> on_begun{};
  // For a save: all writes up to this index have been done. Nothing: up to the clock, as far as they have begun; see save().
  std::optional<std::uint64_t> label{};
  // How many threads save or load, the caller's among them; 0: one for each processor. Saving goes by shards, loading by blocks. The order of
  // entries in the file then changes from one save to the next. A consistent snapshot is saved by one thread.
  // Codecs, hash and equality are used by all of them.
  std::size_t threads = 1;
  // About how large blocks are.
  std::size_t block_bytes = std::size_t{256} << 10;
  // What is larger is refused, by save() too.
  std::uint64_t longest_key = std::uint64_t{64} << 10;
  std::uint64_t longest_value = std::uint64_t{1} << 30;
  std::uint64_t most_entries = ~std::uint64_t{0};
  // Called after each block, in the order of the file, by one thread at a time.
  std::function<void(const snapshot_report&)> on_progress{};
};

namespace store {

struct snapshot_format {
  static constexpr std::string_view magic = "TANDEMTS";
  static constexpr std::uint16_t major = 1;
  static constexpr std::uint16_t minor = 1;
  static constexpr std::size_t header_bytes = 64;
  static constexpr std::size_t block_header_bytes = 32;
  static constexpr std::size_t end_bytes = 32;
  static constexpr std::uint32_t entries = 1;
  static constexpr std::uint32_t end = 2;
  static constexpr std::uint32_t kept = 3;
  static constexpr unsigned has_expire = 4;
  static constexpr unsigned has_delete = 8;

  static std::uint64_t block_sum(byte_view header, byte_view payload) noexcept {
    return checksum(payload, checksum(header));
  }
  static std::uint64_t chained(std::uint64_t before, std::uint64_t sum) noexcept {
    std::array<std::byte, 8> bytes;
    detail::store_little(sum, bytes.data());
    return checksum(bytes, before);
  }
};

// An entry, as it is in blocks and as it is digested. `value` is null unless it is live.
template <class K, class V>
class entry_bytes {
 public:
  entry_bytes(const K& key, const entry_state& e, const V* value)
      : key_(key),
        state_(e),
        value_(value),
        key_bytes_(codec<K>::size(key)),
        value_bytes_(value == nullptr ? 0 : codec<V>::size(*value)) {}

  std::size_t of_key() const noexcept { return key_bytes_; }
  std::size_t of_value() const noexcept { return value_bytes_; }
  // At most so many: with room for the longest numbers.
  std::size_t most() const noexcept { return 1 + 5 * longest_varint + key_bytes_ + value_bytes_; }
  // Precondition: there is room for that. Returns where they end.
  std::byte* write(std::byte* at) const {
    unsigned flags = static_cast<unsigned>(state_.kind);
    if (state_.expire_at != never) flags |= snapshot_format::has_expire;
    if (state_.delete_at != never) flags |= snapshot_format::has_delete;
    *at++ = static_cast<std::byte>(flags);
    at = write_varint(key_bytes_, at);
    codec<K>::write(key_, at);
    at = write_varint(state_.index, at + key_bytes_);
    if (state_.expire_at != never) at = write_varint(state_.expire_at, at);
    if (state_.delete_at != never) at = write_varint(state_.delete_at, at);
    if (value_ != nullptr) {
      at = write_varint(value_bytes_, at);
      codec<V>::write(*value_, at);
      at += value_bytes_;
    }
    return at;
  }

 private:
  const K& key_;
  const entry_state& state_;
  const V* value_;
  std::size_t key_bytes_;
  std::size_t value_bytes_;
};
template <class K, class V>
void append_entry(std::vector<std::byte>& to, const K& key, const entry_state& e, const V* value) {
  entry_bytes<K, V> const bytes(key, e, value);
  std::size_t const begin = to.size();
  to.resize(begin + bytes.most());
  to.resize(static_cast<std::size_t>(bytes.write(to.data() + begin) - to.data()));
}

template <class K, class V>
struct saved_entry {
  K key;
  entry_state state;
  std::optional<V> value;
};

template <class K, class V>
std::optional<saved_entry<K, V>> read_entry(byte_reader& in, std::uint64_t longest_key, std::uint64_t longest_value) {
  auto const flags = in.number<std::uint8_t>();
  if ((flags & 0xf0) != 0) return std::nullopt;
  entry_state e;
  e.kind = static_cast<entry_kind>(flags & 3);
  std::optional<K> key = in.object<K>(longest_key);
  if (!key) return std::nullopt;
  e.index = in.varint();
  if ((flags & snapshot_format::has_expire) != 0) e.expire_at = in.varint();
  if ((flags & snapshot_format::has_delete) != 0) e.delete_at = in.varint();
  if (!in.ok()) return std::nullopt;
  // What does not come from a store. A deadline of `never` has no bit.
  bool const expires = (flags & snapshot_format::has_expire) != 0, deletes = (flags & snapshot_format::has_delete) != 0;
  if ((expires && e.expire_at == never) || (deletes && e.delete_at <= e.index) || (deletes && e.delete_at == never)) {
    return std::nullopt;
  }
  if (e.kind == entry_kind::live && expires && e.expire_at <= e.index) return std::nullopt;
  if (e.kind == entry_kind::deleted && !deletes) return std::nullopt;
  if (e.kind == entry_kind::erased && (expires || deletes)) return std::nullopt;
  std::optional<V> value;
  if (e.kind == entry_kind::live) {
    value = in.object<V>(longest_value);
    if (!value) return std::nullopt;
  }
  return saved_entry<K, V>{*std::move(key), e, std::move(value)};
}

// Blocks in the making, of one thread.
class snapshot_blocks {
 public:
  explicit snapshot_blocks(const snapshot_options& options) : options_(options) {}

  // Kept in memory until it is written. Returns false when there is something to write: a block is full, or an entry is refused.
  template <class K, class V>
  bool add(const K& key, const entry_state& e, const V* value, std::uint32_t kind = snapshot_format::entries) {
    if (refused_) return false;
    entry_bytes<K, V> const bytes(key, e, value);
    if (bytes.of_key() > options_.longest_key || bytes.of_value() > options_.longest_value) {
      refused_ = true;
      return false;
    }
    if (ends_.empty() || ends_.back().closed || ends_.back().kind != kind) begin_block(kind);
    if (memory_.size() - used_ < bytes.most()) make_room(bytes.most());
    used_ = static_cast<std::size_t>(bytes.write(memory_.data() + used_) - memory_.data());
    block& last = ends_.back();
    last.end = used_;
    ++last.entries;
    last.tombstones += std::uint32_t{is_tombstone(e.kind)};
    last.highest = std::max(last.highest, e.index);
    last.closed = last.end - last.begin >= options_.block_bytes || last.entries == most_per_block;
    return !last.closed;
  }

 private:
  friend class snapshot_writer;
  static constexpr std::uint32_t most_per_block = 1U << 30;
  struct block {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint64_t highest = 0;
    std::uint32_t kind = snapshot_format::entries;
    std::uint32_t entries = 0;
    std::uint32_t tombstones = 0;
    bool closed = false;
  };

  void begin_block(std::uint32_t kind) {
    if (!ends_.empty()) ends_.back().closed = true;
    if (memory_.size() - used_ < snapshot_format::block_header_bytes) make_room(snapshot_format::block_header_bytes);
    block fresh;
    fresh.begin = used_;
    fresh.end = used_ + snapshot_format::block_header_bytes;
    fresh.kind = kind;
    ends_.push_back(fresh);
    used_ = fresh.end;
  }
  [[gnu::noinline]] void make_room(std::size_t n) {
    memory_.resize(std::max({used_ + n, memory_.size() + memory_.size() / 2, std::size_t{4096}}));
  }
  std::span<std::byte> bytes_of(const block& b) noexcept {
    return std::span(memory_).subspan(b.begin, b.end - b.begin);
  }
  // The first blocks are written.
  void forget(std::size_t blocks) noexcept {
    if (blocks == 0) return;
    std::size_t const gone = blocks == ends_.size() ? used_ : ends_[blocks].begin;
    std::copy(memory_.begin() + static_cast<std::ptrdiff_t>(gone), memory_.begin() + static_cast<std::ptrdiff_t>(used_),
              memory_.begin());
    used_ -= gone;
    ends_.erase(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(blocks));
    for (block& b : ends_) {
      b.begin -= gone;
      b.end -= gone;
    }
  }

  const snapshot_options& options_;
  // Larger than what is used, so that it need not be cleared anew.
  std::vector<std::byte> memory_;
  std::size_t used_ = 0;
  std::vector<block> ends_;
  bool refused_ = false;
};

// Writes a snapshot. After an error it does nothing more. Blocks may come from several threads.
class snapshot_writer {
 public:
  snapshot_writer(sink& out, const snapshot_options& options, snapshot_report& report, std::error_code& error)
      : out_(out), options_(options), report_(report), error_(error) {}

  void begin(std::uint64_t label, std::uint64_t horizon, std::uint32_t key_codec, std::uint32_t value_codec,
             std::uint64_t about) {
    std::vector<std::byte> header;
    byte_writer bytes(header);
    for (char c : snapshot_format::magic) header.push_back(static_cast<std::byte>(c));
    bytes.number(snapshot_format::major);
    bytes.number(snapshot_format::minor);
    bytes.number(std::uint32_t{0});
    bytes.number(label);
    bytes.number(horizon);
    bytes.number(key_codec);
    bytes.number(value_codec);
    bytes.number(about);
    bytes.number(std::uint64_t{0});
    bytes.number(checksum(header));
    report_.label = label;
    write(header);
  }
  // Writes the blocks that are full; `all`: also one that is not. Returns whether it is worthwhile to go on.
  bool flush(snapshot_blocks& from, bool all = false) {
    auto const ready = [&](const snapshot_blocks::block& b) { return b.closed || all; };
    if (!from.refused_ && (from.ends_.empty() || !ready(from.ends_.front()))) return true;
    std::lock_guard const hold(mutex_);
    if (error_ || broken_) return false;
    // Unless this comes to its end: on_progress may throw.
    broken_ = true;
    std::size_t written = 0;
    for (const snapshot_blocks::block& b : from.ends_) {
      if (!ready(b) || error_) break;
      report_.entries += b.entries;
      report_.tombstones += b.tombstones;
      highest_ = std::max(highest_, b.highest);
      seal(from.bytes_of(b), b.kind, b.entries);
      ++written;
    }
    from.forget(written);
    if (from.refused_ && !error_) {
      std::uint64_t before = report_.entries;
      for (const snapshot_blocks::block& b : from.ends_) before += b.entries;
      fail(snapshot_errc::too_large, "entry " + std::to_string(before));
    }
    broken_ = false;
    return !error_;
  }
  // There is no memory for what a consistent snapshot has to keep.
  void fail_to_keep() {
    std::lock_guard const hold(mutex_);
    if (!error_) fail(std::make_error_code(std::errc::not_enough_memory), "while an entry was kept");
  }
  // All blocks are written.
  void end(std::uint64_t clock) {
    // A store that was loaded has a clock at the label, and may have entries of a later time.
    report_.end_index = std::max({clock, report_.label, highest_});
    std::vector<std::byte> last(snapshot_format::block_header_bytes);
    byte_writer bytes(last);
    bytes.number(report_.entries);
    bytes.number(report_.tombstones);
    bytes.number(report_.end_index);
    bytes.number(chain_);
    seal(last, snapshot_format::end, 0);
  }

 private:
  void fail(std::error_code e, std::string_view what) {
    error_ = e;
    report_.error = error_.message() + ": " + std::string(what);
  }
  // Fills in the header that the block begins with, and writes it.
  void seal(std::span<std::byte> bytes, std::uint32_t kind, std::uint32_t entries) {
    byte_view const payload = bytes.subspan(snapshot_format::block_header_bytes);
    detail::store_little(kind, bytes.data());
    detail::store_little(entries, bytes.data() + 4);
    detail::store_little(report_.blocks, bytes.data() + 8);
    detail::store_little(std::uint64_t{payload.size()}, bytes.data() + 16);
    std::uint64_t const sum = snapshot_format::block_sum(bytes.first(24), payload);
    detail::store_little(sum, bytes.data() + 24);
    chain_ = snapshot_format::chained(chain_, sum);
    write(bytes);
    ++report_.blocks;
    if (!error_ && options_.on_progress) options_.on_progress(report_);
  }
  void write(byte_view bytes) {
    if (error_) return;
    std::error_code error;
    out_.write(bytes, error);
    if (error) {
      fail(error, "while writing at byte " + std::to_string(report_.bytes));
    } else {
      report_.bytes += bytes.size();
    }
  }

  sink& out_;
  const snapshot_options& options_;
  snapshot_report& report_;
  std::error_code& error_;
  std::mutex mutex_;
  bool broken_ = false;
  std::uint64_t chain_ = 0;
  std::uint64_t highest_ = 0;
};

// Reads a snapshot: accept(saved_entry<K, V>&&) for each entry returns whether its key is new.
//
// With several threads some blocks are fetched, and then read by all of them; accept is then called by several at once. If there is anything
// wrong, take_back(key) undoes what accept has done of these blocks, and one thread reads them once more, from the first one on: so
// what is said of a bad file is always the same.
template <class K, class V>
class snapshot_reader {
 public:
  snapshot_reader(source& in, const snapshot_options& options, snapshot_report& report, std::error_code& error)
      : in_(in), options_(options), report_(report), error_(error) {}

  std::uint64_t horizon() const noexcept { return horizon_; }
  // How many entries to make room for: so many as are said to come, if the source may have as many. Where it is not known how long that
  // is, in steps, and not many more than there were.
  std::uint64_t expected() const noexcept {
    constexpr std::uint64_t least_bytes = 16;
    std::uint64_t const possible = in_.size() / least_bytes;
    return std::min(about_, std::max({at_first, possible, std::uint64_t{8} << std::bit_width(report_.entries)}));
  }

  // before_blocks() is called before each block, or before some.
  template <class Accept, class TakeBack, class Before>
  void read(Accept&& accept, TakeBack&& take_back, Before&& before_blocks) {
    std::size_t const threads = thread_count_for(options_.threads);
    read_header();
    while (!error_ && !at_end_) {
      before_blocks();
      if (threads == 1) {
        blocks_.resize(1);
        fetch_block(blocks_[0]);
        read_block(blocks_[0], accept);
      } else {
        read_blocks(threads, accept, take_back);
      }
    }
    if (error_) return;
    std::byte more;
    std::size_t const n = in_.read({&more, 1}, error_);
    if (!error_ && n != 0) fail(snapshot_errc::trailing_data, "behind the end block");
  }

 private:
  static constexpr std::size_t step = std::size_t{1} << 20;
  static constexpr std::uint64_t at_first = std::uint64_t{1} << 16;
  // How many bytes several threads read at a time; fewer first, as there is room for some entries only.
  static constexpr std::size_t some_bytes = std::size_t{4} << 20;
  static constexpr std::size_t first_bytes = std::size_t{1} << 20;
  static constexpr std::size_t some_blocks = 64;

  struct block {
    std::vector<std::byte> header;
    std::vector<std::byte> payload;
    std::uint64_t begin = 0;  // in the file
    std::uint64_t end = 0;
    std::error_code error;  // while it was fetched
    std::string text;

    std::uint32_t kind() const noexcept { return detail::load_little<std::uint32_t>(header.data()); }
    std::uint32_t entries() const noexcept { return detail::load_little<std::uint32_t>(header.data() + 4); }
    std::uint64_t number() const noexcept { return detail::load_little<std::uint64_t>(header.data() + 8); }
    std::uint64_t length() const noexcept { return detail::load_little<std::uint64_t>(header.data() + 16); }
    std::uint64_t sum() const noexcept { return detail::load_little<std::uint64_t>(header.data() + 24); }
    bool is_whole() const noexcept { return sum() == snapshot_format::block_sum(byte_view(header).first(24), payload); }
  };
  // What one of several threads has made of a block.
  struct outcome {
    bool right = false;
    std::uint32_t accepted = 0;  // or refused, as the key was there
    std::vector<std::uint32_t> refused;
    std::uint64_t tombstones = 0;
    std::uint64_t highest = 0;
  };

  void fail(snapshot_errc e, std::string_view what) {
    error_ = e;
    report_.error = error_.message() + ": " + std::string(what) + ", block " + std::to_string(report_.blocks + ahead_) +
                    ", which begins at byte " + std::to_string(begin_);
  }
  // Exactly so many bytes. In steps, so that they are there before the memory is taken.
  bool fetch(std::vector<std::byte>& to, std::uint64_t n, std::string_view what) {
    to.clear();
    while (to.size() != n) {
      std::size_t const at = to.size();
      std::size_t const some = static_cast<std::size_t>(std::min<std::uint64_t>(step, n - at));
      if (to.capacity() < at + some) to.reserve(std::max(at + some, 2 * at));
      to.resize(at + some);
      std::size_t const got = in_.read(std::span(to).subspan(at), error_);
      if (error_) {
        report_.error = error_.message() + ": while reading at byte " + std::to_string(fetched_);
        return false;
      }
      fetched_ += got;
      if (got != some) {
        fail(snapshot_errc::truncated, "at byte " + std::to_string(fetched_) + ", in " + std::string(what));
        return false;
      }
    }
    return true;
  }

  void read_header() {
    std::vector<std::byte> bytes;
    // As far as one can tell: what is no snapshot is rarely one that is cut off.
    bool there = fetch(bytes, snapshot_format::magic.size(), "the header");
    report_.bytes = fetched_;
    if (!there) return;
    if (std::memcmp(bytes.data(), snapshot_format::magic.data(), bytes.size()) != 0) {
      return fail(snapshot_errc::not_a_snapshot, "its first 8 bytes");
    }
    std::vector<std::byte> rest;
    there = fetch(rest, snapshot_format::header_bytes - bytes.size(), "the header");
    report_.bytes = fetched_;
    if (!there) return;
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    byte_reader in(bytes);
    in.bytes(snapshot_format::magic.size());
    auto const major = in.number<std::uint16_t>();
    in.number<std::uint16_t>();
    auto const flags = in.number<std::uint32_t>();
    report_.label = in.number<std::uint64_t>();
    horizon_ = in.number<std::uint64_t>();
    auto const key_codec = in.number<std::uint32_t>();
    auto const value_codec = in.number<std::uint32_t>();
    about_ = in.number<std::uint64_t>();
    if (major != snapshot_format::major) {
      return fail(snapshot_errc::unsupported_version, "version " + std::to_string(major) + " in the header");
    }
    if (detail::load_little<std::uint64_t>(bytes.data() + 56) != checksum(byte_view(bytes).first(56))) {
      return fail(snapshot_errc::corrupt, "the header");
    }
    if (flags != 0) return fail(snapshot_errc::unsupported_version, "flags in the header");
    if (key_codec != codec<K>::id || value_codec != codec<V>::id) {
      return fail(snapshot_errc::wrong_types, "keys of codec " + std::to_string(key_codec) + " and values of codec " +
                                                  std::to_string(value_codec) + " in the header");
    }
    begin_ = fetched_;
  }

  // Errors are kept with the block, which may come behind others that are to be read first.
  void fetch_block(block& b) {
    b.begin = begin_ = fetched_;
    b.error.clear();
    b.text.clear();
    bool const there = fetch(b.header, snapshot_format::block_header_bytes, "the header of a block") &&
                       fetch(b.payload, b.length(), "a block of " + std::to_string(b.length()) + " bytes");
    b.end = fetched_;
    if (there) return;
    b.error = std::exchange(error_, std::error_code());
    b.text = std::exchange(report_.error, std::string());
  }

  template <class Accept>
  void read_block(block& b, Accept& accept) {
    begin_ = b.begin;
    report_.bytes = b.end;
    if (b.error) {
      error_ = b.error;
      report_.error = b.text;
      return;
    }
    std::uint64_t const length = b.length();
    if (!b.is_whole()) return fail(snapshot_errc::corrupt, "a block of " + std::to_string(length) + " bytes");
    if (b.number() != report_.blocks) {
      return fail(snapshot_errc::malformed, "block " + std::to_string(b.number()) + " is here");
    }
    byte_reader in(b.payload);
    std::uint32_t const kind = b.kind();
    std::uint32_t const entries = b.entries();
    if (kind == snapshot_format::entries || kind == snapshot_format::kept) {
      for (std::uint32_t i = 0; i != entries && !error_; ++i) read_one(in, i, kind, accept);
      if (!error_ && !in.at_end()) fail(snapshot_errc::malformed, "more bytes than entries");
    } else if (kind == snapshot_format::end) {
      read_end(in, entries);
    } else {
      fail(snapshot_errc::malformed, "a block of unknown kind " + std::to_string(kind));
    }
    if (!error_) count(b);
  }
  void count(const block& b) {
    chain_ = snapshot_format::chained(chain_, b.sum());
    ++report_.blocks;
    if (options_.on_progress) options_.on_progress(report_);
  }
  template <class Accept>
  void read_one(byte_reader& in, std::uint32_t i, std::uint32_t kind, Accept& accept) {
    auto entry = read_entry<K, V>(in, options_.longest_key, options_.longest_value);
    if (!entry) return fail(snapshot_errc::malformed, "entry " + std::to_string(i) + " of the block");
    if (report_.entries == options_.most_entries) return fail(snapshot_errc::too_large, "the number of entries");
    ++report_.entries;
    report_.tombstones += std::uint64_t{is_tombstone(entry->state.kind)};
    highest_ = std::max(highest_, entry->state.index);
    if (!accept(*std::move(entry)) && kind != snapshot_format::kept) {
      fail(snapshot_errc::malformed, "the key of entry " + std::to_string(i) + " of the block is there twice");
    }
  }
  void read_end(byte_reader& in, std::uint32_t entries) {
    auto const all = in.number<std::uint64_t>();
    auto const tombstones = in.number<std::uint64_t>();
    report_.end_index = in.number<std::uint64_t>();
    auto const chain = in.number<std::uint64_t>();
    bool const right = in.ok() && in.at_end() && entries == 0 && all == report_.entries &&
                       tombstones == report_.tombstones && chain == chain_;
    if (!right) return fail(snapshot_errc::malformed, "the end block does not match what is before it");
    if (report_.end_index < highest_ || report_.end_index < report_.label) {
      return fail(snapshot_errc::malformed, "an index is beyond the clock");
    }
    at_end_ = true;
  }

  // ---- By several threads: blocks of entries that are in one block only. Others are read by one, at their place.

  template <class Accept, class TakeBack>
  void read_blocks(std::size_t threads, Accept& accept, TakeBack& take_back) {
    std::size_t const most = report_.entries == 0 ? first_bytes : some_bytes;
    std::size_t n = 0;
    std::size_t together = 0;
    std::size_t bytes = 0;
    do {
      if (n == blocks_.size()) blocks_.emplace_back();
      block& b = blocks_[n];
      ahead_ = n;
      fetch_block(b);
      ++n;
      if (b.error || b.kind() != snapshot_format::entries) break;
      together = n;
      bytes += b.payload.size();
    } while (bytes < most && n != some_blocks);
    ahead_ = 0;
    if (together < 2 || !read_together(threads, together, accept, take_back)) together = 0;
    for (std::size_t i = together; i != n && !error_; ++i) read_block(blocks_[i], accept);
  }
  // Returns whether they were all right, and are counted.
  template <class Accept, class TakeBack>
  bool read_together(std::size_t threads, std::size_t n, Accept& accept, TakeBack& take_back) {
    std::vector<outcome> outcomes(n);
    std::uint64_t entries = report_.entries;
    for (std::size_t i = 0; i != n; ++i) entries += blocks_[i].entries();
    bool right = entries <= options_.most_entries;
    if (right) {
      side_by_side(threads, n, [&](auto&& take) {
        while (auto const i = take()) read_aside(blocks_[*i], report_.blocks + *i, outcomes[*i], accept);
      });
    }
    for (const outcome& o : outcomes) right = right && o.right;
    if (!right) {
      for (std::size_t i = 0; i != n; ++i) undo(blocks_[i], outcomes[i], take_back);
      return false;
    }
    for (std::size_t i = 0; i != n; ++i) {
      report_.bytes = blocks_[i].end;
      report_.entries += outcomes[i].accepted;
      report_.tombstones += outcomes[i].tombstones;
      highest_ = std::max(highest_, outcomes[i].highest);
      count(blocks_[i]);
    }
    return true;
  }
  template <class Accept>
  void read_aside(const block& b, std::uint64_t number, outcome& o, Accept& accept) const {
    if (!b.is_whole() || b.number() != number) return;
    byte_reader in(b.payload);
    while (o.accepted != b.entries()) {
      auto entry = read_entry<K, V>(in, options_.longest_key, options_.longest_value);
      if (!entry) return;
      o.tombstones += std::uint64_t{is_tombstone(entry->state.kind)};
      o.highest = std::max(o.highest, entry->state.index);
      if (!accept(*std::move(entry))) o.refused.push_back(o.accepted);
      ++o.accepted;
    }
    o.right = in.at_end() && o.refused.empty();
  }
  template <class TakeBack>
  void undo(const block& b, const outcome& o, TakeBack& take_back) const {
    byte_reader in(b.payload);
    auto refused = o.refused.begin();
    for (std::uint32_t i = 0; i != o.accepted; ++i) {
      auto const entry = read_entry<K, V>(in, options_.longest_key, options_.longest_value);
      if (refused != o.refused.end() && *refused == i) {
        ++refused;
      } else {
        take_back(entry->key);
      }
    }
  }

  source& in_;
  const snapshot_options& options_;
  snapshot_report& report_;
  std::error_code& error_;
  std::vector<block> blocks_;
  std::uint64_t fetched_ = 0;  // bytes
  std::uint64_t begin_ = 0;    // of the block
  std::uint64_t ahead_ = 0;    // how many blocks it is behind those that are read
  std::uint64_t horizon_ = 0;
  std::uint64_t about_ = 0;
  std::uint64_t chain_ = 0;
  std::uint64_t highest_ = 0;
  bool at_end_ = false;
};

}  // namespace store

}  // namespace tandem

#endif
