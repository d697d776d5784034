"""The state's port: one table of items under (pk, sk), with conditional writes. The layout is in docs/table.md.

Attributes are texts, whole numbers or bytes. An item whose `expires_at` (epoch seconds) has passed is not there any more,
whether the store has deleted it or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import UpstreamFailure

Value = str | int | bytes
Item = Mapping[str, Value]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Absent:
    """The attribute is not there; of `sk`: no such item exists."""

    name: str


@dataclass(frozen=True, slots=True)
class Present:
    name: str


@dataclass(frozen=True, slots=True)
class Equal:
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class AtMost:
    """The attribute is not there, or not above `value`."""

    name: str
    value: int


Condition = Absent | Present | Equal | AtMost


class Refused(Exception):
    """A condition did not hold, so nothing was written. `item`: what is there, None for nothing."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("a condition did not hold")
        self.item = item


class TableUnavailable(UpstreamFailure):
    """The table can't be reached, is throttled, or does not exist.

    `written`: False where certainly nothing was, None where nobody knows. `again`: whether trying again may help.
    `reason` is safe to log.
    """

    status = 503
    code = "table_unavailable"

    def __init__(self, reason: str, *, written: bool | None = False, again: bool = True) -> None:
        super().__init__(
            "The gateway's table can't be used just now. Try again shortly; the cause is in the gateway's log.",
            retry_after=2.0,
        )
        self.reason = reason
        self.written = written
        self.again = again


class Table(Protocol):
    """All raise TableUnavailable. Conditions are joined by AND; a write whose condition fails raises Refused."""

    async def get(self, pk: str, sk: str, *, consistent: bool = False) -> Item | None: ...

    async def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """Those that exist, in no order; at most 100 keys."""
        ...

    async def put(self, pk: str, sk: str, item: Item, *, when: Sequence[Condition] = ()) -> None:
        """Replaces the whole item; `item` without its pk and sk."""
        ...

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
        """Changes attributes, and makes the item where there is none. The item as it is afterwards."""
        ...

    async def delete(self, pk: str, sk: str, *, when: Sequence[Condition] = ()) -> None: ...

    async def query(
        self, pk: str, *, prefix: str = "", attributes: Sequence[str] = (), limit: int = 0, descending: bool = False
    ) -> list[Item]:
        """The items of a partition by sk, all of them or the first `limit`; `attributes`: only these (pk, sk beside)."""
        ...
