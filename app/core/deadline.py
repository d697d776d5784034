"""The moment by which an answer must be over, and work that is given up in time.

On Lambda an invocation that reaches its time limit is killed: the client sees its stream end in the middle of a word, and
no usage is recorded. So work stops a little earlier, and the end can be told. Deadlines are epoch seconds, or None.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import TypeVar

from app.errors import UpstreamFailure

T = TypeVar("T")

MOST_FOR_BOOKS, LEAST_FOR_BOOKS = 4.0, 2.0
"""Seconds."""

MARGIN = 0.5
"""Seconds before a deadline in which an answer that is whole is brought to its end, and nothing else."""


def deadline_exceeded() -> UpstreamFailure:
    """Retried as it is, the same request would run into the same limit."""
    return UpstreamFailure(
        "The answer was stopped because the time limit of the gateway's function is almost reached; it is not complete. "
        "Ask for fewer tokens, or have the function's timeout raised.",
        status=504,
        code="deadline_exceeded",
        should_retry=False,
    )


async def in_time(work: Awaitable[T], deadline: float | None) -> T:
    """The result of `work`. Raises UpstreamFailure 504 `deadline_exceeded` where it takes too long."""
    if deadline is None:
        return await work
    try:
        async with asyncio.timeout(deadline - time.time()) as limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise deadline_exceeded() from None


def spare(deadline: float | None, seconds: float) -> float:
    """Seconds that may be spent beside the answer: so many, or what a near deadline leaves, and 0 for none."""
    return seconds if deadline is None else max(0.0, min(seconds, deadline - time.time() - MARGIN))


def for_books(deadline: float | None) -> float:
    """Seconds that an answer may wait until it is written down; a deadline has some time behind it for that."""
    return max(LEAST_FOR_BOOKS, spare(deadline, MOST_FOR_BOOKS))


def items_in_time(items: AsyncGenerator[T, None], deadline: float | None) -> AsyncGenerator[T, None]:
    """The same items. Raises UpstreamFailure 504 `deadline_exceeded` as soon as the time is up."""
    return items if deadline is None else _interrupted(items, deadline)


async def _interrupted(items: AsyncGenerator[T, None], deadline: float) -> AsyncGenerator[T, None]:
    """One timer for all of them: `asyncio.timeout` around each would cost more than most of them do.

    It interrupts whoever waits for the next item, and only them; a consumer that is busy with an item finds out when it
    asks for another.
    """
    async with aclosing(items):
        clock = _Clock()
        timer = asyncio.get_running_loop().call_later(max(0.0, deadline - time.time()), clock.strike)
        try:
            while True:
                try:
                    item = await clock.waited(items)
                except StopAsyncIteration:
                    return
                yield item
        finally:
            timer.cancel()


class _Clock:
    def __init__(self) -> None:
        self._struck = False
        self._waiting: asyncio.Task[object] | None = None
        self._interrupted = False

    def strike(self) -> None:
        self._struck = True
        if self._waiting is not None:
            self._interrupted = True
            self._waiting.cancel()

    async def waited(self, items: AsyncGenerator[T, None]) -> T:
        if self._struck:
            raise deadline_exceeded()
        self._waiting = asyncio.current_task()
        try:
            item = await anext(items)
            self._forgiven()  # the source had one in hand all the same; the next call ends it
            return item
        except asyncio.CancelledError:
            if not self._forgiven():
                raise  # somebody else wants the task to end, too
            raise deadline_exceeded() from None
        finally:
            self._waiting = None

    def _forgiven(self) -> bool:
        """Takes our own request to cancel back. False where there was none, or there is another one."""
        return self._interrupted and self._waiting is not None and self._waiting.uncancel() == 0
