"""Implements UsageSource over the table: what `stores/recorder.py` has added up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from app.core.table import Table
from app.core.windows import DAY, day_of
from app.stores.rollup_items import KEPT_DAYS, PREFIX

if TYPE_CHECKING:
    from app.core.rollup import UsageRow

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Days that are read at the same time."""
ROWS_AT_ONCE = 16
"""That are read, or made use of, before others have their turn: 3 ms a day."""


class Rollups:
    def __init__(self, table: Table, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock

    async def rows(self, first_day: str, last_day: str) -> AsyncIterator[UsageRow]:
        """The rows of these days, both inclusive, by day and sort key. Raises TableUnavailable.

        Days that can hold nothing, because they are too long ago or to come, are not asked for. Items that nobody can
        read are left out, and told in the log.
        """
        today = int(self._clock() // DAY)
        first, last = max(number_of(first_day), today - KEPT_DAYS), min(number_of(last_day), today + 1)
        days = deque(day_of(day * DAY) for day in range(first, last + 1))
        reading: deque[asyncio.Task[list[UsageRow]]] = deque()
        try:
            while days or reading:
                while days and len(reading) < AT_ONCE:
                    reading.append(asyncio.create_task(self._day(days.popleft())))
                for number, row in enumerate(await reading[0]):
                    if number % ROWS_AT_ONCE == 0:
                        await asyncio.sleep(0)  # other people's streams flow meanwhile
                    yield row
                reading.popleft()
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def _day(self, day: str) -> list[UsageRow]:
        from app.stores.rollup_rows import row_of  # for admins only

        items = await self._table.query(PREFIX + day)
        rows: list[UsageRow] = []
        for number, item in enumerate(items):
            if number % ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
            row = row_of(day, item)
            if row is not None:
                rows.append(row)
        if len(rows) < len(items):
            log.warning("usage of %s: %d items can't be read", day, len(items) - len(rows))
        return rows


def number_of(day: str) -> int:
    """Days since the epoch. Raises ValueError for what is no day.

    >>> number_of("1970-02-01")
    31
    """
    from datetime import date

    return (date.fromisoformat(day) - date(1970, 1, 1)).days
