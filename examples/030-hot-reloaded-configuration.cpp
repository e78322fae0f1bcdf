// prints: began before the reload: version 0, http://alpha:80.*after it: version 1, https://beta:443.*mixtures seen: 0
//
// A configuration that is reloaded while requests are being served. Each request should see one configuration from its
// beginning to its end: never the new host with the old port, and never a lock on the way.
//
// Any struct can be put under a left_right. You say which operations exist and how to apply one; both copies get each.
#include <tandem/left_right.hpp>

#include <atomic>
#include <iostream>
#include <string>
#include <thread>

namespace {

struct settings {
  std::string scheme, host;
  int port;
};

struct reload {
  settings fresh;
};

struct configuration {
  settings now{"http", "alpha", 80};

  // The operation is applied twice, once to each copy. The first time it has to stay intact, the second time it may be eaten.
  void absorb_first(reload& op, const configuration&) { now = op.fresh; }
  void absorb_second(reload&& op, const configuration&) { now = std::move(op.fresh); }
};

std::string url(const settings& s) { return s.scheme + "://" + s.host + ':' + std::to_string(s.port); }

}  // namespace

int main() {
  auto [writer, reader] = tandem::make_left_right<configuration, reload>();

  // A server thread with a reader of its own. It counts the answers that mix two configurations; there must be none.
  std::atomic<bool> stop{false};
  int mixtures = 0;
  std::thread server([&stop, &mixtures, requests = reader] {
    while (!stop) {
      auto const config = requests.enter();
      std::string const answer = url(config->now);
      if (answer != "http://alpha:80" && answer != "https://beta:443") ++mixtures;
    }
  });

  auto const early = reader.enter();  // a request that is still running when the reload comes
  writer.append({{"https", "beta", 443}}).publish();
  auto const late = writer.make_reader().enter();  // one that begins afterwards, in a place of its own

  std::cout << "began before the reload: version " << early.version() << ", " << url(early->now) << '\n'
            << "began after it: version " << late.version() << ", " << url(late->now) << '\n';
  stop = true;
  server.join();
  std::cout << "mixtures seen: " << mixtures << '\n';
}
