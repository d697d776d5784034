"""Reasoning through the official SDK: where it shows, and how it comes back to the model, whatever the client keeps."""

from __future__ import annotations

import contextlib
from typing import Any

import openai
import pytest
from openai import OpenAI

from app.core.reasoning_origin import split_mark
from local.emulator import Emulator
from tests.contract.conftest import KEY, sent, serving
from tests.contract.words import CLAUDE, CLOCK, DEEPSEEK, GPT, NOVA, WEATHER, tool_result, user

PARIS = user("What is the weather in Paris?")
THOUGHT = 'The user says "What is the weather in Paris?". I will answer that briefly.'
ADAPTIVE = "us.anthropic.claude-sonnet-5"
SIGNED = pytest.mark.parametrize("model", [CLAUDE, ADAPTIVE])
STREAM = pytest.mark.parametrize("stream", [False, True])


def ask(client: OpenAI, stream: bool, **asked: Any) -> Any:
    """The message, as the SDK gives it or gathers it."""
    if not stream:
        return client.chat.completions.create(**asked).choices[0].message
    with client.chat.completions.stream(**asked) as events:
        return events.get_final_completion().choices[0].message


def reasoning_sent(emulator: Emulator) -> list[Any]:
    """The reasoning blocks in the history of the last request."""
    blocks = [block for turn in sent(emulator)[-1]["messages"] for block in turn["content"]]
    return [block["reasoningContent"] for block in blocks if "reasoningContent" in block]


@STREAM
@pytest.mark.parametrize("model", [CLAUDE, ADAPTIVE, DEEPSEEK])
def test_thoughts_stand_beside_the_content(client: OpenAI, model: str, stream: bool) -> None:
    message = ask(client, stream, model=model, messages=[PARIS], reasoning_effort="low")
    assert message.reasoning_content == THOUGHT
    assert message.content == "You said: What is the weather in Paris?"


def test_thoughts_come_before_the_content(client: OpenAI) -> None:
    chunks = client.chat.completions.create(model=CLAUDE, messages=[PARIS], reasoning_effort="low", stream=True)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    kinds = ["thought" if getattr(delta, "reasoning_content", None) else "text" for delta in deltas
             if delta.content or getattr(delta, "reasoning_content", None)]  # fmt: skip
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {"text", "thought"}


def test_reasoning_tokens_are_told(client: OpenAI) -> None:
    usage = client.chat.completions.create(model=CLAUDE, messages=[PARIS], reasoning_effort="low").usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens
    assert 0 < usage.completion_tokens_details.reasoning_tokens < usage.completion_tokens


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
@pytest.mark.parametrize(
    "model",
    [
        CLAUDE,
        ADAPTIVE,
        DEEPSEEK,
        NOVA,
        "us.amazon.nova-2-lite-v1:0",
        "us.anthropic.claude-opus-4-5-20251101-v1:0",
        "us.anthropic.claude-opus-5-5",
        "us.anthropic.claude-mythos-5-1",
        "openai.gpt-oss-120b-1:0",
        "us.openai.gpt-6.1-sol",
        "us.deepseek.r1-v1:0",
        "moonshotai.kimi-k2.5",
        "zai.glm-5",
    ],
)
def test_every_effort_passes_on_every_family(client: OpenAI, effort: Any, model: str) -> None:
    reply = client.chat.completions.create(model=model, messages=[user("Hello")], reasoning_effort=effort)
    assert reply.choices[0].message.content == "You said: Hello"


@pytest.mark.parametrize("limit", [3, 1000, 1500, 5000])
def test_a_limit_and_an_effort_go_together(client: OpenAI, limit: int) -> None:
    reply = client.chat.completions.create(
        model=CLAUDE, messages=[user("Hello")], reasoning_effort="high", max_completion_tokens=limit
    )
    assert reply.choices[0].finish_reason == ("length" if limit == 3 else "stop")


def test_sampling_and_an_effort_go_together(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=CLAUDE, messages=[user("Hello")], reasoning_effort="high", temperature=0.2, extra_body={"top_k": 5}
    )
    assert raw.parse().choices[0].message.content == "You said: Hello"
    assert "temperature" in raw.headers["x-gateway-ignored"]


LANES: dict[str, set[str]] = {
    "a client that keeps all": set(),
    "only reasoning_details": {"reasoning_content", "extra_content"},
    "only extra_content": {"reasoning_content", "reasoning_details"},
    "only the unsigned text": {"reasoning_details", "extra_content"},
    "a client that drops all": {"reasoning_content", "reasoning_details", "extra_content"},
}


def kept(message: Any, dropped: set[str]) -> Any:
    """The message as a client of some kind would send it back."""
    body = message.model_dump(exclude_none=True)
    for call in body.get("tool_calls") or []:
        for name in dropped:
            call.pop(name, None)
    return {name: value for name, value in body.items() if name not in dropped and name != "parsed"}


@SIGNED
@STREAM
@pytest.mark.parametrize("dropped", LANES.values(), ids=LANES)
def test_signed_thoughts_return_in_a_tool_loop(
    client: OpenAI, emulator: Emulator, model: str, stream: bool, dropped: set[str]
) -> None:
    asked: Any = {"model": model, "tools": [WEATHER, CLOCK], "reasoning_effort": "medium"}
    message = ask(client, stream, messages=[PARIS], **asked)
    (call,) = message.tool_calls
    history = [PARIS, kept(message, dropped), tool_result(call.id, "18 degrees")]
    second = ask(client, stream, messages=history, **asked)
    assert second.content == "The tool answered: 18 degrees"
    assert second.reasoning_content
    (block,) = reasoning_sent(emulator)
    assert block["reasoningText"]["text"] == THOUGHT
    assert block["reasoningText"]["signature"]


