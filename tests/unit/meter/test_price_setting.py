"""PRICES: what an operator puts before the table, and what is refused before the gateway starts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.events import Usage
from app.core.money import Cost
from app.meter.price_setting import configured_prices
from app.meter.prices import table

M, USD = 1_000_000, 1_000_000_000
OPUS, NOVA_PRO = "anthropic.claude-opus-5-5", "amazon.nova-pro-v1:0"


def cost(setting: Any, called: str, usage: Usage, base: str = "", **how: Any) -> Cost:
    return configured_prices(json.dumps(setting)).cost(called, base or called, usage, **how)


def test_a_price_of_ones_own_is_what_is_charged_whatever_the_geography() -> None:
    setting = {OPUS: {"input": 1, "output": 2, "cache_read": 0.5, "cache_write": 3, "cache_write_1h": "4"}}
    for called in (OPUS, f"us.{OPUS}", f"global.{OPUS}"):
        charged = cost(setting, called, Usage(M, M, M, 2 * M, M), OPUS)
        assert charged.total == (1 + 2 + 0.5 + 3 + 4) * USD
        assert (charged.priced, charged.version) == (True, f"{table()['version']}+own")


def test_what_is_left_out_follows_the_input_price() -> None:
    charged = cost({"acme.x": {"input": 2, "output": 9}}, "acme.x", Usage(0, 0, M, 2 * M, M))
    assert (charged.cache_read, charged.cache_write) == (2 * USD, 6.5 * USD)


def test_tiers_multiply_a_price_of_ones_own() -> None:
    assert cost({"acme.x": {"input": 2, "output": 2}}, "acme.x", Usage(M, M), tier="flex").total == 2 * USD


def test_a_long_prompt_has_no_higher_price_then() -> None:
    model = "openai.gpt-6.1-terra"
    assert cost({model: {"input": 1, "output": 1}}, model, Usage(M)).total == USD


@pytest.mark.parametrize(
    ("called", "expected"),
    [(f"us.{OPUS}", 1), (f"global.{OPUS}", 2), (f"eu.{OPUS}", 3), ("anthropic.claude-sonnet-5", 4), (NOVA_PRO, 5)],
)
def test_the_nearest_name_counts(called: str, expected: int) -> None:
    names = ("*", "anthropic.*", "eu.anthropic.*", f"global.{OPUS}", f"us.{OPUS}")
    setting = {name: {"input": 5 - place, "output": 0} for place, name in enumerate(names)}
    base = called.partition(".")[2] if called.startswith(("us.", "eu.", "global.")) else called
    assert cost(setting, called, Usage(M), base).total == expected * USD


def test_a_discount_leaves_everything_else_as_it_is() -> None:
    setting = {"*": {"multiplier": 0.9}}
    charged = cost(setting, f"us.{OPUS}", Usage(M, M), OPUS)
    assert charged.total == round(26.4 * 0.9 * USD)
    assert cost(setting, "cohere.rerank-v3-5:0", Usage(), units=10).total == 18_000_000
    assert cost(setting, "openai.gpt-6.1-terra", Usage(272_001)).total == 489_601_800


def test_a_discount_on_an_unknown_price_is_not_known_either() -> None:
    charged = cost({"*": {"multiplier": 0.5}}, "acme.x", Usage(M))
    assert (charged.total, charged.priced) == (15 * USD, False)


def test_a_free_model_of_ones_own_is_free_because_somebody_says_so() -> None:
    charged = cost(
        {"arn:*:imported-model/*": {"input": 0, "output": 0}}, "arn:aws:x:y:1:imported-model/z", Usage(M, M), "z"
    )
    assert (charged.total, charged.priced) == (0, True)


def test_images_and_units_beside_the_table() -> None:
    assert cost({OPUS: {"image": 0.04}}, OPUS, Usage(M, M), images=2).total == 24 * USD + 80_000_000
    assert cost({"acme.rank": {"unit": 0.5}}, "acme.rank", Usage(), units=2) == Cost(
        other=USD, version=f"{table()['version']}+own"
    )


def test_the_report_knows_a_premium_model_by_the_price_that_is_paid() -> None:
    assert not configured_prices(json.dumps({OPUS: {"input": 1, "output": 2}})).is_premium(OPUS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "no JSON"),
        ("[]", "JSON object"),
        ('{"m": {"input": NaN, "output": 1}}', "no JSON"),
        ('{"m": 3}', "an object is expected"),
        ('{"m": {}}', "an object is expected"),
        ('{"m": {"in": 3}}', "'in' is none of input, output"),
        ('{"m": {"input": -1, "output": 1}}', "input must be a number"),
        ('{"m": {"input": "nan", "output": 1}}', "input must be a number"),
        ('{"m": {"input": true, "output": 1}}', "input must be a number"),
        ('{"m": {"input": 1e300, "output": 1}}', "input must be a number"),
        ('{"m": {"input": [1], "output": 1}}', "input must be a number"),
        ('{"m": {"input": 3}}', "input and output go together"),
        ('{"m": {"cache_read": 3}}', "input and output go together"),
        ('{"m": {"multiplier": 0}}', "multiplier stands alone"),
        ('{"m": {"multiplier": 0.9, "input": 3, "output": 3}}', "multiplier stands alone"),
        (json.dumps({f"m{i}": {"multiplier": 1} for i in range(501)}), "at most 500"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"^PRICES: ") as refused:
        configured_prices(text)
    assert problem in str(refused.value)
