"""Events of a response, byte by byte where a client would notice."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from app.api.responses.sealed import Unsealer
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
)
from app.core.prompt import Reasoning
from tests.unit.api.responses.bodies import AGENTS, PATCH, WEATHER, events_of, made, stream, told

USAGE = Usage(input=10, output=9, cache_read=100, cache_write=20, reasoning=3)
SUMMARY: dict[str, Any] = {"reasoning": {"summary": "auto"}}
SEALED: dict[str, Any] = {"include": ["reasoning.encrypted_content"]}
THOUGHT: list[Event] = [ReasoningDelta("Need "), ReasoningDelta("weather."), ReasoningSigned("sig"), BlockStopped()]
SAID: list[Event] = [TextDelta("Hi"), BlockStopped()]
CALL: list[Event] = [ToolCallStarted(0, "call_A", "get_weather"), ToolCallDelta(0, '{"city":'),
                     ToolCallDelta(0, '"Rome"}'), BlockStopped()]  # fmt: skip
PATCHED: list[Event] = [ToolCallStarted(1, "call_C", "apply_patch"), ToolCallDelta(1, '{"input": "*** Begin '),
                        ToolCallDelta(1, 'Patch\\n"}'), BlockStopped()]  # fmt: skip
END: list[Event] = [Finished("tool_calls"), Metered(USAGE)]
FAILURE = {"error": {"message": "broken", "type": "server_error", "param": None, "code": "upstream_error"}}


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_the_order_is_the_one_of_the_reference() -> None:
    events = told([Started(), *THOUGHT, *SAID, *CALL, *PATCHED, *END], tools=[WEATHER, PATCH], **SUMMARY, **SEALED)
    assert kinds(events) == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.delta",
        "custom_tool_call_input.done", "output_item.done",
        "completed",
    ]  # fmt: skip


def test_finished_arguments_name_their_function() -> None:
    events = told([*CALL, *END], tools=[WEATHER])
    (done,) = (event for event in events if event["type"] == "response.function_call_arguments.done")
    assert (done["name"], done["arguments"]) == ("get_weather", '{"city":"Rome"}')


def test_the_items_are_those_of_the_reference() -> None:
    events = told([*THOUGHT, *SAID, *CALL, *PATCHED, *END], tools=[WEATHER, PATCH], **SUMMARY, **SEALED)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    sealed = done[0].pop("encrypted_content")
    assert Unsealer().thoughts(sealed) == [Reasoning("Need weather.", "sig")]
    part = {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}
    assert done == [
        {"id": "rs_10000", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Need weather."}]},
        {"id": "msg_10001", "type": "message", "status": "completed", "role": "assistant", "content": [part]},
        {"id": "fc_10002", "type": "function_call", "status": "completed", "call_id": "call_A", "name": "get_weather",
         "arguments": '{"city":"Rome"}'},
        {"id": "ctc_10003", "type": "custom_tool_call", "status": "completed", "call_id": "call_C",
         "name": "apply_patch", "input": "*** Begin Patch\n"},
    ]  # fmt: skip
    added = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert added == [
        {"id": "rs_10000", "type": "reasoning", "summary": []},
        {"id": "msg_10001", "type": "message", "status": "in_progress", "role": "assistant", "content": []},
        {"id": "fc_10002", "type": "function_call", "status": "in_progress", "call_id": "call_A", "name": "get_weather",
         "arguments": ""},
        {"id": "ctc_10003", "type": "custom_tool_call", "status": "in_progress", "call_id": "call_C",
         "name": "apply_patch", "input": ""},
    ]  # fmt: skip
    assert events[-1]["response"]["output"] == [done[0] | {"encrypted_content": sealed}, *done[1:]]


def test_a_delta_is_these_bytes() -> None:
    encoder = stream()
    encoder.feed(0, [TextDelta("a")])
    assert encoder.feed(0, [TextDelta('"\u00e9\n')]) == (
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":5,'
        b'"item_id":"msg_10000","output_index":0,"content_index":0,"delta":"\\"\\u00e9\\n","logprobs":[]}\n\n'
    )
    assert encoder.finish().endswith(b"\n\ndata: [DONE]\n\n")
    assert encoder.finish() == encoder.fail(FAILURE)  # there is one end


def test_the_first_object_is_the_template_of_the_reference() -> None:
    (created, progress) = events_of(stream().begin())
    template = {
        "id": "resp_1", "object": "response", "created_at": 7, "completed_at": None, "status": "in_progress",
        "error": None, "incomplete_details": None, "instructions": None, "max_output_tokens": None,
        "max_tool_calls": None, "output": [], "parallel_tool_calls": True, "previous_response_id": None,
        "prompt_cache_key": None, "reasoning": {"effort": None, "summary": None}, "safety_identifier": None,
        "service_tier": "default", "store": True, "temperature": 1.0, "text": {"format": {"type": "text"}},
        "tool_choice": "auto", "tools": [], "top_logprobs": 0, "top_p": 1.0, "truncation": "disabled", "usage": None,
        "metadata": {}, "background": False, "presence_penalty": 0.0, "frequency_penalty": 0.0,
    }  # fmt: skip
    model = created["response"].pop("model")
    assert created["response"] == template
    assert progress["response"] == template | {"model": model}


def test_a_whole_answer_has_its_usage_tier_and_time() -> None:
    response = made([*SAID, Finished("stop"), Metered(USAGE, "reserved")])
    assert response["usage"] == {
        "input_tokens": 130,
        "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 139,
    }
    assert (response["status"], response["completed_at"], response["service_tier"]) == ("completed", 9, "scale")


def test_in_the_background_it_is_queued_first() -> None:
    events = events_of(stream(background=True).begin())
    assert [(event["type"], event["response"]["status"]) for event in events] == [
        ("response.created", "queued"),
        ("response.queued", "queued"),
        ("response.in_progress", "in_progress"),
    ]


def test_whoever_keeps_events_is_told_each_with_its_number() -> None:
    from app.api.responses.stream import ResponseStream
    from tests.unit.api.responses.bodies import decoded

    kept: list[tuple[int, bytes]] = []
    encoder = ResponseStream("resp_1", 7, decoded(), on_event=lambda number, frame: kept.append((number, frame)))
    data = encoder.begin() + encoder.feed(0, [TextDelta("a"), TextDelta("b")]) + encoder.finish()
    assert [number for number, _ in kept] == list(range(len(events_of(data))))
    assert b"".join(frame for _, frame in kept) + b"data: [DONE]\n\n" == data


def test_thoughts_without_a_summary_are_shown_as_what_they_are() -> None:
    events = told([*THOUGHT, Finished("stop")])
    assert kinds(events)[2:9] == [
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta", "reasoning_text.done",
        "content_part.done", "output_item.done",
    ]  # fmt: skip
    assert events[8]["item"] == {
        "id": "rs_10000", "type": "reasoning", "summary": [],
        "content": [{"type": "reasoning_text", "text": "Need weather."}],
    }  # fmt: skip


def test_what_is_kept_is_sealed_whatever_the_client_sees() -> None:
    encoder = stream(**SUMMARY)
    encoder.feed(0, [*THOUGHT, ReasoningRedacted("cmVk"), ReasoningSigned("only"), ReasoningDelta(""), BlockStopped()])
    encoder.finish()
    assert all("encrypted_content" not in item for item in encoder.response["output"])
    blocks = [Unsealer().thoughts(item["encrypted_content"]) for item in encoder.kept["output"]]
    assert blocks == [[Reasoning("Need weather.", "sig")], [Reasoning("", "", "cmVk")], [Reasoning("", "only")]]
    assert [item["summary"] for item in encoder.kept["output"]][1:] == [[], []]


def test_text_in_several_blocks_is_one_message_and_offsets_count_within_it() -> None:
    cited = Cited("T", "https://a", "said", 6, 8, {"web": {"url": "https://a"}})
    response = made([
        TextDelta("Hi"), BlockStopped(), TextDelta("!"), BlockStopped(), *THOUGHT, Cited(),
        TextDelta("more"), cited, BlockStopped(), Finished("stop"),
    ])  # fmt: skip
    first, _, second = response["output"]
    assert first["content"][0]["text"] == "Hi!"
    assert second["content"][0] == {
        "type": "output_text", "text": "more", "logprobs": [],
        "annotations": [{
            "type": "url_citation", "start_index": 3, "end_index": 5, "url": "https://a", "title": "T",
            "cited_text": "said", "location": {"web": {"url": "https://a"}},
        }],
    }  # fmt: skip


def test_a_source_is_told_when_it_comes() -> None:
    events = told([TextDelta("a"), Cited(url="https://a", title="A", start=0, end=1), Finished("stop")])
    (event,) = [event for event in events if event["type"].endswith("annotation.added")]
    annotation = {"type": "url_citation", "start_index": 0, "end_index": 1, "url": "https://a", "title": "A"}
    assert (event["annotation_index"], event["annotation"]) == (0, annotation)


def test_an_answer_that_was_cut_off_says_where() -> None:
    response = made(
        [*CALL, ToolCallStarted(1, "call_B", "f"), ToolCallDelta(1, '{"a'), BlockStopped(), Finished("length")]
    )
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert response["completed_at"] is None
    assert made([*SAID, Finished("length")])["output"][0]["status"] == "incomplete"


def test_what_a_filter_stopped_keeps_its_words() -> None:
    response = made([*SAID, Finished("content_filter")])
    assert response["incomplete_details"] == {"reason": "content_filter"}
    assert response["output"][0]["content"][0]["text"] == "Hi"


@pytest.mark.parametrize("before", [[], THOUGHT, THOUGHT[:-1]])
def test_a_model_that_says_nothing_has_refused(before: list[Event]) -> None:
    events = told([*before, Finished("content_filter")])
    assert kinds(events)[-7:] == [
        "output_item.added", "content_part.added", "refusal.delta", "refusal.done", "content_part.done",
        "output_item.done", "incomplete",
    ]  # fmt: skip
    assert events[-2]["item"]["content"] == [{"type": "refusal", "refusal": "The model declined to answer."}]
    assert events[-6]["part"] == {"type": "refusal", "refusal": ""}


@pytest.mark.parametrize("begun", [THOUGHT[:2], [TextDelta("a")], CALL[:2], []])
def test_a_failure_closes_what_is_open(begun: list[Event]) -> None:
    encoder = stream(**SUMMARY)
    data = encoder.feed(0, [Started(), *begun]) if begun else b""
    events = events_of(data + encoder.fail(FAILURE))
    assert kinds(events)[:2] == ["created", "in_progress"]
    error, last = events[-2:]
    assert (error["type"], error["error"]["message"], error["message"]) == ("error", "broken", "broken")
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "broken"}
    assert (last["response"]["status"], last["response"]["usage"]) == ("failed", None)
    assert all(item["status"] == "incomplete" for item in last["response"]["output"])
    assert len(last["response"]["output"]) == bool(begun)


def test_calls_that_come_interleaved_are_told_apart() -> None:
    events: list[Event] = [
        ToolCallStarted(0, "a", "f"), ToolCallStarted(1, "b", "g"), ToolCallDelta(0, "{"), ToolCallDelta(1, "[1"),
        ToolCallDelta(0, "}"), BlockStopped(), BlockStopped(), TextDelta("x"), ToolCallDelta(1, "]"), Finished("stop"),
    ]  # fmt: skip
    calls = [item for item in made(events)["output"] if item["type"] == "function_call"]
    assert [(call["call_id"], call["name"], call["arguments"]) for call in calls] == [
        ("a", "f", "{}"),
        ("b", "g", "[1]"),
    ]


def test_an_id_is_given_once() -> None:
    """The SDK takes two calls of one id for one."""
    events = [event for index in (0, 1, 2) for event in (
        ToolCallStarted(index, "" if index == 2 else "same", "f"), ToolCallDelta(index, "{}"), BlockStopped()
    )]  # fmt: skip
    ids = [item["call_id"] for item in made([*events, Finished("tool_calls")])["output"]]
    assert len(set(ids)) == 3
    assert ids[0] == "same"


def test_a_namespace_is_split_off_again() -> None:
    events: list[Event] = [
        ToolCallStarted(0, "c", "multi_agent_v1__close_agent"),
        ToolCallDelta(0, "{}"),
        BlockStopped(),
    ]
    (item,) = made([*events, Finished("tool_calls")], tools=[AGENTS])["output"]
    assert (item["name"], item["namespace"]) == ("close_agent", "multi_agent_v1")


@pytest.mark.parametrize(
    ("arguments", "value"),
    [('{"query":"q"}', {"query": "q"}), (r'{"q":"\ud83d"}', {"q": "\ufffd"}), ("{", {}), ("[]", {})],
)
def test_a_search_is_the_clients_to_do(arguments: str, value: Any) -> None:
    search = {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}}
    events: list[Event] = [ToolCallStarted(0, "c", "tool_search"), ToolCallDelta(0, arguments), Finished("tool_calls")]
    told_events = told(events, tools=[search])
    assert kinds(told_events)[2:] == ["output_item.added", "output_item.done", "completed"]
    assert told_events[3]["item"] == {
        "id": "tsc_10000", "type": "tool_search_call", "status": "completed", "call_id": "c", "execution": "client",
        "arguments": value,
    }  # fmt: skip


def test_a_stream_without_a_word_is_an_empty_response() -> None:
    assert kinds(events_of(stream().finish())) == ["created", "in_progress", "completed"]


def test_a_stream_of_an_hour_holds_its_text_and_no_more() -> None:
    """100 tokens a second are 360,000; of a tenth of them the text has 144 kB."""
    encoder = stream(tools=[PATCH])
    encoder.feed(
        0, [TextDelta("a"), BlockStopped(), ToolCallStarted(0, "c", "apply_patch"), ToolCallDelta(0, '{"input":"')]
    )
    deltas: list[list[Event]] = [[ToolCallDelta(0, "word")] for _ in range(100)]
    tracemalloc.start()
    for _ in range(360):
        for batch in deltas:
            encoder.feed(0, batch)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2_000_000
    assert len(encoder.fail(FAILURE)) > 144_000


def test_the_conversation_is_named() -> None:
    assert made([Finished("stop")], conversation="conv_1")["conversation"] == {"id": "conv_1"}


def test_a_frame_survives_every_letter() -> None:
    text = "\u2028\r\n\x00\U0001f600"
    assert made([TextDelta(text), Finished("stop")])["output"][0]["content"][0]["text"] == text
    assert json.loads(json.dumps(told([TextDelta(text), Finished("stop")])))[4]["delta"] == text
