"""What models have refused, shared through the table: the first request of another process need not be refused as well.

pk="quirk", sk=<base model id>, <quirk>=<epoch seconds at which it was learned>, ..., expires_at

An attribute for each quirk, so that two processes that learn at once do not overwrite each other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Set

from app.core.lasting import start
from app.core.plan import QUIRKS
from app.core.ports import Lessons
from app.core.table import Item, Table
from app.errors import GatewayError

log = logging.getLogger(__name__)

EVERY_SECONDS = 600.0
AGAIN_SECONDS = 60.0
LIFE_SECONDS = 3600
"""What is older says nothing any more; memory forgets as fast (`plan/lessons.py`)."""
MAX_ITEMS = 1000
MAX_ID = 1000
"""Bytes of a model's id as a sort key."""
MAX_LIMIT_DIGITS = 7
_NAMES = frozenset(QUIRKS) - {"profile", "max_tokens"}


class TableLessons:
    """Implements Lessons over the one in memory. The table is read and written beside the requests, never before them:
    a write that is lost, as where a function is frozen meanwhile, costs another lesson and nothing more."""

    def __init__(self, memory: Lessons, table: Table, clock: Callable[[], float] = time.time) -> None:
        self._memory = memory
        self._table = table
        self._clock = clock
        self._read_at = float("-inf")

    def known(self, base_id: str) -> Set[str]:
        now = self._clock()
        if not 0 <= now - self._read_at < EVERY_SECONDS:
            self._read_at = now
            start(self._read())
        return self._memory.known(base_id)

    def learn(self, base_id: str, quirk: str, at: float | None = None) -> None:
        self._memory.learn(base_id, quirk, at)
        if is_quirk(quirk) and 0 < len(base_id.encode("utf-8", "replace")) <= MAX_ID:
            start(self._write(base_id, quirk, int(self._clock() if at is None else at)))

    async def _read(self) -> None:
        try:
            items = await self._table.query("quirk", limit=MAX_ITEMS)
        except GatewayError as problem:
            log.warning("what models refuse can't be read from the table: %s", type(problem).__name__)
            self._read_at = self._clock() - EVERY_SECONDS + AGAIN_SECONDS
            return
        now = self._clock()
        for item in items:
            self._take(item, now)

    def _take(self, item: Item, now: float) -> None:
        base_id = item.get("sk")
        for name, at in item.items():
            if isinstance(at, int) and now - LIFE_SECONDS < at <= now + 60 and is_quirk(name):
                self._memory.learn(str(base_id), name, min(float(at), now))

    async def _write(self, base_id: str, quirk: str, at: int) -> None:
        try:
            await self._table.update("quirk", base_id, set={quirk: at, "expires_at": at + LIFE_SECONDS})
        except GatewayError as problem:
            log.warning("what a model refuses can't be written to the table: %s", type(problem).__name__)


def is_quirk(name: str) -> bool:
    """Whether it is one of `core.plan.QUIRKS`, or `max_tokens:4096`."""
    if name in _NAMES:
        return True
    kind, _, limit = name.partition(":")
    return kind == "max_tokens" and limit.isascii() and limit.isdigit() and 0 < len(limit) <= MAX_LIMIT_DIGITS
