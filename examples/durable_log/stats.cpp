#include "commands.hpp"
#include "log.hpp"
#include "newest.hpp"
#include "text.hpp"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <limits>
#include <map>

namespace durable_log {
namespace {

struct lane_totals {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

}  // namespace

exit_code stats(const std::filesystem::path& folder) {
  newest_records newest;
  std::uint64_t records = 0, erases = 0, payload = 0, longest_key = 0, longest_value = 0;
  std::uint64_t lowest = std::numeric_limits<std::uint64_t>::max(), highest = 0, seq = 0;
  log const all = read_log(folder, [&](const record& r) {
    newest.add(r);
    ++records;
    erases += r.header.type == record_type::erase ? 1U : 0U;
    payload += r.header.payload_bytes();
    longest_key = std::max<std::uint64_t>(longest_key, r.key.size());
    longest_value = std::max<std::uint64_t>(longest_value, r.value.size());
    lowest = std::min(lowest, r.header.version);
    highest = std::max(highest, r.header.version);
    seq = std::max(seq, r.header.seq);
  });
  std::uint64_t bytes = 0, torn = 0;
  std::size_t sealed = 0, checkpoints = 0;
  std::map<std::uint32_t, lane_totals> lanes;
  for (const log_file& f : all.files) {
    bytes += f.size;
    torn += f.torn_bytes;
    if (f.is_checkpoint()) {
      ++checkpoints;
      continue;
    }
    sealed += f.sealed ? 1U : 0U;
    lane_totals& lane = lanes[f.name.lane];
    ++lane.files;
    lane.bytes += f.size;
    lane.records += f.versions.records;
  }
  std::cout << "keys       " << name_of(all.key_codec) << "\nvalues     " << name_of(all.value_codec) << "\nfiles      "
            << all.files.size() - checkpoints << " segments, " << sealed << " of them sealed; " << checkpoints
            << " checkpoints; " << in_bytes(bytes) << "\nrecords    " << grouped(records) << ", " << grouped(erases)
            << " of them erase; " << in_bytes(payload) << " of keys and values\n";
  if (records != 0) {
    std::cout << "versions   " << lowest << " to " << highest << "; " << grouped(seq) << " writes so far\n"
              << "longest    key " << in_bytes(longest_key) << ", value " << in_bytes(longest_value) << '\n';
  }
  std::uint64_t const live = newest.live_bytes();
  std::cout << "live       " << grouped(newest.live()) << " keys, " << in_bytes(live) << "; " << std::fixed
            << std::setprecision(0)
            << (payload == 0 ? 0.0 : 100.0 * static_cast<double>(payload - live) / static_cast<double>(payload))
            << "% of the log is history\n";
  for (auto const& [n, lane] : lanes) {
    std::cout << "lane " << std::left << std::setw(6) << n << grouped(lane.records) << " records in " << lane.files
              << " files, " << in_bytes(lane.bytes) << '\n';
  }
  if (torn != 0)
    std::cout << "torn       " << in_bytes(torn) << " that a crash has left; the next open() cuts it off\n";
  if (all.is_damaged) std::cout << "damaged    see check\n";
  return all.is_damaged ? damaged : success;
}

}  // namespace durable_log
