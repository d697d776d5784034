"""Fetches what a client's URL points to, without becoming the client's way into our network.

A name is resolved once, every address it has is checked, and the connection goes to a checked address, never to the
name: a resolver that would answer differently the second time is not asked again. TLS is verified against the name. The
same is done at each redirect. Proxies from the environment are not used: they would resolve the name themselves.

What blocks runs in threads of its own. A transfer gives its thread back by the deadline, because each wait on the
socket gets only the time that is left, however slowly bytes trickle in. A lookup can't be interrupted: it keeps its
thread until the resolver gives up (some seconds), so lookups have their own pool, and the caller leaves on time.
"""

from __future__ import annotations

import asyncio
import binascii
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cached_property
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final, cast

from app.core.ports import Allowance
from app.core.prompt import Blob
from app.errors import InvalidRequest
from app.upstreams.addresses import (
    WEB_PORTS,
    Address,
    Refused,
    Target,
    host_rule,
    is_public,
    parse,
    plain,
    redirected,
)
from app.upstreams.framing import Chunked, Framing, Sized, UntilClosed

Resolve = Callable[[str, int], Sequence[str]]

MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 65_536
_MAX_CODING_BYTES: Final = 1_048_576
"""Bytes of transfer coding that a body may have beside its content: one-byte chunks are six bytes on the wire."""
_MAX_ATTEMPTS: Final = 4
_AGENT: Final = "Mozilla/5.0 (compatible; bedrock-gateway/1.0)"

# One text for unknown names and forbidden addresses: two would tell a prober which internal names exist.
_UNREACHABLE: Final = "The URL's host is unknown, or is not a public address."


