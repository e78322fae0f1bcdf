// Scripts for a durable_store on simulated files: one letter a step. What the store was told, and what it has promised, is kept
// beside it, in a durable_history.
//
//   a b c   puts the next version of the key a, b, c        A B C   erases it, with the next version
//   t       a again, with its highest version (a tie)       o       a again, with a version that is older than all
//   T       erases a with its highest version (a tie)       f       flush()
//   k       checkpoint()                                    r       closes and opens again
//   d       destroys without close(), and opens again       s       the last put or erase, whichever it was, is waited for
//
// Values are 400 bytes and more, each its own, so that most records cross the end of a sector.
#ifndef TANDEM_TESTS_SUPPORT_DURABLE_SCRIPTS_HPP
#define TANDEM_TESTS_SUPPORT_DURABLE_SCRIPTS_HPP

#include "support/durable_history.hpp"
#include "support/sanitizers.hpp"
#include "support/simulated_files.hpp"

#include <tandem/durable_store.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace tandem::test {

// Walks take this part of what there is to be tried. Sanitizers make minutes of it, and most of it has one thread.
inline constexpr std::size_t one_of = under_address_sanitizer || under_thread_sanitizer ? 11 : 1;

struct simulated_store_options : durable_store_options {
  using file_system = simulated_files;
};
using simulated_store = durable_store<std::string, std::string, simulated_store_options>;

inline const std::filesystem::path simulated_folder = "/folder";

inline simulated_files empty_folder() { return simulated_files(file_image{{"/folder", std::nullopt}}); }

inline simulated_store open_store(const simulated_files& files, const durable_options& how, std::error_code& error) {
  return simulated_store::open(simulated_folder, how, error, files);
}

// A few threads are enough, and start faster.
inline durable_options small_store(std::size_t lanes = 1, durability sync = durability::always()) {
  durable_options how;
  how.shards = 2;
  how.lanes = lanes;
  how.sync = sync;
  how.recovery_threads = 1;
  return how;
}

// Which file a key is written to, found by writing it.
inline durable_history::lane_function lanes_of(std::size_t lanes) {
  std::map<std::string, std::size_t> found;
  for (const char* key : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    simulated_files const files = empty_folder();
    std::error_code error;
    {
      auto s = open_store(files, small_store(lanes), error);
      s.put(key, "the value of one key", 1);
      s.close();
    }
    std::string_view const value = "the value of one key";
    for (auto const& [path, bytes] : files.image()) {
      if (!bytes) continue;
      std::string_view const text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
      auto const name = store::parse_name(std::filesystem::path(path).filename().string());
      if (name && text.find(value) != text.npos) found[key] = name->lane;
    }
  }
  return [found](const std::string& key) { return found.at(key); };
}

class durable_script {
 public:
  explicit durable_script(durable_options how) : files(empty_folder()), how_(std::move(how)) { open(); }

  void run(std::string_view letters) {
    for (char const letter : letters) step(letter);
  }

  void step(char letter) {
    switch (letter) {
      case 'a':
      case 'b':
      case 'c':
      case 'd' + 1:
        return put(std::string(1, letter), history.highest(std::string(1, letter)) + 2);
      case 'A':
      case 'B':
      case 'C': {
        std::string const key(1, static_cast<char>(letter - 'A' + 'a'));
        return erase(key, history.highest(key) + 2);
      }
      case 't':
        return put("a", history.highest("a"));
      case 'T':
        return erase("a", history.highest("a"));
      case 'o':
        return put("a", 1);
      case 'f':
        s_->flush();
        return history.acknowledge_all(files.steps());
      case 'k':
        s_->checkpoint();
        return;
      case 's':
        if (!last_) return;
        s_->wait_durable(*last_);
        return history.acknowledge(history.writes.size() - 1, files.steps());
      case 'r':
        s_->close();
        history.acknowledge_all(files.steps());
        [[fallthrough]];
      case 'd':
        s_.reset();
        history.acknowledge_all(files.steps());
        return open();
      default:
        throw std::logic_error("no such step");
    }
  }

  const simulated_store& store() const { return *s_; }
  const durable_options& how() const noexcept { return how_; }

  simulated_files files;
  durable_history history;

 private:
  void open() {
    std::error_code error;
    s_.emplace(open_store(files, how_, error));
    if (error) throw std::system_error(error);
    last_.reset();
  }
  std::string value() const {
    std::string const n = std::to_string(history.writes.size());
    return "value " + n + ' ' +
           std::string(400 + 37 * (history.writes.size() % 7), static_cast<char>('a' + history.writes.size() % 26));
  }
  void put(const std::string& key, std::uint64_t version) {
    std::string v = value();
    history.writes.push_back({.key = key, .version = version, .value = v, .begun = files.steps()});
    last_ = s_->put(key, std::move(v), version).ticket;
    acknowledge();
  }
  void erase(const std::string& key, std::uint64_t version) {
    history.writes.push_back({.key = key, .version = version, .begun = files.steps()});
    last_ = s_->erase(key, version).ticket;
    acknowledge();
  }
  void acknowledge() {
    if (how_.sync.is_always()) history.acknowledge(history.writes.size() - 1, files.steps());
  }

  durable_options how_;
  std::optional<simulated_store> s_;
  std::optional<durable_ticket> last_;
};

}  // namespace tandem::test

#endif
