// expect: deleted (function|copy constructor|constructor).*index_guard|call to implicitly-deleted copy constructor
// A guard pins its thread, and ends that once.
#include <tandem/cell_index.hpp>

#include <utility>

int main() {
  tandem::cell_index<int, int> index;
  auto guard = index.find(1);
#ifndef CONTROL
  auto copy = guard;
#else
  auto copy = std::move(guard);
#endif
  return copy ? 1 : 0;
}
