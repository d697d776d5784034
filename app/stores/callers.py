"""Callers, put together from a key's record, its project and the organization. Each is kept for a minute (`lookups`).

While the table is away, a caller with hard limits gets 503, because nothing could be counted for it; others are `stale`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from app.core.access import DEFAULT_PROJECT, Rates, Scope
from app.core.ports import Caller
from app.core.records import KeyRecord, Organization, Project
from app.core.table import Table, TableUnavailable
from app.errors import Unauthenticated
from app.stores.directory.items import organization_of, project_of
from app.stores.directory.shelf import ORGANIZATION, Shelf, default_project
from app.stores.lookups import Lookups

ORGANIZATION_SCOPE: Final = "organization"
"""The id of the organization's ledger."""


class LimitsUnchecked(TableUnavailable):
    """The caller has limits that hold, and the table that they are counted in is away."""


class _Built(NamedTuple):
    record: KeyRecord
    project: Project
    organization: Organization
    caller: Caller
    limited: bool


class Callers:
    def __init__(self, table: Table, *, clock: Callable[[], float], most: int) -> None:
        self._clock = clock
        self._most = most
        self._project_shelf = Shelf(table, "project", "project", project_of)
        self._organization_shelf = Shelf(table, "organization", "organization", organization_of)
        self._projects: Lookups[Project] = Lookups(self._read_project, clock=clock, most=most)
        self._organization: Lookups[Organization] = Lookups(self._read_organization, clock=clock, most=1)
        self._built: OrderedDict[str, _Built] = OrderedDict()

    def prefetch(self, project: str = "") -> None:
        """Begin the reads that a caller will need, beside whatever is read first."""
        now = self._clock()
        self._organization.prefetch(ORGANIZATION, now)
        if project:
            self._projects.prefetch(project, now)

    async def caller(self, record: KeyRecord, *, stale: bool) -> Caller:
        """Raises Unauthenticated for a key that may not be used, LimitsUnchecked, and UpstreamFailure for what is not
        known. `stale`: so is the record."""
        now = self._clock()
        project = self._projects.peek(record.project, now)
        if project is None:
            self.prefetch(record.project)  # both at once
            project, old = await self._projects.get(record.project)
            stale |= old
        organization = self._organization.peek(ORGANIZATION, now)
        if organization is None:
            organization, old = await self._organization.get(ORGANIZATION)
            stale |= old
        assert project is not None
        assert organization is not None
        built = self._build(record, project.value, organization.value)
        if refusal := _refusal(record, project.value, now):
            raise refusal
        if not stale:
            return built.caller
        if built.limited:
            raise LimitsUnchecked("limits can't be checked")
        return replace(built.caller, stale=True)

    def _build(self, record: KeyRecord, project: Project, organization: Organization) -> _Built:
        built = self._built.get(record.id)
        if (
            built is not None
            and built.record is record
            and built.project is project
            and built.organization is organization
        ):
            return built
        scopes = _scopes(record, project, organization)
        caller = Caller(
            record.id, record.name, record.tags, record.project, record.user, record.access, scopes, stale=False
        )
        built = self._built[record.id] = _Built(record, project, organization, caller, any(map(is_hard, scopes)))
        self._built.move_to_end(record.id)
        if len(self._built) > self._most:
            self._built.popitem(last=False)
        return built

    async def _read_project(self, id: str) -> Project:
        found = await self._project_shelf.get(id)
        if found is None:  # none can be deleted, so a key whose project is not there opens nothing
            return default_project() if id == DEFAULT_PROJECT else Project(id, "", archived_at=0)
        return found

    async def _read_organization(self, id: str) -> Organization:
        return await self._organization_shelf.get(id) or Organization()


def is_hard(scope: Scope) -> bool:
    """Whether a request of this scope may have to be refused, so that it must be counted before it is let in."""
    rates = (scope.rates, *scope.models.values())
    return (scope.budget is not None and scope.budget.hard) or any(each != Rates() for each in rates)


def _scopes(record: KeyRecord, project: Project, organization: Organization) -> tuple[Scope, ...]:
    """Those that have anything to say, the key's first."""
    scopes = []
    if record.budget is not None or record.rates != Rates():
        scopes.append(Scope("key", record.id, record.rates, record.budget))
    if project.budget is not None or project.alerts or project.rates:
        models = {model: rates for model, rates in project.rates.items() if model != "*"}
        rates = project.rates.get("*", Rates())
        scopes.append(Scope("project", project.id, rates, project.budget, project.alerts, models))
    if organization.budget is not None or organization.alerts:
        scopes.append(Scope("organization", ORGANIZATION_SCOPE, budget=organization.budget, alerts=organization.alerts))
    return tuple(scopes)


def _refusal(record: KeyRecord, project: Project, now: float) -> Unauthenticated | None:
    """Told only to who has presented the key."""
    if record.disabled:
        return Unauthenticated("This API key is disabled.", code="key_disabled")
    if record.expires_at is not None and record.expires_at <= now:
        return expired(record.expires_at)
    if project.archived_at is not None:
        return Unauthenticated("The project of this API key is archived.", code="project_archived")
    return None


def expired(at: int) -> Unauthenticated:
    """`at`: epoch seconds."""
    return Unauthenticated(
        f"This API key expired at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC.", code="key_expired"
    )
