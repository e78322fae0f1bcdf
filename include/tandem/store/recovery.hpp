// Recovery of a durable_store: reads what is in its folder into memory, and then brings the ends of the lanes in order. The format, and
// what of it counts, are in segment.hpp.
//
//   1. look      the names in the folder, the last checkpoint's positions, the header of each segment
//   2. read      the checkpoint and the segments that it does not cover, by several threads, the newest first: what an older one has
//                then mostly loses against what is there, and its value is never made; within a file too, as the records of a
//                window are decided about from the last one on. Each thread has a window of the file; nothing else grows
//                but what is live
//   3. repair    torn ends are cut off, the last segment of each lane is synced and sealed, files that nobody finished are removed
//
// Nothing is changed before everything has been read; a recovery that fails has changed nothing. One that a crash interrupts is
// done again.
#ifndef TANDEM_STORE_RECOVERY_HPP
#define TANDEM_STORE_RECOVERY_HPP

#include <tandem/codec.hpp>
#include <tandem/detail/keyed.hpp>
#include <tandem/store/durable_options.hpp>
#include <tandem/store/lane_log.hpp>
#include <tandem/store/segment.hpp>
#include <tandem/store/segment_reader.hpp>
#include <tandem/store/segment_writer.hpp>
#include <tandem/store/side_by_side.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::store {

// Where a lane goes on: the number of its last segment, and how much of that counts.
struct lane_end {
  std::uint64_t number = 0;
  std::uint64_t end = 0;
};

template <class K, class V, class Memory, durable_file_system System>
class recovery {
  using file_type = typename System::file_type;
  using reader_type = segment_reader<file_type>;
  using outcome = typename reader_type::outcome;
  using sought = typename Memory::sought;

 public:
  // `context.store` becomes the store that was found, if there is one.
  recovery(log_context<System>& context, Memory& memory, recovery_report& report)
      : context_(context), memory_(memory), report_(report) {}

