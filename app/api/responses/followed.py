"""The stream of a background response, from the event after a number on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from pydantic_core import to_json

from app.api.responses.desk import Desk
from app.api.responses.encode import encode_error_event
from app.api.responses.frames import DONE
from app.api.responses.live import numbered
from app.core.ports import Call
from app.web.receipt import receipt_headers
from app.web.sse import Encoder, EventStream


class _Ready:
    """An Encoder for what is encoded already. `after`: the number of the last event that the client has."""

    def __init__(self, after: int) -> None:
        self._after = after
        self._newest = b""

    def feed(self, choice: int, batch: Any) -> bytes:
        self._newest = batch or self._newest
        return cast(bytes, batch)

    def finish(self) -> bytes:
        return DONE

    def fail(self, body: dict[str, Any]) -> bytes:
        """The response itself may be fine: only this connection to it has failed.

        The error repeats the number of the event before it, so that a client that continues after it misses none.
        """
        number = max((number for number, _ in numbered(self._newest)), default=self._after)
        told = {"type": "error", "sequence_number": number, **encode_error_event(body["error"])}
        return b"event: error\ndata: " + to_json(told) + b"\n\n"


def followed(desk: Desk, call: Call, id: str, after: int) -> EventStream:
    """A client that leaves stops nothing: the response is made all the same."""
    return EventStream(
        _frames(desk, call, id, after),
        cast(Encoder, _Ready(after)),
        call,
        lambda: receipt_headers(call.receipt),
        ping_interval=desk.door.ping_interval,
    )


async def _frames(desk: Desk, call: Call, id: str, after: int) -> AsyncGenerator[tuple[int, Any], None]:
    async with aclosing(desk.background.follow(call.caller.key_id, id, after)) as frames:
        async for frame in frames:
            yield 0, frame
