"""What requests cost: sums made by hand from the published prices, and laws that hold for every model."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.events import Usage
from app.core.money import Cost
from app.meter.price_setting import configured_prices
from app.meter.prices import PriceTable, number, table
from tests.examples import examples

PRICES = PriceTable()
DATA = table()
M = 1_000_000
USD = 1_000_000_000
OPUS, SONNET_45, HAIKU_55 = (
    "anthropic.claude-opus-5-5",
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic.claude-haiku-5-5",
)

NOVA_PRO, NOVA_2 = "amazon.nova-pro-v1:0", "amazon.nova-2-lite-v1:0"
GPT = "openai.gpt-6.1-terra"


def usd(called: str, base: str, usage: Usage, **how: Any) -> float:
    return PRICES.cost(called, base, usage, **how).total / USD


@pytest.mark.parametrize(
    ("called", "base", "usage", "expected"),
    [
        # bare and global. ids: the table's own price; 4 in, 20 out, 0.2 read, 5 and 8 to write
        (OPUS, OPUS, Usage(M, M), 24.0),
        (f"global.{OPUS}", OPUS, Usage(M, M), 24.0),
        (f"us.{OPUS}", OPUS, Usage(M, M), 26.4),
        (f"eu.{OPUS}", OPUS, Usage(M, M), 26.4),
        (f"in.{OPUS}", OPUS, Usage(M, M), 26.4),
        (f"us-gov.{OPUS}", OPUS, Usage(M, M), 28.8),
        # 1000 new, 500 out, 2000 read, 3000 written, 1000 of them for an hour:
        # (1000 x 4 + 500 x 20 + 2000 x 0.2 + 2000 x 5 + 1000 x 8) x 1.1 / 1e6
        (f"us.{OPUS}", OPUS, Usage(1000, 500, 2000, 3000, 1000), 0.03564),
        # models from before the geographies had prices of their own
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "anthropic.claude-opus-4-1-20250805-v1:0", Usage(M, M), 90.0),
        ("eu.amazon.nova-pro-v1:0", NOVA_PRO, Usage(M, M), 4.0),
        # a row of its own for us., the factor for the others
        (f"us.{NOVA_2}", NOVA_2, Usage(M, M), 3.08),
        (f"eu.{NOVA_2}", NOVA_2, Usage(M, M), 3.08),
        # priced in one geography only
        ("us.openai.gpt-5.4", "openai.gpt-5.4", Usage(100_000, 100_000), 1.925),
        ("global.openai.gpt-5.4", "openai.gpt-5.4", Usage(100_000, 100_000), 1.925),
        ("us-gov.openai.gpt-5.4", "openai.gpt-5.4", Usage(100_000, 100_000), 2.31),
        # long prompts: the higher price for all of the request, cache reads and writes among the tokens that count
        (f"global.{GPT}", GPT, Usage(272_000, 1000), 0.277),
        (f"global.{GPT}", GPT, Usage(272_001, 1000), 0.551502),
        (f"global.{GPT}", GPT, Usage(1, 1000, 272_000), 0.0347020),
        (f"global.{SONNET_45}", SONNET_45, Usage(1, 0, 0, 200_000, 100_000), 1.950006),
        (f"us.{HAIKU_55}", HAIKU_55, Usage(100_001, 1000), 0.05775055),
        # writing to the cache costs nothing there; a read without a price costs what input does
        (NOVA_PRO, NOVA_PRO, Usage(0, 0, 0, M), 0.0),
        ("openai.gpt-oss-20b-1:0", "openai.gpt-oss-20b-1:0", Usage(0, 0, M), 0.07),
        # embeddings
        ("amazon.titan-embed-text-v2:0", "amazon.titan-embed-text-v2:0", Usage(M), 0.02),
        ("cohere.embed-v4", "cohere.embed-v4", Usage(M), 0.12),
        # an ARN that names its profile, one that names its model, one that does not say
        (f"arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.{OPUS}", OPUS, Usage(M, M), 26.4),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{OPUS}", OPUS, Usage(M, M), 24.0),
        ("arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/x", OPUS, Usage(M, M), 26.4),
    ],
)  # fmt: skip
def test_sums_made_by_hand(called: str, base: str, usage: Usage, expected: float) -> None:
    cost = PRICES.cost(called, base, usage)
    assert cost.total == round(expected * USD)
    assert (cost.priced, cost.version) == (True, DATA["version"])


@pytest.mark.parametrize(
    ("base", "how", "expected"),
    [
        (NOVA_PRO, {}, 4.0),
        (NOVA_PRO, {"tier": "default"}, 4.0),
        (NOVA_PRO, {"tier": "standard"}, 4.0),
        (NOVA_PRO, {"tier": "reserved"}, 4.0),
        (NOVA_PRO, {"tier": "flex"}, 2.0),
        (NOVA_PRO, {"tier": "priority"}, 7.0),
        (NOVA_PRO, {"batch": True}, 2.0),
        (NOVA_PRO, {"batch": True, "tier": "priority"}, 2.0),
        # prices of the tier that are not the multiple: 0.07 + 0.6, 0.26 + 2.1
        ("qwen.qwen3-next-80b-a3b", {"tier": "flex"}, 0.67),
        ("qwen.qwen3-next-80b-a3b", {"tier": "priority"}, 2.36),
        ("qwen.qwen3-next-80b-a3b", {"batch": True}, 0.675),
        # none of its own: 0.5 and 1.75 times
        ("amazon.nova-lite-v1:0", {"tier": "flex"}, 0.15),
        ("amazon.nova-lite-v1:0", {"tier": "priority"}, 0.525),
    ],
)
def test_tiers_and_batches(base: str, how: dict[str, Any], expected: float) -> None:
    assert usd(base, base, Usage(M, M), **how) == pytest.approx(expected, abs=1e-9)


def test_tier_and_geography_multiply() -> None:
    assert usd(f"us.{NOVA_2}", NOVA_2, Usage(M, M), tier="priority") == 5.39
    assert usd(f"jp.{NOVA_2}", NOVA_2, Usage(M, M), tier="priority") == pytest.approx(5.39, abs=1e-9)
    assert usd("eu.zai.glm-5.3", "zai.glm-5.3", Usage(0, 0, M), tier="flex") == pytest.approx(0.312 * 1.1 / 2, abs=1e-9)


def test_the_kinds_are_told_apart() -> None:
    cost = PRICES.cost(OPUS, OPUS, Usage(1000, 500, 2000, 3000, 1000), images=0)
    assert cost == Cost(4_000_000, 10_000_000, 400_000, 18_000_000, 0, True, DATA["version"])


def test_images_and_search_units() -> None:
    assert usd("amazon.titan-embed-image-v1", "amazon.titan-embed-image-v1", Usage(1000), images=10) == 0.0014
    assert usd("cohere.rerank-v3-5:0", "cohere.rerank-v3-5:0", Usage(5000), units=3) == 0.006
    assert usd("amazon.rerank-v1:0", "amazon.rerank-v1:0", Usage(), units=1) == 0.001


def test_a_tenth_of_a_nano_is_a_nano() -> None:
    assert PRICES.cost(HAIKU_55, HAIKU_55, Usage(0, 0, 1)).total == 10
    assert configured_prices('{"m": {"input": 0.0001, "output": 1}}').cost("m", "m", Usage(1)).input == 1


# Models without a price


@pytest.mark.parametrize(
    ("called", "base"),
    [
        ("acme.rocket-v1:0", "acme.rocket-v1:0"),
        ("", ""),
        ("(arn)", "(arn)"),
        ("4", "4"),  # the end of an id that has a price
        ("arn:aws:bedrock:us-east-1:111122223333:imported-model/abc", "abc"),
        ("arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-pro-v1:0/abc", NOVA_PRO),
        ("arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abc", NOVA_PRO),
    ],
)
def test_a_model_without_a_price_is_charged_the_ceiling_and_flagged(called: str, base: str) -> None:
    cost = PRICES.cost(called, base, Usage(M, M, M, M, M), tier="flex")
    assert (cost.total, cost.priced) == ((15 + 75 + 15 + 15) * USD, False)
    assert PriceTable(ceiling=("1", "2")).cost(called, base, Usage(M, M)).total == 3 * USD


def test_what_has_one_price_may_lack_another() -> None:
    model = "twelvelabs.marengo-embed-3-0-v1:0"
    assert PRICES.cost(model, model, Usage(), images=1) == Cost(other=100_000, version=DATA["version"])
    text = PRICES.cost(model, model, Usage(M))
    assert (text.total, text.priced) == (15 * USD, False)
    image = PRICES.cost(OPUS, OPUS, Usage(1), images=1)
    assert (image.other, image.priced) == (USD // 5, False)


@pytest.mark.parametrize("words", ["", "1", "1,2,3", "0,5", "-1,5", "nan,5", "inf,5", "x,y", "1e9,5"])
def test_a_ceiling_that_makes_no_sense_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"^PRICE_CEILING: two prices above 0"):
        PriceTable(ceiling=words.split(","))


@pytest.mark.parametrize(
    ("base", "premium"), [(OPUS, True), ("anthropic.claude-sonnet-5", True), (NOVA_PRO, False), ("acme.x", False)]
)
def test_premium_is_ten_dollars_and_more(base: str, premium: bool) -> None:
    assert PRICES.is_premium(base) is premium


# Laws

ids = st.sampled_from([*sorted(DATA["models"]), "acme.rocket", ""])
prefixes = st.sampled_from(["", "us.", "eu.", "global.", "us-gov.", "zz."])
tiers = st.sampled_from(["", "default", "flex", "priority", "reserved", "x"])
tokens = st.integers(0, 3_000_000)
usages = st.builds(Usage, tokens, tokens, tokens, tokens, tokens)
FIELDS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


def base_of(id_: str) -> str:
    return id_.removeprefix("us.")


@given(ids, prefixes, tiers, st.booleans(), usages, st.sampled_from(FIELDS), st.integers(0, 1000))
def test_more_tokens_never_cost_less(
    id_: str, prefix: str, tier: str, batch: bool, usage: Usage, name: str, more: int
) -> None:
    base = base_of(id_)
    before = PRICES.cost(prefix + base, base, usage, tier=tier, batch=batch)
    after = PRICES.cost(
        prefix + base, base, replace(usage, **{name: getattr(usage, name) + more}), tier=tier, batch=batch
    )
    assert after.total >= before.total >= 0


@given(ids, prefixes, tiers, usages, usages)
@settings(max_examples=examples(200))
def test_two_requests_cost_what_both_cost(id_: str, prefix: str, tier: str, one: Usage, two: Usage) -> None:
    """Within the rounding, and where no long prompt changes the price."""
    base = base_of(id_)
    one, two = (replace(usage, cache_write_1h=min(usage.cache_write, usage.cache_write_1h)) for usage in (one, two))
    over = PRICES.rates(prefix + base, base).over
    if over and (one + two).prompt > over:
        one, two = (
            Usage(u.input % 30_000, u.output, u.cache_read % 30_000, u.cache_write % 30_000) for u in (one, two)
        )
        if one.prompt + two.prompt > over:
            return
    parts = PRICES.cost(prefix + base, base, one, tier=tier) + PRICES.cost(prefix + base, base, two, tier=tier)
    assert abs(PRICES.cost(prefix + base, base, one + two, tier=tier).total - parts.total) <= 8


@given(st.text(max_size=40), st.text(max_size=40), usages, st.text(max_size=10), st.integers(-5, 5), st.integers(-5, 5))
def test_nothing_raises_and_an_unknown_model_is_never_free(
    called: str, base: str, usage: Usage, tier: str, images: int, units: int
) -> None:
    cost = PRICES.cost(called, base, usage, tier=tier, images=images, units=units)
    assert cost.total >= 0
    if base not in DATA["models"] and (usage.prompt or usage.output):
        assert cost.total > 0
        assert not cost.priced


def test_a_negative_count_is_none() -> None:
    assert PRICES.cost(OPUS, OPUS, Usage(-5, -5, -5, -5, -5)).total == 0


# The table itself


@pytest.mark.parametrize("id_", DATA["models"])
def test_every_row_has_a_source_a_price_and_dates_that_are_dates(id_: str) -> None:
    row = DATA["models"][id_]
    assert row["source"] in DATA["sources"]
    assert not id_.startswith("global."), "the price of global. is the base model's"
    prices = [value for name, value in row.items() if name not in ("source", "over")]
    flat = [price for value in prices for price in (value if isinstance(value, list) else [value])]
    assert all(isinstance(price, int | float) and number(price) == price for price in flat)
    assert max(flat) > 0
    if "over" in row:
        assert row["over"]["tokens"] >= 100_000
        assert all(row["over"][name] > row[name] for name in ("in", "out", "cache_read") if name in row)


def test_the_table_is_dated_and_all_of_it_has_sources() -> None:
    assert re.fullmatch(re.escape(DATA["date"]) + r"\.\d+", DATA["version"])
    date.fromisoformat(DATA["date"])
    rules = [*DATA["multipliers"].values(), *DATA["geographies"], DATA["ceiling"], DATA["premium_output"]]
    assert all(rule["source"] in DATA["sources"] for rule in rules)
    assert all(0 < rule["by"] <= 2 for rule in [*DATA["multipliers"].values(), *DATA["geographies"]])


def test_a_price_of_a_tier_is_near_its_multiplier() -> None:
    """A slip of a digit would show."""
    for id_, row in DATA["models"].items():
        for tier, (low, high) in {"batch": (0.4, 0.6), "flex": (0.4, 0.6), "priority": (1.6, 2.0)}.items():
            for price, plain in zip(row.get(tier, ()), (row.get("in"), row.get("out")), strict=False):
                assert low <= price / plain <= high, (id_, tier)
