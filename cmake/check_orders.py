"""check_orders.py ROOT | --self-test: every memory order in include/ says what it is for, and what it pairs with.

The grammar, above the statement that has the order:

    // order[label]: <orders> <operation>; pairs with [other], [third]: what the pairing buys, in as many lines
    //   as it takes; pairs with [fourth]: and so on.

Rules
  1. Each acquire, release, acq_rel or seq_cst stands in a statement with such a comment directly above the statement, or
     directly above the line within it. One comment serves the whole statement, say a CAS with two orders.
  2. The words before the first semicolon of the comment are the strong orders of the statement: none missing, none
     invented. `relaxed`, `light barrier` and `heavy barrier` may be mentioned if they are there.
  3. A label is unique in its file, and belongs to a statement that has an order or a barrier.
  4. A partner after `pairs with` is a label of the same file and names this label back as its partner. Any other mention of
     a [label] must at least exist.
  5. Operations on atomics spell their order: no .load(), .store(x), ... without one. A function that merely has such a
     name says so with `// not an atomic` on the line or above.
  6. No memory_order_consume, no std::memory_order::x, no atomic_thread_fence: ThreadSanitizer does not understand the last.
  7. std::atomic and std::atomic_ref, and std::atomic_flag, appear in sync/ only; algorithms use the seam. Elsewhere a comment
     `// outside the seam: why` on the line or above allows one.
"""

import pathlib
import re
import sys
import tempfile

ORDER = re.compile(r"\bmemory_order_(relaxed|acquire|release|acq_rel|seq_cst)\b")
WORD = re.compile(r"\b(relaxed|acquire|release|acq_rel|seq_cst)\b|\b(light|heavy) barrier\b")
STRONG = {"acquire", "release", "acq_rel", "seq_cst"}
LABEL = re.compile(r"\border\[(\w+)\]:")
PARTNERS = re.compile(r"\bpairs with((?:(?:,| and|, and)?\s*\[\w+\])+)")
MENTION = re.compile(r"(?<![\w\]\)\[])\[([a-z_]\w*)\](?!\])")
OPERATION = re.compile(
    r"(?:\.|->)\s*(load|store|exchange|compare_exchange_weak|compare_exchange_strong|test_and_set|fetch_\w+)\s*\("
)
BARRIER = re.compile(r"\b(light|heavy)_barrier\s*\(")
ATOMIC = re.compile(r"\bstd::atomic(?:<|_ref\b|_flag\b)")


class Source:
    """A file split into code and comment per line, of the same length as the original."""

    def __init__(self, text):
        self.code, self.comment = [], []
        in_block = False
        for line in text.split("\n"):
            code, comment, in_block = split_line(line, in_block)
            self.code.append(code)
            self.comment.append(comment)

    def is_comment(self, i):
        return i >= 0 and not self.code[i].strip() and self.comment[i] is not None

    def block_above(self, i):
        """The first line of the comment that ends right above line i, or i if there is none."""
        first = i
        while self.is_comment(first - 1):
            first -= 1
        return first

    def text(self, first, last):
        return " ".join((self.comment[i] or "").strip() for i in range(first, last))

    def begins_statement(self, i):
        """Whether what is above line i ends a statement, opens or closes a block, or is a label."""
        if i == 0:
            return True
        above = self.code[i - 1].strip()
        return not above or above[-1] in ";{}" or above.startswith("#") or re.fullmatch(r"(\w+\s*)+:", above) is not None

    def ends_statement(self, i):
        code = self.code[i].strip()
        return not code or code[-1] in ";{}"


def split_line(line, in_block):
    """Separates code from comment in one line; the contents of literals are dropped."""
    code, i, comment = "", 0, None
    if in_block:
        end = line.find("*/")
        if end < 0:
            return "", line, True
        comment, i = line[:end], end + 2
    while i < len(line):
        if line.startswith("//", i):
            return code, line[i + 2 :], False
        if line.startswith("/*", i):
            end = line.find("*/", i + 2)
            if end < 0:
                return code, line[i + 2 :], True
            comment, i = line[i + 2 : end], end + 2
            continue
        if line[i] == '"' or (line[i] == "'" and not (code and code[-1].isalnum())):
            quote, end = line[i], i + 1
            while end < len(line) and line[end] != quote:
                end += 2 if line[end] == "\\" else 1
            code += quote + quote
            i = end + 1
            continue
        code += line[i]
        i += 1
    return code, comment, False


def arguments(source, line, column):
    """The text between the parenthesis at (line, column) and its partner."""
    depth, out = 0, ""
    for i in range(line, min(line + 20, len(source.code))):
        for c in source.code[i][column if i == line else 0 :]:
            depth += (c == "(") - (c == ")")
            if depth == 0:
                return out[1:]
            out += c
        out += " "
    return out[1:]


