// Group commit: many threads put records, one of them at a time writes what all of them have put.
//
// A record goes into the lane's queue, under the lane's lock, in the same step in which memory decides about it; so the order of the
// queue is the order of memory, for each key. Whoever then finds nobody leading leads a round: it takes the whole queue, writes it and,
// if anybody wants that, syncs, both without the lock; then everything that was taken is done, in one step, and those who wait for
// it return. What comes meanwhile is the next round's.
//
//   put      lock; wait for room; decide and append; unlock ...   always: until that is durable: lead, or sleep until the round is over
//                                                                 else: lead, unless somebody leads
//   lead     lock; gather; take the queue; unlock; write; sync; lock; note what is done and what has failed; unlock; wake; go on?
//   sleep    count as one who waits for the present round, or for the next one; unlock; sleep (rounds.hpp); all well? else lock
//
// **Who waits for whom.** Those who wait for a round sleep at words of that round, without the lock, and when they are woken one load
// tells them that all is well up to their record: nobody queues up for the lock to read that. They take it when anything has ever
// failed in this lane, and when it is their turn to lead.
//
// At the end of a round the next one is led by
//   1. who asks for a segment to be sealed, a file to be closed, or what is due to be synced: claims go first; else
//   2. the same thread, without a break, if others wait for the next round, which is not one that gathers, and it has not led 4 rounds
//      yet. So its own put takes no longer than 3 rounds more. It wakes one of those who are done, who wakes the others; else
//   3. the first of those who wait for it, who is woken for that, or whoever puts earlier than that; else
//   4. the same thread, if there are records that nobody waits for; or else whoever puts next.
//
// **Gathering.** Those who are woken are about to put again. If the next leader did not wait for them, half of the writers would be
// in every other round, and a sync would be shared by half of them. So a leader whose own record is to be synced waits until as
// many have put as the round before has told, for as long as a quarter of a sync (of those of late) and half a millisecond after
// that round has ended; while it waits others may run. If more than a quarter of them do not come, the next 2, 4, ... 64 rounds do
// not wait, and go by (2). Nor does one after a round of more than 64 KiB, which took its time for writing: it goes by (3). A put
// that comes later than that, or alone, waits for nobody. (That others wait for the disk while it is idle is the price: with one
// that takes 200 us some 20 % of the time, with a slower one less.)
//
// Large records are put into the queue as they are, and written from there; small ones are copied together.
#ifndef TANDEM_STORE_LANE_HPP
#define TANDEM_STORE_LANE_HPP

#include <tandem/store/durable_info.hpp>
#include <tandem/store/durable_options.hpp>
#include <tandem/store/histogram.hpp>
#include <tandem/store/lane_log.hpp>
#include <tandem/store/rounds.hpp>
#include <tandem/store/segment.hpp>
#include <tandem/store/ticker.hpp>
#include <tandem/sync/backoff.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace tandem::store {

// What a record does to memory once it is durable, with visibility::on_durable.
class effect {
 public:
  effect() = default;
  effect(const effect&) = delete;
  effect& operator=(const effect&) = delete;
  virtual ~effect() = default;
  virtual void apply() = 0;
  virtual void drop() noexcept = 0;  // the record has failed

  std::uint64_t position = 0;
};

template <durable_file_system System>
class lane {
  using clock = std::chrono::steady_clock;
  using lock = std::unique_lock<std::mutex>;

 public:
  // `on_failure`: called, without a lock, when the store has become read-only.
  lane(log_context<System>& context, ticker& time, std::function<void()> on_failure, std::uint32_t number,
       std::uint64_t last_segment, std::uint64_t end)
      : context_(context),
        ticker_(time),
        on_failure_(std::move(on_failure)),
        last_complete_(last_segment),
        log_(context, number, last_segment, end) {}
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  // Takes a record that begin_record() has made. accept(std::byte* record) -> std::unique_ptr<effect>: decides about it, sets its
  // seq; under the lock. Returns its position; with an error, 0 if it was not accepted. Throws what accept() throws, and
  // std::bad_alloc, std::system_error: then nothing has happened.
  template <class Accept>
  std::uint64_t put(record_buffer&& record, durability how, std::error_code& error, Accept&& accept) {
    lock hold(mutex_);
    bool const ticks = !how.is_always() && !how.is_never();
    if (ticks && !ticks_) {
      ticker_.start();
      ticks_ = true;
    }
    if (!wait_for_room(hold, record.size(), error)) return 0;
    std::uint64_t position = 0;
    try {
      position = append(std::move(record), !how.is_never(), accept);
    } catch (...) {
      // A leader may have left the queue to who waited for room.
      if (!leading_ && !queue_.empty()) lead(hold, {});
      throw;
    }
    if (how.is_always()) {
      error = wait(hold, position);
      return position;
    }
    if (ticks) sync_by(time_after(how.interval()));
    if (!leading_) lead(hold, {});
    return position;
  }

