// word_index: a search engine in small. One thread indexes text files into a tandem::evmap; others query it all the while,
// never wait, and check that every answer is one that a single published version could give.
#include "audience.hpp"
#include "console.hpp"
#include "corpus.hpp"
#include "indexer.hpp"
#include "interruption.hpp"
#include "options.hpp"
#include "report.hpp"
#include "words.hpp"

#include <chrono>
#include <exception>
#include <iostream>
#include <variant>

namespace word_index {
namespace {

std::vector<source> sources_for(const options& chosen, std::size_t& skipped) {
  auto const on_skip = [&skipped](const std::filesystem::path& path, const std::string& why) {
    ++skipped;
    complain("skipped " + printable(path.native()) + ": " + why);
  };
  return find_sources(chosen.paths.empty() ? default_paths() : chosen.paths, on_skip);
}

// Reads the files one by one, until all are done, the user has had enough, or a reader found a mistake.
std::size_t index_files(const std::vector<source>& files, indexer& index, const audience& readers) {
  std::uintmax_t bytes = 0;
  for (const source& file : files) bytes += file.bytes;

  progress shown(files.size(), bytes);
  std::size_t skipped = 0;
  for (const source& file : files) {
    if (interrupted() || readers.failed()) break;
    file_words const words = count_words(file.path);
    if (words.problem.empty()) {
      index.add(file.path, words.counts);
    } else {
      ++skipped;
      shown.skipped(file.path, words.problem);
    }
    shown.advance(file.bytes, readers.reads());
  }
  index.finish();
  return skipped;
}

exit_code run(const options& chosen) {
  summary result;
  std::vector<source> const files = sources_for(chosen, result.skipped_files);

  result.readers = chosen.readers;
  result.memory_before = resident_memory();
  catalog documents(files.size());
  auto [writer, reader] = tandem::make_evmap<std::string, posting, index_options>();
  indexer index(writer, documents, chosen.publish_every);

  auto const begin = std::chrono::steady_clock::now();
  audience readers(writer.factory(), documents, chosen.readers);
  result.skipped_files += index_files(files, index, readers);
  result.indexing = std::chrono::steady_clock::now() - begin;
  result.reads = readers.reads();
  result.memory_after = resident_memory();
  readers.stop();
  if (auto const complaint = readers.complaint()) {
    complain(*complaint);
    return failure;
  }

  result.indexed = index.so_far();
  result.publish_times = index.publish_times();
  result.waits = writer.stats().waits;
  result.longest_wait = writer.stats().longest_guard_wait;
  result.interrupted = interrupted();
  if (result.indexed.documents == 0 && !result.interrupted) {
    complain(chosen.paths.empty() ? "no licence texts on this system: name the files or folders to index"
                                  : "nothing to index: no text file among what was given");
    return usage;
  }

  auto const finished = reader.enter();
  result.different_words = finished.size();
  for (const std::string& word : chosen.queries) print_answer(std::cout, word, finished, documents);
  print_summary(std::cout, result);
  if (!std::cout.flush()) {
    complain("the report could not be written");
    return failure;
  }
  return result.interrupted ? interrupted_by_user : success;
}

}  // namespace
}  // namespace word_index

int main(int argc, char** argv) {
  try {
    auto const chosen = word_index::parse_options(argc, argv);
    if (auto const* code = std::get_if<word_index::exit_code>(&chosen)) return *code;
    word_index::notice_interruptions();
    return word_index::run(std::get<word_index::options>(chosen));
  } catch (const std::exception& problem) {
    word_index::complain(problem.what());
    return word_index::failure;
  }
}
