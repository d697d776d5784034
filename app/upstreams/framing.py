"""How the body of an HTTP response ends: by chunks, by its length, or with the connection (RFC 9112, 6.3). Pure.

`feed` takes bytes as they come and gives those of the body; `ended` says that it is complete; `close` is told that the
other side has closed, and raises where it should not have. `may_follow`: nothing came behind the end, so that the
connection can be used again.
"""

from __future__ import annotations

import http.client
import re
from typing import Protocol

MAX_TRAILER_BYTES = 65536
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;|\Z)")


class Framing(Protocol):
    ended: bool
    may_follow: bool

    def feed(self, raw: bytes) -> bytes: ...

    def close(self) -> None: ...


class Sized:
    """A body of `length` bytes."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.ended = length == 0
        self.may_follow = True

    def feed(self, raw: bytes) -> bytes:
        data = raw[: self._left]
        self._left -= len(data)
        self.ended = not self._left
        self.may_follow = len(data) == len(raw)
        return data

    def close(self) -> None:
        if not self.ended:
            raise http.client.IncompleteRead(b"", self._left)


class UntilClosed:
    """A body that ends with its connection, as HTTP/1.0 has it."""

    def __init__(self) -> None:
        self.ended = False
        self.may_follow = False

    def feed(self, raw: bytes) -> bytes:
        return raw

    def close(self) -> None:
        self.ended = True


class Chunked:
    """Chunked transfer coding, in pieces of any size (RFC 9112, 7.1). Extensions and trailers are passed over.

    The trailers together are limited to `MAX_TRAILER_BYTES`: a peer could otherwise send them without end.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._left = 0
        self._state = "size"
        self._trailer_bytes = 0
        self.ended = False
        self.may_follow = True

    def feed(self, raw: bytes) -> bytes:
        """The payload in `raw`. Raises HTTPException where the coding is broken."""
        out = bytearray()
        at, end = 0, len(raw)
        while at < end and not self.ended:
            if self._state == "data":
                taken = min(self._left, end - at)
                out += raw[at : at + taken]
                at += taken
                self._left -= taken
                if not self._left:
                    self._state = "gap"
                continue
            newline = raw.find(b"\n", at)
            self._line += raw[at : newline if newline >= 0 else end]
            if newline < 0:
                self._check_line()
                break
            at = newline + 1
            self._end_line()
        self.may_follow = at == end
        return bytes(out)

    def close(self) -> None:
        """The other side has closed. Raises IncompleteRead where that was in mid-body."""
        if not self.ended:
            raise http.client.IncompleteRead(b"")

    def _check_line(self) -> None:
        if len(self._line) > 65536:
            raise http.client.LineTooLong("chunk size")

    def _end_line(self) -> None:
        line = bytes(self._line).strip()
        self._line.clear()
        if self._state == "gap":
            if line:
                raise http.client.IncompleteRead(b"")
            self._state = "size"
        elif self._state == "trailer":
            self.ended = not line
            self._trailer_bytes += len(line) + 2
            if self._trailer_bytes > MAX_TRAILER_BYTES:
                raise http.client.LineTooLong("trailers")
        else:
            size = _CHUNK_SIZE.match(line)
            if size is None:
                raise http.client.IncompleteRead(b"")
            self._left = int(size[1], 16)
            self._state = "data" if self._left else "trailer"
