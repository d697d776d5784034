"""Tools as words, for models that know none."""

from __future__ import annotations

from app.core.prompt import CachePoint, Message, Text, ToolCall, ToolResult
from app.upstreams.converse.flatten import flattened
from tests.unit.upstreams.converse.histories import media


def test_a_history_without_tools_is_the_same_object() -> None:
    messages = (Message("user", (Text("a"),)),)
    assert flattened(messages) is messages


def test_calls_and_results_become_words() -> None:
    image = media("image")
    messages = (
        Message("user", (Text("a"),)),
        Message("assistant", (ToolCall("c", "f", '{"a":1}'), ToolCall("d", "g", ""))),
        Message("user", (ToolResult("c", (Text("1"), image)), CachePoint())),
    )
    assert flattened(messages) == (
        Message("user", (Text("a"),)),
        Message("assistant", (Text('[called f with {"a":1}]'), Text("[called g with {}]"))),
        Message("user", (Text("[result]"), Text("1"), image, CachePoint())),
    )
