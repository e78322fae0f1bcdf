// replay FOLDER: calls the body of a fuzzer with what is in the folder, as it is, cut off, and changed here and there. So the normal
// run has of each fuzzer what can be had without one, the same every time.
//
// Each of the body's cases() must have occurred in the end.
#include "fuzz/body.hpp"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using bytes = std::vector<std::uint8_t>;

// What the body is at, to be told if it ends the program.
std::string at;  // NOLINT: for the handler

extern "C" void tell(int signal) {
  std::fprintf(stderr, "at %s\n", at.c_str());
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(const bytes& input, const std::string& what) {
  at = what;
  // An allocation of its own, so that the address sanitizer sees who reads beyond the end.
  std::unique_ptr<std::uint8_t[]> const copy(new std::uint8_t[input.size()]);
  std::copy(input.begin(), input.end(), copy.get());
  if (LLVMFuzzerTestOneInput(copy.get(), input.size()) != 0) {
    std::fprintf(stderr, "the body refused %s\n", what.c_str());
    std::exit(1);
  }
}

bytes changed(bytes input, const bytes& other, std::mt19937& random) {
  for (auto n = 1 + random() % 4; n != 0; --n) {
    std::size_t const place = input.empty() ? 0 : random() % input.size();
    auto const here = input.begin() + static_cast<std::ptrdiff_t>(place);
    switch (input.empty() ? 3 : random() % 6) {
      case 0:
        *here = static_cast<std::uint8_t>(random());
        break;
      case 1:
        *here = static_cast<std::uint8_t>(*here ^ 1U << random() % 8);
        break;
      case 2:
        input.erase(here);
        break;
      case 3:
        input.insert(here, static_cast<std::uint8_t>(random()));
        break;
      case 4:
        *here = random() % 2 == 0 ? 0xff : 0;
        break;
      default: {
        // A piece of another input over the rest of this one.
        std::size_t const from = other.empty() ? 0 : random() % other.size();
        input.erase(here, input.end());
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      }
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("replay FOLDER\n", stderr), 2;
  std::signal(SIGABRT, tell);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<bytes> inputs;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  if (inputs.empty()) return std::fputs("there are no inputs\n", stderr), 1;

  constexpr std::size_t changes = 600;
  std::mt19937 random(1);
  std::size_t runs = 0;
  for (std::size_t i = 0; i != inputs.size(); ++i) {
    const bytes& input = inputs[i];
    std::string const name = files[i].filename().string();
    run(input, name);
    std::size_t const step = 1 + input.size() / 400;
    for (std::size_t n = 0; n < input.size(); n += step, ++runs) {
      run(bytes(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(n)), name + ", cut to " + std::to_string(n));
    }
    for (std::size_t n = 0; n != changes; ++n, ++runs) {
      run(changed(input, inputs[random() % inputs.size()], random), name + ", change " + std::to_string(n));
    }
  }
  std::printf("%zu files, %zu changes of them\n", inputs.size(), runs);
  bool all = true;
  for (const std::string& what : tandem::test::cases()) {
    std::size_t const times = tandem::test::occurred()[what];
    std::printf("%8zu  %s\n", times, what.c_str());
    all = all && times != 0;
  }
  return all ? 0 : (std::fputs("something has not occurred\n", stderr), 1);
}
