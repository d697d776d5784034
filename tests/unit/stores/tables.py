"""Tables that fail, wait, or are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.table import Item, Key, TableUnavailable
from app.stores.table.memory import MemoryTable


class CountedTable(MemoryTable):
    """Notes which operations were asked of it. `failing`: all raise TableUnavailable; `silent`: none comes back."""

    failing = False
    silent = False

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.calls: list[str] = []
        self.keys: list[Sequence[Key]] = []

    async def _asked(self, name: str) -> None:
        self.calls.append(name)
        if self.silent:
            await asyncio.Event().wait()
        if self.failing:
            raise TableUnavailable("secret")

    async def get(self, *given: Any, **named: Any) -> Item | None:
        await self._asked("get")
        return await super().get(*given, **named)

    async def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        self.keys.append(keys)
        await self._asked("get_many")
        return await super().get_many(keys)

    async def put(self, *given: Any, **named: Any) -> None:
        await self._asked("put")
        await super().put(*given, **named)

    async def update(self, *given: Any, **named: Any) -> Item:
        await self._asked("update")
        return await super().update(*given, **named)

    async def query(self, *given: Any, **named: Any) -> list[Item]:
        await self._asked("query")
        return await super().query(*given, **named)
