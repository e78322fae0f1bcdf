// The format of durable_store's files, version 1.0: segments of the log, and checkpoints, which have the same form.
//
// All numbers are little-endian. `sum`: 64 bits of XXH3, with a seed.
//
//   L<lane>-<number>.log          a segment; lane in decimal, number in 20 decimal digits, from 1 on
//   checkpoint-<number>.image     a checkpoint; numbers as above
//   checkpoint-<number>.image.tmp one that was never finished: not to be read
//   LOCK                          says who has the folder open; see file_system.hpp
//
//   segment  = header, record, ..., record, seal         the last segment of a lane may have no seal, and so may one that a failed
//                                                         sync has ended: see `previous end`
//   image    = header, positions, record, ..., record, seal
//
//   header   96 bytes
//     0   8  "TANDEMDL", of a checkpoint "TANDEMDC"
//     8   2  major version: 1. A reader refuses another one
//    10   2  minor version: 0. A reader takes any
//    12   4  lane; 0 in a checkpoint
//    16  16  store: the same random bytes in all files of a folder
//    32   8  number, as in the name
//    40   8  salt: random, another one in each file
//    48   8  previous end: how many bytes of the lane's previous segment count, at least; 0 if there is none. What is behind them there
//            does not count: a sync has failed, and this segment has it again, or its writers know that it is lost
//    56   4  codec id of the keys, and 60, 4, of the values (codec.hpp)
//    64  24  0
//    88   8  sum of the 88 bytes before, seed 0
//
//   record   64 bytes, key, value
//     0   8  salt of the file
//     8   8  sum of the 48 bytes from 16 on, its seed being the salt
//    16   8  sum of key and value, which are one after the other, seed 0
//    24   8  version
//    32   8  seq: counts the writes of the store, in all its lanes, from 1 on
//    40   8  synced: how many bytes of this file were known to be on the disk when this was written; 0 in a checkpoint
//    48   4  bytes of the key
//    52   1  type: 1 put, 2 erase, 3 seal, 4 positions
//    53   3  0
//    56   8  bytes of the value; 0 if this is an erase
//    64      key, value
//
//   seal     a record without key, version and seq; its value is 32 bytes. Nothing follows
//     0   8  records before it, positions not counted
//     8   8  bytes before it
//    16   8  smallest version of these records, and 24, 8, the largest; both 0 if there is none
//   All before it was on the disk when it was written.
//
//   positions   a record without key, version and seq; its value
//     0   8  seq of the next write, or more: to go on from
//     8   4  lanes, and for each of them 12 bytes:
//            4  lane
//            8  number of a segment: what is in it and in those before it is in the image
//
// **What counts.** For each key the put or erase of the largest version; of equal ones that of the smallest seq. The same record, with the
// same seq, may be there twice. Records of a key are in one segment or another, in any order.
//
// **Reading a segment.** Record by record: the salt, the header's sum, the length against what is left of the file, the sum of key and
// value. Where one of these is wrong the place is bad. Is a bad place damage, or what a crash has left of writes that nobody was
// promised? In a segment with a successor: damage if it is before the successor's `previous end`; else the segment ends there. In
// the last segment of a lane: damage if anything valid behind it has a `synced` beyond it, for then it was on the disk once;
// otherwise the tail is torn, and the segment ends there. (That something valid follows is not enough: a disk may have written
// a later page and not an earlier one.) A file of at most 96 bytes with a bad header, and without a successor, is one
// that was just being made.
#ifndef TANDEM_STORE_SEGMENT_HPP
#define TANDEM_STORE_SEGMENT_HPP

#include <tandem/codec.hpp>
#include <tandem/store/bytes.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::store {

using store_id = std::array<std::byte, 16>;

enum class record_type : std::uint8_t { put = 1, erase = 2, seal = 3, positions = 4 };

