#include "report.hpp"

#include "console.hpp"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <ostream>
#include <tuple>

#include <unistd.h>

namespace word_index {
namespace {

constexpr std::size_t documents_shown = 5;

// `part` 0.99: the time that 99 of 100 did not exceed. Precondition: `sorted` is sorted, and not empty.
double milliseconds_at(double part, const std::vector<std::chrono::steady_clock::duration>& sorted) {
  auto const place = static_cast<std::size_t>(part * static_cast<double>(sorted.size()));
  return std::chrono::duration<double, std::milli>(sorted[std::min(place, sorted.size() - 1)]).count();
}

void print_publishes(std::ostream& out, const summary& s) {
  std::vector<std::chrono::steady_clock::duration> times = s.publish_times;
  out << "publishes      " << grouped(times.size());
  if (!times.empty()) {
    std::sort(times.begin(), times.end());
    out << ": p50 " << milliseconds_at(0.5, times) << " ms, p99 " << milliseconds_at(0.99, times) << " ms, max "
        << milliseconds_at(1.0, times) << " ms; " << grouped(s.waits) << " waited for a reader, the longest "
        << s.longest_wait.count() << " ms";
  }
  out << '\n';
}

void print_memory(std::ostream& out, const summary& s) {
  if (!s.memory_before || !s.memory_after) return;
  out << "memory         " << grouped(*s.memory_after / 1024) << " KiB resident";
  if (s.indexed.postings != 0 && *s.memory_after > *s.memory_before) {
    out << ", " << (*s.memory_after - *s.memory_before) / s.indexed.postings << " bytes per posting";
  }
  out << '\n';
}

}  // namespace

std::optional<std::uint64_t> resident_memory() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  if (!(statm >> size >> resident)) return std::nullopt;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void print_answer(std::ostream& out, const std::string& word, const index_map::guard& index, const catalog& documents) {
  const index_map::bag_type* const found = index.find(word);
  if (found == nullptr) {
    out << word << ": in no document\n\n";
    return;
  }
  std::vector<posting> postings(found->begin(), found->end());
  std::sort(postings.begin(), postings.end(), [](const posting& a, const posting& b) {
    return std::tuple(b.count, a.document) < std::tuple(a.count, b.document);
  });
  std::uint64_t times = 0;
  for (const posting& p : postings) times += p.count;

  out << word << ": " << grouped(times) << " times in " << grouped(postings.size()) << " documents\n";
  std::size_t const shown = std::min(postings.size(), documents_shown);
  for (std::size_t i = 0; i != shown; ++i) {
    out << std::setw(8) << postings[i].count << "  " << printable(documents[postings[i].document].path.native())
        << '\n';
  }
  if (shown != postings.size()) out << "     ...  and " << grouped(postings.size() - shown) << " more\n";
  out << '\n';
}

void print_summary(std::ostream& out, const summary& s) {
  double const seconds = std::max(s.indexing.count(), 1e-9);
  out << std::fixed << std::setprecision(2);
  if (s.interrupted) out << "interrupted    this is what was indexed until then\n";
  out << "documents      " << grouped(s.indexed.documents) << " indexed in " << s.indexing.count() << " s, "
      << grouped(s.skipped_files) << " skipped\n"
      << "words          " << grouped(s.different_words) << " different, " << grouped(s.indexed.words) << " in all\n"
      << "postings       " << grouped(s.indexed.postings) << '\n'
      << "reads          " << grouped(s.reads) << " by " << s.readers << " readers, "
      << grouped(static_cast<std::uint64_t>(static_cast<double>(s.reads) / seconds))
      << " per second, all answers right\n";
  print_publishes(out, s);
  print_memory(out, s);
}

}  // namespace word_index
