// The cell table under the model checker: small programs of whole operations. What it stands on is in sync_model.cpp.
//
// A table of two or four cells with one or two slots each. The hash of a key is the key itself, so programs choose their
// cells. Threads begin at a table that is prepared as far as possible, often with a resize under way, so that few steps
// remain.
#include "model/cell_surroundings.hpp"
#include "support/catch.hpp"

#include <tandem/cell/element.hpp>
#include <tandem/cell/table.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace {

namespace model = tandem::model;
using model::allocator;
using model::check;
using model::execution_epoch;
using model::explore;
using model::high;
using model::key;
using model::low;
using model::number_of;
using model::program;
using model::require_searched;
using model::same_hash;
using model::saw;
using model::search_partly;
using model::surroundings;

// Has a state that comparisons read, and a swap of tables writes.
struct same_key {
  model::plain<int> state;
  bool operator()(std::uint64_t a, std::uint64_t b) const { return state.read() == 0 && a == b; }
};

// Two numbers that are equal in every state that a reader may see.
struct twins {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};
// A number that is not atomic.
struct single {
  explicit single(std::uint64_t n = 0) : number(n) {}
  single(single&& other) noexcept : number(std::move(other.number)) {}
  single& operator=(single&&) = delete;
  model::plain<std::uint64_t> number;
};

// Two kinds of values: copied by readers as words, and read under the lock.
struct copied {
  static constexpr bool optimistic = true;
  using value = twins;
  static value make(std::uint64_t n) { return {n, n}; }
  static std::uint64_t get(const value& v) {
    check(v.first == v.second, "half a value");
    return v.first;
  }
  static void set(value& v, std::uint64_t n) { v = {n, n}; }
};
struct locked {
  static constexpr bool optimistic = false;
  using value = single;
  static value make(std::uint64_t n) { return single(n); }
  static std::uint64_t get(const value& v) { return v.number.read(); }
  static void set(value& v, std::uint64_t n) { v.number.write(n); }
};

}  // namespace

template <>
inline constexpr bool tandem::is_plain_data<twins> = true;

namespace {

using tandem::cell::access;
using tandem::cell::ignore;

// A table with the operations of the programs.
template <class Kind, std::size_t Slots = 2, std::size_t Moves = 4>
class tested_table {
  struct options : model::table_options<Slots, Moves> {
    static constexpr bool optimistic_reads = Kind::optimistic;
  };
  using element = tandem::cell::map_element<std::uint64_t, typename Kind::value>;
  using table_type =
      tandem::cell::table<element, same_hash, same_key, allocator<typename element::value_type>, options>;
  using value_type = typename element::value_type;
  static_assert(table_type::copies == Kind::optimistic);

 public:
  static constexpr std::uint64_t none = 999;

  tested_table() = default;
  // Room for so many elements.
  explicit tested_table(std::size_t n) : table_(n, {}, {}, {}) {}

  bool insert(std::uint64_t k, std::uint64_t n) {
    return table_.emplace(look_for(k), ignore(), ignore(), k, Kind::make(n));
  }
  bool erase(std::uint64_t k) {
    return table_.erase_if(look_for(k), [](const value_type&) { return true; }) == 1;
  }
  // `none` if it is not there.
  std::uint64_t peek(std::uint64_t k) const {
    std::uint64_t seen = none;
    table_.peek(look_for(k), [&](const value_type& v) { seen = read(k, v); });
    return seen;
  }
  bool update(std::uint64_t k, auto change) {
    return table_.template visit<access::exclusive>(
               look_for(k), [&](value_type& v) { Kind::set(v.second, change(read(k, v))); }) == 1;
  }
  template <access A>
  auto hold(std::uint64_t k) {
    return table_.template hold<A>(look_for(k));
  }
  // How often a scan comes to `k`.
  int count_in_scan(std::uint64_t k) const {
    int times = 0;
    table_.template scan<access::shared>([&](const value_type& v) {
      static_cast<void>(Kind::get(v.second));
      if (v.first == k) ++times;
      return true;
    });
    return times;
  }

