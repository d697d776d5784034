"""Signed HTTP requests to one AWS endpoint, on urllib3's pool, and answers that can be aborted from another thread.

botocore's client costs about 0.86 ms of CPU per Converse call and 13 us per streamed event, most of it in layers this
gateway does not need (parameter validation, endpoint rules per call, generic parsing). So its signer, its credentials and
its endpoint configuration are used, and its request path is not. Blocking; called from worker threads only.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from app.upstreams.exchange import Exchange
from app.upstreams.framing import Chunked, Framing, Sized, UntilClosed


class Sign(Protocol):
    def __call__(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Mapping[str, str]:
        """The headers to send, authorization included."""
        ...


LONGEST_IDLE = 50.0
"""Seconds after which a pooled connection is not used again. Bedrock's side, and the NAT before a function, forget idle ones
sooner or later, and while a function is frozen nobody can hear them say so."""

SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (
            ("TCP_KEEPIDLE", 45),
            ("TCP_KEEPINTVL", 15),
            ("TCP_KEEPCNT", 4),
            ("TCP_USER_TIMEOUT", 60_000),
        )
        if hasattr(socket, name)
    ),
]
"""A model may think for minutes: keep-alives hold the way open and notice a peer that has vanished, within 105 s; what was
sent and is never acknowledged breaks off after 60 s."""

MAX_INTERIM = 10
"""Heads before the answer's own may be 100 (Continue), 102 or 103 (Early Hints), none of which has a body (RFC 9110, 15.2)."""
MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Limit of a whole answer as it arrives. InvokeModel answers with up to 25 MB (botocore 1.44, 2026-11)."""
MAX_HEADERS = 100
MAX_HEADER_LINE = 65536

_READ_SIZE = 65536
_LENGTH = re.compile(r"[0-9]{1,16}")

_waiting = threading.local()


class _Buffered(http.client.HTTPResponse):
    """A response whose body may be read elsewhere, on the event loop.

    Its head is read by a few lines of our own: the standard library puts it through the e-mail parser, which was a sixth
    of the CPU of a whole chat (measured 2026-11).
    At the end of the body its exchange is told, before the pool can give the connection to somebody else: an exchange
    that is closed later must not cut another request off.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._exchange: Exchange = _waiting.exchange
        self._exchange.response = self
        super().__init__(*args, **options)

    def begin(self) -> None:
        """Read the status line and the headers, and see from them how the body ends (RFC 9112, 6.3)."""
        for _ in range(MAX_INTERIM):
            version, status, reason = self._read_status()  # type: ignore[attr-defined]
            headers = _read_head(self.fp)
            if status >= 200 or status == 101:
                break
        else:
            raise http.client.HTTPException("too many interim answers")
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = 10 if version == "HTTP/1.0" else 11
        self.headers = self.msg = headers
        self.chunked = "chunked" in (headers.get("transfer-encoding") or "").lower()
        self.chunk_left = None
        length = headers.get("content-length") or ""
        self.length = int(length) if _LENGTH.fullmatch(length) and not self.chunked else None
        if status in (204, 304):
            self.length = 0
        closing = (headers.get("connection") or "").lower()
        ending = self.chunked or self.length is not None
        self.will_close = "close" in closing or not ending or (self.version == 10 and "keep-alive" not in closing)

    def _close_conn(self) -> None:
        self._exchange.detach()
        super()._close_conn()  # type: ignore[misc]

    def read(self, amt: int | None = None) -> bytes:
        """The whole body, whatever `amt` is. Raises HTTPException where it has more bytes than any answer of AWS.

        The standard library takes the other side's word for the size of a chunk, and for `-1` it reads without a limit.
        """
        body = bytearray()
        received, framing = 0, self.framing()
        while self.fp is not None and not framing.ended:
            raw = self.fp.read1(_READ_SIZE)
            received += len(raw)
            if received > MAX_ANSWER_BYTES:
                raise http.client.HTTPException("the answer is too long")
            if raw:
                body += framing.feed(raw)
            else:
                framing.close()
        self._close_conn()
        return bytes(body)

    def framing(self) -> Framing:
        """How the bytes after the head are to be read by somebody else than this object."""
        if self.chunked:
            return Chunked()
        return Sized(self.length) if self.length is not None else UntilClosed()

    def handed_over(self) -> bytes:
        """What was read of the body already, together with the head; from here on the socket belongs to the caller."""
        self._exchange.sock.setblocking(False)
        try:
            return bytes(self.fp.peek())
        except (BlockingIOError, ssl.SSLWantReadError):
            return b""

    def taken_back(self) -> None:
        """The caller has read the body to its end: the connection is fit for the next request."""
        self._exchange.sock.settimeout(self._exchange.read_timeout)
        self._exchange.reusable = True
        self._close_conn()


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


class _Connection(HTTPConnection):
    response_class = _Buffered
    idle_since = 0.0

    def getresponse(self) -> Any:
        _waiting.exchange.attach(self)
        return super().getresponse()

    @property
    def is_connected(self) -> bool:
        """Whether it may be used again. The wall clock counts: in a frozen process the others may stand still."""
        return abs(time.time() - self.idle_since) < LONGEST_IDLE and super().is_connected


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = time.time()
        super()._put_conn(conn)


class _TlsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def verifying(ca_bundle: str | None) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(ca_bundle)
    return context


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
        tls: Callable[[], ssl.SSLContext] | None = None,
        proxy: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._sign = sign
        options: dict[str, Any] = {
            "timeout": urllib3.Timeout(connect=connect_timeout, read=read_timeout),
            "maxsize": pool_size,
            "retries": False,
            "socket_options": SOCKET_OPTIONS,
        }
        if self.url.startswith("https:"):
            options["ssl_context"] = tls() if tls else verifying(None)
        manager = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        self._pool = manager.connection_from_url(self.url)
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
