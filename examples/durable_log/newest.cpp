#include "newest.hpp"

#include <tandem/store/segment_reader.hpp>

#include <algorithm>
#include <memory>
#include <system_error>

namespace durable_log {

void newest_records::add(const record& r) {
  std::string key(reinterpret_cast<const char*>(r.key.data()), r.key.size());
  auto const [at, is_new] = all_.try_emplace(std::move(key));
  place& p = at->second;
  record_header const& h = r.header;
  if (!is_new && (h.version < p.version || (h.version == p.version && h.seq >= p.seq))) return;
  p = {h.version, h.seq, h.payload_bytes(), h.type == record_type::erase, r.file.path.filename().string(), r.offset};
}

std::size_t newest_records::live() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(all_, [](auto const& one) { return !one.second.erased; }));
}
std::uint64_t newest_records::live_bytes() const noexcept {
  std::uint64_t bytes = 0;
  for (auto const& [key, p] : all_) bytes += p.erased ? 0 : p.bytes;
  return bytes;
}

void newest_records::read(const log& from, const std::function<void(const record&)>& f) const {
  using file_type = tandem::posix_file_system::file_type;
  using reader = tandem::store::segment_reader<file_type>;
  struct open_file {
    const log_file* about;
    file_type file;
    std::unique_ptr<reader> records;
  };
  std::map<std::string, open_file> open;
  std::error_code error;
  for (auto const& [key, p] : all_) {
    if (p.erased) continue;
    auto const [at, is_new] = open.try_emplace(p.file);
    open_file& o = at->second;
    if (is_new) {
      o.about = &*std::ranges::find(from.files, p.file, [](const log_file& l) { return l.path.filename().string(); });
      o.file = tandem::posix_file_system().open(o.about->path, tandem::open_mode::read, error);
      if (error) throw problem(o.about->path.string() + ": " + error.message());
      o.records = std::make_unique<reader>(o.file, o.about->end, o.about->header->salt);
    }
    o.records->seek(p.offset);
    if (o.records->next(error) != reader::outcome::record) throw problem(p.file + " has changed");
    f({*o.about, p.offset, o.records->header(), o.records->key(), o.records->value()});
  }
}

}  // namespace durable_log
