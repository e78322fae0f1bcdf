// expect: assignment of (member|read-only)|cannot assign to (return value|variable)
// Elements of an index are versions that others may be reading: update() makes a new one.
#include <tandem/cell_index.hpp>

int main() {
  tandem::cell_index<int, int> index;
  auto const found = index.find(1);
#ifndef CONTROL
  if (found) found->second = 2;
#else
  if (found) return found->second;
#endif
}
