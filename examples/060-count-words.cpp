// prints: 463 words, 47 different.* 90  the.* 81  that.* 12  jack.*"cat" seen 9 times.*"elephant" seen 0 times
//
// Counting words from several threads: the first thing everybody does with a concurrent map.
//
// There is no get-then-set here, because between the two another thread could count the same word, and one of the two would
// be lost. Instead we tell the map what to do where the word is new, and what to do where it is not, and it does one of them
// while nobody else can touch that word. Other words go on meanwhile.
//
// Counts the rhyme below, or the file that is named on the command line.
#include <tandem/cell_map.hpp>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr unsigned thread_count = 4;

constexpr const char* last_verse[] = {"the horse and the hound and the horn that belonged to",
                                      "the farmer sowing his corn that kept",
                                      "the cock that crowed in the morn that woke",
                                      "the priest all shaven and shorn that married",
                                      "the man all tattered and torn that kissed",
                                      "the maiden all forlorn that milked",
                                      "the cow with the crumpled horn that tossed",
                                      "the dog that worried",
                                      "the cat that killed",
                                      "the rat that ate",
                                      "the malt that lay in",
                                      "the house that Jack built."};

// Each verse of this rhyme contains the one before it.
std::vector<std::string> rhyme() {
  std::vector<std::string> verses;
  for (std::size_t from = std::size(last_verse); from-- != 0;) {
    std::string verse = "This is";
    for (std::size_t i = from; i != std::size(last_verse); ++i) verse.append(" ").append(last_verse[i]);
    verses.push_back(std::move(verse));
  }
  return verses;
}

std::vector<std::string> lines_of(const char* path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  return lines;
}

using counts = tandem::cell_map<std::string, int>;

void count_line(const std::string& line, counts& words) {
  std::string spaced = line;
  for (char& c : spaced) {
    auto const u = static_cast<unsigned char>(c);
    c = std::isalpha(u) != 0 ? static_cast<char>(std::tolower(u)) : ' ';
  }
  std::istringstream in(spaced);
  for (std::string word; in >> word;) {
    words.try_emplace_or_visit(word, 1, [](auto& entry) { ++entry.second; });
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> const lines = argc > 1 ? lines_of(argv[1]) : rhyme();

  // One map, several threads, no mutex to be seen. Each thread takes every fourth line.
  counts words;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t != thread_count; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < lines.size(); i += thread_count) count_line(lines[i], words);
    });
  }
  for (std::thread& t : threads) t.join();

  // The map has no iterators: what one would point to could be gone at any moment. To see everything, visit everything.
  std::vector<std::pair<std::string, int>> found;
  long total = 0;
  words.cvisit_all([&](const auto& entry) {
    found.emplace_back(entry);
    total += entry.second;
  });
  std::cout << total << " words, " << found.size() << " different, counted by " << thread_count << " threads\n";

  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  for (std::size_t i = 0; i != std::min<std::size_t>(10, found.size()); ++i) {
    std::cout << std::setw(6) << found[i].second << "  " << found[i].first << '\n';
  }

  // update() changes a value that is there and hands back what your function returns; nothing, if it is not there.
  for (const char* word : {"cat", "elephant"}) {
    auto const times = words.update(word, [](int& n) { return std::exchange(n, 0); });
    std::cout << '"' << word << "\" seen " << times.value_or(0) << " times" << (times ? ", and set back\n" : "\n");
  }
}
