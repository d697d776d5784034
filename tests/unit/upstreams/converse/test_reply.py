"""Converse's events as ours: streamed or whole it is the same answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from app.core.events import (
    BlockStopped,
    Cited,
    Event,
    Finished,
    Metered,
    ReasoningDelta,
    Reply,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
    fold,
)
from app.core.plan import Plan
from app.core.prompt import Reasoning, Text, ToolCall
from app.core.reasoning_origin import mark_of
from app.errors import UpstreamFailure
from app.upstreams.converse.names import tool_name
from app.upstreams.converse.reply import FINISH_REASONS, ReplyMachine
from app.upstreams.converse.text_filters import unwrapped
from app.upstreams.converse.usage import to_usage
from tests.unit.upstreams.converse.histories import NOVA_PRO, SONNET_45, tools
from tests.unit.upstreams.converse.planning import plan

Frame = tuple[str, dict[str, Any]]
PLAIN = replace(plan(SONNET_45, tools=tools("f", "fs.read")), single_call=False)
TAGS = plan(NOVA_PRO)
JSON_TOOL = replace(PLAIN, json_tool="answer")
PLANS = {
    "plain": PLAIN,
    "thinking tags": TAGS,
    "json tool": JSON_TOOL,
    "json tool, wrapped": replace(PLAIN, json_tool="answer", unwrap="value"),
    "json tool, thinking tags": replace(TAGS, json_tool="answer"),
    "json answer": replace(PLAIN, json_answer=True),
    "json answer, thinking tags": replace(TAGS, json_answer=True),
    "silent tools": replace(PLAIN, silent_tools=True),
    "single call": replace(PLAIN, single_call=True),
}


def machine(made: Plan = PLAIN) -> ReplyMachine:
    return ReplyMachine(made, "up-1")


def fed(frames: Iterable[Frame], made: Plan = PLAIN) -> list[Event]:
    reader = machine(made)
    events = [event for name, payload in frames for event in reader.feed(name, payload)]
    reader.close()
    return events


def whole(*content: Any, made: Plan = PLAIN, **members: Any) -> list[Event]:
    reply = {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": "end_turn",
        "usage": {},
    }
    return machine(made).whole(reply | members)


def delta(index: int, **body: Any) -> Frame:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": body}


def started(index: int, name: str = "f", identifier: str = "t1", **more: Any) -> Frame:
    tool = {"toolUseId": identifier, "name": name} | more
    return "contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": tool}}


def stopped(index: int) -> Frame:
    return "contentBlockStop", {"contentBlockIndex": index}


def ended(reason: str = "end_turn", **members: Any) -> Frame:
    return "messageStop", {"stopReason": reason} | members


BEGIN: Frame = ("messageStart", {"role": "assistant"})
USED: Frame = ("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2}, "metrics": {"latencyMs": 7}})


# One mapping, not two

WORDS = st.sampled_from(["hi", " ", "<thinking>", "hm</thinking>", '{"value": ', "[1]", "}", "✓", ""])
VALUES = st.dictionaries(
    st.sampled_from(["a", "value"]), st.integers() | st.text(max_size=4) | st.lists(st.none(), max_size=2)
)
TOOLS = st.sampled_from(["f", tool_name("fs.read"), "answer", "unknown"])
CITATION = st.sampled_from([{"title": "T", "location": {"web": {"url": "https://a.example"}}}, {"source": "s"}])
BLOCKS = st.one_of(
    st.builds(lambda words: {"text": "".join(words)}, st.lists(WORDS, max_size=4)),
    st.builds(lambda name, value: {"toolUse": {"toolUseId": "t", "name": name, "input": value}}, TOOLS, VALUES),
    st.builds(
        lambda text: {"reasoningContent": {"reasoningText": text}},
        st.fixed_dictionaries({"text": WORDS}, optional={"signature": st.just("sig")}),
    ),
    st.just({"reasoningContent": {"redactedContent": "eA=="}}),
    st.builds(
        lambda words, cited: {"citationsContent": {"content": [{"text": word} for word in words], "citations": cited}},
        st.lists(WORDS, max_size=3),
        st.lists(CITATION, max_size=2),
    ),
    st.just({"somethingNew": {"text": "x"}}),
)
REPLIES = st.fixed_dictionaries(
    {
        "stopReason": st.sampled_from([*FINISH_REASONS, "brand_new"]),
        "usage": st.just({"inputTokens": 1, "outputTokens": 2}),
    },
    optional={
        "additionalModelResponseFields": st.just({"stop_sequence": "x"}),
        "serviceTier": st.just({"type": "flex"}),
    },
)


def streamed(
    content: list[dict[str, Any]], reply: dict[str, Any], cut: Callable[[str], list[str]], stops: bool
) -> list[Frame]:
    """The events by which Bedrock would have streamed this reply, text and arguments cut anyhow."""
    frames = [BEGIN]
    for index, block in enumerate(content):
        if "toolUse" in block:
            call = block["toolUse"]
            frames.append(started(index, call["name"], call["toolUseId"]))
            text = to_json(call["input"]).decode() if call["input"] else ""
            frames += [delta(index, toolUse={"input": piece}) for piece in cut(text)]
        elif "text" in block:
            frames += [delta(index, text=piece) for piece in cut(block["text"])] or [delta(index, text="")]
        elif "citationsContent" in block:
            text = "".join(part["text"] for part in block["citationsContent"]["content"])
            frames += [delta(index, text=piece) for piece in cut(text)] or [delta(index, text="")]
            frames += [delta(index, citation=cited) for cited in block["citationsContent"]["citations"]]
        elif "reasoningContent" in block:
            inner = block["reasoningContent"].get("reasoningText") or {}
            frames += [delta(index, reasoningContent={"text": piece}) for piece in cut(inner.get("text", ""))]
            if "signature" in inner:
                frames.append(delta(index, reasoningContent={"signature": inner["signature"]}))
            if "redactedContent" in block["reasoningContent"]:
                frames.append(delta(index, reasoningContent=block["reasoningContent"]))
        else:
            frames.append(delta(index, **block))
        if stops:
            frames.append(stopped(index))
    members = {name: value for name, value in reply.items() if name in ("stopReason", "additionalModelResponseFields")}
    return [*frames, ("messageStop", members), ("metadata", {"p": "abc"} | reply)]


@pytest.mark.parametrize("name", PLANS)
@given(
    content=st.lists(BLOCKS, max_size=5), reply=REPLIES, random=st.randoms(use_true_random=False), stops=st.booleans()
)
def test_streamed_or_whole_it_is_the_same_answer(
    name: str, content: list[dict[str, Any]], reply: dict[str, Any], random: Any, stops: bool
) -> None:
    def cut(text: str) -> list[str]:
        ends = sorted({random.randint(0, len(text)) for _ in range(3)} | {len(text)})
        return [text[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]

    events = fed(streamed(content, reply, cut, stops), PLANS[name])
    whole_events = whole(*content, made=PLANS[name], **reply)
    check_grammar(events)
    check_grammar(whole_events)
    if stops:
        assert fold([events]) == fold([whole_events])
    assert said(fold([events])) == said(fold([whole_events]))


def said(reply: Reply) -> tuple[object, ...]:
    """A reply but for the order of its kinds of parts: a call that no event closes is complete only at the end."""
    return reply.text, reply.tool_calls, reply.reasoning, reply.citations, reply.finished, reply.metered


def check_grammar(events: list[Event]) -> None:
    """Started first, then blocks, then Finished, then Metered; calls numbered from 0, each with arguments that parse."""
    kinds = [type(event) for event in events]
    assert kinds[0] is Started
    assert kinds[-2:] == [Finished, Metered]
    assert [event.index for event in events if isinstance(event, ToolCallStarted)] == list(
        range(kinds.count(ToolCallStarted))
    )
    for call in fold([events]).tool_calls:
        assert call.arguments.startswith("{")
    assert all(event.text for event in events if isinstance(event, ReasoningDelta))


# Symptoms


def reply_of(events: list[Event]) -> Reply:
    return fold([events])


@pytest.mark.parametrize("pieces", [["cmVk"], ["cm", "Vk"], ["cg==", "ZWQ="], ["cmVk", "cmVkYQ=="], ["!", "?"]])
def test_a_redacted_block_in_several_deltas_is_one_block(pieces: list[str]) -> None:
    frames = [BEGIN, *(delta(0, reasoningContent={"redactedContent": piece}) for piece in pieces), stopped(0)]
    (block,) = reply_of(fed([*frames, delta(1, text="ok"), stopped(1), ended(), USED])).reasoning
    whole: dict[tuple[str, ...], str] = {
        ("cm", "Vk"): "cmVk",
        ("cg==", "ZWQ="): "cmVk",
        ("cmVk", "cmVkYQ=="): "cmVkcmVkYQ==",
    }
    assert block == Reasoning(redacted=mark_of("claude") + whole.get(tuple(pieces), "".join(pieces)))


def test_each_signature_has_one_mark_however_many_pieces_it_comes_in() -> None:
    frames = [BEGIN]
    for index in (0, 1):
        frames += [delta(index, reasoningContent={"signature": piece}) for piece in ("c2", "ln")] + [stopped(index)]
    blocks = reply_of(fed([*frames, ended(), USED])).reasoning
    assert blocks == (Reasoning("", mark_of("claude") + "c2ln"),) * 2


def test_two_tools_streamed_are_numbered_from_zero_without_gaps() -> None:
    frames = [
        BEGIN,
        delta(0, reasoningContent={"text": "hm"}),
        delta(0, reasoningContent={"signature": "s"}),
        stopped(0),
        delta(1, text="ok"),
        stopped(1),
        started(2, "f", "t1"),
        delta(2, toolUse={"input": '{"a"'}),
        delta(2, toolUse={"input": ": 1}"}),
        stopped(2),
        started(3, tool_name("fs.read"), "t2"),
        stopped(3),
        ended("tool_use"),
        USED,
    ]
    events = fed(frames)
    assert events == [
        Started("up-1"),
        ReasoningDelta("hm"),
        events[2],
        BlockStopped(),
        TextDelta("ok"),
        BlockStopped(),
        ToolCallStarted(0, "t1", "f"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ": 1}"),
        BlockStopped(),
        ToolCallStarted(1, "t2", "fs.read"),
        ToolCallDelta(1, "{}"),
        BlockStopped(),
        Finished("tool_calls", "tool_use"),
        Metered(Usage(3, 2), latency_ms=7),
    ]
    assert reply_of(events).reasoning == (Reasoning("hm", mark_of("claude") + "s"),)


def test_a_stream_without_block_stops_ends_its_blocks_all_the_same() -> None:
    events = fed([BEGIN, delta(0, text="a"), started(1), delta(2, text="b"), ended(), USED])
    assert [type(event) for event in events].count(BlockStopped) == 3
    assert reply_of(events).tool_calls == (ToolCall("t1", "f", "{}"),)
    assert reply_of(events).text == "ab"
    assert reply_of(events).finished.reason == "tool_calls"


def test_calls_that_come_interleaved_keep_their_own_arguments() -> None:
    frames = [started(0, "f", "t1"), started(1, "f", "t2")]
    frames += [delta(index, toolUse={"input": piece}) for piece in ('{"a"', ": 1}") for index in (0, 1)]
    reply = reply_of(fed([BEGIN, *frames, stopped(0), stopped(1), ended("tool_use"), USED]))
    assert reply.tool_calls == (ToolCall("t1", "f", '{"a": 1}'), ToolCall("t2", "f", '{"a": 1}'))


def test_a_stop_for_another_block_does_not_end_the_call_that_is_open() -> None:
    events = fed([BEGIN, started(1), stopped(0), delta(1, toolUse={"input": "{}"}), ended("tool_use"), USED])
    assert reply_of(events).tool_calls == (ToolCall("t1", "f", "{}"),)


def test_a_stream_that_ends_without_message_stop_is_an_error() -> None:
    reader = machine()
    reader.feed(*delta(0, text="half an ans"))
    with pytest.raises(UpstreamFailure) as raised:
        reader.close()
    assert raised.value.code == "upstream_incomplete_stream"


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_malformed_output_is_an_error_and_no_stop(reason: str) -> None:
    with pytest.raises(UpstreamFailure) as raised:
        whole({"text": "a"}, stopReason=reason)
    assert raised.value.code == "model_error"


@pytest.mark.parametrize(("reason", "expected"), [*FINISH_REASONS.items(), ("brand_new", "stop"), (None, "stop")])
def test_each_stop_reason_has_its_word(reason: str | None, expected: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        events = whole({"text": "a"}, stopReason=reason)
    finished = reply_of(events).finished
    assert finished.reason == ("stop" if expected == "tool_calls" else expected)
    assert ("unknown stop reason" in caplog.text) is (reason == "brand_new")


@pytest.mark.parametrize(("reason", "expected"), [("end_turn", "tool_calls"), ("max_tokens", "length")])
def test_a_call_under_a_wrong_stop_reason_is_still_a_call(reason: str, expected: str) -> None:
    events = whole({"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}, stopReason=reason)
    assert reply_of(events).finished.reason == expected


@pytest.mark.parametrize(("matched", "told"), [("END", "END"), (None, None), (7, None)])
def test_the_stop_sequence_that_matched_is_told(matched: Any, told: str | None) -> None:
    events = whole({"text": "a"}, stopReason="stop_sequence", additionalModelResponseFields={"stop_sequence": matched})
    assert reply_of(events).finished == Finished("stop", "stop_sequence", told)


def test_events_and_deltas_nobody_knows_are_skipped() -> None:
    frames: list[Frame] = [
        BEGIN,
        ("brandNew", {"x": 1}),
        delta(0, somethingNew={"a": 1}),
        delta(0, reasoningContent={}),
        delta(0, text=""),
        delta(0, text="a"),
        delta(0, toolUse={"input": "{}"}),
        ("contentBlockStart", {"contentBlockIndex": 1, "start": {"image": {"format": "png"}}}),
        ended(),
        USED,
    ]
    assert reply_of(fed(frames)).parts == (Text("a"),)


def test_a_tool_of_the_server_is_not_the_clients() -> None:
    frames = [
        BEGIN,
        started(0, "nova_grounding", "s1", type="server_tool_use"),
        delta(0, toolUse={"input": "{}"}),
        stopped(0),
        delta(1, text="a"),
        ended(),
        USED,
    ]
    assert reply_of(fed(frames)).parts == (Text("a"),)


def test_structured_output_by_tool_is_content_and_stops() -> None:
    call = {"toolUse": {"toolUseId": "t", "name": "answer", "input": {"b": 1, "a": 2}}}
    reply = reply_of(whole({"text": "Sure!"}, call, made=JSON_TOOL, stopReason="tool_use"))
    assert (reply.text, reply.tool_calls, reply.finished.reason) == ('{"b":1,"a":2}', (), "stop")


def test_structured_output_streams_its_fragments_as_they_come_and_reads_as_the_whole_answer_does() -> None:
    frames = [started(0, "answer"), delta(0, toolUse={"input": '{ "a"'}), delta(0, toolUse={"input": ' : "b c" }'})]
    reader = machine(JSON_TOOL)
    assert [reader.feed(*frame) for frame in frames] == [[], [TextDelta('{"a"')], [TextDelta(':"b c"}')]]
    call = {"toolUse": {"toolUseId": "t", "name": "answer", "input": {"a": "b c"}}}
    assert reply_of(whole(call, made=JSON_TOOL)).text == '{"a":"b c"}'


def test_blanks_and_quotes_within_strings_of_structured_output_stay_however_they_are_cut() -> None:
    text = '{ "a b" : "c \\" d \\\\" , "e" : [ 1 , "\\u00e9 f" ] }'
    for size in (1, 2, 3, len(text)):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        frames = [started(0, "answer"), *(delta(0, toolUse={"input": piece}) for piece in pieces)]
        reader = machine(JSON_TOOL)
        said = "".join(event.text for frame in frames for event in reader.feed(*frame) if isinstance(event, TextDelta))
        assert said == '{"a b":"c \\" d \\\\","e":[1,"\\u00e9 f"]}'


@pytest.mark.parametrize(
    ("fragments", "reason", "malformed"),
    [
        (['{"a"', ": 1}"], "tool_use", 0),
        (['{"a"', ": "], "tool_use", 1),
        (["[1]"], "tool_use", 1),
        (['{"a"'], "max_tokens", 0),
        ([], "tool_use", 0),
    ],
)
def test_arguments_that_are_no_object_are_counted(fragments: list[str], reason: str, malformed: int) -> None:
    frames = [started(0, "f"), *(delta(0, toolUse={"input": each}) for each in fragments), stopped(0)]
    events = fed([*frames, ("messageStop", {"stopReason": reason})])
    (finished,) = (event for event in events if isinstance(event, Finished))
    assert finished.malformed_calls == malformed


@pytest.mark.parametrize(
    ("value", "text"),
    [({"value": [1, "é"]}, '[1,"é"]'), ({"other": 1}, '{"other":1}'), ({}, "{}")],
)
def test_a_wrapped_answer_is_unwrapped(value: dict[str, Any], text: str) -> None:
    call = {"toolUse": {"toolUseId": "t", "name": "answer", "input": value}}
    assert reply_of(whole(call, made=PLANS["json tool, wrapped"])).text == text


def test_arguments_that_cannot_be_unwrapped_are_given_as_they_are() -> None:
    assert unwrapped('{"value": ', "value") == '{"value": '
    assert unwrapped("[1]", "value") == "[1]"


def test_an_answer_given_twice_is_given_once() -> None:
    calls = [{"toolUse": {"toolUseId": f"t{n}", "name": "answer", "input": {"n": n}}} for n in (1, 2)]
    assert reply_of(whole(*calls, made=JSON_TOOL)).text == '{"n":1}'


def test_text_counts_where_the_answer_did_not_come_by_tool() -> None:
    assert reply_of(whole({"text": 'Here: {"a": 1} '}, made=JSON_TOOL)).text == '{"a": 1}'


def test_a_real_tool_beside_structured_output_is_called() -> None:
    reply = reply_of(
        whole({"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}, made=JSON_TOOL, stopReason="tool_use")
    )
    assert (reply.tool_calls, reply.finished.reason) == ((ToolCall("t", "f", "{}"),), "tool_calls")


CALLS = [{"toolUse": {"toolUseId": f"t{n}", "name": "f", "input": {"n": n}}} for n in (1, 2)]


def test_with_tool_choice_none_no_call_is_passed_on() -> None:
    reply = reply_of(whole({"text": "a"}, *CALLS, made=PLANS["silent tools"], stopReason="tool_use"))
    assert (reply.parts, reply.finished.reason) == ((Text("a"),), "stop")


def test_without_parallel_calls_only_the_first_is_passed_on() -> None:
    reply = reply_of(whole(*CALLS, made=PLANS["single call"], stopReason="tool_use"))
    assert (reply.tool_calls, reply.finished.reason) == ((ToolCall("t1", "f", '{"n":1}'),), "tool_calls")


def test_an_empty_piece_of_text_makes_no_part() -> None:
    frames = [BEGIN, delta(0, text='{"a": '), stopped(0), delta(1, text=""), stopped(1), ended("max_tokens"), USED]
    assert reply_of(fed(frames, PLANS["json answer"])).parts == (Text('{"a": '),)


def test_thoughts_in_tags_are_not_content() -> None:
    reply = reply_of(whole({"text": "<thinking>hm</thinking>\nhi"}, made=TAGS))
    assert (reply.text, reply.reasoning) == ("hi", (Reasoning("hm"),))


def test_a_citation_points_into_what_the_client_gets() -> None:
    cited = {"citationsContent": {"content": [{"text": "sky"}], "citations": [{"title": "T"}]}}
    reply = reply_of(whole({"text": "<thinking>hm</thinking>The "}, cited, made=TAGS))
    assert reply.citations == (Cited("T", start=4, end=7),)
    assert reply.text[4:7] == "sky"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, Usage()),
        (
            {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3, "cacheWriteInputTokens": 4},
            Usage(1, 2, 3, 4),
        ),
        ({"cacheReadInputTokenCount": 3, "cacheWriteInputTokenCount": 4, "inputTokens": None}, Usage(0, 0, 3, 4)),
        (
            {"cacheDetails": [{"ttl": "1h", "inputTokens": 5}, {"ttl": "5m", "inputTokens": 6}, {"ttl": "1h"}]},
            Usage(cache_write_1h=5),
        ),
    ],
)
def test_usage_in_either_spelling(usage: dict[str, Any], expected: Usage) -> None:
    assert to_usage(usage) == expected


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"usage": {"output_tokens_details": {"thinking_tokens": 9}}}, 9),
        ({"output_tokens_details": {"thinking_tokens": 9}}, 9),
        ({"usage": {"output_tokens_details": {"thinking_tokens": "9"}}}, None),
        ({"usage": {"output_tokens_details": [9]}}, None),
        ({}, None),
    ],
)
def test_reasoning_tokens_are_those_the_model_told(fields: dict[str, Any], tokens: int | None) -> None:
    events = whole({"text": "a"}, additionalModelResponseFields=fields)
    assert reply_of(events).metered.usage.reasoning == tokens


def test_what_an_answer_cost_is_told_with_its_tier_and_trace() -> None:
    trace: dict[str, Any] = {"guardrail": {}}
    events = whole({"text": "a"}, serviceTier={"type": "flex"}, trace=trace, metrics={"latencyMs": "odd"})
    assert events[-1] == Metered(Usage(), "flex", None, trace, known=False)


@pytest.mark.parametrize(
    ("usage", "reason", "known"),
    [
        ({"inputTokens": 3, "outputTokens": 5}, "end_turn", True),
        ({"inputTokens": 3, "outputTokens": 0}, "end_turn", True),
        ({"inputTokens": 0, "outputTokens": 5, "cacheReadInputTokens": 9}, "end_turn", True),
        ({"inputTokens": 3}, "end_turn", False),
        ({"inputTokens": 0, "outputTokens": 0}, "end_turn", False),
        ({"inputTokens": 0, "outputTokens": 0}, "guardrail_intervened", True),
        ({}, "guardrail_intervened", False),
        (None, "end_turn", False),
    ],
)
def test_usage_that_is_missing_is_not_taken_for_zero(usage: Any, reason: str, known: bool) -> None:
    """Only a guardrail that blocks a prompt makes an answer that used nothing."""
    last = whole({"text": "a"}, usage=usage, stopReason=reason)[-1]
    assert isinstance(last, Metered)
    assert last.known is known


def test_it_tells_how_far_the_answer_has_come() -> None:
    reader = machine()
    stages = []
    for frame in (BEGIN, ended(), USED):
        reader.feed(*frame)
        stages.append((reader.complete, reader.metered))
    assert stages == [(False, False), (True, False), (True, True)]


@pytest.mark.parametrize(
    ("given_input", "arguments"), [({"a": 1}, '{"a":1}'), (None, "{}"), ('{"a": 1}', '{"a": 1}'), ({}, "{}")]
)
def test_arguments_of_a_whole_call_are_json_text(given_input: Any, arguments: str) -> None:
    call = {"toolUse": {"toolUseId": "t", "name": "f", "input": given_input}}
    assert reply_of(whole("odd", call)).tool_calls == (ToolCall("t", "f", arguments),)


def test_a_reply_without_content_is_an_empty_answer() -> None:
    events = machine().whole({"stopReason": "end_turn"})
    assert [type(event) for event in events] == [Started, Finished, Metered]


@pytest.mark.parametrize("reply", [{}, {"output": None, "usage": {}}, {"message": "Hello"}])
def test_a_whole_answer_without_a_message_is_no_empty_success(reply: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailure) as raised:
        machine(PLAIN).whole(reply)
    assert (raised.value.status, raised.value.code) == (502, "upstream_bad_answer")
