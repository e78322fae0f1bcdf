// Snapshots of timed_store: everything comes back, what others write meanwhile does no harm, and nothing that is wrong with a file gets in.
#include <tandem/timed_store.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/timed_model.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <streambuf>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::snapshot_errc;
using tandem::snapshot_options;
using tandem::snapshot_report;
using tandem::write_status;
using store = tandem::timed_store<>;
namespace format = tandem::store;

template <class Store>
std::string saved(const Store& s, const snapshot_options& how = {}) {
  std::ostringstream out;
  s.save(out, how);
  return out.str();
}
template <class Store>
std::error_code load(Store& s, const std::string& bytes, snapshot_report* report = nullptr,
                     const snapshot_options& how = {}) {
  std::istringstream in(bytes);
  std::error_code error;
  auto const r = s.load(in, error, how);
  if (report != nullptr) *report = r;
  if (static_cast<bool>(error) == r.error.empty()) throw std::logic_error("an error has a text, and nothing else has");
  return error;
}

struct tiny : tandem::timed_store_options {
  static constexpr std::size_t slots = 2;
  static constexpr std::size_t shards = 2;
};

// Some of everything.
void fill(store& s) {
  static_cast<void>(s.set("plain", "value", 3));
  static_cast<void>(s.set("expires", "v", 5, {.expire_in = 10}));
  static_cast<void>(s.set("is deleted", "w", 6, {.delete_in = 20}));
  static_cast<void>(s.set("both", "a longer value, which has an allocation", 7, {.expire_in = 10, .delete_in = 20}));
  static_cast<void>(s.set("lapsed", "x", 8, {.delete_in = 40}));
  static_cast<void>(s.expire("lapsed", 9));
  static_cast<void>(s.set("erased", "y", 9));
  static_cast<void>(s.erase("erased", 10));
  static_cast<void>(s.set("empty", "", 10));
  static_cast<void>(s.set("", "of the empty key", 10));
  s.advance(12);
}

std::vector<std::byte> bytes_of(const std::string& s) {
  std::vector<std::byte> all(s.size());
  std::transform(s.begin(), s.end(), all.begin(), [](char c) { return static_cast<std::byte>(c); });
  return all;
}
std::string string_of(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// A file with one block of these bytes in it, and all sums right: what somebody would send who knows the format.
struct forged {
  std::uint32_t key_codec = 1;
  std::uint32_t value_codec = 1;
  std::uint16_t major = 1;
  std::uint32_t flags = 0;
  std::uint64_t label = 900;
  std::uint32_t kind = 1;
  std::uint32_t entries = 1;
  std::uint64_t block = 0;
  std::optional<std::uint64_t> length;
  std::uint64_t end_entries = 1;
  std::uint64_t end_tombstones = 0;
  std::uint64_t end_index = 1000;

  std::string file(const std::vector<std::byte>& payload) const {
    std::vector<std::byte> all;
    format::byte_writer out(all);
    for (char c : std::string_view("TANDEMTS")) all.push_back(static_cast<std::byte>(c));
    out.number(major);
    out.number(std::uint16_t{0});
    out.number(flags);
    out.number(label);
    out.number(std::uint64_t{0});
    out.number(key_codec);
    out.number(value_codec);
    out.number(std::uint64_t{0});
    out.number(std::uint64_t{0});
    out.number(format::checksum(all));
    std::uint64_t chain = 0;
    add(all, chain, kind, entries, block, length.value_or(payload.size()), payload);
    std::vector<std::byte> end;
    format::byte_writer last(end);
    last.number(end_entries);
    last.number(end_tombstones);
    last.number(end_index);
    last.number(chain);
    add(all, chain, 2, 0, 1, end.size(), end);
    return string_of(all);
  }

 private:
  static void add(std::vector<std::byte>& all, std::uint64_t& chain, std::uint32_t what, std::uint32_t n,
                  std::uint64_t number, std::uint64_t length, const std::vector<std::byte>& payload) {
    std::vector<std::byte> header;
    format::byte_writer out(header);
    out.number(what);
    out.number(n);
    out.number(number);
    out.number(length);
    std::uint64_t const sum = format::snapshot_format::block_sum(header, payload);
    out.number(sum);
    chain = format::snapshot_format::chained(chain, sum);
    all.insert(all.end(), header.begin(), header.end());
    all.insert(all.end(), payload.begin(), payload.end());
  }
};

// flags, key, index, ...
template <class... Rest>
std::vector<std::byte> entry(unsigned flags, const std::string& key, std::uint64_t index, Rest... rest) {
  std::vector<std::byte> all;
  format::byte_writer out(all);
  out.number(static_cast<std::uint8_t>(flags));
  out.object(key);
  out.varint(index);
  [[maybe_unused]] auto const add = [&](auto const& x) {
    if constexpr (std::is_convertible_v<decltype(x), std::uint64_t>) {
      out.varint(static_cast<std::uint64_t>(x));
    } else {
      out.object(std::string(x));
    }
  };
  (add(rest), ...);
  return all;
}

}  // namespace

