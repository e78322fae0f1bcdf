// The format of durable_store's files. A second reader and a second writer, made from the documentation in store/segment.hpp and
// from nothing else of the library, meet what the store writes and reads.
#include <tandem/durable_store.hpp>
#include <tandem/store/segment.hpp>
#include <tandem/store/segment_reader.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <xxhash.h>

namespace {

using namespace tandem::test;
using tandem::durability;
using tandem::durable_options;
using store = tandem::durable_store<>;

// ---- From the documentation.

std::uint64_t number_at(const std::string& bytes, std::size_t at, std::size_t length = 8) {
  std::uint64_t n = 0;
  for (std::size_t i = length; i != 0; --i) n = n << 8 | static_cast<unsigned char>(bytes.at(at + i - 1));
  return n;
}
std::uint64_t sum_of(const std::string& bytes, std::size_t at, std::size_t length, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data() + at, length, seed);
}

struct read_record {
  std::size_t at = 0;
  int type = 0;
  std::uint64_t version = 0, seq = 0, synced = 0;
  std::string key, value;
};
struct read_segment {
  std::string magic;
  std::uint64_t lane = 0, number = 0, salt = 0, previous_end = 0, key_codec = 0, value_codec = 0;
  std::string store_id;
  std::vector<read_record> records;  // with seals
  std::size_t end = 0;               // of what is whole
};

std::optional<read_segment> read_it(const std::string& bytes) {
  if (bytes.size() < 96 || number_at(bytes, 88) != sum_of(bytes, 0, 88)) return std::nullopt;
  if (number_at(bytes, 8, 2) != 1) return std::nullopt;
  read_segment s;
  s.magic = bytes.substr(0, 8);
  s.lane = number_at(bytes, 12, 4);
  s.store_id = bytes.substr(16, 16);
  s.number = number_at(bytes, 32);
  s.salt = number_at(bytes, 40);
  s.previous_end = number_at(bytes, 48);
  s.key_codec = number_at(bytes, 56, 4);
  s.value_codec = number_at(bytes, 60, 4);
  for (s.end = 96; bytes.size() - s.end >= 64;) {
    std::size_t const at = s.end;
    if (number_at(bytes, at) != s.salt || number_at(bytes, at + 8) != sum_of(bytes, at + 16, 48, s.salt)) break;
    std::uint64_t const key = number_at(bytes, at + 48, 4), value = number_at(bytes, at + 56);
    if (bytes.size() - at - 64 < key + value) break;
    if (number_at(bytes, at + 16) != sum_of(bytes, at + 64, key + value)) break;
    s.records.push_back({at, static_cast<int>(number_at(bytes, at + 52, 1)), number_at(bytes, at + 24),
                         number_at(bytes, at + 32), number_at(bytes, at + 40), bytes.substr(at + 64, key),
                         bytes.substr(at + 64 + key, value)});
    s.end = at + 64 + key + value;
  }
  return s;
}

void put_number(std::string& to, std::uint64_t n, std::size_t length = 8) {
  for (std::size_t i = 0; i != length; ++i) to += static_cast<char>(n >> (8 * i));
}
std::string header_of(std::uint64_t number, std::uint64_t salt, std::uint64_t previous_end) {
  std::string h = "TANDEMDL";
  put_number(h, 1, 2);
  put_number(h, 7, 2);  // a later minor version
  put_number(h, 0, 4);
  h += "0123456789abcdef";
  put_number(h, number);
  put_number(h, salt);
  put_number(h, previous_end);
  put_number(h, 1, 4);
  put_number(h, 1, 4);
  h.append(24, '\0');
  put_number(h, sum_of(h, 0, 88));
  return h;
}
std::string record_of(std::uint64_t salt, int type, std::uint64_t version, std::uint64_t seq, std::uint64_t synced,
                      const std::string& key, const std::string& value) {
  std::string const payload = key + value;
  std::string rest;
  put_number(rest, sum_of(payload, 0, payload.size()));
  put_number(rest, version);
  put_number(rest, seq);
  put_number(rest, synced);
  put_number(rest, key.size(), 4);
  put_number(rest, static_cast<std::uint64_t>(type), 1);
  put_number(rest, 0, 3);
  put_number(rest, value.size());
  std::string r;
  put_number(r, salt);
  put_number(r, sum_of(rest, 0, 48, salt));
  return r + rest + payload;
}

