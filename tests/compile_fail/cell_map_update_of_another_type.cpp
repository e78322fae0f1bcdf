// expect: the function is called with the value, T&, or with \(const Key&, T&\)
#include <tandem/cell_map.hpp>

#include <string>

int main() {
  tandem::cell_map<int, int> map;
#ifndef CONTROL
  map.update(1, [](std::string&) {});
#else
  map.update(1, [](int&) {});
#endif
}
