"""Frames out of bytes: as botocore reads them, however they are cut; damage is one exception, after what came before it."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from app.upstreams.eventstream import MAX_FRAME, BrokenStream, Frame, FrameDecoder
from local.eventstream import encode, encode_error, encode_exception, frame, header, spoil_crc

GOLDEN = bytes.fromhex(
    "0000007700000052abb5d36e0b3a6576656e742d7479706507000c6d65737361676553746172740d3a636f6e74656e742d747970650700106170"
    "706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22726f6c65223a2022617373697374616e74227d5b"
    "e0d2f5"
)
"""botocore's own bytes for `messageStart`."""

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
FRAMES = st.one_of(
    st.builds(encode, st.sampled_from(["contentBlockDelta", "messageStop"]), st.binary(max_size=60)),
    st.builds(encode_exception, st.sampled_from(["throttlingException"]), st.binary(max_size=30)),
    st.builds(encode_error, WORDS, WORDS),
)


def decoded(pieces: Iterable[bytes]) -> list[Frame]:
    decoder = FrameDecoder()
    return [found for piece in pieces for found in decoder.feed(piece)]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def as_botocore_reads(data: bytes) -> list[Frame]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    frames = []
    for message in buffer:
        headers = message.headers
        kind = headers[":message-type"]
        if kind == "error":
            frames.append(Frame(kind, headers[":error-code"], message.payload, headers[":error-message"]))
        else:
            name = headers[":exception-type" if kind == "exception" else ":event-type"]
            frames.append(Frame(kind, name, message.payload))
    return frames


def test_the_golden_frame_is_read() -> None:
    assert decoded([GOLDEN]) == [Frame("event", "messageStart", b'{"role": "assistant"}')]


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(0, 10_000), max_size=12))
def test_any_cut_gives_the_frames_that_botocore_reads(frames: list[bytes], places: list[int]) -> None:
    data = b"".join(frames)
    assert decoded(cut(data, places)) == as_botocore_reads(data)


@given(
    st.lists(FRAMES, min_size=1, max_size=4), st.integers(0, 10_000), st.integers(1, 255), st.lists(st.integers(0, 999))
)
def test_a_flipped_byte_is_a_broken_stream_and_nothing_else(
    frames: list[bytes], place: int, flip: int, places: list[int]
) -> None:
    data = bytearray(b"".join(frames))
    place %= len(data)
    data[place] ^= flip
    sizes = [len(one) for one in frames]
    before = next(count for count in range(len(frames)) if sum(sizes[: count + 1]) > place)
    decoder, kept = FrameDecoder(), list[Frame]()
    with contextlib.suppress(BrokenStream):
        for piece in cut(bytes(data), places):
            kept.extend(decoder.feed(piece))
    # Broken, or waiting for the rest of a frame whose length grew.
    assert decoder.pending
    assert kept == as_botocore_reads(b"".join(frames[:before]))


@given(st.binary(max_size=200))
def test_noise_is_a_broken_stream_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(BrokenStream):
        decoded([data])


def test_what_came_before_the_damage_in_one_read_is_not_lost() -> None:
    feed = FrameDecoder().feed(GOLDEN + spoil_crc(GOLDEN))
    assert next(feed).name == "messageStart"
    with pytest.raises(BrokenStream, match="checksum"):
        next(feed)


def test_a_decoder_tells_whether_it_waits_for_more() -> None:
    decoder = FrameDecoder()
    states = [decoder.pending]
    for piece in (GOLDEN[:50], GOLDEN[50:]):
        list(decoder.feed(piece))
        states.append(decoder.pending)
    assert states == [False, True, False]


def prelude(total: int, headers: int) -> bytes:
    start = struct.pack("!II", total, headers)
    return start + struct.pack("!I", crc32(start)) + bytes(8)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (prelude(MAX_FRAME + 1, 0), "impossible length"),
        (prelude(15, 0), "impossible length"),
        (prelude(100, 90), "impossible length"),
        (struct.pack("!III", 20, 0, 0) + bytes(8), "prelude"),
        (spoil_crc(GOLDEN), "wrong checksum"),
        (frame(b"\x05:even", b""), "can't be read"),
        (frame(b"\x01a\x07\x00", b""), "can't be read"),
        (frame(b"\x01a\x07\x00\x05abc", b""), "cut off"),
        (frame(b"\x01a\x0a\x00\x00", b""), "unknown type"),
        (frame(b"\x01\xff\x07\x00\x01a", b""), "can't be read"),
    ],
)
def test_damage_is_named(data: bytes, complaint: str) -> None:
    with pytest.raises(BrokenStream, match=complaint):
        decoded([data])


def test_headers_that_are_no_text_are_passed_over() -> None:
    sizes = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    fixed = b"".join(b"\x01" + bytes([65 + kind]) + bytes([kind]) + bytes(size) for kind, size in sizes.items())
    block = fixed + b"\x01z\x06\x00\x03abc" + header(":event-type", "messageStop") + header(":message-type", "event")
    assert decoded([frame(block, b"{}")]) == [Frame("event", "messageStop", b"{}")]


def test_errors_are_read_each_for_itself() -> None:
    data = encode_error("a", "first") + encode_error("a", "second")
    assert [found.text for found in decoded([data])] == ["first", "second"]
