"""Where thoughts of earlier turns may have to go back, and which of them the model takes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from app.core.prompt import Message, Part, Prompt, Reasoning, Text, Tool, ToolCall, ToolResult
from app.core.reasoning_origin import mark_of
from app.plan.replay import may_replay
from tests.unit.plan.planning import CHAT_MODELS, HAIKU_55, NOVA, OPUS_55, SONNET_45, SONNET_46, asked, planned

GPT, OSS = "openai.gpt-5.6-sol", "openai.gpt-oss-20b-1:0"
ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc"


@pytest.mark.parametrize(
    ("model", "options", "expected"),
    [
        (SONNET_45, {}, False),
        (SONNET_45, {"effort": "none"}, False),
        (SONNET_45, {"effort": "low"}, True),
        (f"us.{SONNET_46}", {"effort": "low"}, True),
        (SONNET_45, {"extra_fields": {"thinking": {"type": "enabled"}}}, True),
        (NOVA, {"effort": "high"}, False),
        (GPT, {}, True),
        ("fast", {}, True),
        (ARN, {}, True),
        ("acme.rocket-v1", {}, True),
    ],
)
def test_it_is_told_from_the_request(model: str, options: Any, expected: bool) -> None:
    assert may_replay(Prompt(model, (), **options)) is expected


@pytest.mark.parametrize("model", sorted({*CHAT_MODELS, OPUS_55, HAIKU_55}))
def test_a_request_that_is_sent_signed_reasoning_may_replay_it(model: str) -> None:
    for effort, more in product((None, "none", "low"), ({}, {"thinking": {"type": "enabled", "budget_tokens": 1024}})):
        prompt = asked(model, **({"reasoning_effort": effort} if effort else {}), **more)
        plan, _ = planned(prompt)
        if plan.reasoning and plan.target.traits.replay == "signed":
            assert may_replay(prompt), (effort, more)


CLAUDES = Reasoning("Hm.", mark_of("claude") + "c2ln")
GPTS = Reasoning(redacted=mark_of("gpt") + "cmVk")
UNKNOWN, OLD = Reasoning("Hm.", "b2xk"), Reasoning(redacted="b2xk")
PLAIN = Reasoning("Hm.")


def tool_loop(model: str, *thoughts: Part) -> Prompt:
    """A history with a finished tool turn and an open one, both with these thoughts."""
    turn = (
        Message("assistant", (*thoughts, ToolCall("c", "get_weather", "{}"))),
        Message("user", (ToolResult("c", (Text("Sun."),)),)),
    )
    messages = (Message("user", (Text("Weather?"),)), *turn, *turn)
    return Prompt(model, messages, tools=(Tool("get_weather"),), effort="low")


def kept(model: str, *thoughts: Part, quirks: tuple[str, ...] = ()) -> tuple[list[Reasoning], dict[str, int], bool]:
    """The thoughts of one turn that are planned, the repairs, and whether the model reasons."""
    prompt = tool_loop(model, *thoughts)
    plan, call = planned(prompt, quirks=frozenset(quirks))
    assert plan.prompt == prompt, "the next model of a chain may be the one that these thoughts belong to"
    parts = [part for part in plan.messages[1].parts if isinstance(part, Reasoning)]
    return parts, dict(call.receipt.repairs), plan.reasoning


@pytest.mark.parametrize(
    ("model", "thoughts", "expected"),
    [
        (SONNET_45, (CLAUDES, GPTS), [CLAUDES]),
        (SONNET_45, (UNKNOWN, OLD, GPTS), [UNKNOWN, OLD]),
        (GPT, (CLAUDES, GPTS), [GPTS]),
        (GPT, (CLAUDES, OLD), [OLD]),
        (OSS, (CLAUDES, PLAIN), [PLAIN]),
        (NOVA, (CLAUDES, GPTS), []),
    ],
)
def test_reasoning_of_another_family_is_dropped_before_the_call(model: str, thoughts: Any, expected: Any) -> None:
    parts, repairs, _ = kept(model, *thoughts)
    assert parts == expected
    assert repairs["foreign-reasoning"] == 2 * (len(thoughts) - len(expected))


def test_an_open_tool_turn_whose_thought_is_foreign_runs_without_thinking() -> None:
    assert kept(SONNET_45, GPTS) == ([], {"foreign-reasoning": 2, "thinking-off": 1}, False)
    assert kept(SONNET_45, GPTS, CLAUDES) == ([CLAUDES], {"foreign-reasoning": 2}, True)


def test_a_refusal_drops_all_reasoning_of_unknown_origin_at_once_and_thinking_stays_on() -> None:
    refused = kept(SONNET_45, CLAUDES, UNKNOWN, OLD, PLAIN, quirks=("reasoning_replay",))
    assert refused == ([CLAUDES], {"reasoning-refused": 6}, True)
    assert kept(OSS, PLAIN, quirks=("reasoning_replay",)) == ([], {"reasoning-refused": 2}, True)


def test_thinking_is_off_after_a_refusal_only_where_an_open_tool_turn_lost_its_thought() -> None:
    off: Any = ([], {"reasoning-refused": 2, "thinking-off": 1}, False)
    assert kept(SONNET_45, UNKNOWN, quirks=("reasoning_replay",)) == off
    open_turn = tool_loop(SONNET_45, UNKNOWN)
    answered = (Message("assistant", (Text("Sun."),)), Message("user", (Text("Thanks."),)))
    closed = replace(open_turn, messages=(*open_turn.messages, *answered))
    plan, call = planned(closed, quirks=frozenset({"reasoning_replay"}))
    assert (plan.reasoning, dict(call.receipt.repairs)) == (True, {"reasoning-refused": 2})


@pytest.mark.parametrize("thoughts", [(CLAUDES,), (CLAUDES, PLAIN)])
def test_a_refusal_without_reasoning_of_unknown_origin_drops_all(thoughts: Any) -> None:
    parts, repairs, _ = kept(SONNET_45, *thoughts, quirks=("reasoning_replay",))
    assert (parts, repairs["reasoning-refused"]) == ([], 2 * len(thoughts))


def test_a_second_refusal_drops_all() -> None:
    parts, repairs, reasons = kept(SONNET_45, CLAUDES, UNKNOWN, quirks=("reasoning_replay", "reasoning_history"))
    assert (parts, repairs, reasons) == ([], {"reasoning-refused": 4, "thinking-off": 1}, False)


def test_a_history_whose_reasoning_is_all_its_own_stays_the_same_object() -> None:
    prompt = tool_loop(SONNET_45, CLAUDES)
    assert planned(prompt)[0].messages is prompt.messages
