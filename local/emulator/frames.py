"""Frames events, and cuts the bytes of a stream at boundaries of its own choosing."""

import json
from collections.abc import Callable, Iterator
from random import Random

from local import eventstream
from local.emulator.events import Event
from local.emulator.messages import Step

_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_LARGEST_CHUNK = 400
_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def frame_event(event: Event, random: Random | None) -> bytes:
    """One event as a frame; `random` adds the padding key `p` that real frames carry, None leaves it out."""
    text = _encode_json(event.payload)
    if random is not None:
        joint = "," if event.payload else ""
        text = f'{text[:-1]}{joint}"p":"{_PADDING[: int(random.random() * 62)]}"}}'
    return eventstream.encode(event.type, text.encode("utf-8", "replace"))


def frame_exception(code: str, message: str) -> bytes:
    """A modelled exception: AWS's error name becomes lowerCamel, as the member of the stream's union is."""
    name = code[:1].lower() + code[1:]
    return eventstream.encode_exception(name, _encode_json({"message": message}).encode("utf-8", "replace"))


def paced(events: Iterator[Event], delay: float, random: Random | None) -> Iterator[Step]:
    """Steps of a stream, `delay` seconds before each token; lazily, so that no stream is framed ahead of its time."""
    for event in events:
        yield Step(frame_event(event, random), delay if event.is_token else 0.0, 1)


def chopper(random: Random) -> Callable[[bytes], list[bytes]]:
    """Splits a run of frames into chunks of random length, without regard to where frames end."""

    def chop(data: bytes) -> list[bytes]:
        chunks: list[bytes] = []
        start = 0
        while start < len(data):
            length = 1 + int(random.random() * _LARGEST_CHUNK)
            chunks.append(data[start : start + length])
            start += length
        return chunks

    return chop
