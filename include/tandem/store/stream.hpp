// Where snapshots go to and come from: streams and files.
//
// A file is written under another name beside its own, flushed to the disk, and then takes its place in one step; the folder is
// flushed too. So whatever happens meanwhile, there is the old file or the new one under the name.
#ifndef TANDEM_STORE_STREAM_HPP
#define TANDEM_STORE_STREAM_HPP

#include <tandem/store/bytes.hpp>
#include <tandem/store/descriptor.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <istream>
#include <ostream>
#include <random>
#include <span>
#include <streambuf>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::store {

class sink {
 public:
  virtual ~sink() = default;
  // All of it, or an error.
  virtual void write(byte_view bytes, std::error_code& error) = 0;
};
class source {
 public:
  virtual ~source() = default;
  // As many bytes as fit, or fewer at the end.
  virtual std::size_t read(std::span<std::byte> to, std::error_code& error) = 0;
  // How many bytes there are in all; 0: not known.
  virtual std::uint64_t size() const noexcept { return 0; }
};

class stream_sink final : public sink {
 public:
  explicit stream_sink(std::ostream& out) noexcept : out_(out) {}
  void write(byte_view bytes, std::error_code& error) override {
    if (!out_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) {
      error = std::make_error_code(std::errc::io_error);
    }
  }

 private:
  std::ostream& out_;
};

// By way of the buffer: the stream's state stays as it is, so something may follow what was read.
class stream_source final : public source {
 public:
  explicit stream_source(std::istream& in) noexcept : in_(in) {}
  std::size_t read(std::span<std::byte> to, std::error_code& error) override {
    if (!in_ || in_.rdbuf() == nullptr) {
      error = std::make_error_code(std::errc::io_error);
      return 0;
    }
    return static_cast<std::size_t>(
        in_.rdbuf()->sgetn(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size())));
  }

 private:
  std::istream& in_;
};

class file_sink final : public sink {
 public:
  // Beside `path`.
  file_sink(std::filesystem::path path, std::error_code& error)
      : path_(std::move(path)),
        temporary_(path_.string() + ".tmp-" + random_name()),
        file_(temporary_, O_WRONLY | O_CREAT | O_EXCL, error),
        is_there_(!error) {}
  ~file_sink() override {
    if (is_there_) ::unlink(temporary_.c_str());
  }
  void write(byte_view bytes, std::error_code& error) override {
    while (!bytes.empty()) {
      ::ssize_t const n = ::write(file_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        error = n < 0 ? descriptor::last_error() : std::make_error_code(std::errc::io_error);
        return;
      }
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }
  // Everything is written: it takes its place. With an error the old file is there; or the new one, if only flushing the folder has failed.
  void commit(std::error_code& error) {
    file_.sync(error);
    if (!error) file_.close(error);
    if (!error && std::rename(temporary_.c_str(), path_.c_str()) != 0) error = descriptor::last_error();
    if (error) return;
    is_there_ = false;
    std::filesystem::path const folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    descriptor where(folder, O_RDONLY | O_DIRECTORY, error);
    if (!error) where.sync(error);
  }

 private:
  static std::string random_name() {
    static constexpr char digits[] = "0123456789abcdef";
    std::random_device random;
    std::string name;
    for (int i = 0; i != 16; ++i) name += digits[random() % 16];
    return name;
  }

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  descriptor file_;
  bool is_there_;
};

class file_source final : public source {
 public:
  file_source(const std::filesystem::path& path, std::error_code& error) : file_(path, O_RDONLY, error) {}
  std::size_t read(std::span<std::byte> to, std::error_code& error) override {
    std::size_t done = 0;
    while (done != to.size()) {
      ::ssize_t const n = ::read(file_.get(), to.data() + done, to.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) error = descriptor::last_error();
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }
  std::uint64_t size() const noexcept override {
    struct ::stat about;
    bool const known = ::fstat(file_.get(), &about) == 0 && S_ISREG(about.st_mode);
    return known ? static_cast<std::uint64_t>(about.st_size) : 0;
  }

 private:
  descriptor file_;
};

}  // namespace tandem::store

#endif
