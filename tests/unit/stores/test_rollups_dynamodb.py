"""The same rows out of a real DynamoDB API as out of memory, with names that nobody would choose."""

from __future__ import annotations

import asyncio
import random

from app.core.books import UsageRecord
from app.core.events import Usage
from app.core.money import Cost
from app.core.rollup import UsageRow
from app.core.table import Table
from app.stores.recorder import Recorder
from app.stores.rollups import Rollups
from app.stores.table.memory import MemoryTable
from tests.dynamodb import DynamoDb
from tests.usage_records import NOON, record

NAMES = ["", "ann", "a|b%7C\x00\x1f\x7f", "\ud800half", "漢字" * 200, "😀" * 80, "x" * 2000, '{"S":1}', "#n :v", "key"]


def clock() -> float:
    return NOON + 2 * 86400


def some_records(count: int) -> list[UsageRecord]:
    chosen = random.Random(7)
    return [
        record(
            f"req_{number}",
            user=chosen.choice(NAMES),
            model=chosen.choice(NAMES),
            asked=chosen.choice(NAMES[:3]),
            metadata={"team": chosen.choice(NAMES)},
            usage=Usage(chosen.randrange(10**6), chosen.randrange(10**4), chosen.randrange(10)),
            cost=Cost(chosen.randrange(10**12), chosen.randrange(10**12)),
            total_ms=chosen.randrange(10**6),
            first_token_ms=chosen.randrange(10**5),
            ended=NOON + chosen.uniform(-86400, 86400),
        )
        for number in range(count)
    ]


async def rows_over(table: Table, rounds: list[list[UsageRecord]]) -> list[UsageRow]:
    for records in rounds:
        recorder = Recorder(table, metered_tags=("team",), interval=0, clock=clock)
        for each in records:
            recorder.record(each)
        assert await recorder.flush(60)
    return [row async for row in Rollups(table, clock).rows("2025-11-01", "2025-11-30")]


async def test_rows_of_a_real_api(dynamodb: DynamoDb) -> None:
    records = some_records(150)
    rounds = [records[:100], records[100:]]  # the second adds to items of the first
    table, pool = dynamodb.open(clock)
    try:
        found = await rows_over(table, rounds)
    finally:
        pool.close()
    assert found
    assert found == await rows_over(MemoryTable(clock), rounds)


async def test_several_processes_add_to_the_same_item(dynamodb: DynamoDb) -> None:
    table, pool = dynamodb.open(clock)
    try:
        recorders = [Recorder(table, interval=0, clock=clock) for _ in range(8)]
        for number in range(80):
            recorders[number % 8].record(record(f"req_{number}", cost=Cost(input=1)))
            await asyncio.sleep(0)
        assert all(await asyncio.gather(*(each.flush(60) for each in recorders)))
        (row,) = [row async for row in Rollups(table, clock).rows("2025-11-21", "2025-11-21")]
    finally:
        pool.close()
    assert (row.total.requests, row.total.cost) == (80, 80)
