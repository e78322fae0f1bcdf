// What every concurrent map with the visiting interface promises, whatever is inside it: one thread, no faults.
//
//   check_insertions<Map>(); check_visits<Map>(); ...      Map: keys and values are numbers or strings
//   check_lives<Family>(); check_allocators<Family>(); ... Family::map<Key, T[, Hash, KeyEqual, Allocator]>: the suite chooses
//                                                          types that need everything of the map
//
// Keys and values are made of small numbers, so that a map's content can be compared with, and printed as, a std::map<int, int>.
#ifndef TANDEM_TESTS_SUPPORT_CONCURRENT_MAP_CONTRACT_HPP
#define TANDEM_TESTS_SUPPORT_CONCURRENT_MAP_CONTRACT_HPP

#include <tandem/hash.hpp>

#include "support/budget_allocator.hpp"
#include "support/catch.hpp"
#include "support/tracked.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace tandem::test {

// ---- numbers as keys and values

template <class T>
  requires std::is_constructible_v<T, int> || std::is_same_v<T, std::string>
T numbered(int n) {
  if constexpr (std::is_same_v<T, std::string>) {
    return (n % 2 == 0 ? "t" : "a text that is too long for the string object ") + std::to_string(n);
  } else {
    return T(static_cast<std::conditional_t<std::is_arithmetic_v<T>, T, int>>(n));
  }
}

inline int number_of(const std::string& s) { return std::stoi(s.substr(s.find_first_of("-0123456789"))); }
template <class T>
  requires std::is_arithmetic_v<T>
int number_of(T n) {
  return static_cast<int>(n);
}
template <bool ThrowingMove>
int number_of(const basic_tracked<ThrowingMove>& t) {
  return t.key();
}
inline int number_of(const std::unique_ptr<int>& p) { return p ? *p : -1; }

// Printed as far as it helps.
struct numbers : std::map<int, int> {
  using std::map<int, int>::map;

  friend std::ostream& operator<<(std::ostream& out, const numbers& all) {
    out << all.size() << " of them: {";
    int printed = 0;
    for (auto const& [key, value] : all) {
      if (++printed == 30) return out << "...}";
      out << key << ": " << value << ", ";
    }
    return out << '}';
  }
};

// What a full visit sees. An element that is visited twice or not found afterwards, and a wrong count, leave an entry with a
// negative key, so that no comparison with an expected content holds.
template <class Map>
numbers contents(const Map& m) {
  numbers result;
  int visits = 0;
  std::size_t const returned = m.cvisit_all([&](const auto& x) {
    ++visits;
    if (!result.emplace(number_of(x.first), number_of(x.second)).second) result[-2] = number_of(x.first);
  });
  if (returned != static_cast<std::size_t>(visits) || returned != m.size() || m.empty() != (returned == 0)) {
    result[-3] = static_cast<int>(returned);
  }
  if constexpr (requires { numbered<typename Map::key_type>(0); }) {
    for (auto const& [key, value] : numbers(result)) {
      if (!m.contains(numbered<typename Map::key_type>(key))) result[-4] = key;
    }
  }
  return result;
}

// ---- what a visitor was called with

struct calls {
  int with_const = 0;
  int with_mutable = 0;
  int key = -1;  // of the last call
  int value = -1;

  calls take() { return std::exchange(*this, calls{}); }
  friend bool operator==(const calls&, const calls&) = default;
  friend std::ostream& operator<<(std::ostream& out, const calls& c) {
    return out << c.with_const << " const, " << c.with_mutable << " mutable, last " << c.key << ": " << c.value;
  }
};
inline calls called(bool with_const, int key, int value) {
  return {with_const ? 1 : 0, with_const ? 0 : 1, key, value};
}
inline constexpr calls not_called{};

struct recorder {
  calls* log;

  template <class Element>
  void operator()(Element& x) const {
    ++(std::is_const_v<Element> ? log->with_const : log->with_mutable);
    log->key = number_of(x.first);
    log->value = number_of(x.second);
  }
};

// A visitor of two arguments, which adds 1 to the value if it may.
struct incrementer {
  template <class Key, class T>
  void operator()(const Key&, T& value) const {
    if constexpr (!std::is_const_v<T>) value = numbered<T>(number_of(value) + 1);
  }
};

// for_each_type<A, B>([]<class T>(std::type_identity<T>) { ... }); a failure says which one it was.
template <class... Types, class F>
void for_each_type(F f) {
  auto const call = [&]<class T>(std::type_identity<T> type) {
    INFO(typeid(T).name());
    f(type);
  };
  (call(std::type_identity<Types>{}), ...);
}

// ---- insertion

template <class Map>
void check_insertions() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  using pair = std::pair<key, mapped>;
  using element = typename Map::value_type;
  auto const k = [](int n) { return numbered<key>(n); };
  auto const v = [](int n) { return numbered<mapped>(n); };
  Map m;
  CHECK(contents(m) == numbers{});
  CHECK(m.insert({k(1), v(10)}));
  CHECK_FALSE(m.insert({k(1), v(99)}));
  element const two(k(2), v(20));
  CHECK(m.insert(two));
  CHECK_FALSE(m.insert(two));
  CHECK(m.insert(element(k(3), v(30))));
  pair const four(k(4), v(40));
  CHECK(m.insert(four));
  CHECK_FALSE(m.insert(four));
  pair five(k(5), v(50));
  CHECK(m.insert(std::move(five)));
  CHECK(m.emplace(k(6), v(60)));
  CHECK_FALSE(m.emplace(k(6), v(99)));
  CHECK(m.emplace(std::piecewise_construct, std::forward_as_tuple(k(7)), std::forward_as_tuple(v(70))));
  CHECK(m.emplace(pair(k(8), v(80))));
  key const nine = k(9);
  CHECK(m.try_emplace(nine, v(90)));
  CHECK_FALSE(m.try_emplace(nine, v(99)));
  CHECK(m.try_emplace(k(10), v(100)));
  CHECK(m.try_emplace(k(11)));
  CHECK(m.visit(k(11), [&](element& x) { x.second = v(110); }) == 1);
  CHECK(m.insert_or_assign(k(12), v(99)));
  CHECK_FALSE(m.insert_or_assign(k(12), v(120)));
  CHECK_FALSE(m.insert_or_assign(nine, v(91)));
  numbers expected;
  for (int n = 1; n != 13; ++n) expected[n] = 10 * n;
  expected[9] = 91;
  CHECK(contents(m) == expected);

  std::vector<pair> const list{{k(12), v(1)}, {k(13), v(130)}, {k(14), v(140)}, {k(13), v(1)}};
  CHECK(m.insert(list.begin(), list.end()) == 2);
  CHECK(m.insert(std::initializer_list<element>{{k(1), v(1)}, {k(15), v(150)}}) == 1);
  std::vector<pair> gone{{k(16), v(160)}};
  CHECK(m.insert(std::move_iterator(gone.begin()), std::move_iterator(gone.end())) == 1);
  CHECK(m.insert(list.end(), list.end()) == 0);
  for (int n = 13; n != 17; ++n) expected[n] = 10 * n;
  CHECK(contents(m) == expected);
}

