// The system calls that store/file_system.hpp makes on real files, in which calls of a test's choice fail.
//
// This file defines open, writev, fdatasync and so on for the whole program: include it in one of its sources. Each passes on to the
// function that would have been called without it (dlsym, RTLD_NEXT): the system's, or a sanitizer's. Without a failing_calls
// object, and for files outside of its folder, nothing else happens.
//
//     failing_calls calls(folder);                                   // looks at what concerns the folder and what is in it
//     calls.fail({.call = system_call::write, .nth = 3, .error = ENOSPC, .written = 70});
//     ...                                                            // the fourth write is short, and the next one fails
//     calls.failures();                                              // how many have been made to fail
//     calls.misuses();                                               // a sync after a failed one of the same descriptor, ...
//     calls.copy_after_power_loss(other);                            // what has been synced, and nothing else
//
// **Failures.** What fails has not happened, but
//   * write: with `written`, that many bytes are written first, and the call says so, as the system does: the next write fails. With
//     `error` 0 that is all: it is short;
//   * close: the file is closed.
// What a failed sync was about is not on the disk, whatever later ones say. Syncs that do not fail are noted, and not passed on.
#ifndef TANDEM_TESTS_SUPPORT_FAILING_CALLS_HPP
#define TANDEM_TESTS_SUPPORT_FAILING_CALLS_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

namespace tandem::test {

enum class system_call : std::uint8_t {
  open,
  list,  // opendir, openat: whichever a library lists folders with
  make_folder,
  lock,
  read,
  write,
  truncate,
  sync,
  sync_folder,
  rename,
  remove,
  close,
  any
};
inline constexpr std::size_t system_calls = static_cast<std::size_t>(system_call::any);

struct call_failure {
  system_call call = system_call::any;
  std::uint64_t nth = 0;  // of the calls from now on; the first is 0
  std::uint64_t times = 1;
  int error = EIO;
  std::size_t written = 0;  // of a write, all but one byte at most
  static constexpr std::uint64_t for_ever = std::numeric_limits<std::uint64_t>::max();
};

class failing_calls {
 public:
  struct verdict {
    int error = 0;
    bool is_short = false;
    std::size_t written = 0;
  };

  explicit failing_calls(const std::filesystem::path& folder) : folder_(folder.string()) {
    present_.store(this, std::memory_order_seq_cst);
  }
  failing_calls(const failing_calls&) = delete;
  failing_calls& operator=(const failing_calls&) = delete;
  // Nobody is inside a call then.
  ~failing_calls() { present_.store(nullptr, std::memory_order_seq_cst); }

  void fail(const call_failure& f) {
    std::lock_guard const hold(mutex_);
    failure_ = f;
    is_armed_ = true;
    is_full_ = false;
    failures_ = failed_ = 0;
    seen_ = {};
  }
  void heal() {
    std::lock_guard const hold(mutex_);
    is_armed_ = false;
  }
  std::uint64_t failures() const {
    std::lock_guard const hold(mutex_);
    return failures_;
  }
  // Since fail().
  std::uint64_t seen(system_call call) const {
    std::lock_guard const hold(mutex_);
    return seen_[static_cast<std::size_t>(call)];
  }
  std::vector<std::string> misuses() const {
    std::lock_guard const hold(mutex_);
    return misuses_;
  }
  // Of each file what its good syncs were about; names are taken to be on the disk.
  void copy_after_power_loss(const std::filesystem::path& to) const {
    std::map<std::string, file> files;
    {
      std::lock_guard const hold(mutex_);  // and not while files are read and written
      files = files_;
    }
    for (auto const& [path, f] : files) {
      std::ifstream in(path, std::ios::binary);
      if (!in) continue;
      std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
      bytes.resize(std::min<std::size_t>(bytes.size(), f.synced));
      for (std::size_t i = f.lost; i < std::min<std::size_t>(bytes.size(), f.lost_end); ++i) bytes[i] = '\0';
      std::ofstream(to / std::filesystem::path(path).filename(), std::ios::binary) << bytes;
    }
  }

  // ---- For the functions below. None of them while nobody looks: then there is nothing to be asked.

  static failing_calls* present() noexcept { return present_.load(std::memory_order_seq_cst); }

  bool concerns(const char* path) const {
    std::string_view const p(path);
    return p.substr(0, folder_.size()) == folder_ && (p.size() == folder_.size() || p[folder_.size()] == '/');
  }
  bool concerns(int fd) const {
    std::lock_guard const hold(mutex_);
    return descriptors_.contains(fd);
  }
  verdict ask(system_call call) {
    std::lock_guard const hold(mutex_);
    std::uint64_t const of_kind = seen_[static_cast<std::size_t>(call)]++;
    std::uint64_t const of_all = seen_[system_calls]++;
    if (!is_armed_) return {};
    if (is_full_ && call == system_call::write) {
      is_full_ = failure_.times == call_failure::for_ever;
      ++failures_;
      return {.error = failure_.error};
    }
    if (failure_.call != system_call::any && failure_.call != call) return {};
    if ((failure_.call == call ? of_kind : of_all) < failure_.nth || failed_ == failure_.times) return {};
    ++failed_;
    ++failures_;
    if (call != system_call::write || (failure_.written == 0 && failure_.error != 0)) return {.error = failure_.error};
    is_full_ = failure_.error != 0;
    return {.is_short = true, .written = failure_.written};
  }

