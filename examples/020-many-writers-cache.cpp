// prints: 4 writers put 4000 pages.*page 2/17 is "rendered by writer 2".*never refreshed by hand
//
// A cache that several threads fill and many threads read. evmap has one writer; when you have many, take eventual_map: its
// writers share a mutex, its readers still wait for nobody. Each key has one value.
//
// "Eventual" means that a write shows up at the next refresh. Somebody has to refresh: call refresh() when a batch is
// complete, or, as here, let a background thread do it every few milliseconds. A cache does not mind being a little late.
#include <tandem/eventual_map.hpp>

#include <chrono>
#include <iostream>
#include <latch>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int writer_count = 4;
constexpr int pages_each = 1000;

std::string page(int writer, int number) { return "page " + std::to_string(writer) + '/' + std::to_string(number); }

}  // namespace

int main() {
  tandem::eventual_map<std::string, std::string> cache;
  auto reader = cache.make_reader();  // one per reading thread; this is the main thread's

  // How stale may a hit be? That is the period to choose. Shorter is fresher, and costs the writers more.
  cache.refresh_every(std::chrono::milliseconds(2));

  std::latch start(writer_count);
  std::vector<std::thread> writers;
  for (int w = 0; w != writer_count; ++w) {
    writers.emplace_back([&cache, &start, w] {
      start.arrive_and_wait();
      for (int n = 0; n != pages_each; ++n)
        cache.insert_or_assign(page(w, n), "rendered by writer " + std::to_string(w));
    });
  }

  // Meanwhile we only read. Whole refreshes appear, so the size goes up in steps.
  std::size_t steps = 0;
  for (std::size_t seen = 0; seen != std::size_t{writer_count} * pages_each; std::this_thread::yield()) {
    std::size_t const now = reader.size();
    if (now != seen) ++steps;
    seen = now;
  }
  for (std::thread& w : writers) w.join();

  std::cout << writer_count << " writers put " << reader.size() << " pages; the reader saw them come in " << steps
            << " step(s)\n"
            << page(2, 17) << " is \"" << reader.get(page(2, 17)).value_or("nowhere") << "\"\n"
            << "never refreshed by hand\n";
}
