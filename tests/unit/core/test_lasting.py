"""Work that outlives whoever waits for it."""

from __future__ import annotations

import asyncio
import time

from app.core.deadline import LEAST_FOR_BOOKS, MOST_FOR_BOOKS, for_books
from app.core.lasting import finish, lasting


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


def test_a_near_deadline_leaves_less_time_for_the_books() -> None:
    assert for_books(None) == MOST_FOR_BOOKS
    assert LEAST_FOR_BOOKS < for_books(time.time() + 3.5) < MOST_FOR_BOOKS
    assert for_books(time.time() - 1) == LEAST_FOR_BOOKS
