"""Rehearses failures that a prompt asks for with markers; `local/README.md` lists them."""

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import NamedTuple

from local import eventstream
from local.behaviour.markers import Marker, Markers, number
from local.emulator.call import State
from local.emulator.errors import MESSAGE, AwsError, Invalid, standard_headers, whole_reply
from local.emulator.events import Event
from local.emulator.frames import frame_event, frame_exception
from local.emulator.messages import Act, Reply, Step

CONTEXT_OVERFLOW = "Input is too long for requested model."
_HTML = b"<html><body><h1>503 Service Unavailable</h1>No server is available to handle this request.</body></html>"


class _Strike(NamedTuple):
    """A failure within a stream: after how many content deltas, with which steps, and whether the stream ends."""

    after: int
    steps: tuple[Step, ...]
    ends: bool


def fail_before(markers: Markers, prompt_text: str, state: State, streaming: bool) -> Reply | None:
    """The reply of a failure that comes before any answer; raises AwsError for the ones that have an AWS name."""
    _fail_once(markers.get("fail-once"), prompt_text, state)
    if "html-503" in markers:
        return whole_reply(503, _HTML, {"Content-Type": "text/html"})
    if "hang" in markers and not (streaming and markers["hang"].after is not None):
        return Reply(200, standard_headers(), iter((Step(act=Act.HANG),)))
    if "context-overflow" in markers and not (streaming and "stream" in markers["context-overflow"].words):
        raise Invalid(CONTEXT_OVERFLOW)
    for name, code in (
        ("throttle", "ThrottlingException"),
        ("error", markers["error"].value if "error" in markers else ""),
    ):
        if name in markers and not (streaming and markers[name].after is not None):
            raise AwsError(code, _message(markers[name], code))
    return None


def rehearsed(events: Iterator[Event], markers: Markers, delay: float, random: Random | None) -> Iterator[Step]:
    """The steps of a stream, with the failures that its markers ask for."""
    strikes = _strikes(markers)
    passed = 0
    spoiled = markers["bad-crc"].after or 0 if "bad-crc" in markers else -1
    for event in _altered(events, markers):
        if event.is_token or event.type == "messageStop":
            due, strikes = _due(strikes, passed, everything=not event.is_token)
            for strike in due:
                yield from strike.steps
                if strike.ends:
                    return
        data = frame_event(event, random)
        if passed == spoiled and event.is_token:
            data = eventstream.spoil_crc(data)
        passed += event.is_token
        yield Step(data, delay if event.is_token else 0.0, 1)


def first_event_failure(markers: Markers) -> tuple[Step, ...]:
    """The single exception frame of a stream that fails as its first event; empty when none is asked for."""
    if "first-event-throttle" in markers:
        code = "ThrottlingException"
        return (Step(frame_exception(code, MESSAGE[code]), 0.0, 1),)
    if "context-overflow" in markers:
        return (Step(frame_exception("ValidationException", CONTEXT_OVERFLOW), 0.0, 1),)
    return ()


def token_delay(markers: Markers, default: float) -> float:
    """Seconds between tokens."""
    marker = markers.get("delay")
    return number(marker.value, default) if marker else default


def _fail_once(marker: Marker | None, prompt_text: str, state: State) -> None:
    """Fails the first `times` (1) requests with this prompt, and lets the later ones pass."""
    if marker is None:
        return
    key = f"{marker.value} {prompt_text}"
    failed = state.failures.get(key, 0)
    if failed < number(marker.options.get("times", ""), 1):
        state.failures[key] = failed + 1
        raise AwsError(marker.value or "ThrottlingException")


def _message(marker: Marker, code: str) -> str:
    return marker.options.get("message", "").replace("_", " ") or MESSAGE.get(code, code)


def _strikes(markers: Markers) -> list[_Strike]:
    makers: dict[str, Callable[[Marker], _Strike]] = {
        "throttle": lambda marker: _exception(marker, "ThrottlingException"),
        "error": lambda marker: _exception(marker, marker.value),
        "error-frame": _error_frame,
        "cut": lambda marker: _Strike(marker.after or 0, (Step(act=Act.CUT),), True),
        "hang": lambda marker: _Strike(marker.after or 0, (Step(act=Act.HANG),), True),
        "stall": lambda marker: _Strike(marker.after or 0, (Step(wait=number(marker.value, 1.0)),), False),
    }
    return [make(markers[name]) for name, make in makers.items() if name in markers]


def _exception(marker: Marker, code: str) -> _Strike:
    frame = frame_exception(code, _message(marker, code))
    return _Strike(marker.after or 0, (Step(frame, 0.0, 1),), True)


def _error_frame(marker: Marker) -> _Strike:
    frame = eventstream.encode_error(marker.value, _message(marker, marker.value))
    return _Strike(marker.after or 0, (Step(frame, 0.0, 1),), True)


def _due(strikes: list[_Strike], passed: int, everything: bool) -> tuple[list[_Strike], list[_Strike]]:
    """Strikes that are due and those that are not; at the end of a short answer the rest is due too."""
    due = [strike for strike in strikes if everything or strike.after <= passed]
    return due, [strike for strike in strikes if strike not in due]


def _altered(events: Iterable[Event], markers: Markers) -> Iterator[Event]:
    """Events left out (`no-stop`, `no-usage`) or strange ones put in (`unknown-event`)."""
    for event in events:
        if "no-stop" in markers and event.type in ("messageStop", "metadata"):
            return
        if "no-usage" in markers and event.type == "metadata":
            return
        yield event
        if "unknown-event" in markers and event.type == "messageStart":
            yield Event("somethingNew", {"what": "an event of a later service model"})
            yield Event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"somethingNew": {"a": 1}}})
