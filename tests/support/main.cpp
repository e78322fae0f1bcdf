// The main function of every test program. Our own, so that it is compiled with the flags, the standard library and the
// sanitizers of the tests, and so that versions 2 and 3 of Catch2 need no different treatment.
//
// It is strict: a test case that asserts nothing fails the run, and so does a name that matches no test case, which version
// 2 alone would report as success. (Catch2's own warning about missing assertions is not used: it also refuses sections
// that only prepare what is asserted after them.)
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include <iostream>
#include <string>

namespace {

#if __has_include(<catch2/catch_session.hpp>)
using listener_base = Catch::EventListenerBase;
constexpr auto unmatched_name = Catch::WarnAbout::UnmatchedTestSpec;
#else
using listener_base = Catch::TestEventListenerBase;
constexpr auto unmatched_name = Catch::WarnAbout::NoTests;
#endif

// Version 3 passes the information by pointer, version 2 by value.
[[maybe_unused]] const std::string& name_of(const Catch::TestCaseInfo& info) { return info.name; }
[[maybe_unused]] const std::string& name_of(const Catch::TestCaseInfo* info) { return info->name; }

bool some_case_asserted_nothing = false;

class assertion_counter : public listener_base {
 public:
  using listener_base::listener_base;

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    if (stats.totals.assertions.total() != 0) return;
    some_case_asserted_nothing = true;
    std::cerr << "FAILED: no assertions in test case '" << name_of(stats.testInfo) << "'\n";
  }
};

CATCH_REGISTER_LISTENER(assertion_counter)

}  // namespace

int main(int argc, char** argv) {
  Catch::Session session;
  session.configData().warnings = unmatched_name;
  if (int const wrong_usage = session.applyCommandLine(argc, argv); wrong_usage != 0) return wrong_usage;
  int const failed = session.run();
  return failed == 0 && some_case_asserted_nothing ? 1 : failed;
}
