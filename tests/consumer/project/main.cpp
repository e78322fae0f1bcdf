// Publishes in one translation unit and reads in another.
#include <cstdio>
#include <tandem/tandem.hpp>
#include <thread>

#include "other.hpp"

int main() {
  auto [writer, reader] = tandem::make_evmap<int, int>();
  writer.insert(1, 42);
  writer.publish();

  bool found = false;
  std::thread([&found, r = reader] { found = holds(r, 1, 42); }).join();
  if (!found) {
    std::puts("the other translation unit does not see what was published");
    return 1;
  }
  std::printf("tandem %d.%d.%d\n", tandem::version.major_number, tandem::version.minor_number,
              tandem::version.patch_number);
}
