"""Runs what a client waits for, and gives it up when the client does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.core.ports import Call

T = TypeVar("T")


async def watched(work: Coroutine[Any, Any, T], receive: Receive, call: Call, *, drain: bool) -> T:
    """The result of `work`. A client that leaves cancels it, or, with `drain`, lets it finish for the sake of its usage.

    Raises ClientDisconnect once the client has gone.
    """
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        call.gone = True
        if drain:
            await asyncio.wait({task})
        raise ClientDisconnect
    finally:
        leaving.cancel()
        if not task.done():
            task.cancel()
        if call.gone:
            await asyncio.gather(task, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
