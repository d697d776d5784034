"""The reasoning of an answer, with the mark of the family that produced it before each signature and redacted block.

A redacted block comes in one delta or in several, each of them base64 of its own (earendil-works/pi#8314, 2026-08).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from app.core.events import Event, ReasoningDelta, ReasoningRedacted, ReasoningSigned


class Thoughts:
    """`feed` with the `reasoningContent` of each delta, `stop` at the end of every block."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._is_signed = False
        self._redacted: list[str] = []

    def feed(self, content: dict[str, Any]) -> list[Event]:
        if content.get("text"):
            return [ReasoningDelta(content["text"])]
        if content.get("signature"):
            mark = "" if self._is_signed else self._mark
            self._is_signed = True
            return [ReasoningSigned(mark + content["signature"])]
        if content.get("redactedContent"):
            self._redacted.append(content["redactedContent"])
        return []

    def stop(self) -> list[Event]:
        self._is_signed = False
        pieces, self._redacted = self._redacted, []
        return [ReasoningRedacted(self._mark + _joined(pieces))] if pieces else []


def _joined(pieces: list[str]) -> str:
    """The base64 of all bytes; a single piece stays exactly as it came."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return b64encode(b"".join(b64decode(piece, validate=True) for piece in pieces)).decode()
    except ValueError:
        return "".join(pieces)
