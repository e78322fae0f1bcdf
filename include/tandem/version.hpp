// The version of the library, for the preprocessor and for programs.
//
// Versions follow semver.org. Before 1.0 the minor number counts breaking changes: 0.2 may change what 0.1 promised, and
// the installed CMake package therefore accepts only the minor version that was asked for.
#ifndef TANDEM_VERSION_HPP
#define TANDEM_VERSION_HPP

// major * 10000 + minor * 100 + patch, so that one comparison tells old from new.
#define TANDEM_VERSION 100

#include <compare>

namespace tandem {

struct version_number {
  int major_number;
  int minor_number;
  int patch_number;

  friend constexpr auto operator<=>(const version_number&, const version_number&) = default;
};

inline constexpr version_number version{TANDEM_VERSION / 10000, TANDEM_VERSION / 100 % 100, TANDEM_VERSION % 100};

}  // namespace tandem

#endif
