"""Work that outlives whoever waits for it."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import weakref

import pytest

from app.core.deadline import LEAST_FOR_BOOKS, MOST_FOR_BOOKS, for_books
from app.core.lasting import finish, lasting, start


async def test_an_answer_waits_only_so_long_for_its_books() -> None:
    """And they are written all the same."""
    go, written = asyncio.Event(), []

    async def work() -> None:
        await go.wait()
        written.append(True)

    await lasting(work(), 0.01)
    assert not written
    go.set()
    await finish(5)
    assert written


async def test_work_that_fails_is_a_line_in_the_log_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("of somebody's secret")

    with caplog.at_level(logging.ERROR):
        await lasting(work())
    assert "unexpected ValueError while the books were written" in caplog.text
    assert "secret" not in caplog.text


async def test_an_answer_that_is_cancelled_leaves_its_books_to_be_written() -> None:
    go, written = asyncio.Event(), []

    async def work() -> None:
        await go.wait()
        written.append(True)

    answer = asyncio.create_task(lasting(work()))
    await asyncio.sleep(0)
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    go.set()
    await finish(5)
    assert written


@pytest.mark.parametrize("turns", [0, 3])
async def test_work_is_kept_while_it_is_under_way_and_not_longer(turns: int) -> None:
    """Whether it is over at once or not, though nobody else holds it."""
    written = []

    async def work() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        written.append(True)

    task = weakref.ref(start(work()))
    gc.collect()
    await finish(5)
    assert written
    await asyncio.sleep(0)
    gc.collect()
    assert task() is None
    await finish(5)  # of nothing


def test_a_near_deadline_leaves_less_time_for_the_books() -> None:
    assert for_books(None) == MOST_FOR_BOOKS
    assert LEAST_FOR_BOOKS < for_books(time.time() + 3.5) < MOST_FOR_BOOKS
    assert for_books(time.time() - 1) == LEAST_FOR_BOOKS
