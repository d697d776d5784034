"""JSON values that cannot be sent on: `1e999`, which is parsed as infinity, and half a surrogate pair, which has no
UTF-8. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
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


def has_surrogates(data: str | bytes) -> bool:
    """Whether a JSON text may hold an escaped half of a surrogate pair. Right whenever it returns False."""
    if isinstance(data, str):
        return "\\ud" in data or "\\uD" in data
    return b"\\ud" in data or b"\\uD" in data


def well_formed(text: str) -> str:
    """The text with halves of surrogate pairs joined where they meet, and U+FFFD for each half that is alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def parse_with_halves(data: str | bytes) -> Any:
    """The JSON value with halves of surrogate pairs left in its strings. Raises ValueError where strict parsing failed
    for another reason."""
    if not has_surrogates(data):
        raise ValueError("not JSON")
    return json.loads(data)


def parse_or_mend(data: str | bytes, parse: Callable[[str | bytes], Any]) -> Any:
    """What the strict `parse` makes of a JSON text; where it fails because of half a surrogate pair, the value with
    U+FFFD in its place. Models, and clients that cut text, write such halves. Raises ValueError for what is not JSON."""
    try:
        return parse(data)
    except ValueError:
        try:
            text = json.dumps(parse_with_halves(data), ensure_ascii=False)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return parse(well_formed(text))
