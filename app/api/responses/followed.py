"""The stream of a background response, from the event after a number on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from pydantic_core import to_json

from app.api.responses.desk import Desk
from app.api.responses.frames import DONE
from app.core.ports import Call
from app.web.receipt import receipt_headers
from app.web.sse import Encoder, EventStream


class _Ready:
    """An Encoder for what is encoded already."""

    def feed(self, choice: int, batch: Any) -> bytes:
        return cast(bytes, batch)

    def finish(self) -> bytes:
        return DONE

    def fail(self, body: dict[str, Any]) -> bytes:
        """The response itself may be fine: only this way to it has broken."""
        error = body["error"]
        told = {"type": "error", "code": error["code"], "message": error["message"], "param": error["param"]}
        return b"event: error\ndata: " + to_json(told) + b"\n\n"


def followed(desk: Desk, call: Call, id: str, after: int) -> EventStream:
    """A client that leaves stops nothing: the response is made all the same."""
    return EventStream(
        _frames(desk, call, id, after),
        cast(Encoder, _Ready()),
        call,
        lambda: receipt_headers(call.receipt),
        ping_interval=desk.door.ping_interval,
    )


async def _frames(desk: Desk, call: Call, id: str, after: int) -> AsyncGenerator[tuple[int, Any], None]:
    async with aclosing(desk.background.follow(call.caller.key_id, id, after)) as frames:
        async for frame in frames:
            yield 0, frame
