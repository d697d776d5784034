"""A stream, put together as the official SDK does it, is the whole answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming._deltas import accumulate_delta

from app.api.chat.encode import ChatStream, encode_completion
from app.core.events import Batch, Event, fold
from tests.unit.core.answers import batched, streams

DIALECTS = st.sampled_from(
    [{}, {"legacy_functions": True}, {"custom_tools": frozenset({"patch"})}]
)  # what a client may have asked in


def frames(data: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream; each frame is checked to be one line of JSON."""
    parts = data.split(b"\n\n")
    assert parts[-1] == b""
    assert all(part.startswith(b"data: ") and b"\n" not in part for part in parts[:-1])
    bodies = [part.removeprefix(b"data: ") for part in parts[:-1]]
    return [json.loads(body) for body in bodies if body != b"[DONE]"]


def streamed(stream: ChatStream, batches: list[Batch], choice: int = 0) -> bytes:
    return b"".join(stream.feed(choice, batch) for batch in batches)


def accumulated(chunks: list[dict[str, Any]], choice: int = 0) -> tuple[dict[str, Any], str]:
    """The message and finish reason of one choice, with the SDK's own accumulator."""
    message: dict[object, object] = {}
    reasons = []
    for chunk in chunks:
        for item in chunk["choices"]:
            if item["index"] == choice:
                message = accumulate_delta(message, item["delta"])
                reasons += [item["finish_reason"]] if item["finish_reason"] else []
    (reason,) = reasons
    return json.loads(json.dumps(message)), reason


def without_index(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List entries without the position that only a stream needs."""
    return [{name: value for name, value in entry.items() if name != "index"} for entry in entries]


def same_shape(message: dict[str, Any]) -> dict[str, Any]:
    """A message with what a stream says in another way made equal."""
    alike = {name: value for name, value in message.items() if value not in ("", None, [])}
    for name in ("tool_calls", "annotations"):
        if name in alike:
            alike[name] = without_index(alike[name])
    return alike


@given(streams(), DIALECTS)
def test_a_stream_adds_up_to_the_whole_answer(stream: tuple[list[Event], list[Batch]], dialect: dict[str, Any]) -> None:
    events, batches = stream
    encoder = ChatStream("chatcmpl-1", 7, "m", include_usage=True, **dialect)
    chunks = frames(streamed(encoder, batches) + encoder.finish())
    whole = json.loads(json.dumps(encode_completion("chatcmpl-1", 7, "m", [fold([events])], **dialect)))
    message, reason = accumulated(chunks)
    assert same_shape(message) == same_shape(whole["choices"][0]["message"])
    assert reason == whole["choices"][0]["finish_reason"]
    assert chunks[-1]["usage"] == whole["usage"]
    assert chunks[-1].get("service_tier") == whole.get("service_tier")


@given(streams(), DIALECTS)
def test_chunks_come_in_the_order_clients_rely_on(
    stream: tuple[list[Event], list[Batch]], dialect: dict[str, Any]
) -> None:
    encoder = ChatStream("chatcmpl-1", 7, "m", include_usage=True, **dialect)
    data = streamed(encoder, stream[1]) + encoder.finish()
    assert data.endswith(b"data: [DONE]\n\n")
    chunks = frames(data)
    assert {(each["id"], each["created"], each["model"], each["object"]) for each in chunks} == {
        ("chatcmpl-1", 7, "m", "chat.completion.chunk")
    }
    *body, last = chunks
    assert last["choices"] == []
    assert all(each["usage"] is None and len(each["choices"]) == 1 for each in body)
    choices = [each["choices"][0] for each in body]
    assert ["role" in choice["delta"] for choice in choices] == [True] + [False] * (len(choices) - 1)
    assert [bool(choice["finish_reason"]) for choice in choices] == [False] * (len(choices) - 1) + [True]
    assert choices[-1]["delta"] == {}
    opened: list[int] = []
    for call in (call for choice in choices for call in choice["delta"].get("tool_calls", ())):
        if "id" in call:
            opened.append(call["index"])
            assert {"type", call["type"]} <= call.keys()
            assert call[call["type"]]["name"]
        else:
            assert call["index"] in opened
            assert "name" not in call.get("function", {}) | call.get("custom", {})
    assert opened == list(range(len(opened)))


@given(st.lists(streams(), min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_several_choices_interleaved_do_not_mix(answers: list[tuple[list[Event], list[Batch]]], random: Any) -> None:
    encoder = ChatStream("chatcmpl-1", 7, "m", n=len(answers))
    waiting = {choice: list(batches) for choice, (_, batches) in enumerate(answers)}
    data = b""
    while waiting:
        choice = random.choice(sorted(waiting))
        data += encoder.feed(choice, waiting[choice].pop(0))
        if not waiting[choice]:
            del waiting[choice]
    chunks = frames(data + encoder.finish())
    whole = encode_completion("chatcmpl-1", 7, "m", [fold([events]) for events, _ in answers])
    for choice in range(len(answers)):
        message, reason = accumulated(chunks, choice)
        assert same_shape(message) == same_shape(whole["choices"][choice]["message"])
        assert reason == whole["choices"][choice]["finish_reason"]


@given(streams())
def test_a_stream_says_nothing_of_usage_unless_asked(stream: tuple[list[Event], list[Batch]]) -> None:
    encoder = ChatStream("chatcmpl-1", 7, "m")
    assert all("usage" not in chunk and chunk["choices"] for chunk in frames(streamed(encoder, stream[1])))
    assert encoder.finish() == b"data: [DONE]\n\n"


@pytest.mark.parametrize("text", ['\u2028\n\r\t"\\', "\U0001f600", "\x00\x7f"])
def test_no_text_breaks_a_frame(text: str) -> None:
    from app.core.events import Finished, TextDelta

    chunks = frames(streamed(ChatStream("i", 1, 'm"\n'), batched([TextDelta(text), Finished("stop")], [])))
    assert accumulated(chunks)[0]["content"] == text
    assert chunks[0]["model"] == 'm"\n'
