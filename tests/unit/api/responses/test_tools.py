"""Tools and the choice among them, in every form."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.responses.parameters import TOOLS
from app.api.responses.shape import Named
from app.core.prompt import Tool, ToolChoice
from app.errors import InvalidRequest
from tests.unit.api.responses.bodies import AGENTS, GRAMMAR, PATCH, WEATHER, decoded

SEARCH = {"type": "tool_search", "execution": "client", "description": None, "parameters": {"type": "object"}}
ALL = [WEATHER, PATCH, AGENTS, SEARCH]


def refused(**fields: Any) -> tuple[str | None, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        decoded(**fields)
    return caught.value.param, caught.value.code


def test_a_function() -> None:
    how = decoded(tools=[WEATHER, {"name": "f", "description": None, "parameters": None, "strict": True}])
    assert how.prompt.tools == (
        Tool("get_weather", "The weather in a city.", WEATHER["parameters"], False),
        Tool("f", "", None, True),
    )
    assert how.names == {"get_weather": Named("function", "get_weather"), "f": Named("function", "f")}
    assert how.echo["tools"][1] == {
        "type": "function",
        "name": "f",
        "description": None,
        "parameters": None,
        "strict": True,
    }


def test_the_form_of_chat_completions_is_understood() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    how = decoded(tools=[tool, {"type": "custom", "custom": {"name": "p"}}])
    assert [(each.name, each.schema is not None) for each in how.prompt.tools] == [("f", True), ("p", True)]
    assert how.echo["tools"][0] == tool


def test_a_freeform_tool_is_a_function_of_one_string_and_its_grammar_is_told() -> None:
    (tool,) = decoded(tools=[PATCH]).prompt.tools
    assert tool.schema["required"] == ["input"]
    assert tool.description == f"Edits files.\n\nThe input must match this lark grammar:\n{GRAMMAR}"
    (plain,) = decoded(tools=[{"type": "custom", "name": "p", "format": {"type": "text"}}]).prompt.tools
    assert plain.description == ""
    nested = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}
    (other,) = decoded(tools=[{"type": "custom", "name": "p", "format": nested}]).prompt.tools
    assert other.description == "The input must match this regex grammar:\na+"


def test_a_namespace_is_a_prefix_and_its_words_stand_once() -> None:
    how = decoded(tools=[AGENTS, {"type": "namespace", "name": "ns", "tools": [{"type": "custom", "name": "p"}]}])
    assert [(tool.name, tool.description) for tool in how.prompt.tools][:2] == [
        ("multi_agent_v1__close_agent", "multi_agent_v1: Other agents.\n\nClose."),
        ("multi_agent_v1__spawn_agent", "Spawn."),
    ]
    assert how.names["ns__p"] == Named("custom", "p", "ns")


def test_names_that_look_alike_are_told_apart() -> None:
    how = decoded(
        tools=[{"type": "namespace", "name": "a", "tools": [{"name": "b"}]}, {"name": "a__b"}, {"name": "a__b"}]
    )
    assert how.names == {"a__b": Named("function", "b", "a"), "a__b_": Named("function", "a__b")}
    call = {"type": "function_call", "call_id": "c", "name": "a__b", "arguments": "{}"}
    (turn,) = decoded(
        tools=[{"type": "namespace", "name": "a", "tools": [{"name": "b"}]}, {"name": "a__b"}], input=[call]
    ).prompt.messages
    assert turn.parts[0].name == "a__b_"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (kind, kind)
        for kind in TOOLS
        if kind not in ("function", "custom", "namespace") and not kind.startswith("web_search")
    ],
)
def test_what_openai_runs_itself_is_told(kind: str, told: str) -> None:
    how = decoded(tools=[{"type": kind, "server_label": "s"}, WEATHER])
    assert how.prompt.ignored == (told,)
    assert len(how.prompt.tools) == 1


@pytest.mark.parametrize(
    "kind", ["web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"]
)
def test_the_web_is_searched_where_it_can_be(kind: str) -> None:
    prompt = decoded(tools=[{"type": kind}]).prompt
    assert (prompt.grounding, prompt.grounding_else, prompt.ignored) == (True, "web_search", ())
    offline = decoded(tools=[{"type": kind, "external_web_access": False}]).prompt
    assert (offline.grounding, len(offline.ignored)) == (False, 1)


@pytest.mark.parametrize(
    ("tools", "param", "code"),
    [
        (["x"], "tools.0", "invalid_type"),
        ([{"type": "teleport"}], "tools.0.type", "invalid_value"),
        ([{"type": "web_search_x"}], "tools.0.type", "invalid_value"),
        ([{"type": ["function"]}], "tools.0.type", "invalid_value"),
        ([{"type": None, "name": "f"}], "tools.0.type", "invalid_value"),
        ([{"type": "function"}], "tools.0.name", "missing_required_parameter"),
        ([{"type": "function", "name": "a" * 513}], "tools.0.name", "missing_required_parameter"),
        ([{"type": "namespace", "tools": []}], "tools.0.name", "missing_required_parameter"),
        ([{"type": "namespace", "name": "a"}], "tools.0.tools", "missing_required_parameter"),
        ([{"type": "namespace", "name": "a", "tools": ["x"]}], "tools.0.tools.0.type", "invalid_value"),
        ([{"type": "namespace", "name": "a", "tools": [{"type": "mcp"}]}], "tools.0.tools.0.type", "invalid_value"),
        (
            [{"type": "namespace", "name": "a", "tools": [{"name": f"f{n}"} for n in range(1025)]}],
            "tools",
            "invalid_value",
        ),
    ],
)
def test_what_is_wrong_is_named(tools: Any, param: str, code: str) -> None:
    assert refused(tools=tools) == (param, code)


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, ToolChoice()),
        ("auto", ToolChoice()),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ({"type": "required"}, ToolChoice("any")),
        ({"type": "function", "name": "get_weather"}, ToolChoice("tool", "get_weather")),
        ({"type": "function", "function": {"name": "get_weather"}}, ToolChoice("tool", "get_weather")),
        ({"type": "custom", "name": "apply_patch"}, ToolChoice("tool", "apply_patch")),
        ({"type": "tool_search"}, ToolChoice("tool", "tool_search")),
        ({"type": "function", "name": "close_agent", "namespace": "multi_agent_v1"},
         ToolChoice("tool", "multi_agent_v1__close_agent")),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_weather"},
          {"type": "image_generation"}, {"type": "function", "name": "unknown"}]},
         ToolChoice("any", allowed=("get_weather",))),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "namespace",
          "name": "multi_agent_v1"}, {"name": "get_weather"}]}},
         ToolChoice(allowed=("multi_agent_v1__close_agent", "multi_agent_v1__spawn_agent", "get_weather"))),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "s"}]}, ToolChoice("none")),
    ],
)  # fmt: skip
def test_choices(choice: Any, wanted: ToolChoice) -> None:
    assert decoded(tools=ALL, tool_choice=choice).prompt.tool_choice == wanted
    assert decoded(tool_choice=choice).prompt.tool_choice == ToolChoice()


@pytest.mark.parametrize("kind", ["mcp", "web_search_preview", "apply_patch", "shell", "programmatic_tool_calling"])
def test_what_runs_nowhere_can_not_be_forced(kind: str) -> None:
    prompt = decoded(tools=[WEATHER], tool_choice={"type": kind}).prompt
    assert (prompt.tool_choice, prompt.ignored) == (ToolChoice(), ("tool_choice",))


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ("sometimes", "tool_choice"),
        ({}, "tool_choice.type"),
        ({"type": ["function"]}, "tool_choice.type"),
        ({"type": "function"}, "tool_choice.name"),
        ({"type": "function", "name": "unknown"}, "tool_choice"),
        ({"type": "function", "name": "close_agent"}, "tool_choice"),
        ({"type": "allowed_tools"}, "tool_choice.tools"),
        ({"type": "allowed_tools", "tools": [7]}, "tool_choice.tools"),
        ({"type": "allowed_tools", "tools": [{"type": "function"}]}, "tool_choice.tools"),
        ({"type": "allowed_tools", "tools": [{"type": ["x"], "name": "f"}]}, "tool_choice"),
        ({"type": "allowed_tools", "tools": [{"type": "function", "name": "unknown"}]}, "tool_choice"),
    ],
)
def test_a_wrong_choice_is_named(choice: Any, param: str) -> None:
    assert refused(tools=ALL, tool_choice=choice)[0] == param
