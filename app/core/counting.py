"""What those who write and those who read rollups agree on: names that stand for none, and histograms of times.

Apart from `core/rollup.py`, whose dataclasses take 2 ms of a cold start and are for readers only (measured 2026-11).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.core.windows import Window, day_of

if TYPE_CHECKING:
    from app.core.rollup import UsageSource

SHORT = 100
"""Output tokens below which an answer is a short one."""
UNSETTLED = "(unsettled)"
"""The model of what was charged for requests that nobody heard of again."""
UNKNOWN = "(unknown)"
"""The model of requests that ended before one was found."""
OTHER = "(other)"
"""Stands for a tag or model where a process has counted too many different ones on one day."""

BOUNDS = tuple(1.25**bucket for bucket in range(1, 64))
"""Milliseconds at which a bucket of the histogram ends and the next one begins: each is a quarter wider. The last is open,
from 21 minutes on."""


def bucket_of(milliseconds: int) -> int:
    """The histogram's bucket, from 0 to 63.

    >>> [bucket_of(ms) for ms in (-5, 1, 2, 1000, 10**9)]
    [0, 0, 3, 30, 63]
    """
    return bisect_right(BOUNDS, milliseconds)


def percentile(histogram: Mapping[int, int], share: float) -> int | None:
    """Milliseconds that `share` (0..1) of the requests stayed within, a straight line being drawn through each bucket:
    off by a quarter at most. None of nothing.

    >>> percentile({30: 10}, 0.5)
    909
    """
    wanted = share * sum(histogram.values())
    passed = 0
    for bucket, count in sorted(histogram.items()):
        if count > 0 and passed + count >= wanted:
            low = BOUNDS[bucket - 1] if bucket else 0.0
            high = BOUNDS[min(bucket, len(BOUNDS) - 1)]
            return round(low + (max(high, low) - low) * (wanted - passed) / count)
        passed += count
    return None


async def already_spent(source: UsageSource, kind: str, id: str, window: Window) -> int:
    """What a key, project or the organization (`kind`) has spent in a window, in nano-USD. Raises TableUnavailable."""
    spent = 0
    async for row in source.rows(day_of(window.start), day_of(window.end - 1)):
        dimensions = row.dimensions
        owner = {"key": dimensions.key, "project": dimensions.project, "organization": id}.get(kind)
        if owner == id:
            spent += row.total.cost
    return spent