  // Begins a resize that has nothing done: for main. There must be two cells, or, to shrink, four.
  void begin_resize(std::size_t room) {
    const auto first = table_.hold_entry(look_for(key(0, 99)));
    const auto second = table_.hold_entry(look_for(key(4, 99)));
    if (room > table_.bucket_count()) {
      table_.reserve(room);
    } else {
      table_.rehash(room);
    }
    check(table_.stats().moving && table_.stats().moved == 0, "not prepared");
  }
  void begin_growing() { begin_resize(4 * Slots); }
  void begin_shrinking() { begin_resize(2 * Slots); }
  // Moves what nobody is in the way of, as every write does.
  void move() { check(!erase(key(7, 98)), "never there"); }
  bool is_moving() const { return table_.stats().moving; }

  table_type& raw() { return table_; }

 private:
  static tandem::detail::prehashed<std::uint64_t> look_for(const std::uint64_t& k) { return {k, same_hash()(k)}; }
  static std::uint64_t read(std::uint64_t k, const value_type& v) {
    check(v.first == k, "another key");
    const std::uint64_t n = Kind::get(v.second);
    // The key's own number, and not that of one which had the slot before.
    check(n / 100 == (k & 0xff), "another key's value");
    return n;
  }

  table_type table_;
};

// ---- Within one array.

TEMPLATE_TEST_CASE("of two inserts of one key one wins", "[model][cell_table]", copied, locked) {
  const auto run = [](bool prepared) {
    return [prepared](program& p) {
      surroundings here(2);
      tested_table<TestType> t(prepared ? 4 : 0);
      bool won[2] = {};
      p.thread("one", [&] { won[0] = t.insert(low, number_of(low, 1)); });
      p.thread("two", [&] { won[1] = t.insert(low, number_of(low, 2)); });
      p.run();
      check(won[0] != won[1], "not exactly one winner");
      check(t.peek(low) == number_of(low, won[0] ? 1 : 2) && t.raw().size() == 1, "not the winner's");
      saw(won[0] ? "one" : "two");
    };
  };
  require_searched("prepared", explore({}, run(true)), {"one", "two"});
  require_searched("the first array is made", explore({}, run(false)), {"one", "two"});
}

TEMPLATE_TEST_CASE("an insert and an erase of one key come one after the other", "[model][cell_table]", copied,
                   locked) {
  require_searched("insert and erase",
                   explore({},
                           [](program& p) {
                             surroundings here(2);
                             tested_table<TestType> t(4);
                             bool erased = false;
                             p.thread("inserts", [&] { check(t.insert(low, number_of(low)), "there already"); });
                             p.thread("erases", [&] { erased = t.erase(low); });
                             p.run();
                             check((t.peek(low) == t.none) == erased && t.raw().size() == (erased ? 0U : 1U),
                                   "lost, or erased and there");
                             saw(erased ? "erased" : "left");
                           }),
                   {"erased", "left"});
}

TEMPLATE_TEST_CASE("of two erases of one key one wins", "[model][cell_table]", copied, locked) {
  require_searched("two erases",
                   explore({},
                           [](program& p) {
                             surroundings here(2);
                             tested_table<TestType> t(4);
                             t.insert(low, number_of(low));
                             bool won[2] = {};
                             p.thread("one", [&] { won[0] = t.erase(low); });
                             p.thread("two", [&] { won[1] = t.erase(low); });
                             p.run();
                             check(won[0] != won[1] && t.raw().size() == 0, "not exactly one winner");
                           }),
                   {});
}

TEMPLATE_TEST_CASE("updates are not lost", "[model][cell_table]", copied, locked) {
  require_searched("two updates",
                   explore({},
                           [](program& p) {
                             surroundings here(2);
                             tested_table<TestType> t(4);
                             t.insert(low, number_of(low));
                             const auto increment = [&] {
                               check(t.update(low, [](auto n) { return n + 1; }), "not there");
                             };
                             p.thread("one", increment);
                             p.thread("two", increment);
                             p.run();
                             check(t.peek(low) == number_of(low, 2), "an update is lost");
                           }),
                   {});
}

TEMPLATE_TEST_CASE("a reader sees no half of an update", "[model][cell_table]", copied, locked) {
  const auto run = [](unsigned updates) {
    return [updates](program& p) {
      surroundings here(2);
      tested_table<TestType> t(4);
      t.insert(low, number_of(low));
      p.thread("writer", [&] {
        for (unsigned i = 0; i != updates; ++i) t.update(low, [](auto n) { return n + 1; });
      });
      p.thread("reader", [&] {
        const auto seen = t.peek(low);
        check(seen != t.none, "not there");
        if (seen == number_of(low)) saw("before");
        if (seen == number_of(low, updates)) saw("after");
      });
      p.run();
    };
  };
  require_searched("one update", explore({}, run(1)), {"before", "after"});
  search_partly("two updates", 1, run(2), {"before", "after"});
}

TEMPLATE_TEST_CASE("a reader sees no element in the slot of another", "[model][cell_table]", copied, locked) {
  // The same cell, slot and tag: only the comparison tells them apart.
  constexpr std::uint64_t other = low | 1 << 16;
  search_partly("erase, insert and peek", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType, 1> t(2);
                  t.insert(low, number_of(low, 1));
                  p.thread("writer", [&] {
                    t.erase(low);
                    t.insert(other, number_of(other, 2));
                  });
                  p.thread("reader", [&] {
                    const auto seen = t.peek(low);
                    check(seen == t.none || seen == number_of(low, 1), "another key's value");
                    saw(seen == t.none ? "gone" : "there");
                  });
                  p.run();
                },
                {"gone", "there"});
}

