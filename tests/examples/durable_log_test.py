#!/usr/bin/env python3
"""durable_log seen from outside: durable_log_test.py PROGRAM GOLDEN [unittest arguments...]

On copies of the folders in tests/golden, as they are and damaged. What it exports is read by an Avro reader of its own: thirty
lines from Avro's specification, and nothing of the library that wrote it.
"""
import json
import struct
import subprocess
import sys
import shutil
import tempfile
import unittest
from pathlib import Path

PROGRAM = ""
GOLDEN = Path()
SUCCESS, DAMAGED, USAGE = 0, 1, 2


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=60,
                          stdin=subprocess.DEVNULL)


class AvroFile:
    """The records of an object container file without compression."""

    def __init__(self, path):
        self.left = memoryview(Path(path).read_bytes())
        assert bytes(self.take(4)) == b"Obj\x01"
        meta = {}
        while (count := self.long()) != 0:
            for _ in range(count):
                key = str(self.take(self.long()), "utf-8")
                meta[key] = bytes(self.take(self.long()))
        assert meta.get("avro.codec", b"null") == b"null"
        self.schema = json.loads(meta["avro.schema"])
        sync = bytes(self.take(16))
        self.records = []
        while self.left:
            count, length = self.long(), self.long()
            end = len(self.left) - length
            self.records += [self.value(self.schema) for _ in range(count)]
            assert len(self.left) == end and bytes(self.take(16)) == sync

    def take(self, n):
        taken, self.left = self.left[:n], self.left[n:]
        assert len(taken) == n
        return taken

    def long(self):
        n = shift = 0
        while True:
            byte = self.take(1)[0]
            n |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (n >> 1) ^ -(n & 1)

    def value(self, schema):
        if isinstance(schema, list):
            return self.value(schema[self.long()])
        kind = schema["type"] if isinstance(schema, dict) else schema
        if kind == "record":
            return {field["name"]: self.value(field["type"]) for field in schema["fields"]}
        return {
            "null": lambda: None,
            "boolean": lambda: self.take(1)[0] != 0,
            "long": self.long,
            "double": lambda: struct.unpack("<d", self.take(8))[0],
            "string": lambda: str(self.take(self.long()), "utf-8"),
            "bytes": lambda: bytes(self.take(self.long())),
        }[kind]()


