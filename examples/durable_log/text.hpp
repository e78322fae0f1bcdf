// Keys and values as people read them. The files say by numbers how they are encoded; what is not known is shown as bytes.
#ifndef DURABLE_LOG_TEXT_HPP
#define DURABLE_LOG_TEXT_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace durable_log {

using byte_view = std::span<const std::byte>;

enum class content { text, boolean, integer, number, bytes };

// By the id of its codec (tandem/codec.hpp).
content content_of(std::uint32_t codec) noexcept;

// "text", "signed integer of 8 bytes", "codec 0x5e45084", ...
std::string name_of(std::uint32_t codec);

// What the bytes are; bytes themselves where they are not what the codec says.
using decoded = std::variant<byte_view, std::string, bool, std::int64_t, std::uint64_t, double>;
decoded decode(std::uint32_t codec, byte_view bytes);

// On one line, and no longer than so many bytes of it.
std::string shown(std::uint32_t codec, byte_view bytes, std::size_t longest);

bool is_utf8(byte_view bytes) noexcept;

// "1,234,567", "1.2 MB".
std::string grouped(std::uint64_t n);
std::string in_bytes(std::uint64_t n);

}  // namespace durable_log

#endif
