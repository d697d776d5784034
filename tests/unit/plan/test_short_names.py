"""Names without vendor, region, date or version lead to the listed model."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.plan import Target, Traits
from app.core.ports import ModelEntry
from app.errors import NotFound
from app.plan.catalog import Catalog
from app.plan.short_names import MAX_LENGTH, ShortName, ShortNames, parse
from tests.unit.plan.test_catalog import Source, at_once

HAIKU, SONNET_4, SONNET = (
    "anthropic.claude-haiku-4-5-20251001-v1:0",
    "anthropic.claude-sonnet-4-20250514-v1:0",
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
)
OLD, NEW, RETIRED = (
    "anthropic.claude-3-5-haiku-20240101-v1:0",
    "anthropic.claude-3-5-haiku-20241022-v1:0",
    "anthropic.claude-3-5-haiku-20250101-v1:0",
)
TITAN_1, TITAN_2 = "amazon.titan-embed-text-v1", "amazon.titan-embed-text-v2:0"
OSS, NOVA, GLM = "openai.gpt-oss-120b-1:0", "amazon.nova-lite-v1:0", "zai.glm-4.7"
ENTRIES = (
    *(ModelEntry(base, base, "foundation", "x", on_demand=False) for base in (HAIKU, SONNET_4, SONNET, OLD, NEW)),
    *(ModelEntry(base, base, "foundation", "x") for base in (OSS, NOVA, GLM, TITAN_1, TITAN_2)),
    ModelEntry(RETIRED, RETIRED, "foundation", "x", on_demand=False, lifecycle="LEGACY"),
    *(
        ModelEntry(f"{geo}.{base}", base, "profile", "x")
        for geo in ("us", "global")
        for base in (HAIKU, SONNET, NEW, OLD)
    ),
    ModelEntry(f"us.{SONNET_4}", SONNET_4, "profile", "x"),
)


def catalog(*, enable_cross_region: bool = True) -> Catalog:
    return Catalog(
        Source(ENTRIES),
        at_once,
        clock=lambda: 0.0,
        ttl=3600,
        region="us-east-1",
        traits_of=lambda base: Traits(),
        enable_cross_region=enable_cross_region,
    )


def called(name: str) -> str:
    target: Target = asyncio.run(catalog().resolve(name))
    return target.model_id


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claude-haiku-4-5-20251001", f"us.{HAIKU}"),
        ("claude-haiku-4-5", f"us.{HAIKU}"),
        ("claude-haiku-4.5", f"us.{HAIKU}"),
        ("Claude-Haiku-4-5", f"us.{HAIKU}"),
        ("anthropic/claude-haiku-4.5", f"us.{HAIKU}"),
        ("anthropic.claude-haiku-4-5", f"us.{HAIKU}"),
        ("us.anthropic.claude-haiku-4-5", f"us.{HAIKU}"),
        ("global.anthropic.claude-haiku-4-5", f"global.{HAIKU}"),
        ("global.claude-haiku-4-5", f"global.{HAIKU}"),
        ("claude-haiku-4-5@20251001", f"us.{HAIKU}"),
        ("claude-sonnet-4", f"us.{SONNET_4}"),
        ("claude-sonnet-4-5-v1:0", f"us.{SONNET}"),
        ("claude-3-5-haiku", f"us.{NEW}"),
        ("claude-3-5-haiku-latest", f"us.{NEW}"),
        ("claude-3-5-haiku@20240101", f"us.{OLD}"),
        ("gpt-oss-120b", OSS),
        ("openai/gpt-oss-120b", OSS),
        ("openai.gpt-oss-120b", OSS),
        ("nova-lite", NOVA),
        ("amazon.nova-lite", NOVA),
        ("glm-4.7", GLM),
        ("glm-4-7", GLM),
        ("titan-embed-text", TITAN_2),
        ("titan-embed-text-v1", TITAN_1),
        (TITAN_1, TITAN_1),
        ("titan-embed-text-v2", TITAN_2),
    ],
)
def test_a_short_name_is_the_listed_model(name: str, expected: str) -> None:
    assert called(name) == expected


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("claude-haiku-4-5-20990101", HAIKU),
        ("claude-haiku-45", HAIKU),
        ("nova-light", NOVA),
        ("eu.claude-haiku-4-5", HAIKU),
        ("nova-lite-v7", NOVA),
        ("entirely-different", ""),
    ],
)
def test_an_unknown_name_is_404_and_names_the_nearest(name: str, advice: str) -> None:
    with pytest.raises(NotFound) as raised:
        called(name)
    assert raised.value.code == "model_not_found"
    assert (f"Did you mean {advice!r}?" in str(raised.value)) == bool(advice)
    assert ("Did you mean" in str(raised.value)) == bool(advice)


def test_a_short_name_uses_no_profile_where_profiles_are_off() -> None:
    with pytest.raises(NotFound):
        asyncio.run(catalog(enable_cross_region=False).resolve("us.claude-haiku-4-5"))


def test_a_name_that_is_too_long_is_not_looked_up() -> None:
    with pytest.raises(NotFound):
        called("claude-haiku-4-5-" + "x" * MAX_LENGTH)


def test_a_profile_alone_names_its_model() -> None:
    names = ShortNames([ModelEntry(f"us.{HAIKU}", HAIKU, "profile", "x"), ModelEntry("arn:x", HAIKU, "custom", "x")])
    assert names.find(parse("claude-haiku-4-5")) == HAIKU


@given(st.text(max_size=200))
def test_any_text_can_be_taken_apart(name: str) -> None:
    short = parse(name)
    assert isinstance(short, ShortName)
    assert short.name == short.name.lower()
    ShortNames(ENTRIES).nearest(name)
