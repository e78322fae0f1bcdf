// expect: (void|type 'void')
// The value that a temporary entry makes is locked until the end of the expression only, so it is not returned.
#include <tandem/cell_map.hpp>

int main() {
  tandem::cell_map<int, int> map;
#ifndef CONTROL
  int& dangling = map.entry(1).or_emplace(1);
  return dangling;
#else
  auto entry = map.entry(1);
  int& value = entry.or_emplace(1);
  map.entry(2).or_emplace(2);
  return value;
#endif
}
