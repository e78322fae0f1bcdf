// What a timed_store tells about itself, for people (JSON) and for Prometheus; and what durable_store's (durable_info.hpp) needs too.
//
// Counts are of one moment, each by itself, and exact when nobody writes; none is an estimate or a sample. Every number is finite.
#ifndef TANDEM_STORE_INFO_HPP
#define TANDEM_STORE_INFO_HPP

#include <tandem/store/histogram.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem {

// What a store can do: for timed_store::supports().
enum class feature : std::uint32_t {
  none = 0,
  set = 1U << 0,
  get = 1U << 1,
  expire = 1U << 2,
  erase = 1U << 3,
  compare_and_set = 1U << 4,
  touch = 1U << 5,
  tombstones = 1U << 6,
  on_removed = 1U << 7,
  snapshots = 1U << 8,
  commands = 1U << 9,
  digest = 1U << 10
};
constexpr feature operator|(feature a, feature b) noexcept {
  return static_cast<feature>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr feature operator&(feature a, feature b) noexcept {
  return static_cast<feature>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}

struct timed_store_info {
  std::uint64_t write_index = 0;
  std::uint64_t stale_horizon = 0;
  std::size_t size = 0;        // as size()
  std::size_t tombstones = 0;  // held
  std::uint64_t bytes = 0;     // of entries and tombstones: their nodes, and what strings own; without the tables
  // Shards, by entries and tombstones.
  std::size_t shards = 0;
  std::vector<std::size_t> shard_sizes;
  std::size_t smallest_shard = 0;
  std::size_t largest_shard = 0;
  double mean_shard = 0;
  double deviation = 0;  // standard deviation of the shards' sizes
  // The collector.
  std::size_t queued = 0;            // hints that it has not taken in
  std::size_t scheduled = 0;         // hints that it has
  std::size_t expired_backlog = 0;   // keys that have expired, and whose values are still there
  std::size_t deleted_backlog = 0;   // entries whose deletion deadline has passed, and that are no tombstones yet
  std::uint64_t expiration_lag = 0;  // by how much the clock is ahead of the earliest deadline of these
  std::uint64_t expired = 0;         // what it has done, since these contents began
  std::uint64_t deleted = 0;
  std::uint64_t forgotten = 0;
  histogram_counts removal_lag;  // by how much the clock was ahead of the deadline then
  // Writes with a smaller index than the entry's, since these contents began.
  std::uint64_t stale_writes = 0;
  // How long calls took, in nanoseconds: about every so-manieth, as Options::latencies say; 0: none is measured.
  unsigned latency_every = 0;
  histogram_counts reads;        // get, read, has, entry_info
  histogram_counts writes;       // with what on_removed's function takes
  histogram_counts collections;  // of one shard
};

namespace store {

// Name, whether it only grows, what it is, and a number.
template <class F>
void for_each_figure(const timed_store_info& i, F&& f) {
  f("write_index", false, "The logical clock.", i.write_index);
  f("stale_horizon", false, "No write below this index can still come.", i.stale_horizon);
  f("size", false, "Keys.", std::uint64_t{i.size});
  f("tombstones", false, "Tombstones held.", std::uint64_t{i.tombstones});
  f("bytes", false, "Bytes of entries and tombstones.", i.bytes);
  f("shards", false, "Shards.", std::uint64_t{i.shards});
  f("smallest_shard", false, "Entries in the smallest shard.", std::uint64_t{i.smallest_shard});
  f("largest_shard", false, "Entries in the largest shard.", std::uint64_t{i.largest_shard});
  f("queued", false, "Hints not yet taken in by the collector.", std::uint64_t{i.queued});
  f("scheduled", false, "Hints in the collector's schedule.", std::uint64_t{i.scheduled});
  f("expired_backlog", false, "Values that have expired and are still there.", std::uint64_t{i.expired_backlog});
  f("deleted_backlog", false, "Entries deleted by deadline that are still there.", std::uint64_t{i.deleted_backlog});
  f("expiration_lag", false, "How far the clock is ahead of the earliest deadline not yet seen to.", i.expiration_lag);
  f("expired", true, "Values collected because they had expired.", i.expired);
  f("deleted", true, "Entries collected because they were deleted by deadline.", i.deleted);
  f("forgotten", true, "Tombstones removed.", i.forgotten);
  f("stale_writes", true, "Writes rejected because of their index.", i.stale_writes);
}

// The same for histograms: name, what it is, what was counted, the unit in terms of the base unit, and of which powers of two
// Prometheus has buckets.
struct histogram_figure {
  std::string_view name;
  std::string_view help;
  const histogram_counts& counts;
  double unit;
  unsigned first_power;
  unsigned last_power;
  unsigned step;
};
template <class F>
void for_each_histogram(const timed_store_info& i, F&& f) {
  f(histogram_figure{"removal_lag", "How far the clock was ahead of deadlines when they were seen to.", i.removal_lag,
                     1, 0, 40, 2});
  if (i.latency_every == 0) return;
  f(histogram_figure{"read_seconds", "Lookups that were measured.", i.reads, 1e-9, 6, 34, 1});
  f(histogram_figure{"write_seconds", "Writes that were measured.", i.writes, 1e-9, 6, 34, 1});
  f(histogram_figure{"collection_seconds", "Collections of a shard that were measured.", i.collections, 1e-9, 6, 34,
                     1});
}

// Finite, whatever the locale says.
inline std::string to_text(double d) {
  if (!std::isfinite(d)) return "0";
  char text[64];
  int const n = std::snprintf(text, sizeof text, "%.12g", d);
  std::string s(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  for (char& c : s) {
    if (c == ',') c = '.';
  }
  return s;
}

// In its base unit.
inline std::string to_json(const histogram_figure& h) {
  auto const in_units = [&](double n) { return to_text(n * h.unit); };
  auto const quantile = [&](double q) { return in_units(static_cast<double>(h.counts.quantile(q))); };
  return "{\"count\":" + std::to_string(h.counts.count()) +
         ",\"sum\":" + in_units(static_cast<double>(h.counts.sum())) + ",\"mean\":" + in_units(h.counts.mean()) +
         ",\"p50\":" + quantile(0.5) + ",\"p90\":" + quantile(0.9) + ",\"p99\":" + quantile(0.99) +
         ",\"p999\":" + quantile(0.999) + ",\"max\":" + in_units(static_cast<double>(h.counts.largest())) + '}';
}

// Samples of Prometheus' text format 0.0.4.
class prometheus_text {
 public:
  // Names are taken as they are, values are escaped.
  prometheus_text(std::string_view prefix, const std::vector<std::pair<std::string, std::string>>& labels)
      : prefix_(prefix) {
    for (const auto& [name, value] : labels) {
      if (!labels_.empty()) labels_ += ',';
      labels_ += name + "=\"";
      for (char c : value) {
        if (c == '\\' || c == '"') labels_ += '\\';
        labels_ += c == '\n' ? std::string("\\n") : std::string(1, c);
      }
      labels_ += '"';
    }
  }

  void figure(std::string_view name, bool grows, std::string_view help, const std::string& number) {
    std::string const full = begin(name, grows ? "_total" : "", grows ? "counter" : "gauge", help);
    sample(full, "", number);
  }
  void histogram(const histogram_figure& h) {
    std::string const full = begin(h.name, "", "histogram", h.help);
    // Bounds are the last of a bucket, so that what is told is exact.
    for (unsigned power = h.first_power; power <= h.last_power; power += h.step) {
      std::uint64_t const bound = (std::uint64_t{1} << power) - 1;
      sample(full + "_bucket", "le=\"" + to_text(static_cast<double>(bound) * h.unit) + '"',
             std::to_string(h.counts.up_to(bound)));
    }
    std::string const count = std::to_string(h.counts.count());
    sample(full + "_bucket", "le=\"+Inf\"", count);
    sample(full + "_sum", "", to_text(static_cast<double>(h.counts.sum()) * h.unit));
    sample(full + "_count", "", count);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string begin(std::string_view name, std::string_view suffix, std::string_view type, std::string_view help) {
    std::string full = prefix_ + '_' + std::string(name) + std::string(suffix);
    text_.append("# HELP ").append(full).append(1, ' ').append(help).append("\n# TYPE ").append(full).append(1, ' ');
    text_.append(type).append(1, '\n');
    return full;
  }
  void sample(const std::string& name, const std::string& label, const std::string& number) {
    text_ += name;
    if (!labels_.empty() || !label.empty()) {
      text_ += '{' + labels_ + (labels_.empty() || label.empty() ? "" : ",") + label + '}';
    }
    text_ += ' ' + number + '\n';
  }

  std::string prefix_;
  std::string labels_;
  std::string text_;
};

}  // namespace store

// One object, on one line. Times are in seconds.
inline std::string to_json(const timed_store_info& i) {
  std::string out = "{\"db_type\":\"tandem::timed_store\"";
  store::for_each_figure(i, [&](std::string_view name, bool, std::string_view, std::uint64_t n) {
    out.append(",\"").append(name).append("\":").append(std::to_string(n));
  });
  out += ",\"mean_shard\":" + store::to_text(i.mean_shard) + ",\"deviation\":" + store::to_text(i.deviation);
  store::for_each_histogram(i, [&](const store::histogram_figure& h) {
    out.append(",\"").append(h.name).append("\":").append(store::to_json(h));
  });
  out += ",\"shard_sizes\":[";
  for (std::size_t s = 0; s != i.shard_sizes.size(); ++s) {
    if (s != 0) out += ',';
    out += std::to_string(i.shard_sizes[s]);
  }
  return out + "]}";
}

// The text format 0.0.4. `labels`: names and values, put on every line; `prefix` and the names are taken as they are.
inline std::string to_prometheus(const timed_store_info& i, std::string_view prefix = "tandem_timed_store",
                                 const std::vector<std::pair<std::string, std::string>>& labels = {}) {
  store::prometheus_text out(prefix, labels);
  store::for_each_figure(i, [&](std::string_view name, bool grows, std::string_view help, std::uint64_t n) {
    out.figure(name, grows, help, std::to_string(n));
  });
  out.figure("mean_shard", false, "Entries per shard.", store::to_text(i.mean_shard));
  out.figure("shard_deviation", false, "Standard deviation of the entries per shard.", store::to_text(i.deviation));
  store::for_each_histogram(i, [&](const store::histogram_figure& h) { out.histogram(h); });
  return out.take();
}

}  // namespace tandem

#endif
