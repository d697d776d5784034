"""An ASGI server made of two functions, so that a test says what arrives, when, and what becomes of each message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from app.web.asgi import ASGIApp, Message

REQUEST: Message = {"type": "http.request", "body": b"", "more_body": False}
DISCONNECT: Message = {"type": "http.disconnect"}


def scope(path: str = "/v1/chat/completions", method: str = "POST", headers: Iterable[tuple[bytes, bytes]] = ()) -> Any:
    state = {"request_id": "req_1", "started": 0.0}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "headers": list(headers),
        "state": state,
        "query_string": b"",
    }


class Wire:
    """`receive` gives the messages, then waits until `leave()`; `sent` is what the application sent."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self._gone = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()
        self.sent: list[Message] = []
        self.waiting = 0

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        await self._gone.wait()
        return DISCONNECT

    async def send(self, message: Message) -> None:
        self.waiting += 1
        await self.room.wait()
        self.waiting -= 1
        self.sent.append(message)

    def leave(self) -> None:
        self._gone.set()

    async def run(self, app: ASGIApp, given: Any = None) -> None:
        await asyncio.wait_for(app(given or scope(), self.receive, self.send), 10)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


async def until(condition: Any) -> None:
    """Let other tasks run until something holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  what is waited for is a plain value
            await asyncio.sleep(0)
