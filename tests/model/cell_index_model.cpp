// The table of cell_index under the model checker: readers who take no lock beside writers who do. What both stand on is in
// sync_model.cpp, what writers do to each other in cell_table_model.cpp.
//
// A table of two or four cells with one or two slots each. The hash of a key is the key itself, so programs choose their
// cells. Each program runs with pairs in words and with nodes, which are plain data: a node that is read and freed by threads
// that do not know of each other is a race.
#include "model/cell_surroundings.hpp"
#include "support/catch.hpp"

#include <tandem/cell/element.hpp>
#include <tandem/cell/index_guards.hpp>
#include <tandem/cell/index_table.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
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
using tandem::cell::ignore;

// A number that is not atomic.
struct single {
  explicit single(std::uint64_t n = 0) : number(n) {}
  model::plain<std::uint64_t> number;
};

// Two kinds of elements.
struct pairs {
  using value = std::uint64_t;
  static value make(std::uint64_t n) { return n; }
  static std::uint64_t get(value v) { return v; }
  static void set(value& v, std::uint64_t n) { v = n; }
};
struct nodes {
  using value = single;
  static value make(std::uint64_t n) { return single(n); }
  static std::uint64_t get(const value& v) { return v.number.read(); }
  static void set(value& v, std::uint64_t n) { v.number.write(n); }
};

template <class Kind>
using element_of = tandem::cell::map_element<std::uint64_t, typename Kind::value>;

template <std::size_t Slots, std::size_t Moves>
struct index_options : model::table_options<Slots, Moves> {
  static constexpr bool optimistic_reads = true;
};

template <class Kind, std::size_t Slots, std::size_t Moves>
using table_of =
    tandem::cell::index_table<element_of<Kind>, same_hash, std::equal_to<std::uint64_t>,
                              allocator<typename element_of<Kind>::value_type>, index_options<Slots, Moves>>;

// A table with the operations of the programs.
template <class Kind, std::size_t Slots = 2, std::size_t Moves = 4>
class tested_index : public table_of<Kind, Slots, Moves> {
  using base = table_of<Kind, Slots, Moves>;
  static_assert(base::inline_pairs == std::is_same_v<Kind, pairs>);

 public:
  using typename base::value_type;
  static constexpr std::uint64_t none = 999;

  tested_index() = default;
  // Room for so many elements.
  explicit tested_index(std::size_t n) : base(n, {}, {}, {}) {}

  bool insert(std::uint64_t k, std::uint64_t n) {
    return this->emplace(look_for(k), ignore(), ignore(), k, Kind::make(n));
  }
  bool replace(std::uint64_t k, std::uint64_t n) { return !this->put(look_for(k), k, Kind::make(n)); }
  bool erase(std::uint64_t k) {
    return this->erase_if(look_for(k), [](const value_type&) { return true; }) == 1;
  }
  bool increment(std::uint64_t k) {
    return this->update(look_for(k), [&](value_type& v) { Kind::set(v.second, read(k, v) + 1); }) == 1;
  }
  // `none` if it is not there.
  std::uint64_t peek(std::uint64_t k) const {
    std::uint64_t seen = none;
    this->look(look_for(k), [&](const value_type& v) { seen = read(k, v); });
    return seen;
  }
  tandem::cell::index_guard<base> find(std::uint64_t k) const { return {*this, look_for(k)}; }
  // How often a scan comes to `k`.
  int count_in_scan(std::uint64_t k) const {
    const auto pinned = this->enter();
    int times = 0;
    this->scan([&](const value_type& v) {
      static_cast<void>(read(v.first, v));
      if (v.first == k) ++times;
      return true;
    });
    return times;
  }

  static std::uint64_t read(std::uint64_t k, const value_type& v) {
    check(v.first == k, "another key");
    const std::uint64_t n = Kind::get(v.second);
    // The key's own number, and not that of one which had the slot before.
    check(n / 100 == (k & 0xff), "another key's value");
    return n;
  }

