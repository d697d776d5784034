"""Request bodies with a `Content-Encoding`: gzip, deflate, and zstd where Python has it (3.14).

    Content-Encoding: gzip, zstd   ->   undone from the last coding to the first, each within the limit of a body

A small body may inflate a thousandfold, so output is limited while it is made and never measured afterwards. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Protocol

from app.errors import InvalidRequest, UnsupportedMediaType
from app.web.body import too_large

MAX_CODINGS = 4
"""Each one costs a pass over the body; clients use one."""
MAX_MEMBERS = 1000
"""Members of gzip or frames of zstd that may follow one another; each costs a decoder of its own."""
_PIECE = 16 * 1024
"""Bytes that a decoder gets at once. It copies what lies behind the end of a member."""
_ZSTD_WINDOW_LOG = 23
"""8 MB of history, which is what RFC 9659 lets senders of `Content-Encoding: zstd` expect."""
_ZLIB, _GZIP, _RAW = zlib.MAX_WBITS, zlib.MAX_WBITS | 16, -zlib.MAX_WBITS


class _Decoder(Protocol):
    """What the decoders of zlib and of `compression.zstd` have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def codings_of(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """The codings in the order in which they were applied. Raises UnsupportedMediaType for one that is unknown."""
    values = [value.decode("latin-1") for name, value in headers if name.lower() == b"content-encoding"]
    if not values:
        return ()
    named = [coding.strip().lower().removeprefix("x-") for coding in ",".join(values).split(",")]
    codings = tuple(coding for coding in named if coding not in ("", "identity"))
    known = supported_codings()
    unknown = next((coding for coding in codings if coding not in known), None)
    if unknown is not None:
        raise UnsupportedMediaType(
            f"The Content-Encoding {unknown[:40]!r} of the request body is not supported; use {', '.join(known)} or none.",
            param="Content-Encoding",
        )
    if len(codings) > MAX_CODINGS:
        raise UnsupportedMediaType(
            f"The Content-Encoding header names more than {MAX_CODINGS} codings.", param="Content-Encoding"
        )
    return codings


def supported_codings() -> tuple[str, ...]:
    return ("gzip", "deflate", "zstd") if _zstd() else ("gzip", "deflate")


def decode_body(body: bytes, codings: Iterable[str], limit: int) -> bytes:
    """The body without its codings. Raises TooLarge beyond `limit` bytes, InvalidRequest for what is no such data."""
    for coding in reversed(tuple(codings)):
        if body:
            body = _inflate(body, coding, limit)
    return body


def _inflate(body: bytes, coding: str, limit: int) -> bytes:
    make, error = _decoder_factory(coding, body)
    decoder, members = make(), 1
    pieces: list[bytes] = []
    size = 0
    view = memoryview(body)
    for start in range(0, len(view), _PIECE):
        data = bytes(view[start : start + _PIECE])
        while data:
            if decoder.eof:
                if members == MAX_MEMBERS:
                    raise _malformed(coding)
                decoder, members = make(), members + 1
            try:
                piece = decoder.decompress(data, limit - size + 1)
            except error:
                raise _malformed(coding) from None
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            pieces.append(piece)
            data = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise _malformed(coding)
    return b"".join(pieces)


def _decoder_factory(coding: str, body: bytes) -> tuple[Callable[[], _Decoder], type[Exception]]:
    """What makes a decoder for one member, and what such a decoder raises."""
    if coding == "zstd":
        zstd = _zstd()
        options = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError
    bits = _GZIP if coding == "gzip" else _ZLIB if _has_zlib_header(body) else _RAW
    return lambda: zlib.decompressobj(bits), zlib.error


def _has_zlib_header(body: bytes) -> bool:
    """`deflate` means zlib's format (RFC 9110, 8.4.1.2); some clients send the bare stream instead."""
    return len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _malformed(coding: str) -> InvalidRequest:
    return InvalidRequest(
        f"The request body is not valid {coding} data, as its Content-Encoding header declares.",
        code="invalid_content_encoding",
        param="Content-Encoding",
    )


def _zstd() -> Any:
    try:
        return import_module("compression.zstd")
    except ImportError:  # before Python 3.14, or a build of it without the library
        return None
