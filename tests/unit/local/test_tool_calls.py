"""Tools: which the model calls, with what, and what it says to their results."""

from typing import Any

import pytest

from tests.unit.local.asking import (
    CLAUDE,
    NOVA,
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
    result = {"toolResult": {"toolUseId": "t1", "content": [{"json": {"days": 5}}]}}
    turns = [
        user("the weather of 4 days?"),
        assistant({"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {}}}),
    ]
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


SHELL = {
    "type": "object",
    "properties": {"command": {"type": "string"}, "args": {"type": "array", "items": {"type": "string"}}},
    "required": ["command"],
}
BASH = {"tools": [tool("Bash", SHELL)]}
REMINDER = (
    '<system-reminder>\nCLAUDE.md: use the tools. Bash and get_weather, never "rm -rf build".\n</system-reminder>'
)


def called(response: Any) -> list[tuple[str, Any]]:
    content = response["output"]["message"]["content"]
    return [(block["toolUse"]["name"], block["toolUse"]["input"]) for block in content if "toolUse" in block]


@pytest.mark.parametrize(
    "before",
    [
        REMINDER,
        "# AGENTS.md instructions for /work\n\n<INSTRUCTIONS>\nUse the tools: get_weather\n</INSTRUCTIONS>",
        "<environment_context>\n  <shell>get_weather</shell>\n</environment_context>",
        "[[emulate: call=get_weather]] <file path='a'>text</file>",
        "<system-reminder> of <system-reminder> and get_weather </system-reminder>",
    ],
)
def test_text_that_a_client_adds_to_a_turn_calls_no_tool(runtime: Any, before: str) -> None:
    for turn in (user(before, "Hello"), user(f"{before}\nHello"), user("Hello", before)):
        if turn["content"][-1]["text"].startswith("[[emulate"):
            continue  # the last block is the person's
        response = runtime.converse(modelId=CLAUDE, messages=[turn], toolConfig=tools("get_weather"))
        assert called(response) == []


def test_a_reminder_that_is_cut_off_calls_no_tool(runtime: Any) -> None:
    assert called(ask(runtime, "Hello <system-reminder> get_weather, cut", toolConfig=tools("get_weather"))) == []


def test_system_text_calls_no_tool(runtime: Any) -> None:
    for system in (REMINDER, "Use the tools. [[emulate: call=Bash]] [[emulate: call=get_weather]]"):
        config = {"tools": [*tools("get_weather")["tools"], *BASH["tools"]]}
        assert called(ask(runtime, "Hello", system=[{"text": system}], toolConfig=config)) == []


def test_the_words_of_a_person_beside_a_reminder_call_a_tool(runtime: Any) -> None:
    turn = user(REMINDER, "What is the weather in Paris for 3 days?")
    response = runtime.converse(modelId=CLAUDE, messages=[turn], toolConfig=tools("get_weather"))
    assert called(response) == [("get_weather", {"city": "Paris", "days": 3})]


def test_an_answer_does_not_repeat_a_reminder(runtime: Any) -> None:
    assert text_of(runtime.converse(modelId=CLAUDE, messages=[user(REMINDER, "Hello")])) == "You said: Hello"
    assert "CLAUDE.md" in text_of(ask(runtime, REMINDER))


@pytest.mark.parametrize(
    "spec",
    [
        tool("Bash", SHELL),
        tool("exec_command", SHELL),
        tool("apply_patch", SHELL),
        tool("str_replace_based_edit_tool", SHELL),
        tool("NotebookEdit", SHELL),
        tool("deleteFile", SHELL),
        {"toolSpec": tool("helper", SHELL)["toolSpec"] | {"description": "Executes a given shell command."}},
        {"toolSpec": tool("changer", SHELL)["toolSpec"] | {"description": "Modifies text files in place"}},
    ],
    ids=lambda spec: str(spec["toolSpec"]["name"]),
)
def test_a_tool_that_writes_or_runs_something_is_called_by_a_directive_alone(
    runtime: Any, spec: dict[str, Any]
) -> None:
    name = spec["toolSpec"]["name"]
    config = {"tools": [spec]}
    question = f'Use the tools: call {name} with "rm -rf build". Patch, edit and delete the file!'
    assert called(ask(runtime, question, toolConfig=config)) == []
    asked = f'[[emulate: call={name} {{"command": "ls", "args": ["-l"]}}]]'
    assert called(ask(runtime, asked, toolConfig=config)) == [(name, {"command": "ls", "args": ["-l"]})]


def test_harmless_tools_are_told_apart(runtime: Any) -> None:
    names = ("get_weather", "Read", "Grep", "web_search", "view_image", "list_files", "final_result")
    for name in names:
        assert called(ask(runtime, f"call {name}", toolConfig=tools(name)))[0][0] == name


def test_a_directive_without_arguments_takes_them_from_the_question(runtime: Any) -> None:
    response = ask(runtime, "[[emulate: call=Bash]] command: 'ls -l'", toolConfig=BASH)
    assert called(response) == [("Bash", {"command": "ls -l"})]


def test_malformed_arguments_of_a_directive_are_not_guessed(runtime: Any) -> None:
    assert called(ask(runtime, '[[emulate: call=Bash {"command": rm}]] "rm -rf build"', toolConfig=BASH)) == [
        ("Bash", {})
    ]


def test_a_directive_for_a_tool_that_is_not_offered_is_ignored(runtime: Any) -> None:
    assert called(ask(runtime, "[[emulate: call=Write]]", toolConfig=BASH)) == []


def test_a_tool_result_calls_no_tool(runtime: Any) -> None:
    turns = [
        user("[[emulate: call=Bash]]"),
        assistant({"toolUse": {"toolUseId": "t1", "name": "Bash", "input": {"command": "ls"}}}),
        user(tool_result("t1", "[[emulate: call=Bash]] Bash"), REMINDER),
    ]
    assert called(runtime.converse(modelId=CLAUDE, messages=turns, toolConfig=BASH)) == []


@pytest.mark.parametrize("choice", [{"any": {}}, {"tool": {"name": "Bash"}}], ids=["any", "tool"])
def test_a_forced_tool_that_runs_something_gets_placeholders(runtime: Any, choice: dict[str, Any]) -> None:
    config = {**BASH, "toolChoice": choice}
    response = ask(runtime, 'Never call Bash with "rm -rf build" or command: reboot', model=NOVA, toolConfig=config)
    assert called(response) == [("Bash", {"command": "command"})]
    harmless = {"tools": [*BASH["tools"], tool("get_weather")], "toolChoice": {"any": {}}}
    assert called(ask(runtime, "Call Bash", toolConfig=harmless))[0][0] == "get_weather"
