"""What a check may cost and did cost."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from app.canary import prices
from app.canary.checks import CHAT, EMBEDDING
from app.canary.prices import Price, price_of
from tests.wire.gateway import NOVA, TITAN

DATA = json.loads((Path(prices.__file__).parent / "prices.json").read_text())
CEILING = Price(*(value * 1.1 for value in DATA["ceiling"]))


def test_the_table_is_dated_and_its_ceiling_is_above_it() -> None:
    assert DATA["date"] >= "2026-11"
    for row in DATA["models"].values():
        assert len(row) == 4
        assert 0 <= row[0] <= DATA["ceiling"][0]
        assert 0 <= row[1] <= DATA["ceiling"][1]
        assert all(value is None or 0 <= value <= DATA["ceiling"][3] for value in row[2:])


def test_a_global_profile_has_the_list_price_and_others_a_surcharge() -> None:
    assert price_of("global.anthropic.claude-haiku-4-5-20251001-v1:0") == Price(1, 5, 0.1, 1.25)
    assert price_of("us.anthropic.claude-haiku-4-5-20251001-v1:0").output == pytest.approx(5.5)
    assert price_of("us-gov.anthropic.claude-haiku-4-5-20251001-v1:0").output == pytest.approx(6)
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-haiku-4-5-20251001-v1:0"
    assert price_of(arn).output == 5
    assert price_of(NOVA).write == pytest.approx(0.066)  # no price of its own: that of input


@pytest.mark.parametrize("model", ["my-alias", "gpt-4o", "anthropic.claude-opus-5-9", "xanthropic.claude-opus-5", ""])
def test_an_unknown_model_is_taken_to_be_dearer_than_any_other(model: str) -> None:
    assert price_of(model) == CEILING


def test_an_estimate_takes_all_input_at_its_dearest() -> None:
    assert Price(3, 15, 0.3, 3.75).most(1000, 100) == 100 * (3750 + 1500)
    assert Price(0.06, 0.24, 0.015, 0.06).most(1, 0) == math.ceil(6)


def test_real_usage_is_priced_by_kind() -> None:
    details = {"cached_tokens": 100, "cache_write_tokens": 200}
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "prompt_tokens_details": details}
    assert Price(3, 15, 0.3, 3.75).of(usage) == 100 * (700 * 3 + 100 * 0.3 + 200 * 3.75 + 10 * 15)
    assert Price(0.02, 0, 0.02, 0.02).of({"prompt_tokens": 6, "total_tokens": 6}) == 12


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        {"prompt_tokens": "5"},
        {"prompt_tokens": 5, "completion_tokens": -1},
        {"prompt_tokens": 5, "completion_tokens": None},
        {"prompt_tokens": True},
        {"prompt_tokens": 10**30},
        {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 0.5}},
    ],
)
def test_usage_that_makes_no_sense_has_no_price(usage: Any) -> None:
    assert Price(1, 1, 1, 1).of(usage) is None


def test_odd_details_of_usage_are_left_aside() -> None:
    assert Price(1, 1, 1, 1).of({"prompt_tokens": 5, "prompt_tokens_details": 7}) == 500


def test_what_the_page_says_of_estimates() -> None:
    """The table of docs/canary.md: cents for a whole round of checks, at most, and for the dearest one."""
    page = (Path(__file__).parents[3] / "docs" / "canary.md").read_text()
    for model in (NOVA, "global.anthropic.claude-haiku-4-5-20251001-v1:0", "us.anthropic.claude-opus-5", "my-alias"):
        estimates = [check.estimate(price_of(model)) / prices.MICROCENTS for check in CHAT]
        shown = "an unknown id or alias" if model == "my-alias" else f"`{model}`"
        assert f"| {shown} | {sum(estimates):.2f} | {max(estimates):.2f} |" in page
    (embedding,) = (check.estimate(price_of(TITAN)) / prices.MICROCENTS for check in EMBEDDING)
    assert f"| `embed:{TITAN}` | {embedding:.4f} | {embedding:.4f} |" in page
