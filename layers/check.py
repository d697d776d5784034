"""Checks freshly installed trees: every file that a package lists is there, every native library fits the Lambda.

`check.py MACHINE MINOR TREE...`, as in `check.py aarch64 3.13 build/layers/slim/python`. Exit code 1 and a line for each
fault. A library for another Python or processor fails only when Lambda imports it, and there as a timeout.
"""

from __future__ import annotations

import csv
import re
import struct
import sys
from pathlib import Path

MACHINES = {"x86_64": 62, "aarch64": 183}
"""`e_machine` of the ELF header (elf.h)."""

LIBRARY = re.compile(r"\.(so(\.\d+)*|pyd|dylib)$")
TAG = re.compile(r"\.cpython-(\d+)[^.]*\.so$")


def main(machine: str, minor: str, *trees: str) -> int:
    faults = []
    for tree in map(Path, trees):
        faults += missing(tree)
        for path in sorted(tree.rglob("*")):
            if path.is_file() and LIBRARY.search(path.name):
                fault = unfit(path, machine, minor)
                if fault:
                    faults.append(f"{path}: {fault}")
    for fault in faults:
        sys.stderr.write(f"check: {fault}\n")
    return 1 if faults else 0


def missing(tree: Path) -> list[str]:
    """Files that a wheel's RECORD names and the tree does not have. Scripts lie outside, as `../../bin/name`."""
    faults = []
    records = sorted(tree.glob("*.dist-info/RECORD"))
    if not records:
        faults.append(f"{tree}: no package is installed")
    for record in records:
        with open(record, newline="", encoding="utf-8") as lines:
            for row in csv.reader(lines):
                if row and not row[0].startswith("../") and not (tree / row[0]).exists():
                    faults.append(f"{tree}: {record.parent.name} lacks {row[0]}")
    return faults


def unfit(path: Path, machine: str, minor: str) -> str | None:
    """Why this library cannot be loaded on Lambda, or None."""
    tag = TAG.search(path.name)
    wanted = minor.replace(".", "")
    if tag and tag.group(1) != wanted:
        return f"is for CPython {tag.group(1)}, not {wanted}"
    with open(path, "rb") as file:
        head = file.read(20)
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return "is not an ELF file"
    if head[4:6] != b"\x02\x01":
        return "is not 64 bit little endian"
    found = struct.unpack_from("<H", head, 18)[0]
    if found != MACHINES[machine]:
        return f"is for ELF machine {found}, not {MACHINES[machine]} ({machine})"
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