// `call(m, key, value, f)` inserts or visits.
template <class Map>
void check_or_form(bool with_const, const std::function<bool(Map&, int, int, recorder)>& call) {
  Map m;
  calls old;
  CHECK(call(m, 1, 10, recorder{&old}));
  CHECK(old.take() == not_called);
  CHECK_FALSE(call(m, 1, 99, recorder{&old}));
  CHECK(old.take() == called(with_const, 1, 10));
  CHECK(contents(m) == numbers{{1, 10}});
}

// `call(m, key, value, fresh, old)` inserts and visits: what is new always as a mutable element.
template <class Map>
void check_and_form(bool with_const, const std::function<bool(Map&, int, int, recorder, recorder)>& call) {
  Map m;
  calls fresh, old;
  CHECK(call(m, 1, 10, recorder{&fresh}, recorder{&old}));
  CHECK(fresh.take() == called(false, 1, 10));
  CHECK(old.take() == not_called);
  CHECK_FALSE(call(m, 1, 99, recorder{&fresh}, recorder{&old}));
  CHECK(fresh.take() == not_called);
  CHECK(old.take() == called(with_const, 1, 10));
  CHECK(contents(m) == numbers{{1, 10}});
}

template <class Map>
void check_inserting_visitors() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  using element = typename Map::value_type;
  using pair = std::pair<key, mapped>;
  auto const k = [](int n) { return numbered<key>(n); };
  auto const v = [](int n) { return numbered<mapped>(n); };

  check_or_form<Map>(false, [=](Map& m, int a, int b, recorder f) { return m.insert_or_visit({k(a), v(b)}, f); });
  check_or_form<Map>(true, [=](Map& m, int a, int b, recorder f) { return m.insert_or_cvisit({k(a), v(b)}, f); });
  check_or_form<Map>(false, [=](Map& m, int a, int b, recorder f) {
    element const e(k(a), v(b));
    return m.insert_or_visit(e, f);
  });
  check_or_form<Map>(true, [=](Map& m, int a, int b, recorder f) {
    pair const e(k(a), v(b));
    return m.insert_or_cvisit(e, f);
  });
  check_or_form<Map>(false, [=](Map& m, int a, int b, recorder f) { return m.emplace_or_visit(k(a), v(b), f); });
  check_or_form<Map>(true, [=](Map& m, int a, int b, recorder f) { return m.emplace_or_cvisit(k(a), v(b), f); });
  check_or_form<Map>(false, [=](Map& m, int a, int b, recorder f) { return m.try_emplace_or_visit(k(a), v(b), f); });
  check_or_form<Map>(true, [=](Map& m, int a, int b, recorder f) { return m.try_emplace_or_cvisit(k(a), v(b), f); });

  check_and_form<Map>(
      false, [=](Map& m, int a, int b, recorder f, recorder g) { return m.insert_and_visit({k(a), v(b)}, f, g); });
  check_and_form<Map>(
      true, [=](Map& m, int a, int b, recorder f, recorder g) { return m.insert_and_cvisit({k(a), v(b)}, f, g); });
  check_and_form<Map>(false, [=](Map& m, int a, int b, recorder f, recorder g) {
    element const e(k(a), v(b));
    return m.insert_and_visit(e, f, g);
  });
  check_and_form<Map>(
      false, [=](Map& m, int a, int b, recorder f, recorder g) { return m.emplace_and_visit(k(a), v(b), f, g); });
  check_and_form<Map>(
      true, [=](Map& m, int a, int b, recorder f, recorder g) { return m.emplace_and_cvisit(k(a), v(b), f, g); });
  check_and_form<Map>(
      false, [=](Map& m, int a, int b, recorder f, recorder g) { return m.try_emplace_and_visit(k(a), v(b), f, g); });
  check_and_form<Map>(
      true, [=](Map& m, int a, int b, recorder f, recorder g) { return m.try_emplace_and_cvisit(k(a), v(b), f, g); });
}

// What visitors of insertions change stays changed; visitors of two arguments; ranges.
template <class Map>
void check_inserting_visitors_change() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  using element = typename Map::value_type;
  using pair = std::pair<key, mapped>;
  auto const k = [](int n) { return numbered<key>(n); };
  auto const v = [](int n) { return numbered<mapped>(n); };
  Map m;
  incrementer const up;
  CHECK(m.insert_and_visit({k(1), v(10)}, up, up));
  CHECK(contents(m) == numbers{{1, 11}});
  CHECK_FALSE(m.insert_and_visit({k(1), v(99)}, up, up));
  CHECK_FALSE(m.insert_or_visit({k(1), v(99)}, up));
  CHECK_FALSE(m.emplace_or_visit(k(1), v(99), up));
  CHECK_FALSE(m.try_emplace_or_visit(k(1), v(99), up));
  CHECK_FALSE(m.emplace_and_visit(k(1), v(99), up, up));
  CHECK_FALSE(m.try_emplace_and_visit(k(1), v(99), up, up));
  CHECK_FALSE(m.try_emplace_or_cvisit(k(1), v(99), up));
  CHECK(contents(m) == numbers{{1, 17}});

  std::vector<pair> const list{{k(1), v(99)}, {k(2), v(20)}, {k(2), v(99)}, {k(3), v(30)}};
  calls fresh, old;
  CHECK(m.insert_or_visit(list.begin(), list.end(), recorder{&old}) == 2);
  CHECK(old.take() == calls{0, 2, 2, 20});
  CHECK(m.insert_or_cvisit(list.begin(), list.end(), recorder{&old}) == 0);
  CHECK(old.take() == calls{4, 0, 3, 30});
  CHECK(m.insert_or_visit(std::initializer_list<element>{{k(3), v(1)}, {k(4), v(40)}}, recorder{&old}) == 1);
  CHECK(old.take() == called(false, 3, 30));
  CHECK(m.insert_or_cvisit(std::initializer_list<element>{{k(3), v(1)}, {k(5), v(50)}}, recorder{&old}) == 1);
  CHECK(old.take() == called(true, 3, 30));
  std::vector<pair> const more{{k(5), v(99)}, {k(6), v(60)}};
  CHECK(m.insert_and_visit(more.begin(), more.end(), recorder{&fresh}, recorder{&old}) == 1);
  CHECK(fresh.take() == called(false, 6, 60));
  CHECK(old.take() == called(false, 5, 50));
  CHECK(m.insert_and_cvisit(more.begin(), more.end(), recorder{&fresh}, recorder{&old}) == 0);
  CHECK(fresh.take() == not_called);
  CHECK(old.take() == calls{2, 0, 6, 60});
  CHECK(contents(m) == numbers{{1, 17}, {2, 20}, {3, 30}, {4, 40}, {5, 50}, {6, 60}});
}

