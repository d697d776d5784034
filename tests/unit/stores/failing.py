"""Tables in memory that count their reads, and fail or wait as a test orders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal

from app.core.table import Condition, Item, Refused, TableUnavailable, Value
from app.stores.table.memory import MemoryTable


class Clock:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FailingTable(MemoryTable):
    """`away`: every operation fails. `away_from`: reads of these partitions do. `gate`: the answers of reads wait for it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.away = False
        self.away_from: set[str] = set()
        self.gate: asyncio.Event | None = None
        self.reads: list[tuple[str, str]] = []
        self.writes: list[tuple[str, str]] = []

    async def get(self, pk: str, sk: str, *, consistent: bool = False) -> Item | None:
        self.reads.append((pk, sk))
        item = await super().get(pk, sk, consistent=consistent)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.away or pk in self.away_from:
            raise TableUnavailable("away")
        return item

    async def update(
        self,
        pk: str,
        sk: str,
        *,
        set: Mapping[str, Value] | None = None,
        add: Mapping[str, int] | None = None,
        remove: Sequence[str] = (),
        when: Sequence[Condition] = (),
    ) -> Item:
        self.writes.append((pk, sk))
        if self.away:
            raise TableUnavailable("away", written=None)
        return await super().update(pk, sk, set=set, add=add, remove=remove, when=when)

    def read_of(self, pk: str) -> int:
        return sum(read[0] == pk for read in self.reads)


Fault = Literal["", "refused", "lost", "late"]


class FaultyTable(MemoryTable):
    """Updates that never arrive (`refused`), that are carried out without an answer (`lost`), or only at `arrive` (`late`)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.faults: list[Fault] = []
        self._late: list[Callable[[], Coroutine[Any, Any, Item]]] = []

    async def update(
        self,
        pk: str,
        sk: str,
        *,
        set: Mapping[str, Value] | None = None,
        add: Mapping[str, int] | None = None,
        remove: Sequence[str] = (),
        when: Sequence[Condition] = (),
    ) -> Item:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refused":
            raise TableUnavailable("throttled")
        work = partial(super().update, pk, sk, set=set, add=add, remove=remove, when=when)
        if fault == "late":
            self._late.append(work)
            raise TableUnavailable("no answer in time", written=None)
        try:
            return await work()
        finally:
            if fault == "lost":  # also the answer that a condition did not hold
                raise TableUnavailable("no answer in time", written=None)

    async def arrive(self) -> None:
        """Carry out the late updates. One whose condition does not hold any more writes nothing."""
        while self._late:
            with suppress(Refused):
                await self._late.pop(0)()
