"""JSON as small bytes and back, for what is kept in the table. What comes back is hostile until it is looked at."""

from __future__ import annotations

import json
import zlib
from typing import Any

MAX_ITEM = 350_000
"""Bytes of a body: an item of DynamoDB's has 400 KB, names and keys included."""
MAX_RAW = 8_000_000
"""Bytes of JSON that are taken out of one; ours have far fewer, a bomb would have more."""


def packed(value: Any) -> bytes | None:
    """None where it is too large for an item, or no JSON."""
    try:
        raw = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        return None
    if len(raw) > MAX_RAW:
        return None
    body = zlib.compress(raw)
    return body if len(body) <= MAX_ITEM else None


def unpacked(body: object) -> Any:
    """None where the bytes are nothing that `packed` has made."""
    if not isinstance(body, bytes):
        return None
    inflating = zlib.decompressobj()
    try:
        raw = inflating.decompress(body, MAX_RAW)
        return json.loads(raw) if inflating.eof else None
    except (zlib.error, ValueError, RecursionError):
        return None
