"""What a model's text goes through where it is not passed on as it comes. Each takes pieces of any size. Pure.

A filter has `feed(text) -> list[Event]` and `finish() -> list[Event]`; what it gives does not depend on how the text was
cut into pieces.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import islice
from json import JSONDecoder
from typing import Protocol

from pydantic_core import from_json, to_json

from app.core.events import BlockStopped, Event, ReasoningDelta, TextDelta
from app.core.json_values import parse_or_mend


class TextFilter(Protocol):
    def feed(self, text: str) -> list[Event]: ...

    def finish(self) -> list[Event]:
        """The block is complete: what was held back, and a fresh start for the next one."""
        ...


MAX_CANDIDATES = 100
_OBJECT = re.compile(r'\{\s*["}]')
_OBJECT_OR_ARRAY = re.compile(r'\{\s*["}]|\[\s*["{\[\]\d-]')
_LONGEST_OPENING = 64
_JSON = JSONDecoder()


class JsonOnly:
    """Passes on the first JSON object (with `arrays`, or array) and drops the prose and the code fences around it.

    An object begins with a brace and a quote, so that `{placeholders}` and `[remarks]` in the prose are none. Where no
    JSON begins at all, the text is given as it was, so that nothing is lost.
    """

    def __init__(self, *, arrays: bool = False) -> None:
        self._opening = _OBJECT_OR_ARRAY if arrays else _OBJECT
        self._held: list[str] = []
        self._end_of_held = ""
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._over = False

    def feed(self, text: str) -> list[Event]:
        if self._over:
            return []
        if not self._depth:
            searched = self._end_of_held + text
            opening = self._opening.search(searched)
            if opening is None:
                self._held.append(text)
                self._end_of_held = searched[-_LONGEST_OPENING:]
                return []
            text = searched[opening.start() :]
            self._forget()
        return [TextDelta(text[: self._end(text)])]

    def finish(self) -> list[Event]:
        held = "".join(self._held)
        self._forget()
        return [TextDelta(held)] if held.strip() and not self._over and not self._depth else []

    def _forget(self) -> None:
        self._held.clear()
        self._end_of_held = ""

    def _end(self, text: str) -> int:
        """How much of the text belongs to the JSON value."""
        for at, letter in enumerate(text):
            if self._escaped:
                self._escaped = False
            elif self._in_string:
                self._escaped = letter == "\\"
                self._in_string = letter != '"'
            elif letter == '"':
                self._in_string = True
            elif letter in "{[":
                self._depth += 1
            elif letter in "}]":
                self._depth -= 1
                if not self._depth:
                    self._over = True
                    return at + 1
        return len(text)


class ThinkingTags:
    """Text that begins with `<thinking>` is a block of reasoning until `</thinking>`; some models write their thoughts so."""

    OPEN, CLOSE = "<thinking>", "</thinking>"

    def __init__(self) -> None:
        self._held = ""
        self._mode = "start"

    def feed(self, text: str) -> list[Event]:
        if self._mode == "text":
            return [TextDelta(text)]
        self._held += text
        if self._mode == "start":
            return self._decide()
        if self._mode == "gap":
            return self._skip_blanks()
        return self._think()

    def finish(self) -> list[Event]:
        held, mode = self._held, self._mode
        self._held, self._mode = "", "start"
        if not held or mode == "gap":
            return []
        return [ReasoningDelta(held)] if mode == "thinking" else [TextDelta(held)]

    def _decide(self) -> list[Event]:
        begun = self._held.lstrip()
        if len(begun) < len(self.OPEN) and self.OPEN.startswith(begun):
            return []
        if begun.startswith(self.OPEN):
            self._mode, self._held = "thinking", begun[len(self.OPEN) :]
            return self._think()
        self._mode, text, self._held = "text", self._held, ""
        return [TextDelta(text)]

    def _think(self) -> list[Event]:
        thought, closed, rest = self._held.partition(self.CLOSE)
        if closed:
            self._mode, self._held = "gap", rest
            return [*([ReasoningDelta(thought)] if thought else []), BlockStopped(), *self._skip_blanks()]
        keep = next(
            (
                size
                for size in range(min(len(thought), len(self.CLOSE) - 1), 0, -1)
                if self.CLOSE.startswith(thought[-size:])
            ),
            0,
        )
        thought, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
        return [ReasoningDelta(thought)] if thought else []

    def _skip_blanks(self) -> list[Event]:
        text, self._held = self._held.lstrip(), ""
        if not text:
            return []
        self._mode = "text"
        return [TextDelta(text)]


class HeldBack:
    """Keeps all text until the end: for answers that should come by a tool, where text counts only if none came."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self.discard = False

    def feed(self, text: str) -> list[Event]:
        self._held.append(text)
        return []

    def finish(self) -> list[Event]:
        """Blocks end, the answer goes on: nothing yet."""
        return []

    def release(self) -> list[Event]:
        """The answer is complete. As JSON where it holds some, because that is what was asked for."""
        text = "".join(self._held)
        if self.discard or not text:
            return []
        return [TextDelta(json_in(text) or text)]


def json_in(text: str) -> str | None:
    """The first JSON object or array that a text holds, as it stands there; None where there is none that parses."""
    for opening in islice(re.finditer(r"[\[{]", text), MAX_CANDIDATES):
        try:
            # In C, and at the first fault it stops: prose in brackets is not read to the end for each of them.
            _, end = _JSON.raw_decode(text, opening.start())
            candidate = text[opening.start() : end]
            parse_or_mend(candidate, partial(from_json, allow_inf_nan=False))
        except (ValueError, RecursionError):
            continue
        return candidate
    return None


_BLANK = re.compile(r"[ \t\r\n]+")
_QUOTE_OR_ESCAPE = re.compile(r'["\\]')


class Compactor:
    """JSON text in pieces, without the blanks between its tokens: as the whole answer has it, which Converse has parsed."""

    def __init__(self) -> None:
        self._in_string = False
        self._escaped = False

    def feed(self, text: str) -> str:
        out: list[str] = []
        at = 0
        while at < len(text):
            if not self._in_string:
                quote = text.find('"', at)
                end = quote + 1 if quote >= 0 else len(text)
                out.append(_BLANK.sub("", text[at:end]))
                self._in_string = quote >= 0
            elif self._escaped:
                self._escaped, end = False, at + 1
                out.append(text[at])
            else:
                found = _QUOTE_OR_ESCAPE.search(text, at)
                end = found.end() if found else len(text)
                out.append(text[at:end])
                self._escaped = found is not None and found[0] == "\\"
                self._in_string = found is None or self._escaped
            at = end
        return "".join(out)


def unwrapped(text: str, key: str) -> str:
    """The JSON text of `key`'s value; the text itself where it is not an object with that key."""
    try:
        value = parse_or_mend(text, from_json)
    except ValueError:
        return text
    return to_json(value[key]).decode() if isinstance(value, dict) and key in value else text


class Chain:
    """One filter, and what it passes on as text through another."""

    def __init__(self, first: TextFilter, then: TextFilter) -> None:
        self._first = first
        self._then = then

    def feed(self, text: str) -> list[Event]:
        return self._through(self._first.feed(text))

    def finish(self) -> list[Event]:
        return [*self._through(self._first.finish()), *self._then.finish()]

    def _through(self, events: list[Event]) -> list[Event]:
        through: list[Event] = []
        for event in events:
            through.extend(self._then.feed(event.text) if isinstance(event, TextDelta) else (event,))
        return through
