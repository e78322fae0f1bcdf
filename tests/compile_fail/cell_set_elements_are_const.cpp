// expect: a visitor is called with an element
// A changed element would be in the wrong place.
#include <tandem/cell_set.hpp>

int main() {
  tandem::cell_set<int> set;
#ifndef CONTROL
  set.visit(1, [](int& key) { ++key; });
#else
  set.visit(1, [](const int&) {});
#endif
}
