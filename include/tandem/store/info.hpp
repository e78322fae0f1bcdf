// What a timed_store tells about itself, for people (JSON) and for Prometheus; and what durable_store's (durable_info.hpp) needs too.
//
// Counts are of one moment, each by itself, and exact when nobody writes; none is an estimate or a sample. Every number is finite.
#ifndef TANDEM_STORE_INFO_HPP
#define TANDEM_STORE_INFO_HPP

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
  std::size_t queued = 0;     // hints that it has not taken in
  std::size_t scheduled = 0;  // hints that it has
  std::uint64_t expiration_lag =
      0;  // by how much the clock is ahead of the earliest deadline that it has taken in and not seen to
  std::uint64_t expired = 0;  // what it has done, since these contents began
  std::uint64_t deleted = 0;
  std::uint64_t forgotten = 0;
  // Writes with a smaller index than the entry's, since these contents began.
  std::uint64_t stale_writes = 0;
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
  f("expiration_lag", false, "How far the clock is ahead of the earliest deadline not yet seen to.", i.expiration_lag);
  f("expired", true, "Values collected because they had expired.", i.expired);
  f("deleted", true, "Entries collected because they were deleted by deadline.", i.deleted);
  f("forgotten", true, "Tombstones removed.", i.forgotten);
  f("stale_writes", true, "Writes rejected because of their index.", i.stale_writes);
}

inline std::string to_text(double d) {
  char text[64];
  int const n = std::snprintf(text, sizeof text, "%.6g", d);
  std::string s(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  // Whatever the locale says.
  for (char& c : s) {
    if (c == ',') c = '.';
  }
  return s;
}

// In braces, or nothing if there are none.
inline std::string prometheus_labels(const std::vector<std::pair<std::string, std::string>>& labels) {
  std::string braces;
  for (const auto& [name, value] : labels) {
    braces += braces.empty() ? '{' : ',';
    braces += name + "=\"";
    for (char c : value) {
      if (c == '\\' || c == '"') braces += '\\';
      if (c == '\n') {
        braces += "\\n";
      } else {
        braces += c;
      }
    }
    braces += '"';
  }
  if (!braces.empty()) braces += '}';
  return braces;
}

}  // namespace store

// One object, on one line.
inline std::string to_json(const timed_store_info& i) {
  std::string out = "{\"db_type\":\"tandem::timed_store\"";
  store::for_each_figure(i, [&](std::string_view name, bool, std::string_view, std::uint64_t n) {
    out.append(",\"").append(name).append("\":").append(std::to_string(n));
  });
  out += ",\"mean_shard\":" + store::to_text(i.mean_shard) + ",\"deviation\":" + store::to_text(i.deviation);
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
  std::string const braces = store::prometheus_labels(labels);
  std::string out;
  store::for_each_figure(i, [&](std::string_view name, bool grows, std::string_view help, std::uint64_t n) {
    std::string const full = std::string(prefix) + '_' + std::string(name) + (grows ? "_total" : "");
    out += "# HELP " + full + ' ' + std::string(help) + "\n# TYPE " + full + (grows ? " counter\n" : " gauge\n");
    out += full + braces + ' ' + std::to_string(n) + '\n';
  });
  return out;
}

}  // namespace tandem

#endif
