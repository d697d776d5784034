"""Filters over a model's text: how it was cut into pieces makes no difference."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import BlockStopped, Event, ReasoningDelta, TextDelta
from app.upstreams.converse.text_filters import Chain, HeldBack, JsonOnly, TextFilter, ThinkingTags, json_in, unwrapped


def thoughts_and_json() -> TextFilter:
    return Chain(ThinkingTags(), JsonOnly())


def thoughts_held_back() -> TextFilter:
    return Chain(ThinkingTags(), HeldBack())


FILTERS: list[Callable[[], TextFilter]] = [JsonOnly, ThinkingTags, HeldBack, thoughts_and_json, thoughts_held_back]
PIECES = st.lists(
    st.sampled_from(
        [
            "<thinking>",
            "</thinking>",
            "<think",
            "ing>",
            "</",
            "<",
            " ",
            "\n",
            "{",
            "}",
            "[",
            "]",
            '"',
            "\\",
            "a",
            "```json\n",
            "é",
        ]
    ),
    max_size=14,
)


def folded(events: Iterable[Event]) -> list[tuple[str, str]]:
    """What is said, in runs of one kind."""
    runs: list[tuple[str, str]] = []
    for event in events:
        if isinstance(event, BlockStopped):
            continue
        assert isinstance(event, TextDelta | ReasoningDelta)
        kind = type(event).__name__
        if runs and runs[-1][0] == kind:
            runs[-1] = (kind, runs[-1][1] + event.text)
        elif event.text:
            runs.append((kind, event.text))
    return runs


def through(filter_: TextFilter, *blocks: Iterable[str]) -> list[tuple[str, str]]:
    events: list[Event] = []
    for pieces in blocks:
        for piece in pieces:
            events += filter_.feed(piece)
        events += filter_.finish()
    return folded(events)


@pytest.mark.parametrize("new", FILTERS)
@given(first=PIECES, second=PIECES)
def test_any_cutting_gives_the_same_text(new: Callable[[], TextFilter], first: list[str], second: list[str]) -> None:
    whole = through(new(), ["".join(first)], ["".join(second)])
    assert through(new(), first, second) == whole
    assert through(new(), "".join(first), "".join(second)) == whole


@given(st.recursive(st.none() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_comes_through_whole_whatever_stands_around_it(value: object) -> None:
    text = json.dumps({"value": value}, ensure_ascii=False)
    assert through(JsonOnly(), ["Here {it} [is]: ```json\n", text, "\n``` Enjoy {it}!"]) == [("TextDelta", text)]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["no json ", "at all"], [("TextDelta", "no json at all")]),
        ([" ", "\n"], []),
        (['{"a": "}', '\\"}"', "}", " done"], [("TextDelta", '{"a": "}\\"}"}')]),
        (['{"a": [1'], [("TextDelta", '{"a": [1')]),
    ],
)
def test_prose_around_json_is_dropped(pieces: list[str], expected: list[tuple[str, str]]) -> None:
    assert through(JsonOnly(), pieces) == expected


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["<thinking>a</thinking>\n\nb"], [("ReasoningDelta", "a"), ("TextDelta", "b")]),
        (["\n <thinking>a<b</thinking>"], [("ReasoningDelta", "a<b")]),
        (["<thinking></thinking>b"], [("TextDelta", "b")]),
        (["<thinking>never closed</think"], [("ReasoningDelta", "never closed</think")]),
        (["<thin"], [("TextDelta", "<thin")]),
        (["a <thinking>b</thinking>"], [("TextDelta", "a <thinking>b</thinking>")]),
        ([" "], [("TextDelta", " ")]),
    ],
)
def test_thoughts_between_tags_are_reasoning(pieces: list[str], expected: list[tuple[str, str]]) -> None:
    assert through(ThinkingTags(), pieces) == expected
    assert through(ThinkingTags(), "".join(pieces)) == expected


def test_the_thoughts_are_over_before_the_text_begins() -> None:
    events = ThinkingTags().feed("<thinking>a</thinking>b")
    assert events == [ReasoningDelta("a"), BlockStopped(), TextDelta("b")]


def test_each_block_may_begin_with_thoughts() -> None:
    blocks = ["<thinking>a</thinking>b", "<thinking>c</thinking>d"]
    assert [text for _, text in through(ThinkingTags(), *([block] for block in blocks))] == ["a", "b", "c", "d"]


def test_braces_in_a_thought_are_not_the_answer() -> None:
    text = '<thinking>I need {a}</thinking>{"a": 1}'
    assert through(Chain(ThinkingTags(), JsonOnly()), [text]) == [
        ("ReasoningDelta", "I need {a}"),
        ("TextDelta", '{"a": 1}'),
    ]


@pytest.mark.parametrize(
    ("text", "discard", "expected"),
    [("so: {}", False, "{}"), ("prose", False, "prose"), ("so: {}", True, ""), ("", False, "")],
)
def test_text_held_back_counts_only_if_no_tool_answered(text: str, discard: bool, expected: str) -> None:
    held = HeldBack()
    assert through(held, [text]) == []
    held.discard = discard
    assert "".join(said for _, said in folded(held.release())) == expected


def test_half_a_character_does_not_hide_the_json_of_an_answer() -> None:
    assert json_in(r'Here: {"a": "\ud83d"}.') == r'{"a": "\ud83d"}'
    assert unwrapped(r'{"value": ["\ud83d"]}', "value") == '["\ufffd"]'
