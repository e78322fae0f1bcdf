#!/usr/bin/env python3
"""How long does it take to compile a file that includes a map and uses it?

    compile_time.py [--compiler g++] [--runs 5] [--flag=-O2]... [--include folder]...

Each case is a program that includes one header and inserts, looks up, changes, erases and counts strings. Cases are
compiled in turns, and the median of each is printed: seconds of processor time of the compiler and its children (which
somebody else's load changes less than the time on the wall), and the ratio to boost::unordered_flat_map, or to
std::unordered_map where there is no Boost. A case whose header is not found is left out, and that is said.
"""

import argparse
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

CELL_LIKE = """
#include <string>
using map = {type}<std::string, int>;
int main() {{
  map m;
  m.insert({{"one", 1}});
  m.try_emplace_or_visit("one", 1, [](auto& e) {{ ++e.second; }});
  int sum = 0;
  m.visit("one", [&](auto& e) {{ sum += ++e.second; }});
  m.cvisit_all([&](const auto& e) {{ sum += e.second; }});
  m.erase("one");
  return sum + static_cast<int>(m.size());
}}
"""

STANDARD_LIKE = """
#include <string>
using map = {type}<std::string, int>;
int main() {{
  map m;
  m.insert({{"one", 1}});
  if (auto const [place, is_new] = m.try_emplace("one", 1); !is_new) ++place->second;
  int sum = 0;
  if (auto const found = m.find("one"); found != m.end()) sum += ++found->second;
  for (const auto& e : m) sum += e.second;
  m.erase("one");
  return sum + static_cast<int>(m.size());
}}
"""

TBB = """
#include <string>
using map = tbb::concurrent_hash_map<std::string, int>;
int main() {
  map m;
  m.insert({"one", 1});
  int sum = 0;
  {
    map::accessor place;
    if (!m.insert(place, "one")) ++place->second;
    sum += ++place->second;
  }
  for (const auto& e : m) sum += e.second;
  m.erase("one");
  return sum + static_cast<int>(m.size());
}
"""

CUCKOO = """
#include <string>
using map = libcuckoo::cuckoohash_map<std::string, int>;
int main() {
  map m;
  m.insert("one", 1);
  int sum = 0;
  m.upsert("one", [](int& n) { ++n; }, 1);
  m.update_fn("one", [&](int& n) { sum += ++n; });
  for (const auto& e : m.lock_table()) sum += e.second;
  m.erase("one");
  return sum + static_cast<int>(m.size());
}
"""

CASES = {  # name: (header, program)
    "nothing but <string>": ("string", "#include <string>\nint main() { return std::string().empty() ? 0 : 1; }\n"),
    "std::unordered_map": ("unordered_map", STANDARD_LIKE.format(type="std::unordered_map")),
    "boost::unordered_flat_map": (
        "boost/unordered/unordered_flat_map.hpp",
        STANDARD_LIKE.format(type="boost::unordered_flat_map"),
    ),
    "boost::concurrent_flat_map": (
        "boost/unordered/concurrent_flat_map.hpp",
        CELL_LIKE.format(type="boost::concurrent_flat_map"),
    ),
    "tbb::concurrent_hash_map": ("tbb/concurrent_hash_map.h", TBB),
    "libcuckoo::cuckoohash_map": ("libcuckoo/cuckoohash_map.hh", CUCKOO),
    "tandem::cell_map": ("tandem/cell_map.hpp", CELL_LIKE.format(type="tandem::cell_map")),
}
REFERENCES = ("boost::unordered_flat_map", "std::unordered_map")


def used_by_children():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--flag", action="append", help="instead of -O2; may be repeated")
    parser.add_argument("--include", action="append", default=[], help="a folder with headers; may be repeated")
    options = parser.parse_args()

    folders = [str(root / "include"), *options.include]
    base = [options.compiler, "-std=c++20", *(options.flag or ["-O2"]), *(f"-I{f}" for f in folders)]
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = pathlib.Path(scratch_name)

        def compiled(source, *flags):
            return subprocess.run([*base, *flags, str(source)], capture_output=True, text=True, cwd=scratch)

        sources = {}
        for number, (name, (header, program)) in enumerate(CASES.items()):
            probe = scratch / f"probe{number}.cpp"
            probe.write_text(f"#if !__has_include(<{header}>)\n#error absent\n#endif\n")
            if compiled(probe, "-E").returncode != 0:
                print(f"{name}: not found, left out")
                continue
            sources[name] = scratch / f"case{number}.cpp"
            sources[name].write_text(f"#include <{header}>\n{program}")

        times = {name: [] for name in sources}
        order = list(sources)
        for run in range(options.runs):
            turn = run % len(order)
            for name in order[turn:] + order[:turn]:
                before = used_by_children()
                result = compiled(sources[name], "-c", "-o", "result.o")
                times[name].append(used_by_children() - before)
                if result.returncode != 0:
                    print(f"{name}: does not compile\n{result.stderr}", file=sys.stderr)
                    return 1

    reference = next(name for name in REFERENCES if name in times)
    base_time = statistics.median(times[reference])
    print(f"{' '.join(base[:-len(folders)])}, median of {options.runs}")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:28} {median:6.2f} s  (from {min(seconds):.2f} to {max(seconds):.2f})  {median / base_time:5.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
