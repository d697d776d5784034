"""Ledgers beside the property test: how a limit begins."""

from __future__ import annotations

from app.core.access import Budget, Scope
from app.stores.ledger import Ledgers
from app.stores.table.memory import MemoryTable

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
