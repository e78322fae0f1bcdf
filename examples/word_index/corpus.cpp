#include "corpus.hpp"

#include "interruption.hpp"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

namespace word_index {
namespace {

namespace fs = std::filesystem;

class walk {
 public:
  explicit walk(const skip_listener& skipped) : skipped_(skipped) {}

  std::vector<source> from(const std::vector<fs::path>& paths) && {
    // A stack instead of recursion: folders may be nested deeper than a call stack likes. The first path is on its top.
    to_visit_.assign(paths.rbegin(), paths.rend());
    while (!to_visit_.empty() && !interrupted()) {
      fs::path const next = std::move(to_visit_.back());
      to_visit_.pop_back();
      visit(next);
    }
    return std::move(found_);
  }

 private:
  void visit(const fs::path& path) {
    std::error_code error;
    fs::file_status const what = fs::status(path, error);
    if (what.type() == fs::file_type::not_found) {
      skipped_(path, "leads to nothing");
    } else if (!fs::status_known(what)) {
      skipped_(path, error.message());
    } else if (fs::is_directory(what)) {
      if (is_new(path)) enter(path);
    } else if (!fs::is_regular_file(what)) {
      skipped_(path, "not a regular file");
    } else if (is_new(path)) {
      std::uintmax_t const bytes = fs::file_size(path, error);
      found_.push_back({path, error ? 0 : bytes});
    }
  }

  void enter(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::path> inside;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      inside.push_back(at->path());
    }
    if (error) skipped_(folder, error.message());
    std::sort(inside.begin(), inside.end(), std::greater<>());
    std::move(inside.begin(), inside.end(), std::back_inserter(to_visit_));
  }

  // Whether what `path` leads to has not been met before, on whatever way.
  bool is_new(const fs::path& path) {
    std::error_code error;
    fs::path target = fs::canonical(path, error);
    return met_.insert(error ? path : std::move(target)).second;
  }

  const skip_listener& skipped_;
  std::vector<fs::path> to_visit_;
  std::set<fs::path> met_;
  std::vector<source> found_;
};

}  // namespace

std::vector<source> find_sources(const std::vector<fs::path>& paths, const skip_listener& skipped) {
  return walk(skipped).from(paths);
}

std::vector<fs::path> default_paths() {
  std::error_code error;
  std::vector<fs::path> paths;
  fs::path const licences = "/usr/share/common-licenses";
  if (fs::is_directory(licences, error)) paths.push_back(licences);
  // Only the copyright files: the folders beside them hold whatever a package likes, most of it compressed.
  for (fs::directory_iterator at("/usr/share/doc", error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    fs::path copyright = at->path() / "copyright";
    if (fs::is_regular_file(copyright, ignored)) paths.push_back(std::move(copyright));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace word_index
