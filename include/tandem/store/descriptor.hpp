// An open file or folder of the system's, closed at the end.
#ifndef TANDEM_STORE_DESCRIPTOR_HPP
#define TANDEM_STORE_DESCRIPTOR_HPP

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace tandem::store {

class descriptor {
 public:
  descriptor() noexcept = default;
  descriptor(const std::filesystem::path& path, int flags, std::error_code& error) noexcept {
    do {
      fd_ = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
    } while (fd_ < 0 && errno == EINTR);
    if (fd_ < 0) error = last_error();
  }
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  void sync(std::error_code& error) noexcept {
    if (::fsync(fd_) != 0) error = last_error();
  }
  // Some file systems tell only here that something was not written.
  void close(std::error_code& error) noexcept {
    if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) error = last_error();
  }

  static std::error_code last_error() noexcept { return {errno, std::generic_category()}; }

 private:
  int fd_ = -1;
};

}  // namespace tandem::store

#endif
