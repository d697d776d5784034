"""`reasoning_effort` at every level for every family, and what it excludes."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.prompt import Message, Prompt, Reasoning, Text, Tool, ToolCall, ToolChoice, ToolResult
from app.plan.reasoning import LEVELS
from tests.unit.plan.planning import (
    DEEPSEEK,
    HAIKU_55,
    LLAMA,
    NOVA,
    OPUS_5,
    OPUS_55,
    SONNET_45,
    SONNET_46,
    WEATHER,
    asked,
    planned,
)

R1, OSS, GPT, ASTRA = "deepseek.r1-v1:0", "openai.gpt-oss-20b-1:0", "openai.gpt-5.6-sol", "openai.gpt-6-astra"
KIMI, GLM, GROK, NOVA_2 = "moonshotai.kimi-k3", "zai.glm-5", "xai.grok-4.7", "amazon.nova-2-lite-v1:0"


def budget(tokens: int) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def adaptive(level: str) -> dict[str, Any]:
    return {"thinking": {"type": "adaptive"}, "output_config": {"effort": level}}


def always(level: str) -> dict[str, Any]:
    return {"output_config": {"effort": level}}


def flat(level: str) -> dict[str, Any]:
    return {"reasoning_effort": level}


def nested(level: str) -> dict[str, Any]:
    return {"reasoning": {"effort": level}}


def config(level: str) -> dict[str, Any]:
    return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}


TOLD: None = None
TABLE: dict[str, list[dict[str, Any] | None]] = {
    # none, minimal, low, medium, high, xhigh, max; None: it has no effect, and that is told
    SONNET_45: [{}, *map(budget, (1024, 1024, 2048, 4096, 8192, 16384))],
    SONNET_46: [{}, *map(adaptive, ("low", "low", "medium", "high", "high", "max"))],
    OPUS_5: [{}, *map(adaptive, ("low", "low", "medium", "high", "xhigh", "xhigh"))],
    OPUS_55: [TOLD, *map(always, ("low", "low", "medium", "high", "xhigh", "xhigh"))],
    NOVA: [{}, *[TOLD] * 6],
    NOVA_2: [{}, *map(config, ("low", "low", "medium", "high", "high", "high"))],
    OSS: [TOLD, *map(flat, ("low", "low", "medium", "high", "high", "high"))],
    GPT: [nested("none"), *map(nested, ("low", "low", "medium", "high", "xhigh", "xhigh"))],
    ASTRA: [TOLD, *map(nested, ("low", "low", "medium", "high", "xhigh", "xhigh"))],
    GROK: [TOLD, *map(flat, ("low", "low", "medium", "high", "xhigh", "xhigh"))],
    DEEPSEEK: [{}, *map(flat, ("low", "low", "medium", "high", "high", "high"))],
    R1: [TOLD] * 7,
    KIMI: [TOLD, *map(flat, ("low", "low", "low", "high", "high", "max"))],
    GLM: [{}, *map(flat, ("low", "low", "medium", "high", "high", "high"))],
    "qwen.qwen3-32b-v1:0": [{}, *[TOLD] * 6],
    "minimax.minimax-m2": [{}, *[TOLD] * 6],
    "mistral.magistral-small-2509": [TOLD] * 7,
    "google.gemma-3-4b-it": [{}, *[TOLD] * 6],
    LLAMA: [{}, *[TOLD] * 6],
    "somebody.new-model-v1:0": [{}, *[TOLD] * 6],
}


@pytest.mark.parametrize("model", TABLE)
@pytest.mark.parametrize("level", LEVELS)
def test_every_level_in_each_familys_words(model: str, level: str) -> None:
    expected = TABLE[model][LEVELS.index(level)]
    plan, call = planned(asked(model, reasoning_effort=level))
    assert dict(plan.fields) == (expected or {})
    assert ("reasoning_effort" in call.receipt.ignored) is (expected is TOLD)
    assert plan.max_tokens is None


def test_no_effort_is_no_field() -> None:
    for model in TABLE:
        plan, call = planned(asked(model))
        assert (dict(plan.fields), list(call.receipt.ignored)) == ({}, [])


@pytest.mark.parametrize(
    ("limit", "fields", "told"),
    [(1000, {}, True), (1024, {}, True), (1025, budget(1024), False), (3000, budget(1500), False), (9000, budget(4096), False)],
)  # fmt: skip
def test_a_budget_leaves_room_for_an_answer(limit: int, fields: dict[str, Any], told: bool) -> None:
    plan, call = planned(asked(SONNET_45, reasoning_effort="high", max_tokens=limit))
    assert (dict(plan.fields), plan.max_tokens) == (fields, limit)
    assert ("reasoning_effort" in call.receipt.ignored) is told


def test_high_effort_excludes_limits_and_sampling_where_the_model_says_so() -> None:
    plan, call = planned(asked(NOVA_2, reasoning_effort="high", max_tokens=50, temperature=0.5, top_p=0.5))
    assert (plan.max_tokens, plan.temperature, plan.top_p) == (None, None, None)
    assert set(call.receipt.ignored) == {"max_tokens", "temperature", "top_p"}
    plan, call = planned(asked(NOVA_2, reasoning_effort="low", max_tokens=50, temperature=0.5))
    assert (plan.max_tokens, plan.temperature) == (50, 0.5)
    assert list(planned(asked(NOVA_2, reasoning_effort="high"))[1].receipt.ignored) == []


@pytest.mark.parametrize(("model", "reasons"), [(OPUS_55, True), (R1, True), (OSS, True), (GPT, True), (OPUS_5, False)])
def test_some_reason_unasked(model: str, reasons: bool) -> None:
    assert planned(asked(model))[0].reasoning is reasons
    assert planned(asked(GPT, reasoning_effort="none"))[0].reasoning is False


def test_a_forced_tool_choice_reaches_deepseek_when_it_does_not_reason() -> None:
    plan, call = planned(asked(DEEPSEEK, tools=[WEATHER], tool_choice="required"))
    assert (plan.tool_choice, plan.notes) == (ToolChoice("any"), ())
    plan, call = planned(asked(DEEPSEEK, tools=[WEATHER], tool_choice="required", reasoning_effort="high"))
    assert plan.tool_choice == ToolChoice()
    assert call.receipt.repairs["tool-choice-told"] == 1


CALLING = Message("assistant", (Text("Let me see."), ToolCall("c1", "f", "{}")))
RESULT = Message("user", (ToolResult("c1", (Text("ok"),)),))
ASK = Message("user", (Text("Hello"),))


def loop(*messages: Message, **options: Any) -> Prompt:
    options = {"effort": "low"} | options
    return Prompt(SONNET_45, (ASK, *messages), tools=(Tool("f"),), **options)


@pytest.mark.parametrize(
    ("messages", "thinks"),
    [
        ((), True),
        ((CALLING, RESULT), False),
        ((CALLING, RESULT, Message("system", (Text("s"),)), RESULT), False),
        ((Message("assistant", (Reasoning("h", "s"), ToolCall("c1", "f", "{}"))), RESULT), True),
        ((Message("assistant", (Reasoning(redacted="cmVk"), ToolCall("c1", "f", "{}"))), RESULT), True),
        ((Message("assistant", (Reasoning("h"), ToolCall("c1", "f", "{}"))), RESULT), False),
        ((Message("assistant", (Text("Hi."),)), ASK), True),
        ((CALLING,), False),
    ],
)
def test_a_tool_loop_without_its_thoughts_goes_on_without_thinking(messages: Any, thinks: bool) -> None:
    plan, call = planned(loop(*messages))
    assert plan.reasoning is ("thinking" in plan.fields) is thinks
    assert call.receipt.repairs["thinking-off"] == (not thinks)


def test_a_clients_own_thinking_field_stands() -> None:
    own = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    plan, call = planned(loop(extra_fields=own))
    assert (dict(plan.fields), plan.reasoning) == (own, True)
    plan, call = planned(loop(CALLING, RESULT, extra_fields=own))
    assert (dict(plan.fields), plan.reasoning, call.receipt.repairs["thinking-off"]) == ({}, False, 1)
    plan, _ = planned(loop(extra_fields=own, tool_choice=ToolChoice("any")))
    assert (dict(plan.fields), plan.reasoning, plan.tool_choice) == ({}, False, ToolChoice("any"))
    assert dict(planned(asked(NOVA, thinking=own["thinking"]))[0].fields) == own
    disabled = {"thinking": {"type": "disabled"}}
    assert dict(planned(loop(extra_fields=disabled, effort=None))[0].fields) == disabled


@pytest.mark.parametrize("quirk", ["reasoning", "reasoning_missing"])
def test_thinking_that_was_just_refused_is_not_sent_again(quirk: str) -> None:
    own = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    plan, call = planned(loop(extra_fields=own), quirks=frozenset({quirk}))
    assert (dict(plan.fields), plan.reasoning, call.receipt.repairs["thinking-off"]) == ({}, False, 1)


def test_an_effort_that_is_refused_is_lowered_and_then_left_out() -> None:
    refused = frozenset({"effort"})
    assert dict(planned(asked(OPUS_5, reasoning_effort="max"), quirks=refused)[0].fields) == adaptive("high")
    plan, call = planned(asked(OPUS_55, reasoning_effort="medium"), quirks=refused)
    assert (dict(plan.fields), list(call.receipt.ignored)) == ({}, ["reasoning_effort"])


@pytest.mark.parametrize(("model", "thinks"), [(SONNET_45, False), (SONNET_46, False), (HAIKU_55, True)])
def test_a_forced_choice_goes_before_thinking_where_both_cannot_be(model: str, thinks: bool) -> None:
    plan, call = planned(asked(model, tools=[WEATHER], tool_choice="required", reasoning_effort="high"))
    assert plan.tool_choice == ToolChoice("any")
    assert plan.reasoning is ("thinking" in plan.fields) is thinks
    assert call.receipt.repairs["thinking-off"] == (not thinks)


def test_a_model_that_always_thinks_is_told_to_call_instead() -> None:
    plan, _ = planned(asked("anthropic.claude-fable-5", tools=[WEATHER], tool_choice="required"))
    assert plan.tool_choice == ToolChoice()
    assert plan.notes == ("You must call one of the tools in this turn; do not answer in text.",)
