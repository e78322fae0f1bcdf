// expect: a visitor is called with an element
#include <tandem/cell_map.hpp>

#include <string>

int main() {
  tandem::cell_map<std::string, int> map;
#ifndef CONTROL
  map.visit("a", [](std::string&) {});
#else
  map.visit("a", [](const std::string&, int&) {});
  map.visit("a", [](auto& element) { ++element.second; });
#endif
}
