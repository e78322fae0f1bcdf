// prints: saving +.#+. 100%.*loading +.#+. 100%.*restored 50000 keys.*equal after the rest of the log.*refused: .*checksum.*still 50000 keys
//
// A snapshot with a progress bar, taken while the store goes on; and what a restart does: load it, and apply the log from behind
// the label again. A damaged file is refused, and changes nothing.
#include <tandem/timed_store.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <system_error>

namespace {

using store = tandem::timed_store<>;

// The log: what happens at each position.
void apply(store& s, std::uint64_t index) {
  std::string const key = "key-" + std::to_string(index % 50'000);
  static_cast<void>(s.set(key, "value " + std::to_string(index), index, {.delete_in = 1'000'000}));
}

void show(const char* what, std::uint64_t done, std::uint64_t all) {
  std::uint64_t const part = all == 0 ? 40 : 40 * done / all;
  std::cout << '\r' << what << " [";
  for (std::uint64_t i = 0; i != 40; ++i) std::cout << (i < part ? '#' : ' ');
  std::cout << "] " << part * 100 / 40 << '%' << std::flush;
}

}  // namespace

int main() {
  auto const file =
      std::filesystem::temp_directory_path() / ("tandem-example-" + std::to_string(std::random_device()()));
  store live;
  std::uint64_t index = 0;
  while (index != 50'000) apply(live, ++index);

  // What is written from here on comes back by the log.
  tandem::snapshot_options how;
  how.on_progress = [&](const tandem::snapshot_report& so_far) {
    show("saving ", so_far.entries, 50'000);
    for (int i = 0; i != 100; ++i) apply(live, ++index);
  };
  auto const saved = live.save_file(file, how);
  std::cout << "  " << saved.bytes << " bytes, label " << saved.label << '\n';

  store restarted;
  how.on_progress = [&](const tandem::snapshot_report& so_far) { show("loading", so_far.entries, saved.entries); };
  auto const loaded = restarted.load_file(file, how);
  std::cout << "\nrestored " << restarted.size() << " keys\n";
  for (std::uint64_t i = loaded.label + 1; i <= index; ++i) apply(restarted, i);
  std::cout << (restarted.digest() == live.digest() ? "equal" : "different") << " after the rest of the log\n";

  // One byte of it goes bad.
  {
    std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(static_cast<std::streamoff>(saved.bytes / 2));
    damaged.put('!');
  }
  std::error_code error;
  auto const refused = restarted.load_file(file, error);
  std::cout << "refused: " << refused.error << '\n' << "still " << restarted.size() << " keys\n";
  std::filesystem::remove(file);
}
