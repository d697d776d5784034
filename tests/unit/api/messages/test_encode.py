"""Events as Anthropic's stream and as a whole message; the one folds to the other."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.messages.encode import MessageStream, encode_message, encode_stop, encode_usage
from app.core.events import (
    BlockStopped,
    Cited,
    Event,
    Finished,
    Fold,
    Metered,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSigned,
    Reply,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from app.core.prompt import Blob, Media

STOP = BlockStopped()
USAGE = Usage(input=7, output=5, cache_read=3, cache_write=9, cache_write_1h=4, reasoning=2)
DONE = (Finished("stop", "end_turn"), Metered(USAGE, "priority"))
CHAR = {"type": "documentChar", "documentIndex": 1, "start": 2, "end": 5}


def frames(data: bytes) -> list[dict[str, Any]]:
    """The events; the line before each names it."""
    found = []
    for block in data.decode().split("\n\n")[:-1]:
        head, _, body = block.partition("\n")
        event: dict[str, Any] = json.loads(body.removeprefix("data: "))
        assert head == f"event: {event['type']}"
        found.append(event)
    return found


def streamed(*batches: Iterable[Event], stops: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    stream = MessageStream("msg_1", "m", stops)
    return frames(b"".join(stream.feed(0, list(batch)) for batch in batches) + stream.finish())


def message_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What a client makes of a stream, as the SDK does (2.12)."""
    assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
    message: dict[str, Any] = events[0]["message"]
    arguments: dict[int, str] = {}
    stopped: list[int] = []
    for event in events[1:-1]:
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(event["content_block"])
            case "content_block_delta":
                assert event["index"] not in stopped
                block, delta = message["content"][event["index"]], event["delta"]
                match delta["type"]:
                    case "text_delta":
                        block["text"] += delta["text"]
                    case "thinking_delta":
                        block["thinking"] += delta["thinking"]
                    case "signature_delta":
                        block["signature"] = delta["signature"]
                    case "citations_delta":
                        block.setdefault("citations", []).append(delta["citation"])
                    case "input_json_delta":
                        arguments[event["index"]] = arguments.get(event["index"], "") + delta["partial_json"]
            case "content_block_stop":
                stopped.append(event["index"])
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
    assert sorted(stopped) == list(range(len(message["content"])))
    for index, text in arguments.items():
        message["content"][index]["input"] = json.loads(text)
    return message


def whole(*events: Event, stops: tuple[str, ...] = ()) -> dict[str, Any]:
    """Without what only a whole message tells of its usage."""
    fold = Fold()
    fold.extend(events)
    message = encode_message("msg_1", "m", fold.reply(), stops)
    del message["usage"]["service_tier"], message["usage"]["cache_creation"]
    return message


def test_the_wire_of_a_tool_call() -> None:
    events: list[Event] = [
        Started("r"),
        ToolCallStarted(0, "toolu_1", "Read"),
        ToolCallDelta(0, '{"file_path":"/a"}'),
        STOP,
    ]
    data = MessageStream("msg_1", "m").feed(0, [*events, Finished("tool_calls", "tool_use"), Metered(Usage(5, 3))])
    usage = '"cache_creation_input_tokens":0,"cache_read_input_tokens":0'
    assert data.decode().replace(usage, "...") == WIRE


WIRE = """event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],\
"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,...,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"Read","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"file_path\\":\\"/a\\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":5,...,\
"output_tokens":3}}

event: message_stop
data: {"type":"message_stop"}

"""

