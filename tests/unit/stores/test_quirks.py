"""What one process has learned of a model, the others know."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from app.core.lasting import finish
from app.core.plan import QUIRKS
from app.plan.lessons import LEARNED_SECONDS, RecentLessons
from app.stores.quirks import AGAIN_SECONDS, EVERY_SECONDS, LIFE_SECONDS, TableLessons, is_quirk
from tests.unit.stores.tables import CountedTable


class Clock:
    def __init__(self) -> None:
        self.now = 10_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> CountedTable:
    return CountedTable(clock)


def process(table: CountedTable, clock: Clock) -> TableLessons:
    return TableLessons(RecentLessons(clock), table, clock)


async def known(lessons: TableLessons, base_id: str = "m") -> set[str]:
    """What is known once what was begun is done."""
    lessons.known(base_id)
    await finish(5)
    return set(lessons.known(base_id))


def test_memory_and_table_forget_at_once() -> None:
    assert LIFE_SECONDS == LEARNED_SECONDS


async def test_another_process_knows_it(table: CountedTable, clock: Clock) -> None:
    one, other = process(table, clock), process(table, clock)
    one.learn("m", "temperature")
    one.learn("m", "max_tokens:4096")
    assert one.known("m") == {"temperature", "max_tokens:4096"}
    await finish(5)
    assert await known(other) == {"temperature", "max_tokens:4096"}
    assert other.known("n") == set()


async def test_two_that_learn_at_once_do_not_overwrite_each_other(table: CountedTable, clock: Clock) -> None:
    for quirk in ("stop", "top_p"):
        process(table, clock).learn("m", quirk)
    await finish(5)
    assert await known(process(table, clock)) == {"stop", "top_p"}


async def test_nobody_waits_for_the_table(table: CountedTable, clock: Clock) -> None:
    one, other = process(table, clock), process(table, clock)
    one.learn("m", "stop")
    await finish(5)
    assert other.known("m") == set()
    assert table.calls == ["update"], "not even asked yet"
    assert await known(other) == {"stop"}


async def test_a_lesson_ends_everywhere_when_it_ends_where_it_was_learned(table: CountedTable, clock: Clock) -> None:
    process(table, clock).learn("m", "stop")
    await finish(5)
    clock.now += LIFE_SECONDS - 1
    other = process(table, clock)
    assert await known(other) == {"stop"}
    clock.now += 1
    assert await known(other) == set()
    assert await known(process(table, clock)) == set()
    assert await table.query("quirk") == []


async def test_a_younger_lesson_does_not_renew_an_older_one(table: CountedTable, clock: Clock) -> None:
    one = process(table, clock)
    one.learn("m", "stop")
    await finish(5)
    clock.now += LIFE_SECONDS - 10
    one.learn("m", "top_p")
    await finish(5)
    clock.now += 10
    assert await known(process(table, clock)) == {"top_p"}


async def test_the_table_is_read_now_and_then(table: CountedTable, clock: Clock) -> None:
    lessons = process(table, clock)
    for _ in range(3):
        await known(lessons)
    assert table.calls == ["query"]
    clock.now += EVERY_SECONDS - 1
    await known(lessons)
    assert table.calls == ["query"]
    clock.now += 1
    await known(lessons)
    assert table.calls == ["query", "query"]


async def test_a_table_out_of_order_is_asked_again_soon(
    table: CountedTable, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    lessons = process(table, clock)
    table.failing = True
    with caplog.at_level(logging.WARNING):
        lessons.learn("m", "stop")
        assert await known(lessons) == {"stop"}
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "secret" not in caplog.text
    await known(lessons)
    assert table.calls == ["update", "query"]
    clock.now += AGAIN_SECONDS
    await known(lessons)
    assert table.calls == ["update", "query", "query"]


@pytest.mark.parametrize(
    "item",
    [
        {"drop table": 10_000},
        {"max_tokens:": 10_000},
        {"max_tokens:0x10": 10_000},
        {"max_tokens:99999999": 10_000},
        {"max_tokens": 10_000},
        {"stop:1": 10_000},
        {"profile": 10_000},
        {"stop": "10000"},
        {"stop": b"10000"},
        {"stop": 10_000 - LIFE_SECONDS},
        {"stop": 10**30},
        {"stop": -1},
        {"body": "[]"},
    ],
    ids=str,
)
async def test_what_nobody_of_us_wrote_is_not_believed(table: CountedTable, clock: Clock, item: Any) -> None:
    await table.put("quirk", "m", item)
    assert await known(process(table, clock)) == set()


async def test_what_is_over_takes_no_room(table: CountedTable, clock: Clock) -> None:
    learned: list[str] = []

    class Memory(RecentLessons):
        def learn(self, base_id: str, quirk: str, at: float | None = None) -> None:
            learned.append(base_id)

    await table.put("quirk", "m", {"stop": int(clock.now) - LIFE_SECONDS})
    await table.put("quirk", "n", {"stop": int(clock.now) - LIFE_SECONDS + 1})
    await known(TableLessons(Memory(clock), table, clock))
    assert learned == ["n"]


@pytest.mark.parametrize("base_id", ["", "x" * 1001], ids=["empty", "long"])
async def test_an_id_that_is_no_key_stays_in_memory(table: CountedTable, clock: Clock, base_id: str) -> None:
    lessons = process(table, clock)
    lessons.learn(base_id, "stop")
    await finish(5)
    assert (lessons.known(base_id), table.calls) == ({"stop"}, [])


def test_every_quirk_can_be_shared_but_what_is_no_lesson() -> None:
    assert {quirk for quirk in QUIRKS if not is_quirk(quirk)} == {"profile", "max_tokens"}
    assert is_quirk("max_tokens:4096")
