// expect: a visitor is called with an element
// The elements of a const map are const, also where the visitor takes key and value.
#include <tandem/cell_map.hpp>

#include <utility>

int main() {
  tandem::cell_map<int, int> map;
#ifndef CONTROL
  std::as_const(map).visit_all([](const int&, int&) {});
#else
  std::as_const(map).visit_all([](const int&, const int&) {});
  map.visit_all([](const int&, int&) {});
#endif
}
