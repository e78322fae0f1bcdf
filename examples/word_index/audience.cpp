#include "audience.hpp"

#include "verifier.hpp"

#include <exception>

namespace word_index {

audience::audience(const index_map::reader_factory& index, const catalog& documents, std::size_t readers) {
  try {
    for (std::size_t seed = 0; seed != readers; ++seed) {
      member& self = members_.emplace_back();
      self.thread = std::thread([this, &self, reader = index.make_reader(), &documents, seed]() mutable {
        take_part(self, std::move(reader), documents, seed);
      });
    }
  } catch (...) {
    stop();
    throw;
  }
}

void audience::take_part(member& self, index_map::reader reader, const catalog& documents,
                         std::uint64_t seed) noexcept {
  try {
    verifier checking(std::move(reader), documents, seed);
    while (!stopping_.load(std::memory_order_relaxed)) {
      self.reads.store(self.reads.load(std::memory_order_relaxed) + checking.ask(), std::memory_order_relaxed);
    }
    checking.audit();
  } catch (const std::exception& problem) {
    self.complaint = problem.what();
    failed_.store(true, std::memory_order_relaxed);
  }
}

void audience::stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  for (member& m : members_) {
    if (m.thread.joinable()) m.thread.join();
  }
}

std::uint64_t audience::reads() const noexcept {
  std::uint64_t sum = 0;
  for (const member& m : members_) sum += m.reads.load(std::memory_order_relaxed);
  return sum;
}

std::optional<std::string> audience::complaint() const {
  for (const member& m : members_) {
    if (!m.complaint.empty()) return m.complaint;
  }
  return std::nullopt;
}

}  // namespace word_index
