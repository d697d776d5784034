"""What the handlers of the admin routes work with: the ports, and what was asked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from app.api.keys.decode import read
from app.api.keys.query import Query
from app.core.access import DEFAULT_PROJECT, Alert, Budget
from app.core.directory import Directory, Spending, Spent
from app.core.ports import Caller, Models
from app.core.records import KeyRecord, Project, ServiceAccount
from app.errors import InvalidRequest, NotFound
from app.web.admin import AdminDoor
from app.web.asgi import Request

B = TypeVar("B", bound=BaseModel)

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_AT_ONCE = 16
ORGANIZATION = "organization"
"""The id of the organization's ledger."""
OWN_KEY = "default"
"""The id of the single API_KEY, whose record is made by its first change."""


class Asked:
    """One request of an admin."""

    __slots__ = ("_admin", "_door", "_request", "params")

    def __init__(self, door: AdminDoor, admin: Caller, request: Request) -> None:
        self._door = door
        self._admin = admin
        self._request = request
        self.params: Mapping[str, str] = request.path_params

    def query(self, *allowed: str) -> Query:
        return Query(self._request.scope["query_string"], allowed)

    async def body(self, model: type[B], *, optional: bool = False) -> B:
        return read(model, await self._door.body(self._request, optional=optional))

    async def note(self, action: str, target: str, detail: Mapping[str, str] | None = None) -> None:
        await self._door.note(self._request, self._admin, action, target, detail)


class Desk:
    def __init__(
        self,
        directory: Directory,
        spending: Spending,
        models: Models | None,
        clock: Callable[[], float],
    ) -> None:
        self.directory = directory
        self.models = models
        self.clock = clock
        self._spending = spending

    async def project(self, asked: Asked, *, open: bool = False) -> Project:
        """The project of the path. Raises NotFound; where it has to be `open`, InvalidRequest for an archived one."""
        id = asked.params["project"]
        project = await self.directory.project(id) if _ID.fullmatch(id) else None
        if project is None:
            raise missing("project", id)
        if open and project.archived_at is not None:
            raise InvalidRequest("The project is archived.", param="project_id", code="project_archived")
        return project

    async def account(self, asked: Asked, project: Project) -> ServiceAccount:
        id = asked.params["account"]
        account = await self.directory.account(id) if _ID.fullmatch(id) else None
        if account is None or account.project != project.id:
            raise missing("service account", id)
        return account

    async def key(self, asked: Asked, project: Project, *, own: bool = False) -> KeyRecord:
        """The key of the path; one of another project is not there. `own`: the API_KEY is, in any case."""
        id = asked.params["key"]
        record = await self.directory.key(id) if _ID.fullmatch(id) else None
        if record is None and own and id == OWN_KEY:
            record = KeyRecord(OWN_KEY, "API_KEY")
        if record is None or (record.project or DEFAULT_PROJECT) != project.id:
            raise missing("API key", id)
        return record

    async def spent(self, kind: str, id: str, budget: Budget | None) -> Spent | None:
        """What its budget has counted in the current window; None without one."""
        return await self._spending.spent(kind, id, budget.interval) if budget else None

    async def spent_of(self, records: Collection[KeyRecord]) -> list[Spent | None]:
        """Of several keys, some at a time."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(record: KeyRecord) -> Spent | None:
            async with turns:
                return await self.spent("key", record.id, record.budget)

        return list(await asyncio.gather(*map(one, records)))

    async def begin(self, kind: str, id: str, limit: Budget | Alert | None) -> None:
        """To be called before a limit is set: from then on its ledger counts, and it has to know what was spent before."""
        if limit is not None:
            budget = limit if isinstance(limit, Budget) else Budget(limit.nanos, limit.interval, hard=False)
            await self._spending.begin(kind, id, budget)


def id_in(asked: Asked, name: str, what: str) -> str:
    """An id of the path. Raises NotFound for what no id looks like."""
    id = asked.params[name]
    if not _ID.fullmatch(id):
        raise missing(what, id)
    return id


def missing(what: str, id: str) -> NotFound:
    return NotFound(f"No {what} found with id '{id[:80]}'.", code="not_found")


def fields_of(given: BaseModel) -> str:
    """The names of what was given, for the audit."""
    return ",".join(sorted(given.model_fields_set))


Handler = Callable[[Desk, Asked], Awaitable[dict[str, Any]]]
