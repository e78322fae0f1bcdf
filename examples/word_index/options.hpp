// The command line.
#ifndef WORD_INDEX_OPTIONS_HPP
#define WORD_INDEX_OPTIONS_HPP

#include <cstddef>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace word_index {

enum exit_code : int {
  success = 0,
  failure = 1,                // a reader got a wrong answer, or the program could not do its work
  usage = 2,                  // it was called wrongly, or with nothing that it can index
  interrupted_by_user = 130,  // as shells have it
};

struct options {
  std::size_t readers = 2;
  std::size_t publish_every = 8;     // documents
  std::vector<std::string> queries;  // spelled as in the index
  std::vector<std::filesystem::path> paths;
};

// What the user wants, or, when that has been answered or refused here, the code to exit with.
std::variant<options, exit_code> parse_options(int argc, char** argv);

}  // namespace word_index

#endif