  // Until this is on the disk, or has failed.
  std::error_code wait(std::uint64_t position) {
    if (position != 0 && is_safe(position)) return {};
    lock hold(mutex_);
    if (position == 0 || position > accepted_) return std::make_error_code(std::errc::invalid_argument);
    return wait(hold, position);
  }
  // Everything accepted so far. An error also if something has failed since the last time that nobody was told.
  std::error_code flush() {
    lock hold(mutex_);
    std::uint64_t const all = accepted_;
    while (durable_ < all) {
      if (leading_) {
        sleep(hold, all);
      } else {
        lead(hold, {.sync = true});
      }
      hold.lock();
    }
    std::error_code error;
    for (failed_range& f : failed_) {
      if (!f.is_told && !error) error = f.error;
      f.is_told = true;
    }
    merge_failed();
    if (failure_ && accepted_ > failed_behind_) error = failure_;
    return error;
  }
  // Everything accepted so far is in complete segments: returns the last one's number; 0 if there is none.
  std::uint64_t complete(std::error_code& error) {
    lock hold(mutex_);
    error = lead_next(hold, {.seal = true});
    hold.lock();
    return last_complete_;
  }
  // The ticker: what is due. Returns when something is.
  clock::time_point tick(clock::time_point now) {
    lock hold(mutex_);
    if (due() <= now) {
      lead_next(hold, {.sync = true, .seal = seal_by_ <= now});
      hold.lock();
    }
    // A full disk has no room for the next segment: not again at once.
    if (seal_by_ <= now) seal_by_ = now + std::chrono::seconds(1);
    return due();
  }
  // The store is read-only, because of another lane.
  void stop(const std::error_code& why) {
    lock hold(mutex_);
    if (failure_ || leading_) return;
    fail_all(why);
    // Nobody leads the next round any more.
    ++round_;
    rounds_.end(round_, true);
    rounds_.wake(round_, std::exchange(waiting_[round_ % 2], 0), true);
    room_.notify_all();
  }
  // Writes what there is, and closes the file. Nothing is accepted any more.
  std::error_code close() {
    lock hold(mutex_);
    if (closed_) return {};
    closed_ = true;
    return lead_next(hold, {.close = true});
  }

  log_figures figures() const {
    lock hold(mutex_);
    log_figures f = figures_;
    f.queue_bytes = queued_bytes_ + busy_bytes_;
    f.blocked = blocked_;
    f.blocked_seconds = blocked_seconds_;
    f.refused = refused_;
    f.failed_records = failed_records_;
    f.batches = batches_;
    f.syncs = syncs_;
    return f;
  }
  std::uint64_t accepted() const {
    lock hold(mutex_);
    return accepted_;
  }

 private:
  struct work {
    bool sync = false;
    bool make_room = false;  // sync if there is something that is only kept for that
    bool seal = false;
    bool close = false;
    bool gather = false;  // first those who are expected; who leads is one of them
  };
  static constexpr std::size_t small = 4096;
  static constexpr std::size_t small_chunk = std::size_t{16} << 10;
  // How many rounds one thread leads while others wait who could.
  static constexpr std::size_t most_rounds = 4;
  // How long, after a sync, a leader waits for those who have put in the round before: a quarter of a sync's time, and no longer than
  // this.
  static constexpr std::chrono::nanoseconds longest_gathering = std::chrono::microseconds(500);
  static constexpr unsigned most_failures = 6;
  // A round of more bytes than this takes its time for writing, so nobody is waited for after it, and there is no hurry.
  static constexpr std::uint64_t largest_gathered = std::uint64_t{64} << 10;