// ---- For the library's reader.

using reader = tandem::store::segment_reader<tandem::posix_file_system::file_type>;
using outcome = reader::outcome;

tandem::posix_file_system::file_type open_it(const std::filesystem::path& path) {
  std::error_code error;
  auto file = tandem::posix_file_system().open(path, tandem::open_mode::read, error);
  REQUIRE_FALSE(error);
  return file;
}

}  // namespace

TEST_CASE("another reader finds in the files what was put", "[durable_store][format]") {
  temporary_folder folder;
  durable_options o;
  o.rotate_records = 4;
  using write = std::tuple<int, std::string, std::uint64_t, std::string>;
  std::vector<write> writes;
  {
    store s = store::open(folder.path(), o);
    for (std::uint64_t i = 0; i != 10; ++i) {
      std::string const key = "key " + std::to_string(i % 3);
      if (i % 4 == 3) {
        s.erase(key, 100 - i);
        writes.emplace_back(2, key, 100 - i, "");
      } else {
        s.put(key, std::string(i * 100, 'v'), 100 + i);
        writes.emplace_back(1, key, 100 + i, std::string(i * 100, 'v'));
      }
    }
  }
  auto const names = folder.names(".log");
  REQUIRE(names == std::vector<std::string>{"L0-00000000000000000001.log", "L0-00000000000000000002.log",
                                            "L0-00000000000000000003.log"});
  std::vector<write> found;
  std::set<std::uint64_t> salts;
  std::string id;
  std::uint64_t before = 0, seq = 0;
  for (std::size_t i = 0; i != names.size(); ++i) {
    std::string const bytes = bytes_of(folder / names[i]);
    auto const s = read_it(bytes);
    REQUIRE(s);
    CHECK(s->magic == "TANDEMDL");
    CHECK(s->lane == 0);
    CHECK(s->number == i + 1);
    CHECK(s->key_codec == 1);
    CHECK(s->value_codec == 1);
    CHECK(s->previous_end >= before);
    CHECK(s->end == bytes.size());
    CHECK(salts.insert(s->salt).second);
    if (id.empty()) id = s->store_id;
    CHECK(s->store_id == id);
    std::uint64_t lowest = ~std::uint64_t{0}, highest = 0;
    for (const read_record& r : s->records) {
      if (r.type == 3) continue;
      CHECK(r.seq == ++seq);
      CHECK(r.synced == r.at);  // each put has waited for its sync
      found.emplace_back(r.type, r.key, r.version, r.value);
      lowest = std::min(lowest, r.version);
      highest = std::max(highest, r.version);
    }
    const read_record& seal = s->records.back();
    REQUIRE(seal.type == 3);
    CHECK(number_at(seal.value, 0) == s->records.size() - 1);
    CHECK(number_at(seal.value, 8) == seal.at);
    CHECK(number_at(seal.value, 16) == lowest);
    CHECK(number_at(seal.value, 24) == highest);
    CHECK(seal.value.size() == 32);
    CHECK(seal.synced == seal.at);
    before = seal.at;
  }
  CHECK(found == writes);
}

