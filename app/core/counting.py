"""What those who write and those who read rollups agree on: names that stand for none, and histograms of times.

Apart from `core/rollup.py`, whose dataclasses take 2 ms of a cold start and are for readers only (measured 2026-11).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

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


def counted_in(kind: str, interval: str) -> str:
    """The attribute of a rollup for what the ledger of this `kind` and `interval` has counted of it.

    >>> counted_in("key", "month")
    'km'
    """
    return kind[0] + interval[0]


class Charge(NamedTuple):
    """Where a reservation goes that is never settled. `payer`: the key on whose account; empty where another ledger of the
    same request has it. `counted`: the ledgers that held it and so count it, as `counted_in` names them."""

    payer: str = ""
    counted: tuple[str, ...] = ()


class Spending(NamedTuple):
    """What was spent in a window, in nano-USD.

    `uncounted`: the part that its ledger did not count. `complete`: whether all of it says what counted it; rollups written
    before 2026-12 do not.
    """

    total: int
    uncounted: int
    complete: bool


async def spent_in(source: UsageSource, kind: str, id: str, interval: str, window: Window) -> Spending:
    """What a key, project or the organization (`kind`) has spent in a window. Raises TableUnavailable."""
    total, counted, complete, name = 0, 0, True, counted_in(kind, interval)
    async for row in source.rows(day_of(window.start), day_of(window.end - 1)):
        dimensions = row.dimensions
        owner = {"key": dimensions.key, "project": dimensions.project, "organization": id}.get(kind)
        if owner == id:
            total += row.total.cost
            counted += row.counted.get(name, 0)
            complete = complete and row.known >= row.total.requests
    return Spending(total, total - counted, complete)
