"""ASGI's lifespan: told when it has begun and ended, and when it could not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.web.asgi import Message, Receive, Scope, Send
from app.web.lifespan import Application


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "seen", "scope": scope["type"]})


async def run(lifespan: Any, kind: str = "lifespan") -> list[Message]:
    sent: list[Message] = []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await Application(inside, lifespan)({"type": kind}, receive, send)
    except (ZeroDivisionError, NotImplementedError) as problem:
        sent.append({"type": type(problem).__name__})
    return sent


@pytest.mark.parametrize(("fails", "told"), [
    ("", ["lifespan.startup.complete", "lifespan.shutdown.complete"]),
    ("before", ["lifespan.startup.failed", "ZeroDivisionError"]),
    ("after", ["lifespan.startup.complete", "lifespan.shutdown.failed", "ZeroDivisionError"]),
])  # fmt: skip
async def test_the_server_is_told(fails: str, told: list[str]) -> None:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        if fails == "before":
            raise ZeroDivisionError
        yield
        if fails == "after":
            raise ZeroDivisionError

    assert [message["type"] for message in await run(lifespan)] == told


async def test_requests_go_inwards_and_nothing_else() -> None:
    assert await run(None, "http") == [{"type": "seen", "scope": "http"}]
    assert await run(None, "websocket") == [{"type": "NotImplementedError"}]


async def test_protocols_find_the_state_that_was_given() -> None:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield

    async def receive() -> Message:
        return {"type": "any"}

    async def send(message: Message) -> None:
        pass

    scope: Any = {"type": "lifespan", "state": {"server": 1}}
    await Application(inside, lifespan, state={"limit": 2})(scope, receive, send)
    assert scope["state"] == {"server": 1, "limit": 2}


async def test_requests_that_the_server_has_cancelled_end_before_the_process_does() -> None:
    order: list[str] = []
    asked, stop = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield
        order.append("lifespan")

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            order.append("request")

    messages = iter([asked, stop])

    async def receive() -> Message:
        await next(messages).wait()
        return {"type": "any"}

    async def send(message: Message) -> None:
        pass

    app = Application(slow, lifespan)
    request = asyncio.create_task(app({"type": "http"}, receive, send))
    living = asyncio.create_task(app({"type": "lifespan"}, receive, send))
    await asked.wait()
    request.cancel()
    stop.set()
    await asyncio.wait_for(living, 10)
    assert order == ["request", "lifespan"]


async def test_sockets_go_where_they_are_served() -> None:
    seen: list[str] = []

    async def sockets(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def never(*given: Any) -> Any:
        raise AssertionError

    await Application(never, never, sockets)({"type": "websocket"}, never, never)  # type: ignore[arg-type]
    assert seen == ["websocket"]
