"""Work that must be over in time: what is in time is untouched, what is not is given up and says so."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from app.core.deadline import in_time, items_in_time, spare
from app.errors import UpstreamFailure

LONG_AGO = 1.0


class Source:
    """Gives its items at once, then waits until it is closed; notes that it was."""

    def __init__(self, *items: int) -> None:
        self._items = items
        self.closed = False

    async def items(self, *, wait: bool = True) -> AsyncGenerator[int, None]:
        try:
            for item in self._items:
                yield item
            if wait:
                await asyncio.Event().wait()
        finally:
            self.closed = True


async def consumed(items: AsyncGenerator[int, None], seen: list[int], seconds: float = 0) -> None:
    """Takes so long over each."""
    async with aclosing(items):
        async for item in items:
            await asyncio.sleep(seconds)
            seen.append(item)


async def collected(items: AsyncGenerator[Any, None]) -> list[Any]:
    async with aclosing(items):
        return [item async for item in items]


@pytest.mark.parametrize("limited", [False, True])
async def test_items_in_time_are_untouched(limited: bool) -> None:
    source, deadline = Source(1, 2, 3), time.time() + 3600 if limited else None
    assert await collected(items_in_time(source.items(wait=False), deadline)) == [1, 2, 3]
    assert source.closed


async def test_a_source_that_falls_silent_is_interrupted_and_closed() -> None:
    source, seen = Source(1, 2), list[int]()
    with pytest.raises(UpstreamFailure) as raised:
        await consumed(items_in_time(source.items(), time.time() + 0.2), seen)
    assert seen == [1, 2]
    assert source.closed
    assert (raised.value.status, raised.value.code, raised.value.should_retry) == (504, "deadline_exceeded", False)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_a_deadline_long_ago_stops_before_the_first_item() -> None:
    source = Source(1)
    with pytest.raises(UpstreamFailure, match="time limit"):
        await collected(items_in_time(source.items(), LONG_AGO))


async def test_a_busy_consumer_is_not_interrupted_but_gets_no_more() -> None:
    finished: list[int] = []
    with pytest.raises(UpstreamFailure):
        await consumed(items_in_time(Source(1, 2).items(), time.time() + 0.2), finished, seconds=0.3)
    assert finished == [1]


async def test_a_cancelled_consumer_stays_cancelled() -> None:
    source = Source()
    task = asyncio.create_task(collected(items_in_time(source.items(), time.time() + 3600)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed


async def test_whoever_is_cancelled_at_the_deadline_itself_stays_cancelled() -> None:
    task = asyncio.create_task(collected(items_in_time(Source().items(), time.time() + 0.03)))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.03, task.cancel)
    with pytest.raises((asyncio.CancelledError, UpstreamFailure)):
        await task


async def test_a_source_that_has_an_item_in_hand_at_the_deadline_may_give_it() -> None:
    async def stubborn() -> AsyncGenerator[int, None]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        yield 1
        await asyncio.Event().wait()

    seen: list[int] = []
    with pytest.raises(UpstreamFailure):
        await consumed(items_in_time(stubborn(), time.time() + 0.02), seen)
    assert seen == [1]
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_an_error_of_the_source_is_passed_on() -> None:
    async def failing() -> AsyncGenerator[int, None]:
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await collected(items_in_time(failing(), time.time() + 3600))


@pytest.mark.parametrize("limited", [False, True])
async def test_a_result_in_time(limited: bool) -> None:
    async def answer() -> int:
        return 42

    assert await in_time(answer(), time.time() + 3600 if limited else None) == 42


async def test_a_result_that_takes_too_long() -> None:
    with pytest.raises(UpstreamFailure) as raised:
        await in_time(asyncio.sleep(60), time.time() + 0.02)
    assert raised.value.code == "deadline_exceeded"


async def test_a_timeout_of_the_work_itself_is_none_of_ours() -> None:
    async def impatient() -> None:
        raise TimeoutError("inner")

    with pytest.raises(TimeoutError, match="inner"):
        await in_time(impatient(), time.time() + 3600)


def test_what_a_deadline_leaves_for_other_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 100.0)
    assert [spare(deadline, 1.0) for deadline in (None, 200.0, 101.0, 100.5, 1.0)] == [1.0, 1.0, 0.5, 0.0, 0.0]
