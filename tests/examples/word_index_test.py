#!/usr/bin/env python3
"""word_index seen from outside: word_index_test.py PROGRAM [unittest arguments...]

What the program promises about its arguments, its exit codes, and the odd things that a folder can contain. Every run has a
time limit, so a program that hangs on a FIFO or a loop of links fails.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = ""
TIME_LIMIT = 60
SUCCESS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130


def run(*arguments, **settings):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, errors="replace",
                          timeout=TIME_LIMIT, stdin=subprocess.DEVNULL, **settings)


class WordIndex(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="word_index_test_")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def small_corpus(self):
        self.write("a.txt", "one fish two fish\nRed FISH, blue fish.\n")
        self.write("sub/b.txt", "a fish is a fish; one is enough")
        self.write("sub/c.txt", "no animals here")

    def succeeds(self, *arguments, **settings):
        result = run(*arguments, **settings)
        self.assertEqual(result.returncode, SUCCESS, result.stderr)
        self.assertIn("all answers right", result.stdout)
        return result

    def is_refused(self, *arguments, because, **settings):
        result = run(*arguments, **settings)
        self.assertEqual(result.returncode, USAGE, result.stderr)
        self.assertIn(because, result.stderr)
        self.assertEqual(result.stdout, "")
        return result

    def value(self, result, label):
        """The first number on the line of the report that starts with the label."""
        line = re.search(rf"^{label} +([\d,]+)", result.stdout, re.MULTILINE)
        self.assertIsNotNone(line, result.stdout)
        return int(line.group(1).replace(",", ""))


class Answers(WordIndex):
    def test_counts_are_those_of_the_text(self):
        self.small_corpus()
        result = self.succeeds("--query", "fish", "--query", "one", self.folder)
        self.assertRegex(result.stdout, r"fish: 6 times in 2 documents\n +4  \S*/a\.txt\n +2  \S*/sub/b\.txt\n")
        self.assertIn("one: 2 times in 2 documents\n", result.stdout)
        self.assertEqual(self.value(result, "documents"), 3)
        self.assertEqual(self.value(result, "words"), 11)
        self.assertIn("11 different, 19 in all", result.stdout)
        self.assertEqual(self.value(result, "postings"), 5 + 5 + 3)

    def test_queries_are_spelled_like_the_index(self):
        self.small_corpus()
        self.assertIn("fish: 6 times", self.succeeds("--query", "FiSh", self.folder).stdout)

    def test_a_word_that_is_not_there(self):
        self.small_corpus()
        self.assertIn("elephant: in no document", self.succeeds("--query", "elephant", self.folder).stdout)

    def test_there_are_queries_by_default(self):
        self.write("x", "freedom")
        self.assertIn("freedom: 1 times in 1 documents", self.succeeds(self.folder).stdout)

    def test_utf8_letters_stay_in_words(self):
        self.write("x", "Käse, käse; Ka se")
        self.assertIn("käse: 2 times in 1 documents", self.succeeds("--query", "Käse", self.folder).stdout)

    def test_only_the_best_documents_are_listed(self):
        for n in range(1, 9):
            self.write(f"{n}.txt", "fish " * n)
        listed = re.findall(r"^ +(\d+)  \S+\.txt$", self.succeeds("--query", "fish", self.folder).stdout, re.MULTILINE)
        self.assertEqual(listed, ["8", "7", "6", "5", "4"])

    def test_files_and_folders_can_be_mixed_and_repeated(self):
        self.small_corpus()
        result = self.succeeds(self.folder / "a.txt", self.folder / "sub", self.folder, self.folder / "a.txt")
        self.assertEqual(self.value(result, "documents"), 3)

    def test_the_report_has_every_figure(self):
        self.small_corpus()
        report = self.succeeds("--publish-every", 1, self.folder).stdout
        for pattern in (r"(?m)^reads +[\d,]+ by 2 readers, [\d,]+ per second", r"(?m)^publishes +3: p50 \S+ ms, p99 \S+ ms, max \S+ ms",
                        r"(?m)^memory +[\d,]+ KiB resident"):
            self.assertRegex(report, pattern)


class Options(WordIndex):
    def test_publishes_happen_as_often_as_asked(self):
        for n in range(7):
            self.write(f"{n}.txt", f"word{n} common")
        for every, publishes in ((1, 7), (3, 3), (7, 1), (1000, 1)):
            with self.subTest(every=every):
                result = self.succeeds("--publish-every", every, "--query", "common", self.folder)
                self.assertEqual(self.value(result, "publishes"), publishes)
                self.assertIn("common: 7 times in 7 documents", result.stdout)

    def test_no_readers_are_fine(self):
        self.small_corpus()
        self.assertEqual(self.value(self.succeeds("--readers", 0, self.folder), "reads"), 0)

    def test_many_readers_are_fine(self):
        self.small_corpus()
        self.assertIn("by 50 readers", self.succeeds("--readers", 50, self.folder).stdout)

    def test_readers_read_while_there_is_work(self):
        text = self.write("0", " ".join(f"w{n % 997}" for n in range(20_000)))
        for n in range(1, 150):
            os.link(text, self.folder / str(n))
        result = self.succeeds("--readers", 2, self.folder)
        self.assertEqual(self.value(result, "documents"), 150)
        self.assertGreater(self.value(result, "reads"), 0)

    def test_help(self):
        result = run("--help")
        self.assertEqual(result.returncode, SUCCESS)
        for option in ("--readers", "--publish-every", "--query", "PATH"):
            self.assertIn(option, result.stdout)

    def test_bad_numbers_are_refused(self):
        self.small_corpus()
        for option in ("--readers", "--publish-every"):
            for bad in ("-1", "1.5", "x", "", "1x", "99999999999999999999999"):
                with self.subTest(option=option, bad=bad):
                    self.is_refused(option, bad, self.folder, because=f"{option}: must be a whole number")
                    self.is_refused(f"{option}={bad}", self.folder, because=option)

    def test_publishing_every_0_documents_is_refused(self):
        self.is_refused("--publish-every", "0", self.folder, because="must be a whole number from 1 to")

    def test_unknown_options_and_missing_values_are_refused(self):
        self.is_refused("--frobnicate", self.folder, because="--frobnicate")
        self.is_refused("--readers", because="--readers")
        self.is_refused("--query", because="--query")

    def test_queries_that_are_not_one_word_are_refused(self):
        self.small_corpus()
        for bad in ("two words", "", "!", "x" * 65):
            with self.subTest(bad=bad):
                self.is_refused("--query", bad, self.folder, because="must be a single word")


class Paths(WordIndex):
    def test_a_missing_path_is_refused_before_anything_is_indexed(self):
        self.small_corpus()
        result = self.is_refused(self.folder, self.folder / "nowhere", because=f"{self.folder}/nowhere: no such file")
        self.assertNotIn("indexing", result.stderr)

    def test_a_dangling_link_as_path_is_refused(self):
        (self.folder / "link").symlink_to("nowhere")
        self.is_refused(self.folder / "link", because="no such file")

    def test_nothing_to_index_is_refused(self):
        self.is_refused(self.folder, because="nothing to index")

    def test_only_binary_files_are_nothing_to_index(self):
        binary = self.write("x.bin", b"text\0text")
        self.is_refused(binary, because="binary file")
        self.is_refused(binary, because="nothing to index")


class OddFiles(WordIndex):
    """Each is named on stderr and counted, and the others are indexed all the same."""

    def skips(self, *names, why, **settings):
        self.small_corpus()
        result = self.succeeds("--query", "fish", self.folder, **settings)
        self.assertIn("fish: 6 times in 2 documents", result.stdout)
        for name in names:
            self.assertIn(f"skipped {self.folder / name}: {why}", result.stderr)
        self.assertIn(f" {len(names)} skipped", result.stdout)

    def test_binary_file(self):
        self.write("x.bin", b"fish " * 1000 + b"\0" + b"fish " * 1000)
        self.write("y.bin", b"fish " * 30_000 + b"\0")  # not in the first block
        self.skips("x.bin", "y.bin", why="binary file")

    def test_fifo(self):
        os.mkfifo(self.folder / "fifo")
        self.skips("fifo", why="not a regular file")

    def test_socket(self):
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(self.folder / "socket"))
            self.skips("socket", why="not a regular file")

    def test_device_as_path(self):
        self.small_corpus()
        self.assertIn("skipped /dev/null: not a regular file", self.succeeds("/dev/null", self.folder).stderr)

    def test_dangling_link(self):
        (self.folder / "dangling").symlink_to("nowhere")
        self.skips("dangling", why="leads to nothing")

    def test_link_to_itself(self):
        (self.folder / "itself").symlink_to("itself")
        self.skips("itself", why="")

    def test_loops_of_folders_are_walked_once(self):
        self.write("deep/er/x.txt", "nothing")
        (self.folder / "deep/er/up").symlink_to(self.folder)
        (self.folder / "deep/other").symlink_to("er")
        self.skips(why="")

    def test_a_link_and_its_target_are_one_document(self):
        self.small_corpus()
        (self.folder / "z.txt").symlink_to("a.txt")
        self.assertEqual(self.value(self.succeeds(self.folder), "documents"), 3)

    def test_empty_files_are_documents(self):
        self.small_corpus()
        self.write("0-empty", "")
        self.assertEqual(self.value(self.succeeds(self.folder), "documents"), 4)

    def test_nothing_but_empty_files(self):
        self.write("x", "")
        self.write("y", "\n\n  \n")
        result = self.succeeds(self.folder)
        self.assertEqual((self.value(result, "documents"), self.value(result, "words")), (2, 0))

    def test_huge_lines_and_words_across_blocks(self):
        self.write("x", "fish " * 200_000 + "y" * 1_000_000 + " fish")
        result = self.succeeds("--query", "fish", self.folder)
        self.assertIn("fish: 200,001 times in 1 documents", result.stdout)
        self.assertEqual(self.value(result, "words"), 1)  # a million letters are not a word

    def test_the_longest_word(self):
        self.write("x", "x" * 64 + " " + "y" * 65)
        self.assertIn("1 different, 1 in all", self.succeeds(self.folder).stdout)

    def test_deep_folders(self):
        path = self.folder
        for _ in range(200):
            path = path / "d"
        path.mkdir(parents=True)
        (path / "x").write_text("bottom")
        self.assertIn("bottom: 1 times", self.succeeds("--query", "bottom", self.folder).stdout)

    def test_control_characters_in_names_do_not_reach_the_terminal(self):
        self.write("evil\x1b[2J\n.txt", "evil")
        self.write("evil\x1b[2J.bin", b"\0")
        result = self.succeeds("--query", "evil", self.folder)
        self.assertNotIn("\x1b", result.stdout + result.stderr)
        self.assertIn("evil?[2J?.txt", result.stdout)

    def test_names_that_are_not_utf8(self):
        path = os.path.join(os.fsencode(self.folder), b"\xff\xfe.txt")
        with open(path, "w") as file:
            file.write("latin")
        self.assertIn("latin: 1 times", self.succeeds("--query", "latin", self.folder).stdout)


class Permissions(WordIndex):
    """Root may read everything; so for root the program is run as nobody, if nobody may run it."""

    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.user = {"user": "nobody"} if os.geteuid() == 0 else {}
        try:
            run("--help", **self.user).check_returncode()
        except (OSError, LookupError, ValueError, subprocess.SubprocessError) as problem:
            self.skipTest(f"cannot run the program without the rights of root: {problem}")
        self.write("open.txt", "fish")

    def test_unreadable_file(self):
        self.write("secret.txt", "fish").chmod(0)
        result = self.succeeds("--query", "fish", self.folder, **self.user)
        self.assertIn(f"skipped {self.folder}/secret.txt: Permission denied", result.stderr)
        self.assertIn("fish: 1 times in 1 documents", result.stdout)
        self.assertIn(" 1 skipped", result.stdout)

    def test_folder_without_permission(self):
        locked = self.write("locked/x.txt", "fish").parent
        locked.chmod(0)
        self.addCleanup(locked.chmod, 0o755)
        result = self.succeeds("--query", "fish", self.folder, **self.user)
        self.assertIn(f"skipped {locked}: Permission denied", result.stderr)
        self.assertIn("fish: 1 times in 1 documents", result.stdout)
        self.is_refused(locked / "x.txt", because="Permission denied", **self.user)

    def test_nothing_readable(self):
        secret = self.write("secret.txt", "fish")
        secret.chmod(0)
        self.is_refused(secret, because="nothing to index", **self.user)


class EndOfTheProgram(WordIndex):
    def test_ctrl_c_ends_with_a_report_of_what_was_indexed(self):
        # 400 names of one file of 4 MB: seconds of work, so the signal comes in the middle.
        text = self.write("0", " ".join(f"word{n % 4096}" for n in range(500_000)))
        for n in range(1, 400):
            os.link(text, self.folder / str(n))
        with subprocess.Popen([PROGRAM, str(self.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
            self.assertIn("indexing 400 files", program.stderr.readline())
            program.send_signal(signal.SIGINT)
            result = subprocess.CompletedProcess([], None, *program.communicate(timeout=TIME_LIMIT))
        self.assertEqual(program.returncode, INTERRUPTED, result.stderr)
        self.assertRegex(result.stdout, r"(?m)^interrupted ")
        self.assertLess(self.value(result, "documents"), 400)

    @unittest.skipUnless(os.path.exists("/dev/full"), "the system has no /dev/full")
    def test_a_report_that_cannot_be_written_is_a_failure(self):
        self.small_corpus()
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, str(self.folder)], stdout=full, stderr=subprocess.PIPE, text=True,
                                    timeout=TIME_LIMIT)
        self.assertEqual(result.returncode, FAILURE)
        self.assertIn("could not be written", result.stderr)

    def test_progress_is_lines_without_a_terminal_and_a_bar_with_one(self):
        self.small_corpus()
        self.assertNotIn("\r", self.succeeds(self.folder).stderr)
        controlling, terminal = os.openpty()
        self.addCleanup(os.close, controlling)
        with os.fdopen(terminal, "wb") as stderr:
            subprocess.run([PROGRAM, str(self.folder)], stdout=subprocess.DEVNULL, stderr=stderr, timeout=TIME_LIMIT, check=True)
            self.assertRegex(os.read(controlling, 65536).decode(), r"\[#*\.*\] \d+%, \d+ files, [\d,]+ reads/s")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