def excused(source, i, words):
    first = source.block_above(i)
    return words in source.text(first, i + 1)


def find_label_block(source, i):
    """The comment (first, last) with order labels that serves line i, or None."""
    while True:
        first = source.block_above(i)
        if first < i:
            return (first, i) if LABEL.search(source.text(first, i)) else None
        if source.begins_statement(i):
            return None
        i -= 1


def statement_after(source, i):
    """The code of the statement that begins at line i."""
    out = ""
    while i < len(source.code):
        out += source.code[i] + " "
        if not source.is_comment(i) and source.ends_statement(i):
            return out
        i += 1
    return out


class Label:
    def __init__(self, name, line, text):
        self.name, self.line = name, line
        self.words = {m[1] or m[2] + " barrier" for m in WORD.finditer(text.split(";")[0])}
        self.partners = {p for group in PARTNERS.findall(text) for p in re.findall(r"\[(\w+)\]", group)}
        self.mentions = set(MENTION.findall(text)) - self.partners


def read_labels(source, complain):
    """All labels of a file, and the labels of each comment that has some, by the line after it."""
    labels, by_block = {}, {}
    for i in range(len(source.code)):
        if not source.is_comment(i) or source.is_comment(i + 1 if i + 1 < len(source.code) else -1):
            continue
        first, last = source.block_above(i + 1), i + 1
        text = source.text(first, last)
        found = list(LABEL.finditer(text))
        for n, match in enumerate(found):
            end = found[n + 1].start() if n + 1 < len(found) else len(text)
            line = next(k for k in range(first, last) if f"order[{match[1]}]:" in (source.comment[k] or ""))
            label = Label(match[1], line, text[match.end() : end])
            if label.name in labels:
                complain(line, f"label [{label.name}] is used twice")
            labels[label.name] = label
            by_block.setdefault(last, []).append(label)
    return labels, by_block


def check_source(text, in_sync):
    """The complaints about one file: pairs of line number and sentence."""
    source, complaints = Source(text), []

    def complain(i, what):
        complaints.append((i + 1, what))

    labels, by_block = read_labels(source, complain)
    served = {}
    for i, code in enumerate(source.code):
        if "memory_order_consume" in code or "memory_order::" in code:
            complain(i, "spell the order std::memory_order_x; consume is not used")
        if "atomic_thread_fence" in code:
            complain(i, "atomic_thread_fence: give the order to an operation, or use sync/fences.hpp")
        if ATOMIC.search(code) and not in_sync and not excused(source, i, "outside the seam: "):
            complain(i, "std::atomic outside sync/: use the Atomics policy, or say '// outside the seam: why'")
        for match in OPERATION.finditer(code):
            given = arguments(source, i, match.end() - 1)
            if "order" not in given and not excused(source, i, "not an atomic"):
                complain(i, f"{match[1]}() without a memory order")
        if "atomic_signal_fence" in code:
            continue
        for order in ORDER.findall(code):
            if order not in STRONG:
                continue
            block = find_label_block(source, i)
            if block is None:
                complain(i, f"{order} without an order[label] comment directly above its statement")
            else:
                served.setdefault(block[1], set()).add(order)

    for line, here in by_block.items():
        code = statement_after(source, line)
        present = set(ORDER.findall(code)) | {b + " barrier" for b in BARRIER.findall(code)}
        present |= served.get(line, set())
        said = set().union(*(label.words for label in here))
        for label in here:
            if not label.words:
                complain(label.line, f"[{label.name}] names no order before its first semicolon")
            for word in sorted(label.words - present):
                complain(label.line, f"[{label.name}] says {word}, the code below does not")
        for word in sorted(served.get(line, set()) - said):
            complain(here[0].line, f"[{here[0].name}] does not say {word}, the code below does")

    for label in labels.values():
        for partner in sorted(label.partners):
            if partner not in labels:
                complain(label.line, f"[{label.name}] pairs with [{partner}], which is not a label of this file")
            elif label.name not in labels[partner].partners:
                complain(label.line, f"[{label.name}] pairs with [{partner}], which does not name it back")
        if not label.partners and label.words & STRONG:
            complain(label.line, f"[{label.name}] does not say what it pairs with")
        for mention in sorted(label.mentions - set(labels)):
            complain(label.line, f"[{label.name}] mentions [{mention}], which is not a label of this file")
    return sorted(complaints)


