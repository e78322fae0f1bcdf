// What happens once per process, so that nothing else may be in this program: most headers register for heavy barriers when the
// program starts, and here nobody has.
#include "support/catch.hpp"

#include <tandem/sync/fences.hpp>

#include <cerrno>

#if defined(__linux__) && defined(SYS_membarrier)

TEST_CASE("a process that lost its registration registers again", "[fences]") {
  if (tandem::detail::membarrier(MEMBARRIER_CMD_QUERY) < 0) {
    WARN("NOT CHECKED: this system has no membarrier");
    SUCCEED("nothing to check");
    return;
  }
  errno = 0;
  REQUIRE(tandem::detail::membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0);
  REQUIRE(errno == EPERM);
  CHECK(tandem::detail::execute_heavy_barrier());
  CHECK(tandem::detail::membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0);
}

#else

TEST_CASE("a process that lost its registration registers again", "[fences]") {
  WARN("NOT CHECKED: this system has no membarrier");
  SUCCEED("nothing to check");
}

#endif
