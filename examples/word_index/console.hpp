// What the user sees while the program works, all of it on stderr.
#ifndef WORD_INDEX_CONSOLE_HPP
#define WORD_INDEX_CONSOLE_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace word_index {

// Text from outside, made safe to show: control characters could do anything to a terminal.
std::string printable(std::string_view text);
// 1234567 -> 1,234,567
std::string grouped(std::uint64_t number);

void complain(std::string_view message);

// A bar if stderr is a terminal, otherwise a line for each quarter of the way. For one thread.
class progress {
 public:
  progress(std::size_t files, std::uintmax_t bytes);
  ~progress() { clear_bar(); }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  void skipped(const std::filesystem::path& path, std::string_view why);
  // One more file is done with; `reads` queries were answered up to now.
  void advance(std::uintmax_t bytes, std::uint64_t reads);

 private:
  using clock = std::chrono::steady_clock;

  void draw_bar(std::uint64_t reads);
  void clear_bar();

  std::size_t files_;
  std::uintmax_t bytes_;
  std::size_t files_done_ = 0;
  std::uintmax_t bytes_done_ = 0;
  bool on_terminal_;
  bool bar_is_drawn_ = false;
  std::size_t quarters_told_ = 0;
  clock::time_point begin_ = clock::now();
  clock::time_point drawn_{};
};

}  // namespace word_index

#endif
