// expect: deleted (function|copy constructor|constructor).*element_guard|call to implicitly-deleted copy constructor
// A guard holds one lock, and ends it once.
#include <tandem/cell_map.hpp>

#include <utility>

int main() {
  tandem::cell_map<int, int> map;
  auto guard = map.find_exclusive(1);
#ifndef CONTROL
  auto copy = guard;
#else
  auto copy = std::move(guard);
#endif
  return copy ? 1 : 0;
}
