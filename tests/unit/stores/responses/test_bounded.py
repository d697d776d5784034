"""What a process keeps without a table: so much, and no more."""

from __future__ import annotations

import os

from app.core.responses import Conversation, StoredResponse
from app.stores.responses.bounded import BoundedTable
from app.stores.responses.store import TableStore, memory_store


def stored(id: str, size: int = 10) -> StoredResponse:
    return StoredResponse(id, {"id": id, "noise": os.urandom(size // 2).hex()})


async def test_the_one_longest_not_used_goes_first() -> None:
    store = memory_store(entries=3)
    for id in ("a", "b", "c"):
        await store.put("k1", stored(id))
    assert await store.get("k1", "a") is not None
    await store.put("k2", stored("d"))
    assert await store.get("k1", "b") is None
    assert set(await store.get_many("k1", ["a", "b", "c"])) == {"a", "c"}
    assert await store.get("k2", "d") is not None


async def test_bytes_are_bounded_and_counted_to_the_last() -> None:
    table = BoundedTable(size=1_000_000)
    store = TableStore(table)
    for number in range(20):
        await store.put("k1", stored(f"r{number}", 300_000))
        assert table.held <= 1_000_000
    kept = [f"r{number}" for number in range(20) if await store.get("k1", f"r{number}")]
    assert kept
    assert kept[-1] == "r19"
    for id in kept:
        await store.delete("k1", id)
    assert table.held == 0


async def test_one_that_is_larger_than_all_is_not_there() -> None:
    store = memory_store(size=100_000)
    await store.put("k1", stored("small"))
    await store.put("k1", stored("large", 3_000_000))
    assert await store.get("k1", "large") is None


async def test_a_conversation_lives_and_goes_with_its_items() -> None:
    store = memory_store(entries=2)
    await store.create("k1", Conversation("conv_1", 1), [{"id": "a", "type": "message"}])
    await store.put("k1", stored("r1"))
    await store.append("k1", "conv_1", [{"id": "b", "type": "message"}])
    await store.put("k1", stored("r2"))
    assert await store.get("k1", "r1") is None
    assert [item["id"] for item in await store.items("k1", "conv_1") or ()] == ["a", "b"]
    await store.put("k1", stored("r3"))
    await store.put("k1", stored("r4"))
    assert await store.items("k1", "conv_1") is None
