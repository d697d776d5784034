"""`./dev keys export` and `import`: everything that opens or limits something, as lines of JSON, from one table to another.

No line holds a key: those who have one keep it, for the table has salted hashes only. What was spent is not in it.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

from app.core.table import Absent, Item, Refused, Table
from app.stores.directory import items
from app.stores.directory.fields import Broken
from local.keys.commands import WrongUse
from local.keys.desk import Desk

PARTITIONS: Mapping[str, Callable[[Item], object]] = {
    "organization": items.organization_of,
    "project": items.project_of,
    "account": items.account_of,
    "key": items.key_of,
    "admin_key": items.admin_key_of,
}
"""What is carried over, and what reads it; owners before what they own."""
VERSION = 1
LONGEST_LINE = 400_000
"""Bytes: DynamoDB's limit for an item."""
MOST_LINES = 100_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME = re.compile(r"[a-z_]{1,40}")


async def export(desk: Desk, flags: Namespace) -> None:
    desk.say(json.dumps({"gateway_keys": VERSION}))
    for pk in PARTITIONS:
        for item in await desk.table.query(pk):
            desk.say(json.dumps(dict(item), sort_keys=True))


async def take(desk: Desk, flags: Namespace) -> None:
    """From standard input. Nothing is written before every line was read and understood."""
    found = read(sys.stdin.buffer)
    written = same = 0
    left: list[str] = []
    for item in found:
        outcome = await _write(desk.table, item, replace=flags.replace)
        written += outcome == "written"
        same += outcome == "same"
        if outcome == "other":
            left.append(f"{item['pk']!s} {item['sk']!s}")
    await desk.note("keys.imported", "table", [str(written)])
    desk.say(f"{written} written, {same} were there already.")
    for name in left:
        desk.say(f"{name}: another record is there and stays; --replace would overwrite it.")


def read(lines: BinaryIO) -> list[Item]:
    """The items of an export. Raises WrongUse, naming the line."""
    found: list[Item] = []
    for number, line in enumerate(_bounded(lines), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise WrongUse(f"Line {number} is not JSON. Nothing was imported.") from None
        if number == 1:
            if not isinstance(value, dict) or value.get("gateway_keys") != VERSION:
                raise WrongUse("This is no export of `./dev keys export`. Nothing was imported.")
            continue
        try:
            found.append(_item(value))
        except Broken as problem:
            raise WrongUse(f"Line {number} is no record of a gateway ({problem}). Nothing was imported.") from None
    if not found:
        raise WrongUse("There is nothing to import on standard input.")
    return found


def _bounded(lines: BinaryIO) -> Iterable[bytes]:
    for number in range(MOST_LINES + 1):
        line = lines.readline(LONGEST_LINE + 1)
        if not line:
            return
        if len(line) > LONGEST_LINE:
            raise WrongUse(f"Line {number + 1} is longer than {LONGEST_LINE:,} bytes. Nothing was imported.")
        yield line
    raise WrongUse(f"There are more than {MOST_LINES:,} lines. Nothing was imported.")


def _item(value: Any) -> Item:
    """Raises Broken."""
    if not isinstance(value, dict) or value.get("pk") not in PARTITIONS:
        raise Broken("pk")
    if not isinstance(value.get("sk"), str) or not _ID.fullmatch(value["sk"]):
        raise Broken("sk")
    for name, member in value.items():
        if not _NAME.fullmatch(name) or type(member) not in (str, int):
            raise Broken(name[:40])
    PARTITIONS[value["pk"]](value)
    return value


async def _write(table: Table, item: Item, *, replace: bool) -> str:
    """`written`, `same` or `other`: another record is there."""
    pk, sk = str(item["pk"]), str(item["sk"])
    values = {name: value for name, value in item.items() if name not in ("pk", "sk")}
    try:
        await table.put(pk, sk, values, when=() if replace else (Absent("sk"),))
    except Refused as refusal:
        there = await table.get(pk, sk, consistent=True) if refusal.item is None else refusal.item
        return "same" if _content(there or {}) == _content(item) else "other"
    return "written"


def _content(item: Item) -> dict[str, Any]:
    """Without what changes by itself."""
    return {name: value for name, value in item.items() if name not in ("pk", "sk", "last_used_at")}


COMMANDS = {"export": export, "import": take}
