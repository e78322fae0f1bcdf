// What durable_store asks of a file system, and the system's own.
//
// A policy, so that tests can stand in for it: with one that remembers what was synced and enumerates what a crash may
// leave, and with one in which a call of their choice fails.
//
// **What counts on what.** After a crash
//   * a file has what was written before its last sync(); each later write may be there, be missing, or be torn;
//   * a name that was created, renamed or removed is as it was when its folder was last synced, or as it became since;
//   * truncate() is a write; a file that is synced, and whose name is not, may not be found.
// After an error of sync() nothing is known of what was written since the one before, whatever later ones say: a system may have
// dropped it, and report that once (PostgreSQL's "fsyncgate", 2018; Rebello et al., USENIX ATC 2020).
//
// Errors are std::error_code, of the generic category where the system has said errno; a call sets it or leaves it alone.
// One file is used by one thread at a time; different files, and the file system, by any number.
#ifndef TANDEM_STORE_FILE_SYSTEM_HPP
#define TANDEM_STORE_FILE_SYSTEM_HPP

#include <tandem/store/bytes.hpp>
#include <tandem/store/descriptor.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace tandem {

enum class open_mode {
  create,  // for appending; an error if it is there
  append,  // for appending to what is there, and reading
  read
};

template <class F>
concept durable_file = std::movable<F> && requires(F& file, std::span<const std::span<const std::byte>> parts,
                                                   std::span<std::byte> to, std::uint64_t n, std::error_code& error) {
  // At the end, one after the other. How many bytes were written: all of them, or fewer and an error.
  { file.append(parts, error) } -> std::same_as<std::uint64_t>;
  // How many there were at the place: fewer at the end.
  { file.read(n, to, error) } -> std::same_as<std::size_t>;
  { file.size(error) } -> std::same_as<std::uint64_t>;
  file.truncate(n, error);
  file.sync(error);  // what is in it, and how long it is
  file.close(error);
};

template <class F>
concept durable_file_system =
    std::copyable<F> && requires(F& system, const std::filesystem::path& path, open_mode mode, const std::string& who,
                                 std::string& holder, std::error_code& error) {
      requires durable_file<typename F::file_type>;
      { system.open(path, mode, error) } -> std::same_as<typename F::file_type>;
      system.rename(path, path, error);
      system.remove(path, error);
      system.create_folder(path, error);  // with those above it; none of them an error if it is there
      system.sync_folder(path, error);
      { system.list(path, error) } -> std::same_as<std::vector<std::string>>;  // names in the folder, in any order
      // Held by one at a time, among all processes; empty if another one has it, of which `holder` is what it said.
      requires std::movable<typename F::lock_type>;
      { system.try_lock(path, who, holder, error) } -> std::same_as<typename F::lock_type>;
      { static_cast<bool>(std::declval<typename F::lock_type&>()) };
    };

// The system's files.
class posix_file_system {
 public:
  class file_type {
   public:
    file_type() noexcept = default;
    file_type(const std::filesystem::path& path, open_mode mode, std::error_code& error) noexcept
        : file_(path, flags(mode), error) {}

