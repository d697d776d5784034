"""Reads a connected socket on the event loop: no thread waits while a model thinks.

A thread per stream costs a hand-over for every token, which with a hundred streams at once was most of the gateway's CPU,
and a stack (measured 2026-11, docs/decisions/0001). So threads open the requests, which blocks, and the loop reads the
answers, which does not. Works for TLS sockets too: `recv` on a non-blocking one says when it has nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from typing import Any

READ_SIZE = 65536
LIMIT = 1024 * 1024
"""Bytes that may wait for the consumer before reading pauses: a slow client slows the upstream and not the memory."""

_NOTHING_YET = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class LoopReader:
    """`sock` is connected and not read by anybody else. `idle`: seconds of silence after which TimeoutError is raised."""

    def __init__(self, sock: Any, idle: float) -> None:
        self._sock = sock
        self._idle = idle
        self._held: list[bytes] = []
        self._size = 0
        self._over = False
        self._error: Exception | None = None
        self._listening = False
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def hurry(self, seconds: float) -> None:
        """Allow no more than this much silence from now on, or from the beginning where nothing was read yet."""
        self._idle = seconds
        if self._timer is not None:
            self._set_timer(seconds)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """What has come, whenever something has; ends when the other side closes. Raises OSError and TimeoutError."""
        self._loop = asyncio.get_running_loop()
        self._sock.setblocking(False)
        self._last = self._loop.time()
        self._set_timer(self._idle)
        try:
            self._listen()
            self._readable()  # TLS may have decrypted bytes already, of which the socket says nothing any more
            while True:
                if self._held:
                    data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
                    self._held.clear()
                    self._size = 0
                    if not self._over:
                        self._listen()
                    yield data
                elif self._error is not None:
                    raise self._error
                elif self._over:
                    return
                else:
                    self._waiter = self._loop.create_future()
                    await self._waiter
        finally:
            self._set_timer(None)
            self._deafen()

    def _listen(self) -> None:
        if not self._listening:
            self._loop.add_reader(self._sock.fileno(), self._readable)
            self._listening = True

    def _deafen(self) -> None:
        if self._listening:
            self._loop.remove_reader(self._sock.fileno())
            self._listening = False

    def _readable(self) -> None:
        try:
            while not self._over and self._size < LIMIT:
                data = self._sock.recv(READ_SIZE)
                if not data:
                    self._over = True
                else:
                    self._held.append(data)
                    self._size += len(data)
                    self._last = self._loop.time()
                if not self._pending():
                    break
        except _NOTHING_YET:
            return
        except OSError as problem:
            self._error, self._over = problem, True
        if self._over or self._size >= LIMIT:
            self._deafen()
        self._wake()

    def _pending(self) -> bool:
        """Whether TLS holds more than was asked for: the socket will not become readable for that."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def _check_idle(self) -> None:
        left = self._last + self._idle - self._loop.time()
        if left > 0:
            self._set_timer(left)
        elif not self._held:
            self._error, self._over = TimeoutError("the other side is silent"), True
            self._deafen()
            self._wake()
        else:  # it is the consumer who takes his time
            self._set_timer(self._idle)

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._check_idle)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
