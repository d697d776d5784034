"""`/organization/audit_logs`: who changed what, newest first."""

from __future__ import annotations

from app.api.keys import encode
from app.api.keys.desk import Asked, Desk
from app.api.keys.query import PAGING, Query, paged
from app.core.directory import Audit

REACH = 2000
"""Entries looked through for one answer. What is older is in the table."""
_LISTS = ("event_types", "actor_ids", "resource_ids", "project_ids")
_RANGE = ("gt", "gte", "lt", "lte")
_LATEST = 253_402_300_799


async def list_all(desk: Desk, asked: Asked) -> encode.Body:
    query = asked.query(
        *PAGING, "before", *_LISTS, *(f"{name}[]" for name in _LISTS), *(f"effective_at[{name}]" for name in _RANGE)
    )
    entries = [each for each in await desk.directory.audit(limit=REACH) if _wanted(each, query)]
    page, more = paged(entries, query, encode.audit_id)
    return encode.listing([encode.audit_log(each) for each in page], more=more)


def _wanted(entry: Audit, query: Query) -> bool:
    about = (
        ("event_types", entry.action),
        ("actor_ids", entry.actor),
        ("resource_ids", entry.target),
        ("project_ids", (entry.detail or {}).get("project", "")),
    )
    at, end = int(entry.at), _LATEST
    return (
        all(value in query.many(name) or not query.many(name) for name, value in about)
        and at > query.number("effective_at[gt]", -1, 0, end)
        and at >= query.number("effective_at[gte]", 0, 0, end)
        and at < query.number("effective_at[lt]", end, 0, end)
        and at <= query.number("effective_at[lte]", end, 0, end)
    )
