#!/usr/bin/env python3
"""Plants bugs in a copy of the library, one at a time, and requires that the model programs notice each of them.

    planted_bugs.py [--jobs N] [--only NAME] [--list FILE]

The compiler is $CXX (default: c++). The bugs are in planted_bugs.txt, whose head explains the format. For each program
the unchanged library is compiled first and must pass the tests that the bugs name. The exit code is 0 if every bug was
noticed, 1 if one survived, could not be planted, or did not compile.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COMPILER = os.environ.get("CXX", "c++").split()
FLAGS = ["-std=c++20", "-O1", "-DNDEBUG"]
LONGEST_RUN = 300  # seconds


class Problem(Exception):
    """The check itself went wrong; says why."""


def read_bugs(path):
    bugs = []
    part = None  # "old" or "new" while inside of one
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.name}:{number}"
        if line.startswith("== "):
            bugs.append({"name": line[3:].strip(), "where": where, "old": [], "new": []})
            part = None
        elif line in ("-- old", "-- new") and bugs:
            part = line[3:]
        elif part:
            bugs[-1][part].append(line)
        elif line.strip() and not line.startswith("#"):
            key, colon, value = line.partition(":")
            if not bugs or not colon or key not in ("why", "file", "program", "test"):
                raise Problem(f"{where}: not understood: {line}")
            bugs[-1][key] = value.strip()
    for bug in bugs:
        for part in ("old", "new"):
            bug[part] = "\n".join(bug[part]).strip("\n")
        missing = [k for k in ("why", "file", "program", "test", "old") if not bug.get(k)]
        if missing:
            raise Problem(f"{bug['where']}: {bug['name']} lacks {', '.join(missing)}")
    names = [bug["name"] for bug in bugs]
    for name in names:
        if names.count(name) > 1:
            raise Problem(f"two bugs are called {name}")
    return bugs


def build(program, include, folder):
    """Compiles a model program against `include`; returns the executable, or raises."""
    executable = folder / "model"
    command = COMPILER + FLAGS + [f"-I{include}", f"-I{ROOT / 'tests'}", str(HERE / program),
                                  str(folder.parent / "main.o"), "-o", str(executable)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or ["?"]
        raise Problem(f"does not compile: {errors[0]}")
    return executable


def run(executable, test):
    """Runs one test case; returns whether it passed, and what it said."""
    name = re.sub(r'([,\[\]"\\*])', r"\\\1", test)
    try:
        done = subprocess.run([str(executable), name], capture_output=True, text=True, timeout=LONGEST_RUN)
    except subprocess.TimeoutExpired:
        raise Problem(f"no verdict after {LONGEST_RUN} s")
    if "No test cases matched" in done.stdout + done.stderr:
        raise Problem(f"there is no test '{test}'")
    if "REQUIRE( r.exhaustive )" in done.stdout:
        raise Problem("the search ended before it was exhaustive")
    return done.returncode == 0, done.stdout


def verdict(output):
    """The reason that the checker gave, on one line."""
    found = re.search(r"failed: (.*?)\n\s*(?:main|\w[\w ]*): ", output, re.DOTALL)
    if found:
        return " ".join(found.group(1).split())
    found = re.search(r"FAILED:\n\s*(.*)\n", output)
    return found.group(1).strip() if found else "it ended abnormally"


def find_old(bug, text):
    pattern = r"\s+".join(re.escape(word) for word in bug["old"].split())
    return list(re.finditer(pattern, text))


def plant(bug, folder):
    """Copies the library with the bug in it; returns the copy."""
    include = folder / "include"
    shutil.copytree(ROOT / "include", include)
    target = include / "tandem" / bug["file"]
    text = target.read_text()
    matches = find_old(bug, text)
    if len(matches) != 1:
        raise Problem(f"the old text is {len(matches)} times in {bug['file']}")
    target.write_text(text[: matches[0].start()] + bug["new"] + text[matches[0].end():])
    return include


def hunt(bug, scratch):
    """Returns (noticed, remark)."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=scratch))
    try:
        passed, output = run(build(bug["program"], plant(bug, folder), folder), bug["test"])
        return not passed, "SURVIVED" if passed else verdict(output)
    except Problem as problem:
        return False, f"ERROR: {problem}"
    finally:
        shutil.rmtree(folder)


def check_unchanged(program, tests, scratch):
    folder = pathlib.Path(tempfile.mkdtemp(dir=scratch))
    executable = build(program, ROOT / "include", folder)
    for test in sorted(tests):
        passed, output = run(executable, test)
        if not passed:
            raise Problem(f"{program}, '{test}', fails without a bug: {verdict(output)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--jobs", type=int, default=1, help="how many bugs to try at once")
    parser.add_argument("--only", metavar="NAME", help="the one bug to try")
    parser.add_argument("--at-most", type=int, metavar="N", help="so many of them, spread over the list")
    parser.add_argument("--list", type=pathlib.Path, default=HERE / "planted_bugs.txt", help="where the bugs are")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        try:
            bugs = read_bugs(arguments.list)
            if arguments.only:
                bugs = [bug for bug in bugs if bug["name"] == arguments.only]
            if arguments.at_most and len(bugs) > arguments.at_most:
                bugs = [bugs[i * len(bugs) // arguments.at_most] for i in range(arguments.at_most)]
            if not bugs:
                raise Problem("no bug to try")
            subprocess.run(COMPILER + FLAGS + [f"-I{ROOT / 'tests'}", "-c", str(ROOT / "tests/support/main.cpp"), "-o",
                                               f"{scratch}/main.o"], check=True)
            for program in sorted({bug["program"] for bug in bugs}):
                check_unchanged(program, {bug["test"] for bug in bugs if bug["program"] == program}, scratch)
        except Problem as problem:
            sys.exit(f"planted_bugs: {problem}")
        width = max(len(bug["name"]) for bug in bugs)
        missed = 0
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for bug, (noticed, remark) in zip(bugs, pool.map(lambda b: hunt(b, scratch), bugs)):
                missed += not noticed
                print(f"{bug['name']:<{width}}  {'noticed' if noticed else 'MISSED '}  {remark}", flush=True)
    print(f"{len(bugs) - missed} of {len(bugs)} bugs were noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
