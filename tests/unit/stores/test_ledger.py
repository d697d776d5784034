"""Ledgers beside the property test: how a limit begins, and reservations whose answers are lost."""

from __future__ import annotations

import pytest

from app.core.access import Budget, Scope
from app.core.lasting import finish
from app.core.table import TableUnavailable
from app.stores.ledger import WITHDRAW_DELAYS, Ledgers
from app.stores.table.memory import MemoryTable
from tests.unit.stores.failing import Clock, Fault, FaultyTable

NOW = 1_795_266_030.0


def ledgers() -> Ledgers:
    return Ledgers(MemoryTable(lambda: NOW), clock=lambda: NOW)


async def test_a_limit_that_is_set_again_knows_what_was_spent_without_it() -> None:
    """Removed, its ledger stood still: what the rollups have more counts from the start."""
    books, limit = ledgers(), Budget(1000)
    scope = Scope("key", "key_1", budget=limit)
    await books.begin("key", "key_1", limit, 100)
    await books.settle(await books.reserve(scope, "r1", "m", 50, 1), 40, 1)
    held = await books.reserve(scope, "r2", "m", 50, 1)
    await books.begin("key", "key_1", limit, 600)
    spent = await books.spent("key", "key_1", "month")
    assert (spent.spent, spent.reserved) == (600, 50)
    await books.settle(held, 50, 1)
    assert (await books.spent("key", "key_1", "month")).spent == 650


async def test_a_ledger_that_knows_more_than_the_rollups_stays() -> None:
    """They are written a moment later."""
    books, limit = ledgers(), Budget(1000)
    for already in (100, 100, 60):
        await books.begin("key", "key_1", limit, already)
    assert (await books.spent("key", "key_1", "month")).spent == 100


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
