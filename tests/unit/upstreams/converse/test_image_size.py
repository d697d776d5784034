"""Width and height by the first bytes, for the four formats that Bedrock takes; and what is said where they are too large."""

from __future__ import annotations

import struct
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.prompt import Blob, Media, Message, Text
from app.errors import InvalidRequest
from app.upstreams.converse.image_size import MAX_SEGMENTS, dimensions
from app.upstreams.converse.request import to_body
from tests.contract.words import png
from tests.unit.upstreams.converse.histories import NOVA_PRO, SONNET_45
from tests.unit.upstreams.converse.planning import plan


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(width: int, height: int) -> bytes:
    """With metadata, a table that looks like a frame, and a filler byte before the real one."""
    frame = segment(0xC2, struct.pack(">BHHB", 8, height, width, 3))
    return b"\xff\xd8" + segment(0xE1, b"Exif" * 200) + segment(0xC4, b"\x00" * 20) + b"\xff" + frame


def webp(kind: bytes, data: bytes) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBP" + kind + struct.pack("<I", len(data)) + data


IMAGES = {
    "png": png(300, 20),
    "gif": b"GIF89a" + struct.pack("<HH", 300, 20),
    "jpeg": jpeg(300, 20),
    "webp lossy": webp(b"VP8 ", bytes(6) + struct.pack("<HH", 300 | 0x4000, 20)),
    "webp lossless": webp(b"VP8L", b"\x2f" + ((299) | (19 << 14)).to_bytes(4, "little") + bytes(5)),
    "webp extended": webp(b"VP8X", bytes(4) + (299).to_bytes(3, "little") + (19).to_bytes(3, "little")),
}


def sides(image: bytes) -> tuple[int, int] | None:
    return dimensions(b64encode(image).decode())


@pytest.mark.parametrize("name", IMAGES)
def test_the_sides_are_read_from_the_head(name: str) -> None:
    assert sides(IMAGES[name]) == (300, 20)


@pytest.mark.parametrize("metadata", [1, 2, 3, 4])
def test_a_photographs_frame_behind_long_metadata_is_found(metadata: int) -> None:
    before = b"".join(segment(0xE2, bytes(65_530 + place)) for place in range(metadata))
    assert sides(b"\xff\xd8" + before + jpeg(9000, 20)[2:]) == (9000, 20)


def test_the_segments_that_are_looked_at_are_bounded() -> None:
    assert sides(b"\xff\xd8" + segment(0xE1, b"") * (MAX_SEGMENTS - 1) + segment(0xC0, bytes(6))) == (0, 0)
    assert sides(b"\xff\xd8" + segment(0xE1, b"") * MAX_SEGMENTS + segment(0xC0, bytes(6))) is None


@given(st.sampled_from([*IMAGES.values()]), st.integers(0, 900), st.binary(max_size=30))
def test_half_a_head_or_a_broken_one_is_read_as_far_as_it_goes(image: bytes, length: int, tail: bytes) -> None:
    found = sides(image[:length] + tail)
    assert found is None or len(found) == 2


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-1.7",
        webp(b"VP8?", bytes(10)),
        webp(b"VP8 ", bytes(9)),
        b"\xff\xd8\xff\xe1\xff\xff",
    ],
)
def test_what_says_nothing_is_unknown(head: bytes) -> None:
    assert sides(head) is None


def images(count: int, *, width: int, optional: bool = False) -> list[Media]:
    def image(number: int, width: int) -> Media:
        data = png(width, 1)
        return Media("image", Blob(b64encode(data).decode(), len(data)), param=f"p{number}", optional=optional)

    return [image(0, width), *(image(number, 3) for number in range(1, count))]


def body(model: str, parts: list[Media]) -> list[dict[str, object]]:
    made, _ = to_body(plan(model, Message("user", (*parts, Text("Which?")))))
    content: list[dict[str, object]] = made["messages"][0]["content"]
    return content


@pytest.mark.parametrize(
    ("model", "count", "width", "rule"),
    [
        (SONNET_45, 21, 2001, "2001 x 1 pixels. Each side may have at most 2000 pixels in a request with more than 20 images."),
        (SONNET_45, 20, 8001, "8001 x 1 pixels. Each side may have at most 8000 pixels."),
        (NOVA_PRO, 21, 8001, "8001 x 1 pixels. Each side may have at most 8000 pixels in a request with more than 20 images."),
    ],
)  # fmt: skip
def test_an_image_that_is_too_large_is_named_with_the_rule(model: str, count: int, width: int, rule: str) -> None:
    with pytest.raises(InvalidRequest, match=rule) as caught:
        body(model, images(count, width=width))
    assert (caught.value.param, caught.value.code) == ("p0", "image_too_large")


@pytest.mark.parametrize(
    ("model", "count", "width"), [(SONNET_45, 20, 2001), (SONNET_45, 21, 2000), (NOVA_PRO, 21, 2001)]
)
def test_an_image_within_the_rule_goes_out(model: str, count: int, width: int) -> None:
    assert "image" in body(model, images(count, width=width))[0]


def test_an_image_of_an_older_turn_that_is_too_large_becomes_a_placeholder() -> None:
    assert "image omitted" in str(body(SONNET_45, images(21, width=2001, optional=True))[0])