ANSWERS: dict[str, tuple[Event, ...]] = {
    "text": (TextDelta("Hel"), TextDelta('lo "you" \U0001f600\n'), STOP),
    "nothing": (),
    "a block of nothing": (STOP,),
    "signed thoughts": (ReasoningDelta("Hm"), ReasoningDelta("."), ReasoningSigned("ab"), ReasoningSigned("cd"), STOP,
                        TextDelta("a"), STOP),
    "only a signature": (ReasoningSigned("ab"), STOP, TextDelta("a"), STOP),
    "unsigned thoughts, without an end": (ReasoningDelta("Hm"), TextDelta("a")),
    "redacted": (ReasoningRedacted("cmVk"), STOP, ReasoningRedacted("cmVl"), STOP, TextDelta("a"), STOP),
    "thoughts between calls": (ReasoningDelta("1"), ReasoningSigned("s"), STOP, ToolCallStarted(0, "t0", "f"),
                               ToolCallDelta(0, "{}"), STOP, ReasoningDelta("2"), STOP, ToolCallStarted(1, "t1", "f"),
                               ToolCallDelta(1, '{"a":'), ToolCallDelta(1, "1}"), STOP),
    "interleaved calls": (TextDelta("a"), STOP, ToolCallStarted(0, "t0", "f"), ToolCallStarted(1, "t1", "g"),
                          ToolCallDelta(0, '{"a":'), ToolCallDelta(1, '{"b":'), ToolCallDelta(0, "1}"),
                          ToolCallDelta(1, "2}"), STOP, STOP, TextDelta("b"), STOP),
    "text beside an open call": (ToolCallStarted(0, "t0", "f"), TextDelta("b"), STOP, ToolCallDelta(0, "{}"), STOP),
    "a call that never ends": (ToolCallStarted(0, "t0", "f"), ToolCallDelta(0, "{}")),
    "text into a call": (TextDelta("b"), ToolCallStarted(0, "t0", "f"), ToolCallDelta(0, "{}"), STOP),
    "citations": (TextDelta("abc"), Cited("T", "https://x.org", "q", 0, 3), Cited("D", "", "r", 0, 3, CHAR), STOP,
                  TextDelta("d"), STOP, Cited("early", "https://y.org", "", 4, 4), TextDelta("e"),
                  Cited("late", "https://z.org", "", 4, 5), STOP),
    "a citation of nothing": (Cited("T", "https://x.org"), STOP, TextDelta("a"), STOP),
    "a citation without a place": (TextDelta("abc"), Cited("T"), STOP),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - {"a citation of nothing"}))
@pytest.mark.parametrize("together", [True, False])
def test_a_stream_folds_to_the_whole_message(name: str, together: bool) -> None:
    events = (Started("r"), *ANSWERS[name], *DONE)
    batches = [events] if together else [[event] for event in events]
    assert message_of(streamed(*batches)) == whole(*events)


def test_a_citation_of_nothing_is_for_nobody() -> None:
    message = message_of(streamed((*ANSWERS["a citation of nothing"], *DONE)))
    assert message["content"] == [{"type": "text", "text": "a"}]


def test_a_signature_comes_whole() -> None:
    events = streamed((*ANSWERS["signed thoughts"], *DONE))
    assert [
        each["delta"]["signature"] for each in events if each.get("delta", {}).get("type") == "signature_delta"
    ] == ["abcd"]


pieces = st.text(max_size=5).filter(bool)
call = st.tuples(pieces, st.lists(pieces, max_size=3), st.booleans())


@given(st.lists(st.one_of(
    st.tuples(st.just("text"), st.lists(pieces, min_size=1, max_size=3)),
    st.tuples(st.just("thought"), st.lists(pieces, max_size=3), pieces),
    st.tuples(st.just("redacted"), st.just("cmVk")),
    st.tuples(st.just("call"), st.dictionaries(pieces, pieces, max_size=2), st.integers(1, 9)),
), max_size=6), st.integers(1, 4))  # fmt: skip
def test_whatever_a_model_says_folds(blocks: list[Any], size: int) -> None:
    events: list[Event] = [Started("r")]
    calls = 0
    for kind, *rest in blocks:
        match kind:
            case "text":
                events += map(TextDelta, rest[0])
            case "thought":
                events += [*map(ReasoningDelta, rest[0]), ReasoningSigned(rest[1])]
            case "redacted":
                events.append(ReasoningRedacted(rest[0]))
            case _:
                text = json.dumps(rest[0])
                events.append(ToolCallStarted(calls, f"t{calls}", "f"))
                events += [ToolCallDelta(calls, text[at : at + rest[1]]) for at in range(0, len(text), rest[1])]
                calls += 1
        events.append(STOP)
    events += [Finished("tool_calls" if calls else "stop"), Metered(USAGE)]
    batches = [events[at : at + size] for at in range(0, len(events), size)]
    assert message_of(streamed(*batches)) == whole(*events)


