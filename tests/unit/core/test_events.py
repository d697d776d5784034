"""Events fold to the same answer however they arrive."""

from __future__ import annotations

from hypothesis import given

from app.core.events import (
    Batch,
    BlockStopped,
    Cited,
    Event,
    Finished,
    Fold,
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
from app.core.prompt import Reasoning, Text, ToolCall
from tests.unit.core.answers import USAGES, answers, streams


@given(streams())
def test_an_answer_is_the_same_however_it_is_cut(stream: tuple[list[Event], list[Batch]]) -> None:
    events, batches = stream
    assert fold(batches) == fold([events]) == fold([[event] for event in events])


@given(answers())
def test_nothing_said_is_lost(events: list[Event]) -> None:
    reply = fold([events])
    assert reply.text == "".join(event.text for event in events if isinstance(event, TextDelta))
    thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert "".join(block.text for block in reply.reasoning) == thought
    arguments = "".join(event.arguments for event in events if isinstance(event, ToolCallDelta))
    assert "".join(call.arguments for call in reply.tool_calls) == arguments
    assert reply.citations == tuple(event for event in events if isinstance(event, Cited))


def test_parts_keep_the_order_in_which_their_blocks_began() -> None:
    events: list[Event] = [
        Started("a"),
        ReasoningDelta("Hm"),
        ReasoningDelta("."),
        ReasoningSigned("s1"),
        ReasoningSigned("s2"),
        BlockStopped(),
        ReasoningRedacted("cmVk"),
        TextDelta("An"),
        TextDelta("swer"),
        ToolCallStarted(0, "c0", "f"),
        ToolCallStarted(1, "c1", "g"),
        ToolCallDelta(0, "{}"),
        ToolCallDelta(1, '{"a"'),
        ToolCallDelta(1, ":1}"),
        TextDelta("After"),
        Finished("tool_calls"),
    ]
    reply = fold([events])
    assert reply.parts == (
        Reasoning("Hm.", "s1s2"),
        Reasoning(redacted="cmVk"),
        Text("Answer"),
        ToolCall("c0", "f", "{}"),
        ToolCall("c1", "g", '{"a":1}'),
        Text("After"),
    )
    assert reply.finished == Finished("tool_calls")


def test_blocks_without_an_end_do_not_run_together() -> None:
    reply = fold([[TextDelta("a"), ReasoningDelta("b"), TextDelta("c"), ReasoningSigned("d"), TextDelta("e")]])
    assert reply.parts == (Text("a"), Reasoning("b"), Text("c"), Reasoning("", "d"), Text("e"))


def test_no_events_are_an_empty_answer() -> None:
    reply = Fold().reply()
    assert (reply.parts, reply.text, reply.finished, reply.metered) == ((), "", Finished("stop"), Metered(Usage()))


@given(USAGES, USAGES)
def test_usage_adds_up_field_by_field(one: Usage, other: Usage) -> None:
    both = one + other
    assert both.prompt == one.prompt + other.prompt
    assert both.output == one.output + other.output
    assert both.cache_write_1h == one.cache_write_1h + other.cache_write_1h
    told = [usage.reasoning for usage in (one, other) if usage.reasoning is not None]
    assert both.reasoning == (sum(told) if told else None)


def test_the_prompt_includes_what_was_read_from_and_written_to_the_cache() -> None:
    assert Usage(input=5, output=9, cache_read=100, cache_write=20).prompt == 125
