#include "commands.hpp"
#include "log.hpp"
#include "newest.hpp"
#include "text.hpp"

#include <iostream>

namespace durable_log {
namespace {

std::string unquoted(std::string text) {
  if (text.size() >= 2 && text.front() == '"') return text.substr(1, text.size() - 2);
  return text;
}

}  // namespace

exit_code dump(const std::filesystem::path& folder, const dump_options& how) {
  std::size_t lines = 0;
  auto const print = [&](const record& r) {
    std::uint32_t const key_codec = r.file.header->key_codec;
    std::string const key = shown(key_codec, r.key, 200);
    if (how.key && unquoted(key) != *how.key) return;
    if (how.most != 0 && lines++ >= how.most) return;
    std::cout << r.file.path.filename().string() << ':' << r.offset << "  " << key << " @" << r.header.version;
    if (r.header.type == record_type::erase) {
      std::cout << " erased\n";
    } else {
      std::cout << " = " << shown(r.file.header->value_codec, r.value, how.longest) << "  (" << in_bytes(r.value.size())
                << ")\n";
    }
  };
  if (!how.newest) return read_log(folder, print).is_damaged ? damaged : success;
  newest_records newest;
  log const all = read_log(folder, [&](const record& r) { newest.add(r); });
  newest.read(all, print);
  return all.is_damaged ? damaged : success;
}

}  // namespace durable_log
