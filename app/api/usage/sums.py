"""Rollup rows -> sums by bucket and group. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator, Mapping
from dataclasses import dataclass, field

from app.api.usage.schema import Asked
from app.core.rollup import Counters, Dimensions, UsageRow
from app.core.windows import DAY, HOUR

Group = tuple[str | bool | None, ...]
"""The values of the fields that are grouped by, in their order; None where a field has none."""

_LINES = (
    ("input", "cost_input", "input"),
    ("output", "cost_output", "output"),
    ("cache read", "cost_cache_read", "cache_read"),
    ("cache write", "cost_cache_write", "cache_write"),
    ("other", "cost_other", ""),
)
"""What a line item is called, its cost, its quantity."""

_FIELDS = {"project_ids": "project", "user_ids": "user", "api_key_ids": "key", "models": "model"}


@dataclass(slots=True)
class Line:
    """`nanos`: nano-USD. `quantity`: tokens, None where that is not counted."""

    nanos: int = 0
    quantity: int | None = 0


@dataclass(slots=True)
class Bucket:
    """One of `usage` and `costs` is filled. `end` is exclusive."""

    start: int
    end: int
    usage: dict[Group, Counters] = field(default_factory=dict)
    costs: dict[Group, Line] = field(default_factory=dict)


def buckets_of(asked: Asked) -> list[Bucket]:
    """Those of one page, on the calendar (UTC); the first and the last are shorter where the times asked say so."""
    buckets: list[Bucket] = []
    begin = asked.begin
    while begin < asked.end and len(buckets) < asked.limit:
        end = min((begin // asked.width + 1) * asked.width, asked.end)
        buckets.append(Bucket(begin, end))
        begin = end
    return buckets


async def collect(asked: Asked, buckets: list[Bucket], rows: AsyncIterable[UsageRow]) -> None:
    """Adds up what of the rows was asked for."""
    first = buckets[0].start // asked.width
    async for row in rows:
        if not _wanted(row.dimensions, asked):
            continue
        midnight = _midnight(row.day)
        if asked.report.kind:
            parts = {0: row.total} if _is_whole(buckets, midnight, asked) else row.hours
            for hour, counters in parts.items():
                at = midnight + hour * HOUR
                if buckets[0].start <= at < buckets[-1].end:
                    _add(buckets[at // asked.width - first], row.dimensions, counters, asked)
        elif buckets[0].start <= midnight < buckets[-1].end:
            _add_costs(buckets[midnight // DAY - first], row, asked)


def _is_whole(buckets: list[Bucket], midnight: int, asked: Asked) -> bool:
    """Whether the day is one bucket, so that nobody has to look at its hours."""
    return asked.width == DAY and buckets[0].start <= midnight and midnight + DAY <= buckets[-1].end


def _wanted(dimensions: Dimensions, asked: Asked) -> bool:
    if asked.report.kind and dimensions.kind != asked.report.kind:
        return False
    if asked.batch is not None and asked.batch != (dimensions.traffic == "batch"):
        return False
    return all(getattr(dimensions, _FIELDS[name]) in values for name, values in asked.filters if name in _FIELDS)


def _add(bucket: Bucket, dimensions: Dimensions, counters: Counters, asked: Asked) -> None:
    if counters.requests > counters.refused:  # who was refused took no tokens
        group = _group(dimensions, asked, "")
        bucket.usage.setdefault(group, Counters()).add(counters)


def _add_costs(bucket: Bucket, row: UsageRow, asked: Asked) -> None:
    lines = dict(asked.filters).get("line_items")
    for name, nanos, quantity in _lines(row):
        if (nanos or quantity) and (lines is None or name in lines):
            line = bucket.costs.setdefault(_group(row.dimensions, asked, name), Line())
            line.nanos += nanos
            line.quantity = None if line.quantity is None or quantity is None else line.quantity + quantity


def _lines(row: UsageRow) -> Iterator[tuple[str, int, int | None]]:
    for name, cost, quantity in _LINES:
        counted = getattr(row.total, quantity) if quantity else None
        yield f"{row.dimensions.model}, {name}", getattr(row.total, cost), counted


def _group(dimensions: Dimensions, asked: Asked, line: str) -> Group:
    if not asked.group_by:
        return ()
    values: Mapping[str, str | bool | None] = {
        "project_id": dimensions.project,
        "user_id": dimensions.user or None,
        "api_key_id": dimensions.key,
        "model": dimensions.model,
        "batch": dimensions.traffic == "batch",
        "service_tier": dimensions.tier,
        "api_source": "unlabeled",
        "line_item": line,
    }
    return tuple([values.get(name) for name in asked.group_by])


def _midnight(day: str) -> int:
    from datetime import date

    return (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY
