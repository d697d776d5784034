"""Conversations in the table.

pk="conversation#<tenant>"
    <id>                        created_at, metadata (JSON), `next` (number of the next batch), `count` and `bytes` of its items
    <id>#<number>               a batch: the items of one request, in order (see `pieces`); `count`
    <id>#<number>#<stamp><n>    what does not fit in there

A conversation lives for so many days after it was last used: whoever reads it prolongs what is older than a day. Batches
live a day longer than the conversation itself, so that it is never there without them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.core.responses import LARGEST_HISTORY, MOST_ITEMS, Conversation, Item, is_id, too_long
from app.core.table import AtMost, Equal, Present, Refused, Table, TableUnavailable, Value
from app.core.table import Item as Row
from app.stores.responses.kept import DAY
from app.stores.responses.pieces import drop_rest, pack, row, unpack, write_rest

AT_ONCE = 20
NEWEST = 3
"""Batches that may have been written a moment ago."""
TRIES, PAUSE = 8, 0.02
"""Of a deletion that others come before, and seconds more between each: what a query sees may be a moment old."""


class KeptConversations:
    """Implements ConversationStore."""

    def __init__(self, table: Table, *, days: int = 30, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._seconds = days * DAY
        self._clock = clock

    async def create(self, tenant: str, conversation: Conversation, items: Sequence[Item]) -> None:
        head: dict[str, Value] = {
            "created_at": conversation.created_at,
            "metadata": json.dumps(dict(conversation.metadata)),
            "next": 0,
            "count": 0,
            "bytes": 0,
            "expires_at": self._expires(),
        }
        await self._table.put(_pk(tenant), conversation.id, head)
        if items:
            await self.append(tenant, conversation.id, items)

    async def conversation(self, tenant: str, id: str) -> Conversation | None:
        head = await self._table.get(_pk(tenant), id, consistent=True) if is_id(id) else None
        return None if head is None else _conversation(id, head)

    async def update_metadata(self, tenant: str, id: str, metadata: Mapping[str, str]) -> Conversation | None:
        values: dict[str, Value] = {"metadata": json.dumps(dict(metadata)), "expires_at": self._expires()}
        with contextlib.suppress(Refused):
            if is_id(id):
                return _conversation(
                    id, await self._table.update(_pk(tenant), id, set=values, when=[Present("created_at")])
                )
        return None

    async def delete_conversation(self, tenant: str, id: str) -> bool:
        pk = _pk(tenant)
        try:
            if not is_id(id):
                return False
            await self._table.delete(pk, id, when=[Present("created_at")])
        except Refused:
            return False
        for found in await self._table.query(pk, prefix=f"{id}#", attributes=("count",)):
            await self._table.delete(pk, str(found["sk"]))
        return True

    async def items(self, tenant: str, id: str) -> Sequence[Item] | None:
        pk = _pk(tenant)
        head = await self._table.get(pk, id, consistent=True) if is_id(id) else None
        if head is None or "created_at" not in head:
            return None
        rows = await self._rows(pk, id, _number(head, "next"))
        await self._prolong(pk, [head, *rows.values()])
        return [item for batch in _batches(id, rows).values() for item in batch]

    async def append(self, tenant: str, id: str, items: Sequence[Item]) -> bool:
        packed = await pack([dict(item) for item in items])
        if packed is None or packed.size > LARGEST_HISTORY or len(items) > MOST_ITEMS:
            raise too_long("conversation")
        pk = _pk(tenant)
        try:
            head = await self._table.update(
                pk,
                id,
                set={"expires_at": self._expires()},
                add={"next": 1, "count": len(items), "bytes": packed.size},
                when=[
                    Present("created_at"),
                    AtMost("count", MOST_ITEMS - len(items)),
                    AtMost("bytes", LARGEST_HISTORY - packed.size),
                ],
            )
        except Refused as refused:
            if refused.item is None or "created_at" not in refused.item:
                return False
            raise too_long("conversation") from None
        batch = _batch(id, _number(head, "next"))
        expires = self._expires() + DAY
        await write_rest(self._table, pk, batch, packed, expires)
        await self._table.put(pk, batch, {**packed.head, "count": len(items), "expires_at": expires})
        return True

    async def remove_item(self, tenant: str, id: str, item: str) -> bool:
        """Raises TableUnavailable where its batch is changed by others all the time."""
        pk = _pk(tenant)
        for attempt in range(TRIES):
            await asyncio.sleep(attempt * PAUSE)
            head = await self._table.get(pk, id, consistent=True) if is_id(id) else None
            rows = await self._rows(pk, id, _number(head, "next")) if head is not None else {}
            batches = _batches(id, rows).items()
            sk = next((sk for sk, batch in batches if any(each.get("id") == item for each in batch)), "")
            if not sk:
                return False
            if await self._cut(pk, id, rows[sk], dict(batches)[sk], item):
                return True
        raise TableUnavailable("a batch of a conversation was changed again and again")

    async def _cut(self, pk: str, id: str, found: Row, batch: list[dict[str, Any]], item: str) -> bool:
        """The batch without the item. False where another has changed it meanwhile: its change is not to be lost."""
        sk, left = str(found["sk"]), [each for each in batch if each.get("id") != item]
        before, packed = await pack(batch), await pack(left)
        assert before is not None  # they were packed before
        assert packed is not None
        expires = self._expires() + DAY
        await write_rest(self._table, pk, sk, packed, expires)
        values: dict[str, Value] = {**packed.head, "count": len(left), "expires_at": expires}
        try:
            await self._table.put(pk, sk, values, when=[Equal("stamp", str(found.get("stamp")))])
        except Refused:
            await drop_rest(self._table, pk, sk, packed.head)
            return False
        await drop_rest(self._table, pk, sk, found)
        less = {"count": len(left) - len(batch), "bytes": packed.size - before.size}
        with contextlib.suppress(Refused):
            await self._table.update(pk, id, add=less, when=[Present("created_at")])
        return True

    async def _rows(self, pk: str, id: str, last: int) -> dict[str, Row]:
        """All rows but the head. Queries are not consistent: the newest batches are asked for, where they are missing."""
        rows = {str(found["sk"]): found for found in await self._table.query(pk, prefix=f"{id}#")}
        for number in range(max(1, last - NEWEST + 1), last + 1):
            sk = _batch(id, number)
            if sk not in rows and (head := await self._table.get(pk, sk, consistent=True)) is not None:
                rows[sk] = head
                for piece in range(1, _number(head, "parts")):
                    rest = row(sk, str(head.get("stamp")), piece)
                    rows[rest] = await self._table.get(pk, rest, consistent=True) or {}
        return dict(sorted(rows.items()))

    async def _prolong(self, pk: str, rows: Sequence[Row]) -> None:
        old = [each for each in rows if _number(each, "expires_at") < self._due(each) - DAY]
        for at in range(0, len(old), AT_ONCE):
            await asyncio.gather(*(self._prolonged(pk, each) for each in old[at : at + AT_ONCE]))

    async def _prolonged(self, pk: str, found: Row) -> None:
        with contextlib.suppress(Refused):
            await self._table.update(pk, str(found["sk"]), set={"expires_at": self._due(found)}, when=[Present("sk")])

    def _due(self, found: Row) -> int:
        """When a row expires that is used now."""
        return self._expires() + (0 if "next" in found else DAY)

    def _expires(self) -> int:
        return int(self._clock()) + self._seconds


def _pk(tenant: str) -> str:
    return f"conversation#{tenant}"


def _batch(id: str, number: int) -> str:
    return f"{id}#{number:08d}"


def _batches(id: str, rows: Mapping[str, Row]) -> dict[str, list[dict[str, Any]]]:
    """The items by the row of their batch, in order. One that can't be read is left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for sk, head in rows.items():
        body, stamp, parts = head.get("body"), head.get("stamp"), head.get("parts")
        if "#" in sk[len(id) + 1 :] or not isinstance(body, bytes) or not isinstance(parts, int):
            continue
        pieces = [body]
        for number in range(1, parts):
            piece = rows.get(row(sk, str(stamp), number), {}).get("body")
            if isinstance(piece, bytes):
                pieces.append(piece)
        value = unpack(b"".join(pieces))
        if value is not None and isinstance(value[0], list):
            found[sk] = [item for item in value[0] if isinstance(item, dict)]
    return found


def _number(found: Row, name: str) -> int:
    value = found.get(name, 0)
    return value if isinstance(value, int) else 0


def _conversation(id: str, head: Row) -> Conversation:
    metadata: Any = {}
    with contextlib.suppress(ValueError):
        metadata = json.loads(str(head.get("metadata", "{}")))
    texts = {str(name): str(value) for name, value in metadata.items()} if isinstance(metadata, dict) else {}
    return Conversation(id, _number(head, "created_at"), texts)
