// The simulated file system is one, as the system's own is; and after a crash there is what file_system.hpp says that may be
// there.
#include "support/simulated_files.hpp"

#include "support/catch.hpp"
#include "support/thread_runner.hpp"

#include <tandem/store/file_system.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::open_mode;

std::span<const std::byte> bytes_of(std::string_view s) { return std::as_bytes(std::span(s)); }

// What a call says.
template <class F>
std::error_code error_of(F f) {
  std::error_code error;
  f(error);
  return error;
}

template <class File>
std::uint64_t append(File& file, std::string_view text) {
  auto const part = bytes_of(text);
  std::error_code error;
  std::uint64_t const n = file.append(std::span(&part, 1), error);
  if (error) fail(error.message());
  return n;
}
template <class File>
std::string content_of(File& file) {
  std::error_code error;
  std::string text(static_cast<std::size_t>(file.size(error)), '?');
  std::size_t const n = file.read(0, std::as_writable_bytes(std::span(text)), error);
  if (error || n != text.size()) fail("cannot be read");
  return text;
}
template <class Files>
std::string content_of(const Files& files, const std::filesystem::path& path) {
  std::error_code error;
  auto file = files.open(path, open_mode::read, error);
  return error ? "(" + error.message() + ")" : content_of(file);
}
template <class Files>
auto opened(const Files& files, const std::filesystem::path& path, open_mode mode) {
  std::error_code error;
  auto file = files.open(path, mode, error);
  if (error) fail(path.string() + ": " + error.message());
  return file;
}
template <class Files>
std::set<std::string> names_in(const Files& files, const std::filesystem::path& path) {
  std::error_code error;
  auto const names = files.list(path, error);
  if (error) fail(error.message());
  return {names.begin(), names.end()};
}

// An empty folder of either file system.
struct real {
  using files_type = tandem::posix_file_system;
  files_type files;
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tandem-files-" + std::to_string(std::random_device()()));
  real() { std::filesystem::create_directory(folder); }
  real(const real&) = delete;
  real& operator=(const real&) = delete;
  ~real() { std::filesystem::remove_all(folder); }
};
struct simulated {
  using files_type = simulated_files;
  files_type files{file_image{{"/folder", std::nullopt}}};
  std::filesystem::path folder = "/folder";
};

// The texts that "/folder/file" may have after a crash now; "(none)" if it is not there.
std::set<std::string> after_crash(const simulated_files& files, crash_options how = {}) {
  std::set<std::string> all;
  how.from = files.steps();
  files.for_each_crash(how, [&](const crash_state& c) {
    auto const found = c.image.find("/folder/file");
    std::string text = "(none)";
    if (found != c.image.end())
      text.assign(reinterpret_cast<const char*>(found->second->data()), found->second->size());
    // By its letters, for what is long.
    text.erase(std::unique(text.begin(), text.end()), text.end());
    std::ranges::replace(text, '\0', '0');
    all.insert(text);
  });
  return all;
}
using texts = std::set<std::string>;

simulated_files with_file(const std::string& text) {
  auto const bytes = bytes_of(text);
  return simulated_files(
      file_image{{"/folder", std::nullopt}, {"/folder/file", file_bytes(bytes.begin(), bytes.end())}});
}
template <class File>
void sync(File& file) {
  std::error_code error;
  file.sync(error);
  if (error) fail(error.message());
}

}  // namespace

