// What timed_store promises, said again in the plainest way: one std::map, no collector, every answer worked out from what was
// written. And random scripts of writes for both.
#ifndef TANDEM_TESTS_SUPPORT_TIMED_MODEL_HPP
#define TANDEM_TESTS_SUPPORT_TIMED_MODEL_HPP

#include <tandem/timed_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tandem::test {

struct timed_write {
  enum kind { set, set_if_unset, compare_and_set, compare_and_erase, touch, persist, expire, erase, kinds };
  kind what = set;
  std::string key;
  std::string value;
  std::uint64_t expected = 0;
  std::uint64_t index = 0;
  ttl deadlines;
};

template <class Store>
write_result apply_to(Store& s, const timed_write& w) {
  switch (w.what) {
    case timed_write::set:
      return s.set(w.key, w.value, w.index, w.deadlines);
    case timed_write::set_if_unset:
      return s.set_if_unset(w.key, w.value, w.index, w.deadlines);
    case timed_write::compare_and_set:
      return s.compare_and_set(w.key, w.expected, w.value, w.index, w.deadlines);
    case timed_write::compare_and_erase:
      return s.compare_and_erase(w.key, w.expected, w.index);
    case timed_write::touch:
      return s.touch(w.key, w.deadlines, w.index);
    case timed_write::persist:
      return s.persist(w.key, w.index);
    case timed_write::expire:
      return s.expire(w.key, w.index);
    default:
      return s.erase(w.key, w.index);
  }
}

class timed_model {
 public:
  struct item {
    std::uint64_t index = 0;
    std::optional<std::uint64_t> expires;
    std::optional<std::uint64_t> deletes;
    bool erased = false;
    bool emptied = false;  // by expire()
    std::string value;
  };

  write_result set(const std::string& k, const std::string& v, std::uint64_t i, ttl t) {
    item* const e = begin(k, i);
    if (too_old(e, i)) return {write_status::stale, e->index};
    std::uint64_t const before = e ? e->index : 0;
    items_[k] = fresh(v, i, t);
    return {write_status::applied, before};
  }
  write_result set_if_unset(const std::string& k, const std::string& v, std::uint64_t i, ttl t) {
    item* const e = begin(k, i);
    if (too_old(e, i)) return {write_status::stale, e->index};
    if (e && !gone(*e, i)) return {write_status::exists, e->index};
    return set(k, v, i, t);
  }
  write_result compare_and_set(const std::string& k, std::uint64_t expected, const std::string& v, std::uint64_t i,
                               ttl t) {
    item* const e = begin(k, i);
    if (too_old(e, i)) return {write_status::stale, e->index};
    if (!e || gone(*e, i)) return {write_status::missing, e ? e->index : 0};
    if (e->index != expected) return {write_status::exists, e->index};
    return set(k, v, i, t);
  }
  write_result compare_and_erase(const std::string& k, std::uint64_t expected, std::uint64_t i) {
    item* const e = begin(k, i);
    if (too_old(e, i)) return {write_status::stale, e->index};
    if (!e || gone(*e, i)) return {write_status::missing, e ? e->index : 0};
    if (e->index != expected) return {write_status::exists, e->index};
    return erase(k, i);
  }
  write_result touch(const std::string& k, ttl t, std::uint64_t i) {
    item* const e = begin(k, i);
    if (too_old(e, i)) return {write_status::stale, e->index};
    if (!e || gone(*e, i) || lapsed(*e, i)) return {write_status::missing, e ? e->index : 0};
    std::uint64_t const before = e->index;
    *e = fresh(e->value, i, t);
    return {write_status::applied, before};
  }
  write_result persist(const std::string& k, std::uint64_t i) { return touch(k, {}, i); }
  write_result expire(const std::string& k, std::uint64_t i) {
    item* const e = begin(k, i);
    if (too_old(e, i)) return {write_status::stale, e->index};
    if (!e || gone(*e, i)) return {write_status::missing, e ? e->index : 0};
    std::uint64_t const before = e->index;
    e->index = i;
    e->emptied = true;
    e->expires = std::min(e->expires.value_or(i), i);
    return {write_status::applied, before};
  }
  write_result erase(const std::string& k, std::uint64_t i) {
    item* const e = begin(k, i);
    if (too_old(e, i)) return {write_status::stale, e->index};
    write_result const r{e && !gone(*e, i) ? write_status::applied : write_status::missing, e ? e->index : 0};
    item left;
    left.index = i;
    left.erased = true;
    items_[k] = left;
    return r;
  }
  void advance(std::uint64_t i) { clock_ = std::max(clock_, i); }
  void set_stale_horizon(std::uint64_t i) { horizon_ = std::max(horizon_, i); }

