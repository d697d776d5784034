"""Content blocks of every type as parts, and what is said of a wrong one."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from app.api.messages.blocks import BLOCKS, SERVER, Blocks
from app.core.old_media import mark_old_media
from app.core.prompt import (
    Blob,
    Broken,
    CachePoint,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    S3Object,
    Text,
    ToolCall,
    ToolResult,
)
from app.errors import InvalidRequest
from tests.unit.api.messages.bodies import EPHEMERAL, HOUR, IMAGE, PDF, PNG


def parts(*blocks: Any) -> tuple[Part, ...]:
    return Blocks().content(list(blocks), "c")


def refused(block: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        mark_old_media([Message("user", parts(block))])
    return caught.value.message


def document(source: Any, **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": source} | more


def txt(text: str, name: str = "document.txt", param: str = "c.0.source.data", **more: Any) -> Media:
    blob = Blob(base64.b64encode(text.encode()).decode(), len(text.encode()))
    return Media("document", blob, "text/plain", name, param, **more)


PICTURE = Blob(PNG, len(base64.b64decode(PNG)))
PAGES = Blob(PDF, len(base64.b64decode(PDF)))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "text", "text": "a", "citations": [{"type": "char_location"}]}, (Text("a"),)),
        ({"type": "text", "text": "a", "cache_control": EPHEMERAL}, (Text("a"), CachePoint())),
        ({"type": "text", "text": "a", "cache_control": HOUR}, (Text("a"), CachePoint("1h"))),
        ({"type": "text", "text": "a", "cache_control": {"type": "eternal"}}, (Text("a"),)),
        ({"type": "text", "text": "a", "cache_control": None}, (Text("a"),)),
        (IMAGE, (Media("image", PICTURE, "image/png", param="c.0.source.data"),)),
        ({"type": "image", "source": {"type": "base64", "data": PNG}}, (Media("image", PICTURE, param="c.0.source.data"),)),
        ({"type": "image", "source": {"type": "url", "url": "https://x.org/a.png"}},
         (Media("image", Link("https://x.org/a.png"), param="c.0.source.url"),)),
        (document({"type": "base64", "media_type": "application/pdf", "data": PDF}, title="A", context="old",
                  citations={"enabled": True}),
         (Media("document", PAGES, "application/pdf", "A", "c.0.source.data", "old", True),)),
        (document({"type": "base64", "data": PDF}, title=None),
         (Media("document", PAGES, "application/pdf", param="c.0.source.data"),)),
        (document({"type": "text", "data": "Once"}), (txt("Once"),)),
        (document({"type": "text", "data": " "}), ()),
        (document({"type": "url", "url": "https://x.org/a.pdf"}, context="c"),
         (Media("document", Link("https://x.org/a.pdf"), param="c.0.source.url", context="c"),)),
        (document({"type": "url", "url": "s3://bucket/a.pdf"}, title="A"),
         (Media("document", S3Object("s3://bucket/a.pdf"), name="A", param="c.0.source.url"),)),
        (document({"type": "content", "content": "Once"}), (txt("Once", param="c.0.source.content"),)),
        (document({"type": "content", "content": [{"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b"}]}),
         (txt("a\n\nb", param="c.0.source.content"),
          Media("image", PICTURE, "image/png", param="c.0.source.content.1.source.data"))),
        (document({"type": "content", "content": [IMAGE]}),
         (Media("image", PICTURE, "image/png", param="c.0.source.content.0.source.data"),)),
        ({"type": "search_result", "title": "T", "source": "https://x.org", "content": [{"type": "text", "text": "a"}]},
         (Text("Search result: T\nSource: https://x.org\na"),)),
        ({"type": "thinking", "thinking": "Hm.", "signature": "s"}, (Reasoning("Hm.", "s"),)),
        ({"type": "thinking", "thinking": "", "signature": "s"}, (Reasoning("", "s"),)),
        ({"type": "thinking", "thinking": "", "signature": ""}, ()),
        ({"type": "thinking", "signature": "s"}, (Reasoning("", "s"),)),
        ({"type": "thinking", "thinking": None, "signature": "s"}, (Reasoning("", "s"),)),
        ({"type": "thinking", "thinking": "Hm."}, (Reasoning("Hm."),)),
        ({"type": "thinking"}, ()),
        ({"type": "tool_use", "id": "t", "name": "f", "input": '{"city": "Par'}, (ToolCall("t", "f", '{"city": "Par'),)),
        ({"type": "tool_use", "id": "t", "name": "f", "input": [1]}, (ToolCall("t", "f", "[1]"),)),
        ({"type": "tool_use", "id": "t", "name": "f"}, (ToolCall("t", "f", ""),)),
        ({"type": "redacted_thinking", "data": "cmVk"}, (Reasoning(redacted="cmVk"),)),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": "ü"}}, (ToolCall("t", "f", '{"b":1,"a":"ü"}'),)),
        ({"type": "tool_result", "tool_use_id": "t"}, (ToolResult("t", ()),)),
        ({"type": "tool_result", "tool_use_id": "t", "content": "ok", "is_error": True, "cache_control": HOUR},
         (ToolResult("t", (Text("ok"),), True), CachePoint("1h"))),
        ({"type": "tool_result", "tool_use_id": "t",
          "content": [{"type": "text", "text": "a", "cache_control": EPHEMERAL}, IMAGE,
                      {"type": "tool_reference", "tool_name": "g"}, {"type": "browser_state", "tabs": []}]},
         (ToolResult("t", (Text("a"), Media("image", PICTURE, "image/png", param="c.0.content.1.source.data"),
                           Text("The tool g may be used."), Text('{"tabs":[]}'))), CachePoint())),
    ],
)  # fmt: skip
def test_a_block_is_its_parts(block: Any, expected: tuple[Part, ...]) -> None:
    assert parts(block) == expected


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({}, "c.0.type: Input tag 'None' does not match any of the expected tags: "
             + ", ".join(f"'{name}'" for name in BLOCKS)),
        ({"type": "text", "text": 1}, "c.0.text: Input should be a valid string"),
        ({"type": "text"}, "c.0.text: Field required"),
        ({"type": "image"}, "c.0.source: Field required"),
        ({"type": "image", "source": "a"}, "c.0.source: Input should be a valid dictionary"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}},
         "c.0.source.file_id: Files are not kept here; send the content inline"),
        ({"type": "image", "source": {"type": "ftp"}},
         "c.0.source.type: Input tag 'ftp' does not match any of the expected tags: 'base64', 'url'"),
        ({"type": "image", "source": {"type": "base64", "data": "!"}}, "This is not valid base64."),
        (document({"type": "file", "file_id": "f"}), "c.0.source.file_id: Files are not kept here; send the content inline"),
        (document({"type": "url", "url": "ftp://x"}), "c.0.source.url: Input should be a URL with https"),
        (document({"type": "content"}), "c.0.source.content: Field required"),
        (document({"type": "content", "content": [document({})]}),
         "c.0.source.content.0.type: Input tag 'document' does not match any of the expected tags: 'text', 'image'"),
        ({"type": "tool_use", "id": "", "name": "f", "input": {}}, "c.0.id: String should have at least 1 character"),
        ({"type": "thinking", "thinking": 5}, "c.0.thinking: Input should be a valid string"),
        ({"type": "tool_result", "tool_use_id": "t", "content": 5}, "c.0.content: Input should be a valid list"),
        ({"type": "tool_result", "content": "a"}, "c.0.tool_use_id: Field required"),
    ],
)  # fmt: skip
def test_a_wrong_block_is_named(block: Any, message: str) -> None:
    assert refused(block) == message


@pytest.mark.parametrize(
    ("shown", "content"),
    [
        ({"type": "text", "text": 1}, Media("document", Broken("c.0.content.0.text: Input should be a valid string",
                                                               "invalid_type", "content"), param="c.0.content.0.text")),
        ({"type": "resource", "uri": "a"}, Text('{"type":"resource","uri":"a"}')),
        ("a", Text("a")),
    ],
)  # fmt: skip
def test_what_is_wrong_within_a_result_is_no_error(shown: Any, content: Text | Media) -> None:
    assert parts({"type": "tool_result", "tool_use_id": "t", "content": [shown]}) == (ToolResult("t", (content,)),)


@pytest.mark.parametrize("kind", SERVER)
def test_blocks_of_servers_are_left_out_and_told(kind: str) -> None:
    blocks = Blocks()
    assert blocks.content([{"type": kind, "id": "s"}, {"type": "text", "text": "a"}], "c") == (Text("a"),)
    assert list(blocks.ignored) == [kind]


def test_what_servers_brought_to_read_stays() -> None:
    pages = [{"type": "web_search_result", "title": "T", "url": "https://x.org"}, {"url": 1}, {"url": "https://y.org"}]
    assert parts(
        {"type": "web_search_tool_result", "content": pages},
        {"type": "web_search_tool_result", "content": [{"type": "error"}]},
        {"type": "compaction", "content": "They met.", "cache_control": EPHEMERAL},
    ) == (Text("Found on the web:\nT https://x.org\n https://y.org"), Text("They met."), CachePoint())
