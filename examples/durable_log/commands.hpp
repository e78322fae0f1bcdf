// What the program does: one function for each command. They write to standard output, and return the program's exit code.
#ifndef DURABLE_LOG_COMMANDS_HPP
#define DURABLE_LOG_COMMANDS_HPP

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace durable_log {

enum exit_code : int {
  success = 0,
  damaged = 1,  // something that has been on the disk is not there as it was
  usage = 2,    // called wrongly, or it cannot be done: no such folder, a full disk
};

exit_code check(const std::filesystem::path& folder);

struct dump_options {
  std::optional<std::string> key{};  // as it is shown; without quotation marks
  bool newest = false;               // of each key what counts, by key; otherwise every record
  std::size_t longest = 60;          // bytes of a value that are shown
  std::size_t most = 0;              // lines; 0: all
};
exit_code dump(const std::filesystem::path& folder, const dump_options& how);

exit_code stats(const std::filesystem::path& folder);

struct repair_options {
  bool dry_run = false;
};
exit_code repair(const std::filesystem::path& folder, const repair_options& how);

struct export_options {
  std::filesystem::path to;
  std::filesystem::path
      values{};  // the schema of the values, which are in Avro's encoding; none: bytes or what the codec says
  bool newest = false;
};
exit_code export_to_avro(const std::filesystem::path& folder, const export_options& how);

}  // namespace durable_log

#endif