// ---- visits

// m[i] == 10 * i for i in [0, n)
template <class Map>
Map filled(int n) {
  Map m;
  for (int i = 0; i != n; ++i) {
    m.try_emplace(numbered<typename Map::key_type>(i), numbered<typename Map::mapped_type>(10 * i));
  }
  return m;
}
inline numbers tens(int n) {
  numbers result;
  for (int i = 0; i != n; ++i) result[i] = 10 * i;
  return result;
}

template <class Map>
void check_visits() {
  using key = typename Map::key_type;
  auto const k = [](int n) { return numbered<key>(n); };
  Map m = filled<Map>(100);
  const Map& constant = m;
  calls log;
  CHECK(m.visit(k(3), recorder{&log}) == 1);
  CHECK(log.take() == called(false, 3, 30));
  CHECK(constant.visit(k(4), recorder{&log}) == 1);
  CHECK(log.take() == called(true, 4, 40));
  CHECK(m.cvisit(k(5), recorder{&log}) == 1);
  CHECK(log.take() == called(true, 5, 50));
  CHECK(m.visit(k(100), recorder{&log}) == 0);
  CHECK(constant.visit(k(100), recorder{&log}) == 0);
  CHECK(m.cvisit(k(100), recorder{&log}) == 0);
  CHECK(log.take() == not_called);
  CHECK(m.visit(k(6), incrementer{}) == 1);
  CHECK(m.cvisit(k(6), [&](const key& a, const auto& b) { log.value = number_of(a) + number_of(b); }) == 1);
  CHECK(log.take().value == 67);
  for (int i = 0; i != 101; ++i) {
    if (m.count(k(i)) != (i < 100 ? 1U : 0U) || m.contains(k(i)) != (i < 100))
      FAIL("count or contains is wrong: " << i);
  }

  CHECK(m.visit_all(incrementer{}) == 100);
  numbers expected = tens(100);
  ++expected[6];
  for (auto& [number, value] : expected) ++value;
  CHECK(contents(m) == expected);
  CHECK(m.visit_all(recorder{&log}) == 100);
  CHECK(log.take().with_mutable == 100);
  CHECK(constant.visit_all(recorder{&log}) == 100);
  CHECK(log.take().with_const == 100);
  CHECK(m.cvisit_all(recorder{&log}) == 100);
  CHECK(log.take().with_const == 100);

  // Ends the visit at the 40th element.
  auto const forty = [&](auto& x) {
    recorder{&log}(x);
    return log.with_const + log.with_mutable != 40;
  };
  CHECK_FALSE(m.visit_while(forty));
  CHECK(log.take().with_mutable == 40);
  CHECK_FALSE(constant.visit_while(forty));
  CHECK(log.take().with_const == 40);
  CHECK_FALSE(m.cvisit_while(forty));
  CHECK(log.take().with_const == 40);
  CHECK(m.visit_while([](auto&) { return true; }));
  CHECK(m.cvisit_while([](const key&, const auto&) { return true; }));
  m.clear();
  CHECK(m.visit_while([](auto&) { return false; }));
  CHECK(m.visit_all(recorder{&log}) == 0);
}

template <class Map>
void check_bulk_visits() {
  using key = typename Map::key_type;
  auto const k = [](int n) { return numbered<key>(n); };
  Map m = filled<Map>(500);
  const Map& constant = m;
  std::vector<key> keys;
  numbers asked;
  for (int i = 0; i != 301; ++i) {
    int const n = i * 7 % 600;  // some are absent, and some come twice
    keys.push_back(k(n));
    if (n < 500) ++asked[n];
  }
  keys.push_back(k(7));
  ++asked[7];
  std::size_t found = 0;
  for (auto& [number, times] : asked) found += static_cast<std::size_t>(times);
  numbers seen;
  int with_const = 0;
  auto const f = [&](auto& x) {
    if (number_of(x.second) == 10 * number_of(x.first)) ++seen[number_of(x.first)];
    with_const += std::is_const_v<std::remove_reference_t<decltype(x)>>;
  };
  CHECK(m.visit(keys.begin(), keys.end(), f) == found);
  CHECK(std::exchange(seen, {}) == asked);
  CHECK(with_const == 0);
  CHECK(constant.visit(keys.begin(), keys.end(), f) == found);
  CHECK(std::exchange(seen, {}) == asked);
  CHECK(with_const == static_cast<int>(found));
  CHECK(m.cvisit(keys.begin(), keys.end(), f) == found);
  CHECK(std::exchange(seen, {}) == asked);
  CHECK(with_const == 2 * static_cast<int>(found));
  CHECK(m.visit(keys.begin(), keys.begin(), f) == 0);
  std::forward_list<key> const few{k(1), k(600), k(2)};
  CHECK(m.cvisit(few.begin(), few.end(), f) == 2);
  CHECK(std::exchange(seen, {}) == numbers{{1, 1}, {2, 1}});
  CHECK(m.visit(few.begin(), few.end(), incrementer{}) == 2);
  CHECK(number_of(*m.get(k(2))) == 21);
  m.clear();
  CHECK(m.visit(keys.begin(), keys.end(), f) == 0);
  CHECK(seen == numbers{});
}

// ---- erasure

