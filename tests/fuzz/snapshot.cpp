// Whatever a file holds, loading it gives an error and changes nothing, or it gives a store that works.
//
// A fuzzer does not guess checksums. So each input is loaded as it is, and again with all sums made right, which is what somebody
// would send who knows the format.
#include <tandem/timed_store.hpp>

#include "fuzz/body.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace tandem::test;
using format = tandem::store::snapshot_format;

struct tiny : tandem::timed_store_options {
  static constexpr std::size_t slots = 2;
  static constexpr std::size_t shards = 2;
};
using texts = tandem::timed_store<std::string, std::string, tiny>;
using numbers = tandem::timed_store<std::uint64_t, bool, tiny>;

std::vector<std::byte> with_right_sums(std::span<const std::byte> input) {
  using tandem::detail::load_little;
  using tandem::detail::store_little;
  std::vector<std::byte> file(input.begin(), input.end());
  std::span<std::byte> left(file);
  if (left.size() < format::header_bytes) return file;
  store_little(tandem::store::checksum(left.first(56)), left.data() + 56);
  left = left.subspan(format::header_bytes);
  std::uint64_t chain = 0;
  while (left.size() >= format::block_header_bytes) {
    std::span<std::byte> const header = left.first(24);
    std::byte* const place = left.data() + 24;
    auto const length = load_little<std::uint64_t>(left.data() + 16);
    left = left.subspan(format::block_header_bytes);
    if (length > left.size()) break;
    std::span<std::byte> const payload = left.first(static_cast<std::size_t>(length));
    bool const is_end = load_little<std::uint32_t>(header.data()) == format::end;
    if (is_end && payload.size() == format::end_bytes) store_little(chain, payload.data() + 24);
    std::uint64_t const sum = format::block_sum(header, payload);
    store_little(sum, place);
    chain = format::chained(chain, sum);
    left = left.subspan(payload.size());
  }
  return file;
}

template <class Store>
void load(std::span<const std::byte> file, typename Store::key_type key, typename Store::mapped_type value) {
  Store s;
  expect(static_cast<bool>(s.set(key, value, 5)), "a write to an empty store is applied");
  s.set_stale_horizon(3);
  auto const before = s.digest();
  bytes_buffer buffer(file);
  std::istream in(&buffer);
  std::error_code error;
  auto const report = s.load(in, error);
  expect(static_cast<bool>(error) == !report.error.empty(), "an error has a text, and nothing else has");
  {
    Store by_two;
    bytes_buffer again(file);
    std::istream from(&again);
    std::error_code other;
    tandem::snapshot_options two;
    two.threads = 2;
    auto const said = by_two.load(from, other, two);
    expect(other == error && said.error == report.error && said.entries == report.entries && said.bytes == report.bytes,
           "two threads say what one says");
    expect(other || by_two.digest() == s.digest(), "and load what one loads");
  }
  if (error) {
    expect(s.digest() == before && s.write_index() == 5 && s.stale_horizon() == 3 && s.info().tombstones == 0,
           "what is refused changes nothing");
    note(error.message());
    return;
  }
  note("loaded");
  if (report.tombstones != 0) note("tombstones");
  expect(buffer.left() == 0, "all of it was read");
  expect(s.write_index() == report.label, "the clock is at the label");
  auto const info = s.info();
  expect(info.size + info.tombstones <= report.entries, "no more than the file has");
  std::size_t seen = 0;
  s.for_each([&](const auto& k, const auto& v) {
    ++seen;
    expect(s.get(k) == v, "what is shown is found");
  });
  expect(seen <= info.size, "what is shown counts");

  // It is worth the same when it is saved again.
  std::ostringstream out;
  s.save(out);
  Store t;
  std::istringstream again(out.str());
  t.load(again);
  expect(t.digest() == s.digest() && t.write_index() == s.write_index(), "what was loaded can be saved and loaded");

  // And it ends as any other.
  std::size_t lost = 0;
  s.on_removed([&](const auto&, const auto&, tandem::removal, std::uint64_t) { ++lost; });
  s.advance(Store::never);
  s.set_stale_horizon(Store::never);
  while (s.collect(3).more) {
  }
  expect(s.collect() == tandem::collected(), "a collection leaves nothing to do");
  expect(lost <= info.size, "no value is lost twice");
  if (lost != 0) note("expires");
}

}  // namespace

std::vector<std::string> tandem::test::cases() {
  using enum tandem::snapshot_errc;
  std::vector<std::string> all{"loaded", "tombstones", "expires"};
  for (auto e : {not_a_snapshot, unsupported_version, wrong_types, truncated, corrupt, malformed, trailing_data}) {
    all.push_back(make_error_code(e).message());
  }
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto const input = bytes_of(data, size);
  auto const repaired = with_right_sums(input);
  for (std::span<const std::byte> file : {input, std::span<const std::byte>(repaired)}) {
    load<texts>(file, "before", "kept");
    load<numbers>(file, 7, true);
  }
  return 0;
}
