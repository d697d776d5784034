"""One HTTP request over a connection of its own, bounded in time and in bytes, with the standard library alone."""

from __future__ import annotations

import io
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from app.canary.errors import Failed

CONNECT_SECONDS = 7.0
LONGEST_LINE = 256 * 1024
MAX_CODING_BYTES = 64 * 1024
"""Bytes of head and transfer coding that an answer may have beside its content."""

_LONG_LINE = f"the answer has a line of more than {LONGEST_LINE} bytes"
_CUT = "the connection was closed before the answer was complete"

_Trouble = (OSError, HTTPException, ValueError)
"""What a hostile or broken peer makes `http.client` raise. ValueError: headers that can't be sent, odd chunk sizes."""


class TooLong(HTTPException):
    """The peer has sent more bytes than the caller allowed, whatever its framing says."""


class _Wire(io.RawIOBase):
    """A connection's bytes, at most `allowed` more of them. `http.client` reads a chunk of size `-1` without any limit."""

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__()
        self._raw = raw
        self.allowed = LONGEST_LINE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # a writable buffer; its type has no name before Python 3.12
        if self.allowed <= 0:
            raise TooLong
        count = self._raw.readinto(memoryview(buffer)[: self.allowed])
        self.allowed -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.wire = _Wire(self.fp.detach())
        self.fp = io.BufferedReader(self.wire)


@cache
def tls_context() -> ssl.SSLContext:
    """Shared by all connections: loading the certificate authorities takes longer than a handshake."""
    return ssl.create_default_context()


class Connection:
    """`with Connection(url, seconds) as c: c.send(...); c.read(...)`. Every failure is a Failed with a short text.

    `seconds` bound everything after connecting, however slowly the peer trickles: when they are over, a timer shuts the
    socket and whatever waits for it ends. Redirects are not followed, proxies not used.
    """

    def __init__(self, url: str, seconds: float) -> None:
        parts = urlsplit(url)
        host, self._seconds = parts.hostname or "", seconds
        self._http = (
            HTTPSConnection(host, parts.port, timeout=CONNECT_SECONDS, context=tls_context())
            if parts.scheme == "https"
            else HTTPConnection(host, parts.port, timeout=CONNECT_SECONDS)
        )
        self._http.response_class = _Response
        self._response: _Response | None = None
        self._late = False
        self._timer = threading.Timer(seconds, self._give_up)
        self._timer.daemon = True

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._response is not None:
            self._response.close()
        self._http.close()

    def connect(self) -> None:
        try:
            self._http.connect()
            self._socket: socket.socket = self._http.sock  # http.client lets go of it before the answer is read
            self._socket.settimeout(self._seconds)
        except _Trouble as trouble:
            raise Failed(f"not connected: {_cause(trouble)}") from None

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> int:
        """Sends the request, waits for the head of the answer, gives its status. Needs `connect` before."""
        self._timer.start()
        try:
            # As bytes: a key may hold any characters, and http.client would only take Latin-1.
            encoded = {name: value.encode("utf-8", "surrogatepass") for name, value in headers.items()}
            self._http.request(method, target, body=body or None, headers=encoded)
            response = self._http.getresponse()
        except _Trouble as trouble:
            raise self._failed(trouble) from None
        assert isinstance(response, _Response)
        self._response = response
        return response.status

    def header(self, name: str) -> str:
        """A header of the answer, blank where it is not there."""
        return self._answer().headers.get(name, "")

    def read(self, limit: int) -> bytes:
        """The body. Raises Failed where it is longer than `limit` bytes, broken off or late."""
        self._answer().wire.allowed = 2 * limit + MAX_CODING_BYTES
        try:
            body = self._answer().read(limit + 1)
        except TooLong:
            raise Failed(f"the answer is longer than {limit} bytes") from None
        except _Trouble as trouble:
            raise self._failed(trouble) from None
        if self._late:
            raise self._failed(None)
        if len(body) > limit:
            raise Failed(f"the answer is longer than {limit} bytes")
        if self._answer().length:  # what Content-Length promised and http.client does not miss when asked for so much
            raise Failed(_CUT)
        return body

    def line(self) -> bytes:
        """The next line of the body with its line feed; blank at the end, which may have come too early."""
        self._answer().wire.allowed = 2 * LONGEST_LINE + MAX_CODING_BYTES
        try:
            line = self._answer().readline(LONGEST_LINE + 1)
        except TooLong:
            raise Failed(_LONG_LINE) from None
        except _Trouble as trouble:
            raise self._failed(trouble) from None
        if self._late:
            raise self._failed(None)
        if len(line) > LONGEST_LINE:
            raise Failed(_LONG_LINE)
        return line

    def _answer(self) -> _Response:
        assert self._response is not None, "send first"
        return self._response

    def _give_up(self) -> None:
        self._late = True
        with suppress(OSError):  # it may be closed already
            # Not SSLSocket's own method, which would take the TLS layer away under the thread that reads.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _failed(self, trouble: Exception | None) -> Failed:
        if self._late or isinstance(trouble, TimeoutError):
            return Failed(f"no complete answer within {self._seconds:g} s")
        return Failed(_cause(trouble))


def _cause(trouble: Exception | None) -> str:
    """The kind of trouble; never its text, which may hold a header or what the peer sent."""
    match trouble:
        case TimeoutError():
            return f"no connection within {CONNECT_SECONDS:g} s"
        case ssl.SSLCertVerificationError():
            return f"the TLS certificate can't be verified ({trouble.verify_code})"
        case ConnectionRefusedError():
            return "connection refused"
        case socket.gaierror():
            return "the host's name can't be resolved"
        case ConnectionError():
            return _CUT
        case ssl.SSLError():
            return "TLS failed"
        case TooLong():
            return "the answer is longer than an answer may be"
        case HTTPException():
            return f"the answer is no valid HTTP ({type(trouble).__name__})"
        case _:
            return type(trouble).__name__