TEMPLATE_TEST_CASE("files: what is appended is read, at any place, up to the end", "[file_system]", real, simulated) {
  TestType at;
  auto file = opened(at.files, at.folder / "file", open_mode::create);
  CHECK(append(file, "one") == 3);
  std::array const parts{bytes_of(" two"), bytes_of(""), bytes_of(" three")};
  std::error_code error;
  CHECK(file.append(parts, error) == 10);
  CHECK(file.append({}, error) == 0);
  CHECK(content_of(file) == "one two three");
  CHECK(file.size(error) == 13);

  std::array<std::byte, 8> some;
  CHECK(file.read(4, std::span(some).first(3), error) == 3);
  CHECK(std::ranges::equal(std::span(some).first(3), bytes_of("two")));
  CHECK(file.read(8, some, error) == 5);
  CHECK(file.read(13, some, error) == 0);
  CHECK(file.read(14, some, error) == 0);
  file.sync(error);
  file.close(error);
  CHECK_FALSE(error);

  // Through many parts, more than one call of the system takes.
  std::vector<std::span<const std::byte>> many(300, bytes_of("ab"));
  auto again = opened(at.files, at.folder / "file", open_mode::append);
  CHECK(again.append(many, error) == 600);
  CHECK(content_of(again).size() == 613);
  CHECK(content_of(at.files, at.folder / "file").substr(9, 8) == "hreeabab");
}

TEMPLATE_TEST_CASE("files: create, append and read", "[file_system]", real, simulated) {
  TestType at;
  auto const path = at.folder / "file";
  auto const open = [&](open_mode mode) {
    return error_of([&](auto& e) { static_cast<void>(at.files.open(path, mode, e)); });
  };
  CHECK(open(open_mode::read) == std::errc::no_such_file_or_directory);
  CHECK(open(open_mode::append) == std::errc::no_such_file_or_directory);
  CHECK_FALSE(open(open_mode::create));
  CHECK(open(open_mode::create) == std::errc::file_exists);
  CHECK_FALSE(open(open_mode::append));

  auto reader = opened(at.files, path, open_mode::read);
  auto writer = opened(at.files, path, open_mode::append);
  auto other = opened(at.files, path, open_mode::append);
  append(writer, "a");
  append(other, "b");  // at the end, wherever that is
  CHECK(content_of(reader) == "ab");
  auto const part = bytes_of("c");
  CHECK(error_of([&](auto& e) { CHECK(reader.append(std::span(&part, 1), e) == 0); }) ==
        std::errc::bad_file_descriptor);
  CHECK(error_of([&](auto& e) { reader.truncate(0, e); }));
  CHECK(content_of(reader) == "ab");
  CHECK(error_of([&](auto& e) { static_cast<void>(at.files.open(at.folder / "no" / "file", open_mode::create, e)); }) ==
        std::errc::no_such_file_or_directory);
  CHECK(error_of([&](auto& e) { static_cast<void>(at.files.open(at.folder, open_mode::append, e)); }) ==
        std::errc::is_a_directory);
}

TEMPLATE_TEST_CASE("files: truncated ones go on from there", "[file_system]", real, simulated) {
  TestType at;
  auto file = opened(at.files, at.folder / "file", open_mode::create);
  append(file, "one two");
  std::error_code error;
  file.truncate(3, error);
  append(file, "!");
  CHECK(content_of(file) == "one!");
  file.truncate(6, error);
  CHECK_FALSE(error);
  CHECK(content_of(file) == std::string("one!\0\0", 6));
}

TEMPLATE_TEST_CASE("files: renamed, replaced and removed ones", "[file_system]", real, simulated) {
  TestType at;
  std::error_code error;
  auto a = opened(at.files, at.folder / "a", open_mode::create);
  auto b = opened(at.files, at.folder / "b", open_mode::create);
  append(a, "a");
  append(b, "b");
  at.files.rename(at.folder / "a", at.folder / "c", error);
  CHECK(names_in(at.files, at.folder) == texts{"b", "c"});
  at.files.rename(at.folder / "c", at.folder / "b", error);
  CHECK(names_in(at.files, at.folder) == texts{"b"});
  CHECK(content_of(at.files, at.folder / "b") == "a");
  at.files.rename(at.folder / "b", at.folder / "b", error);
  CHECK(content_of(at.files, at.folder / "b") == "a");
  at.files.remove(at.folder / "b", error);
  CHECK_FALSE(error);
  CHECK(names_in(at.files, at.folder).empty());
  // Who has it open has it still.
  append(a, "!");
  CHECK(content_of(a) == "a!");
  CHECK(content_of(b) == "b");
  CHECK(error_of([&](auto& e) { at.files.remove(at.folder / "b", e); }) == std::errc::no_such_file_or_directory);
  CHECK(error_of([&](auto& e) { at.files.rename(at.folder / "b", at.folder / "c", e); }) ==
        std::errc::no_such_file_or_directory);
}

