#include "words.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace word_index {
namespace {

constexpr std::size_t block_size = 64 * 1024;
constexpr int blocks_searched_for_nul = 4;

// What becomes of each byte: itself or its lower case within a word, 0 for a separator.
constexpr std::array<char, 256> make_letters() {
  std::array<char, 256> letters{};
  for (std::size_t byte = 0; byte != letters.size(); ++byte) {
    bool const upper = byte >= 'A' && byte <= 'Z';
    bool const kept = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
    if (upper) letters[byte] = static_cast<char>(byte - 'A' + 'a');
    if (kept) letters[byte] = static_cast<char>(byte);
  }
  return letters;
}
constexpr std::array<char, 256> letters = make_letters();

// Takes text in pieces that may end within a word, and calls `found(const std::string&)` for each word.
template <class Found>
class splitter {
 public:
  explicit splitter(Found found) : found_(std::move(found)) {}

  void take(std::string_view text) {
    for (char const c : text) {
      char const letter = letters[static_cast<unsigned char>(c)];
      if (letter == 0) {
        finish();
      } else if (word_.size() <= longest_word) {  // one more than a word may have: then it is known to be too long
        word_.push_back(letter);
      }
    }
  }

  void finish() {
    if (!word_.empty() && word_.size() <= longest_word) found_(std::as_const(word_));
    word_.clear();
  }

 private:
  Found found_;
  std::string word_;
};

std::string reason(int error) { return std::generic_category().message(error); }

}  // namespace

file_words count_words(const std::filesystem::path& file) {
  errno = 0;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> const in(std::fopen(file.c_str(), "rb"), &std::fclose);
  if (in == nullptr) return {{}, reason(errno)};

  file_words result;
  splitter words([&counts = result.counts](const std::string& word) {
    std::uint32_t& count = counts[word];
    if (count != std::numeric_limits<std::uint32_t>::max()) ++count;
  });
  std::vector<char> block(block_size);
  for (int blocks = 0;; ++blocks) {
    errno = 0;
    std::string_view const text(block.data(), std::fread(block.data(), 1, block.size(), in.get()));
    if (std::ferror(in.get()) != 0) return {{}, reason(errno)};
    if (text.empty()) break;
    if (blocks < blocks_searched_for_nul && text.find('\0') != std::string_view::npos) return {{}, "binary file"};
    words.take(text);
  }
  words.finish();
  return result;
}

std::optional<std::string> as_word(std::string_view text) {
  std::string word;
  for (char const c : text) {
    char const letter = letters[static_cast<unsigned char>(c)];
    if (letter == 0) return std::nullopt;
    word.push_back(letter);
  }
  if (word.empty() || word.size() > longest_word) return std::nullopt;
  return word;
}

}  // namespace word_index
