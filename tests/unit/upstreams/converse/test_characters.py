"""Characters that are split between two deltas arrive whole, wherever they were split."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import Event, ReasoningDelta, TextDelta
from app.core.json_values import well_formed
from app.upstreams.converse.characters import CharacterJoiner
from app.upstreams.converse.reply import ReplyMachine
from tests.unit.upstreams.converse.histories import SONNET_45
from tests.unit.upstreams.converse.planning import plan

HIGH, LOW = "\ud83d", "\ude00"
THOUGHT = ("reasoningContent", "text")
STOP = ("contentBlockStop", {"contentBlockIndex": 0})
END = ("messageStop", {"stopReason": "end_turn"})


def delta(text: Any, index: int = 0, *path: str) -> tuple[str, dict[str, Any]]:
    value = text
    for step in reversed(path or ("text",)):
        value = {step: value}
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": value}


def joined(*frames: tuple[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """What a machine is fed."""
    fed: list[tuple[str, dict[str, Any]]] = []

    def feed(name: str, event: dict[str, Any]) -> list[Event]:
        fed.append((name, event))
        return []

    joiner = CharacterJoiner(feed)
    for name, event in frames:
        assert joiner.feed(name, event) == []
    return fed


@pytest.mark.parametrize("path", [("text",), ("toolUse", "input"), ("reasoningContent", "text")])
def test_a_character_split_between_two_deltas_arrives_whole(path: tuple[str, ...]) -> None:
    fed = joined(delta("a" + HIGH, 0, *path), delta(LOW + "b", 0, *path), STOP)
    assert fed == [delta("a", 0, *path), delta("\U0001f600b", 0, *path), STOP]


@pytest.mark.parametrize(
    ("frames", "fed"),
    [
        ([delta(HIGH), delta("b")], [delta("\ufffdb")]),
        ([delta(LOW + "b")], [delta("\ufffdb")]),
        ([delta(HIGH), STOP], [delta("\ufffd"), STOP]),
        ([delta(HIGH), END], [delta("\ufffd"), END]),
        ([delta(HIGH), delta("b", 1)], [delta("\ufffd"), delta("b", 1)]),
        ([delta(HIGH), delta(LOW, 0, *THOUGHT)], [delta("\ufffd"), delta("\ufffd", 0, *THOUGHT)]),
        ([delta({"title": HIGH}, 0, "citation")], [delta({"title": "\ufffd"}, 0, "citation")]),
        ([("contentBlockDelta", {"delta": None})], [("contentBlockDelta", {"delta": None})]),
    ],
)  # fmt: skip
def test_half_a_character_alone_becomes_a_replacement_character(frames: Any, fed: Any) -> None:
    assert joined(*frames) == fed


def test_calls_that_come_interleaved_keep_their_halves_apart() -> None:
    path = ("toolUse", "input")
    start = ("contentBlockStart", {"contentBlockIndex": 1})
    fed = joined(delta(HIGH, 0, *path), start, delta("x", 1, *path), delta(LOW, 0, *path), END)
    assert fed == [start, delta("x", 1, *path), delta("\U0001f600", 0, *path), END]
    assert joined(delta(HIGH, 0, *path), END) == [delta("\ufffd", 0, *path), END]


@given(st.lists(st.text(st.sampled_from(["a", HIGH, LOW, "\U0001f600"]))))
def test_wherever_a_text_is_cut_the_client_gets_the_same(pieces: list[str]) -> None:
    machine = ReplyMachine(plan(SONNET_45))
    joiner = CharacterJoiner(machine.feed)
    events = [event for piece in pieces for event in joiner.feed(*delta(piece))]
    events += joiner.feed(*STOP)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == well_formed("".join(pieces))
    json.dumps([event.text for event in events if isinstance(event, TextDelta | ReasoningDelta)]).encode()