TEMPLATE_TEST_CASE("who misses an element misses those that were erased before it", "[model][cell_table]", copied,
                   locked) {
  constexpr std::uint64_t other = key(5, 3);
  search_partly("erase, erase, insert", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType, 1> t(2);
                  t.insert(low, number_of(low));
                  t.insert(high, number_of(high));
                  p.thread("writer", [&] {
                    t.erase(low);
                    t.erase(high);
                    // Into the slot of the last, with another tag.
                    t.insert(other, number_of(other));
                  });
                  p.thread("reader", [&] {
                    if (t.peek(high) != t.none) return;
                    check(t.peek(low) == t.none, "erased before the other, and still there");
                    saw("both gone");
                  });
                  p.run();
                },
                {"both gone"});
}

// ---- Overflow blocks.

TEMPLATE_TEST_CASE("a key in an overflow block is found beside another that comes there", "[model][cell_table]", copied,
                   locked) {
  constexpr std::uint64_t second = key(1, 3);
  require_searched("insert into a block and peek",
                   explore({},
                           [](program& p) {
                             surroundings here(2);
                             // One slot for each cell and block. Room for four, so that it does not grow.
                             tested_table<TestType, 1> t(2);
                             t.insert(low, number_of(low));
                             p.thread("writer", [&] { check(t.insert(second, number_of(second)), "there already"); });
                             p.thread("reader", [&] {
                               if (t.peek(second) == number_of(second)) saw("found");
                             });
                             p.run();
                             check(t.peek(second) == number_of(second), "lost");
                           }),
                   {"found"});
}

// Three keys of one cell with one slot: the first is there, the others are in blocks. The last two look alike.
constexpr std::uint64_t in_block = key(1, 3);
constexpr std::uint64_t in_next_block = key(1, 3 + 64);

TEMPLATE_TEST_CASE("a reader sees no half of an update in an overflow block", "[model][cell_table]", copied, locked) {
  require_searched("update and peek",
                   explore({},
                           [](program& p) {
                             surroundings here(2);
                             tested_table<TestType, 1> t(4);
                             t.insert(low, number_of(low));
                             t.insert(in_block, number_of(in_block));
                             p.thread("writer", [&] { t.update(in_block, [](auto n) { return n + 1; }); });
                             p.thread("reader", [&] {
                               const auto seen = t.peek(in_block);
                               check(seen != t.none, "not there");
                               saw(seen == number_of(in_block) ? "before" : "after");
                             });
                             p.run();
                           }),
                   {"before", "after"});
}

TEMPLATE_TEST_CASE("a block is made when it is found behind another", "[model][cell_table]", copied, locked) {
  require_searched("insert and peek",
                   explore({},
                           [](program& p) {
                             surroundings here(2);
                             tested_table<TestType, 1> t(4);
                             t.insert(low, number_of(low));
                             t.insert(in_block, number_of(in_block));
                             p.thread("writer", [&] { t.insert(in_next_block, number_of(in_next_block)); });
                             p.thread("reader", [&] { saw(t.peek(in_next_block) == t.none ? "before" : "after"); });
                             p.run();
                             check(t.peek(in_next_block) == number_of(in_next_block), "lost");
                           }),
                   {"before", "after"});
}

