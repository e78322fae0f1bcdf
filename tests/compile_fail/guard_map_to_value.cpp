// expect: the projection must return a reference into the data, or a pointer
// A part that is returned by value is not in the data: nothing would keep it alive.
#include <tandem/left_right.hpp>

struct add {
  int n;
};
struct counter {
  int value = 0;
  void absorb_first(add& op, const counter&) { value += op.n; }
};

int main() {
  auto [writer, reader] = tandem::make_left_right<counter, add>();
#ifndef CONTROL
  auto const part = reader.enter().map([](const counter& c) { return c.value; });
#else
  auto const part = reader.enter().map([](const counter& c) -> const int& { return c.value; });
#endif
  return *part;
}
