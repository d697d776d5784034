"""httptools' parser of requests, which reads a request to its end where its `Upgrade` is not made.

httptools ends a message at its head when that asks for an upgrade, so a body behind it was lost (httptools 0.9). A server
that does not upgrade answers the request as any other (RFC 9110, 7.8). Some clients ask for `h2c` with each first request on
a connection without TLS, those of the JDK's HttpClient for example.
"""

from __future__ import annotations

from typing import Protocol

import httptools

_FRAMING = (b"content-length", b"transfer-encoding")


class Callbacks(Protocol):
    """What receives a request. `is_resuming`: the callbacks of a head are to be ignored, for it is a repetition."""

    headers: list[tuple[bytes, bytes]]
    is_resuming: bool

    def _should_upgrade(self) -> bool: ...


class RequestParser:
    """The part of httptools' parser that uvicorn uses."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._parser = _new_parser(callbacks)

    def get_http_version(self) -> str:
        return self._parser.get_http_version()

    def get_method(self) -> bytes:
        return self._parser.get_method()

    def should_keep_alive(self) -> bool:
        return self._parser.should_keep_alive()

    def should_upgrade(self) -> bool:
        return self._parser.should_upgrade()

    def feed_data(self, data: bytes) -> None:
        """Raises HttpParserError, or HttpParserUpgrade where the upgrade is made."""
        while True:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if self._callbacks._should_upgrade():
                    raise
                data = data[upgrade.args[0] :]
            self._resume()

    def _resume(self) -> None:
        """Goes on behind the head with a new parser, which is given the framing of the body and no upgrade."""
        self._parser = _new_parser(self._callbacks)
        framing = [b"%b: %b\r\n" % header for header in self._callbacks.headers if header[0] in _FRAMING]
        self._callbacks.is_resuming = True
        try:
            self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing))
        finally:
            self._callbacks.is_resuming = False


def _new_parser(callbacks: Callbacks) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(callbacks)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
    return parser
