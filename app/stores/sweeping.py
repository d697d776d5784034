"""Reservations that nobody will settle any more become spending, before anybody looks at what was spent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from app.core.directory import Directory
from app.core.records import KeyRecord
from app.stores.ledger import Ledgers

AT_ONCE = 8
PAUSE = 30.0
"""Seconds between two rounds: each reads a ledger per key with a hard budget."""


class Unsettled(Protocol):
    """`stores.recorder.Recorder`."""

    def charge_unsettled(self, project: str, key: str, user: str, nanos: int, at: float) -> None: ...


class Sweeper:
    """Also for keys that are not used any more, whose ledgers no request comes by."""

    def __init__(
        self, directory: Directory, ledgers: Ledgers, rollups: Unsettled, clock: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._ledgers = ledgers
        self._rollups = rollups
        self._clock = clock
        self._last = 0.0

    async def sweep(self) -> None:
        """Raises TableUnavailable."""
        now = self._clock()
        if 0 <= now - self._last < PAUSE:
            return
        self._last = now
        room = asyncio.Semaphore(AT_ONCE)
        hard = [key for key in await self._directory.keys() if key.budget is not None and key.budget.hard]
        await asyncio.gather(*(self._one(key, room) for key in hard))

    async def _one(self, key: KeyRecord, room: asyncio.Semaphore) -> None:
        assert key.budget is not None
        async with room:
            charged = await self._ledgers.sweep_ledger("key", key.id, key.budget)
        if charged:
            self._rollups.charge_unsettled(key.project, key.id, key.user, charged, self._clock())
