#include "console.hpp"

#include <algorithm>
#include <iostream>

#include <unistd.h>

namespace word_index {
namespace {

constexpr auto redraw_after = std::chrono::milliseconds(100);
constexpr std::size_t bar_width = 30;

// In hundredths. Counted in bytes, as files differ in size; in files, where all are empty or of unknown size.
std::size_t percent(std::uintmax_t done, std::uintmax_t all, std::size_t files_done, std::size_t files) {
  double const part = all != 0     ? static_cast<double>(done) / static_cast<double>(all)
                      : files != 0 ? static_cast<double>(files_done) / static_cast<double>(files)
                                   : 1.0;
  return static_cast<std::size_t>(std::min(part, 1.0) * 100.0);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown(text);
  std::replace_if(shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return shown;
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

void complain(std::string_view message) { std::cerr << "word_index: " << message << '\n'; }

progress::progress(std::size_t files, std::uintmax_t bytes)
    : files_(files), bytes_(bytes), on_terminal_(::isatty(STDERR_FILENO) != 0) {
  std::cerr << "indexing " << grouped(files) << " files, " << grouped(bytes / 1024) << " KiB\n";
}

void progress::skipped(const std::filesystem::path& path, std::string_view why) {
  clear_bar();
  complain("skipped " + printable(path.native()) + ": " + std::string(why));
}

void progress::advance(std::uintmax_t bytes, std::uint64_t reads) {
  ++files_done_;
  bytes_done_ += bytes;
  if (on_terminal_) {
    if (clock::now() - drawn_ >= redraw_after) draw_bar(reads);
    return;
  }
  std::size_t const quarters = percent(bytes_done_, bytes_, files_done_, files_) / 25;
  if (quarters > quarters_told_) std::cerr << quarters * 25 << "% indexed, " << grouped(reads) << " reads so far\n";
  quarters_told_ = std::max(quarters, quarters_told_);
}

void progress::draw_bar(std::uint64_t reads) {
  drawn_ = clock::now();
  std::size_t const done = percent(bytes_done_, bytes_, files_done_, files_);
  std::size_t const filled = done * bar_width / 100;
  double const seconds = std::chrono::duration<double>(drawn_ - begin_).count();
  auto const rate = static_cast<std::uint64_t>(seconds > 0 ? static_cast<double>(reads) / seconds : 0.0);
  clear_bar();
  std::cerr << '[' << std::string(filled, '#') << std::string(bar_width - filled, '.') << "] " << done << "%, "
            << grouped(files_done_) << " files, " << grouped(rate) << " reads/s" << std::flush;
  bar_is_drawn_ = true;
}

void progress::clear_bar() {
  if (bar_is_drawn_) std::cerr << "\r\x1b[K" << std::flush;
  bar_is_drawn_ = false;
}

}  // namespace word_index
