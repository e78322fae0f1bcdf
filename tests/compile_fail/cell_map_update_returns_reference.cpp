// expect: the function returns a reference, which would be used after the element's lock has ended: return a value
#include <tandem/cell_map.hpp>

int main() {
  tandem::cell_map<int, int> map;
#ifndef CONTROL
  auto const n = map.update(1, [](int& value) -> int& { return ++value; });
#else
  auto const n = map.update(1, [](int& value) { return ++value; });
#endif
  return n.value_or(0);
}
