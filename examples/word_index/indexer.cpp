#include "indexer.hpp"

namespace word_index {

void indexer::add(const std::filesystem::path& path, const word_counts& counts) {
  auto const number = static_cast<std::uint32_t>(totals_.documents);
  document& added = documents_.at(number);
  added.path = path;
  for (const auto& [word, count] : counts) {
    writer_.insert(word, posting{number, count});
    added.words += count;
  }
  ++totals_.documents;
  totals_.postings += counts.size();
  totals_.words += added.words;
  if (++waiting_ == publish_every_) publish();
}

void indexer::finish() {
  if (waiting_ != 0) publish();
}

void indexer::publish() {
  auto const begin = std::chrono::steady_clock::now();
  writer_.set_meta(totals_);
  writer_.publish();
  publish_times_.push_back(std::chrono::steady_clock::now() - begin);
  waiting_ = 0;
}

}  // namespace word_index
