// expect: deleted (function .*operator\*\(\)|operator '\*')
// The reference would outlive the guard that keeps the side alive.
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
  const counter& dangling = *reader.enter();
  return dangling.value;
#else
  auto const guard = reader.enter();
  const counter& seen = *guard;
  return seen.value + reader.enter()->value;
#endif
}
