// prints: 4 threads asked at once for one page, fetches: 1.*4 threads asked 4000 times.*hits: [5-9][0-9] %.*saved: [0-9]+ ms of waiting.*at most 256 pages kept: yes, wrong answers: 0
//
// A cache in front of something slow: a service, a disk, a renderer. It keeps what is asked for often and forgets the rest, so
// its memory is bounded; and of the threads that ask for the same thing at the same moment one fetches it, while the others
// wait for that.
//
// (What is never to be forgotten belongs into a map: see 070-memoise.cpp.)
#include <tandem/cell_cache.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <latch>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using duration = std::chrono::steady_clock::duration;

// Far away: takes its time, whoever asks.
class service {
 public:
  std::string fetch(int page) {
    auto const begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    ++fetched_;
    spent_ += (std::chrono::steady_clock::now() - begin).count();
    return content(page);
  }
  static std::string content(int page) { return "the text of page " + std::to_string(page); }

  long fetched() const { return fetched_; }
  duration spent() const { return duration(spent_); }

 private:
  std::atomic<long> fetched_{0};
  std::atomic<duration::rep> spent_{0};
};

constexpr int thread_count = 4;
constexpr int questions_each = 1000;
constexpr int pages = 2000;

// Few pages are asked for often, most of them hardly ever.
int draw_page(std::mt19937& random) {
  double const u = std::uniform_real_distribution<double>(0, 1)(random);
  return std::min(pages - 1, static_cast<int>(pages * std::pow(u, 8)));
}

template <class Body>
void in_threads(Body body) {
  std::latch start(thread_count);
  std::vector<std::thread> threads;
  for (int t = 0; t != thread_count; ++t) {
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      body(t);
    });
  }
  for (std::thread& t : threads) t.join();
}

}  // namespace

int main() {
  service far_away;
  // Never more than 256 of the 2000 pages. Numbers are rounded up to a power of two.
  tandem::cell_cache<int, std::string> cache(256);

  std::atomic<long> forgotten{0};
  cache.on_evict([&](int, std::string&) { ++forgotten; });

  // What all the rest of the program calls.
  auto const page = [&](int number) { return cache.get_or_emplace(number, [&] { return far_away.fetch(number); }); };

  in_threads([&](int) { page(0); });
  std::cout << thread_count << " threads asked at once for one page, fetches: " << far_away.fetched() << '\n';

  std::atomic<int> wrong{0};
  std::atomic<bool> bounded{true};
  in_threads([&](int t) {
    std::mt19937 random(static_cast<unsigned>(t));
    for (int q = 0; q != questions_each; ++q) {
      int const number = draw_page(random);
      wrong += page(number) != service::content(number);
      if (cache.size() > 256) bounded = false;
    }
  });

  long const asked = thread_count * questions_each;
  long const hits = asked - (far_away.fetched() - 1);
  duration const saved = far_away.spent() / far_away.fetched() * hits;
  std::cout << thread_count << " threads asked " << asked << " times, pages were fetched " << far_away.fetched() - 1
            << " times and forgotten " << forgotten << " times\n"
            << "hits: " << 100 * hits / asked << " %\n"
            << "saved: " << std::chrono::duration_cast<std::chrono::milliseconds>(saved).count() << " ms of waiting\n"
            << "at most 256 pages kept: " << (bounded ? "yes" : "no") << ", wrong answers: " << wrong << '\n';
}
