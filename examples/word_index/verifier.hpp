// The questions that one reading thread asks the index, and what it expects of the answers: the promises in index.hpp.
#ifndef WORD_INDEX_VERIFIER_HPP
#define WORD_INDEX_VERIFIER_HPP

#include "index.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace word_index {

// The index said something that cannot be.
struct wrong_answer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// For one thread.
class verifier {
 public:
  verifier(index_map::reader reader, const catalog& documents, std::uint64_t seed)
      : reader_(std::move(reader)), documents_(documents), sum_of_(documents.size()), random_(seed) {}

  // Looks up a word, mostly one that the last audit met, now and then one that cannot be there. Frequent words are asked for
  // more often, as people do. Before there are any words, waits for some, but not for long. Throws wrong_answer.
  // Returns how many queries were answered: 0 or 1.
  std::size_t ask();

  // Checks every posting of one version, and picks the words to ask for from now on. Throws wrong_answer.
  void audit();

 private:
  // A word that is known to be in the index, and what is the least it must be found with.
  struct known_word {
    std::string word;
    std::size_t postings;
  };

  void check_totals(const totals& seen);
  // Returns the sum of the counts.
  std::uint64_t check_postings(std::string_view word, const index_map::bag_type& bag, const totals& seen);
  void consider(std::size_t nth, const std::string& word, std::size_t postings);
  known_word& draw();

  index_map::reader reader_;
  const catalog& documents_;
  std::vector<known_word> vocabulary_;                         // a sample; most frequent words first
  std::vector<std::uint64_t> sum_of_;                          // per document: what an audit has counted
  std::vector<bool> met_ = std::vector<bool>(sum_of_.size());  // per document: whether the present bag has named it
  totals last_;                                                // of the latest version seen
  std::size_t audited_documents_ = 0;                          // of the version that the last audit saw
  std::mt19937_64 random_;
};

}  // namespace word_index

#endif