def test_the_end_is_told_once_and_even_without_usage() -> None:
    assert [event["type"] for event in streamed((TextDelta("a"), DONE[0]))][-2:] == ["message_delta", "message_stop"]
    stream = MessageStream("msg_1", "m")
    stream.feed(0, DONE)
    assert stream.finish() == b""
    assert stream.feed(0, []) == b""


def test_a_failure_in_mid_stream_is_an_event() -> None:
    stream = MessageStream("msg_1", "m")
    stream.feed(0, [TextDelta("a")])
    error = {
        "message": "Slow down.",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
        "request_id": "r",
    }
    assert frames(stream.fail({"error": error})) == [
        {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}, "request_id": "r"}
    ]


@pytest.mark.parametrize(
    ("finished", "stops", "reason", "said"),
    [
        (Finished("stop", "end_turn"), (), "end_turn", None),
        (Finished("stop", "whatever"), ("END",), "end_turn", None),
        (Finished("stop", "tool_use"), (), "end_turn", None),
        (Finished("tool_calls", "end_turn"), (), "tool_use", None),
        (Finished("tool_calls", "tool_use", "x"), (), "tool_use", None),
        (Finished("length", "max_tokens"), (), "max_tokens", None),
        (Finished("length", "model_context_window_exceeded"), (), "model_context_window_exceeded", None),
        (Finished("stop", "stop_sequence", "END"), ("END", "."), "stop_sequence", "END"),
        (Finished("stop", "stop_sequence"), ("END",), "stop_sequence", "END"),
        (Finished("stop", "stop_sequence"), ("END", "."), "stop_sequence", None),
        (Finished("stop", "end_turn", "END"), (), "stop_sequence", "END"),
        (Finished("content_filter", "guardrail_intervened"), (), "refusal", None),
        (Finished("content_filter", "content_filtered"), (), "refusal", None),
        (Finished("stop", "refusal"), (), "refusal", None),
        (Finished("content_filter", "new"), (), "refusal", None),
    ],
)
def test_why_it_stopped(finished: Finished, stops: tuple[str, ...], reason: str, said: str | None) -> None:
    stopped = encode_stop(finished, stops)
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == (reason, said)
    assert ("stop_details" in stopped) == (reason == "refusal")


def test_usage_leaves_out_what_the_cache_held() -> None:
    assert encode_usage(Metered(USAGE, "priority")) == {
        "input_tokens": 7,
        "cache_creation_input_tokens": 9,
        "cache_read_input_tokens": 3,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 4},
        "service_tier": "priority",
    }
    assert encode_usage(Metered(Usage(), "flex"))["service_tier"] == "standard"


@pytest.mark.parametrize("arguments", ["", "{", "[1]", '{"a":1}', r'{"a":"\ud83d"}'])
def test_arguments_are_an_object(arguments: str) -> None:
    message = whole(ToolCallStarted(0, "t", "f"), ToolCallDelta(0, arguments), STOP, *DONE)
    expected = {"": {}, '{"a":1}': {"a": 1}, r'{"a":"\ud83d"}': {"a": "\ufffd"}}.get(arguments, {"_raw": arguments})
    assert message["content"][0]["input"] == expected


@pytest.mark.parametrize(
    ("cited", "kind"),
    [
        (Cited("T", "", "q", 0, 1, CHAR), "char_location"),
        (Cited("T", "", "q", 0, 1, CHAR | {"type": "documentPage"}), "page_location"),
        (Cited("", "", "q", 0, 1, CHAR | {"type": "documentChunk"}), "content_block_location"),
        (
            Cited("T", "u", "q", 0, 1, {"type": "searchResultLocation", "searchResultIndex": 2}),
            "search_result_location",
        ),
        (Cited("T", "https://x.org", "q", 0, 1, {"type": "web", "url": "https://x.org"}), "web_search_result_location"),
    ],
)
def test_places_of_citations(cited: Cited, kind: str) -> None:
    (citation,) = whole(TextDelta("a"), cited, STOP, *DONE)["content"][0]["citations"]
    assert (citation["type"], citation["cited_text"]) == (kind, "q")


def test_models_answer_in_nothing_else() -> None:
    picture = Media("image", Blob("AAAA", 3))
    with pytest.raises(TypeError, match="Media"):
        encode_message("msg_1", "m", Reply((picture,), (), Finished("stop"), Metered(Usage())))