template <class Map>
void check_erasures() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  using element = typename Map::value_type;
  auto const k = [](int n) { return numbered<key>(n); };
  Map m = filled<Map>(200);
  numbers expected = tens(200);
  CHECK(m.erase(k(1)) == 1);
  CHECK(m.erase(k(1)) == 0);
  expected.erase(1);
  CHECK(contents(m) == expected);

  calls log;
  auto const answer = [&](bool yes) {
    return [&log, yes](auto& x) {
      recorder{&log}(x);
      return yes;
    };
  };
  CHECK(m.erase_if(k(2), answer(false)) == 0);
  CHECK(log.take() == called(false, 2, 20));
  CHECK(m.erase_if(k(2), answer(true)) == 1);
  CHECK(log.take() == called(false, 2, 20));
  CHECK(m.erase_if(k(2), answer(true)) == 0);
  CHECK(log.take() == not_called);
  CHECK(m.erase_if(k(3), [](element& x) {
    x.second = numbered<mapped>(31);
    return false;
  }) == 0);
  CHECK(m.erase_if(k(4), [](const key& a, mapped& b) { return number_of(b) == 10 * number_of(a); }) == 1);
  expected.erase(2);
  expected[3] = 31;
  expected.erase(4);
  CHECK(contents(m) == expected);

  numbers judged;
  CHECK(m.erase_if([&](element& x) {
    ++judged[number_of(x.first)];
    return number_of(x.first) % 3 == 0;
  }) == 67);
  CHECK(std::ranges::all_of(judged, [](auto& x) { return x.second == 1; }));
  CHECK(judged.size() == expected.size());
  std::erase_if(expected, [](auto& x) { return x.first % 3 == 0; });
  CHECK(contents(m) == expected);
  CHECK(erase_if(m, [](auto& x) { return number_of(x.first) >= 100; }) == 67);
  std::erase_if(expected, [](auto& x) { return x.first >= 100; });
  CHECK(contents(m) == expected);
  CHECK(m.erase_if([](const key&, mapped&) { return false; }) == 0);
  m.clear();
  CHECK(contents(m) == numbers{});
  CHECK(m.erase(k(5)) == 0);
  CHECK(m.erase_if([](auto&) { return true; }) == 0);
  CHECK(m.emplace(k(5), numbered<mapped>(50)));
  CHECK(contents(m) == numbers{{5, 50}});
}

// ---- whole maps

template <class Map>
void check_copies_and_moves() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  using element = typename Map::value_type;
  auto const k = [](int n) { return numbered<key>(n); };
  auto const v = [](int n) { return numbered<mapped>(n); };
  Map m = filled<Map>(300);
  Map const copy(m);
  CHECK(contents(copy) == tens(300));
  m.erase(k(0));
  CHECK(contents(copy) == tens(300));
  m.insert_or_assign(k(0), v(0));
  Map moved(std::move(m));
  CHECK(contents(moved) == tens(300));
  CHECK(contents(m) == numbers{});  // NOLINT: moved-from maps are empty, and good as new
  CHECK(m.insert({k(1), v(1)}));
  CHECK(contents(m) == numbers{{1, 1}});
  m = copy;
  CHECK(contents(m) == tens(300));
  CHECK(contents(copy) == tens(300));
  Map& self = m;
  m = self;
  CHECK(contents(m) == tens(300));
  m = filled<Map>(20);
  CHECK(contents(m) == tens(20));
  moved = std::move(m);
  CHECK(contents(moved) == tens(20));
  CHECK(contents(m) == numbers{});  // NOLINT
  m = std::initializer_list<element>{{k(1), v(10)}, {k(2), v(20)}, {k(1), v(99)}};
  CHECK(contents(m) == numbers{{1, 10}, {2, 20}});
  m = {};
  CHECK(contents(m) == numbers{});

  Map const listed{{k(0), v(0)}, {k(1), v(10)}, {k(0), v(99)}};
  CHECK(contents(listed) == tens(2));
  std::vector<std::pair<key, mapped>> const list{{k(0), v(0)}, {k(1), v(10)}, {k(0), v(99)}};
  Map const ranged(list.begin(), list.end());
  CHECK(contents(ranged) == tens(2));
}

template <class Map>
void check_swap_merge_compare() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  auto const k = [](int n) { return numbered<key>(n); };
  auto const v = [](int n) { return numbered<mapped>(n); };
  Map a = filled<Map>(100), b = filled<Map>(3);
  a.swap(b);
  CHECK(contents(a) == tens(3));
  CHECK(contents(b) == tens(100));
  swap(a, b);
  CHECK(contents(a) == tens(100));
  CHECK(contents(b) == tens(3));
  Map& self = a;
  a.swap(self);
  CHECK(contents(a) == tens(100));

  CHECK(a == self);
  CHECK(a != b);
  Map c = filled<Map>(100);
  CHECK(a == c);
  CHECK_FALSE(a != c);
  c.insert_or_assign(k(50), v(1));
  CHECK(a != c);
  c.erase(k(50));
  CHECK(a != c);
  CHECK(c != a);
  c.emplace(k(100), v(1000));
  CHECK(a != c);
  CHECK(Map() == Map());
  CHECK(Map() != a);

  // What is there already stays where it is, in both maps.
  Map target = filled<Map>(10), source;
  for (int i = 5; i != 105; ++i) source.emplace(k(i), v(i));
  CHECK(target.merge(source) == 95);
  numbers expected = tens(10), left;
  for (int i = 10; i != 105; ++i) expected[i] = i;
  for (int i = 5; i != 10; ++i) left[i] = i;
  CHECK(contents(target) == expected);
  CHECK(contents(source) == left);
  CHECK(target.merge(source) == 0);
  CHECK(target.merge(target) == 0);
  CHECK(contents(target) == expected);
  CHECK(target.merge(Map(filled<Map>(200))) == 95);
  CHECK(target.size() == 200);
  Map empty;
  CHECK(empty.merge(target) == 200);
  CHECK(contents(target) == numbers{});
  CHECK(empty.size() == 200);
}

// Grows and shrinks by itself and on demand; `slots`: bucket_count() tells.
template <class Map>
void check_capacity() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  auto const k = [](int n) { return numbered<key>(n); };
  auto const v = [](int n) { return numbered<mapped>(n); };
  constexpr int n = 3000;
  constexpr std::size_t many = static_cast<std::size_t>(n);
  Map m;
  for (int i = 0; i != n; ++i) m.emplace(k(i), v(10 * i));
  CHECK(contents(m) == tens(n));
  CHECK(m.bucket_count() >= many / 2);
  CHECK(m.load_factor() > 0);
  CHECK(m.max_size() > many);
  std::size_t const large = m.bucket_count();
  for (int i = 10; i != n; ++i) m.erase(k(i));
  CHECK(contents(m) == tens(10));
  CHECK(m.bucket_count() < large);
  m.rehash(0);
  CHECK(contents(m) == tens(10));
  m.reserve(many);
  std::size_t const reserved = m.bucket_count();
  CHECK(reserved >= many);
  CHECK(contents(m) == tens(10));
  for (int i = 10; i != n; ++i) m.emplace(k(i), v(10 * i));
  CHECK(m.bucket_count() == reserved);  // room means: no growth
  CHECK(contents(m) == tens(n));
  m.rehash(4 * many);
  CHECK(m.bucket_count() >= 4 * many);
  CHECK(contents(m) == tens(n));
  m.rehash(0);
  CHECK(m.bucket_count() >= many / 2);
  CHECK(contents(m) == tens(n));
  Map const roomy(many);
  CHECK(roomy.bucket_count() >= many);
  CHECK(contents(roomy) == numbers{});
}

