"""Every type of item: what it becomes, and which errors name it."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.responses.sealed import seal, seal_summary
from app.core.prompt import Media, Message, Part, Reasoning, Text, ToolCall, ToolResult
from app.errors import InvalidRequest
from tests.unit.api.responses.bodies import WEATHER, decoded

ASK = {"role": "user", "content": "Go."}


def turns(*items: Any, **fields: Any) -> tuple[Message, ...]:
    return decoded(input=[*items], **fields).prompt.messages


def parts(*items: Any, **fields: Any) -> tuple[Part, ...]:
    return tuple(part for turn in turns(*items, **fields) for part in turn.parts)


def repairs(*items: Any) -> dict[str, int]:
    return {name: count for name, count in decoded(input=[ASK, *items]).repairs.items() if count}


def refused(*items: Any, **fields: Any) -> tuple[str | None, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        decoded(input=[*items], **fields)
    return caught.value.param, caught.value.code


def test_every_role_stands_in_its_place() -> None:
    roles = ["developer", "user", "system", "assistant", "developer"]
    found = turns(*({"role": role, "content": role, "phase": None} for role in roles))
    assert [turn.role for turn in found] == ["system", "user", "system", "assistant", "system"]


@pytest.mark.parametrize(
    ("item", "param", "code"),
    [
        ("x", "input.0", "invalid_type"),
        (None, "input.0", "invalid_type"),
        ({}, "input.0.type", "missing_required_parameter"),
        ({"type": 7}, "input.0.type", "missing_required_parameter"),
        ({"type": "thought"}, "input.0.type", "invalid_value"),
        ({"role": "tool", "content": "x"}, "input.0.role", "invalid_value"),
        ({"role": ["user"], "content": "x"}, "input.0.role", "invalid_value"),
        ({"role": "user", "content": 7}, "input.0.content", "invalid_type"),
        ({"role": "user", "content": [7]}, "input.0.content.0", "invalid_type"),
        ({"role": "user", "content": [{"type": "video"}]}, "input.0.content.0.type", "invalid_value"),
        ({"role": "user", "content": [{"type": ["x"]}]}, "input.0.content.0.type", "invalid_value"),
        ({"role": "user", "content": [{"type": "input_text", "text": 7}]}, "input.0.content.0.text", "invalid_type"),
        ({"role": "user", "content": [{"type": "refusal", "refusal": 7}]}, "input.0.content.0.refusal", "invalid_type"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}, "input.0.content.0.file_id",
         "unsupported_parameter"),
        ({"role": "user", "content": [{"type": "input_image"}]}, "input.0.content.0.image_url",
         "missing_required_parameter"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "ftp://x"}]}, "input.0.content.0.image_url",
         "invalid_image_url"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, "input.0.content.0.file_id",
         "unsupported_parameter"),
        ({"role": "user", "content": [{"type": "input_file"}]}, "input.0.content.0.file_data",
         "missing_required_parameter"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "input.0.content.0.input_audio",
         "missing_required_parameter"),
        ({"type": "additional_tools", "tools": {}}, "input.0.tools", "invalid_type"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(item: Any, param: str, code: str) -> None:
    assert refused(item, ASK) == (param, code)


def test_parts_that_clients_send() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
    found = parts({"role": "user", "content": [
        None, "bare", {"text": "untyped"}, {"type": "output_text", "text": None}, {"type": "refusal", "refusal": "No."},
        {"type": "image_url", "image_url": {"url": "https://a/b.png"}}, audio, {**audio, "input_audio": {"data": "QUJD"}},
        {"type": "file", "file": {"file_data": "QUJD", "filename": 7}}, {"type": "input_file", "file_url": "https://a/b"},
    ]}, {"role": "user", "content": {"type": "input_text", "text": "one"}}, {"role": "user", "content": None})  # fmt: skip
    texts = [part.text for part in found if isinstance(part, Text)]
    media = [(part.kind, part.mime) for part in found if isinstance(part, Media)]
    assert texts == ["bare", "untyped", "", "No.", "one"]
    assert media == [("image", ""), ("audio", "audio/wav"), ("audio", ""), ("document", ""), ("document", "")]


def test_reasoning_returns_as_it_was_given() -> None:
    blocks = [Reasoning("Hm.", "s"), Reasoning(redacted="cmVk")]
    items: list[Any] = [{"type": "reasoning", "id": "rs", "summary": [], "content": None, "encrypted_content": seal([block])}
             for block in blocks]  # fmt: skip
    assert parts(*items) == tuple(blocks)


@pytest.mark.parametrize("content", [None, "gAAAA-theirs", ""])
def test_reasoning_of_others_is_its_words(content: str | None) -> None:
    item = {"type": "reasoning", "encrypted_content": content, "summary": [{"type": "summary_text", "text": "a"}, "x",
            {"text": "b"}, {"text": None}]}  # fmt: skip
    assert parts(ASK, item)[1:] == (Reasoning("a\nb"),)
    raw = {"type": "reasoning_text", "text": "raw"}
    assert parts(ASK, item | {"content": [raw]})[1:] == (Reasoning("raw"),)
    assert repairs(item) == ({"foreign-reasoning": 1} if content else {})
    assert len(turns(ASK, {"type": "reasoning", "encrypted_content": content, "summary": None})) == 1


def test_calls_of_every_kind() -> None:
    items: list[Any] = [
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": {"a": 1}},
        {"type": "function_call", "id": "fc_2", "call_id": "2", "name": "f", "arguments": None},
        {"type": "function_call", "call_id": "3", "name": None, "arguments": "{"},
        {"type": "function_call", "call_id": "4", "name": "g", "namespace": "ns", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "5", "name": "p", "input": None},
        {"type": "tool_search_call", "call_id": "6", "execution": "client", "arguments": {"q": 1}},
        {"type": "local_shell_call", "call_id": "7", "action": {"command": ["ls"]}},
        {"type": "shell_call", "call_id": "8", "action": {"commands": ["ls"]}},
        {"type": "apply_patch_call", "call_id": "9", "operation": {"type": "delete_file", "path": "a"}},
        {"type": "computer_call", "call_id": "10", "action": {"type": "click"}},
        {"type": "program", "call_id": "11", "code": "1+1"},
    ]
    assert parts(*items) == (
        ToolCall("1", "f", '{"a":1}'), ToolCall("2", "f", ""), ToolCall("3", "unknown_tool", "{"),
        ToolCall("4", "ns__g", "{}"), ToolCall("5", "p", '{"input":""}'), ToolCall("6", "tool_search", '{"q":1}'),
        ToolCall("7", "local_shell", '{"command":["ls"]}'), ToolCall("8", "shell", '{"commands":["ls"]}'),
        ToolCall("9", "apply_patch", '{"type":"delete_file","path":"a"}'), ToolCall("10", "computer", '{"type":"click"}'),
        ToolCall("11", "program", '{"code":"1+1"}'),
    )  # fmt: skip


def test_results_of_every_kind() -> None:
    picture = {"type": "input_image", "image_url": "https://a/b.png"}
    items: list[Any] = [
        {"type": "function_call_output", "call_id": "1", "output": "text"},
        {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "a"}, picture]},
        {"type": "function_call_output", "call_id": "3", "output": {"rows": [1]}},
        {"type": "function_call_output", "call_id": "4", "output": [{"row": 1}]},
        {"type": "function_call_output", "call_id": "5", "output": None, "is_error": True},
        {"type": "local_shell_call_output", "id": "6", "output": "{}"},
        {"type": "shell_call_output", "call_id": "7", "output": [{"stdout": "a"}]},
        {"type": "apply_patch_call_output", "call_id": "8", "status": "failed", "output": "no"},
        {"type": "computer_call_output", "call_id": "9",
         "output": {"type": "computer_screenshot", "image_url": "https://a/b.png"}},
        {"type": "program_output", "call_id": "10", "result": "2"},
    ]  # fmt: skip
    (turn,) = turns(*items)
    found = [part for part in turn.parts if isinstance(part, ToolResult)]
    shown = [[part.text if isinstance(part, Text) else part.kind for part in result.content] for result in found]
    assert shown == [
        ["text"], ["a", "image"], ['{"rows":[1]}'], ['[{"row":1}]'], [], ["{}"], ['[{"stdout":"a"}]'], ["no"], ["image"],
        ["2"],
    ]  # fmt: skip
    assert [result.call_id for result in found] == [str(number) for number in range(1, 11)]
    assert [result.call_id for result in found if result.is_error] == ["5", "8"]


def test_calls_and_results_without_ids_find_each_other() -> None:
    found = parts(
        {"type": "function_call", "name": "f", "arguments": "{}"}, {"type": "function_call", "name": "g"},
        {"type": "function_call_output", "output": "of f"}, {"type": "function_call_output", "call_id": "", "output": "g"},
        {"type": "function_call_output", "output": "of none"},
    )  # fmt: skip
    ids = [part.id if isinstance(part, ToolCall) else part.call_id for part in found
           if isinstance(part, ToolCall | ToolResult)]  # fmt: skip
    assert ids == ["call 1", "call 2", "call 1", "call 2", "call 0"]


def test_a_call_of_mcp_is_a_call_and_its_result() -> None:
    call = {"type": "mcp_call", "id": "mcp_1", "name": "f", "server_label": "s", "arguments": "{}"}
    found = turns(call | {"output": "x"}, call | {"id": "mcp_2", "error": {"message": "no"}})
    assert found == (
        Message("assistant", (ToolCall("mcp_1", "f", "{}"),)),
        Message("user", (ToolResult("mcp_1", (Text("x"),)),)),
        Message("assistant", (ToolCall("mcp_2", "f", "{}"),)),
        Message("user", (ToolResult("mcp_2", (Text('{"message":"no"}'),), True),)),
    )


def test_tools_come_with_items() -> None:
    found = {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": [
        WEATHER | {"defer_loading": True}, {"type": "namespace", "name": "ns", "tools": [{"name": "g"}]},
    ]}  # fmt: skip
    more = {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "p"}]}
    how = decoded(input=[ASK, more, found, {"type": "additional_tools", "tools": None}])
    assert [tool.name for tool in how.prompt.tools] == ["p", "get_weather", "ns__g"]
    (result,) = how.prompt.messages[-1].parts
    assert isinstance(result, ToolResult)
    assert result.content == (
        Text('[{"name":"get_weather","description":"The weather in a city."},{"name":"ns","tools":["g"]}]'),
    )


def test_what_openai_searched_itself_leaves_its_tools() -> None:
    items = [{"type": "tool_search_call", "execution": "server", "call_id": None, "arguments": {}},
             {"type": "tool_search_output", "call_id": None, "tools": [WEATHER]},
             {"type": "tool_search_output", "call_id": "x", "execution": "server", "tools": []}]  # fmt: skip
    how = decoded(input=[ASK, *items])
    assert [tool.name for tool in how.prompt.tools] == ["get_weather"]
    assert how.repairs["dropped-item"] == 3


def test_a_search_that_found_nonsense_found_nothing() -> None:
    from app.api.responses.tools import found_tools

    assert found_tools(None) == "[]"
    assert found_tools([7, {"name": 7}]) == "[{}]"


def test_a_configuration_holds_from_there_on() -> None:
    updates: list[Any] = [
        {"type": "configuration_update", "reasoning": {"effort": "low"}, "text": {"format": {"type": "json_object"}}},
        {"type": "configuration_update", "reasoning": {"effort": "high"}},
        {"type": "configuration_update", "reasoning": {"effort": None}, "text": {}},
        {"type": "configuration_update"},
    ]
    prompt = decoded(input=[ASK, *updates], reasoning={"effort": "max"}).prompt
    assert prompt.effort == "high"
    assert prompt.response_format is not None


def test_a_compaction_is_its_summary() -> None:
    item = {"type": "compaction", "encrypted_content": seal_summary("They met.")}
    assert parts(item) == (Text("[summary of the conversation so far]\nThey met."),)
    assert repairs(item | {"encrypted_content": "theirs"}) == {"foreign-compaction": 1}


@pytest.mark.parametrize(
    "kind",
    ["mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "web_search_call",
     "file_search_call", "code_interpreter_call", "image_generation_call"],
)  # fmt: skip
def test_what_no_model_here_can_read_is_dropped_and_counted(kind: str) -> None:
    assert repairs({"type": kind, "id": "x", "status": "completed"}) == {"dropped-item": 1}