// ---- While elements are being moved.

// A table that is about to grow from two cells to four, or to shrink from four to two, with these two keys.
template <class Table>
void prepare_growing(Table& t) {
  t.insert(low, number_of(low));
  t.insert(high, number_of(high));
  t.begin_growing();
}
template <class Table>
void prepare_shrinking(Table& t) {
  t.insert(low, number_of(low));
  t.insert(high, number_of(high));
  t.begin_shrinking();
}

// What holds after every program with a resize, whose threads may have left something for later.
template <class Table>
void finish(Table& t) {
  saw(t.is_moving() ? "left for later" : "moved");
  if (t.is_moving()) t.move();
  if (t.is_moving()) t.move();
  check(!t.is_moving(), "never moved");
}

TEMPLATE_TEST_CASE("a key that stays is found while the table grows", "[model][cell_table]", copied, locked) {
  const auto run = [](bool heavy) {
    model::options o;
    o.heavy_barrier = heavy;
    search_partly(
        heavy ? "heavy barriers" : "no heavy barriers", 1,
        [](program& p) {
          surroundings here(2);
          tested_table<TestType> t(4);
          prepare_growing(t);
          p.thread("mover", [&] { t.move(); });
          p.thread("reader", [&] { check(t.peek(low) == number_of(low), "lost"); });
          p.run();
          finish(t);
          check(t.peek(low) == number_of(low) && t.peek(high) == number_of(high) && t.raw().size() == 2, "lost");
        },
        {"moved"}, o);
  };
  run(true);
  run(false);
}

TEMPLATE_TEST_CASE("a key that stays is found while the table shrinks", "[model][cell_table]", copied, locked) {
  search_partly("shrink", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType> t(8);
                  prepare_shrinking(t);
                  p.thread("mover", [&] { t.move(); });
                  p.thread("reader", [&] { check(t.peek(low) == number_of(low), "lost"); });
                  p.run();
                  finish(t);
                  check(t.peek(low) == number_of(low) && t.peek(high) == number_of(high) && t.raw().size() == 2,
                        "lost");
                },
                {"moved"});
}

TEMPLATE_TEST_CASE("a key in an overflow block is found while it is moved", "[model][cell_table]", copied, locked) {
  // The table shrinks from four cells to two of one slot: the second key has to go to a block.
  constexpr std::uint64_t second = key(2, 3);
  search_partly("shrink", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType, 1> t(4);
                  t.insert(low, number_of(low));
                  t.insert(second, number_of(second));
                  t.begin_shrinking();
                  p.thread("mover", [&] { t.move(); });
                  p.thread("reader", [&] { check(t.peek(second) == number_of(second), "lost"); });
                  p.run();
                  finish(t);
                  check(t.peek(low) == number_of(low) && t.peek(second) == number_of(second), "lost");
                },
                {"moved"});
}

TEMPLATE_TEST_CASE("writers that move elements lose none", "[model][cell_table]", copied, locked) {
  search_partly("two inserts", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType, 2, 1> t(4);
                  prepare_growing(t);
                  p.thread("one", [&] { check(t.insert(key(1, 3), number_of(key(1, 3))), "there already"); });
                  p.thread("two", [&] { check(t.insert(key(5, 4), number_of(key(5, 4))), "there already"); });
                  p.run();
                  finish(t);
                  for (const std::uint64_t k : {low, high, key(1, 3), key(5, 4)})
                    check(t.peek(k) == number_of(k), "lost");
                  check(t.raw().size() == 4 && t.raw().stats().resizes == 1, "not moved once");
                },
                {"moved"});
}

