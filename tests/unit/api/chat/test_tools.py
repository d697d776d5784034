"""Tools and the choice among them, in every form that clients send."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.chat.decode import decode
from app.api.chat.tools import decode_tool_choice, decode_tools
from app.core.prompt import CachePoint, Tool, ToolChoice
from app.errors import InvalidRequest

SCHEMA = {"type": "object", "properties": {}}
NAMED = {"name": "f", "description": "F.", "parameters": SCHEMA, "strict": True}


def body(**options: Any) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "patch"}}]
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": tools} | options


@pytest.mark.parametrize(
    "tool", [{"type": "function", "function": NAMED}, {"function": NAMED}, {"type": "function", **NAMED}]
)
def test_a_function_nested_or_flat(tool: dict[str, Any]) -> None:
    assert decode_tools([tool], []) == ((Tool("f", "F.", SCHEMA, True),), frozenset())


def test_legacy_functions_and_other_names_of_the_schema() -> None:
    assert decode_tools([], [NAMED])[0] == (Tool("f", "F.", SCHEMA, True),)
    assert decode_tools([{"name": "f", "input_schema": SCHEMA, "strict": "yes", "description": 1}], [])[0] == (
        Tool("f", "", SCHEMA, None),
    )


def test_a_tool_may_carry_a_cache_point() -> None:
    (tool,), _ = decode_tools([{"function": {"name": "f"}, "cache_control": {"type": "ephemeral", "ttl": "1h"}}], [])
    assert tool.cache == CachePoint("1h")


def test_a_freeform_tool_is_a_function_of_one_string() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}
    (tool,), custom = decode_tools([{"type": "custom", "custom": {"name": "patch", "format": grammar}}], [])
    assert custom == {"patch"}
    assert tool.schema["required"] == ["input"]
    assert tool.description == "The input must match this lark grammar:\nstart: /a/"
    flat = {"type": "custom", "name": "p", "description": "P.", "format": {"type": "text"}}
    assert decode_tools([flat], [])[0][0].description == "P."


@pytest.mark.parametrize(
    ("tools", "functions", "param"),
    [
        ([{"type": "web_search"}], [], "tools.0.type"),
        ([{"type": ["function"], "function": NAMED}], [], "tools.0.type"),
        ([{"type": "function", "function": {}}], [], "tools.0.function.name"),
        ([{"type": "function", "function": {"name": "x" * 513}}], [], "tools.0.function.name"),
        ([{"type": "custom", "custom": {"name": 1}}], [], "tools.0.custom.name"),
        ([], [{}], "functions.0.name"),
    ],
)
def test_a_tool_that_is_none_is_named(tools: list[Any], functions: list[Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_tools(tools, functions)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ToolChoice()),
        ("auto", ToolChoice()),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ("any", ToolChoice("any")),
        ({"type": "any"}, ToolChoice("any")),
        ({"type": "required"}, ToolChoice("any")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", "f")),
        ({"function": {"name": "f"}}, ToolChoice("tool", "f")),
        ({"type": "function", "name": "f"}, ToolChoice("tool", "f")),
        ({"type": "tool", "name": "f"}, ToolChoice("tool", "f")),
        ({"type": "custom", "custom": {"name": "patch"}}, ToolChoice("tool", "patch")),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"function": {"name": "f"}}]}},
            ToolChoice("any", allowed=("f",)),
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "patch"}, 1]},
            ToolChoice("auto", allowed=("patch",)),
        ),
    ],
)
def test_every_form_of_tool_choice(choice: Any, expected: ToolChoice) -> None:
    assert decode(body(tool_choice=choice)).prompt.tool_choice == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [("none", ToolChoice("none")), ({"name": "f"}, ToolChoice("tool", "f")), (None, ToolChoice())],
)
def test_the_legacy_choice_counts_where_there_is_no_other(call: Any, expected: ToolChoice) -> None:
    assert decode_tool_choice(None, call) == expected
    assert decode_tool_choice("auto", call) == ToolChoice()


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"function_call": "sometimes"}, "function_call"),
        ({"tool_choice": {"type": "hosted"}}, "tool_choice.type"),
        ({"tool_choice": {"type": ["function"]}}, "tool_choice.type"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function.name"),
        ({"tool_choice": {"type": "function", "function": {"name": "nobody"}}}, "tool_choice"),
        ({"function_call": {"name": ""}}, "function_call.name"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": None}}}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "tools": [{"name": "nobody"}]}}, "tool_choice"),
    ],
)
def test_a_choice_of_nothing_is_named(options: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(body(**options))
    assert caught.value.param == param


@pytest.mark.parametrize("choice", ["none", "required", {"type": "function", "function": {"name": "f"}}])
def test_a_choice_without_tools_is_dropped_and_no_400(choice: Any) -> None:
    assert decode(body(tools=None, tool_choice=choice)).prompt.tool_choice == ToolChoice()
    assert decode(body(tools=[], tool_choice=choice)).prompt.tool_choice == ToolChoice()


def test_legacy_functions_are_answered_in_their_own_dialect() -> None:
    assert decode(body(tools=None, functions=[NAMED])).legacy_functions
    assert not decode(body(functions=[NAMED])).legacy_functions
    assert decode(body()).custom_tools == {"patch"}