  // Begins a resize that has nothing done: for main. There must be two cells, or, to shrink, four.
  void begin_growing() { begin_resize(4 * Slots); }
  void begin_shrinking() { begin_resize(2 * Slots); }
  // Moves what nobody is in the way of, as every write does.
  void move() { this->move_some(Moves); }
  bool is_moving() const { return this->stats().moving; }

  // Disposes of what was erased: for main, when nobody is pinned.
  void check_nothing_waits() {
    this->tend_after_guard();
    check(this->stats().retired.objects == 0, "erased, and kept");
  }

 private:
  static tandem::detail::prehashed<std::uint64_t> look_for(const std::uint64_t& k) { return {k, same_hash()(k)}; }

  void begin_resize(std::size_t room) {
    constexpr auto exclusive = tandem::cell::access::exclusive;
    const auto first = this->template lock<exclusive>(key(0, 0));
    const auto second = this->template lock<exclusive>(key(4, 0));
    if (room > this->bucket_count()) {
      this->reserve(room);
    } else {
      this->rehash(room);
    }
    first.unlock_unchanged();
    second.unlock_unchanged();
    check(this->stats().moving && this->stats().moved == 0, "not prepared");
  }
};

// In both forms: with heavy barriers, and without.
template <class Body>
void search_both_forms(int preemptions, Body body, std::initializer_list<const char*> must) {
  for (const bool heavy : {true, false}) {
    model::options o;
    o.heavy_barrier = heavy;
    search_partly(heavy ? "heavy barriers" : "no heavy barriers", preemptions, body, must, o);
  }
}

// ---- Within one array.

TEMPLATE_TEST_CASE("a lookup finds an element as it was before an update, or after it", "[model][cell_index]", pairs,
                   nodes) {
  const auto run = [](auto write) {
    return [write](program& p) {
      surroundings here(2);
      tested_index<TestType> t(4);
      t.insert(low, number_of(low));
      p.thread("writer", [&] { check(write(t), "not there"); });
      p.thread("reader", [&] {
        const auto first = t.peek(low);
        check(first != t.none, "not there");
        saw(first == number_of(low) ? "before" : "after");
        const auto second = t.peek(low);
        check(second >= first && second <= number_of(low, 1), "back in time");
        if (first != second) saw("in between");
      });
      p.run();
      check(t.peek(low) == number_of(low, 1) && t.size() == 1, "an update is lost");
      t.check_nothing_waits();
    };
  };
  search_both_forms(2, run([](auto& t) { return t.increment(low); }), {"before", "after", "in between"});
  search_both_forms(2, run([](auto& t) { return t.replace(low, number_of(low, 1)); }),
                    {"before", "after", "in between"});
}

TEMPLATE_TEST_CASE("a lookup finds an element as it was inserted, or not", "[model][cell_index]", pairs, nodes) {
  const auto run = [](std::size_t room) {
    return [room](program& p) {
      surroundings here(2);
      tested_index<TestType> t(room);
      p.thread("writer", [&] { check(t.insert(low, number_of(low)), "there already"); });
      p.thread("reader", [&] {
        const auto seen = t.peek(low);
        saw(seen == t.none ? "before" : "after");
        if (seen != t.none) check(t.peek(low) == seen, "gone again");
      });
      p.run();
      check(t.peek(low) == number_of(low), "lost");
    };
  };
  search_partly("prepared", 2, run(4), {"before", "after"});
  search_partly("the first array is made", 2, run(0), {"before", "after"});
}