struct segment_format {
  static constexpr std::string_view segment_magic = "TANDEMDL";
  static constexpr std::string_view checkpoint_magic = "TANDEMDC";
  static constexpr std::uint16_t major = 1;
  static constexpr std::uint16_t minor = 0;
  static constexpr std::size_t header_bytes = 96;
  static constexpr std::size_t record_bytes = 64;  // without key and value
  static constexpr std::size_t seal_bytes = 32;
};

// ---- Names.

inline std::string digits20(std::uint64_t n) {
  std::string text = std::to_string(n);
  return std::string(20 - text.size(), '0') + text;
}
inline std::string segment_name(std::uint32_t lane, std::uint64_t number) {
  return "L" + std::to_string(lane) + "-" + digits20(number) + ".log";
}
inline std::string checkpoint_name(std::uint64_t number) { return "checkpoint-" + digits20(number) + ".image"; }

struct parsed_name {
  enum class kind { segment, checkpoint, unfinished };
  kind what = kind::segment;
  std::uint32_t lane = 0;
  std::uint64_t number = 0;
};
// Nothing if it is none of ours.
inline std::optional<parsed_name> parse_name(std::string_view name) {
  auto const number_in = [](std::string_view text, auto& n) {
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    return error == std::errc() && end == text.data() + text.size();
  };
  parsed_name p;
  if (name.starts_with("L") && name.ends_with(".log")) {
    std::size_t const dash = name.find('-');
    if (dash == name.npos || !number_in(name.substr(1, dash - 1), p.lane)) return std::nullopt;
    if (!number_in(name.substr(dash + 1, name.size() - dash - 5), p.number)) return std::nullopt;
    return name == segment_name(p.lane, p.number) ? std::optional(p) : std::nullopt;
  }
  p.what = parsed_name::kind::checkpoint;
  constexpr std::string_view unfinished = ".tmp";
  std::string_view rest = name;
  if (rest.ends_with(unfinished)) {
    p.what = parsed_name::kind::unfinished;
    rest.remove_suffix(unfinished.size());
  }
  if (!rest.starts_with("checkpoint-") || rest.size() < 31 || !number_in(rest.substr(11, 20), p.number)) return {};
  return rest == checkpoint_name(p.number) ? std::optional(p) : std::nullopt;
}

// ---- The header of a file.

struct segment_header {
  bool is_checkpoint = false;
  std::uint16_t major = segment_format::major;
  std::uint32_t lane = 0;
  store_id store{};
  std::uint64_t number = 0;
  std::uint64_t salt = 0;
  std::uint64_t previous_end = 0;
  std::uint32_t key_codec = 0;
  std::uint32_t value_codec = 0;
};

inline std::array<std::byte, segment_format::header_bytes> encode_header(const segment_header& h) {
  std::array<std::byte, segment_format::header_bytes> bytes{};
  std::byte* const to = bytes.data();
  std::string_view const magic = h.is_checkpoint ? segment_format::checkpoint_magic : segment_format::segment_magic;
  std::memcpy(to, magic.data(), magic.size());
  detail::store_little(h.major, to + 8);
  detail::store_little(segment_format::minor, to + 10);
  detail::store_little(h.lane, to + 12);
  std::memcpy(to + 16, h.store.data(), h.store.size());
  detail::store_little(h.number, to + 32);
  detail::store_little(h.salt, to + 40);
  detail::store_little(h.previous_end, to + 48);
  detail::store_little(h.key_codec, to + 56);
  detail::store_little(h.value_codec, to + 60);
  detail::store_little(checksum(byte_view(bytes).first(88)), to + 88);
  return bytes;
}
// Nothing if that is no header, or a damaged one. Of another version it may be.
inline std::optional<segment_header> decode_header(byte_view bytes) {
  if (bytes.size() < segment_format::header_bytes) return std::nullopt;
  const std::byte* const from = bytes.data();
  segment_header h;
  std::string_view const magic(reinterpret_cast<const char*>(from), 8);
  h.is_checkpoint = magic == segment_format::checkpoint_magic;
  if (!h.is_checkpoint && magic != segment_format::segment_magic) return std::nullopt;
  if (detail::load_little<std::uint64_t>(from + 88) != checksum(bytes.first(88))) return std::nullopt;
  h.major = detail::load_little<std::uint16_t>(from + 8);
  h.lane = detail::load_little<std::uint32_t>(from + 12);
  std::memcpy(h.store.data(), from + 16, h.store.size());
  h.number = detail::load_little<std::uint64_t>(from + 32);
  h.salt = detail::load_little<std::uint64_t>(from + 40);
  h.previous_end = detail::load_little<std::uint64_t>(from + 48);
  h.key_codec = detail::load_little<std::uint32_t>(from + 56);
  h.value_codec = detail::load_little<std::uint32_t>(from + 60);
  return h;
}

