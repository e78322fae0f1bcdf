// Text into words.
//
// A word is a run of ASCII letters, ASCII digits and bytes above 127 (so that UTF-8 letters stay whole), in lower case as far
// as ASCII goes. Runs longer than `longest_word` bytes are no words but encoded data, and left out.
#ifndef WORD_INDEX_WORDS_HPP
#define WORD_INDEX_WORDS_HPP

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace word_index {

inline constexpr std::size_t longest_word = 64;

using word_counts = std::unordered_map<std::string, std::uint32_t>;

struct file_words {
  word_counts counts;
  std::string problem;  // why the file cannot be indexed; empty: it can
};

// The words of a text file. Files that cannot be read, and files with a NUL byte near their beginning, are a problem. Memory:
// one block and the counts, however long the file or its lines.
file_words count_words(const std::filesystem::path& file);

// `text` as the index spells it, if it is exactly one word.
std::optional<std::string> as_word(std::string_view text);

}  // namespace word_index

#endif
