"""A whole answer as bytes and back, for the response cache: the same events, in pieces that can be streamed again.

Packed JSON: `{"v": 1, "created": 1789, "model": "...", "target": [4 texts], "events": [[choice, kind, *fields], ...]}`.
Of each choice the events keep their order; choices that came interleaved come one run of text after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.events import (
    Batch,
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
from app.core.packing import MAX_RAW, packed, unpacked

VERSION = 1
PIECE = 200
"""Characters of a delta as it is streamed again."""
KEPT_REASONS = ("stop", "length", "tool_calls")
"""What was filtered is not kept: the filter may be changed by tomorrow."""
_LARGEST = 2**53

Item = tuple[int, Event]
_Delta = TextDelta | ReasoningDelta | ToolCallDelta


@dataclass(frozen=True, slots=True)
class Answer:
    """`created`: epoch seconds. `model`: the id as it is shown; `target`: model id, base id, region, priced id."""

    events: Sequence[Item]
    created: int = 0
    model: str = ""
    target: tuple[str, str, str, str] = ("", "", "", "")


class Recording:
    """Takes down the events of an answer. `Started` is left out: it belongs to one call of the model."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, list[Event]]] = []
        self._open: dict[int, list[Event]] = {}
        self._size = 0

    def note(self, choice: int, batch: Batch) -> None:
        if self._size > MAX_RAW:
            self._runs.clear()  # too much to be kept anyway
            self._open.clear()
            return
        for event in batch:
            if isinstance(event, Started):
                continue
            run = self._open.get(choice)
            if run is not None and _continues(event, run[0]):
                run.append(event)
            else:
                run = self._open[choice] = [event]
                self._runs.append((choice, run))
            self._size += len(_text(event)) if isinstance(event, _Delta) else 50

    def events(self, choices: int) -> list[Item] | None:
        """None where the answer is not whole, or was filtered, or is too long."""
        if self._size > MAX_RAW:
            return None
        found = [(choice, piece) for choice, run in self._runs for piece in _pieces(run)]
        return found if is_whole(found, choices) else None


def encode(answer: Answer) -> bytes | None:
    """None where it is too large to be kept."""
    return packed({
        "v": VERSION,
        "created": answer.created,
        "model": answer.model,
        "target": answer.target,
        "events": [[choice, *_fields(event)] for choice, event in answer.events],
    })  # fmt: skip


def decode(body: object, choices: int) -> Answer | None:
    """None for what is no whole answer with so many choices, whatever it is instead."""
    value = unpacked(body)
    if not isinstance(value, dict) or value.get("v") != VERSION or not isinstance(value.get("events"), list):
        return None
    try:
        created, model, target = value["created"], value["model"], value["target"]
        if not all(map(_fits, "isssss", (created, model, *target))):
            return None
        events = [_item(each) for each in value["events"]]
        model_id, base_id, region, priced_id = target
    except (TypeError, ValueError, KeyError):
        return None
    return Answer(events, created, model, (model_id, base_id, region, priced_id)) if is_whole(events, choices) else None


def is_whole(events: Sequence[Item], choices: int) -> bool:
    """Whether each choice has come to a good end, and no fragment belongs to a call that never began."""
    finished: set[int] = set()
    metered: set[int] = set()
    begun: set[tuple[int, int]] = set()
    for choice, event in events:
        match event:
            case ToolCallStarted(index):
                begun.add((choice, index))
            case ToolCallDelta(index) if (choice, index) not in begun:
                return False
            case Finished(reason) if reason in KEPT_REASONS and not event.malformed_calls:
                finished.add(choice)
            case Finished():
                return False
            case Metered() if event.known:  # the usage of an answer that is kept is what it saves later
                metered.add(choice)
    everyone = set(range(choices))
    return finished == everyone and metered == everyone and {choice for choice, _ in events} == everyone


def _text(event: _Delta) -> str:
    return event.arguments if isinstance(event, ToolCallDelta) else event.text


def _continues(event: Event, first: Event) -> bool:
    if type(event) is not type(first) or not isinstance(event, _Delta):
        return False
    return not isinstance(event, ToolCallDelta) or event.index == first.index  # type: ignore[union-attr]


def _pieces(run: Sequence[Event]) -> list[Event]:
    """A run of deltas as pieces of `PIECE` characters; other events are runs of one."""
    first = run[0]
    if not isinstance(first, _Delta):
        return [first]
    text = "".join(_text(event) for event in run if isinstance(event, _Delta))
    parts = [text[at : at + PIECE] for at in range(0, len(text), PIECE)] or [""]
    if isinstance(first, ToolCallDelta):
        return [ToolCallDelta(first.index, part) for part in parts]
    return [type(first)(part) for part in parts]


_KINDS: dict[str, tuple[type[Any], str]] = {
    "t": (TextDelta, "s"),
    "r": (ReasoningDelta, "s"),
    "s": (ReasoningSigned, "s"),
    "x": (ReasoningRedacted, "s"),
    "c": (ToolCallStarted, "iss"),
    "a": (ToolCallDelta, "is"),
    "q": (Cited, "sssiio"),
    "b": (BlockStopped, ""),
    "f": (Finished, "ssS"),
    "m": (Metered, "usIO"),
}
"""Kind -> the event and its fields: text, int, object, usage; in capitals where it may be null."""
_LETTERS = {
    event: (letter, tuple(event.__dataclass_fields__)[: len(types)]) for letter, (event, types) in _KINDS.items()
}
_TYPES: dict[str, type[Any]] = {"s": str, "i": int, "o": dict, "u": list}


def _fields(event: Event) -> list[Any]:
    letter, names = _LETTERS[type(event)]
    return [letter, *(_plain(getattr(event, name)) for name in names)]


def _plain(value: Any) -> Any:
    if isinstance(value, Usage):
        return [value.input, value.output, value.cache_read, value.cache_write, value.cache_write_1h, value.reasoning]
    return dict(value) if isinstance(value, Mapping) else value


def _item(value: Any) -> Item:
    """Raises TypeError, ValueError or KeyError for what is no event."""
    choice, letter, *given = value
    event, types = _KINDS[letter]
    if not _fits("i", choice) or len(given) != len(types) or not all(map(_fits, types, given)):
        raise ValueError
    return choice, event(*(Usage(*field) if kind == "u" else field for kind, field in zip(types, given, strict=True)))


def _fits(kind: str, value: object) -> bool:
    if value is None:
        return kind.isupper()
    kind = kind.lower()
    if not isinstance(value, _TYPES[kind]):
        return False
    if kind == "u":
        return isinstance(value, list) and len(value) == 6 and all(map(_fits, "iiiiiI", value))
    return kind != "i" or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST)
