"""Numbers too large for a float, and halves of characters, are noticed."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from app.core.json_values import has_infinity, may_overflow, parse_or_mend, parse_with_halves, well_formed


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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": "x\ud83d"}', {"a": "x\ufffd"}),
        (r'{"a": ["\uDE00x"], "b\ud83d": 1}', {"a": ["\ufffdx"], "b\ufffd": 1}),
        (r'{"a": "\ud83d\ude00\ud83d"}', {"a": "\U0001f600\ufffd"}),
        ('{"a": 1}', {"a": 1}),
    ],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_half_a_character_does_not_make_an_answer_unreadable(text: str, value: Any, encoded: bool) -> None:
    assert parse_or_mend(text.encode() if encoded else text, from_json) == value


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', r'{"a": "\ud83d"', r'["\ud83d",' + "[" * 100_000])
def test_what_is_not_json_stays_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|nested|[Ee]xpect|EOF|line"):
        parse_or_mend(text, from_json)


@pytest.mark.parametrize("text", ["", "{", r'{"a": "\ud83d"'])
def test_halves_excuse_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|[Ee]xpect"):
        parse_with_halves(text.encode())


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_a_well_formed_text_can_be_sent(text: str) -> None:
    sent = well_formed(text).encode()
    assert sent.decode() == well_formed(sent.decode())