// Of salts, stores.
inline std::uint64_t random_number() {
  std::random_device random;
  std::uint64_t n = 0;
  for (int i = 0; i != 4; ++i) n = (n << 16) ^ (random() & 0xffff);
  return n;
}

// ---- Records.

struct record_header {
  record_type type = record_type::put;
  std::uint64_t version = 0;
  std::uint64_t seq = 0;
  std::uint64_t synced = 0;
  std::uint64_t payload_sum = 0;
  std::uint32_t key_bytes = 0;
  std::uint64_t value_bytes = 0;

  std::uint64_t payload_bytes() const noexcept { return key_bytes + value_bytes; }
  std::uint64_t bytes() const noexcept { return segment_format::record_bytes + payload_bytes(); }
};

// A record without what is only known when it is written: salt, synced, and the sum of these; seq may come later too. Its 64 bytes;
// key and value are behind them already.
inline void begin_record(std::byte* to, const record_header& h) noexcept {
  std::memset(to, 0, segment_format::record_bytes);
  byte_view const payload(to + segment_format::record_bytes, static_cast<std::size_t>(h.payload_bytes()));
  detail::store_little(checksum(payload), to + 16);
  detail::store_little(h.version, to + 24);
  detail::store_little(h.seq, to + 32);
  detail::store_little(h.key_bytes, to + 48);
  to[52] = static_cast<std::byte>(h.type);
  detail::store_little(h.value_bytes, to + 56);
}
inline void set_seq(std::byte* record, std::uint64_t seq) noexcept { detail::store_little(seq, record + 32); }
// Any number of times: what is written again to another file gets that file's salt.
inline void finish_record(std::byte* record, std::uint64_t salt, std::uint64_t synced) noexcept {
  detail::store_little(salt, record);
  detail::store_little(synced, record + 40);
  detail::store_little(checksum(byte_view(record + 16, 48), salt), record + 8);
}
// How long a record is that begin_record() has made.
inline std::uint64_t record_length(const std::byte* record) noexcept {
  return segment_format::record_bytes + detail::load_little<std::uint32_t>(record + 48) +
         detail::load_little<std::uint64_t>(record + 56);
}
inline std::uint64_t record_version(const std::byte* record) noexcept {
  return detail::load_little<std::uint64_t>(record + 24);
}

inline std::uint64_t record_seq(const std::byte* record) noexcept {
  return detail::load_little<std::uint64_t>(record + 32);
}
inline record_type record_kind(const std::byte* record) noexcept { return static_cast<record_type>(record[52]); }
// Precondition: it is whole.
inline byte_view record_value(const std::byte* record) noexcept {
  return {record + segment_format::record_bytes + detail::load_little<std::uint32_t>(record + 48),
          static_cast<std::size_t>(detail::load_little<std::uint64_t>(record + 56))};
}

