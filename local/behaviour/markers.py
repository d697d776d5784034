"""Reads rehearsal markers such as `[[emulate: throttle after=3]]` out of a prompt."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_LARGEST = 100_000
_MARKER = re.compile(r"\[\[emulate:\s*((?:[^\]]|\](?!\]))*)\]\]")
_CALL = re.compile(r"call=(\S+)\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Marker:
    """One marker: its name, the value of `name=value` if it has one, its options, and the words without a value."""

    name: str
    value: str = ""
    options: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    @property
    def after(self) -> int | None:
        """After how many content deltas it strikes; None without `after=`."""
        return int(number(self.options["after"], 0)) if "after" in self.options else None


Markers = dict[str, Marker]


class CallDirective(NamedTuple):
    """`[[emulate: call=NAME {"argument": "value"}]]`; `arguments` is None where the directive has none."""

    name: str
    arguments: Any


def read(*texts: str) -> Markers:
    """All markers of the texts by name; the last of a name wins."""
    found: Markers = {}
    for text in texts:
        if "[[emulate:" in text:
            for match in _MARKER.finditer(text):
                marker = _parse(match[1])
                found[marker.name] = marker
    return found


def call_directives(text: str) -> list[CallDirective]:
    """The tool calls that a text asks for, in order."""
    if "[[emulate:" not in text:
        return []
    found = (_CALL.fullmatch(match[1].strip()) for match in _MARKER.finditer(text))
    return [CallDirective(match[1], _arguments(match[2])) for match in found if match]


def _arguments(text: str) -> Any:
    """The JSON value of a call directive; malformed JSON reads as no arguments at all, so that nothing is guessed."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return {}


def strip(text: str) -> str:
    """The text without its markers."""
    return _MARKER.sub("", text).strip() if "[[emulate:" in text else text


def number(text: str, default: float) -> float:
    """A text as a number from 0 up; `default` when it is none that can be waited for or counted."""
    try:
        value = float(text)
    except ValueError:
        return default
    return value if 0 <= value <= _LARGEST else default


def _parse(inside: str) -> Marker:
    name, value = "", ""
    options: dict[str, str] = {}
    words: list[str] = []
    for position, word in enumerate(inside.split()):
        key, separator, setting = word.partition("=")
        if position == 0:
            name, value = key, setting
        if separator:
            options[key] = setting
        elif position:
            words.append(word)
    return Marker(name, value, options, tuple(words))
