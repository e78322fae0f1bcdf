// expect: deleted function|attempt to use a deleted function|overload resolution selected deleted operator|call to deleted
// The element may be freed when the guard has ended, which a temporary has at the end of the line.
#include <tandem/cell_index.hpp>

#include <string>

int main() {
  tandem::cell_index<int, std::string> index;
#ifndef CONTROL
  auto const& element = *index.find(1);
  return static_cast<int>(element.second.size());
#else
  auto const found = index.find(1);
  return found ? static_cast<int>((*found).second.size()) : 0;
#endif
}
