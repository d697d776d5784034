"""Signed HTTP requests to one AWS endpoint, on urllib3's pool, and answers that can be aborted from another thread.

botocore's client costs about 0.86 ms of CPU per Converse call and 13 us per streamed event, most of it in layers this
gateway does not need (parameter validation, endpoint rules per call, generic parsing). So its signer, its credentials and
its endpoint configuration are used, and its request path is not. Blocking; called from worker threads only.
"""

from __future__ import annotations

import http.client
import re
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


MAX_HEADERS = 100
MAX_HEADER_LINE = 65536

_waiting = threading.local()
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;|\Z)")


class _Buffered(http.client.HTTPResponse):
    """Gives all the chunks that one read of the socket brought at once; the standard one stops after each chunk.

    Its head is read by a few lines of our own: the standard library puts it through the e-mail parser, which was a sixth
    of the CPU of a whole chat (measured 2026-11).
    At the end of the body its exchange is told, before the pool can give the connection to somebody else: an exchange
    that is closed later must not cut another request off.
    """

    _decoder: _Dechunker | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        self._exchange: Exchange = _waiting.exchange
        super().__init__(*args, **options)

    def begin(self) -> None:
        """Read the status line and the headers, and see from them how the body ends (RFC 9112, 6.3)."""
        status = 100
        while status == 100:
            version, status, reason = self._read_status()  # type: ignore[attr-defined]
            headers = _read_head(self.fp)
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = 10 if version == "HTTP/1.0" else 11
        self.headers = self.msg = headers
        self.chunked = "chunked" in (headers.get("transfer-encoding") or "").lower()
        self.chunk_left = None
        length = headers.get("content-length") or ""
        self.length = int(length) if length.isdigit() and not self.chunked else None
        if status in (204, 304):
            self.length = 0
        closing = (headers.get("connection") or "").lower()
        ending = self.chunked or self.length is not None
        self.will_close = "close" in closing or not ending or (self.version == 10 and "keep-alive" not in closing)

    def _close_conn(self) -> None:
        self._exchange.detach()
        super()._close_conn()  # type: ignore[misc]

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
                self._close_conn()
                return data
            if data:
                return data


def _read_head(stream: Any) -> http.client.HTTPMessage:
    """The header lines up to the blank one. Raises HTTPException for a head that is broken or far too long."""
    headers = http.client.HTTPMessage()
    for _ in range(MAX_HEADERS):
        line = stream.readline(MAX_HEADER_LINE + 1)
        if len(line) > MAX_HEADER_LINE:
            raise http.client.LineTooLong("header line")
        if line in (b"\r\n", b"\n", b""):
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        if colon and not name[:1].isspace():
            headers[name] = value.strip()
    raise http.client.HTTPException("too many headers")


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
            if line:
                raise http.client.IncompleteRead(b"")
            self._state = "size"
        elif self._state == "trailer":
            self.ended = not line
        else:
            size = _CHUNK_SIZE.match(line)
            if size is None:
                raise http.client.IncompleteRead(b"")
            self._left = int(size[1], 16)
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
