"""The pump: nothing lost, nothing hoarded, and nobody left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.upstreams.threads import Pump, in_thread

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


async def gathered(pump: Pump[int]) -> list[int]:
    return [item for batch in [batch async for batch in pump.items()] for item in batch]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 400), st.integers(1, 8), st.sets(st.integers(0, 400)))
def test_every_item_arrives_once_and_in_order(count: int, limit: int, pauses: set[int]) -> None:
    async def run() -> list[int]:
        seen: list[int] = []
        with ThreadPoolExecutor(1) as pool:
            async for batch in Pump(lambda: iter(range(count)), Switch(), pool, limit).items():
                assert batch
                seen.extend(batch)
                if seen[-1] in pauses:
                    await asyncio.sleep(0)
        return seen

    assert asyncio.run(run()) == list(range(count))


async def test_a_slow_client_slows_the_upstream_and_not_the_memory(executor: ThreadPoolExecutor) -> None:
    made: list[int] = []
    full = threading.Event()

    def source() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            if number == 4:
                full.set()
            yield number

    pump = Pump(source, Switch(), executor, limit=4)
    items = pump.items()
    first = await anext(items)
    await asyncio.get_running_loop().run_in_executor(None, full.wait, SOON)
    assert len(made) <= len(first) + 5  # four that wait, and the one in the thread's hand
    rest = [item async for batch in items for item in batch]
    assert first + rest == list(range(1000))


async def test_what_the_source_raised_is_raised_after_what_it_gave(executor: ThreadPoolExecutor) -> None:
    def source() -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    items = Pump(source, Switch(), executor).items()
    assert await anext(items) == [1]
    with pytest.raises(LookupError, match="gone"):
        await anext(items)


async def test_an_abandoned_stream_frees_its_thread_at_once(executor: ThreadPoolExecutor) -> None:
    abort, left = Switch(), threading.Event()

    def source() -> Iterator[int]:
        try:
            yield 1
            assert abort.closed.wait(SOON)  # a read that only the abort ends
            yield 2
        finally:
            left.set()

    async with aclosing(Pump(source, abort, executor).items()) as items:
        assert await anext(items) == [1]
    assert await asyncio.get_running_loop().run_in_executor(None, left.wait, SOON)


async def test_a_cancelled_consumer_frees_the_thread_at_once(executor: ThreadPoolExecutor) -> None:
    abort, begun, left = Switch(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def source() -> Iterator[int]:
        loop.call_soon_threadsafe(begun.set)
        abort.closed.wait(SOON)
        left.set()
        return iter(())

    task = asyncio.ensure_future(gathered(Pump(source, abort, executor)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await loop.run_in_executor(None, left.wait, SOON)


async def test_a_thread_that_waits_for_room_is_let_go(executor: ThreadPoolExecutor) -> None:
    left = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            left.set()

    async with aclosing(Pump(source, Switch(), executor, limit=1).items()) as items:
        await anext(items)
    assert await asyncio.get_running_loop().run_in_executor(None, left.wait, SOON)


async def test_a_stream_given_up_before_a_thread_was_free_never_starts() -> None:
    release, abort, started = threading.Event(), Switch(), []

    def source() -> Iterator[int]:
        started.append(True)
        return iter(())

    with ThreadPoolExecutor(1) as pool:
        pool.submit(release.wait, SOON)
        task = asyncio.ensure_future(gathered(Pump(source, abort, pool)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
    assert not started
    assert not abort.closed.is_set()


async def test_a_finished_stream_is_not_aborted(executor: ThreadPoolExecutor) -> None:
    abort = Switch()
    assert await gathered(Pump(lambda: iter([1, 2]), abort, executor)) == [1, 2]
    assert not abort.closed.is_set()


async def test_an_item_that_comes_just_before_the_wait_is_not_waited_for(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, put = threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    create = loop.create_future

    def source() -> Iterator[int]:
        assert waits.wait(SOON)
        yield 1
        put.set()

    def created() -> asyncio.Future[None]:
        waits.set()
        assert put.wait(SOON)
        return create()

    items = Pump(source, Switch(), executor).items()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "create_future", created)
        assert await anext(items) == [1]
    assert [batch async for batch in items] == []


async def test_a_consumer_gone_while_the_thread_looks_for_room_is_not_waited_for(executor: ThreadPoolExecutor) -> None:
    looks, gone, left = threading.Event(), threading.Event(), threading.Event()

    class Room(threading.Event):
        def clear(self) -> None:
            looks.set()
            assert gone.wait(SOON)
            super().clear()

    def source() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            left.set()

    loop = asyncio.get_running_loop()
    pump = Pump(source, Switch(), executor, limit=1)
    pump._room = Room()
    items = pump.items()
    await anext(items)
    assert await loop.run_in_executor(None, looks.wait, SOON)
    await items.aclose()
    gone.set()
    assert await loop.run_in_executor(None, left.wait, SOON)


def test_a_loop_that_was_closed_stops_the_thread() -> None:
    begun, closed, taken = threading.Event(), threading.Event(), []

    def source() -> Iterator[int]:
        begun.set()
        assert closed.wait(SOON)
        for number in range(100):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(1) as pool:
        pump = Pump(source, Switch(), pool)
        loop = asyncio.new_event_loop()
        step: asyncio.Task[list[int]] = loop.create_task(anext(pump.items()))
        loop.call_soon(_when(begun, loop.stop))
        loop.run_forever()
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(step)
        loop.close()
        closed.set()
    assert taken == [0]


def _when(event: threading.Event, act: Callable[[], None]) -> Callable[[], None]:
    def waiting() -> None:
        assert event.wait(SOON)
        act()

    return waiting


# One result instead of a stream


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
