"""The pump: nothing lost, nothing hoarded, and nobody left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.upstreams.threads import in_thread

SOON = 5.0
"""Seconds after which something that should have happened at once is taken not to happen."""


class Switch:
    """Something to close: unblocks the source that waits for it."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_a_result_comes_out_of_the_thread(executor: ThreadPoolExecutor) -> None:
    assert asyncio.run(in_thread(lambda: 7, Switch(), executor)) == 7


async def test_what_the_work_raised_is_raised(executor: ThreadPoolExecutor) -> None:
    def work() -> int:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await in_thread(work, Switch(), executor)


async def test_a_cancelled_wait_frees_the_thread_at_once(executor: ThreadPoolExecutor) -> None:
    abort, begun, left = Switch(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        abort.closed.wait(SOON)
        left.set()

    task = asyncio.ensure_future(in_thread(work, abort, executor))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await loop.run_in_executor(None, left.wait, SOON)


async def test_work_given_up_before_a_thread_was_free_is_never_done() -> None:
    release, abort, done = threading.Event(), Switch(), []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(release.wait, SOON)
        task = asyncio.ensure_future(in_thread(lambda: done.append(True), abort, pool))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
    assert not done
    assert not abort.closed.is_set()


async def test_a_result_that_comes_after_the_cancel_is_dropped(executor: ThreadPoolExecutor) -> None:
    abort, begun = Switch(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> int:
        loop.call_soon_threadsafe(begun.set)
        abort.closed.wait(SOON)
        return 7

    task = asyncio.ensure_future(in_thread(work, abort, executor))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await loop.run_in_executor(executor, lambda: None)
    await asyncio.sleep(0)
