"""Answers a usage query out of the rollups."""

from __future__ import annotations

from app.api.usage.encode import encode
from app.api.usage.schema import Asked, PageBody
from app.api.usage.sums import buckets_of, collect
from app.core.rollup import UsageSource
from app.core.windows import day_of


async def page(asked: Asked, source: UsageSource) -> PageBody:
    """Raises TableUnavailable."""
    buckets = buckets_of(asked)
    await collect(asked, buckets, source.rows(day_of(buckets[0].start), day_of(buckets[-1].end - 1)))
    return encode(asked, buckets)
