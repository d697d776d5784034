"""The input of a freeform tool, out of the JSON of the function it was wrapped in, as the JSON arrives. Pure.

A model writes `{"input":"*** Begin Patch\\n..."}` in pieces; the client is to see the text grow, not wait for its end.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import from_json

from app.core.json_values import parse_or_mend
from app.core.request_options import FREEFORM_INPUT

_BEGIN = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_MAY_BEGIN = re.compile(r'\s*(?:\{\s*(?:"(?:i(?:n(?:p(?:u(?:t(?:"\s*(?::\s*)?)?)?)?)?)?)?)?)?\Z')
_PIECE = re.compile(r'[^"\\]+|\\u[0-9a-fA-F]{4}|\\[^u]|"|\\u', re.DOTALL)
_PARTIAL = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def freeform(arguments: str) -> str:
    """The input of a call whose arguments are whole."""
    try:
        value: Any = parse_or_mend(arguments, from_json)
    except ValueError:
        return arguments
    text = value.get(FREEFORM_INPUT) if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


class Freeform:
    """`feed` gives the input as far as it is certain, `finish` the rest; arguments of another form come whole at the end."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "before"
        self._high = ""
        self._other: list[str] = []

    def feed(self, fragment: str) -> str:
        if self._state == "inside":
            return self._text(self._held + fragment)
        if self._state == "before":
            self._held += fragment
            begun = _BEGIN.match(self._held)
            if begun:
                self._state = "inside"
                return self._text(self._held[begun.end() :])
            if not _MAY_BEGIN.match(self._held):
                self._state = "other"
                self._other.append(self._held)
        elif self._state == "other":
            self._other.append(fragment)
        return ""

    def finish(self) -> str:
        if self._state in ("before", "other"):
            return freeform("".join(self._other) or self._held)
        high, self._high = self._high, ""
        return "\ufffd" if high else ""

    def _text(self, json: str) -> str:
        """Text up to the closing quote; half an escape waits for its other half."""
        if not self._high and '"' not in json and "\\" not in json:
            self._held = ""
            return json
        partial = _PARTIAL.search(json)
        cut = partial.start() if partial and _odd(json, partial.start()) else len(json)
        self._held = json[cut:]
        out: list[str] = []
        for piece in _PIECE.findall(json[:cut]):
            if piece == '"':
                self._state = "after"
                break
            out.append(self._piece(piece))
        return "".join(out)

    def _piece(self, piece: str) -> str:
        """A run of letters, or one escape. Halves of a pair are joined; one alone is no letter."""
        if piece[0] != "\\":
            return self._alone() + piece
        if len(piece) < 6:
            return self._alone() + (_ESCAPES.get(piece[1:], piece[1:]))
        code = int(piece[2:], 16)
        if 0xDC00 <= code < 0xE000 and self._high:
            high, self._high = int(self._high, 16), ""
            return chr(0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00))
        before = self._alone()
        if 0xD800 <= code < 0xDC00:
            self._high = piece[2:]
            return before
        return before + ("\ufffd" if 0xDC00 <= code < 0xE000 else chr(code))

    def _alone(self) -> str:
        high, self._high = self._high, ""
        return "\ufffd" if high else ""


def _odd(json: str, place: int) -> bool:
    """Whether the backslash at `place` begins an escape, and is not the end of one."""
    before = place
    while before > 0 and json[before - 1] == "\\":
        before -= 1
    return (place - before) % 2 == 0
