"""Limits and sampling by each model's rules; what has no effect is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plan.planning import NOVA, OPUS_5, SONNET_45, asked, planned

GPT, GROK, NOVA_2 = "openai.gpt-5.4", "xai.grok-4.7", "amazon.nova-2-lite-v1:0"


@pytest.mark.parametrize(
    ("model", "options", "sent", "ignored", "repairs"),
    [
        (NOVA, {"temperature": 0.3, "top_p": 0.9}, (0.3, 0.9), [], {}),
        (NOVA, {"temperature": 1.7}, (1.0, None), [], {"temperature-clamped": 1}),
        (SONNET_45, {"temperature": 0.3, "top_p": 0.9}, (0.3, None), ["top_p"], {}),
        (SONNET_45, {"temperature": 0.3, "top_p": 1}, (0.3, None), [], {}),
        (SONNET_45, {"top_p": 0.9}, (None, 0.9), [], {}),
        (OPUS_5, {"temperature": 0.3, "top_p": 0.9, "top_k": 5}, (None, None), ["temperature", "top_p", "top_k"], {}),
        (OPUS_5, {"temperature": 1, "top_p": 1}, (None, None), [], {}),
        (OPUS_5, {"temperature": 2}, (None, None), ["temperature"], {}),
        (GPT, {"temperature": 0}, (None, None), ["temperature"], {}),
        (SONNET_45, {"temperature": 0.3, "reasoning_effort": "low"}, (None, None), ["temperature"], {}),
        (SONNET_45, {"top_p": 0.97, "reasoning_effort": "low"}, (None, 0.97), [], {}),
        (SONNET_45, {"top_p": 0.5, "top_k": 5, "reasoning_effort": "low"}, (None, None), ["top_p", "top_k"], {}),
    ],
)
def test_temperature_and_top_p(
    model: str, options: dict[str, Any], sent: Any, ignored: list[str], repairs: dict[str, int]
) -> None:
    plan, call = planned(asked(model, **options))
    assert (plan.temperature, plan.top_p) == sent
    assert list(call.receipt.ignored) == ignored
    assert call.receipt.repairs == repairs


@pytest.mark.parametrize(
    ("model", "fields"),
    [(NOVA, {"inferenceConfig": {"topK": 7}}), (SONNET_45, {"top_k": 7}), ("cohere.command-r-v1:0", {"k": 7})],
)
def test_top_k_goes_where_the_model_has_it(model: str, fields: dict[str, Any]) -> None:
    plan, call = planned(asked(model, top_k=7))
    assert (dict(plan.fields), list(call.receipt.ignored)) == (fields, [])


@pytest.mark.parametrize(
    ("model", "stop", "sent", "ignored", "repair"),
    [
        (NOVA, ["a", "", " \n", "a", "b"], ("a", "b"), [], "blank-stop"),
        (NOVA, ["\n"], (), [], "blank-stop"),
        (NOVA, ["a", "b", "c", "d", "e"], ("a", "b", "c", "d"), [], "stop-cut"),
        (GPT, ["a", "b", "c", "d", "e"], ("a", "b", "c", "d"), [], "stop-cut"),
        (GROK, "a", (), ["stop"], ""),
        (GROK, [], (), [], ""),
        (SONNET_45, "a", ("a",), [], ""),
    ],
)
def test_stop_sequences(model: str, stop: Any, sent: tuple[str, ...], ignored: list[str], repair: str) -> None:
    plan, call = planned(asked(model, stop=stop))
    assert (plan.stop, list(call.receipt.ignored)) == (sent, ignored)
    assert dict(call.receipt.repairs) == ({repair: 1} if repair else {})


def test_a_limit_is_raised_to_the_least_and_lowered_to_what_was_learned() -> None:
    plan, call = planned(asked(GPT, max_tokens=5))
    assert (plan.max_tokens, call.receipt.repairs["max-tokens-raised"]) == (16, 1)
    plan, call = planned(asked(NOVA, max_tokens=50_000), quirks=frozenset({"max_tokens:10000"}))
    assert (plan.max_tokens, call.receipt.repairs["max-tokens-lowered"]) == (10_000, 1)
    plan, _ = planned(asked(NOVA, max_tokens=50), quirks=frozenset({"max_tokens:10000"}))
    assert plan.max_tokens == 50


@pytest.mark.parametrize("model", [NOVA, SONNET_45, OPUS_5, GPT, NOVA_2])
def test_no_limit_is_ever_invented(model: str) -> None:
    assert planned(asked(model, reasoning_effort="max"))[0].max_tokens is None
