"""Decoder of `application/vnd.amazon.eventstream`, the framing of every Bedrock stream.

Takes bytes as they come off the socket and gives whole messages: `(message_type, name, payload)` where `message_type` is
`event`, `exception` or `error` and `name` the event, exception or error-code name. Checks both CRCs. Written here and
not taken from botocore because this is the hot path: the header block of a kind of event never changes, so it is parsed
once per kind and looked up afterwards (measured against `botocore.eventstream` in `bench/`).

Frame (botocore/eventstream.py, checked 2026-11): total u32 | headers u32 | crc32 of those 8 bytes | headers | payload |
crc32 of all before. Header: name length u8 | name | type u8 | value (type 7, string: u16 length | bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

_PRELUDE = struct.Struct("!III")
_U32 = struct.Struct("!I")
_U16 = struct.Struct("!H")
_OVERHEAD = 16
_FIXED_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_SIZED = (6, 7)
MAX_FRAME = 24 * 1024 * 1024 + 128 * 1024 + _OVERHEAD


class BrokenStream(Exception):
    """The bytes are not a valid event stream: a wrong checksum, an absurd length, a header that can't be read."""


class Frame(NamedTuple):
    """`payload` is the event's JSON; for `error` messages `name` is the code and `text` the message."""

    message_type: str
    name: str
    payload: bytes
    text: str = ""


class FrameDecoder:
    """Feed it bytes in pieces of any size; iterate over the frames that are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._kinds: dict[bytes, tuple[str, str, str]] = {}

    @property
    def pending(self) -> bool:
        """Whether bytes of an unfinished frame are waiting."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames completed by `data`. The iterator raises BrokenStream once it has given what came before."""
        buffer = self._buffer
        buffer += data
        start, available = 0, len(buffer)
        frames: list[Frame] = []
        broken: BrokenStream | None = None
        with memoryview(buffer) as view:
            try:
                while available - start >= _OVERHEAD:
                    total, headers_length, prelude_crc = _PRELUDE.unpack_from(view, start)
                    if total < _OVERHEAD + headers_length or total > MAX_FRAME:
                        raise BrokenStream("a frame has an impossible length")
                    if crc32(view[start : start + 8]) != prelude_crc:
                        raise BrokenStream("a frame's prelude has a wrong checksum")
                    if available - start < total:
                        break
                    frames.append(self._frame(view[start : start + total], 12 + headers_length))
                    start += total
            except BrokenStream as problem:
                broken = problem.with_traceback(None)  # which holds the buffer
        if start:
            del buffer[:start]
        return _given(frames, broken)

    def _frame(self, frame: memoryview, payload_start: int) -> Frame:
        if crc32(frame[:-4]) != _U32.unpack_from(frame, len(frame) - 4)[0]:
            raise BrokenStream("a frame has a wrong checksum")
        headers = frame[12:payload_start].tobytes()
        kind = self._kinds.get(headers)
        if kind is None:
            kind = _kind(_headers(headers))
            if kind[0] != "error":
                self._kinds[headers] = kind
        return Frame(kind[0], kind[1], frame[payload_start:-4].tobytes(), kind[2])


def _given(frames: list[Frame], broken: BrokenStream | None) -> Iterator[Frame]:
    """What came whole before the damage is given first: how the bytes were cut makes no difference."""
    yield from frames
    if broken is not None:
        raise broken


def _kind(headers: dict[str, str]) -> tuple[str, str, str]:
    message_type = headers.get(":message-type", "event")
    if message_type == "error":
        return message_type, headers.get(":error-code", ""), headers.get(":error-message", "")
    return message_type, headers.get(":exception-type" if message_type == "exception" else ":event-type", ""), ""


def _headers(block: bytes) -> dict[str, str]:
    """The string headers of a block; values of other types are passed over."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(block):
            name_end = at + 1 + block[at]
            name, value_type = block[at + 1 : name_end].decode(), block[name_end]
            at = name_end + 1
            if value_type in _FIXED_SIZES:
                at += _FIXED_SIZES[value_type]
                continue
            if value_type not in _SIZED:
                raise BrokenStream("a frame has a header of an unknown type")
            (length,) = _U16.unpack_from(block, at)
            if value_type == 7:
                found[name] = block[at + 2 : at + 2 + length].decode()
            at += 2 + length
    except (IndexError, struct.error, UnicodeDecodeError) as problem:
        raise BrokenStream("a frame's headers can't be read") from problem
    if at != len(block):
        raise BrokenStream("a frame's headers are cut off")
    return found
