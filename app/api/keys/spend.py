"""`spend_limit` and `spend_alerts`, of a project and of the organization: the same routes twice."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Literal

from app.api.keys import encode
from app.api.keys.decode import alert, budget
from app.api.keys.desk import ORGANIZATION, Asked, Desk, missing
from app.api.keys.query import PAGING, paged
from app.api.keys.schema import SpendAlert, SpendLimit
from app.core.access import Alert, Budget, Interval
from app.core.records import Organization, Project
from app.errors import InvalidRequest, NotFound

MOST_ALERTS = 20


class _Holder:
    """Whose limit and alerts a path is about."""

    def __init__(self, desk: Desk, record: Project | Organization) -> None:
        self._desk = desk
        self._record = record
        self.kind: Literal["project", "organization"] = "project" if isinstance(record, Project) else "organization"
        self.id = record.id if isinstance(record, Project) else ORGANIZATION
        self.budget = record.budget
        self.alerts = record.alerts

    @property
    def interval(self) -> Interval:
        """What its spending is counted by: one ledger serves the limit and all alerts."""
        if self.budget is not None:
            return self.budget.interval
        return self.alerts[0].interval if self.alerts else "month"

    async def save(self, asked: Asked, what: str, limit: Budget | None, alerts: tuple[Alert, ...]) -> None:
        """`what`: the name of the change, for the audit. Raises GatewayError 409 where somebody else was quicker."""
        if isinstance(self._record, Project):
            self._record = await self._desk.directory.update_project(replace(self._record, budget=limit, alerts=alerts))
            await asked.note("project.updated", self.id, {"project": self.id, "fields": what})
        else:
            self._record = await self._desk.directory.update_organization(
                replace(self._record, budget=limit, alerts=alerts)
            )
            await asked.note("organization.updated", self.id, {"fields": what})
        self.budget, self.alerts = limit, alerts

    def shown(self, each: Alert) -> encode.Body:
        return encode.spend_alert(self.kind, each)

    def place(self, asked: Asked) -> int:
        """Where the alert of the path stands among the others."""
        id = asked.params["alert"]
        for place, each in enumerate(self.alerts):
            if each.id == id:
                return place
        raise missing("spend alert", id)


async def _holder(desk: Desk, asked: Asked, *, open: bool = False) -> _Holder:
    if "project" in asked.params:
        return _Holder(desk, await desk.project(asked, open=open))
    return _Holder(desk, await desk.directory.organization())


async def retrieve_limit(desk: Desk, asked: Asked) -> encode.Body:
    return await _limit(desk, await _holder(desk, asked))


async def update_limit(desk: Desk, asked: Asked) -> encode.Body:
    limit = budget(await asked.body(SpendLimit), "")
    holder = await _holder(desk, asked, open=True)
    if holder.alerts and holder.alerts[0].interval != limit.interval:
        raise _other_interval("there are alerts", holder.alerts[0].interval)
    if limit != holder.budget:
        await desk.begin(holder.kind, holder.id, limit)
        await holder.save(asked, "spend_limit", limit, holder.alerts)
    return await _limit(desk, holder)


async def delete_limit(desk: Desk, asked: Asked) -> encode.Body:
    holder = await _holder(desk, asked)
    if holder.budget is None:
        raise _no_limit(holder)
    await holder.save(asked, "spend_limit", None, holder.alerts)
    return encode.deleted(f"{holder.kind}.spend_limit")


async def list_alerts(desk: Desk, asked: Asked) -> encode.Body:
    query = asked.query(*PAGING, "before", "order")
    holder = await _holder(desk, asked)
    page, more = paged(holder.alerts, query, lambda each: each.id)
    return encode.listing([holder.shown(each) for each in page], more=more)


async def create_alert(desk: Desk, asked: Asked) -> encode.Body:
    given = await asked.body(SpendAlert)
    holder = await _holder(desk, asked, open=True)
    if len(holder.alerts) >= MOST_ALERTS:
        raise InvalidRequest(f"There are {MOST_ALERTS} alerts already, which is the most.", code="too_many_alerts")
    new = _checked(holder, alert(f"alert_{os.urandom(8).hex()}", given, holder.interval))
    await desk.begin(holder.kind, holder.id, new)
    await holder.save(asked, "spend_alerts", holder.budget, (*holder.alerts, new))
    return holder.shown(new)


async def retrieve_alert(desk: Desk, asked: Asked) -> encode.Body:
    holder = await _holder(desk, asked)
    return holder.shown(holder.alerts[holder.place(asked)])


async def update_alert(desk: Desk, asked: Asked) -> encode.Body:
    given = await asked.body(SpendAlert)
    holder = await _holder(desk, asked, open=True)
    place = holder.place(asked)
    new = alert(holder.alerts[place].id, given, holder.interval)
    if len(holder.alerts) > 1 or holder.budget is not None:
        _checked(holder, new)
    await desk.begin(holder.kind, holder.id, new)
    await holder.save(asked, "spend_alerts", holder.budget, (*holder.alerts[:place], new, *holder.alerts[place + 1 :]))
    return holder.shown(new)


async def delete_alert(desk: Desk, asked: Asked) -> encode.Body:
    holder = await _holder(desk, asked)
    place = holder.place(asked)
    id = holder.alerts[place].id
    await holder.save(asked, "spend_alerts", holder.budget, holder.alerts[:place] + holder.alerts[place + 1 :])
    return encode.deleted(f"{holder.kind}.spend_alert", id)


async def _limit(desk: Desk, holder: _Holder) -> encode.Body:
    if holder.budget is None:
        raise _no_limit(holder)
    spent = await desk.spent(holder.kind, holder.id, holder.budget)
    body = {"object": f"{holder.kind}.spend_limit"} | encode.spend_limit(holder.budget, spent)
    return body | {"spend": encode.spend(spent)}


def _checked(holder: _Holder, new: Alert) -> Alert:
    if (holder.budget is not None or holder.alerts) and new.interval != holder.interval:
        raise _other_interval("its spend limit or another alert is there", holder.interval)
    return new


def _other_interval(why: str, interval: Interval) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid value for 'interval': {why}, and spending is counted by {interval}.",
        param="interval",
        code="invalid_value",
    )


def _no_limit(holder: _Holder) -> NotFound:
    return NotFound(f"The {holder.kind} has no spend limit.", code="not_found")
