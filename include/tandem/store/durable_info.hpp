// What a durable_store tells about itself, for people (JSON) and for Prometheus. Counts are since it was opened, each by itself, as of
// the end of some commit.
#ifndef TANDEM_STORE_DURABLE_INFO_HPP
#define TANDEM_STORE_DURABLE_INFO_HPP

#include <tandem/store/durable_options.hpp>
#include <tandem/store/histogram.hpp>
#include <tandem/store/info.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem {

namespace store {

// Of one lane.
struct log_figures {
  std::uint64_t records = 0;    // written
  std::uint64_t bytes = 0;      // of these
  std::uint64_t writes = 0;     // batches: one call of the system, but for very many small pieces
  std::uint64_t segments = 0;   // made
  std::uint64_t rotations = 0;  // sealed
  std::uint64_t renewals = 0;   // left because of an error
  std::uint64_t failed_syncs = 0;
  std::uint64_t failed_records = 0;
  std::uint64_t blocked = 0;  // puts that had to wait for room
  double blocked_seconds = 0;
  std::uint64_t refused = 0;      // puts for which there was no room, with on_full::fail
  std::uint64_t queue_bytes = 0;  // now: waiting to be written, or kept until synced
  histogram_counts batches{};     // records in each
  histogram_counts syncs{};       // of records, in nanoseconds; those of making and sealing segments are not counted

  log_figures& operator+=(const log_figures& o) {
    records += o.records;
    bytes += o.bytes;
    writes += o.writes;
    segments += o.segments;
    rotations += o.rotations;
    renewals += o.renewals;
    failed_syncs += o.failed_syncs;
    failed_records += o.failed_records;
    blocked += o.blocked;
    blocked_seconds += o.blocked_seconds;
    refused += o.refused;
    batches += o.batches;
    queue_bytes += o.queue_bytes;
    syncs += o.syncs;
    return *this;
  }
};

}  // namespace store

struct durable_store_info {
  std::size_t size = 0;        // keys
  std::size_t tombstones = 0;  // erased keys that are remembered
  std::uint64_t puts = 0;      // accepted records, erasures too
  std::uint64_t newest = 0;    // of these, those that were the newest of their key
  std::size_t shards = 0;
  std::size_t lanes = 0;
  store::log_figures log{};  // of all lanes together
  std::uint64_t checkpoints = 0;
  recovery_report recovery{};
  bool read_only = false;
  std::string last_error{};  // in words; empty if there was none
};

namespace store {

template <class F>
void for_each_figure(const durable_store_info& i, F&& f) {
  auto const n = [](std::size_t x) { return std::uint64_t{x}; };
  f("size", false, "Keys.", n(i.size));
  f("tombstones", false, "Erased keys that are remembered.", n(i.tombstones));
  f("shards", false, "Shards.", n(i.shards));
  f("lanes", false, "Lanes of the log.", n(i.lanes));
  f("puts", true, "Records accepted.", i.puts);
  f("newest", true, "Records that were the newest of their key.", i.newest);
  f("records", true, "Records written.", i.log.records);
  f("bytes", true, "Bytes of records written.", i.log.bytes);
  f("batches", true, "Batches of records written.", i.log.writes);
  f("failed_records", true, "Records that could not be made durable.", i.log.failed_records);
  f("failed_syncs", true, "Syncs that failed.", i.log.failed_syncs);
  f("segments", true, "Segments made.", i.log.segments);
  f("rotations", true, "Segments sealed.", i.log.rotations);
  f("renewals", true, "Segments left because of an error.", i.log.renewals);
  f("queue_bytes", false, "Bytes waiting to be written or synced.", i.log.queue_bytes);
  f("blocked", true, "Writes that waited for room in the queue.", i.log.blocked);
  f("refused", true, "Writes for which there was no room in the queue.", i.log.refused);
  f("checkpoints", true, "Checkpoints made.", i.checkpoints);
  f("recovered_records", false, "Records read by recovery.", i.recovery.records);
  f("recovered_bytes", false, "Bytes read by recovery.", i.recovery.bytes);
  f("recovered_segments", false, "Segments read by recovery.", i.recovery.segments);
  f("torn_bytes", false, "Bytes cut off by recovery.", i.recovery.torn_bytes);
  f("skipped_bytes", false, "Damaged bytes skipped by recovery.", i.recovery.skipped_bytes);
  f("read_only", false, "1 if writing has failed for good.", std::uint64_t{i.read_only ? 1U : 0U});
}

template <class F>
void for_each_histogram(const durable_store_info& i, F&& f) {
  f(histogram_figure{"batch_records", "Records that were written together.", i.log.batches, 1, 0, 16, 1});
  f(histogram_figure{"sync_seconds", "Syncs of records.", i.log.syncs, 1e-9, 14, 34, 1});
}

inline std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += code;
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace store

// One object, on one line.
inline std::string to_json(const durable_store_info& i) {
  std::string out = "{\"db_type\":\"tandem::durable_store\"";
  store::for_each_figure(i, [&](std::string_view name, bool, std::string_view, std::uint64_t n) {
    out.append(",\"").append(name).append("\":").append(std::to_string(n));
  });
  store::for_each_histogram(i, [&](const store::histogram_figure& h) {
    out.append(",\"").append(h.name).append("\":").append(store::to_json(h));
  });
  out += ",\"blocked_seconds\":" + store::to_text(i.log.blocked_seconds);
  out += ",\"recovery_seconds\":" + store::to_text(i.recovery.seconds);
  return out + ",\"last_error\":" + store::json_text(i.last_error) + "}";
}

// The text format 0.0.4. `labels`: names and values, put on every line; `prefix` and the names are taken as they are.
inline std::string to_prometheus(const durable_store_info& i, std::string_view prefix = "tandem_durable_store",
                                 const std::vector<std::pair<std::string, std::string>>& labels = {}) {
  store::prometheus_text out(prefix, labels);
  store::for_each_figure(i, [&](std::string_view name, bool grows, std::string_view help, std::uint64_t n) {
    out.figure(name, grows, help, std::to_string(n));
  });
  out.figure("blocked_seconds", true, "How long writes waited for room in the queue.",
             store::to_text(i.log.blocked_seconds));
  out.figure("recovery_seconds", false, "How long recovery took.", store::to_text(i.recovery.seconds));
  store::for_each_histogram(i, [&](const store::histogram_figure& h) { out.histogram(h); });
  return out.take();
}

}  // namespace tandem

#endif
