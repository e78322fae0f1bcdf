// Writes a checkpoint: one file that has what memory has, and says which segments it covers. The format is in segment.hpp.
//
// The lanes have completed their segments before, so whatever is in these is in memory, or something newer is. The file is written under
// another name, synced, takes its name, and the folder is synced: only then anything that it covers may be removed.
#ifndef TANDEM_STORE_CHECKPOINT_HPP
#define TANDEM_STORE_CHECKPOINT_HPP

#include <tandem/codec.hpp>
#include <tandem/store/lane_log.hpp>
#include <tandem/store/segment.hpp>
#include <tandem/store/segment_writer.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::store {

struct checkpoint_plan {
  std::uint64_t number = 0;
  std::uint64_t next_seq = 0;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> covered{};  // lane, segment
};

// Returns how long it is.
template <class K, class V, class Memory, durable_file_system System>
std::uint64_t write_checkpoint(const log_context<System>& context, const Memory& memory, const checkpoint_plan& plan,
                               std::error_code& error) {
  constexpr std::size_t block = std::size_t{1} << 20;
  std::filesystem::path const path = context.folder / checkpoint_name(plan.number);
  std::filesystem::path temporary = path;
  temporary += ".tmp";

  segment_header h;
  h.is_checkpoint = true;
  h.store = context.store;
  h.number = plan.number;
  h.salt = random_number();
  h.key_codec = context.key_codec;
  h.value_codec = context.value_codec;
  // What a checkpoint that fails leaves behind, also one whose keys or values cannot be encoded.
  struct leftover {
    const System& system;
    const std::filesystem::path& path;
    bool is_there;
    ~leftover() {
      if (!is_there) return;
      try {
        std::error_code ignored;
        system.remove(path, ignored);
      } catch (...) {
        // Nobody reads it.
      }
    }
  };
  leftover file{context.system, temporary, false};
  auto out = segment_writer<System>::create(context.system, temporary, h, false, error);
  if (error) return 0;
  file.is_there = true;

  std::vector<std::byte> positions(segment_format::record_bytes);
  byte_writer to(positions);
  to.number(plan.next_seq);
  to.number(static_cast<std::uint32_t>(plan.covered.size()));
  for (auto const& [lane, segment] : plan.covered) {
    to.number(lane);
    to.number(segment);
  }
  record_header p;
  p.type = record_type::positions;
  p.value_bytes = positions.size() - segment_format::record_bytes;
  begin_record(positions.data(), p);
  out->append_other(positions, error);

  record_buffer records, one;
  records.reserve(2 * block);
  auto const write = [&] {
    std::span<std::byte> const part(records);
    if (!error && !part.empty()) out->append(std::span(&part, 1), error);
    records.clear();
  };
  memory.scan(
      [&](const K& key, const auto& e) {
        const V* const value = e.value ? &*e.value : nullptr;
        encode_record(one, key, value, e.version(), codec<K>::size(key), value == nullptr ? 0 : codec<V>::size(*value));
        set_seq(one.data(), e.seq());
        append_to(records, one);
      },
      [&] {
        if (records.size() >= block) write();
        return !error;
      });
  write();
  if (!error) out->seal(error);
  std::uint64_t const bytes = out->size();
  std::error_code close_error;
  out->close(close_error);
  if (!error) error = close_error;
  if (!error) context.system.rename(temporary, path, error);
  if (error) return 0;
  file.is_there = false;
  context.system.sync_folder(context.folder, error);
  return bytes;
}

}  // namespace tandem::store

#endif
