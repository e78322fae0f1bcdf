// prints: customers see tea at 3, the writer at 30.*refused: coffee costs 0.*customers see tea at 3 .*customers see tea at 4
//
// Look before you publish. The writer's preview() is the map as it is going to be, with every pending change in it, while
// readers still see the old one. So a whole batch can be checked as a whole, and dropped if it is wrong.
#include <tandem/evmap.hpp>

#include <algorithm>
#include <iostream>
#include <string>

namespace {

using prices = tandem::evmap<std::string, int>;

// Publishes the pending price list if it makes sense, and drops it otherwise. Readers never see a list that does not.
bool publish_if_sane(prices::writer& writer) {
  for (const auto& [article, bag] : writer.preview()) {
    if (std::any_of(bag.begin(), bag.end(), [](int price) { return price <= 0; })) {
      std::cout << "refused: " << article << " costs " << bag.front() << '\n';
      writer.discard_pending();
      return false;
    }
  }
  writer.publish();
  return true;
}

}  // namespace

int main() {
  auto [writer, reader] = tandem::make_evmap<std::string, int>();
  writer.insert_or_assign("tea", 3).insert_or_assign("coffee", 5).publish();

  // Somebody's new list, with a slip of the keyboard in it.
  writer.insert_or_assign("tea", 30).insert_or_assign("coffee", 0);
  std::cout << "customers see tea at " << reader.get("tea").value_or(-1) << ", the writer at "
            << *writer.preview().find_one("tea") << '\n';
  publish_if_sane(writer);
  std::cout << "customers see tea at " << reader.get("tea").value_or(-1) << " as before\n";

  // The corrected one goes through. preview() has already done most of publish()'s work, so nothing is done twice.
  writer.insert_or_assign("tea", 4).insert_or_assign("coffee", 6);
  publish_if_sane(writer);
  std::cout << "customers see tea at " << reader.get("tea").value_or(-1) << " now\n";
}