template <class Map>
void check_held_capacity() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  auto const k = [](int n) { return numbered<key>(n); };
  constexpr int n = 3000;
  Map m;
  auto const come_and_go = [&] {
    for (int i = 0; i != n; ++i) m.emplace(k(i), numbered<mapped>(10 * i));
    for (int i = 0; i != n; ++i) m.erase(k(i));
  };
  come_and_go();
  std::size_t const small = m.bucket_count();
  CHECK(small < static_cast<std::size_t>(n));
  {
    auto hold = m.hold_capacity(static_cast<std::size_t>(n));
    come_and_go();
    CHECK(m.bucket_count() >= static_cast<std::size_t>(n));
    auto const moved = std::move(hold);
    come_and_go();
    CHECK(m.bucket_count() >= static_cast<std::size_t>(n));
    m.clear();
    CHECK(m.bucket_count() >= static_cast<std::size_t>(n));
  }
  come_and_go();
  CHECK(m.bucket_count() < static_cast<std::size_t>(n));
  CHECK(contents(m) == numbers{});
}

// ---- what tandem adds

template <class Map>
void check_reads_and_updates() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  auto const k = [](int n) { return numbered<key>(n); };
  auto const v = [](int n) { return numbered<mapped>(n); };
  Map m = filled<Map>(50);
  const Map& constant = m;
  CHECK(constant.get(k(5)) == std::optional<mapped>(v(50)));
  CHECK(constant.get(k(50)) == std::nullopt);
  CHECK(constant.at(k(6)) == v(60));
  CHECK_THROWS_AS(constant.at(k(50)), std::out_of_range);
  CHECK(constant.value_or(k(7), v(1)) == v(70));
  CHECK(constant.value_or(k(50), v(1)) == v(1));

  auto const read = constant.read(k(8), [](auto& x) {
    static_assert(std::is_same_v<decltype(x), const mapped&>);
    return number_of(x);
  });
  static_assert(std::is_same_v<decltype(read), const std::optional<int>>);
  CHECK(read == 80);
  CHECK(constant.read(k(50), [](const mapped&) { return 1; }) == std::nullopt);
  int reads = 0;
  bool const seen = constant.read(k(8), [&](const mapped&) { ++reads; });
  bool const unseen = constant.read(k(50), [&](const mapped&) { ++reads; });
  CHECK(seen);
  CHECK_FALSE(unseen);
  CHECK(reads == 1);

  auto const updated = m.update(k(9), [&](mapped& x) {
    x = v(91);
    return std::string("done");
  });
  static_assert(std::is_same_v<decltype(updated), const std::optional<std::string>>);
  CHECK(updated == "done");
  CHECK(m.get(k(9)) == v(91));
  CHECK(m.update(k(50), [](mapped&) { return 1; }) == std::nullopt);
  bool const changed = m.update(k(9), [&](mapped& x) { x = v(90); });
  bool const unchanged = m.update(k(50), [](mapped&) {});
  CHECK(changed);
  CHECK_FALSE(unchanged);
  CHECK(contents(m) == tens(50));

  CHECK(m.exchange(k(50), v(500)) == std::nullopt);
  CHECK(contents(m) == tens(51));
  CHECK(m.exchange(k(50), v(501)) == v(500));
  CHECK(m.get(k(50)) == v(501));

  std::optional<typename Map::value_type> const out = m.extract(k(50));
  REQUIRE(out.has_value());
  CHECK(out->first == k(50));
  CHECK(out->second == v(501));
  CHECK_FALSE(m.extract(k(50)).has_value());
  CHECK(contents(m) == tens(50));
}

template <class Guard>
concept dereferences_temporaries = requires { *std::declval<Guard>(); };

template <class Map>
void check_guards() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  using element = typename Map::value_type;
  auto const k = [](int n) { return numbered<key>(n); };
  auto const v = [](int n) { return numbered<mapped>(n); };
  Map m = filled<Map>(50);
  const Map& constant = m;
  using shared = decltype(constant.find(k(1)));
  using exclusive = decltype(m.find_exclusive(k(1)));
  static_assert(std::is_same_v<decltype(m.find(k(1))), shared>);
  static_assert(std::is_default_constructible_v<shared> && std::is_default_constructible_v<exclusive>);
  static_assert(std::movable<shared> && std::movable<exclusive>);
  static_assert(!std::is_copy_constructible_v<shared> && !std::is_copy_constructible_v<exclusive>);
  static_assert(!std::is_convertible_v<shared, bool> && !std::is_convertible_v<exclusive, bool>);
  static_assert(std::is_same_v<decltype(*std::declval<const shared&>()), const element&>);
  static_assert(std::is_same_v<decltype(*std::declval<const exclusive&>()), element&>);
  static_assert(std::is_same_v<decltype(std::declval<const shared&>().value()), const mapped&>);
  static_assert(std::is_same_v<decltype(std::declval<const exclusive&>().value()), mapped&>);
  static_assert(!dereferences_temporaries<shared> && !dereferences_temporaries<exclusive>);

  CHECK_FALSE(static_cast<bool>(shared()));
  CHECK_FALSE(static_cast<bool>(exclusive()));
  CHECK_FALSE(static_cast<bool>(constant.find(k(50))));
  CHECK_FALSE(static_cast<bool>(m.find_exclusive(k(50))));
  {
    auto const one = constant.find(k(1));
    REQUIRE(one);
    CHECK(one->first == k(1));
    CHECK((*one).second == v(10));
    CHECK(one.key() == k(1));
    CHECK(one.value() == v(10));
  }
  {
    auto one = m.find_exclusive(k(1));
    REQUIRE(one);
    one->second = v(11);
    one.value() = v(12);
    CHECK(one.key() == k(1));
    auto moved = std::move(one);
    CHECK_FALSE(static_cast<bool>(one));  // NOLINT
    REQUIRE(moved);
    CHECK(moved->second == v(12));
    moved.reset();
    CHECK_FALSE(static_cast<bool>(moved));
    moved.reset();
    CHECK(m.get(k(1)) == v(12));  // nothing is locked now
    moved = m.find_exclusive(k(3));
    REQUIRE(moved);
    CHECK(moved.key() == k(3));
    one = std::move(moved);
    one = exclusive();
    CHECK(m.insert_or_assign(k(2), v(20)) == false);
    CHECK(m.erase(k(3)) == 1);
  }
  {
    auto last = m.find(k(4));
    REQUIRE(last);
  }
  m.clear();
  CHECK(contents(m) == numbers{});
}

