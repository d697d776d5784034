"""The guard against clients that do not read: when it closes a connection, and when it has no timer at all."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from app.web.stall import CLIENT_STALL_TIMEOUT, StallGuard, unsent_bytes


class Transport(asyncio.Transport):
    """Holds `size` bytes that its client has not taken."""

    def __init__(self, size: int = 0) -> None:
        super().__init__()
        self.size = size
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        return self.size

    def abort(self) -> None:
        self.aborted.set()


class Guard(StallGuard):
    def __init__(self, size: int, timeout: float | None = None, deadline: float | None = None) -> None:
        self.wire = self.transport = Transport(size)
        self.app_state = {} if timeout is None else {CLIENT_STALL_TIMEOUT: timeout}
        self.deadline = deadline
        self.ended = False

    def end(self) -> None:
        self.ended = True
        self._watch_end()

    def _deadline(self) -> float | None:
        return self.deadline

    def _has_ended(self) -> bool:
        return self.ended


class Clock:
    """Collects the timers of the running loop, so that a test strikes them itself."""

    def __init__(self, monkeypatch: Any) -> None:
        self.timers: list[tuple[float, asyncio.Handle, Any]] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._call_later)

    def _call_later(self, seconds: float, work: Any, *given: Any) -> asyncio.Handle:
        handle = asyncio.Handle(work, given, asyncio.get_running_loop())
        self.timers.append((seconds, handle, lambda: work(*given)))
        return handle

    @property
    def waiting(self) -> list[float]:
        self.timers = [each for each in self.timers if not each[1].cancelled()]
        return [seconds for seconds, _, _ in self.timers]

    def strike(self) -> None:
        assert len(self.waiting) == 1
        self.timers.pop()[2]()


async def test_a_client_that_takes_no_byte_is_closed(monkeypatch: Any) -> None:
    guard, clock = Guard(100, 60), Clock(monkeypatch)
    guard.pause_writing()
    assert clock.waiting == [60]
    clock.strike()
    assert guard.wire.aborted.is_set()


async def test_a_client_that_takes_something_each_time_is_not_closed(monkeypatch: Any) -> None:
    guard, clock = Guard(100, 60), Clock(monkeypatch)
    guard.pause_writing()
    for left in (99, 98, 1):
        guard.wire.size = left
        clock.strike()
        assert not guard.wire.aborted.is_set()
    clock.strike()
    assert guard.wire.aborted.is_set()


async def test_there_is_no_timer_once_a_client_reads_again_or_has_left(monkeypatch: Any) -> None:
    guard, clock = Guard(100, 60), Clock(monkeypatch)
    guard.pause_writing()
    guard.resume_writing()
    assert clock.waiting == []
    guard.pause_writing()
    guard.connection_lost(None)
    assert clock.waiting == []


async def test_the_end_of_an_answer_is_watched_until_it_is_taken(monkeypatch: Any) -> None:
    guard, clock = Guard(100, 60), Clock(monkeypatch)
    guard.pause_writing()
    guard.wire.size = 50
    guard.end()
    guard.resume_writing()
    assert clock.waiting == [60]
    clock.strike()
    assert guard.wire.aborted.is_set()
    taken = Guard(0, 60)
    taken.end()
    assert clock.waiting == []


async def test_a_deadline_closes_a_client_that_reads_too_slowly(monkeypatch: Any) -> None:
    guard, clock = Guard(100, deadline=time.time() + 5), Clock(monkeypatch)
    guard.pause_writing()
    (seconds,) = clock.waiting
    assert 0 < seconds <= 5
    guard.wire.size = 1
    clock.strike()
    assert guard.wire.aborted.is_set()


async def test_without_a_limit_there_is_no_timer(monkeypatch: Any) -> None:
    clock = Clock(monkeypatch)
    for timeout in (None, 0):
        Guard(100, timeout).pause_writing()
    assert clock.waiting == []


def test_without_a_socket_the_transport_alone_is_counted() -> None:
    assert unsent_bytes(Transport(7)) == 7