TEMPLATE_TEST_CASE("files: folders are made with those above them, listed and synced", "[file_system]", real,
                   simulated) {
  TestType at;
  std::error_code error;
  at.files.create_folder(at.folder / "x" / "y", error);
  at.files.create_folder(at.folder / "x" / "y", error);
  at.files.create_folder(at.folder, error);
  CHECK_FALSE(error);
  CHECK(names_in(at.files, at.folder) == texts{"x"});
  CHECK(names_in(at.files, at.folder / "x" / "y").empty());
  opened(at.files, at.folder / "x" / "y" / "file", open_mode::create);
  CHECK(names_in(at.files, at.folder / "x" / "y") == texts{"file"});
  at.files.sync_folder(at.folder / "x" / "y", error);
  CHECK_FALSE(error);
  CHECK(error_of([&](auto& e) { at.files.sync_folder(at.folder / "z", e); }) == std::errc::no_such_file_or_directory);
  CHECK(error_of([&](auto& e) { static_cast<void>(at.files.list(at.folder / "z", e)); }) ==
        std::errc::no_such_file_or_directory);
  CHECK(error_of([&](auto& e) { at.files.create_folder(at.folder / "x" / "y" / "file" / "z", e); }));
}

TEMPLATE_TEST_CASE("files: a lock is held by one at a time, who is named", "[file_system]", real, simulated) {
  TestType at;
  auto const path = at.folder / "LOCK";
  std::error_code error;
  std::string holder = "nobody";
  auto first = at.files.try_lock(path, "the first", holder, error);
  CHECK(first);
  CHECK(holder == "nobody");
  CHECK(names_in(at.files, at.folder) == texts{"LOCK"});
  {
    auto const second = at.files.try_lock(path, "the second", holder, error);
    CHECK_FALSE(second);
    CHECK(holder == "the first");
    CHECK_FALSE(error);
  }
  auto moved = std::move(first);
  CHECK(moved);
  CHECK_FALSE(at.files.try_lock(path, "the third", holder, error));
  moved = {};
  CHECK(at.files.try_lock(path, "4", holder, error));
  auto last = at.files.try_lock(path, "the last", holder, error);
  CHECK(last);
  CHECK_FALSE(at.files.try_lock(path, "-", holder, error));
  CHECK(holder == "the last");
  CHECK(error_of([&](auto& e) { CHECK_FALSE(at.files.try_lock(at.folder / "no" / "LOCK", "-", holder, e)); }) ==
        std::errc::no_such_file_or_directory);
}

TEMPLATE_TEST_CASE("files: a file that was closed, or never opened, says so", "[file_system]", real, simulated) {
  TestType at;
  auto const complains = [](auto& file) {
    auto const part = bytes_of("a");
    std::array<std::byte, 1> one;
    return error_of([&](auto& e) { file.append(std::span(&part, 1), e); }) == std::errc::bad_file_descriptor &&
           error_of([&](auto& e) { file.read(0, one, e); }) == std::errc::bad_file_descriptor &&
           error_of([&](auto& e) { file.size(e); }) == std::errc::bad_file_descriptor &&
           error_of([&](auto& e) { file.truncate(0, e); }) == std::errc::bad_file_descriptor &&
           error_of([&](auto& e) { file.sync(e); }) == std::errc::bad_file_descriptor &&
           error_of([&](auto& e) { file.close(e); }) == std::errc::bad_file_descriptor;
  };
  typename TestType::files_type::file_type none;
  CHECK(complains(none));
  auto file = opened(at.files, at.folder / "file", open_mode::create);
  CHECK_FALSE(error_of([&](auto& e) { file.close(e); }));
  CHECK(complains(file));
}

