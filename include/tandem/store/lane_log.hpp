// The segments of one lane: what is written goes to the present one, until it is full; then that is synced and sealed, and the next is
// made, before it gets anything. For one thread at a time, which lane.hpp sees to.
//
// **Positions.** Records are numbered in the order in which the lane has taken them. Those up to written() have been dealt with:
// they are in a file, or have failed. Those up to durable() are on the disk, or have failed.
//
// **When the disk fails.** A sync that has failed is never tried again on the same file. The segment is left as it was at its last good
// sync: the next one says in its header how far it counts. All that was written since goes to that next one, for which it
// is kept in memory until it is synced; what was written without anybody asking for a sync is not kept, and fails. If that fails
// too the store becomes read-only. A write that fails is cut off, and goes to a new segment in the same way.
//
// **When the disk is full** what did not fit is cut off and fails; nothing else changes, and the next write tries again.
#ifndef TANDEM_STORE_LANE_LOG_HPP
#define TANDEM_STORE_LANE_LOG_HPP

#include <tandem/store/durable_info.hpp>
#include <tandem/store/durable_options.hpp>
#include <tandem/store/segment.hpp>
#include <tandem/store/segment_writer.hpp>
#include <tandem/sync/backoff.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::store {

// What all lanes of a store have in common.
template <durable_file_system System>
struct log_context {
  log_context(System s, std::filesystem::path where, durable_options how)
      : system(std::move(s)), folder(std::move(where)), options(std::move(how)) {}

  System system;
  std::filesystem::path folder;
  durable_options options;
  store_id store{};
  std::uint32_t key_codec = 0;
  std::uint32_t value_codec = 0;

  void note(const std::error_code& error) {
    std::lock_guard const hold(mutex);
    last = error;
  }
  // The store is read-only from here on.
  void fail(const std::error_code& error) {
    std::lock_guard const hold(mutex);
    last = error;
    if (!failure) failure = error;
  }
  std::error_code last_error() const {
    std::lock_guard const hold(mutex);
    return last;
  }
  // Why it is read-only, if it is.
  std::error_code why_read_only() const {
    std::lock_guard const hold(mutex);
    return failure;
  }

 private:
  mutable std::mutex mutex;
  std::error_code last;
  std::error_code failure;
};

// Whole records, one after the other, of which the first has the position `first`.
struct chunk {
  record_buffer bytes{};
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool keep = false;  // until they are synced
};

struct failed_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::error_code error{};
  bool is_told = false;  // somebody has been told of each of them
};

// What there is to tell after some work.
struct log_news {
  std::vector<failed_range> failed{};
  std::vector<std::filesystem::path> sealed{};
  std::vector<std::uint64_t> syncs{};  // how long they took, in nanoseconds
  std::error_code close_error{};
};

template <durable_file_system System>
class lane_log {
  using clock = std::chrono::steady_clock;

 public:
  // Goes on behind segment `last`, of which `end` bytes count; 0, 0: there is none.
  lane_log(log_context<System>& context, std::uint32_t lane, std::uint64_t last, std::uint64_t end)
      : context_(context), lane_(lane), last_(last), previous_end_(end) {}

  std::uint64_t written() const noexcept { return written_; }
  std::uint64_t durable() const noexcept { return durable_; }
  // The last segment that gets no more.
  std::uint64_t last_complete() const noexcept { return open_ ? last_ - 1 : last_; }
  // Written, and kept until they are synced.
  std::uint64_t kept_bytes() const noexcept { return kept_bytes_; }
  bool is_old(clock::time_point now) const noexcept { return open_ && now >= due(); }
  // When the present segment ends because of its age.
  clock::time_point due() const noexcept {
    bool const ages = open_ && context_.options.rotate_age.count() > 0 && open_->records().records != 0;
    return ages ? too_old_ : clock::time_point::max();
  }
  const log_figures& figures() const noexcept { return figures_; }

