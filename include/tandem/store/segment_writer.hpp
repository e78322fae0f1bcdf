// Writes one file of the log, or a checkpoint: header, records, seal. The format is in segment.hpp.
//
// An append is all there or not at all: what a failed one has left is cut off. If not even that is possible the file is spoiled: what is
// in it up to size() is right, but nothing can be added. After a failed sync nobody knows what is behind synced(); the file
// is to be left.
#ifndef TANDEM_STORE_SEGMENT_WRITER_HPP
#define TANDEM_STORE_SEGMENT_WRITER_HPP

#include <tandem/store/file_system.hpp>
#include <tandem/store/segment.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::store {

// No room, which may pass.
inline bool is_full_disk(const std::error_code& error) noexcept {
  return error == std::errc::no_space_on_device || error == std::error_code(EDQUOT, std::generic_category());
}

template <durable_file_system System>
class segment_writer {
  using file_type = typename System::file_type;

 public:
  // Makes the file. `durable`: it, and its name, are on the disk then. A file of this name is what is left of an attempt before.
  static std::optional<segment_writer> create(const System& system, const std::filesystem::path& path,
                                              const segment_header& header, bool durable, std::error_code& error) {
    file_type file = system.open(path, open_mode::create, error);
    if (error == std::errc::file_exists) {
      error.clear();
      system.remove(path, error);
      if (!error) file = system.open(path, open_mode::create, error);
    }
    if (error) return std::nullopt;
    segment_writer made(std::move(file), path, header.salt, 0, 0);
    auto const bytes = encode_header(header);
    made.append_bytes(byte_view(bytes), error);
    if (!error && durable) made.sync(error);
    if (!error && durable) system.sync_folder(path.parent_path(), error);
    if (error) {
      std::error_code ignored;
      made.file_.close(ignored);
      system.remove(path, ignored);
      return std::nullopt;
    }
    return made;
  }
  // Goes on with a file that has been read, from `size` on, which is on the disk.
  static segment_writer resume(file_type file, const std::filesystem::path& path, std::uint64_t salt,
                               std::uint64_t size, const segment_summary& records) {
    segment_writer made(std::move(file), path, salt, size, size);
    made.records_ = records;
    return made;
  }

  const std::filesystem::path& path() const noexcept { return path_; }
  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t synced() const noexcept { return synced_; }
  bool is_synced() const noexcept { return synced_ == size_; }
  // The error of the append after which nothing could be cut off; none: it is fine.
  const std::error_code& spoiled_by() const noexcept { return spoiled_by_; }
  const segment_summary& records() const noexcept { return records_; }

  // Whole records that begin_record() has made, several to a part. They are finished here.
  void append(std::span<const std::span<std::byte>> parts, std::error_code& error) {
    segment_summary with = records_;
    std::vector<byte_view> views;
    views.reserve(parts.size());
    for (std::span<std::byte> const part : parts) {
      for (std::byte* at = part.data(); at != part.data() + part.size(); at += record_length(at)) {
        finish_record(at, salt_, synced_);
        with.add(record_version(at));
      }
      views.push_back(part);
    }
    append_bytes(views, error);
    if (!error) records_ = with;
  }
  // A record that is not one of the store's: positions.
  void append_other(std::span<std::byte> record, std::error_code& error) {
    finish_record(record.data(), salt_, synced_);
    append_bytes(byte_view(record), error);
  }
  void sync(std::error_code& error) {
    file_.sync(error);
    if (!error) synced_ = size_;
  }
  // All that is there is synced, then its seal.
  void seal(std::error_code& error) {
    if (!is_synced()) sync(error);
    if (error) return;
    std::vector<std::byte> record = encode_seal(records_, size_);
    append_other(record, error);
    if (!error) sync(error);
  }
  // What is behind synced() is not to be seen again, also by who opens the file before the system forgets what it has in memory: then a
  // sync would say that it is on the disk. Whether that succeeds or not, who goes on says how far the file counts.
  void cut_unsynced() {
    std::error_code ignored;
    file_.truncate(synced_, ignored);
  }
  void close(std::error_code& error) { file_.close(error); }

 private:
  segment_writer(file_type file, std::filesystem::path path, std::uint64_t salt, std::uint64_t size,
                 std::uint64_t synced) noexcept
      : file_(std::move(file)), path_(std::move(path)), salt_(salt), size_(size), synced_(synced) {}

  void append_bytes(byte_view bytes, std::error_code& error) { append_bytes(std::span(&bytes, 1), error); }
  void append_bytes(std::span<const byte_view> parts, std::error_code& error) {
    std::uint64_t all = 0;
    for (byte_view const part : parts) all += part.size();
    std::uint64_t const written = file_.append(parts, error);
    if (!error && written != all) error = std::make_error_code(std::errc::io_error);
    if (!error) {
      size_ += all;
      return;
    }
    std::error_code failed;
    file_.truncate(size_, failed);
    if (failed) spoiled_by_ = error;
  }

  file_type file_;
  std::filesystem::path path_;
  std::uint64_t salt_;
  std::uint64_t size_;
  std::uint64_t synced_;
  std::error_code spoiled_by_;
  segment_summary records_;
};

}  // namespace tandem::store

#endif
