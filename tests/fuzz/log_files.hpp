// Files of a durable_store in one input: for each of them
//
//   1 byte    4: a checkpoint; else a segment, of the lane that the lowest bit says
//   4 bytes   its length, little-endian; what is left, if it is more
//   its bytes
//
// Numbers are given in order.
#ifndef TANDEM_TESTS_FUZZ_LOG_FILES_HPP
#define TANDEM_TESTS_FUZZ_LOG_FILES_HPP

#include "support/simulated_files.hpp"

#include <tandem/codec.hpp>
#include <tandem/store/segment.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace tandem::test {

struct log_input {
  std::vector<std::pair<std::string, file_bytes>> files;

  static log_input read(std::span<const std::byte> left) {
    log_input in;
    std::array<std::uint64_t, 3> numbers{};
    while (left.size() >= 5) {
      auto const flags = static_cast<unsigned>(left[0]);
      auto const length = tandem::detail::load_little<std::uint32_t>(left.data() + 1);
      left = left.subspan(5);
      auto const bytes = left.first(std::min<std::size_t>(length, left.size()));
      left = left.subspan(bytes.size());
      std::string const name = (flags & 4) != 0 ? store::checkpoint_name(++numbers[2])
                                                : store::segment_name(flags & 1, ++numbers[flags & 1]);
      in.files.emplace_back(name, file_bytes(bytes.begin(), bytes.end()));
    }
    return in;
  }
  static log_input of(const file_image& image) {
    log_input in;
    for (auto const& [path, bytes] : image) {
      std::string const name = std::filesystem::path(path).filename().string();
      if (bytes && store::parse_name(name)) in.files.emplace_back(name, *bytes);
    }
    return in;
  }
  std::string text() const {
    std::string out;
    for (auto const& [name, bytes] : files) {
      auto const p = store::parse_name(name);
      out += static_cast<char>(p->what == store::parsed_name::kind::segment ? p->lane & 1 : 4);
      std::array<std::byte, 4> length;
      tandem::detail::store_little(static_cast<std::uint32_t>(bytes.size()), length.data());
      out.append(reinterpret_cast<const char*>(length.data()), length.size());
      out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return out;
  }
  file_image image() const {
    file_image all{{"/folder", std::nullopt}};
    for (auto const& [name, bytes] : files) all["/folder/" + name] = bytes;
    return all;
  }
  // Which somebody would send who knows the format: a fuzzer does not guess checksums.
  void make_sums_right() {
    using tandem::detail::load_little;
    using tandem::detail::store_little;
    using format = store::segment_format;
    for (auto& [name, bytes] : files) {
      if (bytes.size() < format::header_bytes) continue;
      store_little(store::checksum(std::span(bytes).first(88)), bytes.data() + 88);
      auto const salt = load_little<std::uint64_t>(bytes.data() + 40);
      std::span<std::byte> left = std::span(bytes).subspan(format::header_bytes);
      while (left.size() >= format::record_bytes) {
        auto const key = load_little<std::uint32_t>(left.data() + 48);
        auto const value = load_little<std::uint64_t>(left.data() + 56);
        std::size_t const room = left.size() - format::record_bytes;
        if (key > room || value > room - key) break;
        auto const payload = left.subspan(format::record_bytes, static_cast<std::size_t>(key + value));
        store_little(store::checksum(payload), left.data() + 16);
        store_little(salt, left.data());
        store_little(store::checksum(left.subspan(16, 48), salt), left.data() + 8);
        left = left.subspan(format::record_bytes + payload.size());
      }
    }
  }
};

}  // namespace tandem::test

#endif
