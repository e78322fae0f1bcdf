// Whatever bytes a codec is given, it reads nothing beyond them; and what it makes something of is what it writes for that, so that
// equal values have equal bytes. The same for numbers of variable length, entries and commands.
//
//   1 byte: of what these bytes are; the bytes
#include <tandem/codec.hpp>
#include <tandem/store/bytes.hpp>
#include <tandem/store/command.hpp>
#include <tandem/store/snapshot.hpp>

#include "fuzz/body.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::codec;
using tandem::store::byte_reader;
using tandem::store::byte_writer;
using bytes = std::vector<std::byte>;

enum class small : std::int16_t { one = 1 };
struct point {
  std::uint32_t x = 0;
  std::uint32_t y = 0;
};

template <class T>
void check_value(std::span<const std::byte> from) {
  std::optional<T> const value = codec<T>::read(from);
  if (!value) return note("no value");
  note("a value");
  bytes again(codec<T>::size(*value));
  codec<T>::write(*value, again.data());
  expect(std::ranges::equal(again, from), "a value is written as it was read");
}

template <class T>
void check_object(std::span<const std::byte> from, std::uint64_t longest) {
  byte_reader in(from);
  std::optional<T> const value = in.object<T>(longest);
  expect(value.has_value() == in.ok(), "a reader that fails gives nothing");
  if (!value) {
    expect(in.left() == 0 && in.number<std::uint64_t>() == 0 && in.varint() == 0, "and nothing from then on");
    return note("no object");
  }
  note("an object");
  expect(codec<T>::size(*value) <= longest, "a limit holds");
  bytes again;
  byte_writer(again).object(*value);
  expect(std::ranges::equal(again, from.first(from.size() - in.left())), "an object has one form");
}

void check_numbers(std::span<const std::byte> from) {
  byte_reader in(from);
  while (!in.at_end()) {
    auto const rest = from.last(in.left());
    std::uint64_t const n = in.varint();
    if (!in.ok()) return note("no number");
    note("a number");
    bytes again;
    byte_writer(again).varint(n);
    expect(std::ranges::equal(again, rest.first(rest.size() - in.left())), "a number has one form");
  }
}

template <class K, class V>
void check_entry(std::span<const std::byte> from, std::uint64_t longest) {
  byte_reader in(from);
  auto const entry = tandem::store::read_entry<K, V>(in, longest, longest);
  if (!entry) return note("no entry");
  note("an entry");
  auto const& e = entry->state;
  expect(entry->value.has_value() == (e.kind == tandem::store::entry_kind::live), "who lives has a value");
  expect(!e.is_forgotten(0), "who is there is remembered");
  bytes again;
  tandem::store::append_entry<K, V>(again, entry->key, e, entry->value ? &*entry->value : nullptr);
  expect(std::ranges::equal(again, from.first(from.size() - in.left())), "an entry has one form");
}

template <class K, class V>
void check_command(std::span<const std::byte> from) {
  auto const c = tandem::store::decode_command<K, V>(from);
  if (!c) return note("no command");
  note("a command");
  expect(std::ranges::equal(tandem::store::encode_command(*c), from), "a command has one form");
}

}  // namespace

std::vector<std::string> tandem::test::cases() {
  return {"a value",   "no value", "an object", "no object", "a number",
          "no number", "an entry", "no entry",  "a command", "no command"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  auto const from = bytes_of(data, size).subspan(1);
  switch (data[0] % 16) {
    case 0:
      check_value<std::string>(from);
      break;
    case 1:
      check_value<bool>(from);
      break;
    case 2:
      check_value<std::int8_t>(from);
      check_value<std::uint16_t>(from);
      break;
    case 3:
      check_value<std::int32_t>(from);
      check_value<std::uint64_t>(from);
      break;
    case 4:
      check_value<float>(from);
      check_value<double>(from);
      break;
    case 5:
      check_value<small>(from);
      check_value<point>(from);
      break;
    case 6:
      check_object<std::string>(from, 100);
      break;
    case 7:
      check_object<std::string>(from, ~std::uint64_t{0});
      break;
    case 8:
      check_object<double>(from, ~std::uint64_t{0});
      break;
    case 9:
      check_object<point>(from, 8);
      break;
    case 10:
      check_numbers(from);
      break;
    case 11:
      check_entry<std::string, std::string>(from, ~std::uint64_t{0});
      break;
    case 12:
      check_entry<std::uint32_t, point>(from, 8);
      break;
    case 13:
      check_command<std::string, std::string>(from);
      break;
    default:
      check_command<bool, std::int64_t>(from);
  }
  return 0;
}
