"""What the commands work with: the directory, what was spent, and names that stand for ids."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from app.core.access import Budget
from app.core.counting import spent_in
from app.core.directory import Audit, Spending, Spent
from app.core.records import AdminKey, KeyRecord, Project
from app.core.rollup import UsageSource
from app.core.table import Table
from app.core.windows import window_at
from app.stores.directory.shelf import OWN_KEY
from app.stores.directory.store import TableDirectory

N = TypeVar("N", KeyRecord, AdminKey, Project)

ACTOR = "cli"
"""In the audit: whoever has AWS credentials for the table."""


class Unknown(Exception):
    """A name that stands for nothing, or for several things; the text says so."""


class Desk:
    """`say` prints a line."""

    def __init__(self, table: Table, clock: Callable[[], float], say: Callable[[str], None]) -> None:
        from app.stores.ledger import Ledgers
        from app.stores.rollups import Rollups

        self.table = table
        self.directory = TableDirectory(table, clock=clock)
        self.clock = clock
        self.say = say
        self._usage: UsageSource = Rollups(table, clock)
        self._spending: Spending = Ledgers(table, self._usage, clock=clock)

    async def key(self, name: str) -> KeyRecord:
        """By id or name. `default`, the API_KEY, is there before it has a record. Raises Unknown."""
        if name == OWN_KEY:
            return await self.directory.key(OWN_KEY) or KeyRecord(OWN_KEY, "API_KEY")
        return self._one("key", name, await self.directory.keys())

    async def admin_key(self, name: str) -> AdminKey:
        return self._one("admin key", name, await self.directory.admin_keys())

    async def project(self, name: str) -> Project:
        """By id or name; of a name that was given again, the one that is not archived."""
        return self._one("project", name, await self.directory.projects())

    async def project_names(self) -> dict[str, str]:
        return {project.id: project.name for project in await self.directory.projects()}

    async def spent(self, record: KeyRecord) -> Spent:
        """By its ledger, or by the month's rollups where it has no budget and so no ledger of money."""
        if record.budget is not None:
            return await self._spending.spent("key", record.id, record.budget.interval)
        window = window_at("month", self.clock())
        spent = await spent_in(self._usage, "key", record.id, "month", window)
        return Spent(spent.total, 0, window.name, window.end)

    async def begin(self, kind: str, id: str, before: Budget | None, after: Budget | None) -> None:
        """Before a budget is set: what was spent in its window counts."""
        if after is not None and after != before:
            await self._spending.begin(kind, id, after)

    async def note(self, action: str, target: str, fields: Iterable[str] = ()) -> None:
        """For the audit. Names of fields only."""
        detail = {"fields": ",".join(fields)}
        await self.directory.write_audit(Audit(self.clock(), ACTOR, action, target, detail=detail))

    def _one(self, word: str, name: str, found: Sequence[N]) -> N:
        for each in found:
            if each.id == name:
                return each
        named = [each for each in found if each.name == name]
        named = [each for each in named if not getattr(each, "archived_at", None)] or named
        if not named:
            raise Unknown(f"There is no {word} {name!r}. `./dev keys {_LISTS[word]}` shows what there is.")
        if len(named) > 1:
            ids = ", ".join(each.id for each in named)
            raise Unknown(f"There are {len(named)} of the name {name!r}; say which one by its id: {ids}")
        return named[0]


_LISTS = {"key": "list", "admin key": "list --admin", "project": "project list"}


def clock() -> float:
    return time.time()
