"""`toolConfig`: order kept, names aliased, schemas mended, and no word a model would refuse."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from app.core.prompt import CachePoint, Tool, ToolChoice
from app.upstreams.converse.names import tool_name
from app.upstreams.converse.tools import to_tool_config
from tests.unit.upstreams.converse.histories import NOVA_PRO, OPUS_5, QWEN, SONNET_45, tools
from tests.unit.upstreams.converse.planning import plan

OBJECT = {"type": "object", "properties": {}}


def config(model: str = SONNET_45, **members: Any) -> tuple[Any, dict[str, int]]:
    repairs: Counter[str] = Counter()
    made, _ = to_tool_config(plan(model, **members), repairs)
    return made, dict(repairs)


def test_without_tools_there_is_none() -> None:
    assert config() == (None, {})


def test_tools_stay_in_their_order_with_their_keys() -> None:
    schema = {"properties": {"b": {}, "a": {}}, "type": "object"}
    made, repairs = config(tools=(Tool("z", " ", schema), Tool("a", "d", None)))
    assert made == {
        "tools": [
            {"toolSpec": {"name": "z", "inputSchema": {"json": schema}}},
            {"toolSpec": {"name": "a", "description": "d", "inputSchema": {"json": OBJECT}}},
        ]
    }
    assert list(made["tools"][0]["toolSpec"]["inputSchema"]["json"]) == ["properties", "type"]
    assert repairs == {}


def test_one_bad_mcp_tool_does_not_kill_every_request() -> None:
    made, repairs = config(tools=(Tool("fs.read", schema={"anyOf": [{"properties": {"a": {}}}]}),))
    spec = made["tools"][0]["toolSpec"]
    assert spec["name"] == tool_name("fs.read")
    assert spec["inputSchema"] == {"json": {"type": "object", "properties": {"a": {}}}}
    assert repairs == {"tool-name": 1, "tool-schema": 1}


def test_of_two_tools_of_one_name_the_first_stays_where_it_was() -> None:
    made, repairs = config(tools=(Tool("a", "first"), Tool("b"), Tool("a", "second"), Tool("a")))
    assert [tool["toolSpec"]["name"] for tool in made["tools"]] == ["a", "b"]
    assert made["tools"][0]["toolSpec"]["description"] == "first"
    assert repairs == {"duplicate-tool": 2}


@pytest.mark.parametrize(
    ("model", "strict", "sent"), [(SONNET_45, True, True), (SONNET_45, False, False), (OPUS_5, True, False)]
)
def test_strict_is_for_models_that_take_it(model: str, strict: bool, sent: bool) -> None:
    made, _ = config(model, tools=(Tool("a", strict=strict),))
    assert ("strict" in made["tools"][0]["toolSpec"]) is sent


@pytest.mark.parametrize(
    ("model", "choice", "sent"),
    [
        (SONNET_45, ToolChoice(), None),
        (SONNET_45, ToolChoice("any"), {"any": {}}),
        (SONNET_45, ToolChoice("tool", "fs.read"), {"tool": {"name": tool_name("fs.read")}}),
        (QWEN, ToolChoice("any"), None),
    ],
)
def test_a_choice_is_sent_where_it_says_something(model: str, choice: ToolChoice, sent: Any) -> None:
    made, _ = config(model, tools=tools("fs.read"), tool_choice=choice)
    assert made.get("toolChoice") == sent


@pytest.mark.parametrize(("model", "sent"), [(SONNET_45, True), (NOVA_PRO, False), (QWEN, False)])
def test_a_cache_point_stands_behind_its_tool_where_the_model_takes_one(model: str, sent: bool) -> None:
    made, _ = config(model, tools=(Tool("a", cache=CachePoint("1h")), Tool("b")))
    points = [at for at, tool in enumerate(made["tools"]) if "cachePoint" in tool]
    assert points == ([1] if sent else [])


def test_web_search_is_a_system_tool() -> None:
    made, _ = config("us.amazon.nova-2-lite-v1:0", grounding=True)
    assert made == {"tools": [{"systemTool": {"name": "nova_grounding"}}]}
