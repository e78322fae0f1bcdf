// The files of a durable_store's folder, and what is in them, whatever the types of its keys and values: the format is in
// tandem/store/segment.hpp.
#ifndef DURABLE_LOG_LOG_HPP
#define DURABLE_LOG_LOG_HPP

#include <tandem/store/file_system.hpp>
#include <tandem/store/segment.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace durable_log {

using tandem::store::byte_view;
using tandem::store::record_header;
using tandem::store::record_type;
using tandem::store::segment_header;

// What the program cannot go on with.
struct problem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct bad_place {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // to the next record, or to the end of what counts
  std::string reason;
};

struct log_file {
  std::filesystem::path path;
  tandem::store::parsed_name name;
  std::uint64_t size = 0;
  std::optional<segment_header> header{};
  bool is_last = false;          // of its lane
  bool is_covered = false;       // by the newest checkpoint: recovery does not read it
  std::uint64_t counts_to = 0;   // what is behind was left by a failed sync, and is in the next segment
  std::uint64_t end = 0;         // of the last record that counts
  std::uint64_t torn_bytes = 0;  // behind it: what a crash has left of something that nobody was promised
  bool sealed = false;
  std::uint64_t puts = 0;
  std::uint64_t erases = 0;
  tandem::store::segment_summary versions{};
  std::vector<bad_place> damage{};

  bool is_checkpoint() const noexcept { return name.what == tandem::store::parsed_name::kind::checkpoint; }
};

struct record {
  const log_file& file;
  std::uint64_t offset;
  const record_header& header;
  byte_view key;
  byte_view value;
};

struct log {
  std::filesystem::path folder;
  std::vector<log_file> files;     // checkpoints, and then lane by lane, the oldest first
  std::vector<std::string> notes;  // what is odd about the folder as a whole
  std::uint32_t key_codec = 0;
  std::uint32_t value_codec = 0;
  bool is_damaged = false;
};

// Reads all files; f gets every record that counts, in the order of the files. Throws `problem` if a file or the folder cannot
// be read, or is of a version that this program does not know.
log read_log(const std::filesystem::path& folder, const std::function<void(const record&)>& f = {});

}  // namespace durable_log

#endif
