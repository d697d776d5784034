"""One invocation: the event on its way in, and the response on its way out, between the Runtime API and the front."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response"
ERROR_TEXT = b"Lambda-Runtime-Function-Error-Type: "  # what the adapter appends where its application fails midway
AHEAD = 64  # pieces that the function may be ahead of its client


class FunctionError(Exception):
    """The function has failed. `kind` is Lambda's name for it, such as Runtime.ExitError or Sandbox.Timedout."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


@dataclass(slots=True)
class Record:
    """What Lambda would bill and report, in milliseconds. `init_ms` only for an invocation that started its environment.

    first_byte_ms counts from the arrival of the request at the front to the first byte of the response's body, so that
    it includes the start of an environment; duration_ms counts as Lambda does, without it. Since 2025-08 the start is
    billed too.
    """

    request_id: str
    environment: int = 0
    init_ms: float | None = None
    duration_ms: float = 0.0
    billed_ms: int = 0
    first_byte_ms: float | None = None
    total_ms: float = 0.0
    bytes: int = 0
    status: int = 0
    outcome: str = "ok"

    @property
    def cold(self) -> bool:
        return self.init_ms is not None


class Invocation:
    """The front makes it and reads the response from it; the Runtime API feeds it; the environment ends it."""

    def __init__(self, request_id: str, event: bytes, trace: str, limit: int) -> None:
        self.request_id = request_id
        self.event = event
        self.trace = trace
        self.deadline_ms = 0
        self.arrived = time.monotonic()
        self.record = Record(request_id)
        self.streaming = False
        self.content_type = ""
        self.finished = asyncio.Event()
        self._limit = limit
        self._pieces: asyncio.Queue[bytes | FunctionError | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._abandoned = False

    def begin(self, streaming: bool, content_type: str) -> None:
        """The function begins to respond."""
        self.streaming = streaming
        self.content_type = content_type

    async def feed(self, data: bytes) -> None:
        """A piece of the response. Waits where the client is slow; drops it where nobody wants it any more."""
        if self.finished.is_set():
            return
        self.record.bytes += len(data)
        if data.startswith(ERROR_TEXT):
            self.record.outcome = "Runtime.StreamError"
        if self.record.bytes > self._limit:
            self.fail(FunctionError("Function.ResponseSizeTooLarge", f"the response exceeds {self._limit} bytes"))
        elif not self._abandoned:
            self._pieces.put_nowait(data)
            if self._pieces.qsize() >= AHEAD:
                self._room.clear()
                await self._room.wait()

    def end(self) -> None:
        self._finish(None)

    def fail(self, error: FunctionError) -> None:
        """Nothing happens where the response is complete already."""
        if not self.finished.is_set():
            self.record.outcome = error.kind
            self._finish(error)

    def abandon(self) -> None:
        """The client has gone. The function does not hear of it and runs to its end, as on Lambda."""
        self._abandoned = True
        self._room.set()

    def _finish(self, last: FunctionError | None) -> None:
        if not self.finished.is_set():
            self.finished.set()
            self._pieces.put_nowait(last)
            self._room.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The response as it comes. Raises FunctionError where it ends in a failure."""
        while True:
            piece = await self._pieces.get()
            self._room.set()
            if piece is None:
                return
            if isinstance(piece, FunctionError):
                raise piece
            yield piece
