"""The table in memory: the same semantics as DynamoDB's for what `core.table` can say. For tests, and as the yardstick."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from app.core.table import Absent, AtMost, Condition, Equal, Item, Key, Present, Refused, Value


class MemoryTable:
    """Implements Table. Nothing awaits in here, so that every operation is atomic."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._items: dict[str, dict[str, dict[str, Value]]] = {}

    async def get(self, pk: str, sk: str, *, consistent: bool = False) -> Item | None:
        return self._alive(self._items.get(pk, {}).get(sk))

    async def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        found = {key: self._alive(self._items.get(key[0], {}).get(key[1])) for key in keys}
        return {key: item for key, item in found.items() if item is not None}

    async def put(self, pk: str, sk: str, item: Item, *, when: Sequence[Condition] = ()) -> None:
        self._require(pk, sk, when)
        self._items.setdefault(pk, {})[sk] = {**item, "pk": pk, "sk": sk}

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
        self._require(pk, sk, when)
        item = self._items.setdefault(pk, {}).setdefault(sk, {"pk": pk, "sk": sk})
        item.update(set or {})
        for name, value in (add or {}).items():
            before = item.get(name, 0)
            assert isinstance(before, int)
            item[name] = before + value
        for name in remove:
            item.pop(name, None)
        return dict(item)

    async def delete(self, pk: str, sk: str, *, when: Sequence[Condition] = ()) -> None:
        self._require(pk, sk, when)
        self._items.get(pk, {}).pop(sk, None)

    async def query(
        self, pk: str, *, prefix: str = "", attributes: Sequence[str] = (), limit: int = 0, descending: bool = False
    ) -> list[Item]:
        kept = {"pk", "sk", *attributes}
        found: list[Item] = []
        for sk, item in sorted(self._items.get(pk, {}).items(), reverse=descending):
            alive = self._alive(item) if sk.startswith(prefix) else None
            if alive is not None:
                found.append({name: value for name, value in alive.items() if name in kept} if attributes else alive)
        return found[:limit] if limit else found

    def dump(self) -> list[Item]:
        """Returns every item, expired ones included."""
        return [dict(item) for partition in self._items.values() for item in partition.values()]

    def _alive(self, item: Mapping[str, Value] | None) -> Item | None:
        return None if item is None or is_over(item, self._clock()) else dict(item)

    def _require(self, pk: str, sk: str, when: Sequence[Condition]) -> None:
        item = self._items.get(pk, {}).get(sk)
        if not all(_holds(condition, item or {}) for condition in when):
            raise Refused(None if item is None else dict(item))


def is_over(item: Item, now: float) -> bool:
    """Whether an item's time has passed: DynamoDB deletes it within days, and until then it is not to be seen."""
    expires = item.get("expires_at")
    return isinstance(expires, int) and expires <= now


def _holds(condition: Condition, item: Item) -> bool:
    match condition:
        case Absent(name):
            return name not in item
        case Present(name):
            return name in item
        case Equal(name, value):
            return item.get(name) == value and type(item.get(name)) is type(value)
        case AtMost(name, value):
            held = item.get(name)
            return held is None or (isinstance(held, int) and held <= value)
