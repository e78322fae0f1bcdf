// expect: deleted (copy constructor of|function .*writer\(const )
// There is one writer.
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
#ifndef CONTROL
  auto second = writer;
#else
  auto second = std::move(writer);
  auto copied_reader = reader;
  return copied_reader.enter()->value + static_cast<int>(second.version());
#endif
}
