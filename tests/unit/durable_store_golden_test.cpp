// Folders of every format version that durable_store has had: it opens them, as they were. They were written once, by
// golden/make_folders.cpp.
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <tandem/durable_store.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

namespace {

// A copy that may be written to.
class copy_of : public tandem::test::temporary_folder {
 public:
  explicit copy_of(const std::string& name) {
    std::filesystem::copy(std::filesystem::path(TANDEM_TEST_GOLDEN) / name, path());
  }
};

}  // namespace

TEST_CASE("a folder of format version 1 can be opened: texts, killed", "[durable_store][golden]") {
  copy_of const folder("durable_store-1-texts");
  using entry = std::pair<std::string, std::uint64_t>;
  std::map<std::string, entry> const expected{{"", {"of the empty key", 0}},
                                              {"again", {"3", 3}},
                                              {"empty", {"", 18446744073709551615U}},
                                              {"late", {"after the checkpoint", 3}},
                                              {"long", {std::string(300, 'y'), 2}},
                                              {"sensor101", {"B", 1647106627392928713}},
                                              {"sensor201", {"C", 1647106627392928723}},
                                              {"tie", {"the first", 7}}};
  auto const contents = [](const tandem::durable_store<>& s) {
    std::map<std::string, entry> all;
    s.for_each([&](const std::string& k, const std::string& v) { all[k] = {v, *s.version_of(k)}; });
    return all;
  };
  bool const without_checkpoint = GENERATE(false, true);
  if (without_checkpoint) {
    CHECK(std::filesystem::remove(folder.path() / "checkpoint-00000000000000000001.image"));
  }
  {
    auto s = tandem::durable_store<>::open(folder.path());
    CHECK(contents(s) == expected);
    CHECK(s.recovery().torn_bytes == 30);
    CHECK(s.recovery().torn_segments == 1);
    CHECK(s.recovery().checkpoint == (without_checkpoint ? 0 : 1));
    if (without_checkpoint) CHECK(s.recovery().records == 19);
    // What was erased is remembered.
    CHECK_FALSE(s.put("erased", "late", 9).newest);
    CHECK_FALSE(s.put("tie", "late", 7).newest);
    CHECK(s.put("tie", "new", 8).newest);
    s.close();
  }
  auto const s = tandem::durable_store<>::open(folder.path());
  CHECK(s.recovery().torn_bytes == 0);
  CHECK(s.get("tie") == "new");
  CHECK(s.size() == expected.size());
}

TEST_CASE("a folder of format version 1 can be opened: numbers, closed", "[durable_store][golden]") {
  copy_of const folder("durable_store-1-numbers");
  std::error_code error;
  {
    auto const wrong = tandem::durable_store<std::uint64_t, float>::open(folder.path(), {}, error);
    CHECK(error == tandem::durable_errc::wrong_types);
  }
  auto const s = tandem::durable_store<std::uint64_t, double>::open(folder.path(), {}, error);
  REQUIRE_FALSE(error);
  CHECK(s.size() == 9);
  CHECK(s.recovery().records == 11);
  CHECK_FALSE(s.contains(3));
  for (std::uint64_t i = 0; i != 10; ++i) {
    if (i == 3) continue;
    CHECK(s.get(i) == static_cast<double>(i) / 4);
    CHECK(s.version_of(i) == i * i);
  }
}
