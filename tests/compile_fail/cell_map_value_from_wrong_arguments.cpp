// expect: no value can be made from these arguments
#include <tandem/cell_map.hpp>

#include <string>

int main() {
  tandem::cell_map<int, std::string> map;
#ifndef CONTROL
  map.try_emplace(1, 2.5, "text", 3);
#else
  map.try_emplace(1, "text", 3u);
#endif
}