// Of 64 bytes. Nothing if they are not the beginning of a record of this file.
inline std::optional<record_header> decode_record(const std::byte* from, std::uint64_t salt) noexcept {
  if (detail::load_little<std::uint64_t>(from) != salt) return std::nullopt;
  if (detail::load_little<std::uint64_t>(from + 8) != checksum(byte_view(from + 16, 48), salt)) return std::nullopt;
  record_header h;
  h.payload_sum = detail::load_little<std::uint64_t>(from + 16);
  h.version = detail::load_little<std::uint64_t>(from + 24);
  h.seq = detail::load_little<std::uint64_t>(from + 32);
  h.synced = detail::load_little<std::uint64_t>(from + 40);
  h.key_bytes = detail::load_little<std::uint32_t>(from + 48);
  h.type = static_cast<record_type>(from[52]);
  h.value_bytes = detail::load_little<std::uint64_t>(from + 56);
  bool const known = h.type >= record_type::put && h.type <= record_type::positions;
  bool const zeros = from[53] == std::byte{0} && from[54] == std::byte{0} && from[55] == std::byte{0};
  bool const sized = h.value_bytes <= std::numeric_limits<std::uint64_t>::max() / 2;
  return known && zeros && sized ? std::optional(h) : std::nullopt;
}

inline constexpr std::uint64_t most_key_bytes = std::numeric_limits<std::uint32_t>::max();

// Bytes that are not set before they are written.
template <class T>
struct unset_allocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = unset_allocator<U>;
  };
  unset_allocator() = default;
  template <class U>
  unset_allocator(const unset_allocator<U>&) noexcept {}
  template <class U, class... Args>
  void construct(U* at, Args&&... args) {
    if constexpr (sizeof...(Args) == 0) {
      ::new (static_cast<void*>(at)) U;
    } else {
      ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
    }
  }
};
using record_buffer = std::vector<std::byte, unset_allocator<std::byte>>;
inline void append_to(record_buffer& to, byte_view bytes) {
  std::size_t const at = to.size();
  to.resize(at + bytes.size());
  std::memcpy(to.data() + at, bytes.data(), bytes.size());
}

// A put, or, if `value` is null, an erase, to `to`, which becomes as long as it.
template <encodable K, encodable V>
void encode_record(record_buffer& to, const K& key, const V* value, std::uint64_t new_version, std::size_t key_bytes,
                   std::size_t value_bytes) {
  to.resize(segment_format::record_bytes + key_bytes + value_bytes);
  codec<K>::write(key, to.data() + segment_format::record_bytes);
  if (value != nullptr) codec<V>::write(*value, to.data() + segment_format::record_bytes + key_bytes);
  record_header h;
  h.type = value == nullptr ? record_type::erase : record_type::put;
  h.version = new_version;
  h.key_bytes = static_cast<std::uint32_t>(key_bytes);
  h.value_bytes = value_bytes;
  begin_record(to.data(), h);
}

// What a file's records have been, so far: for its seal.
struct segment_summary {
  std::uint64_t records = 0;
  std::uint64_t lowest = 0;
  std::uint64_t highest = 0;

  void add(std::uint64_t added) noexcept {
    lowest = records == 0 ? added : std::min(lowest, added);
    highest = std::max(highest, added);
    ++records;
  }
};

inline std::vector<std::byte> encode_seal(const segment_summary& s, std::uint64_t bytes_before) {
  std::vector<std::byte> record(segment_format::record_bytes + segment_format::seal_bytes);
  std::byte* const value = record.data() + segment_format::record_bytes;
  detail::store_little(s.records, value);
  detail::store_little(bytes_before, value + 8);
  detail::store_little(s.lowest, value + 16);
  detail::store_little(s.highest, value + 24);
  record_header h;
  h.type = record_type::seal;
  h.value_bytes = segment_format::seal_bytes;
  begin_record(record.data(), h);
  return record;
}
inline bool seal_is_of(byte_view value, const segment_summary& s, std::uint64_t bytes_before) noexcept {
  if (value.size() != segment_format::seal_bytes) return false;
  auto const number = [&](std::size_t at) { return detail::load_little<std::uint64_t>(value.data() + at); };
  return number(0) == s.records && number(8) == bytes_before && number(16) == s.lowest && number(24) == s.highest;
}

}  // namespace tandem::store

#endif