TEMPLATE_TEST_CASE("a lookup sees no element in the slot of another", "[model][cell_index]", pairs, nodes) {
  // The same cell, slot and tag: only the comparison tells them apart.
  constexpr std::uint64_t other = low | 1 << 16;
  // The value's numbers tell whose it is: the same for both keys, as the tag is.
  const auto run = [](std::uint64_t sought) {
    return [sought](program& p) {
      surroundings here(2);
      tested_index<TestType, 1> t(2);
      t.insert(low, number_of(low, 1));
      p.thread("writer", [&] {
        t.erase(low);
        t.insert(other, number_of(other, 2));
      });
      p.thread("reader", [&] {
        const auto seen = t.peek(sought);
        const auto own = sought == low ? number_of(low, 1) : number_of(other, 2);
        check(seen == t.none || seen == own, "another key's value");
        saw(seen == t.none ? "absent" : "there");
      });
      p.run();
      t.check_nothing_waits();
    };
  };
  search_partly("the one that goes", 2, run(low), {"absent", "there"});
  search_partly("the one that comes", 2, run(other), {"absent", "there"});
}

TEMPLATE_TEST_CASE("a lookup that misses an element misses those that were erased before it", "[model][cell_index]",
                   pairs, nodes) {
  constexpr std::uint64_t other = key(5, 3);
  search_partly("erase, erase, insert", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType, 1> t(2);
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

TEMPLATE_TEST_CASE("of two writers of one key each comes after the other or before it", "[model][cell_index]", pairs,
                   nodes) {
  search_partly("two inserts", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  bool won[2] = {};
                  p.thread("one", [&] { won[0] = t.insert(low, number_of(low, 1)); });
                  p.thread("two", [&] { won[1] = t.insert(low, number_of(low, 2)); });
                  p.run();
                  check(won[0] != won[1] && t.size() == 1, "not exactly one winner");
                  check(t.peek(low) == number_of(low, won[0] ? 1 : 2), "not the winner's");
                },
                {});
  search_partly("two updates", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  t.insert(low, number_of(low));
                  p.thread("one", [&] { check(t.increment(low), "not there"); });
                  p.thread("two", [&] { check(t.increment(low), "not there"); });
                  p.run();
                  check(t.peek(low) == number_of(low, 2), "an update is lost");
                  t.check_nothing_waits();
                },
                {});
  search_partly("update and erase", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  t.insert(low, number_of(low));
                  bool updated = false;
                  p.thread("updates", [&] { updated = t.increment(low); });
                  p.thread("erases", [&] { check(t.erase(low), "not there"); });
                  p.run();
                  saw(updated ? "first updated" : "first erased");
                  check(t.peek(low) == t.none && t.size() == 0, "erased and there");
                  t.check_nothing_waits();
                },
                {"first updated", "first erased"});
}

// ---- Overflow blocks.

// Three keys of one cell with one slot: the first is there, the others are in blocks.
constexpr std::uint64_t in_block = key(1, 3);
constexpr std::uint64_t in_next_block = key(1, 3 + 64);

TEMPLATE_TEST_CASE("a key in an overflow block is found beside another that comes there", "[model][cell_index]", pairs,
                   nodes) {
  search_partly("insert into the next block, and peek", 2,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType, 1> t(4);
                  t.insert(low, number_of(low));
                  t.insert(in_block, number_of(in_block));
                  p.thread("writer", [&] { t.insert(in_next_block, number_of(in_next_block)); });
                  p.thread("reader", [&] {
                    check(t.peek(in_block) == number_of(in_block), "not there");
                    saw(t.peek(in_next_block) == t.none ? "before" : "after");
                  });
                  p.run();
                  check(t.peek(in_next_block) == number_of(in_next_block), "lost");
                },
                {"before", "after"});
}

TEMPLATE_TEST_CASE("a lookup sees no element in the place of another in an overflow block", "[model][cell_index]",
                   pairs, nodes) {
  constexpr std::uint64_t other = in_block | 1 << 16;
  search_partly("erase, insert and peek", 2,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType, 1> t(4);
                  t.insert(low, number_of(low));
                  t.insert(in_block, number_of(in_block, 1));
                  p.thread("writer", [&] {
                    t.erase(in_block);
                    t.insert(other, number_of(other, 2));
                  });
                  p.thread("reader", [&] {
                    const auto seen = t.peek(in_block);
                    check(seen == t.none || seen == number_of(in_block, 1), "another key's value");
                    saw(seen == t.none ? "gone" : "there");
                  });
                  p.run();
                  t.check_nothing_waits();
                },
                {"gone", "there"});
}