  // ---- All under the lock, but for what a leader does in between.

  // Returns what went wrong in the first round. Afterwards the lock is not held.
  std::error_code lead(lock& hold, work w) {
    std::vector<std::filesystem::path> sealed;
    std::optional<std::error_code> result;
    bool tells_failure = false;
    bool const waits = w.gather;
    leading_ = true;
    for (std::size_t n = 1;; ++n, w = {}) {
      if (w.gather && blocked_now_ == 0) gather(hold);
      w.sync = w.sync || sync_wanted_ > durable_;
      w.make_room = w.make_room || blocked_now_ != 0;
      ++round_;
      working_ = true;
      std::vector<chunk> batch = std::exchange(queue_, {});
      std::uint64_t const records = accepted_ - std::exchange(taken_, accepted_);
      round_bytes_ = std::exchange(queued_bytes_, 0);
      busy_bytes_ += round_bytes_;
      sync_by_ = std::min(sync_by_, std::exchange(queue_sync_by_, ticker::never));

      hold.unlock();
      log_news news;
      std::error_code const error = do_work(std::move(batch), w, news);
      hold.lock();
      std::error_code const wrong = finish(hold, news, error, records, sealed);
      if (!result) result = wrong;
      tells_failure = tells_failure || std::exchange(tells_failure_, false);
      if (!end_round(hold, n, waits)) break;
      hold.lock();
    }
    tell(tells_failure, sealed);
    return *result;
  }
  // Who goes on, and who is woken. Returns whether this thread goes on. Afterwards the lock is not held.
  bool end_round(lock& hold, std::size_t led, bool is_one_of_them) {
    working_ = false;
    std::uint64_t const round = round_;
    std::size_t const told = std::exchange(waiting_[round % 2], 0);
    std::size_t const next = waiting_[(round + 1) % 2];
    bool const hands_over = pause_ == 0 || round_bytes_ > largest_gathered;
    if (pause_ != 0) --pause_;
    returning_ = told + (is_one_of_them ? 1 : 0);
    expected_ = accepted_ + returning_;
    ended_ = clock::now();
    rounds_.end(round, hands_over);
    bool goes_on = false;
    bool const gives_up = failure_ && next != 0;
    bool gives_turn = false;
    if (gives_up) {
      // What they wait for has failed, and none of them will lead.
      ++round_;
      waiting_[round_ % 2] = 0;
      rounds_.end(round_, true);
    } else if (next == 0) {
      // Nobody waits who could lead.
      goes_on = !failure_ && claims_ == 0 && blocked_now_ == 0 && !queue_.empty();
    } else if (claims_ == 0) {
      goes_on = !hands_over && led < most_rounds;
      gives_turn = !goes_on;
      if (gives_turn) rounds_.give_turn(round + 1);
    }
    // Leading then is whoever it is granted to.
    granted_ = claims_ != 0;
    leading_ = goes_on || granted_;
    if (granted_) claim_.notify_one();
    if (blocked_now_ != 0) room_.notify_all();

    hold.unlock();
    if (gives_turn) rounds_.wake_first(round + 1);
    rounds_.wake(round, told, hands_over);
    if (gives_up) rounds_.wake(round + 1, next, true);
    return goes_on;
  }
  // Waits, if that is worth it, for those whose records the round before has synced: they are on their way to put the next ones.
  void gather(lock& hold) {
    if (pause_ != 0 || round_bytes_ > largest_gathered || accepted_ >= expected_) return;
    std::uint64_t const all = expected_;
    auto const until = ended_ + std::min(sync_time_ / 4, longest_gathering);
    hold.unlock();
    while (arrived_.load(std::memory_order_relaxed) < all && clock::now() < until) std::this_thread::yield();
    hold.lock();
    // Those who come back much later, or not at all, are waited for less and less often.
    if (accepted_ < all && (all - accepted_) * 4 > returning_) {
      failures_ = std::min(failures_ + 1, most_failures);
      pause_ = 1U << failures_;
    } else {
      failures_ = 0;
    }
  }
  std::error_code do_work(std::vector<chunk>&& batch, work w, log_news& news) {
    try {
      log_.write(std::move(batch), news);
      if (w.close) return log_.close(news);
      if (w.seal) return log_.seal(news);
      if (w.sync || (w.make_room && log_.kept_bytes() != 0)) return log_.sync(news);
    } catch (const std::bad_alloc&) {
      context_.fail(std::make_error_code(std::errc::not_enough_memory));
    }
    return {};
  }
  // What a round has done is told to memory, and then to those who wait.
  std::error_code finish(lock& hold, const log_news& news, const std::error_code& error, std::uint64_t records,
                         std::vector<std::filesystem::path>& sealed) {
    try {
      sealed.insert(sealed.end(), news.sealed.begin(), news.sealed.end());
      if (records != 0) batches_.add(records);
      for (std::uint64_t const took : news.syncs) {
        syncs_.add(took);
        sync_time_ += (std::chrono::nanoseconds(took) - sync_time_) / 8;
      }
      apply_effects(hold, news);
      return note(news, error);
    } catch (const std::bad_alloc&) {
      auto const why = std::make_error_code(std::errc::not_enough_memory);
      context_.fail(why);
      fail_all(why);
      tells_failure_ = true;
      return why;
    }
  }
  // As soon as nobody leads.
  std::error_code lead_next(lock& hold, work w) {
    while (leading_ && !std::exchange(granted_, false)) {
      ++claims_;
      claim_.wait(hold);
      --claims_;
    }
    return lead(hold, w);
  }

