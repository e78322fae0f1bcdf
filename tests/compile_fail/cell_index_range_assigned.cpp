// expect: assignment of (member|read-only)|cannot assign to (return value|variable)
// What a range shows is a copy, or a version that others may be reading. Not even the copy can be assigned to: it would change
// nothing.
#include <tandem/cell_index.hpp>

int main() {
  tandem::cell_index<int, int> index;
  auto const all = index.enter();
  int sum = 0;
  for (auto&& element : all) {
#ifndef CONTROL
    element.second = 2;
#endif
    sum += element.second;
  }
  return sum;
}