// ---- While elements are being moved.

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
  for (int i = 0; i != 2 && t.is_moving(); ++i) t.move();
  check(!t.is_moving(), "never moved");
  t.check_nothing_waits();
}

TEMPLATE_TEST_CASE("a key that stays is found while its cell is moved", "[model][cell_index]", pairs, nodes) {
  search_both_forms(2,
                    [](program& p) {
                      surroundings here(2);
                      tested_index<TestType> t(4);
                      prepare_growing(t);
                      p.thread("mover", [&] { t.move(); });
                      p.thread("reader", [&] { check(t.peek(low) == number_of(low), "lost"); });
                      p.run();
                      finish(t);
                      check(t.peek(low) == number_of(low) && t.peek(high) == number_of(high) && t.size() == 2, "lost");
                    },
                    {"moved"});
  search_partly("shrinking", 2,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(8);
                  prepare_shrinking(t);
                  p.thread("mover", [&] { t.move(); });
                  p.thread("reader", [&] { check(t.peek(high) == number_of(high), "lost"); });
                  p.run();
                  finish(t);
                },
                {"moved"});
  // From four cells to two of one slot: the second key has to go to a block.
  constexpr std::uint64_t second = key(2, 3);
  search_partly("shrinking, to a block", 2,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType, 1> t(4);
                  t.insert(low, number_of(low));
                  t.insert(second, number_of(second));
                  t.begin_shrinking();
                  p.thread("mover", [&] { t.move(); });
                  p.thread("reader", [&] { check(t.peek(second) == number_of(second), "lost"); });
                  p.run();
                  finish(t);
                },
                {"moved"});
}

TEMPLATE_TEST_CASE("a key that is only updated is found while its cell is moved", "[model][cell_index]", pairs, nodes) {
  const auto read_twice = [](auto& t, std::uint64_t most) {
    const auto first = t.peek(low);
    check(first != t.none, "missed");
    saw(first == number_of(low) ? "before" : "after");
    const auto second = t.peek(low);
    check(second != t.none, "missed");
    check(second >= first && second <= most, "back in time");
  };
  search_both_forms(1,
                    [&](program& p) {
                      surroundings here(2);
                      // A write first moves the cell of its element, and the other one stays where it is.
                      tested_index<TestType, 2, 1> t(4);
                      prepare_growing(t);
                      p.thread("writer", [&] { check(t.increment(low), "not there"); });
                      p.thread("reader", [&] { read_twice(t, number_of(low, 1)); });
                      p.run();
                      finish(t);
                      check(t.peek(low) == number_of(low, 1), "an update is lost");
                    },
                    {"left for later", "before", "after"});
  search_partly("moved by another", 1,
                [&](program& p) {
                  surroundings here(3);
                  tested_index<TestType, 2, 1> t(4);
                  prepare_growing(t);
                  p.thread("writer", [&] { check(t.increment(low), "not there"); });
                  p.thread("mover", [&] { t.move(); });
                  p.thread("reader", [&] { check(t.peek(low) != t.none, "missed"); });
                  p.run();
                  finish(t);
                  check(t.peek(low) == number_of(low, 1), "an update is lost");
                },
                {"moved"});
}

TEMPLATE_TEST_CASE("an erased key is gone for all who look later, wherever its cell is", "[model][cell_index]", pairs,
                   nodes) {
  search_partly("erase and look twice", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType, 2, 1> t(4);  // as above
                  prepare_growing(t);
                  p.thread("writer", [&] { check(t.erase(low), "not there"); });
                  p.thread("reader", [&] {
                    if (t.peek(low) != t.none) return;
                    saw("gone");
                    check(t.peek(low) == t.none && t.count_in_scan(low) == 0, "there again");
                  });
                  p.run();
                  finish(t);
                  check(t.peek(low) == t.none && t.size() == 1, "erased and there");
                },
                {"gone", "left for later"});
}

