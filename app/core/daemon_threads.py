"""Work of some milliseconds off the event loop, in few threads that never keep a process from ending.

asyncio's own executor is awaited at the end of the loop, and its threads at the end of the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class DaemonThreads:
    """At most `most` at once in each event loop. Work that waits is dropped with the task that waits for it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], T]) -> T:
        """Returns or raises what `work` does. A thread that has begun goes on although its task is cancelled, and keeps its
        place."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._room = loop, asyncio.Semaphore(self._most)
        room = self._room
        await room.acquire()
        future: asyncio.Future[T] = loop.create_future()

        def ended(result: T | None, problem: BaseException | None) -> None:
            room.release()
            if future.cancelled():
                return
            if problem is not None:
                future.set_exception(problem)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def in_thread() -> None:
            result: T | None = None
            problem: BaseException | None = None
            try:
                result = work()
            except BaseException as caught:  # noqa: BLE001  raised again where it is awaited
                problem = caught
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(ended, result, problem)

        Thread(target=in_thread, name="decode", daemon=True).start()
        return await future


decoding = DaemonThreads(4)
"""For bodies, stored pieces and vectors that are large."""
