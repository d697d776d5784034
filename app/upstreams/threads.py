"""From a blocking iterator in a thread to an async iterator on the loop.

One pump thread per stream, never a hop per item: the thread appends to a queue and wakes the loop only where no wake-up
is already on its way, and the loop takes everything that has gathered in one go. Bounded, so that a slow client slows the
upstream and not the memory; closable, so that an abandoned stream frees its thread and its connection at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Executor
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Closable(Protocol):
    def close(self) -> None:
        """Make a blocked reader return or raise, from any thread, any number of times."""
        ...


async def in_thread(work: Callable[[], T], abort: Closable, executor: Executor) -> T:
    """The result of blocking `work`, done in `executor`. A cancelled wait closes `abort`, so that the thread is free.

    Straight from the thread to the waiting task: `run_in_executor` takes two more turns of the loop for the same.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: BaseException | None) -> None:
        if done.done():
            return
        if problem is not None:
            done.set_exception(problem)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # there is a result where there is no problem

    def run() -> None:
        result: T | None = None
        problem: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001  the edge of the thread: whatever it is, the waiter raises it
            problem = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, problem)

    worker = executor.submit(run)
    try:
        return await done
    except asyncio.CancelledError:
        if not worker.cancel():
            abort.close()
        raise


class Pump(Generic[T]):
    """Runs `source()` in `executor`; iterate `items()` once. `abort.close()` is called when the consumer stops early.

    `limit` is the number of items that may wait for the consumer before the thread pauses.
    """

    def __init__(self, source: Callable[[], Iterator[T]], abort: Closable, executor: Executor, limit: int = 64) -> None:
        self._source = source
        self._abort = abort
        self._executor = executor
        self._limit = limit
        self._queue: deque[T] = deque()
        self._room = threading.Event()
        self._room.set()
        self._closed = False
        self._over = False
        self._error: BaseException | None = None
        self._notified = False
        self._waiter: asyncio.Future[None] | None = None

    async def items(self) -> AsyncGenerator[list[T], None]:
        """Everything that has gathered since the last step, at least one item. Raises what the source raised."""
        self._loop = asyncio.get_running_loop()
        worker = self._executor.submit(self._work)
        try:
            while True:
                self._notified = False
                over = self._over  # read before the queue: what the thread appends, it appends before it is over
                if self._queue:
                    gathered = [self._queue.popleft() for _ in range(len(self._queue))]
                    self._room.set()
                    yield gathered
                elif over:
                    if self._error is not None:
                        raise self._error
                    return
                else:
                    self._waiter = self._loop.create_future()
                    if not self._queue and not self._over:
                        await self._waiter
        finally:
            self._closed = True
            self._room.set()
            if not self._over and not worker.cancel():
                self._abort.close()

    def _work(self) -> None:
        try:
            for item in self._source():
                self._queue.append(item)
                self._notify()
                if len(self._queue) >= self._limit:
                    self._wait_for_room()
                if self._closed:
                    break
        except BaseException as problem:  # noqa: BLE001  the edge of the thread: whatever it is, the consumer raises it
            self._error = problem
        finally:
            self._over = True
            self._notify()

    def _wait_for_room(self) -> None:
        self._room.clear()
        # The consumer may have emptied the queue, or gone, between the check and the clear.
        if self._queue and not self._closed:
            self._room.wait()

    def _notify(self) -> None:
        if not self._notified:
            self._notified = True
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._closed = True

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
