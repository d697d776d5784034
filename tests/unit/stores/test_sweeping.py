"""What nobody settles is on somebody's account, once, whichever ledgers held it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.core.access import Budget, Scope
from app.core.counting import Charge, counted_in
from app.core.records import KeyRecord
from app.stores.directory.store import TableDirectory
from app.stores.ledger import Ledgers
from app.stores.sweeping import PAUSE, Sweeper
from app.stores.table.memory import MemoryTable

HARD = Budget(1000)


class Clock:
    now = 1_795_266_030.0

    def __call__(self) -> float:
        return self.now


class Charged:
    def __init__(self) -> None:
        self.all: list[tuple[str, str, str, int]] = []
        self.counted: list[tuple[str, ...]] = []

    def charge_unsettled(
        self, project: str, key: str, user: str, nanos: int, at: float, *, counted: Sequence[str]
    ) -> None:
        self.all.append((project, key, user, nanos))
        self.counted.append((*counted,))


class House:
    def __init__(self) -> None:
        self.clock, self.charged = Clock(), Charged()
        table = MemoryTable(self.clock)
        self.directory = TableDirectory(table, clock=self.clock)
        self.ledgers = Ledgers(table, lasts=60, clock=self.clock)
        self.sweeper = Sweeper(self.directory, self.ledgers, self.charged, self.clock)

    async def lose(self, key: KeyRecord, *scopes: Scope) -> None:
        """A request that takes 300 nano-USD and is never heard of again: its first ledger has it on the key's account."""
        held = tuple(counted_in(scope.kind, scope.interval) for scope in scopes)
        for place, scope in enumerate(scopes):
            await self.ledgers.reserve(scope, "r1", "m", 300, 1, charge=Charge() if place else Charge(key.id, held))

    async def swept(self) -> list[tuple[str, str, str, int]]:
        await self.sweeper.sweep()
        return self.charged.all


async def test_a_key_that_only_its_project_limits_pays_for_what_it_lost() -> None:
    house = House()
    project = await house.directory.create_project("team")
    await house.directory.update_project(replace(project, budget=HARD))
    key, _ = await house.directory.create_key(KeyRecord("", "alice", project=project.id, user="u1"))
    await house.lose(key, Scope("project", project.id, budget=HARD))
    assert await house.swept() == []
    house.clock.now += 61
    assert await house.swept() == [(project.id, key.id, "u1", 300)]
    assert (await house.ledgers.spent("project", project.id, "month")).spent == 300


async def test_two_ledgers_of_a_request_are_one_charge() -> None:
    house = House()
    key, _ = await house.directory.create_key(KeyRecord("", "alice", budget=HARD))
    organization = await house.directory.organization()
    await house.directory.update_organization(replace(organization, budget=HARD))
    await house.lose(key, Scope("key", key.id, budget=HARD), Scope("organization", "organization", budget=HARD))
    house.clock.now += 61
    assert await house.swept() == [("proj_default", key.id, "", 300)]
    assert house.charged.counted == [("km", "om")]
    for kind, id in (("key", key.id), ("organization", "organization")):
        spent = await house.ledgers.spent(kind, id, "month")
        assert (spent.spent, spent.reserved) == (300, 0)


async def test_nobody_looks_at_all_ledgers_again_at_once() -> None:
    house = House()
    key, _ = await house.directory.create_key(KeyRecord("", "alice", budget=HARD))
    await house.swept()
    await house.lose(key, Scope("key", key.id, budget=HARD))
    house.clock.now += PAUSE - 1
    assert await house.swept() == []
    house.clock.now += 61
    assert len(await house.swept()) == 1


async def test_a_key_that_is_gone_still_has_its_account() -> None:
    house = House()
    organization = await house.directory.organization()
    await house.directory.update_organization(replace(organization, budget=HARD))
    gone = KeyRecord("key_gone", "")
    await house.lose(gone, Scope("organization", "organization", budget=HARD))
    house.clock.now += 61
    assert await house.swept() == [("proj_default", "key_gone", "", 300)]


async def test_a_passing_request_leaves_what_others_lost_to_them() -> None:
    """In a ledger of many keys it could not tell whose project it is."""
    house = House()
    scope = Scope("organization", "organization", budget=HARD)
    await house.ledgers.reserve(scope, "r1", "m", 300, 1, charge=Charge("key_a", ("om",)))
    house.clock.now += 61
    other = await house.ledgers.reserve(scope, "r2", "m", 100, 1, charge=Charge("key_b", ("om",)))
    assert await house.ledgers.sweep(other) == {}
    own = await house.ledgers.reserve(scope, "r3", "m", 100, 1, charge=Charge("key_a", ("om",)))
    assert await house.ledgers.sweep(own) == {Charge("key_a", ("om",)): 300}
