"""Answers as a model gives them: events in Converse's order, cut into batches anywhere."""

from __future__ import annotations

import json
from typing import Any, get_args

from hypothesis import strategies as st

from app.core.events import (
    Batch,
    BlockStopped,
    Cited,
    Event,
    Finished,
    FinishReason,
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

REASONS: tuple[FinishReason, ...] = get_args(FinishReason)
PIECES = st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3)
SIGNATURES = st.text("abc=", max_size=4)
NAMES = ("get_weather", "patch")
COUNTS = st.integers(0, 1000)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.none() | COUNTS)
CITED = st.builds(
    Cited, title=st.just("A"), url=st.sampled_from(["", "https://a"]), quote=st.sampled_from(["", "q"]),
    location=st.sampled_from([{}, {"documentChar": {"start": 1}}]),
)  # fmt: skip


def cut(text: str, places: list[int]) -> list[str]:
    """The text in pieces."""
    ends = sorted({min(place, len(text)) for place in places} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False) if start < end]


@st.composite
def _text(draw: st.DrawFn, index: int) -> list[Event]:
    events: list[Event] = [TextDelta(piece) for piece in draw(PIECES)]
    return [*events, *draw(st.lists(CITED, max_size=2)), BlockStopped()]


@st.composite
def _thought(draw: st.DrawFn, index: int) -> list[Event]:
    pieces = draw(st.lists(st.text(min_size=1, max_size=4), max_size=3))
    signature = draw(SIGNATURES)
    signed = [ReasoningSigned(piece) for piece in cut(signature, [2])]
    return [*(ReasoningDelta(piece) for piece in pieces), *signed, BlockStopped()]


@st.composite
def _redacted(draw: st.DrawFn, index: int) -> list[Event]:
    return [ReasoningRedacted(draw(st.sampled_from(["cmVk", "YWN0"]))), BlockStopped()]


@st.composite
def _call(draw: st.DrawFn, index: int) -> list[Event]:
    name = draw(st.sampled_from(NAMES))
    arguments = json.dumps({"input": draw(st.text(max_size=6))})
    pieces = cut(arguments, draw(st.lists(st.integers(0, 20), max_size=3)))
    return [
        ToolCallStarted(index, f"call_{index}", name),
        *(ToolCallDelta(index, piece) for piece in pieces),
        BlockStopped(),
    ]


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """The events of a whole answer. Tool calls come after everything else, as models do it."""
    events: list[Event] = [Started("up")]
    for kind in draw(st.lists(st.sampled_from([_thought, _redacted, _text]), max_size=4)):
        events += draw(kind(0))
    calls = draw(st.integers(0, 3))
    for index in range(calls):
        events += draw(_call(index))
    reasons = [reason for reason in REASONS if calls or reason != "tool_calls"]
    events.append(Finished(draw(st.sampled_from(reasons)), "end_turn"))
    events.append(Metered(draw(USAGES), draw(st.sampled_from(["", "default", "reserved"]))))
    return events


def batched(events: list[Event], ends: list[int]) -> list[Batch]:
    """The events in batches that end at these places."""
    places = sorted({min(end, len(events)) for end in ends} | {len(events)})
    return [events[start:end] for start, end in zip([0, *places], places, strict=False)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Event], list[Batch]]:
    """An answer and a cutting of it."""
    events: Any = draw(answers())
    return events, batched(events, draw(st.lists(st.integers(0, 40), max_size=6)))
