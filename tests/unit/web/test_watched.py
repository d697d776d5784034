"""Work that a client waits for, and what becomes of it when the client does not."""

from __future__ import annotations

import asyncio

import pytest

from app.core.ports import Call, Caller
from app.errors import RateLimited
from app.web.asgi import ClientDisconnect
from app.web.watched import watched
from tests.unit.web.asgi import REQUEST, Wire, until


class Work:
    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.ended = ""

    async def run(self) -> str:
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "well"
        return "done"


def call() -> Call:
    return Call("req_1", Caller("default"), "embeddings")


async def test_the_result() -> None:
    work, given = Work(), call()
    work.go_on.set()
    assert await watched(work.run(), Wire(REQUEST).receive, given, drain=False) == "done"
    assert not given.gone


async def test_the_failure() -> None:
    async def fail() -> None:
        raise RateLimited("slow")

    with pytest.raises(RateLimited):
        await watched(fail(), Wire(REQUEST).receive, call(), drain=True)


@pytest.mark.parametrize("drain", [False, True])
async def test_a_client_that_leaves(drain: bool) -> None:
    work, wire, given = Work(), Wire(REQUEST), call()
    waiting = asyncio.create_task(watched(work.run(), wire.receive, given, drain=drain))
    await until(lambda: True)
    wire.leave()
    await until(lambda: given.gone)
    work.go_on.set()
    with pytest.raises(ClientDisconnect):
        await waiting
    assert work.ended == ("well" if drain else "cancelled")


@pytest.mark.parametrize("gone", [False, True])
async def test_a_server_that_stops_gives_the_work_up(gone: bool) -> None:
    work, wire, given = Work(), Wire(REQUEST), call()
    waiting = asyncio.create_task(watched(work.run(), wire.receive, given, drain=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if gone:
        wire.leave()
        await until(lambda: given.gone)
    waiting.cancel()
    with pytest.raises((asyncio.CancelledError, ClientDisconnect)):
        await waiting
    assert work.ended == "cancelled"
