// What a durable_store tells about itself, for people (JSON) and for Prometheus. Counts are since it was opened, each by itself, as of
// the end of some commit.
#ifndef TANDEM_STORE_DURABLE_INFO_HPP
#define TANDEM_STORE_DURABLE_INFO_HPP

#include <tandem/store/durable_options.hpp>
#include <tandem/store/info.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem {

// How long something took.
struct duration_histogram {
  // Upper limits of the buckets, in microseconds; there is one more without a limit.
  static constexpr std::array<std::uint64_t, 15> limits = {
      50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000, 200'000, 500'000, 1'000'000, 5'000'000};
  std::array<std::uint64_t, limits.size() + 1> counts{};
  std::uint64_t count = 0;
  double seconds = 0;  // of all
  double most = 0;     // of one, in seconds

  void add(std::chrono::steady_clock::duration d) noexcept {
    auto const us = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
    std::size_t at = 0;
    while (at != limits.size() && us > limits[at]) ++at;
    ++counts[at];
    ++count;
    double const s = std::chrono::duration<double>(d).count();
    seconds += s;
    most = s > most ? s : most;
  }
  duration_histogram& operator+=(const duration_histogram& other) noexcept {
    for (std::size_t i = 0; i != counts.size(); ++i) counts[i] += other.counts[i];
    count += other.count;
    seconds += other.seconds;
    most = other.most > most ? other.most : most;
    return *this;
  }
};

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
  std::uint64_t refused = 0;        // puts for which there was no room, with on_full::fail
  std::uint64_t largest_batch = 0;  // records
  std::uint64_t queue_bytes = 0;    // now: waiting to be written, or kept until synced
  duration_histogram syncs{};       // of records; those of making and sealing segments are not counted

  log_figures& operator+=(const log_figures& o) noexcept {
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
    largest_batch = o.largest_batch > largest_batch ? o.largest_batch : largest_batch;
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
  f("largest_batch", false, "Records in the largest batch.", i.log.largest_batch);
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
  out += ",\"syncs\":" + std::to_string(i.log.syncs.count);
  out += ",\"sync_seconds\":" + store::to_text(i.log.syncs.seconds);
  out += ",\"longest_sync_seconds\":" + store::to_text(i.log.syncs.most);
  out += ",\"blocked_seconds\":" + store::to_text(i.log.blocked_seconds);
  out += ",\"recovery_seconds\":" + store::to_text(i.recovery.seconds);
  return out + ",\"last_error\":" + store::json_text(i.last_error) + "}";
}

// The text format 0.0.4. `labels`: names and values, put on every line; `prefix` and the names are taken as they are.
inline std::string to_prometheus(const durable_store_info& i, std::string_view prefix = "tandem_durable_store",
                                 const std::vector<std::pair<std::string, std::string>>& labels = {}) {
  std::string const braces = store::prometheus_labels(labels);
  std::string out;
  auto const head = [&](std::string_view name, std::string_view help, std::string_view type) {
    std::string const full = std::string(prefix) + '_' + std::string(name);
    out += "# HELP " + full + ' ' + std::string(help) + "\n# TYPE " + full + ' ' + std::string(type) + '\n';
    return full;
  };
  auto const line = [&](const std::string& full, const std::string& n) { out += full + braces + ' ' + n + '\n'; };
  store::for_each_figure(i, [&](std::string_view name, bool grows, std::string_view help, std::uint64_t n) {
    line(head(std::string(name) + (grows ? "_total" : ""), help, grows ? "counter" : "gauge"), std::to_string(n));
  });
  line(head("blocked_seconds_total", "How long writes waited for room in the queue.", "counter"),
       store::to_text(i.log.blocked_seconds));
  line(head("recovery_seconds", "How long recovery took.", "gauge"), store::to_text(i.recovery.seconds));
  std::string const full = head("sync_seconds", "How long syncs of records took.", "histogram");
  const duration_histogram& h = i.log.syncs;
  std::uint64_t sum = 0;
  for (std::size_t b = 0; b != h.counts.size(); ++b) {
    sum += h.counts[b];
    std::string const limit = b == h.limits.size() ? "+Inf" : store::to_text(static_cast<double>(h.limits[b]) / 1e6);
    std::vector<std::pair<std::string, std::string>> with = labels;
    with.emplace_back("le", limit);
    out += full + "_bucket" + store::prometheus_labels(with) + ' ' + std::to_string(sum) + '\n';
  }
  line(full + "_sum", store::to_text(h.seconds));
  line(full + "_count", std::to_string(h.count));
  return out;
}

}  // namespace tandem

#endif
