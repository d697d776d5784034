"""Runs what a client waits for, and gives it up when the client does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from app.core.ports import Call
from app.web.asgi import ClientDisconnect, Receive

T = TypeVar("T")


async def watched(work: Coroutine[Any, Any, T], receive: Receive, call: Call, *, drain: bool) -> T:
    """The result of `work`. A client that leaves cancels it, or, with `drain`, lets it finish for the sake of its usage.

    Raises ClientDisconnect once the client has gone. The work runs in the calling task: only the watcher is a new one.
    """
    current = asyncio.current_task()
    assert current is not None
    watcher = asyncio.create_task(_watch(receive, call, None if drain else current))
    try:
        result = await work
    except asyncio.CancelledError:
        if not call.gone:
            raise
        current.uncancel()
        raise ClientDisconnect from None
    finally:
        watcher.cancel()
    if call.gone:
        raise ClientDisconnect
    return result


async def _watch(receive: Receive, call: Call, task: asyncio.Task[Any] | None) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    call.gone = True
    if task is not None:
        task.cancel()
