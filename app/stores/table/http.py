"""Small HTTP/1.1 requests to one host, on the event loop: kept connections, whole answers, clear failures.

A table is asked twice or thrice for every request with limits. A boto3 client takes 0.9 ms of CPU for that each time, and
110 ms of a cold start to import; urllib3 in a thread 0.3 ms; this some 0.1 ms (measured 2026-11, bench/table_results.md).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from app.stores.table.http_answer import MAX_HEAD, Head

LONGEST_IDLE = 20.0
"""Seconds after which a kept connection is not trusted any more: DynamoDB, and the NAT before a function, forget idle ones."""
MAX_IDLE = 64
MAX_INTERIM = 10
MAX_ANSWER = 24 * 1024 * 1024
"""Bytes. A page of a query is 1 MB, a batch of items 16 MB."""

Sign = Callable[[str, str, bytes, dict[str, str]], Mapping[str, str]]
"""The headers to send, for (method, url, body, headers). See `upstreams.sigv4.SigV4`."""


class Answer(NamedTuple):
    status: int
    body: bytes


class Broken(Exception):
    """No answer came. `sent`: whether the request may have been carried out all the same."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


async def signed(sign: Sign, method: str, url: str, body: bytes, headers: dict[str, str]) -> Mapping[str, str]:
    """The headers of a signed request. Signs in a thread when it has to wait for credentials. Raises what `sign` raises."""
    is_ready = getattr(sign, "is_ready", None)
    if is_ready is None or is_ready():
        return sign(method, url, body, headers)
    return await asyncio.to_thread(sign, method, url, body, headers)


class HttpPool:
    """Connections to the host of `url`. `tls` gives the context for https, when first needed. Timeouts in seconds."""

    def __init__(
        self,
        url: str,
        *,
        tls: Callable[[], ssl.SSLContext] | None = None,
        proxy: str = "",
        connect_timeout: float = 1.5,
        answer_timeout: float = 3.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        self._tls = tls if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._netloc = parts.netloc.rpartition("@")[2]
        self._path = parts.path or "/"
        self._proxy = urlsplit(proxy) if proxy else None
        self._connect_timeout = connect_timeout
        self._answer_timeout = answer_timeout
        self._clock = clock
        self._idle: list[Connection] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Raises Broken. One request per connection at a time; the wall clock counts, for a frozen process has no other."""
        connection = self._kept() or await self._connected()
        lines = [f"POST {self._path} HTTP/1.1", f"Host: {self._netloc}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        message = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
        try:
            answer = await connection.ask(message, self._answer_timeout)
        except BaseException:
            connection.close()
            raise
        if connection.clean and len(self._idle) < MAX_IDLE:
            connection.idle_since = self._clock()
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> Connection | None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # those of a loop that has ended can't be used, nor properly closed
            self._idle.clear()
            self._loop = loop
        while self._idle:
            connection = self._idle.pop()
            if connection.alive and 0 <= self._clock() - connection.idle_since < LONGEST_IDLE:
                return connection
            connection.close()
        return None

    async def _connected(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_timeout):
                return await self._connect()
        except (OSError, ssl.SSLError) as problem:  # TimeoutError is an OSError
            raise Broken(f"can't connect: {type(problem).__name__}", sent=False) from None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        context = self._tls() if self._tls else None
        if self._proxy is None:
            _, connection = await loop.create_connection(Connection, self._host, self._port, ssl=context)
            return connection
        port = self._proxy.port or 8080
        transport, connection = await loop.create_connection(Connection, self._proxy.hostname or "", port)
        where = f"{self._host}:{self._port}"
        try:
            answer = await connection.ask(
                f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode(), None, bodiless=True
            )
            if answer.status != 200 or context is None:
                raise OSError("the proxy refuses")
            secured = await loop.start_tls(transport, connection, context, server_hostname=self._host)
        except BaseException:
            connection.close()  # also where it took too long: nobody else knows of it
            raise
        assert secured is not None
        connection.connection_made(secured)
        return connection


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._buffer = bytearray()
        self._received = 0
        self._head: Head | None = None
        self._bodiless = False
        self._interim = 0
        self.reusable = False
        self.alive = True
        self.idle_since = 0.0

    @property
    def clean(self) -> bool:
        """Whether another request may follow: more may have come behind the answer since."""
        return self.reusable and self.alive and not self._buffer

    async def ask(self, message: bytes, patience: float | None, *, bodiless: bool = False) -> Answer:
        loop = asyncio.get_running_loop()
        if self._transport is None or not self.alive or self._buffer:  # what nobody asked for must answer nothing
            raise Broken("the connection was closed", sent=False)
        self._waiter = loop.create_future()
        self._head, self._bodiless, self.reusable, self._interim = None, bodiless, False, 0
        self._received = 0
        self._transport.write(message)
        if patience is not None:
            self._timer = loop.call_later(patience, self._fail, "no answer in time")
        try:
            return await self._waiter
        finally:
            self._waiter = None
            if self._timer is not None:
                self._timer.cancel()

    def close(self) -> None:
        self.alive = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._received += len(data)
        if self._waiter is None:
            self.close()  # nobody asked
            return
        try:
            self._read(ended=False)
        except ValueError as problem:
            self._fail(str(problem))

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        try:
            self._read(ended=True)
        except ValueError as problem:
            self._fail(str(problem))
        self._fail("the connection broke off")

    def _read(self, *, ended: bool) -> None:
        if self._received > MAX_ANSWER:  # counted as they come, whatever the framing says
            raise ValueError("an answer that does not end")
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise ValueError("a head that does not end")
                return
            head = Head(bytes(self._buffer[:end]), bodiless=self._bodiless)
            del self._buffer[: end + 4]
            if head.status < 200:  # 100 or 103: the answer's own head follows
                self._interim += 1
                if self._interim > MAX_INTERIM:
                    raise ValueError("interim answers that do not end")
                self._read(ended=ended)
                return
            self._head = head
        body = self._head.body(self._buffer, ended=ended)
        if body is not None and self._waiter is not None and not self._waiter.done():
            self.reusable = self._head.keeps and not self._buffer and not ended
            self._waiter.set_result(Answer(self._head.status, body))

    def _fail(self, reason: str) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Broken(reason, sent=True))