TEMPLATE_TEST_CASE("a resize that one thread begins goes on in another", "[model][cell_table]", copied, locked) {
  constexpr std::uint64_t too_many = key(1, 3);
  search_partly("insert and move", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType, 1> t(2);
                  t.insert(low, number_of(low));
                  t.insert(high, number_of(high));
                  p.thread("begins", [&] { t.insert(too_many, number_of(too_many)); });
                  p.thread("goes on", [&] {
                    t.move();
                    check(t.peek(low) == number_of(low), "lost");
                  });
                  p.run();
                  check(t.raw().stats().cells == 4, "not begun");
                  finish(t);
                  for (const std::uint64_t k : {low, high, too_many}) check(t.peek(k) == number_of(k), "lost");
                },
                {"moved", "left for later"});
}

TEMPLATE_TEST_CASE("two threads move a table together", "[model][cell_table]", copied, locked) {
  search_partly("two movers", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType> t(4);
                  prepare_growing(t);
                  p.thread("one", [&] { t.move(); });
                  p.thread("two", [&] { t.move(); });
                  p.run();
                  finish(t);
                  check(t.peek(low) == number_of(low) && t.peek(high) == number_of(high), "lost");
                  check(t.raw().stats().resizes == 1, "not moved once");
                },
                {"moved"});
}

TEMPLATE_TEST_CASE("updates are not lost while elements are moved", "[model][cell_table]", copied, locked) {
  search_partly("update and move", TestType::optimistic ? 1 : 2,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType> t(4);
                  prepare_growing(t);
                  p.thread("mover", [&] { t.move(); });
                  p.thread("writer", [&] { check(t.update(low, [](auto n) { return n + 1; }), "not there"); });
                  p.run();
                  finish(t);
                  check(t.peek(low) == number_of(low, 1), "an update is lost");
                },
                {"moved", "left for later"});
}

TEMPLATE_TEST_CASE("of two erases one wins while elements are moved", "[model][cell_table]", copied, locked) {
  search_partly("erase and erase", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType> t(4);
                  prepare_growing(t);
                  bool won[2] = {};
                  p.thread("one", [&] { won[0] = t.erase(low); });
                  p.thread("two", [&] { won[1] = t.erase(low); });
                  p.run();
                  check(won[0] != won[1] && t.raw().size() == 1, "not exactly one winner");
                  finish(t);
                  check(t.peek(low) == t.none && t.peek(high) == number_of(high), "erased and there, or lost");
                },
                {"moved"});
}

TEMPLATE_TEST_CASE("a scan comes to a key once while the table grows", "[model][cell_table]", copied, locked) {
  search_partly("scan and move", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType> t(4);
                  prepare_growing(t);
                  p.thread("mover", [&] { t.move(); });
                  p.thread("scans", [&] { check(t.count_in_scan(high) == 1, "not visited once"); });
                  p.run();
                  finish(t);
                },
                {"moved", "left for later"});
}

TEMPLATE_TEST_CASE("a scan comes to a key once while the table shrinks", "[model][cell_table]", copied, locked) {
  // In the second cell of four, so that a scan may come to the cell that both become when it has been in the first.
  constexpr std::uint64_t second = key(2, 3);
  search_partly("scan and move", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType> t(8);
                  t.insert(low, number_of(low));
                  t.insert(second, number_of(second));
                  t.begin_shrinking();
                  p.thread("mover", [&] { t.move(); });
                  p.thread("scans", [&] { check(t.count_in_scan(low) == 1, "not visited once"); });
                  p.run();
                  finish(t);
                },
                {"moved", "left for later"});
}

TEMPLATE_TEST_CASE("a guard keeps its element where it is", "[model][cell_table]", copied, locked) {
  search_partly("guard and move", TestType::optimistic ? 1 : 2,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType> t(4);
                  prepare_growing(t);
                  p.thread("mover", [&] { t.move(); });
                  p.thread("holder", [&] {
                    const auto held = t.template hold<access::shared>(low);
                    check(static_cast<bool>(held), "lost");
                    check(TestType::get(held.value().second) == number_of(low), "another value");
                    check(TestType::get(held.value().second) == number_of(low), "changed under a guard");
                  });
                  p.run();
                  finish(t);
                  check(t.peek(low) == number_of(low), "lost");
                },
                {"moved", "left for later"});
}

// ---- Whole tables.

