"""Streams of responses that are made in the background: gathered by their worker, followed by whoever asks.

Of a stream that is too long only its end is gathered beside the beginning; the last event holds the whole answer anyway.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping

from pydantic_core import to_json

from app.api.responses.encode import encode_error_event
from app.core.responses import Item, JobStore

MOST_FRAMES = 50_000
MOST_BYTES = 16_000_000
PIECE = 1_000_000
"""Bytes that are written to the store at once."""
_NUMBER = re.compile(rb'"sequence_number":(\d{1,9})')
_ERROR = b"event: error\n"
_LAST = (b"event: response.completed", b"event: response.incomplete", b"event: response.failed")
_ENDING = (_ERROR, *_LAST)


class Live:
    """The events of one response, as far as they are. `told`: how many of them the store has."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self.over = False
        self.told = 0
        self.pieces = 0
        self._size = 0
        self._news = asyncio.Event()

    def add(self, number: int, frame: bytes) -> None:
        if (len(self.frames) < MOST_FRAMES and self._size < MOST_BYTES) or frame.startswith(_ENDING):
            self._size += len(frame)
            self.frames.append((number, frame))
            self._tell()

    def end(self) -> None:
        self.over = True
        self._tell()

    def untold(self) -> bytes:
        """The next piece for the store, empty where it has everything."""
        frames, size = [], 0
        while self.told < len(self.frames) and size < PIECE:
            frame = self.frames[self.told][1]
            frames.append(frame)
            size += len(frame)
            self.told += 1
        return b"".join(frames)

    async def after(self, number: int) -> AsyncGenerator[bytes, None]:
        """The frames behind that number, those to come too."""
        place = 0
        while True:
            news, over = self._news, self.over
            fresh = [frame for at, frame in self.frames[place:] if at > number]
            place = len(self.frames)
            if fresh:
                yield b"".join(fresh)
            elif over:
                return
            else:
                await news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def numbered(piece: bytes) -> list[tuple[int, bytes]]:
    """The frames of a piece with their numbers."""
    found = []
    for frame in piece.split(b"\n\n"):
        number = _NUMBER.search(frame)
        if number:
            found.append((int(number[1]), frame + b"\n\n"))
    return found


async def recorded(
    store: JobStore, tenant: str, id: str, *, wait: float, clock: Callable[[], float]
) -> AsyncGenerator[bytes, None]:
    """The pieces that another process has told the store, and those it will tell, until it is over or not heard of."""
    place, over = 0, False
    while True:
        found = await store.events(tenant, id, place)
        place += len(found)
        for piece in found:
            yield piece
        if found:
            continue
        if over:
            return
        progress = await store.progress(tenant, id)
        over = progress is None or progress.over or progress.alive_until < clock()
        if not over:
            await asyncio.sleep(wait)


def is_last(frame: bytes) -> bool:
    return frame.startswith(_LAST)


def last_frame(response: Item, number: int) -> bytes:
    """Returns the events that end the stream of a finished response; empty for a status without one (`cancelled`).

    A failed response ends in two, `error` (`number`) and `response.failed`, as in a stream that is read while it is made.
    """
    kind = f"response.{response.get('status')}".encode()
    if b"event: " + kind not in _LAST:
        return b""
    failure = response.get("error") if kind == b"response.failed" else None
    error = b""
    if isinstance(failure, Mapping):
        error = _frame(b"error", number, encode_error_event({"type": "server_error", **failure}))
    return error + _frame(kind, number + bool(error), {"response": dict(response)})


def _frame(kind: bytes, number: int, body: Item) -> bytes:
    return b'event: %b\ndata: {"type":"%b",%b\n\n' % (kind, kind, to_json({"sequence_number": number, **body})[1:])
