"""Messages and parts in every form that clients send them."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.chat.messages import decode_messages
from app.core.prompt import Blob, CachePoint, Link, Media, Message, Reasoning, Text, ToolCall, ToolResult
from app.errors import InvalidRequest

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def one(**message: Any) -> Message:
    (decoded,) = decode_messages([message], frozenset({"patch"}))
    return decoded


def parts(*content: Any) -> tuple[Any, ...]:
    return one(role="user", content=list(content)).parts


def refused(**message: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        one(**message)
    return caught.value


@pytest.mark.parametrize(
    ("role", "becomes"), [("system", "system"), ("developer", "system"), ("user", "user"), ("assistant", "assistant")]
)
def test_text_is_taken_as_a_string_and_as_parts_on_every_role(role: str, becomes: str) -> None:
    assert one(role=role, content="a") == Message(becomes, (Text("a"),))  # type: ignore[arg-type]
    listed = one(role=role, content=[{"type": "text", "text": "a"}, "b", {"type": "input_text", "text": "c"}])
    assert listed.parts == (Text("a"), Text("b"), Text("c"))
    assert one(role=role, content={"type": "text", "text": "a"}).parts == (Text("a"),)
    assert one(role=role, content=None).parts == one(role=role).parts == ()


def test_a_null_text_is_an_empty_one() -> None:
    assert parts({"type": "text", "text": None}, {"type": "refusal"}) == (Text(""), Text(""))


def test_a_name_leads_the_text_because_converse_has_no_field_for_it() -> None:
    assert one(role="user", name=" Ann ", content="hi").parts == (Text("Ann: hi"),)
    assert one(role="user", name=" ", content="hi").parts == (Text("hi"),)
    assert one(role="user", name="Ann", content=None).parts == ()


def test_a_refusal_is_what_the_assistant_said() -> None:
    assert one(role="assistant", content=None, refusal="No.").parts == (Text("No."),)
    assert one(role="assistant", content=[{"type": "refusal", "refusal": "No."}], refusal=None).parts == (Text("No."),)


def test_reasoning_parts_are_read_as_reasoning_and_not_as_text() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    assert one(role="assistant", content=[thought, "a"]).parts == (Reasoning("Hm.", "s"), Text("a"))


def test_calls_and_results() -> None:
    assert one(role="assistant", content="", tool_calls=[CALL]).parts == (Text(""), ToolCall("c1", "f", '{"a": 1}'))
    assert one(role="tool", tool_call_id="c1", content="out") == Message("user", (ToolResult("c1", (Text("out"),)),))
    failed = one(role="tool", tool_call_id="c1", content=None, is_error=True)
    assert failed.parts == (ToolResult("c1", (), True),)


@pytest.mark.parametrize(
    ("arguments", "text"), [("", ""), (None, ""), ({"a": 1}, '{"a":1}'), ([1], "[1]"), ('{"a', '{"a')]
)
def test_arguments_in_any_form_are_json_text(arguments: Any, text: str) -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": arguments}}
    assert one(role="assistant", tool_calls=[call]).parts == (ToolCall("c1", "f", text),)


def test_a_custom_call_is_wrapped_as_a_function() -> None:
    call = {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
    assert one(role="assistant", tool_calls=[call]).parts == (ToolCall("c1", "patch", '{"input":"*** Begin"}'),)


def test_legacy_function_calls_find_their_results_in_order() -> None:
    history: list[dict[str, Any]] = [
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "2"},
        {"role": "function", "name": "g", "content": "3"},
    ]
    decoded = decode_messages(history, frozenset())
    assert decoded[0].parts == (ToolCall("function_call_1", "f", "{}"),)
    assert decoded[1].parts == (ToolResult("function_call_1", (Text("1"),)),)
    assert decoded[2].parts == (ToolCall("function_call_2", "f", "{}"),)
    assert decoded[3].parts == (ToolResult("function_call_2", (Text("2"),)),)
    assert decoded[4].parts == (ToolResult("function_call_0", (Text("3"),)),)


def test_calls_without_id_or_name_find_their_results_in_order() -> None:
    history: list[dict[str, Any]] = [
        {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}, {"id": "", "function": {"arguments": "{}"}}]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "tool_call_id": None, "content": "2"},
        {"role": "tool", "content": "3"},
    ]
    calls, *results = decode_messages(history, frozenset())
    assert calls.parts == (ToolCall("call 1", "f", ""), ToolCall("call 2", "unknown_tool", "{}"))
    assert [message.parts[0].call_id for message in results] == ["call 1", "call 2", "call 0"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "text"),
    [({"a": 1}, '{"a":1}'), ([1, 2], "[1,2]"), ([{"row": 1}], '[{"row":1}]'), (7, "7"), (True, "true")],
)
def test_a_result_that_is_neither_text_nor_parts_is_its_json(content: Any, text: str) -> None:
    assert one(role="tool", tool_call_id="c1", content=content).parts == (ToolResult("c1", (Text(text),)),)


def test_a_part_that_is_null_is_none() -> None:
    assert parts(None, {"type": None, "text": "a"}) == (Text("a"),)
    assert refused(role="user", content=[{}]).param == "messages.0.content.0.text"


def test_cache_points_stand_behind_what_they_mark() -> None:
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    hour = {"type": "text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    assert parts(marked, hour) == (Text("a"), CachePoint(), Text("b"), CachePoint("1h"))
    assert one(role="user", content="a", cache_control={"type": "ephemeral"}).parts == (Text("a"), CachePoint())
    assert one(role="tool", tool_call_id="c", content=[marked]).parts == (ToolResult("c", (Text("a"),)), CachePoint())
    answer = one(role="assistant", content=[marked], tool_calls=[CALL])
    assert answer.parts == (Text("a"), ToolCall("c1", "f", '{"a": 1}'), CachePoint())


def test_media_of_every_kind() -> None:
    param = "messages.0.content.0"
    assert parts({"type": "image_url", "image_url": {"url": " https://a/x "}}) == (
        Media("image", Link("https://a/x"), "", "", f"{param}.image_url"),
    )
    assert parts({"type": "input_image", "image_url": "data:image/png;base64,YWJj"})[0].source == Blob("YWJj", 3)
    assert parts({"type": "video_url", "video_url": {"url": "https://a/v"}})[0].kind == "video"
    assert parts({"type": "audio_url", "audio_url": {"url": "https://a/v"}})[0].kind == "audio"
    sound = parts({"type": "input_audio", "input_audio": {"data": "YWJj", "format": "wav"}})[0]
    assert (sound.kind, sound.mime) == ("audio", "audio/wav")
    assert parts({"type": "input_audio", "input_audio": {"data": "YWJj"}})[0].mime == ""
    paper = parts({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,YWJj"}})[0]
    assert (paper.kind, paper.name, paper.mime) == ("document", "a.pdf", "application/pdf")
    assert parts({"type": "input_file", "file_url": "https://a/x.pdf"})[0].source == Link("https://a/x.pdf")
    picture = one(role="tool", tool_call_id="c", content=[{"type": "image_url", "image_url": {"url": "https://a/x"}}])
    assert isinstance(picture.parts[0], ToolResult)
    assert isinstance(picture.parts[0].content[0], Media)


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "robot", "content": "a"}, "messages.0.role"),
        ({"content": "a"}, "messages.0.role"),
        ({"role": "user", "content": 1}, "messages.0.content"),
        ({"role": "user", "content": [1]}, "messages.0.content.0"),
        ({"role": "user", "content": [{"type": "hologram"}]}, "messages.0.content.0.type"),
        ({"role": "user", "content": [{"type": ["text"], "text": "a"}]}, "messages.0.content.0.type"),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, "messages.0.content.0.text"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages.0.content.0.image_url.url"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "messages.0.content.0.input_audio"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "messages.0.content.0.input_audio.data"),
        ({"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}, "messages.0.content.0.file.file_id"),
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, "messages.0.content.0.file.file_data"),
        ({"role": "assistant", "tool_calls": {"a": 1}}, "messages.0.tool_calls"),
        ({"role": "assistant", "tool_calls": [1]}, "messages.0.tool_calls.0"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages.0.tool_calls.0.function"),
    ],
)  # fmt: skip
def test_an_error_names_the_part_at_fault(message: dict[str, Any], param: str) -> None:
    assert refused(**message).param == param


def test_a_type_that_is_no_word_is_a_400_and_no_crash() -> None:
    assert refused(role="user", content=[{"type": {"a": 1}, "text": "a"}]).code == "invalid_value"


def test_a_message_of_a_million_parts_is_refused() -> None:
    assert refused(role="user", content=[""] * 20_001).param == "messages.0.content"


USE = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "eA=="}}
SEEN = Media("image", Blob("eA==", 1), "image/png", param="messages.0.content.0.source.data")


def test_a_tool_use_block_is_a_call() -> None:
    said = one(
        role="assistant", content=[{"type": "text", "text": "Well."}, USE | {"cache_control": {"type": "ephemeral"}}]
    )
    assert said.parts == (Text("Well."), ToolCall("c1", "f", '{"a":1}'), CachePoint())
    assert one(role="assistant", content=[USE | {"input": None}]).parts == (ToolCall("c1", "f", ""),)


def test_a_call_sent_as_a_block_and_in_tool_calls_is_one_call() -> None:
    again = one(role="assistant", content=[USE], tool_calls=[CALL, CALL | {"id": "c2"}])
    assert again.parts == (ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "f", '{"a": 1}'))


@pytest.mark.parametrize(
    ("content", "decoded"),
    [
        (None, ()),
        ("18", (Text("18"),)),
        ([{"type": "text", "text": "18"}, {"type": "text", "text": "C"}], (Text("18"), Text("C"))),
        ({"degrees": 18}, (Text('{"degrees":18}'),)),
        ([{"type": "image", "path": "a.png"}], (Text('[{"type":"image","path":"a.png"}]'),)),
    ],
)
def test_a_tool_result_block_is_a_result(content: Any, decoded: tuple[Any, ...]) -> None:
    block = {"type": "tool_result", "tool_use_id": "c1", "content": content}
    assert parts(block, {"type": "text", "text": "Go on."}) == (ToolResult("c1", decoded), Text("Go on."))
    assert parts(block | {"is_error": True}) == (ToolResult("c1", decoded, is_error=True),)


def test_a_cache_point_within_a_tool_result_block_stands_behind_it() -> None:
    text = {"type": "text", "text": "18", "cache_control": {"type": "ephemeral"}}
    assert parts({"type": "tool_result", "tool_use_id": "c1", "content": [text]}) == (
        ToolResult("c1", (Text("18"),)),
        CachePoint(),
    )


def test_an_image_block_is_an_image() -> None:
    assert parts(PICTURE) == (SEEN,)
    (linked,) = parts({"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}})
    assert linked.source == Link("https://a.example/x.png")
    (paper,) = parts({"type": "document", "title": "t", "source": {"type": "base64", "data": "eA=="}})
    assert (paper.kind, paper.name) == ("document", "t")
    (result,) = parts({"type": "tool_result", "tool_use_id": "c1", "content": [PICTURE]})
    assert [item.kind for item in result.content] == ["image"]
    (answer,) = one(role="tool", tool_call_id="c1", content=[PICTURE]).parts
    assert answer == ToolResult("c1", (SEEN,))


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"type": "tool_use", "name": "f"}, "id"),
        ({"type": "tool_use", "id": "c1"}, "name"),
        ({"type": "tool_result", "content": "x"}, "tool_use_id"),
        ({"type": "image"}, "source"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "source.type"),
        ({"type": "image", "source": {"type": "base64"}}, "source.data"),
        ({"type": "document", "source": {"type": "url", "url": " "}}, "source.url"),
    ],
)
def test_a_block_that_lacks_something_is_refused_by_name(block: Any, param: str) -> None:
    assert refused(role="user", content=[block]).param == f"messages.0.content.0.{param}"
