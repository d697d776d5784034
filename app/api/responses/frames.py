"""Server-sent events of one response, numbered through. A delta costs one escape and one concatenation."""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from pydantic_core import to_json

DONE = b"data: [DONE]\n\n"
OnEvent = Callable[[int, bytes], None]


def _head(kind: str) -> bytes:
    return b'event: %b\ndata: {"type":"%b","sequence_number":' % (kind.encode(), kind.encode())


class Frames:
    """Gathers frames until they are taken. `on_event` sees each with its number, when it is taken."""

    def __init__(self, on_event: OnEvent | None = None) -> None:
        self._next = 0
        self._waiting: list[bytes] = []
        self._on_event = on_event

    def add(self, kind: str, body: dict[str, Any]) -> None:
        """An event with these members beside its type and number."""
        self.add_json(kind, to_json(body))

    def add_json(self, kind: str, body: bytes) -> None:
        """`body`: the JSON of an object with at least one member."""
        self._waiting.append(b"%b%d,%b\n\n" % (_head(kind), self._next, body[1:]))
        self._next += 1

    def delta(self, where: Where, text: str) -> None:
        """A piece of text that goes to `where`."""
        self._waiting.append(b"%b%d%b%b%b" % (where.head, self._next, where.before, quoted(text).encode(), where.after))
        self._next += 1

    def take(self) -> bytes:
        """The frames since it was last asked."""
        frames = self._waiting
        if self._on_event is not None:
            for number, frame in enumerate(frames, self._next - len(frames)):
                self._on_event(number, frame)
        if len(frames) == 1:
            return frames.pop()
        self._waiting = []
        return b"".join(frames)


class Where:
    """What is the same in every delta of one part of one item, rendered once."""

    __slots__ = ("after", "before", "head")

    def __init__(self, kind: str, place: dict[str, Any], *, logprobs: bool = False) -> None:
        self.head = _head(kind)
        self.before = b"," + to_json(place)[1:-1] + b',"delta":'
        self.after = b',"logprobs":[]}\n\n' if logprobs else b"}\n\n"