  // Writes all of them, or as many as can be written.
  void write(std::vector<chunk>&& batch, log_news& news) {
    if (batch.empty()) return;
    std::uint64_t const last = batch.back().last;
    std::size_t const first_new = kept_.size();
    kept_.insert(kept_.end(), std::move_iterator(batch.begin()), std::move_iterator(batch.end()));
    std::error_code error;
    if (is_old(clock::now())) error = seal_present(news);
    if (!error) error = write_kept(first_new, news);
    if (error) {
      news.failed.push_back({written_ + 1, last, error});
      drop_kept_behind(written_);
    }
    written_ = last;
    if (!open_ || open_->is_synced()) durable_ = written_;
    drop([&](const chunk& c) { return !c.keep || c.last <= durable_; });
  }
  // Afterwards durable() is written().
  std::error_code sync(log_news& news) {
    std::error_code const error = sync_present(news);
    drop([&](const chunk& c) { return c.last <= durable_; });
    return error;
  }
  // The present segment is complete: what is written from here on goes to the next one. Afterwards durable() is written().
  std::error_code seal(log_news& news) {
    std::error_code const error = seal_present(news);
    drop([&](const chunk& c) { return c.last <= durable_; });
    return error;
  }
  // The same, and no file is open.
  std::error_code close(log_news& news) {
    std::error_code const error = seal(news);
    if (open_) leave(news);
    return error;
  }

 private:
  // In write_kept() nothing is dropped.
  template <class P>
  void drop(P&& pred) {
    std::erase_if(kept_, pred);
    kept_bytes_ = 0;
    for (const chunk& c : kept_) kept_bytes_ += c.bytes.size();
  }

