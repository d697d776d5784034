"""Reads recordings when the measuring is over: status, body, and when each piece of text came."""

from __future__ import annotations

import json
from bisect import bisect_left
from typing import Any, NamedTuple

from bench.wire import Recording


class Delta(NamedTuple):
    """A piece of content, and when its last byte came (seconds of `time.perf_counter`)."""

    at: float
    text: str


def status(recording: Recording) -> int:
    return int(bytes(recording.raw[9:12]))


def body(recording: Recording) -> bytes:
    return _unwrapped(recording)[0]


def deltas(recording: Recording) -> list[Delta]:
    """The text deltas of a stream (of chat completion chunks, of a response, of a message); blank ones are left out."""
    data, places = _unwrapped(recording)
    found: list[Delta] = []
    at = 0
    for frame in data.split(b"\n\n"):
        at += len(frame) + 2
        _, _, told = frame.partition(b"data: ")
        if not told or told == b"[DONE]":
            continue
        for text in _texts(json.loads(told)):
            found.append(Delta(_time_of(recording, _raw_place(places, min(at, len(data)))), text))
    return found


def _texts(event: dict[str, Any]) -> list[str]:
    kind = event.get("type")
    if kind == "response.output_text.delta":
        return [event["delta"]]
    if kind == "content_block_delta":
        return [text for text in [event["delta"].get("text")] if text]
    texts = (choice.get("delta", {}).get("content") for choice in event.get("choices", ()))
    return [text for text in texts if text]


def marks(recording: Recording, mark: bytes) -> list[float]:
    """When each `mark` in the raw bytes came."""
    found: list[float] = []
    place = recording.raw.find(mark)
    while place >= 0:
        found.append(_time_of(recording, place + len(mark)))
        place = recording.raw.find(mark, place + 1)
    return found


def _unwrapped(recording: Recording) -> tuple[bytes, list[tuple[int, int]]]:
    """The body without its transfer coding, and for the end of each chunk its place in the body and in the raw bytes."""
    raw = bytes(recording.raw)
    at = raw.find(b"\r\n\r\n") + 4
    if b"\ntransfer-encoding:" not in raw[:at].lower():
        return raw[at:], [(len(raw) - at, len(raw))]
    parts: list[bytes] = []
    places: list[tuple[int, int]] = []
    size_so_far = 0
    while True:
        line_end = raw.index(b"\r\n", at)
        size = int(raw[at:line_end].split(b";")[0], 16)
        if not size:
            return b"".join(parts), places
        at = line_end + 2 + size
        parts.append(raw[line_end + 2 : at])
        size_so_far += size
        places.append((size_so_far, at))
        at += 2


def _raw_place(places: list[tuple[int, int]], place: int) -> int:
    """Where a place in the body is in the raw bytes."""
    end, raw_end = places[bisect_left(places, (place, 0))]
    return raw_end - (end - place)


def _time_of(recording: Recording, raw_place: int) -> float:
    return recording.arrivals[bisect_left(recording.arrivals, raw_place, key=lambda arrival: arrival[1])][0]
