// What the program prints when it is done.
#ifndef WORD_INDEX_REPORT_HPP
#define WORD_INDEX_REPORT_HPP

#include "index.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace word_index {

// Bytes of physical memory that the program has now; nothing where the system does not tell.
std::optional<std::uint64_t> resident_memory();

struct summary {
  totals indexed;
  std::size_t different_words = 0;
  std::size_t skipped_files = 0;
  std::chrono::duration<double> indexing{0};
  bool interrupted = false;

  std::size_t readers = 0;
  std::uint64_t reads = 0;

  std::vector<std::chrono::steady_clock::duration> publish_times;
  std::uint64_t waits = 0;  // publishes that waited for a reader
  std::chrono::duration<double, std::milli> longest_wait{0};

  std::optional<std::uint64_t> memory_before;
  std::optional<std::uint64_t> memory_after;
};

// The documents that have the word, those that have it most often first.
void print_answer(std::ostream& out, const std::string& word, const index_map::guard& index, const catalog& documents);

void print_summary(std::ostream& out, const summary& s);

}  // namespace word_index

#endif