TEST_CASE("another reader finds in a checkpoint what is newest, and what it covers", "[durable_store][format]") {
  temporary_folder folder;
  durable_options o;
  o.rotate_records = 4;
  store s = store::open(folder.path(), o);
  for (std::uint64_t i = 0; i != 10; ++i) s.put("k" + std::to_string(i % 4), "v" + std::to_string(i), i);
  s.erase("k0", 50);
  s.checkpoint();
  std::string const bytes = bytes_of(folder / "checkpoint-00000000000000000001.image");
  auto const image = read_it(bytes);
  REQUIRE(image);
  CHECK(image->magic == "TANDEMDC");
  CHECK(image->end == bytes.size());
  REQUIRE(image->records.size() == 6);
  const read_record& positions = image->records.front();
  CHECK(positions.type == 4);
  CHECK(number_at(positions.value, 0) == 12);
  CHECK(number_at(positions.value, 8, 4) == 1);
  CHECK(number_at(positions.value, 12, 4) == 0);
  CHECK(number_at(positions.value, 16) == 3);
  CHECK(positions.value.size() == 24);
  std::map<std::string, std::pair<std::string, std::uint64_t>> found;
  for (const read_record& r : image->records) {
    if (r.type == 1) found[r.key] = {r.value, r.seq};
    if (r.type == 2) CHECK((r.key == "k0" && r.version == 50 && r.seq == 11 && r.value.empty()));
  }
  CHECK(found == std::map<std::string, std::pair<std::string, std::uint64_t>>{
                     {"k1", {"v9", 10}}, {"k2", {"v6", 7}}, {"k3", {"v7", 8}}});
  CHECK(image->records.back().type == 3);
}

TEST_CASE("a store opens what another writer has written", "[durable_store][format]") {
  temporary_folder folder;
  std::uint64_t const one = 0x1234567890abcdef, two = 42;
  std::string first = header_of(1, one, 0) + record_of(one, 1, 7, 5, 96, "a", "later of two") +
                      record_of(one, 1, 9, 3, 96, "b", "newest");
  std::size_t const counts = first.size();
  first += record_of(one, 1, 100, 9, 96, "a", "does not count") + "and whatever a failed sync has left";
  std::string const second = header_of(2, two, counts) + record_of(two, 1, 7, 4, 96, "a", "first of two") +
                             record_of(two, 2, 8, 6, 96, "b", "") + record_of(two, 2, 1, 7, 96, "c", "") +
                             record_of(two, 1, 7, 4, 96, "a", "first of two") +
                             record_of(one, 1, 9, 9, 96, "a", "other salt");
  write_bytes(folder / "L0-00000000000000000001.log", first);
  write_bytes(folder / "L0-00000000000000000002.log", second);
  store s = store::open(folder.path());
  CHECK(s.get("a") == "first of two");
  CHECK(s.get("b") == "newest");
  CHECK(s.size() == 2);
  CHECK(s.stats().tombstones == 1);
  CHECK(s.recovery().records == 6);
  CHECK(s.recovery().torn_bytes == 64 + 1 + 10);
  s.put("d", "v", 1);
  s.close();
  auto const last = read_it(bytes_of(folder / "L0-00000000000000000003.log"));
  REQUIRE(last);
  CHECK(last->store_id == "0123456789abcdef");
  CHECK(last->records.front().seq > 7);
}

TEST_CASE("records larger than the window are read, and lengths that lie cost nothing", "[durable_store][format]") {
  temporary_folder folder;
  std::uint64_t const salt = 77;
  std::string const large((std::size_t{3} << 20) + 17, 'x');
  std::string bytes = header_of(1, salt, 0);
  std::vector<std::size_t> places;
  for (int i = 0; i != 5; ++i) {
    places.push_back(bytes.size());
    bytes += record_of(salt, 1, 1, 1, 96, "key " + std::to_string(i), i % 2 == 0 ? large : "small");
  }
  std::size_t const liar = bytes.size();
  std::string lies = record_of(salt, 1, 1, 1, 96, "k", "");
  put_number(lies = lies.substr(0, 56), std::uint64_t{1} << 62);
  std::string sum;
  put_number(sum, sum_of(lies, 16, 48, salt));
  lies.replace(8, 8, sum);
  bytes += lies + "k";
  write_bytes(folder / "file", bytes);

  auto file = open_it(folder / "file");
  std::error_code error;
  reader r(file, bytes.size(), salt);
  for (std::size_t i = 0; i != 5; ++i) {
    CHECK(r.place() == places[i]);
    REQUIRE(r.next(error) == outcome::record);
    CHECK(r.key().size() == 5);
    CHECK(r.value().size() == (i % 2 == 0 ? large.size() : 5));
  }
  CHECK(r.next(error) == outcome::bad);
  CHECK(r.place() == liar);
  CHECK(r.reason() == "the end comes within a record");
  CHECK_FALSE(r.find_after(r.place(), error));
  CHECK(r.next(error) == outcome::end);

  // From any place to the next whole record.
  for (std::size_t i = 0; i != 5; ++i) {
    std::size_t const from = i == 0 ? 0 : places[i - 1];
    REQUIRE(r.find_after(from, error));
    CHECK(r.place() == places[i]);
    REQUIRE(r.next(error) == outcome::record);
    if (i == 0) continue;
    REQUIRE(r.find_after(places[i] - 1, error));
    CHECK(r.place() == places[i]);
  }
  CHECK_FALSE(error);
}

