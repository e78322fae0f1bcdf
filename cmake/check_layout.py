"""check_layout.py ROOT | --self-test: the shape of the tree.

Rules
  1. The top level holds what TOP_LEVEL lists, and files whose names begin with a dot. Nothing else.
  2. A header of the library includes others of it as <tandem/...>, and only what LAYERS allows: downwards, and no sibling.
     A helper that two containers want moves down, into sync/ or detail/.
  3. Includes form no circle.
  4. Each header has the guard TANDEM_<PATH>_HPP.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

TOP_LEVEL = {"include", "tests", "bench", "examples", "cmake", "CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE"}

# What each header, or each folder (with a slash), may include besides itself or its own folder; a header in a folder that has
# an entry of its own, what that says. BASICS are below all containers. A header that is missing here is an error: decide where
# it stands.
BASICS = {"version", "fwd", "sync/", "detail/", "concepts", "hash", "options"}
CELLS = BASICS | {"cell/", "epoch"}
STORES = BASICS | {"store/", "cell/", "codec", "sharded_map", "cell_index", "epoch"}
LAYERS = {
    "version": set(),
    "fwd": {"options"},
    "sync/": {"detail/"},
    "detail/": {"sync/", "concepts", "hash", "options", "fwd"},
    "concepts": {"fwd", "detail/"},
    "hash": {"fwd", "detail/"},
    "options": {"fwd", "sync/", "detail/", "concepts", "hash"},
    "detail/map_side": BASICS | {"value_bag"},  # the engine of evmap
    "cell/": BASICS | {"epoch"},
    "tree/": BASICS | {"cell/", "epoch"},  # slots, elements, visitors and guards of elements
    "codec": set(),
    "store/": BASICS | {"cell/", "codec"},
    "value_bag": BASICS,
    "left_right": BASICS,
    "publisher": BASICS | {"left_right"},
    "evmap": BASICS | {"left_right", "value_bag", "cell/", "publisher"},
    "eventual_map": BASICS | {"left_right", "evmap", "publisher"},  # an evmap with one value per key and a mutex
    "epoch": BASICS,
    "cell_map": CELLS,
    "cell_set": CELLS,
    "cell_cache": CELLS,
    "cell_index": CELLS,
    "sharded_map": BASICS | {"cell/"},
    "tree_index": BASICS | {"tree/", "cell/", "epoch"},
    "timed_store": STORES,
    "clocked_store": STORES | {"timed_store"},
    "durable_store": STORES,
}
EVERYTHING = "tandem"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def place(name):
    """`sync/atomic.hpp` stands in `sync/`, `evmap.hpp` is `evmap`."""
    return name.split("/")[0] + "/" if "/" in name else name.removesuffix(".hpp")


def check_headers(headers):
    """Complaints about headers: a dictionary from name below include/tandem to text."""
    complaints, edges = [], {}
    for name, text in headers.items():
        here = place(name)
        if here != EVERYTHING and here not in LAYERS:
            complaints.append(f"{name}: cmake/check_layout.py does not say what {here} may include")
            continue
        guard = "TANDEM_" + re.sub(r"\W", "_", name).upper()
        guarded = f"#ifndef {guard}\n#define {guard}\n"
        if here == EVERYTHING:
            guard_missing = not re.search(r"#ifndef (TANDEM_\w+_HPP)\n#define \1\n", text)
        else:
            guard_missing = guarded not in text
        if guard_missing:
            complaints.append(f"{name}: no include guard {guard}")
        edges[name] = []
        for bracket, target in INCLUDE.findall(text):
            if bracket == '"':
                complaints.append(f'{name}: includes "{target}"; write <tandem/...>')
            if not target.startswith("tandem/"):
                continue
            target = target.removeprefix("tandem/")
            edges[name].append(target)
            there = place(target)
            may_include = LAYERS.get(name.removesuffix(".hpp"), LAYERS.get(here))
            allowed = here == EVERYTHING or there in may_include or (here == there and here.endswith("/"))
            if not allowed:
                complaints.append(f"{name}: may not include {target}")
    complaints.extend(circles(edges))
    return complaints


def circles(edges):
    """One complaint for each include that closes a circle."""
    found, state = [], {}

    def visit(name):
        state[name] = "open"
        for target in edges.get(name, []):
            if state.get(target) == "open":
                found.append(f"{name}: including {target} closes a circle")
            elif target not in state:
                visit(target)
        state[name] = "done"

    for name in edges:
        if name not in state:
            visit(name)
    return found


def top_level_entries(root):
    """What git tracks or would track; without git, what is there."""
    try:
        command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        return {path.split("/")[0] for path in listed}
    except (OSError, subprocess.CalledProcessError):
        return {entry.name for entry in pathlib.Path(root).iterdir()} - {"build"}


def check_top_level(entries):
    return [f"{e}: not at the top level" for e in sorted(entries) if e not in TOP_LEVEL and not e.startswith(".")]


def check_tree(root):
    include = pathlib.Path(root) / "include" / "tandem"
    headers = {str(p.relative_to(include).as_posix()): p.read_text() for p in sorted(include.rglob("*.hpp"))}
    complaints = check_top_level(top_level_entries(root)) + check_headers(headers)
    print("\n".join(complaints + [f"{len(headers)} headers, {len(complaints)} complaints"]))
    if not headers:
        print("nothing was checked: is this the root of the project?")
    return 1 if complaints or not headers else 0


def header(name, *includes):
    guard = "TANDEM_" + re.sub(r"\W", "_", name).upper()
    lines = "".join(f"#include {i}\n" for i in includes)
    return {name: f"// What it is.\n#ifndef {guard}\n#define {guard}\n\n{lines}\n#endif\n"}


def self_test():
    good = (
        header("sync/atomic.hpp", "<atomic>", "<tandem/sync/fences.hpp>")
        | header("sync/fences.hpp", "<tandem/detail/misuse.hpp>")
        | header("detail/misuse.hpp", "<cstdio>")
        | header("left_right.hpp", "<tandem/sync/atomic.hpp>")
        | header("evmap.hpp", "<tandem/left_right.hpp>")
        | header("tandem.hpp", "<tandem/evmap.hpp>", "<tandem/left_right.hpp>")
    )
    seeded = [
        ("upwards", header("sync/atomic.hpp", "<tandem/left_right.hpp>"), "may not include"),
        ("a sibling", header("left_right.hpp", "<tandem/cell_map.hpp>"), "may not include"),
        ("everything", header("evmap.hpp", "<tandem/tandem.hpp>"), "may not include"),
        ("a circle", header("detail/misuse.hpp", "<tandem/sync/atomic.hpp>"), "closes a circle"),
        ("quotes", header("evmap.hpp", '"left_right.hpp"'), "write <tandem/...>"),
        ("unknown place", header("extras.hpp"), "does not say"),
        ("wrong guard", {"evmap.hpp": "#ifndef TANDEM_MAP_HPP\n#define TANDEM_MAP_HPP\n#endif\n"}, "no include guard"),
    ]
    failures = [f"the good example: {c}" for c in check_headers(good) + check_top_level(TOP_LEVEL | {".ci"})]
    for name, change, expected in seeded:
        found = check_headers(good | change)
        if not any(expected in complaint for complaint in found):
            failures.append(f"{name}: no complaint with '{expected}', but: {found}")
    if not check_top_level({"include", "notes.txt"}):
        failures.append("a stray file at the top level passes")
    with tempfile.TemporaryDirectory() as empty:
        if check_tree(empty) == 0:
            failures.append("an empty tree passes")
    print("\n".join(failures) or f"{len(seeded) + 1} seeded mistakes found")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else check_tree(sys.argv[1]))
