"""The reasoning stash in the table, so that another process can continue a tool loop. Memory is looked into first.

pk="stash#<tenant>", sk=<tool call id>, body=<packed JSON: [[text, signature, redacted], ...]>, expires_at

`signature` and `redacted` carry the mark of the model family (`core/reasoning_origin.py`); older items may lack it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from app.core.lasting import start
from app.core.packing import packed, unpacked
from app.core.ports import Stash
from app.core.prompt import Reasoning
from app.core.table import Item, Table
from app.errors import GatewayError

log = logging.getLogger(__name__)

WEEK = 7 * 86_400
SECONDS = 1.0
"""A read or a write that takes longer is given up: a turn can do without its thoughts."""
MAX_KEYS = 100
"""Of one read."""
MAX_ID = 512
"""Bytes of a tool call's id; a sort key may have 1024."""
MAX_UNKNOWN = 4096
UNKNOWN_SECONDS = 300.0
"""How long the table is not asked again for what it did not have. Not for good: the write may just be on its way."""


class TableStash:
    """Implements Stash over the one in memory. Never raises: what can't be read is as if it was never there."""

    def __init__(
        self, memory: Stash, table: Table, *, seconds: int = WEEK, clock: Callable[[], float] = time.time
    ) -> None:
        self._memory = memory
        self._table = table
        self._seconds = seconds
        self._clock = clock
        self._unknown: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def put(self, tenant: str, call_id: str, blocks: Sequence[Reasoning]) -> Awaitable[None] | None:
        await self._memory.put(tenant, call_id, blocks)
        self._unknown.pop((tenant, call_id), None)
        if not _is_key(call_id):
            return None
        return start(self._write(tenant, call_id, tuple(blocks)))

    async def get(self, tenant: str, call_id: str) -> Sequence[Reasoning]:
        return (await self.get_many(tenant, (call_id,))).get(call_id, ())

    async def get_many(self, tenant: str, call_ids: Sequence[str]) -> Mapping[str, Sequence[Reasoning]]:
        """One read of the table for what memory does not have, the first 100 of it."""
        found = dict(await self._memory.get_many(tenant, call_ids))
        missing = [
            call_id
            for call_id in dict.fromkeys(call_ids)
            if call_id not in found and _is_key(call_id) and not self._is_unknown(tenant, call_id)
        ][:MAX_KEYS]
        for call_id, blocks in (await self._read(tenant, missing)).items() if missing else ():
            found[call_id] = blocks
            await self._memory.put(tenant, call_id, blocks)
        return found

    async def _read(self, tenant: str, call_ids: Sequence[str]) -> dict[str, Sequence[Reasoning]]:
        try:
            async with asyncio.timeout(SECONDS):
                items = await self._table.get_many([(f"stash#{tenant}", call_id) for call_id in call_ids])
        except (GatewayError, TimeoutError) as problem:
            log.warning("the reasoning stash can't be read: %s", type(problem).__name__)
            return {}
        found: dict[str, Sequence[Reasoning]] = {
            sk: blocks for (_, sk), item in items.items() if (blocks := _blocks(item))
        }
        for call_id in call_ids:
            if call_id not in found:
                self._remember_unknown(tenant, call_id)
        return found

    async def _write(self, tenant: str, call_id: str, blocks: Sequence[Reasoning]) -> None:
        body = packed([[block.text, block.signature, block.redacted] for block in blocks])
        if body is None:
            return  # too large for an item; memory has it
        try:
            async with asyncio.timeout(SECONDS):
                until = int(self._clock()) + self._seconds
                await self._table.put(f"stash#{tenant}", call_id, {"body": body, "expires_at": until})
        except (GatewayError, TimeoutError) as problem:
            log.warning("the reasoning stash can't be written: %s", type(problem).__name__)

    def _is_unknown(self, tenant: str, call_id: str) -> bool:
        return self._unknown.get((tenant, call_id), 0.0) > self._clock()

    def _remember_unknown(self, tenant: str, call_id: str) -> None:
        self._unknown[tenant, call_id] = self._clock() + UNKNOWN_SECONDS
        self._unknown.move_to_end((tenant, call_id))
        while len(self._unknown) > MAX_UNKNOWN:
            self._unknown.popitem(last=False)


def _is_key(call_id: str) -> bool:
    """Whether a client's word can be a sort key: DynamoDB refuses empty and long ones, and all keys of the read with it."""
    return 0 < len(call_id.encode("utf-8", "replace")) <= MAX_ID


def _blocks(item: Item) -> tuple[Reasoning, ...]:
    """Nothing for what we did not write."""
    value = unpacked(item.get("body"))
    if not isinstance(value, list):
        return ()
    for block in value:
        if not isinstance(block, list) or len(block) != 3 or not all(isinstance(text, str) for text in block):
            return ()
    return tuple(Reasoning(*block) for block in value)
