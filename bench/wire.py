"""The load generator: HTTP/1.1 by hand on asyncio transports, so that it is never what is measured.

While a request runs, it only stores bytes and the time they came; `replies` reads them when the measuring is over.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_CHUNKED_END = b"\r\n0\r\n\r\n"


@dataclass(slots=True)
class Recording:
    """What came back: the raw bytes, and for each read of the socket its time and how many bytes there were then."""

    sent: float
    raw: bytearray = field(default_factory=bytearray)
    arrivals: list[tuple[float, int]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From sending the request to the last byte."""
        return self.arrivals[-1][0] - self.sent


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._recording = Recording(0.0)
        self._waiter: asyncio.Future[Recording] | None = None
        self._length = 0  # of the whole reply; 0 until the head is in, -1 where the reply is chunked

    async def ask(self, request: bytes, seconds: float = 120.0) -> Recording:
        """Send a request; what came back. Raises OSError where the server hangs up, TimeoutError after `seconds`."""
        assert self._transport is not None
        self._length = 0
        self._waiter = asyncio.get_running_loop().create_future()
        self._recording = Recording(time.perf_counter())
        self._transport.write(request)
        return await asyncio.wait_for(self._waiter, seconds)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        recording = self._recording
        raw = recording.raw
        raw += data
        recording.arrivals.append((time.perf_counter(), len(raw)))
        if not self._length:
            self._length = _length_of_reply(raw)
        ended = raw.endswith(_CHUNKED_END) if self._length < 0 else 0 < self._length <= len(raw)
        if ended and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(recording)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError("the server closed the connection"))


def _length_of_reply(raw: bytearray) -> int:
    end = raw.find(b"\r\n\r\n")
    if end < 0:
        return 0
    for line in bytes(raw[:end]).lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return end + 4 + int(line[15:])
        if line.startswith(b"transfer-encoding:"):
            return -1
    raise ConnectionResetError("a reply without a length")


async def connect(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def together(port: int, requests: Sequence[bytes], apart: float = 0.0) -> list[Recording | BaseException]:
    """All requests at once, or `apart` seconds apart, a connection each. The connections are open before the first."""
    connections = [await connect(port) for _ in requests]

    async def one(number: int) -> Recording:
        await asyncio.sleep(number * apart)
        return await connections[number].ask(requests[number])

    try:
        return await asyncio.gather(*map(one, range(len(requests))), return_exceptions=True)
    finally:
        for connection in connections:
            connection.close()


def post(path: str, body: dict[str, object], key: str = "") -> bytes:
    """The bytes of a POST."""
    data = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    return "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode() + data
