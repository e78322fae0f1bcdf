// prints: 102[0-9][0-9][0-9] bytes a record.*240 records.*durable.*rotated: [0-9]+ files.*put +p50.*get +p50.*restart: 240 records.*all [0-9]+ sensors as before
//
// A gateway that answers from memory and loses nothing that it has acknowledged: sensors write records of 50 numbers and 50
// texts, readers ask for the newest of each, files are rotated (to be shipped to whoever analyses them), and after a restart
// everything is there again.
//
//   160-sensor-gateway [writers [records of each [readers]]]       as large as you like: 40 2400 40 is 10 GB
//
// A record is written in Avro's binary encoding: `durable_log export --values schema.avsc` makes an Avro file of the log.
#include <tandem/durable_store.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace gateway {

constexpr std::size_t sensors = 200;
constexpr std::size_t text_bytes = 2048;

struct reading {
  std::string id;
  std::int64_t collection_time = 0;
  std::array<double, 50> numbers{};
  std::array<std::string, 50> texts;
};

std::uint64_t mixed(std::uint64_t n) {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9U;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebU;
  return n ^ (n >> 31);
}

// What a sensor sends at a time: anybody can tell whether a reading is whole.
double number_at(std::int64_t time, std::size_t i) {
  return static_cast<double>(mixed(static_cast<std::uint64_t>(time) + i) % 100'000) / 100.0;
}
std::string text_at(std::int64_t time, std::size_t i) {
  std::string text(text_bytes, ' ');
  for (std::size_t at = 0; at != text_bytes; at += 16) {
    std::uint64_t bits = mixed(static_cast<std::uint64_t>(time) * 64 + i + at * 0x10000);
    for (std::size_t c = 0; c != 16; ++c, bits >>= 4) text[at + c] = "0123456789abcdef"[bits & 15];
  }
  return text;
}
reading measure(std::size_t sensor, std::int64_t time) {
  reading r;
  r.id = "sensor" + std::to_string(sensor);
  r.collection_time = time;
  for (std::size_t i = 0; i != 50; ++i) r.numbers[i] = number_at(time, i);
  for (std::size_t i = 0; i != 50; ++i) r.texts[i] = text_at(time, i);
  return r;
}
bool is_whole(const reading& r) {
  std::size_t const i = static_cast<std::size_t>(r.collection_time) % 50;
  return r.numbers[i] == number_at(r.collection_time, i) && r.texts[i] == text_at(r.collection_time, i);
}

// Avro's binary encoding: a long is zigzag and seven bits at a time, a double is eight bytes, a string its length and it.
std::uint64_t zigzag(std::int64_t n) {
  return (static_cast<std::uint64_t>(n) << 1) ^ static_cast<std::uint64_t>(n >> 63);
}
std::size_t long_size(std::int64_t n) { return (static_cast<std::size_t>(std::bit_width(zigzag(n) | 1)) + 6) / 7; }
std::byte* write_long(std::int64_t n, std::byte* to) {
  std::uint64_t left = zigzag(n);
  for (; left >= 0x80; left >>= 7) *to++ = static_cast<std::byte>((left & 0x7f) | 0x80);
  *to++ = static_cast<std::byte>(left);
  return to;
}
std::size_t string_size(const std::string& s) { return long_size(static_cast<std::int64_t>(s.size())) + s.size(); }
std::byte* write_string(const std::string& s, std::byte* to) {
  to = write_long(static_cast<std::int64_t>(s.size()), to);
  std::memcpy(to, s.data(), s.size());
  return to + s.size();
}
class avro_reader {
 public:
  explicit avro_reader(std::span<const std::byte> from) : left_(from) {}
  std::int64_t next_long() {
    std::uint64_t n = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      auto const one = static_cast<std::uint64_t>(left_[0]);
      left_ = left_.subspan(1);
      n |= (one & 0x7f) << shift;
      if (one < 0x80) return static_cast<std::int64_t>(n >> 1) ^ -static_cast<std::int64_t>(n & 1);
    }
    ok_ = false;
    return 0;
  }
  std::span<const std::byte> next(std::size_t n) {
    ok_ = ok_ && n <= left_.size();
    auto const found = left_.first(ok_ ? n : 0);
    left_ = left_.subspan(found.size());
    return found;
  }
  double next_double() {
    auto const bytes = next(8);
    std::uint64_t bits = 0;
    for (std::size_t i = bytes.size(); i-- != 0;) bits = bits << 8 | static_cast<std::uint64_t>(bytes[i]);
    return std::bit_cast<double>(bits);
  }
  std::string next_string() {
    auto const bytes = next(static_cast<std::size_t>(next_long()));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool all_read() const { return ok_ && left_.empty(); }

 private:
  std::span<const std::byte> left_;
  bool ok_ = true;
};

}  // namespace gateway

