// prints: best bid 99, best ask 101.*quotes taken: [1-9][0-9]*, crossed: 0.*bids by price: 99x[0-9]+
//
// An order book: what is offered and wanted at each price, best price first. One thread changes it; others take quotes, without
// a lock and without holding it up. Both sides are trees; bids are sorted the other way round, so that the best is in front of
// both.
#include <tandem/tree_index.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <thread>
#include <utility>

namespace {

using price = std::int64_t;  // in cents
using amount = std::int64_t;

using ask_side = tandem::tree_index<price, amount>;
using bid_side = tandem::tree_index<price, amount, std::greater<price>>;

struct order_book {
  ask_side asks;
  bid_side bids;
};

// Adds to what is wanted or offered at a price; nothing left: the price goes.
template <class Side>
void add(Side& side, price at, amount n) {
  while (!side.update(at, [&](amount& there) { there += n; }) && !side.insert(at, n)) {
  }
  side.erase_if(at, [](amount there) { return there <= 0; });
}

// What it costs to buy n at once: walks up the asks.
price cost(const order_book& book, amount n) {
  price sum = 0;
  book.asks.visit_while([&](price at, amount there) {
    amount const taken = there < n ? there : n;
    sum += at * taken;
    n -= taken;
    return n > 0;
  });
  return sum;
}

}  // namespace

int main() {
  order_book book;
  for (price p = 1; p <= 50; ++p) {
    add(book.asks, 100 + p, 10 * p);
    add(book.bids, 100 - p, 10 * p);
  }
  std::atomic<bool> open{true};
  std::size_t quotes = 0, crossed = 0;
  std::thread market([&] {
    std::mt19937 random(1);
    for (int i = 0; i != 20'000; ++i) {
      price const away = 1 + static_cast<price>(random() % 50);
      amount const change = static_cast<amount>(random() % 21) - 10;
      if (random() % 2 == 0) {
        add(book.asks, 100 + away, change);
      } else {
        add(book.bids, 100 - away, change);
      }
    }
    add(book.asks, 101, 5);
    add(book.bids, 99, 5);
    open.store(false);
  });
  while (open.load() || quotes == 0) {
    auto const ask = book.asks.front();
    auto const bid = book.bids.front();
    if (ask && bid && bid.key() >= ask.key()) ++crossed;
    static_cast<void>(cost(book, 100));
    ++quotes;
  }
  market.join();
  std::cout << "best bid " << book.bids.front()->first << ", best ask " << book.asks.front()->first << '\n';
  std::cout << "quotes taken: " << quotes << ", crossed: " << crossed << '\n';
  std::cout << "bids by price:";
  for (auto&& [at, n] : book.bids.range(99, 94)) std::cout << ' ' << at << 'x' << n;
  std::cout << '\n';
}
