"""The mark of a model family in the opaque values of reasoning: it comes off exactly, and only ours does."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.plan import Target, Traits
from app.core.prompt import Reasoning
from app.core.reasoning_origin import MARK_LENGTH, mark_of, origin_of, split_mark, without_mark
from app.plan.traits import traits_of
from local.models import MODELS

FAMILIES = sorted({traits_of(base_id).family for base_id in MODELS})


@given(st.sampled_from(FAMILIES), st.text(max_size=60))
def test_a_marked_value_returns_byte_for_byte(family: str, value: str) -> None:
    marked = mark_of(family) + value
    assert split_mark(marked) == (family, value)
    assert len(mark_of(family)) == MARK_LENGTH
    assert mark_of(family) == mark_of(family), "a changed prefix would miss the cache"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_marked_value_of_base64_is_still_base64(family: str) -> None:
    assert b64decode(mark_of(family) + b64encode(b"signature").decode(), validate=True).endswith(b"signature")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "c2lnbmF0dXJl",
        mark_of("claude")[:-1],
        mark_of("claude")[:8],
        mark_of("claude")[:8] + "!" * 24 + "rest",
        mark_of("claude")[:8] + b64encode(b"\xff" * 18).decode() + "rest",
        mark_of("claude")[:8] + b64encode(b" " * 18).decode() + "rest",
        "é" * 40,
    ],
)
def test_a_value_without_a_whole_mark_has_an_unknown_origin(value: str) -> None:
    assert split_mark(value) == ("", value)


def test_a_block_is_of_the_family_that_its_value_names() -> None:
    signed = Reasoning("Hm.", mark_of("claude") + "c2ln")
    redacted = Reasoning(redacted=mark_of("gpt") + "cmVk")
    assert [origin_of(block) for block in (signed, redacted, Reasoning("Hm.", "c2ln"), Reasoning("Hm."))] == [
        *("claude", "gpt", "", "")
    ]
    assert without_mark(signed) == Reasoning("Hm.", "c2ln")
    assert without_mark(redacted) == Reasoning(redacted="cmVk")


@pytest.mark.parametrize(
    ("base_id", "family"),
    [
        ("anthropic.claude-sonnet-5", "claude"),
        ("openai.gpt-5.6-sol", "gpt"),
        ("openai.gpt-oss-20b-1:0", "gpt-oss"),
        ("acme.rocket-v1:0", "acme"),
        ("arn:aws:bedrock:us-east-1:123456789012:imported-model/a.b", ""),
        ("m", ""),
    ],
)
def test_a_model_has_the_reasoning_of_its_family(base_id: str, family: str) -> None:
    assert Target(base_id, base_id, traits_of(base_id)).reasoning_family == family
    assert mark_of(Target("m", "m", Traits()).reasoning_family) == ""
