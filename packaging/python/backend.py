"""Builds the wheel of Ocelli with nothing but Python's standard library and cargo: a backend for pip (PEP 517), and a program.

    python3 packaging/python/backend.py [--library PATH] [--target TRIPLE] [--profile NAME] [--output FOLDER]

The package speaks to the library through ctypes, so the wheel is py3-none-PLATFORM: any Python from 3.9 on. What is not
obvious is the platform's name. It promises the oldest C library that will do, and that is read out of the built library
itself: the newest version of glibc's symbols that it asks for (manylinux, PEP 600), or the name of musl (musllinux, PEP 656).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MACHINES = {62: "x86_64", 183: "aarch64", 40: "armv7l", 243: "riscv64"}
# What PEP 600 calls the oldest of each machine.
OLDEST = {"x86_64": 5, "aarch64": 17, "armv7l": 17, "riscv64": 31}
MUSL = "musllinux_1_2"


class Elf:
    """As much of a shared library as the name of a wheel needs. 64-bit or 32-bit, little-endian."""

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"\x7fELF" or data[5] != 1:
            raise SystemExit("the library is no little-endian ELF file: only Linux has wheels of this kind")
        self.data, self.wide = data, data[4] == 2
        self.machine = struct.unpack_from("<H", data, 18)[0]
        at, size, count = self._numbers((40, "<Q", 58), (32, "<I", 46))
        self.sections = [self._section(at + i * size) for i in range(count)]

    def _numbers(self, wide: Tuple[int, str, int], narrow: Tuple[int, str, int]) -> Tuple[int, int, int]:
        at, kind, sizes = wide if self.wide else narrow
        return (struct.unpack_from(kind, self.data, at)[0], *struct.unpack_from("<HH", self.data, sizes))

    def _section(self, at: int) -> Tuple[int, int, int, int, int]:
        """Type, offset, size, link and info."""
        if self.wide:
            kind, offset, size, link, info = struct.unpack_from("<4xI16xQQII", self.data, at)
        else:
            kind, offset, size, link, info = struct.unpack_from("<4xI8xIIII", self.data, at)
        return kind, offset, size, link, info

    def _text(self, section: int, at: int) -> str:
        start = self.sections[section][1] + at
        return self.data[start:self.data.index(b"\0", start)].decode()

    def needed(self) -> Iterator[str]:
        """Names of the libraries that it asks for."""
        for kind, offset, size, link, _ in self.sections:
            if kind == 6:  # SHT_DYNAMIC
                step, form = (16, "<qQ") if self.wide else (8, "<iI")
                for at in range(offset, offset + size, step):
                    tag, value = struct.unpack_from(form, self.data, at)
                    if tag == 1:  # DT_NEEDED
                        yield self._text(link, value)

    def versions(self) -> Iterator[str]:
        """Versions of symbols that it asks for, such as GLIBC_2.17."""
        for kind, offset, _, link, count in self.sections:
            if kind != 0x6FFFFFFE:  # SHT_GNU_verneed
                continue
            for _ in range(count):
                names, first, after = struct.unpack_from("<2xH4xII", self.data, offset)
                at = offset + first
                for _ in range(names):
                    name, following = struct.unpack_from("<8xII", self.data, at)
                    yield self._text(link, name)
                    at += following
                offset += after


def platform(data: bytes) -> str:
    """The platform of a library, as the name of a wheel has it."""
    elf = Elf(data)
    machine = MACHINES.get(elf.machine)
    if machine is None:
        raise SystemExit("the library is for ELF machine %d: none of %s" % (elf.machine, sorted(MACHINES.values())))
    needed = list(elf.needed())
    minors = [re.fullmatch(r"GLIBC_2\.(\d+)(\.\d+)?", version) for version in elf.versions()]
    glibc = [int(minor[1]) for minor in minors if minor]
    if glibc:
        allowed = re.compile(r"lib(c|m|dl|pthread|rt)\.so\.\d+|ld-linux[-\w]*\.so\.\d+")
        others = [name for name in needed if not allowed.fullmatch(name)]
        if others:
            raise SystemExit("the library needs %s, which a wheel cannot count on" % ", ".join(others))
        return "manylinux_2_%d_%s" % (max(glibc + [OLDEST[machine]]), machine)
    if any("musl" in name or name == "libc.so" for name in needed):
        return "%s_%s" % (MUSL, machine)
    raise SystemExit("the library needs neither glibc nor musl: %s" % ", ".join(needed))


def build_library(target: Optional[str], profile: str) -> Path:
    """Builds the library and tells where it is."""
    command = ["cargo", "build", "-p", "ocelli-ffi", "--lib", "--profile", profile, "--message-format=json-render-diagnostics"]
    if target:
        command += ["--target", target]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "ocelli":
            for path in message["filenames"]:
                if path.endswith(".so"):
                    return Path(path)
    raise SystemExit("cargo built no shared library: a musl target needs RUSTFLAGS='-C target-feature=-crt-static'")


def metadata() -> Dict[str, str]:
    """Name, version and the text of METADATA."""
    cargo = (ROOT / "Cargo.toml").read_text()
    version = re.search(r'^version = "(.*)"', cargo, re.M)
    if version is None:
        raise SystemExit("Cargo.toml has no version")
    lines = [
        "Metadata-Version: 2.1", "Name: ocelli", "Version: %s" % version[1],
        "Summary: Inference for multimodal language models from one GGUF file",
        "License: MIT OR Apache-2.0", "License-File: LICENSE-MIT", "License-File: LICENSE-APACHE",
        "Requires-Python: >=3.9", "Classifier: Typing :: Typed", "Classifier: Operating System :: POSIX :: Linux",
        "Description-Content-Type: text/markdown", "", (HERE / "README.md").read_text(),
    ]
    return {"version": version[1], "text": "\n".join(lines)}


def write_wheel(folder: Path, library: bytes, tag: str) -> Path:
    """The wheel: the package, the library beside it, and what pip asks for. The same input gives the same bytes."""
    about = metadata()
    info = "ocelli-%s.dist-info" % about["version"]
    files: List[Tuple[str, bytes, int]] = []
    for path in sorted((HERE / "ocelli").iterdir()):
        if path.suffix == ".py" or path.name == "py.typed":
            files.append(("ocelli/" + path.name, path.read_bytes(), 0o644))
    files.append(("ocelli/libocelli.so", library, 0o755))
    wheel = "Wheel-Version: 1.0\nGenerator: ocelli\nRoot-Is-Purelib: false\nTag: py3-none-%s\n" % tag
    files += [(info + "/METADATA", about["text"].encode(), 0o644), (info + "/WHEEL", wheel.encode(), 0o644)]
    files += [("%s/licenses/%s" % (info, name), (ROOT / name).read_bytes(), 0o644)
              for name in ("LICENSE-APACHE", "LICENSE-MIT")]
    record = []
    for name, data, _ in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.append("%s,sha256=%s,%d\n" % (name, digest, len(data)))
    record.append("%s/RECORD,,\n" % info)
    files.append((info + "/RECORD", "".join(record).encode(), 0o644))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ("ocelli-%s-py3-none-%s.whl" % (about["version"], tag))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in files:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.compress_type = (0o100000 | mode) << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return path


def make(folder: Path, library: Optional[Path], target: Optional[str], profile: str) -> Path:
    """A wheel of a library that is there, or of one that is built."""
    data = (library or build_library(target, profile)).read_bytes()
    return write_wheel(folder, data, platform(data))


def build_wheel(wheel_directory: str, config_settings: Optional[Dict[str, Any]] = None,
                metadata_directory: Optional[str] = None) -> str:
    """What pip calls. OCELLI_LIBRARY names a library that is built already."""
    built = os.environ.get("OCELLI_LIBRARY")
    return make(Path(wheel_directory), Path(built) if built else None, None, "release").name


def build_sdist(sdist_directory: str, config_settings: Optional[Dict[str, Any]] = None) -> str:
    """The sources are the repository."""
    raise NotImplementedError("there is no source distribution: build the wheel in the repository")


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds the wheel of Ocelli.")
    parser.add_argument("--library", type=Path, help="a libocelli.so that is built already")
    parser.add_argument("--target", help="what cargo is to build for, such as aarch64-unknown-linux-gnu")
    parser.add_argument("--profile", default="release", help="of cargo (default: release)")
    parser.add_argument("--output", type=Path, default=ROOT / "target" / "wheels", help="folder of the wheel")
    args = parser.parse_args()
    print(make(args.output, args.library, args.target, args.profile))


if __name__ == "__main__":
    sys.exit(main())
