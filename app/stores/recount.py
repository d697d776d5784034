"""What a ledger has not counted: spending from before its limit was set, and from just afterwards.

A process serves a key by the limits that it read up to a minute ago, so a limit that is set on a key in use does not see all
requests of that minute, nor those that began before it and are still under way. The rollups do see them: each says what it cost
and which ledgers counted it (`counting.counted_in`), in one write. What is spent in a window less what its ledger counted is
therefore what the ledger lacks, however the writes of the two mix:

    seeded     nano-USD in `used` and `settled` that the ledger took over from the rollups
    due        when to look again (epoch seconds): once all processes know the limit; then
    until      once more, when no request can be under way that began without it

A look writes only if `seeded` is as it was read, so that however many processes look, each amount is taken over once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.core.access import Interval
from app.core.counting import spent_in
from app.core.table import Absent, Condition, Equal, Item, Refused, Table, TableUnavailable, Value
from app.core.windows import Window, window_at
from app.stores.holds import KEPT_AFTER, pk_of, whole
from app.stores.lookups import FRESH_SECONDS

if TYPE_CHECKING:
    from app.core.rollup import UsageSource

log = logging.getLogger(__name__)

KNOWN_AFTER = int(FRESH_SECONDS) + 5
"""Seconds until every process knows a limit and has written what it served before: the rollups are written every 2 s."""
PAUSE = 30.0
"""Seconds before a ledger is looked at again by a process that could not read or write what it needs."""
_MOST_FAILED = 1000


class Recounts:
    """`lasts`: seconds after which a request is not under way any more. Without a `source` nothing is taken over."""

    def __init__(self, table: Table, source: UsageSource | None, lasts: int, clock: Callable[[], float]) -> None:
        self._table = table
        self._source = source
        self._lasts = lasts
        self._clock = clock
        self._running: dict[tuple[str, str], asyncio.Task[Item | None]] = {}
        self._failed: dict[tuple[str, str], float] = {}

    async def begin(self, kind: str, id: str, interval: Interval) -> None:
        """A limit is about to be set. Raises TableUnavailable.

        Near the end of a window the next one is prepared as well: requests without the limit may end in it.
        """
        now = self._clock()
        until = int(now) + KNOWN_AFTER + self._lasts
        for window in {
            window.name: window for window in (window_at(interval, now), window_at(interval, until))
        }.values():
            await self._take_over(kind, id, interval, window, {"due": int(now) + KNOWN_AFTER, "until": until})

    def is_due(self, item: Item) -> bool:
        return "due" in item and whole(item, "due") <= self._clock() and self._source is not None

    async def look(self, kind: str, id: str, interval: Interval, window: Window) -> Item | None:
        """The ledger afterwards; None where it could not be brought up to date. Several callers share one look."""
        place = (pk_of(kind, id), f"{interval}#{window.name}")
        task = self._running.get(place)
        if task is None:
            if self._clock() - self._failed.get(place, 0.0) < PAUSE:
                return None
            task = self._running[place] = asyncio.ensure_future(self._look(kind, id, interval, window, place))
            task.add_done_callback(lambda _: self._running.pop(place, None))
        return await asyncio.shield(task)

    async def _look(
        self, kind: str, id: str, interval: Interval, window: Window, place: tuple[str, str]
    ) -> Item | None:
        try:
            item = await self._take_over(kind, id, interval, window, None)
        except TableUnavailable as problem:
            log.warning("what %s %s spent before its limit can't be counted yet: %s", kind, id, problem.reason)
            if len(self._failed) >= _MOST_FAILED:
                self._failed.clear()
            self._failed[place] = self._clock()
            return None
        self._failed.pop(place, None)
        return item

    async def _take_over(
        self, kind: str, id: str, interval: Interval, window: Window, dates: dict[str, Value] | None
    ) -> Item:
        """Add what the ledger lacks. `dates`: when to look again, where a limit is being set."""
        pk, sk = pk_of(kind, id), f"{interval}#{window.name}"
        while True:
            item = await self._table.get(pk, sk, consistent=True) or {}
            missing, seeded = 0, whole(item, "seeded")
            if self._source is not None:
                spent = await spent_in(self._source, kind, id, interval, window)
                seeded = spent.uncounted
                missing = seeded - whole(item, "seeded")
                if "seeded" not in item and "settled" in item and not spent.complete:
                    missing = max(0, spent.total - whole(item, "settled"))
            later, done = (dates, ()) if dates is not None else self._next(item)
            known: Condition = Equal("seeded", item["seeded"]) if "seeded" in item else Absent("seeded")
            try:
                return await self._table.update(
                    pk,
                    sk,
                    set={"expires_at": window.end + KEPT_AFTER, "seeded": seeded, **later},
                    add={"used": missing, "settled": missing},
                    remove=done,
                    when=(known,),
                )
            except Refused:
                continue  # another process has taken something over in the meantime

    def _next(self, item: Item) -> tuple[dict[str, Value], tuple[str, ...]]:
        """What a look leaves behind: the date of the next one, or nothing more to do."""
        until = whole(item, "until")
        return ({"due": until}, ()) if until > self._clock() else ({}, ("due", "until"))
