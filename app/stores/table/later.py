"""The table, connected when it is first needed: credentials and endpoint may take a file or a call, and most of the code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from app.core.table import Condition, Item, Key, Table, TableUnavailable, Value


class LaterTable:
    """Implements Table. `make` may block, and runs in a thread, once; a failure is tried again by the next who asks."""

    def __init__(self, make: Callable[[], Table]) -> None:
        self._make = make
        self._made: Table | None = None
        self._making: asyncio.Future[Table] | None = None

    async def get(self, pk: str, sk: str, *, consistent: bool = False) -> Item | None:
        return await (self._made or await self._table()).get(pk, sk, consistent=consistent)

    async def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        return await (self._made or await self._table()).get_many(keys)

    async def put(self, pk: str, sk: str, item: Item, *, when: Sequence[Condition] = ()) -> None:
        await (self._made or await self._table()).put(pk, sk, item, when=when)

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
        table = self._made or await self._table()
        return await table.update(pk, sk, set=set, add=add, remove=remove, when=when)

    async def delete(self, pk: str, sk: str, *, when: Sequence[Condition] = ()) -> None:
        await (self._made or await self._table()).delete(pk, sk, when=when)

    async def query(
        self, pk: str, *, prefix: str = "", attributes: Sequence[str] = (), limit: int = 0, descending: bool = False
    ) -> list[Item]:
        table = self._made or await self._table()
        return await table.query(pk, prefix=prefix, attributes=attributes, limit=limit, descending=descending)

    def close(self) -> None:
        """Let go of connections; whoever asks again gets new ones."""
        closing = getattr(self._made, "close", None)
        if closing is not None:
            closing()

    async def _table(self) -> Table:
        """One attempt for all who wait. A waiter that is cancelled leaves it running."""
        making = self._making
        if making is None or making.get_loop() is not asyncio.get_running_loop():
            making = self._making = asyncio.ensure_future(asyncio.to_thread(self._make))
        try:
            self._made = await asyncio.shield(making)
        except TableUnavailable:
            raise
        except Exception as problem:  # noqa: BLE001  botocore's many
            raise TableUnavailable(f"can't connect: {type(problem).__name__}") from None
        finally:
            if making.done():
                self._making = None
        return self._made
