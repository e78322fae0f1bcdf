#include "log.hpp"

#include <tandem/store/segment_reader.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

namespace durable_log {
namespace {

using files = tandem::posix_file_system;
using reader = tandem::store::segment_reader<files::file_type>;
using format = tandem::store::segment_format;
using kind = tandem::store::parsed_name::kind;

void must(const std::error_code& error, const std::filesystem::path& path) {
  if (error) throw problem(path.string() + ": " + error.message());
}

files::file_type open_file(const std::filesystem::path& path) {
  std::error_code error;
  auto file = files().open(path, tandem::open_mode::read, error);
  must(error, path);
  return file;
}

// The files, sorted, with what their headers say.
std::vector<log_file> find_files(log& all) {
  std::error_code error;
  std::vector<log_file> found;
  for (const std::string& name : files().list(all.folder, error)) {
    auto const parsed = tandem::store::parse_name(name);
    if (parsed && parsed->what != kind::unfinished) {
      found.push_back({.path = all.folder / name, .name = *parsed});
    } else if (parsed) {
      all.notes.push_back(name + ": a checkpoint that was not finished");
    } else if (name != "LOCK") {
      all.notes.push_back(name + ": not a file of a store");
    }
  }
  must(error, all.folder);
  std::ranges::sort(found, {},
                    [](const log_file& f) { return std::tuple(!f.is_checkpoint(), f.name.lane, f.name.number); });
  return found;
}

// Where the header is damaged, its salt is in the first record, too; the rest is in the name and in other files.
void guess_header(log_file& f, files::file_type& file, const segment_header& like, std::uint64_t previous_end) {
  std::array<std::byte, format::header_bytes + format::record_bytes> bytes;
  std::error_code error;
  std::size_t const n = file.read(0, bytes, error);
  must(error, f.path);
  if (n != bytes.size()) return;
  const std::byte* const first = bytes.data() + format::header_bytes;
  auto const salt = tandem::detail::load_little<std::uint64_t>(first);
  if (!tandem::store::decode_record(first, salt)) return;
  f.header = like;
  f.header->is_checkpoint = f.is_checkpoint();
  f.header->lane = f.name.lane;
  f.header->number = f.name.number;
  f.header->salt = salt;
  f.header->previous_end = previous_end;
}

class file_reader {
 public:
  // `successor` may be null.
  file_reader(log_file& f, const log_file* successor)
      : f_(f), file_(open_file(f.path)), has_successor_(successor != nullptr) {
    f.is_last = !has_successor_;
    f.counts_to = f.size;
    if (successor != nullptr && successor->header && !f.is_covered) {
      std::uint64_t const end = successor->header->previous_end;
      if (end > f.size) damage(f.size, end - f.size, "it is shorter than the next segment says");
      f.counts_to = std::min(f.size, end);
    }
  }

  void read(const std::function<void(const record&)>& use) {
    if (!f_.header) {
      if (f_.size <= format::header_bytes && f_.is_last) {
        f_.torn_bytes = f_.size;
      } else {
        damage(0, f_.size, "there is no header of a file of a store, or a damaged one");
      }
      return;
    }
    reader records(file_, f_.counts_to, f_.header->salt);
    std::error_code error;
    f_.end = std::min<std::uint64_t>(f_.counts_to, format::header_bytes);
    while (true) {
      std::uint64_t const place = records.place();
      switch (records.next(error)) {
        case reader::outcome::record:
          if (!take(records, place, use)) return;
          break;
        case reader::outcome::end:
          if (f_.is_checkpoint()) damage(place, 0, "the end of the checkpoint is missing");
          look_for_seal(place);
          return;
        case reader::outcome::bad:
          if (!skip(records, place)) return;
          break;
        case reader::outcome::failed:
          must(error, f_.path);
      }
    }
  }

 private:
  void damage(std::uint64_t offset, std::uint64_t bytes, std::string_view reason) {
    f_.damage.push_back({offset, bytes, std::string(reason)});
  }
  // Where the next segment has been begun by a recovery, this one counts up to its seal.
  void look_for_seal(std::uint64_t place) {
    if (place >= f_.size) return;
    reader behind(file_, f_.size, f_.header->salt);
    behind.seek(place);
    std::error_code error;
    bool const is_there = behind.next(error) == reader::outcome::record && behind.header().type == record_type::seal;
    f_.sealed = is_there && tandem::store::seal_is_of(behind.value(), f_.versions, place);
  }
  // False: it was the last one.
  bool take(const reader& records, std::uint64_t place, const std::function<void(const record&)>& use) {
    record_header const& h = records.header();
    f_.end = records.place();
    if (h.type == record_type::seal) {
      if (f_.damage.empty() && !tandem::store::seal_is_of(records.value(), f_.versions, place)) {
        damage(place, h.bytes(), "the seal is of something else");
      }
      f_.sealed = true;
      if (f_.end < f_.counts_to) damage(f_.end, f_.counts_to - f_.end, "something follows the seal");
      return false;
    }
    if (h.type == record_type::positions) return true;
    f_.versions.add(h.version);
    (h.type == record_type::put ? f_.puts : f_.erases) += 1;
    use({f_, place, h, records.key(), records.value()});
    return true;
  }
  // Goes behind a bad place. False: nothing is behind it.
  bool skip(reader& records, std::uint64_t place) {
    std::string const reason(records.reason());
    bool const was_on_disk = !f_.is_last || f_.is_checkpoint() || known_to_be_synced(place);
    if (!was_on_disk) {
      f_.torn_bytes = f_.size - place;
      return false;
    }
    std::error_code error;
    bool const more = records.find_after(place, error);
    must(error, f_.path);
    damage(place, (more ? records.place() : f_.counts_to) - place, reason);
    return more;
  }
  // In the last segment: whether something behind the place tells that it was.
  bool known_to_be_synced(std::uint64_t place) {
    reader records(file_, f_.counts_to, f_.header->salt);
    std::error_code error;
    for (std::uint64_t from = place; records.find_after(from, error); from = records.place() - 1) {
      while (records.next(error) == reader::outcome::record) {
        if (records.header().synced > place) return true;
      }
      must(error, f_.path);
    }
    must(error, f_.path);
    return false;
  }

