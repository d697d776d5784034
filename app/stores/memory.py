"""State in memory: what a single process remembers when no table is set."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from app.core.prompt import Reasoning


class MemoryStash:
    """Implements Stash. Holds the `limit` most recent tool calls; older ones are forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._blocks: OrderedDict[tuple[str, str], Sequence[Reasoning]] = OrderedDict()

    async def put(self, tenant: str, call_id: str, blocks: Sequence[Reasoning]) -> None:
        self._blocks[tenant, call_id] = blocks
        self._blocks.move_to_end((tenant, call_id))
        while len(self._blocks) > self._limit:
            self._blocks.popitem(last=False)

    async def get(self, tenant: str, call_id: str) -> Sequence[Reasoning]:
        return self._blocks.get((tenant, call_id), ())
