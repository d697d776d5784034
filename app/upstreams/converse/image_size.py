"""Width and height of an image by its first bytes. Pure."""

from __future__ import annotations

import struct
from base64 import b64decode

HEAD_BYTES = 48
"""Enough for every format but JPEG, whose frame stands behind metadata of any length."""
MAX_SEGMENTS = 1000
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""Markers among those of JPEG's frames that begin none."""


def dimensions(base64: str) -> tuple[int, int] | None:
    """In pixels; None where the bytes do not say. Of a long image little more is decoded than what is read."""
    head = _bytes(base64, 0, HEAD_BYTES)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _unpacked(">II", head[16:24])
    if head.startswith(b"GIF8"):
        return _unpacked("<HH", head[6:10])
    if head.startswith(b"\xff\xd8"):
        return _jpeg(base64)
    return _webp(head) if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def _bytes(base64: str, start: int, count: int) -> bytes:
    """The bytes from `start` on, out of clean base64: every 4 characters are 3 bytes."""
    skipped = start % 3
    first = (start - skipped) // 3 * 4
    return b64decode(base64[first : first + (skipped + count + 2) // 3 * 4])[skipped : skipped + count]


def _unpacked(form: str, data: bytes) -> tuple[int, int] | None:
    if len(data) < struct.calcsize(form):
        return None
    width, height = struct.unpack(form, data)
    return width, height


def _jpeg(base64: str) -> tuple[int, int] | None:
    """The frame header behind the segments of metadata, each of which says its length (ITU T.81, annex B)."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        head = _bytes(base64, at, 9)
        if len(head) < 4 or head[0] != 0xFF:
            return None
        marker = head[1]
        if marker == 0xFF:  # filler
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            size = _unpacked(">HH", head[5:9])
            return size and (size[1], size[0])
        else:
            at += 2 + max(2, int.from_bytes(head[2:4], "big"))
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    """Google's container specification: the lossy, the lossless and the extended format."""
    kind, data = head[12:16], head[20:30]
    if len(data) < 10:
        return None
    if kind == b"VP8 ":
        size = _unpacked("<HH", data[6:10])
        return size and (size[0] & 0x3FFF, size[1] & 0x3FFF)
    if kind == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    return None
