"""State in memory: what a single process remembers when no table is set."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from sys import getsizeof

from app.core.prompt import Reasoning

ENTRY_BYTES = 400
"""What an entry takes beside its texts: its key, its blocks, its place in the order."""


class MemoryStash:
    """Implements Stash. Holds the `limit` most recent tool calls in at most `size` bytes; older ones are forgotten first."""

    def __init__(self, limit: int, size: int = 32_000_000) -> None:
        self._limit = limit
        self._size = size
        self._held = 0
        self._blocks: OrderedDict[tuple[str, str], Sequence[Reasoning]] = OrderedDict()

    async def put(self, tenant: str, call_id: str, blocks: Sequence[Reasoning]) -> None:
        previous = self._blocks.pop((tenant, call_id), None)
        if previous is not None:
            self._held -= _bytes_of(call_id, previous)
        self._blocks[tenant, call_id] = blocks
        self._held += _bytes_of(call_id, blocks)
        while len(self._blocks) > self._limit or self._held > self._size:
            (_, oldest), gone = self._blocks.popitem(last=False)
            self._held -= _bytes_of(oldest, gone)

    async def get(self, tenant: str, call_id: str) -> Sequence[Reasoning]:
        return self._blocks.get((tenant, call_id), ())

    async def get_many(self, tenant: str, call_ids: Sequence[str]) -> Mapping[str, Sequence[Reasoning]]:
        return {call_id: blocks for call_id in call_ids if (blocks := self._blocks.get((tenant, call_id)))}


class MemoryAnswers:
    """Implements Answers for one process; what was longest not asked for goes first."""

    def __init__(self, *, entries: int = 64, size: int = 16_000_000, clock: Callable[[], float] = time.time) -> None:
        self._entries = entries
        self._size = size
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, float]] = OrderedDict()
        self._held = 0

    async def get(self, tenant: str, key: str) -> bytes | None:
        body, until = self._kept.get((tenant, key), (None, 0.0))
        if body is None:
            return None
        if until <= self._clock():
            self._drop((tenant, key))
            return None
        self._kept.move_to_end((tenant, key))
        return body

    async def put(self, tenant: str, key: str, body: bytes, seconds: int) -> None:
        self._drop((tenant, key))
        if len(body) > self._size:
            return
        self._kept[tenant, key] = (body, self._clock() + seconds)
        self._held += len(body)
        while self._held > self._size or len(self._kept) > self._entries:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: tuple[str, str]) -> None:
        body, _ = self._kept.pop(place, (b"", 0.0))
        self._held -= len(body)


def _bytes_of(call_id: str, blocks: Sequence[Reasoning]) -> int:
    """Memory of an entry. Blocks that several calls of one answer share count for each of them."""
    texts = (text for block in blocks for text in (block.text, block.signature, block.redacted))
    return ENTRY_BYTES + getsizeof(call_id) + sum(getsizeof(text) for text in texts)