  void opened(int fd, const char* path, int flags) {
    std::lock_guard const hold(mutex_);
    bool const is_folder = (flags & O_DIRECTORY) != 0;
    descriptors_[fd] = {path, is_folder, false};
    if (!is_folder) files_.try_emplace(path);
  }
  bool is_folder(int fd) const {
    std::lock_guard const hold(mutex_);
    return descriptors_.at(fd).is_folder;
  }
  void synced(int fd, bool well, std::uint64_t size) {
    std::lock_guard const hold(mutex_);
    descriptor& d = descriptors_.at(fd);
    if (d.has_failed) misuses_.push_back("a sync of " + d.path + " after one that has failed");
    d.has_failed = d.has_failed || !well;
    if (d.is_folder) return;
    file& f = files_[d.path];
    if (well) {
      f.synced = size;
    } else {
      f.lost = std::min(f.lost, f.synced);
      f.lost_end = std::max(f.lost_end, size);
    }
  }
  void truncated(int fd, std::uint64_t size) {
    std::lock_guard const hold(mutex_);
    file& f = files_[descriptors_.at(fd).path];
    f.synced = std::min(f.synced, size);
    f.lost_end = std::min(f.lost_end, size);
    if (f.lost >= f.lost_end) f.lost = no_place, f.lost_end = 0;
  }
  void renamed(const char* from, const char* to) {
    std::lock_guard const hold(mutex_);
    files_[to] = files_[from];
    files_.erase(from);
  }
  void removed(const char* path) {
    std::lock_guard const hold(mutex_);
    files_.erase(path);
  }
  void closing(int fd) {
    std::lock_guard const hold(mutex_);
    descriptors_.erase(fd);
  }
  void not_open(const char* what) {
    std::lock_guard const hold(mutex_);
    misuses_.push_back(std::string(what) + " of a descriptor that is not open");
  }

 private:
  static constexpr std::uint64_t no_place = std::numeric_limits<std::uint64_t>::max();
  struct descriptor {
    std::string path;
    bool is_folder = false;
    bool has_failed = false;
  };
  struct file {
    std::uint64_t synced = 0;
    std::uint64_t lost = no_place;  // from here
    std::uint64_t lost_end = 0;     // to here, for ever
  };

  static inline std::atomic<failing_calls*> present_{nullptr};

