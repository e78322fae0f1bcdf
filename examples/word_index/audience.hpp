// The threads that read the index while it is written.
#ifndef WORD_INDEX_AUDIENCE_HPP
#define WORD_INDEX_AUDIENCE_HPP

#include "index.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <thread>

namespace word_index {

// Asks and checks until it is stopped, or until somebody gets a wrong answer.
class audience {
 public:
  // `documents` must outlive it. Throws std::system_error if the threads cannot be started.
  audience(const index_map::reader_factory& index, const catalog& documents, std::size_t readers);
  // Ends the threads, each after an audit of the last version.
  ~audience() { stop(); }
  audience(const audience&) = delete;
  audience& operator=(const audience&) = delete;

  void stop() noexcept;

  // Queries answered, and found right, so far.
  std::uint64_t reads() const noexcept;
  // Somebody got a wrong answer.
  bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }
  // The first thing that went wrong, if anything did. After stop().
  std::optional<std::string> complaint() const;

 private:
  // What one thread shows to the others; on cache lines of its own, as it is written all the time.
  struct alignas(128) member {
    std::atomic<std::uint64_t> reads{0};
    std::string complaint;  // to be read when the thread has ended
    std::thread thread;
  };

  void take_part(member& self, index_map::reader reader, const catalog& documents, std::uint64_t seed) noexcept;

  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};
  std::deque<member> members_;
};

}  // namespace word_index

#endif
