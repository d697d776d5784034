"""Limits on client connections: how many there are, how long a client may take, and how often accept errors are logged.

1,100 connections that sent nothing used up 1,024 file descriptors, and asyncio logged each failed accept, a million lines
(measured 2026-11, CPython 3.11).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

SPARE_CONNECTIONS = 100
"""Connections accepted beyond the limit. They are answered 503, except for `/health`, and closed."""
RESERVED_FILES = 200
"""File descriptors for all but clients and model calls: the listener, the table's pool, fetches, libraries."""
MAX_FILES = 65_536
"""Upper bound to which the soft limit of file descriptors is raised."""
ACCEPT_LOG_INTERVAL = 1.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Timeouts in seconds, `min_body_rate` in bytes per second, counted after `body_grace`."""

    max_connections: int = 1000
    head_timeout: float = 10.0
    body_grace: float = 10.0
    min_body_rate: float = 10_000.0


class Closable(Protocol):
    def close(self) -> None: ...


class SurplusConnections:
    """The connections beyond the limit, oldest first. At most `size` are open: a new one closes the oldest.

    A flood of silent connections therefore never occupies them all, and a health check, which sends its request at once, is
    answered.
    """

    def __init__(self, size: int = SPARE_CONNECTIONS) -> None:
        self._size = size
        self._open: dict[Closable, None] = {}

    def add(self, transport: Closable) -> None:
        self._open[transport] = None
        if len(self._open) > self._size:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.close()

    def remove(self, transport: Closable) -> None:
        self._open.pop(transport, None)


class AcceptErrorFilter(logging.Filter):
    """For the logger `asyncio`: passes one failed accept per second and reports how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._next = 0.0
        self._suppressed = 0

    def filter(self, record: logging.LogRecord) -> bool:
        message = str(record.msg)
        if not message.startswith("socket.accept()"):
            return True
        now = self._clock()
        if now < self._next:
            self._suppressed += 1
            return False
        self._next = now + ACCEPT_LOG_INTERVAL
        if self._suppressed:
            # asyncio's message is complete text without arguments; a percent sign in it stays as it is.
            record.msg = f"{message}\n{self._suppressed} more accept errors were not logged"
            self._suppressed = 0
        return True


def raise_file_limit() -> int:
    """Raises the soft limit of file descriptors to the hard limit, at most MAX_FILES. Returns the soft limit in force."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MAX_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_FILES
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if wanted <= soft:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS refuses more than its kernel's maximum, whatever the hard limit says
        return soft
    return wanted


def connections_for(files: int, wanted: int, upstream: int) -> int:
    """How many of `wanted` client connections fit `files` descriptors beside `upstream` calls.

    Where both do not fit, clients get at least half: most connections wait for one call each.
    """
    available = files - RESERVED_FILES - SPARE_CONNECTIONS
    return max(1, min(wanted, max(available - upstream, available // 2)))
