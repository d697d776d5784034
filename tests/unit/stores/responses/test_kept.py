"""Responses over a table, in memory and bounded: the same behaviour of both."""

from __future__ import annotations

import os
from typing import Any

import pytest

from app.core.responses import Job, Progress, StoredResponse
from app.stores.responses import kept
from app.stores.responses.bounded import BoundedTable
from app.stores.responses.kept import KeptResponses
from app.stores.responses.pieces import MAX_RAW, pack
from app.stores.table.memory import MemoryTable
from tests.unit.stores.failing import Clock

DAY = 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["table", "bounded"])
def table(request: pytest.FixtureRequest, clock: Clock) -> MemoryTable:
    return MemoryTable(clock) if request.param == "table" else BoundedTable(clock=clock)


@pytest.fixture
def store(table: MemoryTable, clock: Clock) -> KeptResponses:
    return KeptResponses(table, days=30, clock=clock)


def response(id: str, status: str = "completed", **more: Any) -> StoredResponse:
    output = [{"type": "message", "id": f"msg_{id}", "role": "assistant", "content": []}]
    body = {"id": id, "object": "response", "status": status, "output": output} | more
    return StoredResponse(
        id, body, [{"type": "message", "id": f"in_{id}", "role": "user", "content": "hé"}], ("a", "b")
    )


def large(id: str) -> StoredResponse:
    """Over three rows, however well it is packed."""
    return response(id, noise=os.urandom(500_000).hex())


async def rows(table: MemoryTable, tenant: str = "k1") -> list[str]:
    return [str(row["sk"]) for row in await table.query(f"response#{tenant}")]


async def test_what_is_kept_comes_back(store: KeptResponses) -> None:
    assert await store.put("k1", response("resp_1"))
    found = await store.get("k1", "resp_1")
    assert found is not None
    assert (found.response, found.input, found.ancestors) == (
        response("resp_1").response,
        response("resp_1").input,
        ("a", "b"),
    )
    assert [item["id"] for item in found.items] == ["in_resp_1", "msg_resp_1"]
    assert found.size > 100


async def test_it_is_nobody_elses(store: KeptResponses) -> None:
    await store.put("k1", response("resp_1"))
    assert await store.get("k2", "resp_1") is None
    assert await store.get_many("k2", ["resp_1"]) == {}
    assert not await store.delete("k2", "resp_1")
    assert await store.get("k1", "resp_1") is not None


async def test_it_is_gone_after_its_days(store: KeptResponses, clock: Clock) -> None:
    await store.put("k1", response("resp_1"))
    clock.now += 30 * DAY - 1
    assert await store.get("k1", "resp_1") is not None
    clock.now += 1
    assert await store.get("k1", "resp_1") is None


@pytest.mark.parametrize("id", ["", "x" * 513, "resp_1#live", "#", "é" * 257])
async def test_what_is_no_id_names_nothing(store: KeptResponses, id: str) -> None:
    await store.begin("k1", response("resp_1", "queued"), 0)
    assert await store.get("k1", id) is None
    assert await store.get_many("k1", [id]) == {}
    assert not await store.delete("k1", id)
    assert await store.claim("k1", id, "t") is None
    assert await store.progress("k1", id) is None
    assert await store.events("k1", id, 0) == ()


async def test_a_large_one_is_split_and_whole_again(store: KeptResponses, table: MemoryTable) -> None:
    given = large("resp_1")
    assert await store.put("k1", given)
    assert len(await rows(table)) > 1
    found = await store.get("k1", "resp_1")
    assert found is not None
    assert found.response == given.response
    assert (await store.get_many("k1", ["resp_1", "resp_1"]))["resp_1"].response == given.response


async def test_deleting_leaves_no_row(store: KeptResponses, table: MemoryTable) -> None:
    await store.put("k1", large("resp_1"))
    await store.begin("k1", large("resp_2"), 5, Job("k1", {"input": os.urandom(400_000).hex()}), "token")
    await store.write_events("k1", "resp_2", 0, b"x")
    assert await store.delete("k1", "resp_1")
    assert await store.delete("k1", "resp_2")
    assert await rows(table) == []
    assert not await store.delete("k1", "resp_2")


async def test_what_is_too_large_is_refused(store: KeptResponses, table: MemoryTable) -> None:
    huge = response("resp_1", noise="x" * MAX_RAW)
    assert not await store.put("k1", huge)
    assert not await store.begin("k1", huge, 0)
    assert not await store.begin("k1", response("resp_2"), 0, Job("k1", {"input": "x" * MAX_RAW}), "t")
    assert not await store.put("k1", response("resp_3", odd=float("nan")))
    assert await store.get("k1", "resp_1") is None


async def test_many_at_once(store: KeptResponses) -> None:
    ids = [f"resp_{number}" for number in range(kept.HEADS * 2 + 3)]
    for id in ids:
        await store.put("k1", response(id))
    found = await store.get_many("k1", [*ids, "resp_none"])
    assert set(found) == set(ids)


@pytest.mark.parametrize(
    "damage",
    [
        {"body": b"nonsense"},
        {"body": "text"},
        {"parts": 10**6},
        {"parts": 3},
        {"stamp": 1},
    ],
)
async def test_what_is_damaged_is_not_there(store: KeptResponses, table: MemoryTable, damage: Any) -> None:
    await store.put("k1", response("resp_1"))
    await table.update("response#k1", "resp_1", set=damage)
    assert await store.get("k1", "resp_1") is None
    assert await store.get_many("k1", ["resp_1"]) == {}


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"response": {}, "input": {}, "ancestors": []},
        {"response": {}, "input": [1], "ancestors": []},
        {"response": {}, "input": [], "ancestors": [1]},
    ],
)
async def test_what_others_wrote_is_not_there(store: KeptResponses, table: MemoryTable, value: Any) -> None:
    written = await pack(value)
    assert written is not None
    await store.put("k1", response("resp_1"))
    await table.update("response#k1", "resp_1", set=written.head)
    assert await store.get("k1", "resp_1") is None


