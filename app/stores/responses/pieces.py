"""JSON of any size in rows of a table, which hold 400 KB each: packed, and split.

The first piece is in the object's own row (`body`, beside `parts` and `stamp`), the others in rows `<id>#<stamp><number>`.
Each write has a stamp of its own, so that whoever reads meanwhile gets the old or the new object and never a mixture.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.daemon_threads import decoding
from app.core.packing import MAX_ITEM
from app.core.table import Item, Table, Value

MAX_RAW = 40_000_000
"""Bytes of JSON: a request has 26 MB at most, an answer far fewer."""
LARGE = 256 * 1024
"""Bytes that are packed in a thread, so that other people's streams flow meanwhile."""
AT_ONCE = 40
"""Pieces of one read; DynamoDB gives 16 MB."""


@dataclass(frozen=True, slots=True)
class Packed:
    """`size`: bytes of JSON."""

    stamp: str
    pieces: tuple[bytes, ...]
    size: int

    @property
    def head(self) -> dict[str, Value]:
        return {"body": self.pieces[0], "parts": len(self.pieces), "stamp": self.stamp}


async def pack(value: Any) -> Packed | None:
    """None where it is too large, or no JSON."""
    try:
        raw = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        return None
    if len(raw) > MAX_RAW:
        return None
    body = zlib.compress(raw, 1) if len(raw) < LARGE else await decoding.run(lambda: zlib.compress(raw, 1))
    pieces = tuple(body[at : at + MAX_ITEM] for at in range(0, len(body), MAX_ITEM))
    return Packed(os.urandom(6).hex(), pieces, len(raw))


async def write_rest(table: Table, pk: str, id: str, packed: Packed, expires_at: int) -> None:
    """All rows but the object's own, which is to be written behind them."""
    for number, piece in enumerate(packed.pieces[1:], 1):
        await table.put(pk, row(id, packed.stamp, number), {"body": piece, "expires_at": expires_at})


async def drop_rest(table: Table, pk: str, id: str, head: Mapping[str, Value]) -> None:
    """The rows that a former write has left."""
    stamp, parts = head.get("stamp"), head.get("parts")
    if isinstance(stamp, str) and isinstance(parts, int):
        for number in range(1, parts):
            await table.delete(pk, row(id, stamp, number))


async def whole(table: Table, pk: str, id: str, head: Item) -> tuple[Any, int] | None:
    """The value and the size of its JSON. None where it is not all there, or nothing that `pack` has made."""
    stamp, parts, first = head.get("stamp"), head.get("parts"), head.get("body")
    if not (isinstance(stamp, str) and isinstance(parts, int) and isinstance(first, bytes)):
        return None
    if parts > MAX_RAW // MAX_ITEM + 1:
        return None
    rows = [row(id, stamp, number) for number in range(1, parts)]
    found: dict[str, bytes] = {}
    for at in range(0, len(rows), AT_ONCE):
        keys = [(pk, sk) for sk in rows[at : at + AT_ONCE]]
        for (_, sk), item in (await table.get_many(keys)).items():
            if isinstance(body := item.get("body"), bytes):
                found[sk] = body
    for sk in rows:
        if sk not in found:  # reads of many are not consistent: it may have been written just now
            late = await table.get(pk, sk, consistent=True)
            if late is None or not isinstance(body := late.get("body"), bytes):
                return None
            found[sk] = body
    packed = b"".join((first, *(found[sk] for sk in rows)))
    return unpack(packed) if len(packed) < LARGE else await decoding.run(lambda: unpack(packed))


def unpack(packed: bytes) -> tuple[Any, int] | None:
    inflating = zlib.decompressobj()
    try:
        raw = inflating.decompress(packed, MAX_RAW)
        return (json.loads(raw), len(raw)) if inflating.eof else None
    except (zlib.error, ValueError, RecursionError):
        return None


def row(id: str, stamp: str, number: int) -> str:
    return f"{id}#{stamp}{number:04d}"
