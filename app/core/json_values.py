"""Numbers that are JSON and yet can not be sent on: `1e999` is parsed as infinity, which is no JSON. Pure."""

from __future__ import annotations

import math
import re
from typing import Any

_LARGE = re.compile(rb"[0-9][eE]\+?[0-9]{3}|(?<![0-9])[0-9]{309}")
"""A run of digits is looked at from its beginning only: from each of its digits, a run of 308 would be read 308 times."""


def may_overflow(body: bytes) -> bool:
    """Whether a JSON text holds a number that may be too large for a float. Cheap, and right whenever it says no."""
    return _LARGE.search(body) is not None


def has_infinity(value: Any) -> bool:
    """Whether a decoded JSON value holds a number that is not finite: `1e999` is JSON, and becomes one."""
    todo = [value]
    while todo:
        at = todo.pop()
        if isinstance(at, float) and not math.isfinite(at):
            return True
        if isinstance(at, dict):
            todo.extend(at.values())
        elif isinstance(at, list):
            todo.extend(at)
    return False
