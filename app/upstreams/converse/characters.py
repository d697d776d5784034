"""Characters that Converse splits between two deltas: `{"text":"a\\ud83d"}` and then `{"text":"\\ude00b"}`. Pure.

Only events that strict parsing refuses come here, and those that follow while half a character waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from app.core.events import Event
from app.core.json_values import well_formed

_TOOL_INPUT = ("toolUse", "input")
_PATHS = (("text",), _TOOL_INPUT, ("reasoningContent", "text"))
_HALF_ALONE = "\ufffd"

Feed = Callable[[str, dict[str, Any]], list[Event]]


class CharacterJoiner:
    """Feeds a reply machine with whole characters: halves of one text are joined, one alone becomes U+FFFD.

    `waiting`: per block the kind of its text and the half that has come.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.waiting: dict[int, tuple[tuple[str, ...], str]] = {}

    def feed(self, name: str, event: dict[str, Any]) -> list[Event]:
        index = event.get("contentBlockIndex", 0)
        if name != "contentBlockDelta":
            return self._released(name, index) + self._feed(name, _mended(event))
        path, text = _text(event.get("delta"))
        before = self.waiting.get(index)
        if before is not None and before[0] == path:
            text = self.waiting.pop(index)[1] + text
        events = self._released(name, index)
        if text and "\ud800" <= text[-1] < "\udc00":
            self.waiting[index] = path, text[-1]
            text = text[:-1]
        if not path:
            return events + self._feed(name, _mended(event))
        return events + self._feed(name, _delta(index, path, well_formed(text))) if text else events

    def _released(self, name: str, index: int) -> list[Event]:
        """U+FFFD for each half whose other half no longer can come. Calls of tools may come interleaved."""
        events: list[Event] = []
        for block, (path, _) in list(self.waiting.items()):
            if path != _TOOL_INPUT or block == index or name == "messageStop":
                del self.waiting[block]
                events += self._feed("contentBlockDelta", _delta(block, path, _HALF_ALONE))
        return events


def _text(delta: Any) -> tuple[tuple[str, ...], str]:
    """Where the text of a delta is, and the text; an empty path where it has none."""
    for path in _PATHS:
        value = delta
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str):
            return path, value
    return (), ""


def _delta(index: int, path: tuple[str, ...], text: str) -> dict[str, Any]:
    value: Any = text
    for step in reversed(path):
        value = {step: value}
    return {"contentBlockIndex": index, "delta": value}


def _mended(event: dict[str, Any]) -> dict[str, Any]:
    mended: dict[str, Any] = json.loads(well_formed(json.dumps(event, ensure_ascii=False)))
    return mended