  log_file& f_;
  files::file_type file_;
  bool has_successor_;
};

// Of each lane the last segment that the checkpoint covers.
std::map<std::uint32_t, std::uint64_t> covered_by(const log_file& checkpoint) {
  std::map<std::uint32_t, std::uint64_t> covered;
  auto file = open_file(checkpoint.path);
  reader records(file, checkpoint.size, checkpoint.header->salt);
  std::error_code error;
  if (records.next(error) != reader::outcome::record || records.header().type != record_type::positions) return {};
  tandem::store::byte_reader in(records.value());
  static_cast<void>(in.number<std::uint64_t>());
  for (std::uint32_t n = in.number<std::uint32_t>(); n != 0 && in.ok(); --n) {
    auto const lane = in.number<std::uint32_t>();
    covered[lane] = in.number<std::uint64_t>();
  }
  return covered;
}

bool is_being_made(const log_file& f) { return !f.header && f.size <= format::header_bytes && !f.is_checkpoint(); }

}  // namespace

log read_log(const std::filesystem::path& folder, const std::function<void(const record&)>& f) {
  log all;
  all.folder = folder;
  all.files = find_files(all);
  std::optional<segment_header> first;
  std::error_code error;
  for (log_file& one : all.files) {
    auto file = open_file(one.path);
    one.header = tandem::store::read_header(file, one.size, error);
    must(error, one.path);
    if (one.header && one.header->major != format::major) {
      throw problem(one.path.string() + ": of version " + std::to_string(one.header->major) +
                    ", which this program does not know");
    }
    if (one.header && !first) first = one.header;
  }
  if (first) {
    all.key_codec = first->key_codec;
    all.value_codec = first->value_codec;
  }
  std::map<std::uint32_t, std::uint64_t> covered;
  const log_file* newest_checkpoint = nullptr;
  for (const log_file& one : all.files) {
    if (one.is_checkpoint() && one.header) newest_checkpoint = &one;
  }
  if (newest_checkpoint != nullptr) covered = covered_by(*newest_checkpoint);
  std::map<std::uint32_t, std::uint64_t> covered_there;  // segments
  for (log_file& one : all.files) {
    one.is_covered = !one.is_checkpoint() && one.name.number <= covered[one.name.lane];
    if (one.is_covered) ++covered_there[one.name.lane];
  }

  for (std::size_t i = 0; i != all.files.size(); ++i) {
    log_file& one = all.files[i];
    auto const is_of_this_lane = [&](std::size_t n) {
      return n < all.files.size() && !all.files[n].is_checkpoint() && all.files[n].name.lane == one.name.lane;
    };
    const log_file* successor = !one.is_checkpoint() && is_of_this_lane(i + 1) ? &all.files[i + 1] : nullptr;
    if (successor != nullptr && is_being_made(*successor) && !is_of_this_lane(i + 2)) successor = nullptr;
    if (!one.is_checkpoint()) {
      std::uint64_t const before = i != 0 && is_of_this_lane(i - 1) ? all.files[i - 1].name.number : 0;
      if (one.name.number > std::max(before, covered[one.name.lane]) + 1) {
        all.notes.push_back(one.path.filename().string() + ": the segment before it is missing");
        all.is_damaged = true;
      }
    }
    if (!one.header && first && one.size > format::header_bytes) {
      auto file = open_file(one.path);
      bool const has_predecessor = i != 0 && is_of_this_lane(i - 1);
      guess_header(one, file, *first, has_predecessor ? all.files[i - 1].size : 0);
      if (one.header) one.damage.push_back({0, format::header_bytes, "the header is damaged"});
    }
    bool const is_another =
        one.header && (one.header->store != first->store || one.header->lane != one.name.lane ||
                       one.header->number != one.name.number || one.header->is_checkpoint != one.is_checkpoint());
    if (is_another) {
      one.damage.push_back({0, one.size, "it is another file, or of another store"});
    } else {
      // What the newest checkpoint has may be in segments, too, all of it; and what older ones have is in it.
      bool twice = one.is_checkpoint() && &one != newest_checkpoint;
      if (&one == newest_checkpoint) {
        twice = std::ranges::all_of(covered, [&](auto const& c) { return covered_there[c.first] == c.second; });
      }
      file_reader(one, successor).read([&](const record& r) {
        if (f && !twice) f(r);
      });
    }
    // Recovery does not look at what a checkpoint covers.
    all.is_damaged = all.is_damaged || (!one.damage.empty() && !one.is_covered);
  }
  return all;
}

}  // namespace durable_log
