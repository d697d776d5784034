"""Where the response cache keeps its answers in the table.

pk="cache#<tenant>", sk=<SHA-256 of the request, hex>, body=<bytes, see core/codec.py>, expires_at
"""

from __future__ import annotations

import time
from collections.abc import Callable

from app.core.packing import MAX_ITEM
from app.core.table import Table


class TableAnswers:
    """Implements Answers."""

    def __init__(self, table: Table, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock

    async def get(self, tenant: str, key: str) -> bytes | None:
        item = await self._table.get(f"cache#{tenant}", key)
        body = None if item is None else item.get("body")
        return body if isinstance(body, bytes) else None

    async def put(self, tenant: str, key: str, body: bytes, seconds: int) -> None:
        if len(body) <= MAX_ITEM:
            await self._table.put(f"cache#{tenant}", key, {"body": body, "expires_at": int(self._clock()) + seconds})
