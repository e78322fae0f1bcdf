// prints: 4 threads routed [0-9]+ packets while [0-9]+ routes changed.*unroutable: 0.*10.1.0.0/16 goes to gateway 7
//
// A routing table: read by every thread for each packet, changed live by one that listens to the neighbours. Readers take no lock
// and do not see a route half changed: update() and insert_or_assign() put a new version of it in the place of the old
// one, in one step. A guard keeps the version that it found, though it be replaced or erased meanwhile.
#include <tandem/cell_index.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

struct route {
  std::string interface;
  int gateway = 0;
  int metric = 0;
};

// Prefixes by their length and address: 10.1.0.0/16.
struct prefix {
  std::uint32_t address = 0;
  int length = 0;
  friend bool operator==(const prefix&, const prefix&) = default;
};
struct prefix_hash {
  std::size_t operator()(const prefix& p) const noexcept {
    return std::size_t{p.address} << 6 | static_cast<std::size_t>(p.length);
  }
};

using routing_table = tandem::cell_index<prefix, route, prefix_hash, std::equal_to<prefix>>;

constexpr std::uint32_t mask(int length) { return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length); }

// The longest prefix that fits. One guard for all the lookups that this takes.
int gateway_for(const routing_table& table, std::uint32_t destination) {
  auto const routes = table.enter();
  for (int length : {24, 16, 8, 0}) {
    int gateway = -1;
    if (routes.visit(prefix{destination & mask(length), length},
                     [&](const prefix&, const route& r) { gateway = r.gateway; }) != 0) {
      return gateway;
    }
  }
  return -1;
}

}  // namespace

int main() {
  routing_table table;
  table.insert(prefix{0, 0}, route{"eth0", 1, 100});  // the default route
  for (std::uint32_t net = 0; net != 200; ++net) {
    table.insert(prefix{10U << 24 | net << 16, 16}, route{"eth1", static_cast<int>(net % 5) + 2, 10});
  }

  constexpr int thread_count = 4;
  std::atomic<bool> done{false};
  std::atomic<long> packets{0}, unroutable{0};
  {
    std::vector<std::jthread> forwarders;
    for (int t = 0; t != thread_count; ++t) {
      forwarders.emplace_back([&, t] {
        long sent = 0, lost = 0;
        for (std::uint32_t i = static_cast<std::uint32_t>(t); !done || sent < 1000; i += 7919) {
          lost += gateway_for(table, 10U << 24 | i % 65536 << 8 | 1) < 0;
          ++sent;
        }
        packets += sent;
        unroutable += lost;
      });
    }
    long changes = 0;
    for (int round = 0; round != 50; ++round) {
      for (std::uint32_t net = 0; net != 200; ++net) {
        prefix const p{10U << 24 | net << 16, 16};
        if (net % 3 == 0) {
          table.erase(p);  // withdrawn: packets take the default route, until it is back
          table.insert(p, route{"eth2", 3, 20});
          changes += 2;
        } else {
          table.update(p, [](route& r) { ++r.metric; });
          ++changes;
        }
      }
    }
    table.insert_or_assign(prefix{10U << 24 | 1U << 16, 16}, route{"eth3", 7, 5});
    done = true;
    forwarders.clear();
    std::cout << thread_count << " threads routed " << packets << " packets while " << changes << " routes changed\n";
  }
  std::cout << "unroutable: " << unroutable << '\n';
  if (auto const r = table.find(prefix{10U << 24 | 1U << 16, 16})) {
    std::cout << "10.1.0.0/16 goes to gateway " << r->second.gateway << " on " << r->second.interface << '\n';
  }
}
