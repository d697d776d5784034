"""Items of usage as `rollup_items` writes them -> rows. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import get_args

from app.core.access import Interval
from app.core.counting import BOUNDS, counted_in
from app.core.rollup import Counters, Dimensions, UsageRow
from app.core.table import Item
from app.stores.rollup_items import LIMITS

_HOURLY = {
    "n": "requests",
    "q": "refused",
    "i": "input",
    "o": "output",
    "r": "cache_read",
    "w": "cache_write",
    "c": "cost",
}
_DAILY = {
    "ci": "cost_input",
    "co": "cost_output",
    "cr": "cost_cache_read",
    "cw": "cost_cache_write",
    "cx": "cost_other",
    "ch": "cost_short",
    "s": "saved",
    "e": "errors",
    "t": "throttles",
    "u": "unpriced",
    "x": "unsettled",
    "h": "short",
    "k": "cache_hits",
}
_COUNTED = frozenset(
    counted_in(kind, interval) for kind in ("key", "project", "organization") for interval in get_args(Interval)
)
_MAY_SINK = frozenset({"cost", "cost_other", "unsettled"})
"""An estimate that was charged is taken back where the request is heard of after all."""
_HISTOGRAMS = {"l": "latency", "f": "first_token"}
_TIMES = frozenset(_HISTOGRAMS.values())
_ATTRIBUTE = re.compile(r"([a-z]{1,2})(0|[1-9][0-9]?|)")
_ESCAPE = re.compile(r"%([0-9A-F]{2})")


def row_of(day: str, item: Item) -> UsageRow | None:
    """The row behind an item; None for what is nothing of ours. Attributes that make no sense are left out."""
    dimensions = dimensions_of(str(item.get("sk", "")))
    if dimensions is None:
        return None
    total = Counters()
    hours: dict[int, Counters] = {}
    counted: dict[str, int] = {}
    for name, value in item.items():
        if name in _COUNTED and type(value) is int:
            counted[name] = value
            continue
        field, number = _place(name)
        if not field or type(value) is not int or (value < 0 and field not in _MAY_SINK):
            continue
        if number is None:
            setattr(total, field, value)
        elif field in _TIMES:
            getattr(total, field)[number] = value
        else:
            hour = hours.get(number)
            if hour is None:
                hour = hours[number] = Counters()
            setattr(hour, field, value)
            setattr(total, field, getattr(total, field) + value)
    known = item.get("v", 0)
    return UsageRow(
        day, dimensions, total, dict(sorted(hours.items())), counted, known if isinstance(known, int) else 0
    )


@lru_cache(maxsize=1024)
def _place(name: str) -> tuple[str, int | None]:
    """The counter behind an attribute's name, and its hour or bucket; an empty one for none of ours."""
    found = _ATTRIBUTE.fullmatch(name)
    letters, digits = (found[1], found[2]) if found else ("", "")
    if not digits:
        return _DAILY.get(letters, ""), None
    number = int(digits)
    if letters in _HISTOGRAMS and number <= len(BOUNDS):
        return _HISTOGRAMS[letters], number
    return (_HOURLY[letters], number) if letters in _HOURLY and number < 24 else ("", None)


def dimensions_of(sk: str) -> Dimensions | None:
    fields = sk.split("|", len(LIMITS))
    if len(fields) <= len(LIMITS):
        return None
    kind, project, key, user, model, asked, tier, traffic = map(_unescaped, fields[:-1])
    return Dimensions(kind, project, key, user, model, asked, tier, traffic, fields[-1])


def tags_in(tag: str) -> dict[str, str]:
    """What `tag_of` was given."""
    pairs = (pair.partition("=") for pair in tag.split(",") if pair)
    return {_unescaped(name): _unescaped(value) for name, _, value in pairs}


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
