// expect: the last arguments of an _or_visit or _and_visit are its visitors
#include <tandem/cell_map.hpp>

int main() {
  tandem::cell_map<int, int> map;
#ifndef CONTROL
  map.try_emplace_or_visit(1);
#else
  map.try_emplace_or_visit(1, [](auto&) {});
#endif
}