TEST_CASE("crash: what was synced is there", "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  append(file, "X");
  sync(file);
  CHECK(after_crash(files) == texts{"baseX"});
}

TEST_CASE("crash: what was not synced may be there, or not, or its length only", "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  append(file, "X");
  CHECK(after_crash(files) == texts{"base", "baseX", "base0"});
  CHECK(after_crash(files, {.out_of_order = false}) == texts{"base", "baseX"});
  append(file, "Y");
  CHECK(after_crash(files) == texts{"base", "baseX", "base0", "baseXY", "baseX0", "base0Y"});
  CHECK(after_crash(files, {.out_of_order = false}) == texts{"base", "baseX", "baseXY"});
  sync(file);
  append(file, "Z");
  CHECK(after_crash(files) == texts{"baseXY", "baseXYZ", "baseXY0"});
}

TEST_CASE("crash: a write is torn where sectors of the file meet", "[simulated_files]") {
  auto const files = with_file(std::string(500, 'b'));
  auto file = opened(files, "/folder/file", open_mode::append);
  append(file, std::string(12, 'X') + std::string(512, 'Y') + "Z");  // ends of sectors: 512, 1024
  CHECK(after_crash(files, {.out_of_order = false}) == texts{"b", "bX", "bXY", "bXYZ"});
  CHECK(after_crash(files) == texts{"b", "bX", "bXY", "bXYZ", "b0YZ", "b0Z", "b0"});
  unsigned torn = 0;
  files.for_each_crash({.from = files.steps()}, [&](const crash_state& c) { torn += c.torn; });
  CHECK(torn == 4);
}

TEST_CASE("crash: a truncation is a write", "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  std::error_code error;
  file.truncate(1, error);
  CHECK(after_crash(files) == texts{"base", "b"});
  append(file, "X");
  CHECK(after_crash(files) == texts{"base", "b", "bX", "b0", "bXse"});
  sync(file);
  CHECK(after_crash(files) == texts{"bX"});
}

TEST_CASE("crash: names are as they were when their folder was synced, or as they became", "[simulated_files]") {
  auto const files = with_file("base");
  std::error_code error;
  auto const names = [&] {
    std::set<texts> all;
    files.for_each_crash({.from = files.steps()}, [&](const crash_state& c) {
      texts here;
      for (auto const& [path, bytes] : c.image) {
        if (bytes)
          here.insert(path.substr(8) + "=" + std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()));
      }
      all.insert(here);
    });
    return all;
  };
  using states = std::set<texts>;
  auto made = opened(files, "/folder/new", open_mode::create);
  append(made, "n");
  sync(made);  // which is not about its name
  CHECK(names() == states{{"file=base"}, {"file=base", "new=n"}});
  files.sync_folder("/folder", error);
  CHECK(names() == states{{"file=base", "new=n"}});

  files.rename("/folder/new", "/folder/file", error);
  CHECK(names() == states{{"file=base", "new=n"}, {"file=n"}});
  files.sync_folder("/folder", error);
  files.rename("/folder/file", "/folder/a", error);
  files.rename("/folder/a", "/folder/b", error);
  CHECK(names() == states{{"file=n"}, {"a=n"}, {"b=n"}});
  files.sync_folder("/folder", error);
  files.remove("/folder/b", error);
  CHECK(names() == states{{"b=n"}, {}});
  files.sync_folder("/folder", error);
  CHECK_FALSE(error);
  CHECK(names() == states{{}});
}

