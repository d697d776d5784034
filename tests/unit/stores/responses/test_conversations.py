"""Conversations over a table, in memory and bounded: the same behaviour of both."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from app.core.responses import MOST_ITEMS, Conversation
from app.core.table import Refused, TableUnavailable
from app.errors import InvalidRequest
from app.stores.responses.bounded import BoundedTable
from app.stores.responses.conversations import KeptConversations
from app.stores.table.memory import MemoryTable
from tests.unit.stores.failing import Clock

DAY = 86_400
CONV = Conversation("conv_1", 17, {"a": "b"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["table", "bounded"])
def table(request: pytest.FixtureRequest, clock: Clock) -> MemoryTable:
    return MemoryTable(clock) if request.param == "table" else BoundedTable(clock=clock)


@pytest.fixture
def store(table: MemoryTable, clock: Clock) -> KeptConversations:
    return KeptConversations(table, days=30, clock=clock)


def items(*ids: str, **more: Any) -> list[dict[str, Any]]:
    return [{"type": "message", "id": id, "role": "user", "content": []} | more for id in ids]


async def ids(store: KeptConversations, tenant: str = "k1", id: str = "conv_1") -> list[str] | None:
    found = await store.items(tenant, id)
    return None if found is None else [str(item["id"]) for item in found]


async def test_items_keep_their_order(store: KeptConversations) -> None:
    await store.create("k1", CONV, items("a", "b"))
    assert await store.append("k1", "conv_1", items("c"))
    assert await store.append("k1", "conv_1", items("d", "e"))
    assert await ids(store) == ["a", "b", "c", "d", "e"]
    assert await store.conversation("k1", "conv_1") == CONV


async def test_it_is_nobody_elses(store: KeptConversations) -> None:
    await store.create("k1", CONV, items("a"))
    assert await store.conversation("k2", "conv_1") is None
    assert await store.items("k2", "conv_1") is None
    assert not await store.append("k2", "conv_1", items("b"))
    assert await store.update_metadata("k2", "conv_1", {}) is None
    assert not await store.remove_item("k2", "conv_1", "a")
    assert not await store.delete_conversation("k2", "conv_1")
    assert await ids(store) == ["a"]


@pytest.mark.parametrize("id", ["", "conv_1#00000001", "x" * 600, "conv_2"])
async def test_what_is_no_id_names_nothing(store: KeptConversations, id: str) -> None:
    await store.create("k1", CONV, items("a"))
    assert await store.conversation("k1", id) is None
    assert await store.items("k1", id) is None
    assert not await store.append("k1", id, items("b"))
    assert await store.update_metadata("k1", id, {}) is None
    assert not await store.remove_item("k1", id, "a")
    assert not await store.delete_conversation("k1", id)


async def test_metadata_is_replaced(store: KeptConversations) -> None:
    await store.create("k1", CONV, ())
    assert await store.update_metadata("k1", "conv_1", {"c": "d"}) == Conversation("conv_1", 17, {"c": "d"})
    assert await ids(store) == []


async def test_deleting_leaves_no_row(store: KeptConversations, table: MemoryTable) -> None:
    await store.create("k1", CONV, items("a", noise=os.urandom(500_000).hex()))
    await store.append("k1", "conv_1", items("b"))
    assert await store.delete_conversation("k1", "conv_1")
    assert await table.query("conversation#k1") == []
    assert not await store.append("k1", "conv_1", items("c"))


async def test_large_items_are_split_and_whole_again(store: KeptConversations, table: MemoryTable) -> None:
    given = items("a", noise=os.urandom(700_000).hex())
    await store.create("k1", CONV, given)
    assert len(await table.query("conversation#k1")) > 3
    assert await store.items("k1", "conv_1") == given


async def test_an_item_goes_and_the_others_stay(store: KeptConversations, table: MemoryTable) -> None:
    await store.create("k1", CONV, [*items("a", noise=os.urandom(500_000).hex()), *items("b")])
    await store.append("k1", "conv_1", items("c"))
    assert await store.remove_item("k1", "conv_1", "a")
    assert await ids(store) == ["b", "c"]
    assert await store.remove_item("k1", "conv_1", "c")
    assert not await store.remove_item("k1", "conv_1", "c")
    assert await store.append("k1", "conv_1", items("d"))
    assert await ids(store) == ["b", "d"]
    assert len(await table.query("conversation#k1")) == 4  # its head and three batches, one of them empty


async def test_it_can_be_full(store: KeptConversations) -> None:
    await store.create("k1", CONV, ())
    half = items(*map(str, range(MOST_ITEMS // 2)))
    assert await store.append("k1", "conv_1", half)
    assert await store.append("k1", "conv_1", half)
    with pytest.raises(InvalidRequest) as caught:
        await store.append("k1", "conv_1", items("more"))
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "conversation")
    found = await store.items("k1", "conv_1")
    assert found is not None
    assert len(found) == MOST_ITEMS
    with pytest.raises(InvalidRequest):
        await store.append("k1", "conv_1", items(*map(str, range(MOST_ITEMS + 1))))


async def test_use_prolongs_its_life(store: KeptConversations, clock: Clock) -> None:
    await store.create("k1", CONV, items("a"))
    for _ in range(5):
        clock.now += 25 * DAY
        assert await ids(store) == ["a"]
    clock.now += 31 * DAY
    assert await ids(store) is None


async def test_its_items_live_as_long_as_itself(store: KeptConversations, clock: Clock) -> None:
    await store.create("k1", CONV, items("a"))
    for _ in range(10):
        clock.now += 20 * 3600
        await store.append("k1", "conv_1", items("b"))
    clock.now += 29.5 * DAY
    await store.update_metadata("k1", "conv_1", {})
    assert await ids(store) is not None


async def test_the_newest_are_read_though_a_query_does_not_have_them_yet(
    store: KeptConversations, table: MemoryTable
) -> None:
    await store.create("k1", CONV, items("a"))
    before = await table.query("conversation#k1", prefix="conv_1#")
    await store.append("k1", "conv_1", items("b", noise=os.urandom(500_000).hex()))

    async def late(pk: str, **named: Any) -> Any:
        return before

    table.query = late  # type: ignore[method-assign]
    assert await ids(store) == ["a", "b"]


@pytest.mark.parametrize("damage", [{"body": b"?"}, {"body": 1}, {"parts": "x"}])
async def test_a_batch_that_cannot_be_read_is_left_out(
    store: KeptConversations, table: MemoryTable, damage: Any
) -> None:
    await store.create("k1", CONV, items("a"))
    await store.append("k1", "conv_1", items("b"))
    await table.update("conversation#k1", "conv_1#00000001", set=damage)
    assert await ids(store) == ["b"]


@pytest.mark.parametrize("metadata", ["{", "[]", '"x"'])
async def test_metadata_that_cannot_be_read_is_none(
    store: KeptConversations, table: MemoryTable, metadata: str
) -> None:
    await store.create("k1", CONV, ())
    await table.update("conversation#k1", "conv_1", set={"metadata": metadata})
    found = await store.conversation("k1", "conv_1")
    assert found is not None
    assert found.metadata == {}


async def test_items_that_are_deleted_at_once_do_not_come_back(store: KeptConversations, table: MemoryTable) -> None:
    """Both read the batch, then both write it without their item: the later must not bring the other's back."""
    await store.create("k1", CONV, items("a", "b", "c"))
    first, query = asyncio.Event(), table.query

    async def late(*given: Any, **named: Any) -> Any:
        found = await query(*given, **named)
        if not first.is_set():
            first.set()
            assert await store.remove_item("k1", "conv_1", "b")
        return found

    table.query = late  # type: ignore[method-assign]
    assert await store.remove_item("k1", "conv_1", "a")
    assert await ids(store) == ["c"]


async def test_a_batch_that_never_stands_still_is_told(
    store: KeptConversations, table: MemoryTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.stores.responses.conversations.PAUSE", 0)
    await store.create("k1", CONV, items("a", "b"))

    async def refused(*given: Any, **named: Any) -> None:
        raise Refused(None)

    monkeypatch.setattr(table, "put", refused)
    with pytest.raises(TableUnavailable):
        await store.remove_item("k1", "conv_1", "a")


async def test_what_was_deleted_makes_room(store: KeptConversations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.stores.responses.conversations.LARGEST_HISTORY", 1000)
    await store.create("k1", CONV, items("a", text="x" * 700))
    with pytest.raises(InvalidRequest):
        await store.append("k1", "conv_1", items("b", text="x" * 700))
    assert await store.remove_item("k1", "conv_1", "a")
    assert await store.append("k1", "conv_1", items("b", text="x" * 700))
