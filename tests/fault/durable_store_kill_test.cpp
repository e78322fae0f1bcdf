// durable_store on the files of the system, in a process that is killed at any moment: what it has acknowledged, through a
// pipe, is there for the next one. And on a disk that is really full, where one may be mounted.
//
// Killing proves nothing about power cuts, as the system keeps what was written: for these see durable_store_crash_test.cpp.
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <tandem/durable_store.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using store = tandem::durable_store<>;
using clock_type = std::chrono::steady_clock;

// A process that runs f(descriptor) and tells through the descriptor. Started while this program has one thread.
class child {
 public:
  template <class F>
  explicit child(const F& f) {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category());
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category());
    if (pid_ == 0) {
      ::close(ends[0]);
      int code = 0;
      try {
        f(ends[1]);
      } catch (...) {
        code = 1;
      }
      ::_exit(code);
    }
    ::close(ends[1]);
    from_ = ends[0];
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
    ::close(from_);
  }

  // Takes what it tells until then, or until it has told so much, or has ended.
  void take_until(clock_type::time_point end, std::string& told, std::size_t enough = SIZE_MAX) {
    while (told.size() < enough) {
      auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock_type::now()).count();
      ::pollfd one{from_, POLLIN, 0};
      if (left <= 0 || ::poll(&one, 1, static_cast<int>(left)) == 0) return;
      if (!take_some(told)) return;
    }
  }
  void take_all(std::string& told) {
    while (take_some(told)) {
    }
  }
  void kill() { ::kill(pid_, SIGKILL); }
  // How it has ended, as of waitpid().
  int wait() {
    int status = -1;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

 private:
  bool take_some(std::string& told) {
    std::array<char, 65536> some;
    ::ssize_t const n = ::read(from_, some.data(), some.size());
    if (n < 0 && errno == EINTR) return true;
    if (n <= 0) return false;
    told.append(some.data(), static_cast<std::size_t>(n));
    return true;
  }

  ::pid_t pid_ = 0;
  int from_ = -1;
};

// What the writers tell: that this is on the disk. In one piece, as it is shorter than PIPE_BUF.
struct acknowledged {
  std::uint64_t key;
  std::uint64_t version;
};
void tell(int to, acknowledged what) {
  if (::write(to, &what, sizeof what) != sizeof what) ::_exit(2);
}

std::string key_of(std::uint64_t k) { return "key " + std::to_string(k); }
// Some are longer than what is copied into batches.
std::string value_of(std::uint64_t key, std::uint64_t version) {
  std::string v = std::to_string(key) + '/' + std::to_string(version) + ' ';
  std::size_t const n = version % 16 == 0 ? 20'000 : version % 200;
  for (std::size_t i = 0; i != n; ++i) v += static_cast<char>('a' + (version + i) % 26);
  return v;
}

constexpr std::uint64_t writers = 3;
constexpr std::uint64_t keys_of_each = 4;

tandem::durable_options options() {
  tandem::durable_options how;
  how.lanes = 2;
  how.rotate_bytes = 200'000;
  how.retention = tandem::retention::remove_covered;
  return how;
}

// Writes until it is killed. Versions go up by one for each key.
void write_for_ever(const std::filesystem::path& where, int to) {
  store s = store::open(where, options());
  std::vector<std::thread> threads;
  for (std::uint64_t w = 0; w != writers; ++w) {
    threads.emplace_back([&s, w, to] {
      for (std::uint64_t n = 0;; ++n) {
        std::uint64_t const key = w * keys_of_each + n % keys_of_each;
        std::uint64_t const version = s.version_of(key_of(key)).value_or(0) + 1;
        s.put(key_of(key), value_of(key, version), version, tandem::durability::always());
        tell(to, {key, version});
        // Not everything is to be promised.
        if (n % 8 == 7) s.put(key_of(key), value_of(key, version + 1), version + 1, tandem::durability::never());
      }
    });
  }
  for (;;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    s.checkpoint();
  }
}

}  // namespace

