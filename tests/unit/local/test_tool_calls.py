"""Tools: which the model calls, with what, and what it says to their results."""

from typing import Any

import pytest

from tests.unit.local.asking import (
    CLAUDE,
    ask,
    assistant,
    deltas,
    fold,
    stream,
    text_of,
    tool,
    tool_result,
    tools,
    user,
)


def test_tools_are_called_answered_and_talked_about(runtime: Any) -> None:
    config = tools("get_weather", "get_time")
    first = ask(runtime, "What is the weather in Paris for 3 days?", toolConfig=config)
    calls = first["output"]["message"]["content"]
    assert [call["toolUse"]["name"] for call in calls] == ["get_weather"]
    assert calls[0]["toolUse"]["input"] == {"city": "Paris", "days": 3}
    assert first["stopReason"] == "tool_use"
    turns = [user("weather?"), first["output"]["message"], user(tool_result(calls[0]["toolUse"]["toolUseId"], "rain"))]
    second = runtime.converse(modelId=CLAUDE, messages=turns, toolConfig=config)
    assert "rain" in text_of(second)
    assert second["stopReason"] == "end_turn"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [({"any": {}}, "get_weather"), ({"tool": {"name": "get_time"}}, "get_time")],
)
def test_a_forced_tool_is_called(runtime: Any, choice: dict[str, Any], expected: str) -> None:
    config = {**tools("get_weather", "get_time"), "toolChoice": choice}
    assert ask(runtime, "hi", toolConfig=config)["output"]["message"]["content"][0]["toolUse"]["name"] == expected


def test_two_named_tools_are_called_at_once_unless_that_is_off(runtime: Any) -> None:
    question = "call get_weather and get_time"
    both = ask(runtime, question, toolConfig=tools("get_weather", "get_time"))["output"]["message"]["content"]
    assert len({block["toolUse"]["toolUseId"] for block in both}) == 2
    native = {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    one = ask(runtime, question, toolConfig=tools("get_weather", "get_time"), additionalModelRequestFields=native)
    assert len(one["output"]["message"]["content"]) == 1


def test_a_loop_that_forces_tools_comes_to_its_last_tool(runtime: Any) -> None:
    config = {**tools("get_weather", "final_result"), "toolChoice": {"any": {}}}
    result = {"toolResult": {"toolUseId": "t1", "content": [{"json": {"days": 4}}]}}
    turns = [user("the weather?"), assistant({"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {}}})]
    response = runtime.converse(modelId=CLAUDE, messages=[*turns, user(result)], toolConfig=config)
    (call,) = response["output"]["message"]["content"]
    assert call["toolUse"]["name"] == "final_result"
    assert call["toolUse"]["input"]["days"] == 4


def test_claude_can_be_forced_in_its_own_words(runtime: Any) -> None:
    for native, expected in (({"type": "any"}, "get_weather"), ({"type": "tool", "name": "get_time"}, "get_time")):
        fields = {"tool_choice": native}
        response = ask(runtime, "hi", toolConfig=tools("get_weather", "get_time"), additionalModelRequestFields=fields)
        assert response["output"]["message"]["content"][0]["toolUse"]["name"] == expected


def test_two_tools_are_called_when_told_to_use_the_tools(runtime: Any) -> None:
    response = ask(runtime, "Use the tools.", toolConfig=tools("alpha", "beta"))
    assert len(response["output"]["message"]["content"]) == 2


def test_a_tool_without_parameters_streams_no_input(runtime: Any) -> None:
    config = {"tools": [tool("ping", {"type": "object", "properties": {}})]}
    events = stream(runtime, "please call ping", toolConfig=config)
    assert deltas(events) == []
    assert fold(events)["content"][0]["toolUse"]["name"] == "ping"


def test_unrelated_questions_call_no_tool(runtime: Any) -> None:
    assert ask(runtime, "Tell me a joke", toolConfig=tools())["stopReason"] == "end_turn"
