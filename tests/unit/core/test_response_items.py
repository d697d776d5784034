"""Items in the form in which the API returns them, whatever shorthand they were sent in."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.conversations import ConversationItem
from openai.types.responses import ResponseItem
from pydantic import TypeAdapter

from app.core.response_items import full_item, full_part

TEXT = {"type": "input_text", "text": "Hi"}
SAID = {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}
URL = "https://example.com/a.png"
IMAGE = {"type": "input_image", "image_url": URL, "detail": "auto"}
CITED = [{"type": "url_citation", "start_index": 0, "end_index": 1, "url": "u", "title": "t"}]


@pytest.mark.parametrize(("role", "content", "expected"), [
    ("user", "Hi", [TEXT]),
    ("system", "Hi", [TEXT]),
    ("developer", ["Hi"], [TEXT]),
    ("user", {"type": "text", "text": "Hi"}, [TEXT]),
    ("user", [{"text": "Hi"}, None], [TEXT]),
    ("user", [{"type": "output_text", "text": "Hi"}], [TEXT]),
    ("user", None, []),
    ("user", [{"type": "input_text"}], [{"type": "input_text", "text": ""}]),
    ("user", [5], [{"type": "input_text", "text": ""}]),
    ("assistant", "Hi", [SAID]),
    ("assistant", [{"type": "input_text", "text": "Hi"}], [SAID]),
    ("assistant", [{"type": "output_text", "text": "Hi", "annotations": None}], [SAID]),
    ("assistant", [SAID | {"annotations": CITED}], [SAID | {"annotations": CITED}]),
    ("assistant", [{"type": "refusal", "refusal": "No."}], [{"type": "refusal", "refusal": "No."}]),
    ("user", [{"type": "input_image", "image_url": URL}], [IMAGE]),
    ("user", [{"type": "input_image", "image_url": URL, "detail": "high"}], [IMAGE | {"detail": "high"}]),
    ("user", [{"type": "input_image", "image_url": URL, "detail": "huge"}], [IMAGE]),
    ("user", [{"type": "image_url", "image_url": {"url": URL, "detail": "low"}}], [IMAGE | {"detail": "low"}]),
    ("user", [{"type": "input_image", "file_id": "f"}], [{"type": "input_image", "file_id": "f", "detail": "auto"}]),
    ("user", [{"type": "file", "file": {"filename": "a.txt"}}], [{"type": "input_file", "filename": "a.txt"}]),
    ("user", [{"type": "input_file", "filename": "a.txt"}], [{"type": "input_file", "filename": "a.txt"}]),
], ids=range(21))  # fmt: skip
def test_content_of_a_message_is_parts(role: str, content: Any, expected: list[Any]) -> None:
    given = {"id": "msg_1", "role": role, "content": content}
    full = full_item(given)
    assert full == {"id": "msg_1", "type": "message", "role": role, "status": "completed", "content": expected}
    assert given == {"id": "msg_1", "role": role, "content": content}
    published(full)


SHORT: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "content": "x", "status": None},
    {"type": "function_call"},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}},
    {"type": "custom_tool_call", "call_id": "c", "name": "f"},
    {"type": "function_call_output", "call_id": "c", "output": "x"},
    {"type": "function_call_output", "call_id": "c", "output": {"type": "row", "b": 2}},
    {"type": "function_call_output", "call_id": "c", "output": None, "status": "failed"},
    {"type": "function_call_output", "output": [IMAGE, {"type": "text", "text": "x"}, "y"]},
    {"type": "function_call_output", "output": [1, 2]},
    {"type": "custom_tool_call_output", "output": [{"type": "input_image", "image_url": URL}]},
    {"type": "reasoning"},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}]},
    {"type": "tool_search_call", "execution": "server"},
    {"type": "tool_search_call", "arguments": {"q": "x"}},
    {"type": "tool_search_output"},
    {"type": "tool_search_output", "tools": []},
    {"type": "additional_tools"},
    {"type": "additional_tools", "tools": []},
    {"type": "program_output", "call_id": "c", "result": "x"},
    {"type": "compaction", "encrypted_content": "x"},
    {"type": "local_shell_call_output", "output": "x"},
    {"type": "apply_patch_call_output", "call_id": "c", "status": "failed"},
    {"type": "web_search_call", "action": {"type": "search", "query": "x"}},
]


@pytest.mark.parametrize("item", SHORT, ids=range(len(SHORT)))
def test_an_item_has_everything_that_its_type_requires(item: dict[str, Any]) -> None:
    published(full_item(item | {"id": "item_1"}))


@pytest.mark.parametrize("item", SHORT, ids=range(len(SHORT)))
def test_an_item_in_full_stays_as_it_is(item: dict[str, Any]) -> None:
    full = full_item(item)
    assert full_item(full) == full


def test_a_result_that_is_no_part_is_its_json() -> None:
    assert full_item({"type": "function_call_output", "output": [{"ä": 1}]})["output"] == '[{"ä":1}]'
    assert full_item({"type": "function_call_output", "output": None})["output"] == ""


def test_what_is_unknown_stays() -> None:
    assert full_item({"type": "mcp_list_tools", "x": 1}) == {"type": "mcp_list_tools", "x": 1}
    assert full_part({"type": "input_audio", "x": 1}) == {"type": "input_audio", "x": 1}
    assert full_part(TEXT | {"cache_control": {}}) == TEXT | {"cache_control": {}}


def published(item: dict[str, Any]) -> None:
    """Raises where the SDK's own types say something else."""
    TypeAdapter(ResponseItem).validate_python(item, strict=True)
    if item["type"] not in ("configuration_update", "program_output"):
        TypeAdapter(ConversationItem).validate_python(item, strict=True)
