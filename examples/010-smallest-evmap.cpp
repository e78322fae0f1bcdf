// prints: before: 0 towns.*after: 2 towns.*Oslo: 14\.5.*Lima: 19\.0 19\.5
//
// The smallest whole program with an evmap: one thread writes, any number of threads read and never wait for it.
//
// The one thing to remember: what you write is yours alone until you publish(). Then readers get all of it at once. That is
// what makes reading so cheap, and it is also the price.
#include <tandem/evmap.hpp>

#include <iomanip>
#include <iostream>
#include <string>

int main() {
  // Two handles to one map. Keep the writer where you write; give every reading thread its own reader (copy this one).
  auto [writer, reader] = tandem::make_evmap<std::string, double>();

  // A key has a bag of values: insert() adds one, it does not replace. (insert_or_assign() replaces.)
  writer.insert("Oslo", 14.5).insert("Lima", 19.0).insert("Lima", 19.5);
  std::cout << "before: " << reader.size() << " towns\n";

  writer.publish();
  std::cout << "after: " << reader.size() << " towns\n" << std::fixed << std::setprecision(1);

  // find() returns a guard. While it lives, the bag stays as it is, whatever the writer does meanwhile; so use it and let
  // it go. Keys may be looked up as string literals or string_views, and nothing is allocated for that.
  for (const char* town : {"Oslo", "Lima", "Atlantis"}) {
    if (auto temperatures = reader.find(town)) {
      std::cout << town << ':';
      for (double t : *temperatures) std::cout << ' ' << t;
      std::cout << '\n';
    }
  }
}
