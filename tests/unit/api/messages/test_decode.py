"""A messages body as a prompt: every parameter, and what is said of a wrong one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from app.api.messages.decode import Decoded, decode, decode_betas, decode_count
from app.api.messages.problems import envelope
from app.core.prompt import (
    CachePoint,
    Caching,
    Message,
    Prompt,
    ResponseFormat,
    Sampling,
    Text,
    Thinking,
    ToolChoice,
)
from app.errors import InvalidRequest, NotFound
from tests.examples import examples
from tests.unit.api.chat.bodies import JSON
from tests.unit.api.messages.bodies import BILLING, BODY, CLAUDE_CODE_BETAS, HOUR, WEATHER, claude_code, nearly

SCHEMA = {"type": "object", "properties": {}}


def prompt(**more: Any) -> Prompt:
    return decode(BODY | more).prompt


def refused(body: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        decode(body)
    return caught.value.message, caught.value.param, caught.value.code


def test_the_plainest_body() -> None:
    assert decode(BODY) == Decoded(
        Prompt("m", (Message("user", (Text("Hello"),)),), sampling=Sampling(max_tokens=100)), stream=False
    )


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 3, "stop_sequences": ["END"]},
         {"sampling": Sampling(100, 0.5, 0.9, 3, ("END",))}),
        ({"max_tokens": 0}, {"sampling": Sampling(0)}),
        ({"metadata": {"user_id": "u" * 2000}}, {"user": "u" * 1024}),
        ({"metadata": {"user_id": None}}, {}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"service_tier": "auto"}, {}),
        ({"cache_control": HOUR}, {"caching": Caching(auto=True, ttl="1h")}),
        ({"cache_control": {"type": "ephemeral"}}, {"caching": Caching(auto=True)}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
         {"thinking": Thinking("budget", 2048, "omitted")}),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, {"thinking": Thinking("adaptive", None, "summarized")}),
        ({"thinking": {"type": "between_tools"}}, {"thinking": Thinking("adaptive")}),
        ({"thinking": {"type": "disabled"}}, {"thinking": Thinking("off")}),
        ({"output_config": {"effort": "high"}}, {"effort": "high", "thinking": Thinking()}),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
         {"response_format": ResponseFormat("json_schema", SCHEMA)}),
        ({"output_format": {"type": "json_schema", "schema": SCHEMA}},
         {"response_format": ResponseFormat("json_schema", SCHEMA)}),
        ({"output_config": {"task_budget": {"type": "tokens"}}}, {"ignored": ("output_config.task_budget",)}),
        ({"speed": "fast", "container": "c", "inference_geo": "us"}, {"ignored": ("container", "inference_geo", "speed")}),
        ({"speed": "standard", "context_management": {}, "mcp_servers": [], "fallbacks": []}, {}),
        ({"context_management": {"edits": []}, "what is/this": 1, "nothing": None},
         {"ignored": ("context_management", "what_is_this")}),
        ({"tool_choice": {"type": "any"}}, {"ignored": ("tool_choice",)}),
        ({"tool_choice": {"type": "none"}}, {}),
        ({"fallbacks": "default"}, {"ignored": ("fallbacks",)}),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, {"parallel_tool_calls": False}),
    ],
)  # fmt: skip
def test_a_parameter_has_its_place(given: dict[str, Any], changes: dict[str, Any]) -> None:
    plain: dict[str, Any] = {"messages": (Message("user", (Text("Hello"),)),), "sampling": Sampling(100)}
    assert prompt(**given) == Prompt("m", **(plain | changes))


@pytest.mark.parametrize(
    ("choice", "decoded"),
    [
        (None, ToolChoice()),
        ({"type": "auto"}, ToolChoice()),
        ({"type": "any"}, ToolChoice("any")),
        ({"type": "none"}, ToolChoice("none")),
        ({"type": "tool", "name": "get_weather"}, ToolChoice("tool", "get_weather")),
    ],
)
def test_the_choice_among_tools(choice: Any, decoded: ToolChoice) -> None:
    assert prompt(tools=[WEATHER], tool_choice=choice).tool_choice == decoded


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "Input should be a valid dictionary or instance of MessagesRequest"),
        ({}, "model: Field required"),
        ({name: BODY[name] for name in ("model", "messages")}, "max_tokens: Field required"),
        (BODY | {"messages": []}, "messages: List should have at least 1 item after validation, not 0"),
        (BODY | {"messages": [1]}, "messages.0: Input should be a valid dictionary"),
        (BODY | {"messages": [{"content": "a"}]}, "messages.0.role: Input should be 'user', 'assistant' or 'system'"),
        (BODY | {"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        (BODY | {"messages": [{"role": "user", "content": 1}]}, "messages.0.content: Input should be a valid list"),
        (BODY | {"messages": [{"role": "user", "content": ["a"]}]},
         "messages.0.content.0: Input should be a valid dictionary"),
        (BODY | {"messages": [{"role": "system", "content": [{"type": "image"}]}]},
         "messages.0.content.0.type: Input tag 'image' does not match any of the expected tags: 'text'"),
        (BODY | {"system": [{"type": "text"}]}, "system.0.text: Field required"),
        (BODY | {"system": 5}, "system: Input should be a valid string"),
        (BODY | {"temperature": 2}, "temperature: Input should be less than or equal to 1"),
        (BODY | {"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
        (BODY | {"thinking": {"type": "enabled", "budget_tokens": 5}},
         "thinking.budget_tokens: Input should be greater than or equal to 1024"),
        (BODY | {"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema: Field required"),
        (BODY | {"mcp_servers": [{"name": "a"}]}, "mcp_servers: MCP servers are not called by this gateway"),
        (BODY | {"tools": [WEATHER], "tool_choice": {"type": "tool"}}, "tool_choice.tool.name: Field required"),
        (BODY | {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "a b"}},
         "tool_choice.tool.name: Tool 'a_b' not found in provided tools"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_their_words(body: Any, message: str) -> None:
    told, param, code = refused(body)
    assert told == message
    assert param == (message.partition(": ")[0] if ": " in message else None)
    assert code


@pytest.mark.parametrize(
    ("options", "name", "changes"),
    [
        ({"thinking": {"type": "adaptive", "display": "updates"}}, "thinking.display", {"thinking": Thinking("adaptive")}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "updates"}}, "thinking.display",
         {"thinking": Thinking("budget", 2048)}),
        ({"thinking": {"type": "sometimes"}}, "thinking.type", {}),
        ({"output_config": {"effort": "extreme"}}, "output_config.effort", {}),
        ({"service_tier": "express"}, "service_tier", {}),
        ({"speed": "slow"}, "speed", {}),
    ],
)  # fmt: skip
def test_an_unknown_value_of_a_switch_is_ignored_and_reported(
    options: dict[str, Any], name: str, changes: dict[str, Any]
) -> None:
    assert prompt(**options) == replace(prompt(), ignored=(name,), **changes)


def test_the_system_prompt_keeps_its_cache_points() -> None:
    system = [{"type": "text", "text": "Be brief.", "cache_control": HOUR}, {"type": "text", "text": "Be kind."}]
    assert prompt(system=system).messages[0] == Message(
        "system", (Text("Be brief."), CachePoint("1h"), Text("Be kind."))
    )
    assert prompt(system="Be brief.").messages[0] == Message("system", (Text("Be brief."),))
    assert prompt(system=[]) == prompt()


@pytest.mark.parametrize(
    ("system", "parts"),
    [
        ([{"type": "text", "text": BILLING, "cache_control": HOUR}, {"type": "text", "text": "a"}], (Text("a"),)),
        (f"{BILLING}\nBe brief.", (Text("Be brief."),)),
        (f"About {BILLING}", (Text(f"About {BILLING}"),)),
    ],
)
def test_a_billing_line_does_not_reach_the_model(system: Any, parts: Any) -> None:
    assert prompt(system=system).messages[0] == Message("system", parts)
    assert prompt(system=BILLING) == prompt()


def test_what_claude_code_sends() -> None:
    betas = decode_betas([(b"Anthropic-Beta", CLAUDE_CODE_BETAS.encode()), (b"x-api-key", b"k")])
    decoded = decode(claude_code("m"), betas)
    asked = decoded.prompt
    assert decoded.stream
    assert [message.role for message in asked.messages] == ["system", "user", "system"]
    assert asked.messages[0].parts == (
        Text("You are a coding agent."), CachePoint("1h"), Text("Work in /home/user."), CachePoint("1h"),
    )  # fmt: skip
    assert asked.messages[1].parts[-1] == CachePoint("1h")
    assert len(asked.tools) == 24
    assert (asked.effort, asked.thinking, asked.sampling.max_tokens) == ("high", Thinking("adaptive"), 32000)
    assert asked.betas == tuple(CLAUDE_CODE_BETAS.split(","))
    assert asked.ignored == ("context_management",)


def test_betas_come_once_each_and_not_without_end() -> None:
    assert decode_betas([(b"anthropic-beta", b"a, b,,a"), (b"anthropic-beta", b"c")]) == ("a", "b", "c")
    assert len(decode_betas([(b"anthropic-beta", ",".join(map(str, range(99))).encode())])) == 50


def test_a_thread_begins_and_is_lost() -> None:
    """The SDK's tool runner continues threads of itself; told that this one is lost, it sends the whole history."""
    assert decode(BODY | {"thread": {"type": "create"}}).prompt == replace(prompt(), ignored=("thread",))
    with pytest.raises(NotFound) as caught:
        decode(BODY | {"thread": {"type": "continue", "previous_message_id": "msg_1"}})
    assert (caught.value.param, caught.value.code) == ("thread", "thread_not_found")
    error = envelope(caught.value.body(), 404)["error"]
    assert error["details"] == {"error_code": "thread_not_found"}
    assert error["message"].startswith("thread: Conversations are not kept here")


@pytest.mark.parametrize("thread", ["thread_1", ["create"], 7, {"type": ["create"]}])
def test_a_thread_of_no_known_form_is_no_crash_where_tokens_are_counted(thread: Any) -> None:
    with pytest.raises(NotFound):
        decode_count({"model": "m", "messages": BODY["messages"], "thread": thread})


def test_to_count_takes_less() -> None:
    counted = decode_count({"model": "m", "messages": BODY["messages"], "thread": {}, "thinking": {"type": "disabled"}})
    assert counted.thinking == Thinking("off")
    assert counted.sampling == Sampling()


def attempt(body: Any) -> Decoded | None:
    try:
        return decode(body)
    except InvalidRequest:
        return None


@settings(max_examples=examples(300))
@given(JSON)
def test_any_json_is_a_prompt_or_a_400(body: Any) -> None:
    attempt(body)
    attempt(BODY | body if isinstance(body, dict) else body)


@settings(max_examples=examples(600), suppress_health_check=[HealthCheck.too_slow])
@given(nearly())
def test_what_clients_nearly_send_is_a_prompt_or_a_400(body: dict[str, Any]) -> None:
    attempt(body)