template <>
struct tandem::codec<gateway::reading> {
  static constexpr std::uint32_t id = 0x5E45084;
  static std::size_t size(const gateway::reading& r) {
    std::size_t n = gateway::string_size(r.id) + gateway::long_size(r.collection_time) + 50 * 8;
    for (const std::string& s : r.texts) n += gateway::string_size(s);
    return n;
  }
  static void write(const gateway::reading& r, std::byte* to) {
    to = gateway::write_string(r.id, to);
    to = gateway::write_long(r.collection_time, to);
    for (double const d : r.numbers) {
      auto bits = std::bit_cast<std::uint64_t>(d);
      for (int i = 0; i != 8; ++i, bits >>= 8) *to++ = static_cast<std::byte>(bits & 0xff);
    }
    for (const std::string& s : r.texts) to = gateway::write_string(s, to);
  }
  static std::optional<gateway::reading> read(std::span<const std::byte> from) {
    gateway::avro_reader in(from);
    gateway::reading r;
    r.id = in.next_string();
    r.collection_time = in.next_long();
    for (double& d : r.numbers) d = in.next_double();
    for (std::string& s : r.texts) s = in.next_string();
    if (!in.all_read()) return std::nullopt;
    return r;
  }
};

namespace gateway {

using store = tandem::durable_store<std::string, reading>;
using clock = std::chrono::steady_clock;

class latencies {
 public:
  void add(clock::duration d) { all_.push_back(d); }
  void add(const latencies& other) { all_.insert(all_.end(), other.all_.begin(), other.all_.end()); }
  void print(const char* what) {
    if (all_.empty()) return;
    std::sort(all_.begin(), all_.end());
    auto const at = [&](std::size_t percent) {
      return std::chrono::duration<double, std::milli>(all_[std::min(all_.size() - 1, all_.size() * percent / 100)])
          .count();
    };
    std::cout << what << std::fixed << std::setprecision(3) << "  p50 " << at(50) << " ms  p99 " << at(99)
              << " ms  max " << at(100) << " ms\n";
  }

