// The one thread that writes the index.
#ifndef WORD_INDEX_INDEXER_HPP
#define WORD_INDEX_INDEXER_HPP

#include "index.hpp"
#include "words.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <vector>

namespace word_index {

// Adds documents, and publishes each time that `publish_every` of them are ready. Readers thus never see half a document.
class indexer {
 public:
  using duration = std::chrono::steady_clock::duration;

  // `documents` has room for all that will be added, and outlives the readers.
  indexer(index_map::writer& writer, catalog& documents, std::size_t publish_every)
      : writer_(writer), documents_(documents), publish_every_(publish_every) {}

  void add(const std::filesystem::path& path, const word_counts& counts);
  // Publishes what is left over.
  void finish();

  const totals& so_far() const noexcept { return totals_; }
  // How long each publish took, in order.
  const std::vector<duration>& publish_times() const noexcept { return publish_times_; }

 private:
  void publish();

  index_map::writer& writer_;
  catalog& documents_;
  std::size_t publish_every_;
  std::size_t waiting_ = 0;  // documents that readers do not see yet
  totals totals_;
  std::vector<duration> publish_times_;
};

}  // namespace word_index

#endif
