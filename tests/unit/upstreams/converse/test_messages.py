"""Messages as blocks, and every shape in which arguments come."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.prompt import CachePoint, Message, Part, Reasoning, Text, ToolCall, ToolResult
from app.upstreams.converse.media import MediaBlocks
from app.upstreams.converse.messages import Blocks, parsed_arguments, to_messages, to_system
from tests.unit.upstreams.converse.histories import NOVA_PRO, media, target


@pytest.mark.parametrize(
    ("arguments", "value", "mended"),
    [
        ("{}", {}, False),
        (' {"a": 1} ', {"a": 1}, False),
        ('{"b": 1, "a": {"c": [1.5, null, true]}}', {"b": 1, "a": {"c": [1.5, None, True]}}, False),
        ("", {}, True),
        (" \n", {}, True),
        ("null", {}, True),
        ('""', {}, True),
        ('"null"', {}, True),
        ('"{\\"a\\": 1}"', {"a": 1}, True),
        ('" {} "', {}, True),
        ('"\\"{}\\""', {"_raw": '"\\"{}\\""'}, True),
        ("[1]", {"_raw": "[1]"}, True),
        ("7", {"_raw": "7"}, True),
        ('{"a": ', {"_raw": '{"a": '}, True),
        ("plain words", {"_raw": "plain words"}, True),
        ('{"a": NaN}', {"_raw": '{"a": NaN}'}, True),
        (r'{"a": "x\ud83d"}', {"a": "x\ufffd"}, False),
        ("{" * 5000, {"_raw": "{" * 5000}, True),
    ],
)
def test_arguments_in_every_broken_form_are_an_object(arguments: str, value: dict[str, Any], mended: bool) -> None:
    repairs: Counter[str] = Counter()
    assert parsed_arguments(arguments, repairs) == value
    assert repairs == (Counter({"tool-arguments": 1}) if mended else Counter())


@given(st.text(max_size=40) | st.sampled_from(['{"a"', '"x"', "1e999", "-", "[{}]", '"\\ud800"']))
def test_no_arguments_make_it_fail(arguments: str) -> None:
    assert isinstance(parsed_arguments(arguments, Counter()), dict)


def blocks(*parts: Part, role: Any = "user", statuses: bool = True) -> tuple[list[dict[str, Any]], Counter[str]]:
    repairs: Counter[str] = Counter()
    taken = MediaBlocks(target(NOVA_PRO).traits, NOVA_PRO)
    (message,) = to_messages([Message(role, parts)], Blocks(taken, {}, repairs, statuses=statuses))
    assert message["role"] == role
    return message["content"], repairs


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Text(" a "), {"text": " a "}),
        (ToolCall("c", "f", '{"a":1}'), {"toolUse": {"toolUseId": "c", "name": "f", "input": {"a": 1}}}),
        (Reasoning("a"), {"reasoningContent": {"reasoningText": {"text": "a"}}}),
        (Reasoning("", "s"), {"reasoningContent": {"reasoningText": {"text": "", "signature": "s"}}}),
        (Reasoning(redacted="eA=="), {"reasoningContent": {"redactedContent": "eA=="}}),
        (CachePoint(), {"cachePoint": {"type": "default"}}),
        (CachePoint("1h"), {"cachePoint": {"type": "default", "ttl": "1h"}}),
    ],
)
def test_each_part_is_its_block(part: Part, block: dict[str, Any]) -> None:
    assert blocks(part, role="assistant") == ([block], Counter())


@pytest.mark.parametrize(("statuses", "failed"), [(True, True), (True, False), (False, True)])
def test_a_failed_result_is_told_to_models_that_listen(statuses: bool, failed: bool) -> None:
    content, _ = blocks(ToolResult("c", (Text("[1, 2]"),), failed), statuses=statuses)
    expected = {"toolUseId": "c", "content": [{"text": "[1, 2]"}]} | (
        {"status": "error"} if statuses and failed else {}
    )
    assert content == [{"toolResult": expected}]


def test_a_screenshot_in_a_result_is_an_image_there() -> None:
    content, _ = blocks(ToolResult("c", (media("image"),)))
    assert list(content[0]["toolResult"]["content"][0]) == ["image"]


def test_a_document_without_text_gets_one_beside_it() -> None:
    content, repairs = blocks(media("document"))
    assert [next(iter(block)) for block in content] == ["document", "text"]
    assert repairs == Counter({"document-text": 1})
    content, repairs = blocks(Text("read"), media("document"))
    assert len(content) == 2
    assert not repairs


def test_a_pdf_sent_as_image_gets_its_text_as_well() -> None:
    content, repairs = blocks(media("image", b"%PDF-1.7\n"))
    assert [next(iter(block)) for block in content] == ["document", "text"]
    assert repairs == Counter({"document-text": 1})


def test_system_is_text_and_cache_points() -> None:
    assert to_system([Text("a"), CachePoint("1h")]) == [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
