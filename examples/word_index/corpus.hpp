// Which files to index.
#ifndef WORD_INDEX_CORPUS_HPP
#define WORD_INDEX_CORPUS_HPP

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace word_index {

struct source {
  std::filesystem::path path;
  std::uintmax_t bytes;  // what the file had when it was found; for the progress bar only
};

// Told of everything that is passed over, and why.
using skip_listener = std::function<void(const std::filesystem::path&, const std::string& why)>;

// The regular files among `paths` and in the folders among them, at any depth, each folder in alphabetical order. Follows
// symbolic links, but visits each file and folder once, so that links that lead back do no harm. Folders that cannot be
// read, links that lead nowhere, and FIFOs, devices and sockets are passed over. Ends early when the program is interrupted.
std::vector<source> find_sources(const std::vector<std::filesystem::path>& paths, const skip_listener& skipped);

// Text that every Debian system has: the common licences, and the copyright files of the installed packages.
std::vector<std::filesystem::path> default_paths();

}  // namespace word_index

#endif
