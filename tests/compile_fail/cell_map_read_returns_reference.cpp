// expect: the function returns a reference, which would be used after the element's lock has ended: return a value
#include <tandem/cell_map.hpp>

#include <string>

int main() {
  tandem::cell_map<int, std::string> map;
#ifndef CONTROL
  auto const text = map.read(1, [](const std::string& s) -> const std::string& { return s; });
#else
  auto const text = map.read(1, [](const std::string& s) { return s; });
#endif
  return text ? 1 : 0;
}
