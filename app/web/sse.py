"""Server-sent events: nothing is promised before the first event is in hand, and no stream ends in silence.

The first item is pulled before the status line goes out, so that an early failure is a real HTTP error that SDKs retry.
Later failures are a frame within the stream. While the model says nothing, a comment goes out now and then, because
proxies and clients give up on silence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Protocol

from app.core.events import Batch
from app.core.ports import Call
from app.errors import shutting_down
from app.web.asgi import Receive, Response, Scope, Send, raw_headers
from app.web.problems import as_gateway_error, problem_body, problem_response

PING = b": ping\n\n"
HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}


class Encoder(Protocol):
    """One public API's frames."""

    def feed(self, choice: int, batch: Batch) -> bytes: ...

    def finish(self) -> bytes: ...

    def fail(self, body: dict[str, object]) -> bytes: ...


class EventStream(Response):
    """Streams `events` through `encoder`. `headers` is asked once the first event is in hand.

    `drain`: when the client leaves, read the events to their end all the same, so that usage is exact; otherwise stop.
    `ping`: what goes out into a silence. `closing`: awaited before the last frame goes out, so that what it tells of is there
    when the client asks for it.
    """

    def __init__(
        self,
        events: AsyncGenerator[tuple[int, Batch], None],
        encoder: Encoder,
        call: Call,
        headers: Callable[[], Mapping[str, str]],
        *,
        ping_interval: float = 15.0,
        drain: bool = False,
        ping: bytes = PING,
        closing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(headers=HEADERS)
        self._events = events
        self._encoder = encoder
        self._call = call
        self._more_headers = headers
        self._ping_interval = ping_interval
        self._drain = drain
        self._ping = ping
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = _Connection(send, self._ping)
        current = asyncio.current_task()
        watcher = asyncio.create_task(self._watch(receive, connection, current))
        try:
            await self._run(scope, receive, connection)
        except asyncio.CancelledError:
            if not connection.gone:
                self._call.stopping = True
                await self._stop(connection)
                raise
            if current is not None:
                current.uncancel()
        finally:
            watcher.cancel()
            await self._events.aclose()

    async def _run(self, scope: Scope, receive: Receive, connection: _Connection) -> None:
        events, encoder = self._events, self._encoder
        try:
            choice, batch = await anext(events)
        except Exception as problem:  # noqa: BLE001  whatever it is, it becomes an HTTP error
            error = as_gateway_error(problem, self._call.request_id)
            response = problem_response(error, self._call.request_id, self._more_headers())
            await response(scope, receive, connection.raw)
            return
        raw = raw_headers(HEADERS | dict(self._more_headers()))
        await connection.raw({"type": "http.response.start", "status": 200, "headers": raw})
        try:
            await connection.write(encoder.feed(choice, batch))
            async for choice, batch in events:
                data = encoder.feed(choice, batch)
                if data:
                    await connection.write(data)
            last = encoder.finish()
        except Exception as problem:  # noqa: BLE001  the status is long out; the stream itself has to tell
            error = as_gateway_error(problem, self._call.request_id)
            last = encoder.fail(problem_body(error, self._call.request_id))
        if self._closing is not None:
            await self._closing()
        await connection.write(last, end=True)

    async def _stop(self, connection: _Connection) -> None:
        """The server shuts down and can't wait any longer: the client is told, where it can be told at once."""
        if connection.open:
            await connection.write(self._encoder.fail(problem_body(shutting_down(), self._call.request_id)), end=True)

    async def _watch(self, receive: Receive, connection: _Connection, task: asyncio.Task[None] | None) -> None:
        """Sends pings into silence, and notices when the client leaves."""
        waiting = asyncio.ensure_future(receive())
        try:
            while True:
                await asyncio.wait({waiting}, timeout=connection.silence_left(self._ping_interval))
                if not waiting.done():
                    await connection.ping(self._ping_interval)
                elif waiting.result()["type"] == "http.disconnect":
                    break
                else:
                    waiting = asyncio.ensure_future(receive())
        finally:
            waiting.cancel()
        self._call.gone = connection.gone = True
        if not self._drain and task is not None:
            task.cancel()


class _Connection:
    """The way to the client, and when something last went down it."""

    def __init__(self, send: Send, ping: bytes) -> None:
        self.raw = send
        self._ping = ping
        self.gone = False
        self._begun = False
        self._ended = False
        self._busy = False
        self._last = time.monotonic()

    @property
    def open(self) -> bool:
        """Whether a stream is under way and nothing is stuck in it."""
        return self._begun and not self._ended and not self._busy and not self.gone

    async def write(self, data: bytes, *, end: bool = False) -> None:
        self._last = time.monotonic()
        self._begun = True
        self._ended = self._ended or end
        if self.gone or (not data and not end):
            return
        self._busy = True
        try:
            await self.raw({"type": "http.response.body", "body": data, "more_body": not end})
        except OSError:
            self.gone = True  # the server tells us by the watcher as well
        finally:
            self._busy = False

    def silence_left(self, interval: float) -> float:
        return max(0.01, self._last + interval - time.monotonic())

    async def ping(self, interval: float) -> None:
        if self._begun and not self._busy and not self._ended and self.silence_left(interval) <= 0.01:
            await self.write(self._ping)
        elif not self._begun or self._busy:
            self._last = time.monotonic()
