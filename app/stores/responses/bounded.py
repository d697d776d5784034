"""A table in memory that forgets: the rows of whatever was longest not touched go first, all at once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from app.core.table import Condition, Item, Key, Value
from app.stores.table.memory import MemoryTable

Group = tuple[str, str]


class BoundedTable(MemoryTable):
    """Implements Table for rows `<id>` and `<id>#...`, which live and go together."""

    def __init__(self, *, entries: int = 1000, size: int = 64_000_000, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self._entries = entries
        self._size = size
        self._held = 0
        self._groups: OrderedDict[Group, dict[str, int]] = OrderedDict()

    @property
    def held(self) -> int:
        """Bytes, as far as values have any."""
        return self._held

    async def get(self, pk: str, sk: str, *, consistent: bool = False) -> Item | None:
        self._touch(pk, sk)
        return await super().get(pk, sk)

    async def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        for key in keys:
            self._touch(*key)
        return await super().get_many(keys)

    async def put(self, pk: str, sk: str, item: Item, *, when: Sequence[Condition] = ()) -> None:
        await super().put(pk, sk, item, when=when)
        self._count(pk, sk)

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
        item = await super().update(pk, sk, set=set, add=add, remove=remove, when=when)
        self._count(pk, sk)
        return item

    async def delete(self, pk: str, sk: str, *, when: Sequence[Condition] = ()) -> None:
        await super().delete(pk, sk, when=when)
        self._count(pk, sk)

    def _touch(self, pk: str, sk: str) -> None:
        group = _group(pk, sk)
        if group in self._groups:
            self._groups.move_to_end(group)

    def _count(self, pk: str, sk: str) -> None:
        group = _group(pk, sk)
        rows = self._groups.setdefault(group, {})
        self._groups.move_to_end(group)
        self._held -= rows.pop(sk, 0)
        item = self._items.get(pk, {}).get(sk)
        if item is not None:
            rows[sk] = sum(len(value) for value in item.values() if isinstance(value, str | bytes))
            self._held += rows[sk]
        if not rows:
            del self._groups[group]
        while self._held > self._size or len(self._groups) > self._entries:
            self._forget(next(iter(self._groups)))

    def _forget(self, group: Group) -> None:
        rows = self._groups.pop(group)
        partition = self._items[group[0]]
        for sk, size in rows.items():
            partition.pop(sk, None)
            self._held -= size
        if not partition:
            del self._items[group[0]]


def _group(pk: str, sk: str) -> Group:
    return pk, sk.partition("#")[0]
