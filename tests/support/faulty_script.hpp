// A script for a durable_store in which any call of the file system may fail. What the store was told and what it has promised is kept
// in a durable_history; after each step what memory has is compared with it.
#ifndef TANDEM_TESTS_SUPPORT_FAULTY_SCRIPT_HPP
#define TANDEM_TESTS_SUPPORT_FAULTY_SCRIPT_HPP

#include "support/durable_history.hpp"

#include <tandem/durable_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::test {

template <class Store>
class faulty_script {
 public:
  // `now`: how many steps the file system has made.
  faulty_script(std::function<Store(std::error_code&)> opens, std::function<std::size_t()> now, durability sync)
      : opens_(std::move(opens)), now_(std::move(now)), sync_(sync) {}

  // Leaves the store open, if it can be opened.
  void run() {
    if (!open()) return;
    put("a", 2);
    put("b", 2);
    put("a", 4);
    put("a", 4);
    erase("b", 4);
    flush();
    put("c", 2);
    checkpoint();
    put("a", 3);
    put("b", 6);
    put("c", 4);
    close();
    if (!open()) return;
    put("a", 6);
    flush();
    put("b", 1);
  }
  // When nothing fails any more. False if a write that waits is refused by a store that is open and not read-only.
  bool writes_again() {
    if (!s_ || s_->read_only()) return true;
    sync_ = durability::always();
    put("a", 20);
    return !history.writes.back().failed;
  }
  void destroy() { s_.reset(); }

  durable_history history;
  std::vector<std::error_code> errors;
  std::string complaint;
  bool was_read_only = false;
  std::uint64_t renewals = 0;

 private:
  bool open() {
    std::error_code error;
    s_.reset();
    Store s = opens_(error);
    if (note(error)) return false;
    s_.emplace(std::move(s));
    check("after open");
    return true;
  }
  void put(const std::string& key, std::uint64_t version) {
    std::error_code error;
    std::string value = key + std::to_string(history.writes.size()) + std::string(300, '.');
    history.writes.push_back({.key = key, .version = version, .value = value, .begun = now_()});
    s_->put(key, std::move(value), version, sync_, error);
    written(error);
  }
  void erase(const std::string& key, std::uint64_t version) {
    std::error_code error;
    history.writes.push_back({.key = key, .version = version, .begun = now_()});
    s_->erase(key, version, sync_, error);
    written(error);
  }
  void flush() {
    std::error_code error;
    s_->flush(error);
    promised(note(error));
    check("after flush");
  }
  void checkpoint() {
    std::error_code error;
    s_->checkpoint(error);
    note(error);
    check("after checkpoint");
  }
  void close() {
    std::error_code error;
    s_->close(error);
    promised(note(error));
    check("after close");
  }

  bool note(const std::error_code& error) {
    if (error) errors.push_back(error);
    return static_cast<bool>(error);
  }
  void written(const std::error_code& error) {
    history.writes.back().failed = note(error);
    if (!error && sync_.is_always()) history.acknowledge(history.writes.size() - 1, now_());
    check("after a write");
  }
  // Who knows which of them has failed? They may be there, all of them.
  void promised(bool failed) {
    if (!failed) return history.acknowledge_all(now_());
    for (durable_write& w : history.writes) w.failed = w.failed || w.acknowledged == durable_write::not_yet;
  }
  void check(const char* when) {
    std::string const wrong = history.check_keys(picture_of(*s_), now_());
    if (!wrong.empty() && complaint.empty()) complaint = std::string(when) + ", in memory: " + wrong;
    was_read_only = was_read_only || s_->read_only();
    renewals = std::max(renewals, s_->stats().log.renewals);
  }

  std::function<Store(std::error_code&)> opens_;
  std::function<std::size_t()> now_;
  durability sync_;
  std::optional<Store> s_;
};

}  // namespace tandem::test

#endif
