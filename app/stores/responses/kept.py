"""Responses in the table, those that are made in the background among them.

pk="response#<tenant>"
    <id>                  the response and its input (see `pieces`), expires_at; `over` or `cancelled` of a background one
    <id>#<stamp><number>  what does not fit in there
    <id>#live             of a background one: `alive_until`, `over`, `cancelled`, `token` (SHA-256). Small, because its worker
                          writes it every second
    <id>#job              what another process needs to make it, and the same with #<stamp><number> behind it
    <id>#e<number>        a piece of its stream: `body`, zlib
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.core.responses import Job, Progress, StoredResponse, is_id
from app.core.table import Absent, Condition, Equal, Item, Present, Refused, Table, Value
from app.stores.responses.pieces import Packed, drop_rest, pack, whole, write_rest

DAY = 86_400
HEADS = 40
"""Rows of one read."""
EVENTS = 20
MAX_EVENTS = 4_000_000
"""Bytes of a piece of a stream; ours have far fewer."""


class KeptResponses:
    """Implements ResponseStore and JobStore."""

    def __init__(self, table: Table, *, days: int = 30, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._seconds = days * DAY
        self._clock = clock

    async def put(self, tenant: str, stored: StoredResponse) -> bool:
        return await self._put(tenant, stored)

    async def get(self, tenant: str, id: str) -> StoredResponse | None:
        if not is_id(id):
            return None
        pk = _pk(tenant)
        for _ in range(2):  # once more, where it was written anew between the rows
            head = await self._table.get(pk, id, consistent=True)
            if head is None:
                return None
            found = await whole(self._table, pk, id, head)
            if found is not None:
                return _stored(id, found)
        return None

    async def get_many(self, tenant: str, ids: Sequence[str]) -> Mapping[str, StoredResponse]:
        pk = _pk(tenant)
        found: dict[str, StoredResponse] = {}
        asked = [id for id in dict.fromkeys(ids) if is_id(id)]
        for at in range(0, len(asked), HEADS):
            heads = await self._table.get_many([(pk, id) for id in asked[at : at + HEADS]])
            for (_, id), head in heads.items():
                one = await whole(self._table, pk, id, head)
                stored = _stored(id, one) if one else None
                if stored is not None:
                    found[id] = stored
        for id in asked:
            if id not in found and (late := await self.get(tenant, id)) is not None:
                found[id] = late
        return found

    async def delete(self, tenant: str, id: str) -> bool:
        if not is_id(id):
            return False
        pk = _pk(tenant)
        try:
            await self._table.delete(pk, id, when=[Present("sk")])
        except Refused:
            return False
        rows = await self._table.query(pk, prefix=f"{id}#", attributes=("stamp",))
        for row in rows:
            await self._table.delete(pk, str(row["sk"]))
        return True

    async def begin(
        self, tenant: str, stored: StoredResponse, until: int, job: Job | None = None, token: str = ""
    ) -> bool:
        live: dict[str, Value] = {"alive_until": until, "expires_at": self._expires()}
        if job is not None:
            packed = await pack({"caller": job.caller, "body": job.body})
            if packed is None:
                return False
            await self._write(_pk(tenant), f"{stored.id}#job", packed)
            live["token"] = _sealed(token)
        await self._table.put(_pk(tenant), _live(stored.id), live)
        return await self._put(tenant, stored)

    async def claim(self, tenant: str, id: str, token: str) -> tuple[StoredResponse, Job] | None:
        if not is_id(id):
            return None
        pk = _pk(tenant)
        live = await self._table.get(pk, _live(id), consistent=True)
        held = live.get("token") if live else None
        sealed = _sealed(token)
        if not isinstance(held, str) or not hmac.compare_digest(held.encode(), sealed.encode()):
            return None
        try:
            opens: list[Condition] = [Equal("token", sealed), Absent("cancelled")]
            await self._table.update(pk, _live(id), remove=("token",), when=opens)
        except Refused:
            return None
        stored = await self.get(tenant, id)
        row = await self._table.get(pk, f"{id}#job", consistent=True)
        found = await whole(self._table, pk, f"{id}#job", row) if row else None
        if stored is None or found is None or not isinstance(found[0], dict):
            return None
        caller, body = found[0].get("caller"), found[0].get("body")
        if not isinstance(caller, str) or not isinstance(body, dict):
            return None
        return stored, Job(caller, body)

    async def beat(self, tenant: str, id: str, until: int) -> bool:
        return await self._change(tenant, _live(id), {"alive_until": until}, [Absent("cancelled")])

    async def update(self, tenant: str, stored: StoredResponse) -> bool:
        over: dict[str, Value] = {} if stored.live else {"over": 1}
        if not await self._replace(tenant, stored, over, [Absent("cancelled")]):
            return False
        if over:
            await self._change(tenant, _live(stored.id), over, [])
        return True

    async def cancel(self, tenant: str, stored: StoredResponse) -> bool:
        if not await self._replace(tenant, stored, {"cancelled": 1}, [Absent("over")]):
            return False
        await self._change(tenant, _live(stored.id), {"cancelled": 1, "over": 1}, [])
        return True

    async def progress(self, tenant: str, id: str) -> Progress | None:
        live = await self._table.get(_pk(tenant), _live(id), consistent=True) if is_id(id) else None
        if live is None:
            return None
        until = live.get("alive_until")
        return Progress(until if isinstance(until, int) else 0, "over" in live)

    async def write_events(self, tenant: str, id: str, number: int, frames: bytes) -> None:
        body = zlib.compress(frames, 1)
        await self._table.put(_pk(tenant), _event(id, number), {"body": body, "expires_at": self._expires()})

    async def events(self, tenant: str, id: str, number: int) -> Sequence[bytes]:
        if not is_id(id):
            return ()
        pk = _pk(tenant)
        rows = [_event(id, each) for each in range(number, number + EVENTS)]
        items = await self._table.get_many([(pk, row) for row in rows])
        found: list[bytes] = []
        for row in rows:
            # Reads of many are not consistent, and whoever asks may have been told that there is no more to come.
            frames = _frames(items.get((pk, row)) or await self._table.get(pk, row, consistent=True))
            if frames is None:
                break
            found.append(frames)
        return found

    async def _put(self, tenant: str, stored: StoredResponse) -> bool:
        packed = await pack(_record(stored))
        if packed is None:
            return False
        await self._write(_pk(tenant), stored.id, packed)
        return True

    async def _write(self, pk: str, id: str, packed: Packed) -> None:
        expires = self._expires()
        await write_rest(self._table, pk, id, packed, expires)
        await self._table.put(pk, id, {**packed.head, "expires_at": expires})

    async def _replace(
        self, tenant: str, stored: StoredResponse, more: Mapping[str, Value], when: Sequence[Condition]
    ) -> bool:
        packed = await pack(_record(stored))
        pk = _pk(tenant)
        before = await self._table.get(pk, stored.id, consistent=True)
        if packed is None or before is None:
            return False
        await write_rest(self._table, pk, stored.id, packed, self._expires())
        changed = await self._change(tenant, stored.id, {**more, **packed.head}, when)
        obsolete: Mapping[str, Value] = before if changed else packed.head
        await drop_rest(self._table, pk, stored.id, obsolete)
        return changed

    async def _change(self, tenant: str, id: str, values: Mapping[str, Value], when: Sequence[Condition]) -> bool:
        with contextlib.suppress(Refused):
            await self._table.update(_pk(tenant), id, set=values, when=[Present("sk"), *when])
            return True
        return False

    def _expires(self) -> int:
        return int(self._clock()) + self._seconds


def _pk(tenant: str) -> str:
    return f"response#{tenant}"


def _live(id: str) -> str:
    return f"{id}#live"


def _event(id: str, number: int) -> str:
    return f"{id}#e{number:06d}"


def _sealed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _frames(item: Item | None) -> bytes | None:
    body = item.get("body") if item else None
    if not isinstance(body, bytes):
        return None
    inflating = zlib.decompressobj()
    try:
        frames = inflating.decompress(body, MAX_EVENTS)
        return frames if inflating.eof else None
    except zlib.error:
        return None


def _record(stored: StoredResponse) -> dict[str, Any]:
    return {"response": stored.response, "input": list(stored.input), "ancestors": list(stored.ancestors)}


def _stored(id: str, found: tuple[Any, int]) -> StoredResponse | None:
    """None for what we did not write."""
    value, size = found
    if not isinstance(value, dict):
        return None
    response, given, ancestors = value.get("response"), value.get("input"), value.get("ancestors")
    if not isinstance(response, dict) or not isinstance(given, list) or not isinstance(ancestors, list):
        return None
    if not all(isinstance(item, dict) for item in given) or not all(isinstance(each, str) for each in ancestors):
        return None
    return StoredResponse(id, response, given, tuple(ancestors), size)