// ---- Scans.

TEMPLATE_TEST_CASE("a lock-free scan comes to a key that stays once", "[model][cell_index]", pairs, nodes) {
  search_partly("while the table grows", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  prepare_growing(t);
                  p.thread("mover", [&] { t.move(); });
                  p.thread("scans", [&] { check(t.count_in_scan(high) == 1, "not shown once"); });
                  p.run();
                  finish(t);
                },
                {"moved"});
  // In the second cell of four, so that a scan may come to the cell that both become when it has been in the first.
  constexpr std::uint64_t second = key(2, 3);
  search_partly("while the table shrinks", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(8);
                  t.insert(low, number_of(low));
                  t.insert(second, number_of(second));
                  t.begin_shrinking();
                  p.thread("mover", [&] { t.move(); });
                  p.thread("scans", [&] { check(t.count_in_scan(low) == 1, "not shown once"); });
                  p.run();
                  finish(t);
                },
                {"moved"});
}

TEMPLATE_TEST_CASE("a lock-free scan comes to a key that stays once beside an erasure in its cell",
                   "[model][cell_index]", pairs, nodes) {
  constexpr std::uint64_t goes = key(5, 3);
  const auto scan = [](auto& t) {
    check(t.count_in_scan(high) == 1, "not shown once");
    saw(t.count_in_scan(goes) == 0 ? "gone" : "there");
  };
  search_partly("one array", 2,
                [&](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  t.insert(goes, number_of(goes));
                  t.insert(high, number_of(high));
                  p.thread("erases", [&] { check(t.erase(goes), "not there"); });
                  p.thread("scans", [&] { scan(t); });
                  p.run();
                  t.check_nothing_waits();
                },
                {"gone", "there"});
  // The write moves the cell of `low` and no other, so that the erasure is in a cell that counts still.
  search_partly("in a cell that is to be moved", 1,
                [&](program& p) {
                  surroundings here(2);
                  tested_index<TestType, 2, 1> t(4);
                  t.insert(goes, number_of(goes));
                  prepare_growing(t);
                  p.thread("erases", [&] { check(t.erase(goes), "not there"); });
                  p.thread("scans", [&] { check(t.count_in_scan(high) == 1, "not shown once"); });
                  p.run();
                  check(t.is_moving(), "everything was moved");
                  finish(t);
                },
                {"left for later"});
}

TEMPLATE_TEST_CASE("a lock-free scan shows no key twice that is erased and comes back elsewhere", "[model][cell_index]",
                   pairs, nodes) {
  constexpr std::uint64_t takes_its_place = key(1, 3);
  search_partly("erase, insert another, insert", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType, 1> t(4);
                  t.insert(low, number_of(low));
                  p.thread("writer", [&] {
                    t.erase(low);
                    t.insert(takes_its_place, number_of(takes_its_place));
                    t.insert(low, number_of(low, 1));  // to a block
                  });
                  p.thread("scans", [&] {
                    const int times = t.count_in_scan(low);
                    check(times <= 1, "shown twice");
                    saw(times == 1 ? "there" : "gone");
                  });
                  p.run();
                  check(t.count_in_scan(low) == 1, "not shown once");
                  t.check_nothing_waits();
                },
                {"there", "gone"});
}

// ---- Guards, and what was erased.

