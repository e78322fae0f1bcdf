// The reader of Prometheus' text refuses what a scraper would.
#include "support/prometheus.hpp"

#include "support/catch.hpp"

#include <stdexcept>
#include <string>

using tandem::test::read_prometheus;

namespace {

const std::string histogram =
    "# HELP h What it is.\n# TYPE h histogram\n"
    "h_bucket{le=\"1\"} 2\nh_bucket{le=\"2.5\"} 3\nh_bucket{le=\"+Inf\"} 4\nh_sum 10\nh_count 4\n";

std::string with(std::string text, const std::string& what, const std::string& instead) {
  std::size_t const at = text.find(what);
  if (at == std::string::npos) throw std::invalid_argument(what);
  return text.replace(at, what.size(), instead);
}

}  // namespace

TEST_CASE("Prometheus' text is read", "[support][prometheus]") {
  auto const m = read_prometheus("# HELP a_total What it is.\n# TYPE a_total counter\na_total{x=\"q\\\"\\\\\\n\"} 3\n" +
                                 histogram);
  CHECK(m.size() == 2);
  CHECK(m.at("a_total").type == "counter");
  CHECK(m.at("a_total").help == "What it is.");
  CHECK(m.at("a_total").samples.at("a_total{x=\"q\\\"\\\\\\n\"}") == 3);
  CHECK(m.at("h").samples.at("h_bucket{le=\"2.5\"}") == 3);
  CHECK(m.at("h").samples.size() == 5);
}

TEST_CASE("what is wrong with Prometheus' text is found", "[support][prometheus]") {
  std::string const gauge = "# HELP g G.\n# TYPE g gauge\ng 1\n";
  REQUIRE_NOTHROW(read_prometheus(gauge));
  for (const std::string& wrong : {
           std::string("g 1\n"),
           with(gauge, "g 1\n", "g 1"),
           with(gauge, "g 1\n", ""),
           with(gauge, "g 1", "h 1"),
           with(gauge, "g 1", "g nan"),
           with(gauge, "g 1", "g +Inf"),
           with(gauge, "g 1", "g"),
           with(gauge, "g 1", "g 1x"),
           with(gauge, "g 1", "g{a=1} 1"),
           with(gauge, "g 1", "g{a=\"1} 1"),
           with(gauge, "g 1", "g{a=\"\\t\"} 1"),
           with(gauge, "g 1", "g{1a=\"\"} 1"),
           with(gauge, "g 1", "g 1\ng 1"),
           with(gauge, "gauge", "counter"),
           with(gauge, "gauge", "number"),
           with(gauge, "# TYPE g gauge\n", ""),
           with(gauge, "# TYPE g gauge", "# TYPE f gauge"),
           gauge + gauge,
           with(histogram, "} 3", "} 1"),
           with(histogram, "2.5", "0.5"),
           with(histogram, "h_bucket{le=\"+Inf\"} 4\n", ""),
           with(histogram, "h_count 4", "h_count 5"),
           with(histogram, "h_count 4\n", ""),
           with(histogram, "h_sum 10\n", ""),
           with(histogram, "h_sum", "h_total"),
           with(histogram, "{le=\"1\"}", ""),
       }) {
    INFO(wrong);
    CHECK_THROWS_AS(read_prometheus(wrong), std::logic_error);
  }
}
