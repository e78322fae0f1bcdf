// The main function of every test program. Our own, so that it is compiled with the flags, the standard library and the
// sanitizers of the tests, and so that versions 2 and 3 of Catch2 need no different treatment.
//
// It is strict: a test case or section that asserts nothing fails, and so does a name that matches no test case, which
// version 2 would report as success.
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

int main(int argc, char** argv) {
  Catch::Session session;
#if __has_include(<catch2/catch_session.hpp>)
  constexpr auto unmatched = Catch::WarnAbout::UnmatchedTestSpec;
#else
  constexpr auto unmatched = Catch::WarnAbout::NoTests;
#endif
  session.configData().warnings = static_cast<Catch::WarnAbout::What>(Catch::WarnAbout::NoAssertions | unmatched);
  int const wrong_usage = session.applyCommandLine(argc, argv);
  return wrong_usage != 0 ? wrong_usage : session.run();
}
