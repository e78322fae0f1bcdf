// Reads what to_prometheus() writes, strictly: the text format 0.0.4, and what a scraper takes for granted beyond it.
//
//   prometheus_metrics const m = read_prometheus(text);      // throws std::logic_error, which says what is wrong in which line
//   m.at("app_size").samples.at("app_size{node=\"a\"}") == 1
//
// Checked: a HELP and a TYPE for each metric, once and before its samples; all samples of a metric together, none twice; names; escapes;
// finite numbers; counters are called _total; histograms have rising bounds, counts that do not fall, +Inf last and equal to _count,
// and a _sum.
#ifndef TANDEM_TESTS_SUPPORT_PROMETHEUS_HPP
#define TANDEM_TESTS_SUPPORT_PROMETHEUS_HPP

#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::test {

struct prometheus_metric {
  std::string type;
  std::string help;
  std::map<std::string, double> samples;  // by name and labels, as they are in the text
};
using prometheus_metrics = std::map<std::string, prometheus_metric>;

namespace detail {

class prometheus_reader {
 public:
  prometheus_metrics read(std::string_view text) {
    while (!text.empty()) {
      ++line_;
      std::size_t const end = text.find('\n');
      check(end != std::string_view::npos, "the last line has no end");
      read_line(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    finish();
    return std::move(metrics_);
  }

 private:
  using labels = std::vector<std::pair<std::string, std::string>>;

  void check(bool holds, const std::string& otherwise) const {
    if (!holds) throw std::logic_error("line " + std::to_string(line_) + ": " + otherwise);
  }

  void read_line(std::string_view l) {
    if (l.starts_with("# HELP ")) {
      finish();
      auto const [name, rest] = split(l.substr(7));
      check(is_name(name), "no name");
      check(metrics_.emplace(name, prometheus_metric{"", std::string(rest), {}}).second, "described twice: " + name);
      name_ = name;
      return;
    }
    if (l.starts_with("# TYPE ")) {
      auto const [name, type] = split(l.substr(7));
      check(name == name_ && metrics_[name_].type.empty() && metrics_[name_].samples.empty(), "a TYPE out of place");
      check(type == "counter" || type == "gauge" || type == "histogram", "no such type");
      check(type != "counter" || name.ends_with("_total"), "a counter that is not called _total");
      metrics_[name_].type = type;
      return;
    }
    check(!l.empty() && l[0] != '#', "neither a comment nor a sample");
    read_sample(l);
  }

  void read_sample(std::string_view l) {
    std::size_t at = 0;
    while (at != l.size() && l[at] != '{' && l[at] != ' ') ++at;
    std::string const name(l.substr(0, at));
    check(is_name(name), "no name");
    labels const found = at != l.size() && l[at] == '{' ? read_labels(l, at) : labels();
    std::string const key(l.substr(0, at));
    check(at != l.size() && l[at] == ' ', "no space before the number");
    std::string const number(l.substr(at + 1));
    char* end = nullptr;
    double const value = std::strtod(number.c_str(), &end);
    check(!number.empty() && end == number.c_str() + number.size() && std::isfinite(value), "no number: " + number);
    prometheus_metric& m = metrics_[name_];
    check(!m.type.empty(), "a sample without a TYPE");
    check(m.samples.emplace(key, value).second, "a sample twice");
    if (m.type == "histogram") {
      read_part(name, found, value);
    } else {
      check(name == name_, "a sample of another metric");
    }
  }

  void read_part(const std::string& name, const labels& found, double value) {
    std::string const suffix = name.starts_with(name_) ? name.substr(name_.size()) : "";
    if (suffix == "_bucket") {
      check(!found.empty() && found.back().first == "le", "a bucket without a bound");
      const std::string& le = found.back().second;
      char* end = nullptr;
      double const bound = le == "+Inf" ? std::numeric_limits<double>::infinity() : std::strtod(le.c_str(), &end);
      check(le == "+Inf" || end == le.c_str() + le.size(), "no bound: " + le);
      check(bound > bound_, "bounds do not rise");
      check(value >= inside_, "counts fall");
      bound_ = bound;
      inside_ = value;
    } else if (suffix == "_sum") {
      ++sums_;
    } else {
      check(suffix == "_count", "not a part of a histogram");
      check(std::isinf(bound_) && value == inside_, "+Inf is not there, or not the count");
      ++counts_;
    }
  }

  labels read_labels(std::string_view l, std::size_t& at) const {
    labels found;
    do {
      std::size_t const begin = ++at;
      while (at != l.size() && l[at] != '=') ++at;
      std::string const label(l.substr(begin, at - begin));
      check(is_name(label) && l.substr(at, 2) == "=\"", "no label");
      std::string value;
      for (at += 2; at < l.size() && l[at] != '"'; ++at) {
        if (l[at] == '\\') {
          ++at;
          check(at < l.size() && (l[at] == '\\' || l[at] == '"' || l[at] == 'n'), "no such escape");
          value += l[at] == 'n' ? '\n' : l[at];
        } else {
          value += l[at];
        }
      }
      check(at < l.size(), "a value without an end");
      ++at;
      found.emplace_back(label, value);
    } while (at != l.size() && l[at] == ',');
    check(at != l.size() && l[at] == '}', "labels without an end");
    ++at;
    return found;
  }

  // What must be there of the metric that has been read.
  void finish() {
    if (name_.empty()) return;
    const prometheus_metric& m = metrics_[name_];
    check(!m.type.empty() && !m.samples.empty(), "nothing of " + name_);
    if (m.type == "histogram") check(sums_ == 1 && counts_ == 1, "no sum, or no count, of " + name_);
    bound_ = -std::numeric_limits<double>::infinity();
    inside_ = 0;
    sums_ = counts_ = 0;
    name_.clear();
  }

  static std::pair<std::string, std::string> split(std::string_view s) {
    std::size_t const space = s.find(' ');
    if (space == std::string_view::npos) return {std::string(s), ""};
    return {std::string(s.substr(0, space)), std::string(s.substr(space + 1))};
  }
  static bool is_name(std::string_view s) {
    if (s.empty() || std::isdigit(static_cast<unsigned char>(s[0])) != 0) return false;
    for (char c : s) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != ':') return false;
    }
    return true;
  }

  prometheus_metrics metrics_;
  std::string name_;
  std::size_t line_ = 0;
  double bound_ = -std::numeric_limits<double>::infinity();
  double inside_ = 0;
  int sums_ = 0;
  int counts_ = 0;
};

}  // namespace detail

inline prometheus_metrics read_prometheus(std::string_view text) { return detail::prometheus_reader().read(text); }

}  // namespace tandem::test

#endif
