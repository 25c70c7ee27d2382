"""The names of wheels: what platform a shared library's own tables make of it. The libraries are written here, with nothing in
them but what the name depends on; one that cargo built is what test_ocelli.py runs with."""

import os
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["OCELLI_ROOT"]) / "packaging" / "python"))

import backend  # noqa: E402


def library(machine, needed, versions=(), wide=True):
    """A shared library of an ELF machine that asks for libraries and for versions of symbols."""
    names = b"\0"
    places = []
    for name in list(needed) + list(versions):
        places.append(len(names))
        names += name.encode() + b"\0"
    entry = "<qQ" if wide else "<iI"
    dynamic = b"".join(struct.pack(entry, 1, at) for at in places[: len(needed)]) + struct.pack(entry, 0, 0)
    wanted = places[len(needed) :]
    # One library, all versions behind it in a chain.
    verneed = struct.pack("<HHIII", 1, len(wanted), places[0], 16, 0)
    for i, at in enumerate(wanted):
        verneed += struct.pack("<IHHII", 0, 0, 2, at, 16 if i + 1 < len(wanted) else 0)
    sections = [(0, b"", 0, 0), (3, names, 0, 0), (6, dynamic, 1, 0)]
    if wanted:
        sections.append((0x6FFFFFFE, verneed, 1, 1))
    size = 64 if wide else 52
    body, table, at = b"", b"", size
    for kind, data, link, info in sections:
        form = ("<4xI16xQQII16x", kind, at, len(data), link, info) if wide else ("<4xI8xIIII8x", kind, at, len(data), link, info)
        table += struct.pack(*form)
        body += data
        at += len(data)
    entries = (len(table) // len(sections), len(sections))
    head = bytearray(size)
    head[:6] = b"\x7fELF" + (b"\x02\x01" if wide else b"\x01\x01")
    struct.pack_into("<H", head, 18, machine)
    struct.pack_into("<Q" if wide else "<I", head, 40 if wide else 32, at)
    struct.pack_into("<HH", head, 58 if wide else 46, *entries)
    return bytes(head) + body + table


class Names(unittest.TestCase):
    def test_the_newest_version_of_glibc_counts(self):
        glibc = ["libc.so.6", "libm.so.6"]
        versions = ["GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.17", "GCC_3.0"]
        self.assertEqual(backend.platform(library(62, glibc, versions)), "manylinux_2_34_x86_64")
        self.assertEqual(backend.platform(library(183, glibc, ["GLIBC_2.28"])), "manylinux_2_28_aarch64")
        # No older than what the machine had first.
        self.assertEqual(backend.platform(library(183, glibc, ["GLIBC_2.4"])), "manylinux_2_17_aarch64")
        self.assertEqual(backend.platform(library(62, glibc, ["GLIBC_2.2.5"])), "manylinux_2_5_x86_64")
        self.assertEqual(backend.platform(library(40, glibc, ["GLIBC_2.29"], wide=False)), "manylinux_2_29_armv7l")

    def test_musl_has_names_of_its_own(self):
        for machine, name in [(62, "x86_64"), (183, "aarch64")]:
            self.assertEqual(backend.platform(library(machine, ["libc.musl-%s.so.1" % name])), "musllinux_1_2_" + name)
            self.assertEqual(backend.platform(library(machine, ["libc.so"])), "musllinux_1_2_" + name)

    def test_what_no_wheel_can_count_on_is_refused(self):
        for data, words in [
            (library(62, ["libc.so.6", "libstdc++.so.6"], ["GLIBC_2.34"]), "libstdc++.so.6"),
            (library(62, ["libSystem.B.dylib"]), "neither glibc nor musl"),
            (library(8, ["libc.so.6"], ["GLIBC_2.34"]), "ELF machine 8"),
            (b"MZ" + bytes(62), "no little-endian ELF"),
        ]:
            with self.assertRaises(SystemExit) as refused:
                backend.platform(data)
            self.assertIn(words, str(refused.exception))


if __name__ == "__main__":
    print(sys.version.split()[0])
    unittest.main()
