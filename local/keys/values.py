"""What is typed -> what is meant. Everything raises ArgumentTypeError, whose text says what was expected."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from app.core.access import NANOS, Budget, Interval
from app.core.prompt import Guardrail

T = TypeVar("T")

NONE = "none"
"""Takes a limit, or whatever an option sets, away."""

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800}
_TIMES = {"": 1, "k": 10**3, "m": 10**6}
_INTERVALS: dict[str, Interval] = {"day": "day", "week": "week", "month": "month"}
_LONGEST = 40
"""Characters of a number that anybody means."""


def or_none(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """`parse`, but `none` is None."""

    def parsed(text: str) -> T | None:
        return None if text.strip().lower() == NONE else parse(text)

    return parsed


def budget(text: str) -> Budget:
    """`20`, `20/month`, `0.50/day:soft`: US dollars per calendar day, week or month (UTC); hard unless it says soft."""
    found = re.fullmatch(r"\$?(-?\d+(?:\.\d+)?)(?:/(day|week|month))?(?::(soft|hard))?", text.strip().lower())
    if found is None or len(text) > _LONGEST:
        raise ArgumentTypeError(f"{_shown(text)} is no budget such as 20/month, 5/day:soft or none")
    nanos = Decimal(found[1]) * NANOS
    if nanos < 0:
        raise ArgumentTypeError("a budget can't be negative; 0 blocks, none is unlimited")
    if nanos != int(nanos):
        raise ArgumentTypeError("a budget has at most 9 decimals")
    return Budget(int(nanos), _INTERVALS[found[2] or "month"], found[3] != "soft")


def limit(text: str) -> int:
    """`60`, `100k`, `2M`."""
    found = re.fullmatch(r"(-?\d+)([km]?)", text.strip().lower().replace("_", ""), re.ASCII)
    if found is None or len(text) > _LONGEST:
        raise ArgumentTypeError(f"{_shown(text)} is no limit such as 60, 100k, 2M or none")
    if found[1].startswith("-"):
        raise ArgumentTypeError("a limit can't be negative; 0 blocks, none is unlimited")
    return int(found[1]) * _TIMES[found[2]]


def duration(text: str) -> int:
    """`90`, `15m`, `1h`, `30d`, `2w` in seconds."""
    found = re.fullmatch(r"(\d+)([smhdw]?)", text.strip().lower(), re.ASCII)
    if found is None or len(text) > _LONGEST:
        raise ArgumentTypeError(f"{_shown(text)} is no time span such as 90s, 15m, 1h or 30d")
    return int(found[1]) * _UNITS[found[2]]


def expiry(now: float) -> Callable[[str], int]:
    """`30d` from now, or `2027-01-31`: when that day begins (UTC). In epoch seconds."""

    def parsed(text: str) -> int:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip(), re.ASCII):
            try:
                return int(datetime.fromisoformat(text.strip()).replace(tzinfo=UTC).timestamp())
            except ValueError:
                raise ArgumentTypeError(f"{_shown(text)} is no day of the calendar") from None
        try:
            return int(now) + duration(text)
        except ArgumentTypeError:
            raise ArgumentTypeError(f"{_shown(text)} is neither a time span (30d) nor a day (2027-01-31)") from None

    return parsed


def models(text: str) -> tuple[str, ...]:
    """`us.anthropic.*,fast`."""
    found = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not found:
        raise ArgumentTypeError("expected are patterns and aliases with commas between them, or none for all models")
    return found


def pair(text: str) -> tuple[str, str]:
    """`team=search`; nothing behind the `=` takes the name away."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ArgumentTypeError(f"{_shown(text)} has no form NAME=VALUE")
    return name.strip(), value.strip()


def guardrail(text: str) -> Guardrail:
    """`abc123:1`, `abc123:DRAFT`, or the same with the guardrail's ARN."""
    identifier, colon, version = text.strip().rpartition(":")
    if not colon or not identifier or not version:
        raise ArgumentTypeError(f"{_shown(text)} has no form ID:VERSION")
    return Guardrail(identifier, version)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "...")
