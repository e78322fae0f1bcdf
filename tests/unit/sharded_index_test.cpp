// cell_index behind sharded<>: the lock of a shard makes several writes one, for those who ask for it; what they find outlives
// the lock, as it is kept by a guard.
#include <tandem/cell_index.hpp>
#include <tandem/sharded_map.hpp>

#include "support/catch.hpp"
#include "support/concurrent_map_laws.hpp"
#include "support/thread_runner.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace {

using namespace tandem::test;
using tandem::cell::access;

struct apart : tandem::cell_index_options {
  using epoch = tandem::own_epoch;
};
template <class T, class Options>
using index_of = tandem::cell_index<std::uint64_t, T, tandem::hash<std::uint64_t>, std::equal_to<std::uint64_t>,
                                    std::allocator<std::pair<const std::uint64_t, T>>, Options>;
using pairs = index_of<std::uint64_t, tandem::cell_index_options>;
using nodes = index_of<living, tandem::cell_index_options>;
using nodes_apart = index_of<living, apart>;

std::size_t hash_of(std::uint64_t k) { return tandem::mix(k); }

}  // namespace

TEMPLATE_TEST_CASE("a sharded index has its keys in the shards of their hashes", "[sharded][cell_index]", pairs, nodes,
                   nodes_apart) {
  using mapped = typename TestType::mapped_type;
  {
    tandem::sharded<TestType> shards(8);
    CHECK(shards.shard_count() == 8);
    for (std::uint64_t k = 0; k != 1000; ++k) {
      shards.template with_shard<access::exclusive>(hash_of(k),
                                                    [&](TestType& inner) { CHECK(inner.insert(k, mapped(k + 1))); });
    }
    CHECK(shards.size() == 1000);
    CHECK(shards.stats().smallest > 0);
    for (std::uint64_t k = 0; k != 1000; ++k) {
      std::uint64_t const found = shards.template with_shard<access::shared>(hash_of(k), [&](const TestType& inner) {
        return inner.read(k, [](const mapped& v) { return value_of(v); }).value_or(0);
      });
      CHECK(found == k + 1);
    }
    std::size_t seen = 0;
    shards.template for_each_shard<access::shared>([&](const TestType& inner) {
      for (auto const& element : inner.enter()) seen += value_of(element.second) == element.first + 1;
      return true;
    });
    CHECK(seen == 1000);
  }
  check_no_value_is_left();
}

TEMPLATE_TEST_CASE("a guard that was found under a shard's lock outlives the lock", "[sharded][cell_index]", nodes,
                   nodes_apart) {
  {
    tandem::sharded<TestType> shards(4);
    auto const write = [&](std::uint64_t n) {
      shards.template with_shard<access::exclusive>(
          hash_of(1), [&](TestType& inner) { inner.insert_or_assign(std::uint64_t{1}, living(n)); });
    };
    write(10);
    auto guard = shards.template with_shard<access::shared>(
        hash_of(1), [](const TestType& inner) { return inner.find(std::uint64_t{1}); });
    write(20);
    shards.template with_shard<access::exclusive>(hash_of(1), [](TestType& inner) { inner.clear(); });
    REQUIRE(guard);
    CHECK(value_of(guard->second) == 10);
    guard.reset();
    CHECK(living::count() == 0);
  }
  check_no_value_is_left();
}

TEST_CASE("whoever takes a shard's lock sees several writes as one", "[sharded][cell_index]") {
  constexpr std::uint64_t accounts = 2;
  constexpr std::uint64_t total = 1000;
  tandem::sharded<pairs> shards(4);
  // All in the shard of the first.
  std::size_t const where = hash_of(0);
  shards.with_shard<access::exclusive>(where, [&](pairs& bank) {
    bank.insert(std::uint64_t{0}, total);
    bank.insert(std::uint64_t{1}, std::uint64_t{0});
  });
  run_threads(3, [&](std::size_t worker, thread_group& group) {
    for (std::size_t i = 0; i != rounds(2000) && !group.failed(); ++i) {
      if (worker == 0) {
        shards.with_shard<access::exclusive>(where, [&](pairs& bank) {
          std::uint64_t const from = i % accounts;
          std::uint64_t const amount = bank.at(from) / 2;
          bank.update(from, [&](std::uint64_t& n) { n -= amount; });
          bank.update((from + 1) % accounts, [&](std::uint64_t& n) { n += amount; });
        });
      } else {
        std::uint64_t const sum = shards.with_shard<access::shared>(where, [](const pairs& bank) {
          std::uint64_t all = 0;
          for (auto const& account : bank.enter()) all += account.second;
          return all;
        });
        if (sum != total) fail("half a transfer was seen");
      }
    }
  });
  CHECK(shards.size() == accounts);
}
