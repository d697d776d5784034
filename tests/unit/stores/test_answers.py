"""Answers are kept per tenant, for a while, and within bounds."""

from __future__ import annotations

import pytest

from app.core.packing import MAX_ITEM
from app.core.ports import Answers
from app.core.table import Value
from app.stores.answers import TableAnswers
from app.stores.memory import MemoryAnswers
from tests.unit.stores.tables import CountedTable


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["table", "memory"])
def answers(request: pytest.FixtureRequest, clock: Clock) -> Answers:
    return TableAnswers(CountedTable(clock), clock) if request.param == "table" else MemoryAnswers(clock=clock)


async def test_an_answer_can_be_had_until_its_time_is_over(answers: Answers, clock: Clock) -> None:
    assert await answers.get("t", "k") is None
    await answers.put("t", "k", b"one", 60)
    clock.now += 59
    assert await answers.get("t", "k") == b"one"
    assert await answers.get("u", "k") is None
    assert await answers.get("t", "other") is None
    clock.now += 1
    assert await answers.get("t", "k") is None


async def test_the_last_word_counts(answers: Answers, clock: Clock) -> None:
    await answers.put("t", "k", b"one", 60)
    await answers.put("t", "k", b"two", 10)
    assert await answers.get("t", "k") == b"two"
    clock.now += 10
    assert await answers.get("t", "k") is None


@pytest.mark.parametrize("body", ["text", 7], ids=str)
async def test_an_item_that_is_not_ours_is_nothing(clock: Clock, body: Value) -> None:
    table = CountedTable(clock)
    await table.put("cache#t", "k", {"body": body})
    assert await TableAnswers(table, clock).get("t", "k") is None
    await table.put("cache#t", "k", {})
    assert await TableAnswers(table, clock).get("t", "k") is None


async def test_what_is_no_item_does_not_reach_the_table(clock: Clock) -> None:
    table = CountedTable(clock)
    await TableAnswers(table, clock).put("t", "k", b"x" * (MAX_ITEM + 1), 60)
    assert table.calls == []


async def test_memory_drops_what_was_longest_not_asked_for(clock: Clock) -> None:
    answers = MemoryAnswers(entries=2, clock=clock)
    for key in ("a", "b"):
        await answers.put("t", key, b"x", 60)
    await answers.get("t", "a")
    await answers.put("t", "c", b"x", 60)
    assert [await answers.get("t", key) for key in "abc"] == [b"x", None, b"x"]


async def test_memory_holds_no_more_than_it_may(clock: Clock) -> None:
    answers = MemoryAnswers(size=10, clock=clock)
    await answers.put("t", "large", b"x" * 11, 60)
    assert await answers.get("t", "large") is None
    for _ in range(5):
        await answers.put("t", "a", b"x" * 6, 60)
    await answers.put("t", "b", b"x" * 4, 60)
    assert [await answers.get("t", key) for key in "ab"] == [b"x" * 6, b"x" * 4]
    await answers.put("t", "c", b"x", 60)
    assert [await answers.get("t", key) for key in "abc"] == [None, b"x" * 4, b"x"]
    clock.now += 60
    assert await answers.get("t", "b") is None
    await answers.put("t", "d", b"x" * 9, 60)  # as much as the expired one has left room for
    assert await answers.get("t", "d") == b"x" * 9
