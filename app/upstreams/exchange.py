"""A request under way, as something that can be given up from any thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any


class Aborted(Exception):
    """The caller gave the request up."""


class Exchange:
    """One request that may be given up from any thread: `close()` unblocks a reader at once.

    `sock`, `read_timeout` (seconds) and `response` (the one of `http.py`) are there once an answer is awaited;
    `reusable` says that the answer was read to its very end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shutdown: Callable[[int], None] | None = None
        self.closed = False
        self.sock: Any = None
        self.read_timeout: float | None = None
        self.response: Any = None
        self.reusable = False

    def attach(self, connection: Any) -> None:
        """Called by the connection when it starts to wait for an answer. Raises Aborted where it is too late."""
        with self._lock:
            if self.closed:
                raise Aborted
            if connection.sock is not None:
                self._shutdown = connection.sock.shutdown
                self.sock = connection.sock
                self.read_timeout = connection.timeout

    def detach(self) -> None:
        """The answer is complete; the connection may serve somebody else."""
        with self._lock:
            self._shutdown = None

    def close(self) -> None:
        with self._lock:
            self.closed = True
            shutdown, self._shutdown = self._shutdown, None
        if shutdown is not None:
            with contextlib.suppress(OSError):  # the peer may be quicker
                shutdown(socket.SHUT_RDWR)  # a thread blocked in recv() returns