template <class Map>
void check_entries() {
  using key = typename Map::key_type;
  using mapped = typename Map::mapped_type;
  auto const k = [](int n) { return numbered<key>(n); };
  auto const v = [](int n) { return numbered<mapped>(n); };
  Map m = filled<Map>(50);
  {
    auto slot = m.entry(k(50));
    CHECK_FALSE(slot.occupied());
    slot.emplace(v(500));
    REQUIRE(slot.occupied());
    CHECK(slot.value() == v(500));
    slot.value() = v(501);
    slot.or_emplace(v(1));
    CHECK(slot.value() == v(501));
  }
  CHECK(m.get(k(50)) == v(501));
  {
    auto slot = m.entry(k(50));
    REQUIRE(slot.occupied());
    slot.erase();
    CHECK_FALSE(slot.occupied());
    slot.or_emplace(v(500));
    CHECK(slot.occupied());
    auto moved = std::move(slot);
    REQUIRE(moved.occupied());
    CHECK(moved.value() == v(500));
  }
  CHECK(contents(m) == tens(51));
  {
    key const name = k(50);
    auto slot = m.entry(name);
    CHECK(number_of(slot.extract()->second) == 500);
    CHECK_FALSE(slot.occupied());
    slot.emplace(v(7));
    CHECK(slot.value() == v(7));
    slot.erase();
  }
  CHECK(contents(m) == tens(50));
  {
    auto const untouched = m.entry(k(99));
  }
  CHECK(contents(m) == tens(50));
  Map empty;
  {
    auto slot = empty.entry(k(1));
    CHECK_FALSE(slot.occupied());
    slot.emplace(v(10));
  }
  CHECK(contents(empty) == numbers{{1, 10}});
  // Entries fill a map as any insertion does.
  for (int i = 0; i != 1000; ++i) m.entry(k(i)).or_emplace(v(10 * i));
  CHECK(contents(m) == tens(1000));
  for (int i = 0; i != 1000; ++i) m.entry(k(i)).erase();
  CHECK(contents(m) == numbers{});
}

// ---- families: types that need everything

// try_emplace and its relatives move from nothing when the key is there.
template <class Family>
void check_untouched_arguments() {
  using pointer = std::unique_ptr<int>;
  using map = typename Family::template map<std::string, pointer>;
  std::string const text(50, 'k');
  map m;
  std::string key = text;
  pointer value = std::make_unique<int>(1);
  CHECK(m.try_emplace(std::move(key), std::move(value)));
  CHECK(value == nullptr);  // NOLINT
  key = text;
  value = std::make_unique<int>(2);
  auto const intact = [&] { return key == text && value != nullptr && *value == 2; };
  auto const ignore = [](auto&) {};
  CHECK_FALSE(m.try_emplace(std::move(key), std::move(value)));
  CHECK(intact());  // NOLINT
  CHECK_FALSE(m.try_emplace_or_visit(std::move(key), std::move(value), ignore));
  CHECK(intact());  // NOLINT
  CHECK_FALSE(m.try_emplace_or_cvisit(std::move(key), std::move(value), ignore));
  CHECK(intact());  // NOLINT
  CHECK_FALSE(m.try_emplace_and_visit(std::move(key), std::move(value), ignore, ignore));
  CHECK(intact());  // NOLINT
  CHECK_FALSE(m.try_emplace_and_cvisit(std::move(key), std::move(value), ignore, ignore));
  CHECK(intact());                                                    // NOLINT
  CHECK_FALSE(m.insert_or_assign(std::move(key), std::move(value)));  // the value goes, the key does not
  CHECK(key == text);                                                 // NOLINT
  CHECK(value == nullptr);                                            // NOLINT
  CHECK(m.visit(text, [](auto& x) { *x.second += 10; }) == 1);
  CHECK(m.read(text, [](const pointer& p) { return *p; }) == 12);
  std::optional<pointer> const old = m.exchange(text, std::make_unique<int>(3));
  REQUIRE(old.has_value());
  CHECK(**old == 12);
  auto const out = m.extract(text);
  REQUIRE(out.has_value());
  CHECK(out->first == text);
  CHECK(*out->second == 3);
}

struct move_only_key {
  explicit move_only_key(int n) : number(std::make_unique<int>(n)) {}
  friend bool operator==(const move_only_key& a, const move_only_key& b) { return *a.number == *b.number; }
  std::unique_ptr<int> number;
};
struct move_only_key_hash {
  std::size_t operator()(const move_only_key& k) const { return static_cast<std::size_t>(*k.number); }
};
inline int number_of(const move_only_key& k) { return number_of(k.number); }

template <class Family>
void check_move_only() {
  using map = typename Family::template map<move_only_key, std::unique_ptr<int>, move_only_key_hash,
                                            std::equal_to<move_only_key>>;
  map m;
  for (int i = 0; i != 500; ++i) CHECK(m.try_emplace(move_only_key(i), std::make_unique<int>(10 * i)));
  CHECK(contents(m) == tens(500));
  CHECK_FALSE(m.emplace(move_only_key(1), std::make_unique<int>(1)));
  CHECK(m.insert(std::pair(move_only_key(500), std::make_unique<int>(5000))));
  map other;
  CHECK(other.merge(m) == 501);
  CHECK(contents(other) == tens(501));
  map moved(std::move(other));
  auto const out = moved.extract(move_only_key(500));
  REQUIRE(out.has_value());
  CHECK(number_of(out->first) == 500);
  CHECK(number_of(out->second) == 5000);
  for (int i = 250; i != 500; ++i) CHECK(moved.erase(move_only_key(i)) == 1);
  CHECK(contents(moved) == tens(250));
}

struct alignas(128) wide {
  explicit wide(int n) : number(n) {}
  int number;
  bool aligned() const { return reinterpret_cast<std::uintptr_t>(this) % alignof(wide) == 0; }
  friend bool operator==(const wide& a, const wide& b) { return a.number == b.number; }
};
struct wide_hash {
  std::size_t operator()(const wide& w) const { return static_cast<std::size_t>(w.number); }
};

template <class Family>
void check_over_aligned() {
  typename Family::template map<wide, wide, wide_hash, std::equal_to<wide>> m;
  for (int i = 0; i != 300; ++i) m.emplace(wide(i), wide(10 * i));
  int misaligned = 0;
  CHECK(m.visit_all([&](auto& x) { misaligned += !x.first.aligned() || !x.second.aligned(); }) == 300);
  CHECK(misaligned == 0);
  CHECK(m.get(wide(7)).value().number == 70);
  for (int i = 0; i != 300; ++i) m.erase(wide(i));
  CHECK(m.empty());
}

