// What a multi-valued map holds, as a std::map of std::multisets that can be compared and printed.
#ifndef TANDEM_TESTS_SUPPORT_MAP_CONTENTS_HPP
#define TANDEM_TESTS_SUPPORT_MAP_CONTENTS_HPP

#include <functional>
#include <map>
#include <ranges>
#include <set>
#include <type_traits>
#include <utility>

namespace tandem::test {

template <class Key, class Value>
using multi_map = std::map<Key, std::multiset<Value>>;

// `all` is a range of (key, range of values) pairs, such as an evmap's guard or view. `project` makes something that has an
// order and == out of a value. Every lookup member is asked too, so that the range and the lookups have to agree: a key for
// which they do not is left out.
template <class All, class Project = std::identity>
auto contents(const All& all, Project project = {}) {
  using entry = std::ranges::range_value_t<const All>;
  using key = std::remove_cvref_t<decltype(std::declval<const entry&>().first)>;
  using bag = std::remove_cvref_t<decltype(std::declval<const entry&>().second)>;
  using value = std::remove_cvref_t<std::invoke_result_t<Project&, const typename bag::value_type&>>;
  multi_map<key, value> result;
  for (const auto& [k, values] : all) {
    if (all.find(k) != &values || !all.contains(k) || all.count(k) != values.size()) continue;
    auto& here = result[k];
    for (const auto& v : values) here.insert(std::invoke(project, v));
  }
  if (result.size() != all.size()) result.clear();
  return result;
}

}  // namespace tandem::test

#endif
