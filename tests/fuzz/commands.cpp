// Whatever a log holds, all replicas make the same of it, collected or not, restarted or not; and bytes that are no command change
// nothing.
//
//   1 byte   odd: indices may go back, and nobody collects
//   entries  1 byte: bits 0-2 how far the index goes on, 3 back instead, 4 one replica collects, 5 the index is among the largest from here
//            on; 1 byte: length; that many bytes: the command
#include <tandem/timed_store.hpp>

#include "fuzz/body.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::write_status;

struct tiny : tandem::timed_store_options {
  static constexpr std::size_t slots = 2;
  static constexpr std::size_t shards = 1;
};
using store = tandem::timed_store<std::string, std::string>;
using small = tandem::timed_store<std::string, std::string, tiny>;

std::string_view name(write_status s) {
  switch (s) {
    case write_status::applied:
      return "applied";
    case write_status::stale:
      return "stale";
    case write_status::exists:
      return "exists";
    case write_status::missing:
      break;
  }
  return "missing";
}

}  // namespace

std::vector<std::string> tandem::test::cases() {
  return {"applied", "stale", "exists", "missing", "no command", "collected", "near the end"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto left = bytes_of(data, size);
  auto const take = [&](std::size_t n) {
    auto const taken = left.first(std::min(n, left.size()));
    left = left.subspan(taken.size());
    return taken;
  };
  auto const number = [&] {
    auto const one = take(1);
    return one.empty() ? 0U : static_cast<unsigned>(one[0]);
  };
  bool const any_order = number() % 2 != 0;
  store a;
  small b;
  std::uint64_t index = 0;
  while (!left.empty()) {
    unsigned const how = number();
    auto const command = take(number());
    std::uint64_t const step = how % 8;
    if ((how & 32) != 0 && index < store::never - 100) index = store::never - 100;
    if (index >= store::never - 100) note("near the end");
    if (any_order && (how & 8) != 0) {
      index -= std::min(index, step);
    } else {
      index += std::min(store::never - index, step);
    }
    std::uint64_t const clock = a.write_index();
    std::uint64_t const horizon = a.stale_horizon();
    auto const result = a.apply(command, index);
    expect(result == b.apply(command, index), "replicas answer alike");
    auto const decoded = tandem::store::decode_command<std::string, std::string>(command);
    expect(decoded.has_value() == result.has_value(), "what is applied is what can be decoded");
    if (result) {
      note(name(result->status));
      expect(std::ranges::equal(store::encode(*decoded), command), "a command has one form");
      expect(a.write_index() == std::max(clock, index), "a command moves the clock to its index");
    } else {
      note("no command");
      expect(a.write_index() == clock && a.stale_horizon() == horizon, "what is no command changes nothing");
    }
    if (!any_order && (how & 16) != 0) {
      auto const done = b.collect();
      if (done != tandem::collected()) note("collected");
    }
  }
  expect(a.digest() == b.digest(), "replicas have the same contents");
  expect(a.write_index() == b.write_index() && a.stale_horizon() == b.stale_horizon(), "and the same time");
  std::stringstream io;
  a.save(io);
  small c;
  c.load(io);
  expect(a.digest() == c.digest() && a.write_index() == c.write_index(), "also one that is restarted");
  return 0;
}