class SafeFetcher:
    """The Fetcher port over HTTP(S).

    `policy` is `("public",)`, `("off",)` or host names (`addresses.host_rule` raises ValueError for others); a listed
    host must have public addresses all the same. `max_bytes` caps the body, `timeout` (seconds) the whole of a
    fetch, with lookups, redirects and the wait for a thread. `resolve`, `allowed` and `ports` are for tests, and for
    private deployments that know why.
    """

    def __init__(
        self,
        *,
        policy: Sequence[str] = ("public",),
        max_bytes: int = 20_000_000,
        timeout: float = 10.0,
        resolve: Resolve | None = None,
        allowed: Callable[[Address], bool] = is_public,
        ports: Container[int] = WEB_PORTS,
        threads: int = 32,
    ) -> None:
        self._admit = host_rule(policy)
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._resolve = resolve or resolve_name
        self._allowed = allowed
        self._ports = ports
        # Threads start when first needed.
        self._lookups = ThreadPoolExecutor(threads, thread_name_prefix="fetch-lookup")
        self._transfers = ThreadPoolExecutor(threads, thread_name_prefix="fetch-transfer")

    async def fetch(self, url: str, *, param: str, allowance: Allowance) -> Blob:
        """The bytes behind an http(s) URL; InvalidRequest (`invalid_image_url`) for whatever prevents that."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(url, time.monotonic() + self._timeout, allowance)
        except Refused as refusal:
            text = str(refusal)
        except TimeoutError:
            text = f"The URL could not be downloaded within {self._timeout:g} seconds."
        except ssl.SSLError:
            text = "No secure connection to the URL's server could be made."
        except (OSError, HTTPException):
            text = "The URL could not be downloaded."
        # Raised out here so that the cause, which may name an address, does not travel along.
        raise InvalidRequest(text, param=param, code="invalid_image_url")

    def close(self) -> None:
        """Give up the threads; running transfers end by their deadline."""
        self._lookups.shutdown(wait=False, cancel_futures=True)
        self._transfers.shutdown(wait=False, cancel_futures=True)

    async def _follow(self, url: str, deadline: float, allowance: Allowance) -> Blob:
        loop = asyncio.get_running_loop()
        for _ in range(MAX_REDIRECTS + 1):
            target = parse(url, ports=self._ports)
            self._admit(target.host)
            addresses = await self._addresses(target)
            answer = await loop.run_in_executor(self._transfers, self._transfer, target, addresses, deadline, allowance)
            if isinstance(answer, Blob):
                return answer
            url = redirected(url, answer)
        raise Refused(f"The URL redirects more than {MAX_REDIRECTS} times.")

    async def _addresses(self, target: Target) -> list[Address]:
        """Where to connect to. One forbidden address condemns the name: an honest name has none."""
        if target.address is not None:
            found: list[Address] = [plain(target.address)]
        else:
            loop = asyncio.get_running_loop()
            try:
                texts = await loop.run_in_executor(self._lookups, self._resolve, target.host, target.port)
                found = [plain(ipaddress.ip_address(text)) for text in dict.fromkeys(texts)]
            except (socket.gaierror, ValueError):  # UnicodeError, for names the resolver can't encode, is a ValueError
                found = []
        if not found or not all(map(self._allowed, found)):
            raise Refused(_UNREACHABLE)
        return found[:_MAX_ATTEMPTS]

    def _transfer(
        self, target: Target, addresses: Sequence[Address], deadline: float, allowance: Allowance
    ) -> Blob | str:
        """The body, or the `Location` to go on to. Blocks, in a worker thread, until the deadline at most."""
        with closing(self._connect(target, addresses, deadline)) as sock:
            sock.settimeout(_left(deadline))
            sock.sendall(_request(target))
            # All that HTTPResponse wants of a socket is `makefile`.
            response = HTTPResponse(cast(socket.socket, _Wire(sock, deadline)), method="GET")
            with closing(response):
                response.begin()
                if response.status in _REDIRECTS and (location := response.getheader("Location")):
                    return location.encode("latin-1").decode("utf-8", "replace")
                return self._read(response, allowance)

    def _connect(self, target: Target, addresses: Sequence[Address], deadline: float) -> socket.socket:
        for rest in range(len(addresses), 0, -1):
            share = _left(deadline) / rest  # so that one dead address leaves time for the others
            try:
                sock = socket.create_connection((str(addresses[-rest]), target.port), timeout=share)
            except OSError:
                if rest == 1:
                    raise
                continue
            if target.scheme == "http":
                return sock
            with closing(sock):  # harmless after success: the TLS socket has taken the descriptor over
                sock.settimeout(_left(deadline))  # bounds the handshake as a whole
                return self._tls.wrap_socket(sock, server_hostname=target.host)
        raise AssertionError("no address")  # pragma: no cover

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Made when first needed, in a worker thread (some milliseconds); if two make one at once, either will do.
        return tls_context()

    def _read(self, response: HTTPResponse, allowance: Allowance) -> Blob:
        if response.status != 200:
            raise Refused(f"The URL's server answered with status {response.status}.")
        if response.getheader("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            # Not asked for; a small body could become a huge one.
            raise Refused("The URL's server sent compressed content although it was not asked to.")
        if (response.length or 0) > self._max_bytes:
            raise Refused(f"The file behind the URL is larger than {self._max_bytes} bytes.")
        body = bytearray()
        for data in _content(response, self._max_bytes + _MAX_CODING_BYTES):
            if len(body) + len(data) > self._max_bytes:
                raise Refused(f"The file behind the URL is larger than {self._max_bytes} bytes.")
            if not allowance.take(len(data)):
                raise Refused(f"The remote files of a request may have {allowance.size} bytes in all.")
            body += data
        if not body:
            raise Refused("The file behind the URL is empty.")
        return Blob(binascii.b2a_base64(body, newline=False).decode("ascii"), len(body))


def _content(response: HTTPResponse, limit: int) -> Iterator[bytes]:
    """Yields the content of a body in pieces, each no larger than one read. Raises Refused after `limit` bytes of wire data.

    `HTTPResponse.read` takes the server's word for the size of a chunk, and for `-1` it reads until the connection ends.
    """
    framing: Framing = UntilClosed() if response.length is None else Sized(response.length)
    if response.chunked:
        framing = Chunked()
    received = 0
    while not framing.ended:
        raw = response.fp.read1(_CHUNK)
        if not raw:
            _end(framing)
            return
        received += len(raw)
        if received > limit:
            raise Refused("The URL's server sent too many bytes for the file behind the URL.")
        yield framing.feed(raw)


def _end(framing: Framing) -> None:
    try:
        framing.close()
    except HTTPException:
        raise Refused("The connection broke before the file behind the URL was complete.") from None


class _Wire(io.RawIOBase):
    """A socket for reading, each read of which waits no longer than the deadline. Closing it leaves the socket open."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, _CHUNK)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # a writable buffer; its type has no name before Python 3.12
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _request(target: Target) -> bytes:
    # No cookie, no credentials, nothing of the client's own request.
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        f"User-Agent: {_AGENT}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def resolve_name(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, in the system resolver's order of preference. Blocks; raises socket.gaierror."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


def tls_context() -> ssl.SSLContext:
    """A verifying context with the system's certificates, or botocore's where it has none (some builds for macOS)."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        import botocore

        context.load_verify_locations(Path(botocore.__file__).with_name("cacert.pem"))
    return context
