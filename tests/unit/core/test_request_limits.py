"""A request with too many parts is refused by every surface, with the parameter's name, before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.api.chat.decode import decode as chat
from app.api.messages.decode import decode as messages
from app.api.messages.decode import decode_count
from app.api.responses.decode import decode as responses
from app.core.request_limits import RequestLimits
from app.errors import InvalidRequest

Decode = Callable[..., Any]
TIGHT = RequestLimits(messages=3, tools=2, schema_nodes=8)
USER = {"role": "user", "content": "hi"}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {}, "b": {"enum": ["x", "y"]}}, "required": ["a"]}
FLAT = {"type": "function", "name": "f", "parameters": SCHEMA}
CHAT = {"model": "m", "messages": [USER]}
RESPONSES = {"model": "m", "input": [USER]}
MESSAGES = {"model": "m", "messages": [USER], "max_tokens": 9}
TOOL = {"name": "f", "input_schema": SCHEMA}
FORMAT = {"type": "json_schema", "name": "n", "schema": {"properties": {"a": {}, "b": {}, "c": {}, "d": [[], [[]]]}}}


def refused(decode: Decode, body: dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as problem:
        decode(body, limits=TIGHT)
    assert problem.value.status == 400
    return problem.value


@pytest.mark.parametrize(
    ("decode", "body", "param"),
    [
        (chat, CHAT | {"messages": [USER] * 4}, "messages"),
        (chat, CHAT | {"tools": [FLAT] * 3}, "tools"),
        (chat, CHAT | {"functions": [FLAT] * 3}, "functions"),
        (chat, CHAT | {"tools": [FLAT] * 2}, "tools"),
        (chat, CHAT | {"response_format": {"type": "json_schema", "json_schema": FORMAT}}, "response_format"),
        (responses, RESPONSES | {"input": [USER] * 4}, "input"),
        (responses, RESPONSES | {"tools": [FLAT] * 3}, "tools"),
        (
            responses,
            RESPONSES | {"tools": [{"type": "namespace", "name": "n", "tools": [{"name": n} for n in "abc"]}]},
            "tools",
        ),
        (responses, RESPONSES | {"tools": [FLAT, FLAT | {"name": "g"}]}, "tools"),
        (responses, RESPONSES | {"text": {"format": FORMAT}}, "text.format"),
        (messages, MESSAGES | {"messages": [USER] * 4}, "messages"),
        (messages, MESSAGES | {"tools": [TOOL] * 3}, "tools"),
        (messages, MESSAGES | {"tools": [TOOL] * 2}, "tools"),
        (messages, MESSAGES | {"output_config": {"format": FORMAT}}, "output_config.format"),
        (decode_count, MESSAGES | {"messages": [USER] * 4}, "messages"),
        (decode_count, MESSAGES | {"tools": [TOOL] * 2}, "tools"),
    ],
)
def test_a_request_of_too_many_parts_is_refused_by_name(decode: Decode, body: dict[str, Any], param: str) -> None:
    assert refused(decode, body).param == param


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (chat, CHAT | {"messages": [USER] * 3, "tools": [FLAT]}),
        (responses, RESPONSES | {"input": [USER] * 3, "tools": [FLAT]}),
        (messages, MESSAGES | {"messages": [USER] * 3, "tools": [TOOL]}),
    ],
)
def test_a_request_of_just_the_limits_is_taken(decode: Decode, body: dict[str, Any]) -> None:
    decode(body, limits=TIGHT)


def test_the_items_before_a_response_count_as_well() -> None:
    history = [USER | {"type": "message"}] * 3
    with pytest.raises(InvalidRequest) as problem:
        responses(RESPONSES, history=history, limits=TIGHT)
    assert (problem.value.param, problem.value.code) == ("input", "context_length_exceeded")


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (chat, CHAT | {"tools": [{"type": "function", "function": {"name": f"f{n}"}} for n in range(1_024)]}),
        (responses, RESPONSES | {"tools": [FLAT | {"name": f"f{n}", "parameters": {}} for n in range(1_024)]}),
        (messages, MESSAGES | {"tools": [TOOL | {"name": f"f{n}"} for n in range(1_024)]}),
    ],
)
def test_a_thousand_tools_are_taken_on_every_surface(decode: Decode, body: dict[str, Any]) -> None:
    decoded = decode(body)
    assert len(decoded.prompt.tools) == 1_024
