"""Thinking as a switch of its own, on every family: what is sent, and what is told."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from app.core.access import Access
from app.core.plan import Plan
from app.core.ports import Call, Caller
from app.core.prompt import Blob, Media, Message, Prompt, Reasoning, Sampling, Text, Thinking, ToolCall, ToolResult
from app.plan.replay import may_replay
from app.plan.thinking import EFFORT
from app.upstreams.converse.request import to_body
from tests.unit.plan.planning import (
    CHAT_MODELS,
    DEEPSEEK,
    LLAMA,
    NOVA,
    OPUS_5,
    OPUS_55,
    SONNET_45,
    SONNET_46,
    complaints,
    finish,
    planned,
    planner,
    prompt_of,
)

OPUS_45 = "anthropic.claude-opus-4-5-20251101-v1:0"
NOVA_2 = "amazon.nova-2-lite-v1:0"
GPT = "openai.gpt-5.5"
R1 = "deepseek.r1-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
ADAPTIVE, OFF, BUDGET = Thinking("adaptive"), Thinking("off"), Thinking("budget", 3000)
LIMIT = Sampling(max_tokens=32_000)


def asked(model: str, thinking: Thinking, effort: str | None = None, *messages: Message, **more: Any) -> Prompt:
    return prompt_of(model, *messages, thinking=thinking, effort=effort, **{"sampling": LIMIT} | more)


def fields(plan: Plan) -> dict[str, Any]:
    return {name: value for name, value in plan.fields.items() if name != "top_k"}


@pytest.mark.parametrize(
    ("model", "thinking", "effort", "sent", "ignored"),
    [
        (SONNET_45, BUDGET, None, {"thinking": {"type": "enabled", "budget_tokens": 3000}}, []),
        (SONNET_45, Thinking("budget", 3000, "omitted"), None,
         {"thinking": {"type": "enabled", "budget_tokens": 3000, "display": "omitted"}}, []),
        (SONNET_45, ADAPTIVE, None, {"thinking": {"type": "enabled", "budget_tokens": 2048}}, []),
        (SONNET_45, ADAPTIVE, "high", {"thinking": {"type": "enabled", "budget_tokens": 4096}}, []),
        (SONNET_45, OFF, None, {}, []),
        (SONNET_45, Thinking(), "high", {}, [EFFORT]),
        (OPUS_45, Thinking(), "max",
         {"output_config": {"effort": "high"}, "anthropic_beta": ["effort-2025-11-24"]}, []),
        (OPUS_45, BUDGET, "low",
         {"thinking": {"type": "enabled", "budget_tokens": 3000}, "output_config": {"effort": "low"},
          "anthropic_beta": ["effort-2025-11-24"]}, []),
        (SONNET_46, ADAPTIVE, "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, []),
        (OPUS_5, ADAPTIVE, None, {"thinking": {"type": "adaptive"}}, []),
        (OPUS_5, Thinking("adaptive", None, "summarized"), None,
         {"thinking": {"type": "adaptive", "display": "summarized"}}, []),
        (OPUS_5, BUDGET, None, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, []),
        (OPUS_5, Thinking("budget", 60_000), None,
         {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}, []),
        (OPUS_5, OFF, "low", {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, []),
        (OPUS_5, Thinking(), "low", {"output_config": {"effort": "low"}}, []),
        (OPUS_55, ADAPTIVE, "max", {"output_config": {"effort": "xhigh"}}, []),
        (OPUS_55, OFF, None, {}, ["thinking"]),
        (R1, ADAPTIVE, "high", {}, [EFFORT]),
        (R1, OFF, None, {}, ["thinking"]),
        (LLAMA, ADAPTIVE, "high", {}, ["thinking", EFFORT]),
        (LLAMA, OFF, None, {}, []),
        (NOVA, BUDGET, None, {}, ["thinking"]),
        (NOVA_2, ADAPTIVE, None, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}, []),
        (NOVA_2, ADAPTIVE, "high", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}, []),
        (NOVA_2, Thinking("budget", 1024), None,
         {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, []),
        (NOVA_2, OFF, None, {}, []),
        (DEEPSEEK, ADAPTIVE, "high", {"reasoning_effort": "high"}, []),
        (OSS, Thinking(), "low", {"reasoning_effort": "low"}, []),
        (OSS, OFF, None, {}, ["thinking"]),
        (GPT, OFF, None, {"reasoning": {"effort": "none"}}, []),
        (GPT, BUDGET, None, {"reasoning": {"effort": "high"}}, []),
        (GPT, Thinking(), None, {}, []),
    ],
)  # fmt: skip
def test_each_family_is_asked_in_its_own_words(
    model: str, thinking: Thinking, effort: str | None, sent: dict[str, Any], ignored: list[str]
) -> None:
    plan, call = planned(asked(model, thinking, effort))
    assert fields(plan) == sent
    assert list(call.receipt.ignored) == ignored
    assert plan.max_tokens == 32_000


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_no_model_refuses_any_combination_of_thinking_effort_and_limit(model: str) -> None:
    modes = (Thinking(), OFF, ADAPTIVE, BUDGET, Thinking("budget", 50_000))
    betas = ("interleaved-thinking-2025-05-14", "x")
    for thinking, effort, limit in product(modes, (None, "low", "max"), (10, 1500, 4000)):
        prompt = asked(model, thinking, effort, sampling=Sampling(limit, temperature=0.5), betas=betas)
        assert complaints(planned(prompt)[0]) == [], (thinking, effort, limit)


@pytest.mark.parametrize(
    ("budget", "limit", "sent", "repair"),
    [
        (3000, None, 3000, ""),
        (None, None, 2048, ""),
        (None, 3000, 1500, ""),
        (3000, 3000, 1500, "thinking-budget-lowered"),
        (3000, 1500, 1024, "thinking-budget-lowered"),
        (3000, 1024, None, "thinking-off"),
    ],
)
def test_a_budget_stays_below_the_limit(budget: int | None, limit: int | None, sent: int | None, repair: str) -> None:
    mode = Thinking("budget", budget) if budget else ADAPTIVE
    plan, call = planned(asked(SONNET_45, mode, sampling=Sampling(limit)))
    assert plan.fields.get("thinking", {}).get("budget_tokens") == sent
    assert list(call.receipt.repairs) == [repair] * bool(repair)


LOOP = (
    Message("user", (Text("Weather?"),)),
    Message("assistant", (ToolCall("t", "f", "{}"),)),
    Message("user", (ToolResult("t", (Text("Sun."),)),)),
)
SIGNED = (LOOP[0], Message("assistant", (Reasoning("Hm", "sig"), *LOOP[1].parts)), LOOP[2])


@pytest.mark.parametrize(("model", "thinks"), [(SONNET_45, False), (OPUS_5, False), (OPUS_55, True), (DEEPSEEK, True)])
def test_a_loop_without_its_thoughts_goes_on_without(model: str, thinks: bool) -> None:
    plan, call = planned(asked(model, ADAPTIVE, None, *LOOP))
    assert (plan.reasoning, "thinking-off" in call.receipt.repairs) == (thinks, not thinks)
    assert planned(asked(model, ADAPTIVE, None, *SIGNED))[0].reasoning


@pytest.mark.parametrize("quirk", ["reasoning", "reasoning_missing"])
def test_what_a_model_refused_is_not_sent_again(quirk: str) -> None:
    plan, call = planned(asked(OPUS_5, ADAPTIVE, "low"), quirks=frozenset({quirk}))
    assert "thinking" not in plan.fields
    assert call.receipt.repairs["thinking-off"] == 1
    plan, call = planned(asked(OPUS_5, ADAPTIVE, "low"), quirks=frozenset({"effort"}))
    assert plan.fields == {"thinking": {"type": "adaptive"}}
    assert list(call.receipt.ignored) == [EFFORT]


def test_betas_go_to_models_that_know_them() -> None:
    betas = ("interleaved-thinking-2025-05-14", "claude-code-20250219", "fine-grained-tool-streaming-2025-05-14")
    sent = planned(asked(SONNET_45, OFF, betas=betas))[0].fields
    assert sent["anthropic_beta"] == [betas[0], betas[2]]
    assert planned(asked(OPUS_5, Thinking(), betas=betas))[0].fields["anthropic_beta"] == [betas[2]]
    assert "anthropic_beta" not in planned(asked(NOVA, OFF, betas=betas))[0].fields
    assert not planned(asked(SONNET_45, OFF, betas=betas), quirks=frozenset({"betas"}))[0].fields


def test_the_keys_limit_holds_for_thoughts_too() -> None:
    call = Call("r", Caller("k", access=Access(max_tokens=2000)), "messages")
    plan = finish(planner().plan(asked(SONNET_45, BUDGET), call, stream=False))
    assert plan.max_tokens == 2000
    assert plan.fields["thinking"]["budget_tokens"] == 1024


@pytest.mark.parametrize(
    ("model", "thinking", "wanted"),
    [(SONNET_45, OFF, False), (SONNET_45, ADAPTIVE, True), (SONNET_45, Thinking(), False), (OPUS_55, OFF, True)],
)
def test_thoughts_are_recalled_where_they_may_be_wanted(model: str, thinking: Thinking, wanted: bool) -> None:
    assert may_replay(asked(model, thinking, "high")) == wanted


@pytest.mark.parametrize(("model", "told"), [(SONNET_45, []), (NOVA, ["citations"])])
def test_citations_are_for_models_that_cite(model: str, told: list[str]) -> None:
    paper = Media("document", Blob("T25jZQ==", 4), "text/plain", "a.txt", citations=True)
    plan, call = planned(prompt_of(model, Message("user", (paper, Text("Read.")))))
    assert list(call.receipt.ignored) == told
    document = to_body(plan)[0]["messages"][0]["content"][0]["document"]
    assert ("citations" in document) == (not told)
