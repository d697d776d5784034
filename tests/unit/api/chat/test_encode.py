"""Chunks and whole answers, byte by byte where a client would notice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.api.chat.encode import ChatStream, custom_input, encode_completion
from app.api.chat.usage import encode_tier
from app.core.events import (
    BlockStopped,
    Cited,
    Event,
    Finished,
    Metered,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSigned,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
    fold,
)

USAGE = Usage(input=10, output=5, cache_read=100, cache_write=20, reasoning=3)
CALL: list[Event] = [ToolCallStarted(0, "c0", "f"), ToolCallDelta(0, '{"a":'), ToolCallDelta(0, "1}"), BlockStopped()]


def deltas(events: list[Event], **dialect: Any) -> list[dict[str, Any]]:
    stream = ChatStream("id", 1, "m", **dialect)
    data = b"".join(stream.feed(0, [event]) for event in events)
    chunks = [json.loads(frame.removeprefix(b"data: ")) for frame in data.split(b"\n\n")[:-1]]
    return [chunk["choices"][0]["delta"] for chunk in chunks]


def message(events: list[Event], **dialect: Any) -> dict[str, Any]:
    found: dict[str, Any] = encode_completion("id", 1, "m", [fold([events])], **dialect)["choices"][0]["message"]
    return found


def test_the_first_bytes_of_a_stream_are_these() -> None:
    assert ChatStream("id", 1, "m").feed(0, [Started(), TextDelta("Hi")]) == (
        b'data: {"id":"id","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
        b'{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}\n\n'
        b'data: {"id":"id","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
        b'{"content":"Hi"},"logprobs":null,"finish_reason":null}]}\n\n'
    )


def test_a_batch_that_says_nothing_to_a_client_is_no_bytes() -> None:
    stream = ChatStream("id", 1, "m")
    assert stream.feed(0, [Started("up")]).count(b"data: ") == 1  # the role, at once: the model may think for long
    assert stream.feed(0, [BlockStopped(), Metered(USAGE)]) == b""


def test_an_answer_of_nothing_has_its_role_and_its_end() -> None:
    assert deltas([Finished("stop")]) == [{"role": "assistant", "content": "", "refusal": None}, {}]
    assert message([Finished("stop")])["content"] == ""


def test_a_tool_call_has_its_id_and_name_once() -> None:
    assert deltas(CALL)[1:] == [
        {"tool_calls": [{"index": 0, "id": "c0", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
    ]


def test_signed_reasoning_goes_out_on_two_lanes() -> None:
    events: list[Event] = [
        ReasoningDelta("Hm."),
        ReasoningSigned("s"),
        BlockStopped(),
        ReasoningRedacted("cmVk"),
        *CALL,
    ]
    details = [
        {"type": "reasoning.text", "text": "Hm.", "index": 0, "signature": "s"},
        {"type": "reasoning.encrypted", "data": "cmVk", "index": 1},
    ]
    sent = deltas(events)
    assert sent[1] == {"reasoning_content": "Hm."}
    assert [delta["reasoning_details"] for delta in sent if "reasoning_details" in delta] == [details[:1], details[1:]]
    assert sent[4]["tool_calls"][0]["extra_content"]["bedrock"]["reasoning"] == details
    whole = message([*events, Finished("tool_calls")])
    assert (whole["reasoning_content"], whole["reasoning_details"]) == ("Hm.", details)
    assert whole["tool_calls"][0]["extra_content"]["bedrock"]["reasoning"] == details
    assert whole["content"] is None


def test_citations_have_an_index_in_a_stream_because_the_sdk_adds_lists_up_by_it() -> None:
    cited = Cited("T", "https://a", "said", 1, 5, {"web": {"url": "https://a"}})
    sent = [delta["annotations"][0] for delta in deltas([TextDelta("a"), cited, cited]) if "annotations" in delta]
    assert [annotation["index"] for annotation in sent] == [0, 1]
    assert message([cited])["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": 1,
                "end_index": 5,
                "url": "https://a",
                "title": "T",
                "cited_text": "said",
                "location": {"web": {"url": "https://a"}},
            },
        }
    ]


def test_legacy_clients_get_one_function_call() -> None:
    second: list[Event] = [ToolCallStarted(1, "c1", "g"), ToolCallDelta(1, "{}"), BlockStopped()]
    sent = deltas([*CALL, *second], legacy_functions=True)
    assert [delta["function_call"] for delta in sent if "function_call" in delta] == [
        {"name": "f", "arguments": ""},
        {"arguments": '{"a":'},
        {"arguments": "1}"},
    ]
    whole = encode_completion("id", 1, "m", [fold([[*CALL, *second, Finished("tool_calls")]])], legacy_functions=True)[
        "choices"
    ][0]
    assert whole["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert whole["finish_reason"] == "function_call"
    stopped = encode_completion("id", 1, "m", [fold([[*CALL, Finished("length")]])], legacy_functions=True)
    assert stopped["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"*** B"}', "*** B"),
        (r'{"input":"x\ud83d"}', "x\ufffd"),
        ("{}", "{}"),
        ("[1]", "[1]"),
        ('{"in', '{"in'),
        ('{"input":1}', '{"input":1}'),
    ],
)
def test_a_freeform_tool_gets_its_string(arguments: str, text: str) -> None:
    custom = frozenset({"patch"})
    events: list[Event] = [ToolCallStarted(0, "c0", "patch"), ToolCallDelta(0, arguments), Finished("tool_calls")]
    assert custom_input(arguments) == text
    sent = [call for delta in deltas(events, custom_tools=custom) for call in delta.get("tool_calls", ())]
    assert sent == [
        {"index": 0, "id": "c0", "type": "custom", "custom": {"name": "patch", "input": ""}},
        {"index": 0, "custom": {"input": text}},
    ]
    assert message(events, custom_tools=custom)["tool_calls"] == [
        {"id": "c0", "type": "custom", "custom": {"name": "patch", "input": text}}
    ]


def test_usage_counts_the_cache_in_and_adds_choices_up() -> None:
    reply = fold([[TextDelta("a"), Finished("stop"), Metered(USAGE, "reserved")]])
    body = encode_completion("id", 1, "m", [reply, reply])
    assert body["usage"] == {
        "prompt_tokens": 260,
        "completion_tokens": 10,
        "total_tokens": 270,
        "prompt_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    assert body["service_tier"] == encode_tier("reserved") == "scale"
    assert "service_tier" not in encode_completion("id", 1, "m", [])
    stream = ChatStream("id", 1, "m", n=2, include_usage=True)
    stream.feed(0, [Metered(USAGE, "flex")])
    stream.feed(1, [Metered(USAGE)])
    last = json.loads(stream.finish().split(b"\n\n")[0].removeprefix(b"data: "))
    assert (last["usage"], last["service_tier"], last["choices"]) == (body["usage"], "flex", [])


def test_a_failure_in_mid_stream_is_an_unnamed_and_a_named_error_frame_without_an_end_mark() -> None:
    body = {"error": {"message": "broken", "type": "server_error", "param": None, "code": "x"}}
    first, second, end = ChatStream("id", 1, "m").fail(body).split(b"\n\n")
    assert json.loads(first.removeprefix(b"data: ")) == body
    assert second == b"event: error\n" + first
    assert end == b""
