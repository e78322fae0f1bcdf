#include "options.hpp"

#include "words.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <system_error>

namespace word_index {
namespace {

// Both catch typing errors: this is not the place to find out how many threads the system can start.
constexpr std::size_t most_readers = 256;
constexpr std::size_t most_documents_at_once = 1'000'000;

CLI::Validator whole_number(std::size_t lowest, std::size_t highest) {
  auto const check = [=](const std::string& text) -> std::string {
    std::size_t number = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool const is_number = error == std::errc() && end == text.data() + text.size();
    if (is_number && number >= lowest && number <= highest) return {};
    return "must be a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest) + ", not \"" +
           text + '"';
  };
  return {check, ""};
}

// Refuses what is not one word, and spells the rest as the index does.
CLI::Validator one_word() {
  auto const check = [](std::string& text) -> std::string {
    auto word = as_word(text);
    if (!word) return "must be a single word of letters and digits, not \"" + text + '"';
    text = std::move(*word);
    return {};
  };
  return {check, ""};
}

// CLI11's own check only says that a path does not exist, also where it may not be looked at.
CLI::Validator existing_path() {
  auto const check = [](const std::string& text) -> std::string {
    std::error_code error;
    if (std::filesystem::exists(text, error)) return {};
    return text + ": " + (error ? error.message() : "no such file or folder");
  };
  return {check, ""};
}

}  // namespace

std::variant<options, exit_code> parse_options(int argc, char** argv) {
  options chosen;
  CLI::App app(
      "Indexes the words of text files while other threads ask the index for words, and check every answer.\n"
      "At the end prints the answers to the queries, and what the index and its readers did.\n"
      "Exit code: 0, 1 after a wrong answer, 2 for wrong use or nothing to index, 130 after Ctrl-C.",
      "word_index");
  app.add_option("--readers", chosen.readers, "Threads that read while the index is written")
      ->type_name("N")
      ->check(whole_number(0, most_readers))
      ->capture_default_str();
  app.add_option("--publish-every", chosen.publish_every, "Documents after which readers get to see them")
      ->type_name("N")
      ->check(whole_number(1, most_documents_at_once))
      ->capture_default_str();
  app.add_option("--query", chosen.queries, "Word to look up at the end; may be given more than once")
      ->type_name("WORD")
      ->allow_extra_args(false)
      ->transform(one_word());
  app.add_option("PATH", chosen.paths, "Files and folders to index [default: licence texts found on this system]")
      ->type_name("")
      ->check(existing_path());

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? success : usage;
  }
  if (chosen.queries.empty()) chosen.queries = {"warranty", "freedom", "debian"};
  return chosen;
}

}  // namespace word_index