@STREAM
@pytest.mark.parametrize("model", [CLAUDE, GPT])
@pytest.mark.parametrize("dropped", LANES.values(), ids=LANES)
def test_redacted_thoughts_return_too(
    client: OpenAI, emulator: Emulator, model: str, stream: bool, dropped: set[str]
) -> None:
    asked: Any = {"model": model, "tools": [WEATHER], "reasoning_effort": "medium"}
    question = user("What is the weather in Paris? [[emulate: think redacted]]")
    message = ask(client, stream, messages=[question], **asked)
    assert not getattr(message, "reasoning_content", None)
    (call,) = message.tool_calls
    ask(client, stream, messages=[question, kept(message, dropped), tool_result(call.id, "18")], **asked)
    (block,) = reasoning_sent(emulator)
    (detail,) = message.reasoning_details
    assert split_mark(detail["data"]) == ("claude" if model == CLAUDE else "gpt", block["redactedContent"])
    assert "reasoningContent" in sent(emulator)[-1]["messages"][1]["content"][0], "before the tool use"


def test_the_stash_serves_the_second_of_two_calls_alone(client: OpenAI, emulator: Emulator) -> None:
    """A client may have dropped the first call of a turn, and may have given the other one back alone."""
    asked: Any = {"model": CLAUDE, "tools": [WEATHER, CLOCK], "reasoning_effort": "medium"}
    question = user("Use the tools for Paris.")
    message = ask(client, False, messages=[question], **asked)
    second = {"role": "assistant", "tool_calls": [kept(message, LANES["a client that drops all"])["tool_calls"][1]]}
    second["tool_calls"][0].pop("extra_content", None)
    ask(client, False, messages=[question, second, tool_result(message.tool_calls[1].id, "noon")], **asked)
    assert len(reasoning_sent(emulator)) == 1


def test_without_any_lane_the_turn_runs_without_thinking_and_says_so(client: OpenAI, emulator: Emulator) -> None:
    function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    call = {"id": "call_of_another_day", "type": "function", "function": function}
    history: Any = [PARIS, {"role": "assistant", "tool_calls": [call]}, tool_result("call_of_another_day", "18")]
    raw = client.chat.completions.with_raw_response.create(
        model=CLAUDE, messages=history, tools=[WEATHER], reasoning_effort="medium"
    )
    assert raw.parse().choices[0].message.content == "The tool answered: 18"
    assert "thinking-off" in raw.headers["x-gateway-repairs"]
    assert "thinking" not in sent(emulator)[-1].get("additionalModelRequestFields", {})


def test_a_forged_signature_is_not_a_failure(client: OpenAI) -> None:
    """Bedrock refuses thoughts it did not sign; the turn is run without them."""
    first = ask(client, False, model=CLAUDE, messages=[PARIS], tools=[WEATHER], reasoning_effort="low")
    body = kept(first, {"extra_content"})
    body["reasoning_details"][0]["signature"] = "Zm9yZ2Vk"
    history = [PARIS, body, tool_result(first.tool_calls[0].id, "18")]
    second = ask(client, False, model=CLAUDE, messages=history, tools=[WEATHER], reasoning_effort="low")
    assert second.content == "The tool answered: 18"


def test_another_models_thoughts_do_not_follow(client: OpenAI, emulator: Emulator) -> None:
    first = ask(client, False, model=CLAUDE, messages=[PARIS], tools=[WEATHER], reasoning_effort="low")
    history = [PARIS, kept(first, set()), tool_result(first.tool_calls[0].id, "18")]
    second = ask(client, False, model=NOVA, messages=history, tools=[WEATHER])
    assert second.content == "The tool answered: 18"
    assert reasoning_sent(emulator) == []


def test_forced_tools_and_an_effort_go_together(client: OpenAI) -> None:
    message = ask(
        client, False, model=CLAUDE, messages=[PARIS], tools=[WEATHER], tool_choice="required", reasoning_effort="high"
    )
    assert message.tool_calls


@pytest.mark.parametrize(("model", "thinking"), [
    (ADAPTIVE, {"type": "enabled", "budget_tokens": 2000}),
    (CLAUDE, {"type": "adaptive"}),
    ("us.anthropic.claude-opus-5-5", {"type": "disabled"}),
])  # fmt: skip
def test_what_one_client_gets_wrong_is_not_learned_for_all(
    emulator: Emulator, model: str, thinking: dict[str, Any]
) -> None:
    """A `thinking` object of the client's own that the model refuses: the next client's reasoning_effort still works."""
    with serving(emulator.url) as url, OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        with contextlib.suppress(openai.BadRequestError):
            client.chat.completions.create(model=model, messages=[PARIS], extra_body={"thinking": thinking})
        raw = client.chat.completions.with_raw_response.create(model=model, messages=[PARIS], reasoning_effort="low")
    assert "reasoning_effort" not in raw.headers.get("x-gateway-ignored", "")
    assert getattr(raw.parse().choices[0].message, "reasoning_content", "")