TEMPLATE_TEST_CASE("a swap leaves the elements of a writer whole", "[model][cell_table]", copied, locked) {
  search_partly("swap and insert", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType> t(4);
                  tested_table<TestType> other;
                  t.insert(low, number_of(low));
                  p.thread("swaps", [&] { t.raw().swap(other.raw()); });
                  p.thread("inserts", [&] { t.insert(high, number_of(high)); });
                  p.run();
                  check(other.peek(low) == number_of(low), "lost");
                  check((t.peek(high) == number_of(high)) != (other.peek(high) == number_of(high)),
                        "not in one of the two");
                  check(t.raw().size() + other.raw().size() == 2, "not counted");
                  saw(t.peek(high) == t.none ? "before" : "after");
                },
                {"before", "after"});
}

TEMPLATE_TEST_CASE("a reader beside a swap finds the one table or the other", "[model][cell_table]", copied, locked) {
  const auto run = [](bool filled) {
    return [filled](program& p) {
      surroundings here(2);
      tested_table<TestType> t(4);
      tested_table<TestType> other;
      t.insert(low, number_of(low));
      if (filled) other.insert(low, number_of(low, 1));
      const auto others = filled ? number_of(low, 1) : t.none;
      p.thread("swaps", [&] { t.raw().swap(other.raw()); });
      p.thread("reader", [&] {
        const auto seen = t.peek(low);
        check(seen == number_of(low) || seen == others, "in neither");
        saw(seen == others ? "after" : "before");
      });
      p.run();
      check(t.peek(low) == others && other.peek(low) == number_of(low), "lost");
    };
  };
  search_partly("with an empty table", 1, run(false), {"before", "after"});
  search_partly("with another one", 1, run(true), {"before", "after"});
}

TEMPLATE_TEST_CASE("a swap loses no array that waits to be freed", "[model][cell_table]", copied, locked) {
  search_partly("swap and insert", TestType::optimistic ? 1 : 2,
                [](program& p) {
                  surroundings here(2);
                  tested_table<TestType, 1> t(2);
                  tested_table<TestType, 1> other;
                  t.insert(low, number_of(low));
                  t.begin_growing();
                  {
                    const auto pinned = execution_epoch::now->enter();
                    t.move();
                  }
                  p.thread("swaps", [&] { t.raw().swap(other.raw()); });
                  // Its cell is full, so it looks after the table, and frees the array that was left.
                  p.thread("inserts", [&] { t.insert(key(1, 3), number_of(key(1, 3))); });
                  p.run();
                  check(other.peek(low) == number_of(low), "lost");
                },
                {});
}

TEMPLATE_TEST_CASE("who looks at a table's shape does not see what takes its contents end", "[model][cell_table]",
                   copied, locked) {
  using table = tested_table<TestType>;
  const auto run = [](auto take) {
    return [take](program& p) {
      surroundings here(2);
      table t(4);
      const auto room = t.raw().bucket_count();
      p.thread("takes", [&] { take(t.raw()); });
      p.thread("looks", [&] {
        const auto seen = t.raw().bucket_count();
        check(seen == 0 || seen == room, "an array that has been freed");
        saw(seen == 0 ? "after" : "before");
      });
      p.run();
    };
  };
  search_partly("swapped", 1, run([](auto& from) {
                  table to;
                  to.raw().swap(from);
                }),
                {"before", "after"});
  search_partly("assigned", 1, run([](auto& from) {
                  table to;
                  to.raw().template assign<false>(from);
                }),
                {"before", "after"});
  search_partly("constructed", 1,
                run([](auto& from) { const std::remove_reference_t<decltype(from)> to(std::move(from)); }),
                {"before", "after"});
}

// ---- Arrays alone.

template <class Kind>
class two_arrays {
  struct options : model::table_options<1, 1> {
    static constexpr bool optimistic_reads = Kind::optimistic;
  };
  using element = tandem::cell::map_element<std::uint64_t, typename Kind::value>;
  using value_type = typename element::value_type;
  using array = tandem::cell::cell_array<element, allocator<value_type>, tandem::cell::locked<model::atomics>, options>;
  using slot = typename array::slot;

 public:
  using moved = typename array::moved;

