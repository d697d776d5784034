"""The head and the framing of an HTTP/1.1 answer, taken out of a buffer that grows (RFC 9112, 6). Pure."""

from __future__ import annotations

MAX_HEAD = 64 * 1024
"""Bytes of a head, and of trailers."""


class Head:
    """Status and framing of an answer (RFC 9112, 6.3). Raises ValueError for what is none."""

    def __init__(self, head: bytes, *, bodiless: bool) -> None:
        first, *lines = head.split(b"\r\n")
        version, _, rest = first.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise ValueError("not an HTTP answer")
        self.status = int(rest[:3])
        length, self._chunked, connection = None, False, b""
        for line in lines:
            name, _, value = line.partition(b":")
            match name.lower():
                case b"content-length":
                    length = _whole(value.strip(), 10)
                case b"transfer-encoding":
                    self._chunked = b"chunked" in value.lower()
                case b"connection":
                    connection = value.lower()
        self._length = 0 if bodiless else length
        self._chunks = _Chunks()
        ends = self._chunked or self._length is not None
        self.keeps = ends and b"close" not in connection and (version == b"HTTP/1.1" or b"keep-alive" in connection)

    def body(self, buffer: bytearray, *, ended: bool) -> bytes | None:
        """The body, once it is complete, taken out of `buffer`."""
        if self._chunked:
            return self._chunks.taken_from(buffer)
        if self._length is None:
            return bytes(buffer) if ended else None
        if len(buffer) < self._length:
            return None
        body = bytes(buffer[: self._length])
        del buffer[: self._length]
        return body


class _Chunks:
    """The payload of a chunked body. Each chunk is read once, however many pieces the body arrives in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._last = False

    def taken_from(self, buffer: bytearray) -> bytes | None:
        """Takes complete chunks out of `buffer`. Returns the payload once the last one and its trailers are there."""
        at = 0
        while not self._last and (end := self._chunk(buffer, at)):
            at = end
        del buffer[:at]
        if not self._last:
            return None
        # Trailers, or a blank line at once: the line feed of the last size stands before it.
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > MAX_HEAD:
                raise ValueError("trailers that do not end")
            return None
        del buffer[: end + 4]
        return b"".join(self._parts)

    def _chunk(self, buffer: bytearray, at: int) -> int:
        """Where the chunk that begins at `at` ends, 0 where it is not complete."""
        line = buffer.find(b"\r\n", at)
        if line < 0:
            return 0
        size = _whole(bytes(buffer[at:line]).partition(b";")[0].strip(), 16)
        if not size:
            self._last = True
            return line
        begin = line + 2
        if len(buffer) < begin + size + 2:
            return 0
        self._parts.append(bytes(buffer[begin : begin + size]))
        return begin + size + 2


def _whole(digits: bytes, base: int) -> int:
    """Digits and nothing else: `int` would also take signs, underscores and whatever is long enough to take a while."""
    if not digits.isalnum() or len(digits) > 16:
        raise ValueError("not a length")
    return int(digits, base)
