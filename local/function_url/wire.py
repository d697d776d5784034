"""HTTP/1.1 as both sides of the harness need it: bodies read as they arrive, and nothing that waits for a delayed ACK."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

HEAD_LIMIT = 64 * 1024
PIECE = 64 * 1024
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

Headers = list[tuple[str, str]]
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class BadRequest(Exception):
    """The bytes on the connection are no HTTP request, or they end in the middle of one."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. Header names are in lower case, in the order in which they came."""

    method: str
    target: str
    version: str
    headers: Headers

    def get(self, name: str) -> str | None:
        """The values of one header, joined by commas as RFC 9110 allows; None without it."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    @property
    def keeps_alive(self) -> bool:
        said = (self.get("connection") or "").lower()
        return "close" not in said if self.version == "HTTP/1.1" else "keep-alive" in said


class Connection:
    """One connection of a client, or of the adapter."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._socket: socket.socket = writer.get_extra_info("socket")

    @property
    def peer(self) -> str:
        """The address at the other end."""
        return str(self._writer.get_extra_info("peername")[0])

    async def head(self) -> Head | None:
        """The next request; None where the peer has closed instead. Raises BadRequest."""
        try:
            block = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as problem:
            if problem.partial.strip():
                raise BadRequest from None
            return None
        except asyncio.LimitOverrunError:
            raise BadRequest from None
        first, *lines = block.decode("latin-1").lstrip("\r\n").rstrip("\r\n").split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise BadRequest
        headers: Headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise BadRequest
            headers.append((name.lower(), value.strip()))
        return Head(words[0], words[1], words[2], headers)

    async def body(self, head: Head) -> AsyncIterator[bytes]:
        """The body, in pieces as they arrive. Must be read to its end before the next head. Raises BadRequest."""
        try:
            if "chunked" in (head.get("transfer-encoding") or "").lower():
                async for piece in self._chunks():
                    yield piece
            else:
                async for piece in self._exactly(int(head.get("content-length") or 0)):
                    yield piece
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise BadRequest from None

    async def _exactly(self, left: int) -> AsyncIterator[bytes]:
        while left > 0:
            piece = await self._reader.read(min(left, PIECE))
            if not piece:
                raise BadRequest
            left -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            async for piece in self._exactly(size):
                yield piece
            if await self._reader.readexactly(2) != b"\r\n":
                raise BadRequest
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError where the peer has gone. Waits where it does not read."""
        if self._writer.transport.is_closing():
            raise ConnectionResetError
        self._writer.write(data)
        acknowledge(self._socket)
        await self._writer.drain()

    async def reply(self, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        """A whole response."""
        await self.write(head_bytes(status, [*headers, ("Content-Length", str(len(body)))]) + body)

    def abort(self) -> None:
        """Break off: the peer is to see that something is missing."""
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Server:
    """Listens on loopback, and runs `handle` for every connection, in a task that `close` ends."""

    def __init__(self, handle: Callable[[Connection], Awaitable[None]]) -> None:
        self._handle = handle
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """The port; 0 takes any free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, host, port, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    def stop_listening(self) -> None:
        """No new connections; those that are there go on."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        self.stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _protocol(self) -> asyncio.BaseProtocol:
        return _Prompt(asyncio.StreamReader(limit=HEAD_LIMIT), self._accept)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(Connection(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection) -> None:
        try:
            await self._handle(connection)
        except BadRequest:
            with contextlib.suppress(ConnectionError):
                await connection.reply(400, [("Connection", "close")])
        except ConnectionError:
            pass
        finally:
            await connection.close()


class _Prompt(asyncio.StreamReaderProtocol):
    """Acknowledges at once what arrives.

    The adapter's writes are small and its socket waits for the ACK of one before it sends the next (Nagle), while ours
    would hold the ACK back for 40 ms in the hope of data to send along.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket: socket.socket = transport.get_extra_info("socket")
        acknowledge(self._socket)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        acknowledge(self._socket)


def acknowledge(connection: socket.socket) -> None:
    """Linux forgets this option whenever it likes, above all after a write: it is set anew each time."""
    if _QUICKACK is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def head_bytes(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Status line and headers, up to the blank line."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Status"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join((*lines, "\r\n")).encode("latin-1", "replace")
