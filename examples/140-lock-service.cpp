// prints: worker 1 has the lock, token 10.worker 2 waits: held since 10.the lock of worker 1 has lapsed.worker 2 has the lock, token 45.storage takes 45 of worker 2.storage refuses 10 of worker 1.worker 1 cannot release what it has lost.worker 2 has released it
//
// Locks that nobody holds for ever. The index of the write that took a lock is its fencing token: it grows from holder to holder, so
// storage that remembers the largest one it has seen refuses a holder who has slept through the end of his lease.
#include <tandem/timed_store.hpp>

#include <cstdint>
#include <iostream>
#include <optional>
#include <string>

namespace {

// Drives the locks: in a real service these indices are positions of a replicated log.
class lock_service {
 public:
  // The token, or nothing: somebody else has the lock. It lasts for `entries` of the log.
  std::optional<std::uint64_t> acquire(const std::string& name, const std::string& who, std::uint64_t entries) {
    auto const taken = locks_.set_if_unset(name, who, ++index_, {.delete_in = entries});
    return taken ? std::optional(index_) : std::nullopt;
  }
  // In one step with the check that it is still this holder's.
  bool release(const std::string& name, std::uint64_t token) {
    return static_cast<bool>(locks_.compare_and_erase(name, token, ++index_));
  }
  std::uint64_t held_since(const std::string& name) const {
    auto const lock = locks_.entry_info(name);
    return lock ? lock->index : 0;
  }
  void time_passes(std::uint64_t index) { locks_.advance(index_ = index); }

 private:
  tandem::timed_store<> locks_;
  std::uint64_t index_ = 9;
};

class storage {
 public:
  void write(const std::string& who, std::uint64_t token) {
    bool const good = token >= newest_;
    if (good) newest_ = token;
    std::cout << "storage " << (good ? "takes " : "refuses ") << token << " of " << who << '\n';
  }

 private:
  std::uint64_t newest_ = 0;
};

}  // namespace

int main() {
  lock_service locks;
  storage disk;

  auto const first = locks.acquire("backup", "worker 1", 30);
  std::cout << "worker 1 has the lock, token " << first.value_or(0) << '\n';
  if (!locks.acquire("backup", "worker 2", 30)) {
    std::cout << "worker 2 waits: held since " << locks.held_since("backup") << '\n';
  }

  locks.time_passes(44);  // worker 1 sleeps
  if (locks.held_since("backup") == 0) std::cout << "the lock of worker 1 has lapsed\n";
  auto const second = locks.acquire("backup", "worker 2", 30);
  std::cout << "worker 2 has the lock, token " << second.value_or(0) << '\n';

  disk.write("worker 2", *second);
  disk.write("worker 1", *first);  // it has woken up, and does not know
  if (!locks.release("backup", *first)) std::cout << "worker 1 cannot release what it has lost\n";
  if (locks.release("backup", *second)) std::cout << "worker 2 has released it\n";
}
