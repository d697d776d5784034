"""A table in memory that counts its reads, and fails or waits when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from app.core.table import Condition, Item, TableUnavailable, Value
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
