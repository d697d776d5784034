"""The stash in the table: another process can go on, and nothing of it may hold up a request."""

from __future__ import annotations

import logging
import os

import pytest

from app.core.packing import packed
from app.core.prompt import Reasoning
from app.core.reasoning_origin import mark_of, origin_of
from app.core.table import Value
from app.stores import stash as module
from app.stores.memory import MemoryStash
from app.stores.stash import MAX_ID, MAX_KEYS, MAX_UNKNOWN, UNKNOWN_SECONDS, WEEK, TableStash
from tests.unit.stores.tables import CountedTable

BLOCKS = (Reasoning("Hm.", mark_of("claude") + "c2ln"), Reasoning(redacted=mark_of("gpt") + "cmVk"))
OLD_BLOCKS = (Reasoning("Hm.", "c2ln"), Reasoning(redacted="cmVk"))
"""As they were stored before they had the mark of a family."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> CountedTable:
    return CountedTable(clock)


def process(table: CountedTable, clock: Clock) -> TableStash:
    """What one process has."""
    return TableStash(MemoryStash(100), table, clock=clock)


async def put(stash: TableStash, tenant: str = "t", call_id: str = "c", blocks: tuple[Reasoning, ...] = BLOCKS) -> None:
    writing = await stash.put(tenant, call_id, blocks)
    if writing is not None:
        await writing


async def test_another_process_finds_them_byte_for_byte(table: CountedTable, clock: Clock) -> None:
    await put(process(table, clock))
    other = process(table, clock)
    assert await other.get("t", "c") == BLOCKS
    assert await other.get("t", "c") == BLOCKS
    assert table.calls == ["put", "get_many"], "from memory the second time"
    assert await other.get("u", "c") == ()


async def test_items_that_were_stored_without_a_family_are_still_read(table: CountedTable, clock: Clock) -> None:
    await put(process(table, clock), blocks=OLD_BLOCKS)
    found = await process(table, clock).get("t", "c")
    assert (found, [origin_of(block) for block in found]) == (OLD_BLOCKS, ["", ""])


async def test_the_same_process_has_them_before_they_are_written(table: CountedTable, clock: Clock) -> None:
    stash = process(table, clock)
    writing = await stash.put("t", "c", BLOCKS)
    assert await stash.get("t", "c") == BLOCKS
    assert table.calls == []
    assert writing is not None
    await writing
    assert table.calls == ["put"]


async def test_they_are_forgotten_after_a_week(table: CountedTable, clock: Clock) -> None:
    await put(process(table, clock))
    clock.now += WEEK - 1
    assert await process(table, clock).get("t", "c") == BLOCKS
    clock.now += 1
    assert await process(table, clock).get("t", "c") == ()


async def test_one_read_for_all_that_is_missing(table: CountedTable, clock: Clock) -> None:
    writer, reader = process(table, clock), process(table, clock)
    for call_id in ("a", "b"):
        await put(writer, call_id=call_id)
    await put(reader, call_id="here")
    found = await reader.get_many("t", ["here", "b", "none", "a", "b"])
    assert dict(found) == {"here": BLOCKS, "b": BLOCKS, "a": BLOCKS}
    assert table.keys == [[("stash#t", "b"), ("stash#t", "none"), ("stash#t", "a")]]
    assert dict(await reader.get_many("t", ["here"])) == {"here": BLOCKS}
    assert len(table.keys) == 1


async def test_a_read_asks_for_no_more_than_it_may(table: CountedTable, clock: Clock) -> None:
    await process(table, clock).get_many("t", [f"c{number}" for number in range(MAX_KEYS + 20)])
    assert [len(keys) for keys in table.keys] == [MAX_KEYS]
    assert table.keys[0][0] == ("stash#t", "c0")


async def test_what_is_not_there_is_not_asked_for_again_at_once(table: CountedTable, clock: Clock) -> None:
    stash = process(table, clock)
    for _ in range(3):
        assert await stash.get("t", "c") == ()
    assert len(table.calls) == 1
    await stash.get("u", "c")
    assert len(table.calls) == 2
    await put(process(table, clock))
    clock.now += UNKNOWN_SECONDS
    assert await stash.get("t", "c") == BLOCKS


async def test_what_came_since_is_known(table: CountedTable, clock: Clock) -> None:
    stash = TableStash(MemoryStash(0), table, clock=clock)
    assert await stash.get("t", "c") == ()
    await put(stash)
    assert await stash.get("t", "c") == BLOCKS


async def test_what_memory_has_forgotten_is_read_again(table: CountedTable, clock: Clock) -> None:
    await put(process(table, clock))
    stash = TableStash(MemoryStash(0), table, clock=clock)
    for _ in range(2):
        assert await stash.get("t", "c") == BLOCKS


async def test_the_memory_of_what_is_not_there_is_bounded(table: CountedTable, clock: Clock) -> None:
    stash = process(table, clock)
    asked = 0
    while asked < MAX_UNKNOWN + MAX_KEYS:
        await stash.get_many("t", [f"c{asked + number}" for number in range(MAX_KEYS)])
        asked += MAX_KEYS
    oldest = asked - MAX_UNKNOWN
    before = len(table.calls)
    await stash.get("t", f"c{oldest}")
    assert len(table.calls) == before
    await stash.get("t", f"c{oldest - 1}")
    assert len(table.calls) == before + 1


@pytest.mark.parametrize("call_id", ["", "x" * (MAX_ID + 1), "é" * MAX_ID], ids=["empty", "long", "wide"])
async def test_an_id_that_is_no_key_never_reaches_the_table(table: CountedTable, clock: Clock, call_id: str) -> None:
    stash = process(table, clock)
    assert await stash.get("t", call_id) == ()
    await put(stash, call_id=call_id)
    assert await stash.get("t", call_id) == BLOCKS
    assert table.calls == []


async def test_what_is_too_large_stays_in_memory(table: CountedTable, clock: Clock) -> None:
    stash = process(table, clock)
    large = (Reasoning(os.urandom(400_000).hex(), "c2ln"),)
    await put(stash, blocks=large)
    assert await stash.get("t", "c") == large
    assert table.calls == []


@pytest.mark.parametrize("how", ["failing", "silent"])
async def test_a_table_out_of_order_holds_nobody_up(
    table: CountedTable, clock: Clock, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.01 if how == "silent" else 10.0)
    stash, other = process(table, clock), process(table, clock)
    setattr(table, how, True)
    with caplog.at_level(logging.WARNING):
        await put(stash)
        assert await stash.get("t", "c") == BLOCKS
        assert await other.get("t", "c") == ()
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text
    setattr(table, how, False)
    monkeypatch.setattr(module, "SECONDS", 10.0)
    await put(stash)
    assert await other.get("t", "c") == BLOCKS, "a failed read is not an answer"


@pytest.mark.parametrize(
    "body",
    ["text", 7, b"junk", packed({}), packed([]), packed(["abc"]), packed([["a", "b"]]), packed([["a", "b", 1]]),
     packed([["a", "b", "c"], ["a", "b", None]])],
    ids=range(9),
)  # fmt: skip
async def test_an_item_that_is_not_ours_is_nothing(table: CountedTable, clock: Clock, body: Value) -> None:
    await table.put("stash#t", "c", {"body": body})
    assert await process(table, clock).get("t", "c") == ()
    await table.put("stash#t", "c2", {})
    assert await process(table, clock).get("t", "c2") == ()