    std::uint64_t append(std::span<const std::span<const std::byte>> parts, std::error_code& error) noexcept {
      std::uint64_t done = 0;
      std::size_t from = 0;  // of the first part that is not written
      while (!parts.empty()) {
        std::array<::iovec, most_parts> pieces;
        int const n = static_cast<int>(std::min(parts.size(), most_parts));
        for (int i = 0; i != n; ++i) {
          auto const at = static_cast<std::size_t>(i);
          std::size_t const skip = i == 0 ? from : 0;
          pieces[at] = {const_cast<std::byte*>(parts[at].data()) + skip, parts[at].size() - skip};
        }
        ::ssize_t const written = ::writev(file_.get(), pieces.data(), n);
        if (written < 0) {
          if (errno == EINTR) continue;
          error = store::descriptor::last_error();
          return done;
        }
        done += static_cast<std::uint64_t>(written);
        for (auto left = static_cast<std::size_t>(written);; parts = parts.subspan(1), from = 0) {
          if (parts.empty()) break;
          if (left < parts[0].size() - from) {
            from += left;
            break;
          }
          left -= parts[0].size() - from;
        }
      }
      return done;
    }
    std::size_t read(std::uint64_t place, std::span<std::byte> to, std::error_code& error) const noexcept {
      std::size_t done = 0;
      while (done != to.size()) {
        ::ssize_t const n =
            ::pread(file_.get(), to.data() + done, to.size() - done, static_cast<::off_t>(place + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) error = store::descriptor::last_error();
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
      }
      return done;
    }
    std::uint64_t size(std::error_code& error) const noexcept {
      struct ::stat about;
      if (::fstat(file_.get(), &about) != 0) {
        error = store::descriptor::last_error();
        return 0;
      }
      return static_cast<std::uint64_t>(about.st_size);
    }
    void truncate(std::uint64_t n, std::error_code& error) noexcept {
      int result;
      do {
        result = ::ftruncate(file_.get(), static_cast<::off_t>(n));
      } while (result != 0 && errno == EINTR);
      if (result != 0) error = store::descriptor::last_error();
    }
    void sync(std::error_code& error) noexcept {
      if (::fdatasync(file_.get()) != 0) error = store::descriptor::last_error();
    }
    void close(std::error_code& error) noexcept { file_.close(error); }

   private:
    static constexpr std::size_t most_parts = 64;
    static int flags(open_mode mode) noexcept {
      switch (mode) {
        case open_mode::create:
          return O_RDWR | O_APPEND | O_CREAT | O_EXCL;
        case open_mode::append:
          return O_RDWR | O_APPEND;
        case open_mode::read:
          break;
      }
      return O_RDONLY;
    }
    store::descriptor file_;
  };

  // A lock of the open file (flock), so it is between handles, not between processes only, and ends with the process. The file
  // stays: one that is removed and made anew could be locked twice.
  class lock_type {
   public:
    lock_type() noexcept = default;
    explicit lock_type(store::descriptor file) noexcept : file_(std::move(file)) {}
    explicit operator bool() const noexcept { return file_.is_open(); }

   private:
    store::descriptor file_;
  };

  file_type open(const std::filesystem::path& path, open_mode mode, std::error_code& error) const noexcept {
    return file_type(path, mode, error);
  }
  void rename(const std::filesystem::path& from, const std::filesystem::path& to,
              std::error_code& error) const noexcept {
    if (std::rename(from.c_str(), to.c_str()) != 0) error = store::descriptor::last_error();
  }
  void remove(const std::filesystem::path& path, std::error_code& error) const noexcept {
    if (::unlink(path.c_str()) != 0) error = store::descriptor::last_error();
  }
  void create_folder(const std::filesystem::path& path, std::error_code& error) const {
    std::error_code failed;
    std::filesystem::create_directories(path, failed);
    if (failed) error = failed;
  }
  void sync_folder(const std::filesystem::path& path, std::error_code& error) const noexcept {
    store::descriptor folder(path, O_RDONLY | O_DIRECTORY, error);
    if (folder.is_open()) folder.sync(error);
  }
  std::vector<std::string> list(const std::filesystem::path& path, std::error_code& error) const {
    std::vector<std::string> names;
    std::error_code failed;
    for (std::filesystem::directory_iterator at(path, failed), end; !failed && at != end; at.increment(failed)) {
      names.push_back(at->path().filename().string());
    }
    if (failed) error = failed;
    return names;
  }
  lock_type try_lock(const std::filesystem::path& path, const std::string& who, std::string& holder,
                     std::error_code& error) const {
    store::descriptor file(path, O_RDWR | O_CREAT, error);
    if (!file.is_open()) return {};
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) {
        error = store::descriptor::last_error();
        return {};
      }
      std::array<char, 256> text;
      ::ssize_t const n = ::pread(file.get(), text.data(), text.size(), 0);
      holder.assign(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
      return {};
    }
    // For people; that it could not be written changes nothing about who has the lock.
    if (::ftruncate(file.get(), 0) == 0) static_cast<void>(::pwrite(file.get(), who.data(), who.size(), 0));
    return lock_type(std::move(file));
  }
};

static_assert(durable_file_system<posix_file_system>);

}  // namespace tandem

#endif
