"""Signed HTTP requests to one AWS endpoint, on urllib3's pool, and answers that can be aborted from another thread.

botocore's client costs about 0.86 ms of CPU per Converse call and 13 us per streamed event, most of it in layers this
gateway does not need (parameter validation, endpoint rules per call, generic parsing). So its signer, its credentials and
its endpoint configuration are used, and its request path is not. Blocking; called from worker threads only.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from typing import Any, Protocol

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.upstreams.exchange import Exchange


class Sign(Protocol):
    def __call__(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Mapping[str, str]:
        """The headers to send, authorization included."""
        ...


_waiting = threading.local()


class _Buffered(http.client.HTTPResponse):
    """Gives all the chunks that one read of the socket brought at once; the standard one stops after each chunk."""

    _decoder: _Dechunker | None = None

    def read1(self, n: int = -1) -> bytes:
        if not self.chunked or self.fp is None:
            return super().read1(n)
        if self._decoder is None:
            self._decoder = _Dechunker()
        decoder = self._decoder
        while True:
            raw = self.fp.read1(n if n > 0 else 65536)
            if not raw:
                raise http.client.IncompleteRead(b"")
            data = decoder.feed(raw)
            if decoder.ended:
                self._close_conn()  # type: ignore[attr-defined]
                return data
            if data:
                return data


class _Dechunker:
    """Chunked transfer coding, in pieces of any size (RFC 9112, 7.1). Extensions and trailers are passed over."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._left = 0
        self._state = "size"
        self.ended = False

    def feed(self, raw: bytes) -> bytes:
        """The payload in `raw`. Raises HTTPException where the coding is broken."""
        out = bytearray()
        at, end = 0, len(raw)
        while at < end and not self.ended:
            if self._state == "data":
                taken = min(self._left, end - at)
                out += raw[at : at + taken]
                at += taken
                self._left -= taken
                if not self._left:
                    self._state = "gap"
                continue
            newline = raw.find(b"\n", at)
            self._line += raw[at : newline if newline >= 0 else end]
            if newline < 0:
                self._check_line()
                break
            at = newline + 1
            self._end_line()
        return bytes(out)

    def _check_line(self) -> None:
        if len(self._line) > 65536:
            raise http.client.LineTooLong("chunk size")

    def _end_line(self) -> None:
        line = bytes(self._line).strip()
        self._line.clear()
        if self._state == "gap":
            self._state = "size"
        elif self._state == "trailer":
            self.ended = not line
        else:
            try:
                self._left = int(line.split(b";", 1)[0], 16)
            except ValueError as problem:
                raise http.client.IncompleteRead(b"") from problem
            self._state = "data" if self._left else "trailer"


class _PlainConnection(HTTPConnection):
    response_class = _Buffered

    def getresponse(self) -> Any:
        _waiting.exchange.attach(self)
        return super().getresponse()


class _TlsConnection(HTTPSConnection):
    response_class = _Buffered

    def getresponse(self) -> Any:
        _waiting.exchange.attach(self)
        return super().getresponse()


class Endpoint:
    """One AWS endpoint: `post` signs, sends and returns the answer with its body still to be read."""

    def __init__(
        self,
        url: str,
        sign: Sign,
        *,
        connect_timeout: float,
        read_timeout: float,
        pool_size: int,
        ca_bundle: str | None = None,
        proxy: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._sign = sign
        options: dict[str, Any] = {
            "timeout": urllib3.Timeout(connect=connect_timeout, read=read_timeout),
            "maxsize": pool_size,
            "retries": False,
        }
        if self.url.startswith("https:"):
            options |= {"cert_reqs": "CERT_REQUIRED", "ca_certs": ca_bundle}
        manager = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
        self._pool = manager.connection_from_url(self.url)
        self._pool.ConnectionCls = _TlsConnection if self.url.startswith("https:") else _PlainConnection
        self._prefix = urllib3.util.parse_url(self.url).path or ""

    def post(self, path: str, body: bytes, headers: dict[str, str], exchange: Exchange) -> urllib3.BaseHTTPResponse:
        """`path` is percent-encoded. Raises urllib3's exceptions, botocore's for credentials, and Aborted."""
        signed = self._sign("POST", self.url + path, body, headers)
        _waiting.exchange = exchange
        return self._pool.urlopen(
            "POST",
            self._prefix + path,
            body=body,
            headers=signed,
            redirect=False,
            retries=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