  // Of what is durable now, and before anybody is told that it is.
  void apply_effects(lock& hold, const log_news& news) {
    if (effects_.empty()) return;
    std::vector<std::unique_ptr<effect>> ready;
    // Before any of them is moved: then nothing throws.
    ready.reserve(effects_.size());
    std::uint64_t const durable = log_.durable();
    auto const has_failed = [&](std::uint64_t position) {
      return std::any_of(news.failed.begin(), news.failed.end(),
                         [&](const failed_range& f) { return f.first <= position && position <= f.last; });
    };
    std::erase_if(effects_, [&](std::unique_ptr<effect>& e) {
      if (e->position > taken_) return false;
      if (has_failed(e->position)) {
        e->drop();
        return true;
      }
      if (e->position > durable) return false;
      ready.push_back(std::move(e));
      return true;
    });
    hold.unlock();
    try {
      for (auto& e : ready) e->apply();
    } catch (...) {
      // The log has what memory does not.
      context_.fail(std::make_error_code(std::errc::not_enough_memory));
    }
    hold.lock();
  }
  std::error_code note(const log_news& news, const std::error_code& error) {
    if (!failure_) {
      for (const failed_range& f : news.failed) add_failed(f);
      durable_ = log_.durable();
      // order[safe]: release store; pairs with [told]: who is told sees the record's effect.
      if (failed_.empty()) safe_.store(durable_, std::memory_order_release);
    }
    busy_bytes_ = log_.kept_bytes();
    last_complete_ = log_.last_complete();
    figures_ = log_.figures();
    if (durable_ >= taken_) sync_by_ = ticker::never;
    seal_by_ = log_.due();
    if (seal_by_ != ticker::never) ticker_.ask(seal_by_);
    if (std::error_code const why = context_.why_read_only(); why && !failure_) {
      fail_all(why);
      tells_failure_ = true;
    }
    if (failure_) return failure_;
    if (error) return error;
    return news.failed.empty() ? news.close_error : news.failed.front().error;
  }
  void fail_all(const std::error_code& why) noexcept {
    if (failure_) return;
    failure_ = why;
    failed_behind_ = durable_;
    failed_records_ += accepted_ - durable_;
    durable_ = accepted_;
    queue_.clear();
    queued_bytes_ = 0;
    for (auto& e : effects_) e->drop();
    effects_.clear();
    sync_by_ = queue_sync_by_ = seal_by_ = ticker::never;
  }
  void add_failed(const failed_range& f) {
    failed_records_ += f.last - f.first + 1;
    if (!failed_.empty() && is_continued(failed_.back(), f)) {
      failed_.back().last = f.last;
    } else {
      failed_.push_back(f);
    }
  }
  // The error of this record, if it has failed: to be said to who waits for it. flush() need not say it again.
  std::error_code tell_failed(std::uint64_t position) {
    auto const has_it = [&](const failed_range& f) { return f.first <= position && position <= f.last; };
    auto const found = std::find_if(failed_.begin(), failed_.end(), has_it);
    if (found == failed_.end()) return {};
    std::error_code const error = found->error;
    try {
      for (std::size_t i = 0; i != failed_.size(); ++i) {
        if (failed_[i].is_told || !has_it(failed_[i])) continue;
        failed_.reserve(failed_.size() + 2);
        failed_range const all = failed_[i];
        auto const at = failed_.begin() + static_cast<std::ptrdiff_t>(i);
        *at = {position, position, all.error, true};
        if (position != all.last) failed_.insert(at + 1, {position + 1, all.last, all.error});
        if (position != all.first) failed_.insert(at, {all.first, position - 1, all.error});
      }
    } catch (const std::bad_alloc&) {
      // Then flush() says it again.
    }
    merge_failed();
    return error;
  }
  static bool is_continued(const failed_range& a, const failed_range& b) noexcept {
    return a.last + 1 == b.first && a.error == b.error && a.is_told == b.is_told;
  }
  // So that their number does not grow with that of the records.
  void merge_failed() noexcept {
    std::size_t last = 0;
    for (std::size_t i = 1; i < failed_.size(); ++i) {
      if (is_continued(failed_[last], failed_[i])) {
        failed_[last].last = failed_[i].last;
      } else {
        failed_[++last] = failed_[i];
      }
    }
    if (!failed_.empty()) failed_.erase(failed_.begin() + static_cast<std::ptrdiff_t>(last) + 1, failed_.end());
  }
  // Nothing up to here has failed, and all of it is on the disk.
  bool is_safe(std::uint64_t position) const noexcept {
    // order[told]: acquire load; pairs with [safe]: see there.
    return position <= safe_.load(std::memory_order_acquire);
  }
  // Until the round is over that syncs this, or the caller is to lead it. Afterwards the lock is not held.
  void sleep(lock& hold, std::uint64_t position) noexcept {
    sync_wanted_ = std::max(sync_wanted_, position);
    std::uint64_t const round = working_ && position <= taken_ ? round_ : round_ + 1;
    std::size_t const before_me = waiting_[round % 2]++;
    hold.unlock();
    rounds_.wait(round, before_me);
  }
  void tell(bool failure, const std::vector<std::filesystem::path>& sealed) {
    if (failure) on_failure_();
    for (const auto& path : sealed) {
      if (context_.options.on_segment_sealed) context_.options.on_segment_sealed(path);
    }
  }

