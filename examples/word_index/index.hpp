// What the program is about: an index from words to the documents that contain them, which grows while it is being read.
//
// One thread writes it (indexer.hpp), any number of others read it all the while (audience.hpp). What holds for every
// version that a reader can see:
//
//   1. It consists of whole documents: those with a number below meta().documents, and no part of any other.
//   2. A word has at most one posting for a document.
//   3. The counts of a document's postings add up to its number of words, and over all documents to meta().words.
//   4. Later versions contain earlier ones.
#ifndef WORD_INDEX_INDEX_HPP
#define WORD_INDEX_INDEX_HPP

#include <tandem/evmap.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace word_index {

// A word occurs `count` times in a document. Small and trivially copyable: the index keeps it inline, without a node.
struct posting {
  std::uint32_t document;
  std::uint32_t count;
  friend bool operator==(const posting&, const posting&) = default;
};

// Travels with the postings as the map's meta, so that readers see both in the same version.
struct totals {
  std::size_t documents = 0;
  std::size_t postings = 0;
  std::uint64_t words = 0;
};

struct index_options : tandem::evmap_options {
  using meta = totals;
};
using index_map = tandem::evmap<std::string, posting, index_options>;

struct document {
  std::filesystem::path path;
  std::uint64_t words = 0;
};

// The documents by their number. It has its final size before the first reader starts; the writer fills in a document before
// it publishes the first posting that names it, and never touches it again. What happens before publish() happens before
// every read that sees its effect, so readers need no lock to look at documents below meta().documents.
using catalog = std::vector<document>;

}  // namespace word_index

#endif
