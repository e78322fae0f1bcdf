// What the maps under test store: `u64` to `u64`, and `text` to `text`.
//
// The first value of a key is a function of it, and being written leaves that part of a value alone. So every value
// found can be checked against its key, whoever wrote it last.
#ifndef TANDEM_BENCH_TYPES_HPP
#define TANDEM_BENCH_TYPES_HPP

#include "workloads.hpp"

#include <cstddef>
#include <cstring>
#include <functional>
#include <string>

namespace bench {

struct u64 {
  static constexpr const char* label = "u64";
  using key_type = number;
  using mapped_type = number;
  using hash = good_hash;

  static constexpr key_type key(number n) noexcept { return n; }
  // The lower half belongs to the key, the upper half counts how often it has been written.
  static constexpr mapped_type first_value(const key_type& key) noexcept { return key & low_half; }
  static constexpr void rewrite(mapped_type& value) noexcept { value += low_half + 1; }
  // Zero if the value belongs to the key.
  static constexpr number mismatch(const key_type& key, const mapped_type& value) noexcept {
    return (key ^ value) & low_half;
  }
};

// Of strings what std::hash gives is good as it is.
struct string_hash {
  using is_avalanching = void;
  std::size_t operator()(const std::string& s) const noexcept { return std::hash<std::string>{}(s); }
};

// Keys and values of 24 characters, which is more than std::string keeps inside itself.
struct text {
  static constexpr const char* label = "string";
  using key_type = std::string;
  using mapped_type = std::string;
  using hash = string_hash;

  static key_type key(number n) {
    std::string const digits = std::to_string(n);
    return std::string(24 - digits.size(), '0') + digits;
  }
  // All but the first character belong to the key.
  static const mapped_type& first_value(const key_type& key) noexcept { return key; }
  static void rewrite(mapped_type& value) noexcept { value.front() = value.front() == '9' ? '0' : '9'; }
  static number mismatch(const key_type& key, const mapped_type& value) noexcept {
    return key.size() != value.size() || std::memcmp(key.data() + 1, value.data() + 1, key.size() - 1) != 0;
  }
};

}  // namespace bench

#endif
