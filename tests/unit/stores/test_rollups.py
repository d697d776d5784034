"""From records to rows and back: nothing is lost, nothing counts twice."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.books import UsageRecord
from app.core.counting import OTHER, UNKNOWN, UNSETTLED, Spending, spent_in
from app.core.events import Usage
from app.core.money import Cost
from app.core.rollup import Counters, UsageRow
from app.core.table import Item, TableUnavailable
from app.core.windows import day_of, window_at
from app.stores import recorder as module
from app.stores.recorder import Recorder
from app.stores.rollups import Rollups
from app.stores.table.memory import MemoryTable
from tests.usage_records import DAY, NOON, any_records, record

HOURLY = ("requests", "refused", "input", "output", "cache_read", "cache_write", "cost")


def clock() -> float:
    return NOON


async def rows(table: MemoryTable, first: str = DAY, last: str = "2025-11-23") -> list[UsageRow]:
    return [row async for row in Rollups(table, lambda: NOON + 2 * 86400).rows(first, last)]


async def stored(records: Sequence[UsageRecord], **options: Any) -> list[UsageRow]:
    table = MemoryTable(clock)
    recorder = Recorder(table, metered_tags=("team", "app"), clock=clock, **options)
    for each in records:
        recorder.record(each)
    assert await recorder.flush(5)
    return await rows(table)


def total(found: Sequence[UsageRow]) -> Counters:
    sums = Counters()
    for row in found:
        sums.add(row.total)
    return sums


@given(any_records())
def test_rows_add_up_to_the_records(records: list[UsageRecord]) -> None:
    found = asyncio.run(stored(records, interval=0))
    sums = total(found)
    assert sums.requests == len(records)
    assert sums.input == sum(each.usage.input for each in records)
    assert sums.output == sum(each.usage.output for each in records)
    assert sums.cache_read == sum(each.usage.cache_read for each in records)
    assert sums.cache_write == sum(each.usage.cache_write for each in records)
    assert sums.cost == sum(each.cost.total for each in records)
    assert sums.saved == sum(each.saved for each in records)
    assert sums.unpriced == sum(not each.cost.priced for each in records)
    assert sum(sums.latency.values()) == len(records)
    assert sum(sums.first_token.values()) == sum(each.first_token_ms is not None for each in records)
    kinds = ("cost_input", "cost_output", "cost_cache_read", "cost_cache_write", "cost_other")
    assert sums.cost == sum(getattr(sums, name) for name in kinds)
    for row in found:
        for name in HOURLY:
            assert getattr(row.total, name) == sum(getattr(hour, name) for hour in row.hours.values())
    assert [row.day for row in found] == sorted(row.day for row in found)


async def test_a_row_has_its_dimensions() -> None:
    one = record(
        project="proj_9", key="key_9", user="ann", model="us.acme.rocket", asked="fast", tier="flex", traffic="flex",
        tags={"team": "search"}, metadata={"app": "crawler", "team": "mine", "x": "y"},
    )  # fmt: skip
    (row,) = await stored([one])
    found = row.dimensions
    assert (found.kind, found.project, found.key, found.user) == ("completions", "proj_9", "key_9", "ann")
    assert (found.model, found.asked, found.tier, found.traffic) == ("us.acme.rocket", "fast", "flex", "flex")
    assert found.tag == "team=search,app=crawler"
    assert list(row.hours) == [12]


async def test_names_that_clients_make_up_do_not_fill_the_table() -> None:
    wrong = [
        record(f"req_{n}", model=f"made-up-{n}", outcome="error", status=404, error_code="model_not_found")
        for n in range(700)
    ]
    assert [row.dimensions.model for row in await stored(wrong)] == [UNKNOWN]
    models = [record(f"req_{n}", model=f"m{n}") for n in range(700)]
    found = {row.dimensions.model: row.total.requests for row in await stored(models)}
    assert (len(found), found[OTHER]) == (501, 200)
    tags = [record(f"req_{n}", metadata={"team": f"t{n}"}) for n in range(700)]
    found = {row.dimensions.tag: row.total.requests for row in await stored(tags)}
    assert (len(found), found[OTHER]) == (501, 200)


async def test_the_next_day_has_room_for_new_names() -> None:
    today = [record(f"req_{n}", metadata={"team": f"t{n}"}) for n in range(501)]
    tomorrow = record("req_x", metadata={"team": "new"}, ended=NOON + 86400)
    found = await stored([*today, tomorrow])
    assert found[-1].dimensions.tag == "team=new"


async def test_days_that_can_hold_nothing_are_not_read() -> None:
    asked: list[str] = []

    class Noting(MemoryTable):
        async def query(self, pk: str, **options: Any) -> list[Item]:
            asked.append(pk)
            return await super().query(pk, **options)

    found = [row async for row in Rollups(Noting(clock), clock).rows("1970-01-01", "2999-12-31")]
    assert found == []
    assert (asked[0], asked[-1], len(asked)) == ("usage#2024-10-17", "usage#2025-11-22", 402)


async def test_items_of_nobody_are_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    table = MemoryTable(clock)
    await table.put(f"usage#{DAY}", "nonsense", {"n1": 1})
    assert await rows(table) == []
    assert "1 items can't be read" in caplog.text


async def test_a_table_that_can_not_be_read_says_so() -> None:
    class Broken(MemoryTable):
        async def query(self, pk: str, **options: Any) -> list[Item]:
            await asyncio.sleep(0)
            raise TableUnavailable("throttled")

    with pytest.raises(TableUnavailable):
        await rows(Broken(clock))


async def test_what_was_spent_before_a_budget_was_set() -> None:
    table = MemoryTable(clock)
    recorder = Recorder(table, clock=clock)
    for key, project, nanos, ended, counted in (
        ("key_1", "proj_1", 5, NOON, ()),
        ("key_1", "proj_1", 7, NOON - 86400, ("km",)),
        ("key_2", "proj_1", 11, NOON, ("km", "om")),
        ("key_3", "proj_2", 13, NOON, ("pd",)),
        ("key_1", "proj_1", 1000, NOON - 40 * 86400, ()),
        ("key_1", "proj_1", 500, NOON + 86400, ()),
    ):
        recorder.record(record(key=key, project=project, cost=Cost(input=nanos), ended=ended), counted)
    recorder.charge_unsettled("proj_1", "key_1", "", 17, NOON, counted=("kd", "pm"))
    assert await recorder.flush(5)
    source, month, day = Rollups(table, clock), window_at("month", NOON), window_at("day", NOON)
    assert await spent_in(source, "key", "key_1", "month", month) == Spending(529, 522, complete=True)
    assert await spent_in(source, "key", "key_1", "day", day) == Spending(22, 5, complete=True)
    assert await spent_in(source, "project", "proj_1", "month", month) == Spending(540, 523, complete=True)
    assert await spent_in(source, "organization", "", "month", month) == Spending(553, 542, complete=True)
    assert await spent_in(source, "nothing", "key_1", "month", month) == Spending(0, 0, complete=True)


async def test_a_rollup_of_an_older_version_does_not_say_what_counted_it() -> None:
    table = MemoryTable(clock)
    recorder = Recorder(table, clock=clock)
    recorder.record(record(key="key_1", project="proj_1", cost=Cost(input=5), ended=NOON))
    assert await recorder.flush(5)
    (item,) = await table.query(f"usage#{day_of(NOON)}")
    await table.update(str(item["pk"]), str(item["sk"]), add={"n12": 1, "c12": 7})
    source, month = Rollups(table, clock), window_at("month", NOON)
    assert await spent_in(source, "key", "key_1", "month", month) == Spending(12, 12, complete=False)


# Writing


class Troubled(MemoryTable):
    """Fails as it is told, call by call: None for not at all."""

    def __init__(self, *problems: Exception | None) -> None:
        super().__init__(clock)
        self.problems = list(problems)
        self.writes = 0
        self.gate: asyncio.Event | None = None

    async def update(self, pk: str, sk: str, **options: Any) -> Item:
        self.writes += 1
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        problem = self.problems.pop(0) if self.problems else None
        if problem is None or (isinstance(problem, TableUnavailable) and problem.written):
            await super().update(pk, sk, **options)
        if problem is not None:
            raise problem
        return {}


def unwritten() -> TableUnavailable:
    return TableUnavailable("throttled", written=False)


def lines(caplog: pytest.LogCaptureFixture, event: str = "usage_unstored") -> list[dict[str, Any]]:
    found = [json.loads(each.getMessage()) for each in caplog.records if each.name == "gateway.usage"]
    return [line for line in found if line["event"] == event]


def recorder_over(table: MemoryTable, **options: Any) -> Recorder:
    given_: dict[str, Any] = {"interval": 0, "pauses": (0, 0, 0)}
    return Recorder(table, clock=clock, **(given_ | options))


async def test_requests_of_a_moment_share_one_write() -> None:
    table = Troubled()
    table.gate = asyncio.Event()
    recorder = recorder_over(table)
    recorder.record(record("req_0"))
    await asyncio.sleep(0)
    for number in range(1, 50):
        recorder.record(record(f"req_{number}"))
    table.gate.set()
    assert await recorder.flush(5)
    assert table.writes == 2
    assert total(await rows(table)).requests == 50


async def test_the_first_is_written_at_once_and_the_next_after_the_interval() -> None:
    table = Troubled()
    recorder = recorder_over(table, interval=3600)
    recorder.record(record("req_0"))
    async with asyncio.timeout(5):
        while total(await rows(table)).requests < 1:  # noqa: ASYNC110  what is waited for is in the table
            await asyncio.sleep(0)
    recorder.record(record("req_1"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert table.writes == 1
    assert await recorder.flush(5)  # does not wait for the hour to pass
    assert table.writes == 2
    await recorder.close(5)


async def test_what_was_certainly_not_written_is_written_again() -> None:
    table = Troubled(unwritten(), unwritten())
    recorder = recorder_over(table)
    recorder.record(record("req_0"))
    await asyncio.sleep(0)
    recorder.record(record("req_1"))
    assert await recorder.flush(5)
    assert total(await rows(table)).requests == 2


@pytest.mark.parametrize("problem", [
    TableUnavailable("timed out", written=None),
    TableUnavailable("timed out", written=True),
    RuntimeError("whatever"),
])  # fmt: skip
async def test_what_may_have_been_written_is_never_repeated(
    problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    table = Troubled(problem)
    recorder = recorder_over(table)
    recorder.record(record("req_0"))
    assert not await recorder.flush(5)
    assert table.writes == 1
    (line,) = lines(caplog)
    assert (line["request_ids"], line["written"], line["pk"]) == (["req_0"], None, f"usage#{DAY}")
    assert line["counters"]["n12"] == 1
    assert "whatever" not in caplog.text


async def test_a_table_that_says_no_for_good_is_not_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    table = Troubled(TableUnavailable("no such table", written=False, again=False))
    recorder = recorder_over(table)
    recorder.record(record("req_0"))
    assert not await recorder.flush(5)
    assert table.writes == 1
    assert lines(caplog)[0]["reason"] == "no such table"


async def test_a_table_that_stays_away_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    table = Troubled(*[unwritten() for _ in range(100)])
    recorder = recorder_over(table)
    recorder.record(record("req_0"))
    assert not await recorder.flush(5)
    assert table.writes == 4
    (line,) = lines(caplog)
    assert (line["reason"], line["written"]) == ("the table can't be reached", False)


async def test_a_table_that_is_away_is_not_asked_for_every_item() -> None:
    table = Troubled(*[unwritten() for _ in range(500)])
    recorder = recorder_over(table)
    for number in range(100):
        recorder.record(record(f"req_{number}", key=f"key_{number}"))
    assert not await recorder.flush(5)
    assert table.writes == 4 * module.AT_ONCE


async def test_an_item_that_is_always_refused_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class OneIsHot(MemoryTable):
        async def update(self, pk: str, sk: str, **options: Any) -> Item:
            if "|key_0|" in sk:
                raise unwritten()
            return await super().update(pk, sk, **options)

    table = OneIsHot(clock)
    recorder = recorder_over(table, pauses=())
    for number in range(100):
        recorder.record(record(f"req_{number}", key=f"key_{number}"))
    assert not await recorder.flush(5)
    assert total(await rows(table)).requests == 99
    assert [line["request_ids"] for line in lines(caplog)] == [["req_0"]]


async def test_a_flush_gives_up_in_time_and_the_records_stay() -> None:
    table = Troubled()
    table.gate = asyncio.Event()
    recorder = recorder_over(table)
    recorder.record(record())
    assert not await recorder.flush(0.01)
    table.gate.set()
    assert await recorder.flush(5)
    assert total(await rows(table)).requests == 1


async def test_a_flush_of_nothing() -> None:
    recorder = recorder_over(Troubled())
    assert await recorder.flush(0)


async def test_at_the_end_what_waits_is_told(caplog: pytest.LogCaptureFixture) -> None:
    table = Troubled()
    table.gate = asyncio.Event()
    recorder = recorder_over(table)
    recorder.record(record("req_0"))
    await asyncio.sleep(0)
    recorder.record(record("req_1", key="key_2"))
    await recorder.close(0.01)
    told = {line["request_ids"][0]: line["written"] for line in lines(caplog)}
    assert told == {"req_0": None, "req_1": False}
    assert await rows(table) == []


async def test_at_the_end_of_a_long_round_what_waits_is_told(caplog: pytest.LogCaptureFixture) -> None:
    table = Troubled()
    table.gate = asyncio.Event()
    recorder = recorder_over(table)
    for number in range(20):
        recorder.record(record(f"req_{number}", key=f"key_{number}"))
    await recorder.close(0.01)
    told = {line["request_ids"][0]: line["written"] for line in lines(caplog)}
    assert told == {f"req_{number}": None if number < module.AT_ONCE else False for number in range(20)}


async def test_a_close_in_good_time_writes_everything(caplog: pytest.LogCaptureFixture) -> None:
    table = Troubled()
    recorder = recorder_over(table)
    recorder.record(record())
    await recorder.close(5)
    assert total(await rows(table)).requests == 1
    assert lines(caplog) == []


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "MOST_ITEMS", 3)
    table = Troubled()
    recorder = recorder_over(table)
    for number in range(5):
        recorder.record(record(f"req_{number}", key=f"key_{number}"))
    assert [line["request_ids"] for line in lines(caplog)] == [["req_3"], ["req_4"]]
    assert await recorder.flush(5)
    assert total(await rows(table)).requests == 3


def test_a_record_outside_of_any_loop_is_written_by_the_first_flush() -> None:
    table = MemoryTable(clock)
    recorder = recorder_over(table)
    recorder.record(record())
    assert asyncio.run(recorder.flush(5))
    assert total(asyncio.run(rows(table))).requests == 1


async def test_many_requests_are_told_in_several_lines(caplog: pytest.LogCaptureFixture) -> None:
    recorder = recorder_over(Troubled(TableUnavailable("timed out", written=None)))
    for number in range(1100):
        recorder.record(record(f"req_{number}"))
    assert not await recorder.flush(5)
    told = lines(caplog)
    assert [len(line["request_ids"]) for line in told] == [500, 500, 100]
    assert [bool(line["counters"]) for line in told] == [True, False, False]


async def test_an_unsettled_charge_is_money_without_a_request(caplog: pytest.LogCaptureFixture) -> None:
    table = MemoryTable(clock)
    recorder = recorder_over(table)
    with caplog.at_level(logging.WARNING):
        recorder.charge_unsettled("proj_1", "key_1", "ann", 500, NOON)
    assert await recorder.flush(5)
    (row,) = await rows(table)
    assert (row.dimensions.model, row.dimensions.key, row.dimensions.user) == (UNSETTLED, "key_1", "ann")
    assert row.total == Counters(cost=500, cost_other=500, unsettled=1)
    (line,) = lines(caplog, "usage_unsettled")
    assert (line["cost"], line["at"]) == (500, int(NOON))


PROBLEMS = st.sampled_from(["", "", "unwritten", "ambiguous", "ambiguous but written", "strange"])


def problem_of(name: str) -> Exception | None:
    return {
        "": None,
        "unwritten": unwritten(),
        "ambiguous": TableUnavailable("timed out", written=None),
        "ambiguous but written": TableUnavailable("timed out", written=True),
        "strange": ValueError(),
    }[name]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40), st.lists(PROBLEMS, max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_record_counts_twice_and_none_is_lost_silently(
    caplog: pytest.LogCaptureFixture, steps: list[tuple[int, int]], problems: list[str]
) -> None:
    caplog.clear()

    async def story() -> tuple[Counters, int]:
        table = Troubled(*map(problem_of, problems))
        recorder = recorder_over(table)
        for number, (key, pause) in enumerate(steps):
            recorder.record(record(f"req_{number}", key=f"key_{key}", usage=Usage(input=2**number)))
            for _ in range(pause):
                await asyncio.sleep(0)
        await recorder.close(5)
        return total(await rows(table)), table.writes

    sums, _ = asyncio.run(story())
    # Each record has a bit of its own in the tokens: what is in the table, and how often, can be read off.
    in_table = {number for number in range(len(steps)) if sums.input >> number & 1}
    assert sums.input == sum(2**number for number in in_table), "counted twice"
    assert sums.requests == len(in_table)
    told = {int(id_.removeprefix("req_")) for line in lines(caplog) for id_ in line["request_ids"]}
    certain = {
        int(id_.removeprefix("req_"))
        for line in lines(caplog)
        if line["written"] is False
        for id_ in line["request_ids"]
    }
    assert in_table | told == set(range(len(steps)))
    assert not certain & in_table
