"""What the environments print, and what Lambda itself would write into the log."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

KEPT = 100_000
LINE_LIMIT = 256 * 1024  # of one log event, as in CloudWatch


class Line(NamedTuple):
    """`at` in epoch seconds."""

    environment: int
    at: float
    text: str


class Log:
    """The last lines of all environments, oldest first; `echo` is told each as it comes."""

    def __init__(self, echo: Callable[[Line], None] | None = None) -> None:
        self.lines: deque[Line] = deque(maxlen=KEPT)
        self._echo = echo
        self._open: set[_Reader] = set()

    def write(self, environment: int, text: str) -> None:
        line = Line(environment, time.time(), text)
        self.lines.append(line)
        if self._echo is not None:
            self._echo(line)

    async def attach(self, environment: int) -> int:
        """A file descriptor for the output of an environment's processes."""
        reading, writing = os.pipe()
        reader = _Reader(lambda text: self.write(environment, text), self._open)
        await asyncio.get_running_loop().connect_read_pipe(lambda: reader, os.fdopen(reading, "rb", 0))
        return writing

    def detach(self, descriptor: int) -> None:
        """Nobody else will be started; what was printed already is still read."""
        os.close(descriptor)

    async def close(self) -> None:
        """Returns when all that was printed is here; lines of a process that escaped are not waited for."""
        if self._open:
            await asyncio.wait([reader.ended for reader in self._open], timeout=1.0)
        for reader in list(self._open):
            reader.close()


class _Reader(asyncio.Protocol):
    def __init__(self, write: Callable[[str], None], readers: set[_Reader]) -> None:
        self._write = write
        self._readers = readers
        self._rest = b""
        self._transport: asyncio.BaseTransport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._readers.add(self)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._write(line.decode(errors="replace"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._readers.discard(self)
        self.ended.set_result(None)
        if self._rest:
            self._write(self._rest.decode(errors="replace"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