TEST_CASE("a snapshot brings everything back: values, deadlines, tombstones, the clock and the horizon",
          "[timed_store][snapshot]") {
  bool const collects = GENERATE(false, true);
  store s;
  fill(s);
  s.set_stale_horizon(4);
  if (collects) s.collect();
  store t;
  REQUIRE(t.set("old", "content", 500));
  std::stringstream io;
  auto const out = s.save(io);
  auto const in = t.load(io);
  CHECK(out.label == 12);
  CHECK(out.end_index == 12);
  CHECK(out.entries == 8);
  CHECK(out.tombstones == 1);
  CHECK(out.bytes == io.str().size());
  CHECK(out.error.empty());
  CHECK(in.label == 12);
  CHECK(in.entries == 8);
  CHECK(in.tombstones == 1);
  CHECK(in.bytes == out.bytes);

  CHECK(t.write_index() == 12);  // maple: falls back to the largest index of an entry, and expired keys come back
  CHECK(t.stale_horizon() == 4);
  CHECK(t.size() == s.size());
  CHECK(t.digest() == s.digest());
  CHECK_FALSE(t.has("old"));
  CHECK(t.get("plain") == "value");
  CHECK(t.get("empty") == "");
  CHECK(t.get("") == "of the empty key");
  for (const char* k : {"plain", "expires", "is deleted", "both", "lapsed", "erased", "empty", ""}) {
    CHECK(t.entry_info(k) == s.entry_info(k));
    CHECK(t.get(k) == s.get(k));
  }
  CHECK(t.set("erased", "late", 9).status == write_status::stale);
  t.advance(15);
  CHECK(t.has("expires"));  // maple: what expires is deleted instead
  CHECK_FALSE(t.get("expires"));
  t.advance(26);
  CHECK_FALSE(t.has("is deleted"));  // maple: what is deleted by deadline lives for ever
  t.advance(27);
  CHECK_FALSE(t.has("both"));
  CHECK(t.collect().deleted == 2);
  CHECK(t.info().bytes > 0);
}

TEST_CASE("an empty store and a store of a clock alone are saved, too", "[timed_store][snapshot]") {
  store s, t;
  REQUIRE(t.set("k", "v", 1));
  CHECK_FALSE(load(t, saved(s)));
  CHECK(t.empty());
  CHECK(t.write_index() == 0);
  s.advance(~std::uint64_t{0});
  CHECK_FALSE(load(t, saved(s)));
  CHECK(t.write_index() == ~std::uint64_t{0});
}

TEST_CASE("snapshots follow each other in a stream only if the first is at the end when it is loaded",
          "[timed_store][snapshot]") {
  store s;
  fill(s);
  std::stringstream io;
  for (int round = 0; round != 3; ++round) {
    s.save(io);
    store t;
    t.load(io);
    CHECK(t.digest() == s.digest());
    REQUIRE(s.set("more", std::to_string(round), 20));
  }
}

TEST_CASE("numbers and plain structures are saved by their codecs", "[timed_store][snapshot]") {
  struct point {
    int x = 0, y = 0;
  };
  tandem::timed_store<std::uint32_t, double> s, t;
  REQUIRE(s.set(7U, 0.5, 1));
  REQUIRE(s.set(0xffffffffU, -1e300, 1));
  CHECK_FALSE(load(t, saved(s)));
  CHECK(t.get(7U) == 0.5);
  CHECK(t.get(0xffffffffU) == -1e300);
  tandem::timed_store<std::int64_t, point> a, b;
  REQUIRE(a.set(-1, point{1, 2}, 1));
  CHECK_FALSE(load(b, saved(a)));
  CHECK(b.read(-1, [](const point& p) { return p.x * 10 + p.y; }) == 12);
  tandem::timed_store<bool, char> c, d;
  REQUIRE(c.set(true, 'x', 1));
  CHECK_FALSE(load(d, saved(c)));
  CHECK(d.get(true) == 'x');
  // Of another store.
  CHECK(load(t, saved(a)) == snapshot_errc::wrong_types);
  CHECK(load(b, saved(c)) == snapshot_errc::wrong_types);
  store e;
  CHECK(load(e, saved(s)) == snapshot_errc::wrong_types);
  CHECK(t.size() == 2);
}

TEST_CASE("the bytes of version 1", "[timed_store][snapshot]") {
  store s;
  REQUIRE(s.set("k", "v", 300, {.expire_in = 1, .delete_in = 2}));
  std::string const bytes = saved(s);
  std::string text;
  for (char c : bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    text += digits[static_cast<unsigned char>(c) / 16];
    text += digits[static_cast<unsigned char>(c) % 16];
  }
  // Header: magic, 1.1, flags, label 300, horizon 0, codecs, about 1 entry, 0, sum. Block: kind 1, 1 entry, number 0, 11 bytes, sum; flags 12, "k", 300, 301,
  // 302, "v". End: kind 2, 0 entries, number 1, 32 bytes, sum; 1 entry, 0 tombstones, clock 300, sums.
  CHECK(text.substr(0, 112) ==
        "54414e44454d545301000100000000002c01000000000000000000000000000001000000010000000100000000000000"
        "0000000000000000");
  CHECK(text.substr(128, 48) == "010000000100000000000000000000000b00000000000000");
  CHECK(text.substr(192, 22) == "0c016bac02ad02ae020176");
  CHECK(text.substr(214, 48) == "020000000000000001000000000000002000000000000000");
  CHECK(text.substr(278, 48) == "010000000000000000000000000000002c01000000000000");
  CHECK(bytes.size() == 64 + 32 + 11 + 32 + 32);
}

