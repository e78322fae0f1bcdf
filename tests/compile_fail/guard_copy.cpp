// expect: deleted (copy constructor of|function .*basic_guard\(const )
// A guard is one stay of one reader; two of them need two calls of enter().
#include <tandem/left_right.hpp>

#include <utility>

struct add {
  int n;
};
struct counter {
  int value = 0;
  void absorb_first(add& op, const counter&) { value += op.n; }
};

int main() {
  auto [writer, reader] = tandem::make_left_right<counter, add>();
  auto guard = reader.enter();
#ifndef CONTROL
  auto copy = guard;
#else
  auto copy = std::move(guard);
#endif
  return copy->value;
}
