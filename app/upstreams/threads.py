"""Blocking work in a thread, awaited on the loop, and given up when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol, TypeVar

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
