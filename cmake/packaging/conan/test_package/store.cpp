// A store is compiled and used: the header of xxHash is found.
#include <tandem/timed_store.hpp>

#include <sstream>

int main() {
  tandem::timed_store<> store;
  static_cast<void>(store.set("key", "value", 1));
  std::stringstream file;
  store.save(file);
  tandem::timed_store<> other;
  other.load(file);
  return other.get("key") == "value" ? 0 : 1;
}