def check_tree(root):
    include = pathlib.Path(root) / "include"
    files = sorted(include.rglob("*.hpp"))
    bad, orders = 0, 0
    for path in files:
        text = path.read_text()
        orders += sum(order in STRONG for order in ORDER.findall(text))
        for line, what in check_source(text, "sync" in path.relative_to(include).parts):
            print(f"{path.relative_to(root)}:{line}: {what}")
            bad += 1
    print(f"{len(files)} headers, {orders} strong orders, {bad} complaints")
    if not files or not orders:
        print("nothing was checked: is this the root of the project?")
        return 1
    return 1 if bad else 0


GOOD = """
  void enter() noexcept {
    // A word before. order[enter]: seq_cst RMW; pairs with [scan]: either the scan
    //   sees this reader, or the reader sees the new side; slots[i] and [leave] may be mentioned.
    epoch_.fetch_add(1, std::memory_order_seq_cst);
  }
  void leave() noexcept {
    // order[leave]: release RMW; pairs with [scan] and [drop]: reads happen before.
    epoch_.fetch_add(1, std::memory_order_release);
  }
  std::size_t observe() const noexcept {
    // order[scan]: seq_cst load; pairs with [enter]: see there; pairs with [leave].
    return epoch_.load(std::memory_order_seq_cst);
  }
  bool drop() {
    // order[drop]: acq_rel CAS (acquire on failure); pairs with [leave],
    //   [drop]: itself.
    return epoch_.compare_exchange_strong(a, b, std::memory_order_acq_rel,
                                          std::memory_order_acquire);
  }
  void light() {
    // order[light]: relaxed store, light barrier; pairs with [heavy]: see there.
    epoch_.store(1, std::memory_order_relaxed), light_barrier();
    // order[heavy]: heavy barrier; pairs with [light]: all see it.
    heavy_barrier();
    auto text = "epoch_.load()"; char c = '"'; int n = 1'000; // epoch_.load()
    store.load(file);  // not an atomic
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
"""

# What is changed in GOOD, and a part of the complaint that must follow.
SEEDED = [
    ("one-sided pair", "pairs with [enter]: see there; ", "", "does not name it back"),
    ("unknown partner", "pairs with [leave].", "pairs with [leave], [gone].", "[gone], which is not a label"),
    ("unknown mention", "and [leave] may", "and [left] may", "mentions [left]"),
    ("wrong word", "order[leave]: release", "order[leave]: acquire", "says acquire"),
    ("word left out", "acq_rel CAS (acquire on failure)", "acq_rel CAS", "does not say acquire"),
    ("weakened code", "(1, std::memory_order_release)", "(1, std::memory_order_relaxed)", "says release"),
    ("missing label", "// order[leave]: release RMW; ", "// ", "without an order[label] comment"),
    ("comment not adjacent", "    heavy_barrier();", "    x.load(std::memory_order_acquire);", "says heavy barrier"),
    ("blank line between", "see there; pairs with [leave].\n", "see there; pairs with [leave].\n\n", "without an order[label]"),
    ("label used twice", "order[heavy]", "order[light]", "used twice"),
    ("no partner", "seq_cst load; pairs with [enter]: see there; pairs with [leave].", "seq_cst load.", "what it pairs with"),
    ("default order", "epoch_.load(std::memory_order_seq_cst)", "epoch_.load()", "load() without a memory order"),
    ("scoped order", "std::memory_order_relaxed)", "std::memory_order::relaxed)", "spell the order"),
    ("fence", "std::atomic_signal_fence", "std::atomic_thread_fence", "atomic_thread_fence"),
    ("plain atomic", "void light() {", "std::atomic<int> x; void light() {", "outside sync/"),
    ("second statement", "    return epoch_.compare", "    f();\n    return epoch_.compare", "without an order[label] comment"),
]


def self_test():
    failures = []
    for complaint in check_source(GOOD, in_sync=False):
        failures.append(f"the good example: line {complaint[0]}: {complaint[1]}")
    for name, old, new, expected in SEEDED:
        if GOOD.count(old) == 0:
            failures.append(f"{name}: '{old}' is not in the example")
        found = [what for _, what in check_source(GOOD.replace(old, new, 1), in_sync=False)]
        if not any(expected in what for what in found):
            failures.append(f"{name}: no complaint about '{expected}', but: {found}")
    allowed = "// outside the seam: a static member\nstd::atomic<int> x;\n"
    if check_source(allowed, in_sync=False) or check_source("std::atomic<int> x;", in_sync=True):
        failures.append("a permitted std::atomic is refused")
    with tempfile.TemporaryDirectory() as empty:
        if check_tree(empty) == 0:
            failures.append("an empty tree passes")
    print("\n".join(failures) or f"{len(SEEDED)} seeded mistakes found")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else check_tree(sys.argv[1]))