class DurableLog(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="durable_log_test_")
        self.addCleanup(folder.cleanup)
        self.at = Path(folder.name)
        for name in ("texts", "numbers"):
            shutil.copytree(GOLDEN / f"durable_store-1-{name}", self.at / name)
        self.texts, self.numbers = self.at / "texts", self.at / "numbers"

    def expect(self, code, *arguments):
        result = run(*arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stderr if code == USAGE else result.stdout

    def segment(self, n, lane=0):
        return self.texts / f"L{lane}-{n:020}.log"

    def damage(self, path, offset):
        content = bytearray(path.read_bytes())
        content[offset] ^= 0x40
        path.write_bytes(content)

    def without_checkpoint(self):
        next(self.texts.glob("checkpoint-*")).unlink()

    def can_export(self):
        return "without libavro" not in run("export", self.numbers, "--to", self.at / "try.avro").stderr

    def test_help_and_wrong_use(self):
        self.assertIn("export", self.expect(SUCCESS, "--help"))
        for arguments in ([], ["check"], ["mend", self.texts], ["dump", self.texts, "--most", "x"], ["export", self.texts]):
            self.expect(USAGE, *arguments)
        self.assertIn("No such file", self.expect(USAGE, "check", self.at / "nothing"))

    def test_check(self):
        output = self.expect(SUCCESS, "check", self.texts)
        self.assertIn("all is well", output)
        self.assertIn("30 bytes torn", output)
        self.assertIn("covered by the checkpoint", output)
        self.assertIn("all is well", self.expect(SUCCESS, "check", self.numbers))

    def test_nothing_is_changed(self):
        def content():
            return {path: path.read_bytes() for path in self.at.rglob("*") if path.is_file()}
        before = content()
        for command in ("check", "stats", "dump"):
            self.expect(SUCCESS, command, self.texts)
        self.expect(SUCCESS, "repair", self.numbers)
        before[self.numbers / "LOCK"] = content()[self.numbers / "LOCK"]
        self.assertEqual(content(), before)

    def test_stats(self):
        output = self.expect(SUCCESS, "stats", self.texts)
        for part in ("keys       text", "19, 2 of them erase", "8 keys", "1 checkpoints", "longest    key 9 B, value 5.0 kB"):
            self.assertIn(part, output)
        self.assertIn("floating-point number of 8 bytes", self.expect(SUCCESS, "stats", self.numbers))

    def test_dump(self):
        self.assertEqual(len(self.expect(SUCCESS, "dump", self.texts).splitlines()), 19)
        lines = self.expect(SUCCESS, "dump", self.texts, "--newest").splitlines()
        self.assertEqual(len(lines), 8)
        self.assertTrue(any('"tie" @7 = "the first"' in line for line in lines), lines)
        lines = self.expect(SUCCESS, "dump", self.texts, "--key", "erased").splitlines()
        self.assertEqual([line.split("  ")[1] for line in lines], ['"erased" @5 = "not any more"', '"erased" @9 erased'])
        self.assertEqual(len(self.expect(SUCCESS, "dump", self.numbers, "--most", "4").splitlines()), 4)
        self.assertIn("2 @4 = 0.5 ", self.expect(SUCCESS, "dump", self.numbers))
        self.assertIn('"yyyy..."', self.expect(SUCCESS, "dump", self.texts, "--newest", "--bytes", "4"))

    def test_only_the_checkpoint_is_left(self):
        for lane, n in ((0, 1), (0, 2), (0, 3), (1, 1)):
            self.segment(n, lane).unlink()
        self.assertIn("all is well", self.expect(SUCCESS, "check", self.texts))
        self.assertEqual(len(self.expect(SUCCESS, "dump", self.texts, "--newest").splitlines()), 8)

    def test_damage_that_a_checkpoint_covers(self):
        self.damage(self.segment(2), 100)
        output = self.expect(SUCCESS, "check", self.texts)
        self.assertIn("DAMAGED, covered", output)

    def test_damage_and_repair(self):
        self.without_checkpoint()
        before = self.expect(SUCCESS, "dump", self.texts, "--newest")
        # A record in the middle of a sealed segment, whose key is written again; and one that is the only one of its key.
        self.damage(self.segment(1), 170 + 64 + 3)
        self.damage(self.segment(4), 184)
        output = self.expect(DAMAGED, "check", self.texts)
        self.assertIn("at 170, 74 B: key or value of a record are damaged", output)
        self.assertIn("at 184, 70 B: there is no header of a record", output)
        self.expect(DAMAGED, "dump", self.texts)
        self.assertIn("4 files would be made anew", self.expect(DAMAGED, "repair", self.texts, "--dry-run"))
        self.expect(DAMAGED, "check", self.texts)
        self.assertIn("2 damaged files repaired", self.expect(SUCCESS, "repair", self.texts))
        output = self.expect(SUCCESS, "check", self.texts)
        self.assertNotIn("torn", output)  # of a file that was made anew
        self.assertTrue((self.texts / "L0-00000000000000000001.log.damaged").exists())
        self.assertEqual(len(self.expect(SUCCESS, "dump", self.texts).splitlines()), 17)
        after = self.expect(SUCCESS, "dump", self.texts, "--newest")
        self.assertEqual([line.split("  ")[1] for line in after.splitlines() if "sensor101" not in line],
                         [line.split("  ")[1] for line in before.splitlines() if "sensor101" not in line])
        self.assertIn('"sensor101" @1647106627392928663 = "C"', after)

    def test_a_damaged_header(self):
        self.without_checkpoint()
        self.damage(self.segment(3), 40)
        self.assertIn("the header is damaged", self.expect(DAMAGED, "check", self.texts))
        self.expect(SUCCESS, "repair", self.texts)
        self.assertEqual(len(self.expect(SUCCESS, "dump", self.texts).splitlines()), 19)

    def test_what_is_missing(self):
        self.without_checkpoint()
        self.segment(2).unlink()
        self.assertIn("the segment before it is missing", self.expect(DAMAGED, "check", self.texts))

    def test_export(self):
        if not self.can_export():
            self.skipTest("durable_log was built without libavro")
        to = self.at / "texts.avro"
        self.assertIn("19 records", self.expect(SUCCESS, "export", self.texts, "--to", to))
        records = AvroFile(to).records
        self.assertEqual(len(records), 19)
        self.assertEqual(sorted(r["seq"] for r in records), list(range(1, 20)))
        self.assertIn({"key": "erased", "version": 9, "seq": 12, "value": None}, records)
        self.assertIn({"key": "long", "version": 1, "seq": 13, "value": "x" * 5000}, records)
        self.assertIn("is there already", self.expect(USAGE, "export", self.texts, "--to", to))

        to = self.at / "newest.avro"
        self.expect(SUCCESS, "export", self.numbers, "--newest", "--to", to)
        self.assertEqual([(r["key"], r["value"]) for r in AvroFile(to).records], [(i, i / 4) for i in range(10) if i != 3])

    def test_export_of_avro_values(self):
        if not self.can_export():
            self.skipTest("durable_log was built without libavro")
        # A double is eight bytes in both encodings.
        schema = self.at / "values.avsc"
        schema.write_text('{"type": "record", "name": "reading", "fields": [{"name": "celsius", "type": "double"}]}')
        to = self.at / "readings.avro"
        self.expect(SUCCESS, "export", self.numbers, "--newest", "--values", schema, "--to", to)
        self.assertEqual(AvroFile(to).records[1]["value"], {"celsius": 0.25})
        schema.write_text('{"type": "record", "name": "reading", "fields": [{"name": "text", "type": "string"}]}')
        to = self.at / "wrong.avro"
        self.assertIn("is not of that schema", self.expect(USAGE, "export", self.numbers, "--values", schema, "--to", to))
        self.assertFalse(to.exists())


if __name__ == "__main__":
    PROGRAM, GOLDEN = sys.argv[1], Path(sys.argv[2])
    del sys.argv[1:3]
    unittest.main()
