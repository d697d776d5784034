"""What is typed at `./dev keys` and what it means."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.access import Budget
from app.core.prompt import Guardrail
from local.keys import values

NOW = 1_800_000_000.5


@pytest.mark.parametrize(
    ("parse", "text", "meant"),
    [
        (values.budget, "20", Budget(20 * 10**9)),
        (values.budget, "20/month", Budget(20 * 10**9)),
        (values.budget, "$0.50/day:soft", Budget(5 * 10**8, "day", False)),
        (values.budget, " 1/Week:hard ", Budget(10**9, "week")),
        (values.budget, "0", Budget(0)),
        (values.budget, "0.000000001", Budget(1)),
        (values.limit, "60", 60),
        (values.limit, "0", 0),
        (values.limit, "100k", 100_000),
        (values.limit, "2M", 2_000_000),
        (values.limit, "1_000", 1000),
        (values.duration, "90", 90),
        (values.duration, "15m", 900),
        (values.duration, "1h", 3600),
        (values.duration, "2w", 1_209_600),
        (values.expiry(NOW), "30d", 1_802_592_000),
        (values.expiry(NOW), "2027-01-31", 1_801_353_600),
        (values.models, "us.anthropic.*, fast,,fast", ("us.anthropic.*", "fast")),
        (values.pair, "team=search=1", ("team", "search=1")),
        (values.pair, "team=", ("team", "")),
        (values.guardrail, "abc:1", Guardrail("abc", "1")),
        (values.guardrail, "arn:aws:bedrock:x:1:guardrail/abc:DRAFT", Guardrail("arn:aws:bedrock:x:1:guardrail/abc", "DRAFT")),
        (values.or_none(values.limit), "none", None),
        (values.or_none(values.budget), "None", None),
        (values.or_none(values.budget), "5", Budget(5 * 10**9)),
    ],
)  # fmt: skip
def test_what_is_meant(parse: Callable[[str], Any], text: str, meant: Any) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize(
    ("parse", "text", "told"),
    [
        (values.budget, "", "20/month"),
        (values.budget, "20/year", "20/month"),
        (values.budget, "20/month:firm", "20/month"),
        (values.budget, "1e3", "20/month"),
        (values.budget, "-1", "0 blocks"),
        (values.budget, "0.0000000001", "9 decimals"),
        (values.budget, "9" * 5000, "20/month"),
        (values.limit, "-5", "0 blocks"),
        (values.limit, "1.5", "100k"),
        (values.limit, "\u0661", "100k"),
        (values.limit, "9" * 5000, "100k"),
        (values.duration, "-1h", "30d"),
        (values.duration, "1y", "30d"),
        (values.expiry(NOW), "2027-02-30", "no day of the calendar"),
        (values.expiry(NOW), "31.1.2027", "2027-01-31"),
        (values.models, " , ", "none for all"),
        (values.pair, "team", "NAME=VALUE"),
        (values.pair, "=x", "NAME=VALUE"),
        (values.guardrail, "abc", "ID:VERSION"),
        (values.guardrail, ":1", "ID:VERSION"),
        (values.guardrail, "abc:", "ID:VERSION"),
    ],
)
def test_what_is_not_understood_is_told_with_what_would_be(parse: Callable[[str], Any], text: str, told: str) -> None:
    with pytest.raises(ArgumentTypeError, match=told) as raised:
        parse(text)
    assert len(str(raised.value)) < 150


@given(st.text() | st.from_regex(r"-?\d{1,60}(\.\d{1,12})?[a-z/:]*"))
def test_anything_may_be_typed(text: str) -> None:
    parsers: list[Callable[[str], Any]] = [
        *(values.budget, values.limit, values.duration, values.expiry(NOW)),
        *(values.models, values.pair, values.guardrail),
    ]
    for parse in parsers:
        try:
            parse(text)
        except ArgumentTypeError:
            continue
