"""An end to whatever an exchange waits for, however slowly its peer trickles: urllib3's own limits hold for each read alone."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """One exchange at a time: `with deadline.after(seconds): ...`. `passed`: whether it came before the end.

    When the seconds are over a timer shuts the connection down, TLS handshake or not: reads end as if the peer had left.
    """

    def __init__(self) -> None:
        self.passed = False
        self._line: socket.socket | None = None
        self._lock = threading.Lock()

    @contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        self.passed = False
        timer = threading.Timer(seconds, self._pass)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # or it might meet the next exchange
            self._hold(None)

    def watch(self, connected: socket.socket) -> None:
        """The connection to shut down. A second descriptor, for TLS takes the first one's socket apart."""
        self._hold(socket.socket(fileno=os.dup(connected.fileno())))

    def _hold(self, line: socket.socket | None) -> None:
        with self._lock:
            if self._line is not None:
                self._line.close()
            self._line = line
            if self.passed:
                self._shut()

    def _pass(self) -> None:
        with self._lock:
            self.passed = True
            self._shut()

    def _shut(self) -> None:
        if self._line is not None:
            with suppress(OSError):  # the peer may have closed it
                self._line.shutdown(socket.SHUT_RDWR)


def watched_pool(deadline: Deadline) -> urllib3.PoolManager:
    """A pool whose connections, new and kept ones, `deadline` may shut down."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            deadline.watch(connected)
            return connected

        def request(self, *arguments: Any, **options: Any) -> None:
            if self.sock is not None:
                deadline.watch(self.sock)
            super().request(*arguments, **options)

    class Secure(Plain, HTTPSConnection):
        pass

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    pool = urllib3.PoolManager(retries=False)
    pool.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return pool
