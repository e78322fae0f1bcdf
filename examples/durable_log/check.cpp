#include "commands.hpp"
#include "log.hpp"
#include "text.hpp"

#include <iostream>

namespace durable_log {
namespace {

std::string verdict_of(const log_file& f) {
  std::string text;
  if (!f.damage.empty())
    text = "DAMAGED";
  else if (!f.header)
    text = "was just being made";
  else
    text = f.sealed ? "sealed" : f.is_last ? "open" : "not sealed";
  if (f.is_covered) text += ", covered by the checkpoint";
  if (f.torn_bytes != 0) text += ", " + std::to_string(f.torn_bytes) + " bytes torn";
  return text;
}

}  // namespace

exit_code check(const std::filesystem::path& folder) {
  log const all = read_log(folder);
  for (const log_file& f : all.files) {
    std::cout << f.path.filename().string() << "  " << grouped(f.versions.records) << " records, " << in_bytes(f.size)
              << ", " << verdict_of(f) << '\n';
    for (const bad_place& b : f.damage) {
      std::cout << "  at " << b.offset << ", " << in_bytes(b.bytes) << ": " << b.reason << '\n';
    }
  }
  for (const std::string& note : all.notes) std::cout << note << '\n';
  std::cout << (all.is_damaged ? "damaged" : "all is well") << '\n';
  return all.is_damaged ? damaged : success;
}

}  // namespace durable_log