TEMPLATE_TEST_CASE("a guard keeps what it has found, and what was erased is freed after it", "[model][cell_index]",
                   pairs, nodes) {
  const auto run = [](auto write) {
    return [write](program& p) {
      surroundings here(2);
      tested_index<TestType> t(4);
      t.insert(low, number_of(low));
      p.thread("writer", [&] { write(t); });
      p.thread("holder", [&] {
        const auto held = t.find(low);
        if (!held) return saw("gone");
        const auto seen = t.read(low, *held);
        check(t.read(low, *held) == seen, "changed under a guard");
        if (t.peek(low) != seen) {
          saw("kept");
          check(t.read(low, *held) == seen, "changed under a guard");
        }
      });
      p.run();
      t.check_nothing_waits();
    };
  };
  search_both_forms(1, run([](auto& t) { check(t.erase(low), "not there"); }), {"gone", "kept"});
  search_partly("update", 1, run([](auto& t) { check(t.increment(low), "not there"); }), {"kept"});
  search_partly("replacement", 1, run([](auto& t) { check(t.replace(low, number_of(low, 1)), "not there"); }),
                {"kept"});
  search_partly("clear", 1, run([](auto& t) { t.clear(); }), {"gone", "kept"});
}

TEMPLATE_TEST_CASE("a scan shows elements that are erased as they were", "[model][cell_index]", pairs, nodes) {
  search_partly("erase in pieces", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  t.insert(low, number_of(low));
                  t.insert(high, number_of(high));
                  p.thread("writer", [&] { t.erase_if([](const auto&) { return true; }); });
                  p.thread("scans", [&] { saw(t.count_in_scan(high) == 0 ? "gone" : "there"); });
                  p.run();
                  check(t.size() == 0, "not erased");
                  t.check_nothing_waits();
                },
                {"gone", "there"});
}

TEMPLATE_TEST_CASE("what two writers have erased is freed when nobody is pinned", "[model][cell_index]", pairs, nodes) {
  search_partly("two erasures", 2,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  t.insert(low, number_of(low));
                  t.insert(high, number_of(high));
                  p.thread("one", [&] { check(t.erase(low), "not there"); });
                  p.thread("two", [&] { check(t.erase(high), "not there"); });
                  p.run();
                  t.check_nothing_waits();
                },
                {});
}

// ---- Whole tables.

TEMPLATE_TEST_CASE("a lock-free lookup beside a swap finds the one table or the other", "[model][cell_index]", pairs,
                   nodes) {
  search_partly("swap", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  tested_index<TestType> other(4);
                  t.insert(low, number_of(low));
                  other.insert(low, number_of(low, 1));
                  p.thread("swaps", [&] { t.swap(other); });
                  p.thread("reader", [&] {
                    const auto first = t.peek(low);
                    check(first != t.none, "in neither");
                    saw(first == number_of(low) ? "before" : "after");
                    check(t.peek(low) >= first, "back in time");
                  });
                  p.run();
                  check(t.peek(low) == number_of(low, 1) && other.peek(low) == number_of(low), "lost");
                },
                {"before", "after"});
}

TEMPLATE_TEST_CASE("a lock-free lookup beside an assignment finds the old elements or the new ones",
                   "[model][cell_index]", pairs, nodes) {
  search_partly("assign", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  tested_index<TestType> other(4);
                  t.insert(low, number_of(low));
                  other.insert(low, number_of(low, 1));
                  p.thread("assigns", [&] { t.template assign<false>(other); });
                  p.thread("reader", [&] {
                    const auto held = t.find(low);
                    check(static_cast<bool>(held), "in neither");
                    saw(t.read(low, *held) == number_of(low) ? "before" : "after");
                  });
                  p.run();
                  check(t.peek(low) == number_of(low, 1) && other.peek(low) == t.none, "not moved");
                },
                {"before", "after"});
}

TEMPLATE_TEST_CASE("what a lookup has found outlives the table that takes the elements over", "[model][cell_index]",
                   pairs, nodes) {
  search_partly("move and destroy", 1,
                [](program& p) {
                  surroundings here(2);
                  tested_index<TestType> t(4);
                  t.insert(low, number_of(low));
                  p.thread("takes over", [&] { tested_index<TestType> const short_lived(std::move(t)); });
                  p.thread("reader", [&] { saw(t.peek(low) == t.none ? "gone" : "there"); });
                  p.run();
                  check(t.peek(low) == t.none, "not moved");
                },
                {"gone", "there"});
}

}  // namespace
