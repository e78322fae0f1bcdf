#include "text.hpp"

#include <tandem/codec.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <type_traits>
#include <utility>

namespace durable_log {
namespace {

struct number_codec {
  bool is_boolean, is_floating, is_signed;
  std::size_t bytes;
};
std::optional<number_codec> as_number(std::uint32_t codec) noexcept {
  if ((codec & ~0xefU) != 0x100) return std::nullopt;
  std::size_t const bytes = codec & 0xf;
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return std::nullopt;
  return number_codec{(codec & 0x80) != 0, (codec & 0x40) != 0, (codec & 0x20) != 0, bytes};
}

std::string escaped(byte_view bytes) {
  std::string out;
  bool const is_text = is_utf8(bytes);
  for (std::byte const b : bytes) {
    auto const c = static_cast<unsigned char>(b);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_text)) {
      std::array<char, 8> code;
      std::snprintf(code.data(), code.size(), "\\x%02x", c);
      out += code.data();
    } else {
      out += static_cast<char>(c);
    }
  }
  return out;
}
std::string hexadecimal(byte_view bytes) {
  std::string out;
  for (std::byte const b : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned>(b) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned>(b) & 15];
  }
  return out;
}

}  // namespace

content content_of(std::uint32_t codec) noexcept {
  if (codec == tandem::codec<std::string>::id) return content::text;
  auto const number = as_number(codec);
  if (!number) return content::bytes;
  if (number->is_boolean) return content::boolean;
  return number->is_floating ? content::number : content::integer;
}

std::string name_of(std::uint32_t codec) {
  switch (content_of(codec)) {
    case content::text:
      return "text";
    case content::boolean:
      return "yes or no";
    case content::bytes:
      break;
    case content::integer:
    case content::number: {
      auto const number = *as_number(codec);
      std::string const kind = number.is_floating ? "floating-point number"
                               : number.is_signed ? "signed integer"
                                                  : "integer";
      return kind + " of " + std::to_string(number.bytes) + (number.bytes == 1 ? " byte" : " bytes");
    }
  }
  std::array<char, 32> id;
  std::snprintf(id.data(), id.size(), "codec 0x%x", codec);
  return id.data();
}

decoded decode(std::uint32_t codec, byte_view bytes) {
  content const what = content_of(codec);
  if (what == content::text) return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  auto const number = as_number(codec);
  if (!number || number->bytes != bytes.size()) return bytes;
  std::uint64_t n = 0;
  for (std::size_t i = bytes.size(); i-- != 0;) n = n << 8 | static_cast<std::uint64_t>(bytes[i]);
  if (what == content::boolean) return n != 0;
  if (what == content::number) {
    if (number->bytes == 8) return *tandem::codec<double>::read(bytes);
    if (number->bytes == 4) return static_cast<double>(*tandem::codec<float>::read(bytes));
    return bytes;
  }
  if (!number->is_signed) return n;
  unsigned const unused = 64 - 8 * static_cast<unsigned>(number->bytes);
  return static_cast<std::int64_t>(n << unused) >> unused;
}

std::string shown(std::uint32_t codec, byte_view bytes, std::size_t longest) {
  decoded const what = decode(codec, bytes);
  return std::visit(
      [&](const auto& value) -> std::string {
        using type = std::remove_cvref_t<decltype(value)>;
        byte_view const part = bytes.first(std::min(bytes.size(), longest));
        std::string const more = part.size() == bytes.size() ? "" : "...";
        if constexpr (std::is_same_v<type, std::string>) {
          return '"' + escaped(part) + more + '"';
        } else if constexpr (std::is_same_v<type, byte_view>) {
          return hexadecimal(part) + more;
        } else if constexpr (std::is_same_v<type, bool>) {
          return value ? "true" : "false";
        } else if constexpr (std::is_same_v<type, double>) {
          std::array<char, 32> text;
          std::snprintf(text.data(), text.size(), "%.17g", value);
          return text.data();
        } else {
          return std::to_string(value);
        }
      },
      what);
}

bool is_utf8(byte_view bytes) noexcept {
  for (std::size_t i = 0; i != bytes.size();) {
    auto const first = static_cast<unsigned>(bytes[i++]);
    if (first < 0x80) continue;
    unsigned const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || bytes.size() - i < more) return false;
    auto const second = static_cast<unsigned>(bytes[i]);
    // Forms that are longer than need be, surrogates, and what is beyond Unicode.
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return false;
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return false;
    for (unsigned n = 0; n != more; ++n, ++i) {
      if ((static_cast<unsigned>(bytes[i]) & 0xc0) != 0x80) return false;
    }
  }
  return true;
}

std::string grouped(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}
std::string in_bytes(std::uint64_t n) {
  if (n < 1000) return std::to_string(n) + " B";
  double left = static_cast<double>(n);
  std::size_t unit = 0;
  constexpr std::array<const char*, 5> units{"B", "kB", "MB", "GB", "TB"};
  for (; left >= 1000 && unit + 1 != units.size(); ++unit) left /= 1000;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f %s", left, units[unit]);
  return text.data();
}

}  // namespace durable_log
