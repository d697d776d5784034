"""Adds every request up in the table: one UpdateItem per day and set of dimensions, for all requests of a moment.

What can't be written is tried again as long as it is certain that it was not written; an ADD whose fate is unknown is never
repeated, since it would count twice. What is given up goes to the log as a line `usage_unstored`, so that nothing is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from app.core.books import UsageRecord
from app.core.counting import OTHER, UNKNOWN, UNSETTLED
from app.core.table import Table, TableUnavailable
from app.core.windows import DAY, HOUR
from app.stores.rollup_items import adds_of, expiry_of, kind_of, pk_of, sk_of, tag_of, unsettled_adds
from app.stores.unstored import log_unsettled, log_unstored

MOST_ITEMS = 1000
"""That wait to be written. What comes when as many wait is told in the log."""
MOST_DIFFERENT = 500
"""Tags, and models, that one process tells apart on one day: a client that makes them up must not fill the table."""
AT_ONCE = 8
"""Items that are written at the same time."""
PAUSES = (0.1, 0.5, 2.0, 8.0)
"""Seconds before each further try."""


class Waiting:
    """What is to be added to one item. `first`: the number of the oldest record in it; `tries`: that failed."""

    __slots__ = ("add", "first", "request_ids", "tries")

    def __init__(self, first: int) -> None:
        self.first = first
        self.add: dict[str, int] = {}
        self.request_ids: list[str] = []
        self.tries = 0

    def merge(self, add: dict[str, int], request_ids: Sequence[str]) -> None:
        mine = self.add
        for name, value in add.items():
            mine[name] = mine.get(name, 0) + value
        self.request_ids += request_ids


class Few:
    """Lets through so many different values a day; the rest become `(other)`."""

    def __init__(self, most: int = MOST_DIFFERENT) -> None:
        self._most = most
        self._day = 0
        self._seen: set[str] = set()

    def kept(self, value: str, day: int) -> str:
        if day > self._day:
            self._day = day
            self._seen.clear()
        if value not in self._seen:
            if len(self._seen) >= self._most:
                return OTHER
            self._seen.add(value)
        return value


Place = tuple[int, str]
"""Day (since the epoch) and sort key of an item."""


class Recorder:
    """Lives on one event loop. `interval`: seconds between two rounds of writing; a first record is written at once."""

    def __init__(
        self,
        table: Table,
        *,
        metered_tags: Sequence[str] = (),
        interval: float = 2.0,
        clock: Callable[[], float] = time.time,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._table = table
        self._tags = tuple(metered_tags)
        self._interval = interval
        self._clock = clock
        self._pauses = tuple(pauses)
        self._few_tags, self._few_models = Few(), Few()
        self._pending: dict[Place, Waiting] = {}
        self._writing: dict[Place, Waiting] = {}
        self._number = 0
        self._lost = 0
        self._pause = 0.0
        self._next_round = 0.0
        self._hurry = asyncio.Event()
        self._round = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def record(self, record: UsageRecord, counted: Sequence[str] = ()) -> None:
        """Never waits, never raises. `counted`: the ledgers that count it, as `counting.counted_in` has them."""
        at = record.ended or self._clock()
        day, hour = int(at // DAY), int(at % DAY // HOUR)
        call = record.call
        caller, receipt = call.caller, call.receipt
        model = receipt.target.shown if receipt.target else receipt.model
        if record.error_code == "model_not_found":
            model = ""  # whatever the client made up
        tag = tag_of(self._tags, caller.tags, call.metadata) if self._tags else ""
        sk = sk_of(
            kind_of(call.endpoint),
            caller.project,
            caller.key_id,
            caller.user,
            self._few_models.kept(model, day) if model else UNKNOWN,
            receipt.route,
            record.tier or "default",
            call.traffic,
            self._few_tags.kept(tag, day) if tag else "",
        )
        self._add((day, sk), adds_of(record, hour, counted), [call.request_id])

    def charge_unsettled(
        self,
        project: str,
        key: str,
        user: str,
        nanos: int,
        at: float,
        request_id: str = "",
        counted: Sequence[str] = (),
    ) -> None:
        """A reservation that was never settled was charged in the ledgers `counted`: money under the model `(unsettled)`."""
        sk = sk_of("completions", project, key, user, UNSETTLED, "", "default", "realtime", "")
        place = (int(at // DAY), sk)
        log_unsettled(at, sk, nanos, request_id)
        self._add(place, unsettled_adds(nanos, int(at % DAY // HOUR), counted), [request_id] if request_id else [])

    async def flush(self, limit_seconds: float) -> bool:
        """Waits until all that was recorded so far is written; False where it is not by then, or was given up."""
        wanted, lost = self._number, self._lost
        try:
            async with asyncio.timeout(limit_seconds):
                while self._oldest() <= wanted:
                    self._hurry.set()
                    self._wake()
                    await self._round.wait()
        except TimeoutError:
            return False
        return self._lost == lost

    async def close(self, limit_seconds: float) -> None:
        """Writes what it can within the limit and tells the rest in the log."""
        await self.flush(limit_seconds)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        pending, self._pending = self._pending, {}
        for place, waiting in pending.items():
            self._give_up(place, waiting, "the process ended")

    def _add(self, place: Place, add: dict[str, int], request_ids: list[str]) -> None:
        self._number += 1
        waiting = self._pending.get(place)
        if waiting is None:
            waiting = Waiting(self._number)
            if len(self._pending) + len(self._writing) >= MOST_ITEMS:
                waiting.merge(add, request_ids)
                self._give_up(place, waiting, "too many items wait")
                return
            self._pending[place] = waiting
        waiting.merge(add, request_ids)
        self._wake()

    def _oldest(self) -> float:
        waiting = (*self._pending.values(), *self._writing.values())
        return min((each.first for each in waiting), default=float("inf"))

    def _wake(self) -> None:
        if self._pending and (self._task is None or self._task.done()):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # written by the first `flush`
            self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._pending:
            if self._pause:
                await asyncio.sleep(self._pause)
            else:
                await self._due(self._next_round - clock())
            self._hurry.clear()
            await self._write_all()
            self._next_round = clock() + self._interval
            finished, self._round = self._round, asyncio.Event()
            finished.set()
        self._hurry.clear()

    async def _due(self, seconds: float) -> None:
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._hurry.wait()
            except TimeoutError:
                pass

    async def _write_all(self) -> None:
        """A round: each item once. Where nothing of the first ones can be written, the others are not tried."""
        self._writing, self._pending = self._pending, {}
        places = list(self._writing)
        reached = True
        failed: list[Place] = []
        try:
            for start in range(0, len(places), AT_ONCE):
                some = places[start : start + AT_ONCE]
                done = (
                    await asyncio.gather(*(self._written(place) for place in some)) if reached else [False] * len(some)
                )
                reached = any(done)
                failed += [place for place, ok in zip(some, done, strict=True) if not ok]
            self._later(failed)
        finally:
            for place, waiting in self._writing.items():  # cancelled: nobody has tried these
                self._put_back(place, waiting)
            self._writing = {}

    async def _written(self, place: Place) -> bool:
        """Writes one item; False where it is worth another try. Otherwise it is done with, in one way or the other."""
        waiting = self._writing[place]
        reason, certain = "", False
        day, sk = place
        try:
            await self._table.update(pk_of(day), sk, set={"expires_at": expiry_of(day)}, add=waiting.add)
        except TableUnavailable as problem:
            if problem.written is False and problem.again:
                return False
            reason, certain = problem.reason, problem.written is False
        except asyncio.CancelledError:
            del self._writing[place]
            self._give_up(place, waiting, "the process ended while it was written", certain=False)
            raise
        except Exception as problem:  # noqa: BLE001  the next items are to be written all the same
            reason = type(problem).__name__
        del self._writing[place]
        if reason:
            self._give_up(place, waiting, reason, certain=certain)
        return True

    def _later(self, failed: list[Place]) -> None:
        tries = 0
        for place in failed:
            waiting = self._writing.pop(place)
            waiting.tries += 1
            if waiting.tries > len(self._pauses):
                self._give_up(place, waiting, "the table can't be reached")
            else:
                tries = max(tries, waiting.tries)
                self._put_back(place, waiting)
        self._pause = self._pauses[tries - 1] if tries else 0.0

    def _put_back(self, place: Place, waiting: Waiting) -> None:
        """Under what has come for the same item since. The tries go on counting, so that this ends."""
        newer = self._pending.pop(place, None)
        if newer is not None:
            waiting.merge(newer.add, newer.request_ids)
        self._pending[place] = waiting

    def _give_up(self, place: Place, waiting: Waiting, reason: str, *, certain: bool = True) -> None:
        """`certain`: whether it is known that nothing was written."""
        self._lost += 1
        log_unstored(pk_of(place[0]), place[1], waiting.add, waiting.request_ids, reason, certain=certain)
