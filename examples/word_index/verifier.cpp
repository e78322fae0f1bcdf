#include "verifier.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace word_index {
namespace {

constexpr std::size_t sample_size = 4096;
constexpr std::size_t ask_for_nonsense_every = 16;
// Words have no spaces, so no document has this one.
constexpr std::string_view nonsense = "no such word";

[[noreturn]] void fail(const std::string& what) { throw wrong_answer("wrong answer: " + what); }

[[noreturn]] void fail(std::string_view word, const std::string& what) { fail('"' + std::string(word) + "\" " + what); }

}  // namespace

std::size_t verifier::ask() {
  // An audit looks at everything, so it is done only when the index has doubled: that is a small part of all the work.
  if (last_.documents >= 2 * audited_documents_) audit();
  if (vocabulary_.empty()) {
    reader_.wait_for_version(reader_.version() + 1, std::chrono::milliseconds(10));
    last_ = reader_.meta().value_or(last_);
    return 0;
  }

  if (random_() % ask_for_nonsense_every == 0) {
    if (reader_.contains(nonsense)) fail(nonsense, "is in the index");
    return 1;
  }
  known_word& asked = draw();
  auto const answer = reader_.find_with_meta(asked.word);
  if (!answer) fail("the index is gone");
  check_totals(answer.meta());
  if (!answer.found()) fail(asked.word, "was in the index, and is no more");
  check_postings(asked.word, *answer, answer.meta());
  if (answer->size() < asked.postings) fail(asked.word, "has lost postings");
  asked.postings = answer->size();
  return 1;
}

void verifier::audit() {
  auto const index = reader_.enter();
  if (!index) fail("the index is gone");
  totals const& all = index.meta();
  check_totals(all);

  std::fill(sum_of_.begin(), sum_of_.end(), 0);
  vocabulary_.clear();
  std::size_t nth = 0;
  std::size_t postings = 0;
  std::uint64_t words = 0;
  for (const auto& [word, bag] : index) {
    words += check_postings(word, bag, all);
    postings += bag.size();
    for (posting const p : bag) sum_of_[p.document] += p.count;
    consider(nth++, word, bag.size());
  }
  if (postings != all.postings) fail(std::to_string(postings) + " postings, not " + std::to_string(all.postings));
  if (words != all.words) fail(std::to_string(words) + " words, not " + std::to_string(all.words));
  for (std::size_t d = 0; d != all.documents; ++d) {
    if (sum_of_[d] != documents_[d].words) fail("the counts of document " + std::to_string(d) + " do not add up");
  }

  std::sort(vocabulary_.begin(), vocabulary_.end(),
            [](const known_word& a, const known_word& b) { return a.postings > b.postings; });
  audited_documents_ = std::max<std::size_t>(all.documents, 1);
}

void verifier::check_totals(const totals& seen) {
  if (seen.documents < last_.documents || seen.postings < last_.postings || seen.words < last_.words) {
    fail("the index went back to an earlier version");
  }
  last_ = seen;
}

std::uint64_t verifier::check_postings(std::string_view word, const index_map::bag_type& bag, const totals& seen) {
  std::uint64_t sum = 0;
  for (posting const p : bag) {
    if (p.document >= seen.documents)
      fail(word, "names document " + std::to_string(p.document) + ", not yet published");
    if (p.count == 0 || p.count > documents_[p.document].words) fail(word, "has an impossible count");
    if (met_[p.document]) fail(word, "names document " + std::to_string(p.document) + " twice");
    met_[p.document] = true;
    sum += p.count;
  }
  for (posting const p : bag) met_[p.document] = false;
  return sum;
}

// Keeps a uniform sample of the words that it is told (reservoir sampling).
void verifier::consider(std::size_t nth, const std::string& word, std::size_t postings) {
  if (vocabulary_.size() < sample_size) {
    vocabulary_.push_back({word, postings});
  } else if (std::size_t const place = random_() % (nth + 1); place < sample_size) {
    vocabulary_[place] = {word, postings};
  }
}

verifier::known_word& verifier::draw() {
  double const u = std::uniform_real_distribution<double>(0.0, 1.0)(random_);
  auto const rank = static_cast<std::size_t>(u * u * u * static_cast<double>(vocabulary_.size()));
  return vocabulary_[std::min(rank, vocabulary_.size() - 1)];
}

}  // namespace word_index
