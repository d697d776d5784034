"""Work that outlives whoever waits for it: what a request cost is written down though its client has gone."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

_EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}
"""Begin at once, and save a turn of the loop."""
_under_way: set[asyncio.Task[None]] = set()


async def lasting(work: Awaitable[None] | None, seconds: float | None = None) -> None:
    """Wait for `work`, for so long at most. Whoever is cancelled or has waited enough leaves it running; what it raises is
    a line in the log."""
    if work is not None:
        await asyncio.wait({start(_caught(work))}, timeout=seconds)


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run `work` and keep it until it is done: the loop itself would forget it."""
    task = asyncio.Task(work, loop=asyncio.get_running_loop(), **_EAGER)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)  # soon, where it is done already
    return task


async def finish(seconds: float) -> None:
    """Wait for what is under way in this loop, at its end."""
    loop = asyncio.get_running_loop()
    tasks = [task for task in _under_way if task.get_loop() is loop]
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


async def _caught(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception as problem:  # noqa: BLE001  nobody could do anything about it
        log.error("unexpected %s while the books were written", type(problem).__name__)
