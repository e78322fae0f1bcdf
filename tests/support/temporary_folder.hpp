// A folder for one test, removed at its end.
#ifndef TANDEM_TESTS_SUPPORT_TEMPORARY_FOLDER_HPP
#define TANDEM_TESTS_SUPPORT_TEMPORARY_FOLDER_HPP

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <system_error>
#include <vector>

namespace tandem::test {

class temporary_folder {
 public:
  temporary_folder()
      : path_(std::filesystem::temp_directory_path() / ("tandem-test-" + std::to_string(std::random_device()()))) {
    std::filesystem::create_directories(path_);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  // Names that end so, in their order.
  std::vector<std::string> names(const std::string& end) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      std::string const name = entry.path().filename().string();
      if (name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0)
        found.push_back(name);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  // What is there at this moment, as after the end of a process.
  void copy_to(const temporary_folder& other) const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      std::filesystem::copy_file(entry.path(), other.path_ / entry.path().filename(),
                                 std::filesystem::copy_options::overwrite_existing);
    }
  }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace tandem::test

#endif