// No default constructor, no assignment.
struct fixed {
  fixed(int a, int b) : number(a * b) {}
  fixed(const fixed&) = default;
  fixed& operator=(const fixed&) = delete;
  int number;
};

template <class Family>
void check_demanding_values() {
  typename Family::template map<int, fixed> m;
  CHECK(m.try_emplace(1, 2, 3));
  CHECK(m.emplace(std::piecewise_construct, std::forward_as_tuple(2), std::forward_as_tuple(4, 5)));
  CHECK_FALSE(m.try_emplace_or_visit(1, 9, 9, [](auto& x) { x.second.number += 1; }));
  for (int i = 3; i != 200; ++i) m.try_emplace(i, i, 10);
  CHECK(m.get(1).value().number == 7);
  CHECK(m.get(2).value().number == 20);
  CHECK(m.get(199).value().number == 1990);
  CHECK(m.extract(2)->second.number == 20);
  CHECK(m.size() == 198);
}

// Every object that comes into being goes, once, wherever it has been in between.
template <class Family, bool ThrowingMove>
void check_lives() {
  using object = basic_tracked<ThrowingMove>;
  using allocator = budget_allocator<std::pair<const object, object>>;
  using map = typename Family::template map<object, object, std::hash<object>, std::equal_to<object>, allocator>;
  object::totals().reset();
  REQUIRE(object::live() == 0);
  REQUIRE(allocator::account().balanced());
  {
    map m;
    for (int i = 0; i != 1000; ++i) m.try_emplace(object(i), 10 * i);
    CHECK(object::live() == 2000);
    CHECK(contents(m) == tens(1000));
    for (int i = 10; i != 1000; ++i) m.erase(object(i));
    CHECK(object::live() == 20);
    CHECK(contents(m) == tens(10));
    map copy(m);
    CHECK(object::live() == 40);
    copy.insert_or_assign(object(1), object(11));
    CHECK(copy.exchange(object(1), object(10))->key() == 11);
    copy.insert({object(10), object(100)});
    CHECK(object::live() == 42);
    CHECK(m.merge(copy) == 1);
    CHECK(object::live() == 42);
    m.swap(copy);
    CHECK(contents(copy) == tens(11));
    CHECK(contents(m) == tens(10));
    m = copy;
    CHECK(object::live() == 44);
    m = std::move(copy);
    CHECK(object::live() == 22);
    CHECK(m.erase_if([](auto& x) { return x.first.key() % 2 == 0; }) == 6);
    CHECK(object::live() == 10);
    {
      auto const out = m.extract(object(1));
    }
    CHECK(object::live() == 8);
    m.clear();
    CHECK(object::live() == 0);
    m.emplace(1, 10);
    CHECK(object::live() == 2);
  }
  CHECK(object::live() == 0);
  CHECK(object::corrupt() == 0);
  CHECK(allocator::account().balanced());
}

// A map that holds nothing owns nothing.
template <class Family>
void check_empty_map_owns_nothing() {
  using allocator = budget_allocator<std::pair<const int, int>>;
  using map = typename Family::template map<int, int, tandem::hash<int>, tandem::equal_to<int>, allocator>;
  auto const before = allocator::account().allocations.load();
  {
    map m, other;
    calls log;
    CHECK(m.get(1) == std::nullopt);
    CHECK(m.visit(1, recorder{&log}) == 0);
    CHECK(m.visit_all(recorder{&log}) == 0);
    CHECK(m.erase(1) == 0);
    CHECK(m.erase_if([](auto&) { return true; }) == 0);
    m.clear();
    m.swap(other);
    CHECK(m.merge(other) == 0);
    CHECK(m == other);
    map moved(std::move(m));
    CHECK(moved.empty());
    CHECK(moved.size() == 0);
  }
  CHECK(allocator::account().allocations.load() == before);
  CHECK(allocator::account().balanced());
}

// Two accounts; whatever propagates, every byte goes back to where it came from.
template <class Family, bool Propagates>
void check_allocators_of() {
  using allocator = account_allocator<std::pair<const int, std::string>, Propagates>;
  using map = typename Family::template map<int, std::string, tandem::hash<int>, tandem::equal_to<int>, allocator>;
  memory_account first, second;
  {
    allocator const one(first), two(second);
    map a(one);
    CHECK(a.get_allocator() == one);
    for (int i = 0; i != 200; ++i) a.emplace(i, numbered<std::string>(10 * i));
    CHECK_FALSE(first.balanced());
    CHECK(second.balanced());

    map b(a, two);
    CHECK(b.get_allocator() == two);
    CHECK(contents(b) == tens(200));
    CHECK_FALSE(second.balanced());
    map c(a);
    CHECK(c.get_allocator() == one);
    map d(std::move(c), two);  // unequal: element by element
    CHECK(d.get_allocator() == two);
    CHECK(contents(d) == tens(200));
    CHECK(contents(c) == numbers{});  // NOLINT
    map e(std::move(d), two);         // equal
    CHECK(contents(e) == tens(200));

    map f(0, tandem::hash<int>(), tandem::equal_to<int>(), one);
    f = e;
    CHECK(contents(f) == tens(200));
    CHECK(f.get_allocator() == (Propagates ? two : one));
    map g(one);
    g.emplace(1, "gone");
    g = std::move(e);
    CHECK(contents(g) == tens(200));
    CHECK(contents(e) == numbers{});  // NOLINT
    CHECK(g.get_allocator() == (Propagates ? two : one));

    map h(one);
    h.emplace(1, numbered<std::string>(10));
    map i(Propagates ? two : one);  // swap wants equal ones, or such as go along
    i.swap(h);
    CHECK(contents(i) == numbers{{1, 10}});
    CHECK(i.get_allocator() == one);
    CHECK(contents(h) == numbers{});
    map j({{0, numbered<std::string>(0)}}, one);
    CHECK(contents(j) == tens(1));
    std::vector<std::pair<int, std::string>> const list{{0, numbered<std::string>(0)}};
    map k(list.begin(), list.end(), two);
    CHECK(contents(k) == tens(1));
    map l(100, two);
    CHECK(l.bucket_count() >= 100);
    CHECK(l.get_allocator() == two);
  }
  CHECK(first.balanced());
  CHECK(second.balanced());
}

template <class Family>
void check_allocators() {
  check_allocators_of<Family, false>();
  check_allocators_of<Family, true>();
}

