"""Reservations that nobody will settle any more become spending, before anybody looks at what was spent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.core.access import Budget
from app.core.directory import Directory
from app.core.records import KeyRecord
from app.stores.callers import ORGANIZATION_SCOPE
from app.stores.ledger import Ledgers

AT_ONCE = 8
PAUSE = 30.0
"""Seconds between two rounds: each reads a ledger per hard budget."""


class Unsettled(Protocol):
    """`stores.recorder.Recorder`."""

    def charge_unsettled(
        self, project: str, key: str, user: str, nanos: int, at: float, *, counted: Sequence[str]
    ) -> None: ...


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
        keys = {key.id: key for key in await self._directory.keys()}
        organization = await self._directory.organization()
        budgets = [("key", key.id, key.budget) for key in keys.values()]
        budgets += [("project", project.id, project.budget) for project in await self._directory.projects()]
        budgets.append(("organization", ORGANIZATION_SCOPE, organization.budget))
        room = asyncio.Semaphore(AT_ONCE)
        hard = [(kind, id, budget) for kind, id, budget in budgets if budget is not None and budget.hard]
        await asyncio.gather(*(self._one(kind, id, budget, keys, room) for kind, id, budget in hard))

    async def _one(
        self, kind: str, id: str, budget: Budget, keys: Mapping[str, KeyRecord], room: asyncio.Semaphore
    ) -> None:
        async with room:
            charged = await self._ledgers.sweep_ledger(kind, id, budget)
        for (payer, counted), nanos in charged.items():
            key = keys.get(payer) or KeyRecord(payer, "")
            self._rollups.charge_unsettled(key.project, key.id, key.user, nanos, self._clock(), counted=counted)
