// prints: ada +300 allowed +200 refused.*eve +300 allowed +700 refused.*too eager: eve joe .2.*2 clients left, and ada again: 0
//
// Moving a service from boost::concurrent_flat_map. This one limits how often a client may call: every request asks it, from
// whichever thread handles the request.
//
// It is written in Boost's vocabulary throughout. What had to change is marked with "was", and is the include and the alias.
// What changes without being written is that the table grows a few cells at a time: no request waits while all clients are
// moved to a larger table.
#include <tandem/cell_map.hpp>  // was: <boost/unordered/concurrent_flat_map.hpp>

#include <algorithm>
#include <array>
#include <iomanip>
#include <iostream>
#include <latch>
#include <string>
#include <thread>
#include <vector>

namespace {

template <class Key, class T>
using concurrent_map = tandem::cell_map<Key, T>;  // was: boost::concurrent_flat_map<Key, T>

struct usage {
  int allowed = 0;
  int refused = 0;
};

class rate_limiter {
 public:
  explicit rate_limiter(int limit) : limit_(limit) {}

  // Whether this client may call once more.
  bool allow(const std::string& client) {
    bool allowed = true;
    clients_.try_emplace_or_visit(client, usage{1, 0}, [&](auto& entry) {
      allowed = entry.second.allowed < limit_;
      ++(allowed ? entry.second.allowed : entry.second.refused);
    });
    return allowed;
  }

  usage usage_of(const std::string& client) const {
    usage found;
    clients_.cvisit(client, [&](const auto& entry) { found = entry.second; });
    return found;
  }

  // Several at a time: bulk visits look ahead, and come in any order.
  int allowed_to(const std::vector<std::string>& clients) const {
    int sum = 0;
    clients_.cvisit(clients.begin(), clients.end(), [&](const auto& entry) { sum += entry.second.allowed; });
    return sum;
  }

  bool anybody_refused() const {
    return !clients_.cvisit_while([](const auto& entry) { return entry.second.refused == 0; });
  }

  // Returns how many.
  std::size_t forget_those_with_more_refusals_than(int refusals) {
    return clients_.erase_if([=](const auto& entry) { return entry.second.refused > refusals; });
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    clients_.cvisit_all([&](const auto& entry) { all.push_back(entry.first); });
    std::sort(all.begin(), all.end());
    return all;
  }

  std::size_t size() const { return clients_.size(); }

 private:
  concurrent_map<std::string, usage> clients_;
  int limit_;
};

}  // namespace

int main() {
  rate_limiter limiter(300);

  // A thousand rounds of requests on each of two threads; some clients call in every round, some now and then.
  struct habit {
    const char* client;
    int every;
  };
  constexpr std::array<habit, 4> habits{{{"ada", 4}, {"bob", 10}, {"eve", 2}, {"joe", 2}}};
  constexpr int rounds = 1000;
  std::latch start(2);
  std::vector<std::thread> threads;
  for (int t = 0; t != 2; ++t) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (int round = 0; round != rounds; ++round) {
        for (const habit& h : habits) {
          if (round % h.every == 0) limiter.allow(h.client);
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();

  for (const std::string& client : limiter.names()) {
    usage const seen = limiter.usage_of(client);
    std::cout << client << std::setw(6) << seen.allowed << " allowed" << std::setw(6) << seen.refused << " refused\n";
  }
  std::cout << "ada, bob and eve together: " << limiter.allowed_to({"ada", "bob", "eve"}) << " allowed\n";

  std::cout << "too eager:";
  std::vector<std::string> const before = limiter.names();
  std::size_t const forgotten = limiter.forget_those_with_more_refusals_than(500);
  for (const std::string& client : before) {
    if (limiter.usage_of(client).allowed == 0) std::cout << ' ' << client;
  }
  std::cout << " (" << forgotten << "), anybody refused among the rest: " << (limiter.anybody_refused() ? "yes" : "no")
            << '\n'
            << limiter.size() << " clients left, and ada again: " << limiter.allow("ada") << '\n';
}