 private:
  std::vector<clock::duration> all_;
};

int run(const std::filesystem::path& folder, std::size_t writers, std::size_t each, std::size_t readers) {
  std::size_t const records = writers * each;
  std::size_t const bytes = tandem::codec<reading>::size(measure(1, 1));
  std::cout << bytes << " bytes a record, " << records << " records of " << sensors << " sensors, by " << writers
            << " writers beside " << readers << " readers\n";

  std::atomic<std::size_t> rotated = 0;
  tandem::durable_options how;
  how.sync = tandem::durability::always();
  how.rotate_bytes = std::max<std::size_t>(8 << 20, records * bytes / 40);
  how.on_segment_sealed = [&](const std::filesystem::path&) { rotated.fetch_add(1, std::memory_order_relaxed); };

  std::vector<std::uint64_t> newest(sensors, 0);
  {
    store s = store::open(folder, how);
    std::atomic<std::size_t> written = 0, read = 0, broken = 0;
    std::atomic<bool> done = false;
    std::mutex mutex;
    latencies puts, gets;

    auto const begin = clock::now();
    std::vector<std::thread> threads;
    for (std::size_t w = 0; w != writers; ++w) {
      threads.emplace_back([&, w] {
        latencies mine;
        for (std::size_t i = 0; i != each; ++i) {
          std::size_t const n = w * each + i;
          // Times are unique, and of one sensor not in order.
          auto const time = static_cast<std::uint64_t>(mixed(n) % 1'000'000'000 * 100'000 + n);
          reading r = measure(n % sensors, static_cast<std::int64_t>(time));
          std::string const id = r.id;
          auto const start = clock::now();
          s.put(id, std::move(r), time);  // which comes back when it is on the disk
          mine.add(clock::now() - start);
          written.fetch_add(1, std::memory_order_relaxed);
          std::lock_guard const hold(mutex);
          newest[n % sensors] = std::max(newest[n % sensors], time);
        }
        std::lock_guard const hold(mutex);
        puts.add(mine);
      });
    }
    for (std::size_t r = 0; r != readers; ++r) {
      threads.emplace_back([&, r] {
        latencies mine;
        for (std::size_t n = r; !done.load(std::memory_order_relaxed); n += 7) {
          std::string const id = "sensor" + std::to_string(n % sensors);
          auto const start = clock::now();
          auto const whole = s.read(id, [](const reading& found) { return is_whole(found); });
          mine.add(clock::now() - start);
          if (whole && !*whole) broken.fetch_add(1, std::memory_order_relaxed);
          read.fetch_add(1, std::memory_order_relaxed);
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        std::lock_guard const hold(mutex);
        gets.add(mine);
      });
    }
    auto const show = [&] {
      double const seconds = std::max(std::chrono::duration<double>(clock::now() - begin).count(), 1e-3);
      std::size_t const n = written.load(std::memory_order_relaxed);
      std::cout << "\r[";
      for (std::size_t i = 0; i != 30; ++i) std::cout << (i < n * 30 / records ? '#' : ' ');
      std::cout << "] " << n * 100 / records << "%  " << static_cast<std::size_t>(static_cast<double>(n) / seconds)
                << " durable writes/s  " << static_cast<std::size_t>(static_cast<double>(n * bytes) / seconds / 1e6)
                << " MB/s  "
                << static_cast<std::size_t>(static_cast<double>(read.load(std::memory_order_relaxed)) / seconds)
                << " reads/s   " << std::flush;
    };
    while (written.load(std::memory_order_relaxed) != records && !s.read_only()) {
      show();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    for (std::size_t w = 0; w != writers; ++w) threads[w].join();
    show();
    done.store(true, std::memory_order_relaxed);
    for (std::size_t r = 0; r != readers; ++r) threads[writers + r].join();
    s.close();
    std::cout << "\nrotated: " << rotated.load(std::memory_order_relaxed)
              << " files were sealed, ready to be shipped\n";
    puts.print("put");
    gets.print("get");
    if (broken.load(std::memory_order_relaxed) != 0) {
      std::cout << "a reader saw half a record\n";
      return 1;
    }
  }

  store const again = store::open(folder, how);
  auto const found = again.recovery();
  std::cout << "restart: " << found.records << " records in " << found.segments << " files, " << found.bytes / 1'000'000
            << " MB, in " << std::setprecision(3) << found.seconds << " s\n";
  std::size_t there = 0, right = 0;
  for (std::size_t sensor = 0; sensor != sensors; ++sensor) {
    if (newest[sensor] == 0) continue;
    ++there;
    auto const r = again.get("sensor" + std::to_string(sensor));
    if (r && is_whole(*r) && static_cast<std::uint64_t>(r->collection_time) == newest[sensor]) ++right;
  }
  std::cout << (right == there ? "all " : "only some of ") << there << " sensors as before\n";
  return right == there ? 0 : 1;
}

}  // namespace gateway

int main(int argc, char** argv) {
  auto const number = [&](int i, std::size_t otherwise) {
    return argc > i ? static_cast<std::size_t>(std::strtoull(argv[i], nullptr, 10)) : otherwise;
  };
  auto const folder =
      std::filesystem::temp_directory_path() / ("tandem-example-" + std::to_string(std::random_device()()));
  int const result = gateway::run(folder, number(1, 4), number(2, 60), number(3, 4));
  std::filesystem::remove_all(folder);
  return result;
}
