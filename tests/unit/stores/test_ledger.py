"""Ledgers beside the property test: reservations whose answers are lost."""

from __future__ import annotations

import pytest

from app.core.access import Budget, Scope
from app.core.lasting import finish
from app.core.table import TableUnavailable
from app.stores.ledger import WITHDRAW_DELAYS, Ledgers
from tests.unit.stores.failing import Clock, Fault, FaultyTable


@pytest.mark.parametrize("faults", [("lost", "lost"), ("lost", "refused"), ("late", "late"), ("late", "refused")])
async def test_a_refused_request_costs_nothing_though_its_reservation_was_written(faults: tuple[Fault, ...]) -> None:
    """Late writes arrive while the gateway looks for them for the last time but one."""
    clock = Clock()
    table = FaultyTable(clock)

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        if seconds == WITHDRAW_DELAYS[-2]:
            await table.arrive()

    books = Ledgers(table, lasts=600, clock=clock, sleep=sleep)
    scope = Scope("key", "key_1", budget=Budget(1000))
    table.faults = list(faults)
    with pytest.raises(TableUnavailable):
        await books.reserve(scope, "r1", "m", 50, 1)
    await finish(5)
    spent = await books.spent("key", "key_1", "month")
    assert (spent.spent, spent.reserved) == (0, 0)
    clock.now += 601
    assert (await books.spent("key", "key_1", "month")).spent == 0


async def test_a_reservation_is_withdrawn_once_though_the_answer_to_that_is_lost_too() -> None:
    clock = Clock()
    table = FaultyTable(clock)

    async def sleep(seconds: float) -> None:
        clock.now += seconds

    books = Ledgers(table, clock=clock, sleep=sleep)
    scope = Scope("key", "key_1", budget=Budget(1000))
    other = await books.reserve(scope, "r1", "m", 70, 1)
    table.faults = ["lost", "lost", "lost", "refused"]
    with pytest.raises(TableUnavailable):
        await books.reserve(scope, "r2", "m", 50, 1)
    await finish(5)
    assert (await books.spent("key", "key_1", "month")).reserved == 70
    await books.settle(other, 60, 1)
    spent = await books.spent("key", "key_1", "month")
    assert (spent.spent, spent.reserved) == (60, 0)
