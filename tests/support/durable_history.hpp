// What a durable_store was told, step by step of a simulated file system, and whether what is found after a crash agrees with
// it.
//
// The rules, for a crash after step k:
//   1. what was acknowledged at k or before is there, or something newer that was written;
//   2. what is there was written, by a call that had begun at k;
//   3. of each key the newest is there, of equal versions the first;
//   4. no hole: of each lane there is what its first m writes give, for some m. All of the acknowledged are among them.
// Rule 4, with lanes known, implies the others; check() asks for it. Where calls have failed, or several threads have written,
// nobody knows the order of a lane: check_keys() asks for the first three.
#ifndef TANDEM_TESTS_SUPPORT_DURABLE_HISTORY_HPP
#define TANDEM_TESTS_SUPPORT_DURABLE_HISTORY_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tandem::test {

struct durable_write {
  static constexpr std::size_t not_yet = std::numeric_limits<std::size_t>::max();
  std::string key;
  std::uint64_t version = 0;
  std::optional<std::string> value{};  // nothing: an erase
  std::size_t begun = 0;               // at this step
  std::size_t acknowledged = not_yet;
  bool failed = false;  // the call said so: it may be there or not
};

// What a store has for a key.
struct durable_entry {
  std::uint64_t version = 0;
  std::optional<std::string> value{};
  friend bool operator==(const durable_entry&, const durable_entry&) = default;
};
// Erased keys are not in it, as nothing shows them.
using durable_picture = std::map<std::string, durable_entry>;

template <class Store>
durable_picture picture_of(const Store& s) {
  durable_picture p;
  s.for_each([&](const std::string& key, const std::string& value) { p[key] = {0, value}; });
  for (auto& [key, entry] : p) entry.version = s.version_of(key).value_or(0);
  return p;
}

inline std::string to_string(const durable_picture& p) {
  std::string text;
  for (auto const& [key, e] : p) {
    text += ' ' + key + '@' + std::to_string(e.version) + '=' + e.value.value_or("(erased)").substr(0, 12);
  }
  return text.empty() ? " nothing" : text;
}

class durable_history {
 public:
  using lane_function = std::function<std::size_t(const std::string&)>;

  std::vector<durable_write> writes;

  // The store has promised at `step` that all before it is on the disk.
  void acknowledge_all(std::size_t step) {
    for (durable_write& w : writes) {
      if (!w.failed) w.acknowledged = std::min(w.acknowledged, step);
    }
  }
  void acknowledge(std::size_t i, std::size_t step) { writes[i].acknowledged = std::min(writes[i].acknowledged, step); }

  // What a store has that was told all of it.
  durable_picture picture() const {
    durable_picture p;
    for (durable_write const& w : writes) apply(p, w);
    return shown(p);
  }
  std::uint64_t highest(const std::string& key) const {
    std::uint64_t v = 0;
    for (durable_write const& w : writes) {
      if (w.key == key) v = std::max(v, w.version);
    }
    return v;
  }

  // Of one lane: for which numbers of writes of it the picture is what they give, all acknowledged ones among them.
  std::set<std::size_t> lengths(const durable_picture& found, std::size_t after, std::size_t lane,
                                const lane_function& lane_of) const {
    durable_picture there;
    for (auto const& one : found) {
      if (lane_of(one.first) == lane) there.insert(one);
    }
    std::size_t acknowledged = 0;
    std::size_t begun = 0;
    for_lane(lane, lane_of, [&](std::size_t n, const durable_write& w) {
      if (w.acknowledged <= after) acknowledged = n;
      if (w.begun <= after) begun = n;
    });
    std::set<std::size_t> fitting;
    durable_picture p;
    if (acknowledged == 0 && there.empty()) fitting.insert(0);
    for_lane(lane, lane_of, [&](std::size_t n, const durable_write& w) {
      apply(p, w);
      if (n >= acknowledged && n <= begun && shown(p) == there) fitting.insert(n);
    });
    return fitting;
  }

  // How many records there may have been, if the picture is right; empty if it is not.
  std::set<std::size_t> check(const durable_picture& found, std::size_t after, std::size_t lanes,
                              const lane_function& lane_of) const {
    std::set<std::size_t> sums{0};
    for (std::size_t lane = 0; lane != lanes; ++lane) {
      std::set<std::size_t> next;
      for (std::size_t const n : lengths(found, after, lane, lane_of)) {
        for (std::size_t const before : sums) next.insert(before + n);
      }
      sums = std::move(next);
    }
    // And nothing of a lane that there is not.
    for (auto const& one : found) {
      if (lane_of(one.first) >= lanes) sums.clear();
    }
    return sums;
  }

  // What is wrong, key by key; empty if nothing is.
  std::string check_keys(const durable_picture& found, std::size_t after) const {
    std::set<std::string> keys;
    for (durable_write const& w : writes) keys.insert(w.key);
    for (auto const& one : found) {
      if (!keys.contains(one.first)) return one.first + " was never written";
    }
    for (std::string const& key : keys) {
      auto const there = found.find(key);
      const durable_write* least = nullptr;  // the newest that was acknowledged
      for (durable_write const& w : writes) {
        if (w.key != key || w.acknowledged > after) continue;
        if (least == nullptr || w.version > least->version) least = &w;
      }
      if (there == found.end()) {
        // Erased, by something that is not older; or nothing was promised.
        bool const fine =
            least == nullptr || !least->value || std::any_of(writes.begin(), writes.end(), [&](const durable_write& w) {
              return w.key == key && !w.value && w.begun <= after &&
                     (w.version > least->version || (w.version == least->version && w.failed));
            });
        if (!fine) return key + '@' + std::to_string(least->version) + " was acknowledged and is not there";
        continue;
      }
      durable_entry const& e = there->second;
      if (least != nullptr && e.version < least->version) {
        return key + '@' + std::to_string(least->version) + " was acknowledged, and there is @" +
               std::to_string(e.version);
      }
      auto const is_it = [&](const durable_write& w) {
        return w.key == key && w.version == e.version && w.value == e.value && w.begun <= after;
      };
      if (std::none_of(writes.begin(), writes.end(), is_it)) {
        return key + '@' + std::to_string(e.version) + " was not written like that";
      }
      // Ties: of those that did not fail the first; one that failed may be there, or not.
      auto const first = std::find_if(writes.begin(), writes.end(), [&](const durable_write& w) {
        return w.key == key && w.version == e.version && !w.failed;
      });
      bool const failed_one =
          std::any_of(writes.begin(), writes.end(), [&](const durable_write& w) { return is_it(w) && w.failed; });
      if (!failed_one && first != writes.end() && first->value != e.value) {
        return key + '@' + std::to_string(e.version) + " is not the first of that version";
      }
    }
    return {};
  }

 private:
  static void apply(durable_picture& p, const durable_write& w) {
    auto const [at, is_new] = p.try_emplace(w.key, durable_entry{w.version, w.value});
    if (!is_new && w.version > at->second.version) at->second = {w.version, w.value};
  }
  static durable_picture shown(durable_picture p) {
    std::erase_if(p, [](auto const& one) { return !one.second.value; });
    return p;
  }
  template <class F>
  void for_lane(std::size_t lane, const lane_function& lane_of, const F& f) const {
    std::size_t n = 0;
    for (durable_write const& w : writes) {
      if (lane_of(w.key) == lane) f(++n, w);
    }
  }
};

}  // namespace tandem::test

#endif