TEST_CASE("a damaged bit is found wherever it is", "[durable_store][format]") {
  temporary_folder folder;
  std::uint64_t const salt = 3;
  std::string const before = header_of(1, salt, 0);
  std::string const whole = before + record_of(salt, 1, 1, 1, 96, "key", "value");
  for (std::size_t at = before.size(); at != whole.size(); ++at) {
    for (int bit = 0; bit != 8; ++bit) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      std::optional<tandem::store::record_header> const h =
          tandem::store::decode_record(reinterpret_cast<const std::byte*>(bytes.data()) + before.size(), salt);
      bool const in_header = at < before.size() + 64;
      REQUIRE(h.has_value() == !in_header);
      if (at % 7 != 0 || in_header) continue;
      write_bytes(folder / "file", bytes);
      auto file = open_it(folder / "file");
      std::error_code error;
      reader r(file, bytes.size(), salt);
      REQUIRE(r.next(error) == outcome::bad);
    }
  }
  for (std::size_t at = 0; at != before.size(); ++at) {
    std::string bytes = before;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    REQUIRE_FALSE(tandem::store::decode_header(std::as_bytes(std::span(bytes))));
  }
  CHECK(tandem::store::decode_header(std::as_bytes(std::span(before))));
  CHECK_FALSE(tandem::store::decode_header(std::as_bytes(std::span(before)).first(95)));
}

TEST_CASE("names are parsed as they are made, and no others", "[durable_store][format]") {
  using tandem::store::parse_name;
  using kind = tandem::store::parsed_name::kind;
  for (std::uint64_t n : {std::uint64_t{1}, std::uint64_t{12345678901}, ~std::uint64_t{0}}) {
    for (std::uint32_t lane : {0U, 7U, ~0U}) {
      auto const p = parse_name(tandem::store::segment_name(lane, n));
      REQUIRE(p);
      CHECK((p->what == kind::segment && p->lane == lane && p->number == n));
    }
    auto const c = parse_name(tandem::store::checkpoint_name(n));
    REQUIRE(c);
    CHECK((c->what == kind::checkpoint && c->number == n));
    auto const t = parse_name(tandem::store::checkpoint_name(n) + ".tmp");
    REQUIRE(t);
    CHECK((t->what == kind::unfinished && t->number == n));
  }
  for (const char* name :
       {"", "L", "L-.log", "L0-.log", "L00-00000000000000000001.log", "L0-0000000000000000001.log",
        "L0-000000000000000000001.log", "L+1-00000000000000000001.log", "L0-00000000000000000001.log.tmp",
        "L4294967296-00000000000000000001.log", "L0-99999999999999999999.log", "checkpoint-.image", "checkpoint-",
        "checkpoint-00000000000000000001.image.tmp.tmp", "checkpoint-0000000000000000000x.image", ".tmp", "LOCK"}) {
    INFO(name);
    CHECK_FALSE(parse_name(name));
  }
}
