// expect: deleted (function .*operator\*\(\)|operator '\*')
// The reference would outlive the guard that keeps the element locked.
#include <tandem/cell_map.hpp>

#include <string>

int main() {
  tandem::cell_map<std::string, int> map;
#ifndef CONTROL
  const auto& dangling = *map.find("a");
  return dangling.second;
#else
  auto const guard = map.find("a");
  const auto& seen = *guard;
  return seen.second + map.find("a")->second;
#endif
}
