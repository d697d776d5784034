"""The Function URL itself: HTTP in, an event to the function, its response out as it comes.

What AWS answers where no function speaks (413, 429, 502) is not documented to the letter; status codes and error types are.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from email.utils import formatdate

from local.function_url import events
from local.function_url.invocation import FunctionError, Invocation, Record
from local.function_url.pool import Pool, Throttled
from local.function_url.reply import Reply, reply_of
from local.function_url.settings import Settings
from local.function_url.wire import HOP_BY_HOP, Connection, Head, Headers, Server, head_bytes

KEPT = 100_000
WITHOUT_BODY = {204, 304}


class Front:
    """One server, one function.

    `records` has all invocations that have ended, oldest first; `open_invocations` counts those that have no record yet.
    """

    def __init__(self, settings: Settings, url: events.Url, pool: Pool) -> None:
        self._settings = settings
        self._url = url
        self._pool = pool
        self._server = Server(self._handle)
        self.records: deque[Record] = deque(maxlen=KEPT)
        self.open_invocations = 0

    async def start(self, host: str, port: int) -> int:
        return await self._server.start(host, port)

    def stop_listening(self) -> None:
        self._server.stop_listening()

    async def close(self) -> None:
        await self._server.close()

    async def _handle(self, connection: Connection) -> None:
        while head := await connection.head():
            arrived = time.monotonic()
            body = await self._body(connection, head)
            exchange = _Exchange(connection, head, arrived)
            await self._respond(exchange, body)
            if not exchange.keeps_alive:
                return

    async def _body(self, connection: Connection, head: Head) -> bytes | None:
        """None where it is too large. It is read to its end all the same: a client that writes does not see an answer."""
        limit = self._settings.request_limit
        if head.get("expect"):
            if head.length > limit:
                return None
            await connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        whole = bytearray()
        fits = True
        async for piece in connection.body(head):
            fits = fits and len(whole) + len(piece) <= limit
            if fits:
                whole += piece
        return bytes(whole) if fits else None

    async def _respond(self, exchange: _Exchange, body: bytes | None) -> None:
        request_id = str(uuid.uuid4())
        exchange.request_id = request_id
        invocation = self._invocation(exchange, body, request_id)
        if invocation is None:
            limit = self._settings.request_limit
            text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
            await exchange.refuse(413, "RequestEntityTooLargeException", text)
            return
        try:
            environment = await self._pool.acquire()
        except Throttled:
            reason = {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User"}
            await exchange.refuse(429, "TooManyRequestsException", "Rate Exceeded.", reason)
            return
        except OSError:  # no process, file or port is to be had on this machine; the log has it
            await exchange.reply(502, [("Content-Type", "application/json")], b"Internal Server Error")
            return
        running = self._pool.run(environment, invocation)
        self.open_invocations += 1
        try:
            await self._relay(exchange, invocation)
        except ConnectionError:
            invocation.record.outcome = "client gone"
            raise
        finally:
            invocation.abandon()
            invocation.record.total_ms = (time.monotonic() - exchange.arrived) * 1000
            running.add_done_callback(lambda _: self._finish(invocation.record))

    def _finish(self, record: Record) -> None:
        self.records.append(record)
        self.open_invocations -= 1

    def _invocation(self, exchange: _Exchange, body: bytes | None, request_id: str) -> Invocation | None:
        if body is None:
            return None
        event = events.event_of(exchange.head, body, exchange.connection.peer, self._url, request_id)
        data = events.encoded(event)
        if len(data) > self._settings.request_limit:
            return None
        exchange.trace = event["headers"]["x-amzn-trace-id"]
        return Invocation(request_id, data, exchange.trace, self._settings.response_limit)

    async def _relay(self, exchange: _Exchange, invocation: Invocation) -> None:
        buffered = self._settings.invoke_mode == "BUFFERED"
        try:
            reply = await reply_of(invocation, buffered=buffered, limit=self._settings.buffered_limit)
        except FunctionError as problem:
            invocation.record.status = 502
            invocation.record.outcome = problem.kind
            await exchange.reply(502, [("Content-Type", "application/json")], b"Internal Server Error")
            return
        invocation.record.status = reply.status
        try:
            await exchange.stream(reply, invocation.record)
        except FunctionError as problem:
            invocation.record.outcome = problem.kind
            exchange.keeps_alive = False
            exchange.connection.abort()


class _Exchange:
    """One request of a client, and the way back to it."""

    def __init__(self, connection: Connection, head: Head, arrived: float) -> None:
        self.connection = connection
        self.head = head
        self.arrived = arrived
        self.keeps_alive = head.keeps_alive and not head.get("expect")
        self.request_id = ""
        self.trace = ""

    async def refuse(self, status: int, kind: str, message: str, more: dict[str, str] | None = None) -> None:
        """What Lambda says by itself."""
        body = json.dumps({**(more or {}), "message": message}).encode()
        await self.reply(status, [("Content-Type", "application/json"), ("x-amzn-ErrorType", kind)], body)

    async def reply(self, status: int, headers: Headers, body: bytes) -> None:
        shown = b"" if self.head.method == "HEAD" else body
        lines = [*headers, *self._own(), ("Content-Length", str(len(body)))]
        await self.connection.write(head_bytes(status, lines) + shown)

    async def stream(self, reply: Reply, record: Record) -> None:
        """Pass the function's response on, piece by piece. Raises FunctionError where it breaks off."""
        headers = [(name, value) for name, value in reply.headers if name.lower() not in HOP_BY_HOP]
        length = next((value for name, value in headers if name.lower() == "content-length"), None)
        bodiless = self.head.method == "HEAD" or reply.status in WITHOUT_BODY
        chunked = length is None and not bodiless and self.head.version == "HTTP/1.1"
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        elif length is None and not bodiless:
            self.keeps_alive = False  # the end of the connection is the end of the body
        await self.connection.write(head_bytes(reply.status, headers + self._own()))
        sent = 0
        async for piece in reply.body:
            if record.first_byte_ms is None:
                record.first_byte_ms = (time.monotonic() - self.arrived) * 1000
            sent += len(piece)
            if not bodiless:
                await self.connection.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            await self.connection.write(b"0\r\n\r\n")
        elif length is not None and not bodiless and str(sent) != length:
            raise FunctionError("Runtime.InvalidResponse", f"{sent} bytes, and content-length says {length}")

    def _own(self) -> Headers:
        """What AWS's front adds."""
        own = [("Date", formatdate(usegmt=True)), ("x-amzn-RequestId", self.request_id)]
        if self.trace:
            own.append(("X-Amzn-Trace-Id", self.trace))
        return [*own, ("Connection", "keep-alive" if self.keeps_alive else "close")]