  std::string const folder_;
  mutable std::mutex mutex_;
  call_failure failure_;
  bool is_armed_ = false;
  bool is_full_ = false;  // the next write fails
  std::uint64_t failures_ = 0;
  std::uint64_t failed_ = 0;
  std::array<std::uint64_t, system_calls + 1> seen_{};
  std::map<int, descriptor> descriptors_;
  std::map<std::string, file> files_;
  std::vector<std::string> misuses_;
};

// The function of this name that would be called if there were none here.
template <class F>
F* next_function(const char* name) noexcept {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

// The argument behind `flags`, which is there if a file may be made.
inline ::mode_t mode_in(int flags, std::va_list more) {
  bool const is_there = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return is_there ? va_arg(more, ::mode_t) : 0;
}

// On a path or a descriptor: fails with the injected error, or calls.
template <class On, class Call>
auto injected(system_call what, On on, Call&& call) -> decltype(call()) {
  failing_calls* const calls = failing_calls::present();
  if (calls == nullptr || !calls->concerns(on)) return call();
  if (int const error = calls->ask(what).error; error != 0) {
    errno = error;
    return decltype(call())(-1);
  }
  return call();
}

inline int injected_sync(int fd, int (*call)(int)) {
  failing_calls* const calls = failing_calls::present();
  if (calls == nullptr || !calls->concerns(fd)) return call(fd);
  int const error = calls->ask(calls->is_folder(fd) ? system_call::sync_folder : system_call::sync).error;
  // Not passed on: what is on the disk is noted here, and a busy one takes its time.
  struct ::stat about{};
  int const result = ::fstat(fd, &about) == 0 && error == 0 ? 0 : -1;
  calls->synced(fd, result == 0, static_cast<std::uint64_t>(about.st_size));
  if (error != 0) errno = error;
  return result;
}

}  // namespace tandem::test

extern "C" {

int open(const char* path, int flags, ...) {
  static auto* const next = tandem::test::next_function<int(const char*, int, ...)>("open");
  std::va_list more;
  va_start(more, flags);
  ::mode_t const mode = tandem::test::mode_in(flags, more);
  va_end(more);
  int const fd = tandem::test::injected(tandem::test::system_call::open, path, [&] { return next(path, flags, mode); });
  auto* const calls = tandem::test::failing_calls::present();
  if (fd >= 0 && calls != nullptr && calls->concerns(path)) calls->opened(fd, path, flags);
  return fd;
}
int openat(int folder, const char* path, int flags, ...) {
  static auto* const next = tandem::test::next_function<int(int, const char*, int, ...)>("openat");
  std::va_list more;
  va_start(more, flags);
  ::mode_t const mode = tandem::test::mode_in(flags, more);
  va_end(more);
  return tandem::test::injected(tandem::test::system_call::list, path, [&] { return next(folder, path, flags, mode); });
}
::DIR* opendir(const char* path) {
  static auto* const next = tandem::test::next_function<::DIR*(const char*)>("opendir");
  int const failed = tandem::test::injected(tandem::test::system_call::list, path, [] { return 0; });
  return failed == 0 ? next(path) : nullptr;
}
int mkdir(const char* path, ::mode_t mode) noexcept {
  static auto* const next = tandem::test::next_function<int(const char*, ::mode_t)>("mkdir");
  return tandem::test::injected(tandem::test::system_call::make_folder, path, [&] { return next(path, mode); });
}
int flock(int fd, int how) noexcept {
  static auto* const next = tandem::test::next_function<int(int, int)>("flock");
  return tandem::test::injected(tandem::test::system_call::lock, fd, [&] { return next(fd, how); });
}
::ssize_t pread(int fd, void* to, std::size_t n, ::off_t place) {
  static auto* const next = tandem::test::next_function<::ssize_t(int, void*, std::size_t, ::off_t)>("pread");
  return tandem::test::injected(tandem::test::system_call::read, fd, [&] { return next(fd, to, n, place); });
}
::ssize_t pwrite(int fd, const void* from, std::size_t n, ::off_t place) {
  static auto* const next = tandem::test::next_function<::ssize_t(int, const void*, std::size_t, ::off_t)>("pwrite");
  return tandem::test::injected(tandem::test::system_call::lock, fd, [&] { return next(fd, from, n, place); });
}
::ssize_t writev(int fd, const ::iovec* parts, int count) {
  using namespace tandem::test;
  static auto* const next = next_function<::ssize_t(int, const ::iovec*, int)>("writev");
  failing_calls* const calls = failing_calls::present();
  if (calls == nullptr || !calls->concerns(fd)) return next(fd, parts, count);
  failing_calls::verdict const v = calls->ask(system_call::write);
  if (v.error != 0) {
    errno = v.error;
    return -1;
  }
  if (!v.is_short) return next(fd, parts, count);
  std::vector<::iovec> some(parts, parts + count);
  std::size_t all = 0;
  for (const ::iovec& p : some) all += p.iov_len;
  std::size_t left = std::min(v.written, all - 1);
  for (::iovec& p : some) {
    p.iov_len = std::min(p.iov_len, left);
    left -= p.iov_len;
  }
  return next(fd, some.data(), count);
}
int ftruncate(int fd, ::off_t size) noexcept {
  static auto* const next = tandem::test::next_function<int(int, ::off_t)>("ftruncate");
  int const result = tandem::test::injected(tandem::test::system_call::truncate, fd, [&] { return next(fd, size); });
  auto* const calls = tandem::test::failing_calls::present();
  if (result == 0 && calls != nullptr && calls->concerns(fd)) calls->truncated(fd, static_cast<std::uint64_t>(size));
  return result;
}
int fdatasync(int fd) {
  static auto* const next = tandem::test::next_function<int(int)>("fdatasync");
  return tandem::test::injected_sync(fd, next);
}
int fsync(int fd) {
  static auto* const next = tandem::test::next_function<int(int)>("fsync");
  return tandem::test::injected_sync(fd, next);
}
int rename(const char* from, const char* to) noexcept {
  static auto* const next = tandem::test::next_function<int(const char*, const char*)>("rename");
  int const result = tandem::test::injected(tandem::test::system_call::rename, from, [&] { return next(from, to); });
  auto* const calls = tandem::test::failing_calls::present();
  if (result == 0 && calls != nullptr && calls->concerns(from)) calls->renamed(from, to);
  return result;
}
int unlink(const char* path) noexcept {
  static auto* const next = tandem::test::next_function<int(const char*)>("unlink");
  int const result = tandem::test::injected(tandem::test::system_call::remove, path, [&] { return next(path); });
  auto* const calls = tandem::test::failing_calls::present();
  if (result == 0 && calls != nullptr && calls->concerns(path)) calls->removed(path);
  return result;
}
int close(int fd) {
  static auto* const next = tandem::test::next_function<int(int)>("close");
  auto* const calls = tandem::test::failing_calls::present();
  if (calls == nullptr) return next(fd);
  bool const is_ours = calls->concerns(fd);
  int const error = is_ours ? calls->ask(tandem::test::system_call::close).error : 0;
  // Before: the next that is opened may be this one.
  if (is_ours) calls->closing(fd);
  int const result = next(fd);
  if (result != 0 && errno == EBADF) calls->not_open("a close");
  if (error == 0) return result;
  errno = error;
  return -1;
}

}  // extern "C"

#endif