TEST_CASE("crash: a folder is a name in the one above it", "[simulated_files]") {
  simulated_files const files;
  std::error_code error;
  files.create_folder("/a/b", error);
  auto file = opened(files, "/a/b/c", open_mode::create);
  sync(file);
  files.sync_folder("/a/b", error);
  auto const found = [&] {
    std::set<std::string> all;
    files.for_each_crash({.from = files.steps()},
                         [&](const crash_state& c) { all.insert(c.image.empty() ? "/" : c.image.rbegin()->first); });
    return all;
  };
  CHECK(found() == texts{"/", "/a", "/a/b/c"});
  files.sync_folder("/a", error);
  CHECK(found() == texts{"/", "/a/b/c"});
  files.sync_folder("/", error);
  CHECK_FALSE(error);
  CHECK(found() == texts{"/a/b/c"});
}

TEST_CASE("crash: after an error of sync nothing is known of what was written, whatever later ones say",
          "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  append(file, "X");
  files.fail({.call = file_call::sync});
  CHECK(error_of([&](auto& e) { file.sync(e); }) == std::errc::io_error);
  CHECK(content_of(file) == "baseX");  // it is to be read
  sync(file);
  CHECK(after_crash(files) == texts{"base", "baseX", "base0"});
  append(file, "Y");
  sync(file);
  CHECK(after_crash(files) == texts{"base0Y", "baseXY"});
  CHECK(after_crash(files, {.out_of_order = false}) == texts{"base0Y", "baseXY"});
}

TEST_CASE("crash: places, ways and their number", "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  append(file, "X");
  append(file, std::string(2000, 'Y'));
  sync(file);
  CHECK(files.steps() == 3);
  std::vector<std::size_t> ways(4);
  files.for_each_crash({}, [&](const crash_state& c) {
    ++ways[c.after];
    CHECK(c.all_ways);
    std::uint64_t const before = std::array<std::uint64_t, 4>{4, 4, 4, 2005}[c.after];
    CHECK(c.image.at("/folder/file")->size() >= before);
  });
  CHECK(ways == std::vector<std::size_t>{1, 3, 3 * 9, 1});

  // Too many: some of them, both extremes, and the same ones again.
  std::size_t seen = 0;
  std::set<std::uint64_t> lengths;
  std::vector<std::uint64_t> hashes[2];
  for (auto& h : hashes) {
    files.for_each_crash({.at_most = 20}, [&](const crash_state& c) {
      h.push_back(hash_of(c.image));
      if (c.after != 2) return;
      CHECK_FALSE(c.all_ways);
      ++seen;
      lengths.insert(c.image.at("/folder/file")->size());
    });
  }
  CHECK(hashes[0] == hashes[1]);
  CHECK(seen == 40);
  CHECK(lengths.contains(4));
  CHECK(lengths.contains(2005));
  CHECK(lengths.size() > 3);

  // Every second place, and the last.
  std::set<std::size_t> places;
  files.for_each_crash({.from = 1, .every = 5}, [&](const crash_state& c) { places.insert(c.after); });
  CHECK(places == std::set<std::size_t>{1, 3});
}

TEST_CASE("crash: what is left is a file system of its own", "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  std::error_code error;
  std::string holder;
  auto const lock = files.try_lock("/folder/LOCK", "me", holder, error);
  append(file, "X");
  std::size_t n = 0;
  files.for_each_crash({.from = files.steps()}, [&](const crash_state& c) {
    simulated_files left(c.image);
    CHECK(left.image() == c.image);
    CHECK(left.steps() == 0);
    CHECK(left.try_lock("/folder/LOCK", "me", holder, error));
    CHECK(names_in(left, "/folder") == texts{"LOCK", "file"});
    auto again = opened(left, "/folder/file", open_mode::append);
    append(again, "Z");
    sync(again);
    CHECK(after_crash(left).size() == 1);
    ++n;
  });
  CHECK(n == 3);
  CHECK(content_of(file) == "baseX");
}