TEST_CASE("a process is killed at any moment, and what it has acknowledged is there for the next",
          "[durable_store][kill]") {
  tandem::test::temporary_folder const at;
  std::mt19937 random(7);
  std::map<std::uint64_t, std::uint64_t> promised;  // versions
  std::size_t acknowledgements = 0, unpromised = 0, rounds = 0, checkpoints = 0;
  std::uint64_t highest_checkpoint = 0;
  // Rounds for some seconds, and on a slow disk until there is enough to look at.
  auto const end = clock_type::now() + std::chrono::seconds(4);
  auto const at_last = end + std::chrono::seconds(60);
  auto const is_enough = [&] { return rounds > 3 && acknowledgements > 100 && unpromised > 0 && checkpoints > 1; };
  auto const goes_on = [&] {
    return is_enough() ? rounds < 40 && clock_type::now() < end : clock_type::now() < at_last;
  };
  for (; goes_on(); ++rounds) {
    std::string told;
    {
      child one([&](int to) { write_for_ever(at.path(), to); });
      // Some while they recover, most while they write.
      if (rounds % 4 != 0) one.take_until(clock_type::now() + std::chrono::seconds(5), told, 1);
      // A slow disk needs longer for a checkpoint.
      unsigned const longest = clock_type::now() < end ? 60 : 600;
      one.take_until(clock_type::now() + std::chrono::milliseconds(2 + random() % longest), told);
      one.kill();
      one.take_all(told);
      int const status = one.wait();
      REQUIRE(WIFSIGNALED(status));
      REQUIRE(WTERMSIG(status) == SIGKILL);
    }
    REQUIRE(told.size() % sizeof(acknowledged) == 0);
    for (std::size_t i = 0; i != told.size(); i += sizeof(acknowledged)) {
      acknowledged a;
      std::copy_n(told.data() + i, sizeof a, reinterpret_cast<char*>(&a));
      promised[a.key] = std::max(promised[a.key], a.version);
      ++acknowledgements;
    }

    INFO("round " << rounds);
    std::error_code error;
    store s = store::open(at.path(), options(), error);
    INFO(s.recovery().error);
    REQUIRE_FALSE(error);
    checkpoints += s.recovery().checkpoint > highest_checkpoint ? 1U : 0U;
    highest_checkpoint = std::max(highest_checkpoint, s.recovery().checkpoint);
    for (auto const& [key, version] : promised) {
      auto const found = s.version_of(key_of(key)).value_or(0);
      INFO("key " << key);
      CHECK(found >= version);
      // One that was not, and one whose acknowledgement was on its way.
      CHECK(found <= version + 2);
      unpromised += found > version ? 1U : 0U;
      auto const value = s.get(key_of(key));
      CHECK((value && *value == value_of(key, found)));
      promised[key] = found;
    }
    CHECK(s.size() <= writers * keys_of_each);
  }
  INFO(unpromised << " were there that nobody was promised");
  CHECK(is_enough());
  WARN(rounds << " processes killed, " << acknowledgements << " acknowledgements, " << checkpoints << " checkpoints");
}

namespace {

// In a process of its own, as it takes the process to mounts of its own. What went wrong, in words, which begin with "skipped"
// if nothing may be mounted.
std::string on_a_full_disk(const std::filesystem::path& where) {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return "skipped: no mounts of one's own";
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", where.c_str(), "tmpfs", 0, "size=1m") != 0) {
    return "skipped: mounting is not allowed";
  }
  std::ofstream(where / "ballast") << std::string(400'000, 'x');
  tandem::durable_options how;
  how.rotate_bytes = 100'000;
  std::error_code error;
  store s = store::open(where / "log", how, error);
  if (error) return "it cannot be opened";
  std::uint64_t n = 0;
  auto const put = [&] {
    s.put(key_of(n), value_of(n, 7) + std::string(1000, 'y'), 7, error);
    if (!error) ++n;
    return error;
  };
  auto const all_there = [&] {
    for (std::uint64_t k = 0; k != n; ++k) {
      if (s.get(key_of(k)) != value_of(k, 7) + std::string(1000, 'y')) return false;
    }
    return true;
  };
  while (n != 10'000 && !put()) {
  }
  if (error != std::errc::no_space_on_device) return "the disk was not full, but: " + error.message();
  if (n < 200) return "it was full too early";
  for (int i = 0; i != 5; ++i) {
    if (put() != std::errc::no_space_on_device) return "the next ones go through, or fail with something else";
  }
  if (s.read_only()) return "it is read-only";
  if (!all_there()) return "not all is to be read on the full disk";

  std::uint64_t const when_full = n;
  std::filesystem::remove(where / "ballast");
  if (put()) return "there is room again, and it says: " + error.message();
  while (n != 10'000 && !put()) {
  }
  if (n < when_full + 200) return "the room that has come back is not used";

  // And it can be opened as it is.
  s.close(error);
  s = store::open(where / "log", how, error);
  if (error) return "it cannot be opened on the full disk: " + s.recovery().error;
  if (!all_there()) return "not all is there again";
  if (s.recovery().records < n) return "records are missing";
  if (put() != std::errc::no_space_on_device) return "the full disk takes more";
  return {};
}

}  // namespace

TEST_CASE("a disk that is really full: a tmpfs of 1 MiB", "[durable_store][kill]") {
  tandem::test::temporary_folder const at;
  std::string told;
  child one([&](int to) {
    std::string const wrong = on_a_full_disk(at.path());
    static_cast<void>(!::write(to, wrong.data(), wrong.size()));
  });
  one.take_all(told);
  int const status = one.wait();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  if (told.starts_with("skipped")) {
    WARN(told);
  } else {
    CHECK(told == "");
  }
}
