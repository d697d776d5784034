"""Tools of every type, and what is left out of them."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.messages.schema import ToolChoiceConfig
from app.api.messages.tools import CLIENT, SERVER, decode_choice, decode_tools
from app.core.prompt import CachePoint, Tool, ToolChoice
from app.errors import InvalidRequest
from tests.unit.api.messages.bodies import HOUR, WEATHER


def test_a_custom_tool() -> None:
    more = {
        "type": "custom",
        "strict": True,
        "cache_control": HOUR,
        "allowed_callers": ["direct"],
        "defer_loading": False,
    }
    schema = WEATHER["input_schema"]
    assert decode_tools([WEATHER | more]) == (
        (Tool("get_weather", "The weather in a city.", schema, True, CachePoint("1h")),), (),
    )  # fmt: skip
    assert decode_tools([{"name": "f", "input_schema": {}}]) == ((Tool("f", "", {}),), ())


def test_members_without_effect_are_told_once() -> None:
    tool = WEATHER | {"defer_loading": True, "input_examples": [{}], "allowed_callers": ["code_execution_20250825"]}
    _, ignored = decode_tools([tool, tool])
    assert ignored == ("tools.defer_loading", "tools.input_examples", "tools.allowed_callers")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("bash_20250124", "bash"), ("text_editor_20250728", "str_replace_based_edit_tool"), ("memory_20250818", "memory")],
)
def test_what_the_client_runs_is_a_function(kind: str, name: str) -> None:
    (tool,), ignored = decode_tools([{"type": kind, "name": name, "cache_control": HOUR}])
    assert (tool.name, tool.cache, ignored) == (name, CachePoint("1h"), ())
    assert "command" in tool.schema["properties"]
    assert tool.description


def test_a_computer_has_a_screen() -> None:
    size = {"display_width_px": 1024, "display_height_px": 768}
    (tool,), _ = decode_tools([{"type": "computer_20251124", "name": "computer"} | size])
    assert tool.description.endswith("1024x768 pixels.")


@pytest.mark.parametrize("kind", SERVER)
def test_what_servers_run_is_left_out_or_refused(kind: str) -> None:
    tool = {"type": f"{kind}20260101", "name": "web_search"}
    assert decode_tools([tool, WEATHER])[1] == (f"tools.{kind}20260101",)
    with pytest.raises(InvalidRequest, match="runs on its vendor's own servers") as caught:
        decode_tools([tool])
    assert caught.value.param == "tools.0.type"
    assert "the client" in str(caught.value)


def test_a_web_search_alone_is_refused_with_what_to_do_in_the_client() -> None:
    with pytest.raises(InvalidRequest, match=r'permissions": \{"deny": \["WebSearch"\]\}.*MCP server') as caught:
        decode_tools([{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}])
    assert caught.value.code == "unsupported_value"


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ({"input_schema": {}}, "tools.0.name: Field required"),
        ({"name": "f"}, "tools.0.custom.input_schema: Field required"),
        ({"name": "f", "input_schema": []}, "tools.0.custom.input_schema: Input should be a valid dictionary"),
        ({"name": "f" * 513, "input_schema": {}}, "tools.0.name: String should have at most 512 characters"),
        ({"type": 5, "name": "f"}, "tools.0.type: Input should be a valid string"),
        ({"type": "teapot", "name": "f"}, "tools.0.type: Input tag 'teapot' does not match any of the expected tags: "
         + ", ".join(["'custom'", *(f"'{prefix}...'" for prefix in (*CLIENT, *SERVER))])),
    ],
)  # fmt: skip
def test_a_wrong_tool_is_named(tool: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_tools([tool])
    assert caught.value.message == message


def test_a_choice_without_tools_is_none() -> None:
    assert decode_choice(ToolChoiceConfig(type="tool", name="f"), ()) == ToolChoice()