TEST_CASE("a killed process leaves what is to be read, synced or not", "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  std::error_code error;
  std::string holder;
  auto const lock = files.try_lock("/folder/LOCK", "me", holder, error);
  append(file, "X");
  sync(file);
  append(file, "Y");
  files.rename("/folder/file", "/folder/new", error);
  auto const next = files.killed(4);
  CHECK(next.steps() == 4);
  CHECK(content_of(next, "/folder/file") == "baseXY");
  CHECK(after_crash(next) == texts{"baseX", "baseX0", "baseXY"});
  CHECK(next.try_lock("/folder/LOCK", "me", holder, error));
  next.remove("/folder/file", error);
  CHECK(content_of(files, "/folder/new") == "baseXY");
  CHECK(names_in(files.killed(5), "/folder") == texts{"LOCK", "new"});
  CHECK(content_of(files.killed(0), "/folder/file") == "base");
}

TEST_CASE("failures: the n-th call, of a kind, of a file", "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  auto const sync_error = [&] { return error_of([&](auto& e) { file.sync(e); }); };

  files.fail({.call = file_call::sync, .nth = 1, .times = 2, .error = std::errc::device_or_resource_busy});
  CHECK_FALSE(sync_error());
  append(file, "another kind");
  CHECK(sync_error() == std::errc::device_or_resource_busy);
  CHECK(sync_error() == std::errc::device_or_resource_busy);
  CHECK_FALSE(sync_error());
  CHECK(files.failures() == 2);
  CHECK(files.calls(file_call::sync) == 4);
  CHECK(files.calls(file_call::append) == 1);
  CHECK(files.calls(file_call::any) == 6);

  files.fail({.call = file_call::sync, .times = file_failure::for_ever, .path = "other"});
  CHECK_FALSE(sync_error());
  files.fail({.call = file_call::any, .times = file_failure::for_ever, .path = "file"});
  CHECK(sync_error() == std::errc::io_error);
  CHECK(error_of([&](auto& e) { static_cast<void>(file.size(e)); }) == std::errc::io_error);
  files.heal();
  CHECK_FALSE(sync_error());
}

TEST_CASE("failures: every kind of call can fail, and has then done nothing", "[simulated_files]") {
  auto const files = with_file("base");
  auto const before = files.image();
  auto file = opened(files, "/folder/file", open_mode::append);
  std::array<std::byte, 4> some;
  auto const part = bytes_of("X");
  std::string holder;
  using error = std::error_code&;
  std::vector<std::pair<file_call, std::function<void(error)>>> const all{
      {file_call::create, [&](error e) { static_cast<void>(files.open("/folder/new", open_mode::create, e)); }},
      {file_call::open, [&](error e) { static_cast<void>(files.open("/folder/file", open_mode::read, e)); }},
      {file_call::append, [&](error e) { CHECK(file.append(std::span(&part, 1), e) == 0); }},
      {file_call::read, [&](error e) { CHECK(file.read(0, some, e) == 0); }},
      {file_call::size, [&](error e) { CHECK(file.size(e) == 0); }},
      {file_call::truncate, [&](error e) { file.truncate(0, e); }},
      {file_call::sync, [&](error e) { file.sync(e); }},
      {file_call::rename, [&](error e) { files.rename("/folder/file", "/folder/b", e); }},
      {file_call::remove, [&](error e) { files.remove("/folder/file", e); }},
      {file_call::create_folder, [&](error e) { files.create_folder("/folder/new", e); }},
      {file_call::sync_folder, [&](error e) { files.sync_folder("/folder", e); }},
      {file_call::list, [&](error e) { CHECK(files.list("/folder", e).empty()); }},
      {file_call::lock, [&](error e) { CHECK_FALSE(files.try_lock("/folder/LOCK", "me", holder, e)); }},
      {file_call::close, [&](error e) { file.close(e); }}};
  CHECK(all.size() == file_calls);
  for (auto const& [call, f] : all) {
    INFO(static_cast<int>(call));
    files.fail({.call = call});
    CHECK(error_of(f) == std::errc::io_error);
    CHECK(files.image() == before);
  }
  // But for the file that was closed.
  CHECK(error_of([&](auto& e) { static_cast<void>(file.size(e)); }) == std::errc::bad_file_descriptor);
}

