// Which record of each key counts: the largest version, of equal ones the smallest seq. Keys are kept in memory, values are
// not.
#ifndef DURABLE_LOG_NEWEST_HPP
#define DURABLE_LOG_NEWEST_HPP

#include "log.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace durable_log {

class newest_records {
 public:
  void add(const record& r);

  std::size_t keys() const noexcept { return all_.size(); }
  // Those that are not erased, and their bytes, headers of records not counted.
  std::size_t live() const noexcept;
  std::uint64_t live_bytes() const noexcept;

  // f(record) for each key that is not erased, in the order of the keys' bytes. Reads the files again.
  void read(const log& from, const std::function<void(const record&)>& f) const;

 private:
  struct place {
    std::uint64_t version = 0;
    std::uint64_t seq = 0;
    std::uint64_t bytes = 0;
    bool erased = false;
    std::string file;
    std::uint64_t offset = 0;
  };
  std::map<std::string, place> all_;
};

}  // namespace durable_log

#endif