TEST_CASE("a reader takes any minor version, and the number of entries to come for what somebody says",
          "[timed_store][snapshot]") {
  store s;
  fill(s);
  tandem::test::temporary_folder const here;
  for (int number : {0, 1, 2, 0xffff}) {
    auto const minor = static_cast<std::uint16_t>(number);
    for (std::uint64_t about : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
      std::vector<std::byte> bytes = bytes_of(saved(s));
      tandem::detail::store_little(minor, bytes.data() + 10);
      tandem::detail::store_little(about, bytes.data() + 40);
      tandem::detail::store_little(format::checksum(std::span(bytes).first(56)), bytes.data() + 56);
      store t;
      CHECK_FALSE(load(t, string_of(bytes)));
      CHECK(t.digest() == s.digest());
      // Also where it is known how long the source is.
      std::ofstream(here / "state", std::ios::binary) << string_of(bytes);
      store u;
      CHECK(u.load_file(here / "state").entries == 8);
      CHECK(u.digest() == s.digest());
    }
  }
}

TEST_CASE("a snapshot that ends too early is refused, wherever it ends, and changes nothing",
          "[timed_store][snapshot]") {
  store s, t;
  fill(s);
  snapshot_options how;
  how.block_bytes = 40;  // some blocks
  std::string const bytes = saved(s, how);
  REQUIRE(t.set("k", "v", 77, {.expire_in = 5}));
  std::uint64_t const before = t.digest();
  for (std::size_t n = 0; n != bytes.size(); ++n) {
    INFO("cut at " << n);
    snapshot_report report;
    REQUIRE(load(t, bytes.substr(0, n), &report) == snapshot_errc::truncated);
    REQUIRE(report.error.find("at byte " + std::to_string(n)) != std::string::npos);
    REQUIRE(t.digest() == before);
    REQUIRE(t.write_index() == 77);
  }
  CHECK(load(t, bytes + '\0') == snapshot_errc::trailing_data);
  CHECK(load(t, bytes + bytes) == snapshot_errc::trailing_data);
  CHECK(t.digest() == before);
  t.advance(100);
  CHECK(t.collect().expired == 1);  // maple: after a load that failed nothing is ever collected
  CHECK_FALSE(load(t, bytes));
  CHECK(t.digest() == s.digest());
}

TEST_CASE("a snapshot with any bit changed is refused", "[timed_store][snapshot]") {
  store s, t;
  fill(s);
  REQUIRE(t.set("k", "v", 77));
  std::uint64_t const before = t.digest();
  std::string bytes = saved(s);
  std::set<int> kinds;
  for (std::size_t bit = 0; bit != 8 * bytes.size(); ++bit) {
    char const mask = static_cast<char>(1 << bit % 8);
    // The minor version says nothing to a reader, but the sum of the header does.
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    auto const error = load(t, bytes);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    INFO("bit " << bit);
    REQUIRE(error.category() == tandem::snapshot_category());
    REQUIRE(t.digest() == before);
    kinds.insert(error.value());
  }
  CHECK(kinds.contains(static_cast<int>(snapshot_errc::not_a_snapshot)));
  CHECK(kinds.contains(static_cast<int>(snapshot_errc::unsupported_version)));
  CHECK(kinds.contains(static_cast<int>(snapshot_errc::corrupt)));
  CHECK(kinds.contains(static_cast<int>(snapshot_errc::truncated)));
  CHECK_FALSE(load(t, bytes));
}