  std::error_code sync_present(log_news& news) {
    if (open_ && !open_->is_synced()) {
      std::error_code error;
      auto const start = clock::now();
      open_->sync(error);
      auto const took = std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now() - start);
      news.syncs.push_back(static_cast<std::uint64_t>(took.count()));
      if (error) {
        ++figures_.failed_syncs;
        context_.note(error);
        return renew(error, news);
      }
    }
    durable_ = written_;
    return {};
  }
  std::error_code seal_present(log_news& news) {
    if (std::error_code const error = sync_present(news)) return error;
    if (!open_ || open_->records().records == 0) return {};
    std::error_code error;
    open_->seal(error);
    if (error) {
      context_.note(error);
      // Everything but the seal is there. A full disk has no room for the next one, either.
      if (is_full_disk(error) && open_->is_synced() && !open_->spoiled_by()) return error;
    } else {
      ++figures_.rotations;
    }
    leave(news);
    return {};
  }

  // Consecutive records.
  struct run {
    std::vector<std::span<std::byte>> parts;
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;
    void add(std::byte* from, std::byte* to) {
      if (from != to) parts.emplace_back(from, to);
    }
  };

  // kept_ from `at` on, in runs that fit into a segment.
  std::error_code write_kept(std::size_t at, log_news& news) {
    run next;
    for (; at != kept_.size(); ++at) {
      std::byte* from = kept_[at].bytes.data();
      std::byte* const end = from + kept_[at].bytes.size();
      for (std::byte* record = from; record != end;) {
        std::uint64_t const n = record_length(record);
        if (is_full_with(next, n)) {
          next.add(from, record);
          from = record;
          if (std::error_code const error = append(next, news)) return error;
          next = run();
          if (std::error_code const error = seal_present(news)) return error;
        }
        next.bytes += n;
        ++next.records;
        record += n;
      }
      next.add(from, end);
    }
    return append(next, news);
  }
  bool is_full_with(const run& r, std::uint64_t bytes) const noexcept {
    const durable_options& o = context_.options;
    std::uint64_t const records = r.records + (open_ ? open_->records().records : 0);
    std::uint64_t const size = r.bytes + (open_ ? open_->size() : segment_format::header_bytes);
    if (records == 0) return false;
    return (o.rotate_bytes != 0 && size + bytes > o.rotate_bytes) ||
           (o.rotate_records != 0 && records + 1 > o.rotate_records);
  }
  // All of it, or none and an error.
  std::error_code append(const run& r, log_news& news) {
    if (r.records == 0) return {};
    std::error_code error = context_.why_read_only();
    if (!error && open_ && open_->spoiled_by()) error = renew(std::error_code(open_->spoiled_by()), news);
    if (!error && !open_) error = start();
    if (error) return error;
    open_->append(r.parts, error);
    if (error) {
      context_.note(error);
      if (is_full_disk(error)) return error;
      if (std::error_code const second = renew(error, news)) return second;
      error.clear();
      open_->append(r.parts, error);
      if (error) {
        if (!is_full_disk(error)) context_.fail(error);
        return error;
      }
    }
    written_ += r.records;
    figures_.records += r.records;
    figures_.bytes += r.bytes;
    ++figures_.writes;
    return {};
  }
  // Makes the next segment.
  std::error_code start() {
    segment_header h;
    h.lane = lane_;
    h.store = context_.store;
    h.number = last_ + 1;
    h.salt = random_number();
    h.previous_end = previous_end_;
    h.key_codec = context_.key_codec;
    h.value_codec = context_.value_codec;
    std::error_code error;
    for (int attempt = 0; attempt != 2; ++attempt) {
      error.clear();
      open_ = segment_writer<System>::create(context_.system, context_.folder / segment_name(lane_, h.number), h, true,
                                             error);
      if (!error) {
        ++last_;
        ++figures_.segments;
        too_old_ = time_after(context_.options.rotate_age);
        return {};
      }
      context_.note(error);
      if (is_full_disk(error)) return error;
    }
    context_.fail(error);
    return error;
  }
  // Leaves the present segment as it was at its last good sync.
  void leave(log_news& news) {
    if (!open_->is_synced()) open_->cut_unsynced();
    previous_end_ = open_->synced();
    if (open_->records().records != 0) news.sealed.push_back(open_->path());
    std::error_code error;
    open_->close(error);
    if (error) {
      news.close_error = error;
      context_.note(error);
    }
    open_.reset();
  }
  // Leaves the present segment because of `cause`, and writes to a new one what was not synced.
  std::error_code renew(const std::error_code& cause, log_news& news) {
    leave(news);
    ++figures_.renewals;
    std::error_code error = start();
    std::vector<std::span<std::byte>> parts;
    std::uint64_t position = durable_;
    if (!error) {
      for (chunk& c : kept_) {
        if (c.first > written_ || c.last <= durable_) continue;
        if (c.first > position + 1) news.failed.push_back({position + 1, c.first - 1, cause});
        std::byte* record = c.bytes.data();
        std::uint64_t at = c.first;
        for (; at <= durable_; ++at) record += record_length(record);
        std::byte* const from = record;
        for (; at <= std::min(c.last, written_); ++at) record += record_length(record);
        if (from != record) parts.emplace_back(from, record);
        position = std::min(c.last, written_);
      }
      if (position < written_) news.failed.push_back({position + 1, written_, cause});
      if (!parts.empty()) open_->append(parts, error);
      if (!error) open_->sync(error);
    }
    if (!error) {
      durable_ = written_;
      return {};
    }
    context_.note(error);
    if (written_ != durable_) news.failed.push_back({durable_ + 1, written_, error});
    durable_ = written_;
    // Its sync may be what has failed.
    if (open_) leave(news);
    if (!is_full_disk(cause) || !is_full_disk(error)) context_.fail(error);
    return error;
  }
  void drop_kept_behind(std::uint64_t position) {
    while (!kept_.empty() && kept_.back().first > position) kept_.pop_back();
    if (kept_.empty() || kept_.back().last <= position) return;
    chunk& c = kept_.back();
    const std::byte* record = c.bytes.data();
    for (std::uint64_t at = c.first; at <= position; ++at) record += record_length(record);
    c.bytes.resize(static_cast<std::size_t>(record - c.bytes.data()));
    c.last = position;
  }

  log_context<System>& context_;
  std::uint32_t const lane_;
  std::uint64_t last_;          // the number of the present segment, or of the one before the next
  std::uint64_t previous_end_;  // how far the one before the next counts
  std::optional<segment_writer<System>> open_;
  clock::time_point too_old_{};  // when the present segment is, if it may be
  std::vector<chunk> kept_;
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t durable_ = 0;
  log_figures figures_;
};

}  // namespace tandem::store

#endif