  // With an error, report.error says it in words.
  void run(std::error_code& error) {
    auto const start = std::chrono::steady_clock::now();
    look(error);
    if (!error) read_all(error);
    if (!error) repair(error);
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::uint64_t next_seq() const noexcept { return next_seq_; }
  std::uint64_t last_checkpoint() const noexcept { return checkpoint_.number; }
  std::uint64_t checkpoint_bytes() const noexcept { return checkpoint_.size; }
  bool found_store() const noexcept { return found_store_; }
  lane_end end_of(std::uint32_t lane) const {
    auto const at = ends_.find(lane);
    return at == ends_.end() ? lane_end() : at->second;
  }
  // Those from this one on, and the numbers of their last segments.
  std::vector<std::pair<std::uint32_t, std::uint64_t>> lanes_from(std::uint32_t first) const {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> found;
    for (auto at = ends_.lower_bound(first); at != ends_.end(); ++at) found.emplace_back(at->first, at->second.number);
    return found;
  }
  // That recovery has sealed.
  const std::vector<std::filesystem::path>& sealed() const noexcept { return sealed_; }
  // Bytes of the segments that no checkpoint covers.
  std::uint64_t log_bytes() const noexcept { return log_bytes_; }

 private:
  struct file_info {
    std::uint64_t number = 0;
    std::filesystem::path path{};
    std::uint64_t size = 0;
    std::optional<segment_header> header{};
    std::uint64_t limit = 0;  // how much of it counts, at most
    bool is_last = false;
    bool is_covered = false;
    // What reading has found.
    std::uint64_t end = 0;
    segment_summary records{};
    bool is_sealed = false;
    bool is_damaged = false;
  };

  // ---- 1. Looking.

  void look(std::error_code& error) {
    std::vector<std::uint64_t> checkpoints;
    for (const std::string& name : context_.system.list(context_.folder, error)) {
      std::optional<parsed_name> const parsed = parse_name(name);
      if (!parsed) continue;
      switch (parsed->what) {
        case parsed_name::kind::segment:
          lanes_[parsed->lane].emplace_back();
          lanes_[parsed->lane].back().number = parsed->number;
          lanes_[parsed->lane].back().path = context_.folder / name;
          break;
        case parsed_name::kind::checkpoint:
          checkpoints.push_back(parsed->number);
          break;
        case parsed_name::kind::unfinished:
          garbage_.push_back(context_.folder / name);
          break;
      }
    }
    if (error) return say(error, context_.folder, "its files cannot be listed");
    std::sort(checkpoints.begin(), checkpoints.end());
    if (!checkpoints.empty()) {
      look_at_checkpoint(checkpoints.back(), error);
      checkpoints.pop_back();
      for (std::uint64_t n : checkpoints) garbage_.push_back(context_.folder / checkpoint_name(n));
    }
    for (auto& [lane, files] : lanes_) {
      std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
      if (!error) look_at_lane(lane, files, error);
    }
  }

  void look_at_checkpoint(std::uint64_t number, std::error_code& error) {
    checkpoint_.number = number;
    checkpoint_.path = context_.folder / checkpoint_name(number);
    file_type file = context_.system.open(checkpoint_.path, open_mode::read, error);
    if (!error) checkpoint_.header = read_header(file, checkpoint_.size, error);
    if (error) return say(error, checkpoint_.path, "it cannot be read");
    bool const right = checkpoint_.header && checkpoint_.header->is_checkpoint && checkpoint_.header->number == number;
    if (!right) {
      checkpoint_.header.reset();
      return damaged(checkpoint_, 0, checkpoint_.size, "there is no header of a checkpoint, or a damaged one", error);
    }
    if (!check_header(checkpoint_, error)) return;
    reader_type reader(file, checkpoint_.size, checkpoint_.header->salt);
    outcome const first = reader.next(error);
    if (first == outcome::failed) return say(error, checkpoint_.path, "it cannot be read");
    if (first != outcome::record || reader.header().type != record_type::positions || !read_positions(reader.value())) {
      checkpoint_.header.reset();
      return damaged(checkpoint_, segment_format::header_bytes, checkpoint_.size, "there are no positions", error);
    }
    checkpoint_.limit = checkpoint_.size;
  }
  bool read_positions(byte_view value) {
    byte_reader in(value);
    next_seq_ = std::max(next_seq_, in.number<std::uint64_t>());
    auto const count = in.number<std::uint32_t>();
    for (std::uint32_t i = 0; i != count && in.ok(); ++i) {
      auto const lane = in.number<std::uint32_t>();
      covered_[lane] = in.number<std::uint64_t>();
    }
    return in.ok() && in.at_end();
  }

  void look_at_lane(std::uint32_t lane, std::vector<file_info>& files, std::error_code& error) {
    auto const covering = covered_.find(lane);
    std::uint64_t const covered = covering == covered_.end() ? 0 : covering->second;
    for (file_info& f : files) {
      file_type file = context_.system.open(f.path, open_mode::read, error);
      if (!error) f.header = read_header(file, f.size, error);
      if (error) return say(error, f.path, "it cannot be read");
      f.is_covered = f.number <= covered;
      f.limit = f.end = f.size;
    }
    // One that was just being made.
    if (!files.back().header && files.back().size <= segment_format::header_bytes) {
      garbage_.push_back(files.back().path);
      report_.torn_bytes += files.back().size;
      files.pop_back();
    }
    if (files.empty()) return;
    files.back().is_last = true;
    for (std::size_t i = 0; i != files.size(); ++i) {
      file_info& f = files[i];
      // Those that are covered may have been removed.
      std::uint64_t const expected = std::max(i == 0 ? 1 : files[i - 1].number + 1, covered + 1);
      if (f.number > expected) {
        file_info missing;
        missing.path = context_.folder / segment_name(lane, expected);
        damaged(missing, 0, 0, "the segment is missing", error);
      }
      bool const right = f.header && !f.header->is_checkpoint && f.header->lane == lane && f.header->number == f.number;
      if (!error && !right) {
        f.header.reset();
        f.is_damaged = true;
        damaged(f, 0, f.size, "there is no header of this segment, or a damaged one", error);
      }
      if (!error && f.header) check_header(f, error);
      if (error) return;
      if (i != 0 && f.header && files[i - 1].header && !files[i - 1].is_covered) {
        limit_to(files[i - 1], f.header->previous_end, error);
      }
      if (error) return;
    }
  }
  void limit_to(file_info& f, std::uint64_t end, std::error_code& error) {
    if (end > f.size) {
      f.is_damaged = true;
      return damaged(f, f.size, end - f.size, "it is shorter than it was", error);
    }
    f.limit = end;
  }
  bool check_header(const file_info& f, std::error_code& error) {
    const segment_header& h = *f.header;
    if (h.major != segment_format::major) {
      error = durable_errc::unsupported_version;
      say(error, f.path, "version " + std::to_string(h.major));
    } else if (h.key_codec != codec<K>::id || h.value_codec != codec<V>::id) {
      error = durable_errc::wrong_types;
      say(error, f.path,
          "keys of codec " + std::to_string(h.key_codec) + " and values of codec " + std::to_string(h.value_codec));
    } else if (found_store_ && h.store != context_.store) {
      error = durable_errc::other_store;
      say(error, f.path, "it does not belong to the others");
    }
    context_.store = h.store;
    found_store_ = true;
    return !error;
  }

  // ---- 2. Reading.

  void read_all(std::error_code& error) {
    std::vector<file_info*> now, if_needed;
    if (checkpoint_.header) now.push_back(&checkpoint_);
    for (auto& [lane, files] : lanes_) {
      for (file_info& f : files) {
        if (f.header) (f.is_covered ? if_needed : now).push_back(&f);
        if (!f.is_covered) log_bytes_ += f.size;
      }
    }
    // Of each lane the newest, then the second newest, ... The checkpoint is older than all that it does not cover.
    std::map<const file_info*, std::uint64_t> age;
    age[&checkpoint_] = std::numeric_limits<std::uint64_t>::max();
    for (auto& [lane, files] : lanes_) {
      for (file_info& f : files) age[&f] = files.back().number - f.number + 1;
    }
    std::sort(now.begin(), now.end(), [&](auto* a, auto* b) { return age[a] < age[b]; });
    report_.checkpoint = checkpoint_.header ? checkpoint_.number : 0;
    read_files(now, error);
    if (!error && checkpoint_.is_damaged && !if_needed.empty()) {
      read_files(if_needed, error);
    } else {
      report_.covered_segments = if_needed.size();
    }
  }
  void read_files(const std::vector<file_info*>& files, std::error_code& error) {
    for (const file_info* f : files) progress_.bytes_of += f->limit;
    progress_.segments_of += files.size();
    side_by_side(thread_count(), files.size(), [&](auto&& take) {
      desk mine;
      while (std::optional<std::size_t> const i = take()) {
        file_info& f = *files[*i];
        std::error_code failed;
        try {
          read_file(f, mine, failed);
        } catch (const std::bad_alloc&) {
          failed = std::make_error_code(std::errc::not_enough_memory);
          say_locked(failed, f.path, "while it was read");
        }
        std::lock_guard const hold(mutex_);
        if (failed && !first_error_) first_error_ = failed;
        if (first_error_) return;
      }
    });
    error = first_error_;
  }
  std::size_t thread_count() const noexcept {
    std::size_t const n = context_.options.recovery_threads;
    return n != 0 ? n : std::min<std::size_t>(thread_count_for(0), 8);
  }

  // What a thread has read and not yet told.
  struct tally {
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;
    std::uint64_t next_seq = 0;
  };
  // A put or an erasure that is whole, in the window of the reader, and that nothing has been decided about.
  struct candidate {
    sought key;
    std::size_t hash;
    std::uint64_t version;
    const std::byte* record;
    std::uint64_t at;
  };
  // What a thread uses for one file after the other.
  struct desk {
    record_buffer window{};
    std::vector<candidate> candidates{};
  };

  void read_file(file_info& f, desk& mine, std::error_code& error) {
    file_type file = context_.system.open(f.path, open_mode::read, error);
    if (error) return say_locked(error, f.path, "it cannot be opened");
    reader_type reader(file, f.limit, f.header->salt, std::move(mine.window));
    tally seen{.bytes = segment_format::header_bytes, .records = 0, .next_seq = 0};
    std::uint64_t at = reader.place();
    std::vector<candidate>& candidates = mine.candidates;
    candidates.clear();
    for (;;) {
      if (!candidates.empty() && (candidates.size() == most_candidates || !reader.keeps())) {
        if (!decide(f, candidates, seen, error)) return;
        if (seen.bytes >= tell_every && !tell(seen)) return;
      }
      outcome const o = reader.next(error);
      if (o == outcome::failed) return say_locked(error, f.path, "it cannot be read at byte " + std::to_string(at));
      if (o == outcome::end) break;
      if (o == outcome::record) {
        std::string_view const wrong = take(f, reader, at, candidates, seen);
        std::uint64_t const bytes = reader.place() - at;
        seen.bytes += bytes;
        if (!wrong.empty()) {
          if (!decide(f, candidates, seen, error)) return;
          seen.bytes -= bytes;
          if (!skip(f, at, bytes, wrong, error)) return;
        }
        at = reader.place();
        continue;
      }
      // A bad place.
      std::string const reason(reader.reason());
      if (!decide(f, candidates, seen, error)) return;
      if (f.is_last && !was_on_disk(reader, at, error)) {
        if (error) return say_locked(error, f.path, "it cannot be read behind byte " + std::to_string(at));
        if (!f.is_sealed) f.end = at;
        break;
      }
      reader.find_after(at, error);
      if (error) return say_locked(error, f.path, "it cannot be read behind byte " + std::to_string(at));
      if (!skip(f, at, reader.place() - at, reason, error)) return;
      at = reader.place();
    }
    if (!decide(f, candidates, seen, error)) return;
    if (&f == &checkpoint_ && !f.is_sealed) {
      if (!skip(f, at, 0, "the checkpoint has no seal", error)) return;
    }
    mine.window = reader.take_window();
    static_cast<void>(tell(seen));
    std::lock_guard const hold(mutex_);
    ++progress_.segments;
    if (&f != &checkpoint_) ++report_.segments;
    if (&f == &checkpoint_) report_.checkpoint_records = f.records.records;
    call_progress();
  }
  // One record, which is whole. Says what is wrong with it, or nothing; a put or an erasure is then to be decided about.
  std::string_view take(file_info& f, const reader_type& reader, std::uint64_t at, std::vector<candidate>& candidates,
                        tally& seen) {
    const record_header& h = reader.header();
    if (f.is_sealed) return "something follows the seal";
    switch (h.type) {
      case record_type::positions:
        return &f == &checkpoint_ && at == segment_format::header_bytes ? "" : "positions where there should be none";
      case record_type::seal:
        f.is_sealed = true;
        // The seal does not count: it may be there to be read only, if its sync has failed.
        f.end = at;
        return f.is_damaged || seal_is_of(reader.value(), f.records, at) ? ""
                                                                         : "the seal does not match what is before it";
      case record_type::erase:
        if (h.value_bytes != 0) return "an erasure with a value";
        [[fallthrough]];
      case record_type::put:
        break;
    }
    std::optional<sought> key = Memory::read_key(reader.key());
    if (!key) return "the key cannot be decoded";
    f.records.add(h.version);
    ++seen.records;
    seen.next_seq = std::max(seen.next_seq, h.seq + 1);
    std::size_t const hash = Memory::hashed(*key).hash;
    candidates.push_back({*std::move(key), hash, h.version, reader.record(), at});
    return "";
  }
  // From the last one on: within a file they mostly grow newer, and of one that has lost no value is made. False if that is the end.
  bool decide(file_info& f, std::vector<candidate>& candidates, tally& seen, std::error_code& error) {
    std::size_t wrong = 0;
    for (std::size_t i = candidates.size(); i-- != 0;) {
      candidate& c = candidates[i];
      detail::prehashed<sought> const key{c.key, c.hash};
      std::uint64_t const seq = record_seq(c.record);
      if (memory_.has_newer(key, c.version, seq)) continue;
      std::optional<V> value;
      if (record_kind(c.record) == record_type::put) {
        value = codec<V>::read(record_value(c.record));
        if (!value) {
          candidates[candidates.size() - ++wrong] = std::move(c);
          continue;
        }
      }
      memory_.put_back(key, std::move(c.key), c.version, seq, std::move(value));
    }
    for (; wrong != 0; --wrong) {
      const candidate& c = candidates[candidates.size() - wrong];
      std::uint64_t const bytes = record_length(c.record);
      seen.bytes -= bytes;
      if (!skip(f, c.at, bytes, "the value cannot be decoded", error)) return false;
    }
    candidates.clear();
    return true;
  }
  // Whether the bad place `at` has been on the disk: whether something behind it says so.
  bool was_on_disk(reader_type& reader, std::uint64_t at, std::error_code& error) {
    bool found = false;
    for (std::uint64_t from = at; !found && reader.find_after(from, error);) {
      found = reader.next(error) == outcome::record && reader.header().synced > at;
      from = reader.place() - 1;
    }
    reader.seek(at);
    return found;
  }
  // Damage: false if that is the end.
  bool skip(file_info& f, std::uint64_t at, std::uint64_t bytes, std::string_view reason, std::error_code& error) {
    std::lock_guard const hold(mutex_);
    f.is_damaged = true;
    damaged(f, at, bytes, reason, error);
    return !error;
  }

  static constexpr std::size_t most_candidates = 1024;
  static constexpr std::uint64_t tell_every = std::uint64_t{4} << 20;
  // False if another thread has failed.
  bool tell(tally& seen) {
    std::lock_guard const hold(mutex_);
    progress_.bytes += seen.bytes;
    progress_.records += seen.records;
    report_.bytes += seen.bytes;
    report_.records += seen.records;
    next_seq_ = std::max(next_seq_, seen.next_seq);
    seen = tally();
    call_progress();
    return !first_error_;
  }
  void call_progress() {
    if (context_.options.on_progress) context_.options.on_progress(progress_);
  }

  // ---- 3. Repairing.

  void repair(std::error_code& error) {
    // The names, too: who made them may have been killed before they were on the disk. Nothing is to be removed, or made, before.
    if (found_store_ || !garbage_.empty()) context_.system.sync_folder(context_.folder, error);
    if (error) return say(error, context_.folder, "it cannot be synced");
    for (auto& [lane, files] : lanes_) {
      if (files.empty()) continue;
      file_info& last = files.back();
      if (last.header && !last.is_covered && !last.is_sealed) repair_end(last, error);
      if (error) return;
      ends_[lane] = {last.number, last.header ? last.end : 0};
    }
    // Numbers go on, also where all that is covered has been removed.
    for (auto const& [lane, number] : covered_) {
      if (ends_[lane].number < number) ends_[lane] = {number, 0};
    }
    for (const auto& path : garbage_) {
      context_.system.remove(path, error);
      if (error) return say(error, path, "it cannot be removed");
    }
    if (!garbage_.empty()) context_.system.sync_folder(context_.folder, error);
    if (error) say(error, context_.folder, "it cannot be synced");
  }
  void repair_end(file_info& f, std::error_code& error) {
    file_type file = context_.system.open(f.path, open_mode::append, error);
    if (!error && f.end != f.size) {
      file.truncate(f.end, error);
      report_.torn_bytes += f.size - f.end;
      ++report_.torn_segments;
    }
    if (!error) file.sync(error);
    if (error) return say(error, f.path, "its end cannot be cut off and synced");
    auto writer = segment_writer<System>::resume(std::move(file), f.path, f.header->salt, f.end, f.records);
    if (f.records.records != 0 && !f.is_damaged) {
      // Without a seal it will do: the next segment says how far this one counts.
      std::error_code ignored;
      writer.seal(ignored);
      f.end = writer.synced();
      sealed_.push_back(f.path);
    }
    writer.close(error);
    if (error) say(error, f.path, "it cannot be closed");
  }

  // ---- Reports. Those who read do so under the mutex.

  void say(const std::error_code& error, const std::filesystem::path& path, std::string_view what) {
    if (report_.error.empty()) report_.error = error.message() + ": " + path.string() + ": " + std::string(what);
  }
  void say_locked(const std::error_code& error, const std::filesystem::path& path, std::string_view what) {
    std::lock_guard const hold(mutex_);
    say(error, path, what);
  }
  void damaged(const file_info& f, std::uint64_t at, std::uint64_t bytes, std::string_view reason,
               std::error_code& error) {
    report_.damage.push_back({f.path, at, bytes, std::string(reason)});
    if (context_.options.corruption == corruption::fail) {
      error = durable_errc::corrupt;
      say(error, f.path, "at byte " + std::to_string(at) + ": " + std::string(reason));
    } else {
      report_.skipped_bytes += bytes;
    }
  }

  log_context<System>& context_;
  Memory& memory_;
  recovery_report& report_;
  std::map<std::uint32_t, std::vector<file_info>> lanes_;
  std::map<std::uint32_t, std::uint64_t> covered_;  // by the checkpoint, up to this segment
  file_info checkpoint_;
  std::vector<std::filesystem::path> garbage_;
  std::map<std::uint32_t, lane_end> ends_;
  std::vector<std::filesystem::path> sealed_;
  std::uint64_t next_seq_ = 1;
  std::uint64_t log_bytes_ = 0;
  bool found_store_ = false;

  std::mutex mutex_;
  std::error_code first_error_;
  recovery_progress progress_;
};

}  // namespace tandem::store

#endif