  std::error_code wait(lock& hold, std::uint64_t position) {
    for (;;) {
      if (std::error_code const error = tell_failed(position)) return error;
      if (failure_ && position > failed_behind_) return failure_;
      if (position <= durable_) return {};
      if (leading_) {
        sleep(hold, position);
      } else {
        lead(hold, {.sync = true, .gather = true});
      }
      if (is_safe(position)) return {};
      hold.lock();
    }
  }

  bool wait_for_room(lock& hold, std::size_t bytes, std::error_code& error) {
    bool has_led = false;
    clock::time_point since{};
    while (!error) {
      if (closed_) {
        error = durable_errc::closed;
      } else if (failure_) {
        error = durable_errc::read_only;
      } else if (std::uint64_t const used = queued_bytes_ + busy_bytes_;
                 used == 0 || used + bytes <= context_.options.queue_bytes) {
        break;
      } else if (!leading_ && !has_led) {
        has_led = context_.options.on_full == on_full::fail;
        lead(hold, {.make_room = true});
        hold.lock();
      } else if (context_.options.on_full == on_full::fail) {
        ++refused_;
        error = std::make_error_code(std::errc::operation_would_block);
      } else {
        if (since == clock::time_point()) since = clock::now();
        ++blocked_now_;
        // Not to be gathered for.
        arrived_.store(std::numeric_limits<std::uint64_t>::max(), std::memory_order_relaxed);
        room_.wait(hold);
        --blocked_now_;
      }
    }
    if (since != clock::time_point()) {
      ++blocked_;
      blocked_seconds_ += std::chrono::duration<double>(clock::now() - since).count();
    }
    return !error;
  }
  template <class Accept>
  std::uint64_t append(record_buffer&& record, bool keep, Accept& accept) {
    std::size_t const bytes = record.size();
    bool const joins =
        bytes <= small && !queue_.empty() && queue_.back().bytes.capacity() - queue_.back().bytes.size() >= bytes;
    std::size_t const chunks = queue_.size();
    try {
      if (!joins) {
        queue_.emplace_back();
        if (bytes <= small) queue_.back().bytes.reserve(small_chunk);
      }
      if (effects_.size() == effects_.capacity()) effects_.reserve(2 * effects_.size() + 8);
      if (std::unique_ptr<effect> e = accept(record.data())) {
        e->position = accepted_ + 1;
        effects_.push_back(std::move(e));
      }
    } catch (...) {
      // An empty chunk has no position, and must not be written.
      if (queue_.size() != chunks) queue_.pop_back();
      throw;
    }
    ++accepted_;
    arrived_.store(accepted_, std::memory_order_relaxed);
    chunk& to = queue_.back();
    if (bytes <= small) {
      append_to(to.bytes, record);
    } else {
      to.bytes = std::move(record);
    }
    if (!joins) to.first = accepted_;
    to.last = accepted_;
    to.keep = to.keep || keep;
    queued_bytes_ += bytes;
    return accepted_;
  }
  void sync_by(clock::time_point at) {
    if (at < due()) ticker_.ask(at);
    queue_sync_by_ = std::min(queue_sync_by_, at);
  }
  clock::time_point due() const noexcept { return std::min({sync_by_, queue_sync_by_, seal_by_}); }

