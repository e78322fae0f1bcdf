// expect: no match for .*operator=|no viable overloaded '='
// The same for an element that is a node, and by way of the guard's value.
#include <tandem/cell_index.hpp>

#include <string>

int main() {
  tandem::cell_index<int, std::string> index;
  auto const found = index.find(1);
#ifndef CONTROL
  if (found) found.value() = "another";
#else
  if (found) return static_cast<int>(found.value().size());
#endif
}
