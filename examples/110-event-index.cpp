// prints: 2 threads wrote 20000 events.*windows read.*: [1-9][0-9]*, out of order: 0.*kept after the cleaning: 2000
//
// Events in the order of time, written by several threads while others read windows of it. A range shows its events in order,
// also while events are added and old ones erased; it holds up nobody.
#include <tandem/tree_index.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

// A moment, and the thread that saw something: no two events have the same.
struct stamp {
  std::uint64_t microseconds = 0;
  std::uint32_t source = 0;
  friend bool operator<(const stamp& a, const stamp& b) {
    return a.microseconds != b.microseconds ? a.microseconds < b.microseconds : a.source < b.source;
  }
};

using event_index = tandem::tree_index<stamp, std::string>;

constexpr std::uint32_t sources = 2;
constexpr std::uint64_t events_each = 10'000;

void write(event_index& events, std::uint32_t source) {
  for (std::uint64_t i = 0; i != events_each; ++i) {
    events.insert(stamp{10 * i, source}, "event " + std::to_string(i) + " of " + std::to_string(source));
  }
}

// Returns how many of the last millisecond's events were not in order: none.
std::size_t read_last_window(const event_index& events) {
  std::uint64_t end = 0;
  if (auto const last = events.back()) end = last.key().microseconds + 1;
  std::size_t disorders = 0;
  stamp before;
  for (const auto& [when, what] : events.range(stamp{end > 1000 ? end - 1000 : 0, 0}, stamp{end, 0})) {
    if (when < before) ++disorders;
    before = when;
  }
  return disorders;
}

}  // namespace

int main() {
  event_index events;
  std::atomic<std::uint32_t> writing{sources};
  std::size_t windows = 0, disorders = 0;
  std::vector<std::thread> writers;
  for (std::uint32_t source = 0; source != sources; ++source) {
    writers.emplace_back([&, source] {
      write(events, source);
      writing.fetch_sub(1);
    });
  }
  do {
    disorders += read_last_window(events);
    ++windows;
  } while (writing.load() != 0);
  for (std::thread& t : writers) t.join();
  std::cout << sources << " threads wrote " << events.size() << " events\n";
  std::cout << "windows read while they were written: " << windows << ", out of order: " << disorders << '\n';

  // Keep the last 10 ms.
  events.erase_range(stamp{}, stamp{10 * events_each - 10'000, 0});
  std::cout << "kept after the cleaning: " << events.size() << ", in " << events.stats().leaves << " leaves\n";
}
