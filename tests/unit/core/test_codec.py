"""What the response cache keeps is the answer: the same whole, the same stream, and nothing that is not ours."""

from __future__ import annotations

import json
import weakref
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.api.chat.encode import DONE, ChatStream
from app.core.codec import KEPT_REASONS, PIECE, VERSION, Answer, Item, Recording, decode, encode, is_whole
from app.core.events import (
    Batch,
    Cited,
    Event,
    Finished,
    Metered,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
    fold,
)
from app.core.packing import MAX_RAW, packed
from tests.unit.core.answers import answers, batched, streams

END: list[Event] = [Finished("stop", "end_turn"), Metered(Usage(3, 2), "default", 7, {"guardrail": {"a": [1]}})]


def recorded(*items: tuple[int, Batch]) -> Recording:
    recording = Recording()
    for choice, batch in items:
        recording.note(choice, batch)
    return recording


def again(items: list[tuple[int, Batch]], choices: int) -> list[Item]:
    """The events as they come out of the cache."""
    events = recorded(*items).events(choices)
    assert events is not None
    body = encode(Answer(events, 1789, "us.m", ("us.m", "m", "", "")))
    answer = decode(body, choices)
    assert answer is not None
    assert (answer.created, answer.model, answer.target) == (1789, "us.m", ("us.m", "m", "", ""))
    return list(answer.events)


def only(events: list[Item], choice: int) -> list[Event]:
    return [event for number, event in events if number == choice]


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[tuple[int, Batch]], int]:
    """Several answers, whose batches come in any order."""
    each = [list(batches) for _, batches in draw(st.lists(streams(), min_size=1, max_size=3))]
    assume(all(fold(batches).finished.reason in KEPT_REASONS for batches in each))
    order = draw(st.permutations([choice for choice, batches in enumerate(each) for _ in batches]))
    return [(choice, each[choice].pop(0)) for choice in order], len(each)


def frames(stream: ChatStream, items: list[tuple[int, Batch]]) -> list[dict[str, Any]]:
    data = b"".join(stream.feed(choice, batch) for choice, batch in items) + stream.finish()
    assert data.endswith(DONE)
    return [json.loads(frame.removeprefix("data: ")) for frame in data.decode().split("\n\n")[:-2]]


