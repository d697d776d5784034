"""A limit that is set on a key in use counts everything that was spent in its window, once: before it was set, and while
processes still served the key without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from app.core.access import Budget, Interval, Scope
from app.core.counting import Charge, counted_in
from app.core.money import Cost
from app.core.rollup import UsageRow
from app.core.table import TableUnavailable
from app.core.windows import DAY, window_at
from app.stores.holds import Hold
from app.stores.ledger import Exhausted, Ledgers
from app.stores.recorder import Recorder
from app.stores.recount import KNOWN_AFTER, PAUSE
from app.stores.rollup_items import adds_of, pk_of, sk_of
from app.stores.rollups import Rollups
from app.stores.table.memory import MemoryTable
from tests.examples import examples
from tests.unit.stores.failing import Clock
from tests.usage_records import record

T = TypeVar("T")
START = 1_795_266_030.0
"""In the morning, on the 21st."""
LASTS = 60
KEY = "key_1"


class House:
    """A table, and a process that serves `KEY`."""

    def __init__(self) -> None:
        self.clock = Clock(START)
        self.table = MemoryTable(self.clock)
        self.source = Rollups(self.table, self.clock)
        self.ledgers = Ledgers(self.table, self.source, lasts=LASTS, clock=self.clock)

    async def record(self, nanos: int, *counted: str) -> None:
        recorder = Recorder(self.table, clock=self.clock)
        recorder.record(record(key=KEY, cost=Cost(nanos), ended=self.clock.now), counted)
        assert await recorder.flush(5)

    async def spend(self, nanos: int, budget: Budget | None = None, estimate: int = 100) -> None:
        """A request by a process that knows of this budget."""
        if budget is None:
            await self.record(nanos)
            return
        scope = Scope("key", KEY, budget=budget)
        hold = await self.ledgers.reserve(scope, f"r{nanos}", "m", estimate, 1)
        await self.record(nanos, counted_in("key", budget.interval))
        await self.ledgers.settle(hold, nanos, 1)

    async def spent(self, interval: Interval = "month") -> int:
        return (await self.ledgers.spent("key", KEY, interval)).spent


async def test_a_limit_that_is_set_on_a_key_in_use_counts_all_its_requests_after_a_minute() -> None:
    house, budget = House(), Budget(10_000)
    for _ in range(3):
        await house.spend(10)
    await house.ledgers.begin("key", KEY, budget)
    assert await house.spent() == 30
    for _ in range(10):
        await house.spend(10)  # by processes that do not know the limit yet
    house.clock.now += KNOWN_AFTER
    for _ in range(2):
        await house.spend(10, budget)
    assert await house.spent() == 150


async def test_requests_that_began_before_a_limit_and_end_long_after_it_are_counted_as_well() -> None:
    house = House()
    await house.ledgers.begin("key", KEY, Budget(10_000))
    house.clock.now += KNOWN_AFTER
    assert await house.spent() == 0
    await house.spend(10)
    house.clock.now += LASTS
    assert await house.spent() == 10
    (item,) = await house.table.query(f"spend#key#{KEY}")
    assert {"due", "until"}.isdisjoint(item), "nothing more is to come"


async def test_the_first_request_that_the_whole_ledger_does_not_pay_for_is_refused() -> None:
    house, budget = House(), Budget(100)
    await house.ledgers.begin("key", KEY, budget)
    await house.spend(80)
    house.clock.now += KNOWN_AFTER
    with pytest.raises(Exhausted) as caught:
        await house.ledgers.reserve(Scope("key", KEY, budget=budget), "r1", "m", 50, 1)
    assert caught.value.item["used"] == 80
    assert (await house.ledgers.spent("key", KEY, "month")).reserved == 0
    await house.ledgers.reserve(Scope("key", KEY, budget=budget), "r2", "m", 20, 1)


async def test_a_limit_without_hard_edges_counts_them_too() -> None:
    house, soft = House(), Scope("key", KEY, budget=Budget(100, hard=False))
    await house.ledgers.begin("key", KEY, Budget(100, hard=False))
    await house.spend(80)
    house.clock.now += KNOWN_AFTER
    item, _ = await house.ledgers.count(soft, 5)
    assert item["settled"] == 85


async def test_a_limit_that_is_removed_and_set_again_counts_what_was_spent_without_it() -> None:
    house, budget = House(), Budget(10_000)
    await house.ledgers.begin("key", KEY, budget)
    await house.spend(40, budget)
    await house.spend(7)
    for _ in range(2):
        await house.ledgers.begin("key", KEY, Budget(20_000))
        assert await house.spent() == 47


async def test_another_interval_counts_from_the_start_of_its_own_window() -> None:
    house, budget = House(), Budget(10_000)
    await house.ledgers.begin("key", KEY, budget)
    await house.spend(40, budget)
    house.clock.now += DAY
    await house.spend(5, budget)
    await house.ledgers.begin("key", KEY, Budget(10_000, "day"))
    assert (await house.spent("day"), await house.spent("month")) == (5, 45)


async def test_a_limit_that_is_set_just_before_its_window_ends_counts_in_the_next_one() -> None:
    house = House()
    house.clock.now = window_at("month", START).end - 10.0
    await house.ledgers.begin("key", KEY, Budget(10_000))
    house.clock.now += 20
    await house.spend(30)
    house.clock.now += KNOWN_AFTER
    assert await house.spent() == 30


async def test_a_ledger_of_an_older_version_takes_over_what_the_rollups_have_more() -> None:
    """They do not say which ledger counted them: its total is compared, as it was then."""
    house = House()
    scope = Scope("key", KEY, budget=Budget(10_000))
    await house.ledgers.settle(await house.ledgers.reserve(scope, "r1", "m", 40, 1), 40, 1)
    sk = sk_of("completions", "proj_1", KEY, "", "m", "", "default", "realtime", "")
    await house.table.update(pk_of(int(START // DAY)), sk, add={"n8": 2, "c8": 100})
    await house.ledgers.begin("key", KEY, Budget(10_000))
    assert await house.spent() == 100
    await house.spend(5, Budget(10_000))
    house.clock.now += KNOWN_AFTER
    assert await house.spent() == 105


async def test_a_look_that_fails_lets_requests_pass_and_is_not_repeated_at_once() -> None:
    house, budget, source = House(), Budget(10_000), BrokenSource()
    await house.ledgers.begin("key", KEY, budget)
    await house.spend(80)
    house.clock.now += KNOWN_AFTER
    broken = Ledgers(house.table, source, lasts=LASTS, clock=house.clock)
    scope = Scope("key", KEY, budget=budget)
    await broken.reserve(scope, "r1", "m", 50, 1)
    await broken.reserve(scope, "r2", "m", 50, 1)
    assert source.asked == 1
    house.clock.now += PAUSE
    await broken.reserve(scope, "r3", "m", 50, 1)
    assert source.asked == 2
    assert await house.spent() == 80


class BrokenSource:
    def __init__(self) -> None:
        self.asked = 0

    async def rows(self, first_day: str, last_day: str) -> AsyncIterator[UsageRow]:
        self.asked += 1
        async for row in Rollups(MemoryTable()).rows(first_day, last_day):
            yield row
        raise TableUnavailable("away")


async def test_many_requests_at_once_share_one_look() -> None:
    house, budget = House(), Budget(10_000)
    await house.ledgers.begin("key", KEY, budget)
    await house.spend(80)
    house.clock.now += KNOWN_AFTER
    scope = Scope("key", KEY, budget=budget)
    await asyncio.gather(*(house.ledgers.reserve(scope, f"r{place}", "m", 1, 1) for place in range(20)))
    spent = await house.ledgers.spent("key", KEY, "month")
    assert (spent.spent, spent.reserved) == (80, 20)


@dataclass
class Open:
    """A request under way, by a process that knew of `budget`."""

    budget: Budget | None
    hold: Hold | None
    began: float


class LimitMachine(RuleBasedStateMachine):
    """Two processes that learn of a limit at most a minute late; rollups that are written before or after the settlement."""

    @initialize()
    def begin(self) -> None:
        house = House()
        self.clock, self.table = house.clock, house.table
        self.processes = [
            house.ledgers,
            Ledgers(house.table, Rollups(house.table, house.clock), lasts=LASTS, clock=house.clock),
        ]
        self.budget: Budget | None = None
        self.changed = START
        self.known: list[Budget | None] = [None, None]
        self.open: list[Open] = []
        self.unwritten: list[dict[str, int]] = []
        self.total = 0
        self.number = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    @rule(interval=st.sampled_from(["day", "week", "month"]), nanos=st.integers(50_000, 60_000), hard=st.booleans())
    def set_limit(self, interval: Interval, nanos: int, hard: bool) -> None:
        self.learn_all()
        budget = Budget(nanos, interval, hard=hard)
        self.run(self.processes[0].begin("key", KEY, budget))
        self.budget, self.changed = budget, self.clock.now

    @rule()
    def remove_limit(self) -> None:
        self.learn_all()
        self.budget, self.changed = None, self.clock.now

    @rule(process=st.integers(0, 1))
    def learn(self, process: int) -> None:
        self.known[process] = self.budget

    def learn_all(self) -> None:
        """Changes that follow each other within a minute are as one to a process; here each learns of each."""
        self.known = [self.budget] * 2

    @rule(process=st.integers(0, 1))
    def start(self, process: int) -> None:
        self.number += 1
        budget, hold = self.known[process], None
        if budget is not None and budget.hard:
            scope = Scope("key", KEY, budget=budget)
            charge = Charge(KEY, (counted_in("key", budget.interval),))
            hold = self.run(self.processes[process].reserve(scope, f"r{self.number}", "m", 50, 1, charge=charge))
        self.open.append(Open(budget, hold, self.clock.now))

    @rule(which=st.integers(0, 9), cost=st.integers(1, 90), rollup=st.sampled_from(["before", "after", "later"]))
    def end(self, which: int, cost: int, rollup: str) -> None:
        if self.open:
            self.finish(self.open.pop(which % len(self.open)), cost, rollup)

    def finish(self, request: Open, cost: int, rollup: str) -> None:
        self.total += cost
        budget = request.budget
        counted = [counted_in("key", budget.interval)] if budget is not None else []
        self.unwritten.append(adds_of(record(key=KEY, cost=Cost(cost)), 8, counted))
        ledgers = self.processes[0]
        if rollup == "before":
            self.write()
        if request.hold is not None:
            assert self.run(ledgers.settle(request.hold, cost, 1)).item is not None
        elif budget is not None:
            self.run(ledgers.count(Scope("key", KEY, budget=budget), cost))
        if rollup == "after":
            self.write()

    @rule()
    def write(self) -> None:
        sk = sk_of("completions", "proj_1", KEY, "", "m", "", "default", "realtime", "")
        for adds in self.unwritten:
            self.run(self.table.update(pk_of(int(self.clock.now // DAY)), sk, add=adds))
        self.unwritten.clear()

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds
        self.write()
        if self.clock.now - self.changed >= 60:
            self.learn_all()
        for request in [each for each in self.open if self.clock.now - each.began > LASTS - 40]:
            self.open.remove(request)
            self.finish(request, 10, "after")

    @rule(process=st.integers(0, 1))
    def look(self, process: int) -> None:
        if self.budget is not None:
            self.run(self.processes[process].spent("key", KEY, self.budget.interval))

    def teardown(self) -> None:
        while self.open:
            self.finish(self.open.pop(), 10, "after")
        self.write()
        self.clock.now += KNOWN_AFTER + LASTS
        if self.budget is not None:
            spent = self.run(self.processes[1].spent("key", KEY, self.budget.interval))
            assert (spent.spent, spent.reserved) == (self.total, 0)


LimitMachine.TestCase.settings = settings(max_examples=examples(100), stateful_step_count=40)
TestLimits = LimitMachine.TestCase
