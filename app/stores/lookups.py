"""What was read from the table lately, so that requests wait for it seldom.

    age < 30 s      served
    30 s to 60 s    served, and read anew in the background
    older           read anew while the request waits; where that fails, up to 300 s old ones are served as stale

Reads of the same thing at once are one read. Ages are wall-clock time and count from the beginning of the read: on Lambda
the process is frozen between requests and its monotonic clock may stand still.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from app.errors import UpstreamFailure

T = TypeVar("T")

RENEW_SECONDS: Final = 30.0
FRESH_SECONDS: Final = 60.0
OUTAGE_SECONDS: Final = 300.0
PAUSE_SECONDS: Final = 2.0
"""After a failed read of something that is kept, for so long no other is tried; and in any case for as long as the
failure took, up to LONGEST_PAUSE: not every request is to wait for a table that does not answer."""
LONGEST_PAUSE: Final = 15.0


class Kept(Generic[T]):
    """`value` as it was at `read_at` (epoch seconds)."""

    __slots__ = ("read_at", "value")

    def __init__(self, value: T, read_at: float) -> None:
        self.value = value
        self.read_at = read_at


class Lookups(Generic[T]):
    """`read` gives what is at an id, None where nothing is, and raises UpstreamFailure. At most `most` are kept."""

    def __init__(
        self, read: Callable[[str], Awaitable[T | None]], *, clock: Callable[[], float], most: int = 10_000
    ) -> None:
        self._read = read
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[str, Kept[T]] = OrderedDict()
        self._reading: dict[str, tuple[asyncio.Task[T | None], float]] = {}
        self._failed: OrderedDict[str, tuple[float, UpstreamFailure]] = OrderedDict()

    def peek(self, id: str, now: float) -> Kept[T] | None:
        """What may be served without waiting."""
        kept = self._kept.get(id)
        if kept is None:
            return None
        age = now - kept.read_at
        if not 0 <= age < FRESH_SECONDS:  # below 0: a clock that was set back must not prolong anything
            return None
        self._kept.move_to_end(id)
        if age >= RENEW_SECONDS and self._pausing(id, now) is None:
            self._begin(id, now)
        return kept

    def prefetch(self, id: str, now: float) -> None:
        """Begin the read that `get` would wait for."""
        if self.peek(id, now) is None and self._pausing(id, now) is None:
            self._begin(id, now)

    async def get(self, id: str, *, anew: bool = False) -> tuple[Kept[T] | None, bool]:
        """What is there, and whether it is stale. Raises UpstreamFailure. `anew`: not what is kept already."""
        now = self._clock()
        if not anew and (fresh := self.peek(id, now)) is not None:
            return fresh, False
        kept = self._kept.get(id)
        useful = not anew and kept is not None and 0 <= now - kept.read_at < OUTAGE_SECONDS
        if failure := self._pausing(id, now):
            if useful:
                return kept, True
            raise failure
        task = self._begin(id, now)
        await asyncio.wait({task})  # a waiter that is cancelled leaves it running for the others
        try:
            value = task.result()
        except UpstreamFailure:
            if useful:
                return kept, True
            raise
        return (None if value is None else self._kept.get(id) or Kept(value, now)), False

    def _begin(self, id: str, now: float) -> asyncio.Task[T | None]:
        """The read under way, or a new one: also where the process was frozen during one, whose answer is an old one."""
        under_way = self._reading.get(id)
        if under_way is not None:
            task, began = under_way
            if 0 <= now - began < RENEW_SECONDS and task.get_loop() is asyncio.get_running_loop():
                return task
        task = asyncio.create_task(self._fetch(id))
        self._reading[id] = (task, now)
        task.add_done_callback(lambda done: self._settle(id, now, done))
        return task

    async def _fetch(self, id: str) -> T | None:
        return await self._read(id)

    def _settle(self, id: str, began: float, task: asyncio.Task[T | None]) -> None:
        current = self._reading.get(id)
        if current is None or current[0] is not task:  # another has taken its place
            task.cancelled() or task.exception()  # seen, or asyncio complains
            return
        del self._reading[id]
        if task.cancelled():  # with the event loop it ran in
            return
        failure = task.exception()
        if failure is not None:
            if isinstance(failure, UpstreamFailure):
                now = self._clock()
                kept = self._kept.get(id)
                serves = kept is not None and 0 <= now - kept.read_at < OUTAGE_SECONDS
                pause = max(now - began, PAUSE_SECONDS if serves else 0.0)
                self._failed[id] = now + min(pause, LONGEST_PAUSE), failure
                if len(self._failed) > self._most:
                    self._failed.popitem(last=False)
            return
        self._failed.pop(id, None)
        value = task.result()
        if value is None:
            self._kept.pop(id, None)
            return
        self._kept[id] = Kept(value, began)
        self._kept.move_to_end(id)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _pausing(self, id: str, now: float) -> UpstreamFailure | None:
        """The failure after which nothing is read for a while."""
        until, failure = self._failed.get(id, (-math.inf, None))
        return failure if 0 < until - now <= LONGEST_PAUSE else None
