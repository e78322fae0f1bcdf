// expect: T must have absorb_first\(Op&, const T& other\)
#include <tandem/left_right.hpp>

struct add {
  int n;
};
struct counter {
  int value = 0;
#ifndef CONTROL
  void apply(add& op, const counter&) { value += op.n; }
#else
  void absorb_first(add& op, const counter&) { value += op.n; }
#endif
};

using shared_counter = tandem::left_right<counter, add>;

int main() {
  shared_counter::guard const guard;
  return guard ? 1 : 0;
}
