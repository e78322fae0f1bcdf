// expect: a visitor is called with an element
// cvisit lets others in at the same time: its visitor must not change the element.
#include <tandem/cell_map.hpp>

#include <string>
#include <utility>

int main() {
  tandem::cell_map<std::string, int> map;
  using element = std::pair<const std::string, int>;
#ifndef CONTROL
  map.cvisit("a", [](element&) {});
#else
  map.cvisit("a", [](const element&) {});
  map.visit("a", [](element&) {});
#endif
}