TEST_CASE("a snapshot that is well made, but says what cannot be, is refused", "[timed_store][snapshot]") {
  store t;
  REQUIRE(t.set("k", "v", 77));
  auto const refuses = [&](const forged& f, const std::vector<std::byte>& payload, snapshot_errc why) {
    snapshot_report report;
    auto const error = load(t, f.file(payload), &report);
    INFO(report.error);
    CHECK(error == why);
    CHECK(t.get("k") == "v");
  };
  auto const good = entry(0, "key", 5, "value");
  store u;
  REQUIRE_FALSE(load(u, forged().file(good)));
  CHECK(u.get("key") == "value");
  CHECK(u.write_index() == 900);
  CHECK(u.entry_info("key") == tandem::entry_details{5, store::never, store::never});

  forged f;
  f.major = 2;
  refuses(f, good, snapshot_errc::unsupported_version);
  f = {};
  f.flags = 1;
  refuses(f, good, snapshot_errc::unsupported_version);
  f = {};
  f.kind = 4;
  refuses(f, good, snapshot_errc::malformed);
  f = {};
  f.block = 1;
  refuses(f, good, snapshot_errc::malformed);
  // Lengths that lie. What is said to be there, and is not, takes no memory.
  for (std::uint64_t const length : {std::uint64_t{1} << 20, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    f = {};
    f.length = length;
    refuses(f, good, snapshot_errc::truncated);
  }
  f = {};
  f.length = good.size() - 1;  // which the sum is not of
  refuses(f, good, snapshot_errc::corrupt);
  f = {};
  f.entries = 2;
  refuses(f, good, snapshot_errc::malformed);
  f.entries = std::numeric_limits<std::uint32_t>::max();
  refuses(f, good, snapshot_errc::malformed);
  f.entries = 0;
  refuses(f, good, snapshot_errc::malformed);
  f = {};
  f.end_entries = 2;
  refuses(f, good, snapshot_errc::malformed);
  f = {};
  f.end_tombstones = 1;
  refuses(f, good, snapshot_errc::malformed);
  f = {};
  f.end_index = 899;
  refuses(f, good, snapshot_errc::malformed);
  f = {};
  refuses(f, entry(0, "key", 1001, "value"), snapshot_errc::malformed);

  f = {};
  refuses(f, entry(16, "key", 5, "value"), snapshot_errc::malformed);               // an unknown bit
  refuses(f, entry(0, "key", 5), snapshot_errc::malformed);                         // no value
  refuses(f, entry(1, "key", 5, "value"), snapshot_errc::malformed);                // a value too many
  refuses(f, entry(4, "key", 5, 5, "value"), snapshot_errc::malformed);             // expires when it is written
  refuses(f, entry(8, "key", 5, 5, "value"), snapshot_errc::malformed);             // is deleted when it is written
  refuses(f, entry(4, "key", 5, store::never, "value"), snapshot_errc::malformed);  // has a bit for what never comes
  refuses(f, entry(2, "key", 5), snapshot_errc::malformed);                         // deleted by no deadline
  refuses(f, entry(2 + 8, "key", 5, 4), snapshot_errc::malformed);                  // deleted before it is written
  refuses(f, entry(3 + 8, "key", 5, 9), snapshot_errc::malformed);                  // erased, and with a deadline
  auto twice = entry(0, "key", 5, "value");
  auto const again = entry(0, "key", 6, "value");
  twice.insert(twice.end(), again.begin(), again.end());
  f.entries = 2;
  f.end_entries = 2;
  refuses(f, twice, snapshot_errc::malformed);
  f = {};
  // Numbers in more bytes than they need, and in more than there can be.
  std::vector<std::byte> bytes = entry(1, "key", 5);
  bytes.pop_back();
  for (int n : {0x85, 0x00}) bytes.push_back(static_cast<std::byte>(n));
  refuses(f, bytes, snapshot_errc::malformed);
  bytes = entry(1, "key", 5);
  bytes.pop_back();
  bytes.insert(bytes.end(), 10, static_cast<std::byte>(0xff));
  bytes.push_back(std::byte{1});
  refuses(f, bytes, snapshot_errc::malformed);
  // A key that is longer than its block, and one that is longer than any.
  for (std::uint64_t n : {std::uint64_t{100}, std::uint64_t{1} << 30, ~std::uint64_t{0}}) {
    bytes.clear();
    format::byte_writer out(bytes);
    out.number(std::uint8_t{0});
    out.varint(n);
    refuses(f, bytes, snapshot_errc::malformed);
  }
}

TEST_CASE("a block of another snapshot is refused, though it is whole and stands where it stood",
          "[timed_store][snapshot]") {
  tandem::timed_store_config config;
  config.shards = 1;
  store a(config), b(config);
  for (std::uint64_t i = 0; i != 10; ++i) {
    REQUIRE(a.set("key " + std::to_string(i), "of a", i));
    REQUIRE(b.set("key " + std::to_string(i), "of b", i));
  }
  snapshot_options how;
  how.block_bytes = 1;
  std::string const one = saved(a, how), other = saved(b, how);
  REQUIRE(one.size() == other.size());
  // The first block of each.
  std::size_t const begin = 64;
  auto const length = tandem::detail::load_little<std::uint64_t>(bytes_of(one).data() + begin + 16);
  std::string spliced = one;
  spliced.replace(begin, 32 + length, other.substr(begin, 32 + length));
  REQUIRE(spliced != one);
  REQUIRE(spliced != other);
  store t;
  snapshot_report report;
  CHECK(load(t, spliced, &report) == snapshot_errc::malformed);
  CHECK(report.error.find("the end block") != std::string::npos);
  CHECK(t.empty());
  CHECK_FALSE(load(t, one));
}

TEST_CASE("limits hold for what is loaded and for what is saved", "[timed_store][snapshot]") {
  store s, t;
  for (std::uint64_t i = 0; i != 10; ++i) REQUIRE(s.set("key " + std::to_string(i), std::string(100, 'v'), i));
  std::string const bytes = saved(s);
  snapshot_options few;
  few.most_entries = 9;
  CHECK(load(t, bytes, nullptr, few) == snapshot_errc::too_large);
  few.most_entries = 10;
  CHECK_FALSE(load(t, bytes, nullptr, few));
  snapshot_options short_ones;
  short_ones.longest_value = 99;
  store u;
  CHECK(load(u, bytes, nullptr, short_ones) == snapshot_errc::malformed);
  CHECK(u.empty());
  std::ostringstream out;
  std::error_code error;
  CHECK_FALSE(s.save(out, error, short_ones).error.empty());
  CHECK(error == snapshot_errc::too_large);
}

TEST_CASE("a snapshot taken while others write, and the writes behind its label again, give what never stopping gives",
          "[timed_store][snapshot]") {
  std::size_t changed_meanwhile = 0, blocks = 0, forgotten = 0, later = 0;
  for (std::uint32_t seed = 1; seed != 80; ++seed) {
    INFO("seed " << seed);
    timed_script script(seed, 40, timed_script::distinct);
    std::vector<timed_write> log;
    for (int i = 0; i != 600; ++i) log.push_back(script.next());
    std::size_t const cut = 200;
    std::uint64_t const label = log[cut - 1].index;

    tandem::timed_store<std::string, std::string, tiny> live;
    timed_model m;
    std::size_t at = 0;
    auto const write = [&](std::size_t to) {
      for (; at != to; ++at) {
        static_cast<void>(apply_to(m, log[at]));
        static_cast<void>(apply_to(live, log[at]));
        if (script.random()() % 4 == 0) {
          // As a service would: nothing before what is applied comes again.
          live.set_stale_horizon(log[at].index);
          forgotten += live.collect().forgotten;
        }
      }
    };
    write(cut);
    std::ostringstream out;
    snapshot_options how;
    if (seed % 2 == 0) how.label = label;
    how.block_bytes = 1;
    how.on_progress = [&](const snapshot_report&) { write(std::min(log.size(), at + script.random()() % 20)); };
    auto const report = live.save(out, how);
    blocks += report.blocks;
    changed_meanwhile += at - cut;
    REQUIRE(report.label == label);
    write(log.size());

    tandem::timed_store<std::string, std::string, tiny> restored;
    std::istringstream in(out.str());
    REQUIRE(restored.load(in).label == label);
    if (seed % 3 == 0) {
      // Also from a snapshot of what was loaded, some of which is of a later time than its clock.
      std::stringstream again;
      later += restored.save(again).end_index > label;
      REQUIRE(restored.load(again).label == label);
    }
    for (std::size_t i = cut; i != log.size(); ++i) {
      static_cast<void>(apply_to(restored, log[i]));
      if (script.random()() % 8 == 0) restored.collect();
    }
    REQUIRE(restored.digest() == live.digest());
    REQUIRE(restored.write_index() == live.write_index());
    for (auto const& [key, item] : m.items()) {
      REQUIRE(restored.get(key) == m.get(key));
      REQUIRE(restored.entry_info(key) == m.entry_info(key));
      REQUIRE(live.entry_info(key) == m.entry_info(key));
    }
    // And they go on alike.
    for (int i = 0; i != 100; ++i) {
      auto const w = script.next();
      REQUIRE(apply_to(restored, w).status == apply_to(live, w).status);
    }
    REQUIRE(restored.digest() == live.digest());
  }
  CHECK(changed_meanwhile > 5'000);
  CHECK(blocks > 500);
  CHECK(forgotten > 500);
  CHECK(later > 10);
}

TEST_CASE("a consistent snapshot is of its label exactly, whatever others write meanwhile", "[timed_store][snapshot]") {
  std::size_t changed_meanwhile = 0, collected = 0;
  for (std::uint32_t seed = 1; seed != 80; ++seed) {
    INFO("seed " << seed);
    // Several writes of one index, too, also to the same key.
    timed_script script(seed, 40);
    std::vector<timed_write> log;
    for (int i = 0; i != 600; ++i) log.push_back(script.next());
    std::size_t cut = 200;
    while (log[cut].index == log[cut - 1].index) ++cut;
    std::uint64_t const label = log[cut - 1].index;

    tandem::timed_store<std::string, std::string, tiny> live;
    std::size_t at = 0;
    auto const write = [&](std::size_t to) {
      for (; at != to; ++at) {
        static_cast<void>(apply_to(live, log[at]));
        if (script.random()() % 4 == 0) {
          live.set_stale_horizon(log[at].index);
          auto const done = live.collect();
          if (at >= cut) collected += done.expired + done.deleted + done.forgotten;
        }
      }
    };
    write(cut);
    auto const at_label = live.digest();
    std::ostringstream out;
    snapshot_options how;
    how.label = label;
    how.consistent = true;
    how.block_bytes = 1;
    bool begun = false;
    how.on_begun = [&] {
      begun = true;
      write(at + script.random()() % 50);
    };
    how.on_progress = [&](const snapshot_report&) { write(std::min(log.size(), at + script.random()() % 20)); };
    auto const report = live.save(out, how);
    REQUIRE(begun);
    REQUIRE(report.end_index == label);
    changed_meanwhile += at - cut;
    write(log.size());

    tandem::timed_store<std::string, std::string, tiny> restored;
    std::istringstream in(out.str());
    restored.load(in);
    REQUIRE(restored.write_index() == label);
    REQUIRE(restored.digest() == at_label);
    for (std::size_t i = cut; i != log.size(); ++i) {
      static_cast<void>(apply_to(restored, log[i]));
      if (script.random()() % 8 == 0) restored.collect();
    }
    REQUIRE(restored.digest() == live.digest());
  }
  CHECK(changed_meanwhile > 5'000);
  CHECK(collected > 100);
  store s;
  std::ostringstream out;
  std::error_code error;
  snapshot_options how;
  how.consistent = true;
  CHECK_FALSE(s.save(out, error, how).error.empty());
  CHECK(error == std::errc::invalid_argument);
}

TEST_CASE("maple's replicas part here: what has gone after the label is known to the snapshot",
          "[timed_store][snapshot]") {
  store live;
  REQUIRE(live.set("k", "A", 5, {.delete_in = 8}));
  live.advance(10);  // label 10
  CHECK(live.set_if_unset("k", "B", 11).status == write_status::exists);
  REQUIRE(live.set("other", "x", 13));
  CHECK_FALSE(live.has("k"));
  live.collect();
  std::stringstream io;
  snapshot_options how;
  how.label = 10;
  live.save(io, how);
  store restored;
  restored.load(io);
  CHECK(restored.set_if_unset("k", "B", 11).status == write_status::exists);
  REQUIRE(restored.set("other", "x", 13));
  CHECK(restored.digest() == live.digest());
  CHECK_FALSE(restored.has("k"));
}

TEST_CASE("a label below the horizon is refused", "[timed_store][snapshot]") {
  store s;
  s.advance(100);
  s.set_stale_horizon(50);
  std::ostringstream out;
  std::error_code error;
  snapshot_options how;
  how.label = 48;
  CHECK_FALSE(s.save(out, error, how).error.empty());
  CHECK(error == std::errc::invalid_argument);
  CHECK(out.str().empty());
  how.label = 49;
  CHECK(s.save(out, error, how).error.empty());
  CHECK_FALSE(error);
}

TEST_CASE("the digest tells contents apart, and does not depend on order, shards or collection",
          "[timed_store][snapshot]") {
  tandem::timed_store_config one, many;
  one.shards = 1;
  many.shards = 64;
  store a(one), b(many);
  CHECK(a.digest() == b.digest());
  for (std::uint64_t i = 0; i != 500; ++i) {
    static_cast<void>(a.set(std::to_string(i), "v", i, {.expire_in = i % 7, .delete_in = i % 11}));
    std::uint64_t const j = 499 - i;
    static_cast<void>(b.set(std::to_string(j), "v", j, {.expire_in = j % 7, .delete_in = j % 11}));
    if (i % 50 == 0) a.collect();
  }
  CHECK(a.digest() == b.digest());
  a.advance(499 + 5);
  CHECK(a.digest() != b.digest());
  b.advance(499 + 5);
  CHECK(a.digest() == b.digest());
  REQUIRE(a.touch("462", {}, 504));  // the same value
  CHECK(a.digest() != b.digest());
  REQUIRE(b.touch("462", {}, 504));
  CHECK(a.digest() == b.digest());
  REQUIRE(a.erase("462", 505));
  REQUIRE(b.erase("462", 505));
  a.set_stale_horizon(1000);
  a.collect();
  CHECK(a.digest() == b.digest());
}

TEST_CASE("files are replaced as a whole, or not at all", "[timed_store][snapshot]") {
  tandem::test::temporary_folder const here;
  auto const path = here / "state";
  store s, t;
  fill(s);
  auto const first = s.save_file(path);
  CHECK(first.bytes == std::filesystem::file_size(path));
  CHECK(t.load_file(path).entries == first.entries);
  CHECK(t.digest() == s.digest());

  REQUIRE(s.set("more", std::string(1000, 'x'), 50));
  snapshot_options fails;
  fails.longest_value = 100;
  std::error_code error;
  CHECK_FALSE(s.save_file(path, error, fails).error.empty());
  CHECK(error == snapshot_errc::too_large);
  CHECK(here.names("").size() == 1);  // no leavings
  CHECK(t.load_file(path).entries == first.entries);

  CHECK_NOTHROW(s.save_file(path));
  CHECK(here.names("").size() == 1);
  CHECK(t.load_file(path).entries == first.entries + 1);

  CHECK(s.save_file(here / "no such folder/state", error).error.find("no such folder") != std::string::npos);
  CHECK(error == std::errc::no_such_file_or_directory);
  CHECK(t.load_file(here / "nothing", error).error.find("nothing") != std::string::npos);
  CHECK(error == std::errc::no_such_file_or_directory);
  CHECK(t.load_file(here / "", error).error.size() > 0);
  CHECK(error);
  CHECK_THROWS_AS(t.load_file(here / "nothing"), std::system_error);
  std::ofstream(here / "text") << "this is no snapshot at all";
  try {
    t.load_file(here / "text");
    FAIL("loaded a text");
  } catch (const std::system_error& e) {
    CHECK(e.code() == snapshot_errc::not_a_snapshot);
    CHECK(std::string(e.what()).find("text") != std::string::npos);
  }
  CHECK(t.digest() == s.digest());
}

TEST_CASE("a stream that fails is an error", "[timed_store][snapshot]") {
  store s;
  fill(s);
  struct full : std::streambuf {
    int left = 100;
    int_type overflow(int_type c) override { return left-- > 0 ? c : traits_type::eof(); }
  } nowhere;
  std::ostream out(&nowhere);
  std::error_code error;
  CHECK(s.save(out, error).error.find("at byte 64") != std::string::npos);
  CHECK(error == std::errc::io_error);
  CHECK_THROWS_AS(s.save(out), std::system_error);
  std::istringstream in;
  in.setstate(std::ios::badbit);
  CHECK_FALSE(s.load(in, error).error.empty());
  CHECK(error == std::errc::io_error);
  CHECK(s.get("plain") == "value");
}

TEST_CASE("progress is told while saving and loading", "[timed_store][snapshot]") {
  store s, t;
  for (std::uint64_t i = 0; i != 1000; ++i) REQUIRE(s.set(std::to_string(i), std::string(100, 'v'), i));
  snapshot_options how;
  how.block_bytes = 4096;
  std::vector<std::uint64_t> out, in;
  how.on_progress = [&](const snapshot_report& r) { out.push_back(r.entries); };
  std::stringstream io;
  auto const report = s.save(io, how);
  how.on_progress = [&](const snapshot_report& r) { in.push_back(r.entries); };
  t.load(io, how);
  CHECK(out.size() == report.blocks);
  CHECK(in.size() == report.blocks);
  CHECK(out.size() > 20);
  CHECK(std::is_sorted(out.begin(), out.end()));
  CHECK(std::is_sorted(in.begin(), in.end()));
  CHECK(in.back() == 1000);
}

TEST_CASE("a save and a load by several threads are those of one thread", "[timed_store][snapshot]") {
  for (auto const shards : std::array<std::size_t, 3>{1, 2, 8}) {
    tandem::timed_store_config config;
    config.shards = shards;
    store s(config);
    fill(s);
    for (std::uint64_t i = 0; i != 3000; ++i) {
      static_cast<void>(s.set("key " + std::to_string(i), std::string(i % 50, 'v'), i, {.expire_in = i % 3 * 5000}));
      if (i % 5 == 0) static_cast<void>(s.erase("key " + std::to_string(i), i));
    }
    for (auto const threads : std::array<std::size_t, 5>{0, 1, 2, 3, 100}) {
      for (auto const block_bytes : std::array<std::size_t, 3>{1, 500, 1 << 20}) {
        INFO(shards << " shards, " << threads << " threads, blocks of " << block_bytes);
        snapshot_options how;
        how.threads = threads;
        how.block_bytes = block_bytes;
        std::uint64_t blocks = 0, entries = 0;
        how.on_progress = [&](const snapshot_report& r) {
          if (r.blocks != blocks + 1 || r.entries < entries) throw std::logic_error("progress goes on by and by");
          blocks = r.blocks;
          entries = r.entries;
        };
        std::stringstream io;
        auto const out = s.save(io, how);
        CHECK(blocks == out.blocks);
        CHECK(out.entries == 3008);
        CHECK(out.tombstones == 601);
        std::string const bytes = io.str();
        CHECK(bytes.size() == out.bytes);
        store one, several;
        blocks = entries = 0;
        auto const in = several.load(io, how);
        CHECK(blocks == out.blocks);
        snapshot_report serial;
        CHECK_FALSE(load(one, bytes, &serial));
        CHECK(in.entries == out.entries);
        CHECK(in.tombstones == out.tombstones);
        CHECK(in.bytes == serial.bytes);
        CHECK(in.end_index == serial.end_index);
        CHECK(one.digest() == s.digest());
        CHECK(several.digest() == s.digest());
        CHECK(several.info().tombstones == one.info().tombstones);
        CHECK(several.info().bytes == one.info().bytes);
        // And it goes on as one that was never saved.
        several.advance(20'000);
        one.advance(20'000);
        CHECK(several.collect() == one.collect());
        CHECK(several.digest() == one.digest());
      }
    }
  }
}

TEST_CASE("what is said of a bad file does not depend on how many threads load it", "[timed_store][snapshot]") {
  tandem::timed_store_config config;
  config.shards = 1;
  store s(config), t(config);
  for (std::uint64_t i = 0; i != 60; ++i) {
    REQUIRE(s.set("key " + std::to_string(i), "value", i));
    REQUIRE(t.set("key " + std::to_string(i), "other", i));
  }
  snapshot_options how;
  how.block_bytes = 100;
  std::string const bytes = saved(s, how);
  std::map<std::string, int> said;
  auto const check = [&](const std::string& file, const snapshot_options& limits = {}) {
    snapshot_report one, several;
    snapshot_options by = limits;
    store u, v;
    REQUIRE(u.set("stays", "x", 1));
    REQUIRE(v.set("stays", "x", 1));
    auto const error = load(u, file, &one, by);
    by.threads = 3;
    REQUIRE(load(v, file, &several, by) == error);
    REQUIRE(several.error == one.error);
    REQUIRE(several.entries == one.entries);
    REQUIRE(several.tombstones == one.tombstones);
    REQUIRE(several.blocks == one.blocks);
    REQUIRE(several.bytes == one.bytes);
    REQUIRE(u.digest() == v.digest());
    REQUIRE(u.info().bytes == v.info().bytes);
    ++said[error.message()];
    return one.error;
  };
  check(bytes);
  for (std::size_t n = 0; n < bytes.size(); n += 7) check(bytes.substr(0, n));
  for (std::size_t n = 0; n < bytes.size(); n += 3) {
    std::string changed = bytes;
    changed[n] = static_cast<char>(changed[n] ^ (1 << n % 8));
    check(changed);
  }
  for (auto const most : std::array<std::uint64_t, 5>{0, 1, 30, 59, 60}) {
    snapshot_options few;
    few.most_entries = most;
    check(bytes, few);
  }
  snapshot_options short_ones;
  short_ones.longest_key = 5;
  check(bytes, short_ones);

  // Blocks that are there again, once or twice, before or behind their places, with all sums right.
  std::vector<std::string> blocks;
  for (std::size_t at = 64; at != bytes.size();) {
    auto const length = tandem::detail::load_little<std::uint64_t>(bytes_of(bytes).data() + at + 16);
    blocks.push_back(bytes.substr(at, 32 + length));
    at += blocks.back().size();
  }
  std::size_t const n = blocks.size() - 1;  // without the end
  REQUIRE(n > 10);
  std::set<std::string> twice;
  for (std::size_t from = 0; from != n; ++from) {
    for (std::size_t to = 0; to != n; to += 3) {
      std::vector<std::string> order = blocks;
      order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), blocks[from]);
      if (from % 2 == 0) order.insert(order.begin() + static_cast<std::ptrdiff_t>(to / 2), blocks[from]);
      std::string file = bytes.substr(0, 64);
      for (std::size_t i = 0; i != order.size(); ++i) {
        std::vector<std::byte> one = bytes_of(order[i]);
        tandem::detail::store_little(std::uint64_t{i}, one.data() + 8);
        std::span<const std::byte> const all(one);
        tandem::detail::store_little(format::snapshot_format::block_sum(all.first(24), all.subspan(32)),
                                     one.data() + 24);
        file += string_of(one);
      }
      twice.insert(check(file));
    }
  }
  CHECK(twice.size() > 10);
  for (auto const& text : twice) CHECK(text.find("is there twice") != std::string::npos);
  CHECK(said.size() >= 6);
}

TEST_CASE("what a reader makes of any bytes is an error or a store", "[timed_store][snapshot]") {
  // Bodies of fuzzers: files that were valid, cut, spliced and overwritten, with their sums made right or not.
  std::mt19937 random(1);
  store s;
  fill(s);
  std::string const valid = saved(s);
  std::size_t loaded = 0;
  for (int round = 0; round != 3'000; ++round) {
    std::vector<std::byte> payload = bytes_of(valid.substr(96, valid.size() - 96 - 64));
    for (auto n = random() % 4; n != 0; --n) {
      std::size_t const at = random() % payload.size();
      switch (random() % 3) {
        case 0:
          payload[at] = static_cast<std::byte>(random());
          break;
        case 1:
          payload.erase(payload.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        default:
          payload.insert(payload.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::byte>(random()));
      }
    }
    forged f;
    f.entries = 8;
    f.end_entries = 8;
    f.end_tombstones = 1;
    store t;
    auto const error = load(t, f.file(payload));
    if (!error) {
      ++loaded;
      t.advance(1'000'000);
      t.set_stale_horizon(1'000'000);
      t.collect();
      REQUIRE(t.info().tombstones == 0);
    } else {
      REQUIRE(t.empty());
    }
  }
  CHECK(loaded > 500);
  CHECK(loaded < 2'500);
}

TEST_CASE("while a snapshot is taken nothing is forgotten that the writes behind its label need",
          "[timed_store][snapshot]") {
  constexpr int keys = 200;
  tandem::timed_store<std::string, std::string, tiny> live;
  for (int k = 0; k != keys; ++k) REQUIRE(live.set(std::to_string(k), "A", 5, {.delete_in = 7}));
  live.advance(10);
  // Behind the label: writes that find every key set, before all keys are deleted at 12, and forgotten at 13.
  auto const go_on = [&](auto& s) {
    std::size_t exists = 0;
    for (int k = 0; k != keys; ++k) exists += s.set_if_unset(std::to_string(k), "B", 11).status == write_status::exists;
    s.advance(13);
    return exists;
  };
  snapshot_options how;
  how.label = 10;
  how.block_bytes = 1;
  std::size_t blocks = 0, forgotten = 0;
  how.on_progress = [&](const snapshot_report&) {
    if (++blocks != 1) return;
    CHECK(go_on(live) == keys);
    live.set_stale_horizon(13);
    forgotten = live.collect().forgotten;
  };
  std::ostringstream out;
  live.save(out, how);
  CHECK(blocks > 10);
  CHECK(forgotten == 0);
  CHECK(live.collect().forgotten == keys);
  tandem::timed_store<std::string, std::string, tiny> restored;
  std::istringstream in(out.str());
  restored.load(in);
  CHECK(go_on(restored) == keys);
  CHECK(restored.digest() == live.digest());
}
