// durable_store when memory runs out, at each place where it can: in a put, while what has been put is written and becomes visible,
// and in compaction.
//
// A put that throws has not happened. Where memory runs out behind it the store may be read-only, and says so; nobody waits in vain.
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <tandem/durable_store.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <thread>

namespace {

// The n-th allocation of this thread fails, from 0 on; only that one.
constinit thread_local std::int64_t allocations_left = -1;

class no_memory {
 public:
  explicit no_memory(std::int64_t nth) noexcept { allocations_left = nth; }
  no_memory(const no_memory&) = delete;
  no_memory& operator=(const no_memory&) = delete;
  ~no_memory() { disarm(); }
  // Whether one has failed.
  bool disarm() noexcept {
    if (!is_armed_) return false;
    is_armed_ = false;
    bool const fired = allocations_left < 0;
    allocations_left = -1;
    return fired;
  }

 private:
  bool is_armed_ = true;
};

void* refusable(std::size_t size) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  void* const p = std::malloc(size != 0 ? size : 1);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) { return refusable(size); }
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return refusable(size);
  } catch (...) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace tandem::test;
using tandem::durability;
using store = tandem::durable_store<>;

// A value that cannot be encoded by the store's own threads, while that is wanted.
struct shy {
  std::string text;
  static inline std::atomic<bool> refuses{false};
  static inline std::atomic<int> refused{0};
  static inline thread_local bool is_tester = false;
  // How many can be decoded before one cannot, if that is not negative.
  static inline std::atomic<int> reads_left{-1};
};

}  // namespace

template <>
struct tandem::codec<shy> {
  static constexpr std::uint32_t id = 0x1000001;
  static std::size_t size(const shy& s) noexcept { return s.text.size(); }
  static void write(const shy& s, std::byte* to) {
    if (shy::refuses && !shy::is_tester) {
      ++shy::refused;
      throw std::bad_alloc();
    }
    tandem::codec<std::string>::write(s.text, to);
  }
  static std::optional<shy> read(std::span<const std::byte> from) {
    if (shy::reads_left >= 0 && shy::reads_left-- == 0) throw std::bad_alloc();
    return shy{*tandem::codec<std::string>::read(from)};
  }
};

TEST_CASE("compaction that finds no memory is tried again, and leaves nothing behind", "[durable_store][fault]") {
  temporary_folder const folder;
  tandem::durable_options how;
  how.sync = durability::never();
  how.retention = tandem::retention::remove_covered;
  how.compact_bytes = 1000;
  shy::is_tester = true;
  shy::refuses = true;
  auto const end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  auto const in_time = [&] { return std::chrono::steady_clock::now() < end; };
  {
    auto s = tandem::durable_store<std::string, shy>::open(folder.path(), how);
    for (std::uint64_t n = 0; n != 100; ++n) s.put("key " + std::to_string(n), shy{std::string(100, 'v')}, 1);
    while (!s.last_error() && in_time()) std::this_thread::yield();
    CHECK(s.last_error() == std::errc::not_enough_memory);
    CHECK_FALSE(s.read_only());
    shy::refuses = false;
    while (s.stats().checkpoints == 0 && in_time()) std::this_thread::yield();
    CHECK(s.stats().checkpoints == 1);
    s.close();
  }
  CHECK(folder.names(".tmp").empty());
  CHECK(folder.names(".image").size() == 1);
  CHECK(shy::refused > 0);
  auto const s = tandem::durable_store<std::string, shy>::open(folder.path());
  CHECK(s.recovery().checkpoint != 0);
  CHECK(s.size() == 100);
}

