// What can be chosen for a durable_store when it is opened, what it tells about recovery, and its errors.
#ifndef TANDEM_STORE_DURABLE_OPTIONS_HPP
#define TANDEM_STORE_DURABLE_OPTIONS_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

namespace tandem {

// When a write is on the disk: before put() returns; so much later, at most; or when something else asks for it.
class durability {
 public:
  static constexpr durability always() noexcept { return {kind_type::always, {}}; }
  // At least one millisecond.
  static constexpr durability every(std::chrono::milliseconds d) noexcept {
    return {kind_type::every, std::max(d, std::chrono::milliseconds(1))};
  }
  static constexpr durability never() noexcept { return {kind_type::never, {}}; }

  constexpr bool is_always() const noexcept { return kind_ == kind_type::always; }
  constexpr bool is_never() const noexcept { return kind_ == kind_type::never; }
  constexpr std::chrono::milliseconds interval() const noexcept { return interval_; }
  friend constexpr bool operator==(const durability&, const durability&) = default;

 private:
  enum class kind_type { always, every, never };
  constexpr durability(kind_type kind, std::chrono::milliseconds interval) noexcept
      : kind_(kind), interval_(interval) {}
  kind_type kind_;
  std::chrono::milliseconds interval_;
};

// What put() does when queue_bytes are waiting for the disk.
enum class on_full {
  block,
  fail  // with std::errc::operation_would_block, and nothing has changed
};
// When readers see a write.
enum class visibility {
  on_write,   // at once; it may be lost later
  on_durable  // when it is on the disk
};
// What recovery does where something that has been on the disk is damaged.
enum class corruption { fail, skip_and_report };
// What checkpoint() does with the segments that it covers.
enum class retention { keep, remove_covered };

// How far recovery is.
struct recovery_progress {
  std::uint64_t bytes = 0;
  std::uint64_t bytes_of = 0;  // of files that are read
  std::size_t segments = 0;
  std::size_t segments_of = 0;
  std::uint64_t records = 0;
};

struct durable_options {
  // Tables that keys are spread over; rounded up to a power of two. 0: one for two processors, at least 2.
  std::size_t shards = 0;
  // Files that are written beside each other, by key. 0: one.
  std::size_t lanes = 0;
  // For writes that do not say.
  durability sync = durability::always();
  // A segment ends when it would be longer, have more records, or is older. 0: no limit.
  std::uint64_t rotate_bytes = std::uint64_t{256} << 20;
  std::uint64_t rotate_records = 0;
  std::chrono::milliseconds rotate_age{0};
  // How much may wait for the disk, for each lane: what is not written, and what is not synced although somebody asked for it.
  std::uint64_t queue_bytes = std::uint64_t{64} << 20;
  tandem::on_full on_full = tandem::on_full::block;
  tandem::visibility visibility = tandem::visibility::on_write;
  tandem::corruption corruption = tandem::corruption::fail;
  tandem::retention retention = tandem::retention::keep;
  // How long open() waits for a folder that somebody else has open.
  std::chrono::milliseconds lock_timeout{0};
  // Threads that recover, the caller among them. 0: one for each processor, at most 8.
  std::size_t recovery_threads = 0;
  // What is longer is refused by put(). Keys: 4 GiB - 1 at most.
  std::uint64_t longest_key = std::uint64_t{1} << 20;
  std::uint64_t longest_value = std::uint64_t{1} << 30;
  // A checkpoint by itself, covered segments removed, when the log that it would cover has so many bytes and is at least twice as
  // large as the last checkpoint; also when it is opened. 0: never. Not with retention::keep.
  std::uint64_t compact_bytes = 0;
  // Called with the path of each segment that is complete and will not change any more: to ship it, say. By whoever has completed it,
  // open() too; possibly by several threads at once. It may use the store, but not close() and checkpoint(). It must not throw.
  std::function<void(const std::filesystem::path&)> on_segment_sealed{};
  // Called while open() recovers, by one thread at a time. It must not throw.
  std::function<void(const recovery_progress&)> on_progress{};
};

// Something that has been on the disk and is not there as it was.
struct recovery_damage {
  std::filesystem::path file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // that were skipped
  std::string reason;
};

struct recovery_report {
  std::uint64_t records = 0;             // read: newest or not; with those of the checkpoint
  std::uint64_t bytes = 0;               // read
  std::uint64_t torn_bytes = 0;          // cut off from the ends of lanes
  std::uint64_t segments = 0;            // read
  std::uint64_t covered_segments = 0;    // not read, as the checkpoint has them
  std::uint64_t checkpoint = 0;          // its number; 0: none
  std::uint64_t checkpoint_records = 0;  // of records
  std::uint64_t skipped_bytes = 0;       // damaged: with corruption::skip_and_report
  std::uint64_t torn_segments = 0;       // whose ends were cut off
  std::vector<recovery_damage> damage{};
  double seconds = 0;
  std::string error{};  // in words, if open() has failed
};

enum class durable_errc {
  closed = 1,
  locked,
  corrupt,
  wrong_types,
  other_store,
  unsupported_version,
  read_only,
  too_large
};

namespace store {

class durable_category_type final : public std::error_category {
 public:
  const char* name() const noexcept override { return "tandem.durable"; }
  std::string message(int code) const override {
    switch (static_cast<durable_errc>(code)) {
      case durable_errc::closed:
        return "the store is closed";
      case durable_errc::locked:
        return "the store is open elsewhere";
      case durable_errc::corrupt:
        return "the log is damaged";
      case durable_errc::wrong_types:
        return "a log with other types of keys or values";
      case durable_errc::other_store:
        return "a file of another store";
      case durable_errc::unsupported_version:
        return "a log of a version that is not supported";
      case durable_errc::read_only:
        return "the store is read-only, because writing has failed";
      case durable_errc::too_large:
        return "a key or a value is longer than the options allow";
    }
    return "unknown error";
  }
};

}  // namespace store

inline const std::error_category& durable_category() noexcept {
  static const store::durable_category_type category;
  return category;
}
inline std::error_code make_error_code(durable_errc e) noexcept { return {static_cast<int>(e), durable_category()}; }

}  // namespace tandem

template <>
struct std::is_error_code_enum<tandem::durable_errc> : std::true_type {};

#endif