  std::optional<std::string> get(const std::string& k) const {
    auto const at = items_.find(k);
    if (at == items_.end() || gone(at->second, clock_) || lapsed(at->second, clock_)) return std::nullopt;
    return at->second.value;
  }
  std::optional<entry_details> entry_info(const std::string& k) const {
    auto const at = items_.find(k);
    if (at == items_.end() || gone(at->second, clock_)) return std::nullopt;
    return entry_details{at->second.index, at->second.expires.value_or(~std::uint64_t{0}),
                         at->second.deletes.value_or(~std::uint64_t{0})};
  }
  std::size_t size() const {
    return static_cast<std::size_t>(
        std::count_if(items_.begin(), items_.end(), [&](auto const& x) { return !gone(x.second, clock_); }));
  }
  std::uint64_t clock() const { return clock_; }
  std::uint64_t horizon() const { return horizon_; }
  const std::map<std::string, item>& items() const { return items_; }

 private:
  static bool gone(const item& e, std::uint64_t at) { return e.erased || (e.deletes && *e.deletes <= at); }
  static bool lapsed(const item& e, std::uint64_t at) { return e.emptied || (e.expires && *e.expires <= at); }
  static bool too_old(const item* e, std::uint64_t i) { return e && i < e->index; }
  static item fresh(const std::string& v, std::uint64_t i, ttl t) {
    item e;
    e.index = i;
    e.value = v;
    // Scripts stay away from the largest index.
    if (t.expire_in != 0) e.expires = i + t.expire_in;
    if (t.delete_in != 0) e.deletes = i + t.delete_in;
    return e;
  }
  item* begin(const std::string& k, std::uint64_t i) {
    advance(i);
    auto const at = items_.find(k);
    if (at == items_.end()) return nullptr;
    item& e = at->second;
    std::uint64_t const known = std::min(horizon_, clock_);
    if (e.erased ? e.index < horizon_ && e.index < clock_ : e.deletes && *e.deletes <= known) {
      items_.erase(at);
      return nullptr;
    }
    return &e;
  }

  std::map<std::string, item> items_;
  std::uint64_t clock_ = 0;
  std::uint64_t horizon_ = 0;
};

// Writes of a log: indices that do not fall, some equal unless they are `distinct`, few keys, short deadlines.
class timed_script {
 public:
  enum indices { some_equal, distinct };
  explicit timed_script(std::uint32_t seed, std::size_t keys = 12, indices which = some_equal)
      : random_(seed), keys_(keys), least_step_(which == distinct ? 1 : 0) {}

  timed_write next() {
    timed_write w;
    index_ += std::max<std::uint64_t>(least_step_, random_() % 3);
    w.what = static_cast<timed_write::kind>(random_() % timed_write::kinds);
    if (random_() % 3 == 0) w.what = timed_write::set;
    w.key = "key " + std::to_string(random_() % keys_);
    ++values_;
    w.value = "value " + std::to_string(values_) + (values_ % 4 == 0 ? " that is too long to be kept inside" : "");
    w.index = index_;
    // Often the right one, as it is one of the last.
    w.expected = index_ - std::min<std::uint64_t>(index_, random_() % 20);
    if (random_() % 2 == 0) w.deadlines.expire_in = 1 + random_() % 30;
    if (random_() % 2 == 0) w.deadlines.delete_in = 1 + random_() % 40;
    return w;
  }
  std::uint64_t index() const { return index_; }
  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
  std::size_t keys_;
  std::uint64_t least_step_;
  std::uint64_t index_ = 0;
  std::uint64_t values_ = 0;
};

}  // namespace tandem::test

#endif