TEST_CASE("a put that finds no memory has not happened, and who comes later is not kept waiting",
          "[durable_store][fault]") {
  tandem::durable_options how;
  how.sync = durability::never();
  how.visibility = GENERATE(tandem::visibility::on_write, tandem::visibility::on_durable);
  std::string const value(GENERATE(std::size_t{10}, std::size_t{5000}), 'v');
  int thrown = 0, read_only = 0;
  bool fired = true;
  for (std::int64_t n = 0; fired; ++n) {
    INFO("allocation " << n);
    temporary_folder const folder;
    std::error_code error;
    bool has_thrown = false, is_read_only = false;
    {
      store s = store::open(folder.path(), how);
      s.put("before", "1", 1);
      s.flush();
      {
        no_memory refuse(n);
        try {
          s.put("key", value, 1);
        } catch (const std::bad_alloc&) {
          has_thrown = true;
        }
        fired = refuse.disarm();
      }
      is_read_only = s.read_only();
      s.flush(error);
      CHECK(static_cast<bool>(error) == is_read_only);
      CHECK(s.contains("before"));
      if (has_thrown) {
        CHECK_FALSE(is_read_only);
        CHECK_FALSE(s.contains("key"));
        CHECK(s.stats().puts == 1);
        // The same put may be made again.
        CHECK(s.put("key", value, 1).newest);
      }
      s.put("after", "1", 1, error);
      CHECK(static_cast<bool>(error) == is_read_only);
      s.close(error);
      CHECK(static_cast<bool>(error) == is_read_only);
    }
    thrown += has_thrown ? 1 : 0;
    read_only += is_read_only ? 1 : 0;
    store const s = store::open(folder.path());
    CHECK(s.get("before") == "1");
    if (!is_read_only) {
      CHECK(s.get("key") == value);
      CHECK(s.get("after") == "1");
    }
  }
  CHECK(thrown > 3);
  CHECK(read_only > 0);
}

TEST_CASE("memory runs out while what is durable becomes visible", "[durable_store][fault]") {
  tandem::durable_options how;
  how.sync = durability::never();
  how.visibility = tandem::visibility::on_durable;
  int failed = 0, invisible = 0;
  bool fired = true;
  for (std::int64_t n = 0; fired; ++n) {
    INFO("allocation " << n);
    temporary_folder const folder;
    std::error_code error;
    {
      store s = store::open(folder.path(), how);
      for (const char* key : {"a", "b", "c"}) s.put(key, "1", 1);
      {
        no_memory refuse(n);
        s.flush(error);
        fired = refuse.disarm();
      }
      // Read-only and no error: all is on the disk, but memory does not have it.
      if (error) CHECK(s.read_only());
      if (!s.read_only()) CHECK(s.size() == 3);
      failed += error ? 1 : 0;
      invisible += s.size() != 3 ? 1 : 0;
      std::error_code again;
      s.flush(again);
      CHECK(again == error);
      s.close(again);
      CHECK(static_cast<bool>(again) == s.read_only());
    }
    // What was not synced may be there.
    store const s = store::open(folder.path());
    if (!error) CHECK(s.size() == 3);
  }
  CHECK(failed > 1);
  CHECK(invisible > 0);
}

TEST_CASE("a store that finds no memory while it is opened is closed and empty", "[durable_store][fault]") {
  using shy_store = tandem::durable_store<std::string, shy>;
  temporary_folder const folder;
  tandem::durable_options how;
  how.recovery_threads = 1;
  {
    shy::is_tester = true;
    auto s = shy_store::open(folder.path(), how);
    for (int n = 0; n != 10; ++n) s.put("key " + std::to_string(n), shy{"value"}, 1, durability::never());
    s.erase("erased", 1);
  }
  for (int n = 0; n <= 10; ++n) {
    INFO("value " << n);
    std::error_code error;
    shy::reads_left = n;
    auto const s = shy_store::open(folder.path(), how, error);
    shy::reads_left = -1;
    CHECK(s.is_open() == (n == 10));
    if (n != 10) CHECK(error == std::errc::not_enough_memory);
    CHECK(s.size() == (n == 10 ? 10 : 0));
    CHECK(s.stats().tombstones == (n == 10 ? 1 : 0));
  }
}
