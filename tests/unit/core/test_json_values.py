"""Numbers too large for a float are noticed."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.json_values import has_infinity, may_overflow


@pytest.mark.parametrize(
    ("value", "has"),
    [
        (math.inf, True),
        ({"a": [1, {"b": -math.inf}]}, True),
        ([math.nan], True),
        ({"a": [1, 2.5, "inf", None, True]}, False),
        ([], False),
    ],
)
def test_infinity_is_found_wherever_it_stands(value: Any, has: bool) -> None:
    assert has_infinity(value) is has


@given(st.sampled_from(["", "-"]), st.integers(1, 9), st.integers(0, 2000), st.booleans())
def test_a_text_that_overflows_is_never_said_not_to(sign: str, digit: int, power: int, long: bool) -> None:
    text = f"[{sign}{digit}{'0' * power}.0]" if long else f"[{sign}{digit}e{power}]"
    if has_infinity(json.loads(text)):
        assert may_overflow(text.encode())
