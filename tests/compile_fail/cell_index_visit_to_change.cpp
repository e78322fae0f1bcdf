// expect: a visitor is called with an element
// visit() shows; update() changes.
#include <tandem/cell_index.hpp>

#include <utility>

int main() {
  tandem::cell_index<int, int> index;
#ifndef CONTROL
  index.visit(1, [](std::pair<const int, int>& element) { ++element.second; });
#else
  index.visit(1, [](const std::pair<const int, int>&) {});
#endif
}
