// The system's files, in which calls of a test's choice fail, wait, or find no room.
#ifndef TANDEM_TESTS_SUPPORT_FAILING_FILES_HPP
#define TANDEM_TESTS_SUPPORT_FAILING_FILES_HPP

#include <tandem/store/file_system.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::test {

class failing_files {
 public:
  enum class call { open, append, read, truncate, sync, close, rename, remove, sync_folder };
  struct seen {
    call what;
    std::string name;
  };
  class script {
   public:
    // Called before each call; an error is what the call fails with. May be called by several threads at once.
    std::function<std::error_code(call, const std::string& name)> before{};

    void set_room(std::uint64_t bytes) {
      std::lock_guard const hold(mutex_);
      room_ = bytes;
    }
    std::vector<seen> calls() const {
      std::lock_guard const hold(mutex_);
      return calls_;
    }
    std::size_t count(call what) const {
      std::lock_guard const hold(mutex_);
      return static_cast<std::size_t>(
          std::count_if(calls_.begin(), calls_.end(), [&](const seen& s) { return s.what == what; }));
    }

   private:
    friend failing_files;
    std::error_code note(call what, const std::filesystem::path& path) {
      std::string const name = path.filename().string();
      {
        std::lock_guard const hold(mutex_);
        calls_.push_back({what, name});
      }
      return before ? before(what, name) : std::error_code();
    }
    std::uint64_t take_room(std::uint64_t wanted) {
      std::lock_guard const hold(mutex_);
      std::uint64_t const n = std::min(wanted, room_);
      if (room_ != std::numeric_limits<std::uint64_t>::max()) room_ -= n;
      return n;
    }
    mutable std::mutex mutex_;
    std::vector<seen> calls_;
    std::uint64_t room_ = std::numeric_limits<std::uint64_t>::max();
  };

  failing_files() : script_(std::make_shared<script>()) {}
  explicit failing_files(std::shared_ptr<script> s) : script_(std::move(s)) {}

  class file_type {
   public:
    file_type() = default;
    file_type(posix_file_system::file_type file, std::filesystem::path path, std::shared_ptr<script> s)
        : file_(std::move(file)), path_(std::move(path)), script_(std::move(s)) {}

    std::uint64_t append(std::span<const std::span<const std::byte>> parts, std::error_code& error) {
      if (fails(call::append, error)) return 0;
      std::uint64_t done = 0;
      for (auto part : parts) {
        std::uint64_t const room = script_->take_room(part.size());
        auto const fits = part.first(static_cast<std::size_t>(room));
        done += file_.append(std::span(&fits, 1), error);
        if (error) return done;
        if (room != part.size()) {
          error = std::make_error_code(std::errc::no_space_on_device);
          return done;
        }
      }
      return done;
    }
    std::size_t read(std::uint64_t place, std::span<std::byte> to, std::error_code& error) {
      return fails(call::read, error) ? 0 : file_.read(place, to, error);
    }
    std::uint64_t size(std::error_code& error) const { return file_.size(error); }
    void truncate(std::uint64_t n, std::error_code& error) {
      if (!fails(call::truncate, error)) file_.truncate(n, error);
    }
    void sync(std::error_code& error) {
      if (!fails(call::sync, error)) file_.sync(error);
    }
    void close(std::error_code& error) {
      std::error_code mine;
      bool const failed = fails(call::close, mine);
      file_.close(error);
      if (failed) error = mine;
    }

   private:
    bool fails(call what, std::error_code& error) {
      std::error_code const failed = script_->note(what, path_);
      if (failed) error = failed;
      return static_cast<bool>(failed);
    }
    posix_file_system::file_type file_;
    std::filesystem::path path_;
    std::shared_ptr<script> script_;
  };
  using lock_type = posix_file_system::lock_type;

  file_type open(const std::filesystem::path& path, open_mode mode, std::error_code& error) const {
    if (fails(call::open, path, error)) return {};
    return file_type(files_.open(path, mode, error), path, script_);
  }
  void rename(const std::filesystem::path& from, const std::filesystem::path& to, std::error_code& error) const {
    if (!fails(call::rename, from, error)) files_.rename(from, to, error);
  }
  void remove(const std::filesystem::path& path, std::error_code& error) const {
    if (!fails(call::remove, path, error)) files_.remove(path, error);
  }
  void create_folder(const std::filesystem::path& path, std::error_code& error) const {
    files_.create_folder(path, error);
  }
  void sync_folder(const std::filesystem::path& path, std::error_code& error) const {
    if (!fails(call::sync_folder, path, error)) files_.sync_folder(path, error);
  }
  std::vector<std::string> list(const std::filesystem::path& path, std::error_code& error) const {
    return files_.list(path, error);
  }
  lock_type try_lock(const std::filesystem::path& path, const std::string& who, std::string& holder,
                     std::error_code& error) const {
    return files_.try_lock(path, who, holder, error);
  }

 private:
  bool fails(call what, const std::filesystem::path& path, std::error_code& error) const {
    std::error_code const failed = script_->note(what, path);
    if (failed) error = failed;
    return static_cast<bool>(failed);
  }
  posix_file_system files_;
  std::shared_ptr<script> script_;
};

static_assert(durable_file_system<failing_files>);

}  // namespace tandem::test

#endif
