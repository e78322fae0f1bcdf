// make_folders FOLDER: writes the folders that durable_store has to open for ever, FOLDER/durable_store-<format version>-*.
// What is committed was written by the version that introduced the format; it is never written again.
#include <tandem/durable_store.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

// Two lanes, short segments, a checkpoint that keeps them, ties, an erasure, and the end of a process that was killed: the last
// segments have no seal, and one of them has half a record at its end.
void make_texts(const std::filesystem::path& folder) {
  auto const work = folder.string() + ".open";
  tandem::durable_options how;
  how.lanes = 2;
  how.rotate_records = 3;
  auto s = tandem::durable_store<>::open(work, how);
  s.put("sensor101", "A", 1647106627392928613);
  s.put("sensor101", "B", 1647106627392928713);
  s.put("sensor101", "C", 1647106627392928663);
  s.put("sensor201", "A", 1647106627392928613);
  s.put("sensor201", "B", 1647106627392928513);
  s.put("sensor201", "C", 1647106627392928723);
  s.put("tie", "the first", 7);
  s.put("tie", "the second", 7);
  s.put("", "of the empty key", 0);
  s.put("empty", "", 18446744073709551615U);
  s.put("erased", "not any more", 5);
  s.erase("erased", 9);
  s.checkpoint();
  s.put("long", std::string(5000, 'x'), 1);
  s.put("tie", "the third", 7);
  s.put("late", "after the checkpoint", 3);
  s.put("long", std::string(300, 'y'), 2);
  s.put("again", "1", 1);
  s.erase("again", 2);
  s.put("again", "3", 3);
  s.flush();
  std::filesystem::copy(work, folder, std::filesystem::copy_options::recursive);
  std::filesystem::path last;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("L0-") && entry.path() > last) last = entry.path();
  }
  std::ofstream(last, std::ios::binary | std::ios::app) << "half of a record that was torn";
  s.close();
  std::filesystem::remove_all(work);
}

// One lane, numbers, closed.
void make_numbers(const std::filesystem::path& folder) {
  auto s = tandem::durable_store<std::uint64_t, double>::open(folder);
  for (std::uint64_t i = 0; i != 10; ++i) s.put(i, static_cast<double>(i) / 4, i * i);
  s.erase(3, 100);
  s.close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("make_folders FOLDER\n", stderr), 2;
  std::filesystem::path const to = argv[1];
  std::filesystem::create_directories(to);
  make_texts(to / "durable_store-1-texts");
  make_numbers(to / "durable_store-1-numbers");
  return 0;
}
