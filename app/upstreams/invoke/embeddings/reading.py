"""Pieces of a parsed response, or UpstreamFailure where they are not what they should be. Pure.

Vectors are kept as arrays of doubles: a quarter of the memory of a list of floats, checked and copied at C's speed.
"""

from __future__ import annotations

import math
from array import array
from typing import Any

from app.errors import UpstreamFailure


def misfit(what: str) -> UpstreamFailure:
    return UpstreamFailure(f"The embedding model's answer can't be read: {what}.", code="upstream_bad_response")


def member(document: Any, name: str) -> Any:
    """A member of a JSON object, None where it is missing or null."""
    if not isinstance(document, dict):
        raise misfit("not a JSON object")
    return document.get(name)


def elements(value: Any) -> list[Any]:
    """A JSON array that is not empty."""
    if not isinstance(value, list) or not value:
        raise misfit("no list of embeddings")
    return value


def vector(value: Any) -> array[float]:
    """A JSON array of finite numbers that is not empty."""
    if not isinstance(value, list) or not value:
        raise misfit("an embedding is missing")
    try:
        numbers = array("d", value)
    except (TypeError, OverflowError):
        raise misfit("an embedding holds what is no number") from None
    if not math.isfinite(sum(numbers)):  # one NaN or infinity is enough to make the sum one
        raise misfit("an embedding holds what is no finite number")
    return numbers


def count(value: Any) -> int | None:
    """A token count, None where there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