async def test_written_anew_while_it_is_read(store: KeptResponses, table: MemoryTable) -> None:
    """The rows of the old one go between the read of its head and of its pieces."""
    await store.begin("k1", large("resp_1"), 0)
    many, later = table.get_many, response("resp_1", "in_progress")

    async def meanwhile(keys: Any) -> Any:
        table.get_many = many  # type: ignore[method-assign]
        await store.update("k1", later)
        return await many(keys)

    table.get_many = meanwhile  # type: ignore[method-assign]
    found = await store.get("k1", "resp_1")
    assert found is not None
    assert found.status == "in_progress"


# In the background


async def test_a_job_opens_once_and_to_its_token(store: KeptResponses) -> None:
    await store.begin("k1", response("resp_1", "queued"), 77, Job("k1", {"model": "m"}), "token")
    assert await store.progress("k1", "resp_1") == Progress(77, over=False)
    assert await store.claim("k1", "resp_1", "tokem") is None
    assert await store.claim("k1", "resp_1", "") is None
    assert await store.claim("k2", "resp_1", "token") is None
    claimed = await store.claim("k1", "resp_1", "token")
    assert claimed is not None
    assert (claimed[0].status, claimed[1]) == ("queued", Job("k1", {"model": "m"}))
    assert await store.claim("k1", "resp_1", "token") is None


async def test_a_cancelled_job_opens_to_nobody(store: KeptResponses) -> None:
    await store.begin("k1", response("resp_1", "queued"), 77, Job("k1", {"model": "m"}), "token")
    assert await store.cancel("k1", response("resp_1", "cancelled"))
    assert await store.claim("k1", "resp_1", "token") is None


async def test_a_job_without_a_token_opens_to_nobody(store: KeptResponses) -> None:
    await store.begin("k1", response("resp_1", "queued"), 77)
    assert await store.claim("k1", "resp_1", "") is None


@pytest.mark.parametrize("damage", [{"body": b"?"}, None])
async def test_a_damaged_job_is_none(store: KeptResponses, table: MemoryTable, damage: Any) -> None:
    await store.begin("k1", response("resp_1", "queued"), 77, Job("k1", {"model": "m"}), "token")
    if damage:
        await table.update("response#k1", "resp_1#job", set=damage)
    else:
        await table.delete("response#k1", "resp_1#job")
    assert await store.claim("k1", "resp_1", "token") is None


async def test_the_worker_has_the_last_word_where_it_is_first(store: KeptResponses) -> None:
    await store.begin("k1", response("resp_1", "queued"), 1)
    assert await store.beat("k1", "resp_1", 9)
    assert await store.progress("k1", "resp_1") == Progress(9, over=False)
    assert await store.update("k1", response("resp_1", "in_progress"))
    assert await store.update("k1", response("resp_1", "completed"))
    assert await store.progress("k1", "resp_1") == Progress(9, over=True)
    assert not await store.cancel("k1", response("resp_1", "cancelled"))
    found = await store.get("k1", "resp_1")
    assert found is not None
    assert found.status == "completed"


async def test_a_cancelled_response_stays_cancelled(store: KeptResponses) -> None:
    await store.begin("k1", response("resp_1", "queued"), 1)
    assert await store.cancel("k1", response("resp_1", "cancelled"))
    assert not await store.beat("k1", "resp_1", 9)
    assert not await store.update("k1", response("resp_1", "completed"))
    found = await store.get("k1", "resp_1")
    assert found is not None
    assert found.status == "cancelled"


async def test_a_deleted_response_is_not_made_again(store: KeptResponses, table: MemoryTable) -> None:
    await store.begin("k1", large("resp_1"), 1)
    await store.delete("k1", "resp_1")
    assert not await store.beat("k1", "resp_1", 9)
    assert not await store.update("k1", large("resp_1"))
    assert not await store.cancel("k1", large("resp_1"))
    assert await rows(table) == []


async def test_newer_states_leave_no_rows_of_older_ones(store: KeptResponses, table: MemoryTable) -> None:
    await store.begin("k1", large("resp_1"), 1)
    await store.update("k1", large("resp_1"))
    await store.update("k1", response("resp_1"))
    assert await rows(table) == ["resp_1", "resp_1#live"]
    await store.begin("k1", response("resp_2", "queued"), 1)
    await store.cancel("k1", response("resp_2", "cancelled"))
    assert not await store.update("k1", large("resp_2"))
    assert await rows(table) == ["resp_1", "resp_1#live", "resp_2", "resp_2#live"]


async def test_a_stream_in_pieces(store: KeptResponses, table: MemoryTable) -> None:
    for number in range(kept.EVENTS + 2):
        await store.write_events("k1", "resp_1", number, b"piece %d" % number)
    first = await store.events("k1", "resp_1", 0)
    assert len(first) == kept.EVENTS
    assert await store.events("k1", "resp_1", kept.EVENTS) == [b"piece 20", b"piece 21"]
    assert await store.events("k1", "resp_1", 22) == []
    await table.update("response#k1", "resp_1#e000001", set={"body": b"?"})
    assert await store.events("k1", "resp_1", 0) == [b"piece 0"]
    await table.update("response#k1", "resp_1#e000000", set={"body": "?"})
    assert await store.events("k1", "resp_1", 0) == []