TEST_CASE("failures: a folder whose sync failed is synced by the next", "[simulated_files]") {
  auto const files = with_file("base");
  std::error_code error;
  files.remove("/folder/file", error);
  files.fail({.call = file_call::sync_folder});
  CHECK(error_of([&](auto& e) { files.sync_folder("/folder", e); }));
  CHECK(after_crash(files) == texts{"base", "(none)"});
  files.sync_folder("/folder", error);
  CHECK(after_crash(files) == texts{"(none)"});
}

TEST_CASE("failures: an append may have written a part", "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  files.fail({.call = file_call::append, .error = std::errc::no_space_on_device, .written = 2});
  std::array const parts{bytes_of("X"), bytes_of("YZ")};
  std::error_code error;
  CHECK(file.append(parts, error) == 2);
  CHECK(error == std::errc::no_space_on_device);
  CHECK(content_of(file) == "baseXY");
}

TEST_CASE("failures: a full disk takes what fits, until something is removed", "[simulated_files]") {
  auto const files = with_file("base");
  auto file = opened(files, "/folder/file", open_mode::append);
  auto other = opened(files, "/folder/other", open_mode::create);
  append(other, "123");
  CHECK(files.used_bytes() == 7);
  files.limit_bytes(10);
  auto const part = bytes_of("abcdef");
  std::error_code error;
  CHECK(file.append(std::span(&part, 1), error) == 3);
  CHECK(error == std::errc::no_space_on_device);
  CHECK(error_of([&](auto& e) { CHECK(other.append(std::span(&part, 1), e) == 0); }) == std::errc::no_space_on_device);
  files.remove("/folder/other", error = {});
  CHECK_FALSE(error);
  CHECK(append(file, "de") == 2);
  file.truncate(0, error);
  CHECK(append(file, "0123456789") == 10);
  files.limit_bytes(5);
  CHECK(error_of([&](auto& e) { CHECK(file.append(std::span(&part, 1), e) == 0); }) == std::errc::no_space_on_device);
}

TEST_CASE("before_each sees each call, before it happens", "[simulated_files]") {
  auto const files = with_file("base");
  std::vector<std::pair<file_call, std::string>> seen;
  std::size_t steps = 99;
  files.before_each([&](file_call call, const std::filesystem::path& path) {
    seen.emplace_back(call, path.string());
    steps = files.steps();
  });
  auto file = opened(files, "/folder/file", open_mode::append);
  append(file, "X");
  CHECK(steps == 0);
  sync(file);
  CHECK(steps == 1);
  files.before_each({});
  sync(file);
  using one = std::pair<file_call, std::string>;
  CHECK(seen == std::vector<one>{{file_call::open, "/folder/file"},
                                 {file_call::append, "/folder/file"},
                                 {file_call::sync, "/folder/file"}});
}

TEST_CASE("threads may use different files, and crash them", "[simulated_files]") {
  auto const files = with_file("base");
  run_threads(4, [&](std::size_t i) {
    std::string const name = "/folder/" + std::to_string(i);
    std::error_code error;
    auto file = files.open(name, open_mode::create, error);
    for (int n = 0; n != 50; ++n) {
      append(file, "X");
      if (n % 10 == 9) file.sync(error);
      if (n % 25 == 24) files.sync_folder("/folder", error);
      static_cast<void>(files.list("/folder", error));
    }
    if (i == 0) {
      std::size_t seen = 0;
      files.for_each_crash({.every = 50, .at_most = 10}, [&](const crash_state&) { ++seen; });
      if (seen < 2) fail("no states");
    }
    if (error) fail(error.message());
    if (content_of(file).size() != 50) fail("lost");
  });
  CHECK(files.steps() == 4 * (1 + 50 + 5 + 2));
  // All was synced.
  files.for_each_crash({.from = files.steps()}, [&](const crash_state& c) { CHECK(c.image == files.image()); });
}