def gathered(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What a client makes of a stream: texts joined per choice, lists put together, the rest as it comes."""
    found: dict[str, Any] = {}
    for chunk in chunks:
        if chunk.get("usage"):
            found["usage"] = chunk["usage"], chunk.get("service_tier")
        for choice in chunk["choices"]:
            _gather(found, f"{choice['index']}", choice["delta"])
            found[f"{choice['index']}.finish"] = choice["finish_reason"]
    return found


def _gather(found: dict[str, Any], name: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _gather(found, f"{name}.{key}", inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            index = inner.get("index", place) if isinstance(inner, dict) else place
            _gather(found, f"{name}[{index}]", inner)
    elif isinstance(value, str):
        found[name] = found.get(name, "") + value
    else:
        found[name] = value


@given(interleaved())
def test_what_is_kept_is_the_whole_answer(made: tuple[list[tuple[int, Batch]], int]) -> None:
    items, choices = made
    kept = again(items, choices)
    for choice in range(choices):
        assert fold([only(kept, choice)]) == fold([batch for number, batch in items if number == choice])


@given(interleaved(), st.booleans())
def test_it_streams_as_the_same_stream(made: tuple[list[tuple[int, Batch]], int], custom: bool) -> None:
    items, choices = made
    chunks = []
    kept: list[tuple[int, Batch]] = [(choice, (event,)) for choice, event in again(items, choices)]
    for each in (items, kept):
        names = frozenset({"patch"}) if custom else frozenset[str]()
        chunks.append(frames(ChatStream("id", 1, "m", n=choices, include_usage=True, custom_tools=names), each))
    assert gathered(chunks[0]) == gathered(chunks[1])


@given(answers(), st.lists(st.integers(0, 40), max_size=6))
def test_how_it_was_cut_makes_no_difference(events: list[Event], ends: list[int]) -> None:
    assume(fold([events]).finished.reason in KEPT_REASONS)
    items: list[tuple[int, Batch]] = [(0, batch) for batch in batched(events, ends)]
    assert again(items, 1) == again([(0, events)], 1)


def test_a_long_text_comes_in_pieces_and_short_ones_are_joined() -> None:
    calls: list[Event] = [ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "x" * (PIECE + 1))]
    whole: list[Event] = [Started("up"), TextDelta("a" * (2 * PIECE + 5)), *calls, *END]
    assert [event for _, event in again([(0, whole)], 1)] == [
        *(TextDelta("a" * length) for length in (PIECE, PIECE, 5)),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, "x" * PIECE),
        ToolCallDelta(0, "x"),
        *END,
    ]
    tokens = [(0, [TextDelta("ab")]) for _ in range(PIECE)]
    assert only(again([*tokens, (0, END)], 1), 0)[:3] == [TextDelta("ab" * (PIECE // 2))] * 2 + [END[0]]


def test_fragments_of_two_calls_are_not_joined() -> None:
    events: list[Event] = [ToolCallStarted(0, "c0", "f"), ToolCallStarted(1, "c1", "f")]
    events += [ToolCallDelta(0, "{"), ToolCallDelta(1, "["), ToolCallDelta(0, "}"), ToolCallDelta(1, "]")]
    assert fold([only(again([(0, [*events, *END])], 1), 0)]) == fold([[*events, *END]])


def test_an_empty_delta_between_two_texts_keeps_them_apart() -> None:
    events: list[Event] = [TextDelta("a"), ReasoningDelta(""), TextDelta("b"), *END]
    assert only(again([(0, events)], 1), 0) == events


def test_all_of_a_citation_is_kept() -> None:
    cited = Cited("T", "https://a", "q", 1, 5, {"web": {"url": "https://a"}})
    assert only(again([(0, [TextDelta("hello"), cited, *END])], 1), 0) == [TextDelta("hello"), cited, *END]


@pytest.mark.parametrize(
    "events",
    [
        [],
        [TextDelta("a")],
        [TextDelta("a"), Finished("stop")],
        [TextDelta("a"), Metered(Usage())],
        [TextDelta("a"), Finished("content_filter"), Metered(Usage())],
        [TextDelta("a"), Finished("tool_calls", malformed_calls=1), Metered(Usage())],
        [ToolCallDelta(0, "{}"), *END],
    ],
)
def test_half_an_answer_is_not_kept(events: list[Event]) -> None:
    assert recorded((0, events)).events(1) is None


def test_each_choice_has_to_be_whole() -> None:
    assert recorded((0, END)).events(2) is None
    assert recorded((0, END), (1, END[:1])).events(2) is None
    assert recorded((0, END), (1, END)).events(1) is None
    unknown = [each if not isinstance(each, Metered) else Metered(Usage(), known=False) for each in END]
    assert recorded((0, unknown)).events(1) is None, "it would save nothing"
    assert recorded((0, END), (1, END)).events(2)


def test_what_is_too_long_is_let_go_while_it_comes() -> None:
    class Words(str):
        """A text that can be referred to weakly."""

    recording = Recording()
    references = []
    for _ in range(6):
        text = Words("x" * (MAX_RAW // 4))
        references.append(weakref.ref(text))
        recording.note(0, [TextDelta(text)])
        del text
    assert [reference() for reference in references] == [None] * 6
    recording.note(0, END)
    assert recording.events(1) is None


ITEM = {"v": VERSION, "created": 1, "model": "m", "target": ["m", "m", "", ""]}
TEXT, FINISH = [0, "t", "a"], [0, "f", "stop", "", None]
METERED = [0, "m", [1, 2, 0, 0, 0, None], "", None, None]


def test_the_form_of_an_entry() -> None:
    answer = decode(packed(ITEM | {"events": [TEXT, FINISH, METERED]}), 1)
    assert answer is not None
    assert answer.events == [(0, TextDelta("a")), (0, Finished("stop")), (0, Metered(Usage(1, 2)))]


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": None},
        {"created": "1"},
        {"created": -1},
        {"created": True},
        {"model": 7},
        {"target": None},
        {"target": ["m", "m", ""]},
        {"target": ["m", "m", "", "", ""]},
        {"target": ["m", "m", "", 1]},
        {"events": None},
        {"events": {}},
        {"events": []},
        {"events": [FINISH, METERED, TEXT[:2]]},
        {"events": [FINISH, METERED, [*TEXT, "b"]]},
        {"events": [FINISH, METERED, [1, "t", "a"]]},
        {"events": [FINISH, METERED, [-1, "t", "a"]]},
        {"events": [FINISH, METERED, ["0", "t", "a"]]},
        {"events": [FINISH, METERED, [False, "t", "a"]]},
        {"events": [FINISH, METERED, [0, "z", "a"]]},
        {"events": [FINISH, METERED, [0, ["t"], "a"]]},
        {"events": [FINISH, METERED, [0, "t", None]]},
        {"events": [FINISH, METERED, [0, "t", 1]]},
        {"events": [FINISH, METERED, 7]},
        {"events": [FINISH, METERED, []]},
        {"events": [FINISH, METERED, "0t"]},
        {"events": [FINISH, METERED, [0, "a", 0, "{}"]]},
        {"events": [FINISH, METERED, [0, "q", "", "", "", 0, 10**400, {}]]},
        {"events": [FINISH, METERED, [0, "q", "", "", "", 0, 1, []]]},
        {"events": [METERED, [0, "f", "content_filter", "", None]]},
        {"events": [METERED, [0, "f", "because", "", None]]},
        {"events": [FINISH, [0, "m", [1, 2], "", None, None]]},
        {"events": [FINISH, [0, "m", [1, 2, 0, 0, 0, "x"], "", None, None]]},
        {"events": [FINISH]},
        {"events": [METERED]},
    ],
)
def test_an_entry_that_is_not_ours_is_a_miss(change: dict[str, Any]) -> None:
    assert decode(packed(ITEM | {"events": [TEXT, FINISH, METERED]} | change), 1) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_a_miss(body: bytes) -> None:
    assert decode(body, 1) is None


VALUES: dict[str, Any] = {
    "str": "a",
    "FinishReason": "stop",
    "int": 2,
    "bool": True,
    "str | None": None,
    "int | None": None,
    "Usage": Usage(1, 2),
    "Mapping[str, Any]": {"a": 1},
    "Mapping[str, Any] | None": {"b": 2},
}


@pytest.mark.parametrize("kind", sorted(set(Event.__args__) - {Started}, key=str))
def test_every_event_comes_back_as_it_was(kind: type[Any]) -> None:
    kept = [field for field in fields(kind) if field.name != "malformed_calls"]  # such an answer is not kept
    event = kind(*(VALUES[str(field.type)] for field in kept))
    events: list[Item] = [(0, each) for each in (ToolCallStarted(2, "c", "f"), event, *END)]
    answer = decode(encode(Answer(events)), 1)
    assert answer is not None
    assert answer.events == events


def test_an_answer_of_another_number_of_choices_is_a_miss() -> None:
    body = packed(ITEM | {"events": [TEXT, FINISH, METERED]})
    assert decode(body, 2) is None
    assert not is_whole([(0, ReasoningDelta("a"))], 1)
