"""What clients carry for us unread, in `encrypted_content`: a model's signed thoughts, and the summary of a compaction. Pure.

`gw1.` + base64url(zlib(JSON `[[text, signature, redacted], ...]`)), where signature and redacted data carry the mark of the
model family (`core/reasoning_origin.py`). Bedrock checks the signature itself, so nothing is encrypted here; what another
gateway or OpenAI wrote is no error, because sessions move between providers.
"""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

from app.core.prompt import Reasoning

THOUGHTS, SUMMARY = "gw1.", "gwc1."
LARGEST = 2_000_000
"""Bytes of one content, decompressed."""
LARGEST_IN_ALL = 16_000_000
"""Of all contents in a request: a body of a few megabytes could hold gigabytes otherwise."""
MOST_BLOCKS = 8
"""Of one content; ours have one. Small ones weigh little in bytes, and a million of them much to whoever reads them."""


def seal(blocks: Sequence[Reasoning]) -> str:
    return _sealed(THOUGHTS, [[block.text, block.signature, block.redacted] for block in blocks])


def seal_summary(text: str) -> str:
    return _sealed(SUMMARY, text)


def _sealed(prefix: str, value: Any) -> str:
    return prefix + urlsafe_b64encode(zlib.compress(to_json(value), 1)).decode()


class Unsealer:
    """Opens the contents of one request; None for what is not ours, broken or too large."""

    def __init__(self) -> None:
        self._left = LARGEST_IN_ALL

    def thoughts(self, content: Any) -> list[Reasoning] | None:
        rows = self._opened(THOUGHTS, content)
        if not isinstance(rows, list) or len(rows) > MOST_BLOCKS or not all(_is_row(row) for row in rows):
            return None
        return [Reasoning(*row) for row in rows]

    def summary(self, content: Any) -> str | None:
        text = self._opened(SUMMARY, content)
        return text if isinstance(text, str) else None

    def _opened(self, prefix: str, content: Any) -> Any:
        most = min(LARGEST, self._left)
        if most <= 0 or not isinstance(content, str) or not content.startswith(prefix):  # zlib takes 0 for no limit
            return None
        try:
            inflating = zlib.decompressobj()
            raw = inflating.decompress(urlsafe_b64decode(content[len(prefix) :]), most + 1)
            self._left = max(0, self._left - len(raw))
            return from_json(raw) if len(raw) <= most and inflating.eof else None
        except (ValueError, zlib.error):
            self._left -= most  # what a broken one has cost is not known
            return None


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 3 and all(isinstance(field, str) for field in row)
