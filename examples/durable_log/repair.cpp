// A folder that can be opened again, with all records that can be read. Of each file that is damaged, or that follows one in
// its lane (its header tells how long that is), a new one is made, which takes the other's place in one step; the damaged one
// is kept as NAME.damaged. What a crash has torn needs no repair.
#include "commands.hpp"
#include "log.hpp"
#include "text.hpp"

#include <tandem/store/segment_writer.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <set>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace durable_log {
namespace {

using files = tandem::posix_file_system;
using writer = tandem::store::segment_writer<files>;

void must(const std::error_code& error, const std::filesystem::path& path) {
  if (error) throw problem(path.string() + ": " + error.message());
}

// New files for those of `to_do`, beside them.
class mender {
 public:
  explicit mender(std::vector<const log_file*> to_do) : to_do_(std::move(to_do)) {}

  void add(const record& r) {
    auto const one = std::ranges::find(to_do_, r.file.path, [](const log_file* f) { return f->path; });
    if (one == to_do_.end()) return;
    make_up_to(static_cast<std::size_t>(one - to_do_.begin()) + 1);
    std::vector<std::byte> bytes(tandem::store::segment_format::record_bytes);
    bytes.insert(bytes.end(), r.key.begin(), r.key.end());
    bytes.insert(bytes.end(), r.value.begin(), r.value.end());
    tandem::store::begin_record(bytes.data(), r.header);
    std::span<std::byte> const part(bytes);
    std::error_code error;
    out_->append(std::span(&part, 1), error);
    must(error, out_->path());
  }
  // The rest of them, of which no record is left.
  void finish() {
    make_up_to(to_do_.size());
    end();
  }
  static std::filesystem::path temporary(const std::filesystem::path& p) { return p.string() + ".repaired"; }

 private:
  void make_up_to(std::size_t n) {
    for (; begun_ != n; ++begun_) {
      end();
      const log_file& f = *to_do_[begun_];
      auto header = *f.header;
      auto const before = ends_.find({f.name.lane, f.name.number - 1});
      if (before != ends_.end()) header.previous_end = before->second;
      std::error_code error;
      out_ = writer::create(files(), temporary(f.path), header, false, error);
      must(error, f.path);
    }
  }
  void end() {
    if (!out_) return;
    const log_file& f = *to_do_[begun_ - 1];
    std::error_code error;
    if (f.sealed) {
      out_->seal(error);
    } else {
      out_->sync(error);
    }
    must(error, out_->path());
    ends_[{f.name.lane, f.name.number}] = out_->size();
    out_->close(error);
    must(error, f.path);
    out_.reset();
  }

  std::vector<const log_file*> to_do_;
  std::size_t begun_ = 0;
  std::optional<writer> out_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> ends_;
};

}  // namespace

exit_code repair(const std::filesystem::path& folder, const repair_options& how) {
  files system;
  std::error_code error;
  std::string holder;
  auto const lock = system.try_lock(folder / "LOCK", "durable_log repair", holder, error);
  must(error, folder);
  if (!lock) throw problem(folder.string() + ": is open elsewhere: " + holder);

  log const all = read_log(folder);
  std::set<std::filesystem::path> to_do;
  std::size_t lost = 0;
  for (std::size_t i = 0; i != all.files.size(); ++i) {
    const log_file& f = all.files[i];
    if (f.damage.empty()) continue;
    for (const bad_place& b : f.damage) {
      std::cout << f.path.filename().string() << " at " << b.offset << ": " << in_bytes(b.bytes)
                << " left out: " << b.reason << '\n';
    }
    ++lost;
    if (f.is_checkpoint())
      throw problem("a damaged checkpoint is not repaired: put a copy of " + f.path.string() + " there");
    if (!f.header) throw problem(f.path.string() + ": nothing in it can be read");
    to_do.insert(f.path);
    bool const follows = i + 1 != all.files.size() && all.files[i + 1].name.lane == f.name.lane;
    if (follows) to_do.insert(all.files[i + 1].path);
  }
  for (const std::string& note : all.notes) std::cout << note << '\n';
  if (to_do.empty()) {
    std::cout << "nothing to repair\n";
    return all.is_damaged ? damaged : success;
  }
  if (how.dry_run) {
    std::cout << to_do.size() << " files would be made anew\n";
    return damaged;
  }

  std::vector<const log_file*> files_to_do;
  for (const log_file& f : all.files) {
    if (to_do.contains(f.path)) files_to_do.push_back(&f);
    std::filesystem::remove(mender::temporary(f.path));
  }
  mender made(files_to_do);
  static_cast<void>(read_log(folder, [&](const record& r) { made.add(r); }));
  made.finish();
  for (const log_file* const one : files_to_do) {
    const log_file& f = *one;
    if (!f.damage.empty()) {
      std::filesystem::copy_file(f.path, f.path.string() + ".damaged",
                                 std::filesystem::copy_options::overwrite_existing);
    }
    system.rename(mender::temporary(f.path), f.path, error);
    must(error, f.path);
  }
  system.sync_folder(folder, error);
  must(error, folder);
  std::cout << lost << " damaged files repaired; they are kept as *.damaged\n";
  return success;
}

}  // namespace durable_log