template <class Family>
void check_memory_resources() {
  using allocator = std::pmr::polymorphic_allocator<std::pair<const int, int>>;
  using map = typename Family::template map<int, int, tandem::hash<int>, tandem::equal_to<int>, allocator>;
  std::pmr::monotonic_buffer_resource pool, other;
  map m(&pool);
  for (int i = 0; i != 300; ++i) m.emplace(i, 10 * i);
  CHECK(contents(m) == tens(300));
  CHECK(m.get_allocator().resource() == &pool);
  map copy(m, &other);
  CHECK(copy.get_allocator().resource() == &other);
  copy = std::move(m);
  CHECK(contents(copy) == tens(300));
  CHECK(copy.get_allocator().resource() == &other);
}

// Hash and equality with state: maps that exchange their content exchange these, too.
struct salted_hash {
  std::size_t salt = 0;
  std::size_t operator()(int n) const { return static_cast<std::size_t>(n) * 31 + salt; }
};
struct modular_equal {
  int modulus = 1'000'000;
  bool operator()(int a, int b) const { return a % modulus == b % modulus; }
};

template <class Family>
void check_functions_with_state() {
  using map = typename Family::template map<int, int, salted_hash, modular_equal>;
  map a(0, salted_hash{7}, modular_equal{5'000});
  map b(0, salted_hash{9}, modular_equal{6'000});
  for (int i = 0; i != 100; ++i) a.emplace(i, 10 * i);
  for (int i = 0; i != 50; ++i) b.emplace(i, 10 * i);
  auto const all_found = [](const map& m, int n) {
    int found = 0;
    for (int i = 0; i != n; ++i) found += m.get(i) == 10 * i;
    return found == n && m.size() == static_cast<std::size_t>(n);
  };
  a.swap(b);
  CHECK(a.hash_function().salt == 9);
  CHECK(a.key_eq().modulus == 6'000);
  CHECK(b.hash_function().salt == 7);
  CHECK(all_found(a, 50));
  CHECK(all_found(b, 100));
  map c(a);
  CHECK(c.hash_function().salt == 9);
  CHECK(all_found(c, 50));
  map d(std::move(b));
  CHECK(d.hash_function().salt == 7);
  CHECK(d.key_eq().modulus == 5'000);
  CHECK(all_found(d, 100));
  CHECK(a.merge(d) == 50);  // each looks with its own hash
  CHECK(all_found(a, 100));
  CHECK(all_found(d, 50));
  c = d;
  CHECK(c.hash_function().salt == 7);
  CHECK(all_found(c, 50));
  CHECK(c == d);
  a = std::move(c);
  CHECK(a.hash_function().salt == 7);
  CHECK(all_found(a, 50));
}

// Looked up by what compares equal to a key: no key is made, no memory asked for.
using budget_string = std::basic_string<char, std::char_traits<char>, budget_allocator<char>>;

template <class Family>
void check_string_lookups() {
  using map = typename Family::template map<budget_string, int>;
  {
    map m;
    constexpr std::string_view one = "a key that is too long for the string object: one";
    constexpr const char* two = "a key that is too long for the string object: two";
    m.try_emplace(budget_string(one), 1);
    m.try_emplace(two, 2);
    m.try_emplace(one, 9);
    auto const before = budget_allocator<char>::account().allocations.load();
    CHECK(m.get(one) == 1);
    CHECK(m.get(two) == 2);
    CHECK(m.contains(one));
    CHECK(m.count(two) == 1);
    CHECK_FALSE(m.contains("nothing of the kind, but also too long for the object"));
    CHECK(m.read(one, [](int n) { return n; }) == 1);
    CHECK(m.value_or(two, 0) == 2);
    CHECK(m.at(one) == 1);
    CHECK(m.visit(one, [](auto& x) { x.second = 3; }) == 1);
    CHECK(m.cvisit(two, [](auto&) {}) == 1);
    CHECK(m.update(one, [](int& n) { return ++n; }) == 4);
    CHECK_FALSE(m.try_emplace(one, 9));
    CHECK_FALSE(m.try_emplace_or_visit(two, 9, [](auto& x) { x.second = 5; }));
    CHECK_FALSE(m.insert_or_assign(one, 6));
    CHECK(m.erase_if(one, [](auto&) { return false; }) == 0);
    CHECK(m.erase(two) == 1);
    CHECK(budget_allocator<char>::account().allocations.load() == before);
    CHECK(m.get(one) == 6);
    CHECK(m.extract(one).has_value());
    CHECK(m.empty());
  }
  CHECK(budget_allocator<char>::account().balanced());
}

// Something that is no key and cannot become one.
struct part_number {
  int low;
};
struct part_hash {
  using is_transparent = void;
  std::size_t operator()(int n) const { return static_cast<std::size_t>(n % 1000); }
  std::size_t operator()(part_number p) const { return static_cast<std::size_t>(p.low); }
};
struct part_equal {
  using is_transparent = void;
  bool operator()(int a, int b) const { return a == b; }
  bool operator()(part_number p, int n) const { return p.low == n % 1000; }
  bool operator()(int n, part_number p) const { return p.low == n % 1000; }
};

template <class Family>
void check_transparent_lookups() {
  typename Family::template map<int, int, part_hash, part_equal> m;
  for (int i = 0; i != 100; ++i) m.emplace(7000 + i, 10 * i);
  CHECK(m.get(part_number{5}) == 50);
  CHECK(m.contains(part_number{99}));
  CHECK_FALSE(m.contains(part_number{100}));
  CHECK(m.visit(part_number{5}, incrementer{}) == 1);
  CHECK(m.get(7005) == 51);
  CHECK(m.erase_if(part_number{5}, [](auto& x) { return x.first == 7005; }) == 1);
  CHECK(m.erase(part_number{6}) == 1);
  CHECK(m.size() == 98);
}

// Equal hashes, in any number, cost time only.
struct constant_hash {
  using is_avalanching = void;
  std::size_t operator()(int) const { return 42; }
};

template <class Family>
void check_colliding_keys() {
  using map = typename Family::template map<int, int, constant_hash, std::equal_to<int>>;
  map m = filled<map>(300);
  CHECK(contents(m) == tens(300));
  CHECK(m.get(299) == 2990);
  CHECK(m.get(300) == std::nullopt);
  m.reserve(2000);
  CHECK(contents(m) == tens(300));
  for (int i = 20; i != 300; ++i) CHECK(m.erase(i) == 1);
  CHECK(contents(m) == tens(20));
  m.rehash(0);
  CHECK(contents(m) == tens(20));
  CHECK(m.get(19) == 190);
}

}  // namespace tandem::test

#endif
