"""HTTP/1.1 on one connection: reads requests, and has their replies played one after the other."""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qsl

from local.emulator.messages import Reply, Request
from local.emulator.playback import Playback

_MAX_HEAD = 64 * 1024

Handler = Callable[[Request], Reply]


class BadRequest(Exception):
    """The bytes on the connection are no HTTP request."""


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests are answered in order, one at a time."""

    def __init__(self, handler: Handler, connections: set["Connection"]) -> None:
        self._handler = handler
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._playback: Playback | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio sets TCP_NODELAY on its own."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """A client that leaves in the middle of a reply is noted on that reply."""
        self._connections.discard(self)
        if self._playback is not None:
            self._playback.hang_up()
            self._playback = None

    def data_received(self, data: bytes) -> None:
        """Collects; answers as soon as a request is whole and the reply before it is finished."""
        self._buffer += data
        if self._playback is None:
            self._proceed()

    @property
    def unsent(self) -> int:
        """Bytes of replies that wait for the client to read."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def close(self) -> None:
        """Drops the connection without ceremony."""
        if self._transport is not None:
            self._transport.abort()

    def _proceed(self) -> None:
        assert self._transport is not None
        try:
            request = self._next_request()
        except (BadRequest, ValueError, IndexError, UnicodeDecodeError):
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self._transport.close()
            return
        if request is not None:
            self._play(request, self._handler(request))

    def _play(self, request: Request, reply: Reply) -> None:
        assert self._transport is not None
        keep_alive = request.headers.get("connection", "").lower() != "close"
        self._playback = Playback(self._loop, self._transport, reply, lambda: self._finished(keep_alive))
        self._playback.start()

    def _finished(self, keep_alive: bool) -> None:
        self._playback = None
        if not keep_alive and self._transport is not None:
            self._transport.close()
        elif self._buffer:
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        if self._playback is None and self._transport is not None and not self._transport.is_closing():
            self._proceed()

    def _next_request(self) -> Request | None:
        if self._head is None and not self._read_head():
            return None
        assert self._head is not None
        method, target, headers = self._head
        body = self._read_chunked() if "transfer-encoding" in headers else self._read_sized(headers)
        if body is None:
            return None
        self._head = None
        path, _, query = target.partition("?")
        return Request(method, path, dict(parse_qsl(query, keep_blank_values=True)), headers, body)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                raise BadRequest
            return False
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        method, target, _version = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        self._head = (method, target, headers)
        if headers.get("expect", "").lower() == "100-continue":
            assert self._transport is not None
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _read_sized(self, headers: dict[str, str]) -> bytes | None:
        length = int(headers.get("content-length", "0"))
        if length < 0:
            raise BadRequest
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _read_chunked(self) -> bytes | None:
        parts: list[bytes] = []
        position = 0
        while True:
            end = self._buffer.find(b"\r\n", position)
            if end < 0:
                return None
            size = int(self._buffer[position:end].split(b";")[0], 16)
            if size < 0:
                raise BadRequest
            following = end + 2 + size + 2
            if len(self._buffer) < following:
                return None
            if size == 0:
                del self._buffer[:following]
                return b"".join(parts)
            parts.append(bytes(self._buffer[end + 2 : end + 2 + size]))
            position = following
