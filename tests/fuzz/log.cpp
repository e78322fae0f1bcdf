// Whatever is in the files of a folder, opening it gives an error, or a store that works; an error has changed nothing. With
// corruption::skip_and_report nothing that is damaged is refused.
//
// Inputs are in log_files.hpp.
#include <tandem/durable_store.hpp>
#include <tandem/store/segment_reader.hpp>

#include "fuzz/body.hpp"
#include "fuzz/log_files.hpp"
#include "support/simulated_files.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace tandem::test;
using tandem::durable_errc;

struct simulated : tandem::durable_store_options {
  using file_system = simulated_files;
  static constexpr std::size_t slots = 2;
};
using texts = tandem::durable_store<std::string, std::string, simulated>;

tandem::durable_options options(tandem::corruption what) {
  tandem::durable_options how;
  how.shards = 1;
  how.recovery_threads = 1;
  how.corruption = what;
  how.longest_key = 100;
  return how;
}
using picture = std::map<std::string, std::pair<std::string, std::uint64_t>>;
picture picture_of(const texts& s) {
  picture p;
  s.for_each([&](const std::string& k, const std::string& v) { p[k] = {v, s.version_of(k).value()}; });
  return p;
}
file_image without_lock(file_image image) {
  image.erase("/folder/LOCK");
  return image;
}

// The reader by itself: it goes forward, and ends.
void read(const file_image& image) {
  using reader = tandem::store::segment_reader<simulated_files::file_type>;
  simulated_files const files(image);
  for (auto const& [path, bytes] : image) {
    if (!bytes) continue;
    std::error_code error;
    auto file = files.open(path, tandem::open_mode::read, error);
    std::uint64_t size = 0;
    auto const header = tandem::store::read_header(file, size, error);
    expect(!error && size == bytes->size(), "the file is there");
    if (!header) continue;
    reader records(file, size, header->salt);
    for (std::uint64_t place = records.place();; place = records.place()) {
      auto const what = records.next(error);
      expect(!error, "nothing fails");
      if (what == reader::outcome::end) break;
      if (what == reader::outcome::record) {
        expect(records.place() == place + records.header().bytes() && records.place() <= size,
               "a record is in the file");
        expect(records.key().size() + records.value().size() == records.header().payload_bytes(), "with all of it");
        if (records.header().type == tandem::store::record_type::seal) note("a seal");
        continue;
      }
      note(std::string(records.reason()));
      bool const more = records.find_after(place, error);
      expect(records.place() > place && (more || records.place() == size), "a search goes forward");
    }
  }
}

void open(const log_input& input) {
  auto const image = input.image();
  read(image);

  std::error_code error;
  picture strict;
  bool is_fine = false;
  {
    simulated_files const files(image);
    {
      auto const s = texts::open("/folder", options(tandem::corruption::fail), error, files);
      is_fine = !error;
      strict = picture_of(s);
      expect(s.recovery().error.empty() == is_fine, "an error has a text, and nothing else has");
      if (error) {
        note(error.message());
        expect(strict.empty() && !s.is_open(), "what is refused is not there");
      } else {
        note("opened");
        if (s.recovery().torn_bytes != 0) note("torn");
        if (s.recovery().checkpoint != 0) note("a checkpoint");
        if (s.stats().tombstones != 0) note("a tombstone");
        expect(s.recovery().damage.empty(), "nothing is damaged");
      }
    }
    if (!is_fine) expect(without_lock(files.image()) == image, "what is refused is not changed");
  }

  simulated_files const files(image);
  {
    auto s = texts::open("/folder", options(tandem::corruption::skip_and_report), error, files);
    if (error) {
      bool const other = error == durable_errc::wrong_types || error == durable_errc::other_store ||
                         error == durable_errc::unsupported_version;
      expect(other && !is_fine, "what is damaged is skipped, and nothing else is");
      return;
    }
    auto const found = picture_of(s);
    expect(!is_fine || found == strict, "if nothing is damaged both ways are one");
    expect(is_fine == s.recovery().damage.empty(), "damage is what is refused otherwise");
    if (!is_fine) note("skipped");
    expect(found.size() <= s.recovery().records, "no more than the files have");
    // A store like any other.
    static_cast<void>(s.put("new", "value", ~std::uint64_t{0}, error));
    expect(!error, "it takes writes");
    s.flush(error);
    expect(!error, "and keeps them");
  }
  auto const s = texts::open("/folder", options(tandem::corruption::skip_and_report), error, files);
  expect(!error, "it can be opened again");
  // Where several files of a lane have no header, the last is taken for one that was just being made, and the next time the one before.
  expect(!is_fine || s.recovery().torn_bytes == 0, "what was torn is cut off");
  expect(s.version_of("new").value_or(~std::uint64_t{0}) == ~std::uint64_t{0}, "with what was written");
}

}  // namespace

std::vector<std::string> tandem::test::cases() {
  std::vector<std::string> all{"opened", "torn", "a checkpoint", "a tombstone", "skipped", "a seal"};
  for (auto e : {durable_errc::corrupt, durable_errc::wrong_types, durable_errc::other_store,
                 durable_errc::unsupported_version}) {
    all.push_back(make_error_code(e).message());
  }
  for (const char* reason :
       {"the end comes within the header of a record", "there is no header of a record, or a damaged one",
        "the end comes within a record", "key or value of a record are damaged"}) {
    all.emplace_back(reason);
  }
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = log_input::read(bytes_of(data, size));
  open(input);
  input.make_sums_right();
  open(input);
  return 0;
}
