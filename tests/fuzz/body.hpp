// What the bodies of fuzzers share. A body is
//
//     extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
//
// as libFuzzer calls it, which returns 0; and cases(), the events of which each has to occur when the committed inputs are replayed
// (replay.cpp): a body that refuses everything proves nothing.
//
// A body is a function of its input alone: no time, no randomness, no state that it leaves behind.
#ifndef TANDEM_TESTS_FUZZ_BODY_HPP
#define TANDEM_TESTS_FUZZ_BODY_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <span>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace tandem::test {

// Defined by the body.
std::vector<std::string> cases();

// How often what has occurred.
inline std::map<std::string, std::size_t, std::less<>>& occurred() {
  static std::map<std::string, std::size_t, std::less<>> counts;
  return counts;
}
inline void note(std::string_view what) {
  auto const at = occurred().find(what);
  ++(at != occurred().end() ? at->second : occurred()[std::string(what)]);
}

// Otherwise the program ends, and whoever drives the body tells the input.
inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

// Bytes to be read by a std::istream.
class bytes_buffer : public std::streambuf {
 public:
  explicit bytes_buffer(std::span<const std::byte> bytes) {
    // The interface is older than const; nothing is written.
    char* const begin = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
    setg(begin, begin, begin + bytes.size());
  }
  std::size_t left() const { return static_cast<std::size_t>(egptr() - gptr()); }
};

}  // namespace tandem::test

#endif
