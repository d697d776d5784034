"""HTTP/1.1 as both sides of the harness need it: bodies read as they arrive, and nothing that waits for a delayed ACK."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

HEAD_LIMIT = 64 * 1024
PIECE = 64 * 1024
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

Headers = list[tuple[str, str]]
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)

# RFC 9110 5.5, 5.6.2 and 8.6, RFC 9112 2.3, 3.2 and 7.1; bytes from 0x80 are let through in targets and values. Lengths
# have fewer digits than `int` refuses.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"[^\x00-\x20\x7f]+")
_VERSION = re.compile(r"HTTP/1\.[0-9]")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[\t ]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")


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
    def length(self) -> int:
        """What `content-length` says; 0 without it. Raises BadRequest where that is no decimal number."""
        said = self.get("content-length")
        if said is None:
            return 0
        if not _LENGTH.fullmatch(said):
            raise BadRequest
        return int(said)

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
        return head_of(block)

    async def body(self, head: Head) -> AsyncIterator[bytes]:
        """The body, in pieces as they arrive. Must be read to its end before the next head. Raises BadRequest."""
        length = head.length
        try:
            if "chunked" in (head.get("transfer-encoding") or "").lower():
                async for piece in self._chunks():
                    yield piece
            else:
                async for piece in self._exactly(length):
                    yield piece
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise BadRequest from None

    async def _exactly(self, left: int) -> AsyncIterator[bytes]:
        while left > 0:
            piece = await self._reader.read(min(left, PIECE))
            if not piece:
                raise BadRequest
            left -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := size_of(await self._reader.readuntil(b"\r\n")):
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


def head_of(block: bytes) -> Head:
    """A request's first lines, with the blank line at their end. Raises BadRequest."""
    first, *lines = block.decode("latin-1").lstrip("\r\n").removesuffix("\r\n\r\n").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    if not (_TOKEN.fullmatch(method) and _TARGET.fullmatch(target) and _VERSION.fullmatch(version)):
        raise BadRequest
    headers: Headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not (colon and _TOKEN.fullmatch(name) and _VALUE.fullmatch(value)):
            raise BadRequest
        headers.append((name.lower(), value.strip("\t ")))
    return Head(method, target, version, headers)


def size_of(line: bytes) -> int:
    """A chunk's size, from the line before it. Raises BadRequest."""
    match = _CHUNK.fullmatch(line)
    if match is None:
        raise BadRequest
    return int(match[1], 16)


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
