// sharded_map with keys, values, functions and allocators that need everything of it and of the map inside.
#include <tandem/sharded_map.hpp>

#include "support/concurrent_map_contract.hpp"

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

#if __has_include(<boost/unordered/unordered_flat_map.hpp>)
#include <boost/unordered/unordered_flat_map.hpp>
#endif

namespace {

using namespace tandem::test;

struct plugged : tandem::sharded_map_options {
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = std::unordered_map<Key, T, Hash, KeyEqual, Allocator>;
};

template <class Options>
struct shards {
  template <class Key, class T, class Hash = tandem::hash<Key>, class KeyEqual = tandem::equal_to<Key>,
            class Allocator = std::allocator<std::pair<const Key, T>>>
  using map = tandem::sharded_map<Key, T, Hash, KeyEqual, Allocator, Options>;
};

template <class F>
void every_family(F f) {
  for_each_type<shards<tandem::sharded_map_options>, shards<plugged>>(f);
}

}  // namespace

TEST_CASE("sharded_map: arguments are not touched if the key is there", "[sharded_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_untouched_arguments<Family>(); });
}

TEST_CASE("sharded_map: keys and values may be move-only", "[sharded_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_move_only<Family>(); });
}

TEST_CASE("sharded_map: over-aligned elements are aligned", "[sharded_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_over_aligned<Family>(); });
}

TEST_CASE("sharded_map: values without default constructor and assignment", "[sharded_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_demanding_values<Family>(); });
}

TEST_CASE("sharded_map: every element that is made is destroyed once", "[sharded_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_lives<Family, false>(); });
}

TEST_CASE("sharded_map: every element is destroyed once, too, if moves may throw", "[sharded_map]") {
  check_lives<shards<tandem::sharded_map_options>, true>();
}

TEST_CASE("sharded_map: an empty map owns no memory, and lookups and erasures in it ask for none", "[sharded_map]") {
  check_empty_map_owns_nothing<shards<tandem::sharded_map_options>>();
}

TEST_CASE("sharded_map: hash and equality with state go where the elements go", "[sharded_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_functions_with_state<Family>(); });
}

TEST_CASE("sharded_map: strings are looked up by views and literals without an allocation", "[sharded_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_string_lookups<Family>(); });
}

TEST_CASE("sharded_map: keys are looked up by what compares equal to them", "[sharded_map]") {
  every_family([]<class Family>(std::type_identity<Family>) { check_transparent_lookups<Family>(); });
}

TEST_CASE("sharded_map: memory goes back to where it came from", "[sharded_map]") {
  using allocator = account_allocator<std::pair<const int, std::string>>;
  using map =
      shards<tandem::sharded_map_options>::map<int, std::string, tandem::hash<int>, tandem::equal_to<int>, allocator>;
  memory_account first, second;
  {
    allocator const one(first), two(second);
    map a(one);
    CHECK(a.get_allocator() == one);
    CHECK(first.balanced());
    for (int i = 0; i != 200; ++i) a.emplace(i, numbered<std::string>(10 * i));
    CHECK_FALSE(first.balanced());
    CHECK(second.balanced());
    map b(a, two);
    CHECK(b.get_allocator() == two);
    CHECK(contents(b) == tens(200));
    CHECK_FALSE(second.balanced());
    map c(std::move(b));
    CHECK(c.get_allocator() == two);
    a = c;
    CHECK(a.get_allocator() == one);
    CHECK(contents(a) == tens(200));
    map d(4, tandem::hash<int>(), tandem::equal_to<int>(), one);
    d.emplace(1, "one");
    a = std::move(d);
    CHECK(a.size() == 1);
    CHECK(c.merge(a) == 0);
  }
  CHECK(first.balanced());
  CHECK(second.balanced());
}

TEST_CASE("sharded_map: memory resources", "[sharded_map]") {
  using allocator = std::pmr::polymorphic_allocator<std::pair<const int, int>>;
  using map = shards<plugged>::map<int, int, tandem::hash<int>, tandem::equal_to<int>, allocator>;
  std::pmr::monotonic_buffer_resource pool;
  map m(&pool);
  for (int i = 0; i != 300; ++i) m.emplace(i, 10 * i);
  CHECK(contents(m) == tens(300));
  CHECK(m.get_allocator().resource() == &pool);
}

#if __has_include(<boost/unordered/unordered_flat_map.hpp>)
namespace {

struct boost_plugged : tandem::sharded_map_options {
  template <class Key, class T, class Hash, class KeyEqual, class Allocator>
  using map = boost::unordered_flat_map<Key, T, Hash, KeyEqual, Allocator>;
};

}  // namespace

TEST_CASE("sharded_map over a flat map of Boost", "[sharded_map]") {
  using map = shards<boost_plugged>::map<std::string, int>;
  check_insertions<map>();
  check_erasures<map>();
}
#endif
