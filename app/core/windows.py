"""Calendar windows in UTC, as budgets and rollups have them. Weeks are ISO weeks: they begin on Monday."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from app.core.access import Interval

MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Window:
    """`name` is `2026-11-21`, `2026-W47` or `2026-11`; `start` (inclusive) and `end` (exclusive) are epoch seconds."""

    name: str
    start: int
    end: int


def window_at(interval: Interval, at: float) -> Window:
    """The window that the moment `at` (epoch seconds) is in.

    >>> window_at("week", 1763683200).name
    '2025-W47'
    """
    return _window_of(interval, int(at // DAY))


def day_of(at: float) -> str:
    """`2026-11-21`."""
    return f"{datetime.fromtimestamp(at // DAY * DAY, UTC):%Y-%m-%d}"


@lru_cache(maxsize=256)
def _window_of(interval: Interval, day: int) -> Window:
    midnight = datetime.fromtimestamp(day * DAY, UTC)
    if interval == "day":
        return _window(f"{midnight:%Y-%m-%d}", midnight, midnight + timedelta(days=1))
    if interval == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        return _window("{}-W{:02}".format(*monday.isocalendar()[:2]), monday, monday + timedelta(days=7))
    first = midnight.replace(day=1)
    return _window(f"{first:%Y-%m}", first, (first + timedelta(days=32)).replace(day=1))


def _window(name: str, start: datetime, end: datetime) -> Window:
    return Window(name, int(start.timestamp()), int(end.timestamp()))