  log_context<System>& context_;
  ticker& ticker_;
  std::function<void()> const on_failure_;

  mutable std::mutex mutex_;
  rounds rounds_;
  std::array<std::size_t, 2> waiting_{};  // for rounds, even and odd
  std::condition_variable claim_;
  std::size_t claims_ = 0;  // of those who want to lead
  bool granted_ = false;    // leading_ is one of them
  std::condition_variable room_;
  std::size_t blocked_now_ = 0;
  std::vector<chunk> queue_;
  std::vector<std::unique_ptr<effect>> effects_;  // by position
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t busy_bytes_ = 0;  // of a leader, and kept until synced
  std::uint64_t accepted_ = 0;    // positions
  std::uint64_t taken_ = 0;       // by a leader
  std::uint64_t durable_ = 0;     // or failed
  // outside the seam: beside sleeping threads, and locks
  std::atomic<std::uint64_t> safe_{0};  // durable_, until something fails
  // outside the seam: the same
  std::atomic<std::uint64_t> arrived_{0};  // accepted_, for who gathers
  std::uint64_t sync_wanted_ = 0;          // up to here
  std::vector<failed_range> failed_;
  std::uint64_t round_ = 0;
  std::uint64_t round_bytes_ = 0;
  clock::time_point ended_{};              // the last round
  std::size_t returning_ = 0;              // who were told of it,
  std::uint64_t expected_ = 0;             // and accepted_ when they will have put again
  std::chrono::nanoseconds sync_time_{0};  // of the last few
  unsigned failures_ = 0;                  // gatherings to which too few came, one after the other,
  unsigned pause_ = 0;                     // and the rounds until the next try
  bool leading_ = false;
  bool working_ = false;  // on the present round, whose records have been taken
  bool closed_ = false;
  bool ticks_ = false;
  bool tells_failure_ = false;
  clock::time_point sync_by_ = ticker::never;        // what has been taken
  clock::time_point queue_sync_by_ = ticker::never;  // what is in the queue
  clock::time_point seal_by_ = ticker::never;
  std::error_code failure_;          // why the store is read-only,
  std::uint64_t failed_behind_ = 0;  // and what has failed therefore
  std::uint64_t last_complete_ = 0;

  log_figures figures_;
  histogram_counts batches_;
  histogram_counts syncs_;
  std::uint64_t failed_records_ = 0;
  std::uint64_t blocked_ = 0;
  std::uint64_t refused_ = 0;
  double blocked_seconds_ = 0;

  lane_log<System> log_;  // the leader's
};

}  // namespace tandem::store

#endif