  two_arrays(std::size_t cells, std::size_t other_cells)
      : from_(array::make(allocator_, cells, nullptr)), to_(array::make(allocator_, other_cells, from_)) {}
  two_arrays(const two_arrays&) = delete;
  two_arrays& operator=(const two_arrays&) = delete;
  // Everything must have been moved.
  ~two_arrays() {
    for (std::size_t i = 0; i != to_->size(); ++i) array::clear(allocator_, (*to_)[i]);
    array::dispose(to_, true);
    array::dispose(from_, false);
  }

  void insert(std::uint64_t k) {
    const std::size_t hash = same_hash()(k);
    from_->insert(allocator_, from_->at_hash(hash), hash, k, Kind::make(number_of(k)));
  }
  moved move(std::size_t group) {
    return from_->move_group(*to_, group, [](const slot& s) { return same_hash()(slot::key(s)); });
  }
  // What the table does: the old cell counts until it is closed. False: not now.
  bool find(std::uint64_t k) {
    for (array* const in : {from_, to_}) {
      const auto cell = in->at_hash(same_hash()(k));
      const auto outcome = cell.at->lock.attempt_shared(false);
      if (outcome == tandem::lock_attempt::closed) continue;
      if (outcome == tandem::lock_attempt::busy) return false;
      const auto matches = [&](const slot& s) { return slot::key(s) == k; };
      auto found = array::find(cell, same_hash()(k), matches);
      if (!found && array::has_overflown(cell, same_hash()(k))) {
        found = array::find_in_blocks(cell, same_hash()(k), matches);
      }
      check(static_cast<bool>(found), "lost");
      slot::look(*found.at, [&](const value_type& v) { check(Kind::get(v.second) == number_of(k), "another value"); });
      cell.at->lock.unlock_shared();
      saw(in == from_ ? "found before" : "found after");
      return true;
    }
    check(false, "in neither array");
    return false;
  }

 private:
  allocator<value_type> allocator_;
  array* from_;
  array* to_;
};

TEMPLATE_TEST_CASE("a key is in one of two arrays at any time", "[model][cell_table]", copied, locked) {
  const auto run = [](std::size_t cells, std::size_t other_cells, std::uint64_t second) {
    return [=](program& p) {
      surroundings here(2);
      two_arrays<TestType> arrays(cells, other_cells);
      arrays.insert(low);
      arrays.insert(second);
      using moved = typename two_arrays<TestType>::moved;
      p.thread("mover", [&] { saw(arrays.move(0) == moved::now ? "moved" : "not now"); });
      p.thread("reader", [&] {
        if (!arrays.find(second)) saw("busy");
      });
      p.run();
      arrays.move(0);
      check(arrays.move(1) == moved::now && arrays.move(0) == moved::before, "not moved once");
      check(arrays.find(low) && arrays.find(second), "lost");
    };
  };
  const auto must = {"moved", "not now", "busy", "found before", "found after"};
  require_searched("growing", explore({}, run(2, 4, key(2, 3))), must);
  require_searched("growing, from a block to a block", explore({}, run(2, 4, key(1, 3))), must);
  require_searched("shrinking, to a block", explore({}, run(4, 2, key(2, 3))), must);
}

TEMPLATE_TEST_CASE("a group is moved by one thread", "[model][cell_table]", copied, locked) {
  const auto run = [](std::size_t cells, std::size_t other_cells) {
    return [=](program& p) {
      surroundings here(2);
      two_arrays<TestType> arrays(cells, other_cells);
      arrays.insert(low);
      using moved = typename two_arrays<TestType>::moved;
      moved outcomes[2];
      p.thread("one", [&] { outcomes[0] = arrays.move(0); });
      p.thread("two", [&] {
        outcomes[1] = arrays.move(0);
        if (outcomes[1] == moved::before) static_cast<void>(arrays.find(low));
      });
      p.run();
      check(outcomes[0] != outcomes[1] || outcomes[0] == moved::not_now, "moved twice");
      if (outcomes[0] == moved::not_now && outcomes[1] == moved::now) saw("not now");
      arrays.move(0);
      arrays.move(1);
      check(arrays.find(low), "lost");
    };
  };
  require_searched("growing", explore({}, run(2, 4)), {"not now"});
  require_searched("shrinking", explore({}, run(4, 2)), {"not now"});
}

}  // namespace
