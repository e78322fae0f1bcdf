// Writes of a timed_store as bytes, for a log that drives replicas: timed_store::encode() and apply().
//
//   1 byte       what: 1 set, 2 set_if_unset, 3 compare_and_set, 4 compare_and_erase, 5 touch, 6 persist, 7 expire, 8 erase,
//                9 advance, 10 set_stale_horizon
//   varint, ...  length of the key, key: for 1 to 8
//   varint       the expected index: for 3 and 4; the horizon: for 10
//   varint, ...  length of the value, value: for 1 to 3
//   varint, ...  expire_in, delete_in: for 1, 2, 3 and 5
//
// and nothing more. The index is not part of it: it is the position in the log. (varint: bytes.hpp.)
#ifndef TANDEM_STORE_COMMAND_HPP
#define TANDEM_STORE_COMMAND_HPP

#include <tandem/codec.hpp>
#include <tandem/store/bytes.hpp>
#include <tandem/store/entry.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace tandem {

enum class command_kind : std::uint8_t {
  set = 1,
  set_if_unset,
  compare_and_set,
  compare_and_erase,
  touch,
  persist,
  expire,
  erase,
  advance,
  set_stale_horizon
};

template <class K, class V>
struct store_command {
  command_kind what = command_kind::advance;
  std::optional<K> key{};    // but for advance and set_stale_horizon
  std::optional<V> value{};  // for set, set_if_unset, compare_and_set
  std::uint64_t index = 0;   // the expected one; the horizon
  std::uint64_t expire_in = 0, delete_in = 0;
};

namespace store {

constexpr bool has_key(command_kind k) noexcept { return k < command_kind::advance; }
constexpr bool has_index(command_kind k) noexcept {
  return k == command_kind::compare_and_set || k == command_kind::compare_and_erase ||
         k == command_kind::set_stale_horizon;
}
constexpr bool has_value(command_kind k) noexcept { return k <= command_kind::compare_and_set; }
constexpr bool has_deadlines(command_kind k) noexcept { return has_value(k) || k == command_kind::touch; }

// Precondition: what it has to have is there.
template <encodable K, encodable V>
std::vector<std::byte> encode_command(const store_command<K, V>& c) {
  std::vector<std::byte> bytes;
  byte_writer out(bytes);
  out.number(static_cast<std::uint8_t>(c.what));
  if (has_key(c.what)) out.object(c.key.value());
  if (has_index(c.what)) out.varint(c.index);
  if (has_value(c.what)) out.object(c.value.value());
  if (has_deadlines(c.what)) {
    out.varint(c.expire_in);
    out.varint(c.delete_in);
  }
  return bytes;
}

// Nothing if that is not a command, all of it.
template <encodable K, encodable V>
std::optional<store_command<K, V>> decode_command(byte_view bytes) {
  constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();
  byte_reader in(bytes);
  auto const what = in.number<std::uint8_t>();
  if (what < 1 || what > static_cast<std::uint8_t>(command_kind::set_stale_horizon)) return std::nullopt;
  store_command<K, V> c;
  c.what = static_cast<command_kind>(what);
  if (has_key(c.what)) c.key = in.object<K>(any);
  if (has_index(c.what)) c.index = in.varint();
  if (has_value(c.what)) c.value = in.object<V>(any);
  if (has_deadlines(c.what)) {
    c.expire_in = in.varint();
    c.delete_in = in.varint();
  }
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return c;
}

}  // namespace store

}  // namespace tandem

#endif
